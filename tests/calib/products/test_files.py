"""The files of a product: nothing outside its folder, no image of another size than promised, no pixel read."""

from __future__ import annotations

from pathlib import Path

import dask
import numpy as np
import pytest
import rasterio

from calib.errors import InputError
from calib.products import files
from calib.products.files import existing, inside, mosaic, open_raster, sole, utc_date
from calib.raster import Raster, lazy_counts

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

COUNTS = np.random.default_rng(5).integers(0, 4000, (3, 300, 200), dtype="u2")


def image(path: Path, counts: np.ndarray = COUNTS, **options: object) -> Path:
    driver = (
        {"driver": "JP2OpenJPEG", "REVERSIBLE": "YES", "QUALITY": 100} if path.suffix == ".jp2" else {"driver": "GTiff"}
    )
    layers, lines, columns = counts.shape
    with rasterio.open(
        path, "w", width=columns, height=lines, count=layers, dtype=counts.dtype.name, **driver, **options
    ) as target:
        target.write(counts)
    return path


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", "", "a\0b", "link/secret", "..", "x/" * 3000])
def test_nothing_outside_the_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "product"
    folder.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret").write_text("x")
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=r"leads out of the product|the file is missing"):
        existing(inside(folder, name))


def test_a_link_that_turns_in_a_circle(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(InputError):
        existing(inside(tmp_path, "a"))


def test_a_file_inside(tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    (tmp_path / "a b" / "c.xml").write_text("")
    assert existing(inside(tmp_path, "a b/c.xml")).is_file()


def test_the_only_one(tmp_path: Path) -> None:
    assert sole([tmp_path / "a"], tmp_path, "header") == tmp_path / "a"
    with pytest.raises(InputError, match="needs one header, found none"):
        sole([], tmp_path, "header")
    with pytest.raises(InputError, match="needs one header, found a, b"):
        sole([tmp_path / "b", tmp_path / "a"], tmp_path, "header")


@pytest.mark.parametrize("name", ["a.tif", "a.jp2"])
def test_layers_and_parts(tmp_path: Path, name: str) -> None:
    path = image(tmp_path / name)
    rasters = [open_raster(path, layer=layer, layers=3, size=(300, 200)) for layer in (1, 2, 3)]
    assert np.array_equal(lazy_counts(rasters).values, COUNTS)
    assert np.array_equal(rasters[1].read(10, 20, 30, 45), COUNTS[1, 10:20, 30:45])
    assert np.array_equal(rasters[2].counts().values, COUNTS[2])


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"layers": 4}, "3 layers where 4 belong"),
        ({"layer": 4}, "no layer 4"),
        ({"size": (301, 200)}, "300 lines of 200 columns where the metadata says 301 of 200"),
        ({"dtypes": ("int16",)}, "samples are uint16, expected int16"),
    ],
)
def test_an_image_that_is_not_as_promised(tmp_path: Path, asked: dict, words: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(InputError, match=words):
        open_raster(image(tmp_path / "a.tif"), **asked)


def test_other_drivers_and_files_beside_are_not_followed(tmp_path: Path) -> None:
    path = image(tmp_path / "a.tif")
    source = f"<SimpleSource><SourceFilename>{path}</SourceFilename></SimpleSource>"
    band = f'<VRTRasterBand dataType="UInt16" band="1">{source}</VRTRasterBand>'
    vrt = f'<VRTDataset rasterXSize="200" rasterYSize="300">{band}</VRTDataset>'
    for name in ("b.tif", "b.vrt", "b.jp2"):
        (tmp_path / name).write_text(vrt)
        with pytest.raises(InputError, match=r"cannot be opened as|are not read"):
            open_raster(tmp_path / name)


def test_a_size_that_no_camera_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_LINES", 200)
    with pytest.raises(InputError, match="is no size of a product"):
        open_raster(image(tmp_path / "a.tif"))
    monkeypatch.undo()
    monkeypatch.setattr(files, "MAX_BLOCK_BYTES", 1000)
    with pytest.raises(InputError, match="too large to read"):
        open_raster(tmp_path / "a.tif")


def test_a_truncated_jpeg_2000_is_an_error_not_zeros(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 65000, (1, 600, 500), dtype="u2")
    path = image(tmp_path / "a.jp2", noise)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match=r"a\.jp2"):
        open_raster(path).read()


