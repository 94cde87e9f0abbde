"""Sentinel-2 level 1C products: a SAFE folder of one tile, with the metadata of the product, the tile and the datastrip, one JPEG 2000 per band."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from calib.acquisition import Acquisition, BandImage
from calib.products.files import inside, open_raster, sole
from calib.products.sentinel2_radiometry import by_band, calibrations, responses, special_counts
from calib.products.sentinel2_strip import check_manifest, read_datastrip
from calib.products.sentinel2_tile import (
    BANDS,
    RESOLUTIONS_M,
    Tile,
    limited,
    read_tile,
    tile_angles,
    tile_masks,
)
from calib.products.xml import Node, read_xml, root_name, shortened
from calib.raster import Raster

TITLE = "Sentinel-2 L1C (SAFE folder of one tile with MTD_MSIL1C.xml)"
READER = "sentinel2 1"
ROOTS = ("Level-1C_User_Product", "Level-2A_User_Product")
#: names of the header: since format 14, before, and that of the products that are refused with a reason
HEADERS = ("MTD_MSIL1C.xml", "*_MTD_SAFL1C_*.xml", "MTD_MSIL2A.xml")


@dataclass
class _Product:
    """A product being read: its headers, the files used, and what was odd."""

    folder: Path
    header: Path
    root: Node
    images: bool
    files: dict[str, None] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def use(self, path: Path) -> Path:
        self.files[path.relative_to(self.folder).as_posix()] = None
        return path


def recognises(path: Path) -> bool:
    """Whether `path` is a SAFE folder with the header of a level 1C (or 2A) product, or that header; looks at names and at the root element."""
    try:
        if path.is_file():
            return any(path.match(name) for name in HEADERS) and root_name(path) in ROOTS
        return any(root_name(found) in ROOTS for name in HEADERS for found in sorted(path.glob(name))[:2])
    except (OSError, ValueError):
        return False


def read(path: Path, *, verify: bool = True, images: bool = True) -> Acquisition:
    """The product at `path`, its SAFE folder or its header. With `verify`, metadata files are checked against the digests of manifest.safe, images
    against the sizes there. No pixel is read."""
    product = _open(path, images)
    info = product.root.child("General_Info/Product_Info")
    sensor, baseline = _checked(info)
    granule, written = _granule(product, info)
    tile = read_tile(product.use(_tile_header(product, granule)))
    traits = product.root.child("General_Info/Product_Image_Characteristics")
    radiometry = calibrations(traits, list(written), baseline, product.warnings)
    special = special_counts(traits, product.warnings)
    bands = {
        name: BandImage(
            raster=_raster(product, tile, name, file),
            calibration=radiometry[name],
            nodata=special.get("NODATA"),
            saturated=special.get("SATURATED"),
            sampling_m=float(RESOLUTIONS_M[name]),
        )
        for name, file in written.items()
    }
    angles, origin = tile_angles(tile, list(bands), product.warnings)
    masks = tile_masks(tile, product.folder, granule, images)
    for mask in masks.values() if images else ():
        product.use(mask.path)
    strip = read_datastrip(product.folder, product.warnings)
    if strip.header is not None:
        product.use(strip.header)
    if verify:
        check_manifest(product.folder, list(product.files), product.warnings)
    return Acquisition(
        name=shortened(info.text("PRODUCT_URI", "") or product.folder.name, 120).removesuffix(".SAFE"),
        sensor=sensor,
        kind="site",
        path=path,
        bands=bands,
        files=product.files,
        versions=_versions(product, info),
        reader=READER,
        acquired=tile.sensed,
        angles=angles,
        orbit=strip.orbit,
        attitude=strip.attitude,
        responses=responses(traits, list(bands), product.warnings),
        masks=masks,
        facts={**_facts(product, tile, traits), "angles": origin, **strip.facts},
        warnings=tuple(product.warnings),
    )


def _open(path: Path, images: bool) -> _Product:
    found = [item for name in HEADERS for item in path.glob(name)] if path.is_dir() else [path]
    header = sole(found, path, f"header ({' or '.join(HEADERS[:2])})")
    root = read_xml(header)
    if root.name != ROOTS[0]:
        raise root.refuse(f"a product of root {root.name} is not read; accepted: level 1C ({ROOTS[0]})")
    product = _Product(header.parent, header, root, images)
    product.use(header)
    return product


def _checked(info: Node) -> tuple[str, tuple[int, ...]]:
    """The sensor, and the processing baseline as numbers."""
    level = info.text("PROCESSING_LEVEL")
    if level.upper() not in ("LEVEL-1C", "L1C"):
        raise info.refuse(f"PROCESSING_LEVEL {shortened(level)!r} is not read; accepted: Level-1C")
    craft = info.text("Datatake/SPACECRAFT_NAME")
    unit = re.fullmatch(r"SENTINEL-2([A-D])", craft.upper(), flags=re.ASCII)
    if not unit:
        raise info.refuse(f"SPACECRAFT_NAME {shortened(craft)!r} is no Sentinel-2; expected Sentinel-2A to -2D")
    baseline = info.text("PROCESSING_BASELINE")
    if not re.fullmatch(r"\d{1,3}\.\d{1,3}", baseline, flags=re.ASCII):
        raise info.refuse(
            f"PROCESSING_BASELINE {shortened(baseline)!r} is no version such as 05.11; the file is damaged"
        )
    return f"sentinel2{unit[1].lower()}", tuple(int(part) for part in baseline.split("."))


def _granule(product: _Product, info: Node) -> tuple[str, dict[str, Path]]:
    """The folder of the product's one tile, and the image of each band in the sensor's order."""
    lists = limited(info, "Product_Organisation/Granule_List")
    granules = [item for part in lists for name in ("Granule", "Granules") for item in limited(part, name)]
    if len(granules) != 1:
        raise info.refuse(f"holds {len(granules)} tiles; products of one tile are read: split it")
    # before format 14, images are named without their folder
    names = [item.text() for item in limited(granules[0], "IMAGE_FILE")] or [
        f"GRANULE/{granules[0].attribute('granuleIdentifier')}/IMG_DATA/{item.text()}"
        for item in limited(granules[0], "IMAGE_ID")
    ]
    files: dict[str, Path] = {}
    folder = ""
    for name in names:
        found = re.fullmatch(r"(GRANULE/[^/]+)/IMG_DATA/[^/]*_B(\d\d|8A)", name, flags=re.ASCII)
        if not found and re.search(r"_(TCI|PVI)$", name):
            continue
        band = f"B{found[2].lstrip('0')}" if found else ""
        if not found or band not in BANDS or band in files:
            raise granules[0].refuse(
                f"image {shortened(name)!r} is of no band, or of one listed before; fetch it again"
            )
        folder, files[band] = found[1], inside(product.folder, f"{name}.jp2")
    if not files:
        raise granules[0].refuse("names no image; fetch the product again")
    missing = [band for band in BANDS if band not in files]
    if missing:
        product.warnings.append(f"IMAGE_FILE: no image of band {', '.join(missing)}")
    return folder, {band: files[band] for band in BANDS if band in files}


def _tile_header(product: _Product, granule: str) -> Path:
    folder = inside(product.folder, granule)
    try:
        found = [path for pattern in ("MTD_TL.xml", "*_MTD_L1C_TL_*.xml") for path in folder.glob(pattern)]
    except OSError:
        found = []
    return inside(product.folder, f"{granule}/{sole(found, folder, 'tile header MTD_TL.xml').name}")


def _raster(product: _Product, tile: Tile, name: str, path: Path) -> Raster:
    size = tile.sizes[RESOLUTIONS_M[name]]
    if product.images:
        return open_raster(product.use(path), layers=1, size=size)
    return Raster(path, *size, "uint16", rows_per_block=256)


def _versions(product: _Product, info: Node) -> dict[str, str]:
    """The processing baseline, the version of the format, and every parameter file, by type and band."""
    versions = {"processing baseline": info.text("PROCESSING_BASELINE")}
    schemas = " ".join(str(place) for place in product.root.element.nsmap.values())
    if found := re.search(r"psd-(\d{1,3})", schemas):
        versions["format"] = found[1]
    if not found or not 12 <= int(found[1]) <= 15:
        product.warnings.append(f"format version {found[1] if found else 'unknown'}: known are 12 to 15")
    for item in limited(product.root, "Auxiliary_Data_Info/GIPP_List/GIPP_FILENAME"):
        name = shortened(item.text(), 120)
        band = name.rpartition("_")[2]
        versions[f"{shortened(item.attribute('type', 'GIPP'))}_{band}"] = name
    return versions


def _facts(product: _Product, tile: Tile, traits: Node) -> dict[str, str]:
    """What people want to see, as text."""
    info = product.root.child("General_Info/Product_Info")
    facts = {
        "level": "L1C",
        "earth_sun_u": str(traits.number("Reflectance_Conversion/U", least=0.9, most=1.1)),
        "orbit number": info.text("Datatake/SENSING_ORBIT_NUMBER", ""),
        "orbit direction": info.text("Datatake/SENSING_ORBIT_DIRECTION", ""),
        "production date": info.text("GENERATION_TIME", ""),
        "datatake type": info.text("Datatake/DATATAKE_TYPE", ""),
        "cloud cover": product.root.text("Quality_Indicators_Info/Cloud_Coverage_Assessment", ""),
        **tile.facts,
    }
    for name, node in by_band(limited(traits, "PHYSICAL_GAINS")).items():
        facts[f"physical gain {name}"] = node.text()
    for item in limited(product.root, "Quality_Indicators_Info//quality_check"):
        facts[f"check {item.attribute('checkType', '')}"] = item.text()
    return {shortened(name): shortened(text) for name, text in facts.items() if text}
