"""Angles and masks of MUSCATE products, and what a reader gathers on its way."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import xarray as xr

from calib.acquisition import Mask
from calib.errors import InputError
from calib.products.files import existing, inside, open_raster, sole
from calib.products.tables import CENTER, angle_table
from calib.products.xml import Node, read_xml, reason, shortened
from calib.raster import Raster
from calib.sensor import load_sensor

DTYPES = {"byte": "uint8", "uint8": "uint8", "int16": "int16", "uint16": "uint16"}
#: lists longer than this are no list of a product
MAX_LISTED = 1_000
#: a genuine packed mask holds one image and is a few hundred kilobytes
MAX_PACKED_BYTES, MAX_PACKED_FILES, MAX_UNPACKED_BYTES = 16 * 2**20, 100, 2 * 2**30
_PLACES = {
    CENTER: (0.5, 0.5),
    "upperLeft": (0.0, 0.0),
    "upperRight": (0.0, 1.0),
    "lowerRight": (1.0, 1.0),
    "lowerLeft": (1.0, 0.0),
}
#: zenith and azimuth of the Sun and of the view from each detector unit, at one point, in degrees
_Angles = tuple[float, float]


@dataclass
class Product:
    """A product being read: its header, the files used, and what was odd."""

    header: Path
    root: Node
    images: bool
    files: dict[str, None] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        return self.header.parent

    def place(self, name: str) -> Path:
        """Where the file `name` lies, inside the folder of the product."""
        path = inside(self.folder, name.removeprefix("./"))
        if path == self.folder:
            raise self.root.refuse(f"file name {shortened(name)!r} is that of a folder; fetch the product again")
        return path

    def use(self, path: Path) -> Path:
        """The path, noted as a file of the product."""
        self.files[path.relative_to(self.folder).as_posix()] = None
        return path

    def listed(self, path: str) -> list[Node]:
        """As `limited`, from the root."""
        return limited(self.root, path)


def present(path: Path) -> bool:
    """Whether a file is there; never raises."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def limited(node: Node, path: str) -> list[Node]:
    """The elements at `path` below `node`; InputError for more than any product lists."""
    found = node.all(path)
    if len(found) > MAX_LISTED:
        raise node.refuse(f"{len(found)} elements {path}, more than any product has; fetch the file again")
    return found


@cache
def detectors() -> dict[str, int]:
    """Detector unit of each band of Venµs."""
    return {name: band.detector for name, band in load_sensor("venus").bands.items()}


def encoding(group: Node, path: str) -> str:
    """The type of samples that a group of files promises."""
    text = group.text(path).lower()
    if text not in DTYPES:
        raise group.refuse(f"{path} {shortened(text)!r} is not read; accepted: {', '.join(DTYPES)}")
    return DTYPES[text]


def band_angles(product: Product, bands: dict[str, int]) -> tuple[xr.Dataset, str]:
    """Angles of `bands` (name and detector unit), and where they come from: the angles file where the product has one, else the means of the header."""
    path = _angles_file(product)
    if path is None:
        mean = product.root.child("Geometric_Informations/Mean_Value_List")
        sun = {CENTER: _pair(mean.child("Sun_Angles"))}
        listed = limited(mean, "Mean_Viewing_Incidence_Angle_List/Mean_Viewing_Incidence_Angle")
        view = {(_detector(item), CENTER): _pair(item) for item in listed}
        source, origin = product.header, "means over the scene, from the header"
    else:
        root = read_xml(product.use(path))
        sun = {item.attribute("name"): _pair(item) for item in limited(root, "//Sun_Angles_List/Sun_Angles")}
        view = {
            (_detector(unit), item.attribute("name")): _pair(item)
            for unit in limited(root, "//Viewing_Incidence_Angles_List")
            for item in limited(unit, "Viewing_Incidence_Angles")
        }
        if CENTER not in sun:
            raise root.refuse(f"Sun_Angles of the point '{CENTER}' are missing; fetch the product again")
        source, origin = path, f"points of {path.name}"
    for unit in sorted(set(bands.values())):
        if (unit, CENTER) not in view:
            product.warnings.append(f"{source.name}: no viewing angles of detector {unit:02d}; its bands have none")
    return _table(source, bands, sun, view), origin


def _table(
    source: Path, bands: dict[str, int], sun: dict[str, _Angles], view: dict[tuple[int, str], _Angles]
) -> xr.Dataset:
    points = [CENTER, *(name for name in sun if name != CENTER)]
    places = np.array([_PLACES.get(name, (np.nan, np.nan)) for name in points])
    lit = np.array([sun[name] for name in points])
    units = {
        unit: np.array([view.get((unit, name), (np.nan, np.nan)) for name in points]) for unit in set(bands.values())
    }
    seen = np.array([units[unit] for unit in bands.values()])
    return angle_table(
        str(source),
        list(bands),
        points,
        (places[:, 0], places[:, 1]),
        (lit[:, 0], lit[:, 1]),
        (seen[..., 0], seen[..., 1]),
    )


