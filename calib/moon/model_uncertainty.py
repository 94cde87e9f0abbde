"""How uncertain a lunar model is: its own statement, and the spread between models, which is a systematic term and no noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from calib.errors import RequestError
from calib.moon.irradiance import (
    ANGLES,
    distance_scale,
    evaluate,
    irradiance_at,
    irradiance_weights,
)
from calib.moon.models import IrradianceModel
from calib.types import require
from calib.uncertainty import COMMON, Component, Uncertain
from calib.units import stamp

# rows propagated together: 18 sensitivities to each model wavelength stay in the processor's cache
_BLOCK = 2048


def uncertain_irradiance(
    model: IrradianceModel, geometry: xr.Dataset, at: xr.DataArray | np.ndarray, value: xr.DataArray | None = None
) -> Uncertain:
    """Irradiance in W m-2 um-1 with what the model says of its uncertainty (k = 1); solar spectrum and response are not in it.

    `at`: responses over (band, wavelength in nm) or an array of wavelengths in nm; `geometry` and the dimensions as for `band_irradiance`; `value` is that
    irradiance where it is at hand. Components: `model_coefficients`, from the covariance of the terms, in each band alone and one on all dates, or, for a
    model that has none, `model_scale`, common; and `model_phase`, the residual with phase and libration, one for all bands of all dates.
    """
    if value is None:
        value = irradiance_at(model, geometry, at)
    plain = value.drop_attrs()
    dates = [str(dim) for dim in value.dims if dim not in ("band", "wavelength")]
    if model.covariance is None:
        first = Component("model_scale", model.scale_uncertainty * plain, COMMON)
    else:
        effect = _coefficients(model, geometry, irradiance_weights(model, at)).transpose(*value.dims)
        first = Component("model_coefficients", effect, " ".join(["along acquisition", *dates]))
    phase = Component(
        "model_phase", model.phase_uncertainty * plain, " ".join(["along band wavelength acquisition", *dates])
    )
    return Uncertain(value, (first, phase))


def spread(models: Sequence[IrradianceModel], geometry: xr.Dataset, at: xr.DataArray | np.ndarray) -> Component:
    """The disagreement of models as a relative standard uncertainty ("1") of the first one's irradiance in each band (or at each wavelength).

    Sample standard deviation of the models' relative irradiances, its mean over all dates of `geometry`; its sign is that of the first model against the
    mean of the others, so that the effect is one error, common to all bands and dates. RequestError for a single model and for models on other Suns.
    """
    if len(models) < 2:
        raise RequestError(f"the spread of {len(models)} model is not known; give two models or more")
    suns = {model.solar_spectrum for model in models}
    if len(suns) > 1:
        raise RequestError(f"models with the Suns of {', '.join(sorted(suns))} cannot be compared; give all the same")
    every = xr.concat([irradiance_at(model, geometry, at).drop_attrs() for model in models], dim="model")
    ratio = every / every.isel(model=0)
    dates = [dim for dim in ratio.dims if dim not in ("model", "band", "wavelength")]
    mean = ratio.mean(dates)
    above = mean.isel(model=0) >= mean.isel(model=slice(1, None)).mean("model")
    sign = 2.0 * above - 1.0
    return Component("model_spread", stamp(sign * mean.std("model", ddof=1), "1", "spread between models"), COMMON)


def known_spread(
    model: IrradianceModel, geometry: xr.Dataset, at: xr.DataArray | np.ndarray
) -> tuple[Component | None, list[str]]:
    """`spread` of the model and of those it is compared with that hold at every phase of `geometry`, and the titles of those that do not; None where
    nothing is left to compare with."""
    phase = np.abs(require(geometry, {"phase": "deg"}, "geometry")["phase"].values)
    holds = [
        bool(np.all((phase >= item.phase_limits_deg[0]) & (phase <= item.phase_limits_deg[1])))
        for item in model.compared
    ]
    fit = [item for item, inside in zip(model.compared, holds, strict=True) if inside]
    out = [item.title for item, inside in zip(model.compared, holds, strict=True) if not inside]
    return (spread([model, *fit], geometry, at) if fit else None), out


def beyond_spread(own: xr.DataArray, between: xr.DataArray) -> xr.DataArray:
    """What a stated uncertainty of the common scale (relative) holds beyond the spread between models: together they make the larger of the two.

    Both tell of one thing, how well the scale of the Moon is known. The spread is one sign of it and stays whole, because it differs from band to band; what
    it leaves of the statement is kept beside it.
    """
    return (own**2 - between**2).clip(min=0.0) ** 0.5


def _coefficients(model: IrradianceModel, geometry: xr.Dataset, weights: xr.DataArray) -> xr.DataArray:
    """Standard uncertainty of the irradiance, W m-2 um-1, by the covariance of the model's terms, to first order."""
    assert model.covariance is not None
    arrays = xr.broadcast(*require(geometry, ANGLES, "geometry")[list(ANGLES)].astype(float).data_vars.values())
    angles = [item.values.ravel() for item in arrays]
    angles[0] = np.abs(angles[0])
    variance = np.empty((angles[0].size, weights.shape[0]))
    for first in range(0, len(variance), _BLOCK):
        part = slice(first, first + _BLOCK)
        variance[part] = _variance(model, weights.values, *(item[part] for item in angles))
    deviation = np.sqrt(variance).reshape(*arrays[0].shape, weights.shape[0])
    if "band" in arrays[0].dims:
        # one geometry per band: of every row only the band's own weights apply
        array = xr.DataArray(deviation, dims=(*arrays[0].dims, "own"), coords=arrays[0].coords)
        names = list(weights["band"].values)
        own = xr.DataArray([names.index(name) for name in array["band"].values], dims="band")
        array = array.isel(own=own).sel(band=names)
    else:
        coords = {**arrays[0].coords, **weights.coords}
        array = xr.DataArray(deviation, dims=(*arrays[0].dims, weights.dims[0]), coords=coords)
    return array * distance_scale(geometry) * 1e3


