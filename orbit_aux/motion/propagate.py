"""Numerical propagation: all forces of low orbit, central gravity and oblateness alone, and simulated Sun-synchronous orbits."""

from __future__ import annotations

from collections.abc import Callable

import erfa
import numpy as np
from numpy.typing import NDArray

from orbit_aux.constants import EARTH_J2, EARTH_MU_M3S2, EARTH_RADIUS_M, TROPICAL_YEAR_D
from orbit_aux.earth_orientation import packaged_earth_orientation
from orbit_aux.errors import OrbitError
from orbit_aux.frames import State, rotation
from orbit_aux.motion.forces import Forces
from orbit_aux.orbit import Orbit
from orbit_aux.time import Times

# the pole of date moves 0.3 arcsec a day (polar motion, seen from the stars): linear over 10 minutes is 1e-9 rad good
_POLE_STEP_S = 600.0
# its daily circle (polar motion) is followed to 0.2 % by chords of half an hour
_COARSE_POLE_STEP_S = 1800.0
# relative tolerance near rounding; absolute ones of 1 µm and 1 nm/s
_RELATIVE_TOLERANCE = 1e-13
_ABSOLUTE_TOLERANCE = np.array([1e-6] * 3 + [1e-9] * 3)


def propagate(start: State, times: Times, forces: Forces | None = None, *, step_s: float = 30.0) -> State:
    """GCRF states at `times` (not before the start) of a satellite under all `forces`, with their manoeuvres.

    Fixed steps of Dormand and Prince's order 8 that stop exactly at manoeuvres; quintic Hermite interpolation between steps.
    Error of integration in low orbit with steps of 30 s: below 0.1 m a day, almost all of it at the edges of the shadow.
    """
    # compiled loops are heavy to import, and only propagation needs them
    from orbit_aux.motion.dynamics import follow, make_course, parameters_of

    elapsed_s = times - start.times if len(start.times) == 1 else np.array([-1.0])
    if len(times) == 0 or elapsed_s.min() < 0:
        raise OrbitError(f"propagation from {start.times} to {times}: give one start and no earlier times")
    models = forces or Forces()
    initial = start.to("GCRF")
    duration_s = float(elapsed_s.max())
    parameters = parameters_of(models, start.times, duration_s)
    course = make_course(start.times, duration_s, models, parameters, step_s=step_s)
    first = np.concatenate([initial.position_m[0], initial.velocity_ms[0]])
    if not np.isfinite(first).all():
        raise OrbitError(f"start state {first} is not finite: correct it")
    states = follow(course, first, models, parameters).at(elapsed_s)
    return State(times, states[:, :3], states[:, 3:], "GCRF")


def propagate_j2_steps(start: State, step_s: float, count: int, *, every: int = 1, pole: str = "ITRF") -> State:
    """GCRF states every `every` of `count` steps of `step_s` (s) after `start`, by Runge-Kutta of order 4 in machine code: millions of steps a second.

    For surveys over months. Its error grows with the square of time: at 720 km after a day 53 m along track with steps of 30 s, 0.4 m with 10 s
    (`propagate_j2` is the accurate one). The axis of oblateness is the ITRF pole of date, or the GCRF z axis.
    """
    from orbit_aux.motion.j2_kernel import j2_steps

    if len(start.times) != 1 or not (0 < step_s <= 300) or not 0 < every <= count or count > 10**9:
        raise OrbitError(f"{count} steps of {step_s} s, every {every}: give one start, 1 to 1e9 steps of at most 300 s")
    initial = start.to("GCRF")
    rows = count // every
    nodes_s = np.arange(int(rows * every * step_s / _COARSE_POLE_STEP_S) + 2) * _COARSE_POLE_STEP_S
    axes = (
        np.ascontiguousarray(rotation(start.times + nodes_s, "GCRF", "ITRF")[:, 2])
        if pole == "ITRF"
        else np.tile(_fixed_axis(pole)(0.0), (len(nodes_s), 1))
    )
    states = np.empty((rows, 6))
    first = np.concatenate([initial.position_m[0], initial.velocity_ms[0]])
    oblateness = 1.5 * EARTH_J2 * EARTH_RADIUS_M**2
    j2_steps(first, axes, _COARSE_POLE_STEP_S, EARTH_MU_M3S2, oblateness, step_s, every, states)
    if not np.isfinite(states).all():
        raise OrbitError(f"propagation from {first} left the numbers: check the start state")
    times = start.times + step_s * every * np.arange(1, rows + 1)
    return State(times, states[:, :3], states[:, 3:], "GCRF")


