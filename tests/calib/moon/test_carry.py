"""One disk for all bands: equal to a search in each of them, and given up where times or limb do not agree."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from moon_cases import calibrated, simulated

from calib.acquisition import Acquisition, BandImage
from calib.moon.disk import DiskParameters
from calib.moon.steps import lunar_disk
from calib.sensor import Sensor

BANDS = ["B1", "B4", "B7", "B11"]
Scene = tuple[Acquisition, Sensor, xr.Dataset]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    settings = {"seed": 5, "binning": 4, "oversampling": 1.6, "rate_variation": "2 %", "rate_period": "3 s"}
    return simulated(tmp_path_factory.mktemp("scene") / "M", settings, 35.0, 40.0, BANDS)


def test_carried_is_found(scene: Scene) -> None:
    acquisition, sensor, geometry = scene
    carried, found = (calibrated(acquisition, sensor, geometry, DiskParameters(carry=carry)) for carry in (True, False))
    # asked: 0.05 % of the irradiance
    np.testing.assert_allclose(carried["irradiance_measured"], found["irradiance_measured"], rtol=5e-4)
    disk = lunar_disk(acquisition, sensor, geometry, DiskParameters())
    assert disk["carried"].values.tolist() == [1.0, 0.0, 1.0, 1.0]
    with xr.open_dataset(Path(f"{acquisition.path}.truth") / "truth.nc", engine="h5netcdf") as truth:
        # asked: 0.1 pixel; the truth's lines are 1.6 times as many as the columns
        assert float(abs(disk["centre_column"] - truth["centre_column"]).max()) < 0.1
        assert float(abs(disk["centre_line"] - truth["centre_line"]).max()) < 0.16
        for axis in ("semi_axis_column", "semi_axis_line"):
            np.testing.assert_allclose(disk[axis], truth[axis], rtol=5e-4)


def changed(scene: Scene, band: str, image: BandImage) -> Acquisition:
    acquisition = scene[0]
    return Acquisition(
        acquisition.name,
        acquisition.sensor,
        acquisition.kind,
        acquisition.path,
        {**acquisition.bands, band: image},
        acquisition.files,
        acquisition.column_axis,
        acquisition.line_axis,
        binning=acquisition.binning,
    )


def test_wrong_times_or_no_rates_are_searched_anew(scene: Scene) -> None:
    acquisition, sensor, geometry = scene
    whole = lunar_disk(acquisition, sensor, geometry, DiskParameters())
    image = acquisition.band("B7")
    late = BandImage(
        image.raster, image.first_line + np.timedelta64(300, "ms"), image.line_period_s, image.scan_rate_rad_s
    )
    blind = BandImage(image.raster, image.first_line, image.line_period_s)
    for spoiled in (late, blind):
        disk = lunar_disk(changed(scene, "B7", spoiled), sensor, geometry, DiskParameters())
        assert disk["carried"].values.tolist() == [1.0, 0.0, 0.0, 1.0]
        np.testing.assert_allclose(disk["centre_column"], whole["centre_column"], atol=0.1)
        np.testing.assert_allclose(disk["semi_axis_column"], whole["semi_axis_column"], rtol=1e-3)
