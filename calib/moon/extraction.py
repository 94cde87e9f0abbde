"""The disk of one band from its image: a coarse look, then the limb in as many pixels as it needs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from calib.acquisition import BandImage
from calib.errors import InputError
from calib.moon.cleaning import CleanWindow, clean_window
from calib.moon.coarse import coarse_ellipse, coarse_look
from calib.moon.disk import DiskParameters, Limb, fit_limb
from calib.moon.ellipse import Ellipse, Scan, scan_of
from calib.moon.hits import Noise
from calib.moon.window import Window, block_means

#: semi-axis in pixels from which on means of pixels are looked at: relief and ground do not let a larger disk be known better
_ENOUGH_PIXELS = 750
#: disk radii by which the coarse disk may lie beside the true one
_SLACK = 0.03


@dataclass(frozen=True)
class Extraction:
    """A disk in the pixels of its band, with the scan to which it refers; the clean image in which it was found, whose pixels are means of `step`
    (lines, columns) of the band's, with the disk and the scan in those."""

    limb: Limb
    scan: Scan
    flags: list[str]
    window: CleanWindow
    window_ellipse: Ellipse
    window_scan: Scan
    step: tuple[int, int]


def extract_disk(
    image: BandImage, noise: Noise, sun_angle_rad: float, ratio: float, parameters: DiskParameters, source: str
) -> Extraction:
    """The disk of a band; `ratio` as of `fit_limb`. InputError, naming `source`, where there is no whole Moon."""
    raster = image.raster
    scan = scan_of(image, raster.lines / 2, raster.lines / 2)
    shape = raster.lines, raster.columns
    whole = Window(raster, 0, raster.lines, 0, raster.columns)
    coarse, second = coarse_ellipse(coarse_look(whole), scan, sun_angle_rad, noise.floor, parameters, source)
    completeness(coarse, scan, shape, parameters.margin, source)
    half_width, half_height = coarse.extent()
    reach = np.array([-1, 1]) * parameters.cleaning.sky_to * half_height + coarse.scan
    first, stop = (int(item) for item in np.clip(np.ceil(scan.line(reach)), 0, raster.lines))
    left, right = (
        int(np.clip(coarse.column + side * parameters.cleaning.margin * half_width, 0, raster.columns))
        for side in (-1, 1)
    )
    step = max(int(half_height / _ENOUGH_PIXELS), 1), max(int(half_width / _ENOUGH_PIXELS), 1)
    # anisotropic means would turn tilted axes
    step = (min(step), min(step)) if parameters.tilted else step
    # the window begins where a block does
    first, left = first // step[0] * step[0], left // step[1] * step[1]
    means = block_means(whole.part(first, stop, left, right), step)
    slack = int(_SLACK * half_width) + 2
    whole.leave(image.held, first, stop, max(left - slack, 0), min(right + slack, raster.columns))
    del whole
    in_means = _reduced_scan(scan, step[0])
    start = _scaled(coarse, 1 / step[1], 1 / step[0])
    number = step[0] * step[1]
    window = clean_window(
        means,
        (first // step[0], left // step[1]),
        start,
        in_means,
        Noise(noise.floor / np.sqrt(number), noise.slope / number),
        parameters.cleaning,
        source,
    )
    limb = fit_limb(window, start, in_means, sun_angle_rad, ratio * step[1] / step[0], parameters, source)
    found = _limb_in_pixels(limb, step)
    flags = completeness(found.ellipse, scan, shape, parameters.margin, source)
    flags += ["limb_residual"] * (limb.residual > parameters.residual_limit) + ["second_object"] * second
    return Extraction(found, scan, flags, window, limb.ellipse, in_means, step)


def _reduced_scan(scan: Scan, step: int) -> Scan:
    """The scan of means of `step` lines, in units of such a mean: middle of the first at zero, as ever."""
    number = len(scan.weight) // step
    weight = scan.weight[: number * step].reshape(number, step).mean(axis=1)
    return Scan(weight, (scan.edges[: number * step + 1 : step] + 0.5) / step - 0.5)


def _scaled(ellipse: Ellipse, across: float, along: float) -> Ellipse:
    """The ellipse in pixels smaller by these factors; the middle of the first pixel is at zero in both. Tilted axes keep their angle on the disk."""
    return Ellipse(
        (ellipse.column + 0.5) * across - 0.5,
        (ellipse.scan + 0.5) * along - 0.5,
        ellipse.semi_column * across,
        ellipse.semi_scan * along,
        ellipse.tilt_rad,
    )


def _limb_in_pixels(limb: Limb, step: tuple[int, int]) -> Limb:
    along, across = step
    larger = max(step)
    return replace(
        limb,
        ellipse=_scaled(limb.ellipse, across, along),
        column=(limb.column + 0.5) * across - 0.5,
        scan=(limb.scan + 0.5) * along - 0.5,
        blur=(limb.blur[0] * across, limb.blur[1] * along),
        residual=limb.residual * larger,
        centre_uncertainty=limb.centre_uncertainty * larger,
        axis_uncertainty=limb.axis_uncertainty * larger,
    )


def completeness(ellipse: Ellipse, scan: Scan, shape: tuple[int, int], margin: float, source: str) -> list[str]:
    """The flag of a disk near the border; InputError for a disk that the border cuts."""
    half_width, half_height = ellipse.extent()
    room = min(
        (ellipse.column + 0.5) / half_width,
        (shape[1] - 0.5 - ellipse.column) / half_width,
        (ellipse.scan - float(scan.coordinate(np.array(-0.5)))) / half_height,
        (float(scan.coordinate(np.array(shape[0] - 0.5))) - ellipse.scan) / half_height,
    )
    if room < 1.0:
        raise InputError(
            f"{source}: the Moon is cut by the border of the image (only {100 * room:.0f} % of its radius inside); leave the acquisition out"
        )
    return ["narrow_margin"] if room < margin else []
