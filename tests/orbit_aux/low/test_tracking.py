"""Low orbits from Doppler and ranges of stations, with light time found another way."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq

from orbit_aux.errors import OrbitError
from orbit_aux.frames import State, from_geodetic, transform
from orbit_aux.low.options import LowOrbitOptions
from orbit_aux.low.tracking import restitute_low_tracking
from orbit_aux.motion.forces import Forces
from orbit_aux.motion.propagate import propagate
from orbit_aux.orbit import Orbit
from orbit_aux.stations import Stations
from orbit_aux.time import Times
from orbit_aux.tracking import Tracking

EPOCH = Times.from_utc("2018-03-06T00:00:00")
START = State(EPOCH, np.array([[7.0978e6, 71e3, -308e3]]), np.array([[210.0, 1003.0, 7421.0]]), "GCRF")
PLACES = {"KRU": (-52.8, 5.1), "AUS": (1.5, 43.4), "KRN": (20.97, 67.9), "HBK": (27.7, -25.9), "SVB": (15.4, 78.2)}
STATIONS = Stations(
    tuple(PLACES), np.stack([from_geodetic(np.radians(a), np.radians(b), 100.0) for a, b in PLACES.values()]), "test"
)
C_MS = 299_792_458.0


@pytest.fixture(scope="module")
def passes() -> tuple[Orbit, Tracking]:
    """Half a day of two-way passes above 5 degrees: Doppler over 10 s at 1 cm/s, ranges at 5 m."""
    times = EPOCH + np.arange(0.0, 43_261.0, 60.0)
    truth = propagate(START, times, Forces())
    orbit = Orbit("X", "X", "GCRF", times, truth.position_m, truth.velocity_ms, "truth")
    rng = np.random.default_rng(1)
    rows: list[tuple[float, float, str, str, float]] = []
    for number, name in enumerate(STATIONS.names):
        asked = np.arange(600.0, 43_100.0, 30.0)
        place, _ = transform(EPOCH + asked, np.tile(STATIONS.position_itrf_m[number], (len(asked), 1)), np.zeros((len(asked), 3)), "ITRF", "GCRF")  # fmt: skip
        sight = orbit.at(EPOCH + asked).position_m - place
        sine = np.einsum("ni,ni->n", sight, place) / np.linalg.norm(sight, axis=1) / np.linalg.norm(place, axis=1)
        for stop in asked[sine > np.sin(np.radians(5.0))]:
            pair = [_length(orbit, number, t) for t in (stop - 10.0, stop)]
            rows.append((stop, 10.0, "DOPPLER", name, (pair[1] - pair[0]) / 10.0 + 0.01 * rng.normal()))
            if rng.random() < 0.3:
                rows.append((stop, 0.0, "RANGE", name, pair[1] + 5.0 * rng.normal()))
    rows.sort(key=lambda row: row[0])
    stop_s, interval, kind, name, value = zip(*rows, strict=True)
    sigma = np.where(np.array(kind) == "DOPPLER", 0.01, 5.0)
    values = np.array(value)
    values[::50] += np.where(np.array(kind)[::50] == "DOPPLER", 3.0, 300.0)
    tracking = Tracking(EPOCH + np.array(stop_s), np.array(interval), np.array(kind), np.array(name), np.array(name), values, "test", sigma, True)  # fmt: skip
    return orbit, tracking


def _length(orbit: Orbit, number: int, received: float) -> float:
    """Half the way of a signal, by roots of its equations."""

    def station(at: float) -> np.ndarray:
        place = STATIONS.position_itrf_m[number][None]
        return transform(EPOCH + at, place, np.zeros((1, 3)), "ITRF", "GCRF")[0][0]

    def satellite(at: float) -> np.ndarray:
        return orbit.at(EPOCH + at).position_m[0]

    end = station(received)
    bounce = received - brentq(
        lambda lag: np.linalg.norm(satellite(received - lag) - end) - C_MS * lag, 0.0, 0.05, xtol=1e-13
    )
    middle = satellite(bounce)
    lag = brentq(lambda lag: np.linalg.norm(middle - station(bounce - lag)) - C_MS * lag, 0.0, 0.05, xtol=1e-13)
    return 0.5 * float(np.linalg.norm(middle - end) + C_MS * lag)


def test_a_poor_start_and_doppler_give_the_orbit(passes: tuple[Orbit, Tracking]) -> None:
    orbit, tracking = passes
    covariance = np.diag([2e3**2] * 3 + [2.0**2] * 3)
    poor = State(
        EPOCH,
        START.position_m + np.array([1500.0, -2000.0, 1000.0]),
        START.velocity_ms + np.array([1.0, -1.5, 2.0]),
        "GCRF",
    )
    options = LowOrbitOptions(empirical_ms2=1e-9, empirical_s=6000.0)
    result = restitute_low_tracking(tracking, STATIONS, poor, covariance, Forces(), (), options)
    times = orbit.times[(orbit.times - EPOCH > 900.0) & (orbit.times - EPOCH < 42_000.0)]
    times = times[result.orbit.covers(times)]
    error = np.linalg.norm(result.orbit.at(times).position_m - orbit.at(times).position_m, axis=1)
    # 1 cm/s over a pass of 10 min is some metres; a dozen passes in half a day
    assert float(np.sqrt(np.mean(error**2))) < 5.0
    assert result.summary["normalised_residual_rms"] == pytest.approx(1.0, abs=0.15)
    assert result.summary["measurements_rejected"] >= len(tracking) // 50
    covered = result.orbit.covariance
    assert covered is not None
    apart = result.orbit.at(covered.times).position_m - orbit.at(covered.times).position_m
    squares = np.einsum("ni,nij,nj->n", apart, np.linalg.inv(covered.matrices[:, :3, :3]), apart)
    # one arc, few independent values: a factor of five says that the covariance is no fiction
    assert 0.3 < squares.mean() < 12.0


def test_what_cannot_work_is_refused(passes: tuple[Orbit, Tracking]) -> None:
    _, tracking = passes
    good = np.diag([1e6] * 3 + [1.0] * 3)
    with pytest.raises(OrbitError, match="not positive definite"):
        restitute_low_tracking(tracking, STATIONS, START, -good)
    late = State(EPOCH + 7_200.0, START.position_m, START.velocity_ms, "GCRF")
    with pytest.raises(OrbitError, match="after the start state"):
        restitute_low_tracking(tracking, STATIONS, late, good)
    alone = Stations(("AUS",), STATIONS.position_itrf_m[1:2], "test")
    with pytest.raises(OrbitError, match="is not in test"):
        restitute_low_tracking(tracking, alone, START, good)
