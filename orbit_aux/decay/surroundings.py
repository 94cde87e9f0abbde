"""What surrounds the Earth over decades, for mean motion: its pole, Sun, Moon and solar activity every half day."""

from __future__ import annotations

import warnings
from functools import lru_cache

import erfa
import numpy as np
from numpy.typing import NDArray

from orbit_aux.constants import ASTRONOMICAL_UNIT_M
from orbit_aux.frames import true_axes
from orbit_aux.interpolation import on_time_grid
from orbit_aux.motion.space_weather import SpaceWeather
from orbit_aux.time import Times

Array = NDArray[np.float64]

YEAR_S = 365.25 * 86_400.0
#: between rows, as the kernel has it
SPACING_S = 43_200.0
# the pole moves 20 arcsec a year; nutation within ten days is 0.3 arcsec
_POLE_STEP_S = 864_000.0
# of the nodes of Sun and Moon: 8 points between them are good to 1e-6
_SUN_STEP_S, _MOON_STEP_S = 432_000.0, 86_400.0
_SKY_YEARS = (2.1, 15.2, 32.0, 64.0, 101.0, 125.0)


def surroundings(epoch: Times, reach_s: float, weather: SpaceWeather) -> Array:
    """Pole, Sun, Moon (GCRF), F10.7 and Ap every half day from `epoch` on: (rows, 11)."""
    rows = int(np.ceil(reach_s / SPACING_S)) + 2
    return np.column_stack([_sky_of(epoch, rows), *weather.at(epoch + SPACING_S * np.arange(rows))])


def _sky_of(epoch: Times, rows: int) -> Array:
    """Pole, Sun and Moon; tables of few lengths, so that those who ask for much the same share one."""
    reach_years = rows * SPACING_S / YEAR_S
    length = next((item for item in _SKY_YEARS if item >= reach_years), reach_years)
    return _sky(epoch, int(np.ceil(length * YEAR_S / SPACING_S)))[:rows]


@lru_cache(maxsize=8)
def _sky(epoch: Times, rows: int) -> Array:
    times = epoch + SPACING_S * np.arange(rows)
    with warnings.catch_warnings():
        # the series of the Sun are stated to 2100 and lose arcseconds after it
        warnings.simplefilter("ignore", erfa.ErfaWarning)
        sun = on_time_grid(times, lambda nodes: -erfa.epv00(*nodes.tdb())[0]["p"], _SUN_STEP_S)
        moon = on_time_grid(times, lambda nodes: np.asarray(erfa.moon98(*nodes.tt())["p"]), _MOON_STEP_S)
    return np.column_stack([axes_over_years(times)[:, 2], ASTRONOMICAL_UNIT_M * sun, ASTRONOMICAL_UNIT_M * moon])


def axes_over_years(times: Times) -> Array:
    """GCRF to the true equator and equinox of date, (n, 3, 3), nutation smoothed over days."""
    return true_axes(times, _POLE_STEP_S)
