"""TDM files: tags, intervals, factors, paths, frequencies, ranges; round trips; streams; what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orbit_aux.ccsds import read_tdm, write_tdm
from orbit_aux.ccsds.tdm import stream_tdm
from orbit_aux.errors import OrbitError
from orbit_aux.time import Times
from orbit_aux.tracking import Tracking

LIGHT_MS = 299_792_458.0
DAY = "1991-12-18T"
HEAD = "CCSDS_TDM_VERS = 1.0\n{comments}CREATION_DATE = 1991-12-19T00:00:00\nORIGINATOR = TEST\n"
TWO_WAY = {
    "TIME_SYSTEM": "UTC",
    "PARTICIPANT_1": "KRU",
    "PARTICIPANT_2": "TC2A",
    "MODE": "SEQUENTIAL",
    "PATH": "1,2,1",
    "INTEGRATION_INTERVAL": "2.0",
    "INTEGRATION_REF": "END",
}


def segment(*lines: str, **metadata: str) -> str:
    texts = TWO_WAY | metadata
    told = [f"{key} = {value}" for key, value in texts.items() if value]
    return "\n".join(["META_START", *told, "META_STOP", "DATA_START", *lines, "DATA_STOP"]) + "\n"


def message(*segments: str, comments: str = "") -> str:
    return HEAD.format(comments=comments) + "".join(segments)


COUNTS = (f"DOPPLER_INTEGRATED = {DAY}12:00:02 0.1500", f"DOPPLER_INTEGRATED = {DAY}12:00:04 0.1400")


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Tracking]:
    def call(content: str, factor: str = "") -> Tracking:
        path = tmp_path / "made.tdm"
        path.write_text(content, encoding="utf-8")
        return read_tdm(path, factor)

    return call


def test_a_two_way_count(read: Callable[..., Tracking]) -> None:
    found = read(message(segment(*COUNTS)))
    assert found.transmitter.tolist() == found.receiver.tolist() == ["KRU", "KRU"]
    assert found.stop.utc_strings(0) == [f"{DAY}12:00:02Z", f"{DAY}12:00:04Z"]
    np.testing.assert_allclose(found.value, [150.0, 140.0])
    assert found.start.utc_strings(0)[0] == f"{DAY}12:00:00Z"
    assert found.light_time is None
    assert any("assumed" in note for note in found.notes)


@pytest.mark.parametrize(("reference", "stop"), [("START", "04.000"), ("MIDDLE", "03.000"), ("END", "02.000")])
def test_where_the_tag_stands_in_the_count(read: Callable[..., Tracking], reference: str, stop: str) -> None:
    found = read(message(segment(COUNTS[0], INTEGRATION_REF=reference)))
    assert found.stop.utc_strings(3) == [f"{DAY}12:00:{stop}Z"]


@pytest.mark.parametrize(
    ("comment", "told", "value"),
    [
        ("DOPPLER_INTEGRATED is the mean of the two legs", "mean", 150.0),
        ("half the round-trip range rate", "mean", 150.0),
        ("one-way equivalent", "mean", 150.0),
        ("the values are the sum of the legs", "sum", 75.0),
        ("round-trip range rate", "sum", 75.0),
        ("nothing about it", "mean", 150.0),
    ],
)
def test_the_factor_by_comment(read: Callable[..., Tracking], comment: str, told: str, value: float) -> None:
    found = read(message(segment(COUNTS[0]), comments=f"COMMENT {comment}\n"))
    assert found.value[0] == pytest.approx(value)
    assert f"the {told} of the legs" in found.notes[0]


def test_the_caller_has_the_last_word_on_the_factor(read: Callable[..., Tracking]) -> None:
    content = message(segment(COUNTS[0]), comments="COMMENT mean of the legs\n")
    assert read(content, "sum").value[0] == pytest.approx(75.0)


def test_comments_that_contradict_each_other_are_refused(read: Callable[..., Tracking]) -> None:
    late = segment(COUNTS[0]) + "COMMENT all values are the sum of the legs\n"
    with pytest.raises(OrbitError, match="contradict"):
        read(message(late))


@pytest.mark.parametrize(
    ("comment", "light_time"),
    [("LIGHT_TIME = YES", True), ("no light time", False), ("light time is included", True), ("-", None)],
)
def test_light_time_by_comment(read: Callable[..., Tracking], comment: str, light_time: bool | None) -> None:
    assert read(message(segment(COUNTS[0]), comments=f"COMMENT {comment}\n")).light_time is light_time


def test_links_in_several_segments_are_merged_in_time(read: Callable[..., Tracking]) -> None:
    other = {"PARTICIPANT_3": "AUS", "PATH": "1,2,3"}
    found = read(message(segment(*COUNTS), segment(*COUNTS, **other)))
    assert found.receiver.tolist() == ["KRU", "AUS", "KRU", "AUS"]
    assert (np.diff(found.stop.tai_ns) >= 0).all()


def test_frequencies_become_velocities(read: Callable[..., Tracking]) -> None:
    """fr = κ ft (1 - 2V/c0) by hand, with 100 m/s, on an S band transponder of 240/221."""
    sent, ratio = 2.05e9, 240 / 221
    back = ratio * sent * (1 - 2 * 100.0 / LIGHT_MS)
    lines = (f"TRANSMIT_FREQ_1 = {DAY}11:59:00 {sent!r}", f"RECEIVE_FREQ_1 = {DAY}12:00:02 {back - 2e9:.6f}")
    turned = {"TURNAROUND_NUMERATOR": "240", "TURNAROUND_DENOMINATOR": "221", "FREQ_OFFSET": "2.0E9"}
    found = read(message(segment(*lines, **turned)))
    # 1e-6 Hz of 2.2 GHz is 7e-8 m/s; doubles of 2e9 hold 2.4e-7 Hz
    assert found.value[0] == pytest.approx(100.0, abs=1e-6)
    ramp = f"TRANSMIT_FREQ_RATE_1 = {DAY}11:59:00 0.5"
    with pytest.raises(OrbitError, match="ramped"):
        read(message(segment(*lines, ramp, **turned)))
    with pytest.raises(OrbitError, match="TURNAROUND_NUMERATOR is missing"):
        read(message(segment(*lines)))
    with pytest.raises(OrbitError, match="without TRANSMIT_FREQ_1"):
        read(message(segment(lines[1], **turned)))


@pytest.mark.parametrize(
    ("units", "value", "metres"), [("km", "36000.0", 36e6), ("s", "0.12", 0.12 * LIGHT_MS), ("", "36000.0", 36e6)]
)
def test_ranges(read: Callable[..., Tracking], units: str, value: str, metres: float) -> None:
    found = read(message(segment(f"RANGE = {DAY}12:00:02 {value}", RANGE_UNITS=units)))
    assert (found.kind[0], found.interval_s[0]) == ("RANGE", 0.0)
    assert found.value[0] == pytest.approx(metres)


def test_delays_and_corrections(read: Callable[..., Tracking]) -> None:
    line = f"RANGE = {DAY}12:00:02 36000.0"
    delayed = read(message(segment(line, TRANSMIT_DELAY_1="1e-6", RECEIVE_DELAY_1="1e-6")))
    # 2 µs of the whole way: 300 m of the mean of the legs
    assert delayed.value[0] == pytest.approx(36e6 - 1e-6 * LIGHT_MS)
    corrected = read(message(segment(COUNTS[0], CORRECTION_DOPPLER="0.001", CORRECTIONS_APPLIED="NO")))
    assert corrected.value[0] == pytest.approx(151.0)
    done = read(message(segment(COUNTS[0], CORRECTION_DOPPLER="0.001", CORRECTIONS_APPLIED="YES")))
    assert done.value[0] == pytest.approx(150.0)


@pytest.mark.parametrize("kind", ["kvn", "xml"])
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_round_trip(tmp_path: Path, kind: str, data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 12))
    generator = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    names = ["KRU", "AUS", "HBK", "A & <B>"]
    steps = np.cumsum(generator.integers(1, 10**10, n))
    kinds = generator.choice(["DOPPLER", "RANGE"], n)
    doppler = kinds == "DOPPLER"
    made = Tracking(
        Times(Times.from_utc(f"{DAY}12:00:00").tai_ns + steps),
        np.where(doppler, generator.choice([2.0, 10.0], n), 0.0),
        kinds,
        generator.choice(names, n),
        generator.choice(names, n),
        np.where(doppler, generator.uniform(-5000, 5000, n), generator.uniform(1e5, 5e7, n)),
        "made",
        light_time=data.draw(st.none() | st.booleans()),
    )
    path = tmp_path / f"made.{kind}"
    factor = data.draw(st.sampled_from(["mean", "sum"]))
    reference = data.draw(st.sampled_from(["START", "MIDDLE", "END"]))
    write_tdm(path, made, "TC2A", kind, factor=factor, integration_ref=reference, creation_date="2020-01-01T00:00:00")
    back = read_tdm(path)
    assert back.stop == made.stop and back.light_time == made.light_time
    for name in ("kind", "transmitter", "receiver", "interval_s"):
        assert getattr(back, name).tolist() == getattr(made, name).tolist()
    # files hold 1e-12 km/s and 1e-12 km; the factor halves once more
    np.testing.assert_allclose(back.value, made.value, rtol=1e-15, atol=2e-9)


def test_a_stream_gives_what_the_file_gives(read: Callable[..., Tracking]) -> None:
    """Segments that alternate, as a station's computer writes them while it tracks."""
    other = {"PARTICIPANT_3": "AUS", "PATH": "1,2,3"}
    content = message(segment(*COUNTS), segment(*COUNTS, **other))
    parts = list(stream_tdm(content.splitlines(keepends=True), "stream"))
    assert [len(part) for part in parts] == [1, 1, 1, 1]
    assert sorted(value for part in parts for value in part.value) == pytest.approx(sorted(read(content).value))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"PATH": "1,2"}, "PATH '1,2'"),
        ({"PATH": "2,1"}, "PATH"),
        ({"PATH": "1,2,3,2,1"}, "PATH"),
        ({"PATH": "1,1,2"}, "PATH"),
        ({"PATH": "1,2,3"}, "without PARTICIPANT_3"),
        ({"PARTICIPANT_1": ""}, "without PARTICIPANT_1"),
        ({"PATH": "", "PATH_1": "1,2,1", "PATH_2": "3,2,3"}, "PATH is missing"),
        ({"PATH": ""}, "without PATH"),
        ({"MODE": "SINGLE_DIFF"}, "MODE"),
        ({"TIMETAG_REF": "TRANSMIT"}, "reception"),
        ({"INTEGRATION_REF": ""}, "INTEGRATION_REF"),
        ({"INTEGRATION_REF": "BEGIN"}, "START or MIDDLE or END"),
        ({"INTEGRATION_INTERVAL": ""}, "INTEGRATION_INTERVAL is missing"),
        ({"INTEGRATION_INTERVAL": "0"}, "positive"),
        ({"TIME_SYSTEM": "LOCAL"}, "TIME_SYSTEM"),
        ({"TIME_SYSTEM": ""}, "TIME_SYSTEM is missing"),
        ({"CORRECTION_DOPPLER": "0.1"}, "CORRECTIONS_APPLIED"),
    ],
)
def test_metadata_that_are_refused(read: Callable[..., Tracking], change: dict[str, str], told: str) -> None:
    with pytest.raises(OrbitError) as refusal:
        read(message(segment(*COUNTS, **change)))
    assert told in str(refusal.value) and "made.tdm, line " in str(refusal.value)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (f"DOPPLER_INTEGRATED = {DAY}12:00:06 150.0", "units are mixed"),
        (f"DOPPLER_INTEGRATED = {DAY}12:00:06 150.0 [m/s]", "in 'm/s'"),
        (f"DOPPLER_INTEGRATED = {DAY}12:00:06", "KEYWORD = epoch value"),
        (f"DOPPLER_INTEGRATED = {DAY}12:00:06 nan", "not a number"),
        (f"DOPPLER_INTEGRATED = {DAY}25:00:06 0.1", "does not exist"),
        ("0.15", "KEYWORD = epoch value"),
    ],
)
def test_data_that_are_refused(read: Callable[..., Tracking], line: str, told: str) -> None:
    with pytest.raises(OrbitError) as refusal:
        read(message(segment(*COUNTS, line)))
    assert told in str(refusal.value) and "line 16" in str(refusal.value)


