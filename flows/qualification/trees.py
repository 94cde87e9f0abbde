"""Summaries (JSON, YAML), datasets (netCDF) and plain texts of two sets laid side by side."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from calib.config import read_yaml
from calib.errors import InputError, one_line
from calib.products.files import open_raster
from calib.types import RECORD
from flows.qualification.compared import (
    ENDINGS,
    WRITTEN,
    Comparison,
    Finding,
    NotComparableError,
    numbers,
    texts,
    time_differences,
)
from flows.qualification.tables import compare_cells

#: what tells the entries of a list apart
_IDENTITIES = ("acquisition", "name", "id", "kind", "band", "station", "quantity")
_LARGEST_BYTES = 1 << 28
_DEEPEST = 60
_LAYERS = 32
_LARGEST_IMAGE = 1 << 27
_SAMPLES = ("uint8", "uint16", "int16", "uint32", "int32", "float32", "float64")
_SHOWN = 5


def compare_trees(reference: Path, new: Path, passed_over: Callable[[str], bool]) -> Comparison:
    """Two JSON or YAML documents leaf by leaf; the places in lists are no part of a quantity's name, so that lists are judged as columns are."""
    old, young = (dict(leaves(_document(path))) for path in (reference, new))
    found = Comparison()
    places: dict[str, tuple[list[str], list[str]]] = {}
    for side, tree in enumerate((old, young)):
        for name, place in tree:
            places.setdefault(name, ([], []))[side].append(place)
    for quantity, labels in places.items():
        common = [label for label in labels[0] if (quantity, label) in young]
        if passed_over(quantity):
            if any(old.get((quantity, label)) != young.get((quantity, label)) for label in {*labels[0], *labels[1]}):
                found.causes.append(f"{quantity} differs")
            continue
        for mine, others, verdict in ((labels[0], young, "missing"), (labels[1], old, "new")):
            gone = [label for label in mine if (quantity, label) not in others]
            if gone:
                note = f"{'; '.join(gone[:_SHOWN])} only in the {'reference' if verdict == 'missing' else 'new set'}"
                found.findings.append(Finding(quantity, verdict, note, len(gone), blocking=verdict == "missing"))
        if common:
            cells = ([old[quantity, label] for label in common], [young[quantity, label] for label in common])
            compare_cells(_with_unit(quantity), cells, common.__getitem__, found)
    return found


def compare_netcdf(reference: Path, new: Path) -> Comparison:
    """Two netCDF files variable by variable in the units of their attributes, found again along labelled dimensions; variables kept as records are left out."""
    old, young = _dataset(reference), _dataset(new)
    found = Comparison()
    old, young = _aligned(old, young, found)
    for name in map(str, old.variables):
        if name not in young.variables:
            found.findings.append(Finding(name, "missing", "variable only in the reference"))
            continue
        _compare_variables(name, old[name], young[name], found)
    found.findings += [
        Finding(str(name), "new", "variable only in the new set", blocking=False)
        for name in young.variables
        if name not in old.variables
    ]
    return found


def compare_texts(reference: Path, new: Path) -> Comparison:
    """Two texts line by line."""
    lines = []
    for path in (reference, new):
        content = _bytes(path)
        if b"\0" in content:
            raise NotComparableError("binary, and nothing here reads this kind of file")
        try:
            lines.append([line.rstrip() for line in content.decode("utf-8-sig").split("\n")])
        except UnicodeDecodeError:
            raise NotComparableError("binary, and nothing here reads this kind of file") from None
    size = max(map(len, lines))
    old, young = ([*part, *[""] * (size - len(part))] for part in lines)
    return Comparison([texts("lines", old, young, lambda row: f"line {row + 1}")])


def compare_rasters(reference: Path, new: Path) -> Comparison:
    """Two images count by count, layer by layer."""
    found = Comparison()
    for layer in range(1, _LAYERS + 1):
        try:
            images = [open_raster(path, layer=layer, dtypes=_SAMPLES) for path in (reference, new)]
        except InputError as error:
            if layer == 1:
                raise NotComparableError(one_line(error)) from None
            break
        shapes = [(image.lines, image.columns) for image in images]
        if shapes[0] != shapes[1] or shapes[0][0] * shapes[0][1] > _LARGEST_IMAGE:
            raise NotComparableError(
                f"images of {shapes[0]} and {shapes[1]} lines and columns, at most {_LARGEST_IMAGE} counts"
            )
        width = shapes[0][1]
        old, young = (image.read().ravel().astype(float) for image in images)
        name = f"counts_{layer}"
        found.compared.append(numbers(name, ("1", 1.0), (old, young), _pixel(width)))
    return found


def _pixel(width: int) -> Callable[[int], str]:
    return lambda row: f"line {row // width} column {row % width}"


def read_json(path: Path) -> Any:
    """A JSON document; NotComparableError telling why it cannot be read."""
    try:
        return json.loads(_bytes(path))
    except (ValueError, RecursionError) as error:
        raise NotComparableError(f"is no JSON ({str(error)[:120]})") from None


def _document(path: Path) -> Any:
    if path.suffix == ".json":
        return read_json(path)
    return read_yaml(path)


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise NotComparableError(f"more than {_LARGEST_BYTES} bytes")
        return path.read_bytes()
    except OSError as error:
        raise NotComparableError(f"cannot be read ({error.strerror})") from None


