"""After an orbit change: what of the archive a new orbit touches, and why; then exactly that is done again, and old and new are laid side by side."""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from calib.archive import Archive
from calib.sensor import Sensor
from flows.campaign import Finished, Listener, run_campaign
from flows.changes import Before
from flows.orbit import MOON_GEOMETRY, arc_over
from flows.orbits.change_effect import stated_uncertainty
from flows.orbits.change_facts import (
    Inputs,
    Kept,
    arc_digest,
    geometry_behind,
    old_orbits,
    requests_with_coefficients,
)
from flows.orbits.change_shift import Shift, shift_of
from flows.prepare import Prepared, prepare
from flows.request import Request
from flows.runner import Case, DryRun
from orbit_aux.orbit import Orbit

_GONE = "nothing that its request names gives this product any more; put it back in its place"
_NOT_COVERED = "the new orbit does not cover it"


@dataclass(frozen=True)
class Decision:
    """What a new orbit means for one archived acquisition, and the figures that say so; `orbit_share` by band: the standard deviation that both orbits'
    covariances let the change of the coefficient have, relative, where one of them is stated."""

    acquisition: str
    sensor: str
    action: Literal["redo", "reuse", "not covered", "unusable"]
    redo: tuple[str, ...] = ()
    reused: tuple[str, ...] = ()
    shift: Shift | None = None
    why: str = ""
    old_key: str = ""
    orbit_share: Mapping[str, float] = field(default_factory=dict)

    @property
    def shift_m(self) -> tuple[float, float, float] | None:
        """Radial, along, cross."""
        return None if self.shift is None else self.shift.position_m

    @property
    def angles_deg(self) -> dict[str, float] | None:
        """The largest change of each angle over the bands."""
        if self.shift is None:
            return None
        return {name: value for name, value in self.shift.angles.items() if name != "moon_distance"}

    def to_plain(self) -> dict[str, Any]:
        names = ("acquisition", "sensor", "action", "redo", "reused", "shift_m", "angles_deg", "why", "old_key")
        told = {name: getattr(self, name) for name in names}
        if self.shift is None:
            return told
        more = {"ground_m": self.shift.ground_m, "ground_pixel": self.shift.ground_pixel, "quanta": self.shift.quanta}
        return {**told, "sigma_m": self.shift.sigma_m, **more}


@dataclass(frozen=True)
class Work:
    """A request as it is run again: its cases that were opened, and the products beside them whose arcs have the same records."""

    prepared: Prepared
    others: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Plan:
    """Decisions for every current coefficient of the archive, and what would carry them out."""

    decisions: tuple[Decision, ...]
    work: tuple[Work, ...]

    def of(self, action: str) -> list[Decision]:
        return [item for item in self.decisions if item.action == action]


def make_plan(archive: Archive, orbit_files: Sequence[Path]) -> Plan:
    """Compare the new orbits with what the archive's current coefficients were computed from. Nothing is written.

    What no new orbit covers, or covers with the same records, is decided by what the archive noted of it: its product is not opened.
    """
    inputs, files = Inputs(), [path.resolve() for path in orbit_files]
    new = inputs.orbits(files)
    decisions: list[Decision] = []
    work: list[Work] = []
    for request, kept in requests_with_coefficients(archive):
        found = [
            _untouched(archive, inputs.sensor(request, item.sensor), item, new) if item.span else None for item in kept
        ]
        decided = [item for item in found if item is not None]
        touched = [item for item, decision in zip(kept, found, strict=True) if decision is None]
        same = {item.acquisition for item in decided if item.action == "reuse"}
        others = tuple(item.product for item in kept if item.acquisition in same and item.product is not None)
        decisions += decided
        if touched:
            opened, item = _opened(archive, inputs, request, touched, files)
            decisions += opened
            work.append(Work(item, others))
    order = {"redo": 0, "unusable": 1, "reuse": 2, "not covered": 3}
    return Plan(
        tuple(sorted(decisions, key=lambda item: (order[item.action], item.acquisition))),
        tuple(item for item in work if item.prepared.cases),
    )


def carry_out(plan: Plan, archive: Archive, engine: str, listen: Listener | None = None) -> list[Finished]:
    """Run what the plan redoes, with what it reuses around it; the new results become current, the old ones stay."""
    redo = {item.acquisition: item for item in plan.of("redo")}
    keys = {item.acquisition: item.old_key for item in plan.of("reuse")}
    finished = []
    for work in plan.work:
        prepared = work.prepared
        mine = {case.subject: redo[case.subject] for case in prepared.cases if case.subject in redo}
        if not mine:
            continue
        found = {name: archive.get(item.old_key, prepared.method.final.name) for name, item in mine.items()}
        before = {name: Before(old, mine[name].orbit_share) for name, old in found.items() if old is not None}
        finished.append(run_campaign(_with_others(work, archive, keys), engine, listen, before))
    return finished


