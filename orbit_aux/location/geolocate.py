"""Where the pixels of a push-broom camera are: line times, attitude, lines of sight and orbit to longitude and latitude at a height or on a terrain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from orbit_aux.attitude import Attitude
from orbit_aux.constants import SPEED_OF_LIGHT_MS
from orbit_aux.errors import OrbitError
from orbit_aux.frames import rotation
from orbit_aux.location.lines_of_sight import LinesOfSight
from orbit_aux.location.terrain import Terrain
from orbit_aux.orbit import Orbit
from orbit_aux.time import Times

Array = NDArray[np.float64]
Result = tuple[Array, Array, Array, Array, NDArray[np.uint8]]

#: what became of a line of sight, by the number in "flag"
FLAGS = ("ok", "misses_the_Earth", "outside_the_terrain", "no_terrain_height")
# deepest sea and far above any air: beyond, the unit is wrong
_HEIGHTS_M = (-12_000.0, 200_000.0)


@dataclass(frozen=True, eq=False)
class Camera:
    """What looks: an orbit, the attitude of the body on it, and the lines of sight in the body."""

    orbit: Orbit
    attitude: Attitude
    lines_of_sight: LinesOfSight


@dataclass(frozen=True)
class Corrections:
    """What is allowed for between the direction seen and the ground.

    aberration: the satellite moves through the light (7.5 km/s: 25 µrad, 20 m from 700 km); off where the attitude allows for it already. light_time:
    the Earth turns while the light comes (1 m from 700 km).
    """

    light_time: bool = True
    aberration: bool = True


class Poses(NamedTuple):
    """Of each of n times: the satellite (n, 3), m, and the rotation (n, 3, 3) from the body, in ITRF; and the velocity against the Earth's centre over c
    (n, 3) along the axes of ITRF, zero without aberration."""

    origin: Array
    turn: Array
    beta: Array


def locate(
    camera: Camera,
    times: Times,
    columns: ArrayLike,
    surface: float | ArrayLike | Terrain = 0.0,
    corrections: Corrections = Corrections(),
) -> xr.Dataset:
    """Ground points of n pixels, each of a time and a column (fractions allowed), over dim "point".

    longitude (-180..180) and latitude, deg, WGS84; height, m over the ellipsoid: `surface` (one, or one per pixel), or that of the terrain; distance, m,
    from the satellite; flag, a number in FLAGS: where it is not 0 all others are NaN.
    """
    wanted = np.asarray(columns, dtype=np.float64)
    if wanted.shape != (len(times),):
        raise OrbitError(f"columns have shape {wanted.shape}: give ({len(times)},), one per time")
    instants, line = np.unique(times.tai_ns, return_inverse=True)
    sight = camera.lines_of_sight.at(wanted)
    pose = poses(camera, Times(instants), corrections)
    result = _empty((len(times),))
    if isinstance(surface, Terrain):
        from orbit_aux.location.terrain_kernel import march_pairs

        march_pairs(*pose, line, sight, surface.arrays, corrections.light_time, result)
    else:
        from orbit_aux.location.ground_kernel import locate_pairs

        height = np.ascontiguousarray(np.broadcast_to(_heights(surface), (len(times),)))
        locate_pairs(*pose, line, sight, height, corrections.light_time, result)
    return _dataset(result, ("point",), surface, corrections)


def locate_image(
    camera: Camera,
    times: Times,
    columns: ArrayLike,
    surface: float | Terrain = 0.0,
    corrections: Corrections = Corrections(),
) -> xr.Dataset:
    """Ground points of all `columns` of all lines (taken at `times`), over dims ("line", "column"); variables as in `locate`."""
    wanted = np.asarray(columns, dtype=np.float64)
    sight = camera.lines_of_sight.at(wanted)
    pose = poses(camera, times, corrections)
    result = _empty((len(times), len(wanted)))
    if isinstance(surface, Terrain):
        from orbit_aux.location.terrain_kernel import march_lines

        march_lines(*pose, sight, surface.arrays, corrections.light_time, result)
    else:
        from orbit_aux.location.ground_kernel import locate_lines

        locate_lines(*pose, sight, float(_heights(surface)), corrections.light_time, result)
    dataset = _dataset(result, ("line", "column"), surface, corrections)
    return dataset.assign_coords(column=("column", wanted), time=("line", times.utc_datetime64(), {"scale": "UTC"}))


def poses(camera: Camera, times: Times, corrections: Corrections) -> Poses:
    """Place and axes of the camera at `times`, Earth-fixed; refused where orbit or attitude do not cover."""
    state = camera.orbit.at(times, "GCRF")
    to_earth = rotation(times, "GCRF", "ITRF")
    turn = camera.attitude.matrices(times, "ITRF")
    # an orbit given Earth-fixed is turned there and back by the same matrices: to the nanometre
    origin = np.einsum("nij,nj->ni", to_earth, state.position_m)
    beta = np.zeros_like(origin)
    if corrections.aberration:
        beta = np.einsum("nij,nj->ni", to_earth, state.velocity_ms) / SPEED_OF_LIGHT_MS
    return Poses(origin, np.ascontiguousarray(turn), beta)


def _heights(surface: float | ArrayLike) -> Array:
    height = np.asarray(surface, dtype=np.float64)
    low, high = _HEIGHTS_M
    wrong = ~((height >= low) & (height <= high))
    if wrong.any():
        raise OrbitError(
            f"height {height[wrong].flat[0]:g} m lies outside {low:g} m to {high:g} m: give metres over the ellipsoid"
        )
    return height


def _empty(shape: tuple[int, ...]) -> Result:
    longitude, latitude, height, distance = (np.empty(shape) for _ in range(4))
    return longitude, latitude, height, distance, np.empty(shape, np.uint8)


def _dataset(
    result: Result, dims: tuple[str, ...], surface: float | ArrayLike | Terrain, corrections: Corrections
) -> xr.Dataset:
    names = (("longitude", "deg"), ("latitude", "deg"), ("height", "m"), ("distance", "m"))
    variables = {name: (dims, values, {"units": unit}) for (name, unit), values in zip(names, result[:4], strict=True)}
    attributes = {"units": "1", "flag_values": list(range(len(FLAGS))), "flag_meanings": " ".join(FLAGS)}
    told = {
        "surface": surface.source if isinstance(surface, Terrain) else "height over the WGS84 ellipsoid",
        "light_time": str(corrections.light_time),
        "aberration": str(corrections.aberration),
    }
    return xr.Dataset({**variables, "flag": (dims, result[4], attributes)}, attrs=told)
