"""Restitution of a low orbit from positions: least squares over an arc, with all forces, and what it is worth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from orbit_aux.errors import OrbitError
from orbit_aux.frames import State, rotation
from orbit_aux.low.batch import Model, pieces_of
from orbit_aux.low.estimate import Data, Estimate, Problem, adjust
from orbit_aux.low.fixes import FEWEST_FIXES, PositionFixes
from orbit_aux.low.growth import first_orbit, grow
from orbit_aux.low.options import LowOrbitOptions
from orbit_aux.low.result import colour, orbit_of, parameter_table, residual_table, summary_of
from orbit_aux.motion.dynamics import Parameter, parameters_of
from orbit_aux.motion.forces import Forces, Manoeuvre
from orbit_aux.orbit import Orbit

Array = NDArray[np.float64]

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
_COLOUR_TURNS, _COLOUR_GROWS = 4, 1.08


@dataclass(frozen=True, eq=False)
class LowOrbitRestitution:
    """`orbit` with covariance (GCRF); `parameters` over "parameter"; `residuals` of fixes over "fix" (radial, along, cross, m); `summary` of plain values;
    `measurements` over "measurement" where stations took part."""

    orbit: Orbit
    parameters: xr.Dataset
    residuals: xr.Dataset
    summary: dict[str, Any]
    measurements: xr.Dataset | None = None


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
    if choice.method == "kalman":
        from orbit_aux.low.filter import filter_low_orbit

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
    thin = thinned(fixes, options.spacing_s)
    data = inertial(thin)
    problem = Problem(data, forces, options, max(float(data.elapsed_s[-1]), 1.0))
    first, notes = first_orbit(problem, thin, start)
    state, problem, found = grow(problem, first)
    notes += found
    estimate = adjust(problem, state, full_model(problem, first))
    for _ in range(_COLOUR_TURNS if options.coloured else 0):
        factor = colour(estimate, problem)
        if factor < _COLOUR_GROWS * problem.inflation:
            break
        # accelerations that no longer follow the errors leave more of them in the residuals: look again
        problem = replace(problem, inflation=factor)
        estimate = adjust(problem, estimate.start, estimate.model)
    if problem.inflation > 1.0:
        notes.append(f"errors of the fixes are correlated: sigma widened by {problem.inflation:.2f}")
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


def thinned(fixes: PositionFixes, spacing_s: float) -> PositionFixes:
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
