"""The table of lunar irradiances: from a CSV of times and places to a CSV that says all, and what is refused on the way."""

from __future__ import annotations

import csv
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from calib.config import CONFIGS
from calib.errors import RequestError
from calib.moon.irradiance import band_irradiance, load_model
from calib.sensor import load_sensor
from flows.geometries import read_geometries
from flows.irradiance import irradiance_table, write_irradiance
from orbit_aux.frames import transform
from orbit_aux.moon_view import moon_geometry
from orbit_aux.time import Times

ROWS = """\
utc,x_km,y_km,z_km
2018-03-06T00:00:00Z,-7098,0,0
2020-09-09T06:00:00,0,7098,0
2023-05-01T18:00:00.250,-3000,2000,5900
"""


def written(folder: Path, text: str, name: str = "geometries.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture
def brighter(tmp_path: Path) -> str:
    """A copy of ROLO with the Moon 1 % brighter, valid to 60 degrees only."""
    for name in ("rolo2005.yaml", "rolo2005_bands.csv"):
        shutil.copy(CONFIGS / "models" / name, tmp_path / name)
    text = (tmp_path / "rolo2005.yaml").read_text(encoding="utf-8")
    text = text.replace("title: ROLO 2005", "title: 'Brighter, \"made up\"'").replace("97 deg", "60 deg")
    bands = (tmp_path / "rolo2005_bands.csv").read_text(encoding="utf-8").splitlines()
    head = next(number for number, line in enumerate(bands) if not line.startswith("#"))
    for number in range(head + 1, len(bands)):
        nm, a0, rest = bands[number].split(",", 2)
        bands[number] = f"{nm},{float(a0) + np.log(1.01):.17g},{rest}"
    (tmp_path / "rolo2005_bands.csv").write_text("\n".join(bands), encoding="utf-8")
    (tmp_path / "brighter.yaml").write_text(text, encoding="utf-8")
    return str(tmp_path / "brighter.yaml")


def test_bands_of_a_sensor(tmp_path: Path) -> None:
    path, output = written(tmp_path, ROWS), tmp_path / "out.csv"
    lines = write_irradiance(path, output, ["rolo2005"], sensor="venus")
    assert lines[-1] == f"{output}: 3 rows, 0 flagged"
    found = table(output)
    times = Times.from_utc(["2018-03-06T00:00:00Z", "2020-09-09T06:00:00", "2023-05-01T18:00:00.250"])
    view = moon_geometry(times, np.array([[-7098, 0, 0], [0, 7098, 0], [-3000, 2000, 5900]]) * 1e3)
    expected = band_irradiance(load_model("rolo2005", "tsis1_hsrs"), view, load_sensor("venus").response)
    for number, row in enumerate(found):
        assert row["row"] == str(number + 1) and row["flags"] == "" and row["model"] == "ROLO 2005"
        assert row["solar_spectrum"] == "tsis1_hsrs"
        for name in ("phase_deg", "sun_longitude_deg", "moon_distance_km", "sun_distance_au"):
            assert float(row[name]) == pytest.approx(view[name.rpartition("_")[0]].values[number], rel=1e-8)
        for band in ("B1", "B10", "B12"):
            value = float(row[f"irradiance_{band}_W_m-2_um-1"])
            assert value == pytest.approx(float(expected.sel(band=band)[number]), rel=1e-8)
            # 5 % of scale and 1 % of phase
            assert float(row[f"uncertainty_{band}_W_m-2_um-1"]) == pytest.approx(value * np.hypot(0.05, 0.01))
    bands = [name.split("_")[1] for name in found[0] if name.startswith("irradiance_")]
    assert bands == list(load_sensor("venus").bands)
    assert [float(row["phase_deg"]) < 0 for row in found] == [False, False, True]


def test_geodetic_places_are_the_same_places(tmp_path: Path) -> None:
    times = Times.from_utc(["2018-03-06T00:00:00", "2020-09-09T06:00:00"])
    places = "utc,height_m,lat_deg,lon_deg\n2018-03-06T00:00:00,694000,-12.5,40\n2020-09-09T06:00:00,0,45.75,4.85\n"
    found_times, found = read_geometries(written(tmp_path, places))
    assert found_times == times
    # WGS84 by its definition
    latitude, longitude, height = np.radians([-12.5, 45.75]), np.radians([40, 4.85]), np.array([694e3, 0.0])
    squared = 1 - (6356752.314245 / 6378137.0) ** 2
    normal = 6378137.0 / np.sqrt(1 - squared * np.sin(latitude) ** 2)
    itrf = np.stack(
        [
            (normal + height) * np.cos(latitude) * np.cos(longitude),
            (normal + height) * np.cos(latitude) * np.sin(longitude),
            (normal * (1 - squared) + height) * np.sin(latitude),
        ],
        axis=1,
    )
    expected, _ = transform(times, itrf, np.zeros_like(itrf), "ITRF", "GCRF")
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_several_models_side_by_side(tmp_path: Path, brighter: str) -> None:
    output = tmp_path / "out.csv"
    write_irradiance(written(tmp_path, ROWS), output, ["rolo2005", brighter], wavelengths="440,440.0001,550.5")
    found = table(output)
    assert [(row["row"], row["model"]) for row in found[:2]] == [("1", "ROLO 2005"), ("1", 'Brighter, "made up"')]
    name = "irradiance_550.5nm_W_m-2_um-1"
    assert float(found[1][name]) / float(found[0][name]) == pytest.approx(1.01, rel=1e-7)
    # the second row, at 77 degrees, is outside the second model: flagged and empty, and no part of the spread
    assert found[2]["flags"] == "" and found[3]["flags"] == "phase_outside_model" and found[3][name] == ""
    assert float(found[0]["model_spread_440nm_percent"]) == pytest.approx(1 / np.sqrt(2), rel=1e-3)


def test_rows_where_no_model_holds_are_flagged(tmp_path: Path) -> None:
    text = "utc,lat_deg,lon_deg,height_m\n" + "".join(
        f"{row}\n"
        for row in (
            # total eclipse of 2022-05-16 over Quito; new Moon; a gibbous Moon below the horizon of Toulouse, and high above it
            "2022-05-16T04:11:00,-0.2,-78.5,2800",
            "2018-03-17T13:12:00,0,0,700000",
            "2018-03-27T05:00:00,43.6,1.4,150",
            "2018-03-26T19:00:00,43.6,1.4,150",
        )
    )
    output = tmp_path / "out.csv"
    lines = write_irradiance(written(tmp_path, text), output, ["rolo2005"], wavelengths="550")
    flags = [row["flags"].split(",") for row in table(output)]
    values = [row["irradiance_550nm_W_m-2_um-1"] for row in table(output)]
    assert "eclipse" in flags[0] and "phase_outside_model" in flags[1] and values[:2] == ["", ""]
    assert flags[2:] == [["behind_earth"], [""]] and all(float(value) > 0 for value in values[2:])
    assert lines[-1].endswith("4 rows, 3 flagged")


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ("2020-09-09T06:00:00,abc,7098,0", r"row 2 \(line 4\) has x_km 'abc', no number"),
        ("2020-09-09T06:00:00,nan,7098,0", r"row 2 \(line 4\) has x_km nan, outside"),
        ("2020-09-09T06:00:00,,7098,0", r"row 2 \(line 4\) has x_km '', no number"),
        ("2020-09-09T06:00:00,0,7098000,0", r"row 2 .* y_km 7098000, outside .* GCRF kilometres"),
        ("2020-09-09T06:00:00,0,6300,0", r"row 2 .* 6300\.0 km from the centre of the Earth, below the ground"),
        ("2020-09-09T06:00:00,0,6375,0", r"row 2 .* 6375\.0 km from the centre of the Earth, below the ground"),
        ("2020-09-09T06:00:00,0,7098,0,9", r"row 2 \(line 4\) has 5 fields where the header has 4"),
        ("2020-09-09T06:00:00,0,7098", r"row 2 \(line 4\) has 3 fields"),
        ("2020-13-09T06:00:00,0,7098,0", r"row 2 .* '2020-13-09T06:00:00' does not exist"),
        ("2021-02-29T06:00:00,0,7098,0", r"row 2 .* '2021-02-29T06:00:00' does not exist"),
        ("yesterday,0,7098,0", r"row 2 .* 'yesterday' is not readable"),
        ("1950-01-01T00:00:00,0,7098,0", r"row 2 .* outside the years"),
        (",0,7098,0", r"row 2 .* is not readable"),
    ],
)
def test_bad_rows_are_named(tmp_path: Path, row: str, named: str) -> None:
    lines = ROWS.splitlines()
    path = written(tmp_path, "\n".join([*lines[:2], "# a remark", row, *lines[3:]]))
    with pytest.raises(RequestError, match=named) as refusal:
        read_geometries(path)
    assert "\n" not in str(refusal.value) and "geometries.csv" in str(refusal.value)


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ("2020-09-09T06:00:00,95,0,0", "lat_deg 95, outside -90..90"),
        ("2020-09-09T06:00:00,45,400,0", "lon_deg 400"),
        ("2020-09-09T06:00:00,45,4,-600", "height_m -600, outside .* not below the ground"),
        ("1972-06-01T00:00:00,45,4,0", r"row 1 \(line 2\) is refused: Earth orientation"),
    ],
)
def test_bad_geodetic_rows_are_named(tmp_path: Path, row: str, named: str) -> None:
    with pytest.raises(RequestError, match=named):
        read_geometries(written(tmp_path, f"utc,lat_deg,lon_deg,height_m\n{row}\n"))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "the columns are ''"),
        ("utc,x_km,y_km,z_km\n", "no row"),
        ("utc,x_m,y_m,z_m\n2020-09-09T06:00:00,1,2,3\n", "utc,x_km,y_km,z_km or utc,lat_deg"),
        ("utc,x_km,y_km,z_km,remark\n2020-09-09T06:00:00,0,7098,0,good\n", "the columns are"),
        ("utc;x_km;y_km;z_km\n", "the columns are"),
        ("utc,x_km,x_km,z_km\n", "the columns are"),
    ],
)
def test_bad_headers_are_refused(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(RequestError, match=named):
        read_geometries(written(tmp_path, text))


def test_files_that_are_no_tables(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="cannot be read"):
        read_geometries(tmp_path / "absent.csv")
    (tmp_path / "binary.csv").write_bytes(os.urandom(64) + b"\xff\x00")
    with pytest.raises(RequestError, match="binary"):
        read_geometries(tmp_path / "binary.csv")


def test_leap_seconds_and_zones_are_read(tmp_path: Path) -> None:
    text = "utc,x_km,y_km,z_km\n2016-12-31T23:59:60Z,7098,0,0\n2016-12-31T23:59:59,7098,0,0\n2017-01-01T01:00:00+01:00,7098,0,0\n"
    times, _ = read_geometries(written(tmp_path, text))
    assert list(times - times[[0, 0, 0]]) == [0.0, -1.0, 1.0]


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({}, "either --sensor"),
        ({"sensor": "venus", "wavelengths": "440"}, "either --sensor"),
        ({"wavelengths": "440,blue"}, "'440,blue'"),
        ({"wavelengths": "440,440"}, "different numbers"),
        ({"wavelengths": "2000"}, "reach beyond tsis1_hsrs"),
        ({"sensor": "venos"}, "did you mean 'venus'"),
    ],
)
def test_bad_requests_are_refused(tmp_path: Path, asked: dict[str, str], named: str) -> None:
    with pytest.raises(RequestError, match=named):
        write_irradiance(written(tmp_path, ROWS), tmp_path / "out.csv", ["rolo2005"], **asked)
    assert not (tmp_path / "out.csv").exists()


def test_the_output_is_a_file_of_its_own(tmp_path: Path) -> None:
    path = written(tmp_path, ROWS)
    with pytest.raises(RequestError, match="is the input"):
        write_irradiance(path, path, ["rolo2005"], wavelengths="550")
    assert path.read_text(encoding="utf-8") == ROWS
    with pytest.raises(RequestError, match="cannot be written"):
        write_irradiance(path, tmp_path / "absent" / "out.csv", ["rolo2005"], wavelengths="550")


def test_a_table_without_one_valid_row() -> None:
    times = Times.from_utc(["2018-03-17T13:12:00"])
    found = irradiance_table(
        times, np.array([[0.0, 7.1e6, 0]]), [load_model("rolo2005", "tsis1_hsrs")] * 2, np.array([550.0])
    )
    assert np.isnan(found["irradiance"]).all() and (found["flags"].values != "").all() and "model_spread" not in found
