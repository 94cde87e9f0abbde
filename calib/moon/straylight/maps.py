"""Maps of the Moon and the sky around it, all bands on one grid in disk radii: a few hundred cells a side whatever the size of the images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr
from scipy.sparse import csr_array

from calib.acquisition import Acquisition, BandImage
from calib.errors import InputError
from calib.moon.ellipse import Scan, scan_of
from calib.sensor import Band, Sensor
from calib.types import same_order

_BLOCK_SAMPLES = 2_000_000
#: disk radii along the scan from which on lines tell the level of a column, and what is needed on either side
_SKY_FROM, _SKY_NEEDED = 1.2, 1.25
#: disk radii: the limb is left alone when outliers are looked for
_LIMB = (0.97, 1.03)
_LEVEL_LINES = 256
_OUTLIER_SIGMA = 6.0
#: shares of the disk's mean: stray light is not an outlier, a crater is none either
_SKY_LIGHT, _CONTRAST = 0.03, 0.5


@dataclass(frozen=True)
class Place:
    """Where the disk lies in a band image: its scan, centre (column, line) and semi-axes in pixels and lines of the mean rate."""

    scan: Scan
    column: float
    line: float
    semi_column: float
    semi_line: float

    def x(self, column: np.ndarray) -> np.ndarray:
        """Fractional columns in disk radii from the centre."""
        return np.asarray((column - self.column) / self.semi_column)

    def y(self, line: np.ndarray) -> np.ndarray:
        """Fractional lines in disk radii from the centre, along the scan."""
        centre = self.scan.coordinate(np.array(self.line))
        return np.asarray((self.scan.coordinate(np.asarray(line)) - centre) / self.semi_line)


@dataclass(frozen=True, eq=False)
class DiskMaps:
    """All bands on one grid of square cells of `cell` disk radii, each centred on its own disk.

    - `mean`: counts over (band, y, x) [DN], the sky level of each column subtracted; `pixels`: how many pixels a cell holds (0: none).
    - `noise`: of a pixel of sky [DN], over band; `offset`: over (band, source), how far along the scan the source's Moon stands from that of the band
      at equal acquisition time [disk radii]; `radius_pixels`: the disk's radius in pixels of the camera, across and along.
    """

    bands: tuple[str, ...]
    x: np.ndarray
    y: np.ndarray
    cell: float
    mean: np.ndarray
    pixels: np.ndarray
    noise: np.ndarray
    offset: np.ndarray
    radius_pixels: tuple[float, float]
    places: tuple[Place, ...]
    detectors: tuple[int, ...]

    def radius(self) -> np.ndarray:
        """Distance of the cells from the centre of the disk, over (y, x), disk radii."""
        return np.asarray(np.hypot(self.y[:, np.newaxis], self.x))


def disk_maps(
    acquisition: Acquisition, sensor: Sensor, disk: xr.Dataset, radius_cells: int, extent: tuple[float, float]
) -> DiskMaps:
    """The maps of all bands of an acquisition from its images and its disks (as LUNAR_DISK gives them); one block of one band at a time.

    `radius_cells` cells to a radius; `extent` bounds the grid (columns, lines) in disk radii from the centre.
    """
    bands = same_order(acquisition.bands, sensor.bands)
    places = tuple(_place(acquisition.band(name), disk.sel(band=name)) for name in bands)
    x, y = _axes([acquisition.band(name) for name in bands], places, 1.0 / radius_cells, extent)
    found = [
        _band_map(acquisition.band(name), sensor.bands[name], place, (x, y))
        for name, place in zip(bands, places, strict=True)
    ]
    across = float(np.median(disk["semi_axis_column"] * disk["sample_angle_column"])) / sensor.pixel_angle_across
    return DiskMaps(
        bands=tuple(bands),
        x=x,
        y=y,
        cell=1.0 / radius_cells,
        mean=np.stack([item[0] for item in found]),
        pixels=np.stack([item[1] for item in found]),
        noise=np.array([item[2] for item in found]),
        offset=_offsets([acquisition.band(name) for name in bands], places),
        radius_pixels=(across, across * sensor.pixel_angle_across / sensor.pixel_angle_along),
        places=places,
        detectors=tuple(sensor.bands[name].detector for name in bands),
    )


def on_image(map_of_band: np.ndarray, maps: DiskMaps, band: str, lines: slice, columns: int) -> np.ndarray:
    """A map (y, x) interpolated to the pixels of a stretch of lines of a band's image; zero beyond the map."""
    place = maps.places[maps.bands.index(band)]
    rows = (place.y(np.arange(lines.start, lines.stop, dtype=float)) - maps.y[0]) / maps.cell
    across = (place.x(np.arange(columns, dtype=float)) - maps.x[0]) / maps.cell
    return np.asarray(_linear(rows, len(maps.y)) @ map_of_band @ _linear(across, len(maps.x)).T)


