"""The Moon's outline in the image: an ellipse over column and scan coordinate, and how the scan coordinate follows from the lines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calib.acquisition import BandImage

_ITERATIONS = 60
_CLOSE_ENOUGH = 1e-7


@dataclass(frozen=True)
class Scan:
    """What a line is worth: `weight` is its scan rate over the mean rate of the disk, so that the sum of weights, `coordinate`, keeps an ellipse.

    Lines count from the middle of line 0. Without rates in the product the weights are one and the coordinate is the line.
    """

    weight: np.ndarray
    edges: np.ndarray

    def coordinate(self, line: np.ndarray) -> np.ndarray:
        """Scan coordinate of fractional lines, in lines of the mean rate."""
        positions = np.arange(len(self.edges)) - 0.5
        inside = np.interp(line, positions, self.edges)
        # outside the image the scan goes on at the mean rate
        return np.asarray(inside + np.minimum(line - positions[0], 0) + np.maximum(line - positions[-1], 0))

    def line(self, coordinate: np.ndarray) -> np.ndarray:
        """Fractional line of scan coordinates: the inverse of `coordinate`."""
        positions = np.arange(len(self.edges)) - 0.5
        inside = np.interp(coordinate, self.edges, positions)
        return np.asarray(
            inside + np.minimum(coordinate - self.edges[0], 0) + np.maximum(coordinate - self.edges[-1], 0)
        )


def scan_of(image: BandImage, centre_line: float, half_lines: float) -> Scan:
    """The scan of a band, its rates relative to their mean over centre_line ± half_lines."""
    count = image.raster.lines
    rate = np.ones(count) if image.scan_rate_rad_s is None else image.scan_rate_rad_s / image.scan_rate_rad_s.mean()
    positions, edges = np.arange(count + 1) - 0.5, np.concatenate([[0.0], np.cumsum(rate)])
    ends = np.clip([centre_line - half_lines, centre_line + half_lines], positions[0], positions[-1])
    mean = float(np.diff(np.interp(ends, positions, edges))[0] / np.diff(ends)[0])
    return Scan(rate / mean, edges / mean - 0.5)


@dataclass(frozen=True)
class Ellipse:
    """Centre and semi-axes over (column, scan coordinate), in pixels; `tilt_rad` turns the axes from +column towards +line."""

    column: float
    scan: float
    semi_column: float
    semi_scan: float
    tilt_rad: float = 0.0

    def point(self, angle_rad: np.ndarray, radius: np.ndarray | float = 1.0) -> tuple[np.ndarray, np.ndarray]:
        """Column and scan coordinate at an angle on the disk and a distance from its centre in disk radii."""
        turned = angle_rad - self.tilt_rad
        x, y = radius * self.semi_column * np.cos(turned), radius * self.semi_scan * np.sin(turned)
        cos, sin = np.cos(self.tilt_rad), np.sin(self.tilt_rad)
        return self.column + cos * x - sin * y, self.scan + sin * x + cos * y

    def radius(self, column: np.ndarray, scan: np.ndarray) -> np.ndarray:
        """Distance from the centre in disk radii."""
        cos, sin = np.cos(self.tilt_rad), np.sin(self.tilt_rad)
        dx, dy = column - self.column, scan - self.scan
        # of a row of columns and a column of lines only the sum is as large as the image
        square = dx**2 * ((cos / self.semi_column) ** 2 + (sin / self.semi_scan) ** 2)
        square = square + dy**2 * ((sin / self.semi_column) ** 2 + (cos / self.semi_scan) ** 2)
        if self.tilt_rad:
            square += 2 * sin * cos * (1 / self.semi_column**2 - 1 / self.semi_scan**2) * dx * dy
        return np.asarray(np.sqrt(square))

    def direction(self, column: np.ndarray, scan: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Distance from the centre in disk radii, cosine and sine of the angle on the disk from its first axis."""
        cos, sin = np.cos(self.tilt_rad), np.sin(self.tilt_rad)
        dx, dy = column - self.column, scan - self.scan
        x, y = (cos * dx + sin * dy) / self.semi_column, (cos * dy - sin * dx) / self.semi_scan
        # at the very centre there is no direction; any does there
        radius = np.maximum(np.sqrt(x * x + y * y), 1e-9)
        return radius, x / radius, y / radius

    def chords(self, scan: np.ndarray, radii: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """First column within each of `radii` (disk radii) at each scan coordinate, and the first one beyond: (scan, radius); equal where there is none."""
        cos, sin = np.cos(self.tilt_rad), np.sin(self.tilt_rad)
        across = (cos / self.semi_column) ** 2 + (sin / self.semi_scan) ** 2
        mixed = sin * cos * (1 / self.semi_column**2 - 1 / self.semi_scan**2)
        along = (sin / self.semi_column) ** 2 + (cos / self.semi_scan) ** 2
        offset = (scan - self.scan)[:, np.newaxis]
        square = across * radii**2 - (across * along - mixed**2) * offset**2
        half = np.sqrt(np.maximum(square, 0)) / across
        middle = self.column - mixed / across * offset
        first = np.ceil(middle - half).astype(int)
        stop = np.where(square > 0, np.floor(middle + half).astype(int) + 1, first)
        return first, np.maximum(stop, first)

    def extent(self) -> tuple[float, float]:
        """Half width along columns and half height along the scan coordinate."""
        cos, sin = np.cos(self.tilt_rad), np.sin(self.tilt_rad)
        return float(np.hypot(self.semi_column * cos, self.semi_scan * sin)), float(
            np.hypot(self.semi_column * sin, self.semi_scan * cos)
        )


def ellipse_of(values: np.ndarray) -> Ellipse:
    """The ellipse of an array of its column, scan, semi_column, semi_scan and, if there is a fifth number, tilt_rad."""
    column, scan, semi_column, semi_scan = (float(item) for item in values[:4])
    return Ellipse(column, scan, semi_column, semi_scan, float(values[4]) if len(values) > 4 else 0.0)


def fit_ellipse(
    column: np.ndarray, scan: np.ndarray, start: Ellipse, tilted: bool = False, huber_pixel: float = 0.5
) -> tuple[Ellipse, np.ndarray, np.ndarray]:
    """The ellipse with the least distances to points, outliers held down by Huber's loss.

    Returns it with the distances [pixel] and the covariance of (column, scan, semi_column, semi_scan) for independent points of unit variance.
    """
    size = 5 if tilted else 4
    values = np.array([start.column, start.scan, start.semi_column, start.semi_scan, start.tilt_rad])[:size]
    for _ in range(_ITERATIONS):
        ellipse = ellipse_of(values)
        distance, slopes = limb_distances(column, scan, ellipse)
        slopes = slopes[:, :size]
        weighted = slopes * np.minimum(1.0, huber_pixel / np.maximum(np.abs(distance), 1e-12))[:, np.newaxis]
        # sums without BLAS: they do not depend on the number of threads
        normal = np.linalg.pinv(np.einsum("ni,nj->ij", weighted, slopes), hermitian=True)
        limit = np.array([0.2, 0.2, 0.2, 0.2, 0.2 / ellipse.semi_column])[:size] * ellipse.semi_column
        step = np.clip(normal @ np.einsum("ni,n->i", weighted, distance), -limit, limit)
        values = values + step
        values[2:4] = np.maximum(values[2:4], 0.1)
        if np.max(np.abs(step)) < _CLOSE_ENOUGH:
            break
    ellipse = ellipse_of(values)
    return ellipse, limb_distances(column, scan, ellipse)[0], normal[:4, :4]


def limb_distances(column: np.ndarray, scan: np.ndarray, ellipse: Ellipse) -> tuple[np.ndarray, np.ndarray]:
    """Distance of points outside the ellipse [pixel] (to first order; < 0 inside), and how fast it falls with column, scan, both axes and tilt."""
    radius, cos, sin = ellipse.direction(column, scan)
    a, b = ellipse.semi_column, ellipse.semi_scan
    slope = np.hypot(cos / a, sin / b)
    x, y = cos / a / slope, sin / b / slope
    c, s = np.cos(ellipse.tilt_rad), np.sin(ellipse.tilt_rad)
    falls = [c * x - s * y, s * x + c * y, x * cos, y * sin, y * a * cos - x * b * sin]
    return (radius - 1) / slope, np.stack(falls, axis=1)


def algebraic_ellipse(column: np.ndarray, scan: np.ndarray) -> Ellipse | None:
    """A first ellipse with axes along column and line, by linear least squares; None where the points make none."""
    centre, spread = np.array([column.mean(), scan.mean()]), np.array([np.ptp(column), np.ptp(scan)])
    if not np.all(spread > 0):
        return None
    x, y = (column - centre[0]) / spread[0], (scan - centre[1]) / spread[1]
    a, b, c, d = np.linalg.lstsq(np.stack([x * x, y * y, x, y], axis=1), np.ones_like(x), rcond=None)[0]
    if not (a > 0 and b > 0):
        return None
    level = 1 + c * c / (4 * a) + d * d / (4 * b)
    return Ellipse(
        float(centre[0] - c / (2 * a) * spread[0]),
        float(centre[1] - d / (2 * b) * spread[1]),
        float(np.sqrt(level / a) * spread[0]),
        float(np.sqrt(level / b) * spread[1]),
    )


def near_limb(
    grid: tuple[np.ndarray, np.ndarray], ellipse: Ellipse, sun_angle_rad: float, reach: float, half_angle_rad: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Line, column, distance from the centre [disk radii] and angle from the Sun's direction [rad] of the pixels near the lit limb.

    `grid` is their column (1, n) and scan coordinate (n, 1); `reach` is in disk radii.
    """
    columns, coordinates = grid
    origin = columns[0, 0]
    first, stop = (
        np.clip(side - int(origin), 0, columns.shape[1])
        for side in ellipse.chords(coordinates[:, 0], np.array([1 - reach, 1 + reach]))
    )
    # the pixels of a line lie in two runs, left and right of the disk's inner part
    hollow = stop[:, 0] > first[:, 0]
    starts = np.stack([first[:, 1], np.where(hollow, stop[:, 0], first[:, 1])], axis=1)
    stops = np.stack([np.where(hollow, first[:, 0], first[:, 1]), stop[:, 1]], axis=1)
    lengths = np.maximum(stops - starts, 0)
    column = np.repeat(starts.ravel(), lengths.ravel()) + _within_runs(lengths.ravel())
    line = np.repeat(np.arange(len(coordinates)), lengths.sum(axis=1))
    radius, cos, sin = ellipse.direction(columns[0, column], coordinates[line, 0])
    # an angle costs more than all else: first without, and a little too many
    towards = sun_angle_rad - ellipse.tilt_rad
    near = np.flatnonzero(cos * np.cos(towards) + sin * np.sin(towards) > np.cos(half_angle_rad) - 1e-9)
    line, column, radius = line[near], column[near], radius[near]
    turned = (np.arctan2(sin[near], cos[near]) + ellipse.tilt_rad - sun_angle_rad + np.pi) % (2 * np.pi) - np.pi
    lit = np.abs(turned) < half_angle_rad
    return line[lit], column[lit], radius[lit], turned[lit]


def _within_runs(lengths: np.ndarray) -> np.ndarray:
    """0, 1, ... in each of the runs of these lengths."""
    ends = np.cumsum(lengths)
    return np.asarray(np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - lengths, lengths))
