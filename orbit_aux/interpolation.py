"""Interpolation: of ephemeris records, and of slow functions of time that are dear to evaluate."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from orbit_aux.time import Times

Array = NDArray[np.float64]

_POINTS = 8


def on_time_grid(times: Times, function: Callable[[Times], Array], step_s: float) -> Array:
    """Values (n, k) of `function` at `times`, by 8-point Lagrange interpolation between multiples of `step_s` in TAI.

    The nodes depend on the time alone, never on the other times asked for, so a value is the same to the last bit
    however a series is cut into blocks.
    """
    step_ns = round(step_s * 1e9)
    cells, rest_ns = np.divmod(times.tai_ns, step_ns)
    first_nodes = cells - (_POINTS // 2 - 1)
    nodes = np.unique(np.unique(first_nodes)[:, None] + np.arange(_POINTS))
    table = function(Times(nodes * step_ns))
    first = np.searchsorted(nodes, first_nodes)
    weights = _lagrange_weights(rest_ns / step_ns)
    values = weights[0][:, None] * table[first]
    for number in range(1, _POINTS):
        values += weights[number][:, None] * table[first + number]
    return values


def _lagrange_weights(fraction: Array) -> list[Array]:
    offsets = np.arange(_POINTS) - (_POINTS // 2 - 1)
    weights = []
    for own in offsets:
        others = offsets[offsets != own]
        weights.append(np.prod(fraction - others[:, None], axis=0) / np.prod(own - others))
    return weights


def lagrange_at_zero(nodes_s: Array, position: Array, velocity: Array) -> tuple[Array, Array]:
    """Position and velocity (q, 3) at time 0, each by Lagrange interpolation of records (q, n, 3) at `nodes_s` (q, n)."""
    value, _, _ = _lagrange(nodes_s)
    return np.einsum("qn,qnk->qk", value, position), np.einsum("qn,qnk->qk", value, velocity)


def hermite_at_zero(nodes_s: Array, position: Array, velocity: Array) -> tuple[Array, Array]:
    """Position and velocity (q, 3) at time 0 of the polynomials through records (q, n, 3) with their velocities.

    The velocity is the derivative of the position's polynomial.
    """
    value, slope, at_node = _lagrange(nodes_s)
    square, square_rate = value**2, 2.0 * value * slope
    tilt = 1.0 + 2.0 * at_node * nodes_s
    by_position, by_velocity = tilt * square, -nodes_s * square
    rate_position = -2.0 * at_node * square + tilt * square_rate
    rate_velocity = square - nodes_s * square_rate
    return (
        np.einsum("qn,qnk->qk", by_position, position) + np.einsum("qn,qnk->qk", by_velocity, velocity),
        np.einsum("qn,qnk->qk", rate_position, position) + np.einsum("qn,qnk->qk", rate_velocity, velocity),
    )


def _lagrange(
    nodes_s: Array,
) -> tuple[Array, Array, Array]:
    """Lagrange polynomials at 0: their values and slopes there, and the slope of each at its own node; all (q, n)."""
    count = nodes_s.shape[1]
    value, slope, at_node = np.ones_like(nodes_s), np.zeros_like(nodes_s), np.zeros_like(nodes_s)
    for own in range(count):
        for other in range(count):
            if other != own:
                inverse = 1.0 / (nodes_s[:, own] - nodes_s[:, other])
                # product rule, one factor at a time: stays exact where 0 is a node
                slope[:, own] = inverse * (value[:, own] - nodes_s[:, other] * slope[:, own])
                value[:, own] *= -nodes_s[:, other] * inverse
                at_node[:, own] += inverse
    return value, slope, at_node
