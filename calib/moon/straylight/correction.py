"""Kernels applied: counts and maps without stray light, in any order of the two corrections, and what that does to the sum over the disk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import dask.array
import numpy as np
import xarray as xr

from calib.acquisition import Acquisition
from calib.moon.straylight.estimate import band_sky, clean_disks, stray_light
from calib.moon.straylight.maps import DiskMaps, on_image
from calib.moon.straylight.templates import DiskImage, Kernel
from calib.sensor import StraylightPath
from calib.units import stamp

#: the orders of the two corrections, as the ground segment names them: type 1 are ghosts and halos, type 2 crosstalks
SCENARIOS = ("TYPE1", "TYPE2", "TYPE1_TYPE2", "TYPE2_TYPE1")
_TYPE2 = "crosstalk"
#: disk radii: aperture and sky of the photometry
_APERTURE, _SKY = 1.06, (1.15, 2.0)
#: disk radii: where a ghost that was not found is thought to lie, and its blur
_GHOST_SHIFT, _HIDDEN_BLUR = 0.14, 0.015

Kernels = Mapping[str, tuple[Kernel, ...]]


def corrected_maps(maps: DiskMaps, kernels: Kernels, scenario: str) -> np.ndarray:
    """Counts over (band, y, x) [DN] after the corrections of `scenario`, in its order: the second starts from what the first one left in all bands."""
    mean = maps.mean
    for kind in scenario.split("_"):
        disks = {
            band: DiskImage(mean[number], (maps.y, maps.x), _widest(kernels)) for number, band in enumerate(maps.bands)
        }
        chosen = {band: of_type(kernels.get(band, ()), kind) for band in maps.bands}
        mean = mean - np.stack([stray_light(disks, chosen[band]) for band in maps.bands])
    return mean


def corrected_counts(
    acquisition: Acquisition, maps: DiskMaps, kernels: Kernels, scenario: str, band: str
) -> xr.DataArray:
    """Counts of one band over (line, column) [DN], lazily, without the stray light of `kernels`; the sky level stays."""
    removed = maps.mean - corrected_maps(maps, kernels, scenario)
    stray = removed[maps.bands.index(band)]
    counts = acquisition.band(band).counts()
    columns = counts.sizes["column"]

    def without(block: np.ndarray, block_info: Any = None) -> np.ndarray:
        (first, stop), (left, right) = block_info[0]["array-location"]
        return np.asarray(
            block - on_image(stray, maps, band, slice(first, stop), columns)[:, left:right], dtype=np.float32
        )

    data = dask.array.map_blocks(without, counts.data, dtype=np.float32)
    return stamp(counts.copy(data=data), "DN", "counts without stray light")


def disk_effect(maps: DiskMaps, kernels: Kernels) -> dict[str, tuple[np.ndarray, float]]:
    """Per band, what each kernel adds to the sum over the disk per unit of its factor, and what all add: shares of the sum.

    The sum is that of the photometry: it takes the sky, and the stray light in it, from the same columns before and after the disk. A gain found
    without the correction is to be divided by one plus the second number.
    """
    disks = clean_disks(maps, {band: kernels.get(band, ()) for band in maps.bands})
    effects = {}
    for number, band in enumerate(maps.bands):
        several = kernels.get(band, ())
        clean = _aperture_sum(maps, number, maps.mean[number] - stray_light(disks, several))
        single = [_aperture_sum(maps, number, disks[item.source].stray(item)[0]) / clean for item in several]
        effects[band] = np.array(single), float(sum(k.factor * s for k, s in zip(several, single, strict=True)))
    return effects


def hidden_effect(maps: DiskMaps, kernels: Kernels, limits: np.ndarray) -> dict[str, float]:
    """Per band, the uncertainty of the sum over the disk by kernels that were not found: shares of the sum.

    `limits` over (band, source) are the factors below which a ghost or crosstalk hides, each as likely as another; not finite where the source's Moon
    does not fall on the sky that is seen. Ghosts are taken at a displacement of a seventh of a radius along either axis, crosstalks without one.
    """
    disks = clean_disks(maps, {band: kernels.get(band, ()) for band in maps.bands})
    effects = {}
    for row, band in enumerate(maps.bands):
        found = {item.source for item in kernels.get(band, ()) if item.kind != "halo"}
        clean = _aperture_sum(maps, row, maps.mean[row] - stray_light(disks, kernels.get(band, ())))
        variance = 0.0
        for column, source in enumerate(maps.bands):
            if source in found or not np.isfinite(limits[row, column]):
                continue
            shift = _GHOST_SHIFT if source == band else 0.0
            hidden = Kernel("crosstalk", source, float(maps.offset[row, column]), shift, shift, _HIDDEN_BLUR)
            effect = _aperture_sum(maps, row, disks[source].stray(hidden)[0]) / clean
            variance += (limits[row, column] * effect) ** 2 / 3
        effects[band] = float(np.sqrt(variance))
    return effects


def factors_left(maps: DiskMaps, kernels: Kernels, scenario: str, margin: float) -> dict[str, np.ndarray]:
    """What remains of the factor of each kernel (counts per count) after a correction, its place and blur kept, by band."""
    mean = corrected_maps(maps, kernels, scenario)
    disks = clean_disks(maps, kernels)
    left = {}
    for number, band in enumerate(maps.bands):
        several = kernels.get(band, ())
        if not several:
            left[band] = np.zeros(0)
            continue
        sky = band_sky(maps, number, disks, margin).sky
        templates = np.concatenate([disks[item.source].stray(item) for item in several])
        right = np.tensordot(templates, sky.weight * sky.flat(mean[number]), axes=([1, 2], [0, 1]))
        left[band] = np.linalg.pinv(sky.normal(templates), hermitian=True) @ right
    return left


def kernels_of_paths(
    paths: Iterable[StraylightPath], maps: DiskMaps, gains: Mapping[str, float]
) -> dict[str, tuple[Kernel, ...]]:
    """Known paths as kernels: factors of radiance, shifts in pixels of the camera. `gains` in DN / (W m-2 sr-1 um-1), by band."""
    found: dict[str, list[Kernel]] = {band: [] for band in maps.bands}
    across, along = maps.radius_pixels
    for path in paths:
        source = path.source or path.band
        if path.band not in maps.bands or source not in maps.bands:
            continue
        offset = float(maps.offset[maps.bands.index(path.band), maps.bands.index(source)])
        factor = path.factor * gains[path.band] / gains[source]
        found[path.band].append(
            Kernel(
                path.kind,
                source,
                offset,
                path.column_shift / across,
                path.line_shift / along,
                path.blur / across,
                factor,
            )
        )
    return {band: tuple(items) for band, items in found.items()}


def paths_of_kernels(kernels: Kernels, maps: DiskMaps, gains: Mapping[str, float]) -> list[StraylightPath]:
    """Kernels as paths, the inverse of `kernels_of_paths`: what a sensor file, a simulation or a proposal of filters needs."""
    across, along = maps.radius_pixels
    return [
        StraylightPath(
            kind="crosstalk" if item.kind == "crosstalk" else "ghost",
            band=band,
            source=item.source if item.kind == "crosstalk" else None,
            factor=item.factor * gains[item.source] / gains[band],
            column_shift=item.x * across,
            line_shift=item.y * along,
            blur=item.blur * across,
        )
        for band, several in kernels.items()
        for item in several
    ]


def spatial_filter(path: StraylightPath) -> tuple[np.ndarray, int]:
    """The path as a float32 filter over (row, column) in pixels of the camera, and a shift in whole columns that is left out of it.

    A ghost's filter holds its factor and its whole displacement (shift 0); a crosstalk's has a sum of one and holds the rest of the shift: its factor
    and its shift stand beside it. An output pixel takes filter[row, column] of the pixel that lies (row, column) before it, counted from the middle.
    """
    shift = round(path.column_shift) if path.kind == _TYPE2 else 0
    right, down = path.column_shift - shift, path.line_shift
    sigma = max(path.blur, 0.3)
    half = int(np.ceil(max(abs(right), abs(down)) + 4 * sigma))
    place = np.arange(-half, half + 1)
    weights = np.exp(-0.5 * ((place - down) / sigma) ** 2)[:, np.newaxis] * np.exp(
        -0.5 * ((place - right) / sigma) ** 2
    )
    scale = (1.0 if path.kind == _TYPE2 else path.factor) / weights.sum()
    return np.asarray(weights * scale, dtype=np.float32), shift


def of_type(kernels: tuple[Kernel, ...], kind: str) -> tuple[Kernel, ...]:
    """The kernels of TYPE1 or of TYPE2."""
    return tuple(item for item in kernels if (item.kind == _TYPE2) == (kind == "TYPE2"))


def _widest(kernels: Kernels) -> float:
    return max((item.blur for several in kernels.values() for item in several), default=0.1)


def _aperture_sum(maps: DiskMaps, number: int, values: np.ndarray) -> float:
    """Sum over the aperture with the sky of each column taken away, DN pixel."""
    pixels, y = maps.pixels[number], maps.y
    levels, centres = [], []
    for side in (-1, 1):
        rows = (y * side > _SKY[0]) & (y * side < _SKY[1])
        number_of = pixels[rows].sum(axis=0)
        levels.append((values * pixels)[rows].sum(axis=0) / np.maximum(number_of, 1e-9))
        centres.append(float((y[rows] * pixels[rows].sum(axis=1)).sum() / pixels[rows].sum()))
    share = ((y - centres[0]) / (centres[1] - centres[0]))[:, np.newaxis]
    sky = levels[0] + (levels[1] - levels[0]) * share
    return float(((values - sky) * pixels)[maps.radius() < _APERTURE].sum())
