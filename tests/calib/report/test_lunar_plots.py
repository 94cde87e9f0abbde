"""Foot, plateau and sky: the drawings hold what was put into the results, and tell it in the units they name."""

from __future__ import annotations

import base64
import io
import re
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr
from PIL import Image

from calib.lineage import Lineage
from calib.report.lunar_plots import foot, plateau, sky_sheet
from calib.report.plots import styles
from calib.types import Result, as_record

BANDS = ("B1", "B2")
LOOK = styles(BANDS)
SIZE, RADIUS = 180, 54.0


def heights(svg: str, band: str) -> list[float]:
    """The heights on the paper of a band's line, and nothing else of it."""
    line = re.search(rf'd="([^"]+)"><title>{band}</title>', svg)
    assert line is not None
    return [float(text) for text in re.findall(r"[ML][\d.]+ ([\d.]+)", line[1])]


def dashed(svg: str) -> list[float]:
    return [float(text) for text in re.findall(r'class="one" d="M[\d.]+ ([\d.]+)H', svg)]


def profile_of(outside: float) -> xr.Dataset:
    radius = np.linspace(0.8, 1.2, 81)
    shape = np.where(radius < 1, 200.0, outside)
    return xr.Dataset(
        {"limb_profile": (("band", "profile"), np.stack([shape, 3 * shape]), {"units": "DN", "role": "record"})},
        coords={"band": list(BANDS), "profile_radius": ("profile", radius, {"units": "1"})},
    )


def test_the_foot_is_a_share_of_the_edge() -> None:
    svg = str(foot(profile_of(1.0), LOOK))
    # 1 of 200 counts is 0.5 %, in both bands alike: a flat line above the dashed zero
    texts, places = re.findall(r'class="ty">([^<]+)<', svg), re.findall(r'class="grid" d="M\d+ ([\d.]+)H', svg)
    ticks = {float(text): float(place) for text, place in zip(texts, places, strict=True)}
    half = ticks[0.0] + 0.5 * (ticks[0.4] - ticks[0.0]) / 0.4
    for band in BANDS:
        assert heights(svg, band) == pytest.approx([half] * len(heights(svg, band)), abs=0.11)
    assert dashed(svg) == pytest.approx([ticks[0.0]], abs=0.11)
    assert "% of the edge" in svg


def test_a_band_without_light_has_no_foot() -> None:
    dark = profile_of(0.0)
    dark["limb_profile"][0] = 0.0
    svg = str(foot(dark, LOOK))
    assert "<title>B2</title>" in svg and "<title>B1</title>" not in svg
    assert foot(dark.drop_vars("limb_profile"), LOOK) == ""


def signal_of(parameters: dict[str, object]) -> tuple[Result, xr.Dataset]:
    dilation = np.linspace(0, 30, 31)
    growth = np.stack([np.where(dilation < 2, 0.9, 1.0), 1 + 1e-4 * (dilation - 6)])
    data = xr.Dataset(
        {"growth": as_record(xr.DataArray(growth, dims=("band", "dilation"), attrs={"units": "1"}))},
        coords={"band": list(BANDS), "dilation": ("dilation", dilation, {"units": "pixel"})},
    )
    disk = xr.Dataset({"semi_axis_column": ("band", [100.0, 100.0], {"units": "pixel"})}, coords={"band": list(BANDS)})
    return Result(data, Lineage("disk_signal", "1", parameters, ())), disk


def test_the_plateau_shows_what_is_flagged() -> None:
    svg = str(plateau(*signal_of({"plateau": [0.03, 0.12], "plateau_limit": 0.0005}), LOOK))
    # the rise at the limb is left out, so the flat band is flat
    assert len(set(heights(svg, "B1"))) == 1
    # climbs by 0.09 % over 9 pixels where 0.05 % are allowed: the line at the end of the plateau minus at its start against the dashed distance
    upper, lower = sorted(dashed(svg))
    line = heights(svg, "B2")
    per_pixel = (line[0] - line[-1]) / (len(line) - 1)
    assert 9 * per_pixel / (lower - upper) == pytest.approx(0.09 / 0.05, rel=0.02)
    assert svg.count('class="span"') == 1


