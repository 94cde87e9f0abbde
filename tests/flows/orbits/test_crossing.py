"""`etalon orbit crossing`: the Moon, its limb and stars over the arrays of two bands, against what was put there."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from commands import Answer

from orbit_aux.attitude import Attitude
from orbit_aux.ccsds import write_aem, write_oem
from orbit_aux.location.sky import apparent_body
from orbit_aux.orbit import Orbit
from orbit_aux.time import Times

START = Times.from_utc("2018-03-06T10:00:00")
RATE_RADS = 1e-3
PIXEL_RAD = 4e-5
#: the second band looks 4 mrad farther along the scan: 4 s later
APART_RAD = 4e-3


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """An orbit, a scan over the Moon's centre at 30 s, and the lines of sight of two bands."""
    from scipy.spatial.transform import Rotation

    seconds = np.arange(0.0, 60.5, 0.5)
    times = START[np.zeros(len(seconds), int)] + seconds
    rate = np.sqrt(3.986004415e14 / 7.1e6**3)
    c, s, zero = np.cos(rate * seconds), np.sin(rate * seconds), np.zeros_like(seconds)
    place, motion = 7.1e6 * np.stack([c, s, zero], -1), 7.1e6 * rate * np.stack([-s, c, zero], -1)
    orbit = Orbit("MADE", "2018-000A", "GCRF", times, place, motion, "made")
    moon = apparent_body("moon", orbit.at(START + 30.0))["direction"].values[0]
    side = np.cross(moon, [0.0, 0.0, 1.0])
    side /= np.linalg.norm(side)
    angle = RATE_RADS * (seconds - 30.0)[:, None]
    z = np.cos(angle) * moon + np.sin(angle) * np.cross(side, moon)
    matrices = np.stack([np.cross(side, z), np.tile(side, (len(z), 1)), z], -1)
    quaternions = np.roll(Rotation.from_matrix(matrices).as_quat(), 1, axis=-1)
    write_oem(tmp_path / "o.oem", orbit)
    write_aem(tmp_path / "a.aem", Attitude("MADE", "GCRF", "SC_BODY_1", times, quaternions, "made"))
    for name, along in (("one", 0.0), ("two", APART_RAD)):
        rows = [f"{column},{along!r},{float(np.tan((column - 200) * PIXEL_RAD))!r},1" for column in range(401)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["column,x,y,z", *rows]))
    return tmp_path


def words(folder: Path, *more: str) -> list[str]:
    given = {"--orbit": "o.oem", "--attitude": "a.aem", "--output": "out.csv"}
    bands = ["--los", f"B1={folder / 'one.csv'}", "--los", f"B2={folder / 'two.csv'}"]
    return [
        "orbit",
        "crossing",
        *(text for name, file in given.items() for text in (name, str(folder / file))),
        *bands,
        *more,
    ]


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "out.csv").open() as stream:
        return list(csv.DictReader(stream))


def since_start(row: dict[str, str], column: str = "utc") -> float:
    return float((Times.from_utc(row[column]) - START)[0])


def test_the_moon_in_two_bands(etalon: Callable[..., Answer], scene: Path) -> None:
    answer = etalon(*words(scene, "--line-period", "0.02"))
    assert answer.code == 0, answer.err
    assert "2 of 2 crossings found" in answer.out
    one, two = rows_of(scene)
    assert (one["band"], two["band"], one["target"]) == ("B1", "B2", "moon")
    # 0.01 column of 40 µrad, 1 ms of 1 mrad/s
    assert since_start(one) == pytest.approx(30.0, abs=1e-3) and float(one["column"]) == pytest.approx(200.0, abs=0.01)
    rate = float(one["rate_rads"])
    # which side of z the scan moves to makes the second band earlier or later; the parallax of 7.5 km/s is 2 % of the scan
    assert abs(since_start(two) - since_start(one)) == pytest.approx(APART_RAD / rate, rel=1e-3)
    assert float(one["oversampling"]) == pytest.approx(PIXEL_RAD / (rate * 0.02), rel=1e-4)
    radius = float(apparent_body("moon", _state(30.0))["apparent_radius"].values[0])
    assert float(one["limb_half_columns"]) == pytest.approx(radius / PIXEL_RAD, rel=1e-4)
    assert since_start(one, "limb_centre_utc") == pytest.approx(since_start(one), abs=1e-3)
    assert float(one["limb_half_lines_s"]) == pytest.approx(radius / rate, rel=1e-3)
    assert 3.5e5 < float(one["distance_km"]) < 4.1e5 and -180 <= float(one["phase_deg"]) <= 180


