"""The command `etalon` as a process of its own, quickly: a server that has imported everything once forks one process per command."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["flows.cli", "flows.campaign", "flows.display", "calib.simulate.moon"])
NOBODY = 65534


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code (negative: the signal that killed it) and what it printed."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err

    def lines_with(self, words: str) -> list[str]:
        """The lines of the output that hold `words`."""
        return [line for line in self.text.splitlines() if words in line]


class Command:
    """A running `etalon` command."""

    def __init__(self, *words: object, user: int | None = None, env: Mapping[str, str] | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._out, self._err = Path(self._folder.name) / "out", Path(self._folder.name) / "err"
        environment = {**quiet_environment(), **(env or {})}
        arguments = ([str(word) for word in words], str(self._out), str(self._err), environment, user)
        self._process: Any = _CONTEXT.Process(target=_command, args=arguments, daemon=False)
        self._process.start()

    @property
    def pid(self) -> int:
        return int(self._process.pid)

    @property
    def running(self) -> bool:
        return bool(self._process.is_alive())

    def kill(self) -> Ended:
        """Kill it by signal 9, as a machine out of memory does."""
        os.kill(self.pid, signal.SIGKILL)
        return self.wait()

    def wait(self, timeout_s: float = 120.0) -> Ended:
        self._process.join(timeout_s)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
            raise AssertionError(f"still running after {timeout_s:g} s: {self._err.read_text(encoding='utf-8')}")
        texts = [path.read_text(encoding="utf-8") if path.exists() else "" for path in (self._out, self._err)]
        self._folder.cleanup()
        ended = Ended(int(self._process.exitcode), *texts)
        assert "Traceback" not in ended.text, ended.text
        return ended


def etalon(*words: object, user: int | None = None, env: Mapping[str, str] | None = None) -> Ended:
    """Run a command to its end."""
    return Command(*words, user=user, env=env).wait()


def quiet_environment() -> dict[str, str]:
    """This process's environment without any Prefect server that the user of this machine may have set."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return {**kept, "PREFECT_PROFILE": "none", "PREFECT_HOME": "/nonexistent"} | {"OMP_NUM_THREADS": "1"}


def _command(words: list[str], out: str, err: str, environment: dict[str, str], user: int | None) -> None:
    for path, number in ((out, 1), (err, 2)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT, 0o666), number)
    # the two streams of the fork server's start are those of the tests
    sys.stdout, sys.stderr = (os.fdopen(number, "w", encoding="utf-8", buffering=1) for number in (1, 2))
    os.environ.clear()
    os.environ.update(environment)
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    sys.argv = ["etalon", *words]
    from flows.cli import main

    main()


def wait_for(what: str, condition: Any, timeout_s: float = 60.0, every_s: float = 0.01) -> Any:
    """The first true value of `condition()`; an error that names `what` after the time."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(every_s)
    raise AssertionError(f"{what}: not within {timeout_s:g} s")
