"""What a report is made from: the run, its acquisitions with their results, and what an orbit change did to the coefficients."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from calib.config import frozen
from calib.types import Result

StepState = Literal["computed", "reused", "failed", "not run"]


@dataclass(frozen=True)
class Case:
    """One acquisition in a run: how each step went, in the order of the recipe, and what came out, by step name.

    `orbit` and `po` are the labels of the arc and of the official parameters that were used. `superseded` is empty while the results are the
    current ones, else the sentence that says what replaced them.
    """

    name: str
    sensor: str
    start_utc: str
    status: Literal["done", "failed"]
    reason: str = ""
    steps: Mapping[str, StepState] = field(default_factory=dict)
    results: Mapping[str, Result] = field(default_factory=dict)
    orbit: str = ""
    po: str = ""
    superseded: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", frozen(self.steps))
        object.__setattr__(self, "results", frozen(self.results))


@dataclass(frozen=True)
class Change:
    """One coefficient before and after an orbit change, each with its standard uncertainty (k = 1, in the unit of the coefficient).

    `orbit_u` is what the uncertainty of both orbits lets the change be, `shared_u` what is left in it of all other errors, which both share; relative, k = 1.
    """

    acquisition: str
    band: str
    old_k: float
    old_u: float
    new_k: float
    new_u: float
    why: str = ""
    orbit_u: float = math.nan
    shared_u: float = math.nan

    @property
    def moved(self) -> float:
        """New over old coefficient, minus one."""
        return self.new_k / self.old_k - 1.0 if self.old_k else math.nan

    @property
    def over_uncertainty(self) -> float:
        """The change over the coefficient's uncertainty: whether it matters."""
        return (self.new_k - self.old_k) / self.new_u if self.new_u else math.nan

    @property
    def over_orbit(self) -> float:
        """The change over what the orbits' uncertainty lets expect: whether they told the truth of themselves."""
        return self.moved / self.orbit_u if self.orbit_u else math.nan


@dataclass(frozen=True)
class RunReport:
    """One run: what was asked, who computed it where and for how long, and its acquisitions."""

    title: str
    run_id: str
    started_utc: str
    seconds: float
    request: Mapping[str, Any]
    engine: str
    cluster: str
    cases: tuple[Case, ...] = ()
    changes: tuple[Change, ...] = ()
    software: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("request", "software"):
            object.__setattr__(self, name, frozen(getattr(self, name)))
        for name in ("cases", "changes"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        notes = (self.notes,) if isinstance(self.notes, str) else tuple(self.notes)
        object.__setattr__(self, "notes", tuple(note for note in notes if note))
