"""Restitution of simulated burns against their truth, which comes from another integrator and another path of the signal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import xarray as xr

from orbit_aux.burns.burn import Burn
from orbit_aux.burns.consistency import mean_band, normalised_error
from orbit_aux.burns.counts import part_of_tracking
from orbit_aux.burns.restitution import BurnMonitor, BurnOptions, BurnRestitution, restitute_burn
from orbit_aux.burns.scenarios import SCENARIOS
from orbit_aux.errors import OrbitError
from orbit_aux.frames import State
from orbit_aux.stations import Stations
from orbit_aux.tracking import Tracking

# asked ten minutes after cut-off, rms over many starts, km
ASKED_KM = {"tc2a-dv1": 0.3, "hispasat-dv1": 0.3, "tdf2-dv1": 0.5, "tc2a-dv3": 1.2, "hispasat-dv3": 1.2}


def restituted(case: Any, stations: Stations, seed: int, plan: Burn | None = None, **options: Any) -> BurnRestitution:
    scenario = case.scenario
    return restitute_burn(
        case.tracking(seed),
        stations,
        case.start(seed),
        scenario.covariance,
        plan or scenario.planned,
        BurnOptions(**options),
    )


@pytest.mark.parametrize("name", SCENARIOS)
def test_five_burns(name: str, simulated_burn: Callable[..., Any], stations: Stations) -> None:
    case = simulated_burn(name)
    errors, nees = [], []
    for seed in range(5):
        result = restituted(case, stations, seed)
        assert result.summary["verdict"] == "believed", result.summary["reasons"]
        errors.append(case.error_km(result))
        state, covariance = result.states(case.scenario.burn.cut_off + 600.0)
        error = np.concatenate([state.position_m, state.velocity_ms], axis=1)
        nees.append(normalised_error(error - case.true_state(state.times), covariance)[0])
        low, high = mean_band(result.summary["nis"]["count"], probability=0.999)
        assert low < result.summary["nis"]["mean"] < high
    # the sample of five scatters by a third about the rms asked for
    assert np.sqrt(np.mean(np.square(errors))) < 1.5 * ASKED_KM[name]
    low, high = mean_band(5, 6, probability=0.999)
    assert low < np.mean(nees) < high


def turned(burn: Burn, ascension_deg: float, declination_deg: float) -> Burn:
    longitude = np.arctan2(burn.direction[1], burn.direction[0]) + np.radians(ascension_deg)
    latitude = np.arcsin(burn.direction[2]) + np.radians(declination_deg)
    cosine = np.cos(latitude)
    return replace(burn, direction=np.array([cosine * np.cos(longitude), cosine * np.sin(longitude), np.sin(latitude)]))


def shifted(burn: Burn, ignition_s: float, cut_off_s: float) -> Burn:
    return replace(burn, ignition=burn.ignition + ignition_s, duration_s=burn.duration_s + cut_off_s - ignition_s)


WRONG_PLANS: dict[str, Callable[[Burn], Burn]] = {
    "thrust and flow -10 %": lambda b: replace(b, thrust_n=0.9 * b.thrust_n, flow_kgs=0.9 * b.flow_kgs),
    "thrust -10 %, flow as planned": lambda b: replace(b, thrust_n=0.9 * b.thrust_n),
    "right ascension": lambda b: turned(b, 5.0, 0.0),
    "declination": lambda b: turned(b, 0.0, 5.0),
    "late": lambda b: shifted(b, -10.0, 0.0),
    "early": lambda b: shifted(b, 10.0, 0.0),
    "early, whole burn": lambda b: shifted(b, 10.0, 10.0),
    "cut early": lambda b: shifted(b, 0.0, 10.0),
    "cut late": lambda b: shifted(b, 0.0, -10.0),
}


@pytest.mark.parametrize("wrong", WRONG_PLANS)
@pytest.mark.parametrize("name", ["hispasat-dv1", "tc2a-dv3"])
def test_wrong_plans(name: str, wrong: str, simulated_burn: Callable[..., Any], stations: Stations) -> None:
    case = simulated_burn(name)
    result = restituted(case, stations, 3, WRONG_PLANS[wrong](case.scenario.planned))
    # asked: 2 km, where plain filters end 20 to 50 km off when a switch is 10 s wrong
    assert abs(case.error_km(result)) < 2.0
    assert result.summary["verdict"] == "believed", result.summary["reasons"]
    true_shift = (case.scenario.burn.cut_off - WRONG_PLANS[wrong](case.scenario.planned).cut_off)[0]
    assert result.summary["cut_off"]["later_than_planned_s"] == pytest.approx(true_shift, abs=1.0)


def test_forecast_ten_minutes_after_ignition(simulated_burn: Callable[..., Any], stations: Stations) -> None:
    for name in ("tc2a-dv1", "hispasat-dv1", "tdf2-dv1"):
        case = simulated_burn(name)
        seen = case.tracking(1)
        seen = part_of_tracking(seen, seen.stop.tai_ns <= (case.scenario.burn.ignition + 600.0).tai_ns[0])
        result = restitute_burn(
            seen, stations, case.start(1), case.scenario.covariance, case.scenario.planned, BurnOptions()
        )
        forecast = float(result.estimates.forecast_semi_major_axis[-1])
        end = case.true_state(case.scenario.burn.cut_off)
        true = 1.0 / (2.0 / np.linalg.norm(end[:3]) - end[3:] @ end[3:] / 3.986004415e14)
        assert abs(forecast - true) < 15e3
        assert "before cut-off" in " ".join(result.summary["reasons"])


@pytest.mark.parametrize("method", ["full", "paper"])
def test_stream_and_batch_say_the_same(method: str, simulated_burn: Callable[..., Any], stations: Stations) -> None:
    case = simulated_burn("tc2a-dv3", interval_s=10.0)
    counts, scenario = case.tracking(0), case.scenario
    start, options = case.start(0), BurnOptions(method=method)
    monitor = BurnMonitor(stations, start, scenario.covariance, scenario.planned, options)
    rows = [monitor.update(part_of_tracking(counts, slice(k, k + 3))) for k in range(0, len(counts), 3)]
    batch = restitute_burn(counts, stations, start, scenario.covariance, scenario.planned, options)
    stream = xr.concat(rows, "measurement")
    assert stream.sizes == batch.estimates.sizes
    # light times are iterated to 1e-14 s only, which is 1e-9 m/s
    np.testing.assert_allclose(stream.residual, batch.estimates.residual, atol=1e-8, rtol=0)
    np.testing.assert_allclose(stream.semi_major_axis, batch.estimates.semi_major_axis, atol=1e-2, rtol=0)
    end = scenario.burn.cut_off + 600.0
    np.testing.assert_allclose(
        monitor.result().states(end)[0].position_m, batch.states(end)[0].position_m, atol=1e-2, rtol=0
    )


@pytest.mark.parametrize("light_time", [True, False])
def test_light_time_is_decided_or_covered(
    light_time: bool, simulated_burn: Callable[..., Any], stations: Stations
) -> None:
    for name in ("hispasat-dv1", "tdf2-dv1"):
        case = simulated_burn(name, light_time=light_time)
        quiet = replace(case, counts=replace(case.counts, light_time=None))
        result = restituted(quiet, stations, 1)
        assert result.summary["light_time_decided"] and "values" in " ".join(result.summary["notes"])
        state, covariance = result.states(case.scenario.burn.cut_off + 600.0)
        error = np.concatenate([state.position_m, state.velocity_ms], axis=1) - case.true_state(state.times)
        # six degrees of freedom: above 30 once in 25 000; the wrong treatment alone would give 400
        assert normalised_error(error, covariance)[0] < 30.0
        if name == "hispasat-dv1":
            assert result.summary["light_time"] is light_time


@pytest.mark.parametrize(("name", "options"), [("tdf2-dv1", 0.7), ("hispasat-dv1", 4.0)])
def test_the_papers_own_filter(
    name: str, options: float, simulated_burn: Callable[..., Any], stations: Stations
) -> None:
    case = simulated_burn(name)
    result = restituted(case, stations, 2, method="paper")
    # three-axis: as good as the full method; spun: the antenna is noise to it, 1 to 3 km (the paper: 5.2 km)
    assert abs(case.error_km(result)) < options
    low, high = mean_band(result.summary["nis"]["count"], probability=0.9999)
    assert low - 0.02 < result.summary["nis"]["mean"] < high + 0.02
    assert result.summary["verdict"] == "believed"
    before = result.estimates.time.values < case.scenario.burn.ignition.utc_datetime64()[0]
    assert not result.estimates.accepted.values[before].any()


def test_outliers_gap_and_a_silent_station(simulated_burn: Callable[..., Any], stations: Stations) -> None:
    case = simulated_burn("tc2a-dv1")
    counts = case.tracking(4)
    rng = np.random.default_rng(0)
    wild = rng.choice(len(counts), 60, replace=False)
    value = counts.value.copy()
    value[wild] += rng.choice([-1, 1], 60) * rng.uniform(1.0, 300.0, 60)
    minutes = (counts.stop - case.scenario.burn.ignition) / 60.0
    keep = ~((minutes > 10) & (minutes < 15)) & ~((counts.receiver == "AUS") & (minutes > 20))
    counts = part_of_tracking(replace(counts, value=value), keep)
    result = restitute_burn(
        counts, stations, case.start(4), case.scenario.covariance, case.scenario.planned, BurnOptions()
    )
    assert result.summary["measurements"]["left_out"] == int(keep[wild].sum())
    assert result.summary["verdict"] == "believed"
    assert abs(case.error_km(result)) < 1.0
    assert int((~result.estimates.accepted).sum()) >= int(keep[wild].sum())


def test_other_counts_and_no_spin(simulated_burn: Callable[..., Any], stations: Stations) -> None:
    slow = restituted(simulated_burn("hispasat-dv1", interval_s=10.0), stations, 1)
    assert abs(simulated_burn("hispasat-dv1", interval_s=10.0).error_km(slow)) < 1.5
    still = restituted(simulated_burn("tc2a-dv1", spin=False), stations, 1)
    assert still.summary["spin"] is None
    spun = restituted(simulated_burn("tc2a-dv1"), stations, 1)
    assert spun.summary["spin"]["period_s"] == pytest.approx(5.1, abs=1e-4)
    assert spun.summary["spin"]["antenna_m"] == pytest.approx(0.65, abs=0.01)


def test_biases(simulated_burn: Callable[..., Any], stations: Stations) -> None:
    case = simulated_burn("tdf2-dv1")
    counts = case.tracking(5)
    counts = replace(counts, value=counts.value + np.where(counts.receiver == "HBK", 0.015, 0.0))
    scenario = case.scenario
    plain = restitute_burn(counts, stations, case.start(5), scenario.covariance, scenario.planned, BurnOptions())
    free = restitute_burn(
        counts, stations, case.start(5), scenario.covariance, scenario.planned, BurnOptions(estimate_biases=True)
    )
    found = free.summary["biases_ms"][stations.number("HBK")]
    assert abs(found["value"] - 0.015) < 4 * found["sigma"]
    assert free.summary["chi_square"] < plain.summary["chi_square"] + 1.0
    assert abs(case.error_km(free)) < 4 * free.summary["ten_minutes_later"]["semi_major_axis_sigma_km"]


def test_moon_and_sun(simulated_burn: Callable[..., Any], stations: Stations) -> None:
    from orbit_aux.burns.simulation import simulate_burn

    scenario = simulated_burn("tc2a-dv1").scenario
    plan = replace(scenario.plan, noise_ms=0.0, after_s=600.0, forces="j2+luni-solar", spin_period_s=None)
    counts, truth = simulate_burn(scenario.start, scenario.burn, stations, plan, 1)
    result = restitute_burn(
        counts, stations, scenario.start, scenario.covariance, scenario.planned, BurnOptions(forces="j2+luni-solar")
    )
    end = result.states(scenario.burn.cut_off)[0].position_m[0]
    row = int(np.argmin(np.abs(truth.since_ignition.values - scenario.burn.duration_s)))
    # bodies move on straight lines in the filter: 1 cm; without them the fit is off by tens of metres
    assert np.linalg.norm(end - truth.position.values[row]) < 20.0
    assert result.summary["chi_square"] < 0.1


def test_orbit_has_covariance_and_segments_at_the_switches(
    simulated_burn: Callable[..., Any], stations: Stations
) -> None:
    case = simulated_burn("tc2a-dv3")
    result = restituted(case, stations, 0)
    orbit = result.orbit(30.0, "TC2A", "1991-084A")
    assert len(orbit.segments) == 3 and orbit.covariance is not None
    times = case.scenario.burn.ignition + np.array([-100.0, 50.0, 300.0, 700.0])
    state, covariance = result.states(times)
    # interpolation inside segments: below a millimetre
    assert np.abs(orbit.at(times).position_m - state.position_m).max() < 1e-3
    assert (np.linalg.eigvalsh(covariance) > -1e-6).all()
    with pytest.raises(OrbitError, match="ask inside"):
        result.states(case.scenario.burn.cut_off + 1e5)


def changed(tracking: Tracking, **columns: Any) -> Tracking:
    return replace(tracking, **columns)


BAD_DOPPLER = {
    "opposite sign": lambda v: -v,
    "sum of the legs": lambda v: 2.0 * v,
    "half": lambda v: 0.5 * v,
    "km/s": lambda v: 1e-3 * v,
}


@pytest.mark.parametrize("method", ["full", "paper"])
@pytest.mark.parametrize("look", BAD_DOPPLER)
def test_wrong_conventions_are_named(
    method: str, look: str, simulated_burn: Callable[..., Any], stations: Stations
) -> None:
    # to the paper's filter a spun satellite's counts are so noisy that near the geostationary orbit half of them fits too
    case = simulated_burn("tc2a-dv3" if method == "full" else "tc2a-dv1")
    counts = case.tracking(0)
    counts = changed(counts, value=BAD_DOPPLER[look](counts.value))
    with pytest.raises(OrbitError, match=look):
        restitute_burn(
            counts,
            stations,
            case.start(0),
            case.scenario.covariance,
            case.scenario.planned,
            BurnOptions(method=method),
        )


def test_bad_input_is_refused(simulated_burn: Callable[..., Any], stations: Stations) -> None:
    case = simulated_burn("tc2a-dv3")
    counts, scenario, start = case.tracking(0), case.scenario, case.start(0)

    def refused(
        match: str, tracking: Tracking = counts, state: State = start, covariance: Any = None, **options: Any
    ) -> None:
        matrix = scenario.covariance if covariance is None else covariance
        with pytest.raises(OrbitError, match=match):
            restitute_burn(tracking, stations, state, matrix, scenario.planned, BurnOptions(**options))

    refused("unknown: use one of full, paper", method="best")
    refused("sigma_ms", sigma_ms=-1.0)
    refused("'XXX' is not in", changed(counts, receiver=np.full(len(counts), "XXX")))
    value = counts.value.copy()
    value[5] = np.nan
    refused("not a number", changed(counts, value=value))
    refused("no measurement", part_of_tracking(counts, slice(0, 0)))
    twice = np.concatenate([[0], np.arange(len(counts))])
    again = part_of_tracking(counts, twice)
    other = again.value.copy()
    other[0] += 1.0
    refused("two values", changed(again, value=other))
    refused(
        "not positive",
        covariance=np.diag([1e6, 1e6, 1e6, 0.09, 0.09, 0.09])
        + 2e6 * np.eye(6)[[1, 0, 2, 3, 4, 5]] * [1, 1, 0, 0, 0, 0],
    )
    refused("variance", covariance=np.diag([1e6, 1e6, -1.0, 0.09, 0.09, 0.09]))
    refused("metres", state=State(start.times, start.position_m / 1e3, start.velocity_ms / 1e3, "GCRF"))
    refused("meets the Earth", state=State(start.times, start.position_m * 0.2, start.velocity_ms * 0.01, "GCRF"))
    result = restitute_burn(again, stations, start, scenario.covariance, scenario.planned, BurnOptions())
    assert "repeat" in " ".join(result.summary["notes"])


def test_disorder_is_sorted_in_a_file_and_refused_in_a_stream(
    simulated_burn: Callable[..., Any], stations: Stations
) -> None:
    case = simulated_burn("tc2a-dv3")
    counts, scenario = case.tracking(0), case.scenario
    mixed = part_of_tracking(counts, np.random.default_rng(0).permutation(len(counts)))
    result = restitute_burn(mixed, stations, case.start(0), scenario.covariance, scenario.planned, BurnOptions())
    assert "sorted" in " ".join(result.summary["notes"]) and abs(case.error_km(result)) < 3.0
    monitor = BurnMonitor(stations, case.start(0), scenario.covariance, scenario.planned, BurnOptions())
    monitor.update(part_of_tracking(counts, slice(3, 6)))
    with pytest.raises(OrbitError, match="in order"):
        monitor.update(part_of_tracking(counts, slice(0, 3)))


def test_what_should_not_be_believed_says_so(simulated_burn: Callable[..., Any], stations: Stations) -> None:
    case = simulated_burn("tc2a-dv3")
    counts, scenario, start = case.tracking(0), case.scenario, case.start(0)
    far = State(start.times, start.position_m + 3e4, start.velocity_ms + 20.0, "GCRF")
    result = restitute_burn(counts, stations, far, scenario.covariance, scenario.planned, BurnOptions())
    assert result.summary["verdict"] != "believed" and result.summary["reasons"]
    # a station at the wrong place: the other side of the Earth
    moved = Stations(
        stations.names, stations.position_itrf_m * [[1, 1, 1], [1, 1, 1], [-1, -1, -1], [1, 1, 1]], "moved"
    )
    result = restitute_burn(counts, moved, start, scenario.covariance, scenario.planned, BurnOptions())
    assert result.summary["verdict"] != "believed"
    assert any("HBK" in reason for reason in result.summary["reasons"])
    few = restitute_burn(
        part_of_tracking(counts, slice(0, 9)), stations, start, scenario.covariance, scenario.planned, BurnOptions()
    )
    assert few.summary["verdict"] == "doubtful"
