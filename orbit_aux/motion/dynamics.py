"""Motion of a satellite of low orbit: where it is at given times, and how that depends on its start and on parameters of its forces."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orbit_aux.bodies import moon_position, sun_position
from orbit_aux.constants import EARTH_ROTATION_RATE_RADS, WGS84_EQUATORIAL_RADIUS_M, WGS84_FLATTENING
from orbit_aux.errors import OrbitError
from orbit_aux.frames import rotation
from orbit_aux.motion import force_kernel as kernel
from orbit_aux.motion.atmosphere import activity, harris_priester
from orbit_aux.motion.forces import (
    AXES,
    LIGHT_PRESSURE_NM2,
    LOVE_NUMBER,
    MOON_MU_M3S2,
    SUN_MU_M3S2,
    Forces,
    Thrust,
)
from orbit_aux.motion.gravity import gravity_tables
from orbit_aux.motion.integration_kernel import integrate, quintic
from orbit_aux.motion.parameters import Parameter, parameters_of
from orbit_aux.time import Times

__all__ = ["Course", "Engine", "Parameter", "Trajectory", "follow", "make_course", "parameters_of"]

Array = NDArray[np.float64]

#: with 30 s the integration of a day in low orbit is good to a millimetre (docs/orbit_low.md)
STEP_S = 30.0
_KINDS = {
    "drag": kernel.DRAG,
    "light": kernel.LIGHT,
    "force": kernel.FORCE,
    "acceleration": kernel.ACCELERATION,
    "impulse": kernel.IMPULSE,
    "switch": kernel.SWITCH,
}
_WAVES = {"": kernel.CONSTANT, "cos": kernel.COSINE, "sin": kernel.SINE}
# below it there is no orbit: 80 km over the mean radius of the Earth
_LOWEST_RADIUS_M = 6_451_000.0
# steps between two switches or fixes may be short, but not nothing
_SHORTEST_S = 1e-6


@dataclass(frozen=True, eq=False)
class Course:
    """Steps of integration from `epoch`, and all about them that does not depend on the orbit: rotation of the Earth, Sun, Moon, mass, activity."""

    epoch: Times
    edges_s: Array
    environment: Array

    @property
    def lengths_s(self) -> Array:
        return np.diff(self.edges_s)


@dataclass(frozen=True, eq=False)
class Trajectory:
    """States (GCRF, m, m/s) and their partials by the 6 components of the start and the estimated parameters, at any time of a course."""

    course: Course
    states: Array
    slopes: Array

    def at(self, elapsed_s: Array, *, before: bool = False) -> Array:
        """Positions and velocities (n, 6) at seconds after the epoch; at an impulse those after it, unless `before`."""
        return self._between(self.states[..., None], elapsed_s, before)[:, :, 0]

    def partials(self, elapsed_s: Array, *, before: bool = False) -> Array:
        """Partials (n, 6, 6 + estimated parameters) at seconds after the epoch."""
        return self._between(self.slopes, elapsed_s, before)

    def _between(self, ends: Array, elapsed_s: Array, before: bool) -> Array:
        edges = self.course.edges_s
        elapsed = np.asarray(elapsed_s, dtype=np.float64)
        if len(elapsed) and not (elapsed.min() >= edges[0] - 1e-6 and elapsed.max() <= edges[-1] + 1e-6):
            raise OrbitError(
                f"times of {elapsed.min()} to {elapsed.max()} s leave the course of {edges[-1]} s: extend it"
            )
        place = np.clip(np.searchsorted(edges, elapsed, side="left" if before else "right") - 1, 0, len(edges) - 2)
        length = self.course.lengths_s[place]
        values = np.empty((len(elapsed), 6, ends.shape[-1]))
        quintic(ends[:, 0], ends[:, 1], (elapsed - edges[place]) / length, length, place, values)
        return values


def make_course(
    epoch: Times,
    duration_s: float,
    forces: Forces,
    parameters: Sequence[Parameter],
    *,
    step_s: float = STEP_S,
    stops_s: Sequence[float] | Array = (),
) -> Course:
    """Steps of at most `step_s` that end exactly at every switch of a parameter and at `stops_s`."""
    if not (0 <= duration_s < 4e7 and 0 < step_s <= 300):
        raise OrbitError(f"course of {duration_s} s in steps of {step_s} s: give 0 to 4e7 s and a step up to 300 s")
    duration = max(duration_s, _SHORTEST_S)
    marks = [0.0, duration, *stops_s, *(edge for item in parameters for edge in _edges(item))]
    inside = np.unique(np.clip(np.array(marks), 0.0, duration))
    inside = np.concatenate([inside[:1], inside[1:][np.diff(inside) > _SHORTEST_S / 2]])
    inside[-1] = duration
    pieces = []
    for low, high in itertools.pairwise(inside):
        count = max(int(np.ceil((high - low) / step_s - 1e-9)), 1)
        pieces.append(low + (high - low) / count * np.arange(count))
    edges = np.concatenate([*pieces, inside[-1:]])
    return Course(epoch, edges, _environment(epoch, edges, forces))


def follow(
    course: Course,
    start: Array,
    forces: Forces,
    parameters: Sequence[Parameter],
    *,
    partials: bool = False,
    plane: Array | None = None,
) -> Trajectory:
    """The trajectory from `start` (6, GCRF) at the epoch of the course; an orbit that hits the Earth is refused with the time at which it does."""
    engine = Engine(course, forces, parameters, partials=partials, plane=np.asarray(start) if plane is None else plane)
    engine.advance(0, len(course.lengths_s), np.array(start, dtype=np.float64), engine.identity())
    return Trajectory(course, engine.states, engine.slopes)


class Engine:
    """A course with forces and parameters made ready for the compiled loop, to be advanced in pieces."""

    def __init__(
        self, course: Course, forces: Forces, parameters: Sequence[Parameter], *, partials: bool, plane: Array
    ) -> None:
        self.course = course
        self._layout, self.columns = _layout(parameters, course.edges_s)
        self.columns = self.columns + 6 if partials else 0
        if not partials:
            self._layout[:, kernel.COLUMN] = -1
        self.values = np.array([item.value for item in parameters], dtype=np.float64)
        self._settings = _settings(forces, plane)
        self._gravity = _tables(forces)
        steps = len(course.lengths_s)
        self.states = np.empty((steps, 2, 9))
        self.slopes = np.empty((steps, 2, 9, self.columns))

    def identity(self) -> Array:
        """Partials at the start."""
        return np.eye(6, self.columns)

    def advance(self, first: int, last: int, state: Array, partials: Array) -> None:
        """Moves `state` (6) and `partials` (6, columns) from step `first` to the beginning of step `last`."""
        course, scheme = self.course, _scheme()
        end = integrate(
            first, last, state, partials, course.lengths_s, course.environment, scheme[0], scheme[1], self._layout,
            self.values, self._settings, self._gravity, harris_priester(), self.states, self.slopes,
        )  # fmt: skip
        if end < last:
            where = (course.epoch + course.edges_s[end]).utc_strings(0)[0]
            raise OrbitError(
                f"the orbit falls below a radius of {_LOWEST_RADIUS_M / 1e3:.0f} km near {where}: it hits the Earth; correct "
                "the start, its frame, its units or the drag"
            )


def _edges(item: Parameter) -> tuple[float, ...]:
    return (item.start_s,) if item.start_s == item.stop_s else (item.start_s, item.stop_s)


def _layout(parameters: Sequence[Parameter], edges: Array) -> tuple[NDArray[np.int64], int]:
    layout = np.zeros((len(parameters), 8), dtype=np.int64)
    column = 0
    for row, item in enumerate(parameters):
        # a switch before the course is over when it begins: it belongs to no step
        first = -1 if item.start_s < -_SHORTEST_S else int(np.argmin(np.abs(edges - item.start_s)))
        first = len(edges) if item.start_s > edges[-1] + _SHORTEST_S else first
        last = int(np.argmin(np.abs(edges - item.stop_s)))
        layout[row] = (
            _KINDS[item.kind], AXES.index(item.axes), item.component, _WAVES[item.wave], first, last,
            column + 6 if item.sigma > 0 else -1, item.owner,
        )  # fmt: skip
        column += item.sigma > 0
    return layout, column


def _settings(forces: Forces, start: Array) -> Array:
    settings = np.zeros(kernel.SETTINGS_SIZE)
    craft = forces.satellite
    settings[kernel.MU_SUN] = SUN_MU_M3S2 if forces.sun else 0.0
    settings[kernel.MU_MOON] = MOON_MU_M3S2 if forces.moon else 0.0
    settings[kernel.DRAG_AREA] = craft.drag_area_m2 * craft.drag_coefficient
    settings[kernel.LIGHT_AREA] = LIGHT_PRESSURE_NM2 * craft.light_area_m2 * craft.light_coefficient
    settings[kernel.SPIN] = EARTH_ROTATION_RATE_RADS
    settings[kernel.EARTH_RADIUS], settings[kernel.FLATTENING] = WGS84_EQUATORIAL_RADIUS_M, WGS84_FLATTENING
    settings[kernel.LOVE] = LOVE_NUMBER if forces.solid_tides else 0.0
    settings[kernel.RELATIVITY] = float(forces.relativity)
    settings[kernel.BULGE] = forces.bulge_exponent
    settings[kernel.MU] = forces.gravity.mu_m3s2
    settings[kernel.LOWEST] = _LOWEST_RADIUS_M
    # once-per-revolution terms count the argument from the place of the start, in its orbital plane
    normal = np.cross(start[:3], start[3:])
    lead = start[:3] / np.linalg.norm(start[:3])
    settings[kernel.PLANE : kernel.PLANE + 3] = lead
    settings[kernel.PLANE + 3 : kernel.PLANE + 6] = np.cross(normal / max(float(np.linalg.norm(normal)), 1e-9), lead)
    return settings


def _environment(epoch: Times, edges: Array, forces: Forces) -> Array:
    """Rows of the environment (steps, stages, 17) at the times of all stages."""
    nodes = _scheme()[2]
    lengths = np.diff(edges)
    elapsed = edges[:-1, None] + lengths[:, None] * nodes
    times = epoch + elapsed.ravel()
    result = np.zeros((elapsed.size, kernel.ENVIRONMENT_SIZE))
    result[:, :9] = rotation(times, "GCRF", "ITRF").reshape(-1, 9)
    result[:, kernel.SUN : kernel.SUN + 3] = sun_position(times)
    result[:, kernel.MOON : kernel.MOON + 3] = moon_position(times)
    mass = np.full(len(times), forces.satellite.mass_kg)
    for manoeuvre in forces.manoeuvres:
        if isinstance(manoeuvre, Thrust):
            since = np.clip(elapsed.ravel() - (manoeuvre.start - epoch)[0], 0.0, manoeuvre.duration_s)
            mass -= manoeuvre.flow_kgs * since
        else:
            mass -= np.where(elapsed.ravel() > (manoeuvre.time - epoch)[0], manoeuvre.mass_kg, 0.0)
    if not mass.min() > 0:
        raise OrbitError(f"manoeuvres use all {forces.satellite.mass_kg} kg of the satellite: correct mass or flow")
    result[:, kernel.INVERSE_MASS] = 1.0 / mass
    result[:, kernel.ACTIVITY] = activity(times, forces.space_weather)
    return result.reshape(len(lengths), len(nodes), kernel.ENVIRONMENT_SIZE)


def _tables(forces: Forces) -> Any:
    field = forces.gravity.tide_free() if forces.solid_tides else forces.gravity
    return _cached_tables(field)


@lru_cache(maxsize=4)
def _cached_tables(field: Any) -> Any:
    return tuple(gravity_tables(field))


@lru_cache(maxsize=1)
def _scheme() -> tuple[Array, Array, Array]:
    """Coefficients, weights and nodes of the order 8 of Dormand and Prince (Hairer, Norsett and Wanner 1993)."""
    from scipy.integrate import DOP853

    stages = DOP853.n_stages
    return (
        np.ascontiguousarray(DOP853.A[:stages, :stages]),
        np.ascontiguousarray(DOP853.B[:stages]),
        np.ascontiguousarray(DOP853.C[:stages]),
    )
