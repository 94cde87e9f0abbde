"""Restitution of a low orbit from positions: least squares over an arc, with all forces, and what it is worth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from orbit_aux.errors import OrbitError
from orbit_aux.fixes import FEWEST_FIXES, PositionFixes
from orbit_aux.forces import Forces, Manoeuvre
from orbit_aux.frames import State, rotation
from orbit_aux.low_batch import Model, pieces_of, spread
from orbit_aux.low_dynamics import Parameter, parameters_of
from orbit_aux.low_estimate import Data, Estimate, Problem, adjust, without_pieces
from orbit_aux.low_options import LowOrbitOptions
from orbit_aux.low_result import colour, orbit_of, parameter_table, residual_table, summary_of
from orbit_aux.low_start import first_state
from orbit_aux.orbit import Orbit
from orbit_aux.propagate import propagate

Array = NDArray[np.float64]

# arcs over which a first orbit grows, s: over a window of positions, a revolution, some, all
_GROWTH_S = (1_500.0, 6_000.0, 22_000.0)
# scatter beyond which positions do not belong to an orbit with known forces, m
_NO_ORBIT_M = 2_000.0
# a first orbit in the wrong frame is recognised where the other one fits so many times better
_FRAME_RATIO = 20.0
_CARRIERS = (
    ("radial", 0, ""),
    ("along", 1, ""),
    ("cross", 2, ""),
    ("along_cos", 1, "cos"),
    ("along_sin", 1, "sin"),
    ("cross_cos", 2, "cos"),
    ("cross_sin", 2, "sin"),
)
_REVOLUTIONS_OF_WAVES = 7.0


@dataclass(frozen=True, eq=False)
class LowOrbitRestitution:
    """`orbit` with covariance (GCRF); `parameters` over "parameter"; `residuals` of fixes over "fix" (radial, along, cross, m); `summary` of plain values."""

    orbit: Orbit
    parameters: xr.Dataset
    residuals: xr.Dataset
    summary: dict[str, Any]


def restitute_low_orbit(
    fixes: PositionFixes,
    start: State | None = None,
    forces: Forces | None = None,
    manoeuvres: tuple[Manoeuvre, ...] = (),
    options: LowOrbitOptions | None = None,
    *,
    object_name: str = "UNKNOWN",
    object_id: str = "UNKNOWN",
) -> LowOrbitRestitution:
    """The orbit over the span of `fixes`; `start` (before the first fix) is only where iteration begins, without it the fixes give it.

    Unknowns: state at the first fix, scales of drag by groups of revolutions and of solar pressure, manoeuvres with a sigma, unmodelled accelerations
    (constant over some minutes, and once per revolution) of a size that the data themselves make likeliest.
    """
    choice, models = options or LowOrbitOptions(), forces or Forces()
    models = replace(models, manoeuvres=(*models.manoeuvres, *manoeuvres))
    if choice.method == "filter":
        from orbit_aux.low_filter import filter_low_orbit

        return filter_low_orbit(fixes, start, models, choice, object_name=object_name, object_id=object_id)
    problem, estimate, notes = fit_fixes(fixes, start, models, choice)
    orbit = orbit_of(estimate, problem, object_name, object_id, fixes.source)
    residuals = residual_table(estimate, problem)
    return LowOrbitRestitution(
        orbit, parameter_table(estimate), residuals, summary_of(estimate, problem, orbit, (*fixes.notes, *notes))
    )


def fit_fixes(
    fixes: PositionFixes, start: State | None, forces: Forces, options: LowOrbitOptions
) -> tuple[Problem, Estimate, list[str]]:
    """The adjusted estimate with its problem, and notes on what was found on the way."""
    thin = _thinned(fixes, options.spacing_s)
    data = inertial(thin)
    problem = Problem(data, forces, options, max(float(data.elapsed_s[-1]), 1.0))
    first, notes = _first_orbit(problem, thin, start)
    model = full_model(problem, first)
    lean = without_pieces(model)
    state = first
    for stop_s in (*_GROWTH_S, np.inf):
        part = replace(problem, data=data.until(stop_s), duration_s=min(problem.duration_s, stop_s))
        if len(part.data.elapsed_s) < FEWEST_FIXES:
            continue
        estimate = adjust(part, state, lean, coarse=True)
        state = estimate.start
        _check_fit(estimate, part)
        if stop_s >= problem.duration_s:
            break
    estimate = adjust(problem, state, model)
    factor = colour(estimate, problem) if options.coloured else 1.0
    if factor > 1.0:
        notes.append(f"errors of the fixes are correlated: sigma widened by {factor:.2f}")
        problem = replace(problem, inflation=factor)
        estimate = adjust(problem, estimate.start, estimate.model)
    if not estimate.settled:
        notes.append("the iteration did not settle: do not believe this orbit")
    return problem, estimate, notes


def inertial(fixes: PositionFixes) -> Data:
    """Fixes turned into GCRF, their epoch the first of them."""
    turned = np.einsum("nji,nj->ni", rotation(fixes.times, "GCRF", "ITRF"), fixes.position_itrf_m)
    return Data(fixes.times[0], fixes.times - fixes.times[0], turned, fixes.sigma_m)


def full_model(problem: Problem, first: Array) -> Model:
    """Unknowns of a whole arc, and the carriers of their pieces."""
    options, duration_s = problem.options, problem.duration_s
    parameters: list[Parameter] = []
    for item in parameters_of(problem.forces, problem.data.epoch, duration_s):
        sigma = {"drag": 1.0, "light": options.sigma_light}.get(item.kind, item.sigma)
        parameters.append(replace(item, sigma=sigma))
    for name, component, wave in _CARRIERS:
        parameters.append(Parameter(name, "acceleration", 0.0, 1.0, 0.0, duration_s, "RSW", component, wave))
    carriers = frozenset({"drag", *(name for name, _, _ in _CARRIERS)})
    columns = {item.name: number for number, item in enumerate(item for item in parameters if item.sigma > 0)}
    period_s = 2.0 * np.pi * np.sqrt(np.linalg.norm(first[:3]) ** 3 / problem.forces.gravity.mu_m3s2)
    pieces = []
    if problem.forces.drag:
        edges = _edges(duration_s, options.drag_revolutions * period_s)
        pieces += pieces_of("drag", columns["drag"], edges, options.sigma_drag, empirical=False)
    for name, _, wave in _CARRIERS:
        edges = _edges(duration_s, _REVOLUTIONS_OF_WAVES * period_s if wave else options.empirical_s)
        pieces += pieces_of(name, columns[name], edges, 1.0, empirical=True)
    return Model(tuple(parameters), carriers, tuple(pieces), tuple(parameters))


def _edges(duration_s: float, length_s: float) -> Array:
    return np.linspace(0.0, duration_s, max(round(duration_s / length_s), 1) + 1)


def _thinned(fixes: PositionFixes, spacing_s: float) -> PositionFixes:
    """Fixes at least `spacing_s` apart."""
    elapsed = fixes.times - fixes.times[0]
    kept, last = [], -np.inf
    for row, at_s in enumerate(elapsed.tolist()):
        if at_s - last >= spacing_s - 1e-6:
            kept.append(row)
            last = at_s
    if len(kept) < FEWEST_FIXES:
        raise OrbitError(
            f"{fixes.source}: {len(kept)} fixes {spacing_s:g} s apart are too few: give more or less spacing"
        )
    return fixes[np.array(kept)]


def _first_orbit(problem: Problem, fixes: PositionFixes, start: State | None) -> tuple[Array, list[str]]:
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
    return _backwards(estimate.start, part, middle_s), spread(estimate.residual_m)


def _backwards(state: Array, part: Problem, seconds: float) -> Array:
    """The state some seconds earlier, by turning the velocity round: central gravity and J2 do not mind."""
    if seconds <= 0:
        return state
    mirror = State(part.data.epoch, state[None, :3], -state[None, 3:], "GCRF")
    quiet = replace(
        part.forces, drag=False, solar_pressure=False, sun=False, moon=False, gravity=part.forces.gravity.truncated(2)
    )
    back = propagate(mirror, part.data.epoch + seconds, quiet)
    return np.concatenate([back.position_m[0], -back.velocity_ms[0]])


def _check_fit(estimate: Estimate, part: Problem) -> None:
    scatter_m = spread(estimate.residual_m)
    if scatter_m > _NO_ORBIT_M:
        raise OrbitError(
            f"positions scatter by {scatter_m:.4g} m about the best orbit of their first {part.duration_s / 3600:.1f} h: they are not ITRF positions "
            "of one satellite in free flight; check frame, time scale, units, and manoeuvres that were not given"
        )