def test_ranges_that_are_refused(read: Callable[..., Tracking]) -> None:
    line = f"RANGE = {DAY}12:00:02 36000.0"
    for change, told in (
        ({"RANGE_UNITS": "RU"}, "convert to km or s"),
        ({"RANGE_UNITS": "m"}, "give km or s"),
        ({"RANGE_MODULUS": "32768.0"}, "resolve the ambiguity"),
        ({"RANGE_UNITS": "s"}, "as RANGE_UNITS says"),
    ):
        with pytest.raises(OrbitError, match=told):
            read(message(segment(line, **change)))


def test_a_cut_file_is_refused(read: Callable[..., Tracking]) -> None:
    whole = message(segment(*COUNTS))
    for cut in range(0, len(whole) - len("DATA_STOP\n"), 11):
        with pytest.raises(OrbitError):
            read(whole[:cut])


def test_other_data_are_left_out_and_said(read: Callable[..., Tracking]) -> None:
    weather = f"PRESSURE = {DAY}12:00:02 1013.0"
    apart = "META_START\nTIME_SYSTEM = UTC\nPARTICIPANT_1 = KRU\nMETA_STOP\nDATA_START\n" + weather + "\nDATA_STOP\n"
    found = read(message(segment(*COUNTS, weather), apart))
    assert len(found) == 2 and "PRESSURE: not used" in found.notes
    with pytest.raises(OrbitError, match="no DOPPLER_INTEGRATED"):
        read(message(apart))
