"""Ending an orbit: how far to lower the perigee, by which burns, with how much propellant; going down in a spiral; what is left in the tank."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orbit_aux.constants import EARTH_MU_M3S2, STANDARD_GRAVITY_MS2, WGS84_EQUATORIAL_RADIUS_M
from orbit_aux.decay.descent import YEAR_S, Decay, DecayModels, follow_decay, mean_orbit
from orbit_aux.errors import OrbitError
from orbit_aux.motion.mean_elements import MeanElements
from orbit_aux.transfer import perigee_lowering, propellant_kg

Array = NDArray[np.float64]

#: at such a perigee no object passes its first night
CONTROLLED_PERIGEE_M = 50_000.0
_MOST_BURNS = 3000
# of the integration of a burn
_STEP_S = 10.0
# a perigee so near the target has reached it
_REACHED_M = 0.01
_LOWEST_TARGET_M = 130_000.0
# perigees that meet a lifetime are found to this
_PERIGEE_M = 100.0
# helium (CODATA gas constant over 4.0026 g/mol) and its ratio of heats
_HELIUM_J_KGK, _HELIUM_RATIO = 2077.3, 5.0 / 3.0


@dataclass(frozen=True)
class Engine:
    """Thrust (N) and specific impulse (s) of the thrusters together, and how long they may burn at once (s)."""

    thrust_n: float
    specific_impulse_s: float
    longest_burn_s: float = 1200.0

    def __post_init__(self) -> None:
        good = 0 < self.thrust_n < 1e5 and 10 <= self.specific_impulse_s <= 1e4 and 1 <= self.longest_burn_s <= 36_000
        if not good:
            raise OrbitError(
                f"{self}: give a thrust above 0 N, a specific impulse of 10 to 10000 s and burns of 1 s to 10 h"
            )


@dataclass(frozen=True, eq=False)
class BurnSequence:
    """Burns about the apogee that lower the perigee, one a revolution: each of shape (n,); times are seconds from the first apogee."""

    start_s: Array
    duration_s: Array
    delta_v_ms: Array
    propellant_kg: Array
    perigee_altitude_m: Array
    impulsive_ms: float
    """What one impulse would take."""

    @property
    def total_ms(self) -> float:
        return float(self.delta_v_ms.sum())

    @property
    def loss(self) -> float:
        """Share of velocity that is lost because burns last, and because they raise or lower the apogee."""
        return self.total_ms / self.impulsive_ms - 1.0 if self.impulsive_ms > 0 else 0.0


def lowering_burns(
    perigee_altitude_m: float, apogee_altitude_m: float, target_altitude_m: float, mass_kg: float, engine: Engine
) -> BurnSequence:
    """Burns against the velocity, centred on the apogees, until the perigee lies at the target; the last as long as needed.

    Each is integrated in a central field.
    """
    impulse = perigee_lowering(perigee_altitude_m, apogee_altitude_m, target_altitude_m)
    low, high = (WGS84_EQUATORIAL_RADIUS_M + item for item in (perigee_altitude_m, apogee_altitude_m))
    orbit, target = (
        _Plane(0.5 * (low + high), (high - low) / (high + low)),
        WGS84_EQUATORIAL_RADIUS_M + target_altitude_m,
    )
    rows: list[tuple[float, ...]] = []
    apogee_s, mass = 0.0, mass_kg
    while orbit.perigee_m > target + _REACHED_M:
        if len(rows) == _MOST_BURNS:
            raise OrbitError(
                f"{engine.thrust_n:g} N do not reach a perigee of {target_altitude_m / 1e3:g} km in {_MOST_BURNS} burns of "
                f"{engine.longest_burn_s:g} s: allow longer burns or more thrust, or go down in a spiral"
            )
        longest = min(engine.longest_burn_s, 0.9 * orbit.period_s)
        after = _burnt(orbit, mass, engine, longest)
        duration = longest
        if after.perigee_m < target:
            duration = _duration_to(target, orbit, mass, engine)
            after = _burnt(orbit, mass, engine, duration)
        used = engine.thrust_n / (STANDARD_GRAVITY_MS2 * engine.specific_impulse_s) * duration
        if used >= mass:
            raise OrbitError(f"burns take all {mass_kg:g} kg of the satellite: correct its mass or the thrust")
        speed = STANDARD_GRAVITY_MS2 * engine.specific_impulse_s * -math.log1p(-used / mass)
        height = after.perigee_m - WGS84_EQUATORIAL_RADIUS_M
        rows.append((apogee_s - 0.5 * duration, duration, speed, used, height))
        orbit, mass = after, mass - used
        apogee_s += orbit.period_s
    starts, durations, speeds, used_kg, heights = np.array(rows).reshape(-1, 5).T
    return BurnSequence(starts, durations, speeds, used_kg, heights, impulse)


def perigee_for_lifetime(start: MeanElements, models: DecayModels, years: float) -> float:
    """Altitude (m) of the highest perigee, the apogee as it is, from which the orbit falls within `years`; that of the orbit if it does so by itself."""
    axis, e = float(start.semi_major_axis_m[0]), float(start.eccentricity[0])
    high = axis * (1.0 - e) - WGS84_EQUATORIAL_RADIUS_M
    return _highest(lambda altitude: with_perigee(start, altitude), high, models, years, "perigee")


def circle_for_lifetime(start: MeanElements, models: DecayModels, years: float) -> float:
    """Altitude (m) of the highest circle, not above the orbit's mean altitude, from which it falls within `years`."""
    high = float(start.semi_major_axis_m[0]) - WGS84_EQUATORIAL_RADIUS_M
    angles = {"node": float(start.node_rad[0])}
    inclination = float(start.inclination_rad[0])
    return _highest(
        lambda altitude: mean_orbit(start.times, altitude, altitude, inclination, **angles),
        high,
        models,
        years,
        "circle",
    )


