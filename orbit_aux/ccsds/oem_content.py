"""What an orbit ephemeris message holds, as text with line numbers, before any meaning is given to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from orbit_aux.ccsds.ndm_content import Entry


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
