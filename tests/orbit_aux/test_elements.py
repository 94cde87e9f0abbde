"""Elements against Cartesian mechanics and Orekit's figures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from orbit_aux.elements import (
    cartesian,
    element_derivatives,
    equinoctial,
    from_keplerian,
    gauss_matrix,
    keplerian,
    local_axes,
    position_derivatives,
)
from orbit_aux.frames import local_orbital_axes
from orbit_aux.time import Times
from orbit_aux.veis import veis_axes

POSITION = np.array([-1.1e7, -4.0e7, 1.6e6])
VELOCITY = np.array([2.1e3, -230.0, 73.0])


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
