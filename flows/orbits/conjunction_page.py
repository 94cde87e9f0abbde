"""Pages of conjunctions: the encounter plane, the probability over the scale of the covariance and over manoeuvres, and its trend."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from calib.report.sheet import Plot, Sheet, Table, Trace
from flows.orbits.writing import unix_s
from orbit_aux.conjunctions.assessment import Assessment
from orbit_aux.conjunctions.avoidance import Avoidance
from orbit_aux.conjunctions.collision import probability_2d
from orbit_aux.time import Times

_METHODS = {
    "2d": "in two dimensions, in the encounter plane",
    "3d": "in three dimensions, by the flux through the sphere over curved motion",
    "monte_carlo": "by Monte Carlo",
    "none": "not at all",
}
#: what is drawn of probabilities that are nothing
_LEAST = 1e-30
_CIRCLE = np.linspace(0.0, 2.0 * np.pi, 181)


def single_sheet(
    summary: Mapping[str, Any], answer: Assessment | None, scanned: xr.Dataset | None, least: Sequence[Avoidance]
) -> Sheet:
    """The page of one conjunction."""
    assert answer is not None
    names = " and ".join(part["name"] for part in summary["objects"])
    pc = "not known" if summary["pc"] is None else f"{summary['pc']:.3e}"
    sentences = [
        f"Closest approach {summary['tca']}: {summary['miss_distance_m']:.1f} m apart "
        f"(radial {summary['miss_rtn_m'][0]:.1f}, along {summary['miss_rtn_m'][1]:.1f}, cross {summary['miss_rtn_m'][2]:.1f} m) "
        f"at {summary['relative_speed_ms']:.6g} m/s; both together have a radius of {summary['hard_body_radius_m']:g} m.",
        f"The probability of collision is computed {_METHODS[summary['method']]}.",
        *(f"{flag['name'].replace('_', ' ')}: {flag['sentence']}." for flag in summary["flags"]),
    ]
    if summary["diluted"]:
        scale = summary["pc_max_scale"]
        size = (
            f"standard deviations of {scale:.3g} times those of the file"
            if scale > 1e-6
            else "a covariance that shrinks to nothing"
        )
        sentences.append(
            f"Diluted: {size} would give {summary['pc_max']:.3e}; more tracking may raise the probability."
        )
    plots = [*_plane(answer), *_scales(answer), *_manoeuvres(scanned)]
    return Sheet(
        f"Conjunction of {names}",
        f"Pc {pc}, {summary['level']}",
        sentences,
        [_answers(summary), *_least(least, summary)],
        plots,
        [f"{summary['file']}, made {summary['created']}, message {summary['message_id']}"],
        summary["level"] in ("green", "yellow"),
    )


def many_sheet(summaries: Sequence[Mapping[str, Any]], events: Sequence[Mapping[str, Any]]) -> Sheet:
    """The page of many conjunctions."""
    good = [item for item in summaries if "error" not in item]
    red = sum(item["level"] == "red" for item in good)
    rows = [
        (
            item["tca"],
            " / ".join(part["name"] for part in item["objects"]),
            _number(item["pc"]),
            item["method"],
            f"{item['miss_distance_m']:.0f}",
            f"{item['relative_speed_ms']:.5g}",
            item["level"],
            ", ".join(dict.fromkeys(flag["name"] for flag in item["flags"])),
            item["file"],
        )
        for item in sorted(good, key=lambda item: -(item["pc"] or 0.0))
    ]
    heads = ("TCA", "objects", "Pc", "method", "miss [m]", "speed [m/s]", "level", "flags", "file")
    refused = [f"{item['file']}: {item['error']}" for item in summaries if "error" in item]
    return Sheet(
        f"Conjunctions: {len(good)} messages, {len(events)} event{'' if len(events) == 1 else 's'}",
        f"{red} red",
        [f"Files that could not be used: {len(refused)}." if refused else "All files were used."],
        [Table("Conjunctions, the most probable first", heads, rows)],
        _trends(events),
        refused,
        red == 0 and not refused,
    )


def _answers(summary: Mapping[str, Any]) -> Table:
    sampled = summary["monte_carlo"]
    rows = [
        ("two dimensions", _number(summary["pc_2d"]), "usable" if summary["usable_2d"] else "not usable"),
        ("three dimensions", _number(summary["pc_3d"]), f"{summary['window_s'][0]:.6g} to {summary['window_s'][1]:.6g} s about TCA"),
        ("largest over the covariance's scale", _number(summary["pc_max"]), f"at {_number(summary['pc_max_scale'])} of the standard deviations"),
    ]  # fmt: skip
    if sampled is not None:
        share = f"{100 * sampled['confidence']:.0f} %"
        told = f"{sampled['hits']} of {sampled['samples']}, {share} in [{sampled['low']:.4g}, {sampled['high']:.4g}], seed {sampled['seed']}"
        rows.append(("Monte Carlo", _number(sampled["probability"]), told))
    if summary["pc_in_file"] is not None:
        rows.append(("in the file", _number(summary["pc_in_file"]), ""))
    if summary["pc_max_unknown_covariance"] is not None:
        rows.append(("largest over round covariances", _number(summary["pc_max_unknown_covariance"]), ""))
    return Table("Answers", ("method", "Pc", "remarks"), rows)


def _least(least: Sequence[Avoidance], summary: Mapping[str, Any]) -> list[Table]:
    if not least:
        return []
    rows = [
        (
            f"{item.lead_revolutions:g}",
            f"{item.lead_s / 60.0:.1f}",
            _number(item.delta_v_ms),
            _number(item.probability),
            _number(item.miss_m),
            _number(item.propellant_kg),
        )
        for item in least
    ]
    caption = f"Least velocity change along the velocity for Pc at most {summary['avoidance']['target']:g} (–: none within the scan)"
    return [
        Table(caption, ("revolutions before TCA", "minutes", "Δv [m/s]", "Pc", "miss [m]", "propellant [kg]"), rows)
    ]


def _plane(answer: Assessment) -> list[Plot]:
    plane = answer.plane
    if plane is None:
        return []
    x, y = (values / 1.0 for values in plane.miss_m)
    traces = [
        Trace(
            f"{sigma} σ",
            x + sigma * plane.sigma_m[0] * np.cos(_CIRCLE),
            y + sigma * plane.sigma_m[1] * np.sin(_CIRCLE),
        )
        for sigma in (1, 2, 3)
    ]
    radius = answer.encounter.radius_m
    traces.append(Trace("hard bodies", radius * np.cos(_CIRCLE), radius * np.sin(_CIRCLE)))
    sentence = (
        "The encounter plane in the principal axes of the covariance; the own object is at the origin. Scales of both axes differ. "
        "Probability is what of the Gaussian lies within the hard bodies."
    )
    return [Plot("Encounter plane", "minor axis [m]", traces, sentence, x_name="major axis [m]")]


def _scales(answer: Assessment) -> list[Plot]:
    plane = answer.plane
    if plane is None or answer.maximum is None:
        return []
    powers = np.linspace(-2.0, 2.0, 81)
    radius = answer.encounter.radius_m
    values = np.array([probability_2d(plane.miss_m, plane.sigma_m * 10.0**power, radius) for power in powers])
    trace = Trace("Pc", powers, _log(values))
    sentence = "The two-dimensional probability when both standard deviations are multiplied by one factor: 0 is the covariance of the file."
    low = max(float(trace.value.max()) - 12.0, -30.0)
    return [
        Plot(
            "Probability over the scale of the covariance",
            "log10 Pc",
            [trace],
            sentence,
            {"largest": math.log10(max(answer.maximum.probability, _LEAST))},
            (low, min(float(trace.value.max()) + 1.0, 0.3)),
            x_name="log10 of the factor",
        )
    ]


def _manoeuvres(scanned: xr.Dataset | None) -> list[Plot]:
    if scanned is None:
        return []
    values = scanned["probability"].values
    # where no manoeuvre leaves anything there is nothing to see
    seen = np.flatnonzero((values > 1e-12 * values.max()).any(axis=0))
    shown = slice(max(seen[0] - 1, 0), seen[-1] + 2)
    traces = [
        Trace(f"{lead:g} revolutions before", scanned["delta_v"].values[shown], _log(row[shown]))
        for lead, row in zip(scanned["lead"].values, values, strict=True)
    ]
    top = max(float(trace.value.max()) for trace in traces)
    sentence = "Negative velocity changes are against the velocity. Whole and half revolutions act on different components of the miss."
    return [
        Plot(
            "Probability over a manoeuvre",
            "log10 Pc",
            traces,
            sentence,
            reach=(max(top - 12.0, -30.0), min(top + 0.5, 0.3)),
            x_name="velocity change along the velocity [m/s]",
        )
    ]


def _trends(events: Sequence[Mapping[str, Any]]) -> list[Plot]:
    traces = []
    for event in events:
        rows = [row for row in event["history"] if row["pc"] is not None]
        if len(rows) > 1:
            seconds = unix_s(Times.from_utc([row["created"] for row in rows]))
            name = f"{event['objects']} {event['tca'][:16]}"
            traces.append(Trace(name, seconds, _log(np.array([row["pc"] for row in rows], dtype=float))))
    if not traces:
        return []
    sentence = (
        "Each event's probability by the date of its messages: it should settle, or fall as the covariance shrinks."
    )
    return [Plot("Trend", "log10 Pc", traces, sentence, {"1e-4": -4.0}, x_name="date of the message (UTC)", dates=True)]


def _log(values: np.ndarray) -> np.ndarray:
    result: np.ndarray = np.log10(np.maximum(values, _LEAST))
    return result


def _number(value: float | None) -> str:
    return "–" if value is None or not math.isfinite(value) else f"{value:.4g}"
