"""One disk for all bands of a scan: where the reference band has the Moon, the others have it by their times; a few patches of limb tell how far off.

A patch is a small piece of image on the lit limb. The limb's zero crossings there are compared, ray by ray, with those of the reference band, so that
relief, ground and the bias of the crossings drop out and the displacement is left. Only the lines of the patches are read.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calib.acquisition import BandImage
from calib.moon.disk import DiskParameters, Limb
from calib.moon.ellipse import Ellipse, Scan, limb_distances, scan_of
from calib.moon.limb import ScaleSpace, zero_crossings
from calib.moon.strip import limb_strip

_PATCHES = 7
_RAYS = 15
#: of the search, in disk radii and pixels
_SEARCH, _LEAST_SEARCH = 0.025, 10.0
_FINE_SEARCH = 4.0
#: pixels around what is searched, for the Laplacian
_RIM = 8
_FEWEST = 0.5
_ITERATIONS = 8


@dataclass(frozen=True)
class Reference:
    """The disk of the band that leads: its image, disk and scan, when it crossed, and how far its crossings lie outside the disk on the rays of the
    patches (NaN where there is none)."""

    image: BandImage
    limb: Limb
    scan: Scan
    centre_line: float
    angles: np.ndarray
    distance: np.ndarray


@dataclass(frozen=True)
class Carried:
    """A disk in the pixels of another band, the scan to which it refers, its patches as (column, scan coordinate, counts), and the rms by which its limb
    differs from the reference band's."""

    limb: Limb
    scan: Scan
    patches: list[Patch]
    residual: float


@dataclass(frozen=True)
class Patch:
    """A piece of image: its columns, its lines as scan coordinates, counts (line, column), and what the zero crossings are found in."""

    columns: np.ndarray
    coordinates: np.ndarray
    counts: np.ndarray
    scale_space: ScaleSpace


def reference_of(
    image: BandImage, limb: Limb, scan: Scan, sun_angle_rad: float, parameters: DiskParameters
) -> Reference:
    """What the other bands are compared with."""
    centre_line = float(scan.line(np.array(limb.ellipse.scan)))
    half = 0.9 * np.radians(parameters.lit_half_angle)
    middles = sun_angle_rad + np.linspace(-half, half, _PATCHES)
    spread = np.linspace(-0.5, 0.5, _RAYS) * _search(limb.ellipse) / limb.ellipse.semi_column
    angles = middles[:, np.newaxis] + spread
    patches = _patches(image, limb.ellipse, scan, angles, _FINE_SEARCH, parameters)
    column, coordinate = _crossings(patches, limb.ellipse, scan, angles, _FINE_SEARCH)
    distance, _ = limb_distances(column, coordinate, limb.ellipse)
    return Reference(image, limb, scan, centre_line, angles, distance)


def carry(reference: Reference, image: BandImage, delay_rad: float, parameters: DiskParameters) -> Carried | None:
    """The reference's disk in a band that sees the Moon when the scan has turned by `delay_rad` more; None where prediction or limb do not agree.

    Both images need scan rates and dates.
    """
    predicted = _predicted(reference, image, delay_rad)
    if predicted is None:
        return None
    ellipse, scan = predicted
    patches = _patches(image, ellipse, scan, reference.angles, _search(ellipse), parameters, hold=True)
    for search in (_search(ellipse), _FINE_SEARCH, _FINE_SEARCH):
        column, coordinate = _crossings(patches, ellipse, scan, reference.angles, search)
        distance, slopes = limb_distances(column, coordinate, ellipse)
        excess = distance - reference.distance
        seen = np.isfinite(excess)
        if np.count_nonzero(seen) < max(_FEWEST * np.count_nonzero(np.isfinite(reference.distance)), 3 * _RAYS):
            return None
        shift, residual, error = _shift(excess[seen], slopes[seen, :2], parameters.huber)
        ellipse = Ellipse(
            ellipse.column + shift[0],
            ellipse.scan + shift[1],
            ellipse.semi_column,
            ellipse.semi_scan,
            ellipse.tilt_rad,
        )
    if residual > parameters.registration_limit or np.max(np.abs(shift)) > parameters.registration_limit:
        return None
    own = reference.limb
    rough = float(np.sqrt(np.nanmean(limb_distances(column, coordinate, ellipse)[0] ** 2)))
    scale = ellipse.semi_scan / own.ellipse.semi_scan
    spaces = [None if patch is None else patch.scale_space for patch in patches]
    limb = Limb(
        ellipse,
        column[seen],
        coordinate[seen],
        (own.blur[0], own.blur[1] * scale),
        rough,
        float(np.hypot(own.centre_uncertainty, error)),
        own.axis_uncertainty,
        limb_strip(zip(spaces, reference.angles, strict=True), ellipse, scan),
    )
    return Carried(limb, scan, [patch for patch in patches if patch is not None], residual)


def _search(ellipse: Ellipse) -> float:
    return max(_SEARCH * min(ellipse.semi_column, ellipse.semi_scan), _LEAST_SEARCH)


