"""`etalon orbit change`: a new orbit, or what it is restituted from; what it moves in an archive; that done again; old and new coefficients side by side."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from calib.archive import Archive
from calib.errors import RequestError
from calib.report import Change
from flows.campaign import Finished, Listener
from flows.changes import change_row
from flows.orbit import read_orbits
from flows.orbits.change_acceptance import Acceptance, accept
from flows.orbits.change_facts import platforms
from flows.orbits.change_page import change_page
from flows.orbits.change_tables import counts_of, shift_rows
from flows.orbits.inputs import Settings
from flows.orbits.low import Observed, write_low_orbit
from flows.orbits.restitution import write_restitution
from flows.orbits.writing import check_output, new_folder, write_json
from flows.reprocess import Plan, carry_out, make_plan
from flows.run_folder import csv_text
from orbit_aux.burns.restitution import BurnOptions
from orbit_aux.ccsds import read_oem, write_oem
from orbit_aux.errors import OrbitError

RESTITUTION = "restitution"
#: verdicts of a restitution that its orbit may be used with; "doubtful" is told in the report
_USABLE = ("believed", "doubtful")
#: of the standard deviation of a change by the orbits' own uncertainty: beyond it one of them did not tell the truth of itself
_EXPECTED = 2.0


@dataclass(frozen=True)
class NewOrbit:
    """Where the new orbit comes from: OEM files, or one of the two kinds of observations that it is restituted from, with the usual files of `restitute`."""

    files: tuple[Path, ...] = ()
    tracking: Path | None = None
    positions: Path | None = None
    initial: Path | None = None
    stations: Path | None = None
    method: str | None = None
    """As `etalon orbit restitute --filter`: full or paper for a burn, batch or kalman for a low orbit."""

    def __post_init__(self) -> None:
        if bool(self.files) == (self.tracking is not None or self.positions is not None):
            raise RequestError(
                "orbit change: give --orbit NEW.oem, or what to restitute it from: --tracking FILE or --positions FILE"
            )
        if self.files and (self.initial or self.stations or self.method):
            raise RequestError("orbit change: --initial, --stations and --filter are for --tracking and --positions")
        if self.method not in (None, "full", "paper", "batch", "kalman"):
            raise RequestError(f"--filter {self.method}: use full or paper for a burn, batch or kalman for a low orbit")

    @property
    def of_burn(self) -> bool:
        """Whether it is restituted through a burn."""
        return self.positions is None and self.method not in ("batch", "kalman")


@dataclass(frozen=True)
class Asked:
    """What is to be done: with which engine, whether only to be told, and since when gains are to be accepted."""

    engine: str = "local"
    dry_run: bool = False
    accept_since: str | None = None


@dataclass(frozen=True)
class Changed:
    """All that came of a new orbit: the verdict on its restitution ("" where there was none) with its reasons, plan, runs and acceptance."""

    archive: Path
    files: tuple[Path, ...]
    verdict: str
    reasons: tuple[str, ...] = ()
    plan: Plan = field(default_factory=lambda: Plan((), ()))
    finished: tuple[Finished, ...] = ()
    acceptances: tuple[Acceptance, ...] = ()
    dry_run: bool = False

    @property
    def refused(self) -> bool:
        return bool(self.verdict) and self.verdict not in _USABLE

    @property
    def changes(self) -> tuple[Change, ...]:
        return tuple(change for item in self.finished for change in item.changes)

    @property
    def exit_code(self) -> int:
        """0 done; 1 nothing that was redone succeeded; 3 not all is as it should be: restitution refused, some failed or unusable, gains not accepted."""
        worst = max((item.exit_code for item in self.finished), default=0)
        doubts = self.refused or bool(self.plan.of("unusable")) or not all(item.accepted for item in self.acceptances)
        return worst or (3 if doubts else 0)


def change_orbit(
    archive: Archive,
    new: NewOrbit,
    output: Path,
    asked: Asked,
    listen: Callable[[int], Listener | None] = lambda _: None,
) -> tuple[int, list[str]]:
    """Do it, and write into the new folder `output` shifts.csv, changes.csv, acceptance.csv, summary.json, report.html, and the folder `restitution` where
    the orbit was restituted; returns the exit code and the lines to print. A refused restitution changes nothing in the archive."""
    check_output(output)
    known = platforms(archive)
    if asked.accept_since is not None:
        # a date that cannot be used is told before anything is done
        accept(archive, asked.accept_since)
    changed = Changed(archive.folder, new.files, "", dry_run=asked.dry_run)
    if not new.files:
        verdict, reasons, file = _restituted(new, output / RESTITUTION, known)
        changed = replace(changed, files=(file,), verdict=verdict, reasons=reasons)
    if not changed.refused:
        _check_satellite(changed.files, known)
        plan = make_plan(archive, changed.files)
        count = len(plan.of("redo")) + len(plan.of("reuse"))
        finished = () if asked.dry_run else tuple(carry_out(plan, archive, asked.engine, listen(count)))
        acceptances = () if asked.accept_since is None else tuple(accept(archive, asked.accept_since))
        changed = replace(changed, plan=plan, finished=finished, acceptances=acceptances)
    lines = _lines(changed)
    _write(changed, lines, output)
    reports = [f"Run: {run.report}" for run in changed.finished]
    return changed.exit_code, [*lines, *reports, f"Report: {output / 'report.html'}"]


def _restituted(new: NewOrbit, folder: Path, known: set[str]) -> tuple[str, tuple[str, ...], Path]:
    """Restitute into `folder`: verdict, its reasons, and the orbit's file."""
    try:
        if new.of_burn:
            if new.tracking is None or new.initial is None or new.stations is None:
                raise RequestError(
                    "orbit change: --tracking of a burn needs --initial FILE.opm and --stations FILE.csv"
                )
            options = BurnOptions(method=new.method or "full")
            write_restitution(new.tracking, new.initial, new.stations, folder, options, Settings())
        else:
            if new.positions is None and new.tracking is None:
                raise RequestError("orbit change: nothing observed; give --positions or --tracking")
            observed = Observed(new.positions, new.tracking, new.stations)
            write_low_orbit(observed, new.initial, folder, Settings(), new.method or "batch")
        file = folder / "orbit.oem"
        orbit = read_oem(file)
        if orbit.object_name == "UNKNOWN" and len(known) == 1:
            write_oem(file, replace(orbit, object_name=next(iter(known))))
    except (OrbitError, RequestError) as error:
        if folder.parent.is_dir() and not any(folder.parent.iterdir()):
            folder.parent.rmdir()
        raise RequestError(str(error)) from error
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return str(summary["verdict"]), tuple(map(str, summary.get("reasons", ()))), file


