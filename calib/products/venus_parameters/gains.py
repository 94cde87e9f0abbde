"""PHGAIN, the physical gains that the project calls the official parameters, and NOISMO, the noise model: a table over band and TDI each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import xarray as xr

from calib.errors import InputError, RequestError
from calib.products.venus_parameters.header import Header, Source
from calib.products.venus_parameters.names import TDI, band_code
from calib.products.venus_parameters.records import per_band_and_tdi
from calib.products.venus_parameters.write import Tag, listing, tdi_words, write_file
from calib.sensor import GainVersion

GAIN_UNITS = "DN / (W m-2 sr-1 um-1)"
#: what the table of each type holds: element of the file, variable, least value, attributes
_VARIABLES: dict[str, dict[str, tuple[str, float, dict[str, str]]]] = {
    "GIP_PHGAIN": {
        "Physical_Gain": (
            "gain",
            0.0,
            {"units": GAIN_UNITS, "comment": "Ak; counts = gain x radiance, the unit is inferred: the file names none"},
        )
    },
    "GIP_NOISMO": {
        "A_coefficient": ("a", -np.inf, {"units": "DN", "comment": "sigma^2 = a^2 + b signal, unconfirmed"}),
        "B_coefficient": ("b", -np.inf, {"units": "DN", "comment": "sigma^2 = a^2 + b signal, unconfirmed"}),
    },
}
#: how the elements of a type are called: List_of_Band_<stem>s and so on
_STEMS = {"GIP_PHGAIN": "Physical_Gain", "GIP_NOISMO": "Noise_Model"}


def read_table(source: Source) -> xr.Dataset:
    """`gain` of PHGAIN, `a` and `b` of NOISMO over (band, tdi), NaN for configurations that a band has no value for; units in the attributes."""
    file_type = source.header.file_type
    variables = _VARIABLES[file_type]
    least = {element: bound for element, (_, bound, _) in variables.items()}
    bands, tdi, values = per_band_and_tdi(source.block, _STEMS[file_type], least)
    if len(bands) < 12:
        source.warnings.append(f"{len(bands)} bands of 12 are given: {', '.join(bands)}")
    return by_band_and_tdi(file_type, bands, tdi, values)


def by_band_and_tdi(file_type: str, bands: list[str], tdi: list[int], values: np.ndarray) -> xr.Dataset:
    """The dataset of a type from values over (variable, band, tdi)."""
    return xr.Dataset(
        {
            name: (("band", "tdi"), values[index], dict(attrs))
            for index, (name, _, attrs) in enumerate(_VARIABLES[file_type].values())
        },
        coords={"band": bands, "tdi": ("tdi", np.array(tdi, dtype=np.int64), {"units": "1"})},
    )


def write_table(folder: Path, header: Header, table: xr.Dataset) -> Path:
    """A PHGAIN or NOISMO file from its dataset: configurations of equal values share an entry, numbers keep every digit."""
    stem = _STEMS[header.file_type]
    elements = {name: element for element, (name, _, _) in _VARIABLES[header.file_type].items()}
    bands = []
    for band in (str(name) for name in table.band.values):
        entries = [
            [
                Tag("TDI_Configuration_Values", tdi_words(tdi)),
                # repr keeps every digit
                *(Tag(element, repr(value)) for element, value in zip(elements.values(), values, strict=True)),
            ]
            for values, tdi in _groups(header, table[list(elements)].sel(band=band)).items()
        ]
        bands.append([Tag("Band_Code", band_code(band)), listing(f"List_of_TDI_{stem}s", f"TDI_{stem}", entries)])
    return write_file(folder, header, [listing(f"List_of_Band_{stem}s", f"Band_{stem}", bands)])


def _groups(header: Header, row: xr.Dataset) -> dict[tuple[float, ...], list[int]]:
    """TDI configurations of one band by their values."""
    groups: dict[tuple[float, ...], list[int]] = {}
    for tdi in (int(value) for value in row.tdi.values):
        values = tuple(float(row[name].sel(tdi=tdi)) for name in row.data_vars)
        if np.isfinite(values).all():
            groups.setdefault(values, []).append(tdi)
        elif not np.isnan(values).all():
            raise RequestError(f"{header.name.text}: {row.band.item()}, TDI {tdi}: {values} is not finite; correct it")
    return groups


def official_gains(
    header: Header, gains: xr.Dataset, tdi: int | Mapping[str, int] | None = None, origin: str = ""
) -> GainVersion:
    """The gains of a PHGAIN file for a TDI configuration, one for all bands or one per band; without one they must not depend on it.

    The version is the serial; validity and origin are kept. InputError where a band has no gain there.
    """
    chosen = {str(band): _gain(header, gains.gain.sel(band=band), tdi) for band in gains.band.values}
    bad = [band for band, gain in chosen.items() if not gain > 0]
    if bad:
        raise InputError(
            f"{header.file_name}: no positive gain for band {', '.join(bad)} at TDI {tdi or 'any'}; "
            f"the file has {' '.join(str(value) for value in gains.tdi.values)}"
        )
    start, stop = (
        None if edge is None else dt.date.fromisoformat(str(edge)[:10])
        for edge in (header.validity_start, header.validity_stop)
    )
    if stop is not None and str(header.validity_stop)[11:] != "00:00:00":
        # gain histories count whole days: the day in which the validity stops still belongs to it
        stop += dt.timedelta(days=1)
    configuration = "" if tdi is None else f", TDI {tdi if isinstance(tdi, int) else dict(tdi)}"
    return GainVersion(
        version=f"{header.name.serial:05d}",
        start=start or dt.date.min,
        stop=stop,
        source=f"product: {origin or header.file_name}{configuration}",
        gains=chosen,
    )


def _gain(header: Header, gain: xr.DataArray, tdi: int | Mapping[str, int] | None) -> float:
    """The gain of one band, NaN where the configuration is not in the file."""
    band = str(gain.band.values)
    if tdi is None:
        known = np.unique(gain.values[np.isfinite(gain.values)])
        if len(known) > 1:
            raise RequestError(
                f"{header.file_name}: the gain of {band} depends on the TDI configuration; name one of "
                f"{' '.join(str(value) for value in gain.tdi.values)}"
            )
        return float(known[0]) if len(known) else np.nan
    wanted = tdi if isinstance(tdi, int) else tdi.get(band)
    if wanted is None or wanted not in TDI:
        raise RequestError(f"TDI of band {band} is {wanted}; the camera has {' '.join(str(value) for value in TDI)}")
    return float(gain.sel(tdi=wanted)) if wanted in gain.tdi else np.nan
