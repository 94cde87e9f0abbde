"""From the signal of the disk to a gain: irradiance measured over irradiance by the model, with the budget of its uncertainty."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from pydantic import Field

from calib.config import Model
from calib.moon.irradiance import IrradianceModel, band_irradiance
from calib.moon.model_uncertainty import beyond_spread, known_spread, uncertain_irradiance
from calib.moon.solid_angle import SolidAngle, solid_angle
from calib.sensor import OfficialParameters, Sensor
from calib.types import require, same_order
from calib.uncertainty import Component, Uncertain, from_dataset, to_variables
from calib.units import Degrees, Fraction, Kilometres, Nanometres, as_written, stamp

_GEOMETRY_COPIES = (
    "phase", "moon_distance", "sun_distance", "observer_latitude", "observer_longitude", "sun_latitude", "sun_longitude", "apparent_radius",
)  # fmt: skip
#: flags after which a band's gain is not to be used
HARD_FLAGS = frozenset({"saturated", "eclipse", "earth_limb"})


class GainParameters(Model):
    """Guards, and the sizes of the uncertainty components that the image does not tell (k = 1, of k)."""

    usual_phase: tuple[Degrees, Degrees] = Field(
        default=(as_written("5 deg"), as_written("75 deg")), description="flag phases outside"
    )
    smallest_clearance: Kilometres = Field(
        default=as_written("100 km"), description="of the line of sight above the Earth"
    )
    lunar_radius: Fraction = Field(
        default=0.0004,
        ge=0,
        description="of the mean radius of the limb: 1737.4 km taken, 1738.09 km where occultations are predicted (k = 0.2725076, IAU 1982)",
    )
    solid_angle: Fraction = Field(
        default=0.0003,
        ge=0,
        description="of a sample: what the mean radius of the limb changes by with libration (0.15 of 932 arcseconds); beside the fit's",
    )
    solid_angle_gap: Fraction = Field(default=0.005, gt=0, description="flag a larger gap between limb and rates")
    oversampling_gap: Fraction = Field(default=0.005, gt=0, description="flag a larger gap between limb and attitude")
    oversampling_alone: Fraction = Field(
        default=0.002,
        ge=0,
        description="of the oversampling where no attitude and no scan rates hold the limb to account",
    )
    spectral_interpolation: Fraction = Field(default=0.005, ge=0)
    spectral_interpolation_blue: Fraction = Field(default=0.01, ge=0, description="below blue_limit")
    solar_spectrum: Fraction = Field(default=0.003, ge=0)
    solar_spectrum_blue: Fraction = Field(default=0.005, ge=0, description="below blue_limit")
    blue_limit: Nanometres = Field(default=as_written("440 nm"), description="band centres below it are blue")
    response: Fraction = Field(default=0.003, ge=0)
    response_narrow_blue: Fraction = Field(default=0.005, ge=0, description="for band centres below response_limit")
    response_limit: Nanometres = Field(default=as_written("470 nm"))
    geometry: Fraction = Field(default=0.0002, ge=0)


def lunar_gain(
    disk: xr.Dataset,
    signal: xr.Dataset,
    geometry: xr.Dataset,
    sensor: Sensor,
    po: OfficialParameters,
    model: IrradianceModel,
    parameters: GainParameters,
) -> xr.Dataset:
    """k = measured over modelled irradiance in each band with its budget, the gain proposed (k times the gain used), flags, and whether it is valid.

    All over "band" in the sensor's order. Angles in degrees, distances in km and au, gains in DN / (W m-2 sr-1 um-1).
    """
    names = same_order(map(str, disk["band"].values), sensor.bands)
    disk, signal, geometry = disk.sel(band=names), signal.sel(band=names), geometry.sel(band=names)
    geometry = require(
        geometry,
        {"phase": "deg", "apparent_radius": "rad", "eclipse_margin": "deg", "earth_clearance": "km"},
        "geometry",
    )
    response = sensor.response.sel(band=names)
    modelled = band_irradiance(model, geometry, response)
    used = po.gain(names)
    radius = geometry["apparent_radius"].drop_attrs()
    nominal, line_angle = disk["nominal_angle_line"].drop_attrs(), radius / disk["semi_axis_line"]
    disk = disk.assign(sample_angle_line=_advance(disk, geometry, nominal))
    sample = solid_angle(disk, radius)
    k, measured = coefficient(from_dataset(signal, "signal"), sample.used, modelled, used)
    by_limb, by_attitude = nominal / line_angle, nominal / disk["sample_angle_line"]
    apart = by_limb / by_attitude - 1.0
    centre = xr.DataArray([sensor.bands[name].centre for name in names], dims="band", coords={"band": names})
    of_model, between, outside = model_components(model, geometry, response, modelled)
    k = with_budget(k, sample, centre, of_model, parameters)
    line_error = (disk["axis_uncertainty"] / disk["semi_axis_line"]).drop_attrs()
    spread = geometry["oversampling_spread"] if "oversampling_spread" in geometry else xr.full_like(apart, np.nan)
    raised = flags(disk, signal, geometry, (sample.gap, apart), parameters)
    if outside:
        raised = [[*item, "model_spread_unknown"] for item in raised]
    variables = {
        **to_variables("k", k),
        "irradiance_measured": measured,
        "irradiance_model": modelled,
        "model_spread": stamp(between, "1", "spread between the models compared, of the irradiance"),
        "solid_angle": stamp(sample.used, "sr", "solid angle of a sample"),
        "solid_angle_limb": stamp(sample.limb, "sr", "solid angle of a sample by the band's own limb"),
        "solid_angle_rates": stamp(sample.rates, "sr", "solid angle of a sample by pixel angle and scan rate"),
        "oversampling": stamp(by_limb, "1", "nominal over true advance of a line"),
        "oversampling_limb": stamp(by_limb, "1", "oversampling by the band's own limb"),
        "oversampling_limb_uncertainty": stamp(by_limb * line_error, "1", "its standard uncertainty"),
        "oversampling_attitude": stamp(
            by_attitude, "1", "oversampling by attitude and orbit, or scan rates: mean over the disk"
        ),
        "oversampling_spread": stamp(
            spread, "1", "relative standard deviation of the oversampling over the lines of the disk"
        ),
        "oversampling_gap": stamp(apart, "1", "oversampling by limb over that by attitude, minus one"),
        "gain_used": used,
        "gain_proposed": stamp(k.value * used, used.attrs["units"], "gain that the Moon proposes"),
        "gain_uncertainty": stamp(k.total() * used, used.attrs["units"], "its standard uncertainty"),
        "valid": xr.DataArray([not HARD_FLAGS.intersection(item) for item in raised], dims="band"),
        "flags": xr.DataArray([",".join(item) for item in raised], dims="band"),
        "crossing_time": disk["crossing_time"],
        **{name: geometry[name] for name in _GEOMETRY_COPIES},
    }
    dataset = xr.Dataset(
        {name: array.drop_vars([key for key in array.coords if key != "band"]) for name, array in variables.items()}
    )
    for array in dataset.data_vars.values():
        array.attrs.pop("quantum", None)
    return dataset.assign_coords(band=names).assign_attrs(
        model=model.title,
        models_compared="; ".join(item.title for item in model.compared if item.title not in outside),
        solar_spectrum=model.solar_spectrum,
        po_version=po.version,
    )


def _advance(disk: xr.Dataset, geometry: xr.Dataset, nominal: xr.DataArray) -> xr.DataArray:
    """By how much a line advances on the sky [rad], mean over the disk: by attitude and orbit, else by the product's scan rates; NaN without."""
    if "oversampling_attitude" not in geometry:
        return disk["sample_angle_line"]
    return stamp(nominal / geometry["oversampling_attitude"].drop_attrs(), "rad")


