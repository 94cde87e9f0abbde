"""Fixed steps of Runge and Kutta's order 4 under central gravity and J2, as machine code."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from orbit_aux.compiled import compiled_fast

Array = NDArray[np.float64]

# the pole moves 1e-8 rad meanwhile: centimetres a month
_HELD_S = 120.0


@compiled_fast
def _pull(
    x: float, y: float, z: float, px: float, py: float, pz: float, mu: float, oblateness: float
) -> tuple[float, float, float]:
    inverse2 = 1.0 / (x * x + y * y + z * z)
    share = oblateness * inverse2
    height = x * px + y * py + z * pz
    pull = -mu * inverse2 * math.sqrt(inverse2)
    lead, lift = pull * (1.0 + share * (1.0 - 5.0 * height * height * inverse2)), pull * 2.0 * share * height
    return lead * x + lift * px, lead * y + lift * py, lead * z + lift * pz


@compiled_fast
def j2_steps(
    state: Array, axes: Array, spacing: float, mu: float, oblateness: float, step: float, every: int, states: Array
) -> None:
    """Fills `states` (n, 6) with the state (m, m/s) after each `every` steps of `step` seconds; `oblateness` is 3/2 J2 Re^2.

    The axis of oblateness runs linearly through the rows of `axes`, `spacing` seconds apart (one row more than time has), held for two minutes.
    """
    x, y, z, u, v, w = state
    half, sixth = 0.5 * step, step / 6.0
    px, py, pz = axes[0]
    taken, held = 0, max(int(_HELD_S / step), 1)
    for row in range(len(states)):
        for _ in range(every):
            if taken % held == 0:
                place = min((taken + 0.5 * held) * step / spacing, len(axes) - 1.000001)
                node = int(place)
                share = place - node
                px = axes[node, 0] + share * (axes[node + 1, 0] - axes[node, 0])
                py = axes[node, 1] + share * (axes[node + 1, 1] - axes[node, 1])
                pz = axes[node, 2] + share * (axes[node + 1, 2] - axes[node, 2])
            taken += 1
            ax, ay, az = _pull(x, y, z, px, py, pz, mu, oblateness)
            u2, v2, w2 = u + half * ax, v + half * ay, w + half * az
            bx, by, bz = _pull(x + half * u, y + half * v, z + half * w, px, py, pz, mu, oblateness)
            u3, v3, w3 = u + half * bx, v + half * by, w + half * bz
            cx, cy, cz = _pull(x + half * u2, y + half * v2, z + half * w2, px, py, pz, mu, oblateness)
            u4, v4, w4 = u + step * cx, v + step * cy, w + step * cz
            dx, dy, dz = _pull(x + step * u3, y + step * v3, z + step * w3, px, py, pz, mu, oblateness)
            x += sixth * (u + 2.0 * (u2 + u3) + u4)
            y += sixth * (v + 2.0 * (v2 + v3) + v4)
            z += sixth * (w + 2.0 * (w2 + w3) + w4)
            u += sixth * (ax + 2.0 * (bx + cx) + dx)
            v += sixth * (ay + 2.0 * (by + cy) + dy)
            w += sixth * (az + 2.0 * (bz + cz) + dz)
        states[row, 0], states[row, 1], states[row, 2] = x, y, z
        states[row, 3], states[row, 4], states[row, 5] = u, v, w
