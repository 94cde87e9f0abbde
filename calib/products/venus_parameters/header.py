"""The header that all Venµs parameter files share (Earth Explorer fixed header and instance), and the file around it: one .EEF, or .HDR with .DBL."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from calib.products.files import existing, inside, utc_date
from calib.products.venus_parameters.names import OPEN_START, OPEN_STOP, Name, parse_name
from calib.products.venus_parameters.records import band_at, items, tdi_at
from calib.products.xml import Node, read_xml, shortened


@dataclass(frozen=True)
class Kind:
    """A type of parameter file: what its schema calls it, the schema's version, and whether it is a header with files beside it."""

    description: str
    schema_version: str
    per_band: bool = False
    per_tdi: bool = False
    header_only: bool = False


KINDS = {
    "GIP_PHGAIN": Kind("PhysicalGainData", "0.40"),
    "GIP_NOISMO": Kind("NoiseModel", "0.40"),
    "GIP_RELSEN": Kind("RelativeSensitivities", "0.40", per_band=True, per_tdi=True),
    "GIP_DARKCU": Kind("DarkCurrents", "1.9", per_band=True, per_tdi=True),
    "GIP_OUTORD": Kind("OutOfOrderDetectors", "0.40", per_band=True),
    "GIP_STRLGT": Kind("StrayLightFilters", "1.3", per_band=True, header_only=True),
    "GIP_SPECSE": Kind("SpectralSensitivities", "0.40"),
    "GIP_REFLEC": Kind("ReflectProcess", "0.40"),
    "GIP_VIEDIR": Kind("ViewingDirections", "0.40", per_band=True, per_tdi=True),
    "TEC_LINDAT": Kind("DatationLine", "0.42", per_band=True),
    "AUX_GPSDTA": Kind("GPSData", "0.40"),
    "AUX_AOCDTA": Kind("AOCSData", "1.3"),
}
#: the classes of the schemas; those of later phases follow the same form
CLASSES = re.compile(r"OPER|TEST|SVT[0-9A-Z_]|TD[0-9A-Z_]{2}|GSOV|IOTE|VM0[1-3]|DROB", re.ASCII)
EXTENSIONS = (".EEF", ".HDR", ".XML")
_CODE = re.compile(r"[0-9A-Z_]{1,45}", re.ASCII)


@dataclass(frozen=True)
class Header:
    """Who a parameter file is and when it applies; validity None is open, its stop is excluded. `name` is made from the instance, `file_name` as it says.

    `site_ids` are the definitions of sites that the file lists. Anything odd that does not hinder reading is in `warnings`.
    """

    name: Name
    file_name: str
    validity_start: np.datetime64 | None
    validity_stop: np.datetime64 | None
    creation_date: np.datetime64 | None
    site_ids: tuple[str, ...] = ()
    mission: str = "VENuS"
    version: int = 1
    system: str = "VIQ"
    creator: str = "ETALON"
    creator_version: str = "1"
    notes: str = ""
    schema_version: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def file_type(self) -> str:
        return self.name.file_type

    @property
    def sites(self) -> tuple[str, ...]:
        """Nicknames of the sites that the file is for: of those listed, else its own; none stands for all sites."""
        # the nickname is the end of the site definition's identifier
        listed = tuple(dict.fromkeys(identifier[-8:] for identifier in self.site_ids))
        return listed or (() if self.name.site in ("ALLSITES", "NOTNAMED") else (self.name.site,))

    def covers(self, date: np.datetime64) -> bool:
        """Whether the date lies in the validity: start included, stop excluded."""
        started = self.validity_start is None or date >= self.validity_start
        return bool(started and (self.validity_stop is None or date < self.validity_stop))


@dataclass(frozen=True)
class Source:
    """What the reader of one type is given: the header, the element with the content, the folder of the file; it may add to `warnings`."""

    header: Header
    block: Node
    folder: Path
    warnings: list[str] = field(default_factory=list)


def open_source(path: Path) -> Source:
    """A parameter file, its header read and its content at hand; InputError when it is of no type that is read."""
    root = read_xml(path)
    top = root if root.name == "Earth_Explorer_Header" else root.child("Earth_Explorer_Header")
    header = _header(root, top)
    kind = KINDS[header.file_type]
    specific = top.child("Variable_Header/Specific_Product_Header")
    if kind.header_only:
        return Source(header, specific, path.parent)
    block = root.child("Data_Block") if root is not top else _split_block(path, specific)
    return Source(header, block, path.parent)


def _split_block(path: Path, specific: Node) -> Node:
    """The data block beside a .HDR: the file that it names, else the .DBL of its own name."""
    named = specific.maybe("DBL_Organization/Unpackaged_DBL_File")
    name = named.text("Relative_File_Path") if named else path.with_suffix(".DBL").name
    root = read_xml(existing(inside(path.parent, name)))
    return root if root.name == "Data_Block" else root.child("Data_Block")


def _header(root: Node, top: Node) -> Header:
    fixed = top.child("Fixed_Header")
    file_type = fixed.text("File_Type")
    if file_type not in KINDS:
        raise fixed.refuse(f"File_Type {shortened(file_type)!r} is not read; accepted: {', '.join(sorted(KINDS))}")
    specific = top.child("Variable_Header/Specific_Product_Header")
    start, stop = (_edge(fixed, f"Validity_Period/Validity_{which}") for which in ("Start", "Stop"))
    if start is not None and stop is not None and stop < start:
        raise fixed.refuse(f"Validity_Period stops ({stop}) before it starts ({start}); the file is damaged")
    name = _name(fixed, specific.child("Instance_Id"), file_type, start, stop)
    header = Header(
        name,
        shortened(" ".join(fixed.text("File_Name").split()), 100),
        start,
        stop,
        _edge(fixed, "Source/Creation_Date"),
        site_ids=_site_ids(specific),
        mission=shortened(fixed.text("Mission", "")),
        version=fixed.integer("File_Version", most=9999),
        system=shortened(fixed.text("Source/System", "")),
        creator=shortened(fixed.text("Source/Creator", "")),
        creator_version=shortened(fixed.text("Source/Creator_Version", "")),
        notes=shortened(fixed.text("Notes", ""), 4000),
        schema_version=shortened(root.attribute("schema_version", "")),
    )
    return Header(**{**header.__dict__, "warnings": tuple(_oddities(header, root.file))})


