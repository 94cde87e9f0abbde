"""Node crossings and ground tracks against astropy's frames, its Sun and the equation of time."""

from __future__ import annotations

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import CIRS, GCRS, AltAz, CartesianRepresentation, EarthLocation, get_sun

from orbit_aux.events.nodes import ground_track, node_crossings
from orbit_aux.motion.propagate import sun_synchronous_orbit
from orbit_aux.time import Times
from tests.orbit_aux.events.made import (
    DAY_S,
    HOUR_S,
    START,
    Circle,
    after,
    astropy_time,
    circle,
    earth_fixed,
    ephemeris,
    times_of,
)

LOW = circle(720e3, 98.3, 20.0, 10.0)


def test_nodes_lie_on_the_true_equator() -> None:
    """By astropy's CIRS, whose z axis is the celestial intermediate pole; then the longitudes by its ITRS."""
    found = node_crossings(LOW, START, after(DAY_S))
    times = times_of(found["time"].values)
    t = astropy_time(times)
    position = CartesianRepresentation(LOW.at(times).position_m.T * u.m)
    height = GCRS(position, obstime=t).transform_to(CIRS(obstime=t)).cartesian.z.to_value(u.m)
    # 7.4 km/s across the equator: 1 m is 0.14 ms
    np.testing.assert_allclose(height, 0.0, atol=1.0)
    fixed = earth_fixed(times, LOW.at(times).position_m)
    np.testing.assert_allclose(found["longitude"], np.degrees(np.arctan2(fixed[:, 1], fixed[:, 0])), atol=1e-6)
    later = LOW.at(times + 10.0).position_m[:, 2] > 0
    np.testing.assert_array_equal(found["node"].values == "ascending", later)
    # two in each revolution, half of it apart
    np.testing.assert_allclose(np.diff(times.tai_ns) * 1e-9, np.pi / LOW.rate_rads, atol=0.05)
    np.testing.assert_allclose(found["height"], 720e3, atol=1.0)


def test_orbits_are_numbered_from_their_ascending_nodes() -> None:
    found = node_crossings(LOW, START, after(DAY_S), first_orbit_number=100)
    # the interval begins 10 deg after an ascending node
    assert found["node"].values[:3].tolist() == ["descending", "ascending", "descending"]
    assert found["orbit_number"].values[:5].tolist() == [100, 101, 101, 102, 102]


def test_orbits_lost_in_a_gap_are_counted() -> None:
    whole = node_crossings(LOW, START, after(DAY_S))
    gap = ephemeris(LOW, DAY_S, ((5 * HOUR_S, 11.2 * HOUR_S),), 60.0)
    found = node_crossings(gap, START, after(DAY_S))
    assert found.sizes["event"] < whole.sizes["event"] - 6
    kept = np.flatnonzero(
        np.isin(np.rint(times_of(whole["time"].values) - START), np.rint(times_of(found["time"].values) - START))
    )
    np.testing.assert_array_equal(found["orbit_number"], whole["orbit_number"].values[kept])


def test_solar_times_of_a_sun_synchronous_orbit() -> None:
    """The descending node is asked for at 10:30 mean solar time, and stays there for a day within seconds."""
    orbit = sun_synchronous_orbit("S", "X", START, DAY_S, 720e3, 10.5)
    found = node_crossings(orbit, START + 60.0, after(DAY_S))
    descending = found["node"].values == "descending"
    np.testing.assert_allclose(found["local_mean_solar_time"].values[descending], 10.5, atol=0.003)
    np.testing.assert_allclose(found["local_mean_solar_time"].values[~descending], 22.5, atol=0.003)


@pytest.mark.parametrize(
    ("day", "minutes"),
    # extremes and a zero of the equation of time, as in almanacs
    [
        ("2018-02-11T12:00:00", -14.23),
        ("2018-05-14T12:00:00", 3.65),
        ("2018-07-26T12:00:00", -6.54),
        ("2018-11-03T12:00:00", 16.43),
        ("2018-06-13T06:00:00", 0.0),
    ],
)
def test_equation_of_time(day: str, minutes: float) -> None:
    track = ground_track(LOW, Times.from_utc(day))
    difference_h = float((track["local_true_solar_time"] - track["local_mean_solar_time"])[0])
    assert ((difference_h + 12.0) % 24.0 - 12.0) * 60 == pytest.approx(minutes, abs=0.06)


def test_ground_track_against_astropy() -> None:
    times = START + np.arange(0.0, 6 * HOUR_S, 613.0)
    track = ground_track(LOW, times)
    point = EarthLocation.from_geocentric(*earth_fixed(times, LOW.at(times).position_m).T, unit=u.m)
    np.testing.assert_allclose(track["longitude"], point.lon.deg, atol=1e-7)
    np.testing.assert_allclose(track["latitude"], point.lat.deg, atol=1e-7)
    np.testing.assert_allclose(track["height"], point.height.to_value(u.m), atol=0.02)
    t = astropy_time(times)
    below = EarthLocation.from_geodetic(point.lon, point.lat, 0 * u.m)
    sun = get_sun(t).transform_to(AltAz(obstime=t, location=below))
    # astropy has the Sun's parallax (8.8 arcsec) and diurnal aberration in it: 0.0025 deg
    np.testing.assert_allclose(track["sun_zenith"], 90.0 - sun.alt.deg, atol=3e-3)
    hour = (t.ut1.jd1 - 0.5 + t.ut1.jd2) % 1.0 * 24.0 + point.lon.deg / 15.0
    np.testing.assert_allclose(track["local_mean_solar_time"], hour % 24.0, atol=1e-6)


def test_empty_answers() -> None:
    assert ground_track(LOW, START[np.zeros(0, int)]).sizes["time"] == 0
    found = node_crossings(LOW, START, after(60.0))
    assert found.sizes["event"] == 0 and found["time"].dtype == "datetime64[ns]"


def test_pieces_of_the_interval_join() -> None:
    whole = node_crossings(LOW, START, after(DAY_S))["time"].values
    parts = [node_crossings(LOW, after(a), after(b))["time"].values for a, b in ((0.0, 10_000.0), (10_000.0, DAY_S))]
    np.testing.assert_allclose((np.concatenate(parts) - whole) / np.timedelta64(1, "s"), 0.0, atol=1e-3)


def test_longitudes_turn_with_the_earth() -> None:
    """Nodes of a circle that stands still among the stars move west by the Earth's rotation during a revolution."""
    polar = circle(720e3, 90.0, 0.0, 10.0)
    found = node_crossings(polar, START, after(DAY_S))
    ascending = found.isel(event=found["node"].values == "ascending")
    step = np.degrees(7.292115e-5 * 2 * np.pi / polar.rate_rads)
    moved = (np.diff(ascending["longitude"].values) + 180.0) % 360.0 - 180.0
    np.testing.assert_allclose(moved, -step, atol=1e-3)


def test_an_orbit_over_the_earth_fixed_equator() -> None:
    """Tilted circles of ITRF cross its equator where they were built to, within the pole's distance of 0.5 arcsec."""
    tilted = Circle(7_100e3, 1.0e-3, np.array([[1.0, 0.0, 0.0], [0.0, 0.6, 0.8]]), "ITRF")
    found = node_crossings(tilted, START + 1.0, after(2 * HOUR_S))
    np.testing.assert_allclose(np.abs(found["longitude"].values), [180.0, 0.0], atol=1e-3)
    np.testing.assert_allclose(times_of(found["time"].values) - START, np.pi / 1e-3 * np.array([1, 2]), atol=5e-3)
