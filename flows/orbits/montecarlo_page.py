"""From the runs of a Monte Carlo to what its page shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from calib.report.sheet import Plot, Sheet, Table, Trace

_KM = 1000.0


def montecarlo_page(data: xr.Dataset, cases: Sequence[Mapping[str, Any]], name: str) -> Sheet:
    """The page: figures of each case, and every run's error."""
    failed = sum(case["failed"] for case in cases)
    heads = (
        "Case",
        "Runs (failed, doubted)",
        "Axis at cut-off [km rms]",
        "10 min later [km rms]",
        "worst [km]",
        "Inclination [deg rms]",
        "NEES (95 % band)",
        "NIS (95 % band)",
    )
    return Sheet(
        title=f"Monte Carlo of {name}",
        verdict="all done" if failed == 0 else f"{failed} runs failed",
        good=failed == 0,
        sentences=[
            f"{data.sizes['run']} restitutions of one true burn, each from a start drawn from its covariance and with noise of its own; "
            "NEES: normalised estimation error squared of the state 10 min after cut-off, 6 expected; NIS: normalised innovation squared, 1 expected."
        ],
        tables=[Table("Errors against the truth, by case", heads, [_row(case) for case in cases])],
        plots=[
            _plot(data, "cut_off", "at cut-off, from counts until then"),
            _plot(data, "settled", "10 min after cut-off"),
        ],
        notes=_failures(data),
    )


def _row(case: Mapping[str, Any]) -> list[str]:
    first = [str(case["case"]), f"{case['runs']} ({case['failed']}, {case['doubted']})"]
    if "nees_mean" not in case:
        return [*first, *["–"] * 6]
    nees, nis = case["nees_band_95"], case["nis_band_95"]
    return [
        *first,
        f"{case['axis_rms_km_cut_off']:.3f}",
        f"{case['axis_rms_km_settled']:.3f}",
        f"{case['axis_worst_km_settled']:.3f}",
        f"{case['inclination_rms_deg_settled']:.5f}",
        f"{case['nees_mean']:.2f} ({nees[0]:.2f} to {nees[1]:.2f})",
        f"{case['nis_mean']:.4f} ({nis[0]:.4f} to {nis[1]:.4f})",
    ]


def _plot(data: xr.Dataset, look: str, said: str) -> Plot:
    traces = []
    number = np.arange(data.sizes["run"], dtype=float)
    for case in dict.fromkeys(data["case"].values.tolist()):
        mine = data["case"].values == case
        traces.append(Trace(case, number[mine], data[f"axis_error_{look}"].values[mine] / _KM, dots=True))
    return Plot(
        f"Semi-major axis {said}",
        "estimate - truth [km]",
        traces,
        "Each run's error; they should scatter about zero, and wrong plans should look like the others.",
        {"": 0.0},
        x_name="run",
    )


def _failures(data: xr.Dataset) -> list[str]:
    found = dict.fromkeys(
        f"{case} {int(number)}: {failure}"
        for case, number, failure in zip(
            data["case"].values, data["number"].values, data["failure"].values, strict=True
        )
        if failure
    )
    return list(found)[:40]
