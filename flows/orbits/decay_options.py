"""Ways to end an orbit, with what each takes and how long the orbit then lasts."""

from __future__ import annotations

import math
from dataclasses import dataclass

from flows.orbits.decay_request import DecayCase
from orbit_aux.constants import WGS84_EQUATORIAL_RADIUS_M
from orbit_aux.decay.descent import YEAR_S, Decay, follow_decay
from orbit_aux.decay.end_of_life import (
    CONTROLLED_PERIGEE_M,
    Engine,
    circle_for_lifetime,
    lowering_burns,
    perigee_for_lifetime,
    spiral_down,
    with_perigee,
)
from orbit_aux.errors import OrbitError
from orbit_aux.transfer import perigee_lowering, propellant_kg

_DAY_S = 86_400.0
#: rules that every table of options shows, beside the one asked for
_RULES_YEARS = (25.0, 5.0)


@dataclass(frozen=True)
class Option:
    """A way to end the orbit. Velocities are of one impulse and, where the engine can, of its burns; None where there is none."""

    name: str
    perigee_km: float | None
    impulse_ms: float
    burns_ms: float | None
    burns: int | None
    propellant_kg: float
    days: float | None
    """Of manoeuvring."""
    lifetime_years: float | None
    note: str = ""


def altitudes_m(case: DecayCase) -> tuple[float, float]:
    """Mean perigee and apogee altitude."""
    axis, e = float(case.start.semi_major_axis_m[0]), float(case.start.eccentricity[0])
    return axis * (1.0 - e) - WGS84_EQUATORIAL_RADIUS_M, axis * (1.0 + e) - WGS84_EQUATORIAL_RADIUS_M


def options_of(case: DecayCase, natural: Decay, lowered_m: float | None) -> tuple[Option, ...]:
    """The orbit as it is, perigees for the usual rules and the one asked for, re-entry at once, and a spiral where there is an electric engine."""
    perigee, _ = altitudes_m(case)
    years = natural.lifetime_s / YEAR_S if natural.re_entered else None
    options = [Option("as it is", perigee / 1e3, 0.0, 0.0, 0, 0.0, 0.0, years)]
    for rule in sorted({*_RULES_YEARS, case.request.rule_years}, reverse=True):
        name = f"perigee for {rule:g} years"
        try:
            options.append(_lowering(case, name, perigee_for_lifetime(case.start, case.models, rule)))
        except OrbitError as error:
            options.append(Option(name, None, math.nan, None, None, math.nan, None, None, str(error)))
    if lowered_m is not None:
        options.append(_lowering(case, "perigee asked for", lowered_m))
    if perigee >= CONTROLLED_PERIGEE_M:
        options.append(_lowering(case, "controlled re-entry", CONTROLLED_PERIGEE_M))
    electric = case.request.electric
    if electric is not None:
        options.append(_spiral(case, Engine(electric.thrust_n, electric.specific_impulse_s), electric.duty))
    return tuple(options)


def _lowering(case: DecayCase, name: str, target_m: float) -> Option:
    perigee, apogee = altitudes_m(case)
    target = min(target_m, perigee)
    mass = case.models.satellite.mass_kg
    impulse = perigee_lowering(perigee, apogee, target)
    years = 0.0
    if target > case.models.re_entry_height_m:
        fall = follow_decay(with_perigee(case.start, target), case.models, case.request.horizon_years * YEAR_S)
        years = fall.lifetime_s / YEAR_S if fall.re_entered else math.inf
    used = propellant_kg(mass, impulse, case.engine.specific_impulse_s)
    try:
        burns = lowering_burns(perigee, apogee, target, mass, case.engine)
    except OrbitError as error:
        return Option(name, target / 1e3, impulse, None, None, used, None, years, str(error))
    count = len(burns.start_s)
    days = float(burns.start_s[-1] + burns.duration_s[-1] - burns.start_s[0]) / _DAY_S if count else 0.0
    used = float(burns.propellant_kg.sum())
    return Option(name, target / 1e3, impulse, burns.total_ms, count, used, days, years)


def _spiral(case: DecayCase, engine: Engine, duty: float) -> Option:
    name, mean = "electric spiral", 0.5 * sum(altitudes_m(case))
    rule = case.request.rule_years
    try:
        target = circle_for_lifetime(case.start, case.models, rule)
        speed, used, seconds = spiral_down(case.models.satellite.mass_kg, mean, target, engine, duty)
    except OrbitError as error:
        return Option(name, None, math.nan, None, None, math.nan, None, None, str(error))
    note = f"to a circle from which {rule:g} years bring it down"
    return Option(name, target / 1e3, speed, speed, None, used, seconds / _DAY_S, rule if target < mean else None, note)
