"""Running a recipe: each step's key is looked up in the archive; what is missing is computed, stored, and becomes current.

The same recipe runs under every engine. An engine is one function (`FanOut`): it runs the recipe for each case and says how each ended.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Protocol

from calib.archive import Archive
from calib.archive.disk import refusal
from calib.config import Model, complete
from calib.errors import EtalonError, one_line
from calib.lineage import Lineage, circumstances, differences
from calib.steps import Run, Step, parameters_for
from calib.types import Content, Result
from flows.cluster import Cluster
from orbit_aux.errors import OrbitError

State = Literal["computed", "reused", "failed", "not run"]


@dataclass(frozen=True)
class Case:
    """One acquisition of a campaign, ready for its recipe: a name, and the inputs that the recipe takes."""

    subject: str
    inputs: Mapping[str, Content]
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """How one case ended: the results by step name and how each came about, or the reason of the failure in one line.

    `seconds` is the time its steps computed, not the time they waited.
    """

    subject: str
    results: Mapping[str, Result]
    states: Mapping[str, State]
    seconds: float
    reason: str = ""

    @property
    def done(self) -> bool:
        return not self.reason


class Journal:
    """The run's own diary, one JSON line per event, flushed as it happens: readable after a crash, and the only source of a run's state."""

    def __init__(self, path: Path | None, listen: Callable[[Mapping[str, Any]], None] | None = None) -> None:
        self._lock = threading.Lock()
        self._listen = listen
        self._path = path
        # no buffer: what a full disk refused must not come up again when the stream is closed
        self._stream = path.open("ab", buffering=0) if path else None

    def write(self, event: str, **facts: Any) -> None:
        """Add an event; ArchiveError where the disk refuses it."""
        entry = {"utc": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **facts}
        with self._lock:
            if self._stream:
                self._append((json.dumps(entry, ensure_ascii=False) + "\n").encode())
            if self._listen:
                self._listen(entry)

    def _append(self, line: bytes) -> None:
        assert self._stream is not None and self._path is not None
        try:
            # a disk that fills up may take a part without a word
            while line:
                line = line[self._stream.write(line) :]
        except OSError as error:
            raise refusal(error, self._path.parents[2], len(line)) from error

    def close(self) -> None:
        if self._stream:
            self._stream.close()


@dataclass(frozen=True)
class Executor:
    """Runs single steps for all engines: key, archive, compute, store. `parameters` holds the chosen settings by step name."""

    archive: Archive
    cluster: Cluster
    parameters: Mapping[str, Model]
    journal: Journal
    run_id: str
    slots: threading.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "slots", threading.Semaphore(self.cluster.width))

    def execute(self, step: Step, inputs: tuple[Content, ...], subject: str) -> tuple[Result, State]:
        """The step's result for these inputs, from the archive where it is there, and whether it was."""
        started = time.perf_counter()
        try:
            result, state = self._find_or_make(step, inputs, subject)
        except Exception as error:
            self.journal.write("step", subject=subject, step=step.name, state="failed", reason=one_line(error))
            raise
        self.journal.write(
            "step",
            subject=subject,
            step=step.name,
            state=state,
            key=result.key,
            seconds=round(time.perf_counter() - started, 3),
        )
        return result, state

    def _find_or_make(self, step: Step, inputs: tuple[Content, ...], subject: str) -> tuple[Result, State]:
        parameters = parameters_for(step, self.parameters)
        lineage = Lineage(
            step.name, step.version, complete(parameters), step.causes(inputs), subject=subject, run=self.run_id
        )
        found = self.archive.get(lineage.key, step.name)
        if found is not None:
            self._make_current(found)
            return found, "reused"
        with self.archive.lock(lineage.key):
            # another run may have made it while this one waited
            found = self.archive.get(lineage.key, step.name)
            state: State = "reused" if found is not None else "computed"
            result = found if found is not None else self._make(step, inputs, parameters, lineage)
            self._make_current(result)
        return result, state

    def _make(self, step: Step, inputs: tuple[Content, ...], parameters: Model, lineage: Lineage) -> Result:
        with self.slots:
            started_utc, started = datetime.now(UTC), time.perf_counter()
            dataset = self.cluster.compute(step, inputs, parameters)
            seconds = time.perf_counter() - started
        facts = {
            **lineage.to_plain(),
            **circumstances(),
            "started_utc": started_utc.isoformat(timespec="seconds"),
            "seconds": round(seconds, 3),
        }
        result = step.makes(dataset, Lineage.from_plain(facts))
        self.archive.put(result)
        return result

    def _make_current(self, result: Result) -> None:
        old = self.archive.current(result.lineage.step, result.lineage.subject)
        if old == result.key:
            return
        before = self.archive.get(old, result.lineage.step) if old else None
        reasons = differences(before.lineage, result.lineage) if before else []
        self.archive.activate(result.key, reasons, self.run_id)


