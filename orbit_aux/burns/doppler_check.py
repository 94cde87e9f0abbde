"""Doppler of another convention - sign, factor, unit - recognised from the first counts, which a start orbit predicts well."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from orbit_aux.burns.counts import Counts
from orbit_aux.burns.model import BurnModel, Reference
from orbit_aux.errors import OrbitError

Array = NDArray[np.float64]

#: what the value would have to be multiplied by, what it looks like, and the remedy
CONVENTIONS = (
    (-1.0, "of the opposite sign", "change the sign: V > 0 when the satellite recedes"),
    (
        0.5,
        "the sum of the legs",
        "halve it, or say that it is the sum (--doppler sum, or a comment in the file; the mean of the legs is expected)",
    ),
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
# a quarter of |difference| / sigma beyond the first: start and counts disagree; below the second: they agree
_FAR, _NEAR = 6.0, 3.0
# expected values must be so many sigmas large, for a factor to be told from chance
_TELLING = 8.0


def refuse_wrong_convention(model: BurnModel, counts: Counts, count: int) -> bool:
    """Whether the first `count` values agree with the start orbit and could not under another convention; an error where another one agrees alone."""
    reference = Reference.of(model, model.mean)
    values, rows = reference.predict(counts, 0, count)
    spread = rows @ model.root
    sigma = np.sqrt(np.sum(spread**2, axis=1) + counts.sigma[:count] ** 2 + _SPIN_MS**2)
    doppler = counts.interval[:count] > 0
    certain = True
    for link in np.unique(counts.link[:count][doppler]):
        mine = doppler & (counts.link[:count] == link)
        measured, expected, scatter = counts.measured[:count][mine], values[mine], sigma[mine]
        telling = _upper(np.abs(expected) / scatter) > _TELLING
        as_is = _upper(np.abs(measured - expected) / scatter)
        if as_is < _FAR or not telling:
            certain = certain and telling and as_is < _NEAR
            continue
        certain = False
        distances = [_upper(np.abs(factor * measured - expected) / scatter) for factor, _, _ in CONVENTIONS]
        best = int(np.argmin(distances))
        if distances[best] < _NEAR and distances[best] < 0.2 * as_is:
            _, look, remedy = CONVENTIONS[best]
            largest = int(np.argmax(np.abs(expected)))
            raise OrbitError(
                f"{counts.tracking.source}: Doppler is {measured[largest]:.6g} m/s where the plan gives "
                f"{expected[largest]:.6g} m/s: it looks like {look}; {remedy}"
            )
    return certain


def _upper(values: Array) -> float:
    return float(np.percentile(values, 75.0))
