"""The solid angle of a sample: by the limb of each band, by pixel angles and scan rates, and the two joined over the bands of a date."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

_OUTLIER_SIGMA = 3.0


@dataclass(frozen=True)
class SolidAngle:
    """Solid angles [sr] over band. `gap` is limb over rates minus one in each band, NaN where no rates are known. Relative uncertainties (k = 1): `fit` of the
    limb, and `half_gap`, half of what the limbs of all bands together differ from the rates beyond `fit`, NaN where no rates are known."""

    used: xr.DataArray
    limb: xr.DataArray
    rates: xr.DataArray
    gap: xr.DataArray
    fit: xr.DataArray
    half_gap: xr.DataArray


def solid_angle(disk: xr.Dataset, apparent_radius_rad: xr.DataArray) -> SolidAngle:
    """The limb gives the scale, one for all bands of a date; the rates give what differs from band to band.

    Each band's limb tells (R/a_column)(R/a_line). Its ratio to pixel angles times scan rate is the same in every band, as all look through one
    camera at one scan: the mean of the ratios over the bands that agree is far better than a single faint band's, and a failed fit is outvoted.
    A band without rates keeps its own limb.
    """
    radius = apparent_radius_rad.drop_attrs()
    limb = (radius**2 / (disk["semi_axis_column"] * disk["semi_axis_line"])).drop_attrs()
    rates = (disk["sample_angle_column"] * disk["sample_angle_line"]).drop_attrs()
    gap = limb / rates - 1.0
    column = disk["axis_uncertainty"] / disk["semi_axis_column"]
    line = disk["axis_uncertainty"] / disk["semi_axis_line"]
    fit = ((column**2 + line**2) ** 0.5).drop_attrs()
    scale, spread = _agreed(gap.values, fit.values)
    used = (rates * (1.0 + scale)).where(np.isfinite(gap), limb)
    joint = xr.full_like(fit, spread).where(np.isfinite(gap), fit)
    # a gap that the fit explains is in the budget already
    beyond = float(np.sqrt(max(scale**2 - spread**2, 0.0))) if np.isfinite(scale) else np.nan
    half_gap = xr.full_like(gap, beyond / 2).where(np.isfinite(gap))
    return SolidAngle(used, limb, rates, gap, joint, half_gap)


def _agreed(gap: np.ndarray, fit: np.ndarray) -> tuple[float, float]:
    """Weighted mean of the gaps that lie within three sigma of their median, and its uncertainty.

    The limbs of all bands are bent by the same maria and the same terminator: what they have in common does not average down, so the uncertainty is
    that of a single typical band, or the scatter between bands where that is larger.
    """
    seen = np.isfinite(gap)
    if not seen.any():
        return np.nan, np.nan
    gap, fit = gap[seen], np.maximum(fit[seen], 1e-6)
    distance = np.abs(gap - np.median(gap))
    scatter = 1.4826 * float(np.median(distance))
    kept = distance <= _OUTLIER_SIGMA * np.maximum(fit, scatter)
    weight = kept / fit**2
    mean = float(np.sum(weight * gap) / np.sum(weight))
    return mean, float(max(np.sqrt(np.sum(weight * fit**2) / np.sum(weight)), scatter))
