"""Numbers and sentences as the report writes them."""

from __future__ import annotations

import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calib.config import CONFIGS
from calib.report import text


@pytest.mark.parametrize(
    ("value", "decimals", "expected"),
    [
        (1.01234, 4, "1.0123"),
        (-0.5, 1, "\N{MINUS SIGN}0.5"),
        (-0.00001, 2, "0.00"),
        (float("nan"), 3, "–"),
        (float("inf"), 3, "–"),
    ],
)
def test_fixed(value: float, decimals: int, expected: str) -> None:
    assert text.fixed(value, decimals) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (12.34567, "12.35"),
        (0.2, "0.2000"),
        (1234.56, "1235"),
        (5.4321e-11, "5.432 × 10⁻¹¹"),
        (0.0, "0"),
        (-0.0123456, "\N{MINUS SIGN}0.01235"),
        (float("nan"), "–"),
    ],
)
def test_significant(value: float, expected: str) -> None:
    assert text.significant(value).replace("\N{NO-BREAK SPACE}", " ") == expected


@given(st.floats(1e-4, 9e5))
def test_significant_keeps_four_digits(value: float) -> None:
    # half a unit of the fourth digit is 5e-4 of the value at worst
    assert float(text.significant(value)) == pytest.approx(value, rel=5.1e-4)


def test_percent_and_small_percent() -> None:
    assert text.percent(0.0512) == "5.12"
    assert text.percent(-0.0322, signed=True) == "\N{MINUS SIGN}3.22"
    assert text.percent(0.1234) == "12.3"
    assert text.percent(float("nan")) == "–"
    assert text.small_percent(1e-6) == "< 0.01"
    assert text.small_percent(0.0) == "0.00"


def test_dates_and_durations() -> None:
    assert text.date("2020-03-01T12:34:56.789Z") == "2020-03-01 12:34"
    assert text.date("some day") == "some day"
    assert [text.duration(value) for value in (1.25, 83.4, 7384.0)] == ["1.2 s", "1 min 23 s", "2 h 03 min"]


def test_lists_and_counts() -> None:
    assert [text.listed(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
    assert [text.count(number, "band") for number in (0, 1, 2)] == ["0 bands", "1 band", "2 bands"]


def test_yaml_of_anything() -> None:
    content = types.MappingProxyType(
        {"path": CONFIGS, "inner": types.MappingProxyType({"k": (1, 2)}), "odd": float("nan")}
    )
    shown = text.as_yaml(content)
    assert str(CONFIGS) in shown
    assert "nan" in shown
