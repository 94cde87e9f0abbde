"""The Moon's counts summed over its disk: signal, its uncertainty components, and the growth curve that tells whether the aperture holds all the light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import Field

from calib.config import Model
from calib.moon.cleaning import CleaningParameters, CleanWindow
from calib.moon.ellipse import Ellipse, Scan
from calib.sensor import Band
from calib.units import Fraction, Pixels, as_written

_BLOCK_LINES = 512


class SignalParameters(Model):
    """How the disk's counts are summed. Dilations are given in disk radii, so that they scale with resolution and oversampling."""

    dilation: Fraction = Field(default=0.06, ge=0, description="aperture beyond the fitted disk")
    smallest_dilation: Pixels = Field(
        default=as_written("5 pixel"), ge=0, description="and at least this many pixels: the image of a sharp limb"
    )
    plateau: tuple[Fraction, Fraction] = Field(
        default=(0.03, 0.12), description="dilations between which the growth curve is to be flat"
    )
    plateau_limit: Fraction = Field(
        default=0.0005, gt=0, description="flag a growth over the plateau beyond this share of the signal"
    )
    growth_to: Fraction = Field(default=0.3, gt=0, description="end of the growth curve")
    growth_steps: int = Field(default=31, ge=8)
    fill_error: Fraction = Field(default=0.1, ge=0, description="error of a filled pixel, of its value, k = 1")
    low_signal: float = Field(default=5.0, ge=0, description="flag a mean of the disk below this many sigma of noise")
    sky_doubt: Fraction = Field(
        default=0.01, gt=0, description="flag a sky uncertainty beyond this share of the signal"
    )
    cleaning: CleaningParameters = CleaningParameters()


@dataclass(frozen=True)
class Signal:
    """Sum over the aperture [DN pixel] with its standard uncertainties, and the growth curve (relative flux at dilations in disk radii)."""

    total: float
    noise: float
    sky: float
    aperture: float
    defects: float
    pixels: int
    saturated: int
    mean: float
    plateau_growth: float
    dilation: np.ndarray
    growth: np.ndarray


def disk_signal(window: CleanWindow, ellipse: Ellipse, scan: Scan, band: Band, parameters: SignalParameters) -> Signal:
    """Counts of the whole disk, the unlit part included, each line weighted by its scan rate; sums in float64 by blocks of lines."""
    scale = min(ellipse.semi_column, ellipse.semi_scan)
    smallest = parameters.smallest_dilation / scale
    bounds = np.linspace(0.0, parameters.growth_to, parameters.growth_steps)
    dilation = max(parameters.dilation, smallest)
    marks = np.sort(
        np.unique(np.concatenate([bounds, [dilation, *(max(item, smallest) for item in parameters.plateau)]]))
    )
    rings = _ring_sums(window, ellipse, scan, 1 + marks)
    flux = np.cumsum(rings["flux"])
    chosen = int(np.searchsorted(marks, dilation))
    total = float(flux[chosen])
    low, high = (int(np.searchsorted(marks, max(item, smallest))) for item in parameters.plateau)
    growth = float(flux[high] - flux[low])
    inside = {name: float(values[: chosen + 1].sum()) for name, values in rings.items()}
    floor = max(band.noise_floor, window.sky_noise)
    variance = inside["squared_weight"] * floor**2 + band.noise_slope * max(total, 0.0)
    kept = np.isin(marks, bounds)
    return Signal(
        total=total,
        noise=float(np.sqrt(variance)),
        sky=_sky_uncertainty(window, ellipse, scan, 1 + dilation),
        # the curve ends between the aperture's and the plateau's last value: half of what it still grows by
        aperture=abs(growth) / 2,
        defects=parameters.fill_error * float(np.sqrt(inside["squared_fill"])),
        pixels=int(inside["pixels"]),
        saturated=int(inside["saturated"]),
        mean=float(flux[0] / max(float(rings["pixels"][0]), 1.0)),
        plateau_growth=growth / total if total else float("nan"),
        dilation=bounds,
        growth=flux[kept] / total if total else np.full(int(kept.sum()), np.nan),
    )


def _ring_sums(window: CleanWindow, ellipse: Ellipse, scan: Scan, radii: np.ndarray) -> dict[str, np.ndarray]:
    """Sums over the disk (first entry) and the rings between the radii."""
    columns, coordinates = window.grid(scan)
    names = ("flux", "pixels", "squared_weight", "squared_fill", "saturated")
    sums = {name: np.zeros(len(radii) + 1) for name in names}
    for first in range(0, len(coordinates), _BLOCK_LINES):
        block = slice(first, first + _BLOCK_LINES)
        ring = np.searchsorted(radii, ellipse.radius(columns, coordinates[block])).ravel()
        image = window.image[block].astype(np.float64)
        lines = np.arange(first, first + len(image)) + window.origin[0]
        weighted = image * scan.weight[lines][:, np.newaxis]
        squared_weight = np.broadcast_to(scan.weight[lines][:, np.newaxis] ** 2, image.shape)
        weights = (
            weighted,
            None,
            squared_weight,
            np.where(window.filled[block], weighted**2, 0.0),
            window.saturated[block].astype(float),
        )
        for name, values in zip(names, weights, strict=True):
            sums[name] += np.bincount(ring, None if values is None else values.ravel(), len(radii) + 1)
    return {name: values[:-1] for name, values in sums.items()}


def _sky_uncertainty(window: CleanWindow, ellipse: Ellipse, scan: Scan, radius: float) -> float:
    """Of the sum: the level of a column errs alike in all its lines, and independently of other columns."""
    columns, coordinates = window.grid(scan)
    lines = np.arange(len(coordinates)) + window.origin[0]
    weights = np.where(ellipse.radius(columns, coordinates) < radius, scan.weight[lines][:, np.newaxis], 0.0).sum(
        axis=0
    )
    return float(np.sqrt(np.sum((weights * window.sky_error) ** 2)))
