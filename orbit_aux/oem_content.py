"""What an orbit ephemeris message holds, as text with line numbers, before any meaning is given to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, NoReturn

from orbit_aux.errors import OrbitError


class Entry(NamedTuple):
    """A text and the line it was read from."""

    text: str
    line: int


class RawState(NamedTuple):
    """An epoch and the texts of X Y Z X_DOT Y_DOT Z_DOT."""

    epoch: Entry
    values: list[str]


@dataclass
class RawCovariance:
    """A lower triangle by rows (21 texts); an empty frame means the frame of the states."""

    epoch: Entry
    frame: str
    lower: list[str]


@dataclass
class RawSegment:
    """One metadata block with its states."""

    line: int
    metadata: dict[str, Entry] = field(default_factory=dict)
    comments: list[str] = field(default_factory=list)
    states: list[RawState] = field(default_factory=list)
    covariances: list[RawCovariance] = field(default_factory=list)


@dataclass
class RawMessage:
    """A whole message."""

    header: dict[str, Entry] = field(default_factory=dict)
    comments: list[str] = field(default_factory=list)
    segments: list[RawSegment] = field(default_factory=list)


def refuse(file: Path, line: int, fault: str, remedy: str) -> NoReturn:
    """Raise an OrbitError that names file, line, fault and remedy; over-long values are cut."""
    raise OrbitError(f"{file}, line {line}: {fault[:200]}; {remedy}")


def check_version(file: Path, version: Entry) -> None:
    """Refuse what is not an OEM of version 1, 2 or 3."""
    major, _, minor = version.text.partition(".")
    if major not in ("1", "2", "3") or (minor and not minor.isascii()) or (minor and not minor.isdigit()):
        refuse(file, version.line, f"OEM version {version.text!r}", "versions 1, 2 and 3 are read")
