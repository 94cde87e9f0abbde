"""The system file of Pléiades: gains and parameter versions, and that ephemeris, attitudes and lines of sight agree with each other."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scipy.spatial.transform import Rotation

import calib.raster
from calib.acquisition import Acquisition
from calib.errors import InputError
from calib.products import pleiades_dimap
from calib.products.pleiades_system import READER, read, recognises
from calib.simulate.products import pleiades_system as writer
from calib.simulate.products.pleiades_dimap import BIAS, GAIN, IRRADIANCE, SATURATED, counts
from calib.simulate.products.pleiades_orbit import LATITUDE_DEG, LONGITUDE_DEG, meet
from calib.simulate.products.scene import SiteScene, site_scene

SCENE = site_scene(["P"], shape=(200, 256))
METRES_PER_DEGREE = 111_200.0


def truth(scene: SiteScene = SCENE) -> dict[str, np.ndarray]:
    return counts(scene, (GAIN, BIAS, IRRADIANCE), SATURATED)


def header(product: Path) -> Path:
    return next(product.glob("PHRDIMAP*.XML"))


def edit(product: Path, old: str, new: str, count: int = 1) -> None:
    text, changed = re.subn(old, new, header(product).read_text(), count=count, flags=re.DOTALL)
    assert changed
    header(product).write_text(text)


@pytest.fixture
def product(tmp_path: Path) -> Path:
    return writer.write(tmp_path, SCENE)


def seen(acquisition: Acquisition, line: float, column: int, quaternions: str = "quaternion") -> tuple[float, float]:
    """Longitude and latitude on the ellipsoid of a pixel, degrees, by the acquisition's own tables alone."""
    orbit, attitude, viewing = acquisition.orbit, acquisition.attitude, acquisition.viewing
    assert orbit is not None and attitude is not None and viewing is not None
    image = acquisition.bands["P"]
    date = image.line_time(line)
    turn = attitude[quaternions].interp(time=date, method="linear").values
    sight = viewing["direction"].sel(band="P", column=column).values
    rotation = Rotation.from_quat(turn / np.linalg.norm(turn), scalar_first=True)
    return meet(position(orbit, date), rotation.apply(sight))


def position(orbit: xr.Dataset, date: np.datetime64) -> np.ndarray:
    """The Hermite cubic of positions and velocities: with velocities of another frame it would miss by hundreds of metres."""
    after = int(np.clip(np.searchsorted(orbit["time"].values, date), 1, orbit.sizes["time"] - 1))
    (first, last), (a, b), (u, v) = (
        orbit[name].values[after - 1 : after + 1] for name in ("time", "position", "velocity")
    )
    step = (last - first) / np.timedelta64(1, "ns") * 1e-9
    s = (date - first) / (last - first)
    return np.asarray(
        (2 * s**3 - 3 * s**2 + 1) * a
        + (s**3 - 2 * s**2 + s) * step * u
        + (3 * s**2 - 2 * s**3) * b
        + (s**3 - s**2) * step * v
    )


def metres_apart(one: tuple[float, float], two: tuple[float, float]) -> float:
    east = (one[0] - two[0]) * np.cos(np.radians(two[1]))
    return float(np.hypot(east, one[1] - two[1]) * METRES_PER_DEGREE)


@pytest.mark.parametrize(("bands", "tiles"), [(["P"], (1, 1)), (["P"], (2, 3)), (["B0", "B1", "B2", "B3"], (1, 2))])
def test_a_scene_comes_back(tmp_path: Path, bands: list[str], tiles: tuple[int, int]) -> None:
    scene = site_scene(bands, shape=(200, 256))
    acquisition = read(writer.write(tmp_path, scene, tiles=tiles))
    assert (acquisition.sensor, acquisition.reader, list(acquisition.bands)) == ("phr1b", READER, bands)
    assert acquisition.warnings == ()
    for band, expected in truth(scene).items():
        image = acquisition.band(band)
        assert np.array_equal(image.counts().values, expected)
        gain, bias = image.calibration.gain, image.calibration.bias
        assert gain and bias and (gain.value, bias.value, gain.origin) == (GAIN[band], BIAS[band], "product")
        assert gain.date == np.datetime64("2018-09-01T16:00") and image.calibration.solar_irradiance is None
        assert (image.nodata, image.saturated) == (0, 4095)
        assert image.line_period_s == pytest.approx(0.0735e-3) and image.first_line == writer.strip(scene).first_line


