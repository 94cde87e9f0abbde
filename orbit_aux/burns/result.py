"""The answer after the counts: the iterated fit of all of them, what it says, and whether to believe it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orbit_aux.burns.consistency import mean_band
from orbit_aux.burns.count_kernels import states_at
from orbit_aux.burns.counts import Counts
from orbit_aux.burns.doppler_check import CONVENTIONS
from orbit_aux.burns.estimates import elements_of, semi_major_axis
from orbit_aux.burns.fit import Fit, fit
from orbit_aux.burns.model import CUT_OFF, FLOW, FORCE, IGNITION, SPIN, BurnModel, Reference
from orbit_aux.burns.monitor import RealTimeFilter, badness, better_model, misfit, poor
from orbit_aux.constants import EARTH_J2, EARTH_MU_M3S2, EARTH_RADIUS_M
from orbit_aux.errors import OrbitError
from orbit_aux.frames import State
from orbit_aux.time import Times
from orbit_aux.tracking import Tracking

Array = NDArray[np.float64]

#: minutes after cut-off at which the paper's operators read the converged orbit
LATER_S = 600.0
_BETTER = 12.0
# mean square of residuals, and distance from the plan, beyond which another convention of the Doppler is tried
_WRONG, _FAR_SIGMAS = 2.0, 5.0
# a less probable treatment of light time is left out of the answer
_NEGLIGIBLE = 1e-4
# so far from the plan's exhaust speed the plan's flow may be what holds
_FLOW_SIGMAS = 2.5


@dataclass(frozen=True, eq=False)
class Conclusion:
    """The best fit; where light time was to be decided, the fit with the other treatment and by how much (chi-square) it is worse."""

    fit: Fit
    other: Fit | None = None
    margin: float = np.inf

    @property
    def share(self) -> float:
        """Probability of the other treatment of light time."""
        return (
            float(np.exp(-0.5 * self.margin) / (1.0 + np.exp(-0.5 * self.margin))) if np.isfinite(self.margin) else 0.0
        )

    def states(self, at_s: Array) -> tuple[Array, Array]:
        """States (n, 6) and square roots of their covariances (n, 6, m), seconds after the model's epoch.

        Where both treatments of light time explain the counts, the mean of both, and their distance in the covariance.
        """
        state, root = _states(self.fit, at_s)
        if self.other is None or self.share < _NEGLIGIBLE:
            return state, root
        away = _states(self.other, at_s)[0] - state
        spread = np.sqrt(self.share * (1.0 - self.share)) * away
        return state + self.share * away, np.concatenate([root, spread[:, :, None]], axis=2)


def conclude(filter_: RealTimeFilter, counts: Counts, spin: str, decide_light_time: bool) -> Conclusion:
    """The fit of all counts from the filter's estimate; if it is poor, from other switch times, flows and spin rates."""
    best = fit(filter_.model, counts, len(counts), filter_.estimate())
    best = better_model(best, counts, spin, decide_light_time)
    if poor(best):
        best = _other_switches(best, counts)
        best = better_model(best, counts, spin, decide_light_time)
    if poor(best) and best.reference.model.spinning:
        best = _other_turns(best, counts)
    if misfit(best) > _WRONG or np.abs(best.normalised[:9]).max() > _FAR_SIGMAS:
        refuse_other_convention(best, counts, spin)
    if abs(best.normalised[FLOW]) > _FLOW_SIGMAS:
        best = _planned_flow(best, counts)
    if not decide_light_time:
        return Conclusion(best)
    model = best.reference.model
    other = fit(replace(model, light_time=not model.light_time), counts, best.count, best.normalised)
    best, other = (best, other) if badness(best) <= badness(other) else (other, best)
    return Conclusion(best, other, badness(other) - badness(best))


def refuse_other_convention(best: Fit, counts: Counts, spin: str) -> None:
    """An error where the counts, read under another convention, are explained so much better that they surely follow it."""
    limit = 0.3 * badness(best)
    for factor, look, remedy in CONVENTIONS:
        other_counts = replace(
            counts, measured=np.where(counts.interval > 0, factor * counts.measured, counts.measured)
        )
        model = best.reference.model.without_spin()
        other = fit(model, other_counts, best.count, np.zeros_like(best.normalised))
        if poor(other):
            other = better_model(other, other_counts, spin, False)
        if badness(other) < limit and misfit(other) < _WRONG and np.abs(other.normalised[:9]).max() < _FAR_SIGMAS:
            raise OrbitError(
                f"{counts.tracking.source}: the Doppler does not fit the plan (mean square of residuals {misfit(best):.3g} sigma squared), "
                f"but does if taken as {look}; {remedy}"
            )


