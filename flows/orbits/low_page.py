"""From the restitution of a low orbit to what its page shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from calib.report.sheet import Plot, Sheet, Table, Trace
from flows.orbits.writing import unix_s
from orbit_aux.frames import local_orbital_axes
from orbit_aux.low.restitution import LowOrbitRestitution
from orbit_aux.orbit import Orbit

_AXES = ("radial", "along", "cross")


def low_orbit_page(
    result: LowOrbitRestitution, summary: Mapping[str, Any], lines: Sequence[str], compared: xr.Dataset | None
) -> Sheet:
    """The page: what an operator reads, what was estimated, residuals, how well the place is known, and the comparison where there is one."""
    verdict = str(summary["verdict"])
    plots = [*_residuals(result.residuals), *_measurements(result.measurements), *_spread(result.orbit)]
    if compared is not None:
        seconds = unix_s(compared["time"].values)
        traces = [Trace(name, seconds, compared[name].values) for name in _AXES]
        said = "Restituted minus compared orbit, along the radius, the motion and across both."
        plots.append(Plot("Against the other orbit", "difference [m]", traces, said, {"": 0.0}, dates=True))
    return Sheet(
        title=f"Orbit of {summary['object_name']}",
        verdict=verdict,
        good=verdict == "believed",
        # the last line is the verdict with its reasons
        sentences=[*lines[:-1], *map(str, summary["reasons"])],
        tables=[
            Table("What was estimated", ("Parameter", "Value", "Standard deviation", "A priori", "Unit"), _rows(result))
        ],
        plots=plots,
        notes=[f"{name}: {item['file']} ({item['sha256'][:12]})" for name, item in summary["inputs"]["files"].items()],
    )


def _rows(result: LowOrbitRestitution) -> list[list[str]]:
    table = result.parameters
    return [
        [
            str(name),
            *(f"{float(table[column].values[row]):.6g}" for column in ("value", "sigma", "prior_sigma")),
            str(unit),
        ]
        for row, (name, unit) in enumerate(zip(table["parameter"].values, table["unit"].values, strict=True))
        if not str(name).startswith(_AXES)
    ]


def _residuals(data: xr.Dataset) -> list[Plot]:
    if data.sizes.get("fix", 0) == 0:
        return []
    good, seconds = data["accepted"].values.astype(bool), unix_s(data["time"].values)
    traces = [Trace(name, seconds[good], data[name].values[good], dots=True) for name in _AXES]
    if (~good).any():
        size = np.sqrt(sum(data[name].values[~good] ** 2 for name in _AXES))
        traces.append(Trace("not accepted (length)", seconds[~good], size, dots=True))
    inner = np.abs(np.concatenate([data[name].values[good] for name in _AXES]))
    reach = 1.2 * float(np.quantile(inner, 0.999)) if inner.size else 1.0
    said = "Observed minus restituted positions; they should scatter about zero without waves. What lies outside the paper is drawn at its edge."
    return [
        Plot(
            "Residuals of positions", "observed - restituted [m]", traces, said, {"": 0.0}, (-reach, reach), dates=True
        )
    ]


def _measurements(data: xr.Dataset | None) -> list[Plot]:
    if data is None:
        return []
    seconds, size = unix_s(data["time"].values), data["normalised_residual"].values
    links = np.array([f"{a}-{b}" for a, b in zip(data["transmitter"].values, data["receiver"].values, strict=True)])
    traces = [
        Trace(str(link), seconds[links == link], size[links == link], dots=True)
        for link in dict.fromkeys(links.tolist())
    ]
    said = "Measurements of stations minus their prediction, in standard deviations: 95 of 100 should lie between the dashed lines."
    guides = {"": 0.0, "2 σ": 2.0, " ": -2.0}
    return [Plot("Residuals of stations", "residual / σ [1]", traces, said, guides, (-6.0, 6.0), dates=True)]


def _spread(orbit: Orbit) -> list[Plot]:
    if orbit.covariance is None:
        return []
    known = orbit.covariance
    state = orbit.at(known.times)
    axes = local_orbital_axes(state.position_m, state.velocity_ms)
    local = np.einsum("nij,njk,nik->in", axes, known.matrices[:, :3, :3], axes)
    seconds = unix_s(known.times)
    traces = [Trace(name, seconds, np.sqrt(np.maximum(row, 0.0))) for name, row in zip(_AXES, local, strict=True)]
    said = "One standard deviation of the restituted position."
    return [Plot("How well the place is known", "σ [m]", traces, said, dates=True)]