def _highest(
    orbit: Callable[[float], MeanElements], high: float, models: DecayModels, years: float, what: str
) -> float:
    from scipy.optimize import brentq

    def excess(altitude_m: float) -> float:
        # the logarithm is nearly linear in altitude; lives much too long are as good as each other
        fall = follow_decay(orbit(altitude_m), models, min(2.5 * years, 150.0) * YEAR_S)
        return math.log(max(fall.lifetime_s, 1.0) / (years * YEAR_S))

    if excess(high) <= 0:
        return high
    if high <= _LOWEST_TARGET_M or excess(_LOWEST_TARGET_M) > 0:
        raise OrbitError(
            f"no {what} above {_LOWEST_TARGET_M / 1e3:g} km brings the orbit down in {years:g} years: lower the apogee too, or re-enter at once"
        )
    return float(brentq(excess, _LOWEST_TARGET_M, high, xtol=_PERIGEE_M))


def with_perigee(start: MeanElements, perigee_altitude_m: float) -> MeanElements:
    """The mean orbit after an impulse at its apogee that gives this perigee."""
    apogee = float(start.semi_major_axis_m[0] * (1.0 + start.eccentricity[0])) - WGS84_EQUATORIAL_RADIUS_M
    return mean_orbit(
        start.times,
        perigee_altitude_m,
        apogee,
        float(start.inclination_rad[0]),
        node=float(start.node_rad[0]),
        perigee=math.atan2(float(start.eccentricity_y[0]), float(start.eccentricity_x[0])),
    )


def at_once(start: MeanElements, perigee_altitude_m: float, models: DecayModels) -> Decay:
    """The half revolution from the apogee of `start` down to the height of re-entry, after an impulse that puts the perigee below it; Kepler's ellipse."""
    apogee = float(start.semi_major_axis_m[0] * (1.0 + start.eccentricity[0]))
    perigee, end = (WGS84_EQUATORIAL_RADIUS_M + item for item in (perigee_altitude_m, models.re_entry_height_m))
    axis, e = 0.5 * (apogee + perigee), (apogee - perigee) / (apogee + perigee)
    if not 0 < perigee < end < apogee:
        raise OrbitError(
            f"re-entry at once from a perigee of {perigee_altitude_m / 1e3:g} km: give one below {models.re_entry_height_m / 1e3:g} km"
        )
    anomaly = math.acos((1.0 - end / axis) / e)
    fall_s = (math.pi - (anomaly - e * math.sin(anomaly))) * math.sqrt(axis**3 / EARTH_MU_M3S2)
    argument = math.atan2(float(start.eccentricity_y[0]), float(start.eccentricity_x[0])) % (2.0 * math.pi)
    return Decay(
        start.times + np.array([0.0, fall_s]),
        np.full(2, axis),
        np.full(2, e),
        np.full(2, start.inclination_rad[0]),
        np.full(2, start.node_rad[0]),
        np.full(2, argument),
        lowest_height_m=np.array([apogee, end]) - WGS84_EQUATORIAL_RADIUS_M,
        f107=np.full(2, models.space_weather.at(start.times)[0][0]),
        lifetime_s=fall_s,
        re_entered=True,
    )


def spiral_down(
    mass_kg: float, from_altitude_m: float, to_altitude_m: float, engine: Engine, duty: float = 1.0
) -> tuple[float, float, float]:
    """Velocity (m/s), propellant (kg) and time (s) of a descent between circles by a low constant thrust against the velocity, on for a share `duty` of time.

    The velocity is the difference of the circular ones (Edelbaum 1961 without change of plane); drag, which helps, is left out.
    """
    if not (0 < to_altitude_m <= from_altitude_m and 0 < duty <= 1 and mass_kg > 0):
        raise OrbitError(
            f"spiral from {from_altitude_m / 1e3:g} to {to_altitude_m / 1e3:g} km, on {duty:g} of the time: go down, and give a share above 0 up to 1"
        )
    speeds = [
        math.sqrt(EARTH_MU_M3S2 / (WGS84_EQUATORIAL_RADIUS_M + item)) for item in (to_altitude_m, from_altitude_m)
    ]
    delta_v = speeds[0] - speeds[1]
    used = propellant_kg(mass_kg, delta_v, engine.specific_impulse_s)
    flow = engine.thrust_n / (STANDARD_GRAVITY_MS2 * engine.specific_impulse_s)
    return delta_v, used, used / flow / duty


