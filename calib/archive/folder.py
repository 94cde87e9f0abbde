"""One result as a folder: its data, a table for people, its configuration, and a manifest that vouches for all of them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from calib.archive.netcdf import from_bytes, to_bytes
from calib.config import to_yaml
from calib.errors import ArchiveError
from calib.lineage import Lineage, digest_bytes
from calib.types import Geometry, Result

DATA, TABLE, CONFIGURATION, MANIFEST = "result.nc", "table.csv", "configuration.yaml", "manifest.json"
FORMAT, FORMAT_VERSION = "etalon-result", 1
KINDS: Mapping[str, type[Result]] = {"Result": Result, "Geometry": Geometry}


@dataclass(frozen=True)
class Manifest:
    """What a result's folder says of itself: `content` is the digest that other steps depend on, `files` maps names to {bytes, sha256}."""

    key: str
    kind: str
    content: str
    stored_utc: str
    lineage: Lineage
    files: Mapping[str, Mapping[str, Any]]


def render(result: Result, stored_utc: str) -> dict[str, bytes]:
    """The files of a result, the manifest last."""
    files = {DATA: to_bytes(result.data), CONFIGURATION: to_yaml(result.lineage.parameters).encode()}
    if "band" in result.content.dims:
        files[TABLE] = band_table(result.content).encode()
    kind = next((name for name, made in KINDS.items() if type(result) is made), None)
    if kind is None:
        raise ValueError(
            f"step '{result.lineage.step}': an archive holds {', '.join(KINDS)}, not {type(result).__name__}"
        )
    manifest = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "key": result.key,
        "kind": kind,
        "content": result.digest,
        "stored_utc": stored_utc,
        "lineage": result.lineage.to_plain(),
        "files": {name: {"bytes": len(body), "sha256": digest_bytes(body)} for name, body in files.items()},
    }
    return {**files, MANIFEST: (json.dumps(manifest, indent=1, ensure_ascii=False) + "\n").encode()}


def band_table(content: xr.Dataset) -> str:
    """The variables over `band` alone as CSV: one row per band, units in the header."""
    columns = {
        str(name): variable
        for name, variable in content.variables.items()
        if variable.dims == ("band",) and name != "band"
    }
    heads = [f"{name} [{item.attrs['units']}]" if "units" in item.attrs else name for name, item in columns.items()]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["band", *heads])
    for row, band in enumerate(content["band"].values):
        writer.writerow([str(band), *(_cell(item.values[row]) for item in columns.values())])
    return stream.getvalue()


def _cell(value: Any) -> str:
    if isinstance(value, np.datetime64):
        return "" if np.isnat(value) else f"{value}Z"
    if isinstance(value, np.bool_):
        return str(value).lower()
    return f"{value:.10g}" if isinstance(value, np.floating) else str(value)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a result's folder; ArchiveError where it is missing, is no manifest or speaks of something else."""
    path = folder / MANIFEST
    try:
        manifest = parse_manifest(path.read_bytes())
    except OSError as error:
        raise altered(path, f"cannot be read ({(error.strerror or str(error)).lower()})") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise altered(path, "is no manifest of a result") from error
    named = manifest.key, manifest.lineage.step
    if named != (folder.name, folder.parent.parent.name) or manifest.lineage.key != manifest.key:
        raise altered(path, "does not belong to this folder: its key is not that of its lineage")
    return manifest


def parse_manifest(content: bytes) -> Manifest:
    """The manifest that a file's bytes hold; ValueError, KeyError, TypeError or AttributeError where they hold none."""
    plain = json.loads(content)
    if (plain["format"], plain["format_version"]) != (FORMAT, FORMAT_VERSION):
        raise ValueError(f"format {plain['format']} {plain['format_version']} is not {FORMAT} {FORMAT_VERSION}")
    fields = {name: plain[name] for name in ("key", "kind", "content", "stored_utc", "files")}
    manifest = Manifest(lineage=Lineage.from_plain(plain["lineage"]), **fields)
    if manifest.kind not in KINDS or not {DATA, CONFIGURATION} <= set(manifest.files):
        raise ValueError("not the manifest of a result")
    for name, entry in manifest.files.items():
        if "/" in name or not isinstance(entry["sha256"], str):
            raise ValueError(f"file '{name}' has no digest")
    return manifest


def faults(folder: Path, manifest: Manifest) -> Iterator[ArchiveError]:
    """One error per file of the folder that is not what the manifest says."""
    for name in manifest.files:
        try:
            _read(folder, manifest, name)
        except ArchiveError as error:
            yield error


def read_result(folder: Path, manifest: Manifest) -> Result:
    """The result in a folder, once every file and the content have been found to be what was stored."""
    files = {name: _read(folder, manifest, name) for name in manifest.files}
    try:
        result = KINDS[manifest.kind](from_bytes(files[DATA]), manifest.lineage)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise altered(folder / DATA, f"cannot be understood ({error})") from error
    if result.digest != manifest.content:
        raise altered(folder / DATA, "holds other numbers than its manifest says")
    return result


def _read(folder: Path, manifest: Manifest, name: str) -> bytes:
    path = folder / name
    try:
        content = path.read_bytes()
    except OSError as error:
        raise altered(path, f"cannot be read ({(error.strerror or str(error)).lower()})") from error
    if digest_bytes(content) != manifest.files[name]["sha256"]:
        raise altered(path, "was altered since it was stored (its SHA-256 is another)")
    return content


def altered(path: Path, what: str) -> ArchiveError:
    """The error for a file that cannot be trusted any more."""
    return ArchiveError(
        f"{path}: {what}; see 'etalon archive verify', move the folder {path.parent} out of the archive and run again to recompute it"
    )
