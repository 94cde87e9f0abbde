"""Two-line elements as a poor start: SGP4 states in GCRF."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import erfa
import numpy as np
from numpy.typing import NDArray

from orbit_aux.errors import OrbitError
from orbit_aux.frames import State
from orbit_aux.interpolation import on_time_grid
from orbit_aux.time import Times

#: standard deviations of SGP4 in low orbit near the epoch, radial, along, cross (m), and growth along track a day: orders of magnitude
SIGMA_M = (500.0, 1500.0, 500.0)
GROWTH_M_A_DAY = 2000.0

# in element lines: number of the line, what stands there, first column and the one after the last
_NUMBERS = (
    (1, "epoch", 18, 32),
    (2, "inclination", 8, 16),
    (2, "node", 17, 25),
    (2, "eccentricity", 26, 33),
    (2, "argument of perigee", 34, 42),
    (2, "mean anomaly", 43, 51),
    (2, "mean motion", 52, 63),
)

# spacing of the nodes of precession-nutation: interpolation then costs less than 0.01 mm in low orbit
_NODE_STEP_S = 43_200.0


@dataclass(frozen=True, eq=False)
class Elements:
    """A two-line element set: name, international designator, epoch."""

    name: str
    object_id: str
    epoch: Times
    satellite: Any

    def at(self, times: Times) -> State:
        """SGP4 states at `times`, turned from TEME (true equator, mean equinox) to GCRF."""
        since = times.utc_datetime64() - np.datetime64("2000-01-01T12:00:00", "ns")
        # whole days apart: the fraction then resolves a nanosecond
        whole, rest = np.divmod(since, np.timedelta64(1, "D"))
        error, position_km, velocity_kms = self.satellite.sgp4_array(whole + 2451545.0, rest / np.timedelta64(1, "D"))
        if error.any():
            raise OrbitError(f"elements of {self.name}: SGP4 stops, {_reason(int(error.max()))}; give newer elements")
        matrix = on_time_grid(times, _from_teme, _NODE_STEP_S).reshape(-1, 3, 3)
        return State(times, _turned(matrix, position_km) * 1e3, _turned(matrix, velocity_kms) * 1e3, "GCRF")


def read_tle(path: str | Path) -> Elements:
    """The first element set of a file, with or without a line of the name."""
    try:
        from sgp4.api import WGS72, Satrec
    except ImportError:
        raise OrbitError(f"{path}: two-line elements need the package sgp4; install it or give an OPM or OEM") from None
    file = Path(path)
    try:
        lines = [
            line.rstrip() for line in file.read_text(encoding="ascii", errors="replace").splitlines() if line.strip()
        ]
    except OSError as error:
        raise OrbitError(f"{file}: cannot be read ({error}); give two-line elements") from None
    row = next((number for number, line in enumerate(lines[:-1]) if _is_pair(line, lines[number + 1])), None)
    if row is None:
        raise OrbitError(
            f"{file}: holds no pair of element lines of 69 characters with good check sums; correct the file"
        )
    _check_numbers(file, lines[row], lines[row + 1])
    satellite = Satrec.twoline2rv(lines[row][:69], lines[row + 1][:69], WGS72)
    days = np.array([satellite.jdsatepoch - 2451545.0]), np.array([satellite.jdsatepochF])
    since = np.round((days[0] + days[1]) * 86_400e6).astype("timedelta64[us]")
    epoch = Times.from_utc(np.datetime64("2000-01-01T12:00:00", "us") + since)
    name = lines[row - 1].removeprefix("0 ").strip() if row > 0 else lines[row][2:7].strip()
    return Elements(name, _designator(lines[row]), epoch, satellite)


def is_tle(text: str) -> bool:
    """Whether a text begins like two-line elements, damaged or not."""
    lines = [line for line in text.splitlines() if line.strip()][:4]
    return any(_looks_like_pair(first, second) for first, second in itertools.pairwise(lines))


def _looks_like_pair(first: str, second: str) -> bool:
    return first.startswith("1 ") and second.startswith("2 ")


def _is_pair(first: str, second: str) -> bool:
    return _looks_like_pair(first, second) and _sum_holds(first) and _sum_holds(second)


def _check_numbers(file: Path, first: str, second: str) -> None:
    """Refuse what SGP4's own reader would silently take for another number."""
    for line, name, start, stop in _NUMBERS:
        text = (first, second)[line - 1][start:stop].strip()
        if not re.fullmatch(r"\d+\.?\d*|\.\d+", text.replace(" ", "0")):
            raise OrbitError(f"{file}: {name} {text!r} of element line {line} is no number; correct it")


def _reason(error: int) -> str:
    from sgp4.api import SGP4_ERRORS

    return str(SGP4_ERRORS.get(error, f"error {error}"))


def _sum_holds(line: str) -> bool:
    total = sum(int(letter) if letter.isdigit() else letter == "-" for letter in line[:68])
    return len(line) >= 69 and line[68].isdigit() and total % 10 == int(line[68])


def _designator(line: str) -> str:
    text = line[9:17].strip()
    if len(text) < 6 or not text[:5].isdigit():
        return "UNKNOWN"
    return f"{'19' if int(text[:2]) >= 57 else '20'}{text[:2]}-{text[2:5]}{text[5:].strip()}"


def _from_teme(times: Times) -> NDArray[np.float64]:
    """Rotations TEME to GCRF, shape (n, 9): the equation of the equinoxes, then nutation, precession and bias."""
    tt = times.tt()
    equinoxes = erfa.ee06a(*tt)
    cosine, sine, zero = np.cos(equinoxes), np.sin(equinoxes), np.zeros(len(times))
    turn = np.stack(
        [
            np.stack([cosine, -sine, zero], axis=-1),
            np.stack([sine, cosine, zero], axis=-1),
            np.stack([zero, zero, zero + 1.0], axis=-1),
        ],
        axis=-2,
    )
    return np.asarray(np.swapaxes(erfa.pnm06a(*tt), -1, -2) @ turn).reshape(-1, 9)


def _turned(matrix: NDArray[np.float64], vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.einsum("nij,nj->ni", matrix, vectors))
