"""The table of statistics as files: CSV for people, Parquet with the units in its fields, and the list of the columns."""

from __future__ import annotations

import csv
import io
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from calib.report.statistics import TYPES


def as_csv(table: pa.Table) -> str:
    """The table as CSV: one header row, `name [units]` or the name alone where there is no unit; numbers to the last digit, times in ISO 8601 (UTC), true
    and false, nothing where a value is missing."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([heading(item) for item in table.schema])
    columns = [
        # a timestamp of pyarrow becomes a Python date of microseconds otherwise
        column.cast(pa.int64()).to_pylist() if pa.types.is_timestamp(column.type) else column.to_pylist()
        for column in table.columns
    ]
    texts = [[_text(value, item.type) for value in column] for column, item in zip(columns, table.schema, strict=True)]
    writer.writerows(zip(*texts, strict=True))
    return stream.getvalue()


def as_parquet(table: pa.Table) -> bytes:
    """The table as a Parquet file, fields with their metadata."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return bytes(sink.getvalue())


def column_list(table: pa.Table) -> str:
    """What each column is, as CSV: name, units, type, step, meaning, correlation."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["column", "units", "type", "step", "meaning", "correlation"])
    kinds = {made: kind for kind, made in TYPES.items()}
    for item in table.schema:
        told = _metadata(item)
        facts = (told.get(name, "") for name in ("step", "meaning", "correlation"))
        writer.writerow([item.name, told.get("units", ""), kinds[item.type], *facts])
    return stream.getvalue()


def heading(item: pa.Field) -> str:
    """The column's name in the CSV."""
    units = _metadata(item).get("units")
    return item.name if units is None else f"{item.name} [{units}]"


def _metadata(item: pa.Field) -> dict[str, str]:
    return {key.decode(): value.decode() for key, value in (item.metadata or {}).items()}


def _text(value: Any, kind: pa.DataType) -> str:
    if value is None:
        return ""
    if pa.types.is_timestamp(kind):
        whole = np.datetime_as_string(np.datetime64(value, "ns"))
        return f"{whole.removesuffix('000000')}Z"
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)