def _check_satellite(files: Sequence[Path], known: set[str]) -> None:
    names = {orbit.object_name for _, orbit in read_orbits(files)}
    if not {name.upper() for name in names} & {name.upper() for name in known}:
        told = ", ".join(str(path) for path in files)
        raise RequestError(
            f"{told}: of {', '.join(sorted(names))} (OBJECT_NAME), and the archive holds coefficients of "
            f"{', '.join(sorted(known))}; give an orbit of one of these"
        )


def _lines(changed: Changed) -> list[str]:
    """What an operator wants to read."""
    lines = []
    if changed.verdict:
        lines.append(f"Restitution {changed.verdict}" + "".join(f": {reason}" for reason in changed.reasons[:1]))
    if changed.refused:
        return [*lines, "Nothing was changed: a refused orbit is none to compute coefficients from"]
    counts = counts_of(changed.plan)
    lines.append(", ".join(f"{count} {action}" for action, count in counts.items() if count))
    lines += [f"unusable {item.acquisition}: {item.why}" for item in changed.plan.of("unusable")]
    if changed.dry_run:
        lines.append("dry run: nothing was computed")
    for run in changed.finished:
        lines += [f"failed   {item.subject}: {item.reason}" for item in run.outcomes if not item.done]
        steps = f"{run.summary['steps_computed']} steps computed, {run.summary['steps_reused']} reused"
        lines.append(f"{run.summary['done']} acquisitions done, {run.summary['failed']} failed; {steps}")
    lines += [_told(changed.changes)] if changed.changes else []
    return [*lines, *map(_judged, changed.acceptances)]


