"""When the lines of a Venµs system product were taken, and how its camera was set: the technical file and the line date files."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from calib.errors import InputError
from calib.products.files import MAX_LINES, inside
from calib.products.venus_common import BANDS, Header, by_band, open_header
from calib.products.venus_images import image_of, present, relative
from calib.products.xml import shortened

if TYPE_CHECKING:
    from calib.products.venus_parameters import ParameterFile

#: zero of the mission's days and microseconds, UTC (VE_Dictionary: 1.1.2000 12:00)
EPOCH = np.datetime64("2000-01-01T12:00:00", "ns")
_TYPE = re.compile(r"TEC_(L0|0E|1A)(VALD|SYNT)")
#: the bands whose arrays lie the other way round in the camera: left and right of the set-up change places in the image
_SWAPPED = BANDS[6:]
_SETTINGS = {
    "TDI": ("TDI_Configuration_Values", "TDI_Configuration_Values", 32),
    "left gain": ("Left_Gain_Values", "Right_Gain_Values", 255),
    "left offset": ("Left_Offset_Values", "Right_Offset_Values", 127),
    "right gain": ("Right_Gain_Values", "Left_Gain_Values", 255),
    "right offset": ("Right_Offset_Values", "Left_Offset_Values", 127),
}


def technical_file(header: Header) -> Header | None:
    """The private technical file of a system product: named by it, or beside it under its own name; None where it was taken out."""
    item = header.base.maybe("Product_Organization/Private_Data_File")
    name = header.name.replace("_VSC_", "_TEC_", 1)
    places = [f"{header.name}.DBL.DIR/PRIVATE/{name}.EEF", f"{header.name}.DBL.DIR/{name}.EEF", f"{name}.EEF"]
    found = [inside(header.folder, place) for place in places]
    if item is not None:
        named = image_of(header, item)[0]
        found = [named.with_suffix(".EEF"), named, *found]
    path = next((path for path in found if present(inside(header.folder, relative(header, path)))), None)
    if path is None:
        header.warnings.append(
            f"{header.path.name}: its technical file {name}.EEF is not there: no settings, no line models"
        )
        return None
    technical = open_header(path, _TYPE, "the technical file of a Venµs system product")
    if technical.base.text("Reference_Product_Header_Id", header.name) != header.name:
        header.warnings.append(
            f"{path.name}: Reference_Product_Header_Id {shortened(technical.base.text('Reference_Product_Header_Id'))} is another product"
        )
    return technical


def settings(technical: Header) -> dict[str, str]:
    """Facts of the technical file: camera settings per band in the order of the image (left and right), attitude, Earth rotation, segment."""
    information = technical.base.child("Private_Product_Information")
    facts = {}
    node = information.maybe("Acquisition_Tech_Params_Set")
    if node is not None:
        for fact, (name, swapped, most) in _SETTINGS.items():
            own, other = (node.numbers(item, count=len(BANDS)) for item in (name, swapped))
            values = [other[i] if band in _SWAPPED else own[i] for i, band in enumerate(BANDS)]
            if min(values) < 0 or max(values) > most:
                raise node.child(name).refuse(f"a value does not lie between 0 and {most}; the file is damaged")
            facts[fact] = ", ".join(f"{band} {value:g}" for band, value in zip(BANDS, values, strict=True))
    attitude = information.maybe("Attitude")
    if attitude is not None:
        values = [
            f"{axis.lower()} {attitude.number(axis, least=-360, most=360):g}" for axis in ("Roll", "Pitch", "Yaw")
        ]
        facts["attitude at the centre"] = f"{', '.join(values)} deg"
    rotation = information.maybe("Earth_Rotation_Parameters")
    if rotation is not None:
        facts["Earth rotation"] = ", ".join(
            f"{item.name} {item.number():g} {item.attribute('unit', '')}" for item in rotation.children()
        )
    intervals = by_band(technical, "Private_Product_Information/List_of_Line_Intervals/Line_Interval")
    if intervals:
        values = [f"{band} {item.text('First')}..{item.text('Last')}" for band, item in intervals.items()]
        facts["lines of the segment"] = ", ".join(values)
    if information.has("Used_InventoriedRaw_Product_Id"):
        facts["raw product"] = information.text("Used_InventoriedRaw_Product_Id")
    return facts


def interval_lines(technical: Header) -> dict[str, int]:
    """Number of lines of each band, from List_of_Line_Intervals."""
    found = {}
    for band, node in by_band(technical, "Private_Product_Information/List_of_Line_Intervals/Line_Interval").items():
        first, last = (node.integer(name, least=-MAX_LINES, most=MAX_LINES * 100) for name in ("First", "Last"))
        if not 0 < last - first + 1 <= MAX_LINES:
            raise node.refuse(f"lines {first}..{last} are no interval of an image; the file is damaged")
        found[band] = last - first + 1
    return found


def line_models(technical: Header) -> dict[str, tuple[np.datetime64, float]]:
    """Date of line 0 and line period (s) of each band: T = Te (line - Line_Ref) + Time_Ref."""
    found: dict[str, tuple[np.datetime64, float]] = {}
    for band, node in by_band(
        technical, "Private_Product_Information/List_of_Datation_Line_Models/Datation_Line_Model"
    ).items():
        period = node.number("Te", least=1e-6, most=1.0)
        reference = node.number("Line_Ref", least=-1e8, most=1e8)
        match = re.fullmatch(r"MJD=(\d{1,5}(?:\.\d{0,15})?)", node.text("Time_Ref"), re.ASCII)
        if match is None:
            raise node.child("Time_Ref").refuse(
                f"'{shortened(node.text('Time_Ref'))}' is no date (MJD=days); the file is damaged"
            )
        # decimal: a float of days is good to a tenth of a microsecond only
        elapsed = Decimal(match[1]) * 86_400_000_000_000 - Decimal(period) * Decimal(reference) * 1_000_000_000
        found[band] = EPOCH + np.timedelta64(round(elapsed), "ns"), period
    return found


def date_files(header: Header, technical: Header | None) -> dict[str, Path]:
    """The line date file of each band, found by its name in the product."""
    name = re.compile(rf"VE_.{{4}}_TEC_LINDAT_{re.escape(header.name[12:])}_B(0[1-9]|1[0-2])\.EEF", re.IGNORECASE)
    return {f"B{int(path.stem[-2:])}": path for path in _files(header, technical, name)}


def line_dates(path: Path, band: str, lines: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """One date per line (UTC, microseconds) of a line date file, which must be for `band` and have `lines` of them; and what was odd about it."""
    file, content = _parameters(path, "TEC_LINDAT")
    times = content["time"].values
    if file.header.name.band != band:
        raise InputError(
            f"{path}: holds the line dates of {file.header.name.band}, not of {band}; fetch the product again"
        )
    if len(times) != lines:
        raise InputError(f"{path}: holds {len(times)} dates for the {lines} lines of {band}; fetch the product again")
    return times, file.warnings


def telemetry(header: Header, technical: Header | None) -> dict[str, xr.Dataset]:
    """`orbit` and `attitude`, of the telemetry files (AUX_GPSDTA, AUX_AOCDTA) that lie in the product; those of one kind are joined."""
    found: dict[str, xr.Dataset] = {}
    for kind, name in (("AUX_GPSDTA", "orbit"), ("AUX_AOCDTA", "attitude")):
        pattern = re.compile(rf"VE_.{{4}}_{kind}_\w+\.EEF", re.IGNORECASE)
        parts = []
        for path in _files(header, technical, pattern):
            file, content = _parameters(path, kind)
            parts.append(content)
            header.files.append(relative(header, path))
            header.warnings += [f"{path.name}: {text}" for text in file.warnings]
        if parts:
            joined = (
                xr.concat(parts, "time", data_vars="minimal", combine_attrs="override") if len(parts) > 1 else parts[0]
            )
            found[name] = joined.drop_duplicates("time").sortby("time")
    return found


def _files(header: Header, technical: Header | None, pattern: re.Pattern[str]) -> list[Path]:
    """Files of the product whose names fit: in its folder, its data folder, its private one and the technical file's."""
    data = header.folder / f"{header.name}.DBL.DIR"
    found: dict[str, Path] = {}
    for folder in dict.fromkeys([header.folder, data, data / "PRIVATE", *([technical.folder] if technical else [])]):
        try:
            paths = sorted(folder.iterdir()) if folder.is_dir() else []
        except OSError as error:
            raise InputError(f"{folder}: cannot be listed ({error.strerror}); check your rights") from None
        for path in paths:
            if pattern.fullmatch(path.name):
                found.setdefault(path.name, inside(header.folder, relative(header, path)))
    return list(found.values())


def _parameters(path: Path, kind: str) -> tuple[ParameterFile, xr.Dataset]:
    from calib.products.venus_parameters import open_parameters

    file = open_parameters(path)
    if file.header.file_type != kind or not isinstance(file.content, xr.Dataset):
        raise InputError(f"{path}: is a {file.header.file_type} where its name says {kind}; fetch the product again")
    return file, file.content
