"""Horizons of stations: the least elevation in each azimuth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from orbit_aux.errors import OrbitError
from orbit_aux.events.ground_view import Ground, refraction_rad, sight, sine_of_elevation
from orbit_aux.frames import State
from orbit_aux.tables import read_rows

Array = NDArray[np.float64]
Rows = NDArray[np.intp]

COLUMNS = ("station", "azimuth_deg", "elevation_deg")
_AZIMUTHS_DEG = (-180.0, 360.0)
_ELEVATIONS_DEG = (-10.0, 90.0)
_TURN_RAD = 2.0 * np.pi


@dataclass(frozen=True, eq=False)
class Masks:
    """Per station its azimuths (rad, 0 to 2 pi, increasing) and the elevations (rad) there; linear between them, around the circle."""

    tables: dict[str, tuple[Array, Array]]
    source: str

    def of(self, station: str) -> tuple[Array, Array]:
        """The table of a station; one without is refused."""
        if station not in self.tables:
            known = ", ".join(sorted(self.tables))
            raise OrbitError(f"station {station!r} has no mask in {self.source} (it has {known}): add its lines")
        return self.tables[station]


def read_masks(path: str | Path) -> Masks:
    """Masks of a CSV file with the columns station, azimuth_deg (from north over east) and elevation_deg, in any order of lines."""
    file = Path(path)
    points: dict[str, dict[float, float]] = {}
    for row in read_rows(file, COLUMNS, "masks"):
        name, azimuth, elevation = _point(file, row)
        known = points.setdefault(name, {}).setdefault(azimuth % 360.0, elevation)
        if known != elevation:
            raise OrbitError(
                f"{file}: station {name!r} has elevations {known:g} and {elevation:g} deg at azimuth {azimuth:g} deg; keep one"
            )
    if not points:
        raise OrbitError(f"{file}: holds no mask; give lines of {','.join(COLUMNS)}")
    tables = {name: np.radians(np.array(sorted(table.items()))).T for name, table in points.items()}
    return Masks({name: (azimuths, elevations) for name, (azimuths, elevations) in tables.items()}, str(file))


@dataclass(frozen=True, eq=False)
class Horizon:
    """The horizons of points of the ground: lowest elevations (rad), and tables where the elevation depends on the azimuth."""

    ground: Ground
    floors: Array
    tables: tuple[tuple[Array, Array], ...]
    refraction: bool
    light_time: bool

    def over_floor(self, fixed: State, rows: Rows) -> Array:
        """Sine of the elevation of ITRF states (n) over the points number `rows` (n) minus that of the lowest elevation of the mask."""
        if not self.refraction:
            return sine_of_elevation(self.ground, fixed, rows, light_time=self.light_time) - np.sin(self.floors[rows])
        return self._over(fixed, rows, lambda _: self.floors[rows])

    def over_mask(self, fixed: State, rows: Rows) -> Array:
        """As `over_floor`, with the mask's elevation in the azimuth of the satellite."""
        if not self.tables:
            return self.over_floor(fixed, rows)
        return self._over(fixed, rows, lambda azimuth_rad: self._elevations(azimuth_rad, rows))

    def _over(self, fixed: State, rows: Rows, limit: Callable[[Array], Array]) -> Array:
        seen = sight(self.ground, fixed, rows, light_time=self.light_time)
        elevation = seen.elevation_rad + (refraction_rad(seen.elevation_rad) if self.refraction else 0.0)
        return np.asarray(np.sin(elevation) - np.sin(limit(seen.azimuth_rad)))

    def _elevations(self, azimuth_rad: Array, rows: Rows) -> Array:
        elevation = np.empty(len(rows))
        for row in np.unique(rows):
            mine = rows == row
            azimuths, elevations = self.tables[row]
            elevation[mine] = np.interp(azimuth_rad[mine], azimuths, elevations, period=_TURN_RAD)
        return elevation


def horizon_of(ground: Ground, mask_deg: float | Masks, *, refraction: bool, light_time: bool) -> Horizon:
    """The horizons of points under one elevation, or under masks of which each point has one."""
    if isinstance(mask_deg, Masks):
        tables = tuple(mask_deg.of(name) for name in ground.names)
        return Horizon(ground, np.array([table[1].min() for table in tables]), tables, refraction, light_time)
    if not _ELEVATIONS_DEG[0] <= mask_deg < _ELEVATIONS_DEG[1]:
        raise OrbitError(f"mask of {mask_deg} deg: give an elevation of -10 to 90 deg")
    return Horizon(ground, np.full(len(ground.names), np.radians(mask_deg)), (), refraction, light_time)


def _point(file: Path, row: dict[str, str]) -> tuple[str, float, float]:
    name = (row["station"] or "").strip()
    try:
        azimuth, elevation = float(row["azimuth_deg"]), float(row["elevation_deg"])
    except (TypeError, ValueError):
        raise OrbitError(
            f"{file}: mask of station {name!r} has a value that is no number ({row}); correct it"
        ) from None
    low, high = _AZIMUTHS_DEG
    lowest, highest = _ELEVATIONS_DEG
    if not (name and low <= azimuth <= high and lowest <= elevation <= highest):
        raise OrbitError(
            f"{file}: mask of station {name!r} has azimuth {azimuth:g} and elevation {elevation:g} deg; "
            f"give a name, {low:g} to {high:g} and {lowest:g} to {highest:g} deg"
        )
    return name, azimuth, elevation
