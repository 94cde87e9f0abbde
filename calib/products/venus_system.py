"""Venµs system products in sensor geometry (levels L0, 0E and 1A): one image per band with the date of each line. The Moon comes this way."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from calib.acquisition import Acquisition, BandImage, Calibration, Kind, Mask
from calib.products.files import MAX_COLUMNS, existing, open_raster
from calib.products.venus_angles import angles
from calib.products.venus_common import (
    BANDS,
    SENSOR,
    UNITS,
    Header,
    acquired,
    by_band,
    gains,
    gather,
    listed,
    open_header,
    recognised,
)
from calib.products.venus_images import image_of, image_size, nodata, present, relative, sample_type
from calib.products.venus_lines import (
    date_files,
    interval_lines,
    line_dates,
    line_models,
    settings,
    technical_file,
    telemetry,
)
from calib.products.xml import Node, read_xml, shortened
from calib.raster import Raster, Tile

#: raise the number whenever the same files give other numbers
READER = "venus_system 1"
TITLE = "Venµs system product in sensor geometry (VE_..._VSC_1AVALD_....HDR and its .DBL.DIR)"
_TYPE = re.compile(r"VSC_(L0|0E|1A)(VALD|SYNT)")
_SCAN = ("Pre_Scan", "Useful", "Post_Scan")
_MASKS = {"SAT": "saturated", "PIX": "missing or aberrant"}
#: fields with which a simulated product says what no genuine one needs to
BINNING, AXES = "ETALON_BINNING", ("ETALON_COLUMN_AXIS_GCRF", "ETALON_LINE_AXIS_GCRF")


def recognises(path: Path) -> bool:
    """Whether `path` is the folder or the header of a system product."""
    return recognised(path, _TYPE)


def read(path: Path, *, verify: bool = True, images: bool = True) -> Acquisition:
    """The product whose folder or header is `path`; the product carries no digests, so that `verify` changes nothing. No pixel is read.

    Without `images`, the images need not be there: sizes are then those of their headers, or of the technical file.
    """
    header = open_header(path, _TYPE, "the header of a Venµs system product (L0, 0E or 1A)")
    header.files.append(header.path.name)
    gather(header)
    technical = technical_file(header)
    if technical is not None:
        header.facts.update(settings(technical))
        header.warnings += technical.warnings
        header.files.append(relative(header, technical.path))
    rasters = _rasters(header, technical, images)
    known = gains(header, "of the counts of level 1A")
    _check_quantification(header)
    times = _times(header, technical, rasters)
    masks = _masks(header, rasters, images)
    measured = telemetry(header, technical)
    bands = {
        band: BandImage(raster, calibration=Calibration(gain=known.get(band)), detector=UNITS[band], **times[band])
        for band, raster in rasters.items()
    }
    kind = _kind(header)
    column_axis, line_axis = _axes(header)
    return Acquisition(
        name=header.name,
        sensor=SENSOR,
        kind=kind,
        path=path,
        bands=_limits(header, bands),
        files=dict.fromkeys(header.files),
        column_axis=column_axis,
        line_axis=line_axis,
        versions=header.versions,
        binning=_binning(header),
        reader=READER,
        acquired=acquired(header),
        # directions on the ground mean nothing on the Moon
        angles=None if kind == "moon" else angles(header, list(bands), None),
        orbit=measured.get("orbit"),
        attitude=measured.get("attitude"),
        masks=masks,
        facts=header.facts,
        warnings=tuple(header.warnings),
    )


def _kind(header: Header) -> Kind:
    """What was looked at: the schemas know a site type for the Moon, none for stars."""
    site = header.facts.get("Reference SiteDefinition Id", "")
    return "moon" if re.search("_SITDEF_M_", site) or header.facts["site"] == "THE_MOON" else "site"


def _rasters(header: Header, technical: Header | None, images: bool) -> dict[str, Raster]:
    """The image of each band, in the sensor's order."""
    items = by_band(header, "Product_Organization/List_of_Image_Files/Image_File")
    if not items:
        raise header.base.refuse("Product_Organization/List_of_Image_Files names no image; fetch the product again")
    intervals = interval_lines(technical) if technical is not None and not images else {}
    found = {}
    for band, item in items.items():
        information, path = _image(header, item, f"B{int(band[1:]):02d}")
        size, dtype = image_size(information), sample_type(information)
        if images:
            found[band] = open_raster(existing(path), layers=1, size=size, dtypes=(dtype,))
            header.files.append(relative(header, path))
        else:
            columns = information.integer("Size/Columns", least=1, most=MAX_COLUMNS)
            lines = size[0] if size is not None else intervals.get(band)
            if lines is None:
                raise item.refuse(f"the lines of {band} are not known without its image or image header; fetch either")
            found[band] = Raster(path, lines, columns, dtype, 256)
        _check_columns(information, found[band])
    return found


