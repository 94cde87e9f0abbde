"""ROLO 2005 against figures computed by others: published check values and an independent package's rows."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from calib.moon.irradiance import band_irradiance, disk_reflectance, load_model, spectral_irradiance

UNITS = {
    "phase": "deg",
    "observer_latitude": "deg",
    "observer_longitude": "deg",
    "sun_longitude": "deg",
    "moon_distance": "km",
    "sun_distance": "au",
}


def geometry(**values: object) -> xr.Dataset:
    arrays = {name: np.asarray(values.get(name, 1.0), dtype=float) for name in UNITS}
    return xr.Dataset(
        {name: (("row",) if array.ndim else (), array, {"units": UNITS[name]}) for name, array in arrays.items()}
    )


@pytest.fixture(scope="module")
def rows(shared: Path) -> dict[str, np.ndarray]:
    with (shared / "reference/moon/lunar_check.csv").open(encoding="utf-8") as stream:
        table = list(csv.DictReader(stream))
    numeric = [name for name in table[0] if name not in ("id", "platform", "utc")]
    return {name: np.array([float(row[name]) for row in table]) for name in numeric}


@pytest.fixture(scope="module")
def row_geometry(rows: dict[str, np.ndarray]) -> xr.Dataset:
    return geometry(
        phase=rows["phase_deg"],
        observer_latitude=rows["subobs_lat_deg"],
        observer_longitude=rows["subobs_lon_deg"],
        sun_longitude=rows["subsolar_lon_deg"],
        moon_distance=rows["dist_obs_moon_km"],
        sun_distance=rows["dist_sun_moon_au"],
    )


def without_factors() -> object:
    model = load_model("rolo2005", "wehrli1985")
    return replace(model, factor=np.ones_like(model.factor))


@pytest.mark.parametrize(
    ("sun_longitude", "expected"),
    [(40.0, [0.033663, 0.042857, 0.055497, 0.064876]), (-40.0, [0.031801, 0.040433, 0.052102, 0.060911])],
)
def test_printed_check_values(sun_longitude: float, expected: list[float]) -> None:
    where = geometry(phase=-sun_longitude, observer_latitude=3.0, observer_longitude=-5.0, sun_longitude=sun_longitude)
    found = disk_reflectance(without_factors(), where).sel(model_wavelength=[441.6, 553.8, 665.1, 865.3])
    # printed to six decimals
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.51e-6)


def test_native_reflectance(rows: dict[str, np.ndarray], row_geometry: xr.Dataset) -> None:
    found = disk_reflectance(without_factors(), row_geometry)
    names = [name for name in rows if name.startswith("rolo_native_refl_")]
    assert len(names) == 20
    for name in names:
        wavelength = float(re.findall(r"_([\d.]+)nm", name)[0])
        np.testing.assert_allclose(found.sel(model_wavelength=wavelength), rows[name], rtol=1e-9)


def test_irradiance_between_bands(rows: dict[str, np.ndarray], row_geometry: xr.Dataset) -> None:
    model = load_model("rolo2005", "wehrli1985")
    wavelengths = [int(item) for item in re.findall(r"rimo_irr_(\d+)nm", " ".join(rows))]
    assert len(wavelengths) == 20
    found = spectral_irradiance(model, row_geometry, np.array(wavelengths))
    flat = replace(model, solar_irradiance=np.full_like(model.solar_irradiance, np.pi))
    reflectance = spectral_irradiance(
        flat,
        row_geometry.assign(moon_distance=((), 384400.0, {"units": "km"}), sun_distance=((), 1.0, {"units": "au"})),
        np.array(wavelengths),
    )
    for index, wavelength in enumerate(wavelengths):
        # the rows carry ten digits; the shipped Sun seven, which is all that its source has
        np.testing.assert_allclose(found[:, index] / 1e3, rows[f"rimo_irr_{wavelength}nm_W_m-2_nm-1"], rtol=1e-8)
        np.testing.assert_allclose(reflectance[:, index] / 6.4177e-2, rows[f"rimo_refl_{wavelength}nm"], rtol=1e-9)


def test_band_mean_against_fine_quadrature(shared: Path) -> None:
    model = load_model("rolo2005", "tsis1_hsrs")
    table = np.loadtxt(shared / "reference/srf/venus_1nm.csv", delimiter=",", skiprows=1)
    response = xr.DataArray(
        table[:, 1:].T,
        dims=("band", "wavelength"),
        coords={"band": [f"B{n}" for n in range(1, 13)], "wavelength": table[:, 0]},
    )
    where = geometry(
        phase=40.0, observer_latitude=3.0, observer_longitude=-5.0, sun_longitude=40.0, moon_distance=384400.0
    )
    found = band_irradiance(model, where, response)
    fine = np.arange(395, 930.0005, 0.01)
    spectrum = spectral_irradiance(model, where, fine).values
    for band in range(12):
        relative = np.interp(fine, table[:, 0], table[:, band + 1])
        # a trapezoid of 0.01 nm errs by (0.01 nm)² times the curvature: parts in 1e7
        assert float(found[band]) == pytest.approx(
            np.trapezoid(spectrum * relative, fine) / np.trapezoid(relative, fine), rel=1e-6
        )


def test_centre_sampling_is_wrong_by_percents(shared: Path) -> None:
    # the trap that integration avoids: 4.6 % on B1, where the Sun's lines lie
    model = load_model("rolo2005", "tsis1_hsrs")
    table = np.loadtxt(shared / "reference/srf/venus_1nm.csv", delimiter=",", skiprows=1)
    response = xr.DataArray(
        table[:, 1:2].T, dims=("band", "wavelength"), coords={"band": ["B1"], "wavelength": table[:, 0]}
    )
    where = geometry(phase=40.0, sun_longitude=40.0, moon_distance=384400.0)
    ratio = float(spectral_irradiance(model, where, np.array([424.0]))[0] / band_irradiance(model, where, response)[0])
    assert abs(ratio - 1) > 0.03
