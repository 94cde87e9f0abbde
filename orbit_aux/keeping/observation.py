"""What an arc of ephemeris says: mean elements at its end, and beyond the theory the rate of its track, the density, the impulses within."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from orbit_aux.errors import OrbitError
from orbit_aux.keeping.mean_motion import MeanMotion
from orbit_aux.motion.mean_elements import MeanElements, mean_elements, mean_of_arc, secular_rates
from orbit_aux.orbit import Orbit
from orbit_aux.time import Times

Array = NDArray[np.float64]

_TURN = 2.0 * np.pi
_SAMPLE_S = 180.0
# below these an arc says nothing of the rate, of the daily waves, of the density
_RATE_S, _WAVES_S, _DENSITY_S = 0.9 * 86400.0, 1.4 * 86400.0, 1.9 * 86400.0
# two revolutions
_SHORTEST_S = 12_000.0
# how far from the middle of a piece its rate is taken
_HALF_STEP_S = 3000.0
# a factor of density known worse does not carry the elements to the end
_WORST_DENSITY = 0.5
# share of density by which its effect is found
_DENSER = 0.1


@dataclass(frozen=True, eq=False)
class ObservedArc:
    """Mean elements at the end of an arc; what was fitted over `span_s`, with one standard deviation. NaN: the arc is too short to tell."""

    end: MeanElements
    corrections_rads: tuple[float, float]
    """Of the rates of omega + M and of the node, beyond the theory at these elements."""
    density_factor: float
    density_sigma: float
    rises_m: Array
    """Of the semi-major axis by each impulse."""
    rise_sigmas_m: Array
    residual_rms_m: float
    """Along the track, after the fit."""
    span_s: float


def observe_arc(
    orbit: Orbit, motion: MeanMotion, start: Times, stop: Times, impulses: Sequence[Times] = ()
) -> ObservedArc:
    """Fit of the mean latitude argument over [start, stop]: offset, rate, density, a step of the semi-major axis at each of `impulses`; and of the node.

    `motion` begins at or before `start`. Daily and half-daily waves, of the tesseral terms, are fitted along. Sigma from the residuals, as if each
    revolution were one independent measurement.
    """
    inside = [item for item in impulses if start.tai_ns[0] < item.tai_ns[0] < stop.tai_ns[0]]
    inside.sort(key=lambda item: int(item.tai_ns[0]))
    edges = [start, *inside, stop]
    pieces = list(itertools.pairwise(edges))
    shortest = min(float((after - before)[0]) for before, after in pieces)
    if shortest < _SHORTEST_S:
        raise OrbitError(
            f"{orbit.source}: {shortest / 3600:.2f} h of ephemeris on one side of a manoeuvre or in all; two revolutions are wanted, give a longer orbit"
        )
    span_s = float((stop - start)[0])
    sample_s = np.arange(0.0, span_s, _SAMPLE_S)
    first, last = (mean_of_arc(orbit, *pieces[place]) for place in (0, -1))
    fit = _fitted(orbit, motion, motion.moved(first, float((start - first.times)[0])), sample_s, inside)
    density, sigma = fit.density
    if sigma < _WORST_DENSITY and density > 0:
        motion = motion.scaled(density)
    corrections = (0.0, 0.0)
    if span_s > _RATE_S:
        ends = float((last.times - start)[0]) + _HALF_STEP_S * np.array([-1.0, 1.0])
        back, forth = (motion.moved(last, step) for step in (-_HALF_STEP_S, _HALF_STEP_S))
        seen = np.diff(np.interp(ends, sample_s, fit.latitude_argument))[0]
        told = forth.latitude_argument_rad[0] - back.latitude_argument_rad[0]
        corrections = (float(seen - told) / (2.0 * _HALF_STEP_S), fit.node_rate_rads)
    end = motion.moved(last, float((stop - last.times)[0]))
    rate = float(secular_rates(end, motion.j4)[2][0]) + corrections[0]
    end_u = fit.latitude_argument[-1] + rate * (span_s - sample_s[-1])
    end = replace(end, latitude_argument_rad=np.array([end_u]))
    return ObservedArc(
        end, corrections, *fit.density, fit.rises_m, fit.rise_sigmas_m, fit.residual_rms_m, span_s
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Fit:
    latitude_argument: Array
    """Without the waves."""
    node_rate_rads: float
    """Of the node, beyond the theory."""
    density: tuple[float, float]
    rises_m: Array
    rise_sigmas_m: Array
    residual_rms_m: float


def _fitted(orbit: Orbit, motion: MeanMotion, first: MeanElements, sample_s: Array, impulses: Sequence[Times]) -> _Fit:
    """`first` is at the first sample."""
    seen = mean_elements(orbit.at(first.times + sample_s))
    model = motion.coast(first, sample_s)
    a, rate = float(first.semi_major_axis_m[0]), float(secular_rates(first, motion.j4)[2][0])
    columns = [np.ones_like(sample_s)]
    columns += [-1.5 * rate / a * np.clip(sample_s - float((item - first.times)[0]), 0.0, None) for item in impulses]
    columns += [sample_s] if sample_s[-1] > _RATE_S else []
    denser = motion.scaled(1.0 + _DENSER).coast(first, sample_s)
    by_density = (denser.latitude_argument_rad - model.latitude_argument_rad) / _DENSER
    dense = bool(sample_s[-1] > _DENSITY_S and np.abs(by_density).max() > 0)
    columns += [by_density] if dense else []
    waves = _waves(motion.node_longitude(seen)) if sample_s[-1] > _WAVES_S else []
    design = np.stack([*columns, *waves], axis=1)
    residual = _beyond(seen.latitude_argument_rad, model.latitude_argument_rad)
    found, sigma, left = _least_squares(design, residual, sample_s[-1] * rate / _TURN - len(columns))
    known, burns = len(columns), slice(1, 1 + len(impulses))
    node = _least_squares(np.stack([columns[0], sample_s, *waves], axis=1), _beyond(seen.node_rad, model.node_rad), 1.0)
    return _Fit(
        model.latitude_argument_rad + design[:, :known] @ found[:known],
        float(node[0][1]),
        (1.0 + float(found[known - 1]), float(sigma[known - 1])) if dense else (np.nan, np.nan),
        found[burns],
        sigma[burns],
        float(np.sqrt(np.mean(left**2)) * a),
    )


def _beyond(seen: Array, model: Array) -> Array:
    residual = np.unwrap(seen) - model
    beyond: Array = residual - _TURN * np.rint(residual[0] / _TURN)
    return beyond


def _least_squares(design: Array, residual: Array, independent: float) -> tuple[Array, Array, Array]:
    """Parameters, their sigma as if `independent` of the samples were, and what is left."""
    size = np.abs(design).max(axis=0)
    scaled = design / size
    found = np.linalg.lstsq(scaled, residual, rcond=1e-12)[0]
    left = residual - scaled @ found
    variance = np.diag(np.linalg.pinv(scaled.T @ scaled)) * np.sum(left**2) / max(independent, 1.0)
    return found / size, np.sqrt(variance) / size, left


def _waves(longitude: Array) -> list[Array]:
    return [function(order * longitude) for order in (1, 2) for function in (np.cos, np.sin)]
