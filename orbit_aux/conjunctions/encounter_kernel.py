"""Loops over spheres and over samples of two Keplerian orbits, as machine code."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from orbit_aux.compiled import compiled

Array = NDArray[np.float64]

_HALF_ROOT = math.sqrt(0.5)
_PHI = 1.0 / math.sqrt(2.0 * math.pi)
# how finely a minimum of the distance is found, as a part of the time between two looks
_REFINEMENTS = 40
# squared eccentricity beyond which a drawn orbit is no orbit any more
_ROUNDEST = 0.998


@compiled
def sphere_rates(
    means: Array, norms: Array, forms: Array, radius: float, nodes: Array, turns: int, rates: Array
) -> None:
    """Rates (n,), 1/s, at which Gaussian relative states enter a sphere of `radius` (m), to `rates`.

    Of each state: mean (6,) of position and velocity, logarithm of the norm of the position's density, and four forms (4, 3, 3): inverse covariance of the
    position, slope of the velocity on the position, covariance of the velocity at a known position, and rows of the frame whose last axis is the pole of
    the quadrature. `nodes` (2, k): cosines of the polar angle and their weights; `turns` azimuths.
    """
    cosines, weights = nodes[0], nodes[1]
    direction, place = np.empty(3), np.empty(3)
    for i in range(len(means)):
        total = 0.0
        for j in range(len(cosines)):
            sine = math.sqrt(1.0 - cosines[j] * cosines[j])
            ring = 0.0
            for k in range(turns):
                angle = 2.0 * math.pi * (k + 0.5) / turns
                c, s = sine * math.cos(angle), sine * math.sin(angle)
                for m in range(3):
                    direction[m] = c * forms[i, 3, 0, m] + s * forms[i, 3, 1, m] + cosines[j] * forms[i, 3, 2, m]
                    place[m] = radius * direction[m] - means[i, m]
                exponent = norms[i]
                for m in range(3):
                    pulled = 0.0
                    for q in range(3):
                        pulled += forms[i, 0, m, q] * place[q]
                    exponent -= 0.5 * place[m] * pulled
                if exponent < -700.0:
                    continue
                normal, variance = 0.0, 0.0
                for m in range(3):
                    drift, spread = means[i, 3 + m], 0.0
                    for q in range(3):
                        drift += forms[i, 1, m, q] * place[q]
                        spread += forms[i, 2, m, q] * direction[q]
                    normal += direction[m] * drift
                    variance += direction[m] * spread
                ring += math.exp(exponent) * _inward(normal, variance)
            total += weights[j] * ring
        rates[i] = total * 2.0 * math.pi / turns * radius * radius


@compiled
def _inward(mean: float, variance: float) -> float:
    """Expected inward speed of a Gaussian outward speed."""
    if variance <= 0.0:
        return max(-mean, 0.0)
    sigma = math.sqrt(variance)
    ratio = mean / sigma
    if ratio < -8.0:
        return -mean
    if ratio > 8.0:
        return 0.0
    return sigma * _PHI * math.exp(-0.5 * ratio * ratio) - 0.5 * mean * math.erfc(ratio * _HALF_ROOT)


@compiled
def _state(element: Array, mu: float, elapsed: float, out: Array) -> None:
    """State of equinoctial elements with the mean longitude, `elapsed` after their epoch."""
    a, k, h, p, q = element[0], element[1], element[2], element[3], element[4]
    motion = math.sqrt(mu / a) / a
    mean = element[5] + motion * elapsed
    eccentric = mean + k * math.sin(mean) - h * math.cos(mean)
    for _ in range(30):
        s, c = math.sin(eccentric), math.cos(eccentric)
        step = (eccentric - k * s + h * c - mean) / (1.0 - k * c - h * s)
        eccentric -= step
        # Newton: what follows a step of 1e-8 is below rounding
        if abs(step) < 1e-8:
            break
    s, c = math.sin(eccentric), math.cos(eccentric)
    beta = 1.0 / (1.0 + math.sqrt(1.0 - h * h - k * k))
    one, two, both = 1.0 - h * h * beta, 1.0 - k * k * beta, h * k * beta
    speed = motion * a / (1.0 - k * c - h * s)
    x, y = a * (one * c + both * s - k), a * (two * s + both * c - h)
    vx, vy = speed * (both * c - one * s), speed * (two * c - both * s)
    scale = 1.0 / (1.0 + p * p + q * q)
    f0, f1, f2 = (1.0 + q * q - p * p) * scale, 2.0 * p * q * scale, -2.0 * p * scale
    g0, g1, g2 = 2.0 * p * q * scale, (1.0 - q * q + p * p) * scale, 2.0 * q * scale
    out[0], out[1], out[2] = x * f0 + y * g0, x * f1 + y * g1, x * f2 + y * g2
    out[3], out[4], out[5] = vx * f0 + vy * g0, vx * f1 + vy * g1, vx * f2 + vy * g2


@compiled
def _approach(first: Array, second: Array, mu: float, elapsed: float, work: Array) -> tuple[float, float]:
    """Squared distance and half its rate."""
    _state(first, mu, elapsed, work[0])
    _state(second, mu, elapsed, work[1])
    square, rate = 0.0, 0.0
    for m in range(3):
        apart = work[1, m] - work[0, m]
        square += apart * apart
        rate += apart * (work[1, 3 + m] - work[0, 3 + m])
    return square, rate


@compiled
def count_passages(first: Array, second: Array, mu: float, looks: Array, radius: float, times: Array) -> int:
    """How many of the pairs of elements (n, 6) come within `radius` (m) between the first and the last of `looks` (s); `times` (n,) gets when, else NaN.

    Between two looks a minimum of the distance lies where its rate turns positive; there it is found by regula falsi (Illinois). What is inside at the
    first look counts; a drawn orbit that is no ellipse does not.
    """
    work, bracket = np.empty((2, 6)), np.empty(4)
    limit, hits = radius * radius, 0
    for i in range(len(first)):
        times[i] = np.nan
        if not (first[i, 0] > 0.0 and second[i, 0] > 0.0):
            continue
        if max(first[i, 1] ** 2 + first[i, 2] ** 2, second[i, 1] ** 2 + second[i, 2] ** 2) > _ROUNDEST:
            continue
        before, rate_before = _approach(first[i], second[i], mu, looks[0], work)
        if before <= limit:
            times[i] = looks[0]
        for j in range(1, len(looks)):
            if not math.isnan(times[i]):
                break
            after, rate_after = _approach(first[i], second[i], mu, looks[j], work)
            if after <= limit:
                times[i] = looks[j]
            elif rate_before < 0.0 <= rate_after:
                bracket[0], bracket[1], bracket[2], bracket[3] = looks[j - 1], looks[j], rate_before, rate_after
                times[i] = _closest(first[i], second[i], mu, bracket, limit, work)
            before, rate_before = after, rate_after
        if not math.isnan(times[i]):
            hits += 1
    return hits


@compiled
def _closest(first: Array, second: Array, mu: float, bracket: Array, limit: float, work: Array) -> float:
    """When the distance is least between two times, NaN where its square is over `limit` there; `bracket`: both times and the rates at them (spoilt)."""
    side = 0
    for _ in range(_REFINEMENTS):
        low, high = float(bracket[0]), float(bracket[1])
        rate_low, rate_high = float(bracket[2]), float(bracket[3])
        middle = (low * rate_high - high * rate_low) / (rate_high - rate_low)
        square, rate = _approach(first, second, mu, middle, work)
        if square <= limit:
            return middle
        speed = 0.0
        for m in range(3):
            speed += (work[1, 3 + m] - work[0, 3 + m]) ** 2
        # what is still to be gained along the relative path, against the miss
        if rate * rate <= 1e-6 * speed * (square - limit) or high - low < 1e-9:
            break
        if rate < 0.0:
            bracket[0], bracket[2] = middle, rate
            bracket[3] *= 0.5 if side == -1 else 1.0
            side = -1
        else:
            bracket[1], bracket[3] = middle, rate
            bracket[2] *= 0.5 if side == 1 else 1.0
            side = 1
    return np.nan
