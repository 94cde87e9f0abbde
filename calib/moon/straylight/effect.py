"""What the stray light found does to the sum over the disk and to the coefficient: taken off, or only told, with its uncertainty in the budget."""

from __future__ import annotations

import xarray as xr

from calib.steps import NoParameters, Step
from calib.types import require
from calib.uncertainty import Component, Uncertain, from_dataset, to_variables
from calib.units import stamp

COMPONENT = "straylight"
#: the filters of an instrument err in the same way on every date
CORRELATION = "along acquisition"
TREATMENT = "straylight"
CORRECTED, REPORTED = "corrected", "reported"


def signal_without_straylight(signal: xr.Dataset, straylight: xr.Dataset, parameters: NoParameters) -> xr.Dataset:  # noqa: ARG001
    """The sum over the disk divided by one plus the stray light's share of it, over band; the uncertainty of that share is the component `straylight`.

    `signal` as DISK_SIGNAL gives it, `straylight` as LUNAR_STRAYLIGHT.
    """
    effect, doubt = _effect(signal, straylight)
    return _treated(signal, CORRECTED, (effect, doubt), 1 / (1 + effect), doubt / (1 + effect))


def signal_with_straylight(signal: xr.Dataset, straylight: xr.Dataset, parameters: NoParameters) -> xr.Dataset:  # noqa: ARG001
    """The sum over the disk as it is, with the stray light in it as the component `straylight`: its share and the uncertainty of that."""
    effect, doubt = _effect(signal, straylight)
    return _treated(signal, REPORTED, (effect, doubt), xr.ones_like(effect), (effect**2 + doubt**2) ** 0.5)


def straylight_effect(gain: xr.Dataset, signal: xr.Dataset, parameters: NoParameters) -> xr.Dataset:  # noqa: ARG001
    """k and the gain proposed with and without the stray light, over band. `gain` as LUNAR_GAIN made it from `signal`, one of the two above."""
    gain = require(gain, {"k": "1", "gain_used": "DN / (W m-2 sr-1 um-1)"}, "gain")
    signal = signal.sel(band=gain["band"].values)
    effect, doubt = signal["straylight_effect"].drop_attrs(), signal["straylight_effect_uncertainty"].drop_attrs()
    used, units = gain["gain_used"].drop_attrs(), gain["gain_used"].attrs["units"]
    k = gain["k"].drop_attrs()
    uncorrected = k * (1 + effect) if signal.attrs[TREATMENT] == CORRECTED else k
    corrected = uncorrected / (1 + effect)
    variables = {
        "k_uncorrected": stamp(uncorrected, "1", "k with the stray light in the disk"),
        "k_corrected": stamp(corrected, "1", "k without the stray light"),
        "k_straylight_uncertainty": stamp(corrected * doubt / (1 + effect), "1", "of k_corrected, by the correction"),
        "gain_uncorrected": stamp(uncorrected * used, units, "gain by k_uncorrected"),
        "gain_corrected": stamp(corrected * used, units, "gain by k_corrected"),
    }
    return xr.Dataset(
        {name: array.drop_vars([key for key in array.coords if key != "band"]) for name, array in variables.items()}
    )


def _effect(signal: xr.Dataset, straylight: xr.Dataset) -> tuple[xr.DataArray, xr.DataArray]:
    """Share of the sum over the disk that is stray light, and its uncertainty by what was found and by what may hide."""
    names = ("disk_effect", "disk_effect_uncertainty", "disk_effect_hidden")
    straylight = require(straylight, dict.fromkeys(names, "1"), "stray light").sel(band=signal["band"].values)
    effect, found, hidden = (straylight[name].drop_attrs() for name in names)
    return effect, (found**2 + hidden**2) ** 0.5


def _treated(
    signal: xr.Dataset,
    treatment: str,
    told: tuple[xr.DataArray, xr.DataArray],
    factor: xr.DataArray,
    doubt: xr.DataArray,
) -> xr.Dataset:
    """The signal times a factor, with one more component: `doubt` as a share of the result."""
    counts = from_dataset(signal, "signal")
    value = stamp(counts.value * factor, counts.value.attrs["units"], "counts of the disk")
    kept = tuple(Component(item.name, item.values * factor, item.correlation) for item in counts.components)
    result = Uncertain(value, kept).with_component(COMPONENT, (value * doubt).drop_attrs(), CORRELATION)
    return xr.Dataset(
        {
            **to_variables("signal", result),
            "straylight_effect": stamp(told[0], "1", "stray light in the sum over the disk, of the sum without it"),
            "straylight_effect_uncertainty": stamp(told[1], "1", "its standard uncertainty, what may hide included"),
            "flags": signal["flags"],
        }
    ).assign_attrs({TREATMENT: treatment})


SIGNAL_WITHOUT_STRAYLIGHT = Step(
    "signal_without_straylight", "1", ("signal", "straylight"), NoParameters, signal_without_straylight
)
SIGNAL_WITH_STRAYLIGHT = Step(
    "signal_with_straylight", "1", ("signal", "straylight"), NoParameters, signal_with_straylight
)
STRAYLIGHT_EFFECT = Step("straylight_effect", "1", ("gain", "signal"), NoParameters, straylight_effect)
