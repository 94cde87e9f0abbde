"""Parameter files of Venµs (GIPP, auxiliary telemetry, line dates): read, chosen by applicability, and proposed anew.

`open_parameters` gives the header and the content of any of them; `select` the one that applies to a site and date; `official_gains` the official
parameters in a PHGAIN file; `propose` writes the next serial of PHGAIN, NOISMO and STRLGT; `check` compares a file with the mission's schemas.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from calib.errors import InputError, RequestError
from calib.products.venus_parameters import detectors, gains, spectral, straylight, telemetry
from calib.products.venus_parameters.facts import Content, content_facts, header_facts
from calib.products.venus_parameters.header import KINDS, Header, Source, open_source, type_of
from calib.sensor import GainVersion

TITLE = "Venµs parameter file (VE_*_GIP_*, VE_*_AUX_*, VE_*_TEC_LINDAT_*; .EEF or .HDR)"

_READERS: dict[str, Callable[[Source], Content]] = {
    "GIP_PHGAIN": gains.read_table,
    "GIP_NOISMO": gains.read_table,
    "GIP_RELSEN": detectors.read_relative_sensitivities,
    "GIP_DARKCU": detectors.read_dark_currents,
    "GIP_OUTORD": detectors.read_defects,
    "GIP_VIEDIR": detectors.read_viewing_directions,
    "GIP_STRLGT": straylight.read_straylight,
    "GIP_SPECSE": spectral.read_spectral_sensitivities,
    "GIP_REFLEC": spectral.read_reflectance_constants,
    "TEC_LINDAT": telemetry.read_line_dates,
    "AUX_GPSDTA": telemetry.read_positions,
    "AUX_AOCDTA": telemetry.read_attitudes,
}


@dataclass(frozen=True, eq=False)
class ParameterFile:
    """A parameter file as read: its header, its content (a dataset, or the dataclass of its type), and what was odd about it."""

    path: Path
    header: Header
    content: Content
    warnings: tuple[str, ...] = ()


def recognises(path: Path) -> bool:
    """Whether `path` looks like a parameter file of a type that is read; never raises."""
    return type_of(path) is not None


def open_parameters(path: Path) -> ParameterFile:
    """The parameter file at `path` (.EEF, or .HDR with its data beside it); InputError where it is of another type or damaged."""
    source = open_source(path)
    content = _READERS[source.header.file_type](source)
    return ParameterFile(path, source.header, content, (*source.header.warnings, *source.warnings))


def select(files: Iterable[ParameterFile], site: str, date: np.datetime64) -> ParameterFile:
    """The file that applies to a site at a date (UTC): valid then (start included, stop excluded), of that very site before a list of sites before all
    sites, and of these the highest serial. All files are of one type, band and TDI. The rule is inferred from the interface document.
    """
    known = list(files)
    kinds = {(file.header.file_type, file.header.name.band, file.header.name.tdi) for file in known}
    if len(kinds) > 1:
        listed = ", ".join(sorted(" ".join(str(part) for part in kind if part) for kind in kinds))
        raise RequestError(f"parameter files of several kinds cannot stand in for each other: {listed}; give one kind")
    applying = [file for file in known if _nearness(file.header, site) is not None and file.header.covers(date)]
    if not applying:
        kind = known[0].header.file_type if known else "parameter"
        raise InputError(f"none of {len(known)} {kind} files applies to site {site} at {date}; fetch the one that does")

    def rank(file: ParameterFile) -> tuple[int, int, int]:
        return _nearness(file.header, site) or 0, file.header.name.serial or 0, file.header.version

    best = max(applying, key=rank)
    if [rank(file) for file in applying].count(rank(best)) > 1:
        raise InputError(f"{best.path.name}: another file has the same serial and applies as well; remove one of them")
    return best


def official_gains(file: ParameterFile, tdi: int | Mapping[str, int] | None = None) -> GainVersion:
    """The official parameters in a PHGAIN file for a TDI configuration, one for all bands or one per band; without one they must not depend on it."""
    if file.header.file_type != "GIP_PHGAIN" or not isinstance(file.content, xr.Dataset):
        raise RequestError(f"{file.path}: is a {file.header.file_type}; official gains stand in a GIP_PHGAIN file")
    return gains.official_gains(file.header, file.content, tdi, file.path.name)


def facts(file: ParameterFile) -> dict[str, Any]:
    """What the file is, when and where it applies, what it holds and what is odd, in values that JSON can hold."""
    kind = KINDS[file.header.file_type].description
    return {
        "file": file.path.name,
        "kind": kind,
        **header_facts(file.header),
        **content_facts(file.content),
        "warnings": list(file.warnings),
    }


def _nearness(header: Header, site: str) -> int | None:
    """How specific a file is to a site: 2 its own, 1 a list with it, 0 all sites; None where it does not apply."""
    if not header.sites:
        return 0 if header.name.site == "ALLSITES" else None
    if site not in header.sites:
        return None
    return 2 if header.name.kind == "S" else 1
