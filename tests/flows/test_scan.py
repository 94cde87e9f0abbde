"""Scan rates by attitude and orbit: signs and the satellite's own motion by analytic cases, the oversampling by simulated scans."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scans import scanned, scanning_attitude

from calib.acquisition import Acquisition, BandImage
from calib.lineage import Lineage
from calib.moon.disk import DiskParameters
from calib.moon.gain import GainParameters
from calib.moon.irradiance import load_model
from calib.moon.photometry import SignalParameters
from calib.moon.steps import DISK_SIGNAL, LUNAR_DISK, LUNAR_GAIN
from calib.raster import Raster
from calib.sensor import load_gains
from calib.steps import NoParameters
from calib.types import Geometry
from flows.orbit import MOON_GEOMETRY, SUN_DIRECTION, Arc
from flows.scan import moon_scan, with_scan
from flows.simulation import image_axes
from orbit_aux.bodies import moon_position
from orbit_aux.motion.propagate import sun_synchronous_orbit
from orbit_aux.orbit import Orbit
from orbit_aux.time import Times

LINES, PERIOD_S = 2000, 1e-3
MIDDLE = np.datetime64("2019-03-20T12:00:10", "ns")
DATES = MIDDLE + np.arange(-4000, 4001, 100).astype("timedelta64[ms]")


@pytest.fixture(scope="module")
def orbit() -> Orbit:
    return sun_synchronous_orbit("VENUS", "X", Times.from_utc(["2019-03-20T11:50:00"]), 1800.0, 720e3, 10.5, 60.0)


def moon_image(attitude: xr.Dataset, axes: tuple[np.ndarray, np.ndarray]) -> Acquisition:
    image = BandImage(Raster(Path("B1.tif"), LINES, 10, "uint16", 1), MIDDLE - np.timedelta64(1, "s"), PERIOD_S)
    return Acquisition("M", "venus", "moon", Path(), {"B1": image}, {"B1": "0"}, *axes, attitude=attitude)


def towards_moon(orbit: Orbit, roll_deg: float) -> tuple[np.ndarray, np.ndarray]:
    times = Times.from_utc(np.array([MIDDLE]))
    direction = (moon_position(times) - orbit.at(times).position_m)[0]
    column, line = image_axes(direction / np.linalg.norm(direction), roll_deg)
    return column, line


def parallax_rad_s(orbit: Orbit, line: np.ndarray) -> float:
    """How fast the line of sight of a camera that does not turn moves over the Moon: velocity against the Moon over distance."""
    around = Times.from_utc(MIDDLE + np.array([-1, 1], dtype="timedelta64[s]"))
    moon_velocity = np.diff(moon_position(around), axis=0)[0] / 2.0
    state = orbit.at(Times.from_utc(np.array([MIDDLE])))
    distance = np.linalg.norm(moon_position(Times.from_utc(np.array([MIDDLE])))[0] - state.position_m[0])
    return float((state.velocity_ms[0] - moon_velocity) @ line / distance)


@pytest.mark.parametrize("roll_deg", [0.0, 90.0, 200.0])
@pytest.mark.parametrize("turning_rad_s", [0.0, 9.35e-3])
def test_a_camera_that_turns_evenly(orbit: Orbit, roll_deg: float, turning_rad_s: float) -> None:
    """Inertial attitudes by hand: fixed, or turning about the column axis so that the line of sight moves along +line. The Moon's motion in the
    sky of the satellite adds the velocity of the satellite along the lines over the distance."""
    axes = towards_moon(orbit, roll_deg)
    column, line = axes
    sight = np.cross(column, line)
    since = (DATES - MIDDLE) / np.timedelta64(1, "s")
    # body x, y, z = column, line, sight at the middle; about +x the sight turns towards -y
    half = -0.5 * turning_rad_s * since[:, None]
    matrix = np.stack([column, line, sight], axis=-1)
    start = quaternion_of(matrix)
    turn = np.concatenate([np.cos(half), np.sin(half) * column], axis=1)
    attitude = dataset(np.array([product(item, start) for item in turn]))
    scan = moon_scan(moon_image(attitude, axes), orbit)
    assert scan is not None
    rate = scan.rate(moon_image(attitude, axes).bands["B1"], np.array([1000.0]))
    assert rate is not None
    expected = turning_rad_s + parallax_rad_s(orbit, line)
    # 1e-9 rad/s is 1e-7 of a nominal scan: the change of the parallax over the stretch and rounding
    assert float(rate[0]) == pytest.approx(expected, abs=1e-9)
    assert abs(parallax_rad_s(orbit, line)) > 1e-6


def quaternion_of(matrix: np.ndarray) -> np.ndarray:
    """Scalar first, of a rotation matrix whose columns are the turned axes (angle below 180 degrees)."""
    values, vectors = np.linalg.eigh(
        np.array(
            [
                [matrix[0, 0] - matrix[1, 1] - matrix[2, 2], matrix[0, 1] + matrix[1, 0], matrix[0, 2] + matrix[2, 0], matrix[2, 1] - matrix[1, 2]],
                [matrix[0, 1] + matrix[1, 0], matrix[1, 1] - matrix[0, 0] - matrix[2, 2], matrix[1, 2] + matrix[2, 1], matrix[0, 2] - matrix[2, 0]],
                [matrix[0, 2] + matrix[2, 0], matrix[1, 2] + matrix[2, 1], matrix[2, 2] - matrix[0, 0] - matrix[1, 1], matrix[1, 0] - matrix[0, 1]],
                [matrix[2, 1] - matrix[1, 2], matrix[0, 2] - matrix[2, 0], matrix[1, 0] - matrix[0, 1], np.trace(matrix)],
            ]
        )
    )  # fmt: skip
    x, y, z, w = vectors[:, np.argmax(values)]
    return np.array([w, x, y, z])


def product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    scalar = left[0] * right[0] - left[1:] @ right[1:]
    return np.append(scalar, left[0] * right[1:] + right[0] * left[1:] + np.cross(left[1:], right[1:]))


def dataset(quaternion: np.ndarray) -> xr.Dataset:
    coords = {"time": DATES, "component": ["q0", "q1", "q2", "q3"]}
    data = {"quaternion": (("time", "component"), quaternion, {"units": "1"})}
    return xr.Dataset(data, coords=coords, attrs={"rotates_from": "spacecraft", "rotates_to": "GCRF"})


@pytest.mark.parametrize("frame", ["GCRF", "MOD", "ITRF"])
@pytest.mark.parametrize("mirrored", [False, True])
def test_frame_and_handedness_of_the_camera_do_not_matter(orbit: Orbit, frame: str, mirrored: bool) -> None:
    axes = towards_moon(orbit, 40.0)
    since = (DATES - MIDDLE) / np.timedelta64(1, "s")
    angle = 4e-3 * since + 2e-4 * since**2
    attitude = scanning_attitude(DATES, orbit, axes, angle, frame, mirrored=mirrored)
    image = moon_image(attitude, axes)
    scan = moon_scan(image, orbit)
    assert scan is not None
    lines = np.array([0.0, 1000.0, 1999.0])
    expected = 4e-3 + 4e-4 * (lines * PERIOD_S - 1.0)
    np.testing.assert_allclose(scan.rate(image.bands["B1"], lines), expected, rtol=2e-5)


def test_rates_are_filled_in_where_they_are_known(orbit: Orbit) -> None:
    axes = towards_moon(orbit, 0.0)
    since = (DATES - MIDDLE) / np.timedelta64(1, "s")
    image = moon_image(scanning_attitude(DATES, orbit, axes, 5e-3 * since), axes)
    found = with_scan(image, orbit).bands["B1"].scan_rate_rad_s
    assert found is not None
    np.testing.assert_allclose(found, 5e-3, rtol=1e-5)
    # neither without an orbit nor from an attitude that runs against the lines, ends early or is not there
    backwards = moon_image(scanning_attitude(DATES, orbit, axes, -5e-3 * since), axes)
    assert "no scan along the lines" in with_scan(backwards, orbit).warnings[-1]
    early = moon_image(scanning_attitude(DATES, orbit, axes, 5e-3 * since).isel(time=slice(0, 30)), axes)
    for case, path in ((image, None), (backwards, orbit), (early, orbit), (replace(image, attitude=None), orbit)):
        assert with_scan(case, path).bands["B1"].scan_rate_rad_s is None
    assert replace(image, attitude=None).digest == with_scan(image, orbit).digest


@pytest.mark.parametrize(
    "scene", [{}, {"rate_variation": "5 %", "rate_period": "20 s"}], ids=["even rate", "rate that drifts by 3 %"]
)
def test_oversampling_of_a_simulated_scan(tmp_path: Path, scene: dict[str, object]) -> None:
    """Attitudes at 10 Hz with 5 µrad of noise; pixels of a signal of 50 to 70 sigma."""
    acquisition, sensor, look, truth = scanned(tmp_path / "p", ("B4", "B9"), 5e-6, binning=4, oversampling=2.0, **scene)
    acquisition = with_scan(acquisition, look.orbit)
    disk = LUNAR_DISK.compute(
        (acquisition, sensor, SUN_DIRECTION.compute((acquisition,), NoParameters())), DiskParameters()
    )
    signal = DISK_SIGNAL.compute((acquisition, sensor, disk), SignalParameters())
    geometry = MOON_GEOMETRY.compute((disk, acquisition, Arc(look.orbit, Path("x.oem"))), NoParameters())
    assert geometry["oversampling_lines"].shape == (2, 65)
    po, model = load_gains("venus").in_force(acquisition.start), load_model("rolo2005", "tsis1_hsrs")
    gain = LUNAR_GAIN.compute((disk, signal, geometry, sensor, po, model), GainParameters())
    eta = truth["oversampling"].sel(band=gain["band"].values).values
    # asked: 0.1 %
    np.testing.assert_allclose(gain["oversampling_limb"], eta, rtol=1e-3)
    np.testing.assert_allclose(gain["oversampling_attitude"], eta, rtol=1e-3)
    drift = bool(scene)
    assert (gain["oversampling_spread"] > 0.007).all() == drift
    assert (np.abs(gain["oversampling_gap"]) < 2e-3).all() and "gap" not in str(gain["flags"].values)
    np.testing.assert_allclose(gain["k"], truth["k"].sel(band=gain["band"].values), rtol=2e-3)
    # an attitude that errs by one percent is told, not believed
    wrong = geometry.assign(oversampling_attitude=geometry["oversampling_attitude"] * 1.01)
    told = LUNAR_GAIN.compute((disk, signal, wrong, sensor, po, model), GainParameters())
    assert all("oversampling_gap" in str(item) and "solid_angle_gap" in str(item) for item in told["flags"].values)
    np.testing.assert_allclose(told["k"], gain["k"], rtol=2e-4)
    np.testing.assert_allclose(told["k__u_oversampling"] / told["k"], 0.005, rtol=0.2)


def test_geometry_holds_only_what_it_declares(tmp_path: Path) -> None:
    acquisition, sensor, look, _ = scanned(tmp_path / "p", ("B4",), 0.0, binning=6, oversampling=2.0)
    disk = LUNAR_DISK.compute(
        (acquisition, sensor, SUN_DIRECTION.compute((acquisition,), NoParameters())), DiskParameters()
    )
    for case, known in ((acquisition, True), (replace(acquisition, attitude=None), False)):
        geometry = MOON_GEOMETRY.compute((disk, case, Arc(look.orbit, Path("x.oem"))), NoParameters())
        content = Geometry(geometry, Lineage("moon_geometry", "2", {}, ())).content
        assert ("oversampling_attitude" in content) == known and "oversampling_lines" not in content
