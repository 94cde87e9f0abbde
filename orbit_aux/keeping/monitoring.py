"""What a daily look at an orbit compares: drifts with windows, margins in days, attitude with nadir; and the alarms that follow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orbit_aux.attitude import Attitude
from orbit_aux.errors import OrbitError
from orbit_aux.frames import local_orbital_axes
from orbit_aux.keeping.mean_motion import MeanMotion
from orbit_aux.keeping.plan import Target
from orbit_aux.keeping.track import track_deviation
from orbit_aux.motion.mean_elements import MeanElements
from orbit_aux.orbit import Orbit

Array = NDArray[np.float64]

LEVELS = ("green", "amber", "red")
_DAY_S = 86400.0


@dataclass(frozen=True)
class Alarm:
    """A quantity with its level: what it is, its value and the thresholds (amber, red) it was held against, in `unit`; `low`: too little is bad."""

    name: str
    level: str
    value: float
    amber: float
    red: float
    unit: str
    text: str

    def __post_init__(self) -> None:
        if self.level not in LEVELS:
            raise OrbitError(f"alarm level {self.level!r}: use one of {', '.join(LEVELS)}")


def judged(
    name: str, value: float, thresholds: tuple[float, float], unit: str, text: str, *, low: bool = False
) -> Alarm:
    """The alarm of a value: red beyond the second threshold, amber beyond the first; `low`: beyond means below. NaN is amber: nobody knows."""
    amber, red = thresholds
    sign = -1.0 if low else 1.0
    if sign * amber > sign * red:
        raise OrbitError(f"{name}: thresholds amber {amber:g} and red {red:g} stand the wrong way round; exchange them")
    if np.isnan(value):
        level = "amber"
    elif sign * value > sign * red:
        level = "red"
    else:
        level = "amber" if sign * value > sign * amber else "green"
    return Alarm(name, level, float(value), amber, red, unit, text)


@dataclass(frozen=True)
class Margin:
    """A quantity in its window: value, rate a day, half width, and the days until it leaves if nothing is done (inf: not within the look ahead)."""

    name: str
    value: float
    rate_per_day: float
    half_width: float
    days_to_edge: float
    unit: str

    @property
    def used_share(self) -> float:
        return abs(self.value) / self.half_width


def margins(motion: MeanMotion, now: MeanElements, target: Target, look_d: float = 200.0) -> tuple[Margin, ...]:
    """Track (m), local time (s) and eccentricity vector against the windows, coasting from one mean state.

    Local time and eccentricity count with an orbit whose height is kept.
    """
    elapsed = np.linspace(0.0, look_d * _DAY_S, int(look_d * 8) + 1)
    falling = track_deviation(motion, motion.coast(now, elapsed), target.grid)
    path = motion.scaled(0.0).coast(now, elapsed)
    away = np.hypot(path.eccentricity_x, path.eccentricity_y - motion.frozen_y)
    return (
        _margin("track", elapsed, falling, target.half_width_m, "m"),
        _margin(
            "local time",
            elapsed,
            target.local_time_deviation_s(motion.local_time_h(path)),
            target.local_time_half_width_s,
            "s",
        ),
        _margin("eccentricity vector", elapsed, away, target.eccentricity_tolerance, ""),
    )


def _margin(name: str, elapsed_s: Array, values: Array, half_width: float, unit: str) -> Margin:
    # the rate of the next day: waves of hours do not count
    day = int(np.searchsorted(elapsed_s, _DAY_S))
    rate = float((values[day] - values[0]) / elapsed_s[day] * _DAY_S)
    # what rounding leaves of a thing that stands still
    rate = rate if abs(rate) > 1e-9 * half_width else 0.0
    out = np.flatnonzero(np.abs(values) > half_width)
    if len(out) == 0:
        days = np.inf
    elif out[0] == 0:
        days = 0.0
    else:
        row = int(out[0])
        share = (half_width - abs(values[row - 1])) / (abs(values[row]) - abs(values[row - 1]))
        days = float(elapsed_s[row - 1] + share * (elapsed_s[row] - elapsed_s[row - 1])) / _DAY_S
    return Margin(name, float(values[0]), rate, half_width, float(days), unit)


@dataclass(frozen=True, eq=False)
class Pointing:
    """An attitude against the orbital axes (x along, y against the orbit normal, z to the Earth's centre): seconds after the first record, and per record
    roll, pitch, yaw (rad, turning about x, y, z in this order backwards), the angle of z from nadir, and the rate against inertial space (rad/s)."""

    elapsed_s: Array
    roll_rad: Array
    pitch_rad: Array
    yaw_rad: Array
    off_nadir_rad: Array
    rate_rads: Array


def pointing(attitude: Attitude, orbit: Orbit) -> Pointing:
    """Attitude records inside the orbit, compared with the orbital axes; body z is meant to look down."""
    times = attitude.times[np.flatnonzero(orbit.covers(attitude.times) & attitude.covers(attitude.times))]
    if len(times) < 2:
        raise OrbitError(
            f"{attitude.source}: fewer than 2 records lie inside {orbit.source}; give attitude and orbit of the same time"
        )
    state = orbit.at(times)
    radial, along, normal = np.moveaxis(local_orbital_axes(state.position_m, state.velocity_ms), 1, 0)
    frame = np.stack([along, -normal, -radial], axis=1)
    body = frame @ attitude.matrices(times, "GCRF")
    return Pointing(
        times - times[0],
        np.arctan2(body[:, 2, 1], body[:, 2, 2]),
        -np.arcsin(np.clip(body[:, 2, 0], -1.0, 1.0)),
        np.arctan2(body[:, 1, 0], body[:, 0, 0]),
        np.arctan2(np.hypot(body[:, 0, 2], body[:, 1, 2]), body[:, 2, 2]),
        np.linalg.norm(attitude.rates(times), axis=1),
    )
