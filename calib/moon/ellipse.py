"""The Moon's outline in the image: an ellipse over column and scan coordinate, and how the scan coordinate follows from the lines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from calib.types import BandImage


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
        return np.asarray(np.hypot((cos * dx + sin * dy) / self.semi_column, (cos * dy - sin * dx) / self.semi_scan))

    def polar(self, column: np.ndarray, scan: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Distance from the centre in disk radii, angle on the disk [rad], and distance outside the limb [pixel] (to first order; < 0 inside)."""
        cos, sin = np.cos(self.tilt_rad), np.sin(self.tilt_rad)
        dx, dy = column - self.column, scan - self.scan
        x, y = (cos * dx + sin * dy) / self.semi_column, (cos * dy - sin * dx) / self.semi_scan
        radius = np.hypot(x, y)
        # at the very centre the gradient has no direction; any number does there
        slope = np.hypot(x / self.semi_column, y / self.semi_scan) / np.maximum(radius, 1e-9)
        return radius, np.arctan2(y, x) + self.tilt_rad, (radius - 1) / np.maximum(slope, 1e-9)

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
    first = np.array([start.column, start.scan, start.semi_column, start.semi_scan, start.tilt_rad])[:size]

    def distances(values: np.ndarray) -> np.ndarray:
        return ellipse_of(values).polar(column, scan)[2]

    found = least_squares(
        distances, first, loss="huber", f_scale=huber_pixel, x_scale=np.array([1, 1, 1, 1, 1e-2])[:size]
    )
    ellipse = ellipse_of(found.x)
    return ellipse, distances(found.x), np.linalg.pinv(found.jac.T @ found.jac)[:4, :4]


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
    radius = ellipse.radius(columns, coordinates)
    line, column = np.nonzero(np.abs(radius - 1) < reach)
    angle = ellipse.polar(columns[0, column], coordinates[line, 0])[1]
    turned = (angle - sun_angle_rad + np.pi) % (2 * np.pi) - np.pi
    lit = np.abs(turned) < half_angle_rad
    return line[lit], column[lit], radius[line[lit], column[lit]], turned[lit]
