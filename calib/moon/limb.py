"""The lit limb to a small part of a pixel: zero crossings of a Laplacian of Gaussian, then freed from their bias.

A blurred edge behind which the brightness falls inwards has its zero crossing too far out, 0.1 to 0.3 pixels on a Moon of Lommel and Seeliger. The
crossings only find the limb. Its place is then told by the counts of the single pixels near it: against the depth x inside the limb they are fitted by

    (p0 + p1 √x + p2 x + p3 x^1.5 + p4 x²) for x > 0 and nothing outside, blurred by a Gaussian and by the pixel,

with p of its own for each narrow sector of the limb, and ellipse and blur common to all. Near the limb of a sphere every photometric law is a power
series in √x, as the cosine of emission is; so the law is not assumed. What remains of the bias is below 0.04 pixels on an even sphere.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.ndimage import gaussian_filter, gaussian_laplace, map_coordinates, spline_filter
from scipy.signal import fftconvolve

from calib.moon.cleaning import CleanWindow
from calib.moon.ellipse import Ellipse, Scan, ellipse_of

_STEP_PIXEL = 0.25
_POWERS = (0.0, 0.5, 1.0, 1.5, 2.0)
_ITERATIONS = 8
_FIRST_NODE, _LAST_NODE, _NODE_STEP = -8.0, 100.0, 0.01
_SMALLEST_BLUR = 0.15
_LARGEST_STEP = 0.5
_DIFFERENCE = 1e-3
_CLOSE_ENOUGH = 3e-3


@dataclass(frozen=True)
class ScaleSpace:
    """Cubic splines of a window's image blurred by a Gaussian and of its Laplacian; `origin` is the first pixel (line, column)."""

    smooth: np.ndarray
    laplacian: np.ndarray
    origin: tuple[int, int]

    @classmethod
    def of(cls, window: CleanWindow, ellipse: Ellipse, scan: Scan, sigma: float) -> ScaleSpace:
        """`sigma` in pixels; only the lines of the disk and a tenth of its height around it."""
        reach = 1.1 * ellipse.extent()[1] + 10
        lines = scan.line(np.array([ellipse.scan - reach, ellipse.scan + reach])) - window.origin[0]
        first, stop = int(np.clip(lines[0], 0, None)), int(lines[1]) + 1
        image = window.image[first:stop]
        smooth, laplacian = gaussian_filter(image, sigma), gaussian_laplace(image, sigma)
        return cls(spline_filter(smooth), spline_filter(laplacian), (window.origin[0] + first, window.origin[1]))


def zero_crossings(
    scale_space: ScaleSpace, ellipse: Ellipse, scan: Scan, angles_rad: np.ndarray, reach: float
) -> tuple[np.ndarray, np.ndarray]:
    """Column and scan coordinate where the Laplacian changes sign on the steepest fall outwards, one for each ray from the disk's centre; NaN where none does.

    Rays are searched within `reach` pixels of `ellipse`.
    """
    length = np.hypot(ellipse.semi_column * np.cos(angles_rad), ellipse.semi_scan * np.sin(angles_rad))
    offsets = np.arange(-reach, reach + _STEP_PIXEL / 2, _STEP_PIXEL)
    radius = 1 + offsets / length[:, np.newaxis]
    column, coordinate = ellipse.point(angles_rad[:, np.newaxis], radius)
    places = np.stack([scan.line(coordinate) - scale_space.origin[0], column - scale_space.origin[1]])
    smooth, laplacian = (
        map_coordinates(item, places, order=3, mode="nearest", prefilter=False)
        for item in (scale_space.smooth, scale_space.laplacian)
    )
    fall = smooth[:, :-1] - smooth[:, 1:]
    crossing = (laplacian[:, :-1] < 0) & (laplacian[:, 1:] >= 0) & (fall > 0)
    best = np.argmax(np.where(crossing, fall, -1.0), axis=1)
    rows = np.arange(len(angles_rad))
    before, after, steepness = laplacian[rows, best], laplacian[rows, best + 1], fall[rows, best]
    with np.errstate(invalid="ignore", divide="ignore"):
        place = offsets[best] + _STEP_PIXEL * before / (before - after)
    # a ray that meets no real edge still has some crossing, in the noise
    found = crossing[rows, best] & (
        steepness > 0.2 * np.median(steepness[crossing.any(axis=1)] if crossing.any() else 0.0)
    )
    return ellipse.point(angles_rad, np.where(found, 1 + place / length, np.nan))


@dataclass(frozen=True)
class LimbPixels:
    """Single pixels near the limb, sorted by sector: where they lie, their counts without the sky, and where each sector starts."""

    column: np.ndarray
    coordinate: np.ndarray
    counts: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray

    @classmethod
    def sorted(cls, column: np.ndarray, coordinate: np.ndarray, counts: np.ndarray, sector: np.ndarray) -> LimbPixels:
        order = np.argsort(sector, kind="stable")
        starts = np.flatnonzero(np.diff(sector[order], prepend=-1))
        lengths = np.diff(np.append(starts, len(sector)))
        counts = counts[order].astype(np.float64)
        # each sector counts by its size, not by its brightness: texture is a share of the brightness
        level = np.sqrt(np.add.reduceat(counts**2, starts) / lengths)
        return cls(
            column[order], coordinate[order], counts / np.repeat(np.maximum(level, 1e-30), lengths), starts, lengths
        )

    def sums(self, values: np.ndarray) -> np.ndarray:
        return np.add.reduceat(values, self.starts)

    def spread(self, values: np.ndarray) -> np.ndarray:
        return np.repeat(values, self.lengths, axis=0)


