"""Five million points a second on the ellipsoid, one million on a terrain, on one core."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin
from scipy.ndimage import gaussian_filter

from orbit_aux.attitude import Attitude
from orbit_aux.location.geolocate import Camera, locate_image
from orbit_aux.location.inverse_location import find_pixels
from orbit_aux.location.lines_of_sight import from_angles
from orbit_aux.location.terrain import Terrain, read_terrain
from orbit_aux.orbit import Orbit
from orbit_aux.time import Times

pytestmark = pytest.mark.benchmark
START = Times.from_utc("2018-03-06T10:00:00")
LINES, COLUMNS = 1000, 3000


def camera() -> Camera:
    """A pass over 15 degrees north that looks 25 degrees ahead and 20 degrees aside, 30 degrees from the vertical."""
    seconds = np.arange(-2.0, 5.0, 0.125)
    times = START[np.zeros(len(seconds), int)] + seconds
    angle = np.radians(10.0) + 1.05e-3 * seconds
    place = 7.1e6 * np.stack([np.cos(angle), np.zeros_like(angle), np.sin(angle)], -1)
    velocity = 7.45e3 * np.stack([-np.sin(angle), np.zeros_like(angle), np.cos(angle)], -1)
    half = 0.5 * (-np.pi / 2 - angle)
    quaternion = np.stack([np.cos(half), np.zeros_like(half), np.sin(half), np.zeros_like(half)], -1)
    columns = np.arange(0, COLUMNS + 1, 100)
    psi_x, psi_y = np.full(len(columns), np.radians(25.0)), np.radians(20.0) + np.linspace(-0.019, 0.019, len(columns))
    return Camera(
        Orbit("MADE", "X", "ITRF", times, place, velocity, "scene"),
        Attitude("MADE", "ITRF", "BODY", times, quaternion, "scene"),
        from_angles(columns, psi_x, psi_y, "scene"),
    )


def rate(work: Callable[[], object], points: int) -> float:
    """Points per processor second, the best of five, after a first run that compiles."""
    work()
    taken = []
    for _ in range(5):
        started = time.process_time()
        work()
        taken.append(time.process_time() - started)
    return points / min(taken)


def mountains(folder: Path, scene: Camera, times: Times) -> Terrain:
    """Alps of 40 m pixels: 0 to 3000 m, rough to the pixel."""
    ends = locate_image(scene, times[[0, -1]], [0.0, COLUMNS])
    west, north = float(ends["longitude"].min()) - 0.1, float(ends["latitude"].max()) + 0.1
    shape = (
        int((north - float(ends["latitude"].min()) + 0.1) * 2700),
        int((float(ends["longitude"].max()) + 0.1 - west) * 2700),
    )
    rng = np.random.default_rng(0)
    heights = gaussian_filter(rng.normal(size=shape), 25)
    heights = np.clip(1500 + heights / heights.std() * 500, 0, 3000) + gaussian_filter(rng.normal(size=shape), 1) * 40
    path = folder / "alps.tif"
    with rasterio.open(
        path, "w", driver="GTiff", height=shape[0], width=shape[1], count=1, dtype="float32", crs="EPSG:4326",
        transform=from_origin(west, north, 1 / 2700, 1 / 2700),
    ) as raster:  # fmt: skip
        raster.write(heights.astype("float32"), 1)
    return read_terrain(path)


def test_points_a_second(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scene = camera()
    times = START[np.zeros(LINES, int)] + np.arange(LINES) * 0.002
    columns = np.arange(float(COLUMNS))
    terrain = mountains(tmp_path, scene, times)
    assert not locate_image(scene, times, columns, terrain)["flag"].values.any()
    count = LINES * COLUMNS
    rates = {
        "ellipsoid": rate(lambda: locate_image(scene, times, columns), count),
        "height 1000 m": rate(lambda: locate_image(scene, times, columns, 1000.0), count),
        "terrain": rate(lambda: locate_image(scene, times, columns, terrain), count),
    }
    part = locate_image(scene, times[::10], columns[::30]).stack(point=("line", "column"))
    place = (part["longitude"].values, part["latitude"].values, part["height"].values)
    rates["inverse"] = rate(lambda: find_pixels(scene, times[[0]], times[[-1]], place), part.sizes["point"])
    with capsys.disabled():
        for name, value in rates.items():
            print(f"\n{name}: {value / 1e6:.2f} million points/s", end="")
    assert rates["ellipsoid"] > 5e6 and rates["height 1000 m"] > 5e6
    assert rates["terrain"] > 1e6
