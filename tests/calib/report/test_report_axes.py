"""Scales and ticks."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calib.report.axes import Scale, date_ticks, limits, ticks


def test_scale_is_linear_and_may_run_downwards() -> None:
    scale = Scale(0.0, 10.0, 200.0, 100.0)
    assert [scale(value) for value in (0.0, 5.0, 10.0)] == [200.0, 150.0, 100.0]


def test_limits_ignore_what_is_not_finite() -> None:
    low, high = limits([1.0, float("nan"), 3.0, float("inf")], margin=0.1)
    assert (low, high) == pytest.approx((0.8, 3.2))
    assert limits([]) == (0.0, 1.0)
    low, high = limits([5.0], least=2.0)
    assert (low, high) == pytest.approx((4.0, 6.0))


@given(st.floats(-1e6, 1e6), st.floats(1e-5, 1e6))
def test_ticks_are_round_inside_and_told_apart(low: float, width: float) -> None:
    marks = ticks(low, low + width, 5)
    values = [value for value, _ in marks]
    assert 2 <= len(marks) <= 11
    assert all(low - 1e-6 * width <= value <= low + width * (1 + 1e-6) for value in values)
    assert len({label for _, label in marks}) == len(marks)
    # rounding of marks far from zero is what the second term allows
    assert np.ptp(np.diff(values)) <= 1e-6 * width + 1e-14 * abs(low)


@given(st.datetimes(dt.datetime(1980, 1, 1), dt.datetime(2060, 1, 1)), st.floats(3600, 3e9))
def test_dates_are_inside_and_told_apart(start: dt.datetime, length_s: float) -> None:
    low = start.replace(tzinfo=dt.UTC).timestamp()
    marks = date_ticks(low, low + length_s, 6)
    assert 1 <= len(marks) <= 13
    assert all(low <= value <= low + length_s for value, _ in marks)
    assert len({label for _, label in marks}) == len(marks)


def test_months_and_years_are_those_of_the_calendar() -> None:
    start, stop = (dt.datetime(year, 1, 1, tzinfo=dt.UTC).timestamp() for year in (2019, 2021))
    assert [label for _, label in date_ticks(start, stop, 8)][:3] == ["2019-01", "2019-04", "2019-07"]
    assert "2020" in [label for _, label in date_ticks(start, start + 8 * 365.25 * 86400, 8)]
