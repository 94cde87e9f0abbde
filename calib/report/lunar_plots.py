"""What tells whether a lunar sum holds all the light and nothing else: the foot of the limb, the plateau of the growth curve, and maps of the sky."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from markupsafe import Markup
from PIL import Image, ImageDraw, ImageFont

from calib.report import plots
from calib.report.images import as_data_address
from calib.report.plots import Curve, Guides, Style
from calib.report.text import significant
from calib.types import Result

#: disk radii between which the edge of the disk is bright and even, and from which on the limb's own blur is over
_EDGE, _FOOT = (0.90, 0.97), 1.03
_WIDTH, _HEIGHT, _ACROSS, _GAP, _TEXT = 148, 220, 6, 4, 15
#: along the longer side of a map: means over many pixels show what one alone hides in its noise
CELLS = 60
#: of the colours of a map, in sigmas of its samples; the disk is covered this far beyond its limb
_SIGMAS, _COVERED = 4.0, 1.06
_INK, _DISK = "#ffffff", 0.25


def foot(disk: xr.Dataset, look: Mapping[str, Style]) -> Markup:
    """The light outside the lit limb, per cent of the edge of the disk, over the radius; empty where no profile was kept."""
    if not {"limb_profile", "profile_radius"} <= set(disk.variables):
        return Markup("")
    radius = np.asarray(disk["profile_radius"].values, dtype=float)
    inside, outside = (radius > _EDGE[0]) & (radius < _EDGE[1]), radius > _FOOT
    profiles = np.asarray(disk["limb_profile"].transpose("band", "profile").values, dtype=float)
    lines = []
    for band, profile in zip(disk["band"].values, profiles, strict=True):
        edge = profile[inside][np.isfinite(profile[inside])]
        if edge.size and edge.mean() > 0:
            lines.append(Curve(str(band), radius[outside], 100 * profile[outside] / edge.mean()))
    names = ("radius [disk radii]", "counts [% of the edge]")
    return (
        plots.curves(lines, look, names, "counts outside the lit limb, per band", Guides(y=(0.0,)))
        if lines
        else Markup("")
    )


def plateau(signal: Result, disk: xr.Dataset, look: Mapping[str, Style]) -> Markup:
    """Growth of the sum beyond the aperture's, per cent, over the dilation of the aperture; with the stretch that is to be flat, and how flat."""
    data, parameters = signal.data, signal.lineage.parameters
    if not {"growth", "dilation"} <= set(data.variables):
        return Markup("")
    dilation = np.asarray(data["dilation"].values, dtype=float)
    guides = _guides(parameters, float(disk["semi_axis_column"].mean()))
    # the rise at the limb itself would hide the plateau
    shown = dilation >= (0.8 * guides.x[0] if guides.x else 0.2 * dilation.max())
    growth = np.asarray(data["growth"].transpose("band", "dilation").values, dtype=float)
    lines = [
        Curve(str(band), dilation[shown], 100 * (row[shown] - 1))
        for band, row in zip(data["band"].values, growth, strict=True)
    ]
    names = ("dilation of the aperture [pixel]", "growth of the sum [%]")
    return plots.curves(lines, look, names, "growth of the sum beyond the aperture's, per band", guides)


def _guides(parameters: Mapping[str, Any], radius_pixel: float) -> Guides:
    """The plateau in pixels, and half of the allowed growth to each side."""
    try:
        low, high = (float(item) * radius_pixel for item in parameters["plateau"])
        half = 50 * float(parameters["plateau_limit"])
    except (KeyError, TypeError, ValueError):
        return Guides(y=(0.0,))
    return Guides(x=(low, high), y=(-half, half))


