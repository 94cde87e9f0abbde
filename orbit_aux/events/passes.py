"""Passes over ground stations: rise, culmination and set over a mask, directions, distances and Doppler shifts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr

from orbit_aux.constants import SPEED_OF_LIGHT_MS
from orbit_aux.errors import OrbitError
from orbit_aux.events.ground_view import Sight, culminations, ground_of, refraction_rad, sight
from orbit_aux.events.masks import Horizon, Masks, horizon_of
from orbit_aux.events.roots import Array, Rows, positive_spans
from orbit_aux.events.samples import (
    EDGE_MEANING,
    Found,
    Piece,
    event_dataset,
    find_spans,
    fixed_pieces,
    span_variables,
)
from orbit_aux.frames import State
from orbit_aux.interpolation import hermite_at_zero
from orbit_aux.stations import Stations
from orbit_aux.time import Times
from orbit_aux.trajectory import Trajectory

S_BAND_HZ = 2.2e9
# samples between two of the grid where a table of azimuths is compared: 5 s in low orbit, a degree of azimuth near the horizon
_FINE = 12


def passes(
    trajectory: Trajectory,
    stations: Stations,
    start: Times,
    stop: Times,
    *,
    mask_deg: float | Masks = 0.0,
    refraction: bool = False,
    light_time: bool = False,
    carrier_hz: float = S_BAND_HZ,
) -> xr.Dataset:
    """Passes over each station between `start` and `stop`, over dim "event", ordered by rise.

    station; start (rise), culmination, stop (set), duration (s); elevation_culmination; azimuth_rise, _culmination, _set (deg, from north over east);
    distance_rise, _culmination, _set (m); range_rate_rise, _set (m/s, negative on approach); doppler_one_way_rise, _set and doppler_two_way_rise, _set
    (Hz at `carrier_hz`: -v/c and -2 v/c of the range rate); start_edge, stop_edge.

    `mask_deg`: one elevation, or the masks of the stations. Elevations over the tangent plane of the ellipsoid, geometric; `refraction` adds that of
    Saemundsson before the mask is compared, and to elevation_culmination. Both ends at one instant; with `light_time` times are those of reception.
    """
    if not 0 < carrier_hz < 1e16:
        raise OrbitError(f"carrier of {carrier_hz} Hz: give a positive frequency in Hz (2.2e9)")
    ground = ground_of(stations)
    horizon = horizon_of(ground, mask_deg, refraction=refraction, light_time=light_time)
    pieces = fixed_pieces(trajectory, start, stop)
    found = _visible(trajectory, horizon, pieces)
    tops = culminations(trajectory, ground, found, pieces, light_time=light_time)
    rise, top, set_ = (
        sight(ground, trajectory.at(times).to("ITRF"), found.rows, light_time=light_time)
        for times in (found.starts, tops, found.stops)
    )
    elevation = top.elevation_rad + (refraction_rad(top.elevation_rad) if refraction else 0.0)
    span, named = span_variables(found), (("rise", rise), ("culmination", top), ("set", set_))
    variables = {
        "station": (np.array(ground.names, dtype=object)[found.rows], ""),
        "start": span["start"],
        "culmination": (tops, "UTC"),
        "stop": span["stop"],
        "duration": span["duration"],
        "elevation_culmination": (np.degrees(elevation), "deg"),
        **{f"azimuth_{name}": (np.degrees(seen.azimuth_rad), "deg") for name, seen in named},
        **{f"distance_{name}": (seen.distance_m, "m") for name, seen in named},
        **_doppler(rise, set_, carrier_hz),
        "start_edge": span["start_edge"],
        "stop_edge": span["stop_edge"],
    }
    attributes = {
        "object": trajectory.object_name,
        "stations": stations.source,
        "mask": mask_deg.source if isinstance(mask_deg, Masks) else f"{mask_deg:g} deg",
        "elevation": "refracted (Saemundsson)" if refraction else "geometric",
        "light_time": "times of reception" if light_time else "none: both ends at one instant",
        "carrier_hz": carrier_hz,
        "edges": EDGE_MEANING,
    }
    return event_dataset(variables, attributes)


def _doppler(rise: Sight, set_: Sight, carrier_hz: float) -> dict[str, tuple[Array, str]]:
    variables = {}
    for name, seen in (("rise", rise), ("set", set_)):
        shift = -seen.range_rate_ms / SPEED_OF_LIGHT_MS * carrier_hz
        variables[f"range_rate_{name}"] = (seen.range_rate_ms, "m/s")
        variables[f"doppler_one_way_{name}"] = (shift, "Hz")
        variables[f"doppler_two_way_{name}"] = (2.0 * shift, "Hz")
    return variables


def _visible(trajectory: Trajectory, horizon: Horizon, pieces: tuple[Piece, ...]) -> Found:
    """Spans over the mask. A table is compared on a finer grid wherever the satellite stands over its lowest elevation."""
    rows = range(len(horizon.ground.names))

    def over_floor(times: Times, which: Rows) -> Array:
        return horizon.over_floor(trajectory.at(times).to("ITRF"), which)

    def over_mask(times: Times, which: Rows) -> Array:
        return horizon.over_mask(trajectory.at(times).to("ITRF"), which)

    def samples(piece: Piece) -> Iterator[tuple[Times, Array]]:
        for row in rows:
            yield piece.state.times, horizon.over_floor(piece.state, np.array(row))

    def fine_samples(piece: Piece) -> Iterator[tuple[Times, Array]]:
        coarse = positive_spans(over_floor, samples(piece))
        for row in rows:
            mine = coarse.rows == row
            state = _finer(piece.state, coarse.starts[mine], coarse.stops[mine])
            yield state.times, horizon.over_mask(state, np.array(row))

    return find_spans(over_mask, pieces, fine_samples if horizon.tables else samples)


def _finer(state: State, starts: Times, stops: Times) -> State:
    """States with more between those that touch the spans: cubic in ITRF, good to 0.3 m a minute apart in low orbit, ample to bracket."""
    instants = state.times.tai_ns
    touched = np.zeros(len(instants) - 1, dtype=bool)
    lows = np.searchsorted(instants, starts.tai_ns, side="right") - 1
    highs = np.searchsorted(instants, stops.tai_ns, side="left")
    for low, high in zip(lows, highs, strict=True):
        touched[low:high] = True
    cells = np.repeat(np.flatnonzero(touched), _FINE - 1)
    share = np.tile(np.arange(1, _FINE), int(touched.sum()))
    between_ns = instants[cells] + (instants[cells + 1] - instants[cells]) * share // _FINE
    ends = np.stack([cells, cells + 1], axis=1)
    nodes_s = np.asarray((instants[ends] - between_ns[:, None]) * 1e-9, dtype=np.float64)
    position, velocity = hermite_at_zero(nodes_s, state.position_m[ends], state.velocity_ms[ends])
    everything = np.concatenate([instants, between_ns])
    order = np.argsort(everything, kind="stable")
    return State(
        Times(everything[order]),
        np.concatenate([state.position_m, position])[order],
        np.concatenate([state.velocity_ms, velocity])[order],
        state.frame,
    )
