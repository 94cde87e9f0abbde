"""Simulated burns with their truth: Cartesian integration of high order, and counts by the signal's own path. Shares no equation with the filter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from orbit_aux.bodies import moon_position, sun_position
from orbit_aux.burns.burn import Burn
from orbit_aux.constants import EARTH_J2, EARTH_MU_M3S2, EARTH_RADIUS_M, SPEED_OF_LIGHT_MS
from orbit_aux.errors import OrbitError
from orbit_aux.frames import State, local_orbital_axes, rotation
from orbit_aux.stations import Stations
from orbit_aux.time import Times
from orbit_aux.tracking import Tracking

Array = NDArray[np.float64]

_BODIES = ((4.902800066e12, moon_position), (1.32712440018e20, sun_position))
_TOLERANCE = 1e-13


@dataclass(frozen=True)
class TrackingPlan:
    """How a simulated burn is tracked: counts of `interval_s` end to end, from `before_s` before ignition to `after_s` after cut-off.

    `transmitter` with every receiver; white noise of `noise_ms`; an antenna `antenna_m` off the thrust axis that turns in `spin_period_s`
    (None: none); light_time False takes distances at one instant; forces "j2" or "j2+luni-solar".
    """

    transmitter: str = "KRU"
    receivers: tuple[str, ...] = ("AUS", "HBK", "KRU")
    before_s: float = 300.0
    after_s: float = 1500.0
    interval_s: float = 2.0
    noise_ms: float = 0.02
    spin_period_s: float | None = None
    antenna_m: float = 0.65
    light_time: bool = True
    forces: str = "j2"


@dataclass(frozen=True, eq=False)
class TrueTrajectory:
    """States at any time of the simulation: pieces of dense output, which meet at ignition and cut-off."""

    epoch: Times
    edges_s: Array
    pieces: tuple[Callable[[Array], Array], ...]

    def states(self, at_s: Array) -> Array:
        """Positions (m) and velocities (m/s), GCRF, and mass (kg): (n, 7), seconds after the epoch."""
        number = np.clip(np.searchsorted(self.edges_s[1:-1], at_s, side="right"), 0, len(self.pieces) - 1)
        result = np.empty((len(at_s), 7))
        for k, piece in enumerate(self.pieces):
            if (number == k).any():
                result[number == k] = piece(at_s[number == k]).T
        return result


def true_trajectory(start: State, burn: Burn, before_s: float, after_s: float, forces: str = "j2") -> TrueTrajectory:
    """The motion through `burn` from `start` (one state not yet burning, before or at ignition), covering the time of a tracking plan."""
    if len(start.times) != 1 or (start.times - burn.ignition)[0] > 0:
        raise OrbitError(
            f"simulation from {start.times!r} of a burn at {burn.ignition!r}: give one start, at ignition or before"
        )
    here = start.to("GCRF")
    to_start = float((start.times - burn.ignition)[0])
    at_start = np.concatenate([here.position_m[0], here.velocity_ms[0], [burn.mass_kg]])
    margin = 30.0
    edges = np.array([-before_s - margin, 0.0, burn.duration_s, burn.duration_s + after_s + margin])
    coast = _motion(burn, False, forces)
    at_ignition = at_start if to_start == 0.0 else _solve(coast, to_start, 0.0, at_start)(np.zeros(1))[:, 0]
    before = _solve(coast, 0.0, edges[0], at_ignition)
    during = _solve(_motion(burn, True, forces), 0.0, edges[2], at_ignition)
    after = _solve(coast, edges[2], edges[3], during(edges[2:3])[:, 0])
    return TrueTrajectory(burn.ignition, edges, (before, during, after))


def simulate_burn(
    start: State, burn: Burn, stations: Stations, plan: TrackingPlan, seed: int
) -> tuple[Tracking, xr.Dataset]:
    """Counts of a burn and the truth every second: position, velocity (GCRF), mass, thrust acceleration (GCRF). The same seed gives the same bits."""
    trajectory = true_trajectory(start, burn, plan.before_s, plan.after_s, plan.forces)
    tracking = _tracking(trajectory, burn, stations, plan, np.random.default_rng(seed))
    return tracking, _truth(trajectory, burn, plan)


def _motion(burn: Burn, lit: bool, forces: str) -> Callable[[float, Array], Array]:
    pole = rotation(burn.ignition, "GCRF", "ITRF")[0, 2]
    bodies = _bodies(burn.ignition) if forces != "j2" else []

    def slope(t: float, state: Array) -> Array:
        position, velocity = state[:3], state[3:6]
        r = np.linalg.norm(position)
        sine = position @ pole / r
        j2 = 1.5 * EARTH_MU_M3S2 * EARTH_J2 * EARTH_RADIUS_M**2 / r**5
        flattening = j2 * ((1.0 - 5.0 * sine**2) * position + 2.0 * (position @ pole) * pole)
        acceleration = -EARTH_MU_M3S2 * position / r**3 - flattening
        for gm, track in bodies:
            body = track[0] + t * (track[1] + t * track[2])
            line = body - position
            acceleration = acceleration + gm * (line / np.linalg.norm(line) ** 3 - body / np.linalg.norm(body) ** 3)
        flow = 0.0
        if lit:
            flow = burn.flow_kgs
            acceleration = acceleration + burn.thrust_n / state[6] * _direction(burn, position, velocity)
        return np.concatenate([velocity, acceleration, [-flow]])

    return slope


def _direction(burn: Burn, position: Array, velocity: Array) -> Array:
    """Unit vector of the thrust in GCRF."""
    unit = np.asarray(burn.direction) / np.linalg.norm(burn.direction)
    if burn.axes == "GCRF":
        return unit
    turned: Array = unit @ local_orbital_axes(position[None], velocity[None], "RSW")[0]
    return turned


def _bodies(epoch: Times) -> list[tuple[float, Array]]:
    """GM and the parabola through three places over two hours, of the Moon and the Sun."""
    rows = []
    for gm, position in _BODIES:
        early, middle, late = position(epoch + np.array([-3600.0, 0.0, 3600.0]))
        rows.append((gm, np.array([middle, (late - early) / 7200.0, (late - 2 * middle + early) / (2 * 3600.0**2)])))
    return rows


def _solve(slope: Callable[[float, Array], Array], begin: float, end: float, state: Array) -> Callable[[Array], Array]:
    from scipy.integrate import solve_ivp

    absolute = np.array([1e-6] * 3 + [1e-9] * 3 + [1e-9])
    # the dense output is of seventh order: its error stays below 1 µm with steps of a minute
    answer = solve_ivp(
        slope, (begin, end), state, "DOP853", rtol=_TOLERANCE, atol=absolute, dense_output=True, max_step=60.0
    )
    if not answer.success or not np.isfinite(answer.y).all():
        raise OrbitError(f"simulated burn stopped at {answer.t[-1]} s ({answer.message}): check the start state")
    dense: Callable[[Array], Array] = answer.sol
    return dense


def _tracking(
    trajectory: TrueTrajectory, burn: Burn, stations: Stations, plan: TrackingPlan, rng: np.random.Generator
) -> Tracking:
    number = int((plan.before_s + burn.duration_s + plan.after_s) / plan.interval_s)
    tags: Array = -plan.before_s + plan.interval_s * np.arange(number + 1, dtype=np.float64)
    phase = rng.uniform(0.0, 2.0 * np.pi)
    columns = []
    for receiver in plan.receivers:
        path = _path(trajectory, burn, stations, plan, receiver, tags, phase)
        columns.append(0.5 * np.diff(path) / plan.interval_s)
    values = np.stack(columns, axis=1).ravel()
    values = values + plan.noise_ms * rng.standard_normal(len(values))
    links = len(plan.receivers)
    return Tracking(
        burn.ignition + np.repeat(tags[1:], links),
        np.full(len(values), plan.interval_s),
        np.full(len(values), "DOPPLER"),
        np.full(len(values), plan.transmitter),
        np.tile(np.array(plan.receivers), number),
        values,
        "simulated burn",
        light_time=plan.light_time,
    )


def _path(
    trajectory: TrueTrajectory,
    burn: Burn,
    stations: Stations,
    plan: TrackingPlan,
    receiver: str,
    tags: Array,
    phase: float,
) -> Array:
    """Up leg and down leg (m) of signals received at `tags`."""
    down_place = _station(stations, receiver, burn.ignition, tags)

    def antenna(at: Array) -> Array:
        states = trajectory.states(at)
        return states[:, :3] + _antenna_offset(states, at, burn, plan, phase)

    if not plan.light_time:
        satellite = antenna(tags)
        up_place = _station(stations, plan.transmitter, burn.ignition, tags)
        return _distance(satellite, down_place) + _distance(satellite, up_place)
    bounce = _root(lambda at: tags - at - _distance(antenna(at), down_place) / SPEED_OF_LIGHT_MS, tags)
    satellite = antenna(bounce)

    def late(at: Array) -> Array:
        place = _station(stations, plan.transmitter, burn.ignition, at)
        return bounce - at - _distance(satellite, place) / SPEED_OF_LIGHT_MS

    sent = _root(late, bounce)
    # the paths from the places, not from the times: those hold 1e-13 s only, 0.03 mm
    up_place = _station(stations, plan.transmitter, burn.ignition, sent)
    return _distance(satellite, down_place) + _distance(satellite, up_place)


def _root(lateness: Callable[[Array], Array], begin: Array) -> Array:
    """Times at which `lateness` (slope -1 but for speeds over that of light) vanishes, by the secant method."""
    first, second = begin - 0.05, begin - 0.15
    f_first, f_second = lateness(first), lateness(second)
    for _ in range(8):
        change = f_second - f_first
        move = np.where(np.abs(change) > 0, f_second * (second - first) / np.where(change == 0, 1.0, change), 0.0)
        first, f_first = second, f_second
        second = second - move
        if np.abs(move).max() < 1e-13:
            break
        f_second = lateness(second)
    return second


def _station(stations: Stations, name: str, epoch: Times, at: Array) -> Array:
    """Place in GCRF, m, at seconds after `epoch`; between whole nanoseconds along the velocity."""
    number = stations.number(name)
    one = Stations((name,), stations.position_itrf_m[number : number + 1], stations.source)
    times = epoch + at
    position, velocity = one.gcrf(times)
    rest = at - (times - epoch)
    place: Array = position[0] + rest[:, None] * velocity[0]
    return place


def _antenna_offset(states: Array, at: Array, burn: Burn, plan: TrackingPlan, phase: float) -> Array:
    if plan.spin_period_s is None:
        return np.zeros((len(at), 3))
    axis = np.stack([_direction(burn, state[:3], state[3:6]) for state in states]) if burn.axes == "RSW" else None
    if axis is None:
        axis = np.broadcast_to(_direction(burn, states[0, :3], states[0, 3:6]), (len(at), 3))
    side = np.cross(axis, np.array([0.0, 0.0, 1.0]))
    side = side / np.linalg.norm(side, axis=1, keepdims=True)
    other = np.cross(axis, side)
    angle = (2.0 * np.pi / plan.spin_period_s * at + phase)[:, None]
    offset: Array = plan.antenna_m * (np.cos(angle) * side + np.sin(angle) * other)
    return offset


def _distance(first: Array, second: Array) -> Array:
    distance: Array = np.linalg.norm(first - second, axis=1)
    return distance


def _truth(trajectory: TrueTrajectory, burn: Burn, plan: TrackingPlan) -> xr.Dataset:
    last = int(burn.duration_s + plan.after_s)
    at = np.union1d(np.arange(-int(plan.before_s), last + 1.0), [burn.duration_s, burn.duration_s + 600.0])
    at = at[at <= burn.duration_s + plan.after_s]
    states = trajectory.states(at)
    lit = (at >= 0) & (at < burn.duration_s)
    direction = np.stack([_direction(burn, state[:3], state[3:6]) for state in states])
    thrust = np.where(lit, burn.thrust_n / states[:, 6], 0.0)[:, None] * direction
    variables: dict[str, Any] = {
        "position": (("time", "axis"), states[:, :3], {"units": "m"}),
        "velocity": (("time", "axis"), states[:, 3:6], {"units": "m/s"}),
        "mass": ("time", states[:, 6], {"units": "kg"}),
        "thrust_acceleration": (("time", "axis"), thrust, {"units": "m/s2"}),
        "since_ignition": ("time", at, {"units": "s"}),
    }
    time = ("time", (burn.ignition + at).utc_datetime64(), {"scale": "UTC"})
    return xr.Dataset(variables, {"time": time}, {"frame": "GCRF"})
