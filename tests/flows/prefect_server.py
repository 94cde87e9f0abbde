"""A Prefect server of a test's own on the loopback, and the questions that tests ask it."""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from commands import quiet_environment, wait_for
from processes import free_port, loud_program, stop


@contextmanager
def running_server(home: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """The API's address of a running server, and the environment variables that lead to it. It ends with the context."""
    port = free_port()
    home.mkdir(parents=True)
    variables = {
        "PREFECT_HOME": str(home),
        "PREFECT_PROFILE": "ephemeral",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    words = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port), "--no-ui"]
    process = loud_program(words, home / "server.log", {**quiet_environment(), **variables}, home)
    address = f"http://127.0.0.1:{port}/api"
    try:
        wait_for(f"a server at {address}", lambda: process.poll() is not None or _answers(address), 120.0, 0.2)
        assert process.poll() is None, (home / "server.log").read_text(encoding="utf-8")
        yield address, {**variables, "PREFECT_API_URL": address}
    finally:
        stop(process)


def ask(address: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
    """The answer of the server's REST interface; a POST where there is a body."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{address}{path}", data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def _answers(address: str) -> bool:
    try:
        return bool(ask(address, "/health"))
    except (urllib.error.URLError, OSError):
        return False


def flow_run(address: str, name: str) -> dict[str, Any]:
    """The flow run with this name."""
    (found,) = ask(address, "/flow_runs/filter", {"flow_runs": {"name": {"any_": [name]}}})
    return dict(found)


def task_runs(address: str, name: str, count: int) -> list[dict[str, Any]]:
    """The task runs of a flow run, once all `count` have come to their end: the server writes them down late."""

    def ended() -> list[dict[str, Any]]:
        found = ask(address, "/task_runs/filter", {"flow_runs": {"name": {"any_": [name]}}})
        final = [item for item in found if item["state_type"] in ("COMPLETED", "FAILED")]
        return final if len(final) >= count else []

    return wait_for(f"{count} task runs of {name}", ended, 60.0, 0.3)


def artifacts(address: str, flow_run_id: str) -> dict[str, dict[str, Any]]:
    """The artifacts of a flow run by their type."""
    body = {"artifacts": {"flow_run_id": {"any_": [flow_run_id]}}}
    return {item["type"]: item for item in ask(address, "/artifacts/filter", body)}
