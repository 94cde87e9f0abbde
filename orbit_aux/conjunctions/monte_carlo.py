"""Probability of collision by drawing both orbits: elements from their Gaussians, Keplerian motion, the first passage within the hard-body radius."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from orbit_aux.conjunctions.encounter import Encounter, elements_of
from orbit_aux.conjunctions.flux import Flux
from orbit_aux.constants import EARTH_MU_M3S2
from orbit_aux.errors import OrbitError

Array = NDArray[np.float64]

#: confidence of the interval
CONFIDENCE = 0.95
_BLOCK = 100_000
# looks at the distance in a revolution, and at least; twice its frequency is the fastest in relative motion
_LOOKS_A_REVOLUTION, _FEWEST_LOOKS = 96, 5
# samples times looks that a number of samples chosen here may cost: some ten seconds
_MOST_LOOKS = 1.5e7
_MOST, _FEWEST = 2_000_000, 50_000
# what of the flux lies outside the stretch that is looked at
_OUTSIDE = 1e-7


@dataclass(frozen=True, eq=False)
class MonteCarlo:
    """Samples drawn, those that collide, their share with its interval (Clopper & Pearson), and the median time (s) of the first passage."""

    samples: int
    hits: int
    probability: float
    low: float
    high: float
    confidence: float
    seed: int
    median_s: float


def wanted_samples(flux: Flux, window_s: tuple[float, float], period_s: float, accuracy: float = 0.02) -> int:
    """Samples for a relative standard deviation of `accuracy`, within what is affordable; 0 where fewer than 25 of them would collide."""
    looks = len(_looks(flux, window_s, period_s))
    most = min(_MOST, int(_MOST_LOOKS / looks))
    probability = min(flux.probability, 0.99)
    if probability * most < 25:
        return 0
    return int(np.clip((1.0 - probability) / (probability * accuracy**2), min(_FEWEST, most), most))


def monte_carlo(
    encounter: Encounter, window_s: tuple[float, float], samples: int, flux: Flux, seed: int = 1
) -> MonteCarlo:
    """Draw `samples` pairs of orbits and count those that come within the radius between two times (s), looking where `flux` says that they may."""
    from orbit_aux.conjunctions.encounter_kernel import count_passages

    if not 1 <= samples <= 10**9:
        raise OrbitError(f"{samples} samples: give 1 to 1e9")
    elements = elements_of(encounter)
    roots = [_root(matrix) for matrix in elements.covariances]
    looks = _looks(flux, window_s, encounter.shortest_period_s)
    source = np.random.default_rng(seed)
    hits, moments = 0, []
    for first in range(0, samples, _BLOCK):
        count = min(_BLOCK, samples - first)
        drawn = [
            mean + source.standard_normal((count, 6)) @ root.T for mean, root in zip(elements.means, roots, strict=True)
        ]
        times = np.empty(count)
        hits += count_passages(drawn[0], drawn[1], EARTH_MU_M3S2, looks, encounter.radius_m, times)
        moments.append(times[np.isfinite(times)])
    low, high = interval(hits, samples)
    moment = np.concatenate(moments)
    median = float(np.median(moment)) if len(moment) else math.nan
    return MonteCarlo(samples, hits, hits / samples, low, high, CONFIDENCE, seed, median)


def interval(hits: int, samples: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Bounds of a share, which the true one leaves at most as often as `confidence` says (Clopper & Pearson 1934)."""
    tail = 0.5 * (1.0 - confidence)
    low = 0.0 if hits == 0 else float(beta.ppf(tail, hits, samples - hits + 1))
    high = 1.0 if hits == samples else float(beta.ppf(1.0 - tail, hits + 1, samples - hits))
    return low, high


def _looks(flux: Flux, window_s: tuple[float, float], period_s: float) -> Array:
    """Times at which distances are looked at, over the stretch of the window in which entries may happen."""
    low, high = window_s
    entered = np.cumsum(flux.rates * np.gradient(flux.times_s))
    if entered[-1] > 0:
        inside = np.flatnonzero((entered > _OUTSIDE * entered[-1]) & (entered < (1.0 - _OUTSIDE) * entered[-1]))
        begin, end = flux.times_s[[inside[0], inside[-1]]] if len(inside) else (low, high)
        margin = 0.25 * (end - begin) + 1e-3
        low, high = (low if flux.inside_at_start > 0 else max(low, begin - margin)), min(high, end + margin)
    count = max(_FEWEST_LOOKS, math.ceil(_LOOKS_A_REVOLUTION * (high - low) / period_s) + 1)
    return np.linspace(low, high, count)


def _root(matrix: Array) -> Array:
    """A root of a covariance, which may be singular, taken of its correlations: elements differ by ten orders of magnitude."""
    sigma = np.sqrt(np.clip(np.diag(matrix), 0.0, None))
    scale = np.where(sigma > 0, sigma, 1.0)
    values, vectors = np.linalg.eigh(matrix / np.outer(scale, scale))
    root: Array = scale[:, None] * vectors * np.sqrt(np.clip(values, 0.0, None))
    return root
