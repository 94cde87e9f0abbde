"""The same recipe under Prefect 3: one task per acquisition and step, named for people, and artifacts that tell the run.

Importing this module costs two seconds, so only the Prefect engine does it. Prefect sees no data: its tasks hand each other the name of the step
that ended, the results stay in this process and in the archive. Its caching is off; reuse comes from the archive and shows as the state "Reused".
"""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calib.steps import Step
from calib.types import Content
from flows.runner import Case, Executor, Outcome, Tracker, explain_failure, report_case

if TYPE_CHECKING:
    from prefect.futures import PrefectFuture


def server_configured() -> bool:
    """Whether an API address is set, in the environment or in the active profile; told without importing Prefect."""
    if os.environ.get("PREFECT_API_URL"):
        return True
    home = Path(os.environ.get("PREFECT_HOME", "~/.prefect")).expanduser()
    try:
        profiles = tomllib.loads((home / "profiles.toml").read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
        return False
    active = os.environ.get("PREFECT_PROFILE", profiles.get("active", ""))
    return bool(profiles.get("profiles", {}).get(active, {}).get("PREFECT_API_URL"))


def prepare_environment(archive: Path) -> None:
    """Settings that Prefect reads when it is imported: no telemetry ever; without a server, a quiet temporary one that keeps its runs in the archive."""
    if "prefect" in sys.modules:
        return
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    if server_configured():
        return
    os.environ.setdefault("PREFECT_HOME", str(archive / "prefect"))
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")
    # what went wrong is told once, by the run's own journal; the temporary server's farewell tracebacks are noise
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")
    os.environ.setdefault("PREFECT_LOGGING_SERVER_LEVEL", "CRITICAL")


@dataclass(frozen=True)
class Promise:
    """What a recipe holds under Prefect: the step, and the future of its task."""

    step: str
    future: PrefectFuture[str]


def prefect_fan_out(recipe: Callable[..., Any], cases: Sequence[Case], executor: Executor) -> list[Outcome]:
    """All tasks of all cases are submitted at once; each waits for the steps it needs. Called inside a flow."""
    from prefect.utilities.annotations import quote

    task = _step_task()
    submitted: list[tuple[Case, Tracker, list[PrefectFuture[str]]]] = []
    for case in cases:
        tracker = Tracker(case.subject)
        futures: list[PrefectFuture[str]] = []

        def run(
            step: Step, *inputs: Any, case: Case = case, tracker: Tracker = tracker, futures: list[Any] = futures
        ) -> Promise:
            work = _Work(step, inputs, case.subject, tracker, executor)
            named = task.with_options(
                name=step.title,
                task_run_name=f"{case.subject} · {step.title}".replace("{", "(").replace("}", ")"),
                tags=[step.name, *case.tags],
            )
            future = named.submit(quote(work), wait_for=[item.future for item in inputs if isinstance(item, Promise)])
            futures.append(future)
            return Promise(step.name, future)

        recipe(run, **case.inputs)
        submitted.append((case, tracker, futures))
    with _progress(len(cases)) as advance:
        return [_gather(tracker, futures, executor, advance) for _, tracker, futures in submitted]


@dataclass(frozen=True)
class _Work:
    step: Step
    inputs: tuple[Any, ...]
    subject: str
    tracker: Tracker
    executor: Executor

    def resolved(self) -> tuple[Content, ...]:
        return tuple(self.tracker.results[item.step] if isinstance(item, Promise) else item for item in self.inputs)


def _step_task() -> Any:
    from prefect import task
    from prefect.cache_policies import NO_CACHE
    from prefect.states import Completed, Failed

    @task(cache_policy=NO_CACHE, persist_result=False)
    def step_task(work: _Work) -> Any:
        tracker, step = work.tracker, work.step
        try:
            with tracker.step(step):
                result, state = work.executor.execute(step, work.resolved(), work.subject)
        except Exception as error:
            return Failed(message=explain_failure(error))
        tracker.results[step.name], tracker.states[step.name] = result, state
        return Completed(
            name="Reused" if state == "reused" else None, message=f"{step.name} {result.key[:12]}", data=step.name
        )

    return step_task


def _gather(
    tracker: Tracker, futures: Sequence[PrefectFuture[str]], executor: Executor, advance: Callable[[], None]
) -> Outcome:
    for future in futures:
        future.wait()
    outcome = tracker.outcome()
    report_case(outcome, executor.journal)
    advance()
    return outcome


@contextmanager
def _progress(total: int) -> Iterator[Callable[[], None]]:
    from prefect.artifacts import create_progress_artifact, update_progress_artifact

    artifact: Any = create_progress_artifact(0.0, key="acquisitions", description=f"{total} acquisitions")
    done = 0

    def advance() -> None:
        nonlocal done
        done += 1
        update_progress_artifact(artifact, progress=100.0 * done / max(total, 1))

    yield advance


def publish_artifacts(table: Sequence[dict[str, Any]], markdown: str) -> None:
    """One table and one Markdown page of the run, for Prefect's pages."""
    from prefect.artifacts import create_markdown_artifact, create_table_artifact

    create_table_artifact(list(table), key="coefficients", description="one row per acquisition and band")
    create_markdown_artifact(markdown, key="summary", description="what was done, where it lies")


def run_as_flow(name: str, width: int, body: Callable[[], Any], failed: Callable[[Any], tuple[int, int]]) -> Any:
    """`body` inside a Prefect flow run called `name`; its value. `failed(value)` gives how many of how many cases failed, for the flow's state."""
    from prefect import flow
    from prefect.states import Completed, Failed
    from prefect.task_runners import ThreadPoolTaskRunner

    kept: list[Any] = []
    # waiting tasks hold a thread each: the computing itself is limited by the executor's slots
    threads: Any = ThreadPoolTaskRunner(max_workers=max(32, 4 * width))

    @flow(
        name="etalon campaign",
        flow_run_name=name,
        task_runner=threads,
        persist_result=False,
    )
    def campaign() -> Any:
        value = body()
        kept.append(value)
        bad, total = failed(value)
        if bad == 0:
            return Completed(message=f"{total} acquisitions")
        return (
            Failed(message="every acquisition failed")
            if bad == total
            else Completed(name="Partial", message=f"{bad} of {total} acquisitions failed")
        )

    state: Any = campaign(return_state=True)
    return kept[0] if kept else state.result()
