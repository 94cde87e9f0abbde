"""Names of Venµs parameter files, made and parsed here only; the codes of bands and TDI configurations in them.

`VE_<class>_GIP_<type>_<S|L>_<site>_<serial>_<start>_<stop>[_Bnn][_<TDI>]`, `VE_<class>_AUX_<type>_<site type>_<site>_<orbit>_<O|S>_<element>`,
`VE_<class>_TEC_LINDAT_<product>_<site>_<date>_Bnn` (Venµs interface schemas, VE_Dictionary).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

#: the configurations that the camera has; a binary digit of the code in a name stands for each power of two
TDI = (1, 4, 8, 16, 32)
BANDS = tuple(f"B{number}" for number in range(1, 13))
#: dates that stand for "since ever" and "until further notice"
OPEN_START, OPEN_STOP = "00000000", "99991231"

_GIP = re.compile(
    r"VE_(?P<file_class>[A-Z0-9_]{4})_(?P<file_type>GIP_[A-Z0-9]{6})_(?P<kind>[SL])_(?P<site>[0-9A-Z_]{8})_(?P<serial>\d{5})"
    r"_(?P<start>\d{8})_(?P<stop>\d{8})(?:_(?P<band>B\d\d))?(?:_(?P<tdi>[01]{4}0[01]))?",
    re.ASCII,
)
_AUX = re.compile(
    r"VE_(?P<file_class>[A-Z0-9_]{4})_(?P<file_type>AUX_[A-Z0-9]{6})_(?P<kind>[A-Z])_(?P<site>[0-9A-Z_]{8})_(?P<orbit>\d{5})"
    r"_(?P<extent>[OS])_(?P<element>VEN_[A-Z]{3}_\d{5}_\d{5}_\d)",
    re.ASCII,
)
_TEC = re.compile(
    r"VE_(?P<file_class>[A-Z0-9_]{4})_(?P<file_type>TEC_[A-Z0-9]{6})_(?P<kind>[A-Z0-9]{6})_(?P<site>[0-9A-Z_]{8})"
    r"(?:_(?P<element>[0-9A-Z_]{1,36}))?_(?P<band>B\d\d)",
    re.ASCII,
)


@dataclass(frozen=True)
class Name:
    """What the name of a parameter file says; `text` is the name. What a kind of file does not have is None or empty.

    `kind` is S (one site) or L (a list) for GIP, the letter of the site's type for AUX, level and validity of the product (1AVALD) for TEC;
    `element` the data element of AUX, what follows the site in the instance of the product for TEC (its date). Bands are B1..B12.
    """

    file_class: str
    file_type: str
    kind: str
    site: str
    serial: int | None = None
    start: str = ""
    stop: str = ""
    band: str | None = None
    tdi: tuple[int, ...] = ()
    orbit: int | None = None
    extent: str = ""
    element: str = ""

    @property
    def text(self) -> str:
        parts = ["VE", self.file_class, self.file_type, self.kind, self.site]
        if self.serial is not None:
            parts += [f"{self.serial:05d}", self.start, self.stop]
        if self.orbit is not None:
            parts += [f"{self.orbit:05d}", self.extent]
        parts += [self.element] if self.element else []
        parts += [band_code(self.band)] if self.band else []
        parts += [tdi_code(self.tdi)] if self.tdi else []
        return "_".join(parts)

    @property
    def series(self) -> tuple[str, str, str | None, str]:
        """What the files of one series of serials share: type, site, band and TDI."""
        return self.file_type, self.site, self.band, tdi_code(self.tdi)


def parse_name(text: str) -> Name | None:
    """What a file name without its ending says; None where it is no name of a parameter file."""
    for pattern in (_GIP, _AUX, _TEC):
        found = pattern.fullmatch(text)
        if not found:
            continue
        parts = {key: value for key, value in found.groupdict().items() if value is not None}
        if "band" in parts and (band := band_of(parts.pop("band"))) is None:
            return None
        return Name(
            parts["file_class"],
            parts["file_type"],
            parts["kind"],
            parts["site"],
            serial=int(parts["serial"]) if "serial" in parts else None,
            start=parts.get("start", ""),
            stop=parts.get("stop", ""),
            band=band if found.groupdict().get("band") else None,
            tdi=tdi_of_code(parts["tdi"]) if "tdi" in parts else (),
            orbit=int(parts["orbit"]) if "orbit" in parts else None,
            extent=parts.get("extent", ""),
            element=parts.get("element", ""),
        )
    return None


def band_of(code: str) -> str | None:
    """The project's name (B1..B12) of a band code (B01..B12); None for anything else."""
    return f"B{int(code[1:])}" if re.fullmatch(r"B(0[1-9]|1[0-2])", code, re.ASCII) else None


def band_code(band: str) -> str:
    """The code (B01..B12) of a band B1..B12."""
    return f"B{int(band[1:]):02d}"


def tdi_of_code(code: str) -> tuple[int, ...]:
    """The configurations that a code such as 111101 covers, growing: it is the binary number of their sum."""
    return tuple(value for value in TDI if int(code, 2) & value)


def tdi_code(tdi: Iterable[int]) -> str:
    """The code of TDI configurations: a binary number of six digits that is their sum."""
    return f"{sum(set(tdi)):06b}"
