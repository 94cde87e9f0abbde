"""What all CCSDS navigation messages share: texts with their lines, trees to be written, and how numbers, dates, units and frames are understood."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from orbit_aux.errors import OrbitError
from orbit_aux.time import SCALES, Times

#: names in files of the inertial frames handled here
FRAME_NAMES = {"GCRF": "GCRF", "ICRF": "GCRF", "EME2000": "EME2000", "J2000": "EME2000"}
# the realisations of ITRF agree within centimetres with the one of the Earth orientation tables
_ITRF = re.compile(r"ITRF(-?[0-9]{2}|-?[0-9]{4})?")
# plain ITRF is no CCSDS name
_ITRF_WRITTEN = "ITRF2014"
_UNIT = re.compile(r"(.*?)\s*\[([^\[\]]*)\]")


class Entry(NamedTuple):
    """A text and the line it was read from."""

    text: str
    line: int


class Item(NamedTuple):
    """A keyword (empty: a line of bare values) with its text, its unit where one is given, and its line.

    COMMENT, META_START, META_STOP, DATA_START and DATA_STOP are keywords too, the latter four without text.
    """

    key: str
    text: str = ""
    unit: str = ""
    line: int = 0


@dataclass(frozen=True)
class Group:
    """Items that belong together, to be written: an element of that name in XML, its lines in KVN."""

    tag: str
    content: Sequence[Item | Group]


def refuse(file: Path, line: int, fault: str, remedy: str) -> NoReturn:
    """Raise an OrbitError that names file, line, fault and remedy; over-long values are cut."""
    raise OrbitError(f"{file}, line {line}: {fault[:200]}; {remedy}")


def check_version(file: Path, kind: str, version: Entry) -> None:
    """Refuse what is not a message of version 1, 2 or 3."""
    if not re.fullmatch(r"[123](\.[0-9]+)?", version.text):
        refuse(file, version.line, f"{kind} version {version.text!r}", "versions 1, 2 and 3 are read")


def with_unit(key: str, value: str, line: int) -> Item:
    """The item of a KVN value that may end in a unit, as in `7000.0 [km]`."""
    match = None if key == "COMMENT" else _UNIT.fullmatch(value)
    return Item(key, match[1], match[2].strip(), line) if match else Item(key, value, "", line)


def number(file: Path, item: Item, unit: str = "") -> float:
    """The finite decimal number of an item; a unit other than `unit` is refused."""
    if item.unit and item.unit.replace(" ", "").lower() != unit.lower():
        refuse(file, item.line, f"{item.key} in {item.unit!r}", f"convert it, the standard wants {unit or 'no unit'}")
    try:
        # float() also takes digit groups, digits of other alphabets, nan and inf
        if not item.text.isascii() or "_" in item.text:
            raise ValueError
        value = float(item.text)
        if not math.isfinite(value):
            raise ValueError
    except ValueError:
        refuse(file, item.line, f"{item.key} {item.text!r} is not a number", "correct it or get the file again")
    return value


def numbers(file: Path, line: int, texts: Sequence[str]) -> list[float]:
    """Finite decimal numbers of one line."""
    return [number(file, Item("value", text, "", line)) for text in texts]


def choice(file: Path, item: Item, allowed: Sequence[str]) -> str:
    """The text of an item, in capitals, if it is one of those allowed."""
    text = item.text.upper()
    if text not in allowed:
        refuse(file, item.line, f"{item.key} {item.text!r}", f"use {' or '.join(allowed)}")
    return text


def epochs(file: Path, entries: Sequence[Entry], scale: str) -> Times:
    """Epochs of many texts; a wrong one is refused with its line."""
    try:
        return Times.from_labels([entry.text for entry in entries], scale)
    except OrbitError:
        # one of them is wrong: read again one by one, to name its line
        return Times.concatenate([epoch(file, entry, scale) for entry in entries])


def epoch(file: Path, entry: Entry, scale: str) -> Times:
    try:
        return Times.from_labels([entry.text], scale)
    except OrbitError as error:
        raise OrbitError(f"{file}, line {entry.line}: {error}") from None


def time_scale(file: Path, item: Item) -> str:
    """The time system of a message, refused where it is none of ours."""
    return choice(file, item, SCALES)


def frame_of(text: str) -> str:
    """Our name of a reference frame in a file, empty when unknown."""
    return "ITRF" if _ITRF.fullmatch(text) else FRAME_NAMES.get(text, "")


def frame_written(frame: str) -> str:
    return _ITRF_WRITTEN if frame == "ITRF" else frame


def required(file: Path, kind: str, found: Mapping[str, Item], keys: Sequence[str], line: int) -> None:
    """Refuse a block that lacks one of `keys`."""
    for key in keys:
        if key not in found or not found[key].text:
            refuse(file, line, f"{key} is missing from the {kind}", "add it")


def exact_decimals(tai_ns: NDArray[np.int64]) -> int:
    """The fewest decimals of a second (3, 6 or 9) that lose nothing."""
    return next((decimals for decimals in (3, 6) if not (tai_ns % 10 ** (9 - decimals)).any()), 9)


def labels(times: Times) -> list[str]:
    """Epochs in UTC with as many decimals as they need."""
    return times.labels("UTC", exact_decimals(times.tai_ns))


def fixed(integers: list[int], decimals: int) -> list[str]:
    """Decimal text of integers times 10^-decimals, exact."""
    unit = 10**decimals
    return [f"{'-' if value < 0 else ''}{abs(value) // unit}.{abs(value) % unit:0{decimals}d}" for value in integers]


def plain(comment: str) -> str:
    """A comment as it may stand in a file."""
    return "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in comment).strip()


def check_names(**named: str) -> None:
    """Refuse names that cannot stand in a file; keys are what they are, underscores for spaces."""
    for what, text in named.items():
        if not text or text != text.strip() or not (text.isascii() and text.isprintable()):
            raise OrbitError(
                f"{what.replace('_', ' ')} {text!r} cannot stand in a file: write it in plain ASCII, on one line, not empty"
            )
