"""The limb in an image: against the angle that the Moon spans, the place of the Sun, and the smear of a sheared scan."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scenes import START, after, made, quaternions

from orbit_aux.attitude import Attitude
from orbit_aux.errors import OrbitError
from orbit_aux.location.geolocate import Camera
from orbit_aux.location.limb import limb_ellipse, limb_in_image
from orbit_aux.location.sky import apparent_body, crossing, to_body

RATE_RADS = 1e-3


def scanning(yaw_rate_rads: float = 0.0) -> Camera:
    """A camera that turns about its y axis over the Moon's centre at 30 s, and about its boresight at `yaw_rate_rads`."""
    camera = made()
    seconds = np.arange(-5.0, 65.25, 0.25)
    moon = apparent_body("moon", camera.orbit.at(after([30.0])))["direction"].values[0]
    side = np.cross(moon, [0.0, 0.0, 1.0])
    side /= np.linalg.norm(side)
    pitch, yaw = RATE_RADS * (seconds - 30.0)[:, None], yaw_rate_rads * (seconds - 30.0)[:, None]
    z = np.cos(pitch) * moon + np.sin(pitch) * np.cross(side, moon)
    y = np.cos(yaw) * side + np.sin(yaw) * np.cross(z, side)
    axes = np.stack([np.cross(y, z), y, z], -1)
    return replace(camera, attitude=Attitude("MADE", "GCRF", "BODY", after(seconds), quaternions(axes), "scan"))


def test_the_ellipse_has_the_size_of_the_moon_and_the_speed_of_the_scan() -> None:
    camera = scanning()
    limb = limb_in_image(camera, "moon", START, after([60.0]))
    assert not limb["flag"].values.any()
    ellipse = limb_ellipse(limb)
    radius = float(apparent_body("moon", camera.orbit.at(after([30.0])))["apparent_radius"].values[0])
    pixel = np.radians(2.0) / 800
    # equal angles of ψ make columns by their tangents: 0.26 degree is 7e-6 larger
    assert float(ellipse["half_columns"]) == pytest.approx(radius / pixel, rel=1e-4)
    centre = crossing(camera, "moon", START, after([60.0]))
    assert float(ellipse["centre_column"]) == pytest.approx(float(centre["column"].values[0]), abs=0.01)
    assert float(ellipse["centre_seconds"]) == pytest.approx(float(centre["seconds"].values[0]), abs=1e-4)
    # within 5 s the parallax turns by 1e-5 of the rate a second
    assert float(ellipse["half_seconds"]) == pytest.approx(radius / float(centre["rate"].values[0]), rel=1e-4)
    # a parallax of 2e-5 rad/s along the array shears the disk by 2 %
    assert abs(float(ellipse["correlation"])) < 0.025
    assert float(ellipse["misfit_columns"]) < 0.01


def test_every_point_stands_at_its_angle_from_the_centre_and_the_lit_half_faces_the_sun() -> None:
    camera = scanning()
    limb = limb_in_image(camera, "moon", START, after([60.0]), points=36)
    times = after(limb["seconds"].values)
    state = camera.orbit.at(times)
    seen = camera.lines_of_sight.at(limb["column"].values)
    moon, sun = (apparent_body(body, state) for body in ("moon", "sun"))
    centre = to_body(camera.attitude, times, moon["direction"].values)
    angle = np.arccos(np.einsum("ni,ni->n", seen, centre))
    # arccos near 0.0045 rad is good to 1e-13 / 0.0045
    assert np.abs(angle - moon["apparent_radius"].values).max() < 1e-6
    # by the Sun as the satellite sees it: it stands 0.15 degree from where the Moon sees it, so points near the terminator are left out
    to_sun = to_body(camera.attitude, times, sun["direction"].values)
    side = np.einsum("ni,ni->n", seen - centre, to_sun)
    clear = np.abs(np.cos(np.radians(limb["position_angle"].values))) > 0.1
    assert (np.sign(side[clear]) == np.where(limb["lit"].values[clear], 1, -1)).all()


def test_a_yaw_during_the_scan_makes_the_columns_run_at_different_speeds() -> None:
    camera = scanning(yaw_rate_rads=2e-3)
    limb = limb_in_image(camera, "moon", START, after([60.0]))
    # at an angle y along the array the yaw adds y times its rate to the speed of the scan: 2e-3 x 0.0045 / 1e-3 = 0.9 % at the edge of the disk
    rate = limb["rate"].values
    along = (limb["column"].values - float(limb_ellipse(limb)["centre_column"])) * np.radians(2.0) / 800
    slope = np.polyfit(along, rate, 1)[0]
    assert abs(slope) == pytest.approx(2e-3, rel=0.05)
    assert abs(np.polyfit(along, limb_in_image(scanning(), "moon", START, after([60.0]))["rate"].values, 1)[0]) < 1e-4


def test_a_moon_that_is_not_scanned_has_no_ellipse() -> None:
    limb = limb_in_image(scanning(), "moon", START, after([10.0]))
    assert limb["flag"].values.all()
    with pytest.raises(OrbitError, match="0 points of the limb cross the array: 6 are needed"):
        limb_ellipse(limb)
    with pytest.raises(OrbitError, match="body 'mars' is unknown"):
        limb_in_image(scanning(), "mars", START, after([60.0]))
