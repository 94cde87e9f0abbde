"""A request with many acquisitions: fanned out by an engine, gathered, and told in a run folder with its report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from calib.archive import Archive, RunFolder
from calib.report import Change
from flows.changes import Before, changes_of
from flows.cluster import open_cluster
from flows.prepare import Prepared
from flows.request import Request
from flows.run_folder import RunFacts, coefficient_rows, markdown, write_run
from flows.runner import Executor, FanOut, Journal, Outcome, local_fan_out, report_case

Listener = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True)
class Finished:
    """A finished run: its folder, its report, and how each acquisition ended."""

    run_id: str
    folder: Path
    outcomes: tuple[Outcome, ...]
    summary: Mapping[str, Any]
    changes: tuple[Change, ...] = ()

    @property
    def report(self) -> Path:
        return self.folder / "report.html"

    @property
    def failed(self) -> int:
        return sum(not outcome.done for outcome in self.outcomes)

    @property
    def exit_code(self) -> int:
        """0 done, 1 all failed, 3 partial."""
        return 0 if not self.failed else (1 if self.failed == len(self.outcomes) else 3)


def open_archive(request: Request) -> Archive:
    """The archive that the request names, made where it does not exist yet."""
    return Archive(Path(request.archive), request.index)


def run_campaign(
    prepared: Prepared, engine: str, listen: Listener | None = None, before: Mapping[str, Before] | None = None
) -> Finished:
    """Run every case, then write the run folder. `engine` is "local" or "prefect"; `before` holds earlier coefficients by subject, for the comparison."""
    archive = open_archive(prepared.request)
    run = archive.new_run(prepared.request.name)
    try:
        facts, summary = _run_in(run, archive, prepared, engine, listen, before or {})
    except OSError as error:
        raise archive.refusal(error) from error
    return Finished(run.name, archive.publish_run(run), facts.outcomes, summary, facts.changes)


def _run_in(
    run: RunFolder,
    archive: Archive,
    prepared: Prepared,
    engine: str,
    listen: Listener | None,
    before: Mapping[str, Before],
) -> tuple[RunFacts, Mapping[str, Any]]:
    started, cluster_name = datetime.now(UTC), prepared.request.cluster
    journal = Journal(run.path / "journal.jsonl", listen)
    journal.write("run", run=run.name, acquisitions=len(prepared.subjects), engine=engine, cluster=cluster_name)
    for outcome in prepared.refused:
        report_case(outcome, journal)
    with open_cluster(cluster_name) as cluster:
        executor = Executor(archive, cluster, prepared.parameters, journal, run.name)
        outcomes = tuple(_engine(engine, run.name, archive)(prepared, executor))
    facts = RunFacts(run.name, started, engine, outcomes, changes_of(prepared, outcomes, before))
    summary = write_run(run.path, prepared, facts, archive)
    journal.write("end", failed=summary["failed"])
    journal.close()
    return facts, summary


def _engine(engine: str, run_id: str, archive: Archive) -> Callable[[Prepared, Executor], list[Outcome]]:
    def gathered(fan_out: FanOut) -> Callable[[Prepared, Executor], list[Outcome]]:
        return lambda prepared, executor: [
            *fan_out(prepared.method.recipe, prepared.cases, executor),
            *prepared.refused,
        ]

    if engine == "local":
        return gathered(local_fan_out)
    from flows import prefect_runner

    prefect_runner.prepare_environment(archive.folder)

    def under_prefect(prepared: Prepared, executor: Executor) -> list[Outcome]:
        def body() -> list[Outcome]:
            outcomes = gathered(prefect_runner.prefect_fan_out)(prepared, executor)
            rows = coefficient_rows(prepared, outcomes)
            prefect_runner.publish_artifacts(
                rows, markdown(run_id, outcomes, archive.folder / "runs" / run_id / "report.html")
            )
            return outcomes

        outcomes: list[Outcome] = prefect_runner.run_as_flow(
            run_id, executor.cluster.width, body, lambda done: (sum(not item.done for item in done), len(done))
        )
        return outcomes

    return under_prefect


def choose_engine(asked: str) -> str:
    """The engine that `asked` means: `auto` is Prefect where a server is configured, else local."""
    from flows.prefect_runner import server_configured

    return asked if asked != "auto" else ("prefect" if server_configured() else "local")
