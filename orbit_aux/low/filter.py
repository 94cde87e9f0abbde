"""The sequential way: a square-root Kalman filter of a low orbit with forces as they are now, and the smoother that looks back."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from orbit_aux.errors import OrbitError
from orbit_aux.frames import State
from orbit_aux.low.estimate import Problem
from orbit_aux.low.filter_result import filter_orbit, filter_parameters, filter_summary
from orbit_aux.low.fixes import PositionFixes
from orbit_aux.low.growth import arc, first_orbit
from orbit_aux.low.options import LowOrbitOptions
from orbit_aux.low.restitution import LowOrbitRestitution, inertial, thinned
from orbit_aux.low.result import residuals_dataset
from orbit_aux.motion.dynamics import Engine, Parameter, make_course, parameters_of
from orbit_aux.motion.forces import Forces

Array = NDArray[np.float64]

# unmodelled accelerations, where the options do not tell: the one of these that makes the innovations likeliest, m/s2
_ACCELERATIONS_MS2 = tuple(10.0 ** np.arange(-8.0, -5.4, 0.5))
# drag breathes: its scale loses memory over this time (s)
_DRAG_MEMORY_S = 20_000.0
# the first state comes from the first fixes, which are used again: it enters with sigmas wide enough to forget that, but the gate is closed to wild ones
_START_WIDENED = 5.0
_START_SIGMA = np.array([50.0] * 3 + [0.1] * 3)
_AXES = ("radial", "along", "cross")
# refusals in a row after which the filter admits that it is lost
_LOST = 20
_FILL_S = 60.0
_FIRST_ARC_S = 1_500.0


@dataclass(frozen=True, eq=False)
class Passed:
    """One epoch of the filter: estimate and root of covariance after the fix, those predicted for it, and the way there from the epoch before."""

    state: Array
    root: Array
    predicted: Array
    predicted_root: Array
    transition: Array
    noise_root: Array


@dataclass(frozen=True, eq=False)
class Walk:
    """All epochs (s), with the row of the fix used at each (-1: none), innovations (m) and their normalised squares."""

    elapsed_s: Array
    fix: NDArray[np.int64]
    passed: list[Passed]
    innovation_m: Array
    nis: Array
    accepted: NDArray[np.bool_]
    names: tuple[str, ...]
    misfit: float
    """-2 ln of the likelihood of the innovations, but for a constant."""
    acceleration_ms2: float


def filter_low_orbit(
    fixes: PositionFixes,
    start: State | None,
    forces: Forces,
    options: LowOrbitOptions,
    *,
    object_name: str = "UNKNOWN",
    object_id: str = "UNKNOWN",
) -> LowOrbitRestitution:
    """As `restitute_low_orbit`, one fix after another: what a filter in near-real time knows at the last fix, smoothed back over all.

    States: position, velocity, scale of drag (memory of 20 000 s), accelerations along radial, along and cross (Gauss-Markov, `empirical_s`), and the
    manoeuvres that have a sigma.
    """
    thin = thinned(fixes, options.spacing_s)
    data = inertial(thin)
    problem = Problem(data, forces, options, max(float(data.elapsed_s[-1]), 1.0))
    first, notes = first_orbit(problem, thin, start)
    estimate, _ = arc(problem, first, _FIRST_ARC_S)
    prior, sigma = np.diag(_START_SIGMA), float(np.median(data.sigma_m))
    if estimate is not None:
        first = estimate.start
        sigma = float(np.median(estimate.sigma_m))
        prior = _START_WIDENED * np.linalg.cholesky(estimate.solution.covariance[:6, :6])
    sigmas = _sigmas(options, data.sigma_m, sigma)
    walk = _likeliest(problem, first, prior, sigmas)
    states, covariances = _backward(walk)
    orbit = filter_orbit(
        walk, states, covariances, problem, (object_name, object_id, f"filtered and smoothed from {fixes.source}")
    )
    used = np.flatnonzero(walk.fix >= 0)
    residual = data.position_m[walk.fix[used]] - states[used, :3]
    table = residuals_dataset(
        data.epoch + walk.elapsed_s[used],
        states[used, :6],
        residual,
        sigmas[walk.fix[used]],
        walk.accepted[walk.fix[used]],
    )
    summary = filter_summary(walk, problem, residual, sigmas, orbit, (*fixes.notes, *notes))
    return LowOrbitRestitution(orbit, filter_parameters(walk, states, covariances), table, summary)


def _sigmas(options: LowOrbitOptions, stated: Array, measured: float) -> Array:
    if options.sigma_m is not None:
        return np.full(len(stated), options.sigma_m)
    return stated if (stated > 0).all() else np.full(len(stated), measured)


def _likeliest(problem: Problem, start: Array, start_root: Array, sigmas: Array) -> Walk:
    """The filter with unmodelled accelerations of the size that the options or the innovations want."""
    if problem.options.empirical_ms2 is not None:
        return _forward(problem, start, start_root, sigmas, problem.options.empirical_ms2)
    best = None
    for size in _ACCELERATIONS_MS2:
        walk = _forward(problem, start, start_root, sigmas, size)
        if best is not None and walk.misfit > best.misfit:
            break
        best = walk
    assert best is not None
    return best


def _unknowns(problem: Problem, size: float) -> list[Parameter]:
    """Parameters of the filter: those with sigma > 0 are states."""
    sigma_drag = problem.options.sigma_drag
    items = [
        replace(item, sigma=sigma_drag if item.kind == "drag" else item.sigma)
        for item in parameters_of(problem.forces, problem.data.epoch, problem.duration_s)
        if item.kind != "switch"
    ]
    return items + [
        Parameter(name, "acceleration", 0.0, size, 0.0, problem.duration_s, "RSW", component)
        for component, name in enumerate(_AXES)
    ]


def _epochs(elapsed_s: Array) -> tuple[Array, NDArray[np.int64]]:
    """Times of the fixes with steps in between where gaps are long, and the row of the fix at each, -1 for none."""
    times, rows = [elapsed_s[0]], [0]
    for row in range(1, len(elapsed_s)):
        count = int(np.ceil((elapsed_s[row] - elapsed_s[row - 1]) / _FILL_S))
        between = np.linspace(elapsed_s[row - 1], elapsed_s[row], count + 1)[1:]
        times += between.tolist()
        rows += [-1] * (count - 1) + [row]
    return np.array(times), np.array(rows, dtype=np.int64)


def _forward(problem: Problem, start: Array, start_root: Array, sigmas: Array, size: float) -> Walk:
    """The filter over all epochs."""
    data, options = problem.data, problem.options
    epochs, rows = _epochs(data.elapsed_s)
    parameters = _unknowns(problem, size)
    course = make_course(
        data.epoch, problem.duration_s, problem.forces, parameters, step_s=options.step_s, stops_s=epochs
    )
    engine = Engine(course, problem.forces, parameters, partials=True, plane=start)
    states = [number for number, item in enumerate(parameters) if item.sigma > 0]
    estimate = np.concatenate([start, [parameters[number].value for number in states]])
    prior = np.array([parameters[number].sigma for number in states])
    root = np.diag(np.concatenate([np.ones(6), prior]))
    root[:6, :6] = start_root
    memory = np.array([_memory(parameters[number], options) for number in states])
    mean = np.array([parameters[number].value for number in states])
    place = np.searchsorted(course.edges_s, epochs - 1e-7)
    passed, innovation, nis = [], np.zeros((len(data.elapsed_s), 3)), np.full(len(data.elapsed_s), np.nan)
    accepted, refused, misfit = np.zeros(len(data.elapsed_s), dtype=bool), 0, 0.0
    transition, noise = np.eye(len(estimate)), np.zeros((len(estimate), len(estimate)))
    for number, row in enumerate(rows.tolist()):
        if number > 0:
            estimate, transition, noise = _moved(
                engine, estimate, states, place[number - 1 : number + 1], memory, mean, prior
            )
            stacked = np.concatenate([(transition @ root).T, noise.T])
            root = np.asarray(np.linalg.qr(stacked, mode="r")).T
        predicted, predicted_root = estimate, root
        if row >= 0:
            innovation[row] = data.position_m[row] - estimate[:3]
            estimate, root, nis[row], spread = _updated(
                estimate, root, innovation[row], sigmas[row], options.gate_sigma
            )
            # a refused fix counts as one at the gate, so that refusing does not pay
            misfit += min(nis[row], options.gate_sigma**2) + spread
            accepted[row] = estimate is not predicted
            refused = 0 if accepted[row] else refused + 1
            if refused > _LOST:
                when = (data.epoch + float(epochs[number])).utc_strings(0)[0]
                raise OrbitError(
                    f"the filter refused {_LOST} fixes in a row before {when}: a manoeuvre not given or a wrong sigma; use the batch"
                )
        passed.append(Passed(estimate, root, predicted, predicted_root, transition, noise))
    return Walk(
        epochs,
        rows,
        passed,
        innovation,
        nis,
        accepted,
        tuple(parameters[number].name for number in states),
        misfit,
        size,
    )


def _memory(item: Parameter, options: LowOrbitOptions) -> float:
    return {"drag": _DRAG_MEMORY_S, "acceleration": options.empirical_s}.get(item.kind, np.inf)


def _moved(
    engine: Engine, estimate: Array, states: list[int], steps: NDArray[np.int64], memory: Array, mean: Array, prior: Array
) -> tuple[Array, Array, Array]:  # fmt: skip
    """Estimate, transition matrix and root of process noise from one epoch to the next."""
    engine.values[states] = estimate[6:]
    vector, partials = estimate[:6].copy(), engine.identity()
    engine.advance(int(steps[0]), int(steps[1]), vector, partials)
    edges = engine.course.edges_s
    keep = np.exp(-(edges[steps[1]] - edges[steps[0]]) / memory)
    size = len(estimate)
    transition = np.zeros((size, size))
    transition[:6] = partials
    transition[6:, 6:] = np.diag(keep)
    noise = np.zeros((size, size))
    noise[6:, 6:] = np.diag(prior * np.sqrt(np.maximum(1.0 - keep**2, 0.0)))
    # what the accelerations change within the step moves the orbit too
    noise[:6, 6:] = 0.5 * partials[:, 6:] * np.diagonal(noise)[6:]
    return np.concatenate([vector, mean + keep * (estimate[6:] - mean)]), transition, noise


def _updated(
    estimate: Array, root: Array, innovation: Array, sigma: float, gate: float
) -> tuple[Array, Array, float, float]:
    """Estimate and root after one fix by one triangularisation, its normalised innovation squared, and 2 ln of its volume; unchanged where the gate refuses."""
    size = len(estimate)
    whole = np.zeros((size + 3, size + 3))
    whole[:3, :3] = sigma * np.eye(3)
    whole[:3, 3:] = root[:3]
    whole[3:, 3:] = root
    lower = np.asarray(np.linalg.qr(whole.T, mode="r")).T
    scaled = np.linalg.solve(lower[:3, :3], innovation)
    squared = float(scaled @ scaled)
    volume = 2.0 * float(np.sum(np.log(np.abs(np.diagonal(lower[:3, :3])))))
    if squared > gate**2:
        return estimate, root, squared, volume
    return estimate + lower[3:, :3] @ scaled, lower[3:, 3:], squared, volume


def _backward(walk: Walk) -> tuple[Array, Array]:
    """Rauch, Tung and Striebel with covariances as squares of triangles, so that they stay positive; states (n, size), covariances (n, size, size)."""
    last = walk.passed[-1]
    state, root = last.state, last.root
    states, covariances = [state], [root @ root.T]
    for here, after in zip(walk.passed[-2::-1], walk.passed[:0:-1], strict=True):
        half = np.linalg.solve(after.predicted_root, after.transition @ here.root @ here.root.T)
        gain = np.linalg.solve(after.predicted_root.T, half).T
        rest = np.eye(len(state)) - gain @ after.transition
        state = here.state + gain @ (state - after.predicted)
        stacked = np.concatenate([(rest @ here.root).T, (gain @ after.noise_root).T, (gain @ root).T])
        root = np.asarray(np.linalg.qr(stacked, mode="r")).T
        states.append(state)
        covariances.append(root @ root.T)
    return np.array(states[::-1]), np.array(covariances[::-1])
