"""Mean elements against numerical integration of J2 orbits, its averages and its node crossings."""

from __future__ import annotations

import erfa
import numpy as np
import pytest

from orbit_aux.constants import EARTH_MU_M3S2
from orbit_aux.design.zonal import zonal_field
from orbit_aux.elements import equinoctial, keplerian
from orbit_aux.errors import OrbitError
from orbit_aux.frames import State
from orbit_aux.motion.forces import Forces, Satellite
from orbit_aux.motion.mean_elements import (
    MeanElements,
    local_time_h,
    mean_elements,
    mean_of_arc,
    osculating_state,
    secular_rates,
)
from orbit_aux.motion.propagate import propagate, propagate_j2, sun_synchronous_orbit
from orbit_aux.orbit import Orbit
from orbit_aux.time import Times

START = Times.from_utc("2018-03-06T00:00:00")
TURN = 2.0 * np.pi
#: semi-major axis (m), e, omega, i (deg)
CASES = [
    (7_098_136.3, 0.001, 1.5, 98.27),
    (6_788_136.3, 0.0, 0.0, 97.07),
    (7_078_136.3, 0.05, 0.7, 98.2),
    (8_378_136.3, 0.1, 2.0, 60.0),
    (7_078_136.3, 0.001, 1.0, 5.0),
    (7_078_136.3, 0.01, 1.0, 63.4349),
]


def given(a: float, e: float, perigee: float, i_deg: float) -> MeanElements:
    values = (a, e * np.cos(perigee), e * np.sin(perigee), np.radians(i_deg), 1.0, 0.3)
    return MeanElements(START, *(np.array([value]) for value in values))


def flown(mean: MeanElements, revolutions: float, step_s: float = 60.0) -> tuple[State, float]:
    """J2 orbit from mean elements on, and its period."""
    period = TURN / float(secular_rates(mean, 0.0)[2][0])
    return propagate_j2(osculating_state(mean), START + np.arange(0.0, revolutions * period, step_s)), period


def orbit_of(state: State) -> Orbit:
    return Orbit("A", "1", "GCRF", state.times, state.position_m, state.velocity_ms, "test")


@pytest.mark.parametrize("case", CASES)
def test_mean_elements_are_constant_along_a_numerical_orbit(case: tuple[float, ...]) -> None:
    start = given(*case)
    state, _ = flown(start, 8.0)
    mean = mean_elements(state)
    node_rate, perigee_rate, argument_rate = (float(rate[0]) for rate in secular_rates(start, 0.0))
    elapsed = state.times - START
    # the energy holds to second order: what is left is J2^3 of the axis
    assert np.abs(mean.semi_major_axis_m - case[0]).max() < 0.1
    # the other elements are of first order: J2^2 is 1e-6, and its factors a few units
    assert np.abs(mean.inclination_rad - start.inclination_rad).max() < 1e-6
    node = np.unwrap(mean.node_rad) - 1.0 - node_rate * elapsed
    argument = np.unwrap(mean.latitude_argument_rad) - 0.3 - argument_rate * elapsed
    sine = np.sin(start.inclination_rad)
    assert np.abs(node * sine).max() < 2e-6
    assert np.abs(argument + node * np.cos(start.inclination_rad)).max() < 1e-5
    vector = (mean.eccentricity_x + 1j * mean.eccentricity_y) * np.exp(-1j * perigee_rate * elapsed)
    wanted = start.eccentricity_x + 1j * start.eccentricity_y
    # secular and short-period parts of second order, and from e = 0.05 on the long-period ones of J2^2 e
    assert np.abs(vector - wanted).max() < 8e-6 + 2e-4 * case[1]


@pytest.mark.parametrize("case", CASES)
def test_round_trip(case: tuple[float, ...]) -> None:
    state, _ = flown(given(*case), 2.0, 200.0)
    again = osculating_state(mean_elements(state))
    # rounding of 7e6 m, some operations
    assert np.abs(again.position_m - state.position_m).max() < 1e-6
    assert np.abs(again.velocity_ms - state.velocity_ms).max() < 1e-9


