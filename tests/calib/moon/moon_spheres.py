"""Small Moons with analytic truth, made apart from calib.simulate: a lunar-Lambert sphere, anti-aliased, blurred, sampled at a varying rate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray as xr
from scipy.ndimage import gaussian_filter

from calib.acquisition import Acquisition, BandImage
from calib.raster import Raster
from calib.sensor import Band, Phase, Sensor

RADIUS_RAD = 4.52e-3
PIXEL_RAD = 7.36e-6


@dataclass(frozen=True)
class Sphere:
    """One band's scene. Lengths in pixels; `brightness` in DN; `variation` relative amplitude of the scan rate over `period` lines."""

    semi_column: float = 110.3
    oversampling: float = 1.0
    phase_deg: float = 40.0
    sun_angle_deg: float = 0.0
    psf: float = 0.8
    brightness: float = 500.0
    variation: float = 0.0
    period: float = 700.0
    albedo: float = 0.15
    lambert: float = 0.0
    sky: float = 20.0
    noise: float = 1.0
    noise_slope: float = 0.01
    offset: tuple[float, float] = (0.37, 0.21)
    margin: float = 1.6
    seed: int = 1


@dataclass(frozen=True)
class Truth:
    centre_column: float
    centre_line: float
    semi_column: float
    semi_line: float
    signal: float
    weight: np.ndarray


def _radiance(x: np.ndarray, y: np.ndarray, scene: Sphere) -> np.ndarray:
    """Of the unit disk, at image coordinates in disk radii; zero outside. Near the limb of the lit side it is nowhere zero."""
    square = x * x + y * y
    inside = square < 1
    emission = np.sqrt(np.clip(1 - square, 0, None))
    phase, turn = np.radians(abs(scene.phase_deg)), np.radians(scene.sun_angle_deg)
    incidence = np.clip(np.sin(phase) * (x * np.cos(turn) + y * np.sin(turn)) + np.cos(phase) * emission, 0, None)
    seeliger = 2 * incidence / (incidence + emission + 1e-12)
    rng = np.random.default_rng(scene.seed)
    texture = np.ones_like(x)
    for _ in range(12 if scene.albedo else 0):
        kx, ky, shift = *rng.normal(0, 6, 2), rng.uniform(0, 2 * np.pi)
        texture += scene.albedo / np.sqrt(6) * np.sin(kx * x + ky * y + shift)
    law = (1 - scene.lambert) * seeliger + scene.lambert * incidence
    return np.where(inside, scene.brightness * np.clip(texture, 0.1, None) * law, 0.0)


def sphere_counts(scene: Sphere, samples: int = 3) -> tuple[np.ndarray, np.ndarray, Truth]:
    """Counts (line, column), the scan rate of each line (mean of the disk = 1) and the truth."""
    a, b = scene.semi_column, scene.semi_column * scene.oversampling
    columns, lines = int(2 * a * 1.35), int(2 * b * scene.margin)
    rate = 1 + scene.variation * np.sin(2 * np.pi * np.arange(lines) / scene.period)
    edges = np.concatenate([[0.0], np.cumsum(rate)])
    middle = lines / 2 + scene.offset[1]
    top, bottom = middle - b, middle + b
    # the mean rate of the lines that the disk covers is one
    for _ in range(3):
        ends = np.interp([top, bottom], np.arange(lines + 1), edges)
        rate, edges = rate * 2 * b / (ends[1] - ends[0]), edges * 2 * b / (ends[1] - ends[0])
        centre = np.interp(middle, np.arange(lines + 1), edges)
        top, bottom = np.interp([centre - b, centre + b], edges, np.arange(lines + 1))
    sub = (np.arange(samples) + 0.5) / samples
    x = ((np.arange(columns)[:, np.newaxis] + sub).ravel() - columns / 2 - scene.offset[0]) / a
    fine_line = (np.arange(lines)[:, np.newaxis] + sub).ravel()
    y = (np.interp(fine_line, np.arange(lines + 1), edges) - centre) / b
    image = np.empty((lines, columns))
    for first in range(0, lines, 64):
        block = _radiance(
            *np.broadcast_arrays(x[np.newaxis, :], y[first * samples : (first + 64) * samples, np.newaxis]), scene
        )
        image[first : first + 64] = block.reshape(-1, samples, columns, samples).mean(axis=(1, 3))
    # the weights differ from line to line: the sum that calibrates is that of the blurred image
    image = gaussian_filter(image, scene.psf)
    truth = Truth(
        columns / 2 + scene.offset[0] - 0.5, middle - 0.5, a, b, float((image.sum(axis=1) * rate).sum()), rate
    )
    if scene.noise:
        rng = np.random.default_rng([scene.seed, 7])
        image = image + rng.normal(0, np.sqrt(scene.noise**2 + scene.noise_slope * image))
        image = np.round(image + scene.sky)
    else:
        image = image + scene.sky
    return image, rate, truth


