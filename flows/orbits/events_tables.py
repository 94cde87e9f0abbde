"""Events as tables: one for each kind with all its columns, and one of all kinds together."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from flows.orbits.writing import table_of

FILES = {
    "eclipse": "eclipses.csv",
    "node": "nodes.csv",
    "pass": "passes.csv",
    "site": "sites.csv",
    "moon": "moon_slots.csv",
    "sno": "nadir_pairs.csv",
    "track": "ground_track.csv",
}
COLUMNS = (
    "kind", "name", "start_utc", "stop_utc", "duration_s", "time_utc", "longitude_deg", "latitude_deg", "elevation_deg", "view_zenith_deg",
    "sun_zenith_deg", "phase_deg", "distance_km", "time_difference_s", "detail",
)  # fmt: skip

#: how the start and the end of a span came about
_EDGES = np.array(["crossing", "interval_end", "gap"])
_ENDINGS = {"km": "km", "h": "h", "Hz": "hz"}

Row = dict[str, Any]


def table(data: xr.Dataset) -> str:
    """A dataset of events, or a ground track, as CSV: UTC in columns that end in _utc, units at the end of names, edges in words."""
    columns: dict[str, tuple[str, np.ndarray, dict[str, Any]]] = {}
    if "time" in data.dims:
        columns["utc"] = ("row", texts(data["time"].values), {})
        data = data.drop_vars("time")
    for key, variable in data.variables.items():
        name, values, attributes = str(key), variable.values, dict(variable.attrs)
        if values.dtype.kind == "M":
            name, values = f"{name}_utc", texts(values)
        elif name.endswith("_edge"):
            values = _EDGES[values]
        elif attributes.get("units") in _ENDINGS:
            name = f"{name}_{_ENDINGS[attributes['units']]}"
        columns[name] = ("row", values, attributes)
    return table_of(xr.Dataset(columns))


def texts(values: np.ndarray) -> np.ndarray:
    """ISO text in UTC to a microsecond of datetime64; empty where there is none."""
    known = ~np.isnat(values)
    found = np.full(len(values), "", dtype="U27")
    found[known] = np.char.add(np.datetime_as_string(values[known], unit="us"), "Z")
    return found


def rows_of(found: Mapping[str, xr.Dataset]) -> list[Row]:
    """All events but the ground track, by start, as rows with the keys COLUMNS and `start`, `stop` (datetime64)."""
    rows = [row for kind, make in _ROWS.items() if kind in found for row in _filled(kind, make(found[kind]))]
    return sorted(rows, key=lambda row: (row["start"], row["kind"], row["name"]))


def union(rows: list[Row]) -> str:
    """Rows as CSV with COLUMNS."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def _filled(kind: str, columns: dict[str, Any]) -> list[Row]:
    """Rows from columns (arrays, or one value for all), with their times written."""
    start, stop = columns["start"], columns["stop"]
    count = len(start)
    columns = {
        "kind": kind,
        "start_utc": texts(start),
        "stop_utc": texts(stop),
        "duration_s": _numbers((stop - start) / np.timedelta64(1, "s"), 6),
        "time_utc": texts(columns["time"]) if "time" in columns else texts(start),
        **{
            name: _numbers(values, 6) if getattr(values, "dtype", np.dtype("O")).kind == "f" else values
            for name, values in columns.items()
            if name != "time"
        },
    }
    full = {name: values if not isinstance(values, str) else [values] * count for name, values in columns.items()}
    return [dict(zip(full, values, strict=True)) for values in zip(*full.values(), strict=True)]


def _numbers(values: np.ndarray, decimals: int) -> list[str]:
    return [f"{value:.{decimals}f}" if np.isfinite(value) else "" for value in values.tolist()]


