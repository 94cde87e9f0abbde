"""The families of readers that are fuzzed: for each, a small valid product, the headers to start from, and how one header is read."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import rasterio

from calib.products import Reader, plain, smac, stray, venus_parameters
from calib.products import pleiades_dimap as reader_dimap
from calib.products import pleiades_neo as reader_neo
from calib.products import pleiades_system as reader_pleiades_system
from calib.products import sentinel2 as reader_sentinel2
from calib.products import venus_muscate as reader_muscate
from calib.products import venus_system as reader_system
from calib.products import venus_vsc as reader_vsc
from calib.simulate.products import (
    pleiades_dimap,
    pleiades_neo,
    pleiades_system,
    sentinel2,
    venus_muscate,
    venus_system,
    venus_vsc,
)
from calib.simulate.products.scene import SiteScene, site_scene

warnings.filterwarnings("ignore")

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "calib" / "products" / "venus_parameters"))
from parameter_samples import write_all  # noqa: E402

VENUS = [f"B{number}" for number in range(1, 13)]
SENTINEL2 = ["B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B10", "B11", "B12"]


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


def _site(
    write: Callable[[Path, SiteScene], Path], bands: list[str], reader: Reader, header: str
) -> Callable[[Path], Fuzzed]:
    """A family of products of a site: `header` is the pattern of the file to replace below the product's folder."""

    def family(folder: Path) -> Fuzzed:
        written = write(folder, site_scene(bands, shape=(14, 16)))
        root = written if written.is_dir() else written.parent
        path = sorted(root.rglob(header))[0] if written.is_dir() else written
        return _header(path, lambda changed: reader.read(written, verify=False, images=False))

    return family


def venus_system_product(folder: Path) -> Fuzzed:
    moon = plain.read(sorted((ROOT / "data_samples" / "moon").glob("VENUS*"))[0])
    bands = {name: moon.bands[name] for name in ("B1", "B10")}
    counts = ((name, image.raster.read()) for name, image in bands.items())
    written = venus_system.write_system(folder, replace(moon, bands=bands), counts)
    technical = sorted(folder.rglob("*_TEC_1A*.HDR")) or sorted(folder.rglob("*_TEC_1A*"))
    seeds = [path.read_bytes() for path in (written, technical[0])]

    def one(data: bytes) -> object:
        # a technical file where it looks like one, else the product's header
        path, kept = (technical[0], seeds[1]) if b"Private_Product" in data else (written, seeds[0])
        path.write_bytes(data)
        try:
            return reader_system.read(written, verify=False, images=False)
        finally:
            path.write_bytes(kept)

    return Fuzzed(seeds, one)


def parameter_files(folder: Path) -> Fuzzed:
    folder.mkdir(parents=True)
    # tables of 5200 columns are too large to be fuzzed; they go through the same functions
    files = [path for path in write_all(folder, "VM01").values() if path.stat().st_size < 100_000]
    seeds = [path.read_bytes() for path in files]

    def one(data: bytes) -> object:
        # the type is told by the name: an input is read as the type that it names
        path = next((path for path in files if path.name.split(".")[0].encode() in data), files[0])
        path.write_bytes(data)
        return venus_parameters.open_parameters(path)

    return Fuzzed(seeds, one)


def smac_file(folder: Path) -> Fuzzed:
    folder.mkdir(parents=True)
    path = folder / "Coef_PHR1A_Red_1.dat"
    path.write_text("\n".join(" ".join("0.1" for _ in line) for line in smac.LINES))
    return _header(path, smac.read_smac)


FAMILIES: dict[str, Callable[[Path], Fuzzed]] = {
    "stray": stray_image,
    "plain": plain_folder,
    "tiff": tiff,
    "jpeg2000": jpeg2000,
    "venus_vsc": _site(venus_vsc.write, VENUS, reader_vsc, "*.HDR"),
    "venus_system": venus_system_product,
    "venus_muscate": _site(venus_muscate.write, VENUS, reader_muscate, "*_MTD_ALL.xml"),
    "venus_parameters": parameter_files,
    "pleiades_dimap": _site(pleiades_dimap.write, ["B0", "B1", "B2", "B3"], reader_dimap, "DIM_*.XML"),
    "pleiades_system": _site(pleiades_system.write, ["P"], reader_pleiades_system, "PHRDIMAP*.XML"),
    "pleiades_neo": _site(pleiades_neo.write, ["DB", "B", "G", "R", "RE", "NIR"], reader_neo, "DIM_*.XML"),
    "sentinel2": _site(sentinel2.write, SENTINEL2, reader_sentinel2, "MTD_MSIL1C.xml"),
    "sentinel2_tile": _site(sentinel2.write, SENTINEL2, reader_sentinel2, "MTD_TL.xml"),
    "smac": smac_file,
}
