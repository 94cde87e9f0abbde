"""Simulated Moon acquisitions: a plain product, and its truth beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from calib.config import suggestion
from calib.errors import RequestError
from calib.products.plain import BandEntry, Description, utc, utc_text
from calib.products.plain_writer import write
from calib.sensor import OfficialParameters, Sensor
from calib.simulate.detector import Defects, expose
from calib.simulate.render import Renderer
from calib.simulate.scene import MoonScene, crossing_times
from calib.simulate.truth import band_truth, truth_folder, write_truth
from calib.types import require, same_order

__all__ = ["MoonScene", "crossing_times", "simulate_moon", "truth_folder"]

_RATE_STEP_S = 0.1
_GEOMETRY_UNITS = {
    "phase": "deg",
    "observer_latitude": "deg",
    "observer_longitude": "deg",
    "sun_latitude": "deg",
    "sun_longitude": "deg",
    "sun_angle": "deg",
    "north_angle": "deg",
    "apparent_radius": "rad",
}


def simulate_moon(
    scene: MoonScene,
    sensor: Sensor,
    geometry: xr.Dataset,
    axes: np.ndarray,
    irradiance: xr.DataArray,
    po: OfficialParameters,
    folder: Path,
    bands: Sequence[str] | None = None,
) -> Path:
    """Write the product `folder` (its name is the product's) and `<folder>.truth`; return `folder`.

    `geometry` holds the variables of MOON_GEOMETRY and `crossing_time` over band, at the times of `crossing_times`; `axes` the column and the line
    axis of the image as rows, unit vectors in GCRF; `irradiance` the model's band irradiance over band. They cover all bands of the sensor, or at
    least those asked for and the sources of their stray light. Counts are k times the official gain times radiance, with k from the scene.
    The same arguments give the same bytes, and a band does not depend on which others are asked for.
    """
    asked = _bands(scene, sensor, bands)
    if folder.exists():
        raise RequestError(f"{folder}: exists already and is not overwritten; remove it or choose another name")
    units = dict.fromkeys(["irradiance"], "W m-2 um-1")
    model = require(xr.Dataset({"irradiance": irradiance}), units, "irradiance model")["irradiance"]
    renderer = Renderer(scene, sensor, require(geometry, _GEOMETRY_UNITS, "geometry"), model)
    description = _describe(renderer, axes, po, folder.name, asked)
    po.gain(asked)
    defects: dict[str, Defects] = {}

    def images() -> Iterator[tuple[str, np.ndarray]]:
        for band in asked:
            gain = scene.k(sensor, band) * po.gains[band]
            counts, defects[band] = expose(renderer.radiance(band), gain, scene, sensor, band)
            yield band, counts
        # before the product appears, so that no product is ever without its truth
        write_truth(truth_folder(folder), band_truth(renderer, po, asked), renderer, po, defects)

    return write(folder, description, images(), _rate_table(renderer, asked) if scene.with_scan_rates else None)


def _bands(scene: MoonScene, sensor: Sensor, bands: Sequence[str] | None) -> list[str]:
    straylight = scene.straylight if isinstance(scene.straylight, list) else []
    named = [*(bands or []), *scene.gain_error, *(path.band for path in straylight)]
    for band in [*named, *(path.source for path in straylight if path.source is not None)]:
        if band not in sensor.bands:
            raise RequestError(f"{sensor.name} has no band '{band}'{suggestion(band, sensor.bands)}")
    return same_order(bands or sensor.bands, sensor.bands)


def _describe(renderer: Renderer, axes: np.ndarray, po: OfficialParameters, name: str, bands: list[str]) -> Description:
    scene, sensor, reference = renderer.scene, renderer.sensor, utc(renderer.scene.reference_utc)
    entries = {}
    for band in bands:
        frame = renderer.frame(band)
        first = reference + np.timedelta64(round(frame.first_line_s * 1e9), "ns")
        entries[band] = BandEntry.model_construct(
            file=f"{band}.tif", first_line_utc=utc_text(first), line_period=frame.line_period_s
        )
    column, line = (tuple(float(item) for item in axis) for axis in np.asarray(axes, dtype=float))
    return Description.model_construct(
        name=name,
        sensor=sensor.name,
        kind="moon",
        reference_utc=scene.reference_utc,
        column_axis=column,
        line_axis=line,
        binning=scene.binning,
        versions={"PHGAIN": po.version},
        bands=entries,
        note=f"simulated, seed {scene.seed}",
    )


def _rate_table(renderer: Renderer, bands: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Scan rates at 10 Hz over all lines of all bands, as an attitude file would give them: with the scene's error."""
    times = np.concatenate([renderer.frame(band).times()[[0, -1]] for band in bands])
    first, last = np.floor(times.min() / _RATE_STEP_S) - 1, np.ceil(times.max() / _RATE_STEP_S) + 1
    grid = np.arange(first, last + 1) * _RATE_STEP_S
    return grid, renderer.scan.rate(grid) * (1.0 + renderer.scene.rate_error)
