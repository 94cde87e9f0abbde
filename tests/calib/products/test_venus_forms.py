"""One scene in both forms of Venµs products: VSC multiplies by 0.001, MUSCATE divides by 1000."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from calib.acquisition import Acquisition
from calib.products import venus_muscate, venus_vsc
from calib.radiometry import reflectance
from calib.simulate.products import venus_muscate as muscate_writer
from calib.simulate.products import venus_vsc as vsc_writer
from calib.simulate.products.scene import site_scene

BANDS = [f"B{number}" for number in range(1, 13)]
#: every count from 1 to 2000 occurs: the quotient of each has to be the same number in both forms
SCENE = site_scene(BANDS, shape=(50, 60))
SCENE.reflectance.values[:, :40, :50] = (np.arange(2000).reshape(40, 50) + 1) / 1000.0


def reflectances(acquisition: Acquisition, band: str) -> np.ndarray:
    image = acquisition.bands[band]
    values: np.ndarray = reflectance(image.counts(), image.calibration, nodata=image.nodata).values
    return values


def test_both_forms_give_the_same_reflectance_to_the_last_bit(tmp_path: Path) -> None:
    vsc = venus_vsc.read(vsc_writer.write(tmp_path / "vsc", SCENE))
    muscate = venus_muscate.read(muscate_writer.write(tmp_path / "muscate", SCENE))
    assert list(vsc.bands) == list(muscate.bands) == BANDS
    for band in BANDS:
        one, other = reflectances(vsc, band), reflectances(muscate, band)
        assert one.dtype == other.dtype and np.array_equal(one, other, equal_nan=True), band
        assert np.isnan(one[SCENE.empty]).all() and np.isfinite(one[:40, :50]).all()


def test_both_forms_give_the_same_angles_detectors_and_date(tmp_path: Path) -> None:
    vsc = venus_vsc.read(vsc_writer.write(tmp_path / "vsc", SCENE))
    muscate = venus_muscate.read(muscate_writer.write(tmp_path / "muscate", SCENE))
    assert vsc.angles is not None and muscate.angles is not None
    for name in ("sun_zenith", "sun_azimuth", "view_zenith", "view_azimuth"):
        one, other = (
            item.angles[name].sel(point="center").values for item in (vsc, muscate) if item.angles is not None
        )
        # headers write angles with what digits they please: 1e-6 degrees is far below what any of them means
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)
    for band in BANDS:
        assert vsc.bands[band].detector == muscate.bands[band].detector
        assert vsc.bands[band].sampling_m == muscate.bands[band].sampling_m
    # VSC headers write dates to the second
    assert vsc.acquired is not None and muscate.acquired is not None
    assert abs(vsc.acquired - muscate.acquired) <= np.timedelta64(1, "s")
