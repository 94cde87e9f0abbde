"""Sensors and their official parameters, as data: `configs/sensors/*.yaml` and `configs/po/*.yaml`, validated."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr
from pydantic import Field, PrivateAttr, field_validator, model_validator

from calib import config
from calib.config import Model, complete, suggestion
from calib.errors import InputError, RequestError
from calib.lineage import digest
from calib.units import Counts, Kilometres, Nanometres, Radians, Seconds

Status = Literal["published", "computed", "inferred", "unconfirmed", "default"]


class Band(Model):
    """One spectral band: where it lies in the spectrum and on the focal plane."""

    centre: Nanometres
    width: Nanometres = Field(description="full width at half maximum")
    detector: int = Field(default=1, ge=1, description="detector unit (triplet on Venµs)")
    array: int = Field(default=1, ge=1, description="array within the detector unit")
    time_offset: Seconds = Field(
        default=0.0,
        validate_default=False,
        description="when the band sees a target, after the first band, at nominal scan rate",
    )
    noise_floor: Counts = Field(description="A in sigma² = A² + B·signal")
    noise_slope: Counts = Field(description="B in sigma² = A² + B·signal")
    binning: int = Field(
        default=1, ge=1, description="pixel size in units of the camera's pixel_angle (4 for multispectral Pléiades)"
    )


class Phase(Model):
    """A phase of the mission with its orbit; `stop` empty while it lasts."""

    name: str
    start: dt.date
    stop: dt.date | None = None
    altitude: Kilometres
    descending_node: str = Field(pattern=r"^[0-2]\d:[0-5]\d$", description="mean local time of the descending node")
    images: bool = True


class StraylightPath(Model):
    """A known path of stray light: a local ghost (type 1) or a crosstalk from another band (type 2)."""

    kind: Literal["ghost", "crosstalk"]
    band: str
    source: str | None = None
    factor: float = Field(gt=-0.2, lt=0.2, description="share of the source's light")
    column_shift: float = Field(default=0.0, description="pixels")
    line_shift: float = Field(default=0.0, description="pixels")
    blur: float = Field(default=0.0, ge=0, description="Gaussian sigma, pixels")

    @model_validator(mode="after")
    def _source_of_crosstalk(self) -> StraylightPath:
        if (self.source is None) == (self.kind == "crosstalk"):
            raise ValueError("a crosstalk names its source band, a ghost has none")
        return self


class Provenance(Model):
    """Where a value comes from and how sure it is."""

    status: Status
    source: str


class Sensor(Model):
    """A camera: bands, detectors, sampling, noise, stray light. Every field that `provenance` does not name is published."""

    name: str
    platform: str = Field(description="the satellite's name, as orbit files give it in OBJECT_NAME")
    title: str
    pixel_angle_across: Radians
    pixel_angle_along: Radians
    line_period: Seconds
    columns: int = Field(gt=0)
    bits: int = Field(ge=8, le=16)
    saturation: Counts
    dark_level: Counts
    responses: str = Field(description="CSV beside this file: wavelength_nm and one column per band")
    bands: dict[str, Band]
    phases: list[Phase]
    reference_band: str
    straylight: list[StraylightPath] = []
    provenance: dict[str, Provenance] = {}

    _folder: Path = PrivateAttr()

    @model_validator(mode="after")
    def _consistent(self) -> Sensor:
        for path in self.straylight:
            for name in filter(None, (path.band, path.source)):
                if name not in self.bands:
                    raise ValueError(f"straylight names band '{name}'{suggestion(name, self.bands)}")
        if self.reference_band not in self.bands:
            raise ValueError(
                f"reference_band '{self.reference_band}' is no band{suggestion(self.reference_band, self.bands)}"
            )
        for key in self.provenance:
            _check_path(self, key)
        return self

    @property
    def label(self) -> str:
        return self.name

    @cached_property
    def digest(self) -> str:
        """Digest of the numbers: bands, sampling, noise, responses. Titles, phases and provenance may be reworded without redoing anything."""
        content = complete(self)
        for field in ("title", "phases", "provenance", "responses"):
            content.pop(field)
        table = self.response
        content["response_table"] = {
            "nm": table["wavelength"].values.tolist(),
            "values": table.values.tolist(),
            "bands": table["band"].values.tolist(),
        }
        return digest(content)

    @cached_property
    def response(self) -> xr.DataArray:
        """Relative spectral responses over (band, wavelength in nm), each normalised to a maximum of one; bands in the sensor's order."""
        return read_responses(self._folder / self.responses, list(self.bands))

    def band_unconfirmed(self) -> list[str]:
        """The keys whose values are marked unconfirmed, for reports."""
        return [key for key, item in self.provenance.items() if item.status == "unconfirmed"]


def _check_path(sensor: Sensor, key: str) -> None:
    content: Any = complete(sensor)
    for part in key.split("."):
        if isinstance(content, list):
            content = {item.get("name", item.get("band")): item for item in content}
        if part == "*" and isinstance(content, Mapping) and content:
            content = next(iter(content.values()))
            continue
        if not isinstance(content, Mapping) or part not in content:
            allowed = content if isinstance(content, Mapping) else []
            raise ValueError(f"provenance names '{key}', which does not exist{suggestion(part, allowed)}")
        content = content[part]


