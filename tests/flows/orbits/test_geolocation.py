"""`etalon orbit geolocate`: from files to a table, in blocks, and what is refused on the way."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from commands import Answer
from rasterio.transform import from_origin

from calib.products.pleiades_system import read as read_pleiades
from flows.orbits.geolocation import locate_grid
from flows.product_inputs import orbit_inside
from orbit_aux.attitude import Attitude
from orbit_aux.ccsds import write_aem, write_oem
from orbit_aux.frames import from_geodetic
from orbit_aux.location.geolocate import Camera, Corrections, locate, locate_image
from orbit_aux.location.lines_of_sight import LinesOfSight, from_angles
from orbit_aux.orbit import Orbit
from orbit_aux.time import Times

START = Times.from_utc("2018-03-06T10:00:00")


def scene() -> Camera:
    """A satellite at rest over the equator's Earth-fixed frame, nearly: 60 s of a slow pass, body z down, y east."""
    seconds = np.arange(-5.0, 66.0)
    times = START[np.zeros(len(seconds), int)] + seconds
    angle = np.radians(10.0) + 1e-3 * seconds
    place = 7.1e6 * np.stack([np.cos(angle), np.zeros_like(angle), np.sin(angle)], -1)
    velocity = 7.1e3 * np.stack([-np.sin(angle), np.zeros_like(angle), np.cos(angle)], -1)
    # body x along the velocity, y the third, z to the centre: a half turn about an axis that tilts with the place
    half = 0.5 * (-np.pi / 2 - angle)
    quaternion = np.stack([np.cos(half), np.zeros_like(half), np.sin(half), np.zeros_like(half)], -1)
    return Camera(
        Orbit("MADE", "2018-000A", "ITRF", times, place, velocity, "scene"),
        Attitude("MADE", "ITRF", "SC_BODY_1", times, quaternion, "scene"),
        from_angles(np.arange(0, 801, 100), np.zeros(9), np.linspace(-0.02, 0.02, 9), "scene"),
    )


@pytest.fixture
def files(tmp_path: Path) -> Callable[..., list[str]]:
    """The words of the command for files written of the scene; some may be changed."""
    camera = scene()
    write_oem(tmp_path / "o.oem", camera.orbit)
    write_aem(tmp_path / "a.aem", camera.attitude)
    lines = [
        f"{c:g},{x:.16f},{y:.16f},{z:.16f}"
        for c, (x, y, z) in zip(camera.lines_of_sight.columns, camera.lines_of_sight.directions, strict=True)
    ]
    (tmp_path / "los.csv").write_text("\n".join(["column,x,y,z", *lines]))
    (tmp_path / "grid.csv").write_text(
        'name,utc,column,note\nfirst,2018-03-06T10:00:00Z,0,"a, b"\nlast,2018-03-06T10:00:30.5,412.25,\n'
    )

    def words(*more: object) -> list[str]:
        fixed = [item for name, file in (("orbit", "o.oem"), ("attitude", "a.aem"), ("los", "los.csv"), ("grid", "grid.csv"), ("output", "out.csv"))
                 for item in (f"--{name}", str(tmp_path / file))]  # fmt: skip
        return ["orbit", "geolocate", *fixed, *(str(item) for item in more)]

    return words


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "out.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize(
    ("more", "corrections", "height"),
    [
        ((), Corrections(), 0.0),
        (("--no-light-time",), Corrections(False, True), 0.0),
        (("--no-aberration", "--height", 1500), Corrections(True, False), 1500.0),
    ],
)
def test_the_table_has_the_points(
    etalon: Callable[..., Answer],
    files: Callable[..., list[str]],
    tmp_path: Path,
    more: tuple[object, ...],
    corrections: Corrections,
    height: float,
) -> None:
    answer = etalon(*files(*more))
    assert answer.code == 0, answer.err
    rows = table(tmp_path)
    assert [row["name"] for row in rows] == ["first", "last"] and rows[0]["note"] == "a, b"
    assert list(rows[0]) == ["name", "utc", "column", "note", "lon_deg", "lat_deg", "height_m", "flag"]
    expected = locate(scene(), Times.from_utc([row["utc"] for row in rows]), [0.0, 412.25], height, corrections)
    for name, variable in (("lon_deg", "longitude"), ("lat_deg", "latitude")):
        # files keep the orbit to a micrometre and the lines of sight to 1e-16
        assert np.abs([float(row[name]) for row in rows] - expected[variable].values).max() < 1e-10
    assert [row["flag"] for row in rows] == ["ok", "ok"] and float(rows[0]["height_m"]) == height


