"""Which layer of which file holds which band of a Pléiades or Pléiades Neo product in DIMAP version 2, its masks and special counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from calib.acquisition import Mask
from calib.products.dimap_header import BAND_ALIASES, few, present
from calib.products.files import check_size, inside, mosaic, open_raster
from calib.products.xml import Node, shortened
from calib.raster import Raster

_MASKS = {
    "CLD": "clouds",
    "SLT": "saturated",
    "DET": "defective detectors",
    "QTE": "bad quality",
    "ROI": "area of interest",
    "SNW": "snow",
    "VIS": "not visible from the satellite",
}
_INDEX = "Raster_Display/Raster_Index_List/Raster_Index"
_DISPLAY = "Raster_Data/Raster_Display/Band_Display_Order"
#: the widest product known has 39 tiles
MAX_TILES = 4096
_CHANNELS = ("RED_CHANNEL", "GREEN_CHANNEL", "BLUE_CHANNEL", "ALPHA_CHANNEL")
#: lines read together where the file itself was not looked at
ROWS_UNSEEN = 256


def rasters(root: Node, folder: Path, order: Sequence[str], images: bool) -> tuple[dict[str, Raster], list[Path]]:
    """The raster of every band, in the sensor's `order`, and the image files.

    With `images` every file is looked at and must be what the header says; otherwise they need not exist.
    """
    size = root.child("Raster_Data/Raster_Dimensions")
    lines, columns = size.integer("NROWS", least=1), size.integer("NCOLS", least=1)
    count = size.integer("NBANDS", least=1, most=16)
    check_size(root.file, lines, columns)
    _check_samples(root)
    found: dict[str, Raster] = {}
    files: list[Path] = []
    tiling = root.maybe("Raster_Data/Raster_Dimensions/Tile_Set/Regular_Tiling")
    for group, layers in _groups(root, count):
        step = _tile_size(group, tiling, (lines, columns))
        whole, used = _whole(group, folder, (lines, columns), step, len(layers) if images else None)
        files += used
        for band, layer in layers.items():
            if band in found:
                raise group.refuse(f"a second image of band {shortened(band)}; the file is damaged")
            tiles = tuple(replace(tile, raster=replace(tile.raster, layer=layer)) for tile in whole.tiles)
            found[band] = replace(whole, layer=layer, tiles=tiles)
    strange = [band for band in found if band not in order]
    if strange or len(found) != count:
        named = shortened(", ".join(found))
        raise root.refuse(
            f"NBANDS is {count} and the layers are called {named}; the bands of this camera are {', '.join(order)}"
        )
    return {band: found[band] for band in order if band in found}, files


def _check_samples(root: Node) -> None:
    coding = root.child("Raster_Data/Raster_Encoding")
    bits, sign = coding.integer("NBITS", most=64), coding.text("SIGN", "UNSIGNED")
    kind = coding.text("DATA_TYPE", "INTEGER")
    if not 9 <= bits <= 16 or sign != "UNSIGNED" or kind != "INTEGER":
        raise coding.refuse(
            f"samples are {shortened(kind)} of {bits} bits, {shortened(sign)}; counts are read as UNSIGNED INTEGER of 9 to 16 bits:"
            " order the product with the full dynamic range"
        )


def _groups(root: Node, count: int) -> Iterator[tuple[Node, dict[str, int]]]:
    """Each set of files with the layer of each band in them.

    Newer headers give an index for each band and set of files. Older ones list the bands of their calibration by wavelength, but store the
    layers as they are displayed, red first: on a public crop of a product the first layer is darkest over forest and the third holds the haze.
    """
    groups = few(root, "Raster_Data/Data_Access/Data_Files", 2)
    if not groups:
        raise root.refuse("no Data_Files in Raster_Data/Data_Access; the file is incomplete or of another format")
    for group in groups:
        found = few(group, _INDEX, 16)
        if not found and len(groups) == 1:
            found = few(root, f"Raster_Data/{_INDEX}", 16)
        yield group, _indexed(group, found) if found else display_layers(root, root.maybe(_DISPLAY), count)


def _indexed(group: Node, found: Sequence[Node]) -> dict[str, int]:
    index = {_band(node.text("BAND_ID")): node.integer("BAND_INDEX", most=64) for node in found}
    first = min(index.values())
    if sorted(index.values()) != list(range(first, first + len(found))):
        raise group.refuse(f"BAND_INDEX {list(index.values())} does not number its layers; the file is damaged")
    return {band: value - first + 1 for band, value in index.items()}


def display_layers(root: Node, display: Node | None, count: int) -> dict[str, int]:
    """The layer of each band where the layers lie in the order of display."""
    if count == 1:
        return {"P": 1}
    shown = [display.text(name) for name in _CHANNELS[:count] if display.has(name)] if display else []
    if len(set(shown)) != count:
        raise root.refuse(
            f"neither Raster_Index_List nor Band_Display_Order says which of the {count} layers holds which band; complete the header"
        )
    return {_band(name): layer for layer, name in enumerate(shown, start=1)}


def _band(name: str) -> str:
    return BAND_ALIASES.get(name, name)


def _whole(
    group: Node, folder: Path, shape: tuple[int, int], step: tuple[int, int], layers: int | None
) -> tuple[Raster, list[Path]]:
    """The first layer of the image made of the tiles of a group, and its files; `layers` None: files are not looked at."""
    tiles = few(group, "Data_File", MAX_TILES)
    placed, files = [], []
    for tile in tiles:
        row, column = _ordinal(tile, "tile_R"), _ordinal(tile, "tile_C")
        line, left = (row - 1) * step[0], (column - 1) * step[1]
        size = min(step[0], shape[0] - line), min(step[1], shape[1] - left)
        if min(size) < 1:
            raise tile.refuse(
                f"tile R{row} C{column} lies outside the image of {shape[0]} x {shape[1]}; the file is damaged"
            )
        path = inside(folder, tile.child("DATA_FILE_PATH").attribute("href"))
        files.append(path)
        raster = (
            Raster(path, *size, "uint16", ROWS_UNSEEN)
            if layers is None
            else open_raster(path, layers=layers, size=size)
        )
        placed.append((raster, line, left))
    if len(placed) == 1 and (placed[0][0].lines, placed[0][0].columns) == shape:
        return placed[0][0], files
    if len({(line, left) for _, line, left in placed}) != len(placed):
        raise group.refuse("two tiles lie at the same place; the file is damaged")
    return mosaic(group.file, placed, *shape), files


def _tile_size(group: Node, tiling: Node | None, shape: tuple[int, int]) -> tuple[int, int]:
    """Lines and columns of a whole tile."""
    if tiling is None:
        if len(few(group, "Data_File", MAX_TILES)) != 1:
            raise group.refuse("several tiles but no Regular_Tiling that places them; the file is incomplete")
        return shape
    for name in ("OVERLAP_ROW", "OVERLAP_COL"):
        if tiling.text(name, "0") != "0":
            raise tiling.refuse(f"{name} is {shortened(tiling.text(name))}; only tiles that do not overlap are read")
    size = tiling.child("NTILES_SIZE")
    return _ordinal(size, "nrows"), _ordinal(size, "ncols")


def _ordinal(node: Node, name: str) -> int:
    """The attribute `name` as a whole number from 1."""
    text = node.attribute(name)
    if not (text.isascii() and text.isdecimal() and len(text) < 8 and int(text)):
        raise node.refuse(f"{name}={shortened(text)!r} is no whole number from 1; the file is damaged")
    return int(text)


def vector_masks(root: Node, folder: Path, warn: list[str]) -> dict[str, Mask]:
    """The masks of outlines that the product names."""
    masks: dict[str, Mask] = {}
    for node in few(root, "Quality_Assessment/Imaging_Quality_Measurement/Quality_Mask/Component/COMPONENT_PATH", 64):
        path = inside(folder, node.attribute("href"))
        code = path.name.split("_")[0].upper()
        if code not in _MASKS:
            warn.append(f"Quality_Mask: {shortened(path.name)} is of an unknown kind")
        if not present(path):
            warn.append(f"Quality_Mask: {shortened(path.name)} is missing in the product")
        masks.setdefault(code, Mask(_MASKS.get(code, code), path))
    return masks


def special_values(root: Node) -> dict[str, int]:
    """Counts with a meaning: "NODATA", "SATURATED"."""
    found = few(root, ".//Special_Value", 16)
    return {item.text("SPECIAL_VALUE_TEXT"): item.integer("SPECIAL_VALUE_COUNT", most=65535) for item in found}
