"""The system file of Pléiades (PHR_Dimap_Document): gains, parameter versions, ephemeris, attitudes and lines of sight of one strip."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import xarray as xr

from calib.acquisition import Acquisition, BandImage, Calibration
from calib.products import pleiades_system_orbit as motion
from calib.products.dimap_geometry import check_span, view_azimuth
from calib.products.dimap_header import (
    BAND_ALIASES,
    GAIN_UNIT,
    RADIANCE_UNIT,
    few,
    headers,
    known,
    opened,
    refuse_stretched,
    warn_stale,
)
from calib.products.dimap_images import MAX_TILES, ROWS_UNSEEN, display_layers
from calib.products.files import check_size, inside, mosaic, open_raster, utc_date
from calib.products.tables import CENTER, angle_table
from calib.products.xml import Node, shortened
from calib.raster import Raster

#: raise the number whenever the same files give other numbers
READER = "pleiades_system 1"
TITLE = "Pléiades system file (PHRDIMAP*.XML with ephemeris, attitudes and lines of sight)"
ROOT, HEADERS = "PHR_Dimap_Document", "*PHRDIMAP*.XML"
BANDS = ("P", "B0", "B1", "B2", "B3")
_SENSORS = {("PHR", "1A"): "phr1a", ("PHR", "1B"): "phr1b"}
_STRIP, _MODEL = "Data_Strip", "Geometric_Data/Sensor_Model_Characteristics"
_IMAGE = "Product_Characteristics/Product_Image_Characteristics"
_TILE = re.compile(r"R([1-9]\d{0,3})C([1-9]\d{0,3})\.\w+$", re.IGNORECASE)
_FACTS = {
    "processing level": "Product_Characteristics/PROCESSING_LEVEL",
    "spectral processing": f"{_IMAGE}/SPECTRAL_PROCESSING",
    "profile": "Metadata_Identification/METADATA_PROFILE",
    "job": "Production/JOB_ID",
    "production date": "Production/DATASET_PRODUCTION_DATE",
    "place": "Production/Product_Label/PLACE_NAME",
    "stages of time delay integration": f"{_STRIP}/Sensor_Configuration/Acquisition_Configuration/TDI_CONFIG",
    "orbit number": f"{_STRIP}/Ephemeris/ACQUISITION_ORBIT_NUMBER",
    "orbit direction": f"{_STRIP}/Ephemeris/ACQUISITION_ORBIT_DIRECTION",
    "attitudes used": f"{_STRIP}/Satellite_Attitudes/Corrected_Attitudes/QUATERNION_USED",
    "scene line period ms": f"{_STRIP}/Sensor_Configuration/Time_Stamp/PA_LINE_PERIOD",
    "mean altitude m": f"{_STRIP}/DTM_Information/GLOBAL_H_AVERAGE",
    "ephemeris quality": "Quality_Assessment/EPHEMERIS_QUALITY",
    "on board calibration": "Telemetry/ON_BOARD_CALIBRATION",
}


def recognises(path: Path) -> bool:
    """Whether `path` is a Pléiades system file or a folder that holds one; never raises."""
    return bool(headers(path, HEADERS, ROOT))


def read(path: Path, *, verify: bool = True, images: bool = True) -> Acquisition:
    """The strip whose system file is at `path`; without `images` its image files need not exist. No pixel is read."""
    root = opened(path, headers(path, HEADERS, ROOT), HEADERS, ROOT)
    options = root.maybe("Radiometric_Data/Processing_Options")
    if options is not None:
        refuse_stretched(options)
    strip = root.child(_STRIP)
    name = strip.child("Data_Strip_Identification")
    key = name.text("PLATFORM_NAME"), name.text("PLATFORM_SERIAL_NUMBER")
    if key not in _SENSORS:
        raise name.refuse(f"platform {shortened(' '.join(key))!r} is none of {', '.join(map(' '.join, _SENSORS))}")
    warnings: list[str] = []
    rasters, used = _rasters(root, images)
    span = motion.model_span(root)
    return Acquisition(
        name=root.text("Dataset_Identification/DATASET_NAME"),
        sensor=_SENSORS[key],
        kind="site",
        path=path if path.is_file() else root.file.parent,
        bands=_bands(root, rasters, span, warnings),
        files={str(file.relative_to(root.file.parent)): None for file in (root.file, *(used if images else ()))},
        versions=_versions(root, warnings),
        reader=READER,
        acquired=span[0] + (span[1] - span[0]) // 2,
        angles=_angles(root, list(rasters), span),
        orbit=motion.orbit(root, warnings),
        attitude=motion.attitudes(root, warnings),
        viewing=motion.viewing(root, list(rasters), next(iter(rasters.values())).columns),
        facts=_facts(root, options),
        warnings=tuple(warnings),
    )


def _bands(
    root: Node, rasters: dict[str, Raster], span: tuple[np.datetime64, np.datetime64], warnings: list[str]
) -> dict[str, BandImage]:
    period_s = root.number(f"{_MODEL}/SENSOR_LINE_PERIOD", least=1e-3, most=100) * 1e-3
    lines = next(iter(rasters.values())).lines
    check_span(*span, period_s, lines, "UTC_Sensor_Model_Range", warnings)
    special = {}
    for item in few(root, f"{_IMAGE}/Special_Values", 16):
        special[item.text("SPECIAL_VALUE_TEXT")] = item.integer("SPECIAL_VALUE_INDEX", most=65535)
    gains = _calibrations(root, list(rasters), span[0], warnings)
    return {
        band: BandImage(
            raster=raster,
            first_line=span[0],
            line_period_s=period_s,
            calibration=gains[band],
            nodata=special.get("NODATA"),
            saturated=special.get("SATURATED"),
        )
        for band, raster in rasters.items()
    }


def _calibrations(
    root: Node, bands: Sequence[str], acquired: np.datetime64, warnings: list[str]
) -> dict[str, Calibration]:
    """Gain and bias of each band; the system file says nothing of the solar irradiance."""
    out = dict.fromkeys(bands, Calibration())
    for node in few(root, "Image_Interpretation/Spectral_Band_Info", 16):
        band = node.text("BAND_ID")
        band = BAND_ALIASES.get(band, band)
        if band not in out or out[band].gain is not None:
            raise node.refuse(
                f"BAND_ID {shortened(band)} is given twice or is no band of the image; the file is damaged"
            )
        text = node.text("PHYSICAL_CALIBRATION_DATE", "")
        date = utc_date(text, f"{node.file}: {node.where}/PHYSICAL_CALIBRATION_DATE") if text else None
        warn_stale(band, date, acquired, f"Spectral_Band_Info {band}", warnings)
        out[band] = Calibration(
            gain=known(node, "PHYSICAL_GAIN", GAIN_UNIT, 0, 1e5, date),
            bias=known(node, "PHYSICAL_BIAS", RADIANCE_UNIT, -1e4, 1e4, date),
        )
    without = [band for band, item in out.items() if item.gain is None]
    if without:
        warnings.append(f"Spectral_Band_Info: no gain for {', '.join(without)}; name a table where gains are needed")
    return out


def _rasters(root: Node, images: bool) -> tuple[dict[str, Raster], list[Path]]:
    size = root.child("Raster_Dimensions")
    lines, columns = size.integer("NROWS", least=1), size.integer("NCOLS", least=1)
    check_size(root.file, lines, columns)
    count, bits = size.integer("NBANDS", least=1, most=5), size.integer("NBITS", most=64)
    if not 9 <= bits <= 16:
        raise size.refuse(
            f"NBITS is {bits}; counts of 9 to 16 bits are read: order the product with the full dynamic range"
        )
    layers = display_layers(root, root.maybe(f"{_IMAGE}/Image_Display_Order"), count)
    strange = [band for band in layers if band not in BANDS]
    if strange:
        raise size.refuse(f"the layers are called {shortened(', '.join(layers))}; the bands are {', '.join(BANDS)}")
    named = few(root, f"{_IMAGE}/Data_Access/Data_File/DATA_FILE_PATH", MAX_TILES)
    files = [inside(root.file.parent, node.attribute("href", node.text())) for node in named]
    whole = (
        _mosaic(root, files, (lines, columns), count)
        if images
        else Raster(root.file, lines, columns, "uint16", ROWS_UNSEEN)
    )
    found = {}
    for band in (band for band in BANDS if band in layers):
        tiles = tuple(replace(tile, raster=replace(tile.raster, layer=layers[band])) for tile in whole.tiles)
        found[band] = replace(whole, layer=layers[band], tiles=tiles)
    return found, files


def _mosaic(root: Node, files: Sequence[Path], shape: tuple[int, int], count: int) -> Raster:
    """The image made of its tiles, which stand in rows and columns by their names; their own sizes place them."""
    if len(files) == 1:
        return open_raster(files[0], layers=count, size=shape)
    placed: dict[tuple[int, int], Raster] = {}
    for file in files:
        found = _TILE.search(file.name)
        if not found or (int(found[1]), int(found[2])) in placed:
            raise root.refuse(
                f"tile {shortened(file.name)} has no place R<row>C<column> of its own; fetch the product again"
            )
        placed[int(found[1]), int(found[2])] = open_raster(file, layers=count)
    down = _edges({row: raster.lines for (row, column), raster in placed.items() if column == 1})
    across = _edges({column: raster.columns for (row, column), raster in placed.items() if row == 1})
    if any(row not in down or column not in across for row, column in placed):
        raise root.refuse(f"tiles of the first row or column are missing among {len(placed)}; fetch the product again")
    tiles = ((raster, down[row], across[column]) for (row, column), raster in placed.items())
    return mosaic(root.file, tiles, *shape)


def _edges(sizes: dict[int, int]) -> dict[int, int]:
    """Where each row (or column) of tiles begins."""
    edges, place = {}, 0
    for index in sorted(sizes):
        edges[index] = place
        place += sizes[index]
    return edges


def _angles(root: Node, bands: Sequence[str], span: tuple[np.datetime64, np.datetime64]) -> xr.Dataset:
    """Angles of the strip's headers, which carry dates and no labels: the one nearest to the middle is the center."""
    rows = []
    blocks = few(root, f"{_STRIP}/Geometric_Header_List/Located_Geometric_Header", 25)
    if not blocks:
        raise root.refuse("no Located_Geometric_Header in Geometric_Header_List; the file is incomplete")
    for block in blocks:
        date = utc_date(block.text("UTC_TIME"), f"{block.file}: {block.where}/UTC_TIME")
        seen, heading = block.child("Incidences"), block.number("ORIENTATION", least=-360, most=360)
        across, along = (seen.number(f"{name}_TRACK_INCIDENCE", least=-90, most=90) for name in ("ORTHO", "ALONG"))
        rows.append(
            (
                float((date - span[0]) / (span[1] - span[0])),
                90.0 - block.number("Solar_Incidences/SUN_ELEVATION", least=-90, most=90),
                block.number("Solar_Incidences/SUN_AZIMUTH", least=-360, most=360),
                seen.number("GLOBAL_INCIDENCE", least=0, most=90),
                view_azimuth(heading, across, along),
            )
        )
    rows.sort(key=lambda row: abs(row[0] - 0.5))
    down, *four = np.array(rows).T
    points = [CENTER, *(f"header {index}" for index in range(2, len(rows) + 1))]
    return angle_table(str(root.file), bands, points, (down, 0.5), (four[0], four[1]), (four[2], four[3]))


