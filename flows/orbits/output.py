"""What a restitution of a burn leaves: the orbit, a row for each measurement, a summary, a page; and the lines for an operator."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from flows.orbits.inputs import BurnInputs, Settings
from flows.orbits.writing import new_folder, table_of, write_json
from orbit_aux.burns.burn import Burn
from orbit_aux.burns.plan import planned_states, semi_major_axis, semi_major_axis_sigma
from orbit_aux.burns.restitution import BurnRestitution
from orbit_aux.ccsds import read_oem, write_oem
from orbit_aux.errors import OrbitError
from orbit_aux.orbit import Orbit, difference
from orbit_aux.time import Times

#: after cut-off, when an orbit is judged
SETTLED_S = 600.0


@dataclass(frozen=True, eq=False)
class Answer:
    """A restitution with what it was made from."""

    inputs: BurnInputs
    burn: Burn
    result: BurnRestitution
    record: Mapping[str, Any]
    notes: tuple[str, ...]
    settings: Settings

    def axis_at(self, seconds_after_cut_off: float) -> tuple[float, float, float]:
        """Semi-major axis, its sigma and the planned one, m, so long after cut-off as estimated, and as planned; NaN where the answer does not reach."""
        planned_at = self.burn.cut_off + seconds_after_cut_off
        planned = float(semi_major_axis(planned_states(self.inputs.start, self.burn, planned_at))[0])
        try:
            state, covariance = self.result.states(self.result.switches[1] + seconds_after_cut_off)
        except OrbitError:
            return math.nan, math.nan, planned
        return float(semi_major_axis(state)[0]), float(semi_major_axis_sigma(state, covariance)[0]), planned


def write_answer(answer: Answer, output: Path) -> list[str]:
    """Write orbit.oem, estimates.csv, summary.json, report.html (and comparison.csv) into `output`, whole or not at all; returns the lines to print."""
    from calib.report.sheet import page
    from flows.orbits.pages import burn_page

    parameters = answer.inputs.parameters
    orbit = answer.result.orbit(answer.settings.step_s, parameters.object_name, parameters.object_id)
    summary = summary_of(answer)
    compared = (
        None
        if answer.settings.reference is None
        else comparison(orbit, answer.settings.reference, answer.settings.step_s)
    )
    if compared is not None:
        summary["comparison"] = _figures(compared)
    with new_folder(output) as part:
        write_oem(part / "orbit.oem", orbit)
        (part / "estimates.csv").write_text(table_of(answer.result.estimates), encoding="utf-8")
        if compared is not None:
            (part / "comparison.csv").write_text(table_of(compared), encoding="utf-8")
        write_json(part / "summary.json", summary)
        (part / "report.html").write_text(page(burn_page(answer, summary)), encoding="utf-8")
    return [*lines_of(answer, summary), f"Page: {output / 'report.html'}"]


def summary_of(answer: Answer) -> dict[str, Any]:
    """The restitution's own summary, with the plan, the semi-major axes, conventions and inputs."""
    axes = {
        name: dict(zip(("estimate_m", "sigma_m", "planned_m"), answer.axis_at(seconds), strict=True))
        for name, seconds in (("at_cut_off", 0.0), ("ten_minutes_after_cut_off", SETTLED_S))
    }
    burn = answer.burn
    plan = {
        "ignition_utc": burn.ignition.utc_strings(3)[0],
        "cut_off_utc": burn.cut_off.utc_strings(3)[0],
        "thrust_n": burn.thrust_n,
        "direction": burn.direction.tolist(),
        "axes": burn.axes,
        "mass_kg": burn.mass_kg,
        "flow_kgs": burn.flow_kgs,
    }
    return {
        "object_name": answer.inputs.parameters.object_name,
        **answer.result.summary,
        "biases_ms": _biases(answer),
        "semi_major_axis": axes,
        "plan": plan,
        "notes": list(dict.fromkeys([*answer.notes, *answer.result.summary.get("notes", ())])),
        "inputs": dict(answer.record),
    }


def comparison(orbit: Orbit, reference: Path, step_s: float) -> xr.Dataset:
    """`orbit` minus the orbit of a file, radial, along and cross, where both are known."""
    other = read_oem(reference)
    span = float((orbit.times.max() - orbit.times.min())[0])
    times = orbit.times.min() + np.arange(0.0, span + step_s / 2, step_s)
    times = times[orbit.covers(times) & other.covers(times)]
    if len(times) == 0:
        raise OrbitError(f"{reference}: has no time in common with the restituted orbit; compare with another")
    return difference(other, orbit, times)


def _figures(compared: xr.Dataset) -> dict[str, float]:
    found: dict[str, float] = {}
    for name in ("radial", "along", "cross"):
        values = compared[name].values
        found |= {f"{name}_rms_m": float(np.sqrt(np.mean(values**2))), f"{name}_max_m": float(np.abs(values).max())}
    return found


