"""OEM files: meaning, round trips, everything that is refused, and damage of every sort."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orbit_aux.ccsds import read_oem, write_oem
from orbit_aux.errors import OrbitError
from orbit_aux.motion.propagate import sun_synchronous_orbit
from orbit_aux.orbit import Covariance, Orbit, Segment
from orbit_aux.time import Times

START = Times.from_utc("2018-03-06T00:00:00")
CREATED = "2020-01-01T00:00:00"

# a circular equatorial orbit of 7000 km, a state every 10 s, printed here by hand of no writer under test
RATE_RADS = np.sqrt(398600.4415 / 7000.0**3)


def state_line(epoch: str, elapsed_s: float) -> str:
    angle = RATE_RADS * elapsed_s
    place = 7000.0 * np.cos(angle), 7000.0 * np.sin(angle), 0.0
    speed = -7000.0 * RATE_RADS * np.sin(angle), 7000.0 * RATE_RADS * np.cos(angle), 0.0
    return " ".join([epoch, *(f"{value:.9f}" for value in place), *(f"{value:.12f}" for value in speed)])


def block(first_s: int, last_s: int, **metadata: str) -> str:
    """One KVN segment from `first_s` to `last_s` after midnight; metadata replace or, if empty, remove the defaults."""

    def label(second: int) -> str:
        return f"2018-065T00:{second // 60:02d}:{second % 60:02d}"

    values = {
        "OBJECT_NAME": "VENUS",
        "OBJECT_ID": "2017-044B",
        "CENTER_NAME": "EARTH",
        "REF_FRAME": "EME2000",
        "TIME_SYSTEM": "UTC",
        "START_TIME": label(first_s),
        "STOP_TIME": label(last_s),
    } | metadata
    lines = ["META_START", *(f"{key} = {value}" for key, value in values.items() if value), "META_STOP"]
    lines += [state_line(label(second), second) for second in range(first_s, last_s + 1, 10)]
    return "\n".join(lines) + "\n"


def message(*blocks: str, version: str = "2.0") -> str:
    header = f"CCSDS_OEM_VERS = {version}\nCOMMENT a comment\nCREATION_DATE = {CREATED}\nORIGINATOR = TEST\n\n"
    return header + "\n".join(blocks)


@pytest.fixture
def kvn(tmp_path: Path) -> Callable[[str], Orbit]:
    def read(text: str) -> Orbit:
        path = tmp_path / "made.oem"
        path.write_text(text, encoding="utf-8")
        return read_oem(path)

    return read


@pytest.fixture(scope="module")
def venus() -> Orbit:
    orbit = sun_synchronous_orbit("VENUS", "2017-044B", START, 3600.0, 720e3, 10.5)
    matrix = np.diag([1.0, 4.0, 9.0, 1e-6, 4e-6, 9e-6])
    matrix[0, 1] = matrix[1, 0] = 0.5
    covariance = Covariance(START + np.array([0.0, 1800.0]), np.stack([matrix, 2 * matrix]), ("RTN", "GCRF"))
    return dataclasses.replace(orbit, covariance=covariance, comments=("simulated", "second line"))


def test_units_epochs_and_metadata_are_understood(kvn: Callable[[str], Orbit]) -> None:
    orbit = kvn(message(block(0, 100)))
    assert (orbit.object_name, orbit.object_id, orbit.frame) == ("VENUS", "2017-044B", "EME2000")
    assert (orbit.interpolation, orbit.degree) == ("HERMITE", 7)
    assert orbit.position_m[0].tolist() == [7e6, 0.0, 0.0]
    assert orbit.velocity_ms[0, 1] == pytest.approx(7546.05, abs=0.01)
    assert orbit.times == START + np.arange(0, 101, 10.0)
    assert "a comment" in orbit.comments
    state = orbit.at(START + 55.0, "EME2000")
    assert np.hypot(*state.position_m[0, :2]) == pytest.approx(7e6, abs=1e-3)
    assert np.arctan2(state.position_m[0, 1], state.position_m[0, 0]) == pytest.approx(55 * RATE_RADS, abs=1e-10)


@pytest.mark.parametrize("version", ["1.0", "2.0", "3.0", "2"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_versions_and_line_ends(tmp_path: Path, version: str, ending: str) -> None:
    path = tmp_path / "made.oem"
    path.write_bytes(b"\xef\xbb\xbf" + message(block(0, 100), version=version).replace("\n", ending).encode())
    assert len(read_oem(path).times) == 11


@pytest.mark.parametrize(
    ("scale", "ahead_s"), [("UTC", 0.0), ("TAI", 37.0), ("TT", 69.184), ("GPS", 18.0), ("TDB", 69.184)]
)
def test_time_systems(kvn: Callable[[str], Orbit], scale: str, ahead_s: float) -> None:
    orbit = kvn(message(block(0, 100, TIME_SYSTEM=scale)))
    # TDB - TT: up to 1.7 ms
    assert (START - orbit.times[0])[0] == pytest.approx(ahead_s, abs=2e-3 if scale == "TDB" else 1e-9)


@pytest.mark.parametrize(
    ("name", "frame"),
    [
        ("GCRF", "GCRF"),
        ("ICRF", "GCRF"),
        ("EME2000", "EME2000"),
        ("ITRF2014", "ITRF"),
        ("ITRF-97", "ITRF"),
        ("ITRF", "ITRF"),
    ],
)
def test_frames(kvn: Callable[[str], Orbit], name: str, frame: str) -> None:
    assert kvn(message(block(0, 100, REF_FRAME=name))).frame == frame


@pytest.mark.parametrize(
    ("stated", "understood"),
    [
        ({"INTERPOLATION": "HERMITE", "INTERPOLATION_DEGREE": "5"}, ("HERMITE", 5)),
        ({"INTERPOLATION": "Lagrange", "INTERPOLATION_DEGREE": "9"}, ("LAGRANGE", 9)),
        ({"INTERPOLATION": "LAGRANGE"}, ("LAGRANGE", 8)),
        ({"INTERPOLATION": "LINEAR", "INTERPOLATION_DEGREE": "1"}, ("LAGRANGE", 1)),
    ],
)
def test_interpolation_is_honoured(
    kvn: Callable[[str], Orbit], stated: dict[str, str], understood: tuple[str, int]
) -> None:
    orbit = kvn(message(block(0, 100, **stated)))
    assert (orbit.interpolation, orbit.degree) == understood


def test_segments_stay_apart_and_keep_their_useable_interval(kvn: Callable[[str], Orbit]) -> None:
    useable = {"USEABLE_START_TIME": "2018-03-06T00:00:20", "USEABLE_STOP_TIME": "2018-03-06T00:01:20"}
    orbit = kvn(message(block(0, 100, **useable), block(200, 300, EPHEMERIS_NAME="second")))
    asked = START + np.array([10.0, 20.0, 80.0, 90.0, 150.0, 200.0, 300.0])
    assert orbit.covers(asked).tolist() == [False, True, True, False, False, True, True]
    assert "EPHEMERIS_NAME = second" in orbit.comments


def test_accelerations_are_passed_over_and_useable_dates_do_not_enter_the_digest(kvn: Callable[[str], Orbit]) -> None:
    plain = message(block(0, 100))
    orbit = kvn(plain)
    assert kvn(re.sub(r"(?m)^(2018-065T.*)$", r"\1 0.0 0.0 0.0", plain)).digest == orbit.digest
    assert kvn(plain.replace(CREATED, "2021-12-31T00:00:00")).digest == orbit.digest
    assert kvn(message(block(0, 100, USEABLE_START_TIME="2018-065T00:00:10"))).digest == orbit.digest


@pytest.mark.parametrize("kind", ["kvn", "xml"])
def test_round_trip(tmp_path: Path, venus: Orbit, kind: str) -> None:
    path = tmp_path / "out.oem"
    write_oem(path, venus, kind, creation_date=CREATED)
    again = read_oem(path)
    assert again.digest == venus.digest
    assert again.times == venus.times
    assert again.segments == venus.segments
    assert again.comments == venus.comments
    # half of the last digit written
    assert np.abs(again.position_m - venus.position_m).max() <= 0.51e-6
    assert np.abs(again.velocity_ms - venus.velocity_ms).max() <= 0.51e-9
    assert again.covariance is not None
    assert venus.covariance is not None
    assert np.allclose(again.covariance.matrices, venus.covariance.matrices, rtol=1e-14)
    assert again.covariance.frames == ("RTN", "GCRF")
    assert again.covariance.times == venus.covariance.times
    write_oem(tmp_path / "twice.oem", again, kind, creation_date=CREATED)
    assert (tmp_path / "twice.oem").read_bytes() == path.read_bytes()
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("kind", ["kvn", "xml"])
def test_round_trip_of_segments_nanoseconds_and_a_leap_second(tmp_path: Path, kind: str) -> None:
    elapsed = np.concatenate([np.arange(0, 100, 10.0), np.arange(90, 200, 10.0), np.arange(300, 400, 10.0)])
    times = Times.from_utc("2016-12-31T23:58:30.000000007") + elapsed
    angle = RATE_RADS * elapsed[:, None]
    position = 7e6 * np.hstack([np.cos(angle), np.sin(angle), 0 * angle])
    velocity = 7e6 * RATE_RADS * np.hstack([-np.sin(angle), np.cos(angle), 0 * angle])
    ns = times.tai_ns
    edges = [(0, 10), (10, 21), (21, 31)]
    segments = tuple(Segment(a, b, int(ns[a]), int(ns[b - 1])) for a, b in edges)
    covariance = Covariance(times[[0, 15, 25]], np.stack([np.eye(6)] * 3), ("RSW",) * 3)
    orbit = Orbit("PHR 1A", "2011-076F", "ITRF", times, position, velocity, "made", "LAGRANGE", 8, segments, covariance)
    write_oem(tmp_path / "out.oem", orbit, kind)
    text = (tmp_path / "out.oem").read_text()
    assert "2016-12-31T23:59:60.000000007" in text
    again = read_oem(tmp_path / "out.oem")
    assert again.digest == orbit.digest
    assert again.segments == segments
    assert again.covariance is not None
    assert again.covariance.times == covariance.times


def test_written_kvn_holds_what_version_2_demands_in_order(tmp_path: Path, venus: Orbit) -> None:
    write_oem(tmp_path / "out.oem", venus, creation_date=CREATED)
    lines = (tmp_path / "out.oem").read_text().splitlines()
    keys = [line.split("=")[0].strip() for line in lines if "=" in line or line.startswith("META")][:16]
    assert keys == [
        "CCSDS_OEM_VERS", "CREATION_DATE", "ORIGINATOR", "META_START", "OBJECT_NAME", "OBJECT_ID", "CENTER_NAME",
        "REF_FRAME", "TIME_SYSTEM", "START_TIME", "USEABLE_START_TIME", "USEABLE_STOP_TIME", "STOP_TIME",
        "INTERPOLATION", "INTERPOLATION_DEGREE", "META_STOP",
    ]  # fmt: skip
    assert lines[0] == "CCSDS_OEM_VERS = 2.0"
    assert max(map(len, lines)) <= 254


def test_files_of_either_kind_and_any_date_agree_in_the_arc(tmp_path: Path, venus: Orbit) -> None:
    write_oem(tmp_path / "a", venus, "kvn", creation_date=CREATED)
    write_oem(tmp_path / "b", venus.arc(START + 600.0, START + 3000.0, 60.0), "xml", originator="OTHER")
    digests = {read_oem(tmp_path / name).arc(START + 1200.0, START + 1800.0, 120.0).digest for name in "ab"}
    assert len(digests) == 1


def test_an_xml_of_another_writer(tmp_path: Path) -> None:
    """Namespace prefix, units written or not, a covariance without frame, as the NDM/XML schemas allow."""
    states = "".join(
        f"<x:stateVector><EPOCH>2018-03-06T00:00:{second:02d}Z</EPOCH><X units='KM'>{7000 * np.cos(RATE_RADS * second)}</X>"
        f"<Y>{7000 * np.sin(RATE_RADS * second)}</Y><Z units='km'>0</Z><X_DOT units='km/s'>0</X_DOT>"
        "<Y_DOT units='KM/S'>7.5</Y_DOT><Z_DOT>0</Z_DOT></x:stateVector>\n"
        for second in range(0, 50, 10)
    )
    names = ["X", "Y", "Z", "X_DOT", "Y_DOT", "Z_DOT"]
    lower = "".join(f"<C{a}_{b}>{int(a == b)}e-6</C{a}_{b}>" for k, a in enumerate(names) for b in names[: k + 1])
    text = (
        "<?xml version='1.0'?><x:oem xmlns:x='urn:ccsds:recommendation:navigation:schema:ndmxml:R1.2' id='CCSDS_OEM_VERS' "
        f"version='1.0'><header><CREATION_DATE>{CREATED}</CREATION_DATE><ORIGINATOR>T</ORIGINATOR></header><body><segment>"
        "<metadata><COMMENT>A &amp; B</COMMENT><OBJECT_NAME>VENUS</OBJECT_NAME><OBJECT_ID>2017-044B</OBJECT_ID>"
        "<CENTER_NAME>Earth</CENTER_NAME><REF_FRAME>GCRF</REF_FRAME><TIME_SYSTEM>UTC</TIME_SYSTEM>"
        "<START_TIME>2018-03-06T00:00:00</START_TIME><STOP_TIME>2018-03-06T00:00:40</STOP_TIME></metadata><data>"
        f"{states}<covarianceMatrix><EPOCH>2018-03-06T00:00:00</EPOCH>{lower}</covarianceMatrix>"
        "</data></segment></body></x:oem>"
    )
    path = tmp_path / "made.xml"
    path.write_text(text)
    orbit = read_oem(path)
    assert orbit.position_m[0, 0] == 7e6
    assert orbit.velocity_ms[0, 1] == 7500.0
    assert orbit.comments == ("A & B",)
    assert orbit.covariance is not None
    assert np.allclose(orbit.covariance.matrices[0], np.eye(6))
    assert orbit.covariance.frames == ("GCRF",)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "truncated or no OEM"),
        ("hello\n", r"line 1: 'hello' where CCSDS_OEM_VERS"),
        (message(block(0, 100), version="4.0"), r"line 1: OEM version '4.0'; versions 1, 2 and 3"),
        (message(), "ends in its header"),
        (message(block(0, 100, CENTER_NAME="MOON")), r"line 9: CENTER_NAME 'MOON'; only EARTH"),
        (message(block(0, 100, REF_FRAME="TEME")), r"line 10: REF_FRAME 'TEME'; use one of GCRF, ICRF, EME2000"),
        (message(block(0, 100, TIME_SYSTEM="UT1")), r"line 11: TIME_SYSTEM 'UT1'; use one of UTC, TAI, TT, TDB, GPS"),
        (message(block(0, 100, TIME_SYSTEM="")), "TIME_SYSTEM is missing"),
        (message(block(0, 100, OBJECT_ID="")), "OBJECT_ID is missing"),
        (message(block(0, 100, STOP_TIME="2018-03-06T01:00:00")), "last state .* before STOP_TIME"),
        (message(block(0, 100, START_TIME="noon")), "line 12: UTC time 'noon'"),
        (message(block(0, 100, INTERPOLATION="SPLINE")), "line 14: INTERPOLATION 'SPLINE'; use one of HERMITE"),
        (message(block(0, 100, INTERPOLATION="HERMITE", INTERPOLATION_DEGREE="-7")), "INTERPOLATION_DEGREE '-7'"),
        (message(block(0, 100, INTERPOLATION="LAGRANGE", INTERPOLATION_DEGREE="20")), "needs 21"),
        (message(block(0, 20)), "needs 4"),
        (message(block(0, 100), block(200, 300, OBJECT_NAME="PHR1A")), "OBJECT_NAME 'PHR1A' after 'VENUS'"),
        (message(block(0, 100), block(200, 300, REF_FRAME="GCRF")), "REF_FRAME 'GCRF' after 'EME2000'"),
        (message(block(0, 100), block(200, 300, INTERPOLATION="LAGRANGE")), "HERMITE 7 and LAGRANGE 8"),
        (message(block(0, 100), block(50, 150)), "overlaps the one before"),
        (message(block(200, 300), block(0, 100)), "overlaps the one before"),
        (message(block(0, 100, REF_FRAME="ITRF", REF_FRAME_EPOCH="2000-01-01T00:00:00")), "freezes ITRF"),
        (message(block(0, 100, USEABLE_START_TIME="2018-03-06T01:00:00")), "useable interval|USEABLE interval"),
        (message(block(0, 100)).replace("7000.000000000", "seven"), "line 15: values 'seven .* not a number"),
        (message(block(0, 100)).replace("7000.000000000", "7_000"), "not a number"),
        (message(block(0, 100)).replace("7000.000000000", "nan"), "not finite"),
        (message(block(0, 100)).replace("7000.000000000", "1e400"), "not finite"),
        (message(block(0, 100)).replace("7000.000000000", "7000000.0"), "beyond 2e6 km; check the units"),
        (message(block(0, 100)).replace("2018-065T00:00:50 ", "2018-066T25:00:00 "), r"line 20: UTC time '2018-066T25"),
        (message(block(0, 100)).replace("2018-065T00:00:50 ", "2018-065T00:00:40 "), "repeats or goes back"),
        (message(block(0, 100)).replace("7000.000000000 ", ""), "line 15: a state of 5 values"),
        (message(block(0, 100)).replace("OBJECT_ID", "OBJECT_NAME", 1), "OBJECT_NAME stands twice"),
        (message(block(0, 100)).replace("META_STOP", "META_STOPPED"), "write KEYWORD = value"),
        (message(block(0, 100)) + "COVARIANCE_START\n1.0\nCOVARIANCE_STOP\n", "covariance values before their EPOCH"),
        (message(block(0, 100)) + "COVARIANCE_START\nEPOCH = 2018-065T00:00:00\n1 2 3\nCOVARIANCE_STOP\n", "3 values"),
        (message(block(0, 100)) + "COVARIANCE_START\nEPOCH = 2018-065T00:00:00\n", "ends in its covariance"),
        ("<oem/>", "OEM version ''"),
        ("<oem version='2.0'/>", "no segment of states"),
        ("<opm version='2.0'/>", "root element 'opm'"),
        ("<oem version='2.0'>", "line 1: not well-formed XML"),
        ("<!DOCTYPE oem [<!ENTITY a 'b'>]><oem version='2.0'/>", "a DOCTYPE; remove it"),
        ("<oem version='2.0'>" + "<a>" * 40, "nested deeper than 32"),
        ("<oem version='2.0'><body><stateVector/></body></oem>", "stateVector outside a segment"),
        ("<oem version='2.0'><body><segment><data><stateVector/></data></segment></body></oem>", "without EPOCH"),
        (
            "<oem version='2.0'><body><segment><data><X units='m'>1</X></data></segment></body></oem>",
            "X in 'm'; convert",
        ),
        ("<?xml version='1.0' encoding='martian'?><oem/>", "XML"),
    ],
)
def test_refusals_are_one_line_and_say_where(kvn: Callable[[str], Orbit], text: str, named: str) -> None:
    with pytest.raises(OrbitError, match=named) as refusal:
        kvn(text)
    assert "made.oem" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_unreadable_files_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.oem", tmp_path, tmp_path / "a\0b"):
        with pytest.raises(OrbitError, match="check the path"):
            read_oem(path)
    (tmp_path / "binary.oem").write_bytes(b"CCSDS_OEM_VERS = 2.0\n\xff\xfe")
    with pytest.raises(OrbitError, match=r"binary\.oem, line 2: byte 21 is no text"):
        read_oem(tmp_path / "binary.oem")


@pytest.mark.parametrize("kind", ["kvn", "xml"])
def test_a_file_cut_anywhere_never_passes_for_whole(tmp_path: Path, venus: Orbit, kind: str) -> None:
    orbit = dataclasses.replace(venus, covariance=None).arc(START + 600.0, START + 1200.0)
    path = tmp_path / "cut.oem"
    write_oem(path, orbit, kind, creation_date=CREATED)
    whole = path.read_bytes()
    for length in range(0, len(whole.rstrip()) - 1, 17):
        path.write_bytes(whole[:length])
        with pytest.raises(OrbitError):
            read_oem(path)


def test_a_last_number_cut_in_its_digits_is_noticed(tmp_path: Path, venus: Orbit) -> None:
    path = tmp_path / "cut.oem"
    write_oem(path, dataclasses.replace(venus, covariance=None), creation_date=CREATED)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(OrbitError, match="truncated"):
        read_oem(path)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.one_of(
        st.binary(max_size=300), st.text(max_size=300).map(str.encode), st.text("<>/=ABC_ .0\n").map(str.encode)
    )
)
def test_anything_else_is_an_orbit_error(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "any.oem"
    for head in (b"", b"CCSDS_OEM_VERS = 2.0\n", b"CCSDS_OEM_VERS = 2.0\nMETA_START\n", b"<oem version='2.0'>"):
        path.write_bytes(head + data)
        with pytest.raises(OrbitError):
            read_oem(path)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(draw=st.data(), kind=st.sampled_from(["kvn", "xml"]))
def test_damage_is_an_orbit_error_or_harmless(tmp_path: Path, venus: Orbit, draw: st.DataObject, kind: str) -> None:
    path = tmp_path / f"damaged.{kind}"
    write_oem(path, venus.arc(START, START + 600.0), kind, creation_date=CREATED)
    content = path.read_bytes()
    for _ in range(draw.draw(st.integers(1, 3))):
        place = draw.draw(st.integers(0, len(content)))
        removed = draw.draw(st.integers(0, 40))
        content = content[:place] + draw.draw(st.binary(max_size=8)) + content[place + removed :]
    path.write_bytes(content)
    try:
        orbit = read_oem(path)
    except OrbitError as refusal:
        assert len(str(refusal).splitlines()) == 1
    else:
        assert np.isfinite(orbit.position_m).all()


def test_writing_is_refused_in_one_line(tmp_path: Path, venus: Orbit) -> None:
    with pytest.raises(OrbitError, match=r"'json'.*kvn or xml"):
        write_oem(tmp_path / "out", venus, "json")
    for name in ("VENµS", "VENUS\nCOMMENT", "", " VENUS"):
        with pytest.raises(OrbitError, match=r"object name .* plain ASCII"):
            write_oem(tmp_path / "out", dataclasses.replace(venus, object_name=name))
    with pytest.raises(OrbitError, match="cannot be written"):
        write_oem(tmp_path / "no" / "folder" / "out", venus)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_writing_leaves_the_old_file(tmp_path: Path, venus: Orbit, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out.oem"
    path.write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OrbitError, match="No space left on device"):
        write_oem(path, venus)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
