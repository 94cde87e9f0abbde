"""What a comparison of two sets of results is made of: quantities with their differences, findings, and how columns tell their units."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from orbit_aux.errors import OrbitError
from orbit_aux.time import Times

Array = NDArray[np.float64]
V = TypeVar("V")

#: what a quantity without numbers has for a unit
TEXT = "text"
#: of endings of names (and of units in attributes): the unit in which it is compared, and the factor to it
ENDINGS: dict[str, tuple[str, float]] = {
    "m": ("m", 1.0),
    "km": ("m", 1e3),
    "mm": ("m", 1e-3),
    "cm": ("m", 1e-2),
    "s": ("s", 1.0),
    "min": ("s", 60.0),
    "h": ("s", 3600.0),
    "days": ("s", 86_400.0),
    "deg": ("deg", 1.0),
    "rad": ("deg", math.degrees(1.0)),
    "mrad": ("deg", math.degrees(1e-3)),
    "urad": ("deg", math.degrees(1e-6)),
    "arcsec": ("deg", 1 / 3600.0),
    "ms": ("m/s", 1.0),
    "kms": ("m/s", 1e3),
    "mms": ("m/s", 1e-3),
    "ms2": ("m/s2", 1.0),
    "n": ("N", 1.0),
    "kg": ("kg", 1.0),
    "kgs": ("kg/s", 1.0),
    "m2": ("m2", 1.0),
    "hz": ("Hz", 1.0),
    "percent": ("%", 1.0),
}
#: units as attributes and heads in brackets write them
WRITTEN: dict[str, tuple[str, float]] = {
    **{
        name: ENDINGS[name] for name in ("m", "km", "mm", "cm", "s", "min", "h", "deg", "rad", "mrad", "urad", "arcsec")
    },
    **{"kg": ("kg", 1.0), "N": ("N", 1.0), "Hz": ("Hz", 1.0), "%": ("%", 1.0), "d": ("s", 86_400.0), "": ("1", 1.0)},
    **dict.fromkeys(("m/s", "m / s", "m s-1"), ("m/s", 1.0)),
    **dict.fromkeys(("km/s", "km / s", "km s-1"), ("m/s", 1e3)),
    **dict.fromkeys(("m/s2", "m s-2", "m/s**2"), ("m/s2", 1.0)),
    **dict.fromkeys(("kg/s", "kg s-1"), ("kg/s", 1.0)),
    **dict.fromkeys(("degree", "degrees", "degrees_north", "degrees_east"), ("deg", 1.0)),
    **dict.fromkeys(("m2", "m**2"), ("m2", 1.0)),
    **{"km**2": ("m2", 1e6), "km**2/s": ("m**2/s", 1e6), "km**2/s**2": ("m**2/s**2", 1e6)},
}
_BRACKET = re.compile(r"(.*\S)\s*\[([^\[\]]*)\]\s*")
_TIME = re.compile(r"\d{4}-(?:\d\d-\d\d|\d{3})[T ]\d\d:\d\d:\d\d")
#: an empty cell, spelled
EMPTY = ("", "nan", "NaN", "NAN", "null", "None", "NaT")
NO_TIME = np.int64(np.iinfo(np.int64).min)


class NotComparableError(ValueError):
    """Why two files cannot be compared; for the report."""


@dataclass(frozen=True, eq=False)
class Compared:
    """One quantity of a product in both sets: `difference` (n,) is new minus reference in `unit`, NaN where both are empty and infinite where only
    one is, or where texts differ; `scale` (n,) is the size of the reference. `where` and `values` tell of one of the n."""

    quantity: str
    unit: str
    difference: Array
    scale: Array
    where: Callable[[int], str]
    values: Callable[[int], tuple[str, str]]
    sigma: Array | None = None
    """Combined standard uncertainty of both, where they tell one."""
    seconds: Array | None = None
    """Seconds since 1970 UTC, where the difference is worth a plot."""


@dataclass(frozen=True)
class Finding:
    """What is no difference of values: `verdict` is missing, new or not comparable."""

    quantity: str
    verdict: str
    note: str
    count: int = 1
    blocking: bool = True
    """Whether it stands in the way of acceptance; what is only more than before is a reserve."""


@dataclass
class Comparison:
    """All that was found of one product."""

    compared: list[Compared] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    causes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def always(value: V) -> Callable[[object], V]:
    """A function that tells the same of everything."""
    return lambda _: value


def texts(quantity: str, reference: Sequence[str], new: Sequence[str], where: Callable[[int], str]) -> Compared:
    """Texts compared exactly."""
    differ = np.array([a != b for a, b in zip(reference, new, strict=True)], dtype=bool)
    return Compared(
        quantity,
        TEXT,
        np.where(differ, np.inf, 0.0),
        np.zeros(len(differ)),
        where,
        lambda row: (reference[row], new[row]),
    )


def numbers(
    quantity: str,
    unit: tuple[str, float],
    pair: tuple[Array, Array],
    where: Callable[[int], str],
    shown: Callable[[int], tuple[str, str]] | None = None,
) -> Compared:
    """Numbers compared in the canonical unit; angles over the shorter way round."""
    name, factor = unit
    reference, new = (values * factor for values in pair)
    with np.errstate(invalid="ignore"):
        difference = np.where(reference == new, 0.0, new - reference)
    if name == "deg":
        far = np.abs(difference) > 180.0
        difference[far] = (difference[far] + 180.0) % 360.0 - 180.0
    one_empty = np.isnan(reference) != np.isnan(new)
    difference[one_empty | (np.isinf(difference))] = np.inf
    plain = pair

    def values(row: int) -> tuple[str, str]:
        return f"{plain[0][row]:.12g}", f"{plain[1][row]:.12g}"

    return Compared(quantity, name, difference, np.abs(np.nan_to_num(reference)), where, shown or values)


def ground(
    quantity: str, reference: tuple[Array, Array], new: tuple[Array, Array], where: Callable[[int], str]
) -> Compared:
    """Distance on the ground, m, between longitudes and latitudes (deg) on WGS84, by the radii of curvature at the place."""
    longitude, latitude = reference
    turn = (new[0] - longitude + 180.0) % 360.0 - 180.0
    sine = np.sin(np.radians(latitude))
    squared = 1.0 - 0.00669437999014 * sine**2
    east = np.radians(turn) * 6378137.0 / np.sqrt(squared) * np.cos(np.radians((latitude + new[1]) / 2))
    north = np.radians(new[1] - latitude) * 6378137.0 * (1 - 0.00669437999014) / squared**1.5
    distance = np.hypot(east, north)
    filled = [np.isfinite(a) & np.isfinite(b) for a, b in (reference, new)]
    distance[filled[0] != filled[1]] = np.inf

    def values(row: int) -> tuple[str, str]:
        return tuple(f"{a[row]:.9f} {b[row]:.9f}" for a, b in (reference, new))  # type: ignore[return-value]

    return Compared(quantity, "m", distance, np.zeros(len(distance)), where, values)


def unit_of(name: str) -> tuple[str, tuple[str, float]]:
    """The bare name of a column or key, and its unit with the factor: from brackets at its end, else from the ending after the last _."""
    match = _BRACKET.fullmatch(name)
    if match:
        return match[1], WRITTEN.get(match[2].strip(), (match[2].strip(), 1.0))
    return name, ENDINGS.get(name.rpartition("_")[2].lower(), ("1", 1.0)) if "_" in name else ("1", 1.0)


def as_numbers(cells: Sequence[str]) -> Array | None:
    """The cells as float64, empty ones NaN; None where one is no number."""
    try:
        return np.array([float(cell) if cell not in EMPTY else math.nan for cell in cells], dtype=np.float64)
    except ValueError:
        return None


def as_times(cells: Sequence[str]) -> NDArray[np.int64] | None:
    """TAI nanoseconds of UTC texts (NO_TIME where empty); None where one is no time."""
    filled = [cell for cell in cells if cell not in EMPTY]
    if not filled or not _TIME.match(filled[0]):
        return None
    try:
        found = _tai_ns(filled)
    except (ValueError, OverflowError):
        return None
    if len(filled) == len(cells):
        return found
    result = np.full(len(cells), NO_TIME)
    result[[cell not in EMPTY for cell in cells]] = found
    return result


def _tai_ns(labels: list[str]) -> NDArray[np.int64]:
    # ten times faster than text by text; leap seconds, zones and days of year go the long way
    if not any("+" in label or label.count("-") > 2 for label in labels):
        try:
            stamps = np.array([label.removesuffix("Z") for label in labels], dtype="datetime64[ns]")
            return Times.from_utc(stamps).tai_ns
        except (ValueError, OrbitError):
            pass
    return Times.from_utc(labels).tai_ns


def time_differences(
    quantity: str,
    pair: tuple[NDArray[np.int64], NDArray[np.int64]],
    where: Callable[[int], str],
    shown: Callable[[int], tuple[str, str]],
) -> Compared:
    """Times compared in seconds."""
    gone = [values == NO_TIME for values in pair]
    difference = np.where(gone[0] | gone[1], 0, pair[1] - pair[0]) / 1e9
    difference[gone[0] != gone[1]] = np.inf
    difference[gone[0] & gone[1]] = np.nan
    return Compared(quantity, "s", difference, np.zeros(len(difference)), where, shown)
