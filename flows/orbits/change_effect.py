"""What the stated errors of two orbits let the change of a coefficient be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from calib.archive import Archive
from calib.comparison import GEOMETRY
from calib.moon.steps import LUNAR_GAIN
from calib.steps import parameters_for
from calib.types import Result, without_records
from calib.uncertainty import from_dataset
from flows.orbit import arc_over, geometry_at
from flows.orbits.change_facts import Inputs, arc_digest, old_orbits
from flows.prepare import Prepared
from flows.runner import Case, DryRun
from orbit_aux.errors import OrbitError
from orbit_aux.location.angles import position_covariance
from orbit_aux.orbit import Orbit
from orbit_aux.time import Times

# far above the rounding of the geometry, and small against the distance of the Moon
_TRIAL_M = 2.0e5


def stated_uncertainty(
    archive: Archive, inputs: Inputs, prepared: Prepared, case: Case, dry: DryRun, old_key: str
) -> dict[str, float]:
    """Standard deviation by band of the change of the coefficient, relative, by the covariances of the old and the new orbit.

    For an orbit that states none the share of geometry in the old coefficient's budget stands. Empty where neither states one, and where what the
    coefficient is made of is not archived.
    """
    needs: tuple[Any, ...] = dry.inputs.get(LUNAR_GAIN.name, ())
    old, new = _both(archive, inputs, prepared, case, old_key)
    known = [orbit.covariance is not None for orbit in (old, new) if orbit is not None]
    result = archive.get(old_key, prepared.method.final.name)
    if not any(known) or not needs or result is None or not all(isinstance(item, Result) for item in needs[:3]):
        return {}
    parameters, acquisition = parameters_for(LUNAR_GAIN, prepared.parameters), case.inputs["acquisition"]

    def gain(geometry: xr.Dataset) -> xr.DataArray:
        return LUNAR_GAIN.compute((*needs[:2], without_records(geometry), *needs[3:]), parameters)["k"]

    geometry = needs[2].dataset
    slope = effect_of_position(gain, geometry, acquisition.axes)  # type: ignore[attr-defined]
    times = Times.from_utc(geometry["crossing_time"].values)
    names = geometry["band"].values
    k = from_dataset(result.content.sel(band=names), "k")
    allowed = next((part.values / k.value for part in k.components if part.name == GEOMETRY), 0.0 * k.value).values
    variance = np.zeros(len(names))
    for orbit in (old, new):
        stated = None if orbit is None else _variance(slope, orbit, times)
        variance += allowed**2 if stated is None else stated
    return {str(band): float(np.sqrt(value)) for band, value in zip(names, variance, strict=True)}


def effect_of_position(
    gain: Callable[[xr.Dataset], xr.DataArray], geometry: xr.Dataset, axes: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """Relative change of the coefficients per metre of the satellite along each axis of GCRF, (bands, 3); `gain` computes them from a geometry.

    By difference over 200 km, through the very step that makes them.
    """
    times, position = Times.from_utc(geometry["crossing_time"].values), geometry["satellite_position"].values
    names = [str(band) for band in geometry["band"].values]
    start = gain(geometry.assign(geometry_at(times, position, names, axes))).values
    moved = [gain(geometry.assign(geometry_at(times, position + _TRIAL_M * axis, names, axes))) for axis in np.eye(3)]
    return np.stack([(item.values / start - 1.0) / _TRIAL_M for item in moved], axis=-1)


def _both(archive: Archive, inputs: Inputs, prepared: Prepared, case: Case, old_key: str) -> tuple[Orbit | None, Orbit]:
    """The orbit that the old coefficient was computed from, where its file is still there, and the new one; whole, because an arc loses its covariances."""
    arc: Any = case.inputs["orbit"]
    acquisition: Any = case.inputs["acquisition"]
    span, digest = (acquisition.start, acquisition.stop), arc_digest(archive, old_key)
    for path, orbit in reversed(inputs.orbits(old_orbits(prepared.request, [arc.path]))):
        found = arc_over(span, arc.orbit.object_name, [(path, orbit)])
        if found is not None and found.digest == digest:
            return orbit, inputs.orbits([arc.path])[0][1]
    return None, inputs.orbits([arc.path])[0][1]


def _variance(slope: np.ndarray, orbit: Orbit, times: Times) -> np.ndarray | None:
    """Relative variance of the coefficients (bands) by the orbit's covariance; None where it states none there."""
    try:
        covariance = position_covariance(orbit, times)
    except OrbitError:
        return None
    return np.asarray(np.einsum("bi,bij,bj->b", slope, covariance, slope))
