"""Two-body motion of an encounter, its closest approach, Coppola's bounds, and covariances that are none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from conjunctions import TCA, crossing
from scipy.integrate import solve_ivp

from orbit_aux.conjunctions.encounter import Encounter, closest_approach, duration_bounds, elements_of, positive
from orbit_aux.conjunctions.two_body import mean_elements_of, moved, period_s, state_derivatives, states_of
from orbit_aux.constants import EARTH_MU_M3S2
from orbit_aux.errors import OrbitError
from orbit_aux.frames import State
from orbit_aux.motion.propagate import propagate_j2

STATE = np.array([-2.1e6, 6.4e6, 3.0e6, -5200.0, -3600.0, 4300.0])


def test_motion_is_kepler_s() -> None:
    # the numerical integrator of the house, without oblateness
    start = State(TCA, STATE[None, :3], STATE[None, 3:], "GCRF")
    later = propagate_j2(start, TCA + 5000.0, pole="GCRF", j2=0.0)
    found, _ = moved(STATE, 5000.0)
    assert np.abs(found[:3] - later.position_m[0]).max() < 1e-3
    assert np.abs(found[3:] - later.velocity_ms[0]).max() < 1e-6


@pytest.mark.parametrize("inclination_deg", [0.0, 98.0, 179.999, 180.0])
def test_there_and_back(inclination_deg: float) -> None:
    angle = np.radians(inclination_deg)
    state = np.array([7.0e6, 0.0, 0.0, 50.0, 7600.0 * np.cos(angle), 7600.0 * np.sin(angle)])
    there, onward = moved(state, 3000.0)
    back, inward = moved(there, -3000.0)
    assert np.abs(back - state).max() < 1e-6
    scale = np.array([1.0] * 3 + [1e3] * 3)
    # positions and velocities differ by 1000
    assert np.abs((inward @ onward - np.eye(6)) * scale[:, None] / scale).max() < 1e-6


def test_derivatives_against_the_variational_equations() -> None:
    def rates(_: float, values: np.ndarray) -> np.ndarray:
        position, matrix = values[:3], values[6:].reshape(6, 6)
        radius = np.linalg.norm(position)
        pull = -EARTH_MU_M3S2 / radius**3 * (np.eye(3) - 3.0 * np.outer(position, position) / radius**2)
        field = np.block([[np.zeros((3, 3)), np.eye(3)], [pull, np.zeros((3, 3))]])
        return np.concatenate([values[3:6], -EARTH_MU_M3S2 * position / radius**3, (field @ matrix).ravel()])

    answer = solve_ivp(rates, (0.0, 2500.0), np.concatenate([STATE, np.eye(6).ravel()]), rtol=1e-11, atol=1e-9)
    expected = answer.y[6:, -1].reshape(6, 6)
    _, found = moved(STATE, 2500.0)
    assert np.abs(found / expected - 1.0).max() < 1e-6


def test_elements_and_states_are_inverse() -> None:
    elements = mean_elements_of(STATE[None])
    assert np.abs(states_of(elements)[0] - STATE).max() < 1e-6
    step = np.array([[10.0, 0, 0, 0, 0, 0]])
    slope = (states_of(elements + step)[0] - states_of(elements - step)[0]) / 20.0
    assert state_derivatives(elements)[0][:, 0] == pytest.approx(slope, rel=1e-6)
    assert period_s(STATE) == pytest.approx(2.0 * np.pi * np.sqrt(elements[0, 0] ** 3 / EARTH_MU_M3S2))
    with pytest.raises(OrbitError, match="no ellipse"):
        mean_elements_of((STATE * [1, 1, 1, 2, 2, 2])[None])


def test_the_closest_approach_is_found_again() -> None:
    encounter = crossing()
    for shift in (-5.0, 0.7, 30.0):
        assert closest_approach(encounter.at(shift), 1000.0) == pytest.approx(-shift, abs=1e-3)
    relative = encounter.at(closest_approach(encounter, 1000.0)).relative
    assert abs(relative[:3] @ relative[3:]) < 1e-3


def test_the_elements_covariance_gives_the_states_back() -> None:
    encounter = crossing()
    elements = elements_of(encounter)
    slopes = state_derivatives(elements.means)
    back = slopes @ elements.covariances @ np.swapaxes(slopes, -1, -2)
    assert np.abs(back - encounter.covariances).max() < 1e-6 * np.abs(encounter.covariances).max()


def test_coppola_s_bounds_hold_the_crossings() -> None:
    encounter = crossing(miss_rtn_m=(20.0, 300.0, 0.0), sigma_m=(10.0, 400.0, 10.0))
    low, high = duration_bounds(encounter, gamma=0.0027)
    source = np.random.default_rng(1)
    matrix = encounter.covariance[:3, :3]
    speed = np.linalg.norm(encounter.relative[3:])
    along = encounter.relative[3:] / speed
    drawn = encounter.relative[:3] + source.multivariate_normal(np.zeros(3), matrix, 400_000)
    apart = drawn - np.outer(drawn @ along, along)
    hits = np.linalg.norm(apart, axis=1) < encounter.radius_m
    times = -(drawn[hits] @ along) / speed
    assert hits.sum() > 500
    # 3 sigma leave 0.3 % out; the radius on both sides widens the bounds
    assert np.mean((times < low) | (times > high)) <= 0.004
    assert high - low < 1.5 * np.ptp(times)


def test_covariances_that_are_none_are_raised() -> None:
    good = np.diag([1.0, 4.0, 9.0, 1e-6, 1e-6, 1e-6])
    assert positive(good)[0] is good
    bad = good.copy()
    bad[0, 1] = bad[1, 0] = 2.2
    mended, worst = positive(bad)
    assert worst == pytest.approx(-0.1)
    assert np.linalg.eigvalsh(mended).min() > -1e-12
    assert np.abs(mended - bad).max() < 0.25
    negative = np.diag([1.0, -4.0, 9.0, 1e-6, 1e-6, 1e-6])
    assert np.array_equal(np.diag(positive(negative)[0]), [1.0, 0.0, 9.0, 1e-6, 1e-6, 1e-6])
    assert positive(negative)[1] < 0


def test_refusals() -> None:
    encounter = crossing()
    uneven = encounter.covariances.copy()
    uneven[0, 0, 1] += 100.0
    with pytest.raises(OrbitError, match="not symmetric"):
        replace(encounter, covariances=uneven)
    with pytest.raises(OrbitError, match="not finite"):
        replace(encounter, covariances=encounter.covariances * np.nan)
    with pytest.raises(OrbitError, match="radius"):
        replace(encounter, radius_m=-1.0)
    with pytest.raises(OrbitError, match="give"):
        Encounter(encounter.states[0], encounter.covariances, 1.0)
