"""The counts around the Moon without the sky, defects filled: an image in memory for the search of the limb."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from calib.moon.ellipse import Ellipse, Scan
from calib.moon.hits import BORDER, Noise, lone_pixels, restless_columns, uneven_columns
from calib.moon.sky import SkyParameters, measured_sky, sky_lines
from calib.units import Fraction

_BLOCK_LINES = 64
#: lines beyond the margin: the limb of a small disk is searched so far out
_LIMB_LINES = 64.0


class CleaningParameters(SkyParameters):
    """How sky and defects are told apart. Radii are those of the disk."""

    margin: Fraction = Field(default=1.35, gt=1, description="half width of the window, disk radii")
    hit_threshold: float = Field(
        default=6.0, gt=3, description="an isolated pixel is a defect beyond this many sigma of noise"
    )
    column_threshold: Fraction = Field(
        default=0.05, gt=0, description="a column is defective where it differs by more from its neighbours"
    )


@dataclass(frozen=True)
class CleanWindow:
    """Counts minus sky [DN] over (line, column) of a window that starts at `origin`; `filled` marks the pixels that were replaced."""

    image: np.ndarray
    origin: tuple[int, int]
    filled: np.ndarray
    sky_noise: float

    def grid(self, scan: Scan) -> tuple[np.ndarray, np.ndarray]:
        """Column (1, n) and scan coordinate (n, 1) of the pixels."""
        lines = np.arange(self.image.shape[0]) + self.origin[0]
        columns = np.arange(self.image.shape[1]) + self.origin[1]
        return columns[np.newaxis, :].astype(float), scan.coordinate(lines.astype(float))[:, np.newaxis]


def clean_window(
    counts: np.ndarray,
    origin: tuple[int, int],
    ellipse: Ellipse,
    scan: Scan,
    noise: Noise,
    parameters: CleaningParameters,
    source: str,
) -> CleanWindow:
    """The disk and what is around it in `counts` (line, column; DN) from line and column `origin` on, which hold disk and sky.

    InputError, naming `source`, where sky lines are missing.
    """
    lines = np.arange(origin[0], origin[0] + len(counts), dtype=float)
    offset = scan.coordinate(lines) - ellipse.scan
    before, after = sky_lines(offset, ellipse.extent()[1], parameters, source)
    sky = measured_sky(counts[before], counts[after], (offset[before], offset[after]))
    counts, offset, origin = _around_disk(counts, offset, origin, parameters.margin * ellipse.extent()[1] + _LIMB_LINES)
    image = np.empty(counts.shape, dtype=np.float32)
    for first in range(0, len(counts), _BLOCK_LINES):
        block = slice(first, first + _BLOCK_LINES)
        share = sky.share(offset[block])[:, np.newaxis].astype(np.float32)
        np.subtract(counts[block], sky.before.astype(np.float32), out=image[block])
        image[block] -= (sky.after - sky.before).astype(np.float32) * share
    noise = Noise(max(noise.floor, sky.noise), noise.slope)
    filled = np.zeros(image.shape, dtype=bool)
    filled[_lone(image, noise, parameters.hit_threshold)] = True
    first_column, stop_column = ellipse.chords(offset + ellipse.scan, np.array([1.0]))
    columns = np.arange(origin[1], origin[1] + counts.shape[1])
    inside = (columns >= first_column) & (columns < stop_column)
    bad = restless_columns(list(sky.spreads), sky.noise)
    bad |= _uneven(image, inside, filled, sky.noise, sky.error, parameters.column_threshold)
    filled[:, bad] = True
    rows, places = _marked(filled)
    image[rows, places] = filled_values(
        lambda row, column: image[row, column], lambda row, column: inside[row, column], filled, (rows, places)
    )
    return CleanWindow(image, origin, filled, sky.noise)


def _marked(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of what is true; fast where that is little."""
    rows, columns = np.divmod(np.flatnonzero(pixels), pixels.shape[1])
    return rows, columns


def _around_disk(
    counts: np.ndarray, offset: np.ndarray, origin: tuple[int, int], reach: float
) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """The lines, in whole blocks, that lie within `reach` of the disk's centre: the farther sky has been measured and has no limb."""
    first, stop = np.searchsorted(offset, [-reach, reach])
    first = int(first) // _BLOCK_LINES * _BLOCK_LINES
    return counts[first:stop], offset[first:stop], (origin[0] + first, origin[1])


def _lone(image: np.ndarray, noise: Noise, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    level = np.zeros(image.shape[1], dtype=np.float32)
    found = []
    for first in range(0, len(image), _BLOCK_LINES):
        # where the image ends, its last line again
        begin, end = first - BORDER, min(first + _BLOCK_LINES, len(image)) + BORDER
        inner = begin >= 0 and end <= len(image)
        block = image[begin:end] if inner else image[np.clip(np.arange(begin, end), 0, len(image) - 1)]
        line, column, _ = lone_pixels(block, level, noise, threshold)
        found.append((line + first, column))
    lines, columns = (np.concatenate(items) for items in zip(*found, strict=True))
    return lines, columns


def _uneven(
    image: np.ndarray, inside: np.ndarray, lone: np.ndarray, noise: float, error: np.ndarray, threshold: float
) -> np.ndarray:
    # hits and stuck pixels do not make a column defective; a dead column is made of nothing else
    rows, columns = _marked(lone)
    columns = columns[inside[rows, columns]]
    every = inside.sum(axis=0, dtype=np.int32)
    dead = np.bincount(columns, minlength=image.shape[1]) > 0.2 * every
    number, total = np.zeros((2, image.shape[1]))
    for first in range(0, len(image), _BLOCK_LINES):
        block = slice(first, first + _BLOCK_LINES)
        used = inside[block] & (~lone[block] | dead)
        number += used.sum(axis=0, dtype=np.int32)
        total += (image[block] * used).sum(axis=0, dtype=np.float64)
    return uneven_columns(total / np.maximum(number, 1), number, noise, error, threshold)


def filled_values(
    value: Callable[[np.ndarray, np.ndarray], np.ndarray],
    inside: Callable[[np.ndarray, np.ndarray], np.ndarray],
    bad: np.ndarray,
    places: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """What the bad pixels at `places` (row, column) most likely hold: the nearest good neighbours of the line, on the same side of the limb, by their
    nearness. `value` and `inside` (the disk) tell of pixels at (row, column), `bad` is over (row, column).
    """
    row, column = places
    width = bad.shape[1]
    total, weights = np.zeros(len(row)), np.zeros(len(row))
    for direction in (-1, 1):
        place = column + direction
        for _ in range(width):
            within = (place >= 0) & (place < width)
            again = within & bad[row, np.clip(place, 0, width - 1)]
            if not again.any():
                break
            place = place + direction * again
        at = np.clip(place, 0, width - 1)
        weight = np.where(within & (inside(row, at) == inside(row, column)), 1.0 / np.abs(at - column + 1e-9), 0.0)
        total += weight * value(row, at)
        weights += weight
    # a pixel without any good neighbour on its side of the limb is empty: sky
    return np.asarray(np.where(weights > 0, total / np.maximum(weights, 1e-30), 0.0))
