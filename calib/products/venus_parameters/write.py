"""Writing Venµs parameter files: complete, deterministic and never over an existing one."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from lxml import etree

from calib.errors import ArchiveError, RequestError
from calib.products.venus_parameters.header import KINDS, Header, day
from calib.products.venus_parameters.names import OPEN_START, OPEN_STOP, Name, band_code
from calib.products.xml import reason

NAMESPACE = "http://eop-cfi.esa.int/CFI"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_TYPES = {
    "S": "S_SITE", "L": "L_LIST", "O": "O_ORBIT",
    "AM": "M_MOON", "AS": "S_SCIENTIFIC", "AC": "C_CALIBRATION", "AT": "T_TEST", "AO": "O_COMPOSITE", "AP": "P_SPECIFIC", "AA": "A_MAINTENANCE",
}  # fmt: skip


@dataclass(frozen=True)
class Tag:
    """An element to be written: its name, its text or the elements in it, its attributes."""

    name: str
    content: str | Sequence[Tag] = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


def listing(
    name: str, item: str, contents: Iterable[str | Sequence[Tag]], *, key: str = "sn", first: int = 1, **attributes: str
) -> Tag:
    """A list with its count and numbered elements."""
    tags = [Tag(item, content, {key: str(number), **attributes}) for number, content in enumerate(contents, first)]
    return Tag(name, tags, {"count": str(len(tags))})


def new_header(
    name: Name,
    validity: tuple[np.datetime64 | None, np.datetime64 | None],
    *,
    site_ids: Sequence[str] = (),
    notes: str = "",
    creation_date: np.datetime64 | None = None,
) -> Header:
    """The header of a file to be written; the dates of a GIP name are those of the validity, and the creation date its start unless given."""
    start, stop = (None if edge is None else edge.astype("datetime64[s]") for edge in validity)
    if start is not None and stop is not None and stop <= start:
        raise RequestError(f"{name.file_type}: validity from {start} would stop at {stop}; choose an earlier start")
    if name.serial is not None:
        name = replace(name, start=day(start, OPEN_START), stop=day(stop, OPEN_STOP))
    if not site_ids and name.kind == "S" and name.serial is not None:
        # the Moon is a site of its own type
        site_ids = (f"VE_{name.file_class}_MPL_SITDEF_{'M' if name.site == 'THE_MOON' else 'S'}_{name.site}",)
    created = (creation_date if creation_date is not None else start) or np.datetime64("2000-01-01", "s")
    return Header(name, name.text, start, stop, created.astype("datetime64[s]"), tuple(site_ids), notes=notes)


def write_file(folder: Path, header: Header, content: Sequence[Tag], *, extra: Sequence[Tag] = ()) -> Path:
    """One .EEF with its data block `content` (`extra` ends its specific header), or the .HDR of a type that has no block."""
    name = header.name.text
    kind = KINDS[header.file_type]
    short = header.file_type[4:]
    top = [_fixed(header), _variable(header, content if kind.header_only else extra)]
    version = {"schema_version": kind.schema_version}
    if kind.header_only:
        root, suffix = Tag("Earth_Explorer_Header", top, {"xsi:type": f"{short}_Header_Type", **version}), ".HDR"
    else:
        parts = [Tag("Earth_Explorer_Header", top), Tag("Data_Block", content)]
        root, suffix = Tag("Earth_Explorer_File", parts, {"xsi:type": f"{short}_File_Type", **version}), ".EEF"
    return write_bytes(folder / (name + suffix), _serialised(root))


def write_bytes(path: Path, content: bytes) -> Path:
    """The file, complete or not at all, and never over an existing one."""
    refuse_existing(path)
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        part.rename(path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        part.unlink(missing_ok=True)
    return path


def write_filters(folder: Path, kernels: Mapping[str, np.ndarray]) -> Path:
    """A new folder of float32 TIFF files, by name; complete or not at all."""
    import rasterio
    from rasterio.errors import RasterioError

    refuse_existing(folder)
    part = folder.with_name(f".{folder.name}.part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        for name, kernel in kernels.items():
            height, width = kernel.shape
            options = {"driver": "GTiff", "height": height, "width": width, "count": 1, "dtype": "float32"}
            with rasterio.open(part / name, "w", **options) as target:
                target.write(kernel.astype(np.float32), 1)
            with rasterio.open(part / name) as written:
                if not np.array_equal(written.read(1), kernel.astype(np.float32)):
                    raise OSError(errno.EIO, "reads back differently")
        part.rename(folder)
    except (OSError, RasterioError) as error:
        raise unwritable(folder, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder


def refuse_existing(path: Path) -> None:
    """RequestError where something is at `path`."""
    if path.exists() or path.is_symlink():
        raise RequestError(f"{path}: exists already and is not overwritten; choose another folder or base on that file")


def unwritable(path: Path, error: Exception) -> ArchiveError:
    """The error of a place that cannot be written to."""
    return ArchiveError(f"{path}: cannot be written ({reason(error)}); free space or choose a writable folder")


def _fixed(header: Header) -> Tag:
    start, stop = _edges(header)
    source = {
        "System": header.system,
        "Creator": header.creator,
        "Creator_Version": header.creator_version,
        "Creation_Date": f"UTC={header.creation_date}",
    }
    return Tag(
        "Fixed_Header",
        [
            Tag("File_Name", header.name.text),
            Tag("File_Description", KINDS[header.file_type].description),
            Tag("Notes", header.notes),
            Tag("Mission", header.mission),
            Tag("File_Class", header.name.file_class),
            Tag("File_Type", header.file_type),
            _validity(start, stop),
            Tag("File_Version", f"{header.version:04d}"),
            Tag("Source", [Tag(key, value) for key, value in source.items()]),
        ],
    )


def _edges(header: Header) -> tuple[str, str]:
    start, stop = header.validity_start, header.validity_stop
    return (
        "UTC=0000-00-00T00:00:00" if start is None else f"UTC={start}",
        "UTC=9999-12-31T23:59:59" if stop is None else f"UTC={stop}",
    )


def _validity(start: str, stop: str) -> Tag:
    return Tag("Validity_Period", [Tag("Validity_Start", start), Tag("Validity_Stop", stop)])


def _variable(header: Header, extra: Sequence[Tag]) -> Tag:
    main = Tag(
        "Main_Product_Header",
        [listing("List_of_Consumers", "Consumer", ()), listing("List_of_Extensions", "Extension", ())],
    )
    instance = _instances[header.file_type[:4]](header)
    name = header.name
    if name.file_type.startswith("GIP_"):
        sites = listing("List_of_Applicable_SiteDefinition_Ids", "Applicable_SiteDefinition_Id", header.site_ids)
        # the schema puts the files before the sites and the parameters behind them
        before = [tag for tag in extra if tag.name == "DBL_Organization"]
        content = [instance, *before, sites, *(tag for tag in extra if tag not in before)]
    elif name.file_type.startswith("AUX_"):
        content = [
            instance,
            Tag("Related_SiteDefinition_Id", f"VE_{name.file_class}_MPL_SITDEF_{name.kind}_{name.site}"),
            *extra,
        ]
    else:
        product = f"VE_{name.file_class}_VSC_{name.kind.ljust(6, '_')}_{_product(name)}"
        content = [instance, Tag("Reference_Product_Header_Id", product), *extra]
    return Tag("Variable_Header", [main, Tag("Specific_Product_Header", content)])


def _product(name: Name) -> str:
    return "_".join(filter(None, [name.site, name.element]))


def _gip_instance(header: Header) -> Tag:
    name = header.name
    tags = [
        Tag("Applicability_NickName_Type", _TYPES[name.kind]),
        Tag("Applicability_NickName", name.site),
        Tag("Serial_Key", f"{name.serial:05d}"),
        _validity(*_edges(header)),
    ]
    tags += [Tag("Band_Code", band_code(name.band))] if name.band else []
    tags += [Tag("TDI_Configuration_Values", tdi_words(name.tdi))] if name.tdi else []
    return Tag("Instance_Id", tags)


def _aux_instance(header: Header) -> Tag:
    name = header.name
    return Tag(
        "Instance_Id",
        [
            Tag("Site_Type", _TYPES[f"A{name.kind}"]),
            Tag("Nick_Name", name.site),
            Tag("Acquisition_Orbit_Number", str(name.orbit), {"unit": "abs"}),
            Tag("Auxiliary_Data_Type", _TYPES[name.extent]),
            Tag("Data_Element", name.element),
        ],
    )


def _tec_instance(header: Header) -> Tag:
    name = header.name
    return Tag(
        "Instance_Id",
        [
            Tag("Reference_Product_Semantic", name.kind),
            Tag("Reference_Product_Instance", _product(name)),
            Tag("Band_Code", band_code(name.band or "")),
        ],
    )


_instances = {"GIP_": _gip_instance, "AUX_": _aux_instance, "TEC_": _tec_instance}


def tdi_words(tdi: Iterable[int]) -> str:
    """TDI configurations as the files list them."""
    return " ".join(f"{value:02d}" for value in tdi)


def _serialised(root: Tag) -> bytes:
    try:
        element = _element(root, {None: NAMESPACE, "xsi": _XSI})
    except ValueError as error:
        raise RequestError(f"{root.name}: a text cannot be written as XML ({reason(error)}); use plain text") from None
    written: bytes = etree.tostring(element, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    return written


def _element(tag: Tag, namespaces: dict[str | None, str] | None = None) -> etree._Element:
    attributes = {key.replace("xsi:", "{" + _XSI + "}"): value for key, value in tag.attributes.items()}
    element = etree.Element("{" + NAMESPACE + "}" + tag.name, attributes, nsmap=namespaces)
    if isinstance(tag.content, str):
        element.text = tag.content or None
    else:
        # the prefix of the root serves all below it
        element.extend([_element(child, {None: NAMESPACE}) for child in tag.content])
    return element