def _with_others(work: Work, archive: Archive, keys: Mapping[str, str]) -> Prepared:
    """The cases with those beside them that are reused as they are (`keys`), for the report of the whole.

    Left out, because the orbit is no reason to compute them: a product that cannot be opened any more, and what other versions of steps would compute anew.
    """
    there = [path for path in work.others if path.exists()]
    if not there:
        return work.prepared
    beside = prepare(_naming(work.prepared.request, there))
    kept = [case for case in beside.cases if _reused_key(archive, beside, case) == keys.get(case.subject)]
    own = {case.subject for case in work.prepared.cases}
    cases = (*work.prepared.cases, *(case for case in kept if case.subject not in own))
    products = [*work.prepared.request.acquisitions, *beside.request.acquisitions]
    request = work.prepared.request.model_copy(update={"acquisitions": products})
    return replace(work.prepared, request=request, cases=cases)


def _reused_key(archive: Archive, prepared: Prepared, case: Case) -> str:
    """The key of the archived coefficient that the recipe would give for a case; empty where it would compute."""
    dry = DryRun(archive, prepared.parameters)
    prepared.method.recipe(dry, **case.inputs)
    found = dry.results.get(prepared.method.final.name)
    return "" if found is None else found.key


def _naming(request: Request, products: Sequence[Path]) -> Request:
    """The request over these products alone."""
    return request.model_copy(update={"acquisitions": [glob.escape(str(path)) for path in products]})


def _untouched(archive: Archive, sensor: Sensor, kept: Kept, new: Sequence[tuple[Path, Orbit]]) -> Decision | None:
    """The decision on a coefficient that no new orbit covers, or one with the same records; None where its product must be opened."""
    assert kept.span is not None
    arc = arc_over(kept.span, sensor.platform, new)
    if arc is None:
        return Decision(kept.acquisition, sensor.name, "not covered", why=_NOT_COVERED, old_key=kept.key)
    if arc.digest != arc_digest(archive, kept.key):
        return None
    return Decision(kept.acquisition, sensor.name, "reuse", (), (), Shift(), "same records", kept.key)


def _opened(
    archive: Archive, inputs: Inputs, request: Request, touched: Sequence[Kept], files: Sequence[Path]
) -> tuple[list[Decision], Prepared]:
    """Decisions on coefficients whose products have to be opened, and their cases to redo or to reuse."""
    keys = {item.acquisition: item.key for item in touched}
    products = [item.product for item in touched if item.product is not None]
    named = len(products) == len(touched)
    if named:
        request = _naming(request, [path for path in products if path.exists()])
    prepared = prepare(_with_orbits(request, files))
    unusable = dict.fromkeys(keys, _GONE)
    unusable |= {outcome.subject: outcome.reason for outcome in prepared.refused if outcome.subject in keys}
    decisions: list[Decision] = []
    kept: list[Case] = []
    for case in prepared.cases:
        if unusable.pop(case.subject, None) is None:
            continue
        decision = _decide(archive, inputs, prepared, case, keys[case.subject], files)
        decisions.append(decision)
        if decision.action == "redo" or decision.reused:
            kept.append(case)
    decisions += [Decision(name, "", "unusable", why=why) for name, why in unusable.items()]
    return decisions, replace(prepared, cases=tuple(kept), refused=())


def _with_orbits(request: Request, orbit_files: Sequence[Path]) -> Request:
    """The request with the new orbits behind the old ones, so that they win where they cover; old files that are gone are left out."""
    new = [str(path) for path in orbit_files]
    return request.model_copy(update={"orbits": [*map(str, old_orbits(request, orbit_files)), *new]})


def _decide(
    archive: Archive, inputs: Inputs, prepared: Prepared, case: Case, old_key: str, files: Sequence[Path]
) -> Decision:
    sensor: Any = case.inputs["sensor"]
    arc: Any = case.inputs["orbit"]
    final = prepared.method.final.name
    if arc.path not in files:
        return Decision(case.subject, sensor.name, "not covered", why=_NOT_COVERED, old_key=old_key)
    dry = DryRun(archive, prepared.parameters, cheap={MOON_GEOMETRY.name})
    prepared.method.recipe(dry, **case.inputs)
    redo = tuple(name for name, state in dry.states.items() if state == "not run")
    reused = tuple(name for name, state in dry.states.items() if state == "reused")
    same_result = final not in redo and dry.results[final].key == old_key
    before = geometry_behind(archive, old_key)
    shift = None if before is None else shift_of(before, inputs.orbits([arc.path])[0][1], sensor)
    geometry = dry.results.get(MOON_GEOMETRY.name)
    if same_result or (before is not None and geometry is not None and geometry.digest == before.digest):
        why = "same records" if not redo else "the geometry does not change at the quantum it is rounded to"
        # with other versions of steps the recipe would compute: the orbit is no reason to
        return Decision(case.subject, sensor.name, "reuse", (), reused if same_result else (), shift, why, old_key)
    share = stated_uncertainty(archive, inputs, prepared, case, dry, old_key)
    held = "the archive holds the result for this orbit; it becomes current again"
    why = "geometry changes" if final in redo else held
    return Decision(case.subject, sensor.name, "redo", redo, reused, shift, why, old_key, share)
