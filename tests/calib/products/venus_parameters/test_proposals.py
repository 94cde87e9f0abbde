"""Proposals and round trips: what is written reads back identical, never over a file, the same bytes each time, and valid by the schemas of the mission."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import parameter_samples as known
import pytest
import xarray as xr

from calib.errors import ArchiveError, InputError, RequestError
from calib.products.venus_parameters import official_gains, open_parameters
from calib.products.venus_parameters.check import validate
from calib.products.venus_parameters.gains import write_table
from calib.products.venus_parameters.propose import propose_noismo, propose_phgain, propose_strlgt
from calib.products.venus_parameters.straylight import Filter, Ghost, Straylight, Strip, write_straylight
from calib.products.venus_parameters.values import read_factors, read_gains, read_noise
from calib.simulate.products import venus_parameters as simulate
from calib.simulate.products.venus_parameters import Identity

START = np.datetime64("2019-03-01T00:00:00", "s")


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("file_type", ["GIP_PHGAIN", "GIP_NOISMO"])
def test_round_trip_of_tables(files: dict[str, Path], tmp_path: Path, file_type: str) -> None:
    file = open_parameters(files[file_type])
    assert isinstance(file.content, xr.Dataset)
    again = write_table(tmp_path, file.header, file.content)
    assert open_parameters(again).content.identical(file.content)  # type: ignore[union-attr]
    assert again.read_bytes() == files[file_type].read_bytes(), "header and body alike"


def test_round_trip_of_straylight(files: dict[str, Path], tmp_path: Path) -> None:
    file = open_parameters(files["GIP_STRLGT"])
    assert isinstance(file.content, Straylight)
    again = write_straylight(tmp_path, file.header, file.content)
    assert open_parameters(again).content == file.content
    assert again.read_bytes() == files["GIP_STRLGT"].read_bytes()


def test_a_proposal_is_the_next_serial(files: dict[str, Path], tmp_path: Path) -> None:
    base, before = files["GIP_PHGAIN"], files["GIP_PHGAIN"].read_bytes()
    gain = 0.1 + 0.2  # 0.30000000000000004: every digit is kept
    path = propose_phgain(base, {"B1": gain, "B12": {16: 2.5}}, START, tmp_path, "drift of 2019")
    assert path.name == "VE_VM01_GIP_PHGAIN_L_ALLSITES_00008_20190301_99991231.EEF"
    file = open_parameters(path)
    assert file.warnings == () and file.header.notes == "drift of 2019" and file.header.validity_start == START
    assert file.header.creation_date == START and file.header.name.serial == 8
    gains = official_gains(file, 16).gains
    assert gains == known.GAINS | {"B1": gain, "B12": 2.5}
    assert official_gains(file, 8).gains["B12"] == known.GAINS["B12"], "the other configurations stay"
    assert base.read_bytes() == before and sorted(item.name for item in tmp_path.iterdir()) == [path.name]


def test_the_same_proposal_is_the_same_bytes(files: dict[str, Path], tmp_path: Path) -> None:
    content = known.STRAYLIGHT.with_factors({"B1": 0.004})
    for folder in (tmp_path / "one", tmp_path / "two"):
        propose_phgain(files["GIP_PHGAIN"], {"B1": 2.0}, START, folder)
        propose_noismo(files["GIP_NOISMO"], {"B1": {"a": 2.0}}, START, folder)
        propose_strlgt(files["GIP_STRLGT"], content, START, folder)
    assert tree(tmp_path / "one") == tree(tmp_path / "two") and len(tree(tmp_path / "one")) == 7
    dated = np.datetime64("2026-01-02T03:04:05", "s")
    path = propose_phgain(files["GIP_PHGAIN"], {"B1": 2.0}, START, tmp_path / "three", creation_date=dated)
    assert open_parameters(path).header.creation_date == dated


def test_proposed_noise(files: dict[str, Path], tmp_path: Path) -> None:
    path = propose_noismo(files["GIP_NOISMO"], {"B4": {"a": 9.5, "b": {8: 0.125}}}, START, tmp_path)
    table = open_parameters(path).content
    assert isinstance(table, xr.Dataset)
    assert float(table.a.sel(band="B4", tdi=32)) == 9.5 and float(table.b.sel(band="B4", tdi=8)) == 0.125
    assert float(table.b.sel(band="B4", tdi=16)) == known.NOISE_B["B4"][16]


def test_proposed_straylight(files: dict[str, Path], tmp_path: Path) -> None:
    content = known.STRAYLIGHT.with_factors({"B1": [0.1, 0.2], "B5": 0.3})
    path = propose_strlgt(files["GIP_STRLGT"], content, START, tmp_path)
    read = open_parameters(path).content
    assert read == content and isinstance(read, Straylight)
    assert [strip.factor for item in read.crosstalks for strip in item.strips] == [0.1, 0.2, 0.3]
    assert (tmp_path / path.with_suffix(".DBL.DIR").name).is_dir()


def test_never_over_an_existing_file(files: dict[str, Path], tmp_path: Path) -> None:
    path = propose_phgain(files["GIP_PHGAIN"], {"B1": 2.0}, START, tmp_path)
    before = path.read_bytes()
    with pytest.raises(RequestError, match="serial 00008 exists already; nothing is overwritten"):
        propose_phgain(files["GIP_PHGAIN"], {"B1": 3.0}, START + np.timedelta64(9, "D"), tmp_path)
    with pytest.raises(RequestError, match="exists already and is not overwritten"):
        simulate.write_gains(tmp_path, Identity(serial=8, start=START), {"B1": 3.0})
    assert path.read_bytes() == before
    assert propose_phgain(path, {"B1": 3.0}, START, tmp_path).name.split("_")[6] == "00009"


def test_a_failed_write_leaves_nothing(files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ArchiveError, match="No space left"):
        propose_phgain(files["GIP_PHGAIN"], {"B1": 2.0}, START, tmp_path)
    with pytest.raises(ArchiveError, match="No space left"):
        propose_strlgt(files["GIP_STRLGT"], known.STRAYLIGHT, START, tmp_path)
    assert tree(tmp_path) == {}


def test_refused_proposals(files: dict[str, Path], tmp_path: Path) -> None:
    base = files["GIP_PHGAIN"]
    with pytest.raises(RequestError, match="has no band B13"):
        propose_phgain(base, {"B13": 1.0}, START, tmp_path)
    with pytest.raises(RequestError, match="B1 is not positive"):
        propose_phgain(base, {"B1": -1.0}, START, tmp_path)
    with pytest.raises(RequestError, match="is nan"):
        propose_phgain(base, {"B1": float("nan")}, START, tmp_path)
    with pytest.raises(RequestError, match="has no TDI 2"):
        propose_phgain(base, {"B1": {2: 1.0}}, START, tmp_path)
    with pytest.raises(RequestError, match="a proposal of GIP_PHGAIN is based on such a file"):
        propose_phgain(files["GIP_NOISMO"], {"B1": 1.0}, START, tmp_path)
    with pytest.raises(RequestError, match="b of B1 depends on the TDI configuration"):
        propose_noismo(files["GIP_NOISMO"], {"B1": {"b": 1.0}}, START, tmp_path)
    with pytest.raises(RequestError, match="they are a and b"):
        propose_noismo(files["GIP_NOISMO"], {"B1": {"c": 1.0}}, START, tmp_path)
    with pytest.raises(RequestError, match="use plain text"):
        propose_phgain(base, {"B1": 1.0}, START, tmp_path, "a\0b")
    short = simulate.write_gains(tmp_path / "base", Identity(stop=START), {"B1": 1.0})
    with pytest.raises(RequestError, match="choose an earlier start"):
        propose_phgain(short, {"B1": 1.0}, START, tmp_path)
    last = simulate.write_gains(tmp_path / "last", Identity(serial=99999), {"B1": 1.0})
    with pytest.raises(RequestError, match="there is no next one"):
        propose_phgain(last, {"B1": 1.0}, START, tmp_path)
    assert [path for path in tmp_path.iterdir() if path.is_file()] == []


GHOST = known.STRAYLIGHT.ghosts[0]
CROSSTALK = known.STRAYLIGHT.crosstalks[0]


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"ghosts": (), "crosstalks": ()}, "no filter at all"),
        ({"ghosts": (replace(GHOST, last=5200),)}, r"columns outside 0\.\.5199"),
        ({"ghosts": (Ghost(0, 1, Filter("OTHER", known.GHOST)),)}, "filter types other than"),
        ({"ghosts": (Ghost(0, 1, Filter("SPATIAL", known.GHOST * np.nan)),)}, "not finite"),
        ({"margin": -1}, "a margin outside"),
        ({"crosstalks": (replace(CROSSTALK, strips=(Strip(0, 1, -0.1),)),)}, "a factor outside"),
        ({"crosstalks": (replace(CROSSTALK, source="B2"),)}, "from other bands"),
    ],
)
def test_straylight_that_no_file_holds(
    files: dict[str, Path], tmp_path: Path, changes: dict[str, object], match: str
) -> None:
    content = replace(known.STRAYLIGHT, **changes)  # type: ignore[arg-type]
    with pytest.raises(RequestError, match=match):
        propose_strlgt(files["GIP_STRLGT"], content, START, tmp_path)
    with pytest.raises(RequestError, match="the content of B3"):
        propose_strlgt(files["GIP_STRLGT"], replace(content, band="B3"), START, tmp_path)


def test_factors_of_unknown_sources() -> None:
    with pytest.raises(RequestError, match="no crosstalk from B9; its sources are B1, B5"):
        known.STRAYLIGHT.with_factors({"B9": 1.0})
    with pytest.raises(RequestError, match="3 factors for 2 strips"):
        known.STRAYLIGHT.with_factors({"B1": [1.0, 2.0, 3.0]})


def test_values_from_tables(tmp_path: Path) -> None:
    path = tmp_path / "values.csv"
    path.write_text("# ours\nband,tdi,gain\nB01,8,1.5\nB01,16,2.5\nB2,,3\n", "utf-8")
    assert read_gains(path) == {"B1": {8: 1.5, 16: 2.5}, "B2": 3.0}
    path.write_text("band,a,b\nB1,1,2\n", "utf-8")
    assert read_noise(path) == {"B1": {"a": 1.0, "b": 2.0}}
    path.write_text("source,factor\nB1,0.1\nB1,0.2\nB5,0.3\n", "utf-8")
    assert read_factors(path) == {"B1": [0.1, 0.2], "B5": 0.3}


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "it needs band, gain and, if wanted, tdi"),
        ("band,gain\n", "needs rows of 2 values"),
        ("band,gain,x\nB1,1,2\n", "has the columns band, gain, x"),
        ("band,gain\nB1\n", "needs rows"),
        ("band,gain\nB13,1\n", "'B13' is no band"),
        ("band,gain\nB1,inf\n", "gain is 'inf' in the row of B1"),
        ("band,gain,tdi\nB1,1,2\n", "tdi '2' is none"),
        ("band,gain,tdi\nB1,1,8\nB1,1,8\n", "two rows for TDI 8"),
        ("band,gain,tdi\nB1,1,8\nB1,1,\n", "with and without tdi"),
    ],
)
def test_tables_that_are_refused(tmp_path: Path, text: str, match: str) -> None:
    path = tmp_path / "values.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(RequestError, match=match):
        read_gains(path)


# --- the schemas of the mission are the authority on what is written


@pytest.fixture
def schemas(shared: Path) -> Path:
    return shared / "interfaces" / "venus_icd"


def test_every_type_is_valid(files: dict[str, Path], schemas: Path) -> None:
    assert {file_type: validate(path, schemas) for file_type, path in files.items()} == {key: [] for key in files}


def test_proposals_are_valid(files: dict[str, Path], schemas: Path, tmp_path: Path) -> None:
    content = known.STRAYLIGHT.with_factors({"B1": 0.004})
    written = [
        propose_phgain(files["GIP_PHGAIN"], {"B1": 1e-7, "B2": {1: 1e20}}, START, tmp_path),
        propose_noismo(files["GIP_NOISMO"], {"B1": {"a": 2.0}}, START, tmp_path),
        propose_strlgt(files["GIP_STRLGT"], content, START, tmp_path),
    ]
    assert [validate(path, schemas) for path in written] == [[], [], []]


def test_files_of_a_site_are_valid(schemas: Path, tmp_path: Path) -> None:
    for site in ("THE_MOON", "ISRAEL03"):
        path = simulate.write_gains(tmp_path, Identity(site=site, stop=START), known.GAINS)
        assert validate(path, schemas) == []


def test_a_later_phase_fails_on_its_class_only(schemas: Path, tmp_path: Path) -> None:
    for path in known.write_all(tmp_path, "VM05").values():
        found = validate(path, schemas)
        assert found and all("VM05" in text for text in found)


def test_the_check_finds_faults(files: dict[str, Path], schemas: Path, tmp_path: Path) -> None:
    path = tmp_path / files["GIP_PHGAIN"].name
    path.write_bytes(files["GIP_PHGAIN"].read_bytes().replace(b"<Physical_Gain>0.1<", b"<Physical_Gain>-0.1<"))
    assert any("-0.1" in text for text in validate(path, schemas))


def test_the_check_stays_in_its_folder(files: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds 0 schemas"):
        validate(files["GIP_PHGAIN"], tmp_path)
    head = '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">'
    schema = tmp_path / "VE_GIP_PHGAIN_X.xsd"
    schema.write_text(f'{head}<xs:include schemaLocation="http://127.0.0.1:9/x.xsd"/></xs:schema>')
    with pytest.raises(InputError, match="not a file below"):
        validate(files["GIP_PHGAIN"], tmp_path)
    schema.write_text(f"{head}<xs:nonsense/></xs:schema>")
    with pytest.raises(InputError, match="cannot be used as a schema"):
        validate(files["GIP_PHGAIN"], tmp_path)
