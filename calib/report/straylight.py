"""The stray light of a lunar acquisition as pictures: the matrix of bands and sources, and maps of the sky before and after correction."""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib.resources import files

import numpy as np
import xarray as xr
from markupsafe import Markup
from PIL import Image, ImageDraw, ImageFont

from calib.report.images import as_data_address
from calib.report.lunar_plots import CELLS, means
from calib.report.text import fixed, percent, significant
from calib.types import Result

_CELL, _LEFT, _TOP = 46, 46, 34
_TILE, _ACROSS, _GAP, _TEXT, _NARROWEST = 148, 6, 4, 15, 90
_NAME = "#ffffff"
#: bands of the widest matrix: a narrower one is not drawn larger in a report
_WIDEST = 12
#: of the colours of the maps, in sigmas of a cell's noise at least
_LEAST_SIGMAS = 4.0


def page(data: xr.Dataset, name: str) -> str:
    """One HTML page that needs nothing from outside: the matrix and the maps, each with a sentence."""
    css = files("calib.report").joinpath("report.css").read_text(encoding="utf-8")
    body = Markup(
        "<h1>Stray light: {}</h1>"
        '<figure><div style="max-width: {}px">{}</div>'
        "<figcaption>Light of each source (across) found around the Moon in each band (down), in % of the mean of the band's own disk. "
        "On the diagonal the ghosts of the band itself; framed, the bands of one detector unit. A dot: nothing found; empty: the source's "
        "light would not fall on the sky that is seen. Below it the uncertainty (k = 1) of what was found, else the detection limit.</figcaption></figure>"
        '<figure><img alt="sky around the Moon" src="{}"/>'
        "<figcaption>The sky around the disk, before (above) and after the light found was taken off (below); red is brighter, blue darker than the sky, the "
        "disk grey. Full colour is told beside each band, in % of the mean of its disk: what is left below must be even noise.</figcaption></figure>"
    ).format(name, _LEFT + 4 + _CELL * data.sizes["band"], matrix(data), maps_sheet(data))
    head = Markup(
        '<!doctype html><html lang="en"><head><meta charset="utf-8"/><title>Stray light: {}</title><style>{}</style></head>'
    ).format(name, Markup(css))
    return f"{head}<body><main>{body}</main></body></html>\n"


#: the steps whose results are shown, and the words for what was done with the signal
FOUND, EFFECT = "lunar_straylight", "straylight_effect"
TREATED = {
    "signal_without_straylight": "The stray light is taken off the signal: k is the corrected one.",
    "signal_with_straylight": "The stray light is not taken off: k is the uncorrected one, with the stray light in its uncertainty.",
}


def section(results: Mapping[str, Result]) -> Markup:
    """What a report shows of the stray light of an acquisition: k and gains with and without it, the matrix, the maps; empty where it was not looked for."""
    treated = next((name for name in TREATED if name in results), None)
    if FOUND not in results or treated is None:
        return Markup("")
    data = results[FOUND].data
    figures = Markup(
        '<div class="row"><figure>{}<figcaption><b>Stray light.</b> Light of each source (across) in each band (down), '
        "% of the mean of the band's own disk; a dot: nothing found; empty: not to be seen.</figcaption></figure>"
        '<figure class="sheet"><img alt="sky around the Moon before and after the correction" loading="lazy" src="{}"/><figcaption><b>Sky before '
        "and after.</b> What the correction leaves below must be even noise.</figcaption></figure></div>"
    ).format(matrix(data, _WIDEST), maps_sheet(data))
    return _effects(results, treated) + figures


def _effects(results: Mapping[str, Result], treated: str) -> Markup:
    """The table of the stray light in the sum, and of k and gain with and without it."""
    if EFFECT not in results:
        return Markup("")
    signal, effect = results[treated].data, results[EFFECT].data
    rows = Markup("")
    for band in effect["band"].values:
        share, doubt = (
            float(signal[name].sel(band=band)) for name in ("straylight_effect", "straylight_effect_uncertainty")
        )
        k = [fixed(float(effect[f"k_{name}"].sel(band=band)), 4) for name in ("uncorrected", "corrected")]
        gain = [f"{float(effect[f'gain_{name}'].sel(band=band)):.5g}" for name in ("uncorrected", "corrected")]
        cells = (f"{fixed(100 * share, 3, signed=True)} ± {percent(doubt)}", *k, *gain)
        rows += Markup('<tr><th scope="row">{}</th>{}</tr>').format(
            band, Markup("").join(Markup('<td class="n">{}</td>').format(cell) for cell in cells)
        )
    heads = (
        ("stray light", "% of the sum"),
        ("k", "with it"),
        ("k", "without"),
        ("gain", "with it, DN / (W m⁻² sr⁻¹ µm⁻¹)"),
        ("gain", "without"),
    )
    head = Markup("").join(
        Markup('<th scope="col" class="n">{}<small>{}</small></th>').format(*words) for words in heads
    )
    return Markup(
        '<div class="scroll" role="region" tabindex="0" aria-label="Stray light and coefficients"><table><caption>{} '
        'Uncertainties are k = 1 and hold what may hide below the detection limit.</caption><thead><tr><th scope="col">Band</th>{}</tr></thead>'
        "<tbody>{}</tbody></table></div>"
    ).format(TREATED[treated], head, rows)


