"""Interpolation against functions known exactly."""

from __future__ import annotations

import numpy as np

from orbit_aux.interpolation import on_time_grid
from orbit_aux.time import Times

START = Times.from_utc("2018-03-06T00:00:00")


def _polynomial(times: Times) -> np.ndarray:
    days = (times - START) / 86400.0
    return np.stack([days**7 - 3 * days**4, 2 - days], axis=-1)


def test_a_polynomial_of_degree_seven_is_returned() -> None:
    times = START + np.linspace(-3e5, 3e5, 101)
    assert np.allclose(on_time_grid(times, _polynomial, 40_000.0), _polynomial(times), rtol=1e-11, atol=1e-10)


def test_a_value_does_not_depend_on_its_neighbours() -> None:
    times = START + np.linspace(0, 1e6, 57)
    whole = on_time_grid(times, _polynomial, 40_000.0)
    alone = np.concatenate([on_time_grid(time, _polynomial, 40_000.0) for time in times])
    assert np.array_equal(whole, alone)
