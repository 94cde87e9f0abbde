"""`etalon orbit screen`: close approaches of an own ephemeris, with its manoeuvres, to other objects."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from calib.errors import RequestError
from calib.report.sheet import Plot, Sheet, Table, Trace, page
from flows.orbits.conjunction import RED
from flows.orbits.inputs import record
from flows.orbits.sources import read_orbit_or_elements
from flows.orbits.writing import check_output, csv_text, new_folder, refusals, unix_s, write_json
from orbit_aux.ccsds import read_oem
from orbit_aux.conjunctions.assessment import Choice, assess
from orbit_aux.conjunctions.screening import (
    Approach,
    close_approaches,
    covariance_at,
    encounter_of_approach,
)
from orbit_aux.orbit import Orbit
from orbit_aux.time import Times
from orbit_aux.trajectory import Trajectory, trajectory_of

_COLUMNS = (
    "object",
    "tca",
    "miss_m",
    "radial_m",
    "along_m",
    "cross_m",
    "speed_ms",
    "at_edge",
    "pc",
    "method",
    "pc_max_unknown_covariance",
    "flags",
)
_MOST_JUDGED = 100


def write_screening(
    own: Path,
    others: Sequence[Path],
    threshold_km: float,
    output: Path,
    radius_m: float | None = None,
    red: float | None = None,
) -> tuple[list[str], float]:
    """Screen the OEM `own` against OEM or two-line elements and write `output`; the lines to print and the largest probability found (0: none known)."""
    if not 0 < threshold_km <= 10_000:
        raise RequestError(f"--threshold {threshold_km:g}: give kilometres, up to 10000")
    if radius_m is not None and not 0 < radius_m <= 1e4:
        raise RequestError(f"--radius {radius_m:g}: give 0 to 10000 m")
    if red is not None and radius_m is None:
        raise RequestError(f"--red {red:g}: without --radius no probability is computed; give it too")
    if red is not None and not 0.0 <= red <= 1.0:
        raise RequestError(f"--red {red:g}: give 0 to 1")
    check_output(output)
    with refusals():
        orbit = read_oem(own)
        rows = [row for path in others for row in _against(orbit, path, threshold_km * 1e3, radius_m)]
    rows.sort(key=lambda row: str(row["tca"]))
    largest = max((row["pc"] for row in rows if row["pc"] is not None), default=0.0)
    files = {"own": own} | {f"against_{number}": path for number, path in enumerate(others, start=1)}
    content = {
        "own": orbit.object_name,
        "threshold_km": threshold_km,
        "hard_body_radius_m": radius_m,
        "interval": [orbit.times[0].utc_strings(3)[0], orbit.times[-1].utc_strings(3)[0]],
        "approaches": rows,
        "inputs": record(orbit.times[[0, -1]], files),
    }
    with new_folder(output) as folder:
        write_json(folder / "summary.json", content)
        (folder / "approaches.csv").write_text(_table(rows), encoding="utf-8")
        (folder / "report.html").write_text(
            page(_sheet(orbit, rows, threshold_km, largest < (RED if red is None else red))), encoding="utf-8"
        )
    nearest = min((row["miss_m"] for row in rows), default=None)
    told = "" if nearest is None else f", the nearest {nearest:.1f} m"
    return [f"{len(rows)} approaches below {threshold_km:g} km{told}", f"{output / 'report.html'}"], largest


def _against(orbit: Orbit, path: Path, threshold_m: float, radius_m: float | None) -> list[dict[str, Any]]:
    other = trajectory_of(read_orbit_or_elements(path))
    span = orbit.times[[0, -1]]
    if not (other.covers(orbit.times).any()):
        raise RequestError(f"{path}: covers nothing of {span}, which {orbit.source} is of; give an orbit of that time")
    found = close_approaches(orbit, other, span[0], span[1], threshold_m)
    return [_row(orbit, other, item, radius_m if place < _MOST_JUDGED else None) for place, item in enumerate(found)]


def _row(orbit: Orbit, other: Trajectory, item: Approach, radius_m: float | None) -> dict[str, Any]:
    row: dict[str, Any] = {
        "object": item.other,
        "tca": item.tca.utc_strings(6)[0],
        "miss_m": item.miss_m,
        "miss_rtn_m": item.relative_rtn_m,
        "speed_ms": item.speed_ms,
        "at_edge": item.at_edge,
        "pc": None,
        "method": "none",
        "pc_max_unknown_covariance": None,
        "flags": [],
    }
    if radius_m is None:
        return row
    covariances = (
        covariance_at(orbit, item.tca),
        covariance_at(other, item.tca) if isinstance(other, Orbit) else None,
    )
    both = covariances[0] is not None and covariances[1] is not None
    encounter = encounter_of_approach(item, covariances if both else (None, None), radius_m)
    answer = assess(encounter, Choice("off"))
    names = [flag.name for flag in answer.flags]
    return row | {
        "pc": answer.probability,
        "method": answer.method,
        "pc_max_unknown_covariance": answer.unknown_covariance_maximum,
        "flags": names,
    }


def _table(rows: Sequence[dict[str, Any]]) -> str:
    cells = []
    for row in rows:
        numbers = [f"{value:.3f}" for value in (row["miss_m"], *row["miss_rtn_m"])]
        chances = ["" if row[key] is None else f"{row[key]:.6g}" for key in ("pc", "pc_max_unknown_covariance")]
        cells.append(
            [
                row["object"],
                row["tca"],
                *numbers,
                f"{row['speed_ms']:.6f}",
                row["at_edge"],
                chances[0],
                row["method"],
                chances[1],
                " ".join(row["flags"]),
            ]
        )
    return csv_text(_COLUMNS, cells)


def _sheet(orbit: Orbit, rows: Sequence[dict[str, Any]], threshold_km: float, good: bool) -> Sheet:
    table = Table(
        "Close approaches",
        ("TCA", "object", "miss [m]", "radial", "along", "cross", "speed [m/s]", "Pc", "at an edge"),
        [
            (
                row["tca"],
                row["object"],
                f"{row['miss_m']:.1f}",
                *(f"{value:.1f}" for value in row["miss_rtn_m"]),
                f"{row['speed_ms']:.5g}",
                "–" if row["pc"] is None else f"{row['pc']:.3e}",
                "yes" if row["at_edge"] else "",
            )
            for row in rows
        ],
    )
    plots = []
    if rows:
        seconds = unix_s(Times.from_utc([row["tca"] for row in rows]))
        names = list(dict.fromkeys(row["object"] for row in rows))
        misses = np.array([row["miss_m"] / 1e3 for row in rows])
        chosen = {name: np.array([row["object"] == name for row in rows]) for name in names}
        traces = [Trace(name, seconds[mine], misses[mine], dots=True) for name, mine in chosen.items()]
        sentence = "Each dot is a least distance below the threshold."
        plots.append(Plot("Misses", "miss [km]", traces, sentence, {"threshold": threshold_km}, dates=True))
    verdict = f"{len(rows)} approaches below {threshold_km:g} km"
    notes = [f"{orbit.object_name} from {orbit.times[0].utc_strings(0)[0]} to {orbit.times[-1].utc_strings(0)[0]}"]
    return Sheet(f"Screening of {orbit.object_name}", verdict, [], [table], plots, notes, good)
