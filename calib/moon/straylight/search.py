"""Where the disk of a source shows again in the sky of a band: every displacement tried on whole cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.ndimage import median_filter
from scipy.stats import norm

from calib.moon.straylight.templates import DiskImage, Kernel, Kind, Sky

#: cells from one displacement tried to the next
_STRIDE = 2
_LONE_SIGMA = 8.0


@dataclass(frozen=True)
class Way:
    """A way that light may take: from `source`, whose Moon stands `offset` disk radii along the scan from the band's own at equal time, displaced by up
    to `reach` (across, along) and blurred by about one of `blurs`, all in disk radii; its factor is not expected much beyond `largest`."""

    kind: Kind
    source: str
    offset: float
    reach: tuple[float, float]
    blurs: tuple[float, ...]
    largest: float

    def displacements(self, cell: float) -> list[tuple[int, int]]:
        """Displacements to be tried, (down, right) in cells."""
        across, along = (int(reach / cell) // _STRIDE * _STRIDE for reach in self.reach)
        every = [
            (down, right) for down in range(-along, along + 1, _STRIDE) for right in range(-across, across + 1, _STRIDE)
        ]
        # a ghost that is not displaced is a halo
        return [item for item in every if self.kind != "ghost" or item != (0, 0)]

    def holds(self, kernel: Kernel, slack: float = 0.0) -> bool:
        """Whether the light of a kernel could have come this way, give or take `slack` along the scan."""
        along = kernel.offset + kernel.y - self.offset
        return abs(kernel.x) <= self.reach[0] and abs(along) <= self.reach[1] + slack


@dataclass(eq=False)
class BandSky:
    """The sky of one band: counts over (y, x) [DN], the variance of a cell, which cells are sky, and the disks of all sources."""

    counts: np.ndarray
    variance: np.ndarray
    usable: np.ndarray
    y: np.ndarray
    disks: Mapping[str, DiskImage]
    sky: Sky = field(init=False)
    _joined: Sky = field(init=False)
    _squares: dict[tuple[Kind, str, float], np.ndarray] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        weight = np.where(self.usable, 1 / self.variance, 0.0)
        self.sky = Sky(np.where(_lone(self.counts, self.variance, self.usable), 0.0, weight), self.y)
        # displacements are tried on cells joined by two in each direction
        self._joined = Sky(_joined(self.sky.weight), self.y[: len(self.y) // 2 * 2].reshape(-1, 2).mean(axis=1))

    def model(self, kernels: tuple[Kernel, ...]) -> np.ndarray:
        """What the kernels add, over (y, x)."""
        total = np.zeros_like(self.counts)
        for kernel in kernels:
            total += kernel.factor * self.disks[kernel.source].stray(kernel)[0]
        return total

    def residual(self, kernels: tuple[Kernel, ...]) -> np.ndarray:
        """Counts without kernels and background."""
        return self.sky.flat(self.counts - self.model(kernels))

    def candidates(self, residual: np.ndarray, ways: Sequence[Way]) -> list[tuple[float, Kernel]]:
        """The best kernel of each way with its gain in chi square, best first."""
        found = []
        weighted = _joined(self.sky.weight * residual)
        for way in ways:
            for blur in way.blurs:
                squares = self._square(way, blur)
                products = np.array([np.vdot(weighted, item) for item in self._templates(way, blur)])
                gain = np.where(squares > 0, products**2 / np.where(squares > 0, squares, 1.0), 0.0)
                best = int(np.argmax(gain))
                down, right = way.displacements(self._cell)[best]
                factor = products[best] / squares[best] if squares[best] > 0 else 0.0
                place = right * self._cell, down * self._cell
                found.append((float(gain[best]), Kernel(way.kind, way.source, way.offset, *place, blur, factor)))
        return sorted(found, key=lambda item: -item[0])

    def sensitivity(self, way: Way) -> float:
        """Median uncertainty of a factor over the kernels of a way, for white noise; inf where most are not seen."""
        squares = np.concatenate([self._square(way, blur) for blur in way.blurs])
        return float(np.median(np.where(squares > 0, 1 / np.sqrt(np.where(squares > 0, squares, 1.0)), np.inf)))

    def seen(self, way: Way) -> float:
        """The share of the source's light that would fall on usable sky where it is not displaced."""
        disk = self.disks[way.source]
        return float(disk.canvas(way.offset, 0.0, (0, 0))[self.sky.weight > 0].sum() / disk.light)

    @property
    def _cell(self) -> float:
        return float(self.y[1] - self.y[0])

    def _templates(self, way: Way, blur: float) -> Iterator[np.ndarray]:
        """The disk at each displacement of a way: slices of one image."""
        canvas, room = self._canvas(way, blur)
        canvas = (canvas[:-1, :-1] + canvas[1:, :-1] + canvas[:-1, 1:] + canvas[1:, 1:]) / 4
        rows, columns = self._joined.weight.shape
        for down, right in way.displacements(self._cell):
            yield canvas[room[0] - down :: 2, room[1] - right :: 2][:rows, :columns]

    def _canvas(self, way: Way, blur: float) -> tuple[np.ndarray, tuple[int, int]]:
        room = int(way.reach[1] / self._cell) + 1, int(way.reach[0] / self._cell) + 1
        return self.disks[way.source].canvas(way.offset, blur, room), room

    def _square(self, way: Way, blur: float) -> np.ndarray:
        """The weighted square of each template of a way, flat."""
        key = way.kind, way.source, blur
        if key not in self._squares:
            self._squares[key] = np.array([self._joined.square(item) for item in self._templates(way, blur)])
        return self._squares[key]


def limit_of(false_alarm: float, trials: int) -> float:
    """Sigmas beyond which noise reaches in any of `trials` (independent at worst) with probability `false_alarm`, on either side."""
    return float(norm.isf(false_alarm / (2 * max(trials, 1))))


def _joined(values: np.ndarray) -> np.ndarray:
    """Sums over two by two cells."""
    rows, columns = (size // 2 for size in values.shape)
    return np.asarray(values[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2).sum(axis=(1, 3)))


def _lone(counts: np.ndarray, variance: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """Small groups of cells far off what is around them: a star, a planet, what is left of a hit."""
    difference = counts - median_filter(np.where(usable, counts, 0.0), 7)
    far = (np.abs(difference) > _LONE_SIGMA * np.sqrt(variance)) & usable
    return np.asarray(far & (median_filter(far.astype(np.uint8), 7) == 0))
