"""Forces of low orbit one by one against other formulas, and their partials against differences."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from orbit_aux.errors import OrbitError
from orbit_aux.frames import State, to_geodetic
from orbit_aux.motion.atmosphere import activity, harris_priester
from orbit_aux.motion.dynamics import Parameter, follow, make_course, parameters_of
from orbit_aux.motion.field_kernel import density, geodetic_height, lit_share
from orbit_aux.motion.forces import Forces, Impulse, Satellite, Thrust
from orbit_aux.motion.gravity import packaged_gravity
from orbit_aux.motion.propagate import propagate, propagate_j2, propagate_j2_steps
from orbit_aux.motion.space_weather import constant_space_weather, read_space_weather
from orbit_aux.time import Times
from tests.orbit_aux.low.truth import Truth

EPOCH = Times.from_utc("2018-03-06T00:00:00")
START = np.array([7.0978e6, 71e3, -308e3, 210.0, 1003.0, 7421.0])
STATE = State(EPOCH, START[None, :3], START[None, 3:], "GCRF")
BARE = {"drag": False, "solar_pressure": False}


def test_the_day_of_the_reference_with_oblateness_alone(shared: Path) -> None:
    table = np.genfromtxt(
        shared / "reference" / "orbit" / "leo_venus720_j2.csv.gz",
        delimiter=",",
        skip_header=1,
        usecols=[0, *range(2, 8)],
    )
    epoch = Times.from_utc("2016-02-10T10:00:00")
    start = State(epoch, table[:1, 1:4], table[:1, 4:7], "GCRF")
    field = packaged_gravity().truncated(2)
    zonal = Forces(
        gravity=type(field)(
            field.name, field.mu_m3s2, field.radius_m, field.cosine * [1.0, 0.0, 0.0], 0 * field.sine, "tide_free", "J2"
        ),
        sun=False,
        moon=False,
        **BARE,
    )
    result = propagate(start, epoch + table[:, 0], zonal)
    # asked: 1 m after a day; the start is printed to 0.1 mm, which grows to centimetres
    assert np.linalg.norm(result.position_m - table[:, 1:4], axis=1).max() < 0.05
    assert np.linalg.norm(result.velocity_ms - table[:, 4:7], axis=1).max() < 5e-5


def test_gravity_sun_moon_and_tides_against_another_integrator() -> None:
    elapsed = np.arange(0.0, 10_801.0, 600.0)
    truth = Truth(packaged_gravity(), EPOCH, 10_800.0, tides=True).follow(START, elapsed)
    result = propagate(STATE, EPOCH + elapsed, Forces(solid_tides=True, **BARE))
    # two ways of writing the same physics: rounding and interpolation of the bodies
    assert np.linalg.norm(result.position_m - truth[:, :3], axis=1).max() < 1e-4


def test_light_and_its_shadow_against_a_cylinder() -> None:
    elapsed = np.arange(0.0, 12_001.0, 600.0)
    truth = Truth(packaged_gravity(), EPOCH, 12_000.0, light_area=0.05).follow(START, elapsed)
    craft = Satellite(mass_kg=100.0, light_area_m2=5.0, light_coefficient=1.0)
    result = propagate(STATE, EPOCH + elapsed, Forces(drag=False, satellite=craft))
    dark = propagate(STATE, EPOCH + elapsed, Forces(**BARE))
    size = np.linalg.norm(dark.position_m - truth[:, :3], axis=1)[-1]
    # cone and ellipsoid against cylinder and sphere: some seconds of light, 3 % of the effect
    assert size > 3.0
    assert np.linalg.norm(result.position_m - truth[:, :3], axis=1).max() < 0.03 * size


def test_share_of_sunlight() -> None:
    sun = np.array([1.496e11, 0.0, 0.0])
    radius = 7.1e6
    angles = np.linspace(1.8, math.pi, 400)
    share = np.array(
        [lit_share(radius * np.array([math.cos(a), math.sin(a), 0.0]), sun, 6378137.0, 0.0) for a in angles]
    )
    assert share[0] == 1.0
    assert share[-1] == 0.0
    assert (np.diff(share) <= 1e-12).all()
    limb = math.pi - math.asin(6378137.0 / radius)
    centre = lit_share(radius * np.array([math.cos(limb), math.sin(limb), 0.0]), sun, 6378137.0, 0.0)
    # the limb is a chord, not quite a diameter, of the disc
    assert centre == pytest.approx(0.5, abs=0.01)


def test_heights_are_geodetic() -> None:
    places = 7.0e6 * np.random.default_rng(2).normal(size=(30, 3))
    places *= 7.1e6 / np.linalg.norm(places, axis=1, keepdims=True)
    mine = [geodetic_height(place, 6378137.0, 1 / 298.257223563) for place in places]
    np.testing.assert_allclose(mine, to_geodetic(places)[2], atol=1e-3)


def test_density_is_the_table_and_grows_with_the_sun() -> None:
    table = harris_priester()
    night, _ = density(720e3, -1.0, 0.0, 4.0, table)
    day, _ = density(720e3, 1.0, 0.0, 4.0, table)
    # Montenbruck and Gill 2000, table 3.8
    assert (night, day) == (pytest.approx(1.607e-14, rel=1e-9), pytest.approx(1.779e-13, rel=1e-9))
    quiet = float(activity(EPOCH, constant_space_weather(70.0, 5.0))[0])
    active = float(activity(EPOCH, constant_space_weather(200.0, 15.0))[0])
    heights = (200e3, 400e3, 720e3)
    ratios = [density(h, 0.0, active, 4.0, table)[0] / density(h, 0.0, quiet, 4.0, table)[0] for h in heights]
    # from minimum to maximum of a cycle: a little at 200 km, several times at 400 km, tens at 700 km (Jacchia 1977)
    assert 1.0 < ratios[0] < 2.0
    assert 3.0 < ratios[1] < 10.0
    assert 10.0 < ratios[2] < 60.0
    for h in (153e3, 333e3, 715e3, 999e3):
        value, slope = density(h, 0.3, active, 4.0, table)
        numerical = math.log(density(h + 1.0, 0.3, active, 4.0, table)[0] / value)
        assert slope == pytest.approx(numerical, rel=1e-3)


def test_drag_takes_the_energy_it_should() -> None:
    craft = Satellite(mass_kg=100.0, drag_area_m2=1.0, drag_coefficient=2.0)
    speed, radius = math.sqrt(3.986004415e14 / 6.778e6), 6.778e6
    circular = State(EPOCH, np.array([[radius, 0.0, 0.0]]), np.array([[0.0, 0.0, speed]]), "GCRF")
    times = EPOCH + np.array([0.0, 5_400.0])
    only = {"sun": False, "moon": False, "solar_pressure": False, "gravity": packaged_gravity().truncated(2)}
    with_air = propagate(circular, times, Forces(satellite=craft, **only))
    without = propagate(circular, times, Forces(satellite=craft, drag=False, **only))

    def energy(state: State) -> float:
        return float(
            0.5 * state.velocity_ms[-1] @ state.velocity_ms[-1] - 3.986004415e14 / np.linalg.norm(state.position_m[-1])
        )

    lost = energy(without) - energy(with_air)
    # rho between the night and day values of 400 km (winds aside): 2.2e-12 to 7.5e-12, times v^3 Cd A / 2m over 5400 s
    rate = 0.5 * 2.0 / 100.0 * speed**3 * 5_400.0
    assert 1.8e-12 * rate < lost < 9e-12 * rate


def test_thrust_and_impulse_are_what_they_say() -> None:
    craft = Satellite(mass_kg=200.0)
    times = EPOCH + np.array([0.0, 3_000.0])
    push = np.array([0.0, 4.0, 1.0])
    burn = Thrust(EPOCH + 1_000.0, 2.0, push, "RSW", flow_kgs=0.001)
    jump = Impulse(EPOCH + 1_001.0, push * 2.0 / 200.0, "RSW")
    end = [propagate(STATE, times, Forces(satellite=craft, manoeuvres=(item,), **BARE)) for item in (burn, jump)]
    plain = propagate(STATE, times, Forces(satellite=craft, **BARE))
    # a short burn is an impulse at its middle
    np.testing.assert_allclose(end[0].position_m[1], end[1].position_m[1], atol=2e-3)
    assert np.linalg.norm(end[0].position_m[1] - plain.position_m[1]) > 50.0


def test_partials_are_differences() -> None:
    craft = Satellite(mass_kg=100.0, drag_area_m2=20.0)
    burn = Thrust(EPOCH + 2_000.0, 600.0, np.array([0.01, 0.04, -0.02]), "RSW", 0.0, 0.1, 5.0, 5.0)
    jump = Impulse(EPOCH + 4_000.0, np.array([0.03, 0.02, 0.01]), "TNW", 0.1, sigma_time_s=5.0)
    low = np.array([6.75e6, 1e5, -3e5, 200.0, 1.0e3, 7.62e3])
    forces = Forces(satellite=craft, manoeuvres=(burn, jump))
    items = [
        Parameter(i.name, i.kind, i.value, 1.0, i.start_s, i.stop_s, i.axes, i.component, i.wave, i.owner)
        for i in parameters_of(forces, EPOCH, 7_000.0)
    ]
    items.append(Parameter("wave", "acceleration", 1e-7, 1.0, 0.0, 7_000.0, "RSW", 1, "cos"))
    end = np.array([7_000.0])

    def run(start: np.ndarray, parameters: list[Parameter]) -> np.ndarray:
        return follow(make_course(EPOCH, 7_000.0, forces, parameters), start, forces, parameters, plane=low).at(end)[0]

    trajectory = follow(make_course(EPOCH, 7_000.0, forces, items), low, forces, items, partials=True, plane=low)
    partials = trajectory.partials(end)[0]
    steps = np.array([1.0] * 3 + [1e-3] * 3)
    for column in range(6):
        shift = np.zeros(6)
        shift[column] = steps[column]
        numerical = (run(low + shift, items) - run(low - shift, items)) / (2.0 * steps[column])
        scale = np.abs(partials[:, column]).max()
        # that local axes of a thrust turn with the state is left out of the partials: a share of its velocity change over 7 km/s x revolutions
        np.testing.assert_allclose(partials[:, column], numerical, atol=3e-4 * scale)
    small = {"drag": 0.01, "light": 0.1, "force": 1e-3, "impulse": 1e-3, "acceleration": 1e-7, "switch": 0.5}
    for number, item in enumerate(items):
        step = small[item.kind]
        pair = []
        for sign in (1.0, -1.0):
            changed = [_changed(other, item, sign * step) for other in items]
            pair.append(run(low, changed))
        numerical = (pair[0] - pair[1]) / (2.0 * step)
        column = partials[:, 6 + number]
        # the time of an impulse in TNW: the axes turn as on a circle, which this orbit is not
        share = 0.05 if item.name == "impulse_1_time" else 1e-3
        np.testing.assert_allclose(column, numerical, atol=share * np.abs(column).max(), err_msg=item.name)


def _changed(other: Parameter, item: Parameter, step: float) -> Parameter:
    start, stop, value = other.start_s, other.stop_s, other.value
    if item.kind == "switch":
        if other.owner == item.owner and other.kind == "force":
            start, stop = start + step * (item.component < 0), stop + step * (item.component > 0)
        if other.owner == item.owner and other.kind == "impulse":
            start, stop = start + step, stop + step
    elif other.name == item.name:
        value += step
    return Parameter(
        other.name, other.kind, value, 1.0, start, stop, other.axes, other.component, other.wave, other.owner
    )


def test_coarse_steps_under_oblateness() -> None:
    fast = propagate_j2_steps(STATE, 5.0, 2_160, every=720)
    slow = propagate_j2(STATE, EPOCH + np.array([3_600.0, 7_200.0, 10_800.0]))
    # Runge-Kutta of order 4 at 5 s
    assert np.linalg.norm(fast.position_m - slow.position_m, axis=1).max() < 0.01
    with pytest.raises(OrbitError, match="at most 300 s"):
        propagate_j2_steps(STATE, 500.0, 10)


def test_orbits_that_end_in_the_earth_are_refused() -> None:
    falling = State(EPOCH, START[None, :3], 0.9 * START[None, 3:], "GCRF")
    with pytest.raises(OrbitError, match="hits the Earth"):
        propagate(falling, EPOCH + np.array([6_000.0]), Forces())
    with pytest.raises(OrbitError, match="not finite"):
        propagate(State(EPOCH, np.full((1, 3), np.nan), START[None, 3:], "GCRF"), EPOCH + np.array([60.0]))
    with pytest.raises(OrbitError, match="no earlier times"):
        propagate(STATE, EPOCH + np.array([-60.0]))


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OrbitError, match="axes GCRF, RSW, TNW"):
        Impulse(EPOCH, np.zeros(3), "QSW")
    with pytest.raises(OrbitError, match="flow in kg/s"):
        Thrust(EPOCH, 0.0, np.ones(3))
    with pytest.raises(OrbitError, match="mass"):
        Satellite(mass_kg=-1.0)
    with pytest.raises(OrbitError, match="use all"):
        propagate(
            STATE, EPOCH + np.array([900.0]), Forces(manoeuvres=(Thrust(EPOCH, 800.0, np.ones(3), flow_kgs=1.0),))
        )
    weather = tmp_path / "activity.csv"
    weather.write_text("utc,f107,ap\n2018-03-01T00:00:00,70,5\n2018-03-11T00:00:00,170,25\n")
    flux, ap = read_space_weather(weather).at(EPOCH)
    assert (float(flux[0]), float(ap[0])) == (120.0, 15.0)
    weather.write_text("utc,f107\n2018-03-01T00:00:00,70\n")
    with pytest.raises(OrbitError, match="columns are utc,f107,ap"):
        read_space_weather(weather)
