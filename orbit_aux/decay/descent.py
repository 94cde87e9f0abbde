"""Decay of an orbit by its mean elements: drag, zonal harmonics, Sun and Moon averaged over each revolution, followed for weeks to a century."""

from __future__ import annotations

from dataclasses import dataclass, field

import erfa
import numpy as np
from numpy.typing import NDArray

from orbit_aux.constants import (
    ASTRONOMICAL_UNIT_M,
    EARTH_MU_M3S2,
    EARTH_ROTATION_RATE_RADS,
    WGS84_EQUATORIAL_RADIUS_M,
    WGS84_FLATTENING,
)
from orbit_aux.decay.air import Air, harris_priester_air
from orbit_aux.decay.surroundings import SPACING_S, YEAR_S, axes_over_years, surroundings
from orbit_aux.elements import cartesian, from_keplerian
from orbit_aux.errors import OrbitError
from orbit_aux.frames import State
from orbit_aux.motion.forces import LIGHT_PRESSURE_NM2, MOON_MU_M3S2, SUN_MU_M3S2, Satellite
from orbit_aux.motion.gravity import GravityField, packaged_gravity
from orbit_aux.motion.mean_elements import MeanElements, mean_elements
from orbit_aux.motion.space_weather import SpaceWeather, constant_space_weather
from orbit_aux.time import Times

__all__ = [
    "YEAR_S",
    "Decay",
    "DecayModels",
    "Draws",
    "follow_decay",
    "lifetimes",
    "mean_orbit",
    "of_osculating",
]

Array = NDArray[np.float64]

RE_ENTRY_HEIGHT_M = 120_000.0
_LONGEST_HORIZON_S = 150.0 * YEAR_S
_RECORDS = 16_384
# error of a step in a (a share) and e^2, and its length: tighter ones change lifetimes in low orbit by 3e-5, those of draws by 2e-4
_TOLERANCE, _LONGEST_STEP_S = 1e-8, 5.0 * 86_400.0
_DRAWS_TOLERANCE, _DRAWS_LONGEST_S = 1e-7, 10.0 * 86_400.0
# how far Sun and Moon are computed before more is known of the lifetime
_FIRST_HORIZONS_S = (2.0 * YEAR_S, 15.0 * YEAR_S)


@dataclass(frozen=True, eq=False)
class DecayModels:
    """What makes an orbit sink and turn."""

    satellite: Satellite = field(default_factory=Satellite)
    air: Air = field(default_factory=harris_priester_air)
    space_weather: SpaceWeather = field(default_factory=constant_space_weather)
    zonal_degree: int = 7
    """Zonal harmonics 2 to this; 0 or 1: a central field."""
    sun: bool = True
    moon: bool = True
    solar_pressure: bool = False
    gravity: GravityField = field(default_factory=packaged_gravity)
    re_entry_height_m: float = RE_ENTRY_HEIGHT_M

    def __post_init__(self) -> None:
        if not 0 <= self.zonal_degree <= 7 or not 8e4 <= self.re_entry_height_m <= 3e5:
            raise OrbitError(
                f"zonal degree {self.zonal_degree}, re-entry at {self.re_entry_height_m} m: give degree 0 to 7 and a height of 8e4 to 3e5 m"
            )

    @property
    def ballistic_m2kg(self) -> float:
        """Cd A / m."""
        craft = self.satellite
        return craft.drag_coefficient * craft.drag_area_m2 / craft.mass_kg

    def record(self) -> dict[str, object]:
        """Every model and constant, as plain values."""
        craft = self.satellite
        return {
            "air": self.air.name,
            "air_turns_with_the_Earth": self.air.turns,
            "heights_over": "WGS84 ellipsoid" if self.air.flattened else "sphere",
            "activity": self.space_weather.source if self.air.follows_activity else "not used",
            "gravity_field": self.gravity.name,
            "zonal_degree": self.zonal_degree,
            "mu_m3s2": self.gravity.mu_m3s2,
            "sun": self.sun,
            "moon": self.moon,
            "solar_pressure": self.solar_pressure,
            "mass_kg": craft.mass_kg,
            "drag_area_m2": craft.drag_area_m2,
            "drag_coefficient": craft.drag_coefficient,
            "ballistic_coefficient_m2kg": self.ballistic_m2kg,
            "re_entry_height_m": self.re_entry_height_m,
        }


@dataclass(frozen=True, eq=False)
class Decay:
    """A mean orbit over time, n records: a (m), e, angles (rad) to the true equator and equinox of date.

    Altitudes are a (1 - e) and a (1 + e) less the equatorial radius of WGS84 (m); `lowest_height_m` is the height over the ellipsoid of the lowest point of the
    true, not the mean, revolution.
    """

    times: Times
    semi_major_axis_m: Array
    eccentricity: Array
    inclination_rad: Array
    node_rad: Array
    perigee_argument_rad: Array
    lowest_height_m: Array
    f107: Array
    lifetime_s: float
    """From the start to re-entry, or to the horizon."""
    re_entered: bool

    @property
    def perigee_altitude_m(self) -> Array:
        return self.semi_major_axis_m * (1.0 - self.eccentricity) - WGS84_EQUATORIAL_RADIUS_M

    @property
    def apogee_altitude_m(self) -> Array:
        return self.semi_major_axis_m * (1.0 + self.eccentricity) - WGS84_EQUATORIAL_RADIUS_M

    @property
    def re_entry(self) -> Times | None:
        """When it fell, None within the horizon."""
        return self.times[0] + self.lifetime_s if self.re_entered else None


