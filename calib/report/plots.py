"""The plots, as SVG inside the page: they take the page's colours, stay sharp on paper, and need no script to be seen.

All text passes through markupsafe, so that no name can become markup. Colours and marker shapes are classes (`b0`..`b11`, `m0`..`m3`) set in report.css.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from calib.report.axes import Scale, date_ticks, limits, ticks

_COLOURS = 12
#: width of a digit, pixels of the paper
_LETTER = 6.6
_SHAPES = (
    "M-3.2 0a3.2 3.2 0 1 0 6.4 0a3.2 3.2 0 1 0-6.4 0z",
    "M-2.9-2.9h5.8v5.8h-5.8z",
    "M0-4.2L4.2 0 0 4.2-4.2 0z",
    "M0-4L3.9 3h-7.8z",
)


@dataclass(frozen=True)
class Style:
    """How a band looks in every plot of a page."""

    colour: int
    shape: int

    @property
    def classes(self) -> str:
        return f"b{self.colour} m{self.shape}"


def styles(bands: Sequence[str]) -> dict[str, Style]:
    """Colours from violet to red in the sensor's band order, marker shapes in turn, so that colour is never the only sign."""
    last = len(bands) - 1
    spread = 0 < last < _COLOURS
    return {
        band: Style(round(index * (_COLOURS - 1) / last) if spread else (index + 2) % _COLOURS, index % len(_SHAPES))
        for index, band in enumerate(bands)
    }


@dataclass(frozen=True)
class Point:
    """A coefficient at a date (seconds since 1970) with the half length of its bar; `hollow` where it does not enter the mean."""

    time_s: float
    value: float
    bar: float
    hollow: bool
    hint: str


@dataclass(frozen=True)
class Curve:
    """A line of one band."""

    band: str
    x: np.ndarray
    y: np.ndarray


@dataclass(frozen=True)
class Guides:
    """What a plot is to be held against: a stretch of the horizontal axis, shaded, and dashed lines at heights."""

    x: tuple[float, float] | None = None
    y: tuple[float, ...] = ()


@dataclass(frozen=True)
class Frame:
    """The paper of a plot: its size, and its two scales inside fixed margins."""

    width: int
    height: int
    x: Scale
    y: Scale

    @classmethod
    def fitted(
        cls,
        size: tuple[int, int],
        x: tuple[float, float],
        y: tuple[float, float],
        marks: Sequence[tuple[float, str]] = (),
    ) -> Frame:
        """Margins as usual; on the left wider where the texts of the vertical axis' `marks` need it."""
        width, height = size
        left = max(58, math.ceil(26 + _LETTER * max((len(text) for _, text in marks), default=0)))
        return cls(width, height, Scale(*x, left, width - 12), Scale(*y, height - 40, 10))

    def axes(
        self, x_ticks: Sequence[tuple[float, str]], y_ticks: Sequence[tuple[float, str]], x_name: str, y_name: str
    ) -> Markup:
        left, right, bottom, top = self.x.start, self.x.stop, self.y.start, self.y.stop
        across = Markup("").join(
            Markup('<path class="grid" d="M{} {:.1f}H{}"/><text x="{}" y="{:.1f}" class="ty">{}</text>').format(
                left, self.y(value), right, left - 6, self.y(value) + 3.5, label
            )
            for value, label in y_ticks
        )
        down = Markup("").join(
            Markup('<path class="grid" d="M{:.1f} {}V{}"/><text x="{:.1f}" y="{}" class="tx">{}</text>').format(
                self.x(value), top, bottom, self.x(value), bottom + 15, label
            )
            for value, label in x_ticks
        )
        names = Markup(
            '<text class="name" x="{:.0f}" y="{}">{}</text><text class="name" transform="translate(13 {:.0f}) rotate(-90)">{}</text>'
        ).format((left + right) / 2, self.height - 6, x_name, (top + bottom) / 2, y_name)
        return Markup('<g class="axes">{}{}<path class="edge" d="M{} {}V{}H{}"/>{}</g>').format(
            across, down, left, top, bottom, right, names
        )

    def svg(self, body: Markup, title: str, view: str = "") -> Markup:
        return Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}" data-view="{}">{}</svg>').format(
            self.width, self.height, title, view, body
        )


