"""Orbital elements: equinoctial with the true longitude, Keplerian, Cartesian; their derivatives.

Equinoctial: a (m), k = e cos(omega + Omega), h = e sin(omega + Omega), p = tan(i/2) sin Omega, q = tan(i/2) cos Omega, L = v + omega + Omega (rad);
singular at 180 deg of inclination only. Keplerian: a (m), e, i, omega, Omega, M (rad).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from orbit_aux.constants import EARTH_MU_M3S2
from orbit_aux.errors import OrbitError

Array = NDArray[np.float64]

EQUINOCTIAL = ("semi_major_axis", "k", "h", "p", "q", "true_longitude")
KEPLERIAN = ("semi_major_axis", "eccentricity", "inclination", "argument_of_perigee", "node", "mean_anomaly")
_STEP = 1e-30


def equinoctial(position_m: NDArray[Any], velocity_ms: NDArray[Any]) -> NDArray[Any]:
    """Elements (n, 6) of states (n, 3); real or, for derivatives by a complex step, complex."""
    r, v = position_m, velocity_ms
    radius = np.sqrt(_dot(r, r))
    momentum = np.cross(r, v)
    size = np.sqrt(_dot(momentum, momentum))
    normal = momentum / size[..., None]
    a = 1.0 / (2.0 / radius - _dot(v, v) / EARTH_MU_M3S2)
    p, q = normal[..., 0] / (1.0 + normal[..., 2]), -normal[..., 1] / (1.0 + normal[..., 2])
    f, g = equinoctial_axes(p, q)
    eccentricity = np.cross(v, momentum) / EARTH_MU_M3S2 - r / radius[..., None]
    k, h = _dot(eccentricity, f), _dot(eccentricity, g)
    longitude = _angle(_dot(r, g) / radius, _dot(r, f) / radius)
    elements: NDArray[Any] = np.stack([a, k, h, p, q, longitude], axis=-1)
    return elements


def cartesian(elements: Array) -> tuple[Array, Array]:
    """Positions (n, 3), m, and velocities, m/s, of equinoctial elements (n, 6)."""
    a, k, h, p, q, longitude = np.moveaxis(elements, -1, 0)
    c, s = np.cos(longitude), np.sin(longitude)
    parameter = a * (1.0 - k * k - h * h)
    radius = parameter / (1.0 + k * c + h * s)
    f, g = equinoctial_axes(p, q)
    speed = np.sqrt(EARTH_MU_M3S2 / parameter)
    position = radius[..., None] * (c[..., None] * f + s[..., None] * g)
    velocity = speed[..., None] * (-(s + h)[..., None] * f + (c + k)[..., None] * g)
    return position, velocity


def keplerian(elements: NDArray[Any]) -> NDArray[Any]:
    """Keplerian elements (n, 6) of equinoctial ones, angles from 0 to 2 pi. On a circle or the equator the angles are as good as their sums."""
    a, k, h, p, q, longitude = np.moveaxis(np.asarray(elements), -1, 0)
    e = np.sqrt(k * k + h * h)
    node, perigee = _angle(p, q), _angle(h, k)
    anomaly = longitude - perigee
    eccentric = 2.0 * _arctan(np.sqrt(1.0 - e) * np.sin(anomaly / 2.0), np.sqrt(1.0 + e) * np.cos(anomaly / 2.0))
    mean = eccentric - e * np.sin(eccentric)
    turn = 2.0 * np.pi
    inclination = 2.0 * np.arctan(np.sqrt(p * p + q * q))
    angles = [_turned(angle, turn) for angle in (perigee - node, node, mean)]
    result: Array = np.stack([a, e, inclination, *angles], axis=-1)
    return result


def from_keplerian(elements: Array) -> Array:
    """Equinoctial elements (n, 6) of Keplerian ones."""
    a, e, i, perigee, node, mean = np.moveaxis(np.asarray(elements, dtype=np.float64), -1, 0)
    if not ((e >= 0) & (e < 1) & (a > 0)).all():
        raise OrbitError(f"elements a {np.min(a):.6g} m, e {np.max(e):.6g} are no ellipse: give a > 0 and 0 <= e < 1")
    eccentric = mean + e * np.sin(mean)
    for _ in range(50):
        eccentric = eccentric - (eccentric - e * np.sin(eccentric) - mean) / (1.0 - e * np.cos(eccentric))
    true = 2.0 * np.arctan2(np.sqrt(1.0 + e) * np.sin(eccentric / 2.0), np.sqrt(1.0 - e) * np.cos(eccentric / 2.0))
    tangent = np.tan(i / 2.0)
    return np.stack(
        [
            a,
            e * np.cos(perigee + node),
            e * np.sin(perigee + node),
            tangent * np.sin(node),
            tangent * np.cos(node),
            true + perigee + node,
        ],
        axis=-1,
    )


def element_derivatives(position_m: Array, velocity_ms: Array, kepler: bool = False) -> Array:
    """Derivatives (n, 6, 6) of the equinoctial (or Keplerian) elements by position and velocity, exact (complex step)."""
    state = np.concatenate([position_m, velocity_ms], axis=-1)
    moved = state + 1j * _STEP * np.eye(6)[:, None, :]
    elements = equinoctial(moved[..., :3], moved[..., 3:])
    slopes = np.imag(keplerian(elements) if kepler else elements) / _STEP
    return np.moveaxis(slopes, 0, -1)


def short_angle(angle: Array) -> Array:
    """The same angle (rad) between -pi and pi."""
    cut: Array = angle - 2.0 * np.pi * np.rint(angle / (2.0 * np.pi))
    return cut


def equinoctial_axes(p: NDArray[Any], q: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Unit vectors (n, 3) in the plane of the orbit from which its longitudes count, and a quarter turn on; of a complex step too."""
    scale = 1.0 + p * p + q * q
    f = np.stack([1.0 + q * q - p * p, 2.0 * p * q, -2.0 * p], axis=-1) / scale[..., None]
    g = np.stack([2.0 * p * q, 1.0 - q * q + p * p, 2.0 * q], axis=-1) / scale[..., None]
    return f, g


def _dot(first: Array, second: Array) -> Array:
    product: Array = np.sum(first * second, axis=-1)
    return product


def _arctan(sine: Array, cosine: Array) -> Array:
    """arctan2, also of a complex step."""
    angle = np.arctan2(np.real(sine), np.real(cosine))
    if not np.iscomplexobj(sine):
        return angle
    square = np.real(sine) ** 2 + np.real(cosine) ** 2
    slope = (np.real(cosine) * np.imag(sine) - np.real(sine) * np.imag(cosine)) / np.where(square > 0, square, 1.0)
    result: Array = angle + 1j * slope
    return result


def _angle(sine: Array, cosine: Array) -> Array:
    return _arctan(np.asarray(sine), np.asarray(cosine))


def _turned(angle: Array, turn: float) -> Array:
    """Angle from 0 to a turn, the imaginary part kept."""
    real = np.real(angle) - np.mod(np.real(angle), turn)
    result: Array = angle - real
    return result
