"""Impulsive transfers, what they cost in propellant and time, and how burns of finite length share them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from orbit_aux.constants import EARTH_MU_M3S2, EARTH_RADIUS_M, STANDARD_GRAVITY_MS2, WGS84_EQUATORIAL_RADIUS_M
from orbit_aux.errors import OrbitError


@dataclass(frozen=True)
class TwoBurns:
    """A transfer between circles: both impulses (m/s, against the motion negative) and the time between them (s)."""

    first_ms: float
    second_ms: float
    duration_s: float

    @property
    def total_ms(self) -> float:
        return abs(self.first_ms) + abs(self.second_ms)


@dataclass(frozen=True)
class Burn:
    """One of several burns: its part of the velocity, propellant (kg), duration (s), and the velocity lost to its length (m/s)."""

    delta_v_ms: float
    propellant_kg: float
    duration_s: float
    loss_ms: float


def hohmann(first_radius_m: float, second_radius_m: float, mu_m3s2: float = EARTH_MU_M3S2) -> TwoBurns:
    """Hohmann's transfer between two circles of these radii."""
    _check_radii(first_radius_m, second_radius_m)
    middle = 0.5 * (first_radius_m + second_radius_m)

    def speed(radius: float, axis: float) -> float:
        return math.sqrt(mu_m3s2 * (2.0 / radius - 1.0 / axis))

    return TwoBurns(
        speed(first_radius_m, middle) - speed(first_radius_m, first_radius_m),
        speed(second_radius_m, second_radius_m) - speed(second_radius_m, middle),
        math.pi * math.sqrt(middle**3 / mu_m3s2),
    )


def plane_change(speed_before_ms: float, speed_after_ms: float, turn_rad: float) -> float:
    """Impulse, m/s, from one speed to another with the velocity turned: both at once cost less than one after the other."""
    return math.sqrt(
        (speed_after_ms - speed_before_ms) ** 2 + 4.0 * speed_before_ms * speed_after_ms * math.sin(0.5 * turn_rad) ** 2
    )


def circularise(
    perigee_radius_m: float, apogee_radius_m: float, turn_rad: float = 0.0, mu_m3s2: float = EARTH_MU_M3S2
) -> float:
    """Impulse at apogee, m/s, that makes the orbit a circle there and turns its plane."""
    _check_radii(perigee_radius_m, apogee_radius_m)
    axis = 0.5 * (perigee_radius_m + apogee_radius_m)
    apogee = math.sqrt(mu_m3s2 * (2.0 / apogee_radius_m - 1.0 / axis))
    return plane_change(apogee, math.sqrt(mu_m3s2 / apogee_radius_m), turn_rad)


def perigee_lowering(
    perigee_altitude_m: float,
    apogee_altitude_m: float,
    target_altitude_m: float,
    *,
    radius_m: float = WGS84_EQUATORIAL_RADIUS_M,
    mu_m3s2: float = EARTH_MU_M3S2,
) -> float:
    """Impulse at the apogee, m/s (a positive figure, against the motion), that brings the perigee down to a target; altitudes over `radius_m`."""
    if not (0 <= target_altitude_m <= perigee_altitude_m <= apogee_altitude_m):
        raise OrbitError(
            f"perigee {target_altitude_m / 1e3:g} km from an orbit of {perigee_altitude_m / 1e3:g} to {apogee_altitude_m / 1e3:g} km: "
            "give a target of 0 km or more, not above the perigee"
        )
    low, high, target = (radius_m + item for item in (perigee_altitude_m, apogee_altitude_m, target_altitude_m))
    before = math.sqrt(mu_m3s2 * (2.0 / high - 2.0 / (low + high)))
    after = math.sqrt(mu_m3s2 * (2.0 / high - 2.0 / (target + high)))
    return before - after


def propellant_kg(mass_kg: float, delta_v_ms: float, specific_impulse_s: float) -> float:
    """Propellant, kg, of Tsiolkovsky's equation: m (1 - exp(-dv / (g0 Isp)))."""
    _check_engine(mass_kg, 1.0, specific_impulse_s)
    return -mass_kg * math.expm1(-abs(delta_v_ms) / (STANDARD_GRAVITY_MS2 * specific_impulse_s))


def burn_time(mass_kg: float, delta_v_ms: float, specific_impulse_s: float, thrust_n: float) -> float:
    """Seconds that a constant thrust needs for a change of velocity."""
    _check_engine(mass_kg, thrust_n, specific_impulse_s)
    flow = thrust_n / (STANDARD_GRAVITY_MS2 * specific_impulse_s)
    return propellant_kg(mass_kg, delta_v_ms, specific_impulse_s) / flow


def finite_burn_loss(delta_v_ms: float, duration_s: float, radius_m: float, mu_m3s2: float = EARTH_MU_M3S2) -> float:
    """Velocity lost, m/s, by a burn of fixed inertial direction about an apsis: dv (n t)^2 / 24 with n^2 = mu / r^3 (Robbins 1966, first term)."""
    return abs(delta_v_ms) * mu_m3s2 / radius_m**3 * duration_s**2 / 24.0


def burn_sequence(
    delta_v_ms: float, mass_kg: float, thrust_n: float, specific_impulse_s: float, longest_s: float, radius_m: float
) -> list[Burn]:
    """Equal burns, none longer than `longest_s`, that together give `delta_v_ms` and what their length loses at `radius_m`."""
    _check_engine(mass_kg, thrust_n, specific_impulse_s)
    if not 0.0 < longest_s < 1e7 or not math.isfinite(delta_v_ms):
        raise OrbitError(f"{delta_v_ms} m/s in burns of {longest_s} s: give m/s and a longest burn of 0 to 1e7 s")
    exhaust = STANDARD_GRAVITY_MS2 * specific_impulse_s
    flow, needed = thrust_n / exhaust, abs(delta_v_ms)
    # the loss adds to what must be given, and with it to the time: a few turns settle it
    for _ in range(20):
        total_s = propellant_kg(mass_kg, needed, specific_impulse_s) / flow
        count = max(math.ceil(total_s / longest_s - 1e-9), 1)
        loss = finite_burn_loss(needed, total_s / count, radius_m)
        needed = abs(delta_v_ms) + loss
    sign = math.copysign(1.0, delta_v_ms)
    burns, mass = [], mass_kg
    duration = propellant_kg(mass_kg, needed, specific_impulse_s) / flow / count
    for _ in range(count):
        given = exhaust * -math.log1p(-flow * duration / mass)
        burns.append(Burn(sign * given, flow * duration, duration, finite_burn_loss(given, duration, radius_m)))
        mass -= flow * duration
    return burns


def _check_radii(*radii_m: float) -> None:
    for radius in radii_m:
        if not 0.9 * EARTH_RADIUS_M <= radius < 1e10:
            raise OrbitError(f"radius {radius:g} m lies inside the Earth: give m from its centre, not km or a height")


def _check_engine(mass_kg: float, thrust_n: float, specific_impulse_s: float) -> None:
    if not (0.0 < mass_kg < 1e6 and 0.0 < thrust_n < 1e5 and 10.0 <= specific_impulse_s < 1e5):
        raise OrbitError(
            f"mass {mass_kg:g} kg, thrust {thrust_n:g} N, specific impulse {specific_impulse_s:g} s: give kg, N and s (10 to 1e5)"
        )
