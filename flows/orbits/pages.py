"""From the restitution of a burn to what its page shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from calib.report.sheet import Plot, Sheet, Table, Trace
from flows.orbits.output import Answer
from orbit_aux.burns.plan import planned_states, semi_major_axis
from orbit_aux.time import Times

#: counts over which the innovation test is averaged for its curve
_AVERAGED = 60
_KM = 1000.0


def burn_page(answer: Answer, summary: Mapping[str, Any]) -> Sheet:
    """The page of an answer: as in the paper, the semi-major axis and residuals through the burn, the forecast against the target, the thrust, the tests."""
    data, burn = answer.result.estimates, answer.burn
    times = Times.from_utc(data["time"].values)
    minutes = (times - burn.ignition) / 60.0
    verdict = str(summary.get("verdict", "believed"))
    axes = summary["semi_major_axis"]
    sentences = [
        f"{len(times)} measurements from {times.min().utc_strings(0)[0]} to {times.max().utc_strings(0)[0]}; "
        f"planned ignition {burn.ignition.utc_strings(1)[0]}, {burn.duration_s:.1f} s, {burn.thrust_n:.1f} N fixed in {burn.axes}.",
        *map(str, summary.get("reasons", ())),
    ]
    rows = [
        _axis_row("Semi-major axis at cut-off [km]", axes["at_cut_off"]),
        _axis_row("Semi-major axis 10 min after cut-off [km]", axes["ten_minutes_after_cut_off"]),
        *_switch_rows(summary),
        *_last_rows(data, answer),
        *_engine_rows(summary),
    ]
    return Sheet(
        title=f"Orbit of {summary['object_name']} through its burn",
        verdict=verdict,
        good=verdict == "believed",
        sentences=sentences,
        tables=[
            Table(
                "What was found, with one standard deviation",
                ("Quantity", "Estimate", "Standard deviation", "Plan"),
                rows,
            )
        ],
        plots=[
            replace(plot, x_name="minutes after ignition", shaded=(0.0, burn.duration_s / 60.0, "the burn"))
            for plot in _plots(data, minutes, answer)
        ],
        notes=[*map(str, summary["notes"]), *_told(answer.record)],
    )


def _axis_row(name: str, axis: Mapping[str, float]) -> tuple[str, str, str, str]:
    estimate, sigma, planned = (
        f"{axis[key] / _KM:.3f}" if np.isfinite(axis[key]) else "–" for key in ("estimate_m", "sigma_m", "planned_m")
    )
    return name, estimate, sigma, planned


def _switch_rows(summary: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    rows = []
    for name, title in (("ignition", "Ignition [s after the plan]"), ("cut_off", "Cut-off [s after the plan]")):
        if found := summary.get(name):
            rows.append((title, f"{found['later_than_planned_s']:+.3f}", f"{found['sigma_s']:.3f}", "0"))
    return rows


def _engine_rows(summary: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Direction of the thrust, and the spin where there is one."""
    rows = []
    thrust, spin = summary.get("thrust") or {}, summary.get("spin") or {}
    if "from_planned_direction_deg" in thrust:
        angle, sigma = thrust["from_planned_direction_deg"], thrust["direction_sigma_deg"]
        rows.append(("Thrust off its planned direction [deg]", f"{angle:.3f}", f"{sigma:.3f}", "0"))
    if "period_s" in spin:
        sigma = spin["rate_sigma_rads"] / spin["rate_rads"] * spin["period_s"]
        rows.append(("Spin period [s]", f"{spin['period_s']:.6f}", f"{sigma:.6f}", ""))
        rows.append(("Antenna off the spin axis [m]", f"{spin['antenna_m']:.3f}", f"{spin['antenna_sigma_m']:.3f}", ""))
    return rows


def _last_rows(data: xr.Dataset, answer: Answer) -> list[tuple[str, str, str, str]]:
    """Elements and engine after the last measurement."""
    last = data.isel(measurement=-1)
    wanted = (
        ("eccentricity", "Eccentricity", 6, ""),
        ("inclination", "Inclination [deg]", 4, ""),
        ("argument_of_perigee", "Argument of perigee [deg]", 4, ""),
        ("node", "Right ascension of the node [deg]", 4, ""),
        ("mean_anomaly", "Mean anomaly [deg]", 4, ""),
        ("thrust", "Thrust [N]", 2, f"{answer.burn.thrust_n:.2f}"),
        ("flow", "Mass flow [kg/s]", 5, f"{answer.burn.flow_kgs:.5f}"),
    )
    rows = []
    for name, title, decimals, planned in wanted:
        if name in data:
            sigma = f"{float(last[f'{name}_sigma']):.{decimals}f}" if f"{name}_sigma" in data else ""
            rows.append((title, f"{float(last[name]):.{decimals}f}", sigma, planned))
    return rows


