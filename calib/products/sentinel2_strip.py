"""The datastrip of a Sentinel-2 product (orbit, attitude, accuracies), and the digests of its manifest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import xarray as xr

from calib.errors import InputError
from calib.products.files import existing, inside, sole, utc_date
from calib.products.sentinel2_tile import band_of, limited
from calib.products.tables import attitude, ephemeris
from calib.products.xml import MAX_BYTES, Node, read_limited, read_xml, shortened

MANIFEST = "manifest.safe"
MAX_POINTS = 200_000
_HASHES = {"MD5": "md5", "SHA3-256": "sha3_256", "SHA256": "sha256", "SHA-256": "sha256"}
_METRES = {"mm": 1e-3, "m": 1.0, "km": 1e3}
_ACCURACIES = ("ABSOLUTE", "CROSS_BAND", "MULTI_TEMPORAL")


@dataclass(frozen=True)
class Datastrip:
    """What the header of the datastrip tells; nothing where the product has none."""

    header: Path | None = None
    orbit: xr.Dataset | None = None
    attitude: xr.Dataset | None = None
    facts: dict[str, str] = field(default_factory=dict)


def read_datastrip(folder: Path, warnings: list[str]) -> Datastrip:
    """The datastrip of the SAFE `folder`."""
    found = [path for pattern in ("MTD_DS.xml", "*_MTD_L1C_DS_*.xml") for path in folder.glob(f"DATASTRIP/*/{pattern}")]
    if not found:
        warnings.append("DATASTRIP: MTD_DS.xml is missing; orbit and attitude are unknown")
        return Datastrip()
    path = inside(folder, sole(found, folder, "header of the datastrip").relative_to(folder).as_posix())
    root = read_xml(path)
    if root.name != "Level-1C_DataStrip_ID":
        raise root.refuse("no header of a datastrip (its root is not Level-1C_DataStrip_ID); fetch the product again")
    data = root.child("Satellite_Ancillary_Data_Info")
    facts: dict[str, str] = {}
    for item in limited(root, "Quality_Indicators_Info//Radiometric_Quality"):
        for name in _ACCURACIES:
            value = item.text(f"{name}_CALIBRATION_ACCURACY", "")
            facts |= {f"{name.lower().replace('_', ' ')} accuracy {band_of(item)}": shortened(value)} if value else {}
    return Datastrip(path, _orbit(data), _attitude(data), facts)


def _orbit(data: Node) -> xr.Dataset | None:
    points = _points(data, "Ephemeris/GPS_Points_List/GPS_Point")
    if not points:
        return None
    times, kept = _times(points)
    position = np.array([_vector(points[index], "POSITION_VALUES", "") for index in kept])
    velocity = np.array([_vector(points[index], "VELOCITY_VALUES", "/s") for index in kept])
    return ephemeris(str(data.file), times, position, velocity, "ITRF")


def _attitude(data: Node) -> xr.Dataset | None:
    listed = _points(data, "Attitudes/Corrected_Attitudes/Values")
    points = [item for item in listed if item.text("QUATERNION_VALIDITY", "true").lower() in ("true", "1")]
    if not points:
        return None
    times, kept = _times(points)
    # written with the scalar last
    values = np.array([points[index].numbers("QUATERNION_VALUES", count=4) for index in kept])
    return attitude(str(data.file), times, np.roll(values, 1, axis=1), "spacecraft", "EME2000")


def _points(data: Node, path: str) -> list[Node]:
    points = data.all(path)
    if len(points) > MAX_POINTS:
        raise data.refuse(f"{len(points)} elements {path}, more than any product has; fetch the file again")
    return points


def _times(points: list[Node]) -> tuple[np.ndarray, np.ndarray]:
    """Dates of the points, each once, and which points have them."""
    dates = [utc_date(item.text("GPS_TIME"), f"{item.file}: {item.where}/GPS_TIME") for item in points]
    return np.unique(np.array(dates, dtype="datetime64[ns]"), return_index=True)


def _vector(point: Node, name: str, per: str) -> np.ndarray:
    """Three components in metres (per second)."""
    node = point.child(name)
    unit = node.attribute("unit")
    scale = _METRES.get(unit.removesuffix(per)) if unit.endswith(per) else None
    if scale is None:
        raise node.refuse(f"unit {shortened(unit)!r} is not read; accepted: {', '.join(key + per for key in _METRES)}")
    return node.numbers(count=3) * scale


def check_manifest(folder: Path, names: list[str], warnings: list[str]) -> None:
    """Compares the files `names` with manifest.safe: metadata by digest, all by size; InputError for one that differs.

    Images are hundreds of megabytes and are not read for it.
    """
    path = folder / MANIFEST
    if not path.is_file():
        warnings.append(f"{MANIFEST} is missing: no digest was checked")
        return
    promised = {}
    for item in limited(read_xml(inside(folder, MANIFEST)), "dataObjectSection/dataObject/byteStream"):
        promised[item.child("fileLocation").attribute("href").removeprefix("./")] = item
    for name in names:
        file = existing(folder / name)
        if name not in promised:
            warnings.append(f"{MANIFEST} does not list {name}")
            continue
        item = promised[name]
        size = item.attribute("size", "")
        if size and size != str(file.stat().st_size):
            raise InputError(
                f"{file}: {file.stat().st_size} bytes where {MANIFEST} says {shortened(size)}; fetch it again"
            )
        algorithm = item.child("checksum").attribute("checksumName")
        if file.suffix.lower() == ".xml" and algorithm in _HASHES:
            digest = hashlib.new(_HASHES[algorithm], read_limited(file, MAX_BYTES), usedforsecurity=False).hexdigest()
            if digest != item.text("checksum").lower():
                raise InputError(f"{file}: its {algorithm} is not that of {MANIFEST}; fetch the product again")
