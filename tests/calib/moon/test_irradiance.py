"""The lunar model as a file and as a function: what it refuses, what its digest stands for, dimensions and speed."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from calib.config import CONFIGS
from calib.errors import InputError, RequestError
from calib.moon.irradiance import band_irradiance, disk_reflectance, load_model

UNITS = {
    "phase": "deg",
    "observer_latitude": "deg",
    "observer_longitude": "deg",
    "sun_longitude": "deg",
    "moon_distance": "km",
    "sun_distance": "au",
}
VALUES = {
    "phase": -40.0,
    "observer_latitude": 3.0,
    "observer_longitude": -5.0,
    "sun_longitude": 38.0,
    "moon_distance": 380000.0,
    "sun_distance": 0.99,
}


def geometry(dims: tuple[str, ...] = (), shape: tuple[int, ...] = (), **changed: float) -> xr.Dataset:
    values = {**VALUES, **changed}
    return xr.Dataset({name: (dims, np.full(shape, values[name]), {"units": unit}) for name, unit in UNITS.items()})


@pytest.fixture
def response() -> xr.DataArray:
    wavelength = np.arange(430.0, 900.0, 2.5)
    centres = {"B2": 450.0, "B10": 780.0, "B3": 492.0}
    values = np.stack([np.exp(-(((wavelength - centre) / 15) ** 2)) for centre in centres.values()])
    return xr.DataArray(values, dims=("band", "wavelength"), coords={"band": list(centres), "wavelength": wavelength})


@pytest.fixture
def model_copy(tmp_path: Path) -> Path:
    for name in ("rolo2005.yaml", "rolo2005_bands.csv"):
        shutil.copy(CONFIGS / "models" / name, tmp_path / name)
    return tmp_path / "rolo2005.yaml"


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize("spectrum", ["tsis1_hsrs", "wehrli1985", "e490"])
def test_shipped_spectra_agree_within_their_known_spread(spectrum: str, response: xr.DataArray) -> None:
    found = band_irradiance(load_model("rolo2005", spectrum), geometry(), response)
    reference = band_irradiance(load_model("rolo2005", "tsis1_hsrs"), geometry(), response)
    # solar spectra differ by up to 3 %
    np.testing.assert_allclose(found, reference, rtol=0.03)
    assert found.attrs["units"] == "W m-2 um-1"


def test_exchanged_libration_terms_are_refused(model_copy: Path) -> None:
    change(model_copy, "lat: -0.0013425\n  lon: 0.00034115", "lat: 0.00034115\n  lon: -0.0013425")
    with pytest.raises(RequestError, match="slope in latitude"):
        load_model(str(model_copy), "tsis1_hsrs")


def test_a_missing_or_repeated_term_is_named(model_copy: Path) -> None:
    change(model_copy, "  p4: 16.7498\n", "")
    with pytest.raises(RequestError, match="'p4'"):
        load_model(str(model_copy), "tsis1_hsrs")
    change(model_copy, "  p3: -30.5858\n", "  p3: -30.5858\n  p4: 16.7498\n  a0: 1.0\n")
    with pytest.raises(RequestError, match="'a0'"):
        load_model(str(model_copy), "tsis1_hsrs")


def test_unknown_spectrum_suggests(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="did you mean 'tsis1_hsrs'"):
        load_model("rolo2005", "tsis1_hrs")
    (tmp_path / "own.csv").write_text("wavelength_nm,irradiance_W_m2_nm\n500,1.9\n400,nan\n", encoding="utf-8")
    with pytest.raises(RequestError, match=r"own\.csv"):
        load_model("rolo2005", "own.csv", beside=tmp_path)


@pytest.mark.parametrize("phase", [1.5, -97.1, np.nan])
def test_phase_outside_the_model_is_refused(phase: float) -> None:
    with pytest.raises(InputError, match=r"1\.55\.\.97 deg"):
        disk_reflectance(load_model("rolo2005", "tsis1_hsrs"), geometry(phase=phase))


def test_units_are_demanded_and_converted(response: xr.DataArray) -> None:
    model = load_model("rolo2005", "tsis1_hsrs")
    bare = geometry()
    bare["phase"].attrs.clear()
    with pytest.raises(ValueError, match="phase"):
        disk_reflectance(model, bare)
    metres = geometry().assign(moon_distance=((), 3.8e8, {"units": "m"}))
    np.testing.assert_allclose(
        band_irradiance(model, metres, response), band_irradiance(model, geometry(), response), rtol=1e-14
    )


def test_geometry_of_each_band_is_its_own(response: xr.DataArray) -> None:
    model = load_model("rolo2005", "tsis1_hsrs")
    phases = {"B3": -30.0, "B2": -40.0, "B10": -50.0}
    where = (
        geometry(("band",), (3,))
        .assign_coords(band=list(phases))
        .assign(phase=("band", list(phases.values()), {"units": "deg"}))
    )
    found = band_irradiance(model, where, response)
    assert list(found["band"].values) == ["B2", "B10", "B3"]
    for band, phase in phases.items():
        alone = band_irradiance(model, geometry(phase=phase), response.sel(band=[band]))
        np.testing.assert_allclose(found.sel(band=band), alone.item(), rtol=1e-14)


def test_any_dimensions(response: xr.DataArray) -> None:
    found = band_irradiance(load_model("rolo2005", "tsis1_hsrs"), geometry(("orbit", "time"), (2, 3)), response)
    assert found.dims == ("orbit", "time", "band")


def test_response_beyond_the_tables_is_refused(response: xr.DataArray) -> None:
    far = response.assign_coords(wavelength=response["wavelength"] + 200)
    with pytest.raises(RequestError, match="tsis1_hsrs"):
        band_irradiance(load_model("rolo2005", "tsis1_hsrs"), geometry(), far.sel(band=["B10"]))


def test_digest_stands_for_numbers_and_survives_pickling(model_copy: Path) -> None:
    model = load_model("rolo2005", "tsis1_hsrs")
    change(model_copy, "title: ROLO 2005", "title: other words")
    assert load_model(str(model_copy), "tsis1_hsrs").digest == model.digest
    change(model_copy, "apollo_factors: true", "apollo_factors: false")
    assert load_model(str(model_copy), "tsis1_hsrs").digest != model.digest
    assert load_model("rolo2005", "e490").digest != model.digest
    assert pickle.loads(pickle.dumps(model)).digest == model.digest
