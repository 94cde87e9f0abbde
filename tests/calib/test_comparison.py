"""Old and new coefficients of one image, and two periods of a camera: expected spreads against drawn ones."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from calib.comparison import ROUNDING, change_of_one_image, compare_periods
from calib.uncertainty import Component, Uncertain

BANDS = ["B1", "B2", "B3"]
DRAWS = 20_000


def over_bands(values: list[float]) -> xr.DataArray:
    return xr.DataArray(np.array(values), dims="band", coords={"band": BANDS}, attrs={"units": "1"})


def coefficient(values: list[float], geometry: float = 2e-4) -> Uncertain:
    k = over_bands(values)
    plain = k.drop_attrs()
    sizes = (("noise", 1e-3, "random"), ("model_scale", 5e-2, "common"), ("response", 3e-3, "along acquisition"))
    parts = [Component(name, size * plain, correlation) for name, size, correlation in sizes]
    return Uncertain(k, (*parts, Component("geometry", geometry * plain, "along band")))


def test_all_that_the_image_shares_cancels() -> None:
    old, new = coefficient([1.0, 1.02, 0.98]), coefficient([1.001, 1.02102, 0.98098])
    found = change_of_one_image(old, new)
    np.testing.assert_allclose(found["change"], 1e-3, rtol=1e-9)
    # noise of 1e-3 and scale of 5e-2 are the same error in both
    assert float(found["shared_uncertainty"].max()) < 1e-9
    np.testing.assert_allclose(found["orbit_uncertainty"], np.sqrt(2) * 2e-4, rtol=2e-3)
    np.testing.assert_allclose(found["over_orbit"], 1e-3 / (np.sqrt(2) * 2e-4), rtol=2e-3)
    total = np.sqrt(1e-3**2 + 5e-2**2 + 3e-3**2 + 2e-4**2)
    np.testing.assert_allclose(found["over_uncertainty"], 1e-3 / total, rtol=1e-9)


def test_the_spread_of_changes_is_as_expected() -> None:
    rng = np.random.default_rng(8)
    shared, orbits = rng.standard_normal((DRAWS, 1)), rng.standard_normal((DRAWS, 2))
    drawn = (1 + 5e-2 * shared) * (1 + 2e-4 * orbits)
    spread = np.std(drawn[:, 1] / drawn[:, 0] - 1)
    expected = change_of_one_image(coefficient([1.0] * 3), coefficient([1.0] * 3))["orbit_uncertainty"]
    # of 20000 draws a standard deviation is known to 0.5 %
    np.testing.assert_allclose(expected, spread, rtol=0.02)


def test_a_stated_covariance_takes_the_place_of_the_budget() -> None:
    old, new = coefficient([1.0, 1.02, 0.98]), coefficient([1.001, 1.02102, 0.98098])
    share = over_bands([1e-5, 1e-3, 0.0]).drop_attrs()
    found = change_of_one_image(old, new, share)
    np.testing.assert_allclose(found["orbit_uncertainty"], np.hypot(share, np.sqrt(2) * ROUNDING), rtol=1e-12)


def test_what_old_and_new_do_not_share_is_told() -> None:
    old, new = coefficient([1.0] * 3), coefficient([1.0] * 3)
    more = Uncertain(new.value, (*new.components, Component("sky", 4e-4 * new.value.drop_attrs(), "random")))
    np.testing.assert_allclose(change_of_one_image(old, more)["shared_uncertainty"], 4e-4, rtol=1e-9)


def campaign(count: int, **sizes: tuple[float, str]) -> Uncertain:
    value = xr.DataArray(
        np.ones((count, 3)),
        dims=("acquisition", "band"),
        coords={"acquisition": [f"a{number}" for number in range(count)], "band": BANDS},
        attrs={"units": "1"},
    )
    plain = value.drop_attrs()
    parts = tuple(Component(name, size * plain, correlation) for name, (size, correlation) in sizes.items())
    return Uncertain(value, parts)


def test_the_uncertainty_of_a_difference_of_periods_is_its_spread() -> None:
    """Against draws: what is common to all dates cancels, what is each date's own averages down."""
    count, after = 7, np.arange(7) >= 4
    item = campaign(
        count,
        noise=(1e-3, "random"),
        solid_angle=(2e-3, "along band"),
        response=(3e-3, "along acquisition"),
        model_scale=(2e-2, "common"),
    )
    rng = np.random.default_rng(3)
    own = 1e-3 * rng.standard_normal((DRAWS, count)) + 2e-3 * rng.standard_normal((DRAWS, count))
    shared = 3e-3 * rng.standard_normal((DRAWS, 1)) + 2e-2 * rng.standard_normal((DRAWS, 1))
    k = 1 + own + shared
    spread = np.std(k[:, after].mean(axis=1) / k[:, ~after].mean(axis=1) - 1)
    found = compare_periods(item, np.full(count, -40.0), np.ones((count, 3), bool), after)
    np.testing.assert_allclose(found["uncertainty"], spread, rtol=0.02)
    np.testing.assert_allclose(found["change"], 0.0, atol=1e-12)
    assert found["count_before"].values.tolist() == [4, 4, 4]


