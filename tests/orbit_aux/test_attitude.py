"""Attitude: the convention by a quarter turn, interpolation against scipy, gaps, rates, arcs, digests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scenes import after
from scipy.spatial.transform import Rotation

from orbit_aux.attitude import Attitude, to_matrix
from orbit_aux.ccsds import read_aem, write_aem
from orbit_aux.errors import OrbitError

QUARTER = np.sqrt(0.5)


def turning(seconds: np.ndarray, **more: object) -> Attitude:
    """A body whose axes speed up and tumble."""
    return Attitude("A", "GCRF", "BODY", after(seconds), _tumbling(seconds), "test", **more)  # type: ignore[arg-type]


def _tumbling(seconds: np.ndarray) -> np.ndarray:
    angles = np.stack([0.3 + 0.02 * seconds, 0.01 * np.sin(0.3 * seconds), 0.002 * seconds**2], -1)
    return np.roll(Rotation.from_euler("ZYX", angles).as_quat(), 1, -1)


def test_a_quarter_turn_about_z_carries_the_body_x_axis_to_y() -> None:
    attitude = Attitude("A", "GCRF", "BODY", after([0.0]), np.array([[QUARTER, 0, 0, QUARTER]]), "test")
    assert np.allclose(attitude.matrices(after([0.0]))[0] @ [1, 0, 0], [0, 1, 0])


@pytest.mark.parametrize("kind", ["kvn", "xml"])
@pytest.mark.parametrize("scalar", ["FIRST", "LAST"])
@pytest.mark.parametrize("direction", ["A2B", "B2A"])
def test_a_file_says_the_same_turn(tmp_path: Path, kind: str, scalar: str, direction: str) -> None:
    attitude = Attitude("A", "EME2000", "BODY", after([0.0]), np.array([[QUARTER, 0, 0, QUARTER]]), "test")
    write_aem(tmp_path / "a.aem", attitude, kind, scalar=scalar, direction=direction)
    assert np.allclose(read_aem(tmp_path / "a.aem").matrices(after([0.0]))[0] @ [1, 0, 0], [0, 1, 0])


def test_the_standard_written_out(tmp_path: Path) -> None:
    """CCSDS 504.0: from A to B, the axes of A turned by φ about e give those of B. A quarter turn of EME2000 about z: the body's x lies on the frame's y."""
    text = """CCSDS_AEM_VERS = 1.0
CREATION_DATE = 2018-03-06T00:00:00
ORIGINATOR = TEST
META_START
OBJECT_NAME = A
OBJECT_ID = 2018-000A
CENTER_NAME = EARTH
REF_FRAME_A = EME2000
REF_FRAME_B = SC_BODY_1
ATTITUDE_DIR = A2B
TIME_SYSTEM = UTC
START_TIME = 2018-03-06T10:00:00
STOP_TIME = 2018-03-06T10:00:00
ATTITUDE_TYPE = QUATERNION
QUATERNION_TYPE = LAST
META_STOP
DATA_START
2018-03-06T10:00:00 0 0 0.7071067811865476 0.7071067811865476
DATA_STOP
"""
    (tmp_path / "a.aem").write_text(text)
    assert np.allclose(read_aem(tmp_path / "a.aem").matrices(after([0.0]))[0] @ [1, 0, 0], [0, 1, 0])


def test_matrices_are_those_of_scipy() -> None:
    quaternion = _tumbling(np.linspace(0, 100, 50))
    assert np.allclose(to_matrix(quaternion), Rotation.from_quat(np.roll(quaternion, -1, -1)).as_matrix(), atol=1e-14)


# 1 µrad is 0.7 m on the ground; slerp between records a second apart misses the acceleration of 4 mrad/s2 by 0.5 mrad
@pytest.mark.parametrize(("smooth", "limit_rad"), [(True, 3e-6), (False, 6e-4)])
def test_between_records(smooth: bool, limit_rad: float) -> None:
    attitude = turning(np.arange(0.0, 21.0), smooth=smooth)
    seconds = np.linspace(0.0, 20.0, 333)
    found = Rotation.from_quat(np.roll(attitude.at(after(seconds)), -1, -1))
    error = (found * Rotation.from_quat(np.roll(_tumbling(seconds), -1, -1)).inv()).magnitude()
    assert error.max() < limit_rad
    assert error[np.isin(seconds, np.arange(21.0))].max() < 1e-12


def test_one_rate_is_followed_exactly_whatever_the_signs() -> None:
    seconds = np.arange(0.0, 11.0)
    turn = np.roll(Rotation.from_euler("x", 0.1 * seconds[:, None]).as_quat(), 1, -1).reshape(-1, 4)
    turn[::2] *= -1
    attitude = Attitude("A", "GCRF", "BODY", after(seconds), turn, "test")
    middle = after([3.3])
    assert np.allclose(attitude.matrices(middle)[0], Rotation.from_euler("x", 0.33).as_matrix(), atol=1e-13)
    assert np.allclose(attitude.rates(after([0.0, 3.3, 10.0])), [[0.1, 0, 0]] * 3, atol=1e-9)


def test_a_gap_is_not_bridged() -> None:
    seconds = np.r_[np.arange(0.0, 10.0), np.arange(20.0, 30.0)]
    attitude = turning(seconds)
    assert attitude.covers(after([5.5, 15.0, 25.5])).tolist() == [True, False, True]
    with pytest.raises(OrbitError, match=r"with a gap from .*10:00:09.000Z to .*10:00:20.000Z, not .*10:00:15.000Z"):
        attitude.at(after([15.0]))
    with pytest.raises(OrbitError, match=r"covers .* not"):
        attitude.at(after([31.0]))
    # two lost records are bridged
    assert turning(np.r_[np.arange(0.0, 10.0), np.arange(12.0, 20.0)]).covers(after([11.0])).all()


def test_an_arc_answers_as_the_whole() -> None:
    attitude = turning(np.arange(0.0, 60.0, 0.5))
    arc = attitude.arc(after([20.1]), after([22.3]))
    times = after(np.linspace(20.1, 22.3, 50))
    assert len(arc.times) < 20
    assert np.array_equal(arc.at(times), attitude.at(times))


def test_the_digest_is_of_the_rotations() -> None:
    seconds = np.arange(5.0)
    one, other = turning(seconds), Attitude("A", "GCRF", "BODY", after(seconds), -_tumbling(seconds), "elsewhere")
    assert one.digest == other.digest
    assert turning(seconds + 1e-6).digest != one.digest


@pytest.mark.parametrize(
    ("quaternion", "words"),
    [([[1.0, 0.0, 0.0, 0.1]], "has the length 1.00499, not 1"), ([[np.nan, 0, 0, 1]], "has the length nan")],
)
def test_refusals(quaternion: list[list[float]], words: str) -> None:
    with pytest.raises(OrbitError, match=words):
        Attitude("A", "GCRF", "BODY", after([0.0]), np.array(quaternion), "test")
