"""Venµs level 1 products of the VSC form: a header (.HDR, or all in one .EEF) and a folder .DBL.DIR with one image of fifteen layers.

reflectance = counts x Reflectance_Quantification_Value. The gains of the header (List_of_Aks) belong to the camera's own counts, those of level 1A.
"""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import xarray as xr

from calib.acquisition import Acquisition, BandImage, Calibration, Known, Mask
from calib.errors import InputError
from calib.products import venus_angles
from calib.products.files import existing, open_raster
from calib.products.venus_angles import angles
from calib.products.venus_common import (
    BANDS,
    SENSOR,
    UNITS,
    Header,
    acquired,
    band_name,
    gains,
    gather,
    listed,
    open_header,
    recognised,
)
from calib.products.venus_images import image_of, image_size, nodata, relative, sample_type
from calib.products.xml import Node, shortened
from calib.raster import Raster

#: raise the number whenever the same files give other numbers
READER = "venus_vsc 1"
TITLE = "Venµs VSC level 1 (VE_..._VSC_L1VALD_....HDR and its .DBL.DIR)"
_TYPE = re.compile(r"VSC_L1(VALD|NOTV|VVIQ|NVIQ)")
_MASKS = {"SAT": "saturated", "PIX": "missing or aberrant", "CLD": "cloud"}


def recognises(path: Path) -> bool:
    """Whether `path` is the folder or the header of a VSC level 1 product."""
    return recognised(path, _TYPE)


def read(path: Path, *, verify: bool = True, images: bool = True) -> Acquisition:
    """The product whose folder or header is `path`; the product carries no digests, so that `verify` changes nothing. No pixel is read.

    Without `images`, the image need not be there: sizes are then the header's.
    """
    header = open_header(path, _TYPE, "the header of a VSC level 1 product")
    gather(header)
    image = header.base.child("Image_Information")
    layers, files = _layers(header, image, images)
    bands = [band for band in BANDS if band in layers]
    size = layers[bands[0]].lines, layers[bands[0]].columns
    _describe(header, image)
    known = gains(header, "of the camera's counts, level 1A")
    quantification = _quantification(header)
    sampling = _sampling(header)
    return Acquisition(
        name=header.name,
        sensor=SENSOR,
        kind="site",
        path=path,
        bands={
            band: BandImage(
                layers[band],
                calibration=Calibration(gain=known.get(band), quantification=quantification),
                nodata=nodata(image),
                detector=UNITS[band],
                sampling_m=sampling,
            )
            for band in bands
        },
        files=dict.fromkeys([header.path.name, *files]),
        versions=header.versions,
        reader=READER,
        acquired=acquired(header),
        angles=angles(header, bands, size),
        masks=_masks(layers, bands),
        facts=header.facts,
        warnings=tuple(header.warnings),
    )


def angle_grid(acquisition: Acquisition, annex: str) -> tuple[xr.Dataset, list[str]]:
    """Angles over (band, row, column) from the annex "VIE" or "SOL" of a level 1 product, and warnings where they contradict its header: see `venus_angles`."""
    header = open_header(acquisition.path, _TYPE, "the header of a VSC level 1 product")
    if acquisition.angles is None:
        raise InputError(f"{acquisition.path}: has no angles to check the grid against; give a level 1 product")
    return venus_angles.angle_grid(header, annex, acquisition.angles)


def _layers(header: Header, image: Node, images: bool) -> tuple[dict[str, Raster], list[str]]:
    """Each layer of the image by its name (B1..B12, SAT, PIX, CLD), and the files used."""
    names: dict[int, str] = {}
    for node in listed(image, "List_of_Bands/Band", most=15):
        number = int(node.attribute("sn")) if re.fullmatch(r"\d{1,2}", node.attribute("sn")) else 0
        code = node.text()
        name = band_name(code) or code
        if name not in (*BANDS, *_MASKS):
            raise node.refuse(
                f"'{shortened(code)}' is no layer of level 1 (B01 to B12, SAT, PIX, CLD); the file is damaged"
            )
        if number in names or name in names.values():
            raise node.refuse(f"layer {number} '{code}' is listed twice; the file is damaged")
        names[number] = name
    count, size = len(names), image_size(image)
    if size is None:
        raise image.child("Size/Lines").refuse("the lines vary by band, which level 1 never says; give another product")
    if sorted(names) != list(range(1, count + 1)) or image.integer("Size/Bands") != count:
        raise image.refuse(
            f"{image.text('Size/Bands')} layers promised, those numbered {sorted(names)} listed; the file is damaged"
        )
    if not any(name in BANDS for name in names.values()):
        raise image.refuse("List_of_Bands names no spectral band; the file is damaged")
    _, path = image_of(header, header.base.child("Product_Organization/Image_File"))
    if not images:
        return {name: Raster(path, *size, sample_type(image), 256, number) for number, name in names.items()}, []
    first = open_raster(existing(path), layers=count, size=size, dtypes=(sample_type(image),))
    return {name: replace(first, layer=number) for number, name in names.items()}, [relative(header, path)]


def _quantification(header: Header) -> Known | None:
    node = header.base.child("Product_Information/Reflectance_Quantification_Value")
    if node.text() == "NONE":
        header.warnings.append(f"{header.path.name}: Reflectance_Quantification_Value is NONE: counts have no meaning")
        return None
    node.number(least=1e-6, most=1.0)
    # the level 1 multiplies, other forms divide: one division by the same number gives the same reflectance to the last bit
    value = float(1 / Decimal(node.text()))
    return Known(value, "DN", "product", f"{header.path.name}: {node.where} ({node.text()})")


def _sampling(header: Header) -> float | None:
    node = header.base.maybe("Product_Information/Product_Sampling")
    if node is None:
        header.warnings.append(f"{header.path.name}: Product_Information/Product_Sampling is missing")
        return None
    down, across = (node.number(name, least=0.1, most=1000.0) for name in ("By_Line", "By_Column"))
    if down != across:
        header.warnings.append(
            f"{header.path.name}: Product_Sampling differs by line ({down:g} m) and by column ({across:g} m)"
        )
    return down


def _describe(header: Header, image: Node) -> None:
    header.facts["significant bits"] = image.text("Number_of_Significant_Bits", "?")
    header.facts["gains"] = (
        "List_of_Aks belong to the camera's counts (level 1A), not to the reflectance counts of this image"
    )
    header.facts["mask bits"] = "SAT and PIX: bit 0 for B1 to bit 11 for B12 (order unconfirmed); CLD: any value but 0"
    place = header.base.maybe("Geo_Referencing_Information/Product_Coverage/Cartographic")
    if place is not None:
        header.facts["projection"] = place.text("Coordinate_Reference_System/Code", "?")
        corner = " ".join(place.text(f"Upper_Left_Corner/{axis}", "?") for axis in ("X", "Y"))
        header.facts["centre of the upper left pixel"] = f"{corner} m"


def _masks(layers: dict[str, Raster], bands: list[str]) -> dict[str, Mask]:
    """One mask per band for SAT and PIX, one for CLD."""
    found = {}
    for code, meaning in _MASKS.items():
        raster = layers.get(code)
        if raster is None:
            continue
        if code == "CLD":
            found[code] = Mask(meaning, raster.path, raster)
        else:
            found |= {
                f"{code} {band}": Mask(f"{meaning} in {band}", raster.path, raster, BANDS.index(band)) for band in bands
            }
    return found