def _name(fixed: Node, instance: Node, file_type: str, start: np.datetime64 | None, stop: np.datetime64 | None) -> Name:
    file_class = _code(fixed, "File_Class", 4)
    band = band_at(instance) if instance.has("Band_Code") else None
    kind = KINDS[file_type]
    if kind.per_band and band is None:
        raise instance.refuse("element Band_Code is missing; the file is incomplete or of another format")
    if file_type.startswith("AUX_"):
        return Name(
            file_class,
            file_type,
            _initial(instance, "Site_Type", "SCTMOPA"),
            _code(instance, "Nick_Name", 8),
            orbit=instance.integer("Acquisition_Orbit_Number", most=99999),
            extent=_initial(instance, "Auxiliary_Data_Type", "OS"),
            element=_code(instance, "Data_Element"),
        )
    if file_type.startswith("TEC_"):
        product = _code(instance, "Reference_Product_Instance")
        semantic = _code(instance, "Reference_Product_Semantic", 6)
        return Name(file_class, file_type, semantic, product[:8], band=band, element=product[9:])
    return Name(
        file_class,
        file_type,
        _initial(instance, "Applicability_NickName_Type", "SL"),
        _code(instance, "Applicability_NickName", 8),
        serial=instance.integer("Serial_Key", most=99999),
        start=day(start, OPEN_START),
        stop=day(stop, OPEN_STOP),
        band=band,
        tdi=tdi_at(instance) if kind.per_tdi else (),
    )


def _code(node: Node, path: str, length: int | None = None) -> str:
    text = node.text(path)
    if not _CODE.fullmatch(text) or (length is not None and len(text) != length):
        raise node.refuse(f"{path} is {shortened(text)!r}, no code of capitals, digits and _; the file is damaged")
    return text


def _initial(node: Node, path: str, known: str) -> str:
    """The letter that names carry for a value such as L_LIST."""
    text = node.text(path)
    if text[1:2] != "_" or text[0] not in known:
        raise node.refuse(f"{path} is {shortened(text)!r}, expected one letter of {known} and _; the file is damaged")
    return text[0]


def _edge(fixed: Node, path: str) -> np.datetime64 | None:
    """A date of the header to the second; None where it is open (years 0000 and 9999)."""
    text = fixed.text(path)
    if re.fullmatch(r"UTC=(0000|9999)-[\dT:.-]*", text, re.ASCII):
        return None
    date: np.datetime64 = utc_date(text, f"{fixed.file}: {fixed.where}/{path}").astype("datetime64[s]")
    return date


def day(date: np.datetime64 | None, unbounded: str) -> str:
    """A date as names carry it, `unbounded` where it is open."""
    return unbounded if date is None else str(date.astype("datetime64[D]")).replace("-", "")


def _site_ids(specific: Node) -> tuple[str, ...]:
    listed = specific.maybe("List_of_Applicable_SiteDefinition_Ids")
    return (
        ()
        if listed is None
        else tuple(shortened(node.text()) for node in items(listed, "Applicable_SiteDefinition_Id"))
    )


def _oddities(header: Header, file: Path) -> list[str]:
    """What is unusual in a header, one sentence each."""
    found = []
    name, kind = header.name, KINDS[header.file_type]
    if not CLASSES.fullmatch(name.file_class):
        found.append(f"class {name.file_class} is not in the published schemas (VM01 to VM03); read as the others")
    if header.mission != "VENuS":
        found.append(f"mission is {header.mission!r}, not VENuS")
    known = tuple(int(part) for part in kind.schema_version.split("."))
    if not re.fullmatch(r"\d{1,4}\.\d{1,4}", header.schema_version, re.ASCII):
        found.append(f"schema version {header.schema_version!r} is not known; read as {kind.schema_version}")
    elif tuple(int(part) for part in header.schema_version.split(".")) > known:
        found.append(f"schema version {header.schema_version} is newer than the known {kind.schema_version}")
    stated = parse_name(header.file_name)
    if stated is None:
        found.append(f"File_Name {header.file_name!r} does not follow the naming of {header.file_type}")
    elif stated != name:
        found.append(f"File_Name {header.file_name} does not agree with the header, which makes it {name.text}")
    if file.stem != header.file_name and parse_name(file.stem) is not None:
        found.append(f"the file is called {file.stem}, its header says {header.file_name}")
    if name.site == "ALLSITES" and header.site_ids:
        found.append("the file is for all sites, yet lists some; the list counts")
    return found


def type_of(path: Path) -> str | None:
    """The type of parameter file that a name or, failing that, the beginning of the content speaks of; None for anything else. Never raises."""
    if path.suffix.upper() not in EXTENSIONS:
        return None
    name = parse_name(path.stem)
    if name is not None:
        return name.file_type if name.file_type in KINDS else None
    try:
        with path.open("rb") as stream:
            head = stream.read(65536)
    except (OSError, ValueError):
        return None
    found = re.search(rb"<(?:\w+:)?File_Type>\s*([A-Z0-9_]{10})\s*</", head)
    known = found is not None and b"Earth_Explorer_" in head and found[1].decode("ascii") in KINDS
    return found[1].decode("ascii") if found is not None and known else None
