"""The rows of shifts.csv, and how many acquisitions each decision is about."""

from __future__ import annotations

from typing import Any

from flows.orbit import QUANTA
from flows.orbits.change_shift import WATCHED, Shift
from flows.reprocess import Decision, Plan

ACTIONS = ("redo", "reuse", "not covered", "unusable")
_UNITS = {"moon_distance": "km"}
_AXES = ("radial", "along", "cross")


def counts_of(plan: Plan) -> dict[str, int]:
    """How many acquisitions each action is about."""
    return {action: len(plan.of(action)) for action in ACTIONS}


def shift_rows(plan: Plan) -> list[dict[str, Any]]:
    """One row for each archived acquisition; what is not known of one is empty."""
    return [_row(item) for item in plan.decisions]


def _row(item: Decision) -> dict[str, Any]:
    row: dict[str, Any] = {"acquisition": item.acquisition, "sensor": item.sensor, "action": item.action}
    row |= {"steps": " ".join(item.redo), "why": item.why}
    return row | (dict.fromkeys(_figures(Shift()), "") if item.shift is None else _figures(item.shift))


def _figures(shift: Shift) -> dict[str, str]:
    sigma = shift.sigma_m or (None, None, None)
    figures: dict[str, float | None] = {f"{name}_m": value for name, value in zip(_AXES, shift.position_m, strict=True)}
    figures |= {f"sigma_{name}_m": value for name, value in zip(_AXES, sigma, strict=True)}
    figures |= {"ground_along_m": shift.ground_m[0], "ground_cross_m": shift.ground_m[1]}
    figures |= {"ground_pixel": shift.ground_pixel, "moon_pixel": shift.moon_pixel}
    for name in WATCHED:
        figures[f"{name}_change_{_UNITS.get(name, 'deg')}"] = shift.angles[name]
        figures[f"{name}_quantum_{_UNITS.get(name, 'deg')}"] = QUANTA[name]
        figures[f"{name}_over_quantum"] = shift.quanta[name]
    return {name: "" if value is None else f"{value:.6g}" for name, value in figures.items()}
