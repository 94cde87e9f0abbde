"""What passes between the rooms beside acquisitions: geometry and results. All frozen, all validated when made, all with a digest of their content."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np
import xarray as xr

from calib.lineage import Lineage, digest_dataset
from calib.units import demand, unit

#: variables with `attrs["role"] == RECORD` are stored for people and reports; no step sees them and no key depends on them
RECORD = "record"


@runtime_checkable
class Content(Protocol):
    """Anything a step may depend on: the digest of its content, and a label for people."""

    @property
    def digest(self) -> str: ...
    @property
    def label(self) -> str: ...


# eq=False: datasets compare element by element, and the outcome of that counts as true
@dataclass(frozen=True, eq=False)
class Result:
    """What a step made: a dataset in which every variable has units, and its lineage. The dataset is read-only."""

    data: xr.Dataset
    lineage: Lineage

    def __post_init__(self) -> None:
        data = self.data.load().copy(deep=False)
        for name, variable in data.variables.items():
            numeric = variable.dtype.kind in "fiuc"
            if name in data.data_vars and numeric and "units" not in variable.attrs:
                raise ValueError(f"step '{self.lineage.step}': variable '{name}' has no units; stamp it")
            if numeric and "units" in variable.attrs:
                try:
                    unit(str(variable.attrs["units"]))
                except ValueError as error:
                    raise ValueError(f"step '{self.lineage.step}': variable '{name}': {error}") from None
            if isinstance(variable.data, np.ndarray) and name not in data.indexes:
                variable.data.setflags(write=False)
        object.__setattr__(self, "data", data)

    def __reduce__(self) -> tuple[Any, ...]:
        # arrays come out of a pickle writeable: make it anew
        return type(self), (self.data, self.lineage)

    @property
    def key(self) -> str:
        return self.lineage.key

    @property
    def dataset(self) -> xr.Dataset:
        """All variables, records included; a shallow copy, so that adding to it changes nothing here."""
        return self.data.copy(deep=False)

    @property
    def content(self) -> xr.Dataset:
        """The variables that other steps may use: all but the records."""
        return without_records(self.dataset)

    @cached_property
    def digest(self) -> str:
        return digest_dataset(self.content)

    @property
    def label(self) -> str:
        return f"{self.lineage.step} {self.lineage.subject}".strip()


@dataclass(frozen=True, eq=False)
class Geometry(Result):
    """Angles, distances and directions at an acquisition's times: the only thing that passes from orbit to calibration.

    Each variable declares in `attrs["quantum"]` the step to which it is rounded, so that an orbit that changes nothing gives the same content.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, array in self.content.data_vars.items():
            if array.dtype.kind != "f":
                continue
            quantum = array.attrs.get("quantum")
            if quantum is None:
                raise ValueError(f"geometry variable '{name}' declares no quantum; use types.quantised")
            if not np.all(np.isfinite(array.values)):
                raise ValueError(f"geometry variable '{name}' holds values that are not finite")


def without_records(dataset: xr.Dataset) -> xr.Dataset:
    """The dataset without the variables marked as records, and without the coordinates that only they used."""
    kept = dataset.drop_vars(
        [name for name, variable in dataset.variables.items() if variable.attrs.get("role") == RECORD]
    )
    dims = {dim for array in kept.data_vars.values() for dim in array.dims}
    return kept.drop_dims([dim for dim in kept.dims if dim not in dims])


def as_record(array: xr.DataArray) -> xr.DataArray:
    """Mark a variable as a record: kept for people, invisible to steps and keys."""
    return array.assign_attrs(role=RECORD)


def quantised(array: xr.DataArray, quantum: float) -> xr.DataArray:
    """The array rounded to a multiple of `quantum` (in its own units), which it declares."""
    rounded = (array / quantum).round() * quantum
    return rounded.assign_attrs({**array.attrs, "quantum": quantum})


def require(dataset: xr.Dataset, units: Mapping[str, str], source: str) -> xr.Dataset:
    """`dataset` with the named variables in the demanded units; ValueError naming the first one that is missing or not convertible."""
    missing = sorted(set(units) - set(map(str, dataset.data_vars)))
    if missing:
        raise ValueError(
            f"{source}: variable '{missing[0]}' is missing (it holds {', '.join(map(str, dataset.data_vars))})"
        )
    return dataset.assign({name: demand(dataset[name], wanted) for name, wanted in units.items()})


def same_order(bands: Iterable[str], reference: Iterable[str]) -> list[str]:
    """`bands` in the order of `reference` (a sensor's own): never alphabetical, where B10 would come before B2."""
    wanted = set(bands)
    return [name for name in reference if name in wanted]
