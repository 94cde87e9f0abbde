"""The lit limb to a small part of a pixel: zero crossings of a Laplacian of Gaussian, then freed from their bias.

A blurred edge behind which the brightness falls inwards has its zero crossing too far out, 0.1 to 0.3 pixels on a Moon of Lommel and Seeliger. The
crossings only find the limb. Its place is then told by the counts of the single pixels near it: against the depth x inside the limb they are fitted by

    (p0 + p1 √x + p2 x) for x > 0 and nothing outside, blurred by a Gaussian and by the pixel,

with p of its own for each narrow sector of the limb, and ellipse and blur common to all. Near the limb of a sphere every photometric law is a power
series in √x, as the cosine of emission is; so the law is not assumed. Maria and craters are no power series: the series is short and its pixels are
few, so that the ground a few pixels from the limb does not tell where it lies. What remains is below 0.02 pixels on an even sphere.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from scipy.ndimage import gaussian_filter, laplace

from calib.moon.ellipse import Ellipse, Scan, ellipse_of

_STEP_PIXEL = 0.25
#: pixels up to which an image is filtered once and as a whole
_SMALL_IMAGE = 2**16
_RAYS_TOGETHER = 24
#: sigmas at which a Gaussian ends
_GAUSSIAN_REACH = 4.0
_POWERS = (0.0, 0.5, 1.0)
_ITERATIONS = 12
_FIRST_NODE, _LAST_NODE, _NODE_STEP = -8.0, 260.0, 0.02
_SMALLEST_BLUR, _LARGEST_BLUR = 0.08, 6.0
_LARGEST_STEP = 2.0
_HALVINGS = 4
_CLOSE_ENOUGH = 3e-3


@dataclass(frozen=True)
class ScaleSpace:
    """An image blurred by a Gaussian of `sigma` pixels and its Laplacian, made where they are looked at; `origin` is the first pixel (line, column)."""

    image: np.ndarray
    origin: tuple[int, int]
    sigma: float

    def along(self, line: np.ndarray, column: np.ndarray) -> list[np.ndarray]:
        """The blurred image and the Laplacian at places over (ray, step)."""
        places = np.stack([line - self.origin[0], column - self.origin[1]])
        if self.image.size <= _SMALL_IMAGE:
            return _sampled(self._filtered, places)
        parts = np.array_split(places, -(-places.shape[1] // _RAYS_TOGETHER), axis=1)
        found = [self._in_box(part) for part in parts]
        return [np.concatenate(items) for items in zip(*found, strict=True)]

    def holds(self, line: np.ndarray, column: np.ndarray) -> np.ndarray:
        """Whether places lie in the image; outside, `along` gives what stands at its rim."""
        lines, columns = self.image.shape
        row, place = line - self.origin[0], column - self.origin[1]
        return np.asarray((row >= 0) & (row <= lines - 1) & (place >= 0) & (place <= columns - 1))

    @cached_property
    def _filtered(self) -> tuple[np.ndarray, np.ndarray]:
        smooth = gaussian_filter(self.image, self.sigma, truncate=_GAUSSIAN_REACH)
        return smooth, laplace(smooth)

    def _in_box(self, places: np.ndarray) -> list[np.ndarray]:
        """At places near each other, from the filters of what is around them only."""
        rim = int(_GAUSSIAN_REACH * self.sigma + 0.5) + 3
        size = np.array(self.image.shape)
        first = np.clip(places.min(axis=(1, 2)).astype(int) - rim, 0, size - 1)
        stop = np.clip(places.max(axis=(1, 2)).astype(int) + rim + 1, first + 1, size)
        box = ScaleSpace(self.image[first[0] : stop[0], first[1] : stop[1]], (0, 0), self.sigma)
        return _sampled(box._filtered, places - first[:, np.newaxis, np.newaxis])


def _sampled(images: tuple[np.ndarray, ...], places: np.ndarray) -> list[np.ndarray]:
    """Linear between the pixels, at the rim as there: of images of one size, whose weights are found once."""
    lines, columns = images[0].shape
    row, column = (np.clip(place, 0, size - 1) for place, size in zip(places, images[0].shape, strict=True))
    upper, left = row.astype(np.intp), column.astype(np.intp)
    np.minimum(upper, max(lines - 2, 0), out=upper)
    np.minimum(left, max(columns - 2, 0), out=left)
    down, across = row - upper, column - left
    up, back = 1 - down, 1 - across
    first = upper * columns + left
    step, side = columns * (lines > 1), int(columns > 1)
    corners = (
        (first, up, back),
        (first + side, up, across),
        (first + step, down, back),
        (first + (step + side), down, across),
    )
    found = []
    for image in images:
        flat, total = image.reshape(-1), np.zeros(row.shape)
        for place, along, beside in corners:
            total += flat.take(place) * along * beside
        found.append(total.astype(image.dtype))
    return found


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
    smooth, laplacian = scale_space.along(scan.line(coordinate), column)
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

    def products(self, terms: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """terms' · columns of each sector: (sector, term, column)."""
        stops = self.starts + self.lengths
        return np.stack([terms[a:b].T @ columns[a:b] for a, b in zip(self.starts, stops, strict=True)])

    def spread(self, values: np.ndarray) -> np.ndarray:
        return np.repeat(values, self.lengths, axis=0)


