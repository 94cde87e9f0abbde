"""Simultaneous nadir observations: where and when two satellites pass over the same ground within minutes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from orbit_aux.errors import OrbitError
from orbit_aux.events.ground_view import Ground, ground_distance_m, ground_of, sight
from orbit_aux.events.nadir_track import nadir_points, track_of
from orbit_aux.events.samples import event_dataset
from orbit_aux.events.sun import apparent_sun_fixed
from orbit_aux.events.track_approaches import SAME_M, approaches
from orbit_aux.frames import State, angle_between, from_geodetic, to_geodetic
from orbit_aux.stations import Stations
from orbit_aux.time import Times
from orbit_aux.trajectory import Trajectory

Array = NDArray[np.float64]

#: what an event is: the tracks cross; come closest without crossing; are closest where the time difference is the largest allowed
KINDS = ("crossing", "closest", "time_limit")

_STEP_S = 30.0
# geostationary points wander by some 10 m/s: their tracks have no crossings worth the name
_SLOWEST_MS = 500.0


@dataclass(frozen=True)
class PairLimits:
    """How far apart two nadir points of a pair may be, in time (s, 0: at one instant) and on the ground (m)."""

    time_difference_s: float = 600.0
    distance_m: float = 50_000.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.time_difference_s <= 86_400.0:
            raise OrbitError(f"time difference {self.time_difference_s} s of nadir pairs: give 0 to 86400 s")
        if not 0.0 < self.distance_m <= 1e6:
            raise OrbitError(f"distance {self.distance_m} m of nadir pairs: give a positive one, 1000 km at most")


def nadir_pairs(
    first: Trajectory,
    second: Trajectory,
    start: Times,
    stop: Times,
    limits: PairLimits = PairLimits(),
) -> xr.Dataset:
    """Pairs of times (t1 in [start, stop] of the first, t2 of the second) at which the nadir points are closest, over dim "event", in order of t1.

    Nadir point: foot of the normal of the WGS84 ellipsoid through the satellite. An event is a least distance of the nadir points over all (t1, t2) with
    |t2 - t1| <= limits.time_difference_s, where it is <= limits.distance_m; its `kind` is one of KINDS. For a crossing the distance is 0. Approaches
    between which the tracks do not part by 10 m are one event (satellites on one ground track: one event in all).
    """
    begin, end = start.min(), stop.max()
    span_s = float((end - begin)[0])
    if not span_s > 0:
        raise OrbitError(f"nadir pairs from {begin} to {end}: give a stop after the start")
    reach_s = limits.time_difference_s
    step_s = span_s / np.ceil(span_s / _STEP_S)
    ahead = int(np.ceil(reach_s / step_s)) + 1
    count = round(span_s / step_s) + 1
    one = track_of(first, begin, 0, count, step_s)
    other = track_of(second, begin, -ahead, count + ahead, step_s)
    for trajectory, track in ((first, one), (second, other)):
        speed = np.linalg.norm(track.velocity, axis=1)
        if np.nanmax(speed, initial=0.0) < _SLOWEST_MS and np.isfinite(speed).any():
            raise OrbitError(
                f"nadir pairs: the nadir point of {trajectory.object_name} moves at {np.nanmax(speed):.3g} m/s; "
                "give a satellite that passes over the ground"
            )
    t1, t2, distance = approaches(one, other, reach_s, limits.distance_m)
    at_limit = np.abs(np.abs(t2 - t1) - reach_s) < 1e-6
    kind = np.array(KINDS)[np.where(at_limit, 2, np.where(distance < SAME_M, 0, 1))]
    return _described((first, second), begin, (t1, t2), kind, limits)


def _described(
    satellites: tuple[Trajectory, Trajectory],
    begin: Times,
    seconds: tuple[Array, Array],
    kind: NDArray[np.str_],
    limits: PairLimits,
) -> xr.Dataset:
    times = [begin[np.zeros(len(after), dtype=np.int64)] + after for after in seconds]
    states = [satellite.at(when).to("ITRF") for satellite, when in zip(satellites, times, strict=True)]
    points = [nadir_points(state) for state in states]
    lon, lat, _ = to_geodetic(0.5 * (points[0][0] + points[1][0]))
    ground = ground_of(Stations(("",) * len(lon), from_geodetic(lon, lat, np.zeros_like(lon)), "nadir pairs"))
    rows = np.arange(len(lon))
    halves = [ground_distance_m(ground, rows, *to_geodetic(point)[:2]) for point, _ in points]
    scalars: dict[str, tuple[Array, str]] = {
        "time_difference": (times[1] - times[0], "s"),
        "longitude": (np.degrees(lon), "deg"),
        "latitude": (np.degrees(lat), "deg"),
        "distance": ((halves[0] + halves[1]) / 1e3, "km"),
        "track_angle": (np.degrees(angle_between(points[0][1], points[1][1])), "deg"),
    }
    for name, state, (point, velocity) in zip(("first", "second"), states, points, strict=True):
        scalars |= _seen(name, state, point, velocity, ground)
    attributes = {
        "first": satellites[0].object_name,
        "second": satellites[1].object_name,
        "time_difference_limit_s": limits.time_difference_s,
        "distance_limit_m": limits.distance_m,
        "nadir": "foot of the normal of the WGS84 ellipsoid",
        "sun": "apparent (light time and annual aberration), without refraction",
    }
    return event_dataset(
        {"time": (times[0], "UTC"), "second_time": (times[1], "UTC"), "kind": (kind, "1"), **scalars}, attributes
    )


def _seen(name: str, state: State, point: Array, velocity: Array, ground: Ground) -> dict[str, tuple[Array, str]]:
    """What one satellite (ITRF, with its nadir points and their velocities) has to do with the places in the middle of the nadir points."""
    rows = np.arange(len(point))
    lon, lat, height = to_geodetic(state.position_m)
    view = sight(ground, state, rows)
    sun = apparent_sun_fixed(state.times) - ground.place_m
    east, north = np.sum(sun * ground.east, axis=1), np.sum(sun * ground.north, axis=1)
    angles = {
        "longitude": lon,
        "latitude": lat,
        "off_nadir": angle_between(point - state.position_m, ground.place_m - state.position_m),
        "view_zenith": angle_between(state.position_m - ground.place_m, ground.up),
        "view_azimuth": view.azimuth_rad,
        "sun_zenith": angle_between(sun, ground.up),
        "sun_azimuth": np.arctan2(east, north) % (2.0 * np.pi),
    }
    return {f"{name}_{key}": (np.degrees(value), "deg") for key, value in angles.items()} | {
        f"{name}_height": (height / 1e3, "km"),
        f"{name}_northward": (np.where(velocity[:, 2] >= 0.0, 1, -1), "1"),
    }
