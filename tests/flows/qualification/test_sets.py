"""The qualification against what a set may hold: archives, other messages, garbage, hostile names, large tables; and requests that are wrong."""

from __future__ import annotations

import csv
import os
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

from calib.archive import Archive
from calib.errors import RequestError
from calib.lineage import Cause, Lineage
from calib.products.files import open_raster
from calib.types import Result
from flows.cli import app
from flows.qualification.sets import printable
from tests.flows.qualification import cases
from tests.flows.qualification.cases import accept, quantity, run

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    return cases.write_set(tmp_path / "ref")


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return cases.write_set(tmp_path / "new")


def archive(folder: Path, factor: float, version: str) -> None:
    """An archive with one coefficient in two bands."""
    data = xr.Dataset(
        {"k": ("band", np.array([1.0, 0.98]) * factor, {"units": "1"})}, {"band": ["B2", "B10"]}, {"sensor": "venus"}
    )
    lineage = Lineage(
        "lunar_gain", version, {}, (Cause("model", "c" * 64, "rolo"),), "VENUS_MOON", software={"numpy": "2"}
    )
    Archive(folder).put(Result(data, lineage))


def test_archives_are_compared_by_step_and_subject(tmp_path: Path) -> None:
    archive(tmp_path / "ref", 1.0, "1")
    archive(tmp_path / "new", 1.001, "2")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    found = accept(tmp_path / "ref", tmp_path / "new", code=3)
    # the sets are read, not touched
    assert {path: path.stat().st_mtime_ns for path in before} == before
    label = "results/lunar_gain/VENUS_MOON"
    line = quantity(found, label, "k")
    assert line["largest"] == pytest.approx(1e-3) and line["tolerance"] == "0.02 % of the reference"
    cause = next(item["cause"] for item in found["products"] if item["product"] == label)
    assert cause.startswith("inputs differ: lunar_gain version 1 -> 2")


def test_other_messages_are_compared_by_their_keywords(reference: Path, new: Path) -> None:
    text = (
        "CCSDS_CDM_VERS = 1.0\nCREATION_DATE = 2018-03-06T00:00:00\nORIGINATOR = ETALON\nTCA = {tca}\n"
        "MISS_DISTANCE = {miss} [m]\nCOLLISION_PROBABILITY = 1.2e-5\n"
        "OBJECT = OBJECT1\nCR_R = 41.42 [m**2]\nOBJECT = OBJECT2\nCR_R = 1337.0 [m**2]\n"
    )
    for folder, tca, miss in ((reference, "2018-03-08T00:00:00.000", 715), (new, "2018-03-08T00:00:00.250Z", 725.0)):
        (folder / "case.cdm").write_text(text.format(tca=tca, miss=miss), encoding="utf-8")
    found = accept(reference, new, code=3)
    assert quantity(found, "case.cdm", "TCA")["largest"] == 0.25
    miss_distance = quantity(found, "case.cdm", "MISS_DISTANCE")
    assert (miss_distance["largest"], miss_distance["unit"]) == (10.0, "m")
    assert quantity(found, "case.cdm", "OBJECT2.CR_R")["verdict"] == "equal"


def test_images_are_compared_count_by_count(tmp_path: Path) -> None:
    source = next((ROOT / "data_samples" / "moon").glob("PHR1A_*/B0.tif"))
    content = bytearray(source.read_bytes())
    for name in ("ref", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "B0.tif").write_bytes(content)
    # another comment in the file, the same counts
    (tmp_path / "new" / "B0.tif").write_bytes(content + b"\0")
    found = accept(tmp_path / "ref", tmp_path / "new")
    assert quantity(found, "B0.tif", "counts_1")["verdict"] == "equal"
    other = next((ROOT / "data_samples" / "moon").glob("PHR1A_*/B1.tif"))
    (tmp_path / "new" / "B0.tif").write_bytes(other.read_bytes())
    line = quantity(accept(tmp_path / "ref", tmp_path / "new", code=3), "B0.tif", "counts_1")
    expected = np.abs(open_raster(source).read().astype(int) - open_raster(other).read())
    assert line["largest"] == expected.max()
    assert line["outside"] == np.count_nonzero(expected > 1)


def test_a_column_of_numbers_names_rows_only_where_it_is_the_same_in_both(tmp_path: Path) -> None:
    """A column of an array may be where a target was found, and then it is a result."""
    for name, shift in (("ref", 0.0), ("new", 0.25)):
        (tmp_path / name).mkdir()
        heads = ("band", "utc", "column", "rate_rads")
        rows = [(f"B{n}", f"2018-03-06T00:00:0{n}Z", 511.3 + n + shift, 1e-3) for n in range(6)]
        cases.write_rows(tmp_path / name / "crossings.csv", heads, rows)
    line = quantity(accept(tmp_path / "ref", tmp_path / "new", code=3), "crossings.csv", "column")
    assert line["largest"] == pytest.approx(0.25) and line["compared"] == 6


