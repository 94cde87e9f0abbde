"""Simulated Venus products and what the three steps make of them; shared by the tests of this folder and the benchmark of accuracy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from calib.acquisition import Acquisition
from calib.config import parse
from calib.moon.disk import DiskParameters
from calib.moon.gain import GainParameters
from calib.moon.irradiance import band_irradiance, load_model
from calib.moon.photometry import SignalParameters
from calib.moon.steps import DISK_SIGNAL, LUNAR_DISK, LUNAR_GAIN
from calib.products.plain import read
from calib.sensor import Sensor, load_gains, load_sensor
from calib.simulate.moon import simulate_moon, truth_folder
from calib.simulate.scene import MoonScene, crossing_times
from calib.uncertainty import from_dataset

#: what the image itself tells; model, spectra and response are the same in simulation and calibration
FROM_THE_IMAGE = ("noise", "sky", "aperture", "defects", "solid_angle", "oversampling")
#: of the solid angle: the mean radius of a scene's limb is drawn with half of the relief, 0.025 % of the radius
_SIMULATED_RADIUS = 0.0005


def direction(longitude_deg: float, latitude_deg: float) -> np.ndarray:
    lon, lat = np.radians(longitude_deg), np.radians(latitude_deg)
    return np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])


def geometry_by_hand(scene: MoonScene, bands: list[str], phase_deg: float, north_deg: float) -> xr.Dataset:
    """A Moon seen from over 5 W, 3 N; before full Moon the Sun stands east of it."""
    observer, sun = direction(-5.0, 3.0), direction(-5.0 - phase_deg, 1.0)
    north = np.array([0, 0, 1.0]) - observer * observer[2]
    # seen from the observer, east on the Moon is to the right of north; image axes turn from +column to +line
    angle = np.arctan2(sun @ np.cross(north, observer), sun @ north)
    numbers = {
        "phase": (np.sign(phase_deg) * np.degrees(np.arccos(observer @ sun)), "deg"),
        "observer_latitude": (3.0, "deg"),
        "observer_longitude": (-5.0, "deg"),
        "sun_latitude": (1.0, "deg"),
        "sun_longitude": (-5.0 - phase_deg, "deg"),
        "moon_distance": (385000.0, "km"),
        "sun_distance": (0.9931, "au"),
        "apparent_radius": (np.arcsin(1737.4 / 385000.0), "rad"),
        "north_angle": (north_deg, "deg"),
        "sun_angle": (north_deg - np.degrees(angle), "deg"),
        "eclipse_margin": (5.0, "deg"),
        "earth_clearance": (5000.0, "km"),
    }
    data = {name: ("band", np.full(len(bands), value), {"units": units}) for name, (value, units) in numbers.items()}
    return xr.Dataset(data, coords={"band": bands})


def simulated(
    folder: Path, settings: dict[str, object], phase_deg: float, north_deg: float, bands: list[str]
) -> tuple[Acquisition, Sensor, xr.Dataset]:
    """A simulated Venµs product, the sensor and the geometry."""
    sensor, model = load_sensor("venus"), load_model("rolo2005", "tsis1_hsrs")
    scene = parse(MoonScene, {"reference_utc": "2019-03-20T12:00:00Z", "binning": 4, **settings}, "scene")
    names = list(sensor.bands)
    geometry = geometry_by_hand(scene, names, phase_deg, north_deg)
    po = load_gains("venus").in_force(np.datetime64("2019-03-20"))
    irradiance = band_irradiance(model, geometry, sensor.response)
    sky = geometry.assign(crossing_time=crossing_times(scene, sensor))
    product = simulate_moon(scene, sensor, sky, np.array([[1.0, 0, 0], [0, 1.0, 0]]), irradiance, po, folder, bands)
    return read(product), sensor, geometry


def recovered(
    folder: Path,
    settings: dict[str, object],
    phase_deg: float,
    north_deg: float,
    bands: list[str],
    parameters: DiskParameters | None = None,
) -> xr.Dataset:
    """The LUNAR_GAIN dataset of a simulated Venµs product, with the injected `k_true`."""
    acquisition, sensor, geometry = simulated(folder, settings, phase_deg, north_deg, bands)
    return calibrated(acquisition, sensor, geometry, parameters or DiskParameters())


def calibrated(
    acquisition: Acquisition, sensor: Sensor, geometry: xr.Dataset, parameters: DiskParameters
) -> xr.Dataset:
    """The LUNAR_GAIN dataset of an acquisition, with the gain errors of its truth as `k_true`."""
    model = load_model("rolo2005", "tsis1_hsrs")
    po = load_gains("venus").in_force(np.datetime64("2019-03-20"))
    disk = LUNAR_DISK.compute((acquisition, sensor, geometry), parameters)
    signal = DISK_SIGNAL.compute((acquisition, sensor, disk), SignalParameters())
    gain = LUNAR_GAIN.compute((disk, signal, geometry, sensor, po, model), GainParameters())
    with xr.open_dataset(truth_folder(acquisition.path) / "truth.nc", engine="h5netcdf") as truth:
        return gain.assign(k_true=truth["k"].sel(band=gain["band"]).load().drop_attrs())


def pulls(gain: xr.Dataset) -> np.ndarray:
    """Error of k of each band over the uncertainty that the image tells, and that of the scenes' own mean radius."""
    components = {item.name: item.values for item in from_dataset(gain, "k").components}
    variance = sum(components[name] ** 2 for name in FROM_THE_IMAGE) + (_SIMULATED_RADIUS * gain["k"]) ** 2
    return np.asarray((gain["k"] - gain["k_true"]) / np.sqrt(variance))


def random_case(folder: Path, number: int, relief: str = "0.05 %") -> xr.Dataset:
    """A scene of three bands, faint and bright: any phase from 5 to 75 degrees, any attitude, oversampling 1 to 4, binning 4 or 6; a limb as rough as
    the Moon's."""
    rng = np.random.default_rng([number, 2019])
    bands = [["B1", "B4", "B9"], ["B2", "B11", "B7"]][number % 2]
    phase_deg, north_deg = float(rng.uniform(5, 75) * rng.choice([-1, 1])), float(rng.uniform(-180, 180))
    settings = {
        "seed": number,
        "binning": 4 if number % 3 == 2 else 6,
        "oversampling": float(rng.uniform(1, 4)),
        "rate_variation": f"{rng.uniform(0, 2):.2f} %",
        "rate_period": "3 s",
        "limb_relief": relief,
    }
    return recovered(folder / f"M{number}", settings, phase_deg, north_deg, bands)
