"""Probability of collision in the encounter plane: a Gaussian over a disk, and its largest value over the scale of the covariance.

The relative motion is taken as straight and uniform and its velocity as known (Foster & Estes 1992; Alfano 2005). Whether that may be is judged in `usage`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import erfc

from orbit_aux.errors import OrbitError

Array = NDArray[np.float64]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(20)
_FEW_NODES, _FEW_WEIGHTS = np.polynomial.legendre.leggauss(8)
# a Gaussian of double precision ends at 38.6 standard deviations
_REACH = np.arange(-39.0, 40.0)
# Mahalanobis distances at which the scale of a covariance is looked for
_DECADES = np.linspace(-3.0, 3.0, 121)


@dataclass(frozen=True, eq=False)
class EncounterPlane:
    """The plane normal to the relative velocity, in the principal axes of the covariance there, larger first.

    `axes` (2, 3): rows are its axes in the frame of the input; `miss_m` (2,), `sigma_m` (2,).
    """

    axes: Array
    miss_m: Array
    sigma_m: Array


@dataclass(frozen=True)
class Maximum:
    """The largest probability over the factor on the standard deviations, and that factor; below 1 the covariance dilutes the probability."""

    probability: float
    scale: float

    @property
    def diluted(self) -> bool:
        """Whether a smaller covariance would give a larger probability: more tracking could raise it."""
        return self.scale < 1.0


def encounter_plane(relative_position_m: Array, relative_velocity_ms: Array, covariance_m2: Array) -> EncounterPlane:
    """The encounter plane of a relative state with the summed position covariance (3, 3); negative variances in it become 0."""
    along = np.asarray(relative_velocity_ms, dtype=np.float64)
    speed = float(np.linalg.norm(along))
    if not speed > 0:
        raise OrbitError(f"relative velocity {along} m/s: without one there is no encounter plane; use the 3-D method")
    along = along / speed
    first = np.cross(along, np.eye(3)[int(np.argmin(np.abs(along)))])
    first /= np.linalg.norm(first)
    frame = np.stack([first, np.cross(along, first)])
    variances, turned = np.linalg.eigh(frame @ covariance_m2 @ frame.T)
    axes = turned.T[::-1] @ frame
    return EncounterPlane(axes, axes @ relative_position_m, np.sqrt(np.clip(variances[::-1], 0.0, None)))


def probability_2d(miss_m: Array, sigma_m: Array, radius_m: float) -> float:
    """Probability that a Gaussian about `miss_m` (2,) with standard deviations `sigma_m` (2,) along the same axes lies within `radius_m` of the origin.

    P = 1/(sqrt(2 pi) sx) ∫ [Phi((h - y)/sy) - Phi((-h - y)/sy)] exp(-(u - x)²/2sx²) du, h² = R² - u² (Alfano 2005), by Gauss-Legendre in the angle
    between breaks at each standard deviation: to 1e-10 relative down to 1e-300. A standard deviation may be 0; R = 0 gives 0.
    """
    (x, y), (sx, sy) = (np.abs(np.asarray(item, dtype=np.float64)) for item in (miss_m, sigma_m))
    if not (np.isfinite([x, y, sx, sy, radius_m]).all() and radius_m >= 0):
        raise OrbitError(
            f"miss {miss_m} m, sigma {sigma_m} m, radius {radius_m} m: give finite values, no negative radius"
        )
    if sx < sy:
        x, y, sx, sy = y, x, sy, sx
    if radius_m == 0:
        return 0.0
    if sx == 0:
        return 1.0 if math.hypot(x, y) < radius_m else 0.0
    if sy == 0:
        half = math.sqrt(max(radius_m**2 - y**2, 0.0))
        return float(_between(np.array([(-half - x) / sx]), np.array([(half - x) / sx]))[0])
    ends = _breaks(x, y, sx, sy, radius_m)
    middle, half_width = 0.5 * (ends[1:] + ends[:-1]), 0.5 * np.diff(ends)
    angle = (middle[:, None] + half_width[:, None] * _NODES).ravel()
    weight = (half_width[:, None] * _WEIGHTS).ravel()
    height = radius_m * np.cos(angle)
    density = np.exp(-0.5 * ((radius_m * np.sin(angle) - x) / sx) ** 2)
    values = _between((-height - y) / sy, (height - y) / sy) * density * height
    total: float = float(values @ weight) / (math.sqrt(2.0 * math.pi) * sx)
    return float(min(1.0, total))


def maximum_probability(miss_m: Array, sigma_m: Array, radius_m: float) -> Maximum:
    """The largest probability when both standard deviations are multiplied by one factor (Alfano 2005)."""
    miss, sigma = np.asarray(miss_m, dtype=np.float64), np.asarray(sigma_m, dtype=np.float64)
    if radius_m == 0 or not sigma.any():
        return Maximum(probability_2d(miss, sigma, radius_m), 1.0)
    if np.linalg.norm(miss) <= radius_m:
        return Maximum(1.0, 0.0)
    # a flat ellipse: what matters is the miss in units of the standard deviation
    distance = float(np.linalg.norm(miss / np.maximum(sigma, 1e-12 * sigma.max())))
    centre = math.log10(distance / math.sqrt(2.0))

    def lost(power: float) -> float:
        value = probability_2d(miss, sigma * 10.0**power, radius_m)
        return -math.log(value) if value > 0 else 1e6

    powers = centre + _DECADES
    best = int(np.argmin([lost(power) for power in powers]))
    low, high = powers[max(best - 1, 0)], powers[min(best + 1, len(powers) - 1)]
    found = minimize_scalar(lost, bounds=(low, high), method="bounded", options={"xatol": 1e-7})
    return Maximum(math.exp(-float(found.fun)), 10.0 ** float(found.x))


def unknown_covariance_maximum(miss_m: float, radius_m: float) -> float:
    """The largest probability over all round covariances, for a miss distance alone."""
    return maximum_probability(np.array([miss_m, 0.0]), np.ones(2), radius_m).probability


def _breaks(x: float, y: float, sx: float, sy: float, radius_m: float) -> Array:
    """Angles between which the integrand is smooth on the scale of the interval."""
    along = x + _REACH * sx
    heights = np.concatenate([y + _REACH * sy, -y + _REACH * sy])
    heights = heights[(heights > 0) & (heights < radius_m)]
    turns = np.arccos(heights / radius_m)
    inside = np.arcsin(along[np.abs(along) < radius_m] / radius_m)
    return np.unique(np.concatenate([np.linspace(-0.5 * np.pi, 0.5 * np.pi, 9), inside, turns, -turns]))


def _between(lower: Array, upper: Array) -> Array:
    """Probability of a normal variate between two bounds, without cancellation."""
    # both on the same side: the tail that is small
    flip = lower + upper > 0
    low, high = np.where(flip, lower, -upper), np.where(flip, upper, -lower)
    tails: Array = 0.5 * (erfc(low / math.sqrt(2.0)) - erfc(high / math.sqrt(2.0)))
    middle, half = 0.5 * (low + high), 0.5 * (high - low)
    close = half * (1.0 + np.abs(middle)) < 0.5
    if close.any():
        points = middle[close, None] + half[close, None] * _FEW_NODES
        tails[close] = np.exp(-0.5 * points**2) @ _FEW_WEIGHTS * half[close] / math.sqrt(2.0 * math.pi)
    return tails
