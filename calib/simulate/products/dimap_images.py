"""Images of synthetic Pléiades and Pléiades Neo products: TIFF or JPEG 2000, whole or in tiles, and the elements of a header that describe them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio

from calib.simulate.products.elements import write_image


def write_tiles(
    product: Path,
    stem: str,
    images: Mapping[str, np.ndarray],
    layers: Sequence[str],
    form: tuple[tuple[int, int], bool],
) -> dict[str, Any]:
    """The images as files of tiles, and the elements that name them."""
    (rows, columns), jp2 = form
    shape = images[layers[0]].shape
    step = math.ceil(shape[0] / rows), math.ceil(shape[1] / columns)
    entries = []
    for row, column in np.ndindex(rows, columns):
        name = f"{stem}_R{row + 1}C{column + 1}.{'JP2' if jp2 else 'TIF'}"
        part = np.s_[row * step[0] : (row + 1) * step[0], column * step[1] : (column + 1) * step[1]]
        tile = [np.ascontiguousarray(images[band][part]) for band in layers]
        (_write_jp2 if jp2 else write_image)(product / name, tile)
        entries.append({"@tile_R": row + 1, "@tile_C": column + 1, "DATA_FILE_PATH": {"@href": name}})
    return {"Data_File": entries}


def _write_jp2(path: Path, layers: Sequence[np.ndarray]) -> Path:
    lines, columns = layers[0].shape
    path.parent.mkdir(parents=True, exist_ok=True)
    bits = 12 if max(layer.max() for layer in layers) < 4096 else 16
    options = {"driver": "JP2OpenJPEG", "QUALITY": "100", "REVERSIBLE": "YES", "NBITS": bits, "num_threads": 1}
    with rasterio.open(path, "w", height=lines, width=columns, count=len(layers), dtype="uint16", **options) as target:
        target.write(np.stack(layers))
    return path


def raster_data(
    shape: tuple[int, int],
    form: tuple[tuple[int, int], bool],
    files: dict[str, Any],
    bands: int,
    display: dict[str, Any],
) -> dict[str, Any]:
    """Names, sizes, coding and special counts of the images."""
    (rows, columns), jp2 = form
    dimensions: dict[str, Any] = {"NROWS": shape[0], "NCOLS": shape[1], "NBANDS": bands}
    if rows * columns > 1:
        size = {"@nrows": math.ceil(shape[0] / rows), "@ncols": math.ceil(shape[1] / columns)}
        tiling = {"NTILES_SIZE": size, "NTILES_COUNT": {"@ntiles_R": rows, "@ntiles_C": columns}, "OVERLAP_ROW": 0}
        dimensions["Tile_Set"] = {"NTILES": rows * columns, "Regular_Tiling": tiling}
    return {
        "Data_Access": {
            "DATA_FILE_FORMAT": "image/jp2" if jp2 else "image/tiff",
            "DATA_FILE_TILES": rows * columns > 1,
            **files,
        },
        "Raster_Dimensions": dimensions,
        "Raster_Encoding": {"DATA_TYPE": "INTEGER", "NBITS": 16, "SIGN": "UNSIGNED", "COMPRESSION_TYPE": "LOSSLESS"},
        "Raster_Display": display,
    }


def special(nodata: int, saturated: int) -> list[dict[str, Any]]:
    """Counts with a meaning."""
    named = {"NODATA": nodata, "SATURATED": saturated}
    return [{"SPECIAL_VALUE_TEXT": text, "SPECIAL_VALUE_COUNT": count} for text, count in named.items()]
