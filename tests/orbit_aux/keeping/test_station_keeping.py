"""The laws of station keeping: printed figures, signs by first principles, and the averaged pull of Sun and Moon against its definition."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from orbit_aux.constants import EARTH_MU_M3S2, EARTH_RADIUS_M
from orbit_aux.errors import OrbitError
from orbit_aux.keeping import station_keeping as laws


@pytest.mark.parametrize("case", ["venus720", "venus560", "venus410", "pleiades694"])
def test_drag_make_up_of_the_analytic_cases(shared: Path, case: str) -> None:
    # closed formulas with the constants printed beside: all digits
    content = json.loads((shared / "reference" / "orbit" / "analytic_cases.json").read_text())
    printed = next(item for item in content["drag_makeup"] if item["case"] == case)
    constants = {"mu_m3s2": content["constants"]["mu"]}
    earth = {"radius_m": content["constants"]["re"], "turn_rads": content["constants"]["omega_earth"]}
    a = content["constants"]["re"] + 1e3 * int(case[-3:])
    decay = float(laws.decay_rate(a, printed["rho"], printed["ballistic_CdA_over_m"], **constants))
    band = laws.track_deadband(a, decay, 1000.0, **constants, **earth)
    found = (
        decay * 86400.0,
        band.delta_v_per_year_ms,
        laws.track_gain(a, **earth) * -decay,
        band.cycle_s / 86400.0,
        band.delta_v_ms,
    )
    names = ("da_dt_m_per_day", "dv_per_year", "track_acc_m_s2", "cycle_days_pm1km", "dv_per_cycle")
    np.testing.assert_allclose(found, [printed[name] for name in names], rtol=1e-14)


def test_decay_is_that_of_drag_on_a_circle() -> None:
    # work of drag -rho Cd A / 2 m v**2 along v changes the energy -mu / 2a: integrated by small steps, no use of the law
    a, density, ballistic = 7.1e6, 1e-12, 0.02
    v = np.sqrt(EARTH_MU_M3S2 / a)
    power = -0.5 * density * ballistic * v**3
    energy = -0.5 * EARTH_MU_M3S2 / a
    moved = -0.5 * EARTH_MU_M3S2 / (energy + power * 10.0)
    assert float(laws.decay_rate(a, density, ballistic)) == pytest.approx((moved - a) / 10.0, rel=1e-6)


def test_a_higher_orbit_drifts_west() -> None:
    # two circular satellites over a turning Earth: where the higher one crosses the equator after one day
    a, rise, turn = 7.098e6, 10.0, 7.2921159e-5
    periods = [2.0 * np.pi * np.sqrt(radius**3 / EARTH_MU_M3S2) for radius in (a, a + rise)]
    revolutions = round(86_400.0 / periods[0])
    east = -turn * revolutions * (periods[1] - periods[0]) * EARTH_RADIUS_M
    assert east < 0
    assert -laws.track_gain(a) * rise * revolutions * periods[0] == pytest.approx(east, rel=1e-5)
    # the figure that operators remember: 10 m of a, some 85 m a day
    assert 80.0 < laws.track_gain(a) * 10.0 * 86_400.0 < 90.0


def test_the_parabola_touches_both_edges() -> None:
    a, decay, b = 7.098e6, -4e-5, 1000.0
    band, gain = laws.track_deadband(a, decay, b), laws.track_gain(a)
    t = np.linspace(0.0, band.cycle_s, 10_001)
    track = b - gain * (band.excess_m * t + 0.5 * decay * t**2)
    assert track.min() == pytest.approx(-b, abs=0.01)
    assert track[-1] == pytest.approx(b, abs=1e-6)
    # what was lost over a cycle is what the impulse gives: rise = 2 dv / n
    motion = np.sqrt(EARTH_MU_M3S2 / a**3)
    assert 2.0 * band.delta_v_ms / motion == pytest.approx(-decay * band.cycle_s, rel=1e-12)


def _averaged(a: float, i: float, node: float, body: np.ndarray, pull: float) -> tuple[float, float]:
    """Mean rates of inclination and node by Gauss's equations along a circle, of the tidal force of a body far away."""
    u = (np.arange(64) + 0.5) / 64 * 2.0 * np.pi
    c, s, ci, si, cn, sn = np.cos(u), np.sin(u), np.cos(i), np.sin(i), np.cos(node), np.sin(node)
    place = a * np.stack([c * cn - s * ci * sn, c * sn + s * ci * cn, s * si], axis=1)
    normal = np.array([si * sn, -si * cn, ci])
    cross = (pull * (3.0 * (place @ body)[:, None] * body - place)) @ normal
    momentum = np.sqrt(EARTH_MU_M3S2 * a)
    return float(np.mean(a * c * cross) / momentum), float(np.mean(a * s * cross) / (momentum * si))


