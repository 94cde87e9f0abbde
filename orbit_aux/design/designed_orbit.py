"""A design flown: the ephemeris of a repeat orbit from a date and a local time, and the Sun over its year."""

from __future__ import annotations

import math
from dataclasses import replace

import erfa
import numpy as np
from numpy.typing import NDArray

from orbit_aux.bodies import sun_position
from orbit_aux.design.sun_synchronous import RepeatOrbit
from orbit_aux.design.zonal import zonal_field, zonal_rates
from orbit_aux.elements import short_angle
from orbit_aux.errors import OrbitError
from orbit_aux.motion.forces import Forces
from orbit_aux.motion.mean_elements import MeanElements, mean_of_arc, osculating_state
from orbit_aux.motion.propagate import propagate
from orbit_aux.orbit import Orbit
from orbit_aux.time import Times

Array = NDArray[np.float64]

# each turn leaves a thousandth of what misses, beginning with the 15 m of the zonal terms that mean elements keep
_TURNS = 3
_LONGEST_S = 400 * 86400.0


def designed_orbit(design: RepeatOrbit, elements: MeanElements, duration_s: float, step_s: float = 60.0) -> Orbit:
    """Ephemeris (GCRF) in the packaged zonal field whose mean elements, averaged over a day, are those of a refined design.

    `elements` are `starting_elements` of `design`. Its track closes within 10 m after a cycle; Sun, Moon and drag, which station keeping meets, do not act.
    """
    if not (0.0 < duration_s <= _LONGEST_S and 1.0 <= step_s <= 300.0):
        raise OrbitError(
            f"orbit of {duration_s:g} s in steps of {step_s:g} s: give at most 400 days, steps of 1 to 300 s"
        )
    field = zonal_field()
    forces = Forces(gravity=field, sun=False, moon=False, drag=False, solar_pressure=False)
    rates = zonal_rates(design.semi_major_axis_m, design.eccentricity, design.inclination_rad, field)
    span_s = 15.0 * design.nodal_period_s
    start, sought = elements.times, elements
    for _ in range(_TURNS):
        sought = _shifted(
            sought, elements, mean_of_arc(_flown(sought, forces, span_s, 60.0), start, start + span_s), rates
        )
    orbit = _flown(sought, forces, duration_s, step_s)
    return replace(
        orbit,
        source=f"Sun-synchronous orbit of {design.revolutions} revolutions in {design.days} days, zonal field {field.name}",
    )


def sun_over_the_year(design: RepeatOrbit, local_time_h: float, start: Times) -> tuple[Times, Array, Array]:
    """Days of a year from `start`, the Sun's elevation over the orbit plane (beta, rad) and the share of a revolution in umbra.

    `local_time_h` is that of the ascending node, kept. The shadow is a cylinder of the equatorial radius, the orbit a circle.
    """
    times = start[0] + 86400.0 * np.arange(367)
    sun = np.einsum("nij,nj->ni", np.asarray(erfa.pnm06a(*times.tt())), sun_position(times))
    sun /= np.linalg.norm(sun, axis=1, keepdims=True)
    node = _node_of(times, local_time_h)
    sine, cosine = math.sin(design.inclination_rad), math.cos(design.inclination_rad)
    normal = np.stack([sine * np.sin(node), -sine * np.cos(node), np.full_like(node, cosine)], axis=1)
    beta = np.arcsin(np.sum(normal * sun, axis=1))
    return times, beta, umbra_share(design.semi_major_axis_m, design.radius_m, beta)


def umbra_share(semi_major_axis_m: float, radius_m: float, beta_rad: Array) -> Array:
    """Share of a circular revolution behind the Earth, as a cylinder: arccos(sqrt(1 - (Re / a)^2) / cos beta) / pi."""
    edge = math.sqrt(1.0 - (radius_m / semi_major_axis_m) ** 2) / np.cos(beta_rad)
    share: Array = np.arccos(np.minimum(edge, 1.0)) / np.pi
    return share


def _node_of(times: Times, local_time_h: float) -> Array:
    """Right ascension of a node that keeps its mean solar local time."""
    date, fraction = times.tt()
    # the mean Sun is sidereal time less the hour of the day: TT for UT1 moves it by 0.003 deg
    hour = (date - 0.5 + fraction) % 1.0
    node: Array = erfa.gmst06(date, fraction, date, fraction) + 2.0 * np.pi * (local_time_h / 24.0 - hour)
    return node


def _flown(elements: MeanElements, forces: Forces, duration_s: float, step_s: float) -> Orbit:
    count = max(math.ceil(duration_s / step_s) + 1, 4)
    times = elements.times + np.arange(count) * step_s
    states = propagate(osculating_state(elements), times, forces)
    return Orbit("DESIGN", "DESIGN", "GCRF", times, states.position_m, states.velocity_ms, "designed")


def _shifted(
    sought: MeanElements, wanted: MeanElements, flown: MeanElements, rates: tuple[float, float]
) -> MeanElements:
    """Start elements moved by what the arc flown misses of the design at its middle."""
    elapsed = float((flown.times - wanted.times)[0])
    argument = wanted.latitude_argument_rad + rates[1] * elapsed - flown.latitude_argument_rad
    return MeanElements(
        sought.times,
        sought.semi_major_axis_m + wanted.semi_major_axis_m - flown.semi_major_axis_m,
        sought.eccentricity_x + wanted.eccentricity_x - flown.eccentricity_x,
        sought.eccentricity_y + wanted.eccentricity_y - flown.eccentricity_y,
        sought.inclination_rad + wanted.inclination_rad - flown.inclination_rad,
        sought.node_rad + short_angle(wanted.node_rad + rates[0] * elapsed - flown.node_rad),
        sought.latitude_argument_rad + short_angle(argument),
    )
