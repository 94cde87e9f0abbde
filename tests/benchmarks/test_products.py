"""What the model of a product costs beside rasterio alone: reading all pixels, as a ratio in one run."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pytest
import rasterio

from calib.acquisition import Acquisition, BandImage
from calib.products.files import open_raster

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning"),
]

SIDE, LAYERS = 3000, 6
#: how the ground segments store images: strips or tiles, bands one after the other or interleaved, JPEG 2000
LAYOUTS: dict[str, dict[str, Any]] = {
    "strips, bands apart": {"driver": "GTiff", "compress": "deflate", "interleave": "band", "blockysize": 16},
    "strips, bands interleaved": {"driver": "GTiff", "compress": "deflate", "interleave": "pixel", "blockysize": 16},
    "tiles": {
        "driver": "GTiff",
        "compress": "deflate",
        "interleave": "pixel",
        "tiled": True,
        "blockxsize": 512,
        "blockysize": 512,
    },
    "not compressed": {"driver": "GTiff", "interleave": "band"},
    "JPEG 2000": {"driver": "JP2OpenJPEG", "REVERSIBLE": "YES", "QUALITY": 100},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_reading_all_pixels(layout: str, tmp_path: Path) -> None:
    path = tmp_path / ("image.jp2" if "JPEG" in layout else "image.tif")
    ground = np.random.default_rng(0).integers(0, 60, (SIDE, SIDE)) + np.linspace(100, 900, SIDE)
    with rasterio.open(path, "w", width=SIDE, height=SIDE, count=LAYERS, dtype="uint16", **LAYOUTS[layout]) as target:
        for layer in range(1, LAYERS + 1):
            target.write((ground + 3 * layer).astype("u2"), layer)
    bands = {f"B{layer}": BandImage(open_raster(path, layer=layer)) for layer in range(1, LAYERS + 1)}
    product = Acquisition("A", "venus", "site", path, bands, {path.name: None})

    def alone() -> int:
        with rasterio.Env(GDAL_NUM_THREADS="1"), rasterio.open(path) as source:
            return int(source.read().sum(dtype="u8"))

    def model() -> int:
        with dask.config.set(scheduler="synchronous"):
            return int(product.counts().data.sum(dtype="u8").compute())

    ratio, seconds = _ratio(alone, model)
    print(f"\nreading all pixels, {layout}: rasterio {seconds:.2f} s, the model {ratio:.2f} times that")
    assert ratio <= 1.3


def _ratio(first: Callable[[], int], second: Callable[[], int], repeats: int = 5) -> tuple[float, float]:
    """Time of the second over the first, the best of some repeats each, taken in turn; and the first's."""
    times: dict[Callable[[], int], list[float]] = {first: [], second: []}
    for _ in range(repeats):
        answers = []
        for function in times:
            begin = time.perf_counter()
            answers.append(function())
            times[function].append(time.perf_counter() - begin)
        assert answers[0] == answers[1]
    return min(times[second]) / min(times[first]), min(times[first])
