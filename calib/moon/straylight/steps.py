"""The step LUNAR_STRAYLIGHT: residual stray light of every band and pair of bands, as a dataset."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from pydantic import Field

from calib.acquisition import Acquisition
from calib.errors import InputError
from calib.moon.straylight.correction import SCENARIOS, corrected_maps, disk_effect, factors_left, hidden_effect
from calib.moon.straylight.estimate import Estimate, StraylightParameters, band_sky, clean_disks, estimate_kernels
from calib.moon.straylight.maps import DiskMaps, disk_maps
from calib.moon.straylight.templates import Kernel
from calib.sensor import Sensor
from calib.steps import Step
from calib.types import as_record
from calib.units import stamp

RINGS = ((1.02, 1.1), (1.1, 1.3), (1.3, 1.6))
BEFORE = "none"
_NAN = float("nan")


class LunarStraylightParameters(StraylightParameters):
    """How stray light is looked for, and how it is told."""

    column_edges: tuple[int, ...] = Field(
        default=(), description="first columns of the ranges with a ghost filter of their own, beyond the first range"
    )


def lunar_straylight(
    acquisition: Acquisition, sensor: Sensor, disk: xr.Dataset, parameters: LunarStraylightParameters
) -> xr.Dataset:
    """The stray light around the Moon, over band, source (a band), kernel (a number), ring and scenario.

    Shares are of the mean radiance of the band's own disk (1), > 0 where light is added; shifts and blurs in pixels of the camera, from where the
    source's Moon stands at equal time. What is not found is NaN or empty; `detection_limit` tells what would have been. Maps are records.
    """
    return as_dataset(estimate_kernels(dated_maps(acquisition, sensor, disk, parameters), parameters), parameters)


def dated_maps(
    acquisition: Acquisition, sensor: Sensor, disk: xr.Dataset, parameters: LunarStraylightParameters
) -> DiskMaps:
    """The maps of all bands; InputError where lines have no dates, by which bands are paired."""
    undated = [name for name in map(str, disk["band"].values) if not acquisition.band(name).dated]
    if undated:
        raise InputError(
            f"{acquisition.path}: the lines of {', '.join(undated)} have no dates, by which bands are paired; give the product in sensor geometry"
        )
    return disk_maps(acquisition, sensor, disk, parameters.radius_cells, parameters.extent)


def as_dataset(estimate: Estimate, parameters: LunarStraylightParameters) -> xr.Dataset:
    """The dataset of LUNAR_STRAYLIGHT of an estimate."""
    data = xr.Dataset(
        {
            **_per_kernel(estimate, parameters.kernels),
            **_per_pair(estimate),
            **_per_band(estimate, parameters.kernels),
            **_rings(estimate),
            **_by_range(estimate, parameters.column_edges),
            **_pictures(estimate),
        }
    )
    bands = list(estimate.maps.bands)
    return data.assign_coords(
        band=bands,
        source=bands,
        scenario=[BEFORE, *SCENARIOS],
        ring_from=("ring", [ring[0] for ring in RINGS], {"units": "1"}),
        ring_to=("ring", [ring[1] for ring in RINGS], {"units": "1"}),
    ).assign_attrs(false_alarm=parameters.false_alarm, limit_sigma=estimate.limit)


def share_of_count(estimate: Estimate, band: str, source: str) -> float:
    """Share of the band's disk per count of the source's disk."""
    bands = estimate.maps.bands
    return float(estimate.level[bands.index(source)] / estimate.level[bands.index(band)])


def _per_kernel(estimate: Estimate, most: int) -> dict[str, xr.DataArray]:
    """The kernels of each band, strongest first, over (band, kernel); and the covariance of their shares."""
    units = {
        "share": "1", "share_uncertainty": "1", "share_noise": "1", "share_joint_uncertainty": "1", "factor": "1", "significance": "1",
        "column_shift": "pixel", "line_shift": "pixel", "blur": "pixel", "column_shift_uncertainty": "pixel", "line_shift_uncertainty": "pixel",
        "blur_uncertainty": "pixel", "image_column_shift": "pixel",
    }  # fmt: skip
    bands = estimate.maps.bands
    numbers = {name: np.full((len(bands), most), _NAN) for name in units}
    texts = {name: np.full((len(bands), most), "", dtype=object) for name in ("kind", "source_band", "alternatives")}
    covariance = np.full((len(bands), most, most), _NAN)
    for row, band in enumerate(bands):
        order = kernel_order(estimate, band)
        for slot, item in enumerate(order):
            told = _told(estimate, band, item)
            for name, value in told.items():
                (numbers if name in numbers else texts)[name][row, slot] = value
        places = [estimate.found[band].factors()[item] for item in order]
        ratios = np.array([share_of_count(estimate, band, estimate.kernels[band][item].source) for item in order])
        size = len(order)
        covariance[row, :size, :size] = estimate.found[band].covariance[np.ix_(places, places)] * np.outer(
            ratios, ratios
        )
    dims = ("band", "kernel")
    return {
        **{name: xr.DataArray(array, dims=dims, attrs={"units": units[name]}) for name, array in numbers.items()},
        **{f"kernel_{name}": xr.DataArray(array.astype(str), dims=dims) for name, array in texts.items()},
        "share_covariance": xr.DataArray(covariance, dims=(*dims, "kernel_too"), attrs={"units": "1"}),
    }


def kernel_order(estimate: Estimate, band: str) -> list[int]:
    significance = estimate.found[band].significance
    return sorted(range(len(significance)), key=lambda item: -significance[item])


def _told(estimate: Estimate, band: str, item: int) -> dict[str, Any]:
    """One kernel in the units of the dataset."""
    found, maps = estimate.found[band], estimate.maps
    kernel, first = found.kernels[item], found.factors()[item]
    across, along = maps.radius_pixels
    ratio = share_of_count(estimate, band, kernel.source)
    sigma = dict(zip(kernel.free, np.sqrt(np.diag(found.covariance))[first : first + len(kernel.free)], strict=True))
    own, other = (maps.places[maps.bands.index(name)] for name in (band, kernel.source))
    return {
        "kind": kernel.kind,
        "source_band": kernel.source,
        "alternatives": ", ".join(found.alternatives[item]),
        "share": kernel.factor * ratio,
        "share_uncertainty": float(np.hypot(sigma["factor"], found.hidden[item])) * ratio,
        "share_noise": sigma["factor"] * ratio,
        "share_joint_uncertainty": found.joint[item] * ratio,
        "factor": kernel.factor,
        "significance": found.significance[item],
        "column_shift": kernel.x * across,
        "line_shift": kernel.y * along,
        "blur": kernel.blur * across,
        "column_shift_uncertainty": sigma.get("x", 0.0) * across,
        "line_shift_uncertainty": sigma.get("y", 0.0) * along,
        "blur_uncertainty": sigma["blur"] * across,
        "image_column_shift": kernel.x * own.semi_column + own.column - other.column,
    }


def _per_pair(estimate: Estimate) -> dict[str, xr.DataArray]:
    """The matrix over (band, source): ghosts on its diagonal, crosstalk beside it."""
    bands, size = estimate.maps.bands, len(estimate.maps.bands)
    share, uncertainty = np.full((size, size), _NAN), np.full((size, size), _NAN)
    for row, band in enumerate(bands):
        found = estimate.found[band]
        for column, source in enumerate(bands):
            chosen = [n for n, item in enumerate(found.kernels) if item.source == source and item.kind != "halo"]
            if chosen:
                ratio = share_of_count(estimate, band, source)
                places = [found.factors()[n] for n in chosen]
                hidden = sum(found.hidden[n] ** 2 for n in chosen)
                share[row, column] = ratio * sum(found.kernels[n].factor for n in chosen)
                uncertainty[row, column] = ratio * np.sqrt(found.covariance[np.ix_(places, places)].sum() + hidden)
    limit = estimate.limit * estimate.sensitivity * estimate.level / estimate.level[:, np.newaxis]
    detectors = np.array(estimate.maps.detectors)
    values = {
        "straylight": share,
        "straylight_uncertainty": uncertainty,
        "detection_limit": np.where(np.isfinite(limit), np.maximum(limit, estimate.parameters.least_share), _NAN),
        "seen": np.clip(estimate.seen, 0.0, 1.0),
    }
    dims = ("band", "source")
    same = detectors[:, np.newaxis] == detectors
    return {
        **{name: xr.DataArray(array, dims=dims, attrs={"units": "1"}) for name, array in values.items()},
        "same_detector": xr.DataArray(same, dims=dims),
    }


def _per_band(estimate: Estimate, most: int) -> dict[str, xr.DataArray]:
    """Halo, noise, effect on the sum over the disk; and what each order of corrections leaves of each kernel."""
    bands, maps = estimate.maps.bands, estimate.maps
    effects = disk_effect(maps, estimate.kernels)
    hidden = hidden_effect(maps, estimate.kernels, estimate.limit * estimate.sensitivity)
    left = np.full((len(bands), most, len(SCENARIOS) + 1), _NAN)
    for slot, scenario in enumerate(SCENARIOS, start=1):
        for row, (band, factors) in enumerate(
            factors_left(maps, estimate.kernels, scenario, estimate.parameters.wing_margin).items()
        ):
            ratios = [share_of_count(estimate, band, item.source) for item in estimate.kernels[band]]
            order = kernel_order(estimate, band)
            left[row, : len(order), slot] = (factors * ratios)[order]
            left[row, : len(order), 0] = [estimate.kernels[band][n].factor * ratios[n] for n in order]
    columns = {
        "disk_mean": (estimate.level, "DN"),
        "sky_noise": (maps.noise, "DN"),
        "noise_scale": ([estimate.found[band].noise_scale for band in bands], "1"),
        "halo": ([_halo(estimate.kernels[band]) for band in bands], "1"),
        "disk_effect": ([effects[band][1] for band in bands], "1"),
        "disk_effect_uncertainty": ([_effect_uncertainty(estimate, band, effects[band][0]) for band in bands], "1"),
        "disk_effect_hidden": ([hidden[band] for band in bands], "1"),
    }
    return {
        **{
            name: stamp(xr.DataArray(np.array(values, dtype=float), dims="band"), units)
            for name, (values, units) in columns.items()
        },
        "share_left": xr.DataArray(left, dims=("band", "kernel", "scenario"), attrs={"units": "1"}),
    }


def _halo(kernels: tuple[Kernel, ...]) -> float:
    halos = [item.factor for item in kernels if item.kind == "halo"]
    return sum(halos) if halos else _NAN


def _effect_uncertainty(estimate: Estimate, band: str, single: np.ndarray) -> float:
    found = estimate.found[band]
    places = found.factors()
    covariance = found.covariance[np.ix_(places, places)] + np.diag(np.square(found.hidden))
    return float(np.sqrt(single @ covariance @ single)) if len(single) else 0.0


def _rings(estimate: Estimate) -> dict[str, xr.DataArray]:
    """Mean of the sky in rings around the disk, before and after each order of corrections, as a share of the disk's mean."""
    maps, radius = estimate.maps, estimate.maps.radius()
    states = [maps.mean, *(corrected_maps(maps, estimate.kernels, scenario) for scenario in SCENARIOS)]
    values = np.full((len(maps.bands), len(RINGS), len(states)), _NAN)
    sigma = np.full((len(maps.bands), len(RINGS)), _NAN)
    skies = _backgrounds(estimate)
    for row in range(len(maps.bands)):
        for ring, (low, high) in enumerate(RINGS):
            pixels = np.where((radius >= low) & (radius < high), maps.pixels[row], 0.0)
            if pixels.sum() > 0:
                mean = [float(((state[row] - skies[row]) * pixels).sum() / pixels.sum()) for state in states]
                values[row, ring] = np.array(mean) / estimate.level[row]
                scale = estimate.found[maps.bands[row]].noise_scale
                sigma[row, ring] = scale * maps.noise[row] / np.sqrt(pixels.sum()) / estimate.level[row]
    return {
        "ring_mean": xr.DataArray(values, dims=("band", "ring", "scenario"), attrs={"units": "1"}),
        "ring_noise": xr.DataArray(sigma, dims=("band", "ring"), attrs={"units": "1"}),
    }


