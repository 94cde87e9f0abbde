"""The command for low orbits: what it reads, what it leaves, and that a run of the calibration can read it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.orbits.low_inputs import read_positions, read_start
from orbit_aux.ccsds import read_oem, write_oem, write_opm, write_tdm
from orbit_aux.ccsds.opm import Manoeuvre, OrbitParameters
from orbit_aux.frames import State
from orbit_aux.low.fixes_simulation import simulate_fixes
from orbit_aux.motion.forces import Forces, Impulse, Satellite
from orbit_aux.motion.propagate import propagate
from orbit_aux.orbit import Orbit
from orbit_aux.stations import COLUMNS, read_stations
from orbit_aux.time import Times
from orbit_aux.tracking import Tracking

EPOCH = Times.from_utc("2018-03-06T00:00:00")
START = State(EPOCH, np.array([[7.0978e6, 71e3, -308e3]]), np.array([[210.0, 1003.0, 7421.0]]), "GCRF")
IMPULSE = Manoeuvre(EPOCH + 9_000.0, 0.0, -0.02, "RSW", np.array([0.0, 0.25, 0.0]))
CRAFT = Satellite(250.0, 2.0, 2.2, 2.0, 1.3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Positions of four hours with an impulse, an OPM that plans it, and the true orbit."""
    folder = tmp_path_factory.mktemp("low")
    times = EPOCH + np.arange(0.0, 14_401.0, 20.0)
    jump = Impulse(IMPULSE.ignition, IMPULSE.delta_v_ms * 1.04, "RSW")
    truth = propagate(START, times, Forces(satellite=CRAFT, manoeuvres=(jump,)))
    fixes = simulate_fixes(truth, 1)
    with (folder / "fixes.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["utc", "x_m", "y_m", "z_m", "sigma_m"])
        for label, place in zip(fixes.times.utc_strings(3), fixes.position_itrf_m.tolist(), strict=True):
            writer.writerow([label, *(f"{value:.3f}" for value in place), 1.5])
    write_oem(
        folder / "truth.oem", Orbit("VENUS", "2017-044B", "GCRF", times, truth.position_m, truth.velocity_ms, "truth")
    )
    near = State(EPOCH + -30.0, START.position_m + 400.0, START.velocity_ms + 0.5, "GCRF")
    write_opm(
        folder / "initial.opm",
        OrbitParameters("VENUS", "2017-044B", near, None, 250.0, 2.0, 1.3, 2.0, 2.2, (IMPULSE,)),
    )
    return folder


def test_positions_become_an_orbit_with_its_comparison(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    arguments = [
        "orbit",
        "restitute",
        "--positions",
        str(folder / "fixes.csv"),
        "--initial",
        str(folder / "initial.opm"),
    ]
    arguments += ["--reference", str(folder / "truth.oem"), "--step", "60", "--output", str(output)]
    answer = CliRunner().invoke(app, arguments)
    assert answer.exit_code == 0, answer.output
    names = {"orbit.oem", "residuals.csv", "parameters.csv", "summary.json", "comparison.csv", "report.html"}
    assert {path.name for path in output.iterdir()} == names
    summary = json.loads((output / "summary.json").read_text())
    assert summary["verdict"] == "believed"
    # planned 0.25 m/s, 4 % more flown
    found = summary["parameters"]["impulse_0_s"]
    assert abs(found["value"] - 0.26) < max(4.0 * found["sigma"], 1e-4)
    for name in ("radial", "along", "cross"):
        assert summary["comparison"][f"{name}_rms_m"] < 1.0
    orbit = read_oem(output / "orbit.oem")
    assert orbit.object_name == "VENUS"
    assert orbit.covariance is not None
    assert len(orbit.segments) == 2
    # the folder is full now: nothing is overwritten
    assert CliRunner().invoke(app, arguments).exit_code != 0


def test_kinds_of_positions_and_starts(folder: Path, tmp_path: Path) -> None:
    table, ephemeris = read_positions(folder / "fixes.csv"), read_positions(folder / "truth.oem")
    assert (table.sigma_m == 1.5).all()
    assert (ephemeris.sigma_m == 0.0).all()
    common = ephemeris.position_itrf_m[np.isin(ephemeris.times.tai_ns, table.times.tai_ns)]
    assert np.median(np.linalg.norm(common - table.position_itrf_m, axis=1)) < 5.0
    first = table.times[0]
    start = read_start(folder / "initial.opm", first)
    assert start.forces.satellite == CRAFT
    assert isinstance(start.forces.manoeuvres[0], Impulse)
    assert read_start(None, first).state is None
    state = read_start(folder / "truth.oem", first).state
    assert state is not None
    np.testing.assert_allclose(state.position_m, START.position_m, atol=1e-3)


def test_an_opm_chooses_the_models(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "activity.csv").write_text("utc,f107,ap\n2018-03-06T00:00:00,70,5\n")
    words = (("GRAVITY_DEGREE", "8"), ("SPACE_WEATHER", "activity.csv"), ("SOLID_TIDES", "YES"))
    write_opm(tmp_path / "a.opm", OrbitParameters("VENUS", "2017-044B", START, user_defined=words))
    forces = read_start(tmp_path / "a.opm", EPOCH).forces
    assert (forces.gravity.degree, forces.space_weather.f107[0], forces.solid_tides) == (8, 70.0, True)
    assert not forces.relativity


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("utc,x_m,y_m\n", "column z_m is missing"),
        ("utc,x_m,y_m,z_m\n2018-03-06T00:00:00,1,2,x\n", "is no number"),
        ("utc,x_m,y_m,z_m\n2018-03-06T00:00:00,7e6,2,3\n", "too few"),
        ("utc,x_m,y_m,z_m\n" + "".join(f"2018-03-06T00:00:{s:02d},7000,2,{s}\n" for s in range(9)), "kilometres"),
    ],
)
def test_bad_tables_leave_a_message_and_no_folder(tmp_path: Path, text: str, said: str) -> None:
    table, output = tmp_path / "fixes.csv", tmp_path / "out"
    table.write_text(text)
    answer = CliRunner().invoke(app, ["orbit", "restitute", "--positions", str(table), "--output", str(output)])
    assert answer.exit_code != 0
    assert said in answer.output + str(answer.exception)
    assert not output.exists()


