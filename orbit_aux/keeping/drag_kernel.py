"""Drag averaged over a revolution, as machine code."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from orbit_aux.compiled import compiled
from orbit_aux.motion.field_kernel import density, geodetic_height

Array = NDArray[np.float64]

# the bulge of the atmosphere follows the Sun by 30 deg of right ascension (Montenbruck and Gill 2000, 3.5.2)
_LAG_COSINE, _LAG_SINE = math.cos(math.radians(30.0)), math.sin(math.radians(30.0))


@compiled
def mean_decay(
    elements: Array, sun: Array, activity: Array, settings: Array, atmosphere: Array, points: int, result: Array
) -> None:
    """`result` (n,): mean of rho (v_rel / v)(v_rel . v / v**2) over a revolution, kg/m3, for rows of elements (a, ex, ey, i, node; m, rad).

    `sun` (n, 3) unit in the same axes, `activity` (n,) as `density` wants it, settings: mu, spin, radius, flattening, exponent of the bulge, J2 Re**2.
    Heights are those of the osculating radius (short period of J2): in polar orbits 4 km over the mean semi-major axis, 4 % of density.
    """
    mu, spin, radius, flattening, exponent, oblateness = settings
    place = np.empty(3)
    for row in range(len(elements)):
        a, ex, ey, inclination, node = elements[row]
        ci, si, cn, sn = math.cos(inclination), math.sin(inclination), math.cos(node), math.sin(node)
        bx = sun[row, 0] * _LAG_COSINE - sun[row, 1] * _LAG_SINE
        by = sun[row, 0] * _LAG_SINE + sun[row, 1] * _LAG_COSINE
        speed = math.sqrt(mu / a)
        lift, wave = 0.75 * oblateness / a * (3.0 * ci * ci - 1.0), 0.25 * oblateness / a * si * si
        total = 0.0
        for number in range(points):
            u = 2.0 * math.pi * (number + 0.5) / points
            cu, su = math.cos(u), math.sin(u)
            r = a * (1.0 - ex * cu - ey * su) - lift + wave * (cu * cu - su * su)
            ux, uy, uz = cu * cn - su * ci * sn, cu * sn + su * ci * cn, su * si
            place[0], place[1], place[2] = r * ux, r * uy, r * uz
            height = geodetic_height(place, radius, flattening)
            air = density(height, ux * bx + uy * by + uz * sun[row, 2], activity[row], exponent, atmosphere)[0]
            # the air turns with the Earth: what it takes along the motion, and across
            wind = spin * r / speed
            along = 1.0 - wind * ci
            across = wind * si * cu
            total += air * along * math.sqrt(along * along + across * across)
        result[row] = total / points
