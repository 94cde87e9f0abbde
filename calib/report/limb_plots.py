"""What tells whether the limb was found where it is: the Laplacian with the zero crossings on the limb, and their distances from the disk."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import xarray as xr
from markupsafe import Markup
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter, laplace

from calib.report import plots
from calib.report.images import as_data_address, outline
from calib.report.plots import Curve, Guides, Style
from calib.report.text import significant

#: of the Laplacian of Gaussian, in samples of the picture
_SIGMA = 1.0
#: shown of the picture, in disk radii
_SHOWN = 1.12
_WIDTH, _HEIGHT, _ACROSS, _GAP, _TEXT = 148, 220, 6, 4, 15
_STRIP_WIDTH, _STRIP_ROW, _STRIPS_ACROSS = 296, 4, 3
#: rays farther apart belong to different patches
_NEXT_RAY_DEG = 5.0
_FINER = 2
#: of the pictures: greys that the eye tells apart, and two colours
_COLOURS = 64
_ELLIPSE, _CROSSING, _INK, _PAPER = "#ff9b2f", "#3fd7ff", "#ffffff", (40, 40, 40)
#: what the far side of the disk keeps of its contrast, and how dark it lies
_FAR_CONTRAST, _FAR_GREY = 0.25, 0.22
_NOTHING = 0.16
_BIN_DEG = 2.0


def laplacian_sheet(disk: xr.Dataset) -> str:
    """The Laplacian of each band's quicklook on one PNG in a data address: mid grey is zero, dark is negative (the bright side of an edge), bright is
    positive; the side of the terminator, which is not searched, is dull. Fitted ellipse in orange, zero crossings of the limb in cyan; empty without
    pictures. Same input, same bytes."""
    if not {"quicklook", "limb_ray_angle"} <= set(disk.variables):
        return ""
    bands = [disk.sel(band=name) for name in disk["band"].values]
    half = max(_lit(band)[1] for band in bands)
    tiles = [_tile(band, half) for band in bands]
    sizes = max(tile.width for tile in tiles), max(tile.height for tile in tiles)
    texts = [str(band["band"].item())[:12] for band in bands]
    return as_data_address(_sheet(tiles, texts, (max(sizes[0], 40), sizes[1]), _ACROSS), _COLOURS)


def limb_strips(disk: xr.Dataset) -> str:
    """The limb of each band laid out straight on one PNG in a data address: its Laplacian over the angle from the Sun's direction (across) and the distance
    from the fitted disk (up is outside), in samples of the image that was searched; colours as in `laplacian_sheet`. Empty without records of it."""
    if "limb_laplacian" not in disk:
        return ""
    bands = [disk.sel(band=name) for name in disk["band"].values]
    rows = _STRIP_ROW * disk.sizes["limb_offset"]
    texts = [_strip_text(band) for band in bands]
    return as_data_address(
        _sheet([_strip(band) for band in bands], texts, (_STRIP_WIDTH, rows), _STRIPS_ACROSS), _COLOURS
    )


def residuals(disk: xr.Dataset, look: Mapping[str, Style]) -> Markup:
    """Distances of the zero crossings from the fitted disk [pixel] over the angle from the Sun's direction [deg], means of two degrees; empty without them."""
    if not {"limb_crossing", "limb_ray_angle"} <= set(disk.variables):
        return Markup("")
    lines = []
    for name in disk["band"].values:
        band = disk.sel(band=name)
        angle, distance = _from_sun(band), np.asarray(band["limb_crossing"].values, dtype=float)
        seen = np.isfinite(distance) & np.isfinite(angle)
        if seen.any():
            lines.append(Curve(str(name), *_binned(angle[seen], distance[seen])))
    names = ("angle from the Sun's direction [deg]", "distance outside the disk [pixel]")
    title = "distance of the limb from the fitted disk, per band"
    return plots.curves(lines, look, names, title, Guides(y=(0.0,))) if lines else Markup("")


