"""Visits to sites: when a place is seen steeply enough, and how it is seen and lit at the closest approach."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import xarray as xr

from orbit_aux.errors import OrbitError
from orbit_aux.events.ground_view import (
    Ground,
    culminations,
    geodetic_up,
    ground_distance_m,
    ground_of,
    sight,
    sine_of_elevation,
)
from orbit_aux.events.roots import Array, Rows
from orbit_aux.events.samples import (
    EDGE_MEANING,
    Piece,
    event_dataset,
    find_spans,
    fixed_pieces,
    span_variables,
)
from orbit_aux.events.sun import apparent_sun_fixed
from orbit_aux.frames import State, to_geodetic
from orbit_aux.stations import Stations, read_stations
from orbit_aux.time import Times
from orbit_aux.trajectory import Trajectory


def read_sites(path: str | Path) -> Stations:
    """The sites of a CSV file with the columns name, lat_deg, lon_deg (east) and height_m (WGS84)."""
    return read_stations(path, "site")


def site_visits(
    trajectory: Trajectory,
    sites: Stations,
    start: Times,
    stop: Times,
    *,
    max_view_zenith_deg: float | None = None,
    max_off_nadir_deg: float | None = None,
    max_sun_zenith_deg: float = 90.0,
) -> xr.Dataset:
    """Visits to each site between `start` and `stop`, over dim "event", ordered by start.

    A visit lasts while the site sees the satellite within `max_view_zenith_deg` of the normal of the ellipsoid, or while it lies within
    `max_off_nadir_deg` of the satellite's geodetic nadir and over its horizon: give one of both.

    site; start, stop, duration (s); time of closest approach (least view zenith) and there: view_zenith, view_azimuth (to the satellite), sun_zenith,
    sun_azimuth (apparent Sun, not refracted), off_nadir, glint (between the view and the mirrored Sun), deg; distance, ground_distance (from the point
    below the satellite, along the ellipsoid), m; side ("left", "right" of the ground track) on which the site lies; day: sun_zenith at most
    `max_sun_zenith_deg`; start_edge, stop_edge. All geometric, at one instant.
    """
    limit_rad = _limit_rad(max_view_zenith_deg, max_off_nadir_deg)
    ground, pieces = ground_of(sites), fixed_pieces(trajectory, start, stop)

    def excess(fixed: State, rows: Rows) -> Array:
        sine = sine_of_elevation(ground, fixed, rows)
        if max_view_zenith_deg is not None:
            return np.asarray(sine - np.cos(limit_rad))
        # beyond the horizon a place may be near the nadir: straight through the Earth
        over = np.flatnonzero(sine > 0)
        above = State(fixed.times[over], fixed.position_m[over], fixed.velocity_ms[over], fixed.frame)
        sine[over] = np.minimum(
            _cosine_off_nadir(ground, above, rows[over] if rows.ndim else rows) - np.cos(limit_rad), sine[over]
        )
        return sine

    def samples(piece: Piece) -> Iterator[tuple[Times, Array]]:
        for row in range(len(ground.names)):
            yield piece.state.times, excess(piece.state, np.array(row))

    found = find_spans(lambda times, rows: excess(trajectory.at(times).to("ITRF"), rows), pieces, samples)
    nearest = culminations(trajectory, ground, found, pieces)
    span = span_variables(found)
    seen = _approach(trajectory, ground, nearest, found.rows)
    variables = {
        "site": (np.array(ground.names, dtype=object)[found.rows], ""),
        **{name: span[name] for name in ("start", "stop", "duration")},
        "time": (nearest, "UTC"),
        **seen,
        "day": (seen["sun_zenith"][0] <= max_sun_zenith_deg, "1"),
        **{name: span[name] for name in ("start_edge", "stop_edge")},
    }
    attributes = {
        "object": trajectory.object_name,
        "sites": sites.source,
        "limit": f"view zenith {max_view_zenith_deg:g} deg"
        if max_view_zenith_deg is not None
        else f"off nadir {max_off_nadir_deg:g} deg",
        "max_sun_zenith_deg": max_sun_zenith_deg,
        "nadir": "geodetic (normal of the WGS84 ellipsoid)",
        "edges": EDGE_MEANING,
    }
    return event_dataset(variables, attributes)


def _limit_rad(max_view_zenith_deg: float | None, max_off_nadir_deg: float | None) -> float:
    given = [limit for limit in (max_view_zenith_deg, max_off_nadir_deg) if limit is not None]
    if len(given) != 1 or not 0 < given[0] <= 90:
        raise OrbitError(
            f"limits of view zenith {max_view_zenith_deg} and off-nadir angle {max_off_nadir_deg} deg: give one of both, above 0 and at most 90"
        )
    return float(np.radians(given[0]))


def _cosine_off_nadir(ground: Ground, fixed: State, rows: Rows) -> Array:
    longitude, latitude, _ = to_geodetic(fixed.position_m)
    line = ground.place_m[rows] - fixed.position_m
    return np.asarray(-np.sum(line * geodetic_up(longitude, latitude), axis=1) / np.linalg.norm(line, axis=1))


def _approach(trajectory: Trajectory, ground: Ground, times: Times, rows: Rows) -> dict[str, tuple[Array, str]]:
    """How satellite, site and Sun stand at the closest approach."""
    fixed = trajectory.at(times).to("ITRF")
    seen = sight(ground, fixed, rows)
    sun = apparent_sun_fixed(times) - ground.place_m[rows] if len(times) else np.empty((0, 3))
    up, east, north = (np.sum(sun * axes[rows], axis=1) for axes in (ground.up, ground.east, ground.north))
    sun_zenith, sun_azimuth = np.arctan2(np.hypot(east, north), up), np.arctan2(east, north) % (2.0 * np.pi)
    view_zenith = 0.5 * np.pi - seen.elevation_rad
    # the mirrored Sun has its zenith angle and the opposite azimuth
    mirrored = np.cos(view_zenith) * np.cos(sun_zenith) - np.sin(view_zenith) * np.sin(sun_zenith) * np.cos(
        seen.azimuth_rad - sun_azimuth
    )
    longitude, latitude, _ = to_geodetic(fixed.position_m)
    # position x velocity over the turning Earth points to the left of the track
    left = np.sum(np.cross(fixed.position_m, fixed.velocity_ms) * (ground.place_m[rows] - fixed.position_m), axis=1) > 0
    degrees = {
        "view_zenith": view_zenith,
        "view_azimuth": seen.azimuth_rad,
        "sun_zenith": sun_zenith,
        "sun_azimuth": sun_azimuth,
        "off_nadir": np.arccos(np.clip(_cosine_off_nadir(ground, fixed, rows), -1.0, 1.0)),
        "glint": np.arccos(np.clip(mirrored, -1.0, 1.0)),
    }
    return {name: (np.degrees(values), "deg") for name, values in degrees.items()} | {
        "distance": (seen.distance_m, "m"),
        "ground_distance": (ground_distance_m(ground, rows, longitude, latitude), "m"),
        "side": (np.where(left, "left", "right").astype(object), ""),
    }
