"""`etalon orbit conjunction` and `screen`: their files, codes, and what they say of bad inputs."""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from commands import Answer

from orbit_aux.ccsds import write_cdm, write_oem
from orbit_aux.conjunctions.assessment import Choice, assess
from orbit_aux.conjunctions.two_body import mean_elements_of, states_of
from orbit_aux.orbit import Covariance, Orbit

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "orbit_aux"))
from conjunctions import TCA, alfano, as_conjunction, crossing

Etalon = Callable[..., Answer]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_one_conjunction_with_manoeuvres(etalon: Etalon, tmp_path: Path) -> None:
    encounter = crossing()
    write_cdm(tmp_path / "a.cdm", as_conjunction(encounter), creation_date="2018-03-05T00:00:00")
    out = tmp_path / "out"
    words = ["--monte-carlo", "20000", "--avoid", "--mass", 264, "--isp", 220, "--target", "1e-6", "--output", out]
    answer = etalon("orbit", "conjunction", tmp_path / "a.cdm", *words)
    assert answer.code == 0, answer.err
    found = json.loads((out / "summary.json").read_text())
    # the file keeps a µm and a nm/s
    assert found["pc"] == pytest.approx(assess(encounter, Choice("off")).probability, rel=1e-6)
    assert (found["method"], found["level"], found["usable_2d"], found["flags"]) == ("2d", "red", True, [])
    assert found["monte_carlo"]["low"] < found["pc"] < found["monte_carlo"]["high"]
    assert found["miss_distance_m"] == pytest.approx(np.linalg.norm(encounter.relative[:3]), abs=1e-5)
    best = found["avoidance"]["best"]
    assert 0 < abs(best["delta_v_ms"]) < 0.1 and best["probability"] <= 1.0001e-6 and best["propellant_kg"] > 0
    scanned = rows(out / "scan.csv")
    assert set(scanned[0]) == {"probability", "miss_m", "lead_revolutions", "along_track_delta_v_ms", "lead_time_s"}
    still = [float(row["probability"]) for row in scanned if float(row["along_track_delta_v_ms"]) == 0]
    assert still == pytest.approx([found["pc"]] * len(still), rel=1e-3)
    page = (out / "report.html").read_text()
    assert all(
        word in page for word in ("Encounter plane", "hard bodies", "over the scale", "over a manoeuvre", "propellant")
    )


def test_a_message_that_contradicts_itself_is_never_green(etalon: Etalon, tmp_path: Path) -> None:
    path = tmp_path / "a.cdm"
    write_cdm(path, as_conjunction(crossing(miss_rtn_m=(0.0, 300_000.0, 0.0))), creation_date="2018-03-05T00:00:00")
    for name, miss in (("said", None), ("other", "50")):
        if miss is not None:
            path.write_text(re.sub(r"MISS_DISTANCE = \S+", f"MISS_DISTANCE = {miss}", path.read_text()))
        answer = etalon("orbit", "conjunction", path, "--output", tmp_path / name)
        assert answer.code == 0, answer.err
    levels = [json.loads((tmp_path / name / "summary.json").read_text())["level"] for name in ("said", "other")]
    assert levels == ["green", "unknown"]


def test_where_two_dimensions_fail(etalon: Etalon, shared: Path, tmp_path: Path) -> None:
    encounter, figures = alfano(shared)[2]
    write_cdm(tmp_path / "a.xml", as_conjunction(encounter), "xml")
    answer = etalon(
        "orbit",
        "conjunction",
        tmp_path / "a.xml",
        "--monte-carlo",
        "off",
        "--red",
        "1e-4",
        "--output",
        tmp_path / "out",
    )
    # the threshold was named, and is exceeded
    assert answer.code == 3 and "two_dimensions_fail" in answer.out
    found = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert found["pc_2d"] == pytest.approx(figures["pc_linear_alfano"], rel=1e-4)
    assert found["pc"] == pytest.approx(figures["pc_mc_1e8"], rel=0.015) and found["method"] == "3d"
    assert not found["usable_2d"] and found["monte_carlo"] is None


