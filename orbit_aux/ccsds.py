"""CCSDS files: orbit ephemeris messages (OEM), versions 1 to 3 read, 2.0 written, as key-value text (KVN) or XML."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from orbit_aux.errors import OrbitError
from orbit_aux.oem_content import RawMessage
from orbit_aux.oem_kvn import parse_kvn, render_kvn
from orbit_aux.oem_orbit import message_of, orbit_of
from orbit_aux.oem_xml import parse_xml, render_xml
from orbit_aux.orbit import Orbit
from orbit_aux.time import Times

_MAX_BYTES = 512 * 1024 * 1024
_KINDS = {"kvn": render_kvn, "xml": render_xml}


def read_oem(path: str | Path) -> Orbit:
    """The orbit in an OEM file, KVN or XML: SI units, all segments of its one object, each keeping its own interval.

    Frames GCRF, ICRF, EME2000, J2000 and ITRF of any year; times UTC, TAI, TT, TDB and GPS. Without INTERPOLATION the
    records are interpolated by HERMITE of degree 7. Comments and unknown keywords end in `Orbit.comments`. What is not
    understood is refused with the file, the line, the value and a remedy.
    """
    file = Path(path)
    return orbit_of(file, _parse(file, _content(file)))


def write_oem(
    path: str | Path,
    orbit: Orbit,
    kind: str = "kvn",
    originator: str = "ETALON",
    creation_date: str | datetime | None = None,
) -> None:
    """Write `orbit` as OEM 2.0 in UTC, `kind` "kvn" or "xml", whole or not at all; to 1 µm and 1 nm/s.

    `creation_date` is UTC; by default the present, the only thing in the file that differs from one writing to another.
    """
    if kind not in _KINDS:
        raise OrbitError(f"kind of OEM {kind!r} is unknown: use {' or '.join(_KINDS)}")
    created = Times.from_utc(datetime.now(UTC) if creation_date is None else creation_date)
    _write_whole(Path(path), _KINDS[kind](message_of(orbit, originator, created)))


def _content(file: Path) -> bytes:
    try:
        size = file.stat().st_size
        if size <= _MAX_BYTES:
            return file.read_bytes()
    except (OSError, ValueError) as error:
        raise OrbitError(f"{file}: cannot be read ({error}); check the path and its permissions") from None
    raise OrbitError(f"{file}: {size} bytes, more than the {_MAX_BYTES} an OEM may have; split it")


def _parse(file: Path, content: bytes) -> RawMessage:
    if content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<":
        return parse_xml(file, content)
    try:
        return parse_kvn(file, content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise OrbitError(
            f"{file}, line {line}: byte {error.start} is no text; it is damaged or no OEM, get it again"
        ) from None


def _write_whole(file: Path, text: str) -> None:
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
