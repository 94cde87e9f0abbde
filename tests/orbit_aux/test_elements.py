"""Elements against Cartesian mechanics and Orekit's figures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from orbit_aux.constants import EARTH_MU_M3S2
from orbit_aux.elements import (
    cartesian,
    element_derivatives,
    equinoctial,
    equinoctial_axes,
    from_keplerian,
    keplerian,
)
from orbit_aux.frames import local_orbital_axes
from orbit_aux.time import Times
from orbit_aux.veis import veis_axes

POSITION = np.array([-1.1e7, -4.0e7, 1.6e6])
VELOCITY = np.array([2.1e3, -230.0, 73.0])


def position_derivatives(elements: np.ndarray) -> np.ndarray:
    """Derivatives (3, 6) of the position by equinoctial elements (6,), in the order of EQUINOCTIAL."""
    a, k, h, p, q, longitude = elements
    c, s = np.cos(longitude), np.sin(longitude)
    w = 1.0 + k * c + h * s
    r = a * (1.0 - k * k - h * h) / w
    s2 = 1.0 + p * p + q * q
    radial, transverse, normal = local_axes(elements)
    columns = (
        r / a * radial,
        -(2.0 * a * k + r * c) / w * radial,
        -(2.0 * a * h + r * s) / w * radial,
        -2.0 * r / s2 * (q * transverse + c * normal),
        2.0 * r / s2 * (p * transverse + s * normal),
        r * (k * s - h * c) / w * radial + r * transverse,
    )
    return np.stack(columns, axis=-1)


def local_axes(elements: np.ndarray) -> np.ndarray:
    """Rows: radial, transverse, normal unit vectors of equinoctial elements (6,)."""
    _, _, _, p, q, longitude = elements
    f, g = equinoctial_axes(np.asarray(p), np.asarray(q))
    c, s = np.cos(longitude), np.sin(longitude)
    return np.stack([c * f + s * g, -s * f + c * g, np.cross(f, g)])


def gauss_matrix(elements: np.ndarray) -> np.ndarray:
    """(6, 3): rates of the equinoctial elements by accelerations along radial, transverse, normal (Gauss; Walker et al. 1985)."""
    a, k, h, p, q, longitude = elements
    c, s = np.cos(longitude), np.sin(longitude)
    parameter = a * (1.0 - k * k - h * h)
    w = 1.0 + k * c + h * s
    r, momentum = parameter / w, np.sqrt(EARTH_MU_M3S2 * parameter)
    z, s2 = q * s - p * c, 1.0 + p * p + q * q
    rows = (
        (2.0 * a * a * (k * s - h * c), 2.0 * a * a * w, 0.0),
        (parameter * s, (parameter + r) * c + r * k, -r * h * z),
        (-parameter * c, (parameter + r) * s + r * h, r * k * z),
        (0.0, 0.0, 0.5 * r * s2 * s),
        (0.0, 0.0, 0.5 * r * s2 * c),
        (0.0, 0.0, r * z),
    )
    coefficients: np.ndarray = np.array(rows) / momentum
    return coefficients


def test_round_trips() -> None:
    elements = equinoctial(POSITION, VELOCITY)
    position, velocity = cartesian(elements)
    np.testing.assert_allclose(position, POSITION, atol=1e-6)
    np.testing.assert_allclose(velocity, VELOCITY, atol=1e-9)
    again = from_keplerian(keplerian(elements))
    np.testing.assert_allclose(again[:5], elements[:5], rtol=1e-12)
    assert abs(np.angle(np.exp(1j * (again[5] - elements[5])))) < 1e-12
    np.testing.assert_allclose(local_axes(elements), local_orbital_axes(POSITION[None], VELOCITY[None])[0], atol=1e-14)


def test_derivatives_agree_with_differences_and_with_gauss() -> None:
    slope = element_derivatives(POSITION[None], VELOCITY[None])[0]
    elements = equinoctial(POSITION, VELOCITY)
    change = np.array([100.0, -50.0, 30.0, 0.1, -0.2, 0.05])
    ahead = equinoctial(POSITION + change[:3], VELOCITY + change[3:])
    behind = equinoctial(POSITION - change[:3], VELOCITY - change[3:])
    np.testing.assert_allclose(slope @ change, (ahead - behind) / 2, rtol=1e-6)
    # an acceleration changes the velocity only: the derivatives by velocity are Gauss's coefficients, turned by the transpose of local-to-inertial
    np.testing.assert_allclose(slope[:, 3:], gauss_matrix(elements) @ local_axes(elements), rtol=1e-10, atol=1e-18)
    np.testing.assert_allclose(position_derivatives(elements) @ slope[:, :3], np.eye(3), atol=1e-12)
    kepler = element_derivatives(POSITION[None], VELOCITY[None], kepler=True)[0]
    np.testing.assert_allclose(kepler @ change, (keplerian(ahead) - keplerian(behind)) / 2, rtol=1e-5)


def test_elements_and_axes_of_the_reference_burn(shared: Path) -> None:
    folder = shared / "reference" / "orbit"
    truth = np.genfromtxt(folder / "burn_TC2A_DV1_j2_truth.csv.gz", delimiter=",", names=True)
    frames = json.loads((folder / "burn_TC2A_DV1_frames.json").read_text())
    axes = veis_axes(Times.from_utc("1991-12-18T12:16:36.864"))
    # 0.02 arcsec: the reference's sidereal angle is another edition's
    assert np.abs(axes - np.array(frames["veis_axes_rows_in_gcrf"])).max() < 1e-7
    position = np.stack([truth[name] for name in ("x_m", "y_m", "z_m")], axis=1) @ axes.T
    velocity = np.stack([truth[name] for name in ("vx_ms", "vy_ms", "vz_ms")], axis=1) @ axes.T
    elements = equinoctial(position, velocity)
    names = ("a_m", "k_ecos", "h_esin", "p_tansin", "q_tancos")
    for column, tolerance in enumerate((0.1, 2e-7, 2e-7, 2e-7, 2e-7)):
        assert np.abs(elements[:, column] - truth[names[column]]).max() < tolerance
