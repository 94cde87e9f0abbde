"""The Moon and the Sun seen from the Earth's centre by the packaged table of DE440 (outside its span by analytic series), and the Moon's axes by series."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import erfa
import numpy as np
from numpy.typing import NDArray

from orbit_aux.constants import ASTRONOMICAL_UNIT_M
from orbit_aux.ephemeris_table import packaged_table
from orbit_aux.interpolation import on_time_grid
from orbit_aux.time import Times

_Places = Callable[[Times], NDArray[np.float64]]

# node spacings that keep the 8-point interpolation below 1 mm for the Moon and 2 m for the Sun
_MOON_STEP_S = 10_800.0
_SUN_STEP_S = 86_400.0
# and below 1e-10 deg for the Moon's axes
_AXES_STEP_S = 21_600.0

# IAU working group on cartographic coordinates (Archinal et al. 2011): arguments E1..E13, degrees and degrees a day
_ARGUMENTS_DEG = np.array(
    [
        (125.045, -0.0529921),
        (250.089, -0.1059842),
        (260.008, 13.0120009),
        (176.625, 13.3407154),
        (357.529, 0.9856003),
        (311.589, 26.4057084),
        (134.963, 13.0649930),
        (276.617, 0.3287146),
        (34.226, 1.7484877),
        (15.134, -0.1589763),
        (119.743, 0.0036096),
        (239.961, 0.1643573),
        (25.053, 12.9590088),
    ]
)
# coefficients of sin E (right ascension), cos E (declination), sin E (prime meridian), degrees, one column per argument
_RIGHT_ASCENSION_DEG = np.array([-3.8787, -0.1204, 0.0700, -0.0172, 0, 0.0072, 0, 0, 0, -0.0052, 0, 0, 0.0043])
_DECLINATION_DEG = np.array([1.5419, 0.0239, -0.0278, 0.0068, 0, -0.0029, 0.0009, 0, 0, 0.0008, 0, 0, -0.0009])
_MERIDIAN_DEG = np.array(
    [3.5610, 0.1208, -0.0642, 0.0158, 0.0252, -0.0066, -0.0047, -0.0046, 0.0028, 0.0052, 0.0040, 0.0019, -0.0044]
)


# view, eclipse and clearance of the same times follow one another: the latest answer is kept
@lru_cache(maxsize=1)
def moon_position(times: Times) -> NDArray[np.float64]:
    """Moon from the centre of the Earth, GCRF, m, shape (n, 3), read-only; geometric; 1 cm from DE440 from 1980 to 2051, else within 30 km."""
    return _read_only(on_time_grid(times, _moon_nodes, _MOON_STEP_S))


@lru_cache(maxsize=1)
def sun_position(times: Times) -> NDArray[np.float64]:
    """Sun from the centre of the Earth, GCRF, m, shape (n, 3), read-only; geometric; 5 m from DE440 from 1980 to 2051, else within 14 km."""
    return _read_only(on_time_grid(times, lambda nodes: -_earth_nodes(nodes)[:, :3], _SUN_STEP_S))


def earth_barycentric_position(times: Times) -> NDArray[np.float64]:
    """Earth from the barycentre of the solar system, ICRF axes, m, shape (n, 3)."""
    return on_time_grid(times, lambda nodes: _earth_nodes(nodes)[:, 3:], _SUN_STEP_S)


def series(times: Times) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Moon and Sun from the centre of the Earth by the analytic series alone, m, (n, 3) each: for plans that shall not move when the table is made anew."""
    return _moon_series(times), -_earth_series(times)[:, :3]


def moon_axes(times: Times) -> NDArray[np.float64]:
    """Rotation from GCRF to the mean-Earth/polar-axis frame of the Moon, shape (n, 3, 3); rows are the lunar axes in GCRF.

    Rz(W) Rx(90 deg - declination) Rz(90 deg + right ascension), series of Archinal et al. 2011, good to 0.006 deg.
    """
    ascension, declination, meridian = on_time_grid(times, _lunar_angles, _AXES_STEP_S).T
    node = np.stack([-np.sin(ascension), np.cos(ascension), np.zeros_like(ascension)], axis=-1)
    pole = np.stack(
        [np.cos(declination) * np.cos(ascension), np.cos(declination) * np.sin(ascension), np.sin(declination)], axis=-1
    )
    transverse = np.cross(pole, node)
    c, s = np.cos(meridian)[:, None], np.sin(meridian)[:, None]
    return np.stack([c * node + s * transverse, c * transverse - s * node, pole], axis=1)


def _lunar_angles(times: Times) -> NDArray[np.float64]:
    """Right ascension and declination of the Moon's pole and its prime meridian, rad, shape (n, 3)."""
    date, fraction = times.tdb()
    days = (date - 2451545.0) + fraction
    centuries = days / 36525.0
    angles = np.radians(_ARGUMENTS_DEG[:, :1] + _ARGUMENTS_DEG[:, 1:] * days)
    sines, cosines = np.sin(angles), np.cos(angles)
    ascension = 269.9949 + 0.0031 * centuries + _RIGHT_ASCENSION_DEG @ sines
    declination = 66.5392 + 0.0130 * centuries + _DECLINATION_DEG @ cosines
    meridian = 38.3213 + 13.17635815 * days - 1.4e-12 * days**2 + _MERIDIAN_DEG @ sines
    return np.asarray(np.radians(np.stack([ascension, declination, meridian], axis=-1)))


def _moon_nodes(times: Times) -> NDArray[np.float64]:
    return _by_table(times, packaged_table().moon_position, _moon_series)


def _earth_nodes(times: Times) -> NDArray[np.float64]:
    """The Earth from the Sun and from the barycentre of the solar system, (n, 6)."""
    return _by_table(times, _earth_of_table, _earth_series)


def _by_table(times: Times, table: _Places, analytic: _Places) -> NDArray[np.float64]:
    """Places by the table where it reaches; a node is by one of them alone, whatever the other times asked for."""
    inside = packaged_table().covers(times)
    if inside.all():
        return table(times)
    values = analytic(times)
    if inside.any():
        values[inside] = table(times[inside])
    return values


def _earth_of_table(times: Times) -> NDArray[np.float64]:
    earth = packaged_table().earth_position(times)
    return np.concatenate([earth - packaged_table().sun_position(times), earth], axis=-1)


def _moon_series(times: Times) -> NDArray[np.float64]:
    # moon98 is published for TT; the 2 ms to TDB move the Moon by 2 m
    state = erfa.moon98(*times.tt())
    return np.asarray(state["p"]) * ASTRONOMICAL_UNIT_M


def _earth_series(times: Times) -> NDArray[np.float64]:
    heliocentric, barycentric = erfa.epv00(*times.tdb())
    return np.concatenate([heliocentric["p"], barycentric["p"]], axis=-1) * ASTRONOMICAL_UNIT_M


def _read_only(values: NDArray[np.float64]) -> NDArray[np.float64]:
    values.flags.writeable = False
    return values
