"""What a product lacks for which method."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from calib.acquisition import Acquisition, BandImage, Calibration, Known
from calib.products.tables import angle_table
from calib.raster import Raster
from calib.readiness import missing_for

RASTER = Raster(Path("image.tif"), 2, 3, "uint16", 2)
REFLECTANCE = Calibration(quantification=Known(1000.0, "DN", "product", "MTD.xml"))
ANGLES = angle_table("MTD.xml", ["B1"], ["center"], (0.5, 0.5), (30.0, 120.0), (10.0, 100.0))


def product(kind: Any, calibration: Calibration = REFLECTANCE, *, dated: bool = False, **more: Any) -> Acquisition:
    dates = {"first_line": np.datetime64("2020-01-01", "ns"), "line_period_s": 1e-3} if dated else {}
    bands = {"B1": BandImage(RASTER, calibration=calibration, **dates)}
    return Acquisition("A", "venus", kind, Path("A"), bands, {"image.tif": None}, **more)


def test_a_site_product_serves_sites() -> None:
    missing = missing_for(product("site", angles=ANGLES))
    assert missing["sno"] == missing["desert"] == missing["mtf"] == []
    assert missing["moon"] == ["an image of a moon, this is one of a site"]
    assert missing["noise"] == ["columns of the camera (sensor geometry)"]


def test_each_lack_is_named() -> None:
    assert missing_for(product("site"))["sno"] == ["Sun and viewing angles of every band"]
    bare = missing_for(product("site", Calibration(), angles=ANGLES))["sno"]
    assert bare == ["gains (the table of official parameters can give them) or a scaling to reflectance"]
    gain = Calibration(gain=Known(8.0, "DN / (W m-2 sr-1 um-1)", "product", "DIM.XML"))
    assert "irradiance per band" in missing_for(product("site", gain, angles=ANGLES))["desert"][0]
    partly = ANGLES.copy(deep=True)
    partly["view_azimuth"][:] = np.nan
    assert missing_for(product("site", angles=partly))["sno"] == ["Sun and viewing angles of every band"]
    surface = product("site", angles=ANGLES, facts={"level": "L2A"})
    assert missing_for(surface)["sno"] == ["top-of-atmosphere values, this is a surface product"]


def test_the_moon_needs_dates_and_axes() -> None:
    assert len(missing_for(product("moon"))["moon"]) == 2
    axes = {"column_axis": np.array([1.0, 0, 0]), "line_axis": np.array([0, 1.0, 0])}
    assert missing_for(product("moon", dated=True, **axes))["moon"] == []
