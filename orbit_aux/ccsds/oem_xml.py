"""XML of orbit ephemeris messages (NDM/XML): to and from raw content, without entities or document types."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn
from xml.parsers import expat
from xml.sax.saxutils import escape

from orbit_aux.ccsds.ndm_content import Entry, check_version, refuse
from orbit_aux.ccsds.ndm_xml import feed
from orbit_aux.ccsds.oem_content import RawCovariance, RawMessage, RawSegment, RawState

_STATE = ("X", "Y", "Z", "X_DOT", "Y_DOT", "Z_DOT")
_LOWER = tuple(f"C{row}_{column}" for number, row in enumerate(_STATE) for column in _STATE[: number + 1])
_UNITS = (
    dict(zip(_STATE, ["km"] * 3 + ["km/s"] * 3, strict=True))
    | {f"{axis}_DDOT": "km/s**2" for axis in "XYZ"}
    | {name: ("km**2", "km**2/s", "km**2/s**2")[name.count("DOT")] for name in _LOWER}
)
_CONTAINERS = ("ndm", "oem", "header", "body", "segment", "metadata", "data", "stateVector", "covarianceMatrix")
_DEEPEST = 32


def parse_xml(file: Path, data: bytes) -> RawMessage:
    """The content of an XML message; `file` is only named in errors. Document types and entities are refused."""
    reader = _Reader(file)
    feed(file, reader.parser, data)
    return reader.message


def render_xml(message: RawMessage) -> str:
    """An OEM 2.0 document."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<oem id="CCSDS_OEM_VERS" version="2.0">', "<header>"]
    lines += [_element("COMMENT", comment) for comment in message.comments]
    lines += [_element(key, entry.text) for key, entry in message.header.items()]
    lines += ["</header>", "<body>"]
    for segment in message.segments:
        lines += ["<segment>", "<metadata>"]
        lines += [_element(key, entry.text) for key, entry in segment.metadata.items()]
        lines += ["</metadata>", "<data>"]
        for state in segment.states:
            lines += ["<stateVector>", _element("EPOCH", state.epoch.text)]
            lines += [_element(*pair) for pair in zip(_STATE, state.values, strict=True)]
            lines += ["</stateVector>"]
        for item in segment.covariances:
            lines += ["<covarianceMatrix>", _element("EPOCH", item.epoch.text), _element("COV_REF_FRAME", item.frame)]
            lines += [_element(*pair) for pair in zip(_LOWER, item.lower, strict=True)]
            lines += ["</covarianceMatrix>"]
        lines += ["</data>", "</segment>"]
    return "\n".join([*lines, "</body>", "</oem>"]) + "\n"


def _element(name: str, text: str) -> str:
    units = f' units="{_UNITS[name]}"' if name in _UNITS else ""
    return f"<{name}{units}>{escape(text)}</{name}>"


class _Reader:
    """Gathers the leaves of the innermost container and hands them on when it closes."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.message = RawMessage()
        self.path: list[str] = []
        self.fields: dict[str, Entry] = {}
        self.text: list[str] = []
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self.text.append

    def _refuse(self, fault: str, remedy: str) -> NoReturn:
        refuse(self.file, self.parser.CurrentLineNumber, fault, remedy)

    def _doctype(self, *_: object) -> None:
        self._refuse("a DOCTYPE", "remove it, document types and entities are not read")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        tag = name.rpartition(":")[2]
        self.path.append(tag)
        self.text.clear()
        if len(self.path) > _DEEPEST:
            self._refuse(f"elements nested deeper than {_DEEPEST}", "give an OEM")
        if self.path[0] not in ("oem", "ndm"):
            self._refuse(f"root element {tag!r}", "give an OEM, its root is oem (or ndm around it)")
        units, expected = attributes.get("units"), _UNITS.get(tag)
        if units is not None and expected is not None and units.lower() != expected:
            self._refuse(f"{tag} in {units!r}", f"convert it, OEM wants {expected}")
        if tag == "oem":
            check_version(self.file, "OEM", Entry(attributes.get("version", ""), self.parser.CurrentLineNumber))
        elif tag == "segment":
            self.message.segments.append(RawSegment(self.parser.CurrentLineNumber))
        elif tag in ("metadata", "data") and not self.message.segments:
            self._refuse(f"{tag} outside a segment", "put it inside <segment>")
        if tag in _CONTAINERS:
            self.fields = {}

    def _end(self, _name: str) -> None:
        tag = self.path.pop()
        if tag not in _CONTAINERS:
            self._leaf(tag, "".join(self.text).strip())
        elif tag == "header":
            self.message.header = self.fields
        elif tag == "metadata":
            self.message.segments[-1].metadata = self.fields
        elif tag in ("stateVector", "covarianceMatrix"):
            self._record(tag)
        self.text.clear()

    def _leaf(self, tag: str, text: str) -> None:
        if tag == "COMMENT":
            owner = self.message.segments[-1] if self.message.segments else self.message
            owner.comments.append(text)
            return
        if tag in self.fields:
            self._refuse(f"{tag} stands twice", "keep one")
        self.fields[tag] = Entry(text, self.parser.CurrentLineNumber)

    def _record(self, tag: str) -> None:
        if not self.message.segments:
            self._refuse(f"{tag} outside a segment", "put it inside <segment>")
        names = _STATE if tag == "stateVector" else _LOWER
        missing = [name for name in ("EPOCH", *names) if name not in self.fields]
        if missing:
            self._refuse(f"{tag} without {missing[0]}", "add it")
        segment, values = self.message.segments[-1], [self.fields[name].text for name in names]
        if tag == "stateVector":
            segment.states.append(RawState(self.fields["EPOCH"], values))
        else:
            frame = self.fields.get("COV_REF_FRAME", Entry("", 0)).text
            segment.covariances.append(RawCovariance(self.fields["EPOCH"], frame, values))
