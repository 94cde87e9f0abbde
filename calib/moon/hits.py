"""Single pixels that do not belong: cosmic hits, stuck and dead pixels, and columns that are restless or out of step with their neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: spreads of its neighbours by which an isolated pixel stands out, beside the noise: craters do so by less
_CONTRAST = 3.0
#: sigmas of its own uncertainty by which a column may differ beside its threshold
_KNOWN = 6.0
#: pixels whose neighbours are looked at together
_TOGETHER = 2**14
#: lines that a test looks at before and after a pixel
BORDER = 2


@dataclass(frozen=True)
class Noise:
    """Of a pixel: sigma² = floor² + slope · signal, DN."""

    floor: float
    slope: float

    def sigma(self, signal: np.ndarray) -> np.ndarray:
        return np.asarray(np.sqrt(self.floor**2 + self.slope * np.maximum(signal, 0)))


def lone_pixels(
    counts: np.ndarray, level: np.ndarray, noise: Noise, threshold: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Line, column and sign of single pixels and short tracks far above or below what is around them: most of 25 neighbours differ, as they do neither
    on a limb nor on a crater's rim.

    `counts` has BORDER lines more on either side, of which no pixel is told; `level` is the sky of its columns.
    """
    inner = counts[BORDER:-BORDER, BORDER:-BORDER]
    second, third = _middle_two(counts)
    # a cheap necessary condition first: above, or below, two of the four nearest neighbours
    limit = np.asarray(np.floor(threshold * noise.floor)).astype(counts.dtype)
    spare = np.empty_like(second)
    above = np.flatnonzero(np.subtract(np.maximum(inner, second, out=spare), second, out=spare) > limit)
    below = np.flatnonzero(np.subtract(third, np.minimum(inner, third, out=spare), out=spare) > limit)
    # both together: there are so few that each call costs more than its pixels
    line, column = np.divmod(np.concatenate([above, below]), inner.shape[1])
    near = np.concatenate([second.reshape(-1)[above], third.reshape(-1)[below]]).astype(float)
    sign = np.repeat([1, -1], [len(above), len(below)])
    # the same with the noise of the light, for the few that are left
    own = inner[line, column] - level[column + BORDER]
    bright = near - level[column + BORDER]
    left = sign * (own - bright) > threshold * noise.sigma(bright)
    line, column, sign = line[left], column[left], sign[left]
    kept = np.zeros(len(line), dtype=bool)
    # counts without noise make many: not all of their neighbours at once
    for first in range(0, len(line), _TOGETHER):
        part = slice(first, first + _TOGETHER)
        around = _around(counts, level, line[part], column[part])
        kept[part] = _stands_out(around, sign[part], noise, threshold)
    return line[kept], column[kept] + BORDER, sign[kept]


def _stands_out(around: np.ndarray, sign: np.ndarray, noise: Noise, threshold: float) -> np.ndarray:
    """Whether pixels, the middle ones of `around` (neighbour, pixel), lie beyond most of their neighbours on the side of `sign`."""
    around *= sign.astype(around.dtype)
    value = around[12].copy()
    around.sort(axis=0)
    high_one, low_one = around[16], around[8]
    sigma = noise.sigma(np.where(sign > 0, high_one, -low_one))
    return np.asarray(value - high_one > threshold * sigma + _CONTRAST * (high_one - low_one))


def _middle_two(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Second and third in order of the four nearest neighbours of the pixels inside the border."""
    across, along = (counts[2:-2, 1:-3], counts[2:-2, 3:-1]), (counts[1:-3, 2:-2], counts[3:-1, 2:-2])
    # in place: memory that is in the processor's cache already
    low, high = np.minimum(*across), np.maximum(*across)
    other = np.minimum(*along)
    np.maximum(low, other, out=low)
    np.minimum(high, np.maximum(*along, out=other), out=high)
    return np.minimum(low, high, out=other), np.maximum(low, high, out=low)


def _around(counts: np.ndarray, level: np.ndarray, line: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Counts less the sky of the pixels around those `column` and `line` inside the border: (neighbour, pixel), line by line."""
    side = np.arange(2 * BORDER + 1)
    columns = column + np.tile(side, len(side))[:, np.newaxis]
    # one gathering for all neighbours: pixels are so few that each costs more than its pixels
    places = (line + np.repeat(side, len(side))[:, np.newaxis]) * counts.shape[1] + columns
    return np.asarray(counts.reshape(-1).take(places) - level.take(columns))


def restless_columns(spreads: list[np.ndarray], noise: float) -> np.ndarray:
    """Columns whose counts spread too much in the sky before the disk and after it: one cosmic hit does so on one side only."""
    return np.asarray(np.all([spread > 3 * np.median(spread) + noise for spread in spreads], axis=0))


def uneven_columns(
    mean: np.ndarray, number: np.ndarray, noise: float, sky_error: np.ndarray, threshold: float
) -> np.ndarray:
    """Columns whose `mean` over `number` pixels of the disk is brighter or darker than those on either side by more than a share `threshold` of it."""
    # towards the limb and the terminator brightness rises or falls from column to column: a good one lies between its sides
    padded = np.pad(mean, 3, mode="edge")
    left, right = (np.median([padded[i : i + len(mean)] for i in places], axis=0) for places in ((0, 1, 2), (4, 5, 6)))
    low, high = np.minimum(left, right), np.maximum(left, right)
    beyond = np.maximum(mean - high, low - mean)
    tested = (number > 0.3 * number.max()) & (low > noise)
    usual = 1.4826 * float(np.median(np.abs(beyond[tested] / low[tested]))) if tested.any() else 0.0
    # the mean of a column is no better known than its noise and its sky
    known = np.sqrt(noise**2 / np.maximum(number, 1) + sky_error**2)
    return np.asarray(tested & (beyond > max(threshold, 8 * usual) * high + _KNOWN * known))
