"""Pictures and curves of the disk for people: no step depends on them."""

from __future__ import annotations

import numpy as np
import xarray as xr

from calib.acquisition import Acquisition
from calib.moon.ellipse import Ellipse, near_limb
from calib.moon.tables import record
from calib.types import as_record

_QUICKLOOK_PIXELS = 200
_PROFILE_CELLS = 80


def pictures(counts: np.ndarray, step: int) -> dict[str, xr.DataArray]:
    """`quicklook`, the image in means of `step` x `step` pixels over (y, x), and `quicklook_step`."""
    small = xr.DataArray(block_mean(counts, (step, step)).astype(np.float32), dims=("y", "x"), attrs={"units": "DN"})
    side = xr.DataArray(float(step), attrs={"units": "pixel"})
    return {"quicklook": as_record(small), "quicklook_step": as_record(side)}


def quicklook_step(acquisition: Acquisition) -> int:
    """The side of a quicklook's sample in pixels, one for all bands: the largest image becomes at most 200 x 200."""
    rasters = [image.raster for image in acquisition.bands.values()]
    return -(-max(max(raster.lines, raster.columns) for raster in rasters) // _QUICKLOOK_PIXELS)


def block_mean(counts: np.ndarray, step: tuple[int, int]) -> np.ndarray:
    """Means over blocks of step (lines, columns); what is left over at the end is cut."""
    lines, columns = counts.shape[0] // step[0], counts.shape[1] // step[1]
    blocks = counts[: lines * step[0], : columns * step[1]].reshape(lines, step[0], columns, step[1])
    return np.asarray(blocks.mean(axis=(1, 3), dtype=np.float64))


def limb_profile(
    image: np.ndarray,
    grid: tuple[np.ndarray, np.ndarray],
    ellipse: Ellipse,
    sun_angle_rad: float,
    half_angle_rad: float,
) -> xr.DataArray:
    """Mean counts [DN] across the lit limb against the distance from the centre in disk radii, 0.8 to 1.2; `grid` as of `CleanWindow.grid`."""
    line, column, radius, _ = near_limb(grid, ellipse, sun_angle_rad, 0.2, half_angle_rad)
    edges = np.linspace(0.8, 1.2, _PROFILE_CELLS + 1)
    cell = np.clip(np.searchsorted(edges, radius) - 1, 0, _PROFILE_CELLS - 1)
    number = np.bincount(cell, minlength=_PROFILE_CELLS)
    total = np.bincount(cell, image[line, column].astype(np.float64), _PROFILE_CELLS)
    with np.errstate(invalid="ignore"):
        profile = record(total / number, "profile", "DN")
    return profile.assign_coords(profile_radius=("profile", (edges[1:] + edges[:-1]) / 2, {"units": "1"}))