@dataclass(frozen=True, eq=False)
class Draws:
    """What n lifetimes differ by: factors of Cd A / m and of F10.7 above 65, later starts and later dates of the activity (s); each of shape (n,)."""

    ballistic: Array
    flux: Array
    start_s: Array
    cycle_s: Array


def mean_orbit(
    start: Times, perigee_altitude_m: float, apogee_altitude_m: float, inclination_rad: float, **angles_rad: float
) -> MeanElements:
    """One mean orbit by altitudes over the equatorial radius of WGS84; `angles_rad`: node, perigee (its argument)."""
    low, high = perigee_altitude_m + WGS84_EQUATORIAL_RADIUS_M, apogee_altitude_m + WGS84_EQUATORIAL_RADIUS_M
    if not (8e4 <= perigee_altitude_m <= apogee_altitude_m <= 1e8):
        raise OrbitError(
            f"perigee {perigee_altitude_m / 1e3:g} km and apogee {apogee_altitude_m / 1e3:g} km: give altitudes of 80 to 100000 km over the "
            "equator, in km, the perigee first"
        )
    if not 0.0 <= inclination_rad <= np.pi:
        raise OrbitError(f"inclination {np.degrees(inclination_rad):g} deg: give 0 to 180")
    e, perigee = (high - low) / (high + low), angles_rad.get("perigee", 0.0)
    values = (0.5 * (low + high), e * np.cos(perigee), e * np.sin(perigee), inclination_rad)
    return MeanElements(start, *(np.array([value]) for value in (*values, angles_rad.get("node", 0.0), perigee)))


def of_osculating(orbit: MeanElements) -> MeanElements:
    """Mean elements of an orbit whose elements are taken as osculating, with the satellite at its argument of latitude."""
    axes = erfa.pnm06a(*orbit.times.tt())[0]
    e, perigee = orbit.eccentricity, np.arctan2(orbit.eccentricity_y, orbit.eccentricity_x)
    anomaly = orbit.latitude_argument_rad - perigee
    kepler = [orbit.semi_major_axis_m, e, orbit.inclination_rad, perigee, orbit.node_rad, anomaly]
    position, velocity = cartesian(from_keplerian(np.stack(kepler, axis=1)))
    return mean_elements(State(orbit.times, position @ axes, velocity @ axes, "GCRF"))


def follow_decay(start: MeanElements, models: DecayModels, horizon_s: float, draw: Draws | None = None) -> Decay:
    """The orbit from `start` (one) until its lowest point lies below the height of re-entry, or `horizon_s` later at the latest (150 years at most).

    `draw` (one) varies the models as in `lifetimes`; times then count from its own start.
    """
    from orbit_aux.decay import decay_kernel as kernel
    from orbit_aux.decay.descent_kernel import fall

    _check(start, horizon_s)
    varied = draw or Draws(*np.array([[1.0], [1.0], [0.0], [0.0]]))
    first, settings = _vectors(start), _varied(models, varied)[0]
    begin = float(varied.start_s[0])
    for reach in (*(item for item in _FIRST_HORIZONS_S if item < 0.6 * horizon_s), horizon_s):
        orbit, records = first.copy(), np.empty((_RECORDS, kernel.RECORD_SIZE))
        around = surroundings(start.times, _reach_s(reach, varied), models.space_weather)
        ending, end_s, kept = fall(orbit, begin, begin + reach, around, settings, models.air.table, records)
        if ending == kernel.FELL:
            break
    if ending == kernel.LOST or kept == 0:
        raise OrbitError(
            f"the orbit of {start.times.utc_strings(0)[0]} lies below {models.re_entry_height_m / 1e3:g} km already: give a higher perigee"
        )
    return _named(start.times, records[:kept], float(end_s) - begin, ending == kernel.FELL, models)


def lifetimes(
    start: MeanElements, models: DecayModels, draws: Draws, horizon_s: float
) -> tuple[Array, NDArray[np.bool_]]:
    """Seconds from each start to re-entry (n,), or the horizon; and whether it fell before."""
    from orbit_aux.decay import decay_kernel as kernel
    from orbit_aux.decay.descent_kernel import fall_many

    _check(start, horizon_s)
    count = len(draws.ballistic)
    settings = _varied(models, draws)
    settings[:, kernel.TOLERANCE], settings[:, kernel.LONGEST] = _DRAWS_TOLERANCE, _DRAWS_LONGEST_S
    around = surroundings(start.times, _reach_s(horizon_s, draws), models.space_weather)
    orbits = np.tile(_vectors(start), (count, 1))
    ends_s, endings = np.empty(count), np.empty(count, dtype=np.int64)
    fall_many(orbits, draws.start_s, horizon_s, around, settings, models.air.table, ends_s, endings)
    return ends_s, endings == kernel.FELL


