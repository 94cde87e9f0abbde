"""What a small change of the own velocity before a conjunction does to its probability: scans over its size and lead time, and the least that is enough."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from orbit_aux.conjunctions.collision import probability_2d
from orbit_aux.conjunctions.encounter import Encounter, closest_approach
from orbit_aux.conjunctions.flux import encounter_window, expected_collisions
from orbit_aux.conjunctions.two_body import moved, period_s
from orbit_aux.errors import OrbitError
from orbit_aux.transfer import propellant_kg

Array = NDArray[np.float64]

_HALVINGS = {"2d": 20, "3d": 5}


@dataclass(frozen=True)
class Avoidance:
    """The least velocity change (m/s, along the velocity; NaN: none in the scan), `lead_revolutions` before TCA, for the probability wanted."""

    lead_revolutions: float
    lead_s: float
    delta_v_ms: float
    probability: float
    miss_m: float
    propellant_kg: float


def after_manoeuvre(encounter: Encounter, lead_s: float, delta_v_ms: float) -> Encounter:
    """The encounter, at its new closest approach, if the own object changes its velocity by `delta_v_ms` along it, `lead_s` earlier.

    Two-body motion; the own covariance goes back along the old orbit and on along the new one, the manoeuvre itself is taken as exact.
    """
    before, back = moved(encounter.states[0], -lead_s)
    before = before.copy()
    before[3:] *= 1.0 + delta_v_ms / float(np.linalg.norm(before[3:]))
    after, onward = moved(before, lead_s)
    turn = onward @ back
    changed = replace(
        encounter,
        states=np.stack([after, encounter.states[1]]),
        covariances=np.stack([turn @ encounter.covariances[0] @ turn.T, encounter.covariances[1]]),
    )
    shift = closest_approach(changed, 0.25 * changed.shortest_period_s)
    return changed.at(shift) if shift else changed


def scan(encounter: Encounter, leads_revolutions: Array, delta_v_ms: Array, method: str = "2d") -> xr.Dataset:
    """Probability and miss distance over lead times (revolutions of the own orbit) and signed velocity changes (m/s), by `method` "2d" or "3d"."""
    judge = _judge(method)
    period = period_s(encounter.states[0])
    if (leads_revolutions < 0).any():
        raise OrbitError(f"lead of {leads_revolutions.min()} revolutions: manoeuvres come before the conjunction")
    shape = len(leads_revolutions), len(delta_v_ms)
    probability, miss = np.empty(shape), np.empty(shape)
    for row, lead in enumerate(leads_revolutions):
        for column, delta_v in enumerate(delta_v_ms):
            changed = after_manoeuvre(encounter, float(lead) * period, float(delta_v))
            probability[row, column] = judge(changed)
            miss[row, column] = np.linalg.norm(changed.relative[:3])
    axes = ("lead", "delta_v")
    return xr.Dataset(
        {"probability": (axes, probability, {"units": "1"}), "miss": (axes, miss, {"units": "m"})},
        {"lead": ("lead", leads_revolutions, {"units": "1"}), "delta_v": ("delta_v", delta_v_ms, {"units": "m/s"})},
        {"method": method, "period_s": period},
    )


def least_manoeuvres(
    encounter: Encounter,
    scanned: xr.Dataset,
    target: float,
    mass_kg: float = math.nan,
    specific_impulse_s: float = math.nan,
) -> list[Avoidance]:
    """Of each lead time and direction, along and against the velocity, the least change for which the probability is at most `target`, and its propellant.

    Between the last of the scan that is not enough and the first that is, it is found by halving.
    """
    method = str(scanned.attrs["method"])
    judge, period = _judge(method), float(scanned.attrs["period_s"])
    found = []
    for lead, row in zip(scanned["lead"].values, scanned["probability"].values, strict=True):
        for sign in (1.0, -1.0):
            mine = np.sign(scanned["delta_v"].values) == sign
            sizes, values = np.abs(scanned["delta_v"].values[mine]), row[mine]
            order = np.argsort(sizes)
            enough = np.flatnonzero(values[order] <= target)
            lead_s = float(lead) * period
            if not len(enough):
                found.append(Avoidance(float(lead), lead_s, math.nan, float(values.min()), math.nan, math.nan))
                continue
            high = float(sizes[order][enough[0]])
            low = float(sizes[order][enough[0] - 1]) if enough[0] else 0.0
            for _ in range(_HALVINGS[method]):
                middle = 0.5 * (low + high)
                if judge(after_manoeuvre(encounter, lead_s, sign * middle)) <= target:
                    high = middle
                else:
                    low = middle
            changed = after_manoeuvre(encounter, lead_s, sign * high)
            known = math.isfinite(mass_kg + specific_impulse_s)
            spent = propellant_kg(mass_kg, high, specific_impulse_s) if known else math.nan
            miss = float(np.linalg.norm(changed.relative[:3]))
            found.append(Avoidance(float(lead), lead_s, sign * high, judge(changed), miss, spent))
    return found


def _judge(method: str) -> Callable[[Encounter], float]:
    return {"2d": _in_plane, "3d": _in_space}[method]


def _in_plane(encounter: Encounter) -> float:
    if not np.linalg.norm(encounter.relative[3:]) > 0:
        return _in_space(encounter)
    plane = encounter.plane
    return probability_2d(plane.miss_m, plane.sigma_m, encounter.radius_m)


def _in_space(encounter: Encounter) -> float:
    return expected_collisions(encounter, encounter_window(encounter)).probability
