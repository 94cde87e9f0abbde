"""Compiled loops from lines of sight to the ground: true directions, the ellipsoid at a height, the march over a terrain."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from orbit_aux.compiled import compiled
from orbit_aux.constants import (
    EARTH_ROTATION_RATE_RADS,
    SPEED_OF_LIGHT_MS,
    WGS84_EQUATORIAL_RADIUS_M,
    WGS84_FLATTENING,
    WGS84_POLAR_RADIUS_M,
)

Array = NDArray[np.float64]

#: what became of a line of sight
OK, MISS, OUTSIDE, NODATA = 0, 1, 2, 3

_A, _B = WGS84_EQUATORIAL_RADIUS_M, WGS84_POLAR_RADIUS_M
_E2 = WGS84_FLATTENING * (2.0 - WGS84_FLATTENING)
_EP2 = _E2 / (1.0 - _E2)
# the Earth's turn while light goes one metre
_TURN = EARTH_ROTATION_RATE_RADS / SPEED_OF_LIGHT_MS
_HEIGHT_TOLERANCE_M = 1e-5


@compiled
def true_direction(
    turn: Array, beta: Array, x: float, y: float, z: float
) -> tuple[float, float, float]:
    """Unit direction to where light came from, of the apparent one (x, y, z) in the body; `beta` is the velocity over c (0: no aberration).

    Exact inverse of u' = [u/γ + (1 + u·β/(1 + 1/γ)) β] / (1 + u·β).
    """
    a = turn[0, 0] * x + turn[0, 1] * y + turn[0, 2] * z
    b = turn[1, 0] * x + turn[1, 1] * y + turn[1, 2] * z
    c = turn[2, 0] * x + turn[2, 1] * y + turn[2, 2] * z
    along = a * beta[0] + b * beta[1] + c * beta[2]
    inverse_gamma = math.sqrt(1.0 - (beta[0] * beta[0] + beta[1] * beta[1] + beta[2] * beta[2]))
    share = 1.0 - along / (1.0 + inverse_gamma)
    scale = 1.0 / (1.0 - along)
    return (
        (a * inverse_gamma - share * beta[0]) * scale,
        (b * inverse_gamma - share * beta[1]) * scale,
        (c * inverse_gamma - share * beta[2]) * scale,
    )


@compiled
def geodetic(x: float, y: float, z: float) -> tuple[float, float, float, float]:
    """Equatorial distance, sine and cosine of the latitude, and height (Bowring 1976; below 1e-9 m to 10 km, 1e-6 m to 1000 km)."""
    p = math.sqrt(x * x + y * y)
    sine, cosine = z * _A, p * _B
    size = 1.0 / math.sqrt(sine * sine + cosine * cosine)
    sine, cosine = sine * size, cosine * size
    up, out = z + _EP2 * _B * sine * sine * sine, p - _E2 * _A * cosine * cosine * cosine
    size = 1.0 / math.sqrt(up * up + out * out)
    sine, cosine = up * size, out * size
    return p, sine, cosine, p * cosine + z * sine - _A * math.sqrt(1.0 - _E2 * sine * sine)


@compiled
def meet_height(s: Array, u: float, v: float, w: float, height: float) -> float:
    """Distance along the unit direction (u, v, w) from `s` to the nearest point of that height over the ellipsoid; NaN if there is none.

    Starts on the inflated ellipsoid and goes on along the true normal, as the surface of a constant height is no ellipsoid.
    """
    ia, ib = 1.0 / (_A + height), 1.0 / (_B + height)
    sx, sy, sz = s[0] * ia, s[1] * ia, s[2] * ib
    ux, uy, uz = u * ia, v * ia, w * ib
    square = ux * ux + uy * uy + uz * uz
    middle = sx * ux + sy * uy + sz * uz
    rest = sx * sx + sy * sy + sz * sz - 1.0
    inside = middle * middle - square * rest
    if not (inside >= 0.0 and middle < 0.0 and rest > 0.0):
        return math.nan
    distance = rest / (math.sqrt(inside) - middle)
    for _ in range(20):
        x, y, z = s[0] + distance * u, s[1] + distance * v, s[2] + distance * w
        p, sine, cosine, found = geodetic(x, y, z)
        off = height - found
        if abs(off) < _HEIGHT_TOLERANCE_M:
            return distance
        climb = w * sine
        if p > 0.0:
            climb += cosine * (x * u + y * v) / p
        if climb > -1e-9:
            return math.nan
        distance += off / climb
    return math.nan


@compiled
def locate_lines(
    origin: Array, turn: Array, beta: Array, sight: Array, height: float, light_time: bool, result: Array
) -> None:
    """Longitude, latitude (rad), height and distance (m) into `result` (lines, columns, 4) for all columns of all lines; NaN where the Earth is missed."""
    for line in range(origin.shape[0]):
        for column in range(sight.shape[0]):
            locate_point(
                origin[line], turn[line], beta[line], sight[column], height, light_time, result[line, column]
            )


@compiled
def locate_pairs(
    origin: Array,
    turn: Array,
    beta: Array,
    line: NDArray[np.int64],
    sight: Array,
    height: Array,
    light_time: bool,
    result: Array,
) -> None:
    """As `locate_lines`, into `result` (n, 4), for n pairs of a line number and a direction, each with its height."""
    for row in range(line.shape[0]):
        at = line[row]
        locate_point(origin[at], turn[at], beta[at], sight[row], height[row], light_time, result[row])


@compiled
def locate_point(
    s: Array, turn: Array, beta: Array, sight: Array, height: float, light_time: bool, result: Array
) -> None:
    u, v, w = true_direction(turn, beta, sight[0], sight[1], sight[2])
    distance = meet_height(s, u, v, w, height)
    if math.isnan(distance):
        result[:] = math.nan
        return
    x, y, z = s[0] + distance * u, s[1] + distance * v, s[2] + distance * w
    _, sine, cosine, _ = geodetic(x, y, z)
    longitude = math.atan2(y, x)
    if light_time:
        # the light left earlier, when the Earth was turned less: its surface of revolution is the same, its longitudes are not
        longitude = wrapped(longitude + _TURN * distance)
    result[0] = longitude
    result[1] = math.atan2(sine, cosine)
    result[2] = height
    result[3] = distance


@compiled
def wrapped(angle: float) -> float:
    if angle > math.pi:
        return angle - 2.0 * math.pi
    if angle <= -math.pi:
        return angle + 2.0 * math.pi
    return angle


@compiled
def ground_place(s: Array, u: float, v: float, w: float, distance: float, light_time: bool) -> tuple[float, float, float]:
    """Longitude, latitude (rad) and height (m) of the point at `distance` along a direction, on the Earth of when the light left it."""
    x, y, z = s[0] + distance * u, s[1] + distance * v, s[2] + distance * w
    _, sine, cosine, height = geodetic(x, y, z)
    longitude = math.atan2(y, x)
    if light_time:
        longitude = wrapped(longitude + _TURN * distance)
    return longitude, math.atan2(sine, cosine), height
