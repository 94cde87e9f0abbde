"""When one may burn: passages of a latitude argument outside forbidden intervals and, where it is ruled so, outside the Earth's shadow; what a burn does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from orbit_aux.constants import EARTH_MU_M3S2, EARTH_RADIUS_M
from orbit_aux.keeping.mean_motion import MeanMotion
from orbit_aux.keeping.plan import Rules
from orbit_aux.motion.mean_elements import MeanElements

Array = NDArray[np.float64]

_TURN = 2.0 * np.pi


def passages_s(mean: MeanElements, elapsed_s: Array, latitude_argument_rad: float) -> Array:
    """Seconds (of the axis `elapsed_s`) at which the true latitude argument is passed, along a coasted orbit."""
    u = mean.latitude_argument_rad
    # the true one leads by 2 e sin v; at the passage it is the one asked for
    c, s = np.cos(latitude_argument_rad), np.sin(latitude_argument_rad)
    true = u + 2.0 * (mean.eccentricity_x * s - mean.eccentricity_y * c)
    turns = np.arange(
        np.ceil((true[0] - latitude_argument_rad) / _TURN), np.floor((true[-1] - latitude_argument_rad) / _TURN) + 1
    )
    return np.interp(latitude_argument_rad + _TURN * turns, true, elapsed_s)


def allowed(
    motion: MeanMotion,
    mean: MeanElements,
    elapsed_s: Array,
    at_s: Array,
    rules: Rules,
    shape: tuple[float, float],
) -> NDArray[np.bool_]:
    """Whether a burn at each of `at_s` may be: not in a forbidden interval, nor in shadow. `shape` is its latitude argument (rad) and duration (s)."""
    latitude_argument, duration_s = shape
    half = 0.5 * duration_s
    good = np.ones(len(at_s), dtype=bool)
    for start, stop, _ in rules.forbidden:
        low, high = float((start - mean.times[0])[0]), float((stop - mean.times[0])[0])
        good &= (at_s + half <= low) | (at_s - half >= high)
    if rules.eclipse or not good.any():
        return good
    rate = float((mean.latitude_argument_rad[-1] - mean.latitude_argument_rad[0]) / (elapsed_s[-1] - elapsed_s[0]))
    for share in (-1.0, 0.0, 1.0):
        good &= ~_in_shadow(motion, mean, elapsed_s, at_s, latitude_argument + share * half * rate)
    return good


def latitude_choices(latitude_argument_rad: float, rules: Rules) -> Sequence[float]:
    """Latitude arguments to try, the wished one first; others only where the shadow may forbid it."""
    if rules.eclipse:
        return (latitude_argument_rad,)
    steps = sorted(range(-6, 7), key=abs)
    return tuple(float(np.mod(latitude_argument_rad + np.radians(30.0 * step), _TURN)) for step in steps)


def impulse_applied(mean: MeanElements, along_ms: float, cross_ms: float) -> MeanElements:
    """One mean state after an impulse along the track and across it (along the orbit normal), at its latitude argument; near-circular orbits."""
    a, i = float(mean.semi_major_axis_m[0]), float(mean.inclination_rad[0])
    speed = float(np.sqrt(EARTH_MU_M3S2 / a))
    u = float(mean.latitude_argument_rad[0])
    true = u + 2.0 * float(mean.eccentricity_x[0] * np.sin(u) - mean.eccentricity_y[0] * np.cos(u))
    c, s = np.cos(true), np.sin(true)
    # vis-viva where the radius is a; e enters at second order of what is small
    risen = EARTH_MU_M3S2 / (2.0 * EARTH_MU_M3S2 / a - (speed + along_ms) ** 2)
    turned = cross_ms / speed
    node_step = turned * s / np.sin(i)
    return MeanElements(
        mean.times,
        np.array([risen]),
        mean.eccentricity_x + 2.0 * along_ms / speed * c,
        mean.eccentricity_y + 2.0 * along_ms / speed * s,
        mean.inclination_rad + turned * c,
        mean.node_rad + node_step,
        # the place stays, and 2 e sin v does too where the burn is along the track
        mean.latitude_argument_rad - node_step * np.cos(i),
    )


def _in_shadow(
    motion: MeanMotion, mean: MeanElements, elapsed_s: Array, at_s: Array, latitude_argument_rad: float
) -> NDArray[np.bool_]:
    """Whether the satellite is in the cylinder of shadow."""
    i, node = np.interp(at_s, elapsed_s, mean.inclination_rad), np.interp(at_s, elapsed_s, mean.node_rad)
    radius = np.interp(at_s, elapsed_s, mean.semi_major_axis_m)
    c, s = np.cos(latitude_argument_rad), np.sin(latitude_argument_rad)
    place = np.stack(
        [
            c * np.cos(node) - s * np.cos(i) * np.sin(node),
            c * np.sin(node) + s * np.cos(i) * np.cos(node),
            s * np.sin(i),
        ],
        axis=1,
    )
    after = float((mean.times[0] - motion.epoch)[0]) + at_s
    sun = np.stack([np.interp(after, motion.grid_s, column) for column in motion.bodies[0][0].T], axis=1)
    toward = np.sum(place * sun, axis=1)
    dark: NDArray[np.bool_] = (toward < 0) & (radius * np.sqrt(np.clip(1.0 - toward**2, 0.0, 1.0)) < EARTH_RADIUS_M)
    return dark
