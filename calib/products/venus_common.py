"""What the headers of all Venµs VSC products (Earth Explorer files) have in common."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from calib.acquisition import Known
from calib.errors import InputError
from calib.products.files import existing, inside, sole, utc_date
from calib.products.xml import Node, read_xml, reason, root_name, shortened

SENSOR = "venus"
BANDS = tuple(f"B{number}" for number in range(1, 13))
#: detector unit of each band, as the schemas list them: B02-B01-B05, B10-B12-B11, B07-B08-B09, B04-B03-B06
UNITS = dict(zip(BANDS, (1, 1, 4, 4, 1, 4, 3, 3, 3, 2, 2, 2), strict=True))
GAIN_UNIT = "DN / (W m-2 sr-1 um-1)"
_CLASS = re.compile(r"OPER|TEST|SVT[0-9A-Z_]|TD[0-9A-Z_]{2}|GSOV|IOTE|VM[0-9]{2}|DROB")
_SCHEMA_CLASS = re.compile(r"(?!VM)....|VM0[1-3]")
_GIPP = re.compile(
    r"VE_.{4}_(?P<type>GIP_[0-9A-Z_]{6})_[SL]_(?P<site>[0-9A-Z_]{8})_(?P<serial>\d{5})_(?P<start>\d{8})_\d{8}"
    r"(?:_(?P<band>B\d\d))?(?:_(?P<tdi>[01]{6}))?"
)
#: lists of a header, with room: a genuine one names 93 parameter files and 30 quality indexes
_MOST_LISTED = 2000


@dataclass
class Header:
    """The header of a product being read: `base` is its Specific_Product_Header; `folder` what the locations in it are relative to.

    What is found on the way is gathered in `versions`, `facts`, `warnings` and `files` (used, relative to the folder).
    """

    path: Path
    root: Node
    fixed: Node
    base: Node
    versions: dict[str, str] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    _repeats: Counter[str] = field(default_factory=Counter)

    def distinct(self, key: str) -> str:
        """The key, numbered from its second use on: "X", "X 2" ..."""
        self._repeats[key] += 1
        return key if self._repeats[key] == 1 else f"{key} {self._repeats[key]}"

    @property
    def folder(self) -> Path:
        return self.path.parent

    @property
    def name(self) -> str:
        return self.path.name.split(".")[0]


def recognised(path: Path, pattern: re.Pattern[str]) -> bool:
    """Whether `path` is a header with a File_Type that fits `pattern`, or a folder that holds one by name; never raises."""
    try:
        if path.is_dir():
            return any(_named(item, pattern) for item in path.iterdir())
        if path.suffix.upper() not in (".HDR", ".EEF") or not root_name(path).startswith("Earth_Explorer_"):
            return False
        with path.open("rb") as stream:
            found = re.search(rb"File_Type>\s*([0-9A-Z_]{10})\s*<", stream.read(65536))
        return found is not None and pattern.fullmatch(found[1].decode("ascii")) is not None
    except (OSError, ValueError):
        return False


def _candidates(folder: Path, pattern: re.Pattern[str]) -> list[Path]:
    try:
        return [item for item in folder.iterdir() if _named(item, pattern)]
    except OSError as error:
        raise InputError(f"{folder}: cannot be listed ({reason(error)}); check your rights") from None


def _named(path: Path, pattern: re.Pattern[str]) -> bool:
    parts = re.fullmatch(r"VE_.{4}_([0-9A-Z]{3}_[0-9A-Z]{6})_.{8}_\d{8}\.(HDR|EEF)", path.name, re.IGNORECASE)
    return parts is not None and pattern.fullmatch(parts[1].upper()) is not None


def open_header(path: Path, pattern: re.Pattern[str], what: str) -> Header:
    """The header of the product `path` (its folder, or the header itself), with what its fixed part says."""
    if path.is_dir():
        path = inside(path, sole(_candidates(path, pattern), path, what).name)
    root = read_xml(existing(path))
    if root.name not in ("Earth_Explorer_Header", "Earth_Explorer_File"):
        raise root.refuse(f"the root is no Earth_Explorer_Header or Earth_Explorer_File; give {what}")
    top = root if root.name == "Earth_Explorer_Header" else root.child("Earth_Explorer_Header")
    fixed = top.child("Fixed_Header")
    header = Header(path, root, fixed, top.child("Variable_Header/Specific_Product_Header"))
    kind = fixed.text("File_Type")
    if pattern.fullmatch(kind) is None:
        raise fixed.child("File_Type").refuse(f"'{shortened(kind)}' is another file type; give {what}")
    if fixed.text("Mission").upper() != "VENUS":
        raise fixed.child("Mission").refuse(f"'{shortened(fixed.text('Mission'))}' is not VENuS; give {what}")
    _check_identity(header)
    source = fixed.maybe("Source")
    if source is not None:
        header.versions["software"] = f"{source.text('Creator', '?')} {source.text('Creator_Version', '?')}"
        header.versions["created"] = source.text("Creation_Date", "?").removeprefix("UTC=")
    header.versions["file version"] = fixed.text("File_Version", "?")
    return header


def _check_identity(header: Header) -> None:
    """Warnings about a class, a schema version or a name that the interface document does not foresee."""
    file_class, where = header.fixed.text("File_Class"), f"{header.path.name}: Fixed_Header/File_Class"
    if _CLASS.fullmatch(file_class) is None:
        header.warnings.append(f"{where} '{shortened(file_class)}' is not one that the interface schemas know")
    elif _SCHEMA_CLASS.fullmatch(file_class) is None:
        header.warnings.append(f"{where} {file_class} is newer than the interface schemas (VM01 to VM03)")
    schema = header.root.attribute("schema_version", "")
    if re.fullmatch(r"[01]\.\d{1,2}", schema) is None:
        header.warnings.append(
            f"{header.path.name}: schema_version '{shortened(schema)}' is not one known (0.30 to 1.11)"
        )
    header.versions["schema"] = schema or "?"
    name = header.fixed.text("File_Name")
    if name != header.name:
        header.warnings.append(
            f"{header.path.name}: File_Name is {shortened(name)}: the file was renamed, or stands for another product"
        )
    header.facts["file class"] = file_class


def listed(node: Node, path: str, most: int = _MOST_LISTED) -> list[Node]:
    """The elements `path` = "List/Item" below `node`, as many as the list's `count` says; none where the list is missing."""
    head, item = path.rsplit("/", 1)
    parent = node.maybe(head)
    if parent is None:
        return []
    # counted before anything is made of them
    number = len(parent.element.findall(item))
    if number > most:
        raise parent.refuse(f"{number} elements {item} where at most {most} make sense; the file is damaged")
    said = parent.attribute("count", str(number))
    if said != str(number):
        raise parent.refuse(
            f"count says {shortened(said)}, {number} elements {item} are there; the file is cut or damaged"
        )
    return parent.all(item)