def _other_turns(best: Fit, counts: Counts) -> Fit:
    """The better of the fit and those with the spin rates that counts sampled at one instant could not tell from its own."""
    model = best.reference.model
    step = 2.0 * np.pi / float(np.min(counts.interval[counts.interval > 0]))
    start, rate = best, float(best.parameters[SPIN])
    for number in (-3, -2, -1, 1, 2, 3):
        turned = model.with_spin(rate + number * step, model.spin_origin_s or 0.0)
        z = start.normalised.copy()
        z[SPIN] = 0.0
        other = fit(turned, counts, best.count, z)
        if badness(other) < badness(best) - _BETTER:
            best = other
    return best


def _planned_flow(best: Fit, counts: Counts) -> Fit:
    """The better of the fit and one in which the plan's flow holds, not its exhaust speed."""
    model = best.reference.model
    other_model = model.with_flow(False, float(model.root[FLOW, FLOW] / model.mean[FLOW]))
    z = best.normalised.copy()
    z[FLOW] = 0.0
    other = fit(other_model, counts, best.count, z)
    return other if badness(other) < badness(best) - 2.0 else best


def _other_switches(best: Fit, counts: Counts) -> Fit:
    """The better of the fit and those that begin from other times of ignition and cut-off."""
    model = best.reference.model
    for ignition_s in (-8.0, 0.0, 8.0):
        for cut_off_s in (-8.0, 0.0, 8.0):
            z = np.zeros_like(best.normalised)
            z[IGNITION] = ignition_s / model.root[IGNITION, IGNITION]
            z[CUT_OFF] = cut_off_s / model.root[CUT_OFF, CUT_OFF]
            z[12:] = best.normalised[12:]
            other = fit(model, counts, best.count, z)
            if badness(other) < badness(best) - _BETTER:
                best = other
        if not poor(best):
            break
    return best


def smoothed(conclusion: Conclusion, times: Times) -> tuple[State, Array]:
    """States at `times` and their covariances from the fit of all counts."""
    state, root = conclusion.states(times - conclusion.fit.reference.model.epoch)
    return State(times, state[:, :3], state[:, 3:], "GCRF"), root @ np.swapaxes(root, -1, -2)


def _states(found: Fit, at_s: Array) -> tuple[Array, Array]:
    nodes = states_at(found.reference.times, found.reference.nodes, at_s)
    size = nodes.shape[2] - 1
    return nodes[:, :, 0] + nodes[:, :, 1:] @ found.shift[:size], nodes[:, :, 1:] @ found.root[:size]


def summary_of(
    conclusion: Conclusion,
    filter_: RealTimeFilter,
    counts: Counts,
    tracking: Tracking,
    axes: Array,
    notes: list[str],
) -> dict[str, Any]:
    """Plain values of the answer, ready for JSON; the verdict with its reasons."""
    found = conclusion.fit
    model = found.reference.model
    parameters = found.parameters
    sigma = np.sqrt(np.sum(found.root**2, axis=1))
    cut_off = float(parameters[CUT_OFF])
    at = np.array([cut_off, cut_off + LATER_S])
    state, root = conclusion.states(at)
    number = int(found.kept.sum())
    band = mean_band(number)
    real_time = _real_time_nis(filter_)
    planned = target(model)
    doubts = _doubts(conclusion, counts, tracking, state, root)
    return {
        "verdict": doubts[0],
        "reasons": doubts[1],
        "notes": [*dict.fromkeys([*notes, *filter_.notes, *_remarks(conclusion)])],
        "measurements": {"given": len(counts), "kept": number, "left_out": len(counts) - number},
        "first_count_utc": tracking.start.min().utc_strings(3)[0],
        "last_count_utc": tracking.stop.max().utc_strings(3)[0],
        "light_time": model.light_time,
        "light_time_decided": conclusion.other is not None,
        "light_time_margin_chi_square": conclusion.margin if conclusion.other is not None else None,
        "sigma_widened_by": round(found.scale, 3),
        "chi_square": round(found.cost, 1),
        "nis": {"mean": found.cost / max(number, 1), "band_95": list(band), "count": number},
        "nis_real_time": real_time,
        "ignition": _switch(model, parameters, sigma, IGNITION),
        "cut_off": _switch(model, parameters, sigma, CUT_OFF),
        "thrust": _thrust(model, found, sigma),
        "spin": _spin(model, parameters, sigma),
        "biases_ms": _biases(parameters, sigma),
        "at_cut_off": orbit_at(model.epoch + at[0], state[:1], root[:1], axes),
        "ten_minutes_later": orbit_at(model.epoch + at[1], state[1:], root[1:], axes),
        "planned": {"semi_major_axis_km": planned / 1e3},
        "achieved_less_planned_km": float(semi_major_axis(state[:1])[0][0] - planned) / 1e3,
        "constants": {"mu_m3s2": EARTH_MU_M3S2, "radius_m": EARTH_RADIUS_M, "j2": EARTH_J2},
        "elements_in": "Veis axes frozen at ignition",
    }


