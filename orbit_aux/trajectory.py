"""What moves: anything that gives states at times, and where in an interval it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from orbit_aux.constants import EARTH_MU_M3S2
from orbit_aux.errors import OrbitError
from orbit_aux.frames import State
from orbit_aux.orbit import Orbit
from orbit_aux.time import Times
from orbit_aux.tle import Elements

# how finely the coverage of a trajectory without segments is looked at
_COVERAGE_STEP_S = 60.0
# samples of a revolution (at the speed of its perigee), and the bounds of their spacing
_SAMPLES = 100
_STEP_S = (5.0, 300.0)


class Trajectory(Protocol):
    """A named object with GCRF states at the times that it covers; an `Orbit` is one. Hashable: its samples are remembered."""

    @property
    def object_name(self) -> str: ...

    def at(self, times: Times) -> State: ...

    def covers(self, times: Times) -> NDArray[np.bool_]: ...

    def __hash__(self) -> int: ...


@dataclass(frozen=True, eq=False)
class ElementsTrajectory:
    """Two-line elements as a trajectory: SGP4 answers at all times, worse with their distance from the epoch."""

    elements: Elements

    @property
    def object_name(self) -> str:
        return self.elements.name

    def at(self, times: Times) -> State:
        return self.elements.at(times)

    def covers(self, times: Times) -> NDArray[np.bool_]:
        return np.ones(len(times), dtype=bool)


def trajectory_of(source: Orbit | Elements) -> Trajectory:
    """The trajectory of an ephemeris (itself) or of two-line elements."""
    return source if isinstance(source, Orbit) else ElementsTrajectory(source)


def covered_intervals(trajectory: Trajectory, start: Times, stop: Times) -> list[tuple[Times, Times]]:
    """The parts of [start, stop], in order, in which states exist: cut at the gaps of an ephemeris, joined where segments touch.

    Refused unless start precedes stop and both lie between the first and the last time covered. A trajectory without segments is looked at every 60 s.
    """
    if len(start) != 1 or len(stop) != 1 or not float((stop - start)[0]) > 0:
        raise OrbitError(f"interval from {start} to {stop}: give one start and one later stop")
    if not isinstance(trajectory, Orbit):
        return _sampled_intervals(trajectory, start, stop)
    first_ns, last_ns = int(start.tai_ns[0]), int(stop.tai_ns[0])
    edges = trajectory.segments[0].useable_start_ns, trajectory.segments[-1].useable_stop_ns
    if first_ns < edges[0] or last_ns > edges[1]:
        covered = " to ".join(Times(np.array(edges)).utc_strings(0))
        raise OrbitError(
            f"orbit of {trajectory.object_name} covers {covered}, not all of {start.utc_strings(0)[0]} to {stop.utc_strings(0)[0]}: "
            "ask for times inside it or give a longer orbit"
        )
    parts: list[list[int]] = []
    for segment in trajectory.segments:
        low, high = max(first_ns, segment.useable_start_ns), min(last_ns, segment.useable_stop_ns)
        if parts and low == parts[-1][1] and low <= high:
            parts[-1][1] = high
        elif low < high:
            parts.append([low, high])
    if not parts:
        raise OrbitError(f"orbit of {trajectory.object_name} has a gap from {start} to {stop}: ask for other times")
    return [(Times(np.array([low])), Times(np.array([high]))) for low, high in parts]


def sampling_step_s(trajectory: Trajectory, times: Times) -> float:
    """A spacing (s) at which the motion about the Earth is smooth: 1/100 of a revolution at the angular speed of the perigee, 5 s to 300 s.

    The least of those at `times`: manoeuvres may have lowered the orbit.
    """
    state = trajectory.at(times).to("GCRF")
    position, velocity = state.position_m, state.velocity_ms
    radius_m = np.linalg.norm(position, axis=1)
    spin = np.cross(position, velocity)
    momentum = np.linalg.norm(spin, axis=1)
    eccentricity = np.linalg.norm(np.cross(velocity, spin) / EARTH_MU_M3S2 - position / radius_m[:, None], axis=1)
    perigee_m = momentum**2 / EARTH_MU_M3S2 / (1.0 + eccentricity)
    period_s = 2.0 * np.pi * perigee_m**2 / np.maximum(momentum, 1.0)
    return float(np.clip(period_s.min() / _SAMPLES, *_STEP_S))


def _sampled_intervals(trajectory: Trajectory, start: Times, stop: Times) -> list[tuple[Times, Times]]:
    length_s = float((stop - start)[0])
    times = start + np.minimum(np.arange(int(np.ceil(length_s / _COVERAGE_STEP_S)) + 1) * _COVERAGE_STEP_S, length_s)
    covered = np.concatenate([[False], trajectory.covers(times), [False]])
    begins, ends = np.flatnonzero(covered[1:] & ~covered[:-1]), np.flatnonzero(covered[:-1] & ~covered[1:]) - 1
    parts = [(times[int(low)], times[int(high)]) for low, high in zip(begins, ends, strict=True) if high > low]
    if not parts or not covered[1] or not covered[-2]:
        raise OrbitError(
            f"{trajectory.object_name} has no states over all of {start.utc_strings(0)[0]} to {stop.utc_strings(0)[0]}: ask for times that it covers"
        )
    return parts
