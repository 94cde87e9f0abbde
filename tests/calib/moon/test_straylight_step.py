"""From a simulated product to the kernels: the simulator and the estimation share no code. A coarse image of a bright Moon, one detector unit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from moon_cases import geometry_by_hand

from calib.acquisition import Acquisition
from calib.config import parse
from calib.errors import InputError
from calib.lineage import Lineage
from calib.moon.disk import DiskParameters
from calib.moon.irradiance import band_irradiance, load_model
from calib.moon.photometry import SignalParameters
from calib.moon.steps import DISK_SIGNAL, LUNAR_DISK
from calib.moon.straylight.correction import corrected_counts
from calib.moon.straylight.estimate import estimate_kernels
from calib.moon.straylight.maps import disk_maps
from calib.moon.straylight.steps import LUNAR_STRAYLIGHT, LunarStraylightParameters
from calib.products.plain import read
from calib.sensor import Sensor, load_gains, load_sensor
from calib.simulate.moon import simulate_moon, truth_folder
from calib.simulate.scene import MoonScene, crossing_times
from calib.types import Result

BANDS = ["B7", "B8", "B9"]
PATHS = [
    {"kind": "ghost", "band": "B7", "factor": 0.008, "column_shift": 80, "line_shift": -50, "blur": 12},
    {"kind": "crosstalk", "band": "B8", "source": "B9", "factor": -0.006, "column_shift": 30, "blur": 8},
    {"kind": "crosstalk", "band": "B9", "source": "B7", "factor": 0.01, "column_shift": -20, "blur": 8},
]
Moon = tuple[Acquisition, Sensor, xr.Dataset, xr.Dataset]
PARAMETERS = LunarStraylightParameters(radius_cells=32)


def acquisition(folder: Path, straylight: object) -> Moon:
    sensor, model = load_sensor("venus"), load_model("rolo2005", "tsis1_hsrs")
    settings = {
        "reference_utc": "2019-03-20T12:00:00Z", "binning": 4, "seed": 11, "oversampling": 2.0, "rate_variation": "2 %", "rate_period": "3 s",
        "straylight": straylight,
    }  # fmt: skip
    scene = parse(MoonScene, settings, "scene")
    geometry = geometry_by_hand(scene, list(sensor.bands), -12.0, 30.0)
    po = load_gains("venus").in_force(np.datetime64("2019-03-20"))
    irradiance = band_irradiance(model, geometry, sensor.response)
    seen = geometry.assign(crossing_time=crossing_times(scene, sensor))
    product = simulate_moon(scene, sensor, seen, np.array([[1.0, 0, 0], [0, 1.0, 0]]), irradiance, po, folder, BANDS)
    found = read(product)
    disk = LUNAR_DISK.compute((found, sensor, geometry), DiskParameters())
    return found, sensor, disk, xr.load_dataset(truth_folder(product) / "truth.nc")


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory: pytest.TempPathFactory) -> Moon:
    return acquisition(tmp_path_factory.mktemp("stray") / "M", PATHS)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Moon:
    return acquisition(tmp_path_factory.mktemp("clean") / "M", "none")


@pytest.fixture(scope="module")
def found(spoilt: Moon) -> xr.Dataset:
    return LUNAR_STRAYLIGHT.compute(spoilt[:3], PARAMETERS)


def test_injected_paths_come_back(spoilt: Moon, found: xr.Dataset) -> None:
    truth = spoilt[3]["mean_radiance"]
    told = np.isfinite(found["straylight"])
    assert int(told.sum()) == len(PATHS) and not np.isfinite(found["halo"]).any()
    for path in PATHS:
        band, source = str(path["band"]), str(path.get("source", path["band"]))
        pair = found.sel(band=band, source=source)
        expected = path["factor"] * float(truth.sel(band=source) / truth.sel(band=band))
        # 2 % of itself: images of 150 pixels to a radius, blurs of two pixels
        room = 3.5 * float(pair["straylight_uncertainty"]) + 0.02 * abs(expected)
        assert abs(float(pair["straylight"]) - expected) < room, path
        kernel = found.sel(band=band).isel(kernel=0)
        assert (str(kernel["kernel_kind"].item()), str(kernel["kernel_source_band"].item())) == (path["kind"], source)
        for name in ("column_shift", "line_shift"):
            # camera pixels; four make one of the image
            assert float(kernel[name]) == pytest.approx(path.get(name, 0), abs=6), (path, name)


def test_the_dataset_keeps_its_contract(found: xr.Dataset) -> None:
    result = Result(found, Lineage("lunar_straylight", "1", {}, ()))
    assert result.digest and "sky_before" not in result.content and "straylight" in result.content
    assert list(found["scenario"].values) == ["none", "TYPE1", "TYPE2", "TYPE1_TYPE2", "TYPE2_TYPE1"]
    assert found["same_detector"].all()
    before, after = (found["ring_mean"].sel(scenario=name) for name in ("none", "TYPE1_TYPE2"))
    rings = found["ring_noise"]
    # B9 gets 1 % of the disk of B7: the nearest ring shows it, and nothing of it after the correction
    assert float(before.sel(band="B9")[0]) > 20 * float(rings.sel(band="B9")[0])
    assert float(np.abs(after / rings).max()) < 5
    assert (found["share_left"].sel(scenario="TYPE1").sel(band="B9")[0] > 0.009).all()


def test_nothing_in_a_clean_product(clean: Moon) -> None:
    told = LUNAR_STRAYLIGHT.compute(clean[:3], PARAMETERS)
    assert not np.isfinite(told["straylight"]).any() and not np.isfinite(told["halo"]).any()
    assert (told["detection_limit"] < 0.01).all() and (told["disk_effect"] == 0).all()


def test_correction_gives_the_clean_sum(spoilt: Moon, clean: Moon, found: xr.Dataset) -> None:
    image, sensor, disk, _ = spoilt
    sums = [DISK_SIGNAL.compute((item, sensor, disk), SignalParameters())["signal"] for item in (image, clean[0])]
    measured = (sums[0] / sums[1] - 1).values
    # 0.05 %: both sums carry the same noise, but not the same fills
    np.testing.assert_allclose(found["disk_effect"], measured, atol=5e-4)
    assert np.abs(measured).max() > 5e-3
    maps = disk_maps(image, sensor, disk, PARAMETERS.radius_cells, PARAMETERS.extent)
    kernels = estimate_kernels(maps, PARAMETERS).kernels
    for band in BANDS:
        corrected = corrected_counts(image, maps, kernels, "TYPE2_TYPE1", band)
        assert corrected.sizes == image.band(band).counts().sizes and corrected.attrs["units"] == "DN"
        removed = float((image.band(band).counts().astype(float) - corrected).sum())
        added = float((image.band(band).counts().astype(float) - clean[0].band(band).counts().astype(float)).sum())
        # 5 %: rounding to counts, and disks of which one in a hundred parts is stray light itself
        assert removed == pytest.approx(added, rel=0.05)


def test_an_image_without_dates_is_refused(spoilt: Moon) -> None:
    image, sensor, disk, _ = spoilt
    undated = {
        name: replace(item, first_line=np.datetime64("NaT", "ns"), line_period_s=float("nan"), line_dates=None)
        for name, item in image.bands.items()
    }
    with pytest.raises(InputError, match="B7, B8, B9 have no dates"):
        LUNAR_STRAYLIGHT.compute((replace(image, bands=undated), sensor, disk), PARAMETERS)


def test_an_image_without_sky_lines_is_refused(clean: Moon) -> None:
    image, sensor, disk, _ = clean
    # as if the Moon stood near the first line
    near = disk.assign(centre_line=disk["semi_axis_line"] * 1.1)
    with pytest.raises(InputError, match=r"ends 0\.10 disk radii beyond the Moon"):
        LUNAR_STRAYLIGHT.compute((image, sensor, near), PARAMETERS)
