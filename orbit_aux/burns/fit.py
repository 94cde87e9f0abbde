"""Iterated least squares with a prior over stored counts, by orthogonal transformation: the exact answer at any time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orbit_aux.burns.count_kernels import triangle
from orbit_aux.burns.counts import Counts
from orbit_aux.burns.model import CUT_OFF, IGNITION, SPIN, BurnModel, Reference
from orbit_aux.errors import OrbitError

Array = NDArray[np.float64]

#: residuals beyond so many sigmas are no noise
OUTLIER_SIGMAS = 5.0
# above this robust ratio of residuals to sigma the model does not fit, and sigmas are widened by it
_MISFIT = 1.3
_HUBER = 2.0
# a step shorter than this share of the posterior sigma changes nothing that is printed
_CONVERGED = 0.02


@dataclass(frozen=True, eq=False)
class Fit:
    """Estimate `reference.parameters + shift`, with `root` of its covariance, from counts 0 to `count`.

    `normalised` (z): the estimate in sigmas of the prior; residuals in sigmas; `cost`: their squares and those of z, outliers left out;
    `scale`: what sigmas were widened by (1 where the model fits).
    """

    reference: Reference
    shift: Array
    root: Array
    normalised: Array
    residuals: Array
    kept: NDArray[np.bool_]
    cost: float
    scale: float
    iterations: int

    @property
    def parameters(self) -> Array:
        return self.reference.parameters + self.shift

    @property
    def count(self) -> int:
        return len(self.residuals)


def fit(
    model: BurnModel, counts: Counts, count: int, normalised: Array, *, iterations: int = 12, first: int = 0
) -> Fit:
    """Gauss-Newton from `normalised` over the counts `first` to `count`, until converged or `iterations` are done."""
    z = normalised.copy()
    before = np.inf
    step = np.zeros_like(z)
    for iteration in range(1, iterations + 1):
        reference = Reference.of(model, model.mean + model.root @ z)
        values, rows = reference.predict(counts, first, count)
        errors = (counts.measured[first:count] - values) / counts.sigma[first:count]
        weights, kept, scale = _weights(errors)
        # the loss must not rise for what weights alone changed: it is compared at one and the same bound
        loss = float(z @ z + np.sum(np.minimum(errors**2, 25.0 * max(scale, 1.0) ** 2)))
        if loss > before * (1 + 1e-9) + 1e-6 and iteration > 1 and np.abs(step).max() > 1e-6:
            step = 0.3 * step
            z = z - step / 0.3 + step
            if iteration < iterations:
                continue
        before = loss
        step, information, distance = _least_squares(model, rows, errors, weights, z, counts.sigma[first:count])
        step = _limited(model, reference.parameters, step)
        if distance < _CONVERGED * np.sqrt(len(z)) or iteration == iterations:
            break
        z = z + step
    shift = model.root @ step
    residuals = errors - (rows @ shift) / counts.sigma[first:count]
    z = z + step
    root = model.root @ np.linalg.inv(information)
    cost = float(z @ z + np.sum(residuals[kept] ** 2))
    if not (np.isfinite(shift).all() and np.isfinite(cost)):
        raise OrbitError("the fit of the burn diverges: check the start state, the plan and the units of the counts")
    return Fit(reference, shift, root, z, residuals, kept, cost, scale, iteration)


def _weights(errors: Array) -> tuple[Array, NDArray[np.bool_], float]:
    """Square roots of weights, which are kept, and the widening of sigmas; outliers weigh nothing once the model fits."""
    size = np.abs(errors)
    scale = max(1.0, 1.4826 * float(np.median(size))) if len(size) else 1.0
    kept = size <= OUTLIER_SIGMAS * scale
    if scale > _MISFIT or kept.mean() < 0.8:
        share = np.minimum(1.0, _HUBER * scale / np.maximum(size, 1e-12))
        return np.sqrt(share) / scale, kept, scale
    return kept.astype(np.float64), kept, 1.0


def _least_squares(
    model: BurnModel, rows: Array, errors: Array, weights: Array, z: Array, sigma: Array
) -> tuple[Array, Array, float]:
    """Step of z, triangular square root of the information about z, and the step's length in posterior sigmas."""
    size = len(z)
    whole = triangle(rows, model.root, errors * sigma, weights / sigma, z)
    right = whole[:size, size]
    step = np.asarray(np.linalg.solve(whole[:size, :size], right), dtype=np.float64)
    return step, whole[:size, :size], float(np.sqrt(right @ right))


def _limited(model: BurnModel, parameters: Array, step: Array) -> Array:
    """The step, shortened where it would leave the range in which counts are linear in switch times or spin."""
    shift = model.root @ step
    share = 1.0
    for column, most in ((IGNITION, 6.0), (CUT_OFF, 6.0), (SPIN, 0.003)):
        if abs(shift[column]) > most:
            share = min(share, most / abs(shift[column]))
    force = float(np.sqrt(parameters[6:9] @ parameters[6:9]))
    push = float(np.sqrt(shift[6:9] @ shift[6:9]))
    if push > 0.5 * force:
        share = min(share, 0.5 * force / push)
    return share * step
