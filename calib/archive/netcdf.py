"""A dataset as the bytes of a netCDF-4 file, and back, exactly.

Any netCDF reader finds the usual conventions in the file (dimension scales, units, times as nanoseconds since 1970, booleans as bytes). Beside them one
attribute holds the exact attributes and types as JSON, because netCDF has no booleans, no nested attributes and no lists of one element; it also spares
our own reader the walk through the file's attributes, which takes ten times longer than the data. Files are made and read in memory: a full disk is
then met by a plain write, and what is checked is what is read.
"""

from __future__ import annotations

import json
import re
from typing import Any

import h5netcdf
import h5py
import numpy as np
import xarray as xr

_EXACT = "etalon_exact"
#: what netCDF, HDF5 or the conventions give a meaning that ours has not
_RESERVED = {"CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST", "units", "calendar", "dtype", "coordinates", _EXACT}
_RESERVED |= {"scale_factor", "add_offset", "missing_value", "grid_mapping", "bounds"}
_EPOCH = "nanoseconds since 1970-01-01"
_NOT_A_TIME = np.int64(np.iinfo(np.int64).min)
_COMPRESSED_FROM_BYTES = 1 << 16


def to_bytes(dataset: xr.Dataset) -> bytes:
    """The dataset as a netCDF-4 file; the same dataset gives the same bytes. ValueError where a variable has no netCDF counterpart."""
    dims = {str(name): size for name, size in dataset.sizes.items()}
    with h5py.File.in_memory(track_order=True) as memory:
        with h5netcdf.File(memory, "w") as file:
            file.dimensions = dims
            for name, variable in dataset.variables.items():
                if str(name) in dims and variable.dims != (name,):
                    raise ValueError(
                        f"variable '{name}' has the name of a dimension but is not over it alone; rename it"
                    )
                _write_variable(file, str(name), variable)
            _write_attributes(file, dataset.attrs)
            apart = [str(name) for name in dataset.coords if name not in dataset.dims]
            if apart:
                file.attrs["coordinates"] = " ".join(apart)
            file.attrs[_EXACT] = _exact(dataset)
        memory.flush()
        return bytes(memory.id.get_file_image())


def from_bytes(content: bytes) -> xr.Dataset:
    """The dataset that `to_bytes` made these bytes of, in memory: values, types, attributes, order."""
    with h5py.File.in_memory(content) as file:
        exact = json.loads(file.attrs[_EXACT])
        variables = {
            item["name"]: (item["dims"], _read_values(file[item["name"]], item["dtype"]), item["attrs"])
            for item in exact["variables"]
        }
    coords = {name: variables.pop(name) for name in exact["coords"]}
    return xr.Dataset(variables, coords, exact["attrs"])


def _exact(dataset: xr.Dataset) -> str:
    variables = [
        {
            "name": str(name),
            "dims": list(variable.dims),
            "dtype": _kind(variable.dtype),
            "attrs": _plain(variable.attrs),
        }
        for name, variable in dataset.variables.items()
    ]
    content = {"variables": variables, "coords": list(dataset.coords), "attrs": _plain(dataset.attrs)}
    return json.dumps(content, ensure_ascii=False, allow_nan=False)


def _kind(dtype: np.dtype[Any]) -> str:
    if dtype.kind in "OU":
        return "text"
    return f"{dtype.name.split('[')[0]}[ns]" if dtype.kind in "mM" else dtype.newbyteorder("<").str


def _plain(attrs: dict[Any, Any]) -> dict[str, Any]:
    return {
        str(key): value.tolist() if isinstance(value, np.ndarray | np.generic) else value
        for key, value in attrs.items()
    }


def _write_variable(file: h5netcdf.File, name: str, variable: xr.Variable) -> None:
    values, attrs = _stored(name, np.asarray(variable.values))
    options: dict[str, Any] = {"dtype": h5py.string_dtype() if values.dtype.kind == "O" else values.dtype}
    if variable.dtype.kind in "mM":
        options["fillvalue"] = _NOT_A_TIME
    if values.dtype.kind != "O" and values.nbytes >= _COMPRESSED_FROM_BYTES:
        options |= {"compression": "gzip", "compression_opts": 1, "shuffle": True}
    made = file.create_variable(name, tuple(map(str, variable.dims)), data=values, **options)
    if "units" in variable.attrs and "units" not in attrs:
        attrs["units"] = str(variable.attrs["units"])
    for key, value in attrs.items():
        made.attrs[key] = value
    _write_attributes(made, variable.attrs)


def _stored(name: str, values: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
    """The values in a type that netCDF has, and the attributes by which other readers recognise the true one."""
    kind = values.dtype.kind
    if kind in "OU":
        wrong = [item for item in values.ravel() if not isinstance(item, str) or "\0" in item]
        if wrong:
            raise ValueError(
                f"variable '{name}' holds {wrong[0]!r}: neither a number nor plain text; it cannot be stored"
            )
        return values.astype(object), {}
    if kind == "M":
        attrs = {"units": _EPOCH, "calendar": "proleptic_gregorian"}
        return values.astype("datetime64[ns]").astype("<i8"), attrs
    if kind == "m":
        return values.astype("timedelta64[ns]").astype("<i8"), {"units": "nanoseconds", "dtype": "timedelta64[ns]"}
    if kind == "b":
        return values.astype("i1"), {"dtype": "bool"}
    if values.dtype == np.float16:
        return values.astype("<f4"), {}
    if kind not in "iufc" or values.dtype.itemsize > (16 if kind == "c" else 8):
        raise ValueError(f"variable '{name}' is of type {values.dtype}, which netCDF has not; convert it")
    return np.ascontiguousarray(values.astype(values.dtype.newbyteorder("<"))).reshape(values.shape), {}


def _write_attributes(target: Any, attrs: dict[Any, Any]) -> None:
    # for other readers; ours takes them from the exact ones
    for key in sorted(map(str, attrs)):
        value = _plain(attrs)[key]
        small = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63
        if key in _RESERVED or not re.fullmatch(r"[A-Za-z]\w*", key):
            continue
        if (isinstance(value, str) and "\0" not in value) or isinstance(value, float) or small:
            target.attrs[key] = value


def _read_values(stored: h5py.Dataset, kind: str) -> np.ndarray:
    if kind == "text":
        return np.asarray(stored.asstr()[()]).astype(str)
    return np.asarray(stored[()]).astype(np.dtype(kind), copy=False)
