"""Solar and geomagnetic activity: a dated table, or one value for all times."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from orbit_aux.errors import OrbitError
from orbit_aux.tables import read_rows
from orbit_aux.time import Times

COLUMNS = ("utc", "f107", "ap")


@dataclass(frozen=True, eq=False)
class SpaceWeather:
    """Flux at 10.7 cm (1e-22 W/m2/Hz) and planetary Ap at `times`; linear between them, the first and the last value hold outside."""

    times: Times
    f107: NDArray[np.float64]
    ap: NDArray[np.float64]
    source: str

    def __post_init__(self) -> None:
        count = len(self.times)
        good = (self.f107 >= 50) & (self.f107 <= 500) & (self.ap >= 0) & (self.ap <= 500)
        if not (len(self.f107) == len(self.ap) == count > 0 and good.all() and (np.diff(self.times.tai_ns) > 0).all()):
            raise OrbitError(
                f"{self.source}: activity wants increasing dates, F10.7 of 50 to 500 and Ap of 0 to 500: correct it"
            )

    def at(self, times: Times) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """F10.7 and Ap at `times`."""
        days = (times.tai_ns - self.times.tai_ns[0]) * 1e-9
        nodes = self.times - self.times[0]
        return np.interp(days, nodes, self.f107), np.interp(days, nodes, self.ap)


def constant_space_weather(f107: float = 150.0, ap: float = 15.0) -> SpaceWeather:
    """The same activity at all times; F10.7 150 and Ap 15 are what the table of Harris and Priester stands for."""
    epoch = Times.from_utc("2000-01-01T00:00:00")
    return SpaceWeather(epoch, np.array([f107]), np.array([ap]), f"constant F10.7 {f107:g}, Ap {ap:g}")


def read_space_weather(path: str | Path) -> SpaceWeather:
    """Activity from a CSV file with the columns utc, f107, ap."""
    file = Path(path)
    rows = read_rows(file, COLUMNS, "activity")
    try:
        values = np.array([(float(row["f107"]), float(row["ap"])) for row in rows]).reshape(-1, 2)
        times = Times.from_utc([row["utc"].strip() for row in rows])
    except (ValueError, TypeError) as error:
        raise OrbitError(f"{file}: not a table of activity ({error}); its columns are {','.join(COLUMNS)}") from None
    return SpaceWeather(times, values[:, 0], values[:, 1], str(file.name))
