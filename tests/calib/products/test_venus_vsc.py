"""Venµs level 1, VSC form: what the reader gives back of a synthetic product, what it refuses, and genuine headers."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

import calib.raster
from calib.errors import InputError
from calib.products import venus_vsc
from calib.products.files import open_raster
from calib.simulate.products.scene import SiteScene, site_scene
from calib.simulate.products.venus_vsc import BANDS, CORNER_DEPARTURES, GAINS, write

NAME = "VE_VM01_VSC_L1VALD_LACRAU___20190204"
#: written out: the schema lists the units as B02-B01-B05, B10-B12-B11, B07-B08-B09, B04-B03-B06
UNIT_OF_BAND = dict(zip(BANDS, (1, 1, 4, 4, 1, 4, 3, 3, 3, 2, 2, 2), strict=True))


@pytest.fixture(scope="module")
def scene() -> SiteScene:
    return site_scene(BANDS, shape=(40, 48))


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory, scene: SiteScene) -> Path:
    folder = tmp_path_factory.mktemp("vsc")
    write(folder, scene)
    return folder


@pytest.fixture
def edited(product: Path, tmp_path: Path) -> Callable[[str, str], Path]:
    """A copy of the product in whose header a text is replaced (everywhere)."""

    def edit(old: str, new: str) -> Path:
        folder = tmp_path / "edited"
        shutil.copytree(product, folder)
        header = folder / f"{NAME}.HDR"
        text = header.read_text(encoding="utf-8")
        assert old in text
        header.write_text(text.replace(old, new), encoding="utf-8")
        return folder

    return edit


def fuzz_corpus() -> list[bytes]:
    """Small valid headers, for fuzzing."""
    import tempfile

    found = []
    with tempfile.TemporaryDirectory() as place:
        for index, options in enumerate(
            ({}, {"single_file": True, "missing_units": (3,)}, {"pretty": False, "grids": False})
        ):
            header = write(Path(place) / str(index), site_scene(BANDS, shape=(16, 16)), **options)
            found.append(header.read_bytes())
    return found


def test_everything_in_the_product_equals_the_scene(product: Path, scene: SiteScene) -> None:
    acquisition = venus_vsc.read(product)
    assert (acquisition.name, acquisition.sensor, acquisition.kind) == (NAME, "venus", "site")
    assert list(acquisition.bands) == list(BANDS)
    assert acquisition.acquired == scene.acquired.astype("datetime64[s]")
    assert acquisition.warnings == ()
    truth = scene.counts(1000)
    counts = acquisition.counts()
    assert counts.dtype == np.uint16
    np.testing.assert_array_equal(counts.values, truth.values)
    for band, image in acquisition.bands.items():
        gain, quantification = image.calibration.gain, image.calibration.quantification
        assert gain is not None and quantification is not None
        assert (gain.value, gain.unit, gain.origin) == (GAINS[band], "DN / (W m-2 sr-1 um-1)", "product")
        assert f"Ak[@sk=B{int(band[1:]):02d}]" in gain.source
        assert (quantification.value, quantification.unit, quantification.origin) == (1000.0, "DN", "product")
        assert (image.calibration.bias, image.calibration.offset, image.calibration.solar_irradiance) == (
            None,
            None,
            None,
        )
        assert (image.nodata, image.saturated, image.detector, image.sampling_m) == (0, None, UNIT_OF_BAND[band], 5.0)
        assert not image.dated


def test_reflectances_equal_those_of_the_dividing_form_bit_by_bit(product: Path, scene: SiteScene) -> None:
    image = venus_vsc.read(product).band("B3")
    assert image.calibration.quantification is not None
    reflectance = image.counts().values / image.calibration.quantification.value
    np.testing.assert_array_equal(reflectance, scene.counts(1000).sel(band="B3").values / 1000.0)


def test_angles_are_those_of_the_bands_own_detector_unit(product: Path, scene: SiteScene) -> None:
    angles = venus_vsc.read(product).angles
    assert angles is not None
    assert list(angles["point"].values) == ["center", "upper left", "upper right", "lower left", "lower right"]
    for band in BANDS:
        zenith, azimuth = scene.view[UNIT_OF_BAND[band]]
        departures = ((0.0, 0.0), *CORNER_DEPARTURES)
        np.testing.assert_allclose(angles["view_zenith"].sel(band=band), [zenith + tilt for tilt, _ in departures])
        np.testing.assert_allclose(angles["view_azimuth"].sel(band=band), [azimuth + turn for _, turn in departures])
        np.testing.assert_allclose(angles["sun_zenith"].sel(band=band, point="center"), scene.sun[0])
    np.testing.assert_allclose(angles["down"], [0.5, 0, 0, 1, 1])
    np.testing.assert_allclose(angles["across"], [0.5, 0, 1, 0, 1])


def test_scrambled_units_change_the_angles(product: Path, edited: Callable[[str, str], Path]) -> None:
    folder = edited('Viewing_Angles sn="1"', 'Viewing_Angles sn="X"')
    header = folder / f"{NAME}.HDR"
    text = header.read_text().replace('Viewing_Angles sn="4"', 'Viewing_Angles sn="1"')
    header.write_text(text.replace('Viewing_Angles sn="X"', 'Viewing_Angles sn="4"'))
    before, after = (venus_vsc.read(item).angles for item in (product, folder))
    assert before is not None and after is not None
    changed = (before["view_zenith"] != after["view_zenith"]).any("point")
    assert [str(band) for band in changed["band"].values[changed.values]] == ["B1", "B2", "B3", "B4", "B5", "B6"]


def test_versions_and_facts(product: Path) -> None:
    acquisition = venus_vsc.read(product)
    assert acquisition.versions["PHGAIN"] == "00007"
    assert acquisition.versions["GIP_PHGAIN"] == "VE_TEST_GIP_PHGAIN_L_ALLSITES_00007_20170801_99991231"
    assert acquisition.versions["GIP_DARKCU_B12"].endswith("_B12_111101")
    assert acquisition.facts["flag Straylight_T1"] == "true" and acquisition.facts["flag Restoration"] == "false"
    assert acquisition.facts["level"] == "L1" and acquisition.facts["projection"] == "EPSG:32631"
    assert acquisition.facts["significant bits"] == "10"
    assert "unconfirmed" in acquisition.facts["mask bits"]


def test_masks_hold_one_bit_per_band(product: Path, scene: SiteScene) -> None:
    masks = venus_vsc.read(product).masks
    assert len(masks) == 25
    for index, band in enumerate(BANDS):
        saturated = np.zeros(scene.shape, dtype=bool)
        saturated[scene.saturated] = index % 2 == 0
        np.testing.assert_array_equal(masks[f"SAT {band}"].marked().values, saturated)
        assert np.argwhere(masks[f"PIX {band}"].marked().values).tolist() == [[index + 1, index + 1]]
    assert not masks["CLD"].marked().values.any()


def test_opening_reads_no_pixel_and_is_quick(product: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = []
    monkeypatch.setattr(calib.raster, "read_layers", lambda *args: reads.append(args))
    acquisition = venus_vsc.read(product)
    acquisition.counts()
    assert not reads
    assert acquisition.digest and set(acquisition.files) == {
        f"{NAME}.HDR",
        f"{NAME}.DBL.DIR/VE_VM01_VSC_PDTIMG_L1VALD_LACRAU___20190204.DBL.TIF",
    }


# processor time: the bound is for the program, not for what else the machine does
def test_a_header_of_a_megabyte_opens_within_a_third_of_a_second(edited: Callable[[str, str], Path]) -> None:
    item = "<Quality_Index sn='1'><Code>NB_PIXELS_OK</Code><Value>1</Value></Quality_Index>"
    filled = f'<List_of_Quality_Indexes count="2000">{item * 1988}'
    folder = edited('<List_of_Quality_Indexes count="12">', filled)
    header = folder / f"{NAME}.HDR"
    header.write_bytes(header.read_bytes() + b"\n" * (2**20 - header.stat().st_size))
    spent = []
    for _ in range(4):
        start = time.process_time()
        venus_vsc.read(folder)
        spent.append(time.process_time() - start)
    assert min(spent) < 0.3


@pytest.mark.parametrize("options", [{"single_file": True}, {"dtype": "int16"}, {"pretty": False}, {"grids": False}])
def test_variants_give_the_same_counts(tmp_path: Path, scene: SiteScene, options: dict) -> None:
    header = write(tmp_path, scene, **options)
    assert venus_vsc.recognises(header) and venus_vsc.recognises(tmp_path)
    for path in (header, tmp_path):
        acquisition = venus_vsc.read(path)
        np.testing.assert_array_equal(acquisition.counts().values, scene.counts(1000).values)
        assert acquisition.band("B1").raster.dtype == options.get("dtype", "uint16")
        assert acquisition.digest


def test_a_missing_detector_unit_is_told_and_leaves_no_angles(tmp_path: Path, scene: SiteScene) -> None:
    write(tmp_path, scene, missing_units=(3,))
    acquisition = venus_vsc.read(tmp_path)
    assert acquisition.angles is not None
    unknown = acquisition.angles["view_zenith"].isnull().all("point")
    assert list(unknown["band"].values[unknown.values]) == ["B7", "B8", "B9"]
    assert any("unit 3" in text and "B7, B8, B9" in text for text in acquisition.warnings)


@pytest.mark.parametrize(
    ("file_class", "told"), [("VM05", "newer than the interface schemas"), ("ZZZZ", "not one that")]
)
def test_other_file_classes_are_accepted_with_a_warning(
    tmp_path: Path, scene: SiteScene, file_class: str, told: str
) -> None:
    write(tmp_path, scene, file_class=file_class)
    warnings = venus_vsc.read(tmp_path).warnings
    assert len(warnings) == 1 and told in warnings[0] and file_class in warnings[0]


def test_without_images_the_sizes_are_the_headers(product: Path, tmp_path: Path, scene: SiteScene) -> None:
    header = shutil.copy(product / f"{NAME}.HDR", tmp_path)
    acquisition = venus_vsc.read(Path(header), images=False)
    assert (acquisition.band("B7").raster.lines, acquisition.band("B7").raster.columns) == scene.shape
    assert list(acquisition.files) == [f"{NAME}.HDR"]
    with pytest.raises(InputError, match=r"DBL\.TIF: the file is missing"):
        venus_vsc.read(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("<Code>RATE_PIXELS_OK_L1A</Code>", "<Kode/>", "element Code is missing"),
        (">0.001<", ">NaN<", "no finite number"),
        (">0.001<", ">2<", "does not lie between"),
        (">0.001<", ">0,001<", "is no number"),
        (">0.7<", ">0.0<", "is not positive"),
        (">0.7<", ">-0.7<", "does not lie between"),
        ('sk="B02">0.7', 'sk="B01">0.7', "listed twice"),
        ('sk="B02">0.7', 'sk="B13">0.7', "is no band"),
        ('List_of_Aks count="12"', 'List_of_Aks count="11"', "count says 11, 12 elements Ak"),
        ('List_of_GIPP_Files count="14"', 'List_of_GIPP_Files count="15"', "count says 15"),
        ("VSC_L1VALD</File_Type>", "VSC_L2VALD</File_Type>", "is another file type"),
        (">VENuS<", ">SPOT<", "is not VENuS"),
        ("<Lines>40<", "<Lines>41<", "40 lines of 48 columns where the metadata says 41 of 48"),
        ("<Lines>40<", "<Lines>NIL=VARIABLE_BY_BAND<", "the lines vary by band"),
        ("<Bands>15<", "<Bands>14<", "14 layers promised"),
        ("<Columns>48</Columns>", "<Columns>1e9</Columns>", "does not lie between"),
        ('<Band sn="2">B02', '<Band sn="2">B01', "listed twice"),
        ('<Band sn="2">B02', '<Band sn="2">XXX', "is no layer of level 1"),
        ("UNSIGNED_SHORT", "SIGNED_SHORT", "samples are uint16, expected int16"),
        ("UNSIGNED_SHORT", "FLOAT", "'FLOAT' is not read"),
        ('Viewing_Angles sn="2"', 'Viewing_Angles sn="1"', "no detector unit of its own"),
        ('Viewing_Angles sn="2"', 'Viewing_Angles sn="5"', "no detector unit of its own"),
        ('<Zenith unit="deg">35.0<', '<Zenith unit="rad">35.0<', "unit 'rad' is not deg"),
        ('<Zenith unit="deg">35.0<', '<Zenith unit="deg">inf<', "no finite number"),
        ("UTC=2019-02-04T10:34:37", "NIL=UNKNOWN", "no UTC date"),
        ("<File_Location>./", "<File_Location>../", "leads out of the product"),
        ("<File_Location>./", "<File_Location>/etc/", "leads out of the product"),
        ("Earth_Explorer_Header", "Muscate_Metadata_Document", "the root is no Earth_Explorer_Header"),
        ("encoding='UTF-8'", "encoding='UTF-16'", "not readable as XML"),
        ("<Fixed_Header>", "<!DOCTYPE a [<!ENTITY e 'x'>]><Fixed_Header>", "declares a document type"),
    ],
)
def test_damaged_headers_are_refused_in_a_sentence(
    edited: Callable[[str, str], Path], old: str, new: str, told: str
) -> None:
    folder = edited(old, new)
    with pytest.raises(InputError) as caught:
        venus_vsc.read(folder)
    assert told in str(caught.value) and "\n" not in str(caught.value)
    assert NAME in str(caught.value) or str(folder) in str(caught.value)


def test_a_link_out_of_the_product_is_refused(product: Path, tmp_path: Path) -> None:
    folder, outside = tmp_path / "product", tmp_path / "outside.tif"
    shutil.copytree(product, folder)
    image = next((folder / f"{NAME}.DBL.DIR").glob("*PDTIMG*.TIF"))
    shutil.move(image, outside)
    image.symlink_to(outside)
    with pytest.raises(InputError, match="leads out of the product"):
        venus_vsc.read(folder)


def test_a_cut_image_and_one_of_other_layers_are_refused(product: Path, tmp_path: Path, scene: SiteScene) -> None:
    from calib.simulate.products.elements import write_image

    folder = tmp_path / "product"
    shutil.copytree(product, folder)
    image = next((folder / f"{NAME}.DBL.DIR").glob("*PDTIMG*.TIF"))
    write_image(image, [np.zeros(scene.shape, dtype="uint16")] * 12)
    with pytest.raises(InputError, match="12 layers where 15 belong"):
        venus_vsc.read(folder)
    image.write_bytes(image.read_bytes()[:20])
    with pytest.raises(InputError, match="cannot be opened as TIFF"):
        venus_vsc.read(folder)


def test_two_products_in_a_folder_and_none(product: Path, tmp_path: Path, scene: SiteScene) -> None:
    write(tmp_path, scene)
    write(tmp_path, scene, file_class="VM02")
    with pytest.raises(InputError, match=r"needs one the header of a VSC level 1 product, found VE_VM01.*VE_VM02"):
        venus_vsc.read(tmp_path)
    (tmp_path / "empty").mkdir()
    assert not venus_vsc.recognises(tmp_path / "empty") and not venus_vsc.recognises(tmp_path / "nothing")
    with pytest.raises(InputError, match="found none"):
        venus_vsc.read(tmp_path / "empty")


def test_a_hundred_thousand_repeated_elements_are_refused_quickly(edited: Callable[[str, str], Path]) -> None:
    folder = edited('<GIPP_File sn="1">', "<GIPP_File/>" * 100_000 + '<GIPP_File sn="1">')
    start = time.process_time()
    with pytest.raises(InputError, match="at most 2000 make sense"):
        venus_vsc.read(folder)
    assert time.process_time() - start < 5.0


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1), cut=st.integers(0, 12), put=st.binary(max_size=12), base=st.integers(0, 2))
def test_mutated_headers_raise_nothing_but_input_errors(
    tmp_path: Path, corpus: list[bytes], place: float, cut: int, put: bytes, base: int
) -> None:
    content = corpus[base]
    start = int(place * len(content))
    path = tmp_path / f"{NAME}.HDR"
    path.write_bytes(content[:start] + put + content[start + cut :])
    venus_vsc.recognises(path)
    try:
        venus_vsc.read(path, images=False)
    except InputError as error:
        assert "\n" not in str(error)


@pytest.fixture(scope="module")
def corpus() -> list[bytes]:
    return fuzz_corpus()


def test_the_same_scene_gives_the_same_bytes(product: Path, tmp_path: Path, scene: SiteScene) -> None:
    write(tmp_path, scene)
    files = sorted(path.relative_to(product) for path in product.rglob("*") if path.is_file())
    assert files and all((product / name).read_bytes() == (tmp_path / name).read_bytes() for name in files)


def schema(shared: Path, name: str) -> etree.XMLSchema:
    """A schema of the interface document; it uses internal entities and includes others beside it."""
    found = next(shared.rglob(name), None)
    if found is None:
        pytest.skip(f"no reference folder with {name}")
    return etree.XMLSchema(etree.parse(str(found), etree.XMLParser(load_dtd=True, no_network=True)))


def test_synthetic_headers_fit_the_missions_schemas(shared: Path, product: Path) -> None:
    schema(shared, "VE_VSC_PDT_L1_L1PublishedProduct.xsd").assertValid(etree.parse(str(product / f"{NAME}.HDR")))
    for annex in product.rglob("*PDTANX*.HDR"):
        schema(shared, "VE_VSC_PDTANX_AnnexProduct.xsd").assertValid(etree.parse(str(annex)))


def test_a_genuine_header(shared: Path) -> None:
    """Facts read off the header of ISRAEL03, 4 February 2019, VM01."""
    found = next(shared.rglob("VE_VM01_VSC_L1VALD_ISRAEL03_20190204.HDR"), None)
    if found is None:
        pytest.skip("no reference folder with the genuine level 1 header")
    assert venus_vsc.recognises(found) and venus_vsc.recognises(found.parent)
    start = time.process_time()
    acquisition = venus_vsc.read(found, images=False)
    assert time.process_time() - start < 0.3
    assert acquisition.acquired == np.datetime64("2019-02-04T08:34:37")
    gains = [image.calibration.gain.value for image in acquisition.bands.values() if image.calibration.gain]
    assert gains == [0.204, 0.708, 1.144, 1.329, 1.667, 1.777, 1.747, 1.538, 2.257, 1.706, 2.158, 1.88]
    raster = acquisition.band("B12").raster
    assert (raster.lines, raster.columns, raster.dtype, raster.layer) == (7395, 8437, "uint16", 12)
    assert acquisition.versions["PHGAIN"] == "00007"
    assert sum(name.startswith("GIP_") for name in acquisition.versions) == 93
    assert sum(name.startswith("quality") for name in acquisition.facts) == 30
    assert acquisition.facts["polarization coefficients"].startswith("B1 -0.0014, B2 -0.0016")
    assert acquisition.facts["flag Straylight_T2"] == "true" and acquisition.facts["flag Remanence"] == "false"
    assert acquisition.angles is not None
    centre = acquisition.angles.sel(point="center")
    view = {1: 12.851195, 2: 13.25631, 3: 13.673858, 4: 14.104792}
    np.testing.assert_allclose(centre["view_zenith"], [view[UNIT_OF_BAND[band]] for band in BANDS])
    np.testing.assert_allclose(centre["sun_azimuth"], 156.2326366292)
    assert acquisition.warnings == ()


def test_reflectances_of_a_genuine_crop(shared: Path) -> None:
    found = next(shared.rglob("VE_VM01_VSC_PDTIMG_L1VALD_ISRAEL03_20190204_crop121.TIF"), None)
    if found is None:
        pytest.skip("no reference folder with the genuine crop")
    counts = np.stack([open_raster(found, layer=layer, layers=12).read() for layer in range(1, 13)])
    reflectance = counts[counts > 0] / 1000.0
    assert counts.shape == (12, 121, 121) and reflectance.min() > 0 and reflectance.max() < 1.6
