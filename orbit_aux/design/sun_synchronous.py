"""Sun-synchronous orbits whose ground track repeats: their axis and inclination, by closed formulas of J2 and to second order with all zonal terms.

The closed formulas are those of handbooks (secular rates of J2 alone). `refined_orbit` adds the square of J2 and the other zonal harmonics, and with
a free eccentricity takes the frozen one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import erfa
import numpy as np

from orbit_aux.constants import (
    EARTH_J2,
    EARTH_MU_M3S2,
    EARTH_RADIUS_M,
    EARTH_ROTATION_RATE_RADS,
    TROPICAL_YEAR_D,
)
from orbit_aux.design.zonal import NotFrozenError, frozen_eccentricity, zonal_rates
from orbit_aux.earth_orientation import packaged_earth_orientation
from orbit_aux.errors import OrbitError
from orbit_aux.motion.gravity import GravityField
from orbit_aux.motion.mean_elements import MeanElements
from orbit_aux.time import Times

_DAY_S = 86400.0
# of the mean Sun against the stars, as UT1 has it
_SUN_RATE_RADS = EARTH_ROTATION_RATE_RADS - 2.0 * math.pi / _DAY_S
# fixed-point steps: the oblateness changes what the axis asks for by a thousandth, so each step wins three digits
_STEPS = 12
# relative, of revolutions a day at the edges of a band
_MARGIN = 1e-4


@dataclass(frozen=True)
class Constants:
    """What the closed formulas stand on; EGM96 unless given. Never mix models."""

    mu_m3s2: float = EARTH_MU_M3S2
    radius_m: float = EARTH_RADIUS_M
    j2: float = EARTH_J2
    tropical_year_d: float = TROPICAL_YEAR_D
    earth_rotation_rads: float = EARTH_ROTATION_RATE_RADS

    @property
    def sun_rate_rads(self) -> float:
        """Of the mean Sun along the equator, and of the node that keeps its local time."""
        return 2.0 * math.pi / (self.tropical_year_d * _DAY_S)

    @property
    def nodal_day_s(self) -> float:
        """One turn of the Earth under such a node."""
        return 2.0 * math.pi / (self.earth_rotation_rads - self.sun_rate_rads)


@dataclass(frozen=True)
class RepeatOrbit:
    """Mean elements of a Sun-synchronous orbit that flies over the same track after `revolutions` in `days`."""

    revolutions: int
    days: int
    semi_major_axis_m: float
    eccentricity: float
    """Perigee lies at 90 deg, of a negative one at 270 deg."""
    inclination_rad: float
    nodal_period_s: float
    radius_m: float
    """Equatorial radius, from which heights count."""

    @property
    def altitude_m(self) -> float:
        return self.semi_major_axis_m - self.radius_m

    @property
    def track_spacing_m(self) -> float:
        """Along the equator between neighbouring ascending tracks when the cycle is complete."""
        return 2.0 * math.pi * self.radius_m / self.revolutions

    @property
    def track_slope(self) -> float:
        """Motion of the track east along the equator, m a day for each metre of axis above the design: -(3/2) omega_E (Re / a) x 86400."""
        return -1.5 * EARTH_ROTATION_RATE_RADS * self.radius_m / self.semi_major_axis_m * _DAY_S

    def node_longitudes_rad(self) -> np.ndarray:
        """Of the ascending nodes of one cycle in the order of time, from the first one, east, 0 to 2 pi."""
        steps = np.arange(self.revolutions) * self.days % self.revolutions
        return np.mod(-2.0 * np.pi * steps / self.revolutions, 2.0 * np.pi)


def sun_synchronous_inclination(
    semi_major_axis_m: float, eccentricity: float = 0.0, constants: Constants = Constants()
) -> float:
    """Inclination, rad, whose node follows the mean Sun: cos i = -(2/3) w a^3.5 (1 - e^2)^2 / (J2 Re^2 sqrt(mu))."""
    _check_orbit(semi_major_axis_m, eccentricity, constants)
    cosine = (
        -(2.0 / 3.0)
        * constants.sun_rate_rads
        * semi_major_axis_m**3.5
        * (1.0 - eccentricity**2) ** 2
        / (constants.j2 * constants.radius_m**2 * math.sqrt(constants.mu_m3s2))
    )
    if cosine < -1.0:
        raise OrbitError(
            f"semi-major axis {semi_major_axis_m:.0f} m with eccentricity {eccentricity:g} has no Sun-synchronous inclination: the node is too slow "
            "above 5970 km; give a lower orbit"
        )
    return math.acos(cosine)


def nodal_period_s(
    semi_major_axis_m: float, eccentricity: float, inclination_rad: float, constants: Constants = Constants()
) -> float:
    """Time from node to node, s, by J2: 2 pi / (n [1 + (3/4) J2 (Re/p)^2 (sqrt(1 - e^2) (3 cos^2 i - 1) + 5 cos^2 i - 1)])."""
    _check_orbit(semi_major_axis_m, eccentricity, constants)
    shape = 1.0 - eccentricity**2
    square = math.cos(inclination_rad) ** 2
    share = 0.75 * constants.j2 * (constants.radius_m / (semi_major_axis_m * shape)) ** 2
    motion = math.sqrt(constants.mu_m3s2 / semi_major_axis_m**3)
    return 2.0 * math.pi / (motion * (1.0 + share * (math.sqrt(shape) * (3.0 * square - 1.0) + 5.0 * square - 1.0)))


def repeat_orbit(
    revolutions: int, days: int, eccentricity: float | None = None, constants: Constants = Constants()
) -> RepeatOrbit:
    """The Sun-synchronous orbit that makes `revolutions` from node to node in `days` turns of the Earth under it, by the closed formulas.

    Eccentricities are negative where perigee lies at 270 deg. Without one the frozen one of the packaged gravity field.
    """
    _check_cycle(revolutions, days)
    target_s = days * constants.nodal_day_s / revolutions
    axis = (constants.mu_m3s2 * (target_s / (2.0 * math.pi)) ** 2) ** (1.0 / 3.0)
    e = eccentricity or 0.0
    for step in range(_STEPS):
        inclination = sun_synchronous_inclination(axis, e, constants)
        # the eccentricity enters by its square: the second value stands
        if eccentricity is None and step < 2:
            e = frozen_eccentricity(axis, inclination)
        axis *= (target_s / nodal_period_s(axis, e, inclination, constants)) ** (2.0 / 3.0)
    inclination = sun_synchronous_inclination(axis, e, constants)
    period = nodal_period_s(axis, e, inclination, constants)
    return RepeatOrbit(revolutions, days, axis, e, inclination, period, constants.radius_m)


def refined_orbit(design: RepeatOrbit, gravity: GravityField, eccentricity: float | None = None) -> RepeatOrbit:
    """`design` in a zonal field, to second order of J2: its track closes against the Earth's rotation and its node follows the mean Sun.

    Without an eccentricity the frozen one of `gravity`; perigee at 90 deg.
    """
    axis, cosine = design.semi_major_axis_m, math.cos(design.inclination_rad)
    wanted = 2.0 * math.pi * design.revolutions / (design.days * _DAY_S)
    for _ in range(_STEPS):
        inclination = math.acos(cosine)
        e = frozen_eccentricity(axis, inclination, gravity) if eccentricity is None else eccentricity
        node, argument = zonal_rates(axis, e, inclination, gravity)
        cosine *= _SUN_RATE_RADS / node
        axis *= (argument / wanted) ** (2.0 / 3.0)
    return replace(
        design,
        semi_major_axis_m=axis,
        eccentricity=e,
        inclination_rad=math.acos(cosine),
        nodal_period_s=2.0 * math.pi / wanted,
    )


def kept_inclination(semi_major_axis_m: float, eccentricity: float, gravity: GravityField) -> float:
    """Inclination, rad, whose node follows the mean Sun in a zonal field, to second order of J2."""
    cosine = math.cos(sun_synchronous_inclination(semi_major_axis_m, eccentricity))
    for _ in range(_STEPS):
        cosine *= _SUN_RATE_RADS / zonal_rates(semi_major_axis_m, eccentricity, math.acos(cosine), gravity)[0]
    return math.acos(cosine)


def repeat_cycles(
    lowest_altitude_m: float,
    highest_altitude_m: float,
    longest_days: int,
    eccentricity: float | None = None,
    constants: Constants = Constants(),
) -> list[RepeatOrbit]:
    """All repeat orbits of at most `longest_days` with heights in a band, each with its shortest cycle, by days and height.

    Without an eccentricity the frozen one, or a circle where none is frozen (about 116.6 deg).
    """
    if not (1.0e5 <= lowest_altitude_m < highest_altitude_m <= 5.9e6 and 1 <= longest_days <= 100):
        raise OrbitError(
            f"band of {lowest_altitude_m:g} to {highest_altitude_m:g} m, cycles of {longest_days} days: give heights of 1e5 to 5.9e6 m, the lower first, "
            "and 1 to 100 days"
        )
    heights = (highest_altitude_m, lowest_altitude_m)
    axes = [constants.radius_m + height for height in heights]
    few, many = (
        constants.nodal_day_s / nodal_period_s(a, 0.0, sun_synchronous_inclination(a, 0.0, constants), constants)
        for a in axes
    )
    # a little more on each side: the eccentricity moves heights by some metres, and the height found decides
    found = [
        _listed(revolutions, days, eccentricity, constants)
        for days in range(1, longest_days + 1)
        for revolutions in range(
            math.floor(many * (1.0 + _MARGIN) * days), math.ceil(few * (1.0 - _MARGIN) * days) - 1, -1
        )
        if math.gcd(revolutions, days) == 1
    ]
    return [orbit for orbit in found if lowest_altitude_m <= orbit.altitude_m <= highest_altitude_m]


def _listed(revolutions: int, days: int, eccentricity: float | None, constants: Constants) -> RepeatOrbit:
    try:
        return repeat_orbit(revolutions, days, eccentricity, constants)
    except NotFrozenError:
        return repeat_orbit(revolutions, days, 0.0, constants)


def starting_elements(design: RepeatOrbit, start: Times, local_time_h: float, node: str = "descending") -> MeanElements:
    """Mean elements at `start`, there at the named node, whose mean solar local time is given."""
    if not 0.0 <= local_time_h < 24.0 or node not in ("ascending", "descending"):
        raise OrbitError(f"local time {local_time_h} h of the {node!r} node: give 0 to 24 h, ascending or descending")
    ut1, tt = start.ut1(packaged_earth_orientation().at(start).ut1_minus_tai_s), start.tt()
    half_turn = math.pi if node == "descending" else 0.0
    east = 2.0 * math.pi * (local_time_h / 24.0 - (ut1[0] - 0.5 + ut1[1]) % 1.0)
    longitude = np.mod(erfa.gst06a(*ut1, *tt) + east - half_turn, 2.0 * math.pi)
    # perigee at 90 deg: the mean anomaly of the node is not zero
    e = design.eccentricity
    true = half_turn - 0.5 * math.pi
    eccentric = 2.0 * math.atan2(math.sqrt(1.0 - e) * math.sin(true / 2.0), math.sqrt(1.0 + e) * math.cos(true / 2.0))
    argument = 0.5 * math.pi + eccentric - e * math.sin(eccentric)
    values = (design.semi_major_axis_m, 0.0, e, design.inclination_rad, longitude[0], argument % (2.0 * math.pi))
    return MeanElements(start, *(np.array([value]) for value in values))


def _check_cycle(revolutions: int, days: int) -> None:
    if not (revolutions > 0 and 0 < days <= 400) or not 3.0 < revolutions / days < 16.9:
        raise OrbitError(
            f"{revolutions} revolutions in {days} days: give 3 to 16.9 revolutions a day (5900 to 100 km high) and at most 400 days"
        )


def _check_orbit(semi_major_axis_m: float, eccentricity: float, constants: Constants) -> None:
    if not (abs(eccentricity) < 1.0 and semi_major_axis_m * (1.0 - abs(eccentricity)) > 0.99 * constants.radius_m):
        raise OrbitError(
            f"semi-major axis {semi_major_axis_m:g} m with eccentricity {eccentricity:g} meets the Earth: give m, not km, and an eccentricity below 1"
        )
