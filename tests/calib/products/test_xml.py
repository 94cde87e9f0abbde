"""XML from elsewhere: what is refused, with which sentence, and within which memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calib.errors import InputError
from calib.products import xml
from calib.products.xml import parse_xml, read_xml, root_name

HERE = Path("header.xml")
TEXT = b"""<?xml version="1.0" encoding="ISO-8859-1"?><?xml-stylesheet type='text/xsl' href='x.xsl'?>
<!-- a comment --><e:Root xmlns:e="http://x.y/z" xmlns:f="urn:f"><f:A unit="ms" f:count="2">  \xe9t\xe9 </f:A>
<B><C> 1.5 </C><C>7</C><L>1 2 nan</L></B><N>-3</N><D/></e:Root>"""


def root() -> xml.Node:
    return parse_xml(TEXT, HERE)


def test_local_names_whatever_the_namespace() -> None:
    assert root().name == "Root"
    assert root().text("A") == "été"
    assert (root().child("A").attribute("unit"), root().child("A").attribute("count")) == ("ms", "2")
    assert [node.number() for node in root().all("B/C")] == [1.5, 7.0]
    assert [node.name for node in root().children()] == ["A", "B", "N", "D"]
    assert root().maybe("B/X") is None and root().has("//C") and not root().has("X")
    assert root().text("X", "none") == "none" and root().text("D") == ""
    assert root().integer("N", least=-5) == -3


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda node: node.child("B/X"), ("Root", "element B/X is missing")),
        (lambda node: node.number("A"), ("Root/A", "'été' is no number")),
        (lambda node: node.integer("B/C"), ("Root/B/C", "'1.5' is no whole number")),
        (lambda node: node.number("N", least=0), ("Root/N", "does not lie between 0 and inf")),
        (lambda node: node.numbers("B/L"), ("Root/B/L", "not finite")),
        (lambda node: node.numbers("B/L", count=5, nan=True), ("3 numbers where 5 belong",)),
        (lambda node: node.numbers("A"), ("not a list of numbers",)),
        (lambda node: node.child("B").attribute("sn"), ("Root/B", "attribute sn is missing")),
    ],
)
def test_a_senseless_value_is_named(ask: object, words: tuple[str, ...]) -> None:
    with pytest.raises(InputError) as caught:
        ask(root())  # type: ignore[operator]
    text = str(caught.value)
    assert text.startswith("header.xml: ") and "\n" not in text
    for word in words:
        assert word in text


@pytest.mark.parametrize("text", ["nan", "inf", "1e999", "1_000", "0x10", "", "1,5", "1 2"])
def test_what_is_no_number(text: str) -> None:
    with pytest.raises(InputError, match="number"):
        parse_xml(f"<A>{text}</A>".encode(), HERE).number()


BOMB = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><r>&b;</r>'
FILE = b'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r>&x;</r>'
NET = b'<?xml version="1.0"?><!DOCTYPE r SYSTEM "http://127.0.0.1:1/x.dtd"><r/>'


@pytest.mark.parametrize("document", [BOMB, FILE, NET, b" " * 70000 + FILE])
@pytest.mark.parametrize("encoding", ["ascii", "utf-16"])
def test_entities_and_document_types_are_refused(document: bytes, encoding: str) -> None:
    if encoding == "utf-16":
        document = document.lstrip().decode().replace('<?xml version="1.0"?>', "").encode("utf-16")
    with pytest.raises(InputError, match=r"document type|not readable as XML"):
        parse_xml(document, HERE)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"not xml",
        TEXT[:-20],
        b"<a>\xff\xfe</a>",
        b'<?xml version="1.0" encoding="no-such"?><a/>',
        b'<?xml version="1.0" encoding="UTF-8"?><a>\xe9</a>',
        b"<a>&undefined;</a>",
        b"<a><b></a></b>",
        b"\x00" * 100,
        b"<a>" * 5000,
    ],
)
def test_what_is_no_xml(document: bytes) -> None:
    with pytest.raises(InputError, match=r"header\.xml: not readable as XML"):
        parse_xml(document, HERE)


def test_a_million_elements_stay_within_a_gibibyte(tmp_path: Path) -> None:
    path = tmp_path / "many.xml"
    path.write_bytes(b"<r>" + b"<a>1</a>" * 1_000_000 + b"</r>")
    code = (
        "import sys, resource; from pathlib import Path; from calib.products.xml import read_xml\n"
        "print(len(read_xml(Path(sys.argv[1])).all('a')))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    count, peak_kib = map(int, ended.stdout.split())
    assert count == 1_000_000
    assert peak_kib < 1024 * 1024


def test_more_elements_than_any_product_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml, "MAX_ELEMENTS", 1000)
    with pytest.raises(InputError, match="more than 1000 elements"):
        parse_xml(b"<r>" + b"<a/>" * 1000 + b"</r>", HERE)


def test_a_file_larger_than_any_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml, "MAX_BYTES", 2**20)
    path = tmp_path / "big.xml"
    path.write_bytes(b"<r>" + b" " * 2**20 + b"</r>")
    with pytest.raises(InputError, match="larger than 1 MiB"):
        read_xml(path)


@pytest.mark.parametrize("name", ["absent.xml", ".", "a\0b"])
def test_what_is_no_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"the file is missing|cannot be read"):
        read_xml(tmp_path / name)


def test_the_name_of_the_root(tmp_path: Path) -> None:
    for content, name in (
        (TEXT, "Root"),
        (b"II*\0", ""),
        (b"", ""),
        (b"<a", ""),
        (b"<x:y xmlns:x='u'>" + b"z" * 99999, "y"),
    ):
        (tmp_path / "f").write_bytes(content)
        assert root_name(tmp_path / "f") == name
    assert root_name(tmp_path) == "" and root_name(tmp_path / "absent") == ""


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.integers(0, len(TEXT)), st.integers(0, 60))
def test_damage_is_refused_or_read(noise: bytes, place: int, length: int) -> None:
    try:
        node = parse_xml(TEXT[:place] + noise + TEXT[place + length :], HERE)
        node.text("A", "")
        np.asarray([item.number() for item in node.all("//C")])
    except InputError as error:
        assert "\n" not in str(error)
