"""Lists of numbered elements: `<List count="n"><Item sn="1">...`, checked and read in bulk, since a day of telemetry holds half a million elements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from calib.errors import InputError
from calib.products.venus_parameters.names import BANDS, TDI, band_of
from calib.products.xml import Node, shortened

#: the detectors of an array
COLUMNS = 5200


def items(parent: Node, name: str, *, key: str = "sn", first: int = 1, most: int = COLUMNS) -> list[Node]:
    """The elements `name` directly below `parent`, in the order of their numbers `key`, which run from `first`; `@count` must agree with them."""
    found = elements(parent, name, key=key, first=first, most=most)
    return [Node(item, parent.file, f"{parent.where}/{name}[{index}]") for index, item in enumerate(found, first)]


def elements(parent: Node, name: str, *, key: str = "sn", first: int = 1, most: int = COLUMNS) -> list[Any]:
    """As `items`, bare: for lists too long for an object each."""
    found: list[Any] = parent.element.findall(name)
    count = _whole(parent, parent.attribute("count"), "attribute count")
    if count != len(found):
        raise parent.refuse(f"count says {count}, {len(found)} elements {name} are there; the file is damaged or cut")
    if count > most:
        raise parent.refuse(f"{count} elements {name}, at most {most} make sense; the file is damaged")
    keys = [item.get(key) for item in found]
    if keys != [str(number) for number in range(first, first + count)]:
        numbers = [_whole(parent, text or "", f"attribute {key} of {name}") for text in keys]
        if sorted(numbers) != list(range(first, first + count)):
            raise parent.refuse(
                f"{name} is not numbered {first}..{first + count - 1} by {key}, each once; the file is damaged"
            )
        found = [found[index] for index in np.argsort(numbers, kind="stable")]
    return found


def rows(parent: Node, name: str, width: int, *, count: int = COLUMNS) -> np.ndarray:
    """The numbers in `count` elements `name`, `width` in each, as (count, width)."""
    found = elements(parent, name, most=count)
    if len(found) != count:
        raise parent.refuse(
            f"{len(found)} elements {name} where {count} belong; the file is damaged or of another camera"
        )
    return _numbers(parent, name, [item.text for item in found], width)


def table(parent: Node, name: str, fields: Mapping[str, int], *, most: int) -> dict[str, np.ndarray]:
    """The numbers of the elements `fields` (name, how many numbers in it) in every record `name`, as (record, width) each."""
    texts: dict[str, list[str | None]] = {field: [] for field in fields}
    for number, record in enumerate(elements(parent, name, most=most), 1):
        found = {child.tag: child.text for child in record}
        if len(found) != len(record):
            raise parent.refuse(f"{name}[{number}] holds an element twice; the file is damaged")
        for field, column in texts.items():
            column.append(found.get(field))
    if not next(iter(texts.values())):
        raise parent.refuse(f"holds no {name}; the file is empty: fetch it again")
    return {field: _numbers(parent, f"{name}/{field}", column, fields[field]) for field, column in texts.items()}


def integers(parent: Node, name: str, values: np.ndarray, most: int) -> np.ndarray:
    """Numbers that are whole and lie in 0..most."""
    if (values != np.round(values)).any() or values.min() < 0 or values.max() > most:
        raise parent.refuse(f"{name} holds a value that is no whole number from 0 to {most}; the file is damaged")
    return values.astype(np.int64)


def bands(nodes: Sequence[Node]) -> dict[str, Node]:
    """Elements that hold a Band_Code, by band and in numeric order; each band once."""
    found: dict[str, Node] = {}
    for node in nodes:
        band = band_at(node)
        if band in found:
            raise node.refuse(f"band {band} appears twice; the file is damaged")
        found[band] = node
    return {band: found[band] for band in BANDS if band in found}


def band_at(node: Node, path: str = "Band_Code") -> str:
    """The band B1..B12 whose code stands at `path`."""
    code = node.child(path)
    band = band_of(code.text())
    if band is None:
        raise code.refuse(f"{shortened(code.text())!r} is no band code; the camera has B01 to B12")
    return band


def tdi_at(node: Node, path: str = "TDI_Configuration_Values") -> tuple[int, ...]:
    """The TDI configurations listed at `path`, growing."""
    listed = node.child(path)
    words = listed.text().split()
    known = {f"{value:02d}": value for value in TDI}
    if not words or len(set(words)) != len(words) or not known.keys() >= set(words):
        raise listed.refuse(
            f"{shortened(listed.text())!r} is no list of TDI configurations; the camera has {' '.join(known)}, each once"
        )
    return tuple(sorted(known[word] for word in words))


def per_band_and_tdi(block: Node, stem: str, fields: Mapping[str, float]) -> tuple[list[str], list[int], np.ndarray]:
    """Bands, TDI configurations and values (field, band, tdi) of `List_of_Band_<stem>s`, whose numbers are at least `fields[name]`.

    NaN where the file gives nothing for a configuration.
    """
    listed = bands(items(block.child(f"List_of_Band_{stem}s"), f"Band_{stem}", most=len(BANDS)))
    if not listed:
        raise block.refuse(f"List_of_Band_{stem}s is empty; the file is damaged")
    values = np.full((len(fields), len(listed), len(TDI)), np.nan)
    for row, node in enumerate(listed.values()):
        for item in items(node.child(f"List_of_TDI_{stem}s"), f"TDI_{stem}", most=len(TDI)):
            columns = [TDI.index(tdi) for tdi in tdi_at(item)]
            if np.isfinite(values[:, row, columns]).any():
                raise item.refuse("a TDI configuration is given twice; the file is damaged")
            for index, (name, least) in enumerate(fields.items()):
                values[index, row, columns] = item.number(name, least=least)
    used = np.isfinite(values).any(axis=(0, 1))
    return list(listed), [tdi for tdi, there in zip(TDI, used, strict=True) if there], values[..., used]


def factor(block: Node, path: str, units: Mapping[str, float]) -> float:
    """The factor to the first of `units` from the one that the file names at `path`; an empty element means the first, by the schema."""
    node = block.child(path)
    name = node.text() or next(iter(units))
    if name not in units:
        raise node.refuse(f"unit {shortened(name)!r} is not known; accepted: {', '.join(units)}")
    return units[name]


def _numbers(parent: Node, name: str, texts: Sequence[str | None], width: int) -> np.ndarray:
    """The numbers in each text as (text, width), all of them finite."""
    # one split of the whole, with a mark between texts, is three times as fast as one of each
    joined = " | ".join([text or "" for text in texts])
    words = joined.split()
    if len(words) != len(texts) * (width + 1) - 1 or set(words[width :: width + 1]) - {"|"}:
        number, found = next(
            (n, len((t or "").split())) for n, t in enumerate(texts, 1) if len((t or "").split()) != width
        )
        raise parent.refuse(f"{name}[{number}] holds {found} numbers where {width} belong; the file is damaged")
    del words[width :: width + 1]
    try:
        # float() takes 1_000 and the digits of any script, which no product means
        if not joined.isascii() or "_" in joined:
            raise ValueError("a character that belongs to no number")
        values = np.fromiter(map(float, words), dtype=float, count=len(words)).reshape(len(texts), width)
    except ValueError as error:
        raise parent.refuse(f"{name} holds no number ({shortened(str(error), 80)}); the file is damaged") from None
    if not np.isfinite(values).all():
        number = int(np.argwhere(~np.isfinite(values))[0, 0]) + 1
        raise parent.refuse(f"{name}[{number}] holds a number that is not finite; the file is damaged")
    return values


def _whole(parent: Node, text: str, what: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise InputError(f"{parent.file}: {parent.where}: {what} is {shortened(text)!r}, no count; the file is damaged")
    return int(text)
