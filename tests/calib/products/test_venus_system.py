"""Venµs system products in sensor geometry: a simulated Moon handed over and taken back, line dates, settings, telemetry, refusals."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.time import Time
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

import calib.raster
from calib.acquisition import Acquisition, BandImage
from calib.errors import InputError
from calib.products import plain, venus_system, venus_vsc
from calib.raster import Raster
from calib.simulate.products.elements import write_image
from calib.simulate.products.venus_parameters import Identity, write_attitudes, write_positions
from calib.simulate.products.venus_system import LEFT_GAIN, RIGHT_GAIN, TDI, Variant, write_system

BANDS = tuple(f"B{number}" for number in range(1, 13))
SAMPLES = Path(__file__).resolve().parents[3] / "data_samples" / "moon"
NAME = "VE_TEST_VSC_1AVALD_THE_MOON_20190118"
START = np.datetime64("2019-01-18T08:14:01.123456", "ns")
PERIOD_S = 0.000787
GAINS = {band: round(0.5 + 0.1 * index, 1) for index, band in enumerate(BANDS)}


def moon(lines: int = 12) -> tuple[Acquisition, dict[str, np.ndarray]]:
    """A small Moon-like acquisition: every band with a line more than the last, its own first date and counts up to saturation."""
    generator = np.random.default_rng(5)
    counts = {
        band: np.minimum(generator.integers(0, 1100, (lines + index, 10)), 1023).astype("uint16")
        for index, band in enumerate(BANDS)
    }
    bands = {
        band: BandImage(
            Raster(Path(f"{band}.tif"), *counts[band].shape, "uint16", 64),
            first_line=START + np.timedelta64(index * 100_000_250, "ns"),
            line_period_s=PERIOD_S,
        )
        for index, band in enumerate(BANDS)
    }
    acquisition = Acquisition(
        name="SIMULATED",
        sensor="venus",
        kind="moon",
        path=Path("simulated"),
        bands=bands,
        files={"acquisition.yaml": None},
        column_axis=np.array([0.6, 0.8, 0.0]),
        line_axis=np.array([0.0, 0.0, -1.0]),
        versions={"PHGAIN": "00007"},
        binning=3,
    )
    return acquisition, counts


def make(folder: Path, variant: Variant | None = None) -> Path:
    acquisition, counts = moon()
    return write_system(folder, acquisition, counts.items(), variant or Variant(gains=GAINS))


def fuzz_corpus() -> list[bytes]:
    """Small valid headers of a product, of its technical file and of its line dates, for fuzzing."""
    import tempfile

    with tempfile.TemporaryDirectory() as place:
        acquisition, counts = moon()
        header = write_system(Path(place), acquisition, [("B1", counts["B1"])], Variant(gains={"B1": 0.2}))
        return [path.read_bytes() for path in (header, *sorted(Path(place).rglob("*.EEF")))]


def test_the_corpus_holds_a_header_a_technical_file_and_line_dates() -> None:
    kinds = [etree.fromstring(content).find(".//{*}File_Type").text for content in fuzz_corpus()]
    assert kinds == ["VSC_1AVALD", "TEC_1AVALD", "TEC_LINDAT"]


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("system")
    make(folder)
    return folder


@pytest.fixture
def edited(product: Path, tmp_path: Path) -> Callable[[str, str, str], Path]:
    """A copy of the product with a text replaced (everywhere) in the one file whose name fits a pattern."""

    def edit(pattern: str, old: str, new: str) -> Path:
        folder = tmp_path / "edited"
        shutil.copytree(product, folder)
        path = next(folder.rglob(pattern))
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")
        return folder

    return edit


def test_a_simulated_moon_comes_back(product: Path) -> None:
    given_, counts = moon()
    acquisition = venus_system.read(product)
    assert (acquisition.name, acquisition.sensor, acquisition.kind) == (NAME, "venus", "moon")
    assert list(acquisition.bands) == list(BANDS)
    assert acquisition.warnings == ()
    assert acquisition.angles is None and acquisition.binning == 3
    np.testing.assert_array_equal(acquisition.axes, given_.axes)
    for band, image in acquisition.bands.items():
        np.testing.assert_array_equal(image.counts().values, counts[band])
        apart = [abs(image.line_time(line) - given_.band(band).line_time(line)) for line in range(image.raster.lines)]
        # the files hold whole microseconds
        assert max(apart) <= np.timedelta64(500, "ns")
        gain = image.calibration.gain
        assert gain is not None and gain.value == GAINS[band] and gain.origin == "product"
        assert image.calibration.quantification is None and image.saturated is None and image.nodata == 0
    assert acquisition.versions["PHGAIN"] == "00007"


def test_line_dates_count_microseconds_from_noon_of_2000(product: Path) -> None:
    # astropy's Julian date of UTC, whose day 2451545.0 is 2000-01-01 12:00
    date = Time("2019-01-18T08:14:01.123456", scale="utc", precision=9)
    elapsed_us = ((date.jd1 - 2451545.0) + date.jd2) * 86400e6
    path = next(product.rglob("*LINDAT*_B01.EEF"))
    tag = etree.parse(str(path)).find(".//{*}Time_Tag").text
    # a float of 6e14 microseconds holds an eighth of one
    assert int(tag.removeprefix("MJD=")) == pytest.approx(elapsed_us, abs=2.0)
    assert venus_system.read(product).band("B1").first_line == START


def test_a_sample_of_the_simulator_survives_the_round_trip(tmp_path: Path) -> None:
    sample = plain.read(SAMPLES / "VENUS_MOON_20190223T155236")
    bands = ("B1", "B4", "B12")
    write_system(tmp_path, sample, ((band, sample.band(band).counts().values) for band in bands))
    acquisition = venus_system.read(tmp_path)
    assert list(acquisition.bands) == list(bands) and acquisition.binning == sample.binning
    np.testing.assert_array_equal(acquisition.axes, sample.axes)
    for band in bands:
        before, after = sample.band(band), acquisition.band(band)
        np.testing.assert_array_equal(after.counts().values, before.counts().values)
        for line in (0, after.raster.lines // 2, after.raster.lines - 1):
            assert abs(after.line_time(line) - before.line_time(line)) <= np.timedelta64(500, "ns")
        assert after.line_period_s == pytest.approx(before.line_period_s, rel=1e-6)


def test_settings_change_sides_for_the_last_six_bands(product: Path) -> None:
    facts = venus_system.read(product).facts
    left = [f"{band} {(LEFT_GAIN if index < 6 else RIGHT_GAIN)[index]}" for index, band in enumerate(BANDS)]
    right = [f"{band} {(RIGHT_GAIN if index < 6 else LEFT_GAIN)[index]}" for index, band in enumerate(BANDS)]
    assert facts["left gain"] == ", ".join(left)
    assert facts["right gain"] == ", ".join(right)
    assert facts["left offset"].startswith("B1 1, ") and facts["left offset"].endswith("B12 32")
    assert facts["TDI"] == ", ".join(f"{band} {int(value)}" for band, value in zip(BANDS, TDI, strict=True))
    assert facts["attitude at the centre"] == "roll 1.5, pitch -2.5, yaw 90 deg"
    assert facts["lines of the segment"].startswith("B1 100..111, B2 100..112")


def test_masks_lie_on_the_first_lines_of_every_band(product: Path) -> None:
    _, counts = moon()
    masks = venus_system.read(product).masks
    assert len(masks) == 24
    for band in BANDS:
        np.testing.assert_array_equal(masks[f"SAT {band}"].marked().values, counts[band] == 1023)
        assert not masks[f"PIX {band}"].marked().values.any()


def test_opening_reads_no_pixel(product: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = []
    monkeypatch.setattr(calib.raster, "read_layers", lambda *args: reads.append(args))
    acquisition = venus_system.read(product)
    acquisition.band("B3").counts()
    assert not reads
    assert len(acquisition.digest) == 64
    # header; 12 images, their headers and line dates; 2 masks and their headers; technical file
    assert len(acquisition.files) == 1 + 3 * 12 + 4 + 1


def test_long_line_date_files_open_quickly(tmp_path: Path) -> None:
    acquisition, _ = moon(20_000)
    # about a megabyte of dates
    write_system(tmp_path, acquisition, [("B1", np.zeros((20_000, 4), dtype="uint16"))])
    spent = []
    for _ in range(3):
        start = time.process_time()
        venus_system.read(tmp_path)
        spent.append(time.process_time() - start)
    assert min(spent) < 0.3


def test_without_line_date_files_the_line_models_date_the_lines(tmp_path: Path) -> None:
    make(tmp_path, Variant(gains=GAINS, date_files=False))
    given_, _ = moon()
    acquisition = venus_system.read(tmp_path)
    for band in BANDS:
        before, after = given_.band(band), acquisition.band(band)
        assert after.line_dates is None and after.line_period_s == PERIOD_S
        # the model's reference is a day to twelve decimals, 0.1 microseconds
        assert abs(after.first_line - before.first_line) <= np.timedelta64(100, "ns")
        assert abs(
            after.line_time(after.raster.lines - 1) - before.line_time(before.raster.lines - 1)
        ) <= np.timedelta64(100, "ns")


@pytest.mark.parametrize(("error_s", "told"), [(0.5 * PERIOD_S, 0), (2.0 * PERIOD_S, 12)])
def test_line_date_files_win_over_models_and_a_contradiction_is_told(tmp_path: Path, error_s: float, told: int) -> None:
    make(tmp_path, Variant(gains=GAINS, model_error_s=error_s))
    acquisition = venus_system.read(tmp_path)
    assert abs(acquisition.band("B1").first_line - START) <= np.timedelta64(500, "ns")
    assert sum("Datation_Line_Model" in text for text in acquisition.warnings) == told == len(acquisition.warnings)


def test_without_any_dates_the_lines_are_undated_and_that_is_told(tmp_path: Path) -> None:
    make(tmp_path, Variant(gains=GAINS, date_files=False, models=False))
    acquisition = venus_system.read(tmp_path)
    assert not any(image.dated for image in acquisition.bands.values())
    assert len(acquisition.warnings) == 12 and "neither a line date file nor a line model" in acquisition.warnings[0]


@pytest.mark.parametrize(
    ("level", "scan", "saturated", "name"),
    [("0E", (2, 3), 1023, "L0-EXTENDED"), ("L0", None, 1023, "L0"), ("1A", None, None, "L1A")],
)
def test_levels(tmp_path: Path, level: str, scan: tuple[int, int] | None, saturated: int | None, name: str) -> None:
    header = make(tmp_path, Variant(level=level, scan=scan, masks=level == "1A", gains=None))
    assert venus_system.recognises(header) and not venus_vsc.recognises(header)
    acquisition = venus_system.read(header)
    assert acquisition.facts["level"] == name
    assert acquisition.band("B2").saturated == saturated and acquisition.band("B2").raster.columns == 10
    assert acquisition.facts.get("columns") == ("pre 2, useful 5, post 3" if scan else None)
    assert acquisition.band("B2").calibration.gain is None
    assert any("List_of_Aks holds no gain" in text for text in acquisition.warnings)


def test_a_site_has_angles_and_the_moon_none(tmp_path: Path) -> None:
    make(tmp_path, Variant(site="S_ISRAEL03", gains=GAINS))
    acquisition = venus_system.read(tmp_path)
    assert acquisition.kind == "site" and acquisition.angles is not None
    assert acquisition.angles["view_zenith"].sel(band="B12", point="center") == 13.0


def test_without_images_sizes_come_from_their_headers_or_the_technical_file(tmp_path: Path) -> None:
    for place, variant in (
        ("with", Variant(gains=GAINS)),
        ("without", Variant(gains=GAINS, image_headers=False, masks=False)),
    ):
        folder = tmp_path / place
        make(folder, variant)
        for image in folder.rglob("*.TIF"):
            image.unlink()
        acquisition = venus_system.read(folder, images=False)
        assert [image.raster.lines for image in acquisition.bands.values()] == list(range(12, 24))
    next(folder.rglob("*TEC_1AVALD*.EEF")).unlink()
    for dates in folder.rglob("*LINDAT*"):
        dates.unlink()
    with pytest.raises(InputError, match="the lines of B1 are not known"):
        venus_system.read(folder, images=False)


def test_without_the_technical_file_and_the_image_headers_the_images_speak(tmp_path: Path) -> None:
    make(tmp_path, Variant(gains=GAINS, technical=False, image_headers=False))
    acquisition = venus_system.read(tmp_path)
    assert acquisition.band("B12").raster.lines == 23 and acquisition.band("B12").line_dates is not None
    assert len(acquisition.warnings) == 1 and "technical file" in acquisition.warnings[0]


def test_telemetry_beside_the_product_gives_orbit_and_attitude(product: Path, tmp_path: Path) -> None:
    folder = tmp_path / "product"
    shutil.copytree(product, folder)
    times = START + np.arange(5) * np.timedelta64(100, "ms")
    identity = Identity("TEST", "THE_MOON")
    radius = np.array([[7.0e6 + 10 * row, 0.0, 0.0] for row in range(5)])
    write_positions(folder, identity, times, radius, np.tile([0.0, 7.5e3, 0.0], (5, 1)))
    turn = np.array([[np.cos(angle), 0.0, 0.0, np.sin(angle)] for angle in np.linspace(0, 0.1, 5)])
    write_attitudes(folder, identity, times, turn, np.zeros((5, 3)))
    acquisition = venus_system.read(folder)
    assert acquisition.orbit is not None and acquisition.attitude is not None
    np.testing.assert_allclose(acquisition.orbit["position"], radius)
    np.testing.assert_allclose(acquisition.attitude["quaternion"], turn, atol=1e-12)
    # GPS seconds of week in a float, and days to thirteen decimals: well under a microsecond
    assert max(abs(acquisition.orbit["time"].values - times)) < np.timedelta64(1000, "ns")
    assert acquisition.attitude.attrs["rotates_to"] == "MOD"
    assert sum("AUX_" in name for name in acquisition.files) == 2


def test_a_number_for_the_quantification_is_not_used(edited: Callable[[str, str, str], Path]) -> None:
    folder = edited(f"{NAME}.HDR", "Quantification_Value>NONE", "Quantification_Value>0.001")
    acquisition = venus_system.read(folder)
    assert acquisition.band("B1").calibration.quantification is None
    assert any("0.001 is not used" in text for text in acquisition.warnings)


@pytest.mark.parametrize(
    ("pattern", "old", "new", "told"),
    [
        (f"{NAME}.HDR", "VSC_1AVALD</File_Type>", "VSC_2AVALD</File_Type>", "is another file type"),
        (f"{NAME}.HDR", 'Image_File sk="B03"', 'Image_File sk="B02"', "listed twice"),
        (f"{NAME}.HDR", 'Image_Files count="12"', 'Image_Files count="10"', "count says 10"),
        (f"{NAME}.HDR", "<File_Location>./", "<File_Location>../../", "leads out of the product"),
        (f"{NAME}.HDR", 'Mask_File sk="PIX"', 'Mask_File sk="SAT"', "no mask of its own"),
        (f"{NAME}.HDR", "<Value>3<", "<Value>0<", "ETALON_BINNING"),
        (f"{NAME}.HDR", "<Value>0.6 0.8 0.0<", "<Value>0.6 nan 0.0<", "unit vector"),
        (f"{NAME}.HDR", "<Value>0.6 0.8 0.0<", "<Value>a b c<", "are no vectors"),
        ("*_B02.HDR", "<Lines>13<", "<Lines>14<", "13 lines of 10 columns where the metadata says 14 of 10"),
        ("*_B02.HDR", "<Band_Code>B02", "<Band_Code>B07", "is the header of B07 where B02 belongs"),
        ("*TEC_1AVALD*", "MJD=", "JD=", "is no date (MJD=days)"),
        ("*TEC_1AVALD*", '<Te unit="s">0.000787</Te>', "", "element Te is missing"),
        ("*TEC_1AVALD*", ">0.000787<", ">0.0<", "does not lie between"),
        ("*TEC_1AVALD*", "112</Left_Gain", "</Left_Gain", "11 numbers where 12 belong"),
        ("*TEC_1AVALD*", "112</Left_Gain", "512</Left_Gain", "does not lie between 0 and 255"),
        ("*LINDAT*_B04*", "MJD=6", "MJD=-6", "MJD="),
        ("*LINDAT*_B04*", 'sk="3"', 'sk="4"', "sk"),
        ("*LINDAT*_B04*", 'count="15"', 'count="14"', "count"),
        ("*LINDAT*_B04*", "<Band_Code>B04", "<Band_Code>B05", "not of B4"),
    ],
)
def test_damaged_files_are_refused_in_a_sentence(
    edited: Callable[[str, str, str], Path], pattern: str, old: str, new: str, told: str
) -> None:
    folder = edited(pattern, old, new)
    with pytest.raises(InputError) as caught:
        venus_system.read(folder)
    assert told in str(caught.value) and "\n" not in str(caught.value)


def test_other_numbers_of_lines_than_dates_are_refused(product: Path, tmp_path: Path) -> None:
    folder = tmp_path / "product"
    shutil.copytree(product, folder)
    next(folder.rglob("*_B01.HDR")).unlink()
    write_image(next(folder.rglob("*_B01.DBL.TIF")), [np.zeros((13, 10), dtype="uint16")])
    with pytest.raises(InputError, match="12 dates for the 13 lines of B1"):
        venus_system.read(folder)


@pytest.mark.parametrize("pattern", ["*_B01.DBL.TIF", "*TEC_1AVALD*", "*LINDAT*_B01.EEF", "*_SAT.HDR"])
def test_links_out_of_the_product_are_refused(product: Path, tmp_path: Path, pattern: str) -> None:
    folder, outside = tmp_path / "product", tmp_path / "outside"
    shutil.copytree(product, folder)
    path = next(folder.rglob(pattern))
    shutil.move(path, outside)
    path.symlink_to(outside)
    with pytest.raises(InputError, match="leads out of the product"):
        venus_system.read(folder)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1), cut=st.integers(0, 12), put=st.binary(max_size=12), which=st.integers(0, 2))
def test_mutated_files_raise_nothing_but_input_errors(
    scratch: Path, place: float, cut: int, put: bytes, which: int
) -> None:
    path = [scratch / f"{NAME}.HDR", next(scratch.rglob("*TEC_1A*")), next(scratch.rglob("*LINDAT*"))][which]
    content = path.read_bytes()
    start = int(place * len(content))
    try:
        path.write_bytes(content[:start] + put + content[start + cut :])
        venus_system.recognises(path)
        venus_system.read(scratch, images=False)
    except InputError as error:
        assert "\n" not in str(error)
    finally:
        path.write_bytes(content)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scratch")
    acquisition, counts = moon()
    write_system(folder, acquisition, [("B1", counts["B1"])], Variant(gains=GAINS))
    return folder


def test_the_same_acquisition_gives_the_same_bytes(product: Path, tmp_path: Path) -> None:
    make(tmp_path)
    files = sorted(path.relative_to(product) for path in product.rglob("*") if path.is_file())
    assert files and all((product / name).read_bytes() == (tmp_path / name).read_bytes() for name in files)


@pytest.mark.parametrize("level", ["1A", "0E"])
def test_synthetic_files_fit_the_missions_schemas(shared: Path, tmp_path: Path, level: str) -> None:
    make(tmp_path, Variant(gains=GAINS, level=level, scan=(2, 2) if level == "0E" else None))
    schemas = {
        "*SYS": ("VE_VSC_PDTSYS_SystemProduct.xsd", f"VE_TEST_VSC_{level}VALD*.HDR"),
        "*IMG": ("VE_VSC_PDTIMG_ImageProduct.xsd", "*PDTIMG*_[BSP]*.HDR"),
        "*TEC": ("VE_TEC_PDTSYS_SystemProductTechnicalData.xsd", f"*TEC_{level}VALD*.EEF"),
        "*LIN": ("VE_TEC_LINDAT_DatationLine.xsd", "*LINDAT*_B0[16].EEF"),
    }
    for name, pattern in schemas.values():
        found = next(shared.rglob(name), None)
        if found is None:
            pytest.skip(f"no reference folder with {name}")
        schema = etree.XMLSchema(etree.parse(str(found), etree.XMLParser(load_dtd=True, no_network=True)))
        files = list(tmp_path.rglob(pattern))
        assert files
        for path in files:
            schema.assertValid(etree.parse(str(path)))
