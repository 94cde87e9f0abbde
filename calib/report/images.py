"""The images of an acquisition with the fitted limb, all bands on one sheet."""

from __future__ import annotations

import base64
import io
import math

import numpy as np
import xarray as xr
from PIL import Image, ImageDraw, ImageFont

_WIDTH, _TILE = 900, 300  # of the sheet; height of a band's image on it at most; pixels
_ACROSS = 6
_GAP = 2  # between bands, samples
_COLOURS = 160
_POINTS = 120  # of the limb at most, in each band
_FINER = 2  # lines are drawn on a sheet finer by this factor, which smooths them when it is reduced
_ELLIPSE, _LIMB, _NAME = "#ff9b2f", "#3fd7ff", "#ffffff"


def contact_sheet(disk: xr.Dataset) -> str:
    """The quicklooks of a lunar disk result as one PNG in a data address: fitted ellipse in orange, limb points in cyan. Same input, same bytes."""
    images = np.asarray(disk["quicklook"].transpose("band", "y", "x").values, dtype=float)
    lines, columns = images.shape[1:]
    across = min(_ACROSS, len(images))
    down = math.ceil(len(images) / across)
    scale = min(_TILE / lines, min(_TILE, _WIDTH / across) / columns)
    sheet = np.full((down * (lines + _GAP), across * (columns + _GAP)), 0.25)
    corners = [(index % across * (columns + _GAP), index // across * (lines + _GAP)) for index in range(len(images))]
    for image, (left, top) in zip(images, corners, strict=True):
        sheet[top : top + lines, left : left + columns] = _stretched(image)
    size = math.ceil(sheet.shape[1] * scale), math.ceil(sheet.shape[0] * scale)
    grey = Image.fromarray(np.uint8(np.rint(255 * sheet)))
    picture = grey.resize((size[0] * _FINER, size[1] * _FINER), Image.Resampling.BILINEAR).convert("RGB")
    for index, corner in enumerate(corners):
        _overlay(ImageDraw.Draw(picture), disk.isel(band=index), (lines, columns), corner, scale * _FINER)
    return as_data_address(picture.reduce(_FINER))


def _overlay(
    draw: ImageDraw.ImageDraw, disk: xr.Dataset, shape: tuple[int, int], corner: tuple[int, int], scale: float
) -> None:
    """Ellipse, limb points and name of one band; `scale` in sheet pixels per sample."""
    step = float(disk["quicklook_step"]) if "quicklook_step" in disk else 1.0
    curve = (_placed(*outline(disk), step, shape, corner) + 0.5) * scale
    seen = np.isfinite(curve).all(axis=0)
    for stretch in np.split(curve.T, np.flatnonzero(np.diff(seen)) + 1):
        if np.isfinite(stretch).all() and len(stretch) > 1:
            draw.line([tuple(point) for point in stretch.tolist()], fill=_ELLIPSE, width=_FINER)
    if {"limb_column", "limb_line"} <= set(disk.variables):
        points = (_placed(disk["limb_column"].values, disk["limb_line"].values, step, shape, corner) + 0.5) * scale
        points = points[:, np.isfinite(points).all(axis=0)]
        for x, y in points.T[:: -(-points.shape[1] // _POINTS) or 1].tolist():
            draw.ellipse((x - _FINER, y - _FINER, x + _FINER, y + _FINER), fill=_LIMB)
    place = (corner[0] + 0.03 * shape[1]) * scale, (corner[1] + 0.03 * shape[0]) * scale
    draw.text(place, str(disk["band"].item())[:12], fill=_NAME, font=ImageFont.load_default(11 * _FINER))


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


def outline(disk: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Columns and lines of the fitted ellipse of one band."""
    angle = np.linspace(0, 2 * np.pi, 181)
    tilt = math.radians(float(disk["tilt"])) if "tilt" in disk else 0.0
    along_column = float(disk["semi_axis_column"]) * np.cos(angle)
    along_line = float(disk["semi_axis_line"]) * np.sin(angle)
    column = float(disk["centre_column"]) + along_column * math.cos(tilt) - along_line * math.sin(tilt)
    line = float(disk["centre_line"]) + along_column * math.sin(tilt) + along_line * math.cos(tilt)
    return column, line


def as_data_address(picture: Image.Image, colours: int = _COLOURS) -> str:
    """A picture as a PNG in a data address, its colours reduced to a palette."""
    # a palette makes the file a third as large; greys and two line colours do not need more than the usual number
    reduced = picture.quantize(colors=colours, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    stream = io.BytesIO()
    reduced.save(stream, format="PNG", optimize=False, compress_level=6)
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
