"""Where two nadir tracks come closest, in space and within minutes: all least distances over the times of both."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from orbit_aux.events.nadir_track import Track

Array = NDArray[np.float64]
Rows = NDArray[np.int64]

#: two approaches between which the tracks do not part by more are one
SAME_M = 10.0

# epochs whose neighbours are looked for at once, to bound the memory
_BLOCK = 20_000
# halvings of a step: to a microsecond
_HALVINGS = 25
_FOOT_STEPS = 3
# bounds how fast the foot may run where a track nearly stands still
_SLOWEST_MS = 500.0


def approaches(one: Track, other: Track, reach_s: float, limit_m: float) -> tuple[Array, Array, Array]:
    """Times (s) of the first and of the second, and the distance (m), of each least distance of at most `limit_m` with times at most `reach_s` apart.

    At each epoch of the first the nearest point of the second inside the time limit is its foot on the second's track, or the edge of the limit. The
    distance along such a chain is smooth, and its least is where the slope of its square rises through zero.
    """
    found = _candidates(one, other, reach_s, limit_m)
    (low, high), label = _linked(found, one, other)
    rising = (found.slope[low] < 0.0) & (found.slope[high] >= 0.0)
    low, high = low[rising], high[rising]
    t1, t2 = _refined(one, other, found, (low, high), reach_s)
    distance = np.linalg.norm(one.at(t1)[0] - other.at(t2)[0], axis=1)
    kept = np.flatnonzero(_distinct(found, label, low, distance) & (distance <= limit_m))
    kept = kept[np.argsort(t1[kept], kind="stable")]
    return t1[kept], t2[kept], distance[kept]


class _Candidates(NamedTuple):
    """Epochs of the first (rows of its track) with a time of the second at which it is nearest: distance (m), and half the slope of its square (m2/s)."""

    row: Rows
    t2: Array
    distance: Array
    slope: Array


def _candidates(one: Track, other: Track, reach_s: float, limit_m: float) -> _Candidates:
    """For each epoch of the first all times of the second, inside the time limit, at which their distance is least and may matter."""
    speeds = [np.nanmax(np.linalg.norm(track.velocity, axis=1), initial=0.0) for track in (one, other)]
    # an event is at most a step away from a node of either
    radius_m = limit_m + sum(speeds) * one.step_s
    rows, t2 = [np.empty(0, np.int64)], [np.empty(0)]
    for first in range(0, len(one.point), _BLOCK):
        row, column = _near(one, other, first, radius_m, reach_s)
        later = np.minimum(column + 1, len(other.point) - 1)
        before, after = (_dot(one.point[row] - other.point[k], other.velocity[k]) for k in (column, later))
        foot = np.flatnonzero((before >= 0.0) & (after < 0.0))
        row, before, after = row[foot], before[foot], after[foot]
        guess = other.seconds[column[foot]] + other.step_s * before / (before - after)
        guess = _foot(one.point[row], other, guess)
        inside = np.abs(guess - one.seconds[row]) <= reach_s
        rows, t2 = [*rows, row[inside]], [*t2, guess[inside]]
    for sign in (-1.0, 1.0):
        # at the edge of the time limit, where going beyond it would bring them closer
        edge = one.seconds + sign * reach_s
        point, velocity = other.at(edge)
        apart = one.point - point
        near = (_dot(apart, apart) <= radius_m**2) & (sign * _dot(apart, velocity) >= 0.0)
        rows, t2 = [*rows, np.flatnonzero(near)], [*t2, edge[near]]
    row, time = np.concatenate(rows), np.concatenate(t2)
    distance, slope = _slope(one, other, one.seconds[row], time, reach_s)
    order = np.lexsort((time, row))
    known = order[np.isfinite(slope[order])]
    return _Candidates(row[known], time[known], distance[known], slope[known])


def _near(one: Track, other: Track, first: int, radius_m: float, reach_s: float) -> tuple[Rows, Rows]:
    """Rows of both tracks whose points and times may be near each other, for a block of rows of the first."""
    # heavy to import, and only this search needs it
    from scipy.spatial import cKDTree

    rows = np.arange(first, min(first + _BLOCK, len(one.point)))
    offset = round((one.start_s - other.start_s) / one.step_s)
    ahead = int(np.ceil(reach_s / one.step_s)) + 1
    columns = np.arange(max(rows[0] + offset - ahead, 0), min(rows[-1] + offset + ahead + 1, len(other.point)))
    rows, columns = rows[np.isfinite(one.point[rows, 0])], columns[np.isfinite(other.point[columns, 0])]
    # time as a fourth length: the largest of the four differences decides
    scale = radius_m / (reach_s + one.step_s)
    trees = [
        cKDTree(np.column_stack([track.point[index], scale * track.seconds[index]]))
        for track, index in ((one, rows), (other, columns))
    ]
    pairs = trees[0].sparse_distance_matrix(trees[1], radius_m, p=np.inf, output_type="ndarray")
    return rows[pairs["i"]], columns[pairs["j"]]


def _foot(point: Array, other: Track, t2: Array) -> Array:
    """Times at which the second's nadir point is closest to fixed points, from guesses within seconds; each step leaves a hundredth of the error."""
    for _ in range(_FOOT_STEPS):
        place, velocity = other.at(t2)
        # where a guess leaves the table it is held at its rim
        t2 = np.clip(t2 + _dot(point - place, velocity) / _dot(velocity, velocity), other.seconds[0], other.seconds[-1])
    return t2


