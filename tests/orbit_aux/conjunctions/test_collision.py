"""The probability in the encounter plane, against published cases, other formulas, and at its limits."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import dblquad
from scipy.stats import ncx2, norm

from orbit_aux.conjunctions.collision import (
    encounter_plane,
    maximum_probability,
    probability_2d,
    unknown_covariance_maximum,
)
from orbit_aux.errors import OrbitError


def in_plane(miss: tuple[float, float], sigma: tuple[float, float], radius: float) -> float:
    return probability_2d(np.array(miss), np.array(sigma), radius)


def rows(shared: Path, name: str) -> list[dict[str, str]]:
    with (shared / "reference" / "orbit" / name).open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_published_cases_in_the_plane(shared: Path) -> None:
    for row in rows(shared, "pc_2d_scalar.csv"):
        x, y, sx, sy, radius, printed, computed = (float(value) for value in list(row.values())[1:])
        found = in_plane((x, y), (sx, sy), radius)
        assert found == pytest.approx(computed, rel=1e-10), row["case"]
        if "custom" not in row["case"]:  # printed to two digits there
            assert found == pytest.approx(printed, rel=1e-3), row["case"]


def test_published_conjunctions(shared: Path) -> None:
    for row in rows(shared, "pc_cara_conjunctions.csv"):
        value = {key: float(text) for key, text in row.items() if key not in ("id", "comment") and text}
        covariance = np.array(
            [[value["P" + "".join(sorted((a, b)))] for b in "xyz"] for a in "xyz"],
        )
        plane = encounter_plane(
            np.array([value[f"r{a}_m"] for a in "xyz"]), np.array([value[f"v{a}_ms"] for a in "xyz"]), covariance
        )
        found = probability_2d(plane.miss_m, plane.sigma_m, value["hbr_m"])
        # down to 1e-168
        assert found == pytest.approx(value["pc2d_cara"], rel=1e-6), row["id"]


@pytest.mark.parametrize(
    ("sigma", "miss", "radius"),
    [(1, 3, 2), (100, 3, 2), (1, 12, 2), (0.01, 3, 2.9), (1e6, 1e6, 5), (1e-3, 1, 5), (1e-3, 5, 5), (2, 0, 1)],
)
def test_a_round_covariance_is_a_non_central_chi_square(sigma: float, miss: float, radius: float) -> None:
    expected = (
        ncx2.cdf((radius / sigma) ** 2, 2, (miss / sigma) ** 2) if miss else -math.expm1(-0.5 * (radius / sigma) ** 2)
    )
    # the library itself is good to 1e-11
    assert in_plane((0.6 * miss, 0.8 * miss), (sigma, sigma), radius) == pytest.approx(expected, rel=1e-10)


def test_a_plain_double_integral() -> None:
    def density(y: float, x: float) -> float:
        return float(norm.pdf(x, 7.0, 30.0) * norm.pdf(y, -4.0, 3.0))

    expected, _ = dblquad(
        density, -10, 10, lambda x: -math.sqrt(100 - x * x), lambda x: math.sqrt(100 - x * x), epsrel=1e-9
    )
    assert in_plane((7.0, -4.0), (30.0, 3.0), 10.0) == pytest.approx(expected, rel=1e-9)


def test_tiny_probabilities_keep_their_digits() -> None:
    # far out the integrand is an exponential: checked by the non-central chi-square's leading Bessel form, ratio of two distances
    small = [in_plane((miss, 0.0), (1.0, 1.0), 1e-4) for miss in (13.0, 25.0)]
    expected = [0.5e-8 * math.exp(-0.5 * miss * miss) for miss in (13.0, 25.0)]
    # the disk is a point: next term (R miss)²/8 = 8e-7
    assert small == pytest.approx(expected, rel=2e-6)
    assert 1e-46 < in_plane((14.0, 0.0), (1.0, 1.0), 1e-1) < 1e-42
    assert in_plane((100.0, 0.0), (1.0, 1.0), 1.0) == 0.0


def test_limits() -> None:
    assert in_plane((1.0, 2.0), (3.0, 4.0), 0.0) == 0.0
    assert in_plane((1.0, 2.0), (3.0, 4.0), 1e9) == pytest.approx(1.0, abs=1e-14)
    # no spread at all: within or not
    assert (in_plane((3.0, 4.0), (0.0, 0.0), 5.1), in_plane((3.0, 4.0), (0.0, 0.0), 4.9)) == (1.0, 0.0)
    # flat: a normal variate over a chord; and a ratio of 1e8 comes near it
    chord = norm.cdf((3.0 - 1.0) / 5.0) - norm.cdf((-3.0 - 1.0) / 5.0)
    assert in_plane((1.0, 4.0), (5.0, 0.0), 5.0) == pytest.approx(chord, rel=1e-12)
    assert in_plane((4.0, 1.0), (5e-8, 5.0), 5.0) == pytest.approx(chord, rel=1e-9)
    # ratio 1e4 with the miss inside the sphere: density of the long axis times the chord, to second order in R / 1e4
    assert in_plane((0.0, 3.0), (1e4, 1e-3), 5.0) == pytest.approx(8.0 / (1e4 * math.sqrt(2 * math.pi)), rel=1e-5)


@settings(max_examples=60, deadline=None)
@given(st.floats(0.0, 300.0), st.floats(0.0, 300.0), st.floats(1e-2, 1e4), st.floats(1e-2, 1e4), st.floats(1e-2, 200.0))
def test_signs_and_axes_do_not_matter(x: float, y: float, sx: float, sy: float, radius: float) -> None:
    found = in_plane((x, y), (sx, sy), radius)
    assert 0.0 <= found <= 1.0
    assert in_plane((-y, x), (sy, sx), radius) == pytest.approx(found, rel=1e-9, abs=1e-300)
    # but for rounding near 1
    assert in_plane((x, y), (sx, sy), 1.1 * radius) >= found * (1.0 - 1e-13)
    # lengths have no unit
    scaled = in_plane((x * 7.0, y * 7.0), (sx * 7.0, sy * 7.0), radius * 7.0)
    assert scaled == pytest.approx(found, rel=1e-9, abs=1e-300)


def test_turning_everything_changes_nothing() -> None:
    source = np.random.default_rng(3)
    turn = np.linalg.qr(source.standard_normal((3, 3)))[0]
    root = source.standard_normal((3, 3)) * 50.0
    position, velocity, covariance = np.array([30.0, -20.0, 60.0]), np.array([7000.0, 3000.0, -900.0]), root @ root.T
    one = encounter_plane(position, velocity, covariance)
    two = encounter_plane(turn @ position, turn @ velocity, turn @ covariance @ turn.T)
    first, second = (probability_2d(plane.miss_m, plane.sigma_m, 12.0) for plane in (one, two))
    assert first == pytest.approx(second, rel=1e-11)
    # along the path the position does not matter
    later = encounter_plane(position + 0.5 * velocity, velocity, covariance)
    assert probability_2d(later.miss_m, later.sigma_m, 12.0) == pytest.approx(first, rel=1e-9)
    assert one.sigma_m[0] >= one.sigma_m[1]


def test_the_largest_over_the_scale() -> None:
    # a small sphere, round covariance: R²/(e d²) at sigma = d/√2 (Alfano 2005)
    found = maximum_probability(np.array([300.0, 400.0]), np.array([100.0, 100.0]), 1.0)
    assert found.probability == pytest.approx(1.0 / (math.e * 500.0**2), rel=1e-5)
    assert found.scale == pytest.approx(500.0 / math.sqrt(2.0) / 100.0, rel=1e-3)
    assert not found.diluted
    assert maximum_probability(np.array([300.0, 400.0]), np.array([1e4, 1e4]), 1.0).diluted
    assert maximum_probability(np.array([3.0, 0.0]), np.array([10.0, 1.0]), 5.0).probability == 1.0
    assert unknown_covariance_maximum(500.0, 1.0) == pytest.approx(found.probability, rel=1e-9)
    # no other scale gives more
    for factor in (0.5, 0.9, 1.1, 2.0):
        sigma = np.array([80.0, 9.0]) * maximum_probability(np.array([50.0, 40.0]), np.array([80.0, 9.0]), 3.0).scale
        assert in_plane((50.0, 40.0), tuple(sigma * factor), 3.0) < in_plane((50.0, 40.0), tuple(sigma), 3.0)


def test_refusals() -> None:
    with pytest.raises(OrbitError, match="no encounter plane"):
        encounter_plane(np.ones(3), np.zeros(3), np.eye(3))
    for miss, sigma, radius in ((math.nan, 1.0, 1.0), (1.0, math.inf, 1.0), (1.0, 1.0, -1.0)):
        with pytest.raises(OrbitError, match="finite"):
            in_plane((miss, 0.0), (sigma, 1.0), radius)
