"""`etalon moon straylight`: the residual stray light around the Moon of one acquisition, as a page, tables and a netCDF file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import xarray as xr

from calib import config
from calib.acquisition import Acquisition
from calib.archive import disk
from calib.archive.netcdf import to_bytes
from calib.errors import RequestError
from calib.moon.disk import DiskParameters
from calib.moon.steps import lunar_disk
from calib.moon.straylight.steps import LunarStraylightParameters, lunar_straylight
from calib.products import open_acquisition
from calib.readiness import missing_for
from calib.report.straylight import page
from calib.sensor import load_sensor
from calib.steps import NoParameters
from flows.orbit import sun_direction
from flows.product_inputs import with_axes

_PAIR = ("straylight", "straylight_uncertainty", "detection_limit")
_KERNEL = (
    "share",
    "share_uncertainty",
    "share_joint_uncertainty",
    "significance",
    "column_shift",
    "line_shift",
    "blur",
)


def straylight_of(acquisition: Acquisition, settings: Iterable[tuple[str, object]] = ()) -> xr.Dataset:
    """The dataset of LUNAR_STRAYLIGHT of a Moon acquisition; `settings` change keys of its parameters."""
    lacking = missing_for(acquisition)["moon"]
    if lacking:
        raise RequestError(f"{acquisition.label}: lacks {'; '.join(lacking)} (see etalon inspect)")
    sensor = load_sensor(acquisition.sensor)
    parameters = config.parse(LunarStraylightParameters, dict(settings), "--set")
    found = lunar_disk(acquisition, sensor, sun_direction(acquisition, NoParameters()), DiskParameters())
    return lunar_straylight(acquisition, sensor, found, parameters)


def write_straylight(product: Path, output: Path, settings: Iterable[tuple[str, object]] = ()) -> list[str]:
    """Find the stray light of the Moon acquisition `product` and write straylight.html, pairs.csv, kernels.csv and straylight.nc into the folder `output`,
    which must be new or empty; returns the lines to print."""
    if output.exists() and any(output.iterdir()):
        raise RequestError(f"{output}: is not empty, and nothing is overwritten; name another folder")
    acquisition = with_axes(open_acquisition(product))
    data = straylight_of(acquisition, settings)
    disk.make_folder(output)
    files = {
        "straylight.html": page(data, acquisition.name).encode(),
        "pairs.csv": _pairs(data).encode(),
        "kernels.csv": _kernels(data).encode(),
        "straylight.nc": to_bytes(data),
    }
    for name, content in files.items():
        disk.write_file(output / name, content)
    found = int(np.isfinite(data["share"]).sum())
    limit = 100 * float(np.nanmedian(data["detection_limit"]))
    seen = int(np.isfinite(data["detection_limit"]).sum())
    return [
        *_told(data),
        f"{acquisition.name}: {found} kernels found; {seen} bands and pairs seen, median detection limit {limit:.3f} % of the disk",
        f"Page: {output / 'straylight.html'}",
    ]


def _told(data: xr.Dataset) -> list[str]:
    """One line for each kernel found."""
    lines = []
    for band, kernel in _found(data):
        cell = data.sel(band=band).isel(kernel=kernel)
        share, sigma = (100 * float(cell[name]) for name in ("share", "share_uncertainty"))
        source = str(cell["kernel_source_band"].item())
        kind = str(cell["kernel_kind"].item())
        told = kind if source == band else f"{kind} from {source}"
        others = str(cell["kernel_alternatives"].item())
        doubt = f"; may be {others}" if others else ""
        lines.append(f"{band}: {told} {share:+.4f} ± {sigma:.4f} % of the disk{doubt}")
    return lines


def _found(data: xr.Dataset) -> list[tuple[str, int]]:
    return [
        (str(band), number)
        for band in data["band"].values
        for number in range(data.sizes["kernel"])
        if np.isfinite(data["share"].sel(band=band).isel(kernel=number))
    ]


def _pairs(data: xr.Dataset) -> str:
    """Shares by band and source, in %; empty where nothing was found, or the pair cannot be seen."""
    rows: list[list[object]] = [["band", "source", "same_detector", *(f"{name}_percent" for name in _PAIR)]]
    for band in data["band"].values:
        for source in data["source"].values:
            cell = data.sel(band=band, source=source)
            rows.append(
                [band, source, bool(cell["same_detector"]), *(_number(100 * float(cell[name])) for name in _PAIR)]
            )
    return _csv(rows)


def _kernels(data: xr.Dataset) -> str:
    """The kernels found: shares in % of the disk, shifts and blurs in pixels of the camera."""
    heads = [f"{name}_percent" if name.startswith("share") else name for name in _KERNEL]
    heads = [f"{name}_pixel" if name.endswith(("shift", "blur")) else name for name in heads]
    rows: list[list[object]] = [["band", "kind", "source", "alternatives", *heads]]
    for band, number in _found(data):
        cell = data.sel(band=band).isel(kernel=number)
        values = [_number((100 if name.startswith("share") else 1) * float(cell[name])) for name in _KERNEL]
        texts = [str(cell[f"kernel_{name}"].item()) for name in ("kind", "source_band", "alternatives")]
        rows.append([band, *texts, *values])
    return _csv(rows)


def _number(value: float) -> str:
    return f"{value:.6g}" if np.isfinite(value) else ""


def _csv(rows: list[list[object]]) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    return stream.getvalue()
