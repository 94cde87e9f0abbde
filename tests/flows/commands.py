"""The command `etalon` as a process of its own: started as a user does, or forked by a server that has imported everything, which saves seconds."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["flows.cli", "flows.campaign", "flows.display"])
Found = TypeVar("Found")


class Answer(NamedTuple):
    """What a command answered in the tests' own process."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code (negative: the signal that killed it) and what it printed."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


class Command:
    """A running `etalon` command. With `program` it is the installed program, started by `prefix` if there is one."""

    def __init__(
        self,
        *words: object,
        env: Mapping[str, str] | None = None,
        program: bool = False,
        prefix: tuple[str, ...] = (),
    ) -> None:
        self._folder = tempfile.TemporaryDirectory()
        out, err = self._streams = (Path(self._folder.name) / "out", Path(self._folder.name) / "err")
        texts, environment = [str(word) for word in words], {**quiet_environment(), **(env or {})}
        self._process: Any
        if program or prefix:
            etalon_program = str(Path(sys.executable).with_name("etalon"))
            with out.open("w") as stdout, err.open("w") as stderr:
                self._process = subprocess.Popen(
                    [*prefix, etalon_program, *texts], env=environment, stdout=stdout, stderr=stderr
                )
        else:
            self._process = _CONTEXT.Process(target=_command, args=(texts, str(out), str(err), environment))
            self._process.start()

    @property
    def pid(self) -> int:
        return int(self._process.pid)

    @property
    def running(self) -> bool:
        return self._code() is None

    def kill(self) -> Ended:
        """Kill it by signal 9."""
        os.kill(self.pid, signal.SIGKILL)
        return self.wait()

    def wait(self, timeout_s: float = 120.0) -> Ended:
        """Its end; a failed test if it does not end or shows a traceback."""
        deadline = time.monotonic() + timeout_s
        while self.running and time.monotonic() < deadline:
            time.sleep(0.02)
        if self.running:
            os.kill(self.pid, signal.SIGKILL)
            raise AssertionError(f"still running after {timeout_s:g} s: {self._read()}")
        code = self._code()
        out, err = self._read()
        self._folder.cleanup()
        assert code is not None
        assert "Traceback" not in out + err, out + err
        return Ended(code, out, err)

    def _code(self) -> int | None:
        polled = self._process.poll() if isinstance(self._process, subprocess.Popen) else self._process.exitcode
        return None if polled is None else int(polled)

    def _read(self) -> tuple[str, str]:
        out, err = (path.read_text(encoding="utf-8") if path.exists() else "" for path in self._streams)
        return out, err


def etalon(*words: object, **options: Any) -> Ended:
    """Run a command to its end."""
    return Command(*words, **options).wait()


def quiet_environment() -> dict[str, str]:
    """This process's environment without any Prefect server that the user of this machine may have set."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return {**kept, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def _command(words: list[str], out: str, err: str, environment: dict[str, str]) -> None:
    for path, number in ((out, 1), (err, 2)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT, 0o666), number)
    # the fork server's own streams are those of the tests
    sys.stdout, sys.stderr = (os.fdopen(number, "w", encoding="utf-8", buffering=1) for number in (1, 2))
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["etalon", *words]
    from flows.cli import main

    main()


def wait_for(what: str, condition: Callable[[], Found], timeout_s: float = 60.0, every_s: float = 0.01) -> Found:
    """The first true value of `condition()`; a failed test that names `what` after the time."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(every_s)
    raise AssertionError(f"{what}: not within {timeout_s:g} s")
