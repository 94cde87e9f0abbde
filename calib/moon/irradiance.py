"""Irradiance of the Moon by models of its disk-equivalent reflectance A: a polynomial in phase and selenographic angles for each of some wavelengths.

    E(λ) = A(λ) · Ω_M · E_sun(λ) / π · (1 au / d_sun)² · (384400 km / d_moon)²

    ln A = a0 + a1 g + a2 g² + a3 g³ + b1 Φ + b2 Φ³ + b3 Φ⁵
         + lat·θ + lon·φ + sunlon_lat·Φ θ + sunlon_lon·Φ φ + d1 exp(-g/p1) + d2 exp(-g/p2) + d3 cos((g - p3)/p4)

after Kieffer & Stone 2005 (doi 10.1086/430185), equation 10: g the absolute phase, in radians with a and in degrees with p; Φ the Sun's longitude in
radians; θ, φ the observer's latitude and longitude in degrees. The four terms of libration go by name, because copies of the equation differ in
their order. A model is a file in `configs/models`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from pydantic import Field

from calib import config
from calib.config import Model, frozen
from calib.errors import InputError, RequestError
from calib.lineage import digest
from calib.types import require
from calib.units import Degrees, Fraction, stamp

MOON_SOLID_ANGLE_SR = 6.4177e-5
REFERENCE_DISTANCE_KM = 384400.0
_TERMS = (
    "a0",
    "a1",
    "a2",
    "a3",
    "b1",
    "b2",
    "b3",
    "lat",
    "lon",
    "sunlon_lat",
    "sunlon_lon",
    "d1",
    "d2",
    "d3",
    "p1",
    "p2",
    "p3",
    "p4",
)
_ANGLES = {"phase": "deg", "observer_latitude": "deg", "observer_longitude": "deg", "sun_longitude": "deg"}
_NAMES = ("title", "solar_spectrum", "terms")
_DISTANCES = {"moon_distance": "km", "sun_distance": "au"}


class ModelFile(Model):
    """A lunar model as its file states it."""

    title: str
    reference: str
    bands: str = Field(description="CSV beside this file: wavelength_nm and the terms that differ from band to band")
    terms: dict[str, float] = Field(description="terms that are the same in all bands")
    apollo_factors: bool = Field(description="multiply A by the column apollo_factor of the bands' file")
    smallest_phase: Degrees
    largest_phase: Degrees
    scale_uncertainty: Fraction = Field(description="of the absolute scale, k = 1, one and the same on all dates")
    phase_uncertainty: Fraction = Field(description="residual with phase and libration, k = 1")


@dataclass(frozen=True)
class IrradianceModel:
    """A lunar model with the solar spectrum it is used with. `terms` hold one number for each of `wavelength_nm`, or one for all; `factor` multiplies A."""

    title: str
    wavelength_nm: np.ndarray
    terms: Mapping[str, np.ndarray]
    factor: np.ndarray
    phase_limits_deg: tuple[float, float]
    scale_uncertainty: float
    phase_uncertainty: float
    solar_spectrum: str
    solar_wavelength_nm: np.ndarray
    solar_irradiance: np.ndarray

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "terms": dict(self.terms)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update({**state, "terms": frozen(state["terms"])})

    @property
    def label(self) -> str:
        return f"{self.title} with the Sun of {self.solar_spectrum}"

    @cached_property
    def digest(self) -> str:
        """Digest of the numbers, in whatever files they stood."""
        numbers = {item.name: getattr(self, item.name) for item in fields(self) if item.name not in _NAMES}
        plain = {key: np.asarray(value).tolist() for key, value in numbers.items()}
        return digest({**plain, "terms": {key: value.tolist() for key, value in self.terms.items()}})


def load_model(name: str, solar_spectrum: str, beside: Path | None = None) -> IrradianceModel:
    """The shipped model `name` (or the one in a .yaml file) with the solar spectrum of that name in `configs/spectra` (or in a .csv file).

    Refuses a model whose reflectance grows towards northern libration: the highlands of the south are the bright ones, so its terms are swapped.
    """
    path = config.find("models", name, beside)
    content = config.load(ModelFile, path)
    table = _table(path.parent / content.bands)
    terms = {key: np.array([value]) for key, value in content.terms.items()} | {
        key: value for key, value in table.items() if key not in ("wavelength_nm", "apollo_factor")
    }
    wrong = set(terms) ^ set(_TERMS) | set(content.terms) & set(table)
    if wrong:
        raise RequestError(
            f"{path}: term '{min(wrong)}' is missing, unknown or given twice; a model has once each of {', '.join(_TERMS)}"
        )
    if not np.mean(terms["lat"]) < 0:
        raise RequestError(
            f"{path}: the slope in latitude is {np.mean(terms['lat']):.6g} per degree where the Moon's is negative; exchange the lat and lon terms"
        )
    if content.apollo_factors and "apollo_factor" not in table:
        raise RequestError(
            f"{path}: apollo_factors is true but {content.bands} has no column apollo_factor; set it to false"
        )
    wavelengths = table["wavelength_nm"]
    spectrum, sun = _solar_table(solar_spectrum, beside)
    return IrradianceModel(
        content.title,
        _fixed(wavelengths),
        frozen({key: _fixed(terms[key]) for key in _TERMS}),
        _fixed(table["apollo_factor"] if content.apollo_factors else np.ones_like(wavelengths)),
        (content.smallest_phase, content.largest_phase),
        content.scale_uncertainty,
        content.phase_uncertainty,
        spectrum,
        _fixed(sun["wavelength_nm"]),
        _fixed(sun["irradiance_W_m2_nm"]),
    )


def disk_reflectance(model: IrradianceModel, geometry: xr.Dataset) -> xr.DataArray:
    """Disk-equivalent reflectance, the model's factors included: the dimensions of the geometry's angles, then "model_wavelength".

    `geometry` holds phase (its sign does not matter), observer_latitude, observer_longitude and sun_longitude with their units, over any dimensions.
    InputError outside the phases that the model was made for.
    """
    angles = require(geometry, _ANGLES, "geometry")
    phase, latitude, longitude, sun = xr.broadcast(*(angles[name].astype(float) for name in _ANGLES))
    _check_phase(model, np.abs(phase.values))
    values = _reflectance(
        model.terms,
        np.abs(phase.values)[..., np.newaxis],
        latitude.values[..., np.newaxis],
        longitude.values[..., np.newaxis],
        np.radians(sun.values)[..., np.newaxis],
    )
    coords = {**phase.coords, "model_wavelength": ("model_wavelength", model.wavelength_nm, {"units": "nm"})}
    array = xr.DataArray(values * model.factor, dims=(*phase.dims, "model_wavelength"), coords=coords)
    return stamp(array, "1", "disk-equivalent reflectance of the Moon")


def spectral_irradiance(model: IrradianceModel, geometry: xr.Dataset, wavelength_nm: np.ndarray) -> xr.DataArray:
    """Irradiance in W m-2 um-1 at single wavelengths: the dimensions of the geometry, then "wavelength". `geometry` as for `band_irradiance`."""
    nodes = np.asarray(wavelength_nm, dtype=float)
    _check_cover(model, nodes.min(), nodes.max(), "the wavelengths asked for")
    weights = _hats(model.wavelength_nm, nodes) * _sun(model, nodes)[:, np.newaxis]
    coords = {"wavelength": ("wavelength", nodes, {"units": "nm"})}
    return _irradiance(model, geometry, xr.DataArray(weights, dims=("wavelength", "model_wavelength"), coords=coords))


def band_irradiance(model: IrradianceModel, geometry: xr.Dataset, response: xr.DataArray) -> xr.DataArray:
    """Mean irradiance over each band's response, W m-2 um-1: the dimensions of the geometry, then "band" where the geometry has it not.

    `geometry` holds the angles of `disk_reflectance`, moon_distance and sun_distance with their units, one value for all bands or one per "band";
    `response` is relative, over (band, wavelength in nm). Reflectance, Sun and response are each linear between their own samples, and their product
    is integrated exactly over the union of all these samples: no grid is chosen, and no table is sampled at the centre of a band, which on Venµs
    would cost up to 4.6 %.
    """
    weights = np.stack([_band_weights(model, response.sel(band=band)) for band in response["band"].values])
    array = xr.DataArray(weights, dims=("band", "model_wavelength"), coords={"band": response["band"].values})
    if "band" in geometry.dims:
        geometry = geometry.sel(band=array["band"])
    return _irradiance(model, geometry, array)


def _irradiance(model: IrradianceModel, geometry: xr.Dataset, weights: xr.DataArray) -> xr.DataArray:
    distances = require(geometry, _DISTANCES, "geometry")
    reflectance = disk_reflectance(model, geometry).drop_vars("model_wavelength")
    scale = MOON_SOLID_ANGLE_SR / np.pi / distances["sun_distance"] ** 2
    scale = scale * (REFERENCE_DISTANCE_KM / distances["moon_distance"]) ** 2
    kept = (weights != 0).any([dim for dim in weights.dims if dim != "model_wavelength"]).values
    mean = xr.dot(reflectance[..., kept], weights[..., kept], dim="model_wavelength")
    # tables are per nm, irradiance is kept per um
    return stamp(mean * scale * 1e3, "W m-2 um-1", "irradiance of the Moon by the model")


def _reflectance(
    terms: Mapping[str, np.ndarray],
    phase_deg: np.ndarray,
    latitude_deg: np.ndarray,
    longitude_deg: np.ndarray,
    sun_rad: np.ndarray,
) -> np.ndarray:
    g, t = np.radians(phase_deg), terms
    square = sun_rad * sun_rad
    logarithm = t["a0"] + g * (t["a1"] + g * (t["a2"] + g * t["a3"]))
    logarithm += sun_rad * (t["b1"] + square * (t["b2"] + square * t["b3"]))
    logarithm += latitude_deg * (t["lat"] + t["sunlon_lat"] * sun_rad) + longitude_deg * (
        t["lon"] + t["sunlon_lon"] * sun_rad
    )
    logarithm += t["d1"] * np.exp(-phase_deg / t["p1"]) + t["d2"] * np.exp(-phase_deg / t["p2"])
    logarithm += t["d3"] * np.cos((phase_deg - t["p3"]) / t["p4"])
    return np.asarray(np.exp(logarithm))


def _band_weights(model: IrradianceModel, response: xr.DataArray) -> np.ndarray:
    # the mean over the response is linear in the reflectances at the model's wavelengths: one weight for each, made once for all geometries
    wavelengths, values = response["wavelength"].values.astype(float), response.values.astype(float)
    lit = np.flatnonzero(values != 0)
    if not lit.size:
        raise RequestError(f"the response of band {response['band'].item()} is zero everywhere; correct its table")
    first, last = max(lit[0] - 1, 0), min(lit[-1] + 1, len(values) - 1)
    low, high = wavelengths[first], wavelengths[last]
    _check_cover(model, low, high, f"the response of band {response['band'].item()}")
    tables = np.concatenate([wavelengths, model.solar_wavelength_nm, model.wavelength_nm])
    nodes = np.unique(tables[(tables >= low) & (tables <= high)])
    middle = (nodes[1:] + nodes[:-1]) / 2
    # Simpson's rule is exact for a product of three straight lines
    points = np.concatenate([nodes, middle])
    step = np.diff(nodes) / 6
    share = np.concatenate([np.append(step, 0) + np.append(0, step), 4 * step]) * np.interp(points, wavelengths, values)
    return np.asarray((share * _sun(model, points)) @ _hats(model.wavelength_nm, points) / share.sum())


def _hats(nodes: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The matrix (points, nodes) that interpolates linearly between nodes."""
    after = np.clip(np.searchsorted(nodes, points, side="right"), 1, len(nodes) - 1)
    share = (points - nodes[after - 1]) / (nodes[after] - nodes[after - 1])
    matrix = np.zeros((len(points), len(nodes)))
    rows = np.arange(len(points))
    matrix[rows, after], matrix[rows, after - 1] = share, 1 - share
    return matrix