def _binned(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    cell = np.floor(x / _BIN_DEG).astype(int)
    cells, place = np.unique(cell, return_inverse=True)
    number = np.bincount(place)
    return np.bincount(place, x) / number, np.bincount(place, y, len(cells)) / number


def _lit(band: xr.Dataset) -> tuple[float, float]:
    """Middle and half width [deg] of the arc on which the limb was looked for: the Sun's direction on the disk, and how far from it."""
    rays = np.asarray(band["limb_ray_angle"].values, dtype=float)
    rays = rays[np.isfinite(rays)]
    return (float(rays.max() + rays.min()) / 2, float(rays.max() - rays.min()) / 2) if rays.size else (0.0, 180.0)


def _from_sun(band: xr.Dataset) -> np.ndarray:
    return np.asarray(band["limb_ray_angle"].values, dtype=float) - _lit(band)[0]


def _tile(band: xr.Dataset, half_deg: float) -> Image.Image:
    """The Laplacian around the disk of one band with ellipse and zero crossings."""
    image = np.asarray(band["quicklook"].transpose("y", "x").values, dtype=float)
    step = float(band["quicklook_step"]) if "quicklook_step" in band else 1.0
    curve = _samples(*outline(band), step)
    boxes = []
    for (first, last), size in zip(map(_finite_ends, curve), image.shape[::-1], strict=True):
        reach = (_SHOWN - 1) * (last - first) / 2 + 3
        boxes.append((int(np.clip(first - reach, 0, size - 1)), int(np.clip(last + reach + 1, 1, size))))
    (left, right), (top, bottom) = boxes
    grey = _grey(band, image, step, half_deg)[top:bottom, left:right]
    scale = min(_WIDTH / grey.shape[1], _HEIGHT / grey.shape[0])
    size = math.ceil(grey.shape[1] * scale), math.ceil(grey.shape[0] * scale)
    fine = Image.fromarray(np.uint8(np.rint(255 * grey)))
    fine = fine.resize((size[0] * _FINER, size[1] * _FINER), Image.Resampling.BILINEAR).convert("RGB")
    draw = ImageDraw.Draw(fine)

    def placed(x: np.ndarray, y: np.ndarray) -> list[tuple[float, float]]:
        found = np.stack([(x - left + 0.5), (y - top + 0.5)]) * scale * _FINER
        return [(a, b) for a, b in found.T.tolist() if math.isfinite(a) and math.isfinite(b)]

    draw.line(placed(*curve), fill=_ELLIPSE, width=1)
    points = placed(*_samples(band["limb_column"].values, band["limb_line"].values, step))
    for x, y in points[:: -(-len(points) // _STRIP_WIDTH) or 1]:
        draw.ellipse((x - 1.5, y - 1.5, x + 1.5, y + 1.5), fill=_CROSSING)
    return fine.reduce(_FINER)


def _finite_ends(values: np.ndarray) -> tuple[float, float]:
    kept = values[np.isfinite(values)]
    return (float(kept.min()), float(kept.max())) if kept.size else (0.0, 1.0)


def _samples(column: np.ndarray, line: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Pixels as samples of a quicklook, each of which is the mean of step x step pixels."""
    x, y = ((np.asarray(pixel, dtype=float) + 0.5) / step - 0.5 for pixel in (column, line))
    return x, y


def _grey(band: xr.Dataset, image: np.ndarray, step: float, half_deg: float) -> np.ndarray:
    """The Laplacian as 0 (dark) to 1 (bright), as a signed square root, dull where the limb is not looked for."""
    known = np.isfinite(image)
    filled = np.where(known, image, np.median(image[known]) if known.any() else 0.0)
    laplacian = laplace(gaussian_filter(filled, _SIGMA))
    y, x = np.mgrid[0 : image.shape[0], 0 : image.shape[1]]
    tilt = math.radians(float(band["tilt"])) if "tilt" in band else 0.0
    column, line = (
        (x + 0.5) * step - 0.5 - float(band["centre_column"]),
        (y + 0.5) * step - 0.5 - float(band["centre_line"]),
    )
    across = (column * math.cos(tilt) + line * math.sin(tilt)) / float(band["semi_axis_column"])
    along = (line * math.cos(tilt) - column * math.sin(tilt)) / float(band["semi_axis_line"])
    turned = np.degrees(np.arctan2(along, across)) - _lit(band)[0]
    far = np.abs((turned + 180) % 360 - 180) > half_deg
    value = _signed_root(laplacian, laplacian[~far & known])
    shown = np.where(far, _FAR_GREY + _FAR_CONTRAST * value / 2, 0.5 + value / 2)
    return np.where(known, np.clip(shown, 0, 1), _NOTHING)


def _signed_root(values: np.ndarray, of: np.ndarray) -> np.ndarray:
    """From -1 to 1, full at the largest of `of` but a few; the root shows maria beside the limb."""
    sizes = np.abs(of[np.isfinite(of)])
    full = float(np.percentile(sizes, 99.7)) if sizes.size else 0.0
    share = np.clip(np.abs(values) / (full or 1.0), 0, 1)
    return np.asarray(np.sign(values) * np.sqrt(share))


def _strip(band: xr.Dataset) -> Image.Image:
    """One band's limb: rays side by side in the order of their angle, patches apart."""
    angle = _from_sun(band)
    order = np.argsort(angle, kind="stable")
    angle = angle[order]
    table = np.asarray(band["limb_laplacian"].transpose("limb_ray", "limb_offset").values, dtype=float)[order]
    crossing = (np.asarray(band["limb_crossing"].values, dtype=float) / band["limb_sample"].values)[order]
    value = _signed_root(table, table)
    grey = np.where(np.isfinite(table), 0.5 + value / 2, _NOTHING)
    starts = np.flatnonzero(np.diff(angle, prepend=angle[0]) > _NEXT_RAY_DEG)
    # a column of nothing where the next ray is far
    grey = np.insert(grey, starts, _NOTHING, axis=0)
    crossing = np.insert(crossing, starts, np.nan)
    offsets = band["limb_offset"].values
    size = _STRIP_WIDTH * _FINER, _STRIP_ROW * len(offsets) * _FINER
    picture = (
        Image.fromarray(np.uint8(np.rint(255 * grey.T[::-1]))).resize(size, Image.Resampling.BILINEAR).convert("RGB")
    )
    draw = ImageDraw.Draw(picture)
    per_row = size[1] / len(offsets)
    height = (offsets[-1] - np.append(crossing, 0.0)) / (offsets[1] - offsets[0]) * per_row + per_row / 2
    draw.line([(0, height[-1]), (size[0], height[-1])], fill=_ELLIPSE, width=2)
    for index, y in enumerate(height[:-1].tolist()):
        if math.isfinite(y):
            x = (index + 0.5) * size[0] / len(crossing)
            draw.ellipse((x - 2, y - 2, x + 2, y + 2), fill=_CROSSING)
    return picture.reduce(_FINER)


def _strip_text(band: xr.Dataset) -> str:
    half = _lit(band)[1]
    samples = np.asarray(band["limb_sample"].values, dtype=float)
    mean = float(np.nanmean(samples)) if np.isfinite(samples).any() else math.nan
    reach = float(band["limb_offset"].values[-1])
    how = "carried" if "carried" in band and float(band["carried"]) else "searched"
    return f"{str(band['band'].item())[:12]}  {how}, ±{half:.0f}° across, ±{significant(reach * mean, 2)} pixel"


def _sheet(tiles: list[Image.Image], texts: list[str], size: tuple[int, int], most_across: int) -> Image.Image:
    """Pictures side by side, each under its text, at most so many in a row."""
    rows = math.ceil(len(tiles) / most_across)
    across = math.ceil(len(tiles) / rows)
    sheet = Image.new("RGB", (across * (size[0] + _GAP) - _GAP, rows * (size[1] + _TEXT + _GAP) - _GAP), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for index, (tile, text) in enumerate(zip(tiles, texts, strict=True)):
        left, top = index % across * (size[0] + _GAP), index // across * (size[1] + _TEXT + _GAP)
        draw.text((left + 2, top), text, fill=_INK, font=ImageFont.load_default(11))
        sheet.paste(tile, (left, top + _TEXT))
    return sheet
