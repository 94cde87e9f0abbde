"""From the Moon to the focal plane: the spread of a point, and light that goes astray. Both conserve flux."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import convolve1d
from scipy.special import erf


def spread(image: np.ndarray, sigma: tuple[float, float], box: float = 0.0) -> np.ndarray:
    """The image (line, column) blurred by a Gaussian of `sigma` (lines, columns) and, along the lines, by a box of `box` lines."""
    for axis, (width, extent) in enumerate(((sigma[0], box), (sigma[1], 0.0))):
        kernel = _kernel(width, extent)
        if kernel.size > 1:
            image = convolve1d(image, kernel, axis=axis, mode="constant")
    return image


def _kernel(sigma: float, box: float) -> np.ndarray:
    """Weights, sum one, of a Gaussian of `sigma` samples convolved with a box of `box` samples."""
    reach = int(np.ceil(5 * sigma + box / 2))
    x = np.arange(-reach, reach + 1, dtype=float)
    if sigma < 0.05:
        weights = np.clip(np.minimum(x + 0.5, box / 2) - np.maximum(x - 0.5, -box / 2), 0, None)
        weights = weights if box > 0 else (x == 0).astype(float)
    elif box < 0.05:
        weights = np.exp(-0.5 * (x / sigma) ** 2)
    else:
        weights = erf((x + box / 2) / (np.sqrt(2) * sigma)) - erf((x - box / 2) / (np.sqrt(2) * sigma))
    return np.asarray(weights / weights.sum())
