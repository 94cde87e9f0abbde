"""CDM files: what is understood, round trips of both forms, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conjunctions import TCA, as_conjunction, crossing

from orbit_aux.ccsds import read_cdm, write_cdm
from orbit_aux.ccsds.cdm import Conjunction
from orbit_aux.ccsds.cdm_keywords import COVARIANCE
from orbit_aux.errors import OrbitError
from orbit_aux.time import Times

Reader = Callable[[str], Conjunction]


def terms(scale: float = 1.0, without: tuple[str, ...] = ()) -> str:
    """The 21 terms, numbered, so that none can stand in another's place."""
    lines = [
        f"{key} = {scale * place} [{unit}]"
        for place, (key, unit) in enumerate(COVARIANCE.items(), 1)
        if key not in without
    ]
    return "\n".join(lines)


def text(version: str = "1.0", radius: str = "COMMENT HBR = 15.5 [m]", covariance: str = "") -> str:
    covariance = covariance or terms()
    segment = """OBJECT = {place}
COMMENT of the {place}
OBJECT_DESIGNATOR = 4290{number}
CATALOG_NAME = SATCAT
OBJECT_NAME = VENUS {number}
INTERNATIONAL_DESIGNATOR = 2017-044A
EPHEMERIS_NAME = NONE
COVARIANCE_METHOD = CALCULATED
MANEUVERABLE = YES
REF_FRAME = EME2000
WEIGHTED_RMS = 0.9
MASS = 264 [kg]
INVENTED_KEY = 12 [furlong]
X = 7098.09{number} [km]
Y = 1.5 [km]
Z = -20.0
X_DOT = 0.001 [km/s]
Y_DOT = -1.05
Z_DOT = 7.4 [km/s]
{covariance}
"""
    return (
        f"""CCSDS_CDM_VERS = {version}
CREATION_DATE = 2018-03-05T10:00:00
ORIGINATOR = TEST
MESSAGE_FOR = VENUS
MESSAGE_ID = T1
{radius}
TCA = 2018-065T10:00:00.123
MISS_DISTANCE = 1.0 [m]
RELATIVE_SPEED = 0.0 [m/s]
RELATIVE_POSITION_R = 1.0 [m]
RELATIVE_POSITION_T = 0.1
RELATIVE_POSITION_N = -0.2
RELATIVE_VELOCITY_R = 3.0 [m/s]
RELATIVE_VELOCITY_T = 4.0
RELATIVE_VELOCITY_N = 5.0
COLLISION_PROBABILITY = 1.5E-4
COLLISION_PROBABILITY_METHOD = FOSTER-1992
"""
        + segment.format(place="OBJECT1", number=1, covariance=covariance)
        + segment.format(place="OBJECT2", number=2, covariance=covariance)
    )


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    def call(content: str) -> Conjunction:
        path = tmp_path / "made.cdm"
        path.write_text(content, encoding="utf-8")
        return read_cdm(path)

    return call


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_everything_is_understood(read: Reader, version: str) -> None:
    found = read(text(version))
    assert (found.message_id, found.originator, found.probability, found.probability_method) == (
        "T1",
        "TEST",
        1.5e-4,
        "FOSTER-1992",
    )
    assert found.tca == Times.from_utc("2018-03-06T10:00:00.123") and found.created == Times.from_utc(
        "2018-03-05T10:00:00"
    )
    assert (found.miss_distance_m, found.relative_speed_ms, found.hard_body_radius_m) == (1.0, 0.0, 15.5)
    assert found.relative_position_m == pytest.approx([1.0, 0.1, -0.2])
    assert found.relative_velocity_ms == pytest.approx([3.0, 4.0, 5.0])
    first, second = found.objects
    assert (first.designator, second.name, second.international_designator) == ("42901", "VENUS 2", "2017-044A")
    assert first.state.frame == "EME2000" and first.state.times == found.tca
    assert second.state.position_m[0] == pytest.approx([7098092.0, 1500.0, -20000.0])
    assert second.state.velocity_ms[0] == pytest.approx([1.0, -1050.0, 7400.0])
    # rows of the lower triangle, R first
    assert first.covariance_rtn[0, 0] == 1 and first.covariance_rtn[1, 0] == 2 and first.covariance_rtn[2, 1] == 5
    assert first.covariance_rtn[3, 2] == 9 and first.covariance_rtn[5, 5] == 21
    assert np.array_equal(first.covariance_rtn, first.covariance_rtn.T)
    assert ("INVENTED_KEY", "12", "furlong") in first.keywords and ("MASS", "264", "kg") in first.keywords
    assert first.comments == ("of the OBJECT1",) and ("MESSAGE_FOR", "VENUS", "") in found.keywords


