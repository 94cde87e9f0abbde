"""Numbers as a reader expects them: sensible digits, a true minus sign, a dash for what does not exist."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from calib.config import to_yaml

NOTHING = "–"


def _signs(text: str) -> str:
    return text.replace("-", "\N{MINUS SIGN}")


def fixed(value: float, decimals: int, *, signed: bool = False) -> str:
    """`value` with so many decimals."""
    if not math.isfinite(value):
        return NOTHING
    text = f"{value:+.{decimals}f}" if signed else f"{value:.{decimals}f}"
    is_zero = float(text) == 0.0
    return _signs(text.lstrip("+-") if is_zero else text)


def decimals_for(value: float, digits: int = 4) -> int:
    """How many decimals show `digits` significant digits of `value`."""
    if not math.isfinite(value) or value == 0.0:
        return digits - 1
    return min(max(0, digits - 1 - math.floor(math.log10(abs(value)))), 9)


def significant(value: float, digits: int = 4) -> str:
    """`value` with so many significant digits; with a power of ten where it is very small or large."""
    if not math.isfinite(value):
        return NOTHING
    if value == 0.0:
        return "0"
    if not 1e-4 <= abs(value) < 1e6:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        raised = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
        return f"{_signs(mantissa)}\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}10{raised}"
    return _signs(f"{value:.{decimals_for(value, digits)}f}")


def percent(share: float, *, signed: bool = False) -> str:
    """A share of one as per cent, without the sign %: two decimals, one from 10 % on."""
    return fixed(100 * share, 1 if math.isfinite(share) and abs(share) >= 0.1 else 2, signed=signed)


def small_percent(share: float) -> str:
    """A share of one as per cent that tells the small from the absent."""
    return "< 0.01" if 0 < share < 5e-5 else percent(share)


def date(utc: str) -> str:
    """An ISO date to the minute, as `2020-03-01 12:34`; other text as it is."""
    return utc[:16].replace("T", " ") if utc[4:5] == "-" and utc[10:11] in ("T", " ") else utc


def duration(seconds: float) -> str:
    """A length of time in the two units that matter."""
    if not math.isfinite(seconds):
        return NOTHING
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def count(number: int, singular: str, plural: str = "") -> str:
    """`1 band`, `12 bands`."""
    return f"{number} {singular if number == 1 else plural or singular + 's'}"


def listed(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def as_yaml(content: Mapping[str, Any]) -> str:
    """A mapping as readable YAML, whatever it holds."""
    return to_yaml(json.loads(json.dumps(_plain(content), default=str)))


def _plain(content: Any) -> Any:
    if isinstance(content, Mapping):
        return {str(key): _plain(value) for key, value in content.items()}
    if isinstance(content, list | tuple | set | frozenset):
        return [_plain(item) for item in content]
    if isinstance(content, float) and not math.isfinite(content):
        return str(content)
    return content
