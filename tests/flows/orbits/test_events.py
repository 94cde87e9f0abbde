"""`etalon orbit events`: from files to tables and a page, and what is refused on the way."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from commands import Answer

from flows.orbits.events import find_events
from flows.orbits.events_inputs import EventRequest
from orbit_aux.ccsds import read_oem, write_oem
from orbit_aux.events.nadir_pairs import PairLimits, nadir_pairs
from orbit_aux.events.passes import passes
from orbit_aux.motion.propagate import sun_synchronous_orbit
from orbit_aux.stations import read_stations
from orbit_aux.time import Times

START = Times.from_utc("2019-03-20T00:00:00")
STATIONS = "name,lat_deg,lon_deg,height_m\nNorth,67.86,20.96,400\nSouth,-25.89,27.71,1550\n"
SITES = "name,lat_deg,lon_deg,height_m\nDome C,-75.1,123.39,3200\nDesert,28.55,23.39,118\n"
FILES = {"eclipses.csv", "nodes.csv", "passes.csv", "sites.csv", "moon_slots.csv", "nadir_pairs.csv"}


def with_sums(*lines: str) -> str:
    """Lines of elements with their check sums."""
    sums = [sum(int(c) if c.isdigit() else c == "-" for c in line) % 10 for line in lines]
    return "".join(f"{line}{total}\n" for line, total in zip(lines, sums, strict=True))


TLE = "MADE\n" + with_sums(
    "1 99001U 19001A   19079.00000000  .00000100  00000-0  30000-4 0  999",
    "2 99001  98.2800 150.0000 0010400  90.0000 270.0000 14.52000000  100",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two satellites over 36 hours, stations, sites, elements; tests leave them as they are."""
    made = tmp_path_factory.mktemp("events")
    for name, altitude_m in (("ONE", 720e3), ("TWO", 786e3)):
        write_oem(made / f"{name}.oem", sun_synchronous_orbit(name, "2019-000A", START, 129_600.0, altitude_m, 10.5))
    (made / "stations.csv").write_text(STATIONS)
    (made / "sites.csv").write_text(SITES)
    (made / "made.tle").write_text(TLE)
    (made / "garbage").write_text("what is this\n")
    (made / "empty").write_text("")
    (made / "feet.csv").write_text("name,lat_deg,lon_deg,height_m\nA,20,20,30000\n")
    (made / "broken.tle").write_text(TLE.replace("98.2800", "98.2900"))
    return made