def test_versions_and_facts(product: Path) -> None:
    acquisition = read(product)
    versions, facts = acquisition.versions, acquisition.facts
    assert versions["PHYSICAL_GAIN_DATA"] == "PHR1B_PHYSICAL_GAIN_DATA_0010_20160901160000_O"
    assert versions["inventory NOISE_MODEL"] == "PHR1B_NOISE_MODEL_0009_20160901160000_O"
    assert versions["software"] == "SIM V_00_01"
    assert facts["stages of time delay integration"] == "13 13 13 13 13" and facts["orbit number"] == "305"
    assert facts["STRAYLIGHT_CORRECTION"] == "false"


def test_angles_of_the_middle_header_come_first(product: Path) -> None:
    angles = read(product).angles
    assert angles is not None and angles["point"].values[0] == "center"
    center = angles.sel(band="P", point="center")
    assert [
        center[name].item() for name in ("sun_zenith", "sun_azimuth", "view_zenith", "view_azimuth")
    ] == pytest.approx([*SCENE.sun, *SCENE.view[1]], abs=1e-9)
    # dates are to a nanosecond, of a strip of 15 ms: 1e-2 of the share would be 150 microseconds
    assert sorted(angles["down"].values) == pytest.approx([0.02, 0.5, 0.98], abs=1e-2)