def make_sensor(bands: list[str]) -> Sensor:
    band = Band(centre="550 nm", width="40 nm", time_offset="0 s", noise_floor="1 DN", noise_slope="0.01 DN")
    sensor = Sensor(
        name="synthetic",
        platform="NONE",
        title="synthetic",
        pixel_angle_across="7.36 urad",
        pixel_angle_along="7.36 urad",
        line_period="1 ms",
        columns=5200,
        bits=16,
        saturation="60000 DN",
        dark_level="20 DN",
        responses="none.csv",
        bands=dict.fromkeys(bands, band),
        phases=[Phase(name="P", start="2020-01-01", altitude="720 km", descending_node="10:30")],
        reference_band=bands[0],
    )
    wavelength = np.arange(500.0, 601.0, 5.0)
    response = xr.DataArray(
        np.exp(-(((wavelength - 550) / 20) ** 2)) * np.ones((len(bands), 1)),
        dims=("band", "wavelength"),
        coords={"band": bands, "wavelength": wavelength},
        attrs={"units": "1"},
    )
    object.__setattr__(sensor, "__dict__", {**sensor.__dict__, "response": response})
    return sensor


def per_band(bands: list[str], value: float, units: str) -> xr.DataArray:
    return xr.DataArray(np.full(len(bands), value), dims="band", coords={"band": bands}, attrs={"units": units})


@dataclass(frozen=True)
class Case:
    acquisition: Acquisition
    sensor: Sensor
    sun: xr.Dataset
    truth: dict[str, Truth]


@pytest.fixture
def moon(tmp_path: Path) -> Callable[..., Case]:
    """`moon(scene)` or `moon({band: scene}, touch=...)`: the scene as an acquisition on disk; `touch` may change the counts before they are written."""

    def build(
        scenes: Sphere | dict[str, Sphere],
        touch: Callable[[np.ndarray], np.ndarray] = lambda counts: counts,
        rates: bool = True,
    ) -> Case:
        scenes = {"B1": scenes} if isinstance(scenes, Sphere) else scenes
        images, truths = {}, {}
        for name, scene in scenes.items():
            counts, rate, truths[name] = sphere_counts(scene)
            images[name] = write_band(tmp_path / f"{name}.tif", touch(counts), rate if rates else None, scene)
        names, scene = list(scenes), next(iter(scenes.values()))
        acquisition = Acquisition(
            "M1",
            "synthetic",
            "moon",
            tmp_path,
            images,
            {name: f"{name:0>64}" for name in names},
            np.array([1.0, 0, 0]),
            np.array([0, 1.0, 0]),
        )
        sun = xr.Dataset(
            {
                "sun_angle": per_band(names, scene.sun_angle_deg, "deg"),
                "north_angle": per_band(names, 90.0, "deg"),
                "phase": per_band(names, scene.phase_deg, "deg"),
                "apparent_radius": per_band(names, RADIUS_RAD, "rad"),
            }
        )
        return Case(acquisition, make_sensor(names), sun, truths)

    return build


def write_band(path: Path, counts: np.ndarray, rate: np.ndarray | None, scene: Sphere) -> BandImage:
    values = np.clip(np.round(counts), 0, 65535).astype(np.uint16)
    profile = {
        "driver": "GTiff",
        "height": values.shape[0],
        "width": values.shape[1],
        "count": 1,
        "dtype": "uint16",
        "compress": "deflate",
    }
    with rasterio.open(path, "w", **profile) as target:
        target.write(values, 1)
    raster = Raster(path, values.shape[0], values.shape[1], "uint16", 16)
    mean_rate = RADIUS_RAD / (scene.semi_column * scene.oversampling) / 1e-3
    return BandImage(
        raster, np.datetime64("2020-03-01T00:00:00", "ns"), 1e-3, None if rate is None else rate * mean_rate
    )


def large_case(path: str, pixel_rad: float, oversampling: float) -> tuple[Acquisition, Sensor, xr.Dataset]:
    """One band of a file that exists, lit from +column up to a quarter of the radius beyond the centre, scanned evenly; for measurements of memory."""
    with rasterio.open(path) as source:
        raster = Raster(Path(path), source.height, source.width, "uint16", source.block_shapes[0][0])
    rate = np.full(raster.lines, pixel_rad / oversampling / 1e-3)
    image = BandImage(raster, np.datetime64("2020-03-01T00:00:00", "ns"), 1e-3, rate)
    axes = np.array([1.0, 0, 0]), np.array([0, 1.0, 0])
    acquisition = Acquisition("L1", "synthetic", "moon", Path(path).parent, {"B1": image}, {"B1": "0" * 64}, *axes)
    sensor = make_sensor(["B1"])
    object.__setattr__(
        sensor, "__dict__", {**sensor.__dict__, "pixel_angle_across": pixel_rad, "pixel_angle_along": pixel_rad}
    )
    return (
        acquisition,
        sensor,
        xr.Dataset({"sun_angle": per_band(["B1"], 0.0, "deg"), "phase": per_band(["B1"], 75.5, "deg")}),
    )
