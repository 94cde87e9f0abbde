"""Measurements made ready for the loops: checked, in order, with their stations' places."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orbit_aux.errors import OrbitError
from orbit_aux.stations import Stations
from orbit_aux.time import Times
from orbit_aux.tracking import KINDS, Tracking

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

# beyond the speed of any satellite of the Earth, and of any count that is one
_FASTEST_MS = 20_000.0
_LONGEST_COUNT_S = 600.0
_COLUMNS = ("interval_s", "kind", "transmitter", "receiver", "value")


@dataclass(frozen=True, eq=False)
class Counts:
    """n measurements in order of their ends: see `count_kernels.predict`; `epoch` numbers the groups that end together."""

    tracking: Tracking
    tags: Array
    legs: Array
    interval: Array
    link: Integers
    measured: Array
    sigma: Array
    epoch: Integers
    light_time: bool | None
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.measured)


def ready_counts(tracking: Tracking, stations: Stations, epoch: Times, sigmas: tuple[float, float]) -> Counts:
    """Counts of `tracking`, times in seconds after `epoch`; the link is the transmitter's number times the number of stations, plus the receiver's.

    sigmas: of Doppler (m/s) and range (m), where the tracking gives none. Identical repetitions are dropped and said.
    """
    _check(tracking)
    # an unknown station is said before anything that it may cause
    for names in (tracking.transmitter, tracking.receiver):
        _numbers(stations, names)
    tracking, notes = _in_order(tracking)
    stop = tracking.stop - epoch
    tags = np.stack([stop - tracking.interval_s, stop], axis=1)
    ranges = tracking.kind == "RANGE"
    sigma = np.where(ranges, sigmas[1], sigmas[0]) if tracking.sigma is None else tracking.sigma
    pairs = _numbers(stations, tracking.transmitter), _numbers(stations, tracking.receiver)
    legs = np.stack([_legs(pairs, stations, times) for times in (tracking.start, tracking.stop)], axis=1)
    number = np.concatenate([[0], np.cumsum(np.diff(tracking.stop.tai_ns) > 0)]) if len(stop) else np.zeros(0)
    return Counts(
        tracking,
        tags,
        np.ascontiguousarray(legs),
        np.where(ranges, 0.0, tracking.interval_s),
        pairs[0] * len(stations.names) + pairs[1],
        tracking.value.astype(np.float64),
        sigma.astype(np.float64),
        number.astype(np.int64),
        tracking.light_time,
        (*tracking.notes, *notes),
    )


def part_of_tracking(tracking: Tracking, rows: slice | NDArray[np.int64] | NDArray[np.bool_]) -> Tracking:
    """Some of its measurements."""
    sigma = None if tracking.sigma is None else tracking.sigma[rows]
    columns: dict[str, Any] = {name: getattr(tracking, name)[rows] for name in _COLUMNS}
    return replace(tracking, stop=tracking.stop[rows], sigma=sigma, **columns)


def joined_tracking(parts: list[Tracking]) -> Tracking:
    """The measurements of several, in their order."""
    sigma = None if parts[0].sigma is None else np.concatenate([part.sigma for part in parts if part.sigma is not None])
    columns: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS}
    return replace(parts[0], stop=Times.concatenate(part.stop for part in parts), sigma=sigma, **columns)


def _check(tracking: Tracking) -> None:
    doppler = tracking.kind == "DOPPLER"
    interval, value = tracking.interval_s, tracking.value
    with np.errstate(invalid="ignore"):
        faults: tuple[tuple[NDArray[np.bool_], str, str], ...] = (
            (~np.isin(tracking.kind, KINDS), "is of no known kind", f"use {' or '.join(KINDS)}"),
            (~np.isfinite(value), "is not a number", "remove it"),
            (
                doppler & ~((interval > 0) & (interval <= _LONGEST_COUNT_S)),
                "counts over no sensible interval",
                "give seconds",
            ),
            (doppler & (np.abs(value) > _FASTEST_MS), "is faster than a satellite", "give m/s (mean of the legs)"),
            (~doppler & ~((value > 1e5) & (value < 1e9)), "is no distance of a satellite", "give metres"),
        )
        if tracking.sigma is not None:
            faults = (*faults, (~(tracking.sigma > 0) | ~np.isfinite(tracking.sigma), "has no sigma > 0", "correct it"))
    for wrong, fault, remedy in faults:
        if wrong.any():
            row = int(np.argmax(wrong))
            raise OrbitError(
                f"{tracking.source}: {tracking.kind[row]} {value[row]:.9g} of {tracking.transmitter[row]}-"
                f"{tracking.receiver[row]} over {interval[row]:g} s ending {tracking.stop[row].utc_strings(3)[0]} {fault}; {remedy}"
            )


def _in_order(tracking: Tracking) -> tuple[Tracking, list[str]]:
    """Sorted by end, identical repetitions dropped, contradictions refused; the file's own order inside an epoch is kept."""
    notes = []
    stop = tracking.stop.tai_ns
    if (np.diff(stop) < 0).any():
        notes.append(f"{tracking.source}: measurements were not in the order of their times and were sorted")
    order = np.argsort(stop, kind="stable")
    same = _repeats(tracking)
    if same.any():
        notes.append(f"{tracking.source}: {int(same.sum())} measurements repeat an identical one and were dropped")
    elif not notes:
        return tracking, notes
    return part_of_tracking(tracking, order[~same[order]]), notes


def _repeats(tracking: Tracking) -> NDArray[np.bool_]:
    """Which rows repeat an earlier one; refused where the repetition says another value."""
    names = (tracking.receiver, tracking.transmitter, tracking.kind)
    codes = [np.unique(column, return_inverse=True)[1] for column in names]
    columns = (*codes, tracking.interval_s, tracking.stop.tai_ns)
    order = np.lexsort(columns)
    equal = np.ones(max(len(order) - 1, 0), dtype=bool)
    for column in columns:
        equal &= column[order][1:] == column[order][:-1]
    same = np.zeros(len(order), dtype=bool)
    same[order[1:][equal]] = True
    contradicting = equal & (tracking.value[order][1:] != tracking.value[order][:-1])
    if contradicting.any():
        place = int(np.argmax(contradicting))
        earlier, row = int(order[place]), int(order[place + 1])
        raise OrbitError(
            f"{tracking.source}: {tracking.transmitter[row]}-{tracking.receiver[row]} ending "
            f"{tracking.stop[row].utc_strings(3)[0]} has two values, {tracking.value[earlier]:.9g} and "
            f"{tracking.value[row]:.9g}: keep the right one"
        )
    return same


def _numbers(stations: Stations, names: NDArray[np.str_]) -> Integers:
    unique, back = np.unique(names, return_inverse=True)
    return np.array([stations.number(str(name)) for name in unique], dtype=np.int64)[back]


def _legs(pairs: tuple[Integers, Integers], stations: Stations, times: Times) -> Array:
    """(n, 2, 6): position and velocity in GCRF of transmitter and receiver at `times`."""
    unique, back = np.unique(times.tai_ns, return_inverse=True)
    used = np.unique(np.concatenate(pairs))
    places = _places(stations, tuple(used.tolist()), Times(unique))
    return np.stack([places[np.searchsorted(used, number), back] for number in pairs], axis=1)


# a Monte Carlo meets the same times again, and the end of a count is the beginning of the next
@lru_cache(maxsize=8)
def _places(stations: Stations, used: tuple[int, ...], times: Times) -> Array:
    some = Stations(tuple(stations.names[n] for n in used), stations.position_itrf_m[list(used)], stations.source)
    return np.concatenate(some.gcrf(times), axis=2)
