"""One revolution of a long transfer, in cells: where the engine may burn, what drag takes, and the burns that result."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache

import erfa
import numpy as np
from numpy.typing import NDArray

from orbit_aux.bodies import sun_position
from orbit_aux.constants import (
    EARTH_J2,
    EARTH_MU_M3S2,
    EARTH_RADIUS_M,
    EARTH_ROTATION_RATE_RADS,
    WGS84_EQUATORIAL_RADIUS_M,
    WGS84_FLATTENING,
)
from orbit_aux.elements import short_angle
from orbit_aux.errors import OrbitError
from orbit_aux.motion.atmosphere import activity, harris_priester
from orbit_aux.motion.forces import Thrust
from orbit_aux.motion.space_weather import SpaceWeather, constant_space_weather
from orbit_aux.time import Times

Array = NDArray[np.float64]

CELLS = 72
# of the bulge of the atmosphere behind the Sun, and the exponent of its shape (as `Forces` has it)
_BULGE_RAD, _BULGE_EXPONENT = math.radians(30.0), 4.0


@dataclass(frozen=True)
class Duty:
    """When the engine may burn: in sunlight, some hours of a day (UTC), and about some latitude arguments only."""

    sunlit_only: bool = False
    hours_a_day: float = 24.0
    from_hour_utc: float = 0.0
    centres_rad: tuple[float, ...] = ()
    """Latitude arguments about which burns of at most `longest_s` are centred; anywhere when there is none."""
    longest_s: float = math.inf
    balanced: bool = False
    """In sunlight only where the point half a revolution away is lit too: what one burn does to the eccentricity, its opposite undoes."""

    def __post_init__(self) -> None:
        if not (0 < self.hours_a_day <= 24 and 0 <= self.from_hour_utc < 24 and self.longest_s >= 10):
            raise OrbitError(f"{self}: give 0 to 24 hours a day from an hour of 0 to 24, and burns of 10 s at least")
        if bool(self.centres_rad) != math.isfinite(self.longest_s):
            raise OrbitError(f"{self}: latitude arguments of burns and their longest duration go together; give both")


@dataclass(frozen=True)
class Surroundings:
    """What drag depends on; without an area there is none."""

    drag_area_m2: float = 0.0
    drag_coefficient: float = 2.2
    density_kgm3: float | None = None
    """The same everywhere, in place of the model of Harris and Priester."""
    weather: SpaceWeather = field(default_factory=constant_space_weather)


@dataclass(frozen=True, eq=False)
class Burns:
    """Burns of constant force, in order of time: seconds from `start`, force (N) along the velocity and across the orbit plane, flow (kg/s)."""

    start: Times
    begin_s: Array
    end_s: Array
    along_n: Array
    across_n: Array
    flow_kgs: float

    @classmethod
    def joined(cls, start: Times, arcs: Array, flow_kgs: float) -> Burns:
        """Of arcs (n, 4: begin, end, along, across), those of one force without pause as one."""
        if len(arcs) == 0:
            nothing = np.empty(0)
            return cls(start, nothing, nothing, nothing, nothing, flow_kgs)
        same = (np.abs(arcs[1:, 0] - arcs[:-1, 1]) < 1e-3) & (np.abs(arcs[1:, 2:] - arcs[:-1, 2:]) < 1e-12).all(axis=1)
        first = np.flatnonzero(np.concatenate([[True], ~same]))
        last = np.append(first[1:], len(arcs)) - 1
        return cls(start, arcs[first, 0], arcs[last, 1], arcs[first, 2], arcs[first, 3], flow_kgs)

    @property
    def ignitions(self) -> NDArray[np.int64]:
        """Numbers of the burns before which the engine was off."""
        return np.flatnonzero(np.concatenate([[True], self.begin_s[1:] - self.end_s[:-1] > 1e-3]))

    def thrusts(self, stop_s: float = math.inf) -> tuple[Thrust, ...]:
        """As manoeuvres for numerical propagation, those that begin before `stop_s`."""
        return tuple(
            Thrust(self.start + begin, float(end - begin), np.array([along, 0.0, across]), "TNW", self.flow_kgs)
            for begin, end, along, across in zip(self.begin_s, self.end_s, self.along_n, self.across_n, strict=True)
            if begin < stop_s and end - begin > 1e-6
        )


def burn_shares(duty: Duty, start: Times, edges_s: Array, argument: Array, elements: Array) -> Array:
    """Parts (CELLS, 2: begin and end, 0 to 1) of each cell in which `duty` lets the engine burn.

    Each rule is a function that is positive where one may; between the edges of cells it is a straight line.
    """
    allowed = np.ones(CELLS + 1)
    if duty.sunlit_only:
        sun = _sun(start + float(edges_s[0]))
        lit = _place(argument, elements) @ sun + _shadow_edge(float(elements[0]))
        opposite = np.roll(lit[:-1], CELLS // 2)
        allowed = np.minimum(lit, np.append(opposite, opposite[0])) if duty.balanced else np.minimum(allowed, lit)
    if duty.hours_a_day < 24.0:
        midnight = start.utc_datetime64()[0].astype("datetime64[D]")
        first_s = float((start.utc_datetime64()[0] - midnight) / np.timedelta64(1, "ns")) * 1e-9
        hours = (first_s + edges_s) / 3600.0 - duty.from_hour_utc - 0.5 * duty.hours_a_day
        allowed = np.minimum(allowed, 0.5 * duty.hours_a_day - np.abs(hours - 24.0 * np.rint(hours / 24.0)))
    if duty.centres_rad:
        away = argument[:, None] - np.array(duty.centres_rad)
        half = np.pi * duty.longest_s / float(edges_s[-1] - edges_s[0])
        allowed = np.minimum(allowed, half - np.abs(short_angle(away)).min(axis=1))
    before, after = allowed[:-1], allowed[1:]
    crossing = np.clip(
        np.divide(before, before - after, out=np.ones(CELLS), where=(before > 0) != (after > 0)), 0.0, 1.0
    )
    begin = np.where(before > 0, 0.0, np.where(after > 0, crossing, 1.0))
    end = np.where(after > 0, 1.0, np.where(before > 0, crossing, begin))
    return np.stack([begin, end], axis=1)


def drag_deceleration(surroundings: Surroundings, time: Times, elements: Array, mass_kg: float) -> Array:
    """Deceleration along the velocity, m/s2, in each cell: rho Cd A / 2m (v - corotation)^2."""
    if surroundings.drag_area_m2 == 0.0:
        return np.zeros(CELLS)
    a, inclination = float(elements[0]), float(elements[3])
    speed = math.sqrt(EARTH_MU_M3S2 / a)
    relative = speed * (1.0 - EARTH_ROTATION_RATE_RADS * math.cos(inclination) * a / speed)
    factor = 0.5 * surroundings.drag_coefficient * surroundings.drag_area_m2 / mass_kg * relative**2
    if surroundings.density_kgm3 is not None:
        return np.full(CELLS, factor * surroundings.density_kgm3)
    # compiled, and only drag needs it
    from orbit_aux.motion.field_kernel import density

    argument = float(elements[5]) + (np.arange(CELLS) + 0.5) * 2.0 * np.pi / CELLS
    place = _place(argument, elements)
    true = argument + 2.0 * (elements[1] * np.sin(argument) - elements[2] * np.cos(argument))
    # short-period terms of J2 lift a polar orbit by 5 km over its mean axis, which is a tenth of the density
    sine2 = math.sin(inclination) ** 2
    lifted = EARTH_J2 * (EARTH_RADIUS_M / a) ** 2 * (1.5 - 2.25 * sine2 - 0.25 * sine2 * np.cos(2.0 * argument))
    radius = a * (1.0 - elements[1] * np.cos(true) - elements[2] * np.sin(true) - lifted)
    height = radius - WGS84_EQUATORIAL_RADIUS_M * (1.0 - WGS84_FLATTENING * place[:, 2] ** 2)
    sun = _sun(time)
    c, s = math.cos(_BULGE_RAD), math.sin(_BULGE_RAD)
    bulge = np.array([c * sun[0] - s * sun[1], s * sun[0] + c * sun[1], sun[2]])
    lift = float(activity(time, surroundings.weather)[0])
    table = harris_priester()
    values = [density(h, x, lift, _BULGE_EXPONENT, table)[0] for h, x in zip(height, place @ bulge, strict=True)]
    return factor * np.array(values)


def _place(argument: Array, elements: Array) -> Array:
    """Unit vectors to latitude arguments, true equator of date."""
    c, s = np.cos(argument), np.sin(argument)
    i, node = float(elements[3]), float(elements[4])
    return np.stack(
        [
            c * math.cos(node) - s * math.sin(node) * math.cos(i),
            c * math.sin(node) + s * math.cos(node) * math.cos(i),
            s * math.sin(i),
        ],
        axis=-1,
    )


def _shadow_edge(semi_major_axis_m: float) -> float:
    """Of a cylinder behind the Earth: minus the cosine of the angle to the Sun at which a circle enters it."""
    return math.sqrt(max(1.0 - (EARTH_RADIUS_M / semi_major_axis_m) ** 2, 0.0))


# both the shadow and the bulge of one revolution ask for it
@lru_cache(maxsize=1)
def _sun(time: Times) -> Array:
    """Unit vector to the Sun, true equator of date, read-only."""
    place = np.asarray(erfa.pnm06a(*time.tt()))[0] @ sun_position(time)[0]
    direction: Array = place / np.linalg.norm(place)
    direction.flags.writeable = False
    return direction
