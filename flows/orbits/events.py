"""`etalon orbit events`: all events of a satellite in an interval, found, counted and written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from calib.errors import RequestError
from flows.orbits.events_inputs import KINDS, EventFiles, EventRequest, Wanted, read_request
from flows.orbits.events_tables import FILES, Row, rows_of, table, union
from flows.orbits.inputs import record
from flows.orbits.writing import check_output, new_folder, write_json
from orbit_aux.events.eclipses import eclipses
from orbit_aux.events.moon_slots import moon_slots
from orbit_aux.events.nadir_pairs import nadir_pairs
from orbit_aux.events.nodes import ground_track, node_crossings
from orbit_aux.events.passes import passes
from orbit_aux.events.sites import site_visits
from orbit_aux.trajectory import Trajectory

_DAY_S = 86_400.0
# a line of print has room for so many
_NAMES = 10


def find_events(trajectory: Trajectory, request: EventRequest) -> dict[str, xr.Dataset]:
    """The events asked for, by kind (of KINDS), each over dim "event" as its function in `orbit_aux.events` says; the ground track over "time"."""
    start, stop = request.start, request.stop

    def track() -> xr.Dataset:
        times = start + np.arange(0.0, float((stop - start)[0]) + 1e-6, request.track_step_s)
        return ground_track(trajectory, times[trajectory.covers(times)])

    finders: dict[str, Callable[[], xr.Dataset]] = {
        "eclipse": lambda: eclipses(trajectory, start, stop),
        "node": lambda: node_crossings(trajectory, start, stop),
        "pass": lambda: passes(
            trajectory,
            _given(request.stations, "stations"),
            start,
            stop,
            mask_deg=request.mask_deg,
            refraction=request.refraction,
        ),
        "site": lambda: site_visits(
            trajectory, _given(request.sites, "sites"), start, stop, max_view_zenith_deg=request.max_view_zenith_deg
        ),
        "moon": lambda: moon_slots(trajectory, start, stop, request.moon_phases_deg, request.moon),
        "sno": lambda: nadir_pairs(
            trajectory, _given(request.second, "a second satellite"), start, stop, request.pairs
        ),
        "track": track,
    }
    return {kind: finders[kind]() for kind in KINDS if kind in request.kinds}


def write_events(files: EventFiles, output: Path, wanted: Wanted = Wanted()) -> list[str]:  # noqa: B008
    """Find what is wanted, write events.csv, a table for each kind, summary.json and report.html into `output`; returns the lines to print."""
    from calib.report.sheet import page
    from flows.orbits.events_page import events_page

    check_output(output)
    trajectory, request, notes = read_request(files, wanted)
    found = find_events(trajectory, request)
    rows = rows_of(found)
    summary = summary_of(trajectory, request, found) | {
        "notes": notes,
        "inputs": record(request.start, files.named()),
    }
    with new_folder(output) as part:
        (part / "events.csv").write_text(union(rows), encoding="utf-8")
        for kind, data in found.items():
            (part / FILES[kind]).write_text(table(data), encoding="utf-8")
        write_json(part / "summary.json", summary)
        (part / "report.html").write_text(page(events_page(request, found, rows, summary)), encoding="utf-8")
    return [*lines_of(summary, rows), f"Page: {output / 'report.html'}"]


def summary_of(trajectory: Trajectory, request: EventRequest, found: Mapping[str, xr.Dataset]) -> dict[str, Any]:
    """Interval, and of each kind counts by name, times covered, and the conventions it was found by."""
    length_s = float((request.stop - request.start)[0])
    return {
        "object_name": trajectory.object_name,
        "start_utc": request.start.utc_strings(3)[0],
        "stop_utc": request.stop.utc_strings(3)[0],
        "days": length_s / _DAY_S,
        "events": {kind: _facts(kind, data) for kind, data in found.items() if kind != "track"},
    }


def _facts(kind: str, data: xr.Dataset) -> dict[str, Any]:
    count = data.sizes["event"]
    facts: dict[str, Any] = {"count": count, "conventions": dict(data.attrs)}
    names = {"node": "node", "pass": "station", "site": "site", "moon": "wanted_phase", "sno": "kind"}
    if kind in names:
        labels = data[names[kind]].values
        labels = np.array([f"{value:+g}" if kind == "moon" else str(value) for value in labels.tolist()], dtype=object)
        facts["by_name"] = {
            name: {"count": int((labels == name).sum()), **_durations(data, labels == name)}
            for name in sorted(set(labels))
        }
    if kind == "eclipse":
        facts |= {
            "lit_share": data.attrs["lit_share_of_interval"],
            "longest_umbra_s": float(data["umbra_duration"].max()) if count else 0.0,
            "beta_deg": [float(data["beta"].min()), float(data["beta"].max())] if count else None,
        }
    if kind == "site":
        facts["by_day"] = int(data["day"].values.sum())
    if kind == "sno" and count:
        facts["least_time_difference_s"] = float(np.abs(data["time_difference"]).min())
    return facts


def _durations(data: xr.Dataset, mine: np.ndarray) -> dict[str, float]:
    if "duration" not in data:
        return {}
    values = data["duration"].values[mine]
    return {"total_s": float(values.sum()), "longest_s": float(values.max())}


def lines_of(summary: Mapping[str, Any], rows: list[Row]) -> list[str]:
    """What an operator wants to read: the interval, and of each kind how many and the first."""
    lines = [f"{summary['object_name']}: {summary['start_utc']} to {summary['stop_utc']} ({summary['days']:.2f} days)"]
    said = {
        "eclipse": "Eclipses",
        "node": "Node crossings",
        "pass": "Station passes",
        "site": "Site visits",
        "moon": "Moon slots",
        "sno": "Simultaneous nadir observations",
    }
    for kind, facts in summary["events"].items():
        first = next((row for row in rows if row["kind"] == kind), None)
        names = facts.get("by_name", {})
        by_name = ", ".join(f"{name} {item['count']}" for name, item in list(names.items())[:_NAMES])
        by_name += f", … {len(names)} in all" if len(names) > _NAMES else ""
        line = f"{said[kind]}: {facts['count']}" + (f" ({by_name})" if by_name else "")
        lines.append(line + (f"; first {first['start_utc'][:19]}Z {first['name']}" if first else ""))
    return [*lines, *summary["notes"]]


def _given(value: Any, what: str) -> Any:
    if value is None:
        raise RequestError(f"events need {what}: give it in the request, or leave out this kind")
    return value