def _eclipses(data: xr.Dataset) -> dict[str, Any]:
    """The penumbra and the umbra as an event each."""
    deep = ~np.isnat(data["umbra_start"].values)
    beta = [f"beta {value:+.2f} deg" for value in data["beta"].values.tolist()]
    detail = np.array(beta, dtype=object)
    return {
        "name": np.array(["penumbra"] * len(deep) + ["umbra"] * int(deep.sum())),
        "start": np.concatenate([data["start"].values, data["umbra_start"].values[deep]]),
        "stop": np.concatenate([data["stop"].values, data["umbra_stop"].values[deep]]),
        "detail": np.concatenate([detail, detail[deep]]),
    }


def _nodes(data: xr.Dataset) -> dict[str, Any]:
    said = zip(data["orbit_number"].values.tolist(), data["local_mean_solar_time"].values.tolist(), strict=True)
    return {
        "name": data["node"].values,
        "start": data["time"].values,
        "stop": data["time"].values,
        "longitude_deg": data["longitude"].values,
        "latitude_deg": np.zeros(data.sizes["event"]),
        "detail": [f"orbit {number}, local mean solar time {_clock(hours)}" for number, hours in said],
    }


def _passes(data: xr.Dataset) -> dict[str, Any]:
    azimuths = zip(*(data[f"azimuth_{name}"].values.tolist() for name in ("rise", "culmination", "set")), strict=True)
    return {
        "name": data["station"].values,
        "start": data["start"].values,
        "stop": data["stop"].values,
        "time": data["culmination"].values,
        "elevation_deg": data["elevation_culmination"].values,
        "distance_km": data["distance_culmination"].values / 1e3,
        "detail": ["azimuth {:.0f}, {:.0f}, {:.0f} deg".format(*three) for three in azimuths],
    }


def _sites(data: xr.Dataset) -> dict[str, Any]:
    said = zip(
        data["day"].values.tolist(), data["side"].values.tolist(), data["off_nadir"].values.tolist(), strict=True
    )
    return {
        "name": data["site"].values,
        "start": data["start"].values,
        "stop": data["stop"].values,
        "time": data["time"].values,
        "view_zenith_deg": data["view_zenith"].values,
        "sun_zenith_deg": data["sun_zenith"].values,
        "distance_km": data["distance"].values / 1e3,
        "detail": [f"{'day' if day else 'night'}, {angle:.1f} deg off nadir, {side}" for day, side, angle in said],
    }


def _moon(data: xr.Dataset) -> dict[str, Any]:
    said = zip(data["limb_angle"].values.tolist(), data["umbra_share"].values.tolist(), strict=True)
    return {
        "name": np.array([f"phase {value:+g}" for value in data["wanted_phase"].values.tolist()], dtype=object),
        "start": data["start"].values,
        "stop": data["stop"].values,
        "time": data["time"].values,
        "phase_deg": data["phase"].values,
        "distance_km": data["moon_distance"].values,
        "detail": [f"{limb:.1f} deg over the limb, {100 * dark:.0f} % in umbra" for limb, dark in said],
    }


def _pairs(data: xr.Dataset) -> dict[str, Any]:
    both = np.stack([data["time"].values, data["second_time"].values])
    said = zip(data["kind"].values.tolist(), data["track_angle"].values.tolist(), strict=True)
    return {
        "name": np.array([data.attrs["second"]] * data.sizes["event"], dtype=object),
        "start": both.min(axis=0),
        "stop": both.max(axis=0),
        "time": data["time"].values,
        "longitude_deg": data["longitude"].values,
        "latitude_deg": data["latitude"].values,
        "view_zenith_deg": data["first_view_zenith"].values,
        "sun_zenith_deg": data["first_sun_zenith"].values,
        "distance_km": data["distance"].values,
        "time_difference_s": data["time_difference"].values,
        "detail": [f"{kind.replace('_', ' ')}, tracks at {angle:.1f} deg" for kind, angle in said],
    }


def _clock(hours: float) -> str:
    minutes = round(hours * 60) % 1440
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


_ROWS: dict[str, Callable[[xr.Dataset], dict[str, Any]]] = {
    "eclipse": _eclipses,
    "node": _nodes,
    "pass": _passes,
    "site": _sites,
    "moon": _moon,
    "sno": _pairs,
}
