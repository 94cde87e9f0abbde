"""Solar activity for decades: a constant that gives the same lifetime, a mean cycle, and a table that goes on past its end."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from orbit_aux.errors import OrbitError
from orbit_aux.motion.space_weather import SpaceWeather, constant_space_weather
from orbit_aux.time import Times

CYCLE_YEARS = 11.0
_YEAR_S = 365.25 * 86_400.0
# the minimum before cycle 25 (NOAA and ISES, December 2019), rise of 4.3 years; flux from quiet to that of a middling cycle: assumed round figures
_MINIMUM_UTC, _RISE_YEARS = "2019-12-15T00:00:00", 4.3
_LEAST_FLUX, _GREATEST_FLUX, _AP = 70.0, 160.0, 12.0
_FIRST_UTC, _LAST_UTC, _MONTH_S = "1980-01-01T00:00:00", "2190-01-01T00:00:00", _YEAR_S / 12.0


def equivalent_activity(ballistic_m2kg: float, apogee_altitude_m: float) -> SpaceWeather:
    """Constant F10.7 = 201 + 3.25 ln(Cd A / m) - 7 ln(apogee altitude in km) and Ap 15, which stand for many cycles in the practice of CNES's STELA.

    The coefficients are quoted from memory of its guide; they are fitted to another model of the air.
    """
    if not (1e-5 < ballistic_m2kg < 10 and 1e5 < apogee_altitude_m < 3e6):
        raise OrbitError(
            f"mean activity for Cd A / m {ballistic_m2kg:.3g} m2/kg and an apogee {apogee_altitude_m / 1e3:.6g} km high: it is meant for 100 to 3000 km"
        )
    flux = 201.0 + 3.25 * math.log(ballistic_m2kg) - 7.0 * math.log(apogee_altitude_m * 1e-3)
    return constant_space_weather(round(flux, 3), 15.0)


def solar_cycle(least_flux: float = _LEAST_FLUX, greatest_flux: float = _GREATEST_FLUX) -> SpaceWeather:
    """Cycles of 11 years, one like the other, month by month from 1980 to 2190: F10.7 rises for 4.3 years from a minimum of December 2019, Ap is 12."""
    if not 60 <= least_flux <= greatest_flux <= 300:
        raise OrbitError(f"cycle of F10.7 {least_flux} to {greatest_flux}: give 60 to 300, the least first")
    first, last = Times.from_utc([_FIRST_UTC])[0], Times.from_utc([_LAST_UTC])[0]
    times = first + np.arange(0.0, float((last - first)[0]), _MONTH_S)
    years = np.mod((times - Times.from_utc(_MINIMUM_UTC)) / _YEAR_S, CYCLE_YEARS)
    rise = years < _RISE_YEARS
    phase = np.where(rise, years / _RISE_YEARS, 1.0 + (years - _RISE_YEARS) / (CYCLE_YEARS - _RISE_YEARS))
    flux = least_flux + (greatest_flux - least_flux) * np.sin(0.5 * np.pi * phase) ** 2
    name = f"mean cycle of {CYCLE_YEARS:g} years, F10.7 {least_flux:g} to {greatest_flux:g}, Ap {_AP:g}"
    return SpaceWeather(times, flux, np.full(len(times), _AP), name)


def continued(weather: SpaceWeather) -> SpaceWeather:
    """`weather`, and after its end the mean of its last 11 years."""
    if len(weather.times) == 1:
        return weather
    recent = weather.times[-1] - weather.times < CYCLE_YEARS * _YEAR_S
    flux, ap = float(np.mean(weather.f107[recent])), float(np.mean(weather.ap[recent]))
    times = Times.concatenate([weather.times, weather.times[-1] + 86_400.0])
    name = (
        f"{weather.source} to {weather.times[-1].utc_strings(0)[0][:10]}, then its mean F10.7 {flux:.1f}, Ap {ap:.1f}"
    )
    return SpaceWeather(times, _appended(weather.f107, flux), _appended(weather.ap, ap), name)


def _appended(values: NDArray[np.float64], last: float) -> NDArray[np.float64]:
    return np.append(values, last)
