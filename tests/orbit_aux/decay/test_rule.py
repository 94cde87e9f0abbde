"""Drawn lifetimes and criteria."""

from __future__ import annotations

import numpy as np
import pytest

from orbit_aux.decay.air import constant_air, exponential_air
from orbit_aux.decay.descent import YEAR_S, DecayModels, Draws, follow_decay, mean_orbit
from orbit_aux.decay.rule import Lifetimes, Uncertainty, criteria, draw_lifetimes
from orbit_aux.errors import OrbitError
from orbit_aux.motion.forces import Satellite
from orbit_aux.time import Times

START = Times.from_utc("2024-03-20T00:00:00")
CRAFT = Satellite(100.0, 1.0, 2.2)


def test_lifetimes_spread_as_the_drag_does() -> None:
    """In air that knows no activity a lifetime is as 1 / drag: its percentiles are those of a lognormal."""
    models = DecayModels(CRAFT, exponential_air(3e-12, 400e3, 50e3), sun=False, moon=False)
    start = mean_orbit(START, 330e3, 340e3, 1.2)
    drawn = draw_lifetimes(start, models, 200, 7, Uncertainty(0.2, 0.3, 10.0), 3 * YEAR_S)
    assert drawn.fell.all()
    half = drawn.percentile(50.0)
    alone = follow_decay(start, models, YEAR_S).lifetime_s
    assert half == pytest.approx(alone, rel=0.04)
    # 1.2816 sigma; 200 draws know it to 6 %
    assert np.log(drawn.percentile(90.0) / half) == pytest.approx(0.2 * 1.2816, rel=0.2)
    assert np.log(half / drawn.percentile(10.0)) == pytest.approx(0.2 * 1.2816, rel=0.2)
    assert drawn.share_within(half / YEAR_S) == pytest.approx(0.5, abs=0.01)
    early, late = drawn.window_s()
    assert early < drawn.percentile(10.0) < half < late
    again = draw_lifetimes(start, models, 200, 7, Uncertainty(0.2, 0.3, 10.0), 3 * YEAR_S)
    assert (again.seconds == drawn.seconds).all()
    # the draw of a percentile has its lifetime
    found = follow_decay(start, models, YEAR_S, drawn.nearest(90.0)).lifetime_s
    assert found == pytest.approx(drawn.percentile(90.0), rel=0.02)


def test_what_outlives_the_horizon_is_not_counted_as_fallen() -> None:
    draws = Draws(np.ones(4), np.ones(4), np.zeros(4), np.zeros(4))
    drawn = Lifetimes(np.array([1.0, 2.0, 9.0, 9.0]) * YEAR_S, np.array([True, True, False, False]), 9 * YEAR_S, draws)
    assert drawn.share_within(25.0) == 0.5
    assert drawn.percentile(90.0) == np.inf
    assert drawn.percentile(0.0) == YEAR_S


def test_criteria() -> None:
    models = DecayModels(CRAFT, exponential_air(3e-12, 400e3, 50e3), sun=False, moon=False)
    met = {
        item.name: item.met for item in criteria(follow_decay(mean_orbit(START, 4e5, 4e5, 1.0), models, YEAR_S), 25.0)
    }
    assert met == {"S1": True, "S2": None, "S3": None, "S4": None}
    short = criteria(follow_decay(mean_orbit(START, 4e5, 4e5, 1.0), models, YEAR_S), 0.1)
    assert short[0].met is False
    empty = DecayModels(CRAFT, constant_air(1e-25), sun=False, moon=False)
    high = criteria(follow_decay(mean_orbit(START, 2200e3, 2300e3, 1.0), empty, 100 * YEAR_S), 25.0)
    assert [item.met for item in high] == [None, True, None, None]
    ring = criteria(follow_decay(mean_orbit(START, 35_700e3, 35_800e3, 0.2), empty, 100 * YEAR_S), 25.0)
    assert [item.met for item in ring] == [None, True, False, False]


def test_wrong_figures_are_refused() -> None:
    with pytest.raises(OrbitError, match="shares"):
        Uncertainty(ballistic=15.0)
    with pytest.raises(OrbitError, match="draws"):
        draw_lifetimes(mean_orbit(START, 4e5, 4e5, 1.0), DecayModels(CRAFT), 1, 0, Uncertainty(), YEAR_S)
