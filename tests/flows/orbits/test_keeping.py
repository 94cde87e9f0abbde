"""`etalon orbit keep` and `etalon orbit daily`: from files to plans and alarms, and what is refused on the way."""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from commands import Answer

# the orbits of the package's own tests
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "orbit_aux"))

from kept_orbits import START, light, propagated, repeat_start

from calib import config
from flows.orbits.keeping_settings import Keeping
from orbit_aux.attitude import Attitude
from orbit_aux.ccsds import read_opm, write_aem, write_oem, write_opm
from orbit_aux.ccsds.opm import OrbitParameters
from orbit_aux.frames import State, local_orbital_axes
from orbit_aux.motion.forces import Forces, Impulse
from orbit_aux.motion.gravity import packaged_gravity

DAY_S = 86400.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Orbits of 2.5 days at 410 km in air 1.4 times the model's, with an impulse 5 % too small; one state; a configuration."""
    folder = tmp_path_factory.mktemp("keeping")
    burn = Impulse(START + 1.2 * DAY_S, np.array([0.0, 0.95 * 0.3, 0.0]), "RSW")
    dense = replace(light(), drag_area_m2=1.4 * 3.0)
    forces = Forces(gravity=packaged_gravity().truncated(6), satellite=dense, manoeuvres=(burn,))
    orbit = propagated(repeat_start(31, 2), 2.5, forces)
    write_oem(folder / "o.oem", orbit)
    first = State(orbit.times[0], orbit.position_m[:1], orbit.velocity_ms[:1], "GCRF")
    write_opm(folder / "o.opm", OrbitParameters("TEST", "2017-044B", first, mass_kg=250.0))
    content = config.read_yaml(config.find("keeping", "venus410"))
    content["atmosphere"] = {"model": "harris_priester"}
    content["rules"] = {"lead_h": 2.0, "density_margin": 0.0}
    (folder / "c.yaml").write_text(yaml.safe_dump(content))
    (folder / "e.csv").write_text(
        "utc,planned_radial_ms,planned_along_ms,planned_cross_ms,restituted_radial_ms,restituted_along_ms,restituted_cross_ms,sigma_ms\n"
        f"2020-02-10T00:00:00,0,0.3,0,0,0.285,0,0.003\n2020-02-20T00:00:00,0,0.3,0,0,0.2852,0,0.003\n{burn.time.utc_strings()[0]},0,0.3,0,,,,\n"
    )
    return folder


@pytest.fixture
def keep(folder: Path, tmp_path: Path, etalon: Callable[..., Answer]) -> Callable[..., tuple[Answer, Path]]:
    def run(
        *more: object, command: str = "keep", orbit: str = "o.oem", settings: str = "c.yaml"
    ) -> tuple[Answer, Path]:
        output = tmp_path / "out"
        words = ("orbit", command, folder / settings, "--orbit", folder / orbit, "--output", output, *more)
        return etalon(*(str(word) for word in words)), output

    return run


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def summary(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text()))


def test_a_plan_from_an_orbit_and_what_was_executed(folder: Path, keep: Callable[..., tuple[Answer, Path]]) -> None:
    answer, output = keep("--executed", folder / "e.csv", "--months", 0.5)
    assert answer.code == 0, answer.err
    told = summary(output / "summary.json")
    assert told["verdict"] == "feasible" and "Verdict: feasible" in answer.out
    # injected: air 1.4 times the model's, thrusters that give 0.95
    assert told["observed"]["density_factor_used"] == pytest.approx(1.4, rel=0.1)
    assert told["observed"]["thruster_ratio_used"] == pytest.approx(0.95, abs=0.01)
    calibrated = rows(output / "calibration.csv")
    # the third was not restituted: the orbit tells it
    assert float(calibrated[2]["ratio"]) == pytest.approx(0.95, abs=max(3 * float(calibrated[2]["ratio_sigma"]), 0.01))
    burns = rows(output / "manoeuvres.csv")
    assert told["burns"] == len(burns) > 10
    for row in burns:
        assert float(row["asked_along_ms"]) == pytest.approx(
            float(row["dv_along_ms"]) / told["observed"]["thruster_ratio_used"], rel=1e-6
        )
        assert row["feasible"] == "yes"
        # a raise of 2 dv / n by each burn, n of 410 km 1.1287e-3 rad/s
        risen = float(row["semi_major_axis_after_m"]) - float(row["semi_major_axis_before_m"])
        assert risen == pytest.approx(2.0 * float(row["dv_along_ms"]) / 1.1287e-3, rel=1e-3)
    forecast = rows(output / "forecast.csv")
    assert max(abs(float(row["track_m"])) for row in forecast) <= 1000.0
    assert float(forecast[-1]["propellant_kg"]) == pytest.approx(told["propellant_left_kg"])
    assert "<svg" in (output / "report.html").read_text()


