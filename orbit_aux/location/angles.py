"""Angles at ground points, and how well the points are known: from the satellite, the Sun, the orbit's covariance and the attitude's."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from orbit_aux.bodies import sun_position
from orbit_aux.constants import EARTH_ROTATION_RATE_RADS, SPEED_OF_LIGHT_MS
from orbit_aux.errors import OrbitError
from orbit_aux.frames import from_geodetic, local_orbital_axes, rotation
from orbit_aux.location.geolocate import Camera, Corrections, Poses, poses
from orbit_aux.orbit import Covariance, Orbit
from orbit_aux.time import Times

Array = NDArray[np.float64]


def angles(camera: Camera, times: Times, located: xr.Dataset) -> xr.Dataset:
    """View and Sun angles at the points of `locate` or `locate_image` (same camera and times), deg, over their dims.

    view_zenith, view_azimuth: of the direction from the ground point to the satellite, along the light; sun_zenith, sun_azimuth: of the apparent Sun
    (aberrated, not refracted). Zenith angles from the normal of the ellipsoid, azimuths from north, clockwise over east, 0..360. NaN where no point is.
    """
    pose, line, up_east_north, point = _frames(camera, times, located)
    view = _unit(_satellite(pose, located, line) - point)
    # light time and aberration together: Sun and Earth both as they were when the light left
    instants = _instants(times, located)
    distance_m = np.linalg.norm(sun_position(instants), axis=1)
    sun = np.einsum(
        "nij,nj->ni", rotation(instants, "GCRF", "ITRF"), sun_position(instants + -distance_m / SPEED_OF_LIGHT_MS)
    )
    variables = {}
    for name, direction in (("view", view), ("sun", _unit(sun[line] - point))):
        up, east, north = np.einsum("i...k,...k->i...", up_east_north, direction)
        zenith, azimuth = np.degrees(np.arccos(np.clip(up, -1.0, 1.0))), np.degrees(np.arctan2(east, north)) % 360.0
        for kind, values in (("zenith", zenith), ("azimuth", azimuth)):
            variables[f"{name}_{kind}"] = (located["longitude"].dims, values, {"units": "deg"})
    return xr.Dataset(variables, located.coords)


def uncertainty(camera: Camera, times: Times, located: xr.Dataset, attitude_sigma_rad: ArrayLike = 0.0) -> xr.Dataset:
    """Standard deviations (k = 1) of ground points on the tangent plane: east_sigma, north_sigma (m) and their correlation.

    From the position's covariance where the orbit has one, and the attitude's sigma, one or of roll, pitch and yaw (about x, y, z of the body), rad. First
    order: a shift moves the point along the line of sight to the plane; the slope of a terrain and timing are left out.
    """
    sigma = np.broadcast_to(np.asarray(attitude_sigma_rad, dtype=np.float64), (3,))
    if camera.orbit.covariance is None and not sigma.any():
        raise OrbitError(
            f"orbit of {camera.orbit.object_name} has no covariance and no attitude sigma is given: nothing is uncertain, give one"
        )
    pose, line, up_east_north, point = _frames(camera, times, located)
    ray = point - _satellite(pose, located, line)
    down = np.einsum("...k,...k->...", up_east_north[0], ray)
    # I - u n'/(n u): what stays on the plane of a shift, in east and north
    flat = (
        up_east_north[1:] - (np.einsum("i...k,...k->i...", up_east_north[1:], ray) / down)[..., None] * up_east_north[0]
    )
    # small rotations about the axes of the body move the end of the ray
    axes = np.moveaxis(pose.turn, -1, 0)[:, line]
    moved = np.einsum("i...k,a...k->ia...", flat, np.cross(axes, ray))
    covariance = np.einsum("ia...,ja...,a->ij...", moved, moved, sigma**2)
    if camera.orbit.covariance is not None:
        instants = _instants(times, located)
        earth = rotation(instants, "GCRF", "ITRF")
        place = earth @ position_covariance(camera.orbit, instants) @ np.swapaxes(earth, -1, -2)
        covariance += np.einsum("i...k,...kl,j...l->ij...", flat, place[line], flat)
    east, north = np.sqrt(covariance[0, 0]), np.sqrt(covariance[1, 1])
    product = east * north
    correlation = np.divide(covariance[0, 1], product, out=np.zeros_like(product), where=product > 0)
    dims = located["longitude"].dims
    return xr.Dataset(
        {
            "east_sigma": (dims, east, {"units": "m"}),
            "north_sigma": (dims, north, {"units": "m"}),
            "correlation": (dims, correlation, {"units": "1"}),
        },
        located.coords,
    )


def position_covariance(orbit: Orbit, times: Times) -> Array:
    """Covariances (n, 3, 3) of the position in GCRF, m2, at `times`: linear in time between the records' own, in RSW axes."""
    given = orbit.covariance
    if given is None:
        raise OrbitError(f"orbit of {orbit.object_name} from {orbit.source} has no covariance: give a file with one")
    order = np.argsort(given.times.tai_ns, kind="stable")
    instants = given.times.tai_ns[order]
    outside = (times.tai_ns < instants[0]) | (times.tai_ns > instants[-1])
    if len(instants) > 1 and outside.any():
        raise OrbitError(
            f"orbit of {orbit.object_name} from {orbit.source}: no covariance at {times[outside].utc_strings(3)[0]}; give one before and after"
        )
    local = _in_rsw(orbit, given)[order]
    after = np.clip(np.searchsorted(instants, times.tai_ns), 1, max(len(instants) - 1, 1))
    last = np.minimum(after, len(instants) - 1)
    before = np.maximum(last - 1, 0)
    length = np.maximum(instants[last] - instants[before], 1)
    share = np.clip((times.tai_ns - instants[before]) / length, 0.0, 1.0)[:, None, None]
    mixed = (1.0 - share) * local[before] + share * local[last]
    state = orbit.at(times, "GCRF")
    axes = local_orbital_axes(state.position_m, state.velocity_ms, "RSW")
    turned: Array = np.swapaxes(axes, -1, -2) @ mixed @ axes
    return turned


