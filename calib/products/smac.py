"""Coefficients of SMAC (Rahman and Dedieu 1994, Int. J. Remote Sensing 15, 123-143), refused where they are not of the band they claim."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr

from calib.errors import InputError, RequestError
from calib.products.xml import read_limited, shortened
from calib.sensor import load_sensor

#: how far the Rayleigh optical depth of a file may be from that of the band's response, as a share of it
TOLERANCE = 0.05
MAX_BYTES = 2**20
#: the lines of a file of one band; a file of several has one line per coefficient, in this order, and one column per band
LINES = (
    ("ah2o", "nh2o"),
    ("ao3", "no3"),
    ("ao2", "no2", "po2"),
    ("aco2", "nco2", "pco2"),
    ("ach4", "nch4", "pch4"),
    ("ano2", "nno2", "pno2"),
    ("aco", "nco", "pco"),
    ("a0s", "a1s", "a2s", "a3s"),
    ("a0T", "a1T", "a2T", "a3T"),
    ("taur", "sr"),
    ("a0taup", "a1taup"),
    ("wo", "gc"),
    ("a0P", "a1P", "a2P"),
    ("a3P", "a4P"),
    ("Rest1", "Rest2"),
    ("Rest3", "Rest4"),
    ("Resr1", "Resr2", "Resr3"),
    ("Resa1", "Resa2"),
    ("Resa3", "Resa4"),
)
NAMES = tuple(name for line in LINES for name in line)
_LABELS = {"PAN": "P", "BLUE": "B0", "GREEN": "B1", "RED": "B2", "NIR": "B3"}


@dataclass(frozen=True)
class SmacCoefficients:
    """The 49 coefficients of one band, by the names of the public implementations; `layout` says how the file writes them: two of the pressure and
    temperature terms were fitted anew for the files of several bands."""

    sensor: str
    band: str
    values: Mapping[str, float]
    layout: Literal["one band", "bands in columns"]
    source: Path


def rayleigh_depth(response: xr.DataArray) -> xr.DataArray:
    """Rayleigh optical depth at sea level (1013.25 hPa) as seen by each band: mean over `wavelength` (nm) weighted by response and sunlight; unit 1.

    Hansen and Travis 1974, Space Science Reviews 16, 527-610; the Sun as a black body of 5772 K, which wants no table and is good to 2 % here.
    """
    um = response["wavelength"] / 1000.0
    depth = 0.008569 * um**-4 * (1 + 0.0113 * um**-2 + 0.00013 * um**-4)
    weight = response * um**-5 / np.expm1(14387.77 / (um * 5772.0))
    mean = (depth * weight).integrate("wavelength") / weight.integrate("wavelength")
    return mean.assign_attrs(units="1")


def recognises(path: Path) -> bool:
    """Whether `path` is named as files of SMAC coefficients are; never raises."""
    try:
        return path.suffix.lower() == ".dat" and path.name.upper().startswith("COEF_") and path.is_file()
    except (OSError, ValueError):
        return False


def facts(smac: SmacCoefficients) -> dict[str, Any]:
    """What the file is, in values that JSON can hold."""
    return {
        "file": smac.source.name,
        "kind": "coefficients of SMAC",
        "sensor": smac.sensor,
        "band": smac.band,
        "layout": smac.layout,
        "rayleigh_optical_depth": smac.values["taur"],
    }


def read_smac(
    path: Path, *, sensor_band: tuple[str, str] | None = None, responses: xr.DataArray | None = None
) -> SmacCoefficients:
    """The coefficients of one band. Which one: `sensor_band` (sensor and band), else what the file's name claims.

    `responses` over (band, wavelength in nm) are the sensor's own by default. InputError when the Rayleigh optical depth inside is not that of the band.
    """
    table = _table(path)
    sensor, band = sensor_band or _claimed(path)
    depths = rayleigh_depth(_responses(path, sensor) if responses is None else responses)
    bands = [str(name) for name in depths["band"].values]
    if band not in bands:
        raise InputError(f"{path}: {sensor} has no band {shortened(band)}; choose one of {', '.join(bands)}")
    if table.shape[1] not in (1, len(bands)):
        raise InputError(
            f"{path}: {table.shape[1]} columns for the {len(bands)} bands of {sensor}; give the file of that sensor"
        )
    values = dict(zip(NAMES, table[:, bands.index(band) if table.shape[1] > 1 else 0].tolist(), strict=True))
    _check(path, sensor, band, values["taur"], depths)
    return SmacCoefficients(sensor, band, values, "one band" if table.shape[1] == 1 else "bands in columns", path)


def _check(path: Path, sensor: str, band: str, inside: float, depths: xr.DataArray) -> None:
    expected = float(depths.sel(band=band))
    if abs(inside - expected) <= TOLERANCE * expected:
        return
    misfit = np.abs(inside / depths.values - 1.0)
    index = int(misfit.argmin())
    verdict = (
        f"it fits {depths['band'].values[index]} ({depths.values[index]:.4g}): use the file for that band"
        if misfit[index] <= TOLERANCE
        else f"it fits no band of {sensor}: give the file of the band"
    )
    raise InputError(
        f"{path}: Rayleigh optical depth {inside:.4g} is not that of {sensor} {band} ({expected:.4g}); {verdict}"
    )


def _responses(path: Path, sensor: str) -> xr.DataArray:
    try:
        return load_sensor(sensor).response
    except RequestError:
        raise InputError(
            f"{path}: no responses of a sensor '{shortened(sensor)}' to check it with; give the responses of its product"
        ) from None


def _claimed(path: Path) -> tuple[str, str]:
    """Sensor and band by the file's name: Coef_PHR1A_Blue_1.dat, Coef_S2A_CONT_B8a.dat."""
    stem = path.stem.upper()
    if found := re.fullmatch(r"COEF_(PHR1[AB])_([A-Z]+)_\d", stem, flags=re.ASCII):
        if found[2] in _LABELS:
            return found[1].lower(), _LABELS[found[2]]
    elif found := re.fullmatch(r"COEF_S(2[A-D])_[A-Z]+_B0?(\d{1,2}|8A)", stem, flags=re.ASCII):
        return f"sentinel{found[1].lower()}", f"B{found[2]}"
    raise InputError(f"{path}: its name does not say of which sensor and band it is; give both")


def _table(path: Path) -> np.ndarray:
    """Coefficients over (name, band)."""
    try:
        text = read_limited(path, MAX_BYTES).decode("ascii")
        rows = [
            [float(cell) for cell in line.split()]
            for line in text.splitlines()
            if line.strip() and line.strip()[0] != "#"
        ]
    except ValueError:
        raise InputError(f"{path}: holds something else than numbers; give a file of SMAC coefficients") from None
    lengths = [len(row) for row in rows]
    if lengths == [len(line) for line in LINES]:
        table = np.array([[value] for row in rows for value in row])
    elif len(rows) == len(NAMES) and len(set(lengths)) == 1 and lengths[0] > 0:
        table = np.array(rows)
    else:
        raise InputError(
            f"{path}: {len(rows)} lines are neither the {len(LINES)} of one band nor the {len(NAMES)} of several; give a file of SMAC coefficients"
        )
    if not all(math.isfinite(value) for value in table.ravel()) or not np.all(table[NAMES.index("taur")] > 0):
        raise InputError(
            f"{path}: a coefficient is not finite, or a Rayleigh optical depth not positive; fetch it again"
        )
    return table
