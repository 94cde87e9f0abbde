"""Angles against astropy's horizon coordinates, and uncertainties against the points moved by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scenes import after, made
from scipy.spatial.transform import Rotation

from orbit_aux.attitude import Attitude
from orbit_aux.errors import OrbitError
from orbit_aux.frames import from_geodetic, local_orbital_axes
from orbit_aux.location.angles import angles, uncertainty
from orbit_aux.location.geolocate import Camera, locate, locate_image
from orbit_aux.orbit import Covariance


def test_the_sun_and_the_satellite_are_where_astropy_sees_them() -> None:
    coordinates, units = pytest.importorskip("astropy.coordinates"), pytest.importorskip("astropy.units")
    time = pytest.importorskip("astropy.time")
    from astropy.utils import iers

    camera = made(roll_deg=-20.0, pitch_deg=25.0)
    times, columns = after([0.0, 20.0, 60.0]), [0.0, 400.0, 800.0]
    located = locate(camera, times, columns, 300.0)
    table = angles(camera, times, located)
    with iers.conf.set_temp("auto_download", False):
        moments = time.Time([text[:-1] for text in times.utc_strings(9)], scale="utc")
        place = coordinates.EarthLocation.from_geodetic(located["longitude"].values, located["latitude"].values, 300.0)
        horizon = coordinates.AltAz(obstime=moments, location=place)
        sun = coordinates.get_sun(moments).transform_to(horizon)
        state = camera.orbit.at(times, "ITRF").position_m
        satellite = coordinates.ITRS(
            coordinates.CartesianRepresentation(state.T * units.m),
            obstime=moments,
            location=coordinates.EarthLocation.from_geocentric(0, 0, 0, "m"),
        )
        local = coordinates.ITRS(satellite.cartesian - place.get_itrs().cartesian, obstime=moments, location=place)
        view = local.transform_to(horizon)
    # 0.001 degree: what astropy's older path for the Sun is worth; the view also by light time (1 m of 800 km) and diurnal aberration
    for name, seen in (("sun", sun), ("view", view)):
        assert np.abs(table[f"{name}_zenith"] - (90.0 - seen.alt.deg)).max() < 1e-3, name
        assert np.abs(table[f"{name}_azimuth"] - seen.az.deg).max() < 1e-3 / np.sin(
            np.radians(table[f"{name}_zenith"].min())
        ), name


def test_azimuth_counts_from_north_over_east() -> None:
    camera = made(roll_deg=30.0)
    times = after([0.0])
    located = locate(camera, times, [400.0])
    place = camera.orbit.at(times, "ITRF").position_m[0]
    over = np.degrees(np.arctan2(place[1], place[0]))
    east_of_satellite = (located["longitude"].values[0] - over + 180.0) % 360.0 - 180.0 > 0
    azimuth = angles(camera, times, located)["view_azimuth"].values[0]
    assert (180.0 < azimuth < 360.0) == east_of_satellite
    image = locate_image(camera, times, [400.0])
    assert angles(camera, times, image)["view_azimuth"].values[0, 0] == azimuth


def test_the_attitude_s_sigma_is_the_shift_of_turned_cameras() -> None:
    camera = made(roll_deg=-20.0, pitch_deg=25.0)
    times, columns = after([10.0]), [700.0]
    located = locate(camera, times, columns)
    sigma = np.array([10e-6, 20e-6, 30e-6])
    found = uncertainty(camera, times, located, sigma)
    shifts = []
    for axis in range(3):
        turned = Rotation.from_quat(np.roll(camera.attitude.quaternion, -1, -1)) * Rotation.from_rotvec(
            np.eye(3)[axis] * sigma[axis]
        )
        attitude = Attitude("MADE", "GCRF", "BODY", camera.attitude.times, np.roll(turned.as_quat(), 1, -1), "turned")
        shifts.append(_east_north(located, locate(replace(camera, attitude=attitude), times, columns)))
    covariance = np.array(shifts).T @ np.array(shifts)
    # first order over 20 m: 1e-4
    assert found["east_sigma"].values[0] == pytest.approx(np.sqrt(covariance[0, 0]), rel=1e-3)
    assert found["north_sigma"].values[0] == pytest.approx(np.sqrt(covariance[1, 1]), rel=1e-3)
    assert found["correlation"].values[0] == pytest.approx(
        covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1]), abs=1e-3
    )


def test_the_orbit_s_covariance_is_the_shift_of_moved_orbits() -> None:
    camera = made(roll_deg=-20.0, pitch_deg=25.0)
    sigma = np.array([3.0, 10.0, 5.0])
    matrix = np.diag([*sigma**2, 0.0, 0.0, 0.0])
    epochs = after([0.0, 60.0])
    orbit = replace(camera.orbit, covariance=Covariance(epochs, np.stack([matrix, matrix]), ("RTN", "RSW")))
    times, columns = after([17.0]), [100.0]
    located = locate(camera, times, columns)
    found = uncertainty(replace(camera, orbit=orbit), times, located)
    state = camera.orbit.at(camera.orbit.times)
    axes = local_orbital_axes(state.position_m, state.velocity_ms, "RSW")
    shifts = []
    for axis in range(3):
        moved = replace(camera.orbit, position_m=camera.orbit.position_m + sigma[axis] * axes[:, axis])
        shifts.append(
            _east_north(located, locate(Camera(moved, camera.attitude, camera.lines_of_sight), times, columns))
        )
    covariance = np.array(shifts).T @ np.array(shifts)
    assert found["east_sigma"].values[0] == pytest.approx(np.sqrt(covariance[0, 0]), rel=2e-3)
    assert found["north_sigma"].values[0] == pytest.approx(np.sqrt(covariance[1, 1]), rel=2e-3)


def _east_north(reference, other) -> list[float]:  # type: ignore[no-untyped-def]
    lon, lat = np.radians(reference["longitude"].values[0]), np.radians(reference["latitude"].values[0])
    shift = from_geodetic(np.radians(other["longitude"].values), np.radians(other["latitude"].values), [0.0])[
        0
    ] - from_geodetic(lon, lat, 0.0)
    east, north = (
        [-np.sin(lon), np.cos(lon), 0.0],
        [-np.sin(lat) * np.cos(lon), -np.sin(lat) * np.sin(lon), np.cos(lat)],
    )
    return [float(shift @ east), float(shift @ north)]


def test_nothing_uncertain_is_refused() -> None:
    camera, times = made(), after([0.0])
    with pytest.raises(OrbitError, match="no covariance and no attitude sigma"):
        uncertainty(camera, times, locate(camera, times, [0.0]))