def _linear(position: np.ndarray, cells: int) -> csr_array:
    """The matrix that interpolates linearly at positions counted in cells."""
    low = np.floor(position).astype(int)
    share = position - low
    index = np.concatenate([low, low + 1])
    weight = np.concatenate([1 - share, share])
    row = np.tile(np.arange(len(position)), 2)
    kept = (index >= 0) & (index < cells)
    return csr_array((weight[kept], (row[kept], index[kept])), shape=(len(position), cells))


def _place(image: BandImage, disk: xr.Dataset) -> Place:
    number: Mapping[str, float] = {name: float(disk[name]) for name in _PLACE}
    scan = scan_of(image, number["centre_line"], number["semi_axis_line"])
    return Place(scan, *(number[name] for name in _PLACE))


_PLACE = ("centre_column", "centre_line", "semi_axis_column", "semi_axis_line")


def _axes(
    images: list[BandImage], places: tuple[Place, ...], cell: float, extent: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Centres of the cells of a grid with the disk's centre in the middle of a cell, wide enough for every band."""
    reach = []
    for image, place in zip(images, places, strict=True):
        x = place.x(np.array([-0.5, image.raster.columns - 0.5]))
        y = place.y(np.array([-0.5, image.raster.lines - 0.5]))
        reach.append((*x, *y))
    left, right, top, bottom = np.array(reach).T
    spans = ((left.min(), right.max(), extent[0]), (top.min(), bottom.max(), extent[1]))
    axes = [
        np.arange(-int(min(-low, most) / cell), int(min(high, most) / cell) + 1) * cell for low, high, most in spans
    ]
    return axes[0], axes[1]


def _overlap(edges: np.ndarray, centres: np.ndarray) -> csr_array:
    """How much of each sample between consecutive `edges` lies in each cell of the regular axis `centres`: (cells, samples), one in all per sample."""
    cell = centres[1] - centres[0]
    position = (edges - centres[0]) / cell + 0.5
    first, last = np.floor(position[:-1]).astype(int), np.ceil(position[1:]).astype(int)
    rows, columns, weights = [], [], []
    for step in range(int(np.max(last - first))):
        index = first + step
        share = np.minimum(position[1:], index + 1) - np.maximum(position[:-1], index)
        kept = (share > 0) & (index >= 0) & (index < len(centres))
        rows.append(index[kept])
        columns.append(np.flatnonzero(kept))
        weights.append((share / np.diff(position))[kept])
    joined = (np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns)))
    return csr_array(joined, shape=(len(centres), len(edges) - 1))


