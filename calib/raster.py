"""Where the counts of a band lie, and reading them: a file is opened anew for each read, so that rasters cross threads and processes."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from calib.errors import InputError

#: what one chunk may hold of one band: about a thousandth of what a machine holds, and many blocks of a file
_CHUNK_BYTES = 96 * 1024 * 1024
_CHUNK_LINES = 2048
#: decoded counts that may wait for their second reader, of one band
_HELD_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class Raster:
    """One band of an image: a layer of an image file, or a mosaic of tiles that are such layers. `path` names the whole in errors."""

    path: Path
    lines: int
    columns: int
    dtype: str
    rows_per_block: int
    layer: int = 1
    columns_per_block: int | None = None
    tiles: tuple[Tile, ...] = ()

    def read(self, first: int = 0, stop: int | None = None, left: int = 0, right: int | None = None) -> np.ndarray:
        """Counts of the lines first..stop and the columns left..right as (lines, columns) in the file's own type."""
        counts: np.ndarray = read_layers((self,), first, stop, left, right)[0]
        return counts

    def pieces(self, places: Sequence[tuple[int, int, int, int]]) -> list[np.ndarray]:
        """Counts of several places, each as (first, stop, left, right) of `read`: the file is opened once, and what two of them share is decoded once."""
        if self.tiles or not places:
            return [self.read(*place) for place in places]
        windows = [((first, stop), (left, right)) for first, stop, left, right in places]
        return [layers[0] for layers in _read_windows(self.path, [self.layer], windows)]

    def counts(self) -> xr.DataArray:
        """Counts over (line, column), lazily, in chunks of whole file blocks of at least 2048 lines; unit DN."""
        return lazy_counts((self,))[0]

    def thumbnail(self, longest: int) -> np.ndarray:
        """A coarse look of at most `longest` samples a side: every n-th count (of JPEG 2000 its coarser levels), without holding the image in memory."""
        step = math.ceil(max(self.lines, self.columns) / longest)
        shape = math.ceil(self.lines / step), math.ceil(self.columns / step)
        if not self.tiles:
            window = (0, self.lines), (0, self.columns)
            return np.asarray(_read_file(self.path, [self.layer], *window, shape)[0])
        out = np.zeros(shape, dtype=self.dtype)
        for tile in self.tiles:
            part = tile.raster.thumbnail(math.ceil(max(tile.raster.lines, tile.raster.columns) / step))
            top, left = tile.line // step, tile.column // step
            part = part[: shape[0] - top, : shape[1] - left]
            out[top : top + part.shape[0], left : left + part.shape[1]] = part
        return out


@dataclass(frozen=True)
class Tile:
    """A raster that is part of a larger one: where its first sample lies there."""

    raster: Raster
    line: int
    column: int


