"""Positions of a satellite as its receiver or its ground segment gives them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orbit_aux.errors import OrbitError
from orbit_aux.tables import read_rows
from orbit_aux.time import Times

COLUMNS = ("utc", "x_m", "y_m", "z_m")
#: fewer determine no orbit with anything left to judge it by
FEWEST_FIXES = 6
# radii of orbits about the Earth that this is made for, m
_LEAST_RADIUS_M, _GREATEST_RADIUS_M = 6.4e6, 9.0e6
# the same position but for the last digits printed
_SAME_M = 1e-3


@dataclass(frozen=True, eq=False)
class PositionFixes:
    """n positions (m, ITRF) in the order of their times; `sigma_m` is the standard deviation per axis, 0 where nobody tells."""

    times: Times
    position_itrf_m: NDArray[np.float64]
    sigma_m: NDArray[np.float64]
    source: str
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        count = len(self.times)
        if self.position_itrf_m.shape != (count, 3) or self.sigma_m.shape != (count,):
            raise OrbitError(f"{self.source}: {count} times need positions ({count}, 3) and {count} sigmas")
        wrong = ~np.isfinite(self.position_itrf_m).all(axis=1) | ~np.isfinite(self.sigma_m) | (self.sigma_m < 0)
        if wrong.any():
            epoch = self.times[int(np.argmax(wrong))].utc_strings(3)[0]
            raise OrbitError(f"{self.source}: the fix at {epoch} is not finite or has a negative sigma: remove it")
        if (np.diff(self.times.tai_ns) <= 0).any():
            raise OrbitError(f"{self.source}: times repeat or go back: sort them (sorted_fixes)")

    def __len__(self) -> int:
        return len(self.times)

    def __getitem__(self, index: Any) -> PositionFixes:
        return replace(
            self, times=self.times[index], position_itrf_m=self.position_itrf_m[index], sigma_m=self.sigma_m[index]
        )


def sorted_fixes(
    times: Times, position_itrf_m: NDArray[np.float64], sigma_m: NDArray[np.float64], source: str
) -> PositionFixes:
    """Fixes in order: disorder is mended, identical repetitions are dropped, both are said in the notes; two positions at one time are refused."""
    notes = []
    order = np.argsort(times.tai_ns, kind="stable")
    if (np.diff(order) < 0).any():
        notes.append(f"{source}: times were not in order; sorted")
    times, position_itrf_m, sigma_m = times[order], position_itrf_m[order], sigma_m[order]
    again = np.diff(times.tai_ns, prepend=times.tai_ns[:1] - 1) == 0
    apart = np.linalg.norm(np.diff(position_itrf_m, axis=0, prepend=position_itrf_m[:1]), axis=1)
    if (again & ~(apart <= _SAME_M)).any():
        row = int(np.argmax(again & ~(apart <= _SAME_M)))
        raise OrbitError(
            f"{source}: two positions {apart[row]:.6g} m apart at {times[row].utc_strings(3)[0]}: keep the right one"
        )
    if again.any():
        notes.append(f"{source}: {int(again.sum())} repeated fixes dropped")
    fixes = PositionFixes(times[~again], position_itrf_m[~again], sigma_m[~again], source, tuple(notes))
    _check_radius(fixes)
    return fixes


def read_fixes(path: str | Path) -> PositionFixes:
    """Fixes of a CSV file with the columns utc, x_m, y_m, z_m (ITRF) and, if known, sigma_m."""
    file = Path(path)
    rows = read_rows(file, COLUMNS, "positions", ",sigma_m")
    values = np.array([_numbers(file, number, row) for number, row in enumerate(rows, start=1)]).reshape(-1, 4)
    return sorted_fixes(Times.from_utc([row["utc"] for row in rows]), values[:, :3], values[:, 3], str(file))


def _numbers(file: Path, number: int, row: dict[str, str]) -> list[float]:
    try:
        return [*(float(row[name]) for name in COLUMNS[1:]), float(row.get("sigma_m") or 0.0)]
    except (TypeError, ValueError):
        raise OrbitError(f"{file}: row {number} has a value that is no number ({row}): correct or remove it") from None


def _check_radius(fixes: PositionFixes) -> None:
    if len(fixes) < FEWEST_FIXES:
        raise OrbitError(f"{fixes.source}: {len(fixes)} fixes are too few for an orbit; give at least {FEWEST_FIXES}")
    radius = float(np.median(np.linalg.norm(fixes.position_itrf_m, axis=1)))
    if _LEAST_RADIUS_M <= radius <= _GREATEST_RADIUS_M:
        return
    hint = (
        "these are kilometres: give metres"
        if _LEAST_RADIUS_M <= radius * 1e3 <= _GREATEST_RADIUS_M
        else ("check units, axes and origin of the positions")
    )
    raise OrbitError(f"{fixes.source}: half of the fixes lie within {radius:.6g} m of the Earth's centre; {hint}")
