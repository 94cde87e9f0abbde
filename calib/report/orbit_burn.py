"""The restitution of an orbit through a burn as a page: semi-major axis and its forecast, residuals, thrust, tests, as an operator watches them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files

import numpy as np
from markupsafe import Markup

from calib.report.axes import limits, ticks
from calib.report.plots import Frame, Style, mark, styles

_SIZE = (960, 300)
#: vertices of a curve on the page: more would not be seen
_VERTICES = 800


@dataclass(frozen=True)
class Trace:
    """A quantity over another (time, in minutes after ignition), with the half width of its band where it has one, `drawn` as a line or as dots."""

    name: str
    minutes: np.ndarray
    value: np.ndarray
    band: np.ndarray | None = None
    dots: bool = False


@dataclass(frozen=True)
class Plot:
    """Traces on one paper with dashed guides at heights, and a sentence that says what to look for."""

    title: str
    y_name: str
    traces: Sequence[Trace]
    sentence: str
    guides: Mapping[str, float] = field(default_factory=dict)
    reach: tuple[float, float] | None = None
    """Heights to show; by default all."""
    x_name: str = "minutes after ignition"


@dataclass(frozen=True)
class BurnPage:
    """What the page shows: a heading, sentences, a table, plots, and notes."""

    title: str
    verdict: str
    sentences: Sequence[str]
    rows: Sequence[Sequence[str]]
    plots: Sequence[Plot]
    notes: Sequence[str]
    burning_min: tuple[float, float] | None = None
    """The stretch of the plots to shade: the burn."""
    heads: Sequence[str] = ("Quantity", "Estimate", "Standard deviation", "Plan")
    caption: str = "What was found, with one standard deviation"
    good: bool = True
    """Whether the verdict is one to rely on."""


def page(content: BurnPage) -> str:
    """One HTML page that needs nothing from outside."""
    css = files("calib.report").joinpath("report.css").read_text(encoding="utf-8")
    body = Markup(
        '<header><h1>{}</h1></header><section class="summary"><p><b class="status {}">{}</b></p>{}</section>'
    ).format(
        content.title,
        "done" if content.good else "failed",
        content.verdict,
        Markup("").join(Markup("<p>{}</p>").format(sentence) for sentence in content.sentences),
    )
    body += _table(content.heads, content.rows, content.caption)
    for plot in content.plots:
        body += figure(plot, content.burning_min)
    if content.notes:
        notes = Markup("").join(Markup("<li>{}</li>").format(note) for note in content.notes)
        body += Markup("<h2>What was understood of the inputs</h2><ul>{}</ul>").format(notes)
    head = Markup(
        '<!doctype html><html lang="en"><head><meta charset="utf-8"/><meta name="viewport" content="width=device-width, initial-scale=1"/>'
        "<title>{}</title><style>{}</style></head>"
    ).format(content.title, Markup(css))
    return f"{head}<body><main>{body}</main></body></html>\n"


def figure(plot: Plot, burning_min: tuple[float, float] | None) -> Markup:
    """A plot with its legend and sentence, the burn shaded where it is given."""
    look = styles([trace.name for trace in plot.traces])
    frame = _frame(plot)
    drawn = Markup("")
    if burning_min is not None:
        low, high = (min(max(value, frame.x.low), frame.x.high) for value in burning_min)
        drawn += Markup('<rect class="span" x="{:.1f}" y="{}" width="{:.1f}" height="{}"/>').format(
            frame.x(low), frame.y.stop, frame.x(high) - frame.x(low), frame.y.start - frame.y.stop
        )
    drawn += frame.axes(
        ticks(frame.x.low, frame.x.high, 9), ticks(frame.y.low, frame.y.high, 5), plot.x_name, plot.y_name
    )
    for name, value in plot.guides.items():
        if frame.y.low <= value <= frame.y.high:
            drawn += Markup('<path class="one" d="M{} {:.1f}H{}"><title>{}</title></path>').format(
                frame.x.start, frame.y(value), frame.x.stop, name
            )
    for trace in plot.traces:
        drawn += _drawn(frame, trace, look[trace.name])
    keys = [(mark(look[trace.name]), trace.name) for trace in plot.traces]
    keys += [(Markup("– –"), name) for name in plot.guides if name]
    legend = Markup("").join(
        Markup('<span style="display:inline-flex;align-items:center;gap:.35em;margin-right:1.3em">{} {}</span>').format(
            *key
        )
        for key in keys
    )
    return Markup('<h2>{}</h2><figure>{}<p class="note">{}</p><figcaption>{}{}</figcaption></figure>').format(
        plot.title,
        frame.svg(drawn, plot.title),
        legend,
        plot.sentence,
        "" if burning_min is None else " Shaded: the burn.",
    )


def _frame(plot: Plot) -> Frame:
    times = [value for trace in plot.traces for value in trace.minutes]
    heights = [*plot.guides.values()]
    for trace in plot.traces:
        band = np.zeros(len(trace.value)) if trace.band is None else np.nan_to_num(trace.band)
        heights += [*(trace.value - band), *(trace.value + band)]
    return Frame.fitted(_SIZE, limits(times, margin=0.01), plot.reach or limits(heights, margin=0.06))


def _drawn(frame: Frame, trace: Trace, style: Style) -> Markup:
    if trace.dots:
        dots = "".join(
            f"M{frame.x(x):.1f} {min(max(frame.y(y), frame.y.stop), frame.y.start):.1f}h0"
            for x, y in zip(trace.minutes, trace.value, strict=True)
            if math.isfinite(x) and math.isfinite(y)
        )
        return Markup(
            '<path class="line {}" style="stroke-dasharray:none;stroke-width:2.4;stroke-linecap:round" d="{}"><title>{}</title></path>'
        ).format(f"b{style.colour}", dots, trace.name)
    step = max(1, math.ceil(len(trace.value) / _VERTICES))
    last = np.arange(len(trace.value))[-1:]
    keep = np.unique(np.append(np.arange(0, len(trace.value), step), last)).astype(int)
    keep = keep[np.isfinite(trace.value[keep])]
    x, y = trace.minutes[keep], trace.value[keep]
    drawn = Markup("")
    if trace.band is not None and len(keep):
        half = np.nan_to_num(trace.band[keep])
        edge = [*zip(x, y + half, strict=True), *zip(x[::-1], (y - half)[::-1], strict=True)]
        drawn += Markup('<path class="{}" style="fill:var(--b);fill-opacity:.16" d="{}Z"/>').format(
            f"b{style.colour}", _line(frame, edge)
        )
    return drawn + Markup('<path class="line {}" d="{}"><title>{}</title></path>').format(
        style.classes, _line(frame, list(zip(x, y, strict=True))), trace.name
    )


def _line(frame: Frame, points: Sequence[tuple[float, float]]) -> str:
    # what lies outside the paper is held at its edge
    heights = [min(max(frame.y(y), frame.y.stop), frame.y.start) for _, y in points]
    return "".join(
        f"{'M' if number == 0 else 'L'}{frame.x(point[0]):.1f} {height:.1f}"
        for number, (point, height) in enumerate(zip(points, heights, strict=True))
    )


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], caption: str) -> Markup:
    body = Markup("").join(
        Markup('<tr><th scope="row" class="date">{}</th>{}</tr>').format(
            row[0], Markup("").join(Markup('<td class="n">{}</td>').format(text) for text in row[1:])
        )
        for row in rows
    )
    names = Markup("").join(
        Markup('<th scope="col"{}>{}</th>').format(Markup(' class="n"') if number else Markup(""), name)
        for number, name in enumerate(heads)
    )
    return Markup(
        '<div class="scroll"><table><caption>{}</caption><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>'
    ).format(caption, names, body)