def _plots(data: xr.Dataset, minutes: np.ndarray, answer: Answer) -> list[Plot]:
    accepted = data["accepted"].values.astype(bool)
    axis, sigma = data["semi_major_axis"].values / _KM, data["semi_major_axis_sigma"].values / _KM
    grid, planned = _planned(answer, minutes)
    target = float(planned[-1])
    forecast = data["forecast_semi_major_axis"].values / _KM
    forecast_sigma = data["forecast_semi_major_axis_sigma"].values / _KM
    # before the burn a forecast is as wide as the plan's thrust: its band would hide the rest
    after = minutes > 2.0
    shown = forecast[after] if after.any() else forecast
    reach = max(20.0, 1.3 * float(np.nanmax(np.abs(shown - target), initial=0.0)))
    plots = [
        Plot(
            "Semi-major axis",
            "semi-major axis [km]",
            [Trace("restituted, ± 1 σ", minutes, axis, sigma), Trace("planned", grid, planned)],
            "The restituted semi-major axis beside the planned one.",
            {"target": target},
        ),
        Plot(
            "Forecast of the final semi-major axis",
            "forecast - target [km]",
            [Trace("forecast, ± 1 σ", minutes, forecast - target, forecast_sigma)],
            "What the final semi-major axis will be if the thrust stays as it is now, minus the target: it should settle within minutes of ignition.",
            {"target": 0.0},
            (-reach, reach),
        ),
        _residuals(data, minutes, accepted),
        Plot(
            "Thrust",
            "thrust [N]",
            [Trace("restituted, ± 1 σ", minutes, data["thrust"].values, data["thrust_sigma"].values)],
            "The thrust as it is known after each measurement.",
            {"plan": answer.burn.thrust_n},
        ),
        _innovations(data, minutes, accepted),
    ]
    if "position_sigma" in data:
        spread = np.linalg.norm(data["position_sigma"].values, axis=1) / _KM
        plots.append(
            Plot(
                "How well the place is known",
                "σ of position [km]",
                [Trace("1 σ, three axes together", minutes, spread)],
                "The standard deviation of the position after each measurement.",
            )
        )
    return plots


def _planned(answer: Answer, minutes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Minutes after ignition and planned semi-major axes, km, to the planned cut-off at least."""
    start = float((answer.inputs.start.times - answer.burn.ignition)[0]) / 60.0
    begin, end = max(start, float(minutes.min())), max(float(minutes.max()), answer.burn.duration_s / 60.0)
    grid = np.unique(np.round(np.append(np.linspace(begin, end, 300), answer.burn.duration_s / 60.0), 9))
    grid = grid[grid >= start]
    states = planned_states(answer.inputs.start, answer.burn, answer.burn.ignition + grid * 60.0)
    return grid, semi_major_axis(states) / _KM


def _residuals(data: xr.Dataset, minutes: np.ndarray, accepted: np.ndarray) -> Plot:
    centimetres = 100.0 * data["residual"].values
    links = np.array([f"{a}-{b}" for a, b in zip(data["transmitter"].values, data["receiver"].values, strict=True)])
    traces = [
        Trace(link, minutes[mine], centimetres[mine], dots=True)
        for link in dict.fromkeys(links.tolist())
        if (mine := (links == link) & accepted).any()
    ]
    if (~accepted).any():
        traces.append(Trace("not accepted", minutes[~accepted], centimetres[~accepted], dots=True))
    inner = np.abs(centimetres[accepted & np.isfinite(centimetres)])
    reach = 1.2 * float(np.quantile(inner, 0.995)) if inner.size else 10.0
    return Plot(
        "Residuals",
        "measured - predicted [cm/s]",
        traces,
        "Each count minus its prediction; what lies outside the paper is drawn at its edge. They should scatter about zero; a wave is a spinning antenna.",
        {"": 0.0},
        (-reach, reach),
    )


def _innovations(data: xr.Dataset, minutes: np.ndarray, accepted: np.ndarray) -> Plot:
    usable = accepted & np.isfinite(data["nis"].values)
    nis, at = data["nis"].values[usable], minutes[usable]
    count = len(nis) // _AVERAGED
    mean = nis[: count * _AVERAGED].reshape(count, _AVERAGED).mean(axis=1)
    place = at[: count * _AVERAGED].reshape(count, _AVERAGED).mean(axis=1)
    # of a mean of n squares of unit normal deviates
    half = 1.96 * np.sqrt(2.0 / _AVERAGED)
    return Plot(
        "Innovation test",
        "normalised innovation squared [1]",
        [Trace(f"mean of {_AVERAGED} measurements", place, mean)],
        "Innovations squared over what the filter expects of them: 1 on average, between the dashed lines 95 times in 100.",
        {"expected": 1.0, "95 % band": 1.0 - half, "": 1.0 + half},
        (0.0, 3.0),
    )


def _told(record: Mapping[str, Any]) -> list[str]:
    orientation = record.get("earth_orientation", {})
    told = [f"{name}: {item['file']} ({item['sha256'][:12]})" for name, item in record.get("files", {}).items()]
    if orientation:
        told.append(f"Earth orientation: {orientation['table']}, to {orientation['last_day'][:10]}")
    return told
