"""A hundred thousand lunar geometries a second: time and place to the irradiance of twelve bands and its uncertainty, on one core."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from calib.moon.irradiance import band_irradiance, load_model
from calib.sensor import load_sensor
from flows.irradiance import irradiance_table
from orbit_aux.moon_view import moon_geometry
from orbit_aux.time import Times

COUNT = 100_000


def looks() -> tuple[Times, np.ndarray]:
    """Random dates over ten years at which the Moon is some 20 to 70 degrees from full, from low orbit."""
    rng = np.random.default_rng(1)
    days = np.sort(rng.uniform(0, 3652.5, 4 * COUNT))
    # the synodic month: full Moon of 2015-01-05
    age_deg = np.abs((days - 4.2) / 29.530589 % 1 * 360)
    phase = np.minimum(age_deg, 360 - age_deg)
    days = days[(phase > 20) & (phase < 70)][:COUNT]
    utc = np.datetime64("2015-01-01", "ns") + (days * 86_400e9).astype("timedelta64[ns]")
    direction = rng.normal(size=(len(utc), 3))
    return Times.from_utc(utc), direction / np.linalg.norm(direction, axis=1, keepdims=True) * 7.1e6


def seconds(work: Callable[[Times], object], times: Times) -> float:
    """Processor seconds, the better of three; each with other times, so that nothing is remembered from the one before."""
    taken = []
    for shift in range(3):
        moved = times + float(shift)
        started = time.process_time()
        work(moved)
        taken.append(time.process_time() - started)
    return min(taken)


@pytest.mark.benchmark
def test_rate_of_the_whole_chain(shared: Path) -> None:
    times, position_m = looks()
    sensor = load_sensor("venus")
    lime = str(shared / "reference/moon/lime/LIME_MODEL_COEFS_20251010_V01.nc")
    for name in ("rolo2005", lime):
        model = load_model(name, "tsis1_hsrs")
        bare = seconds(
            lambda at, model=model: band_irradiance(model, moon_geometry(at, position_m), sensor.response), times
        )
        full = seconds(lambda at, model=model: irradiance_table(at, position_m, [model], sensor.response), times)
        print(
            f"\n{model.title[:13]}: {len(times) / bare:.0f} geometries/s from time and place to 12 bands (asked 100000), "
            f"{len(times) / full:.0f} with guards, flags and uncertainty"
        )
        assert len(times) / bare > 100_000
