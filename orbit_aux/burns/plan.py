"""What an orbit becomes if a burn goes as planned: the target that a restitution is held against."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from orbit_aux.burns.burn import Burn
from orbit_aux.constants import EARTH_J2, EARTH_MU_M3S2, EARTH_RADIUS_M
from orbit_aux.errors import OrbitError
from orbit_aux.frames import State, local_orbital_axes, rotation
from orbit_aux.time import Times

_RELATIVE_TOLERANCE = 1e-11


def planned_states(start: State, burn: Burn, times: Times) -> State:
    """GCRF states at `times` (increasing, from the start on) of one `start` through `burn` as planned: central gravity, J2 and the thrust."""
    initial = start.to("GCRF")
    elapsed_s = times - start.times
    if len(start.times) != 1 or len(times) == 0 or elapsed_s[0] < 0 or (np.diff(elapsed_s) <= 0).any():
        raise OrbitError(f"plan from {start.times} to {times}: give one start and later, increasing times")
    # the pole turns by a milliarcsecond an hour: its direction at ignition serves a plan
    pole = rotation(burn.ignition, "GCRF", "ITRF")[0][2]
    ignition_s, cut_off_s = float((burn.ignition - start.times)[0]), float((burn.cut_off - start.times)[0])
    state = np.concatenate([initial.position_m[0], initial.velocity_ms[0]])
    result = np.empty((len(times), 6))
    begin = 0.0
    # each switch is an end of an integration: the acceleration jumps there
    for end in (*(switch for switch in (ignition_s, cut_off_s) if switch > 0), np.inf):
        inside = (elapsed_s >= begin) & (elapsed_s <= end)
        last = float(end) if np.isfinite(end) else float(max(elapsed_s[-1], begin))
        if last > begin:
            burning = begin >= ignition_s and end <= cut_off_s
            answer = solve_ivp(
                lambda t, y, on=burning: _derivative(y, pole, burn, t - ignition_s if on else None),
                (begin, last),
                state,
                method="DOP853",
                rtol=_RELATIVE_TOLERANCE,
                atol=np.array([1e-4] * 3 + [1e-7] * 3),
                dense_output=True,
            )
            if not answer.success or not np.isfinite(answer.y).all():
                raise OrbitError(
                    f"plan from {start.times} cannot be followed ({answer.message}); check the state and the burn"
                )
            if inside.any():
                result[inside] = answer.sol(elapsed_s[inside]).T
            state = answer.y[:, -1]
        elif inside.any():
            result[inside] = state
        begin = last
    return State(times, result[:, :3], result[:, 3:], "GCRF")


def semi_major_axis(state: State) -> NDArray[np.float64]:
    """Osculating semi-major axes, m, of inertial states."""
    inertial = state.to("GCRF")
    radius = np.linalg.norm(inertial.position_m, axis=1)
    speed = np.linalg.norm(inertial.velocity_ms, axis=1)
    result: NDArray[np.float64] = 1.0 / (2.0 / radius - speed**2 / EARTH_MU_M3S2)
    return result


def semi_major_axis_sigma(state: State, covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard deviations of `semi_major_axis`, m, of GCRF states with covariances (n, 6, 6)."""
    axis = semi_major_axis(state)
    radius = np.linalg.norm(state.position_m, axis=1)
    slope = np.concatenate([state.position_m / radius[:, None] ** 3, state.velocity_ms / EARTH_MU_M3S2], axis=1)
    slope = 2.0 * axis[:, None] ** 2 * slope
    result: NDArray[np.float64] = np.sqrt(np.clip(np.einsum("ni,nij,nj->n", slope, covariance, slope), 0.0, None))
    return result


def _derivative(
    state: NDArray[np.float64], pole: NDArray[np.float64], burn: Burn, burning_s: float | None
) -> NDArray[np.float64]:
    position, velocity = state[:3], state[3:]
    radius = np.sqrt(position @ position)
    height = position @ pole / radius
    factor = 1.5 * EARTH_J2 * EARTH_MU_M3S2 * EARTH_RADIUS_M**2 / radius**4
    oblateness = -factor * ((1 - 5 * height**2) * position / radius + 2 * height * pole)
    acceleration = -EARTH_MU_M3S2 * position / radius**3 + oblateness
    if burning_s is not None:
        direction = burn.direction
        if burn.axes == "RSW":
            direction = local_orbital_axes(position[None], velocity[None])[0].T @ direction
        acceleration = acceleration + burn.thrust_n / (burn.mass_kg - burn.flow_kgs * burning_s) * direction
    return np.concatenate([velocity, acceleration])
