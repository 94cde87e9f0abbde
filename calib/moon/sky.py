"""The sky beside the Moon: the level of each column before and after the disk, and between them by the scan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import Field

from calib.config import Model
from calib.errors import InputError
from calib.units import Fraction

_SAMPLED_LINES = 65
_BLOCK_LINES = 64
_CLIP_SIGMA = 5.0


class SkyParameters(Model):
    """Which lines are sky. Radii are those of the disk."""

    sky_from: Fraction = Field(default=1.15, gt=1, description="sky lines begin this many disk radii from the centre")
    sky_to: Fraction = Field(default=2.0, gt=1, description="and end there, or at the border of the image")
    smallest_sky: int = Field(default=8, ge=2, description="sky lines needed on each side")
    most_sky: int = Field(default=2048, ge=64, description="sky lines used on each side at most, the nearest ones")


@dataclass(frozen=True)
class Sky:
    """Sky of each column [DN] `before` and `after` the disk, at scan coordinates `places` from the disk's centre; `error` is the standard uncertainty of
    a column's level at the disk, `noise` that of a pixel, `spreads` the scatter in each column on either side, `outliers` the pixels left out."""

    before: np.ndarray
    after: np.ndarray
    places: tuple[float, float]
    error: np.ndarray
    noise: float
    spreads: tuple[np.ndarray, np.ndarray]
    outliers: int

    def share(self, offset: np.ndarray | float) -> np.ndarray:
        """How much of `after` the sky holds at a scan coordinate from the disk's centre."""
        return np.asarray((offset - self.places[0]) / (self.places[1] - self.places[0]))

    @property
    def level(self) -> np.ndarray:
        """Of each column at the disk's centre."""
        return np.asarray(self.before + (self.after - self.before) * self.share(0.0))

    @property
    def step(self) -> float:
        """From before to after the disk, mean of the columns."""
        return float(np.mean(self.after - self.before))

    @property
    def slope(self) -> float:
        """Across the columns, DN per pixel."""
        return float(np.polyfit(np.arange(len(self.level)), self.level, 1)[0])


def sky_lines(offset: np.ndarray, half_height: float, parameters: SkyParameters, source: str) -> tuple[slice, slice]:
    """The lines before and after the disk, of lines at scan coordinates `offset` from its centre. InputError where they are too few."""
    first, inner, outer, last = np.searchsorted(
        offset / half_height, [-parameters.sky_to, -parameters.sky_from, parameters.sky_from, parameters.sky_to]
    )
    for where, number in (("before", inner - first), ("after", last - outer)):
        if number < parameters.smallest_sky:
            raise InputError(
                f"{source}: {number} lines of sky {where} the Moon, {parameters.smallest_sky} are needed; take a longer scan"
            )
    return slice(max(first, inner - parameters.most_sky), int(inner)), slice(
        int(outer), min(last, outer + parameters.most_sky)
    )


def measured_sky(before: np.ndarray, after: np.ndarray, offsets: tuple[np.ndarray, np.ndarray]) -> Sky:
    """The sky from the counts (line, column) before and after the disk, whose lines lie at `offsets` (scan coordinate) from its centre."""
    sides = [_clipped(counts) for counts in (before, after)]
    places = float(offsets[0].mean()), float(offsets[1].mean())
    share = -places[0] / (places[1] - places[0])
    errors = [side.noise / np.sqrt(side.number) for side in sides]
    return Sky(
        sides[0].level,
        sides[1].level,
        places,
        np.hypot((1 - share) * errors[0], share * errors[1]),
        float(np.mean([side.noise for side in sides])),
        (sides[0].spread, sides[1].spread),
        sum(side.outliers for side in sides),
    )


@dataclass(frozen=True)
class _Side:
    level: np.ndarray
    noise: float
    number: np.ndarray
    spread: np.ndarray
    outliers: int


def _clipped(counts: np.ndarray) -> _Side:
    """Mean of each column without its outliers, noise of a pixel, how many pixels count, and the scatter with the outliers."""
    # a median of integers is an integer: it only finds the outliers, the level is the mean of the others
    sampled = counts[:: -(-len(counts) // _SAMPLED_LINES)]
    middle = np.median(sampled, axis=0).astype(np.float32)
    limit = _CLIP_SIGMA * max(1.4826 * float(np.median(np.abs(sampled - middle))), 0.5)
    number, total, squares, every, every_square = np.zeros((5, counts.shape[1]))
    for first in range(0, len(counts), _BLOCK_LINES):
        distance = counts[first : first + _BLOCK_LINES] - middle
        square = distance * distance
        sums, square_sums = distance.sum(axis=0), square.sum(axis=0)
        every += sums
        every_square += square_sums
        number += len(distance)
        # few columns have outliers: only theirs are summed again
        spoiled = np.flatnonzero(square.max(axis=0) > limit * limit)
        if len(spoiled):
            kept = square[:, spoiled] <= limit * limit
            number[spoiled] -= np.count_nonzero(~kept, axis=0)
            sums[spoiled] = (distance[:, spoiled] * kept).sum(axis=0)
            square_sums[spoiled] = (square[:, spoiled] * kept).sum(axis=0)
        total += sums
        squares += square_sums
    variance = (squares - total**2 / np.maximum(number, 1)) / np.maximum(number - 1, 1)
    scatter = every_square / len(counts) - (every / len(counts)) ** 2
    return _Side(
        middle + total / np.maximum(number, 1),
        float(np.sqrt(np.median(variance))),
        np.maximum(number, 1),
        np.sqrt(np.maximum(scatter, 0)),
        int(counts.size - number.sum()),
    )