@pytest.mark.parametrize("case", CASES[:3])
def test_numerical_averages(case: tuple[float, ...]) -> None:
    """The average of osculating elements over a revolution, by another way: no theory, only integration."""
    start = given(*case)
    state, period = flown(start, 1.0, TURN / float(secular_rates(start, 0.0)[2][0]) / 720.0)
    axes = erfa.pnm06a(*START.tt())[0]
    elements = equinoctial(state.position_m[:720] @ axes.T, state.velocity_ms[:720] @ axes.T)
    kepler = keplerian(elements)
    middle = float(secular_rates(start, 0.0)[1][0]) * 0.5 * period
    node = kepler[:, 4]
    vector = (elements[:, 1] + 1j * elements[:, 2]) * np.exp(-1j * node)
    wanted = (start.eccentricity_x + 1j * start.eccentricity_y)[0] * np.exp(1j * middle)
    # averages differ from mean elements by the square of the short period: (9 km)^2 / a, 1e-6 of the others
    assert abs(kepler[:, 0].mean() - case[0]) < 40.0
    assert abs(kepler[:, 2].mean() - start.inclination_rad[0]) < 2e-6
    assert abs(vector.mean() - wanted) < 3e-6


def test_rates_are_those_of_node_crossings() -> None:
    """The nodal period, from when the numerical orbit crosses the equator: the authority for the mean axis."""
    start = given(7_098_136.3, 0.0, 0.0, 98.27)
    state, period = flown(start, 15.5)
    orbit = orbit_of(state)
    axes = erfa.pnm06a(*START.tt())[0]

    def crossing(guess_s: float) -> float:
        for _ in range(6):
            at = orbit.at(START + guess_s)
            guess_s -= float(axes[2] @ at.position_m[0]) / float(axes[2] @ at.velocity_ms[0])
        return guess_s

    first = crossing((TURN - 0.3) / TURN * period)
    last = crossing(first + 14.0 * period)
    # 1e-8 of the period is 5 cm of the axis; the equator of date moves by 2e-9 rad
    assert (last - first) / 14.0 == pytest.approx(period, rel=2e-8)


@pytest.fixture(scope="module")
def long_arc() -> tuple[Orbit, float]:
    state, period = flown(given(7_098_136.3, 0.001, 1.5, 98.27), 12.5)
    return orbit_of(state), period


@pytest.mark.parametrize("revolutions", [1.2, 3.4, 12.0])
def test_mean_of_an_arc(long_arc: tuple[Orbit, float], revolutions: float) -> None:
    start = given(7_098_136.3, 0.001, 1.5, 98.27)
    orbit, period = long_arc
    found = mean_of_arc(orbit, START, START + revolutions * period)
    assert len(found.times) == 1
    elapsed = float((found.times - START)[0])
    assert elapsed == pytest.approx(0.5 * revolutions * period)
    node_rate, _, argument_rate = (float(rate[0]) for rate in secular_rates(start, 0.0))
    assert found.semi_major_axis_m[0] == pytest.approx(7_098_136.3, abs=0.1)
    assert found.inclination_rad[0] == pytest.approx(start.inclination_rad[0], abs=3e-7)
    assert found.node_rad[0] == pytest.approx(1.0 + node_rate * elapsed, abs=1e-6)
    assert found.latitude_argument_rad[0] == pytest.approx((0.3 + argument_rate * elapsed) % TURN, abs=3e-6)


def test_an_arc_with_drag_is_followed() -> None:
    """An axis that falls makes the latitude argument run ahead by the square of time: at the middle the fit must stand where the orbit does."""
    start = given(6_788_136.3, 0.001, 1.5, 97.07)
    craft = Satellite(264.0, 4.0, 2.2, 0.0, 1.3)
    forces = Forces(gravity=zonal_field(2), satellite=craft, sun=False, moon=False, solar_pressure=False)
    times = START + np.arange(0.0, 86_401.0, 60.0)
    state = propagate(osculating_state(start), times, forces)
    found = mean_of_arc(orbit_of(state), times[0], times[-1])
    each = mean_elements(state)
    middle = mean_elements(orbit_of(state).at(found.times))
    assert each.semi_major_axis_m[0] - each.semi_major_axis_m[-1] > 300.0
    # drag itself comes and goes within the revolution, by some metres
    assert found.semi_major_axis_m[0] == pytest.approx(middle.semi_major_axis_m[0], abs=5.0)
    # a line through the argument would miss by 1e-3
    assert found.latitude_argument_rad[0] == pytest.approx(middle.latitude_argument_rad[0], abs=5e-6)


