"""`etalon orbit keep`: a plan of manoeuvres from an orbit, what was executed and a configuration."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np

from calib.errors import RequestError
from flows.orbits.inputs import record
from flows.orbits.keeping_inputs import Situation, situation
from flows.orbits.writing import check_output, csv_text, new_folder, write_json
from orbit_aux.ccsds import write_opm
from orbit_aux.ccsds.opm import Manoeuvre, OrbitParameters
from orbit_aux.keeping.calibration_of_manoeuvres import calibrate
from orbit_aux.keeping.manoeuvre_plan import plan_manoeuvres
from orbit_aux.keeping.plan import Plan
from orbit_aux.keeping.station_keeping import YEAR_S
from orbit_aux.motion.mean_elements import osculating_state

_MONTH_S = YEAR_S / 12.0


def write_keeping(
    name: str, orbit: Path, output: Path, executed: Path | None, start: str | None, months: float
) -> tuple[bool, list[str]]:
    """Plan and write manoeuvres.csv, manoeuvres.opm, forecast.csv, summary.json and report.html (calibration.csv); feasible or not, and lines."""
    from calib.report.sheet import page
    from flows.orbits.keeping_page import keeping_page

    if not 0 < months <= 240:
        raise RequestError(f"--months {months:g}: give more than 0 and at most 240")
    check_output(output)
    duration_s = months * _MONTH_S
    place = situation(name, orbit, executed, start, duration_s)
    plan = plan_manoeuvres(
        place.motion, place.start, place.start.times + duration_s, place.target, place.craft, place.rules
    )
    summary = summary_of(place, plan) | {"inputs": record(place.start.times, {"orbit": orbit, "executed": executed})}
    with new_folder(output) as part:
        (part / "manoeuvres.csv").write_text(_manoeuvres(place, plan), encoding="utf-8")
        (part / "forecast.csv").write_text(_forecast(place, plan), encoding="utf-8")
        if place.executed:
            (part / "calibration.csv").write_text(calibration_table(place), encoding="utf-8")
        write_opm(part / "manoeuvres.opm", _parameters(place, plan))
        write_json(part / "summary.json", summary)
        (part / "report.html").write_text(page(keeping_page(place, plan, summary)), encoding="utf-8")
    return plan.feasible, _lines(place, plan, summary)


def next_extremes(plan: Plan) -> list[tuple[float, float]]:
    """Of each burn, the track farthest west and east from it to the first burn of the next manoeuvre, m."""
    at = plan.forecast.mean.times.tai_ns
    end = int(at[-1])
    firsts: dict[int, int] = {}
    for burn in plan.burns:
        firsts.setdefault(burn.manoeuvre, int(burn.centre.tai_ns[0]))
    edges = [*firsts.values(), end]
    found = {}
    for number, (low, high) in zip(firsts, itertools.pairwise(edges), strict=True):
        track = plan.forecast.track_m[np.searchsorted(at, low) : np.searchsorted(at, high, side="right")]
        found[number] = (float(track.min()), float(track.max())) if len(track) else (np.nan, np.nan)
    return [found[burn.manoeuvre] for burn in plan.burns]


def _manoeuvres(place: Situation, plan: Plan) -> str:
    heads = [
        *(
            "manoeuvre",
            "burn",
            "kind",
            "why",
            "ignition_utc",
            "centre_utc",
            "duration_s",
            "dv_radial_ms",
            "dv_along_ms",
            "dv_cross_ms",
            "asked_radial_ms",
            "asked_along_ms",
            "asked_cross_ms",
        ),
        *(
            "propellant_kg",
            "mass_after_kg",
            "latitude_argument_deg",
            "semi_major_axis_before_m",
            "semi_major_axis_after_m",
            "inclination_before_deg",
            "inclination_after_deg",
        ),
        *("track_m", "track_west_after_m", "track_east_after_m", "local_time_h", "feasible", "reason"),
    ]
    rows, counts = [], dict.fromkeys((burn.manoeuvre for burn in plan.burns), 0)
    for burn, (west, east) in zip(plan.burns, next_extremes(plan), strict=True):
        counts[burn.manoeuvre] += 1
        rows.append(
            [
                *(burn.manoeuvre, counts[burn.manoeuvre], burn.kind, burn.why),
                *(burn.ignition.utc_strings(3)[0], burn.centre.utc_strings(3)[0], burn.duration_s),
                *burn.needed_ms.tolist(),
                *burn.asked_ms.tolist(),
                *(burn.propellant_kg, burn.mass_after_kg, float(np.degrees(burn.latitude_argument_rad))),
                *(float(state.semi_major_axis_m[0]) for state in (burn.before, burn.after)),
                *(float(np.degrees(state.inclination_rad[0])) for state in (burn.before, burn.after)),
                *(burn.track_m, west, east, float(place.motion.local_time_h(burn.before)[0])),
                *("yes" if burn.feasible else "no", burn.reason),
            ]
        )
    return csv_text(heads, rows)


def _forecast(place: Situation, plan: Plan) -> str:
    cast = plan.forecast
    mean = cast.mean
    heads = [
        *(
            "utc",
            "track_m",
            "local_time_h",
            "local_time_deviation_s",
            "semi_major_axis_m",
            "inclination_deg",
            "eccentricity_x",
            "eccentricity_y",
            "node_longitude_deg",
            "propellant_kg",
        ),
    ]
    late = place.target.local_time_deviation_s(cast.local_time_h)
    longitude = np.mod(np.degrees(place.motion.node_longitude(mean)) + 180.0, 360.0) - 180.0
    columns = [
        mean.times.utc_strings(0),
        cast.track_m.tolist(),
        cast.local_time_h.tolist(),
        late.tolist(),
        mean.semi_major_axis_m.tolist(),
        np.degrees(mean.inclination_rad).tolist(),
        mean.eccentricity_x.tolist(),
        mean.eccentricity_y.tolist(),
        longitude.tolist(),
        cast.propellant_kg.tolist(),
    ]
    return csv_text(heads, zip(*columns, strict=True))


def calibration_table(place: Situation) -> str:
    """Executed manoeuvres with ratio and direction, empty where nobody restituted them."""
    heads = ("utc", "planned_ms", "restituted_ms", "ratio", "ratio_sigma", "direction_deg", "direction_sigma_deg")
    rows: list[list[object]] = []
    for item in place.executed:
        row: list[object] = [item.time.utc_strings(3)[0], float(np.linalg.norm(item.planned_ms))]
        if item.restituted:
            found = calibrate(item)
            row += [float(np.linalg.norm(item.restituted_ms)), found.ratio, found.ratio_sigma]
            row += [float(np.degrees(found.direction_rad)), float(np.degrees(found.direction_sigma_rad))]
        rows.append([*row, *[""] * (len(heads) - len(row))])
    return csv_text(heads, rows)


def _parameters(place: Situation, plan: Plan) -> OrbitParameters:
    """State at the start of the plan, and the burns the orbit needs: impulses with the duration that thrust and ratio of the thrusters ask for."""
    given = place.settings.satellite
    at = place.start.times
    state = place.orbit.at(at) if place.orbit.covers(at).all() else osculating_state(place.start)
    burns = tuple(
        Manoeuvre(burn.ignition, burn.duration_s, -burn.propellant_kg, "RSW", burn.needed_ms)
        for burn in plan.burns
        if burn.feasible
    )
    return OrbitParameters(
        place.orbit.object_name,
        place.orbit.object_id,
        state,
        mass_kg=given.mass_kg,
        drag_area_m2=given.drag_area_m2,
        drag_coefficient=given.drag_coefficient,
        manoeuvres=burns,
        comments=(f"plan of {place.settings.name}; MAN_DV is what the orbit needs",),
    )


def summary_of(place: Situation, plan: Plan) -> dict[str, Any]:
    """Plain values of a plan for JSON."""
    cast, target = plan.forecast, place.target
    done = [burn for burn in plan.burns if burn.feasible]
    span_y = float((cast.mean.times[-1] - cast.mean.times[0])[0]) / YEAR_S
    late = target.local_time_deviation_s(cast.local_time_h)
    return {
        "name": place.settings.name,
        "object_name": place.orbit.object_name,
        "verdict": "feasible" if plan.feasible else "infeasible",
        "reasons": list(plan.reasons),
        "start_utc": cast.mean.times[0].utc_strings(0)[0],
        "stop_utc": cast.mean.times[-1].utc_strings(0)[0],
        "manoeuvres": len({burn.manoeuvre for burn in plan.burns}),
        "burns": len(plan.burns),
        "burns_infeasible": len(plan.burns) - len(done),
        "delta_v_along_ms": sum(abs(float(burn.needed_ms[1])) for burn in done),
        "delta_v_cross_ms": sum(abs(float(burn.needed_ms[2])) for burn in done),
        "delta_v_along_per_year_ms": sum(abs(float(burn.needed_ms[1])) for burn in done) / span_y,
        "propellant_used_kg": place.craft.propellant_kg - _left(plan, place),
        "propellant_left_kg": _left(plan, place),
        "track_m": {
            "least": float(cast.track_m.min()),
            "greatest": float(cast.track_m.max()),
            "window": target.half_width_m,
        },
        "local_time_deviation_s": {
            "least": float(late.min()),
            "greatest": float(late.max()),
            "window": target.local_time_half_width_s,
        },
        "grid_longitude_deg": float(np.degrees(target.grid.longitude_rad)),
        "start_mean_elements": mean_record(place),
        "observed": observed_record(place),
    }


def mean_record(place: Situation) -> dict[str, float]:
    """Mean elements at the start, in degrees."""
    mean = place.start
    return {
        "semi_major_axis_m": float(mean.semi_major_axis_m[0]),
        "inclination_deg": float(np.degrees(mean.inclination_rad[0])),
        "eccentricity_x": float(mean.eccentricity_x[0]),
        "eccentricity_y": float(mean.eccentricity_y[0]),
        "frozen_eccentricity_y": place.motion.frozen_y,
        "node_longitude_deg": float(np.mod(np.degrees(place.motion.node_longitude(mean)[0]) + 180.0, 360.0) - 180.0),
        "local_time_h": float(place.motion.local_time_h(mean)[0]),
        "decay_m_per_day": float(
            np.interp((mean.times - place.motion.epoch)[0], place.motion.decay_s, place.motion.decay_ms) * 86400.0
        ),
    }


def observed_record(place: Situation) -> dict[str, Any]:
    """What the orbit and the executed manoeuvres said, and what of it is used."""
    seen, trend = place.observed, place.trend
    return {
        "arc_h": seen.span_s / 3600.0,
        "along_residual_rms_m": seen.residual_rms_m,
        "density_factor": seen.density_factor,
        "density_factor_sigma": seen.density_sigma,
        "density_factor_used": place.density_used,
        "latitude_rate_correction_rads": seen.corrections_rads[0],
        "node_rate_correction_rads": seen.corrections_rads[1],
        "thruster_ratio_used": place.craft.efficiency,
        "thrusters": None if trend is None else vars(trend),
        "notes": list(place.notes),
    }


def _left(plan: Plan, place: Situation) -> float:
    return place.craft.propellant_kg - sum(burn.propellant_kg for burn in plan.burns if burn.feasible)


def _lines(place: Situation, plan: Plan, summary: dict[str, Any]) -> list[str]:
    lines = [
        f"{summary['name']}: {summary['start_utc']} to {summary['stop_utc']}",
        f"{summary['manoeuvres']} manoeuvres in {summary['burns']} burns: {summary['delta_v_along_ms']:.4f} m/s along, "
        f"{summary['delta_v_cross_ms']:.4f} m/s across; propellant {summary['propellant_used_kg']:.4f} kg, left {summary['propellant_left_kg']:.3f} kg",
        f"Track {summary['track_m']['least']:.0f} to {summary['track_m']['greatest']:.0f} m in ± {place.target.half_width_m:.0f} m",
    ]
    seen = place.observed
    if np.isfinite(seen.density_factor):
        lines.append(
            f"Density {seen.density_factor:.3f} ± {seen.density_sigma:.3f} of the model; used {place.density_used:.3f}"
        )
    if place.trend is not None:
        lines.append(
            f"Thrusters give {place.trend.mean:.4f} ± {place.trend.mean_sigma:.4f} of the plan ({place.trend.count} done); used {place.craft.efficiency:.4f}"
        )
    lines += [
        f"Next: {burn.ignition.utc_strings(0)[0]}, {np.linalg.norm(burn.needed_ms):.4f} m/s, {burn.why}"
        for burn in plan.burns[:1]
    ]
    lines += [*place.notes, *(f"Against it: {reason}" for reason in plan.reasons[:5])]
    return [*lines, f"Verdict: {summary['verdict']}"]
