"""What a file of an orbit is, by its beginning: an ephemeris, a state or two-line elements."""

from __future__ import annotations

import gzip
import re
import zlib
from pathlib import Path

from orbit_aux.ccsds import read_oem
from orbit_aux.errors import OrbitError
from orbit_aux.orbit import Orbit
from orbit_aux.tle import Elements, is_tle, read_tle

_HEAD = 65_536
_MESSAGE = re.compile(r"^\s*CCSDS_(OEM|OPM)_VERS|<(oem|opm)[\s>]", re.MULTILINE)


def head_of(path: Path, wanted: str) -> str:
    """The beginning of a text file, unpacked where it is compressed (.gz); `wanted` is what to give where it cannot be read."""
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as stream:
            head = stream.read(_HEAD)
    except (OSError, EOFError, zlib.error) as error:
        told = getattr(error, "strerror", None) or error
        raise OrbitError(f"{path}: cannot be read ({told}); give {wanted}") from None
    return head.removeprefix(b"\xef\xbb\xbf").decode("utf-8", errors="replace").lstrip()


def kind_of(path: Path, wanted: str) -> str:
    """ "OEM", "OPM", "TLE" (also one that is damaged), or "" where the file begins like none of them."""
    head = head_of(path, wanted)
    if is_tle(head):
        return "TLE"
    found = _MESSAGE.search(head)
    return "" if found is None else (found[1] or found[2]).upper()


def read_orbit_or_elements(path: Path) -> Orbit | Elements:
    """An ephemeris (OEM) or two-line elements, whichever the file holds."""
    return read_tle(path) if kind_of(path, "an OEM or two-line elements") == "TLE" else read_oem(path)