def test_third_body_rates_are_averages_of_gauss_equations() -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        a, i, node = rng.uniform(6.7e6, 8e6), rng.uniform(0.2, 2.9), rng.uniform(0.0, 6.28)
        body = rng.normal(size=3)
        body /= np.linalg.norm(body)
        bent, turned, _ = laws.third_body_rates(a, i, node, body[None], 4e-14)
        np.testing.assert_allclose((bent[0], turned[0]), _averaged(a, i, node, body, 4e-14), rtol=1e-10, atol=1e-22)


def test_secular_pull_of_the_sun_at_a_local_time() -> None:
    # a year of a circular Sun on the ecliptic, against the closed form; node with the mean Sun
    a, i, hours = 7.098e6, np.radians(98.29), 22.5
    longitude = (np.arange(4000) + 0.5) / 4000 * 2.0 * np.pi
    obliquity = np.radians(23.4393)
    sun = np.stack(
        [np.cos(longitude), np.sin(longitude) * np.cos(obliquity), np.sin(longitude) * np.sin(obliquity)], axis=1
    )
    pull = (2.0 * np.pi / (365.25636 * 86400.0)) ** 2
    bent, _, _ = laws.third_body_rates(a, i, longitude + (hours - 12.0) * np.pi / 12.0, sun, pull)
    expected = laws.solar_inclination_rate(a, i, hours)
    assert float(bent.mean()) == pytest.approx(expected, rel=1e-9)
    # a descending node in the forenoon loses inclination, some 0.03 deg a year
    assert -0.045 < np.degrees(expected) * laws.YEAR_S < -0.025


def test_local_time_by_inclination() -> None:
    # 0.01 deg of a Sun-synchronous orbit are 1.7 min a year (published rule of thumb, given to two digits)
    rate = 1.99106e-7
    late_s = laws.local_time_gain(np.radians(98.2), rate) * np.radians(0.01) * laws.YEAR_S
    assert late_s / 60.0 == pytest.approx(1.7, abs=0.1)


@pytest.mark.parametrize("burns", [1, 2])
@pytest.mark.parametrize("size", [0.05, -0.05])
def test_burns_bring_the_eccentricity_home(burns: int, size: float) -> None:
    speed, error = 7500.0, (3e-6, -4e-6)
    plan = laws.split_for_eccentricity(size, speed, error, burns)
    assert sum(impulse for _, impulse in plan) == pytest.approx(size, rel=1e-12)
    step = sum(2.0 * dv / speed * np.array([np.cos(u), np.sin(u)]) for u, dv in plan)
    left = float(np.hypot(*(np.array(error) + step)))
    # two burns take it all away; one overshoots by what it has too much
    assert left == pytest.approx(0.0 if burns == 2 else 2.0 * abs(size) / speed - 5e-6, abs=1e-12)


def test_a_window_without_decay_has_no_cycle() -> None:
    with pytest.raises(OrbitError, match="negative rate"):
        laws.track_deadband(7.1e6, 1e-5, 1000.0)
