"""Least squares kept as a triangle: rows are absorbed by reflections, columns that rows do not touch cost nothing."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from orbit_aux.compiled import compiled_fast

Array = NDArray[np.float64]

_ROWS_AT_ONCE = 256


@compiled_fast
def absorb(triangle: Array, columns: Array) -> float:
    """Turns rows, given as `columns` (n + 1, rows; spoilt), into `triangle` (n, n + 1), right side last; what no unknown explains is its return, squared.

    Householder reflections of one row of the triangle with all rows at once. LAPACK does the same for a whole matrix; here later unknowns of a
    time series are zero in early rows, and threads are not started for matrices of this size.
    """
    size = len(triangle)
    for j in range(size):
        column = columns[j]
        squares = 0.0
        for i in range(len(column)):
            squares += column[i] * column[i]
        if squares == 0.0:
            continue
        corner = triangle[j, j]
        length = math.sqrt(corner * corner + squares)
        turned = -length if corner > 0.0 else length
        lead = corner - turned
        factor = 1.0 / (length * (length + abs(corner)))
        for other in range(j + 1, size + 1):
            target = columns[other]
            product = lead * triangle[j, other]
            for i in range(len(column)):
                product += column[i] * target[i]
            product *= factor
            if product != 0.0:
                triangle[j, other] -= product * lead
                for i in range(len(column)):
                    target[i] -= product * column[i]
        triangle[j, j] = turned
    rest = 0.0
    for i in range(columns.shape[1]):
        rest += columns[size, i] * columns[size, i]
    return rest


@compiled_fast
def inverse(triangle: Array, size: int) -> Array:
    """Inverse of the upper triangle of the first `size` columns."""
    result = np.zeros((size, size))
    for j in range(size):
        result[j, j] = 1.0 / triangle[j, j]
        for i in range(j - 1, -1, -1):
            total = 0.0
            for k in range(i + 1, j + 1):
                total += triangle[i, k] * result[k, j]
            result[i, j] = -total / triangle[i, i]
    return result


def triangle_of(rows: Array, right: Array, start: Array | None = None) -> tuple[Array, float]:
    """Triangle (n, n + 1) of equations `rows` x = `right`, beginning with another one, and the squared length left over."""
    size = rows.shape[1]
    triangle = np.zeros((size, size + 1)) if start is None else start.copy()
    rest = 0.0
    for first in range(0, len(rows), _ROWS_AT_ONCE):
        block = slice(first, first + _ROWS_AT_ONCE)
        columns = np.ascontiguousarray(np.concatenate([rows[block].T, right[None, block]]))
        rest += absorb(triangle, columns)
    return triangle, rest
