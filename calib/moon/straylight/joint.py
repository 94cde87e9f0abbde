"""Several Moons of one camera searched together: one set of kernels that fits the sky around all of them, and how far each Moon agrees."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from calib.errors import InputError
from calib.moon.straylight.estimate import Estimate, StraylightParameters, band_sky, clean_disks, search_all
from calib.moon.straylight.fit import Found, noise_scale
from calib.moon.straylight.maps import DiskMaps
from calib.moon.straylight.search import BandSky, Way
from calib.moon.straylight.steps import LunarStraylightParameters, as_dataset, kernel_order, share_of_count
from calib.moon.straylight.templates import DiskImage, Kernel

#: widths of maps are multiples of it: cells are joined by so many
_GROUP = 4
#: an acquisition that departs from all together by more sigmas is named
OUTLIER_SIGMAS = 4.0


@dataclass(frozen=True, eq=False)
class Joint:
    """What several acquisitions tell together.

    `estimates` holds the same kernels for each acquisition, in its own disk radii, with the limits of all together. Over (acquisition, kernel), by band:
    `factors` of the kernels where each acquisition is left to itself, displacements and blurs held, and their uncertainties (inf where it cannot tell).
    """

    estimates: tuple[Estimate, ...]
    factors: Mapping[str, np.ndarray]
    uncertainties: Mapping[str, np.ndarray]

    def chi_square(self, band: str) -> tuple[np.ndarray, np.ndarray]:
        """Per kernel of a band: chi square of the acquisitions about their mean, and its degrees of freedom."""
        weight = self.uncertainties[band] ** -2.0
        total = weight.sum(axis=0)
        mean = (weight * self.factors[band]).sum(axis=0) / np.where(total > 0, total, 1.0)
        told = np.count_nonzero(weight > 0, axis=0)
        return (weight * (self.factors[band] - mean) ** 2).sum(axis=0), np.maximum(told - 1, 0)

    def pulls(self, band: str) -> np.ndarray:
        """How far each acquisition departs from the others together, over (acquisition, kernel), in sigmas; zero where it cannot tell."""
        weight = self.uncertainties[band] ** -2.0
        rest = weight.sum(axis=0) - weight
        others = ((weight * self.factors[band]).sum(axis=0) - weight * self.factors[band]) / np.where(rest > 0, rest, 1)
        known = (weight > 0) & (rest > 0)
        variance = np.where(known, 1 / np.where(known, weight, 1.0) + 1 / np.where(known, rest, 1.0), np.inf)
        return np.asarray(np.where(known, (self.factors[band] - others) / np.sqrt(variance), 0.0))


def joint_estimate(scenes: Sequence[DiskMaps], parameters: StraylightParameters) -> Joint:
    """The kernels that fit all acquisitions together: factors, and displacements and blurs in pixels of the camera, are the same in all.

    All have the same bands and gains. InputError where bands differ.
    """
    maps = _aligned(scenes)

    def skies_of(kernels: Mapping[str, tuple[Kernel, ...]]) -> dict[str, BandSky]:
        disks = [clean_disks(item, _in_scene(kernels, maps[0], item)) for item in maps]
        return {
            band: _joined_sky(maps, disks, number, parameters.wing_margin) for number, band in enumerate(maps[0].bands)
        }

    told = search_all(maps[0], skies_of, parameters)
    kernels = {band: item.kernels for band, item in told.found.items()}
    estimates = []
    for item, plain in zip(maps, scenes, strict=True):
        disks = clean_disks(item, _in_scene(kernels, maps[0], item))
        level = np.array([disks[band].level for band in item.bands])
        found = {band: _found_in_scene(found, maps[0], item, band) for band, found in told.found.items()}
        estimates.append(Estimate(plain, found, told.limit, told.sensitivity, told.seen, level, parameters))
    alone = [_alone(estimate) for estimate in estimates]
    bands = maps[0].bands
    return Joint(
        tuple(estimates),
        {band: np.array([item[band][0] for item in alone]) for band in bands},
        {band: np.array([item[band][1] for item in alone]) for band in bands},
    )


def joint_dataset(joint: Joint, names: Sequence[str], parameters: LunarStraylightParameters) -> xr.Dataset:
    """The dataset of LUNAR_STRAYLIGHT of several acquisitions together, in shares of the disks of the first; over (acquisition, band, kernel)
    the share that each gives by itself with its uncertainty, and how far it departs from the others (sigmas); `consistency` is chi square over its
    degrees of freedom, over (band, kernel)."""
    first = joint.estimates[0]
    data = as_dataset(first, parameters)
    bands, shape = first.maps.bands, (len(names), len(first.maps.bands), parameters.kernels)
    share, sigma, pull = (np.full(shape, np.nan) for _ in range(3))
    consistency = np.full(shape[1:], np.nan)
    for row, band in enumerate(bands):
        order = kernel_order(first, band)
        if not order:
            continue
        ratios = np.array([share_of_count(first, band, item.source) for item in first.kernels[band]])
        told = joint.uncertainties[band]
        seen = np.isfinite(told)
        share[:, row, : len(order)] = np.where(seen, joint.factors[band] * ratios, np.nan)[:, order]
        sigma[:, row, : len(order)] = np.where(seen, told * ratios, np.nan)[:, order]
        pull[:, row, : len(order)] = joint.pulls(band)[:, order]
        square, freedom = joint.chi_square(band)
        consistency[row, : len(order)] = np.where(freedom > 0, square / np.maximum(freedom, 1), np.nan)[order]
    dims = ("acquisition", "band", "kernel")
    arrays = {"acquisition_share": share, "acquisition_share_uncertainty": sigma, "acquisition_pull": pull}
    return data.assign(
        {name: xr.DataArray(array, dims=dims, attrs={"units": "1"}) for name, array in arrays.items()}
        | {"consistency": xr.DataArray(consistency, dims=dims[1:], attrs={"units": "1"})}
    ).assign_coords(acquisition=list(names))


def _alone(estimate: Estimate) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """By band, the factors that one acquisition gives to the kernels of all, and their uncertainties."""
    maps, margin = estimate.maps, estimate.parameters.wing_margin
    disks = clean_disks(maps, estimate.kernels)
    told = {}
    for number, band in enumerate(maps.bands):
        kernels = estimate.kernels[band]
        if not kernels:
            told[band] = np.zeros(0), np.zeros(0)
            continue
        sky = band_sky(maps, number, disks, margin)
        templates = np.concatenate([disks[item.source].stray(item) for item in kernels])
        residual = sky.residual(kernels)
        normal = sky.sky.normal(templates)
        right = np.tensordot(templates, sky.sky.weight * residual, axes=([1, 2], [0, 1]))
        # a kernel that an acquisition does not show at all is held where all together have it
        seen = np.diag(normal) > 1e-6 * np.max(np.diag(normal))
        covariance = np.full(normal.shape, 0.0)
        covariance[np.ix_(seen, seen)] = np.linalg.pinv(normal[np.ix_(seen, seen)], hermitian=True)
        sigma = np.sqrt(np.diag(covariance)) * noise_scale(sky.sky, residual)
        factors = np.array([item.factor for item in kernels]) + covariance @ right
        told[band] = factors, np.where(seen & (sigma > 0), sigma, np.inf)
    return told


def _aligned(scenes: Sequence[DiskMaps]) -> list[DiskMaps]:
    """The maps on one axis along the scan, with widths that can be joined; InputError where bands or cells differ."""
    first = scenes[0]
    for item in scenes:
        if item.bands != first.bands or item.cell != first.cell:
            raise InputError(
                f"acquisitions with the bands {', '.join(first.bands)} and {', '.join(item.bands)}: search together those that have the same"
            )
    before = max(round(-item.y[0] / item.cell) for item in scenes)
    after = max(round(item.y[-1] / item.cell) for item in scenes)
    y = np.arange(-before, after + 1) * first.cell
    return [_padded(item, y) for item in scenes]


def _padded(maps: DiskMaps, y: np.ndarray) -> DiskMaps:
    top = round((maps.y[0] - y[0]) / maps.cell)
    bottom, right = len(y) - len(maps.y) - top, -len(maps.x) % _GROUP
    pad = ((0, 0), (top, bottom), (0, right))
    x = maps.x[0] + np.arange(len(maps.x) + right) * maps.cell
    return replace(maps, x=x, y=y, mean=np.pad(maps.mean, pad), pixels=np.pad(maps.pixels, pad))


def _scale(reference: DiskMaps, maps: DiskMaps) -> float:
    """Disk radii of an acquisition to one of the reference, for a length in pixels of the camera."""
    return reference.radius_pixels[0] / maps.radius_pixels[0]


def _moved(kernel: Kernel, reference: DiskMaps, maps: DiskMaps, band: str) -> Kernel:
    """A kernel of the reference in the disk radii of an acquisition."""
    scale, bands = _scale(reference, maps), maps.bands
    offset = float(maps.offset[bands.index(band), bands.index(kernel.source)])
    return replace(kernel, offset=offset, x=kernel.x * scale, y=kernel.y * scale, blur=kernel.blur * scale)


def _in_scene(
    kernels: Mapping[str, tuple[Kernel, ...]], reference: DiskMaps, maps: DiskMaps
) -> dict[str, tuple[Kernel, ...]]:
    return {band: tuple(_moved(item, reference, maps, band) for item in several) for band, several in kernels.items()}


def _found_in_scene(found: Found, reference: DiskMaps, maps: DiskMaps, band: str) -> Found:
    scale = _scale(reference, maps)
    turn = np.array([1.0 if name == "factor" else scale for kernel in found.kernels for name in kernel.free])
    return replace(
        found,
        kernels=tuple(_moved(item, reference, maps, band) for item in found.kernels),
        covariance=found.covariance * np.outer(turn, turn),
    )


class _JointDisk(DiskImage):
    """The disks of one source in all acquisitions, side by side, each where its Moon stands for one band."""

    def __init__(self, parts: Sequence[tuple[DiskImage, float, float]]) -> None:
        self.parts = tuple(parts)
        first = parts[0][0]
        self.cell, self.level = first.cell, first.level
        self.light = sum(disk.light for disk, _, _ in parts)
        self.shape = first.shape[0], sum(disk.shape[1] for disk, _, _ in parts)

    def stray(self, kernel: Kernel, slopes: bool = False) -> np.ndarray:
        """As of one disk; lengths of the kernel are disk radii of the first acquisition."""
        found = []
        for disk, offset, scale in self.parts:
            own = replace(kernel, offset=offset, x=kernel.x * scale, y=kernel.y * scale, blur=kernel.blur * scale)
            stack = disk.stray(own, slopes)
            stack[1:] *= scale
            found.append(stack)
        return np.concatenate(found, axis=2)

    def canvas(self, offset: float, blur: float, room: tuple[int, int]) -> np.ndarray:  # noqa: ARG002
        """The disks side by side, each at its own offset; for a room of nothing."""
        return np.concatenate([disk.canvas(own, blur * scale, room) for disk, own, scale in self.parts], axis=1)


@dataclass(eq=False)
class _JointSky(BandSky):
    """The skies of one band in all acquisitions, side by side: no column knows of another."""

    disks: Mapping[str, _JointDisk]

    def _templates(self, way: Way, blur: float) -> Iterator[np.ndarray]:
        """The disks at each displacement of a way, to the nearest cell in each acquisition."""
        rows = self._joined.weight.shape[0]
        parts = self.disks[way.source].parts
        largest = max(scale for _, _, scale in parts)
        room = tuple(int(reach * largest / self._cell) + 2 for reach in (way.reach[1], way.reach[0]))
        canvases = []
        for disk, offset, scale in parts:
            canvas = disk.canvas(offset, blur * scale, (room[0], room[1]))
            canvases.append((canvas[:-1, :-1] + canvas[1:, :-1] + canvas[:-1, 1:] + canvas[1:, 1:]) / 4)
        for down, right in way.displacements(self._cell):
            yield np.concatenate(
                [
                    canvas[room[0] - round(down * scale) :: 2, room[1] - round(right * scale) :: 2][
                        :rows, : disk.shape[1] // 2
                    ]
                    for canvas, (disk, _, scale) in zip(canvases, parts, strict=True)
                ],
                axis=1,
            )


def _joined_sky(
    maps: Sequence[DiskMaps], disks: Sequence[Mapping[str, DiskImage]], number: int, margin: float
) -> _JointSky:
    skies = [band_sky(item, number, own, margin) for item, own in zip(maps, disks, strict=True)]
    sources = {
        source: _JointDisk(
            [
                (own[source], float(item.offset[number, column]), _scale(maps[0], item))
                for item, own in zip(maps, disks, strict=True)
            ]
        )
        for column, source in enumerate(maps[0].bands)
    }
    counts, variance, usable = (
        np.concatenate([getattr(sky, name) for sky in skies], axis=1) for name in ("counts", "variance", "usable")
    )
    return _JointSky(counts, variance, usable, maps[0].y, sources)
