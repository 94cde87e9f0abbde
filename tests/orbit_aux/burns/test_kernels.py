"""The filter's trajectory, partial derivatives and counts against the simulator, which shares no equation with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from orbit_aux.burns.count_kernels import absorb, states_at, triangle
from orbit_aux.burns.counts import ready_counts
from orbit_aux.burns.model import BurnModel, Reference, burn_model
from orbit_aux.burns.simulation import true_trajectory
from orbit_aux.stations import Stations

SIGMAS = {"ignition": 4.0, "cut_off": 4.0, "thrust": 0.05, "flow": 0.01}


def true_model(case: Any) -> BurnModel:
    scenario = case.scenario
    model = burn_model(scenario.start, scenario.covariance, scenario.burn, SIGMAS, True, 0, False)
    return model.covering(-310.0, float(model.mean[11]) + 650.0)


@pytest.mark.parametrize("name", ["tc2a-dv1", "tdf2-dv1"])
def test_trajectory(name: str, simulated_burn: Callable[..., Any]) -> None:
    case = simulated_burn(name)
    model = true_model(case)
    times, nodes = model.trajectory(model.mean)
    at = np.arange(-290.0, model.mean[11] + 600.0, 7.3)
    truth = true_trajectory(case.scenario.start, case.scenario.burn, 320.0, 700.0)
    states = truth.states(at - float((case.scenario.burn.ignition - model.epoch)[0]))
    found = states_at(times, nodes, at)[:, :, 0]
    # 1 mm and 1 µm/s in an hour, a thousandth of what a count resolves
    assert np.abs(found[:, :3] - states[:, :3]).max() < 1e-3
    assert np.abs(found[:, 3:] - states[:, 3:6]).max() < 2e-6


@pytest.mark.parametrize("light_time", [True, False])
@pytest.mark.parametrize("name", ["tc2a-dv3", "tdf2-dv1"])
def test_counts(name: str, light_time: bool, simulated_burn: Callable[..., Any], stations: Stations) -> None:
    case = simulated_burn(name, light_time=light_time, spin=False)
    scenario = case.scenario
    model = burn_model(scenario.start, scenario.covariance, scenario.burn, SIGMAS, light_time, 0, False)
    counts = ready_counts(case.counts, stations, model.epoch, (0.02, 10.0))
    model = model.covering(float(counts.tags.min()), float(counts.tags.max()))
    values, _ = Reference.of(model, model.mean).predict(counts, 0, len(counts))
    # a count that straddles a switch included
    assert np.abs(values - counts.measured).max() < 5e-6


@pytest.mark.parametrize("name", ["tc2a-dv3", "tdf2-dv1"])
@pytest.mark.parametrize("tied", [True, False])
def test_partial_derivatives(name: str, tied: bool, simulated_burn: Callable[..., Any], stations: Stations) -> None:
    case = simulated_burn(name)
    model = true_model(case).with_spin(1.23, 100.0).with_flow(tied, 0.01)
    counts = ready_counts(case.counts, stations, model.epoch, (0.02, 10.0))
    here = model.mean.copy()
    here[12:14] = 0.6, 0.2
    _, rows = Reference.of(model, here).predict(counts, 0, len(counts))
    steps = np.array([500.0] * 3 + [0.1] * 3 + [2.0] * 3 + [0.005 * here[9], 0.02, 0.02, 0.1, 0.1, 1e-6])
    for column, step in enumerate(steps):
        ahead, behind = here.copy(), here.copy()
        ahead[column] += step
        behind[column] -= step
        difference = (
            Reference.of(model, ahead).predict(counts, 0, len(counts))[0]
            - Reference.of(model, behind).predict(counts, 0, len(counts))[0]
        ) / (2 * step)
        # a count during which the engine switches is not linear in the switch; the antenna's axes do not follow the thrust's
        far = np.ones(len(counts), dtype=bool)
        if column in (10, 11):
            far = (np.abs(counts.tags - here[column]) > 2.5).all(axis=1)
        # differences of positions are rough: a metre of 40 000 km
        limit = 2e-2 if 6 <= column <= 8 else 2e-3
        scale = np.abs(difference[far]).max()
        assert np.abs(rows[far, column] - difference[far]).max() < limit * scale, column


def test_square_root_update_and_triangle_are_least_squares() -> None:
    rng = np.random.default_rng(3)
    scales = np.array([1e3, 1.0, 1e-3, 1e2, 1e-6])
    root = np.tril(rng.normal(size=(5, 5)) + 3.0 * np.eye(5)) * scales[:, None]
    rows, errors = rng.normal(size=(40, 5)) / scales, rng.normal(size=40)
    system = np.vstack([np.eye(5), rows @ root / 0.1])
    right = np.concatenate([np.zeros(5), errors / 0.1])
    best = np.linalg.lstsq(system, right, rcond=None)[0]
    covariance = root @ np.linalg.inv(system.T @ system) @ root.T
    shift, own = np.zeros(5), root.copy()
    for row, error in zip(rows, errors, strict=True):
        absorb(own, shift, row, error - row @ shift, 0.01, np.empty(5))
    np.testing.assert_allclose(shift, root @ best, rtol=1e-8)
    np.testing.assert_allclose(own @ own.T, covariance, rtol=1e-6, atol=1e-9 * np.abs(covariance).max())
    whole = triangle(rows, root, errors, np.full(40, 10.0), np.zeros(5))
    np.testing.assert_allclose(np.linalg.solve(whole[:5, :5], whole[:5, 5]), best, rtol=1e-9)
