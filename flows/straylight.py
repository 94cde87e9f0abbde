"""`etalon moon straylight`: the residual stray light around the Moon, as a page, tables and a netCDF file; acquisitions without it; a proposal."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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
from calib.moon.straylight.estimate import Estimate, estimate_kernels
from calib.moon.straylight.joint import OUTLIER_SIGMAS, joint_dataset, joint_estimate
from calib.moon.straylight.maps import DiskMaps
from calib.moon.straylight.steps import LunarStraylightParameters, as_dataset, dated_maps
from calib.products import open_acquisition
from calib.readiness import missing_for
from calib.report.straylight import page
from calib.sensor import Sensor, load_gains, load_sensor
from calib.steps import NoParameters
from flows.orbit import sun_direction
from flows.product_inputs import official_gains, with_axes
from flows.straylight_correction import write_corrected
from flows.straylight_proposal import Proposal, propose

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


@dataclass(frozen=True)
class Wishes:
    """What is wanted beside the page and the tables: the acquisitions again without the stray light, corrected in the order of `scenario`; and a proposal."""

    settings: tuple[tuple[str, object], ...] = ()
    scenario: str | None = None
    proposal: Proposal | None = None


@dataclass(frozen=True, eq=False)
class Moon:
    """An acquisition with its camera and its maps."""

    acquisition: Acquisition
    sensor: Sensor
    maps: DiskMaps


def straylight_of(
    acquisitions: Sequence[Acquisition], settings: Iterable[tuple[str, object]] = ()
) -> tuple[xr.Dataset, list[Moon], tuple[Estimate, ...]]:
    """The dataset of LUNAR_STRAYLIGHT of one Moon acquisition, or of several together; their maps, and the kernels in the terms of each.

    Of several the dataset is that of the first acquisition with the kernels of all; over (acquisition, band, kernel) it holds what each gives by itself.
    `settings` change keys of the parameters.
    """
    parameters = config.parse(LunarStraylightParameters, dict(settings), "--set")
    _refuse_unlike(acquisitions)
    moons = [_moon(acquisition, parameters) for acquisition in acquisitions]
    if len(moons) == 1:
        estimate = estimate_kernels(moons[0].maps, parameters)
        return as_dataset(estimate, parameters), moons, (estimate,)
    joint = joint_estimate([moon.maps for moon in moons], parameters)
    data = joint_dataset(joint, [moon.acquisition.name for moon in moons], parameters)
    return data, moons, joint.estimates


def _refuse_unlike(acquisitions: Sequence[Acquisition]) -> None:
    """RequestError for acquisitions that lack something, come twice, or are of different cameras or gains."""
    for acquisition in acquisitions:
        lacking = missing_for(acquisition)["moon"]
        if lacking:
            raise RequestError(f"{acquisition.label}: lacks {'; '.join(lacking)} (see etalon inspect)")
    first = acquisitions[0]
    for other in acquisitions[1:]:
        gains = [item.versions.get("PHGAIN", "") for item in (first, other)]
        if other.sensor != first.sensor or gains[0] != gains[1]:
            raise RequestError(
                f"{other.label}: {other.sensor} with gains {gains[1] or 'unnamed'}, {first.name} is {first.sensor} with {gains[0] or 'unnamed'};"
                " stray light is searched together in acquisitions of one camera and one version of the gains"
            )
    names = [item.name for item in acquisitions]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise RequestError(f"{', '.join(sorted(twice))}: given twice; give each acquisition once")


def _moon(acquisition: Acquisition, parameters: LunarStraylightParameters) -> Moon:
    sensor = load_sensor(acquisition.sensor)
    found = lunar_disk(acquisition, sensor, sun_direction(acquisition, NoParameters()), DiskParameters())
    return Moon(acquisition, sensor, dated_maps(acquisition, sensor, found, parameters))


def write_straylight(products: Sequence[Path], output: Path, wishes: Wishes = Wishes()) -> list[str]:
    """Find the stray light of one Moon acquisition, or of several together, and write straylight.html, pairs.csv, kernels.csv, straylight.nc and what is
    wished for into the folder `output`, which must be new or empty; returns the lines to print."""
    if output.exists() and any(output.iterdir()):
        raise RequestError(f"{output}: is not empty, and nothing is overwritten; name another folder")
    acquisitions = [with_axes(open_acquisition(product)) for product in products]
    data, moons, estimates = straylight_of(acquisitions, wishes.settings)
    name = acquisitions[0].name if len(moons) == 1 else f"{len(moons)} acquisitions from {acquisitions[0].name} on"
    disk.make_folder(output)
    files = {
        "straylight.html": page(data, name).encode(),
        "pairs.csv": _pairs(data).encode(),
        "kernels.csv": _kernels(data).encode(),
        "straylight.nc": to_bytes(data),
    }
    for file, content in files.items():
        disk.write_file(output / file, content)
    found = int(np.isfinite(data["share"]).sum())
    limit = 100 * float(np.nanmedian(data["detection_limit"]))
    seen = int(np.isfinite(data["detection_limit"]).sum())
    return [
        *_told(data),
        *_outliers(data),
        f"{name}: {found} kernels found; {seen} bands and pairs seen, median detection limit {limit:.3f} % of the disk",
        *_wished(data, moons, estimates, output, wishes),
        f"Page: {output / 'straylight.html'}",
    ]


def _wished(
    data: xr.Dataset, moons: Sequence[Moon], estimates: Sequence[Estimate], output: Path, wishes: Wishes
) -> list[str]:
    """Write corrected acquisitions and the proposal, where wished for."""
    lines = []
    if wishes.scenario is not None:
        for moon, estimate in zip(moons, estimates, strict=True):
            target = output / "corrected" / moon.acquisition.name
            target.parent.mkdir(exist_ok=True)
            made = write_corrected(moon.acquisition, moon.sensor, moon.maps, estimate.kernels, wishes.scenario, target)
            lines.append(f"Corrected ({wishes.scenario}): {made}")
    if wishes.proposal is not None:
        acquisition = moons[0].acquisition
        po = official_gains(acquisition, load_gains(acquisition.sensor), "auto")
        files, words = propose(data, po.gains, wishes.proposal, output / "proposal")
        lines += [f"not in the proposal: {text}" if "schemas" not in text else text for text in words]
        lines += [f"Proposed: {file}" for file in files] or [
            "Proposed: nothing, as nothing was found that a file can hold"
        ]
    return lines


def _outliers(data: xr.Dataset) -> list[str]:
    """One line for each acquisition that departs from the others, and for each kernel on which they disagree."""
    if "acquisition" not in data.dims:
        return []
    lines = []
    for band, kernel in _found(data):
        cell = data.sel(band=band).isel(kernel=kernel)
        for name, pull in zip(data["acquisition"].values, cell["acquisition_pull"].values, strict=True):
            if abs(pull) > OUTLIER_SIGMAS:
                lines.append(
                    f"{band}: {cell['kernel_kind'].item()} from {cell['kernel_source_band'].item()}: {name} departs from the others by {pull:+.1f} sigmas"
                )
    return lines


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
