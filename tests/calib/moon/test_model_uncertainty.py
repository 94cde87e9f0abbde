"""What a model says of its own uncertainty, and the spread between models."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from lime_files import geometry, response, write

from calib.errors import RequestError
from calib.moon.irradiance import band_irradiance, load_model, spectral_irradiance
from calib.moon.model_uncertainty import spread, uncertain_irradiance

SUN = "tsis1_hsrs"


def test_a_model_without_covariance_states_its_scale() -> None:
    model = load_model("rolo2005", SUN)
    found = uncertain_irradiance(model, geometry(), response())
    np.testing.assert_array_equal(found.value, band_irradiance(model, geometry(), response()))
    by_name = {item.name: item for item in found.components}
    np.testing.assert_allclose(by_name["model_scale"].values, 0.05 * found.value)
    np.testing.assert_allclose(by_name["model_phase"].values, 0.01 * found.value)
    assert by_name["model_scale"].correlation == "common"
    assert by_name["model_phase"].same_along("band") and by_name["model_phase"].same_along("acquisition")


def test_a_geometry_for_each_band(tmp_path: Path) -> None:
    model, bands = load_model(str(write(tmp_path / "set.nc")), SUN), response()
    where = geometry(3).rename(time="band").assign_coords(band=["B10", "B3", "B2"])
    found = uncertain_irradiance(model, where, bands)
    together = uncertain_irradiance(model, geometry(3), bands)
    for number, band in enumerate(["B10", "B3", "B2"]):
        for one, every in zip(found.components, together.components, strict=True):
            np.testing.assert_allclose(one.values.sel(band=band), every.values.sel(band=band)[number], rtol=1e-12)


def test_single_wavelengths(tmp_path: Path) -> None:
    model, where = load_model(str(write(tmp_path / "set.nc")), SUN), geometry()
    found = uncertain_irradiance(model, where, np.array([440.0, 700.0]))
    np.testing.assert_array_equal(found.value, spectral_irradiance(model, where, np.array([440.0, 700.0])))
    assert (found.total() > 0.01 * found.value).all()


def test_spread_of_models_that_differ_by_a_factor() -> None:
    model = load_model("rolo2005", SUN)
    brighter = replace(model, factor=model.factor * 1.06)
    found = spread([model, brighter], geometry(), response())
    # the standard deviation of two values is their difference over the root of two; the first model is the fainter
    np.testing.assert_allclose(found.values, -0.06 / np.sqrt(2), rtol=1e-12)
    np.testing.assert_allclose(
        spread([brighter, model], geometry(), response()).values, 0.06 / 1.06 / np.sqrt(2), rtol=1e-12
    )
    assert found.correlation == "common" and found.values.dims == ("band",)
    three = spread([model, brighter, replace(model, factor=model.factor * 1.03)], geometry(), np.array([500.0]))
    np.testing.assert_allclose(three.values, -0.03, rtol=1e-12)


def test_spread_needs_two_models_on_one_sun() -> None:
    model = load_model("rolo2005", SUN)
    with pytest.raises(RequestError, match="two models"):
        spread([model], geometry(), response())
    with pytest.raises(RequestError, match="e490, tsis1_hsrs"):
        spread([model, load_model("rolo2005", "e490")], geometry(), response())
