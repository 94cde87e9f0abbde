"""Lunar irradiance models as data: what a coefficient file states, with the solar spectrum it is used with. The equation is in `calib.moon.irradiance`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from calib import config, spectra
from calib.config import Model, frozen
from calib.errors import RequestError
from calib.lineage import digest
from calib.units import Degrees, Fraction

#: the terms of the equation by name, in the order in which the flattened covariance counts them
TERMS = (
    "a0", "a1", "a2", "a3", "b1", "b2", "b3", "lat", "lon", "sunlon_lat", "sunlon_lon", "d1", "d2", "d3", "p1", "p2", "p3", "p4",
)  # fmt: skip
_NAMES = ("title", "solar_spectrum", "terms", "remarks", "compared")


class ModelFile(Model):
    """A lunar model as its file states it."""

    title: str
    reference: str
    bands: str = Field(description="CSV beside this file: wavelength_nm and the terms that differ from band to band")
    terms: dict[str, float] = Field(description="terms that are the same in all bands")
    apollo_factors: bool = Field(description="multiply A by the column apollo_factor of the bands' file")
    reference_reflectance: str | None = Field(
        default=None, description="CSV beside this file: wavelength_nm, reflectance; A follows it between the bands"
    )
    smallest_phase: Degrees
    largest_phase: Degrees
    scale_uncertainty: Fraction = Field(description="of the absolute scale, k = 1, one and the same on all dates")
    phase_uncertainty: Fraction = Field(description="residual with phase and libration, k = 1")


@dataclass(frozen=True)
class IrradianceModel:
    """A lunar model with the solar spectrum it is used with. `terms` hold one number for each of `wavelength_nm`, or one for all; `factor` multiplies A.

    Between `wavelength_nm` A is linear, or, where there is a `reference_reflectance` over `reference_wavelength_nm`, A less `offset` is linear as a
    multiple of that spectrum, the outermost multiples holding beyond the ends. `covariance`, shape (18, n, 18, n), is of the terms in the order of
    TERMS for the n wavelengths. `remarks` are what a user of this model should be told. `compared` are models against which it is held: their spread is
    a part of its uncertainty.
    """

    title: str
    wavelength_nm: np.ndarray
    terms: Mapping[str, np.ndarray]
    factor: np.ndarray
    phase_limits_deg: tuple[float, float]
    scale_uncertainty: float
    phase_uncertainty: float
    solar_spectrum: str
    solar_wavelength_nm: np.ndarray
    solar_irradiance: np.ndarray
    reference_wavelength_nm: np.ndarray | None = None
    reference_reflectance: np.ndarray | None = None
    offset: np.ndarray | None = None
    covariance: np.ndarray | None = None
    remarks: tuple[str, ...] = ()
    compared: tuple[IrradianceModel, ...] = ()

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "terms": dict(self.terms)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update({**state, "terms": frozen(state["terms"])})

    @property
    def label(self) -> str:
        others = f", compared with {', '.join(item.title for item in self.compared)}" if self.compared else ""
        return f"{self.title} with the Sun of {self.solar_spectrum}{others}"

    @cached_property
    def digest(self) -> str:
        """Digest of the numbers, in whatever files they stood."""
        numbers = {item.name: getattr(self, item.name) for item in fields(self) if item.name not in _NAMES}
        plain = {key: np.asarray(value).tolist() for key, value in numbers.items() if value is not None}
        compared = {"compared": [item.digest for item in self.compared]} if self.compared else {}
        return digest({**plain, "terms": {key: value.tolist() for key, value in self.terms.items()}, **compared})

    def compared_with(self, others: Sequence[IrradianceModel]) -> IrradianceModel:
        """The same model, held against `others`; RequestError for one on another Sun and for one that is given twice."""
        digests = [self.digest]
        for other in others:
            if other.solar_spectrum != self.solar_spectrum:
                raise RequestError(
                    f"models with the Suns of {self.solar_spectrum} and {other.solar_spectrum} cannot be compared; give both the same"
                )
            if other.digest in digests:
                raise RequestError(f"{other.title} is compared with itself, which tells nothing; name other models")
            digests.append(other.digest)
        return replace(self, compared=tuple(others))


def load_model(name: str, solar_spectrum: str, beside: Path | None = None, force: bool = False) -> IrradianceModel:
    """The shipped model `name`, or the one in a .yaml file or a LIME coefficient file (.nc), with the solar spectrum of that name in `configs/spectra`
    (or in a .csv file).

    Refuses a model whose reflectance grows towards northern libration (the highlands of the south are the bright ones, so its terms are swapped) and the
    LIME sets under suspicion; `force` takes them as they stand.
    """
    if name.endswith(".nc"):
        from calib.moon.lime import read_lime

        path = Path(name) if beside is None else beside / name
        return read_lime(path, *solar_table(solar_spectrum, beside), force=force)
    path = config.find("models", name, beside)
    content = config.load(ModelFile, path)
    table = spectra.read_table(path.parent / content.bands)
    terms = {key: np.array([value]) for key, value in content.terms.items()} | {
        key: value for key, value in table.items() if key not in ("wavelength_nm", "apollo_factor")
    }
    wrong = set(terms) ^ set(TERMS) | set(content.terms) & set(table)
    if wrong:
        raise RequestError(
            f"{path}: term '{min(wrong)}' is missing, unknown or given twice; a model has once each of {', '.join(TERMS)}"
        )
    if not force:
        check_sign(terms["lat"], str(path))
    if content.apollo_factors and "apollo_factor" not in table:
        raise RequestError(
            f"{path}: apollo_factors is true but {content.bands} has no column apollo_factor; set it to false"
        )
    wavelengths = table["wavelength_nm"]
    spectrum, sun = solar_table(solar_spectrum, beside)
    reference = read_reference(path.parent / content.reference_reflectance) if content.reference_reflectance else None
    return IrradianceModel(
        content.title,
        fixed(wavelengths),
        frozen({key: fixed(terms[key]) for key in TERMS}),
        fixed(table["apollo_factor"] if content.apollo_factors else np.ones_like(wavelengths)),
        (content.smallest_phase, content.largest_phase),
        content.scale_uncertainty,
        content.phase_uncertainty,
        spectrum,
        fixed(sun["wavelength_nm"]),
        fixed(sun["irradiance_W_m2_nm"]),
        *(reference or (None, None)),
    )


def check_sign(latitude_slope: np.ndarray, source: str) -> None:
    """RequestError where the reflectance grows with the observer's selenographic latitude."""
    if not np.mean(latitude_slope) < 0:
        raise RequestError(
            f"{source}: the slope in latitude is {np.mean(latitude_slope):.6g} per degree where the Moon's is negative; exchange the lat and lon terms"
        )


def solar_table(name: str, beside: Path | None) -> tuple[str, dict[str, np.ndarray]]:
    """Name and columns (wavelength_nm, irradiance_W_m2_nm) of a shipped solar spectrum or of the user's .csv file."""
    sun = spectra.solar_spectrum(name, beside)
    return str(sun.name), {"wavelength_nm": sun["wavelength"].values, "irradiance_W_m2_nm": sun.values}


def read_reference(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Wavelengths in nm and reflectances of a lunar spectrum."""
    table = spectra.read_table(path)
    if "reflectance" not in table or not np.all(table["reflectance"] > 0):
        raise RequestError(f"{path}: needs a column reflectance of positive numbers")
    return fixed(table["wavelength_nm"]), fixed(table["reflectance"])


def fixed(array: np.ndarray) -> np.ndarray:
    """A read-only float64 copy."""
    array = np.array(array, dtype=float)
    array.setflags(write=False)
    return array
