"""The Moon's disk in one band by its lit limb."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import Field

from calib.errors import InputError
from calib.moon.cleaning import CleaningParameters, CleanWindow
from calib.moon.coarse import CoarseParameters
from calib.moon.ellipse import Ellipse, Scan, ellipse_of, fit_ellipse, near_limb
from calib.moon.limb import LimbPixels, ScaleSpace, refine_limb, zero_crossings
from calib.moon.relief import hidden_relief
from calib.moon.strip import RAYS, LimbStrip, limb_strip
from calib.units import Degrees, Fraction, Pixels, as_written

_SHARP_BLUR = 0.6
_LARGEST_REACH = 12.0
#: noise asks for more pixels across a faint limb than the ground of a bright one allows
_FAINT_REACH = 2.0
#: share of the usual number of crossings below which a stretch of limb is missing
_GAP_SHARE = 0.3
#: crossings farther from the fit than so many medians belong to something else
_OUTLIER = 8.0


class DiskParameters(CoarseParameters):
    """How the disk is found. Lengths in pixels of the image, radii in disk radii."""

    sigma: Pixels = Field(default=as_written("1.5 pixel"), gt=0, description="of the Laplacian of Gaussian")
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
    limb_relief: Fraction = Field(
        default=0.0005,
        ge=0,
        description="heights of the Moon's limb, rms, in its radius: long waves of them hide in the fit",
    )
    residual_limit: Pixels = Field(
        default=as_written("2.0 pixel"), gt=0, description="flag a limb that is rougher (rms)"
    )
    margin: Fraction = Field(default=1.3, ge=1, description="flag a disk that is nearer to the border, in its radii")
    largest_gap: Degrees = Field(
        default=as_written("25 deg"), gt=0, description="refuse a disk whose lit limb is missing over more"
    )
    carry: bool = Field(
        default=True, description="find the disk in one band of each pixel size, carry it to the others by their times"
    )
    registration_limit: Pixels = Field(
        default=as_written("0.5 pixel"),
        gt=0,
        description="a band whose limb lies off the carried disk by more (rms) is searched anew",
    )
    cleaning: CleaningParameters = CleaningParameters()


@dataclass(frozen=True)
class Limb:
    """The fitted disk, in pixels: ellipse, limb points over (column, scan coordinate), blur of the limb along columns and lines, rms distance of the
    points from their own ellipse, standard uncertainties of centre and axes; and the limb laid out straight, in samples of the image that was searched."""

    ellipse: Ellipse
    column: np.ndarray
    scan: np.ndarray
    blur: tuple[float, float]
    residual: float
    centre_uncertainty: float
    axis_uncertainty: float
    strip: LimbStrip


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
    scale_space = ScaleSpace(window.image, window.origin, parameters.sigma)
    for reach in (max(8.0, 0.04 * max(start.semi_column, start.semi_scan)), 5.0):
        column, coordinate = zero_crossings(scale_space, ellipse, scan, angles, reach)
        kept = np.isfinite(column)
        if kept.sum() < max(30, len(angles) / 3):
            raise InputError(
                f"{source}: a limb on {kept.sum()} of {len(angles)} rays only; check the direction of the Sun and the image"
            )
        ellipse, distance, _ = fit_ellipse(column[kept], coordinate[kept], ellipse, parameters.tilted, parameters.huber)
    column, coordinate = column[kept], coordinate[kept]
    usual = np.abs(distance) < max(_OUTLIER * float(np.median(np.abs(distance))), 1.0)
    kept[kept] = usual
    _check_whole(angles, kept, parameters, source)
    crossings = fit_ellipse(column, coordinate, ellipse, parameters.tilted, parameters.huber)
    residual = float(np.sqrt(np.mean(crossings[1] ** 2)))
    fitted, blur = crossings[0], (0.5, 0.5)
    # twice: the pixels are chosen by their distance from the ellipse, which moves
    for _ in range(2):
        fitted, blur, covariance = _refined(window, fitted, blur, scan, sun_angle_rad, parameters)
    # the more the limb is blurred, the more its place and its darkening look alike
    bias = parameters.limb_bias * max(1.0, (max(blur) / _SHARP_BLUR) ** 2)
    covariance = covariance + crossings[2] * bias**2 * len(column) / parameters.limb_stretches
    axes = np.array([fitted.semi_column, fitted.semi_scan] * 2) * parameters.limb_relief
    covariance = covariance + hidden_relief(sun_angle_rad, half, parameters.limb_stretches) * np.outer(axes, axes)
    fitted, covariance = _with_ratio(fitted, covariance, ratio, parameters.ratio_uncertainty)
    deviation = np.sqrt(np.diag(covariance))
    shorter = min(fitted.semi_column, fitted.semi_scan)
    blur = (blur[0] * fitted.semi_column / shorter, blur[1] * fitted.semi_scan / shorter)
    strip = limb_strip([(scale_space, np.linspace(angles[0], angles[-1], RAYS))], fitted, scan)
    return Limb(
        fitted, column, coordinate, blur, residual, float(np.max(deviation[:2])), _axis_error(fitted, covariance), strip
    )


def _check_whole(angles: np.ndarray, kept: np.ndarray, parameters: DiskParameters, source: str) -> None:
    """InputError where a long stretch of limb has hardly a crossing: something cuts the disk."""
    gap_rad = float(np.radians(parameters.largest_gap))
    rays = int(gap_rad / (angles[1] - angles[0]))
    share = np.convolve(kept, np.ones(rays) / rays, mode="valid")
    worst = int(np.argmin(share))
    if share[worst] < _GAP_SHARE * np.mean(kept):
        first, last = (np.degrees(angles[worst + step]) for step in (0, rays - 1))
        raise InputError(
            f"{source}: the lit limb is missing from {first:.0f} to {last:.0f} deg of the image; the Moon is not whole: leave the acquisition out"
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
