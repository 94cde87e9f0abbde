"""Venµs products of the MUSCATE distribution (Theia), levels L1C and L2A: a folder with *_MTD_ALL.xml, one TIFF per band, MASKS and DATA."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from calib.acquisition import Acquisition, BandImage, Calibration, Known
from calib.products.files import check_size, open_raster, sole, utc_date
from calib.products.venus_muscate_parts import Product, band_angles, detectors, encoding, limited, present, read_masks
from calib.products.xml import Node, read_xml, root_name, shortened
from calib.raster import Raster

TITLE = "Venµs MUSCATE L1C or L2A (folder with *_MTD_ALL.xml)"
READER = "venus_muscate 1"
ROOT = "Muscate_Metadata_Document"
HEADER = "*MTD_ALL.xml"
#: the natures of an L2A image that hold reflectances, and what follows the name of their bands
SUFFIXES = {"Surface_Reflectance": "", "Flat_Reflectance": "_FRE"}
L2A_WARNING = "PRODUCT_LEVEL is L2A: surface reflectances after atmospheric correction, not for calibration; use the L1C product of the scene"
_UNFILLED = "NOT_INITIALIZED"
_FACTS = {
    "site": "Dataset_Identification/GEOGRAPHICAL_ZONE",
    "producer": "Dataset_Identification/PRODUCER",
    "original data": "Dataset_Identification/ORIGINAL_DATA_DIFFUSER",
    "orbit number": "Product_Characteristics/ORBIT_NUMBER",
    "production date": "Product_Characteristics/PRODUCTION_DATE",
    "map projection": "Geoposition_Informations/Coordinate_Reference_System/Horizontal_Coordinate_System/HORIZONTAL_CS_CODE",
    "water vapour quantification": "Radiometric_Informations/WATER_VAPOR_CONTENT_QUANTIFICATION_VALUE",
    "aerosol quantification": "Radiometric_Informations/AEROSOL_OPTICAL_THICKNESS_QUANTIFICATION_VALUE",
}


def recognises(path: Path) -> bool:
    """Whether `path` is a MUSCATE header, or a folder with one; looks at names and at the header's root element."""
    try:
        found = [path] if path.is_file() and path.match(HEADER) else sorted(path.glob(HEADER))
        return bool(found) and root_name(found[0]) == ROOT
    except (OSError, ValueError):
        return False


def read(path: Path, *, verify: bool = True, images: bool = True) -> Acquisition:
    """The MUSCATE product at `path`, its folder or its header. The format carries no digest: `verify` changes nothing. No pixel is read."""
    header = sole(path.glob(HEADER), path, f"header {HEADER}") if path.is_dir() else path
    root = read_xml(header)
    if root.name != ROOT:
        raise root.refuse(f"no MUSCATE header (its root is not {ROOT}); give the folder of the product")
    product = Product(header, root, images)
    product.use(header)
    features = root.child("Product_Characteristics")
    level = _checked_level(features)
    acquired = utc_date(features.text("ACQUISITION_DATE"), f"{header}: {features.where}/ACQUISITION_DATE")
    bands, written = _bands(product, level)
    angles, origin = band_angles(product, {name: band.detector or 0 for name, band in bands.items()})
    masks = read_masks(product, next(iter(bands.values())).raster, written)
    versions, flags = _job(product)
    if level == "L2A":
        product.warnings.append(L2A_WARNING)
    return Acquisition(
        name=shortened(features.text("PRODUCT_ID"), 120),
        sensor="venus",
        kind="site",
        path=path,
        bands=bands,
        files=product.files,
        versions=versions,
        reader=READER,
        acquired=acquired,
        angles=angles,
        masks=masks,
        facts={"level": level, "angles": origin, **_facts(product), **flags},
        warnings=tuple(product.warnings),
    )


