"""The Laplacian pictures and the residuals of the limb: what is drawn lies where the records say."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import xarray as xr
from PIL import Image

from calib.report.limb_plots import laplacian_sheet, limb_strips, residuals
from calib.report.plots import styles

BANDS, SIZE, RADIUS, RAYS = ("B1", "B2"), 120, 40.0, 105
OFFSETS = np.arange(-4.5, 4.75, 0.5)


def disk(lift: float = 1.0) -> xr.Dataset:
    """A bright disk lit from the right; the second band's limb lies `lift` pixels outside of its ellipse."""
    y, x = np.mgrid[0:SIZE, 0:SIZE].astype(float)
    image = np.where(np.hypot(x - 60, y - 60) < RADIUS, 200.0, 20.0)
    angle = np.linspace(-85, 85, RAYS)
    crossing = np.stack([np.zeros(RAYS), np.full(RAYS, lift)])
    band = {"band": list(BANDS)}
    pixel = {"units": "pixel"}
    return xr.Dataset(
        {
            **{name: ("band", [60.0, 60.0], pixel) for name in ("centre_column", "centre_line")},
            **{name: ("band", [RADIUS, RADIUS], pixel) for name in ("semi_axis_column", "semi_axis_line")},
            "carried": ("band", [0.0, 1.0], {"units": "1"}),
            "limb_column": (("band", "limb_point"), 60 + (RADIUS + crossing) * np.cos(np.radians(angle)), pixel),
            "limb_line": (("band", "limb_point"), 60 + (RADIUS + crossing) * np.sin(np.radians(angle)), pixel),
            "limb_laplacian": (
                ("band", "limb_ray", "limb_offset"),
                np.tanh(OFFSETS - crossing[..., np.newaxis]),
                {"units": "DN"},
            ),
            "limb_ray_angle": (("band", "limb_ray"), np.stack([angle, angle]), {"units": "deg"}),
            "limb_crossing": (("band", "limb_ray"), crossing, pixel),
            "limb_sample": (("band", "limb_ray"), np.ones_like(crossing), pixel),
            "quicklook": (("band", "y", "x"), np.stack([image, image]), {"units": "DN"}),
        },
        coords={**band, "limb_offset": OFFSETS},
    )


def pixels(address: str) -> np.ndarray:
    with Image.open(io.BytesIO(base64.b64decode(address.split(",")[1]))) as picture:
        return np.asarray(picture.convert("RGB")).astype(float)


def coloured(picture: np.ndarray, cyan: bool) -> np.ndarray:
    warm = picture[..., 0] - picture[..., 2]
    return np.argwhere(warm < -40 if cyan else warm > 40)


def test_edges_are_dark_inside_and_bright_outside_and_the_far_side_is_dull() -> None:
    data = disk()
    bare = data.assign(limb_column=data["limb_column"] * np.nan)
    picture = pixels(laplacian_sheet(bare))
    tile = picture[15:, : (picture.shape[1] - 4) // 2].mean(axis=-1)
    middle, scale = tile.shape[0] // 2, tile.shape[1] / (2 * (1.12 * RADIUS + 3))
    near, far = tile[middle, tile.shape[1] // 2 :], tile[middle, : tile.shape[1] // 2]
    edge = round(RADIUS * scale)
    assert near[edge - 5 : edge - 2].min() < 60, "inside of the lit limb"
    assert near[edge : edge + 8].max() > 190, "outside"
    assert np.ptp(near[5:20]) < 12 and abs(near[10] - 127) < 8, "zero is mid grey"
    assert far.max() < 110, "the far side keeps little of its contrast"


def test_zero_crossings_lie_on_the_lit_side() -> None:
    picture = pixels(laplacian_sheet(disk()))
    tile = picture[15:, : (picture.shape[1] - 4) // 2]
    cyan, orange = coloured(tile, cyan=True), coloured(tile, cyan=False)
    assert cyan.size and cyan[:, 1].min() > tile.shape[1] / 2
    assert orange[:, 1].min() < 0.15 * tile.shape[1]


def test_strips_show_the_crossing_above_the_ellipse_by_what_it_is_outside() -> None:
    picture = pixels(limb_strips(disk(lift=2.0)))
    rows = 4 * len(OFFSETS)
    for left, lift in ((0, 0.0), (300, 2.0)):
        tile = picture[15 : 15 + rows, left : left + 296]
        cyan = coloured(tile, cyan=True)[:, 0].mean()
        # rows of four pixels, half a sample each
        assert abs(cyan - (rows / 2 - 8 * lift)) < 1.0
        top, bottom = tile[:8].mean(), tile[-8:].mean()
        assert top > 190 and bottom < 60, "outside is above"


def test_patches_are_set_apart_and_what_is_missing_is_dark() -> None:
    data = disk()
    angle = np.concatenate([np.linspace(middle - 2, middle + 2, 15) for middle in np.linspace(-76, 76, 7)])
    data["limb_ray_angle"] = (("band", "limb_ray"), np.stack([angle, angle]), {"units": "deg"})
    data["limb_laplacian"][:, 45:60] = np.nan
    grey = pixels(limb_strips(data))[15:30, :296].mean(axis=(0, 2))
    gaps = np.flatnonzero(np.diff((grey < 90).astype(int)) == 1)
    # six between seven patches, two of them beside the patch that is missing
    assert len(gaps) == 5
    assert np.mean(grey[130:160]) < 60


def test_residuals_are_the_crossings() -> None:
    look = styles(BANDS)
    svg = str(residuals(disk(lift=0.5), look))
    paths = {band: path for path, band in re.findall(r'<path class="line [^"]*" d="([^"]*)"><title>(B\d)', svg)}
    heights = {band: {float(y) for y in re.findall(r"[ML][\d.]+ ([\d.]+)", path)} for band, path in paths.items()}
    assert {len(found) for found in heights.values()} == {1}
    assert heights["B2"].pop() < heights["B1"].pop()
    assert "[pixel]" in svg and "[deg]" in svg


def test_without_records_nothing_is_drawn() -> None:
    data = disk().drop_vars(["limb_laplacian", "limb_ray_angle", "limb_crossing", "limb_sample"])
    assert laplacian_sheet(data) == limb_strips(data) == str(residuals(data, styles(BANDS))) == ""


def test_bands_without_a_limb_render() -> None:
    data = disk()
    empty = data.map(lambda array: array * np.nan if array.dtype.kind == "f" else array, keep_attrs=True)
    assert laplacian_sheet(empty).startswith("data:image/png;base64,")
    assert limb_strips(empty).startswith("data:image/png;base64,")
    assert str(residuals(empty, styles(BANDS))) == ""
