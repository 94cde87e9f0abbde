"""The families of readers that are fuzzed: for each, a small valid product, the headers to start from, and how one header is read."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio

from calib.products import plain, stray

warnings.filterwarnings("ignore")


@dataclass(frozen=True)
class Fuzzed:
    """Valid headers, and what is done with one that may be anything."""

    seeds: list[bytes]
    read: Callable[[bytes], object]


def _header(path: Path, read: Callable[[Path], object]) -> Fuzzed:
    """A product whose header at `path` is replaced by the input."""

    def one(data: bytes) -> object:
        path.write_bytes(data)
        return read(path)

    return Fuzzed([path.read_bytes()], one)


def _image(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    driver = (
        {"driver": "JP2OpenJPEG", "REVERSIBLE": "YES", "QUALITY": 100}
        if path.suffix == ".jp2"
        else {"driver": "GTiff", "compress": "deflate"}
    )
    counts = (np.arange(256 * 3, dtype="u2").reshape(3, 16, 16) * 7) % 4096
    with rasterio.open(path, "w", width=16, height=16, count=3, dtype="uint16", **driver) as target:
        target.write(counts)


def stray_image(folder: Path) -> Fuzzed:
    _image(folder / "a.tif")
    sidecar = folder / "a.yaml"
    sidecar.write_text(
        "format: etalon-image\nsensor: venus\nkind: site\nacquired_utc: 2020-01-01T00:00:00Z\n"
        "bands:\n  B1: {layer: 1, gain: 2.5}\n  B2:\n    layer: 2\n    quantification: 1000\n"
        "sun:\n  zenith: 30 deg\n  azimuth: 120 deg\nnodata: 0\n"
    )
    return _header(sidecar, lambda path: stray.read(path))


def plain_folder(folder: Path) -> Fuzzed:
    from calib.products.plain import BandEntry, Description
    from calib.products.plain_writer import write

    description = Description(
        name="M",
        sensor="venus",
        kind="moon",
        reference_utc="2020-01-01T00:00:00Z",
        column_axis=(1, 0, 0),
        line_axis=(0, 1, 0),
        bands={"B1": BandEntry(file="B1.tif", first_line_utc="2020-01-01T00:00:00Z", line_period="1 ms")},
    )
    write(folder, description, [("B1", np.ones((8, 8), "u2"))])
    (folder / "MANIFEST.json").unlink()
    return _header(folder / "acquisition.yaml", lambda path: plain.read(path.parent))


def _pixels(path: Path) -> object:
    from calib.products.files import open_raster

    return open_raster(path).read()


def tiff(folder: Path) -> Fuzzed:
    _image(folder / "a.tif")
    return _header(folder / "a.tif", _pixels)


def jpeg2000(folder: Path) -> Fuzzed:
    _image(folder / "a.jp2")
    return _header(folder / "a.jp2", _pixels)


FAMILIES: dict[str, Callable[[Path], Fuzzed]] = {
    "stray": stray_image,
    "plain": plain_folder,
    "tiff": tiff,
    "jpeg2000": jpeg2000,
}
