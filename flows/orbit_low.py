"""A low orbit restituted from positions: ephemeris with covariance, residuals, summary, and the comparison with another orbit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from flows.orbit_inputs import Settings, earth_orientation, record
from flows.orbit_low_inputs import read_positions, read_start
from flows.orbit_output import comparison, new_folder, plain, table_of
from orbit_aux.ccsds import write_oem
from orbit_aux.low_options import LowOrbitOptions
from orbit_aux.low_orbit import LowOrbitRestitution, restitute_low_orbit
from orbit_aux.low_quality import overlap_test

_AXES = ("radial", "along", "cross")
# records further apart are no help to those who interpolate
_LONGEST_STEP_S = 60.0


def write_low_orbit(
    positions: Path, initial: Path | None, output: Path, settings: Settings, options: LowOrbitOptions | None = None
) -> list[str]:
    """Writes orbit.oem, residuals.csv, parameters.csv, summary.json (and comparison.csv) into `output`, whole or not at all; returns the lines to print."""
    with new_folder(output) as part, earth_orientation(settings.orientation):
        fixes = read_positions(positions)
        start = read_start(initial, fixes.times[0])
        choice = options or LowOrbitOptions(output_step_s=min(settings.step_s, _LONGEST_STEP_S))
        result = restitute_low_orbit(
            fixes, start.state, start.forces, (), choice, object_name=start.object_name, object_id=start.object_id
        )
        compared = None if settings.reference is None else comparison(result.orbit, settings.reference, _LONGEST_STEP_S)
        summary = {
            "object_name": start.object_name,
            **result.summary,
            "overlap": overlap_test(fixes, start.forces, choice),
            "inputs": record(
                fixes.times, {"positions": positions, "initial": initial, "reference": settings.reference}
            ),
        }
        if compared is not None:
            summary["comparison"] = _figures(compared)
        write_oem(part / "orbit.oem", result.orbit)
        (part / "residuals.csv").write_text(table_of(result.residuals), encoding="utf-8")
        (part / "parameters.csv").write_text(_parameter_rows(result), encoding="utf-8")
        if compared is not None:
            (part / "comparison.csv").write_text(table_of(compared), encoding="utf-8")
        text = json.dumps(plain(summary), indent=1, ensure_ascii=False)
        (part / "summary.json").write_text(text + "\n", encoding="utf-8")
    return _lines(summary, settings)


def _figures(compared: xr.Dataset) -> dict[str, float]:
    """Root mean squares and worst values, m."""
    figures = {}
    for name in _AXES:
        values = compared[name].values
        figures[f"{name}_rms_m"] = float(np.sqrt(np.mean(values**2)))
        figures[f"{name}_worst_m"] = float(np.abs(values).max())
    return figures


def _parameter_rows(result: LowOrbitRestitution) -> str:
    table = result.parameters
    lines = ["name,value,sigma,prior_sigma,unit"]
    for row in range(table.sizes["parameter"]):
        item = table.isel(parameter=row)
        figures = ",".join(f"{float(item[name]):.9g}" for name in ("value", "sigma", "prior_sigma"))
        lines.append(f"{item.parameter.item()},{figures},{item.unit.item()}")
    return "\n".join(lines) + "\n"


def _lines(summary: Mapping[str, Any], settings: Settings) -> list[str]:
    """What an operator wants to read."""
    size = summary["position_sigma_3d_m"]
    rms = summary["residual_rms_m"]
    lines = [
        f"{summary['object_name']}: {summary['fixes']} positions, {summary['epoch_utc']} to {summary['stop_utc']}, {summary['rejected']} not accepted",
        f"Residuals: {0.0 if rms is None else rms:.2f} m rms per axis; sigma {summary['sigma_m']:.2f} m"
        + (" (from the residuals)" if summary["sigma_from_residuals"] else ""),
        f"Orbit known to {size['median']:.2f} m (3D, median), {size['greatest']:.2f} m at worst",
    ]
    for name, item in summary["parameters"].items():
        if name.startswith(("impulse", "thrust", "solar")):
            lines.append(f"{name}: {item['value']:.6g} ± {item['sigma']:.2g}")
    if summary["overlap"] is not None:
        lines.append(
            f"Two arcs agree to {summary['overlap']['rms_3d_m']:.2f} m over the {summary['overlap']['overlap_h']:.1f} h they share"
        )
    if "comparison" in summary:
        told = ", ".join(f"{name} {summary['comparison'][f'{name}_rms_m']:.2f} m" for name in _AXES)
        lines.append(f"Against {settings.reference}: rms {told}")
    lines += [str(line) for line in summary["notes"]]
    reasons = "; ".join(summary["reasons"])
    return [*lines, f"Verdict: {summary['verdict']}" + (f": {reasons}" if reasons else "")]
