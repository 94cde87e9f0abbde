"""Crossings of functions whose zeros are known in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from orbit_aux.events.roots import Brackets, crossings, positive_spans, refine_extrema, refine_roots, spans, time_grid
from orbit_aux.time import Times
from tests.orbit_aux.events.made import DAY_S, START, after

PERIOD_S = 5_000.0
#: what is asked of events is 0.5 s; the search itself is held to 1 ms
CLOSE_S = 1e-3


def wave(level: float):
    return lambda times: np.sin(2 * np.pi * (times - START) / PERIOD_S) - level


# the last two leave spans of 45 s and 2.3 s between samples a minute apart
@pytest.mark.parametrize("level", [-0.9, 0.0, 0.5, 0.9996, 0.999999])
def test_spans_of_a_wave(level: float) -> None:
    found = spans(wave(level), after(-100.0), after(10 * PERIOD_S - 100.0), 60.0)
    first = np.arcsin(level) / (2 * np.pi) * PERIOD_S
    centre = PERIOD_S / 4 + PERIOD_S * np.arange(10)
    half = PERIOD_S / 4 - first
    inner = ~found.open_start & ~found.open_stop
    middles = 0.5 * ((found.starts - START) + (found.stops - START))
    assert inner.sum() >= 9
    at = np.rint((middles[inner] - PERIOD_S / 4) / PERIOD_S).astype(int)
    np.testing.assert_allclose(middles[inner], centre[at], atol=CLOSE_S)
    np.testing.assert_allclose((found.stops - found.starts)[inner], 2 * half, atol=CLOSE_S)


def test_short_pauses_are_found_too() -> None:
    found = spans(lambda times: -wave(0.99999)(times), START, after(DAY_S), 60.0)
    # 18 crests in a day, so 19 spans, of which the first and the last have no crossing at the ends of the day
    assert len(found.rows) == 19
    assert found.open_start.tolist() == [True] + 18 * [False] and found.open_stop.tolist() == 18 * [False] + [True]


@pytest.mark.parametrize(("level", "count"), [(1.0000001, 0), (-1.0000001, 1)])
def test_never_and_always(level: float, count: int) -> None:
    found = spans(wave(level), START, after(DAY_S), 60.0)
    assert len(found.rows) == count
    assert found.open_start.all() and found.open_stop.all()
    if count:
        assert found.starts == START and found.stops == after(DAY_S)


def test_a_crest_at_the_ends_of_the_interval() -> None:
    """A span of 14 s cut by the interval's start, another wholly inside the first step."""
    level = float(np.cos(2 * np.pi * 7.0 / PERIOD_S))
    crest = PERIOD_S / 4
    cut = spans(wave(level), after(crest), after(crest + 600.0), 60.0)
    assert cut.open_start.tolist() == [True]
    np.testing.assert_allclose(cut.stops - START, crest + 7.0, atol=CLOSE_S)
    inside = spans(wave(level), after(crest - 20.0), after(crest + 600.0), 60.0)
    assert inside.open_start.tolist() == [False]
    np.testing.assert_allclose(inside.starts - START, crest - 7.0, atol=CLOSE_S)


def test_pieces_join_and_steps_agree() -> None:
    whole = spans(wave(0.3), START, after(DAY_S), 60.0)
    other = spans(wave(0.3), START, after(DAY_S), 47.0)
    np.testing.assert_allclose(other.starts - whole.starts, 0.0, atol=CLOSE_S)
    pieces = [spans(wave(0.3), after(a), after(b), 60.0) for a, b in ((0.0, 1_000.0), (1_000.0, DAY_S))]
    starts = np.concatenate([piece.starts.tai_ns[~piece.open_start] for piece in pieces])
    # samples are multiples of the step, so the same brackets are refined: to the nanosecond
    np.testing.assert_array_equal(starts, whole.starts.tai_ns)


def test_several_functions_at_once() -> None:
    levels = np.array([0.1, 2.0, -0.4])
    times = time_grid(START, after(DAY_S), 60.0)

    def function(instants: Times, rows: np.ndarray) -> np.ndarray:
        return wave(0.0)(instants) - levels[rows]

    found = positive_spans(function, ((times, wave(level)(times)) for level in levels))
    assert set(found.rows) == {0, 2} and (np.diff(found.rows) >= 0).all()
    alone = spans(wave(-0.4), START, after(DAY_S), 60.0)
    np.testing.assert_allclose(found.starts[found.rows == 2] - alone.starts, 0.0, atol=CLOSE_S)


def test_equal_samples_about_a_crest_make_one_span() -> None:
    """Two samples lie symmetric about the crest: the span between them is found once."""
    crest = PERIOD_S / 4
    times = START + (crest + np.array([-150.0, -90.0, -30.0, 30.0, 90.0, 150.0]))
    level = float(np.cos(2 * np.pi * 10.0 / PERIOD_S))
    values = np.round(wave(level)(times), 12)
    assert values[2] == values[3] < 0
    found = positive_spans(lambda instants, _: wave(level)(instants), [(times, values)])
    np.testing.assert_allclose(found.stops - found.starts, [20.0], atol=CLOSE_S)


def test_grid_takes_both_ends_and_multiples() -> None:
    times = time_grid(after(0.5), after(200.0), 60.0)
    assert times[0] == after(0.5) and times[-1] == after(200.0)
    assert (times.tai_ns[1:-1] % 60_000_000_000 == 0).all() and len(times) == 5


def test_roots_of_a_step_and_of_a_flat_power() -> None:
    """Functions that fool interpolation: bisection still closes on the change of sign."""
    root_s = 123.456789
    zero = np.zeros(1, np.intp)
    for function in (
        lambda t, _: np.where(t - START < root_s, -1.0, 5.0),
        lambda t, _: (t - START - root_s) ** 9,
    ):
        left, right = after(0.0), after(1_000.0)
        bracket = Brackets(zero, left, right, function(left, zero), function(right, zero))
        assert abs(float((refine_roots(function, bracket) - START)[0]) - root_s) < CLOSE_S


def test_extrema_inside_and_at_the_ends() -> None:
    rows = np.zeros(3, np.intp)
    left, right = START + np.array([1_000.0, 1_300.0, 3_600.0]), START + np.array([1_500.0, 1_400.0, 3_900.0])
    tops = refine_extrema(lambda t, _: wave(0.0)(t), rows, left, right, [1.0, 1.0, -1.0]) - START
    # a crest, a falling flank, a trough
    np.testing.assert_allclose(tops, [1_250.0, 1_300.0, 3_750.0], atol=CLOSE_S)


def test_crossings_tell_their_sense() -> None:
    times = time_grid(after(10.0), after(10.0 + 3 * PERIOD_S), 60.0)
    found, rising = crossings(lambda t, _: wave(0.0)(t), times, wave(0.0)(times))
    np.testing.assert_allclose(found - START, PERIOD_S / 2 * np.arange(1, 7), atol=CLOSE_S)
    assert rising.tolist() == [False, True] * 3
