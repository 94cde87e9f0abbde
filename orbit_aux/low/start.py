"""A first orbit through positions of which some may be wild."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from orbit_aux.errors import OrbitError
from orbit_aux.low.fixes import FEWEST_FIXES

Array = NDArray[np.float64]

# over 15 minutes a polynomial of degree 7 follows a low orbit to a metre
_WINDOW_S, _DEGREE = 900.0, 7
# a speed that no orbit about the Earth inside 9000 km leaves
_SPEEDS_MS = (4e3, 11.5e3)
_TURNS = 40


def first_state(elapsed_s: Array, position_m: Array) -> tuple[float, Array]:
    """Time (s) and state (6) of the best of some short windows of inertial positions, by a polynomial of least absolute deviations."""
    best: tuple[float, float, Array] | None = None
    span = float(elapsed_s[-1] - elapsed_s[0])
    for begin in np.linspace(elapsed_s[0], elapsed_s[0] + max(min(span - _WINDOW_S, 20_000.0), 0.0), 8):
        chosen = (elapsed_s >= begin) & (elapsed_s <= begin + _WINDOW_S)
        if chosen.sum() < FEWEST_FIXES:
            continue
        middle = float(np.median(elapsed_s[chosen]))
        misfit, state = _polynomial(elapsed_s[chosen] - middle, position_m[chosen])
        fast = _SPEEDS_MS[0] < float(np.linalg.norm(state[3:])) < _SPEEDS_MS[1]
        if fast and (best is None or misfit < best[0]):
            best = misfit, middle, state
    if best is None:
        raise OrbitError(
            f"no {_WINDOW_S:.0f} s with {FEWEST_FIXES} fixes moves like a satellite: give an initial orbit, or check times and units"
        )
    return best[1], best[2]


def _polynomial(elapsed_s: Array, position_m: Array) -> tuple[float, Array]:
    degree = int(min(_DEGREE, max(2, (len(elapsed_s) - 2) // 2)))
    scale = max(float(np.abs(elapsed_s).max()), 1.0)
    powers = (elapsed_s / scale)[:, None] ** np.arange(degree + 1)
    weight: Array = np.ones(len(elapsed_s))
    coefficients: Array = np.zeros((degree + 1, 3))
    misfit = np.inf
    for _ in range(_TURNS):
        root = np.sqrt(weight)[:, None]
        coefficients = np.asarray(np.linalg.lstsq(powers * root, position_m * root, rcond=None)[0], dtype=np.float64)
        distance = np.linalg.norm(position_m - powers @ coefficients, axis=1)
        misfit = float(np.median(distance))
        # Cauchy weights from the median: what is far off loses its pull
        weight = np.asarray(1.0 / (1.0 + (distance / max(2.0 * misfit, 1e-3)) ** 2))
    return misfit, np.concatenate([coefficients[0], coefficients[1] / scale])
