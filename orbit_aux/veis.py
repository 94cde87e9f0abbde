"""The CNES Veis axes (mean equinox of 1950, pole of date), frozen at an instant."""

from __future__ import annotations

import erfa
import numpy as np
from numpy.typing import NDArray

from orbit_aux.earth_orientation import packaged_earth_orientation
from orbit_aux.frames import rotation
from orbit_aux.time import Times

_JD_1950 = 2433282.5
_ANGLE_DEG, _RATE_DEG = 100.075542, 360.985612288


def veis_axes(time: Times) -> NDArray[np.float64]:
    """Rows are the Veis axes in GCRF at one `time`: Z the pole of date, Earth-fixed vectors turned about it by the Veis sidereal angle.

    The axes turn slowly (their X lies 0.64 deg from that of EME2000): an inertial thrust takes them frozen at ignition.
    """
    orientation = packaged_earth_orientation().at(time)
    day, fraction = time.ut1(orientation.ut1_minus_tai_s)
    days = float(day[0] - _JD_1950), float(fraction[0])
    # whole turns first, so that the fraction of a day keeps its digits
    angle = np.radians((_ANGLE_DEG + (_RATE_DEG - 360.0) * days[0] + _RATE_DEG * days[1]) % 360.0)
    cosine, sine = np.cos(angle), np.sin(angle)
    turn = np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])
    # the pole of date is the intermediate pole: polar motion is taken off again
    polar = erfa.pom00(orientation.x_pole_rad, orientation.y_pole_rad, erfa.sp00(*time.tt()))[0]
    axes: NDArray[np.float64] = turn @ polar.T @ rotation(time, "GCRF", "ITRF")[0]
    return axes
