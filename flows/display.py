"""What the commands print: tables, plans, summaries, progress."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from calib.archive import Archive
from flows.campaign import Finished
from flows.prepare import Prepared
from flows.reprocess import Plan
from flows.runner import DryRun
from flows.table import table


def case_facts(case: Any) -> dict[str, Any]:
    inputs = case.inputs
    return {
        "acquisition": case.subject,
        "sensor": inputs["sensor"].name,
        "start_utc": f"{inputs['acquisition'].start.astype('datetime64[s]')}Z",
        "bands": len(inputs["acquisition"].bands),
        "po": inputs["po"].label,
        "orbit": inputs["orbit"].label,
    }


def print_dry_run(prepared: Prepared, archive: Archive, as_json: bool) -> None:
    rows = []
    for case in prepared.cases:
        dry = DryRun(archive, prepared.parameters)
        prepared.method.recipe(dry, **case.inputs)
        steps = {name: "reuse" if state == "reused" else "compute" for name, state in dry.states.items()}
        rows.append({"acquisition": case.subject, **steps})
    refused = [{"acquisition": outcome.subject, "reason": outcome.reason} for outcome in prepared.refused]
    if as_json:
        print(json.dumps({"acquisitions": rows, "refused": refused}, indent=1, ensure_ascii=False))
        return
    table(rows, ["acquisition", *(step.name for step in prepared.method.steps)])
    for item in refused:
        print(f"refused  {item['acquisition']}: {item['reason']}")
    states = [state for row in rows for name, state in row.items() if name != "acquisition"]
    print(f"{states.count('compute')} steps would be computed, {states.count('reuse')} reused")


def print_plan(plan: Plan, as_json: bool) -> None:
    if as_json:
        print(json.dumps([decision.to_plain() for decision in plan.decisions], indent=1, ensure_ascii=False))
        return
    rows = []
    for item in plan.decisions:
        shift = item.shift_m or ("", "", "")
        angles = item.angles_deg or {}
        rows.append(
            {
                "acquisition": item.acquisition,
                "action": item.action,
                **{
                    f"{name}_m": f"{value:.1f}" if value != "" else ""
                    for name, value in zip(("radial", "along", "cross"), shift, strict=True)
                },
                **{
                    f"d_{name}_deg": f"{angles[name]:.4f}" if name in angles else ""
                    for name in ("phase", "observer_latitude", "observer_longitude")
                },
                "why": f"{item.why}: {', '.join(item.redo)}" if item.redo else item.why,
            }
        )
    table(rows, list(rows[0]) if rows else [])
    counts = {action: len(plan.of(action)) for action in ("redo", "reuse", "not covered", "unusable")}
    print(
        ", ".join(f"{count} {action}" for action, count in counts.items() if count)
        or "the archive holds no current coefficients"
    )


def print_finished(finished: list[Finished], as_json: bool) -> None:
    if as_json:
        print(
            json.dumps(
                [{**item.summary, "report": str(item.report)} for item in finished], indent=1, ensure_ascii=False
            )
        )
        return
    for item in finished:
        for outcome in item.outcomes:
            if not outcome.done:
                print(f"failed   {outcome.subject}: {outcome.reason}")
        summary = item.summary
        steps = f"{summary['steps_computed']} steps computed, {summary['steps_reused']} reused"
        print(f"{summary['done']} acquisitions done, {summary['failed']} failed; {steps}; {summary['seconds']:.1f} s")
        print(f"Report: {item.report}")
    if not finished:
        print("nothing to do: every coefficient stands")


def progress(total: int) -> Any:
    """A line on standard error for each acquisition that ends."""
    done = 0

    def listen(entry: Mapping[str, Any]) -> None:
        nonlocal done
        if entry["event"] == "run":
            print(
                f"run {entry['run']}: {entry['acquisitions']} acquisitions, engine {entry['engine']}, cluster {entry['cluster']}",
                file=sys.stderr,
                flush=True,
            )
        if entry["event"] != "case":
            return
        done += 1
        end = (
            f"{entry['computed']} computed, {entry['reused']} reused, {entry['seconds']:.1f} s"
            if entry["done"]
            else f"failed: {entry['reason']}"
        )
        print(f"[{done:{len(str(total))}}/{total}] {entry['subject']}: {end}", file=sys.stderr, flush=True)

    return listen