@pytest.mark.parametrize(
    ("radius", "expected"),
    [
        ("COMMENT HBR = 10 [m]", 10.0),
        ("COMMENT Hard Body Radius: 7.5 m", 7.5),
        ("COMMENT COMBINED_HBR=0.02 [km]", 20.0),
        ("COMMENT hard_body_radius 3", 3.0),
        ("HBR = 4.0 [m]", 4.0),
        ("COMMENT SCREENING_OPTION = Covariance", None),
    ],
)
def test_the_radius_is_found(read: Reader, radius: str, expected: float | None) -> None:
    assert read(text(radius=radius)).hard_body_radius_m == expected


def test_radii_of_both_objects_add_up(read: Reader) -> None:
    content = text(radius="").replace("COMMENT of the OBJECT1", "COMMENT HBR = 4 [m]")
    assert read(content).hard_body_radius_m is None
    assert read(content.replace("COMMENT of the OBJECT2", "COMMENT HBR = 1.5 [m]")).hard_body_radius_m == 5.5


def test_terms_that_are_missing_are_named(read: Reader) -> None:
    found = read(text(covariance=terms(without=("CTDOT_R", "CNDOT_NDOT"))))
    assert found.objects[0].missing == ("CTDOT_R", "CNDOT_NDOT")
    assert found.objects[0].covariance_rtn[4, 0] == 0.0
    none = read(text(covariance=terms(without=("CT_R",))))
    assert none.objects[0].covariance_rtn is None and none.objects[0].missing == ("CT_R",)
    # all zero says nothing either
    assert read(text(covariance=terms(0.0))).objects[0].covariance_rtn is None


@pytest.mark.parametrize("kind", ["kvn", "xml"])
@pytest.mark.parametrize("frame", ["GCRF", "EME2000", "ITRF"])
def test_round_trips(tmp_path: Path, kind: str, frame: str) -> None:
    made = as_conjunction(crossing(), frame, probability=1.25e-5, probability_method="FOSTER-1992", comments=("plain",))
    path = tmp_path / f"made.{kind}"
    write_cdm(path, made, kind, creation_date="2018-03-05T10:00:00")
    found = read_cdm(path)
    assert (found.message_id, found.tca, found.probability, found.hard_body_radius_m) == ("TEST-1", TCA, 1.25e-5, 10.0)
    assert found.relative_position_m == pytest.approx(made.relative_position_m, rel=1e-15)
    assert "plain" in found.comments
    for new, old in zip(found.objects, made.objects, strict=True):
        assert (new.name, new.designator, new.state.frame) == (old.name, old.designator, frame)
        # written to a µm and a nm/s
        assert np.abs(new.state.position_m - old.state.position_m).max() <= 0.51e-6
        assert np.abs(new.state.velocity_ms - old.state.velocity_ms).max() <= 0.51e-9
        np.testing.assert_allclose(new.covariance_rtn, old.covariance_rtn, rtol=1e-15)


