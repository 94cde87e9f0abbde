"""The plain layout: a folder with acquisition.yaml, one TIFF per band, the scan rates if known, and a manifest of digests."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field, field_validator

from calib.acquisition import Acquisition, BandImage
from calib.config import Model, parse, read_yaml
from calib.errors import InputError, RequestError
from calib.lineage import digest_file
from calib.products.files import existing, inside, open_raster
from calib.units import Seconds

#: raise the number whenever the same files give other numbers
READER = "plain 1"
TITLE = "plain folder (acquisition.yaml and one TIFF per band)"
DESCRIPTION = "acquisition.yaml"
MANIFEST = "MANIFEST.json"
SCAN_RATES = "scan_rates.csv"
SCAN_RATES_HEADER = "time_s,scan_rate_rad_s"
_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?Z")


def utc(text: object) -> np.datetime64:
    """A date written as ISO-8601 UTC ("2020-03-05T10:00:00.5Z"), to the nanosecond; ValueError otherwise."""
    form = "write it as 2020-03-05T10:00:00.5Z"
    if not isinstance(text, str) or not _UTC.fullmatch(text):
        raise ValueError(f"{text!r} is not a date in UTC; {form}")
    # nanoseconds since 1970 overflow silently in 2262
    if not 1950 <= int(text[:4]) < 2200:
        raise ValueError(f"{text!r} is not a date between 1950 and 2200; {form}")
    try:
        return np.datetime64(text[:-1], "ns")
    except ValueError:
        raise ValueError(f"{text!r} is not a date; {form}") from None


def utc_text(date: np.datetime64) -> str:
    """The text that `utc` reads back to the same nanosecond."""
    return f"{np.datetime_as_string(date.astype('datetime64[ns]'))}Z"


def _checked_utc(text: object) -> str:
    utc(text)
    return str(text)


class BandEntry(Model):
    """One band of a plain product: its file and the dates of its lines."""

    file: str
    first_line_utc: str = Field(description="middle of the integration of line 0")
    line_period: Seconds = Field(gt=0)

    _date = field_validator("first_line_utc", mode="before")(_checked_utc)


class Description(Model):
    """The content of acquisition.yaml."""

    format: Literal["etalon-plain"] = "etalon-plain"
    format_version: Literal[1] = 1
    name: str
    sensor: str
    kind: Literal["moon"]
    reference_utc: str = Field(description="origin of the times in scan_rates.csv")
    column_axis: tuple[float, float, float] = Field(description="unit vector in GCRF along which columns grow")
    line_axis: tuple[float, float, float] = Field(description="unit vector in GCRF along which lines grow")
    binning: int = Field(default=1, ge=1, description="pixels of the camera averaged in each direction")
    versions: dict[str, str] = Field(default={}, description="PHGAIN: version of the official gains in force")
    bands: dict[str, BandEntry] = Field(min_length=1)
    note: str = ""

    _date = field_validator("reference_utc", mode="before")(_checked_utc)


def recognises(path: Path) -> bool:
    """Whether `path` is a folder with an acquisition.yaml."""
    return path.is_dir() and (path / DESCRIPTION).is_file()


def read(path: Path, *, verify: bool = True, images: bool = True) -> Acquisition:
    """The plain product in the folder `path`. Sizes, and digests unless `verify` is off, are checked against the manifest; no pixel is read."""
    existing(path / DESCRIPTION)
    manifest = _manifest(path)
    if manifest is not None:
        _check_files(path, manifest, verify)
    try:
        description = parse(Description, read_yaml(inside(path, DESCRIPTION)), str(path / DESCRIPTION))
    except RequestError as error:
        raise InputError("; ".join(str(error).splitlines())) from None
    names = [DESCRIPTION, *(entry.file for entry in description.bands.values())]
    if (path / SCAN_RATES).exists():
        names.append(SCAN_RATES)
    used = {name: inside(path, name) for name in names}
    rates = _scan_rates(used[SCAN_RATES]) if SCAN_RATES in used else None
    reference = utc(description.reference_utc)
    return Acquisition(
        name=description.name,
        sensor=description.sensor,
        kind=description.kind,
        path=path,
        bands={name: _band(used[entry.file], entry, reference, rates) for name, entry in description.bands.items()},
        files=_digests(path, used, manifest),
        column_axis=np.array(description.column_axis),
        line_axis=np.array(description.line_axis),
        versions=description.versions,
        binning=description.binning,
        reader=READER,
    )


def _digests(
    folder: Path, used: Mapping[str, Path], manifest: Mapping[str, Mapping[str, Any]] | None
) -> dict[str, str]:
    """SHA-256 of each file of the product: the manifest's, or computed where there is none."""
    if manifest is None:
        return {name: digest_file(existing(file)) for name, file in used.items()}
    for name in used.keys() - manifest.keys():
        raise InputError(f"{folder / MANIFEST}: does not list {name}, which the product uses; fetch the product again")
    return {name: str(entry["sha256"]) for name, entry in manifest.items()}


def _manifest(folder: Path) -> dict[str, Mapping[str, Any]] | None:
    path = folder / MANIFEST
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {
            str(name): {"bytes": int(item["bytes"]), "sha256": str(item["sha256"])} for name, item in content.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path}: not a manifest of sizes and digests ({type(error).__name__}: {reason}); fetch the product again"
        ) from None


def _check_files(folder: Path, manifest: Mapping[str, Mapping[str, Any]], verify: bool) -> None:
    for name, entry in manifest.items():
        path = existing(inside(folder, name))
        size = path.stat().st_size
        if size != entry["bytes"]:
            raise InputError(f"{path}: {size} bytes where the manifest says {entry['bytes']}; fetch the product again")
        if verify and digest_file(path) != entry["sha256"]:
            raise InputError(f"{path}: its content does not match the manifest's digest; fetch the product again")


def _band(
    path: Path, entry: BandEntry, reference: np.datetime64, rates: tuple[np.ndarray, np.ndarray] | None
) -> BandImage:
    raster = open_raster(path, layers=1)
    first, rate = utc(entry.first_line_utc), None
    if rates is not None:
        times = (first - reference) / np.timedelta64(1, "s") + np.arange(raster.lines) * entry.line_period
        if times[0] < rates[0][0] or times[-1] > rates[0][-1]:
            raise InputError(
                f"{path.parent / SCAN_RATES}: covers {rates[0][0]:.3f}..{rates[0][-1]:.3f} s but the lines of {path.name} span"
                f" {times[0]:.3f}..{times[-1]:.3f} s after reference_utc; complete the table or remove the file"
            )
        rate = np.interp(times, *rates)
    return BandImage(raster=raster, first_line=first, line_period_s=entry.line_period, scan_rate_rad_s=rate)


def _scan_rates(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Times (s after the reference) and scan rates (rad/s)."""
    try:
        header, *lines = existing(path).read_text(encoding="utf-8").split()
        table = np.array([[float(item) for item in line.split(",")] for line in lines])
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not a table of '{SCAN_RATES_HEADER}' ({error}); repair or remove it") from None
    if header != SCAN_RATES_HEADER or table.ndim != 2 or table.shape[1] != 2:
        raise InputError(f"{path}: needs the columns '{SCAN_RATES_HEADER}' and a row per date; repair or remove it")
    times, rates = table.T
    if not np.all(np.isfinite(table)) or not np.all(np.diff(times) > 0) or not np.all(rates > 0):
        raise InputError(f"{path}: times must grow, rates be positive, all be finite; repair or remove it")
    return times, rates
