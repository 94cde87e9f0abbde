"""Message files on disk: read within a bound, told apart as KVN or XML, written whole or not at all."""

from __future__ import annotations

import gzip
import os
import tempfile
import zlib
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from orbit_aux.ccsds.ndm_content import Group, Item, check_names, plain
from orbit_aux.ccsds.ndm_kvn import parse_kvn, render_kvn
from orbit_aux.ccsds.ndm_xml import parse_xml, render_xml
from orbit_aux.errors import OrbitError
from orbit_aux.time import Times

_MAX_BYTES = 512 * 1024 * 1024
KINDS = ("kvn", "xml")


def read_items(file: Path, kind: str) -> list[Item]:
    """The items of a message of that kind (OPM, TDM, AEM, CDM), KVN or XML."""
    content = read_content(file, kind)
    if is_xml(content):
        return parse_xml(file, content, kind)
    return parse_kvn(file, decoded(file, content, kind), kind)


def write_message(file: Path, kind: str, version: str, groups: Sequence[Group], form: str) -> None:
    """Write a message as "kvn" or "xml"; `groups` are its header and segments."""
    if form not in KINDS:
        raise OrbitError(f"kind of {kind} {form!r} is unknown: use {' or '.join(KINDS)}")
    write_whole(file, (render_kvn if form == "kvn" else render_xml)(kind, version, groups))


def header(originator: str, created: str | datetime | None, comments: Sequence[str] = ()) -> Group:
    """The header group: comments, date (by default the present) and originator."""
    check_names(originator=originator)
    date = Times.from_utc(datetime.now(UTC) if created is None else created).labels("UTC", 0)[0]
    told = [Item("COMMENT", plain(comment)) for comment in comments]
    return Group("header", [*told, Item("CREATION_DATE", date), Item("ORIGINATOR", originator)])


def read_content(file: Path, kind: str) -> bytes:
    """The bytes of a file, unpacked where it is compressed (.gz)."""
    try:
        size = file.stat().st_size
        if size <= _MAX_BYTES and file.suffix != ".gz":
            return file.read_bytes()
        if size <= _MAX_BYTES:
            with gzip.open(file) as stream:
                content = stream.read(_MAX_BYTES + 1)
            if len(content) <= _MAX_BYTES:
                return content
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise OrbitError(f"{file}: cannot be read ({error}); check the path and its permissions") from None
    raise OrbitError(f"{file}: more than the {_MAX_BYTES} bytes of a file of {kind} at most; split it")


def is_xml(content: bytes) -> bool:
    return content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<"


def decoded(file: Path, content: bytes, kind: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise OrbitError(
            f"{file}, line {line}: byte {error.start} is no text; it is damaged or no {kind}, get it again"
        ) from None


def write_whole(file: Path, text: str) -> None:
    """Write beside, then rename: a reader sees the old file or the new one, never a part."""
    beside = None
    try:
        handle, beside = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
        with os.fdopen(handle, "w", encoding="ascii", newline="\n") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        # mkstemp makes private files; an ephemeris has the mode of any other new file
        mask = os.umask(0)
        os.umask(mask)
        Path(beside).chmod(0o666 & ~mask)
        Path(beside).replace(file)
    except OSError as error:
        if beside is not None:
            with suppress(OSError):
                Path(beside).unlink()
        raise OrbitError(
            f"{file}: cannot be written ({error.strerror}); check the folder, its space and permissions"
        ) from None
