"""What the mountains of the limb hide from a fit to half of it: long waves of height look like another centre and other axes, and leave no residual."""

from __future__ import annotations

import numpy as np

_RAYS = 180
#: heights fall with the number of waves around the disk, as those of the Moon do; a single wave is a displaced centre
_WAVES = 90
#: ellipse and blur
_UNKNOWNS = 6


def hidden_relief(sun_angle_rad: float, half_angle_rad: float, stretches: int) -> np.ndarray:
    """Covariance of (column, scan, both axes) [disk radii²] that heights of the limb of unit rms leave in a fit, beyond what the residuals of its stretches
    tell: shape (4, 4).

    Least squares on rays within `half_angle_rad` of the Sun; the heights along them are a stationary series whose amplitude falls as one over the number of
    waves, from two on. With P the fit, K the covariance of the heights and e the variance of whole stretches that the residuals show on average, what is
    hidden is P K P' - e (A'A)^-1, where that is positive.
    """
    step = np.linspace(-half_angle_rad, half_angle_rad, _RAYS)
    cos, sin = np.cos(sun_angle_rad + step), np.sin(sun_angle_rad + step)
    design = np.stack([cos, sin, cos**2, sin**2], axis=1)
    normal = np.linalg.inv(np.einsum("ni,nj->ij", design, design))
    fit = np.einsum("ij,nj->in", normal, design)
    waves = np.arange(2, _WAVES + 1)
    power = waves**-2.0 / np.sum(waves**-2.0)
    ray = np.arange(_RAYS)
    # rays are evenly spaced: the heights of two are alike by their distance
    heights = np.einsum("w,wn->n", power, np.cos(np.outer(waves, step - step[0])))[np.abs(ray[:, None] - ray)]
    every = np.einsum("in,nm,jm->ij", fit, heights, fit, optimize=True)
    left = np.eye(_RAYS) - np.einsum("ni,im->nm", design, fit)
    means = np.zeros((stretches, _RAYS))
    for row, group in zip(means, np.array_split(np.arange(_RAYS), stretches), strict=True):
        row[group] = len(group) ** -0.5
    shown = np.einsum("sn,nm->sm", means, left)
    excess = np.einsum("sn,nm,sm->", shown, heights, shown, optimize=True) / max(stretches - _UNKNOWNS, 1)
    values, vectors = np.linalg.eigh(every - excess * normal)
    return np.asarray(np.einsum("ik,k,jk->ij", vectors, np.maximum(values, 0.0), vectors))