def _checked_level(features: Node) -> str:
    """The level, of a product that is one of Venµs."""
    product = features.text("PRODUCT_ID")
    if not product or _UNFILLED in product:
        raise features.refuse(f"PRODUCT_ID {shortened(product)!r} is that of a template; give a product")
    platform = features.text("PLATFORM")
    if platform.upper() != "VENUS":
        raise features.refuse(f"PLATFORM {shortened(platform)!r} is not read in this format; accepted: VENUS")
    level = features.text("PRODUCT_LEVEL").upper()
    if level not in ("L1C", "L2A"):
        raise features.refuse(f"PRODUCT_LEVEL {shortened(level)!r} is not read; accepted: L1C, and L2A to look at")
    return level


def _band_name(node: Node, text: str) -> str:
    """B1..B12, as the sensor calls the band that is written B1 or B01."""
    found = re.fullmatch(r"B0?([1-9]|1[0-2])", text, flags=re.ASCII)
    if not found:
        raise node.refuse(f"band {shortened(text)!r} is no band of Venµs; expected B1 to B12")
    return f"B{int(found[1])}"


def _bands(product: Product, level: str) -> tuple[dict[str, BandImage], dict[str, str]]:
    """The bands in the sensor's order, flat reflectances after the others; and the project's name of each band as the product writes it."""
    listed: dict[tuple[str, str], tuple[Node, str]] = {}
    written = {}
    for item, suffix, dtype in _images(product, level):
        band = _band_name(item, item.attribute("band_id"))
        written[item.attribute("band_id")] = band
        if (suffix, band) in listed:
            raise item.refuse(f"band {band} is listed twice; fetch the product again")
        listed[suffix, band] = item, dtype
    if not listed:
        raise product.root.refuse(f"Image_List names no reflectance image of level {level}; fetch the product again")
    calibration, nodata = _radiometry(product)
    grid = _grid(product)
    size, step_m = (grid.integer("NROWS", least=1), grid.integer("NCOLS", least=1)), grid.number("XDIM", least=0.1)
    bands = {
        band + suffix: BandImage(
            raster=_raster(product, *listed[suffix, band], size),
            calibration=calibration,
            nodata=nodata,
            detector=detectors()[band],
            sampling_m=step_m,
        )
        for suffix, band in sorted(listed, key=lambda key: (key[0], int(key[1][1:])))
    }
    missing = [band for band in detectors() if band not in written.values()]
    if missing:
        product.warnings.append(f"Image_List: no image of band {', '.join(missing)}")
    return bands, written


def _images(product: Product, level: str) -> Iterator[tuple[Node, str, str]]:
    """Each reflectance image: its element, what follows its band's name, and the type of its samples."""
    # by nature, not by the group's name: a writer calls that of the flat reflectances differently
    for group in product.listed("Product_Organisation/Muscate_Product/Image_List/*"):
        nature = group.text("Image_Properties/NATURE", "")
        if level == "L2A" and nature not in SUFFIXES:
            continue
        for item in limited(group, "Image_File_List/IMAGE_FILE"):
            if item.attribute("band_id", ""):
                suffix = SUFFIXES[nature] if level == "L2A" else ""
                yield item, suffix, encoding(group, "Image_Properties/ENCODING")


def _raster(product: Product, item: Node, dtype: str, size: tuple[int, int]) -> Raster:
    path = product.place(item.text())
    if product.images:
        return open_raster(product.use(path), layers=1, size=size, dtypes=(dtype,))
    check_size(path, *size)
    return Raster(path, *size, dtype, rows_per_block=256)


def _grid(product: Product) -> Node:
    """The grid of the group of all bands."""
    path = "Geoposition_Informations/Geopositioning/Group_Geopositioning_List/Group_Geopositioning"
    found = [item for item in product.listed(path) if item.attribute("group_id", "") == "XS"]
    if len(found) != 1:
        raise product.root.refuse(f"{path} needs one group XS, has {len(found)}; the file is of another version")
    return found[0]


