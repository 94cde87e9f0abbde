"""XML from elsewhere, read with distrust: no DTD, no entities, no network, bounded in size; every wanted value that is absent or senseless is one sentence.

Names are local names: the namespaces of the missions vary from version to version.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
from lxml import etree

from calib.errors import InputError

#: the largest genuine header holds 3 MB and 60 000 elements; a day of attitudes 90 MB and a million
MAX_BYTES = 160 * 1024 * 1024
MAX_ELEMENTS = 1_500_000
MAX_ATTRIBUTES = 64


class Node:
    """One element, and the way to it from the root: `text("A/B")` is the text of the one element B in A below it."""

    __slots__ = ("element", "file", "where")

    def __init__(self, element: etree._Element, file: Path, where: str) -> None:
        self.element, self.file, self.where = element, file, where

    @property
    def name(self) -> str:
        return str(self.element.tag)

    def refuse(self, text: str) -> InputError:
        """An error that names the file and the element."""
        return InputError(f"{self.file}: {self.where}: {text}")

    def maybe(self, path: str) -> Node | None:
        """The first element at `path`, None where there is none. A path starting with `//` looks at any depth."""
        found = self.element.find("." + path if path.startswith("//") else path)
        return None if found is None else self._at(found, path)

    def child(self, path: str) -> Node:
        """The first element at `path`; InputError where there is none."""
        found = self.maybe(path)
        if found is None:
            raise self.refuse(f"element {path} is missing; the file is incomplete or of another format")
        return found

    def all(self, path: str) -> list[Node]:
        """Every element at `path`, in the order of the file."""
        found = self.element.iterfind("." + path if path.startswith("//") else path)
        return [self._at(item, path) for item in found]

    def children(self) -> Iterator[Node]:
        """The elements directly below, in the order of the file."""
        return (self._at(item, str(item.tag)) for item in self.element)

    def has(self, path: str) -> bool:
        return self.maybe(path) is not None

    def text(self, path: str = "", default: str | None = None) -> str:
        """The text at `path`, without the blanks around it; InputError where the element is missing and no `default` was given."""
        node = self if not path else self.maybe(path)
        if node is None:
            if default is not None:
                return default
            return self.child(path).text()
        return (node.element.text or "").strip()

    def number(self, path: str = "", *, least: float = -math.inf, most: float = math.inf) -> float:
        """The finite number at `path`, between `least` and `most`."""
        node = self if not path else self.child(path)
        return node._number(node.text(), least, most)

    def integer(self, path: str = "", *, least: int = 0, most: int = 2**31) -> int:
        """The whole number at `path`, between `least` and `most`."""
        node = self if not path else self.child(path)
        value = node._number(node.text(), least, most)
        if value != round(value):
            raise node.refuse(f"{shortened(node.text())!r} is no whole number; the file is damaged")
        return int(value)

    def numbers(self, path: str = "", *, count: int | None = None, nan: bool = False) -> np.ndarray:
        """The blank-separated numbers at `path`, `count` of them if given; not-a-number is allowed only with `nan`, infinity never."""
        node = self if not path else self.child(path)
        words = node.text().split()
        try:
            values = np.array(words, dtype=float)
        except ValueError as error:
            raise node.refuse(f"not a list of numbers ({reason(error)}); the file is damaged") from None
        if count is not None and len(values) != count:
            raise node.refuse(f"{len(values)} numbers where {count} belong; the file is damaged or of another version")
        if np.isinf(values).any() or (not nan and np.isnan(values).any()):
            raise node.refuse("holds a number that is not finite; the file is damaged")
        return values

    def attribute(self, name: str, default: str | None = None) -> str:
        """The attribute `name` (a local name); InputError where it is missing and no `default` was given."""
        for key, value in self.element.attrib.items():
            if str(key).split("}")[-1] == name:
                return str(value).strip()
        if default is None:
            raise self.refuse(f"attribute {name} is missing; the file is incomplete or of another format")
        return default

    def _at(self, element: etree._Element, path: str) -> Node:
        return Node(element, self.file, f"{self.where}/{path.removeprefix('//')}")

    def _number(self, text: str, least: float, most: float) -> float:
        try:
            value = float(text)
        except ValueError:
            raise self.refuse(f"{shortened(text)!r} is no number; the file is damaged or of another format") from None
        # float() takes 1_000, which no product means
        if not math.isfinite(value) or "_" in text:
            raise self.refuse(f"{shortened(text)!r} is no finite number; the file is damaged")
        if not least <= value <= most:
            raise self.refuse(f"{shortened(text)!r} does not lie between {least:g} and {most:g}; the file is damaged")
        return value


def read_xml(path: Path) -> Node:
    """The root of an XML file; InputError when it is no XML, too large, or tries to lead elsewhere."""
    return parse_xml(read_limited(path, MAX_BYTES), path)


def parse_xml(content: bytes, path: Path) -> Node:
    """The root of the document `content`, which errors call `path`."""
    # a document type is where entities and external files come from: no product of these missions has one
    if b"<!DOCTYPE" in content[:65536] or b"<!ENTITY" in content:
        raise InputError(f"{path}: declares a document type or entities, which are not read; remove them")
    try:
        events = etree.iterparse(
            BytesIO(content),
            events=("start",),
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            remove_comments=True,
            remove_pis=True,
            huge_tree=False,
        )
        for count, (_, element) in enumerate(events, start=1):
            if count > MAX_ELEMENTS:
                raise InputError(f"{path}: more than {MAX_ELEMENTS} elements; no product has as many: fetch it again")
            if "}" in element.tag:
                element.tag = element.tag.rsplit("}", 1)[1]
        root = events.root
        kind = root.getroottree().docinfo
    except etree.LxmlError as error:
        raise InputError(f"{path}: not readable as XML ({reason(error)}); fetch the file again") from None
    except (ValueError, LookupError, AssertionError) as error:
        raise InputError(f"{path}: not readable as XML ({reason(error)}); fetch the file again") from None
    # written in UTF-16 or after a long preamble, it passed the first look
    if kind.internalDTD is not None or kind.doctype:
        raise InputError(f"{path}: declares a document type, which is not read; remove it")
    return Node(root, path, str(root.tag))


def root_name(path: Path) -> str:
    """Local name of the root element, "" where the file is no XML; reads no more than its first 64 KiB and never raises."""
    try:
        with path.open("rb") as stream:
            head = stream.read(65536)
        parser = etree.XMLPullParser(
            events=("start",), resolve_entities=False, no_network=True, load_dtd=False, recover=False
        )
        parser.feed(head)
        for _, element in parser.read_events():
            return str(etree.QName(element).localname)
    except (OSError, ValueError, LookupError, etree.LxmlError):
        return ""
    return ""


def read_limited(path: Path, limit: int) -> bytes:
    """The content of a regular file of at most `limit` bytes; InputError otherwise."""
    try:
        if not path.is_file():
            raise InputError(f"{path}: the file is missing; fetch the product again")
        with path.open("rb") as stream:
            content = stream.read(limit + 1)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({reason(error)}); check the file and your rights") from None
    if len(content) > limit:
        raise InputError(f"{path}: larger than {limit // 2**20} MiB, more than any genuine file; fetch it again")
    return content


def reason(error: BaseException) -> str:
    """The text of a foreign library's error on one line, cut to what fits it."""
    return shortened(str(error), 200) or type(error).__name__


def shortened(text: str, length: int = 60) -> str:
    """The text on one line, cut to `length` characters."""
    text = " ".join(text[: 2 * length].split())
    return text if len(text) <= length else text[: length - 1] + "…"
