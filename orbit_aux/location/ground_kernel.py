"""Compiled loops from lines of sight to the ground: true directions and the ellipsoid at a height."""

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
Flags = NDArray[np.uint8]
Three = tuple[float, float, float]
Nine = tuple[float, float, float, float, float, float, float, float, float]
#: place (m), rotation from the body by rows, velocity over c, and 1/γ of it
Pose = tuple[Three, Nine, Three, float]
#: longitude and latitude (deg), height and distance (m), and what became of the line of sight; of one shape
Result = tuple[Array, Array, Array, Array, Flags]

#: what became of a line of sight
OK, MISS, OUTSIDE, NODATA = 0, 1, 2, 3

_A, _B = WGS84_EQUATORIAL_RADIUS_M, WGS84_POLAR_RADIUS_M
E2 = WGS84_FLATTENING * (2.0 - WGS84_FLATTENING)
_EP2 = E2 / (1.0 - E2)
#: the Earth's turn while light goes one metre, rad
TURN = EARTH_ROTATION_RATE_RADS / SPEED_OF_LIGHT_MS
_DEG = 180.0 / math.pi
_HEIGHT_TOLERANCE_M = 1e-6
# so near, the last step is one of the first order; not where the line of sight hardly falls
_NEAR_M = 0.3
_SHALLOW = 0.05


@compiled
def locate_lines(
    origin: Array, turn: Array, beta: Array, sight: Array, height: float, light_time: bool, result: Result
) -> None:
    """All columns of all lines into the arrays (lines, columns) of `result`; NaN where the Earth is missed."""
    longitude, latitude, heights, distance, flag = result
    for line in range(origin.shape[0]):
        pose = pose_of(origin, turn, beta, line)
        for column in range(sight.shape[0]):
            place = _locate(pose, sight[column, 0], sight[column, 1], sight[column, 2], height, light_time)
            longitude[line, column], latitude[line, column], distance[line, column] = place
            missed = math.isnan(place[2])
            heights[line, column] = math.nan if missed else height
            flag[line, column] = MISS if missed else OK


@compiled
def locate_pairs(
    origin: Array,
    turn: Array,
    beta: Array,
    line: NDArray[np.int64],
    sight: Array,
    height: Array,
    light_time: bool,
    result: Result,
) -> None:
    """As `locate_lines`, into arrays (n,), for n pairs of a line number and a direction, each with its height."""
    longitude, latitude, heights, distance, flag = result
    for row in range(line.shape[0]):
        pose = pose_of(origin, turn, beta, line[row])
        place = _locate(pose, sight[row, 0], sight[row, 1], sight[row, 2], height[row], light_time)
        longitude[row], latitude[row], distance[row] = place
        missed = math.isnan(place[2])
        heights[row] = math.nan if missed else height[row]
        flag[row] = MISS if missed else OK


@compiled
def pose_of(origin: Array, turn: Array, beta: Array, line: int) -> Pose:
    """One line's pose as numbers: views of arrays would cost more than the geometry."""
    x, y, z = beta[line, 0], beta[line, 1], beta[line, 2]
    return (
        (origin[line, 0], origin[line, 1], origin[line, 2]),
        (
            turn[line, 0, 0], turn[line, 0, 1], turn[line, 0, 2],
            turn[line, 1, 0], turn[line, 1, 1], turn[line, 1, 2],
            turn[line, 2, 0], turn[line, 2, 1], turn[line, 2, 2],
        ),
        (x, y, z),
        math.sqrt(1.0 - (x * x + y * y + z * z)),
    )  # fmt: skip


@compiled
def true_direction(pose: Pose, x: float, y: float, z: float) -> Three:
    """Unit direction, in ITRF, to where light came from, of the apparent one (x, y, z) in the body.

    Exact inverse of u' = [u/γ + (1 + u·β/(1 + 1/γ)) β] / (1 + u·β).
    """
    turn, beta, inverse_gamma = pose[1], pose[2], pose[3]
    a = turn[0] * x + turn[1] * y + turn[2] * z
    b = turn[3] * x + turn[4] * y + turn[5] * z
    c = turn[6] * x + turn[7] * y + turn[8] * z
    along = a * beta[0] + b * beta[1] + c * beta[2]
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
    up, out = z + _EP2 * _B * sine * sine * sine, p - E2 * _A * cosine * cosine * cosine
    size = 1.0 / math.sqrt(up * up + out * out)
    sine, cosine = up * size, out * size
    return p, sine, cosine, p * cosine + z * sine - _A * math.sqrt(1.0 - E2 * sine * sine)


@compiled
def meet_inflated(s: Three, u: Three, height: float) -> float:
    """Distance from `s` along `u` to the ellipsoid with both axes longer by `height`; NaN where it is missed or `s` is inside it."""
    ia, ib = 1.0 / (_A + height), 1.0 / (_B + height)
    sx, sy, sz = s[0] * ia, s[1] * ia, s[2] * ib
    ux, uy, uz = u[0] * ia, u[1] * ia, u[2] * ib
    square = ux * ux + uy * uy + uz * uz
    middle = sx * ux + sy * uy + sz * uz
    rest = sx * sx + sy * sy + sz * sz - 1.0
    inside = middle * middle - square * rest
    if inside >= 0.0 and middle < 0.0 and rest > 0.0:
        return rest / (math.sqrt(inside) - middle)
    return math.nan


@compiled
def _locate(pose: Pose, x: float, y: float, z: float, height: float, light_time: bool) -> Three:
    """Longitude and latitude (deg) and distance (m) of the nearest point of that height over the ellipsoid; NaN if there is none.

    Starts on the inflated ellipsoid and goes on along the true normal, as the surface of a constant height is no ellipsoid.
    """
    s = pose[0]
    u = true_direction(pose, x, y, z)
    distance = meet_inflated(s, u, height)
    if math.isnan(distance):
        return math.nan, math.nan, math.nan
    for _ in range(20):
        x, y, z = s[0] + distance * u[0], s[1] + distance * u[1], s[2] + distance * u[2]
        p, sine, cosine, found = geodetic(x, y, z)
        off = height - found
        out = (x * u[0] + y * u[1]) / max(p, 1e-9)
        climb = u[2] * sine + cosine * out
        if abs(off) < _NEAR_M and (climb < -_SHALLOW or abs(off) < _HEIGHT_TOLERANCE_M):
            # to the first order: what it leaves is the square of a few metres over the Earth's radius, micrometres
            rest = off / climb if climb < -_SHALLOW else 0.0
            longitude = math.atan2(y, x)
            latitude = math.atan2(sine, cosine) + rest * (cosine * u[2] - sine * out) / _A
            if abs(off) > _HEIGHT_TOLERANCE_M and p > 1.0:
                longitude += rest * (x * u[1] - y * u[0]) / (p * p)
            distance += rest
            if light_time:
                # the light left earlier, when the Earth was turned less: its surface of revolution is the same, its longitudes are not
                longitude = longitude + TURN * distance
            return wrapped(longitude) * _DEG, latitude * _DEG, distance
        if climb > -1e-9:
            break
        distance += off / climb
    return math.nan, math.nan, math.nan


@compiled
def wrapped(angle: float) -> float:
    if angle > math.pi:
        return angle - 2.0 * math.pi
    if angle <= -math.pi:
        return angle + 2.0 * math.pi
    return angle
