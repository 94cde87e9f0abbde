"""Stray-light parameter files of Venµs (STRLGT) proposed from the stray light that was found around the Moon."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from calib.errors import RequestError
from calib.moon.straylight.correction import spatial_filter
from calib.products.venus_parameters import open_parameters
from calib.products.venus_parameters.names import BANDS
from calib.products.venus_parameters.propose import new_strlgt, propose_strlgt
from calib.products.venus_parameters.residuals import Residual, with_residuals
from calib.products.venus_parameters.straylight import Straylight
from calib.sensor import StraylightPath

_NOTE = "residual stray light found around the Moon added to what was in force"


@dataclass(frozen=True)
class Proposal:
    """What is asked of a proposal: first day valid, the files in force (of some bands, or none), the mission's schemas where they are to be checked."""

    start: np.datetime64
    in_force: tuple[Path, ...] = ()
    schemas: Path | None = None


def propose(
    data: xr.Dataset, gains: Mapping[str, float], asked: Proposal, folder: Path
) -> tuple[list[Path], list[str]]:
    """Write one STRLGT file for each band in which stray light was found into `folder`: those in force with the residuals added, or new ones.

    `data` as LUNAR_STRAYLIGHT gives it; factors are of radiance by the `gains` in DN / (W m-2 sr-1 um-1). Returns the files, and sentences on what no file
    can hold. RequestError for a camera whose bands no such file has.
    """
    bands = [str(band) for band in data["band"].values]
    if not set(bands) <= set(BANDS):
        raise RequestError(f"STRLGT files are those of Venµs; there are none for the bands {', '.join(bands)}")
    current = _in_force(asked.in_force)
    files, words = [], []
    for band in bands:
        found = residuals(data.sel(band=band), band, gains)
        if not found:
            continue
        base, content = current.get(band, (None, Straylight(band)))
        changed, told = with_residuals(content, found)
        words += told
        if changed == content:
            continue
        made = (
            new_strlgt(changed, asked.start, folder, _NOTE)
            if base is None
            else propose_strlgt(base, changed, asked.start, folder, _NOTE)
        )
        files.append(made)
        words += _faults(made, asked.schemas)
    return files, words


def residuals(of_band: xr.Dataset, band: str, gains: Mapping[str, float]) -> list[Residual]:
    """The kernels found in a band as filters in pixels of the camera, with factors of radiance."""
    found = []
    for number in np.flatnonzero(np.isfinite(of_band["share"].values)):
        cell = of_band.isel(kernel=int(number))
        source = str(cell["kernel_source_band"].item())
        crosstalk = str(cell["kernel_kind"].item()) == "crosstalk"
        path = StraylightPath(
            kind="crosstalk" if crosstalk else "ghost",
            band=band,
            source=source if crosstalk else None,
            factor=0.1,
            column_shift=float(cell["column_shift"]),
            line_shift=float(cell["line_shift"]),
            blur=max(float(cell["blur"]), 0.0),
        )
        kernel, shift = spatial_filter(path)
        factor = float(cell["factor"]) * gains[source] / gains[band]
        place = tuple(float(np.nan_to_num(cell[f"{name}_shift_uncertainty"])) for name in ("line", "column"))
        normal = kernel.astype(float) / kernel.sum(dtype=float)
        found.append(Residual(source if crosstalk else None, factor, normal, shift, (place[0], place[1])))
    return found


def _in_force(files: Iterable[Path]) -> dict[str, tuple[Path, Straylight]]:
    """The files in force by band."""
    found: dict[str, tuple[Path, Straylight]] = {}
    for path in files:
        content = open_parameters(path).content
        if not isinstance(content, Straylight):
            raise RequestError(f"{path}: no GIP_STRLGT file; --strlgt takes those in force")
        if content.band in found:
            raise RequestError(
                f"{path}: a second file of {content.band}, beside {found[content.band][0].name}; give one"
            )
        found[content.band] = path, content
    return found


def _faults(made: Path, schemas: Path | None) -> Sequence[str]:
    if schemas is None:
        return ()
    from calib.products.venus_parameters.check import validate

    return [f"{made.name}: against the schemas: {fault}" for fault in validate(made, schemas)]
