"""Whether an orbit is left in time: lifetimes drawn by Monte Carlo, the rule of 25 or 5 years, and the criteria of protected regions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orbit_aux.decay.activity import CYCLE_YEARS
from orbit_aux.decay.descent import YEAR_S, Decay, DecayModels, Draws, lifetimes
from orbit_aux.errors import OrbitError
from orbit_aux.motion.mean_elements import MeanElements

Array = NDArray[np.float64]

PERCENTILES = (10.0, 50.0, 90.0)
# IADC Space Debris Mitigation Guidelines: low orbit to 2000 km, geostationary ring 35786 km +- 200 km
LOW_REGION_TOP_M = 2_000_000.0
_RING_M = (35_586_000.0, 35_986_000.0)
_CENTURY_S = 100.0 * YEAR_S


@dataclass(frozen=True)
class Uncertainty:
    """Standard deviations (shares) of Cd A / m and of the activity above a quiet Sun, both lognormal; days over which the start is spread.

    `cycle_phase`: whether the phase of the activity is drawn from 11 years.
    """

    ballistic: float = 0.15
    flux: float = 0.2
    start_days: float = 30.0
    cycle_phase: bool = False

    def __post_init__(self) -> None:
        if not (0 <= self.ballistic <= 1 and 0 <= self.flux <= 1 and 0 <= self.start_days <= 3660):
            raise OrbitError(f"{self}: give shares of 0 to 1 and at most 3660 days")


@dataclass(frozen=True, eq=False)
class Lifetimes:
    """Drawn lifetimes (s), those that outlive `horizon_s` cut there, and what was drawn."""

    seconds: Array
    fell: NDArray[np.bool_]
    horizon_s: float
    draws: Draws

    def percentile(self, share: float) -> float:
        """Seconds below which a share (per cent) of lifetimes lies; infinite where that lies beyond the horizon."""
        ordered = np.sort(np.where(self.fell, self.seconds, np.inf))
        place = share / 100.0 * (len(ordered) - 1)
        low, high = ordered[int(np.floor(place))], ordered[int(np.ceil(place))]
        return float(low if low == high else low + (place - np.floor(place)) * (high - low))

    def nearest(self, share: float) -> Draws:
        """The draw whose lifetime lies at a percentile."""
        order = np.argsort(np.where(self.fell, self.seconds, np.inf), kind="stable")
        chosen = order[[round(share / 100.0 * (len(order) - 1))]]
        draws = self.draws
        return Draws(draws.ballistic[chosen], draws.flux[chosen], draws.start_s[chosen], draws.cycle_s[chosen])

    def share_within(self, years: float) -> float:
        """Share of draws that fall within `years`."""
        return float(np.mean(self.fell & (self.seconds <= years * YEAR_S)))

    def window_s(self) -> tuple[float, float]:
        """Re-entry between the 5th and the 95th percentile, seconds from the start."""
        return self.percentile(5.0), self.percentile(95.0)


@dataclass(frozen=True)
class Criterion:
    """A criterion of protected regions: what it asks, and whether it is met (None: it does not apply)."""

    name: str
    asks: str
    met: bool | None


def draw_lifetimes(
    start: MeanElements, models: DecayModels, count: int, seed: int, uncertainty: Uncertainty, horizon_s: float
) -> Lifetimes:
    """`count` lifetimes; the same seed gives the same draws."""
    if not 2 <= count <= 100_000:
        raise OrbitError(f"{count} draws: give 2 to 100000")
    random = np.random.default_rng(seed)
    ballistic, flux = np.exp(
        random.standard_normal((2, count)) * np.array([[uncertainty.ballistic], [uncertainty.flux]])
    )
    later = random.uniform(0.0, uncertainty.start_days * 86_400.0, count)
    cycle = random.uniform(0.0, CYCLE_YEARS * YEAR_S if uncertainty.cycle_phase else 0.0, count)
    draws = Draws(ballistic, flux, later, cycle)
    seconds, fell = lifetimes(start, models, draws, horizon_s)
    return Lifetimes(seconds, fell, horizon_s, draws)


def criteria(decay: Decay, years: float) -> tuple[Criterion, ...]:
    """S1 to S4 as STELA names them for the French Space Operations Act, on a nominal decay followed for 100 years or to its end.

    S1: re-entry within the rule, of an orbit that crosses the low region. S2: an orbit left above it stays above for 100 years. S3, S4: no crossing of the
    geostationary ring between 1 and 100 years, or within 100 years; here any radius of the ring counts as crossing, whatever the latitude.
    """
    perigee, apogee = decay.perigee_altitude_m, decay.apogee_altitude_m
    low = bool(perigee[0] < LOW_REGION_TOP_M)
    followed = decay.re_entered or decay.lifetime_s >= 0.999 * _CENTURY_S
    crossing = (apogee > _RING_M[0]) & (perigee < _RING_M[1])
    late = (decay.times - decay.times[0]) > YEAR_S
    ring = bool(crossing.any()) and followed
    return (
        Criterion(
            "S1",
            f"re-entry within {years:g} years",
            decay.re_entered and decay.lifetime_s <= years * YEAR_S if low else None,
        ),
        Criterion(
            "S2",
            "never below 2000 km within 100 years",
            None if low or not followed else bool((perigee > LOW_REGION_TOP_M).all()),
        ),
        Criterion(
            "S3",
            "no crossing of the geostationary ring from 1 to 100 years",
            not bool((crossing & late).any()) if ring else None,
        ),
        Criterion("S4", "no crossing of the geostationary ring within 100 years", False if ring else None),
    )
