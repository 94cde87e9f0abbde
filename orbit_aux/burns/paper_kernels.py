# compiled loops take arrays and numbers, not objects, and calls inside them are not free
# ruff: noqa: PLR0913, C901
"""The nine-state filter of the CNES paper, compiled: Gauss's equations with oblateness and growing thrust, square-root corrections.

State: a, k, h, p, q, L (true longitude) and the thrust acceleration in radial, transverse, normal axes or in inertial ones; axes with z at the pole.
"""

from __future__ import annotations

import math

import numpy as np

from orbit_aux.burns.count_kernels import absorb, innovation_variance
from orbit_aux.burns.kernels import Array, Integers
from orbit_aux.compiled import compiled
from orbit_aux.constants import (
    EARTH_J2,
    EARTH_MU_M3S2,
    EARTH_RADIUS_M,
    EARTH_ROTATION_RATE_RADS,
    SPEED_OF_LIGHT_MS,
)

SIZE = 9
_MU = EARTH_MU_M3S2
_J2 = EARTH_MU_M3S2 * EARTH_J2 * EARTH_RADIUS_M**2
_C = SPEED_OF_LIGHT_MS
_EARTH_RATE_SQUARED = EARTH_ROTATION_RATE_RADS**2
# steps of the differences that make the transition matrix
_STEPS = np.array([100.0, 1e-6, 1e-6, 1e-6, 1e-6, 1e-6, 1e-5, 1e-5, 1e-5])


@compiled
def rates(x: Array, thrust: Array, lit: bool, out: Array) -> None:
    """Time derivatives of the nine states. thrust: 1 for radial, transverse, normal axes; exhaust speed (m/s, 0: no flow)."""
    a, k, h, p, q = x[0], x[1], x[2], x[3], x[4]
    c, s = math.cos(x[5]), math.sin(x[5])
    parameter = a * (1.0 - k * k - h * h)
    w = 1.0 + k * c + h * s
    r, momentum = parameter / w, math.sqrt(_MU * parameter)
    z, s2 = q * s - p * c, 1.0 + p * p + q * q
    j = _J2 / (r * r * r * r)
    radial = -1.5 * j * (1.0 - 12.0 * z * z / (s2 * s2))
    across = -12.0 * j * z * (q * c + p * s) / (s2 * s2)
    normal = -6.0 * j * z * (1.0 - p * p - q * q) / (s2 * s2)
    growth = 0.0
    if lit:
        if thrust[0] > 0:
            radial, across, normal = radial + x[6], across + x[7], normal + x[8]
        else:
            # rows of the local axes, the transpose of those that carry local to inertial
            radial += ((1 + q * q - p * p) * c + 2 * p * q * s) / s2 * x[6]
            radial += ((1 - q * q + p * p) * s + 2 * p * q * c) / s2 * x[7] + 2 * z / s2 * x[8]
            across += (2 * p * q * c - (1 + q * q - p * p) * s) / s2 * x[6]
            across += ((1 - q * q + p * p) * c - 2 * p * q * s) / s2 * x[7] + 2 * (q * c + p * s) / s2 * x[8]
            normal += (2 * p * x[6] - 2 * q * x[7] + (1 - p * p - q * q) * x[8]) / s2
        if thrust[1] > 0:
            growth = math.sqrt(x[6] * x[6] + x[7] * x[7] + x[8] * x[8]) / thrust[1]
    out[0] = 2.0 * a * a * ((k * s - h * c) * radial + w * across) / momentum
    out[1] = (parameter * s * radial + ((parameter + r) * c + r * k) * across - r * h * z * normal) / momentum
    out[2] = (-parameter * c * radial + ((parameter + r) * s + r * h) * across + r * k * z * normal) / momentum
    out[3] = 0.5 * r * s2 * s * normal / momentum
    out[4] = 0.5 * r * s2 * c * normal / momentum
    out[5] = momentum / (r * r) + r * z * normal / momentum
    out[6], out[7], out[8] = growth * x[6], growth * x[7], growth * x[8]


@compiled
def _leap(x: Array, span: float, thrust: Array, lit: bool, work: Array) -> None:
    """One Runge-Kutta step of fourth order, in place."""
    rates(x, thrust, lit, work[0])
    for stage in range(1, 4):
        share = span if stage == 3 else 0.5 * span
        for i in range(SIZE):
            work[4, i] = x[i] + share * work[stage - 1, i]
        rates(work[4], thrust, lit, work[stage])
    for i in range(SIZE):
        x[i] += span / 6.0 * (work[0, i] + 2.0 * (work[1, i] + work[2, i]) + work[3, i])


