"""What an impulse does to an orbit: exactly, and to first order by Gauss's equations."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orbit_aux.constants import EARTH_MU_M3S2
from orbit_aux.elements import cartesian, element_derivatives, equinoctial, from_keplerian, keplerian, short_angle
from orbit_aux.errors import OrbitError
from orbit_aux.frames import local_orbital_axes

Array = NDArray[np.float64]


def changed_elements(
    elements: ArrayLike, delta_v_ms: ArrayLike, axes: str = "RSW", mu_m3s2: float = EARTH_MU_M3S2
) -> Array:
    """Keplerian elements (n, 6: a, e, i, omega, Omega, M; m, rad) after impulses (n, 3) in RSW or TNW axes, exact."""
    kepler, impulse = _checked(elements, delta_v_ms, mu_m3s2)
    position, velocity = cartesian(from_keplerian(kepler))
    turn = local_orbital_axes(position, velocity, axes)
    after = velocity + np.einsum("nij,ni->nj", turn, impulse)
    elements_after = equinoctial(position, after)
    if not (elements_after[:, 0] > 0).all():
        raise OrbitError(f"impulse of {np.max(np.abs(impulse)):.6g} m/s leaves no ellipse: give m/s, and less")
    changed: Array = keplerian(elements_after)
    return changed


def element_changes(
    elements: ArrayLike, delta_v_ms: ArrayLike, axes: str = "RSW", mu_m3s2: float = EARTH_MU_M3S2
) -> Array:
    """Changes (n, 6) of Keplerian elements by small impulses, first order: Gauss's equations, as slopes of the elements by velocity."""
    kepler, impulse = _checked(elements, delta_v_ms, mu_m3s2)
    position, velocity = cartesian(from_keplerian(kepler))
    turn = local_orbital_axes(position, velocity, axes)
    slopes = element_derivatives(position, velocity, kepler=True)[:, :, 3:]
    changes: Array = np.einsum("nij,nkj,nk->ni", slopes, turn, impulse)
    return changes


def difference_of_elements(after: Array, before: Array) -> Array:
    """`after` minus `before`, the angles (omega, Omega, M) between -pi and pi."""
    change: Array = np.atleast_2d(after) - np.atleast_2d(before)
    change[:, 3:] = short_angle(change[:, 3:])
    return change


def _checked(elements: ArrayLike, delta_v_ms: ArrayLike, mu_m3s2: float) -> tuple[Array, Array]:
    """Rows of elements and of impulses, these as about an Earth of EGM96: a path is the same there, at a pace that goes with the root of mu."""
    kepler = np.atleast_2d(np.asarray(elements, dtype=np.float64))
    impulse = np.atleast_2d(np.asarray(delta_v_ms, dtype=np.float64))
    if kepler.shape[1] != 6 or impulse.shape[1] != 3 or not (np.isfinite(kepler).all() and np.isfinite(impulse).all()):
        raise OrbitError(
            f"elements {kepler.shape} and impulses {impulse.shape}: give finite rows of a, e, i, omega, Omega, M and of 3 components"
        )
    return kepler, impulse * math.sqrt(EARTH_MU_M3S2 / mu_m3s2)