def leaves(content: Any, name: str = "", place: str = "", depth: int = 0) -> Iterator[tuple[tuple[str, str], str]]:
    """Each leaf as text, by the name of its quantity and its place."""
    if depth > _DEEPEST:
        raise NotComparableError(f"nested deeper than {_DEEPEST} levels")
    if isinstance(content, Mapping):
        for key, value in content.items():
            step = str(key)
            yield from leaves(
                value, f"{name}.{step}" if name else step, f"{place}.{step}" if place else step, depth + 1
            )
    elif isinstance(content, list):
        for label, value in zip(_labels(content), content, strict=True):
            yield from leaves(value, name or "list", f"{place}[{label}]", depth + 1)
    elif isinstance(content, str):
        yield (name, place), content
    elif isinstance(content, bool) or content is None:
        yield (name, place), {True: "true", False: "false", None: ""}[content]
    else:
        yield (name, place), repr(content)


def _labels(content: list[Any]) -> list[str]:
    """What tells the entries of a list apart: a name that each has for itself, else their place."""
    for key in _IDENTITIES:
        found = [str(item.get(key)) for item in content if isinstance(item, Mapping) and key in item]
        if content and len(set(found)) == len(content):
            return found
    return [str(number) for number in range(len(content))]


def _with_unit(quantity: str) -> str:
    """A path with the unit in brackets, from its last part that ends in one."""
    for part in reversed(quantity.split(".")):
        ending = part.rpartition("_")[2].lower()
        if "_" in part and ending in ENDINGS:
            name, factor = ENDINGS[ending]
            # in brackets stands what the number is in
            written = next((text for text, meant in WRITTEN.items() if meant == (name, factor)), "")
            return f"{quantity} [{written}]" if written else quantity
    return quantity


def _dataset(path: Path) -> xr.Dataset:
    try:
        with path.open("rb") as stream:
            engine = "scipy" if stream.read(3) == b"CDF" else "h5netcdf"
        try:
            with xr.open_dataset(path, engine=engine) as data:
                loaded = data.load()
        except (ValueError, OverflowError):
            with xr.open_dataset(path, engine=engine, decode_times=False) as data:
                loaded = data.load()
    except Exception as error:  # libraries refuse garbage in many words
        raise NotComparableError(f"is no netCDF that can be read ({' '.join(str(error).split())[:120]})") from None
    records = [name for name, item in loaded.variables.items() if item.attrs.get("role") == RECORD]
    return loaded.drop_vars(records)


def _aligned(old: xr.Dataset, new: xr.Dataset, found: Comparison) -> tuple[xr.Dataset, xr.Dataset]:
    """Both over the labels that they share; labels of one alone are findings."""
    for name in sorted({*map(str, old.dims)} & {*map(str, new.dims)}):
        if name not in old.indexes or name not in new.indexes:
            continue
        labels = old.indexes[name], new.indexes[name]
        if labels[0].equals(labels[1]) or not (labels[0].is_unique and labels[1].is_unique):
            continue
        shared = labels[0].intersection(labels[1], sort=False)
        if len(labels[0]) == len(labels[1]) and labels[0].dtype.kind in "Mmf" and len(shared) < len(labels[0]):
            # a coordinate that moved: compared place by place, as any variable
            continue
        for mine, verdict in ((labels[0], "missing"), (labels[1], "new")):
            gone = mine.difference(shared, sort=False)
            if len(gone):
                note = "; ".join(str(label) for label in gone[:_SHOWN])
                found.findings.append(Finding(f"{name} {verdict}", verdict, note, len(gone)))
        if len(shared) == 0:
            raise NotComparableError(f"no label of {name} in common")
        old, new = old.sel({name: shared}), new.sel({name: shared})
    return old, new


def _compare_variables(name: str, old: xr.DataArray, new: xr.DataArray, found: Comparison) -> None:
    if old.dims != new.dims and set(old.dims) == set(new.dims):
        new = new.transpose(*old.dims)
    if old.dims != new.dims or old.shape != new.shape:
        note = f"shapes {dict(old.sizes)} and {dict(new.sizes)}"
        found.findings.append(Finding(name, "not comparable", note))
        return
    first, second = np.ravel(old.values), np.ravel(new.values)

    def where(row: int) -> str:
        places = np.unravel_index(row, old.shape) if old.ndim else ()
        told = (
            f"{dim}={old[dim].values[int(place)] if dim in old.coords and old[dim].ndim == 1 else int(place)}"
            for dim, place in zip(old.dims, places, strict=True)
        )
        return " ".join(told)[:200]

    def shown(row: int) -> tuple[str, str]:
        return str(first[row]), str(second[row])

    kinds = first.dtype.kind + second.dtype.kind
    if set(kinds) <= set("M"):
        stamps = [part.astype("datetime64[ns]").astype(np.int64) for part in (first, second)]
        found.compared.append(time_differences(name, (stamps[0], stamps[1]), where, shown))
    elif set(kinds) <= set("m"):
        spans = [part.astype("timedelta64[ns]").astype(np.int64) / 1e9 for part in (first, second)]
        found.compared.append(numbers(name, ("s", 1.0), (spans[0], spans[1]), where, shown))
    elif set(kinds) <= set("fiu"):
        units = [_unit(item) for item in (old, new)]
        if units[0][0] != units[1][0]:
            note = f"in {old.attrs.get('units')!r} and {new.attrs.get('units')!r}"
            found.findings.append(Finding(name, "not comparable", note))
            return
        pair = first.astype(float) * units[0][1], second.astype(float) * units[1][1]
        found.compared.append(numbers(name, (units[0][0], 1.0), pair, where, shown))
    else:
        found.compared.append(texts(name, [str(item) for item in first], [str(item) for item in second], where))


def _unit(item: xr.DataArray) -> tuple[str, float]:
    told = str(item.attrs.get("units", "")).strip()
    return WRITTEN.get(told, (told or "1", 1.0)) if told != "1" else ("1", 1.0)
