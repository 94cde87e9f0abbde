"""What is to be kept, by what satellite and under which rules; what a plan of manoeuvres consists of."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from orbit_aux.errors import OrbitError
from orbit_aux.keeping.track import Grid
from orbit_aux.motion.mean_elements import MeanElements
from orbit_aux.time import Times

Array = NDArray[np.float64]

#: how inclination manoeuvres are placed
INCLINATION = ("none", "window", "periodic")


@dataclass(frozen=True)
class Target:
    """The grid of the track and windows about it: ± m of track at the equator, ± s of local time of the ascending node, of the eccentricity vector."""

    grid: Grid
    half_width_m: float
    local_time_h: float
    local_time_half_width_s: float
    eccentricity_tolerance: float = 1e-3

    def __post_init__(self) -> None:
        widest = np.pi * 6_378_137.0 / self.grid.revolutions
        if not 0 < self.half_width_m < widest:
            raise OrbitError(
                f"track window of ± {self.half_width_m} m: give more than 0 and less than half the grid, {widest:.0f} m"
            )
        if not (0 <= self.local_time_h < 24 and 0 < self.local_time_half_width_s < 21_600):
            raise OrbitError(
                f"local time {self.local_time_h} h ± {self.local_time_half_width_s} s: give 0 to 24 h and a window below 6 h"
            )
        if not 0 < self.eccentricity_tolerance < 0.1:
            raise OrbitError(f"tolerance of eccentricity {self.eccentricity_tolerance}: give 0 to 0.1")

    def local_time_deviation_s(self, local_time_h: Array) -> Array:
        """Later (positive) or earlier than it should be, s."""
        late: Array = (np.mod(local_time_h - self.local_time_h + 12.0, 24.0) - 12.0) * 3600.0
        return late


@dataclass(frozen=True)
class Spacecraft:
    """Mass with propellant (kg), propellant that may be used (kg), thrust (N), specific impulse (s), longest burn (s), what thrusters give of what is asked."""

    mass_kg: float
    propellant_kg: float
    thrust_n: float
    specific_impulse_s: float
    longest_burn_s: float
    efficiency: float = 1.0

    def __post_init__(self) -> None:
        if not (0 < self.propellant_kg < self.mass_kg < 1e6):
            raise OrbitError(
                f"{self.propellant_kg} kg of propellant in {self.mass_kg} kg: give a mass in kg, and less propellant than that"
            )
        if not (0 < self.thrust_n < 1e5 and 30 < self.specific_impulse_s < 1e5 and 0 < self.longest_burn_s <= 86_400):
            raise OrbitError(
                f"thrust {self.thrust_n} N, specific impulse {self.specific_impulse_s} s, longest burn {self.longest_burn_s} s: give N, s over 30, up to a day"
            )
        if not 0.2 <= self.efficiency <= 2.0:
            raise OrbitError(f"thruster efficiency {self.efficiency}: give given over asked, near 1")


@dataclass(frozen=True, eq=False)
class Rules:
    """When and how one may burn."""

    lead_s: float = 0.0
    """From the start of the plan to the first ignition."""
    spacing_s: float = 0.0
    """Between two manoeuvres."""
    forbidden: tuple[tuple[Times, Times, str], ...] = ()
    burns: int = 2
    """Of an along-track manoeuvre: 1, or 2 half a revolution apart, which hold the eccentricity."""
    most_burns: int = 20
    """Into which one manoeuvre may be cut where the longest burn does not do."""
    retrograde: bool = True
    eclipse: bool = True
    """Whether one may burn in the shadow."""
    inclination: str = "window"
    inclination_period_s: float = 182.625 * 86400.0
    used_share: float = 0.9
    """Of the windows' half width, aimed at."""
    density_margin: float = 0.0
    """Share by which the air may be thinner than expected without the track leaving to the west."""

    def __post_init__(self) -> None:
        if self.inclination not in INCLINATION:
            raise OrbitError(f"inclination manoeuvres {self.inclination!r}: use one of {', '.join(INCLINATION)}")
        if self.burns not in (1, 2) or not (self.lead_s >= 0 and self.spacing_s >= 0 and self.most_burns >= 2):
            raise OrbitError(
                f"{self.burns} burns, lead {self.lead_s} s, spacing {self.spacing_s} s: give 1 or 2 and times from 0"
            )
        if not (0.1 <= self.used_share <= 1 and 0 <= self.density_margin < 0.9 and self.inclination_period_s >= 86_400):
            raise OrbitError(
                f"used share {self.used_share}, density margin {self.density_margin}, period {self.inclination_period_s} s: 0.1 to 1, 0 to 0.9, a day or more"
            )
        for start, stop, why in self.forbidden:
            if (stop - start)[0] <= 0:
                raise OrbitError(
                    f"forbidden interval from {start.utc_strings(0)[0]} to {stop.utc_strings(0)[0]} ({why}) ends before it begins; exchange its dates"
                )


@dataclass(frozen=True, eq=False)
class Burn:
    """One burn of a plan. Impulses in radial, along, cross (RSW), m/s: what the orbit needs, and what is asked of the thruster."""

    manoeuvre: int
    kind: str
    """track or inclination."""
    why: str
    centre: Times
    ignition: Times
    duration_s: float
    needed_ms: Array
    asked_ms: Array
    propellant_kg: float
    mass_after_kg: float
    latitude_argument_rad: float
    before: MeanElements
    after: MeanElements
    track_m: float
    """At the burn."""
    reason: str = ""
    """Why it cannot be done; empty where it can."""

    @property
    def feasible(self) -> bool:
        return not self.reason


@dataclass(frozen=True, eq=False)
class Forecast:
    """The orbit under a plan: mean elements over time, track (m east), local time of the ascending node (h), propellant left (kg)."""

    mean: MeanElements
    track_m: Array
    local_time_h: Array
    propellant_kg: Array


@dataclass(frozen=True, eq=False)
class Plan:
    """Burns in the order of time, the forecast with them, and all that stands against the plan."""

    burns: tuple[Burn, ...]
    forecast: Forecast
    reasons: tuple[str, ...] = field(default=())

    @property
    def feasible(self) -> bool:
        return not self.reasons