def _image(header: Header, item: Node, code: str) -> tuple[Node, Path]:
    """Image_Information of an image (its own header's, else the product's) and the image."""
    head, path = image_of(header, item)
    if not present(head):
        return header.base.child("Image_Information"), path
    own = read_xml(head).child("Variable_Header/Specific_Product_Header")
    said = own.text("Instance_Id/Sub_Code", own.text("Instance_Id/Band_Code", code))
    if said != code:
        raise own.refuse(f"is the header of {shortened(said)} where {code} belongs; fetch the product again")
    header.files.append(relative(header, head))
    return own.child("Image_Information"), path


def _check_columns(information: Node, raster: Raster) -> None:
    """The columns that are no detectors (levels L0 and 0E) and those that are make up the image."""
    scan = information.maybe("Pre_Post_Scan_Pixels")
    if scan is None:
        return
    parts = [scan.integer(f"Number_of_{part}_Pixels", most=MAX_COLUMNS) for part in _SCAN]
    if sum(parts) != raster.columns:
        raise scan.refuse(
            f"{parts} columns before, in and after the detectors are not the image's {raster.columns}; the file is damaged"
        )


def _check_quantification(header: Header) -> None:
    text = header.base.text("Product_Information/Reflectance_Quantification_Value", "NONE")
    if text != "NONE":
        header.warnings.append(
            f"{header.path.name}: Reflectance_Quantification_Value {shortened(text)} is not used: counts in sensor geometry are no reflectances"
        )


def _times(header: Header, technical: Header | None, rasters: Mapping[str, Raster]) -> dict[str, dict[str, Any]]:
    """When the lines of each band were taken: by its line date file, else by its line model, else not known."""
    models = line_models(technical) if technical is not None else {}
    files = date_files(header, technical)
    times: dict[str, dict[str, Any]] = {}
    for band, raster in rasters.items():
        if band in files:
            dates, odd = line_dates(files[band], band, raster.lines)
            times[band] = {"line_dates": dates}
            header.warnings += [f"{files[band].name}: {text}" for text in odd]
            header.files.append(relative(header, files[band]))
            if band in models:
                _compare(header, band, times[band]["line_dates"], *models[band])
        elif band in models:
            times[band] = {"first_line": models[band][0], "line_period_s": models[band][1]}
        else:
            times[band] = {}
            header.warnings.append(
                f"{header.path.name}: neither a line date file nor a line model dates the lines of {band}"
            )
    header.facts["line dates"] = (
        f"line date files for {len(rasters.keys() & files.keys())} bands, line models for {len(rasters.keys() & models.keys())}; "
        "taken as the middle of the integration (unconfirmed)"
    )
    return times


def _compare(header: Header, band: str, dates: np.ndarray, first: np.datetime64, period_s: float) -> None:
    modelled = np.round(np.arange(len(dates)) * (period_s * 1e9)).astype("timedelta64[ns]")
    apart_s = float(np.abs((dates - first) - modelled).max() / np.timedelta64(1, "ns")) * 1e-9
    if apart_s > period_s:
        header.warnings.append(
            f"{header.path.name}: line dates of {band} depart by up to {apart_s:.6f} s from its Datation_Line_Model; the line date file is used"
        )