def _in_rsw(orbit: Orbit, given: Covariance) -> Array:
    state = orbit.at(given.times, "GCRF")
    rsw = local_orbital_axes(state.position_m, state.velocity_ms, "RSW")
    result = np.empty((len(given.times), 3, 3))
    for row, frame in enumerate(given.frames):
        if frame in ("RSW", "RTN", "TNW"):
            kind = "TNW" if frame == "TNW" else "RSW"
            own = local_orbital_axes(state.position_m[[row]], state.velocity_ms[[row]], kind)[0].T
        else:
            own = rotation(given.times[row], frame, "GCRF")[0]
        turn = rsw[row] @ own
        result[row] = turn @ given.matrices[row, :3, :3] @ turn.T
    return result


def _instants(times: Times, located: xr.Dataset) -> Times:
    """The times that poses are of: one per line, or one per different time of points."""
    return times if "line" in located.dims else Times(np.unique(times.tai_ns))


def _frames(camera: Camera, times: Times, located: xr.Dataset) -> tuple[Poses, NDArray[np.int64], Array, Array]:
    """Poses of the instants, the number of each point's, up, east and north (3, ..., 3) at the points, and the points in ITRF."""
    if located.sizes.get("line", located.sizes.get("point")) != len(times):
        raise OrbitError(
            f"{dict(located.sizes)} points and {len(times)} times: give the times that the points were located with"
        )
    if "line" in located.dims:
        pose = poses(camera, times, Corrections())
        line = np.broadcast_to(np.arange(len(times))[:, None], located["longitude"].shape)
    else:
        instants, line = np.unique(times.tai_ns, return_inverse=True)
        pose = poses(camera, Times(instants), Corrections())
    lon, lat = np.radians(located["longitude"].values), np.radians(located["latitude"].values)
    up = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)
    east = np.stack([-np.sin(lon), np.cos(lon), np.zeros_like(lon)], axis=-1)
    known = np.isfinite(lon)
    point = np.full((*lon.shape, 3), np.nan)
    point[known] = from_geodetic(lon[known], lat[known], located["height"].values[known])
    return pose, line, np.stack([up, east, np.cross(up, east)]), point


def _satellite(pose: Poses, located: xr.Dataset, line: NDArray[np.int64]) -> Array:
    """The satellite against the Earth of when the light left the ground."""
    origin = pose.origin[line]
    turn = np.zeros_like(located["distance"].values)
    if located.attrs["light_time"] == "True":
        turn = EARTH_ROTATION_RATE_RADS * located["distance"].values / SPEED_OF_LIGHT_MS
    x, y, z = np.moveaxis(origin, -1, 0)
    return np.stack(
        [np.cos(turn) * x - np.sin(turn) * y, np.sin(turn) * x + np.cos(turn) * y, z * np.ones_like(turn)], axis=-1
    )


def _unit(vectors: Array) -> Array:
    unit: Array = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return unit
