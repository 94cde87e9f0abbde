"""Spectral responses that users have, as text: separators, decimal commas, micrometres, index columns as they come."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from calib.errors import InputError
from calib.products.xml import read_limited, shortened

MAX_BYTES = 16 * 2**20
MAX_ROWS, MAX_COLUMNS = 50_000, 200
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?", flags=re.ASCII)
_WAVELENGTH = re.compile(
    r"(wave_?length|wl|lambda)[\W_]*(nm|um|µm|μm|micrometers?|nanometers?)?[\W_]*", flags=re.IGNORECASE
)


def read_response_table(path: Path, bands: Sequence[str] | None = None) -> xr.DataArray:
    """Responses over (band, wavelength in nm) from a table of one row per wavelength, as the file gives them: not rescaled.

    Columns are separated by tabs, semicolons, commas or blanks; with the others than commas, numbers may have decimal commas. The wavelength is the
    column so named, else the first; in micrometres when it stays under 50. `bands` names the columns of a file without header, or those wanted.
    """
    rows = _rows(path)
    header = None if all(_NUMBER.fullmatch(cell) for cell in rows[0]) else rows.pop(0)
    if not rows:
        raise InputError(f"{path}: holds no row of numbers; give a table of wavelengths and responses")
    table = _numbers(path, rows)
    column = _wavelength_column(path, header, table)
    nm = table[:, column] * _scale(path, header[column] if header else "", table[:, column])
    if not np.all(np.diff(nm) > 0):
        raise InputError(f"{path}: wavelengths do not grow from row to row; sort the table")
    values = _columns(path, header, table[:, column + 1 :], column, bands)
    dark = [name for name, row in values.items() if not row.max() > 0]
    if dark:
        raise InputError(f"{path}: the response of {', '.join(dark)} is nowhere positive; check the columns")
    return xr.DataArray(
        np.stack(list(values.values())),
        dims=("band", "wavelength"),
        coords={"band": list(values), "wavelength": ("wavelength", nm, {"units": "nm"})},
        attrs={"units": "1"},
    )


def _rows(path: Path) -> list[list[str]]:
    """The cells of each row, comments and empty rows left out."""
    try:
        text = read_limited(path, MAX_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path}: is no text in UTF-8; save the table as UTF-8") from None
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not 1 < len(lines) <= MAX_ROWS:
        raise InputError(f"{path}: {len(lines)} rows are no table of responses; give one row per wavelength")
    # the last row has numbers alone, which commas may separate or belong to
    separator = next((mark for mark in ("\t", ";") if mark in lines[-1]), None)
    cells = lines[-1].split()
    if separator is None and "," in lines[-1] and not (len(cells) > 1 and all(map(_NUMBER.fullmatch, cells))):
        separator = ","
    return [[cell.strip().strip('"') for cell in line.split(separator)] for line in lines]


def _numbers(path: Path, rows: list[list[str]]) -> np.ndarray:
    width = len(rows[0])
    if not 2 <= width <= MAX_COLUMNS:
        raise InputError(
            f"{path}: {width} columns are no table of responses; give a wavelength and one column per band"
        )
    for count, row in enumerate(rows, start=1):
        if len(row) != width or not all(_NUMBER.fullmatch(cell) for cell in row):
            raise InputError(
                f"{path}: row {count} of numbers is {shortened(' '.join(row))!r}, not {width} numbers; correct it"
            )
    table = np.array([[float(cell.replace(",", ".")) for cell in row] for row in rows])
    if not np.isfinite(table).all():
        raise InputError(f"{path}: holds a number that is not finite; correct it")
    return table


def _wavelength_column(path: Path, header: list[str] | None, table: np.ndarray) -> int:
    """Where the wavelengths stand: in the column so named, else in the first."""
    if header is None:
        return 0
    if len(header) != table.shape[1]:
        raise InputError(f"{path}: {len(header)} names for {table.shape[1]} columns; give every column a name")
    named = [index for index, name in enumerate(header) if _WAVELENGTH.fullmatch(name)]
    if len(named) != 1 or named[0] > 1:
        raise InputError(f"{path}: needs one column 'wavelength' before the bands, has {', '.join(header[:3])} ...")
    return named[0]


def _scale(path: Path, name: str, wavelengths: np.ndarray) -> float:
    """Nanometres per unit of the table."""
    least, most = float(wavelengths.min()), float(wavelengths.max())
    if least >= 0.1 and most < 50:
        scale = 1000.0
    elif least >= 100 and most < 50_000:
        scale = 1.0
    else:
        raise InputError(f"{path}: wavelengths from {least:g} to {most:g} are neither nm nor µm; correct the table")
    found = _WAVELENGTH.fullmatch(name)
    said = (found[2] or "") if found else ""
    if said and said.lower().startswith("n") != (scale == 1.0):
        raise InputError(f"{path}: wavelengths from {least:g} to {most:g} under the name {name!r}; correct the unit")
    return scale


def _columns(
    path: Path, header: list[str] | None, values: np.ndarray, column: int, bands: Sequence[str] | None
) -> dict[str, np.ndarray]:
    """The responses by band."""
    if header is None:
        if bands is None or len(bands) != values.shape[1]:
            given = "no names" if bands is None else f"{len(bands)} names"
            raise InputError(f"{path}: {given} for its {values.shape[1]} columns without header; name the bands")
        return {name: values[:, index] for index, name in enumerate(bands)}
    names = header[column + 1 :]
    if len(set(names)) != len(names) or not all(names):
        raise InputError(f"{path}: the bands of its header ({', '.join(names[:4])} ...) need names that differ")
    missing = [name for name in bands or () if name not in names]
    if missing:
        raise InputError(f"{path}: no column of band {', '.join(missing)}; it has {', '.join(names)}")
    return {name: values[:, names.index(name)] for name in bands or names}
