"""Lines of sight of a camera: one direction per column in the body axes, from a table, from angles or from their tangents."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orbit_aux.errors import OrbitError
from orbit_aux.tables import read_rows

Array = NDArray[np.float64]

COLUMNS = ("column", "x", "y", "z")


@dataclass(frozen=True, eq=False)
class LinesOfSight:
    """Unit vectors (n, 3) of increasing `columns` in the body axes: where the camera sees the light come from (apparent direction).

    Vectors of any length are taken, and kept with length 1.
    """

    columns: Array
    directions: Array
    source: str

    def __post_init__(self) -> None:
        columns, directions = np.array(self.columns, dtype=np.float64), np.array(self.directions, dtype=np.float64)
        if columns.ndim != 1 or directions.shape != (len(columns), 3) or len(columns) == 0:
            raise OrbitError(f"{self.source}: directions have shape {directions.shape}, give one row of 3 per column")
        length = np.linalg.norm(directions, axis=1)
        wrong = ~(np.isfinite(length) & (length > 0) & np.isfinite(columns))
        if wrong.any():
            row = int(np.argmax(wrong))
            raise OrbitError(
                f"{self.source}: the line of sight of column {columns[row]:g} is {directions[row]}, no direction; correct it"
            )
        order = np.argsort(columns, kind="stable")
        columns, directions = columns[order], directions[order] / length[order, None]
        if (np.diff(columns) <= 0).any():
            column = columns[1:][np.diff(columns) <= 0][0]
            raise OrbitError(f"{self.source}: column {column:g} stands twice; keep one line of sight for it")
        for name, values in (("columns", columns), ("directions", directions)):
            values.flags.writeable = False
            object.__setattr__(self, name, values)

    def at(self, columns: ArrayLike) -> Array:
        """Unit vectors (n, 3) of `columns` (n,), which may be fractional: linear between neighbours; refused outside the table."""
        wanted = np.asarray(columns, dtype=np.float64)
        outside = ~((wanted >= self.columns[0]) & (wanted <= self.columns[-1]))
        if outside.any():
            raise OrbitError(
                f"column {wanted[outside][0]:g} has no line of sight in {self.source} (it has {self.columns[0]:g} to {self.columns[-1]:g}): "
                "correct the column or complete the table"
            )
        if len(self.columns) == 1:
            return np.repeat(self.directions, len(wanted), axis=0)
        low = np.clip(np.searchsorted(self.columns, wanted, side="right") - 1, 0, len(self.columns) - 2)
        share = (wanted - self.columns[low]) / (self.columns[low + 1] - self.columns[low])
        mixed = (1.0 - share)[:, None] * self.directions[low] + share[:, None] * self.directions[low + 1]
        unit: Array = mixed / np.linalg.norm(mixed, axis=1, keepdims=True)
        return unit


def from_tangents(columns: ArrayLike, tan_x: ArrayLike, tan_y: ArrayLike, source: str) -> LinesOfSight:
    """Lines of sight along (tan ψx, tan ψy, 1): the pairs of a Venµs VIEDIR file, in the axes that they are given in."""
    x, y = np.asarray(tan_x, dtype=np.float64), np.asarray(tan_y, dtype=np.float64)
    vectors = np.stack([x, y, np.ones_like(x)], axis=-1)
    return LinesOfSight(
        np.asarray(columns, dtype=np.float64), vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), source
    )


def from_angles(columns: ArrayLike, psi_x_rad: ArrayLike, psi_y_rad: ArrayLike, source: str) -> LinesOfSight:
    """Lines of sight along (tan ψx, tan ψy, 1) of the angles ψx towards +x and ψy towards +y, rad."""
    return from_tangents(columns, np.tan(psi_x_rad), np.tan(psi_y_rad), source)


def read_lines_of_sight(path: str | Path) -> LinesOfSight:
    """The lines of sight of a CSV file with the columns column, x, y, z (directions in the body axes)."""
    file = Path(path)
    rows = [_row(file, row) for row in read_rows(file, COLUMNS, "lines of sight")]
    if not rows:
        raise OrbitError(f"{file}: holds no line of sight; give one per column of the camera")
    values = np.array(rows)
    return LinesOfSight(values[:, 0], values[:, 1:], str(file))


def _row(file: Path, row: dict[str, str]) -> list[float]:
    try:
        return [float(row[name]) for name in COLUMNS]
    except (TypeError, ValueError):
        told = ",".join(str(row[name]) for name in COLUMNS)
        raise OrbitError(
            f"{file}: the line of sight {told[:100]!r} has a value that is no number; correct it"
        ) from None
