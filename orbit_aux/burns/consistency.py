"""Do errors and covariances agree? Bands of chi-square for normalised innovations (NIS) and errors (NEES)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def mean_band(count: int, dimension: int = 1, probability: float = 0.95) -> tuple[float, float]:
    """Between which bounds the mean of `count` normalised squares of `dimension` components lies with `probability`, if the filter is right."""
    from scipy.stats import chi2

    degrees = max(count * dimension, 1)
    tail = 0.5 * (1.0 - probability)
    low, high = chi2.ppf([tail, 1.0 - tail], degrees)
    return float(low) / max(count, 1), float(high) / max(count, 1)


def normalised_error(error: Array, covariance: Array) -> Array:
    """NEES of errors (n, k) by covariances (n, k, k): eᵀ P⁻¹ e, each (n,). The scales of the components may differ by orders."""
    scale = np.sqrt(np.diagonal(covariance, axis1=-2, axis2=-1))
    ratio = error / scale
    correlation = covariance / (scale[..., :, None] * scale[..., None, :])
    result: Array = np.einsum("...i,...i->...", ratio, np.linalg.solve(correlation, ratio[..., None])[..., 0])
    return result
