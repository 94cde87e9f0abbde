"""Moon, Sun and stars as a satellite sees them: apparent directions, when they cross an array, and what is too near to something bright."""

from __future__ import annotations

from dataclasses import dataclass

import erfa
import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from orbit_aux.attitude import Attitude
from orbit_aux.bodies import earth_barycentric_position, moon_position, sun_position
from orbit_aux.constants import (
    ASTRONOMICAL_UNIT_M,
    MOON_RADIUS_M,
    SPEED_OF_LIGHT_MS,
    SUN_RADIUS_M,
    WGS84_EQUATORIAL_RADIUS_M,
)
from orbit_aux.ephemeris_table import ephemeris_of
from orbit_aux.errors import OrbitError
from orbit_aux.frames import State, angle_between
from orbit_aux.interpolation import on_time_grid
from orbit_aux.location.geolocate import Camera
from orbit_aux.location.inverse_location import aberrated, match
from orbit_aux.time import Times

Array = NDArray[np.float64]

BODIES = ("moon", "sun")
BODY_RADIUS_M = {"moon": MOON_RADIUS_M, "sun": SUN_RADIUS_M}
_VELOCITY_STEP_S = 86_400.0
_DAY_S = 86_400.0
_JULIAN_YEAR_S = 365.25 * _DAY_S
_LIGHT_TIME_STEPS = 3


@dataclass(frozen=True, eq=False)
class Stars:
    """Barycentric (ICRS) right ascension and declination, rad, of stars at `epoch`, their proper motions (that of the right ascension with the cosine of
    the declination), rad a Julian year, and parallaxes, rad; each of shape (n,)."""

    names: tuple[str, ...]
    right_ascension_rad: Array
    declination_rad: Array
    motion_rad: tuple[Array, Array]
    parallax_rad: Array
    epoch: Times

    def __post_init__(self) -> None:
        shape = (len(self.names),)
        for values in (self.right_ascension_rad, self.declination_rad, *self.motion_rad, self.parallax_rad):
            if np.shape(values) != shape or not np.isfinite(values).all():
                raise OrbitError(
                    f"stars: values of shape {np.shape(values)} for {shape[0]} names; give a finite one each"
                )


def apparent_body(body: str, state: State) -> xr.Dataset:
    """The Moon or the Sun from a satellite (n states), over dim "time".

    direction: apparent unit vector in GCRF, dims ("time", "axis"); distance (m) to where the body was when the light left; apparent_radius (rad).
    Barycentric light time, one aberration with the barycentric velocity of the satellite; no deflection of light.
    """
    true, distance_m, beta = retarded_body(body, state)
    times, direction = state.times, aberrated(true, beta)
    return xr.Dataset(
        {
            "direction": (("time", "axis"), direction, {"units": "1", "frame": "GCRF"}),
            "distance": ("time", distance_m, {"units": "m"}),
            "apparent_radius": ("time", np.arcsin(BODY_RADIUS_M[body] / distance_m), {"units": "rad"}),
        },
        {"time": ("time", times.utc_datetime64(), {"scale": "UTC"}), "axis": ["x", "y", "z"]},
        {"ephemeris": ephemeris_of(times)},
    )


def retarded_body(body: str, state: State) -> tuple[Array, Array, Array]:
    """Unit vectors (n, 3) in GCRF from the satellite to where the body was when the light left, the distances (m), and the satellite's barycentric velocity
    over c, with which `aberrated` makes directions apparent."""
    if body not in BODIES:
        raise OrbitError(f"body {body!r} is unknown: use {' or '.join(BODIES)}")
    place = moon_position if body == "moon" else sun_position
    times, inertial = state.times, state.to("GCRF")
    observer = earth_barycentric_position(times) + inertial.position_m
    left = times
    for _ in range(_LIGHT_TIME_STEPS):
        # the Earth moves 38 km while light comes from the Moon: all places are barycentric
        vector = earth_barycentric_position(left) + place(left) - observer
        distance_m = np.linalg.norm(vector, axis=1)
        left = times + -distance_m / SPEED_OF_LIGHT_MS
    return vector / distance_m[:, None], distance_m, _beta(inertial)


def apparent_stars(stars: Stars, state: State) -> xr.DataArray:
    """Apparent unit vectors in GCRF of stars from a satellite, dims ("time", "star", "axis").

    Proper motion along a straight line on the sky to the date, parallax, deflection of light by the Sun, one aberration with the barycentric velocity.
    """
    times, inertial = state.times, state.to("GCRF")
    ra, dec = np.asarray(stars.right_ascension_rad), np.asarray(stars.declination_rad)
    toward = np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)
    east = np.stack([-np.sin(ra), np.cos(ra), np.zeros_like(ra)], axis=-1)
    motion = stars.motion_rad[0][:, None] * east + stars.motion_rad[1][:, None] * np.cross(toward, east)
    observer = earth_barycentric_position(times) + inertial.position_m
    # light crosses the Earth's orbit in up to 8 minutes (Roemer): nothing to a star, but free
    years = (times - stars.epoch[np.zeros(len(times), dtype=int)]) / _JULIAN_YEAR_S
    near = stars.parallax_rad[None, :, None] * observer[:, None] / ASTRONOMICAL_UNIT_M
    vector = toward + years[:, None, None] * motion - near
    unit = vector / np.linalg.norm(vector, axis=-1, keepdims=True)
    from_sun = inertial.position_m - sun_position(times)
    sun_au = np.linalg.norm(from_sun, axis=1) / ASTRONOMICAL_UNIT_M
    heliocentric = from_sun / np.linalg.norm(from_sun, axis=1, keepdims=True)
    bent = np.asarray(erfa.ldsun(unit, heliocentric[:, None], sun_au[:, None]))
    shape = (len(times), len(stars.names), 3)
    beta = np.broadcast_to(_beta(inertial)[:, None], shape).reshape(-1, 3)
    seen = aberrated(np.broadcast_to(bent, shape).reshape(-1, 3), beta).reshape(shape)
    coordinates = {
        "time": ("time", times.utc_datetime64(), {"scale": "UTC"}),
        "star": list(stars.names),
        "axis": ["x", "y", "z"],
    }
    return xr.DataArray(seen, coordinates, ("time", "star", "axis"), "direction", {"units": "1", "frame": "GCRF"})


