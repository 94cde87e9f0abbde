"""Frames against astropy's transforms and reference ephemerides of Orekit."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from orbit_aux.earth_orientation import packaged_earth_orientation
from orbit_aux.errors import OrbitError
from orbit_aux.frames import State, from_geodetic, local_orbital_axes, rotation, to_geodetic, transform
from orbit_aux.time import Times

TIMES = Times.from_utc(["1990-07-26T12:06:41", "2016-02-10T10:00:00", "2016-12-31T23:59:60.5", "2024-05-05T05:05:05"])
POSITION_M = np.array([[7.0e6, 1e5, -2e5], [-3e6, 4e6, 5e6], [1e6, -7e6, 1e5], [2e7, 3e7, -1e7]])
VELOCITY_MS = np.array([[100.0, 7500.0, 20.0], [-5000.0, -1000.0, 5000.0], [1.0, 2.0, 7600.0], [3000.0, -100.0, 200.0]])


def test_itrf_agrees_with_astropy() -> None:
    coordinates = pytest.importorskip("astropy.coordinates")
    units = pytest.importorskip("astropy.units")
    iers = pytest.importorskip("astropy.utils.iers")
    astropy_time = pytest.importorskip("astropy.time")
    iers_data = pytest.importorskip("astropy_iers_data")
    with (
        iers.conf.set_temp("auto_download", False),
        iers.earth_orientation_table.set(iers.IERS_A.open(iers_data.IERS_A_FILE)),
    ):
        moment = astropy_time.Time([text[:-1] for text in TIMES.utc_strings(3)], scale="utc")
        cartesian = coordinates.CartesianRepresentation(
            POSITION_M.T * units.m,
            differentials=coordinates.CartesianDifferential(VELOCITY_MS.T * units.m / units.s),
        )
        reference = coordinates.GCRS(cartesian, obstime=moment).transform_to(coordinates.ITRS(obstime=moment)).cartesian
        expected_m = reference.xyz.to_value("m").T
        expected_ms = reference.differentials["s"].d_xyz.to_value("m/s").T
    # astropy leaves out the offsets dX, dY of the pole (0.3 mas: 1 cm in low orbit): compare without, then bound them
    table = packaged_earth_orientation()
    values = table.values.copy()
    values[:, 3:] = 0.0
    without_offsets = dataclasses.replace(table, values=values)
    position, velocity = transform(TIMES, POSITION_M, VELOCITY_MS, "GCRF", "ITRF", without_offsets)
    assert np.abs(position - expected_m).max() < 1e-5
    # and turns the Earth at its mean rate: 3 ms of length of day are 0.02 mm/s in low orbit, 0.1 mm/s at 36 000 km
    assert np.abs(velocity - expected_ms).max() < 2e-4
    offset_m = np.linalg.norm(transform(TIMES, POSITION_M, VELOCITY_MS, "GCRF", "ITRF")[0] - position, axis=1)
    assert (offset_m < 2.5e-9 * np.linalg.norm(POSITION_M, axis=1)).all()
    assert offset_m.max() > 1e-3


def test_itrf_agrees_with_the_low_orbit_reference(shared: Path) -> None:
    table = np.genfromtxt(
        shared / "reference" / "orbit" / "leo_venus720_j2.csv.gz",
        delimiter=",",
        skip_header=1,
        usecols=[0, *range(2, 14)],
    )
    times = Times.from_utc("2016-02-10T10:00:00") + table[:, 0]
    position, velocity = transform(times, table[:, 1:4], table[:, 4:7], "GCRF", "ITRF")
    # between Orekit's and our handling of rapid and final pole values
    assert np.abs(position - table[:, 7:10]).max() < 5e-3
    assert np.abs(velocity - table[:, 10:13]).max() < 5e-5


def test_eme2000_to_itrf_agrees_with_the_geolocation_reference(shared: Path) -> None:
    table = np.genfromtxt(shared / "reference" / "orbit" / "geoloc_venus720_orbit.csv", delimiter=",", skip_header=1)
    times = Times.from_utc("2016-02-10T11:26:40") + table[:, 0]
    state = State(times, table[:, 1:4], table[:, 4:7], "EME2000").to("ITRF")
    assert np.abs(state.position_m - table[:, 7:10]).max() < 5e-3
    assert np.abs(state.velocity_ms - table[:, 10:13]).max() < 5e-5


@pytest.mark.parametrize("source", ["GCRF", "EME2000", "ITRF"])
@pytest.mark.parametrize("target", ["GCRF", "EME2000", "ITRF"])
def test_there_and_back_changes_nothing(source: str, target: str) -> None:
    state = State(TIMES, POSITION_M, VELOCITY_MS, source)
    again = state.to(target).to(source)
    assert np.abs(again.position_m - POSITION_M).max() < 1e-7
    assert np.abs(again.velocity_ms - VELOCITY_MS).max() < 1e-10
    turned = np.einsum("nij,nj->ni", rotation(TIMES, source, target), POSITION_M)
    assert np.abs(turned - state.to(target).position_m).max() < 1e-7


def test_velocity_is_the_rate_of_position_in_itrf() -> None:
    start = Times.from_utc("2016-02-10T10:00:00")
    steps = np.array([-1.0, 0.0, 1.0])
    velocity = np.tile([3000.0, -6000.0, 2000.0], (3, 1))
    position = np.array([3e6, 4e6, 5e6]) + velocity * steps[:, None]
    fixed, rate = transform(start + steps, position, velocity, "GCRF", "ITRF")
    # a straight line seen from the turning Earth: the central difference errs by omega^2 v / 6 = 7 µm/s
    assert np.abs((fixed[2] - fixed[0]) / 2 - rate[1]).max() < 2e-5


def test_frame_bias_is_23_milliarcseconds() -> None:
    angle = np.arccos((np.trace(rotation(TIMES[:1], "GCRF", "EME2000")[0]) - 1) / 2)
    assert np.degrees(angle) * 3.6e6 == pytest.approx(23.1, abs=0.5)


def test_geodetic_coordinates_of_known_points() -> None:
    # published: semi-axes of WGS 84
    points = from_geodetic([0.0, np.pi / 2, 0.0], [0.0, 0.0, np.pi / 2], [0.0, 0.0, 100.0])
    expected = [[6378137.0, 0, 0], [0, 6378137.0, 0], [0, 0, 6356752.314245 + 100.0]]
    assert np.abs(points - expected).max() < 1e-6
    longitude, latitude, height = to_geodetic(points)
    assert np.allclose(latitude, [0, 0, np.pi / 2], atol=1e-12)
    assert np.allclose(longitude[:2], [0, np.pi / 2], atol=1e-12)
    assert np.allclose(height, [0, 0, 100], atol=1e-6)
    with pytest.raises(OrbitError, match="radians"):
        from_geodetic([0.0], [45.0], [0.0])


def test_local_orbital_axes() -> None:
    position, velocity = np.array([[7e6, 0, 0]]), np.array([[100.0, 7500.0, 0]])
    rsw = local_orbital_axes(position, velocity, "RSW")[0]
    assert np.allclose(rsw, np.eye(3))
    tangent, normal, cross = local_orbital_axes(position, velocity, "TNW")[0]
    assert np.allclose(tangent, velocity[0] / np.linalg.norm(velocity))
    assert np.allclose(cross, [0, 0, 1])
    # N completes the triad: it points inwards
    assert np.allclose(np.cross(tangent, normal), cross)
    assert normal[0] < 0
    with pytest.raises(OrbitError, match=r"QSW.*RSW or TNW"):
        local_orbital_axes(position, velocity, "QSW")


def test_a_frame_must_be_known_and_shapes_must_fit() -> None:
    with pytest.raises(OrbitError, match=r"B1950.*GCRF, EME2000, ITRF"):
        transform(TIMES, POSITION_M, VELOCITY_MS, "GCRF", "B1950")
    with pytest.raises(OrbitError, match="one row per time"):
        State(TIMES, POSITION_M[:2], VELOCITY_MS, "GCRF")
