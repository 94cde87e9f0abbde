"""XML of parameter, tracking and attitude messages (NDM/XML): to items, and from groups, without entities or document types."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from orbit_aux.ccsds.ndm_content import Entry, Group, Item, check_version, refuse
from orbit_aux.errors import OrbitError

_MARKS = {"metadata": "META", "data": "DATA"}
_DEEPEST = 32
_USER = "USER_DEFINED"


def parse_xml(file: Path, data: bytes, kind: str) -> list[Item]:
    """The items of an XML message of that kind in document order, as the KVN of the same content would give them.

    Document types and entities are refused; `file` is only named in errors.
    """
    reader = _Reader(file, kind)
    feed(file, reader.parser, data)
    return reader.items


def feed(file: Path, parser: expat.XMLParserType, data: bytes) -> None:
    """Parse all of `data`; what is no XML is refused with its file and line."""
    try:
        parser.Parse(data, True)
    except OrbitError:
        raise
    except expat.ExpatError as error:
        refuse(
            file, error.lineno, f"not well-formed XML ({expat.ErrorString(error.code)})", "it is damaged, get it again"
        )
    except (LookupError, ValueError) as error:
        raise OrbitError(f"{file}: XML encoding not understood ({error}): write it in UTF-8") from None


def render_xml(kind: str, version: str, groups: Sequence[Group]) -> str:
    """The document of a message; `groups` are its header and segments."""
    root = kind.lower()
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f'<{root} id="CCSDS_{kind}_VERS" version="{version}">']
    header, *segments = groups
    for group in (header, Group("body", segments)):
        lines += _lines(group)
    return "\n".join([*lines, f"</{root}>"]) + "\n"


def _lines(group: Group) -> Iterator[str]:
    yield f"<{group.tag}>"
    for part in group.content:
        if isinstance(part, Group):
            yield from _lines(part)
        elif part.key.startswith(f"{_USER}_"):
            yield f"<{_USER} parameter={quoteattr(part.key[len(_USER) + 1 :])}>{escape(part.text)}</{_USER}>"
        else:
            units = f' units="{part.unit}"' if part.unit else ""
            yield f"<{part.key}{units}>{escape(part.text)}</{part.key}>"
    yield f"</{group.tag}>"


class _Reader:
    """Hands on leaves as they close; an observation is joined to one item, an attitude state to one line of values."""

    def __init__(self, file: Path, kind: str) -> None:
        self.file, self.kind = file, kind
        self.items: list[Item] = []
        # of each open element: its name, and whether it holds others
        self.path: list[tuple[str, bool]] = []
        self.attributes: dict[str, str] = {}
        self.text: list[str] = []
        self.begun = 0
        self.row = 0
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self.text.append

    @property
    def _line(self) -> int:
        return int(self.parser.CurrentLineNumber)

    def _refuse(self, fault: str, remedy: str) -> NoReturn:
        refuse(self.file, self._line, fault, remedy)

    def _doctype(self, *_: object) -> None:
        self._refuse("a DOCTYPE", "remove it, document types and entities are not read")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        tag = name.rpartition(":")[2]
        root = self.kind.lower()
        if len(self.path) >= _DEEPEST:
            self._refuse(f"elements nested deeper than {_DEEPEST}", f"give an {self.kind} file")
        if not self.path and tag not in (root, "ndm"):
            self._refuse(f"root element {tag!r}", f"give an {self.kind} file, its root is {root} (or ndm around it)")
        if tag == root:
            if self.begun:
                self._refuse(f"a second {root} in the file", "give one message a file")
            check_version(self.file, self.kind, Entry(attributes.get("version", ""), self._line))
            self.begun = self._line
        if tag == "observation":
            self.row = len(self.items)
        if tag in _MARKS:
            self.items.append(Item(f"{_MARKS[tag]}_START", "", "", self._line))
        if self.path:
            self.path[-1] = (self.path[-1][0], True)
        self.path.append((tag, False))
        self.attributes = attributes
        self.text.clear()

    def _end(self, _name: str) -> None:
        tag, holds = self.path.pop()
        if tag in _MARKS:
            self.items.append(Item(f"{_MARKS[tag]}_STOP", "", "", self._line))
        elif tag == "observation":
            self._observation()
        elif not holds and self.begun and tag == tag.upper():
            self._leaf(tag, "".join(self.text).strip())
        elif not holds and "".join(self.text).strip():
            self._refuse(f"text in element {tag!r}", "write keywords in capitals, as the standard does")
        self.text.clear()

    def _leaf(self, tag: str, text: str) -> None:
        if tag == _USER:
            tag = f"{_USER}_{self.attributes.get('parameter', '')}"
        unit = self.attributes.get("units", self.attributes.get("unit", ""))
        self.items.append(Item(tag, text, unit, self._line))

    def _observation(self) -> None:
        parts = [item for item in self.items[self.row :] if item.key != "COMMENT"]
        if len(parts) != 2 or parts[0].key != "EPOCH":
            keys = ", ".join(item.key for item in parts) or "nothing"
            self._refuse(f"an observation of {keys}", "give EPOCH and one value in each")
        comments = [item for item in self.items[self.row :] if item.key == "COMMENT"]
        epoch, value = parts
        self.items[self.row :] = [*comments, value._replace(text=f"{epoch.text} {value.text}")]
