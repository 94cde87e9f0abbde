"""Earth orientation: a dated table of polar motion, UT1 and pole offsets, and its record."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from orbit_aux.errors import OrbitError
from orbit_aux.time import Times

_ARCSEC_RAD = np.pi / 648_000.0
_MJD_2000 = 51544
# columns of finals2000A: the daily (Bulletin A) value, and the final (Bulletin B) value that replaces it when present
_COLUMNS = {
    "x_pole": ((18, 27), (134, 144), _ARCSEC_RAD),
    "y_pole": ((37, 46), (144, 154), _ARCSEC_RAD),
    "ut1_utc": ((58, 68), (154, 165), 1.0),
    "dx": ((97, 106), (165, 175), _ARCSEC_RAD * 1e-3),
    "dy": ((116, 125), (175, 185), _ARCSEC_RAD * 1e-3),
}


class Orientation(NamedTuple):
    """Values at given times, each of shape (n,)."""

    x_pole_rad: NDArray[np.float64]
    y_pole_rad: NDArray[np.float64]
    ut1_minus_tai_s: NDArray[np.float64]
    ut1_rate: NDArray[np.float64]
    """Seconds of UT1 per second of TAI (1 minus the excess length of day over 86400 s)."""
    dx_rad: NDArray[np.float64]
    dy_rad: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class EarthOrientation:
    """A table of Earth orientation at 0 h UTC of each day.

    Linear between days. Past the last day the last values hold: the error then grows by some 1 ms of UT1 (0.46 m at the
    equator) a day at first, the pole by up to 0.3 arcsec (9 m); `record` says how many times were in that case. Before
    the first day it refuses.
    """

    name: str
    digest: str
    tai_ns: NDArray[np.int64]
    values: NDArray[np.float64]
    """Shape (days, 5): x and y of the pole (rad), UT1 - TAI (s), dX and dY (rad)."""

    def at(self, times: Times) -> Orientation:
        """Orientation at `times`."""
        if len(times) and times.tai_ns.min() < self.tai_ns[0]:
            first = Times(self.tai_ns[:1]).utc_strings(0)[0]
            raise OrbitError(
                f"Earth orientation at {times.min().utc_strings()[0]}: {self.name} begins {first}; give an older table"
            )
        day = np.clip(np.searchsorted(self.tai_ns, times.tai_ns, side="right") - 1, 0, len(self.tai_ns) - 2)
        length_ns = self.tai_ns[day + 1] - self.tai_ns[day]
        fraction = np.clip((times.tai_ns - self.tai_ns[day]) / length_ns, 0.0, 1.0)[:, None]
        low, high = self.values[day], self.values[day + 1]
        x, y, ut1, dx, dy = (low + fraction * (high - low)).T
        rate = 1.0 + np.where(self._beyond(times), 0.0, (high - low)[:, 2] / (length_ns * 1e-9))
        return Orientation(x, y, ut1, rate, dx, dy)

    def record(self, times: Times) -> dict[str, str | int]:
        """What a product should keep: table name, digest, last day, and how many of `times` lie beyond it."""
        last = Times(self.tai_ns[-1:]).utc_strings(0)[0]
        return {
            "table": self.name,
            "sha256": self.digest,
            "last_day": last,
            "times_beyond": int(self._beyond(times).sum()),
        }

    def _beyond(self, times: Times) -> NDArray[np.bool_]:
        beyond: NDArray[np.bool_] = times.tai_ns > self.tai_ns[-1]
        return beyond


_chosen: ContextVar[EarthOrientation | None] = ContextVar("earth_orientation", default=None)


def packaged_earth_orientation() -> EarthOrientation:
    """The table in use: the finals2000A of the installed astropy-iers-data wheel, or the one chosen by `using`; nothing is ever downloaded."""
    return _chosen.get() or _packaged()


@contextmanager
def using(table: EarthOrientation | None) -> Iterator[None]:
    """Within it, `table` stands for the packaged one (None: the packaged one itself)."""
    token = _chosen.set(table)
    try:
        yield
    finally:
        _chosen.reset(token)


@lru_cache(maxsize=1)
def _packaged() -> EarthOrientation:
    import astropy_iers_data

    path = Path(astropy_iers_data.IERS_A_FILE)
    return read_finals2000a(path, f"{path.name} of astropy-iers-data {astropy_iers_data.__version__}")


def read_finals2000a(path: Path, name: str) -> EarthOrientation:
    """Read an IERS finals2000A table; final values stand before rapid ones, days without a value end it."""
    try:
        content = path.read_bytes()
        lines = [line for line in content.decode("ascii").splitlines() if line[58:68].strip()]
        days = np.array([round(float(line[7:15])) - _MJD_2000 for line in lines], dtype=np.int64)
        columns = {key: _column(lines, *places) for key, places in _COLUMNS.items()}
    except (OSError, ValueError) as error:
        raise OrbitError(f"Earth orientation file {path} is not a finals2000A table ({error}): give another") from None
    if len(days) < 2 or (np.diff(days) <= 0).any():
        raise OrbitError(
            f"Earth orientation file {path}: {len(days)} days, not in order; give a whole finals2000A table"
        )
    midnight = np.datetime64("2000-01-01", "ns") + days.astype("timedelta64[D]")
    times = Times.from_utc(midnight)
    # UT1 - UTC jumps at a leap second, UT1 - TAI does not: interpolate the latter
    tai_minus_utc_s = (times.tai_ns - days * 86_400_000_000_000) * 1e-9
    columns["ut1_utc"] = columns["ut1_utc"] - tai_minus_utc_s
    return EarthOrientation(
        name, hashlib.sha256(content).hexdigest(), times.tai_ns, np.stack([*columns.values()], axis=1)
    )


def _column(lines: list[str], rapid: tuple[int, int], final: tuple[int, int], unit: float) -> NDArray[np.float64]:
    """One quantity in SI; the pole offsets end before UT1 does and hold their last value from there."""
    texts = [line[slice(*final)].strip() or line[slice(*rapid)].strip() for line in lines]
    values = np.array([float(text) if text else np.nan for text in texts])
    known = np.flatnonzero(np.isfinite(values))
    if known.size == 0:
        raise ValueError(f"columns {rapid} are empty")
    filled: NDArray[np.float64] = np.interp(np.arange(len(values)), known, values[known])
    return filled * unit
