"""The model's part of the budget of k: spread against other models, never counted twice with the stated scale; LIME's own covariance."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from lime_files import geometry, response, write

from calib.errors import RequestError
from calib.moon.gain import model_components
from calib.moon.irradiance import IrradianceModel, band_irradiance, load_model
from calib.uncertainty import Component

SUN = "tsis1_hsrs"
BANDS = ["B2", "B3", "B10"]


def parts(model: IrradianceModel, phase_deg: float = 40.0) -> tuple[dict[str, Component], xr.DataArray, list[str]]:
    where = geometry(3).rename(time="band").assign_coords(band=BANDS)
    where["phase"] = ("band", np.full(3, phase_deg), {"units": "deg"})
    bands = response().sel(band=BANDS)
    found, between, outside = model_components(model, where, bands, band_irradiance(model, where, bands))
    return {item.name: item for item in found}, between, outside


def test_a_single_model_stands_alone() -> None:
    found, between, outside = parts(load_model("rolo2005", SUN))
    assert list(found) == ["model_scale", "model_phase"] and not outside
    np.testing.assert_allclose(found["model_scale"].values, 0.05)
    np.testing.assert_allclose(found["model_phase"].values, 0.01)
    assert (found["model_scale"].correlation, found["model_phase"].correlation) == ("common", "along band acquisition")
    assert between.isnull().all()


@pytest.mark.parametrize(("brighter", "total"), [(0.02, 0.05), (0.10, 0.10 / np.sqrt(2))])
def test_spread_and_stated_scale_make_the_larger_of_the_two(brighter: float, total: float) -> None:
    rolo = load_model("rolo2005", SUN)
    other = replace(rolo, title="brighter", factor=rolo.factor * (1 + brighter))
    found, between, _ = parts(rolo.compared_with([other]))
    # the first model is the fainter: too small an irradiance makes k too large
    np.testing.assert_allclose(between, -brighter / np.sqrt(2))
    np.testing.assert_allclose(found["model_spread"].values, brighter / np.sqrt(2))
    assert found["model_spread"].correlation == "common"
    both = np.hypot(found["model_spread"].values, found["model_scale"].values)
    np.testing.assert_allclose(both, total)


def test_seen_from_the_other_model_the_effect_has_the_other_sign() -> None:
    rolo = load_model("rolo2005", SUN)
    other = replace(rolo, title="brighter", factor=rolo.factor * 1.06)
    first, second = (parts(a.compared_with([b]))[0]["model_spread"].values for a, b in ((rolo, other), (other, rolo)))
    # k by one over k by the other: the whole gap, as both standard deviations add up with their signs
    np.testing.assert_allclose((first - second) / np.sqrt(2), 0.06, rtol=0.04)


def test_lime_states_each_band_by_its_own_covariance(tmp_path: Path) -> None:
    lime, rolo = load_model(str(write(tmp_path / "set.nc")), SUN), load_model("rolo2005", SUN)
    alone, _, _ = parts(lime)
    assert list(alone) == ["model_coefficients", "model_phase"]
    assert alone["model_coefficients"].correlation == "along acquisition"
    assert not np.allclose(alone["model_coefficients"].values, alone["model_coefficients"].values[0])
    held, between, _ = parts(lime.compared_with([rolo]))
    np.testing.assert_array_equal(held["model_coefficients"].values, alone["model_coefficients"].values)
    np.testing.assert_allclose(held["model_spread"].values, -between)


def test_a_model_that_does_not_hold_at_the_phase_is_left_out(tmp_path: Path) -> None:
    lime, rolo = load_model(str(write(tmp_path / "set.nc")), SUN), load_model("rolo2005", SUN)
    found, between, outside = parts(rolo.compared_with([lime]), phase_deg=93.0)
    assert outside == [lime.title] and "model_spread" not in found and between.isnull().all()
    np.testing.assert_allclose(found["model_scale"].values, 0.05)


def test_what_a_model_is_compared_with_is_a_part_of_its_content(tmp_path: Path) -> None:
    lime, rolo = load_model(str(write(tmp_path / "set.nc")), SUN), load_model("rolo2005", SUN)
    held = rolo.compared_with([lime])
    assert held.digest != rolo.digest and rolo.compared_with([]).digest == rolo.digest
    assert lime.title in held.label
    with pytest.raises(RequestError, match="itself"):
        rolo.compared_with([load_model("rolo2005", SUN)])
    with pytest.raises(RequestError, match="e490 cannot be compared"):
        rolo.compared_with([load_model("rolo2005", "e490")])
