"""Impulses against the printed reference cases, and first order against exact."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from orbit_aux.design.impulse import changed_elements, difference_of_elements, element_changes
from orbit_aux.errors import OrbitError

LEO = np.array([7072e3, 0.0011, 1.7137387925332321, 1.5707963267948966, 0.5235987755982988, 0.6981317007977318])


def test_reference_cases(shared: Path) -> None:
    content = json.loads((shared / "reference" / "orbit" / "analytic_cases.json").read_text())
    mu = content["constants"]["mu"]
    # rounding of the elements before they are subtracted: nm of the axis, and angles over e
    rounding = np.array([2e-7, 1e-13, 1e-13, 2e-12, 1e-13, 2e-12])
    for case in content["gauss_impulse"]:
        before = np.array(case["kep_rad_m"])
        exact = difference_of_elements(changed_elements(before, case["dv_rsw"], mu_m3s2=mu), before)[0]
        first = element_changes(before, case["dv_rsw"], mu_m3s2=mu)[0]
        assert (np.abs(exact - case["exact_delta"]) < rounding + 1e-9 * np.abs(exact)).all(), case
        assert (np.abs(first - case["gauss_first_order"]) < rounding + 1e-9 * np.abs(first)).all(), case


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_first_order_is_the_limit_of_exact(axis: int) -> None:
    impulse = 1e-3 * np.eye(3)[axis]
    exact = difference_of_elements(changed_elements(LEO, impulse), LEO)[0]
    first = element_changes(LEO, impulse)[0]
    # the second order of 1 mm/s is (1e-7)^2 of the elements, over e for the angles
    assert (np.abs(exact - first) < 2e-3 * np.abs(first) + np.array([1e-6] + [3e-11] * 5)).all()


def test_a_path_does_not_depend_on_the_unit_of_mass() -> None:
    """With four times the attraction all speeds double: the same change of elements wants twice the impulse."""
    np.testing.assert_allclose(
        changed_elements(LEO, [0.1, 0.2, -0.3], mu_m3s2=3.986004415e14),
        changed_elements(LEO, [0.2, 0.4, -0.6], mu_m3s2=4 * 3.986004415e14),
        rtol=1e-14,
    )


def test_axes_along_velocity() -> None:
    """Along the velocity the axis grows by 2 a^2 v dv / mu, whatever the eccentricity."""
    eccentric = np.array([9e6, 0.2, 1.0, 0.4, 0.3, 1.1])
    change = element_changes(eccentric, [1.0, 0.0, 0.0], "TNW")[0, 0]
    anomaly = 1.1
    for _ in range(60):
        anomaly = 1.1 + 0.2 * np.sin(anomaly)
    speed = np.sqrt(3.986004415e14 * (2.0 / (9e6 * (1.0 - 0.2 * np.cos(anomaly))) - 1.0 / 9e6))
    assert change == pytest.approx(2.0 * 9e6**2 * speed / 3.986004415e14, rel=1e-12)


@pytest.mark.parametrize(
    ("elements", "impulse", "message"),
    [
        (LEO, [3000.0, 9000.0, 0.0], "no ellipse"),
        (LEO, [np.nan, 0.0, 0.0], "finite"),
        (LEO[:5], [0.1, 0.0, 0.0], "finite rows"),
        ([7072e3, 1.1, 1.7, 0.0, 0.0, 0.0], [0.1, 0.0, 0.0], "no ellipse"),
    ],
)
def test_bad_input_is_named(elements: object, impulse: object, message: str) -> None:
    with pytest.raises(OrbitError, match=message):
        changed_elements(elements, impulse)  # type: ignore[arg-type]
