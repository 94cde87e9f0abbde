"""The Sun and the Earth's axis as events need them: apparent Sun, pole of date, solar times."""

from __future__ import annotations

import erfa
import numpy as np
from numpy.typing import NDArray

from orbit_aux.bodies import sun_position
from orbit_aux.constants import SPEED_OF_LIGHT_MS
from orbit_aux.earth_orientation import packaged_earth_orientation
from orbit_aux.frames import rotation
from orbit_aux.interpolation import on_time_grid
from orbit_aux.time import Times

Array = NDArray[np.float64]

# the pole moves by precession and nutation only: 8-point interpolation over days is good to 1e-9 rad
_POLE_STEP_S = 86_400.0


def apparent_sun(times: Times) -> Array:
    """Sun from the centre of the Earth, GCRF, m, shape (n, 3): where it stood against the Earth when its light left (light time and annual aberration)."""
    delay_s = np.linalg.norm(sun_position(times), axis=1) / SPEED_OF_LIGHT_MS
    return sun_position(times + -delay_s)


def apparent_sun_fixed(times: Times) -> Array:
    """As `apparent_sun`, in ITRF."""
    return np.asarray(np.einsum("nij,nj->ni", rotation(times, "GCRF", "ITRF"), apparent_sun(times)))


def pole_of_date(times: Times) -> Array:
    """Celestial intermediate pole (normal of the true equator of date), unit vectors in GCRF, shape (n, 3); IAU 2006/2000A."""
    x, y = on_time_grid(times, _pole_nodes, _POLE_STEP_S).T
    return np.stack([x, y, np.sqrt(1.0 - x**2 - y**2)], axis=-1)


def mean_solar_time_h(times: Times, longitude_rad: Array) -> Array:
    """Local mean solar time, h, 0 to 24: UT1 plus the longitude."""
    _, day = times.ut1(packaged_earth_orientation().at(times).ut1_minus_tai_s)
    return np.asarray((day * 24.0 + np.degrees(longitude_rad) / 15.0) % 24.0)


def true_solar_time_h(sun_fixed_m: Array, longitude_rad: Array) -> Array:
    """Local true (apparent) solar time, h, 0 to 24: 12 h plus the hour angle of the Sun given in ITRF."""
    sun_longitude = np.arctan2(sun_fixed_m[:, 1], sun_fixed_m[:, 0])
    return np.asarray((12.0 + np.degrees(longitude_rad - sun_longitude) / 15.0) % 24.0)


def _pole_nodes(times: Times) -> Array:
    x, y, _ = erfa.xys06a(*times.tt())
    return np.stack([x, y], axis=-1)
