"""Moon, Earth and Sun as Chebyshev polynomials fitted to JPL's DE440, in a table of our own: no kernel is needed at run time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import erfa
import numpy as np
from numpy.typing import NDArray

from orbit_aux.errors import OrbitError
from orbit_aux.time import Times

Array = NDArray[np.float64]

#: what of the system the Moon is: mu of Earth and Moon together over that of the Moon (DE440)
EARTH_MOON_MASS_RATIO = 81.3005682214972154
TABLE = "de440_1980_2052.npz"
SERIES = "analytic series (Moon: Meeus 1998, erfa.moon98; Sun: Moisson & Bretagnon 2001, erfa.epv00)"
BODIES = ("moon", "barycentre", "sun")


@dataclass(frozen=True, eq=False)
class Chebyshev:
    """A vector (m, ICRF axes) over granules of `granule_d` days of TDB from the Julian date `start_jd`: `coefficients` (granules, 3, n)."""

    start_jd: float
    granule_d: float
    coefficients: Array

    @property
    def stop_jd(self) -> float:
        return self.start_jd + self.granule_d * len(self.coefficients)

    def at(self, date: Array, fraction: Array) -> Array:
        """Values (n, 3) at Julian dates of TDB in two parts, inside the span."""
        index = np.floor((date - self.start_jd + fraction) / self.granule_d).astype(np.int64)
        index = np.clip(index, 0, len(self.coefficients) - 1)
        # the difference of days is exact: what is left of the date keeps its nanoseconds
        place = ((date - self.start_jd - index * self.granule_d) + fraction) / self.granule_d * 2.0 - 1.0
        coefficients = self.coefficients[index]
        twice = 2.0 * place[:, None]
        later, last = np.zeros((len(index), 3)), np.zeros((len(index), 3))
        for degree in range(coefficients.shape[2] - 1, 0, -1):
            later, last = coefficients[:, :, degree] + twice * later - last, later
        value: Array = coefficients[:, :, 0] + place[:, None] * later - last
        return value


@dataclass(frozen=True, eq=False)
class EphemerisTable:
    """The Moon from the Earth, the Earth-Moon barycentre and the Sun from the barycentre of the solar system."""

    source: str
    moon: Chebyshev
    barycentre: Chebyshev
    sun: Chebyshev

    def covers(self, times: Times) -> NDArray[np.bool_]:
        """Whether each time lies in the span of all three."""
        date, fraction = times.tt()
        parts = (self.moon, self.barycentre, self.sun)
        first, last = max(part.start_jd for part in parts), min(part.stop_jd for part in parts)
        # a minute for TDB - TT
        inside: NDArray[np.bool_] = (date - first + fraction >= 1e-3) & (date - last + fraction <= -1e-3)
        return inside

    def moon_position(self, times: Times) -> Array:
        """Moon from the centre of the Earth, m, (n, 3)."""
        return self.moon.at(*_tdb(times))

    def earth_position(self, times: Times) -> Array:
        """Earth from the barycentre of the solar system, m, (n, 3)."""
        dates = _tdb(times)
        return self.barycentre.at(*dates) - self.moon.at(*dates) / (1.0 + EARTH_MOON_MASS_RATIO)

    def sun_position(self, times: Times) -> Array:
        """Sun from the barycentre of the solar system, m, (n, 3)."""
        return self.sun.at(*_tdb(times))


@lru_cache(maxsize=1)
def packaged_table() -> EphemerisTable:
    """The table that comes with the package."""
    return read_ephemeris_table(Path(str(files("orbit_aux").joinpath("data", TABLE))))


def read_ephemeris_table(path: Path) -> EphemerisTable:
    """A table as `write_ephemeris_table` wrote it."""
    try:
        with np.load(path, allow_pickle=False) as content:
            spans = {name: content[f"{name}_span"].tolist() for name in BODIES}
            parts = {name: Chebyshev(spans[name][0], spans[name][1], content[name]) for name in BODIES}
            return EphemerisTable(str(content["source"]), **parts)
    except (OSError, KeyError, ValueError) as error:
        raise OrbitError(f"{path}: is no table of Moon, Earth and Sun ({error}); install the package anew") from None


def write_ephemeris_table(path: Path, table: EphemerisTable) -> None:
    """Write a table; the same table gives the same bytes."""
    content: dict[str, NDArray[np.float64] | NDArray[np.str_]] = {"source": np.array(table.source)}
    for name in BODIES:
        part: Chebyshev = getattr(table, name)
        content[f"{name}_span"] = np.array([part.start_jd, part.granule_d])
        content[name] = part.coefficients
    with path.open("wb") as stream:
        np.savez(stream, **content)  # type: ignore[arg-type]


def ephemeris_of(times: Times) -> str:
    """What the places of Moon, Earth and Sun at `times` come from: the table, outside its span the analytic series."""
    inside = packaged_table().covers(times)
    if inside.all():
        return packaged_table().source
    return f"{packaged_table().source}, outside its span {SERIES}" if inside.any() else SERIES


def _tdb(times: Times) -> tuple[Array, Array]:
    """TDB at the centre of the Earth: 2 ms from TT would be 2 m of the Moon and 60 m of the Earth."""
    date, fraction = times.tt()
    return date, fraction + erfa.dtdb(date, fraction, 0.0, 0.0, 0.0, 0.0) / 86_400.0
