"""The daily page: alarms first, then margins, manoeuvres, events, attitude, and the drift of the days ahead if nothing is done."""

from __future__ import annotations

import math

import numpy as np

from calib.report.sheet import Plot, Sheet, Table, Timeline, Trace
from flows.orbits.daily import Day
from flows.orbits.keeping_page import calibrations, observed_table
from flows.orbits.writing import unix_s
from orbit_aux.keeping.monitoring import LEVELS
from orbit_aux.keeping.track import track_deviation

_EVENTS = 20
_DAY_S = 86400.0
_DEG = 180.0 / math.pi
#: of a window, how far beyond the middle its plot reaches; a track outside is left out, clipped it would look like one that stays there
_SHOWN = 1.5


def daily_page(day: Day, level: str) -> Sheet:
    """What is looked at every morning."""
    place = day.place
    counts = ", ".join(f"{sum(item.level == name for item in day.alarms)} {name}" for name in reversed(LEVELS))
    return Sheet(
        f"Orbit of {place.orbit.object_name}, {place.start.times.utc_strings(0)[0]}",
        f"Alarm level: {level} ({counts})",
        (f"Next burn of a plan made now: {day.next_burn}.",),
        [
            table
            for table in (_alarms(day), _margins(day), observed_table(place), calibrations(place), _events(day))
            if table.rows
        ],
        _plots(day),
        list(place.notes),
        level != "red",
    )


def _alarms(day: Day) -> Table:
    rows = [
        [
            item.level.upper(),
            item.name,
            f"{item.value:.4g} {item.unit}" if math.isfinite(item.value) else f"none in sight ({item.unit})",
            f"{item.amber:g}",
            f"{item.red:g}",
            item.text,
        ]
        for item in sorted(day.alarms, key=lambda item: -LEVELS.index(item.level))
    ]
    return Table("Alarms", ("level", "what", "value", "amber", "red", "details"), rows)


def _margins(day: Day) -> Table:
    rows = []
    for item in day.margins:
        fine = "e" if item.half_width < 0.1 else "f"
        digits = 2 if fine == "e" else 1
        days = "beyond 200" if math.isinf(item.days_to_edge) else f"{item.days_to_edge:.1f}"
        rows.append(
            [
                f"{item.name} {item.unit}".strip(),
                f"{item.value:.{digits}{fine}}",
                f"{item.rate_per_day:+.{digits + 1}{fine}}",
                f"± {item.half_width:.{digits}{fine}}",
                f"{100 * item.used_share:.0f} %",
                days,
            ]
        )
    return Table(
        "Drifts and margins, if nothing is done", ("", "now", "a day", "window", "used", "days to the edge"), rows
    )


def _events(day: Day) -> Table:
    return Table(
        f"Next events (of {len(day.events)})",
        ("UTC", "event", "details"),
        [list(item) for item in day.events[:_EVENTS]],
    )


def _plots(day: Day) -> list[Plot | Timeline]:
    place = day.place
    track = day.margins[0]
    span_d = min(60.0, max(3.0, 1.5 * track.days_to_edge if math.isfinite(track.days_to_edge) else 60.0))
    path = place.motion.coast(place.start, np.linspace(0.0, span_d * _DAY_S, 200))
    late = place.target.local_time_deviation_s(place.motion.local_time_h(path)) / 60.0
    track_m = track_deviation(place.motion, path, place.target.grid)
    wide, width = place.target.half_width_m, place.target.local_time_half_width_s / 60.0
    plots: list[Plot | Timeline] = [
        Plot(
            "Ground track, if nothing is done",
            "east, m",
            [Trace("track", unix_s(path.times), np.where(np.abs(track_m) <= _SHOWN * wide, track_m, np.nan))],
            "The next manoeuvre is due before the track leaves its window.",
            {"window": wide, "": -wide},
            (-_SHOWN * wide, _SHOWN * wide),
            dates=True,
        ),
        Plot(
            "Local time of the ascending node, if nothing is done",
            "late, min",
            [Trace("local time less the one wanted", unix_s(path.times), late)],
            "Inclination decides how this bends.",
            {"window": width, "": -width},
            dates=True,
        ),
    ]
    seen = day.pointing
    if seen is not None:
        angles = (("roll", seen.roll_rad), ("pitch", seen.pitch_rad), ("yaw", seen.yaw_rad))
        plots.append(
            Plot(
                "Attitude against the orbital axes",
                "deg",
                [Trace(name, seen.elapsed_s, values * _DEG) for name, values in angles],
                "Roll about the motion, pitch about the normal, yaw about nadir.",
                x_name="s after the first record",
            )
        )
    return plots