def to_body(attitude: Attitude, times: Times, direction_gcrf: ArrayLike) -> Array:
    """Directions (n, 3) given in GCRF at `times`, in the axes of the body."""
    return _turned(attitude.matrices(times, "GCRF"), np.asarray(direction_gcrf, dtype=np.float64))


def crossing(camera: Camera, target: str | Stars, start: Times, stop: Times) -> xr.Dataset:
    """When the Moon's or the Sun's centre, or each of some stars, crosses the lines of sight between `start` and `stop`, and in which column.

    seconds after `start`, fractional column, flag (1: does not cross) and rate (rad/s) across the array, over dim "point": the pixel's angle along the
    lines over rate times line period is the oversampling that the attitude implies. For several bands, call with the lines of sight of each.
    """
    span_s = scanned(start, stop)
    count = 1 if isinstance(target, str) else len(target.names)

    def seen(seconds: Array, rows: NDArray[np.int64]) -> Array:
        instants, at = np.unique(seconds, return_inverse=True)
        times = start[np.zeros(len(instants), dtype=int)] + instants
        state = camera.orbit.at(times, "GCRF")
        turn = camera.attitude.matrices(times, "GCRF")[at]
        if isinstance(target, str):
            return _turned(turn, apparent_body(target, state)["direction"].values[at])
        return _turned(turn, apparent_stars(target, state).values[at, rows])

    return match(camera.lines_of_sight, seen, count, start, span_s)


def scanned(start: Times, stop: Times) -> float:
    """Seconds from `start` to `stop`; refused where there are none."""
    span_s = float((stop - start)[0])
    if not span_s > 0:
        raise OrbitError(f"from {start} to {stop}: give a stop after the start")
    return span_s


def oversampling(rate_rads: ArrayLike, pixel_rad: float, line_period_s: float) -> Array:
    """Lines per pixel's angle: 1 is the nominal scan, more a slow one."""
    return np.asarray(pixel_rad / (np.asarray(rate_rads, dtype=np.float64) * line_period_s))


def exclusion(state: State, direction_gcrf: ArrayLike, limits_deg: dict[str, float]) -> xr.Dataset:
    """Angles (deg) from directions (n, 3) seen by a satellite to the Sun's and the Moon's centre and the Earth's limb, over dim "time".

    earth_limb is negative where the Earth (a sphere of the equatorial radius) is looked at. For each name in `limits_deg` (sun, moon, earth_limb)
    too_near_<name> says where the angle is below the limit.
    """
    inertial = state.to("GCRF")
    direction = np.asarray(direction_gcrf, dtype=np.float64)
    angles = {
        name: np.degrees(angle_between(direction, apparent_body(name, state)["direction"].values))
        for name in ("sun", "moon")
    }
    radius_m = np.linalg.norm(inertial.position_m, axis=1)
    dip_deg = np.degrees(np.arcsin(WGS84_EQUATORIAL_RADIUS_M / radius_m))
    angles["earth_limb"] = np.degrees(angle_between(direction, -inertial.position_m)) - dip_deg
    unknown = sorted(set(limits_deg) - set(angles))
    if unknown:
        raise OrbitError(f"exclusion from {', '.join(unknown)} is unknown: use {', '.join(angles)}")
    variables = {name: ("time", values, {"units": "deg"}) for name, values in angles.items()} | {
        f"too_near_{name}": ("time", angles[name] < limit, {"units": "1", "limit_deg": limit})
        for name, limit in limits_deg.items()
    }
    return xr.Dataset(variables, {"time": ("time", state.times.utc_datetime64(), {"scale": "UTC"})})


def _turned(to_frame: Array, direction: Array) -> Array:
    turned: Array = np.einsum("nji,nj->ni", to_frame, direction)
    return turned


def _beta(inertial: State) -> Array:
    """Barycentric velocity over c."""
    earth = on_time_grid(inertial.times, _earth_velocity, _VELOCITY_STEP_S)
    beta: Array = (earth + inertial.velocity_ms) / SPEED_OF_LIGHT_MS
    return beta


def _earth_velocity(times: Times) -> Array:
    _, barycentric = erfa.epv00(*times.tdb())
    return np.asarray(barycentric["v"]) * (ASTRONOMICAL_UNIT_M / _DAY_S)
