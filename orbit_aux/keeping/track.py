"""The ground track of a repeat orbit against its grid: from mean elements, and how it drifts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orbit_aux.constants import EARTH_RADIUS_M, EARTH_ROTATION_RATE_RADS
from orbit_aux.elements import short_angle
from orbit_aux.errors import OrbitError
from orbit_aux.keeping.mean_motion import ELEMENTS, MeanMotion
from orbit_aux.motion.mean_elements import MeanElements, secular_rates

Array = NDArray[np.float64]

_TURN = 2.0 * np.pi


@dataclass(frozen=True)
class Grid:
    """Ascending nodes of `revolutions` in `days` nodal days; one of them at `longitude_rad`."""

    revolutions: int
    days: int
    longitude_rad: float

    def __post_init__(self) -> None:
        if not (0 < self.days <= 400 and 10 * self.days <= self.revolutions <= 17 * self.days):
            raise OrbitError(
                f"{self.revolutions} revolutions in {self.days} days: give 1 to 400 days and 10 to 17 revolutions a day"
            )
        if np.gcd(self.revolutions, self.days) != 1:
            common = int(np.gcd(self.revolutions, self.days))
            raise OrbitError(
                f"{self.revolutions} revolutions in {self.days} days repeat after {self.days // common}: give them without {common}"
            )


def track_deviation(motion: MeanMotion, mean: MeanElements, grid: Grid) -> Array:
    """Eastward distance (m) of the track from the grid at the ascending node, continuous from the first time on.

    x = (Re / N) (D (u - 2 e sin omega) + N lambda - N lambda_0), as omega + M is 2 e sin omega where the node is crossed.
    """
    phase = grid.days * (mean.latitude_argument_rad - 2.0 * mean.eccentricity_y) + grid.revolutions * (
        motion.node_longitude(mean) - grid.longitude_rad
    )
    return EARTH_RADIUS_M / grid.revolutions * (short_angle(phase[:1]) + phase - phase[:1])


def node_grid_longitude(motion: MeanMotion, mean: MeanElements, revolutions: int, days: int) -> float:
    """Longitude (rad) of a node of the grid that runs through one mean state."""
    through = Grid(revolutions, days, 0.0)
    deviation = float(track_deviation(motion, mean, through)[0])
    return float(np.mod(deviation / EARTH_RADIUS_M, _TURN / revolutions))


def drift_by(mean: MeanElements, grid: Grid, j4: float | None = None) -> tuple[float, float, float]:
    """Eastward drift (m/s) of the track by the zonal terms alone, and its derivatives by semi-major axis (1/s; -K of the laws) and inclination (m/s/rad)."""
    steps = (0.0, 0.0), (1.0, 0.0), (-1.0, 0.0), (0.0, 1e-5), (0.0, -1e-5)
    a, x, y, i, node, u = (float(getattr(mean, name)[0]) for name in ELEMENTS)
    moved = MeanElements(
        mean.times[np.zeros(5, dtype=int)],
        np.array([a + step[0] for step in steps]),
        np.full(5, x),
        np.full(5, y),
        np.array([i + step[1] for step in steps]),
        np.full(5, node),
        np.full(5, u),
    )
    node_rate, _, rate = secular_rates(moved, j4)
    speed = (
        EARTH_RADIUS_M
        / grid.revolutions
        * (grid.days * rate + grid.revolutions * (node_rate - EARTH_ROTATION_RATE_RADS))
    )
    return float(speed[0]), float(speed[1] - speed[2]) / 2.0, float(speed[3] - speed[4]) / 2e-5