def test_the_residual_with_phase_cancels_for_like_phases_only() -> None:
    item, used = campaign(4, model_phase=(1e-2, "along band acquisition")), np.ones((4, 3), bool)
    after = np.array([False, False, True, True])
    alike = compare_periods(item, np.array([-40.0, -40.0, -40.0, -40.0]), used, after)
    apart = compare_periods(item, np.array([-40.0, -40.0, 55.0, 55.0]), used, after)
    np.testing.assert_allclose(alike["uncertainty"], 0.0, atol=1e-8)
    np.testing.assert_allclose(apart["uncertainty"], np.sqrt(2) * 1e-2, rtol=1e-12)


def test_like_is_compared_with_like() -> None:
    item, used = campaign(4, noise=(1e-3, "random")), np.ones((4, 3), bool)
    after = np.array([False, False, False, True])
    found = compare_periods(item, np.array([-40.0, 55.0, 60.0, -42.0]), used, after)
    assert found["count_before"].values.tolist() == [1, 1, 1]


def test_scatter_that_the_budget_does_not_hold_widens_the_difference() -> None:
    item = campaign(8, noise=(1e-4, "random"))
    scattered = item.value * (1 + 5e-3 * np.random.default_rng(1).standard_normal((8, 3)))
    noisy = Uncertain(scattered.assign_attrs(units="1"), item.components)
    after = np.arange(8) >= 4
    found = compare_periods(noisy, np.full(8, -40.0), np.ones((8, 3), bool), after)
    # 5e-3 over four dates each; a standard deviation of six degrees of freedom is known to 30 %
    np.testing.assert_allclose(found["uncertainty"], 5e-3 / np.sqrt(2), rtol=0.6)


def test_a_band_without_values_has_no_verdict() -> None:
    used = np.ones((4, 3), bool)
    used[2:, 1] = False
    found = compare_periods(campaign(4, noise=(1e-3, "random")), np.zeros(4), used, np.arange(4) >= 2)
    assert np.isnan(found["significance"].values).tolist() == [False, True, False]


@pytest.mark.parametrize("step", [5e-3, -5e-3])
def test_a_change_of_the_camera_is_seen_with_its_sign(step: float) -> None:
    item, after = campaign(6, noise=(1e-3, "random"), model_scale=(5e-2, "common")), np.arange(6) >= 3
    factor = np.where(after, 1 + step, 1.0)[:, np.newaxis]
    parts = tuple(Component(part.name, part.values * factor, part.correlation) for part in item.components)
    moved = Uncertain((item.value * factor).assign_attrs(units="1"), parts)
    found = compare_periods(moved, np.full(6, -40.0), np.ones((6, 3), bool), after)
    np.testing.assert_allclose(found["change"], step, rtol=1e-9)
    # five per cent of scale that all share do not hide half a per cent
    np.testing.assert_allclose(found["significance"], step / (1e-3 * np.sqrt(2 / 3)), rtol=0.01)
