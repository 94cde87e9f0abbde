"""Tracking data messages (CCSDS TDM, 503.0-B): counted Doppler and ranges of stations, read whole or line by line, and written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import numpy as np

from orbit_aux.ccsds.ndm_content import Entry, Group, Item, check_names, check_version, labels, refuse
from orbit_aux.ccsds.ndm_files import header, read_items, write_message
from orbit_aux.ccsds.ndm_kvn import parse_line
from orbit_aux.ccsds.tdm_conventions import Conventions
from orbit_aux.ccsds.tdm_segment import Link, Observation
from orbit_aux.errors import OrbitError
from orbit_aux.tracking import Tracking
from orbit_aux.tracking_table import gathered

FACTORS = ("mean", "sum")
_TOLD = {
    "mean": "DOPPLER_INTEGRATED and RANGE are the mean of the legs: half of the way up and down",
    "sum": "DOPPLER_INTEGRATED and RANGE are the sum of the legs: the whole way up and down",
}
_HEADER = ("CREATION_DATE", "ORIGINATOR", "MESSAGE_ID")


def read_tdm(path: str | Path, factor: str = "") -> Tracking:
    """The tracking in a TDM file, KVN or XML, all segments together in the order of time.

    `factor` says what the values are of two legs, "mean" or "sum"; without it the file's comments are heard, and where they say nothing it is "mean";
    the standard leaves it to agreements. Read are DOPPLER_INTEGRATED (km/s), RECEIVE_FREQ with a constant TRANSMIT_FREQ, and unambiguous RANGE (km, s)
    over PATH 1,2,1 and 1,2,3; tags are times of reception, at the START, MIDDLE or END of the count as INTEGRATION_REF says.
    """
    _check_factor(factor)
    file = Path(path)
    reader = TdmReader(file, factor)
    for item in read_items(file, "TDM"):
        reader.take(item)
    return reader.finish()


def write_tdm(
    path: str | Path,
    tracking: Tracking,
    satellite: str,
    kind: str = "kvn",
    *,
    factor: str = "mean",
    integration_ref: str = "END",
    originator: str = "ETALON",
    creation_date: str | datetime | None = None,
) -> None:
    """Write a TDM 2.0 in UTC, `kind` "kvn" or "xml", whole or not at all: a segment for each link, values to 1 nm/s and 1 nm.

    The factor, "mean" or "sum" of the legs, is told in a comment, as is whether signals travel, where that is known.
    """
    _check_factor(factor or "none")
    if integration_ref not in ("START", "MIDDLE", "END"):
        raise OrbitError(f"INTEGRATION_REF {integration_ref!r} is unknown: use START, MIDDLE or END")
    check_names(satellite=satellite, **{f"station_{n}": n for n in {*tracking.transmitter, *tracking.receiver}})
    told = [_TOLD[factor]]
    if tracking.light_time is not None:
        told.append(f"LIGHT_TIME = {'YES' if tracking.light_time else 'NO'}")
    columns = (tracking.transmitter, tracking.receiver, tracking.kind, tracking.interval_s)
    rows = [(str(a), str(b), str(c), float(d)) for a, b, c, d in zip(*columns, strict=True)]
    segments = []
    for link in dict.fromkeys(rows):
        mine = np.array([row == link for row in rows])
        segments.append(_segment(tracking, mine, satellite, factor, integration_ref))
    head = header(originator, creation_date, told)
    write_message(Path(path), "TDM", "2.0", [head, *segments], kind)


@dataclass
class TdmReader:
    """Takes a TDM item by item, or line by line (`line`, KVN) as a stream delivers it."""

    file: Path
    factor: str = ""
    metadata: dict[str, Item] = field(default_factory=dict)
    link: Link | None = None
    comments: list[str] = field(default_factory=list)
    waiting: list[Observation] = field(default_factory=list)
    parts: list[Tracking] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    section: str = "header"
    segments: int = 0
    last_line: int = 0
    versioned: bool = False

    def line(self, content: str, number: int) -> None:
        """One line of KVN; the version first."""
        item = parse_line(content, number)
        if item is None:
            return
        if not self.versioned:
            if item.key != "CCSDS_TDM_VERS":
                refuse(self.file, number, f"{content.strip()[:60]!r} where CCSDS_TDM_VERS should stand", "give a TDM")
            check_version(self.file, "TDM", Entry(item.text, number))
            self.versioned = True
            return
        self.take(item)

    def take(self, item: Item) -> None:
        """The next item of the message."""
        self.last_line = item.line
        if item.key == "COMMENT":
            self.comments.append(item.text)
        elif item.key == "META_START":
            self.metadata, self.section = {}, "metadata"
            self.segments += 1
        elif item.key == "META_STOP":
            self.section = "between"
        elif item.key == "DATA_START":
            if self.section != "between":
                refuse(
                    self.file, item.line, "DATA_START without metadata before", "give META_START ... META_STOP first"
                )
            self.section = "data"
            self.link = self._opened(item.line)
        elif item.key == "DATA_STOP":
            self._close()
            self.section = "after"
        elif self.section == "data":
            self._observe(item)
        else:
            self._keep(item)

    def pending(self) -> Tracking | None:
        """The measurements of the open segment that were not handed out yet, in their order; they count as handed out."""
        if self.link is None or not self.waiting:
            return None
        factor = self.conventions.doppler or "mean"
        self.used.add(factor)
        found, notes = self.link.tracking(self.waiting, factor)
        self.waiting = []
        self.notes += notes
        return found

    @property
    def conventions(self) -> Conventions:
        told = Conventions.told(self.comments)
        return Conventions(self.factor or told.doppler, told.light_time)

    def finish(self) -> Tracking:
        """All measurements; a message that stops in the middle is refused."""
        if self.section != "after":
            where = "a segment" if self.section != "header" else "its header"
            refuse(
                self.file,
                max(self.last_line, 1),
                f"the file ends in {where}",
                "it is truncated or no TDM, get it again",
            )
        conventions = self.conventions
        told = "told by the caller" if self.factor else "told by the file"
        said = told if conventions.doppler else "not told by the file: assumed"
        if self.used - {conventions.doppler or "mean"}:
            raise OrbitError(
                f"{self.file}: its comments contradict each other on mean or sum of the legs; say which (--doppler)"
            )
        notes = [f"values are the {conventions.doppler or 'mean'} of the legs ({said})", *self.notes]
        if not self.parts:
            raise OrbitError(f"{self.file}: no DOPPLER_INTEGRATED, RECEIVE_FREQ or RANGE in it; give tracking")
        found = gathered(self.parts)
        return replace(found, light_time=conventions.light_time, notes=tuple(dict.fromkeys(notes)))

    def told(self, found: Tracking) -> Tracking:
        """Measurements with what the message has told so far."""
        return replace(found, light_time=self.conventions.light_time, notes=tuple(dict.fromkeys(self.notes)))

    def _opened(self, line: int) -> Link | None:
        """The link of the segment; weather and clocks have no path, and are not used."""
        if "PATH" not in self.metadata and "PATH_1" not in self.metadata:
            return None
        link = Link.of(self.file, self.metadata, line)
        self.notes += link.unknown()
        quality = self.metadata.get("DATA_QUALITY")
        if quality and quality.text.upper() == "DEGRADED":
            self.notes.append(f"{link.transmitter} to {link.receiver}: DATA_QUALITY DEGRADED")
        return link

    def _observe(self, item: Item) -> None:
        texts = item.text.split()
        if not item.key or len(texts) != 2:
            refuse(self.file, item.line, f"{item.key} = {item.text}"[:80], "write KEYWORD = epoch value")
        if item.unit and item.key == "DOPPLER_INTEGRATED" and item.unit.replace(" ", "") != "km/s":
            refuse(self.file, item.line, f"{item.key} in {item.unit!r}", "convert it, the standard wants km/s")
        if self.link is None:
            if item.key in ("DOPPLER_INTEGRATED", "RANGE"):
                refuse(self.file, item.line, f"{item.key} in a segment without PATH", "add PATH to its metadata")
            self.notes.append(f"{item.key}: not used")
            return
        self.waiting.append(Observation(item.key, texts[0], texts[1], item.line))

    def _keep(self, item: Item) -> None:
        if not item.key:
            refuse(self.file, item.line, f"{item.text[:60]!r} in the {self.section}", "write KEYWORD = value")
        if self.section != "metadata":
            if item.key not in _HEADER:
                self.notes.append(f"{item.key} = {item.text}")
            return
        if item.key in self.metadata:
            refuse(self.file, item.line, f"{item.key} stands twice", "keep one")
        self.metadata[item.key] = item

    def _close(self) -> None:
        part = self.pending()
        if part is not None:
            self.parts.append(part)


def stream_tdm(lines: Iterable[str], source: str, factor: str = "") -> Iterator[Tracking]:
    """Measurements as the lines of a KVN message arrive: each time a count of another tag begins or the segment ends, those before it."""
    _check_factor(factor)
    reader = TdmReader(Path(source), factor)
    for number, content in enumerate(lines, 1):
        item = parse_line(content, number)
        before = reader.waiting
        new_tag = (
            bool(before)
            and item is not None
            and len(item.text.split()) == 2
            and item.text.split()[0] != before[-1].epoch
        )
        if new_tag or (item is not None and item.key == "DATA_STOP"):
            found = reader.pending()
            if found is not None:
                yield reader.told(found)
        reader.line(content, number)
    found = reader.pending()
    if found is not None:
        yield reader.told(found)


def _check_factor(factor: str) -> None:
    if factor not in ("", *FACTORS):
        raise OrbitError(f"factor {factor!r} is unknown: values are the {' or the '.join(FACTORS)} of the legs")


def _segment(tracking: Tracking, mine: np.ndarray, satellite: str, factor: str, reference: str) -> Group:
    first = int(np.argmax(mine))
    interval, kind = float(tracking.interval_s[first]), str(tracking.kind[first])
    sender, receiver = str(tracking.transmitter[first]), str(tracking.receiver[first])
    after = {"START": interval, "MIDDLE": interval / 2, "END": 0.0}[reference]
    tags = labels(tracking.stop[mine] + -after)
    metadata = [Item("TIME_SYSTEM", "UTC"), Item("START_TIME", tags[0]), Item("STOP_TIME", tags[-1])]
    metadata += [Item("PARTICIPANT_1", sender), Item("PARTICIPANT_2", satellite)]
    if receiver != sender:
        metadata.append(Item("PARTICIPANT_3", receiver))
    metadata += [Item("MODE", "SEQUENTIAL"), Item("PATH", "1,2,1" if receiver == sender else "1,2,3")]
    metadata.append(Item("TIMETAG_REF", "RECEIVE"))
    if kind == "DOPPLER":
        metadata += [Item("INTEGRATION_INTERVAL", repr(interval)), Item("INTEGRATION_REF", reference)]
    else:
        metadata += [Item("RANGE_MODULUS", "0.0"), Item("RANGE_UNITS", "km")]
    key = "DOPPLER_INTEGRATED" if kind == "DOPPLER" else "RANGE"
    values = tracking.value[mine] * (1 if factor == "mean" else 2) / 1000.0
    data = [
        Group("observation", [Item("EPOCH", tag), Item(key, f"{value:.12f}")])
        for tag, value in zip(tags, values, strict=True)
    ]
    return Group("segment", [Group("metadata", metadata), Group("data", data)])
