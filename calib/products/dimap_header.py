"""What Pléiades and Pléiades Neo products in DIMAP version 2 have in common: the header, refusals, calibration, facts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatch
from itertools import islice
from pathlib import Path

import numpy as np

from calib.acquisition import Calibration, Known
from calib.errors import InputError
from calib.products.files import inside, sole, utc_date
from calib.products.xml import Node, read_xml, root_name, shortened

ROOT = "Dimap_Document"
HEADERS = "DIM_*.XML"
_PROFILE = re.compile(rb"<(?:\w+:)?(?:METADATA_PROFILE|MISSION)\b[^>]*>\s*(PHR|PNEO)")
_PLAIN_SPECTRAL = ("P", "PA", "PAN", "MS", "MS-N", "MS-X", "MS-FS", "XS")
_ORDER = "order the product with BASIC radiometry, not stretched, panchromatic or multispectral (not pansharpened)"
_SETTINGS = "Processing_Information/Product_Settings"
BAND_ALIASES = {"PA": "P", "PAN": "P"}
GAIN_UNIT, RADIANCE_UNIT, IRRADIANCE_UNIT = "DN / (W m-2 sr-1 um-1)", "W m-2 sr-1 um-1", "W m-2 um-1"
_MOST_FACTS = 60
_FACTS = {
    "processing level": f"{_SETTINGS}/PROCESSING_LEVEL",
    "spectral processing": f"{_SETTINGS}/SPECTRAL_PROCESSING",
    "profile": "Metadata_Identification/METADATA_PROFILE",
    "job": "Product_Information/Delivery_Identification/JOB_ID",
    "production date": "Product_Information/Delivery_Identification/PRODUCTION_DATE",
    "processing center": "Processing_Information/Production_Facility/PROCESSING_CENTER",
    "geometry": "Geoposition/Raster_CRS/RASTER_GEOMETRY",
    "map projection": "Coordinate_Reference_System/Projected_CRS/PROJECTED_CRS_CODE",
    "left map coordinate": "Geoposition/Geoposition_Insert/ULXMAP",
    "upper map coordinate": "Geoposition/Geoposition_Insert/ULYMAP",
    "cloud cover percent": "Dataset_Content/CLOUD_COVERAGE",
    "center longitude": "Dataset_Content/Dataset_Extent/Center/LON",
    "center latitude": "Dataset_Content/Dataset_Extent/Center/LAT",
    "acquisition bits": "Radiometric_Data/Dynamic_Range/ACQUISITION_RANGE",
    "product bits": "Radiometric_Data/Dynamic_Range/PRODUCT_RANGE",
    "focal length m": "Geometric_Data/Refined_Model/Instrument_Configuration/FOCAL_LENGTH",
}
_DATED = {"Band_Radiance": "gain", "Band_Spectral_Range": "spectral range", "Band_Solar_Irradiance": "solar irradiance"}
_YEAR = np.timedelta64(365, "D")


def headers(path: Path, pattern: str, root: str = ROOT) -> list[Path]:
    """The header files at `path`: itself, or those named like `pattern` in the folder or else one level below. Never raises."""
    try:
        if path.is_file():
            return [path] if root_name(path) == root else []
        inner = sorted(path.iterdir())
        found = _named(inner, pattern, root)
        if not found:
            found = [item for folder in inner if folder.is_dir() for item in _named(folder.iterdir(), pattern, root)]
    except (OSError, ValueError):
        return []
    return sorted(found)


def _named(files: Iterable[Path], pattern: str, root: str) -> list[Path]:
    return [item for item in files if fnmatch(item.name.upper(), pattern) and root_name(item) == root]


def mission(header: Path) -> str:
    """ "PHR", "PNEO", or "" for another mission: the profile near the top, or the mission near the end. Never raises."""
    try:
        with header.open("rb") as stream:
            found = _PROFILE.search(stream.read(65536))
            if not found:
                stream.seek(max(0, header.stat().st_size - 65536))
                found = _PROFILE.search(stream.read(65536))
    except (OSError, ValueError):
        return ""
    return found[1].decode() if found else ""


def opened(path: Path, found: Sequence[Path], pattern: str, root: str = ROOT) -> Node:
    """The root of the one header `found` at `path`; InputError naming them where there are several."""
    if path.is_file():
        header = path
    elif len(found) > 1:
        listed = ", ".join(item.name for item in found[:6])
        raise InputError(f"{path}: holds {len(found)} products ({listed}); give the header file of one of them")
    else:
        header = sole(found, path, f"header {pattern}")
        # a link may lead anywhere
        inside(path, str(header.relative_to(path)))
    node = read_xml(header)
    if node.name != root:
        raise node.refuse(f"the root element is no {root}; give the header {pattern} of the product")
    return node


def few(node: Node, path: str, most: int) -> list[Node]:
    """The elements at `path`; InputError for more than `most`, which no product has."""
    # counted before they are made: a damaged file may repeat one a million times
    found = list(islice(node.element.iterfind(path), most + 1))
    if len(found) > most:
        raise node.refuse(f"more than {most} elements {path}; the file is damaged")
    return node.all(path)


def present(path: Path) -> bool:
    """Whether a file is there; never raises."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def refuse_processed(root: Node) -> None:
    """InputError where the counts are no longer proportional to the radiance of the camera's own bands."""
    settings = root.child(_SETTINGS)
    radiometry = settings.text("Radiometric_Settings/RADIOMETRIC_PROCESSING")
    if radiometry != "BASIC":
        raise settings.refuse(
            f"RADIOMETRIC_PROCESSING is {shortened(radiometry)}, whose counts cannot be calibrated; {_ORDER}"
        )
    refuse_stretched(settings.child("Radiometric_Settings"))
    adjusted = root.text("Radiometric_Data/Dynamic_Adjustment/ADJUSTMENT_TYPE", "NONE")
    if adjusted != "NONE":
        raise root.refuse(f"ADJUSTMENT_TYPE is {shortened(adjusted)}: the counts were stretched; {_ORDER}")
    spectral = settings.text("SPECTRAL_PROCESSING")
    if spectral.startswith("PMS"):
        raise settings.refuse(f"SPECTRAL_PROCESSING is {shortened(spectral)}, pansharpened; {_ORDER}")
    if spectral not in _PLAIN_SPECTRAL:
        raise settings.refuse(
            f"SPECTRAL_PROCESSING {shortened(spectral)!r} is not known (known: {', '.join(_PLAIN_SPECTRAL)}); {_ORDER}"
        )


