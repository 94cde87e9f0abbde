"""A first look for the Moon: by threshold in a coarse image, its outline towards the Sun an ellipse."""

from __future__ import annotations

import numpy as np
from pydantic import Field
from scipy.ndimage import binary_fill_holes, find_objects, label

from calib.config import Model
from calib.errors import InputError
from calib.moon.ellipse import Ellipse, Scan, algebraic_ellipse, fit_ellipse
from calib.moon.window import Window, block_means
from calib.units import Degrees, Fraction, as_written

_COARSE_PIXELS = 256
#: radii from which on a patch is an object of its own
_OUTSIDE = 1.05
#: of the usual brightness along a chord: what is bright, what is dark
_BRIGHT, _DARK = 0.45, 0.03

_RIM_SAMPLES = 5
#: the sky of a column, a median of whole counts, errs by so many DN; an end of light stands out by so many sigma
_LEVEL_ERROR, _CERTAIN = 0.25, 5.0


class CoarseParameters(Model):
    """How the Moon is told from the sky, and its limb from the terminator."""

    threshold: Fraction = Field(default=0.1, gt=0, lt=1, description="level of the coarse disk, of its brightest part")
    detection: float = Field(
        default=8.0, gt=0, description="the Moon stands out of the sky by this many sigma, or there is none"
    )
    lit_half_angle: Degrees = Field(
        default=as_written("85.0 deg"), gt=10, lt=90, description="limb used on each side of the Sun's direction"
    )