def _real_time_nis(filter_: RealTimeFilter) -> dict[str, Any]:
    """Mean of the innovations as they came, after the last fit that did not yet converge."""
    stretches = filter_.stretches
    squares = [s.innovations[s.accepted > 0] ** 2 / s.variances[s.accepted > 0] for s in stretches[1:]]
    values = np.concatenate(squares) if squares else np.zeros(0)
    if not len(values):
        return {"mean": None, "band_95": None, "count": 0}
    return {"mean": float(values.mean()), "band_95": list(mean_band(len(values))), "count": len(values)}


def target(model: BurnModel) -> float:
    planned = Reference.of(model, model.mean)
    state = states_at(planned.times, planned.nodes, model.mean[CUT_OFF : CUT_OFF + 1])[:, :, 0]
    return float(semi_major_axis(state)[0][0])


def _switch(model: BurnModel, parameters: Array, sigma: Array, column: int) -> dict[str, Any]:
    value = float(parameters[column])
    return {
        "utc": (model.epoch + value).utc_strings(3)[0],
        "later_than_planned_s": value - float(model.mean[column]),
        "sigma_s": float(sigma[column]),
    }


def _thrust(model: BurnModel, found: Fit, sigma: Array) -> dict[str, Any]:
    parameters, burn = found.parameters, model.burn
    force = parameters[FORCE]
    size = float(np.sqrt(force @ force))
    direction = force / size
    across = np.eye(3) - np.outer(direction, direction)
    turn = across @ found.root[FORCE] / size
    along = direction @ found.root[FORCE]
    tied = model.frame[1] == 1
    flow = size / float(parameters[FLOW]) if tied else float(parameters[FLOW])
    slope = along / parameters[FLOW] - size / parameters[FLOW] ** 2 * found.root[FLOW] if tied else found.root[FLOW]
    cosine = float(np.clip(direction @ np.asarray(burn.direction), -1.0, 1.0))
    return {
        "n": size,
        "sigma_n": float(np.sqrt(along @ along)),
        "planned_n": burn.thrust_n,
        "axes": burn.axes,
        "direction": direction.tolist(),
        "direction_sigma_deg": float(np.degrees(np.sqrt(np.sum(turn**2) / 2.0))),
        "from_planned_direction_deg": float(np.degrees(np.arccos(cosine))),
        "component_sigma_n": sigma[FORCE].tolist(),
        "flow_kgs": flow,
        "flow_sigma_kgs": float(np.sqrt(slope @ slope)),
        "planned_flow_kgs": burn.flow_kgs,
        "mass_at_cut_off_kg": burn.mass_kg - flow * float(parameters[CUT_OFF] - parameters[IGNITION]),
    }


def _spin(model: BurnModel, parameters: Array, sigma: Array) -> dict[str, Any] | None:
    if not model.spinning:
        return None
    rate = float(parameters[SPIN])
    return {
        "rate_rads": rate,
        "rate_sigma_rads": float(sigma[SPIN]),
        "period_s": 2.0 * np.pi / rate,
        "antenna_m": float(np.hypot(parameters[12], parameters[13])),
        "antenna_sigma_m": float(np.hypot(sigma[12], sigma[13])),
    }


def _biases(parameters: Array, sigma: Array) -> list[dict[str, float]] | None:
    if len(parameters) == 15:
        return None
    return [{"value": float(v), "sigma": float(s)} for v, s in zip(parameters[15:], sigma[15:], strict=True)]


