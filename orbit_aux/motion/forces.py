"""What acts on a satellite of low orbit: the models chosen, the satellite, its manoeuvres; and all constants that go with them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from orbit_aux.constants import (
    EARTH_ROTATION_RATE_RADS,
    SUN_RADIUS_M,
    WGS84_EQUATORIAL_RADIUS_M,
    WGS84_FLATTENING,
)
from orbit_aux.errors import OrbitError
from orbit_aux.motion.gravity import GravityField, packaged_gravity
from orbit_aux.motion.space_weather import SpaceWeather, constant_space_weather
from orbit_aux.time import Times

AXES = ("GCRF", "RSW", "TNW")

# IAU 2009/2012 system (TDB-compatible), m3/s2; Moon: DE430
SUN_MU_M3S2 = 1.32712440041e20
MOON_MU_M3S2 = 4.902800066e12
# pressure of sunlight at one astronomical unit, N/m2 (Montenbruck and Gill 2000, 3.4; 1367 W/m2)
LIGHT_PRESSURE_NM2 = 4.56e-6
# IERS Conventions 2010, table 6.3: nominal degree-2 Love number of an anelastic Earth, without its phase and dependence on order
LOVE_NUMBER = 0.30190


@dataclass(frozen=True)
class Satellite:
    """Mass (kg) at the start, area (m2) and coefficient of drag and of solar pressure."""

    mass_kg: float = 265.0
    drag_area_m2: float = 3.0
    drag_coefficient: float = 2.2
    light_area_m2: float = 3.0
    light_coefficient: float = 1.3

    def __post_init__(self) -> None:
        if not (0 < self.mass_kg < 1e6 and min(self.drag_area_m2, self.light_area_m2) >= 0):
            raise OrbitError(f"{self}: give a mass in kg above 0 and areas in m2")
        if not (0 <= self.drag_coefficient <= 10 and 0 <= self.light_coefficient <= 3):
            raise OrbitError(f"{self}: coefficients of drag lie near 2.2 and of solar pressure near 1.3; correct them")
        # compiled loops want real numbers
        object.__setattr__(self, "mass_kg", float(self.mass_kg))


@dataclass(frozen=True, eq=False)
class Impulse:
    """A change of velocity (m/s, 3) in `axes` at `time`; `sigma_ms` (one or 3) > 0 lets it be estimated."""

    time: Times
    delta_v_ms: NDArray[np.float64]
    axes: str = "RSW"
    sigma_ms: float | NDArray[np.float64] = 0.0
    mass_kg: float = 0.0
    """Propellant used."""
    sigma_time_s: float = 0.0
    """> 0 lets the time be estimated."""

    def __post_init__(self) -> None:
        _check("impulse", self.time, self.axes, self.delta_v_ms)


@dataclass(frozen=True, eq=False)
class Thrust:
    """A constant force (N, 3) in `axes` from `start` for `duration_s`, electric or chemical; `flow_kgs` > 0 uses propellant.

    `sigma_n` > 0 lets all components of force be estimated, `sigma_start_s`, `sigma_stop_s` its switches.
    """

    start: Times
    duration_s: float
    force_n: NDArray[np.float64]
    axes: str = "TNW"
    flow_kgs: float = 0.0
    sigma_n: float | NDArray[np.float64] = 0.0
    sigma_start_s: float = 0.0
    sigma_stop_s: float = 0.0

    def __post_init__(self) -> None:
        _check("thrust", self.start, self.axes, self.force_n)
        if not (0 < self.duration_s < 1e8 and 0 <= self.flow_kgs < 100):
            raise OrbitError(
                f"thrust of {self.duration_s} s and {self.flow_kgs} kg/s: give s > 0 and a flow in kg/s >= 0"
            )

    @property
    def stop(self) -> Times:
        return self.start + self.duration_s


Manoeuvre = Impulse | Thrust


@dataclass(frozen=True, eq=False)
class Forces:
    """Models in use. Sun and Moon are those of `bodies`, the Earth turns as `frames` says."""

    gravity: GravityField = field(default_factory=packaged_gravity)
    satellite: Satellite = field(default_factory=Satellite)
    sun: bool = True
    moon: bool = True
    drag: bool = True
    solar_pressure: bool = True
    solid_tides: bool = False
    relativity: bool = False
    space_weather: SpaceWeather = field(default_factory=constant_space_weather)
    bulge_exponent: float = 4.0
    """Of the cosine of half the angle to the bulge of the atmosphere: 2 near the equator to 6 over the poles."""
    manoeuvres: tuple[Manoeuvre, ...] = ()

    def __post_init__(self) -> None:
        if not 2.0 <= self.bulge_exponent <= 6.0:
            raise OrbitError(f"exponent {self.bulge_exponent} of the bulge of the atmosphere: give 2 to 6")

    def record(self) -> dict[str, object]:
        """Every model and constant, as plain values, for reports."""
        craft = self.satellite
        return self.gravity.record() | {
            "sun": "JPL DE440 by table, 1980-2052, else erfa epv00" if self.sun else None,
            "moon": "JPL DE440 by table, 1980-2052, else erfa moon98" if self.moon else None,
            "sun_mu_m3s2": SUN_MU_M3S2,
            "moon_mu_m3s2": MOON_MU_M3S2,
            "atmosphere": f"Harris-Priester, exponent {self.bulge_exponent:g}, temperature law of Street and Panwar"
            if self.drag
            else None,
            "space_weather": self.space_weather.source,
            "light_pressure_nm2": LIGHT_PRESSURE_NM2 if self.solar_pressure else None,
            "shadow": f"cones, Sun of {SUN_RADIUS_M:.0f} m, ellipsoid {WGS84_EQUATORIAL_RADIUS_M} m, 1/{1 / WGS84_FLATTENING:.9g}",
            "solid_tides": f"degree 2, k2 {LOVE_NUMBER}" if self.solid_tides else None,
            "relativity": "Schwarzschild" if self.relativity else None,
            "rotation_rads": EARTH_ROTATION_RATE_RADS,
            "mass_kg": craft.mass_kg,
            "drag_area_m2": craft.drag_area_m2,
            "drag_coefficient": craft.drag_coefficient,
            "light_area_m2": craft.light_area_m2,
            "light_coefficient": craft.light_coefficient,
            "frames": "GCRF, ITRF by IERS Conventions 2010",
        }


def _check(what: str, time: Times, axes: str, vector: NDArray[np.float64]) -> None:
    if len(time) != 1 or axes not in AXES or np.shape(vector) != (3,) or not np.isfinite(vector).all():
        raise OrbitError(f"{what} at {time!r} of {vector} in {axes!r}: give one time, 3 values, axes {', '.join(AXES)}")
