"""The three steps of the lunar calibration: disk, signal, gain. Each works band by band and holds one band's counts around the Moon at most."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from calib.acquisition import Acquisition, BandImage
from calib.moon.carry import Reference, carry, reference_of
from calib.moon.disk import DiskParameters, Limb
from calib.moon.ellipse import Scan, near_limb, scan_of
from calib.moon.extraction import Extraction, completeness, extract_disk
from calib.moon.gain import GainParameters, lunar_gain
from calib.moon.hits import Noise
from calib.moon.photometry import SignalParameters
from calib.moon.records import limb_profile
from calib.moon.signal import signal_of_disk
from calib.moon.strip import strip_records
from calib.moon.tables import bands_of, over_bands, record
from calib.sensor import Sensor
from calib.steps import Step
from calib.types import require

#: disk radii from which on a profile across the limb shows the sky
_SKY_OF_PROFILE = 1.015
_HIT_SIGMAS = 6.0
#: of so many lines one is enough for the mean profile
_PROFILE_LINES = 4
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
    "carried": "1",
    "registration_residual": "pixel",
    "sample_angle_column": "rad",
    "sample_angle_line": "rad",
    "nominal_angle_line": "rad",
    "sun_angle": "deg",
    "phase": "deg",
}


def lunar_disk(acquisition: Acquisition, sensor: Sensor, sun: xr.Dataset, parameters: DiskParameters) -> xr.Dataset:
    """The disk of the Moon in each band, over "band" in the sensor's order.

    Centre, semi-axes (along lines in lines of the disk's mean scan rate) and their uncertainties in pixels, the crossing time, flags; limb points and
    profile across the limb as records; the Sun's direction and the phase as `sun` has them. `sample_angle_line` is the rate of the product times the line
    period (NaN without rates). Where rates and dates allow, the disk is found in one band of each pixel size and carried to the others (`carried`), each of
    which is searched anew where its own limb disagrees. InputError names file and band where there is no whole Moon.
    """
    sun = require(sun, {"sun_angle": "rad", "phase": "deg"}, "direction of the Sun")
    names = bands_of(acquisition, sensor)
    rows: dict[str, dict[str, Any]] = {}
    for leader, others in _families(names, sensor):
        angle_rad = float(sun["sun_angle"].sel(band=leader))
        found, rows[leader] = _extracted(acquisition, sensor, leader, angle_rad, parameters)
        image = acquisition.band(leader)
        reference = None
        if others and parameters.carry and _predictable(image):
            reference = reference_of(image, found.limb, found.scan, angle_rad, parameters)
        for name in others:
            angle_rad = float(sun["sun_angle"].sel(band=name))
            row = _carried(acquisition, sensor, (leader, reference), name, angle_rad, parameters)
            rows[name] = row or _extracted(acquisition, sensor, name, angle_rad, parameters)[1]
    for name in names:
        # what the light of the disk is held against
        rows[name] |= {"sun_angle": float(np.degrees(sun["sun_angle"].sel(band=name)))}
        rows[name] |= {"phase": float(sun["phase"].sel(band=name))}
    return over_bands(names, [rows[name] for name in names], _DISK_UNITS)


def _families(names: list[str], sensor: Sensor) -> list[tuple[str, list[str]]]:
    """Bands of one pixel size: the one that leads, nearest in the spectrum to the sensor's reference band, and the others."""
    wanted = sensor.bands[sensor.reference_band].centre
    families = []
    for binning in sorted({sensor.bands[name].binning for name in names}):
        family = [name for name in names if sensor.bands[name].binning == binning]
        leader = min(family, key=lambda name: abs(sensor.bands[name].centre - wanted))
        families.append((leader, [name for name in family if name != leader]))
    return families


def _predictable(image: BandImage) -> bool:
    return image.scan_rate_rad_s is not None and image.dated


def _extracted(
    acquisition: Acquisition, sensor: Sensor, name: str, sun_angle_rad: float, parameters: DiskParameters
) -> tuple[Extraction, dict[str, Any]]:
    """The disk of a band by itself."""
    image, band = acquisition.band(name), sensor.bands[name]
    source = f"{image.raster.path}: band {name}"
    noise = Noise(band.noise_floor, band.noise_slope)
    scan = scan_of(image, image.raster.lines / 2, image.raster.lines / 2)
    across_rad = sensor.pixel_angle_across * acquisition.binning * band.binning
    ratio = across_rad / (_mean_rate(image, scan) * image.line_period_s)
    found = extract_disk(image, noise, sun_angle_rad, ratio, parameters, source)
    half_angle_rad = float(np.radians(parameters.lit_half_angle))
    columns, coordinates = found.window.grid(found.window_scan)
    line, column, radius, _ = near_limb(
        (columns, coordinates[::_PROFILE_LINES]), found.window_ellipse, sun_angle_rad, 0.2, half_angle_rad
    )
    row = {
        **_numbers(acquisition, sensor, name, found.limb, found.scan),
        "carried": 0.0,
        "registration_residual": np.nan,
        "flags": ",".join(found.flags),
        "limb_profile": limb_profile(radius, found.window.image[::_PROFILE_LINES][line, column]),
    }
    return found, row


def _carried(
    acquisition: Acquisition,
    sensor: Sensor,
    leader: tuple[str, Reference | None],
    name: str,
    sun_angle_rad: float,
    parameters: DiskParameters,
) -> dict[str, Any] | None:
    """The disk of a band by that of the leader, None where it has to be found by itself."""
    (leading, reference), image = leader, acquisition.band(name)
    if reference is None or not _predictable(image):
        return None
    later_s = sensor.bands[name].time_offset - sensor.bands[leading].time_offset
    found = carry(reference, image, later_s * sensor.pixel_angle_along / sensor.line_period, parameters)
    if found is None:
        return None
    shape, source = (image.raster.lines, image.raster.columns), f"{image.raster.path}: band {name}"
    flags = completeness(found.limb.ellipse, found.scan, shape, parameters.margin, source)
    flags += ["limb_residual"] if found.limb.residual > parameters.residual_limit else []
    half_angle_rad = float(np.radians(parameters.lit_half_angle))
    radii, counts = [], []
    for patch in found.patches:
        grid = patch.columns[np.newaxis, :], patch.coordinates[:, np.newaxis]
        line, column, radius, _ = near_limb(grid, found.limb.ellipse, sun_angle_rad, 0.2, half_angle_rad)
        radii.append(radius)
        counts.append(patch.counts[line, column])
    radius, values = np.concatenate(radii), np.concatenate(counts)
    outside = radius > _SKY_OF_PROFILE
    usual = float(np.median(values[outside])) if outside.any() else 0.0
    # a mean, as the median of whole counts is off by up to half a count; hits left out
    quiet = ~outside | (np.abs(values - usual) < _HIT_SIGMAS * max(sensor.bands[name].noise_floor, 1.0))
    sky = float(values[outside & quiet].mean()) if outside.any() else 0.0
    radius, values = radius[quiet], values[quiet]
    return {
        **_numbers(acquisition, sensor, name, found.limb, found.scan),
        "carried": 1.0,
        "registration_residual": found.residual,
        "flags": ",".join(flags),
        "limb_profile": limb_profile(radius, values - sky),
    }


def _numbers(acquisition: Acquisition, sensor: Sensor, name: str, limb: Limb, scan: Scan) -> dict[str, Any]:
    """Numbers and limb points of a disk in its band."""
    image, binning = acquisition.band(name), acquisition.binning * sensor.bands[name].binning
    # the scan may be relative to the mean rate of other lines: sizes are told in that of the disk
    centre_line = float(scan.line(np.array(limb.ellipse.scan)))
    mean = scan.weight[0] / scan_of(image, centre_line, limb.ellipse.semi_scan).weight[0]
    return {
        **_size(limb, mean),
        "centre_line": centre_line,
        "sample_angle_column": sensor.pixel_angle_across * binning,
        "sample_angle_line": _mean_rate(image, scan) * image.line_period_s * mean,
        "nominal_angle_line": sensor.pixel_angle_along * binning,
        "crossing_time": _whole_milliseconds(image.line_time(centre_line)),
        "limb_column": record(limb.column, "limb_point", "pixel"),
        "limb_line": record(scan.line(limb.scan), "limb_point", "pixel"),
        **strip_records(limb.strip, limb.ellipse),
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


def _mean_rate(image: BandImage, scan: Scan) -> float:
    """The scan rate [rad/s] to which the weights of `scan` are relative; NaN without rates."""
    return float("nan") if image.scan_rate_rad_s is None else float(image.scan_rate_rad_s[0] / scan.weight[0])


LUNAR_DISK = Step("lunar_disk", "3", ("acquisition", "sensor", "sun"), DiskParameters, lunar_disk)
DISK_SIGNAL = Step("disk_signal", "3", ("acquisition", "sensor", "disk"), SignalParameters, signal_of_disk)
LUNAR_GAIN = Step(
    "lunar_gain", "3", ("disk", "signal", "geometry", "sensor", "po", "model"), GainParameters, lunar_gain
)