def propagate_j2(
    start: State,
    times: Times,
    *,
    pole: str = "ITRF",
    mu_m3s2: float = EARTH_MU_M3S2,
    radius_m: float = EARTH_RADIUS_M,
    j2: float = EARTH_J2,
) -> State:
    """GCRF states at `times` (increasing, from the start on) of a satellite under central gravity and J2.

    `start` is one state; `pole` "ITRF" takes the axis of oblateness of date, "GCRF" the fixed z axis (1.4 km away after
    a day in low orbit, in 2016). Constants are those of EGM96. Integrator: Dormand-Prince 8(5,3), error below 1 mm a day.
    """
    elapsed_s = times - start.times
    if len(start.times) != 1 or len(times) == 0 or elapsed_s[0] < 0 or (np.diff(elapsed_s) <= 0).any():
        raise OrbitError(f"propagation from {start.times} to {times}: give one start and later, increasing times")
    initial = start.to("GCRF")
    axis = _axis_of_date(start.times, float(elapsed_s[-1])) if pole == "ITRF" else _fixed_axis(pole)

    def derivative(elapsed: float, state: NDArray[np.float64]) -> NDArray[np.float64]:
        position = state[:3]
        return np.concatenate([state[3:], _acceleration(position, axis(elapsed), mu_m3s2, 1.5 * j2 * radius_m**2)])

    states = _integrate(derivative, np.concatenate([initial.position_m[0], initial.velocity_ms[0]]), elapsed_s)
    return State(times, states[:, :3], states[:, 3:], "GCRF")


def sun_synchronous_orbit(
    object_name: str,
    object_id: str,
    start: Times,
    duration_s: float,
    altitude_m: float,
    descending_node_local_time_h: float,
    step_s: float = 60.0,
) -> Orbit:
    """A simulated near-circular Sun-synchronous orbit from `start`, at its descending node then, for `duration_s`.

    Mean semi-major axis: equatorial radius (EGM96) plus `altitude_m`; local time is mean solar. Propagated by
    `propagate_j2`, so the same request gives the same bits. GCRF records every `step_s`, the last at or after the end.
    """
    if not (2e5 <= altitude_m <= 2e6 and duration_s > 0 and 0 < step_s <= 300):
        raise OrbitError(
            f"Sun-synchronous orbit of altitude {altitude_m} m, duration {duration_s} s, step {step_s} s: give an altitude "
            "of 2e5 to 2e6 m, a positive duration and a step of at most 300 s"
        )
    # 4 records at least, as interpolation of degree 7 wants
    count = max(int(np.ceil(duration_s / step_s)) + 1, 4)
    times = start[0] + np.arange(count) * step_s
    states = propagate_j2(_descending_node_state(start[0], altitude_m, descending_node_local_time_h), times)
    source = (
        f"simulated Sun-synchronous orbit, {altitude_m / 1e3:g} km, descending node {descending_node_local_time_h:g} h"
    )
    return Orbit(object_name, object_id, "GCRF", times, states.position_m, states.velocity_ms, source)


def _acceleration(
    position: NDArray[np.float64], axis: NDArray[np.float64], mu: float, oblateness: float
) -> NDArray[np.float64]:
    """Central attraction and J2 about `axis`; `oblateness` is 3/2 J2 Re^2."""
    squared = float(position @ position)
    height = float(position @ axis)
    attraction = -mu / (squared * np.sqrt(squared))
    share = oblateness / squared
    result: NDArray[np.float64] = attraction * (
        position * (1.0 + share * (1.0 - 5.0 * height * height / squared)) + axis * (2.0 * share * height)
    )
    return result


