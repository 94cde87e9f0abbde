"""`etalon orbit decay`: what it reads, what it leaves, and what it refuses."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from commands import Answer

from calib.config import CONFIGS
from flows.orbits.decay_request import prepared, read_decay_request
from orbit_aux.ccsds import write_oem, write_opm
from orbit_aux.ccsds.opm import OrbitParameters
from orbit_aux.decay.descent import YEAR_S, DecayModels, follow_decay, mean_orbit
from orbit_aux.motion.forces import Forces, Satellite
from orbit_aux.motion.mean_elements import local_time_h, osculating_state
from orbit_aux.motion.propagate import propagate
from orbit_aux.orbit import Orbit
from orbit_aux.time import Times

START = Times.from_utc("2026-01-01T00:00:00")
CRAFT = Satellite(265.0, 3.0, 2.2)
ORBIT = ("--altitude-km", "330", "350", "--inclination-deg", "97")
BODY = ("--mass", "265", "--area", "3")


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_by_altitudes(etalon: Callable[..., Answer], tmp_path: Path) -> None:
    answer = etalon("orbit", "decay", *ORBIT, *BODY, "--output", tmp_path / "d")
    assert answer.code == 0, answer.err
    expected = follow_decay(mean_orbit(START, 330e3, 350e3, np.radians(97.0)), DecayModels(CRAFT), YEAR_S)
    summary = json.loads((tmp_path / "d" / "summary.json").read_text())
    assert summary["lifetime_days"] == pytest.approx(expected.lifetime_s / 86_400.0, rel=1e-9)
    assert f"lifetime: {expected.lifetime_s / 86_400.0:.2f} days" in answer.out
    assert "verdict: rule of 25 years met" in answer.out
    rows = rows_of(tmp_path / "d" / "decay.csv")
    assert list(rows[0]) == [
        "utc",
        "elapsed_days",
        "semi_major_axis_m",
        "eccentricity",
        "inclination_deg",
        "node_deg",
        "perigee_argument_deg",
        "perigee_altitude_m",
        "apogee_altitude_m",
        "lowest_height_m",
        "f107",
    ]
    assert rows[0]["utc"] == "2026-01-01T00:00:00.000000Z"
    assert float(rows[0]["perigee_altitude_m"]) == pytest.approx(330e3, abs=0.01)
    assert float(rows[0]["inclination_deg"]) == pytest.approx(97.0, abs=1e-3)
    # the last record lies within a minute of the end
    assert float(rows[-1]["elapsed_days"]) * 86_400.0 == pytest.approx(expected.lifetime_s, abs=120.0)
    assert float(rows[-1]["lowest_height_m"]) < 130e3
    names = [item["name"] for item in summary["options"]]
    assert names == ["as it is", "perigee for 25 years", "perigee for 5 years", "controlled re-entry"]
    page = (tmp_path / "d" / "report.html").read_text()
    assert "Perigee and apogee" in page and "Ways to end the orbit" in page and "http://" not in page.split("<svg")[0]


def test_a_state_an_ephemeris_and_altitudes_agree(etalon: Callable[..., Answer], tmp_path: Path) -> None:
    """The same orbit as osculating state of an OPM, as OEM of a day, and as mean altitudes."""
    start = mean_orbit(START, 330e3, 350e3, np.radians(97.0), node=1.0, perigee=0.5)
    state = osculating_state(start)
    craft = {"mass_kg": 265.0, "drag_area_m2": 3.0, "drag_coefficient": 2.2}
    write_opm(
        tmp_path / "o.opm", OrbitParameters("MADE", "2026-001A", state, **craft), creation_date="2026-01-01T00:00:00"
    )
    times = START + np.arange(0.0, 86_401.0, 60.0)
    states = propagate(state, times, Forces(satellite=CRAFT, solar_pressure=False), step_s=60.0)
    orbit = Orbit("MADE", "2026-001A", "GCRF", times, states.position_m, states.velocity_ms, "made")
    write_oem(tmp_path / "o.oem", orbit)
    expected = follow_decay(start, DecayModels(CRAFT), YEAR_S).lifetime_s / 86_400.0
    days = {}
    for name, words in (("o.opm", ()), ("o.oem", BODY)):
        answer = etalon("orbit", "decay", "--orbit", tmp_path / name, *words, "--output", tmp_path / f"d_{name}")
        assert answer.code == 0, answer.err
        summary = json.loads((tmp_path / f"d_{name}" / "summary.json").read_text())
        assert summary["object_name"] == "MADE"
        days[name] = summary["lifetime_days"]
    # the state is free of tesseral terms; the ephemeris has them and starts half a day later
    assert days["o.opm"] == pytest.approx(expected, rel=1e-3)
    assert days["o.oem"] + 0.5 == pytest.approx(expected, rel=0.01)


def test_two_line_elements(etalon: Callable[..., Answer], tmp_path: Path) -> None:
    (tmp_path / "s.tle").write_text(
        "1 25544U 98067A   19343.69339541  .00001764  00000-0  38792-4 0  9991\n"
        "2 25544  51.6439 211.2001 0007417  17.6667  85.6398 15.50103472202482\n"
    )
    answer = etalon(
        "orbit",
        "decay",
        "--orbit",
        tmp_path / "s.tle",
        "--mass",
        "420000",
        "--area",
        "1000",
        "--output",
        tmp_path / "d",
    )
    assert answer.code == 0, answer.err
    summary = json.loads((tmp_path / "d" / "summary.json").read_text())
    first = summary["initial_mean_elements"]
    # 15.501 revolutions a day: Kepler's law and oblateness put a at 6797 km
    assert first["semi_major_axis_m"] == pytest.approx(6_797e3, abs=2e3)
    assert first["inclination_deg"] == pytest.approx(51.644, abs=0.01)
    assert summary["start_utc"].startswith("2019-12-09T16:38")


REQUEST = """
title: Try
orbit: {perigee_km: 380, apogee_km: 400, inclination_deg: 97, start_utc: "2026-03-01T00:00:00"}
satellite: {mass_kg: 265, area_m2: 3}
atmosphere: air.csv
rule_years: 0.1
monte_carlo: {draws: 30, start_days: 1}
lower_perigee: auto
engine: {thrust_n: 4, specific_impulse_s: 220, longest_burn_min: 10, propellant_kg: 20}
electric: {thrust_n: 0.1, specific_impulse_s: 1300}
"""


def test_a_request_with_draws_and_a_lower_perigee(etalon: Callable[..., Answer], tmp_path: Path) -> None:
    (tmp_path / "try.yaml").write_text(REQUEST)
    (tmp_path / "air.csv").write_text("height_m,density_kgm3\n100000,5e-7\n200000,3e-10\n400000,4e-12\n800000,2e-14\n")
    answer = etalon("orbit", "decay", "--request", tmp_path / "try.yaml", "--output", tmp_path / "d")
    assert answer.code == 0, answer.err
    summary = json.loads((tmp_path / "d" / "summary.json").read_text())
    assert summary["rule_met"] is True and summary["probability"] >= 0.9
    assert summary["lower_perigee_km"] < 380.0
    assert summary["monte_carlo"]["P10_years"] < summary["monte_carlo"]["P50_years"] < 0.1
    assert len(rows_of(tmp_path / "d" / "draws.csv")) == 30
    burns = rows_of(tmp_path / "d" / "burns.csv")
    assert float(burns[-1]["perigee_altitude_m"]) == pytest.approx(1e3 * summary["lower_perigee_km"], abs=1.0)
    plan = summary["passivation"]
    assert plan["used_kg"] + plan["left_kg"] == pytest.approx(20.0)
    assert summary["options"][-1]["name"] == "electric spiral"
    assert "P10 to P90" in (tmp_path / "d" / "report.html").read_text()


def test_re_entry_at_once(etalon: Callable[..., Answer], tmp_path: Path) -> None:
    answer = etalon("orbit", "decay", *ORBIT, *BODY, "--lower-perigee", "50", "--output", tmp_path / "d")
    assert answer.code == 0, answer.err
    assert "perigee lowered to 50.0 km" in answer.out and "minutes" in answer.out


def test_an_orbit_above_the_low_region(
    etalon: Callable[..., Answer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # ways down from there are many long decays, and not what is tried here
    monkeypatch.setattr("flows.orbits.decay.options_of", lambda *_: ())
    words = ("--altitude-km", "2100", "2150", "--inclination-deg", "60", "--mass", "1000", "--area", "8")
    answer = etalon("orbit", "decay", *words, "--output", tmp_path / "d")
    assert answer.code == 0, answer.err
    assert "lifetime: more than 100 years" in answer.out and "verdict: met above low orbit" in answer.out
    summary = json.loads((tmp_path / "d" / "summary.json").read_text())
    assert summary["lifetime_years"] is None and summary["criteria"]["S2"]["met"] is True


@pytest.mark.parametrize("name", [path.stem for path in (CONFIGS / "end_of_life").glob("*.yaml")])
def test_shipped_requests(name: str) -> None:
    case = prepared(*read_decay_request(name))
    assert float(local_time_h(case.start)[0]) == pytest.approx(22.5, abs=0.01)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--altitude-km", "-10", "400", "--inclination-deg", "97", *BODY), "perigee -10 km"),
        (("--altitude-km", "720000", "720000", "--inclination-deg", "97", *BODY), "in km"),
        (("--altitude-km", "0.72", "0.72", "--inclination-deg", "97", *BODY), "in km"),
        (("--altitude-km", "500", "400", "--inclination-deg", "97", *BODY), "perigee first"),
        (("--altitude-km", "nan", "400", "--inclination-deg", "97", *BODY), "finite"),
        (("--altitude-km", "400", "400", "--inclination-deg", "270", *BODY), "0 to 180"),
        (("--altitude-km", "90", "100", "--inclination-deg", "97", *BODY), "already"),
        (("--altitude-km", "400", "400", *BODY), "--inclination-deg"),
        ((*ORBIT, "--mass", "0", "--area", "3"), "--mass 0"),
        ((*ORBIT, "--mass", "-4", "--area", "3"), "--mass -4"),
        ((*ORBIT, "--mass", "265"), "--area M2"),
        ((*ORBIT, *BODY, "--cd", "22"), "2.2"),
        ((*ORBIT, *BODY, "--rule", "0"), "rule_years"),
        ((*ORBIT, *BODY, "--monte-carlo", "-3"), "monte_carlo.draws"),
        ((*ORBIT, *BODY, "--monte-carlo", "1"), "2 to 100000"),
        ((*ORBIT, *BODY, "--atmosphere", "jacchia"), "--atmosphere jacchia"),
        ((*ORBIT, *BODY, "--atmosphere", "exponential:1,2,x"), "exponential:KG_M3"),
        ((*ORBIT, *BODY, "--atmosphere", "missing.csv"), "missing.csv"),
        ((*ORBIT, *BODY, "--activity", "15000"), "F10.7"),
        ((*ORBIT, *BODY, "--lower-perigee", "340"), "--lower-perigee 340"),
        ((*ORBIT, *BODY, "--lower-perigee", "low"), "--lower-perigee low"),
        ((*ORBIT, *BODY, "--start", "tomorrow"), "tomorrow"),
        ((*ORBIT, *BODY, "--orbit", "x.opm"), "give one"),
        (("--orbit", "nothing.opm", *BODY), "nothing.opm"),
        (("--request", "veenus"), "venus"),
        (BODY, "--altitude-km"),
    ],
)
def test_what_is_refused(etalon: Callable[..., Answer], tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    answer = etalon("orbit", "decay", *words, "--output", tmp_path / "d")
    assert answer.code == 2
    assert said in answer.err and "Traceback" not in answer.err
    assert len(answer.err.strip().splitlines()) == 1
    assert not (tmp_path / "d").exists()


def test_an_orbit_that_is_none_is_refused(etalon: Callable[..., Answer], tmp_path: Path) -> None:
    """A hyperbola, metres for kilometres, and garbage, as OPM."""
    state = osculating_state(mean_orbit(START, 330e3, 350e3, 1.0))
    write_opm(tmp_path / "o.opm", OrbitParameters("MADE", "X", state), creation_date="2026-01-01T00:00:00")
    good = (tmp_path / "o.opm").read_text()
    lines = good.splitlines()
    fast = "\n".join(line.replace("_DOT = ", "_DOT = 1") if "_DOT" in line else line for line in lines)
    metres = "\n".join(
        f"{line.split('=')[0]}= {1e3 * float(line.split('=')[1].split()[0])!r} [km]"
        if line[:2] in ("X ", "Y ", "Z ")
        else line
        for line in lines
    )
    for text in (fast, metres, "garbage", "", good[: len(good) // 2]):
        (tmp_path / "bad.opm").write_text(text)
        answer = etalon("orbit", "decay", "--orbit", tmp_path / "bad.opm", *BODY, "--output", tmp_path / "d")
        assert answer.code == 2, text
        assert len(answer.err.strip().splitlines()) == 1 and "Traceback" not in answer.err
