"""The sheet: hostile names stay text, what is not finite is left out, nothing comes from outside."""

from __future__ import annotations

import re

import numpy as np

from calib.report.sheet import Plot, Sheet, Table, Timeline, Trace, page

HOSTILE = "<script>alert(1)</script>"


def made(value: np.ndarray, dots: bool = False) -> str:
    minutes = np.arange(len(value), dtype=float)
    trace = Trace(HOSTILE, minutes, value, np.ones(len(value)), dots)
    plot = Plot(HOSTILE, HOSTILE, [trace], HOSTILE, {HOSTILE: 0.0}, (-5.0, 5.0), shaded=(0.0, 2.0, HOSTILE))
    table = Table(HOSTILE, (HOSTILE, "a", "b", "c"), [(HOSTILE, "1", "2", "3")])
    lanes = Timeline(HOSTILE, {HOSTILE: [(0.0, 60.0, HOSTILE)]}, HOSTILE)
    return page(Sheet(HOSTILE, HOSTILE, [HOSTILE], [table], [plot, lanes], [HOSTILE]))


def test_names_cannot_become_markup() -> None:
    text = made(np.array([0.0, 1.0, 2.0]))
    assert "<script>" not in text and "&lt;script&gt;" in text
    assert not re.search(r"https?://", text)


def test_values_that_are_no_numbers_or_off_the_paper() -> None:
    for dots in (False, True):
        text = made(np.array([0.0, np.nan, np.inf, 1e9, -1e9]), dots)
        heights = [float(height) for height in re.findall(r"[ML][0-9.]+ (-?[0-9.]+|nan|inf)", text)]
        # 300 units high with margins of 10 and 40
        assert heights and all(10.0 <= height <= 260.0 for height in heights)
        assert "nan" not in "".join(re.findall(r' d="([^"]*)"', text))


def test_nothing_to_draw() -> None:
    assert "</html>" in made(np.array([]))


def test_a_timeline_has_a_lane_for_each_name_and_a_bar_for_each_span() -> None:
    day = 1.5e9
    lanes = {
        "Kiruna": [(day, day + 600.0, "pass 1"), (day + 6000.0, day + 6600.0, "pass 2")],
        "eclipse": [(day + 50.0, day + 50.1, "short")],
    }
    text = page(Sheet("t", "v", [], [], [Timeline("day", lanes, "s")], []))
    bars = re.findall(r'<rect class="b[0-9]+" [^>]*x="([0-9.]+)" y="([0-9.]+)" width="([0-9.]+)"', text)
    assert len(bars) == 3 and bars[0][1] == bars[1][1] != bars[2][1]
    (x0, _, w0), (x1, _, _), (_, _, short) = (tuple(map(float, bar)) for bar in bars)
    # 6000 s between the starts, 600 s long: to scale; what is too short is a pixel wide
    assert abs((x1 - x0) / w0 - 10.0) < 0.05 and short == 1.0
    assert (">Kiruna</text>" in text and "2017-07-14" in text) or "07-14" in text


def test_dates_stand_on_the_axis_where_asked() -> None:
    x = np.array([1.5e9, 1.5e9 + 30 * 86400.0])
    text = page(Sheet("t", "v", [], [], [Plot("p", "y", [Trace("a", x, np.zeros(2))], "s", dates=True)], []))
    assert "2017-07" in text


def test_figures_stand_right_and_words_left() -> None:
    rows = [
        ("a", "-1.5", "33.1 min", "0.98 (0.9 to 1.1)", "pass", ""),
        ("b", "1e-05", "–", "12 ± 3", "3 passes", "7 %"),
    ]
    text = page(Sheet("t", "v", [], [Table("c", ("n", "1", "2", "3", "4", "5"), rows)], [], []))
    kinds = re.findall(r"<td( class=\"n\")?>", text)
    assert [bool(kind) for kind in kinds] == [True, True, True, False, True] * 2
