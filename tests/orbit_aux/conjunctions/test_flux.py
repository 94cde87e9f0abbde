"""Three dimensions and Monte Carlo, against published Monte Carlo values, the plane where it holds, and each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conjunctions import alfano, crossing
from scipy.stats import binom

from orbit_aux.conjunctions.collision import probability_2d
from orbit_aux.conjunctions.encounter import Encounter
from orbit_aux.conjunctions.flux import encounter_window, expected_collisions
from orbit_aux.conjunctions.monte_carlo import interval, monte_carlo, wanted_samples
from orbit_aux.errors import OrbitError


def two(encounter: Encounter) -> float:
    plane = encounter.plane
    return probability_2d(plane.miss_m, plane.sigma_m, encounter.radius_m)


@pytest.mark.parametrize("radius_m", [1.0, 10.0, 80.0])
def test_a_fast_encounter_is_flat(radius_m: float) -> None:
    encounter = crossing(radius_m=radius_m)
    found = expected_collisions(encounter, encounter_window(encounter))
    # the paths bend by 3 mm within the covariance
    assert found.expected == pytest.approx(two(encounter), rel=2e-3)
    assert found.inside_at_start == 0.0


def test_turning_space_changes_nothing() -> None:
    encounter = crossing(angle_deg=0.2, sigma_m=(8.0, 60.0, 8.0))
    turn = np.kron(np.eye(2), np.linalg.qr(np.random.default_rng(5).standard_normal((3, 3)))[0])
    turned = Encounter(encounter.states @ turn.T, turn @ encounter.covariances @ turn.T, encounter.radius_m)
    first, second = (expected_collisions(item, (-400.0, 400.0)).expected for item in (encounter, turned))
    # elements refer to other axes then: the Gaussians differ at second order
    assert first == pytest.approx(second, rel=1e-3)


@pytest.mark.parametrize("case", [2, 3, 6, 7, 8, 9])
def test_published_monte_carlo(shared: Path, case: int) -> None:
    encounter, figures = alfano(shared)[case]
    found = expected_collisions(encounter, encounter_window(encounter))
    # 1e8 samples: 0.8 % at worst (case 7); the method's own error is of the order of a per cent
    assert found.probability == pytest.approx(figures["pc_mc_1e8"], rel=0.015)


@pytest.mark.parametrize(("case", "samples"), [(3, 100_000), (4, 50_000), (6, 300_000), (8, 50_000)])
def test_own_monte_carlo_holds_the_published_value(shared: Path, case: int, samples: int) -> None:
    encounter, figures = alfano(shared)[case]
    window = encounter_window(encounter)
    flux = expected_collisions(encounter, window)
    found = monte_carlo(encounter, window, samples, flux, seed=7)
    low, high = interval(found.hits, samples, 0.999)
    assert low < figures["pc_mc_1e8"] < high
    assert (found.low, found.high) == interval(found.hits, samples)


def test_samples_repeat_by_their_seed(shared: Path) -> None:
    encounter, _ = alfano(shared)[3]
    window = encounter_window(encounter)
    flux = expected_collisions(encounter, window)
    hits = [monte_carlo(encounter, window, 20_000, flux, seed).hits for seed in (1, 1, 2)]
    assert hits[0] == hits[1] != hits[2]


def test_the_number_of_samples() -> None:
    encounter = crossing()
    window = encounter_window(encounter)
    flux = expected_collisions(encounter, window)
    found = wanted_samples(flux, window, encounter.shortest_period_s, 0.05)
    assert found == pytest.approx((1 - flux.probability) / flux.probability / 0.05**2, abs=1.0)
    rare = crossing(miss_rtn_m=(80.0, 100.0, 0.0))
    flux = expected_collisions(rare, encounter_window(rare))
    assert wanted_samples(flux, window, encounter.shortest_period_s) == 0


@pytest.mark.parametrize(("hits", "samples"), [(0, 100), (3, 100), (50, 100), (100, 100)])
def test_the_interval_is_clopper_and_pearson_s(hits: int, samples: int) -> None:
    low, high = interval(hits, samples)
    # at its bounds what was seen is as rare as 2.5 %
    assert hits == 0 or binom.sf(hits - 1, samples, low) == pytest.approx(0.025, rel=1e-6)
    assert hits == samples or binom.cdf(hits, samples, high) == pytest.approx(0.025, rel=1e-6)


def test_refusals() -> None:
    encounter = crossing()
    with pytest.raises(OrbitError, match="window"):
        expected_collisions(encounter, (5.0, -5.0))
    with pytest.raises(OrbitError, match="radius and a covariance"):
        expected_collisions(crossing(radius_m=0.0), (-5.0, 5.0))
    flux = expected_collisions(encounter, (-5.0, 5.0))
    with pytest.raises(OrbitError, match="samples"):
        monte_carlo(encounter, (-5.0, 5.0), 0, flux)
