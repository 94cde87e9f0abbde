"""A Moon acquisition written again without the stray light found in it: a plain product that a request takes like any other."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from calib.acquisition import Acquisition, BandImage
from calib.errors import RequestError
from calib.moon.straylight.correction import Kernels, corrected_counts
from calib.moon.straylight.maps import DiskMaps
from calib.products.plain import BandEntry, Description, utc_text
from calib.products.plain_writer import write
from calib.sensor import Sensor

_BLOCK_LINES = 1024
#: of a line period, by which dates of lines may depart from even steps
_UNEVEN = 0.05
#: by which the rates of two bands at one date may differ
_RATE_GAP = 1e-5


def write_corrected(
    acquisition: Acquisition, sensor: Sensor, maps: DiskMaps, kernels: Kernels, scenario: str, folder: Path
) -> Path:
    """Write the acquisition without the stray light of `kernels`, removed in the order of `scenario`, as the plain product `folder`.

    Counts are whole numbers again: each is rounded up or down at random so that means are kept (at most half a count of noise a pixel); saturated
    pixels stay as they are. RequestError for what a plain product cannot hold: image axes unknown, lines at uneven dates, rates that differ by band.
    """
    description = _describe(acquisition, f"stray light taken off in the order {scenario}")

    def images() -> Iterator[tuple[str, np.ndarray]]:
        for band in description.bands:
            yield band, _whole(acquisition, sensor, band, corrected_counts(acquisition, maps, kernels, scenario, band))

    return write(folder, description, images(), _rates(acquisition))


def _whole(acquisition: Acquisition, sensor: Sensor, band: str, corrected: object) -> np.ndarray:
    """Corrected counts as whole ones, by blocks of lines."""
    image = acquisition.band(band)
    counts = image.counts()
    top = min(sensor.saturation, np.iinfo(np.uint16).max)
    full = image.saturated if image.saturated is not None else sensor.saturation
    rng = np.random.default_rng([zlib.crc32(band.encode()), zlib.crc32(acquisition.name.encode())])
    whole = np.empty(counts.shape, dtype=np.uint16)
    for first in range(0, counts.shape[0], _BLOCK_LINES):
        block = slice(first, first + _BLOCK_LINES)
        raw = np.asarray(counts[block].values)
        values = np.asarray(corrected[block].values)  # type: ignore[index]
        values = np.clip(np.floor(values + rng.random(values.shape, dtype=np.float32)), 0, top)
        whole[block] = np.where(raw >= full, raw, values)
    return whole


def _describe(acquisition: Acquisition, note: str) -> Description:
    columns, lines = acquisition.axes
    return Description.model_construct(
        name=acquisition.name,
        sensor=acquisition.sensor,
        kind="moon",
        reference_utc=utc_text(acquisition.start),
        column_axis=tuple(float(item) for item in columns),
        line_axis=tuple(float(item) for item in lines),
        binning=acquisition.binning,
        versions=dict(acquisition.versions),
        bands={name: _entry(name, image) for name, image in acquisition.bands.items()},
        note=note,
    )


def _entry(name: str, image: BandImage) -> BandEntry:
    if image.line_dates is not None:
        since = (image.line_dates - image.first_line).astype(np.int64) * 1e-9
        gap = np.abs(since - np.arange(len(since)) * image.line_period_s).max() / image.line_period_s
        if gap > _UNEVEN:
            raise RequestError(
                f"{image.raster.path}: lines of {name} are up to {gap:.2f} line periods off even dates, which a plain product cannot hold"
            )
    return BandEntry.model_construct(
        file=f"{name}.tif", first_line_utc=utc_text(image.first_line), line_period=float(image.line_period_s)
    )


def _rates(acquisition: Acquisition) -> tuple[np.ndarray, np.ndarray] | None:
    """Times (s after the reference date) and scan rates over the lines of all bands; None where the product has none."""
    times, rates = [], []
    for image in acquisition.bands.values():
        if image.scan_rate_rad_s is None:
            return None
        first = float((image.first_line - acquisition.start) / np.timedelta64(1, "ns")) * 1e-9
        times.append(first + np.arange(image.raster.lines) * image.line_period_s)
        rates.append(np.asarray(image.scan_rate_rad_s))
    joined, kept = np.unique(np.concatenate(times), return_index=True)
    values = np.concatenate(rates)[kept]
    for moments, own in zip(times, rates, strict=True):
        if np.abs(np.interp(moments, joined, values) / own - 1).max() > _RATE_GAP:
            raise RequestError(
                f"{acquisition.label}: scan rates differ from band to band, which a plain product cannot hold"
            )
    # a nanosecond beyond either end, so that rounded dates lie inside
    return np.concatenate([[joined[0] - 1e-3], joined, [joined[-1] + 1e-3]]), np.concatenate(
        [values[:1], values, values[-1:]]
    )
