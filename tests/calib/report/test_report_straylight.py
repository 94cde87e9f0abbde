"""Pictures of a stray light result: what is found is drawn with its sign, what is not found says its limit."""

from __future__ import annotations

import base64
import io

import numpy as np
import xarray as xr
from PIL import Image

from calib.report.straylight import maps_sheet, matrix


def result() -> xr.Dataset:
    share = np.array([[0.002, np.nan], [-0.001, np.nan]])
    limit = np.array([[0.0002, 0.0003], [0.0002, np.nan]])
    sky = np.full((2, 40, 30), np.nan)
    sky[:, :10] = np.random.default_rng(0).normal(0, 1e-4, (2, 10, 30))
    bright = sky.copy()
    bright[0, 2:5, 3:8] = 0.004
    return xr.Dataset(
        {
            "straylight": (("band", "source"), share),
            "straylight_uncertainty": (("band", "source"), np.abs(share) / 20),
            "detection_limit": (("band", "source"), limit),
            "same_detector": (("band", "source"), np.eye(2, dtype=bool)),
            "sky_before": (("band", "y", "x"), bright),
            "sky_after": (("band", "y", "x"), sky),
        },
        coords={"band": ["B2", "<b>"], "source": ["B2", "<b>"]},
    )


def test_matrix() -> None:
    drawn = str(matrix(result()))
    assert "B2: ghost, +0.2000 ± 0.0100 %; detection limit 0.0200 %" in drawn
    assert "&lt;b&gt;: crosstalk from B2, -0.1000 ± 0.0050 %" in drawn
    assert "B2: crosstalk from &lt;b&gt;, nothing found; detection limit 0.0300 %" in drawn
    assert "its light would not fall on the sky seen" in drawn
    assert "<b>" not in drawn and drawn.count('class="c1"') == 1
    assert str(matrix(result())) == drawn


def test_matrix_of_nothing() -> None:
    nothing = result()
    nothing["straylight"][:] = np.nan
    assert "nothing found" in str(matrix(nothing))


def test_maps() -> None:
    address = maps_sheet(result())
    picture = Image.open(io.BytesIO(base64.b64decode(address.split(",")[1]))).convert("RGB")
    pixels = np.asarray(picture).astype(int)
    # the band with the ghost: its name, the sky before, the sky after
    top, bottom = pixels[15:163, :111], pixels[167:315, :111]
    red = [int(np.count_nonzero((part[..., 0] - part[..., 2]) > 120)) for part in (top, bottom)]
    # the ghost is red before the correction, and gone after it
    assert red[0] > 100 and red[1] == 0
    assert maps_sheet(result()) == address