def _limits(header: Header, bands: Mapping[str, BandImage]) -> dict[str, BandImage]:
    """The bands with the counts that stand for no data and, in raw levels, for saturation: 1A is already corrected and has its mask instead."""
    image = header.base.child("Image_Information")
    saturated = None
    if header.fixed.text("File_Type")[4:6] in ("L0", "0E"):
        saturated = 2 ** image.integer("Number_of_Significant_Bits", least=1, most=16) - 1
    scan = image.maybe("Pre_Post_Scan_Pixels")
    if scan is not None:
        header.facts["columns"] = ", ".join(
            f"{part.split('_')[0].lower()} {scan.integer(f'Number_of_{part}_Pixels')}" for part in _SCAN
        )
    return {band: replace(item, nodata=nodata(image), saturated=saturated) for band, item in bands.items()}


def _masks(header: Header, rasters: Mapping[str, Raster], images: bool) -> dict[str, Mask]:
    """SAT and PIX of each band: one layer with a bit per band, or a layer per band."""
    found: dict[str, Mask] = {}
    for item in listed(header.base, "Product_Organization/List_of_Mask_Files/Mask_File", most=2):
        code = item.attribute("sk")
        if code not in _MASKS or any(name.startswith(code) for name in found):
            raise item.refuse(f"sk='{shortened(code)}' is no mask of its own (SAT, PIX); the file is damaged")
        information, path = _image(header, item, code)
        # only a mask's own header says that it has a layer per band
        own = information.file != header.path
        layers = 12 if own and information.integer("Size/Bands", least=1, most=15) == len(BANDS) else 1
        size, dtype = image_size(information), sample_type(information)
        if images:
            first = open_raster(existing(path), layers=layers, size=size, dtypes=(dtype,))
            header.files.append(relative(header, path))
        else:
            shape = size or (max(raster.lines for raster in rasters.values()), next(iter(rasters.values())).columns)
            first = Raster(path, *shape, dtype, 256)
        for band, raster in rasters.items():
            index = BANDS.index(band)
            layer, bit = (replace(first, layer=index + 1), None) if layers > 1 else (first, index)
            if raster.lines <= first.lines and raster.columns <= first.columns:
                found[f"{code} {band}"] = Mask(f"{_MASKS[code]} in {band}", path, _cut(layer, raster), bit)
            else:
                header.warnings.append(
                    f"{path.name}: smaller than the image of {band}, which is left without this mask"
                )
    header.facts["mask bits"] = (
        "bit 0 for B1 to bit 11 for B12; line 0 of a mask on line 0 of every band (both unconfirmed)"
    )
    return found


def _cut(mask: Raster, image: Raster) -> Raster:
    """The part of a mask of all bands that lies on the image of one: bands have different numbers of lines."""
    if (mask.lines, mask.columns) == (image.lines, image.columns):
        return mask
    return replace(mask, lines=image.lines, columns=image.columns, tiles=(Tile(mask, 0, 0),))


def _extensions(header: Header) -> dict[str, str]:
    """The additional fields of the header, by keyword."""
    top = header.root if header.root.name == "Earth_Explorer_Header" else header.root.child("Earth_Explorer_Header")
    items = listed(top, "Variable_Header/Main_Product_Header/List_of_Extensions/Extension", most=100)
    return {item.text("Keyword"): item.text("Value", "") for item in items}


def _binning(header: Header) -> int:
    text = _extensions(header).get(BINNING, "1")
    if re.fullmatch(r"[1-9]\d?", text, re.ASCII) is None:
        raise header.root.refuse(
            f"extension {BINNING} '{shortened(text)}' is no number from 1 to 99; the file is damaged"
        )
    return int(text)


def _axes(header: Header) -> tuple[np.ndarray | None, np.ndarray | None]:
    """The axes of the image in GCRF that a simulated product gives; a genuine one gives none, they follow from the attitude."""
    extensions = _extensions(header)
    texts = [extensions.get(name) for name in AXES]
    if None in texts:
        return None, None
    try:
        column, line = (np.array(str(text).split(), dtype=float) for text in texts)
    except ValueError:
        raise header.root.refuse(f"extensions {' and '.join(AXES)} are no vectors; the file is damaged") from None
    return column, line
