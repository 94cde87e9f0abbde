"""The Moon as one band sees it: a sphere seen from afar, lit by the Sun, scanned line after line."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from calib.errors import RequestError
from calib.simulate.albedo import AlbedoMap

#: samples across a pixel at the limb, in each direction
SAMPLES = 4
_STRIP_PIXELS = 1_000_000


@dataclass(frozen=True)
class Scan:
    """The scan rate over time, s after the reference: a mean and a sine, the same for all bands."""

    mean_rad_s: float
    variation: float = 0.0
    period_s: float = 1.0
    phase_rad: float = 0.0

    def rate(self, time_s: np.ndarray) -> np.ndarray:
        """rad/s."""
        wave = np.sin(2 * np.pi * np.asarray(time_s) / self.period_s + self.phase_rad)
        return np.asarray(self.mean_rad_s * (1.0 + self.variation * wave))

    def angle(self, time_s: np.ndarray | float) -> np.ndarray:
        """The integral of the rate from the reference on, rad."""
        turn = self.period_s / (2 * np.pi)
        time = np.asarray(time_s, dtype=float)
        wave = np.cos(self.phase_rad) - np.cos(time / turn + self.phase_rad)
        return np.asarray(self.mean_rad_s * (time + self.variation * turn * wave))


@dataclass(frozen=True)
class Moon:
    """Size, attitude and light of the Moon for one band. `axes` has the image's column, line and towards-the-observer directions as rows,
    in selenographic axes; `sun` is the unit vector to the Sun there."""

    radius_rad: float
    axes: np.ndarray
    sun: np.ndarray
    phase_deg: float
    crossing_s: float


@dataclass(frozen=True)
class Frame:
    """The sampling of one band image: line l is taken at first_line_s + l·line_period_s, column c looks at (c - centre_column)·pixel_rad."""

    lines: int
    columns: int
    first_line_s: float
    line_period_s: float
    pixel_rad: float
    centre_column: float

    def times(self) -> np.ndarray:
        """Seconds after the reference, one per line."""
        return np.asarray(self.first_line_s + np.arange(self.lines) * self.line_period_s)


def unit_vector(longitude_deg: float, latitude_deg: float) -> np.ndarray:
    """Unit vector of a place in selenographic axes."""
    lon, lat = np.deg2rad(longitude_deg), np.deg2rad(latitude_deg)
    return np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])


def moon_of_band(geometry: xr.Dataset, band: str, crossing_s: float) -> Moon:
    """The Moon from one band's geometry (angles in degrees, radius in radians, as MOON_GEOMETRY gives them).

    Whether the image is mirrored follows from the side of north on which the Sun lies; RequestError where the angles contradict each other.
    """
    at = {
        str(name): float(array)
        for name, array in geometry.sel(band=band).data_vars.items()
        if array.ndim == 0 and array.dtype.kind == "f"
    }
    observer = unit_vector(at["observer_longitude"], at["observer_latitude"])
    sun = unit_vector(at["sun_longitude"], at["sun_latitude"])
    east = np.cross([0.0, 0.0, 1.0], observer)
    east /= np.linalg.norm(east)
    north = np.cross(observer, east)
    # angle of the Sun from north towards east; in the image it counts positive, or negative in a mirrored image
    from_north = np.rad2deg(np.arctan2(sun @ east, sun @ north))
    faults = {sign: _wrapped(at["sun_angle"] - at["north_angle"] - sign * from_north) for sign in (1, -1)}
    sign = min(faults, key=lambda item: abs(faults[item]))
    # the direction of the Sun is ill defined near full Moon
    if np.hypot(sun @ east, sun @ north) > 0.03 and abs(faults[sign]) > 3.0:
        raise RequestError(
            f"geometry of {band}: sun_angle {at['sun_angle']:.2f} and north_angle {at['north_angle']:.2f} deg contradict the places of Sun and"
            f" observer on the Moon by {faults[sign]:.1f} deg; compute all of them at one time and position"
        )
    angle = np.deg2rad(at["north_angle"])
    column = np.cos(angle) * north - sign * np.sin(angle) * east
    line = np.sin(angle) * north + sign * np.cos(angle) * east
    return Moon(at["apparent_radius"], np.stack([column, line, observer]), sun, at["phase"], crossing_s)


def _wrapped(angle_deg: float) -> float:
    return (angle_deg + 180.0) % 360.0 - 180.0


def raw_radiance(
    moon: Moon,
    frame: Frame,
    scan: Scan,
    albedo: AlbedoMap,
    mare_ratio: float,
    shift: tuple[float, float] = (0.0, 0.0),
    relief: np.ndarray | None = None,
) -> np.ndarray:
    """Relative radiance over (line, column), before the optics and without scale; `shift` moves the Moon by (columns, rad along the scan).

    `relief`: complex amplitudes, in radii, of the waves of the limb's height around the disk.

    Pixels are as long as the scan advances in a line. Those that the limb may cross are integrated over `SAMPLES` samples in each direction, of
    which each counts by its share on the disk; the others show the ground at their centre.
    """
    image = np.zeros((frame.lines, frame.columns))
    times = frame.times()
    step = scan.rate(times) * frame.line_period_s / moon.radius_rad
    y = (scan.angle(times) - scan.angle(moon.crossing_s) - shift[1]) / moon.radius_rad
    width = frame.pixel_rad / moon.radius_rad
    x = (np.arange(frame.columns) - frame.centre_column - shift[0]) * width
    lines, columns = np.flatnonzero(abs(y) < 1.0 + step), np.flatnonzero(abs(x) < 1.0 + width)
    if lines.size == 0 or columns.size == 0:
        return image
    window = slice(columns[0], columns[-1] + 1)
    strip = max(1, _STRIP_PIXELS // columns.size)
    for first in range(lines[0], lines[-1] + 1, strip):
        rows = slice(first, min(first + strip, lines[-1] + 1))
        image[rows, window] = _strip(moon, x[window], y[rows], (width, step[rows]), albedo, mare_ratio, relief)
    return image


def _strip(
    moon: Moon,
    x: np.ndarray,
    y: np.ndarray,
    size: tuple[float, np.ndarray],
    albedo: AlbedoMap,
    mare_ratio: float,
    relief: np.ndarray | None,
) -> np.ndarray:
    """Relative radiance at pixels centred at (y, x) in radii, of `size` (width, height per line) in radii."""
    image = np.zeros((y.size, x.size))
    rho = np.hypot(y[:, None], x)
    highest = 0.0 if relief is None else float(np.abs(relief).sum())
    reach = 0.75 * np.hypot(size[0], float(size[1].max())) + highest
    row, column = np.nonzero(rho < 1.0 - reach)
    image[row, column] = _brightness(moon, x[column], y[row], albedo, mare_ratio)
    row, column = np.nonzero(abs(rho - 1.0) <= reach)
    if row.size:
        inner = (np.arange(SAMPLES) + 0.5) / SAMPLES - 0.5
        across = (x[column][:, None, None] + size[0] * inner) * np.ones((1, SAMPLES, 1))
        along = (y[row][:, None, None] + (size[1][row][:, None] * inner)[:, :, None]) * np.ones((1, 1, SAMPLES))
        distance = np.hypot(across, along)
        # seen from the limb, a sample is about as deep as it is wide
        depth = (
            (size[0] * abs(across) + size[1][row][:, None, None] * abs(along)) / np.maximum(distance, 1e-12) / SAMPLES
        )
        limb = 1.0 + _height(np.arctan2(along, across), relief)
        cover = np.clip((limb - distance) / depth + 0.5, 0.0, 1.0)
        # a sample that straddles the limb shows the ground just inside it
        inward = np.minimum(1.0, (1.0 - 1e-6) / np.maximum(distance, 1e-12))
        image[row, column] = (cover * _brightness(moon, across * inward, along * inward, albedo, mare_ratio)).mean(
            (1, 2)
        )
    return image


def _height(angle_rad: np.ndarray, relief: np.ndarray | None) -> np.ndarray | float:
    """Of the limb above the sphere, in radii, at an angle around the disk."""
    if relief is None or not relief.any():
        return 0.0
    grid = np.linspace(-np.pi, np.pi, 16 * len(relief) + 1)
    heights = (relief * np.exp(1j * np.outer(grid, np.arange(len(relief))))).real.sum(axis=1)
    return np.asarray(np.interp(angle_rad, grid, heights))


def _brightness(moon: Moon, x: np.ndarray, y: np.ndarray, albedo: AlbedoMap, mare_ratio: float) -> np.ndarray:
    """Relative radiance at image places (x, y) on the disk, in radii from its centre."""
    emission = np.sqrt(np.maximum(0.0, 1.0 - x**2 - y**2))
    sun = moon.axes @ moon.sun
    incidence = x * sun[0] + y * sun[1] + emission * sun[2]
    brightness = np.zeros(x.shape)
    lit = incidence > 0.0
    points = moon.axes.T @ np.stack([x[lit], y[lit], emission[lit]])
    brightness[lit] = reflection(incidence[lit], emission[lit], moon.phase_deg) * albedo.sample(points, mare_ratio)
    return brightness


def reflection(incidence_cosine: np.ndarray, emission_cosine: np.ndarray, phase_deg: float) -> np.ndarray:
    """Lunar-Lambert law: Lommel-Seeliger near full Moon, more Lambertian with phase (McEwen 1996). A factor that only depends on the phase
    is left out, as the scene is scaled to the model's irradiance."""
    g = abs(phase_deg)
    share = np.clip(1.0 - 0.019 * g + 0.242e-3 * g**2 - 1.46e-6 * g**3, 0.0, 1.0)
    seeliger = 2.0 * incidence_cosine / np.maximum(incidence_cosine + emission_cosine, 1e-9)
    return np.asarray(share * seeliger + (1.0 - share) * incidence_cosine)
