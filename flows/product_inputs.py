"""What a product itself gives to a run: its gains, its orbit, the axes of its image in the sky."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from calib.acquisition import Acquisition
from calib.errors import InputError
from calib.sensor import GainHistory, OfficialParameters
from orbit_aux.frames import rotation
from orbit_aux.orbit import Orbit
from orbit_aux.time import Times

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
    """The acquisition with the axes of its image in GCRF, from its attitude and lines of sight where it does not give them itself.

    The columns grow as the line of sight of the camera does across the columns; the lines as it moves over the sky with time.
    """
    attitude, viewing = acquisition.attitude, acquisition.viewing
    if (
        acquisition.column_axis is not None
        or attitude is None
        or viewing is None
        or not acquisition.start < acquisition.stop
    ):
        return acquisition
    dates = attitude["time"].values
    if acquisition.start < dates[0] or acquisition.stop > dates[-1]:
        raise InputError(f"{acquisition.label}: its attitude ends before its image does; complete the attitude file")
    # lines of sight of the first and the last column of the first band
    sight = viewing["direction"].isel(band=0, column=[0, -1]).values
    middle = acquisition.start + (acquisition.stop - acquisition.start) / 2
    ends = [acquisition.start, middle, acquisition.stop]
    first, centre, last = (_in_gcrf(acquisition, date, sight) for date in ends)
    column = centre[-1] - centre[0]
    line = last.mean(axis=0) - first.mean(axis=0)
    column /= np.linalg.norm(column)
    if not np.linalg.norm(line) > 1e-9:
        raise InputError(f"{acquisition.label}: its line of sight does not move over the sky; check the attitude")
    # the image is skewed by the little that the scan is not across the array: the axes are the nearest perpendicular ones
    line -= column * (column @ line)
    return replace(acquisition, column_axis=column, line_axis=line / np.linalg.norm(line))


def _in_gcrf(acquisition: Acquisition, date: np.datetime64, vectors: np.ndarray) -> np.ndarray:
    attitude = acquisition.attitude
    assert attitude is not None
    since = (attitude["time"].values - attitude["time"].values[0]) / np.timedelta64(1, "s")
    when = float((date - attitude["time"].values[0]) / np.timedelta64(1, "s"))
    values = attitude["quaternion"].values.copy()
    # neighbours on the same side of the sphere before they are interpolated
    for row in range(1, len(values)):
        values[row] *= np.sign(values[row] @ values[row - 1]) or 1.0
    quaternion = np.array([np.interp(when, since, values[:, component]) for component in range(4)])
    q0, axis = quaternion[0] / np.linalg.norm(quaternion), quaternion[1:] / np.linalg.norm(quaternion)
    turned = vectors + 2 * np.cross(axis, np.cross(axis, vectors) + q0 * vectors)
    matrix = rotation(Times.from_utc(np.array([date])), str(attitude.attrs["rotates_to"]), "GCRF")[0]
    return np.asarray(turned @ matrix.T)
