"""After an orbit change: what of the archive a new orbit touches, and why; then exactly that is done again, and old and new are laid side by side."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from calib import config
from calib.archive import Archive
from calib.errors import RequestError
from calib.types import Result
from flows.campaign import Finished, Listener, run_campaign
from flows.orbit import MOON_GEOMETRY, Arc, read_orbits
from flows.prepare import METHODS, Prepared, prepare
from flows.request import Request, matching
from flows.runner import Case, DryRun
from orbit_aux.frames import local_orbital_axes
from orbit_aux.time import Times

ANGLES = ("phase", "observer_latitude", "observer_longitude")


@dataclass(frozen=True)
class Decision:
    """What a new orbit means for one archived acquisition, and the figures that say so.

    `shift_m` is new minus old position at the Moon's crossing, radial, along and cross, where its length is largest over the bands; `angles_deg` the
    largest change of each angle over the bands.
    """

    acquisition: str
    sensor: str
    action: Literal["redo", "reuse", "not covered", "unusable"]
    redo: tuple[str, ...] = ()
    reused: tuple[str, ...] = ()
    shift_m: tuple[float, float, float] | None = None
    angles_deg: Mapping[str, float] | None = None
    why: str = ""
    old_key: str = ""

    def to_plain(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Plan:
    """Decisions for every current coefficient of the archive, and the prepared requests that would carry them out."""

    decisions: tuple[Decision, ...]
    work: tuple[Prepared, ...]

    def of(self, action: str) -> list[Decision]:
        return [item for item in self.decisions if item.action == action]


def make_plan(archive: Archive, orbit_files: Sequence[Path]) -> Plan:
    """Compare the new orbits with what the archive's current coefficients were computed from. Nothing is written."""
    new_files = {path.resolve() for path in orbit_files}
    read_orbits(orbit_files)
    decisions: list[Decision] = []
    work: list[Prepared] = []
    for request, old_keys in _requests(archive).values():
        prepared = prepare(_with_orbits(request, orbit_files))
        final = prepared.method.final.name
        unusable = dict.fromkeys(
            old_keys, "nothing that its request names gives this product any more; put it back in its place"
        )
        unusable |= {outcome.subject: outcome.reason for outcome in prepared.refused if outcome.subject in old_keys}
        kept: list[Case] = []
        for case in prepared.cases:
            if unusable.pop(case.subject, None) is None:
                continue
            old = archive.get(old_keys[case.subject], final)
            decision = _decide(case, prepared, archive, old, new_files)
            decisions.append(decision)
            if decision.action in ("redo", "reuse"):
                kept.append(case)
        decisions += [Decision(name, "", "unusable", why=unusable[name]) for name in unusable]
        work.append(replace(prepared, cases=tuple(kept), refused=()))
    order = {"redo": 0, "unusable": 1, "reuse": 2, "not covered": 3}
    return Plan(
        tuple(sorted(decisions, key=lambda item: (order[item.action], item.acquisition))),
        tuple(item for item in work if item.cases),
    )


def carry_out(plan: Plan, archive: Archive, engine: str, listen: Listener | None = None) -> list[Finished]:
    """Run what the plan redoes, with what it reuses around it; the new results become current, the old ones stay."""
    redo = {item.acquisition: item.old_key for item in plan.of("redo")}
    finished = []
    for prepared in plan.work:
        mine = {case.subject: redo[case.subject] for case in prepared.cases if case.subject in redo}
        if not mine:
            continue
        found = {subject: archive.get(key, prepared.method.final.name) for subject, key in mine.items()}
        before = {subject: result for subject, result in found.items() if result is not None}
        finished.append(run_campaign(prepared, engine, listen, before))
    return finished


def _requests(archive: Archive) -> dict[str, tuple[Request, dict[str, str]]]:
    """By run folder: its request, and the keys by acquisition of the current coefficients that it holds; the latest run that holds a key counts."""
    finals = {method.final.name for several in METHODS.values() for method in several.values()}
    current = {entry.key for name in finals for entry in archive.results(step=name, current_only=True)}
    found: dict[str, tuple[Request, dict[str, str]]] = {}
    for folder in reversed(archive.runs()):
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        mine = {
            item["acquisition"]: key
            for item in summary["acquisitions"]
            for name, key in item["keys"].items()
            if name in finals and key in current
        }
        if mine:
            current -= set(mine.values())
            request = config.load(Request, folder / "request.yaml")
            # the archive may have been moved since
            found[folder.name] = (request.model_copy(update={"archive": str(archive.folder)}), mine)
    if not found:
        raise RequestError(
            f"{archive.folder}: no finished run holds a current coefficient; run a request into this archive first"
        )
    return found


def _with_orbits(request: Request, orbit_files: Sequence[Path]) -> Request:
    """The request with the new orbits behind the old ones, so that they win where they cover; old files that are gone are left out."""
    new = [str(path.resolve()) for path in orbit_files]
    old = [str(path) for pattern in request.orbits for path in matching(pattern) if str(path.resolve()) not in new]
    return request.model_copy(update={"orbits": [*old, *new]})


def _decide(
    case: Case, prepared: Prepared, archive: Archive, old: Result | None, new_files: Collection[Path]
) -> Decision:
    sensor: Any = case.inputs["sensor"]
    arc: Any = case.inputs["orbit"]
    old_key = old.key if old is not None else ""
    if arc.path not in new_files:
        return Decision(
            case.subject, sensor.name, "not covered", why="the new orbit does not cover it", old_key=old_key
        )
    dry = DryRun(archive, prepared.parameters, cheap={MOON_GEOMETRY.name})
    prepared.method.recipe(dry, **case.inputs)
    redo = tuple(name for name, state in dry.states.items() if state == "not run")
    reused = tuple(name for name, state in dry.states.items() if state == "reused")
    final_redone = prepared.method.final.name in redo
    same_result = not final_redone and dry.results[prepared.method.final.name].key == old_key
    shift, angles = _change(archive, old, dry.results.get(MOON_GEOMETRY.name), arc)
    if same_result:
        why = "same records" if not redo else "the geometry does not change at the quantum it is rounded to"
        return Decision(case.subject, sensor.name, "reuse", (), reused, shift, angles, why, old_key)
    why = (
        "geometry changes" if final_redone else "the archive holds the result for this orbit; it becomes current again"
    )
    return Decision(case.subject, sensor.name, "redo", redo, reused, shift, angles, why, old_key)


def _change(
    archive: Archive, old: Result | None, geometry: Result | None, arc: Arc
) -> tuple[tuple[float, float, float] | None, dict[str, float] | None]:
    """Shift (radial, along, cross, m) and change of angles (deg) between the geometry behind the old coefficient and the new one."""
    key = (
        next((cause.key for cause in old.lineage.causes if cause.role == "geometry"), None) if old is not None else None
    )
    before = archive.get(key, MOON_GEOMETRY.name) if key else None
    if before is None or geometry is None:
        return None, None
    old_data, new_data = before.dataset, geometry.dataset
    times = Times.from_utc(old_data["crossing_time"].values)
    state = arc.orbit.at(times)
    difference = state.position_m - old_data["satellite_position"].values
    axes = local_orbital_axes(state.position_m, state.velocity_ms)
    local = np.einsum("nij,nj->ni", axes, difference)
    worst = local[np.argmax(np.linalg.norm(local, axis=1))]
    angles = {name: float(np.max(np.abs(new_data[name].values - old_data[name].values))) for name in ANGLES}
    return (float(worst[0]), float(worst[1]), float(worst[2])), angles
