"""What the filter of a low orbit hands out."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from orbit_aux.low.estimate import Problem
from orbit_aux.low.result import position_sigma
from orbit_aux.orbit import Covariance, Orbit, Segment

if TYPE_CHECKING:
    from orbit_aux.low.filter import Walk

Array = NDArray[np.float64]

_FEWEST_RECORDS = 4


def filter_orbit(walk: Walk, states: Array, covariances: Array, problem: Problem, names: tuple[str, str, str]) -> Orbit:
    """Smoothed states at the epochs of the filter, with covariance; no interpolation across an impulse."""
    times = problem.data.epoch + walk.elapsed_s
    edges = [0, *_cuts(walk, problem), len(times)]
    segments = []
    kept = np.zeros(len(times), dtype=bool)
    for low, high in itertools.pairwise(edges):
        if high - low >= _FEWEST_RECORDS:
            first = int(kept.sum())
            kept[low:high] = True
            ends = times[[low, high - 1]].tai_ns
            segments.append(Segment(first, first + high - low, int(ends[0]), int(ends[1])))
    rows = np.flatnonzero(kept)
    matrices = covariances[rows, :6, :6]
    covariance = Covariance(times[rows], 0.5 * (matrices + np.swapaxes(matrices, 1, 2)), ("GCRF",) * len(rows))
    return Orbit(
        names[0], names[1], "GCRF", times[rows], states[rows, :3], states[rows, 3:6], names[2],
        segments=tuple(segments), covariance=covariance,
    )  # fmt: skip


def _cuts(walk: Walk, problem: Problem) -> list[int]:
    """Epochs with which a new piece of orbit begins."""
    from orbit_aux.motion.dynamics import parameters_of

    items = parameters_of(problem.forces, problem.data.epoch, problem.duration_s)
    marks = {edge for item in items if item.kind == "impulse" for edge in (item.start_s, item.stop_s)}
    places = {int(np.searchsorted(walk.elapsed_s, mark)) for mark in marks}
    return sorted(place for place in places if 0 < place < len(walk.elapsed_s))


def filter_parameters(walk: Walk, states: Array, covariances: Array) -> xr.Dataset:
    """Parameters at the last epoch, over "parameter"."""
    sigma = np.sqrt(np.diagonal(covariances[-1]))[6:]
    first = np.sqrt(np.diagonal(walk.passed[0].predicted_root @ walk.passed[0].predicted_root.T))[6:]
    units = ["1" if name in {"drag", "solar_pressure"} else "m/s2" if name in {"radial", "along", "cross"} else
             "N" if name.startswith("thrust") else "m/s" for name in walk.names]  # fmt: skip
    return xr.Dataset(
        {
            "value": ("parameter", states[-1, 6:], {"units": "as unit"}),
            "sigma": ("parameter", sigma, {"units": "as unit"}),
            "prior_sigma": ("parameter", first, {"units": "as unit"}),
            "unit": ("parameter", np.array(units, dtype=str), {"units": "1"}),
        },
        {"parameter": np.array(walk.names, dtype=str)},
    )


def filter_summary(
    walk: Walk, problem: Problem, residual_m: Array, sigmas: Array, orbit: Orbit, notes: tuple[str, ...]
) -> dict[str, Any]:
    """Plain values for JSON."""
    accepted = walk.accepted
    judged = walk.nis[accepted][20:]
    mean_nis = float(np.mean(judged)) if len(judged) else None
    last = walk.passed[-1]
    spread = np.sqrt(np.diagonal(last.root @ last.root.T))
    reasons = []
    if accepted.mean() < 0.8:
        reasons.append(f"{100 * (1 - accepted.mean()):.0f} % of the fixes were left out")
    if mean_nis is not None and not 2.0 <= mean_nis <= 4.5:
        reasons.append(f"the mean innovation test is {mean_nis:.2f} where 3 is expected")
    sizes = position_sigma(orbit)
    return {
        "verdict": "doubtful" if reasons else "believed",
        "reasons": reasons,
        "method": "square-root extended Kalman filter, Rauch-Tung-Striebel smoother",
        "epoch_utc": problem.data.epoch.utc_strings()[0],
        "stop_utc": (problem.data.epoch + problem.duration_s).utc_strings()[0],
        "state_gcrf_m_ms": last.state[:6].tolist(),
        "fixes": len(accepted),
        "rejected": int((~accepted).sum()),
        "sigma_m": float(np.median(sigmas)),
        "sigma_from_residuals": bool((problem.data.sigma_m <= 0).any() and problem.options.sigma_m is None),
        "residual_rms_m": float(np.sqrt(np.mean(residual_m[accepted] ** 2))) if accepted.any() else None,
        "mean_nis": mean_nis,
        "unmodelled_acceleration_ms2": walk.acceleration_ms2,
        "position_sigma_3d_m": {"median": float(np.median(sizes)), "greatest": float(sizes.max())},
        "last_position_sigma_3d_m": float(np.sqrt(np.sum(spread[:3] ** 2))),
        "parameters": {
            name: {"value": float(last.state[6 + number]), "sigma": float(spread[6 + number])}
            for number, name in enumerate(walk.names)
        },
        "forces": problem.forces.record(),
        "notes": list(notes),
    }
