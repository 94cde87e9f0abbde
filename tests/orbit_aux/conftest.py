"""Burns simulated once for all tests of this folder."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from orbit_aux.burns.counts import part_of_tracking
from orbit_aux.burns.restitution import BurnRestitution
from orbit_aux.burns.scenarios import BurnScenario, burn_scenario
from orbit_aux.burns.simulation import simulate_burn
from orbit_aux.constants import EARTH_MU_M3S2
from orbit_aux.frames import State, from_geodetic
from orbit_aux.stations import Stations
from orbit_aux.time import Times
from orbit_aux.tracking import Tracking

# pytest imports test files by path: the modules beside them need to be found by name
sys.path.insert(0, str(Path(__file__).resolve().parent))

_PLACES_DEG_M = {
    "KRU": (5.0986, -52.6397, 109.0),
    "AUS": (43.4287, 1.4994, 260.0),
    "HBK": (-25.8872, 27.7067, 1560.0),
    "GDS": (35.2472, -116.7931, 1037.0),
}
STATIONS = Stations(
    tuple(_PLACES_DEG_M),
    np.stack([from_geodetic(np.radians(east), np.radians(north), up) for north, east, up in _PLACES_DEG_M.values()]),
    "test stations",
)


@dataclass(frozen=True, eq=False)
class BurnCase:
    """A scenario with its true counts (no noise, to ten minutes after cut-off)."""

    scenario: BurnScenario
    counts: Tracking
    true_state: Callable[[Times], np.ndarray]

    def tracking(self, seed: int, *, noise_ms: float = 0.02) -> Tracking:
        noise = noise_ms * np.random.default_rng([seed, 1]).standard_normal(len(self.counts))
        return replace(self.counts, value=self.counts.value + noise)

    def start(self, seed: int) -> State:
        error = np.random.default_rng([seed, 2]).standard_normal(6) * [1e3, 1e3, 1e3, 0.3, 0.3, 0.3]
        state = self.scenario.start
        return State(state.times, state.position_m + error[:3], state.velocity_ms + error[3:], "GCRF")

    def error_km(self, result: BurnRestitution, after_cut_off_s: float = 600.0) -> float:
        """Error of the semi-major axis, of the smoothed answer."""
        time = self.scenario.burn.cut_off + after_cut_off_s
        state, _ = result.states(time)
        return (
            axis_m(np.concatenate([state.position_m[0], state.velocity_ms[0]])) - axis_m(self.true_state(time))
        ) / 1e3


def axis_m(state: np.ndarray) -> float:
    return float(1.0 / (2.0 / np.linalg.norm(state[:3]) - state[3:] @ state[3:] / EARTH_MU_M3S2))


@cache
def burn_case(name: str, *, light_time: bool = True, spin: bool = True, interval_s: float = 2.0) -> BurnCase:
    scenario = burn_scenario(name)
    plan = replace(scenario.plan, noise_ms=0.0, after_s=600.0, light_time=light_time, interval_s=interval_s)
    if not spin:
        plan = replace(plan, spin_period_s=None)
    counts, truth = simulate_burn(scenario.start, scenario.burn, STATIONS, plan, 1)
    since = truth.since_ignition.values

    def true_state(time: Times) -> np.ndarray:
        row = int(np.argmin(np.abs(since - (time - scenario.burn.ignition)[0])))
        assert abs(since[row] - (time - scenario.burn.ignition)[0]) < 1e-6
        return np.concatenate([truth.position.values[row], truth.velocity.values[row]])

    # the last count must not end a little after ten minutes
    counts = part_of_tracking(counts, counts.stop.tai_ns <= (scenario.burn.cut_off + 600.0).tai_ns[0])
    return BurnCase(scenario, counts, true_state)


@pytest.fixture(scope="session")
def stations() -> Stations:
    return STATIONS


@pytest.fixture(scope="session")
def simulated_burn() -> Callable[..., BurnCase]:
    return burn_case
