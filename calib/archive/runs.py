"""The folders of runs: written aside, and published whole when the run ends."""

from __future__ import annotations

import os
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from calib.archive import disk


@dataclass(frozen=True)
class RunFolder:
    """Where a run writes (`path`), and the name under which its folder appears once published."""

    name: str
    path: Path


def begin(runs: Path, name: str) -> RunFolder:
    """A new unfinished folder for the run `name`."""
    spelled = re.sub(r"[^A-Za-z0-9_.]+", "-", name).strip("-.")[:60] or "run"
    final = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{spelled}-{secrets.token_hex(3)}"
    path = disk.part_path(runs, final)
    path.mkdir()
    return RunFolder(final, path)


def publish(run: RunFolder) -> Path:
    """The run's folder under its final name, all its files on the disk."""
    for place, _, names in os.walk(run.path):
        for name in names:
            with (Path(place) / name).open("rb") as stream:
                os.fsync(stream.fileno())
        disk.sync_folder(Path(place))
    target = run.path.parent / run.name
    disk.publish_folder(run.path, target)
    return target


def finished(runs: Path) -> list[Path]:
    """The published run folders, oldest first."""
    return sorted(path for path in runs.iterdir() if path.is_dir() and not path.name.startswith("."))
