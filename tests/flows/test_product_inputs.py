"""What a product itself gives to a run: gains, orbit, axes of the image."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import erfa
import numpy as np
import pytest
import xarray as xr
from scipy.spatial.transform import Rotation

from calib.acquisition import Acquisition, BandImage, Calibration, Known
from calib.errors import InputError
from calib.products.tables import attitude, ephemeris
from calib.raster import Raster
from calib.sensor import load_gains
from flows.product_inputs import official_gains, orbit_inside, with_axes
from orbit_aux.time import Times

START = np.datetime64("2019-02-16T20:00:00", "ns")
RASTER = Raster(Path("image.tif"), 1001, 3, "uint16", 2)


def gain(value: float) -> Calibration:
    return Calibration(Known(value, "DN / (W m-2 sr-1 um-1)", "product", "DIM.XML", np.datetime64("2018-09-01", "ns")))


def product(calibration: Calibration = Calibration(), **more: Any) -> Acquisition:  # noqa: B008
    bands = {name: BandImage(RASTER, START, 0.01, calibration=calibration) for name in ("B0", "B1")}
    return Acquisition("A", "phr1a", "moon", Path("A"), bands, {"image.tif": None}, **more)


# --- gains


def test_gains_of_the_product_come_first() -> None:
    history = load_gains("phr1a")
    found = official_gains(product(gain(8.5)), history, "auto")
    assert (found.gains, found.version, found.origin) == (
        {"B0": 8.5, "B1": 8.5},
        "2018-09-01",
        "carried by the product",
    )
    table = official_gains(product(gain(8.5)), history, "table")
    assert table.gains["B0"] != 8.5 and table.digest != found.digest
    assert official_gains(product(), history, "auto").digest == table.digest


def test_gains_that_a_product_lacks() -> None:
    with pytest.raises(InputError, match=r"carries no gain for band B0, B1; take them from the table"):
        official_gains(product(), load_gains("phr1a"), "product")


def test_the_gain_behind_a_reflectance_is_none_of_its_counts() -> None:
    both = replace(gain(8.5), quantification=Known(1000.0, "DN", "product", "x"))
    assert official_gains(product(both), load_gains("phr1a"), "auto").origin != "carried by the product"


# --- orbit


def states(step_s: float, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Dates, positions and velocities of a circular orbit."""
    times = START + np.arange(count) * np.timedelta64(round(step_s * 1e9), "ns")
    angle = np.arange(count) * step_s * 1.06e-3
    radius, speed = 7.072e6, 7.072e6 * 1.06e-3
    position = radius * np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=-1)
    velocity = speed * np.stack([-np.sin(angle), np.cos(angle), 0 * angle], axis=-1)
    return times, position, velocity


@pytest.mark.parametrize("moving", [True, False])
def test_an_orbit_of_points_every_thirty_seconds(moving: bool) -> None:
    times, position, velocity = states(30.0, 10)
    table = ephemeris("A", times, position, velocity if moving else None, "GCRF")
    orbit = orbit_inside(product(orbit=table), "PHR1A")
    assert orbit is not None and orbit.object_name == "PHR1A"
    middle = Times.from_utc(np.array([times[4] + np.timedelta64(15, "s")]))
    angle = 4.5 * 30.0 * 1.06e-3
    expected = 7.072e6 * np.array([np.cos(angle), np.sin(angle), 0.0])
    # a circle through points 1.8 degrees apart, interpolated to the seventh degree or more
    np.testing.assert_allclose(orbit.at(middle).position_m[0], expected, atol=1e-3)


def test_too_little_of_an_orbit() -> None:
    times, position, _ = states(30.0, 3)
    assert orbit_inside(product(), "PHR1A") is None
    assert orbit_inside(product(orbit=ephemeris("A", times, position, None, "ITRF")), "PHR1A") is None


# --- axes


def scan(sight: np.ndarray, axis: np.ndarray, rate_rad_s: float = 1e-3) -> tuple[np.ndarray, Rotation]:
    """Dates and rotations body to inertial of a scan about an inertial axis; at the middle of the image the body's +z lies along `sight`."""
    seconds = np.arange(-20.0, 40.0, 0.5)
    lateral = np.cross(axis, sight)
    middle = Rotation.from_matrix(np.stack([lateral, np.cross(sight, lateral), sight], axis=1))
    turns = Rotation.from_rotvec(rate_rad_s * (seconds - 5.0)[:, None] * axis) * middle
    return START + (seconds * 1e9).astype("timedelta64[ns]"), turns


SIGHT, AXIS = np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0])


def made(frame: str, viewing: xr.Dataset | None = None) -> Acquisition:
    dates, turns = scan(SIGHT, AXIS)
    table = attitude("A", dates, turns.as_quat(scalar_first=True), "spacecraft", frame)
    # a file may give either sign of a quaternion
    table["quaternion"][::2] *= -1
    return with_axes(product(attitude=table, viewing=viewing))


def test_axes_of_a_scan_about_the_pole() -> None:
    acquisition = made("GCRF")
    column, line = acquisition.axes
    # turning about +z from +x, the line of sight moves towards +y; columns x lines = line of sight
    np.testing.assert_allclose(line, [0, 1, 0], atol=1e-6)
    np.testing.assert_allclose(np.cross(column, line), SIGHT, atol=1e-6)
    assert "not mirrored" in acquisition.warnings[-1]


def test_axes_by_lines_of_sight() -> None:
    # columns that look along the body's -y first and +y last: the other way round than assumed without them
    ends = np.array([[0.0, 1.0, 20.0], [0.0, -1.0, 20.0]]) / np.sqrt(401.0)
    viewing = xr.Dataset({"direction": (("band", "column", "axis"), ends[None])}, attrs={"frame": "sensor"})
    mirrored = xr.Dataset({"direction": (("band", "column", "axis"), ends[None, ::-1])}, attrs={"frame": "sensor"})
    for table in (viewing, mirrored):
        acquisition = made("GCRF", table)
        np.testing.assert_allclose(acquisition.axes[1], [0, 1, 0], atol=1e-6)
        assert acquisition.warnings == ()
    np.testing.assert_allclose(made("GCRF", viewing).axes[0], -made("GCRF", mirrored).axes[0], atol=1e-6)


def test_attitudes_of_the_mean_equator_of_date() -> None:
    column, line = made("MOD").axes
    tt = erfa.dtf2d("TT", 2019, 2, 16, 20, 1, 14.0)
    # bias and precession: 0.27 degree since 2000
    turned = erfa.pmat06(*tt).T @ [0, 1, 0]
    np.testing.assert_allclose(line, turned, atol=1e-6)
    assert np.degrees(np.arccos(line @ [0, 1, 0])) == pytest.approx(0.24, abs=0.03)
    assert abs(column @ line) < 1e-12


def test_an_attitude_that_does_not_serve() -> None:
    dates, turns = scan(SIGHT, AXIS)
    late = attitude("A", dates + np.timedelta64(25, "s"), turns.as_quat(scalar_first=True), "spacecraft", "GCRF")
    with pytest.raises(InputError, match="its attitude ends before its image does"):
        with_axes(product(attitude=late))
    still = attitude("A", dates, np.tile([1.0, 0, 0, 0], (len(dates), 1)), "spacecraft", "GCRF")
    with pytest.raises(InputError, match="does not move over the sky"):
        with_axes(product(attitude=still))


def test_axes_that_are_given_stay() -> None:
    axes = {"column_axis": np.array([1.0, 0, 0]), "line_axis": np.array([0, 1.0, 0])}
    given = product(**axes)
    assert with_axes(given) is given and with_axes(product()).column_axis is None
