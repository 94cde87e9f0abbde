"""Slots for looking at the Moon near a wanted phase: when it is well above the Earth's limb, not eclipsed, away from the Sun."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from orbit_aux.constants import WGS84_EQUATORIAL_RADIUS_M
from orbit_aux.errors import OrbitError
from orbit_aux.events.eclipses import eclipses
from orbit_aux.events.roots import Array, Spans, spans
from orbit_aux.events.samples import CROSSING, EDGE_MEANING, GAP, INTERVAL_END, event_dataset
from orbit_aux.events.sun import apparent_sun
from orbit_aux.events.trajectory import Trajectory, covered_intervals
from orbit_aux.frames import State
from orbit_aux.moon_view import lunar_eclipse, moon_geometry
from orbit_aux.time import Times

#: what becomes of the satellite's own eclipse: it does not matter; the best time is taken in it where there is one; slots are cut by it
SHADOW = ("any", "prefer", "exclude")

# the Moon moves half a degree an hour against the Sun
_COARSE_STEP_S = 3600.0
_STEP_S = 30.0
_BEST_STEP_S = 5.0
# nearest distance of the Moon, rounded down: the parallax of the satellite is never larger than by it
_NEAREST_MOON_M = 3.55e8
_PLACES = 50


@dataclass(frozen=True)
class MoonLimits:
    """Deviation from the wanted phase (deg); least angles (deg) of the Moon's lower limb over the Earth's and of its centre from the Sun; one of SHADOW."""

    tolerance_deg: float = 1.0
    limb_deg: float = 5.0
    sun_deg: float = 30.0
    shadow: str = "any"

    def __post_init__(self) -> None:
        if not 0.0 < self.tolerance_deg <= 30.0:
            raise OrbitError(f"tolerance {self.tolerance_deg} deg of the Moon's phase: give more than 0, 30 at most")
        for name, value, low in (("limb", self.limb_deg, -90.0), ("Sun", self.sun_deg, 0.0)):
            if not low <= value <= 90.0:
                raise OrbitError(f"least angle {value} deg of the Moon from the {name}: give {low:g} to 90")
        if self.shadow not in SHADOW:
            raise OrbitError(f"satellite in shadow {self.shadow!r}: use one of {', '.join(SHADOW)}")


def moon_slots(
    trajectory: Trajectory,
    start: Times,
    stop: Times,
    phases_deg: Sequence[float],
    limits: MoonLimits = MoonLimits(),
) -> xr.Dataset:
    """Intervals of [start, stop] in which the Moon is within the tolerance of one of `phases_deg` and the other limits hold, over dim "event".

    Phases are signed, negative before full Moon, of the satellite itself (geometric: no light time, as irradiance models want it). start, stop, time:
    UTC; `time` is the best: nearest the wanted phase, to 5 s (inside the umbra where that is preferred and the slot has some). Phase, selenographic
    sub-points, distance, radius, lit fraction of the disk and angles are those of `time`; phase_start and phase_stop those of the ends. start_edge and
    stop_edge are as for eclipses.
    """
    wanted = _checked(phases_deg)
    begin, end = start.min(), stop.max()
    parts = [
        _slots(trajectory, low, high, phase, limits)
        for first, last in covered_intervals(trajectory, begin, end)
        for phase in wanted
        for low, high in _days(trajectory, first, last, phase, limits)
    ]
    found = _Slots.joined(parts)
    order = np.lexsort((found.wanted, found.starts.tai_ns))
    return _described(trajectory, (begin, end), found.rows(order), limits)


class _Slots(NamedTuple):
    wanted: Array
    starts: Times
    stops: Times
    open_start: NDArray[np.bool_]
    open_stop: NDArray[np.bool_]
    best: Times
    dark: NDArray[np.bool_]
    """Whether the satellite is in the umbra at the best time."""
    dark_share: Array

    def rows(self, order: NDArray[np.intp]) -> _Slots:
        wanted, starts, stops, open_start, open_stop, best, dark, dark_share = self
        return _Slots(
            wanted[order],
            starts[order],
            stops[order],
            open_start[order],
            open_stop[order],
            best[order],
            dark[order],
            dark_share[order],
        )

    @classmethod
    def joined(cls, parts: list[_Slots]) -> _Slots:
        none = np.empty(0, dtype=bool)
        return cls(
            np.concatenate([np.empty(0), *(part.wanted for part in parts)]),
            Times.concatenate(part.starts for part in parts),
            Times.concatenate(part.stops for part in parts),
            np.concatenate([none, *(part.open_start for part in parts)]),
            np.concatenate([none, *(part.open_stop for part in parts)]),
            Times.concatenate(part.best for part in parts),
            np.concatenate([none, *(part.dark for part in parts)]),
            np.concatenate([np.empty(0), *(part.dark_share for part in parts)]),
        )


class _View(NamedTuple):
    """Phase of the Moon, angles of its lower limb over the Earth's and of its centre from the Sun, all in deg, with what `moon_geometry` says."""

    phase: Array
    limb: Array
    sun: Array
    seen: xr.Dataset