@pytest.mark.parametrize("quaternions", ["quaternion", "model_quaternion"])
def test_lines_of_sight_meet_the_ground_at_the_corners(product: Path, quaternions: str) -> None:
    acquisition = read(product)
    strip = writer.strip(SCENE)
    lines, columns = SCENE.shape
    for line, column in ((0, 0), (0, columns - 1), (lines - 1, 0), (lines - 1, columns - 1)):
        # a decimetre: attitudes interpolated over 125 ms
        assert metres_apart(seen(acquisition, line, column, quaternions), strip.ground(line, column)) < 0.1
    middle = seen(acquisition, (lines - 1) / 2, columns // 2)
    # 60 m by psi_y of 8e-5 rad, and half a pixel of 0.7 m
    assert 50 < metres_apart(middle, (LONGITUDE_DEG, LATITUDE_DEG)) < 70


def test_only_polynomials(tmp_path: Path) -> None:
    acquisition = read(writer.write(tmp_path, SCENE, listed_attitudes=False))
    columns, strip = SCENE.shape[1], writer.strip(SCENE)
    assert metres_apart(seen(acquisition, 20, columns - 1), strip.ground(20, columns - 1)) < 0.1


def test_only_doris_points(tmp_path: Path) -> None:
    """Centimetres, millimetres per second and atomic time: a second of error would be seven kilometres."""
    listed, doris = (read(writer.write(tmp_path / str(only), SCENE, doris_only=only)) for only in (False, True))
    assert any("the Doris points are taken" in warning for warning in doris.warnings)
    assert doris.orbit is not None and listed.orbit is not None
    assert doris.orbit["time"].values[1] == SCENE.acquired
    for name, tolerance in (("position", 1e-3), ("velocity", 1e-6)):
        ours, theirs = (item.orbit[name].sel(time=SCENE.acquired) for item in (doris, listed))  # type: ignore[index]
        assert np.abs(ours - theirs).max() < tolerance


def test_velocities_are_of_the_earth_fixed_frame_whichever_the_file_has(product: Path) -> None:
    inertial = read(product).orbit
    assert inertial is not None
    strip = writer.strip(SCENE)
    assert np.abs(inertial["velocity"].values - strip.velocity_m_s(np.arange(-60.0, 61.0, 30.0))).max() < 1e-6
    for row in inertial["velocity"].values:
        edit(product, '(VELOCITY_VALUES unit="m/s")>[^<]*', r"\1 x=''>" + " ".join(map(repr, map(float, row))))
    already = read(product)
    assert already.orbit is not None and np.array_equal(already.orbit["velocity"], inertial["velocity"])
    edit(product, "(VELOCITY_VALUES unit=\"m/s\" x='')>[^<]*", r"\1>9000 0 0")
    assert any("velocities depart" in warning for warning in read(product).warnings)


def test_recognised_by_its_root(tmp_path: Path, product: Path) -> None:
    assert recognises(product) and recognises(header(product)) and recognises(tmp_path)
    assert not pleiades_dimap.recognises(product) and not recognises(tmp_path / "absent")


def test_opening_reads_no_pixel_and_inspecting_needs_no_image(product: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calib.raster, "read_layers", lambda *_: pytest.fail("a pixel was read"))
    read(product).counts()
    next(product.glob("IMG_*")).unlink()
    acquisition = read(product, images=False)
    assert (acquisition.bands["P"].raster.lines, acquisition.bands["P"].raster.columns) == SCENE.shape
    assert list(acquisition.files) == [header(product).name]
    with pytest.raises(InputError, match="the file is missing"):
        read(product)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("STRETCH>false", "STRETCH>true", "order the product with BASIC radiometry"),
        ("NUMBER>1B", "NUMBER>1C", "'PHR 1C' is none of"),
        ("NBITS>16", "NBITS>8", "NBITS is 8"),
        ("NROWS>200", "NROWS>201", "200 lines of 256 columns where the metadata says 201"),
        ("(<Spectral_Band_Info>.*?</Spectral_Band_Info>)", r"\1\1", "given twice"),
        ("<PHYSICAL_GAIN>[^<]*", "<PHYSICAL_GAIN>nan", "no finite number"),
        ("(<UTC_Sensor_Model_Range>\\s*<START>)2019", r"\g<1>2018", "span no strip"),
        ("SENSOR_LINE_PERIOD>0.0735", "SENSOR_LINE_PERIOD>0", "SENSOR_LINE_PERIOD"),
        ("<DEGREE>1", "<DEGREE>2", "2 numbers where 3 belong"),
        ("(PsiX_Model>.*?COEFFICIENTS>)[^<]*", r"\g<1>9 9", "beyond half a radian"),
        ("(PsiX_Model>.*?COEFFICIENTS>)[^<]*", r"\g<1>1e308 1e308", "beyond half a radian"),
        ("(<Q0>.*?COEFFICIENTS>)[^<]*", r"\g<1>1e308 0 0 0", "no rotation within their span"),
        ("<Q_VALUES>[^<]*", "<Q_VALUES>1 1 0 0", "is no rotation"),
        ("<Q_VALUES>[^<]*", "<Q_VALUES>1 0 0", "3 numbers where 4 belong"),
        ("LOCATION_VALUES unit=\"m\"", "LOCATION_VALUES unit=\"km\"", "where m belongs"),
        ("<DATA_FILE_PATH>", "<DATA_FILE_PATH>../", "leads out of the product"),
        ("<Located_Geometric_Header>.*</Located_Geometric_Header>", "", "no Located_Geometric_Header"),
    ],
)  # fmt: skip
def test_refusals(product: Path, old: str, new: str, words: str) -> None:
    edit(product, old, new)
    with pytest.raises(InputError) as caught:
        read(product)
    assert words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [("IMG_R1C1", "IMG_A", "IMG_A.* has no place R<row>C<column>"), ("IMG_R2C2", "IMG_R2C1", "has no place R<row>C<column> of its own"),
     ("<Data_File>.*?R1C1.*?</Data_File>", "", "first row or column are missing")],
)  # fmt: skip
def test_tiles_without_a_place(tmp_path: Path, old: str, new: str, words: str) -> None:
    product = writer.write(tmp_path, SCENE, tiles=(2, 2))
    if "Data_File" not in old:
        (product / "IMG_A.TIF").write_bytes((product / "IMG_R1C1.TIF").read_bytes())
    edit(product, old, new)
    with pytest.raises(InputError, match=words):
        read(product)


def test_the_gain_s_age_is_told(product: Path) -> None:
    edit(product, "2018-09-01T16", "2015-09-01T16")
    assert any("gain of P is of 2015-09-01, 3.4 years before" in warning for warning in read(product).warnings)


def fuzz_corpus(folder: Path) -> list[bytes]:
    """Small valid headers."""
    scenes = (SCENE, site_scene(["B0", "B1", "B2", "B3"]))
    return [header(writer.write(folder / str(len(scene.bands)), scene)).read_bytes() for scene in scenes]
