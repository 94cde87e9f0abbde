"""Mean motion of years in milliseconds against numerical propagation of a month, and what an arc of numerical orbit is found to say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from kept_orbits import START, elements, light, propagated, repeat_start, tracks_at_nodes

from orbit_aux.errors import OrbitError
from orbit_aux.keeping.mean_motion import LOST_M, Atmosphere, mean_motion
from orbit_aux.keeping.observation import observe_arc
from orbit_aux.keeping.track import Grid, drift_by, node_grid_longitude, track_deviation
from orbit_aux.motion.forces import Forces, Impulse
from orbit_aux.motion.gravity import packaged_gravity
from orbit_aux.motion.mean_elements import local_time_h, mean_of_arc

DAY_S = 86400.0


def test_sun_moon_and_tides_bend_the_plane_as_in_a_numerical_orbit() -> None:
    forces = Forces(gravity=packaged_gravity().truncated(4), drag=False, solar_pressure=False, solid_tides=True)
    orbit = propagated(repeat_start(29, 2), 20.0, forces)
    first = mean_of_arc(orbit, START, START + 2 * DAY_S)
    last = mean_of_arc(orbit, START + 18 * DAY_S, START + 20 * DAY_S)
    motion = mean_motion(first, 31 * DAY_S, Atmosphere(0.0), 0.0)
    told = motion.moved(first, float((last.times - first.times)[0]))
    turned = float((last.inclination_rad - first.inclination_rad)[0])
    # the plane turns by 8 arcsec; 0.2 arcsec is what tesseral waves leave in means over two days
    assert turned < -3e-5
    assert told.inclination_rad[0] == pytest.approx(last.inclination_rad[0], abs=1e-6)
    assert np.sin(0.5 * (told.node_rad - last.node_rad))[0] == pytest.approx(0.0, abs=4e-6)
    # tides of an elastic Earth take part: 15 % of the direct pull, well above that tolerance
    stiff = replace(motion, love_number=0.0).moved(first, float((last.times - first.times)[0]))
    assert abs(stiff.inclination_rad[0] - last.inclination_rad[0]) > 3e-6


@pytest.fixture(scope="module")
def observed_orbit():  # type: ignore[no-untyped-def]
    """Three days at 410 km in air 1.3 times as dense as the model's, with an impulse on the second day."""
    start = repeat_start(31, 2)
    dense = replace(light(), drag_area_m2=3.9)
    burn = Impulse(START + 1.3 * DAY_S, np.array([0.0, 0.291, 0.0]), "RSW")
    forces = Forces(gravity=packaged_gravity().truncated(8), satellite=dense, manoeuvres=(burn,))
    return propagated(start, 3.0, forces), burn


def test_an_arc_tells_density_impulse_and_where_the_orbit_is(observed_orbit) -> None:  # type: ignore[no-untyped-def]
    orbit, burn = observed_orbit
    first = mean_of_arc(orbit, START, START + 0.5 * DAY_S)
    motion = mean_motion(first, 10 * DAY_S, Atmosphere(), 2.2 * 3.0 / 250.0)
    seen = observe_arc(orbit, motion, START, orbit.times[-1], [burn.time])
    assert seen.density_factor == pytest.approx(1.3, abs=max(3.0 * seen.density_sigma, 0.01))
    assert seen.density_sigma < 0.1
    n = np.sqrt(3.986004415e14 / first.semi_major_axis_m[0] ** 3)
    # 3 %: the wave of a day hides some of a step
    assert 0.5 * n * seen.rises_m[0] == pytest.approx(0.291, abs=max(3.0 * 0.5 * n * seen.rise_sigmas_m[0], 0.002))
    assert 0.5 * n * seen.rise_sigmas_m[0] < 0.03
    # a to a few metres: two revolutions of means against the end of the arc
    assert seen.end.semi_major_axis_m[0] == pytest.approx(
        mean_of_arc(orbit, orbit.times[-1] + -DAY_S, orbit.times[-1]).semi_major_axis_m[0]
        + 0.5 * 1.3 * motion.decay_ms[0] * DAY_S,
        abs=5.0,
    )