def coarse_look(window: Window) -> tuple[np.ndarray, tuple[int, int]]:
    """A window, as a rule the whole image, in means of blocks, at most 512 a side, and the size of a block (lines, columns)."""
    lines, columns = window.stop - window.first, window.right - window.left
    step = max(1, lines // _COARSE_PIXELS), max(1, columns // _COARSE_PIXELS)
    return block_means(window, step), step


def coarse_ellipse(
    look: tuple[np.ndarray, tuple[int, int]],
    scan: Scan,
    sun_angle_rad: float,
    noise_floor: float,
    parameters: CoarseParameters,
    source: str,
) -> tuple[Ellipse, bool]:
    """The disk to about one percent, from the largest bright patch of a coarse look; and whether there is a second bright object in the sky.

    InputError where there is no Moon.
    """
    means, step = look
    small = _median_of_three(_median_of_three(means.astype(np.float64)).T).T
    border = max(1, len(small) // 20)
    edge = np.concatenate([small[:border], small[-border:]])
    small -= np.median(edge, axis=0)
    noise = max(
        1.4826 * float(np.median(np.abs(edge - np.median(edge, axis=0)))), noise_floor / np.sqrt(step[0] * step[1])
    )
    peak = float(small.max())
    if peak < parameters.detection * noise:
        raise InputError(
            f"{source}: no Moon in the image (brightest part {peak:.3g} DN above the sky, noise {noise:.2g} DN); leave the band or the acquisition out"
        )
    level = max(parameters.threshold * float(np.percentile(small[small > parameters.detection * noise], 90)), 5 * noise)
    patches, _ = label(small > level)
    areas = np.bincount(patches.ravel())[1:]
    if areas.max(initial=0) < 100:
        raise InputError(
            f"{source}: no Moon in the image (largest bright patch {areas.max(initial=0)} pixels of {step[0]} x {step[1]})"
        )
    number = int(areas.argmax()) + 1
    place = find_objects(patches, number)[number - 1]
    outline = np.argwhere(_outline(np.pad(patches[place] == number, 1))) - 1 + [place[0].start, place[1].start]
    line = (outline[:, 0] + 0.5) * step[0] - 0.5
    column = (outline[:, 1] + 0.5) * step[1] - 0.5
    found = _outer_ellipse(column, scan.coordinate(line), sun_angle_rad, np.radians(parameters.lit_half_angle))
    if found is None:
        raise InputError(
            f"{source}: the bright patch has no round limb on the side of the Sun (at {np.degrees(sun_angle_rad):.0f} deg); check the attitude"
        )
    lines, columns = ((np.arange(size) + 0.5) * width - 0.5 for size, width in zip(small.shape, step, strict=True))
    radius = found.radius(columns[np.newaxis, :], scan.coordinate(lines)[:, np.newaxis])
    _check_uncut(small, radius, noise, source)
    # what touches the disk is a part of its patch, but not of the disk
    return found, bool(np.any((patches > 0) & (radius > _OUTSIDE + max(step) / min(found.extent()))))


def _check_uncut(small: np.ndarray, radius: np.ndarray, noise: float, source: str) -> None:
    """InputError where the light ends all at once in a column or a line of the disk: towards a terminator it fades, at the end of a detector it stops."""
    inside = radius < 1
    for image, within, name in ((small, inside, "column"), (small.T, inside.T, "line")):
        number = within.sum(axis=0)
        mean = np.where(within, image, 0).sum(axis=0) / np.maximum(number, 1)
        usual = float(np.median(mean[(number > 0) & (mean > 0)]))
        # some samples within the disk, which noise lets be known to two or three; three apart, as the first look smooths over neighbours
        reach = max(np.count_nonzero(number) / 2 - _RIM_SAMPLES, 0) / max(np.count_nonzero(number) / 2, 1)
        long = number > number.max() * np.sqrt(max(1 - reach**2, 1 / 16))
        for dark, bright in ((mean[:-3], mean[3:]), (mean[3:], mean[:-3])):
            cut = long[:-3] & long[3:] & (bright > _BRIGHT * usual) & (dark < _DARK * usual)
            cut &= bright - dark > _CERTAIN * np.hypot(_LEVEL_ERROR, noise / np.sqrt(number.max()))
            if cut.any():
                raise InputError(
                    f"{source}: the Moon's light ends in one {name} within the disk; a detector's edge or missing data cuts it: leave the acquisition out"
                )


def _median_of_three(image: np.ndarray) -> np.ndarray:
    """Each value with its neighbours before and after along the first dimension."""
    padded = np.pad(image, ((1, 1), (0, 0)), mode="edge")
    before, after = padded[:-2], padded[2:]
    low, high = np.minimum(before, after), np.maximum(before, after)
    return np.asarray(np.maximum(low, np.minimum(high, image)))


def _outline(mask: np.ndarray) -> np.ndarray:
    solid = binary_fill_holes(mask)
    inner = solid[1:-1, 1:-1] & solid[:-2, 1:-1] & solid[2:, 1:-1] & solid[1:-1, :-2] & solid[1:-1, 2:]
    outline = solid.copy()
    outline[1:-1, 1:-1] &= ~inner
    return np.asarray(outline)


def _outer_ellipse(
    column: np.ndarray, coordinate: np.ndarray, sun_angle_rad: float, half_angle_rad: float
) -> Ellipse | None:
    # the farthest point of the patch in each direction within the lit limb lies on the limb; directions in the image follow from the ratio of the axes
    angles = sun_angle_rad + np.linspace(-half_angle_rad, half_angle_rad, 161)
    width, height = np.ptp(column), np.ptp(coordinate)
    found: Ellipse | None = None
    for _ in range(4):
        normals = np.stack([np.cos(angles) / max(width, 1.0), np.sin(angles) / max(height, 1.0)])
        support = np.unique(np.argmax(np.outer(column, normals[0]) + np.outer(coordinate, normals[1]), axis=0))
        if len(support) < 8:
            return None
        start = algebraic_ellipse(column[support], coordinate[support]) or Ellipse(
            float(column.mean()), float(coordinate.mean()), float(width) / 2, float(height) / 2
        )
        found = fit_ellipse(column[support], coordinate[support], start)[0]
        width, height = 2 * found.semi_column, 2 * found.semi_scan
        if not (min(width, height) > 0 and max(width / np.ptp(column), height / np.ptp(coordinate)) < 5):
            return None
    return found
