"""Scales and ticks of the plots: where a value lies on the paper, and round numbers and dates to mark."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from calib.report.text import fixed

_DAY_S = 86400
#: steps between date marks, in seconds up to days, then in months
_SECOND_STEPS = (60, 300, 900, 1800, 3600, 10800, 21600, 43200, _DAY_S, 2 * _DAY_S, 5 * _DAY_S, 10 * _DAY_S)
_MONTH_STEPS = (1, 3, 6, 12, 24, 60, 120)


@dataclass(frozen=True)
class Scale:
    """A linear scale from `low`..`high` in the quantity to `start`..`stop` on the paper."""

    low: float
    high: float
    start: float
    stop: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.stop - self.start)


def limits(values: Iterable[float], margin: float = 0.05, least: float = 1e-6) -> tuple[float, float]:
    """The range of the finite values with a margin on both sides, at least `least` wide; 0..1 where there is none."""
    array = np.asarray(list(values), dtype=float)
    array = array[np.isfinite(array)]
    if not array.size:
        return 0.0, 1.0
    low, high = float(array.min()), float(array.max())
    pad = max((high - low) * margin, (least - (high - low)) / 2, 1e-12 * max(abs(low), abs(high)), 1e-300)
    return low - pad, high + pad


def ticks(low: float, high: float, wanted: int = 5) -> list[tuple[float, str]]:
    """Round numbers within a range, about as many as wanted, with their texts."""
    rough = (high - low) / max(wanted, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [(index * step, fixed(index * step, decimals)) for index in range(first, last + 1)]


def date_ticks(low_s: float, high_s: float, wanted: int = 6) -> list[tuple[float, str]]:
    """Round dates within a range of seconds since 1970 UTC, with their texts."""
    rough = (high_s - low_s) / max(wanted, 1)
    for step in _SECOND_STEPS:
        if step >= rough:
            form = "%Y-%m-%d" if step >= _DAY_S else "%m-%d %H:%M"
            marks = range(math.ceil(low_s / step), math.floor(high_s / step) + 1)
            return [(mark * step, _utc(mark * step).strftime(form)) for mark in marks]
    months = next((step for step in _MONTH_STEPS if step * 30.5 * _DAY_S >= rough), _MONTH_STEPS[-1])
    first = _utc(low_s)
    found: list[tuple[float, str]] = []
    month = (first.year * 12 + first.month - 1) // months * months
    while True:
        mark = dt.datetime(month // 12, month % 12 + 1, 1, tzinfo=dt.UTC)
        if mark.timestamp() > high_s:
            return found
        if mark.timestamp() >= low_s:
            found.append((mark.timestamp(), mark.strftime("%Y" if months >= 12 else "%Y-%m")))
        month += months


def _utc(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)