def _sun(model: IrradianceModel, wavelength_nm: np.ndarray) -> np.ndarray:
    return np.asarray(np.interp(wavelength_nm, model.solar_wavelength_nm, model.solar_irradiance))


def _check_cover(model: IrradianceModel, low: float, high: float, asked: str) -> None:
    for name, nodes in ((model.title, model.wavelength_nm), (model.solar_spectrum, model.solar_wavelength_nm)):
        if low < nodes[0] or high > nodes[-1]:
            raise RequestError(
                f"{asked}: {low:g}..{high:g} nm reach beyond {name} ({nodes[0]:g}..{nodes[-1]:g} nm); leave the band out or take another table"
            )


def _check_phase(model: IrradianceModel, phase_deg: np.ndarray) -> None:
    low, high = model.phase_limits_deg
    outside = ~((phase_deg >= low) & (phase_deg <= high))
    if outside.any():
        raise InputError(
            f"phase {phase_deg[outside].flat[0]:.3f} deg is outside the {low:g}..{high:g} deg of {model.title}; leave the acquisition out or take another model"
        )


def _solar_table(name: str, beside: Path | None) -> tuple[str, dict[str, np.ndarray]]:
    if name.endswith(".csv"):
        path = Path(name) if beside is None else beside / name
    else:
        path = config.CONFIGS / "spectra" / f"{name}.csv"
        if not path.is_file():
            known = [item.stem for item in path.parent.glob("*.csv")]
            raise RequestError(
                f"no solar spectrum '{name}'{config.suggestion(name, known)} (or give the path of a .csv file)"
            )
    table = _table(path)
    if "irradiance_W_m2_nm" not in table or not np.all(table["irradiance_W_m2_nm"] > 0):
        raise RequestError(f"{path}: needs a column irradiance_W_m2_nm of positive numbers")
    return path.stem, table


def _table(path: Path) -> dict[str, np.ndarray]:
    """Columns of a CSV by name; the first is wavelength_nm and grows; lines that start with # are ignored."""
    try:
        lines = [
            line for line in path.read_text(encoding="utf-8").splitlines() if line.strip() and not line.startswith("#")
        ]
        names = lines[0].split(",")
        values = np.array([[float(item) for item in line.split(",")] for line in lines[1:]])
        table = dict(zip(names, values.T, strict=True))
    except (OSError, ValueError, IndexError) as error:
        raise RequestError(f"{path}: cannot be read as a table of numbers with a wavelength ({error})") from None
    if (
        names[0] != "wavelength_nm"
        or len(values) < 2
        or not np.isfinite(values).all()
        or not np.all(np.diff(values[:, 0]) > 0)
    ):
        raise RequestError(
            f"{path}: needs first a column wavelength_nm that grows, two rows or more, and finite numbers"
        )
    return table


def _fixed(array: np.ndarray) -> np.ndarray:
    array = np.array(array, dtype=float)
    array.setflags(write=False)
    return array