class Held:
    """Decoded lines of one band that are wanted once more: what finds the Moon in a band decodes lines that its sum needs, too.

    Its owner is the band's image, with which it goes. It holds 16 MiB at most, those of one file as it was then, gives them out once and does not go along
    to other processes. Threads may share it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._file: Any = None
        self._runs: list[tuple[int, int, np.ndarray]] = []

    def __reduce__(self) -> tuple[Any, ...]:
        return Held, ()

    def keep(self, raster: Raster, runs: Sequence[tuple[int, int, np.ndarray]]) -> None:
        """Hold runs of lines, in their order, each as its first line, first column and counts, in place of what was held; nothing where they are too many."""
        fits = not raster.tiles and sum(counts.nbytes for _, _, counts in runs) <= _HELD_BYTES
        # a part of a larger array would hold the whole of it
        own = [(first, left, _alone(counts)) for first, left, counts in runs if fits]
        with self._lock:
            self._file, self._runs = _identity(raster) if fits else None, own

    def pieces(
        self, raster: Raster, places: Sequence[tuple[int, int, int, int]], left: int, right: int
    ) -> list[np.ndarray]:
        """As `Raster.pieces`; the blocks of lines in which they lie are held, from column `left` to `right`."""
        rows, runs = raster.rows_per_block, list[tuple[int, int]]()
        for first, stop, west, east in sorted(places):
            begin, end = first // rows * rows, min(-(-stop // rows) * rows, raster.lines)
            left, right = min(left, west), max(right, east)
            last = runs.pop() if runs and begin <= runs[-1][1] else (begin, end)
            runs.append((last[0], max(last[1], end)))
        samples = sum(end - begin for begin, end in runs) * (right - left)
        if raster.tiles or samples * np.dtype(raster.dtype).itemsize > _HELD_BYTES:
            return raster.pieces(places)
        blocks = raster.pieces([(*run, left, right) for run in runs])
        self.keep(raster, [(begin, left, counts) for (begin, _), counts in zip(runs, blocks, strict=True)])
        return [
            next(
                counts[first - begin : stop - begin, west - left : east - left]
                for (begin, end), counts in zip(runs, blocks, strict=True)
                if begin <= first and stop <= end
            )
            for first, stop, west, east in places
        ]

    def read(self, raster: Raster, first: int, stop: int, left: int, right: int) -> np.ndarray:
        """As `Raster.read`; what is held is not decoded again, and is let go."""
        with self._lock:
            file, runs = self._file, self._runs
            self._file, self._runs = None, []
        if file is None or file != _identity(raster):
            return raster.read(first, stop, left, right)
        out = np.empty((stop - first, right - left), dtype=raster.dtype)
        missing, line = [], first
        for top, west, counts in runs:
            begin, end = max(top, line), min(top + len(counts), stop)
            if begin < end and west <= left and right <= west + counts.shape[1]:
                out[begin - first : end - first] = counts[begin - top : end - top, left - west : right - west]
                missing.append((line, begin))
                line = end
        missing = [span for span in (*missing, (line, stop)) if span[0] < span[1]]
        windows = [(span, (left, right)) for span in missing]
        into = [out[np.newaxis, begin - first : end - first] for begin, end in missing]
        if windows:
            _read_windows(raster.path, [raster.layer], windows, into=into)
        return out


def _alone(counts: np.ndarray) -> np.ndarray:
    return counts if counts.base is None or counts.base.nbytes == counts.nbytes else counts.copy()


def _identity(raster: Raster) -> tuple[Any, ...] | None:
    """What tells a layer of a file from others, and from what the file was before it was replaced."""
    try:
        found = raster.path.stat()
    except OSError:
        return None
    return raster.path, raster.layer, found.st_ino, found.st_size, found.st_mtime_ns


def read_layers(
    rasters: Sequence[Raster], first: int = 0, stop: int | None = None, left: int = 0, right: int | None = None
) -> np.ndarray:
    """Counts of several layers of one file, or of one mosaic, over (layer, line, column): the file is decoded once for all of them."""
    whole = rasters[0]
    stop = whole.lines if stop is None else stop
    right = whole.columns if right is None else right
    if not whole.tiles:
        return _read_file(whole.path, [raster.layer for raster in rasters], (first, stop), (left, right))
    out = np.empty((len(rasters), stop - first, right - left), dtype=whole.dtype)
    for index, tile in enumerate(whole.tiles):
        size = tile.raster
        top, bottom = max(first, tile.line), min(stop, tile.line + size.lines)
        west, east = max(left, tile.column), min(right, tile.column + size.columns)
        if top < bottom and west < east:
            out[:, top - first : bottom - first, west - left : east - left] = read_layers(
                [raster.tiles[index].raster for raster in rasters],
                top - tile.line,
                bottom - tile.line,
                west - tile.column,
                east - tile.column,
            )
    return out


def _read_file(
    path: Path,
    layers: list[int],
    lines: tuple[int, int],
    columns: tuple[int, int],
    shape: tuple[int, int] | None = None,
) -> np.ndarray:
    """Counts of the layers over (layer, line, column) of a window, thinned out to `shape` where given."""
    return _read_windows(path, layers, [(lines, columns)], shape)[0]


def _read_windows(
    path: Path,
    layers: list[int],
    windows: Sequence[tuple[tuple[int, int], tuple[int, int]]],
    shape: tuple[int, int] | None = None,
    into: Sequence[np.ndarray] | None = None,
) -> list[np.ndarray]:
    """Counts of the layers over (layer, line, column) of each window (lines, columns), thinned out to `shape` or written `into` arrays where given."""
    import rasterio
    from rasterio.errors import RasterioError
    from rasterio.windows import Window

    found = []
    (first, stop), _ = windows[0]
    try:
        # one thread: with more, a damaged JPEG 2000 reads as zeros without an error
        with (
            rasterio.Env(GDAL_NUM_THREADS="1", GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"),
            rasterio.open(path, driver="JP2OpenJPEG" if path.suffix.lower() == ".jp2" else "GTiff") as source,
        ):
            for number, ((first, stop), (left, right)) in enumerate(windows):
                if stop > source.height or right > source.width:
                    raise InputError(
                        f"{path}: {source.height} lines of {source.width} columns, fewer than when it was opened; "
                        "the file was replaced: start again"
                    )
                wanted = len(layers), *(shape or (stop - first, right - left))
                window = Window(left, first, right - left, stop - first)
                where = {"out_shape": wanted} if into is None else {"out": into[number]}
                found.append(np.asarray(source.read(layers, window=window, **where)))
    except (RasterioError, OSError) as error:
        cause = error.__cause__ or error
        raise InputError(
            f"{path}: lines {first}..{stop} cannot be read ({cause}); the file is truncated or damaged: fetch it again"
        ) from error
    return found


def lazy_counts(rasters: Sequence[Raster]) -> xr.DataArray:
    """Counts of rasters of one size over (layer, line, column), lazily. Layers of one file are read together: a file that interleaves its bands
    would otherwise be decoded once for each."""
    # half a second to import, which a run that reuses everything need not pay
    import dask.array as da

    stacks = [
        da.block([[_lazy_block(group, *lines, *columns) for columns in spans] for lines in steps])
        for group, steps, spans in ((group, *_chunks(group)) for group in _by_file(rasters))
    ]
    return xr.DataArray(da.concatenate(stacks), dims=("layer", "line", "column"), attrs={"units": "DN"})


def _by_file(rasters: Sequence[Raster]) -> Iterator[list[Raster]]:
    """Neighbouring rasters that lie in the same files."""
    group: list[Raster] = []
    for raster in rasters:
        if group and _files(raster) != _files(group[0]):
            yield group
            group = []
        group.append(raster)
    yield group


def _files(raster: Raster) -> Any:
    return [_files(tile.raster) for tile in raster.tiles] or raster.path


def _chunks(group: list[Raster]) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Spans of lines and of columns that are whole blocks of the file and fit the memory of a chunk."""
    raster = group[0]
    rows = raster.rows_per_block
    rows *= max(1, min(math.ceil(_CHUNK_LINES / rows), math.ceil(raster.lines / rows)))
    budget = max(1, _CHUNK_BYTES // (rows * np.dtype(raster.dtype).itemsize * len(group)))
    width = raster.columns_per_block or raster.columns
    columns = raster.columns if raster.columns <= budget else max(1, budget // width) * width
    if columns * rows * len(group) * np.dtype(raster.dtype).itemsize > 2 * _CHUNK_BYTES:
        # blocks as wide as the image: shorter strips of it
        rows = max(1, budget * rows // raster.columns // raster.rows_per_block) * raster.rows_per_block
    return _spans(raster.lines, rows), _spans(raster.columns, columns)


def _spans(length: int, step: int) -> list[tuple[int, int]]:
    return [(first, min(first + step, length)) for first in range(0, length, step)]


def _lazy_block(group: list[Raster], first: int, stop: int, left: int, right: int) -> Any:
    import dask.array as da
    from dask.delayed import delayed

    shape = (len(group), stop - first, right - left)
    block = delayed(read_layers, pure=True)(tuple(group), first, stop, left, right)
    return da.from_delayed(block, shape, dtype=group[0].dtype)