def band_name(code: str) -> str | None:
    """The project's name ("B1") of a band code ("B01"); None for anything else."""
    return f"B{int(code[1:])}" if re.fullmatch(r"B(0[1-9]|1[0-2])", code) else None


def by_band(header: Header, path: str) -> dict[str, Node]:
    """The elements of a list with one item per band, `sk` naming the band: in the sensor's order; a band named twice is refused."""
    found: dict[str, Node] = {}
    for node in listed(header.base, path, most=len(BANDS)):
        found.setdefault(_key_band(node), node)
        if found[_key_band(node)] is not node:
            raise node.refuse(f"band {node.attribute('sk')} is listed twice; the file is damaged")
    return {band: found[band] for band in BANDS if band in found}


def _key_band(node: Node) -> str:
    code = node.attribute("sk")
    band = band_name(code)
    if band is None:
        raise node.refuse(f"sk='{shortened(code)}' is no band (B01 to B12); the file is damaged")
    return band


def gains(header: Header, note: str) -> dict[str, Known]:
    """The gains (List_of_Aks), DN per unit of radiance; `note` says which counts they belong to. Facts: the polarisation coefficients."""
    found = {}
    for band, node in by_band(header, "Product_Information/List_of_Aks/Ak").items():
        source = f"{header.path.name}: {node.where}[@sk={node.attribute('sk')}] ({note})"
        found[band] = Known(node.number(least=0.0, most=1e4), GAIN_UNIT, "product", source)
        if found[band].value == 0:
            raise node.refuse(f"gain 0 of band {node.attribute('sk')} is not positive; the file is damaged")
    if not found:
        header.warnings.append(f"{header.path.name}: Product_Information/List_of_Aks holds no gain")
    polarisation = by_band(header, "Product_Information/List_of_Polarization_Coefficients/Polarization_Coefficient")
    if polarisation:
        values = (f"{band} {node.number(least=-1, most=1):g}" for band, node in polarisation.items())
        header.facts["polarization coefficients"] = ", ".join(values)
    return found


