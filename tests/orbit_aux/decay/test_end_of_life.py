"""Ways to end an orbit against closed forms and the numerical propagation with thrust."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from orbit_aux.constants import EARTH_MU_M3S2, WGS84_EQUATORIAL_RADIUS_M
from orbit_aux.decay.descent import YEAR_S, DecayModels, follow_decay, mean_orbit
from orbit_aux.decay.end_of_life import (
    Engine,
    at_once,
    circle_for_lifetime,
    lowering_burns,
    passivation,
    perigee_for_lifetime,
    perigee_lowering,
    propellant_kg,
    spiral_down,
    with_perigee,
)
from orbit_aux.errors import OrbitError
from orbit_aux.frames import State
from orbit_aux.motion.forces import Forces, Satellite, Thrust
from orbit_aux.motion.gravity import packaged_gravity
from orbit_aux.motion.propagate import propagate
from orbit_aux.time import Times

START = Times.from_utc("2024-03-20T00:00:00")
ENGINE = Engine(4.0, 220.0, 1200.0)
RADIUS = WGS84_EQUATORIAL_RADIUS_M


def central_forces(thrusts: tuple[Thrust, ...]) -> Forces:
    field = packaged_gravity().truncated(2)
    cosine = np.zeros_like(field.cosine)
    cosine[0, 0] = 1.0
    central = replace(field, cosine=cosine, sine=np.zeros_like(field.sine))
    return Forces(
        gravity=central,
        satellite=Satellite(265.0, 3.0),
        sun=False,
        moon=False,
        drag=False,
        solar_pressure=False,
        manoeuvres=thrusts,
    )


def test_burns_reach_the_perigee_in_the_numerical_propagation() -> None:
    """Each burn of the sequence as a thrust against the velocity, all in one propagation from the first apogee on."""
    burns = lowering_burns(500e3, 720e3, 300e3, 265.0, ENGINE)
    assert len(burns.start_s) > 2 and (burns.duration_s <= 1200.0 + 1e-9).all()
    apogee = RADIUS + 720e3
    axis = RADIUS + 610e3
    speed = np.sqrt(EARTH_MU_M3S2 * (2.0 / apogee - 1.0 / axis))
    # a revolution before the first apogee of the sequence
    period = 2.0 * np.pi * np.sqrt(axis**3 / EARTH_MU_M3S2)
    state = State(START, np.array([[-apogee, 0.0, 0.0]]), np.array([[0.0, -speed, 0.0]]), "GCRF")
    force = np.array([-ENGINE.thrust_n, 0.0, 0.0])
    flow = ENGINE.thrust_n / (9.80665 * ENGINE.specific_impulse_s)
    thrusts = tuple(
        Thrust(START + float(period + begin), float(length), force, "TNW", flow)
        for begin, length in zip(burns.start_s, burns.duration_s, strict=True)
    )
    end = START + np.array([period + burns.start_s[-1] + burns.duration_s[-1] + 10.0])
    after = propagate(state, end, central_forces(thrusts))
    place, velocity = after.position_m[0], after.velocity_ms[0]
    a = 1.0 / (2.0 / np.linalg.norm(place) - velocity @ velocity / EARTH_MU_M3S2)
    momentum = np.cross(place, velocity)
    e = np.sqrt(1.0 - momentum @ momentum / (EARTH_MU_M3S2 * a))
    assert a * (1.0 - e) - RADIUS == pytest.approx(300e3, abs=20.0)
    used = propellant_kg(265.0, burns.total_ms, 220.0)
    assert burns.propellant_kg.sum() == pytest.approx(used, rel=1e-9)


def test_burns_cost_more_the_longer_they_last() -> None:
    losses = [
        lowering_burns(720e3, 720e3, 300e3, 265.0, Engine(4.0, 220.0, length)).loss for length in (60.0, 600.0, 1200.0)
    ]
    assert 0 <= losses[0] < 2e-4
    # the arc's half angle x costs x^2 / 6 of the effect of a tangential burn at the apogee, at first order: 600 s are 36 degrees
    assert losses[1] == pytest.approx((np.pi * 600.0 / 5950.0) ** 2 / 12.0, rel=0.5)
    assert losses[2] == pytest.approx(4.0 * losses[1], rel=0.15)


def test_the_perigee_that_meets_a_rule() -> None:
    start = mean_orbit(START, 720e3, 720e3, np.radians(98.27))
    models = DecayModels(Satellite(265.0, 3.0, 2.2), sun=False, moon=False)
    perigee = perigee_for_lifetime(start, models, 5.0)
    years = follow_decay(with_perigee(start, perigee), models, 20 * YEAR_S).lifetime_s / YEAR_S
    # found to 100 m, of 20 km a factor e
    assert years == pytest.approx(5.0, rel=0.01)
    circle = circle_for_lifetime(start, models, 5.0)
    lower = mean_orbit(START, circle, circle, np.radians(98.27))
    assert follow_decay(lower, models, 20 * YEAR_S).lifetime_s / YEAR_S == pytest.approx(5.0, rel=0.01)
    assert perigee < circle
    low = mean_orbit(START, 400e3, 420e3, 1.0)
    assert perigee_for_lifetime(low, models, 25.0) == pytest.approx(400e3, abs=1e-3)


def test_an_apogee_too_high_for_the_rule_is_said() -> None:
    start = mean_orbit(START, 500e3, 300_000e3 / 3.0, 1.0)
    models = DecayModels(Satellite(1000.0, 0.1, 2.2), sun=False, moon=False)
    with pytest.raises(OrbitError, match="lower the apogee"):
        perigee_for_lifetime(start, models, 0.02)


def test_re_entry_at_once() -> None:
    start = mean_orbit(START, 720e3, 720e3, 1.7)
    fall = at_once(start, 50e3, DecayModels())
    assert fall.re_entered and 0.3 < fall.lifetime_s / 5950.0 < 0.5
    assert fall.perigee_altitude_m[0] == pytest.approx(50e3)
    with pytest.raises(OrbitError, match="below 120 km"):
        at_once(start, 200e3, DecayModels())


def test_a_spiral_in_the_numerical_propagation() -> None:
    """A thrust of 30 mN for ten days: what the velocity of Edelbaum promises."""
    engine, days = Engine(0.03, 1300.0, 1000.0), 10.0
    flow = engine.thrust_n / (9.80665 * engine.specific_impulse_s)
    radius = RADIUS + 700e3
    speed = np.sqrt(EARTH_MU_M3S2 / radius)
    state = State(START, np.array([[radius, 0.0, 0.0]]), np.array([[0.0, speed, 0.0]]), "GCRF")
    thrust = Thrust(START, days * 86_400.0, np.array([-engine.thrust_n, 0.0, 0.0]), "TNW", flow)
    after = propagate(state, START + np.array([days * 86_400.0]), central_forces((thrust,)), step_s=60.0)
    a = 1.0 / (2.0 / np.linalg.norm(after.position_m[0]) - float(np.sum(after.velocity_ms[0] ** 2)) / EARTH_MU_M3S2)
    _, used, seconds = spiral_down(265.0, 700e3, float(a - RADIUS), engine)
    assert seconds == pytest.approx(days * 86_400.0, rel=1e-3)
    assert used == pytest.approx(flow * days * 86_400.0, rel=1e-3)
    assert spiral_down(265.0, 700e3, 600e3, engine, 0.25)[2] == pytest.approx(
        4.0 * spiral_down(265.0, 700e3, 600e3, engine)[2]
    )


def test_passivation() -> None:
    plan = passivation(250.0, 2.0, ENGINE, tank_m3=0.04, hole_m2=2e-6)
    assert plan.depletion_s == pytest.approx(2.0 * 9.80665 * 220.0 / 4.0)
    assert plan.depletion_ms == pytest.approx(9.80665 * 220.0 * np.log(250.0 / 248.0))
    # choked helium: 0.726 A p / sqrt(R T) of mass a second
    assert plan.venting_s == pytest.approx(np.log(100.0) * 0.04 / (2e-6 * 0.7262 * np.sqrt(2077.3 * 293.0)), rel=1e-3)


def test_wrong_figures_are_refused() -> None:
    with pytest.raises(OrbitError, match="not above the perigee"):
        perigee_lowering(500e3, 600e3, 550e3)
    with pytest.raises(OrbitError, match="thrust"):
        Engine(0.0, 220.0)
    with pytest.raises(OrbitError, match="spiral"):
        lowering_burns(720e3, 720e3, 300e3, 265.0, Engine(0.015, 1300.0, 60.0))
    with pytest.raises(OrbitError, match="all 10 kg"):
        lowering_burns(720e3, 720e3, 300e3, 10.0, Engine(400.0, 10.0))
    with pytest.raises(OrbitError, match="go down"):
        spiral_down(265.0, 400e3, 500e3, ENGINE)
    with pytest.raises(OrbitError, match="kg left"):
        passivation(250.0, 300.0, ENGINE)
