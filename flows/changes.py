"""What a new orbit did to coefficients: old and new of the same images, with what the change means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import xarray as xr

from calib.comparison import change_of_one_image
from calib.report import Change
from calib.types import Result, same_order
from calib.uncertainty import from_dataset
from flows.prepare import Prepared
from flows.runner import Outcome


@dataclass(frozen=True)
class Before:
    """An earlier coefficient, and by band what both orbits' covariances let it change, relative (k = 1); empty: by the budgets."""

    result: Result
    orbit_share: Mapping[str, float] = field(default_factory=dict)


def changes_of(prepared: Prepared, outcomes: Sequence[Outcome], before: Mapping[str, Before]) -> tuple[Change, ...]:
    """What became of the earlier coefficients, one change for each band that both have."""
    changes: list[Change] = []
    for outcome in outcomes:
        earlier, new = before.get(outcome.subject), outcome.results.get(prepared.method.final.name)
        if earlier is not None and new is not None and earlier.result.key != new.key:
            changes += _changes_of_one(outcome.subject, earlier, new)
    return tuple(changes)


def _changes_of_one(subject: str, earlier: Before, new: Result) -> list[Change]:
    known = {item.content for item in earlier.result.lineage.causes}
    why = "; ".join(f"{cause.role}: {cause.label}" for cause in new.lineage.causes if cause.content not in known)
    names = same_order(map(str, new.content["band"].values), map(str, earlier.result.content["band"].values))
    old_k, new_k = (from_dataset(item.content.sel(band=names), "k") for item in (earlier.result, new))
    share = None
    if earlier.orbit_share:
        share = xr.DataArray([earlier.orbit_share[name] for name in names], dims="band", coords={"band": names})
    effect = change_of_one_image(old_k, new_k, share)
    columns = {
        "old_k": old_k.value,
        "old_u": old_k.total(),
        "new_k": new_k.value,
        "new_u": new_k.total(),
        "orbit_u": effect["orbit_uncertainty"],
        "shared_u": effect["shared_uncertainty"],
    }
    rows = [{key: float(item.sel(band=name)) for key, item in columns.items()} for name in names]
    return [Change(subject, name, why=why, **row) for name, row in zip(names, rows, strict=True)]


def change_row(change: Change) -> dict[str, Any]:
    """A change as a row of changes.csv."""
    return {
        "acquisition": change.acquisition,
        "band": change.band,
        "old_k": round(change.old_k, 8),
        "old_u_k": round(change.old_u, 8),
        "new_k": round(change.new_k, 8),
        "new_u_k": round(change.new_u, 8),
        "change_percent": round(100 * change.moved, 6),
        "shared_u_percent": round(100 * change.shared_u, 6),
        "orbit_u_percent": round(100 * change.orbit_u, 6),
        "change_over_u": round(change.over_uncertainty, 5),
        "change_over_orbit_u": round(change.over_orbit, 4),
        "why": change.why,
    }
