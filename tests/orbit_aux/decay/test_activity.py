"""Activity for decades: the equivalent constant, the cycle, and tables past their end."""

from __future__ import annotations

import numpy as np
import pytest

from orbit_aux.decay.activity import continued, equivalent_activity, solar_cycle
from orbit_aux.errors import OrbitError
from orbit_aux.motion.space_weather import SpaceWeather, constant_space_weather
from orbit_aux.time import Times


def test_the_equivalent_constant() -> None:
    flux, ap = equivalent_activity(0.025, 700e3).at(Times.from_utc("2040-01-01T00:00:00"))
    # 201 + 3.25 ln 0.025 - 7 ln 700, by hand
    assert flux[0] == pytest.approx(201.0 - 11.98886 - 45.85756, abs=1e-3)
    assert ap[0] == 15.0
    with pytest.raises(OrbitError, match="100 to 3000 km"):
        equivalent_activity(0.025, 36e6)


def test_the_cycle() -> None:
    cycle = solar_cycle()
    low, high, later = (
        cycle.at(Times.from_utc(text))[0][0]
        for text in ("2019-12-15T00:00:00", "2024-04-03T00:00:00", "2035-04-04T00:00:00")
    )
    assert low == pytest.approx(70.0, abs=0.5)
    assert high == pytest.approx(160.0, abs=0.5)
    # 11 years later the same
    assert later == pytest.approx(high, abs=0.5)
    every = cycle.at(Times.from_utc("2020-01-01T00:00:00") + 86_400.0 * np.arange(0, 20_000, 30))[0]
    assert every.min() >= 70.0 and every.max() <= 160.0
    with pytest.raises(OrbitError, match="60 to 300"):
        solar_cycle(200.0, 100.0)


def test_a_table_goes_on_with_its_mean() -> None:
    times = Times.from_utc("2020-01-01T00:00:00") + 86_400.0 * np.arange(100)
    flux = np.linspace(100.0, 200.0, 100)
    longer = continued(SpaceWeather(times, flux, np.full(100, 10.0), "made"))
    assert longer.at(times)[0] == pytest.approx(flux)
    assert longer.at(times[-1] + 1e8)[0][0] == pytest.approx(150.0)
    assert "then its mean F10.7 150.0" in longer.source
    one = constant_space_weather()
    assert continued(one) is one
