"""The statistics of a calibration: one table with a row for each acquisition and band, and a column for everything that its steps tell of a band.

No column is named here but those that say whose row it is: a variable that a step adds over "band" becomes a column with its units by itself.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import xarray as xr

from calib.config import frozen
from calib.errors import InputError
from calib.report.meanings import MEANINGS
from calib.report.summary import band_names
from calib.types import Result
from calib.units import demand

IDENTITY = {
    "acquisition": "name of the product",
    "sensor": "camera, as in configs/sensors",
    "band": "band, in the sensor's order",
    "acquisition_digest": "SHA-256 of the contents of the product's files and of the reader",
    "missing_steps": "steps of the method that gave no result, empty where all did",
}
#: kinds of cells
TYPES = {"number": pa.float64(), "integer": pa.int64(), "yes or no": pa.bool_(), "text": pa.string()}
TYPES["time"] = pa.timestamp("ns", tz="UTC")
_KINDS = {"f": "number", "i": "integer", "u": "integer", "b": "yes or no", "U": "text", "O": "text", "M": "time"}
_COMPONENT = "__u_"


@dataclass(frozen=True)
class Measurement:
    """What became of one acquisition: its results by step name."""

    acquisition: str
    results: Mapping[str, Result]

    def __post_init__(self) -> None:
        object.__setattr__(self, "results", frozen(self.results))

    @property
    def sensor(self) -> str:
        """The camera that the results name; empty where none does."""
        labels = (
            cause.label for result in self.results.values() for cause in result.lineage.causes if cause.role == "sensor"
        )
        return next(labels, "")

    @property
    def bands(self) -> list[str]:
        return band_names(result.data for result in self.results.values() if "band" in result.data.coords)


class _Row(NamedTuple):
    acquisition: str
    band: str


@dataclass
class _Column:
    """Cells by row, and what the table says of them. `units` is None for what has none."""

    step: str
    kind: str
    units: str | None
    meaning: str
    correlation: str = ""
    cells: dict[_Row, Any] = field(default_factory=dict)


def statistics(measurements: Sequence[Measurement], steps: Sequence[str], optional: Collection[str] = ()) -> pa.Table:
    """The table of the measurements, by date, then by band in the sensor's order; `steps` are those of the method, in its order, of which `optional`
    are not missing where they gave no result.

    First whose row it is, then step by step each variable over "band" that is no record (single numbers and words are repeated for each band) and the
    total of each quantity with uncertainty components, texts after numbers; then labels and digests of what the steps depended on, version and key of
    each step. Where two steps have a variable of one name, the later keeps it and the earlier one is prefixed with its step. Every field's metadata
    holds `units`, `meaning`, `step` and, for an uncertainty component, its `correlation`. What is missing is null. InputError for units that contradict
    each other.
    """
    ordered = sorted(measurements, key=lambda item: (_date(item), item.acquisition))
    order = [*steps, *sorted({name for item in ordered for name in item.results} - set(steps))]
    found: dict[tuple[str, str], _Column] = {}
    for item in ordered:
        for step in order:
            if step in item.results:
                _add_step(found, step, item, item.results[step])
    columns = (
        _identity(ordered, [step for step in steps if step not in optional])
        | _named(found, order)
        | _provenance(ordered, order)
    )
    rows = [_Row(item.acquisition, band) for item in ordered for band in item.bands]
    schema = pa.schema([_field(name, column) for name, column in columns.items()])
    arrays = [pa.array([column.cells.get(row) for row in rows], type=TYPES[column.kind]) for column in columns.values()]
    return pa.Table.from_arrays(arrays, schema=schema)


def _field(name: str, column: _Column) -> pa.Field:
    told = {"units": column.units, "meaning": column.meaning, "step": column.step, "correlation": column.correlation}
    return pa.field(name, TYPES[column.kind], metadata={key: value for key, value in told.items() if value})


def _date(item: Measurement) -> str:
    """When the first band crossed the Moon, as sortable text; empty where no step tells."""
    times = [
        np.asarray(result.data["crossing_time"].values, dtype="datetime64[ns]")
        for result in item.results.values()
        if "crossing_time" in result.data
    ]
    dated = [moment for array in times for moment in array[~np.isnat(array)]]
    return str(min(dated)) if dated else ""


def _add_step(found: dict[tuple[str, str], _Column], step: str, item: Measurement, result: Result) -> None:
    """Add the cells of one result: variables, single numbers and words, and totals."""
    if "band" not in result.data.coords:
        return
    content = result.content
    told = {str(name): array for name, array in content.data_vars.items() if array.dims in ((), ("band",))}
    words = {str(key): value for key, value in content.attrs.items() if isinstance(value, str | int | float)}
    told |= {key: xr.DataArray(value) for key, value in words.items() if key not in told}
    for name, array in _with_totals(told).items():
        kind = _KINDS.get(array.dtype.kind)
        if kind is not None:
            column = found.setdefault((name, step), _column(name, step, kind, array))
            values = _cells(_converted(array, column, f"{item.acquisition}: {step}.{name}"), result)
            column.cells |= {_Row(item.acquisition, band): value for band, value in values.items()}


def _column(name: str, step: str, kind: str, array: xr.DataArray) -> _Column:
    units = str(array.attrs["units"]) if "units" in array.attrs else None
    quantity, _, component = name.partition(_COMPONENT)
    meaning = str(array.attrs.get("long_name", "")) or MEANINGS.get(name) or name.replace("_", " ")
    if component:
        meaning = f"of {quantity.replace('_', ' ')}: {meaning}"
    # arithmetic hands the attributes of one term on to a sum
    correlation = str(array.attrs.get("correlation", "")) if component else ""
    return _Column(step, kind, units, meaning, correlation)


def _with_totals(told: Mapping[str, xr.DataArray]) -> dict[str, xr.DataArray]:
    """The same, each quantity's uncertainty components followed by their root sum of squares."""
    components: dict[str, list[str]] = {}
    for name in told:
        quantity, mark, _ = name.partition(_COMPONENT)
        if mark and quantity in told:
            components.setdefault(quantity, []).append(name)
    result: dict[str, xr.DataArray] = {}
    for name, array in told.items():
        result[name] = array
        quantity = name.partition(_COMPONENT)[0]
        if name == components.get(quantity, [""])[-1]:
            squares = np.sum([told[item].values ** 2 for item in components[quantity]], axis=0)
            attrs = {"units": told[quantity].attrs.get("units", "1"), "long_name": "all components together (k = 1)"}
            result[f"{quantity}{_COMPONENT}total"] = xr.DataArray(np.sqrt(squares), dims=array.dims, attrs=attrs)
    return result


