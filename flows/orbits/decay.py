"""`etalon orbit decay`: how long an orbit lasts, whether that meets the rule, and what it takes to leave sooner."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from calib.report.sheet import page
from flows.orbits.decay_options import Option, altitudes_m, options_of
from flows.orbits.decay_request import DecayCase, DecayRequest, prepared
from flows.orbits.writing import check_output, new_folder, refusals, table_of, write_json
from orbit_aux.decay.descent import YEAR_S, Decay, follow_decay
from orbit_aux.decay.end_of_life import (
    BurnSequence,
    at_once,
    lowering_burns,
    passivation,
    perigee_for_lifetime,
    with_perigee,
)
from orbit_aux.decay.rule import PERCENTILES, Lifetimes, criteria, draw_lifetimes
from orbit_aux.errors import OrbitError

_DAY_S = 86_400.0
#: a verdict by draws is met if so many of them are
ENOUGH = 0.9
# lifetimes are drawn to this many times the rule or the nominal lifetime
_DRAWN_TIMES = 2.0
# steps of the band between drawn lifetimes
_BAND_STEPS = 300


@dataclass(frozen=True, eq=False)
class Answer:
    """What was found: the orbit as it is, as it is left, its drawn lifetimes, and all options."""

    case: DecayCase
    natural: Decay
    disposal: Decay
    lowered_m: float | None
    burns: BurnSequence | None
    drawn: Lifetimes | None
    band: tuple[np.ndarray, np.ndarray, np.ndarray] | None
    """Seconds after the start, and the perigee altitudes (m) there of the draws at the 10th and 90th percentile."""
    options: tuple[Option, ...]


def write_decay(request: DecayRequest, folder: Path, output: Path) -> list[str]:
    """Write decay.csv, summary.json, report.html and, where there are any, draws.csv and burns.csv to a new folder; returns the lines to print."""
    from flows.orbits.decay_page import decay_page

    check_output(output)
    with refusals():
        answer = answered(prepared(request, folder))
    summary = summary_of(answer)
    lines = told(answer, summary)
    with new_folder(output) as part:
        (part / "decay.csv").write_text(table_of(_table(answer.disposal)), encoding="utf-8")
        if answer.drawn is not None:
            (part / "draws.csv").write_text(table_of(_draws(answer.drawn)), encoding="utf-8")
        if answer.burns is not None and len(answer.burns.start_s):
            (part / "burns.csv").write_text(table_of(_burns(answer.burns)), encoding="utf-8")
        write_json(part / "summary.json", summary)
        (part / "report.html").write_text(page(decay_page(answer, summary, lines)), encoding="utf-8")
    return [*lines, f"written: {output}"]


def answered(case: DecayCase) -> Answer:
    """All that is asked of a case."""
    request = case.request
    horizon_s = request.horizon_years * YEAR_S
    natural = follow_decay(case.start, case.models, horizon_s)
    lowered, drawn = _lowered_m(case)
    direct = lowered is not None and lowered <= case.models.re_entry_height_m
    if lowered is None:
        disposal = natural
    elif direct:
        disposal = at_once(case.start, lowered, case.models)
    else:
        disposal = follow_decay(with_perigee(case.start, lowered), case.models, horizon_s)
    if drawn is None and request.monte_carlo.draws and not direct:
        drawn = _drawn(case, lowered, disposal.lifetime_s)
    burns = None
    if lowered is not None:
        perigee, apogee = altitudes_m(case)
        burns = lowering_burns(perigee, apogee, lowered, case.models.satellite.mass_kg, case.engine)
    band = None if drawn is None else _band(case, lowered, drawn)
    return Answer(case, natural, disposal, lowered, burns, drawn, band, options_of(case, natural, lowered))


def _lowered_m(case: DecayCase) -> tuple[float | None, Lifetimes | None]:
    """The perigee asked for; by itself one that meets the rule: for nine draws in ten where there are draws, else for the nominal lifetime."""
    asked, years = case.request.lower_perigee, case.request.rule_years
    if asked is None:
        return None, None
    perigee, _ = altitudes_m(case)
    if asked != "auto":
        if not 0 <= asked * 1e3 <= perigee:
            raise OrbitError(f"--lower-perigee {asked:g}: give km from 0 to the perigee's {perigee / 1e3:.1f}, or auto")
        return asked * 1e3, None
    lowered = perigee_for_lifetime(case.start, case.models, years)
    if not case.request.monte_carlo.draws:
        return lowered, None
    drawn = _drawn(case, lowered, years * YEAR_S)
    longer = drawn.percentile(100.0 * ENOUGH) / (years * YEAR_S)
    if longer > 1.0:
        # lifetimes scale nearly alike from perigees so near; 2 % for what they do not
        shorter = years / (1.02 * longer) if math.isfinite(longer) else 0.4 * years
        lowered = perigee_for_lifetime(case.start, case.models, shorter)
        drawn = _drawn(case, lowered, years * YEAR_S)
    return lowered, drawn


def _drawn(case: DecayCase, lowered_m: float | None, nominal_s: float) -> Lifetimes:
    asked = case.request.monte_carlo
    start = case.start if lowered_m is None else with_perigee(case.start, lowered_m)
    longest = case.request.horizon_years * YEAR_S
    horizon = min(_DRAWN_TIMES * max(case.request.rule_years * YEAR_S, nominal_s), longest)
    return draw_lifetimes(start, case.models, asked.draws, asked.seed, case.uncertainty, horizon)


def _band(case: DecayCase, lowered_m: float | None, drawn: Lifetimes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    start = case.start if lowered_m is None else with_perigee(case.start, lowered_m)
    falls = [follow_decay(start, case.models, drawn.horizon_s, drawn.nearest(share)) for share in PERCENTILES[::2]]
    seconds = np.linspace(0.0, max(fall.lifetime_s for fall in falls), _BAND_STEPS)
    heights = []
    for fall in falls:
        low = fall.perigee_altitude_m
        heights.append(np.interp(seconds, fall.times - fall.times[0], low, right=float(low[-1])))
    return seconds, heights[0], heights[1]


def summary_of(answer: Answer) -> dict[str, Any]:
    """All figures of an answer, as plain values."""
    case, fall, drawn = answer.case, answer.disposal, answer.drawn
    rule = case.request.rule_years
    end = fall.re_entry
    share = None if drawn is None else drawn.share_within(rule)
    asked = {item.name: item for item in criteria(fall, rule)}
    nominal = fall.re_entered and fall.lifetime_s <= rule * YEAR_S
    above = asked["S1"].met is None
    if above:
        # the rule is of low orbit: one left above it has to stay there
        nominal, share = bool(asked["S2"].met), None
    summary: dict[str, Any] = {
        "title": case.request.title,
        "object_name": case.name,
        "start_utc": fall.times[0].utc_strings(0)[0],
        "lifetime_days": fall.lifetime_s / _DAY_S if fall.re_entered else None,
        "lifetime_years": fall.lifetime_s / YEAR_S if fall.re_entered else None,
        "followed_years": fall.lifetime_s / YEAR_S,
        "re_entered": fall.re_entered,
        "re_entry_utc": None if end is None else end.utc_strings(0)[0],
        "rule_years": rule,
        "rule_met": nominal if share is None else share >= ENOUGH,
        "rule_met_nominally": nominal,
        "above_low_orbit": above,
        "probability": share,
        "natural_lifetime_years": answer.natural.lifetime_s / YEAR_S if answer.natural.re_entered else None,
        "lower_perigee_km": None if answer.lowered_m is None else answer.lowered_m / 1e3,
        "criteria": {item.name: {"asks": item.asks, "met": item.met} for item in asked.values()},
        "options": [vars(item) for item in answer.options],
        "initial_mean_elements": _elements(fall, 0),
        "models": case.models.record(),
        "notes": list(case.notes),
    }
    if drawn is not None:
        early, late = drawn.window_s()
        summary["monte_carlo"] = {
            "draws": len(drawn.seconds),
            "seed": case.request.monte_carlo.seed,
            **{f"P{share:.0f}_years": drawn.percentile(share) / YEAR_S for share in PERCENTILES},
            "re_entry_window_days": [early / _DAY_S, late / _DAY_S],
            "horizon_years": drawn.horizon_s / YEAR_S,
            "beyond_horizon": int((~drawn.fell).sum()),
        }
    summary["passivation"] = _passivation(answer)
    return summary


def _passivation(answer: Answer) -> dict[str, float] | None:
    """What is left after the burns, where the request says what there was."""
    section, case = answer.case.request.engine, answer.case
    if section is None or section.propellant_kg is None:
        return None
    used = 0.0 if answer.burns is None else float(answer.burns.propellant_kg.sum())
    missing = max(used - section.propellant_kg, 0.0)
    left = max(section.propellant_kg - used, 0.0)
    plan = passivation(case.models.satellite.mass_kg - used, left, case.engine, section.tank_l * 1e-3)
    return {"propellant_kg": section.propellant_kg, "used_kg": used, "missing_kg": missing, **vars(plan)}


def _elements(fall: Decay, row: int) -> dict[str, float]:
    return {
        "semi_major_axis_m": float(fall.semi_major_axis_m[row]),
        "eccentricity": float(fall.eccentricity[row]),
        "inclination_deg": math.degrees(fall.inclination_rad[row]),
        "node_deg": math.degrees(fall.node_rad[row]),
        "perigee_argument_deg": math.degrees(fall.perigee_argument_rad[row]),
        "perigee_altitude_km": float(fall.perigee_altitude_m[row]) / 1e3,
        "apogee_altitude_km": float(fall.apogee_altitude_m[row]) / 1e3,
    }


def told(answer: Answer, summary: dict[str, Any]) -> list[str]:
    """The lines that are printed."""
    case, fall, rule = answer.case, answer.disposal, answer.case.request.rule_years
    air = case.models.air.name
    if case.models.air.follows_activity:
        air += f", {case.models.space_weather.source}"
    below = f"{case.models.re_entry_height_m / 1e3:g} km"
    lines = []
    if answer.lowered_m is not None and answer.burns is not None:
        used = float(answer.burns.propellant_kg.sum())
        lines.append(
            f"perigee lowered to {answer.lowered_m / 1e3:.1f} km: {answer.burns.impulsive_ms:.3f} m/s in one impulse, {answer.burns.total_ms:.3f} m/s in "
            f"{len(answer.burns.start_s)} burns, {used:.2f} kg of propellant"
        )
    if fall.re_entered:
        lines.append(
            f"lifetime: {duration(fall.lifetime_s)}, below {below} on {summary['re_entry_utc'][:10]} ({air}; Cd A/m {case.models.ballistic_m2kg:.5g} m2/kg)"
        )
    else:
        lines.append(f"lifetime: more than {fall.lifetime_s / YEAR_S:g} years ({air})")
    met = "met" if summary["rule_met"] else "not met"
    if summary["above_low_orbit"]:
        lines.append(f"verdict: {met} above low orbit, where S2 asks never to come below 2000 km within 100 years")
    elif answer.drawn is None:
        lines.append(f"verdict: rule of {rule:g} years {met} by the nominal lifetime")
    else:
        tenth, half, most = (answer.drawn.percentile(share) for share in PERCENTILES)
        lines.append(
            f"verdict: rule of {rule:g} years {met}: {summary['probability']:.3f} of {len(answer.drawn.seconds)} draws within it "
            f"(asked {ENOUGH:g}); P10 {duration(tenth)}, P50 {duration(half)}, P90 {duration(most)}"
        )
    return lines


def duration(seconds: float) -> str:
    """Minutes below a day, days below two years, else years."""
    if not math.isfinite(seconds):
        return "beyond the horizon"
    if seconds < _DAY_S:
        return f"{seconds / 60.0:.1f} minutes"
    return f"{seconds / _DAY_S:.2f} days" if seconds < 2.0 * YEAR_S else f"{seconds / YEAR_S:.2f} years"


def _table(fall: Decay) -> xr.Dataset:
    degrees = {"units": "deg"}
    columns: dict[str, tuple[np.ndarray, dict[str, str]]] = {
        "elapsed_days": ((fall.times - fall.times[0]) / _DAY_S, {"units": "1"}),
        "semi_major_axis": (fall.semi_major_axis_m, {"units": "m"}),
        "eccentricity": (fall.eccentricity, {"units": "1"}),
        "inclination": (np.degrees(fall.inclination_rad), degrees),
        "node": (np.degrees(fall.node_rad), degrees),
        "perigee_argument": (np.degrees(fall.perigee_argument_rad), degrees),
        "perigee_altitude": (fall.perigee_altitude_m, {"units": "m"}),
        "apogee_altitude": (fall.apogee_altitude_m, {"units": "m"}),
        "lowest_height": (fall.lowest_height_m, {"units": "m"}),
        "f107": (fall.f107, {"units": "1e-22 W m-2 Hz-1"}),
    }
    data = xr.Dataset({name: ("time", values, attrs) for name, (values, attrs) in columns.items()})
    return data.assign_coords(time=("time", fall.times.utc_datetime64()))


def _draws(drawn: Lifetimes) -> xr.Dataset:
    values = {
        "lifetime_days": drawn.seconds / _DAY_S,
        "re_entered": drawn.fell.astype(np.int64),
        "ballistic_factor": drawn.draws.ballistic,
        "activity_factor": drawn.draws.flux,
        "start_days": drawn.draws.start_s / _DAY_S,
        "cycle_days": drawn.draws.cycle_s / _DAY_S,
    }
    return xr.Dataset({name: ("draw", value, {"units": "1"}) for name, value in values.items()})


def _burns(burns: BurnSequence) -> xr.Dataset:
    values = {
        "start": (burns.start_s, "s"),
        "duration": (burns.duration_s, "s"),
        "delta_v": (burns.delta_v_ms, "m/s"),
        "propellant_kg": (burns.propellant_kg, "kg"),
        "perigee_altitude": (burns.perigee_altitude_m, "m"),
    }
    return xr.Dataset({name: ("burn", value, {"units": unit}) for name, (value, unit) in values.items()})
