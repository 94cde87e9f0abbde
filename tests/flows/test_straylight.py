"""etalon moon straylight: from a product to a page, tables and a netCDF."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from commands import Answer

from calib.archive.netcdf import from_bytes

ROOT = Path(__file__).resolve().parents[2]
MOON = ROOT / "data_samples" / "moon" / "PHR1A_MOON_20190216T200155"


def test_a_page_two_tables_and_a_dataset(etalon: Callable[..., Answer], tmp_path: Path) -> None:
    answer = etalon("moon", "straylight", MOON, "--output", tmp_path / "out", "--set", "false_alarm=0.001")
    assert (answer.code, answer.err) == (0, "")
    # the sample has no stray light, and coarse pixels: nothing is found, and the page says what would have been
    assert "0 kernels found" in answer.out and "median detection limit" in answer.out
    with (tmp_path / "out" / "pairs.csv").open() as stream:
        pairs = list(csv.DictReader(stream))
    assert [row["band"] for row in pairs[::4]] == ["B0", "B1", "B2", "B3"]
    assert all(row["straylight_percent"] == "" for row in pairs)
    assert any(float(row["detection_limit_percent"] or 9) < 1 for row in pairs)
    data = from_bytes((tmp_path / "out" / "straylight.nc").read_bytes())
    assert data.attrs["false_alarm"] == 0.001
    page = (tmp_path / "out" / "straylight.html").read_text()
    assert "<svg" in page and "data:image/png" in page and "http" not in page.replace("http://www.w3.org", "")


@pytest.mark.parametrize(
    ("setting", "words"), [("false_alrm=1", "did you mean 'false_alarm'"), ("false_alarm=7", "false_alarm")]
)
def test_a_wrong_setting(etalon: Callable[..., Answer], tmp_path: Path, setting: str, words: str) -> None:
    answer = etalon("moon", "straylight", MOON, "--output", tmp_path / "out", "--set", setting)
    assert answer.code == 2 and words in answer.err and not (tmp_path / "out").exists()


def test_nothing_is_overwritten(etalon: Callable[..., Answer], tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("mine")
    answer = etalon("moon", "straylight", MOON, "--output", tmp_path)
    assert answer.code == 2 and "nothing is overwritten" in answer.err
