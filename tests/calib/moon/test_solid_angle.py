"""The solid angle of a sample: one scale for all bands, an outvoted failure, and bands without rates."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from calib.moon.solid_angle import solid_angle

BANDS = ["B1", "B2", "B3", "B4", "B5", "B6"]
RADIUS_RAD = 4.5e-3
SAMPLE_RAD = 3.0e-5


def disk(limb_over_rates: list[float], rates: list[float] | None = None, axis_uncertainty: float = 0.05) -> xr.Dataset:
    """Disks whose limbs say `limb_over_rates` times the solid angle of pixel angles and rates; NaN in `rates` for a band without."""
    line = SAMPLE_RAD * np.linspace(0.4, 0.5, len(limb_over_rates))
    semi_column = np.full(len(line), RADIUS_RAD / SAMPLE_RAD)
    values = {
        "semi_axis_column": semi_column,
        "semi_axis_line": RADIUS_RAD**2 / (semi_column * SAMPLE_RAD * line * np.array(limb_over_rates)),
        "axis_uncertainty": np.full(len(line), axis_uncertainty),
        "sample_angle_column": np.full(len(line), SAMPLE_RAD),
        "sample_angle_line": line if rates is None else np.where(np.isnan(rates), np.nan, line),
    }
    return xr.Dataset({name: ("band", value) for name, value in values.items()}, {"band": BANDS[: len(line)]})


def radius(count: int) -> xr.DataArray:
    return xr.DataArray(np.full(count, RADIUS_RAD), dims="band", coords={"band": BANDS[:count]})


def test_all_bands_get_one_scale_and_their_own_rate() -> None:
    gaps = [1.001, 1.003, 1.002, 1.002, 1.001, 1.003]
    found = solid_angle(disk(gaps), radius(6))
    np.testing.assert_allclose(found.gap, np.array(gaps) - 1, atol=1e-12)
    # nearly equal weights: the mean of the six, but for the small difference of the axes
    np.testing.assert_allclose(found.used / found.rates, 1.002, atol=1e-5)
    np.testing.assert_allclose(np.ptp((found.used / found.rates).values), 0.0, atol=1e-12)


def test_a_failed_limb_is_outvoted() -> None:
    found = solid_angle(disk([1.001, 1.002, 1.0015, 0.98, 1.001, 1.002]), radius(6))
    np.testing.assert_allclose(found.used / found.rates, 1.0015, atol=2e-4)
    assert float(found.gap.sel(band="B4")) == pytest.approx(-0.02)


def test_better_limbs_weigh_more() -> None:
    data = disk([1.0, 1.004])
    data["axis_uncertainty"] = ("band", np.array([0.05, 0.1]))
    # weights 1/u² : 0.8 and 0.2, up to the small difference of the axes
    found = solid_angle(data, radius(2))
    assert float((found.used / found.rates)[0] - 1) == pytest.approx(0.0008, rel=0.25)


def test_bands_without_rates_keep_their_limb() -> None:
    found = solid_angle(disk([1.002, 1.002, 1.01], rates=[1.0, 1.0, np.nan]), radius(3))
    np.testing.assert_allclose(found.used[:2], found.rates[:2] * 1.002, rtol=1e-12)
    np.testing.assert_allclose(found.used[2], found.limb[2], rtol=1e-12)
    assert np.isfinite(found.fit).all() and np.isnan(found.half_gap[2]) and np.isfinite(found.half_gap[:2]).all()
    none = solid_angle(disk([1.002, 1.01], rates=[np.nan, np.nan]), radius(2))
    np.testing.assert_allclose(none.used, none.limb, rtol=1e-12)


def test_uncertainty_of_the_fit_and_half_the_gap() -> None:
    precise = solid_angle(disk([1.0] * 6, axis_uncertainty=1e-6), radius(6))
    assert float(precise.fit.max()) < 2e-6 and float(precise.half_gap.max()) < 2e-6
    apart = solid_angle(disk([1.004] * 6, axis_uncertainty=1e-6), radius(6))
    np.testing.assert_allclose(apart.half_gap, 0.002, rtol=1e-2)
    # 0.05 pixel of 150 and of 333 to 375: what all bands share does not average down
    rough = solid_angle(disk([1.0] * 6), radius(6))
    assert 3.3e-4 < float(rough.fit.min()) < 4.0e-4
