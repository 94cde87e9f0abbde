# compiled loops take arrays and numbers, not objects, and calls inside them are not free
# ruff: noqa: PLR0913, C901, SIM102, SIM108
"""The loops of burn restitution, compiled: trajectory with its partial derivatives, counted Doppler, square-root updates.

Parameters: 0-2 position, 3-5 velocity (GCRF, at the epoch), 6-8 force (N, in the axes of the burn), 9 exhaust speed (m/s) or flow (kg/s),
10 ignition, 11 cut-off (s after the epoch), 12-13 place of a spinning antenna (m), 14 spin rate (rad/s), then one bias per link (m/s).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from orbit_aux.compiled import compiled
from orbit_aux.constants import EARTH_J2, EARTH_MU_M3S2, EARTH_RADIUS_M, EARTH_ROTATION_RATE_RADS, SPEED_OF_LIGHT_MS

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

#: parameters that move the trajectory, and all before the biases
DYNAMIC, FIXED = 12, 15

_MU = EARTH_MU_M3S2
_OBLATENESS = 1.5 * EARTH_J2 * EARTH_RADIUS_M**2
_C = SPEED_OF_LIGHT_MS
_EARTH_RATE_SQUARED = EARTH_ROTATION_RATE_RADS**2


@compiled
def local_triad(x: Array, triad: Array) -> None:
    """Rows of `triad`: radial, transverse and normal unit vectors of the state `x`."""
    r = math.sqrt(x[0] * x[0] + x[1] * x[1] + x[2] * x[2])
    wx, wy, wz = x[1] * x[5] - x[2] * x[4], x[2] * x[3] - x[0] * x[5], x[0] * x[4] - x[1] * x[3]
    h = math.sqrt(wx * wx + wy * wy + wz * wz)
    triad[0, 0], triad[0, 1], triad[0, 2] = x[0] / r, x[1] / r, x[2] / r
    triad[2, 0], triad[2, 1], triad[2, 2] = wx / h, wy / h, wz / h
    triad[1, 0] = triad[2, 1] * triad[0, 2] - triad[2, 2] * triad[0, 1]
    triad[1, 1] = triad[2, 2] * triad[0, 0] - triad[2, 0] * triad[0, 2]
    triad[1, 2] = triad[2, 0] * triad[0, 1] - triad[2, 1] * triad[0, 0]


@compiled
def gravity(x: Array, pole: Array, acceleration: Array, gradient: Array) -> None:
    """Central attraction and oblateness about `pole`, and the derivative by position."""
    r2 = x[0] * x[0] + x[1] * x[1] + x[2] * x[2]
    k = _MU / (r2 * math.sqrt(r2))
    height = x[0] * pole[0] + x[1] * pole[1] + x[2] * pole[2]
    share, u2 = _OBLATENESS / r2, height * height / r2
    straight = 1.0 + share * (1.0 - 5.0 * u2)
    for i in range(3):
        acceleration[i] = -k * (x[i] * straight + pole[i] * 2.0 * share * height)
    for i in range(3):
        for j in range(3):
            outward = 3.0 * x[i] * x[j] / r2
            flat = x[i] * (-5.0 * x[j] / r2 - 10.0 * height * pole[j] / r2 + 35.0 * u2 * x[j] / r2)
            flat += 2.0 * pole[i] * (pole[j] - 5.0 * height * x[j] / r2)
            gradient[i, j] = k * (outward - share * flat)
        gradient[i, i] -= k * straight


@compiled
def add_tides(x: Array, bodies: Array, t: float, acceleration: Array, gradient: Array) -> None:
    """Attraction of Moon and Sun less that on the Earth; `bodies` (body, 7): GM, position at the epoch (m), velocity (m/s)."""
    for b in range(bodies.shape[0]):
        d0, d1, d2 = 0.0, 0.0, 0.0
        s0, s1, s2 = (
            bodies[b, 1] + t * bodies[b, 4],
            bodies[b, 2] + t * bodies[b, 5],
            bodies[b, 3] + t * bodies[b, 6],
        )
        d0, d1, d2 = s0 - x[0], s1 - x[1], s2 - x[2]
        d = math.sqrt(d0 * d0 + d1 * d1 + d2 * d2)
        s = math.sqrt(s0 * s0 + s1 * s1 + s2 * s2)
        near, far = bodies[b, 0] / d**3, bodies[b, 0] / s**3
        acceleration[0] += near * d0 - far * s0
        acceleration[1] += near * d1 - far * s1
        acceleration[2] += near * d2 - far * s2
        for i in range(3):
            gradient[i, i] -= near


@compiled
def thrust_terms(
    x: Array, parameters: Array, t: float, mass_kg: float, frame: Integers, triad: Array, by: Array, turn: Array
) -> None:
    """Thrust acceleration in by[:, 6]; its derivatives by force (0-2), parameter 9 (3), ignition (4) in `by`, by state in `turn` (3, 6).

    frame[0] is 1 for thrust in the radial, transverse, normal axes; frame[1] is 1 where parameter 9 is the exhaust speed.
    """
    f0, f1, f2, p = parameters[6], parameters[7], parameters[8], parameters[9]
    force = math.sqrt(f0 * f0 + f1 * f1 + f2 * f2)
    flow = force / p if frame[1] == 1 else p
    since = t - parameters[10]
    mass = mass_kg - flow * since
    if frame[0] == 1:
        local_triad(x, triad)
    for i in range(3):
        if frame[0] == 1:
            along = triad[0, i] * f0 + triad[1, i] * f1 + triad[2, i] * f2
        else:
            along = parameters[6 + i]
        by[i, 6] = along / mass
        growth = along * since / (mass * mass)
        for j in range(3):
            unit = triad[j, i] if frame[0] == 1 else (1.0 if i == j else 0.0)
            tied = growth * parameters[6 + j] / (force * p) if frame[1] == 1 else 0.0
            by[i, j] = unit / mass + tied
        by[i, 3] = -growth * flow / p if frame[1] == 1 else growth
        by[i, 4] = -along * flow / (mass * mass)
    if frame[0] == 1:
        _turn_of_triad(x, triad, by, turn)


@compiled
def _turn_of_triad(x: Array, triad: Array, by: Array, turn: Array) -> None:
    """Derivative by the state of a vector that stays fixed in the turning local axes: small rotation crossed with the thrust."""
    r = math.sqrt(x[0] * x[0] + x[1] * x[1] + x[2] * x[2])
    radial = x[3] * triad[0, 0] + x[4] * triad[0, 1] + x[5] * triad[0, 2]
    across = x[3] * triad[1, 0] + x[4] * triad[1, 1] + x[5] * triad[1, 2]
    h = r * across
    for j in range(6):
        k = j % 3
        if j < 3:
            about_w, about_s, about_r = triad[1, k] / r, -triad[2, k] / r, -radial * triad[2, k] / h
        else:
            about_w, about_s, about_r = 0.0, 0.0, r * triad[2, k] / h
        q0 = about_r * triad[0, 0] + about_s * triad[1, 0] + about_w * triad[2, 0]
        q1 = about_r * triad[0, 1] + about_s * triad[1, 1] + about_w * triad[2, 1]
        q2 = about_r * triad[0, 2] + about_s * triad[1, 2] + about_w * triad[2, 2]
        turn[0, j] = q1 * by[2, 6] - q2 * by[1, 6]
        turn[1, j] = q2 * by[0, 6] - q0 * by[2, 6]
        turn[2, j] = q0 * by[1, 6] - q1 * by[0, 6]


@compiled
def _slope(
    t: float,
    state: Array,
    parameters: Array,
    mass_kg: float,
    frame: Integers,
    surroundings: Array,
    lit: bool,
    slope: Array,
    work: Array,
) -> None:
    """Time derivative of state (column 0) and partial derivatives (columns 1-12), all (6, 13)."""
    acceleration, gradient, triad, by, turn = work[0, :3], work[1:4, :3], work[4:7, :3], work[7:10, :7], work[10:13, :6]
    x = work[13, :6]
    for i in range(6):
        x[i] = state[i, 0]
    gravity(x, surroundings[0, :3], acceleration, gradient)
    if surroundings.shape[0] > 1:
        add_tides(x, surroundings[1:], t, acceleration, gradient)
    if lit:
        thrust_terms(x, parameters, t, mass_kg, frame, triad, by, turn)
    for i in range(3):
        slope[i, 0] = state[3 + i, 0]
        slope[3 + i, 0] = acceleration[i] + (by[i, 6] if lit else 0.0)
        for c in range(1, DYNAMIC + 1):
            slope[i, c] = state[3 + i, c]
            total = gradient[i, 0] * state[0, c] + gradient[i, 1] * state[1, c] + gradient[i, 2] * state[2, c]
            if lit and frame[0] == 1:
                for j in range(6):
                    total += turn[i, j] * state[j, c]
            slope[3 + i, c] = total
        if lit:
            for c in range(5):
                slope[3 + i, 7 + c] += by[i, c]


@compiled
def _step(
    t: float,
    h: float,
    state: Array,
    parameters: Array,
    mass_kg: float,
    frame: Integers,
    surroundings: Array,
    lit: bool,
    slopes: Array,
    work: Array,
) -> None:
    """One Runge-Kutta step of fourth order, in place."""
    trial = slopes[4]
    _slope(t, state, parameters, mass_kg, frame, surroundings, lit, slopes[0], work)
    for k in range(1, 4):
        share = h if k == 3 else 0.5 * h
        for i in range(6):
            for c in range(DYNAMIC + 1):
                trial[i, c] = state[i, c] + share * slopes[k - 1, i, c]
        _slope(t + share, trial, parameters, mass_kg, frame, surroundings, lit, slopes[k], work)
    for i in range(6):
        for c in range(DYNAMIC + 1):
            state[i, c] += h / 6.0 * (slopes[0, i, c] + 2.0 * (slopes[1, i, c] + slopes[2, i, c]) + slopes[3, i, c])


@compiled
def _jump(
    t: float,
    column: int,
    sign: float,
    state: Array,
    parameters: Array,
    mass_kg: float,
    frame: Integers,
    work: Array,
) -> None:
    """The jump of the derivative by a switch time: the thrust that is added or taken at that instant."""
    x, triad, by, turn = work[13, :6], work[4:7, :3], work[7:10, :7], work[10:13, :6]
    for i in range(6):
        x[i] = state[i, 0]
    thrust_terms(x, parameters, t, mass_kg, frame, triad, by, turn)
    for i in range(3):
        state[3 + i, 1 + column] += sign * by[i, 6]


@compiled
def integrate(
    parameters: Array,
    mass_kg: float,
    frame: Integers,
    surroundings: Array,
    first_s: float,
    last_s: float,
    step_s: float,
) -> tuple[Array, Array]:
    """Node times (n,) from `first_s` to `last_s` about the epoch 0, and (n, 6, 13): state, then its derivatives by parameters 0-11.

    Steps end exactly at ignition and cut-off, where two nodes share the time: before and after the jump of the derivatives.
    `surroundings`: row 0 the pole (GCRF), then bodies.
    """
    slopes, work = np.zeros((5, 6, DYNAMIC + 1)), np.zeros((14, 7))
    capacity = 2 * (int((last_s - first_s) / step_s) + 12)
    times, nodes = np.empty(capacity), np.empty((capacity, 6, DYNAMIC + 1))
    switches = (parameters[10], parameters[11])
    count, count_before = 0, 0
    count = 0
    for way in (-1.0, 1.0):
        state = np.zeros((6, DYNAMIC + 1))
        for i in range(6):
            state[i, 0], state[i, 1 + i] = parameters[i], 1.0
        t, end = 0.0, (last_s if way > 0 else first_s)
        if way > 0:
            count_before = count
        times[count], nodes[count] = t, state
        count += 1
        while way * (end - t) > 1e-9:
            target = t + way * step_s
            if way * (target - end) > 0:
                target = end
            switch = -1
            for k in range(2):
                if way * (switches[k] - t) > 1e-9 and way * (switches[k] - target) <= 1e-9:
                    if switch < 0 or way * (switches[k] - switches[switch]) < 0:
                        switch = k
            if switch >= 0:
                target = switches[switch]
            middle = 0.5 * (t + target)
            lit = switches[0] <= middle < switches[1]
            _step(t, target - t, state, parameters, mass_kg, frame, surroundings, lit, slopes, work)
            t = target
            times[count], nodes[count] = t, state
            count += 1
            if switch >= 0:
                sign = -1.0 if switch == 0 else 1.0
                _jump(t, 10 + switch, sign * way, state, parameters, mass_kg, frame, work)
                times[count], nodes[count] = t, state
                count += 1
    # backward nodes in the order of time, without the epoch that both ways hold
    order = np.empty(count - 1, np.int64)
    for i in range(count_before - 1):
        order[i] = count_before - 1 - i
    for i in range(count_before, count):
        order[i - 1] = i
    return times[order], nodes[order]