def _path(frame: Frame, x: np.ndarray, y: np.ndarray) -> str:
    parts, pen_down = [], False
    for horizontal, vertical in zip(x, y, strict=True):
        if not (math.isfinite(horizontal) and math.isfinite(vertical)):
            pen_down = False
            continue
        parts.append(f"{'L' if pen_down else 'M'}{frame.x(horizontal):.1f} {frame.y(vertical):.1f}")
        pen_down = True
    return "".join(parts)


def mark(style: Style) -> Markup:
    """A band's marker alone, for legends."""
    return Markup(
        '<svg class="key {}" viewBox="-6 -6 12 12" aria-hidden="true"><path class="mark" d="{}"/></svg>'
    ).format(style.classes, _SHAPES[style.shape])


def curves(
    lines: Sequence[Curve], look: Mapping[str, Style], names: tuple[str, str], title: str, guides: Guides | None = None
) -> Markup:
    """Lines of several bands over one quantity (limb profile, growth curve); `names` of the horizontal and the vertical axis."""
    guides = guides or Guides()
    x = limits((value for line in lines for value in line.x[np.isfinite(line.x)]), margin=0.0)
    heights = [value for line in lines for value in line.y[np.isfinite(line.y)]]
    y = limits([*heights, *guides.y], margin=0.05)
    heights_marked = ticks(*y, 5)
    frame = Frame.fitted((380, 250), x, y, heights_marked)
    drawn = Markup("").join(
        Markup('<path class="line {}" d="{}"><title>{}</title></path>').format(
            look[line.band].classes, _path(frame, line.x, line.y), line.band
        )
        for line in lines
    )
    return frame.svg(_guided(frame, guides) + frame.axes(ticks(*x, 5), heights_marked, *names) + drawn, title)


def _guided(frame: Frame, guides: Guides) -> Markup:
    drawn = Markup("")
    if guides.x is not None:
        low, high = (min(max(value, frame.x.low), frame.x.high) for value in guides.x)
        drawn += Markup('<rect class="span" x="{:.1f}" y="{}" width="{:.1f}" height="{}"/>').format(
            frame.x(low), frame.y.stop, frame.x(high) - frame.x(low), frame.y.start - frame.y.stop
        )
    for value in guides.y:
        drawn += Markup('<path class="one" d="M{} {:.1f}H{}"/>').format(frame.x.start, frame.y(value), frame.x.stop)
    return drawn


def by_band(
    bands: Sequence[str], k: np.ndarray, total: np.ndarray, own: np.ndarray, look: dict[str, Style], title: str
) -> Markup:
    """k of one acquisition over its bands: thin bars are the total uncertainty, thick ones the part that is not common to the bands."""
    y = limits(np.concatenate([k - total, k + total, [1.0]]), least=0.002)
    frame = Frame.fitted((380, 250), (-0.6, len(bands) - 0.4), y)
    step = max(1, math.ceil(len(bands) / 14))
    marks = [(index, band[:6]) for index, band in enumerate(bands) if index % step == 0]
    drawn = Markup('<path class="one" d="M{} {:.1f}H{}"/>').format(frame.x.start, frame.y(1.0), frame.x.stop)
    for index, band in enumerate(bands):
        if not math.isfinite(k[index]):
            continue
        bars = "".join(
            f'<path class="{name}" d="M0 {frame.y(k[index] - half):.1f}V{frame.y(k[index] + half):.1f}"/>'
            for name, half in (("bar", total[index]), ("thick", own[index]))
            if math.isfinite(half)
        )
        drawn += Markup(
            '<g class="{}" transform="translate({:.1f} 0)">{}<path class="mark" transform="translate(0 {:.1f})" d="{}"/></g>'
        ).format(
            look[band].classes, frame.x(index), Markup(bars), frame.y(k[index]), _SHAPES[look[band].shape]
        )  # bars: numbers only
    return frame.svg(frame.axes(marks, ticks(*y, 5), "band", "k [1]") + drawn, title)


