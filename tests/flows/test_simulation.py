"""Simulated campaigns: the asked phases, a Moon above the limb, an unmirrored sky, repeatable bytes."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from campaigns import make_products

from calib.lineage import digest_file
from calib.sensor import load_sensor
from flows.simulation import image_axes, moon_dates, orbit_for, plan_looks
from orbit_aux.moon_view import earth_clearance, moon_geometry


@pytest.mark.parametrize("asked", [-75.0, -5.0, 5.0, 40.0, 120.0])
def test_dates_have_the_asked_phase(asked: float) -> None:
    dates = moon_dates("2019-01-10T00:00:00Z", [asked], 3)
    assert len(dates) == 3
    for date in dates:
        phase = float(moon_geometry(date, np.zeros((1, 3)))["phase"].values[0])
        # linear between hours: the phase moves half a degree an hour, and bends near 0
        assert phase == pytest.approx(asked, abs=0.05)
    gaps = [float((later - earlier)[0]) / 86400 for earlier, later in itertools.pairwise(dates)]
    assert all(29.0 < gap < 30.1 for gap in gaps), "one synodic month apart"


def test_the_moon_stands_clear_of_the_earth() -> None:
    sensor = load_sensor("venus")
    for date in moon_dates("2019-01-10T00:00:00Z", [-40.0, 55.0], 4):
        time, orbit = orbit_for(sensor, date)
        assert float(earth_clearance(time, orbit.at(time).position_m).values[0]) > 100.0


def test_the_sky_is_not_mirrored() -> None:
    direction = np.array([0.3, -0.8, 0.2]) / np.linalg.norm([0.3, -0.8, 0.2])
    for roll in (0.0, 33.0, 180.0):
        column, line = image_axes(direction, roll)
        np.testing.assert_allclose(np.cross(column, line), direction, atol=1e-15)
    column, line = image_axes(np.array([1.0, 0.0, 0.0]), 0.0)
    # the Moon at the vernal equinox: west is -y, south is -z
    np.testing.assert_allclose([column, line], [[0, -1, 0], [0, 0, -1]], atol=1e-15)


def test_looks_use_the_orbit_of_the_mission_phase() -> None:
    for start, altitude_km in (("2019-01-10T00:00:00Z", 720.0), ("2022-06-01T00:00:00Z", 560.0)):
        [look] = plan_looks(load_sensor("venus"), start, [-40.0], 1)
        radius_km = np.linalg.norm(look.orbit.position_m, axis=1) / 1e3
        # J2 swings the radius by some 10 km about its mean
        assert abs(radius_km.mean() - 6378.1 - altitude_km) < 15.0


def test_same_request_same_bytes(tmp_path: Path, products: Path) -> None:
    make_products(tmp_path, count=1)
    for path in sorted(tmp_path.rglob("*")):
        if path.is_file() and path.parent.name != "orbits":
            assert digest_file(path) == digest_file(products / path.relative_to(tmp_path)), path


def test_one_camera_has_one_gain_error(products: Path) -> None:
    errors = [json.loads(path.read_text())["gain_error"] for path in products.glob("*.truth/truth.json")]
    assert len(errors) == 3
    assert errors[0] == errors[1] == errors[2]
