"""Pléiades in DIMAP version 2: the truth of a synthetic scene comes back, in every form of the product; what may not be used is refused."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio

import calib.raster
from calib.acquisition import Acquisition
from calib.errors import InputError
from calib.products import pleiades_neo, pleiades_system
from calib.products.dimap_geometry import view_azimuth
from calib.products.pleiades_dimap import READER, read, recognises
from calib.simulate.products import pleiades_dimap as writer
from calib.simulate.products.scene import SiteScene, site_scene

BANDS = ("B0", "B1", "B2", "B3")
SCENE = site_scene(BANDS)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return writer.write(tmp_path_factory.mktemp("written"), SCENE)


@pytest.fixture
def product(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / written.name))


def header(product: Path) -> Path:
    return next(product.glob("DIM_*.XML"))


def edit(product: Path, old: str, new: str, count: int = 1) -> None:
    """Change the header, by regular expression."""
    path = header(product)
    text, changed = re.subn(old, new, path.read_bytes().decode("latin-1"), count=count, flags=re.DOTALL)
    assert changed
    path.write_bytes(text.encode("latin-1"))


def refused(path: Path, *words: str, images: bool = True) -> None:
    with pytest.raises(InputError) as caught:
        read(path, images=images)
    text = str(caught.value)
    assert "\n" not in text
    for word in words:
        assert word in text, text


def truth(scene: SiteScene = SCENE) -> dict[str, np.ndarray]:
    return writer.counts(scene, (writer.GAIN, writer.BIAS, writer.IRRADIANCE), writer.SATURATED)


def test_a_scene_comes_back(product: Path) -> None:
    acquisition = read(product)
    assert (acquisition.sensor, acquisition.kind, acquisition.reader) == ("phr1b", "site", READER)
    assert acquisition.acquired == SCENE.acquired and list(acquisition.bands) == list(BANDS)
    for band, counts in truth().items():
        image = acquisition.band(band)
        assert np.array_equal(image.counts().values, counts) and image.counts().dtype == np.uint16
        assert (image.nodata, image.saturated, image.sampling_m) == (0, 4095, 5.0)
        # four times the panchromatic period; first and last line as far from the middle of the scene, to the nanosecond
        assert image.line_period_s == pytest.approx(4 * 0.0735e-3, rel=1e-12)
        middle = image.first_line + (image.line_time(SCENE.shape[0] - 1) - image.first_line) / 2
        assert abs(middle - SCENE.acquired) <= np.timedelta64(1, "ns")
    assert acquisition.warnings == ()


def test_radiance_is_counts_over_gain_plus_bias(product: Path) -> None:
    acquisition = read(product)
    light = np.cos(np.radians(SCENE.sun[0])) / np.pi
    seen = np.ones(SCENE.shape, dtype=bool)
    seen[SCENE.saturated] = seen[SCENE.empty] = False
    for band in BANDS:
        known = acquisition.band(band).calibration
        assert known.gain and known.bias and known.solar_irradiance and known.quantification is None
        assert (known.gain.value, known.bias.value) == (writer.GAIN[band], writer.BIAS[band])
        assert known.gain.unit == "DN / (W m-2 sr-1 um-1)" and known.bias.unit == "W m-2 sr-1 um-1"
        assert known.gain.origin == "product" and known.gain.source.endswith("Band_Radiance/GAIN")
        # the radiance block's date, not the launch date of the spectral one
        assert known.gain.date == np.datetime64("2018-09-01T16:00")
        assert known.solar_irradiance.value == writer.IRRADIANCE[band]
        radiance = acquisition.band(band).counts().values / known.gain.value + known.bias.value
        expected = SCENE.reflectance.sel(band=band).values * writer.IRRADIANCE[band] * light
        # counts are whole: half of one is half of 1 / gain
        assert np.abs(radiance - expected)[seen].max() <= 0.5 / known.gain.value + 1e-9


@pytest.mark.parametrize(
    "form",
    [
        {"tiles": (2, 3)},
        {"jp2": True},
        {"jp2": True, "tiles": (3, 1)},
        {"geometry": "GROUND"},
        {"blocks": 9},
        {"sensor": "phr1a"},
    ],
)
def test_every_form_of_the_product(tmp_path: Path, form: dict[str, object]) -> None:
    product = writer.write(tmp_path, SCENE, **form)  # type: ignore[arg-type]
    acquisition = read(product)
    assert acquisition.sensor == form.get("sensor", "phr1b") and acquisition.warnings == ()
    for band, counts in truth().items():
        assert np.array_equal(acquisition.band(band).counts().values, counts)
        assert acquisition.band(band).dated == (form.get("geometry") != "GROUND")
    rows, columns = form.get("tiles", (1, 1))  # type: ignore[misc]
    assert sum(name.startswith("IMG_") for name in acquisition.files) == rows * columns
    together = acquisition.counts().values
    assert np.array_equal(together, np.stack([truth()[band] for band in BANDS]))


@pytest.mark.parametrize("blocks", [3, 9])
def test_angles_by_label(tmp_path: Path, blocks: int) -> None:
    """The center is neither the first nor (of nine) the second block; labels come with blanks or without."""
    angles = read(writer.write(tmp_path, SCENE, blocks=blocks)).angles  # type: ignore[arg-type]
    assert angles is not None and angles["point"].values[0] == "center" and angles.sizes["point"] == blocks
    for label in writer.PLACES[blocks]:
        found = angles.sel(band="B2", point=label.replace(" ", "").lower())
        names = ("sun_zenith", "sun_azimuth", "view_zenith", "view_azimuth")
        # 1e-9 degrees: rounding of tangents
        assert [found[name].item() for name in names] == pytest.approx(writer.directions(SCENE, label), abs=1e-9)
        assert found["down"].item() == (0.0 if "Top" in label else 1.0 if "Bottom" in label else 0.5)
        assert found["across"].item() == (0.0 if "Left" in label else 1.0 if "Right" in label else 0.5)


def test_with_an_image_orientation_the_azimuth_is_the_satellite_s(product: Path) -> None:
    edit(product, "<AZIMUTH_ANGLE>", "<IMAGE_ORIENTATION>184.0</IMAGE_ORIENTATION><AZIMUTH_ANGLE>", count=0)
    angles = read(product).angles
    assert angles is not None and np.all(angles["view_azimuth"] == 190.0)


def test_panchromatic_beside_multispectral(tmp_path: Path) -> None:
    """Two headers below one folder: each is its own product, and the folder is refused with their names."""
    multispectral = writer.write(tmp_path, SCENE)
    scene = site_scene(["P"], shape=(192, 256))
    panchromatic = writer.write(tmp_path, scene)
    assert list(read(panchromatic).bands) == ["P"] and list(read(multispectral).bands) == list(BANDS)
    assert np.array_equal(read(header(panchromatic)).band("P").counts().values, truth(scene)["P"])
    assert recognises(tmp_path)
    refused(tmp_path, "holds 2 products", header(multispectral).name, header(panchromatic).name, "give the header")


def test_a_header_or_the_folder_above_will_do(tmp_path: Path, product: Path) -> None:
    for path in (product, header(product), tmp_path):
        assert recognises(path)
        acquisition = read(path)
        folder = acquisition.path if acquisition.path.is_dir() else acquisition.path.parent
        assert all((folder / name).is_file() for name in acquisition.files)
        assert len(acquisition.digest) == 64
    assert read(product).digest == read(tmp_path).digest


def test_what_is_not_pleiades_is_not_recognised(tmp_path: Path, product: Path) -> None:
    assert not pleiades_neo.recognises(product) and not pleiades_system.recognises(product)
    edit(product, ">PHR_SENSOR<", ">S6_SENSOR<")
    # without the profile, the mission near the end of the header tells
    assert recognises(product)
    edit(product, "<MISSION>PHR<", "<MISSION>SPOT<")
    assert not recognises(product)
    for path in (tmp_path / "absent", tmp_path / "DIM_x.XML"):
        assert not recognises(path)
    (tmp_path / "DIM_x.XML").write_text("no XML")
    assert not recognises(tmp_path / "DIM_x.XML")


def test_masks_versions_and_facts(product: Path) -> None:
    acquisition = read(product)
    assert set(acquisition.masks) == {"CLD", "SLT", "DET", "QTE", "ROI", "SNW", "VIS"}
    mask = acquisition.masks["SLT"]
    assert mask.meaning == "saturated" and mask.raster is None and mask.path.is_file()
    versions, facts = acquisition.versions, acquisition.facts
    assert versions["gain B1"] == "2018-09-01T16:00:00.000Z"
    assert versions["spectral range B1"] == "2012-12-02T00:00:00.000Z"
    assert (versions["format"], versions["software"]) == ("DIMAP 2.15", "SIM V_00_01")
    assert facts["STRAYLIGHT_CORRECTION"] == "false" and facts["PAN_RESTORATION"] == "false"
    assert facts["rational function model"].startswith("RPC_") and facts["spectral processing"] == "MS"


def test_opening_reads_no_pixel(product: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    original = calib.raster.read_layers
    monkeypatch.setattr(calib.raster, "read_layers", lambda *args: calls.append(args) or original(*args))
    acquisition = read(product)
    counts = acquisition.counts()
    assert calls == []
    counts.values  # noqa: B018
    assert len(calls) == 1


def test_inspecting_needs_no_image(product: Path) -> None:
    for path in [*product.glob("IMG_*"), *product.glob("MASKS/*"), *product.glob("RPC_*")]:
        path.unlink()
    acquisition = read(product, images=False)
    assert [(band.raster.lines, band.raster.columns) for band in acquisition.bands.values()] == [SCENE.shape] * 4
    assert [band.raster.layer for band in acquisition.bands.values()] == [3, 2, 1, 4]
    assert list(acquisition.files) == [header(product).name] and acquisition.warnings == ()
    refused(product, "IMG_", "the file is missing")


def test_same_arguments_same_bytes(tmp_path: Path) -> None:
    one, two = (writer.write(tmp_path / name, SCENE) for name in ("one", "two"))
    for path in one.rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (two / path.relative_to(one)).read_bytes()


ORDER = "order the product with BASIC radiometry, not stretched, panchromatic or multispectral (not pansharpened)"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (">BASIC<", ">DISPLAY<", ("RADIOMETRIC_PROCESSING is DISPLAY", ORDER)),
        (">BASIC<", ">LINEAR_STRETCH<", ("RADIOMETRIC_PROCESSING is LINEAR_STRETCH", ORDER)),
        (">BASIC<", ">REFLECTANCE<", ("RADIOMETRIC_PROCESSING is REFLECTANCE", ORDER)),
        ("STRETCH>false", "STRETCH>true", ("RADIOMETRIC_STRETCH is true", ORDER)),
        ("ADJUSTMENT_TYPE>NONE", "ADJUSTMENT_TYPE>MANUAL", ("ADJUSTMENT_TYPE is MANUAL", ORDER)),
        ("PROCESSING>MS<", "PROCESSING>PMS<", ("SPECTRAL_PROCESSING is PMS, pansharpened", ORDER)),
        ("PROCESSING>MS<", "PROCESSING>PMS-X<", ("SPECTRAL_PROCESSING is PMS-X, pansharpened", ORDER)),
        ("PROCESSING>MS<", "PROCESSING>SWIR<", ("'SWIR' is not known", "known: P, PA, PAN, MS")),
        ("<MISSION_INDEX>1B", "<MISSION_INDEX>1C", ("'PHR 1C' is none of those", "PHR 1A, PHR 1B")),
        ("NBITS>16", "NBITS>8", ("of 8 bits", "order the product with the full dynamic range")),
        ("SIGN>UNSIGNED", "SIGN>SIGNED", ("SIGNED", "UNSIGNED INTEGER")),
        ("NROWS>96", "NROWS>95", ("96 lines of 128 columns where the metadata says 95 of 128",)),
        ("NBANDS>4", "NBANDS>3", ("4 layers where 3 belong",)),
        ("NBANDS>4", "NBANDS>5", ("Band_Display_Order", "5 layers")),
        ("<RED_CHANNEL>B2", "<RED_CHANNEL>B1", ("which of the 4 layers",)),
        ("<RED_CHANNEL>B2", "<RED_CHANNEL>B9", ("layers are called B9, B1, B0, B3", "P, B0, B1, B2, B3")),
        ("NROWS>96", "NROWS>99999999", ("is no size of a product",)),
        ("<GAIN>10.21", "<GAIN>NaN", ("Band_Radiance/GAIN", "no finite number")),
        ("<GAIN>10.21", "<GAIN>0", ("gain 0 is not positive",)),
        ("<GAIN>10.21", "<GAIN>-3", ("does not lie between",)),
        ("<GAIN>10.21</GAIN>", "", ("GAIN is missing",)),
        ("(<Band_Radiance>.*?</Band_Radiance>)", r"\1\1", ("a second Band_Radiance for band B0",)),
        ("SUN_ELEVATION unit=\"deg\">5", "SUN_ELEVATION unit=\"deg\">95", ("does not lie between -90 and 90",)),
        (">Center<", ">Middle<", ("no LOCATION_TYPE Center",)),
        (">Top Center<", ">Center<", ("a second LOCATION_TYPE",)),
        ("<START>2019", "<START>1019", ("no UTC date",)),
        ('LINE_PERIOD unit="ms"', 'LINE_PERIOD unit="lines"', ("unit 'lines' is not known",)),
        ("(LINE_PERIOD unit=\"ms\">)", r"\g<1>-", ("does not lie between",)),
        ('href="IMG_', 'href="../IMG_', ("leads out of the product",)),
        ('href="IMG_', 'href="/tmp/IMG_', ("leads out of the product",)),
        ('href="MASKS/CLD', 'href="../../MASKS/CLD', ("leads out of the product",)),
        ('href="RPC', 'href="/etc/RPC', ("leads out of the product",)),
        ("TEXT>NODATA</SPECIAL_VALUE_TEXT>\\s*<SPECIAL_VALUE_COUNT>0", "TEXT>NODATA</SPECIAL_VALUE_TEXT><SPECIAL_VALUE_COUNT>1e9",
         ("does not lie between 0 and 65535",)),
        ("<Dimap_Document ", "<!DOCTYPE a [<!ENTITY b 'c'>]><Dimap_Document ", ("document type",)),
        ("</Dimap_Document>", "", ("not readable as XML",)),
        ("encoding='ISO-8859-1'", "encoding='UTF-8'", ("not readable as XML",)),
        ("Dimap_Document", "Other_Document", ("root element is no Dimap_Document",)),
    ],
)  # fmt: skip
def test_refusals(product: Path, old: str, new: str, words: tuple[str, ...]) -> None:
    edit(product, old, new, count=0 if new == "Other_Document" else 1)
    refused(header(product), *words)


TILES: list[tuple[str, str, tuple[str, ...]]] = [
    ('tile_R="2" tile_C="1"', 'tile_R="1" tile_C="1"', ("same place",)),
    ('tile_R="2" tile_C="1"', 'tile_R="3" tile_C="1"', ("R3 C1 lies outside",)),
    ('tile_R="2"', 'tile_R="0"', ("no whole number from 1",)),
    ('tile_R="2"', 'tile_R="-2"', ("no whole number from 1",)),
    ('tile_R="2"', f'tile_R="{"9" * 5000}"', ("no whole number from 1",)),
    ('nrows="48"', 'nrows="47"', ()),
    ("OVERLAP_ROW>0", "OVERLAP_ROW>8", ("only tiles that do not overlap",)),
    ("<Tile_Set>.*</Tile_Set>", "", ("no Regular_Tiling",)),
    (r'<Data_File tile_R="2" tile_C="1">.*?</Data_File>', "", ("do not cover",)),
    (r"<Data_Files>.*</Data_Files>", "", ("no Data_Files",)),
]


@pytest.mark.parametrize(("old", "new", "words"), TILES)
@pytest.mark.parametrize("images", [True, False])
def test_tiles_that_lie(tmp_path: Path, old: str, new: str, words: tuple[str, ...], images: bool) -> None:
    product = writer.write(tmp_path, SCENE, tiles=(2, 1))
    edit(product, old, new)
    refused(product, *words, images=images)


def test_links_out_of_the_product_are_refused(tmp_path: Path, product: Path) -> None:
    image = next(product.glob("IMG_*"))
    image.rename(tmp_path / "elsewhere.TIF")
    image.symlink_to(tmp_path / "elsewhere.TIF")
    refused(product, "leads out of the product")


def test_a_linked_header_is_refused(tmp_path: Path, product: Path) -> None:
    path = header(product)
    path.rename(tmp_path / "elsewhere.XML")
    path.symlink_to(tmp_path / "elsewhere.XML")
    refused(product, "leads out of the product")


@pytest.mark.parametrize("jp2", [False, True])
def test_a_truncated_image_is_one_sentence(tmp_path: Path, jp2: bool) -> None:
    product = writer.write(tmp_path, SCENE, jp2=jp2)
    image = next(product.glob("IMG_*"))
    image.write_bytes(image.read_bytes()[:2000])
    with pytest.raises(InputError, match=r"cannot be (opened|read)"):
        read(product).counts().values  # noqa: B018


def test_an_image_of_bytes_is_refused(product: Path) -> None:
    image = next(product.glob("IMG_*"))
    # GDAL removes the header beside an image that it writes anew
    image.unlink()
    with rasterio.open(image, "w", driver="GTiff", height=96, width=128, count=4, dtype="uint8") as target:
        target.write(np.zeros((4, 96, 128), dtype="uint8"))
    refused(product, "samples are uint8, expected uint16")


def warned(product: Path, old: str, new: str, count: int = 1) -> tuple[Acquisition, str]:
    edit(product, old, new, count)
    acquisition = read(product)
    return acquisition, " | ".join(acquisition.warnings)


def test_what_is_odd_is_accepted_with_a_warning(tmp_path: Path, written: Path) -> None:
    cases: list[tuple[str, str, str]] = [
        ("2018-09-01T16", "2016-09-01T16", "gain of B0 is of 2016-09-01, 2.4 years before the scene"),
        ("<CALIBRATION_DATE>2018[^<]*</CALIBRATION_DATE>", "", "gain of B0 has no CALIBRATION_DATE"),
        (">watt/m2/steradians/micrometers<", ">candela<", "MEASURE_UNIT 'candela'"),
        (">Top Center<", ">Somewhere<", "'Somewhere' is not known"),
        ("<Use_Area>.*</Use_Area>", "", "the product has no angles"),
        ("MASKS/CLD", "MASKS/ABC", "is of an unknown kind"),
        ("<VALUE>1915.0", "<VALUE>50", "50 W m-2 um-1 is no irradiance of the Sun"),
        ("<Special_Value>.*</Special_Value>", "", "no count for NODATA, SATURATED"),
        (r"(LINE_PERIOD unit=\"ms\">)0", r"\g<1>1", "line periods for 96 lines"),
        ("<Band_Radiance>\\s*<BAND_ID>B3.*?</Band_Radiance>", "", "no gain for B3"),
    ]
    for number, (old, new, expected) in enumerate(cases):
        _, text = warned(Path(shutil.copytree(written, tmp_path / str(number))), old, new)
        assert expected in text, (old, text)


def test_a_dummy_irradiance_is_kept_for_the_guard_and_an_absurd_one_is_not(tmp_path: Path) -> None:
    dummy, _ = warned(writer.write(tmp_path / "1", SCENE), "<VALUE>1915.0", "<VALUE>999")
    absurd, _ = warned(writer.write(tmp_path / "2", SCENE), "<VALUE>1915.0", "<VALUE>9999")
    known = dummy.band("B0").calibration.solar_irradiance
    assert known is not None and known.value == 999.0
    assert absurd.band("B0").calibration.solar_irradiance is None


@pytest.mark.parametrize(
    ("element", "parent"),
    [("Data_File", "Data_Files"), ("Special_Value", "Raster_Display"), ("Band_Radiance", "Band_Measurement_List"),
     ("Located_Geometric_Values", "Use_Area"), ("Imaging_Quality_Measurement", "Quality_Assessment")],
)  # fmt: skip
def test_many_repeated_elements_are_refused_soon(product: Path, element: str, parent: str) -> None:
    text = header(product).read_bytes().decode("latin-1")
    found = re.search(f"<{element}[ >].*?</{element}>", text, re.DOTALL)
    assert found
    header(product).write_bytes(text.replace(f"</{parent}>", found[0] * 5000 + f"</{parent}>", 1).encode("latin-1"))
    refused(product, "more than", element)


def test_the_azimuth_formula_turns_with_the_heading() -> None:
    """Seen from the right of the track (heading north): the satellite stands in the west or east, by the sign of the incidence."""
    assert view_azimuth(0.0, 10.0, 0.0) == pytest.approx(-90.0)
    assert view_azimuth(30.0, 0.0, 10.0) == pytest.approx(30.0)
    assert view_azimuth(0.0, -10.0, -10.0) == pytest.approx(135.0)


def fuzz_corpus(folder: Path) -> list[bytes]:
    """Small valid headers."""
    forms: list[Callable[[], Path]] = [
        lambda: writer.write(folder / "ms", SCENE),
        lambda: writer.write(folder / "p", site_scene(["P"]), tiles=(2, 2), blocks=9, geometry="GROUND"),
    ]
    return [header(form()).read_bytes() for form in forms]
