"""Rauch-Tung-Striebel smoothing of a filter's steps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def smooth(
    filtered: Array, covariances: Array, transitions: Array, noises: Array, predicted: Array
) -> tuple[Array, Array]:
    """Smoothed states (n, m) and covariances (n, m, m) of a filter that predicts step k + 1 as `predicted[k]` (n - 1, m).

    filtered states and covariances (n), transitions and process noises (n - 1) from step k to k + 1. The gain is written as
    Φ⁻¹ (I - Q P⁻¹), P the predicted covariance, which stays exact where there is no noise and P is nearly singular; components are scaled by their sigmas.
    """
    states, matrices = filtered.copy(), covariances.copy()
    identity = np.eye(filtered.shape[1])
    for k in range(len(filtered) - 2, -1, -1):
        transition, noise = transitions[k], noises[k]
        ahead = transition @ covariances[k] @ transition.T + noise
        gain = np.linalg.inv(transition)
        if noise.any():
            scale = np.sqrt(np.diag(ahead))
            correlation = ahead / np.outer(scale, scale)
            share = np.linalg.lstsq(correlation, (noise / np.outer(scale, scale)), rcond=1e-13)[0].T
            gain = gain @ (identity - share * np.outer(scale, 1.0 / scale))
        rest = identity - gain @ transition
        states[k] = filtered[k] + gain @ (states[k + 1] - predicted[k])
        matrix = rest @ covariances[k] @ rest.T + gain @ (noise + matrices[k + 1]) @ gain.T
        matrices[k] = 0.5 * (matrix + matrix.T)
    return states, matrices