@pytest.fixture
def call(etalon: Callable[..., Answer], folder: Path, tmp_path: Path) -> Callable[..., Answer]:
    """The command on files of the folder, into a new one."""

    def run(*words: object) -> Answer:
        files = {path.name for path in folder.iterdir()}
        return etalon(
            "orbit", "events", "--output", tmp_path / "out", *(folder / w if w in files else w for w in map(str, words))
        )

    return run


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_all_kinds_are_found_and_written(call: Callable[..., Answer], folder: Path, tmp_path: Path) -> None:
    answer = call(
        *(
            "--orbit",
            "ONE.oem",
            "--second",
            "TWO.oem",
            "--stations",
            "stations.csv",
            "--mask",
            5,
            "--sites",
            "sites.csv",
        ),
        *("--moon-phase", -7, "--moon-phase", 7, "--sno-minutes", 15),
    )
    assert answer.code == 0, answer.err
    out = tmp_path / "out"
    assert {path.name for path in out.iterdir()} == {*FILES, "events.csv", "summary.json", "report.html"}
    tables = {name: table(out / name) for name in FILES}
    assert all(tables.values()), {name: len(rows) for name, rows in tables.items()}
    # the library finds what the table says
    orbit = read_oem(folder / "ONE.oem")
    edges = START, orbit.times[-1]
    known = passes(orbit, read_stations(folder / "stations.csv"), *edges, mask_deg=5.0)
    assert [row["station"] for row in tables["passes.csv"]] == known["station"].values.tolist()
    rises = Times.from_utc([row["start_utc"] for row in tables["passes.csv"]]) - Times.from_utc(known["start"].values)
    assert np.abs(rises).max() < 2e-6
    assert {"azimuth_rise_deg", "distance_rise_m", "doppler_one_way_rise_hz", "start_edge"} <= set(
        tables["passes.csv"][0]
    )
    pairs = nadir_pairs(orbit, read_oem(folder / "TWO.oem"), *edges, PairLimits(900.0, 50e3))
    np.testing.assert_allclose(
        [float(row["latitude_deg"]) for row in tables["nadir_pairs.csv"]], pairs["latitude"], atol=1e-9
    )
    # one row for each event, penumbra and umbra apart
    union = table(out / "events.csv")
    assert len(union) == sum(map(len, tables.values())) + sum(
        bool(row["umbra_start_utc"]) for row in tables["eclipses.csv"]
    )
    starts = [row["start_utc"] for row in union]
    assert starts == sorted(starts)
    assert all(row["stop_utc"] >= row["start_utc"] and row["name"] and row["detail"] for row in union)
    assert {row["kind"] for row in union} == {"eclipse", "node", "pass", "site", "moon", "sno"}
    summary = json.loads((out / "summary.json").read_text())
    assert summary["events"]["pass"]["count"] == len(tables["passes.csv"])
    assert 0.6 < summary["events"]["eclipse"]["lit_share"] < 0.7
    assert set(summary["inputs"]["files"]) == {"orbit", "second", "stations", "sites"}
    page = (out / "report.html").read_text()
    assert "Timeline" in page and "Dome C" in page and "http" not in page.replace("http://www.w3.org", "")
    assert "Station passes: " in answer.out and "Page: " in answer.out


def test_only_what_is_asked_for(call: Callable[..., Answer], tmp_path: Path) -> None:
    answer = call(
        "--orbit", "ONE.oem", "--stations", "stations.csv", "--kinds", "node,track", "--stop", "2019-03-20T03:00:00Z"
    )
    assert answer.code == 0, answer.err
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"events.csv", "nodes.csv", "ground_track.csv", "summary.json", "report.html"}
    track = table(tmp_path / "out" / "ground_track.csv")
    assert len(track) == 181 and track[-1]["utc"] == "2019-03-20T03:00:00.000000Z"
    assert list(track[0])[:3] == ["utc", "longitude_deg", "latitude_deg"]
    # it started at its descending node at 10:30
    assert abs(float(track[0]["latitude_deg"])) < 0.01 and abs(float(track[0]["local_mean_solar_time_h"]) - 10.5) < 0.01


def test_elements_tell_their_age(call: Callable[..., Answer], tmp_path: Path) -> None:
    answer = call("--orbit", "made.tle", "--second", "TWO.oem", "--sno-minutes", 50, "--stop", "2019-03-21T00:00:00Z")
    assert answer.code == 0, answer.err
    assert "made.tle: two-line elements of MADE (SGP4), epoch 2019-03-20T00:00:00Z, used 0.0 to 1.0 days" in answer.out
    assert "WARNING" not in answer.out
    rows = table(tmp_path / "out" / "nodes.csv")
    # 14.52 revolutions a day, and the node's own motion
    assert len(rows) in (28, 29, 30)
    assert table(tmp_path / "out" / "nadir_pairs.csv")


def test_old_elements_are_warned_of(call: Callable[..., Answer], tmp_path: Path) -> None:
    answer = call("--orbit", "made.tle", "--start", "2019-06-01T00:00:00Z", "--stop", "2019-06-01T06:00:00Z")
    assert answer.code == 0
    assert "WARNING: these elements are old, give newer ones" in answer.out
    assert "WARNING" in (tmp_path / "out" / "report.html").read_text()


