"""A low orbit restituted from positions, from tracking, or from both: ephemeris with covariance, residuals, summary, and the comparison with another orbit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from calib.errors import RequestError
from flows.orbits.inputs import Settings, earth_orientation, read_tracking, record
from flows.orbits.low_inputs import Start, read_positions, read_start
from flows.orbits.output import comparison
from flows.orbits.writing import new_folder, table_of, write_json
from orbit_aux.ccsds import read_opm, write_oem
from orbit_aux.errors import OrbitError
from orbit_aux.low.fixes import PositionFixes
from orbit_aux.low.options import LowOrbitOptions
from orbit_aux.low.quality import overlap_test
from orbit_aux.low.restitution import LowOrbitRestitution, restitute_low_orbit
from orbit_aux.low.tracking import restitute_low_tracking
from orbit_aux.stations import read_stations

_AXES = ("radial", "along", "cross")
# records further apart are no help to those who interpolate
_LONGEST_STEP_S = 60.0


@dataclass(frozen=True)
class Observed:
    """Files of what was observed of a low orbit: positions, tracking with its stations, or both."""

    positions: Path | None = None
    tracking: Path | None = None
    stations: Path | None = None
    sigma_ms: float = 0.02
    """Standard deviation of a count where the tracking gives none."""

    def __post_init__(self) -> None:
        if self.positions is None and self.tracking is None:
            raise RequestError("low orbit: nothing observed; give --positions, --tracking with --stations, or both")
        if (self.tracking is None) != (self.stations is None):
            raise RequestError("low orbit: --tracking and --stations need each other; give both")


def write_low_orbit(
    observed: Observed, initial: Path | None, output: Path, settings: Settings, method: str = "batch"
) -> list[str]:
    """Writes orbit.oem, residuals.csv, parameters.csv, summary.json, report.html (comparison.csv, measurements.csv) into `output`, whole or not at all.

    Returns the lines to print.
    """
    from calib.report.sheet import page
    from flows.orbits.low_page import low_orbit_page

    options = LowOrbitOptions(method=method, output_step_s=min(settings.step_s, _LONGEST_STEP_S))
    with new_folder(output) as part, earth_orientation(settings.orientation):
        fixes = None if observed.positions is None else read_positions(observed.positions)
        result, start = _restituted(observed, fixes, initial, settings, options)
        compared = None if settings.reference is None else comparison(result.orbit, settings.reference, _LONGEST_STEP_S)
        given = {"positions": observed.positions, "tracking": observed.tracking, "stations": observed.stations}
        files = {**given, "initial": initial, "reference": settings.reference}
        alone = fixes is not None and result.measurements is None
        summary = {
            "object_name": start.object_name,
            **result.summary,
            "overlap": overlap_test(fixes, start.forces, options) if alone and fixes is not None else None,
            "inputs": record(result.orbit.times, files),
        }
        if compared is not None:
            summary["comparison"] = _figures(compared)
            (part / "comparison.csv").write_text(table_of(compared), encoding="utf-8")
        if result.measurements is not None:
            (part / "measurements.csv").write_text(table_of(result.measurements), encoding="utf-8")
        write_oem(part / "orbit.oem", result.orbit)
        (part / "residuals.csv").write_text(table_of(result.residuals), encoding="utf-8")
        (part / "parameters.csv").write_text(_parameter_rows(result), encoding="utf-8")
        write_json(part / "summary.json", summary)
        lines = _lines(summary, settings)
        sheet = page(low_orbit_page(result, summary, lines, compared))
        (part / "report.html").write_text(sheet, encoding="utf-8")
    return [*lines, f"Page: {output / 'report.html'}"]


def _restituted(
    observed: Observed, fixes: PositionFixes | None, initial: Path | None, settings: Settings, options: LowOrbitOptions
) -> tuple[LowOrbitRestitution, Start]:
    if observed.tracking is None or observed.stations is None:
        assert fixes is not None
        start = read_start(initial, fixes.times[0])
        named = {"object_name": start.object_name, "object_id": start.object_id}
        return restitute_low_orbit(fixes, start.state, start.forces, (), options, **named), start
    if options.method != "batch":
        raise RequestError(f"--filter {options.method}: tracking of a low orbit is restituted by batch")
    if initial is None:
        raise RequestError(f"{observed.tracking}: tracking of a low orbit needs --initial FILE.opm with a covariance")
    stations = read_stations(observed.stations)
    start = read_start(initial, read_opm(initial).state.times)
    if start.state is None or start.covariance is None:
        raise OrbitError(
            f"{initial}: no covariance: how well the start is known decides how tracking is weighed, add it"
        )
    tracking = read_tracking(observed.tracking, start.state.times, settings.factor)
    if tracking.sigma is None:
        # of a range the estimator knows a usual one
        tracking = replace(tracking, sigma=np.where(tracking.kind == "DOPPLER", observed.sigma_ms, np.nan))
    result = restitute_low_tracking(
        tracking, stations, start.state, start.covariance, start.forces, (), options, fixes=fixes
    )
    orbit = replace(result.orbit, object_name=start.object_name, object_id=start.object_id)
    return replace(result, orbit=orbit), start


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
    rms = summary["residual_rms_m"]
    lines = [f"{summary['object_name']}: {summary['epoch_utc']} to {summary['stop_utc']}"]
    if rms is not None:
        lines += [
            f"{summary['fixes']} positions, {summary['rejected']} not accepted",
            f"Residuals: {rms:.2f} m rms per axis; sigma {summary['sigma_m']:.2f} m"
            + (" (from the residuals)" if summary["sigma_from_residuals"] else ""),
        ]
    if "measurements" in summary:
        size = summary["normalised_residual_rms"]
        lines.append(
            f"{summary['measurements']} measurements of stations, {summary['measurements_rejected']} not accepted; residuals "
            + ("none" if size is None else f"{size:.2f} sigma rms")
        )
    size = summary["position_sigma_3d_m"]
    lines += [
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
