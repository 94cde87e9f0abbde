"""etalon inspect, as a user types it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
import yaml
from commands import Answer
from PIL import Image

import calib.raster

ROOT = Path(__file__).resolve().parents[2]
MOON = sorted((ROOT / "data_samples" / "moon").glob("VENUS*"))[0]
pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


@pytest.fixture
def stray(tmp_path: Path) -> Path:
    path = tmp_path / "piece.tif"
    counts = np.full((2, 30, 20), 500, "u2")
    counts[0, :5], counts[0, 5:10] = 0, 4095
    with rasterio.open(path, "w", driver="GTiff", width=20, height=30, count=2, dtype="uint16") as target:
        target.write(counts)
    bands = {"B0": {"layer": 1, "gain": 8.88, "solar_irradiance": 999.0}, "B1": {"layer": 2, "gain": 9.46}}
    content = {
        "format": "etalon-image",
        "sensor": "phr1a",
        "kind": "site",
        "acquired_utc": "2017-10-07T07:57:43Z",
        "bands": bands,
    }
    path.with_suffix(".yaml").write_text(
        yaml.safe_dump({**content, "nodata": 0, "saturated": 4095, "sun": {"zenith": "30 deg", "azimuth": "144 deg"}})
    )
    return path


def test_the_page(etalon: Callable[..., Answer], stray: Path) -> None:
    code, out, err = etalon("inspect", stray)
    assert (code, err) == (0, "")
    assert "stray image" in out and "2017-10-07T07:57:43.000Z" in out
    assert "8.88 (user)" in out
    assert "moon     an image of a moon, this is one of a site" in out
    assert "sno      Sun and viewing angles of every band; " in out or "the Sun's irradiance" in out
    # the guard on dummies speaks where people look
    assert "warning: B0: the product's solar irradiance 999 departs by -48" in out


def test_json_says_the_same_and_no_pixel_is_read(
    etalon: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calib.raster, "_read_file", None)
    code, out, _ = etalon("inspect", MOON, "--json")
    facts = json.loads(out)
    assert code == 0 and facts["sensor"] == "venus" and facts["kind"] == "moon" and facts["images"] == "present"
    assert list(facts["bands"]) == [f"B{number}" for number in range(1, 13)]
    assert facts["missing"]["moon"] == []
    assert facts["bands"]["B5"]["line_period_ms"] > 0


def test_a_quicklook_shows_every_band(etalon: Callable[..., Answer], stray: Path, tmp_path: Path) -> None:
    code, out, _ = etalon("inspect", stray, "--quicklook", tmp_path / "q" / "look.png")
    assert code == 0 and "look.png" in out
    picture = np.asarray(Image.open(tmp_path / "q" / "look.png").convert("RGB")).astype(int)
    blue, red = (28, 50, 110), (220, 40, 40)
    for colour in (blue, red):
        # a sixth of one of the two bands
        share = np.mean(np.abs(picture - colour).sum(axis=-1) < 3)
        assert 0.02 < share < 0.1


@pytest.mark.parametrize("what", ["absent", "README.md", "folder"])
def test_what_is_no_product_is_a_bad_request(etalon: Callable[..., Answer], tmp_path: Path, what: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "README.md").write_text("text")
    code, out, err = etalon("inspect", tmp_path / what)
    assert code == 2 and out == ""
    assert err.startswith("etalon: ") and err.count("\n") == 1
    assert what == "absent" or "known: " in err


def test_a_damaged_product_is_one_sentence(etalon: Callable[..., Answer], tmp_path: Path) -> None:
    copy = shutil.copytree(MOON, tmp_path / "copy")
    (copy / "B1.tif").write_bytes(b"II*\0")
    (copy / "MANIFEST.json").unlink()
    code, _, err = etalon("inspect", copy)
    assert code == 2 and "B1.tif" in err and err.count("\n") == 1
