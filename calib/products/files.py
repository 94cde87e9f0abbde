"""The files of a product: where they may lie, and the headers of its images. No pixel is read here."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from calib.errors import InputError
from calib.products.xml import reason
from calib.raster import Raster, Tile

#: the longest strip known is 190 000 lines, the widest mosaic 60 000 columns
MAX_LINES, MAX_COLUMNS = 1_000_000, 200_000
#: one block of an image in memory; above it, the file would not be read in pieces
MAX_BLOCK_BYTES = 512 * 1024 * 1024
DRIVERS = {".tif": "GTiff", ".tiff": "GTiff", ".jp2": "JP2OpenJPEG"}


def inside(folder: Path, name: str) -> Path:
    """The file `name` of the product, which may not lie outside its folder, be it by `..`, an absolute path or a link."""
    path = folder / name
    outside = not name or "\0" in name or Path(name).is_absolute() or ".." in Path(name).parts
    try:
        outside = outside or not path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):
        outside = True
    if outside:
        raise InputError(f"{folder}: file name {name!r} leads out of the product; name files inside the folder")
    return path


def existing(path: Path) -> Path:
    """The path, when a file is there."""
    try:
        there = path.is_file()
    except (OSError, ValueError):
        there = False
    if not there:
        raise InputError(f"{path}: the file is missing; fetch the product again")
    return path


def sole(found: Iterable[Path], folder: Path, what: str) -> Path:
    """The one path of `found`; InputError where there is none or more than one."""
    paths = sorted(found)
    if len(paths) != 1:
        listed = ", ".join(path.name for path in paths[:4]) or "none"
        raise InputError(f"{folder}: needs one {what}, found {listed}; give the product's own folder, complete")
    return paths[0]


def open_raster(
    path: Path,
    *,
    layer: int = 1,
    layers: int | None = None,
    size: tuple[int, int] | None = None,
    dtypes: tuple[str, ...] = ("uint16",),
) -> Raster:
    """One layer of a TIFF or JPEG 2000 image, from its header: no pixel is read.

    `layers` and `size` (lines, columns) are what the product's metadata promises: InputError when the image is another.
    """
    import rasterio
    from rasterio.errors import RasterioError

    existing(path)
    driver = DRIVERS.get(path.suffix.lower())
    if driver is None:
        raise InputError(f"{path}: images of type '{path.suffix}' are not read; accepted: {', '.join(DRIVERS)}")
    try:
        # only that driver: others (VRT) may follow paths that lead out of the product, as files beside the image may
        with (
            rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"),
            rasterio.open(path, driver=driver, sharing=False) as source,
        ):
            count, dtype, (rows, columns) = source.count, source.dtypes[0], source.block_shapes[0]
            shape = source.height, source.width
    except (RasterioError, OSError, ValueError) as error:
        kind = "TIFF" if driver == "GTiff" else "JPEG 2000"
        raise InputError(f"{path}: cannot be opened as {kind} ({reason(error)}); fetch the file again") from error
    if layers is not None and count != layers:
        raise InputError(f"{path}: {count} layers where {layers} belong; fetch the file again")
    if not 1 <= layer <= count:
        raise InputError(f"{path}: has {count} layers, no layer {layer}; fetch the file again")
    if dtype not in dtypes:
        raise InputError(f"{path}: samples are {dtype}, expected {' or '.join(dtypes)}; convert the file")
    if size is not None and shape != size:
        raise InputError(
            f"{path}: {shape[0]} lines of {shape[1]} columns where the metadata says {size[0]} of {size[1]}; fetch the product again"
        )
    check_size(path, *shape)
    if rows * columns * count * np.dtype(dtype).itemsize > MAX_BLOCK_BYTES:
        raise InputError(f"{path}: stored in blocks of {rows} x {columns} samples, too large to read; convert the file")
    return Raster(path, *shape, dtype, rows, layer=layer, columns_per_block=columns)


def check_size(path: Path, lines: int, columns: int) -> None:
    """InputError for an image of a size that no camera makes."""
    if not (0 < lines <= MAX_LINES and 0 < columns <= MAX_COLUMNS):
        raise InputError(
            f"{path}: {lines} lines of {columns} columns is no size of a product (up to {MAX_LINES} of {MAX_COLUMNS}); fetch it again"
        )


def mosaic(path: Path, tiles: Iterable[tuple[Raster, int, int]], lines: int, columns: int) -> Raster:
    """One image made of tiles, each given with the line and column of its first sample; every sample is covered exactly once.

    `path` names the whole in errors.
    """
    placed = [Tile(raster, line, column) for raster, line, column in tiles]
    check_size(path, lines, columns)
    if not placed:
        raise InputError(f"{path}: names no image; fetch the product again")
    for tile in placed:
        if (
            tile.line < 0
            or tile.column < 0
            or tile.line + tile.raster.lines > lines
            or tile.column + tile.raster.columns > columns
        ):
            raise InputError(f"{tile.raster.path}: reaches out of the image of {lines} x {columns} that it is part of")
    if sum(tile.raster.lines * tile.raster.columns for tile in placed) != lines * columns:
        raise InputError(
            f"{path}: its {len(placed)} tiles do not cover {lines} lines of {columns} columns once; fetch the product again"
        )
    first = placed[0].raster
    if any((tile.raster.dtype, tile.raster.layer) != (first.dtype, first.layer) for tile in placed):
        raise InputError(f"{path}: its tiles are of different types; fetch the product again")
    return Raster(
        path, lines, columns, first.dtype, first.rows_per_block, first.layer, first.columns_per_block, tuple(placed)
    )


_DATE = re.compile(r"(?:UTC=)?(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d:\d\d(?:\.\d{1,9})?)(?:(?<=\.\d{9})\d+)?)?Z?", re.ASCII)


def utc_date(text: str, where: str) -> np.datetime64:
    """A UTC date as the ground segments write it (`UTC=2019-02-04T08:34:37`, `...Z`, date alone), to the nanosecond; InputError otherwise."""
    found = _DATE.fullmatch(text.strip())
    # nanoseconds since 1970 overflow silently in 2262
    if found and 1950 <= int(text.strip().removeprefix("UTC=")[:4]) < 2200:
        try:
            return np.datetime64(f"{found[1]}T{found[2] or '00:00:00'}", "ns")
        except ValueError:
            pass
    raise InputError(f"{where}: {text[:40]!r} is no UTC date between 1950 and 2200; the file is damaged")
