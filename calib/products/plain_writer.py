"""Writing the plain layout: beside the target first, read back and compared block by block, then one rename."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

import numpy as np

from calib.config import complete, to_yaml
from calib.errors import ArchiveError, InputError, RequestError
from calib.lineage import digest_bytes, digest_file
from calib.products.files import open_raster
from calib.products.plain import DESCRIPTION, MANIFEST, SCAN_RATES, SCAN_RATES_HEADER, Description

_ROWS = 64


def write(
    folder: Path,
    description: Description,
    counts: Iterable[tuple[str, np.ndarray]],
    scan_rates: tuple[np.ndarray, np.ndarray] | None = None,
) -> Path:
    """Write a plain product as the folder `folder`, which must not exist, and return it.

    `counts` yields (band, uint16 image over line and column) for each band of the description, one at a time, so that only one image need be in
    memory; `scan_rates` are times (s after the reference date) and rates (rad/s). The folder appears complete or not at all.
    """
    if folder.exists():
        raise RequestError(f"{folder}: exists already and is not overwritten; remove it or choose another name")
    part = folder.with_name(f".{folder.name}.part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        _fill(part, description, counts, scan_rates)
        part.rename(folder)
        _sync(folder.parent)
    except OSError as error:
        _refuse(folder, error)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder


def _fill(
    part: Path,
    description: Description,
    counts: Iterable[tuple[str, np.ndarray]],
    scan_rates: tuple[np.ndarray, np.ndarray] | None,
) -> None:
    waiting = set(description.bands)
    for name, image in counts:
        _write_raster(part / description.bands[name].file, image)
        waiting.discard(name)
    if waiting:
        raise RequestError(f"product {description.name}: no image given for band {', '.join(sorted(waiting))}")
    _write_text(part / DESCRIPTION, to_yaml(complete(description)))
    if scan_rates is not None:
        # repr keeps every digit of a float
        rows = (f"{float(time)!r},{float(rate)!r}" for time, rate in zip(*scan_rates, strict=True))
        _write_text(part / SCAN_RATES, "\n".join([SCAN_RATES_HEADER, *rows]) + "\n")
    files = sorted(path for path in part.rglob("*") if path.is_file())
    manifest = {
        path.relative_to(part).as_posix(): {"bytes": path.stat().st_size, "sha256": digest_file(path)} for path in files
    }
    _write_text(part / MANIFEST, json.dumps(manifest, indent=1, sort_keys=True) + "\n")
    _sync(part)


def _write_raster(path: Path, image: np.ndarray) -> None:
    """A DEFLATE-compressed TIFF, read back and compared: a full disk leaves a truncated file without any error."""
    import rasterio
    from rasterio.errors import RasterioError

    if image.dtype != np.uint16 or image.ndim != 2:
        raise ValueError(
            f"{path.name}: counts are uint16 over (line, column), not {image.dtype} of shape {image.shape}"
        )
    lines, columns = image.shape
    options = {"driver": "GTiff", "compress": "deflate", "predictor": 2, "blockysize": _ROWS, "num_threads": 1}
    _demand_space(path.parent, image.nbytes)
    try:
        with rasterio.open(path, "w", height=lines, width=columns, count=1, dtype="uint16", **options) as target:
            target.write(image, 1)
    except (RasterioError, rasterio._err.CPLE_BaseError) as error:
        _demand_space(path.parent, image.nbytes)
        raise ArchiveError(f"{path}: cannot be written ({' '.join(str(error).split())})") from error
    try:
        raster = open_raster(path)
        blocks = range(0, raster.lines, raster.rows_per_block)
        same = (raster.lines, raster.columns) == image.shape and all(
            _same(raster.read(first, stop), image[first:stop])
            for first, stop in ((first, min(first + raster.rows_per_block, lines)) for first in blocks)
        )
    except InputError as error:
        raise ArchiveError(f"{path}: does not read back after writing; free space on its disk ({error})") from error
    if not same:
        raise ArchiveError(f"{path}: reads back differently from what was written; free space or check its disk")
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())


def _same(block: np.ndarray, image: np.ndarray) -> bool:
    return digest_bytes(block.tobytes()) == digest_bytes(np.ascontiguousarray(image).tobytes())


def _demand_space(folder: Path, byte_count: int) -> None:
    # half of the raw size: what twelve-bit counts compress to at worst, with a little to spare
    if shutil.disk_usage(folder).free < byte_count // 2:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))


def _write_text(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _refuse(folder: Path, error: OSError) -> NoReturn:
    if error.errno == errno.ENOSPC:
        raise ArchiveError(f"{folder}: cannot be written, the disk is full; free space or write elsewhere") from error
    raise ArchiveError(f"{folder}: cannot be written ({error.strerror or error}); choose a writable place") from error
