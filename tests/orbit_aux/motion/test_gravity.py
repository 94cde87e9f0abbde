"""The gravity field against the textbook sum in spherical coordinates, and its files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from orbit_aux.constants import EARTH_J2, EARTH_MU_M3S2, EARTH_RADIUS_M
from orbit_aux.errors import OrbitError
from orbit_aux.motion.field_kernel import add_gravity
from orbit_aux.motion.gravity import GravityField, gravity_tables, packaged_gravity, read_gravity
from tests.orbit_aux.low.truth import attraction

DIRECTIONS = np.random.default_rng(5).normal(size=(20, 3))
PLACES = 7.1e6 * DIRECTIONS / np.linalg.norm(DIRECTIONS, axis=1, keepdims=True)


def _evaluated(field: GravityField, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    pull, slope = np.zeros(3), np.zeros((3, 3))
    add_gravity(place, *gravity_tables(field), True, pull, slope)
    return pull, slope


def test_constants_are_those_of_the_package() -> None:
    field = packaged_gravity()
    assert (field.mu_m3s2, field.radius_m, field.tide_system) == (EARTH_MU_M3S2, EARTH_RADIUS_M, "tide_free")
    assert field.j2 == pytest.approx(EARTH_J2, rel=1e-12)
    assert field.degree >= 12


@pytest.mark.parametrize("place", PLACES[:8])
def test_acceleration_is_the_textbook_sum(place: np.ndarray) -> None:
    field = packaged_gravity()
    # rounding of two orders of summation
    np.testing.assert_allclose(_evaluated(field, place)[0], attraction(field, place), rtol=0, atol=1e-14 * 10)


def test_high_degrees_stay_stable() -> None:
    rng = np.random.default_rng(1)
    size = 90
    triangle = np.tri(size + 1)
    cosine, sine = (rng.normal(size=(size + 1, size + 1)) * 1e-6 * triangle for _ in range(2))
    cosine[0, 0], sine[:, 0] = 1.0, 0.0
    field = GravityField("random", EARTH_MU_M3S2, EARTH_RADIUS_M, cosine, sine, "tide_free", "test")
    place = np.array([1.2e6, -2.0e6, 6.3e6])
    np.testing.assert_allclose(_evaluated(field, place)[0], attraction(field, place), rtol=0, atol=1e-12)


@pytest.mark.parametrize("place", [*PLACES[:3], np.array([0.0, 0.0, 7.1e6])])
def test_gradient_is_the_slope_of_the_acceleration(place: np.ndarray) -> None:
    field = packaged_gravity()
    numerical = np.empty((3, 3))
    for axis in range(3):
        shift = np.zeros(3)
        shift[axis] = 50.0
        numerical[:, axis] = (_evaluated(field, place + shift)[0] - _evaluated(field, place - shift)[0]) / 100.0
    slope = _evaluated(field, place)[1]
    # central difference over 50 m: relative error (50 / 7e6)^2, below rounding of 1e-15 / 100
    np.testing.assert_allclose(slope, numerical, rtol=0, atol=3e-16 * 100)
    assert abs(np.trace(slope)) < 1e-20


def test_icgem_files_of_any_degree_are_read(tmp_path: Path) -> None:
    field = packaged_gravity()
    lines = [
        "product_type gravity_field",
        "modelname COPY",
        "earth_gravity_constant 0.3986004415D+15",
        "radius 6378136.3",
    ]
    lines += [
        "max_degree 12",
        "norm fully_normalized",
        "tide_system zero_tide",
        "end_of_head ====",
        "gfc 0 0 1.0 0.0 0 0",
    ]
    for n in range(2, 13):
        for m in range(n + 1):
            lines.append(f"gfc {n} {m} {field.cosine[n, m]:.13E} {field.sine[n, m]:.13E} 0.0 0.0".replace("E", "D"))
    path = tmp_path / "copy.gfc"
    path.write_text("\n".join(lines))
    read = read_gravity(path)
    np.testing.assert_allclose(read.cosine, field.cosine, rtol=1e-12)
    assert read.tide_system == "zero_tide"
    # IERS Conventions 2010, 6.2.2: the permanent tide of C20
    assert read.tide_free().cosine[2, 0] - read.cosine[2, 0] == pytest.approx(4.2007e-9, rel=1e-3)
    assert read_gravity(path, 8).degree == 8


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("modelname A\nradius 1\n", "not readable"),
        (
            "modelname A\nearth_gravity_constant 1e14\nradius 6e6\nnorm unnormalized\ngfc 2 0 -4.84e-4 0",
            "fully normalised",
        ),
        ("modelname A\nearth_gravity_constant 1e14\nradius 6e6\ngfct 2 0 -4.84e-4 0", "vary with time"),
        ("modelname A\nearth_gravity_constant 1e14\nradius 6e6\ngfc 2 0 1.08e-3 0", "C20"),
        ("modelname A\nearth_gravity_constant 1e14\nradius 6e6\ngfc 2 0 nan 0", "not usable"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "field.gfc"
    path.write_text(text)
    with pytest.raises(OrbitError, match=said):
        read_gravity(path)
    with pytest.raises(OrbitError, match="ask for less"):
        packaged_gravity().truncated(500)