def test_a_star_that_stands_beside_the_moon(etalon: Callable[..., Answer], scene: Path) -> None:
    moon = apparent_body("moon", _state(30.0))["direction"].values[0]
    ra, dec = float(np.degrees(np.arctan2(moon[1], moon[0]))), float(np.degrees(np.arcsin(moon[2])))
    head = "name,ra_deg,dec_deg,pm_ra_mas,pm_dec_mas,parallax_mas,epoch_utc"
    (scene / "stars.csv").write_text(
        f"{head}\nnear,{ra!r},{dec!r},0,0,0,2018-03-06T10:00:00\nfar,0,{-dec!r},0,0,0,2018-03-06T10:00:00\n"
    )
    answer = etalon(*words(scene, "--target", str(scene / "stars.csv")))
    assert answer.code == 0, answer.err
    near, far = rows_of(scene)[:2]
    # aberration moves the star by up to 26 arcsec, 126 µrad: 0.13 s of the scan, 3 columns
    assert 0 < abs(since_start(near) - 30.0) < 0.14 and abs(float(near["column"]) - 200.0) < 3.3
    assert far["utc"] == "" and near["limb_half_columns"] == ""


def _state(second: float):  # type: ignore[no-untyped-def]
    from orbit_aux.frames import State

    angle = np.sqrt(3.986004415e14 / 7.1e6**3) * second
    speed = np.sqrt(3.986004415e14 / 7.1e6)
    c, s = np.cos(angle), np.sin(angle)
    return State(
        START + second, np.array([[7.1e6 * c, 7.1e6 * s, 0.0]]), np.array([[-speed * s, speed * c, 0.0]]), "GCRF"
    )


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        (("--target", "venus"), 2, "is neither moon nor sun nor a table of stars"),
        (("--stop", "2018-03-06T09:00:00"), 1, "give a stop after the start"),
        (("--start", "yesterday"), 2, "--start: UTC time 'yesterday'"),
        (("--line-period", "0"), 2, "--line-period 0.0: give seconds between two lines"),
        (("--stop", "2018-03-06T10:10:00"), 1, "10:0"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    etalon: Callable[..., Answer], scene: Path, change: tuple[str, str], code: int, said: str
) -> None:
    answer = etalon(*words(scene, *change))
    assert answer.code == code and said in answer.err and answer.err.count("\n") == 1
    assert not (scene / "out.csv").exists()


@pytest.mark.parametrize(("band", "said"), [("B1", "B1 stands twice"), ("", "no name")])
def test_each_band_has_a_name_of_its_own(etalon: Callable[..., Answer], scene: Path, band: str, said: str) -> None:
    answer = etalon(*words(scene, "--los", f"{band}={scene / 'two.csv'}"))
    assert answer.code == 2 and said in answer.err and not (scene / "out.csv").exists()


def test_an_input_is_not_written_over(etalon: Callable[..., Answer], scene: Path) -> None:
    before = (scene / "two.csv").read_bytes()
    given = [word if word != str(scene / "out.csv") else str(scene / "two.csv") for word in words(scene)]
    answer = etalon(*given)
    assert answer.code == 2 and "two.csv: is an input" in answer.err and (scene / "two.csv").read_bytes() == before
