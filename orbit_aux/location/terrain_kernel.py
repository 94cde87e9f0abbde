"""Compiled march of lines of sight over a terrain: cell by cell, so that no ridge is jumped."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from orbit_aux.compiled import compiled
from orbit_aux.constants import WGS84_EQUATORIAL_RADIUS_M
from orbit_aux.location.ground_kernel import (
    E2,
    MISS,
    NODATA,
    OK,
    OUTSIDE,
    TURN,
    Pose,
    Result,
    Three,
    geodetic,
    meet_inflated,
    pose_of,
    true_direction,
    wrapped,
)
from orbit_aux.location.terrain import BLOCK

Array = NDArray[np.float64]
Heights = NDArray[np.float32]
#: affine map of (lon, lat) or (x, y) to (column, row); origin (lon, lat) and nodes per radian of the table; central longitude, lowest and highest height;
#: last column and row of the area of the pixels; 1 where the table is used
Numbers = tuple[
    float, float, float, float, float, float, float, float, float, float, float, float, float, float, float, float
]
#: heights, highest of each block of cells, table of (x, y) over (lat, lon), and the numbers. Few functions here take arrays: each that does counts
#: references, which costs more than a step of the march
Arrays = tuple[Heights, Heights, Array, Numbers]
#: longitude, latitude (rad) and height (m) at a place along a line of sight, and their first and second derivatives by the distance
Motion = tuple[Three, Three, Three]
#: of a march: OK, OUTSIDE, NODATA or MISS; distance; change of the height over the ground with distance
Met = tuple[int, float, float]

# a line of sight is bent by less than 3 cm over this length, which the last refinement takes out
_PIECE_M = 1_000.0
# and its longitude, latitude and height are parabolas to 1 cm over this one
_STRETCH_M = 8_000.0
_CLEARANCE_M = 1.0
_TOLERANCE_M = 1e-4
# what lies behind a stretch already walked, beside OUTSIDE and NODATA: free air over known ground
_FREE = -1
# added to OUTSIDE or NODATA: the ground was met there, where it is not known
_BURIED = 10
_DEG = 180.0 / math.pi


@compiled
def march_lines(
    origin: Array, turn: Array, beta: Array, sight: Array, terrain: Arrays, light_time: bool, result: Result
) -> None:
    """All columns of all lines into the arrays (lines, columns) of `result`; NaN where no ground is met."""
    longitude, latitude, height, distance, flag = result
    heights, blocks, table, numbers = terrain
    for line in range(origin.shape[0]):
        pose = pose_of(origin, turn, beta, line)
        for column in range(sight.shape[0]):
            seen = (sight[column, 0], sight[column, 1], sight[column, 2])
            became, place = _march(pose, seen, heights, blocks, table, numbers, light_time)
            longitude[line, column], latitude[line, column] = place[0], place[1]
            height[line, column], distance[line, column] = place[2], place[3]
            flag[line, column] = became


@compiled
def march_pairs(
    origin: Array,
    turn: Array,
    beta: Array,
    line: NDArray[np.int64],
    sight: Array,
    terrain: Arrays,
    light_time: bool,
    result: Result,
) -> None:
    """As `march_lines`, into arrays (n,), for n pairs of a line number and a direction."""
    longitude, latitude, height, distance, flag = result
    heights, blocks, table, numbers = terrain
    for row in range(line.shape[0]):
        pose = pose_of(origin, turn, beta, line[row])
        seen = (sight[row, 0], sight[row, 1], sight[row, 2])
        flag[row], place = _march(pose, seen, heights, blocks, table, numbers, light_time)
        longitude[row], latitude[row], height[row], distance[row] = place


@compiled
def heights_at(terrain: Arrays, longitude: Array, latitude: Array, result: Array) -> None:
    """Bilinear heights (n,), m, at places in rad; NaN outside and where a neighbour has none."""
    heights, _, table, numbers = terrain
    for place in range(len(result)):
        column, row = _cell_place(table, numbers, longitude[place], latitude[place])
        result[place] = math.nan
        if _inside(numbers, column, row):
            j, i = int(column), int(row)
            z00, z01, z10, z11 = heights[i, j], heights[i, j + 1], heights[i + 1, j], heights[i + 1, j + 1]
            result[place] = _mixed(z00, z01, z10, z11, column - j, row - i)


@compiled
def _march(
    pose: Pose, seen: Three, heights: Heights, blocks: Heights, table: Array, numbers: Numbers, light_time: bool
) -> tuple[int, tuple[float, float, float, float]]:
    """Walk from above the highest point to below the lowest one; the first crossing from above counts."""
    nothing = (math.nan, math.nan, math.nan, math.nan)
    s = pose[0]
    u = true_direction(pose, seen[0], seen[1], seen[2])
    distance = meet_inflated(s, u, numbers[12] + _CLEARANCE_M)
    if math.isnan(distance):
        return MISS, nothing
    stop = meet_inflated(s, u, numbers[11] - _CLEARANCE_M)
    if math.isnan(stop):
        # it leaves again without ever being lower than the lowest point
        stop = -2.0 * (s[0] * u[0] + s[1] * u[1] + s[2] * u[2]) - distance
    behind = OUTSIDE
    while distance < stop:
        length = min(_STRETCH_M, stop - distance)
        motion = _motion(s, u, distance, light_time)
        behind, share, slope = _stretch(heights, blocks, table, numbers, motion, length, behind)
        if behind == OK:
            return OK, _refined(s, u, heights, table, numbers, light_time, (distance + share, slope))
        if behind >= _BURIED:
            return behind - _BURIED, nothing
        distance += length
    return (MISS if behind == _FREE else behind), nothing


@compiled
def _motion(s: Three, u: Three, distance: float, light_time: bool) -> Motion:
    """Where a line of sight is, and how it goes on to the second order: the local axes turn under it."""
    x, y, z = s[0] + distance * u[0], s[1] + distance * u[1], s[2] + distance * u[2]
    p, sine, cosine, height = geodetic(x, y, z)
    # on the axis itself any longitude does
    p = max(p, 1e-3)
    cl, sl = x / p, y / p
    east = -sl * u[0] + cl * u[1]
    out = cl * u[0] + sl * u[1]
    north, up = -sine * out + cosine * u[2], cosine * out + sine * u[2]
    flat = 1.0 - E2 * sine * sine
    normal = WGS84_EQUATORIAL_RADIUS_M / math.sqrt(flat)
    meridian = normal * (1.0 - E2) / flat + height
    parallel = p
    lon1, lat1 = east / parallel, north / meridian
    east2 = lon1 * (sine * north - cosine * up)
    north2 = -lon1 * sine * east - lat1 * up
    up2 = lon1 * cosine * east + lat1 * north
    lon2 = (east2 - lon1 * (up * cosine - north * sine)) / parallel
    lat2 = (north2 - lat1 * up) / meridian
    longitude = math.atan2(y, x)
    if light_time:
        longitude = wrapped(longitude + TURN * distance)
        lon1 += TURN
    return (longitude, math.atan2(sine, cosine), height), (lon1, lat1, up), (0.5 * lon2, 0.5 * lat2, 0.5 * up2)


@compiled
def _stretch(
    heights: Heights, blocks: Heights, table: Array, numbers: Numbers, motion: Motion, length: float, behind: int
) -> Met:
    """Walk a stretch in straight pieces; the distance is from its start."""
    place, rate, bend = motion
    half = 0.5 * length
    c0, r0 = _cell_place(table, numbers, place[0], place[1])
    c1, r1 = _cell_place(
        table, numbers, place[0] + half * (rate[0] + half * bend[0]), place[1] + half * (rate[1] + half * bend[1])
    )
    c2, r2 = _cell_place(
        table,
        numbers,
        place[0] + length * (rate[0] + length * bend[0]),
        place[1] + length * (rate[1] + length * bend[1]),
    )
    cells = max(abs(c2 - c1), abs(r2 - r1), abs(c1 - c0), abs(r1 - r0)) * 2.0
    if math.isnan(cells):
        return OUTSIDE, 0.0, 0.0
    pieces = int(max(math.ceil(cells / BLOCK), math.ceil(length / _PIECE_M)))
    step = length / pieces
    ca, ra, ha = c0, r0, place[2]
    for piece in range(pieces):
        t = (piece + 1.0) / pieces
        d = t * length
        cb, rb, hb = _parabola(c0, c1, c2, t), _parabola(r0, r1, r2, t), place[2] + d * (rate[2] + d * bend[2])
        low, free = min(ha, hb), False
        if (behind == _FREE or low > numbers[12]) and _inside(numbers, ca, ra) and _inside(numbers, cb, rb):
            j0, j1 = int(min(ca, cb)) // BLOCK, int(max(ca, cb)) // BLOCK
            i0, i1 = int(min(ra, rb)) // BLOCK, int(max(ra, rb)) // BLOCK
            # no longer than a block, so four at most
            free = low > max(max(blocks[i0, j0], blocks[i0, j1]), max(blocks[i1, j0], blocks[i1, j1]))
        if free:
            behind = _FREE
        elif _beside(numbers, min(ca, cb), min(ra, rb), max(ca, cb), max(ra, rb)):
            behind = OUTSIDE
        else:
            behind, share, slope = _cells(heights, numbers, (ca, ra, ha), (cb - ca, rb - ra, hb - ha), behind)
            if behind == OK or behind >= _BURIED:
                return behind, (piece + share) * step, slope / step
        ca, ra, ha = cb, rb, hb
    return behind, 0.0, 0.0


@compiled
def _parabola(first: float, middle: float, last: float, t: float) -> float:
    bend = 2.0 * (first + last - 2.0 * middle)
    return first + t * (last - first - bend + bend * t)


@compiled
def _cells(heights: Heights, numbers: Numbers, at: Three, way: Three, behind: int) -> Met:
    """Walk from a column, row and height on by `way`, cell by cell; the distance is the share of it.

    Along a straight line the height over a bilinear cell is a parabola, so its first zero is exact.
    """
    ca, ra, ha = at
    dc, dr, dh = way
    within = _inside(numbers, ca, ra) and _inside(numbers, ca + dc, ra + dr)
    j, i = _ahead(ca, dc), _ahead(ra, dr)
    next_j, next_i = _leaving(ca, dc, j), _leaving(ra, dr, i)
    over_j, over_i = 1.0 / abs(dc), 1.0 / abs(dr)
    t = 0.0
    while t < 1.0:
        across = next_j < next_i
        end = min(next_j if across else next_i, 1.0)
        middle = 0.5 * (t + end)
        # the area of the pixels ends in the middle of the cells of the padding
        if not (within or _inside(numbers, ca + middle * dc, ra + middle * dr)):
            behind = OUTSIDE
        else:
            z00, z01, z10, z11 = heights[i, j], heights[i, j + 1], heights[i + 1, j], heights[i + 1, j + 1]
            low = ha + (t if dh > 0.0 else end) * dh
            # no comparison holds for a missing height
            if not (behind == _FREE and low > z00 and low > z01 and low > z10 and low > z11):
                c, r = ca - j, ra - i
                first = ha + t * dh - _mixed(z00, z01, z10, z11, c + t * dc, r + t * dr)
                half = ha + middle * dh - _mixed(z00, z01, z10, z11, c + middle * dc, r + middle * dr)
                last = ha + end * dh - _mixed(z00, z01, z10, z11, c + end * dc, r + end * dr)
                share, slope = _first_zero(first, half, last)
                if math.isnan(half):
                    behind = NODATA
                elif first <= 0.0 and behind != _FREE:
                    return behind + _BURIED, t, 0.0
                elif share <= 1.0:
                    return OK, t + share * (end - t), slope / (end - t)
                else:
                    behind = _FREE
        t = end
        if across:
            j += 1 if dc > 0.0 else -1
            next_j += over_j
        else:
            i += 1 if dr > 0.0 else -1
            next_i += over_i
    return behind, 1.0, 0.0


@compiled
def _first_zero(first: float, half: float, last: float) -> tuple[float, float]:
    """Where the parabola through values at 0, 1/2 and 1 comes to zero from above (beyond 1: not there), and its slope there."""
    if first <= 0.0:
        return 0.0, last - first
    bend = 2.0 * (first + last - 2.0 * half)
    slope = last - first - bend
    square = slope * slope - 4.0 * bend * first
    if square >= 0.0:
        divisor = math.sqrt(square) - slope
        if divisor > 0.0 and 2.0 * first <= divisor:
            share = 2.0 * first / divisor
            return share, slope + 2.0 * bend * share
    return 2.0, 0.0


@compiled
def _refined(
    s: Three, u: Three, heights: Heights, table: Array, numbers: Numbers, light_time: bool, found: tuple[float, float]
) -> tuple[float, float, float, float]:
    """The crossing on the exact line of sight, from the distance and the slope found on straight pieces; a grazing one stays where it was found."""
    distance, slope = found
    place, rate, _ = _motion(s, u, distance, light_time)
    off = 0.0
    for _ in range(8):
        longitude, latitude, height = place[0] + off * rate[0], place[1] + off * rate[1], place[2] + off * rate[2]
        column, row = _cell_place(table, numbers, longitude, latitude)
        if not _inside(numbers, column, row):
            break
        j, i = int(column), int(row)
        z00, z01, z10, z11 = heights[i, j], heights[i, j + 1], heights[i + 1, j], heights[i + 1, j + 1]
        over = height - _mixed(z00, z01, z10, z11, column - j, row - i)
        if math.isnan(over) or abs(over) < _TOLERANCE_M or slope > -0.02 or abs(over / slope) > _CLEARANCE_M:
            break
        off -= over / slope
    return (
        wrapped(place[0] + off * rate[0]) * _DEG,
        (place[1] + off * rate[1]) * _DEG,
        place[2] + off * rate[2],
        distance + off,
    )


@compiled
def _cell_place(table: Array, numbers: Numbers, longitude: float, latitude: float) -> tuple[float, float]:
    """Column and row (of the padded heights, centres of pixels whole) of a place; NaN where the table of the projection ends."""
    x = longitude - numbers[10]
    if x > math.pi:
        x -= 2.0 * math.pi
    elif x < -math.pi:
        x += 2.0 * math.pi
    y = latitude
    if numbers[15] > 0.0:
        x, y = _projected(table, (x - numbers[6]) * numbers[7], (y - numbers[8]) * numbers[9])
    return numbers[0] * x + numbers[1] * y + numbers[2], numbers[3] * x + numbers[4] * y + numbers[5]


@compiled
def _projected(table: Array, j: float, i: float) -> tuple[float, float]:
    if not (j >= 0.0 and i >= 0.0 and j < table.shape[1] - 1 and i < table.shape[0] - 1):
        return math.nan, math.nan
    j0, i0 = int(j), int(i)
    a, b = j - j0, i - i0
    x = _mixed(table[i0, j0, 0], table[i0, j0 + 1, 0], table[i0 + 1, j0, 0], table[i0 + 1, j0 + 1, 0], a, b)
    y = _mixed(table[i0, j0, 1], table[i0, j0 + 1, 1], table[i0 + 1, j0, 1], table[i0 + 1, j0 + 1, 1], a, b)
    return x, y


@compiled
def _inside(numbers: Numbers, column: float, row: float) -> bool:
    """Whether a place lies on the area of the pixels: half a pixel inside the padding."""
    return column >= 0.5 and row >= 0.5 and column <= numbers[13] and row <= numbers[14]


@compiled
def _beside(numbers: Numbers, left: float, top: float, right: float, bottom: float) -> bool:
    return right < 0.5 or bottom < 0.5 or left > numbers[13] or top > numbers[14]


@compiled
def _mixed(z00: float, z01: float, z10: float, z11: float, a: float, b: float) -> float:
    upper, lower = z00 + a * (z01 - z00), z10 + a * (z11 - z10)
    return upper + b * (lower - upper)


@compiled
def _ahead(place: float, rate: float) -> int:
    """The cell ahead of a place that may lie on an edge."""
    cell = math.floor(place)
    if rate < 0.0 and place == cell:
        return int(cell) - 1
    return int(cell)


@compiled
def _leaving(start: float, rate: float, cell: int) -> float:
    """Share of the way at which a cell is left along one axis."""
    if rate > 0.0:
        return (cell + 1 - start) / rate
    if rate < 0.0:
        return (cell - start) / rate
    return math.inf
