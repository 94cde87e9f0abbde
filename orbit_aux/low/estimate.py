"""Iterated least squares of a low orbit: linearise, weigh, solve, until nothing moves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from orbit_aux.errors import OrbitError
from orbit_aux.frames import local_orbital_axes
from orbit_aux.low.batch import Model, Solution, robust_weights, solve, spread
from orbit_aux.low.options import LowOrbitOptions
from orbit_aux.low.triangle import triangle_of
from orbit_aux.motion.dynamics import Course, Parameter, Trajectory, make_course
from orbit_aux.motion.forces import Forces
from orbit_aux.time import Times

Array = NDArray[np.float64]

_MOST_TURNS, _COARSE_TURNS = 25, 12
_HUBER = 2.0
# decades of unmodelled accelerations that are tried, m/s2
_EMPIRICAL_MS2 = 10.0 ** np.arange(-10, -5)
# a step below this share of its standard deviation changes nothing
_SETTLED = 0.02
# a fix that falls from one side of a switch to the other keeps its time from settling further
_SETTLED_SWITCH = 0.5
# measured scatter beyond the stated sigma by more than this is believed
_TOLERATED = 1.25
_LEAST_SIGMA_M = 0.01
_BLOCK = 1500


@dataclass(frozen=True, eq=False)
class Data:
    """Fixes as inertial positions: seconds after the epoch, GCRF (m), sigma (m; 0: unknown)."""

    epoch: Times
    elapsed_s: Array
    position_m: Array
    sigma_m: Array

    def until(self, stop_s: float) -> Data:
        """The fixes before `stop_s`."""
        keep = self.elapsed_s <= stop_s
        return Data(self.epoch, self.elapsed_s[keep], self.position_m[keep], self.sigma_m[keep])


# whitened rows and residuals of other measurements along a trajectory: (model, trajectory, gated) -> rows, residuals
Others = Callable[[Model, Trajectory, bool], tuple[Array, Array]]


@dataclass(frozen=True, eq=False)
class Estimate:
    """An orbit with its model, and all that the last pass found."""

    start: Array
    model: Model
    course: Course
    trajectory: Trajectory
    solution: Solution
    residual_m: Array
    sigma_m: Array
    accepted: NDArray[np.bool_]
    bias_m: Array
    empirical_ms2: float
    turns: int
    settled: bool
    measured_sigma: bool


@dataclass(frozen=True, eq=False)
class Problem:
    """What an estimation is given and does not change."""

    data: Data
    forces: Forces
    options: LowOrbitOptions
    duration_s: float
    others: Others | None = None
    start_prior: tuple[Array, Array] | None = None
    """State (6) and inverse root of its covariance (6, 6)."""
    inflation: float = 1.0

    def course(self, parameters: Sequence[Parameter]) -> Course:
        return make_course(self.data.epoch, self.duration_s, self.forces, parameters, step_s=self.options.step_s)


def adjust(problem: Problem, start: Array, model: Model, *, coarse: bool = False) -> Estimate:
    """Gauss-Newton from `start`; wild fixes lose weight first (Huber), then those beyond the gate are left out.

    `coarse`: the former only, sigma as it scatters.
    """
    data, options = problem.data, problem.options
    bias = np.zeros(3 if options.bias_sigma_m > 0 and not coarse else 0)
    course = problem.course(model.acting())
    empirical, size, gated, settled = options.empirical_ms2 or 0.0, np.inf, False, False
    accepted, plane = np.ones(len(data.elapsed_s), dtype=bool), start
    for turn in range(_COARSE_TURNS if coarse else _MOST_TURNS):
        trajectory = model.trajectory(course, start, problem.forces, plane)
        residual, offset = _residuals(data, trajectory, bias)
        sigma, measured = _sigma(data, residual, options, coarse=coarse)
        weight = robust_weights(np.linalg.norm(residual, axis=1) / sigma, None if gated else _HUBER, options.gate_sigma)
        change = (weight > 0) != accepted
        if settled and gated and not change.any():
            break
        accepted = weight > 0
        triangle = _equations(problem, model, trajectory, residual, sigma, weight, offset, bias, start, gated)
        sigmas, moved = _priors(model, options, bias)
        if model.empirical.any() and (options.empirical_ms2 is None) and (turn < 3 or gated != settled):
            empirical = _likeliest(triangle, sigmas, moved, model)
        solution = solve(*triangle, _scaled(sigmas, model, empirical), moved)
        start, size, settled = start + solution.step[:6], size, _is_small(solution, model)
        model = model.moved(solution.step[6 : len(solution.step) - len(bias)])
        bias = bias + solution.step[len(solution.step) - len(bias) :]
        if any(item.kind == "switch" and item.sigma > 0 for item in model.parameters):
            course = problem.course(model.acting())
        if settled and not gated:
            gated, settled = True, coarse
            if coarse:
                break
    return Estimate(
        start,
        model,
        course,
        trajectory,
        solution,
        residual,
        sigma,
        accepted,
        bias,
        empirical,
        turn + 1,
        settled,
        measured,
    )


def _residuals(data: Data, trajectory: Trajectory, bias: Array) -> tuple[Array, Array | None]:
    """Observed less computed positions (n, 3) and, with a bias, the rows of local axes (n, 3, 3) that carry it."""
    states = trajectory.at(data.elapsed_s)
    residual = data.position_m - states[:, :3]
    if not len(bias):
        return residual, None
    axes = local_orbital_axes(states[:, :3], states[:, 3:], "RSW")
    return residual - np.einsum("nij,i->nj", axes, bias), np.swapaxes(axes, 1, 2)


def _sigma(data: Data, residual: Array, options: LowOrbitOptions, *, coarse: bool) -> tuple[Array, bool]:
    """Standard deviations in use (n,), and whether they are what the residuals show instead of what was stated."""
    stated = np.full(len(residual), options.sigma_m) if options.sigma_m is not None else data.sigma_m
    known = bool(len(stated)) and bool((stated > 0).all())
    if not len(residual):
        return np.array(stated, dtype=np.float64), False
    if known:
        factor = spread(residual / stated[:, None])
        return (stated * factor, True) if coarse or factor > _TOLERATED else (stated, False)
    return np.full(len(residual), max(spread(residual), _LEAST_SIGMA_M)), True


def _equations(  # noqa: PLR0913 - all that a linearisation has found
    problem: Problem, model: Model, trajectory: Trajectory, residual: Array, sigma: Array, weight: Array,
    offset: Array | None, bias: Array, start: Array, gated: bool,
) -> tuple[Array, float]:  # fmt: skip
    """Triangle of the whitened equations of all measurements and of the prior of the start, and what no unknown explains."""
    unknowns = 6 + len(model.names) + len(bias)
    triangle, rest = np.zeros((unknowns, unknowns + 1)), 0.0
    kept = np.flatnonzero(weight > 0)
    # in blocks: partials of two days at 10 s would fill the memory
    for block in np.array_split(kept, len(kept) // _BLOCK + 1):
        root = (np.sqrt(weight[block]) / (sigma[block] * problem.inflation))[:, None]
        design = model.design(trajectory, problem.data.elapsed_s[block])[:, :3]
        if offset is not None:
            design = np.concatenate([design, offset[block]], axis=2)
        rows, right = (design * root[:, :, None]).reshape(-1, unknowns), (residual[block] * root).ravel()
        triangle, left = triangle_of(rows, right, triangle)
        rest += left
    if problem.others is not None:
        more, right = problem.others(model, trajectory, gated)
        more = np.concatenate([more, np.zeros((len(more), len(bias)))], axis=1)
        triangle, left = triangle_of(more, right, triangle)
        rest += left
    if problem.start_prior is not None:
        mean, weights = problem.start_prior
        rows = np.concatenate([weights, np.zeros((6, unknowns - 6))], axis=1)
        triangle, left = triangle_of(rows, weights @ (mean - start), triangle)
        rest += left
    return triangle, rest


def _priors(model: Model, options: LowOrbitOptions, bias: Array) -> tuple[Array, Array]:
    """Standard deviations a priori of all unknowns (inf: none), and how far they have left their means."""
    nominal = {item.name: item.value for item in model.nominal}
    direct = [model.columns[number] for number in model.direct]
    moved = [item.value - nominal[item.name] for item in direct] + [piece.value for piece in model.pieces]
    sigmas = np.concatenate([np.full(6, np.inf), model.sigmas, np.full(len(bias), options.bias_sigma_m)])
    return sigmas, np.concatenate([np.zeros(6), moved, bias])


def _scaled(sigmas: Array, model: Model, empirical: float) -> Array:
    result = sigmas.copy()
    result[6 : 6 + len(model.empirical)][model.empirical] *= empirical
    return result


def _likeliest(triangle: tuple[Array, float], sigmas: Array, moved: Array, model: Model) -> float:
    """Size of the unmodelled accelerations that makes the measurements likeliest, to half a decade."""

    def misfit(size: float) -> float:
        return solve(*triangle, _scaled(sigmas, model, size), moved).evidence

    best = min(_EMPIRICAL_MS2, key=misfit)
    return float(min((best / np.sqrt(10.0), best, best * np.sqrt(10.0)), key=misfit))


def _is_small(solution: Solution, model: Model) -> bool:
    sigma = np.sqrt(np.diagonal(solution.covariance))
    if not (np.isfinite(solution.step).all() and np.isfinite(sigma).all()):
        raise OrbitError(
            "least squares left the numbers: the start or the measurements are far off; check frame and units"
        )
    share = np.full(len(sigma), _SETTLED)
    for row, number in enumerate(model.direct, start=6):
        if model.columns[number].kind == "switch":
            share[row] = _SETTLED_SWITCH
    return bool((np.abs(solution.step) <= share * sigma + 1e-12).all())


def without_pieces(model: Model, sigma_drag: float) -> Model:
    """The model with one scale of drag and manoeuvres as its only unknowns, as a first orbit wants it."""
    sigmas = {"drag": sigma_drag, "light": 0.0, "acceleration": 0.0}
    parameters = tuple(replace(item, sigma=sigmas.get(item.kind, item.sigma)) for item in model.parameters)
    return replace(model, parameters=parameters, carriers=frozenset(), pieces=())