def orbit_at(time: Times, state: Array, root: Array, axes: Array) -> dict[str, Any]:
    values, sigmas = elements_of(state, root, axes)
    spread = np.sqrt(np.sum(root[0] ** 2, axis=1))
    result: dict[str, Any] = {
        "utc": time.utc_strings(3)[0],
        "position_gcrf_m": state[0, :3].tolist(),
        "velocity_gcrf_ms": state[0, 3:].tolist(),
        "position_sigma_m": spread[:3].tolist(),
        "velocity_sigma_ms": spread[3:].tolist(),
    }
    for name, value in values.items():
        unit = (
            "_km"
            if name == "semi_major_axis"
            else "_deg"
            if name.endswith(("gitude", "ion", "gee", "ode", "aly"))
            else ""
        )
        share = 1e-3 if unit == "_km" else 1.0
        result[name + unit] = float(value[0]) * share
        result[name + "_sigma" + unit] = float(sigmas[name][0]) * share
    return result


def _doubts(
    conclusion: Conclusion, counts: Counts, tracking: Tracking, state: Array, root: Array
) -> tuple[str, list[str]]:
    """The verdict, and why it is not better."""
    found = conclusion.fit
    model, z = found.reference.model, found.normalised
    reasons = []
    number = int(found.kept.sum())
    mean, high = found.cost / max(number, 1), mean_band(number, probability=0.9999)[1]
    refused = found.scale > 3.0 or number < 0.5 * found.count
    if found.scale > 1.0:
        reasons.append(
            f"residuals are {found.scale:.2g} times their sigma: the motion or the counts are not as modelled"
        )
    elif mean > high:
        reasons.append(
            f"mean normalised residual {mean:.3f} is above {high:.3f}: sigma is too small or the model lacks something"
        )
    if number < 0.95 * found.count:
        reasons.append(f"{found.count - number} of {found.count} counts were left out as outliers")
    moved = (
        ("start state", float(np.max(np.abs(z[:6])))),
        ("thrust", float(np.max(np.abs(z[6:9])))),
        ("exhaust speed", abs(float(z[FLOW]))),
        ("ignition", abs(float(z[IGNITION]))),
        ("cut-off", abs(float(z[CUT_OFF]))),
    )
    for name, size in moved:
        if size > 5.0:
            reasons.append(f"the {name} moved {size:.1f} sigmas from the plan")
    _, gradient = semi_major_axis(state)
    spread_km = float(np.sqrt(np.sum((gradient[1] @ root[1]) ** 2))) / 1e3
    if spread_km > 10.0:
        reasons.append(f"the counts leave the semi-major axis uncertain by {spread_km:.0f} km: too few, or too short")
    reasons += _below_horizon(found, counts, tracking)
    reached = float(counts.tags[-1, 1])
    if reached < float(found.parameters[CUT_OFF]):
        reasons.append("the counts end before cut-off: what follows is a forecast")
    if number < 3 * len(z) and not refused:
        reasons.append(f"{number} counts are few for {int(np.sum(np.diag(model.root) > 0))} parameters")
    return ("refused" if refused else "doubtful" if reasons else "believed"), reasons


def _remarks(conclusion: Conclusion) -> list[str]:
    model = conclusion.fit.reference.model
    if conclusion.other is None:
        return []
    kind = "signals that travel" if model.light_time else "distances at one instant"
    if conclusion.margin < _BETTER:
        return [
            f"whether values are of signals that travel or of distances at one instant the counts do not tell (chi-square differs by "
            f"{conclusion.margin:.1f}): the answer covers both; say which"
        ]
    return [f"values were taken as of {kind}: clearly more likely (chi-square {conclusion.margin:.0f} better)"]


def _below_horizon(found: Fit, counts: Counts, tracking: Tracking) -> list[str]:
    """Stations from which the satellite would be below the horizon by more than refraction bends."""
    states = states_at(found.reference.times, found.reference.nodes, counts.tags[:, 1])[:, :3, 0]
    reasons = []
    for leg, names in ((0, tracking.transmitter), (1, tracking.receiver)):
        places = counts.legs[:, 1, leg, :3]
        line = states - places
        sine = np.sum(line * places, axis=1) / np.sqrt(np.sum(line**2, axis=1) * np.sum(places**2, axis=1))
        for name in np.unique(names[sine < -0.015]):
            lowest = float(np.degrees(np.arcsin(np.min(sine[names == name]))))
            text = f"from {name} the satellite would be {-lowest:.0f} deg below the horizon: check the station's place"
            if text not in reasons:
                reasons.append(text)
    return reasons