class FanOut(Protocol):
    """An engine: the recipe for every case, and one outcome per case, in the order of the cases. It never raises for a failing case."""

    def __call__(self, recipe: Callable[..., Any], cases: Sequence[Case], executor: Executor) -> list[Outcome]: ...


class Tracker:
    """Collects the results and states of one case as its steps end, whichever thread they end in."""

    def __init__(self, subject: str) -> None:
        self.subject = subject
        self.results: dict[str, Result] = {}
        self.states: dict[str, State] = {}
        self.reason = ""

    @contextmanager
    def step(self, step: Step) -> Iterator[None]:
        """Note a failure of the step as the reason of the case."""
        try:
            yield
        except Exception as error:
            self.states[step.name] = "failed"
            self.reason = f"{step.title}: {explain_failure(error)}"
            raise

    def outcome(self) -> Outcome:
        computed = [result for name, result in self.results.items() if self.states.get(name) == "computed"]
        seconds = sum(result.lineage.seconds for result in computed)
        return Outcome(self.subject, self.results, self.states, seconds, self.reason)


def explain_failure(error: Exception) -> str:
    """One line for the user: our own refusals as they are, others with their type."""
    return " ".join(str(error).split()) if isinstance(error, OrbitError) else one_line(error)


def local_fan_out(recipe: Callable[..., Any], cases: Sequence[Case], executor: Executor) -> list[Outcome]:
    """Cases side by side in threads of this process, as many as the cluster is wide; the steps of a case one after the other."""

    def work(case: Case) -> Outcome:
        tracker = Tracker(case.subject)

        def run(step: Step, *inputs: Any) -> Result:
            with tracker.step(step):
                result, tracker.states[step.name] = executor.execute(step, inputs, case.subject)
            tracker.results[step.name] = result
            return result

        return run_case(recipe, case, run, tracker, executor.journal)

    with ThreadPoolExecutor(executor.cluster.width, thread_name_prefix="case") as pool:
        return list(pool.map(work, cases))


@dataclass(frozen=True)
class Pending:
    """In a dry run: the result that a step would make."""

    step: str


class DryRun:
    """A recipe's run that stores nothing: it tells which steps the archive would answer and which would be computed.

    Steps named in `cheap` are computed in memory, so that what follows them can be decided exactly and not by guess.
    """

    def __init__(self, archive: Archive, parameters: Mapping[str, Model], cheap: Collection[str] = ()) -> None:
        self._archive, self._parameters, self._cheap = archive, parameters, cheap
        self.states: dict[str, State] = {}
        self.results: dict[str, Result] = {}
        self.inputs: dict[str, tuple[Any, ...]] = {}

    def __call__(self, step: Step, *inputs: Any) -> Result | Pending:
        self.inputs[step.name] = inputs
        if any(isinstance(item, Pending) for item in inputs):
            self.states[step.name] = "not run"
            return Pending(step.name)
        parameters = parameters_for(step, self._parameters)
        lineage = Lineage(step.name, step.version, complete(parameters), step.causes(inputs))
        found = self._archive.get(lineage.key, step.name)
        self.states[step.name] = "reused" if found is not None else "not run"
        if found is None and step.name in self._cheap:
            found = step.makes(step.compute(inputs, parameters), lineage)
        if found is None:
            return Pending(step.name)
        self.results[step.name] = found
        return found


def run_case(recipe: Callable[..., Any], case: Case, run: Run, tracker: Tracker, journal: Journal) -> Outcome:
    """Run the recipe of one case to its end; a failure becomes the outcome's reason, other cases go on."""
    try:
        recipe(run, **case.inputs)
    except Exception as error:
        if not tracker.reason:
            tracker.reason = explain_failure(error)
        if not isinstance(error, EtalonError | OrbitError):
            journal.write("unexpected", subject=case.subject, reason=_traceback(error))
    outcome = tracker.outcome()
    report_case(outcome, journal)
    return outcome


def report_case(outcome: Outcome, journal: Journal) -> None:
    """Write the end of a case into the journal."""
    counts = {state: sum(item == state for item in outcome.states.values()) for state in ("computed", "reused")}
    journal.write(
        "case",
        subject=outcome.subject,
        done=outcome.done,
        seconds=round(outcome.seconds, 3),
        reason=outcome.reason,
        **counts,
    )


def _traceback(error: Exception) -> str:
    import traceback

    return "".join(traceback.format_exception(error))
