"""The rate of a spinning antenna from what it leaves in the residuals of counted Doppler."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from orbit_aux.burns.count_kernels import antenna_axes, states_at
from orbit_aux.burns.counts import Counts
from orbit_aux.burns.fit import Fit
from orbit_aux.burns.model import FORCE
from orbit_aux.compiled import compiled_fast

Array = NDArray[np.float64]

# a slower turn is no spin, and would be taken for dynamics
_LONGEST_PERIOD_S = 60.0
# trial rates per width of a line, and the length over which all rates are tried
_OVERSAMPLING = 4.0
_WINDOW_S = 240.0
# how much better than the best of so many chance lines a line must be (chi-square)
_CLEAR = 25.0
_FEWEST = 15
# residuals beyond so many sigmas are gross errors, not a spin
_WILD = 150.0
# trial rates times counts of one search
_TRIALS = 1.5e6


def find_spin(fit: Fit, counts: Counts) -> tuple[float, float] | None:
    """Spin rate (rad/s) and a time (s) at which its angle may count from, or None where no line stands out of the residuals of `fit`.

    All rates are tried on the latest minutes, and if none stands out there on a longer time; then the best one is sharpened on twice the
    length again and again, so that its angle never slips. Rates beyond the sampling rate mean the same counts as slower turns.
    """
    stop = counts.tags[: fit.count, 1]
    doppler = (counts.interval[: fit.count] > 0) & (np.abs(fit.residuals) < _WILD)
    if doppler.sum() < _FEWEST:
        return None
    terms = _terms(fit, counts)
    shortest = float(np.min(counts.interval[: fit.count][doppler]))
    for length in _lengths(stop, doppler, shortest):
        step = 2.0 * math.pi / (_OVERSAMPLING * length)
        bottom = max(2.0 * math.pi / _LONGEST_PERIOD_S, 5.0 * math.pi / length)
        rates = np.arange(bottom, 2.0 * math.pi / shortest, step)
        window = doppler & (stop >= stop[-1] - length)
        if len(rates) < 3 or window.sum() < _FEWEST:
            continue
        gain, left = _line(rates, terms, window)
        if gain.max() > (_CLEAR + 2.0 * math.log(len(rates))) * left:
            return _sharpened(float(rates[np.argmax(gain)]), step, length, terms, doppler), float(stop[-1])
    return None


def _lengths(stop: Array, doppler: NDArray[np.bool_], shortest: float) -> list[float]:
    """The latest minutes, and the longest time for which trying all rates stays quick."""
    whole = max(float(stop[-1] - stop[0]), 1.0)
    density = float(doppler.sum()) / whole * _OVERSAMPLING / shortest
    quick = min(whole, math.sqrt(_TRIALS / density))
    return [min(_WINDOW_S, whole), quick] if quick > 1.5 * _WINDOW_S else [min(_WINDOW_S, whole)]


def _sharpened(rate: float, step: float, length: float, terms: Array, doppler: NDArray[np.bool_]) -> float:
    stop = terms[:, 2]
    whole = float(stop[-1] - stop[0])
    while True:
        window = doppler & (stop >= stop[-1] - length)
        rates = rate + np.linspace(-1.5, 1.5, 31) * step
        rate = float(rates[np.argmax(_line(rates, terms, window)[0])])
        if length >= whole:
            return rate
        step *= 0.25
        length = min(2.0 * length, whole)


def _line(rates: Array, terms: Array, window: NDArray[np.bool_]) -> tuple[Array, float]:
    """Fall of chi-square by a line at each rate, and the chi-square per residual that the best of them leaves."""
    part = np.ascontiguousarray(terms[window])
    gain = _periodogram(rates, part)
    total = float(np.sum(part[:, 0] ** 2))
    return gain, max((total - float(gain.max())) / max(len(part) - 3, 1), 1.0)


def _terms(fit: Fit, counts: Counts) -> Array:
    """Columns: residual (sigmas), start, stop (s), then the antenna axes seen along both legs at the start and at the stop, over sigma."""
    reference, n = fit.reference, fit.count
    parameters = fit.parameters
    terms = np.empty((n, 7))
    terms[:, 0] = fit.residuals
    terms[:, 1:3] = counts.tags[:n]
    work = np.zeros((6, 3))
    share = 0.5 / np.maximum(counts.interval[:n], 1e-9) / counts.sigma[:n]
    for end in range(2):
        states = states_at(reference.times, reference.nodes, counts.tags[:n, end])[:, :, 0]
        axes = _axes(parameters, reference.model.frame, states, work)
        sight = np.zeros((n, 3))
        for leg in range(2):
            line = states[:, :3] - counts.legs[:n, end, leg, :3]
            sight += line / np.sqrt(np.sum(line**2, axis=1))[:, None]
        terms[:, 3 + 2 * end : 5 + 2 * end] = np.einsum("nak,nk->na", axes, sight) * share[:, None]
    return terms


def _axes(parameters: Array, frame: NDArray[np.int64], states: Array, work: Array) -> Array:
    if frame[0] == 0 or not parameters[FORCE].any():
        antenna_axes(parameters, frame, states[0], work)
        return np.broadcast_to(work[:2], (len(states), 2, 3))
    axes = np.empty((len(states), 2, 3))
    for n, state in enumerate(states):
        antenna_axes(parameters, frame, state, work)
        axes[n] = work[:2]
    return axes


@compiled_fast
def _periodogram(rates: Array, terms: Array) -> Array:
    gain = np.empty(len(rates))
    for k in range(len(rates)):
        aa, ab, bb, ay, by = 0.0, 0.0, 0.0, 0.0, 0.0
        for n in range(len(terms)):
            first, last = rates[k] * terms[n, 1], rates[k] * terms[n, 2]
            c0, s0, c1, s1 = math.cos(first), math.sin(first), math.cos(last), math.sin(last)
            a = c1 * terms[n, 5] + s1 * terms[n, 6] - c0 * terms[n, 3] - s0 * terms[n, 4]
            b = c1 * terms[n, 6] - s1 * terms[n, 5] - c0 * terms[n, 4] + s0 * terms[n, 3]
            aa, ab, bb = aa + a * a, ab + a * b, bb + b * b
            ay, by = ay + a * terms[n, 0], by + b * terms[n, 0]
        determinant = aa * bb - ab * ab
        gain[k] = (
            (bb * ay * ay - 2.0 * ab * ay * by + aa * by * by) / determinant if determinant > 1e-9 * aa * bb else 0.0
        )
    return gain
