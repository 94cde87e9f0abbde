"""When functions of time cross zero: sampled, bracketed, all brackets refined together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orbit_aux.time import Times

Array = NDArray[np.float64]
Rows = NDArray[np.intp]
#: values of several functions: of number `rows[i]` at `times[i]`
Signal = Callable[[Times, Rows], Array]

TOLERANCE_S = 1e-4
# half the baseline of slopes by difference: extrema of smooth functions are then good to microseconds
_SLOPE_S = 0.05
# how far, in differences to its neighbours, an extremum may lie beyond its best sample; 1/8 for a parabola, more for passes overhead
_HIDDEN = 2.0
_ITERATIONS = 100


class Brackets(NamedTuple):
    """Intervals [left, right] at whose ends function number `rows` has values of unlike sign (zero counts as negative)."""

    rows: Rows
    left: Times
    right: Times
    left_value: Array
    right_value: Array


class Spans(NamedTuple):
    """Intervals, in the order of rows and then of time, in which function number `rows` is positive.

    `open_start`, `open_stop`: no crossing there, the samples begin or end.
    """

    rows: Rows
    starts: Times
    stops: Times
    open_start: NDArray[np.bool_]
    open_stop: NDArray[np.bool_]


def time_grid(start: Times, stop: Times, step_s: float) -> Times:
    """Both ends, and between them the multiples of `step_s` in TAI: pieces of an interval share the times of the whole."""
    step_ns = round(step_s * 1e9)
    first_ns, last_ns = int(start.tai_ns[0]), int(stop.tai_ns[0])
    inside = np.arange(first_ns // step_ns + 1, -(-last_ns // step_ns), dtype=np.int64) * step_ns
    return Times(np.concatenate([start.tai_ns[:1], inside, stop.tai_ns[:1]]))


def spans(function: Callable[[Times], Array], start: Times, stop: Times, step_s: float) -> Spans:
    """Where `function` is positive in [start, stop]; ends good to 0.1 ms, rows all 0.

    A span (or a pause) shorter than the step is found by its extremum, if the function has no second one within two steps.
    """
    times = time_grid(start, stop, step_s)
    return positive_spans(lambda instants, _: function(instants), [(times, function(times))])


def positive_spans(function: Signal, samples: Iterable[tuple[Times, Array]]) -> Spans:
    """Where functions are positive, as `spans`: the k-th of `samples` holds times (2 at least) of function number k and its values there."""
    changes, near, edges = [], [], []
    for row, (times, values) in enumerate(samples):
        changes.append(_sign_changes(row, times, values))
        near.append(_near_zero(row, times, values))
        edges.append((times[0], times[-1], values[0] > 0, values[-1] > 0))
    brackets = _joined([*changes, *_hidden_changes(function, _joined(near))])
    instants, rising = refine_roots(function, brackets), brackets.right_value > 0
    parts = []
    for side, chosen in ((0, rising), (1, ~rising)):
        cut = [row for row, edge in enumerate(edges) if edge[2 + side]]
        rows = np.concatenate([brackets.rows[chosen], np.array(cut, dtype=np.intp)])
        times = Times.concatenate([instants[chosen], *(edges[row][side] for row in cut)])
        order = np.lexsort((times.tai_ns, rows))
        parts.append((rows[order], times[order], (np.arange(len(rows)) >= chosen.sum())[order]))
    (rows, starts, open_start), (_, stops, open_stop) = parts
    return Spans(rows, starts, stops, open_start, open_stop)


def crossings(function: Signal, times: Times, values: Array) -> tuple[Times, NDArray[np.bool_]]:
    """Times of the changes of sign of one function sampled at `times`, and whether it rises there."""
    brackets = _sign_changes(0, times, values)
    return refine_roots(function, brackets), brackets.right_value > 0


def refine_roots(function: Signal, brackets: Brackets, tolerance_s: float = TOLERANCE_S) -> Times:
    """A zero within each bracket, by Chandrupatla's method (inverse quadratic interpolation, bisection where that is not safe)."""
    width_s = brackets.right - brackets.left
    # newest point a, its counterpart b on the other side of zero, the one before c: seconds after the left end
    a, b, c = width_s.copy(), np.zeros_like(width_s), np.zeros_like(width_s)
    fa, fb = brackets.right_value.astype(np.float64), brackets.left_value.astype(np.float64)
    fc, share = fb.copy(), np.full(len(width_s), 0.5)
    best = np.where(np.abs(fa) < np.abs(fb), a, b)
    active = np.flatnonzero((np.abs(width_s) > tolerance_s) & (fa != 0) & (fb != 0))
    for _ in range(_ITERATIONS):
        if len(active) == 0:
            break
        new = a[active] + share[active] * (b[active] - a[active])
        value = function(brackets.left[active] + new, brackets.rows[active])
        same = (value > 0) == (fa[active] > 0)
        c[active], fc[active] = np.where(same, a[active], b[active]), np.where(same, fa[active], fb[active])
        b[active], fb[active] = np.where(same, b[active], a[active]), np.where(same, fb[active], fa[active])
        a[active], fa[active] = new, value
        best[active] = np.where(np.abs(value) < np.abs(fb[active]), new, b[active])
        points = np.stack([a[active], b[active], c[active], fa[active], fb[active], fc[active]])
        least = 0.5 * tolerance_s / np.maximum(np.abs(points[1] - points[0]), 1e-12)
        share[active] = np.clip(_next_share(points), np.minimum(least, 0.5), np.maximum(1.0 - least, 0.5))
        active = active[(least < 0.5) & (value != 0)]
    return brackets.left + best