def test_a_geostationary_satellite_in_summer_is_always_lit(call: Callable[..., Answer], tmp_path: Path) -> None:
    (tmp_path / "geo.tle").write_text(
        with_sums(
            "1 99003U 19001A   19172.00000000  .00000000  00000-0  00000-0 0  999",
            "2 99003   0.0500  10.0000 0001000  20.0000  30.0000  1.00273000  100",
        )
    )
    words = ("--orbit", tmp_path / "geo.tle", "--stop", "2019-06-23T00:00:00Z", "--stations", "stations.csv")
    answer = call(*words, "--moon-phase", 40, "--moon-tolerance", 10)
    assert answer.code == 0, answer.err
    assert "in sunlight all the time" in (tmp_path / "out" / "report.html").read_text()
    facts = json.loads((tmp_path / "out" / "summary.json").read_text())["events"]
    assert facts["eclipse"]["count"] == 0 and facts["eclipse"]["lit_share"] == 1.0
    assert facts["moon"]["count"] > 0
    # a station sees it always or never
    assert {row["start_edge"] for row in table(tmp_path / "out" / "passes.csv")} <= {"interval_end"}
    refused = call(
        *words,
        "--second",
        "TWO.oem",
        "--kinds",
        "sno",
        "--stop",
        "2019-03-21T00:00:00Z",
        "--start",
        "2019-03-20T00:00:00Z",
    )
    assert refused.code == 2


def test_without_events_there_are_heads(call: Callable[..., Answer], tmp_path: Path) -> None:
    answer = call(
        *(
            "--orbit",
            "ONE.oem",
            "--second",
            "TWO.oem",
            "--stations",
            "stations.csv",
            "--mask",
            89,
            "--sites",
            "sites.csv",
        ),
        *(
            "--max-view-zenith",
            0.1,
            "--moon-phase",
            120,
            "--sno-minutes",
            0,
            "--sno-distance",
            0.001,
            "--stop",
            "2019-03-20T00:20:00Z",
            "--start",
            "2019-03-20T00:10:00Z",
        ),
    )
    assert answer.code == 0, answer.err
    for name in FILES - {"eclipses.csv", "nodes.csv"}:
        assert table(tmp_path / "out" / name) == []
        assert "_utc" in (tmp_path / "out" / name).read_text()


def test_the_function_and_a_mask_of_azimuths(call: Callable[..., Answer], folder: Path, tmp_path: Path) -> None:
    (tmp_path / "mask.csv").write_text("station,azimuth_deg,elevation_deg\nNorth,0,10\nNorth,180,10\nSouth,0,10\n")
    answer = call(
        "--orbit", "ONE.oem", "--stations", "stations.csv", "--mask", tmp_path / "mask.csv", "--kinds", "pass"
    )
    assert answer.code == 0, answer.err
    orbit = read_oem(folder / "ONE.oem")
    request = EventRequest(
        START, orbit.times[-1], ("pass",), stations=read_stations(folder / "stations.csv"), mask_deg=10.0
    )
    found = find_events(orbit, request)
    assert list(found) == ["pass"]
    rows = table(tmp_path / "out" / "passes.csv")
    np.testing.assert_allclose([float(row["duration_s"]) for row in rows], found["pass"]["duration"], atol=1e-3)


