"""Moon and Sun against astropy's own series, the Moon's axes against a published subpoint."""

from __future__ import annotations

import erfa
import numpy as np
import pytest

from orbit_aux.bodies import earth_barycentric_position, moon_axes, moon_position, sun_position
from orbit_aux.constants import ASTRONOMICAL_UNIT_M
from orbit_aux.ephemeris_table import packaged_table
from orbit_aux.time import Times

TIMES = Times.from_utc("2012-01-01T00:00:00") + np.linspace(0.0, 12 * 365.25 * 86400, 200)


EARLIER = Times.from_utc("1973-01-01T00:00:00") + np.linspace(0.0, 6 * 365.25 * 86400, 100)


def test_interpolated_places_are_the_direct_ones() -> None:
    table = packaged_table()
    earth = table.earth_position(TIMES)
    # 1 mm and 3 m: between nodes, of which the Moon's stand closer
    assert np.abs(moon_position(TIMES) - table.moon_position(TIMES)).max() < 1e-3
    assert np.abs(sun_position(TIMES) + earth - table.sun_position(TIMES)).max() < 3.0
    assert np.abs(earth_barycentric_position(TIMES) - earth).max() < 3.0


def test_outside_the_table_places_are_those_of_the_series() -> None:
    moon = np.asarray(erfa.moon98(*EARLIER.tt())["p"]) * ASTRONOMICAL_UNIT_M
    heliocentric, barycentric = (np.asarray(state["p"]) * ASTRONOMICAL_UNIT_M for state in erfa.epv00(*EARLIER.tt()))
    assert np.abs(moon_position(EARLIER) - moon).max() < 1e-3
    assert np.abs(sun_position(EARLIER) + heliocentric).max() < 3.0
    assert np.abs(earth_barycentric_position(EARLIER) - barycentric).max() < 3.0


def test_a_place_does_not_depend_on_the_others_asked_for() -> None:
    both = Times.concatenate([EARLIER, TIMES])
    for place in (moon_position, sun_position, earth_barycentric_position):
        apart = np.concatenate([place(EARLIER), place(TIMES)])
        assert np.array_equal(place(both), apart)


def test_moon_and_sun_agree_with_low_precision_series() -> None:
    """Series of the Astronomical Almanac, section D and C (0.3 deg, 0.01 deg): an authority that shares no code."""
    date, fraction = TIMES.tt()
    days = date - 2451545.0 + fraction
    centuries = days / 36525.0

    def sine(constant: float, rate: float) -> np.ndarray:
        return np.sin(np.radians(constant + rate * centuries))

    longitude = (
        218.32
        + 481267.881 * centuries
        + 6.29 * sine(135.0, 477198.87)
        - 1.27 * sine(259.3, -413335.36)
        + 0.66 * sine(235.7, 890534.22)
        + 0.21 * sine(269.9, 954397.74)
        - 0.19 * sine(357.5, 35999.05)
        - 0.11 * sine(186.5, 966404.03)
    )
    latitude = (
        5.13 * sine(93.3, 483202.02)
        + 0.28 * sine(228.2, 960400.89)
        - 0.28 * sine(318.3, 6003.15)
        - 0.17 * sine(217.6, -407332.21)
    )
    assert _separation_deg(moon_position(TIMES), longitude, latitude).max() < 0.4
    anomaly = np.radians(357.528 + 0.9856003 * days)
    longitude = 280.460 + 0.9856474 * days + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2 * anomaly)
    # 20.5 arcsec of aberration is in the printed mean longitude
    assert _separation_deg(sun_position(TIMES), longitude, np.zeros_like(longitude)).max() < 0.02


