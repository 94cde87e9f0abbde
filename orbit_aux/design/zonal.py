"""Averaged motion in a zonal field: the eccentricity that stays, and the rates of node and latitude argument.

The averaged Hamiltonian is the mean of the zonal potential over a revolution, by quadrature and so closed in the eccentricity, plus the square of J2
(Brouwer 1959). In Poincare's variables it is smooth at the circle; its slopes, by complex steps, are the rates.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from orbit_aux.errors import OrbitError
from orbit_aux.motion.gravity import GravityField, packaged_gravity

_STEP = 1e-30
# of the eccentricity: beyond, the terms of the first order that freeze it are not what rules it
_GREATEST = 0.05


class NotFrozenError(OrbitError):
    """No small eccentricity stays at this inclination."""


def zonal_field(degree: int | None = None, gravity: GravityField | None = None) -> GravityField:
    """The zonal terms of a field (the packaged one unless given), all or up to `degree`."""
    field = gravity or packaged_gravity()
    cut = field if degree is None else field.truncated(degree)
    zonal = np.zeros_like(cut.cosine)
    zonal[:, 0] = cut.cosine[:, 0]
    return GravityField(
        f"{field.name} zonal",
        field.mu_m3s2,
        field.radius_m,
        zonal,
        np.zeros_like(zonal),
        field.tide_system,
        field.source,
    )


def frozen_eccentricity(semi_major_axis_m: float, inclination_rad: float, gravity: GravityField | None = None) -> float:
    """Mean eccentricity with perigee at 90 deg that stays, of all zonal terms; negative where perigee must be at 270 deg.

    With J2 and J3 alone it is -(J3 / 2 J2) (Re / a) sin i (Cook 1966).
    """
    field = gravity or zonal_field()
    j = _zonal_coefficients(field)
    if field.degree < 3:
        return 0.0
    sine = math.sin(inclination_rad)
    e = -0.5 * j[3] / j[2] * field.radius_m / semi_major_axis_m * sine
    size = math.sqrt(field.mu_m3s2 * semi_major_axis_m)
    # that of the circle: it differs by the square of the eccentricity
    axial = size * math.cos(inclination_rad)
    small = 1e-6 * math.sqrt(size)
    y = e * math.sqrt(size)
    for _ in range(20):
        slope = _slope(field, size, y, axial, "y")
        curvature = (_slope(field, size, y + small, axial, "y") - _slope(field, size, y - small, axial, "y")) / (
            2.0 * small
        )
        step = slope / curvature
        y -= step
        if abs(step) < 1e-12 * math.sqrt(size):
            eta = 1.0 - 0.5 * y * y / size
            return float(y * math.sqrt((1.0 + eta) / (2.0 * size)))
        if abs(y) > _GREATEST * math.sqrt(size):
            break
    raise NotFrozenError(
        f"no frozen eccentricity at semi-major axis {semi_major_axis_m:.0f} m and inclination {math.degrees(inclination_rad):.4f} deg "
        "(near 63.4 and 116.6 deg the perigee hardly turns): give an eccentricity"
    )


def zonal_rates(
    semi_major_axis_m: float, eccentricity: float, inclination_rad: float, gravity: GravityField | None = None
) -> tuple[float, float]:
    """Mean rates of the node and of the latitude argument (omega + M), rad/s, with perigee at 90 deg."""
    field = gravity or zonal_field()
    size = math.sqrt(field.mu_m3s2 * semi_major_axis_m)
    eta = math.sqrt(1.0 - eccentricity**2)
    y = math.copysign(math.sqrt(2.0 * size * (1.0 - eta)), eccentricity)
    axial = size * eta * math.cos(inclination_rad)
    return _slope(field, size, y, axial, "axial"), _slope(field, size, y, axial, "size")


def _slope(field: GravityField, size: float, y: float, axial: float, by: str) -> float:
    """Slope of the averaged Hamiltonian by sqrt(mu a) ("size"), Poincare's y, or the axial momentum."""
    steps = {name: 1j * _STEP * (name == by) for name in ("size", "y", "axial")}
    return float(np.imag(_hamiltonian(field, size + steps["size"], y + steps["y"], axial + steps["axial"])) / _STEP)


def _hamiltonian(field: GravityField, size: complex, y: complex, axial: complex) -> complex:
    """Averaged energy, J/kg, with perigee at 90 (y > 0) or 270 deg."""
    mu, radius = field.mu_m3s2, field.radius_m
    j = _zonal_coefficients(field)
    eta = 1.0 - 0.5 * y * y / size
    momentum = size * eta
    e = y * ((1.0 + eta) / (2.0 * size)) ** 0.5
    c = axial / momentum
    s = (1.0 - c * c) ** 0.5
    a, parameter = size * size / mu, momentum * momentum / mu
    angle = np.arange(8 * len(j)) * (2.0 * np.pi / (8 * len(j)))
    # true anomaly and latitude argument a quarter turn apart
    inverse = (1.0 + e * np.cos(angle)) / parameter
    height = s * np.cos(angle)
    before, now = np.ones_like(height), height
    total = np.zeros_like(height)
    for degree in range(2, len(j)):
        before, now = now, ((2 * degree - 1) * height * now - (degree - 1) * before) / degree
        total = total + j[degree] * radius**degree * inverse ** (degree - 1) * now
    first: complex = mu * complex(np.mean(total)) / (a * a * eta)
    k2, c2 = 0.5 * j[2] * radius**2, c * c
    square = (
        0.46875 / eta**5 * (1.0 - 3.6 * c2 + c2 * c2)
        + 0.375 / eta**6 * (1.0 - 3.0 * c2) ** 2
        - 0.46875 / eta**7 * (1.0 - 2.0 * c2 - 7.0 * c2 * c2)
    )
    return complex(-0.5 * mu / a + first - mu * k2 * k2 / a**5 * square)


def _zonal_coefficients(field: GravityField) -> NDArray[np.float64]:
    """J of each degree, not normalised."""
    degrees = np.arange(field.degree + 1)
    coefficients: NDArray[np.float64] = -np.sqrt(2.0 * degrees + 1.0) * field.cosine[:, 0]
    return coefficients
