"""`etalon orbit` and `etalon simulate burn` from files to files: what is written, exit codes, the stream against the batch, and what is refused."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import time
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from commands import Answer, Command

from orbit_aux.ccsds import read_oem, read_opm, read_tdm, write_tdm
from orbit_aux.tracking_table import read_tracking_table

Etalon = Callable[..., Answer]


@pytest.fixture(scope="module")
def burn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A four-minute burn with its tracking and truth."""
    from flows.orbits.scenarios import experiment_of, write_simulation

    folder = tmp_path_factory.mktemp("burn") / "case"
    write_simulation(experiment_of("hispasat-dv3"), folder, 3)
    return folder


@pytest.fixture(scope="module")
def answer(burn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is written of it."""
    from flows.orbits.inputs import Settings
    from flows.orbits.restitution import write_restitution
    from orbit_aux.burns.restitution import BurnOptions

    folder = tmp_path_factory.mktemp("answer") / "out"
    settings = Settings(reference=burn / "truth.oem")
    inputs = (burn / "tracking.tdm", burn / "initial.opm", burn / "stations.csv")
    write_restitution(*inputs, folder, BurnOptions(), settings)
    return folder


def inputs(burn: Path, tracking: str = "tracking.tdm") -> list[object]:
    return ["--tracking", burn / tracking, "--initial", burn / "initial.opm", "--stations", burn / "stations.csv"]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_a_simulation_is_the_same_for_the_same_seed(burn: Path, tmp_path: Path, etalon: Etalon) -> None:
    code, out, err = etalon("simulate", "burn", "hispasat-dv3", "--seed", 3, "--output", tmp_path / "again")
    assert code == 0, err
    assert "etalon orbit restitute" in out
    names = ["initial.opm", "stations.csv", "tracking.csv", "tracking.tdm", "truth.csv", "truth.oem"]
    assert sorted(path.name for path in (tmp_path / "again").iterdir()) == names
    for name in names:
        assert (tmp_path / "again" / name).read_bytes() == (burn / name).read_bytes(), name
    tdm, table = read_tdm(burn / "tracking.tdm"), read_tracking_table(burn / "tracking.csv")
    assert len(tdm) == len(table) and tdm.light_time is True
    # files hold 1 nm/s; links of one instant may stand in another order
    assert np.sort(tdm.value) == pytest.approx(np.sort(table.value), abs=1e-8)


def test_what_is_written(burn: Path, answer: Path) -> None:
    assert sorted(path.name for path in answer.iterdir()) == [
        "comparison.csv",
        "estimates.csv",
        "orbit.oem",
        "report.html",
        "summary.json",
    ]
    summary = json.loads((answer / "summary.json").read_text(encoding="utf-8"))
    truth = read_oem(burn / "truth.oem")
    axis = summary["semi_major_axis"]["ten_minutes_after_cut_off"]
    state = truth.at(read_opm(burn / "initial.opm").manoeuvres[0].ignition + (278.218 + 600.0))
    radius, speed = np.linalg.norm(state.position_m[0]), np.linalg.norm(state.velocity_ms[0])
    real = 1 / (2 / radius - speed**2 / 3.986004415e14)
    # the goal for third burns is 1.2 km over many; one start within 3 sigma and 3 km shows that the files are understood
    assert abs(axis["estimate_m"] - real) < min(3000.0, 4 * axis["sigma_m"])
    assert summary["verdict"] == "believed"
    assert summary["inputs"]["files"]["tracking"]["file"] == "tracking.tdm"
    assert summary["inputs"]["earth_orientation"]["table"].startswith("finals2000A")
    assert summary["comparison"]["radial_rms_m"] < 3000.0


def test_a_row_for_each_measurement(burn: Path, answer: Path) -> None:
    found = rows(answer / "estimates.csv")
    assert len(found) == len(read_tdm(burn / "tracking.tdm"))
    last = found[-1]
    for column in (
        "utc",
        "residual_ms",
        "innovation_sigma_ms",
        "nis",
        "accepted",
        "semi_major_axis_m",
        "semi_major_axis_sigma_m",
        "inclination_deg",
        "thrust_N",
        "forecast_semi_major_axis_m",
    ):
        assert last[column] != "", column
    assert not any("nan" in value.lower() for row in found for value in row.values())


def test_the_orbit_has_covariances_and_is_read_again(answer: Path, burn: Path) -> None:
    orbit, truth = read_oem(answer / "orbit.oem"), read_oem(burn / "truth.oem")
    assert orbit.covariance is not None and len(orbit.segments) == 3
    times = truth.times[truth.times.tai_ns <= truth.times.tai_ns[-1] - 10**9]
    error = np.linalg.norm(orbit.at(times).position_m - truth.at(times).position_m, axis=1)
    assert error.max() < 5000.0


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_page(answer: Path) -> None:
    content = (answer / "report.html").read_text(encoding="utf-8")
    page = Page()
    page.feed(content)
    assert page.tags.count("svg") >= 6 and "table" in page.tags
    text = " ".join(page.text)
    for title in ("Semi-major axis", "Forecast of the final semi-major axis", "Residuals", "Thrust", "Innovation test"):
        assert title in text
    assert not re.search(r"https?://", content)
    assert len(content) < 1_000_000


def test_a_stream_gives_the_numbers_of_the_batch(burn: Path, answer: Path, tmp_path: Path) -> None:
    """The file grows while it is followed; an interrupt ends it in order."""
    growing = tmp_path / "tracking.csv"
    lines = (burn / "tracking.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    kept = lines[:303]
    growing.write_text("".join(kept[:150]), encoding="utf-8")
    common = ["--initial", burn / "initial.opm", "--stations", burn / "stations.csv"]
    command = Command("orbit", "monitor", "--tracking", growing, "--follow", *common, "--output", tmp_path / "stream")
    time.sleep(0.5)
    with growing.open("a", encoding="utf-8") as stream:
        for number in range(150, len(kept), 50):
            stream.write("".join(kept[number : number + 50]))
            stream.flush()
    _wait_for_lines(command, 98)
    os.kill(command.pid, signal.SIGINT)
    ended = command.wait()
    assert ended.code == 0, ended.text
    assert "Page:" in ended.out
    (tmp_path / "whole.csv").write_text("".join(kept), encoding="utf-8")
    batch = Command("orbit", "restitute", "--tracking", tmp_path / "whole.csv", *common, "--output", tmp_path / "batch")
    assert batch.wait().code == 0
    one, other = rows(tmp_path / "stream" / "estimates.csv"), rows(tmp_path / "batch" / "estimates.csv")
    assert [row["utc"] + row["receiver"] for row in one] == [row["utc"] + row["receiver"] for row in other]
    assert len(one) == 300
    # the same sums in blocks of other lengths: rounding, far below what is known
    for name, sigma in (("semi_major_axis_m", "semi_major_axis_sigma_m"), ("residual_ms", "innovation_sigma_ms")):
        first, second, known = (
            np.array([float(row[key]) for row in part]) for part, key in ((one, name), (other, name), (one, sigma))
        )
        assert np.abs(first - second).max() < 1e-4 * known.min()
    orbits = [read_oem(tmp_path / name / "orbit.oem") for name in ("stream", "batch")]
    assert orbits[0].times == orbits[1].times
    # of some 1.4 km that the place is uncertain by
    assert np.abs(orbits[0].position_m - orbits[1].position_m).max() < 0.1


def _wait_for_lines(command: Command, count: int, timeout_s: float = 90.0) -> None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline and command.running:
        if command._read()[0].count("\n") >= count:
            return
        time.sleep(0.05)
    raise AssertionError(f"fewer than {count} lines: {command._read()[0][-300:]}")


def test_every_shipped_scenario_can_be_read() -> None:
    from calib.config import CONFIGS
    from flows.orbits.scenarios import experiment_of

    names = sorted(path.stem for path in (CONFIGS / "burns").glob("*.yaml"))
    assert len(names) == 5
    for name in names:
        made = experiment_of(name)
        assert made.burn.axes == ("RSW" if name == "tdf2-dv1" else "GCRF")
        assert 0.98 < made.burn.thrust_n / made.planned.thrust_n < 1.0


def changed(burn: Path, folder: Path, name: str, old: str, new: str) -> Path:
    """A copy of the inputs with one text changed."""
    folder.mkdir()
    for path in burn.iterdir():
        content = path.read_text(encoding="utf-8")
        if path.name == name:
            assert re.search(old, content), old
            content = re.sub(old, new, content)
        (folder / path.name).write_text(content, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("stations.csv", r"AUS,.*\n", "", "AUS"),
        ("tracking.tdm", r"(DOPPLER_INTEGRATED = \S+ )(-?[0-9.]+)", r"\g<1>1e5", "km/s"),
        ("initial.opm", r"MASS = .*\n", "", "MASS"),
        ("initial.opm", r"CX_X = .*", "CX_X = -1.0", "variances are positive"),
        ("initial.opm", r"MAN_EPOCH_IGNITION = 1992", "MAN_EPOCH_IGNITION = 1991", "no burn"),
        ("initial.opm", r"MAN_REF_FRAME = GCRF", "MAN_REF_FRAME = TNW", "TNW"),
        ("initial.opm", r"C[XYZ](_DOT)?_[XYZ](_DOT)? = .*\n|COV_REF_FRAME.*\n", "", "no covariance"),
    ],
)
def test_inputs_that_are_refused(
    burn: Path, tmp_path: Path, etalon: Etalon, name: str, old: str, new: str, told: str
) -> None:
    folder = changed(burn, tmp_path / "in", name, old, new)
    code, out, err = etalon("orbit", "restitute", *inputs(folder), "--output", tmp_path / "out")
    assert code == 1 and told in err and out == ""
    assert "\n" not in err.strip()
    assert not (tmp_path / "out").exists() and list(tmp_path.glob(".out*")) == []


@pytest.mark.parametrize("factor", [-1.0, 2.0, 1000.0])
def test_a_wrong_sign_or_factor_is_said(burn: Path, tmp_path: Path, etalon: Etalon, factor: float) -> None:
    import dataclasses

    tracking = read_tracking_table(burn / "tracking.csv")
    folder = changed(burn, tmp_path / "in", "stations.csv", "name", "name")
    # 1000: metres written for kilometres is refused when read; millimetres, or a speed in km/s, by the prediction
    scale = 1e-3 if factor == 1000.0 else factor
    write_tdm(folder / "tracking.tdm", dataclasses.replace(tracking, value=tracking.value * scale), "SATELLITE")
    code, out, err = etalon("orbit", "restitute", *inputs(folder), "--output", tmp_path / "out")
    assert code == 1 and out == "" and not (tmp_path / "out").exists()
    assert len(err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (["--filter", "best"], "--filter"),
        (["--spin", "perhaps"], "--spin"),
        (["--doppler", "half"], "--doppler"),
        (["--sigma", "0"], "--sigma"),
        (["--step", "0"], "--step"),
        (["--biases", "--filter", "paper"], "--biases"),
        (["--positions", "x.csv", "--filter", "paper"], "is for burns"),
    ],
)
def test_requests_that_are_refused(burn: Path, tmp_path: Path, etalon: Etalon, change: list[str], told: str) -> None:
    code, _, err = etalon("orbit", "restitute", *inputs(burn), "--output", tmp_path / "out", *change)
    assert code == 2 and told in err


def test_nothing_is_overwritten(burn: Path, tmp_path: Path, etalon: Etalon) -> None:
    (tmp_path / "mine").write_text("", encoding="utf-8")
    code, _, err = etalon("orbit", "restitute", *inputs(burn), "--output", tmp_path)
    assert code == 2 and "not empty" in err
    code, _, err = etalon("orbit", "monitor", *inputs(burn), "--output", tmp_path)
    assert code == 2 and "not empty" in err


def test_montecarlo(tmp_path: Path, etalon: Etalon) -> None:
    words = ("orbit", "montecarlo", "hispasat-dv3", "--starts", 6, "--cluster", "threads", "--output", tmp_path / "mc")
    code, out, err = etalon(*words)
    assert code == 0, err
    assert sorted(path.name for path in (tmp_path / "mc").iterdir()) == ["report.html", "runs.csv", "summary.json"]
    found = rows(tmp_path / "mc" / "runs.csv")
    cases = json.loads((tmp_path / "mc" / "summary.json").read_text(encoding="utf-8"))["cases"]
    assert len(cases) == 8 and len(found) == 6 + 7 * 5
    nominal = cases[0]
    errors = [float(row["axis_error_settled_m"]) for row in found if row["case"] == nominal["case"]]
    assert nominal["axis_rms_km_settled"] == pytest.approx(np.sqrt(np.mean(np.square(errors))) / 1000.0)
    # goals: 1.2 km for third burns, 2 km for wrong plans, over many; six runs may be twice as far
    assert nominal["axis_rms_km_settled"] < 2.4
    assert all(case["failed"] == 0 and case["axis_rms_km_settled"] < 4.0 for case in cases)
    assert "wrong" not in out and f"{len(found)} restitutions" in out


def test_a_bias_of_a_station_is_found_and_named(burn: Path, tmp_path: Path, etalon: Etalon) -> None:
    comments, body = [], []
    for line in (burn / "tracking.csv").read_text().splitlines():
        (comments if line.startswith("#") else body).append(line)
    table = list(csv.DictReader(body))
    for row in table:
        row["value_ms"] = str(float(row["value_ms"]) + (0.04 if row["receiver"] == "HBK" else 0.0))
    changed = [",".join(table[0]), *(",".join(row.values()) for row in table)]
    (tmp_path / "biased.csv").write_text("\n".join([*comments, *changed]) + "\n")
    given = ["--tracking", tmp_path / "biased.csv", *inputs(burn)[2:]]
    code, out, err = etalon("orbit", "restitute", *given, "--biases", "--output", tmp_path / "out")
    assert code == 0, err
    assert "Biases of the counts: " in out
    biases = json.loads((tmp_path / "out" / "summary.json").read_text())["biases_ms"]
    found = biases["HBK"]
    assert max(biases, key=lambda name: biases[name]["value"]) == "HBK"
    assert abs(found["value"] - 0.04) < 3 * found["sigma"] < 0.06
