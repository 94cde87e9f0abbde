"""A stray image: any TIFF or JPEG 2000, and a small YAML of the same name beside it that says what it is. Its numbers are the user's."""

from __future__ import annotations

import glob
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field, field_validator, model_validator

from calib.acquisition import Acquisition, BandImage, Calibration, Known
from calib.config import Model, parse, read_yaml
from calib.errors import InputError, RequestError
from calib.products.files import DRIVERS, open_raster
from calib.products.plain import utc
from calib.products.tables import CENTER, angle_table
from calib.units import Degrees, Metres, Seconds

READER = "stray 1"
TITLE = "stray image (a TIFF or JPEG 2000, and a YAML of the same name beside it)"
_SUFFIXES = (".yaml", ".yml")
_FORMAT = "etalon-image"


class Direction(Model):
    """Where the Sun or the satellite stands, seen from the target."""

    zenith: Degrees = Field(ge=0, le=180)
    azimuth: Degrees = Field(ge=-360, le=360)


class StrayBand(Model):
    """One band: its layer in the image, and what is known of its counts."""

    layer: int = Field(ge=1)
    gain: float | None = Field(default=None, gt=0, description="DN / (W m-2 sr-1 um-1)")
    bias: float | None = Field(default=None, description="W m-2 sr-1 um-1")
    quantification: float | None = Field(default=None, gt=0, description="reflectance = (counts + offset) / this")
    offset: float | None = None
    solar_irradiance: float | None = Field(default=None, gt=0, description="W m-2 um-1 at 1 au")


class StrayDescription(Model):
    """The YAML beside a stray image."""

    format: Literal["etalon-image"]
    sensor: str
    kind: Literal["moon", "star", "site"]
    acquired_utc: str = Field(description="date of the image")
    first_line_utc: str | None = Field(
        default=None, description="middle of the integration of line 0, in sensor geometry"
    )
    line_period: Seconds | None = Field(default=None, gt=0)
    bands: dict[str, StrayBand] = Field(min_length=1)
    sun: Direction | None = None
    view: Direction | None = None
    sampling: Metres | None = Field(default=None, gt=0)
    nodata: int | None = None
    saturated: int | None = None
    column_axis: tuple[float, float, float] | None = None
    line_axis: tuple[float, float, float] | None = None
    versions: dict[str, str] = {}
    note: str = ""

    @field_validator("acquired_utc", "first_line_utc", mode="before")
    @classmethod
    def _date(cls, text: object) -> object:
        if text is not None:
            utc(text)
        return text

    @model_validator(mode="after")
    def _both_dates(self) -> StrayDescription:
        if (self.first_line_utc is None) != (self.line_period is None):
            raise ValueError("first_line_utc and line_period date the lines together; give both or neither")
        return self


def recognises(path: Path) -> bool:
    """Whether `path` is an image with a YAML of its name beside it, or that YAML."""
    pair = _pair(path)
    if pair is None:
        return False
    try:
        return f"format: {_FORMAT}" in pair[1].read_text(encoding="utf-8", errors="replace")[:20000]
    except OSError:
        return False


def read(path: Path, *, verify: bool = True, images: bool = True) -> Acquisition:
    """The stray image at `path` (the image or its YAML). No pixel is read; it carries no digests to `verify`."""
    pair = _pair(path)
    if pair is None:
        raise InputError(f"{path}: needs an image and a YAML of the same name beside it")
    image, sidecar = pair
    try:
        description = parse(StrayDescription, read_yaml(sidecar), str(sidecar))
    except RequestError as error:
        raise InputError("; ".join(str(error).splitlines())) from None
    dated: dict[str, Any] = {}
    if description.first_line_utc is not None and description.line_period is not None:
        dated = {"first_line": utc(description.first_line_utc), "line_period_s": description.line_period}
    bands = {
        name: BandImage(
            raster=open_raster(image, layer=band.layer, dtypes=("uint8", "uint16", "int16")),
            calibration=_calibration(band, f"{sidecar}: bands.{name}"),
            nodata=description.nodata,
            saturated=description.saturated,
            sampling_m=description.sampling,
            **dated,
        )
        for name, band in description.bands.items()
    }
    axes = [None if axis is None else np.array(axis) for axis in (description.column_axis, description.line_axis)]
    return Acquisition(
        name=image.stem,
        sensor=description.sensor,
        kind=description.kind,
        path=image,
        bands=bands,
        files={image.name: None, sidecar.name: None},
        column_axis=axes[0],
        line_axis=axes[1],
        versions=description.versions,
        reader=READER,
        acquired=utc(description.acquired_utc),
        angles=_angles(description, sidecar),
        facts={"note": description.note} if description.note else {},
    )


def _pair(path: Path) -> tuple[Path, Path] | None:
    """The image and its YAML, given either; None where one is missing."""
    if path.suffix.lower() not in (*_SUFFIXES, *DRIVERS) or not path.is_file():
        return None
    wanted = DRIVERS if path.suffix.lower() in _SUFFIXES else _SUFFIXES
    beside = sorted(item for item in path.parent.glob(f"{glob.escape(path.stem)}.*") if item.suffix.lower() in wanted)
    if not beside:
        return None
    return (beside[0], path) if path.suffix.lower() in _SUFFIXES else (path, beside[0])


def _calibration(band: StrayBand, source: str) -> Calibration:
    units = {
        "gain": "DN / (W m-2 sr-1 um-1)",
        "bias": "W m-2 sr-1 um-1",
        "quantification": "DN",
        "offset": "DN",
        "solar_irradiance": "W m-2 um-1",
    }
    given: Mapping[str, float | None] = {name: getattr(band, name) for name in units}
    return Calibration(
        **{
            name: Known(value, units[name], "user", f"{source}.{name}")
            for name, value in given.items()
            if value is not None
        }
    )


def _angles(description: StrayDescription, sidecar: Path) -> Any:
    if description.sun is None and description.view is None:
        return None
    nan = float("nan")
    sun, view = (
        (item.zenith, item.azimuth) if item is not None else (nan, nan) for item in (description.sun, description.view)
    )
    return angle_table(str(sidecar), list(description.bands), [CENTER], (0.5, 0.5), sun, view)