def gather(header: Header) -> None:
    """Versions of the parameter files and facts of the product: level, site, orbit, flags, quality indexes."""
    information = header.base.child("Product_Information")
    header.facts["level"] = information.text("Product_Level")
    header.facts["site"] = header.base.text("Instance_Id/Nick_Name", "")
    header.facts["orbit"] = information.text("Acquisition_Orbit_Number", "?")
    for path in ("Cloud_Percentage", "Used_Reference_Image", "Reference_SiteDefinition_Id", "Used_DEM/DEM_Reference"):
        if information.has(path):
            header.facts[path.split("/")[-1].replace("_", " ")] = information.text(path)
    flags = information.maybe("Processing_Flags_And_Modes")
    for flag in flags.children() if flags is not None else ():
        header.facts[f"flag {flag.name}"] = flag.text()
    for item in listed(information, "List_of_Quality_Indexes/Quality_Index"):
        band = item.text("Band_Code", "")
        key = " ".join(filter(None, ("quality", item.text("Code"), band_name(band) or band)))
        header.facts[header.distinct(key)] = item.text("Value")
    versions = information.maybe("Processing_Information")
    if versions is None:
        header.warnings.append(
            f"{header.path.name}: Product_Information/Processing_Information is missing: no versions"
        )
    else:
        header.versions["processed"] = versions.text("Date_Time", "?").removeprefix("UTC=")
        _gather_parameters(header, versions)


def _gather_parameters(header: Header, information: Node) -> None:
    serials: set[str] = set()
    for item in listed(information, "List_of_GIPP_Files/GIPP_File"):
        name = item.text("Logical_Name")
        parts = _GIPP.fullmatch(name)
        nature = parts["type"] if parts else item.text("Nature", "GIPP")
        key = "_".join(filter(None, (nature, parts["band"]))) if parts else nature
        header.versions[header.distinct(key)] = name
        if parts is None:
            header.warnings.append(f"{header.path.name}: GIPP_File/Logical_Name '{shortened(name)}' has no known form")
        elif nature == "GIP_PHGAIN":
            serials.add(parts["serial"])
            header.versions["PHGAIN"] = max(serials)
            start = parts["start"]
            header.facts["PHGAIN in force since"] = f"{start[:4]}-{start[4:6]}-{start[6:]}"
    if not serials:
        header.warnings.append(
            f"{header.path.name}: List_of_GIPP_Files names no GIP_PHGAIN: the version of the gains is unknown"
        )
    elif len(serials) > 1:
        header.warnings.append(
            f"{header.path.name}: List_of_GIPP_Files names several GIP_PHGAIN ({', '.join(sorted(serials))})"
        )


def acquired(header: Header) -> np.datetime64:
    """The date of the acquisition, UTC."""
    node = header.base.child("Product_Information/Acquisition_Date_Time")
    return utc_date(node.text(), f"{header.path}: {node.where}")
