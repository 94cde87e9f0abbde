"""How orbit commands write: a new folder whole or not at all, datasets as tables, JSON."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import xarray as xr

from calib.errors import RequestError
from orbit_aux.errors import OrbitError
from orbit_aux.time import Times

#: of units in datasets, how a column's name ends
_ENDINGS = {
    **{unit: unit for unit in ("m", "deg", "rad", "N", "s")},
    **{"m/s": "ms", "m/s2": "ms2", "m s-2": "ms2", "kg/s": "kgs", "kg s-1": "kgs"},
}
_AXES = ("x", "y", "z")


@contextmanager
def refusals() -> Iterator[None]:
    """Whatever the orbit package refuses within it is a bad request: all that it is given comes from the user."""
    try:
        yield
    except OrbitError as error:
        raise RequestError(str(error)) from None


def check_output(output: Path) -> None:
    """Refuse a folder that holds something."""
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise RequestError(f"{output}: is not empty, and nothing is overwritten; name another folder")


@contextmanager
def new_folder(output: Path) -> Iterator[Path]:
    """A folder beside `output` that takes its place when all was written; `output` must be new or empty."""
    check_output(output)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{output.name}.part-", dir=output.parent))
    except OSError as error:
        raise RequestError(f"{output}: cannot be made ({error.strerror}); name another folder") from error
    try:
        yield part
        mask = os.umask(0)
        os.umask(mask)
        part.chmod(0o777 & ~mask)
        part.replace(output)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def refuse_inputs(output: Path, inputs: Iterable[Path | None]) -> None:
    """Refuse to write over a file that was read."""
    if output.resolve() in {path.resolve() for path in inputs if path is not None}:
        raise RequestError(f"{output}: is an input; give another file to --output")


@contextmanager
def write_whole(output: Path) -> Iterator[TextIO]:
    """A text file that takes the place of `output` when all was written."""
    partial = output.parent / f".{output.name}.partial"
    try:
        with partial.open("w", encoding="utf-8", newline="") as stream:
            yield stream
        partial.replace(output)
    except OSError as error:
        raise RequestError(
            f"{output}: cannot be written ({error.strerror}); give a file in a folder that exists"
        ) from None
    finally:
        # where the folder is none, unlinking fails for a reason of its own
        with suppress(OSError):
            partial.unlink()


def table_of(data: xr.Dataset) -> str:
    """A dataset over one dimension (and axes) as CSV: one row for each, the unit at the end of a column's name."""
    first = next(iter(data.sizes)) if "measurement" not in data.sizes else "measurement"
    columns: dict[str, list[str]] = {}
    for key in sorted(data.variables, key=lambda name: name != "time"):
        name, values = str(key), data[key].values
        if first not in data[key].dims:
            continue
        ending = _ENDINGS.get(str(data[key].attrs.get("units", "")), "")
        if values.ndim == 2:
            axes = [str(item) for item in data[data[key].dims[1]].values] if data[key].dims[1] in data.coords else _AXES
            for axis, column in zip(axes, values.T, strict=False):
                columns["_".join(filter(None, (name, axis.lower(), ending)))] = _texts(column)
        else:
            columns["utc" if name == "time" else "_".join(filter(None, (name, ending)))] = _texts(values)
    return csv_text([*columns], zip(*columns.values(), strict=True))


def csv_text(heads: Sequence[str], rows: Iterable[Sequence[object]], digits: int = 10) -> str:
    """A table as CSV, floating numbers to that many digits."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(heads)
    writer.writerows([f"{cell:.{digits}g}" if isinstance(cell, float) else cell for cell in row] for row in rows)
    return stream.getvalue()


def unix_s(times: Times | np.ndarray) -> np.ndarray:
    """Seconds since 1970 UTC of times or dates, as plots over dates want them."""
    dates = times.utc_datetime64() if isinstance(times, Times) else times
    return np.asarray(dates.astype("datetime64[ns]").astype(np.int64) * 1e-9)


def _texts(values: np.ndarray) -> list[str]:
    if values.dtype.kind == "M":
        return [f"{text}Z" for text in np.datetime_as_string(values, unit="us")]
    if values.dtype.kind == "f":
        return [f"{value:.12g}" if math.isfinite(value) else "" for value in values.tolist()]
    return [str(value) for value in values.tolist()]


def plain(content: Any) -> Any:
    """What JSON can hold: numbers of NumPy as Python's, what is not finite as null."""
    if isinstance(content, Mapping):
        return {str(key): plain(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [plain(value) for value in content]
    if isinstance(content, np.ndarray):
        return plain(content.tolist())
    if isinstance(content, np.generic):
        return plain(content.item())
    if isinstance(content, float) and not math.isfinite(content):
        return None
    return content


def write_json(path: Path, content: Any) -> None:
    """Write `content` as indented JSON."""
    path.write_text(json.dumps(plain(content), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
