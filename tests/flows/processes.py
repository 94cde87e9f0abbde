"""Programs that a test starts: on free ports, with their words in a file, found and stopped by process id."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


def free_port() -> int:
    """A port of the loopback that nobody listened to a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def loud_program(
    words: Sequence[str], log: Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> subprocess.Popen[bytes]:
    """A program in the background, in a session of its own; what it says goes to `log`."""
    with log.open("ab") as stream:
        return subprocess.Popen(
            words, stdout=stream, stderr=subprocess.STDOUT, env=env, cwd=cwd, start_new_session=True
        )


def processes_below(pid: int, words: str = "") -> list[int]:
    """Living processes that descend from a process and whose command line holds `words`."""
    parents = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (place / "stat").read_text().rsplit(")", 1)[1].split()[:2]
        except OSError:
            continue
        if state != "Z":
            parents[int(place.name)] = int(parent)
    found, level = [], {pid}
    while level:
        level = {child for child, parent in parents.items() if parent in level}
        found += sorted(level)
    return [child for child in found if words in command_line(child)]


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def environment_of(pid: int) -> dict[str, str]:
    """The environment with which a process was started."""
    text = Path(f"/proc/{pid}/environ").read_bytes().decode()
    return dict(item.split("=", 1) for item in text.split("\0") if "=" in item)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a program and all that it started: asked twice, then killed, each by its id."""
    children = processes_below(process.pid)
    for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            process.send_signal(number)
            try:
                process.wait(8)
            except subprocess.TimeoutExpired:
                continue
    for child in children:
        if command_line(child):
            try:
                os.kill(child, signal.SIGKILL)
            except ProcessLookupError:
                continue
