"""The page of a burn: hostile names stay text, what is not finite is left out, nothing comes from outside."""

from __future__ import annotations

import re

import numpy as np

from calib.report.orbit_burn import BurnPage, Plot, Trace, page

HOSTILE = "<script>alert(1)</script>"


def made(value: np.ndarray, dots: bool = False) -> str:
    minutes = np.arange(len(value), dtype=float)
    trace = Trace(HOSTILE, minutes, value, np.ones(len(value)), dots)
    plot = Plot(HOSTILE, HOSTILE, [trace], HOSTILE, {HOSTILE: 0.0}, (-5.0, 5.0))
    return page(BurnPage(HOSTILE, HOSTILE, [HOSTILE], [(HOSTILE, "1", "2", "3")], [plot], [HOSTILE], (0.0, 2.0)))


def test_names_cannot_become_markup() -> None:
    text = made(np.array([0.0, 1.0, 2.0]))
    assert "<script>" not in text and "&lt;script&gt;" in text
    assert not re.search(r"https?://", text)


def test_values_that_are_no_numbers_or_off_the_paper() -> None:
    for dots in (False, True):
        text = made(np.array([0.0, np.nan, np.inf, 1e9, -1e9]), dots)
        heights = [float(height) for height in re.findall(r"[ML][0-9.]+ (-?[0-9.]+|nan|inf)", text)]
        # 300 units high with margins of 10 and 40
        assert heights and all(10.0 <= height <= 260.0 for height in heights)
        assert "nan" not in "".join(re.findall(r' d="([^"]*)"', text))


def test_nothing_to_draw() -> None:
    assert "</html>" in made(np.array([]))