def _band_map(
    image: BandImage, band: Band, place: Place, axes: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray, float]:
    """Mean counts and number of pixels of each cell, and the noise of a pixel of sky; defects and hits left out of the sky, mended on the disk."""
    lines, columns = image.raster.lines, image.raster.columns
    x, y = place.x(np.arange(columns, dtype=float)), place.y(np.arange(lines, dtype=float))
    if not (y[0] < -_SKY_NEEDED and y[-1] > _SKY_NEEDED):
        raise InputError(
            f"{image.raster.path}: the image ends {min(-y[0], y[-1]) - 1:.2f} disk radii beyond the Moon along the scan, {_SKY_NEEDED - 1:.2f} are needed"
            " to look for stray light; leave the acquisition out"
        )
    half = (axes[0][1] - axes[0][0]) / 2
    wanted = np.flatnonzero((x > axes[0][0] - 2 * half) & (x < axes[0][-1] + 2 * half))
    window = slice(int(wanted[0]), int(wanted[-1]) + 1)
    across = _overlap(place.x(np.arange(window.start, window.stop + 1) - 0.5), axes[0])
    along = _overlap(place.y(np.arange(lines + 1) - 0.5), axes[1])
    counts = image.counts()
    level, noise = _level(counts, np.abs(y), window)
    bright = _disk_level(counts, place, window, level)
    total, number = np.zeros((len(axes[1]), len(axes[0]))), np.zeros((len(axes[1]), len(axes[0])))
    step = max(64, _BLOCK_SAMPLES // (window.stop - window.start))
    for first in range(0, lines, step):
        block = slice(first, min(first + step, lines))
        values = np.asarray(counts[block, window].compute(), dtype=np.float32) - level
        radius = np.hypot(y[block, np.newaxis].astype(np.float32), x[window].astype(np.float32))
        values, good = _mended(values, radius, (noise, band.noise_slope, bright))
        part = along[:, block]
        total += (part @ (values * good)) @ across.T
        number += (part @ good) @ across.T
    return total / np.maximum(number, 1e-9), number, noise


def _level(counts: xr.DataArray, distance: np.ndarray, window: slice) -> tuple[np.ndarray, float]:
    """Sky level of each column [DN] from lines spread over the sky, and the noise of a pixel from the differences between neighbouring lines."""
    sky = np.flatnonzero(distance[:-1] > _SKY_FROM)
    chosen = sky[:: -(-len(sky) // _LEVEL_LINES) or 1]
    # pairs of neighbouring lines, read at once
    both = np.asarray(counts[np.concatenate([chosen, chosen + 1]), window].compute(), dtype=np.float32)
    sample, nearby = both[: len(chosen)], both[len(chosen) :]
    step = (nearby - sample).ravel()
    # a median of integers is coarse: it only bounds what counts
    spread = max(float(np.median(np.abs(step))), 1.0)
    step = step[np.abs(step) < 6 * 1.4826 * spread]
    noise = float(np.sqrt(np.mean(step.astype(float) ** 2) / 2))
    middle = np.median(sample, axis=0)
    kept = np.abs(sample - middle) <= _OUTLIER_SIGMA * noise
    return np.asarray(np.where(kept, sample, 0).sum(axis=0) / np.maximum(kept.sum(axis=0), 1)), noise


def _disk_level(counts: xr.DataArray, place: Place, window: slice, level: np.ndarray) -> float:
    """Mean of a few lines through the disk [DN]."""
    lines = np.unique(np.rint(np.linspace(-0.5, 0.5, 9) * place.semi_line + place.line).astype(int))
    sample = np.asarray(counts[lines, window].compute(), dtype=np.float32) - level
    inside = np.abs(place.x(np.arange(window.start, window.stop, dtype=float))) < 0.8
    return max(float(sample[:, inside].mean()), 0.0)


def _mended(values: np.ndarray, radius: np.ndarray, light: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Values with lone pixels and dead columns of the disk replaced from both sides of the line, and which count (1 or 0).

    `light`: noise of the sky, growth of its square with the signal, mean signal of the disk, DN.
    """
    noise, slope, bright = light
    inner = radius < _LIMB[0]
    padded = np.pad(values, ((0, 0), (2, 2)), mode="edge")
    sides = np.sort(np.stack([padded[:, :-4], padded[:, 1:-3], padded[:, 3:-1], padded[:, 4:]]), axis=0)
    middle = (sides[1] + sides[2]) / 2
    limit = _OUTLIER_SIGMA * np.sqrt(noise**2 + slope * np.maximum(middle, 0)) + _CONTRAST * np.abs(middle)
    odd = inner & (np.abs(values - middle) > limit)
    values = np.where(odd, middle, values)
    good = (radius < _LIMB[1]) | (np.abs(values) < _OUTLIER_SIGMA * noise + _SKY_LIGHT * bright)
    return values, good.astype(np.float32)


def _offsets(images: list[BandImage], places: tuple[Place, ...]) -> np.ndarray:
    """(band, source): where the band's scan stands when the source has the Moon in its centre, disk radii from the band's own Moon."""
    times = [image.line_time(place.line) for image, place in zip(images, places, strict=True)]
    offsets = np.zeros((len(images), len(images)))
    for row, (image, place) in enumerate(zip(images, places, strict=True)):
        lines = np.array([_line_at(image, time) for time in times])
        offsets[row] = place.y(lines)
    return offsets


def _line_at(image: BandImage, time: np.datetime64) -> float:
    """The fractional line that is taken at a time; beyond the image by its mean line period."""
    since = float((time - image.first_line) / np.timedelta64(1, "ns"))
    if image.line_dates is None:
        return since * 1e-9 / image.line_period_s
    dates = (image.line_dates - image.first_line).astype(np.int64)
    beyond = min(since, 0.0) + max(since - float(dates[-1]), 0.0)
    return float(np.interp(since, dates, np.arange(len(dates)))) + beyond * 1e-9 / image.line_period_s