def test_the_opm_carries_the_plan(folder: Path, keep: Callable[..., tuple[Answer, Path]]) -> None:
    _, output = keep("--months", 0.3)
    plan, burns = read_opm(output / "manoeuvres.opm"), rows(output / "manoeuvres.csv")
    assert len(plan.manoeuvres) == len(burns)
    for item, row in zip(plan.manoeuvres, burns, strict=True):
        assert item.axes == "RSW"
        np.testing.assert_allclose(
            item.delta_v_ms, [0.0, float(row["dv_along_ms"]), float(row["dv_cross_ms"])], rtol=1e-8
        )
        assert item.duration_s == pytest.approx(float(row["duration_s"]), rel=1e-8)
        assert item.delta_mass_kg == pytest.approx(-float(row["propellant_kg"]), rel=1e-8)
        assert item.ignition.utc_strings(3)[0] == row["ignition_utc"]


def test_one_state_does(keep: Callable[..., tuple[Answer, Path]]) -> None:
    answer, output = keep("--months", 0.3, orbit="o.opm")
    # the state may have drifted out of its window before the first burn: told by the exit code
    assert answer.code in (0, 3), answer.err
    assert "one state only" in answer.out
    assert summary(output / "summary.json")["observed"]["density_factor"] is None


def test_the_last_plan_serves_as_what_was_executed(
    folder: Path, tmp_path: Path, keep: Callable[..., tuple[Answer, Path]]
) -> None:
    from orbit_aux.ccsds.opm import Manoeuvre

    burn = START + 1.2 * DAY_S
    done = (
        Manoeuvre(burn + -50.0, 100.0, -0.1, "RSW", np.array([0.0, 0.3, 0.0])),
        Manoeuvre(START + 2.6 * DAY_S, 0.0, -0.1, "TNW", np.array([0.2, 0.0, 0.0])),
        Manoeuvre(START + 9.0 * DAY_S, 0.0, -0.1, "RSW", np.array([0.0, 5.0, 0.0])),
    )
    state = read_opm(folder / "o.opm").state
    write_opm(tmp_path / "done.opm", OrbitParameters("TEST", "2017-044B", state, mass_kg=250.0, manoeuvres=done))
    answer, output = keep("--months", 0.1, "--executed", tmp_path / "done.opm", "--start", "2020-03-03T15:00:00")
    assert answer.code in (0, 3), answer.err
    found = rows(output / "calibration.csv")
    assert len(found) == 2 and found[1]["ratio"] == ""
    assert float(found[0]["ratio"]) == pytest.approx(0.95, abs=0.02)
    after = summary(output / "summary.json")["start_mean_elements"]["semi_major_axis_m"]
    (output / "summary.json").unlink()
    for item in output.iterdir():
        item.unlink()
    keep("--months", 0.1, "--executed", folder / "e.csv", "--start", "2020-03-03T15:00:00")
    before = summary(output / "summary.json")["start_mean_elements"]["semi_major_axis_m"]
    # 0.2 m/s after the orbit's end, before the start: 2 dv / n
    assert after - before == pytest.approx(2.0 * 0.2 / 1.1287e-3, abs=3.0)