def test_hostile_names_stay_text(call: Callable[..., Answer], tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text('name,lat_deg,lon_deg,height_m\n"<script>alert(1)</script>, ""x""",67.9,21,0\n')
    answer = call("--orbit", "ONE.oem", "--stations", tmp_path / "s.csv", "--kinds", "pass")
    assert answer.code == 0, answer.err
    assert "<script" not in (tmp_path / "out" / "report.html").read_text()
    assert {row["name"] for row in table(tmp_path / "out" / "events.csv")} == {'<script>alert(1)</script>, "x"'}


def test_times_in_a_gap_of_the_second_are_told(call: Callable[..., Answer], folder: Path, tmp_path: Path) -> None:
    orbit = read_oem(folder / "TWO.oem")
    write_oem(tmp_path / "half.oem", orbit.arc(START, START + 64_800.0))
    answer = call("--orbit", "ONE.oem", "--second", tmp_path / "half.oem", "--kinds", "sno")
    assert answer.code == 0
    assert "half.oem: covers 50 % of the interval" in answer.out
    late = replace(orbit, times=orbit.times + 1e6, segments=())
    write_oem(tmp_path / "late.oem", late)
    answer = call(
        "--orbit", "ONE.oem", "--second", tmp_path / "late.oem", "--kinds", "sno", "--output", tmp_path / "o2"
    )
    assert answer.code == 2 and "has no states from" in answer.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--orbit", "absent.oem"), "absent.oem: cannot be read"),
        (("--orbit", "garbage"), "garbage, line 1"),
        (("--orbit", "empty"), "the file ends in its header"),
        (("--orbit", "broken.tle"), "good check sums"),
        (("--orbit", "ONE.oem", "--second", "ONE.oem"), "is the file of --orbit"),
        (("--orbit", "ONE.oem", "--second", "garbage"), "garbage, line 1"),
        (("--orbit", "ONE.oem", "--start", "yesterday"), "--start: UTC time 'yesterday' is not readable"),
        (("--orbit", "ONE.oem", "--start", "2019-03-19T00:00:00Z"), "covers 2019-03-20T00:00:00Z"),
        (("--orbit", "ONE.oem", "--stop", "2019-03-20T00:00:00Z"), "give --stop after --start"),
        (("--orbit", "made.tle", "--stop", "2119-03-20T00:00:00Z"), "20 years later at most"),
        (("--orbit", "ONE.oem", "--kinds", "eclipse,comet"), "--kinds comet: is unknown"),
        (("--orbit", "ONE.oem", "--kinds", "moon"), "--kinds moon: needs --moon-phase DEG"),
        (("--orbit", "ONE.oem", "--kinds", ","), "names none"),
        (("--orbit", "ONE.oem", "--stations", "garbage"), "column name, lat_deg, lon_deg, height_m is missing"),
        (("--orbit", "ONE.oem", "--sites", "feet.csv"), "is nowhere on Earth"),
        (("--orbit", "ONE.oem", "--stations", "stations.csv", "--mask", "95"), "mask of 95"),
        (("--orbit", "ONE.oem", "--stations", "stations.csv", "--mask", "nan"), "mask of nan"),
        (("--orbit", "ONE.oem", "--stations", "stations.csv", "--mask", "sites.csv"), "column station"),
        (("--orbit", "ONE.oem", "--sites", "sites.csv", "--max-view-zenith", "nan"), "--max-view-zenith nan"),
        (("--orbit", "ONE.oem", "--moon-phase", "200"), "phase 200 deg of the Moon"),
        (("--orbit", "ONE.oem", "--moon-phase", "7", "--moon-tolerance", "nan"), "tolerance nan deg"),
        (("--orbit", "ONE.oem", "--moon-phase", "7", "--moon-shadow", "no"), "satellite in shadow 'no'"),
        (("--orbit", "ONE.oem", "--second", "TWO.oem", "--sno-minutes", "-1"), "time difference -60.0 s"),
        (("--orbit", "ONE.oem", "--kinds", "track", "--track-step", "0"), "--track-step 0"),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_line(
    call: Callable[..., Answer], tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    answer = call(*words)
    assert answer.code == 2
    assert said in answer.err
    assert answer.err.startswith("etalon: ") and answer.err.count("\n") == 1 and len(answer.err) < 400
    assert not (tmp_path / "out").exists()


def test_nothing_is_overwritten(call: Callable[..., Answer], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "kept").write_text("mine")
    answer = call("--orbit", "ONE.oem")
    assert answer.code == 2 and "is not empty" in answer.err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["kept"]
