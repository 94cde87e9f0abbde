"""CCSDS files, the one door to them: ephemerides (OEM), states with planned manoeuvres (OPM), tracking (TDM), attitude (AEM), conjunctions (CDM).

Versions 1 to 3 are read, 2.0 is written (AEM and CDM: 1.0), as key-value text (KVN) or XML.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from orbit_aux.ccsds.aem import read_aem, write_aem
from orbit_aux.ccsds.cdm import read_cdm, write_cdm
from orbit_aux.ccsds.ndm_files import decoded, is_xml, read_content, write_whole
from orbit_aux.ccsds.oem_content import RawMessage
from orbit_aux.ccsds.oem_kvn import parse_kvn, render_kvn
from orbit_aux.ccsds.oem_orbit import message_of, orbit_of
from orbit_aux.ccsds.oem_xml import parse_xml, render_xml
from orbit_aux.ccsds.opm import read_opm, write_opm
from orbit_aux.ccsds.tdm import read_tdm, write_tdm
from orbit_aux.errors import OrbitError
from orbit_aux.orbit import Orbit
from orbit_aux.time import Times

__all__ = [
    "read_aem",
    "read_cdm",
    "read_oem",
    "read_opm",
    "read_tdm",
    "write_aem",
    "write_cdm",
    "write_oem",
    "write_opm",
    "write_tdm",
]

_KINDS = {"kvn": render_kvn, "xml": render_xml}


def read_oem(path: str | Path) -> Orbit:
    """The orbit in an OEM file, KVN or XML: SI units, all segments of its one object, each keeping its own interval.

    Frames GCRF, ICRF, EME2000, J2000 and ITRF of any year; times UTC, TAI, TT, TDB and GPS. Without INTERPOLATION the
    records are interpolated by HERMITE of degree 7. Comments and unknown keywords end in `Orbit.comments`. What is not
    understood is refused with the file, the line, the value and a remedy.
    """
    file = Path(path)
    return orbit_of(file, _parse(file, read_content(file, "OEM")))


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
    write_whole(Path(path), _KINDS[kind](message_of(orbit, originator, created)))


def _parse(file: Path, content: bytes) -> RawMessage:
    return parse_xml(file, content) if is_xml(content) else parse_kvn(file, decoded(file, content, "OEM"))
