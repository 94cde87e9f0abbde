"""The page of `etalon orbit events`: what comes next, a timeline, counts by the day, the Sun on the orbit, and a map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from calib.report.sheet import Plot, Sheet, Table, Timeline, Trace
from flows.orbits.events_inputs import EventRequest
from flows.orbits.events_tables import Row
from flows.orbits.writing import unix_s
from orbit_aux.frames import to_geodetic

_DAY_S = 86_400.0
#: a timeline longer than that is drawn of its first days, so that passes stay visible
_SHOWN_DAYS = 2.0
_ROWS = 30
_LANES = 30
#: too few eclipses make no curve
_FEW = 4
TITLES = {
    "eclipse": "eclipses",
    "node": "node crossings",
    "pass": "station passes",
    "site": "site visits",
    "moon": "Moon slots",
    "sno": "simultaneous nadir observations",
}


def events_page(
    request: EventRequest, found: Mapping[str, xr.Dataset], rows: Sequence[Row], summary: Mapping[str, Any]
) -> Sheet:
    """The sheet of all events."""
    days = float(summary["days"])
    counted = ", ".join(f"{facts['count']} {TITLES[kind]}" for kind, facts in summary["events"].items())
    plots: list[Plot | Timeline] = [_timeline(request, rows, days)]
    if days > _SHOWN_DAYS:
        plots += [*_by_day(request, rows), *_sun(found)]
    plots += _map(request, found, days)
    return Sheet(
        f"Events of {summary['object_name']}",
        f"{summary['start_utc'][:19]}Z to {summary['stop_utc'][:19]}Z: {counted or 'no kind asked for'}",
        _sentences(summary),
        [_next(rows), *_counts(summary, days), *_moon_table(found)],
        plots,
        [*summary["notes"], *_conventions(found)],
        good=not any("WARNING" in note for note in summary["notes"]),
    )


def _sentences(summary: Mapping[str, Any]) -> list[str]:
    said = []
    shadow = summary["events"].get("eclipse", {})
    if shadow.get("count"):
        low, high = shadow["beta_deg"]
        said.append(
            f"The satellite is outside the umbra {100 * shadow['lit_share']:.2f} % of the time; "
            f"the longest umbra lasts {shadow['longest_umbra_s'] / 60:.1f} min; "
            f"the Sun stands {low:+.1f} to {high:+.1f} deg over the orbital plane."
        )
    elif shadow:
        said.append("The satellite is in sunlight all the time.")
    said += [f"{note}." for note in summary["notes"] if "WARNING" in note]
    return said


def _next(rows: Sequence[Row]) -> Table:
    # nodes and penumbras are in the files; here they would push out everything else
    chosen = [row for row in rows if row["kind"] != "node" and row["name"] != "penumbra"][:_ROWS]
    body = [
        [
            f"{row['start_utc'][:19]}Z",
            row["kind"],
            str(row["name"]),
            _length(row),
            " · ".join(filter(None, (_figure(row), str(row["detail"])))),
        ]
        for row in chosen
    ]
    return Table(
        f"The first {len(body)} events (without nodes and penumbras)", ("UTC", "kind", "name", "lasts", "what"), body
    )


def _figure(row: Row) -> str:
    """The one number of a row that decides."""
    for key, said in (
        ("elevation_deg", "culminates at {} deg"),
        ("time_difference_s", "{} s apart"),
        ("view_zenith_deg", "view zenith {} deg"),
        ("phase_deg", "phase {} deg at best"),
    ):
        if row.get(key):
            return said.format(f"{float(row[key]):.1f}")
    return ""


def _length(row: Row) -> str:
    seconds = float(row["duration_s"] or 0.0)
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.1f} s"


def _counts(summary: Mapping[str, Any], days: float) -> list[Table]:
    body = []
    for kind, facts in summary["events"].items():
        by_name = facts.get("by_name") or {"all": facts}
        for name, item in by_name.items():
            length = [f"{item[key] / 60:.1f}" if key in item else "" for key in ("total_s", "longest_s")]
            body.append([TITLES[kind], name, str(item["count"]), f"{item['count'] / days:.2f}", *length])
    return [Table("Counts", ("events", "name", "number", "a day", "total, min", "longest, min"), body)] if body else []


def _moon_table(found: Mapping[str, xr.Dataset]) -> list[Table]:
    """One row for each wanted phase and stay of the Moon near it: slots within two days belong together."""
    if "moon" not in found or not found["moon"].sizes["event"]:
        return []
    data = found["moon"]
    body = []
    for phase in np.unique(data["wanted_phase"].values):
        mine = data.isel(event=data["wanted_phase"].values == phase)
        apart = np.diff(mine["start"].values) > np.timedelta64(2, "D")
        for slots in np.split(np.arange(mine.sizes["event"]), np.flatnonzero(apart) + 1):
            stay = mine.isel(event=slots)
            best = stay.isel(event=int(np.argmin(np.abs(stay["phase"].values - phase))))
            body.append(
                [
                    f"{phase:+g}",
                    _minute(stay["start"].values[0]),
                    _minute(stay["stop"].values[-1]),
                    str(len(slots)),
                    f"{float(stay['duration'].max()) / 60:.1f}",
                    _minute(best["time"].values),
                    f"{float(best['phase']):+.2f}",
                    f"{float(best['observer_longitude']):+.2f}, {float(best['observer_latitude']):+.2f}",
                    f"{float(best['moon_distance']):.0f}",
                ]
            )
    heads = (
        "phase, deg",
        "from",
        "to",
        "slots",
        "longest, min",
        "best UTC",
        "phase then",
        "sub-observer lon, lat, deg",
        "km",
    )
    return [Table("The Moon near the wanted phases", heads, sorted(body, key=lambda row: row[1])[:_ROWS])]


def _minute(value: Any) -> str:
    return str(np.datetime_as_string(value, unit="m")).replace("T", " ")


def _timeline(request: EventRequest, rows: Sequence[Row], days: float) -> Timeline:
    first = unix_s(request.start)[0]
    last = first + _SHOWN_DAYS * _DAY_S
    lanes: dict[str, list[tuple[float, float, str]]] = {}
    starts = unix_s(np.array([row["start"] for row in rows], dtype="datetime64[ns]"))
    stops = unix_s(np.array([row["stop"] for row in rows], dtype="datetime64[ns]"))
    for row, start, stop in zip(rows, starts.tolist(), stops.tolist(), strict=True):
        if start <= last and row["name"] != "penumbra":
            hint = (
                f"{row['kind']} {row['name']}: {row['start_utc'][:19]}Z to {row['stop_utc'][11:19]}Z, {row['detail']}"
            )
            lanes.setdefault(f"{row['kind']} {row['name']}"[:28], []).append((start, stop, hint))
    order = {kind: number for number, kind in enumerate(TITLES)}
    kept = dict(sorted(lanes.items(), key=lambda lane: (order[lane[0].split()[0]], lane[0]))[:_LANES])
    shown = "The whole interval" if days <= _SHOWN_DAYS else f"The first {_SHOWN_DAYS:g} of {days:.1f} days"
    more = f" {len(lanes) - len(kept)} more lanes are left out." if len(lanes) > len(kept) else ""
    return Timeline("Timeline", kept, f"{shown}; events.csv has all. The pointer tells what a bar is.{more}")


def _by_day(request: EventRequest, rows: Sequence[Row]) -> list[Plot]:
    """How many a day, of the kinds whose number changes."""
    first, last = (times.utc_datetime64()[0] for times in (request.start, request.stop + -1e-3))
    days = np.arange(first.astype("datetime64[D]"), last.astype("datetime64[D]") + 1)
    traces = []
    for kind in ("pass", "site", "moon", "sno"):
        starts = np.array([row["start"] for row in rows if row["kind"] == kind], dtype="datetime64[D]")
        if len(starts):
            counts = np.bincount((starts - days[0]).astype(int), minlength=len(days))
            traces.append(Trace(TITLES[kind], unix_s(days), counts.astype(float)))
    sentence = "Events that begin in each day (UTC); the first and the last day may be parts of one."
    return [Plot("Events a day", "number", traces, sentence, dates=True)] if traces else []


def _sun(found: Mapping[str, xr.Dataset]) -> list[Plot]:
    if "eclipse" not in found or found["eclipse"].sizes["event"] < _FEW:
        return []
    # what the ends of the interval cut short would look like a change of the orbit
    data = found["eclipse"].isel(event=(found["eclipse"]["start_edge"] + found["eclipse"]["stop_edge"]).values == 0)
    x = unix_s(data["start"].values)
    umbra = Trace("umbra, min", x, data["umbra_duration"].values / 60.0)
    beta = Trace("beta, deg", x, data["beta"].values)
    sentence = "Duration of the umbra of each revolution, and the elevation of the Sun over the orbital plane then."
    return [Plot("Eclipses and beta angle", "min, deg", [umbra, beta], sentence, dates=True)]


def _map(request: EventRequest, found: Mapping[str, xr.Dataset], days: float) -> list[Plot]:
    """Where: the track (of a day at most), stations, sites, places seen by both satellites."""
    traces = []
    if "track" in found:
        track = found["track"]
        since = unix_s(track["time"].values)
        few = since <= since[0] + _DAY_S
        traces.append(
            _dots(
                "ground track" + (", first day" if days > 1 else ""),
                track["longitude"].values[few],
                track["latitude"].values[few],
            )
        )
    for name, places in (("stations", request.stations), ("sites", request.sites)):
        if places is not None:
            lon, lat, _ = to_geodetic(places.position_itrf_m)
            traces.append(_dots(name, np.degrees(lon), np.degrees(lat)))
    if "sno" in found and found["sno"].sizes["event"]:
        traces.append(_dots("nadir pairs", found["sno"]["longitude"].values, found["sno"]["latitude"].values))
    if not traces:
        return []
    sentence = "Longitude to the right (east), latitude upwards."
    return [Plot("Map", "latitude, deg", traces, sentence, reach=(-90.0, 90.0), x_name="longitude, deg")]


def _dots(name: str, longitude_deg: np.ndarray, latitude_deg: np.ndarray) -> Trace:
    return Trace(name, (longitude_deg + 180.0) % 360.0 - 180.0, latitude_deg, dots=True)


def _conventions(found: Mapping[str, xr.Dataset]) -> list[str]:
    kept = ("sun", "equator", "mask", "elevation", "light_time", "limit", "nadir", "convention", "sun_radius_m")
    return [
        f"{TITLES[kind]}: "
        + "; ".join(f"{key.replace('_', ' ')} {data.attrs[key]}" for key in kept if key in data.attrs)
        for kind, data in found.items()
        if kind != "track"
    ]