def series(points: dict[str, list[Point]], look: dict[str, Style], title: str, number: int) -> Markup:
    """k of each band over time. Every point carries its own numbers, from which report.js redraws the plot when it is zoomed."""
    flat = [point for items in points.values() for point in items]
    # a single date gets a month of paper, equal coefficients a thousandth
    x = limits((point.time_s for point in flat), margin=0.04, least=30 * 86400.0)
    reach = (point.value + sign * point.bar for point in flat for sign in (-1, 1))
    y = limits((*reach, 1.0), least=0.002)
    frame = Frame.fitted((960, 380), x, y)
    body = frame.axes(date_ticks(*x, 7), ticks(*y, 6), "date of acquisition (UTC)", "k [1]")
    body += Markup(
        '<clipPath id="clip{}"><rect x="{}" y="{}" width="{}" height="{}"/></clipPath><g class="plot" clip-path="url(#clip{})">'
    ).format(number, frame.x.start, frame.y.stop, frame.x.stop - frame.x.start, frame.y.start - frame.y.stop, number)
    body += Markup('<path class="one" d="M{} {:.1f}H{}"/>').format(frame.x.start, frame.y(1.0), frame.x.stop)
    for band, items in points.items():
        body += _trace(frame, band, sorted(items, key=lambda point: point.time_s), look[band])
    view = f"{x[0]:.0f} {x[1]:.0f} {y[0]:.6f} {y[1]:.6f}"
    return frame.svg(body + Markup("</g>"), title, view)


def _trace(frame: Frame, band: str, items: list[Point], style: Style) -> Markup:
    full = [point for point in items if not point.hollow]
    join = _path(frame, np.array([point.time_s for point in full]), np.array([point.value for point in full]))
    dots = Markup("").join(
        Markup(
            '<g class="point{}" data-x="{:.0f}" data-y="{:.6f}" data-u="{:.6f}"><path class="bar" d="M{:.1f} {:.1f}V{:.1f}"/>'
            '<path class="mark" transform="translate({:.1f} {:.1f})" d="{}"><title>{}</title></path></g>'
        ).format(
            " hollow" if point.hollow else "",
            point.time_s,
            point.value,
            point.bar,
            frame.x(point.time_s),
            frame.y(point.value - point.bar),
            frame.y(point.value + point.bar),
            frame.x(point.time_s),
            frame.y(point.value),
            _SHAPES[style.shape],
            point.hint,
        )
        for point in items
    )
    return Markup('<g class="trace {}" data-band="{}"><path class="join" d="{}"/>{}</g>').format(
        style.classes, band, join, dots
    )


def budget(total: float, effects: Sequence[float], longest: float) -> Markup:
    """One band's bar for a table cell: as long as its total uncertainty on a scale of 0..longest, cut into each component's share of the variance."""
    body, start = Markup(""), 0.0
    for index, effect in enumerate(effects):
        share = effect**2 / total / longest * 1000 if total > 0 and longest > 0 and math.isfinite(effect) else 0.0
        if share > 0:
            body += Markup('<rect class="c{}" x="{:.2f}" y="0" width="{:.2f}" height="10"/>').format(
                index % _COLOURS, start, share
            )
        start += share
    return Markup(
        '<svg class="stack" viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">{}</svg>'
    ).format(body)


def whisker(difference: float, uncertainty: float, reach: float) -> Markup:
    """A difference with its bars on a scale of -reach..reach, for a table cell; the numbers stand beside it."""
    if not (math.isfinite(difference) and math.isfinite(uncertainty)):
        return Markup("")
    scale = Scale(-reach, reach, 2, 138)
    return Markup(
        '<svg class="whisker" viewBox="0 0 140 14" aria-hidden="true"><path class="zero" d="M70 0V14"/>'
        '<path class="bar" d="M{:.1f} 7H{:.1f}"/><circle cx="{:.1f}" cy="7" r="3"/></svg>'
    ).format(scale(difference - uncertainty), scale(difference + uncertainty), scale(difference))
