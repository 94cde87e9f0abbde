"""From radiance to counts: gain, dark level, non-uniformity, defects, cosmic hits, noise, quantisation, saturation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calib.sensor import Sensor
from calib.simulate.scene import MoonScene


@dataclass(frozen=True)
class Defects:
    """What is wrong in one band image: columns with a dark offset (DN), dead or stuck columns and pixels, pixels hit by a particle."""

    spike_columns: dict[int, float]
    columns: list[int]
    pixels: list[tuple[int, int]]
    cosmic: list[tuple[int, int]]


def dark_level(scene: MoonScene, sensor: Sensor, columns: int) -> np.ndarray:
    """Dark level of each column without its spikes, DN: the sensor's, with the scene's slope from the first to the last column."""
    return np.asarray(sensor.dark_level + scene.dark_slope * np.linspace(-0.5, 0.5, columns))


def expose(
    radiance: np.ndarray, gain: float, scene: MoonScene, sensor: Sensor, band: str
) -> tuple[np.ndarray, Defects]:
    """Counts (uint16) of a radiance image (line, column) in W m-2 sr-1 um-1 for a true gain in DN per that, and the defects put in."""
    lines, columns = radiance.shape
    rng = scene.random(sensor, band, "prnu")
    signal = radiance * (gain * (1.0 + scene.prnu_rms * rng.standard_normal(columns)))
    if scene.noise:
        model = sensor.bands[band]
        sigma = np.sqrt(model.noise_floor**2 + model.noise_slope * np.maximum(signal, 0.0))
        sigma *= scene.random(sensor, band, "noise").standard_normal(signal.shape)
        signal += sigma
        del sigma
    signal += dark_level(scene, sensor, columns)
    rng = scene.random(sensor, band, "spike")
    spikes = {
        int(c): scene.spike_level * float(rng.uniform(0.5, 1.5)) for c in _some(rng, columns, scene.spike_columns)
    }
    for column, offset in spikes.items():
        signal[:, column] += offset
    cosmic = _hit(signal, scene, scene.random(sensor, band, "cosmic"))
    counts = np.clip(np.round(signal, out=signal), 0, sensor.saturation).astype(np.uint16)
    rng = scene.random(sensor, band, "defect")
    dead = [int(column) for column in _some(rng, columns, scene.defective_columns)]
    stuck = [
        (int(place) // columns, int(place) % columns) for place in _some(rng, lines * columns, scene.defective_pixels)
    ]
    for column in dead:
        counts[:, column] = 0
    for line, column in stuck:
        counts[line, column] = rng.choice([0, int(sensor.saturation)])
    return counts, Defects(spikes, dead, stuck, cosmic)


def _some(rng: np.random.Generator, population: int, count: int) -> np.ndarray:
    return np.sort(rng.choice(population, size=min(count, population), replace=False)) if count else np.empty(0, int)


def _hit(signal: np.ndarray, scene: MoonScene, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Add short tracks of one to three pixels along a line, and name their pixels."""
    lines, columns = signal.shape
    hit = []
    for _ in range(scene.cosmic_hits):
        line, column, length = (int(rng.integers(top)) for top in (lines, columns, 3))
        for place in range(column, min(columns, column + length + 1)):
            signal[line, place] += scene.cosmic_level * float(rng.uniform(0.3, 1.0))
            hit.append((line, place))
    return hit