def refine_extrema(function: Signal, rows: Rows, left: Times, right: Times, sense: ArrayLike) -> Times:
    """Where function number `rows` is largest (`sense` 1) or least (-1) in [left, right], if it has one such extremum there; else the better end."""
    sign = np.broadcast_to(np.asarray(sense, dtype=np.float64), (len(rows),))
    reach_s = np.minimum(_SLOPE_S, 0.25 * (right - left))

    def slope(times: Times, which: Rows) -> Array:
        both = function(Times.concatenate([times + reach_s[which], times + -reach_s[which]]), np.tile(rows[which], 2))
        return sign[which] * (both[: len(times)] - both[len(times) :])

    every = np.arange(len(rows))
    low, high = left + reach_s, right + -reach_s
    first, last = slope(low, every), slope(high, every)
    inside = np.flatnonzero((first > 0) & (last <= 0))
    instants = np.where(first > 0, right.tai_ns, left.tai_ns)
    instants[inside] = refine_roots(
        slope, Brackets(inside, low[inside], high[inside], first[inside], last[inside])
    ).tai_ns
    return Times(instants)


def _sign_changes(row: int, times: Times, values: Array) -> Brackets:
    at = np.flatnonzero((values[1:] > 0) != (values[:-1] > 0))
    return Brackets(np.full(len(at), row, dtype=np.intp), times[at], times[at + 1], values[at], values[at + 1])


def _near_zero(row: int, times: Times, values: Array) -> Brackets:
    """Neighbourhoods of samples nearest to zero, of one sign with their neighbours, where the function may reach over zero; the values are theirs twice."""
    sense = np.where(values > 0, -1.0, 1.0)
    depth = np.abs(values)
    before, after = np.append(np.inf, depth[:-1]), np.append(depth[1:], np.inf)
    # of equal neighbours only the first turns
    turns = (depth < before) & (depth <= after)
    # at the ends the neighbour that exists says how steep the function is
    steep = np.where(np.isinf(before), after, np.where(np.isinf(after), before, np.maximum(before, after))) - depth
    alike = (np.append(sense[0], sense[:-1]) == sense) & (np.append(sense[1:], sense[-1]) == sense)
    near = np.flatnonzero(turns & alike & (depth < _HIDDEN * steep))
    left, right = times[np.maximum(near - 1, 0)], times[np.minimum(near + 1, len(times) - 1)]
    return Brackets(np.full(len(near), row, dtype=np.intp), left, right, values[near], values[near])


def _hidden_changes(function: Signal, near: Brackets) -> tuple[Brackets, Brackets]:
    """Brackets before and after the extrema between samples that reach over zero where no sample does."""
    tops = refine_extrema(function, near.rows, near.left, near.right, np.where(near.left_value > 0, -1.0, 1.0))
    reached = function(tops, near.rows)
    over = (reached > 0) != (near.left_value > 0)
    rows, left, right, value = near.rows[over], near.left[over], near.right[over], near.left_value[over]
    return Brackets(rows, left, tops[over], value, reached[over]), Brackets(
        rows, tops[over], right, reached[over], value
    )


def _joined(parts: list[Brackets]) -> Brackets:
    rows, left, right, left_value, right_value = zip(*parts, strict=True)
    return Brackets(
        np.concatenate(rows),
        Times.concatenate(left),
        Times.concatenate(right),
        np.concatenate(left_value),
        np.concatenate(right_value),
    )


def _next_share(points: Array) -> Array:
    """Where between a (0) and b (1) to look next: inverse quadratic interpolation where it is trustworthy, else the middle."""
    a, b, c, fa, fb, fc = points
    with np.errstate(divide="ignore", invalid="ignore"):
        place, level = (a - b) / (c - b), (fa - fb) / (fc - fb)
        safe = (level**2 < place) & ((1.0 - level) ** 2 < 1.0 - place)
        share = fa / (fb - fa) * fc / (fb - fc) + (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
    return np.asarray(np.where(safe & np.isfinite(share), share, 0.5))
