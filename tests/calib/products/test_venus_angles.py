"""Angle grids in the annexes of Venµs level 1 products: their sense is checked against the header."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from calib.errors import InputError
from calib.products import venus_vsc
from calib.simulate.products.scene import SiteScene, site_scene
from calib.simulate.products.venus_vsc import BANDS, write

#: written out: the schema lists the units as B02-B01-B05, B10-B12-B11, B07-B08-B09, B04-B03-B06
UNIT_OF_BAND = dict(zip(BANDS, (1, 1, 4, 4, 1, 4, 3, 3, 3, 2, 2, 2), strict=True))


@pytest.fixture(scope="module")
def scene() -> SiteScene:
    return site_scene(BANDS, shape=(40, 48))


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory, scene: SiteScene) -> Path:
    folder = tmp_path_factory.mktemp("vsc")
    write(folder, scene)
    return folder


def test_angle_grids_agree_with_the_header(product: Path, scene: SiteScene) -> None:
    acquisition = venus_vsc.read(product)
    view, warnings = venus_vsc.angle_grid(acquisition, "VIE")
    sun, sun_warnings = venus_vsc.angle_grid(acquisition, "SOL")
    assert warnings == sun_warnings == []
    for band in BANDS:
        zenith, azimuth = scene.view[UNIT_OF_BAND[band]]
        # float32 tangents: 1e-7 rad
        np.testing.assert_allclose(view["zenith"].sel(band=band), zenith, atol=1e-5)
        np.testing.assert_allclose(view["azimuth"].sel(band=band), azimuth, atol=1e-4)
    np.testing.assert_allclose(sun["azimuth"].sel(band="sun"), scene.sun[1], atol=1e-4)
    assert view["line"].values.tolist() == [0, 16, 32] and view["pixel"].values.tolist() == [0, 16, 32]


@pytest.fixture
def annexed(product: Path, tmp_path: Path) -> Callable[[str, str], Path]:
    """A copy of the product with a text replaced in the header of its annex VIE."""

    def edit(old: str, new: str) -> Path:
        folder = tmp_path / "annexed"
        shutil.copytree(product, folder)
        annex = next(folder.rglob("*_VIE.HDR"))
        assert old in annex.read_text()
        annex.write_text(annex.read_text().replace(old, new))
        return folder

    return edit


@pytest.mark.parametrize("unit", ["pixels/m of altitude", "degrees"])
def test_a_grid_in_another_unit_than_it_says_is_told(annexed: Callable[[str, str], Path], unit: str) -> None:
    acquisition = venus_vsc.read(annexed(">m/m<", f">{unit}<"))
    warnings = venus_vsc.angle_grid(acquisition, "VIE")[1]
    assert len(warnings) == 12 and all("degrees from the header's angles" in text for text in warnings)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("DY_ALT", "DZ_ALT", "is no channel of an angle grid"),
        ("B01_DY_ALT", "B02_DY_ALT", "has no partner"),
        ("B01_", "", "do not belong to an annex VIE"),
        ("<Lines>3<", "<Lines>4<", "3 lines of 3 columns where the metadata says 4"),
        ('List_of_Bands count="48"', 'List_of_Bands count="47"', "count says 47"),
    ],
)
def test_a_damaged_grid_is_refused(annexed: Callable[[str, str], Path], old: str, new: str, told: str) -> None:
    acquisition = venus_vsc.read(annexed(old, new))
    with pytest.raises(InputError, match=told):
        venus_vsc.angle_grid(acquisition, "VIE")


def test_a_product_without_annexes_has_no_grid(tmp_path: Path, scene: SiteScene) -> None:
    write(tmp_path, scene, grids=False)
    with pytest.raises(InputError, match="names no annex SOL"):
        venus_vsc.angle_grid(venus_vsc.read(tmp_path), "SOL")


def test_a_grid_in_the_other_sense_of_lines_is_told(product: Path, tmp_path: Path) -> None:
    folder = tmp_path / "product"
    shutil.copytree(product, folder)
    annex = next(folder.rglob("*_SOL.HDR"))
    text = annex.read_text().replace("DX_ALT", "D?_ALT").replace("DY_ALT", "DX_ALT").replace("D?_ALT", "DY_ALT")
    annex.write_text(text)
    warnings = venus_vsc.angle_grid(venus_vsc.read(folder), "SOL")[1]
    assert len(warnings) == 1 and "use the header's" in warnings[0]