def _check(start: MeanElements, horizon_s: float) -> None:
    if len(start.times) != 1 or not 0 < horizon_s <= _LONGEST_HORIZON_S:
        raise OrbitError(
            f"decay of {len(start.times)} orbits over {horizon_s / YEAR_S:g} years: give one orbit and at most 150 years"
        )


def _settings(models: DecayModels) -> Array:
    from orbit_aux.decay import decay_kernel as kernel

    craft, air = models.satellite, models.air
    settings = np.zeros(kernel.SETTINGS_SIZE)
    settings[kernel.MU], settings[kernel.RADIUS] = models.gravity.mu_m3s2, models.gravity.radius_m
    settings[kernel.SPIN] = EARTH_ROTATION_RATE_RADS if air.turns else 0.0
    settings[kernel.ELLIPSOID] = WGS84_EQUATORIAL_RADIUS_M
    settings[kernel.FLATTENING] = WGS84_FLATTENING if air.flattened else 0.0
    settings[kernel.DRAG] = models.ballistic_m2kg
    push = LIGHT_PRESSURE_NM2 * ASTRONOMICAL_UNIT_M**2 * craft.light_coefficient * craft.light_area_m2 / craft.mass_kg
    settings[kernel.LIGHT] = push if models.solar_pressure else 0.0
    settings[kernel.MU_SUN] = SUN_MU_M3S2 if models.sun else 0.0
    settings[kernel.MU_MOON] = MOON_MU_M3S2 if models.moon else 0.0
    settings[kernel.BULGE], settings[kernel.FOLLOWS] = air.bulge_exponent, float(air.follows_activity)
    settings[kernel.FLUX_SCALE], settings[kernel.LOWEST] = 1.0, models.re_entry_height_m
    settings[kernel.TOLERANCE], settings[kernel.LONGEST] = _TOLERANCE, _LONGEST_STEP_S
    for degree in range(2, min(models.zonal_degree, models.gravity.degree) + 1):
        normal = np.sqrt(2.0 * degree + 1.0)
        settings[kernel.ZONALS + degree] = -normal * models.gravity.cosine[degree, 0]
    return settings


def _varied(models: DecayModels, draws: Draws) -> Array:
    """Settings of each draw, (n, SETTINGS_SIZE)."""
    from orbit_aux.decay import decay_kernel as kernel

    settings = np.tile(_settings(models), (len(draws.ballistic), 1))
    settings[:, kernel.DRAG] *= draws.ballistic
    settings[:, kernel.LIGHT] *= draws.ballistic
    settings[:, kernel.FLUX_SCALE] = draws.flux
    settings[:, kernel.FLUX_SHIFT] = draws.cycle_s / SPACING_S
    return settings


def _reach_s(horizon_s: float, draws: Draws) -> float:
    return horizon_s + float(draws.start_s.max() + draws.cycle_s.max())


def _vectors(mean: MeanElements) -> Array:
    """One mean orbit as the kernel has it, (8,)."""
    c, s = np.cos(mean.node_rad[0]), np.sin(mean.node_rad[0])
    ci, si = np.cos(mean.inclination_rad[0]), np.sin(mean.inclination_rad[0])
    to_node, onward = np.array([c, s, 0.0]), np.array([-s * ci, c * ci, si])
    parameter = mean.semi_major_axis_m[0] * (1.0 - mean.eccentricity[0] ** 2)
    momentum = np.sqrt(EARTH_MU_M3S2 * parameter) * np.cross(to_node, onward)
    vector = mean.eccentricity_x[0] * to_node + mean.eccentricity_y[0] * onward
    axes = erfa.pnm06a(*mean.times.tt())[0]
    scalars = np.array([mean.semi_major_axis_m[0], mean.eccentricity[0] ** 2])
    return np.concatenate([momentum @ axes, vector @ axes, scalars])


def _named(epoch: Times, records: Array, end_s: float, fell: bool, models: DecayModels) -> Decay:
    times = epoch + records[:, 0]
    axes = axes_over_years(times)
    h = np.einsum("nij,nj->ni", axes, records[:, 1:4])
    vector = np.einsum("nij,nj->ni", axes, records[:, 4:7])
    size, e = np.linalg.norm(h, axis=1), np.linalg.norm(vector, axis=1)
    node = np.arctan2(h[:, 0], -h[:, 1])
    along = vector[:, 0] * np.cos(node) + vector[:, 1] * np.sin(node)
    onward = np.cross(h / size[:, None], np.stack([np.cos(node), np.sin(node), np.zeros_like(node)], axis=1))
    return Decay(
        times,
        size**2 / models.gravity.mu_m3s2 / (1.0 - e**2),
        e,
        np.arccos(np.clip(h[:, 2] / size, -1.0, 1.0)),
        np.mod(node, 2.0 * np.pi),
        np.mod(np.arctan2(np.sum(vector * onward, axis=1), along), 2.0 * np.pi),
        records[:, 7],
        records[:, 8],
        end_s,
        fell,
    )
