"""Positions as a receiver on board would give them, from a true orbit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from orbit_aux.errors import OrbitError
from orbit_aux.frames import State
from orbit_aux.low.fixes import PositionFixes


def simulate_fixes(
    truth: State,
    seed: int,
    *,
    sigma_m: float = 1.5,
    correlation_s: float = 0.0,
    outlier_share: float = 0.01,
    outlier_m: float = 200.0,
    gaps_s: Sequence[tuple[float, float]] = (),
    stated: bool = True,
) -> PositionFixes:
    """Fixes at the times of `truth`, each axis off by `sigma_m`, white or with an exponential correlation over `correlation_s`.

    A share of them is wild by `outlier_m` (standard deviation), those within `gaps_s` (seconds after the first time) are missing. `stated`: sigma is given.
    """
    if not (sigma_m > 0 and correlation_s >= 0 and 0 <= outlier_share < 0.5):
        raise OrbitError(
            f"fixes of {sigma_m} m, correlated over {correlation_s} s, {outlier_share} wild: correct these"
        )
    rng = np.random.default_rng(seed)
    place = truth.to("ITRF").position_m
    elapsed = truth.times - truth.times[0]
    error = rng.normal(size=place.shape)
    if correlation_s > 0:
        memory = np.exp(-np.diff(elapsed) / correlation_s)
        for row, share in enumerate(memory.tolist(), start=1):
            error[row] = share * error[row - 1] + np.sqrt(1.0 - share**2) * error[row]
    error *= sigma_m
    wild = rng.random(len(place)) < outlier_share
    error[wild] += rng.normal(size=(int(wild.sum()), 3)) * outlier_m
    kept = np.ones(len(place), dtype=bool)
    for begin, end in gaps_s:
        kept &= ~((elapsed >= begin) & (elapsed < end))
    sigma = np.full(len(place), sigma_m if stated else 0.0)
    return PositionFixes(truth.times[kept], (place + error)[kept], sigma[kept], f"simulated, seed {seed}")
