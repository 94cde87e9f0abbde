"""OPM files: units, frames, covariances in any axes, manoeuvres, round trips, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orbit_aux.ccsds import read_opm, write_opm
from orbit_aux.ccsds.opm import Manoeuvre, OrbitParameters, covariance_in_gcrf
from orbit_aux.errors import OrbitError
from orbit_aux.frames import State, transform
from orbit_aux.time import Times

EPOCH = Times.from_utc("1991-12-18T12:10:00")
# an apogee of a transfer orbit, written by hand
KVN = """CCSDS_OPM_VERS = 2.0
COMMENT from the operators
CREATION_DATE = 1991-12-18T10:00:00
ORIGINATOR = TEST

OBJECT_NAME = TELECOM 2A
OBJECT_ID = 1991-084A
CENTER_NAME = EARTH
REF_FRAME = GCRF
TIME_SYSTEM = UTC

EPOCH = 1991-12-18T12:10:00.000
X = -17739.6 [km]
Y = -38178.5 [km]
Z = -153.5
X_DOT = 1.4010
Y_DOT = -0.7976 [km/s]
Z_DOT = 0.1124

SEMI_MAJOR_AXIS = 24415.9 [km]
GM = 398600.4415 [km**3/s**2]
MASS = 2275.0 [kg]
SOLAR_RAD_AREA = 20.0 [m**2]
SOLAR_RAD_COEFF = 1.3
DRAG_AREA = 10.0 [m**2]
DRAG_COEFF = 2.2
{covariance}MAN_EPOCH_IGNITION = 1991-12-18T12:16:36.864
MAN_DURATION = 2214.202 [s]
MAN_DELTA_MASS = -364.4 [kg]
MAN_REF_FRAME = {axes}
MAN_DV_1 = 0.4800 [km/s]
MAN_DV_2 = -0.2200 [km/s]
MAN_DV_3 = -0.0390 [km/s]
MAN_EPOCH_IGNITION = 1991-12-19T12:00:00
MAN_DURATION = 0.0
MAN_DELTA_MASS = -1.0
MAN_REF_FRAME = RTN
MAN_DV_1 = 0.0
MAN_DV_2 = 0.001
MAN_DV_3 = 0.0
USER_DEFINED_TARGET = 27756.29
"""
NAMES = ("X", "Y", "Z", "X_DOT", "Y_DOT", "Z_DOT")


def covariance_text(frame: str, variances: tuple[float, ...] = (1.0, 4.0, 9.0, 1e-6, 4e-6, 9e-6)) -> str:
    lines = [f"COV_REF_FRAME = {frame}"] if frame else []
    lines += [
        f"C{name}_{NAMES[column]} = {variances[row] if row == column else 0.0}"
        for row, name in enumerate(NAMES)
        for column in range(row + 1)
    ]
    return "\n".join(lines) + "\n"


def text(frame: str = "GCRF", axes: str = "EME2000") -> str:
    return KVN.format(covariance=covariance_text(frame), axes=axes)


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str], OrbitParameters]:
    def call(content: str) -> OrbitParameters:
        path = tmp_path / "made.opm"
        path.write_text(content, encoding="utf-8")
        return read_opm(path)

    return call


def test_everything_is_understood(read: Callable[[str], OrbitParameters]) -> None:
    found = read(text())
    assert (found.object_name, found.object_id) == ("TELECOM 2A", "1991-084A")
    assert found.state.frame == "GCRF" and found.state.times == EPOCH
    np.testing.assert_allclose(found.state.position_m[0], [-17739.6e3, -38178.5e3, -153.5e3])
    np.testing.assert_allclose(found.state.velocity_ms[0], [1401.0, -797.6, 112.4])
    assert (found.mass_kg, found.solar_radiation_area_m2, found.drag_coefficient) == (2275.0, 20.0, 2.2)
    np.testing.assert_allclose(np.diag(found.covariance), [1e6, 4e6, 9e6, 1.0, 4.0, 9.0])  # type: ignore[arg-type]
    burn, impulse = found.manoeuvres
    assert (burn.axes, burn.duration_s, burn.delta_mass_kg) == ("EME2000", 2214.202, -364.4)
    np.testing.assert_allclose(burn.delta_v_ms, [480.0, -220.0, -39.0])
    assert (impulse.axes, impulse.duration_s) == ("RSW", 0.0)
    assert found.user_defined == (("TARGET", "27756.29"),)
    assert found.comments[0] == "from the operators"
    assert "SEMI_MAJOR_AXIS = 24415.9 [km]" in found.comments


def test_a_covariance_in_local_axes_is_turned() -> None:
    """On a circular equatorial orbit at x, radial is x, transverse y, normal z; a quarter turn later radial is y and transverse -x."""
    local = np.diag([1.0, 4.0, 9.0, 16.0, 25.0, 36.0])
    at_x = State(EPOCH, np.array([[7e6, 0, 0]]), np.array([[0, 7.5e3, 0]]), "GCRF")
    np.testing.assert_allclose(covariance_in_gcrf(local, "RSW", at_x), local, atol=1e-12)
    at_y = State(EPOCH, np.array([[0, 7e6, 0]]), np.array([[-7.5e3, 0, 0]]), "GCRF")
    np.testing.assert_allclose(
        covariance_in_gcrf(local, "RSW", at_y), np.diag([4.0, 1.0, 9.0, 25.0, 16.0, 36.0]), atol=1e-9
    )
    # TNW: along the velocity (y), inward normal (W x T = z x y = -x), orbit normal z
    np.testing.assert_allclose(
        covariance_in_gcrf(local, "TNW", at_x), np.diag([4.0, 1.0, 9.0, 25.0, 16.0, 36.0]), atol=1e-9
    )


def test_a_covariance_in_itrf_carries_the_rotation_of_the_earth() -> None:
    """Against a cloud of states, each carried to GCRF by itself: 4000 draws give variances to some 3 %."""
    generator = np.random.default_rng(5)
    sigma = np.array([1e3, 2e3, 3e3, 0.1, 0.2, 0.3])
    state = State(EPOCH, np.array([[7e6, 1e6, 2e6]]), np.array([[10.0, 7e3, 1e3]]), "ITRF")
    cloud = generator.normal(size=(4000, 6)) * sigma
    times = Times(np.repeat(EPOCH.tai_ns, 4000))
    position, velocity = transform(
        times, state.position_m + cloud[:, :3], state.velocity_ms + cloud[:, 3:], "ITRF", "GCRF"
    )
    scale = np.array([1e3] * 3 + [0.3] * 3)
    sample = np.cov(np.hstack([position, velocity]) / scale, rowvar=False)
    turned = covariance_in_gcrf(np.diag(sigma**2), "ITRF", state) / np.outer(scale, scale)
    assert np.abs(turned - sample).max() < 0.15 * np.abs(turned).max() / 2
    # without the rotation the velocity would be known to 0.3 m/s; 3 km across the axis add 0.2 m/s
    assert np.sqrt(turned[3, 3]) * 0.3 > 0.11


@pytest.mark.parametrize("frame", ["", "RSW", "RTN", "QSW", "TNW", "EME2000", "ITRF2014"])
def test_covariance_frames_are_accepted(read: Callable[[str], OrbitParameters], frame: str) -> None:
    found = read(text(frame)).covariance
    assert found is not None
    # a rotation keeps the trace of the positions
    assert np.trace(found[:3, :3]) == pytest.approx(14e6, rel=1e-9)


@pytest.mark.parametrize("kind", ["kvn", "xml"])
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_round_trip(tmp_path: Path, kind: str, data: st.DataObject) -> None:
    generator = np.random.default_rng(data.draw(st.integers(0, 2**32)))

    def vector(low: float, high: float) -> np.ndarray:
        return generator.uniform(low, high, 3)

    root = generator.uniform(-1, 1, (6, 6))
    sigma = np.array([1e3] * 3 + [0.3] * 3)
    covariance = (root @ root.T + np.eye(6)) * np.outer(sigma, sigma)
    manoeuvres = tuple(
        Manoeuvre(
            EPOCH + data.draw(st.integers(0, 10**6)), duration, -data.draw(st.floats(0, 500)), axes, vector(-900, 900)
        )
        for duration, axes in data.draw(
            st.lists(st.tuples(st.floats(0, 4000), st.sampled_from(["GCRF", "EME2000", "RSW", "TNW"])), max_size=3)
        )
    )
    made = OrbitParameters(
        data.draw(st.from_regex(r"[A-Z<&\"][A-Z0-9 <&>'\"-]{0,18}[A-Z0-9]", fullmatch=True)),
        "1991-084A",
        State(
            EPOCH + data.draw(st.integers(0, 10**9)) * 1e-9,
            vector(1e7, 4e7)[None],
            vector(-3e3, 3e3)[None],
            data.draw(st.sampled_from(["GCRF", "EME2000", "ITRF"])),
        ),
        covariance=covariance,
        mass_kg=data.draw(st.none() | st.floats(1, 5000)),
        drag_coefficient=data.draw(st.none() | st.floats(0.1, 4)),
        manoeuvres=manoeuvres,
        comments=("one", "two <&> three"),
        user_defined=(("TARGET", "27756.29"),),
    )
    path = tmp_path / f"made.{kind}"
    write_opm(path, made, kind, creation_date="2020-01-01T00:00:00")
    back = read_opm(path)
    assert (back.object_name, back.mass_kg, back.drag_coefficient) == (
        made.object_name,
        made.mass_kg,
        made.drag_coefficient,
    )
    assert back.state.times == made.state.times and back.state.frame == made.state.frame
    # files hold 1 µm and 1 nm/s
    np.testing.assert_allclose(back.state.position_m, made.state.position_m, atol=1e-6, rtol=0)
    np.testing.assert_allclose(back.state.velocity_ms, made.state.velocity_ms, atol=1e-9, rtol=0)
    np.testing.assert_allclose(back.covariance, covariance, rtol=1e-12)
    assert back.user_defined == made.user_defined and back.comments == made.comments
    assert len(back.manoeuvres) == len(manoeuvres)
    for one, other in zip(back.manoeuvres, manoeuvres, strict=True):
        assert one.ignition == other.ignition and one.axes == other.axes
        assert (one.duration_s, one.delta_mass_kg) == (other.duration_s, other.delta_mass_kg)
        np.testing.assert_allclose(one.delta_v_ms, other.delta_v_ms, rtol=1e-14)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("REF_FRAME = GCRF\nTIME", "REF_FRAME = TOD\nTIME", "frame of date"),
        ("REF_FRAME = GCRF\nTIME", "REF_FRAME = TEME\nTIME", "TEME"),
        ("REF_FRAME = GCRF\nTIME", "REF_FRAME = MARSFRAME\nTIME", "convert to"),
        ("TIME_SYSTEM = UTC", "TIME_SYSTEM = SCLK", "TIME_SYSTEM 'SCLK'"),
        ("CENTER_NAME = EARTH", "CENTER_NAME = MOON", "only EARTH"),
        ("X = -17739.6 [km]", "X = -17739600.0 [m]", "X in 'm'"),
        ("X = -17739.6 [km]", "X = -17739600000.0", "give km"),
        ("X = -17739.6 [km]", "X = nan", "not a number"),
        ("X = -17739.6 [km]\n", "", "X is missing"),
        ("Z = -153.5", "Z = -153.5\nZ = -153.5", "stands twice"),
        ("CX_X = 1.0", "CX_X = -1.0", "variances are positive"),
        ("CY_X = 0.0", "CY_X = 3.0", "not positive"),
        ("CY_X = 0.0\n", "", "CY_X is missing"),
        ("COV_REF_FRAME = GCRF", "COV_REF_FRAME = LVLH", "COV_REF_FRAME"),
        ("MAN_REF_FRAME = EME2000", "MAN_REF_FRAME = ITRF", "MAN_REF_FRAME 'ITRF'"),
        ("MAN_DELTA_MASS = -364.4", "MAN_DELTA_MASS = 364.4", "negative"),
        ("MAN_DURATION = 2214.202 [s]\n", "", "MAN_DURATION is missing"),
        ("MAN_EPOCH_IGNITION = 1991-12-18T12:16:36.864\n", "", "begin each manoeuvre"),
        ("MASS = 2275.0", "MASS = -2275.0", "MASS"),
        ("EPOCH = 1991-12-18T12:10:00.000", "EPOCH = 1991-13-18T12:10:00.000", "does not exist"),
        ("CCSDS_OPM_VERS = 2.0", "CCSDS_OPM_VERS = 7.0", "version"),
        ("CCSDS_OPM_VERS = 2.0", "CCSDS_OEM_VERS = 2.0", "give a file of OPM"),
    ],
)
def test_what_is_refused(read: Callable[[str], OrbitParameters], old: str, new: str, told: str) -> None:
    content = text()
    assert content.count(old) >= 1
    with pytest.raises(OrbitError) as refusal:
        read(content.replace(old, new, 1))
    assert told in str(refusal.value) and "made.opm, line " in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_entities_in_xml_are_refused(read: Callable[[str], OrbitParameters]) -> None:
    bomb = '<?xml version="1.0"?><!DOCTYPE opm [<!ENTITY a "aaaa">]><opm id="CCSDS_OPM_VERS" version="2.0">&a;</opm>'
    with pytest.raises(OrbitError, match="DOCTYPE"):
        read(bomb)


def test_damage_is_an_error_never_a_crash(read: Callable[[str], OrbitParameters], tmp_path: Path) -> None:
    whole = text()
    write_opm(tmp_path / "made.xml", read(whole), "xml", creation_date="2020-01-01T00:00:00")
    generator = np.random.default_rng(3)
    for content in (whole, (tmp_path / "made.xml").read_text(encoding="ascii")):
        for _ in range(150):
            place, length = int(generator.integers(len(content))), int(generator.integers(1, 30))
            damaged = (
                content[:place]
                + chr(int(generator.integers(32, 127))) * int(generator.integers(0, 3))
                + content[place + length :]
            )
            try:
                found = read(damaged)
            except OrbitError:
                continue
            assert np.isfinite(found.state.position_m).all()
