"""The open door: a model that nobody shipped, by one coefficient file and its table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from lime_files import geometry

from calib.errors import RequestError
from calib.moon.irradiance import disk_reflectance, load_model, spectral_irradiance

SUN = "tsis1_hsrs"
MODEL = """\
title: Made up
reference: "invented for this test"
bands: made_up.csv
terms: {a2: 0, a3: 0, b2: 0, b3: 0, lat: -0.002, lon: 0, sunlon_lat: 0, sunlon_lon: 0, d1: 0, d2: 0, d3: 0, p1: 1, p2: 1, p3: 0, p4: 1}
apollo_factors: false
smallest_phase: 1 deg
largest_phase: 120 deg
scale_uncertainty: 3 %
phase_uncertainty: 2 %
"""


@pytest.fixture
def made_up(tmp_path: Path) -> Path:
    (tmp_path / "made_up.yaml").write_text(MODEL, encoding="utf-8")
    (tmp_path / "made_up.csv").write_text("wavelength_nm,a0,a1,b1\n400,-3,-1,0\n800,-2,-2,0.1\n", encoding="utf-8")
    (tmp_path / "grey.csv").write_text(
        "wavelength_nm,reflectance\n350,0.1\n500,0.1\n600,0.3\n900,0.3\n", encoding="utf-8"
    )
    return tmp_path / "made_up.yaml"


def test_a_made_up_model(made_up: Path) -> None:
    where = geometry()
    found = disk_reflectance(load_model(str(made_up), SUN), where)
    g, sun, lat = np.deg2rad(abs(where["phase"])), np.deg2rad(where["sun_longitude"]), where["observer_latitude"]
    np.testing.assert_allclose(found[:, 0], np.exp(-3 - g - 0.002 * lat), rtol=1e-13)
    np.testing.assert_allclose(found[:, 1], np.exp(-2 - 2 * g + 0.1 * sun - 0.002 * lat), rtol=1e-13)


def test_it_may_follow_a_spectrum_of_its_own(made_up: Path) -> None:
    plain = load_model(str(made_up), SUN)
    made_up.write_text(MODEL + "reference_reflectance: grey.csv\n", encoding="utf-8")
    along = load_model(str(made_up), SUN)
    assert along.digest != plain.digest
    where, at = geometry(), np.array([400.0, 500.0, 600.0, 800.0, 900.0])
    low, high = disk_reflectance(plain, where).values.T
    ratio = spectral_irradiance(along, where, at) / spectral_irradiance(along, where, at[:1]).values
    sun = np.interp(at, plain.solar_wavelength_nm, plain.solar_irradiance)
    # ratios to the spectrum: A/0.1 at 400, A/0.3 at 800, linear between, constant beyond
    expected = np.stack([low, 0.75 * low + high / 12, 1.5 * low + high / 2, high, high], axis=1) * sun
    np.testing.assert_allclose(ratio, expected / expected[:, :1], rtol=1e-12)


def test_its_faults_are_named(made_up: Path) -> None:
    made_up.write_text(MODEL.replace("lat: -0.002", "lat: 0.002"), encoding="utf-8")
    with pytest.raises(RequestError, match="slope in latitude"):
        load_model(str(made_up), SUN)
    assert load_model(str(made_up), SUN, force=True).title == "Made up"
    made_up.write_text(MODEL + "reference_reflectance: absent.csv\n", encoding="utf-8")
    with pytest.raises(RequestError, match=r"absent\.csv"):
        load_model(str(made_up), SUN)