def _integrate(
    derivative: Callable[[float, NDArray[np.float64]], NDArray[np.float64]],
    initial: NDArray[np.float64],
    elapsed_s: NDArray[np.float64],
) -> NDArray[np.float64]:
    # heavy to import, and only propagation needs it
    from scipy.integrate import solve_ivp

    stop_s = max(float(elapsed_s[-1]), 1e-9)
    solution = solve_ivp(
        derivative,
        (0.0, stop_s),
        initial,
        "DOP853",
        t_eval=elapsed_s,
        rtol=_RELATIVE_TOLERANCE,
        atol=_ABSOLUTE_TOLERANCE,
    )
    if not solution.success or not np.isfinite(solution.y).all():
        raise OrbitError(f"propagation stopped at {solution.t[-1]} s ({solution.message}): check the start state")
    states: NDArray[np.float64] = solution.y.T
    return states


def _axis_of_date(start: Times, duration_s: float) -> Callable[[float], NDArray[np.float64]]:
    """The ITRF z axis in GCRF as a function of seconds after `start`."""
    nodes_s = np.arange(int(duration_s / _POLE_STEP_S) + 2) * _POLE_STEP_S
    axes = rotation(start + nodes_s, "GCRF", "ITRF")[:, 2]

    def axis(elapsed_s: float) -> NDArray[np.float64]:
        node = min(int(elapsed_s / _POLE_STEP_S), len(axes) - 2)
        fraction = elapsed_s / _POLE_STEP_S - node
        between: NDArray[np.float64] = axes[node] + fraction * (axes[node + 1] - axes[node])
        return between

    return axis


def _fixed_axis(pole: str) -> Callable[[float], NDArray[np.float64]]:
    if pole != "GCRF":
        raise OrbitError(f"pole {pole!r} is unknown: use ITRF (of date) or GCRF (fixed z axis)")
    axis = np.array([0.0, 0.0, 1.0])
    return lambda _: axis


def _descending_node_state(start: Times, altitude_m: float, local_time_h: float) -> State:
    """Circular mean motion (Brouwer, first order in J2) through the descending node, in GCRF."""
    mean_axis_m = EARTH_RADIUS_M + altitude_m
    mean_motion = np.sqrt(EARTH_MU_M3S2 / mean_axis_m**3)
    oblateness = EARTH_J2 * (EARTH_RADIUS_M / mean_axis_m) ** 2
    # the node turns with the mean Sun
    cosine = -2.0 * np.pi / (TROPICAL_YEAR_D * 86400.0) / (1.5 * oblateness * mean_motion)
    squares = cosine**2, 1.0 - cosine**2
    # short-period terms at argument of latitude 180 deg, as in the published SGP4 formulas
    radius_m = mean_axis_m * (1.0 - oblateness * (0.75 * (3.0 * squares[0] - 1.0) - 0.25 * squares[1]))
    speed_ms = mean_axis_m * mean_motion * (1.0 + 0.5 * oblateness * (squares[1] - 1.5 * (1.0 - 3.0 * squares[0])))
    inclination = np.arccos(cosine) + 0.75 * oblateness * cosine * np.sqrt(squares[1])
    ut1, tt = start.ut1(packaged_earth_orientation().at(start).ut1_minus_tai_s), start.tt()
    hour_angle = 2.0 * np.pi * (local_time_h / 24.0 - (ut1[0] - 0.5 + ut1[1]) % 1.0)
    node = float((erfa.gst06a(*ut1, *tt) + hour_angle)[0])
    outward = np.array([np.cos(node), np.sin(node), 0.0])
    southward = np.array(
        [-np.sin(node) * np.cos(inclination), np.cos(node) * np.cos(inclination), -np.sin(inclination)]
    )
    # the node counts from the true equinox of date, the inclination from the true equator
    to_gcrf = erfa.pnm06a(*tt)[0].T
    return State(start, radius_m * (to_gcrf @ outward)[None], speed_ms * (to_gcrf @ southward)[None], "GCRF")
