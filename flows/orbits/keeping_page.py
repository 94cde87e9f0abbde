"""The page of a plan: the track in its window with the manoeuvres, local time, semi-major axis, propellant; what comes next and what stands against it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from calib.report.sheet import Plot, Sheet, Table, Trace
from flows.orbits.keeping_inputs import Situation
from flows.orbits.writing import unix_s
from orbit_aux.keeping.calibration_of_manoeuvres import calibrate
from orbit_aux.keeping.plan import Plan
from orbit_aux.time import Times

_NEXT = 16
_LATEST = 12


def keeping_page(place: Situation, plan: Plan, summary: Mapping[str, Any]) -> Sheet:
    """What an operator looks at before a plan is approved."""
    verdict = "Feasible" if plan.feasible else "Infeasible: " + "; ".join(plan.reasons[:3])
    return Sheet(
        f"Orbit keeping of {place.orbit.object_name}: {place.settings.name}",
        verdict,
        (
            f"From {summary['start_utc']} to {summary['stop_utc']}: {summary['manoeuvres']} manoeuvres in {summary['burns']} burns, "
            f"{summary['delta_v_along_ms']:.3f} m/s along the track and {summary['delta_v_cross_ms']:.3f} m/s across, "
            f"{summary['propellant_used_kg']:.3f} kg of propellant; {summary['propellant_left_kg']:.3f} kg are left.",
            f"The orbit decays by {-summary['start_mean_elements']['decay_m_per_day']:.3g} m a day at the start. Track counts eastward.",
        ),
        [table for table in (_next(plan), _reasons(plan), observed_table(place), calibrations(place)) if table.rows],
        _plots(place, plan),
        list(place.notes),
        plan.feasible,
    )


def observed_table(place: Situation) -> Table:
    """What the orbit and the thrusters showed, and what the plan uses of it."""
    seen, trend = place.observed, place.trend
    known = np.isfinite(seen.density_factor)
    rows = [
        [
            "Density, observed over model",
            f"{seen.density_factor:.3f} ± {seen.density_sigma:.3f}" if known else "arc too short",
            f"{place.density_used:.3f}",
        ],
        [
            "Thrusters, given over asked",
            "no manoeuvre restituted"
            if trend is None
            else f"{trend.mean:.4f} ± {trend.mean_sigma:.4f} ({trend.mean_significance:+.1f} σ from 1)",
            f"{place.craft.efficiency:.4f}",
        ],
        [
            "Thrusters, trend a year",
            "fewer than 3"
            if trend is None or not np.isfinite(trend.slope_per_year)
            else f"{trend.slope_per_year:+.4f} ± {trend.slope_sigma:.4f} ({trend.slope_significance:+.1f} σ)",
            "told only",
        ],
        ["Latitude argument beyond theory, rad/s", f"{seen.corrections_rads[0]:.3g}", "as observed"],
        ["Node beyond theory, rad/s", f"{seen.corrections_rads[1]:.3g}", "as observed"],
    ]
    return Table(f"What {seen.span_s / 3600:.0f} h of orbit say", ("", "observed", "used"), rows)


def calibrations(place: Situation) -> Table:
    """The latest executed manoeuvres, restituted against planned."""
    rows = []
    for item in place.executed[-_LATEST:]:
        row = [item.time.utc_strings(0)[0], f"{np.linalg.norm(item.planned_ms):.4f}"]
        if item.restituted:
            found = calibrate(item)
            row += [f"{np.linalg.norm(item.restituted_ms):.4f}", f"{found.ratio:.4f} ± {found.ratio_sigma:.4f}"]
            row += [f"{np.degrees(found.direction_rad):.2f} ± {np.degrees(found.direction_sigma_rad):.2f}"]
        rows.append([*row, *["-"] * (5 - len(row))])
    return Table(
        "Executed manoeuvres, the latest",
        ("middle", "planned m/s", "restituted m/s", "ratio", "direction off, deg"),
        rows,
    )


def _next(plan: Plan) -> Table:
    rows = [
        [
            burn.ignition.utc_strings(0)[0],
            str(burn.manoeuvre),
            burn.why,
            f"{burn.needed_ms[1]:+.4f}",
            f"{burn.needed_ms[2]:+.4f}",
            f"{burn.duration_s:.1f}",
            f"{burn.propellant_kg * 1e3:.1f}",
            f"{np.degrees(burn.latitude_argument_rad):.0f}",
            f"{burn.track_m:+.0f}",
            "ok" if burn.feasible else burn.reason,
        ]
        for burn in plan.burns[:_NEXT]
    ]
    heads = ("ignition", "no.", "why", "along m/s", "across m/s", "s", "g", "latitude arg. deg", "track m", "feasible")
    return Table(f"Next burns (of {len(plan.burns)})", heads, rows)


def _reasons(plan: Plan) -> Table:
    return Table(
        "What stands against the plan", ("", "reason"), [[str(n), text] for n, text in enumerate(plan.reasons[:20], 1)]
    )


def _plots(place: Situation, plan: Plan) -> list[Plot]:
    cast, target = plan.forecast, place.target
    time = unix_s(cast.mean.times)
    at = unix_s(Times.concatenate([burn.centre for burn in plan.burns]))
    track = np.array([burn.track_m for burn in plan.burns])
    late = target.local_time_deviation_s(cast.local_time_h) / 60.0
    wide, width = target.half_width_m, target.local_time_half_width_s / 60.0
    a = cast.mean.semi_major_axis_m
    middle = float(np.median(a))
    reach = 1.4 * wide
    return [
        Plot(
            "Ground track against its grid",
            "east, m",
            [Trace("track at the ascending node", time, cast.track_m), Trace("burns", at, track, dots=True)],
            "Drag turns the drift eastward; a burn at the eastern edge sends the track west again.",
            {"window": wide, "": -wide},
            (-reach, reach),
            dates=True,
        ),
        Plot(
            "Local time of the ascending node",
            "late, min",
            [Trace("local time less the one wanted", time, late)],
            f"Wanted: {target.local_time_h:.3f} h at the ascending node. Inclination manoeuvres bend this curve.",
            {"window": width, "": -width},
            dates=True,
        ),
        Plot(
            "Semi-major axis",
            f"m over {middle:.0f}",
            [Trace("mean semi-major axis", time, a - middle)],
            "Steps are burns.",
            dates=True,
        ),
        Plot(
            "Inclination",
            "deg",
            [Trace("mean inclination", time, np.degrees(cast.mean.inclination_rad))],
            "Sun and Moon bend the plane; the fortnight's wave is the Moon's.",
            dates=True,
        ),
        Plot("Propellant", "kg", [Trace("left", time, cast.propellant_kg)], "What may be used.", dates=True),
    ]
