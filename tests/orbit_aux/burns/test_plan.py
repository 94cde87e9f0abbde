"""The planned orbit against the rocket equation, conservation, and an independent integration; Earth orientation by choice."""

from __future__ import annotations

import numpy as np
import pytest

from orbit_aux.burns.burn import Burn
from orbit_aux.burns.plan import planned_states, semi_major_axis, semi_major_axis_sigma
from orbit_aux.burns.simulation import true_trajectory
from orbit_aux.earth_orientation import EarthOrientation, packaged_earth_orientation, using
from orbit_aux.errors import OrbitError
from orbit_aux.frames import State, transform
from orbit_aux.time import Times

EPOCH = Times.from_utc("1991-12-18T12:10:00")
START = State(EPOCH, np.array([[-17739.6e3, -38178.5e3, -153.5e3]]), np.array([[1401.0, -797.6, 112.4]]), "GCRF")


def burn(axes: str) -> Burn:
    direction = np.array([0.906, -0.416, -0.074]) if axes == "GCRF" else np.array([0.0, 0.99, -0.14])
    return Burn(EPOCH + 400.0, 2200.0, 500.0, direction / np.linalg.norm(direction), axes, 2275.0, 0.1645)


@pytest.mark.parametrize("axes", ["GCRF", "RSW"])
def test_against_the_simulator(axes: str) -> None:
    """Which has its own equations; both hold the pole of ignition, so they agree to the tolerance of this integration, some cm."""
    at = np.array([0.0, 200.0, 400.0, 1000.0, 2600.0, 3200.0])
    planned = planned_states(START, burn(axes), EPOCH + at)
    true = true_trajectory(START, burn(axes), 500.0, 700.0).states(at - 400.0)
    assert np.abs(planned.position_m - true[:, :3]).max() < 0.5
    assert np.abs(planned.velocity_ms - true[:, 3:6]).max() < 1e-3


def test_the_semi_major_axis_and_its_deviation() -> None:
    """Of a circle it is the radius; its sigma against the scatter of 20000 draws, good to 1 %."""
    radius = 7.0e6
    state = State(EPOCH, np.array([[radius, 0, 0]]), np.array([[0, np.sqrt(3.986004415e14 / radius), 0]]), "GCRF")
    assert semi_major_axis(state)[0] == pytest.approx(radius)
    covariance = np.diag([100.0**2] * 3 + [0.1**2] * 3)
    draws = np.random.default_rng(1).normal(size=(20000, 6)) * np.sqrt(np.diag(covariance))
    times = Times(np.repeat(EPOCH.tai_ns, 20000))
    cloud = State(times, state.position_m + draws[:, :3], state.velocity_ms + draws[:, 3:], "GCRF")
    assert semi_major_axis_sigma(state, covariance[None])[0] == pytest.approx(semi_major_axis(cloud).std(), rel=0.03)


def test_times_before_the_start_are_refused() -> None:
    with pytest.raises(OrbitError, match="later"):
        planned_states(START, burn("GCRF"), EPOCH + -10.0)


def test_another_table_of_earth_orientation() -> None:
    """UT1 one second later turns the Earth by 15 arcsec: 465 m at the equator; within the context only."""
    packaged = packaged_earth_orientation()
    shifted = EarthOrientation("shifted", "", packaged.tai_ns, packaged.values + np.array([0, 0, 1.0, 0, 0]))
    place = np.array([[6378137.0, 0.0, 0.0]])

    def inertial() -> np.ndarray:
        return transform(EPOCH, place, np.zeros((1, 3)), "ITRF", "GCRF")[0]

    before = inertial()
    with using(shifted):
        assert packaged_earth_orientation().name == "shifted"
        assert np.linalg.norm(inertial() - before) == pytest.approx(465.1, abs=1.0)
    assert np.array_equal(inertial(), before) and packaged_earth_orientation() is packaged
