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
from orbit_aux.events.roots import Array, Rows, Spans, positive_spans, spans, time_grid
from orbit_aux.events.samples import CROSSING, EDGE_MEANING, GAP, INTERVAL_END, event_dataset
from orbit_aux.events.sun import apparent_sun
from orbit_aux.frames import State, angle_between
from orbit_aux.moon_view import lunar_eclipse, moon_geometry
from orbit_aux.time import Times
from orbit_aux.trajectory import Trajectory, covered_intervals

#: what becomes of the satellite's own eclipse: it does not matter; the best time is taken in it where there is one; slots are cut by it
SHADOW = ("any", "prefer", "exclude")

# the Moon moves half a degree an hour against the Sun
_COARSE_STEP_S = 3600.0
_STEP_S = 30.0
_BEST_STEP_S = 5.0
# nearest distance of the Moon, rounded down: the parallax of the satellite is never larger than by it
_NEAREST_MOON_M = 3.55e8
_PLACES = 50
# nearer full Moon, which it may pass to the north or the south, satellite and geocentre may see different signs
_SURE_DEG = 10.0


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
    windows = [
        _Window(phase, low, high)
        for first, last in covered_intervals(trajectory, begin, end)
        for phase in wanted
        for low, high in _days(trajectory, first, last, phase, limits)
    ]
    shadows = eclipses(trajectory, begin, end)
    found = _found(trajectory, windows, shadows, limits)
    phases = np.array([window.phase for window in windows])[found.rows]
    return _described(trajectory, (begin, end), found, phases, (shadows, limits))


class _Window(NamedTuple):
    """An interval of days in which the phase may be the wanted one."""

    phase: float
    low: Times
    high: Times


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
    parallax = np.degrees(np.arcsin(min(farthest_m / _NEAREST_MOON_M, 1.0)))
    wide, sure = limits.tolerance_deg + parallax, _SURE_DEG + parallax

    def margin(times: Times) -> Array:
        geocentric = moon_geometry(times, np.zeros((len(times), 3)))["phase"].values
        either = np.abs(np.abs(geocentric) - abs(phase))
        return np.asarray(wide - np.where(np.abs(geocentric) < sure, either, np.abs(geocentric - phase)))

    found = spans(margin, begin, end, _COARSE_STEP_S)
    longer = np.flatnonzero(found.stops - found.starts > 0)
    return [(found.starts[row], found.stops[row]) for row in longer]


def _found(trajectory: Trajectory, windows: list[_Window], shadows: xr.Dataset, limits: MoonLimits) -> Spans:
    """The slots in all windows; rows are numbers of windows."""
    wanted = np.array([window.phase for window in windows])
    penumbra = _inside(shadows["start"], shadows["stop"])

    def margin(times: Times, rows: Rows) -> Array:
        view = _view(trajectory.at(times).to("GCRF"))
        margins = [
            limits.tolerance_deg - np.abs(view.phase - wanted[rows]),
            view.limb - limits.limb_deg,
            view.sun - limits.sun_deg,
            lunar_eclipse(times).values,
        ]
        if limits.shadow == "exclude":
            margins.append(np.where(penumbra(times), -1.0, 1.0))
        return np.asarray(np.min(margins, axis=0))

    grids = [time_grid(window.low, window.high, _STEP_S) for window in windows]
    samples = ((grid, margin(grid, np.full(len(grid), row))) for row, grid in enumerate(grids))
    if not windows:
        none = np.empty(0, dtype=bool)
        return Spans(np.empty(0, np.intp), Times(np.empty(0, np.int64)), Times(np.empty(0, np.int64)), none, none)
    rows, starts, stops, open_start, open_stop = positive_spans(margin, samples)
    order = np.lexsort((wanted[rows], starts.tai_ns))
    return Spans(rows[order], starts[order], stops[order], open_start[order], open_stop[order])


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
    trajectory: Trajectory, found: Spans, phases: Array, shadows: xr.Dataset, limits: MoonLimits
) -> tuple[Times, NDArray[np.bool_], Array]:
    """The best time of each slot, whether it is in the umbra, and the share of the slot that is."""
    umbra = _inside(shadows["umbra_start"], shadows["umbra_stop"])
    lengths = found.stops - found.starts
    counts = np.ceil(lengths / _BEST_STEP_S).astype(np.int64) + 1
    slot = np.repeat(np.arange(len(counts)), counts)
    first = np.cumsum(counts) - counts
    share = (np.arange(len(slot)) - first[slot]) / np.maximum(counts[slot] - 1, 1)
    times = found.starts[slot] + share * lengths[slot]
    dark = umbra(times)
    away = np.abs(_view(trajectory.at(times).to("GCRF")).phase - phases[slot])
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
    limb = np.degrees(angle_between(moon, -position) - dip - seen["apparent_radius"].values)
    sun = np.degrees(angle_between(moon, apparent_sun(state.times) - position))
    return _View(seen["phase"].values, limb, sun, seen)


def _described(
    trajectory: Trajectory,
    interval: tuple[Times, Times],
    found: Spans,
    phases: Array,
    by: tuple[xr.Dataset, MoonLimits],
) -> xr.Dataset:
    shadows, limits = by
    best, dark, dark_share = _best(trajectory, found, phases, shadows, limits)
    at_best, at_start, at_stop = (_view(trajectory.at(times).to("GCRF")) for times in (best, found.starts, found.stops))
    seen = at_best.seen
    x, y, z = seen["moon_direction"].values.T
    edges = [
        np.where(is_open, np.where(times.tai_ns == end.tai_ns[0], INTERVAL_END, GAP), CROSSING)
        for is_open, times, end in (
            (found.open_start, found.starts, interval[0]),
            (found.open_stop, found.stops, interval[1]),
        )
    ]
    selenographic = ("observer_latitude", "observer_longitude", "sun_latitude", "sun_longitude")
    variables = {
        "wanted_phase": (phases, "deg"),
        "start": (found.starts, "UTC"),
        "stop": (found.stops, "UTC"),
        "duration": (found.stops - found.starts, "s"),
        "time": (best, "UTC"),
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
        "in_umbra": (dark.astype(np.int64), "1"),
        "umbra_share": (dark_share, "1"),
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