def test_passes_over_stations_become_an_orbit(folder: Path, tmp_path: Path) -> None:
    places = {"KRN": (67.9, 20.97), "SVB": (78.2, 15.4), "HBK": (-25.9, 27.7), "KRU": (5.1, -52.8), "TRO": (-72.0, 2.5)}
    rows = [f"{name},{lat},{lon},100" for name, (lat, lon) in places.items()]
    (tmp_path / "stations.csv").write_text("\n".join([",".join(COLUMNS), *rows]))
    stations, truth = read_stations(tmp_path / "stations.csv"), read_oem(folder / "truth.oem")
    stop = EPOCH + np.arange(60.0, 14_300.0, 20.0)
    ends = [np.linalg.norm(truth.at(time).position_m - stations.gcrf(time)[0], axis=2) for time in (stop + -10.0, stop)]
    up = stations.gcrf(stop)[0] / np.linalg.norm(stations.gcrf(stop)[0], axis=2, keepdims=True)
    sine = np.einsum("snk,snk->sn", up, truth.at(stop).position_m - stations.gcrf(stop)[0]) / ends[1]
    station, row = np.nonzero(sine > 0.1)
    order = np.argsort(row, kind="stable")
    station, row = station[order], row[order]
    noise = 0.01 * np.random.default_rng(2).normal(size=len(row))
    value = (ends[1] - ends[0])[station, row] / 10.0 + noise
    names, many = np.array(stations.names)[station], len(row)
    sizes = np.full(many, 10.0), np.full(many, "DOPPLER"), names, names, value, "made", np.full(many, 0.01), False
    write_tdm(tmp_path / "tracking.tdm", Tracking(stop[row], *sizes), "VENUS")
    near = State(EPOCH + -30.0, *(part for part in _before()), "GCRF")
    spread = np.diag([1e6] * 3 + [1.0] * 3)
    write_opm(
        tmp_path / "initial.opm",
        OrbitParameters("VENUS", "2017-044B", near, spread, 250.0, 2.0, 1.3, 2.0, 2.2, (IMPULSE,)),
    )
    words = ["orbit", "restitute", "--tracking", str(tmp_path / "tracking.tdm"), "--output", str(tmp_path / "out")]
    words += ["--initial", str(tmp_path / "initial.opm"), "--reference", str(folder / "truth.oem")]
    lacking = CliRunner().invoke(app, [*words, "--filter", "batch"])
    assert lacking.exit_code != 0 and "--stations" in str(lacking.exception or lacking.output)
    words += ["--stations", str(tmp_path / "stations.csv"), "--filter", "batch", "--sigma", "0.01"]
    answer = CliRunner().invoke(app, words)
    assert answer.exit_code == 0, answer.output
    assert f"{many} measurements of stations, 0 not accepted" in answer.output
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["object_name"] == "VENUS" and summary["verdict"] == "believed"
    # six passes of 1 cm/s tell the orbit to some metres
    for name in ("radial", "along", "cross"):
        assert summary["comparison"][f"{name}_rms_m"] < 10.0
    with (tmp_path / "out" / "measurements.csv").open(newline="") as stream:
        table = list(csv.DictReader(stream))
    assert len(table) == many and 0.9 < np.std([float(line["normalised_residual"]) for line in table]) < 1.1


def _before() -> tuple[np.ndarray, np.ndarray]:
    """The true state half a minute before the first fix, off by what the covariance says."""
    back = propagate(
        State(EPOCH, START.position_m, -START.velocity_ms, "GCRF"), EPOCH + np.array([30.0]), Forces(satellite=CRAFT)
    )
    return back.position_m + 500.0, -back.velocity_ms + 0.5


def test_the_filter_is_chosen_by_name(folder: Path, tmp_path: Path) -> None:
    words = ["orbit", "restitute", "--positions", str(folder / "fixes.csv"), "--output", str(tmp_path / "out")]
    words += ["--initial", str(folder / "initial.opm"), "--reference", str(folder / "truth.oem")]
    answer = CliRunner().invoke(app, [*words, "--filter", "kalman"])
    assert answer.exit_code == 0, answer.output
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["comparison"]["along_rms_m"] < 1.5
    wrong = CliRunner().invoke(app, [*words[:-2], "--filter", "paper"])
    assert "is for burns" in str(wrong.exception or wrong.output)