def test_an_arc_of_minutes_is_refused(observed_orbit) -> None:  # type: ignore[no-untyped-def]
    orbit, _ = observed_orbit
    first = mean_of_arc(orbit, START, START + 0.5 * DAY_S)
    motion = mean_motion(first, 10 * DAY_S, Atmosphere(0.0), 0.0)
    with pytest.raises(OrbitError, match="two revolutions are wanted"):
        observe_arc(orbit, motion, START, START + 6000.0)


def test_the_track_of_means_is_that_of_nodes(observed_orbit) -> None:  # type: ignore[no-untyped-def]
    orbit, _ = observed_orbit
    first = mean_of_arc(orbit, START, START + DAY_S)
    motion = mean_motion(first, 10 * DAY_S, Atmosphere(scale=1.3), 2.2 * 3.0 / 250.0)
    grid = Grid(31, 2, node_grid_longitude(motion, first, 31, 2))
    times, track = tracks_at_nodes(orbit, grid, first.times, START + 1.25 * DAY_S)
    elapsed = np.linspace(0.0, 0.9 * DAY_S, 100)
    told = track_deviation(motion, motion.coast(first, elapsed), grid)
    # tesseral waves move single nodes by 200 m (measured: 90 m rms)
    np.testing.assert_allclose(track, np.interp(times - first.times, elapsed, told), atol=400.0)
    assert len(times) >= 11


def test_local_time_runs_on_as_defined() -> None:
    start = repeat_start(29, 2)
    motion = mean_motion(start, 200 * DAY_S, Atmosphere(0.0), 0.0)
    path = motion.coast(start, np.linspace(0.0, 180 * DAY_S, 500))
    # the definition uses the true equinox of date, the motion a mean one: nutation is within 1.2 s
    later = np.mod(motion.local_time_h(path) - local_time_h(path) + 12.0, 24.0) - 12.0
    assert np.abs(later).max() * 3600.0 < 1.5


def test_drift_by_axis_is_the_law() -> None:
    start = repeat_start(29, 2)
    drift, by_axis, by_inclination = drift_by(start, Grid(29, 2, 0.0))
    # the orbit was made to repeat by the same zonal terms
    assert drift == pytest.approx(0.0, abs=1e-3)
    # the law takes the Earth's turn against the stars where the plane turns too, and no oblateness: 0.3 % and 0.2 %
    assert -by_axis == pytest.approx(1.5 * 7.2921e-5 * 6378136.3 / start.semi_major_axis_m[0], rel=6e-3)
    assert by_inclination > 0


def test_constant_density_falls_by_the_law() -> None:
    start = repeat_start(29, 2)
    motion = mean_motion(start, 40 * DAY_S, Atmosphere(3e-14), 0.025)
    fallen = motion.moved(start, 10 * DAY_S).semi_major_axis_m[0] - start.semi_major_axis_m[0]
    # the printed case stands at 6378137 + 720000 m
    assert fallen / 10.0 == pytest.approx(-3.446799985165472, rel=1e-4)


@pytest.mark.parametrize(
    ("revolutions", "days", "why"), [(30, 2, "without 2"), (29, 0, "400 days"), (40, 2, "17 revolutions")]
)
def test_grids_that_are_none(revolutions: int, days: int, why: str) -> None:
    with pytest.raises(OrbitError, match=why):
        Grid(revolutions, days, 0.0)


def test_an_orbit_that_falls_down_is_held_where_there_is_none() -> None:
    start = elements(6.6e6, 1.7, 0.0)
    motion = mean_motion(start, 100 * DAY_S, Atmosphere(), 0.05)
    path = motion.coast(start, np.linspace(0.0, 90 * DAY_S, 50))
    assert path.semi_major_axis_m[0] == 6.6e6
    assert path.semi_major_axis_m[-1] < 6.56e6
    assert path.semi_major_axis_m.min() >= LOST_M
