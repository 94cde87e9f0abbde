"""The images of Venµs VSC products: where they lie, and what the headers say of their size and samples."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from calib.products.files import inside
from calib.products.venus_common import Header
from calib.products.xml import Node, shortened

DTYPES = {"UNSIGNED_SHORT": "uint16", "SIGNED_SHORT": "int16", "UNSIGNED_BYTE": "uint8"}


def image_size(node: Node) -> tuple[int, int] | None:
    """Lines and columns of an Image_Information; None where the lines vary by band."""
    lines = node.text("Size/Lines")
    if lines.upper().startswith("NIL="):
        return None
    return node.integer("Size/Lines", least=1, most=1_000_000), node.integer("Size/Columns", least=1, most=200_000)


def sample_type(node: Node) -> str:
    """Type of the samples of an Image_Information, as numpy names it."""
    text = node.text("Data_Type")
    if text not in DTYPES:
        raise node.child("Data_Type").refuse(f"'{shortened(text)}' is not read; accepted: {', '.join(DTYPES)}")
    return DTYPES[text]


def nodata(node: Node) -> int | None:
    """The count that stands for no data; None where there is none (NaN)."""
    if node.text("Nodata_Value", "NaN") in ("NaN", "") or node.text("Nodata_Value").startswith("NIL="):
        return None
    return node.integer("Nodata_Value", least=-32768, most=65535)


def located(header: Header, item: Node) -> Iterator[Path]:
    """Where the file of an item (Image_File and the like) may lie, from its File_Location; its header first, then the file of its data."""
    place = item.text("File_Location")
    name = item.text("Logical_Name", "")
    if place.upper().startswith("NIL="):
        place = f"{header.name}.DBL.DIR/{name}.HDR"
    path = inside(header.folder, place)
    if path == header.folder:
        raise item.refuse(f"File_Location '{shortened(place)}' names no file; the file is damaged")
    stem = re.sub(r"\.(HDR|EEF|DBL\.TIF|DBL|TIF)$", "", path.name, flags=re.IGNORECASE)
    for suffix in (".HDR", ".DBL.TIF", ".TIF"):
        # once more: a link may stand at any of the names
        yield inside(header.folder, (path.with_name(stem + suffix)).relative_to(header.folder).as_posix())


def image_of(header: Header, item: Node) -> tuple[Path, Path]:
    """Header and image of an item of the product; the image's usual name where none is there."""
    head, *images = located(header, item)
    return head, next((path for path in images if present(path)), images[0])


def present(path: Path) -> bool:
    """Whether a file is there; a name that no file can have is not."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def relative(header: Header, path: Path) -> str:
    """The name of a file of the product, relative to its folder."""
    return path.relative_to(header.folder).as_posix()