def _slope(one: Track, other: Track, t1: Array, t2: Array, reach_s: float) -> tuple[Array, Array]:
    """Distance, and half the slope of its square along t1 while t2 follows: at the foot, where t2 does not matter, or at the edge, with t1."""
    point, velocity = one.at(t1)
    place, rate = other.at(t2)
    apart = point - place
    follows = (np.abs(t2 - t1) >= reach_s - 1e-9)[:, None]
    return np.linalg.norm(apart, axis=1), _dot(apart, velocity - np.where(follows, rate, 0.0))


def _linked(found: _Candidates, one: Track, other: Track) -> tuple[tuple[Rows, Rows], Rows]:
    """Neighbours in time that follow one approach (their numbers), and for each candidate the number of its approach."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count = len(found.row)
    if count == 0:
        none = np.empty(0, np.int64)
        return (none, none), none
    speed = [np.linalg.norm(track.velocity, axis=1) for track in (one, other)]
    # the foot moves at most so much faster than the clock
    reach_s = 1.2 * one.step_s * (1.0 + np.nanmax(speed[0]) / max(np.nanmin(speed[1]), _SLOWEST_MS))
    offset = found.t2 - one.seconds[found.row]
    width = 2.0 * (np.ptp(offset) + reach_s)
    key = found.row * width + (offset - offset.min())
    after = np.searchsorted(key, key + width)
    nearest = np.clip(after, 0, count - 1)
    previous = np.clip(after - 1, 0, count - 1)
    nearer = np.abs(key[previous] - key - width) < np.abs(key[nearest] - key - width)
    nearest = np.where(nearer, previous, nearest)
    follows = (found.row[nearest] == found.row + 1) & (np.abs(offset[nearest] - offset) <= reach_s)
    low = np.flatnonzero(follows)
    high = nearest[low]
    graph = coo_array((np.ones(len(low)), (low, high)), (count, count))
    return (low, high), connected_components(graph, directed=False)[1]


def _refined(
    one: Track,
    other: Track,
    found: _Candidates,
    ends: tuple[Rows, Rows],
    reach_s: float,
) -> tuple[Array, Array]:
    """The two times (s) of the least distance between candidates, by halving: the slope rises through 0 once."""
    low, high = ends
    left, right = one.seconds[found.row[low]], one.seconds[found.row[high]]
    offset = found.t2[low] - left, found.t2[high] - right
    at_left, at_right = offset
    for _ in range(_HALVINGS):
        middle = 0.5 * (left + right)
        foot = _foot(one.at(middle)[0], other, middle + 0.5 * (at_left + at_right))
        t2 = np.clip(foot, middle - reach_s, middle + reach_s)
        falls = _slope(one, other, middle, t2, reach_s)[1] < 0.0
        left, right = np.where(falls, middle, left), np.where(falls, right, middle)
        at_left, at_right = np.where(falls, t2 - middle, at_left), np.where(falls, at_right, t2 - middle)
    t1 = 0.5 * (left + right)
    foot = _foot(one.at(t1)[0], other, t1 + 0.5 * (at_left + at_right))
    return t1, np.clip(foot, t1 - reach_s, t1 + reach_s)


def _distinct(found: _Candidates, label: Rows, low: Rows, distance: Array) -> NDArray[np.bool_]:
    """Which events to keep: of those of one approach between which the tracks do not part, the closest."""
    kept = np.ones(len(low), dtype=bool)
    chain = np.lexsort((found.row, label))
    place = np.empty_like(chain)
    place[chain] = np.arange(len(chain))
    along, group = found.distance[chain], label[low]
    best = last = -1
    for event in np.argsort(place[low], kind="stable"):
        between = along[place[low[last]] + 1 : place[low[event]] + 1] if last >= 0 else along[:0]
        same = last >= 0 and group[event] == group[last]
        if same and between.max(initial=0.0) < max(distance[event], distance[best]) + SAME_M:
            worse, best = (event, best) if distance[event] >= distance[best] else (best, event)
            kept[worse] = False
        else:
            best = event
        last = event
    return kept


def _dot(one: Array, other: Array) -> Array:
    return np.asarray(np.sum(one * other, axis=-1))
