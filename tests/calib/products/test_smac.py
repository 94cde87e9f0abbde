"""SMAC coefficient files: both layouts, and labels that do not belong to the band."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from calib.errors import InputError
from calib.products import sentinel2
from calib.products.responses import read_response_table
from calib.products.smac import LINES, NAMES, rayleigh_depth, read_smac
from calib.sensor import load_sensor

PHR1A = load_sensor("phr1a").response


def depths(responses: xr.DataArray) -> dict[str, float]:
    return dict(zip(map(str, responses["band"].values), rayleigh_depth(responses).values.tolist(), strict=True))


def coefficients(depth: float) -> dict[str, float]:
    """Any numbers, told apart by their place, and the Rayleigh optical depth."""
    return {**{name: number / 100.0 for number, name in enumerate(NAMES, start=1)}, "taur": depth}


def one_band(path: Path, depth: float) -> Path:
    values = coefficients(depth)
    path.write_text("".join(" ".join(str(values[name]) for name in line) + "\n" for line in LINES))
    return path


def several(path: Path, listed: list[float]) -> Path:
    columns = [coefficients(depth) for depth in listed]
    rows = [" ".join(str(column[name]) for column in columns) for name in NAMES]
    path.write_text("#made by a test\n" + "\n".join(rows) + "\n")
    return path


def narrow(nm: float) -> xr.DataArray:
    wavelength = np.arange(nm - 2, nm + 3, 1.0)
    return xr.DataArray(
        [[0.0, 1, 1, 1, 0]], dims=("band", "wavelength"), coords={"band": ["X"], "wavelength": wavelength}
    )


@pytest.mark.parametrize("nm", [400.0, 550.0, 700.0, 1000.0])
def test_rayleigh_depth_of_narrow_bands_is_that_of_bodhaine(nm: float) -> None:
    # Bodhaine et al. 1999, J. Atmos. Oceanic Technol. 16, 1854-1861, equation 30 (sea level, 45 degrees of latitude, 360 ppm of CO2):
    # other measurements of the air than those of Hansen and Travis, which agree to better than 1 %
    square = (nm / 1000.0) ** 2
    published = 0.0021520 * (1.0455996 - 341.29061 / square - 0.90230850 * square)
    published /= 1 + 0.0027059889 / square - 85.968563 * square
    assert float(rayleigh_depth(narrow(nm))[0]) == pytest.approx(published, rel=0.01)


def test_one_band_by_name_and_by_argument(tmp_path: Path) -> None:
    depth = depths(PHR1A)["B0"]
    path = one_band(tmp_path / "Coef_PHR1A_Blue_1.dat", depth * 1.02)
    for found in (read_smac(path), read_smac(path, sensor_band=("phr1a", "B0"))):
        assert (found.sensor, found.band, found.layout) == ("phr1a", "B0", "one band")
        assert found.values == coefficients(depth * 1.02) and len(found.values) == 49


def test_a_label_of_another_band_is_refused_naming_the_one_it_fits(tmp_path: Path) -> None:
    inside = depths(PHR1A)
    path = one_band(tmp_path / "Coef_PHR1A_Blue_1.dat", inside["B1"])
    with pytest.raises(InputError, match=r"0\.09595 is not that of phr1a B0 \(0\.1561\); it fits B1 \(0\.09595\)"):
        read_smac(path)
    assert read_smac(path, sensor_band=("phr1a", "B1")).band == "B1"


@pytest.mark.parametrize("factor, accepted", [(1.049, True), (0.951, True), (1.051, False), (0.949, False)])
def test_five_percent_are_tolerated(tmp_path: Path, factor: float, accepted: bool) -> None:
    path = one_band(tmp_path / "any.dat", depths(PHR1A)["B3"] * factor)
    if accepted:
        assert read_smac(path, sensor_band=("phr1a", "B3")).band == "B3"
    else:
        with pytest.raises(InputError, match="it fits no band of phr1a: give the file of the band"):
            read_smac(path, sensor_band=("phr1a", "B3"))


def test_bands_in_columns(tmp_path: Path) -> None:
    inside = depths(PHR1A)
    path = several(tmp_path / "all.dat", list(inside.values()))
    for band, depth in inside.items():
        found = read_smac(path, sensor_band=("phr1a", band))
        assert found.layout == "bands in columns" and found.values == coefficients(depth)
    turned = several(tmp_path / "turned.dat", [*list(inside.values())[1:], inside["P"]])
    with pytest.raises(InputError, match="it fits B0"):
        read_smac(turned, sensor_band=("phr1a", "P"))
    with pytest.raises(InputError, match="5 columns for the 12 bands of venus"):
        read_smac(path, sensor_band=("venus", "B1"))


@pytest.mark.parametrize(
    "content, sentence",
    [
        ("1 2\n3 4\n", "2 lines are neither the 19 of one band nor the 49 of several"),
        ("one two\n", "something else than numbers"),
        ("é\n", "something else than numbers"),
        ("", "0 lines are neither"),
        ("\n".join(["1"] * 27 + ["0"] + ["1"] * 21), "a Rayleigh optical depth not positive"),
        ("\n".join(["1"] * 27 + ["nan"] + ["1"] * 21), "not finite"),
        ("\n".join(["inf"] * 49), "not finite"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: str, sentence: str) -> None:
    path = tmp_path / "Coef_PHR1A_Blue_1.dat"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=sentence):
        read_smac(path)


def test_names_that_do_not_tell_the_band(tmp_path: Path) -> None:
    path = one_band(tmp_path / "coefficients.dat", 0.1)
    with pytest.raises(InputError, match="does not say of which sensor and band"):
        read_smac(path)
    with pytest.raises(InputError, match="phr1a has no band B9; choose one of P, B0"):
        read_smac(path, sensor_band=("phr1a", "B9"))
    with pytest.raises(InputError, match="no responses of a sensor 'unknown'"):
        read_smac(path, sensor_band=("unknown", "B1"))
    with pytest.raises(InputError, match="missing"):
        read_smac(tmp_path / "none.dat", sensor_band=("phr1a", "B0"))
    (name := tmp_path / "Coef_S2A_CONT_B8a.dat").write_bytes(path.read_bytes())
    with pytest.raises(InputError, match="sentinel2a has no band B8A; choose one of X"):
        read_smac(name, responses=narrow(550))


def test_genuine_pleiades_labels_are_one_step_off(shared: Path) -> None:
    found = {path.stem: path for path in shared.glob("products/**/Coef_PHR1A_*.dat")}
    if not found:
        pytest.skip("no reference folder of SMAC coefficients below products")
    # what the label claims, what the file holds
    for label, claimed, holds in (
        ("Blue", "B0", "B1"),
        ("Green", "B1", "B2"),
        ("Red", "B2", "B3"),
        ("NIR", "B3", "P"),
        ("PAN", "P", "B0"),
    ):
        path = found[f"Coef_PHR1A_{label}_1"]
        with pytest.raises(InputError, match=f"is not that of phr1a {claimed} .*it fits {holds} "):
            read_smac(path)
        assert read_smac(path, sensor_band=("phr1a", holds)).layout == "one band"


def test_genuine_sentinel2_columns_are_its_bands(shared: Path) -> None:
    paths = sorted(shared.glob("products/**/Coef_S2A_CONTINENTAL.dat"))
    products = sorted(shared.glob("products/**/S2A_MSIL1C_*.SAFE"))
    if not paths or not products:
        pytest.skip("no reference folder of Sentinel-2 coefficients and products")
    responses = sentinel2.read(products[0], images=False).responses
    assert responses is not None
    for band in map(str, responses["band"].values):
        found = read_smac(paths[0], sensor_band=("sentinel2a", band), responses=responses)
        assert found.layout == "bands in columns"
        # measured: 1.1 % at worst, in the water vapour band B9
        assert found.values["taur"] == pytest.approx(depths(responses)[band], rel=0.02)


def test_genuine_tables_of_responses_give_the_same_depths(shared: Path) -> None:
    found = sorted(shared.glob("products/**/srf_PHR1A.csv"))
    if not found:
        pytest.skip("no reference folder of responses below products")
    assert depths(read_response_table(found[0])) == pytest.approx(depths(PHR1A), rel=1e-6)
