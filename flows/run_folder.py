"""What a run leaves behind: the completed request, the coefficients as a table, a summary for machines, and the report for people."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from calib import config
from calib.archive import Archive
from calib.config import complete
from calib.lineage import circumstances
from calib.moon.straylight.effect import (
    SIGNAL_WITH_STRAYLIGHT,
    SIGNAL_WITHOUT_STRAYLIGHT,
    STRAYLIGHT_EFFECT,
    TREATMENT,
)
from calib.products.plain import utc_text
from calib.report import Case as ReportCase
from calib.report import Change, RunReport, write_report
from calib.types import Result
from calib.uncertainty import from_dataset
from flows.changes import change_row
from flows.prepare import Prepared
from flows.runner import Outcome
from flows.statistics import write_run_statistics

_STRAYLIGHT = ("k_uncorrected", "k_corrected", "k_straylight_uncertainty")


@dataclass(frozen=True)
class RunFacts:
    """What is known of a run when its last acquisition has ended."""

    run_id: str
    started: datetime
    engine: str
    outcomes: tuple[Outcome, ...]
    changes: tuple[Change, ...] = ()


def coefficient_rows(prepared: Prepared, outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """One row per acquisition and band: coefficient with its uncertainty, gains, geometry, flags, and the key that explains it."""
    inputs = {case.subject: case.inputs for case in prepared.cases}
    final = prepared.method.final.name
    return [
        {**row, "state": outcome.states.get(final, ""), "key": outcome.results[final].key}
        for outcome in outcomes
        if final in outcome.results
        for row in _rows_of(outcome.subject, outcome.results, final, inputs[outcome.subject])
    ]


def _rows_of(
    subject: str, results: Mapping[str, Result], final: str, inputs: Mapping[str, Any]
) -> list[dict[str, Any]]:
    data = results[final].dataset
    uncertainty = from_dataset(results[final].content, "k").total().values
    effect = results[STRAYLIGHT_EFFECT.name].dataset if STRAYLIGHT_EFFECT.name in results else None
    gains = {name: data[name].values for name in ("gain_used", "gain_proposed", "gain_uncertainty")}
    columns = zip(
        data["band"].values,
        data["crossing_time"].values,
        data["phase"].values,
        data["k"].values,
        uncertainty,
        strict=True,
    )
    rows = []
    for number, (band, crossing, phase, k, u_k) in enumerate(columns):
        row: dict[str, Any] = {"acquisition": subject, "sensor": inputs["sensor"].label, "band": str(band)}
        row |= {"crossing_utc": f"{crossing.astype('datetime64[ms]')}Z", "phase_deg": round(float(phase), 4)}
        row |= {"k": round(float(k), 6), "u_k": round(float(u_k), 6)}
        row |= {f"{name}_DN_per_W_m-2_sr-1_um-1": float(f"{values[number]:.6g}") for name, values in gains.items()}
        if effect is not None:
            row |= {name: round(float(effect[name].sel(band=band)), 6) for name in _STRAYLIGHT}
        row |= {"valid": bool(data["valid"].values[number]), "flags": str(data["flags"].values[number])}
        rows.append(row | {"po": inputs["po"].label, "orbit": inputs["orbit"].label})
    return rows


def write_run(folder: Path, prepared: Prepared, facts: RunFacts, archive: Archive) -> dict[str, Any]:
    """Write all files of a run into its folder; returns the summary."""
    rows = coefficient_rows(prepared, facts.outcomes)
    completed = {
        **complete(prepared.request),
        "parameters": {name: complete(model) for name, model in prepared.parameters.items()},
    }
    (folder / "request.yaml").write_text(config.to_yaml(completed), encoding="utf-8")
    (folder / "coefficients.csv").write_text(csv_text(rows), encoding="utf-8")
    write_run_statistics(folder, prepared.method, facts.outcomes, prepared.request.sensors)
    if facts.changes:
        told = csv_text([change_row(change) for change in facts.changes])
        (folder / "changes.csv").write_text(told, encoding="utf-8")
    summary = _summary(prepared, facts)
    (folder / "summary.json").write_text(json.dumps(summary, indent=1, ensure_ascii=False), encoding="utf-8")
    report = RunReport(
        title=prepared.request.name,
        run_id=facts.run_id,
        started_utc=facts.started.strftime("%Y-%m-%dT%H:%M:%SZ"),
        seconds=summary["seconds"],
        request=completed,
        engine=facts.engine,
        cluster=prepared.request.cluster,
        cases=tuple(_report_case(prepared, outcome, archive) for outcome in facts.outcomes),
        changes=facts.changes,
        software=circumstances()["software"],
    )
    write_report(report, folder / "report.html")
    return summary


def _summary(prepared: Prepared, facts: RunFacts) -> dict[str, Any]:
    states = [state for outcome in facts.outcomes for state in outcome.states.values()]
    acquisitions = [
        {
            "acquisition": outcome.subject,
            "done": outcome.done,
            "reason": outcome.reason,
            "states": dict(outcome.states),
            "keys": {name: result.key for name, result in outcome.results.items()},
            **_product_of(prepared, outcome.subject),
            **_straylight_of(outcome),
        }
        for outcome in facts.outcomes
    ]
    return {
        "run": facts.run_id,
        "request": prepared.request.name,
        "engine": facts.engine,
        "cluster": prepared.request.cluster,
        "started_utc": facts.started.isoformat(timespec="seconds"),
        "seconds": round((datetime.now(UTC) - facts.started).total_seconds(), 2),
        "done": sum(outcome.done for outcome in facts.outcomes),
        "failed": sum(not outcome.done for outcome in facts.outcomes),
        "steps_computed": states.count("computed"),
        "steps_reused": states.count("reused"),
        "acquisitions": acquisitions,
    }


def _product_of(prepared: Prepared, subject: str) -> dict[str, str]:
    """Where the product lies and when it was taken: by this a new orbit is compared with the archive without opening it."""
    acquisition: Any = next((case.inputs["acquisition"] for case in prepared.cases if case.subject == subject), None)
    if acquisition is None:
        return {}
    dates = {"start_utc": utc_text(acquisition.start), "stop_utc": utc_text(acquisition.stop)}
    return {"product": str(acquisition.path), **dates}


def _straylight_of(outcome: Outcome) -> dict[str, Any]:
    """Stray light in the sum over the disk by band, and what was done with it; nothing where it was not looked for."""
    for step in (SIGNAL_WITH_STRAYLIGHT.name, SIGNAL_WITHOUT_STRAYLIGHT.name):
        if step in outcome.results:
            data = outcome.results[step].dataset
            shares = (data["straylight_effect"].values, data["straylight_effect_uncertainty"].values)
            told = {
                str(band): {"share_of_the_disk": round(float(share), 7), "uncertainty": round(float(doubt), 7)}
                for band, share, doubt in zip(data["band"].values, *shares, strict=True)
            }
            return {"straylight": {"signal": data.attrs[TREATMENT], "bands": told}}
    return {}


def _report_case(prepared: Prepared, outcome: Outcome, archive: Archive) -> ReportCase:
    inputs = next((case.inputs for case in prepared.cases if case.subject == outcome.subject), None)
    acquisition: Any = inputs["acquisition"] if inputs else None
    final = outcome.results.get(prepared.method.final.name)
    current = archive.current(prepared.method.final.name, outcome.subject) if final is not None else None
    superseded = f"superseded by {current[:12]}" if final is not None and current not in (None, final.key) else ""
    return ReportCase(
        name=outcome.subject,
        sensor=acquisition.sensor if acquisition else "",
        start_utc=f"{acquisition.start.astype('datetime64[s]')}Z" if acquisition else "",
        status="done" if outcome.done else "failed",
        reason=outcome.reason,
        steps={step.name: outcome.states.get(step.name, "not run") for step in prepared.method.steps},
        results=outcome.results,
        orbit=inputs["orbit"].label if inputs else "",
        po=inputs["po"].label if inputs else "",
        superseded=superseded,
    )


def csv_text(rows: list[dict[str, Any]]) -> str:
    stream = io.StringIO()
    if rows:
        # a row may lack what a step of its acquisition did not give
        names = max(rows, key=len)
        writer = csv.DictWriter(stream, list(names), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return stream.getvalue()


def markdown(run_id: str, outcomes: list[Outcome], report: Path) -> str:
    lines = [
        f"# {run_id}",
        "",
        f"Report: [{report}](file://{report})",
        "",
        "| acquisition | end | computed | reused |",
        "|---|---|---|---|",
    ]
    for outcome in outcomes:
        states = list(outcome.states.values())
        end = "done" if outcome.done else outcome.reason.replace("|", "/")
        lines.append(f"| {outcome.subject} | {end} | {states.count('computed')} | {states.count('reused')} |")
    return "\n".join(lines)
