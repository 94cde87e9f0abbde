"""The light of the disk held against what an even sphere of its phase shows: light that is missing, and light where there should be none.

Towards a terminator light fades, so that a detector's edge there is no edge to the eye; what is lost is known only by what should be there.
"""

from __future__ import annotations

import numpy as np
from pydantic import Field

from calib.config import Model
from calib.moon.ellipse import Ellipse, Scan
from calib.moon.window import Window
from calib.units import Fraction

#: of the limb and of the terminator: nearer, blur and relief decide what a sample shows
_INSIDE, _SUN_UP, _SUN_DOWN = 0.97, 0.06, -0.1
_BRIGHT_SUN, _BRIGHT_INSIDE = 0.3, 0.9
_BLOCK, _FEWEST = 3, 4
_SKY = (1.08, 1.28)
_NEAR = 1.3
_SIGMAS = 8.0
#: stars are looked for beyond the blur of the limb [pixel], up to this distance [disk radii]; so many hits are looked at
_STAR_RIM, _STARS_TO, _MOST_STARS = 3.5, 1.35, 200


class ExpectedLight(Model):
    """When the disk's light departs from that of a sphere. Ground is uneven by a factor of two or three; missing light is missing altogether."""

    dark: Fraction = Field(
        default=0.15, gt=0, lt=1, description="a sample below this share of the expected light is missing"
    )
    bright: Fraction = Field(
        default=0.05,
        gt=0,
        lt=1,
        description="a sample of sky or night above this share of the brightest expected light",
    )
    flag_lost: Fraction = Field(default=0.0005, gt=0, description="flag more missing light, of that of the disk")
    refuse_lost: Fraction = Field(default=0.005, gt=0, description="refuse more missing light, of that of the disk")
    flag_extra: Fraction = Field(
        default=0.0001, gt=0, description="flag more light beside the lit disk, of that of the disk"
    )


def light_balance(
    means: np.ndarray,
    step: float,
    noise: float,
    disk: tuple[Ellipse, Scan],
    light: tuple[float, float],
    parameters: ExpectedLight,
) -> tuple[float, float]:
    """Shares of the disk's light that are missing from it and that lie beside its lit part, compact and bright, within 1.3 radii.

    `means` over (y, x) are counts in samples of `step` pixels a side, `noise` [DN] their sigma; `light` is the Sun's direction in the image and the phase, rad.
    Expected is the law of Lommel and Seeliger, whose shadows are the least dark of all laws in use, at the median brightness measured.
    """
    small = _medians(means - _background(means, _direction(means.shape, step, disk)[0]))
    step *= _BLOCK
    # of three by three samples the median is about half as uncertain as one
    noise /= 2.0
    expected, sun, radius = _sphere(small.shape, step, disk, light)
    chosen = (radius < _BRIGHT_INSIDE) & (sun > _BRIGHT_SUN)
    if not chosen.any():
        return 0.0, 0.0
    level = float(np.median(small[chosen] / expected[chosen]))
    due = level * expected
    whole = float(due.sum())
    # a block that noise could empty tells nothing
    told = (radius < _INSIDE) & (sun > _SUN_UP) & (due * (1 - parameters.dark) > _SIGMAS * noise)
    dark = small < parameters.dark * due
    # where light is missing for certain, what is dark at a low Sun is missing, too
    lost = float(due[dark & (radius < 1.0) & (sun > 0.0)].sum()) if (told & dark).any() else 0.0
    ellipse = disk[0]
    beyond = 1 + step / min(ellipse.semi_column, ellipse.semi_scan)
    beside = ((radius > beyond) & (radius < max(_NEAR, beyond))) | ((radius < _INSIDE) & (sun < _SUN_DOWN))
    seen = beside & (small > max(parameters.bright * level, _SIGMAS * noise))
    return lost / whole, float(small[seen].sum()) / whole


def stars_near(
    window: Window,
    ellipse: Ellipse,
    offset: np.ndarray,
    hits: tuple[np.ndarray, np.ndarray],
    level: np.ndarray,
    noise: float,
) -> int:
    """How many `hits` (lines of the image, columns of the window) in the sky near the disk are no particles: with light in the line before or after, too,
    where a particle leaves its track within a line.

    `offset` is each line's scan coordinate from the centre, `level` the sky of each column and `noise` its sigma, DN.
    """
    radius = ellipse.radius(hits[1] + window.left, offset[hits[0]] + ellipse.scan)
    reach = _STAR_RIM / min(ellipse.semi_column, ellipse.semi_scan)
    near = np.flatnonzero((radius > 1 + reach) & (radius < _STARS_TO))[:_MOST_STARS]
    found = 0
    for line, column in zip(hits[0][near].tolist(), hits[1][near].tolist(), strict=True):
        if window.first < line < window.stop - 1 and 0 < column < len(level) - 1:
            columns = slice(column - 1, column + 2)
            around = window.lines(line - 1, line + 2)[:, columns] - level[columns]
            found += bool(around[1, 1] > 0 and around[[0, 2]].max() > _SIGMAS * noise)
    return found


def _background(means: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """The sky of each column of samples: its median close to the disk, before and after it together."""
    ring = (radius > _SKY[0]) & (radius < _SKY[1])
    if not ring.any():
        return np.zeros(means.shape[1])
    level = np.full(means.shape[1], float(np.median(means[ring])))
    number = ring.sum(axis=0)
    told = np.flatnonzero(number >= _FEWEST)
    ordered, number = np.sort(np.where(ring, means, np.inf)[:, told], axis=0), number[told]
    middle = np.stack([ordered[place, np.arange(len(told))] for place in ((number - 1) // 2, number // 2)])
    level[told] = middle.mean(axis=0)
    return level


def _medians(samples: np.ndarray) -> np.ndarray:
    """Medians of blocks, in which dead columns, hits and stars do not count; what is left over at the end is cut."""
    lines, columns = (size // _BLOCK for size in samples.shape)
    blocks = samples[: lines * _BLOCK, : columns * _BLOCK].reshape(lines, _BLOCK, columns, _BLOCK)
    return np.asarray(np.median(blocks.swapaxes(1, 2).reshape(lines, columns, -1), axis=-1))


def _direction(
    shape: tuple[int, ...], step: float, disk: tuple[Ellipse, Scan]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As of `Ellipse.direction`, at the middle of each sample."""
    ellipse, scan = disk
    line, column = ((np.arange(size) + 0.5) * step - 0.5 for size in shape)
    return ellipse.direction(column[np.newaxis, :], scan.coordinate(line)[:, np.newaxis])


def _sphere(
    shape: tuple[int, ...], step: float, disk: tuple[Ellipse, Scan], light: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Expected light (1 where Sun and observer stand overhead alike), cosine of the Sun's zenith angle (below zero at night), distance from the centre in
    disk radii, at the middle of each sample."""
    sun_angle_rad, phase_rad = light
    radius, cos, sin = _direction(shape, step, disk)
    turned = disk[0].tilt_rad - sun_angle_rad
    towards = radius * (cos * np.cos(turned) - sin * np.sin(turned))
    emission = np.sqrt(np.maximum(1.0 - radius**2, 0.0))
    sun = np.sin(abs(phase_rad)) * towards + np.cos(phase_rad) * emission
    lit = np.where(radius < 1.0, np.maximum(sun, 0.0), 0.0)
    return 2.0 * lit / np.maximum(lit + emission, 1e-9), sun, radius
