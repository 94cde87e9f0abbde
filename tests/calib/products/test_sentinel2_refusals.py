"""Sentinel-2 level 1C products that are refused, and hostile ones: one clear sentence, nothing else."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calib.acquisition import Acquisition
from calib.errors import InputError
from calib.products import sentinel2
from calib.simulate.products import sentinel2 as writer
from calib.simulate.products.scene import site_scene

SCENE = site_scene(["B1", "B2", "B9"], shape=(6, 8))
HEADER, TILE, STRIP = "MTD_MSIL1C.xml", "MTD_TL.xml", "MTD_DS.xml"


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return writer.write(tmp_path_factory.mktemp("product"), SCENE)


@pytest.fixture
def copy(product: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(product, tmp_path / product.name))


def fuzz_corpus() -> list[dict[str, bytes]]:
    """Small valid products without images: the content of each header by its name in the SAFE folder; grids of angles cut to two rows."""
    with tempfile.TemporaryDirectory() as folder:
        product = writer.write(Path(folder), site_scene(["B1"], shape=(2, 2)))
        found = {path.relative_to(product).as_posix(): path.read_bytes() for path in sorted(product.rglob("MTD_*.xml"))}
    cut = re.compile(rb"(<Values_List>\s*(?:<VALUES>[^<]*</VALUES>\s*){2}).*?(</Values_List>)", flags=re.DOTALL)
    return [{name: cut.sub(rb"\1\2", content) for name, content in found.items()}]


def edit(product: Path, name: str, old: str, new: str) -> None:
    path = next(product.rglob(name))
    text = path.read_text(encoding="utf-8")
    assert re.search(old, text, flags=re.DOTALL), old
    path.write_text(re.sub(old, new, text, flags=re.DOTALL), encoding="utf-8")


REFUSED = [
    (HEADER, "Sentinel-2A", "Landsat-8", "'Landsat-8' is no Sentinel-2; expected Sentinel-2A"),
    (HEADER, "Level-1C</PROCESSING", "Level-2A</PROCESSING", "'Level-2A' is not read; accepted: Level-1C"),
    (HEADER, "Level-1C_User_Product", "Level-2A_User_Product", "accepted: level 1C"),
    (HEADER, "05.11</PRO", "five</PRO", "'five' is no version such as 05.11"),
    (HEADER, 'QUANTIFICATION_VALUE unit="none">10000', "QUANTIFICATION_VALUE>0", "does not lie between 1 and"),
    (HEADER, 'QUANTIFICATION_VALUE unit="none">10000', "QUANTIFICATION_VALUE>NaN", "no finite number"),
    (HEADER, 'RADIO_ADD_OFFSET band_id="9">-1000', 'RADIO_ADD_OFFSET band_id="9">-inf', "no finite number"),
    (HEADER, 'RADIO_ADD_OFFSET band_id="9"', 'RADIO_ADD_OFFSET band_id="1"', "band B2 is given twice"),
    (HEADER, 'RADIO_ADD_OFFSET band_id="9"', 'RADIO_ADD_OFFSET band_id="8"', "RADIO_ADD_OFFSET of band B9 is missing"),
    (HEADER, 'RADIO_ADD_OFFSET band_id="9"', 'RADIO_ADD_OFFSET band_id="13"', "'13' is none of 0 to 12"),
    (HEADER, "W/m²/µm", "mW/m²/nm", "'mW/m²/nm' is not read; accepted: W/m²/µm"),
    (HEADER, "<U>0.9678", "<U>967.8", "does not lie between 0.9 and 1.1"),
    (HEADER, "(IMAGE_FILE>)GRANULE/", r"\1../GRANULE/", "is of no band"),
    (HEADER, "/L1C_[^/]*/IMG_DATA", "/../IMG_DATA", "leads out of the product"),
    (HEADER, "_B09<", "_B99<", "is of no band"),
    (HEADER, "_B09<", "_B02<", "or of one listed before"),
    (HEADER, "(<Granule .*</Granule>)", r"\1\1", "holds 2 tiles; products of one tile"),
    (HEADER, "<IMAGE_FILE>.*</IMAGE_FILE>", "", "names no image"),
    (HEADER, "<VALUES>0[^<]*", "<VALUES>0 0 0", "are no response"),
    (HEADER, "<VALUES>0[^<]*", "<VALUES>" + "1 " * 6000, "are no response"),
    (HEADER, '<STEP unit="nm">', '<STEP unit="um">', "accepted: nm"),
    (HEADER, "<GIPP_LIST>|<GIPP_List>", "<GIPP_List>" + "<GIPP_FILENAME/>" * 3000, "more than any product has"),
    (HEADER, r"<\?xml[^>]*\?>", '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]>', "document type"),
    (TILE, "<SENSING_TIME>[^<]*", "<SENSING_TIME>soon", "no UTC date"),
    (TILE, '<Size resolution="60">', '<Size resolution="30">', "Size of resolution 60 is missing"),
    (TILE, "<NROWS>36", "<NROWS>9000000", "no size of a product"),
    (TILE, "^(.*?<VALUES>)35.0 ", r"\1", "rows of its grid have different lengths"),
    (TILE, "<VALUES>35.0 ", "<VALUES>", "grids of zenith and azimuth differ"),
    (TILE, "<VALUES>35.0 ", "<VALUES>inf ", "not finite"),
    (TILE, "<VALUES>35.0 ", "<VALUES>900 ", "sun zenith angle does not lie between"),
    (TILE, "<VALUES>[^<]*</VALUES>", "", "0 rows are no grid"),
    (TILE, "<Tile_Angles>.*</Tile_Angles>", "", "Tile_Angles is missing"),
    (TILE, "(<MASK_FILENAME[^>]*>)GRANULE", r"\1/etc/GRANULE", "leads out of the product"),
    (TILE, "MSK_QUALIT_B09.jp2", "MSK_QUALIT_B09.txt", "is not read; expected"),
    (TILE, "Level-1C_Tile_ID", "Tile", "no header of a tile"),
    (STRIP, 'POSITION_VALUES unit="mm"', 'POSITION_VALUES unit="ft"', "'ft' is not read; accepted: mm"),
    (STRIP, '(POSITION_VALUES unit="mm">)[^<]*', r"\g<1>1 2 3", "lies 0 km from the Earth's centre"),
    (STRIP, "<QUATERNION_VALUES>[^<]*", "<QUATERNION_VALUES>0 0 0 9", "is no rotation"),
    (STRIP, "<GPS_TIME>[^<]*", "<GPS_TIME>2019", "no UTC date"),
]


@pytest.mark.parametrize("name, old, new, sentence", REFUSED)
def test_headers_that_are_refused(copy: Path, name: str, old: str, new: str, sentence: str) -> None:
    edit(copy, name, old, new)
    with pytest.raises(InputError, match=sentence) as error:
        sentinel2.read(copy, images=False, verify=False)
    assert "\n" not in str(error.value) and str(copy) in str(error.value)


def _cut(product: Path) -> None:
    path = next(product.rglob("*_B02.jp2"))
    path.write_bytes(path.read_bytes()[:60])


def _link(product: Path) -> None:
    path = next(product.rglob("T31TFJ*_B02.jp2"))
    outside = product.parent / "outside.jp2"
    path.rename(outside)
    path.symlink_to(outside)


@pytest.mark.parametrize(
    "harm, sentence",
    [
        (_cut, "cannot be opened as JPEG 2000"),
        (_link, "leads out of the product"),
        (lambda product: edit(product, TILE, "<NROWS>36", "<NROWS>37"), "where the metadata says 37"),
        (lambda product: next(product.rglob("T31TFJ*_B09.jp2")).unlink(), "the file is missing"),
        (lambda product: next(product.rglob("MSK_QUALIT_B09.jp2")).unlink(), "the file is missing"),
        (lambda product: next(product.rglob(TILE)).unlink(), "needs one tile header MTD_TL.xml, found none"),
        (lambda product: (product / HEADER).unlink(), "needs one header"),
    ],
)
def test_products_that_are_refused(copy: Path, harm: Callable[[Path], object], sentence: str) -> None:
    harm(copy)
    with pytest.raises(InputError, match=sentence):
        sentinel2.read(copy, verify=False)


def test_files_that_differ_from_the_manifest_are_refused(copy: Path) -> None:
    edit(copy, HEADER, "<U>0.9678", "<U>0.9679")
    with pytest.raises(InputError, match=r"its SHA3-256 is not that of manifest\.safe"):
        sentinel2.read(copy)
    assert sentinel2.read(copy, verify=False).facts["earth_sun_u"] == "0.9679"
    edit(copy, HEADER, "<U>0.9679", "<U>0.96790")
    with pytest.raises(InputError, match=r"bytes where manifest\.safe says"):
        sentinel2.read(copy)
    (copy / "manifest.safe").unlink()
    assert any("manifest.safe is missing" in text for text in sentinel2.read(copy).warnings)


def test_an_image_of_another_length_than_in_the_manifest_is_refused(copy: Path) -> None:
    path = next(copy.rglob("T31TFJ*_B02.jp2"))
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(InputError, match=r"_B02.jp2: \d+ bytes where manifest.safe says"):
        sentinel2.read(copy)


def test_what_is_odd_is_accepted_with_a_warning(copy: Path) -> None:
    edit(copy, HEADER, "psd-14", "psd-99")
    edit(copy, HEADER, "SATURATED", "CLIPPED")
    edit(copy, HEADER, '<SOLAR_IRRADIANCE bandId="9".*?</SOLAR_IRRADIANCE>', "")
    edit(copy, TILE, '<Viewing_Incidence_Angles_Grids bandId="9".*?</Viewing_Incidence_Angles_Grids>', "")
    acquisition = sentinel2.read(copy, verify=False)
    assert acquisition.bands["B9"].saturated is None and acquisition.bands["B9"].calibration.solar_irradiance is None
    said = " ".join(acquisition.warnings)
    for part in ("format version 99", "no value of SATURATED", "SOLAR_IRRADIANCE of band B9", "Grids of band B9"):
        assert part in said
    # and that three bands are not all
    assert len(acquisition.warnings) == 5


def test_a_level_2_product_is_recognised_and_refused(copy: Path) -> None:
    edit(copy, HEADER, "Level-1C_User_Product", "Level-2A_User_Product")
    (copy / HEADER).rename(copy / "MTD_MSIL2A.xml")
    assert sentinel2.recognises(copy)
    with pytest.raises(InputError, match="accepted: level 1C"):
        sentinel2.read(copy)


@pytest.fixture(scope="module")
def corpus() -> dict[str, bytes]:
    return fuzz_corpus()[0]


def test_the_corpus_is_readable(tmp_path: Path, corpus: dict[str, bytes]) -> None:
    for name, content in corpus.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    acquisition = sentinel2.read(tmp_path, images=False, verify=False)
    assert acquisition.angles is not None and acquisition.angles.sizes["point"] == 1 + 2 * 23
    assert acquisition.orbit is not None and acquisition.attitude is not None


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 100_000), content=st.binary(max_size=12), which=st.integers(0, 2), length=st.integers(0, 40))
def test_damaged_headers_raise_nothing_else(
    tmp_path: Path, corpus: dict[str, bytes], at: int, content: bytes, which: int, length: int
) -> None:
    for number, (name, text) in enumerate(corpus.items()):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        place = at % len(text)
        path.write_bytes(text[:place] + content + text[place + length :] if number == which else text)
    try:
        assert isinstance(sentinel2.read(tmp_path, images=False), Acquisition)
    except InputError as error:
        assert "\n" not in str(error)