def test_terrain_angles_and_uncertainty(
    etalon: Callable[..., Answer], files: Callable[..., list[str]], tmp_path: Path
) -> None:
    with rasterio.open(
        tmp_path / "dem.tif",
        "w",
        driver="GTiff",
        height=100,
        width=100,
        count=1,
        dtype="int16",
        crs="EPSG:4326",
        transform=from_origin(-1.0, 10.6, 0.02, 0.02),
    ) as raster:
        raster.write(np.full((100, 100), 250, "int16"), 1)
    answer = etalon(*files("--terrain", tmp_path / "dem.tif", "--angles", "--attitude-sigma", 10))
    assert answer.code == 0, answer.err
    first, last = table(tmp_path)
    assert (first["flag"], last["flag"]) == ("ok", "outside_the_terrain")
    assert float(first["height_m"]) == pytest.approx(250.0, abs=1e-3)
    # 0.02 rad beside the nadir seen from 722 km, and the curvature of the Earth
    assert float(first["view_zenith_deg"]) == pytest.approx(np.degrees(0.02 * 7.1e6 / 6.378e6), abs=0.1)
    assert float(first["sigma_north_m"]) == pytest.approx(7.2, abs=0.1)
    assert last["lon_deg"] == last["height_m"] == last["view_zenith_deg"] == last["sigma_east_m"] == ""


def test_quaternions_the_other_way_round_are_recognised_and_told(
    etalon: Callable[..., Answer], files: Callable[..., list[str]], tmp_path: Path
) -> None:
    assert etalon(*files()).code == 0
    wanted = table(tmp_path)
    camera = scene()
    turned = replace(camera.attitude, quaternion=camera.attitude.quaternion * np.array([1, -1, -1, -1]))
    write_aem(tmp_path / "a.aem", turned)
    answer = etalon(*files())
    assert answer.code == 0 and "the other way round" in answer.out
    assert table(tmp_path) == wanted
    assert etalon(*files("--quaternion-sense", "opposite")).code == 0
    assert table(tmp_path) == wanted
    assert etalon(*files("--quaternion-sense", "standard")).code == 0
    assert [row["flag"] for row in table(tmp_path)] == ["misses_the_Earth"] * 2
    assert table(tmp_path)[0]["lon_deg"] == ""
    assert etalon(*files("--quaternion-sense", "inverse")).code == 2


@pytest.mark.parametrize(
    ("name", "old", "new", "code", "words"),
    [
        ("grid.csv", "412.25", "900", 1, "column 900 has no line of sight"),
        ("grid.csv", "10:00:30.5", "11:00:30.5", 1, "orbit of MADE"),
        ("grid.csv", "utc", "time", 2, "column utc is missing"),
        ("grid.csv", "2018-03-06T10:00:30.5", "yesterday", 1, "grid.csv: UTC time 'yesterday"),
        ("grid.csv", "note", "lon_deg", 2, "has a column lon_deg"),
        ("grid.csv", "412.25", "many", 2, "with a number for column"),
        ("a.aem", "QUATERNION_TYPE = LAST", "QUATERNION_TYPE = MIDDLE", 1, "use FIRST or LAST"),
        ("los.csv", "column,x", "pixel,x", 1, "column column is missing"),
    ],
)
def test_refusals_by_file(
    etalon: Callable[..., Answer],
    files: Callable[..., list[str]],
    tmp_path: Path,
    name: str,
    old: str,
    new: str,
    code: int,
    words: str,
) -> None:
    text = (tmp_path / name).read_text()
    assert old in text
    (tmp_path / name).write_text(text.replace(old, new))
    answer = etalon(*files())
    assert (answer.code, words in answer.err) == (code, True), answer.err
    assert not (tmp_path / "out.csv").exists() and answer.err.count("\n") == 1


