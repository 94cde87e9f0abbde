"""The truth of a simulated product, written beside it and never inside."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from calib.config import complete
from calib.errors import ArchiveError
from calib.sensor import OfficialParameters
from calib.simulate.detector import Defects, dark_level
from calib.simulate.disk import Frame
from calib.simulate.render import Renderer
from calib.units import stamp


def truth_folder(product: Path) -> Path:
    """Where the truth of a product lies."""
    return product.with_name(f"{product.name}.truth")


def band_truth(renderer: Renderer, po: OfficialParameters, bands: list[str]) -> xr.Dataset:
    """Per band: gains, irradiances, place and size of the disk, oversampling, sky level, and the geometry used."""
    rows = [_one_band(renderer, po, band) for band in bands]
    columns = {
        name: stamp(xr.DataArray([row[name][0] for row in rows], dims="band", coords={"band": bands}), unit)
        for name, (_, unit) in rows[0].items()
    }
    geometry = renderer.geometry.sel(band=bands)
    numbers = {
        str(name): array
        for name, array in geometry.data_vars.items()
        if array.dims == ("band",) and str(name) not in columns
    }
    return xr.Dataset({**columns, **numbers})


def _one_band(renderer: Renderer, po: OfficialParameters, band: str) -> dict[str, tuple[float, str]]:
    frame, moon, scene = renderer.frame(band), renderer.moon(band), renderer.scene
    k, model = scene.k(renderer.sensor, band), float(renderer.irradiance.sel(band=band))
    begin, centre, end = _limb_lines(renderer, frame, band)
    mean_rate = 2 * moon.radius_rad / ((end - begin) * frame.line_period_s)
    level = dark_level(scene, renderer.sensor, frame.columns)
    radiance, irradiance, gain = "W m-2 sr-1 um-1", "W m-2 um-1", "DN / (W m-2 sr-1 um-1)"
    pixels = np.pi * (moon.radius_rad / frame.pixel_rad) * (end - begin) / 2
    omega = np.pi * moon.radius_rad**2
    return {
        "k": (k, "1"),
        "gain_official": (po.gains[band], gain),
        "gain_true": (k * po.gains[band], gain),
        "irradiance_model": (model, irradiance),
        # what a perfect measurement with the official gain finds
        "irradiance_apparent": (k * model, irradiance),
        "mean_radiance": (model / omega, radiance),
        "mean_signal": (k * po.gains[band] * model / omega, "DN"),
        "disk_pixels": (pixels, "1"),
        "centre_line": (centre, "pixel"),
        "centre_column": (frame.centre_column, "pixel"),
        "semi_axis_column": (moon.radius_rad / frame.pixel_rad, "pixel"),
        "semi_axis_line": ((end - begin) / 2, "pixel"),
        "oversampling": (renderer.scale(band).along_rad / (mean_rate * frame.line_period_s), "1"),
        "sky_level": (float(np.interp(frame.centre_column, np.arange(frame.columns), level)), "DN"),
        "sky_slope": (scene.dark_slope / (frame.columns - 1), "DN / pixel"),
        "lines": (float(frame.lines), "1"),
        "columns": (float(frame.columns), "1"),
    }


def _limb_lines(renderer: Renderer, frame: Frame, band: str) -> tuple[float, float, float]:
    """Lines (fractional) at which the scan meets the first limb, the centre and the last limb."""
    moon, lines = renderer.moon(band), np.arange(frame.lines)
    angle = renderer.scan.angle(frame.times()) - renderer.scan.angle(moon.crossing_s)
    begin, end = np.interp([-moon.radius_rad, moon.radius_rad], angle, lines)
    return float(begin), float((moon.crossing_s - frame.first_line_s) / frame.line_period_s), float(end)


def write_truth(
    folder: Path, dataset: xr.Dataset, renderer: Renderer, po: OfficialParameters, defects: Mapping[str, Defects]
) -> Path:
    """truth.nc (numbers per band) and truth.json (scene, seed, stray light, defects), the folder by one rename."""
    bands = [str(band) for band in dataset["band"].values]
    scene, sensor = renderer.scene, renderer.sensor
    content: dict[str, Any] = {
        "sensor": sensor.name,
        "po_version": po.version,
        "seed": scene.seed,
        "scene": complete(scene),
        "scan": asdict(renderer.scan),
        "straylight": [path.model_dump(mode="json") for band in bands for path in scene.paths(sensor, band)],
        "crossing_utc": {
            band: f"{np.datetime_as_string(dataset['crossing_time'].sel(band=band).values)}Z" for band in bands
        },
        "gain_error": {band: scene.k(sensor, band) - 1.0 for band in bands},
        "defects": {band: asdict(defects[band]) for band in bands},
    }
    part = folder.with_name(f".{folder.name}.part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        (part / "truth.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        dataset.to_netcdf(part / "truth.nc", engine="h5netcdf")
        # the truth of an earlier attempt that died before its product appeared
        shutil.rmtree(folder, ignore_errors=True)
        part.replace(folder)
    except (OSError, RuntimeError) as error:
        # netCDF tells of a full disk by either
        raise ArchiveError(
            f"{folder}: the truth cannot be written ({' '.join(str(error).split())}); free space or choose a writable place"
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder
