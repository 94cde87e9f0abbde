"""Density of the upper atmosphere: Harris-Priester by table, with the activity of the Sun by a temperature law."""

from __future__ import annotations

import csv
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from orbit_aux.motion.space_weather import SpaceWeather
from orbit_aux.time import Times

_TABLE = Path(__file__).parent.parent / "data" / "harris_priester.csv"
# activity for which the table of Harris and Priester stands
_TABLE_F107, _TABLE_AP = 150.0, 15.0


@lru_cache(maxsize=1)
def harris_priester() -> NDArray[np.float64]:
    """Rows of height (m), logarithms of the least and the greatest density (kg/m3); read-only."""
    with _TABLE.open(encoding="utf-8") as stream:
        rows = [list(map(float, row)) for row in csv.reader(stream) if row[0][0].isdigit()]
    values = np.array(rows)
    table = np.ascontiguousarray(np.stack([values[:, 0] * 1e3, np.log(values[:, 1]), np.log(values[:, 2])], axis=1))
    table.flags.writeable = False
    return table


def temperature(f107: NDArray[np.float64] | float, ap: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Temperature (K) of the law of Street and Panwar (IPS Radio and Space Services, 1999): 900 + 2.5 (F10.7 - 70) + 1.5 Ap."""
    return np.asarray(900.0 + 2.5 * (np.asarray(f107) - 70.0) + 1.5 * np.asarray(ap))


def activity(times: Times, weather: SpaceWeather) -> NDArray[np.float64]:
    """1 / T of the table less 1 / T of each time (1/K): by this and the molecular mass the logarithm of density grows with height."""
    return 1.0 / temperature(_TABLE_F107, _TABLE_AP) - 1.0 / temperature(*weather.at(times))
