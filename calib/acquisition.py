"""One product on disk, whatever its format: bands with lazily loaded counts, dates, angles, masks, calibration, and the versions found in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr

from calib.config import frozen
from calib.errors import InputError
from calib.lineage import digest, digest_file
from calib.raster import Held, Raster, lazy_counts

Origin = Literal["product", "table", "user", "default"]
Kind = Literal["moon", "star", "site"]


@dataclass(frozen=True)
class Known:
    """A number and where it comes from: the product itself, a table of the project, the user, or a default. `source` says where exactly;
    `date` is when it was determined, where that is known."""

    value: float
    unit: str
    origin: Origin
    source: str
    date: np.datetime64 | None = None

    def __post_init__(self) -> None:
        if not np.isfinite(self.value):
            raise InputError(f"{self.source}: {self.value} {self.unit} is no finite number")


@dataclass(frozen=True)
class Calibration:
    """What a product says of the meaning of a band's counts; None where it says nothing.

    Either radiance = counts / gain + bias (gain in DN / (W m-2 sr-1 um-1), bias in W m-2 sr-1 um-1), or reflectance = (counts + offset) / quantification,
    or both unknown. `solar_irradiance` in W m-2 um-1 at one astronomical unit.
    """

    gain: Known | None = None
    bias: Known | None = None
    quantification: Known | None = None
    offset: Known | None = None
    solar_irradiance: Known | None = None

    def __post_init__(self) -> None:
        for name in ("gain", "quantification", "solar_irradiance"):
            known = getattr(self, name)
            if known is not None and not known.value > 0:
                raise InputError(f"{known.source}: {name} {known.value:g} is not positive; the file is damaged")


@dataclass(frozen=True)
class Mask:
    """A mask of a product: `raster` with the bit that is set where the mask holds (None: any non-zero sample), or a vector file at `path`."""

    meaning: str
    path: Path
    raster: Raster | None = None
    bit: int | None = None

    def marked(self) -> xr.DataArray:
        """True where the mask holds, over (line, column), lazily; InputError for a vector mask."""
        if self.raster is None:
            raise InputError(
                f"{self.path}: a mask of outlines, or packed in an archive; unpack or draw it on the image first"
            )
        samples = self.raster.counts()
        marked = samples != 0 if self.bit is None else (samples >> self.bit) & 1 == 1
        return marked.assign_attrs(units="1")


def _read_only(array: np.ndarray) -> np.ndarray:
    """A copy of its own that nobody can write to."""
    copied = np.array(array)
    copied.setflags(write=False)
    return copied


# eq=False: arrays compare element by element, and the outcome of that counts as true
@dataclass(frozen=True, eq=False)
class BandImage:
    """One band of an acquisition: its counts and what the product says of them.

    Where the image is in sensor geometry, `first_line` is the date of the middle of line 0's integration, UTC, `line_period_s` the time between lines;
    an image on a map has neither (NaT, NaN). `line_dates`, one per line, replaces both where the product dates every line itself.
    `scan_rate_rad_s` is the apparent along-scan rate of the target, one value per line. `nodata` and `saturated` are counts. `held` are decoded lines for
    their next reader.
    """

    raster: Raster
    first_line: np.datetime64 = field(default_factory=lambda: np.datetime64("NaT", "ns"))
    line_period_s: float = float("nan")
    scan_rate_rad_s: np.ndarray | None = None
    line_dates: np.ndarray | None = None
    calibration: Calibration = Calibration()
    nodata: int | None = None
    saturated: int | None = None
    detector: int | None = None
    sampling_m: float | None = None
    held: Held = field(default_factory=Held, repr=False)

    def __post_init__(self) -> None:
        dates, rate, where = self.line_dates, self.scan_rate_rad_s, self.raster.path
        if dates is not None:
            if (
                dates.shape != (self.raster.lines,)
                or np.isnat(dates).any()
                or not np.all(np.diff(dates).astype(int) > 0)
            ):
                raise InputError(
                    f"{where}: needs one date for each of the {self.raster.lines} lines, each after the last"
                )
            object.__setattr__(self, "line_dates", _read_only(dates.astype("datetime64[ns]")))
            object.__setattr__(self, "first_line", self.line_dates[0])  # type: ignore[index]
            if len(dates) > 1:
                period = float((dates[-1] - dates[0]) / np.timedelta64(1, "ns")) * 1e-9 / (len(dates) - 1)
                object.__setattr__(self, "line_period_s", period)
        if np.isnat(self.first_line) != np.isnan(self.line_period_s):
            missing = "the date of the first line" if np.isnat(self.first_line) else "the line period"
            raise InputError(f"{where}: {missing} is missing; lines are dated by both or not at all")
        if not np.isnan(self.line_period_s) and not (np.isfinite(self.line_period_s) and self.line_period_s > 0):
            raise InputError(f"{where}: line period {self.line_period_s} s is not a positive number")
        if rate is not None:
            if rate.shape != (self.raster.lines,) or not np.all(np.isfinite(rate)) or not np.all(rate > 0):
                raise InputError(
                    f"{where}: the scan rate needs one positive number for each of the {self.raster.lines} lines"
                )
            object.__setattr__(self, "scan_rate_rad_s", _read_only(rate))

    def __reduce__(self) -> tuple[Any, ...]:
        # arrays come out of a pickle writeable: make it anew
        return BandImage, tuple(getattr(self, item.name) for item in fields(self))

    def counts(self) -> xr.DataArray:
        """Raw counts over (line, column), lazily, in chunks of whole file blocks; unit DN."""
        return self.raster.counts()

    @property
    def dated(self) -> bool:
        """Whether the lines have dates."""
        return not np.isnat(self.first_line)

    def line_time(self, line: float) -> np.datetime64:
        """Date of the middle of a (fractional) line, UTC."""
        if not self.dated:
            raise InputError(f"{self.raster.path}: its lines have no dates; give the product in sensor geometry")
        if self.line_dates is not None:
            since = (self.line_dates - self.first_line).astype(np.int64)
            offset = round(float(np.interp(line, np.arange(len(since)), since)))
        else:
            offset = round(line * self.line_period_s * 1e9)
        return self.first_line + np.timedelta64(offset, "ns")


@dataclass(frozen=True, eq=False)
class Acquisition:
    """One product on disk: which sensor saw what and when, its files by digest, and everything else found in it. Pixels load lazily.

    - `files` maps each file, relative to `path` (or to its folder), to its SHA-256, None until it is asked for; `reader` names the reader and its version,
      raised whenever it makes other numbers of the same files.
    - `column_axis` and `line_axis`: unit vectors in GCRF along which the columns and the lines grow, where the product gives them (Moon acquisitions).
    - `angles`: over (band, point), `sun_zenith`, `sun_azimuth`, `view_zenith`, `view_azimuth` in degrees, azimuths clockwise from north, from the target;
      NaN where the product has none; coordinates `down` and `across` (fraction of the image's height and width, NaN where unknown); the point "center"
      always first.
    - `orbit`: over time, `position` (m) and `velocity` (m s-1) with `axis`; `attitude`: over time, `quaternion` with `component` q0 (scalar) q1 q2 q3; each
      dataset's attrs name its `frame` (and `rotates_from`, `rotates_to`). `viewing`: `direction` over (band, column, axis), unit vectors of the lines of sight
      in the frame that the attitude rotates from.
    - `responses`: over (band, wavelength in nm). `facts`: what else people want to see, as text. `warnings`: what was accepted although it is odd.
    """

    name: str
    sensor: str
    kind: Kind
    path: Path
    bands: Mapping[str, BandImage]
    files: Mapping[str, str | None]
    column_axis: np.ndarray | None = None
    line_axis: np.ndarray | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    binning: int = 1
    reader: str = ""
    acquired: np.datetime64 | None = None
    angles: xr.Dataset | None = None
    orbit: xr.Dataset | None = None
    attitude: xr.Dataset | None = None
    viewing: xr.Dataset | None = None
    responses: xr.DataArray | None = None
    masks: Mapping[str, Mask] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("bands", "files", "versions", "masks", "facts"):
            object.__setattr__(self, name, frozen(getattr(self, name)))
        if not self.bands or not self.files:
            raise InputError(f"{self.path}: the product holds no {'file' if self.bands else 'band'}")
        if (self.column_axis is None) != (self.line_axis is None):
            raise InputError(f"{self.path}: the attitude needs both axes of the image or none")
        if self.column_axis is not None and self.line_axis is not None:
            self._check_axes(self.column_axis, self.line_axis)

    def _check_axes(self, column: np.ndarray, line: np.ndarray) -> None:
        for name, axis in (("column_axis", column), ("line_axis", line)):
            axis = _read_only(np.asarray(axis, dtype=float))
            if axis.shape != (3,) or not abs(np.linalg.norm(axis) - 1.0) < 1e-6:
                raise InputError(f"{self.path}: {name} {axis.tolist()} is no unit vector of three components")
            object.__setattr__(self, name, axis)
        if abs(float(column @ line)) > 1e-6:
            raise InputError(f"{self.path}: the column and line axes of the attitude are not perpendicular")

    def __reduce__(self) -> tuple[Any, ...]:
        # read-only views do not pickle, and arrays come out of a pickle writeable: make it anew
        values = [getattr(self, item.name) for item in fields(self)]
        return Acquisition, tuple(
            dict(value) if isinstance(value, Mapping) and not isinstance(value, xr.Dataset) else value
            for value in values
        )

    @cached_property
    def digest(self) -> str:
        """Digest of the contents of the files and of the reader: neither the folder's place nor its dates enter.

        Reads every file whose digest the product does not give; done once, and carried along to workers.
        """
        folder = self.path if self.path.is_dir() else self.path.parent
        known = {name: sha or digest_file(folder / name) for name, sha in self.files.items()}
        object.__setattr__(self, "files", frozen(known))
        return digest({"files": known, "reader": self.reader})

    @property
    def label(self) -> str:
        return f"{self.name} ({self.path})"

    @property
    def axes(self) -> tuple[np.ndarray, np.ndarray]:
        """The column and the line axis in GCRF; InputError where the product gives none."""
        if self.column_axis is None or self.line_axis is None:
            raise InputError(f"{self.path}: gives no axes of its image in the sky; a Moon or star image needs them")
        return self.column_axis, self.line_axis

    def band(self, name: str) -> BandImage:
        """The image of one band; InputError naming the bands that exist otherwise."""
        if name not in self.bands:
            raise InputError(f"{self.path}: band {name} is missing (the product holds {', '.join(self.bands)})")
        return self.bands[name]

    def counts(self, bands: list[str] | None = None) -> xr.DataArray:
        """Raw counts over (band, line, column), lazily, of bands of one size (all by default); unit DN. Bands of one file are decoded together."""
        names = list(bands or self.bands)
        rasters = [self.band(name).raster for name in names]
        sizes = {(raster.lines, raster.columns) for raster in rasters}
        if len(sizes) > 1:
            raise InputError(f"{self.path}: its bands have different sizes ({sizes}); choose bands of one size")
        return lazy_counts(rasters).rename(layer="band").assign_coords(band=names)

    @property
    def start(self) -> np.datetime64:
        """Date of the first line; of the acquisition, where lines have no dates."""
        return min((image.first_line for image in self.bands.values() if image.dated), default=self._date())

    @property
    def stop(self) -> np.datetime64:
        """Date of the last line; of the acquisition, where lines have no dates."""
        return max(
            (image.line_time(image.raster.lines - 1) for image in self.bands.values() if image.dated),
            default=self._date(),
        )

    def _date(self) -> np.datetime64:
        return np.datetime64("NaT", "ns") if self.acquired is None else self.acquired
