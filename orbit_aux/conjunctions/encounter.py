"""An encounter of two objects: their states and covariances at one instant and the radius of both together; how its uncertainty moves with time."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfcinv

from orbit_aux.conjunctions.collision import EncounterPlane, encounter_plane
from orbit_aux.conjunctions.two_body import (
    mean_elements_of,
    moved,
    period_s,
    state_derivatives,
    states_of,
    working_axes,
)
from orbit_aux.errors import OrbitError

Array = NDArray[np.float64]

#: probability left out of the bounds of an encounter (Coppola 2012)
COPPOLA_GAMMA = 1e-16
_ITERATIONS = 40


@dataclass(frozen=True, eq=False)
class Encounter:
    """States (2, 6), m and m/s, in one inertial frame, covariances (2, 6, 6), and the sum of the hard-body radii, m.

    Rows: the own and the other object. A covariance that is not known is zero. `known` tells which are.
    """

    states: Array
    covariances: Array
    radius_m: float
    known: tuple[bool, bool] = (True, True)

    def __post_init__(self) -> None:
        states, matrices = np.asarray(self.states, dtype=np.float64), np.asarray(self.covariances, dtype=np.float64)
        if states.shape != (2, 6) or matrices.shape != (2, 6, 6):
            raise OrbitError(f"an encounter of shapes {states.shape}, {matrices.shape}: give (2, 6) and (2, 6, 6)")
        if not (np.isfinite(states).all() and np.isfinite(matrices).all()):
            raise OrbitError("states or covariances of the encounter are not finite: correct them")
        if not (math.isfinite(self.radius_m) and self.radius_m >= 0):
            raise OrbitError(f"hard-body radius {self.radius_m} m: give a finite length, not negative")
        uneven = np.abs(matrices - np.swapaxes(matrices, -1, -2)).max(axis=(1, 2))
        if (uneven > 1e-6 * np.abs(matrices).max(axis=(1, 2))).any():
            raise OrbitError("a covariance of the encounter is not symmetric: give C and its transpose alike")
        object.__setattr__(self, "states", states)
        object.__setattr__(self, "covariances", 0.5 * (matrices + np.swapaxes(matrices, -1, -2)))

    @property
    def relative(self) -> Array:
        """The other's state less the own, (6,)."""
        difference: Array = self.states[1] - self.states[0]
        return difference

    @property
    def covariance(self) -> Array:
        """Sum of both covariances, (6, 6): the objects' errors are taken as independent."""
        total: Array = self.covariances.sum(axis=0)
        return total

    @property
    def plane(self) -> EncounterPlane:
        return encounter_plane(self.relative[:3], self.relative[3:], self.covariance[:3, :3])

    @property
    def shortest_period_s(self) -> float:
        return min(period_s(state) for state in self.states)

    def at(self, elapsed_s: float) -> Encounter:
        """The same `elapsed_s` later, by Keplerian motion; covariances by its derivatives."""
        states, matrices = zip(*(moved(state, elapsed_s) for state in self.states), strict=True)
        turned = [matrix @ covariance @ matrix.T for matrix, covariance in zip(matrices, self.covariances, strict=True)]
        return replace(self, states=np.stack(states), covariances=np.stack(turned))


@dataclass(frozen=True, eq=False)
class Elements:
    """Both objects of an encounter as Gaussians of equinoctial elements with the mean longitude (docs of `two_body`): means (2, 6), covariances (2, 6, 6)."""

    means: Array
    covariances: Array


def closest_approach(encounter: Encounter, window_s: float) -> float:
    """Seconds to the least distance of the mean states, the nearest minimum within `window_s`, by Keplerian motion."""
    if not np.linalg.norm(encounter.relative[3:]) > 0:
        return 0.0
    elements, elapsed = elements_of(encounter).means, 0.0
    for _ in range(_ITERATIONS):
        relative, half = _relative(elements, elapsed), 1e-3 * encounter.shortest_period_s
        rate = float(relative[:3] @ relative[3:])
        ahead, behind = _relative(elements, elapsed + half * 1e-3), _relative(elements, elapsed - half * 1e-3)
        slope = float(ahead[:3] @ ahead[3:] - behind[:3] @ behind[3:]) / (2e-3 * half)
        speed = max(float(relative[3:] @ relative[3:]), 1e-300)
        # near a largest distance the curvature is no guide: go against the rate
        step = float(np.clip(-rate / (slope if slope > 0.2 * speed else speed), -20 * half, 20 * half))
        elapsed += step
        if abs(elapsed) > window_s:
            return 0.0
        if abs(step) < 1e-9:
            break
    return elapsed


def elements_of(encounter: Encounter) -> Elements:
    """Elements and their covariances, in axes that keep clear of the elements' singularity."""
    turn = np.kron(np.eye(2), working_axes(encounter.states))
    means = mean_elements_of(encounter.states @ turn.T)
    inverse = np.linalg.inv(state_derivatives(means)) @ turn
    return Elements(means, inverse @ encounter.covariances @ np.swapaxes(inverse, -1, -2))


def duration_bounds(encounter: Encounter, gamma: float = COPPOLA_GAMMA) -> tuple[float, float]:
    """Earliest and latest time (s from now) at which straight motion can bring the objects together but for a probability `gamma`.

    Coppola (AAS 12-248): along the relative velocity the position is Gaussian, given the point of the encounter plane where it crosses; its mean
    moves by b per metre in the plane, of which the disk has R on both sides, and the sphere R along the path.
    """
    plane = encounter.plane
    speed = float(np.linalg.norm(encounter.relative[3:]))
    along = encounter.relative[3:] / speed
    matrix = encounter.covariance[:3, :3]
    # a variance in the plane may be zero: then nothing is learnt from it
    variances = plane.sigma_m**2
    learnt = np.where(variances > 1e-12 * max(variances.max(), 1e-300), variances, np.inf)
    slope = (plane.axes @ matrix @ along) / learnt
    rest = max(float(along @ matrix @ along - slope**2 @ np.where(np.isfinite(learnt), learnt, 0.0)), 0.0)
    centre = float(slope @ plane.miss_m - along @ encounter.relative[:3])
    reach = math.sqrt(2.0 * rest) * float(erfcinv(gamma)) + encounter.radius_m * math.sqrt(1.0 + float(slope @ slope))
    return (centre - reach) / speed, (centre + reach) / speed


def positive(matrix: Array) -> tuple[Array, float]:
    """The nearest covariance that is not negative, by raising the eigenvalues of its correlations to zero, and their least eigenvalue before.

    Variances that are not positive become zero with their covariances.
    """
    sigma = np.sqrt(np.clip(np.diag(matrix), 0.0, None))
    scale = np.where(sigma > 0, sigma, 1.0)
    correlation = np.where(np.outer(sigma, sigma) > 0, matrix / np.outer(scale, scale), 0.0)
    values, vectors = np.linalg.eigh(correlation)
    worst = min(float(values[0]), float((np.diag(matrix) / max(np.abs(np.diag(matrix)).max(), 1e-300)).min()))
    if worst >= 0:
        return matrix, worst
    mended = (vectors * np.clip(values, 0.0, None)) @ vectors.T * np.outer(sigma, sigma)
    return 0.5 * (mended + mended.T), worst


def _relative(elements: Array, elapsed_s: float) -> Array:
    states = states_of(elements, elapsed_s)
    difference: Array = states[1] - states[0]
    return difference