@compiled
def advance(x: Array, t: float, end: float, switches: Array, thrust: Array, step: float) -> None:
    """State `x` from `t` to `end`, in place, in steps that stop exactly at ignition and cut-off."""
    work = np.empty((5, SIZE))
    way = 1.0 if end >= t else -1.0
    while way * (end - t) > 1e-9:
        target = t + way * step
        if way * (target - end) > 0:
            target = end
        for k in range(2):
            if way * (switches[k] - t) > 1e-9 and way * (switches[k] - target) < 0:
                target = switches[k]
        middle = 0.5 * (t + target)
        _leap(x, target - t, thrust, switches[0] <= middle < switches[1], work)
        t = target


@compiled
def transition(x: Array, t: float, end: float, switches: Array, thrust: Array, step: float, matrix: Array) -> Array:
    """The state at `end`, and in `matrix` its derivatives by the state at `t`, by differences."""
    reached = x.copy()
    advance(reached, t, end, switches, thrust, step)
    for c in range(SIZE):
        moved = x.copy()
        moved[c] += _STEPS[c]
        advance(moved, t, end, switches, thrust, step)
        for i in range(SIZE):
            matrix[i, c] = (moved[i] - reached[i]) / _STEPS[c]
    return reached


@compiled
def path(x: Array, legs: Array, travel: bool, row: Array, work: Array) -> float:
    """Up leg plus down leg, m, to the satellite of state `x`; derivatives by its elements in `row` (6)."""
    a, k, h, p, q = x[0], x[1], x[2], x[3], x[4]
    c, s = math.cos(x[5]), math.sin(x[5])
    parameter = a * (1.0 - k * k - h * h)
    w = 1.0 + k * c + h * s
    r, s2 = parameter / w, 1.0 + p * p + q * q
    radial, across, normal, place, line = work[0], work[1], work[2], work[3], work[4]
    radial[0] = ((1 + q * q - p * p) * c + 2 * p * q * s) / s2
    radial[1] = ((1 - q * q + p * p) * s + 2 * p * q * c) / s2
    radial[2] = 2 * (q * s - p * c) / s2
    across[0] = (2 * p * q * c - (1 + q * q - p * p) * s) / s2
    across[1] = ((1 - q * q + p * p) * c - 2 * p * q * s) / s2
    across[2] = 2 * (q * c + p * s) / s2
    normal[0], normal[1], normal[2] = 2 * p / s2, -2 * q / s2, (1 - p * p - q * q) / s2
    speed = math.sqrt(_MU / parameter)
    late, down, up = 0.0, 0.0, 0.0
    for _ in range(3 if travel else 1):
        down = 0.0
        for i in range(3):
            velocity = speed * ((k * s - h * c) * radial[i] + w * across[i])
            # thrust and oblateness move the satellite by millimetres in the light time
            place[i] = (r - 0.5 * late * late * _MU / (r * r)) * radial[i] - late * velocity
            down += (place[i] - legs[1, i]) ** 2
        down = math.sqrt(down)
        if travel:
            late = down / _C
    for i in range(3):
        line[i] = (place[i] - legs[1, i]) / down
    up = down
    for _ in range(2 if travel else 1):
        shift = -(down + up) / _C if travel else 0.0
        total = 0.0
        for i in range(3):
            station = legs[0, i] + shift * legs[0, 3 + i]
            if i < 2:
                station -= 0.5 * shift * shift * _EARTH_RATE_SQUARED * legs[0, i]
            work[5, i] = place[i] - station
            total += work[5, i] ** 2
        up = math.sqrt(total)
    along_r, along_s, along_w = 0.0, 0.0, 0.0
    for i in range(3):
        sight = line[i] + work[5, i] / up
        along_r += sight * radial[i]
        along_s += sight * across[i]
        along_w += sight * normal[i]
    row[0] = r / a * along_r
    row[1] = -(2.0 * a * k + r * c) / w * along_r
    row[2] = -(2.0 * a * h + r * s) / w * along_r
    row[3] = -2.0 * r / s2 * (q * along_s + c * along_w)
    row[4] = 2.0 * r / s2 * (p * along_s + s * along_w)
    row[5] = r * (k * s - h * c) / w * along_r + r * along_s
    return up + down


