"""The Moon's disk in one band: found coarsely by threshold, then by its lit limb."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import Field
from scipy.ndimage import binary_fill_holes, find_objects, label

from calib.config import Model
from calib.errors import InputError
from calib.moon.cleaning import CleaningParameters, CleanWindow
from calib.moon.ellipse import Ellipse, Scan, algebraic_ellipse, ellipse_of, fit_ellipse, near_limb
from calib.moon.limb import LimbPixels, ScaleSpace, refine_limb, zero_crossings
from calib.moon.records import block_mean
from calib.units import Degrees, Fraction, Pixels, as_written

_COARSE_PIXELS = 256
_SHARP_BLUR = 0.6
_LARGEST_REACH = 12.0
#: noise asks for more pixels across a faint limb than the ground of a bright one allows
_FAINT_REACH = 2.0


class DiskParameters(Model):
    """How the disk is found. Lengths in pixels of the image, radii in disk radii."""

    threshold: Fraction = Field(default=0.1, gt=0, lt=1, description="level of the coarse disk, of its brightest part")
    detection: float = Field(
        default=8.0, gt=0, description="the Moon stands out of the sky by this many sigma, or there is none"
    )
    sigma: Pixels = Field(default=as_written("1.5 pixel"), gt=0, description="of the Laplacian of Gaussian")
    lit_half_angle: Degrees = Field(
        default=as_written("85.0 deg"), gt=10, lt=90, description="limb used on each side of the Sun's direction"
    )
    sectors: int = Field(
        default=64, ge=4, le=180, description="sectors of the lit limb, each with a brightness profile of its own"
    )
    profile_reach: Pixels = Field(
        default=as_written("3.0 pixel"), ge=2, le=12, description="half width of the profile across a sharp limb"
    )
    faint_limb: float = Field(
        default=10.0, ge=0, description="a limb below this many sigma of noise gets a profile twice as wide"
    )
    huber: Pixels = Field(
        default=as_written("0.5 pixel"), gt=0, description="residual from which a limb point counts less"
    )
    ratio_uncertainty: Fraction = Field(
        default=0.003,
        ge=0,
        description="of the ratio of the axes that scan rate and pixel angles tell, k = 1; 0 leaves it out",
    )
    tilted: bool = Field(default=False, description="let the axes turn out of column and line")
    limb_points: int = Field(default=720, ge=60, description="rays at most")
    limb_bias: Pixels = Field(
        default=as_written("0.01 pixel"),
        ge=0,
        description="bias of a sharp limb beside what its stretches tell, k = 1",
    )
    limb_stretches: int = Field(
        default=16, ge=8, description="stretches of the lit limb whose ground and relief are independent"
    )
    residual_limit: Pixels = Field(
        default=as_written("2.0 pixel"), gt=0, description="flag a limb that is rougher (rms)"
    )
    margin: Fraction = Field(default=1.3, ge=1, description="flag a disk that is nearer to the border, in its radii")
    cleaning: CleaningParameters = CleaningParameters()


@dataclass(frozen=True)
class Limb:
    """The fitted disk, in pixels: ellipse, limb points over (column, scan coordinate), blur of the limb along columns and lines, rms distance of the
    points from their own ellipse, standard uncertainties of centre and axes."""

    ellipse: Ellipse
    column: np.ndarray
    scan: np.ndarray
    blur: tuple[float, float]
    residual: float
    centre_uncertainty: float
    axis_uncertainty: float


def coarse_ellipse(
    counts: np.ndarray, scan: Scan, sun_angle_rad: float, noise_floor: float, parameters: DiskParameters, source: str
) -> Ellipse:
    """The disk to about one percent, from the largest bright patch of `counts` (line, column). InputError where there is none."""
    step = max(1, counts.shape[0] // _COARSE_PIXELS), max(1, counts.shape[1] // _COARSE_PIXELS)
    small = _median_of_three(_median_of_three(block_mean(counts, step)).T).T
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
    level = max(parameters.threshold * float(np.percentile(small[small > 0.3 * peak], 90)), 5 * noise)
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
    return found


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


def fit_limb(
    window: CleanWindow,
    start: Ellipse,
    scan: Scan,
    sun_angle_rad: float,
    ratio: float,
    parameters: DiskParameters,
    source: str,
) -> Limb:
    """The disk from its lit limb in a clean window. InputError where too few rays meet a limb.

    `ratio` is semi_scan over semi_column by scan rate and pixel angles, NaN where it is unknown. Half a circle of limb hardly tells the axis towards the
    Sun from the centre; so the ratio enters as one more measurement, weighted by its uncertainty against the limb's. Only the disk's shape leans
    on it, not its size; a large disk, whose limb knows better, hardly at all; and where the two disagree by more than three sigma it is left out.
    """
    half = np.radians(parameters.lit_half_angle)
    arc = half * (start.semi_column + start.semi_scan)
    angles = sun_angle_rad + np.linspace(-half, half, int(np.clip(arc, 60, parameters.limb_points)))
    ellipse = start
    scale_space = ScaleSpace.of(window, start, scan, parameters.sigma)
    for reach in (max(8.0, 0.04 * max(start.semi_column, start.semi_scan)), 5.0):
        column, coordinate = zero_crossings(scale_space, ellipse, scan, angles, reach)
        kept = np.isfinite(column)
        if kept.sum() < max(30, len(angles) / 3):
            raise InputError(
                f"{source}: a limb on {kept.sum()} of {len(angles)} rays only; check the direction of the Sun and the image"
            )
        ellipse = fit_ellipse(column[kept], coordinate[kept], ellipse, parameters.tilted, parameters.huber)[0]
    column, coordinate = column[kept], coordinate[kept]
    crossings = fit_ellipse(column, coordinate, ellipse, parameters.tilted, parameters.huber)
    residual = float(np.sqrt(np.mean(crossings[1] ** 2)))
    fitted, blur = crossings[0], (0.5, 0.5)
    # twice: the pixels are chosen by their distance from the ellipse, which moves
    for _ in range(2):
        fitted, blur, covariance = _refined(window, fitted, blur, scan, sun_angle_rad, parameters)
    # the more the limb is blurred, the more its place and its darkening look alike
    bias = parameters.limb_bias * max(1.0, (max(blur) / _SHARP_BLUR) ** 2)
    covariance = covariance + crossings[2] * bias**2 * len(column) / parameters.limb_stretches
    fitted, covariance = _with_ratio(fitted, covariance, ratio, parameters.ratio_uncertainty)
    deviation = np.sqrt(np.diag(covariance))
    shorter = min(fitted.semi_column, fitted.semi_scan)
    blur = (blur[0] * fitted.semi_column / shorter, blur[1] * fitted.semi_scan / shorter)
    return Limb(
        fitted, column, coordinate, blur, residual, float(np.max(deviation[:2])), _axis_error(fitted, covariance)
    )


def _axis_error(ellipse: Ellipse, covariance: np.ndarray) -> float:
    """Uncertainty [pixel] of each axis that, as if they erred apart, gives their product the uncertainty that it has: they err together."""
    share = np.array([1 / ellipse.semi_column, 1 / ellipse.semi_scan])
    return float(np.sqrt(share @ covariance[2:, 2:] @ share) / np.hypot(*share))


def _refined(
    window: CleanWindow,
    ellipse: Ellipse,
    blur: tuple[float, float],
    scan: Scan,
    sun_angle_rad: float,
    parameters: DiskParameters,
) -> tuple[Ellipse, tuple[float, float], np.ndarray]:
    half = np.radians(parameters.lit_half_angle)
    columns, coordinates = grid = window.grid(scan)
    unit = min(ellipse.semi_column, ellipse.semi_scan)
    reach = float(np.clip(5 * max(blur), parameters.profile_reach, _LARGEST_REACH))
    wide = max(reach, _FAINT_REACH * parameters.profile_reach)
    line, column, radius, turned = near_limb(grid, ellipse, sun_angle_rad, wide / unit, half)
    values = window.image[line, column]
    if np.mean(values[radius < 1]) < parameters.faint_limb * window.sky_noise:
        reach = wide
    chosen = ~window.filled[line, column] & (np.abs(radius - 1) * unit < reach)
    line, column, turned, values = (item[chosen] for item in (line, column, turned, values))
    sector = np.floor((turned + half) / (2 * half) * parameters.sectors).astype(int)
    pixels = LimbPixels.sorted(columns[0, column], coordinates[line, 0], values, sector)
    return refine_limb(pixels, ellipse, blur, parameters.limb_stretches, parameters.tilted)


def _with_ratio(
    ellipse: Ellipse, covariance: np.ndarray, ratio: float, uncertainty: float
) -> tuple[Ellipse, np.ndarray]:
    """Ellipse and covariance after one more measurement, semi_scan - ratio · semi_column = 0 (a Kalman update)."""
    slope = np.array([0.0, 0.0, -ratio, 1.0])
    gap = ratio * ellipse.semi_column - ellipse.semi_scan
    variance = slope @ covariance @ slope + (uncertainty * ellipse.semi_scan) ** 2
    if not uncertainty or not gap**2 <= 9 * variance:
        return ellipse, covariance
    weight = covariance @ slope / variance
    values = np.array([ellipse.column, ellipse.scan, ellipse.semi_column, ellipse.semi_scan]) + weight * gap
    return ellipse_of(np.append(values, ellipse.tilt_rad)), covariance - np.outer(weight, slope @ covariance)
