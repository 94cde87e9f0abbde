"""A coefficient file in the layout of LIME's, with numbers made up here, and lunar geometries to use it with."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import xarray as xr

WAVELENGTHS = np.array([440, 500, 675, 870, 1020, 1640])
# a dark, reddening sphere of no particular Moon: the order is a0..a3, b1..b3, latitude, longitude and their products with the Sun, d1..d3, p1..p4
TERMS = np.array(
    [
        -2.8,
        -0.9,
        -0.3,
        0.02,
        0.04,
        0.02,
        -0.008,
        -0.0012,
        0.0005,
        0.0004,
        0.0011,
        0.4,
        0.3,
        -0.003,
        1.5,
        18.0,
        12.0,
        9.0,
    ]
)
UNITS = {
    "phase": "deg",
    "observer_latitude": "deg",
    "observer_longitude": "deg",
    "sun_longitude": "deg",
    "moon_distance": "km",
    "sun_distance": "au",
}


def coefficients() -> np.ndarray:
    """Terms (18, 6), brighter towards the red."""
    table = np.tile(TERMS[:, np.newaxis], (1, len(WAVELENGTHS)))
    table[0] += 0.0008 * (WAVELENGTHS - 440)
    table[1] += 0.01 * np.arange(6)
    return table


def write(path: Path, date: str = "20251010", **changed: np.ndarray) -> Path:
    """The file at `path`; `changed` replaces whole variables."""
    table = coefficients()
    # relative, in %, with the sign of the term
    content = {
        "wavelength": WAVELENGTHS,
        "coeff": table,
        "u_coeff": np.sign(table) * np.linspace(0.2, 0.9, table.size).reshape(table.shape),
        "err_corr_coeff": correlation(),
        **changed,
    }
    with h5py.File(path, "w") as file:
        for name, values in content.items():
            file[name] = values
        file.attrs["creation_date"] = np.bytes_(date.encode())
    return path


def correlation() -> np.ndarray:
    """Correlated errors of 108 terms: a lawful matrix without structure."""
    rng = np.random.default_rng(5)
    factors = rng.normal(size=(108, 4))
    matrix = factors @ factors.T + 3 * np.eye(108)
    scale = np.sqrt(np.diag(matrix))
    return matrix / scale / scale[:, np.newaxis]


def geometry(count: int = 8) -> xr.Dataset:
    """Angles and distances of `count` lawful views, over "time"."""
    rng = np.random.default_rng(11)
    phase = rng.uniform(6, 80, count) * rng.choice([-1.0, 1.0], count)
    values = {
        "phase": phase,
        "observer_latitude": rng.uniform(-7, 7, count),
        "observer_longitude": rng.uniform(-7, 7, count),
        "sun_longitude": -phase + rng.uniform(-7, 7, count),
        "moon_distance": rng.uniform(3.6e5, 4.1e5, count),
        "sun_distance": rng.uniform(0.98, 1.02, count),
    }
    return xr.Dataset({name: ("time", item, {"units": UNITS[name]}) for name, item in values.items()})


def response() -> xr.DataArray:
    """Three bands, not in alphabetical order."""
    wavelength = np.arange(400.0, 900.0, 1.0)
    centres = {"B2": 450.0, "B10": 780.0, "B3": 560.0}
    values = np.stack([np.exp(-(((wavelength - centre) / 12) ** 2)) for centre in centres.values()])
    return xr.DataArray(values, dims=("band", "wavelength"), coords={"band": list(centres), "wavelength": wavelength})