def matrix(data: xr.Dataset, columns: int = 0) -> Markup:
    """The shares of a LUNAR_STRAYLIGHT result in % of the disk's mean, bands down, sources across: ghosts on the diagonal, what is not found as a dot.

    Drawn with room for so many `columns` at least.

    Entries of one detector unit are framed. Light added is drawn in a warm colour, light taken away in a cold one. Every cell tells its detection limit.
    """
    bands = [str(name) for name in data["band"].values]
    largest = float(np.nanmax(np.abs(data["straylight"].values), initial=1e-9))
    body = Markup("")
    for row, band in enumerate(bands):
        body += Markup('<text class="ty" x="{}" y="{}">{}</text>').format(_LEFT - 6, _TOP + (row + 0.6) * _CELL, band)
        body += Markup('<text class="tx" x="{}" y="{}">{}</text>').format(_LEFT + (row + 0.5) * _CELL, _TOP - 8, band)
        for column, source in enumerate(bands):
            body += _cell(data.sel(band=band, source=source), (column, row), (band, source), largest)
    size = _CELL * len(bands)
    names = Markup(
        '<text class="name" x="{}" y="12">source of the light</text>'
        '<text class="name" transform="translate(11 {}) rotate(-90)">band [% of its disk]</text>'
    ).format(_LEFT + size / 2, _TOP + size / 2)
    return Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="matrix of stray light">{}{}</svg>').format(
        _LEFT + max(size, _CELL * columns) + 4, _TOP + size + 4, names, body
    )


def _cell(pair: xr.Dataset, place: tuple[int, int], names: tuple[str, str], largest: float) -> Markup:
    x, y = _LEFT + place[0] * _CELL, _TOP + place[1] * _CELL
    share, limit = 100 * float(pair["straylight"]), 100 * float(pair["detection_limit"])
    found = math.isfinite(share)
    ink = "name" if found else "tx"
    uncertainty = 100 * float(pair["straylight_uncertainty"])
    opacity = 0.15 + 0.75 * abs(share) / (100 * largest) if found else 0.0
    kind = "ghost" if names[0] == names[1] else f"crosstalk from {names[1]}"
    told = f"{share:+.4f} ± {uncertainty:.4f} %" if found else "nothing found"
    seen = f"detection limit {limit:.4f} %" if math.isfinite(limit) else "its light would not fall on the sky seen"
    return Markup(
        '<g><title>{}: {}, {}; {}</title><rect class="{}" fill-opacity="{:.2f}" x="{}" y="{}" width="{}" height="{}"/>{}'
        '<text class="{}" x="{}" y="{}">{}</text><text class="{}" font-size="9" x="{}" y="{}">{}</text></g>'
    ).format(
        names[0],
        kind,
        told,
        seen,
        "c1" if found and share > 0 else "c0",
        opacity,
        x,
        y,
        _CELL,
        _CELL,
        Markup('<rect class="edge" x="{}" y="{}" width="{}" height="{}"/>').format(x + 1, y + 1, _CELL - 2, _CELL - 2)
        if bool(pair["same_detector"])
        else Markup(""),
        ink,
        x + _CELL / 2,
        y + 0.5 * _CELL,
        fixed(share, 3) if found else "·" if math.isfinite(limit) else "",
        ink,
        x + _CELL / 2,
        y + 0.78 * _CELL,
        f"±{uncertainty:.3f}" if found else f"< {limit:.3f}" if math.isfinite(limit) else "",
    )


def maps_sheet(data: xr.Dataset) -> str:
    """The sky around each band's disk before and after correction, one above the other, all bands on one PNG in a data address; blue is darker, red
    brighter than the sky. Each band has its own scale, told beside its name in % of the mean of its disk. Same input, same bytes."""
    before, after = (
        np.asarray(data[name].transpose("band", "y", "x").values, dtype=float) for name in ("sky_before", "sky_after")
    )
    # a faint ghost hides in the noise of single samples
    side = max(1, max(before.shape[1:]) // CELLS)
    before, after = (np.stack([means(values, side) for values in maps]) for maps in (before, after))
    across = min(_ACROSS, len(before))
    scale = _TILE / max(before.shape[1:])
    height, width = (math.ceil(size * scale) for size in before.shape[1:])
    rows, tall, wide = math.ceil(len(before) / across), _TEXT + 2 * height + 3 * _GAP, max(width, _NARROWEST) + _GAP
    sheet = Image.new("RGB", (across * wide - _GAP, rows * tall - 2 * _GAP), (40, 40, 40))
    draw = ImageDraw.Draw(sheet)
    for index, band in enumerate(data["band"].values):
        left, top = index % across * wide, index // across * tall
        reach = _reach(before[index], after[index])
        for step, values in enumerate((before[index], after[index])):
            tile = Image.fromarray(_coloured(values / reach)).resize((width, height), Image.Resampling.NEAREST)
            sheet.paste(tile, (left, top + _TEXT + step * (height + _GAP)))
        text = f"{str(band)[:12]}  ±{significant(100 * reach, 2)} %"
        draw.text((left + 2, top), text, fill=_NAME, font=ImageFont.load_default(11))
    return as_data_address(sheet)


def _reach(before: np.ndarray, after: np.ndarray) -> float:
    """What full colour means in one band: the light that was there, or some sigmas of what is left."""
    seen = np.abs(before[np.isfinite(before)])
    left = after[np.isfinite(after)]
    brightest = float(np.percentile(seen, 99.5)) if seen.size else 0.0
    return max(brightest, _LEAST_SIGMAS * float(left.std()) if left.size else 0.0, 1e-9)


def _coloured(values: np.ndarray) -> np.ndarray:
    """RGB of values from -1 (blue) over 0 (white) to 1 (red); dark grey where there is none."""
    value = np.clip(np.nan_to_num(values), -1, 1)
    fade = 1 - np.abs(value)
    colours = np.stack([np.where(value > 0, 1.0, fade), fade, np.where(value < 0, 1.0, fade)], axis=-1)
    return np.asarray(np.rint(255 * np.where(np.isfinite(values)[..., np.newaxis], colours, 0.25)), dtype=np.uint8)