def _checked(phases_deg: Sequence[float]) -> list[float]:
    phases = sorted({float(phase) for phase in phases_deg})
    wrong = [phase for phase in phases if not abs(phase) <= 180.0]
    if wrong or not phases:
        said = f"phase {wrong[0]:g} deg of the Moon" if wrong else "no phase of the Moon"
        raise OrbitError(f"{said}: give phases from -180 to 180, negative before full Moon")
    return phases


def _days(
    trajectory: Trajectory, begin: Times, end: Times, phase: float, limits: MoonLimits
) -> list[tuple[Times, Times]]:
    """Intervals outside which the phase is not the wanted one, by the geocentric phase and the largest parallax of the satellite."""
    few = begin + np.linspace(0.0, float((end - begin)[0]), _PLACES)
    # the farthest of so many places is nearly the apogee
    farthest_m = 1.1 * float(np.linalg.norm(trajectory.at(few).to("GCRF").position_m, axis=1).max())
    wide = limits.tolerance_deg + np.degrees(np.arcsin(min(farthest_m / _NEAREST_MOON_M, 1.0)))

    def margin(times: Times) -> Array:
        # near full Moon satellite and geocentre may see different signs: both signs stay in
        geocentric = moon_geometry(times, np.zeros((len(times), 3)))["phase"].values
        return np.asarray(wide - np.abs(np.abs(geocentric) - abs(phase)))

    found = spans(margin, begin, end, _COARSE_STEP_S)
    longer = np.flatnonzero(found.stops - found.starts > 0)
    return [(found.starts[row], found.stops[row]) for row in longer]


def _slots(trajectory: Trajectory, begin: Times, end: Times, phase: float, limits: MoonLimits) -> _Slots:
    shadows = eclipses(trajectory, begin, end)
    penumbra, umbra = (_inside(shadows[f"{name}start"], shadows[f"{name}stop"]) for name in ("", "umbra_"))

    def margin(times: Times) -> Array:
        view = _view(trajectory.at(times).to("GCRF"))
        margins = [
            limits.tolerance_deg - np.abs(view.phase - phase),
            view.limb - limits.limb_deg,
            view.sun - limits.sun_deg,
            lunar_eclipse(times).values,
        ]
        if limits.shadow == "exclude":
            margins.append(np.where(penumbra(times), -1.0, 1.0))
        return np.asarray(np.min(margins, axis=0))

    found = spans(margin, begin, end, _STEP_S)
    best, dark, share = _best(trajectory, found, phase, umbra, limits)
    wanted = np.full(len(found.starts), phase)
    return _Slots(wanted, found.starts, found.stops, found.open_start, found.open_stop, best, dark, share)


def _inside(starts: xr.DataArray, stops: xr.DataArray) -> Callable[[Times], NDArray[np.bool_]]:
    """A function that says which times lie in one of the intervals (in order; NaT: none)."""
    known = ~np.isnat(starts.values)
    edges = [Times.from_utc(values.values[known]).tai_ns for values in (starts, stops)]

    def inside(times: Times) -> NDArray[np.bool_]:
        # as many have begun as have ended: outside
        begun = np.searchsorted(edges[0], times.tai_ns, side="right")
        return np.asarray(begun > np.searchsorted(edges[1], times.tai_ns, side="right"))

    return inside