def test_blocks_and_rotations_change_nothing() -> None:
    state, _ = flown(given(*CASES[0]), 1.0, 100.0)
    whole = mean_elements(state)
    part = mean_elements(State(state.times[:7], state.position_m[:7], state.velocity_ms[:7], "GCRF"))
    np.testing.assert_array_equal(part.semi_major_axis_m, whole.semi_major_axis_m[:7])
    # a turn about the true pole turns the node and nothing else
    axes = erfa.pnm06a(*START.tt())[0]
    turn = axes.T @ np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]) @ axes
    one = State(START, state.position_m[:1], state.velocity_ms[:1], "GCRF")
    turned = mean_elements(State(START, one.position_m @ turn.T, one.velocity_ms @ turn.T, "GCRF"))
    here = mean_elements(one)
    assert turned.semi_major_axis_m[0] == pytest.approx(here.semi_major_axis_m[0], abs=1e-6)
    assert turned.node_rad[0] == pytest.approx(here.node_rad[0] + 0.5 * np.pi, abs=1e-12)
    assert turned.latitude_argument_rad[0] == pytest.approx(here.latitude_argument_rad[0], abs=1e-12)


def test_other_frames_give_the_same() -> None:
    state, _ = flown(given(*CASES[0]), 0.2, 100.0)
    here, there = mean_elements(state), mean_elements(state.to("ITRF"))
    np.testing.assert_allclose(there.semi_major_axis_m, here.semi_major_axis_m, atol=1e-4)


def test_local_time_of_a_sun_synchronous_orbit() -> None:
    orbit = sun_synchronous_orbit("A", "1", START, 86_400.0, 720e3, 10.5)
    hours = local_time_h(mean_elements(orbit.at(orbit.times[[0, -1]])))
    # 1e-4 h is 0.36 s; that orbit's inclination is good to the first order of J2
    assert hours[0] == pytest.approx(22.5, abs=1e-4)
    assert hours[1] == pytest.approx(22.5, abs=3e-4)


def test_an_orbit_made_elsewhere_has_the_mean_axis_it_was_asked_for() -> None:
    """The simulated Sun-synchronous orbit adds short-period terms of SGP4's printed formulas: the same to first order."""
    orbit = sun_synchronous_orbit("A", "1", START, 7_000.0, 720e3, 10.5)
    mean = mean_elements(orbit.at(orbit.times[:1]))
    assert mean.semi_major_axis_m[0] == pytest.approx(7_098_136.3, abs=100.0)
    assert mean.eccentricity[0] < 2e-5


def test_bad_input_is_named() -> None:
    place, speed = np.array([[7e6, 0.0, 0.0]]), np.array([[0.0, 1e3, 7.4e3]])
    with pytest.raises(OrbitError, match="no ellipse"):
        mean_elements(State(START, place, 2.0 * speed, "GCRF"))
    with pytest.raises(OrbitError, match="no ellipse"):
        mean_elements(State(START, place, np.nan * speed, "GCRF"))
    with pytest.raises(OrbitError, match="no ellipse"):
        mean_elements(State(START, place / 1e3, speed / 1e3, "GCRF"))
    with pytest.raises(OrbitError, match="no orbit"):
        given(7098.0, 0.001, 0.0, 98.0)
    with pytest.raises(OrbitError, match="not finite"):
        given(np.nan, 0.001, 0.0, 98.0)
    state, period = flown(given(*CASES[0]), 1.5)
    with pytest.raises(OrbitError, match="no whole revolution"):
        mean_of_arc(orbit_of(state), START, START + 0.9 * period)
    with pytest.raises(OrbitError, match="covers"):
        mean_of_arc(orbit_of(state), START, START + 5.0 * period)


def test_keplerian_limit() -> None:
    """Far away oblateness fades: mean and osculating elements become one."""
    mean = given(4.2e8, 0.01, 0.5, 30.0)
    state = osculating_state(mean)
    energy = 0.5 * np.sum(state.velocity_ms**2) - EARTH_MU_M3S2 / np.linalg.norm(state.position_m)
    # J2 (Re / a)^2 is 2.5e-7
    assert -0.5 * EARTH_MU_M3S2 / energy == pytest.approx(4.2e8, rel=1e-6)
