"""From a decay to what its page shows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from calib.report.sheet import Plot, Sheet, Table, Trace
from flows.orbits.writing import unix_s
from orbit_aux.decay.descent import YEAR_S

if TYPE_CHECKING:
    from flows.orbits.decay import Answer

_KM = 1000.0


def decay_page(answer: Answer, summary: Mapping[str, Any], lines: Sequence[str]) -> Sheet:
    """Altitudes over time with the band of drawn lifetimes and the span of the rule, ways to leave, criteria, models."""
    models = summary["models"]
    tables = [_options(answer), _criteria(summary)]
    if answer.drawn is not None:
        tables.append(_drawn(summary))
    if summary["passivation"] is not None:
        tables.append(_passivation(summary["passivation"]))
    return Sheet(
        title=f"Decay of {summary['object_name']}",
        verdict=lines[-1].removeprefix("verdict: "),
        good=bool(summary["rule_met"]),
        sentences=list(lines[:-1]),
        tables=tables,
        plots=[_altitudes(answer), *([_activity(answer)] if np.ptp(answer.disposal.f107) > 1.0 else [])],
        notes=[*summary["notes"], *(f"{key.replace('_', ' ')}: {value}" for key, value in models.items())],
    )


def _altitudes(answer: Answer) -> Plot:
    fall, x = answer.disposal, unix_s(answer.disposal.times)
    traces = [
        Trace("apogee", x, fall.apogee_altitude_m / _KM),
        Trace("perigee", x, fall.perigee_altitude_m / _KM),
    ]
    sentence = "Mean altitudes over the equatorial radius."
    if answer.band is not None:
        seconds, early, late = answer.band
        middle, half = 0.5 * (early + late) / _KM, 0.5 * np.abs(late - early) / _KM
        traces.append(Trace("perigees of the draws from P10 to P90, and their middle", x[0] + seconds, middle, half))
        sentence += " The band lies between the perigees of the draws whose lifetimes are the 10th and 90th percentile."
    rule = answer.case.request.rule_years
    return Plot(
        "Perigee and apogee",
        "altitude [km]",
        traces,
        sentence,
        {"re-entry": answer.case.models.re_entry_height_m / _KM},
        dates=True,
        shaded=(float(x[0]), float(x[0] + rule * YEAR_S), f"the {rule:g} years of the rule"),
    )


def _activity(answer: Answer) -> Plot:
    return Plot(
        "Activity of the Sun",
        "F10.7",
        [Trace("F10.7 used", unix_s(answer.disposal.times), answer.disposal.f107)],
        "Nominal; draws scale what lies above 65.",
        dates=True,
    )


def _options(answer: Answer) -> Table:
    rows = [
        (
            item.name,
            _text(item.perigee_km, 1),
            _text(item.impulse_ms, 2),
            _text(item.burns_ms, 2),
            "–" if item.burns is None else str(item.burns),
            _text(item.propellant_kg, 2),
            _text(item.days, 1),
            "beyond the horizon" if item.lifetime_years == math.inf else _text(item.lifetime_years, 2),
        )
        for item in answer.options
    ]
    heads = (
        "Way to end",
        "Perigee [km]",
        "Δv, impulse [m/s]",
        "Δv, burns [m/s]",
        "Burns",
        "Propellant [kg]",
        "Manoeuvring [days]",
        "Lifetime after [years]",
    )
    return Table("Ways to end the orbit (of a spiral: the circle's altitude)", heads, rows)


def _criteria(summary: Mapping[str, Any]) -> Table:
    said = {True: "met", False: "not met", None: "does not apply"}
    rows = [(name, item["asks"], said[item["met"]]) for name, item in summary["criteria"].items()]
    return Table("Criteria of protected regions, by the nominal decay", ("Criterion", "Asks", "Answer"), rows)


def _drawn(summary: Mapping[str, Any]) -> Table:
    drawn = summary["monte_carlo"]
    early, late = drawn["re_entry_window_days"]
    rows = [(name.removesuffix("_years"), _text(drawn[name], 3)) for name in drawn if name.startswith("P")]
    rows += [
        ("share within the rule", _text(summary["probability"], 3)),
        ("re-entry from (P5), days after the start", _text(early, 1)),
        ("re-entry until (P95), days after the start", _text(late, 1)),
        ("draws", str(drawn["draws"])),
        ("beyond the horizon", str(drawn["beyond_horizon"])),
    ]
    return Table("Lifetimes by Monte Carlo [years]", ("Quantity", "Value"), rows)


def _passivation(plan: Mapping[str, float]) -> Table:
    rows = [
        ("propellant at the end of the mission [kg]", _text(plan["propellant_kg"], 2)),
        ("used by the burns [kg]", _text(plan["used_kg"], 2)),
        ("missing [kg]", _text(plan["missing_kg"], 2)),
        ("left to be burnt or let out [kg]", _text(plan["left_kg"], 2)),
        ("burning it takes [s]", _text(plan["depletion_s"], 0)),
        ("and gives [m/s]", _text(plan["depletion_ms"], 2)),
        ("pressurant down to a hundredth after [s]", _text(plan["venting_s"], 0)),
    ]
    return Table("Passivation", ("Quantity", "Value"), rows)


def _text(value: float | None, decimals: int) -> str:
    return "–" if value is None or not math.isfinite(value) else f"{value:.{decimals}f}"
