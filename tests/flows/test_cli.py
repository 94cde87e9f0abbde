"""The command as a user types it: help, answers, exit codes, one-line refusals."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from campaigns import write_request
from commands import Answer

from flows.campaign import Finished
from flows.simulation import shifted
from orbit_aux.ccsds import read_oem, write_oem


@pytest.fixture
def archive(finished: Finished, tmp_path: Path) -> Path:
    """A copy of a finished run's archive."""
    return Path(shutil.copytree(finished.folder.parent.parent, tmp_path / "archive"))


COMMANDS = (
    ("run",),
    ("check",),
    ("plan",),
    ("reprocess",),
    *(("archive", verb) for verb in ("list", "show", "explain", "statistics", "verify", "rebuild")),
    *(("simulate", what) for what in ("moon", "product", "system-product")),
    ("inspect",),
    *(("propose", what) for what in ("phgain", "noismo", "strlgt")),
    ("moon", "irradiance"),
    ("moon", "straylight"),
)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(etalon: Callable[..., Answer], words: tuple[str, ...]) -> None:
    answer = etalon(*words, "--help")
    assert answer.code == 0
    described = [line for line in answer.out.splitlines() if line.strip().startswith("--")]
    assert all(len(line.split("  ", 2)[-1].strip()) > 5 for line in described), "every option says what it does"


def test_run_prints_progress_and_the_report(
    etalon: Callable[..., Answer], products: Path, archive: Path, tmp_path: Path
) -> None:
    answer = etalon("run", write_request(tmp_path, products, archive))
    assert answer.code == 0
    assert "15 reused" in answer.out
    report = Path(answer.out.splitlines()[-1].removeprefix("Report: "))
    assert report.is_file()
    assert "[3/3]" in answer.err


def test_run_as_json_prints_nothing_else(
    etalon: Callable[..., Answer], products: Path, archive: Path, tmp_path: Path
) -> None:
    answer = etalon("run", write_request(tmp_path, products, archive), "--json")
    [summary] = json.loads(answer.out)
    assert (summary["done"], summary["failed"], summary["steps_reused"]) == (3, 0, 15)
    assert Path(summary["report"]).is_file()


def test_dry_run_tells_and_writes_nothing(
    etalon: Callable[..., Answer], products: Path, archive: Path, tmp_path: Path
) -> None:
    request = write_request(tmp_path, products, archive)
    before = sorted(path.name for path in (archive / "runs").iterdir())
    answer = etalon("run", request, "--dry-run")
    assert "0 steps would be computed, 15 reused" in answer.out
    changed = etalon("run", request, "--dry-run", "--json", "--set", "solar_spectrum=wehrli1985")
    facts = json.loads(changed.out)["acquisitions"][0]
    assert (facts["disk_signal"], facts["lunar_gain"]) == ("reuse", "compute")
    assert sorted(path.name for path in (archive / "runs").iterdir()) == before


def test_check_lists_what_can_be_run(etalon: Callable[..., Answer], request_file: Path) -> None:
    answer = etalon("check", request_file)
    assert answer.code == 0
    assert "3 acquisitions can be run, 0 cannot" in answer.out
    assert "VENUS.oem" in answer.out
    assert not (request_file.parent / "archive").exists()


def test_check_refuses_with_the_reason(etalon: Callable[..., Answer], products: Path, tmp_path: Path) -> None:
    (tmp_path / "NOTHING_MOON_1").mkdir()
    request = write_request(tmp_path, products, tmp_path / "archive", acquisitions=[str(tmp_path / "NOTHING_MOON_1")])
    answer = etalon("check", request)
    assert answer.code == 2
    assert "refused  NOTHING_MOON_1" in answer.out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run", "nowhere.yaml"], "nowhere.yaml: no such file"),
        (["check", "nowhere.yaml"], "nowhere.yaml: no such file"),
        (["plan", "--orbit", "new.oem", "--archive", "nowhere"], "nowhere: no archive here"),
        (["archive", "list", "--archive", "nowhere"], "nowhere: no archive here"),
        (["simulate", "moon", "--sensor", "venuss", "--out", "x"], "no sensors configuration 'venuss'; did you mean 'venus'?"),
        (["simulate", "moon", "--sensor", "venus", "--out", "x", "--start", "2020-12-01T00:00:00Z"], "takes no images on 2020-12-"),
        (["simulate", "moon", "--sensor", "venus", "--out", "x", "--set", "oversamplin=2"], "did you mean 'oversampling'?"),
        (["simulate", "moon", "--sensor", "venus", "--out", "x", "--phase", "200"], "a phase lies between"),
    ],
)  # fmt: skip
def test_refusals_are_one_line_and_code_2(etalon: Callable[..., Answer], arguments: list[str], says: str) -> None:
    answer = etalon(*arguments)
    assert answer.code == 2
    assert says in answer.err
    assert len(answer.err.strip().splitlines()) == 1
    assert "Traceback" not in answer.err