def _versions(root: Node, warnings: list[str]) -> dict[str, str]:
    """Logical names of the parameter files by type: those of the production, and those of the inventory where they differ."""
    out: dict[str, str] = {}
    for name, prefix in (("Production_GIPP_List", ""), ("Inventory_GIPP_List", "inventory ")):
        found = few(root, f"Processing/{name}/GIPP_Identification", 1000)
        if not found:
            warnings.append(f"{name}: missing; the versions of the parameter files are not known")
        for node in found:
            kind, value = shortened(node.text("TYPE")), shortened(node.text("PARAMETER_ID"), 200)
            if out.get(kind) != value:
                out[f"{prefix}{kind}"] = value
    facility = root.maybe("Production/Production_Facility")
    if facility is not None:
        out["software"] = shortened(
            f"{facility.text('SOFTWARE_NAME', '')} {facility.text('SOFTWARE_VERSION', '')}".strip()
        )
    out["format"] = root.child("Metadata_Identification/METADATA_PROFILE").attribute("version", "")
    return out


def _facts(root: Node, options: Node | None) -> dict[str, str]:
    out = {
        shortened(node.name): shortened(node.text(), 200) for node in (list(options.children())[:60] if options else ())
    }
    return out | {name: shortened(root.text(path), 200) for name, path in _FACTS.items() if root.text(path, "")}
