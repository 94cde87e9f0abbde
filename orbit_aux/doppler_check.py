"""Doppler of another convention - sign, factor, unit - recognised from the first counts, which a start orbit predicts well."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from orbit_aux.burn_counts import Counts
from orbit_aux.burn_model import BurnModel, Reference
from orbit_aux.errors import OrbitError

Array = NDArray[np.float64]

#: what the value would have to be multiplied by, what it looks like, and the remedy
_CONVENTIONS = (
    (-1.0, "of the opposite sign", "change the sign: V > 0 when the satellite recedes"),
    (0.5, "the sum of the legs", "halve it, or say that it is the sum (mean of the legs is expected)"),
    (2.0, "half the mean of the legs", "double it"),
    (-0.5, "the sum of the legs with the opposite sign", "change the sign and halve it"),
    (-2.0, "half the mean of the legs with the opposite sign", "change the sign and double it"),
    (1e3, "in km/s", "give m/s"),
    (-1e3, "in km/s and of the opposite sign", "give m/s, V > 0 when the satellite recedes"),
    (500.0, "the sum of the legs in km/s", "halve it and give m/s"),
    (1e-3, "in mm/s", "give m/s"),
)
# a spinning antenna adds up to this, m/s
_SPIN_MS = 0.8
# medians of |difference| / sigma: beyond the first the start and the counts disagree, below the second they agree
_FAR, _NEAR = 6.0, 3.0


def refuse_wrong_convention(model: BurnModel, counts: Counts, count: int) -> None:
    """Nothing where the first `count` values, as they are, or no other reading of them agree with the start orbit; else an error that says which does."""
    reference = Reference.of(model, model.mean)
    values, rows = reference.predict(counts, 0, count)
    spread = rows @ model.root
    sigma = np.sqrt(np.sum(spread**2, axis=1) + counts.sigma[:count] ** 2 + _SPIN_MS**2)
    doppler = counts.interval[:count] > 0
    for link in np.unique(counts.link[:count][doppler]):
        mine = doppler & (counts.link[:count] == link)
        measured, expected, scatter = counts.measured[:count][mine], values[mine], sigma[mine]
        if _distance(measured, expected, scatter) < _FAR:
            continue
        distances = [_distance(factor * measured, expected, scatter) for factor, _, _ in _CONVENTIONS]
        best = int(np.argmin(distances))
        if distances[best] < _NEAR and distances[best] < 0.2 * _distance(measured, expected, scatter):
            row = int(np.argmax(mine))
            _, look, remedy = _CONVENTIONS[best]
            raise OrbitError(
                f"{counts.tracking.source}: Doppler of {counts.tracking.transmitter[row]}-{counts.tracking.receiver[row]} is "
                f"{measured[0]:.6g} m/s where the start orbit gives {expected[0]:.6g} m/s: it looks like {look}; {remedy}"
            )


def _distance(measured: Array, expected: Array, sigma: Array) -> float:
    return float(np.median(np.abs(measured - expected) / sigma))
