"""Whole products: what is written, what the truth says, and that the same request gives the same bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from calib.errors import ArchiveError, RequestError
from calib.lineage import digest_file
from calib.products import open_acquisition
from calib.sensor import OfficialParameters, Sensor
from calib.simulate.moon import MoonScene, crossing_times, simulate_moon, truth_folder

AXES = np.array([[0.6, 0.8, 0.0], [0.0, 0.0, -1.0]])
Make = Callable[..., MoonScene]
Simulate = Callable[..., Path]


@pytest.fixture
def simulate(
    tmp_path: Path,
    venus: Sensor,
    po: OfficialParameters,
    make_scene: Make,
    make_geometry: Callable[[MoonScene], xr.Dataset],
    irradiance: xr.DataArray,
) -> Simulate:
    def run(name: str = "MOON", bands: list[str] | None = None, **changes: object) -> Path:
        scene = make_scene(**{"binning": 16, **changes})
        return simulate_moon(scene, venus, make_geometry(scene), AXES, irradiance, po, tmp_path / name, bands)

    return run


def everything(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): digest_file(path) for path in sorted(folder.rglob("*")) if path.is_file()}


FULL = {
    "noise": True,
    "straylight": "sensor",
    "rate_variation": "3 %",
    "defective_pixels": 4,
    "cosmic_hits": 3,
    "spike_columns": 2,
    "prnu_rms": "0.2 %",
}


def test_same_request_same_bytes(simulate: Simulate, tmp_path: Path) -> None:
    first = simulate("one/MOON", ["B3", "B4"], **FULL)
    second = simulate("two/MOON", ["B3", "B4"], **FULL)
    assert everything(first.parent) == everything(second.parent)
    assert len(everything(first.parent)) == 7
    other = simulate("three/MOON", ["B3", "B4"], **FULL, seed=5)
    assert everything(first)["B4.tif"] != everything(other)["B4.tif"]
    assert not list(tmp_path.rglob("*.part"))


def test_a_band_does_not_depend_on_the_others_asked_for(simulate: Simulate) -> None:
    many, one = simulate("many", ["B1", "B2", "B4", "B6"], **FULL), simulate("one", ["B4"], **FULL)
    assert digest_file(many / "B4.tif") == digest_file(one / "B4.tif")
    a, b = open_acquisition(many).band("B4"), open_acquisition(one).band("B4")
    assert a.first_line == b.first_line and np.array_equal(a.scan_rate_rad_s, b.scan_rate_rad_s)


def test_product_holds_what_the_measurement_needs(simulate: Simulate, venus: Sensor, make_scene: Make) -> None:
    folder = simulate(oversampling=2.0, rate_variation="2 %")
    product = open_acquisition(folder)
    assert (product.name, product.sensor, product.kind, product.binning) == ("MOON", "venus", "moon", 16)
    assert list(product.bands) == list(venus.bands) and product.versions == {"PHGAIN": "00007"}
    assert np.array_equal(product.column_axis, AXES[0])
    image = product.band("B9")
    assert image.line_period_s == pytest.approx(16 * 0.787e-3) and image.raster.columns < 5200 / 16
    # 10 Hz samples of a 5 s sine of 2 %: straight lines between them miss it by 2 % · (2 pi / 50)² / 8 = 4e-5
    truth = xr.load_dataset(truth_folder(folder) / "truth.nc").sel(band="B9")
    crossing = image.line_time(float(truth["centre_line"]))
    assert abs(crossing - truth["crossing_time"].values) < np.timedelta64(10, "ns")
    mean = float(
        image.scan_rate_rad_s[
            np.abs(np.arange(image.raster.lines) - float(truth["centre_line"])) <= float(truth["semi_axis_line"])
        ].mean()
    )
    assert mean == pytest.approx(7.36e-6 / 0.787e-3 / float(truth["oversampling"]), rel=3e-3)


def test_counts_give_back_k_by_the_measurement_equation(
    simulate: Simulate, irradiance: xr.DataArray, po: OfficialParameters
) -> None:
    """E = sum (counts - dark) / A times solid angle, written out here from the product alone, must be k times the model."""
    folder = simulate(oversampling=1.7, rate_variation="4 %", gain_error={"B9": "-2.5 %"}, straylight="none")
    product, truth = open_acquisition(folder), xr.load_dataset(truth_folder(folder) / "truth.nc")
    for band in ("B4", "B9", "B12"):
        image = product.band(band)
        signal = (image.counts().values - 20.0).sum(axis=1)
        omega = 16 * 7.36e-6 * image.scan_rate_rad_s * image.line_period_s
        k = (omega @ signal) / po.gains[band] / float(irradiance.sel(band=band))
        # rounding to whole counts: 0.3 DN over the square root of 4600 pixels, of 50 DN, is 1e-4
        assert k == pytest.approx(float(truth["k"].sel(band=band)), rel=3e-4)
    assert float(truth["k"].sel(band="B9")) == 0.975


def test_truth_is_complete_and_beside_the_product(simulate: Simulate, venus: Sensor, po: OfficialParameters) -> None:
    folder = simulate(**FULL)
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [*(f"{band}.tif" for band in venus.bands), "MANIFEST.json", "acquisition.yaml", "scan_rates.csv"]
    )
    content = json.loads((truth_folder(folder) / "truth.json").read_text())
    assert content["seed"] == 0 and content["scene"]["rate_variation"] == 0.03 and len(content["straylight"]) == 28
    assert set(content["defects"]) == set(venus.bands) and len(content["defects"]["B4"]["pixels"]) == 4
    truth = xr.load_dataset(truth_folder(folder) / "truth.nc")
    assert all("units" in array.attrs for array in truth.data_vars.values() if array.dtype.kind == "f")
    assert truth["band"].values.tolist() == list(venus.bands)
    ratio = truth["gain_true"] / truth["gain_official"]
    assert ratio.values == pytest.approx(truth["k"].values) and truth["k"].values.std() > 1e-3
    # mean radiance times the area and the gain: the signal that a perfect camera sums
    total = truth["mean_signal"] / truth["gain_true"] * np.pi * truth["apparent_radius"] ** 2
    assert total.values == pytest.approx(truth["irradiance_model"].values)
    assert truth["semi_axis_column"].values == pytest.approx(np.arcsin(1737.4 / 385000.0) / (16 * 7.36e-6))


def test_crossing_times_stretch_with_the_oversampling(make_scene: Make, venus: Sensor) -> None:
    times = crossing_times(make_scene(oversampling=3.0), venus)
    seconds = (times - np.datetime64("2020-03-05T10:00:00")) / np.timedelta64(1, "s")
    # published: B5 and B6 see a target 2.7 s apart at the nominal rate
    assert float(seconds.sel(band="B6") - seconds.sel(band="B5")) == pytest.approx(3 * 2.7)


def test_what_exists_is_not_overwritten(simulate: Simulate) -> None:
    simulate("MOON", ["B4"])
    with pytest.raises(RequestError, match="MOON: exists already"):
        simulate("MOON", ["B4"])


def test_a_truth_left_by_a_killed_run_is_replaced(simulate: Simulate, tmp_path: Path) -> None:
    left = tmp_path / "MOON.truth"
    left.mkdir()
    (left / "old").write_text("x")
    simulate("MOON", ["B4"])
    assert sorted(path.name for path in left.iterdir()) == ["truth.json", "truth.nc"]


def test_wrong_bands_are_named_with_the_nearest(simulate: Simulate) -> None:
    with pytest.raises(RequestError, match="venus has no band 'B44'; did you mean 'B4'"):
        simulate(bands=["B44"])
    with pytest.raises(RequestError, match="no band 'P'"):
        simulate(gain_error={"P": "1 %"})


def test_a_folder_without_permission_or_a_file_in_the_way_is_one_clear_error(
    simulate: Simulate, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ArchiveError, match="file/MOON: cannot be written"):
        simulate("file/MOON", ["B4"])
