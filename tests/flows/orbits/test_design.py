"""The commands that design orbits and transfers: what they write, what they say, and what they refuse."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from calib.config import CONFIGS
from calib.errors import RequestError
from flows.cli import app
from flows.orbits.transfer_request import read_transfer
from orbit_aux.ccsds import read_oem
from orbit_aux.constants import EARTH_RADIUS_M
from orbit_aux.motion.mean_elements import local_time_h, mean_elements, mean_of_arc
from orbit_aux.transfer import hohmann


def run(*arguments: object) -> tuple[int, str, BaseException | None]:
    answer = CliRunner().invoke(app, ["orbit", *map(str, arguments)])
    return answer.exit_code, answer.output, answer.exception


def test_a_design_with_its_orbit(tmp_path: Path) -> None:
    output = tmp_path / "out"
    start = ("--start", "2018-03-06T10:00:00", "--duration", 2.1)
    code, text, _ = run(
        "design", "--revolutions", 29, "--days", 2, "--local-time", 10.5, *start, "--max-days", 5, "--output", output
    )
    assert code == 0, text
    assert sorted(item.name for item in output.iterdir()) == ["cycles.csv", "orbit.oem", "report.html", "summary.json"]
    summary = json.loads((output / "summary.json").read_text())
    assert summary["semi_major_axis_km"] == pytest.approx(7098.09, abs=0.005)
    assert summary["frozen_eccentricity"]["j2_j3"] == pytest.approx(0.00104, abs=5e-6)
    assert summary["local_time"] == {"ascending_h": 22.5, "descending_h": 10.5}
    assert summary["track"]["spacing_km"] == pytest.approx(40075.0 / 29.0, abs=0.1)
    # science: 10 m of axis are 85 m a day, 0.01 deg of inclination 1.7 min a year
    assert summary["windows"]["track_m_per_day_for_1_m_of_axis"] == pytest.approx(-8.5, abs=0.05)
    assert summary["windows"]["local_time_min_per_year_for_0.01_deg"] == pytest.approx(1.7, abs=0.05)
    assert "7098.089" in text
    orbit = read_oem(output / "orbit.oem")
    first = orbit.times[0]
    places = orbit.at(first + np.array([0.0, 2.0 * 86_400.0]), "ITRF").position_m
    assert np.linalg.norm(places[1] - places[0]) < 20.0
    mean = mean_of_arc(orbit, first, first + 86_400.0)
    assert mean.semi_major_axis_m[0] / 1e3 == pytest.approx(summary["refined"]["semi_major_axis_km"], abs=1e-3)
    assert local_time_h(mean)[0] == pytest.approx(22.5, abs=1e-4)


def test_a_list_of_cycles_alone(tmp_path: Path) -> None:
    output = tmp_path / "out"
    code, text, _ = run("design", "--altitude-km", 540, 580, "--max-days", 8, "--eccentricity", 0, "--output", output)
    assert code == 0, text
    rows = list(csv.DictReader((output / "cycles.csv").open()))
    assert ("15", "1") in {(row["revolutions"], row["days"]) for row in rows}
    assert all(540.0 <= float(row["altitude_km"]) <= 580.0 for row in rows)
    assert {float(row["eccentricity"]) for row in rows} == {0.0}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "nothing to design"),
        (("--revolutions", 29), "need each other"),
        (("--revolutions", 290, "--days", 2), "290 revolutions"),
        (("--revolutions", 29, "--days", 2, "--eccentricity", "round"), "round"),
        (("--revolutions", 29, "--days", 2, "--eccentricity", "nan"), "nan"),
        (("--revolutions", 29, "--days", 2, "--local-time", 25), "--local-time 25"),
        (("--revolutions", 29, "--days", 2, "--local-time", "nan"), "--local-time nan"),
        (("--revolutions", 29, "--days", 2, "--node", "rising"), "ascending"),
        (("--revolutions", 29, "--days", 2, "--start", "2018-03-06"), "--duration"),
        (("--revolutions", 29, "--days", 2, "--start", "yesterday", "--duration", 1), "yesterday"),
        (("--revolutions", 29, "--days", 2, "--start", "2018-03-06T00:00:00", "--duration", -1), "--duration -1"),
        (("--altitude-km", 720000, 740000), "give heights"),
        (("--altitude-km", 740, 720), "lower first"),
        (("--altitude-km", "nan", 720), "give heights"),
        (("--altitude-km", 700, 740, "--max-days", 0), "0 days"),
        (("--altitude-km", 700, 740, "--track-window", -1), "--track-window -1"),
    ],
)
def test_what_cannot_be_designed(tmp_path: Path, arguments: tuple[object, ...], message: str) -> None:
    _, _, error = run("design", *arguments, "--output", tmp_path / "out")
    assert isinstance(error, RequestError), error
    assert message in str(error) and "\n" not in str(error)
    assert not list(tmp_path.iterdir())


def test_a_transfer_of_short_burns(tmp_path: Path) -> None:
    output = tmp_path / "out"
    code, text, _ = run("transfer", CONFIGS / "orbits" / "pleiades_raise.yaml", "--output", output)
    assert code == 0, text
    names = ["burns.csv", "orbit.oem", "plan.csv", "report.html", "summary.json"]
    assert sorted(item.name for item in output.iterdir()) == names
    summary = json.loads((output / "summary.json").read_text())
    ideal = hohmann(EARTH_RADIUS_M + 690e3, EARTH_RADIUS_M + 694e3).total_ms
    assert summary["delta_v_ms"] == pytest.approx(ideal, rel=5e-3)
    burns = list(csv.DictReader((output / "burns.csv").open()))
    assert len(burns) == summary["burns"] == 7
    # at the ends of the line of apses in turn, so half a revolution apart
    starts = np.array([row["start_utc"].rstrip("Z") for row in burns], dtype="datetime64[ms]")
    apart = np.diff(starts)[:-1] / np.timedelta64(1, "s")
    np.testing.assert_allclose(apart, 5926.0 / 2.0, atol=10.0)
    assert sum(float(row["propellant_kg"]) for row in burns) == pytest.approx(summary["propellant_kg"], rel=1e-6)
    orbit = read_oem(output / "orbit.oem")
    assert orbit.object_name == "PHR1A"
    end = mean_elements(orbit.at(orbit.times[-1:]))
    assert (end.semi_major_axis_m[0] - EARTH_RADIUS_M) / 1e3 == pytest.approx(694.0, abs=0.001)
    plan = list(csv.DictReader((output / "plan.csv").open()))
    assert {"utc", "semi_major_axis_m", "inclination_deg", "local_time_ascending_h", "mass_kg", "delta_v_ms"} <= plan[
        0
    ].keys()
    # from the orbit just written on: planned again
    again = tmp_path / "again.yaml"
    content = (CONFIGS / "orbits" / "pleiades_raise.yaml").read_text()
    content = content.replace(
        "  altitude_km: 690.0\n  local_time_h: 10.5\n  node: descending", "  orbit: out/orbit.oem"
    )
    again.write_text(
        content.replace("694.0", "698.0").replace("2022-06-01T00:00:00", summary["arrival_utc"].rstrip("Z"))
    )
    code, text, error = run("transfer", again, "--output", tmp_path / "out2")
    assert code == 0, (text, error)
    second = json.loads((tmp_path / "out2" / "summary.json").read_text())
    assert second["start"]["altitude_km"] == pytest.approx(694.0, abs=0.05)
    assert second["delta_v_ms"] == pytest.approx(ideal, rel=2e-2)


@pytest.mark.parametrize("name", ["venus_descent", "venus_rise", "pleiades_raise"])
def test_shipped_transfers_are_read(name: str) -> None:
    request = read_transfer(CONFIGS / "orbits" / f"{name}.yaml")
    assert request.assumptions
    start = request.start_elements(CONFIGS)
    assert (start.semi_major_axis_m[0] - EARTH_RADIUS_M) / 1e3 == pytest.approx(request.initial.altitude_km)
    assert local_time_h(start)[0] == pytest.approx(22.5, abs=1e-6)
    request.engine(), request.goal(), request.duty(), request.surroundings()


BASE = (CONFIGS / "orbits" / "pleiades_raise.yaml").read_text()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (BASE, "", "mapping"),
        (BASE, "\x00\xff{", "cannot be read"),
        ("thrust_n: 1.0", "thrust_mn: 1.0", "thrust_mn"),
        ("thrust_n: 1.0", "thrust_n: -1.0", "thrust_n"),
        ("thrust_n: 1.0", "thrust_n: .nan", "thrust_n"),
        ("altitude_km: 690.0", "altitude_km: 690000.0", "altitude_km"),
        ("altitude_km: 690.0", "altitude_km: 690.0\n  orbit: a.oem", "one of them"),
        ("altitude_km: 690.0", "orbit: absent.oem", "absent.oem"),
        ("name: pleiades-raise", "name: ../../evil", "name"),
        ('"2022-06-01T00:00:00"', '"soon"', "soon"),
        ("  longest_burn_s: 300.0\n", "", "go together"),
        ("altitude_km: 694.0", "altitude_km: 690.0", "another height"),
        ("propellant_kg: 40.0", "propellant_kg: 0.1", "used up"),
        ("mass_kg: 970.0", "mass_kg: 30.0", "less than the mass"),
    ],
)
def test_what_cannot_be_transferred(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "request.yaml"
    path.write_text(BASE.replace(old, new), encoding="latin-1")
    _, _, error = run("transfer", path, "--output", tmp_path / "out")
    assert isinstance(error, RequestError), error
    assert message in str(error) and "\n" not in str(error)
    assert [item.name for item in tmp_path.iterdir()] == ["request.yaml"]


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("kept")
    for arguments in (
        ("design", "--revolutions", 29, "--days", 2),
        ("transfer", CONFIGS / "orbits" / "venus_rise.yaml"),
    ):
        _, _, error = run(*arguments, "--output", tmp_path)
        assert isinstance(error, RequestError) and "not empty" in str(error)
    assert (tmp_path / "kept.txt").read_text() == "kept"
