"""The plain layout: what is written reads back; every fault is one sentence that names file, thing and remedy."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

import calib.raster
from calib.errors import ArchiveError, InputError, RequestError
from calib.lineage import digest_file
from calib.products import open_acquisition
from calib.products.plain import BandEntry, Description, read, utc, utc_text
from calib.products.plain_writer import write
from calib.raster import Raster

RATES = (np.arange(-10, 20) / 10, np.round(0.01 + 0.0001 * np.arange(-10, 20), 9))


def image(lines: int, columns: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 1024, (lines, columns)).astype(np.uint16)


IMAGES = {"B1": image(200, 30), "B2": image(150, 40, 1)}


def description(**changes: object) -> Description:
    entry = {"first_line_utc": "2020-03-05T10:00:00.100000001Z", "line_period": "3.148 ms"}
    content: dict[str, object] = {
        "name": "MOON",
        "sensor": "venus",
        "kind": "moon",
        "reference_utc": "2020-03-05T10:00:00Z",
        "column_axis": [1, 0, 0],
        "line_axis": [0, 1, 0],
        "binning": 4,
        "versions": {"PHGAIN": "00007"},
        "bands": {name: {"file": f"{name}.tif", **entry} for name in IMAGES},
    }
    return Description.model_validate({**content, **changes})


@pytest.fixture
def product(tmp_path: Path) -> Path:
    return write(tmp_path / "MOON", description(), IMAGES.items(), RATES)


def forget_manifest(folder: Path) -> None:
    (folder / "MANIFEST.json").unlink()


def edit(folder: Path, old: str, new: str, name: str = "acquisition.yaml") -> None:
    """Change a text file of a product without manifest."""
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1))
    (folder / "MANIFEST.json").unlink(missing_ok=True)


def refused(folder: Path, *words: str) -> None:
    with pytest.raises(InputError) as caught:
        open_acquisition(folder)
    text = str(caught.value)
    assert "\n" not in text and str(folder) in text
    for word in words:
        assert word in text


def test_what_is_written_reads_back(product: Path) -> None:
    acquisition = open_acquisition(product)
    assert (acquisition.name, acquisition.sensor, acquisition.kind, acquisition.binning) == ("MOON", "venus", "moon", 4)
    assert acquisition.versions == {"PHGAIN": "00007"} and list(acquisition.bands) == ["B1", "B2"]
    assert acquisition.column_axis.tolist() == [1, 0, 0] and acquisition.line_axis.tolist() == [0, 1, 0]
    for name, counts in IMAGES.items():
        band = acquisition.band(name)
        assert np.array_equal(band.counts().values, counts)
        assert band.line_period_s == 3.148e-3
        assert band.first_line == np.datetime64("2020-03-05T10:00:00.100000001")
        # the table is a straight line: 0.01 rad/s at the reference, 0.001 rad/s more each second
        expected = 0.01 + 0.001 * (0.1 + 3.148e-3 * np.arange(counts.shape[0]))
        assert band.scan_rate_rad_s == pytest.approx(expected, abs=1e-11)
    assert set(acquisition.files) == {"B1.tif", "B2.tif", "acquisition.yaml", "scan_rates.csv"}
    assert acquisition.files["B1.tif"] == digest_file(product / "B1.tif")


def test_opening_reads_no_pixel(product: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[int, int]] = []
    original = calib.raster.read_layers

    def counting(rasters: Sequence[Raster], first: int, stop: int, left: int, right: int) -> np.ndarray:
        calls.append((first, stop))
        return original(rasters, first, stop, left, right)

    monkeypatch.setattr(calib.raster, "read_layers", counting)
    counts = open_acquisition(product).band("B1").counts()
    assert calls == []
    counts.values.sum()
    assert len(calls) == 1


def test_digest_is_of_content_not_of_place_or_manifest(product: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(product, tmp_path / "elsewhere")
    assert open_acquisition(copy).digest == open_acquisition(product).digest
    forget_manifest(copy)
    assert open_acquisition(copy).digest == open_acquisition(product).digest


def test_the_same_content_gives_the_same_bytes(product: Path, tmp_path: Path) -> None:
    again = write(tmp_path / "again" / "MOON", description(), IMAGES.items(), RATES)
    assert {path.name: digest_file(path) for path in product.iterdir()} == {
        path.name: digest_file(path) for path in again.iterdir()
    }


def test_scan_rates_are_optional(tmp_path: Path) -> None:
    folder = write(tmp_path / "MOON", description(), IMAGES.items())
    assert open_acquisition(folder).band("B1").scan_rate_rad_s is None


def test_unknown_products_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing: no such product; check the path"):
        open_acquisition(tmp_path / "nothing")
    refused(tmp_path, "not a product of a known format", "acquisition.yaml", "give the product's own folder")


def test_a_truncated_file_is_named(product: Path) -> None:
    path = product / "B2.tif"
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[: size // 2])
    refused(product, "B2.tif", f"{size // 2} bytes", str(size), "fetch the product again")


def test_an_altered_file_is_named_unless_not_verified(product: Path) -> None:
    content = bytearray((product / "B1.tif").read_bytes())
    content[-50] ^= 1
    (product / "B1.tif").write_bytes(content)
    refused(product, "B1.tif", "does not match the manifest's digest")
    assert read(product, verify=False).name == "MOON"


@pytest.mark.parametrize("name", ["B1.tif", "scan_rates.csv"])
@pytest.mark.parametrize("manifest", [True, False])
def test_a_missing_file_is_named(product: Path, name: str, manifest: bool) -> None:
    (product / name).unlink()
    if not manifest:
        forget_manifest(product)
    if name == "scan_rates.csv" and not manifest:
        # nothing says that there ever were rates
        assert open_acquisition(product).band("B1").scan_rate_rad_s is None
    else:
        refused(product, name, "missing", "fetch")


@pytest.mark.parametrize("content", ["", "[]", '{"B1.tif": 3}', '{"B1.tif": {"bytes": "x", "sha256": ""}}', "\x00"])
def test_a_damaged_manifest_is_one_sentence(product: Path, content: str) -> None:
    (product / "MANIFEST.json").write_text(content)
    refused(product, "MANIFEST.json")


def test_a_file_that_the_manifest_omits_is_refused(product: Path) -> None:
    manifest = json.loads((product / "MANIFEST.json").read_text())
    del manifest["B2.tif"]
    (product / "MANIFEST.json").write_text(json.dumps(manifest))
    refused(product, "does not list B2.tif")


@pytest.mark.parametrize("name", ["../other.tif", "/etc/passwd", "sub/../../x.tif", "''"])
def test_file_names_stay_inside_the_product(product: Path, name: str) -> None:
    edit(product, "file: B1.tif", f"file: {name}")
    refused(product, "leads out of the product" if name != "''" else "''")


def test_links_out_of_the_product_are_refused(product: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.tif"
    shutil.move(product / "B1.tif", outside)
    (product / "B1.tif").symlink_to(outside)
    refused(product, "'B1.tif' leads out of the product")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("first_line_utc: '2020", "first_line_utc: '12020", ("bands.B1.first_line_utc", "is not a date")),
        ("first_line_utc: '2020", "first_line_utc: '2300", ("bands.B1.first_line_utc", "between 1950 and 2200")),
        ("first_line_utc: '2020-03", "first_line_utc: '2020-13", ("bands.B1.first_line_utc", "is not a date")),
        (
            "first_line_utc: '2020-03-05T10:00:00.100000001Z'",
            "first_line_utc: NaN",
            ("first_line_utc", "2020-03-05T10:00"),
        ),
        (
            "first_line_utc: '2020-03-05T10:00:00.100000001Z'",
            "first_line_utc: NaTZ",
            ("first_line_utc", "is not a date"),
        ),
        (".100000001Z", ".100000001", ("first_line_utc", "UTC")),
        ("reference_utc: '2020-03-05T10:00:00Z'", "reference_utc: soon", ("reference_utc", "'soon'")),
        ("0.003148 s", "0.003148", ("line_period", "has no unit")),
        ("0.003148 s", "-1 s", ("line_period", "greater than 0")),
        ("0.003148 s", "nan s", ("line_period", "not finite")),
        ("format: etalon-plain", "format: something", ("format", "did you mean|allowed: etalon-plain")),
        ("format_version: 1", "format_version: 2", ("format_version", "1")),
        ("kind: moon", "kind: mon", ("did you mean 'moon'",)),
        ("sensor: venus", "sensors: venus", ("unknown key 'sensors'", "did you mean 'sensor'")),
        ("binning: 4", "binning: 0", ("binning",)),
        ("name: MOON", "name: [", ("not valid YAML",)),
        ("name: MOON", "name: MOON\nname: SUN", ("'name' is given twice",)),
        ("- 1.0\n- 0.0\n- 0.0", "- 1.0\n- 0.5\n- 0.0", ("column_axis", "no unit vector")),
        ("- 1.0\n- 0.0\n- 0.0", "- .nan\n- 0.0\n- 0.0", ("column_axis",)),
    ],
)
def test_a_wrong_description_is_one_sentence(product: Path, old: str, new: str, words: tuple[str, ...]) -> None:
    edit(product, old, new)
    with pytest.raises(InputError) as caught:
        open_acquisition(product)
    assert "\n" not in str(caught.value) and str(product) in str(caught.value)
    for word in words:
        assert re.search(re.escape(word).replace(r"\|", "|"), str(caught.value))


@pytest.mark.parametrize(
    "content",
    [b"", b"garbage", b"II*\x00\x08\x00\x00\x00", b"<VRTDataset rasterXSize='2' rasterYSize='2'></VRTDataset>"],
)
def test_an_image_without_a_tiff_header_is_named(product: Path, content: bytes) -> None:
    (product / "B2.tif").write_bytes(content)
    forget_manifest(product)
    refused(product, "B2.tif", "fetch the file again")


def test_an_image_of_another_type_is_named(product: Path) -> None:
    import rasterio

    with rasterio.open(product / "B2.tif", "w", driver="GTiff", width=3, height=2, count=2, dtype="float32"):
        pass
    forget_manifest(product)
    refused(product, "B2.tif", "2 layers where 1 belong")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("time_s,", "time,", "needs the columns"),
        ("-1.0,0.009", "-1.0,abc", "not a table"),
        ("-1.0,0.009", "-1.0,nan", "be finite"),
        ("-1.0,0.009", "-1.0,-0.009", "be positive"),
        ("-1.0,0.009", "0.5,0.009", "must grow"),
        ("-1.0,0.009", "-1.0", "not a table"),
    ],
)
def test_wrong_scan_rates_are_named(product: Path, old: str, new: str, words: str) -> None:
    edit(product, old, new, "scan_rates.csv")
    refused(product, "scan_rates.csv", words)


def test_scan_rates_that_do_not_cover_the_image_are_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "MOON", description(), IMAGES.items(), (RATES[0][:12], RATES[1][:12]))
    refused(folder, "scan_rates.csv", "lines of B1.tif span 0.100..0.726 s", "complete the table or remove the file")


@pytest.mark.parametrize("text", ["2020-03-05T10:00:00Z", "2020-03-05T10:00:00.123456789Z", "1999-12-31T23:59:59.9Z"])
def test_dates_keep_their_nanoseconds(text: str) -> None:
    assert utc(utc_text(utc(text))) == utc(text) == np.datetime64(text[:-1])


def test_what_exists_is_not_overwritten(product: Path) -> None:
    with pytest.raises(RequestError, match="exists already"):
        write(product, description(), IMAGES.items())


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    def images():  # type: ignore[no-untyped-def]
        yield "B1", IMAGES["B1"]
        raise InputError("source is gone")

    with pytest.raises(InputError, match="source is gone"):
        write(tmp_path / "MOON", description(), images())
    with pytest.raises(RequestError, match="no image given for band B2"):
        write(tmp_path / "MOON", description(), [("B1", IMAGES["B1"])])
    assert list(tmp_path.iterdir()) == []


def test_a_part_left_by_a_killed_run_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".MOON.part").mkdir()
    (tmp_path / ".MOON.part" / "B1.tif").write_text("half")
    write(tmp_path / "MOON", description(), IMAGES.items())
    assert [path.name for path in tmp_path.iterdir()] == ["MOON"]


def test_a_full_disk_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=100)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(ArchiveError, match="MOON: cannot be written, the disk is full; free space or write elsewhere"):
        write(tmp_path / "MOON", description(), IMAGES.items())
    assert list(tmp_path.iterdir()) == []


def test_an_image_that_reads_back_differently_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """GDAL may truncate a file on a full disk without an error: only reading back tells."""
    original: Callable[..., np.ndarray] = Raster.read
    monkeypatch.setattr(Raster, "read", lambda self, first, stop: original(self, first, stop) | np.uint16(1))
    with pytest.raises(ArchiveError, match=r"B1\.tif: reads back differently"):
        write(tmp_path / "MOON", description(), IMAGES.items())
    assert list(tmp_path.iterdir()) == []


def test_bands_may_differ_in_type_only_by_mistake(tmp_path: Path) -> None:
    wrong = BandEntry(file="B1.tif", first_line_utc="2020-03-05T10:00:00Z", line_period="1 ms")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="uint16 over"):
        write(tmp_path / "MOON", description(bands={"B1": wrong}), [("B1", np.zeros((3, 3)))])
