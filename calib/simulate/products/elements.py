"""Headers of synthetic products: nested plain data as XML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from lxml import etree

_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_ROWS = 64


def document(
    tag: str,
    content: Mapping[str, Any],
    *,
    namespace: str | None = None,
    stylesheet: str | None = None,
    encoding: str = "UTF-8",
    pretty: bool = True,
) -> bytes:
    """The XML document whose root `tag` holds `content`.

    A mapping is an element's content: "@name" an attribute, "#" its text, any other key the elements of that name, one or (a list) several;
    numbers become the shortest text that reads back to them, booleans true or false, None an empty element. "@xsi:type" is the schema type.
    """
    spaces: dict[str | None, str] = {"xsi": _XSI}
    if namespace is not None:
        spaces[None] = namespace
    root = etree.Element(_name(tag, namespace), nsmap=spaces)
    _fill(root, content, namespace)
    tree = etree.ElementTree(root)
    if stylesheet is not None:
        root.addprevious(etree.ProcessingInstruction("xml-stylesheet", f'type="text/xsl" href="{stylesheet}"'))
    return bytes(etree.tostring(tree, xml_declaration=True, encoding=encoding, pretty_print=pretty))


def counted(name: str, items: Iterable[Any], *, key: str = "sn", first: int = 1) -> dict[str, Any]:
    """A list as the Earth Explorer files write it: `count`, and each item with its number (`sn`), or with its own key where it is a pair."""
    listed = list(items)
    entries = []
    for number, item in enumerate(listed, start=first):
        label, value = item if isinstance(item, tuple) else (number, item)
        entries.append({f"@{key}": label, **(value if isinstance(value, Mapping) else {"#": value})})
    return {"@count": len(listed), name: entries}


def write_image(path: Path, layers: Sequence[np.ndarray], *, tiled: bool = False) -> Path:
    """A DEFLATE-compressed TIFF of layers of one size and type, in strips of 64 lines or tiles of 64 x 64."""
    import rasterio

    first = layers[0]
    lines, columns = first.shape
    options: dict[str, Any] = {"driver": "GTiff", "compress": "deflate", "num_threads": 1, "interleave": "band"}
    options |= {"tiled": True, "blockxsize": _ROWS, "blockysize": _ROWS} if tiled else {"blockysize": _ROWS}
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
        path, "w", height=lines, width=columns, count=len(layers), dtype=first.dtype.name, **options
    ) as target:
        for index, layer in enumerate(layers, start=1):
            target.write(layer, index)
    return path


def _name(tag: str, namespace: str | None) -> str:
    return tag if namespace is None else f"{{{namespace}}}{tag}"


def _fill(element: etree._Element, content: Any, namespace: str | None) -> None:
    if not isinstance(content, Mapping):
        element.text = _text(content)
        return
    for key, value in content.items():
        if key == "#":
            element.text = _text(value)
        elif key.startswith("@"):
            name = key[1:].replace("xsi:", f"{{{_XSI}}}")
            element.set(name, _text(value) or "")
        else:
            for item in value if isinstance(value, list | tuple) else [value]:
                _fill(etree.SubElement(element, _name(key, namespace)), item, namespace)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, int):
        return str(value)
    raise ValueError(f"{value!r} of {type(value).__name__} cannot be written as text of an element")
