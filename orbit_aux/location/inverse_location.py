"""From the ground to the image: when, and in which column, a push-broom camera saw a point."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from orbit_aux.constants import EARTH_ROTATION_RATE_RADS, SPEED_OF_LIGHT_MS
from orbit_aux.errors import OrbitError
from orbit_aux.frames import from_geodetic
from orbit_aux.location.geolocate import Camera, Corrections, Poses, poses
from orbit_aux.location.lines_of_sight import LinesOfSight
from orbit_aux.time import Times

Array = NDArray[np.float64]
Rows = NDArray[np.int64]
#: apparent directions (n, 3) in the body, of the targets of those numbers (n,) at those seconds (n,) after the start
Seen = Callable[[Array, Rows], Array]

# times of the coarse search, and steps of Newton from it
_COARSE = 65
_STEPS = 12
_SLOPE_S = 1e-3
# 1e-11 rad is 7 µm from 700 km
_TOLERANCE_RAD = 1e-11
_FOUND_RAD = 1e-8
_BLOCK = 20_000


def find_pixels(
    camera: Camera,
    start: Times,
    stop: Times,
    place_deg_m: tuple[ArrayLike, ArrayLike, ArrayLike],
    corrections: Corrections = Corrections(),  # noqa: B008
) -> xr.Dataset:
    """Time and column of n ground points, given as longitude and latitude (deg) and height (m, WGS84), seen between `start` and `stop`; dim "point".

    seconds: after `start`; column: fractional; flag: 0 found, 1 not seen in that time by any column, where both are NaN. Newton on the direction in the
    body from the nearest of a coarse grid of times. What lies behind the horizon is not seen; what a mountain hides is.
    """
    longitude, latitude, height = (np.atleast_1d(np.asarray(item, dtype=np.float64)) for item in place_deg_m)
    span_s = float((stop - start)[0])
    if not span_s > 0:
        raise OrbitError(f"from {start} to {stop}: give a stop after the start")
    point = from_geodetic(np.radians(longitude), np.radians(latitude), height)

    def seen(seconds: Array, rows: Rows) -> Array:
        instants, line = np.unique(seconds, return_inverse=True)
        pose = poses(camera, start[np.zeros(len(instants), dtype=int)] + instants, corrections)
        return _direction(pose, line, point[rows], corrections)

    return match(camera.lines_of_sight, seen, len(point), start, span_s)


def match(sight: LinesOfSight, seen: Seen, count: int, start: Times, span_s: float) -> xr.Dataset:
    """When, within `span_s` from `start`, and in which column each of `count` targets crosses the array, as `find_pixels`, over dim "point".

    rate (rad/s): how fast the target moves across the array then. Newton from the nearest of a coarse grid of times.
    """
    line = _Line.of(sight)
    rows = np.arange(count)
    parts = [_newton(line, seen, rows[at : at + _BLOCK], span_s) for at in range(0, count, _BLOCK)]
    seconds, column, rate = (np.concatenate([part[number] for part in parts]) for number in range(3))
    attributes = {"units": "1", "flag_values": [0, 1], "flag_meanings": "found not_seen"}
    return xr.Dataset(
        {
            "seconds": ("point", seconds, {"units": "s", "since": start.utc_strings(9)[0]}),
            "column": ("point", column, {"units": "1"}),
            "rate": ("point", rate, {"units": "rad/s"}),
            "flag": ("point", np.isnan(seconds).astype(np.uint8), attributes),
        }
    )


class _Line:
    """The lines of sight on the plane across their mean: coordinates (columns, 2) along and beside the array."""

    def __init__(self, sight: LinesOfSight, axes: Array) -> None:
        self.columns, self.axes = sight.columns, axes
        self.plane = self.project(sight.directions)

    @classmethod
    def of(cls, sight: LinesOfSight) -> _Line:
        if len(sight.columns) < 2:
            raise OrbitError(f"{sight.source}: one column only; the inverse location needs two or more")
        mean = sight.directions.mean(axis=0)
        mean /= np.linalg.norm(mean)
        along = sight.directions[-1] - sight.directions[0]
        along -= mean * (along @ mean)
        along /= np.linalg.norm(along)
        return cls(sight, np.stack([along, np.cross(mean, along), mean]))

    def project(self, directions: Array) -> Array:
        local = directions @ self.axes.T
        # behind the camera nothing is near the array
        ahead = np.where(local[..., 2:] > 1e-3, local[..., 2:], np.nan)
        flat: Array = local[..., :2] / ahead
        return flat

    def at(self, column: Array) -> tuple[Array, Array]:
        """Coordinates (n, 2) of columns and their slopes per column; straight on beyond the ends."""
        low = np.clip(np.searchsorted(self.columns, column, side="right") - 1, 0, len(self.columns) - 2)
        slope = (self.plane[low + 1] - self.plane[low]) / (self.columns[low + 1] - self.columns[low])[:, None]
        return self.plane[low] + slope * (column - self.columns[low])[:, None], slope

    def nearest(self, along: Array) -> Array:
        """The column whose coordinate along the array is that, the ends for what lies beyond."""
        columns: Array = np.interp(along, self.plane[:, 0], self.columns)
        return columns


def _newton(line: _Line, seen: Seen, rows: Rows, span_s: float) -> tuple[Array, Array, Array]:
    seconds, column = _coarse(line, seen, rows, span_s)
    step_s = min(_SLOPE_S, 0.25 * span_s)
    for _ in range(_STEPS):
        # the slope by a second time inside the span
        near = np.clip(np.where(np.isfinite(seconds), seconds, 0.0), 0.0, span_s)
        far = np.where(near + step_s <= span_s, near + step_s, near - step_s)
        here, there = line.project(seen(near, rows)), line.project(seen(far, rows))
        rate = (there - here) / (far - near)[:, None]
        wanted, slope = line.at(column)
        miss = here + rate * (seconds - near)[:, None] - wanted
        determinant = rate[:, 1] * slope[:, 0] - rate[:, 0] * slope[:, 1]
        with np.errstate(divide="ignore", invalid="ignore"):
            change_s = (miss[:, 0] * slope[:, 1] - miss[:, 1] * slope[:, 0]) / determinant
            change = (rate[:, 1] * miss[:, 0] - rate[:, 0] * miss[:, 1]) / determinant
        # no farther out than one span: beyond, nothing is extrapolated
        seconds, column = np.clip(seconds + change_s, -span_s, 2.0 * span_s), column + change
        if not (np.abs(miss) > _TOLERANCE_RAD).any():
            break
    edge = 1e-6
    inside = (seconds >= -1e-9) & (seconds <= span_s + 1e-9) & (np.abs(miss).max(axis=1) < _FOUND_RAD)
    inside &= (column >= line.columns[0] - edge) & (column <= line.columns[-1] + edge)
    # the part of the motion across the array, of unit length along it
    across = np.abs(determinant) / np.linalg.norm(slope, axis=1)
    seconds, column, across = (np.where(inside, values, np.nan) for values in (seconds, column, across))
    return seconds, column, across


def _coarse(line: _Line, seen: Seen, rows: Rows, span_s: float) -> tuple[Array, Array]:
    """The time of a coarse grid at which each target passes nearest to the array, and the column there."""
    best = np.full(len(rows), np.inf)
    seconds, column = np.zeros(len(rows)), np.full(len(rows), line.columns.mean())
    for at in np.linspace(0.0, span_s, _COARSE):
        flat = line.project(seen(np.full(len(rows), at), rows))
        nearest = line.nearest(np.nan_to_num(flat[:, 0]))
        distance = np.linalg.norm(flat - line.at(nearest)[0], axis=1)
        closer = distance < best
        best = np.where(closer, distance, best)
        seconds, column = np.where(closer, at, seconds), np.where(closer, nearest, column)
    return seconds, column


def _direction(pose: Poses, row: NDArray[np.int64], point: Array, corrections: Corrections) -> Array:
    """Apparent directions (n, 3) of ground points in the body."""
    origin, place = pose.origin[row], point
    if corrections.light_time:
        # the point as the Earth carried it when the light left, against the axes of now; the distance changes by less than 1e-6 of itself
        turn = -EARTH_ROTATION_RATE_RADS / SPEED_OF_LIGHT_MS * np.linalg.norm(point - origin, axis=1)
        x, y, z = point.T
        place = np.stack([np.cos(turn) * x - np.sin(turn) * y, np.sin(turn) * x + np.cos(turn) * y, z], axis=-1)
    true = place - origin
    # the Earth is not transparent: a point that faces away is seen nowhere (the sphere's horizon, good to 0.2 degree)
    true[np.einsum("ni,ni->n", true, place) >= 0.0] = np.nan
    true /= np.linalg.norm(true, axis=1, keepdims=True)
    seen: Array = np.einsum("nji,nj->ni", pose.turn[row], aberrated(true, pose.beta[row]))
    return seen


def aberrated(direction: Array, beta: Array) -> Array:
    """Apparent unit directions (n, 3) of true ones for an observer of velocity `beta` (n, 3) over c: [u/γ + (1 + u·β/(1 + 1/γ)) β] / (1 + u·β)."""
    along = np.einsum("ni,ni->n", direction, beta)[:, None]
    inverse_gamma = np.sqrt(1.0 - np.einsum("ni,ni->n", beta, beta))[:, None]
    seen: Array = (direction * inverse_gamma + (1.0 + along / (1.0 + inverse_gamma)) * beta) / (1.0 + along)
    return seen
