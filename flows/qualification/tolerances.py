"""What may differ and by how much: tolerances with units and reasons, what is passed over, how rows are told apart; and anomalies that were closed."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import astropy.units as u
from pydantic import Field, field_validator, model_validator

from calib.config import Model, find, load, parse, read_yaml
from calib.errors import RequestError
from flows.qualification.compared import TEXT
from flows.qualification.rows import Keys

DEFAULT = "default"
_CANONICAL = ("m", "s", "deg", "m/s", "m/s2", "kg", "kg/s", "N", "m2", "Hz")
_TOLERANCE = re.compile(r"([-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?)\s*(\S.*)?")


class Match(Model):
    """Which quantities are meant: of products whose whole label or file name fits one of `files`, of these `kinds`, named as one of `quantities`
    (* stands for anything)."""

    files: tuple[str, ...] = ("*",)
    kinds: tuple[str, ...] = ("*",)
    quantities: tuple[str, ...] = ("*",)
    reason: str = Field(min_length=3)

    def fits(self, product: str, kind: str, quantity: str) -> bool:
        names = (product, product.rpartition("/")[2])
        return (
            any(fnmatchcase(name, pattern) for pattern in self.files for name in names)
            and any(fnmatchcase(kind, pattern) for pattern in self.kinds)
            and any(fnmatchcase(quantity, pattern) for pattern in self.quantities)
        )


class Tolerance(Match):
    """Two values agree where they differ by no more than `tolerance` ("1 cm") or `relative` ("0.02 %") times the reference, the larger of the two."""

    tolerance: str | float | None = None
    relative: str | float | None = None

    @field_validator("tolerance")
    @classmethod
    def _readable(cls, value: Any) -> Any:
        if value is not None:
            _quantity(value)
        return value

    @field_validator("relative")
    @classmethod
    def _share(cls, value: Any) -> Any:
        if value is not None:
            _relative(value)
        return value

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.tolerance is None and self.relative is None:
            raise ValueError("give a tolerance with its unit, or a relative one, or both")
        return self

    @cached_property
    def allowed(self) -> tuple[float, str]:
        """The tolerance in its canonical unit; unit empty where there is a relative one alone."""
        return (0.0, "") if self.tolerance is None else _quantity(self.tolerance)

    @cached_property
    def share(self) -> float:
        return 0.0 if self.relative is None else _relative(self.relative)

    def applies(self, product: str, kind: str, quantity: str, unit: str, sized: bool) -> bool:
        """Whether it speaks of that quantity: its unit has to be of the same sort, a share is of something that has a size, and of texts it says nothing."""
        written = self.allowed[1]
        return unit != TEXT and (written == unit or (not written and sized)) and self.fits(product, kind, quantity)


class Rows(Match):
    """How rows of tables are told apart, see `Keys`."""

    names: tuple[str, ...] = ()
    times: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    within: str = "60 s"

    @field_validator("within")
    @classmethod
    def _seconds(cls, value: str) -> str:
        if _quantity(value)[1] != "s":
            raise ValueError(f"{value!r} is no time; write 60 s")
        return value


class Tolerances(Model):
    """A file of tolerances. The first entry that fits decides; those shipped follow one's own unless `shipped` is false."""

    tolerances: tuple[Tolerance, ...] = ()
    not_compared: tuple[Match, ...] = ()
    rows: tuple[Rows, ...] = ()
    shipped: bool = True

    def with_shipped(self) -> Tolerances:
        if not self.shipped:
            return self
        other = load(Tolerances, find("qualification", DEFAULT))
        joined = {
            name: (*getattr(self, name), *getattr(other, name)) for name in ("tolerances", "not_compared", "rows")
        }
        return self.model_copy(update=joined)

    def of(self, product: str, kind: str, quantity: str, unit: str, sized: bool = True) -> Tolerance | None:
        """The first entry that speaks of a quantity; `sized` tells whether shares of the reference mean anything (not of dates, nor of zero)."""
        return next((item for item in self.tolerances if item.applies(product, kind, quantity, unit, sized)), None)

    def passed_over(self, product: str, kind: str, quantity: str) -> Match | None:
        """The entry that says why a quantity (or with "" the content of a whole product) is not compared."""
        if quantity:
            return next((item for item in self.not_compared if item.fits(product, kind, quantity)), None)
        whole = (item for item in self.not_compared if item.quantities == ("*",))
        return next((item for item in whole if item.fits(product, kind, "")), None)

    def keys(self, product: str, kind: str) -> Keys:
        found = next((item for item in self.rows if item.fits(product, kind, "")), None)
        if found is None:
            return Keys((), (), (), 0.0)
        return Keys(found.names, found.times, found.numbers, _quantity(found.within)[0])


class Closure(Model):
    """Why an anomaly is accepted, and by whom; `up_to` ("3 cm") bounds what was looked at: a larger difference opens it again."""

    justification: str = Field(min_length=3)
    by: str = Field(min_length=1)
    up_to: str | float | None = None

    @field_validator("up_to")
    @classmethod
    def _readable(cls, value: Any) -> Any:
        if value is not None:
            _quantity(value)
        return value

    def holds(self, largest: float, unit: str) -> bool:
        if self.up_to is None:
            return True
        bound, written = _quantity(self.up_to)
        return written == unit and largest <= bound


def read_tolerances(name: str) -> tuple[Tolerances, Path]:
    """Tolerances by the name of a shipped file or the path of one's own, with the shipped ones behind them; and the file."""
    path = find("qualification", name)
    own = load(Tolerances, path)
    return (own if name == DEFAULT else own.with_shipped()), path


def read_closures(path: Path | None) -> dict[str, Closure]:
    """Closed anomalies by identifier; RequestError naming the entry at fault."""
    if path is None:
        return {}
    found: dict[str, Closure] = {}
    for name, content in read_yaml(path).items():
        if not isinstance(content, dict):
            raise RequestError(f"{path}: {name}: give justification and by, not {str(content)[:40]!r}")
        found[str(name)] = parse(Closure, content, f"{path}: {name}")
    return found


def _quantity(value: str | float) -> tuple[float, str]:
    """A number in the canonical unit of what was written, and that unit."""
    if isinstance(value, bool) or not isinstance(value, str | float | int):
        raise ValueError(f"{value!r} is no number with a unit")
    match = _TOLERANCE.fullmatch(str(value).strip())
    if match is None or float(match[1]) < 0:
        raise ValueError(f"{value!r} is no number >= 0 with a unit; write 1 cm, 0.5 s, 0.003 arcsec or 1e-9")
    size, written = float(match[1]), (match[2] or "").strip()
    if written in ("", "1"):
        return size, "1"
    if written == "%":
        return size, "%"
    try:
        unit = u.Unit(written)
    except ValueError:
        raise ValueError(f"{value!r}: unit {written!r} is unknown; write one as in 1 cm, 0.5 s, 1e-5 m/s") from None
    for name in _CANONICAL:
        if unit.is_equivalent(u.Unit(name)):
            return float(unit.to(u.Unit(name), size)), name
    return size, written


def _relative(value: str | float) -> float:
    size, unit = _quantity(value)
    if unit not in ("1", "%"):
        raise ValueError(f"{value!r}: a relative tolerance is a share; write 0.02 % or 2e-4")
    return size / 100 if unit == "%" else size
