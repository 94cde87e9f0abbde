"""What `etalon inspect` says of a product: everything found in it, and what it lacks for which method."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from calib.acquisition import Acquisition, BandImage, Calibration, Known
from calib.config import CONFIGS
from calib.errors import InputError
from calib.products import open_acquisition, reader_of
from calib.radiometry import choose
from calib.readiness import missing_for
from calib.sensor import load_sensor
from calib.spectra import solar_spectrum
from flows.table import table


def inspect_other(path: Path) -> dict[str, Any] | None:
    """The facts of a file that is no product: a parameter file of Venµs, or coefficients of SMAC; None for anything else."""
    from calib.products import smac, venus_parameters

    if venus_parameters.recognises(path):
        return venus_parameters.facts(venus_parameters.open_parameters(path))
    if smac.recognises(path):
        return smac.facts(smac.read_smac(path))
    return None


def print_plain(facts: dict[str, Any], indent: str = "") -> None:
    """Nested facts, one line each."""
    for key, value in facts.items():
        if isinstance(value, dict):
            print(f"{indent}{key}")
            print_plain(value, indent + "  ")
        elif isinstance(value, list) and key == "warnings":
            for text in value:
                print(f"warning: {text}")
        else:
            shown = ", ".join(map(str, value)) if isinstance(value, list) else value
            print(f"{indent}{key:24s} {'' if shown is None else shown}")


def open_for_inspection(path: Path) -> tuple[Acquisition, bool]:
    """The product, and whether its images are there; without them its headers alone are read. No pixel is read."""
    try:
        return open_acquisition(path, verify=False), True
    except InputError as error:
        if "missing" not in str(error):
            raise
        try:
            return open_acquisition(path, verify=False, images=False), False
        except InputError:
            raise error from None


def product_facts(path: Path, acquisition: Acquisition, images: bool, spectrum: str) -> dict[str, Any]:
    """All that is known of the product, as plain values with units in their names; the same content as the printed page."""
    warnings = list(acquisition.warnings)
    response = acquisition.responses
    known = (CONFIGS / "sensors" / f"{acquisition.sensor}.yaml").is_file()
    if response is None and known:
        response = load_sensor(acquisition.sensor).response
    # sunlight reflected by a site is what a solar irradiance is for
    sun = solar_spectrum(spectrum) if acquisition.kind == "site" else None
    chosen = choose(acquisition, response=response, spectrum=sun)
    return {
        "name": acquisition.name,
        "format": reader_of(path).TITLE,
        "path": str(path),
        "sensor": acquisition.sensor,
        "kind": acquisition.kind,
        "acquired_utc": _date(acquisition.acquired if acquisition.acquired is not None else acquisition.start),
        "first_line_utc": _date(min((i.first_line for i in acquisition.bands.values() if i.dated), default=None)),
        "images": "present" if images else "missing: the headers alone were read",
        "files": len(acquisition.files),
        "bands": {name: _band(image, acquisition.start) for name, image in acquisition.bands.items()},
        "angles": _angles(acquisition),
        "orbit": _span(acquisition.orbit),
        "attitude": _span(acquisition.attitude),
        "masks": {name: mask.meaning for name, mask in acquisition.masks.items()},
        "versions": dict(acquisition.versions),
        "facts": dict(acquisition.facts),
        "solar_irradiance_used": {
            band: _known(item.solar_irradiance, acquisition.start)
            for band, item in chosen.bands.items()
            if item.solar_irradiance
        },
        "missing": missing_for(acquisition),
        "warnings": [*warnings, *chosen.notes],
    }


def print_facts(facts: dict[str, Any]) -> None:
    """The facts for people."""
    print(f"{facts['name']}: {facts['format']}")
    for key in ("path", "sensor", "kind", "acquired_utc", "first_line_utc", "images", "orbit", "attitude"):
        if facts[key]:
            print(f"  {key:15s} {facts[key]}")
    print("\nbands")
    _print_bands(facts)
    if facts["angles"]:
        print("\nangles at the centre, degrees (azimuth clockwise from north, from the target)")
        _print_table([{"band": band, **row} for band, row in facts["angles"].items()])
    for title in ("masks", "versions", "facts"):
        shown = _masks_by_kind(facts) if title == "masks" else facts[title]
        width = max((len(key) for key in shown), default=0) + 1
        if shown:
            print(f"\n{title}")
        for key, value in shown.items():
            print(f"  {key:{width}s} {value}")
    print("\nmissing")
    for method, phrases in facts["missing"].items():
        print(f"  {method:8s} {'; '.join(phrases) or 'nothing'}")
    for text in facts["warnings"]:
        print(f"warning: {text}")


def _masks_by_kind(facts: dict[str, Any]) -> dict[str, str]:
    """Masks of one kind on one line: "SAT" for "SAT B1", "SAT B2" and so on."""
    kinds: dict[str, list[str]] = {}
    for name in facts["masks"]:
        kind, _, band = name.rpartition(" ")
        known = band in facts["bands"] and kind
        kinds.setdefault(kind if known else name, []).append(band if known else facts["masks"][name])
    return {kind: " ".join(items) for kind, items in kinds.items()}


def _print_bands(facts: dict[str, Any]) -> None:
    rows = []
    for name, band in facts["bands"].items():
        row = {"band": name, "lines": band["lines"], "columns": band["columns"], "type": band["type"]}
        for key in ("sampling_m", "detector", "line_period_ms", "nodata", "saturated"):
            if band[key] is not None:
                row[key] = f"{band[key]:g}"
        for key, known in band["calibration"].items():
            age = f", {known['age_years']:.1f} y" if known["age_years"] is not None else ""
            row[key] = f"{known['value']:.6g} ({known['origin']}{age})"
        rows.append(row)
    _print_table(rows)


def _print_table(rows: list[dict[str, Any]]) -> None:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    table([{key: f"  {value}" if key == "band" else value for key, value in row.items()} for row in rows], columns)


def _band(image: BandImage, date: np.datetime64) -> dict[str, Any]:
    raster = image.raster
    names = [item.name for item in fields(Calibration)]
    return {
        "lines": raster.lines,
        "columns": raster.columns,
        "type": raster.dtype,
        "sampling_m": image.sampling_m,
        "detector": image.detector,
        "first_line_utc": _date(image.first_line) if image.dated else None,
        "line_period_ms": image.line_period_s * 1e3 if image.dated else None,
        "nodata": image.nodata,
        "saturated": image.saturated,
        "calibration": {
            name: _known(known, date) for name in names if (known := getattr(image.calibration, name)) is not None
        },
    }


def _known(known: Known, date: np.datetime64) -> dict[str, Any]:
    age = None
    if known.date is not None and not np.isnat(date):
        age = float((date - known.date) / np.timedelta64(1, "D")) / 365.25
    return {
        "value": known.value,
        "unit": known.unit,
        "origin": known.origin,
        "source": known.source,
        "date": _date(known.date),
        "age_years": age,
    }


def _angles(acquisition: Acquisition) -> dict[str, dict[str, float | None]]:
    if acquisition.angles is None:
        return {}
    centre = acquisition.angles.sel(point="center")
    rounded = {
        str(band): {str(name): round(float(values.sel(band=band)), 4) for name, values in centre.data_vars.items()}
        for band in centre["band"].values
    }
    return {band: {name: None if np.isnan(v) else v for name, v in row.items()} for band, row in rounded.items()}


def _span(table: Any) -> str | None:
    if table is None:
        return None
    times = table["time"].values
    frame = table.attrs.get("rotates_from", "")
    frame = f"{frame} to {table.attrs['frame']}" if frame else table.attrs["frame"]
    return f"{len(times)} dates, {_date(times[0])} to {_date(times[-1])}, {frame}"


def _date(date: np.datetime64 | None) -> str | None:
    return None if date is None or np.isnat(date) else f"{date.astype('datetime64[ms]')!s}Z"
