"""From nothing, or a poor orbit, to one that follows all positions: a start, arcs that grow, and impulses that nobody announced."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from orbit_aux.errors import OrbitError
from orbit_aux.frames import State, local_orbital_axes
from orbit_aux.low.batch import Model, spread
from orbit_aux.low.estimate import Data, Estimate, Problem, adjust, without_pieces
from orbit_aux.low.fixes import FEWEST_FIXES, PositionFixes
from orbit_aux.low.start import first_state
from orbit_aux.motion.dynamics import parameters_of
from orbit_aux.motion.forces import Impulse
from orbit_aux.motion.propagate import propagate

Array = NDArray[np.float64]

# arcs over which a first orbit grows, s: over a window of positions, a revolution, some, all
_GROWTH_S = (1_500.0, 6_000.0, 22_000.0, 60_000.0, np.inf)
# scatter beyond which positions do not belong to an orbit with known forces, m
_NO_ORBIT_M = 2_000.0
# a first orbit in the wrong frame is recognised where the other one fits so many times better
_FRAME_RATIO = 20.0
# where the scatter grows by this factor and beyond this size (m), a manoeuvre is looked for
_SUSPICIOUS, _SUSPICIOUS_M = 4.0, 20.0
_MOST_FOUND = 3
_ENOUGH_FIXES = 600
_TAIL, _TAIL_FIXES = 3.0, 30
_LEADS_S = (0.0, 1_800.0, 3_600.0)
# before and after a suspected impulse, s: what an arc needs at least, and where arcs are compared
_ARC_S, _RESOLUTION_S, _SEARCH_S = 9_000.0, 900.0, 4_500.0
_SIGMA_FOUND_MS, _SIGMA_FOUND_S = 1.0, 60.0
_SIGMA_DRAG = 3.0


def grow(problem: Problem, state: Array) -> tuple[Array, Problem, list[str]]:
    """A state that follows all fixes, the problem with the impulses that were found, and notes on these."""
    notes: list[str] = []
    start = state
    for _ in range(_MOST_FOUND):
        start, impulse = _grown(problem, state)
        if impulse is None:
            break
        size, label = float(np.linalg.norm(impulse.delta_v_ms)), impulse.time.utc_strings(0)[0]
        notes.append(f"a manoeuvre of about {size:.3g} m/s near {label} was not announced; it is estimated")
        forces = replace(problem.forces, manoeuvres=(*problem.forces.manoeuvres, impulse))
        problem = replace(problem, forces=forces)
    estimate, part = arc(problem, start, np.inf)
    if estimate is None:
        raise OrbitError(f"{len(problem.data.elapsed_s)} fixes are too few for an orbit: give more")
    _check_fit(spread(estimate.residual_m), part)
    return estimate.start, problem, notes


def _grown(problem: Problem, start: Array) -> tuple[Array, Impulse | None]:
    """A state that follows the fixes of longer and longer arcs; where they leave it, the impulse that explains it."""
    level, last_s = np.inf, 0.0
    for stop_s in _GROWTH_S:
        estimate, part = arc(problem, start, stop_s)
        if estimate is None:
            continue
        scatter = spread(estimate.residual_m)
        if problem.options.find_manoeuvres and last_s > 0 and scatter > max(_SUSPICIOUS * level, _SUSPICIOUS_M):
            return start, find_impulse(problem, start, last_s, part.duration_s, level)
        start, level, last_s = estimate.start, scatter, part.duration_s
        if stop_s >= problem.duration_s:
            break
    return start, None


def arc(problem: Problem, start: Array, stop_s: float) -> tuple[Estimate | None, Problem]:
    """A coarse estimate over the fixes before `stop_s`; None where they are too few."""
    data = problem.data.until(stop_s)
    # a first orbit needs neither every fix nor the last decimetre of integration
    kept = slice(None, None, max(len(data.elapsed_s) // _ENOUGH_FIXES, 1))
    data = Data(data.epoch, data.elapsed_s[kept], data.position_m[kept], data.sigma_m[kept])
    options = replace(problem.options, step_s=2.0 * problem.options.step_s)
    part = replace(problem, data=data, options=options, duration_s=min(problem.duration_s, stop_s))
    if len(data.elapsed_s) < FEWEST_FIXES:
        return None, part
    parameters = tuple(parameters_of(part.forces, part.data.epoch, part.duration_s))
    model = without_pieces(
        Model(parameters, frozenset(), (), parameters), _SIGMA_DRAG if part.duration_s > _ARC_S else 0.0
    )
    return adjust(part, start, model, coarse=True), part


def find_impulse(problem: Problem, start: Array, good_s: float, bad_s: float, level: float) -> Impulse | None:
    """The impulse between `good_s`, until when an arc from `start` fits to `level` (m), and `bad_s`; None where none explains the fixes."""
    # the end of an arc that an impulse cut shows it first; the middle of all fixes hardly
    bound = _TAIL * level
    low, high, state = good_s, bad_s, start
    while high - low > _RESOLUTION_S:
        middle = 0.5 * (low + high)
        estimate, _ = arc(problem, state, middle)
        if estimate is not None and _tail(estimate) <= bound:
            low, state = middle, estimate.start
        else:
            high = middle
    before, _ = arc(problem, state, max(low - 2.0 * _RESOLUTION_S, 0.5 * low))
    if before is None:
        return None
    # the later arc must not begin before the impulse, of which only a rough time is known
    candidates = [_jump_before(problem, before.start, high + lead) for lead in _LEADS_S]
    known = [item for item in candidates if item is not None]
    if not known:
        return None
    _, at_s, jump, axes = min(known, key=lambda item: item[0])
    sigma = max(_SIGMA_FOUND_MS, float(np.linalg.norm(jump)))
    return Impulse(problem.data.epoch + at_s, axes @ jump, "RSW", sigma, sigma_time_s=_SIGMA_FOUND_S)


def _jump_before(problem: Problem, start: Array, begin_s: float) -> tuple[float, float, Array, Array] | None:
    """Where and when the orbit from `start` meets the one of the fixes from `begin_s` on: how near (m), time (s), change of velocity, local axes."""
    after = _arc_after(problem, start, begin_s)
    if after is None:
        return None
    nodes = np.arange(max(begin_s - 3.0 * _SEARCH_S, 0.0), begin_s, 5.0)
    old = _states(problem, start, nodes)
    new = _backward_states(problem, after, begin_s, nodes)
    apart = np.linalg.norm(new[:, :3] - old[:, :3], axis=1)
    place = int(np.argmin(apart))
    axes = local_orbital_axes(old[place : place + 1, :3], old[place : place + 1, 3:], "RSW")[0]
    return float(apart[place]), float(nodes[place]), new[place, 3:] - old[place, 3:], axes


def _tail(estimate: Estimate) -> float:
    return spread(estimate.residual_m[-_TAIL_FIXES:])


def _states(problem: Problem, start: Array, elapsed_s: Array) -> Array:
    moved = propagate(
        State(problem.data.epoch, start[None, :3], start[None, 3:], "GCRF"),
        problem.data.epoch + elapsed_s,
        problem.forces,
    )
    return np.concatenate([moved.position_m, moved.velocity_ms], axis=1)


def _shifted(problem: Problem, begin_s: float, length_s: float) -> Problem | None:
    """The problem of the fixes from `begin_s` on, its epoch there."""
    data = problem.data
    keep = (data.elapsed_s >= begin_s) & (data.elapsed_s <= begin_s + length_s)
    if keep.sum() < FEWEST_FIXES:
        return None
    later = Data(data.epoch + begin_s, data.elapsed_s[keep] - begin_s, data.position_m[keep], data.sigma_m[keep])
    return replace(problem, data=later, duration_s=max(float(later.elapsed_s[-1]), 1.0))


def _arc_after(problem: Problem, start: Array, begin_s: float) -> Array | None:
    """State at `begin_s` by the fixes that follow; None where they are too few."""
    part = _shifted(problem, begin_s, 2.0 * _ARC_S)
    if part is None:
        return None
    state: Array = _states(problem, start, np.array([begin_s]))[0]
    for stop_s in (_GROWTH_S[0], np.inf):
        estimate, _ = arc(part, state, stop_s)
        state = state if estimate is None else estimate.start
    return state


def _backward_states(problem: Problem, state: Array, begin_s: float, elapsed_s: Array) -> Array:
    """States at `elapsed_s` before `begin_s` of a flight without manoeuvres, by turning the velocity round: gravity alone does not mind."""
    epoch = problem.data.epoch
    mirror = State(epoch, state[None, :3], -state[None, 3:], "GCRF")
    field = problem.forces.gravity.truncated(2)
    zonal = replace(field, cosine=field.cosine * np.array([1.0, 0.0, 0.0]), sine=0.0 * field.sine)
    quiet = replace(
        problem.forces, drag=False, solar_pressure=False, sun=False, moon=False, gravity=zonal, manoeuvres=()
    )
    lead = begin_s - elapsed_s[::-1]
    moved = propagate(mirror, epoch + lead, quiet)
    return np.concatenate([moved.position_m, -moved.velocity_ms], axis=1)[::-1]


def first_orbit(problem: Problem, fixes: PositionFixes, start: State | None) -> tuple[Array, list[str]]:
    """A state at the first fix: from `start`, if it lies before and near enough, else from the fixes themselves."""
    epoch = problem.data.epoch
    notes: list[str] = []
    if start is not None:
        lead_s = float((epoch - start.times)[0])
        if 0.0 <= lead_s <= 5 * 86_400.0:
            moved = propagate(start, epoch, problem.forces)
            state = np.concatenate([moved.position_m[0], moved.velocity_ms[0]])
            apart_m = float(np.linalg.norm(state[:3] - problem.data.position_m[0]))
            if apart_m < 200e3:
                return state, notes
            notes.append(
                f"the initial orbit lies {apart_m / 1e3:.0f} km from the first fix; begun from the fixes instead"
            )
        else:
            notes.append("the initial orbit is not of the five days before the first fix; begun from the fixes instead")
    state, misfit_m = _from_positions(problem, problem.data.position_m)
    if misfit_m > 50.0:
        # positions that are inertial already turn with the Earth once too often when taken as Earth-fixed
        try:
            other = _from_positions(problem, fixes.position_itrf_m)[1]
        except OrbitError:
            other = np.inf
        if other * _FRAME_RATIO < misfit_m:
            raise OrbitError(
                f"{fixes.source}: as ITRF the positions miss an orbit by {misfit_m:.4g} m, as inertial ones by {other:.4g} m: "
                "they look inertial (GCRF, EME2000 or TEME); give Earth-fixed positions"
            )
    return state, notes


def _from_positions(problem: Problem, position_m: Array) -> tuple[Array, float]:
    """A state at the first fix by positions of the first hours, and the scatter about it (m)."""
    data = replace(problem.data, position_m=position_m)
    middle_s, state = first_state(data.elapsed_s, position_m)
    near = (data.elapsed_s >= middle_s - 900.0) & (data.elapsed_s <= middle_s + 900.0)
    # the arc is begun at its middle: Kepler's motion backwards to the first fix would need a better state
    local = Data(data.epoch + middle_s, data.elapsed_s[near] - middle_s, position_m[near], data.sigma_m[near])
    later = Data(
        local.epoch,
        local.elapsed_s[local.elapsed_s >= 0],
        *(a[local.elapsed_s >= 0] for a in (local.position_m, local.sigma_m)),
    )
    part = Problem(later, replace(problem.forces, manoeuvres=()), problem.options, max(float(later.elapsed_s[-1]), 1.0))
    parameters = tuple(parameters_of(part.forces, later.epoch, part.duration_s))
    estimate = adjust(part, state, Model(parameters, frozenset(), (), parameters), coarse=True)
    earlier = _backward_states(part, estimate.start, middle_s, np.zeros(1))[0] if middle_s > 0 else estimate.start
    return earlier, spread(estimate.residual_m)


def _check_fit(scatter_m: float, part: Problem) -> None:
    if scatter_m > _NO_ORBIT_M:
        raise OrbitError(
            f"positions scatter by {scatter_m:.4g} m about the best orbit of their first {part.duration_s / 3600:.1f} h: they are not ITRF positions "
            "of one satellite in free flight; check frame, time scale, units, and manoeuvres that were not given"
        )
