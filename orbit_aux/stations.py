"""Tracking stations: their names and places, from a table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from orbit_aux.errors import OrbitError
from orbit_aux.frames import from_geodetic, transform
from orbit_aux.tables import read_rows
from orbit_aux.time import Times

COLUMNS = ("name", "lat_deg", "lon_deg", "height_m")
# deepest and highest dry land, widened: beyond, the unit or the column is wrong
_HEIGHTS_M = (-500.0, 9_000.0)


@dataclass(frozen=True, eq=False)
class Stations:
    """n stations on the WGS84 ellipsoid: names, and `position_itrf_m` of shape (n, 3)."""

    names: tuple[str, ...]
    position_itrf_m: NDArray[np.float64]
    source: str

    def number(self, name: str) -> int:
        """Row of the station `name`; an unknown one is refused with those that are known."""
        try:
            return self.names.index(name)
        except ValueError:
            known = ", ".join(self.names)
            raise OrbitError(f"station {name!r} is not in {self.source} (it has {known}): add its line") from None

    def gcrf(self, times: Times) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Positions (m) and velocities (m/s) of all stations in GCRF at `times`, each of shape (n, times, 3)."""
        n, m = len(self.names), len(times)
        everywhere = Times(np.tile(times.tai_ns, n))
        places = np.repeat(self.position_itrf_m, m, axis=0)
        position, velocity = transform(everywhere, places, np.zeros_like(places), "ITRF", "GCRF")
        return position.reshape(n, m, 3), velocity.reshape(n, m, 3)


def read_stations(path: str | Path, what: str = "station") -> Stations:
    """The stations (or `what` else stands on the ground) of a CSV file with the columns name, lat_deg, lon_deg (east) and height_m (WGS84)."""
    file = Path(path)
    places = [_place(file, row, what) for row in read_rows(file, COLUMNS, f"{what}s")]
    names = tuple(name for name, _ in places)
    repeated = sorted({name for name in names if names.count(name) > 1})
    if not names or repeated:
        raise OrbitError(f"{file}: {'repeats ' + ', '.join(repeated) if repeated else f'holds no {what}'}; correct it")
    return Stations(names, np.stack([place for _, place in places]), str(file))


def _place(file: Path, row: dict[str, str], what: str) -> tuple[str, NDArray[np.float64]]:
    name = (row["name"] or "").strip()
    try:
        latitude, longitude, height = (float(row[column]) for column in COLUMNS[1:])
    except (TypeError, ValueError):
        raise OrbitError(f"{file}: {what} {name!r} has a value that is no number ({row}); correct it") from None
    low, high = _HEIGHTS_M
    if not (name and abs(latitude) <= 90 and -180 <= longitude <= 360 and low <= height <= high):
        raise OrbitError(
            f"{file}: {what} {name!r} at {latitude} deg, {longitude} deg, {height} m is nowhere on Earth; "
            "correct its name, degrees or metres"
        )
    return name, from_geodetic(np.radians(longitude), np.radians(latitude), height)