def _best(
    trajectory: Trajectory, found: Spans, phase: float, umbra: Callable[[Times], NDArray[np.bool_]], limits: MoonLimits
) -> tuple[Times, NDArray[np.bool_], Array]:
    """The best time of each slot, whether it is in the umbra, and the share of the slot that is."""
    lengths = found.stops - found.starts
    counts = np.ceil(lengths / _BEST_STEP_S).astype(np.int64) + 1
    slot = np.repeat(np.arange(len(counts)), counts)
    first = np.cumsum(counts) - counts
    share = (np.arange(len(slot)) - first[slot]) / np.maximum(counts[slot] - 1, 1)
    times = found.starts[slot] + share * lengths[slot]
    dark = umbra(times)
    away = np.abs(_view(trajectory.at(times).to("GCRF")).phase - phase)
    if limits.shadow == "prefer":
        # more than any phase is away from another
        away = away + np.where(dark, 0.0, 1e3)
    chosen = np.lexsort((away, slot))[first]
    return times[chosen], dark[chosen], np.bincount(slot, weights=dark, minlength=len(counts)) / counts


def _view(state: State) -> _View:
    """Of GCRF states."""
    position = state.position_m
    seen = moon_geometry(state.times, position)
    moon, radius_m = seen["moon_direction"].values, np.linalg.norm(position, axis=1)
    dip = np.arcsin(np.minimum(WGS84_EQUATORIAL_RADIUS_M / radius_m, 1.0))
    limb = np.degrees(_angle(moon, -position) - dip - seen["apparent_radius"].values)
    sun = np.degrees(_angle(moon, apparent_sun(state.times) - position))
    return _View(seen["phase"].values, limb, sun, seen)


def _described(trajectory: Trajectory, interval: tuple[Times, Times], found: _Slots, limits: MoonLimits) -> xr.Dataset:
    at_best, at_start, at_stop = (
        _view(trajectory.at(times).to("GCRF")) for times in (found.best, found.starts, found.stops)
    )
    seen = at_best.seen
    x, y, z = seen["moon_direction"].values.T
    edges = [
        np.where(is_open, np.where(times.tai_ns == end.tai_ns[0], INTERVAL_END, GAP), CROSSING)
        for is_open, times, end in zip(found[3:5], found[1:3], interval, strict=True)
    ]
    selenographic = ("observer_latitude", "observer_longitude", "sun_latitude", "sun_longitude")
    variables = {
        "wanted_phase": (found.wanted, "deg"),
        "start": (found.starts, "UTC"),
        "stop": (found.stops, "UTC"),
        "duration": (found.stops - found.starts, "s"),
        "time": (found.best, "UTC"),
        "phase": (at_best.phase, "deg"),
        "phase_start": (at_start.phase, "deg"),
        "phase_stop": (at_stop.phase, "deg"),
        **{name: (seen[name].values, "deg") for name in selenographic},
        "moon_distance": (seen["moon_distance"].values, "km"),
        "apparent_radius": (np.degrees(seen["apparent_radius"].values), "deg"),
        "lit_fraction": (0.5 * (1.0 + np.cos(np.radians(at_best.phase))), "1"),
        "right_ascension": (np.degrees(np.arctan2(y, x)) % 360.0, "deg"),
        "declination": (np.degrees(np.arcsin(z)), "deg"),
        "limb_angle": (at_best.limb, "deg"),
        "sun_angle": (at_best.sun, "deg"),
        "in_umbra": (found.dark.astype(np.int64), "1"),
        "umbra_share": (found.dark_share, "1"),
        "start_edge": (edges[0], "1"),
        "stop_edge": (edges[1], "1"),
    }
    attributes = {
        "object": trajectory.object_name,
        "tolerance_deg": limits.tolerance_deg,
        "limb_deg": limits.limb_deg,
        "sun_deg": limits.sun_deg,
        "shadow": limits.shadow,
        "convention": "geometric: no light time, no aberration; phase negative before full Moon (waxing)",
        "edges": EDGE_MEANING,
    }
    return event_dataset(variables, attributes)


def _angle(one: Array, other: Array) -> Array:
    sine = np.linalg.norm(np.cross(one, other), axis=1)
    return np.asarray(np.arctan2(sine, np.sum(one * other, axis=1)))
