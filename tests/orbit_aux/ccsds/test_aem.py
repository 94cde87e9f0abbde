"""AEM files: the sense of the quaternions by a turn of 90 degrees, their order, round trips, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orbit_aux.attitude import Attitude
from orbit_aux.ccsds import read_aem, write_aem
from orbit_aux.errors import OrbitError
from orbit_aux.time import Times

HALF = np.sqrt(0.5)
METADATA = {
    "OBJECT_NAME": "VENUS",
    "OBJECT_ID": "2017-044B",
    "REF_FRAME_A": "EME2000",
    "REF_FRAME_B": "SC_BODY_1",
    "ATTITUDE_DIR": "A2B",
    "TIME_SYSTEM": "UTC",
    "ATTITUDE_TYPE": "QUATERNION",
    "QUATERNION_TYPE": "LAST",
}


def message(*lines: str, version: str = "1.0", **metadata: str) -> str:
    told = [f"{key} = {value}" for key, value in (METADATA | metadata).items() if value]
    head = f"CCSDS_AEM_VERS = {version}\nCOMMENT made by hand\nCREATION_DATE = 2018-03-06T00:00:00\nORIGINATOR = TEST\n"
    return head + "\n".join(["META_START", *told, "META_STOP", "DATA_START", *lines, "DATA_STOP"]) + "\n"


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str], Attitude]:
    def call(content: str) -> Attitude:
        path = tmp_path / "made.aem"
        path.write_text(content, encoding="utf-8")
        return read_aem(path)

    return call


def in_frame(attitude: Attitude, body: list[float]) -> np.ndarray:
    """A body vector in the frame, v_frame = q v q*, by Rodrigues' formula written out."""
    w, axis = attitude.quaternion[0, 0], attitude.quaternion[0, 1:]
    vector = np.array(body)
    return vector + 2 * np.cross(axis, np.cross(axis, vector) + w * vector)


@pytest.mark.parametrize(
    ("line", "change"),
    [
        (f"0 0 {HALF} {HALF}", {}),
        (f"{HALF} 0 0 {HALF}", {"QUATERNION_TYPE": "FIRST"}),
        (f"0 0 {-HALF} {HALF}", {"ATTITUDE_DIR": "B2A"}),
        (f"0 0 {-HALF} {HALF}", {"REF_FRAME_A": "SC_BODY_1", "REF_FRAME_B": "EME2000"}),
        (f"0 0 {HALF} {HALF}", {"REF_FRAME_A": "SC_BODY_1", "REF_FRAME_B": "EME2000", "ATTITUDE_DIR": "B2A"}),
        (f"0 0 {HALF} {HALF}", {"QUATERNION_TYPE": "", "ATTITUDE_DIR": "", "version": "2.0"}),
        (f"0 0 {HALF} {HALF} 0 0 0.1", {"ATTITUDE_TYPE": "QUATERNION/ANGVEL"}),
    ],
)
def test_a_turn_of_90_degrees_about_z(read: Callable[[str], Attitude], line: str, change: dict[str, str]) -> None:
    """The axes of the frame turned by +90 degrees about z are those of the body: body x points where the frame has y."""
    found = read(message(f"2018-03-06T00:00:00 {line}", **change))
    assert (found.frame, found.body) == ("EME2000", "SC_BODY_1")
    np.testing.assert_allclose(in_frame(found, [1, 0, 0]), [0, 1, 0], atol=1e-9)
    np.testing.assert_allclose(in_frame(found, [0, 1, 0]), [-1, 0, 0], atol=1e-9)


@pytest.mark.parametrize("kind", ["kvn", "xml"])
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_round_trip(tmp_path: Path, kind: str, data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 8))
    generator = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    values = generator.uniform(-1, 1, (n, 4))
    values[:, 0] += 3.0
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    steps = np.cumsum(generator.integers(1, 10**10, n))
    made = Attitude(
        "VENUS",
        data.draw(st.sampled_from(["GCRF", "EME2000", "ITRF"])),
        "SC_BODY_1",
        Times(steps),
        values,
        "made",
        ("one",),
    )
    path = tmp_path / f"made.{kind}"
    write_aem(
        path,
        made,
        kind,
        scalar=data.draw(st.sampled_from(["FIRST", "LAST"])),
        direction=data.draw(st.sampled_from(["A2B", "B2A"])),
        creation_date="2020-01-01T00:00:00",
    )
    back = read_aem(path)
    assert (back.times, back.frame, back.body, back.comments) == (made.times, made.frame, made.body, made.comments)
    np.testing.assert_allclose(back.quaternion, made.quaternion, atol=1e-15)


def test_segments_are_joined_and_gaps_told(read: Callable[[str], Attitude]) -> None:
    head, rest = message("2018-03-06T00:00:00 0 0 0 1").split("META_START")
    second = rest.replace("00:00:00 0", "00:01:00 0")
    found = read(head + "META_START" + rest + "META_START" + second)
    assert len(found.times) == 2
    assert any("no attitude between" in comment for comment in found.comments)


def test_elements_of_version_2(read: Callable[[str], Attitude]) -> None:
    told = "".join(
        f"<{key}>{value}</{key}>" for key, value in METADATA.items() if key not in ("QUATERNION_TYPE", "ATTITUDE_DIR")
    )
    state = (
        "<attitudeState><quaternionEphemeris><EPOCH>2018-03-06T00:00:00</EPOCH><quaternion>"
        f"<Q1>0</Q1><Q2>0</Q2><Q3>{HALF}</Q3><QC>{HALF}</QC></quaternion></quaternionEphemeris></attitudeState>"
    )
    found = read(
        '<aem id="CCSDS_AEM_VERS" version="2.0"><header/><body><segment>'
        f"<metadata>{told}</metadata><data>{state}</data></segment></body></aem>"
    )
    np.testing.assert_allclose(in_frame(found, [1, 0, 0]), [0, 1, 0], atol=1e-9)


@pytest.mark.parametrize(
    ("line", "change", "told"),
    [
        ("0 0 0", {}, "3 values"),
        ("0 0 0 2", {}, "length 2"),
        ("0 0 0 x", {}, "not a number"),
        ("0 0 0 1", {"ATTITUDE_TYPE": "SPIN"}, "ATTITUDE_TYPE"),
        ("0 0 0 1", {"QUATERNION_TYPE": "MIDDLE"}, "FIRST or LAST"),
        ("0 0 0 1", {"ATTITUDE_DIR": "UP"}, "A2B or B2A"),
        ("0 0 0 1", {"REF_FRAME_A": "LVLH"}, "the other the body"),
        ("0 0 0 1", {"REF_FRAME_B": "GCRF"}, "the other the body"),
        ("0 0 0 1", {"OBJECT_NAME": ""}, "OBJECT_NAME is missing"),
    ],
)
def test_what_is_refused(read: Callable[[str], Attitude], line: str, change: dict[str, str], told: str) -> None:
    with pytest.raises(OrbitError) as refusal:
        read(message(f"2018-03-06T00:00:00 {line}", **change))
    assert told in str(refusal.value)


def test_a_cut_file_is_refused(read: Callable[[str], Attitude]) -> None:
    whole = message("2018-03-06T00:00:00 0 0 0 1")
    for cut in range(0, len(whole) - len("DATA_STOP\n"), 7):
        with pytest.raises(OrbitError):
            read(whole[:cut])