def _backgrounds(estimate: Estimate) -> np.ndarray:
    """Level and slope of the sky of each column beside the stray light, over (band, y, x)."""
    disks = clean_disks(estimate.maps, estimate.kernels)
    found = []
    for number, band in enumerate(estimate.maps.bands):
        sky = band_sky(estimate.maps, number, disks, estimate.parameters.wing_margin)
        found.append(sky.sky.background(sky.counts - sky.model(estimate.kernels[band])))
    return np.stack(found)


def _by_range(estimate: Estimate, edges: tuple[int, ...]) -> dict[str, xr.DataArray]:
    """The ghosts' share per range of columns, all ghosts of a band scaled together in each; NaN where a range shows none."""
    maps = estimate.maps
    disks = clean_disks(maps, estimate.kernels)
    share, sigma = (np.full((len(maps.bands), len(edges) + 1), _NAN) for _ in range(2))
    for number, band in enumerate(maps.bands):
        own = tuple(item for item in estimate.kernels[band] if item.kind == "ghost")
        if not own:
            continue
        place = maps.places[number]
        ranges = np.searchsorted(edges, np.rint(maps.x * place.semi_column + place.column), side="right")
        band_own = band_sky(maps, number, disks, estimate.parameters.wing_margin)
        ghost, total = band_own.model(own), sum(item.factor for item in own)
        others = tuple(item for item in estimate.kernels[band] if item.kind != "ghost")
        residual = band_own.residual(others)
        for index in range(len(edges) + 1):
            template = np.where(ranges == index, ghost, 0.0)
            square = band_own.sky.square(template)
            # a range in which the ghosts stand out by less than one sigma tells nothing of them
            if square > estimate.found[band].noise_scale ** 2:
                product = float(np.vdot(band_own.sky.weight * residual, template))
                share[number, index] = total * product / square
                sigma[number, index] = abs(total) * estimate.found[band].noise_scale / np.sqrt(square)
    dims = ("band", "column_range")
    return {
        "ghost_by_range": xr.DataArray(share, dims=dims, attrs={"units": "1"}),
        "ghost_by_range_uncertainty": xr.DataArray(sigma, dims=dims, attrs={"units": "1"}),
    }