def refuse_stretched(settings: Node) -> None:
    """InputError where RADIOMETRIC_STRETCH says that the counts were stretched for display."""
    stretch = settings.text("RADIOMETRIC_STRETCH", "false")
    if stretch.lower() not in ("false", "0"):
        raise settings.refuse(f"RADIOMETRIC_STRETCH is {shortened(stretch)}: the counts were stretched; {_ORDER}")


def facts(root: Node, strip: Node) -> dict[str, str]:
    """Processing flags, level, identifiers and places that people want to see, as text."""
    out: dict[str, str] = {}
    for group in ("Radiometric_Settings", "MTF_Settings", "Geometric_Settings", "Sampling_Settings"):
        block = root.maybe(f"{_SETTINGS}/{group}")
        for node in block.children() if block else ():
            if len(out) < _MOST_FACTS:
                out[shortened(node.name)] = shortened(node.text(), 200)
    for name, path in _FACTS.items():
        text = root.text(path, "")
        if text:
            out[name] = shortened(text, 200)
    for node in strip.children():
        if len(out) < 2 * _MOST_FACTS and node.text():
            out[shortened(node.name)] = shortened(node.text(), 200)
    return out


def versions(root: Node, bands: Sequence[str]) -> dict[str, str]:
    """Format, software, and the dates of what was determined for each band, each kind under its own name."""
    out = {}
    for name, path, attribute in (
        ("format", "Metadata_Identification/METADATA_FORMAT", "version"),
        ("software", "Processing_Information/Production_Facility/SOFTWARE", "version"),
    ):
        node = root.maybe(path)
        if node is not None:
            out[name] = shortened(f"{node.text()} {node.attribute(attribute, '')}".strip(), 200)
    block = measured(root)
    for kind, name in _DATED.items():
        for band, node in by_band(block, kind).items() if block else ():
            if band in bands and node.has("CALIBRATION_DATE"):
                out[f"{name} {band}"] = shortened(node.text("CALIBRATION_DATE"))
    return out


