"""Pléiades Neo: six bands in two sets of files, gains in either place or none, orbit and attitude, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from calib.errors import InputError
from calib.products import pleiades_dimap
from calib.products.pleiades_neo import READER, read, recognises
from calib.simulate.products import pleiades_neo as writer
from calib.simulate.products.pleiades_dimap import PLACES, counts, directions
from calib.simulate.products.pleiades_orbit import LATITUDE_DEG, LONGITUDE_DEG, meet
from calib.simulate.products.scene import SiteScene, site_scene

BANDS = ["DB", "B", "G", "R", "RE", "NIR"]
SCENE = site_scene(BANDS, acquired="2021-11-07T10:29:12.670835")


def truth(scene: SiteScene = SCENE) -> dict[str, np.ndarray]:
    return counts(scene, (writer.GAIN, dict.fromkeys(writer.GAIN, 0.0), writer.IRRADIANCE), writer.SATURATED)


def header(product: Path) -> Path:
    return next(product.glob("DIM_*.XML"))


def edit(product: Path, old: str, new: str, count: int = 1) -> None:
    text, changed = re.subn(old, new, header(product).read_text(), count=count, flags=re.DOTALL)
    assert changed
    header(product).write_text(text)


@pytest.fixture
def product(tmp_path: Path) -> Path:
    return writer.write(tmp_path, SCENE)


@pytest.mark.parametrize("gains", ["direct", "listed"])
@pytest.mark.parametrize("form", [{}, {"tiles": (2, 3), "jp2": True}, {"sensor": "pneo4"}])
def test_six_bands_in_two_sets_of_files(tmp_path: Path, gains: str, form: dict[str, object]) -> None:
    acquisition = read(writer.write(tmp_path, SCENE, gains=gains, **form))  # type: ignore[arg-type]
    assert (acquisition.sensor, acquisition.reader) == (form.get("sensor", "pneo3"), READER)
    # the sensor's order, though the files hold R G B and NIR RE DB
    assert list(acquisition.bands) == BANDS and acquisition.warnings == ()
    for band, expected in truth().items():
        image = acquisition.band(band)
        assert np.array_equal(image.counts().values, expected)
        assert (image.nodata, image.saturated) == (0, 32767)
        known = image.calibration
        assert known.gain and known.bias and known.solar_irradiance
        assert (known.gain.value, known.bias.value) == (writer.GAIN[band], 0.0)
        assert known.solar_irradiance.value == writer.IRRADIANCE[band]
        # four times 43.555 microseconds: taken as milliseconds, a thousand times too long
        assert image.line_period_s == pytest.approx(174.22e-6, rel=1e-12)
    assert acquisition.acquired == SCENE.acquired


@pytest.mark.parametrize("bands", [["P"], ["B", "G", "R", "NIR"]])
def test_one_set_of_files(tmp_path: Path, bands: list[str]) -> None:
    scene = site_scene(bands)
    acquisition = read(writer.write(tmp_path, scene))
    assert list(acquisition.bands) == bands
    for band, expected in truth(scene).items():
        assert np.array_equal(acquisition.band(band).counts().values, expected)
    assert acquisition.band(bands[0]).calibration.gain is not None


def test_an_empty_gain_block_is_no_gain_and_not_one(tmp_path: Path) -> None:
    acquisition = read(writer.write(tmp_path, SCENE, gains="none"))
    assert all(band.calibration.gain is None and band.calibration.bias is None for band in acquisition.bands.values())
    assert any("no gain for DB, B, G, R, RE, NIR" in warning for warning in acquisition.warnings)


def test_the_azimuth_is_the_satellite_s_own(product: Path) -> None:
    """IMAGE_ORIENTATION is there: the formula of Pléiades would be wrong by more than 50 degrees."""
    angles = read(product).angles
    assert angles is not None and angles["point"].values[0] == "center" and angles.sizes == {"band": 6, "point": 9}
    for label in PLACES[9]:
        found = angles.sel(band="NIR", point=label.lower())
        names = ("sun_zenith", "sun_azimuth", "view_zenith", "view_azimuth")
        assert [found[name].item() for name in names] == pytest.approx(directions(SCENE, label), abs=1e-9)


def test_attitude_points_the_sensor_at_the_target(product: Path) -> None:
    acquisition = read(product)
    orbit, attitude = acquisition.orbit, acquisition.attitude
    assert orbit is not None and attitude is not None
    assert orbit.attrs["frame"] == "ITRF"
    assert (attitude.attrs["rotates_from"], attitude.attrs["rotates_to"]) == ("sensor", "ITRF")
    middle = orbit.sizes["time"] // 2
    assert orbit["time"].values[middle] == SCENE.acquired
    turn = Rotation.from_quat(attitude["quaternion"].values[middle], scalar_first=True)
    found = meet(orbit["position"].values[middle], turn.apply([0.0, 0.0, 1.0]))
    # rounding only: 1e-7 degrees are a centimetre
    assert found == pytest.approx((LONGITUDE_DEG, LATITUDE_DEG), abs=1e-7)
    # the velocities are those of the positions: 1 m/s is far below the 370 m/s of the Earth's rotation
    slope = orbit["position"].differentiate("time", datetime_unit="s")
    assert np.abs(slope - orbit["velocity"]).isel(time=slice(1, -1)).max() < 1.0


def test_other_missions_are_not_recognised(product: Path) -> None:
    assert recognises(product) and not pleiades_dimap.recognises(product)
    with pytest.raises(InputError, match="none of those read here"):
        pleiades_dimap.read(header(product))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (">BASIC<", ">REFLECTANCE<", "RADIOMETRIC_PROCESSING is REFLECTANCE"),
        ("PROCESSING>MS-FS", "PROCESSING>PMS-FS", "SPECTRAL_PROCESSING is PMS-FS, pansharpened"),
        ("<MISSION_INDEX>3", "<MISSION_INDEX>5", "'PNEO 5' is none of those"),
        ("<BAND_INDEX>2", "<BAND_INDEX>3", "does not number its layers"),
        ("<BAND_ID>RE</BAND_ID>\\s*<BAND_INDEX>", "<BAND_ID>G</BAND_ID><BAND_INDEX>", "second image of band G"),
        ("<BAND_ID>DB</BAND_ID>\\s*<BAND_INDEX>", "<BAND_ID>UV</BAND_ID><BAND_INDEX>", "UV"),
        ("NBANDS>6", "NBANDS>3", "NBANDS is 3"),
        ("<Raster_Display>.*?</Raster_Display>", "", "which of the 6 layers"),
        ("<Q0>[^<]*", "<Q0>0.9", "is no rotation"),
        ("(LOCATION_XYZ unit=\"m\">)[^<]*", r"\g<1>1 2 3", "from the Earth's centre"),
        ("(LOCATION_XYZ unit=\"m\">)[^<]*", r"\g<1>1 2", "2 numbers where 3 belong"),
        ("(VELOCITY_XYZ unit=\"m/s\">)[^<]*", r"\g<1>inf 2 3", "not finite"),
        ("IMG_PNEO3[^\"]*NED", "IMG_x", "the file is missing"),
    ],
)  # fmt: skip
def test_refusals(product: Path, old: str, new: str, words: str) -> None:
    edit(product, old, new)
    with pytest.raises(InputError) as caught:
        read(product)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_indices_that_count_on_over_the_files_are_understood(product: Path) -> None:
    for band, index in (("NIR", 4), ("RE", 5), ("DB", 6)):
        edit(product, f"(<BAND_ID>{band}</BAND_ID>\\s*<BAND_INDEX>)\\d", rf"\g<1>{index}")
    acquisition = read(product)
    assert np.array_equal(acquisition.band("RE").counts().values, truth()["RE"])


def fuzz_corpus(folder: Path) -> list[bytes]:
    """Small valid headers."""
    forms = (("a", SCENE, "direct", (1, 1)), ("b", site_scene(["P"]), "listed", (2, 2)), ("c", SCENE, "none", (1, 1)))
    return [
        header(writer.write(folder / name, scene, gains=gains, tiles=tiles)).read_bytes()  # type: ignore[arg-type]
        for name, scene, gains, tiles in forms
    ]
