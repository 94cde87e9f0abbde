"""What the paper's filter says at the end, in the words of the full method's summary."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from orbit_aux.burns.consistency import mean_band
from orbit_aux.burns.estimates import semi_major_axis
from orbit_aux.burns.paper_filter import PaperFilter
from orbit_aux.burns.result import LATER_S, orbit_at, target
from orbit_aux.constants import EARTH_J2, EARTH_MU_M3S2, EARTH_RADIUS_M
from orbit_aux.tracking import Tracking

Array = NDArray[np.float64]

# a filter whose mean normalised innovation squared lies outside is not to be believed
_BAND = (0.6, 1.5)
_LARGEST_SPIN_MS = 0.8


def paper_summary(
    filter_: PaperFilter, nodes: tuple[Array, Array, Array], tracking: Tracking, notes: list[str]
) -> dict[str, Any]:
    """Plain values, ready for JSON; the verdict with its reasons."""
    model, axes = filter_.model, filter_.axes
    innovations = np.concatenate([part.innovations for part in filter_.steps])
    variances = np.concatenate([part.variances for part in filter_.steps])
    accepted = np.concatenate([part.accepted for part in filter_.steps]) > 0
    asked = np.concatenate([part.begin_s[part.group] >= filter_.switches[0] - 1e-9 for part in filter_.steps])
    squares = innovations[accepted] ** 2 / variances[accepted]
    number, mean = len(squares), float(squares.mean()) if len(squares) else None
    at = filter_.switches[1] + np.array([0.0, LATER_S])
    state, covariance = filter_.carried(nodes, at)
    root = np.asarray(np.linalg.cholesky(_positive(covariance)), dtype=np.float64)
    planned = target(model)
    left_out = int(asked.sum()) - number
    reasons = _reasons(mean, left_out, int(asked.sum()))
    back = filter_.carried(nodes, np.zeros(1))[0][0]
    moved = np.linalg.lstsq(model.root[:6, :6], back - model.mean[:6], rcond=1e-14)[0]
    if np.abs(moved).max() > 5.0:
        reasons.append(f"the start state moved {np.abs(moved).max():.1f} sigmas")
    if filter_.level_ms > _LARGEST_SPIN_MS:
        reasons.append(f"residuals of {filter_.level_ms:.2f} m/s are more than a spinning antenna leaves")
    if float((tracking.stop.max() - model.epoch)[0]) < at[0]:
        reasons.append("the counts end before cut-off: what follows is a forecast")
    refused = mean is None or left_out > 0.5 * asked.sum()
    return {
        "verdict": "refused" if refused else "doubtful" if reasons else "believed",
        "reasons": reasons,
        "notes": [*dict.fromkeys(notes)],
        "measurements": {"given": len(tracking), "kept": number, "left_out": left_out},
        "first_count_utc": tracking.start.min().utc_strings(3)[0],
        "last_count_utc": tracking.stop.max().utc_strings(3)[0],
        "light_time": model.light_time,
        "light_time_decided": False,
        "nis": {"mean": mean, "band_95": list(mean_band(number)), "count": number},
        "nis_real_time": {"mean": mean, "band_95": list(mean_band(number)), "count": number},
        "ignition": _switch(filter_, 0),
        "cut_off": _switch(filter_, 1),
        "thrust": _thrust(filter_, nodes),
        "spin": None,
        "biases_ms": None,
        "at_cut_off": orbit_at(model.epoch + at[0], state[:1], root[:1], axes),
        "ten_minutes_later": orbit_at(model.epoch + at[1], state[1:], root[1:], axes),
        "planned": {"semi_major_axis_km": planned / 1e3},
        "achieved_less_planned_km": float(semi_major_axis(state[:1])[0][0] - planned) / 1e3,
        "constants": {"mu_m3s2": EARTH_MU_M3S2, "radius_m": EARTH_RADIUS_M, "j2": EARTH_J2},
        "elements_in": "Veis axes frozen at ignition",
    }


def _reasons(mean: float | None, left_out: int, asked: int) -> list[str]:
    reasons = []
    if mean is None:
        reasons.append("no count after ignition was accepted")
    elif not _BAND[0] < mean < _BAND[1]:
        reasons.append(f"mean normalised innovation squared {mean:.2f} is outside {_BAND[0]} to {_BAND[1]}")
    if left_out > 0.05 * asked:
        reasons.append(f"{left_out} of {asked} counts after ignition were left out as outliers")
    return reasons


def _switch(filter_: PaperFilter, which: int) -> dict[str, Any]:
    time = filter_.model.epoch + filter_.switches[which]
    return {"utc": time.utc_strings(3)[0], "later_than_planned_s": 0.0, "sigma_s": 0.0}


def _thrust(filter_: PaperFilter, nodes: tuple[Array, Array, Array]) -> dict[str, Any]:
    """Force at the first node after ignition, from its acceleration and the mass then."""
    times, states, covariances = nodes
    burn = filter_.model.burn
    k = min(int(np.searchsorted(times, filter_.switches[0] + 1.0)), len(times) - 1)
    burnt = float(np.clip(times[k] - filter_.switches[0], 0.0, burn.duration_s))
    mass = burn.mass_kg - burn.flow_kgs * burnt
    local = states[k, 6:]
    acceleration = local @ filter_.axes if burn.axes == "GCRF" else local
    size = float(np.sqrt(acceleration @ acceleration))
    direction, unit = acceleration / size, local / size
    sigma = np.sqrt(np.maximum(np.diag(covariances[k, 6:, 6:]), 0.0))
    along = float(np.sqrt(max(float(unit @ covariances[k, 6:, 6:] @ unit), 0.0)))
    cosine = float(np.clip(direction @ np.asarray(burn.direction), -1.0, 1.0))
    flow = size * mass / filter_.thrust[1] if filter_.thrust[1] > 0 else 0.0
    turn = float(np.sqrt(max(float(np.sum(sigma**2)) - along**2, 0.0) / 2.0)) / size
    return {
        "n": size * mass,
        "sigma_n": along * mass,
        "planned_n": burn.thrust_n,
        "axes": burn.axes,
        "direction": direction.tolist(),
        "direction_sigma_deg": float(np.degrees(turn)),
        "from_planned_direction_deg": float(np.degrees(np.arccos(cosine))),
        "component_sigma_n": (sigma * mass).tolist(),
        "flow_kgs": flow,
        "flow_sigma_kgs": along * mass / filter_.thrust[1] if filter_.thrust[1] > 0 else 0.0,
        "planned_flow_kgs": burn.flow_kgs,
        "mass_at_cut_off_kg": burn.mass_kg - flow * burn.duration_s,
    }


def _positive(covariances: Array) -> Array:
    """Covariances made safely positive: smoothing leaves rounding."""
    symmetric = 0.5 * (covariances + np.swapaxes(covariances, 1, 2))
    scale = np.sqrt(np.diagonal(symmetric, axis1=1, axis2=2))
    correlation = symmetric / (scale[:, :, None] * scale[:, None, :])
    values, vectors = np.linalg.eigh(correlation)
    fixed = (vectors * np.maximum(values, 1e-12)[:, None, :]) @ np.swapaxes(vectors, 1, 2)
    result: Array = fixed * scale[:, :, None] * scale[:, None, :]
    return result
