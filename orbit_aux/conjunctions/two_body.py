"""Keplerian motion of many states at once, by equinoctial elements with the mean longitude, with exact derivatives.

Elements: a (m), k = e cos(omega + Omega), h = e sin(omega + Omega), p = tan(i/2) sin Omega, q = tan(i/2) cos Omega, mean longitude (rad).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from orbit_aux.constants import EARTH_MU_M3S2
from orbit_aux.elements import equinoctial, equinoctial_axes
from orbit_aux.errors import OrbitError

Array = NDArray[np.float64]

_STEP = 1e-30
_ITERATIONS = 30
#: below this cosine of the angle between an orbit's normal and the z axis the elements are near their singularity
_TOO_LOW = -0.9


def mean_elements_of(state: Array) -> Array:
    """Elements (n, 6) of states (n, 6), m and m/s; an orbit that is no ellipse, or equatorial and retrograde, is refused."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        a, k, h, p, q, longitude = np.moveaxis(equinoctial(state[..., :3], state[..., 3:]), -1, 0)
    e = np.hypot(k, h)
    wrong = ~((a > 0) & (e < 1) & np.isfinite(p + q))
    if wrong.any():
        first = int(np.argmax(wrong))
        raise OrbitError(
            f"a state with a = {np.ravel(a)[first]:.6g} m, e = {np.ravel(e)[first]:.4g} is no ellipse about the Earth: check its units and centre"
        )
    perigee = np.arctan2(h, k)
    half = 0.5 * (longitude - perigee)
    eccentric = 2.0 * np.arctan2(np.sqrt(1.0 - e) * np.sin(half), np.sqrt(1.0 + e) * np.cos(half))
    return np.stack([a, k, h, p, q, perigee + eccentric - e * np.sin(eccentric)], axis=-1)


def states_of(elements: NDArray[Any], elapsed_s: NDArray[Any] | float = 0.0) -> NDArray[Any]:
    """States (n, 6), m and m/s, of elements (n, 6), `elapsed_s` (s) after their epoch; elements may carry a complex step."""
    a, k, h, p, q, longitude = np.moveaxis(np.asarray(elements), -1, 0)
    motion = np.sqrt(EARTH_MU_M3S2 / a**3)
    mean = longitude + motion * elapsed_s
    eccentric = mean + k * np.sin(mean) - h * np.cos(mean)
    for _ in range(_ITERATIONS):
        s, c = np.sin(eccentric), np.cos(eccentric)
        step = (eccentric - k * s + h * c - mean) / (1.0 - k * c - h * s)
        eccentric = eccentric - step
        if np.abs(step).max(initial=0.0) < 1e-15:
            break
    s, c = np.sin(eccentric), np.cos(eccentric)
    beta = 1.0 / (1.0 + np.sqrt(1.0 - h * h - k * k))
    one, two, both = 1.0 - h * h * beta, 1.0 - k * k * beta, h * k * beta
    speed = motion * a / (1.0 - k * c - h * s)
    x, y = a * (one * c + both * s - k), a * (two * s + both * c - h)
    vx, vy = speed * (both * c - one * s), speed * (two * c - both * s)
    f, g = equinoctial_axes(p, q)
    position = x[..., None] * f + y[..., None] * g
    velocity = vx[..., None] * f + vy[..., None] * g
    return np.concatenate([position, velocity], axis=-1)


def state_derivatives(elements: Array, elapsed_s: Array | float = 0.0) -> Array:
    """Derivatives (n, 6, 6) of the states `elapsed_s` after the epoch by the elements (n, 6) at the epoch, exact (complex step)."""
    moved = np.asarray(elements)[..., None, :] + 1j * _STEP * np.eye(6)
    slopes: Array = np.imag(states_of(moved, np.asarray(elapsed_s)[..., None])) / _STEP
    return np.swapaxes(slopes, -1, -2)


def moved(state: Array, elapsed_s: float) -> tuple[Array, Array]:
    """A state (6,) `elapsed_s` later, and the derivatives (6, 6) of that by this."""
    turn = np.kron(np.eye(2), working_axes(state[None]))
    elements = mean_elements_of(state[None] @ turn.T)
    matrix = state_derivatives(elements, elapsed_s)[0] @ np.linalg.inv(state_derivatives(elements)[0])
    return states_of(elements, elapsed_s)[0] @ turn, turn.T @ matrix @ turn


def period_s(state: Array) -> float:
    """Revolution of a state (6,); what is no ellipse is refused."""
    inverse = 2.0 / float(np.linalg.norm(state[:3])) - float(state[3:] @ state[3:]) / EARTH_MU_M3S2
    if not inverse > 0:
        raise OrbitError(
            f"a state with 1/a = {inverse:.4g} 1/m is no ellipse about the Earth: check its units and centre"
        )
    return float(2.0 * np.pi / np.sqrt(EARTH_MU_M3S2 * inverse**3))


def working_axes(states: Array) -> Array:
    """A rotation (3, 3) to axes in which no orbit of `states` (n, 6) comes near the singularity of the elements."""
    normals = np.cross(states[:, :3], states[:, 3:])
    normals = normals / np.linalg.norm(normals, axis=-1, keepdims=True)
    if (normals[:, 2] > _TOO_LOW).all():
        return np.eye(3)
    z = normals.sum(axis=0)
    if np.linalg.norm(z) < 0.5:
        z = np.cross(normals[0], np.eye(3)[int(np.argmin(np.abs(normals[0])))])
    z /= np.linalg.norm(z)
    x = np.cross(z, np.eye(3)[int(np.argmin(np.abs(z)))])
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(z, x), z])