def _variance(model: IrradianceModel, weights: np.ndarray, *angles: np.ndarray) -> np.ndarray:
    """Variance (rows, bands) of the weighted reflectance."""
    assert model.covariance is not None
    used = np.flatnonzero((weights != 0).any(axis=0))
    terms = {key: value if value.size == 1 else value[used] for key, value in model.terms.items()}
    reflectance = evaluate(terms, *angles) * model.factor[used]
    slopes = {
        number: _slopes(model, number, *angles) * reflectance[:, [place]] for place, number in enumerate(used.tolist())
    }
    products, shares = [], []
    for place, number in enumerate(used.tolist()):
        for other in used[place:].tolist():
            both = weights[:, number] * weights[:, other] * (1.0 if number == other else 2.0)
            if both.any():
                # contiguous, or the product leaves the fast routines
                carried = slopes[number] @ np.ascontiguousarray(model.covariance[:, number, :, other])
                products.append(np.einsum("nt,nt->n", carried, slopes[other]))
                shares.append(both)
    return np.asarray(np.maximum(np.stack(products, axis=1) @ np.stack(shares), 0.0))


def _slopes(
    model: IrradianceModel,
    number: int,
    phase_deg: np.ndarray,
    latitude_deg: np.ndarray,
    longitude_deg: np.ndarray,
    sun_deg: np.ndarray,
) -> np.ndarray:
    """Derivatives (rows, 18) of ln A at one model wavelength with respect to its terms, in the order of TERMS."""
    t = {key: float(value[number if value.size > 1 else 0]) for key, value in model.terms.items()}
    g, sun = np.radians(phase_deg), np.radians(sun_deg)
    one, narrow, wide = np.ones_like(g), np.exp(-phase_deg / t["p1"]), np.exp(-phase_deg / t["p2"])
    turn = (phase_deg - t["p3"]) / t["p4"]
    cosine, sine = np.cos(turn), np.sin(turn)
    columns = [
        one,
        g,
        g**2,
        g**3,
        sun,
        sun**3,
        sun**5,
        latitude_deg,
        longitude_deg,
        sun * latitude_deg,
        sun * longitude_deg,
    ]
    columns += [narrow, wide, cosine]
    columns += [t["d1"] * narrow * phase_deg / t["p1"] ** 2, t["d2"] * wide * phase_deg / t["p2"] ** 2]
    columns += [t["d3"] * sine / t["p4"], t["d3"] * sine * turn / t["p4"]]
    return np.stack(columns, axis=1)