def _separation_deg(vectors: np.ndarray, longitude_deg: np.ndarray, latitude_deg: np.ndarray) -> np.ndarray:
    """Angle between GCRF vectors and ecliptic-of-date directions."""
    matrix = np.stack([erfa.ecm06(*(part[0] for part in time.tt())) for time in TIMES])
    ecliptic = np.einsum("nij,nj->ni", matrix, vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    expected = np.asarray(erfa.s2c(np.radians(longitude_deg), np.radians(latitude_deg)))
    return np.degrees(np.arccos(np.clip(np.sum(ecliptic * expected, axis=1), -1, 1)))


def test_the_lunar_axes_are_a_rotation_and_face_the_earth() -> None:
    axes = moon_axes(TIMES)
    assert np.abs(axes @ np.swapaxes(axes, 1, 2) - np.eye(3)).max() < 1e-13
    assert np.allclose(np.linalg.det(axes), 1.0)
    earth = np.einsum("nij,nj->ni", axes, -moon_position(TIMES))
    longitude = np.degrees(np.arctan2(earth[:, 1], earth[:, 0]))
    latitude = np.degrees(np.arcsin(earth[:, 2] / np.linalg.norm(earth, axis=1)))
    # published limits of the optical libration: 7.9 deg and 6.9 deg
    assert 7.0 < np.abs(longitude).max() < 8.2
    assert 6.3 < np.abs(latitude).max() < 7.0


def test_places_agree_with_astropy() -> None:
    coordinates = pytest.importorskip("astropy.coordinates")
    astropy_time = pytest.importorskip("astropy.time")
    moment = astropy_time.Time([text[:-1] for text in TIMES[::20].utc_strings(3)], scale="utc")
    with coordinates.solar_system_ephemeris.set("builtin"):
        earth = coordinates.get_body_barycentric("earth", moment).xyz.to_value("m").T
        moon = coordinates.get_body_barycentric("moon", moment).xyz.to_value("m").T - earth
        sun = coordinates.get_body_barycentric("sun", moment).xyz.to_value("m").T - earth
    # what astropy's own series are worth: 11 km of the Moon and 14 km of the Sun
    assert np.abs(moon_position(TIMES[::20]) - moon).max() < 12e3
    assert np.abs(sun_position(TIMES[::20]) - sun).max() < 20e3


def test_the_lunar_axes_by_the_series_written_out_at_single_times() -> None:
    """The angles term by term, without interpolation: 1e-9 deg, a millionth of what the series is worth."""
    for time in (TIMES[[7]], TIMES[[150]]):
        date, fraction = (float(part[0]) for part in time.tt())
        d = date - 2451545.0 + fraction
        e = np.radians(
            [
                125.045 - 0.0529921 * d, 250.089 - 0.1059842 * d, 260.008 + 13.0120009 * d, 176.625 + 13.3407154 * d,
                357.529 + 0.9856003 * d, 311.589 + 26.4057084 * d, 134.963 + 13.0649930 * d, 276.617 + 0.3287146 * d,
                34.226 + 1.7484877 * d, 15.134 - 0.1589763 * d, 119.743 + 0.0036096 * d, 239.961 + 0.1643573 * d,
                25.053 + 12.9590088 * d,
            ]
        )  # fmt: skip
        right = (
            269.9949
            + 0.0031 * d / 36525
            + np.dot([-3.8787, -0.1204, 0.07, -0.0172, 0.0072, -0.0052, 0.0043], np.sin(e[[0, 1, 2, 3, 5, 9, 12]]))
        )
        declination = (
            66.5392
            + 0.013 * d / 36525
            + np.dot(
                [1.5419, 0.0239, -0.0278, 0.0068, -0.0029, 0.0009, 0.0008, -0.0009],
                np.cos(e[[0, 1, 2, 3, 5, 6, 9, 12]]),
            )
        )
        spin = [
            3.561,
            0.1208,
            -0.0642,
            0.0158,
            0.0252,
            -0.0066,
            -0.0047,
            -0.0046,
            0.0028,
            0.0052,
            0.004,
            0.0019,
            -0.0044,
        ]
        meridian = 38.3213 + 13.17635815 * d - 1.4e-12 * d**2 + np.dot(spin, np.sin(e))
        matrix = erfa.rz(
            np.radians(meridian), erfa.rx(np.radians(90 - declination), erfa.rz(np.radians(90 + right), np.eye(3)))
        )
        assert np.degrees(np.abs(moon_axes(time)[0] - matrix).max()) < 1e-9
