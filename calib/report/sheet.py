"""A sheet: one page of sentences, tables, plots over time or anything else, and timelines. What an orbit command shows is one of these."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files

import numpy as np
from markupsafe import Markup

from calib.report.axes import Scale, date_ticks, limits, ticks
from calib.report.plots import Frame, Style, mark, styles

_SIZE = (960, 300)
#: vertices of a curve on the page: more would not be seen
_VERTICES = 800
#: height of a lane of a timeline, and the width of a letter of its name
_LANE = 22
_LETTER = 6.6
#: what a cell of figures may hold: numbers, with a unit or an uncertainty behind them
_FIGURE = re.compile(
    r"\s*(?:[-+\u2212–±]?\s?[\d.,]*\d(?:e[-+]?\d+)?\s?%?(?:\s?[±(].*)?|[–-]?)(?:\s[A-Za-zµ°/]{1,4})?\s*"
)


@dataclass(frozen=True)
class Trace:
    """A quantity over another, with the half width of its band where it has one, drawn as a line or as dots."""

    name: str
    x: np.ndarray
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
    x_name: str = "UTC"
    dates: bool = False
    """Whether x is seconds since 1970 UTC, written as dates."""
    shaded: tuple[float, float, str] | None = None
    """A stretch of x to shade, and what it is."""


@dataclass(frozen=True)
class Timeline:
    """Lanes of spans (start and end in seconds since 1970 UTC, and what the pointer is told) one under the other, and a sentence."""

    title: str
    lanes: Mapping[str, Sequence[tuple[float, float, str]]]
    sentence: str


@dataclass(frozen=True)
class Table:
    """Rows under heads; the first cell of a row is its name."""

    caption: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Sheet:
    """What a page shows, in this order: a heading, a verdict, sentences, tables, plots and timelines, notes."""

    title: str
    verdict: str
    sentences: Sequence[str]
    tables: Sequence[Table]
    plots: Sequence[Plot | Timeline]
    notes: Sequence[str]
    good: bool = True
    """Whether the verdict is one to rely on."""


def page(content: Sheet) -> str:
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
    for table in content.tables:
        body += _table(table)
    for plot in content.plots:
        body += figure(plot) if isinstance(plot, Plot) else timeline(plot)
    if content.notes:
        notes = Markup("").join(Markup("<li>{}</li>").format(note) for note in content.notes)
        body += Markup("<h2>What was understood of the inputs</h2><ul>{}</ul>").format(notes)
    head = Markup(
        '<!doctype html><html lang="en"><head><meta charset="utf-8"/><meta name="viewport" content="width=device-width, initial-scale=1"/>'
        "<title>{}</title><style>{}</style></head>"
    ).format(content.title, Markup(css))
    return f"{head}<body><main>{body}</main></body></html>\n"


def figure(plot: Plot) -> Markup:
    """A plot with its legend and sentence."""
    look = styles([trace.name for trace in plot.traces])
    frame = _frame(plot)
    drawn = Markup("")
    if plot.shaded is not None:
        low, high = (min(max(value, frame.x.low), frame.x.high) for value in plot.shaded[:2])
        drawn += Markup('<rect class="span" x="{:.1f}" y="{}" width="{:.1f}" height="{}"/>').format(
            frame.x(low), frame.y.stop, frame.x(high) - frame.x(low), frame.y.start - frame.y.stop
        )
    along = _dates(frame) if plot.dates else ticks(frame.x.low, frame.x.high, 9)
    drawn += frame.axes(along, ticks(frame.y.low, frame.y.high, 5), plot.x_name, plot.y_name)
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
        "" if plot.shaded is None else f" Shaded: {plot.shaded[2]}.",
    )


def timeline(content: Timeline) -> Markup:
    """Spans as bars, a lane for each name; a span too short to be seen is drawn a pixel wide."""
    spans = [span for lane in content.lanes.values() for span in lane]
    ends = [value for start, stop, _ in spans for value in (start, stop)] or [0.0, 1.0]
    low, high = limits(ends, margin=0.01)
    left = max(58, math.ceil(16 + _LETTER * max(map(len, content.lanes), default=0)))
    height = _LANE * max(len(content.lanes), 1) + 50
    x = Scale(low, high, left, _SIZE[0] - 12)
    frame = Frame(_SIZE[0], height, x, Scale(0.0, float(max(len(content.lanes), 1)), height - 40, 10))
    drawn = frame.axes(_dates(frame), [], "UTC", "")
    look = styles(list(content.lanes))
    for number, (name, lane) in enumerate(content.lanes.items()):
        top = 10 + _LANE * number
        drawn += Markup('<text x="{}" y="{}" class="ty">{}</text>').format(left - 6, top + _LANE / 2 + 3.5, name)
        for start, stop, hint in lane:
            drawn += Markup(
                '<rect class="b{}" style="fill:var(--b);stroke:none" x="{:.2f}" y="{}" width="{:.2f}" height="{}"><title>{}</title></rect>'
            ).format(look[name].colour, x(start), top + 3, max(x(stop) - x(start), 1.0), _LANE - 6, hint)
    return Markup("<h2>{}</h2><figure>{}<figcaption>{}</figcaption></figure>").format(
        content.title, frame.svg(drawn, content.title), content.sentence
    )


def _dates(frame: Frame) -> list[tuple[float, str]]:
    """Dates along the axis; one that would run off the paper keeps its line and loses its text."""
    marks = date_ticks(frame.x.low, frame.x.high)
    return [(value, text if frame.x(value) + _LETTER * len(text) / 2 < frame.width else "") for value, text in marks]


def _frame(plot: Plot) -> Frame:
    times = [value for trace in plot.traces for value in trace.x]
    heights = [*plot.guides.values()]
    for trace in plot.traces:
        band = np.zeros(len(trace.value)) if trace.band is None else np.nan_to_num(trace.band)
        heights += [*(trace.value - band), *(trace.value + band)]
    reach = plot.reach or limits(heights, margin=0.06)
    return Frame.fitted(_SIZE, limits(times, margin=0.01), reach, ticks(*reach, 5))


def _drawn(frame: Frame, trace: Trace, style: Style) -> Markup:
    if trace.dots:
        dots = "".join(
            f"M{frame.x(x):.1f} {min(max(frame.y(y), frame.y.stop), frame.y.start):.1f}h0"
            for x, y in zip(trace.x, trace.value, strict=True)
            if math.isfinite(x) and math.isfinite(y)
        )
        return Markup(
            '<path class="line {}" style="stroke-dasharray:none;stroke-width:2.4;stroke-linecap:round" d="{}"><title>{}</title></path>'
        ).format(f"b{style.colour}", dots, trace.name)
    step = max(1, math.ceil(len(trace.value) / _VERTICES))
    last = np.arange(len(trace.value))[-1:]
    keep = np.unique(np.append(np.arange(0, len(trace.value), step), last)).astype(int)
    keep = keep[np.isfinite(trace.value[keep])]
    x, y = trace.x[keep], trace.value[keep]
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


def _table(table: Table) -> Markup:
    # figures stand on the right, words on the left
    kinds = [
        ' class="n"' if all(_FIGURE.fullmatch(row[number]) for row in table.rows) else ""
        for number in range(1, len(table.heads))
    ]
    body = Markup("").join(
        Markup('<tr><th scope="row" class="date">{}</th>{}</tr>').format(
            row[0],
            Markup("").join(
                Markup("<td{}>{}</td>").format(Markup(kind), text) for kind, text in zip(kinds, row[1:], strict=True)
            ),
        )
        for row in table.rows
    )
    names = Markup("").join(
        Markup('<th scope="col"{}>{}</th>').format(Markup(kind), name)
        for kind, name in zip(["", *kinds], table.heads, strict=True)
    )
    return Markup(
        '<div class="scroll"><table><caption>{}</caption><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>'
    ).format(table.caption, names, body)