def _angles_file(product: Product) -> Path | None:
    """The file of angles per point that L1C products have: as listed, else as found in DATA."""
    listed = [item.text() for item in product.listed("Product_Organisation/Muscate_Product/Data_List/Data//DATA_FILE")]
    named = [product.place(name) for name in listed if name.endswith("_UII_ALL.xml")]
    found = named or [inside(product.folder, f"DATA/{path.name}") for path in product.folder.glob("DATA/*_UII_ALL.xml")]
    if not found:
        return None
    path = sole(found, product.folder, "file of angles *_UII_ALL.xml")
    if not product.images and not present(path):
        product.warnings.append(f"{path.name}: the file of angles is missing; the means of the header are given")
        return None
    return existing(path)


def _detector(node: Node) -> int:
    text = node.attribute("detector_id")
    if not (text.isascii() and text.isdigit() and len(text) <= 2):
        raise node.refuse(f"detector_id {shortened(text)!r} is no detector unit; expected 01 to 04")
    return int(text)


def _pair(node: Node) -> _Angles:
    for name in ("ZENITH_ANGLE", "AZIMUTH_ANGLE"):
        unit = node.child(name).attribute("unit", "deg")
        if unit.lower() not in ("deg", "degree", "degrees"):
            raise node.refuse(f"{name} in {shortened(unit)!r}; accepted: deg")
    return node.number("ZENITH_ANGLE", least=0, most=180), node.number("AZIMUTH_ANGLE", least=-360, most=360)


def read_masks(product: Product, image: Raster, names: dict[str, str]) -> dict[str, Mask]:
    """Masks by nature, and band where they are of one (`names` gives the project's name of a band), on the grid of `image`.

    A packed mask (ZIP) is not unpacked: it has samples once its TIFF lies beside it under the same name.
    """
    masks: dict[str, Mask] = {}
    opened: dict[Path, Raster] = {}
    # the groups by what they hold: writers name them in more than one way
    for group in product.listed("Product_Organisation/Muscate_Product/Mask_List/*"):
        for item in limited(group, "Mask_File_List/MASK_FILE"):
            band = item.attribute("band_id", "")
            meaning = f"{shortened(group.text('Mask_Properties/NATURE'))} {names.get(band, shortened(band))}".strip()
            if meaning in masks:
                product.warnings.append(f"{item.where}: mask {meaning} is listed twice; the first is taken")
                continue
            path, bit = product.place(item.text()), _bit(item)
            image_path = path.with_suffix(".tif") if path.suffix.lower() == ".zip" else path
            if product.images:
                _check(product, path)
            if image_path not in opened and (image_path == path or (product.images and present(image_path))):
                opened[image_path] = _mask_raster(product, group, inside_product(product, image_path), image)
            masks[meaning] = Mask(meaning, path, opened.get(image_path), bit)
    packed = sorted({mask.path.name for mask in masks.values() if mask.raster is None})
    if packed:
        product.warnings.append(f"{len(packed)} masks are packed ({packed[0]} ...): unpack them beside to read them")
    return masks


def inside_product(product: Product, path: Path) -> Path:
    """The path, when it stays in the folder of the product."""
    return inside(product.folder, path.relative_to(product.folder).as_posix())


def _check(product: Product, path: Path) -> None:
    """Notes a mask as used; a packed one has to be of the size and the names that a mask has."""
    product.use(existing(path))
    if path.suffix.lower() != ".zip":
        return
    if path.stat().st_size > MAX_PACKED_BYTES:
        raise InputError(f"{path}: larger than {MAX_PACKED_BYTES // 2**20} MiB, no packed mask; fetch it again")
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, EOFError, OverflowError) as error:
        raise InputError(f"{path}: not readable as ZIP ({reason(error)}); fetch the file again") from None
    if len(members) > MAX_PACKED_FILES or sum(item.file_size for item in members) > MAX_UNPACKED_BYTES:
        raise InputError(f"{path}: holds more than a packed mask can; do not unpack it, fetch it again")
    for item in members:
        inside(path.parent, item.filename)


def _mask_raster(product: Product, group: Node, path: Path, image: Raster) -> Raster:
    dtype = encoding(group, "Mask_Properties/ENCODING")
    if not product.images:
        return Raster(path, image.lines, image.columns, dtype, rows_per_block=256)
    return open_raster(product.use(path), layers=1, size=(image.lines, image.columns), dtypes=(dtype,))


def _bit(item: Node) -> int | None:
    """The bit, from 0, of a mask whose bits are numbered from 1."""
    text = item.attribute("bit_number", "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:4]) <= 16):
        raise item.refuse(f"bit_number {shortened(text)!r} is no bit from 1 to 16; the file is damaged")
    return int(text) - 1
