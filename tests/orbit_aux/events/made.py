"""Trajectories of known motion, and the sky and the ground by astropy: authorities that share no code with the events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import astropy.units as u
import numpy as np
from astropy.coordinates import GCRS, ITRS, AltAz, CartesianRepresentation, EarthLocation, get_sun
from astropy.time import Time
from astropy.utils import iers

from orbit_aux.frames import State, from_geodetic
from orbit_aux.orbit import Orbit, Segment
from orbit_aux.stations import Stations
from orbit_aux.time import Times

iers.conf.auto_download = False

MU = 3.986004415e14
START = Times.from_utc("2018-06-10T00:00:00")
HOUR_S, DAY_S = 3_600.0, 86_400.0


@dataclass(frozen=True, eq=False)
class Circle:
    """Uniform motion on a circle in the plane of the orthonormal `axes` (2, 3) of `frame`, at `axes[0]` at START."""

    radius_m: float
    rate_rads: float
    axes: np.ndarray
    frame: str = "GCRF"
    object_name: str = "CIRCLE"

    def at(self, times: Times) -> State:
        angle = self.rate_rads * (times - START)
        outward = np.outer(np.cos(angle), self.axes[0]) + np.outer(np.sin(angle), self.axes[1])
        along = np.outer(np.cos(angle), self.axes[1]) - np.outer(np.sin(angle), self.axes[0])
        return State(times, self.radius_m * outward, self.radius_m * self.rate_rads * along, self.frame).to("GCRF")

    def covers(self, times: Times) -> np.ndarray:
        return np.ones(len(times), bool)


def circle(height_m: float, inclination_deg: float, node_deg: float = 0.0, start_deg: float = 0.0) -> Circle:
    """A round Keplerian orbit in GCRF, `start_deg` after its ascending node at START."""
    node, tilt, turn = np.radians([node_deg, inclination_deg, start_deg])
    first = np.array([np.cos(node), np.sin(node), 0.0])
    second = np.array([-np.sin(node) * np.cos(tilt), np.cos(node) * np.cos(tilt), np.sin(tilt)])
    axes = np.stack([np.cos(turn) * first + np.sin(turn) * second, np.cos(turn) * second - np.sin(turn) * first])
    radius_m = 6_378_137.0 + height_m
    return Circle(radius_m, float(np.sqrt(MU / radius_m**3)), axes)


def ephemeris(
    trajectory: Circle, duration_s: float, gaps_s: tuple[tuple[float, float], ...] = (), step_s: float = 30.0
) -> Orbit:
    """Records of a trajectory in GCRF from START on, in segments between the gaps."""
    edges = [0.0, *(edge for gap in gaps_s for edge in gap), duration_s]
    seconds, segments = [], []
    for low, high in zip(edges[::2], edges[1::2], strict=True):
        count = int(np.ceil((high - low) / step_s)) + 1
        first = sum(map(len, seconds))
        seconds.append(np.linspace(low, high, count))
        ends = (START + np.array([low, high])).tai_ns
        segments.append(Segment(first, first + count, int(ends[0]), int(ends[1])))
    states = trajectory.at(START + np.concatenate(seconds))
    return Orbit(
        "MADE", "X", "GCRF", states.times, states.position_m, states.velocity_ms, "made", segments=tuple(segments)
    )


def places(**lon_lat_height: tuple[float, float, float]) -> Stations:
    """Points from their longitude and latitude, deg, and height, m."""
    points = [from_geodetic(np.radians(lon), np.radians(lat), height) for lon, lat, height in lon_lat_height.values()]
    return Stations(tuple(lon_lat_height), np.stack(points), "made")


def after(seconds: float) -> Times:
    return START + seconds


def times_of(values: np.ndarray) -> Times:
    return Times.from_utc(values)


def astropy_time(times: Times) -> Time:
    return Time(times.utc_datetime64(), scale="utc")


def earth_fixed(times: Times, position_gcrf_m: np.ndarray) -> np.ndarray:
    """Positions in ITRF, m, by astropy."""
    t = astropy_time(times)
    turned = GCRS(CartesianRepresentation(position_gcrf_m.T * u.m), obstime=t).transform_to(ITRS(obstime=t))
    return turned.cartesian.xyz.to_value(u.m).T


def look(
    trajectory: object, times: Times, lon_deg: float, lat_deg: float, height_m: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Altitude and azimuth (deg) and distance (m) of a trajectory, by astropy's AltAz."""
    t = astropy_time(times)
    site = EarthLocation.from_geodetic(lon_deg * u.deg, lat_deg * u.deg, height_m * u.m)
    fixed = earth_fixed(times, trajectory.at(times).position_m) - site.get_itrs(t).cartesian.xyz.to_value(u.m).T
    seen = ITRS(CartesianRepresentation(fixed.T * u.m), obstime=t, location=site).transform_to(
        AltAz(obstime=t, location=site)
    )
    return seen.alt.deg, seen.az.deg, np.linalg.norm(fixed, axis=1)


def sun_gcrf_m(times: Times) -> np.ndarray:
    """Apparent Sun from the centre of the Earth, by astropy."""
    return get_sun(astropy_time(times)).cartesian.xyz.to_value(u.m).T


def first_change(inside: Callable[[Times], np.ndarray], times: Times, resolution_s: float = 0.01) -> Times:
    """Brute force: where a condition changes between two times, by trying every 10 ms."""
    seconds = np.arange(0.0, float((times[1:] - times[:1])[0]), resolution_s)
    series = times[:1] + seconds
    state = inside(series)
    change = np.flatnonzero(state[1:] != state[:-1])
    assert len(change) == 1
    return series[int(change[0])] + 0.5 * resolution_s
