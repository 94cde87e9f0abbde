"""Irradiance of the Moon by models of its disk-equivalent reflectance A: a polynomial in phase and selenographic angles for each of some wavelengths.

    E(λ) = A(λ) · Ω_M · E_sun(λ) / π · (1 au / d_sun)² · (384400 km / d_moon)²

    ln A = a0 + a1 g + a2 g² + a3 g³ + b1 Φ + b2 Φ³ + b3 Φ⁵
         + lat·θ + lon·φ + sunlon_lat·Φ θ + sunlon_lon·Φ φ + d1 exp(-g/p1) + d2 exp(-g/p2) + d3 cos((g - p3)/p4)

after Kieffer & Stone 2005 (doi 10.1086/430185), equation 10: g the absolute phase, in radians with a and in degrees with p; Φ the Sun's longitude in
radians; θ, φ the observer's latitude and longitude in degrees. The four terms of libration go by name, because copies of the equation differ in
their order. A model is a file in `configs/models`, or a coefficient file of LIME (`calib.moon.lime`).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from calib.errors import InputError, RequestError
from calib.moon.models import IrradianceModel, load_model
from calib.types import require
from calib.units import stamp

__all__ = ["IrradianceModel", "band_irradiance", "disk_reflectance", "load_model", "spectral_irradiance"]

MOON_SOLID_ANGLE_SR = 6.4177e-5
REFERENCE_DISTANCE_KM = 384400.0
ANGLES = {"phase": "deg", "observer_latitude": "deg", "observer_longitude": "deg", "sun_longitude": "deg"}
_DISTANCES = {"moon_distance": "km", "sun_distance": "au"}
# rows evaluated together: their arrays stay in the processor's cache
_BLOCK = 4096


def disk_reflectance(model: IrradianceModel, geometry: xr.Dataset) -> xr.DataArray:
    """Disk-equivalent reflectance, the model's factors included: the dimensions of the geometry's angles, then "model_wavelength".

    `geometry` holds phase (its sign does not matter), observer_latitude, observer_longitude and sun_longitude with their units, over any dimensions.
    InputError outside the phases that the model was made for.
    """
    array = _disk(model, geometry, np.arange(len(model.wavelength_nm)))
    return array.assign_coords(model_wavelength=("model_wavelength", model.wavelength_nm, {"units": "nm"}))


def spectral_irradiance(model: IrradianceModel, geometry: xr.Dataset, wavelength_nm: np.ndarray) -> xr.DataArray:
    """Irradiance in W m-2 um-1 at single wavelengths: the dimensions of the geometry, then "wavelength". `geometry` as for `band_irradiance`."""
    return _irradiance(model, geometry, irradiance_weights(model, np.asarray(wavelength_nm, dtype=float)))


def band_irradiance(model: IrradianceModel, geometry: xr.Dataset, response: xr.DataArray) -> xr.DataArray:
    """Mean irradiance over each band's response, W m-2 um-1: the dimensions of the geometry, then "band" where the geometry has it not.

    `geometry` holds the angles of `disk_reflectance`, moon_distance and sun_distance with their units, one value for all bands or one per "band";
    `response` is relative, over (band, wavelength in nm). Reflectance, Sun and response are each linear between their own samples, and their product
    is integrated exactly over the union of all these samples (to 1e-8 where the model follows a reference spectrum, a fourth factor): no grid is chosen,
    and no table is sampled at the centre of a band, which on Venµs would cost up to 4.6 %.
    """
    weights = irradiance_weights(model, response)
    if "band" in geometry.dims:
        geometry = geometry.sel(band=weights["band"])
    return _irradiance(model, geometry, weights)


def irradiance_at(model: IrradianceModel, geometry: xr.Dataset, at: xr.DataArray | np.ndarray) -> xr.DataArray:
    """`band_irradiance` over responses, `spectral_irradiance` at an array of wavelengths in nm."""
    if isinstance(at, xr.DataArray):
        return band_irradiance(model, geometry, at)
    return spectral_irradiance(model, geometry, at)


def irradiance_weights(model: IrradianceModel, at: xr.DataArray | np.ndarray) -> xr.DataArray:
    """What the reflectance (less the model's offset) at each model wavelength contributes to the irradiance at both reference distances, times π/Ω_M.

    `at`: responses over (band, wavelength in nm), or an array of wavelengths in nm. Over ("band" or "wavelength", "model_wavelength"), W m-2 nm-1. All
    geometries share it, because the irradiance is linear in these reflectances.
    """
    if isinstance(at, xr.DataArray):
        rows = np.stack([_band_weights(model, at.sel(band=band)) for band in at["band"].values])
        return xr.DataArray(rows, dims=("band", "model_wavelength"), coords={"band": at["band"].values})
    _check_cover(model, at.min(), at.max(), "the wavelengths asked for")
    rows = _interpolation(model, at) * _sun(model, at)[:, np.newaxis]
    coords = {"wavelength": ("wavelength", at, {"units": "nm"})}
    return xr.DataArray(rows, dims=("wavelength", "model_wavelength"), coords=coords)


def distance_scale(geometry: xr.Dataset) -> xr.DataArray:
    """The factor (sr) from weighted reflectances to irradiance in W m-2 nm-1."""
    distances = require(geometry, _DISTANCES, "geometry")
    scale = MOON_SOLID_ANGLE_SR / np.pi / distances["sun_distance"] ** 2
    return scale * (REFERENCE_DISTANCE_KM / distances["moon_distance"]) ** 2


def evaluate(
    terms: Mapping[str, np.ndarray],
    phase_deg: np.ndarray,
    latitude_deg: np.ndarray,
    longitude_deg: np.ndarray,
    sun_deg: np.ndarray,
) -> np.ndarray:
    """A by the equation at the head of this module for angles of shape (n,), without factors: shape (n, terms' length). The phase is absolute."""
    angles = [item[:, np.newaxis] for item in (phase_deg, latitude_deg, longitude_deg, np.radians(sun_deg))]
    values = np.empty((len(phase_deg), max(item.size for item in terms.values())))
    for first in range(0, len(values), _BLOCK):
        part = slice(first, first + _BLOCK)
        values[part] = _reflectance(terms, *(item[part] for item in angles))
    return values


def _irradiance(model: IrradianceModel, geometry: xr.Dataset, weights: xr.DataArray) -> xr.DataArray:
    kept = np.flatnonzero((weights != 0).any([dim for dim in weights.dims if dim != "model_wavelength"]).values)
    reflectance = _disk(model, geometry, kept)
    if model.offset is not None:
        reflectance = reflectance - xr.DataArray(model.offset[kept], dims="model_wavelength")
    mean = xr.dot(reflectance, weights[..., kept], dim="model_wavelength")
    # tables are per nm, irradiance is kept per um
    return stamp(mean * distance_scale(geometry) * 1e3, "W m-2 um-1", "irradiance of the Moon by the model")


def _disk(model: IrradianceModel, geometry: xr.Dataset, kept: np.ndarray) -> xr.DataArray:
    """Reflectance at the model wavelengths number `kept`."""
    angles = require(geometry, ANGLES, "geometry")
    arrays = xr.broadcast(*(angles[name].astype(float) for name in ANGLES))
    phase, latitude, longitude, sun = (item.values.ravel() for item in arrays)
    _check_phase(model, np.abs(phase))
    terms = {key: value if value.size == 1 else value[kept] for key, value in model.terms.items()}
    values = evaluate(terms, np.abs(phase), latitude, longitude, sun) * model.factor[kept]
    shaped = values.reshape(*arrays[0].shape, len(kept))
    array = xr.DataArray(shaped, dims=(*arrays[0].dims, "model_wavelength"), coords=arrays[0].coords)
    return stamp(array, "1", "disk-equivalent reflectance of the Moon")


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
    reference = () if model.reference_wavelength_nm is None else model.reference_wavelength_nm
    tables = np.concatenate([wavelengths, model.solar_wavelength_nm, model.wavelength_nm, reference])
    nodes = np.unique(tables[(tables >= low) & (tables <= high)])
    middle = (nodes[1:] + nodes[:-1]) / 2
    # Simpson's rule is exact for a product of three straight lines
    points = np.concatenate([nodes, middle])
    step = np.diff(nodes) / 6
    share = np.concatenate([np.append(step, 0) + np.append(0, step), 4 * step]) * np.interp(points, wavelengths, values)
    return np.asarray((share * _sun(model, points)) @ _interpolation(model, points) / share.sum())


def _interpolation(model: IrradianceModel, points: np.ndarray) -> np.ndarray:
    """The matrix (points, model wavelengths) that carries reflectances less offset to other wavelengths."""
    nodes = model.wavelength_nm
    if model.reference_wavelength_nm is None or model.reference_reflectance is None:
        return _hats(nodes, points)
    table = model.reference_wavelength_nm, model.reference_reflectance
    ratios = _hats(nodes, np.clip(points, nodes[0], nodes[-1]))
    return np.asarray(ratios * np.interp(points, *table)[:, np.newaxis] / np.interp(nodes, *table))


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
    own = model.wavelength_nm if model.reference_wavelength_nm is None else model.reference_wavelength_nm
    for name, nodes in ((model.title, own), (model.solar_spectrum, model.solar_wavelength_nm)):
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
