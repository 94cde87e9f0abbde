"""A map of the Moon that looks like the Moon: maria at their places, bright ray craters, highlands with texture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from scipy.ndimage import map_coordinates

#: name: east longitude, latitude, radius in degrees, darkness (1 = full mare). Approximate figures of the public gazetteer; long maria in pieces
MARIA: dict[str, tuple[tuple[float, float, float, float], ...]] = {
    "Imbrium": ((-16.0, 34.0, 18.0, 1.0),),
    "Serenitatis": ((17.5, 27.5, 11.0, 1.0),),
    "Tranquillitatis": ((29.0, 8.5, 12.5, 1.0), (38.0, 11.0, 7.0, 1.0)),
    "Crisium": ((57.5, 17.0, 7.5, 1.0), (61.0, 17.0, 7.0, 1.0)),
    "Fecunditatis": ((52.0, -4.0, 10.0, 0.9), (51.0, -13.0, 8.0, 0.9)),
    "Nectaris": ((34.5, -15.2, 6.0, 0.9),),
    "Nubium": ((-16.6, -20.6, 10.5, 0.85),),
    "Humorum": ((-38.6, -24.4, 6.8, 1.0),),
    "Cognitum": ((-23.0, -10.5, 6.5, 0.9),),
    "Insularum": ((-30.0, 6.5, 8.5, 0.75),),
    "Procellarum": (
        (-52.0, 3.0, 15.0, 1.0),
        (-58.0, 20.0, 13.5, 1.0),
        (-62.0, 36.0, 9.0, 1.0),
        (-45.0, -12.0, 9.0, 0.9),
    ),
    "Roris": ((-52.0, 50.0, 8.0, 0.9),),
    "Iridum": ((-31.5, 44.5, 4.5, 1.0),),
    "Frigoris": tuple((float(lon), 57.0 + 2.0 * np.cos(lon / 25.0), 4.5, 0.8) for lon in range(-38, 40, 6)),
    "Vaporum": ((3.6, 13.3, 4.5, 0.85),),
    "Aestuum": ((-8.8, 10.9, 4.5, 0.85),),
    "Medii": ((1.7, 2.4, 4.5, 0.75),),
    "Somniorum": ((30.0, 38.0, 5.0, 0.6),),
    "Humboldtianum": ((81.0, 57.0, 4.0, 0.8),),
    "Marginis": ((86.0, 13.0, 5.5, 0.7),),
    "Smythii": ((87.0, -1.5, 6.0, 0.8),),
    "Australe": ((91.0, -47.0, 9.0, 0.5),),
    "Orientale": ((-94.0, -19.5, 5.0, 0.8),),
    "Grimaldi": ((-68.3, -5.4, 2.8, 1.0),),
    "Plato": ((-9.3, 51.6, 1.8, 1.0),),
}
#: young craters: east longitude, latitude, radius of the bright floor and of the rays in degrees, brightness
RAYED = (
    (-11.4, -43.3, 1.6, 36.0, 1.0),
    (-20.1, 9.6, 1.7, 11.0, 0.9),
    (-38.0, 8.1, 0.8, 8.0, 0.9),
    (-47.5, 23.7, 0.9, 6.0, 1.2),
    (46.8, 16.1, 0.7, 7.0, 0.9),
    (61.0, -8.9, 2.2, 5.0, 0.5),
    (60.8, -30.0, 1.0, 9.0, 0.6),
    (16.6, -0.2, 0.7, 4.0, 0.4),
    (39.3, -36.0, 0.9, 8.0, 0.4),
    (-62.0, 72.0, 1.0, 12.0, 0.5),
)
#: there is one Moon: its texture does not depend on the scene
_SEED = 1969
_LATTICE = 32
_OCTAVES = 6
_CRATERS = 1500


@dataclass(frozen=True)
class AlbedoMap:
    """Plate-carrée maps over (latitude -90..90, longitude -180..180), cell centres: relative brightness, and how much of each cell is mare."""

    brightness: np.ndarray
    mare: np.ndarray

    def sample(self, points: np.ndarray, mare_ratio: float) -> np.ndarray:
        """Relative albedo (highlands about 1) at unit vectors (3, ...) in selenographic axes; `mare_ratio` is mare over highland in the band."""
        height, width = self.brightness.shape
        row = (np.arcsin(np.clip(points[2], -1, 1)) / np.pi + 0.5) * height - 0.5
        column = (np.arctan2(points[1], points[0]) / (2 * np.pi) + 0.5) * width - 0.5
        where = np.stack([np.clip(row, 0, height - 1), column])
        brightness = map_coordinates(self.brightness, where, order=1, mode="grid-wrap")
        mare = map_coordinates(self.mare, where, order=1, mode="grid-wrap")
        return np.asarray(brightness * (1.0 - mare * (1.0 - mare_ratio)), dtype=float)


def mare_ratio(wavelength_nm: float) -> float:
    """Brightness of maria over highlands: maria are a little redder in the blue and level off in the near infrared (a default, of the right order)."""
    return float(np.interp(wavelength_nm, [400.0, 550.0, 700.0, 950.0], [0.47, 0.51, 0.54, 0.55]))


@lru_cache(maxsize=2)
def lunar_map(width: int) -> AlbedoMap:
    """The map with `width` cells in longitude and half as many in latitude. The features do not depend on the width, only their detail."""
    latitude = np.deg2rad((np.arange(width // 2) + 0.5) * 360.0 / width - 90.0)
    longitude = np.deg2rad((np.arange(width) + 0.5) * 360.0 / width - 180.0)
    points = np.empty((3, width // 2, width), dtype=np.float32)
    points[0] = np.cos(latitude)[:, None] * np.cos(longitude)
    points[1] = np.cos(latitude)[:, None] * np.sin(longitude)
    points[2] = np.sin(latitude)[:, None]
    rng = np.random.default_rng(_SEED)
    coarse, fine = _noise(points, rng, 2, 3), _noise(points, rng, 8, _OCTAVES)
    mare = _mare(points, coarse + 0.5 * fine)
    texture = 1.0 + 0.06 * coarse + 0.13 * fine * (1.0 - 0.5 * mare)
    brightness = (texture + _rays(points, fine)) * _craters(points, mare, rng)
    return AlbedoMap(np.clip(brightness, 0.3, 2.5).astype(np.float32), mare.astype(np.float32))


def _noise(points: np.ndarray, rng: np.random.Generator, frequency: int, octaves: int) -> np.ndarray:
    """Smooth noise on the sphere, about -1..1: random lattices in space, finer and weaker from octave to octave; no seam and no pole."""
    total = np.zeros(points.shape[1:], dtype=np.float32)
    for octave in range(octaves):
        lattice = rng.uniform(-1, 1, (_LATTICE, _LATTICE, _LATTICE)).astype(np.float32)
        where = (points * (frequency * 2**octave) + rng.uniform(0, _LATTICE, 3)[:, None, None]).astype(np.float32)
        total += map_coordinates(lattice, where, order=1, mode="grid-wrap", prefilter=False) * 0.65**octave
    return total


def _direction(longitude_deg: float, latitude_deg: float) -> np.ndarray:
    lon, lat = np.deg2rad([longitude_deg, latitude_deg])
    return np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], dtype=np.float32)


def _distance_deg(points: np.ndarray, longitude_deg: float, latitude_deg: float) -> np.ndarray:
    cosine = np.tensordot(_direction(longitude_deg, latitude_deg), points, axes=1)
    return np.asarray(np.rad2deg(np.arccos(np.clip(cosine, -1, 1))))


def _window(points: np.ndarray, longitude_deg: float, latitude_deg: float, radius_deg: float) -> tuple[Any, ...]:
    """Index of the cells of a map that may lie within `radius_deg` of a place, longitudes wrapped."""
    _, height, width = points.shape
    step = 360.0 / width
    first = max(0, int((latitude_deg - radius_deg + 90) / step))
    stop = min(height, int((latitude_deg + radius_deg + 90) / step) + 2)
    # meridians converge: beyond the pole the window takes the whole circle
    polar = np.deg2rad(min(90.0, abs(latitude_deg) + radius_deg))
    half = min(180.0 - step, radius_deg / max(float(np.cos(polar)), 1e-3))
    begin, end = int((longitude_deg - half + 180) / step), int((longitude_deg + half + 180) / step) + 1
    return np.ix_(np.arange(first, stop), np.arange(begin, min(end, begin + width)) % width)


def _mare(points: np.ndarray, unevenness: np.ndarray) -> np.ndarray:
    """Share of mare, 0..1, with ragged shores."""
    share = np.zeros(points.shape[1:], dtype=np.float32)
    for pieces in MARIA.values():
        for longitude, latitude, radius, darkness in pieces:
            raggedness = 1.5 + 0.3 * radius
            window = _window(points, longitude, latitude, radius + 1.3 * raggedness + 2.0)
            distance = _distance_deg(points[(slice(None), *window)], longitude, latitude)
            depth = radius - distance + raggedness * np.clip(unevenness[window], -1.3, 1.3)
            share[window] = np.maximum(share[window], darkness * _step(depth / 2.0))
    return np.asarray(share * (1.0 + 0.06 * unevenness).clip(0, 1))


def _step(x: np.ndarray) -> np.ndarray:
    t = np.clip(0.5 + 0.5 * x, 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def _rays(points: np.ndarray, fine: np.ndarray) -> np.ndarray:
    """Added brightness of young craters and of the rays that leave them."""
    total = np.zeros(points.shape[1:], dtype=np.float32)
    for index, (longitude, latitude, floor, reach, bright) in enumerate(RAYED):
        window = _window(points, longitude, latitude, 2.0 * reach)
        patch = points[(slice(None), *window)]
        centre, distance = _direction(longitude, latitude), _distance_deg(patch, longitude, latitude)
        east = np.cross([0.0, 0.0, 1.0], centre)
        azimuth = np.arctan2(np.tensordot(np.cross(centre, east), patch, axes=1), np.tensordot(east, patch, axes=1))
        star = (
            np.cos(9 * azimuth + index) + np.cos(14 * azimuth - 2 * index) + 0.7 * np.cos(23 * azimuth + fine[window])
        )
        # the rays fade out at the border of the window
        fade = np.exp(-distance / (0.45 * reach)) * _step(1.0 - distance / reach)
        rays = np.clip(star - 0.9, 0, None) * fade * (distance > floor)
        total[window] += bright * (0.45 * np.exp(-((distance / (1.4 * floor)) ** 2)) + 0.16 * rays).astype(np.float32)
    return total


def _craters(points: np.ndarray, mare: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Factor of many small craters: a darker floor inside a brighter rim, radii by a power law, weaker on the maria."""
    factor = np.ones(points.shape[1:], dtype=np.float32)
    sines, longitudes = rng.uniform(-1, 1, _CRATERS), rng.uniform(-180, 180, _CRATERS)
    radii = np.minimum(0.35 * rng.uniform(0, 1, _CRATERS) ** (-1 / 2.0), 3.5)
    for latitude, longitude, radius in zip(np.rad2deg(np.arcsin(sines)), longitudes, radii, strict=True):
        window = _window(points, longitude, latitude, 1.8 * radius)
        x = _distance_deg(points[(slice(None), *window)], longitude, latitude) / radius
        relief = np.exp(-(((x - 1.0) / 0.25) ** 2)) - np.exp(-((x / 0.7) ** 4))
        factor[window] *= 1.0 + 0.10 * (1.0 - 0.8 * mare[window]) * relief
    return factor