def _predicted(reference: Reference, image: BandImage, delay_rad: float) -> tuple[Ellipse, Scan] | None:
    """The disk where times and rates say it is, and the scan; None where that is outside of the image."""
    angle, own, other = _scan_angle(reference.image, image)
    target = np.interp(reference.centre_line, np.arange(len(own)), angle[own]) + delay_rad
    line = float(np.interp(target, angle[other], np.arange(len(other)), left=np.nan, right=np.nan))
    ellipse = reference.limb.ellipse
    if not np.isfinite(line):
        return None
    # in lines of the mean rate of the disk's own lines
    mean = scan_of(reference.image, reference.centre_line, ellipse.semi_scan).weight[0]
    size = ellipse.semi_scan * mean / reference.scan.weight[0]
    turned = size * _mean_rate(reference.image, reference.centre_line, size) * reference.image.line_period_s
    height = size
    for _ in range(2):
        height = turned / (_mean_rate(image, line, height) * image.line_period_s)
    scan = scan_of(image, line, height)
    centre = float(scan.coordinate(np.array(line)))
    if not height < line < len(other) - height:
        return None
    return Ellipse(ellipse.column, centre, ellipse.semi_column, height, ellipse.tilt_rad), scan


def _mean_rate(image: BandImage, centre_line: float, half_lines: float) -> float:
    rate = image.scan_rate_rad_s
    assert rate is not None
    return float(rate[0] / scan_of(image, centre_line, half_lines).weight[0])


def _scan_angle(first: BandImage, second: BandImage) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How far the scan has turned at the lines of two bands, over time, and which of these are of the first and of the second band."""
    assert first.scan_rate_rad_s is not None and second.scan_rate_rad_s is not None
    start = first.line_time(0)
    times = np.concatenate(
        [
            float((image.line_time(0) - start) / np.timedelta64(1, "ns")) * 1e-9
            + np.arange(image.raster.lines) * image.line_period_s
            for image in (first, second)
        ]
    )
    rates = np.concatenate([first.scan_rate_rad_s, second.scan_rate_rad_s])
    order = np.argsort(times, kind="stable")
    steps = np.diff(times[order]) * (rates[order][1:] + rates[order][:-1]) / 2
    angle = np.empty(len(times))
    angle[order] = np.concatenate([[0.0], np.cumsum(steps)])
    return angle, np.arange(first.raster.lines), first.raster.lines + np.arange(second.raster.lines)


def _patches(
    image: BandImage,
    ellipse: Ellipse,
    scan: Scan,
    angles: np.ndarray,
    search: float,
    parameters: DiskParameters,
    hold: bool = False,
) -> list[Patch | None]:
    """The pieces of image around rays (patch, ray), as large as the search needs; None where they lie outside of the image. `hold`: what the sum of the
    disk needs of the lines decoded is left to it."""
    places: list[tuple[int, int, int, int]] = []
    tall = max(ellipse.semi_scan / ellipse.semi_column, 1.0)
    for rays in angles:
        column, coordinate = ellipse.point(rays)
        line = scan.line(coordinate)
        ends = [
            np.clip([where.min() - reach, where.max() + reach], 0, size).astype(int).tolist()
            for where, reach, size in (
                (line, tall * search + _RIM, image.raster.lines),
                (column, search + _RIM, image.raster.columns),
            )
        ]
        places.append((*ends[0], *ends[1]))
    seen = [min(stop - first, right - left) >= _RIM for first, stop, left, right in places]
    wanted = [place for place, whole in zip(places, seen, strict=True) if whole]
    reach = parameters.cleaning.margin * ellipse.extent()[0] + search
    left, right = max(int(ellipse.column - reach), 0), min(int(ellipse.column + reach) + 2, image.raster.columns)
    counts = iter(
        image.held.pieces(image.raster, wanted, left, right) if hold and wanted else image.raster.pieces(wanted)
    )
    return [
        _patch(place, next(counts).astype(np.float32), scan, parameters.sigma) if whole else None
        for place, whole in zip(places, seen, strict=True)
    ]


def _patch(place: tuple[int, int, int, int], counts: np.ndarray, scan: Scan, sigma: float) -> Patch:
    first, stop, left, right = place
    lines = scan.coordinate(np.arange(first, stop, dtype=float))
    return Patch(np.arange(left, right, dtype=float), lines, counts, ScaleSpace(counts, (first, left), sigma))


def _crossings(
    patches: list[Patch | None], ellipse: Ellipse, scan: Scan, angles: np.ndarray, search: float
) -> tuple[np.ndarray, np.ndarray]:
    """Column and scan coordinate of the zero crossings on rays (patch, ray), one after another, NaN where there is none."""
    tall = max(ellipse.semi_scan / ellipse.semi_column, 1.0)
    missing = np.full(angles.shape[1], np.nan)
    found = [
        (missing, missing) if patch is None else zero_crossings(patch.scale_space, ellipse, scan, rays, search * tall)
        for patch, rays in zip(patches, angles, strict=True)
    ]
    columns, coordinates = (np.concatenate(items) for items in zip(*found, strict=True))
    return columns, coordinates


def _shift(distance: np.ndarray, slopes: np.ndarray, huber: float) -> tuple[np.ndarray, float, float]:
    """The displacement (column, scan) that explains distances outside the disk, the rms of what is left, and its own uncertainty; outliers held down."""
    shift = np.zeros(2)
    for _ in range(_ITERATIONS):
        left = distance - np.einsum("ni,i->n", slopes, shift)
        scale = max(1.4826 * float(np.median(np.abs(left))), 0.02)
        weight = np.minimum(1.0, min(huber, 2 * scale) / np.maximum(np.abs(left), 1e-9))
        normal = np.linalg.inv(np.einsum("ni,nj,n->ij", slopes, slopes, weight))
        shift = shift + normal @ np.einsum("ni,n,n->i", slopes, weight, left)
    # neighbouring rays share their pixels
    error = scale * np.sqrt(np.max(np.diag(normal)) * _RAYS / 3)
    return shift, scale, float(error)