def _biases(answer: Answer) -> dict[str, Any] | None:
    """Biases of the counts by the names of the receiving stations; None where none were estimated."""
    found = answer.result.summary.get("biases_ms")
    return None if found is None else dict(zip(answer.inputs.stations.names, found, strict=True))


def lines_of(answer: Answer, summary: Mapping[str, Any]) -> list[str]:
    """What an operator wants to read: ten lines."""
    data = answer.result.estimates
    times = Times.from_utc(data["time"].values)
    links = sorted({f"{a}-{b}" for a, b in zip(data["transmitter"].values, data["receiver"].values, strict=True)})
    rejected = int((~data["accepted"].values.astype(bool)).sum())
    lines = [
        f"{summary['object_name']}: {len(times)} measurements of {', '.join(links)}, "
        f"{times.min().utc_strings(0)[0]} to {times.max().utc_strings(0)[0]}, {rejected} not accepted",
    ]
    for name, said in (("at_cut_off", "at cut-off"), ("ten_minutes_after_cut_off", "10 min after cut-off")):
        axis = summary["semi_major_axis"][name]
        lines.append(f"Semi-major axis {said}: {_kilometres(axis)}")
    lines += [*_engine_lines(summary, answer), *_test_lines(summary, data)]
    if "comparison" in summary:
        told = ", ".join(
            f"{name} {summary['comparison'][f'{name}_rms_m']:.1f} m" for name in ("radial", "along", "cross")
        )
        lines.append(f"Against {answer.settings.reference}: rms {told}")
    lines += [str(line) for line in summary["notes"]]
    verdict = summary.get("verdict", "believed")
    reasons = summary.get("reasons", ())
    return [*lines, f"Verdict: {verdict}" + (f": {'; '.join(map(str, reasons))}" if reasons else "")]


def _engine_lines(summary: Mapping[str, Any], answer: Answer) -> list[str]:
    """Thrust, switches and spin as they were found."""
    lines = []
    planned = answer.burn.thrust_n
    last = answer.result.estimates.isel(measurement=-1)
    thrust, sigma = float(last["thrust"]), float(last["thrust_sigma"])
    turned = summary.get("thrust") or {}
    off = (
        f", {turned['from_planned_direction_deg']:.2f} deg off its direction"
        if "from_planned_direction_deg" in turned
        else ""
    )
    lines.append(
        f"Thrust: {thrust:.2f} N ± {sigma:.2f} ({100 * (thrust / planned - 1):+.2f} % of the plan's {planned:.2f} N{off})"
    )
    switches = [
        f"{said} {found['utc'][11:22]} ({found['later_than_planned_s']:+.2f} s ± {found['sigma_s']:.2f})"
        for name, said in (("ignition", "ignition"), ("cut_off", "cut-off"))
        if (found := summary.get(name))
    ]
    if switches:
        lines.append(f"Switches: {', '.join(switches)} against the plan")
    spin = summary.get("spin")
    if spin:
        lines.append(f"Spin: period {spin['period_s']:.4f} s, antenna {spin['antenna_m']:.3f} m off the axis")
    if summary["biases_ms"]:
        told = (f"{name} {100 * b['value']:+.2f} ± {100 * b['sigma']:.2f}" for name, b in summary["biases_ms"].items())
        lines.append(f"Biases of the counts: {', '.join(told)} cm/s")
    return lines


def _test_lines(summary: Mapping[str, Any], data: xr.Dataset) -> list[str]:
    """Residuals and innovation test, and the model of the counts."""
    accepted = data["accepted"].values.astype(bool)
    residual, nis = data["residual"].values[accepted], data["nis"].values[accepted]
    travels = summary.get("light_time")
    model = "" if travels is None else "of signals that travel" if travels else "of distances at one instant"
    how = " (decided by likelihood)" if summary.get("light_time_decided") else ""
    lines = [f"Counts: {model}{how}"] if model else []
    if len(residual):
        test = summary.get("nis") or {"mean": float(np.nanmean(nis))}
        low, high = test.get("band_95", (math.nan, math.nan))
        lines.append(
            f"Residuals: {100 * float(np.sqrt(np.median(residual**2) / 0.4549)):.2f} cm/s typical; innovation test {test['mean']:.3f}"
            + (f" (95 % band {low:.3f} to {high:.3f})" if math.isfinite(low) else " (1 expected)")
        )
    return lines


def _kilometres(axis: Mapping[str, float]) -> str:
    estimate, sigma, planned = (axis[key] / 1000.0 for key in ("estimate_m", "sigma_m", "planned_m"))
    if not math.isfinite(estimate):
        return f"not reached (planned {planned:.2f} km)"
    return f"{estimate:.3f} km ± {sigma:.3f} (planned {planned:.3f} km, {estimate - planned:+.3f})"
