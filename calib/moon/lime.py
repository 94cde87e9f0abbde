"""LIME, the Lunar Irradiance Model of ESA, read from its own coefficient files (Toledano et al. 2024, doi 10.5194/acp-24-3649-2024).

A file holds, for six bands of the photometer that the model was fitted to, the terms of the equation in `calib.moon.irradiance` (here the first and third
of the terms of libration belong to the latitude), their standard uncertainties in % of the terms and the correlation of their errors. Between the bands A
follows a lunar reflectance spectrum: first the difference between that spectrum over the photometer's response and at the nominal wavelength is taken
from A, as LIME does it, without scaling it to A; then the ratio to the spectrum is linear in wavelength, and constant beyond the outer bands.

The files belong to their user; none is shipped. Beside the coefficient file may stand
- `reference_reflectance*.csv` (wavelength_nm, reflectance): the spectrum to follow. Without it, ROLO 2005 with its Apollo factors at 30 degrees of phase;
- `cimel*responses*.csv`: pairs of columns w.440, r.440, w.500, ... (wavelength in nm, response). Without it the difference above is taken as zero.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np

from calib.config import frozen
from calib.errors import RequestError
from calib.moon.irradiance import evaluate
from calib.moon.models import TERMS, IrradianceModel, check_sign, fixed, load_model, read_reference

#: sets known to behave, by their date; 20250608 behaves as if latitude and longitude were exchanged
_KNOWN = ("20231120", "20251010")
_SUSPECTED = "20250608"
# LIME is declared for 2 to 90 degrees; this set falls by 8 % at 2 to 5 degrees, by tens of percent below
_SMALLEST_PHASE_DEG = {"20231120": 5.0}
_PHASE_LIMITS_DEG = (2.0, 90.0)
# 2 % (k = 2) published, Toledano et al. 2024
_SCALE_UNCERTAINTY, _PHASE_UNCERTAINTY = 0.01, 0.01
_DEFAULT_REFERENCE_PHASE_DEG = 30.0


def read_lime(path: Path, solar_spectrum: str, sun: dict[str, np.ndarray], force: bool = False) -> IrradianceModel:
    """The model of a LIME coefficient file with a solar spectrum (columns wavelength_nm and irradiance_W_m2_nm).

    RequestError for the set under suspicion and for any whose reflectance grows towards northern libration, unless `force`.
    """
    content = _read_netcdf(path)
    coefficients, wavelengths = content["coeff"], content["wavelength"]
    remarks = _judge(path, content["date"], coefficients[TERMS.index("lat")], force)
    reference_name, reference = _reference(path.parent)
    offset, responses_name = _offset(path.parent, wavelengths, reference)
    # in % of the terms with their signs, so negative where these are; the correlations are those of the positive deviations
    deviation = content["u_coeff"] * coefficients / 100.0
    covariance = content["err_corr_coeff"] * deviation.ravel()[:, np.newaxis] * deviation.ravel()
    smallest = _SMALLEST_PHASE_DEG.get(content["date"], _PHASE_LIMITS_DEG[0])
    return IrradianceModel(
        title=f"LIME {content['date']} along {reference_name}{' and ' + responses_name if responses_name else ''}",
        wavelength_nm=fixed(wavelengths),
        terms=frozen({name: fixed(row) for name, row in zip(TERMS, coefficients, strict=True)}),
        factor=fixed(np.ones_like(wavelengths)),
        phase_limits_deg=(smallest, _PHASE_LIMITS_DEG[1]),
        scale_uncertainty=_SCALE_UNCERTAINTY,
        phase_uncertainty=_PHASE_UNCERTAINTY,
        solar_spectrum=solar_spectrum,
        solar_wavelength_nm=fixed(sun["wavelength_nm"]),
        solar_irradiance=fixed(sun["irradiance_W_m2_nm"]),
        reference_wavelength_nm=fixed(reference[0]),
        reference_reflectance=fixed(reference[1]),
        offset=fixed(offset),
        covariance=fixed(covariance.reshape(*coefficients.shape, *coefficients.shape)),
        remarks=remarks,
    )


def _read_netcdf(path: Path) -> dict[str, Any]:
    """Terms (18, n), their uncertainty in %, the correlation (18 n, 18 n), the n wavelengths in nm and the date of the set."""
    import h5py

    try:
        with h5py.File(path) as file:
            count = file["wavelength"].size
            shapes = {
                "wavelength": (count,),
                "coeff": (len(TERMS), count),
                "u_coeff": (len(TERMS), count),
                "err_corr_coeff": (len(TERMS) * count,) * 2,
            }
            # shapes first: nothing is read that has not the size it should have
            if not 2 <= count <= 100 or any(file[name].shape != shape for name, shape in shapes.items()):
                raise ValueError("coeff, u_coeff and err_corr_coeff do not have 18 terms for each wavelength")
            content: dict[str, Any] = {name: np.asarray(file[name][...], dtype=float) for name in shapes}
            date = file.attrs.get("creation_date", b"")
            content["date"] = date.decode("ascii", "replace") if isinstance(date, bytes) else str(date)
    except FileNotFoundError:
        raise RequestError(f"{path}: no such file; give the path of a LIME coefficient file") from None
    except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        text = " ".join(str(error).split())
        raise RequestError(
            f"{path}: is no LIME coefficient file ({text}); take LIME_MODEL_COEFS_*.nc as published"
        ) from None
    values = [content[name] for name in shapes]
    # 9.97e36 is what netCDF writes where nothing was written
    if any(not np.all(np.abs(value) < 1e30) for value in values) or not np.all(np.diff(content["wavelength"]) > 0):
        raise RequestError(f"{path}: holds missing values or wavelengths that do not grow; take the file as published")
    correlation = content["err_corr_coeff"]
    if np.abs(correlation).max() > 1 + 1e-9 or np.abs(correlation - correlation.T).max() > 1e-6:
        raise RequestError(f"{path}: err_corr_coeff is no correlation matrix; take the file as published")
    return content


def _judge(path: Path, date: str, latitude_slope: np.ndarray, force: bool) -> tuple[str, ...]:
    suspected = _SUSPECTED in (date, *path.stem.split("_"))
    if suspected and not force:
        raise RequestError(
            f"{path}: the LIME set {_SUSPECTED} behaves as if latitude and longitude were exchanged; take another set, or --force to use it as it stands"
        )
    if not force:
        check_sign(latitude_slope, str(path))
    remarks = []
    if suspected or not np.mean(latitude_slope) < 0:
        remarks.append(f"{path.name} is used by force: its latitude and longitude seem exchanged, about 1 % of A")
    elif date not in _KNOWN:
        remarks.append(f"{path.name}: the LIME set '{date}' is not one this program was checked with")
    if date in _SMALLEST_PHASE_DEG:
        remarks.append(f"{path.name} diverges near full Moon: refused below {_SMALLEST_PHASE_DEG[date]:g} deg of phase")
    return tuple(remarks)


def _beside(folder: Path, pattern: str) -> Path | None:
    found = sorted(folder.glob(pattern))
    if len(found) > 1:
        raise RequestError(f"{folder}: {len(found)} files match {pattern}; leave one beside the coefficients")
    return found[0] if found else None


def _reference(folder: Path) -> tuple[str, tuple[np.ndarray, np.ndarray]]:
    path = _beside(folder, "reference_reflectance*.csv")
    if path is not None:
        return path.stem, read_reference(path)
    rolo = load_model("rolo2005", "tsis1_hsrs")
    angles = [np.array([value]) for value in (_DEFAULT_REFERENCE_PHASE_DEG, 0.0, 0.0, _DEFAULT_REFERENCE_PHASE_DEG)]
    return "the spectrum of ROLO 2005", (rolo.wavelength_nm, evaluate(rolo.terms, *angles)[0] * rolo.factor)


def _offset(
    folder: Path, wavelengths: np.ndarray, reference: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, str | None]:
    """By how much the reference spectrum over each response exceeds the one at the nominal wavelength, and the name of the file of responses."""
    path = _beside(folder, "cimel*responses*.csv")
    if path is None:
        return np.zeros_like(wavelengths), None
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            header, *rows = list(csv.reader(stream))
        columns = {name.strip(): index for index, name in enumerate(header)}
        means = []
        for wavelength in wavelengths:
            pair = [columns[f"{letter}.{wavelength:g}"] for letter in "wr"]
            table = np.array([[float(row[index]) for index in pair] for row in rows])
            # shorter columns are filled up with wavelength zero
            table = table[table[:, 0] > 0]
            nm, response = table.T
            if not np.all(np.diff(nm) > 0) or not np.isfinite(table).all():
                raise ValueError(f"the wavelengths of {wavelength:g} nm do not grow")
            means.append(np.trapezoid(np.interp(nm, *reference) * response, nm) / np.trapezoid(response, nm))
    except (OSError, KeyError, IndexError, ValueError) as error:
        raise RequestError(
            f"{path}: needs columns w.<nm> and r.<nm> of numbers for {', '.join(f'{item:g}' for item in wavelengths)} nm ({error})"
        ) from None
    return np.array(means) - np.interp(wavelengths, *reference), path.stem
