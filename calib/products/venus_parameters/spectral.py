"""SPECSE, the spectral responses by column range with the solar irradiance of each band, and REFLEC, the constants of reflectance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import xarray as xr

from calib.errors import InputError
from calib.products.venus_parameters.header import Source
from calib.products.venus_parameters.names import BANDS
from calib.products.venus_parameters.records import COLUMNS, bands, items
from calib.products.xml import Node

#: samples of one response: 0.1 nm from 300 to 2300 nm
_MOST_SAMPLES = 20_000
#: responses of one file together: 12 bands, every column its own
_MOST_TABLES = 12 * COLUMNS
_NM_PER_UM = 1000.0
#: the day from which the CNES counts
_DAY_ZERO = np.datetime64("1950-01-01T00:00:00", "ns")


@dataclass(frozen=True, eq=False)
class SpectralTable:
    """The response of the columns first..last (both included, counted from 0): `response` (1) over `wavelength` (nm). Bandwidth as in the file."""

    first: int
    last: int
    bandwidth_nm: float
    response: xr.DataArray


@dataclass(frozen=True, eq=False)
class SpectralSensitivities:
    """`solar_irradiance` over band (W m-2 um-1), and the responses of each band by column range, in growing order of columns."""

    solar_irradiance: xr.DataArray
    tables: dict[str, tuple[SpectralTable, ...]]

    def response(self, band: str, column: int) -> xr.DataArray:
        """The response of a band in one column, counted from 0."""
        for table in self.tables.get(band, ()):
            if table.first <= column <= table.last:
                return table.response
        raise InputError(
            f"no spectral response for band {band}, column {column}; the file has {', '.join(self.tables)}"
        )


@dataclass(frozen=True)
class ReflectanceConstants:
    """What the ground segment turns radiance into coded reflectance with."""

    mean_motion_rad_day: float
    eccentricity: float
    reference_day: float
    maximum_reflectance: float

    def sun_distance_au(self, date: np.datetime64) -> float:
        """d = 1 - e cos(n (t - t0)), t in days since 1950-01-01 (the count of the CNES; inferred, good to 0.0013 au)."""
        days = (date.astype("datetime64[ns]") - _DAY_ZERO) / np.timedelta64(86400, "s")
        return 1.0 - self.eccentricity * math.cos(self.mean_motion_rad_day * (days - self.reference_day))


def read_spectral_sensitivities(source: Source) -> SpectralSensitivities:
    """The responses of every band, wavelengths brought from micrometres to nm, columns to count from 0."""
    listed = bands(
        items(source.block.child("List_of_Band_Spectral_Sensitivities"), "Band_Spectral_Sensitivity", most=len(BANDS))
    )
    if not listed:
        raise source.block.refuse("List_of_Band_Spectral_Sensitivities is empty; the file is damaged")
    irradiance = [node.number("Mean_Solar_Irradiance", least=0.0, most=1e4) for node in listed.values()]
    attrs = {"units": "W m-2 um-1", "comment": "unit inferred: the file names none"}
    return SpectralSensitivities(
        xr.DataArray(irradiance, dims="band", coords={"band": list(listed)}, name="solar_irradiance", attrs=attrs),
        {band: _tables(node) for band, node in listed.items()},
    )


def read_reflectance_constants(source: Source) -> ReflectanceConstants:
    """The constants of the Sun's distance and the largest reflectance that is coded."""
    sun = source.block.child("Earth_Sun_Distance_Parameters")
    speed = sun.child("Mean_Rotation_Speed")
    unit = speed.attribute("unit")
    if unit != "rad/day":
        raise speed.refuse(f"unit is {unit!r}, expected rad/day; the file is damaged")
    return ReflectanceConstants(
        speed.number(least=0.0, most=1.0),
        sun.number("Revolution_Eccentricity", least=0.0, most=0.1),
        sun.number("T0_Day", least=-1e6, most=1e7),
        source.block.number("Maximum_Reflectance_Value", least=0.0, most=100.0),
    )


def _tables(node: Node) -> tuple[SpectralTable, ...]:
    found = [_table(item) for item in items(node.child("List_of_Spectral_Tables"), "Spectral_Table", most=_MOST_TABLES)]
    found.sort(key=lambda table: table.first)
    for before, after in pairwise(found):
        if after.first <= before.last:
            raise node.refuse(
                f"two responses for column {after.first + 1}; the ranges of Spectral_Table overlap: the file is damaged"
            )
    return tuple(found)


def _table(node: Node) -> SpectralTable:
    first, last = (node.integer(f"{which}_Column", least=1, most=COLUMNS) - 1 for which in ("First", "Last"))
    if last < first:
        raise node.refuse(f"Last_Column {last + 1} lies before First_Column {first + 1}; the file is damaged")
    values = node.numbers("Spectral_Sensitivities_List")
    if not 2 <= len(values) <= _MOST_SAMPLES:
        raise node.refuse(f"Spectral_Sensitivities_List has {len(values)} values, expected 2 to {_MOST_SAMPLES}")
    start_um, step_um = node.number("First_Wavelength_Value", least=0.1, most=10.0), node.number("Wavelength_Step")
    if not 1e-5 <= step_um <= 1.0:
        raise node.refuse(f"Wavelength_Step {step_um:g} is no step in micrometres; the file is damaged")
    # nine decimals: 0.4 um x 1000 is 400.00000000000006
    wavelength = np.round((start_um + step_um * np.arange(len(values))) * _NM_PER_UM, 9)
    return SpectralTable(
        first,
        last,
        node.number("Spectral_Bandwidth", least=0.0, most=10.0) * _NM_PER_UM,
        xr.DataArray(
            values,
            dims="wavelength",
            coords={"wavelength": ("wavelength", wavelength, {"units": "nm"})},
            name="response",
            attrs={"units": "1"},
        ),
    )
