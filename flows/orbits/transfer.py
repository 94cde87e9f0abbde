"""`etalon orbit transfer`: a long transfer planned, with every burn, and the orbit flown on the way."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from calib.errors import RequestError
from calib.report.sheet import Plot, Sheet, Table, Trace, page
from flows.orbits.transfer_request import TransferRequest, read_transfer
from flows.orbits.writing import check_output, csv_text, new_folder, table_of, unix_s, write_json
from orbit_aux.ccsds import write_oem
from orbit_aux.constants import EARTH_MU_M3S2, EARTH_RADIUS_M
from orbit_aux.design.low_thrust import Spiral, edelbaum, spiral
from orbit_aux.design.revolution import CELLS
from orbit_aux.design.zonal import frozen_eccentricity
from orbit_aux.errors import OrbitError
from orbit_aux.motion.mean_elements import local_time_h
from orbit_aux.transfer import hohmann, propellant_kg

_DAY_S = 86400.0
#: of the plan: column, factor, title, name of the ordinate, sentence
_PLOTTED = (
    ("altitude", 1e-3, "Altitude", "mean [km]", "Semi-major axis less the equatorial radius."),
    (
        "inclination",
        1.0,
        "Inclination",
        "mean [deg]",
        "Changed by thrust out of the plane, that turns round half a revolution later.",
    ),
    (
        "local_time_ascending_h",
        1.0,
        "Local time",
        "hours",
        "Mean solar, of the ascending node. It drifts where the inclination is not that of a Sun-synchronous orbit of the height.",
    ),
    ("eccentricity", 1.0, "Eccentricity", "mean", "It grows where burns are not spread evenly over the revolution."),
    ("mass_kg", 1.0, "Mass", "[kg]", "With the propellant that is left."),
    ("delta_v", 1.0, "Velocity spent", "[m/s]", "By all burns."),
)


def write_transfer(path: Path, output: Path) -> list[str]:
    """Writes plan.csv, burns.csv, orbit.oem, summary.json, report.html into `output`, whole or not at all; returns the lines to print."""
    check_output(output)
    try:
        return _written(path, read_transfer(path), output)
    except OrbitError as error:
        raise RequestError(f"{path}: {error}") from None


def _written(path: Path, request: TransferRequest, output: Path) -> list[str]:
    with new_folder(output) as part:
        start = request.start_elements(path.resolve().parent)
        result = spiral(start, request.engine(), request.goal(), request.duty(), request.surroundings())
        plan = _plan(result)
        summary = _summary(request, result, plan) | {
            "config": request.model_dump(mode="json"),
            "config_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        (part / "plan.csv").write_text(table_of(plan), encoding="utf-8")
        (part / "burns.csv").write_text(_burn_rows(result), encoding="utf-8")
        write_oem(part / "orbit.oem", result.ephemeris(request.object_name, request.step_s))
        write_json(part / "summary.json", summary)
        (part / "report.html").write_text(page(_sheet(request, plan, summary)), encoding="utf-8")
    return _lines(request, summary)


def _plan(result: Spiral) -> xr.Dataset:
    """Mean elements, local time, mass and velocity, once a revolution and at the end."""
    mean = result.mean
    rows = np.unique(np.append(np.arange(0, len(mean.times), CELLS), len(mean.times) - 1))
    degrees = {"units": "deg"}
    variables = {
        "semi_major_axis": (mean.semi_major_axis_m, {"units": "m"}),
        "altitude": (mean.semi_major_axis_m - EARTH_RADIUS_M, {"units": "m"}),
        "eccentricity": (mean.eccentricity, {"units": "1"}),
        "argument_of_perigee": (np.degrees(np.arctan2(mean.eccentricity_y, mean.eccentricity_x)) % 360.0, degrees),
        "inclination": (np.degrees(mean.inclination_rad), degrees),
        "node": (np.degrees(mean.node_rad), degrees),
        "local_time_ascending_h": (local_time_h(mean), {"units": "h"}),
        "mass_kg": (result.mass_kg, {"units": "kg"}),
        "delta_v": (result.delta_v_ms, {"units": "m/s"}),
    }
    columns = {name: ("time", values[rows], attributes) for name, (values, attributes) in variables.items()}
    return xr.Dataset(columns, {"time": ("time", mean.times[rows].utc_datetime64(), {"scale": "UTC"})})


def _burn_rows(result: Spiral) -> str:
    """Pieces of constant force: a burn whose side changes in the middle has two, of one ignition."""
    burns = result.burns
    heads = ("ignition", "start_utc", "stop_utc", "duration_s", "along_velocity_n", "across_n", "propellant_kg")
    rows = []
    number = np.searchsorted(burns.ignitions, np.arange(len(burns.begin_s)), side="right")
    starts, stops = ((burns.start + seconds).utc_strings(3) for seconds in (burns.begin_s, burns.end_s))
    for row in range(len(number)):
        duration = float(burns.end_s[row] - burns.begin_s[row])
        figures = (duration, float(burns.along_n[row]), float(burns.across_n[row]), burns.flow_kgs * duration)
        rows.append([int(number[row]), starts[row], stops[row], *figures])
    return csv_text(heads, rows, digits=9)


def _summary(request: TransferRequest, result: Spiral, plan: xr.Dataset) -> dict[str, Any]:
    mean, burns = result.mean, result.burns
    first, last = float(mean.semi_major_axis_m[0]), request.goal().semi_major_axis_m
    turn = float(mean.inclination_rad[-1] - mean.inclination_rad[0])
    burning = burns.end_s - burns.begin_s
    used = float(result.mass_kg[0] - result.mass_kg[-1])
    local = plan["local_time_ascending_h"].values
    drift = (np.diff(np.unwrap(local, period=24.0)).sum()) * 60.0
    ideal = edelbaum(first, last, abs(turn))
    return {
        "name": request.name,
        "start_utc": mean.times[0].utc_strings(0)[0],
        "arrival_utc": (mean.times[0] + result.duration_s).utc_strings(0)[0],
        "stop_utc": mean.times[-1].utc_strings(0)[0],
        "duration_days": result.duration_s / _DAY_S,
        "start": _orbit(plan, 0),
        "end": _orbit(plan, -1),
        "local_time_drift_min": float(drift),
        "delta_v_ms": float(result.delta_v_ms[-1]),
        "propellant_kg": used,
        "propellant_left_kg": request.craft.propellant_kg - used,
        "burns": len(burns.ignitions),
        "burning_days": float(burning.sum()) / _DAY_S,
        "longest_burn_s": _longest(result),
        "greatest_yaw_deg": float(np.degrees(np.arctan2(np.abs(burns.across_n), np.abs(burns.along_n))).max()),
        "greatest_eccentricity": float(mean.eccentricity.max()),
        "eccentricity_correction_ms": _to_frozen(result),
        "compared": {
            "edelbaum_ms": ideal,
            "edelbaum_propellant_kg": propellant_kg(request.craft.mass_kg, ideal, request.craft.specific_impulse_s),
            "hohmann_without_turn_ms": hohmann(first, last).total_ms,
            "turn_deg": float(np.degrees(turn)),
        },
        "assumptions": list(request.assumptions),
        "model": "mean elements: J2, J2^2, J4, odd zonals on the eccentricity, thrust, drag; no Sun and Moon",
    }


def _to_frozen(result: Spiral) -> float:
    """Velocity, m/s, that would bring the eccentricity at the end to the frozen one: v |de| / 2."""
    mean = result.mean
    a, i = float(mean.semi_major_axis_m[-1]), float(mean.inclination_rad[-1])
    away = np.hypot(mean.eccentricity_x[-1], mean.eccentricity_y[-1] - frozen_eccentricity(a, i))
    return float(0.5 * np.sqrt(EARTH_MU_M3S2 / a) * away)


def _longest(result: Spiral) -> float:
    burns = result.burns
    ends = np.append(burns.ignitions[1:] - 1, len(burns.end_s) - 1)
    return float((burns.end_s[ends] - burns.begin_s[burns.ignitions]).max())


def _orbit(plan: xr.Dataset, row: int) -> dict[str, float]:
    item = plan.isel(time=row)
    return {
        "semi_major_axis_km": float(item.semi_major_axis) / 1e3,
        "altitude_km": float(item.altitude) / 1e3,
        "eccentricity": float(item.eccentricity),
        "inclination_deg": float(item.inclination),
        "local_time_ascending_h": float(item.local_time_ascending_h),
        "mass_kg": float(item.mass_kg),
    }


def _sheet(request: TransferRequest, plan: xr.Dataset, summary: Mapping[str, Any]) -> Sheet:
    x = unix_s(plan["time"].values)
    arrival = x[0] + summary["duration_days"] * _DAY_S
    shaded = (arrival, float(x[-1]), "coast on the final orbit") if x[-1] > arrival + 1.0 else None
    plots = [
        Plot(title, y_name, [Trace(title.lower(), x, plan[name].values * scale)], sentence, dates=True, shaded=shaded)
        for name, scale, title, y_name, sentence in _PLOTTED
    ]
    return Sheet(
        title=f"Transfer {request.name}",
        verdict=f"{summary['start']['altitude_km']:.1f} to {request.final.altitude_km:.1f} km in {summary['duration_days']:.1f} days",
        sentences=[
            f"{summary['delta_v_ms']:.1f} m/s in {summary['burns']} burns, {summary['propellant_kg']:.2f} kg of propellant; thrust without pause would spend "
            f"{summary['compared']['edelbaum_ms']:.1f} m/s (Edelbaum). "
            f"The local time moves by {summary['local_time_drift_min']:+.1f} min.",
            f"From {summary['start_utc']} to {summary['arrival_utc']}; the longest burn lasts {summary['longest_burn_s'] / 60.0:.1f} min. "
            f"To bring the eccentricity at the end to the frozen one would cost {summary['eccentricity_correction_ms']:.1f} m/s.",
        ],
        tables=[_ends(summary)],
        plots=plots,
        notes=[*(f"Assumed: {text}" for text in request.assumptions), f"Model: {summary['model']}"],
    )


def _ends(summary: Mapping[str, Any]) -> Table:
    names = {
        "altitude_km": ("Altitude [km]", 3),
        "eccentricity": ("Eccentricity", 6),
        "inclination_deg": ("Inclination [deg]", 4),
        "local_time_ascending_h": ("Local time of the ascending node [h]", 3),
        "mass_kg": ("Mass [kg]", 3),
    }
    rows = [
        [name, *(f"{summary[end][key]:.{digits}f}" for end in ("start", "end"))]
        for key, (name, digits) in names.items()
    ]
    return Table("The orbits, mean elements", ("", "before", "after"), rows)


def _lines(request: TransferRequest, summary: Mapping[str, Any]) -> list[str]:
    start, end = summary["start"], summary["end"]
    return [
        f"{request.name}: {start['altitude_km']:.1f} to {request.final.altitude_km:.1f} km from {summary['start_utc']} to {summary['arrival_utc']} "
        f"({summary['duration_days']:.1f} days)",
        f"{summary['delta_v_ms']:.2f} m/s, {summary['propellant_kg']:.3f} kg in {summary['burns']} burns; {summary['propellant_left_kg']:.3f} kg left",
        f"i {start['inclination_deg']:.4f} to {end['inclination_deg']:.4f} deg, local time {summary['local_time_drift_min']:+.1f} min, "
        f"e at most {summary['greatest_eccentricity']:.5f}",
    ]
