"""What an estimated low orbit hands out: ephemeris with covariance, tables, and a judgement of itself."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from orbit_aux.frames import local_orbital_axes
from orbit_aux.low.batch import spread
from orbit_aux.low.estimate import Estimate, Problem
from orbit_aux.orbit import Covariance, Orbit, Segment
from orbit_aux.time import Times

Array = NDArray[np.float64]

# records of a piece of orbit between two switches: as many as interpolation of degree 7 wants, and one more
_FEWEST_RECORDS = 5
_MOST_LAGS = 60
# epochs whose partials are held at once
_BLOCK = 1500
# below it correlation is noise of the estimate
_LEAST_CORRELATION = 0.05
_COLOUR_MATTERS = 1.15


def orbit_of(estimate: Estimate, problem: Problem, object_name: str, object_id: str, source: str) -> Orbit:
    """Records every `output_step_s` from the first to the last fix with their covariance, in pieces that end at every switch of a thrust."""
    return ephemeris(estimate, problem, (object_name, object_id, f"restituted from {source}"))


def ephemeris(estimate: Estimate, problem: Problem, names: tuple[str, str, str]) -> Orbit:
    """See `orbit_of`."""
    pieces = [
        np.linspace(low, high, records(high - low, problem.options.output_step_s))
        for low, high in arcs(estimate, problem)
    ]
    epoch = problem.data.epoch
    states, roots, segments, first = [], [], [], 0
    for elapsed in pieces:
        # the end of a piece is before the impulse that ends it
        parts = [(part, False) for part in np.array_split(elapsed[:-1], len(elapsed) // _BLOCK + 1)]
        for part, before in (*parts, (elapsed[-1:], True)):
            states.append(estimate.trajectory.at(part, before=before))
            design = estimate.model.design(estimate.trajectory, part, before=before)
            roots.append(carried(design, estimate.solution.covariance))
        edges = (epoch + elapsed[[0, -1]]).tai_ns
        segments.append(Segment(first, first + len(elapsed), int(edges[0]), int(edges[1])))
        first += len(elapsed)
    times = Times.concatenate([epoch + elapsed for elapsed in pieces])
    vectors, matrices = np.concatenate(states), np.concatenate(roots)
    # a second covariance at the same epoch says nothing more
    kept = np.flatnonzero(np.diff(times.tai_ns, prepend=times.tai_ns[:1] - 1) > 0)
    matrices = 0.5 * (matrices + np.swapaxes(matrices, 1, 2))[kept]
    covariance = Covariance(times[kept], matrices, ("GCRF",) * len(kept))
    return Orbit(
        names[0],
        names[1],
        "GCRF",
        times,
        vectors[:, :3],
        vectors[:, 3:],
        names[2],
        segments=tuple(segments),
        covariance=covariance,
    )


def carried(design: Array, covariance: Array) -> Array:
    """Covariances (n, rows, rows) of quantities with partials `design` (n, rows, unknowns)."""
    size = design.shape[2]
    weighted = (design.reshape(-1, size) @ covariance[:size, :size]).reshape(design.shape)
    return np.asarray(weighted @ np.swapaxes(design, 1, 2))


def records(duration_s: float, step_s: float) -> int:
    """How many records a piece of orbit gets."""
    return max(int(np.ceil(duration_s / step_s - 1e-9)) + 1, _FEWEST_RECORDS)


def arcs(estimate: Estimate, problem: Problem) -> list[tuple[float, float]]:
    """Intervals (s) between switches of thrust and impulses."""
    kinds = {"impulse", "force"}
    marks = [edge for item in estimate.model.parameters if item.kind in kinds for edge in (item.start_s, item.stop_s)]
    inside = sorted({0.0, problem.duration_s, *(edge for edge in marks if 1.0 < edge < problem.duration_s - 1.0)})
    return [(low, high) for low, high in itertools.pairwise(inside) if high - low > 0.1]


def parameter_table(estimate: Estimate) -> xr.Dataset:
    """Estimated parameters: value, standard deviation, that a priori, over "parameter"."""
    model = estimate.model
    unknowns = len(model.names)
    sigma = np.sqrt(np.diagonal(estimate.solution.covariance))[6 : 6 + unknowns]
    prior = np.where(model.empirical, model.sigmas * estimate.empirical_ms2, model.sigmas)
    units = [model.columns[number].unit for number in model.direct] + [
        model.columns[p.carrier].unit for p in model.pieces
    ]
    # a group of drag has the whole scale, not its change
    offset = np.array([0.0] * len(model.direct) + [model.columns[p.carrier].value for p in model.pieces])
    nan = np.full(len(model.direct), np.nan)
    start_s = np.concatenate([nan, [piece.start_s for piece in model.pieces]])
    stop_s = np.concatenate([nan, [piece.stop_s for piece in model.pieces]])
    return xr.Dataset(
        {
            "value": ("parameter", model.values + offset, {"units": "as unit"}),
            "sigma": ("parameter", sigma, {"units": "as unit"}),
            "prior_sigma": ("parameter", prior, {"units": "as unit"}),
            "unit": ("parameter", np.array(units, dtype=str), {"units": "1"}),
            "start_s": ("parameter", start_s, {"units": "s"}),
            "stop_s": ("parameter", stop_s, {"units": "s"}),
        },
        {"parameter": np.array(model.names, dtype=str)},
    )


def residual_table(estimate: Estimate, problem: Problem) -> xr.Dataset:
    """Fixes less orbit along its radial, along and cross directions (m), sigma, whether accepted, over "fix"."""
    data = problem.data
    states = estimate.trajectory.at(data.elapsed_s)
    return residuals_dataset(
        data.epoch + data.elapsed_s, states, estimate.residual_m, estimate.sigma_m, estimate.accepted
    )


def residuals_dataset(
    times: Times, states: Array, residual_m: Array, sigma_m: Array, accepted: NDArray[np.bool_]
) -> xr.Dataset:
    """Residuals (GCRF, m) in local axes as a dataset."""
    local = np.einsum("nij,nj->in", local_orbital_axes(states[:, :3], states[:, 3:], "RSW"), residual_m)
    names = ("radial", "along", "cross")
    variables: dict[str, Any] = {
        name: ("fix", values, {"units": "m"}) for name, values in zip(names, local, strict=True)
    }
    variables |= {"sigma": ("fix", sigma_m, {"units": "m"}), "accepted": ("fix", accepted, {"units": "1"})}
    return xr.Dataset(variables, {"time": ("fix", times.utc_datetime64(), {"scale": "UTC"})})


def colour(estimate: Estimate, problem: Problem) -> float:
    """By how much sigma must grow for errors correlated in time: sqrt(1 + 2 x sum of the correlations), 1 for white ones."""
    elapsed, good = problem.data.elapsed_s, estimate.accepted
    if good.sum() < 100:
        return 1.0
    spacing = float(np.median(np.diff(elapsed)))
    slot = np.rint((elapsed - elapsed[0]) / spacing).astype(np.int64)
    series = np.full((int(slot[-1]) + 1, 3), np.nan)
    series[slot[good]] = (estimate.residual_m / estimate.sigma_m[:, None])[good]
    variance = float(np.nanmean(series**2))
    total = 0.0
    for lag in range(1, min(_MOST_LAGS, len(series) // 4)):
        products = series[lag:] * series[:-lag]
        usable = np.isfinite(products)
        if usable.sum() < 100:
            break
        correlation = float(products[usable].mean()) / variance
        if correlation < max(_LEAST_CORRELATION, 2.0 / np.sqrt(usable.sum())):
            break
        total += correlation
    factor = float(np.sqrt(1.0 + 2.0 * total))
    return factor if factor > _COLOUR_MATTERS else 1.0


def summary_of(estimate: Estimate, problem: Problem, orbit: Orbit, notes: tuple[str, ...]) -> dict[str, Any]:
    """Plain values for JSON: fit, verdict, state, manoeuvres, constants."""
    accepted, residual = estimate.accepted, estimate.residual_m
    weighted = residual[accepted] / (estimate.sigma_m[accepted, None] * problem.inflation)
    freedom = max(int(3 * accepted.sum()) - 6, 1)
    reduced = float(np.sum(weighted**2) * problem.inflation**2) / freedom
    table = parameter_table(estimate)
    sigma_3d = position_sigma(orbit)
    reasons = doubts(estimate, accepted, reduced, sigma_3d)
    shown = [
        name for name in table.parameter.values.tolist() if name.startswith(("drag", "solar", "impulse", "thrust"))
    ]
    return {
        "verdict": "doubtful" if reasons else "believed",
        "reasons": reasons,
        "method": "batch least squares",
        "epoch_utc": problem.data.epoch.utc_strings()[0],
        "stop_utc": (problem.data.epoch + problem.duration_s).utc_strings()[0],
        "state_gcrf_m_ms": estimate.start.tolist(),
        "fixes": len(accepted),
        "rejected": int((~accepted).sum()),
        "sigma_m": float(np.median(estimate.sigma_m)) if len(accepted) else None,
        "sigma_from_residuals": estimate.measured_sigma,
        "sigma_widened_by": problem.inflation,
        "residual_rms_m": float(np.sqrt(np.mean(residual[accepted] ** 2))) if accepted.any() else None,
        "reduced_chi2": reduced,
        "iterations": estimate.turns,
        "unmodelled_acceleration_ms2": estimate.empirical_ms2,
        "position_sigma_3d_m": {"median": float(np.median(sigma_3d)), "greatest": float(sigma_3d.max())},
        "parameters": {
            name: {"value": float(table.value.sel(parameter=name)), "sigma": float(table.sigma.sel(parameter=name))}
            for name in shown
        },
        "bias_rsw_m": estimate.bias_m.tolist(),
        "forces": problem.forces.record(),
        "notes": list(notes),
    }


def position_sigma(orbit: Orbit) -> Array:
    """Standard deviations of the position in three dimensions, m, of the covariance's epochs."""
    if orbit.covariance is None:
        return np.zeros(1)
    return np.asarray(np.sqrt(np.trace(orbit.covariance.matrices[:, :3, :3], axis1=1, axis2=2)))


def doubts(estimate: Estimate, accepted: NDArray[np.bool_], reduced: float, sigma_3d: Array) -> list[str]:
    """Why an orbit should not be believed, as sentences."""
    reasons = []
    if not estimate.settled:
        reasons.append("the iteration did not settle")
    if len(accepted) and accepted.mean() < 0.8:
        reasons.append(f"{100 * (1 - accepted.mean()):.0f} % of the fixes were left out")
    if reduced > 1.5:
        reasons.append(f"residuals are {np.sqrt(reduced):.1f} times what sigma allows")
    if estimate.measured_sigma and len(accepted) and spread(estimate.residual_m) > 100.0:
        reasons.append(f"fixes scatter by {spread(estimate.residual_m):.0f} m")
    if sigma_3d.max() > 1000.0:
        reasons.append(f"the orbit is known to {sigma_3d.max():.0f} m only")
    return reasons
