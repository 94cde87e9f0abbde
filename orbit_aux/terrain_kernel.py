"""Compiled march of a line of sight over a terrain: cell by cell, so that no ridge is jumped."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from orbit_aux.compiled import compiled
from orbit_aux.ground_kernel import MISS, NODATA, OK, OUTSIDE, ground_place, meet_height, true_direction

Array = NDArray[np.float64]
#: heights, highest of each block of cells, affine map of (lon, lat) or (x, y) to (column, row), table of (x, y) over (lat, lon) with its frame, and
#: [central longitude, lowest, highest]
Arrays = tuple[NDArray[np.float32], NDArray[np.float32], Array, Array, Array, Array]

#: cells of a block along each side
BLOCK = 16
# a stretch of a line of sight is bent by less than 3 cm over this length, which the last refinement takes out
_PIECE_M = 1_000.0
# and its longitude, latitude and height are parabolas to 1 cm over this one
_STRETCH_M = 8_000.0
_CLEARANCE_M = 1.0
_TOLERANCE_M = 1e-4
# what lies behind a stretch already walked, beside OUTSIDE and NODATA: free air over known ground
_FREE = -1
# added to OUTSIDE or NODATA: the ground was met there, where it is not known
_BURIED = 10


@compiled
def march_lines(
    origin: Array, turn: Array, beta: Array, sight: Array, terrain: Arrays, light_time: bool, result: Array, flag: NDArray[np.uint8]
) -> None:
    """Longitude, latitude (rad), height and distance (m) on the terrain into `result` (lines, columns, 4), and what became of each into `flag`."""
    for line in range(origin.shape[0]):
        for column in range(sight.shape[0]):
            flag[line, column] = _march(
                origin[line], turn[line], beta[line], sight[column], terrain, light_time, result[line, column]
            )


@compiled
def march_pairs(
    origin: Array,
    turn: Array,
    beta: Array,
    line: NDArray[np.int64],
    sight: Array,
    terrain: Arrays,
    light_time: bool,
    result: Array,
    flag: NDArray[np.uint8],
) -> None:
    """As `march_lines`, into `result` (n, 4), for n pairs of a line number and a direction."""
    for row in range(line.shape[0]):
        at = line[row]
        flag[row] = _march(origin[at], turn[at], beta[at], sight[row], terrain, light_time, result[row])


@compiled
def height_at(terrain: Arrays, longitude: float, latitude: float) -> float:
    """Bilinear height, m; NaN outside and where a neighbour has none."""
    column, row = _cell_place(terrain, longitude, latitude)
    return _bilinear(terrain[0], column, row)


@compiled
def _cell_place(terrain: Arrays, longitude: float, latitude: float) -> tuple[float, float]:
    """Column and row (of the padded heights, centres of pixels whole) of a place; NaN where the table of the projection ends."""
    affine, table, frame, limits = terrain[2], terrain[3], terrain[4], terrain[5]
    x = longitude - limits[0]
    if x > math.pi:
        x -= 2.0 * math.pi
    elif x < -math.pi:
        x += 2.0 * math.pi
    y = latitude
    if table.shape[0] > 0:
        j, i = (x - frame[0]) * frame[1], (y - frame[2]) * frame[3]
        if not (j >= 0.0 and i >= 0.0 and j < table.shape[1] - 1 and i < table.shape[0] - 1):
            return math.nan, math.nan
        j0, i0 = int(j), int(i)
        a, b = j - j0, i - i0
        x = (1 - b) * ((1 - a) * table[i0, j0, 0] + a * table[i0, j0 + 1, 0]) + b * (
            (1 - a) * table[i0 + 1, j0, 0] + a * table[i0 + 1, j0 + 1, 0]
        )
        y = (1 - b) * ((1 - a) * table[i0, j0, 1] + a * table[i0, j0 + 1, 1]) + b * (
            (1 - a) * table[i0 + 1, j0, 1] + a * table[i0 + 1, j0 + 1, 1]
        )
    return affine[0] * x + affine[1] * y + affine[2], affine[3] * x + affine[4] * y + affine[5]


@compiled
def _inside(heights: NDArray[np.float32], column: float, row: float) -> bool:
    """Whether a place lies on the area of the pixels: half a pixel inside the padding."""
    return column >= 0.5 and row >= 0.5 and column <= heights.shape[1] - 1.5 and row <= heights.shape[0] - 1.5


@compiled
def _bilinear(heights: NDArray[np.float32], column: float, row: float) -> float:
    if not _inside(heights, column, row):
        return math.nan
    j, i = int(column), int(row)
    return _in_cell(heights, j, i, column - j, row - i)


@compiled
def _in_cell(heights: NDArray[np.float32], j: int, i: int, a: float, b: float) -> float:
    upper = (1.0 - a) * heights[i, j] + a * heights[i, j + 1]
    lower = (1.0 - a) * heights[i + 1, j] + a * heights[i + 1, j + 1]
    return (1.0 - b) * upper + b * lower


@compiled
def _march(
    s: Array, turn: Array, beta: Array, sight: Array, terrain: Arrays, light_time: bool, result: Array
) -> int:
    """Walk from above the highest point to below the lowest one; the first crossing from above counts."""
    result[:] = math.nan
    lowest, highest = terrain[5][1] - _CLEARANCE_M, terrain[5][2] + _CLEARANCE_M
    u, v, w = true_direction(turn, beta, sight[0], sight[1], sight[2])
    start = meet_height(s, u, v, w, highest)
    if math.isnan(start):
        return MISS
    stop = meet_height(s, u, v, w, lowest)
    if math.isnan(stop):
        # it leaves again without ever being lower than the lowest point
        stop = -2.0 * (s[0] * u + s[1] * v + s[2] * w) - start
    stretches = int(math.ceil((stop - start) / _STRETCH_M))
    step = (stop - start) / stretches
    behind = OUTSIDE
    lon0, lat0, h0 = ground_place(s, u, v, w, start, light_time)
    c0, r0 = _cell_place(terrain, lon0, lat0)
    for number in range(stretches):
        near = start + number * step
        lon1, lat1, h1 = ground_place(s, u, v, w, near + 0.5 * step, light_time)
        lon2, lat2, h2 = ground_place(s, u, v, w, near + step, light_time)
        c1, r1 = _cell_place(terrain, lon1, lat1)
        c2, r2 = _cell_place(terrain, lon2, lat2)
        cells = max(abs(c2 - c0), abs(r2 - r0), abs(c1 - c0) * 2.0, abs(r1 - r0) * 2.0)
        if math.isnan(cells):
            behind = OUTSIDE
        else:
            pieces = int(max(math.ceil(cells / BLOCK), math.ceil(step / _PIECE_M), 1))
            ca, ra, ha = c0, r0, h0
            for piece in range(pieces):
                t = (piece + 1.0) / pieces
                cb, rb, hb = _parabola(c0, c1, c2, t), _parabola(r0, r1, r2, t), _parabola(h0, h1, h2, t)
                behind, share, slope = _piece(terrain, ca, ra, ha, cb, rb, hb, behind)
                if behind == OK:
                    length = step / pieces
                    distance = near + (piece + share) * length
                    _refine(s, u, v, w, terrain, light_time, distance, slope / length, result)
                    return OK
                if behind >= _BURIED:
                    return behind - _BURIED
                ca, ra, ha = cb, rb, hb
        lon0, lat0, h0, c0, r0 = lon2, lat2, h2, c2, r2
    return MISS if behind == _FREE else behind


@compiled
def _parabola(first: float, middle: float, last: float, t: float) -> float:
    bend = 2.0 * (first + last - 2.0 * middle)
    return first + t * (last - first - bend + bend * t)


@compiled
def _piece(
    terrain: Arrays, ca: float, ra: float, ha: float, cb: float, rb: float, hb: float, behind: int
) -> tuple[int, float, float]:
    """Walk straight from (ca, ra, ha) to (cb, rb, hb): what lies behind at the end (OK: the ground was met), the share of the way to it, and the change
    of the height over ground with that share."""
    heights, blocks = terrain[0], terrain[1]
    rows, columns = heights.shape
    if max(ca, cb) < 0.5 or max(ra, rb) < 0.5 or min(ca, cb) > columns - 1.5 or min(ra, rb) > rows - 1.5:
        return OUTSIDE, 0.0, 0.0
    if behind == _FREE or min(ha, hb) > terrain[5][2]:
        j0, j1 = max(int(min(ca, cb)), 0) // BLOCK, min(int(max(ca, cb)), columns - 2) // BLOCK
        i0, i1 = max(int(min(ra, rb)), 0) // BLOCK, min(int(max(ra, rb)), rows - 2) // BLOCK
        top = -math.inf
        for i in range(i0, i1 + 1):
            for j in range(j0, j1 + 1):
                top = max(top, blocks[i, j])
        if min(ha, hb) > top and _inside(heights, ca, ra) and _inside(heights, cb, rb):
            return _FREE, 0.0, 0.0
    return _cells(heights, ca, ra, ha, cb - ca, rb - ra, hb - ha, behind)


@compiled
def _cells(
    heights: NDArray[np.float32], ca: float, ra: float, ha: float, dc: float, dr: float, dh: float, behind: int
) -> tuple[int, float, float]:
    t = 0.0
    while t < 1.0:
        # the cell ahead of a place that may lie on its edge
        c, r = ca + t * dc, ra + t * dr
        j, i = _ahead(c, dc), _ahead(r, dr)
        end = min(_leaving(ca, dc, j), _leaving(ra, dr, i), 1.0)
        if end <= t:
            end = min(t + 1e-9, 1.0)
        middle = 0.5 * (t + end)
        if not _inside(heights, ca + middle * dc, ra + middle * dr):
            # the edge of the pixels' area lies in the middle of cells of the padding: its part outside is no more than half a pixel
            behind = OUTSIDE
        else:
            first = ha + t * dh - _in_cell(heights, j, i, c - j, r - i)
            half = ha + middle * dh - _in_cell(heights, j, i, ca + middle * dc - j, ra + middle * dr - i)
            last = ha + end * dh - _in_cell(heights, j, i, ca + end * dc - j, ra + end * dr - i)
            if math.isnan(half):
                behind = NODATA
            else:
                if first <= 0.0:
                    if behind != _FREE:
                        return behind + _BURIED, t, 0.0
                    return OK, t, (last - first) / (end - t)
                behind = _FREE
                # along a straight line the height over a bilinear cell is a parabola: its first zero is exact
                bend = 2.0 * (first + last - 2.0 * half)
                slope = last - first - bend
                square = slope * slope - 4.0 * bend * first
                if square >= 0.0:
                    divisor = math.sqrt(square) - slope
                    if divisor > 0.0 and 2.0 * first <= divisor:
                        share = 2.0 * first / divisor
                        return OK, t + share * (end - t), (slope + 2.0 * bend * share) / (end - t)
        t = end
    return behind, 1.0, 0.0


@compiled
def _ahead(place: float, rate: float) -> int:
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


@compiled
def _refine(
    s: Array,
    u: float,
    v: float,
    w: float,
    terrain: Arrays,
    light_time: bool,
    distance: float,
    slope: float,
    result: Array,
) -> None:
    """The crossing on the exact line of sight, by the slope of the straight piece; a grazing one stays where it was found."""
    for _ in range(8):
        longitude, latitude, height = ground_place(s, u, v, w, distance, light_time)
        ground = height_at(terrain, longitude, latitude)
        over = height - ground
        if math.isnan(ground) or abs(over) < _TOLERANCE_M or slope > -0.02 or abs(over / slope) > _CLEARANCE_M:
            break
        distance -= over / slope
    result[0], result[1], result[2], result[3] = longitude, latitude, height, distance
