"""Expected number of collisions in three dimensions: the flux of an uncertain relative state through the hard-body sphere, over the time of the encounter.

After Coppola (AAS 12-247) and Hall (JSSR 2021): each object's elements are Gaussian, its motion Keplerian. At each instant both are linearised where
their densities overlap most on the sphere, so that curved clouds of uncertainty are followed.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orbit_aux.conjunctions.collision import probability_2d
from orbit_aux.conjunctions.encounter import Elements, Encounter, elements_of
from orbit_aux.conjunctions.two_body import state_derivatives, states_of
from orbit_aux.errors import OrbitError

Array = NDArray[np.float64]

_ROUNDS = 60
_OVERLAP_ITERATIONS = 15
# standard deviations below this part of the radius are raised to it: of second order in the probability
_SHARPEST = 0.02
# the quadrature is chosen by how many times the least standard deviation goes into the radius
_FINENESS = (4.0, 8.0, 16.0, 32.0, 50.5)
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(2)
# what of the logarithm of the rate may change between two times, and how far below its top it still counts
_STEP, _DEPTH = 0.8, 32.0
# no interval lets in more than this part of all, unless there are too many
_SHARE, _MOST, _MOST_RATES = 0.04, 1200, 400
# the logarithm of what is nothing; a passage is over when the density has fallen by 1e-6
_NOTHING, _OVER = 1e6, 14.0


@dataclass(frozen=True, eq=False)
class Flux:
    """Expected number of entries, with the probability of being inside at the beginning of the window; its rate (1/s) at times (s)."""

    expected: float
    inside_at_start: float
    times_s: Array
    rates: Array

    @property
    def probability(self) -> float:
        """Of a collision: entries are at least as many, and the same where nobody enters twice."""
        return min(1.0, self.expected)


def expected_collisions(encounter: Encounter, window_s: tuple[float, float]) -> Flux:
    """The expected number of collisions between two times (s from the encounter's instant)."""
    low, high = window_s
    if not (np.isfinite([low, high]).all() and low < high):
        raise OrbitError(f"window {low} to {high} s: give a beginning before its end")
    if encounter.radius_m == 0 or not encounter.covariance.any():
        raise OrbitError("the flux needs a radius and a covariance: give them, or use the miss distance")
    elements = elements_of(encounter)
    radius = encounter.radius_m
    times = _closed_in(elements, low, high, radius)
    times = _refined(elements, times, radius)
    middle, half = 0.5 * (times[1:] + times[:-1]), 0.5 * np.diff(times)
    points = (middle[:, None] + half[:, None] * _NODES).ravel()
    rates = _rates(elements, points, radius)
    inside = _inside(elements, low, radius)
    return Flux(float(rates @ (half[:, None] * _WEIGHTS).ravel()) + inside, inside, points, rates)


def encounter_window(encounter: Encounter) -> tuple[float, float]:
    """Half a revolution about the encounter's instant; an end that cuts a passage is moved to where that passage is over, if it is so within a revolution."""
    elements, radius, period = elements_of(encounter), encounter.radius_m, encounter.shortest_period_s
    times = _closed_in(elements, -0.5 * period, 0.5 * period, radius, depth=np.inf)
    levels = _log_overlap(elements, times, radius)
    inner = levels[np.abs(times) <= 0.25 * period].max()
    ends = []
    for sign in (-1.0, 1.0):
        outer = sign * times >= 0.25 * period
        out, level = times[outer][:: int(sign)], levels[outer][:: int(sign)]
        over = np.flatnonzero(level < np.maximum.accumulate(np.append(inner, level))[1:] - _OVER)
        cut = len(level) > 0 and level[0] > inner - _OVER
        ends.append(float(out[over[0]]) if cut and len(over) else sign * 0.25 * period)
    return ends[0], ends[1]


def _closed_in(elements: Elements, low: float, high: float, radius: float, depth: float = _DEPTH + 20.0) -> Array:
    """Times between two, dense where the densities overlap."""
    reach = max(abs(low), abs(high))
    scales = np.geomspace(1e-4, reach, 40)
    times = np.concatenate([np.linspace(low, high, 97), -scales, [0.0], scales])
    times = np.unique(times[(times >= low) & (times <= high)])
    values = _log_overlap(elements, times, radius)
    for _ in range(_ROUNDS):
        wanted = _steep(times, values, 1.5, min(depth, _DEPTH + 20.0))
        if not wanted.any() or len(times) > _MOST:
            break
        times, values = _halved(times, values, wanted, lambda at: _log_overlap(elements, at, radius))
    kept = values > values.max() - depth
    kept[1:] |= kept[:-1].copy()
    kept[:-1] |= kept[1:].copy()
    dense: Array = times[kept]
    return dense


def _refined(elements: Elements, times: Array, radius: float) -> Array:
    """Times between which the rate of entry changes little, or little enters."""
    values = _log(_rates(elements, times, radius))
    for _ in range(_ROUNDS):
        entering = np.exp(np.maximum(values[1:], values[:-1]) - values.max()) * np.diff(times)
        wanted = _steep(times, values, _STEP, _DEPTH) | (entering > _SHARE * entering.sum())
        if not wanted.any() or len(times) > _MOST_RATES:
            break
        times, values = _halved(times, values, wanted, lambda at: _log(_rates(elements, at, radius)))
    return times


def _steep(times: Array, values: Array, step: float, depth: float) -> NDArray[np.bool_]:
    """Which intervals to halve: those over which high values change by more than `step`, and those beside a top that is not yet resolved."""
    near, apart = np.maximum(values[1:], values[:-1]), np.abs(np.diff(values)) > step
    beside = np.zeros(len(times) - 1, bool)
    beside[[0, -1]] = True
    peak = np.flatnonzero((values[1:-1] >= values[:-2]) & (values[1:-1] >= values[2:])) + 1
    beside[peak] = beside[peak - 1] = True
    wide = np.diff(times) > 1e-12 * np.abs(times).max()
    chosen: NDArray[np.bool_] = apart & wide & ((near > values.max() - depth) | (beside & (near > -_NOTHING)))
    return chosen


def _halved(
    times: Array, values: Array, wanted: NDArray[np.bool_], function: Callable[[Array], Array]
) -> tuple[Array, Array]:
    added = 0.5 * (times[1:] + times[:-1])[wanted]
    order = np.argsort(np.concatenate([times, added]))
    return np.concatenate([times, added])[order], np.concatenate([values, function(added)])[order]


def _log(values: Array) -> Array:
    with np.errstate(divide="ignore"):
        return np.maximum(np.log(values), -_NOTHING)


def _overlap(elements: Elements, times: Array, radius: float) -> tuple[Array, Array]:
    """Mean (n, 6) and covariance (n, 6, 6) of the relative state, linearised where both densities overlap most at zero distance."""
    count = len(times)
    centres = np.broadcast_to(elements.means, (count, 2, 6)).copy()
    mean, covariance, active = np.empty((count, 6)), np.empty((count, 6, 6)), np.arange(count)
    sign = np.array([-1.0, 1.0])[:, None]
    for _ in range(_OVERLAP_ITERATIONS):
        about, seconds = centres[active], np.broadcast_to(times[active, None], (len(active), 2))
        states, slopes = states_of(about, seconds), state_derivatives(about, seconds)
        linear = states + np.einsum("nkij,nkj->nki", slopes, elements.means - about)
        spread = (slopes @ elements.covariances @ np.swapaxes(slopes, -1, -2)).sum(axis=1)
        apart = linear[:, 1] - linear[:, 0]
        mean[active], covariance[active] = apart, spread
        pull = np.linalg.solve(_widened(spread, _SHARPEST * radius), -apart[:, :3, None])[..., 0]
        gain = np.einsum("kij,nkmj,nm->nki", elements.covariances, slopes[:, :, :3], pull)
        wanted = elements.means + sign * gain
        # far from any overlap a step may leave the ellipses
        wanted[..., 0] = np.maximum(wanted[..., 0], 0.2 * elements.means[:, 0])
        size = np.hypot(wanted[..., 1], wanted[..., 2])
        wanted[..., 1:3] *= np.minimum(1.0, 0.95 / np.maximum(size, 1e-9))[..., None]
        change = (np.abs(wanted - about) / (np.abs(elements.means) + 1e-3)).max(axis=(1, 2))
        centres[active] = wanted
        active = active[change >= 1e-9]
        if not len(active):
            break
    return mean, covariance


def _widened(covariance: Array, sigma: float) -> Array:
    """Position covariances (n, 3, 3), their variances raised by that of `sigma`."""
    inner: Array = covariance[:, :3, :3] + sigma**2 * np.eye(3)
    return inner


def _log_overlap(elements: Elements, times: Array, radius: float) -> Array:
    """Logarithm of the density at zero distance, widened by the sphere: where it is low, nothing enters."""
    mean, covariance = _overlap(elements, times, radius)
    inner = _widened(covariance, radius)
    distance = np.einsum("ni,ni->n", mean[:, :3], np.linalg.solve(inner, mean[:, :3, None])[..., 0])
    result: Array = -0.5 * (distance + np.linalg.slogdet(inner)[1])
    return result


def _rates(elements: Elements, times: Array, radius: float) -> Array:
    """Rates of entry, 1/s, at times."""
    from orbit_aux.conjunctions.encounter_kernel import sphere_rates

    mean, covariance = _overlap(elements, times, radius)
    inner = _widened(covariance, _SHARPEST * radius)
    inverse = np.linalg.inv(inner)
    norm = -0.5 * (np.linalg.slogdet(inner)[1] + 3.0 * np.log(2.0 * np.pi))
    slope = covariance[:, 3:, :3] @ inverse
    spread = covariance[:, 3:, 3:] - slope @ covariance[:, :3, 3:]
    at_centre = mean[:, 3:] - np.einsum("nij,nj->ni", slope, mean[:, :3])
    forms = np.stack([inverse, slope, spread, _frames(at_centre)], axis=1)
    sharpness = radius / np.sqrt(np.linalg.eigvalsh(inner)[:, 0])
    rates = np.zeros(len(times))
    for fineness in _FINENESS:
        mine = np.flatnonzero(sharpness <= fineness)
        sharpness[mine] = np.nan
        if len(mine):
            half = max(12, round(1.5 * fineness))
            nodes, weights = np.polynomial.legendre.leggauss(half)
            found = np.empty(len(mine))
            disks = np.stack([np.concatenate([0.5 * nodes - 0.5, 0.5 * nodes + 0.5]), np.tile(0.5 * weights, 2)])
            turns = max(24, round(5.0 * fineness))
            sphere_rates(mean[mine], norm[mine], forms[mine], radius, disks, turns, found)
            rates[mine] = found
    return rates


def _frames(poles: Array) -> Array:
    """Right-handed axes (n, 3, 3) as rows, the last along each pole."""
    size = np.linalg.norm(poles, axis=-1, keepdims=True)
    z = np.where(size > 0, poles / np.where(size > 0, size, 1.0), np.array([0.0, 0.0, 1.0]))
    least = np.eye(3)[np.argmin(np.abs(z), axis=-1)]
    x = np.cross(z, least)
    x /= np.linalg.norm(x, axis=-1, keepdims=True)
    return np.ascontiguousarray(np.stack([x, np.cross(z, x), z], axis=-2))


def _inside(elements: Elements, time_s: float, radius: float) -> float:
    """Probability of being within the sphere at one time: disks across the longest axis of the covariance."""
    mean, covariance = _overlap(elements, np.array([time_s]), radius)
    inner = _widened(covariance, _SHARPEST * radius)[0]
    variances, vectors = np.linalg.eigh(inner)
    miss, sigma = vectors.T @ mean[0, :3], np.sqrt(variances)
    if np.sum(np.clip(np.abs(miss) - radius, 0.0, None) ** 2 / variances) > 80.0**2:
        return 0.0
    nodes, weights = np.polynomial.legendre.leggauss(24)
    edges = np.unique(np.clip(miss[2] + sigma[2] * np.arange(-10.0, 11.0), -radius, radius))
    edges = np.unique(np.concatenate([edges, [-radius, radius]]))
    total = 0.0
    for low, high in itertools.pairwise(edges):
        for node, weight in zip(nodes, weights, strict=True):
            height = 0.5 * (low + high) + 0.5 * (high - low) * node
            disk = probability_2d(miss[:2], sigma[:2], float(np.sqrt(max(radius**2 - height**2, 0.0))))
            density = np.exp(-0.5 * ((height - miss[2]) / sigma[2]) ** 2) / (sigma[2] * np.sqrt(2.0 * np.pi))
            total += 0.5 * (high - low) * weight * disk * density
    return total
