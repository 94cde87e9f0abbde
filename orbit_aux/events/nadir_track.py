"""Nadir tracks: the points of the ellipsoid below a satellite, and how fast they move."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from orbit_aux.constants import WGS84_EQUATORIAL_RADIUS_M, WGS84_FLATTENING
from orbit_aux.events.ground_view import geodetic_up
from orbit_aux.frames import State, from_geodetic, to_geodetic
from orbit_aux.time import Times
from orbit_aux.trajectory import Trajectory

Array = NDArray[np.float64]

# states computed at once, to bound the memory
_BLOCK = 200_000


class Track(NamedTuple):
    """Nadir points (m) and their velocities (m/s) in ITRF every `step_s`, the first at `start_s`; NaN where the trajectory is not known."""

    start_s: float
    step_s: float
    point: Array
    velocity: Array

    @property
    def seconds(self) -> Array:
        return np.asarray(self.start_s + self.step_s * np.arange(len(self.point)))

    def at(self, seconds: Array) -> tuple[Array, Array]:
        """Points and velocities by cubic Hermite interpolation: 2 cm in low orbit."""
        place = (seconds - self.start_s) / self.step_s
        row = np.clip(np.floor(place).astype(np.int64), 0, len(self.point) - 2)
        f, h = (place - row)[:, None], self.step_s
        p0, p1, v0, v1 = self.point[row], self.point[row + 1], h * self.velocity[row], h * self.velocity[row + 1]
        chord = p1 - p0
        square, cube = 3.0 * chord - 2.0 * v0 - v1, v0 + v1 - 2.0 * chord
        point = p0 + f * (v0 + f * (square + f * cube))
        return np.asarray(point), np.asarray((v0 + f * (2.0 * square + f * 3.0 * cube)) / h)


def track_of(trajectory: Trajectory, origin: Times, first: int, stop: int, step_s: float) -> Track:
    """Epochs number `first` to `stop` (excluded) of those every `step_s` from `origin` on, from which seconds count."""
    times = origin[np.zeros(stop - first, dtype=np.int64)] + step_s * np.arange(first, stop)
    known = np.asarray(trajectory.covers(times))
    point, velocity = np.full((len(times), 3), np.nan), np.full((len(times), 3), np.nan)
    for rows in np.array_split(np.flatnonzero(known), -(-int(known.sum()) // _BLOCK) or 1):
        point[rows], velocity[rows] = nadir_points(trajectory.at(times[rows]))
    return Track(first * step_s, step_s, point, velocity)


def nadir_points(state: State) -> tuple[Array, Array]:
    """Nadir points (m) on WGS84 and their velocities (m/s) over the ground, ITRF.

    The satellite at height h over radii of curvature M, N moves (1 + h/M), (1 + h/N) times as fast, north and east, as its nadir point.
    """
    fixed = state.to("ITRF")
    lon, lat, height = to_geodetic(fixed.position_m)
    up = geodetic_up(lon, lat)
    east = np.stack([-np.sin(lon), np.cos(lon), np.zeros_like(lon)], axis=-1)
    north = np.cross(up, east)
    square = WGS84_FLATTENING * (2.0 - WGS84_FLATTENING)
    root = np.sqrt(1.0 - square * np.sin(lat) ** 2)
    prime, meridian = WGS84_EQUATORIAL_RADIUS_M / root, WGS84_EQUATORIAL_RADIUS_M * (1.0 - square) / root**3
    eastward = np.sum(east * fixed.velocity_ms, axis=1) * prime / (prime + height)
    northward = np.sum(north * fixed.velocity_ms, axis=1) * meridian / (meridian + height)
    return from_geodetic(lon, lat, np.zeros_like(lon)), eastward[:, None] * east + northward[:, None] * north
