"""Maps of small Moons with known stray light, made without the code under test: whole images displaced and blurred by scipy on a four times finer grid."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.ndimage import gaussian_filter, shift

from calib.moon.ellipse import Scan
from calib.moon.straylight.maps import DiskMaps, Place

CELLS, FINE = 32, 4
#: camera pixels to a radius, as Venµs sees the Moon
RADIUS = 614.0
PIXELS_PER_CELL = (RADIUS / CELLS) ** 2


@dataclass(frozen=True)
class Injected:
    """Light of `source` in `band`: share of the band's disk, shifts and blur in camera pixels, as the sensor files count them."""

    band: str
    source: str
    share: float
    column: float = 0.0
    line: float = 0.0
    blur: float = 0.0


@dataclass
class StrayMoons:
    """Bands with a mean signal [DN] each, crossed at times that place them `offsets` radii apart along the scan."""

    levels: dict[str, float] = field(default_factory=lambda: {"B7": 41.0, "B8": 35.0, "B9": 50.0})
    offsets: dict[str, float] = field(default_factory=lambda: {"B7": 0.0, "B8": 0.207, "B9": 0.414})
    noise: float = 0.67
    pixels: float = PIXELS_PER_CELL
    phase_deg: float = 30.0
    sun_deg: float = 20.0
    seed: int = 0

    def maps(self, paths: list[Injected] | None = None) -> DiskMaps:
        """The maps that an image with these paths would give; noise as of `pixels` pixels in a cell."""
        bands = tuple(self.levels)
        x, y = np.arange(-54, 55) / CELLS, np.arange(-58, 59) / CELLS
        rng = np.random.default_rng(self.seed)
        disks = {band: self._disk(x, y, self.levels[band], number) for number, band in enumerate(bands)}
        mean = []
        for band in bands:
            image = disks[band].copy()
            for path in paths or []:
                if path.band == band:
                    image += path.share * self.levels[band] / self.levels[path.source] * self._moved(disks, path)
            cells = image.reshape(len(y), FINE, len(x), FINE).mean(axis=(1, 3))
            # what a column's dark level leaves
            cells = cells + rng.normal(0, 0.3, len(x)) + y[:, np.newaxis] * rng.normal(0, 0.02, len(x))
            mean.append(cells + rng.normal(0, self.noise / np.sqrt(self.pixels), cells.shape))
        offset = np.array([[self.offsets[source] - self.offsets[band] for source in bands] for band in bands])
        number = np.full((len(bands), len(y), len(x)), self.pixels)
        place = Place(Scan(np.ones(2200), np.arange(2201) - 0.5), 1020.0, 1099.5, RADIUS, RADIUS)
        noise = np.full(len(bands), self.noise)
        return DiskMaps(bands, x, y, 1 / CELLS, np.stack(mean), number, noise, offset, (RADIUS, RADIUS), (place,) * len(bands), (3,) * len(bands))  # fmt: skip

    def _disk(self, x: np.ndarray, y: np.ndarray, level: float, number: int) -> np.ndarray:
        """A lit sphere with dark patches that are a little darker in one band than in another."""
        across, down = ((np.arange(len(axis) * FINE) - (FINE - 1) / 2) / FINE / CELLS + axis[0] for axis in (x, y))
        down = down[:, np.newaxis]
        height = np.sqrt(np.maximum(1 - across**2 - down**2, 0))
        phase, sun = np.radians([self.phase_deg, self.sun_deg])
        towards = np.sin(phase) * np.cos(sun), np.sin(phase) * np.sin(sun), np.cos(phase)
        cosine = towards[0] * across + towards[1] * down + towards[2] * height
        patches = np.zeros_like(cosine)
        for column, line, width in ((-0.3, -0.4, 0.25), (0.35, -0.2, 0.2), (0.6, 0.5, 0.15), (-0.5, 0.3, 0.2)):
            patches += np.exp(-((across - column) ** 2 + (down - line) ** 2) / (2 * width**2))
        image = np.where(
            (height > 0) & (cosine > 0), np.maximum(cosine, 0) ** 0.6 * (1 - (0.4 + 0.02 * number) * patches), 0.0
        )
        return image * level / (image.sum() / np.count_nonzero(height > 0))

    def _moved(self, disks: dict[str, np.ndarray], path: Injected) -> np.ndarray:
        step = RADIUS / CELLS / FINE
        along = self.offsets[path.source] - self.offsets[path.band] + path.line / RADIUS
        blurred = gaussian_filter(disks[path.source], path.blur / step) if path.blur else disks[path.source]
        return shift(blurred, (along * CELLS * FINE, path.column / step), order=1)
