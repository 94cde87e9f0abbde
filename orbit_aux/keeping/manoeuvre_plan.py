"""Plans of manoeuvres, months to years ahead: each along-track one where the track reaches the edge of its window, inclination by the local time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from orbit_aux.constants import EARTH_MU_M3S2, EARTH_RADIUS_M, STANDARD_GRAVITY_MS2
from orbit_aux.errors import OrbitError
from orbit_aux.keeping.deadband import first_exit, kick
from orbit_aux.keeping.inclination_plan import PlannedTurn, inclination_turns
from orbit_aux.keeping.mean_motion import ELEMENTS, MeanMotion, row_of
from orbit_aux.keeping.opportunities import allowed, impulse_applied, latitude_choices, passages_s
from orbit_aux.keeping.plan import Burn, Forecast, Plan, Rules, Spacecraft, Target
from orbit_aux.keeping.station_keeping import (
    plane_change_delta_v,
    split_for_eccentricity,
    track_deadband,
)
from orbit_aux.keeping.track import drift_by, track_deviation
from orbit_aux.motion.mean_elements import MeanElements, secular_rates
from orbit_aux.time import Times
from orbit_aux.transfer import propellant_kg

Array = NDArray[np.float64]

_DAY_S = 86400.0
# how far a plan looks ahead, in cycles and at least and at most in days; into how many steps
_CYCLES, _SHORTEST_LOOK_D, LONGEST_LOOK_D, _STEPS = 3.0, 3.0, 200.0, 400
# what begins outside its window has this share of a cycle to come in
_RECOVERY_SHARE = 0.3
# what falls by this is not kept any more
_LOST_M = 10_000.0
# a plan that runs into more burns than this has a wrong input
_MOST_BURNS = 20_000


def plan_manoeuvres(
    motion: MeanMotion, start: MeanElements, stop: Times, target: Target, craft: Spacecraft, rules: Rules
) -> Plan:
    """All burns that keep the orbit of one mean `start` in its windows until `stop`, and the forecast with them.

    `motion` covers the start to `stop` and LONGEST_LOOK_D beyond. Where a rule forbids what is needed, the burn says why and the plan goes on as well
    as it can; without propellant the orbit drifts.
    """
    if len(start.times) != 1 or not (stop - start.times)[0] > 0:
        raise OrbitError(f"a plan from {start.times} to {stop}: give one start and a later stop")
    work = _Work(motion, target, craft, rules, start.times, stop, start, craft.mass_kg, craft.propellant_kg)
    turns = inclination_turns(start, motion, stop, target, rules)
    while work.left_s > 0 and len(work.burns) < _MOST_BURNS:
        _next(work, turns)
    forecast = work.forecast()
    return Plan(tuple(work.burns), forecast, tuple(_reasons(work.burns, forecast, target)))


@dataclass(eq=False)
class _Work:
    """A plan on its way: where the orbit is, what is left, what was decided."""

    motion: MeanMotion
    target: Target
    craft: Spacecraft
    rules: Rules
    begin: Times
    stop: Times
    now: MeanElements
    mass_kg: float
    propellant_kg: float
    burns: list[Burn] = field(default_factory=list)
    parts: list[tuple[MeanElements, float]] = field(default_factory=list)
    manoeuvres: int = 0
    last_manoeuvre: Times | None = None
    dry: bool = False

    @property
    def left_s(self) -> float:
        return float((self.stop - self.now.times)[0])

    def coast(self, elapsed_s: Array, scale: float = 1.0) -> MeanElements:
        return (self.motion if scale == 1.0 else self.motion.scaled(scale)).coast(self.now, elapsed_s)

    def go_to(self, seconds: float) -> None:
        """Let the orbit coast, and keep the way for the forecast."""
        if seconds <= 0:
            return
        step = min(_DAY_S / 4.0, self.cycle_s / 24.0)
        path = self.coast(np.linspace(0.0, seconds, max(int(seconds / step), 2) + 1))
        self.parts.append((path, self.propellant_kg))
        self.now = row_of(path, -1)

    @property
    def cycle_s(self) -> float:
        after = float((self.now.times - self.motion.epoch)[0])
        decay = float(np.interp(after, self.motion.decay_s, self.motion.decay_ms))
        a = float(self.now.semi_major_axis_m[0])
        longest = LONGEST_LOOK_D / _CYCLES * _DAY_S
        return min(track_deadband(a, decay, self.target.half_width_m).cycle_s, longest) if decay < 0 else longest

    @property
    def earliest_s(self) -> float:
        """Seconds from now before which nothing may be done."""
        lead = float((self.begin - self.now.times)[0]) + self.rules.lead_s
        if self.last_manoeuvre is None:
            return max(lead, 0.0)
        return max(lead, float((self.last_manoeuvre - self.now.times)[0]) + self.rules.spacing_s, 0.0)

    def forecast(self) -> Forecast:
        mean = _joined([path for path, _ in self.parts])
        track = np.concatenate([track_deviation(self.motion, path, self.target.grid) for path, _ in self.parts])
        # an orbit that is lost runs through one grid line after the other
        track = np.unwrap(track, period=2.0 * np.pi * EARTH_RADIUS_M / self.target.grid.revolutions)
        left = np.concatenate([np.full(len(path.times), kg) for path, kg in self.parts])
        return Forecast(mean, track, self.motion.local_time_h(mean), left)


def _next(work: _Work, turns: list[PlannedTurn]) -> None:
    """Coast to the next thing to do, and do it; or to the end."""
    look_s = float(np.clip(_CYCLES * work.cycle_s, _SHORTEST_LOOK_D * _DAY_S, LONGEST_LOOK_D * _DAY_S))
    elapsed = np.linspace(0.0, look_s, _STEPS + 1)
    ahead = work.coast(elapsed)
    track = track_deviation(work.motion, ahead, work.target.grid)
    aimed = work.rules.used_share * work.target.half_width_m
    # without burns against the motion one waits until the air turns the track back
    far = work.target.half_width_m if work.rules.retrograde else np.inf
    # after a manoeuvre that fetches the track from afar one waits for it
    fetched = work.last_manoeuvre == work.now.times
    patience = look_s if fetched else _RECOVERY_SHARE * work.cycle_s
    leaving = None if work.dry else first_exit(elapsed, track, aimed, far, patience)
    turning = float((turns[0].time - work.now.times)[0]) if turns and not work.dry else np.inf
    due = min(np.inf if leaving is None else leaving, turning)
    if due >= min(work.left_s, look_s):
        work.go_to(min(work.left_s, look_s))
        return
    if turning <= due:
        _turn_plane(work, ahead, elapsed, turns.pop(0))
    else:
        _hold_track(work, ahead, elapsed, due)


def _hold_track(work: _Work, ahead: MeanElements, elapsed: Array, due_s: float) -> None:
    """An along-track manoeuvre at the last chance before the track leaves its window at `due_s`."""
    guess = row_of(ahead, int(np.searchsorted(elapsed, due_s, side="right")) - 1)
    # how much is needed decides little of when: a guess from the way ahead does
    later = elapsed >= min(due_s, elapsed[-2])
    track = track_deviation(work.motion, ahead, work.target.grid)
    needed = _impulse(work, guess, elapsed[later] - elapsed[later][0], track[later])
    speed = float(np.sqrt(EARTH_MU_M3S2 / guess.semi_major_axis_m[0]))
    error = (float(guess.eccentricity_x[0]), float(guess.eccentricity_y[0]) - work.motion.frozen_y)
    total_s = _burn_time(work, needed)
    # what takes many burns, a revolution apart, is begun earlier
    turns = max(np.ceil(total_s / work.rules.burns / work.craft.longest_burn_s) - 1.0, 0.0) * work.rules.burns
    period = 2.0 * np.pi / float(secular_rates(work.now, work.motion.j4)[2][0])
    due_s = max(due_s - 0.5 * turns * period, 0.0)
    wished = split_for_eccentricity(needed, speed, error, 1)[0][0]
    choices = latitude_choices(wished, work.rules)
    chosen, when, why_not = _chance(work, ahead, elapsed, due_s, choices, total_s)
    begin, ahead_s, track = _way_after(work, when)
    shift = 0.0
    for _ in range(2):
        needed = _impulse(work, begin, ahead_s, track + shift)
        burns = split_for_eccentricity(needed, speed, error, work.rules.burns)
        burns = [(float(np.mod(u - burns[0][0] + chosen, 2.0 * np.pi)), impulse) for u, impulse in burns]
        # e sin omega moves the place where the node is crossed
        tilt = sum(2.0 * impulse / speed * np.sin(u) for u, impulse in burns)
        shift = -2.0 * work.target.grid.days * EARTH_RADIUS_M / work.target.grid.revolutions * tilt
    if needed < 0 and not work.rules.retrograde:
        why_not = why_not or "the track leaves to the west and burns against the motion are ruled out"
    why = "track at the eastern edge" if needed > 0 else "track at the western edge"
    _carry_out(work, "track", why, when, [(u, impulse, 0.0) for u, impulse in burns], why_not)


def _way_after(work: _Work, when_s: float) -> tuple[MeanElements, Array, Array]:
    """Where the orbit is at `when_s`, and its track without a burn from then on (times, m), thinner air allowed for."""
    begin = work.motion.moved(work.now, when_s) if when_s > 0 else work.now
    look_s = float(np.clip(_CYCLES * work.cycle_s, _SHORTEST_LOOK_D * _DAY_S, LONGEST_LOOK_D * _DAY_S))
    elapsed = np.linspace(0.0, look_s, _STEPS + 1)
    motion = work.motion if work.rules.density_margin == 0 else work.motion.scaled(1.0 - work.rules.density_margin)
    return begin, elapsed, track_deviation(work.motion, motion.coast(begin, elapsed), work.target.grid)


def _impulse(work: _Work, begin: MeanElements, elapsed: Array, track: Array) -> float:
    """Impulse along the track (m/s) at the first of the times, where the track is as told without it."""
    rate = kick(elapsed, track, work.rules.used_share * work.target.half_width_m, _RECOVERY_SHARE * work.cycle_s)
    by_axis = drift_by(begin, work.target.grid, work.motion.j4)[1]
    return _along(begin, rate / by_axis)


def _along(mean: MeanElements, rise_m: float) -> float:
    """Impulse along the track (m/s) that raises the semi-major axis."""
    a = float(mean.semi_major_axis_m[0])
    return float(np.sqrt(EARTH_MU_M3S2 * (2.0 / a - 1.0 / (a + rise_m))) - np.sqrt(EARTH_MU_M3S2 / a))


def _turn_plane(work: _Work, ahead: MeanElements, elapsed: Array, turn: PlannedTurn) -> None:
    """An inclination manoeuvre, with the along-track impulse that keeps the drift of the track as it is."""
    due = max(float((turn.time - work.now.times)[0]), 0.0)
    guess = row_of(ahead, int(np.searchsorted(elapsed, due, side="right")) - 1)
    speed = float(np.sqrt(EARTH_MU_M3S2 / guess.semi_major_axis_m[0]))
    cross = plane_change_delta_v(speed, turn.rise_rad)
    _, by_axis, by_inclination = drift_by(guess, work.target.grid, work.motion.j4)
    along = _along(guess, -by_inclination * turn.rise_rad / by_axis)
    along = 0.0 if along < 0 and not work.rules.retrograde else along
    total_s = _burn_time(work, float(np.hypot(along, cross)))
    chances = [_chance(work, ahead, elapsed, due, (u,), total_s) for u in (0.0, np.pi)]
    # the node where one may, the later one where one may at both
    chosen, when, why_not = min(chances, key=lambda item: (bool(item[2]), abs(item[1] - due)))
    size = cross if np.cos(chosen) > 0 else -cross
    # in one oblique burn: where it is cut into many, the track is held from the first on
    _carry_out(work, "inclination", turn.why, when, [(chosen, along, size)], why_not)


def _chance(
    work: _Work, ahead: MeanElements, elapsed: Array, due_s: float, choices: Sequence[float], total_s: float
) -> tuple[float, float, str]:
    """Latitude argument and time (s from now) of the last chance to burn before `due_s`, else of the first one after it; and what stands against it."""
    duration = min(total_s, work.craft.longest_burn_s)
    earliest = work.earliest_s + 0.5 * duration
    half_turn = np.pi / float(secular_rates(work.now, work.motion.j4)[2][0]) * (work.rules.burns - 1)
    anywhere = replace(work.rules, eclipse=True)
    late: list[tuple[float, float, str]] = []
    for choice in choices:
        at = passages_s(ahead, elapsed, choice)
        may = allowed(work.motion, ahead, elapsed, at, work.rules, (choice, duration))
        # the second burn, half a revolution later, has to find its place too
        may &= allowed(work.motion, ahead, elapsed, at + half_turn, anywhere, (choice, duration))
        good = at[may & (at >= earliest)]
        if (good <= due_s).any():
            return choice, float(good[good <= due_s][-1]), ""
        late += [(choice, float(good[0]), "")] if len(good) else []
    if late:
        return min(late, key=lambda item: item[1])
    return choices[0], max(due_s, earliest), "no chance to burn: forbidden intervals and shadow leave none"


def _burn_time(work: _Work, delta_v_ms: float) -> float:
    used = propellant_kg(work.mass_kg, delta_v_ms / work.craft.efficiency, work.craft.specific_impulse_s)
    return used * STANDARD_GRAVITY_MS2 * work.craft.specific_impulse_s / work.craft.thrust_n


def _carry_out(
    work: _Work, kind: str, why: str, when_s: float, impulses: list[tuple[float, float, float]], why_not: str
) -> None:
    """Burns one after the other from `when_s` on, each cut into as many as the longest burn asks for, a revolution apart."""
    work.manoeuvres += 1
    pieces: list[tuple[float, float, float]] = []
    for u, along, cross in impulses:
        count = max(int(np.ceil(_burn_time(work, float(np.hypot(along, cross))) / work.craft.longest_burn_s)), 1)
        pieces += [(u, along / count, cross / count)] * count
    if len(pieces) > work.rules.most_burns:
        why_not = why_not or (
            f"burn duration: {len(pieces)} burns of {work.craft.longest_burn_s:.0f} s are needed, {work.rules.most_burns} are allowed"
        )
        pieces = pieces[: work.rules.most_burns]
    work.go_to(when_s)
    for number, (u, along, cross) in enumerate(pieces):
        where = _to_next(work, u, _burn_time(work, float(np.hypot(along, cross)))) if number else u
        lost = why_not or ("" if where is not None else "no chance to burn: forbidden intervals and shadow leave none")
        _burn(work, kind, why, (u if where is None else where, along, cross), lost)
        if work.dry:
            break
    work.last_manoeuvre = work.now.times
    if work.burns[-1].after is work.burns[-1].before and not work.dry:
        # what could not be done now is tried again a cycle later
        work.go_to(work.cycle_s)


def _to_next(work: _Work, latitude_argument: float, duration_s: float) -> float | None:
    """Coast to the next passage of the latitude argument where one may burn, or half a revolution from it where shadow rules it out; returns which."""
    period = 2.0 * np.pi / float(secular_rates(work.now, work.motion.j4)[2][0])
    other = float(np.mod(latitude_argument + np.pi, 2.0 * np.pi))
    for turns in (2.2, 60.0):
        elapsed = np.linspace(0.0, turns * period, int(turns * 4))
        ahead = work.coast(elapsed)
        for choice in (latitude_argument,) if work.rules.eclipse else (latitude_argument, other):
            at = passages_s(ahead, elapsed, choice)
            may = allowed(work.motion, ahead, elapsed, at, work.rules, (choice, duration_s))
            good = at[may & (at > 0.2 * period)]
            if len(good):
                work.go_to(float(good[0]))
                return choice
    return None


def _burn(work: _Work, kind: str, why: str, impulse: tuple[float, float, float], why_not: str) -> None:
    """One burn now; without propellant it is told and not done."""
    u, along, cross = impulse
    needed = np.array([0.0, along, cross])
    asked = needed / work.craft.efficiency
    used = propellant_kg(work.mass_kg, float(np.linalg.norm(asked)), work.craft.specific_impulse_s)
    duration = used * STANDARD_GRAVITY_MS2 * work.craft.specific_impulse_s / work.craft.thrust_n
    if used > work.propellant_kg:
        work.dry = True
        why_not = f"propellant: {used:.4g} kg are needed and {work.propellant_kg:.4g} kg are left"
    blocked = bool(why_not) and not why_not.startswith("burn duration")
    before = work.now
    after = before if blocked else impulse_applied(before, along, cross)
    track = float(track_deviation(work.motion, before, work.target.grid)[0])
    if not blocked:
        work.mass_kg, work.propellant_kg = work.mass_kg - used, work.propellant_kg - used
    work.now = after
    ignition = before.times + -0.5 * duration
    work.burns.append(
        Burn(
            work.manoeuvres,
            kind,
            why,
            before.times,
            ignition,
            duration,
            needed,
            asked,
            used,
            work.mass_kg,
            u,
            before,
            after,
            track,
            why_not,
        )
    )


def _reasons(burns: list[Burn], forecast: Forecast, target: Target) -> list[str]:
    """All that stands against a plan, each once."""
    found = dict.fromkeys(f"{burn.centre.utc_strings(0)[0]}: {burn.reason}" for burn in burns if burn.reason)
    late = target.local_time_deviation_s(forecast.local_time_h)
    fallen = float(forecast.mean.semi_major_axis_m[0] - forecast.mean.semi_major_axis_m.min())
    if fallen > _LOST_M:
        found[f"the orbit is lost: it falls by {fallen / 1e3:.0f} km or more"] = None
    for name, values, width, unit in (
        ("track", forecast.track_m, target.half_width_m, "m"),
        ("local time", late, target.local_time_half_width_s, "s"),
    ):
        out = np.abs(values) > width
        if out.any():
            worst = int(np.argmax(np.abs(values)))
            first = forecast.mean.times[int(np.argmax(out))].utc_strings(0)[0]
            text = f"{name} window of ± {width:.0f} {unit} violated by {abs(values[worst]) - width:.0f} {unit}, first at {first}"
            found[text] = None
    return list(found)


def _joined(paths: list[MeanElements]) -> MeanElements:
    times = Times.concatenate([path.times for path in paths])
    return MeanElements(times, **{name: np.concatenate([getattr(path, name) for path in paths]) for name in ELEMENTS})
