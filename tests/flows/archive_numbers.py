"""What an archive holds, to be compared bit for bit with another's, and what its runs say of themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from calib.archive import Archive


def numbers(folder: Path) -> dict[tuple[str, str, str], tuple[Any, ...]]:
    """Every variable of every result, as its bytes, by step, acquisition and name."""
    archive, found = Archive(folder, read_only=True), {}
    for entry in archive.results():
        result = archive.get(entry.key, entry.step)
        assert result is not None
        for name, variable in result.data.variables.items():
            values = variable.values
            raw = tuple(values.ravel()) if values.dtype.kind in "OUT" else values.tobytes()
            found[entry.step, entry.subject, str(name)] = (variable.dims, values.shape, raw)
    archive.close()
    return found


def summaries(folder: Path) -> list[dict[str, Any]]:
    """The summaries of the runs that ended, oldest first."""
    paths = [path / "summary.json" for path in Archive(folder, read_only=True).runs()]
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def unfinished_journal(folder: Path) -> list[dict[str, Any]]:
    """The events so far of the run that goes on in an archive, or that was killed in it."""
    for path in folder.glob("runs/.part-*/journal.jsonl"):
        lines = path.read_text(encoding="utf-8").split("\n")
        # the last piece is empty, or a line that is being written
        return [json.loads(line) for line in lines[:-1]]
    return []