def _converted(array: xr.DataArray, column: _Column, source: str) -> xr.DataArray:
    """The array in the units of its column; InputError where it is of another kind."""
    if column.units is not None and array.attrs.get("units") != column.units:
        try:
            return demand(array.rename(None), column.units)
        except ValueError as error:
            raise InputError(f"{source}: {error}, as in other acquisitions; compute it again") from None
    kind = _KINDS[array.dtype.kind]
    if kind != column.kind:
        if {kind, column.kind} != {"number", "integer"}:
            raise InputError(f"{source}: is {kind} and not {column.kind}, as in other acquisitions; compute it again")
        column.kind = "number"
    return array


def _cells(array: xr.DataArray, result: Result) -> dict[str, Any]:
    """Plain values by band; None for what is missing."""
    bands = [str(band) for band in result.data["band"].values]
    values = np.broadcast_to(array.values, (len(bands),))
    if values.dtype.kind == "M":
        whole = values.astype("datetime64[ns]")
        return {
            band: None if np.isnat(item) else int(item.astype(np.int64))
            for band, item in zip(bands, whole, strict=True)
        }
    if values.dtype.kind == "f":
        return {
            band: None if np.isnan(item) else float(item) for band, item in zip(bands, values.tolist(), strict=True)
        }
    return {band: None if item == "" else item for band, item in zip(bands, values.tolist(), strict=True)}


def _named(found: dict[tuple[str, str], _Column], order: Sequence[str]) -> dict[str, _Column]:
    """The columns step by step, texts after all others; a name that several steps have belongs to the last of them."""
    owner = {name: step for step in order for name, made_by in found if made_by == step}
    columns: dict[str, _Column] = {}
    for step in order:
        for (name, made_by), column in found.items():
            if made_by == step:
                plain = owner[name] == step and name not in IDENTITY
                columns[name if plain else f"{step}_{name}"] = column
    # tools that cut lines at commas then find the numbers: only texts hold commas
    return dict(sorted(columns.items(), key=lambda item: item[1].kind == "text"))


def _identity(ordered: Sequence[Measurement], steps: Sequence[str]) -> dict[str, _Column]:
    columns = {name: _Column("", "text", None, meaning) for name, meaning in IDENTITY.items()}
    for item in ordered:
        missing = ",".join(step for step in steps if step not in item.results) or None
        digests = (content for role, _, content in _causes(item) if role == "acquisition")
        digest = next(digests, None)
        for band in item.bands:
            values = (item.acquisition, item.sensor or None, band, digest, missing)
            for column, value in zip(columns.values(), values, strict=True):
                column.cells[_Row(item.acquisition, band)] = value
    return columns


def _provenance(ordered: Sequence[Measurement], order: Sequence[str]) -> dict[str, _Column]:
    """Labels and digests of what the steps depended on from outside, then version and key of each step."""
    columns: dict[str, _Column] = {}

    def put(name: str, step: str, meaning: str, item: Measurement, value: str) -> None:
        column = columns.setdefault(name, _Column(step, "text", None, meaning))
        column.cells |= dict.fromkeys((_Row(item.acquisition, band) for band in item.bands), value or None)

    for item in ordered:
        for role, label, content in _causes(item):
            # the label of an acquisition tells where it lies on one machine, the one of a sensor is its name
            if role not in IDENTITY:
                put(f"{role}_label", "", f"{role} that was used", item, label)
            if role != "acquisition":
                put(f"{role}_digest", "", f"SHA-256 of its content: {role}", item, content)
    for step in order:
        for item in ordered:
            if step in item.results:
                put(f"{step}_version", step, "version of the step", item, item.results[step].lineage.version)
                put(f"{step}_key", step, "key of the result, for etalon archive explain", item, item.results[step].key)
    return columns


def _causes(item: Measurement) -> list[tuple[str, str, str]]:
    """Role, label and digest of everything from outside that the results depend on, each role once."""
    found: dict[str, tuple[str, str, str]] = {}
    for result in item.results.values():
        for cause in result.lineage.causes:
            if cause.key is None:
                found.setdefault(cause.role, (cause.role, cause.label, cause.content))
    return list(found.values())
