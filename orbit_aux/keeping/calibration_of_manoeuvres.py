"""Executed manoeuvres against their plans: ratio and direction of each with sigma, and what the thrusters give in the mean and over time."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from orbit_aux.errors import OrbitError
from orbit_aux.tables import read_rows
from orbit_aux.time import Times

Array = NDArray[np.float64]

_AXES = ("radial", "along", "cross")
COLUMNS = ("utc", *(f"planned_{axis}_ms" for axis in _AXES))
_OTHERS = " and, where they were restituted, restituted_radial_ms,restituted_along_ms,restituted_cross_ms,sigma_ms"
_YEAR_S = 365.25 * 86400.0
# a velocity in km/s, or in m/s of a launcher: no manoeuvre that keeps an orbit
_GREATEST_MS = 500.0


@dataclass(frozen=True, eq=False)
class Executed:
    """A manoeuvre that was done, at its middle: impulses planned and restituted (radial, along, cross; m/s; NaN where it was not), sigma of a component."""

    time: Times
    planned_ms: Array
    restituted_ms: Array
    sigma_ms: float

    def __post_init__(self) -> None:
        size = float(np.linalg.norm(self.planned_ms))
        label = self.time.utc_strings(0)[0]
        if not 0 < size < _GREATEST_MS or float(np.nan_to_num(np.abs(self.restituted_ms)).max()) > _GREATEST_MS:
            raise OrbitError(
                f"manoeuvre of {label}: planned {size:.6g} m/s; give m/s above 0 and below {_GREATEST_MS:g}"
            )
        if np.isfinite(self.restituted_ms).all() and not 0 < self.sigma_ms < np.inf:
            raise OrbitError(
                f"manoeuvre of {label}: sigma_ms {self.sigma_ms}; give the sigma of a component in m/s, above 0"
            )

    @property
    def restituted(self) -> bool:
        return bool(np.isfinite(self.restituted_ms).all())


@dataclass(frozen=True)
class Calibration:
    """Of one manoeuvre: given over planned, and the angle between both (rad), each with sigma; angles in the plane (to radial) and out of it (to cross)."""

    ratio: float
    ratio_sigma: float
    direction_rad: float
    direction_sigma_rad: float


@dataclass(frozen=True)
class Trend:
    """Of thrusters: weighted mean ratio at its mean time, slope a year, sigmas (widened where the scatter is), and how many sigmas both lie off 1 and 0."""

    count: int
    mean: float
    mean_sigma: float
    slope_per_year: float
    slope_sigma: float
    mean_significance: float
    slope_significance: float
    reduced_chi2: float


def calibrate(manoeuvre: Executed) -> Calibration:
    """Ratio (r.p) / |p|**2 and angle between restituted r and planned p; the sigma of a component over |p| is that of both."""
    planned, given = manoeuvre.planned_ms, manoeuvre.restituted_ms
    size = float(np.linalg.norm(planned))
    along = float(given @ planned) / size
    aside = float(np.linalg.norm(given - along * planned / size))
    sigma = manoeuvre.sigma_ms / size
    return Calibration(along / size, sigma, float(np.arctan2(aside, along)), sigma)


def thruster_trend(times: Times, ratios: Array, sigmas: Array) -> Trend | None:
    """Weighted line through ratios; the slope wants 3 of them. None without any."""
    count = len(ratios)
    if count == 0:
        return None
    weight = 1.0 / sigmas**2
    years = (times - times[0]) / _YEAR_S
    middle = float(np.sum(weight * years) / np.sum(weight))
    mean = float(np.sum(weight * ratios) / np.sum(weight))
    spread = float(np.sum(weight * (years - middle) ** 2))
    sloped = count >= 3 and spread > 0
    slope = float(np.sum(weight * (years - middle) * ratios) / spread) if sloped else 0.0
    freedom = count - (2 if sloped else 1)
    left = ratios - mean - slope * (years - middle)
    chi2 = float(np.sum(weight * left**2)) / freedom if freedom > 0 else 1.0
    widened = float(np.sqrt(max(chi2, 1.0)))
    mean_sigma = widened / float(np.sqrt(np.sum(weight)))
    slope_sigma = widened / float(np.sqrt(spread)) if sloped else float("nan")
    return Trend(
        count,
        mean,
        mean_sigma,
        slope if sloped else float("nan"),
        slope_sigma,
        (mean - 1.0) / mean_sigma,
        slope / slope_sigma if sloped else float("nan"),
        chi2,
    )


def read_executed(path: str | Path) -> list[Executed]:
    """Executed manoeuvres in the order of time, from a CSV file."""
    file = Path(path)
    rows = read_rows(file, COLUMNS, "executed manoeuvres", _OTHERS)
    found = []
    for number, row in enumerate(rows, start=1):
        planned = np.array([_number(file, number, row, f"planned_{axis}_ms") for axis in _AXES])
        given = [row.get(f"restituted_{axis}_ms") for axis in _AXES]
        restituted = np.full(3, np.nan)
        sigma = float("nan")
        if any(text and text.strip() for text in given):
            restituted = np.array([_number(file, number, row, f"restituted_{axis}_ms") for axis in _AXES])
            sigma = _number(file, number, row, "sigma_ms")
        try:
            found.append(Executed(Times.from_utc((row["utc"] or "").strip()), planned, restituted, sigma))
        except OrbitError as error:
            raise OrbitError(f"{file}, row {number}: {error}") from None
    found.sort(key=lambda item: int(item.time.tai_ns[0]))
    repeated = [a for a, b in itertools.pairwise(found) if a.time == b.time]
    if repeated:
        raise OrbitError(f"{file}: two manoeuvres at {repeated[0].time.utc_strings(0)[0]}; give each once")
    return found


def with_rises(manoeuvres: Sequence[Executed], along_ms: Sequence[float], sigmas_ms: Sequence[float]) -> list[Executed]:
    """Manoeuvres not yet restituted, with what an orbit says of them along the track; across, the plan is taken for granted."""
    done = []
    for item, along, sigma in zip(manoeuvres, along_ms, sigmas_ms, strict=True):
        given = np.array([item.planned_ms[0], along, item.planned_ms[2]])
        done.append(item if item.restituted else Executed(item.time, item.planned_ms, given, sigma))
    return done


def _number(file: Path, row: int, cells: dict[str, str], column: str) -> float:
    text = (cells.get(column) or "").strip()
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise OrbitError(f"{file}, row {row}: {column} {text[:40]!r} is no number; give m/s")
    return value