def test_a_truncated_tiff_is_an_error_where_it_is_cut(tmp_path: Path) -> None:
    path = image(tmp_path / "a.tif", compress="deflate", blockysize=16, interleave="band")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    try:
        raster = open_raster(path, layer=3)
    except InputError:
        return
    with pytest.raises(InputError, match="truncated or damaged"):
        raster.read()


def test_an_image_replaced_by_a_smaller_one(tmp_path: Path) -> None:
    raster = open_raster(image(tmp_path / "a.tif"))
    image(tmp_path / "a.tif", COUNTS[:, :100])
    with pytest.raises(InputError, match="the file was replaced"):
        raster.read()


# --- mosaics


def tiles(tmp_path: Path) -> list[tuple[Raster, int, int]]:
    found = []
    for line, column in ((0, 0), (0, 120), (170, 0), (170, 120)):
        part = COUNTS[:, line : 170 if line == 0 else 300, column : 120 if column == 0 else 200]
        path = image(tmp_path / f"R{line}C{column}.tif", part)
        found.append((open_raster(path, layer=2), line, column))
    return found


def test_a_mosaic_is_one_image(tmp_path: Path) -> None:
    whole = mosaic(tmp_path, tiles(tmp_path), 300, 200)
    assert np.array_equal(whole.read(), COUNTS[1])
    assert np.array_equal(whole.read(160, 180, 100, 140), COUNTS[1, 160:180, 100:140])
    with dask.config.set(scheduler="synchronous"):
        assert np.array_equal(whole.counts().values, COUNTS[1])
    thumbnail = whole.thumbnail(50)
    assert thumbnail.shape == (50, 34)


@pytest.mark.parametrize(
    ("drop", "size", "words"),
    [
        (1, (300, 200), "do not cover"),
        (0, (300, 210), "do not cover"),
        (0, (299, 200), "reaches out of the image"),
        (4, (300, 200), "names no image"),
    ],
)
def test_a_mosaic_with_holes(tmp_path: Path, drop: int, size: tuple[int, int], words: str) -> None:
    with pytest.raises(InputError, match=words):
        mosaic(tmp_path, tiles(tmp_path)[drop:], *size)


def test_large_images_come_in_chunks_of_whole_blocks() -> None:
    strips = Raster(Path("x"), 60_000, 20_000, "uint16", 8)
    blocks = Raster(Path("x"), 184_397, 41_718, "uint16", 1024, columns_per_block=1024)
    for raster, width in ((strips, 20_000), (blocks, 1024)):
        chunks = raster.counts().chunks
        assert sum(chunks[0]) == raster.lines and sum(chunks[1]) == raster.columns
        assert all(size % raster.rows_per_block == 0 for size in chunks[0][:-1])
        assert all(size % width == 0 for size in chunks[1][:-1])
        assert max(chunks[0]) * max(chunks[1]) * 2 <= 200e6


# --- dates


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("UTC=2019-02-04T08:34:37", "2019-02-04T08:34:37"),
        ("2017-03-08T06:55:34.3242135Z", "2017-03-08T06:55:34.324213500"),
        ("2017-03-08T06:55:34.123456789987Z", "2017-03-08T06:55:34.123456789"),
        ("2017-10-07", "2017-10-07T00:00:00"),
        ("2017-10-07 07:57:43.6Z", "2017-10-07T07:57:43.6"),
    ],
)
def test_dates_of_the_ground_segments(text: str, date: str) -> None:
    assert utc_date(text, "here") == np.datetime64(date, "ns")


@pytest.mark.parametrize(
    "text", ["", "NIL=NONE", "2019-13-01", "1066-10-14T00:00:00", "2019-02-04T25:00:00", "2263-01-01", "٢٠١٩-02-04"]
)
def test_what_is_no_date(text: str) -> None:
    with pytest.raises(InputError, match=r"here: .* is no UTC date"):
        utc_date(text, "here")
