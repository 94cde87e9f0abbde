"""Small tables in files: comma-separated, a head of column names, comments after #."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from orbit_aux.errors import OrbitError
from orbit_aux.time import Times


def read_rows(file: Path, columns: Sequence[str], what: str, others: str = "") -> list[dict[str, str]]:
    """The rows of a table of `what` that has at least `columns`; `others` are named to who forgets one."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            lines = [line for line in stream if line.strip() and not line.startswith("#")]
            reader = csv.DictReader(lines, skipinitialspace=True)
            reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise OrbitError(f"{file}: cannot be read ({error}); give a table of {what}") from None
    lacking = [name for name in columns if name not in reader.fieldnames]
    if lacking:
        raise OrbitError(f"{file}: column {', '.join(lacking)} is missing; the columns are {','.join(columns)}{others}")
    return rows


def utc_of(file: Path, labels: Sequence[str]) -> Times:
    """UTC labels of a table as times; one that is no time is refused with the table's name."""
    try:
        return Times.from_labels(labels, "UTC")
    except OrbitError as error:
        raise OrbitError(f"{file}: {error}") from None