def sky_sheet(disk: xr.Dataset, signal: xr.Dataset) -> str:
    """What is left of the sky in each band's image once each column's own level is taken away, on one PNG in a data address; empty without images.

    Blue is darker, red brighter; the disk and its surroundings that the aperture takes are grey, as is what was not read. Each band has its own scale,
    told beside its name with its share of the disk's mean. Same input, same bytes.
    """
    if "quicklook" not in disk:
        return ""
    bands = [str(band) for band in disk["band"].values if band in signal["band"].values]
    maps = [_residual(disk.sel(band=band), signal.sel(band=band)) for band in bands]
    across = min(_ACROSS, len(maps))
    scale = min(_HEIGHT / maps[0].shape[0], _WIDTH / maps[0].shape[1])
    size = math.ceil(maps[0].shape[1] * scale), math.ceil(maps[0].shape[0] * scale)
    rows = math.ceil(len(maps) / across)
    sheet = Image.new("RGB", (across * (_WIDTH + _GAP), rows * (size[1] + _TEXT + _GAP)), (40, 40, 40))
    draw = ImageDraw.Draw(sheet)
    for index, (band, values) in enumerate(zip(bands, maps, strict=True)):
        left, top = index % across * (_WIDTH + _GAP), index // across * (size[1] + _TEXT + _GAP)
        reach = _reach(values)
        tile = Image.fromarray(_coloured(values / reach)).resize(size, Image.Resampling.NEAREST)
        sheet.paste(tile, (left, top + _TEXT))
        share = 100 * reach / float(signal["mean_signal"].sel(band=band)) if "mean_signal" in signal else math.nan
        text = f"{band[:12]}  ±{significant(reach, 2)} DN = {significant(share, 2)} %"
        draw.text((left + 2, top), text, fill=_INK, font=ImageFont.load_default(11))
    return as_data_address(sheet)


def _residual(disk: xr.Dataset, signal: xr.Dataset) -> np.ndarray:
    """Image minus the median of each column's sky in means of several samples, NaN on the disk and where no pixel was read."""
    image = np.array(disk["quicklook"].transpose("y", "x").values, dtype=float)
    step = float(disk["quicklook_step"]) if "quicklook_step" in disk else 1.0
    line, column = ((np.arange(size) + 0.5) * step - 0.5 for size in image.shape)
    tilt = math.radians(float(disk["tilt"])) if "tilt" in disk else 0.0
    x, y = column[np.newaxis] - float(disk["centre_column"]), line[:, np.newaxis] - float(disk["centre_line"])
    along = (x * math.cos(tilt) + y * math.sin(tilt)) / float(disk["semi_axis_column"])
    across = (y * math.cos(tilt) - x * math.sin(tilt)) / float(disk["semi_axis_line"])
    # a sample on the edge of the mask is partly lit
    margin = step / min(float(disk["semi_axis_column"]), float(disk["semi_axis_line"]))
    image[np.hypot(along, across) < _COVERED + margin] = np.nan
    if "sky_level" in signal:
        # a picture of which only a part was read is filled up with this very number
        image[image == np.float32(signal["sky_level"])] = np.nan
    cells = means(_levelled(image), max(1, max(image.shape) // CELLS))
    # a faint shape shifts the median of single samples by a part of their noise, that of means by much less
    return _levelled(cells)


def _levelled(image: np.ndarray) -> np.ndarray:
    """The image less the median of each of its columns."""
    levels = [np.median(kept) if (kept := values[np.isfinite(values)]).size else np.nan for values in image.T]
    return np.asarray(image - np.array(levels))


def means(values: np.ndarray, side: int) -> np.ndarray:
    """Means over side x side samples, NaN where less than half of them are there; what is left over at the end is cut."""
    lines, columns = (size // side for size in values.shape)
    blocks = values[: lines * side, : columns * side].reshape(lines, side, columns, side).swapaxes(1, 2)
    number = np.isfinite(blocks).sum(axis=(2, 3))
    return np.where(2 * number >= side**2, np.nansum(blocks, axis=(2, 3)) / np.maximum(number, 1), np.nan)


def _reach(values: np.ndarray) -> float:
    """What full colour means: some sigmas of the map, as its median tells, which neither hits nor ghosts move."""
    seen = np.abs(values[np.isfinite(values)])
    spread = 1.4826 * float(np.median(seen)) if seen.size else 0.0
    # a sky of whole counts may have no spread at all
    return _SIGMAS * spread or float(seen.max(initial=0.0)) or 1.0


def _coloured(values: np.ndarray) -> np.ndarray:
    """RGB of values from -1 (blue) over 0 (white) to 1 (red); grey where there is none."""
    value = np.clip(np.nan_to_num(values), -1, 1)
    fade = 1 - np.abs(value)
    colours = np.stack([np.where(value > 0, 1.0, fade), fade, np.where(value < 0, 1.0, fade)], axis=-1)
    return np.asarray(np.rint(255 * np.where(np.isfinite(values)[..., np.newaxis], colours, _DISK)), dtype=np.uint8)
