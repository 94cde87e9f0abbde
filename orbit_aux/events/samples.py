"""A trajectory sampled once for all events, the spans found in it, and the data sets that tell of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from orbit_aux.events.roots import Array, Rows, Signal, positive_spans, refine_extrema, time_grid
from orbit_aux.frames import State
from orbit_aux.time import Times
from orbit_aux.trajectory import Trajectory, covered_intervals, sampling_step_s

#: how a span begins or ends
CROSSING, INTERVAL_END, GAP = 0, 1, 2
EDGE_MEANING = "start_edge, stop_edge: 0 a true crossing, 1 cut by the end of the interval, 2 cut by a gap of the orbit"

# states computed at once, to bound the memory
_BLOCK = 200_000
# states looked at to choose the spacing of the samples
_LOOKS = 33


class Piece(NamedTuple):
    """A part of the interval without a gap: the trajectory's states (n) there, and what its two ends are (INTERVAL_END or GAP)."""

    state: State
    ends: tuple[int, int]


class Found(NamedTuple):
    """Spans of m functions over all pieces, ordered by start and then by row; `piece` is the number of the piece that holds each."""

    rows: Rows
    starts: Times
    stops: Times
    start_edge: NDArray[np.int64]
    stop_edge: NDArray[np.int64]
    piece: Rows

    @property
    def duration_s(self) -> Array:
        return self.stops - self.starts

    def of_row(self, row: int) -> Found:
        """The spans of one function."""
        return self._ordered(np.flatnonzero(self.rows == row))

    def in_order(self) -> Found:
        """The same, ordered by start and then by row."""
        return self._ordered(np.lexsort((self.rows, self.starts.tai_ns)))

    def _ordered(self, order: NDArray[np.intp]) -> Found:
        return Found(
            self.rows[order],
            self.starts[order],
            self.stops[order],
            self.start_edge[order],
            self.stop_edge[order],
            self.piece[order],
        )


# several kinds of events of one trajectory follow one another: the latest samples are kept
@lru_cache(maxsize=1)
def inertial_pieces(trajectory: Trajectory, start: Times, stop: Times) -> tuple[Piece, ...]:
    """GCRF states on a grid, for each part of [start, stop] that the trajectory covers."""
    intervals = covered_intervals(trajectory, start, stop)
    step_s = min(sampling_step_s(trajectory, _spread(*interval)) for interval in intervals)
    return tuple(
        Piece(
            _whole(trajectory.at(times).to("GCRF") for times in _blocks(time_grid(first, last, step_s))),
            (INTERVAL_END if first == start else GAP, INTERVAL_END if last == stop else GAP),
        )
        for first, last in intervals
    )


@lru_cache(maxsize=1)
def fixed_pieces(trajectory: Trajectory, start: Times, stop: Times) -> tuple[Piece, ...]:
    """As `inertial_pieces`, in ITRF."""
    return tuple(
        Piece(_whole(part.to("ITRF") for part in state_blocks(piece.state)), piece.ends)
        for piece in inertial_pieces(trajectory, start, stop)
    )


def state_blocks(state: State) -> Iterator[State]:
    """The states in parts that bound the memory of what is computed from them."""
    for first in range(0, len(state.times), _BLOCK):
        part = slice(first, first + _BLOCK)
        yield State(state.times[part], state.position_m[part], state.velocity_ms[part], state.frame)


def _blocks(times: Times) -> Iterator[Times]:
    for first in range(0, len(times), _BLOCK):
        yield times[first : first + _BLOCK]


def _whole(parts: Iterable[State]) -> State:
    made = list(parts)
    return State(
        Times.concatenate(part.times for part in made),
        np.concatenate([part.position_m for part in made]),
        np.concatenate([part.velocity_ms for part in made]),
        made[0].frame,
    )


def _spread(first: Times, last: Times) -> Times:
    """A few times over an interval, both ends among them."""
    return first + np.linspace(0.0, 1.0, _LOOKS) * (last - first)


def find_spans(
    function: Signal, pieces: tuple[Piece, ...], samples: Callable[[Piece], Iterable[tuple[Times, Array]]]
) -> Found:
    """Where functions are positive; `samples` gives times and values of each function in a piece."""
    parts = []
    for number, piece in enumerate(pieces):
        found = positive_spans(function, samples(piece))
        start_edge = np.where(found.open_start, piece.ends[0], CROSSING)
        stop_edge = np.where(found.open_stop, piece.ends[1], CROSSING)
        parts.append(
            Found(found.rows, found.starts, found.stops, start_edge, stop_edge, np.full(len(found.rows), number))
        )
    return Found(
        np.concatenate([part.rows for part in parts]),
        Times.concatenate(part.starts for part in parts),
        Times.concatenate(part.stops for part in parts),
        np.concatenate([part.start_edge for part in parts]),
        np.concatenate([part.stop_edge for part in parts]),
        np.concatenate([part.piece for part in parts]),
    ).in_order()


def highest(function: Signal, found: Found, pieces: tuple[Piece, ...], values: Callable[[Piece, int], Array]) -> Times:
    """When, in each span, a function is largest; `values` gives function number k at the samples of a piece."""
    left, right = found.starts.tai_ns.copy(), found.stops.tai_ns.copy()
    for number, piece in enumerate(pieces):
        grid_ns = piece.state.times.tai_ns
        for row in np.unique(found.rows[found.piece == number]):
            mine = np.flatnonzero((found.piece == number) & (found.rows == row))
            sampled = values(piece, int(row))
            # samples strictly inside each span
            lows = np.searchsorted(grid_ns, left[mine], side="right")
            highs = np.searchsorted(grid_ns, right[mine], side="left")
            for span, low, high in zip(mine, lows, highs, strict=True):
                if high > low:
                    best = low + int(np.argmax(sampled[low:high]))
                    left[span] = max(left[span], grid_ns[max(best - 1, 0)])
                    right[span] = min(right[span], grid_ns[min(best + 1, len(grid_ns) - 1)])
    return refine_extrema(function, found.rows, Times(left), Times(right), 1.0)


def event_dataset(variables: Mapping[str, tuple[Any, str]], attributes: Mapping[str, Any]) -> xr.Dataset:
    """Variables (values or Times, units) over dim "event"."""
    made = {}
    for name, (values, units) in variables.items():
        content = values.utc_datetime64() if isinstance(values, Times) else np.asarray(values)
        made[name] = ("event", content, {"scale": "UTC"} if units == "UTC" else {"units": units})
    return xr.Dataset(made, attrs=dict(attributes))


def span_variables(found: Found) -> dict[str, tuple[Any, str]]:
    """start, stop, duration and what the two ends are."""
    return {
        "start": (found.starts, "UTC"),
        "stop": (found.stops, "UTC"),
        "duration": (found.duration_s, "s"),
        "start_edge": (found.start_edge, "1"),
        "stop_edge": (found.stop_edge, "1"),
    }
