"""Mean motion of a satellite that is kept, over years in milliseconds: decay, luni-solar pull, node and latitude argument, by quadrature."""

from __future__ import annotations

from dataclasses import dataclass, replace

import erfa
import numpy as np
from numpy.typing import NDArray

from orbit_aux.bodies import moon_position, sun_position
from orbit_aux.constants import (
    EARTH_J2,
    EARTH_MU_M3S2,
    EARTH_RADIUS_M,
    EARTH_ROTATION_RATE_RADS,
    WGS84_EQUATORIAL_RADIUS_M,
    WGS84_FLATTENING,
)
from orbit_aux.earth_orientation import packaged_earth_orientation
from orbit_aux.errors import OrbitError
from orbit_aux.frames import rotation
from orbit_aux.keeping.station_keeping import decay_rate, third_body_rates
from orbit_aux.motion.atmosphere import activity, harris_priester
from orbit_aux.motion.forces import LOVE_NUMBER, MOON_MU_M3S2, SUN_MU_M3S2
from orbit_aux.motion.gravity import packaged_gravity
from orbit_aux.motion.mean_elements import MeanElements, local_time_h, secular_rates
from orbit_aux.motion.space_weather import SpaceWeather, constant_space_weather
from orbit_aux.time import Times

Array = NDArray[np.float64]

#: names of the elements of mean states
ELEMENTS = (
    "semi_major_axis_m",
    "eccentricity_x",
    "eccentricity_y",
    "inclination_rad",
    "node_rad",
    "latitude_argument_rad",
)
_DAY_S = 86400.0
_TURN = 2.0 * np.pi
# nodes of Sun and Moon: the Moon's pull goes round in 13.7 days
_GRID_S = 21_600.0
# nodes of the density, and latitude arguments of its mean
_DRAG_GRID_S, _DRAG_POINTS = 86_400.0, 48
# heights (m) above and below, from which the slope of density is told
_SLOPE_STEP_M = 2000.0
# general precession in right ascension and of the pole, rad/s (IAU 2006, 2000): 4612.16 and 2004.19 arcsec a century
_PRECESSION_RADS = np.radians(np.array([4612.16, 2004.19]) / 3600.0) / (36525.0 * _DAY_S)
_PASSES = 2
#: semi-major axis (m) below which there is no orbit to keep; and the share by which density may have grown when it is held
LOST_M, _MOST_FALLEN = 6_528_000.0, -0.95
# of quadrature
_STEP_S = 10_800.0


@dataclass(frozen=True, eq=False)
class Atmosphere:
    """Density: constant (kg/m3) in still air, or of Harris and Priester with co-rotation; what it is times `scale`."""

    density_kgm3: float | None = None
    weather: SpaceWeather | None = None
    bulge_exponent: float = 4.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        if self.density_kgm3 is not None and not 0 <= self.density_kgm3 < 1e-6:
            raise OrbitError(f"density {self.density_kgm3} kg/m3: give 0 to 1e-6 (3e-14 at 720 km)")
        if not 0 < self.scale < 100 or not 2 <= self.bulge_exponent <= 6:
            raise OrbitError(
                f"density times {self.scale}, exponent {self.bulge_exponent}: give a factor in 0 to 100 and 2 to 6"
            )


