"""Close approaches between an own ephemeris, with its planned manoeuvres, and other objects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orbit_aux.ccsds.opm import covariance_in_gcrf
from orbit_aux.conjunctions.encounter import Encounter
from orbit_aux.errors import OrbitError
from orbit_aux.frames import local_orbital_axes
from orbit_aux.orbit import Covariance, Orbit
from orbit_aux.time import Times
from orbit_aux.trajectory import Trajectory

Array = NDArray[np.float64]

_HALVINGS = 45
# steps of the survey looked at together, to bound the memory
_BLOCK = 50_000


@dataclass(frozen=True, eq=False)
class Approach:
    """A close approach: its time, own and other state (6,) in GCRF, the relative position (3,), m, in the own RTN axes; `at_edge` where data begin or end."""

    other: str
    tca: Times
    states: Array
    relative_rtn_m: Array
    at_edge: bool = False

    @property
    def miss_m(self) -> float:
        return float(np.linalg.norm(self.relative_rtn_m))

    @property
    def speed_ms(self) -> float:
        return float(np.linalg.norm(self.states[1, 3:] - self.states[0, 3:]))


def close_approaches(
    own: Trajectory, other: Trajectory, start: Times, stop: Times, threshold_m: float, step_s: float = 30.0
) -> list[Approach]:
    """All least distances below `threshold_m` from `start` to `stop`, where both trajectories are known.

    They lie where the rate of the distance turns positive between steps of `step_s` (two of them are half a revolution apart); times to a µs.
    """
    span = float((stop - start)[0])
    if not span > 0 or not threshold_m > 0:
        raise OrbitError(
            f"screening over {span:g} s below {threshold_m:g} m: give an interval and a distance, positive"
        )
    offsets = np.append(np.arange(0.0, span, step_s), span)
    found: list[Approach] = []
    for first in range(0, len(offsets) - 1, _BLOCK):
        found += _of_block(own, other, start, offsets[first : first + _BLOCK + 1], threshold_m)
    return sorted(found, key=lambda item: int(item.tca.tai_ns[0]))


def covariance_at(orbit: Orbit, time: Times) -> Array | None:
    """The covariance (6, 6) in GCRF at one time, linear in RTN axes between those of the orbit; None outside them."""
    if orbit.covariance is None:
        return None
    known = orbit.covariance.times.tai_ns
    instant = int(time.tai_ns[0])
    if not known[0] <= instant <= known[-1]:
        return None
    after = int(np.clip(np.searchsorted(known, instant), 1, len(known) - 1)) if len(known) > 1 else 0
    before = max(after - 1, 0)
    share = (instant - known[before]) / (known[after] - known[before]) if after != before else 0.0
    state = orbit.at(time)
    turn = np.kron(np.eye(2), local_orbital_axes(state.position_m, state.velocity_ms)[0])
    local = (1.0 - share) * _local(orbit, orbit.covariance, before) + share * _local(orbit, orbit.covariance, after)
    matrix: Array = turn.T @ local @ turn
    return matrix


def encounter_of_approach(
    approach: Approach, covariances: tuple[Array | None, Array | None], radius_m: float
) -> Encounter:
    """The encounter of an approach; a covariance that is not known is zero."""
    matrices = np.stack([np.zeros((6, 6)) if item is None else item for item in covariances])
    return Encounter(approach.states, matrices, radius_m, (covariances[0] is not None, covariances[1] is not None))


def _local(orbit: Orbit, covariance: Covariance, row: int) -> Array:
    """One covariance of the orbit in RTN axes at its own epoch."""
    state = orbit.at(covariance.times[row])
    matrix = covariance_in_gcrf(covariance.matrices[row], covariance.frames[row], state)
    turn = np.kron(np.eye(2), local_orbital_axes(state.position_m, state.velocity_ms)[0])
    local: Array = turn @ matrix @ turn.T
    return local


def _of_block(own: Trajectory, other: Trajectory, start: Times, offsets: Array, threshold_m: float) -> list[Approach]:
    times = _times(start, offsets)
    known = own.covers(times) & other.covers(times)
    rate = np.full(len(offsets), np.nan)
    if not known.any():
        return []
    rate[known] = _rates(own, other, times[known])
    turning = (rate[:-1] < 0) & (rate[1:] >= 0)
    low, high = offsets[:-1][turning], offsets[1:][turning]
    # a gap between two steps: nothing is known of what happens in it
    whole = np.ones(len(low), dtype=bool)
    for part in (0.25, 0.5, 0.75):
        inside = _times(start, low + part * (high - low))
        whole &= own.covers(inside) & other.covers(inside) if len(low) else True
    low, high = low[whole], high[whole]
    for _ in range(_HALVINGS if len(low) else 0):
        middle = 0.5 * (low + high)
        falling = _rates(own, other, _times(start, middle)) < 0
        low, high = np.where(falling, middle, low), np.where(falling, high, middle)
    # the ends of what is known, where the distance still falls or already rises; or stays, as of one orbit in two files
    begins = known & ~np.append(False, known[:-1]) & (rate >= 0)
    ends = known & ~np.append(known[1:], False) & (rate <= 0)
    edges = offsets[begins | ends]
    moments = np.concatenate([0.5 * (low + high), edges])
    if not len(moments):
        return []
    return _approaches(own, other, _times(start, moments), len(low), threshold_m)


def _approaches(own: Trajectory, other: Trajectory, times: Times, inner: int, threshold_m: float) -> list[Approach]:
    mine, its = own.at(times), other.at(times)
    axes = local_orbital_axes(mine.position_m, mine.velocity_ms)
    relative = np.einsum("nij,nj->ni", axes, its.position_m - mine.position_m)
    near = np.flatnonzero(np.linalg.norm(relative, axis=1) < threshold_m)
    return [
        Approach(
            other.object_name,
            times[row],
            np.stack([np.concatenate([state.position_m[row], state.velocity_ms[row]]) for state in (mine, its)]),
            relative[row],
            bool(row >= inner),
        )
        for row in near.tolist()
    ]


def _rates(own: Trajectory, other: Trajectory, times: Times) -> Array:
    mine, its = own.at(times), other.at(times)
    rates: Array = np.einsum("ni,ni->n", its.position_m - mine.position_m, its.velocity_ms - mine.velocity_ms)
    return rates


def _times(start: Times, offsets: Array) -> Times:
    return start[np.zeros(len(offsets), dtype=int)] + offsets