def identity(root: Node, known: Mapping[tuple[str, str], str]) -> tuple[str, Node]:
    """The project's name of the sensor, by mission and index of the strip, and the strip itself."""
    strip = root.maybe("Dataset_Sources/Source_Identification/Strip_Source") or root.child("//Strip_Source")
    key = strip.text("MISSION"), strip.text("MISSION_INDEX")
    if key not in known:
        wanted = ", ".join(" ".join(item) for item in known)
        raise strip.refuse(f"MISSION {shortened(' '.join(key))!r} is none of those read here ({wanted})")
    return known[key], strip


def imaging_date(strip: Node) -> np.datetime64:
    """When the strip began, UTC."""
    text = f"{strip.text('IMAGING_DATE')}T{strip.text('IMAGING_TIME')}"
    return utc_date(text, f"{strip.file}: {strip.where}/IMAGING_DATE, IMAGING_TIME")


def measured(root: Node) -> Node | None:
    """The element that holds the radiometry of the bands; None where the product has none."""
    block = root.maybe("Radiometric_Data/Radiometric_Calibration")
    inner = block and block.maybe("Instrument_Calibration/Band_Measurement_List")
    return inner or block


def by_band(block: Node, name: str) -> dict[str, Node]:
    """The elements `name` of a block by band; InputError where one is given twice."""
    found: dict[str, Node] = {}
    for node in few(block, name, 64):
        band = node.text("BAND_ID")
        band = BAND_ALIASES.get(band, band)
        if band in found:
            raise node.refuse(f"a second {name} for band {shortened(band)}; the file is damaged")
        found[band] = node
    return found


def calibrations(root: Node, bands: Sequence[str], acquired: np.datetime64, warn: list[str]) -> dict[str, Calibration]:
    """What the product says of each band: radiance = counts / GAIN + BIAS, and the solar irradiance; None where it says nothing.

    A gain determined more than a year before `acquired` is worth a warning: they drift by about one percent a year.
    """
    block = measured(root)
    gains = by_band(block, "Band_Radiance") if block else {}
    suns = by_band(block, "Band_Solar_Irradiance") if block else {}
    out = {}
    for band in bands:
        gain = bias = None
        if band in gains:
            gain, bias = _gain(gains[band], band, acquired, warn)
        sun = _irradiance(suns[band], band, warn) if band in suns else None
        out[band] = Calibration(gain=gain, bias=bias, solar_irradiance=sun)
    without = [band for band, item in out.items() if item.gain is None]
    if without:
        warn.append(
            f"Band_Radiance: the product gives no gain for {', '.join(without)}; name a table where gains are needed"
        )
    return out


def known(node: Node, path: str, unit: str, least: float, most: float, date: np.datetime64 | None = None) -> Known:
    """The number at `path` of the product, with its place."""
    value = node.number(path, least=least, most=most)
    return Known(value, unit, "product", f"{node.file.name}: {node.where}/{path}", date)


def warn_stale(band: str, date: np.datetime64 | None, acquired: np.datetime64, place: str, warn: list[str]) -> None:
    """A warning where the gain is more than a year older than the scene, or has no date."""
    if date is None:
        warn.append(f"{place}: the gain of {band} has no CALIBRATION_DATE; its age is unknown")
    elif acquired - date > _YEAR:
        years = (acquired - date) / _YEAR
        day = date.astype("datetime64[D]")
        warn.append(
            f"{place}: the gain of {band} is of {day}, {years:.1f} years before the scene; compare it with a table"
        )


def _gain(node: Node, band: str, acquired: np.datetime64, warn: list[str]) -> tuple[Known, Known]:
    text = node.text("CALIBRATION_DATE", "")
    date = utc_date(text, f"{node.file}: {node.where}/CALIBRATION_DATE") if text else None
    warn_stale(band, date, acquired, f"Band_Radiance {band}", warn)
    unit = node.text("MEASURE_UNIT", "")
    if unit and unit.lower() != "watt/m2/steradians/micrometers":
        warn.append(f"Band_Radiance {band}: MEASURE_UNIT {shortened(unit)!r} taken as watt/m2/steradians/micrometers")
    gain = known(node, "GAIN", GAIN_UNIT, 0, 1e5, date)
    return gain, known(node, "BIAS", RADIANCE_UNIT, -1e4, 1e4, date)


def _irradiance(node: Node, band: str, warn: list[str]) -> Known | None:
    value = node.number("VALUE")
    if not 100 <= value <= 3000:
        warn.append(f"Band_Solar_Irradiance {band}: {value:g} W m-2 um-1 is no irradiance of the Sun; left out")
        return None
    return known(node, "VALUE", IRRADIANCE_UNIT, 100, 3000)
