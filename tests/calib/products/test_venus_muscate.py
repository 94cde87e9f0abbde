"""Venµs products of the MUSCATE distribution, from the synthetic ones and from the genuine template."""

from __future__ import annotations

import re
import shutil
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calib import raster
from calib.acquisition import Acquisition, Known
from calib.errors import InputError
from calib.products import venus_muscate
from calib.radiometry import reflectance
from calib.sensor import load_sensor
from calib.simulate.products import venus_muscate as writer
from calib.simulate.products.scene import SiteScene, site_scene

BANDS = [f"B{number}" for number in range(1, 13)]
SCENE = site_scene(BANDS, shape=(40, 52))


@pytest.fixture(scope="module")
def l1c(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return writer.write(tmp_path_factory.mktemp("l1c"), SCENE)


@pytest.fixture(scope="module")
def l2a(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return writer.write(tmp_path_factory.mktemp("l2a"), SCENE, level="L2A")


def header(product: Path) -> Path:
    return next(product.glob("*_MTD_ALL.xml"))


def fuzz_corpus() -> list[bytes]:
    """Small valid headers of each level."""
    import tempfile

    small = site_scene(BANDS[:2], shape=(4, 4))
    with tempfile.TemporaryDirectory() as folder:
        return [header(writer.write(Path(folder), small, level=level)).read_bytes() for level in ("L1C", "L2A")]


def edited(product: Path, folder: Path, old: str, new: str) -> Path:
    """A header alone, with `old` replaced."""
    text = header(product).read_text(encoding="utf-8")
    assert re.search(old, text, flags=re.DOTALL), old
    path = folder / header(product).name
    path.write_text(re.sub(old, new, text, flags=re.DOTALL), encoding="utf-8")
    return path


@pytest.fixture
def copy(l1c: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(l1c, tmp_path / l1c.name))


def test_counts_and_reflectances_are_those_of_the_scene(l1c: Path) -> None:
    acquisition = venus_muscate.read(l1c)
    assert (acquisition.sensor, acquisition.kind, acquisition.reader) == ("venus", "site", "venus_muscate 1")
    assert list(acquisition.bands) == BANDS
    assert acquisition.acquired == np.datetime64("2019-02-04T10:34:37.500", "ns") == acquisition.start
    truth = SCENE.counts(1000.0)
    for name, image in acquisition.bands.items():
        assert image.nodata == -10000 and image.sampling_m == 5.0 and not image.dated
        known = image.calibration.quantification
        assert isinstance(known, Known) and (known.value, known.unit, known.origin) == (1000.0, "DN", "product")
        assert "_MTD_ALL.xml: Muscate_Metadata_Document/Radiometric_Informations/" in known.source
        assert (image.calibration.gain, image.calibration.offset, image.calibration.solar_irradiance) == (None,) * 3
        values = reflectance(image.counts(), image.calibration, nodata=image.nodata).values
        empty = np.zeros(SCENE.shape, dtype=bool)
        empty[SCENE.empty] = True
        assert np.array_equal(np.isnan(values), empty)
        # bitwise: a count divided by the quantification, nothing else
        assert np.array_equal(values[~empty], (truth.sel(band=name).values[~empty] / 1000.0).astype(values.dtype))


def test_angles_are_those_of_each_bands_detector(l1c: Path) -> None:
    acquisition = venus_muscate.read(l1c)
    angles, sensor = acquisition.angles, load_sensor("venus")
    assert angles is not None and angles["point"].values[0] == "center" and angles.sizes["point"] == 5
    for name in BANDS:
        unit = sensor.bands[name].detector
        assert acquisition.bands[name].detector == unit
        center, corner = angles.sel(band=name, point="center"), angles.sel(band=name, point="lowerRight")
        assert (float(center["view_zenith"]), float(center["view_azimuth"])) == SCENE.view[unit]
        assert (float(center["sun_zenith"]), float(center["sun_azimuth"])) == SCENE.sun
        assert (float(corner["view_zenith"]), float(corner["view_azimuth"])) == writer.corner_angles(
            SCENE.view[unit], 2
        )
        assert (float(corner["down"]), float(corner["across"])) == (1.0, 1.0)
    assert "UII_ALL" in acquisition.facts["angles"]


def test_without_file_of_angles_the_means_of_the_header_are_given(tmp_path: Path) -> None:
    acquisition = venus_muscate.read(writer.write(tmp_path, SCENE, points=False))
    assert acquisition.angles is not None and list(acquisition.angles["point"].values) == ["center"]
    assert float(acquisition.angles["view_zenith"].sel(band="B7", point="center")) == SCENE.view[3][0]
    assert "means" in acquisition.facts["angles"]


def test_a_detector_without_angles_leaves_its_bands_without(l1c: Path, tmp_path: Path) -> None:
    path = edited(
        l1c, tmp_path, r'<Mean_Viewing_Incidence_Angle detector_id="02">.*?</Mean_Viewing_Incidence_Angle>', ""
    )
    acquisition = venus_muscate.read(path, images=False)
    assert acquisition.angles is not None
    missing = acquisition.angles["view_zenith"].isnull().any("point")
    assert [str(name) for name in missing["band"].values[missing.values]] == ["B10", "B11", "B12"]
    assert any("detector 02" in text for text in acquisition.warnings)


def test_facts_and_versions(l1c: Path) -> None:
    acquisition = venus_muscate.read(l1c)
    assert acquisition.versions["PHGAIN"] == "00007"
    assert acquisition.versions["format"] == "1.14" and acquisition.versions["product"] == "1.0"
    assert acquisition.facts["level"] == "L1C" and acquisition.facts["site"] == "LACRAU"
    assert acquisition.facts["Ak B12"] == "1.5" and acquisition.facts["Straylight_T1"] == "true"
    assert acquisition.facts["map projection"] == "32631" and acquisition.facts["CloudPercent"] == "3"


def test_header_and_folder_are_the_same_product(l1c: Path) -> None:
    whole, by_header = venus_muscate.read(l1c), venus_muscate.read(header(l1c))
    assert dict(whole.files) == dict(by_header.files) and whole.digest == by_header.digest
    assert len(whole.files) == 1 + 2 + 12 + 25
    assert venus_muscate.recognises(l1c) and venus_muscate.recognises(header(l1c))


def test_packed_masks_are_named_and_read_once_unpacked_beside(l1c: Path, tmp_path: Path) -> None:
    packed = venus_muscate.read(l1c)
    assert packed.masks["Saturation B10"].raster is None and packed.masks["Saturation B10"].path.suffix == ".zip"
    assert any("25 masks are packed" in text for text in packed.warnings)
    beside = venus_muscate.read(writer.write(tmp_path, SCENE, unpacked=True))
    marked = beside.masks["Saturation B10"].marked().values
    assert marked[SCENE.saturated].all() and marked.sum() == marked[SCENE.saturated].size
    assert not beside.masks["Cloud"].marked().values.any()


def test_l2a_is_read_with_both_reflectances_and_a_warning(l2a: Path) -> None:
    acquisition = venus_muscate.read(l2a)
    assert acquisition.facts["level"] == "L2A" and any("not for calibration" in text for text in acquisition.warnings)
    assert list(acquisition.bands) == BANDS + [f"{name}_FRE" for name in BANDS]
    assert np.array_equal(acquisition.counts(["B3"]).values, acquisition.counts(["B3_FRE"]).values)
    # bit 4, counted from 0, is that of B5
    assert acquisition.masks["Saturation B5"].bit == 4
    assert acquisition.masks["Saturation B5"].marked().values[SCENE.saturated].all()
    assert acquisition.masks["Cloud"].bit == 1 and not acquisition.masks["Cloud"].marked().values.any()


def test_no_pixel_is_read_on_opening_and_headers_stand_alone(
    l1c: Path, l2a: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("pixels were read")

    monkeypatch.setattr(raster, "read_layers", refuse)
    begin = time.perf_counter()
    whole = venus_muscate.read(l1c)
    # asked: 0.3 s for a header of 1 MB; doubled for a busy machine
    assert time.perf_counter() - begin < 0.6
    venus_muscate.read(l2a)
    alone = Path(shutil.copy(header(l1c), tmp_path))
    inspected = venus_muscate.read(alone, images=False)
    assert list(inspected.files) == [alone.name]
    for name, image in inspected.bands.items():
        assert (image.raster.lines, image.raster.columns) == SCENE.shape
        assert image.raster.dtype == whole.bands[name].raster.dtype == "int16"


@pytest.mark.parametrize("nodata, dtype", [(-1000, "int16"), (0, "uint16")])
def test_nodata_is_read_never_assumed(tmp_path: Path, nodata: int, dtype: str) -> None:
    acquisition = venus_muscate.read(writer.write(tmp_path, SCENE, nodata=nodata))
    image = acquisition.bands["B1"]
    assert image.nodata == nodata and image.raster.dtype == dtype
    assert (image.counts().values[SCENE.empty] == nodata).all()


def test_the_same_scene_gives_the_same_bytes(tmp_path: Path, l1c: Path) -> None:
    again = writer.write(tmp_path, SCENE)
    for path in sorted(item for item in l1c.rglob("*") if item.is_file()):
        assert path.read_bytes() == (again / path.relative_to(l1c)).read_bytes(), path


REFUSED = [
    ("<PLATFORM>VENUS", "<PLATFORM>LANDSAT8", "PLATFORM 'LANDSAT8'.*accepted: VENUS"),
    ("<PRODUCT_LEVEL>L1C", "<PRODUCT_LEVEL>L3A", "PRODUCT_LEVEL 'L3A' is not read; accepted: L1C"),
    ("<PRODUCT_ID>", "<PRODUCT_ID>NOT_INITIALIZED ", "is that of a template; give a product"),
    ("(QUANTIFICATION_VALUE>)1000", r"\g<1>0.001", "'0.001' would multiply, as in the VSC format"),
    ("(QUANTIFICATION_VALUE>)1000", r"\1NaN", "no finite number"),
    ("(QUANTIFICATION_VALUE>)1000", r"\1-1000", "does not lie between"),
    ("2019-02-04T10:34:37.500Z", "2019-02-34T10:34:37", "no UTC date"),
    ('IMAGE_FILE band_id="B10"', 'IMAGE_FILE band_id="B13"', "'B13' is no band of Venµs"),
    ('IMAGE_FILE band_id="B10"', 'IMAGE_FILE band_id="B1"', "band B1 is listed twice"),
    ('(band_id="B10">)VENUS[^<]*', r"\1../../secret.tif", "leads out of the product"),
    ('(band_id="B10">)VENUS[^<]*', r"\1/etc/passwd", "leads out of the product"),
    ("<NROWS>40", "<NROWS>4000000000", "does not lie between"),
    ("<NROWS>40", "<NROWS>2000000", "no size of a product"),
    ("<NROWS>40", "<NROWS>40.5", "no whole number"),
    ('group_id="XS">\n *<ULX>', 'group_id="XX"><ULX>', "needs one group XS"),
    ("<ENCODING>int16", "<ENCODING>float64", "'float64' is not read; accepted: byte"),
    ('<ZENITH_ANGLE unit="deg">35.0', '<ZENITH_ANGLE unit="rad">35.0', "in 'rad'; accepted: deg"),
    ('<ZENITH_ANGLE unit="deg">35.0', '<ZENITH_ANGLE unit="deg">inf', "no finite number"),
    ('detector_id="02"', 'detector_id="zwei"', "no detector unit"),
    ("<Radiometric_Informations>.*</Radiometric_Informations>", "", "Radiometric_Informations is missing"),
    ("<Image_List>.*</Image_List>", "<Image_List/>", "names no reflectance image"),
    ("Muscate_Metadata_Document", "Another_Document", "no MUSCATE header"),
    (r"<\?xml[^>]*\?>", '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>', "document type"),
    ("</SPECIAL_VALUE>", '</SPECIAL_VALUE><SPECIAL_VALUE name="nodata">0</SPECIAL_VALUE>', "given 2 times"),
    ("<Mask_List>", "<Mask_List>" + "<Mask/>" * 2000, "more than any product has"),
]


@pytest.mark.parametrize("old, new, sentence", REFUSED)
def test_headers_that_are_refused(l1c: Path, tmp_path: Path, old: str, new: str, sentence: str) -> None:
    path = edited(l1c, tmp_path, old, new)
    with pytest.raises(InputError, match=sentence) as error:
        venus_muscate.read(path, images=False)
    assert "\n" not in str(error.value) and str(tmp_path) in str(error.value)


def _cut_image(product: Path) -> None:
    path = next(product.glob("*REF_B4.tif"))
    path.write_bytes(path.read_bytes()[:80])


def _other_size(product: Path) -> None:
    path = header(product)
    path.write_text(path.read_text(encoding="utf-8").replace("<NROWS>40", "<NROWS>41"), encoding="utf-8")


def _link(product: Path) -> None:
    path = next(product.glob("*REF_B4.tif"))
    outside = product.parent / "outside.tif"
    path.rename(outside)
    path.symlink_to(outside)


def _climbing_mask(product: Path) -> None:
    with zipfile.ZipFile(next(product.glob("MASKS/*CLD_XS.zip")), "w") as archive:
        archive.writestr("../../climbs.tif", b"")


def _bomb(product: Path) -> None:
    with zipfile.ZipFile(next(product.glob("MASKS/*CLD_XS.zip")), "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(200):
            archive.writestr(f"{number}.tif", b"\0" * 1000)


@pytest.mark.parametrize(
    "harm, sentence",
    [
        (_cut_image, "cannot be opened as TIFF"),
        (_other_size, "40 lines of 52 columns where the metadata says 41"),
        (_link, "leads out of the product"),
        (_climbing_mask, "leads out of the product"),
        (_bomb, "more than a packed mask can"),
        (lambda product: next(product.glob("MASKS/*CLD_XS.zip")).write_bytes(b"no zip"), "not readable as ZIP"),
        (lambda product: next(product.glob("MASKS/*PIX_B3.zip")).unlink(), "the file is missing"),
        (lambda product: next(product.glob("DATA/*UII_ALL.xml")).unlink(), "the file is missing"),
        (lambda product: shutil.copy(header(product), product / "OTHER_MTD_ALL.xml"), "needs one header"),
    ],
)
def test_products_that_are_refused(copy: Path, harm: Callable[[Path], object], sentence: str) -> None:
    harm(copy)
    with pytest.raises(InputError, match=sentence):
        venus_muscate.read(copy)


def test_others_are_not_recognised(tmp_path: Path) -> None:
    (tmp_path / "X_MTD_ALL.xml").write_text("<Other/>")
    assert not venus_muscate.recognises(tmp_path) and not venus_muscate.recognises(tmp_path / "none")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 100_000), content=st.binary(max_size=12), which=st.integers(0, 1), length=st.integers(0, 40))
def test_damaged_headers_raise_nothing_else(
    tmp_path: Path, corpus: list[bytes], at: int, content: bytes, which: int, length: int
) -> None:
    text = corpus[which]
    place = at % len(text)
    path = tmp_path / "X_MTD_ALL.xml"
    path.write_bytes(text[:place] + content + text[place + length :])
    try:
        assert isinstance(venus_muscate.read(path, images=False), Acquisition)
    except InputError as error:
        assert "\n" not in str(error)


@pytest.fixture(scope="module")
def corpus() -> list[bytes]:
    return fuzz_corpus()


def genuine(shared: Path) -> Path:
    found = sorted(shared.glob("products/**/muscate_template/MTD_ALL.xml"))
    if not found:
        pytest.skip("no reference folder of MUSCATE templates below products")
    return found[0]


def test_the_genuine_template_is_recognised_and_refused(shared: Path) -> None:
    path = genuine(shared)
    assert venus_muscate.recognises(path)
    with pytest.raises(InputError, match="that of a template"):
        venus_muscate.read(path, images=False)


def test_the_genuine_template_filled_with_its_own_examples(shared: Path, tmp_path: Path) -> None:
    text = genuine(shared).read_text(encoding="utf-8").replace("NOT_INITIALIZED LANDSAT5<", "VENUS<")
    text = re.sub(r'(<(?:ZENITH|AZIMUTH)_ANGLE unit="deg">)NOT_INITIALIZED', r"\g<1>12.5", text)
    path = tmp_path / "X_MTD_ALL.xml"
    path.write_text(re.sub("(NOT_)?INITIALIZED ?", "", text), encoding="utf-8")
    acquisition = venus_muscate.read(path, images=False)
    # facts of the template: 12 bands in alphabetical order, twice; a grid of 10980 x 10980; nodata -10000; SAT of B12 in bit 12 from 1
    assert list(acquisition.bands) == BANDS + [f"{name}_FRE" for name in BANDS]
    assert acquisition.bands["B9"].raster.lines == 10980 and acquisition.bands["B9"].nodata == -10000
    assert acquisition.masks["Saturation B12"].bit == 11 and acquisition.facts["level"] == "L2A"


def test_scene_of_other_view_is_told(tmp_path: Path) -> None:
    scene = SiteScene(
        "OTHER", SCENE.acquired, SCENE.reflectance, view={1: (1.0, 10.0), 2: (2, 20), 3: (3, 30), 4: (4, 40)}
    )
    angles = venus_muscate.read(writer.write(tmp_path, scene)).angles
    assert angles is not None
    assert angles["view_zenith"].sel(point="center").values.tolist() == [1, 1, 4, 4, 1, 4, 3, 3, 3, 2, 2, 2]


def test_the_corpus_is_readable(tmp_path: Path, corpus: list[bytes]) -> None:
    for number, content in enumerate(corpus):
        path = tmp_path / f"{number}_MTD_ALL.xml"
        path.write_bytes(content)
        assert len(venus_muscate.read(path, images=False).bands) == 2 * (number + 1)


@pytest.mark.parametrize("name", [".", "./", "x" * 300 + ".zip", "a/../b", "DATA/" + "y" * 5000 + "_UII_ALL.xml"])
def test_names_of_files_that_no_file_can_have(l1c: Path, tmp_path: Path, name: str) -> None:
    for pattern in (r"(MASK_FILE group_id=\"XS\">)[^<]*", r"(DATA_FILE group_id=\"ALL\">)[^<]*"):
        path = edited(l1c, tmp_path, pattern, rf"\g<1>{name}")
        try:
            venus_muscate.read(path, images=False)
        except InputError as error:
            assert "\n" not in str(error)
        with pytest.raises(InputError):
            venus_muscate.read(path)
