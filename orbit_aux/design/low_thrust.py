"""Long transfers by small thrust between near-circular orbits, revolution by revolution in mean elements.

Each revolution is cut into cells; where the engine may burn, Gauss's equations for small eccentricities change the mean elements, and between them the
secular rates of J2, J2^2 and J4, the odd zonals (the eccentricity turns about the frozen one) and drag do. Thrust lies along the velocity, turned out
of plane by a yaw that changes sign at the greatest latitudes, so as to bring the inclination along.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orbit_aux.constants import EARTH_MU_M3S2, EARTH_RADIUS_M, STANDARD_GRAVITY_MS2
from orbit_aux.design.revolution import CELLS, Burns, Duty, Surroundings, burn_shares, drag_deceleration
from orbit_aux.design.sun_synchronous import sun_synchronous_inclination
from orbit_aux.design.zonal import frozen_eccentricity
from orbit_aux.errors import OrbitError
from orbit_aux.motion.mean_elements import MeanElements, osculating_state, secular_rates
from orbit_aux.orbit import Orbit
from orbit_aux.time import Times

Array = NDArray[np.float64]

_GREATEST_YAW_RAD = math.radians(80.0)
# lower no thrust of this kind keeps an orbit
_LOWEST_M = 1.2e5
_TURN = 2.0 * math.pi


@dataclass(frozen=True)
class Engine:
    """Thrust (N), specific impulse (s), mass at the start and propellant on board (kg)."""

    thrust_n: float
    specific_impulse_s: float
    mass_kg: float
    propellant_kg: float

    def __post_init__(self) -> None:
        good = (
            0 < self.thrust_n < 1e4
            and 10 <= self.specific_impulse_s < 1e5
            and 0 < self.propellant_kg < self.mass_kg < 1e6
        )
        if not good:
            raise OrbitError(f"{self}: give N, s (10 to 1e5) and kg, the propellant less than the mass")

    @property
    def flow_kgs(self) -> float:
        return self.thrust_n / (STANDARD_GRAVITY_MS2 * self.specific_impulse_s)


@dataclass(frozen=True)
class Goal:
    """Mean semi-major axis to reach, and the inclination on the way: that of the axis ("sun_synchronous"), left alone ("free"), or brought to one (rad)."""

    semi_major_axis_m: float
    inclination: str | float = "sun_synchronous"
    longest_days: float = 400.0
    coast_days: float = 0.0


@dataclass(frozen=True, eq=False)
class Spiral:
    """A transfer: mean elements, mass and velocity spent at the edges of cells, and every burn."""

    mean: MeanElements
    mass_kg: Array
    delta_v_ms: Array
    burns: Burns
    duration_s: float
    """Until the goal is reached; what follows is coast."""

    def ephemeris(self, name: str, step_s: float = 120.0) -> Orbit:
        """Osculating states (GCRF) of the whole transfer every `step_s`."""
        elapsed = self.mean.times - self.mean.times[0]
        wanted = np.arange(max(math.floor(float(elapsed[-1]) / step_s) + 1, 4)) * min(step_s, float(elapsed[-1]) / 3.0)
        columns = (
            self.mean.semi_major_axis_m,
            self.mean.eccentricity_x,
            self.mean.eccentricity_y,
            self.mean.inclination_rad,
            np.unwrap(self.mean.node_rad),
            np.unwrap(self.mean.latitude_argument_rad),
        )
        times = self.mean.times[0] + wanted
        state = osculating_state(MeanElements(times, *(np.interp(wanted, elapsed, column) for column in columns)))
        return Orbit(name, name, "GCRF", times, state.position_m, state.velocity_ms, "transfer in mean elements")


def spiral(start: MeanElements, engine: Engine, goal: Goal, duty: Duty, surroundings: Surroundings) -> Spiral:
    """The transfer from `start` (one epoch) to `goal`."""
    _check(start, goal)
    values = np.array([float(getattr(start, name)[0]) for name in _NAMES])
    course = _Course(start.times, engine, goal, duty, surroundings, float(values[0]), float(values[3]))
    elapsed, mass, spent = 0.0, engine.mass_kg, 0.0
    parts: list[Array] = []
    burns: list[Array] = []
    reached_s = math.inf
    while elapsed < min(reached_s + goal.coast_days * 86400.0, (goal.longest_days + goal.coast_days) * 86400.0):
        rows, arcs, reached = course.revolution(elapsed, values, mass, spent, not math.isfinite(reached_s))
        parts.append(rows[:-1])
        burns.append(arcs)
        elapsed, values, mass, spent = float(rows[-1, 0]), rows[-1, 1:7], float(rows[-1, 7]), float(rows[-1, 8])
        if reached:
            reached_s = elapsed
        _refuse_end(engine, goal, elapsed / 86400.0, float(values[0]), engine.mass_kg - mass, math.isfinite(reached_s))
    table = np.concatenate([*parts, rows[-1:]])
    times = start.times + table[:, 0]
    a, x, y, inclination, node, argument = table[:, 1:7].T
    mean = MeanElements(times, a, x, y, inclination, np.mod(node, _TURN), np.mod(argument, _TURN))
    return Spiral(
        mean, table[:, 7], table[:, 8], Burns.joined(start.times, np.concatenate(burns), engine.flow_kgs), reached_s
    )


def edelbaum(
    first_radius_m: float, second_radius_m: float, turn_rad: float = 0.0, mu_m3s2: float = EARTH_MU_M3S2
) -> float:
    """Velocity, m/s, of a spiral between circles with a change of plane, thrust without pause (Edelbaum 1961)."""
    first, second = math.sqrt(mu_m3s2 / first_radius_m), math.sqrt(mu_m3s2 / second_radius_m)
    return math.sqrt(first**2 + second**2 - 2.0 * first * second * math.cos(0.5 * math.pi * turn_rad))


_NAMES = (
    "semi_major_axis_m",
    "eccentricity_x",
    "eccentricity_y",
    "inclination_rad",
    "node_rad",
    "latitude_argument_rad",
)


class _Course:
    """What stays the same from revolution to revolution."""

    def __init__(
        self,
        start: Times,
        engine: Engine,
        goal: Goal,
        duty: Duty,
        surroundings: Surroundings,
        axis: float,
        inclination: float,
    ) -> None:
        self.start, self.engine, self.goal, self.duty, self.surroundings = start, engine, goal, duty, surroundings
        self.sense = math.copysign(1.0, goal.semi_major_axis_m - axis)
        self.first = axis, inclination
        low, high = sorted((axis, goal.semi_major_axis_m))
        self.axes = np.linspace(low, high, 5)
        self.frozen = [frozen_eccentricity(a, self.inclination_at(float(a))) for a in self.axes]

    def inclination_at(self, axis: float) -> float:
        """Inclination wanted at a semi-major axis; a Sun-synchronous orbit keeps what it has above or below the closed formula."""
        if self.goal.inclination == "sun_synchronous":
            extra = self.first[1] - sun_synchronous_inclination(self.first[0])
            return sun_synchronous_inclination(axis) + extra
        if isinstance(self.goal.inclination, str):
            return self.first[1]
        share = (axis - self.first[0]) / (self.goal.semi_major_axis_m - self.first[0])
        return self.first[1] + min(max(share, 0.0), 1.0) * (self.goal.inclination - self.first[1])

    def revolution(
        self, elapsed: float, values: Array, mass: float, spent: float, burning: bool
    ) -> tuple[Array, Array, bool]:
        """Rows (time, elements, mass, velocity) at the edges of cells, burns (start, stop, along, across in N), and whether the goal was reached."""
        mean = MeanElements(self.start + elapsed, *(values[k : k + 1] for k in range(6)))
        node_rate, perigee_rate, argument_rate = (float(rate[0]) for rate in secular_rates(mean))
        period = _TURN / argument_rate
        edges = elapsed + np.linspace(0.0, period, CELLS + 1)
        argument = values[5] + np.linspace(0.0, _TURN, CELLS + 1)
        middle = 0.5 * (argument[1:] + argument[:-1])
        cell_s = period / CELLS
        drag = drag_deceleration(self.surroundings, self.start + elapsed, values, mass)
        shares = np.zeros((CELLS, 2))
        if burning:
            shares = burn_shares(self.duty, self.start, edges, argument, values)
        on_s = (shares[:, 1] - shares[:, 0]) * cell_s
        yaw, across = self._yaw(values, mass, on_s, middle)
        rows, reached = self._followed(values, mass, spent, edges, on_s, (yaw, across), drag)
        rows[:, 5] += node_rate * _share_of_rate(rows, values[0], edges, 3.5)
        rows[:, 6] += argument_rate * _share_of_rate(rows, values[0], edges, 1.5)
        self._turned(rows, values, perigee_rate, edges)
        burns = _arcs(edges, shares, cell_s, self.engine.thrust_n, self.sense * math.cos(yaw), math.sin(yaw) * across)
        if reached is None:
            return rows, burns, False
        cell = int(reached)
        # thrust does its work in the part of the cell in which it acts
        moment = shares[cell, 0] + (reached - cell) * (shares[cell, 1] - shares[cell, 0])
        return _cut(rows, burns, cell, reached - cell, float(moment))

    def _yaw(self, values: Array, mass: float, on_s: Array, middle: Array) -> tuple[float, Array]:
        """Angle out of plane, and the side of each cell, that bring the inclination where the axis at the end of the revolution wants it."""
        across = np.sign(np.cos(middle))
        speed = math.sqrt(EARTH_MU_M3S2 / values[0])
        given = self.engine.thrust_n / mass * on_s
        lever = float(np.sum(given * np.abs(np.cos(middle)))) / speed
        if lever <= 0.0 or self.goal.inclination == "free":
            return 0.0, across
        # lever sin(yaw) = behind + ahead cos(yaw), with what the axis gains at no yaw taken for a straight line
        gained = values[0] * (1.0 + 2.0 * self.sense * float(np.sum(given)) / speed)
        here = self.inclination_at(float(values[0]))
        behind, ahead = here - values[3], self.inclination_at(float(gained)) - here
        share = behind / math.hypot(lever, ahead)
        yaw = math.atan2(ahead, lever) + math.asin(min(max(share, -1.0), 1.0))
        yaw = min(max(yaw, -_GREATEST_YAW_RAD), _GREATEST_YAW_RAD)
        return yaw, across

    def _followed(
        self, values: Array, mass: float, spent: float, edges: Array, on_s: Array, aim: tuple[float, Array], drag: Array
    ) -> tuple[Array, float | None]:
        """Rows with what thrust and drag do (the secular rates still wanting), and the place in cells where the goal is met."""
        yaw, across = aim
        used = self.engine.flow_kgs * np.concatenate([[0.0], np.cumsum(on_s)])
        exhaust = STANDARD_GRAVITY_MS2 * self.engine.specific_impulse_s
        velocity = -exhaust * np.log1p(-used / mass)
        given = np.diff(velocity)
        along, normal = self.sense * math.cos(yaw) * given, math.sin(yaw) * across * given
        along = along - drag * np.diff(edges)
        middle = values[5] + (np.arange(CELLS) + 0.5) * _TURN / CELLS
        c, s = np.cos(middle), np.sin(middle)
        speed = math.sqrt(EARTH_MU_M3S2 / values[0])
        node = s * normal / (speed * math.sin(values[3]))
        changes = (
            np.stack(
                [
                    2.0 * values[0] * along,
                    2.0 * c * along,
                    2.0 * s * along,
                    c * normal,
                    node * speed,
                    -math.cos(values[3]) * node * speed,
                ]
            )
            / speed
        )
        rows = np.zeros((CELLS + 1, 9))
        rows[:, 0], rows[:, 7], rows[:, 8] = edges, mass - used, spent + velocity
        rows[0, 1:7] = values
        rows[1:, 1:7] = values + np.cumsum(changes, axis=1).T
        short = self.sense * (self.goal.semi_major_axis_m - rows[:, 1])
        if not on_s.any() or short.min() > 0.0:
            return rows, None
        cell = int(np.argmax(short <= 0.0))
        if cell == 0:
            return rows, 0.0
        return rows, min(cell - 1 + float(short[cell - 1] / (short[cell - 1] - short[cell])), CELLS - 1e-9)

    def _turned(self, rows: Array, values: Array, perigee_rate: float, edges: Array) -> None:
        """The eccentricity vector of the beginning turned about the frozen one; what the revolution added stays as it is."""
        frozen = float(np.interp(values[0], self.axes, self.frozen))
        angle = perigee_rate * (edges - edges[0])
        x, y = values[1], values[2] - frozen
        rows[:, 2] += x * np.cos(angle) - y * np.sin(angle) - x
        rows[:, 3] += y * np.cos(angle) + x * np.sin(angle) - y


def _share_of_rate(rows: Array, axis: float, edges: Array, power: float) -> Array:
    """Seconds at each edge that a rate falling with a power of the axis counts."""
    ratio = (0.5 * (rows[1:, 1] + rows[:-1, 1]) / axis) ** -power
    return np.concatenate([[0.0], np.cumsum(ratio * np.diff(edges))])


def _arcs(edges: Array, shares: Array, cell_s: float, thrust: float, along: float, across: Array) -> Array:
    on = shares[:, 1] > shares[:, 0]
    begin, end = (edges[:-1] + shares[:, side] * cell_s for side in (0, 1))
    arcs: Array = np.stack([begin, end, np.full(CELLS, thrust * along), thrust * across], axis=1)[on]
    return arcs


def _cut(rows: Array, burns: Array, cell: int, done: float, moment: float) -> tuple[Array, Array, bool]:
    """Everything up to a moment of a cell, at which a part of what its thrust does is done."""
    share = np.full(rows.shape[1], done)
    # time, node and latitude argument go with the clock
    share[[0, 5, 6]] = moment
    last = rows[cell] + share * (rows[cell + 1] - rows[cell])
    kept = burns[burns[:, 0] < last[0]]
    kept[:, 1] = np.minimum(kept[:, 1], last[0])
    return np.concatenate([rows[: cell + 1], last[None]]), kept, True


def _refuse_end(engine: Engine, goal: Goal, days: float, axis: float, used: float, reached: bool) -> None:
    """Refuse a transfer that cannot be."""
    if used > engine.propellant_kg:
        raise OrbitError(
            f"propellant of {engine.propellant_kg:g} kg is used up after {days:.1f} days at {_height(axis)}: give more, or a nearer goal"
        )
    if axis - EARTH_RADIUS_M < _LOWEST_M:
        raise OrbitError(
            f"drag brings the orbit down to {_height(axis)} after {days:.1f} days: give more thrust, hours, or a higher start"
        )
    if not reached and days > goal.longest_days:
        raise OrbitError(
            f"goal of {_height(goal.semi_major_axis_m)} is not reached in {goal.longest_days:g} days, the orbit stands at {_height(axis)}: "
            "give more thrust, hours or days"
        )


def _height(axis: float) -> str:
    return f"{(axis - EARTH_RADIUS_M) / 1e3:.1f} km"


def _check(start: MeanElements, goal: Goal) -> None:
    if len(start.times) != 1 or float(start.eccentricity[0]) > 0.05:
        raise OrbitError(
            f"a spiral begins at one epoch on a near-circular orbit, not at {len(start.times)} with e {float(start.eccentricity.max()):.3g}: circularise first"
        )
    wrong = not (_LOWEST_M < goal.semi_major_axis_m - EARTH_RADIUS_M <= 4e7 and 0 < goal.longest_days <= 4000)
    if wrong or not 0 <= goal.coast_days <= 400:
        raise OrbitError(
            f"{goal}: give an axis in m 120 to 40000 km above the equator, 4000 days and 400 of coast at most"
        )
    if goal.inclination not in ("sun_synchronous", "free") and isinstance(goal.inclination, str):
        raise OrbitError(f"inclination {goal.inclination!r}: give sun_synchronous, free or radians")
    if abs(goal.semi_major_axis_m - float(start.semi_major_axis_m[0])) < 1.0:
        raise OrbitError(f"goal of {_height(goal.semi_major_axis_m)} is where the orbit is: give another height")
