"""Pictures and curves of the disk for people: no step depends on them."""

from __future__ import annotations

import numpy as np
import xarray as xr

from calib.acquisition import Acquisition
from calib.moon.tables import record
from calib.raster import Raster
from calib.types import as_record

_QUICKLOOK_PIXELS = 200
_PROFILE_CELLS = 80
#: so many lines make a sample
_PICTURE_LINES = 4


class Picture:
    """An image in means of step x step pixels, put together from blocks of its lines; where there is none, the sky."""

    def __init__(self, raster: Raster, step: int) -> None:
        self.step = step
        self._sums, self._number = np.zeros((2, raster.lines // step, raster.columns // step))

    def add(self, block: np.ndarray, first: int, left: int) -> None:
        """Counts (line, column) from line `first` and column `left` on. Of a sample's lines some will do."""
        start = -(-left // self.step)
        stop = min((left + block.shape[1]) // self.step, self._sums.shape[1])
        lines = np.arange(first, min(first + len(block), len(self._sums) * self.step))
        lines = lines[lines % max(self.step // _PICTURE_LINES, 1) == 0]
        if len(lines) and stop > start:
            used = block[lines - first, start * self.step - left : stop * self.step - left]
            means = np.add.reduceat(used, np.arange(0, used.shape[1], self.step), axis=1, dtype=np.int64) / self.step
            rows, begin, number = np.unique(lines // self.step, return_index=True, return_counts=True)
            self._sums[rows, start:stop] += np.add.reduceat(means, begin, axis=0)
            self._number[rows, start:stop] += number[:, np.newaxis]

    def finished(self, sky: float) -> dict[str, xr.DataArray]:
        """`quicklook` over (y, x) [DN], and `quicklook_step`."""
        values = np.where(self._number > 0, self._sums / np.maximum(self._number, 1), sky)
        side = xr.DataArray(float(self.step), attrs={"units": "pixel"})
        small = xr.DataArray(values.astype(np.float32), dims=("y", "x"), attrs={"units": "DN"})
        return {"quicklook": as_record(small), "quicklook_step": as_record(side)}


def quicklook_step(acquisition: Acquisition) -> int:
    """The side of a quicklook's sample in pixels, one for all bands: the largest image becomes at most 200 x 200."""
    rasters = [image.raster for image in acquisition.bands.values()]
    return -(-max(max(raster.lines, raster.columns) for raster in rasters) // _QUICKLOOK_PIXELS)


def limb_profile(radius: np.ndarray, counts: np.ndarray) -> xr.DataArray:
    """Mean counts [DN] across the lit limb against the distance from the centre in disk radii, 0.8 to 1.2; NaN where there is no pixel."""
    edges = np.linspace(0.8, 1.2, _PROFILE_CELLS + 1)
    cell = np.searchsorted(edges, radius) - 1
    within = (cell >= 0) & (cell < _PROFILE_CELLS)
    number = np.bincount(cell[within], minlength=_PROFILE_CELLS)
    total = np.bincount(cell[within], counts[within].astype(np.float64), _PROFILE_CELLS)
    with np.errstate(invalid="ignore"):
        profile = record(total / number, "profile", "DN")
    return profile.assign_coords(profile_radius=("profile", (edges[1:] + edges[:-1]) / 2, {"units": "1"}))
