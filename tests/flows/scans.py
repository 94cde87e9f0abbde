"""Attitudes that scan the Moon at a known rate, made apart from flows.scan, and simulated products that carry them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import xarray as xr
from scipy.spatial.transform import Rotation

from calib.acquisition import Acquisition
from calib.config import parse
from calib.moon.irradiance import load_model
from calib.products.plain import read
from calib.sensor import Sensor, load_gains, load_sensor
from calib.simulate.disk import Scan
from calib.simulate.moon import MoonScene, truth_folder
from flows.simulation import Look, plan_looks, simulate_campaign
from orbit_aux.bodies import moon_position
from orbit_aux.frames import rotation
from orbit_aux.orbit import Orbit
from orbit_aux.time import Times

START = "2019-01-10T00:00:00Z"


def scanning_attitude(
    dates: np.ndarray,
    orbit: Orbit,
    axes: tuple[np.ndarray, np.ndarray],
    angle_rad: np.ndarray,
    frame: str = "MOD",
    noise_rad: float = 0.0,
    mirrored: bool = False,
) -> xr.Dataset:
    """Attitudes of a camera that looks along +z, its lines along +y (or -y, mirrored), at `angle_rad` beyond the Moon along the line axis."""
    times = Times.from_utc(dates)
    moon = moon_position(times) - orbit.at(times).position_m
    moon /= np.linalg.norm(moon, axis=1, keepdims=True)
    column, line = axes
    across = column - (moon @ column)[:, None] * moon
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    along = np.cross(moon, across)
    along *= np.sign(along @ line)[:, None]
    cos, sin = np.cos(angle_rad)[:, None], np.sin(angle_rad)[:, None]
    z, y = cos * moon + sin * along, cos * along - sin * moon
    y = -y if mirrored else y
    body = np.stack([np.cross(y, z), y, z], axis=-1)
    rng = np.random.default_rng(3)
    shaken = Rotation.from_matrix(rotation(times, "GCRF", frame) @ body) * Rotation.from_rotvec(
        noise_rad * rng.standard_normal((len(dates), 3))
    )
    quaternion = np.roll(shaken.as_quat(), 1, axis=1)
    # a quaternion and its negative are one attitude
    quaternion *= rng.choice([-1.0, 1.0], len(dates))[:, None]
    table = {"quaternion": (("time", "component"), quaternion, {"units": "1"})}
    return xr.Dataset(
        table,
        coords={"time": dates, "component": ["q0", "q1", "q2", "q3"]},
        attrs={"rotates_from": "spacecraft", "rotates_to": frame},
    )


def scanned(
    folder: Path, bands: tuple[str, ...], noise_rad: float, **scene: object
) -> tuple[Acquisition, Sensor, Look, xr.Dataset]:
    """A simulated Venµs Moon without scan rates but with attitudes at 10 Hz, as a system product has it; sensor, look and truth."""
    sensor = load_sensor("venus")
    chosen = parse(MoonScene, {"reference_utc": START, "seed": 5, "with_scan_rates": False, **scene}, "scene")
    look = plan_looks(sensor, START, (-40.0,), 1, 30.0)[0]
    model = load_model("rolo2005", "tsis1_hsrs")
    product = simulate_campaign(sensor, load_gains("venus"), model, [look], chosen, folder, bands)[0]
    acquisition = read(product)
    with xr.open_dataset(truth_folder(product) / "truth.nc", engine="h5netcdf") as truth:
        known = truth.load()
    scan = _scan(chosen, sensor)
    reference = look.time.utc_datetime64()[0]
    margin = np.timedelta64(1500, "ms")
    dates = np.arange(acquisition.start - margin, acquisition.stop + margin, np.timedelta64(100, "ms"))
    angle = scan.angle((dates - reference) / np.timedelta64(1, "ns") * 1e-9)
    attitude = scanning_attitude(dates, look.orbit, acquisition.axes, angle, noise_rad=noise_rad)
    return replace(acquisition, attitude=attitude), sensor, look, known


def _scan(scene: MoonScene, sensor: Sensor) -> Scan:
    nominal = sensor.pixel_angle_along / sensor.line_period
    phase = float(scene.random(sensor, "", "rate").uniform(0, 2 * np.pi))
    return Scan(nominal / scene.oversampling, scene.rate_variation, scene.rate_period, phase)
