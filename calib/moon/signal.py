"""The step that sums the disk: the signal of each band with its components, sky, defects and flags."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from calib.acquisition import Acquisition
from calib.errors import InputError
from calib.moon.ellipse import Ellipse, Scan, scan_of
from calib.moon.expected import light_balance
from calib.moon.hits import Noise
from calib.moon.photometry import SignalParameters, disk_signal
from calib.moon.records import Picture, quicklook_step
from calib.moon.sky import Sky
from calib.moon.tables import bands_of, over_bands, record
from calib.sensor import Sensor
from calib.uncertainty import Component, Uncertain, to_variables
from calib.units import stamp

#: what tells where the disk is, and how it is lit
_PLACE = ("centre_column", "centre_line", "semi_axis_column", "semi_axis_line", "tilt", "sun_angle", "phase")
_SIGNAL_UNITS = {
    "sky_level": "DN",
    "sky_before": "DN",
    "sky_after": "DN",
    "sky_slope": "DN / pixel",
    "sky_step": "DN",
    "sky_halves": "DN",
    "sky_noise": "DN",
    "sky_outliers": "1",
    "aperture_pixels": "1",
    "saturated_pixels": "1",
    "defective_pixels": "1",
    "defective_columns": "1",
    "column_pixels": "1",
    "cosmic_hits": "1",
    "fill_effect": "1",
    "mean_signal": "DN",
    "signal_to_noise": "1",
    "plateau_growth": "1",
    "lost_light": "1",
    "extra_light": "1",
}


def signal_of_disk(
    acquisition: Acquisition, sensor: Sensor, disk: xr.Dataset, parameters: SignalParameters
) -> xr.Dataset:
    """The counts of the disk summed in each band, DN pixel, over "band" in the sensor's order, with their components, sky, defects and flags.

    Each line counts by its scan rate over the mean rate of the disk. The growth of the sum with the aperture's dilation is a record.
    """
    places = disk[list(_PLACE)]
    rows = [
        _signal_of_band(acquisition, sensor, name, places.sel(band=name), parameters)
        for name in bands_of(acquisition, sensor)
    ]
    names = bands_of(acquisition, sensor)
    dataset = over_bands(names, rows, _SIGNAL_UNITS)
    # one coordinate for all bands, whose disks are alike: dilations are the same in disk radii
    dilation = rows[0]["dilation"] * float(disk["semi_axis_column"].mean())
    dataset = dataset.assign_coords(dilation=("dilation", dilation, {"units": "pixel"}))
    sums = {
        name: xr.DataArray([row[f"sum_{name}"] for row in rows], dims="band", coords={"band": names})
        for name in ("value", "noise", "sky", "aperture", "defects")
    }
    components = tuple(Component(name, sums[name]) for name in ("noise", "sky", "aperture", "defects"))
    return dataset.assign(
        to_variables("signal", Uncertain(stamp(sums["value"], "DN pixel", "counts of the disk"), components))
    )


def _signal_of_band(
    acquisition: Acquisition, sensor: Sensor, name: str, disk: xr.Dataset, parameters: SignalParameters
) -> dict[str, Any]:
    image, band = acquisition.band(name), sensor.bands[name]
    source = f"{image.raster.path}: band {name}"
    centre_line, semi_line = float(disk["centre_line"]), float(disk["semi_axis_line"])
    scan = scan_of(image, centre_line, semi_line)
    ellipse = Ellipse(
        float(disk["centre_column"]),
        float(scan.coordinate(np.array(centre_line))),
        float(disk["semi_axis_column"]),
        semi_line,
        float(np.radians(disk["tilt"])),
    )
    picture = Picture(image.raster, quicklook_step(acquisition))
    noise = Noise(band.noise_floor, band.noise_slope)
    found = disk_signal(image, ellipse, scan, noise, sensor.saturation, picture, parameters, source)
    sky = found.background
    if not found.total > 0:
        raise InputError(
            f"{source}: the disk holds no light ({found.total:.4g} DN pixel above the sky); check that the image shows the Moon"
        )
    # saturated counts tell no brightness, and their band is not valid anyway
    balance = (np.nan, np.nan) if found.saturated else _balance(picture, sky, (ellipse, scan), disk, parameters)
    lost, extra = balance
    if lost > parameters.expected.refuse_lost:
        raise InputError(
            f"{source}: {100 * lost:.2g} % of the Moon's light is missing where the Sun is up; a detector's edge or missing data cuts it: "
            "leave the acquisition out"
        )
    tests = {
        "saturated": found.saturated > 0,
        "low_signal": found.mean < parameters.low_signal * sky.noise,
        "sky_doubt": found.sky > parameters.sky_doubt * found.total,
        "plateau": abs(found.plateau_growth) > parameters.plateau_limit,
        "lost_light": lost > parameters.expected.flag_lost,
        "second_object": found.stars > 0 or extra > parameters.expected.flag_extra,
    }
    left, right = np.array_split(sky.level, 2)
    return {
        "dilation": found.dilation,
        "sum_value": found.total,
        "sum_noise": found.noise,
        "sum_sky": found.sky,
        "sum_aperture": found.aperture,
        "sum_defects": found.defects,
        "sky_level": float(np.median(sky.level)),
        "sky_before": float(np.median(sky.before)),
        "sky_after": float(np.median(sky.after)),
        "sky_slope": sky.slope,
        "sky_step": sky.step,
        "sky_halves": float(np.median(right) - np.median(left)),
        "sky_noise": sky.noise,
        "sky_outliers": float(sky.outliers),
        "aperture_pixels": float(found.pixels),
        "saturated_pixels": float(found.saturated),
        "defective_pixels": float(found.defective_pixels),
        "defective_columns": float(found.defective_columns),
        "column_pixels": float(found.column_pixels),
        "cosmic_hits": float(found.cosmic_hits),
        "fill_effect": found.fill_effect,
        "mean_signal": found.mean,
        "signal_to_noise": found.mean
        / float(Noise(max(noise.floor, sky.noise), noise.slope).sigma(np.array(found.mean))),
        "plateau_growth": found.plateau_growth,
        "lost_light": lost,
        "extra_light": extra,
        "flags": ",".join(flag for flag, raised in tests.items() if raised),
        "growth": record(found.growth, "dilation", "1"),
        **picture.finished(float(np.median(sky.level))),
    }


def _balance(
    picture: Picture, sky: Sky, place: tuple[Ellipse, Scan], disk: xr.Dataset, parameters: SignalParameters
) -> tuple[float, float]:
    """Shares of light missing and beside the lit disk, by the picture."""
    level = float(np.median(sky.level))
    means = picture.finished(level)["quicklook"].values
    # a sample has at least as many pixels as its side
    noise = sky.noise / picture.step**0.5
    light = float(np.radians(disk["sun_angle"])), float(np.radians(disk["phase"]))
    return light_balance(means, picture.step, noise, place, light, parameters.expected)
