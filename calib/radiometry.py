"""Counts, radiance and reflectance at the top of the atmosphere, one into another, with the origin of every number kept.

    L = counts / gain + bias                        W m-2 sr-1 um-1
    ρ = (counts + offset) / quantification          1
    ρ = π L d² / (E0 cos θ)                         d the distance of the Sun in au, E0 its irradiance in the band at 1 au, θ its zenith angle

A number comes from the product, from a table of the project, or from the user; which one is asked for by name and told with the result. What nobody
gives is an error that says what is missing: nothing is filled in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Literal

import numpy as np
import xarray as xr

from calib.acquisition import Acquisition, Calibration, Known
from calib.config import suggestion
from calib.errors import InputError
from calib.sensor import OfficialParameters
from calib.spectra import band_solar_irradiance
from calib.units import stamp

Choice = Literal["product", "table", "user"]
#: a solar irradiance that departs more from the integral over the response is a dummy or another band's
SOLAR_TOLERANCE = 0.05
RADIANCE_UNIT = "W m-2 sr-1 um-1"
GAIN_UNIT = "DN / (W m-2 sr-1 um-1)"


@dataclass(frozen=True)
class Radiometry:
    """The calibration of every band as chosen, and what is worth saying of the choice."""

    bands: Mapping[str, Calibration]
    notes: tuple[str, ...] = ()

    def of(self, band: str) -> Calibration:
        """The calibration of one band."""
        if band not in self.bands:
            raise InputError(f"band '{band}' has no calibration{suggestion(band, self.bands)}")
        return self.bands[band]

    def origins(self) -> dict[str, dict[str, Known]]:
        """Every number that is known, by band and name, for reports and files."""
        return {
            band: {item.name: known for item in fields(Calibration) if (known := getattr(calibration, item.name))}
            for band, calibration in self.bands.items()
        }


def choose(
    acquisition: Acquisition,
    *,
    gains: Choice = "product",
    table: OfficialParameters | None = None,
    user: Mapping[str, float] | None = None,
    response: xr.DataArray | None = None,
    spectrum: xr.DataArray | None = None,
) -> Radiometry:
    """The calibration of every band with the gains of the product, of the official parameters `table`, or of the `user` (DN per radiance, by band).

    With a `response` and a solar `spectrum`, the solar irradiance of the product is compared with the integral over the response: one that departs by
    more than 5 % (dummies exist) is replaced by the integral, as is one that the product does not give; both are said in the notes.
    """
    notes: list[str] = []
    response = acquisition.responses if response is None else response
    solar = None if response is None or spectrum is None else band_solar_irradiance(response, spectrum)
    bands = {}
    for name, image in acquisition.bands.items():
        calibration = _with_gain(image.calibration, name, gains, table, user)
        bands[name] = _with_sun(calibration, name, solar, spectrum, notes)
    filled = [
        name
        for name, image in acquisition.bands.items()
        if bands[name].solar_irradiance and not image.calibration.solar_irradiance
    ]
    if filled and spectrum is not None:
        notes.append(
            f"solar irradiance of {', '.join(filled)} from {spectrum.name} over the response; the product gives none"
        )
    return Radiometry(bands, tuple(notes))


def radiance(counts: xr.DataArray, calibration: Calibration, *, nodata: int | None = None) -> xr.DataArray:
    """Radiance of one band's counts, W m-2 sr-1 um-1, NaN where the counts are `nodata`: lazy if the counts are. Attributes name the gain's origin."""
    gain = calibration.gain
    # the gain that such a product names was used to make it, and is not that of its counts
    if calibration.quantification is not None:
        raise InputError(
            "the counts of this product are reflectances, to which no gain applies; make radiances with radiance_of_reflectance"
        )
    if gain is None:
        raise InputError(
            "the product gives no gain, and a radiance needs one: take it from the table (official parameters) or give it yourself"
        )
    values = _valid(counts, nodata) / gain.value
    if calibration.bias is not None:
        values = values + calibration.bias.value
    return _stamped(values, RADIANCE_UNIT, "radiance", calibration, ("gain", "bias"))


def reflectance(
    counts: xr.DataArray,
    calibration: Calibration,
    *,
    sun_zenith_deg: float | xr.DataArray | None = None,
    sun_distance_au: float | None = None,
    nodata: int | None = None,
) -> xr.DataArray:
    """Reflectance of one band's counts, NaN where they are `nodata`: by the product's own quantification, or through radiance, Sun and its distance."""
    if calibration.quantification is not None:
        offset = 0.0 if calibration.offset is None else calibration.offset.value
        values = _valid(counts, nodata)
        values = (values if offset == 0 else values + offset) / calibration.quantification.value
        return _stamped(values, "1", "reflectance", calibration, ("quantification", "offset"))
    values = radiance(counts, calibration, nodata=nodata)
    values = values * _per_radiance(calibration, sun_zenith_deg, sun_distance_au)
    return _stamped(values, "1", "reflectance", calibration, ("gain", "bias", "solar_irradiance"))


def radiance_of_reflectance(
    values: xr.DataArray, calibration: Calibration, *, sun_zenith_deg: float | xr.DataArray, sun_distance_au: float
) -> xr.DataArray:
    """Radiance that belongs to a reflectance under the Sun of its acquisition, W m-2 sr-1 um-1."""
    made = values / _per_radiance(calibration, sun_zenith_deg, sun_distance_au)
    return _stamped(made, RADIANCE_UNIT, "radiance", calibration, ("quantification", "offset", "solar_irradiance"))


def _per_radiance(
    calibration: Calibration, sun_zenith_deg: float | xr.DataArray | None, sun_distance_au: float | None
) -> xr.DataArray:
    """Reflectance per unit of radiance."""
    solar = calibration.solar_irradiance
    if solar is None or sun_zenith_deg is None or sun_distance_au is None:
        needed = {"the Sun's irradiance": solar, "its zenith angle": sun_zenith_deg, "its distance": sun_distance_au}
        missing = ", ".join(name for name, value in needed.items() if value is None)
        raise InputError(
            f"between radiance and reflectance stand the Sun's irradiance, zenith angle and distance; missing: {missing}; give them"
        )
    highest = float(np.max(sun_zenith_deg))
    if not highest < 90:
        raise InputError(f"the Sun stands below the horizon (zenith {highest:.1f} deg): no reflectance")
    if not 0.97 < sun_distance_au < 1.03:
        raise InputError(f"a distance of the Sun of {sun_distance_au:g} au is none of the Earth's; give it in au")
    cosine = xr.DataArray(np.cos(np.radians(sun_zenith_deg)))
    return np.pi * sun_distance_au**2 / (solar.value * cosine)


def _valid(counts: xr.DataArray, nodata: int | None) -> xr.DataArray:
    # float64: a division in single precision would not give back exact counts
    values = counts.astype(np.float64)
    return values if nodata is None else values.where(counts != nodata)


def _stamped(
    values: xr.DataArray, unit: str, title: str, calibration: Calibration, used: tuple[str, ...]
) -> xr.DataArray:
    stamped = stamp(values, unit, title)
    for name in used:
        known: Known | None = getattr(calibration, name)
        if known is not None:
            stamped.attrs[f"{name}_origin"] = f"{known.origin}: {known.value:.10g} {known.unit} ({known.source})"
    return stamped


def _with_gain(
    calibration: Calibration,
    band: str,
    choice: Choice,
    table: OfficialParameters | None,
    user: Mapping[str, float] | None,
) -> Calibration:
    if choice == "product":
        return calibration
    if choice == "table":
        if table is None:
            raise InputError("gains of the table were asked for, but no official parameters were given; name them")
        gain = Known(float(table.gain([band])[0]), GAIN_UNIT, "table", table.label)
    else:
        if user is None or band not in user:
            raise InputError(f"gains of the user were asked for, but there is none for band {band}; give it")
        gain = Known(float(user[band]), GAIN_UNIT, "user", f"gain given for {band}")
    # another gain comes without the product's bias: it was determined with that one
    return replace(calibration, gain=gain, bias=None)


def _with_sun(
    calibration: Calibration, band: str, solar: xr.DataArray | None, spectrum: xr.DataArray | None, notes: list[str]
) -> Calibration:
    if solar is None or spectrum is None or band not in solar["band"].values:
        return calibration
    integral, stated = float(solar.sel(band=band)), calibration.solar_irradiance
    if not np.isfinite(integral):
        return calibration
    table = Known(integral, "W m-2 um-1", "table", f"{spectrum.name} over the response of {band}")
    if stated is None:
        return replace(calibration, solar_irradiance=table)
    if abs(stated.value / integral - 1) > SOLAR_TOLERANCE:
        notes.append(
            f"{band}: the product's solar irradiance {stated.value:g} departs by {100 * (stated.value / integral - 1):+.1f} % from "
            f"{table.source}, {integral:.1f} W m-2 um-1, which is used instead"
        )
        return replace(calibration, solar_irradiance=table)
    return calibration