def refine_limb(
    pixels: LimbPixels, start: Ellipse, blur: tuple[float, float], stretches: int, tilted: bool
) -> tuple[Ellipse, tuple[float, float], np.ndarray]:
    """The ellipse whose limb best explains the counts of `pixels`, the blur of the limb, and the covariance of (column, scan, both axes) [pixel²].

    Blur is the sigma along columns and along the scan, in pixels of the disk's shorter axis: a slow scan stretches both. Each sector has its own p;
    ellipse and blur are common. Least squares by Gauss and Newton, with the p eliminated (Kaufman 1975). The covariance comes from how far whole
    `stretches` of the limb, as wholes, stay off the fit: noise, ground and relief alike, which neighbouring pixels share.
    """
    size = 5 if tilted else 4
    unit = min(start.semi_column, start.semi_scan)
    first = [start.column, start.scan, start.semi_column, start.semi_scan, start.tilt_rad][:size]
    # the counts are nearly linear in the variances of the blur, not in its sigmas
    values = np.array([*first, blur[0] ** 2, blur[1] ** 2])
    residual, slopes, outward = _linearised(pixels, values, size, unit)
    for _ in range(_ITERATIONS):
        # sums without BLAS: they do not depend on the number of threads
        normal = np.einsum("ni,nj->ij", slopes, slopes)
        change = _bounded_step(normal, np.einsum("ni,n->i", slopes, residual), values, size)
        if np.max(np.abs(change)) < _CLOSE_ENOUGH:
            values = values + change
            break
        misfit = float(np.sum(residual**2))
        for _ in range(_HALVINGS):
            residual, slopes, outward = _linearised(pixels, values + change, size, unit)
            if np.sum(residual**2) <= misfit:
                break
            change = change / 2
        values = values + change
    ellipse = ellipse_of(values[:size])
    excess = _excess(pixels, residual, outward, stretches, len(values))
    covariance = excess * np.linalg.pinv(normal, hermitian=True)[:4, :4]
    return ellipse, (float(np.sqrt(values[size])), float(np.sqrt(values[size + 1]))), covariance


def _excess(pixels: LimbPixels, residual: np.ndarray, outward: np.ndarray, stretches: int, unknowns: int) -> float:
    """Variance of a pixel's counts that explains how far whole stretches of limb lie from the fit, freedom taken by the unknowns counted."""
    groups = np.array_split(np.arange(len(pixels.starts)), stretches)
    pull = np.add.reduceat(outward * residual, pixels.starts)
    weight = np.add.reduceat(outward**2, pixels.starts)
    sums = np.array([(pull[group].sum(), weight[group].sum()) for group in groups if len(group)])
    sums = sums[sums[:, 1] > 0]
    return float(np.sum(sums[:, 0] ** 2 / sums[:, 1]) / max(len(sums) - unknowns, 1))


def _bounded_step(normal: np.ndarray, target: np.ndarray, values: np.ndarray, size: int) -> np.ndarray:
    """The step of Gauss and Newton. A blur that would leave its bounds stays there, and the others step as if it were known."""
    low = np.append(np.full(size, -np.inf), [_SMALLEST_BLUR**2] * 2)
    high = np.append(np.full(size, np.inf), [_LARGEST_BLUR**2] * 2)
    free = np.ones(len(values), dtype=bool)
    step = np.zeros(len(values))
    for _ in range(3):
        step[:] = 0.0
        step[free] = np.linalg.lstsq(normal[np.ix_(free, free)], target[free], rcond=1e-14)[0]
        held = free & (((values <= low) & (step < 0)) | ((values >= high) & (step > 0)))
        if not held.any():
            break
        free &= ~held
    # shortened as a whole: centre and axis towards the Sun move together
    step *= min(1.0, _LARGEST_STEP / float(np.max(np.abs(step[:size]))))
    return np.asarray(np.clip(values + step, low, high) - values)


