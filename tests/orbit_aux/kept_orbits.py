"""Sun-synchronous repeat orbits for tests of keeping."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.optimize import fsolve

from orbit_aux.constants import EARTH_RADIUS_M
from orbit_aux.elements import short_angle
from orbit_aux.events.nodes import node_crossings
from orbit_aux.frames import State
from orbit_aux.keeping.track import Grid
from orbit_aux.motion.forces import Forces, Satellite
from orbit_aux.motion.mean_elements import MeanElements, local_time_h, osculating_state, secular_rates
from orbit_aux.motion.propagate import propagate
from orbit_aux.orbit import Orbit
from orbit_aux.time import Times

START = Times.from_utc("2020-03-01T00:00:00")


def elements(a: float, i: float, node: float, u: float = 0.3, times: Times = START) -> MeanElements:
    return MeanElements(times, *(np.array([value]) for value in (a, 0.0, 0.00104, i, node, u)))


@lru_cache(maxsize=8)
def repeat_start(revolutions: int, days: int, node_local_time_h: float = 22.5) -> MeanElements:
    """Mean elements at START of the orbit that repeats."""

    def faults(values: np.ndarray) -> list[float]:
        node, _, rate = secular_rates(elements(values[0] * 1e6, values[1], 0.0))
        drift = days * rate[0] + revolutions * (node[0] - 7.2921151467e-5)
        return [drift * 1e6, (node[0] - 1.99106e-7) * 1e9]

    guess = (3.986e14 * (days * 86400.0 / revolutions / 2.0 / np.pi) ** 2) ** (1 / 3)
    a, i = fsolve(faults, [guess / 1e6, 1.71], xtol=1e-12)
    east = local_time_h(elements(a * 1e6, i, 0.0))[0]
    return elements(a * 1e6, i, (node_local_time_h - east) * np.pi / 12.0)


def propagated(start: MeanElements, days: float, forces: Forces, state: State | None = None) -> Orbit:
    """A numerical orbit with states every minute."""
    first = osculating_state(start) if state is None else state
    times = first.times + np.arange(0.0, days * 86400.0 + 1.0, 60.0)
    states = propagate(first, times, forces, step_s=60.0)
    return Orbit("TEST", "2017-044B", "GCRF", times, states.position_m, states.velocity_ms, "numerical")


def light(mass_kg: float = 250.0) -> Satellite:
    return Satellite(mass_kg, 3.0, 2.2, 3.0, 1.3)


def tracks_at_nodes(orbit: Orbit, grid: Grid, start: Times, stop: Times) -> tuple[Times, np.ndarray]:
    """Times of ascending nodes, and their distances (m, eastward positive) from the nearest of the grid along the equator."""
    nodes = node_crossings(orbit, start, stop)
    nodes = nodes.isel(event=nodes["node"].values == "ascending")
    phase = grid.revolutions * (np.radians(nodes["longitude"].values) - grid.longitude_rad)
    return Times.from_utc(nodes["time"].values), EARTH_RADIUS_M / grid.revolutions * short_angle(phase)
