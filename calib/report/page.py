"""The page: numbers, plots and text brought together in one HTML file that needs nothing from outside."""

from __future__ import annotations

import base64
import hashlib
import itertools
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from importlib.resources import files
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup

from calib.report import plots, straylight, text
from calib.report.acquisition import points_of, section
from calib.report.model import Case, Change, RunReport
from calib.report.summary import BandMean, Group, band_names, flags_of, gain_of, groups, phase_of

_STATES = {"computed": "●", "reused": "○", "failed": "✕", "not run": "·"}


def render(report: RunReport) -> str:
    """The whole page as text."""
    css, script = (_asset(name) for name in ("report.css", "report.js"))
    found = groups(report.cases)
    looks = _looks(report.cases)
    context = {
        "report": report,
        "css": css,
        "script": script,
        # with these digests a browser runs and paints nothing but what was shipped, whatever a name may hold
        "policy": f"default-src 'none'; img-src data:; style-src '{_csp(css)}'; script-src '{_csp(script)}'",
        "summary": summary_sentences(report, found),
        "groups": [(group, _reach(group)) for group in found],
        "budgets": [(group, _budget(group)) for group in found],
        "steps": list(dict.fromkeys(step for case in report.cases for step in case.steps)),
        "states": _STATES,
        "series": [_series(sensor, report.cases, looks[sensor], number) for number, sensor in enumerate(looks)],
        "changes": _by_acquisition(report.changes),
        "sections": [section(case, looks.get(case.sensor, {})) for case in report.cases],
        "request": text.as_yaml(report.request) if report.request else "",
    }
    return _environment().get_template("page.html").render(context)


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_asset),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters.update(
        fixed=text.fixed,
        significant=text.significant,
        isfinite=math.isfinite,
        percent=text.percent,
        small=text.small_percent,
        moved=lambda share: text.fixed(100 * share, 3, signed=True),
        date=text.date,
        duration=text.duration,
        words=lambda name: str(name).replace("_", " "),
        short=lambda key: str(key)[:12],
    )
    environment.globals.update(
        whisker=plots.whisker,
        shared_by=_shared_by,
        decimals_for=text.decimals_for,
        flags_of=_flag_texts,
        phase_of=phase_of,
        mark=plots.mark,
    )
    return environment


def _asset(name: str) -> str:
    return files("calib.report").joinpath(name).read_text(encoding="utf-8")