def test_many_messages_of_one_event(etalon: Etalon, tmp_path: Path) -> None:
    folder = tmp_path / "messages"
    folder.mkdir()
    encounter = crossing()
    for day, scale in enumerate((9.0, 4.0, 1.0)):
        content = as_conjunction(replace(encounter, covariances=encounter.covariances * scale))
        write_cdm(folder / f"{day}.cdm", content, creation_date=f"2018-03-0{day + 3}T10:00:00")
    (folder / "bad.cdm").write_text("garbage")
    answer = etalon("orbit", "conjunction", folder, "--monte-carlo", "off", "--output", tmp_path / "out")
    # the good ones are valid, one was refused
    assert answer.code == 3 and "refused" in answer.out and "Traceback" not in answer.err
    found = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert [len(event["history"]) for event in found["events"]] == [3]
    created = [row["created"] for row in found["events"][0]["history"]]
    assert created == sorted(created)
    table = rows(tmp_path / "out" / "conjunctions.csv")
    assert len(table) == 4 and sum(bool(row["error"]) for row in table) == 1
    assert "Trend" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--radius", "-1"], "--radius"),
        (["--radius", "nan"], "--radius"),
        (["--monte-carlo", "many"], "--monte-carlo many"),
        (["--mass", "100", "--isp", "200"], "--avoid"),
        (["--avoid", "--mass", "100"], "give both"),
        (["--target", "2", "--avoid"], "--target"),
        (["--window", "0"], "--window"),
        (["--red", "7"], "--red"),
        (["--seed", "-4"], "--seed"),
    ],
)
def test_bad_options(etalon: Etalon, tmp_path: Path, words: list[str], told: str) -> None:
    write_cdm(tmp_path / "a.cdm", as_conjunction(crossing()))
    answer = etalon("orbit", "conjunction", tmp_path / "a.cdm", *words, "--output", tmp_path / "out")
    assert (answer.code, told in answer.err, len(answer.err.splitlines())) == (2, True, 1), answer.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", ["", "garbage", "CCSDS_CDM_VERS = 1.0\nTCA = 1\n", "<cdm>", "\x00\xff"])
def test_bad_files(etalon: Etalon, tmp_path: Path, content: str) -> None:
    (tmp_path / "a.cdm").write_text(content, encoding="latin-1")
    answer = etalon("orbit", "conjunction", tmp_path / "a.cdm", "--output", tmp_path / "out")
    assert (answer.code, len(answer.err.splitlines())) == (2, 1), answer.err
    assert "a.cdm" in answer.err and not (tmp_path / "out").exists()


def test_no_radius_names_the_option(etalon: Etalon, tmp_path: Path) -> None:
    write_cdm(tmp_path / "a.cdm", as_conjunction(crossing(), hard_body_radius_m=None))
    answer = etalon("orbit", "conjunction", tmp_path / "a.cdm", "--output", tmp_path / "out")
    assert answer.code == 2 and "--radius" in answer.err
    answer = etalon(
        "orbit",
        "conjunction",
        tmp_path / "a.cdm",
        "--radius",
        "10",
        "--monte-carlo",
        "off",
        "--output",
        tmp_path / "out",
    )
    assert answer.code == 0, answer.err
    again = etalon("orbit", "conjunction", tmp_path / "a.cdm", "--radius", "10", "--output", tmp_path / "out")
    assert again.code == 2 and "not empty" in again.err
    assert etalon("orbit", "conjunction", tmp_path / "none.cdm", "--output", tmp_path / "new").code == 2