def test_a_gap_in_the_attitude_is_refused(
    etalon: Callable[..., Answer], files: Callable[..., list[str]], tmp_path: Path
) -> None:
    lines = (tmp_path / "a.aem").read_text().splitlines(keepends=True)
    silent = tuple(f"2018-03-06T10:00:{second}" for second in range(20, 40))
    (tmp_path / "a.aem").write_text("".join(line for line in lines if not line.startswith(silent)))
    answer = etalon(*files())
    assert answer.code == 1 and "with a gap from" in answer.err, answer.err


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--height", 10, "--terrain", "dem.tif"), "give one of them"),
        (("--geoid", "geoid.tif"), "a --terrain only"),
        (("--attitude-sigma", -1), "give 0 to 100000"),
    ],
)
def test_refusals_by_option(
    etalon: Callable[..., Answer], files: Callable[..., list[str]], more: tuple[object, ...], words: str
) -> None:
    answer = etalon(*files(*more))
    assert (answer.code, words in answer.err) == (2, True), answer.err


@pytest.mark.parametrize("cluster", ["threads"])
def test_blocks_of_lines_give_the_same_bits(cluster: str) -> None:
    camera = scene()
    times = START[np.zeros(50, int)] + np.linspace(0, 10, 50)
    columns = np.linspace(0, 800, 7)
    whole = locate_image(camera, times, columns, 100.0)
    parts = locate_grid(camera, times, columns, 100.0, cluster=cluster, lines=17)
    assert parts.sizes == whole.sizes
    for name in ("longitude", "latitude", "distance", "flag"):
        assert np.array_equal(parts[name].values, whole[name].values), name


def test_the_corners_of_a_pleiades_system_file(shared: Path) -> None:
    """Its own orbit, attitudes and lines of sight lead to the corners that it prints, to metres: its attitudes allow for aberration already."""
    file = next((shared / "products" / "pleiades" / "phrdimap_system").glob("*PHRDIMAP*.XML"))
    acquisition = read_pleiades(file, images=False)
    orbit = orbit_inside(acquisition, "PHR")
    assert orbit is not None and acquisition.attitude is not None and acquisition.viewing is not None
    frame = str(acquisition.attitude.attrs["rotates_to"])
    times = Times.from_utc(acquisition.attitude["time"].values)
    attitude = Attitude("PHR", frame, "sensor", times, acquisition.attitude["quaternion"].values, "file")
    viewing = acquisition.viewing
    sight = LinesOfSight(viewing["column"].values, viewing["direction"].isel(band=0).values, "file")
    image = next(iter(acquisition.bands.values()))
    frame_text = file.read_text(encoding="latin-1").split("<Dataset_Frame>")[1].split("<Center>")[0]
    lon, lat, column, row = (
        np.array([float(text) for text in re.findall(f"<{name}>(.*?)</{name}>", frame_text)])
        for name in ("LON", "LAT", "COL", "ROW")
    )
    assert len(lon) == 4
    seen = Times.from_utc(np.array([image.line_time(value - 1) for value in row]))
    # the file's mean height of 226 m over the geoid, which lies some 30 m below the ellipsoid there
    height = np.full(4, 195.0)
    expected = from_geodetic(np.radians(lon), np.radians(lat), height)
    shifts = []
    for aberration in (False, True):
        located = locate(Camera(orbit, attitude, sight), seen, column - 1, height, Corrections(True, aberration))
        place = from_geodetic(np.radians(located["longitude"].values), np.radians(located["latitude"].values), height)
        shifts.append(np.linalg.norm(place - expected, axis=1))
    # 10 m of terrain beside its mean is 1.2 m of place; measured 0.9 to 2.8 m, and 15 to 19 m with aberration allowed for twice
    assert shifts[0].max() < 4.0
    assert shifts[1].min() > 10.0
