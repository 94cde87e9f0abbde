"""The three steps of the lunar calibration: disk, signal, gain. Each works band by band and holds one band's counts at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from calib.acquisition import Acquisition, BandImage
from calib.errors import InputError
from calib.moon.cleaning import clean_window
from calib.moon.disk import DiskParameters, Limb, coarse_ellipse, fit_limb
from calib.moon.ellipse import Ellipse, Scan, scan_of
from calib.moon.gain import GainParameters, lunar_gain
from calib.moon.photometry import SignalParameters, disk_signal
from calib.moon.records import limb_profile, pictures, quicklook_step
from calib.moon.tables import over_bands, record
from calib.sensor import Sensor
from calib.steps import Step
from calib.types import require, same_order
from calib.uncertainty import Component, Uncertain, to_variables
from calib.units import stamp

_DISK_UNITS = {
    "centre_column": "pixel",
    "centre_line": "pixel",
    "semi_axis_column": "pixel",
    "semi_axis_line": "pixel",
    "tilt": "deg",
    "limb_points": "1",
    "limb_residual": "pixel",
    "limb_blur_column": "pixel",
    "limb_blur_line": "pixel",
    "centre_uncertainty": "pixel",
    "axis_uncertainty": "pixel",
    "sample_angle_column": "rad",
    "sample_angle_line": "rad",
    "nominal_angle_line": "rad",
}
_SIGNAL_UNITS = {
    "sky_level": "DN",
    "sky_slope": "DN / pixel",
    "sky_step": "DN",
    "sky_noise": "DN",
    "aperture_pixels": "1",
    "saturated_pixels": "1",
    "defective_pixels": "1",
    "cosmic_hits": "1",
    "mean_signal": "DN",
    "plateau_growth": "1",
}


def lunar_disk(acquisition: Acquisition, sensor: Sensor, sun: xr.Dataset, parameters: DiskParameters) -> xr.Dataset:
    """The disk of the Moon in each band, over "band" in the sensor's order.

    Centre, semi-axes (along lines in lines of the disk's mean scan rate) and their uncertainties in pixels, the crossing time, flags; limb points,
    quicklook and profile across the limb as records. `sample_angle_line` is the rate of the product times the line period (NaN without rates).
    InputError names file and band where there is no whole Moon.
    """
    sun = require(sun, {"sun_angle": "rad"}, "direction of the Sun")
    names = _bands(acquisition, sensor)
    angles = [float(sun["sun_angle"].sel(band=name)) for name in names]
    rows = [
        _disk_of_band(acquisition, sensor, name, angle, parameters) for name, angle in zip(names, angles, strict=True)
    ]
    return over_bands(names, rows, _DISK_UNITS)


def _disk_of_band(
    acquisition: Acquisition, sensor: Sensor, name: str, sun_angle_rad: float, parameters: DiskParameters
) -> dict[str, Any]:
    image, band = acquisition.band(name), sensor.bands[name]
    source = f"{image.raster.path}: band {name}"
    counts = _counts(image)
    scan = scan_of(image, len(counts) / 2, len(counts) / 2)
    coarse = coarse_ellipse(counts, scan, sun_angle_rad, band.noise_floor, parameters, source)
    flags = _completeness(coarse, scan, counts.shape, parameters.margin, source)
    window = clean_window(counts, coarse, scan, band, sensor.saturation, parameters.cleaning, source)
    binning = acquisition.binning * band.binning
    scan_angle = _mean_rate(image, scan) * image.line_period_s
    ratio = sensor.pixel_angle_across * binning / scan_angle
    limb = fit_limb(window, coarse, scan, sun_angle_rad, ratio, parameters, source)
    flags = flags or _completeness(limb.ellipse, scan, counts.shape, parameters.margin, source)
    flags += ["limb_residual"] if limb.residual > parameters.residual_limit else []
    # the scan was relative to the mean rate of the whole image; sizes are told in that of the disk
    centre_line = float(scan.line(np.array(limb.ellipse.scan)))
    mean = scan.weight[0] / scan_of(image, centre_line, limb.ellipse.semi_scan).weight[0]
    half_angle_rad = float(np.radians(parameters.lit_half_angle))
    return {
        **_size(limb, mean),
        "centre_line": centre_line,
        "sample_angle_column": sensor.pixel_angle_across * binning,
        "sample_angle_line": scan_angle * mean,
        "nominal_angle_line": sensor.pixel_angle_along * binning,
        "crossing_time": _whole_milliseconds(image.line_time(centre_line)),
        "flags": ",".join(flags),
        "limb_column": record(limb.column, "limb_point", "pixel"),
        "limb_line": record(scan.line(limb.scan), "limb_point", "pixel"),
        **pictures(counts, quicklook_step(acquisition)),
        "limb_profile": limb_profile(window.image, window.grid(scan), limb.ellipse, sun_angle_rad, half_angle_rad),
    }


def _size(limb: Limb, mean_weight: float) -> dict[str, float]:
    """Numbers of the fitted disk; lengths along the scan in lines of the disk's mean rate."""
    return {
        "centre_column": limb.ellipse.column,
        "semi_axis_column": limb.ellipse.semi_column,
        "semi_axis_line": limb.ellipse.semi_scan / mean_weight,
        "tilt": float(np.degrees(limb.ellipse.tilt_rad)),
        "limb_points": float(len(limb.column)),
        "limb_residual": limb.residual,
        "limb_blur_column": limb.blur[0],
        "limb_blur_line": limb.blur[1],
        "centre_uncertainty": limb.centre_uncertainty,
        "axis_uncertainty": limb.axis_uncertainty,
    }


def _whole_milliseconds(time: np.datetime64) -> np.datetime64:
    milliseconds = (time + np.timedelta64(500, "us")).astype("datetime64[ms]")
    return np.datetime64(milliseconds, "ns")


def _completeness(ellipse: Ellipse, scan: Scan, shape: tuple[int, ...], margin: float, source: str) -> list[str]:
    """The flag of a disk near the border; InputError for a disk that the border cuts."""
    half_width, half_height = ellipse.extent()
    room = min(
        (ellipse.column + 0.5) / half_width,
        (shape[1] - 0.5 - ellipse.column) / half_width,
        (ellipse.scan - float(scan.coordinate(np.array(-0.5)))) / half_height,
        (float(scan.coordinate(np.array(shape[0] - 0.5))) - ellipse.scan) / half_height,
    )
    if room < 1.0:
        raise InputError(
            f"{source}: the Moon is cut by the border of the image (only {100 * room:.0f} % of its radius inside); leave the acquisition out"
        )
    return ["narrow_margin"] if room < margin else []


def signal_of_disk(
    acquisition: Acquisition, sensor: Sensor, disk: xr.Dataset, parameters: SignalParameters
) -> xr.Dataset:
    """The counts of the disk summed in each band, DN pixel, over "band" in the sensor's order, with their components, sky, defects and flags.

    Each line counts by its scan rate over the mean rate of the disk. The growth of the sum with the aperture's dilation is a record.
    """
    rows = [
        _signal_of_band(acquisition, sensor, name, disk.sel(band=name), parameters)
        for name in _bands(acquisition, sensor)
    ]
    names = _bands(acquisition, sensor)
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
    window = clean_window(_counts(image), ellipse, scan, band, sensor.saturation, parameters.cleaning, source)
    found = disk_signal(window, ellipse, scan, band, parameters)
    if not found.total > 0:
        raise InputError(
            f"{source}: the disk holds no light ({found.total:.4g} DN pixel above the sky); check that the image shows the Moon"
        )
    columns = np.arange(len(window.sky_level))
    tests = {
        "saturated": found.saturated > 0,
        "low_signal": found.mean < parameters.low_signal * window.sky_noise,
        "sky_doubt": found.sky > parameters.sky_doubt * found.total,
        "plateau": abs(found.plateau_growth) > parameters.plateau_limit,
    }
    return {
        "dilation": found.dilation,
        "sum_value": found.total,
        "sum_noise": found.noise,
        "sum_sky": found.sky,
        "sum_aperture": found.aperture,
        "sum_defects": found.defects,
        "sky_level": float(np.median(window.sky_level)),
        "sky_slope": float(np.polyfit(columns, window.sky_level, 1)[0]),
        "sky_step": window.sky_step,
        "sky_noise": window.sky_noise,
        "aperture_pixels": float(found.pixels),
        "saturated_pixels": float(found.saturated),
        "defective_pixels": float(window.defective_pixels),
        "cosmic_hits": float(window.cosmic_hits),
        "mean_signal": found.mean,
        "plateau_growth": found.plateau_growth,
        "flags": ",".join(flag for flag, raised in tests.items() if raised),
        "growth": record(found.growth, "dilation", "1"),
    }


def _bands(acquisition: Acquisition, sensor: Sensor) -> list[str]:
    unknown = sorted(set(acquisition.bands) - set(sensor.bands))
    if unknown:
        raise InputError(
            f"{acquisition.path}: band {unknown[0]} is not one of {sensor.name} ({', '.join(sensor.bands)}); check the sensor named"
        )
    return same_order(acquisition.bands, sensor.bands)


def _counts(image: BandImage) -> np.ndarray:
    return np.asarray(image.counts().astype(np.float32).compute())


def _mean_rate(image: BandImage, scan: Scan) -> float:
    """The scan rate [rad/s] to which the weights of `scan` are relative; NaN without rates."""
    return float("nan") if image.scan_rate_rad_s is None else float(image.scan_rate_rad_s[0] / scan.weight[0])


LUNAR_DISK = Step("lunar_disk", "2", ("acquisition", "sensor", "sun"), DiskParameters, lunar_disk)
DISK_SIGNAL = Step("disk_signal", "1", ("acquisition", "sensor", "disk"), SignalParameters, signal_of_disk)
LUNAR_GAIN = Step(
    "lunar_gain", "2", ("disk", "signal", "geometry", "sensor", "po", "model"), GainParameters, lunar_gain
)