GARBAGE = (
    b"",
    b"\0\xff\xfe" * 500,
    b"<",
    b"{",
    b"CCSDS_OEM_VERS = 2.0\n",
    b"a,b\n1\n",
    b"\x89HDF\r\n\x1a\n" + b"\0" * 900,
)


@pytest.mark.parametrize("content", GARBAGE)
def test_garbage_is_not_comparable_and_no_crash(reference: Path, new: Path, content: bytes) -> None:
    products = [path.name for path in reference.iterdir() if path.suffix != ".html"]
    for name in products:
        (new / name).write_bytes(content)
    found = accept(reference, new, code=3)
    for product in found["products"]:
        if product["product"] in products:
            assert product["verdict"] in ("not comparable", "outside", "missing"), product
            assert product["quantities"][0]["note"] or product["verdict"] != "not comparable"
    # the same garbage in both is the same
    assert accept(new, new)["verdict"] == "ACCEPTED"


def test_without_a_name_the_report_goes_to_a_dated_folder(
    reference: Path, new: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert run("ref", "new").exit_code == 0
    assert len(list(tmp_path.glob("acceptance-*/report.html"))) == 2


def test_hostile_names(reference: Path, new: Path) -> None:
    names = [
        b"<script>alert(1)<script>.csv",
        b"=cmd|' !A1.csv",
        b"a`b|c\nd.csv",
        b"\xff\xfe.csv",
        b"[x]*?.csv",
        b"--output.csv",
    ]
    for folder, value in ((reference, b"1"), (new, b"2")):
        for name in names:
            (folder / os.fsdecode(name)).write_bytes(b"name,value_m\n<b>|x," + value + b"\n")
        os.mkfifo(folder / "pipe.csv")
        (folder / "loop").symlink_to(folder)
        (folder / "gone.csv").symlink_to(folder / "nowhere")
    found = accept(reference, new, code=3)
    outside = [item["product"] for item in found["products"] if item["verdict"] == "outside"]
    assert len(outside) == len(names)
    page = (found["folder"] / "report.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page and "<b>|x" not in page
    with (found["folder"] / "differences.csv").open(newline="", encoding="utf-8") as stream:
        assert all(not row[0].startswith(("=", "-")) for row in csv.reader(stream))
    text = (found["folder"] / "procedure.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| A-") or "value_m" in line]
    assert all("<b>" not in row for row in rows)
    assert printable("a\nb\x1b") == "a\\x0ab\\x1b"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("nowhere", "new"), "nowhere: is no folder"),
        (("empty", "new"), "holds no file"),
        (("ref", "new", "--tolerances", "nothing"), "no qualification configuration 'nothing'"),
        (("ref", "new", "--tolerances", "bad.yaml"), "3 parsecs per fortnight"),
        (("ref", "new", "--closed", "bad_closed.yaml"), "justification"),
        (("ref", "new", "--closed", "nowhere.yaml"), "no such file"),
        (("ref", "new", "--output", "ref/out"), "lies inside the set"),
        (("ref", "new", "--output", "ref"), "is not empty"),
    ],
)
def test_bad_requests(
    reference: Path, new: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("bad.yaml").write_text(
        "tolerances:\n  - quantities: [k]\n    tolerance: 3 parsecs per fortnight\n    reason: none\n", encoding="utf-8"
    )
    Path("bad_closed.yaml").write_text("A-12345678:\n  by: nobody\n", encoding="utf-8")
    # which `main` tells on one line, with exit code 2
    with pytest.raises(RequestError) as refused:
        CliRunner().invoke(app, ["orbit", "qualify", *arguments], catch_exceptions=False)
    assert told in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_a_large_table_in_seconds(tmp_path: Path) -> None:
    count = 100_000
    stamps = np.datetime64("2018-03-06T00:00:00.000") + np.arange(count) * np.timedelta64(125, "ms")
    values = np.random.default_rng(1).uniform(-1e6, 1e6, count)
    for name, order in (("ref", np.arange(count)), ("new", np.random.default_rng(2).permutation(count))):
        (tmp_path / name).mkdir()
        moved = values + (0.5 if name == "new" else 0.0) * (np.arange(count) == 777)
        rows = "".join(f"{stamps[row]}Z,{row % 50},{moved[row]:.6f}\n" for row in order.tolist())
        (tmp_path / name / "residuals.csv").write_text(f"utc,column,range_m\n{rows}", encoding="utf-8")
    begin = time.process_time()
    found = accept(tmp_path / "ref", tmp_path / "new", code=3)
    # a million rows take ten times as long: some ten seconds of processor
    assert time.process_time() - begin < 6.0
    line = quantity(found, "residuals.csv", "range_m")
    assert line["largest"] == pytest.approx(0.5, abs=1e-6)
    assert line["outside"] == 1 and str(stamps[777]) in line["where"]
