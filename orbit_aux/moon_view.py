"""The Moon as a satellite sees it: angles, distances, directions, and the guards of a lunar acquisition."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from orbit_aux.bodies import earth_barycentric_position, moon_axes, moon_position, sun_position
from orbit_aux.constants import (
    ASTRONOMICAL_UNIT_M,
    MOON_RADIUS_M,
    SPEED_OF_LIGHT_MS,
    SUN_RADIUS_M,
    WGS84_EQUATORIAL_RADIUS_M,
    WGS84_POLAR_RADIUS_M,
)
from orbit_aux.ephemeris_table import ephemeris_of
from orbit_aux.errors import OrbitError
from orbit_aux.frames import angle_between
from orbit_aux.time import Times

# the Earth's shadow is larger than geometry says, by the atmosphere
_SHADOW_ENLARGEMENT = 1.02
# observers on the ground stand a little below the ellipsoid at places, and its axis a little beside that of GCRF
_GROUND_TOLERANCE_M = 1_000.0

Vectors = NDArray[np.float64]


class _View(NamedTuple):
    """Vectors from the centre of the Moon, GCRF axes, m, and the rotation to the lunar axes."""

    observer: Vectors
    sun: Vectors
    axes: NDArray[np.float64]


def moon_geometry(times: Times, observer_gcrf_m: ArrayLike, *, light_time: bool = False) -> xr.Dataset:
    """Geometry of the Moon for an observer at `observer_gcrf_m` (n, 3), m from the centre of the Earth, over dim "time".

    phase (deg): Sun-Moon-observer angle, negative before full Moon (waxing), positive after. observer_latitude,
    observer_longitude, sun_latitude, sun_longitude (deg): planetocentric selenographic sub-points, east positive,
    mean-Earth/polar-axis frame. moon_distance (km): observer to the centre of the Moon; sun_distance (au): Sun to Moon.
    apparent_radius (rad): asin(1737.4 km / moon_distance). moon_direction, sun_from_moon, lunar_north: unit vectors in
    GCRF, dims ("time", "axis"), from observer to Moon, from Moon to Sun, and along the north pole of the Moon.

    Geometric by default (no light time, no aberration), as the lunar irradiance models want it; `light_time` takes the
    Moon, its rotation and the sunlight it returns at the time they left.
    """
    observer = _observer(times, observer_gcrf_m)
    view = _retarded_view(times, observer) if light_time else _geometric_view(times, observer)
    distance_m = np.linalg.norm(view.observer, axis=1)
    observer_longitude, observer_latitude = _selenographic_deg(view.axes, view.observer)
    sun_longitude, sun_latitude = _selenographic_deg(view.axes, view.sun)
    elongation = np.linalg.norm(np.cross(view.observer, view.sun), axis=1), np.sum(view.observer * view.sun, axis=1)
    # before full Moon the Sun stands east of the observer's sub-point
    waxing = (sun_longitude - observer_longitude) % 360.0 < 180.0
    phase = np.where(waxing, -1.0, 1.0) * np.degrees(np.arctan2(*elongation))
    scalars = {
        "phase": (phase, "deg"),
        "observer_latitude": (observer_latitude, "deg"),
        "observer_longitude": (observer_longitude, "deg"),
        "sun_latitude": (sun_latitude, "deg"),
        "sun_longitude": (sun_longitude, "deg"),
        "moon_distance": (distance_m / 1e3, "km"),
        "sun_distance": (np.linalg.norm(view.sun, axis=1) / ASTRONOMICAL_UNIT_M, "au"),
        "apparent_radius": (np.arcsin(MOON_RADIUS_M / distance_m), "rad"),
    }
    vectors = {"moon_direction": -view.observer, "sun_from_moon": view.sun, "lunar_north": view.axes[:, 2]}
    variables = {name: ("time", values, {"units": units}) for name, (values, units) in scalars.items()} | {
        name: (("time", "axis"), _unit(values), {"units": "1", "frame": "GCRF"}) for name, values in vectors.items()
    }
    coordinates = {"time": ("time", times.utc_datetime64(), {"scale": "UTC"}), "axis": ["x", "y", "z"]}
    return xr.Dataset(variables, coordinates, _convention(times, light_time))


def image_angle(direction: ArrayLike, column_axis: ArrayLike, line_axis: ArrayLike) -> NDArray[np.float64]:
    """Position angle (rad, -pi..pi) of a direction in the image plane, from +column towards +line.

    All three are vectors (..., 3) in one frame (GCRF); the axes are the unit vectors of the sky along which the column
    and the line number grow. Only the part of `direction` in their plane counts.
    """
    along = np.asarray(direction, dtype=np.float64)
    column = np.sum(along * np.asarray(column_axis, dtype=np.float64), axis=-1)
    line = np.sum(along * np.asarray(line_axis, dtype=np.float64), axis=-1)
    angle: NDArray[np.float64] = np.arctan2(line, column)
    return angle


def lunar_eclipse(times: Times) -> xr.DataArray:
    """Margin (deg, dim "time") between the Moon and the Earth's penumbra: negative while any part of the Moon is in it.

    Angle at the centre of the Earth between Moon and anti-Sun, minus the penumbra's radius (enlarged by 2 % of the
    Moon's parallax) and the Moon's own.
    """
    moon, sun = moon_position(times), sun_position(times)
    angle = angle_between(moon, -sun)
    moon_m, sun_m = np.linalg.norm(moon, axis=1), np.linalg.norm(sun, axis=1)
    limit = (
        _SHADOW_ENLARGEMENT * np.arcsin(WGS84_EQUATORIAL_RADIUS_M / moon_m)
        + np.arcsin(WGS84_EQUATORIAL_RADIUS_M / sun_m)
        + np.arcsin(SUN_RADIUS_M / sun_m)
        + np.arcsin(MOON_RADIUS_M / moon_m)
    )
    return _series(times, np.degrees(angle - limit), "lunar_eclipse_margin", "deg")


def earth_clearance(times: Times, observer_gcrf_m: ArrayLike) -> xr.DataArray:
    """Least height (km, dim "time") of the line of sight to the Moon over the Earth; negative where the Earth hides it.

    Over a sphere of the equatorial radius, which errs on the safe side by up to 21 km.
    """
    observer = _observer(times, observer_gcrf_m)
    direction = _unit(moon_position(times) - observer)
    # a line of sight that rises from the start is lowest at the observer
    advance = np.maximum(0.0, -np.sum(observer * direction, axis=1))[:, None]
    height_m = np.linalg.norm(observer + advance * direction, axis=1) - WGS84_EQUATORIAL_RADIUS_M
    return _series(times, height_m / 1e3, "earth_clearance", "km")


def behind_earth(times: Times, observer_gcrf_m: ArrayLike) -> xr.DataArray:
    """Whether the Earth hides the centre of the Moon (dim "time"), by the WGS84 ellipsoid with 1 km of tolerance, refraction left out."""
    stretch = np.array([1.0, 1.0, WGS84_EQUATORIAL_RADIUS_M / WGS84_POLAR_RADIUS_M])
    observer = _observer(times, observer_gcrf_m) * stretch
    direction = _unit(moon_position(times) * stretch - observer)
    advance = np.maximum(0.0, -np.sum(observer * direction, axis=1))[:, None]
    lowest_m = np.linalg.norm(observer + advance * direction, axis=1)
    hidden = lowest_m < WGS84_EQUATORIAL_RADIUS_M - _GROUND_TOLERANCE_M
    coordinates = {"time": ("time", times.utc_datetime64(), {"scale": "UTC"})}
    return xr.DataArray(hidden, coordinates, ("time",), "behind_earth")


def _observer(times: Times, observer_gcrf_m: ArrayLike) -> Vectors:
    observer = np.asarray(observer_gcrf_m, dtype=np.float64)
    if observer.shape != (len(times), 3):
        raise OrbitError(f"observer has shape {observer.shape}: give ({len(times)}, 3) in m, one row per time")
    wrong = ~np.isfinite(observer).all(axis=1)
    if wrong.any():
        raise OrbitError(f"observer at {times[wrong][:1].utc_strings()[0]} is not finite: give its GCRF position in m")
    radius_m = np.linalg.norm(observer, axis=1)
    # the geocentre itself is a lawful observer (predictions without an orbit); kilometres for metres are not
    low = (radius_m < 6.3e6) & (radius_m > 0)
    if low.any():
        first = int(np.argmax(low))
        raise OrbitError(
            f"observer at {times[first].utc_strings()[0]} is {radius_m[first]:.7g} m from the centre of the Earth: "
            "give GCRF metres, not kilometres"
        )
    return observer


def _geometric_view(times: Times, observer: Vectors) -> _View:
    moon = moon_position(times)
    return _View(observer - moon, sun_position(times) - moon, moon_axes(times))


def _retarded_view(times: Times, observer: Vectors) -> _View:
    """All vectors between barycentric places: the Earth moves 38 km while the light comes from the Moon."""
    observer_place = earth_barycentric_position(times) + observer
    left_moon, moon_place = times, earth_barycentric_position(times) + moon_position(times)
    # the Moon moves 1 km/s against the Earth: the second pass leaves less than 0.1 m
    for _ in range(3):
        delay_s = np.linalg.norm(observer_place - moon_place, axis=1) / SPEED_OF_LIGHT_MS
        left_moon = times + (-delay_s)
        moon_place = earth_barycentric_position(left_moon) + moon_position(left_moon)
    # the Sun moves 13 m/s about the barycentre: 8 minutes known to a second are ample
    sun_delay_s = np.linalg.norm(sun_position(left_moon) - moon_position(left_moon), axis=1) / SPEED_OF_LIGHT_MS
    left_sun = left_moon + (-sun_delay_s)
    sun_place = earth_barycentric_position(left_sun) + sun_position(left_sun)
    return _View(observer_place - moon_place, sun_place - moon_place, moon_axes(left_moon))


def _selenographic_deg(axes: NDArray[np.float64], vectors: Vectors) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, y, z = np.einsum("nij,nj->in", axes, _unit(vectors))
    return np.degrees(np.arctan2(y, x)), np.degrees(np.arcsin(z))


def _unit(vectors: Vectors) -> Vectors:
    unit: Vectors = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return unit


def _series(times: Times, values: NDArray[np.float64], name: str, units: str) -> xr.DataArray:
    coordinates = {"time": ("time", times.utc_datetime64(), {"scale": "UTC"})}
    return xr.DataArray(values, coordinates, ("time",), name, {"units": units})


def _convention(times: Times, light_time: bool) -> dict[str, str]:
    light = "one-way light time, no aberration" if light_time else "geometric: no light time, no aberration"
    return {
        "convention": light,
        "phase_sign": "negative before full Moon (waxing), positive after",
        "selenographic_frame": "mean Earth / polar axis, planetocentric, east positive (Archinal et al. 2011)",
        "vector_frame": "GCRF",
        "moon_ephemeris": ephemeris_of(times),
        "sun_ephemeris": ephemeris_of(times),
    }
