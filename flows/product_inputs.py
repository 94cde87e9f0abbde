"""What a product itself gives to a run: its gains, its orbit, the axes of its image in the sky."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import xarray as xr

from calib.acquisition import Acquisition
from calib.errors import InputError
from calib.sensor import GainHistory, OfficialParameters
from orbit_aux.frames import rotation
from orbit_aux.orbit import Orbit
from orbit_aux.time import Times

_BORESIGHT = np.array([[0.0, 0.0, 1.0]])
#: half a pixel of Venµs: less than a scan
_LEAST_SCAN_RAD = 3e-6

GainsFrom = Literal["auto", "product", "table"]


def official_gains(acquisition: Acquisition, history: GainHistory, choice: GainsFrom) -> OfficialParameters:
    """The gains in force for the acquisition: those that it carries, or the table's version that it names or that is valid on its day.

    "auto" takes the product's where it carries one for every band.
    """
    carried = {
        name: None if image.calibration.quantification else image.calibration.gain
        for name, image in acquisition.bands.items()
    }
    missing = [name for name, gain in carried.items() if gain is None]
    named = acquisition.versions.get("PHGAIN")
    if choice == "table" or (choice == "auto" and missing):
        return history.in_force(acquisition.start, named)
    if missing:
        raise InputError(
            f"{acquisition.label}: carries no gain for band {', '.join(missing)}; take them from the table (official_gains: table)"
        )
    first = next(gain for gain in carried.values() if gain is not None)
    version = named or (str(first.date)[:10] if first.date is not None else "unnamed")
    return OfficialParameters(
        sensor=acquisition.sensor,
        version=version,
        origin="carried by the product",
        gains={name: gain.value for name, gain in carried.items() if gain is not None},
    )


def orbit_inside(acquisition: Acquisition, platform: str) -> Orbit | None:
    """The orbit that the product carries, None where it carries none or too little of one to interpolate."""
    table = acquisition.orbit
    if table is None or table.sizes["time"] < 2:
        return None
    count, velocity = table.sizes["time"], table["velocity"].values
    moving = bool(np.isfinite(velocity).all())
    if not moving and count < 4:
        return None
    return Orbit(
        object_name=platform,
        object_id="UNKNOWN",
        frame=str(table.attrs["frame"]),
        times=Times.from_utc(table["time"].values),
        position_m=table["position"].values,
        velocity_ms=velocity if moving else np.zeros_like(velocity),
        source=str(acquisition.path),
        interpolation="HERMITE" if moving else "LAGRANGE",
        degree=min(7, 2 * (count // 2 * 2) - 1) if moving else min(8, count - 1),
    )


def with_axes(acquisition: Acquisition) -> Acquisition:
    """The acquisition with the axes of its image in GCRF, from its attitude where it does not give them itself.

    The lines grow as the line of sight moves over the sky with time. The columns grow as the lines of sight of the camera do where the product has them;
    else across the lines, so that columns, lines and line of sight form a right-handed triad (an image that is not mirrored) about the body's +z, and a
    warning says so.
    """
    attitude, viewing = acquisition.attitude, acquisition.viewing
    if acquisition.column_axis is not None or attitude is None or not acquisition.start < acquisition.stop:
        return acquisition
    dates = attitude["time"].values
    if acquisition.start < dates[0] or acquisition.stop > dates[-1]:
        raise InputError(f"{acquisition.label}: its attitude ends before its image does; complete the attitude file")
    # lines of sight of the first and the last column of the first band
    sight = _BORESIGHT if viewing is None else viewing["direction"].isel(band=0, column=[0, -1]).values
    middle = acquisition.start + (acquisition.stop - acquisition.start) / 2
    first, centre, last = (_in_gcrf(attitude, date, sight) for date in (acquisition.start, middle, acquisition.stop))
    line = last.mean(axis=0) - first.mean(axis=0)
    if not np.linalg.norm(line) > _LEAST_SCAN_RAD:
        raise InputError(f"{acquisition.label}: its line of sight does not move over the sky; check the attitude")
    column = np.cross(line, centre[0]) if viewing is None else centre[-1] - centre[0]
    column /= np.linalg.norm(column)
    # a scan that is not quite across the array skews the image a little: the axes are the nearest perpendicular ones
    line -= column * (column @ line)
    assumed = "axes of the image from the attitude, assuming that the camera looks along the body's +z and that the image is not mirrored"
    warnings = acquisition.warnings if viewing is not None else (*acquisition.warnings, assumed)
    return replace(acquisition, column_axis=column, line_axis=line / np.linalg.norm(line), warnings=warnings)


def _in_gcrf(attitude: xr.Dataset, date: np.datetime64, vectors: np.ndarray) -> np.ndarray:
    """Directions (n, 3) given in the frame that the attitude rotates from, in GCRF at a date between those of the attitude."""
    times, quaternions = attitude["time"].values, attitude["quaternion"].values
    after = int(np.clip(np.searchsorted(times, date), 1, len(times) - 1))
    before, behind = quaternions[after - 1], quaternions[after]
    share = float((date - times[after - 1]) / (times[after] - times[after - 1]))
    # a quaternion and its negative are one rotation: neighbours are taken on one side
    mean = (1.0 - share) * before + share * behind * (1.0 if before @ behind >= 0 else -1.0)
    scalar, axis = mean[0] / np.linalg.norm(mean), mean[1:] / np.linalg.norm(mean)
    turned = vectors + 2.0 * np.cross(axis, np.cross(axis, vectors) + scalar * vectors)
    matrix = rotation(Times.from_utc(np.array([date])), str(attitude.attrs["rotates_to"]), "GCRF")[0]
    return np.asarray(turned @ matrix.T)
