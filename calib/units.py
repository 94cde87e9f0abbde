"""Units: demanded where a number enters, stamped where an array leaves.

In configuration files a physical number is written with its unit ("7.36 urad"); in datasets every variable carries `attrs["units"]`.
Inside a function numbers are plain floats in the unit its name or its docstring says.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import astropy.units as u
from pydantic import BeforeValidator, PlainSerializer

if TYPE_CHECKING:
    import xarray as xr

#: the spellings offered when a unit is missing or wrong, per unit in which the program keeps the number
SPELLINGS: dict[str, tuple[str, ...]] = {
    "rad": ("rad", "mrad", "urad", "deg", "arcmin", "arcsec"),
    "deg": ("deg", "rad", "arcmin", "arcsec"),
    "s": ("s", "ms", "us", "min", "h", "d"),
    "m": ("m", "km", "mm", "um"),
    "km": ("km", "m"),
    "nm": ("nm", "um", "m"),
    "pixel": ("pixel",),
    "DN": ("DN",),
    "byte": ("B", "kB", "MB", "GB", "KiB", "MiB", "GiB"),
    "DN / (W m-2 sr-1 um-1)": ("DN / (W m-2 sr-1 um-1)",),
    "W m-2 um-1": ("W m-2 um-1", "W m-2 nm-1"),
    "rad / s": ("rad / s", "mrad / s", "urad / s", "deg / s"),
    "1": ("%",),
}


def unit(text: str) -> u.UnitBase:
    """The unit that a text names; ValueError with the nearest known spelling otherwise."""
    if text.strip() in ("1", ""):
        return u.dimensionless_unscaled
    try:
        return u.Unit(text)
    except ValueError:
        raise ValueError(_unknown(text, {spelling for group in SPELLINGS.values() for spelling in group})) from None


def _unknown(text: str, spellings: Iterable[str]) -> str:
    known = sorted(spellings)
    same = [spelling for spelling in known if spelling.casefold() == text.strip().casefold()]
    near = same or difflib.get_close_matches(text, known, n=1, cutoff=0.3)
    hint = f"; did you mean '{near[0]}'?" if near else f"; known: {', '.join(known)}"
    return f"unknown unit {text!r}{hint}"


def quantity(text: object, target: str) -> float:
    """The number that `text` ("7.36 urad") states, in the unit `target`. A bare number is refused, except where the target is dimensionless."""
    allowed = " or ".join(SPELLINGS.get(target, (target,)))
    if isinstance(text, bool) or not isinstance(text, int | float | str):
        raise ValueError(f"{text!r} is not a number with a unit ({allowed})")
    number, _, unit_text = str(text).strip().partition(" ")
    if isinstance(text, str) and number.endswith("%") and not unit_text:
        number, unit_text = number[:-1], "%"
    try:
        value = float(number)
    except ValueError:
        raise ValueError(f"{text!r} is not a number with a unit ({allowed})") from None
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is not finite")
    if not unit_text and target != "1":
        raise ValueError(
            f"{text!r} has no unit; write for example '{number} {SPELLINGS.get(target, (target,))[0]}' ({allowed})"
        )
    try:
        given = unit(unit_text)
    except ValueError:
        raise ValueError(_unknown(unit_text, SPELLINGS.get(target, (target,)))) from None
    # "3 5 m" would otherwise be 3 times a unit of five metres
    if not given.is_equivalent(unit(target)) or getattr(given, "scale", 1.0) != 1.0:
        raise ValueError(f"{text!r}: '{unit_text}' cannot be converted to {target}; allowed: {allowed}")
    factor = float(given.to(unit(target)))
    value = value if factor == 1.0 else value * factor
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is not finite in {target}")
    return value


def _kept_in(target: str) -> tuple[BeforeValidator, PlainSerializer]:
    def read(value: Any) -> float:
        return quantity(value, target)

    def write(value: float) -> Any:
        return value if target == "1" else f"{value!r} {target}"

    return BeforeValidator(read), PlainSerializer(write, when_used="json")


#: annotations of configuration fields: written with a unit in the file, a plain float in the program
Radians = Annotated[float, *_kept_in("rad")]
Degrees = Annotated[float, *_kept_in("deg")]
RadiansPerSecond = Annotated[float, *_kept_in("rad / s")]
Seconds = Annotated[float, *_kept_in("s")]
Metres = Annotated[float, *_kept_in("m")]
Kilometres = Annotated[float, *_kept_in("km")]
Nanometres = Annotated[float, *_kept_in("nm")]
Pixels = Annotated[float, *_kept_in("pixel")]
Counts = Annotated[float, *_kept_in("DN")]
Bytes = Annotated[float, *_kept_in("byte")]
Fraction = Annotated[float, *_kept_in("1")]


def as_written(text: str) -> Any:
    """A default as a file would write it, unit included; the field's validator makes it a number."""
    return text


def stamp(array: xr.DataArray, units: str, long_name: str = "") -> xr.DataArray:
    """The same array with its units (and a name for plots) written on it; arithmetic never sets them by itself."""
    unit(units)
    attrs = {key: value for key, value in array.attrs.items() if key not in ("units", "long_name")}
    attrs["units"] = units
    if long_name:
        attrs["long_name"] = long_name
    stamped = array.copy(deep=False, data=array.variable._data)
    stamped.attrs = attrs
    return stamped


def demand(array: xr.DataArray, units: str) -> xr.DataArray:
    """`array` in `units`: converted where its own units allow, refused with a sentence where they do not or are missing."""
    name = array.name or "array"
    if "units" not in array.attrs:
        raise ValueError(f"'{name}' has no units; stamp it with units convertible to '{units}'")
    wanted = unit(units)
    try:
        given = unit(array.attrs["units"])
    except ValueError as error:
        raise ValueError(f"'{name}': {error}") from None
    if not given.is_equivalent(wanted):
        raise ValueError(f"'{name}' is in '{array.attrs['units']}', which cannot be converted to '{units}'")
    factor = float(given.to(wanted))
    if factor == 1.0 and array.attrs["units"] == units:
        return array
    converted = (array * factor).assign_attrs(array.attrs) if factor != 1.0 else array
    return stamp(converted, units, str(array.attrs.get("long_name", "")))