def _linearised(
    pixels: LimbPixels, values: np.ndarray, size: int, unit: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Counts minus model, the model's slopes against ellipse and variances of the blur, and its slope against a limb farther out.

    All without what the p of the sectors can explain.
    """
    ellipse = ellipse_of(values[:size])
    radius, cos, sin = ellipse.direction(pixels.column, pixels.coordinate)
    # depth inside the limb in pixels of the shorter axis, so that a slow scan stretches the profile with the disk
    depth = (1 - radius) * unit
    sigma = np.sqrt(values[size] * cos**2 + values[size + 1] * sin**2)
    # a slow scan takes several lines while the Moon passes a detector: what a sample sees is longer than a line; what more there is, the blur takes
    slow = max(ellipse.semi_scan / ellipse.semi_column, 1.0)
    length = np.hypot(1.0, slow - 1.0) / ellipse.semi_scan
    width = unit * np.sqrt((cos / ellipse.semi_column) ** 2 + (sin * length) ** 2)
    terms, by_depth, by_sigma = _blurred_powers(depth, sigma, width)
    gram = pixels.products(terms, terms)
    # a trace of the diagonal keeps a sector without light solvable
    gram += 1e-9 * (np.trace(gram, axis1=1, axis2=2) + 1e-30)[:, np.newaxis, np.newaxis] * np.eye(len(_POWERS))

    def share(columns: np.ndarray) -> np.ndarray:
        return pixels.spread(np.linalg.solve(gram, pixels.products(terms, columns)))

    brightness = share(pixels.counts[:, np.newaxis])[..., 0]
    outward, along = (np.einsum("ni,ni->n", item, brightness) for item in (by_depth, by_sigma))
    a, b, t = ellipse.semi_column, ellipse.semi_scan, ellipse.tilt_rad
    directions = [
        (cos / a * np.cos(t) - sin / b * np.sin(t)),
        (cos / a * np.sin(t) + sin / b * np.cos(t)),
        radius * cos**2 / a,
        radius * sin**2 / b,
        radius * sin * cos * (a / b - b / a),
    ][:size]
    slopes = [unit * outward * item for item in directions]
    slopes += [along * cos**2 / (2 * sigma), along * sin**2 / (2 * sigma)]
    columns = np.stack([*slopes, outward], axis=1)
    residual = pixels.counts - np.einsum("ni,ni->n", terms, brightness)
    columns -= np.einsum("ni,nij->nj", terms, share(columns))
    return residual, columns[:, :-1], columns[:, -1]


def _blurred_powers(x: np.ndarray, sigma: np.ndarray, width: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The powers of x (zero for x < 0) blurred by a Gaussian and by the pixel, a box of `width`, and their slopes against x and sigma: (x, power)."""
    table, powers = _unit_table(), len(_POWERS)
    exponent = np.array(_POWERS) + 1

    def integral(depth: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        u = (depth / sigma)[:, np.newaxis]
        place = np.clip((u - _FIRST_NODE) / _NODE_STEP, 0, len(table) - 1.001)
        node = place.astype(int)
        found = table.take(node[:, 0], axis=0)
        slope = found[:, powers:] / _NODE_STEP
        return found[:, :powers] + (place - node) * found[:, powers:], slope, u * slope

    value, slope, stretch = (
        high - low for high, low in zip(integral(x + width / 2), integral(x - width / 2), strict=True)
    )
    base = sigma[:, np.newaxis] ** (exponent - 1) / (exponent * width[:, np.newaxis])
    return base * sigma[:, np.newaxis] * value, base * slope, base * (exponent * value - stretch)


@lru_cache(maxsize=1)
def _unit_table() -> np.ndarray:
    """The powers + 1 blurred by a Gaussian of unit sigma, at nodes from -8 to 260, and their increases to the next node: (node, 2 · powers)."""
    fine, width = 4, 8.0
    step = _NODE_STEP / fine
    offset = np.arange(round(-width / step), round(width / step) + 1) * step
    weight = np.exp(-(offset**2) / 2)
    places = np.arange(round((_FIRST_NODE - width) / step), round((_LAST_NODE + width) / step) + 1) * step
    size = 2 ** int(np.ceil(np.log2(len(places) + len(offset))))
    spectrum = np.fft.rfft(weight / weight.sum(), size)
    rows = [
        np.fft.irfft(np.fft.rfft(np.clip(places, 0, None) ** (power + 1), size) * spectrum, size)[
            len(offset) - 1 : len(places) : fine
        ]
        for power in _POWERS
    ]
    values = np.stack(rows, axis=1)
    return np.concatenate([values, np.diff(values, axis=0, append=2 * values[-1:] - values[-2:-1])], axis=1)
