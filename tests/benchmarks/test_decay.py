"""A decay of 400 days by mean elements against the numerical propagation with the full field: lifetime and time; and the time of 200 drawn lifetimes."""

from __future__ import annotations

import time

import numpy as np
import pytest

from orbit_aux.constants import WGS84_EQUATORIAL_RADIUS_M, WGS84_FLATTENING
from orbit_aux.decay.descent import YEAR_S, DecayModels, follow_decay, mean_orbit
from orbit_aux.decay.rule import Uncertainty, draw_lifetimes
from orbit_aux.errors import OrbitError
from orbit_aux.frames import State
from orbit_aux.motion.forces import Forces, Satellite
from orbit_aux.motion.mean_elements import osculating_state
from orbit_aux.motion.propagate import propagate
from orbit_aux.time import Times

pytestmark = pytest.mark.benchmark

START = Times.from_utc("2024-03-20T00:00:00")
CRAFT = Satellite(265.0, 3.0, 2.2)
DAY_S = 86_400.0


def _lowest_m(states: State) -> np.ndarray:
    place = states.to("ITRF").position_m
    radius = np.linalg.norm(place, axis=1)
    f, sine = WGS84_FLATTENING, place[:, 2] / radius
    return radius - WGS84_EQUATORIAL_RADIUS_M * (1.0 - f) / np.sqrt(1.0 - f * (2.0 - f) * (1.0 - sine**2))


def _numerical_days(start: State, forces: Forces) -> float:
    now, days, chunk = start, 0.0, 10.0
    while True:
        times = now.times + np.arange(0.0, chunk * DAY_S + 1.0, 60.0)
        try:
            states = propagate(now, times, forces, step_s=60.0)
        except OrbitError:
            # it fell within the chunk
            if chunk < 0.02:
                return days
            chunk /= 4.0
            continue
        below = np.flatnonzero(_lowest_m(states) < 120e3)
        if len(below):
            return days + 60.0 * float(below[0]) / DAY_S
        days += float((times[-1] - times[0])[0]) / DAY_S
        now = State(states.times[-1], states.position_m[-1:], states.velocity_ms[-1:], "GCRF")


def test_four_hundred_days() -> None:
    start = mean_orbit(START, 457e3, 457e3, np.radians(97.4), node=0.3, perigee=1.0)
    models = DecayModels(CRAFT)
    follow_decay(start, models, 2 * YEAR_S)
    seconds = []
    for _ in range(3):
        begin = time.perf_counter()
        fall = follow_decay(start, models, 2 * YEAR_S)
        seconds.append(time.perf_counter() - begin)
    begin = time.perf_counter()
    days = _numerical_days(osculating_state(start), Forces(satellite=CRAFT, solar_pressure=False))
    numerical = time.perf_counter() - begin
    found = fall.lifetime_s / DAY_S
    print(f"{found:.2f} days in {min(seconds):.3f} s, numerical {days:.2f} days in {numerical:.1f} s")
    assert days > 350.0
    assert found == pytest.approx(days, rel=0.02)
    assert min(seconds) < 2.0
    assert min(seconds) < 0.02 * numerical


def test_two_hundred_draws() -> None:
    start, models = mean_orbit(START, 560e3, 560e3, np.radians(97.6)), DecayModels(CRAFT)
    draw_lifetimes(start, models, 2, 0, Uncertainty(), 50 * YEAR_S)
    begin = time.perf_counter()
    drawn = draw_lifetimes(start, models, 200, 0, Uncertainty(), 50 * YEAR_S)
    seconds = time.perf_counter() - begin
    print(f"200 lifetimes of {drawn.percentile(50.0) / YEAR_S:.1f} years: {seconds:.1f} s")
    assert drawn.fell.all()
    assert seconds < 10.0
