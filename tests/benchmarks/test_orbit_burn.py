"""Restitution of burns: accuracy, consistency over 200 starts, and speed on one core."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from orbit_aux.burns.burn import Burn
from orbit_aux.burns.consistency import mean_band, normalised_error
from orbit_aux.burns.counts import part_of_tracking, ready_counts
from orbit_aux.burns.model import burn_model
from orbit_aux.burns.paper_filter import PaperFilter
from orbit_aux.burns.restitution import BurnOptions, restitute_burn
from orbit_aux.burns.scenarios import burn_scenario
from orbit_aux.burns.simulation import simulate_burn
from orbit_aux.constants import EARTH_MU_M3S2
from orbit_aux.frames import State, from_geodetic
from orbit_aux.stations import Stations
from orbit_aux.time import Times
from orbit_aux.veis import veis_axes

_PLACES_DEG_M = {
    "KRU": (5.0986, -52.6397, 109.0),
    "AUS": (43.4287, 1.4994, 260.0),
    "HBK": (-25.8872, 27.7067, 1560.0),
}
STATIONS = Stations(
    tuple(_PLACES_DEG_M),
    np.stack([from_geodetic(np.radians(east), np.radians(north), up) for north, east, up in _PLACES_DEG_M.values()]),
    "stations",
)
#: asked ten minutes after cut-off; Orekit's extended filter at cut-off (lower end of its range); starts of this run
ASKED_KM = {
    "tc2a-dv1": (0.3, 1.2, 50),
    "hispasat-dv1": (0.3, 4.7, 200),
    "tdf2-dv1": (0.5, 1.2, 50),
    "tc2a-dv3": (1.2, 5.3, 200),
    "hispasat-dv3": (1.2, 6.9, 50),
}


def axis_km(state: np.ndarray) -> float:
    return float(1e-3 / (2.0 / np.linalg.norm(state[:3]) - state[3:] @ state[3:] / EARTH_MU_M3S2))


def drawn(true: Burn, planned: Burn, options: BurnOptions, rng: np.random.Generator) -> Burn:
    """A plan as wrong as the sigmas say, in everything that they are about: else the errors would be too small for them."""
    force = true.thrust_n * true.direction + options.sigma_thrust_fraction * planned.thrust_n * rng.standard_normal(3)
    thrust = float(np.linalg.norm(force))
    exhaust = true.thrust_n / true.flow_kgs * (1.0 + options.sigma_flow_fraction * rng.standard_normal())
    ignition, cut_off = rng.standard_normal(2) * [options.sigma_ignition_s, options.sigma_cut_off_s]
    return replace(
        true,
        ignition=true.ignition + ignition,
        duration_s=true.duration_s + cut_off - ignition,
        thrust_n=thrust,
        direction=force / thrust,
        flow_kgs=thrust / exhaust,
    )


@pytest.mark.benchmark
@pytest.mark.parametrize("name", ASKED_KM)
def test_accuracy_and_consistency(name: str) -> None:
    scenario, options = burn_scenario(name), BurnOptions()
    asked, orekit, starts = ASKED_KM[name]
    counts, truth = simulate_burn(
        scenario.start, scenario.burn, STATIONS, replace(scenario.plan, noise_ms=0.0, after_s=600.0), 1
    )
    ends: dict[str, Times] = {"cut-off": scenario.burn.cut_off, "+10 min": scenario.burn.cut_off + 600.0}
    since = truth.since_ignition.values
    errors: dict[str, list[float]] = {key: [] for key in ends}
    nees, formal, nis, number, forecast, seconds = [], [], 0.0, 0, [], 0.0
    for seed in range(starts):
        rng = np.random.default_rng([seed, 11])
        off = rng.standard_normal(6) * [1e3, 1e3, 1e3, 0.3, 0.3, 0.3]
        start = State(
            scenario.start.times, scenario.start.position_m + off[:3], scenario.start.velocity_ms + off[3:], "GCRF"
        )
        plan = drawn(scenario.burn, scenario.planned, options, rng) if seed % 2 else scenario.planned
        noisy = replace(counts, value=counts.value + 0.02 * rng.standard_normal(len(counts)))
        for key, end in ends.items():
            seen = part_of_tracking(noisy, noisy.stop.tai_ns <= end.tai_ns[0])
            begun = time.process_time()
            result = restitute_burn(seen, STATIONS, start, scenario.covariance, plan, options)
            seconds += time.process_time() - begun if key == "+10 min" else 0.0
            state, covariance = result.states(end)
            found = np.concatenate([state.position_m[0], state.velocity_ms[0]])
            row = int(np.argmin(np.abs(since - (end - scenario.burn.ignition)[0])))
            true = np.concatenate([truth.position.values[row], truth.velocity.values[row]])
            # a plan wrong by seconds cannot be told from the last count before cut-off: there only right plans are compared
            if key != "cut-off" or plan is scenario.planned:
                errors[key].append(axis_km(found) - axis_km(true))
        formal.append(result.summary["ten_minutes_later"]["semi_major_axis_sigma_km"])
        nees.append(float(normalised_error((found - true)[None], covariance)[0]))
        nis += result.summary["nis"]["mean"] * result.summary["nis"]["count"]
        number += result.summary["nis"]["count"]
        if seed < 10 and scenario.burn.duration_s > 900 and plan is scenario.planned:
            early = part_of_tracking(noisy, noisy.stop.tai_ns <= (scenario.burn.ignition + 600.0).tai_ns[0])
            rows = restitute_burn(early, STATIONS, start, scenario.covariance, plan, options).estimates
            end_row = int(np.argmin(np.abs(since - scenario.burn.duration_s)))
            end_axis = axis_km(np.concatenate([truth.position.values[end_row], truth.velocity.values[end_row]]))
            forecast.append(float(rows.forecast_semi_major_axis[-1]) / 1e3 - end_axis)
    rms = {key: float(np.sqrt(np.mean(np.square(values)))) for key, values in errors.items()}
    bands = mean_band(starts, 6), mean_band(number)
    print(
        f"\n{name}: {starts} starts, a at cut-off {rms['cut-off']:.2f} km rms (Orekit up to {orekit}), ten minutes later {rms['+10 min']:.3f} "
        f"(asked {asked}, formal sigma {np.mean(formal):.3f}); NEES {np.mean(nees):.3f} in {bands[0][0]:.2f}..{bands[0][1]:.2f}; NIS {nis / number:.5f} in "
        f"{bands[1][0]:.5f}..{bands[1][1]:.5f}; forecast at ten minutes {np.max(np.abs(forecast)) if forecast else np.nan:.1f} km worst; "
        f"{1e3 * seconds / starts:.0f} ms of processor a run of {number // starts} counts"
    )
    # what the counts tell is a bound for every unbiased estimate: where it lies above what is asked, that is what can be held
    assert rms["+10 min"] < max(asked, 1.15 * float(np.mean(formal)))
    assert rms["cut-off"] < orekit
    # of five burns one leaves a 95 % band by chance every fourth time: the test holds 99.9 %, the report the 95 %
    low, high = mean_band(starts, 6, probability=0.999)
    assert low < np.mean(nees) < high
    low, high = mean_band(number, probability=0.999)
    assert low < nis / number < high
    assert not forecast or np.max(np.abs(forecast)) < 15.0


@pytest.mark.benchmark
def test_rate_of_the_papers_filter() -> None:
    scenario = burn_scenario("tc2a-dv1")
    counts, _ = simulate_burn(scenario.start, scenario.burn, STATIONS, scenario.plan, 1)
    sigmas = {"ignition": 4.0, "cut_off": 4.0, "thrust": 0.05, "flow": 0.01}
    model = burn_model(scenario.start, scenario.covariance, scenario.planned, sigmas, True, 0, False)
    ready = ready_counts(counts, STATIONS, model.epoch, (0.02, 10.0))
    rates = []
    for _ in range(5):
        paper = PaperFilter(model, veis_axes(scenario.burn.ignition), True, True)
        begun = time.process_time()
        paper.take(ready, len(ready))
        rates.append(len(ready) / (time.process_time() - begun))
    print(f"\nnine-state filter: {max(rates):.0f} Doppler measurements/s on one core (asked 100000)")
    assert max(rates) > 100_000
