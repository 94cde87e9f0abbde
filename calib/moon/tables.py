"""Rows of single bands put together as one dataset."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from calib.acquisition import Acquisition
from calib.errors import InputError
from calib.sensor import Sensor
from calib.types import as_record, same_order


def record(values: np.ndarray, dims: str | tuple[str, ...], units: str) -> xr.DataArray:
    return as_record(xr.DataArray(np.asarray(values, dtype=np.float32), dims=dims, attrs={"units": units}))


def bands_of(acquisition: Acquisition, sensor: Sensor) -> list[str]:
    """The bands of an acquisition in the order of its sensor; InputError for one that the sensor does not have."""
    unknown = sorted(set(acquisition.bands) - set(sensor.bands))
    if unknown:
        raise InputError(
            f"{acquisition.path}: band {unknown[0]} is not one of {sensor.name} ({', '.join(sensor.bands)}); check the sensor named"
        )
    return same_order(acquisition.bands, sensor.bands)


def over_bands(names: list[str], rows: Iterable[Mapping[str, Any]], units: Mapping[str, str]) -> xr.Dataset:
    """One dataset over "band" from one mapping per band; arrays of different lengths are padded with NaN."""
    rows = list(rows)
    index = xr.DataArray(names, dims="band", name="band")
    variables: dict[str, Any] = {}
    for key, first in rows[0].items():
        if key in units:
            variables[key] = xr.DataArray([row[key] for row in rows], dims="band", attrs={"units": units[key]})
        elif isinstance(first, xr.DataArray):
            variables[key] = _stacked([row[key] for row in rows], index)
        elif key in ("flags", "crossing_time"):
            variables[key] = xr.DataArray(np.array([row[key] for row in rows]), dims="band")
    return xr.Dataset(variables).assign_coords(band=names)


def _stacked(arrays: list[xr.DataArray], index: xr.DataArray) -> xr.DataArray:
    sizes = {dim: max(array.sizes[dim] for array in arrays) for dim in arrays[0].dims}
    shape = len(arrays), *sizes.values()
    values = np.full(shape, np.nan, dtype=np.result_type(*(array.dtype for array in arrays)))
    for number, array in enumerate(arrays):
        place: tuple[int | slice, ...] = (number, *(slice(size) for size in array.shape))
        values[place] = array.values
    # a coordinate is the same in all bands, or that of the longest
    longest = max(arrays, key=lambda array: array.size)
    stacked = xr.DataArray(values, dims=("band", *sizes), coords=longest.coords, attrs=arrays[0].attrs)
    return stacked.assign_coords(band=index)
