"""Node crossings and ground tracks: where over the Earth, at which solar time."""

from __future__ import annotations

import numpy as np
import xarray as xr

from orbit_aux.constants import EARTH_MU_M3S2
from orbit_aux.events.ground_view import geodetic_up
from orbit_aux.events.roots import Array, Rows, crossings
from orbit_aux.events.samples import event_dataset, inertial_pieces
from orbit_aux.events.sun import apparent_sun_fixed, mean_solar_time_h, pole_of_date, true_solar_time_h
from orbit_aux.frames import State, to_geodetic
from orbit_aux.time import Times
from orbit_aux.trajectory import Trajectory


def node_crossings(trajectory: Trajectory, start: Times, stop: Times, *, first_orbit_number: int = 1) -> xr.Dataset:
    """Crossings of the true equator of date (normal to the celestial intermediate pole) between `start` and `stop`, over dim "event".

    time; node ("ascending", "descending"); orbit_number: `first_orbit_number` at `start`, one more from each ascending node on (revolutions lost in a gap
    are counted by the nodal period); longitude (deg, east, -180 to 180), height (m); local_mean_solar_time (h, UT1 + longitude) and
    local_true_solar_time (h, by the apparent Sun) of the point below.
    """
    found = [
        crossings(
            lambda times, _: _over_equator(trajectory.at(times).to("GCRF")),
            piece.state.times,
            _over_equator(piece.state),
        )
        for piece in inertial_pieces(trajectory, start, stop)
    ]
    times, ascending = Times.concatenate(times for times, _ in found), np.concatenate([rising for _, rising in found])
    track = _track(trajectory, times)
    variables = {
        "time": (times, "UTC"),
        "node": (np.where(ascending, "ascending", "descending").astype(object), ""),
        "orbit_number": (_orbit_numbers(trajectory, times, ascending, first_orbit_number), "1"),
        **{name: track[name] for name in ("longitude", "height", "local_mean_solar_time", "local_true_solar_time")},
    }
    attributes = {"object": trajectory.object_name, "equator": "true equator of date (celestial intermediate pole)"}
    return event_dataset(variables, attributes)


def ground_track(trajectory: Trajectory, times: Times) -> xr.Dataset:
    """The point of the WGS84 ellipsoid below the satellite (along its normal) at `times`, over dim "time".

    longitude (deg, east, -180 to 180), latitude (deg, geodetic), height (m) of the satellite; local_mean_solar_time and local_true_solar_time (h);
    sun_zenith (deg) of the apparent Sun from the ellipsoid's normal, without refraction and parallax.
    """
    variables = {
        name: ("time", values, {"units": units}) for name, (values, units) in _track(trajectory, times).items()
    }
    coordinates = {"time": ("time", times.utc_datetime64(), {"scale": "UTC"})}
    return xr.Dataset(variables, coordinates, {"object": trajectory.object_name})


def _track(trajectory: Trajectory, times: Times) -> dict[str, tuple[Array, str]]:
    if len(times) == 0:
        longitude = latitude = height = mean = true = zenith = np.empty(0)
    else:
        longitude, latitude, height = to_geodetic(trajectory.at(times).to("ITRF").position_m)
        sun = apparent_sun_fixed(times)
        mean, true = mean_solar_time_h(times, longitude), true_solar_time_h(sun, longitude)
        cosine = np.sum(geodetic_up(longitude, latitude) * sun, axis=1) / np.linalg.norm(sun, axis=1)
        zenith = np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))
    return {
        "longitude": (np.degrees(longitude), "deg"),
        "latitude": (np.degrees(latitude), "deg"),
        "height": (height, "m"),
        "local_mean_solar_time": (mean, "h"),
        "local_true_solar_time": (true, "h"),
        "sun_zenith": (zenith, "deg"),
    }


def _over_equator(state: State) -> Array:
    """Height over the plane of the true equator, m."""
    return np.asarray(np.sum(state.position_m * pole_of_date(state.times), axis=1))


def _orbit_numbers(trajectory: Trajectory, times: Times, ascending: np.ndarray, first: int) -> Rows:
    """Number of the revolution that each crossing begins (ascending) or lies in."""
    numbers = np.full(len(times), first, dtype=np.intp)
    ups = np.flatnonzero(ascending)
    if len(ups) == 0:
        return numbers
    period_s = _revolution_s(trajectory.at(times[ups[0]]).to("GCRF"))
    apart_s = times[ups[1:]] - times[ups[:-1]]
    regular = apart_s[apart_s < 1.5 * period_s]
    nodal_s = float(np.median(regular)) if len(regular) else period_s
    at_node = first + 1 + np.concatenate([[0], np.cumsum(np.maximum(np.rint(apart_s / nodal_s), 1.0))]).astype(np.intp)
    last = np.cumsum(ascending) - 1
    since_s = np.where(last < 0, 0.0, times - times[ups[np.maximum(last, 0)]])
    # half a revolution after its node a descending one is in the same; later ones lost their node in a gap
    late = np.floor(since_s / nodal_s).astype(np.intp)
    return np.asarray(np.where(last < 0, first, at_node[np.maximum(last, 0)] + late))


def _revolution_s(state: State) -> float:
    inverse_axis = float(2.0 / np.linalg.norm(state.position_m[0]) - np.sum(state.velocity_ms[0] ** 2) / EARTH_MU_M3S2)
    return float(2.0 * np.pi / np.sqrt(EARTH_MU_M3S2 * inverse_axis**3)) if inverse_axis > 0 else float("inf")