def test_a_manoeuvre_that_was_not_told_is_noticed(keep: Callable[..., tuple[Answer, Path]]) -> None:
    answer, output = keep("--months", 0.2)
    assert "missing in --executed?" in answer.out
    # what is free flight after it is used, and says nothing of the density
    told = summary(output / "summary.json")
    assert told["observed"]["arc_h"] < 25.0 and told["observed"]["density_factor_used"] == 1.0


def test_an_infeasible_plan_is_written_and_told(
    folder: Path, tmp_path: Path, keep: Callable[..., tuple[Answer, Path]]
) -> None:
    content = yaml.safe_load((folder / "c.yaml").read_text())
    content["satellite"]["propellant_kg"] = 0.3
    (folder / "dry.yaml").write_text(yaml.safe_dump(content))
    answer, output = keep("--months", 1, "--executed", folder / "e.csv", settings="dry.yaml")
    assert answer.code == 3
    told = summary(output / "summary.json")
    assert told["verdict"] == "infeasible"
    assert any("propellant" in reason for reason in told["reasons"])
    assert any(row["feasible"] == "no" and "propellant" in row["reason"] for row in rows(output / "manoeuvres.csv"))


def test_a_plan_may_begin_later_and_keeps_its_grid(folder: Path, keep: Callable[..., tuple[Answer, Path]]) -> None:
    content = yaml.safe_load((folder / "c.yaml").read_text())
    content["target"]["grid_longitude_deg"] = 3.0
    (folder / "grid.yaml").write_text(yaml.safe_dump(content))
    answer, output = keep("--months", 0.2, "--start", "2020-03-04T12:00:00Z", settings="grid.yaml")
    told = summary(output / "summary.json")
    assert told["start_utc"] == "2020-03-04T12:00:00Z"
    assert told["grid_longitude_deg"] == pytest.approx(3.0)
    assert answer.code in (0, 3)


@pytest.mark.parametrize("case", ["venus720", "venus560", "venus410", "pleiades694"])
def test_shipped_configurations_carry_those_figures(shared: Path, case: str) -> None:
    content = json.loads((shared / "reference" / "orbit" / "analytic_cases.json").read_text())
    printed = next(item for item in content["drag_makeup"] if item["case"] == case)
    shipped = config.load(Keeping, config.find("keeping", case))
    assert shipped.name == case
    satellite = shipped.satellite
    assert shipped.atmosphere.density_kgm3 == printed["rho"]
    ballistic = satellite.drag_coefficient * satellite.drag_area_m2 / satellite.mass_kg
    assert ballistic == pytest.approx(printed["ballistic_CdA_over_m"], rel=1e-12)


def test_the_daily_page(folder: Path, tmp_path: Path, keep: Callable[..., tuple[Answer, Path]]) -> None:
    (tmp_path / "q.json").write_text(
        json.dumps({"verdict": "believed", "reasons": [], "position_sigma_3d_m": {"median": 1.5, "greatest": 3.0}})
    )
    answer, output = keep("--executed", folder / "e.csv", "--quality", tmp_path / "q.json", command="daily")
    told = summary(output / "daily.json")
    levels = {item["name"]: item["level"] for item in told["alarms"]}
    assert levels["orbit, verdict"] == levels["orbit, position"] == "green"
    # the orbit decays by half a kilometre a day: out of ± 1 km within two days
    assert levels["track"] in ("amber", "red")
    assert levels["local time"] == "green"
    assert answer.code == (3 if told["level"] == "red" else 0)
    margin = next(item for item in told["margins"] if item["name"] == "track")
    assert 0.0 < margin["days_to_edge"] < 3.0
    kinds = {row["event"] for row in rows(output / "events.csv")}
    assert kinds == {"ascending node", "eclipse"}
    # a day at 410 km has 15 or 16 nodes
    assert sum(row["event"] == "ascending node" for row in rows(output / "events.csv")) in (15, 16)
    assert "<svg" in (output / "report.html").read_text()
    # a track beyond its plot is not drawn along the plot's edge; the local time stays in its own
    page = (output / "report.html").read_text()
    track, late = (text.count("L") for text in re.findall(r'd="(M[\d.]+ [\d.]+L[^"]*)"', page))
    assert track < late == 199


