"""The limb laid out straight, for people: the Laplacian on both sides of the fitted disk, ray by ray, and where it crosses zero. No step depends on it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import xarray as xr

from calib.moon.ellipse import Ellipse, Scan
from calib.moon.limb import ScaleSpace, zero_crossings
from calib.moon.tables import record

#: rays of a band; as many as those of the patches of a carried one
RAYS = 105
#: along the rays, outwards from the fitted disk, in samples of the image that was searched
_OFFSETS = np.arange(-4.5, 4.75, 0.5)
#: more than the eye tells; values that are few powers of two apart make a small file
_LEVELS = 64


@dataclass(frozen=True)
class LimbStrip:
    """Laplacian [DN] over (ray, offset) and zero crossing of each ray [samples outside the fitted disk, NaN where there is none]; angles on the disk as of
    `Ellipse.point`, lengths of the rays from the centre to the limb in samples."""

    angles_rad: np.ndarray
    lengths: np.ndarray
    laplacian: np.ndarray
    crossing: np.ndarray


def limb_strip(pieces: Iterable[tuple[ScaleSpace | None, np.ndarray]], ellipse: Ellipse, scan: Scan) -> LimbStrip:
    """The limb along the rays of pieces of image, one piece after another; NaN for a piece that is missing and where a ray leaves its piece."""
    strips = [_piece(scale_space, ellipse, scan, rays) for scale_space, rays in pieces]
    angles, laplacian, crossing = (np.concatenate(items) for items in zip(*strips, strict=True))
    return LimbStrip(angles, ray_lengths(ellipse, angles), laplacian, crossing)


def ray_lengths(ellipse: Ellipse, angles_rad: np.ndarray) -> np.ndarray:
    """From the centre to the limb, in pixels of the ellipse."""
    return np.asarray(np.hypot(ellipse.semi_column * np.cos(angles_rad), ellipse.semi_scan * np.sin(angles_rad)))


def _piece(
    scale_space: ScaleSpace | None, ellipse: Ellipse, scan: Scan, angles_rad: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if scale_space is None:
        return angles_rad, np.full((len(angles_rad), len(_OFFSETS)), np.nan), np.full(len(angles_rad), np.nan)
    lengths = ray_lengths(ellipse, angles_rad)
    column, coordinate = ellipse.point(angles_rad[:, np.newaxis], 1 + _OFFSETS / lengths[:, np.newaxis])
    line = scan.line(coordinate)
    laplacian = np.where(scale_space.holds(line, column), scale_space.along(line, column)[1], np.nan)
    crossed = zero_crossings(scale_space, ellipse, scan, angles_rad, float(_OFFSETS[-1]))
    return angles_rad, laplacian, (ellipse.radius(*crossed) - 1) * lengths


def strip_records(strip: LimbStrip, ellipse: Ellipse) -> dict[str, xr.DataArray]:
    """The strip as records of a result; `ellipse` is the disk in pixels of the band, which may be finer than the samples that were searched."""
    largest = float(np.nanmax(np.abs(strip.laplacian), initial=0.0))
    quantum = 2.0 ** np.floor(np.log2(largest / _LEVELS)) if largest > 0 else 1.0
    per_sample = ray_lengths(ellipse, strip.angles_rad) / strip.lengths
    laplacian = record(np.rint(strip.laplacian / quantum) * quantum, ("limb_ray", "limb_offset"), "DN")
    offset = ("limb_offset", _OFFSETS, {"units": "1", "long_name": "samples outside the fitted disk"})
    return {
        "limb_laplacian": laplacian.assign_coords(limb_offset=offset),
        "limb_ray_angle": record(np.degrees(strip.angles_rad), "limb_ray", "deg"),
        "limb_crossing": record(strip.crossing * per_sample, "limb_ray", "pixel"),
        "limb_sample": record(per_sample, "limb_ray", "pixel"),
    }
