"""Results -> one self-contained HTML page: coefficients against the parameters in force, what was reused, plots, lineage."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from calib.errors import ArchiveError
from calib.report.model import Case, Change, RunReport

__all__ = ["Case", "Change", "RunReport", "write_report"]


def write_report(report: RunReport, path: Path) -> None:
    """Write the page of a run to `path`: the whole file appears at once, an older one stays until then. The same report gives the same bytes."""
    # templates and plots are loaded by those who write a report, not by those who import its types
    from calib.report.page import render

    text = render(report)
    part = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise ArchiveError(
            f"{path}: the report of {len(text) / 1e6:.1f} MB cannot be written ({error.strerror}); free space, permit writing there, or name another place"
        ) from error
