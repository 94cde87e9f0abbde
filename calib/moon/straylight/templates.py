"""What a kernel adds to the map of a band: the disk of its source, displaced and blurred, with its slopes; and sums over the sky that know no background."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.fft import irfft2, next_fast_len, rfft2

Kind = Literal["ghost", "halo", "crosstalk"]
#: disk radii: the disk with its limb, and nothing of its sky
DISK_EDGE = 1.02
#: a narrower blur than this many cells cannot be told on the grid
_LEAST_BLUR = 0.35


@dataclass(frozen=True)
class Kernel:
    """Light of `source` that reaches a band: `factor` counts per count of the disk, displaced by (`x`, `y`) from where the source's Moon stands at
    equal time and blurred by a Gaussian, all in disk radii. `offset` is where that is: disk radii along the scan from the band's own Moon. A halo is
    a ghost that is not displaced, such as the wings of the optics make."""

    kind: Kind
    source: str
    offset: float
    x: float
    y: float
    blur: float
    factor: float = 0.0

    @property
    def free(self) -> tuple[str, ...]:
        """What is fitted, the factor first."""
        return ("factor", "blur") if self.kind == "halo" else ("factor", "x", "y", "blur")

    def moved(self, step: np.ndarray) -> Kernel:
        """With its free numbers changed by a step."""
        return replace(
            self, **{name: getattr(self, name) + float(by) for name, by in zip(self.free, step, strict=True)}
        )


class DiskImage:
    """The disk of a source on the grid (y, x), cut out at its limb, ready to be displaced and blurred."""

    def __init__(self, image: np.ndarray, axes: tuple[np.ndarray, np.ndarray], largest_blur: float) -> None:
        y, x = axes
        self.cell = float(x[1] - x[0])
        self.shape = (image.shape[0], image.shape[1])
        self.centre = int(np.argmin(np.abs(y))), int(np.argmin(np.abs(x)))
        disk = np.where(np.hypot(y[:, np.newaxis], x) < DISK_EDGE, image, 0.0)
        self.light = float(disk.sum())
        self.level = self.light * self.cell**2 / np.pi
        reach = int(np.ceil(DISK_EDGE / self.cell)) + 1
        size = next_fast_len(2 * reach + 2 * int(np.ceil(3.5 * largest_blur / self.cell)) + 3, real=True)
        self.size, self.half = size, size // 2
        rows, columns = (slice(middle - reach, middle + reach + 1) for middle in self.centre)
        patch = np.zeros((size, size))
        inner = slice(self.half - reach, self.half + reach + 1)
        patch[inner, inner] = disk[rows, columns]
        self.spectrum = rfft2(patch)
        along, across = np.fft.fftfreq(size)[:, np.newaxis], np.fft.rfftfreq(size)
        self._turns = 2j * np.pi * along, 2j * np.pi * across
        self._square = 2 * np.pi**2 * (along**2 + across**2)

    def stray(self, kernel: Kernel, slopes: bool = False) -> np.ndarray:
        """What the kernel adds for a factor of one, over (y, x); with `slopes`, its slopes by the free numbers (times the factor) beside it."""
        down, right = (kernel.offset + kernel.y) / self.cell, kernel.x / self.cell
        blur = max(kernel.blur / self.cell, _LEAST_BLUR)
        whole = round(down), round(right)
        spectrum = self.spectrum * np.exp(
            -self._square * blur**2 - (down - whole[0]) * self._turns[0] - (right - whole[1]) * self._turns[1]
        )
        wanted = [spectrum]
        if slopes:
            factor = kernel.factor / self.cell
            by = {
                "x": -self._turns[1] * factor,
                "y": -self._turns[0] * factor,
                "blur": -2 * blur * self._square * factor,
            }
            wanted += [spectrum * by[name] for name in kernel.free[1:]]
        return np.stack([self._placed(irfft2(item, s=(self.size, self.size)), whole) for item in wanted])

    def canvas(self, offset: float, blur: float, room: tuple[int, int]) -> np.ndarray:
        """The disk at `offset` along the scan, blurred (disk radii), on a grid that is larger by `room` cells (down, across) on every side."""
        down = offset / self.cell
        spectrum = self.spectrum * np.exp(
            -self._square * max(blur / self.cell, _LEAST_BLUR) ** 2 - (down - round(down)) * self._turns[0]
        )
        return self._placed(irfft2(spectrum, s=(self.size, self.size)), (round(down), 0), room)

    def _placed(self, patch: np.ndarray, whole: tuple[int, int], room: tuple[int, int] = (0, 0)) -> np.ndarray:
        full = np.zeros((self.shape[0] + 2 * room[0], self.shape[1] + 2 * room[1]))
        inside = []
        for axis in (0, 1):
            first = self.centre[axis] + room[axis] + whole[axis] - self.half
            low, high = max(first, 0), min(first + patch.shape[axis], full.shape[axis])
            inside.append((slice(low, max(high, low)), slice(low - first, max(high, low) - first)))
        full[inside[0][0], inside[1][0]] = patch[inside[0][1], inside[1][1]]
        return full


class Sky:
    """Weighted sums over the sky cells of a band in which a level and a slope of each column do not count."""

    def __init__(self, weight: np.ndarray, y: np.ndarray) -> None:
        # columns with a handful of cells tell nothing beyond their own background
        weight = np.where(np.count_nonzero(weight, axis=0) > 4, weight, 0.0)
        total = weight.sum(axis=0)
        middle = (weight * y[:, np.newaxis]).sum(axis=0) / np.where(total > 0, total, 1)
        self.weight = weight
        self.y = y[:, np.newaxis] - middle
        slope = (weight * self.y**2).sum(axis=0)
        self._per_level = np.where(total > 0, 1 / np.where(total > 0, total, 1), 0.0)
        self._per_slope = np.where(slope > 0, 1 / np.where(slope > 0, slope, 1), 0.0)
        self._tilted = weight * self.y

    def background(self, values: np.ndarray) -> np.ndarray:
        """The level and slope of each column that fit the sky of (…, y, x) best, at all cells."""
        level = np.einsum("...ij,ij->...j", values, self.weight) * self._per_level
        slope = np.einsum("...ij,ij->...j", values, self._tilted) * self._per_slope
        return np.asarray(level[..., np.newaxis, :] + slope[..., np.newaxis, :] * self.y)

    def flat(self, values: np.ndarray) -> np.ndarray:
        """`values` without the background that fits them best."""
        return np.asarray(values - self.background(values))

    def square(self, template: np.ndarray) -> float:
        """Weighted sum of the square of a template without its background."""
        weighted = self.weight * template
        level, slope = weighted.sum(axis=0), (weighted * self.y).sum(axis=0)
        known = level**2 @ self._per_level + slope**2 @ self._per_slope
        square = float(np.vdot(weighted, template))
        # what the background explains up to rounding is not seen
        return square - known if square - known > 1e-9 * square else 0.0

    def normal(self, templates: np.ndarray) -> np.ndarray:
        """Matrix of the weighted products of templates (n, y, x) without their backgrounds."""
        levels = np.einsum("nij,ij->nj", templates, self.weight)
        slopes = np.einsum("nij,ij->nj", templates, self._tilted)
        kept = self.weight > 0
        scaled = templates[:, kept] * np.sqrt(self.weight[kept])
        known = (levels * self._per_level) @ levels.T + (slopes * self._per_slope) @ slopes.T
        return np.asarray(scaled @ scaled.T - known)