@pytest.fixture
def orbits(tmp_path: Path) -> tuple[Path, Path]:
    """Ephemerides through an encounter, with the covariances of it."""
    encounter = crossing(miss_rtn_m=(30.0, 100.0, 0.0))
    offsets = np.arange(-3000.0, 3001.0, 30.0)
    times = TCA[np.zeros(len(offsets), int)] + offsets
    content = as_conjunction(encounter)
    paths = []
    for name, state, item in zip(("own", "other"), encounter.states, content.objects, strict=True):
        states = states_of(np.repeat(mean_elements_of(state[None]), len(offsets), axis=0), offsets)
        chosen = times[::20]
        covariance = Covariance(
            chosen, np.repeat(item.covariance_rtn[None], len(chosen), axis=0), ("RSW",) * len(chosen)
        )
        made = Orbit(
            name.upper(), "2017-044A", "GCRF", times, states[:, :3], states[:, 3:], "made", covariance=covariance
        )
        write_oem(tmp_path / f"{name}.oem", made)
        paths.append(tmp_path / f"{name}.oem")
    return paths[0], paths[1]


def test_screening(etalon: Etalon, orbits: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ["--orbit", orbits[0], "--against", orbits[1], "--threshold", "1", "--radius", "10", "--output", out]
    answer = etalon("orbit", "screen", *words, "--red", "1e-4")
    assert answer.code == 3, answer.err
    table = [row for row in rows(out / "approaches.csv") if row["at_edge"] == "False"]
    nearest = min(
        table, key=lambda row: abs(np.datetime64(row["tca"].rstrip("Z")) - np.datetime64("2018-03-06T10:00:00"))
    )
    encounter = crossing(miss_rtn_m=(30.0, 100.0, 0.0))
    assert float(nearest["miss_m"]) == pytest.approx(np.linalg.norm(encounter.relative[:3]), abs=0.01)
    assert float(nearest["pc"]) == pytest.approx(assess(encounter, Choice("off")).probability, rel=2e-3)
    assert "OTHER" in (out / "report.html").read_text()
    # the colour of the verdict
    assert 'class="status failed"' in (out / "report.html").read_text()
    without = etalon("orbit", "screen", *words[:6], "--output", tmp_path / "plain")
    assert without.code == 0 and all(row["pc"] == "" for row in rows(tmp_path / "plain" / "approaches.csv"))


def test_screening_against_elements(etalon: Etalon, orbits: tuple[Path, Path], tmp_path: Path) -> None:
    # the published check set of SGP4 documents (satellite 5), years away: no approach is near
    lines = (
        "1 00005U 58002B   00179.78495062  .00000023  00000-0  28098-4 0  4753",
        "2 00005  34.2682 348.7242 1859667 331.7664  19.3264 10.82419157413667",
    )
    (tmp_path / "x.tle").write_text("\n".join(lines) + "\n")
    words = ["--orbit", orbits[0], "--against", tmp_path / "x.tle", "--threshold", "10000", "--radius", "5"]
    answer = etalon("orbit", "screen", *words, "--output", tmp_path / "out")
    assert answer.code == 0, answer.err
    found = json.loads((tmp_path / "out" / "summary.json").read_text())["approaches"]
    assert found and all(row["pc"] is None and row["pc_max_unknown_covariance"] < 1e-9 for row in found)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (["--threshold", "-1"], "--threshold"),
        (["--radius", "0"], "--radius"),
        (["--against", "none.oem"], "none.oem"),
        (["--red", "1e-4"], "--red 0.0001: without --radius"),
        (["--radius", "5", "--red", "nan"], "--red nan: give 0 to 1"),
    ],
)
def test_bad_screening(etalon: Etalon, orbits: tuple[Path, Path], tmp_path: Path, change: list[str], told: str) -> None:
    words = ["--orbit", orbits[0], "--against", orbits[1], "--threshold", "5", "--output", tmp_path / "out", *change]
    answer = etalon("orbit", "screen", *words)
    assert answer.code == 2 and told in answer.err and len(answer.err.splitlines()) == 1, answer.err
    assert not (tmp_path / "out").exists()
