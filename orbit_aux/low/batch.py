"""Weighted least squares of a low orbit: unknowns, partials, and the solution with its prior."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from orbit_aux.errors import OrbitError
from orbit_aux.low.triangle import inverse, triangle_of
from orbit_aux.motion.dynamics import Course, Parameter, Trajectory, follow
from orbit_aux.motion.forces import Forces

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Piece:
    """Share of a carrier (a parameter of the whole course) that belongs to [start_s, stop_s) alone; an unknown with sigma a priori and mean 0."""

    name: str
    carrier: int
    start_s: float
    stop_s: float
    sigma: float
    value: float = 0.0
    empirical: bool = False
    """Whether its sigma is a size of model errors, to be found from the data."""


@dataclass(frozen=True)
class Model:
    """Unknowns beside the start: parameters with a sigma of their own, and pieces of carriers.

    The loop integrates partials of all `parameters` with sigma > 0; those named in `carriers` are no unknowns, only what pieces are cut from:
    by linearity the partial of a piece is Phi(t) [w(min(t, stop)) - w(start)], w = Phi^-1 x partial of its carrier.
    """

    parameters: tuple[Parameter, ...]
    carriers: frozenset[str]
    pieces: tuple[Piece, ...]
    nominal: tuple[Parameter, ...]
    """The parameters before any estimation: the means of their priors."""

    @property
    def columns(self) -> list[Parameter]:
        """Parameters of which the loop integrates partials, in the order of their columns after the first six."""
        return [item for item in self.parameters if item.sigma > 0]

    @property
    def direct(self) -> list[int]:
        """Numbers, among the columns, of those that are unknowns themselves."""
        return [number for number, item in enumerate(self.columns) if item.name not in self.carriers]

    @property
    def names(self) -> list[str]:
        return [self.columns[number].name for number in self.direct] + [piece.name for piece in self.pieces]

    @property
    def values(self) -> Array:
        return np.array([self.columns[number].value for number in self.direct] + [piece.value for piece in self.pieces])

    @property
    def sigmas(self) -> Array:
        return np.array([self.columns[number].sigma for number in self.direct] + [piece.sigma for piece in self.pieces])

    @property
    def empirical(self) -> NDArray[np.bool_]:
        return np.array([False] * len(self.direct) + [piece.empirical for piece in self.pieces], dtype=bool)

    def moved(self, step: Array) -> Model:
        """The model with its unknowns changed by `step`."""
        chosen = {self.columns[number].name: float(step[row]) for row, number in enumerate(self.direct)}
        shifts = {
            (item.owner, item.component): chosen[item.name]
            for item in self.parameters
            if item.kind == "switch" and item.name in chosen
        }
        parameters = tuple(_moved(item, chosen.get(item.name, 0.0), shifts) for item in self.parameters)
        rest = step[len(chosen) :]
        pieces = tuple(
            replace(piece, value=piece.value + float(change)) for piece, change in zip(self.pieces, rest, strict=True)
        )
        return replace(self, parameters=parameters, pieces=pieces)

    def acting(self) -> list[Parameter]:
        """What the loop integrates: the parameters, then the pieces as fixed parameters."""
        columns = self.columns
        cut = [
            replace(
                columns[piece.carrier],
                name=piece.name,
                value=piece.value,
                sigma=0.0,
                start_s=piece.start_s,
                stop_s=piece.stop_s,
            )
            for piece in self.pieces
        ]
        return [*self.parameters, *cut]

    def trajectory(
        self, course: Course, start: Array, forces: Forces, plane: Array, *, partials: bool = True
    ) -> Trajectory:
        """The orbit from `start` under this model."""
        return follow(course, start, forces, self.acting(), partials=partials, plane=plane)

    def design(self, trajectory: Trajectory, elapsed_s: Array, *, before: bool = False) -> Array:
        """Partials (n, 6, 6 + unknowns) of the states at `elapsed_s` by the start and all unknowns."""
        own = trajectory.partials(elapsed_s, before=before)
        transition = own[:, :, :6]
        parts = [transition, own[:, :, [6 + number for number in self.direct]]]
        if self.pieces:
            edges = np.array([(piece.start_s, piece.stop_s) for piece in self.pieces])
            edges = np.clip(edges, 0.0, trajectory.course.edges_s[-1])
            nodes = np.unique(edges)
            at_nodes = trajectory.partials(nodes)
            from_start = _pulled_back(at_nodes)[np.searchsorted(nodes, edges)]
            here = _pulled_back(own)
            carrier = np.array([piece.carrier for piece in self.pieces])
            low = np.stack([from_start[k, 0, :, c] for k, c in enumerate(carrier)], axis=1)
            high = np.stack([from_start[k, 1, :, c] for k, c in enumerate(carrier)], axis=1)
            share = np.where(elapsed_s[:, None, None] >= edges[:, 1], high, here[:, :, carrier])
            share = np.where(elapsed_s[:, None, None] <= edges[:, 0], low, share)
            parts.append(transition @ (share - low))
        return np.concatenate(parts, axis=2)


def _moved(item: Parameter, change: float, shifts: dict[tuple[int, int], float]) -> Parameter:
    """A parameter with its new value; a thrust begins and ends when its switches now say."""
    if item.kind == "switch":
        shift = shifts.get((item.owner, item.component), 0.0)
        return replace(item, value=item.value + change, start_s=item.start_s + shift, stop_s=item.stop_s + shift)
    if item.kind == "force":
        begin, end = (shifts.get((item.owner, side), 0.0) for side in (-1, 1))
        return replace(item, value=item.value + change, start_s=item.start_s + begin, stop_s=item.stop_s + end)
    if item.kind == "impulse":
        shift = shifts.get((item.owner, 0), 0.0)
        return replace(item, value=item.value + change, start_s=item.start_s + shift, stop_s=item.stop_s + shift)
    return replace(item, value=item.value + change)


def _pulled_back(partials: Array) -> Array:
    """Phi^-1 x the partials of parameters: changes of the start that have the same effect from now on."""
    scale = np.array([1.0, 1.0, 1.0, 1e3, 1e3, 1e3])
    # in units of m and m per 1000 s the transition matrix is well conditioned
    balanced = scale[:, None] * partials[:, :, :6] / scale
    return np.asarray(np.linalg.solve(balanced, scale[:, None] * partials[:, :, 6:]) / scale[:, None])


@dataclass(frozen=True, eq=False)
class Solution:
    """Change of all unknowns (6 + model), their covariance, and what the fit says of itself."""

    step: Array
    covariance: Array
    chi2: float
    evidence: float
    """-2 ln of the likelihood of the data, all unknowns integrated out, but for a constant."""


def solve(triangle: Array, rest: float, sigmas: Array, moved: Array) -> Solution:
    """Least squares of a triangle of equations with independent priors: `sigmas` (inf: none) of the unknowns, which have left their means by `moved`."""
    size = len(sigmas)
    with np.errstate(divide="ignore"):
        weight = 1.0 / sigmas
    known = np.flatnonzero(weight > 0)
    prior = np.zeros((len(known), size))
    prior[np.arange(len(known)), known] = weight[known]
    # columns of like size, so that rank is a matter of geometry and not of units
    scale = np.sqrt(np.sum(triangle[:, :size] ** 2, axis=0) + np.sum(prior**2, axis=0))
    scale[scale == 0.0] = 1.0
    scaled = np.concatenate([triangle[:, :size] / scale, triangle[:, size:]], axis=1)
    upper, left = triangle_of(prior / scale, -(weight * moved)[known], scaled)
    diagonal = np.abs(np.diagonal(upper))
    if not diagonal.min() > 1e-12 * diagonal.max():
        raise OrbitError("the measurements do not determine the orbit: give more, over a longer time, or a prior")
    root = inverse(upper, size) / scale[:, None]
    step = root @ upper[:, size]
    # the factor of the weights belongs to the density of the prior
    determinant = float(np.sum(np.log(diagonal)) + np.sum(np.log(scale)) - np.sum(np.log(weight[known])))
    return Solution(step, root @ root.T, rest + left, rest + left + 2.0 * determinant)


def robust_weights(size: Array, huber: float | None, gate: float) -> Array:
    """Weights of normalised residuals: Huber's beyond `huber`, then nothing beyond `gate`."""
    if huber is not None:
        return np.minimum(1.0, huber / np.maximum(size, 1e-12))
    return (size <= gate).astype(np.float64)


def spread(components: Array) -> float:
    """Standard deviation of normal values among which some are wild: 1.4826 x median of the absolute ones."""
    return float(1.4826 * np.median(np.abs(components)))


def pieces_of(name: str, carrier: int, edges: Sequence[float] | Array, sigma: float, *, empirical: bool) -> list[Piece]:
    """Pieces of one carrier between successive `edges` (s)."""
    return [
        Piece(f"{name}_{number}", carrier, float(low), float(high), sigma, empirical=empirical)
        for number, (low, high) in enumerate(itertools.pairwise(edges))
    ]
