"""Smoothing against the joint least squares of all states, and bands of chi-square."""

from __future__ import annotations

import numpy as np

from orbit_aux.burns.consistency import mean_band, normalised_error
from orbit_aux.burns.smoother import smooth


def test_smoother_is_the_joint_least_squares() -> None:
    rng = np.random.default_rng(5)
    n, m = 12, 3
    moves = [np.eye(m) + 0.2 * rng.normal(size=(m, m)) for _ in range(n - 1)]
    # noise on one component only, and none at all on some steps, as in a burn
    noises = [np.diag([0.0, 0.0, 0.3 if k % 3 else 0.0]) for k in range(n - 1)]
    rows, values, prior = rng.normal(size=(n, m)), rng.normal(size=n), np.diag([4.0, 1.0, 9.0])
    state, covariance = np.zeros(m), prior
    filtered, covariances, predicted = [], [], []
    for k in range(n):
        gain = covariance @ rows[k] / (rows[k] @ covariance @ rows[k] + 0.25)
        state = state + gain * (values[k] - rows[k] @ state)
        covariance = (np.eye(m) - np.outer(gain, rows[k])) @ covariance
        filtered.append(state)
        covariances.append(covariance)
        if k < n - 1:
            state, covariance = moves[k] @ state, moves[k] @ covariance @ moves[k].T + noises[k]
            predicted.append(state)
    states, matrices = smooth(*(np.array(part) for part in (filtered, covariances, moves, noises, predicted)))
    # unknowns: the first state and the noise of each step
    size = m + n - 1
    carry, design = np.zeros((m, size)), []
    carry[:, :m] = np.eye(m)
    carries = []
    for k in range(n):
        carries.append(carry)
        design.append(rows[k] @ carry / 0.5)
        if k < n - 1:
            carry = moves[k] @ carry
            carry = carry.copy()
            carry[2, m + k] += np.sqrt(noises[k][2, 2])
    system = np.vstack([np.diag(np.concatenate([1 / np.sqrt(np.diag(prior)), np.ones(n - 1)])), design])
    right = np.concatenate([np.zeros(size), values / 0.5])
    best = np.linalg.lstsq(system, right, rcond=None)[0]
    spread = np.linalg.inv(system.T @ system)
    for k in range(n):
        np.testing.assert_allclose(states[k], carries[k] @ best, atol=1e-9)
        np.testing.assert_allclose(matrices[k], carries[k] @ spread @ carries[k].T, atol=1e-9)


def test_bands_hold_what_chance_gives() -> None:
    rng = np.random.default_rng(2)
    factor = np.tril(rng.normal(size=(6, 6))) * [[1e6], [1e6], [1e6], [1.0], [1.0], [1e-3]]
    errors = rng.normal(size=(400, 6)) @ factor.T
    nees = normalised_error(errors, np.broadcast_to(factor @ factor.T, (400, 6, 6)))
    low, high = mean_band(400, 6)
    assert low < nees.mean() < high
    # chi-square of 2400 degrees: 6 (1 -+ 1.96 sqrt(2 / 2400))
    assert abs(low - 5.66) < 0.01 and abs(high - 6.35) < 0.01
