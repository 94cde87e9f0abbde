"""LIME, and both models from time and place to irradiance, against figures computed by others with a JPL ephemeris (DE421)."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from calib.moon.irradiance import disk_reflectance, load_model, spectral_irradiance
from calib.moon.model_uncertainty import uncertain_irradiance
from orbit_aux.moon_view import moon_geometry
from orbit_aux.time import Times

BANDS = (440, 500, 675, 870, 1020, 1640)
COLUMNS = {
    "phase": ("phase_deg", "deg"),
    "observer_latitude": ("subobs_lat_deg", "deg"),
    "observer_longitude": ("subobs_lon_deg", "deg"),
    "sun_longitude": ("subsolar_lon_deg", "deg"),
    "moon_distance": ("dist_obs_moon_km", "km"),
    "sun_distance": ("dist_sun_moon_au", "au"),
}


class Rows:
    """The rows of the check table: columns of numbers, the geometry they state, and the one computed from time and place."""

    def __init__(self, path: Path) -> None:
        with path.open(encoding="utf-8") as stream:
            self._rows = list(csv.DictReader(stream))

    def __getitem__(self, name: str) -> np.ndarray:
        return np.array([float(row[name]) for row in self._rows])

    def wavelengths(self, stem: str) -> np.ndarray:
        return np.array([float(item) for item in re.findall(rf"{stem}_(\d+)nm", " ".join(self._rows[0]))])

    @property
    def stated(self) -> xr.Dataset:
        return xr.Dataset({name: ("time", self[column], {"units": unit}) for name, (column, unit) in COLUMNS.items()})

    @property
    def computed(self) -> xr.Dataset:
        place = np.stack([self[f"j2000_{axis}_km"] for axis in "xyz"], axis=1) * 1e3
        return moon_geometry(Times.from_utc([row["utc"] for row in self._rows]), place)


@pytest.fixture(scope="module")
def rows(shared: Path) -> Rows:
    return Rows(shared / "reference/moon/lunar_check.csv")


@pytest.fixture(scope="module")
def folder(shared: Path) -> Path:
    return shared / "reference/moon/lime"


@pytest.mark.parametrize("name", ["20231120_V02", "20251010_V01"])
def test_reflectance_at_the_six_bands(rows: Rows, folder: Path, name: str) -> None:
    model = load_model(str(folder / f"LIME_MODEL_COEFS_{name}.nc"), "tsis1_hsrs")
    found = disk_reflectance(model, rows.stated)
    for number, band in enumerate(BANDS):
        # asked 1e-6; the table has ten digits
        np.testing.assert_allclose(found[:, number], rows[f"lime{name[:8]}_refl_cimel{band}nm"], rtol=1e-9)


def test_uncertainty_of_the_coefficients(rows: Rows, folder: Path) -> None:
    model = load_model(str(folder / "LIME_MODEL_COEFS_20251010_V01.nc"), "tsis1_hsrs")
    # without a reference spectrum the bands themselves are told; 1020 nm and beyond lie outside the shipped Sun
    found = uncertain_irradiance(model, rows.stated, np.array(BANDS[:4], dtype=float))
    stated = found.components[0].values / found.value
    for number, band in enumerate(BANDS[:4]):
        # the table's are of 100 draws each, good to 7 %; the ten rows share their draws
        np.testing.assert_allclose(stated[:, number], rows[f"lime20251010_urel_k1_cimel{band}nm"], rtol=0.2)


def test_along_the_reference_spectrum(rows: Rows, folder: Path) -> None:
    sun = str(folder / "solar_tsis1_hsrs_gauss3nm.csv")
    model = load_model(str(folder / "LIME_MODEL_COEFS_20251010_V01.nc"), sun)
    assert "reference_reflectance_apollo16_breccia" in model.title
    wavelengths = rows.wavelengths("lime_comp_refl")
    found = spectral_irradiance(model, rows.stated, wavelengths) / 1e3
    for number, wavelength in enumerate(wavelengths):
        # the quadrature over the photometer's response is its makers' own: 1e-4 of A where A is smallest, at 76 degrees
        expected = rows[f"lime_comp_irr_{wavelength:g}nm_W_m-2_nm-1"]
        np.testing.assert_allclose(found[:, number], expected, rtol=1.2e-4)


def test_lime_from_time_and_place(rows: Rows, folder: Path) -> None:
    sun = str(folder / "solar_tsis1_hsrs_gauss3nm.csv")
    model = load_model(str(folder / "LIME_MODEL_COEFS_20251010_V01.nc"), sun)
    wavelengths = rows.wavelengths("lime_comp_refl")
    found = spectral_irradiance(model, rows.computed, wavelengths) / 1e3
    expected = np.stack([rows[f"lime_comp_irr_{item:g}nm_W_m-2_nm-1"] for item in wavelengths], axis=1)
    assert np.abs(found.values / expected - 1).max() < 2e-4


def test_rolo_from_time_and_place(rows: Rows) -> None:
    model = load_model("rolo2005", "wehrli1985")
    wavelengths = rows.wavelengths("rimo_irr")
    found = spectral_irradiance(model, rows.computed, wavelengths) / 1e3
    expected = np.stack([rows[f"rimo_irr_{item:g}nm_W_m-2_nm-1"] for item in wavelengths], axis=1)
    error = found.values / expected - 1
    assert np.abs(error).max() < 2e-4
    # what the analytic ephemeris costs
    assert np.sqrt(np.mean(error**2)) < 3e-5
