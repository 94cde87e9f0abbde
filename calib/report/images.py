"""The images of an acquisition with the fitted limb, all bands on one sheet. The only place that loads matplotlib."""

from __future__ import annotations

import base64
import io
import math
from typing import Any

import numpy as np
import xarray as xr

_WIDTH, _TILE = 900, 300  # of the sheet; longest side of a band's image on it at most; pixels
_ACROSS = 6
_GAP = 2  # between bands, samples
_COLOURS = 160


def contact_sheet(disk: xr.Dataset) -> str:
    """The quicklooks of a lunar disk result as one PNG in a data address: fitted ellipse in orange, limb points in cyan. Same input, same bytes."""
    images = np.asarray(disk["quicklook"].transpose("band", "y", "x").values, dtype=float)
    lines, columns = images.shape[1:]
    across = min(_ACROSS, len(images))
    down = math.ceil(len(images) / across)
    scale = min(_TILE, _WIDTH / across) / max(lines, columns)
    size = (math.ceil(across * (columns + _GAP) * scale), math.ceil(down * (lines + _GAP) * scale))
    canvas, axes = _blank(size)
    sheet = np.full((down * (lines + _GAP), across * (columns + _GAP)), 0.25)
    ellipses, limbs = [], []
    for index, image in enumerate(images):
        left, top = index % across * (columns + _GAP), index // across * (lines + _GAP)
        sheet[top : top + lines, left : left + columns] = _stretched(image)
        one = disk.isel(band=index)
        step = float(one["quicklook_step"]) if "quicklook_step" in one else 1.0
        ellipses.append(_placed(*_ellipse(one), step, image.shape, (left, top)))
        if {"limb_column", "limb_line"} <= set(one.variables):
            limbs.append(_placed(one["limb_column"].values, one["limb_line"].values, step, image.shape, (left, top)))
        axes.text(
            left + 0.03 * columns,
            top + 0.03 * lines,
            str(one["band"].item())[:12],
            va="top",
            color="#ffffff",
            fontsize=7,
            parse_math=False,
        )
    axes.imshow(sheet, cmap="gray", vmin=0, vmax=1, aspect="auto", interpolation="antialiased")
    axes.plot(*np.hstack(ellipses), "-", color="#ff9b2f", linewidth=0.7)
    if limbs:
        axes.plot(*np.hstack(limbs), ".", color="#3fd7ff", markersize=1.8, markeredgewidth=0)
    axes.set_xlim(-0.5, sheet.shape[1] - 0.5)
    axes.set_ylim(sheet.shape[0] - 0.5, -0.5)
    canvas.draw()
    return _as_data_address(np.asarray(canvas.buffer_rgba())[..., :3].copy())


def _blank(size: tuple[int, int]) -> tuple[Any, Any]:
    """A canvas of so many pixels and its only axes: one set for all bands, as making axes costs more than drawing in them."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(size[0] / 100, size[1] / 100), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1), frameon=False)
    axes.set_axis_off()
    return FigureCanvasAgg(figure), axes


def _placed(
    column: np.ndarray, line: np.ndarray, step: float, shape: tuple[int, ...], corner: tuple[int, int]
) -> np.ndarray:
    """Pixels of one band as (x, y) samples of the sheet, ended by a gap; NaN where they leave the band's own image."""
    # a sample of a quicklook is the mean of step x step pixels, so its centre lies between them
    x, y = ((np.asarray(pixel, dtype=float) + 0.5) / step - 0.5 for pixel in (column, line))
    within = (x > -0.5) & (x < shape[1] - 0.5) & (y > -0.5) & (y < shape[0] - 0.5)
    placed = np.where(within, [x + corner[0], y + corner[1]], np.nan)
    return np.hstack([placed, np.full((2, 1), np.nan)])


def _stretched(image: np.ndarray) -> np.ndarray:
    finite = image[np.isfinite(image)]
    low, high = np.percentile(finite, [20, 99.8]) if finite.size else (0.0, 1.0)
    # the square root shows the dim side of the disk and the sky next to it
    return np.asarray(np.nan_to_num(np.sqrt(np.clip((image - low) / max(high - low, 1e-9), 0, 1))))


def _ellipse(disk: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    angle = np.linspace(0, 2 * np.pi, 181)
    tilt = math.radians(float(disk["tilt"])) if "tilt" in disk else 0.0
    along_column = float(disk["semi_axis_column"]) * np.cos(angle)
    along_line = float(disk["semi_axis_line"]) * np.sin(angle)
    column = float(disk["centre_column"]) + along_column * math.cos(tilt) - along_line * math.sin(tilt)
    line = float(disk["centre_line"]) + along_column * math.sin(tilt) + along_line * math.cos(tilt)
    return column, line


def _as_data_address(pixels: np.ndarray) -> str:
    from PIL import Image

    # a palette makes the file a third as large; greys and two line colours do not need more
    reduced = Image.fromarray(pixels).quantize(
        colors=_COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE
    )
    stream = io.BytesIO()
    reduced.save(stream, format="PNG", optimize=False, compress_level=6)
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
