"""Synthetic results as the steps of a lunar calibration leave them, for the tests of the report."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from calib import uncertainty
from calib.lineage import Cause, Lineage, digest
from calib.report import Case, Change, RunReport
from calib.types import Geometry, Result, as_record, quantised
from calib.uncertainty import Component, Uncertain
from calib.units import stamp

VENUS = tuple(f"B{number}" for number in range(1, 13))
STEPS = ("sun_direction", "lunar_disk", "disk_signal", "moon_geometry", "lunar_gain")
#: relative size and correlation of each component, constant over the bands
BUDGET = {
    "noise": (0.0004, "random"),
    "sky": (0.002, "random"),
    "solid_angle": (0.003, "along band"),
    "model_scale": (0.05, "common"),
    "model_phase": (0.01, "along band acquisition"),
    "spectral_interpolation": (0.005, "along acquisition"),
    "solar_spectrum": (0.003, "common"),
    "response": (0.003, "along acquisition"),
    "geometry": (0.0002, "along band"),
}


def per_band(bands: Sequence[str], values: Any, units: str) -> xr.DataArray:
    array = xr.DataArray(
        np.broadcast_to(np.asarray(values, dtype=float), (len(bands),)).copy(),
        dims="band",
        coords={"band": list(bands)},
    )
    return stamp(array, units)


def texts(bands: Sequence[str], values: Sequence[str]) -> xr.DataArray:
    return xr.DataArray(np.array(values, dtype=object), dims="band", coords={"band": list(bands)})


def result(data: xr.Dataset, step: str, subject: str, kind: type[Result] = Result) -> Result:
    lineage = Lineage(
        step=step,
        version="1",
        parameters={"dilation": 20},
        causes=(Cause("acquisition", digest(subject), subject),),
        subject=subject,
        run="r1",
        started_utc="2026-01-02T03:04:05Z",
        software={"numpy": np.__version__},
        host="host",
    )
    return kind(data, lineage)


def lunar_gain(
    bands: Sequence[str], k: Any, gain: Any, phase: float, valid: Any = True, flags: Sequence[str] | None = None
) -> xr.Dataset:
    value = per_band(bands, k, "1")
    known = value.where(np.isfinite(value), 1.0)
    parts = tuple(Component(name, known * size, how) for name, (size, how) in BUDGET.items())
    used = per_band(bands, gain, "DN / (W m-2 sr-1 um-1)")
    data = xr.Dataset(uncertainty.to_variables("k", Uncertain(value, parts)))
    return data.assign(
        gain_used=used,
        gain_proposed=stamp(used * value, "DN / (W m-2 sr-1 um-1)"),
        gain_uncertainty=stamp(used * 0.05, "DN / (W m-2 sr-1 um-1)"),
        irradiance_measured=per_band(bands, 1.2345e-3, "W m-2 um-1"),
        irradiance_model=per_band(bands, 1.2e-3, "W m-2 um-1"),
        solid_angle=per_band(bands, 5.4e-11, "sr"),
        oversampling=per_band(bands, 3.1, "1"),
        valid=xr.DataArray(
            np.broadcast_to(np.asarray(valid), (len(bands),)).copy(), dims="band", coords={"band": list(bands)}
        ),
        flags=texts(bands, flags or [""] * len(bands)),
        phase=per_band(bands, phase, "deg"),
    )


def lunar_disk(bands: Sequence[str], date: str, seed: int, size: int = 180) -> xr.Dataset:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:size, 0:size].astype(float)
    radius = 0.3 * size
    centre = size / 2 + rng.uniform(-4, 4, (len(bands), 2))
    # sample i of the quicklook is the mean of the pixels 3 i .. 3 i + 2, whose centre is pixel 3 i + 1
    images, columns, lines = [], [], []
    for column, line in centre:
        inner = np.clip(1 - np.hypot(x - column, y - line) / radius, 0, 1)
        lit = np.clip((x - column) / radius * 1.2 + 0.5, 0, 1)
        images.append(
            20 + 400 * inner**0.3 * lit * (1 + 0.1 * np.sin(x / 5) * np.cos(y / 7)) + rng.normal(0, 2, x.shape)
        )
        angle = np.radians(np.linspace(-80, 80, 81))
        columns.append(1 + 3 * (column + radius * np.cos(angle)))
        lines.append(1 + 3 * (line + radius * np.sin(angle)))
    at = {"band": list(bands)}
    profile_radius = xr.DataArray(np.linspace(0.8, 1.2, 81), dims="profile", attrs={"units": "1"})
    fall = 200 / (1 + np.exp((profile_radius.values - 1) * 120)) * np.linspace(0.5, 2, len(bands))[:, None] + 20
    return xr.Dataset(
        {
            "centre_column": per_band(bands, 1 + 3 * centre[:, 0], "pixel"),
            "centre_line": per_band(bands, 1 + 3 * centre[:, 1], "pixel"),
            "semi_axis_column": per_band(bands, 3 * radius, "pixel"),
            "semi_axis_line": per_band(bands, 3 * radius, "pixel"),
            "tilt": per_band(bands, 0.0, "deg"),
            "limb_residual": per_band(bands, 0.31, "pixel"),
            "crossing_time": ("band", np.full(len(bands), np.datetime64(date[:19], "ns"))),
            "flags": texts(bands, [""] * len(bands)),
            "limb_column": as_record(
                xr.DataArray(columns, dims=("band", "limb_point"), coords=at, attrs={"units": "pixel"})
            ),
            "limb_line": as_record(
                xr.DataArray(lines, dims=("band", "limb_point"), coords=at, attrs={"units": "pixel"})
            ),
            "quicklook": as_record(
                xr.DataArray(
                    np.array(images, dtype="float32"), dims=("band", "y", "x"), coords=at, attrs={"units": "DN"}
                )
            ),
            "quicklook_step": as_record(xr.DataArray(3.0, attrs={"units": "pixel"})),
            "limb_profile": as_record(xr.DataArray(fall, dims=("band", "profile"), coords=at, attrs={"units": "DN"})),
        },
        coords={"profile_radius": as_record(profile_radius)},
    )


def disk_signal(bands: Sequence[str], flags: Sequence[str] | None = None) -> xr.Dataset:
    dilation = xr.DataArray(np.arange(-10.0, 62.0, 2.0), dims="dilation", attrs={"units": "pixel"})
    growth = (
        1 - 0.2 * np.exp(-(dilation.values + 10) / 4)[None, :] + 1e-5 * np.arange(len(bands))[:, None] * dilation.values
    )
    zero = per_band(bands, 0.0, "1")
    return xr.Dataset(
        {
            "mean_signal": per_band(bands, 123.4, "DN"),
            "sky_level": per_band(bands, 20.12, "DN"),
            "saturated_pixels": zero,
            "defective_pixels": zero,
            "cosmic_hits": per_band(bands, 7, "1"),
            "flags": texts(bands, flags or [""] * len(bands)),
            "growth": as_record(
                xr.DataArray(growth, dims=("band", "dilation"), coords={"band": list(bands)}, attrs={"units": "1"})
            ),
        },
        coords={"dilation": as_record(dilation)},
    )


def case(
    name: str,
    date: str = "2020-03-01T12:00:00Z",
    bands: Sequence[str] = VENUS,
    k: Any = 1.01,
    gain: Any = 1.5,
    phase: float = -40.0,
    seed: int = 0,
    **changes: Any,
) -> Case:
    """A finished acquisition; `valid` and `flags` reach lunar_gain, `state` is that of each step, other keywords are fields of the Case."""
    state, sensor = changes.pop("state", "computed"), changes.pop("sensor", "venus")
    of_gain = {key: changes.pop(key) for key in ("valid", "flags") if key in changes}
    geometry = xr.Dataset({"phase": quantised(per_band(bands, phase, "deg"), 1e-6)})
    results = {
        "lunar_disk": result(lunar_disk(bands, date, seed), "lunar_disk", name),
        "disk_signal": result(disk_signal(bands), "disk_signal", name),
        "moon_geometry": result(geometry, "moon_geometry", name, Geometry),
        "lunar_gain": result(lunar_gain(bands, k, gain, phase, **of_gain), "lunar_gain", name),
    }
    fields: dict[str, Any] = {
        "steps": dict.fromkeys(STEPS, state),
        "results": results,
        "orbit": "VENUS 2020-03-01.oem, arc 3f2a",
        "po": f"PO {sensor} 00007 (valid on {date[:10]})",
    }
    return Case(name, sensor, date, "done", **{**fields, **changes})


def failed(
    name: str, reason: str = "B3.tif: the file is truncated; fetch it again", date: str = "2020-04-01T12:00:00Z"
) -> Case:
    steps = {
        "sun_direction": "computed",
        "lunar_disk": "failed",
        "disk_signal": "not run",
        "moon_geometry": "not run",
        "lunar_gain": "not run",
    }
    return Case(name, "venus", date, "failed", reason, steps, {}, "VENUS.oem", "PO venus 00007 (valid on that day)")


def report(cases: Sequence[Case], **changes: Any) -> RunReport:
    fields: dict[str, Any] = {
        "title": "Lunar calibration of Venµs",
        "run_id": "2026-01-02T030405-demo",
        "started_utc": "2026-01-02T03:04:05Z",
        "seconds": 83.2,
        "request": {"sensor": "venus", "moon": {"dilation": 20}},
        "engine": "local",
        "cluster": "threads",
        "software": {"numpy": "2.4.0"},
    }
    return RunReport(cases=tuple(cases), **{**fields, **changes})


def campaign(count: int = 20, bands: Sequence[str] = VENUS, sensor: str = "venus", seed: int = 5) -> RunReport:
    """A campaign that looks like one: monthly dates, a drift, scatter, flags, a failure, a superseded result and changes by a new orbit."""
    rng = np.random.default_rng(seed)
    base = 1 + rng.normal(0, 0.02, len(bands))
    cases: list[Case] = []
    for index in range(count):
        date = dt.datetime(2019, 1, 20, 4, 30) + dt.timedelta(days=29.53 * index)
        phase = float(rng.uniform(7, 70) * (-1) ** index)
        k = base * (1 - 0.0006 * index) + rng.normal(0, 0.003, len(bands))
        flags = ["low_signal" if band in ("B1", "B2") and index % 3 == 0 else "" for band in bands]
        changes: dict[str, Any] = {"flags": flags, "state": "reused" if index % 4 else "computed"}
        if index == 3:
            changes["valid"] = [band != bands[-1] for band in bands]
            changes["flags"] = ["saturated" if band == bands[-1] else "" for band in bands]
        if index == 6:
            changes["superseded"] = "replaced on 2026-01-02 because the orbit moved by 120 m"
        name = f"VENUS_MOON_{date:%Y%m%dT%H%M}"
        cases.append(
            case(
                name,
                f"{date:%Y-%m-%dT%H:%M:%S}Z",
                bands,
                k,
                np.linspace(0.2, 2.2, len(bands)),
                phase,
                index,
                sensor=sensor,
                **changes,
            )
        )
    if count > 2:
        cases[2] = failed(cases[2].name, date=cases[2].start_utc)
    moved = tuple(
        Change(cases[0].name, band, 1.01, 0.051, 1.0103, 0.0511, "position moved by 120 m, phase by 0.0011°")
        for band in bands
    )
    return report(
        cases,
        changes=moved if count else (),
        notes=("Simulated scenes; the injected gain errors are in the truth files.",),
    )