def _judged(item: Acceptance) -> str:
    known = [row for row in item.table["change"].values.tolist() if np.isfinite(row)]
    if not known:
        return f"{item.sensor} since {item.since}: no band has valid gains on both sides; not accepted"
    told = f"gains of {len(known)} bands changed by {100 * min(known):+.3f} to {100 * max(known):+.3f} %"
    ending = "accepted" if item.accepted else f"not accepted: {', '.join(item.refused)}"
    return f"{item.sensor} since {item.since}: {told}; {ending}"


def _told(changes: Sequence[Change]) -> str:
    most = max(changes, key=lambda item: abs(item.moved))
    beyond, every = unexpected(changes), {item.acquisition for item in changes}
    return (
        f"{len(changes)} coefficients changed, at most by {100 * most.moved:+.4f} % ({most.band} of {most.acquisition}): "
        f"{most.over_uncertainty:+.3f} of its uncertainty; {len(beyond)} of {len(every)} acquisitions by more than twice "
        "what the orbits' uncertainty lets expect"
    )


def unexpected(changes: Sequence[Change]) -> list[str]:
    """Acquisitions whose change is more than twice what the orbits' own uncertainty lets expect, mean over the bands, which share one orbit."""
    ratios: dict[str, list[float]] = {}
    for item in changes:
        ratios.setdefault(item.acquisition, []).append(item.over_orbit)
    return [name for name, several in ratios.items() if abs(float(np.mean(several))) > _EXPECTED]


def _write(changed: Changed, lines: Sequence[str], output: Path) -> None:
    """All files, into `output` whole or not at all; beside the restitution, which is there already, one after the other."""
    tables = {"shifts.csv": shift_rows(changed.plan)}
    tables["changes.csv"] = [change_row(item) for item in changed.changes]
    tables["acceptance.csv"] = [row for item in changed.acceptances for row in item.rows()]
    texts = {name: csv_text(rows) for name, rows in tables.items() if rows}
    texts["report.html"] = change_page(changed, lines)
    if not changed.verdict:
        with new_folder(output) as part:
            _fill(part, texts, changed)
        return
    with new_folder(output / ".files") as part:
        _fill(part, texts, changed)
    for path in sorted((output / ".files").iterdir()):
        path.replace(output / path.name)
    (output / ".files").rmdir()


def _fill(folder: Path, texts: dict[str, str], changed: Changed) -> None:
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    write_json(folder / "summary.json", _summary(changed))


def _summary(changed: Changed) -> dict[str, Any]:
    accepted = {
        item.sensor: {"since": item.since, "accepted": item.accepted, "refused": list(item.refused)}
        for item in changed.acceptances
    }
    return {
        "archive": str(changed.archive),
        "orbits": [str(path) for path in changed.files],
        "restitution": {"verdict": changed.verdict, "reasons": list(changed.reasons)} if changed.verdict else None,
        "dry_run": changed.dry_run,
        "decisions": counts_of(changed.plan),
        "runs": [{"run": run.run_id, "report": str(run.report), **_steps(run)} for run in changed.finished],
        "coefficients_changed": len(changed.changes),
        "largest_change_percent": max((100 * abs(item.moved) for item in changed.changes), default=0.0),
        "unexpected_by_the_orbits": unexpected(changed.changes),
        "acceptance": accepted or None,
    }


def _steps(run: Finished) -> dict[str, Any]:
    return {name: run.summary[name] for name in ("done", "failed", "steps_computed", "steps_reused", "seconds")}
