"""Integration of a low orbit and its partials in fixed steps, as machine code."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from orbit_aux.compiled import compiled
from orbit_aux.motion.force_kernel import (
    AXES,
    COLUMN,
    COMPONENT,
    FIRST,
    FORCE,
    GCRF,
    IMPULSE,
    KIND,
    LOWEST,
    OWNER,
    SWITCH,
    accelerate,
    local_axes,
)

Array = NDArray[np.float64]


@compiled
def _turning(state: Array, axes: Array, row: NDArray[np.int64], i: int) -> float:
    """Rate (1/s) of component `i` of a local axis: in the plane they turn with the satellite (TNW nearly so)."""
    component = row[COMPONENT]
    if row[AXES] == GCRF or component == 2:
        return 0.0
    squared = state[0] ** 2 + state[1] ** 2 + state[2] ** 2
    spin = 0.0
    for k in range(3):
        j, m = (k + 1) % 3, (k + 2) % 3
        spin += axes[2, k] * (state[j] * state[3 + m] - state[m] * state[3 + j])
    return float(spin / squared * (axes[1, i] if component == 0 else -axes[0, i]))


@compiled
def _jump(
    step: int, state: Array, partials: Array, layout: NDArray[np.int64], values: Array, row: Array, work: Array
) -> None:
    """Impulses at the beginning of `step`, and what a later switch of a thrust would change."""
    axes = work[13:16]
    for number in range(len(values)):
        kind, column = layout[number, KIND], layout[number, COLUMN]
        if layout[number, FIRST] != step or kind < IMPULSE:
            continue
        if kind == IMPULSE:
            # all components of one impulse act along the axes of the velocity before it
            local_axes(state[:3], work[16], layout[number, AXES], axes)
            for i in range(3):
                direction = axes[layout[number, COMPONENT], i]
                state[3 + i] += values[number] * direction
                if column >= 0:
                    partials[3 + i, column] += direction
        elif column >= 0:
            side = layout[number, COMPONENT]
            for other in range(len(values)):
                kind_other = layout[other, KIND]
                if layout[other, OWNER] != layout[number, OWNER] or kind_other != (IMPULSE if side == 0 else FORCE):
                    continue
                velocity = work[16] if side == 0 else state[3:]
                local_axes(state[:3], velocity, layout[other, AXES], axes)
                for i in range(3):
                    direction = axes[layout[other, COMPONENT], i]
                    if side == 0:
                        # a later impulse leaves the old velocity for longer, and its axes have turned on
                        partials[i, column] -= values[other] * direction
                        partials[3 + i, column] += values[other] * _turning(state, axes, layout[other], i)
                    else:
                        # a later ignition takes thrust away, a later cut-off adds some
                        partials[3 + i, column] += side * values[other] * row[15] * direction


@compiled
def integrate(  # noqa: C901, PLR0913 - one loop body: calls between compiled functions cost more than they clear
    first: int,
    last: int,
    state: Array,
    partials: Array,
    lengths: Array,
    environment: Array,
    coefficients: Array,
    weights: Array,
    layout: NDArray[np.int64],
    values: Array,
    settings: Array,
    gravity: tuple[Array, Array, Array, Array],
    atmosphere: Array,
    states: Array,
    slopes: Array,
) -> int:
    """Steps `first` to `last` (not included) of Dormand and Prince's order 8 (12 stages); `state` (6) and `partials` (6, columns) are moved along.

    `states` (steps, 2, 9) and `slopes` (steps, 2, 9, columns) receive position, velocity, acceleration at both ends of each step, under that step's forces.
    Gives the step in which the satellite fell below the lowest radius or left the numbers, `last` if none.
    """
    columns, count, stages = partials.shape[1], len(values), len(weights)
    with_partials = columns > 0
    rates, rates_partial = np.zeros((stages, 6)), np.zeros((stages, 6, columns))
    inner, inner_partial = np.zeros(6), np.zeros((6, columns))
    total, by_position, by_velocity = np.zeros(3), np.zeros((3, 3)), np.zeros((3, 3))
    basis, work = np.zeros((count, 3)), np.zeros((18, 3))
    lowest2 = settings[LOWEST] ** 2
    for step in range(first, last):
        work[16] = state[3:]
        _jump(step, state, partials, layout, values, environment[step, 0], work)
        length = lengths[step]
        for stage in range(stages + 1):
            final = stage == stages
            for i in range(6):
                move = 0.0
                for j in range(stage):
                    move += (weights[j] if final else coefficients[stage, j]) * rates[j, i]
                inner[i] = state[i] + length * move
            if not (inner[0] ** 2 + inner[1] ** 2 + inner[2] ** 2 > lowest2):
                return step
            row = environment[step, min(stage, stages - 1)]
            accelerate(
                inner, step, row, layout, values, settings, gravity, atmosphere, with_partials,
                total, by_position, by_velocity, basis, work,
            )  # fmt: skip
            if with_partials:
                inner_partial[:] = partials
                for j in range(stage):
                    factor = length * (weights[j] if final else coefficients[stage, j])
                    if factor != 0.0:
                        for i in range(6):
                            for c in range(columns):
                                inner_partial[i, c] += factor * rates_partial[j, i, c]
                for i in range(3):
                    target = slopes[step, 1 if final else 0, 6 + i] if final else rates_partial[stage, 3 + i]
                    for c in range(columns):
                        target[c] = (
                            by_position[i, 0] * inner_partial[0, c]
                            + by_position[i, 1] * inner_partial[1, c]
                            + by_position[i, 2] * inner_partial[2, c]
                            + by_velocity[i, 0] * inner_partial[3, c]
                            + by_velocity[i, 1] * inner_partial[4, c]
                            + by_velocity[i, 2] * inner_partial[5, c]
                        )
                    for number in range(count):
                        if layout[number, COLUMN] >= 0 and layout[number, KIND] < IMPULSE:
                            target[layout[number, COLUMN]] += basis[number, i]
            if not final:
                for i in range(3):
                    rates[stage, i] = inner[3 + i]
                    rates[stage, 3 + i] = total[i]
                    if with_partials:
                        rates_partial[stage, i] = inner_partial[3 + i]
            if stage == 0 or final:
                end = 1 if final else 0
                for i in range(6):
                    states[step, end, i] = inner[i]
                    if with_partials:
                        slopes[step, end, i] = inner_partial[i]
                for i in range(3):
                    states[step, end, 6 + i] = total[i]
                    if with_partials and not final:
                        slopes[step, end, 6 + i] = rates_partial[0, 3 + i]
        for i in range(6):
            state[i] = inner[i]
        partials[:] = inner_partial
    return last


@compiled
def quintic(first: Array, second: Array, share: Array, length: Array, place: NDArray[np.int64], values: Array) -> None:
    """Position and velocity (times, 6, columns) in `values` at `share` of the steps `place` of `length` (s) from both ends' (steps, 9, columns)."""
    for k in range(len(share)):
        t, h = share[k], length[k]
        a, b = first[place[k]], second[place[k]]
        u = 1.0 - t
        p0, p1 = u**3 * (1.0 + t * (3.0 + 6.0 * t)), t**3 * (1.0 + u * (3.0 + 6.0 * u))
        v0, v1 = u**3 * t * (1.0 + 3.0 * t) * h, -(t**3) * u * (1.0 + 3.0 * u) * h
        w0, w1 = 0.5 * u**3 * t * t * h * h, 0.5 * t**3 * u * u * h * h
        q = 30.0 * t * t * u * u / h
        r0, r1 = u * u * (1.0 + t * (2.0 - 15.0 * t)), t * t * (1.0 + u * (2.0 - 15.0 * u))
        s0, s1 = 0.5 * u * u * t * (2.0 - 5.0 * t) * h, -0.5 * t * t * u * (2.0 - 5.0 * u) * h
        for i in range(3):
            for c in range(a.shape[1]):
                values[k, i, c] = (
                    p0 * a[i, c]
                    + p1 * b[i, c]
                    + v0 * a[3 + i, c]
                    + v1 * b[3 + i, c]
                    + w0 * a[6 + i, c]
                    + w1 * b[6 + i, c]
                )
                values[k, 3 + i, c] = (
                    q * (b[i, c] - a[i, c]) + r0 * a[3 + i, c] + r1 * b[3 + i, c] + s0 * a[6 + i, c] + s1 * b[6 + i, c]
                )


__all__ = ["SWITCH", "integrate", "quintic"]
