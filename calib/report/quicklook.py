"""A picture of a product at a glance: every band as it lies in the file, thinned out and stretched."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from calib.acquisition import Acquisition, BandImage

_SIDE, _ACROSS, _GAP, _TEXT = 320, 4, 8, 20  # pixels; square bands in a row
_NARROWEST, _NARROWEST_SHEET = 205, 700  # for what is written above a band and below all
_BACK, _INK = "#1c1f24", "#e8e8e8"
_LOW, _HIGH = 1.0, 99.0  # percent


def write_quicklook(acquisition: Acquisition, path: Path) -> Path:
    """Write the picture as PNG and return its path. Each band is stretched from its 1st to its 99th percentile, whose counts stand above it; columns grow to
    the right and lines downward; samples without data are blue, saturated ones red."""
    tiles = [_tile(name, image) for name, image in acquisition.bands.items()]
    side = max(tile.width for tile in tiles)
    # as wide as four square images, so that tall and narrow ones need fewer rows
    across = min(max(_ACROSS * _SIDE // side, 1), len(tiles))
    width = max(across * (side + _GAP) + _GAP, _NARROWEST_SHEET)
    heights = [max(tile.height for tile in tiles[row : row + across]) + _GAP for row in range(0, len(tiles), across)]
    sheet = Image.new("RGB", (width, sum(heights) + 3 * _TEXT), _BACK)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    date = "" if np.isnat(acquisition.start) else f", {str(acquisition.start)[:19]} UTC"
    draw.text((_GAP, 6), f"{acquisition.name}: {acquisition.sensor}{date}", fill=_INK, font=font)
    top = round(1.6 * _TEXT)
    for row, height in enumerate(heights):
        for place, tile in enumerate(tiles[row * across : (row + 1) * across]):
            sheet.paste(tile, (_GAP + place * (side + _GAP), top))
        top += height
    legend = "counts from the 1st to the 99th percentile of each band, dark to bright; blue: no data; red: saturated"
    draw.text((_GAP, sheet.height - _TEXT), legend, fill=_INK, font=font)
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path, format="PNG", compress_level=6)
    return path


def _tile(name: str, image: BandImage) -> Image.Image:
    """One band with its name, size and stretch."""
    counts = image.raster.thumbnail(_SIDE)
    empty = counts == image.nodata if image.nodata is not None else np.zeros(counts.shape, bool)
    full = counts >= image.saturated if image.saturated is not None else np.zeros(counts.shape, bool)
    lit = counts[~empty]
    low, high = np.percentile(lit, [_LOW, _HIGH]) if lit.size else (0.0, 1.0)
    grey = np.uint8(255 * np.clip((counts.astype(float) - low) / max(high - low, 1e-9), 0, 1))
    colour = np.stack([grey] * 3, axis=-1)
    colour[empty], colour[full & ~empty] = (28, 50, 110), (220, 40, 40)
    scale = _SIDE / max(counts.shape)
    size = max(1, math.floor(counts.shape[1] * scale)), max(1, math.floor(counts.shape[0] * scale))
    picture = Image.fromarray(colour).resize(size, Image.Resampling.NEAREST)
    tile = Image.new("RGB", (max(picture.width, _NARROWEST), picture.height + _TEXT), _BACK)
    tile.paste(picture, (0, _TEXT))
    text = f"{name}  {image.raster.lines} x {image.raster.columns}  {low:.0f}..{high:.0f} DN"
    ImageDraw.Draw(tile).text((0, 3), text, fill=_INK, font=ImageFont.load_default(12))
    return tile