def refine_limb(
    pixels: LimbPixels, start: Ellipse, blur: tuple[float, float], powers: int, tilted: bool
) -> tuple[Ellipse, tuple[float, float]]:
    """The ellipse whose limb best explains the counts of `pixels`, and the blur of the limb.

    Blur is the sigma along columns and along the scan, in pixels of the disk's shorter axis: a slow scan stretches both. Each sector has its own p, as
    many as `powers`; ellipse and blur are common. Least squares by Gauss and Newton, with the p eliminated (Kaufman 1975).
    """
    size = 5 if tilted else 4
    unit = min(start.semi_column, start.semi_scan)
    values = np.array([*[start.column, start.scan, start.semi_column, start.semi_scan, start.tilt_rad][:size], *blur])
    for _ in range(_ITERATIONS):
        residual, slopes = _linearised(pixels, values, size, unit, powers)
        step = np.linalg.lstsq(slopes, residual, rcond=1e-10)[0]
        values = values + np.clip(step, -_LARGEST_STEP, _LARGEST_STEP)
        values[size:] = np.clip(values[size:], _SMALLEST_BLUR, 6.0)
        if np.max(np.abs(step)) < _CLOSE_ENOUGH:
            break
    ellipse = ellipse_of(values[:size])
    return ellipse, (float(values[size]), float(values[size + 1]))


def _linearised(
    pixels: LimbPixels, values: np.ndarray, size: int, unit: float, powers: int
) -> tuple[np.ndarray, np.ndarray]:
    """Counts minus model, and the model's slopes against ellipse and blur, both without what the p of the sectors can explain."""
    ellipse = ellipse_of(values[:size])
    radius, angle, _ = ellipse.polar(pixels.column, pixels.coordinate)
    cos, sin = np.cos(angle - ellipse.tilt_rad), np.sin(angle - ellipse.tilt_rad)
    # depth inside the limb in pixels of the shorter axis, so that a slow scan stretches the profile with the disk
    depth = (1 - radius) * unit
    sigma = np.hypot(values[size] * cos, values[size + 1] * sin)
    width = unit * np.hypot(cos / ellipse.semi_column, sin / ellipse.semi_scan)
    terms = _blurred_powers(depth, sigma, width, powers)
    gram = pixels.sums(terms[:, :, np.newaxis] * terms[:, np.newaxis, :])
    # a trace of the diagonal keeps a sector without light solvable
    gram += 1e-9 * (np.trace(gram, axis1=1, axis2=2) + 1e-30)[:, np.newaxis, np.newaxis] * np.eye(powers)

    def solved(columns: np.ndarray) -> np.ndarray:
        return np.asarray(np.linalg.solve(gram, pixels.sums(terms[:, :, np.newaxis] * columns[:, np.newaxis, :])))

    def unexplained(columns: np.ndarray) -> np.ndarray:
        return np.asarray(columns - np.einsum("ni,nij->nj", terms, pixels.spread(solved(columns))))

    share = pixels.spread(solved(pixels.counts[:, np.newaxis])[..., 0])
    by_depth, by_sigma = (
        np.einsum("ni,ni->n", _blurred_powers(depth + e, sigma + f, width, powers) - terms, share) / _DIFFERENCE
        for e, f in ((_DIFFERENCE, 0.0), (0.0, _DIFFERENCE))
    )
    a, b, t = ellipse.semi_column, ellipse.semi_scan, ellipse.tilt_rad
    outward = [
        (cos / a * np.cos(t) - sin / b * np.sin(t)),
        (cos / a * np.sin(t) + sin / b * np.cos(t)),
        radius * cos**2 / a,
        radius * sin**2 / b,
        radius * sin * cos * (a / b - b / a),
    ][:size]
    slopes = [unit * by_depth * item for item in outward]
    slopes += [by_sigma * values[size] * cos**2 / sigma, by_sigma * values[size + 1] * sin**2 / sigma]
    return unexplained(pixels.counts[:, np.newaxis])[:, 0], unexplained(np.stack(slopes, axis=1))


def _blurred_powers(x: np.ndarray, sigma: np.ndarray, width: np.ndarray, powers: int) -> np.ndarray:
    """The first powers of x (zero for x < 0) blurred by a Gaussian and by the pixel, a box of `width`: (x, power)."""
    table = _unit_table()[:, :powers]
    exponent = np.array(_POWERS[:powers]) + 1

    def integral(depth: np.ndarray) -> np.ndarray:
        place = np.clip((depth / sigma - _FIRST_NODE) / _NODE_STEP, 0, len(table) - 1.001)
        node = place.astype(int)
        return np.asarray(table[node] + (place - node)[:, np.newaxis] * (table[node + 1] - table[node]))

    scale = sigma[:, np.newaxis] ** exponent / (exponent * width[:, np.newaxis])
    return np.asarray(scale * (integral(x + width / 2) - integral(x - width / 2)))


@lru_cache(maxsize=1)
def _unit_table() -> np.ndarray:
    """Powers + 1 blurred by a Gaussian of unit sigma, (node, power): powers integrated from zero, times power + 1. Nodes from -8 to 100."""
    fine, width = 4, 8.0
    step = _NODE_STEP / fine
    offset = np.arange(round(-width / step), round(width / step) + 1) * step
    weight = np.exp(-(offset**2) / 2)
    places = np.arange(round((_FIRST_NODE - width) / step), round((_LAST_NODE + width) / step) + 1) * step
    rows = [
        fftconvolve(np.clip(places, 0, None) ** (power + 1), weight / weight.sum(), mode="valid")[::fine]
        for power in _POWERS
    ]
    return np.stack(rows, axis=1)
