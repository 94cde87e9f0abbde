"""Solar spectra, and their means over the response of a band."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from calib import config
from calib.errors import RequestError


def read_table(path: Path) -> dict[str, np.ndarray]:
    """Columns of a CSV by name; the first is wavelength_nm and grows; lines that start with # are ignored."""
    try:
        lines = [
            line for line in path.read_text(encoding="utf-8").splitlines() if line.strip() and not line.startswith("#")
        ]
        names = lines[0].split(",")
        values = np.array([[float(item) for item in line.split(",")] for line in lines[1:]])
        table = dict(zip(names, values.T, strict=True))
    except (OSError, ValueError, IndexError) as error:
        raise RequestError(f"{path}: cannot be read as a table of numbers with a wavelength ({error})") from None
    if (
        names[0] != "wavelength_nm"
        or len(values) < 2
        or not np.isfinite(values).all()
        or not np.all(np.diff(values[:, 0]) > 0)
    ):
        raise RequestError(
            f"{path}: needs first a column wavelength_nm that grows, two rows or more, and finite numbers"
        )
    return table


def solar_spectrum(name: str, beside: Path | None = None) -> xr.DataArray:
    """Irradiance of the Sun at 1 au over wavelength (nm), in W m-2 nm-1: a name in `configs/spectra`, or a .csv file. Its `name` is the spectrum's."""
    if name.endswith(".csv"):
        path = Path(name) if beside is None else beside / name
    else:
        path = config.CONFIGS / "spectra" / f"{name}.csv"
        if not path.is_file():
            known = [item.stem for item in path.parent.glob("*.csv")]
            raise RequestError(
                f"no solar spectrum '{name}'{config.suggestion(name, known)} (or give the path of a .csv file)"
            )
    table = read_table(path)
    if "irradiance_W_m2_nm" not in table or not np.all(table["irradiance_W_m2_nm"] > 0):
        raise RequestError(f"{path}: needs a column irradiance_W_m2_nm of positive numbers")
    return xr.DataArray(
        table["irradiance_W_m2_nm"],
        dims="wavelength",
        coords={"wavelength": ("wavelength", table["wavelength_nm"], {"units": "nm"})},
        attrs={"units": "W m-2 nm-1"},
        name=path.stem,
    )


def band_solar_irradiance(response: xr.DataArray, spectrum: xr.DataArray) -> xr.DataArray:
    """Mean of the Sun's spectrum over each band's response, at 1 au, over "band", in W m-2 um-1; NaN for a band that reaches beyond the spectrum.

    Spectrum and response are each linear between their own samples, and their product is integrated exactly over the union of the samples.
    """
    means = [_mean(response.sel(band=band), spectrum) for band in response["band"].values]
    return xr.DataArray(
        np.array(means) * 1e3, dims="band", coords={"band": response["band"].values}, attrs={"units": "W m-2 um-1"}
    )


def _mean(response: xr.DataArray, spectrum: xr.DataArray) -> float:
    wavelength, values = response["wavelength"].values.astype(float), response.values.astype(float)
    known = np.isfinite(values)
    wavelength, values = wavelength[known], values[known]
    lit = np.flatnonzero(values)
    if not lit.size:
        return float("nan")
    first, last = max(lit[0] - 1, 0), min(lit[-1] + 1, len(values) - 1)
    low, high = wavelength[first], wavelength[last]
    sun = spectrum["wavelength"].values
    if low < sun[0] or high > sun[-1]:
        return float("nan")
    nodes = np.unique(np.concatenate([wavelength, sun]))
    nodes = nodes[(nodes >= low) & (nodes <= high)]
    # Simpson's rule is exact for a product of two straight lines
    points = np.concatenate([nodes, (nodes[1:] + nodes[:-1]) / 2])
    step = np.diff(nodes) / 6
    share = np.concatenate([np.append(step, 0) + np.append(0, step), 4 * step]) * np.interp(points, wavelength, values)
    return float(share @ np.interp(points, sun, spectrum.values) / share.sum())