def read_responses(path: Path, bands: list[str]) -> xr.DataArray:
    """Responses over (band, wavelength) from a CSV with a `wavelength_nm` column and one column per band, lines starting with # ignored."""
    try:
        lines = [
            line for line in path.read_text(encoding="utf-8").splitlines() if line.strip() and not line.startswith("#")
        ]
        names = lines[0].split(",")
        table = np.array([[float(item) for item in line.split(",")] for line in lines[1:]])
    except (OSError, ValueError, IndexError) as error:
        raise RequestError(f"{path}: cannot be read as a table of responses ({error})") from None
    missing = [band for band in bands if band not in names]
    if names[0] != "wavelength_nm" or missing:
        raise RequestError(
            f"{path}: needs the columns wavelength_nm and {', '.join(bands)}; missing: {', '.join(missing) or 'wavelength_nm'}"
        )
    if table.ndim != 2 or table.shape[1] != len(names):
        raise RequestError(f"{path}: needs rows of {len(names)} values ({', '.join(names)}) under its header")
    if not np.all(np.isfinite(table)) or not np.all(np.diff(table[:, 0]) > 0):
        raise RequestError(f"{path}: wavelengths must grow and every value must be finite")
    values = np.stack([table[:, names.index(band)] for band in bands])
    dark = [band for band, row in zip(bands, values, strict=True) if not row.max() > 0]
    if dark:
        raise RequestError(f"{path}: the response of {', '.join(dark)} is nowhere positive")
    return xr.DataArray(
        values / values.max(axis=1, keepdims=True),
        dims=("band", "wavelength"),
        coords={"band": bands, "wavelength": ("wavelength", table[:, 0], {"units": "nm"})},
        attrs={"units": "1"},
    )


def load_sensor(name: str, beside: Path | None = None) -> Sensor:
    """The shipped sensor `name`, or the one in a YAML file."""
    path = config.find("sensors", name, beside)
    sensor = config.load(Sensor, path)
    sensor._folder = path.parent
    _ = sensor.response
    return sensor


class GainVersion(Model):
    """One version of the official parameters: a gain per band and its validity, `stop` excluded."""

    version: str
    start: dt.date
    stop: dt.date | None = None
    source: str
    gains: dict[str, float] = Field(description="DN / (W m-2 sr-1 um-1)")

    @field_validator("gains")
    @classmethod
    def _positive(cls, gains: dict[str, float]) -> dict[str, float]:
        for band, gain in gains.items():
            if not gain > 0:
                raise ValueError(f"the gain of {band} is {gain}; a gain is positive")
        return gains


class OfficialParameters(Model):
    """The official parameters (PO) of a sensor in force for one acquisition: radiance = counts / gain, in W m-2 sr-1 um-1."""

    sensor: str
    version: str
    origin: str
    gains: dict[str, float]

    @property
    def label(self) -> str:
        return f"PO {self.sensor} {self.version} ({self.origin})"

    @cached_property
    def digest(self) -> str:
        return digest({"sensor": self.sensor, "version": self.version, "gains": self.gains})

    def gain(self, bands: list[str]) -> xr.DataArray:
        """Gains over `band`, in DN / (W m-2 sr-1 um-1)."""
        missing = [band for band in bands if band not in self.gains]
        if missing:
            raise InputError(
                f"{self.label}: no gain for band {', '.join(missing)}; add it to the parameters or leave the band out"
            )
        return xr.DataArray(
            [self.gains[band] for band in bands],
            dims="band",
            coords={"band": bands},
            attrs={"units": "DN / (W m-2 sr-1 um-1)"},
        )


class GainHistory(Model):
    """All versions of a sensor's official parameters: `configs/po/<sensor>.yaml`."""

    sensor: str
    unit: Literal["DN / (W m-2 sr-1 um-1)"]
    versions: list[GainVersion] = Field(min_length=1)

    def in_force(self, date: np.datetime64, version: str | None = None) -> OfficialParameters:
        """The version that the product names, else the latest one valid on that date."""
        day = dt.date.fromisoformat(str(date.astype("datetime64[D]")))
        if version is not None:
            found = [item for item in self.versions if item.version == version]
            if not found:
                known = [item.version for item in self.versions]
                raise InputError(
                    f"official parameters of {self.sensor}: the product was made with version '{version}', which is not known{suggestion(version, known)}"
                )
            origin = "named by the product"
        else:
            found = [item for item in self.versions if item.start <= day and (item.stop is None or day < item.stop)]
            if not found:
                raise InputError(
                    f"official parameters of {self.sensor}: no version is valid on {day}; add one to configs/po or name a file in the request"
                )
            origin = f"valid on {day}"
        chosen = max(found, key=lambda item: (item.start, item.version))
        return OfficialParameters(sensor=self.sensor, version=chosen.version, origin=origin, gains=chosen.gains)


def load_gains(name: str, beside: Path | None = None) -> GainHistory:
    """The shipped history of official parameters of a sensor, or the one in a YAML file."""
    return config.load(GainHistory, config.find("po", name, beside))
