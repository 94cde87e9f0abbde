"""A quantity that drifts through a window, and the kick that keeps it there: by lines under a curve, without iteration."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def first_exit(elapsed_s: Array, deviation: Array, near: float, far: float, recovery_s: float = 0.0) -> float | None:
    """When the deviation first leaves its window, s; None if it does not. What begins outside has `recovery_s` to come in by itself.

    `near` is the half width on the side to which the deviation bends, where kicks are due; `far` that on the other, which kicks aim at from within.
    """
    sense = _sense(elapsed_s, deviation)
    bent = sense * deviation
    inside = (bent <= near) & (bent >= -far)
    first = 0
    if not inside[0]:
        within = np.flatnonzero(inside & (elapsed_s <= recovery_s))
        if len(within) == 0:
            return float(elapsed_s[0])
        first = int(within[0])
    out = np.flatnonzero(~inside[first:])
    if len(out) == 0:
        return None
    row = first + int(out[0])
    edge = near if bent[row] > near else -far
    share = (edge - bent[row - 1]) / (bent[row] - bent[row - 1])
    return float(elapsed_s[row - 1] + share * (elapsed_s[row] - elapsed_s[row - 1]))


def kick(elapsed_s: Array, deviation: Array, half_width: float, recovery_s: float = 0.0) -> float:
    """Change of rate (per s) at time 0 after which the deviation runs once through the whole window, to its far edge and back.

    Where the deviation bends upward: the greatest slope s of a line with deviation - s t >= -half_width ever after; then -s. Bent downward, mirrored.
    """
    bent, after = _sense(elapsed_s, deviation) * deviation, elapsed_s > 0.0
    # what is beyond the far edge goes no farther, and is back in time
    lost = bent[0] < -half_width
    slopes = [(bent[after] + max(half_width, -bent[0])) / elapsed_s[after]]
    if lost:
        back = elapsed_s > recovery_s
        slopes.append((bent[back] + half_width) / elapsed_s[back])
    return float(-_sense(elapsed_s, deviation) * min(values.min() for values in slopes))


def centring_kick(elapsed_s: Array, deviation: Array) -> float:
    """Change of rate (per s) at time 0 that keeps the greatest deviation over the whole time least."""
    low, high = -1.0, 1.0
    scale = float(np.abs(deviation).max() / elapsed_s[-1]) * 4.0 + 1e-300
    ratio = 0.5 * (np.sqrt(5.0) - 1.0)
    # golden section: the greatest deviation is convex in the kick
    for _ in range(60):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        worst = [float(np.abs(deviation + scale * middle * elapsed_s).max()) for middle in (left, right)]
        low, high = (low, right) if worst[0] < worst[1] else (left, high)
    return 0.5 * (low + high) * scale


def _sense(elapsed_s: Array, deviation: Array) -> float:
    """Sign of the mean curvature."""
    middle = np.interp(0.5 * (elapsed_s[0] + elapsed_s[-1]), elapsed_s, deviation)
    return 1.0 if deviation[0] - 2.0 * middle + deviation[-1] >= 0 else -1.0
