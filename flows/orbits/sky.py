"""`etalon orbit sky`: Moon and Sun as a satellite sees them at given times, to a table."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from calib.errors import RequestError
from flows.orbits.writing import refuse_inputs, write_whole
from orbit_aux.ccsds import read_aem, read_oem
from orbit_aux.location.sky import BODIES, apparent_body, exclusion, to_body
from orbit_aux.moon_view import moon_geometry
from orbit_aux.tables import read_rows, utc_of
from orbit_aux.time import Times


def write_sky(orbit: Path, times: Path, output: Path, attitude: Path | None = None) -> list[str]:
    """Read the CSV `times` (column utc), write the CSV `output` with the apparent Moon and Sun at each, return the lines to print.

    Of each body right ascension and declination (GCRF), distance, apparent radius, angle over the Earth's limb, and the unit vector in the body axes where
    there is an attitude; of the Moon its phase.
    """
    refuse_inputs(output, (orbit, times, attitude))
    instants = _read_times(times)
    state = read_oem(orbit).at(instants, "GCRF")
    turning = None if attitude is None else read_aem(attitude)
    columns: dict[str, np.ndarray] = {}
    for body in BODIES:
        seen = apparent_body(body, state)
        direction = seen["direction"].values
        columns[f"{body}_ra_deg"] = np.degrees(np.arctan2(direction[:, 1], direction[:, 0])) % 360.0
        columns[f"{body}_dec_deg"] = np.degrees(np.arcsin(direction[:, 2]))
        columns[f"{body}_distance_km"] = seen["distance"].values / 1e3
        columns[f"{body}_radius_deg"] = np.degrees(seen["apparent_radius"].values)
        columns[f"{body}_over_limb_deg"] = exclusion(state, direction, {})["earth_limb"].values
        if turning is not None:
            in_body = to_body(turning, instants, direction)
            columns |= {f"{body}_{axis}": in_body[:, place] for place, axis in enumerate("xyz")}
    columns["moon_phase_deg"] = moon_geometry(instants, state.position_m, light_time=True)["phase"].values
    _write(output, instants, columns)
    hidden = int((columns["moon_over_limb_deg"] < 0).sum())
    return [f"{output}: {len(instants)} times, the Earth hides the Moon's centre at {hidden}"]


def _read_times(path: Path) -> Times:
    rows = read_rows(path, ("utc",), "times")
    if not rows:
        raise RequestError(f"{path}: has no time in it; give a line per time")
    return utc_of(path, [row["utc"] or "" for row in rows])


def _write(output: Path, times: Times, columns: dict[str, np.ndarray]) -> None:
    with write_whole(output) as stream:
        stream.write(",".join(["utc", *columns]) + "\n")
        for utc, values in zip(times.utc_strings(), np.stack([*columns.values()], axis=-1).tolist(), strict=True):
            stream.write(",".join([utc, *(f"{value:.9f}" for value in values)]) + "\n")