def test_the_plateau_without_known_limits_has_no_shade() -> None:
    svg = str(plateau(*signal_of({}), LOOK))
    assert 'class="span"' not in svg and "<title>B2</title>" in svg


# --- maps of the sky


def moon(ghost: float = 0.0, stripes: float = 0.0) -> tuple[xr.Dataset, xr.Dataset]:
    rng = np.random.default_rng(1)
    y, x = np.mgrid[0:SIZE, 0:SIZE].astype(float)
    disk = np.where(np.hypot(x - 90, y - 90) < RADIUS, 50.0, 0.0)
    images = [20 + stripes * np.sin(x) + disk + rng.normal(0, 0.1, x.shape) for _ in BANDS]
    images[1][10:40, 10:40] += ghost
    at = {"band": list(BANDS)}
    named = {name: ("band", [90.0, 90.0], {"units": "pixel"}) for name in ("centre_column", "centre_line")}
    sizes = {name: ("band", [RADIUS] * 2, {"units": "pixel"}) for name in ("semi_axis_column", "semi_axis_line")}
    quicklook = (("band", "y", "x"), np.array(images, np.float32), {"units": "DN", "role": "record"})
    signal = xr.Dataset({"mean_signal": ("band", [50.0, 50.0], {"units": "DN"})}, coords=at)
    return xr.Dataset({**named, **sizes, "quicklook": quicklook}, coords=at), signal


def pixels(address: str) -> np.ndarray:
    with Image.open(io.BytesIO(base64.b64decode(address.split(",")[1]))) as picture:
        return np.asarray(picture.convert("RGB")).astype(float)


def redness(tile: np.ndarray) -> float:
    return float((tile[..., 0] - tile[..., 2]).mean())


def test_a_ghost_is_seen_in_its_band_alone() -> None:
    # 0.1 counts, the noise of one sample, 0.2 % of the disk
    picture = pixels(sky_sheet(*moon(ghost=0.1)))
    first, second = picture[:, :148], picture[:, 152:300]
    corner = slice(15 + 12, 15 + 30), slice(10, 32)
    assert redness(second[corner]) > 60
    assert abs(redness(first[corner])) < 15
    # below the ghost its columns are hardly darker: a sixth of their samples shifts a median by 0.25 sigma of a mean, 16 of 255; a mean would be at 45
    assert abs(redness(second[120:155, 10:32])) < 25


def test_stripes_that_the_columns_own_level_takes_away_are_not_shown() -> None:
    assert sky_sheet(*moon()) == sky_sheet(*moon()), "same input, same bytes"
    plain, striped = pixels(sky_sheet(*moon())), pixels(sky_sheet(*moon(stripes=5.0)))
    assert abs(redness(plain) - redness(striped)) < 1
    assert np.abs(plain - striped).mean() < 5


def test_the_disk_is_covered() -> None:
    picture = pixels(sky_sheet(*moon()))
    tile = picture[15 : 15 + 148, :148]
    y, x = np.mgrid[0:148, 0:148] - 74.0
    inside = np.hypot(x, y) < 0.95 * RADIUS * 148 / SIZE
    assert np.ptp(tile[inside]) < 10


def test_what_was_not_read_is_grey_and_does_not_count() -> None:
    disk, signal = moon(stripes=5.0)
    disk["quicklook"][:, 160:] = 20.25
    signal["sky_level"] = ("band", [20.25, 20.25], {"units": "DN"})
    tile = pixels(sky_sheet(disk, signal))[15 : 15 + 148, :148]
    assert np.ptp(tile[135:146, 5:140]) < 10
    assert np.ptp(tile[5:25, 5:140]) > 200


def test_without_images_there_is_no_map() -> None:
    disk, signal = moon()
    assert sky_sheet(disk.drop_vars("quicklook"), signal) == ""


def test_the_page_holds_the_drawings_with_a_sentence_each(samples: SimpleNamespace) -> None:
    from calib.report.page import render

    page = render(samples.report([samples.case("A")]))
    for caption in ("Foot of the limb.", "Plateau.", "Sky."):
        assert page.count(f"<b>{caption}</b>") == 1