def test_a_doubted_orbit_and_a_turned_satellite_are_alarms(
    folder: Path, tmp_path: Path, keep: Callable[..., tuple[Answer, Path]]
) -> None:
    from orbit_aux.ccsds import read_oem

    orbit = read_oem(folder / "o.oem")
    times = orbit.times[100] + np.arange(0.0, 301.0, 10.0)
    state = orbit.at(times)
    radial, along, normal = np.moveaxis(local_orbital_axes(state.position_m, state.velocity_ms), 1, 0)
    c, s = np.cos(np.radians(10.0)), np.sin(np.radians(10.0))
    body = np.stack([along, -normal, -radial], axis=2) @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    from scipy.spatial.transform import Rotation

    quaternion = np.roll(Rotation.from_matrix(body).as_quat(), 1, axis=1)
    write_aem(tmp_path / "a.aem", Attitude("TEST", "GCRF", "SC_BODY_1", times, quaternion, "made"))
    (tmp_path / "q.json").write_text(
        json.dumps({"verdict": "refused", "reasons": ["why not"], "position_sigma_3d_m": {"median": 1.5}})
    )
    answer, output = keep("--attitude", tmp_path / "a.aem", "--quality", tmp_path / "q.json", command="daily")
    told = summary(output / "daily.json")
    alarms = {item["name"]: item for item in told["alarms"]}
    assert answer.code == 3 and told["level"] == "red"
    assert alarms["orbit, verdict"]["level"] == alarms["attitude, off nadir"]["level"] == "red"
    assert alarms["attitude, off nadir"]["value"] == pytest.approx(10.0, abs=1e-3)
    assert told["attitude"]["roll_deg"]["mean"] == pytest.approx(10.0, abs=1e-3)


def test_a_table_of_events_is_taken(tmp_path: Path, keep: Callable[..., tuple[Answer, Path]]) -> None:
    (tmp_path / "events.csv").write_text(
        "start,event,station\n2020-03-04T00:00:00Z,pass,KRU\n2020-03-03T15:00:00Z,pass,AUS\n2020-01-01T00:00:00Z,pass,old\n"
    )
    _, output = keep("--events", tmp_path / "events.csv", command="daily")
    assert [row["details"] for row in rows(output / "events.csv")] == ["station AUS", "station KRU"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"target": {"revolutions": 30}}, "target: 30 revolutions in 2 days"),
        ({"target": {"track_half_width_m": -5.0}}, "track_half_width_m"),
        ({"target": {"track_half_width": 5.0}}, "did you mean 'track_half_width_m'"),
        ({"target": {"local_time_h": 24.5}}, "local_time_h"),
        ({"satellite": {"mass_kg": 0.0}}, "mass_kg"),
        ({"satellite": {"propellant_kg": 900.0}}, "less propellant"),
        ({"satellite": {"thrust_n": float("nan")}}, "thrust_n"),
        ({"atmosphere": {"model": "constant"}}, "density_kgm3 is missing"),
        ({"atmosphere": {"model": "harris_priester", "density_kgm3": 1e-12}}, "belongs to the model constant"),
        ({"atmosphere": {"model": "harris_priester", "space_weather": "none.csv"}}, "none.csv"),
        ({"rules": {"inclination": "often"}}, "often"),
        ({"rules": {"forbidden": [{"start_utc": "x", "stop_utc": "2020-01-01T00:00:00"}]}}, "not readable"),
        ({"name": "../evil"}, "name"),
    ],
)
def test_bad_configurations(
    folder: Path, keep: Callable[..., tuple[Answer, Path]], change: dict[str, Any], why: str
) -> None:
    content = yaml.safe_load((folder / "c.yaml").read_text())
    for key, value in change.items():
        content[key] = {**content[key], **value} if isinstance(value, dict) and key != "atmosphere" else value
    (folder / "bad.yaml").write_text(yaml.safe_dump(content))
    answer, output = keep("--months", 0.1, settings="bad.yaml")
    refused(answer, output, why)