@dataclass(frozen=True, eq=False)
class MeanMotion:
    """Surroundings of one orbit from `epoch` on: Sun, Moon and decay on their nodes; made by `mean_motion`."""

    epoch: Times
    grid_s: Array
    bodies: tuple[tuple[Array, Array], ...]
    """Of Sun and Moon: unit vectors in the equator of date (n, 3) and mu / distance**3 (n,)."""
    decay_s: Array
    decay_ms: Array
    """da/dt (m/s, negative) at `reference_m`, at seconds after the epoch."""
    scale_height_m: float
    reference_m: float
    sidereal_rad: float
    day_h: float
    """UT1 at the epoch, hours."""
    love_number: float
    j4: float | None
    frozen_y: float
    corrections_rads: tuple[float, float] = (0.0, 0.0)
    """Of the rates of latitude argument and node: what an observed arc shows beyond the theory."""

    def coast(self, start: MeanElements, elapsed_s: Array) -> MeanElements:
        """Mean elements at seconds (from 0, increasing) after one `start`, without manoeuvres; node and latitude argument are not cut at a turn."""
        after = float((start.times - self.epoch)[0]) + elapsed_s
        a = self._semi_major_axis(float(start.semi_major_axis_m[0]), after, elapsed_s)
        size = len(elapsed_s)
        times = start.times + elapsed_s
        ex, ey = np.full(size, start.eccentricity_x[0]), np.full(size, start.eccentricity_y[0])
        inclination, first_node = np.full(size, start.inclination_rad[0]), float(start.node_rad[0])
        frames = [
            (_rows(self.grid_s, vectors, after), np.interp(after, self.grid_s, pull)) for vectors, pull in self.bodies
        ]
        now = MeanElements(times, a, ex, ey, inclination, np.full(size, first_node), np.zeros(size))
        node_rate, perigee_rate, rate = secular_rates(now, self.j4)
        node = first_node + _sum(elapsed_s, node_rate)
        along = rate
        for _ in range(_PASSES):
            bent, turned, along = self._pulled(a, inclination, node, frames)
            inclination = start.inclination_rad[0] + _sum(elapsed_s, bent)
            now = replace(now, inclination_rad=inclination)
            node_rate, perigee_rate, rate = secular_rates(now, self.j4)
            node = first_node + _sum(elapsed_s, node_rate + turned + self.corrections_rads[1])
        ex, ey = self._eccentricity(start, _sum(elapsed_s, perigee_rate))
        u = start.latitude_argument_rad[0] + _sum(elapsed_s, rate + along + self.corrections_rads[0])
        return MeanElements(times, a, ex, ey, inclination, node, u)

    def moved(self, start: MeanElements, seconds: float) -> MeanElements:
        """One mean state `seconds` later, or earlier."""
        steps = max(int(abs(seconds) / _STEP_S), 1)
        path = self.coast(start, np.linspace(0.0, seconds, steps + 1))
        return row_of(path, -1)

    def node_longitude(self, mean: MeanElements) -> Array:
        """Earth-fixed longitude (rad, not cut at a turn) that the ascending node has at each time."""
        after = mean.times - self.epoch
        longitude: Array = mean.node_rad - self.sidereal_rad - (EARTH_ROTATION_RATE_RADS + _PRECESSION_RADS[0]) * after
        return longitude

    def local_time_h(self, mean: MeanElements) -> Array:
        """Mean solar local time of the ascending node, hours from 0 to 24."""
        after = mean.times - self.epoch
        hours: Array = np.mod(self.day_h + after / 3600.0 + self.node_longitude(mean) * 12.0 / np.pi, 24.0)
        return hours

    def scaled(self, factor: float) -> MeanMotion:
        """The same with the density times `factor`."""
        return replace(self, decay_ms=self.decay_ms * factor)

    def _semi_major_axis(self, first_m: float, after: Array, elapsed_s: Array) -> Array:
        """Closed form of da/dt = -r(t) exp(-(a - reference) / H); an orbit that is lost is held where there is none any more."""
        fallen = _sum(elapsed_s, np.interp(after, self.decay_s, self.decay_ms))
        thinner = np.exp(np.clip((self.reference_m - first_m) / self.scale_height_m, -50.0, 50.0))
        inside = fallen * thinner / self.scale_height_m
        a: Array = first_m + self.scale_height_m * np.log1p(np.maximum(inside, _MOST_FALLEN))
        return np.maximum(a, LOST_M)

    def _pulled(
        self, a: Array, inclination: Array, node: Array, frames: list[tuple[Array, Array]]
    ) -> tuple[Array, Array, Array]:
        # the equator itself turns: the pole goes towards the equinox, the equinox westward
        bent = -_PRECESSION_RADS[1] * np.sin(node)
        turned = _PRECESSION_RADS[0] - _PRECESSION_RADS[1] * np.cos(node) / np.tan(inclination)
        along = _PRECESSION_RADS[1] * np.cos(node) / np.sin(inclination)
        for direction, pull in frames:
            rates = third_body_rates(a, inclination, node, direction, pull, self.love_number)
            bent, turned, along = bent + rates[0], turned + rates[1], along + rates[2]
        return bent, turned, along

    def _eccentricity(self, start: MeanElements, turned: Array) -> tuple[Array, Array]:
        """The eccentricity vector goes round the frozen one with the perigee."""
        x, y = start.eccentricity_x[0], start.eccentricity_y[0] - self.frozen_y
        c, s = np.cos(turned), np.sin(turned)
        return x * c - y * s, self.frozen_y + x * s + y * c


