"""Satellites seen from points of the ground, and points of the ground seen from satellites."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from orbit_aux.constants import EARTH_ROTATION_RATE_RADS, SPEED_OF_LIGHT_MS, WGS84_EQUATORIAL_RADIUS_M, WGS84_FLATTENING
from orbit_aux.events.samples import Found, Piece, highest
from orbit_aux.frames import State, from_geodetic, to_geodetic
from orbit_aux.stations import Stations
from orbit_aux.time import Times
from orbit_aux.trajectory import Trajectory

Array = NDArray[np.float64]
Rows = NDArray[np.intp]

_SPIN = np.array([0.0, 0.0, EARTH_ROTATION_RATE_RADS])
# Saemundsson's formula is not meant for lower elevations
_LOWEST_REFRACTED_DEG = -2.0


class Ground(NamedTuple):
    """n points: names, places in ITRF (m), geodetic longitude and latitude (rad), and unit vectors up, east and north there, shape (n, 3)."""

    names: tuple[str, ...]
    place_m: Array
    longitude_rad: Array
    latitude_rad: Array
    up: Array
    east: Array
    north: Array


class Sight(NamedTuple):
    """A satellite seen from the ground, shape (n,): elevation over the ellipsoid's tangent plane, azimuth from north over east, 0 to 2 pi."""

    elevation_rad: Array
    azimuth_rad: Array
    distance_m: Array
    range_rate_ms: Array


def ground_of(stations: Stations) -> Ground:
    """The points of a table of stations or sites."""
    longitude, latitude, _ = to_geodetic(stations.position_itrf_m)
    east = np.stack([-np.sin(longitude), np.cos(longitude), np.zeros_like(longitude)], axis=-1)
    up = geodetic_up(longitude, latitude)
    return Ground(stations.names, stations.position_itrf_m, longitude, latitude, up, east, np.cross(up, east))


def geodetic_up(longitude_rad: Array, latitude_rad: Array) -> Array:
    """Normals of the ellipsoid, ITRF, shape (n, 3)."""
    c = np.cos(latitude_rad)
    return np.stack([c * np.cos(longitude_rad), c * np.sin(longitude_rad), np.sin(latitude_rad)], axis=-1)


def sine_of_elevation(ground: Ground, fixed: State, rows: Rows, *, light_time: bool = False) -> Array:
    """Sine of the geometric elevation of ITRF states (n) over the points number `rows` (n, or one for all)."""
    line = _line(ground, fixed, rows, light_time)
    return np.asarray(_dot(line, ground.up[rows]) / np.sqrt(_dot(line, line)))


def sight(ground: Ground, fixed: State, rows: Rows, *, light_time: bool = False) -> Sight:
    """How ITRF states (n) are seen from the points number `rows` (n, or one for all); with `light_time` the states' times are those of reception."""
    line = _line(ground, fixed, rows, light_time)
    distance = np.sqrt(_dot(line, line))
    up, east, north = (_dot(line, axes[rows]) for axes in (ground.up, ground.east, ground.north))
    return Sight(
        np.arctan2(up, np.hypot(east, north)),
        np.arctan2(east, north) % (2.0 * np.pi),
        distance,
        _dot(line, fixed.velocity_ms) / distance,
    )


def culminations(
    trajectory: Trajectory, ground: Ground, found: Found, pieces: tuple[Piece, ...], *, light_time: bool = False
) -> Times:
    """When the satellite stands highest over each point, in each span; `pieces` in ITRF."""

    def sine(times: Times, rows: Rows) -> Array:
        return sine_of_elevation(ground, trajectory.at(times).to("ITRF"), rows, light_time=light_time)

    def sampled(piece: Piece, row: int) -> Array:
        return sine_of_elevation(ground, piece.state, np.array(row), light_time=light_time)

    return highest(sine, found, pieces, sampled)


def refraction_rad(elevation_rad: Array) -> Array:
    """Saemundsson's refraction (1010 hPa, 10 C) to add to a geometric elevation; held below -2 deg."""
    degrees = np.maximum(np.degrees(elevation_rad), _LOWEST_REFRACTED_DEG)
    return np.asarray(np.radians(1.02 / 60.0 / np.tan(np.radians(degrees + 10.3 / (degrees + 5.11)))))


def ground_distance_m(ground: Ground, rows: Rows, longitude_rad: Array, latitude_rad: Array) -> Array:
    """Along the WGS84 ellipsoid from the points number `rows` to others: chord bent with the curvature of its direction; good to 1e-5 below 1000 km."""
    ones = from_geodetic(ground.longitude_rad[rows], ground.latitude_rad[rows], 0.0)
    chord = from_geodetic(longitude_rad, latitude_rad, 0.0) - ones
    azimuth = np.arctan2(np.sum(chord * ground.east[rows], axis=1), np.sum(chord * ground.north[rows], axis=1))
    squared = WGS84_FLATTENING * (2.0 - WGS84_FLATTENING)
    middle = 0.5 * (ground.latitude_rad[rows] + latitude_rad)
    factor = 1.0 - squared * np.sin(middle) ** 2
    across = WGS84_EQUATORIAL_RADIUS_M / np.sqrt(factor)
    along = across * (1.0 - squared) / factor
    # Euler: curvature of the normal section in an azimuth
    radius = 1.0 / (np.cos(azimuth) ** 2 / along + np.sin(azimuth) ** 2 / across)
    return np.asarray(2.0 * radius * np.arcsin(np.minimum(np.linalg.norm(chord, axis=1) / (2.0 * radius), 1.0)))


def _dot(one: Array, other: Array) -> Array:
    return np.asarray(np.einsum("...j,...j->...", one, other))


def _line(ground: Ground, fixed: State, rows: NDArray[np.intp], light_time: bool) -> Array:
    """From the points to the satellite, ITRF, m; where it was when its light left, among stars that stand still meanwhile."""
    line = fixed.position_m - ground.place_m[rows]
    if light_time:
        delay_s = np.linalg.norm(line, axis=1) / SPEED_OF_LIGHT_MS
        line = line - delay_s[:, None] * (fixed.velocity_ms + np.cross(_SPIN, fixed.position_m))
    return np.asarray(line)