def coefficient(
    signal: Uncertain,
    solid_angle_sr: xr.DataArray,
    irradiance_model: xr.DataArray,
    gain_used: xr.DataArray,
) -> tuple[Uncertain, xr.DataArray]:
    """k = E / E_model with the components of the signal, and E itself [W m-2 um-1].

    E = signal · Ω / A, Ω the solid angle of a sample at the disk's mean scan rate.
    """
    per_count = solid_angle_sr / gain_used
    measured = stamp(signal.value * per_count, "W m-2 um-1", "irradiance of the Moon by the image")
    factor = (per_count / irradiance_model).drop_attrs()
    components = tuple(Component(item.name, item.values * factor, item.correlation) for item in signal.components)
    return Uncertain(stamp(measured / irradiance_model, "1", "measured over modelled irradiance"), components), measured


def model_components(
    model: IrradianceModel, geometry: xr.Dataset, response: xr.DataArray, modelled: xr.DataArray
) -> tuple[list[Component], xr.DataArray, list[str]]:
    """The model's components, relative and with the sign of their effect on k; its spread against the models it is compared with, NaN where there are
    none; and the titles of those that do not hold at this phase.

    The spread and a stated `model_scale` tell of one thing: together they are as large as the larger of the two. The uncertainty of LIME's coefficients, each
    band's own, is another error than the gap between models that all bands share, and stays beside it.
    """
    plain = modelled.drop_attrs()
    stated = uncertain_irradiance(model, geometry, response, modelled).components
    found, outside = known_spread(model, geometry, response)
    between = xr.full_like(plain, np.nan) if found is None else found.values.drop_attrs()
    parts = []
    for item in stated:
        size = item.values / plain
        if item.name == "model_scale" and found is not None:
            size = beyond_spread(size, between)
        correlation = "along band acquisition" if item.name == "model_phase" else item.correlation
        parts.append(Component(item.name, size, correlation))
    if found is not None:
        # a model that is too bright makes k too small
        parts.insert(0, Component(found.name, -between, found.correlation))
    return parts, between, outside