def _pictures(estimate: Estimate) -> dict[str, xr.DataArray]:
    """Maps over (band, y, x) in shares of the disk's mean, the disk left out: the sky before and after, and the stray light found."""
    maps = estimate.maps
    disks = clean_disks(maps, estimate.kernels)
    skies, hidden = _backgrounds(estimate), maps.radius() < 1 + estimate.parameters.wing_margin
    drawn: dict[str, list[np.ndarray]] = {"sky_before": [], "sky_after": [], "straylight_map": []}
    for number, band in enumerate(maps.bands):
        sky = band_sky(maps, number, disks, estimate.parameters.wing_margin)
        model, level = sky.model(estimate.kernels[band]), estimate.level[number]
        seen = sky.usable & ~hidden
        before = np.where(seen, maps.mean[number] - skies[number], _NAN) / level
        drawn["sky_before"].append(before)
        drawn["sky_after"].append(before - model / level)
        drawn["straylight_map"].append(model / level)
    coords = {"y": ("y", maps.y, {"units": "1"}), "x": ("x", maps.x, {"units": "1"})}
    return {
        name: as_record(
            xr.DataArray(
                np.stack(items).astype(np.float32), dims=("band", "y", "x"), coords=coords, attrs={"units": "1"}
            )
        )
        for name, items in drawn.items()
    }


LUNAR_STRAYLIGHT = Step(
    "lunar_straylight", "2", ("acquisition", "sensor", "disk"), LunarStraylightParameters, lunar_straylight
)
