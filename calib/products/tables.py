"""The tables of an acquisition in the one form that all readers give: angles, ephemeris, attitude."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from calib.errors import InputError

CENTER = "center"
#: angle of a direction: name, and the values that make sense
_ANGLES = {"sun_zenith": 180.0, "view_zenith": 90.0}
_AXES = {"axis": ["x", "y", "z"]}
_COMPONENTS = {"component": ["q0", "q1", "q2", "q3"]}


def angle_table(
    source: str,
    bands: Sequence[str],
    points: Sequence[str],
    places: tuple[ArrayLike, ArrayLike],
    sun: tuple[ArrayLike, ArrayLike],
    view: tuple[ArrayLike, ArrayLike],
) -> xr.Dataset:
    """Angles over (band, point), in degrees: `sun` and `view` are (zenith, azimuth), each broadcast to that shape; azimuths clockwise from north, of the
    direction in which the Sun or the satellite stands as seen from the target, brought to 0..360.

    `places` are (down, across): fractions of the image's height and width, NaN where unknown. The first point is "center". `source` names the file.
    """
    if not points or points[0] != CENTER:
        raise ValueError(f"the first point is '{CENTER}', not {list(points)[:1]}")
    shape = (len(bands), len(points))
    table = xr.Dataset(coords={"band": list(bands), "point": list(points)})
    for name, place in zip(("down", "across"), places, strict=True):
        values = np.broadcast_to(np.asarray(place, dtype=float), (len(points),)).copy()
        table = table.assign_coords({name: ("point", values, {"units": "1"})})
    for body, (zenith, azimuth) in (("sun", sun), ("view", view)):
        tilt, turn = (np.broadcast_to(np.asarray(item, dtype=float), shape).copy() for item in (zenith, azimuth))
        most = _ANGLES[f"{body}_zenith"]
        if np.isinf(tilt).any() or np.isinf(turn).any() or (tilt < 0).any() or (tilt > most).any():
            raise InputError(
                f"{source}: a {body} zenith angle does not lie between 0 and {most:g} degrees; the file is damaged"
            )
        table[f"{body}_zenith"] = (("band", "point"), tilt, {"units": "deg"})
        table[f"{body}_azimuth"] = (("band", "point"), turn % 360.0, {"units": "deg"})
    return table


def ephemeris(
    source: str, times: np.ndarray, position_m: ArrayLike, velocity_m_s: ArrayLike | None, frame: str
) -> xr.Dataset:
    """Positions (m) and velocities (m s-1, NaN where unknown) over (time, axis) in `frame` ("ITRF", "GCRF", "EME2000", ...), sorted by time (UTC)."""
    position = np.asarray(position_m, dtype=float)
    velocity = np.full_like(position, np.nan) if velocity_m_s is None else np.asarray(velocity_m_s, dtype=float)
    radius = np.linalg.norm(position, axis=-1)
    if not np.all((radius > 6.3e6) & (radius < 1e8)):
        raise InputError(
            f"{source}: a position of the satellite lies {radius.min() / 1e3:.0f} km from the Earth's centre; the file is damaged"
        )
    return _sorted(
        source,
        times,
        {
            "position": (("time", "axis"), position, {"units": "m"}),
            "velocity": (("time", "axis"), velocity, {"units": "m s-1"}),
        },
        _AXES,
        {"frame": frame},
    )


def attitude(source: str, times: np.ndarray, quaternion: ArrayLike, rotates_from: str, rotates_to: str) -> xr.Dataset:
    """Unit quaternions over (time, component), scalar q0 first, sorted by time (UTC).

    v_to = q v_from q* : `rotates_from` and `rotates_to` name the frames ("spacecraft", "sensor", "ITRF", "GCRF", "EME2000"; "MOD", the mean equator and
    equinox of the date).
    """
    values = np.asarray(quaternion, dtype=float)
    norm = np.linalg.norm(values, axis=-1, keepdims=True)
    if not np.all(np.abs(norm - 1.0) < 1e-3):
        raise InputError(
            f"{source}: a quaternion of norm {norm.flat[np.argmax(np.abs(norm - 1))]:.4f} is no rotation; the file is damaged"
        )
    return _sorted(
        source,
        times,
        {"quaternion": (("time", "component"), values / norm, {"units": "1"})},
        _COMPONENTS,
        {"frame": rotates_to, "rotates_from": rotates_from, "rotates_to": rotates_to},
    )


def _sorted(source: str, times: np.ndarray, variables: dict, coords: dict, attrs: dict[str, str]) -> xr.Dataset:  # type: ignore[type-arg]
    dates = np.asarray(times, dtype="datetime64[ns]")
    if not len(dates) or np.isnat(dates).any() or len(np.unique(dates)) != len(dates):
        raise InputError(f"{source}: dates of the ephemeris or attitude are missing or repeated; the file is damaged")
    return xr.Dataset(variables, coords={"time": dates, **coords}, attrs=attrs).sortby("time")