@compiled
def spread(root: Array, noise: float) -> None:
    """Square root (lower triangle) of root rootT with the variance `noise` squared added to each thrust component, in place: reflections of its rows."""
    wide = np.zeros((SIZE, SIZE + 3))
    wide[:, :SIZE] = root
    for c in range(3):
        wide[6 + c, SIZE + c] = noise
    for i in range(SIZE):
        below = 0.0
        for j in range(i + 1, SIZE + 3):
            below += wide[i, j] * wide[i, j]
        head = wide[i, i]
        norm = math.sqrt(below + head * head)
        if below > 0.0:
            pivot = -norm if head > 0 else norm
            first = head - pivot
            half = below + first * first
            for k in range(i + 1, SIZE):
                along = first * wide[k, i]
                for j in range(i + 1, SIZE + 3):
                    along += wide[i, j] * wide[k, j]
                share = 2.0 * along / half
                wide[k, i] -= share * first
                for j in range(i + 1, SIZE + 3):
                    wide[k, j] -= share * wide[i, j]
            wide[i, i] = pivot
        for j in range(i + 1, SIZE):
            wide[i, j] = 0.0
    root[:] = wide[:, :SIZE]


@compiled
def follow(
    x: Array,
    root: Array,
    now: float,
    tags: Array,
    legs: Array,
    interval: Array,
    measured: Array,
    sigma: Array,
    group: Integers,
    switches: Array,
    thrust: Array,
    settings: Array,
    log: tuple[Array, Array, Integers, Array, Array, Array, Array, Array],
) -> float:
    """Counts in order of their groups (same start and stop), each correcting the state at its start; returns the time of the state reached.

    settings: 1 where light takes its time, gate (sigmas), thrust noise (m/s2 per root second), step (s), level of unmodelled
    residuals (m/s, in and out; 0: none). log: innovation, variance, accepted; by group: state and root corrected at the start,
    transition to the stop, state and root at the stop.
    """
    innovations, variances, accepted, states, roots, matrices, reached, reached_roots = log
    begin_row, end_row, row = np.zeros(6), np.zeros(6), np.zeros(SIZE)
    geometry, work, matrix = np.zeros((6, 3)), np.empty(SIZE), np.empty((SIZE, SIZE))
    travel = settings[0] > 0
    n, total, number = 0, len(measured), 0
    while n < total:
        start, stop = tags[n, 0], tags[n, 1]
        if abs(start - now) > 1e-9:
            moved = transition(x, now, start, switches, thrust, settings[3], matrix)
            x[:] = moved
            root[:] = matrix @ root
            burning = min(start, switches[1]) - max(now, switches[0])
            if burning > 0 and start > now:
                spread(root, settings[2] * math.sqrt(burning))
            now = start
        end_state = transition(x, start, stop, switches, thrust, settings[3], matrix)
        shift = np.zeros(SIZE)
        first = n
        while n < total and group[n] == group[first]:
            last = path(end_state, legs[n, 1], travel, end_row, geometry)
            share = 0.5 if interval[n] == 0 else 0.5 / interval[n]
            value = last
            for c in range(SIZE):
                row[c] = 0.0
                for i in range(6):
                    row[c] += share * end_row[i] * matrix[i, c]
            if interval[n] > 0:
                value -= path(x, legs[n, 0], travel, begin_row, geometry)
                for c in range(6):
                    row[c] -= share * begin_row[c]
            innovation = measured[n] - share * value
            for c in range(SIZE):
                innovation -= row[c] * shift[c]
            own = innovation_variance(root, row)
            level = max(sigma[n] ** 2, settings[4] ** 2)
            innovations[n], variances[n] = innovation, own + level
            tame = innovation * innovation <= settings[1] ** 2 * (own + level)
            # before ignition the paper predicts only
            accepted[n] = 1 if tame and start >= switches[0] - 1e-9 else 0
            if accepted[n] == 1:
                absorb(root, shift, row, innovation, level, work)
                if settings[4] > 0.0 and interval[n] > 0:
                    excess = max(innovation * innovation - own - sigma[n] ** 2, 0.0)
                    settings[4] = math.sqrt(0.98 * settings[4] ** 2 + 0.02 * excess)
            n += 1
        for i in range(SIZE):
            x[i] += shift[i]
        states[number], roots[number], matrices[number] = x, root, matrix
        reached[number] = x
        advance(reached[number], start, stop, switches, thrust, settings[3])
        reached_roots[number] = matrix @ root
        number += 1
        # mostly the next count starts where this one stops
        x[:], root[:] = reached[number - 1], reached_roots[number - 1]
        burning = min(stop, switches[1]) - max(start, switches[0])
        if burning > 0:
            spread(root, settings[2] * math.sqrt(burning))
        now = stop
    return now
