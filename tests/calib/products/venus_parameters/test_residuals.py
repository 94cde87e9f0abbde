"""Residuals of stray light added to what is in force: factors, filters, and what no file can hold."""

from __future__ import annotations

import numpy as np
import pytest

from calib.products.venus_parameters.residuals import Residual, with_residuals
from calib.products.venus_parameters.straylight import Crosstalk, Filter, Ghost, Straylight, Strip


def spot(row: float, column: float, sigma: float = 2.0, half: int = 20) -> np.ndarray:
    """A Gaussian of sum one whose middle lies (row, column) from that of the filter."""
    place = np.arange(-half, half + 1)
    kernel = np.exp(-0.5 * ((place - row) / sigma) ** 2)[:, np.newaxis] * np.exp(-0.5 * ((place - column) / sigma) ** 2)
    return np.asarray(kernel / kernel.sum())


def spatial(kernel: np.ndarray) -> Filter:
    return Filter("SPATIAL", kernel.astype(np.float32))


IN_FORCE = Straylight(
    "B2",
    margin=30,
    ghosts=(Ghost(0, 5199, spatial(0.002 * spot(-5, 8))),),
    crosstalks=(Crosstalk("B1", spatial(spot(0, 0)), 20, (Strip(0, 5199, 0.001, 30),)),),
)


def test_a_residual_in_the_same_place_changes_the_factor_only() -> None:
    found = [Residual(None, 0.0005, spot(-5.5, 7.5), 0, (0.5, 0.5)), Residual("B1", -0.0004, spot(0.2, 0.3), 30)]
    changed, words = with_residuals(IN_FORCE, found)
    assert words == []
    ghost, crosstalk = changed.ghosts[0].filter.kernel, changed.crosstalks[0]
    # the filters are kept: only their sums move, to float32
    np.testing.assert_allclose(ghost, 1.25 * IN_FORCE.ghosts[0].filter.kernel, rtol=1e-5, atol=1e-12)
    assert crosstalk.filter == IN_FORCE.crosstalks[0].filter
    assert crosstalk.strips == (Strip(0, 5199, pytest.approx(0.0006), 30),)


def test_a_residual_beside_adds_its_filter() -> None:
    found = [Residual(None, 0.0005, spot(10, -9)), Residual("B1", 0.0004, spot(0, 0), 38)]
    changed, words = with_residuals(IN_FORCE, found)
    assert words == []
    ghost, crosstalk = changed.ghosts[0].filter.kernel, changed.crosstalks[0]
    np.testing.assert_allclose(ghost, 0.002 * spot(-5, 8) + 0.0005 * spot(10, -9), atol=1e-9)
    strip = crosstalk.strips[0]
    assert (strip.factor, strip.shift) == (pytest.approx(0.0014), 30)
    half = crosstalk.filter.kernel.shape[1] // 2
    wide = spot(0, 0, half=half)[half - 20 : half + 21]
    moved = spot(0, 8, half=half)[half - 20 : half + 21]
    # eight columns beside the shift in force; filters end at ten sigmas
    np.testing.assert_allclose(strip.factor * crosstalk.filter.kernel, 0.001 * wide + 0.0004 * moved, atol=1e-9)
    assert crosstalk.filter.kernel.sum() == pytest.approx(1.0, abs=1e-5)


def test_from_nothing() -> None:
    found = [Residual(None, 0.002, spot(0, 5)), Residual("B5", 0.001, spot(0, 0), -12)]
    changed, words = with_residuals(Straylight("B2"), found)
    assert words == [] and changed.ghosts[0].filter.kernel.sum() == pytest.approx(0.002)
    assert (changed.ghosts[0].first, changed.ghosts[0].last) == (0, 5199)
    assert changed.crosstalks[0].strips == (Strip(0, 5199, 0.001, -12),)


def test_nothing_changes_without_residuals() -> None:
    assert with_residuals(IN_FORCE, []) == (IN_FORCE, [])


def test_what_no_file_holds_is_said() -> None:
    found = [
        Residual(None, -0.0030, spot(-5, 8)),
        Residual("B1", -0.0015, spot(0, 0), 30),
        Residual("B5", 0.0020, spot(0, 0), -30),
        Residual("B4", 0.0010, spot(0, 0), -60),
        Residual("B7", -0.0010, spot(0, 0), 0),
    ]
    changed, words = with_residuals(IN_FORCE, found)
    text = " | ".join(words)
    # the ghost would be negative, the crosstalk too; the fainter of two new sources is the third, and one takes light away
    assert "B2: local ghost" in text and "below zero; what is in force stays" in text
    assert "crosstalk from B1: 0.001 in force and a residual of -0.0015 give less than zero; zero is written" in text
    assert "crosstalk from B4: a third source beside B1, B5" in text
    assert "crosstalk from B7: a factor of -0.001 takes light away" in text and len(words) == 4
    assert changed.ghosts == IN_FORCE.ghosts
    assert [(item.source, item.strips[0].factor) for item in changed.crosstalks] == [("B1", 0.0), ("B5", 0.002)]


def test_filters_of_another_kind_stay() -> None:
    other = Filter("FREQUENTIAL", np.ones((3, 3), dtype=np.float32))
    current = Straylight(
        "B2", ghosts=(Ghost(0, 99, other),), crosstalks=(Crosstalk("B1", other, 0, (Strip(0, 5199, 0.001),)),)
    )
    changed, words = with_residuals(current, [Residual(None, 1e-3, spot(0, 0)), Residual("B1", 1e-3, spot(0, 0))])
    assert changed.ghosts == current.ghosts and changed.crosstalks[0].filter is other
    assert changed.crosstalks[0].strips[0].factor == pytest.approx(0.002)
    assert sum("FREQUENTIAL" in text for text in words) == 2 and any("stay without one" in text for text in words)


def test_strips_that_differ_keep_their_filter() -> None:
    strips = (Strip(0, 999, 0.003, -5), Strip(1000, 5199, 0.002, 7))
    current = Straylight("B2", crosstalks=(Crosstalk("B1", spatial(spot(0, 0)), 4, strips),))
    changed, words = with_residuals(current, [Residual("B1", 0.001, spot(0, 0), 40)])
    assert [strip.factor for strip in changed.crosstalks[0].strips] == pytest.approx([0.004, 0.003])
    assert len(words) == 1 and "strips differ" in words[0]
