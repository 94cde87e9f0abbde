"""LIME's coefficient files: what is read, what is refused, and how the reflectance goes from band to band."""

from __future__ import annotations

import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest
from lime_files import TERMS, WAVELENGTHS, coefficients, correlation, geometry, response, write

from calib.errors import InputError, RequestError
from calib.moon.irradiance import band_irradiance, disk_reflectance, load_model, spectral_irradiance
from calib.moon.model_uncertainty import uncertain_irradiance

SUN = "tsis1_hsrs"


def formula(table: np.ndarray, where: object) -> np.ndarray:
    """The equation row by row as LIME's files count them, written out anew: (times, bands)."""
    g, lat, lon, sun = (
        where[name].values[:, None] for name in ("phase", "observer_latitude", "observer_longitude", "sun_longitude")
    )
    g, sun = abs(g), np.deg2rad(sun)
    r = np.deg2rad(g)
    powers = np.stack(
        np.broadcast_arrays(
            r**0, r, r**2, r**3, sun, sun**3, sun**5, lat, lon, sun * lat, sun * lon,
            np.exp(-g / table[14]), np.exp(-g / table[15]), np.cos((g - table[16]) / table[17]),
        )
    )  # fmt: skip
    return np.exp(np.einsum("itk,ik->tk", powers, table[:14]))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A set with a reference spectrum and responses beside it."""
    write(tmp_path / "set.nc")
    wavelength = np.arange(380.0, 1700.0, 0.5)
    spectrum = 0.05 + 1e-4 * (wavelength - 380) + 2e-7 * (wavelength - 600) ** 2
    lines = [f"{nm},{value:.17g}" for nm, value in zip(wavelength, spectrum, strict=True)]
    (tmp_path / "reference_reflectance_made_up.csv").write_text(
        "wavelength_nm,reflectance\n" + "\n".join(lines), encoding="utf-8"
    )
    # triangles whose mean lies beside the nominal wavelength; shorter columns filled with zeros as in the published file
    columns = [
        np.stack([centre + np.arange(-10, 12.0), np.concatenate([np.linspace(0, 1, 16), np.linspace(0.8, 0, 6)])])
        for centre in WAVELENGTHS
    ]
    header = ",".join(f"w.{nm},r.{nm}" for nm in WAVELENGTHS)
    rows = np.concatenate(columns).T
    text = "\n".join(",".join(f"{value:.17g}" for value in row) for row in [*rows, *np.zeros((3, 12))])
    (tmp_path / "cimel_responses.csv").write_text(header + "\n" + text, encoding="utf-8")
    return tmp_path


def test_the_order_of_the_rows(folder: Path) -> None:
    found = disk_reflectance(load_model(str(folder / "set.nc"), SUN), geometry())
    np.testing.assert_allclose(found, formula(coefficients(), geometry()), rtol=1e-13)


def test_between_the_bands_it_follows_the_reference_spectrum(folder: Path) -> None:
    model = load_model("set.nc", SUN, beside=folder)
    table = np.loadtxt(folder / "reference_reflectance_made_up.csv", delimiter=",", skiprows=1)
    responses = np.loadtxt(folder / "cimel_responses.csv", delimiter=",", skiprows=1)[:-3]
    excess = []
    for band, centre in enumerate(WAVELENGTHS):
        nm, value = responses[:, 2 * band], responses[:, 2 * band + 1]
        mean = np.trapezoid(np.interp(nm, *table.T) * value, nm) / np.trapezoid(value, nm)
        excess.append(mean - np.interp(centre, *table.T))
    assert 1e-5 < np.abs(excess).max() < 2e-3
    at_nodes = formula(coefficients(), geometry()) - excess
    wanted = np.array([400.0, 440.0, 470.0, 700.0, 990.0])
    ratio = np.array([np.interp(wanted, WAVELENGTHS, row / np.interp(WAVELENGTHS, *table.T)) for row in at_nodes])
    expected = ratio * np.interp(wanted, *table.T)
    where = geometry().assign(moon_distance=((), 384400.0, {"units": "km"}), sun_distance=((), 1.0, {"units": "au"}))
    irradiance = spectral_irradiance(model, where, wanted)
    sun = np.interp(wanted, model.solar_wavelength_nm, model.solar_irradiance)
    np.testing.assert_allclose(irradiance / sun / 6.4177e-5 * np.pi / 1e3, expected, rtol=1e-12)
    assert "reference_reflectance_made_up" in model.label and "cimel_responses" in model.label


def test_band_mean_against_fine_quadrature(folder: Path) -> None:
    model, bands = load_model(str(folder / "set.nc"), SUN), response()
    fine = np.arange(400, 899.0005, 0.02)
    spectrum = spectral_irradiance(model, geometry(2), fine).values
    found = band_irradiance(model, geometry(2), bands)
    for band in bands["band"].values:
        relative = np.interp(fine, bands["wavelength"], bands.sel(band=band))
        mean = np.trapezoid(spectrum * relative, fine, axis=1) / np.trapezoid(relative, fine)
        # a trapezoid of 0.02 nm errs by parts in 1e6 on the Sun's lines
        np.testing.assert_allclose(found.sel(band=band), mean, rtol=5e-6)


def test_alone_it_follows_rolo(tmp_path: Path) -> None:
    model = load_model(str(write(tmp_path / "set.nc")), SUN)
    assert "ROLO 2005" in model.title
    where = geometry()
    found = spectral_irradiance(model, where, WAVELENGTHS[:4].astype(float))
    sun = np.interp(WAVELENGTHS[:4], model.solar_wavelength_nm, model.solar_irradiance)
    scale = 6.4177e-5 / np.pi * 1e3 * (384400 / where["moon_distance"]) ** 2 / where["sun_distance"] ** 2
    # at its own wavelengths no spectrum enters
    np.testing.assert_allclose(
        found, disk_reflectance(model, where)[:, :4].values * sun * scale.values[:, None], rtol=1e-12
    )


def test_the_suspected_set_needs_force(tmp_path: Path) -> None:
    path = write(tmp_path / "LIME_MODEL_COEFS_20250608_V01.nc", "20250608")
    with pytest.raises(RequestError, match=r"20250608 behaves as if latitude and longitude were exchanged.*--force"):
        load_model(str(path), SUN)
    model = load_model(str(path), SUN, force=True)
    assert "by force" in model.remarks[0]


def test_exchanged_latitude_and_longitude_are_found_by_their_sign(tmp_path: Path) -> None:
    table = coefficients()[[0, 1, 2, 3, 4, 5, 6, 8, 7, 10, 9, 11, 12, 13, 14, 15, 16, 17]]
    path = write(tmp_path / "set.nc", coeff=table)
    with pytest.raises(RequestError, match="slope in latitude"):
        load_model(str(path), SUN)
    assert "exchanged" in load_model(str(path), SUN, force=True).remarks[0]


def test_unknown_and_diverging_sets_are_remarked(tmp_path: Path) -> None:
    assert load_model(str(write(tmp_path / "a.nc")), SUN).remarks == ()
    assert "20991231" in load_model(str(write(tmp_path / "b.nc", "20991231")), SUN).remarks[0]
    old = load_model(str(write(tmp_path / "c.nc", "20231120")), SUN)
    assert "near full Moon" in old.remarks[0]
    with pytest.raises(InputError, match=r"5\.\.90 deg"):
        disk_reflectance(old, geometry(1).assign(phase=("time", [4.0], {"units": "deg"})))


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"coeff": coefficients()[:17]}, "18 terms"),
        ({"err_corr_coeff": np.eye(107)}, "18 terms"),
        ({"coeff": np.full((18, 6), 9.96920997e36)}, "missing values"),
        ({"u_coeff": np.full((18, 6), np.nan)}, "missing values"),
        ({"wavelength": WAVELENGTHS[::-1]}, "do not grow"),
        ({"err_corr_coeff": np.full((108, 108), 1.2)}, "no correlation matrix"),
        ({"coeff": np.full((18, 6), b"abc")}, "no LIME coefficient file"),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, changed: dict[str, np.ndarray], named: str) -> None:
    path = write(tmp_path / "set.nc", **changed)
    with pytest.raises(RequestError, match=named) as refusal:
        load_model(str(path), SUN)
    assert "set.nc" in str(refusal.value) and "\n" not in str(refusal.value)


def test_what_is_no_such_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="no such file"):
        load_model(str(tmp_path / "absent.nc"), SUN)
    (tmp_path / "text.nc").write_text("coeff", encoding="utf-8")
    with pytest.raises(RequestError, match="no LIME coefficient file"):
        load_model(str(tmp_path / "text.nc"), SUN)
    whole = write(tmp_path / "whole.nc").read_bytes()
    (tmp_path / "cut.nc").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RequestError, match="no LIME coefficient file"):
        load_model(str(tmp_path / "cut.nc"), SUN)
    with h5py.File(tmp_path / "other.nc", "w") as file:
        file.create_group("coeff")
        file["wavelength"] = WAVELENGTHS
    with pytest.raises(RequestError, match="no LIME coefficient file"):
        load_model(str(tmp_path / "other.nc"), SUN)


def test_bad_companions_are_refused(folder: Path) -> None:
    good = (folder / "cimel_responses.csv").read_text(encoding="utf-8")
    (folder / "cimel_responses.csv").write_text(good.replace("w.675", "w.676"), encoding="utf-8")
    with pytest.raises(RequestError, match=r"cimel_responses\.csv: needs columns"):
        load_model(str(folder / "set.nc"), SUN)
    (folder / "cimel_responses.csv").write_text(good, encoding="utf-8")
    (folder / "reference_reflectance.csv").write_text(
        "wavelength_nm,reflectance\n400,0.1\n900,-0.1\n", encoding="utf-8"
    )
    with pytest.raises(RequestError, match="2 files match"):
        load_model(str(folder / "set.nc"), SUN)
    (folder / "reference_reflectance_made_up.csv").unlink()
    with pytest.raises(RequestError, match="positive"):
        load_model(str(folder / "set.nc"), SUN)


def test_digest_and_pickling(folder: Path) -> None:
    model = load_model(str(folder / "set.nc"), SUN)
    assert pickle.loads(pickle.dumps(model)).digest == model.digest
    (folder / "cimel_responses.csv").unlink()
    assert load_model(str(folder / "set.nc"), SUN).digest != model.digest
    write(folder / "set.nc", u_coeff=np.sign(coefficients()))
    assert load_model(str(folder / "set.nc"), SUN).digest != model.digest


def test_uncertainty_of_the_coefficients_against_draws(folder: Path) -> None:
    model, where, bands = load_model(str(folder / "set.nc"), SUN), geometry(5), response()
    found = uncertain_irradiance(model, where, bands)
    stated = next(item for item in found.components if item.name == "model_coefficients")
    rng = np.random.default_rng(3)
    table = coefficients()
    deviation = np.abs(table).ravel() * np.linspace(0.2, 0.9, table.size) / 100
    covariance = correlation() * deviation * deviation[:, None]
    # a tenth of the deviations keeps the exponential straight: linear propagation is the thing tested
    draws = rng.multivariate_normal(np.zeros(108), covariance / 100, 4000, method="cholesky").reshape(-1, 18, 6)
    weights = band_weights(model, bands)
    sums = np.stack([(formula(table + draw, where) - model.offset) @ weights.T for draw in draws])
    relative = 10 * sums.std(axis=0) / sums.mean(axis=0)
    # 4000 draws tell a standard deviation to 1.1 %
    np.testing.assert_allclose(stated.values / found.value, relative, rtol=0.05)
    assert stated.correlation == "along acquisition time"
    assert len(TERMS) == 18


def band_weights(model: object, bands: object) -> np.ndarray:
    """Share of each model wavelength in a band's irradiance, by irradiances of models that shine at one wavelength only."""
    from dataclasses import replace

    shares = []
    for number in range(6):
        flat = {name: np.zeros(6) for name in model.terms} | {name: np.ones(6) for name in ("p1", "p2", "p3", "p4")}
        only = replace(model, terms=flat, factor=np.eye(6)[number], offset=np.zeros(6), covariance=None)
        shares.append(band_irradiance(only, geometry(1), bands).values[0])
    return np.array(shares).T
