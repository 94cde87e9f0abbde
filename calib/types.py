"""What passes between the rooms: acquisitions, geometry, results. All frozen, all validated when made, all with a digest of their content."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import xarray as xr

from calib.config import frozen
from calib.errors import InputError
from calib.lineage import Lineage, digest, digest_dataset
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


@dataclass(frozen=True)
class Raster:
    """Where the counts of one band lie: a single-band image file that is opened anew for each read, so that it crosses threads and processes."""

    path: Path
    lines: int
    columns: int
    dtype: str
    rows_per_block: int

    def read(self, first: int = 0, stop: int | None = None) -> np.ndarray:
        """Counts of the lines first..stop as (lines, columns) in the file's own type."""
        import rasterio
        from rasterio.errors import RasterioError
        from rasterio.windows import Window

        count = (self.lines if stop is None else stop) - first
        try:
            # one thread: with more, a damaged JPEG 2000 reads as zeros without an error
            with rasterio.Env(GDAL_NUM_THREADS="1"), rasterio.open(self.path) as source:
                counts = np.asarray(source.read(1, window=Window(0, first, self.columns, count)))
        except (RasterioError, OSError) as error:
            cause = error.__cause__ or error
            raise InputError(
                f"{self.path}: lines {first}..{first + count} cannot be read ({cause}); the file is truncated or damaged: fetch it again"
            ) from error
        if counts.shape != (count, self.columns):
            raise InputError(
                f"{self.path}: lines {first}..{first + count} are {counts.shape} samples, not ({count}, {self.columns}); "
                "the file was replaced after its size was read: start again"
            )
        return counts


def _read_only(array: np.ndarray) -> np.ndarray:
    """A copy of its own that nobody can write to."""
    copied = np.array(array, dtype=float)
    copied.setflags(write=False)
    return copied


@dataclass(frozen=True)
class BandImage:
    """One band of an acquisition: its counts, its line dates and, where the product has it, the scan rate of each line.

    `first_line` is the date of the middle of line 0's integration, UTC; `scan_rate_rad_s` the apparent along-scan rate of the target, one value per line.
    """

    raster: Raster
    first_line: np.datetime64
    line_period_s: float
    scan_rate_rad_s: np.ndarray | None = None

    def __post_init__(self) -> None:
        if np.isnat(self.first_line):
            raise InputError(f"{self.raster.path}: the date of the first line is missing (NaT)")
        if not (np.isfinite(self.line_period_s) and self.line_period_s > 0):
            raise InputError(f"{self.raster.path}: line period {self.line_period_s} s is not a positive number")
        rate = self.scan_rate_rad_s
        if rate is not None and (
            rate.shape != (self.raster.lines,) or not np.all(np.isfinite(rate)) or not np.all(rate > 0)
        ):
            raise InputError(
                f"{self.raster.path}: the scan rate needs one positive number for each of the {self.raster.lines} lines"
            )
        if rate is not None:
            object.__setattr__(self, "scan_rate_rad_s", _read_only(rate))

    def __reduce__(self) -> tuple[Any, ...]:
        # arrays come out of a pickle writeable: make it anew
        return BandImage, (self.raster, self.first_line, self.line_period_s, self.scan_rate_rad_s)

    def counts(self) -> xr.DataArray:
        """Raw counts over (line, column), lazily, in chunks of whole file blocks of at least 2048 lines; unit DN."""
        # half a second to import, which a run that reuses everything need not pay
        import dask.array as da

        raster = self.raster
        rows = math.ceil(2048 / raster.rows_per_block) * raster.rows_per_block
        starts = range(0, raster.lines, rows)
        blocks = [_lazy_block(raster, first, min(first + rows, raster.lines)) for first in starts]
        return xr.DataArray(da.concatenate(blocks), dims=("line", "column"), attrs={"units": "DN"})

    def line_time(self, line: float) -> np.datetime64:
        """Date of the middle of a (fractional) line, UTC."""
        return self.first_line + np.timedelta64(round(line * self.line_period_s * 1e9), "ns")


def _lazy_block(raster: Raster, first: int, stop: int) -> Any:
    import dask.array as da
    from dask.delayed import delayed

    return da.from_delayed(
        delayed(raster.read, pure=True)(first, stop), (stop - first, raster.columns), dtype=raster.dtype
    )


@dataclass(frozen=True)
class Acquisition:
    """One product on disk: which sensor saw what and when, its files by digest, and the parameter versions found in it. Pixels load lazily.

    `column_axis` and `line_axis` are unit vectors in GCRF along which the columns and the lines of the image grow, as the product's attitude gives them.
    `files` maps each file, relative to `path`, to its SHA-256; `reader` names the reader and its version, which is raised whenever it makes other
    numbers of the same files.
    """

    name: str
    sensor: str
    kind: str
    path: Path
    bands: Mapping[str, BandImage]
    files: Mapping[str, str]
    column_axis: np.ndarray
    line_axis: np.ndarray
    versions: Mapping[str, str] = field(default_factory=dict)
    binning: int = 1
    reader: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "bands", frozen(self.bands))
        object.__setattr__(self, "files", frozen(self.files))
        object.__setattr__(self, "versions", frozen(self.versions))
        if not self.bands or not self.files:
            raise InputError(f"{self.path}: the product holds no {'file' if self.bands else 'band'}")
        for name in ("column_axis", "line_axis"):
            axis = _read_only(getattr(self, name))
            if axis.shape != (3,) or not abs(np.linalg.norm(axis) - 1.0) < 1e-6:
                raise InputError(f"{self.path}: {name} {axis.tolist()} is no unit vector of three components")
            object.__setattr__(self, name, axis)
        if abs(float(self.column_axis @ self.line_axis)) > 1e-6:
            raise InputError(f"{self.path}: the column and line axes of the attitude are not perpendicular")

    def __reduce__(self) -> tuple[Any, ...]:
        # read-only views do not pickle, and arrays come out of a pickle writeable: make it anew
        values = [getattr(self, item.name) for item in fields(self)]
        return Acquisition, tuple(dict(value) if isinstance(value, Mapping) else value for value in values)

    @cached_property
    def digest(self) -> str:
        """Digest of the contents of the files and of the reader: neither the folder's place nor its dates enter."""
        return digest({"files": dict(self.files), "reader": self.reader})

    @property
    def label(self) -> str:
        return f"{self.name} ({self.path})"

    def band(self, name: str) -> BandImage:
        """The image of one band; InputError naming the bands that exist otherwise."""
        if name not in self.bands:
            raise InputError(f"{self.path}: band {name} is missing (the product holds {', '.join(self.bands)})")
        return self.bands[name]

    @property
    def start(self) -> np.datetime64:
        return min(image.first_line for image in self.bands.values())

    @property
    def stop(self) -> np.datetime64:
        return max(image.line_time(image.raster.lines - 1) for image in self.bands.values())


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