def mean_motion(
    start: MeanElements,
    duration_s: float,
    atmosphere: Atmosphere,
    ballistic_m2kg: float,
    *,
    love_number: float = LOVE_NUMBER,
    j4: float | None = None,
    grid_s: float = _GRID_S,
) -> MeanMotion:
    """Surroundings of the orbit of one mean `start` for `duration_s`: Sun and Moon by series, density along a node that turns as it does at the start."""
    if not (len(start.times) == 1 and 0 < duration_s < 1.5e9 and 0 <= ballistic_m2kg < 10):
        raise OrbitError(
            f"mean motion over {duration_s} s with Cd A / m {ballistic_m2kg} m2/kg: give one start, up to 45 years, and m2/kg of 0 to 10"
        )
    epoch = start.times
    grid: Array = np.arange(int(duration_s / grid_s) + 3, dtype=np.float64) * grid_s
    bodies = tuple(
        _seen(epoch + grid, position, mu)
        for position, mu in ((sun_position, SUN_MU_M3S2), (moon_position, MOON_MU_M3S2))
    )
    ut1 = epoch.ut1(packaged_earth_orientation().at(epoch).ut1_minus_tai_s)
    a = float(start.semi_major_axis_m[0])
    frozen_y = _frozen(a, float(start.inclination_rad[0]))
    decay_s: Array = np.arange(int(duration_s / _DRAG_GRID_S) + 3, dtype=np.float64) * _DRAG_GRID_S
    decay_ms, height = _decay(start, decay_s, atmosphere, ballistic_m2kg, frozen_y)
    sidereal = float(erfa.gst06a(*ut1, *epoch.tt())[0])
    hours = float(local_time_h(start)[0] - (start.node_rad[0] - sidereal) * 12.0 / np.pi)
    return MeanMotion(epoch, grid, bodies, decay_s, decay_ms, height, a, sidereal, hours, love_number, j4, frozen_y)


def row_of(mean: MeanElements, row: int) -> MeanElements:
    """One of many mean states."""
    return MeanElements(mean.times[row], **{name: np.atleast_1d(getattr(mean, name)[row]) for name in ELEMENTS})


def _seen(times: Times, position: object, mu: float) -> tuple[Array, Array]:
    vector = position(times)  # type: ignore[operator]
    distance = np.linalg.norm(vector, axis=1)
    return np.einsum("nij,nj->ni", rotation(times, "GCRF", "MOD"), vector / distance[:, None]), mu / distance**3


def _frozen(a: float, inclination: float) -> float:
    """e sin omega of the frozen orbit by J2 and J3 of the packaged field: -(J3 / 2 J2)(Re / a) sin i."""
    field = packaged_gravity()
    ratio = -np.sqrt(7.0) * float(field.cosine[3, 0]) / field.j2
    return float(-0.5 * ratio * EARTH_RADIUS_M / a * np.sin(inclination))


def _decay(
    start: MeanElements, nodes_s: Array, atmosphere: Atmosphere, ballistic: float, frozen_y: float
) -> tuple[Array, float]:
    """da/dt (m/s) at the nodes, and the height (m) over which it falls by e."""
    a = float(start.semi_major_axis_m[0])
    if atmosphere.density_kgm3 is not None:
        rate = float(decay_rate(a, atmosphere.density_kgm3 * atmosphere.scale, ballistic))
        return np.full(len(nodes_s), rate), 1e9
    # compiled loops are heavy to import, and only this density needs them
    from orbit_aux.keeping.drag_kernel import mean_decay

    times = start.times + nodes_s
    sun, _ = _seen(times, sun_position, SUN_MU_M3S2)
    node = start.node_rad[0] + secular_rates(start)[0][0] * nodes_s
    settings = np.array(
        [
            EARTH_MU_M3S2,
            EARTH_ROTATION_RATE_RADS,
            WGS84_EQUATORIAL_RADIUS_M,
            WGS84_FLATTENING,
            atmosphere.bulge_exponent,
            EARTH_J2 * EARTH_RADIUS_M**2,
        ]
    )
    weather = activity(times, atmosphere.weather or constant_space_weather())
    ones, rates = np.ones(len(nodes_s)), []
    for step in (-_SLOPE_STEP_M, 0.0, _SLOPE_STEP_M):
        elements = np.stack(
            [ones * (a + step), 0.0 * ones, frozen_y * ones, start.inclination_rad[0] * ones, node], axis=1
        )
        mean = np.empty(len(nodes_s))
        mean_decay(elements, sun, weather, settings, harris_priester(), _DRAG_POINTS, mean)
        rates.append(decay_rate(a + step, mean * atmosphere.scale, ballistic))
    height = 2.0 * _SLOPE_STEP_M / float(np.mean(np.log(rates[0] / rates[2]))) if ballistic > 0 else 1e9
    return rates[1], height


def _rows(nodes: Array, values: Array, at: Array) -> Array:
    return np.stack([np.interp(at, nodes, column) for column in values.T], axis=1)


def _sum(elapsed_s: Array, rate: Array) -> Array:
    """Integral of a rate from the first time on, trapezoidal."""
    steps = 0.5 * np.diff(elapsed_s) * (rate[1:] + rate[:-1])
    return np.concatenate([[0.0], np.cumsum(steps)])