def refused(answer: Answer, output: Path, why: str) -> None:
    """One line with the reason, and nothing written."""
    assert answer.code in (1, 2), answer
    assert why in answer.err
    assert answer.err.count("\n") == 1 and "Traceback" not in answer.err
    assert not output.exists()


@pytest.mark.parametrize("command", ["keep", "daily"])
@pytest.mark.parametrize(
    ("file", "text", "why"),
    [
        ("empty.oem", "", "empty.oem"),
        ("garbage.oem", "\x00\x01 what", "garbage.oem"),
        ("garbage.opm", "CCSDS_OPM_VERS = 2.0\nX = 1\n", "garbage.opm"),
        ("absent.oem", None, "absent.oem"),
    ],
)
def test_orbits_that_are_none(
    folder: Path, keep: Callable[..., tuple[Answer, Path]], command: str, file: str, text: str | None, why: str
) -> None:
    if text is not None:
        (folder / file).write_text(text)
    answer, output = keep(orbit=file, command=command)
    refused(answer, output, why)


def test_units_mixed_up(folder: Path, keep: Callable[..., tuple[Answer, Path]]) -> None:
    # kilometres read as metres: a state inside the Earth, and one far beyond
    text = (folder / "o.opm").read_text()
    value = next(line for line in text.splitlines() if line.startswith("X ="))
    (folder / "m.opm").write_text(text.replace(value, "X = 6789000.0 [km]"))
    answer, output = keep(orbit="m.opm")
    refused(answer, output, "give km and km/s")


def test_another_orbit_is_not_kept(keep: Callable[..., tuple[Answer, Path]], folder: Path) -> None:
    content = yaml.safe_load((folder / "c.yaml").read_text())
    content["target"].update(revolutions=29, days=2)
    (folder / "other.yaml").write_text(yaml.safe_dump(content))
    answer, output = keep(settings="other.yaml")
    # to first order; 310 km in truth
    refused(answer, output, "about -291 km")
    assert answer.code == 2 and "a transfer" in answer.err


def test_short_and_early(folder: Path, keep: Callable[..., tuple[Answer, Path]], tmp_path: Path) -> None:
    from orbit_aux.ccsds import read_oem

    orbit = read_oem(folder / "o.oem")
    write_oem(folder / "short.oem", orbit.arc(orbit.times[0], orbit.times[100]))
    refused(*keep(orbit="short.oem"), "give a longer")
    refused(*keep("--start", "2019-01-01T00:00:00Z"), "--start 2019-01-01")
    refused(*keep("--start", "2031-01-01T00:00:00Z"), "within 400 days")
    refused(*keep("--start", "tomorrow"), "--start")
    refused(*keep("--months", -1), "--months -1")
    refused(*keep("--months", "nan"), "--months nan")


@pytest.mark.parametrize("text", ["", "[]", '{"verdict": "believed"}', '{"verdict": 1, "position_sigma_3d_m": 3}'])
def test_summaries_that_are_none(tmp_path: Path, keep: Callable[..., tuple[Answer, Path]], text: str) -> None:
    (tmp_path / "q.json").write_text(text)
    refused(*keep("--quality", tmp_path / "q.json", command="daily"), "no summary of a restitution")


def test_nothing_is_overwritten(tmp_path: Path, keep: Callable[..., tuple[Answer, Path]]) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("x")
    answer, output = keep("--months", 0.1)
    assert answer.code == 2 and "nothing is overwritten" in answer.err
    assert [item.name for item in output.iterdir()] == ["mine"]
