"""Air that a sinking satellite meets: a table of densities with the least and the greatest over the day, and how it follows Sun and Earth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from orbit_aux.errors import OrbitError
from orbit_aux.motion.atmosphere import harris_priester
from orbit_aux.tables import read_rows

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Air:
    """Rows of height (m), logarithms of the least and the greatest density (kg/m3); linear between them, the last pieces go on outside."""

    name: str
    table: Array
    follows_activity: bool = False
    """Whether density changes with F10.7 and Ap by the law of Street and Panwar; the table then stands for 150 and 15."""
    bulge_exponent: float = 4.0
    """Of the cosine of half the angle to the bulge: 2 near the equator to 6 over the poles."""
    turns: bool = True
    """Whether it turns with the Earth."""
    flattened: bool = True
    """Whether heights count over the ellipsoid, else over a sphere of its equatorial radius."""

    def __post_init__(self) -> None:
        table = np.ascontiguousarray(self.table, dtype=np.float64)
        if table.ndim != 2 or table.shape[1] != 3 or len(table) < 2 or not np.isfinite(table).all():
            raise OrbitError(f"air {self.name}: give two or more heights in m with densities above 0 kg/m3")
        if not (np.diff(table[:, 0]) > 0).all() or (table[:, 1] > table[:, 2] + 1e-12).any():
            raise OrbitError(
                f"air {self.name}: heights must increase and the greatest density be no less than the least"
            )
        if table[0, 0] < 0 or table[-1, 0] < 2e4 or table[:, 2].max() > 1.0:  # logarithm: twice the air of the ground
            raise OrbitError(
                f"air {self.name}: heights {table[0, 0]:g} to {table[-1, 0]:g}, densities to {np.exp(table[:, 2].max()):.3g} "
                "are not in m and kg/m3: correct them"
            )
        object.__setattr__(self, "table", table)


def harris_priester_air(bulge_exponent: float = 4.0) -> Air:
    """Harris and Priester's table, 100 to 1000 km, with activity."""
    return Air("Harris-Priester", harris_priester(), True, bulge_exponent)


def exponential_air(density_kgm3: float, height_m: float, scale_height_m: float) -> Air:
    """Density that falls by e every `scale_height_m` (m), `density_kgm3` at `height_m`, the same day and night."""
    if not (0 < density_kgm3 < 2 and 0 <= height_m <= 3e6 and 1e3 <= scale_height_m <= 1e6):
        raise OrbitError(
            f"air of {density_kgm3} kg/m3 at {height_m} m with a scale height of {scale_height_m} m: give kg/m3, and a scale height of 1e3 to 1e6 m"
        )
    heights = np.array([0.0, 1e6])
    logarithm = np.log(density_kgm3) - (heights - height_m) / scale_height_m
    name = f"exponential, {density_kgm3:g} kg/m3 at {height_m / 1e3:g} km, scale height {scale_height_m / 1e3:g} km"
    return Air(name, np.stack([heights, logarithm, logarithm], axis=1))


def constant_air(density_kgm3: float) -> Air:
    """The same density everywhere."""
    if not 0 < density_kgm3 < 1e-3:
        raise OrbitError(f"air of {density_kgm3} kg/m3: give a density above 0 and below 1e-3 kg/m3")
    logarithm = np.full(2, np.log(density_kgm3))
    return Air(f"constant, {density_kgm3:g} kg/m3", np.stack([np.array([0.0, 1e6]), logarithm, logarithm], axis=1))


def read_air(path: str | Path) -> Air:
    """Air from a CSV file with the columns height_m, density_kgm3 (the least over the day) and, if there is one, greatest_kgm3."""
    file = Path(path)
    rows = read_rows(file, ("height_m", "density_kgm3"), "densities", " and greatest_kgm3")
    try:
        values = [
            (float(row["height_m"]), float(row["density_kgm3"]), float(row.get("greatest_kgm3") or row["density_kgm3"]))
            for row in rows
        ]
    except (ValueError, TypeError) as error:
        raise OrbitError(f"{file}: not a table of densities ({error}); its columns are height_m,density_kgm3") from None
    table = np.array(values).reshape(-1, 3)
    if not (table[:, 1:] > 0).all():
        raise OrbitError(f"{file}: densities must lie above 0 kg/m3: correct it")
    return Air(f"table {file.name}", np.stack([table[:, 0], np.log(table[:, 1]), np.log(table[:, 2])], axis=1))
