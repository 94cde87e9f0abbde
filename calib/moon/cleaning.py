"""A band's window around the Moon with the sky of each column subtracted and defects filled: what the limb search and the photometry both start from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import Field

from calib.config import Model
from calib.errors import InputError
from calib.moon.ellipse import Ellipse, Scan
from calib.sensor import Band
from calib.units import Fraction

#: sigmas of its own uncertainty by which a column may differ beside its threshold
_KNOWN = 6.0
#: spreads of its neighbours by which an isolated pixel stands out, beside the noise: craters do so by less
_CONTRAST = 3.0


class CleaningParameters(Model):
    """How sky and defects are told apart. Radii are those of the disk."""

    sky_from: Fraction = Field(default=1.15, gt=1, description="sky lines begin this many disk radii from the centre")
    sky_to: Fraction = Field(default=2.0, gt=1, description="and end there, or at the border of the image")
    smallest_sky: int = Field(default=8, ge=2, description="sky lines needed on each side")
    margin: Fraction = Field(default=1.35, gt=1, description="half width of the window, disk radii")
    hit_threshold: float = Field(
        default=6.0, gt=3, description="an isolated pixel is a defect beyond this many sigma of noise"
    )
    column_threshold: Fraction = Field(
        default=0.05, gt=0, description="a column is defective where it differs by more from its neighbours"
    )


@dataclass(frozen=True)
class CleanWindow:
    """Counts minus sky [DN] over (line, column) of a window that starts at `origin`; `filled` marks the pixels that were replaced.

    Sky figures are those of the window's columns: `sky_error` the standard uncertainty of each column's level in the disk, `columns` their numbers.
    """

    image: np.ndarray
    origin: tuple[int, int]
    filled: np.ndarray
    saturated: np.ndarray
    sky_level: np.ndarray
    sky_error: np.ndarray
    sky_noise: float
    sky_step: float
    cosmic_hits: int
    defective_pixels: int

    def grid(self, scan: Scan) -> tuple[np.ndarray, np.ndarray]:
        """Column (1, n) and scan coordinate (n, 1) of the pixels."""
        lines = np.arange(self.image.shape[0]) + self.origin[0]
        columns = np.arange(self.image.shape[1]) + self.origin[1]
        return columns[np.newaxis, :].astype(float), scan.coordinate(lines.astype(float))[:, np.newaxis]


def clean_window(
    counts: np.ndarray,
    ellipse: Ellipse,
    scan: Scan,
    band: Band,
    saturation: float,
    parameters: CleaningParameters,
    source: str,
) -> CleanWindow:
    """The window of `counts` (line, column; DN) around the disk. `source` names file and band in errors: InputError where sky lines are missing."""
    half_width, half_height = ellipse.extent()
    first = max(int(np.ceil(float(scan.line(np.array(ellipse.scan - parameters.sky_to * half_height))))), 0)
    stop = min(int(float(scan.line(np.array(ellipse.scan + parameters.sky_to * half_height)))) + 1, counts.shape[0])
    left = max(int(ellipse.column - parameters.margin * half_width), 0)
    right = min(int(ellipse.column + parameters.margin * half_width) + 2, counts.shape[1])
    raw = counts[first:stop, left:right]
    coordinate = scan.coordinate(np.arange(first, stop).astype(float)) - ellipse.scan
    sky, level, error, noise, step = _sky(raw, coordinate, parameters, half_height, source)
    image = raw - sky.astype(np.float32)
    columns = np.arange(left, right, dtype=float)[np.newaxis, :]
    inside = ellipse.radius(columns, (coordinate + ellipse.scan)[:, np.newaxis]) < 1
    lone = _lone_pixels(image, band, noise, parameters.hit_threshold)
    # one pixel at the limit is a cosmic hit; a bright patch of the Moon is not alone there
    saturated = (raw >= saturation) & ~lone
    is_sky = np.abs(coordinate) > parameters.sky_from * half_height
    # hits and stuck pixels do not make a column defective; a dead column is made of nothing else
    dead = np.count_nonzero(inside & lone, axis=0) > 0.2 * np.count_nonzero(inside, axis=0)
    bad_columns = _defective_columns(image, inside & (~lone | dead), is_sky, noise, error, parameters)
    filled = lone | (bad_columns[np.newaxis, :] & ~saturated)
    hits = int(np.count_nonzero(lone & ~bad_columns & (image > 0)))
    image = _fill_along_line(image, filled, inside)
    defective = int(np.count_nonzero(filled)) - hits
    return CleanWindow(image, (first, left), filled, saturated, level, error, noise, step, hits, defective)


def _sky(
    raw: np.ndarray, coordinate: np.ndarray, parameters: CleaningParameters, half_height: float, source: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float, float]:
    """Sky of each pixel, level and uncertainty of each column at the disk, noise, and the step of the mean level from before to after the disk."""
    levels, errors, noises, centres = [], [], [], []
    for side in (-1, 1):
        chosen = coordinate * side > parameters.sky_from * half_height
        if np.count_nonzero(chosen) < parameters.smallest_sky:
            where = "before" if side < 0 else "after"
            raise InputError(
                f"{source}: {np.count_nonzero(chosen)} lines of sky {where} the Moon, {parameters.smallest_sky} are needed; take a longer scan"
            )
        level, noise, number = _clipped_mean(np.ascontiguousarray(raw[chosen].T))
        levels.append(level)
        noises.append(noise)
        errors.append(noise / np.sqrt(number))
        centres.append(float(coordinate[chosen].mean()))
    share = ((coordinate - centres[0]) / (centres[1] - centres[0]))[:, np.newaxis]
    sky = levels[0] + (levels[1] - levels[0]) * share
    middle = -centres[0] / (centres[1] - centres[0])
    error = np.hypot((1 - middle) * errors[0], middle * errors[1])
    level = levels[0] * (1 - middle) + levels[1] * middle
    return sky, level, error, float(np.mean(noises)), float(np.mean(levels[1] - levels[0]))


def _clipped_mean(values: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
    """Mean of each column of sky, noise of a pixel, and how many pixels count, from values over (column, line)."""
    # a median of integers is an integer: it only finds the outliers, the level is the mean of the others
    middle = np.median(values, axis=1)[:, np.newaxis]
    distance = (values - middle).astype(np.float64)
    kept = np.abs(distance) <= 5 * max(1.4826 * float(np.median(np.abs(distance))), 0.5)
    number = kept.sum(axis=1)
    distance *= kept
    offset = distance.sum(axis=1) / number
    variance = ((distance**2).sum(axis=1) - number * offset**2) / np.maximum(number - 1, 1)
    return middle[:, 0] + offset, float(np.sqrt(np.median(variance))), number


def _lone_pixels(image: np.ndarray, band: Band, noise: float, threshold: float) -> np.ndarray:
    """Single pixels and short tracks far above or below what is around them: where most of 25 neighbours differ, but not on a limb or a crater rim."""
    floor = max(band.noise_floor, noise)
    lone = np.zeros(image.shape, dtype=bool)
    for sign in (1, -1):
        # a cheap necessary condition first: above two of the four nearest neighbours
        padded = np.pad(sign * image, 2, mode="edge")
        sides = (padded[2:-2, 1:-3], padded[2:-2, 3:-1]), (padded[1:-3, 2:-2], padded[3:-1, 2:-2])
        (most, more), (least, less) = ([order(*pair) for pair in sides] for order in (np.maximum, np.minimum))
        third = np.minimum(np.minimum(most, more), np.maximum(least, less))
        above = padded[2:-2, 2:-2] - third
        candidate = above > threshold * floor
        candidate[candidate] = above[candidate] > threshold * np.sqrt(
            floor**2 + band.noise_slope * np.maximum(sign * third[candidate], 0)
        )
        line, column = np.nonzero(candidate)
        around = np.sort(np.stack([padded[line + i, column + j] for i in range(5) for j in range(5)]), axis=0)
        high, low = around[16], around[8]
        sigma = np.sqrt(floor**2 + band.noise_slope * np.maximum(sign * high, 0))
        found = padded[line + 2, column + 2] - high > threshold * sigma + _CONTRAST * (high - low)
        lone[line[found], column[found]] = True
    return lone


def _defective_columns(
    image: np.ndarray,
    inside: np.ndarray,
    is_sky: np.ndarray,
    noise: float,
    sky_error: np.ndarray,
    parameters: CleaningParameters,
) -> np.ndarray:
    """Columns that are restless in the sky, or, in the mean of the pixels `inside`, brighter or darker on the disk than those on either side."""
    # one cosmic hit makes a column restless, a defect does so on both sides of the disk; hits are found pixel by pixel
    spreads = [image[half].std(axis=0) for half in np.array_split(np.flatnonzero(is_sky), 2)]
    restless = np.all([spread > 3 * np.median(spread) + noise for spread in spreads], axis=0)
    number = inside.sum(axis=0)
    mean = np.where(inside, image, 0).sum(axis=0, dtype=np.float64) / np.maximum(number, 1)
    # towards the limb and the terminator brightness rises or falls from column to column: a good one lies between its sides
    padded = np.pad(mean, 3, mode="edge")
    left, right = (np.median([padded[i : i + len(mean)] for i in places], axis=0) for places in ((0, 1, 2), (4, 5, 6)))
    low, high = np.minimum(left, right), np.maximum(left, right)
    beyond = np.maximum(mean - high, low - mean)
    tested = (number > 0.3 * number.max()) & (low > noise)
    usual = 1.4826 * float(np.median(np.abs(beyond[tested] / low[tested]))) if tested.any() else 0.0
    # the mean of a column is no better known than its noise and its sky
    known = np.sqrt(noise**2 / np.maximum(number, 1) + sky_error**2)
    return np.asarray(
        restless | (tested & (beyond > max(parameters.column_threshold, 8 * usual) * high + _KNOWN * known))
    )


def _fill_along_line(image: np.ndarray, bad: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """`image` with bad pixels replaced from the nearest good neighbours of the line, on the same side of the limb; weighted by their nearness."""
    if not bad.any():
        return image
    columns = np.broadcast_to(np.arange(image.shape[1]), image.shape)
    before = np.maximum.accumulate(np.where(bad, -1, columns), axis=1)[bad]
    after = np.minimum.accumulate(np.where(bad, image.shape[1], columns)[:, ::-1], axis=1)[:, ::-1][bad]
    row, column = np.nonzero(bad)
    total, weights = np.zeros(len(row)), np.zeros(len(row))
    for neighbour in (before, after):
        exists = (neighbour >= 0) & (neighbour < image.shape[1])
        place = np.clip(neighbour, 0, image.shape[1] - 1)
        weight = np.where(
            exists & (inside[row, place] == inside[row, column]), 1.0 / np.abs(place - column + 1e-9), 0.0
        )
        total += weight * image[row, place]
        weights += weight
    filled = image.copy()
    # a pixel without any good neighbour on its side of the limb is empty: sky
    filled[row, column] = np.where(weights > 0, total / np.maximum(weights, 1e-30), 0.0)
    return filled