def _csp(content: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode("ascii")


def _looks(cases: Sequence[Case]) -> dict[str, dict[str, plots.Style]]:
    """Per sensor, how each band is drawn; bands come from all results, so that an acquisition that failed half-way keeps the colours."""
    found = {}
    for sensor in dict.fromkeys(case.sensor for case in cases):
        tables = [
            result.data
            for case in cases
            if case.sensor == sensor
            for result in case.results.values()
            if "band" in result.data.coords
        ]
        if tables:
            found[sensor] = plots.styles(band_names(tables))
    return found


def summary_sentences(report: RunReport, found: Sequence[Group]) -> list[str]:
    """What happened and what came out, for a reader who stops there."""
    if not report.cases:
        return ["The run holds no acquisition."]
    failed = [case for case in report.cases if case.status == "failed"]
    done = len(report.cases) - len(failed)
    first = f"{done} of {text.count(len(report.cases), 'acquisition')} calibrated in {text.duration(report.seconds)}"
    if failed:
        first += f"; {len(failed)} failed"
    states = Counter[str](state for case in report.cases for state in case.steps.values())
    shown = [f"{states[state]} {state}" for state in _STATES if states[state]]
    sentences = [f"{first}.", *([f"Steps: {text.listed(shown)}."] if shown else [])]
    sentences += [sentence for group in found if (sentence := _group_sentence(group))]
    sentences += _straylight_sentences(report.cases)
    if report.changes:
        names = dict.fromkeys(change.acquisition for change in report.changes)
        sentences.append(
            f"{text.count(len(report.changes), 'coefficient')} of {text.count(len(names), 'acquisition')} changed with the orbit."
        )
    return sentences


def _straylight_sentences(cases: Sequence[Case]) -> list[str]:
    """What the stray light around the Moon does to k, and whether it was taken off."""
    found = [
        (float(effect), case.name, str(band), step)
        for case in cases
        for step in straylight.TREATED
        if step in case.results
        for band, effect in zip(
            case.results[step].data["band"].values, case.results[step].data["straylight_effect"].values, strict=True
        )
        if np.isfinite(effect)
    ]
    if not found:
        return []
    effect, name, band, step = max(found, key=lambda item: abs(item[0]))
    if effect == 0:
        return ["No stray light was found around the Moon."]
    size = f"at most {text.fixed(100 * effect, 3, signed=True)} % of the disk ({band} of {name})"
    return [f"Stray light around the Moon adds {size}. {straylight.TREATED[step]}"]


def _group_sentence(group: Group) -> str:
    rows = group.measured
    if not rows:
        return f"{group.sensor}: no band gave a valid coefficient."
    low, high = (pick(rows, key=lambda row: row.k) for pick in (min, max))
    far = max(rows, key=lambda row: abs(row.difference))
    notable = [row.band for row in rows if row.notable]
    extent = (
        f"k = {text.fixed(low.k, 4)} in {low.band}"
        if len(rows) == 1
        else f"k from {text.fixed(low.k, 4)} ({low.band}) to {text.fixed(high.k, 4)} ({high.band})"
    )
    verdict = (
        f"{text.listed(notable)} differ{'s' if len(notable) == 1 else ''} by more than twice the uncertainty"
        if notable
        else "no band differs by more than twice its uncertainty"
    )
    gap = "\N{NO-BREAK SPACE}"
    size = f"({text.percent(far.difference, signed=True)}{gap}±{gap}{text.percent(far.k * far.u_k)}){gap}%"
    return (
        f"{group.sensor}, {text.count(len(rows), 'band')}: {extent}; "
        f"largest difference from the gain in force {size} in {far.band}; {verdict}."
    )


def _flag_texts(case: Case) -> list[str]:
    tables = [result.data for result in case.results.values() if "band" in result.data.coords]
    total = len({band for data in tables for band in data["band"].values})
    return [
        f"{flag} ({'all bands' if len(bands) == total > 1 else ', '.join(bands)})"
        for flag, bands in sorted(flags_of(case).items())
    ]


def _shared_by(correlation: str) -> str:
    """In words: which results share one error of a component."""
    names = {"acquisition": "date"}
    if correlation in ("random", "common"):
        return {"random": "each alone", "common": "all bands and dates"}[correlation]
    return f"all {text.listed([names.get(dim, dim) + 's' for dim in correlation.split()[1:]])}"


def _reach(group: Group) -> float:
    ends = [abs(row.difference) + row.k * row.u_k for row in group.measured]
    return max([float(end) for end in ends if np.isfinite(end)], default=0.01) * 1.05 or 0.01


def _budget(group: Group) -> list[tuple[BandMean, Markup]]:
    rows = [(index, row) for index, row in enumerate(group.bands) if row.used]
    longest = max((row.u_k for _, row in rows), default=0.0)
    return [
        (row, plots.budget(row.u_k, [part.effect[index] for part in group.sources], longest)) for index, row in rows
    ]


def _series(sensor: str, cases: Sequence[Case], look: dict[str, plots.Style], number: int) -> dict[str, Any]:
    points: dict[str, list[plots.Point]] = {band: [] for band in look}
    members = [case for case in cases if case.sensor == sensor and gain_of(case) is not None]
    table = []
    for case in members:
        found = points_of(case)
        values = {band: point.value for band, point in found.items()}
        table.append((case, [values.get(band, float("nan")) for band in look]))
        for band, point in found.items():
            if np.isfinite(point.time_s) and np.isfinite(point.value):
                points[band].append(point)
    points = {band: items for band, items in points.items() if items}
    plot = plots.series(points, look, f"k of {sensor} over time, per band", number) if points else Markup("")
    several = len({case.po.split(" (")[0] for case in members}) > 1
    return {"sensor": sensor, "plot": plot, "look": look, "drawn": list(points), "table": table, "several": several}


def _by_acquisition(changes: Sequence[Change]) -> list[tuple[str, str, list[dict[str, Any]]]]:
    """Per acquisition and reason: its changes with the relative difference."""
    found = []
    for (name, why), items in itertools.groupby(changes, key=lambda change: (change.acquisition, change.why)):
        derived = ("moved", "over_uncertainty", "over_orbit")
        rows = [{**asdict(item), **{part: getattr(item, part) for part in derived}} for item in items]
        found.append((name, why, rows))
    return found