def _radiometry(product: Product) -> tuple[Calibration, int | None]:
    """How counts become reflectances, and the count that means nothing."""
    part = product.root.child("Radiometric_Informations")
    node = part.child("REFLECTANCE_QUANTIFICATION_VALUE")
    divisor = node.number(least=0, most=1e6)
    if divisor < 1:
        raise node.refuse(
            f"{node.text()!r} would multiply, as in the VSC format, where MUSCATE divides by 1000; fetch the product again"
        )
    special = [
        item for item in limited(part, "Special_Values_List/SPECIAL_VALUE") if item.attribute("name", "") == "nodata"
    ]
    if len(special) > 1:
        raise part.refuse(f"SPECIAL_VALUE nodata is given {len(special)} times; the file is damaged")
    if not special:
        product.warnings.append("SPECIAL_VALUE nodata is missing: samples without data cannot be told from dark ones")
    nodata = special[0].integer(least=-(2**15), most=2**16 - 1) if special else None
    return Calibration(quantification=Known(divisor, "DN", "product", f"{product.header.name}: {node.where}")), nodata


def _facts(product: Product) -> dict[str, str]:
    """What people want to see, as text."""
    facts = {name: product.root.text(path, "") for name, path in _FACTS.items()}
    grid = _grid(product)
    facts["upper left corner"] = f"{grid.number('ULX'):.10g} {grid.number('ULY'):.10g} m"
    if abs(grid.number("YDIM")) != grid.number("XDIM"):
        product.warnings.append(f"YDIM {grid.text('YDIM')} and XDIM {grid.text('XDIM')} of the grid differ in size")
    for item in product.listed("Radiometric_Informations/Spectral_Band_Informations_List/Spectral_Band_Informations"):
        band = _band_name(item, item.attribute("band_id"))
        for coefficient in limited(item, "Calibration_Coefficients_Lists/Native_Coefficients_List/COEFFICIENT"):
            facts[f"{coefficient.attribute('name')} {band}"] = coefficient.text()
        if (centre := item.maybe("Wavelength/CENTRAL")) is not None:
            facts[f"wavelength {band}"] = f"{centre.text()} {centre.attribute('unit', '')}".strip()
    for item in product.listed("//Product_Quality/Global_Index_List/QUALITY_INDEX"):
        facts[item.attribute("name")] = item.text()
    return {shortened(name): shortened(text, 200) for name, text in facts.items() if text}


def _job(product: Product) -> tuple[dict[str, str], dict[str, str]]:
    """Versions found in the product, and the processing flags that the job's own file lists."""
    root = product.root
    versions = {
        "product": root.text("Product_Characteristics/PRODUCT_VERSION", ""),
        "format": root.child("Metadata_Identification/METADATA_FORMAT").attribute("version", ""),
        "software": root.text("Dataset_Identification/ORIGINAL_DATA_DIFFUSER", ""),
    }
    flags: dict[str, str] = {}
    listed = product.listed("Product_Organisation/Muscate_Product/Data_List/Data/Data_File_List/DATA_FILE")
    jobs = [product.place(item.text()) for item in listed if item.text().endswith("_JPI_ALL.xml")]
    if jobs and (product.images or present(jobs[0])):
        job = read_xml(product.use(jobs[0]))
        for item in limited(job, "//Processing_Flags_And_Modes"):
            flags[shortened(item.text("Key"))] = shortened(item.text("Value", ""))
        for number, item in enumerate(limited(job, "//GIPP_File"), start=1):
            name = shortened(item.text("Logical_Name"), 120)
            serial = re.search(r"_GIP_PHGAIN_.*?_(\d{5})_", name)
            versions[f"{shortened(item.text('Nature', 'GIPP'))} {number}"] = name
            versions |= {"PHGAIN": serial[1]} if serial else {}
    return {name: shortened(text) for name, text in versions.items() if text}, flags