@dataclass(frozen=True)
class Passivation:
    """What is left after the last burn and how it goes."""

    left_kg: float
    depletion_s: float
    """Of burning what is left."""
    depletion_ms: float
    """What that adds."""
    venting_s: float
    """Until the pressurant is down to a hundredth, by a choked hole."""


def passivation(
    mass_kg: float, left_kg: float, engine: Engine, tank_m3: float = 0.05, hole_m2: float = 1e-6, kelvin: float = 293.0
) -> Passivation:
    """Emptying of the tanks: `left_kg` burnt, then `tank_m3` of helium let out of a hole, at one temperature (choked flow: the mass falls exponentially)."""
    if not (0 <= left_kg < mass_kg and tank_m3 > 0 and hole_m2 > 0 and kelvin > 0):
        raise OrbitError(
            f"{left_kg:g} kg left in {mass_kg:g} kg, tank {tank_m3:g} m3, hole {hole_m2:g} m2: correct them"
        )
    exhaust = STANDARD_GRAVITY_MS2 * engine.specific_impulse_s
    ratio = _HELIUM_RATIO
    choke = math.sqrt(ratio) * (2.0 / (ratio + 1.0)) ** ((ratio + 1.0) / (2.0 * (ratio - 1.0)))
    decay_s = tank_m3 / (hole_m2 * choke * math.sqrt(_HELIUM_J_KGK * kelvin))
    speed = exhaust * -math.log1p(-left_kg / mass_kg)
    return Passivation(left_kg, left_kg * exhaust / engine.thrust_n, speed, decay_s * math.log(100.0))


@dataclass(frozen=True)
class _Plane:
    """An ellipse in its plane, its perigee along x."""

    axis_m: float
    eccentricity: float

    @property
    def perigee_m(self) -> float:
        return self.axis_m * (1.0 - self.eccentricity)

    @property
    def period_s(self) -> float:
        return 2.0 * math.pi * math.sqrt(self.axis_m**3 / EARTH_MU_M3S2)

    def at(self, mean_anomaly: float) -> tuple[complex, complex]:
        """Position (m) and velocity (m/s) as complex numbers."""
        e, x = self.eccentricity, mean_anomaly
        for _ in range(60):
            x -= (x - e * math.sin(x) - mean_anomaly) / (1.0 - e * math.cos(x))
        eta, motion = math.sqrt(1.0 - e * e), 2.0 * math.pi / self.period_s
        c, s = math.cos(x), math.sin(x)
        speed = self.axis_m * motion / (1.0 - e * c)
        return self.axis_m * complex(c - e, eta * s), speed * complex(-s, eta * c)


def _burnt(orbit: _Plane, mass_kg: float, engine: Engine, duration_s: float) -> _Plane:
    """The ellipse after a burn against the velocity, centred on the apogee; Runge and Kutta's order 4."""
    place, velocity = orbit.at(math.pi * (1.0 - duration_s / orbit.period_s))
    flow = engine.thrust_n / (STANDARD_GRAVITY_MS2 * engine.specific_impulse_s)
    count = max(int(duration_s / _STEP_S), 4)
    step = duration_s / count

    def slope(seconds: float, z: complex, v: complex) -> tuple[complex, complex]:
        return v, -EARTH_MU_M3S2 * z / abs(z) ** 3 - engine.thrust_n / (mass_kg - flow * seconds) * v / abs(v)

    for k in range(count):
        now = k * step
        z1, v1 = slope(now, place, velocity)
        z2, v2 = slope(now + 0.5 * step, place + 0.5 * step * z1, velocity + 0.5 * step * v1)
        z3, v3 = slope(now + 0.5 * step, place + 0.5 * step * z2, velocity + 0.5 * step * v2)
        z4, v4 = slope(now + step, place + step * z3, velocity + step * v3)
        place += step / 6.0 * (z1 + 2.0 * (z2 + z3) + z4)
        velocity += step / 6.0 * (v1 + 2.0 * (v2 + v3) + v4)
    radius, speed = abs(place), abs(velocity)
    axis = 1.0 / (2.0 / radius - speed**2 / EARTH_MU_M3S2)
    momentum = (place.conjugate() * velocity).imag
    return _Plane(axis, math.sqrt(max(1.0 - momentum**2 / (EARTH_MU_M3S2 * axis), 0.0)))


def _duration_to(target_m: float, orbit: _Plane, mass_kg: float, engine: Engine) -> float:
    """How long a burn must last for a perigee radius."""
    from scipy.optimize import brentq

    longest = min(engine.longest_burn_s, 0.9 * orbit.period_s)
    return float(
        brentq(lambda span: _burnt(orbit, mass_kg, engine, span).perigee_m - target_m, 1e-6, longest, xtol=1e-6)
    )
