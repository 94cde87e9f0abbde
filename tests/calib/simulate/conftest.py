"""Sensors, scenes and geometries for the simulator's tests."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from calib.config import parse
from calib.sensor import OfficialParameters, Sensor, load_gains, load_sensor
from calib.simulate.moon import MoonScene, crossing_times
from calib.simulate.render import Renderer

#: everything off but the disk itself
PLAIN = {
    "reference_utc": "2020-03-05T10:00:00Z",
    "binning": 8,
    "noise": False,
    "prnu_rms": 0,
    "dark_slope": "0 DN",
    "defective_columns": 0,
    "defective_pixels": 0,
    "spike_columns": 0,
    "cosmic_hits": 0,
}


def unit(longitude_deg: float, latitude_deg: float) -> np.ndarray:
    lon, lat = np.radians(longitude_deg), np.radians(latitude_deg)
    return np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])


def moon_geometry(
    scene: MoonScene, sensor: Sensor, phase_deg: float = 40.0, north_deg: float = -70.0, mirrored: bool = False
) -> xr.Dataset:
    """A Moon at 385 000 km whose Sun stands `phase_deg` west of the observer's sub-point (5 W, 3 N), for all bands alike."""
    bands = list(sensor.bands)
    observer, sun_longitude = unit(-5.0, 3.0), -5.0 - phase_deg
    sun = unit(sun_longitude, 1.0)
    east = np.cross([0, 0, 1], observer) / np.linalg.norm(np.cross([0, 0, 1], observer))
    clockwise = np.degrees(np.arctan2(sun @ east, sun @ np.cross(observer, east)))
    numbers = {
        "phase": (np.sign(phase_deg) * np.degrees(np.arccos(observer @ sun)), "deg"),
        "observer_latitude": (3.0, "deg"),
        "observer_longitude": (-5.0, "deg"),
        "sun_latitude": (1.0, "deg"),
        "sun_longitude": (sun_longitude, "deg"),
        "apparent_radius": (np.arcsin(1737.4 / 385000.0), "rad"),
        "north_angle": (north_deg, "deg"),
        "sun_angle": (north_deg + (-clockwise if mirrored else clockwise), "deg"),
    }
    data = {name: ("band", np.full(len(bands), value), {"units": units}) for name, (value, units) in numbers.items()}
    return xr.Dataset(data, coords={"band": bands}).assign(crossing_time=crossing_times(scene, sensor))


def irradiances(sensor: Sensor) -> xr.DataArray:
    """About the Moon at 40 degrees of phase, W m-2 um-1, different in each band."""
    values = 1e-3 * (1.2 + 0.1 * np.arange(len(sensor.bands)))
    return xr.DataArray(values, dims="band", coords={"band": list(sensor.bands)}, attrs={"units": "W m-2 um-1"})


@pytest.fixture(scope="session")
def venus() -> Sensor:
    return load_sensor("venus")


@pytest.fixture(scope="session")
def po(venus: Sensor) -> OfficialParameters:
    return load_gains("venus").in_force(np.datetime64("2020-03-05"))


@pytest.fixture(scope="session")
def irradiance(venus: Sensor) -> xr.DataArray:
    return irradiances(venus)


@pytest.fixture(scope="session")
def make_geometry(venus: Sensor) -> Callable[[MoonScene], xr.Dataset]:
    return lambda scene: moon_geometry(scene, venus)


@pytest.fixture
def make_scene() -> Callable[..., MoonScene]:
    def make(**changes: object) -> MoonScene:
        return parse(MoonScene, {**PLAIN, **changes}, "test")

    return make


@pytest.fixture
def make_renderer(venus: Sensor, make_scene: Callable[..., MoonScene]) -> Callable[..., Renderer]:
    def make(sensor: Sensor = venus, geometry: dict[str, object] | None = None, **changes: object) -> Renderer:
        scene = make_scene(**changes)
        at = moon_geometry(scene, sensor, **(geometry or {}))  # type: ignore[arg-type]
        return Renderer(scene, sensor, at, irradiances(sensor))

    return make