def with_budget(
    k: Uncertain,
    sample: SolidAngle,
    centre_nm: xr.DataArray,
    of_model: Sequence[Component],
    parameters: GainParameters,
) -> Uncertain:
    """k with the components that do not come from the signal: solid angle, model (`of_model`, relative), spectra, geometry."""
    of_solid_angle = (parameters.solid_angle**2 + sample.fit**2) ** 0.5
    blue = centre_nm < parameters.blue_limit
    one = xr.ones_like(centre_nm)
    sizes = (
        # the solid angle goes with the square of the radius
        ("lunar_radius", 2 * parameters.lunar_radius * one, "common"),
        ("solid_angle", of_solid_angle, "along band"),
        ("oversampling", sample.half_gap.fillna(parameters.oversampling_alone), "along band"),
        *((item.name, item.values, item.correlation) for item in of_model),
        (
            "spectral_interpolation",
            _either(blue, parameters.spectral_interpolation_blue, parameters.spectral_interpolation),
            "along acquisition",
        ),
        ("solar_spectrum", _either(blue, parameters.solar_spectrum_blue, parameters.solar_spectrum), "common"),
        (
            "response",
            _either(centre_nm < parameters.response_limit, parameters.response_narrow_blue, parameters.response),
            "along acquisition",
        ),
        ("geometry", parameters.geometry * one, "along band"),
    )
    for name, size, correlation in sizes:
        k = k.with_component(name, (size * k.value).drop_attrs(), correlation)
    return k


def _either(condition: xr.DataArray, yes: float, no: float) -> xr.DataArray:
    return xr.full_like(condition, no, dtype=float).where(~condition, yes)


def flags(
    disk: xr.Dataset,
    signal: xr.Dataset,
    geometry: xr.Dataset,
    gaps: tuple[xr.DataArray, xr.DataArray],
    parameters: GainParameters,
) -> list[list[str]]:
    """Names of the flags of each band: those of disk and signal, then those of geometry and of the `gaps` between limb and rates, in solid angle and
    oversampling."""
    low, high = parameters.usual_phase
    phase = np.abs(geometry["phase"].values)
    tests = {
        "unusual_phase": (phase < low) | (phase > high),
        "eclipse": geometry["eclipse_margin"].values <= 0,
        "earth_limb": geometry["earth_clearance"].values < parameters.smallest_clearance,
        "solid_angle_gap": np.abs(gaps[0].values) > parameters.solid_angle_gap,
        "oversampling_gap": np.abs(gaps[1].values) > parameters.oversampling_gap,
    }
    result = []
    for index, band in enumerate(disk["band"].values):
        names = [
            name for data in (disk, signal) for name in str(data["flags"].sel(band=band).item()).split(",") if name
        ]
        names += [name for name, raised in tests.items() if raised[index]]
        result.append(list(dict.fromkeys(names)))
    return result
