"""The numbers of a proposal from a CSV table of the user's: one row per band, or per band and TDI configuration; lines starting with # are ignored."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from pathlib import Path

from calib.errors import RequestError
from calib.products.venus_parameters.names import BANDS, TDI, band_of
from calib.products.venus_parameters.propose import PerTdi

_MAX_BYTES = 1024 * 1024


def read_gains(path: Path) -> dict[str, PerTdi]:
    """Gains for `propose_phgain` from the columns band, gain and, where it depends on it, tdi."""
    return _per_band(path, _rows(path, ("band", "gain"), "tdi"), "gain")


def read_noise(path: Path) -> dict[str, Mapping[str, PerTdi]]:
    """Coefficients for `propose_noismo` from the columns band, a, b and, where they depend on it, tdi."""
    rows = _rows(path, ("band", "a", "b"), "tdi")
    a, b = (_per_band(path, rows, name) for name in ("a", "b"))
    return {band: {"a": a[band], "b": b[band]} for band in a}


def read_factors(path: Path) -> dict[str, float | list[float]]:
    """Factors of crosstalk for `Straylight.with_factors` from the columns source and factor: one row per source, or one for each of its strips in order."""
    found: dict[str, list[float]] = {}
    for row in _rows(path, ("source", "factor"), None):
        found.setdefault(_band(path, row["source"]), []).append(_number(path, row, "factor"))
    return {source: factors[0] if len(factors) == 1 else factors for source, factors in found.items()}


def _per_band(path: Path, rows: list[dict[str, str]], name: str) -> dict[str, PerTdi]:
    found: dict[str, dict[int | None, float]] = {}
    for row in rows:
        text = row.get("tdi", "")
        tdi = int(text) if text.isascii() and text.isdigit() else None
        if text and tdi not in TDI:
            raise RequestError(f"{path}: tdi {text!r} is none; the camera has {', '.join(str(value) for value in TDI)}")
        values = found.setdefault(_band(path, row["band"]), {})
        if tdi in values:
            raise RequestError(f"{path}: band {row['band']} has two rows for TDI {text or 'any'}; leave one")
        values[tdi] = _number(path, row, name)
    mixed = [band for band, values in found.items() if None in values and len(values) > 1]
    if mixed:
        raise RequestError(f"{path}: band {', '.join(mixed)} has rows with and without tdi; give it in all or none")
    return {
        band: values[None] if None in values else {tdi: value for tdi, value in values.items() if tdi is not None}
        for band, values in found.items()
    }


def _rows(path: Path, needed: tuple[str, ...], optional: str | None) -> list[dict[str, str]]:
    try:
        with path.open("rb") as stream:
            text = stream.read(_MAX_BYTES + 1).decode("utf-8-sig")
    except (OSError, ValueError) as error:
        raise RequestError(f"{path}: cannot be read as a CSV table ({error})") from None
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    try:
        table = [[item.strip() for item in row] for row in csv.reader(lines)]
    except csv.Error as error:
        raise RequestError(f"{path}: cannot be read as a CSV table ({error})") from None
    head = table[0] if table else []
    accepted = {*needed, *([optional] if optional else [])}
    if not set(needed) <= set(head) <= accepted or len(set(head)) != len(head):
        columns = ", ".join(needed) + (f" and, if wanted, {optional}" if optional else "")
        raise RequestError(f"{path}: has the columns {', '.join(head) or 'none'}; it needs {columns}")
    if len(table) < 2 or len(text) > _MAX_BYTES or any(len(row) != len(head) for row in table):
        raise RequestError(f"{path}: needs rows of {len(head)} values ({', '.join(head)}) under its header")
    return [dict(zip(head, row, strict=True)) for row in table[1:]]


def _band(path: Path, text: str) -> str:
    band = text if text in BANDS else band_of(text)
    if band is None:
        raise RequestError(f"{path}: {text[:20]!r} is no band; the camera has B1 to B12")
    return band


def _number(path: Path, row: Mapping[str, str], name: str) -> float:
    try:
        value = float(row[name])
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise RequestError(
            f"{path}: {name} is {row[name][:20]!r} in the row of {next(iter(row.values()))}; give a number"
        )
    return value
