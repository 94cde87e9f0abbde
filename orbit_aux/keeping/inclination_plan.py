"""When and by how much the plane is to be turned, so that the local time of the node stays in its window while Sun and Moon pull."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from orbit_aux.keeping.deadband import centring_kick, first_exit, kick
from orbit_aux.keeping.mean_motion import Atmosphere, MeanMotion, mean_motion
from orbit_aux.keeping.plan import Rules, Target
from orbit_aux.keeping.station_keeping import local_time_gain, solar_inclination_rate
from orbit_aux.motion.mean_elements import MeanElements, secular_rates
from orbit_aux.time import Times

Array = NDArray[np.float64]

_DAY_S = 86400.0
# years are looked ahead: a parabola of local time takes them
_STEP_S, _LONGEST_LOOK_S, _SHORTEST_LOOK_S = 2.0 * _DAY_S, 12.0 * 365.25 * _DAY_S, 365.25 * _DAY_S


@dataclass(frozen=True, eq=False)
class PlannedTurn:
    """A change of inclination that is wanted."""

    time: Times
    rise_rad: float
    why: str


def inclination_turns(
    start: MeanElements, motion: MeanMotion, stop: Times, target: Target, rules: Rules
) -> list[PlannedTurn]:
    """Turns of the plane from one mean start to `stop` (Times); the decay is left out, as the track's manoeuvres take it back."""
    if rules.inclination == "none":
        return []
    span_s = float((stop - start.times)[0])
    if rules.inclination == "periodic":
        return _periodic(_still(start, motion, span_s + rules.inclination_period_s), start, span_s, target, rules)
    look = _cycle_s(start, target)
    return _by_window(_still(start, motion, span_s + look), start, span_s, look, target, rules)


def _periodic(calm: MeanMotion, start: MeanElements, span_s: float, target: Target, rules: Rules) -> list[PlannedTurn]:
    now = start
    turns: list[PlannedTurn] = []
    period = rules.inclination_period_s
    wait = max(rules.lead_s, _STEP_S)
    while float((now.times - start.times)[0]) + wait < span_s:
        now = calm.moved(now, wait)
        elapsed = np.arange(0.0, period + _STEP_S, _STEP_S)
        late = target.local_time_deviation_s(calm.local_time_h(calm.coast(now, elapsed)))
        rise = centring_kick(elapsed, late) / _gain(now, calm)
        turns.append(PlannedTurn(now.times, rise, "inclination at its date: local time held in the middle"))
        now = replace(now, inclination_rad=now.inclination_rad + rise)
        wait = period
    return turns


def _by_window(
    calm: MeanMotion, start: MeanElements, span_s: float, look_s: float, target: Target, rules: Rules
) -> list[PlannedTurn]:
    now = start
    turns: list[PlannedTurn] = []
    width = rules.used_share * target.local_time_half_width_s
    while True:
        left = span_s - float((now.times - start.times)[0])
        elapsed = np.arange(0.0, look_s + _STEP_S, _STEP_S)
        late = target.local_time_deviation_s(calm.local_time_h(calm.coast(now, elapsed)))
        due = first_exit(elapsed, late, width, target.local_time_half_width_s, 0.1 * look_s)
        if due is None or due >= left:
            return turns
        due = max(due, rules.lead_s) if not turns else max(due, _STEP_S)
        now = calm.moved(now, due) if due > 0 else now
        late = target.local_time_deviation_s(calm.local_time_h(calm.coast(now, elapsed)))
        rise = kick(elapsed, late, width, 0.1 * look_s) / _gain(now, calm)
        edge = "late" if late[0] > 0 else "early"
        turns.append(PlannedTurn(now.times, rise, f"local time at the {edge} edge"))
        now = replace(now, inclination_rad=now.inclination_rad + rise)


def _still(start: MeanElements, motion: MeanMotion, duration_s: float) -> MeanMotion:
    """The same surroundings without air, on coarse nodes; the Moon's fortnight is no matter for years."""
    calm = mean_motion(
        start, duration_s, Atmosphere(0.0), 0.0, love_number=motion.love_number, j4=motion.j4, grid_s=_DAY_S
    )
    return replace(calm, corrections_rads=motion.corrections_rads)


def _gain(mean: MeanElements, calm: MeanMotion) -> float:
    return local_time_gain(float(mean.inclination_rad[0]), float(secular_rates(mean, calm.j4)[0][0]))


def _cycle_s(start: MeanElements, target: Target) -> float:
    """Length of a parabola of local time across the window."""
    rate = solar_inclination_rate(
        float(start.semi_major_axis_m[0]), float(start.inclination_rad[0]), target.local_time_h
    )
    bend = abs(rate * local_time_gain(float(start.inclination_rad[0]), float(secular_rates(start)[0][0])))
    cycle = 5.0 * np.sqrt(target.local_time_half_width_s / max(bend, 1e-30))
    return float(np.clip(cycle, _SHORTEST_LOOK_S, _LONGEST_LOOK_S))