def test_simulated_products_are_calibrated(etalon: Callable[..., Answer], tmp_path: Path) -> None:
    words = (
        "simulate moon --sensor pneo3 --start 2022-06-01T00:00:00Z --phase 30 --binning 40 --bands G --set noise=false"
    )
    answer = etalon(*words.split(), "--out", tmp_path / "p")
    assert answer.code == 0
    product, orbit = answer.out.splitlines()
    assert Path(product).with_name(Path(product).name + ".truth").is_dir()
    assert Path(orbit).name == "PNEO3.oem"
    request = write_request(tmp_path, tmp_path / "p", tmp_path / "archive")
    assert etalon("run", request).code == 0


def test_archive_commands(etalon: Callable[..., Answer], archive: Path) -> None:
    listed = json.loads(etalon("archive", "list", "--archive", archive, "--step", "lunar_gain", "--json").out)
    assert len(listed) == 3
    key = listed[0]["key"]
    shown = etalon("archive", "show", key[:10], "--archive", archive)
    assert "gain_proposed" in shown.out
    assert key in shown.out
    tree = etalon("archive", "explain", key[:10], "--archive", archive)
    for cause in ("lunar_disk", "disk_signal", "moon_geometry", "sun_direction", "VENUS.oem", "PO venus", "ROLO 2005"):
        assert cause in tree.out, cause
    graph = json.loads(etalon("archive", "explain", key, "--archive", archive, "--json").out)
    assert graph["key"] == key
    assert etalon("archive", "verify", "--archive", archive).out.endswith("in order\n")
    (archive / "index.sqlite").unlink()
    assert "15 results" in etalon("archive", "rebuild", "--archive", archive).out
    assert json.loads(etalon("archive", "list", "--archive", archive, "--step", "lunar_gain", "--json").out) == listed


def test_verify_finds_an_altered_file(etalon: Callable[..., Answer], archive: Path) -> None:
    victim = next((archive / "results" / "lunar_gain").rglob("result.nc"))
    victim.write_bytes(victim.read_bytes()[:-1] + b"x")
    answer = etalon("archive", "verify", "--archive", archive)
    assert answer.code == 1
    assert str(victim) in answer.out


def test_unknown_key_is_refused(etalon: Callable[..., Answer], archive: Path) -> None:
    answer = etalon("archive", "explain", "ffffffffffffffff", "--archive", archive)
    assert answer.code == 2
    assert "no result" in answer.err


def test_plan_and_reprocess(etalon: Callable[..., Answer], products: Path, archive: Path, tmp_path: Path) -> None:
    write_oem(tmp_path / "new.oem", shifted(read_oem(products / "orbits" / "VENUS.oem"), "2019-02-16", 3000.0))
    planned = etalon("plan", "--orbit", tmp_path / "new.oem", "--archive", archive)
    assert planned.code == 0
    assert "1 redo, 2 reuse" in planned.out
    decisions = json.loads(etalon("plan", "--orbit", tmp_path / "new.oem", "--archive", archive, "--json").out)
    assert [item["action"] for item in decisions] == ["redo", "reuse", "reuse"]
    done = etalon("reprocess", "--orbit", tmp_path / "new.oem", "--archive", archive, "--engine", "local")
    assert done.code == 0
    assert "2 steps computed, 13 reused" in done.out
    again = etalon("reprocess", "--orbit", tmp_path / "new.oem", "--archive", archive, "--engine", "local")
    assert "nothing to do" in again.out
