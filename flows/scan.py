"""The scan of the Moon by attitude and orbit: how fast the line of sight moves over it, line by line.

In the frame of the camera the Moon moves because the satellite turns and because the satellite itself moves (19.5 µrad/s in low orbit: 0.2 % of a nominal scan
of Venµs, 1.7 % of one eight times as slow). Both are in the direction of the Moon, taken from the satellite and turned into that frame.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.interpolate import CubicSpline

from calib.acquisition import Acquisition, BandImage
from orbit_aux.bodies import moon_position
from orbit_aux.frames import rotation
from orbit_aux.orbit import Orbit
from orbit_aux.time import Times

#: half width of the stretch of attitude that tells the rate at its middle. White noise of 5 µrad at 10 Hz then makes 0.07 % of a nominal scan of Venµs, and
#: of a swing with a period of 3 s 1.7 % are lost: 0.03 % of the rate, if it swings by 2 %
_HALF_WIDTH_S = 0.8
#: a cubic through fewer attitudes would follow their noise
_FEWEST = 6
_MARGIN = np.timedelta64(2000, "ms")
_SOME_LINES = 257
_PLACES = 65


@dataclass(frozen=True)
class MoonScan:
    """The rate at which the line of sight moves over the Moon, rad/s, along the image's lines; positive where lines grow along `line_axis`."""

    start: np.datetime64
    spline: CubicSpline
    span_s: tuple[float, float]

    def rate(self, image: BandImage, lines: np.ndarray) -> np.ndarray | None:
        """At (fractional) lines of a band; None where the attitude does not reach."""
        since = _seconds(np.array([image.line_time(float(line)) for line in lines]), self.start)
        inside = np.clip(since, *self.span_s)
        # the ends are those of the stretches that tell a rate, a little within the attitude itself
        return None if np.max(np.abs(inside - since)) > _HALF_WIDTH_S else np.asarray(self.spline(inside))


def moon_scan(acquisition: Acquisition, orbit: Orbit) -> MoonScan | None:
    """The scan by the attitude that the product carries and the orbit given; None where it carries too little attitude, or lines have no dates.

    Positive means: the line of sight moves over the Moon towards `line_axis`, the Moon through the image the other way.
    """
    attitude = acquisition.attitude
    if attitude is None or np.isnat(acquisition.start) or acquisition.line_axis is None:
        return None
    dates = attitude["time"].values
    used = (dates >= acquisition.start - _MARGIN) & (dates <= acquisition.stop + _MARGIN)
    times = Times.from_utc(dates[used])
    kept = np.flatnonzero(used)[orbit.covers(times)]
    if len(kept) < _FEWEST:
        return None
    times, dates = Times.from_utc(dates[kept]), dates[kept]
    moon = moon_position(times) - orbit.at(times).position_m
    moon /= np.linalg.norm(moon, axis=1, keepdims=True)
    to_frame = rotation(times, "GCRF", str(attitude.attrs["rotates_to"]))
    turned = np.einsum("nij,nj->ni", to_frame, moon)
    quaternion = attitude["quaternion"].values[kept]
    in_camera = _turned_back(quaternion, turned)
    since = _seconds(dates, acquisition.start)
    middle = int(np.argmin(np.abs(since - since.mean())))
    line_axis = _turned_back(quaternion[[middle]], to_frame[[middle]] @ acquisition.line_axis)[0]
    # about this axis of the camera, across lines and line of sight, the image advances by one line
    axis = np.cross(line_axis, in_camera[middle])
    rates = _turning(since, in_camera) @ (axis / np.linalg.norm(axis))
    usable = np.isfinite(rates)
    if np.count_nonzero(usable) < _FEWEST:
        return None
    since, rates = since[usable], rates[usable]
    return MoonScan(acquisition.start, CubicSpline(since, rates), (float(since[0]), float(since[-1])))


def with_scan(acquisition: Acquisition, orbit: Orbit | None) -> Acquisition:
    """The acquisition with the scan rates of its bands, where the product gives none but carries attitude, and `orbit`, its own, covers it.

    They tell the disk its shape and which line counts how much. Only what the product itself carries is used, so that the disk depends on no other orbit.
    """
    lacking = [name for name, image in acquisition.bands.items() if image.scan_rate_rad_s is None]
    scan = moon_scan(acquisition, orbit) if lacking and orbit is not None and acquisition.kind == "moon" else None
    if scan is None:
        return acquisition
    bands = dict(acquisition.bands)
    for name in lacking:
        image = bands[name]
        some = np.linspace(0, image.raster.lines - 1, min(image.raster.lines, _SOME_LINES))
        rate = scan.rate(image, some)
        if rate is None or not np.all(rate > 0):
            warning = "the attitude gives no scan along the lines; oversampling is known by the limb alone"
            return replace(acquisition, warnings=(*acquisition.warnings, warning))
        every = np.interp(np.arange(image.raster.lines), some, rate)
        bands[name] = replace(image, scan_rate_rad_s=every)
    return replace(acquisition, bands=bands)


def along_disk(
    image: BandImage, scan: MoonScan | None, centre_line: float, semi_axis_line: float
) -> tuple[np.ndarray, np.ndarray] | None:
    """Places on the disk (-1 to 1, in its semi-axis along the lines) and the scan rate there, rad/s: by the scan given, else by the product; None where
    neither knows."""
    places = np.linspace(-1.0, 1.0, _PLACES)
    lines = np.clip(centre_line + places * semi_axis_line, 0, image.raster.lines - 1)
    rate = scan.rate(image, lines) if scan is not None else None
    if rate is None and image.scan_rate_rad_s is not None:
        rate = np.interp(lines, np.arange(image.raster.lines), image.scan_rate_rad_s)
    return None if rate is None or not np.all(rate > 0) else (places, rate)


def _turning(since_s: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """u x du/dt (rad/s) of unit vectors (n, 3): du/dt from a cubic through the neighbours of each, NaN where there are too few, or none on one side."""
    turning = np.full(direction.shape, np.nan)
    for place, middle in enumerate(since_s):
        near = np.abs(since_s - middle) <= _HALF_WIDTH_S * (1 + 1e-9)
        offset = since_s[near] - middle
        # at an end the derivative of a cubic is worth little
        if len(offset) >= _FEWEST and min(-offset[0], offset[-1]) >= 0.6 * _HALF_WIDTH_S:
            powers = np.vander(offset / _HALF_WIDTH_S, 4, increasing=True)
            value, slope = np.linalg.lstsq(powers, direction[near], rcond=None)[0][:2]
            turning[place] = np.cross(value, slope / _HALF_WIDTH_S)
    return turning


def _turned_back(quaternion: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """q* v q: vectors (n, 3) of the frame that attitudes (n, 4), scalar first, rotate to, in the frame that they rotate from."""
    unit = quaternion / np.linalg.norm(quaternion, axis=1, keepdims=True)
    scalar, axis = unit[:, :1], -unit[:, 1:]
    return np.asarray(vectors + 2.0 * np.cross(axis, np.cross(axis, vectors) + scalar * vectors))


def _seconds(dates: np.ndarray, start: np.datetime64) -> np.ndarray:
    return np.asarray((dates - start) / np.timedelta64(1, "ns") * 1e-9)
