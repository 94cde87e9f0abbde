"""Eclipses of the Sun by the flattened Earth: penumbra and umbra entries and exits, beta angle, share of sunlight."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from orbit_aux.constants import (
    EARTH_MU_M3S2,
    SUN_RADIUS_M,
    WGS84_EQUATORIAL_RADIUS_M,
    WGS84_FLATTENING,
)
from orbit_aux.errors import OrbitError
from orbit_aux.events.roots import Array, Rows
from orbit_aux.events.samples import (
    EDGE_MEANING,
    Found,
    Piece,
    event_dataset,
    find_spans,
    inertial_pieces,
    span_variables,
    state_blocks,
)
from orbit_aux.events.sun import apparent_sun, pole_of_date
from orbit_aux.frames import State
from orbit_aux.time import Times
from orbit_aux.trajectory import Trajectory

_PENUMBRA, _UMBRA = 0, 1


def eclipses(
    trajectory: Trajectory,
    start: Times,
    stop: Times,
    *,
    sun_radius_m: float = SUN_RADIUS_M,
    flattening: float = WGS84_FLATTENING,
) -> xr.Dataset:
    """Passages through the Earth's shadow between `start` and `stop`, over dim "event", in order.

    start, stop: penumbra entry and exit; umbra_start, umbra_stop (NaT where the umbra is missed); duration, umbra_duration (s); beta (deg): elevation of
    the Sun over the orbital plane, positive on the side of the angular momentum, at the middle; lit_share: of a Keplerian revolution outside the umbra;
    start_edge, stop_edge. Attribute lit_share_of_interval: of all the time covered.

    Apparent radii of Sun and Earth and their separation seen from the satellite; Earth of the WGS84 equatorial radius and `flattening` (0: a sphere)
    about the pole of date, no atmosphere; apparent Sun (light time and aberration).
    """
    if not (0 <= sun_radius_m < 1e10 and 0 <= flattening < 0.1):
        raise OrbitError(
            f"Sun radius {sun_radius_m} m, flattening {flattening}: give metres (696e6) and a flattening of 0 to 0.1"
        )
    pieces = inertial_pieces(trajectory, start, stop)

    def function(times: Times, rows: Rows) -> Array:
        depth, sun = _depth(trajectory.at(times).to("GCRF"), sun_radius_m, flattening)
        return depth + np.where(rows == _PENUMBRA, sun, -sun)

    def samples(piece: Piece) -> Iterator[tuple[Times, Array]]:
        parts = [_depth(part, sun_radius_m, flattening) for part in state_blocks(piece.state)]
        depth, sun = np.concatenate(parts, axis=1)
        yield piece.state.times, depth + sun
        yield piece.state.times, depth - sun

    found = find_spans(function, pieces, samples)
    covered_s = sum(float((piece.state.times[-1] - piece.state.times[0])[0]) for piece in pieces)
    return _dataset(trajectory, found, covered_s, {"sun_radius_m": sun_radius_m, "flattening": flattening})


def beta_angle(trajectory: Trajectory, times: Times) -> xr.DataArray:
    """Elevation (deg, dim "time") of the apparent Sun over the orbital plane, positive on the side of the angular momentum."""
    coordinates = {"time": ("time", times.utc_datetime64(), {"scale": "UTC"})}
    return xr.DataArray(_beta_deg(trajectory.at(times).to("GCRF")), coordinates, ("time",), "beta", {"units": "deg"})


def _dataset(trajectory: Trajectory, found: Found, covered_s: float, options: dict[str, float]) -> xr.Dataset:
    """One event for each penumbra, with the umbra inside it."""
    outer, inner = found.of_row(_PENUMBRA), found.of_row(_UMBRA)
    owner = np.searchsorted(outer.starts.tai_ns, inner.starts.tai_ns, side="right") - 1
    umbra = {name: np.full(len(outer.rows), np.datetime64("NaT"), "datetime64[ns]") for name in ("start", "stop")}
    umbra["start"][owner], umbra["stop"][owner] = inner.starts.utc_datetime64(), inner.stops.utc_datetime64()
    umbra_s = np.zeros(len(outer.rows))
    umbra_s[owner] = inner.duration_s
    middle = trajectory.at(outer.starts + 0.5 * outer.duration_s).to("GCRF") if len(outer.rows) else None
    span = span_variables(outer)
    variables = {
        "start": span["start"],
        "umbra_start": (umbra["start"], "UTC"),
        "umbra_stop": (umbra["stop"], "UTC"),
        "stop": span["stop"],
        "duration": span["duration"],
        "umbra_duration": (umbra_s, "s"),
        "beta": (_beta_deg(middle) if middle else np.empty(0), "deg"),
        "lit_share": (1.0 - umbra_s / _period_s(middle) if middle else np.empty(0), "1"),
        "start_edge": span["start_edge"],
        "stop_edge": span["stop_edge"],
    }
    attributes = options | {
        "object": trajectory.object_name,
        "earth_radius_m": WGS84_EQUATORIAL_RADIUS_M,
        "sun": "apparent (light time and annual aberration)",
        "edges": EDGE_MEANING,
        "lit_share_of_interval": 1.0 - float(inner.duration_s.sum()) / covered_s,
        "covered_s": covered_s,
    }
    return event_dataset(variables, attributes)


def _depth(state: State, sun_radius_m: float, flattening: float) -> tuple[Array, Array]:
    """Apparent radius of the Earth minus its distance from the centre of the Sun, and the apparent radius of the Sun, rad.

    Along the pole all is stretched by 1/(1 - f): the Earth becomes a sphere and lines of sight stay lines; the Sun's radius is that of the stretched
    Sun towards the Earth.
    """
    pole, stretch = pole_of_date(state.times), 1.0 / (1.0 - flattening)
    satellite = _stretched(state.position_m, pole, stretch)
    sun = _stretched(apparent_sun(state.times), pole, stretch) - satellite
    sun_m, satellite_m = np.linalg.norm(sun, axis=1), np.linalg.norm(satellite, axis=1)
    toward_sun, toward_earth = sun / sun_m[:, None], -satellite / satellite_m[:, None]
    cosine = np.sum(toward_sun * toward_earth, axis=1)
    beside = toward_earth - cosine[:, None] * toward_sun
    sine = np.linalg.norm(beside, axis=1)
    # over the pole of the Earth the limb of the stretched Sun lies farther out
    tilt = np.sum(beside * pole, axis=1) / np.maximum(sine, 1e-12)
    sun_radius = np.arcsin(sun_radius_m * np.sqrt(1.0 + (stretch**2 - 1.0) * tilt**2) / sun_m)
    earth_radius = np.arcsin(np.minimum(WGS84_EQUATORIAL_RADIUS_M / satellite_m, 1.0))
    return earth_radius - np.arctan2(sine, cosine), sun_radius


def _stretched(vectors: NDArray[np.float64], pole: Array, stretch: float) -> Array:
    return np.asarray(vectors + (stretch - 1.0) * np.sum(vectors * pole, axis=1)[:, None] * pole)


def _beta_deg(state: State) -> Array:
    normal = np.cross(state.position_m, state.velocity_ms)
    sun = apparent_sun(state.times)
    sine = np.sum(normal * sun, axis=1) / (np.linalg.norm(normal, axis=1) * np.linalg.norm(sun, axis=1))
    return np.asarray(np.degrees(np.arcsin(np.clip(sine, -1.0, 1.0))))


def _period_s(state: State) -> Array:
    """Keplerian period of osculating states; infinite where the satellite leaves the Earth."""
    inverse_axis = 2.0 / np.linalg.norm(state.position_m, axis=1) - np.sum(state.velocity_ms**2, axis=1) / EARTH_MU_M3S2
    with np.errstate(divide="ignore"):
        return np.asarray(2.0 * np.pi / np.sqrt(EARTH_MU_M3S2 * np.maximum(inverse_axis, 0.0) ** 3))