def test_kvn_and_xml_say_the_same_and_writing_again_changes_nothing(read: Reader, tmp_path: Path) -> None:
    first = read(text())
    texts = {}
    for kind in ("kvn", "xml"):
        write_cdm(tmp_path / "one", first, kind, creation_date="2018-03-05T10:00:00")
        again = read_cdm(tmp_path / "one")
        write_cdm(tmp_path / "two", again, "kvn", creation_date="2018-03-05T10:00:00")
        texts[kind] = (tmp_path / "two").read_text()
        assert "WEIGHTED_RMS = 0.9" in texts[kind] and "MASS = 264 [kg]" in texts[kind]
        # what the standard does not know is kept as a comment
        assert "COMMENT INVENTED_KEY = 12 [furlong]" in texts[kind]
        assert again.objects[0].missing == () and again.hard_body_radius_m == 15.5
    assert texts["kvn"] == texts["xml"]
    order = [line.split(" = ")[0] for line in texts["kvn"].splitlines() if not line.startswith("COMMENT")]
    assert order[:6] == ["CCSDS_CDM_VERS", "CREATION_DATE", "ORIGINATOR", "MESSAGE_FOR", "MESSAGE_ID", "TCA"]
    assert (
        order.index("REF_FRAME")
        < order.index("WEIGHTED_RMS")
        < order.index("MASS")
        < order.index("X")
        < order.index("CR_R")
    )


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("X = 7098.091 [km]", "X = 7098091.0 [m]", "X in 'm'"),
        ("X = 7098.091 [km]", "X = 7098091.0 [km]", "km and km/s from the centre"),
        ("X = 7098.091 [km]", "X = nan [km]", "is not a number"),
        ("X = 7098.091 [km]", "", "X is missing"),
        ("CR_R = 1.0 [m**2]", "CR_R = 1e-6 [km**2]", "CR_R in 'km\\*\\*2'"),
        ("CT_T = 3.0", "CT_T = inf", "is not a number"),
        ("TCA = 2018-065T10:00:00.123", "TCA = soon", "not readable"),
        ("TCA = 2018-065T10:00:00.123", "", "TCA is missing"),
        ("REF_FRAME = EME2000", "REF_FRAME = TEME", "REF_FRAME 'TEME'"),
        ("OBJECT = OBJECT2", "OBJECT = OBJECT3", "OBJECT1, then OBJECT2"),
        ("OBJECT = OBJECT2", "X_OBJECT = 2", "stands twice"),
        ("CCSDS_CDM_VERS = 1.0", "CCSDS_OEM_VERS = 2.0", "CCSDS_CDM_VERS should stand"),
        ("COLLISION_PROBABILITY = 1.5E-4", "COLLISION_PROBABILITY = 15", "0 to 1"),
        ("MESSAGE_ID = T1", "garbage", "KEYWORD = value"),
    ],
)
def test_what_is_refused(read: Reader, old: str, new: str, told: str) -> None:
    content = text()
    assert old in content
    with pytest.raises(OrbitError, match=told) as caught:
        read(content.replace(old, new, 1))
    assert "\n" not in str(caught.value)


def test_half_a_file_and_none(read: Reader, tmp_path: Path) -> None:
    with pytest.raises(OrbitError, match="1 objects"):
        read(text().partition("OBJECT = OBJECT2")[0])
    for content in ("", "\x00\x01", "<cdm/>", "<!DOCTYPE x><cdm/>"):
        with pytest.raises(OrbitError):
            read(content)
    with pytest.raises(OrbitError, match="cannot be read"):
        read_cdm(tmp_path / "absent.cdm")


def test_names_that_cannot_be_written(tmp_path: Path) -> None:
    made = as_conjunction(crossing())
    first = replace(made.objects[0], name="A\nB")
    with pytest.raises(OrbitError, match="object name"):
        write_cdm(tmp_path / "x", replace(made, objects=(first, made.objects[1])))
    with pytest.raises(OrbitError, match="kind of CDM"):
        write_cdm(tmp_path / "x", made, "json")
    assert not (tmp_path / "x").exists()
