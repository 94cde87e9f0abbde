"""Directions of the Sun and of the view in Venµs VSC products: those of the header, and the grids of the annexes."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import xarray as xr

from calib.errors import InputError
from calib.products.files import open_raster
from calib.products.tables import CENTER, angle_table
from calib.products.venus_common import UNITS, Header, band_name, listed
from calib.products.venus_images import image_of, image_size
from calib.products.xml import Node, read_xml, shortened
from calib.raster import Raster

CORNERS = ("Image_Center", "Upper_Left_Corner", "Upper_Right_Corner", "Lower_Left_Corner", "Lower_Right_Corner")
#: by how much the grid may differ from the header at the centre of the image: another convention differs by tens of degrees
_AGREEMENT_DEG = 1.0
_MOST_GRID_SAMPLES = 20_000_000
_CHANNEL = re.compile(r"(?:(?P<band>B\d\d)_)?(?P<axis>D[XY])_ALT=(?P<altitude>\d{1,5}(?:\.\d{0,2})?)m")
POINTS = (CENTER, *(name.removesuffix("_Corner").lower().replace("_", " ") for name in CORNERS[1:]))


def angles(header: Header, bands: list[str], size: tuple[int, int] | None) -> xr.Dataset:
    """Angles at the centre and the corners of the useful image: the Sun's, and for each band those of its detector unit (NaN where it is missing)."""
    information = header.base.child("Product_Information")
    sun = _directions(information.child("Solar_Angles/Useful_Image"), 180.0)
    view = {}
    for node in listed(information, "List_of_Viewing_Angles/Viewing_Angles", most=4):
        unit = int(node.attribute("sn")) if node.attribute("sn") in ("1", "2", "3", "4") else 0
        if unit == 0 or unit in view:
            raise node.refuse(
                f"sn='{shortened(node.attribute('sn'))}' is no detector unit of its own (1 to 4); the file is damaged"
            )
        view[unit] = np.full((2, len(CORNERS)), np.nan)
        if not node.has("Nil"):
            view[unit] = _directions(node.child("Useful_Image"), 90.0)
    missing = [unit for unit in (1, 2, 3, 4) if unit not in view or np.isnan(view[unit]).any()]
    for unit in missing:
        of = ", ".join(band for band in bands if UNITS[band] == unit)
        header.warnings.append(
            f"{header.path.name}: List_of_Viewing_Angles gives none (Nil) for detector unit {unit}: the view angles of {of or 'no band'} are unknown"
        )
    nothing = np.full((2, len(CORNERS)), np.nan)
    table = np.stack([view.get(UNITS[band], nothing) for band in bands], axis=1)
    return angle_table(
        str(header.path), bands, POINTS, _places(information, size), (sun[0], sun[1]), (table[0], table[1])
    )


def _directions(node: Node, most: float) -> np.ndarray:
    """Zenith and azimuth (deg) at the centre and the corners."""
    return np.array(
        [
            [_degrees(node.child(f"{corner}/Zenith"), 0.0, most) for corner in CORNERS],
            [_degrees(node.child(f"{corner}/Azimuth"), -360.0, 360.0) for corner in CORNERS],
        ]
    )


def _degrees(node: Node, least: float, most: float) -> float:
    if node.attribute("unit", "deg") != "deg":
        raise node.refuse(f"unit '{shortened(node.attribute('unit'))}' is not deg; the file is of another version")
    return node.number(least=least, most=most)


def _places(information: Node, size: tuple[int, int] | None) -> tuple[list[float], list[float]]:
    """Fractions of the image's height and width at which the points of the angles lie; NaN where the header does not place them."""
    coverage = information.maybe("Useful_Image_Geo_Coverage")

    def place(name: str, axis: str, length: int) -> float:
        node = None if coverage is None else coverage.maybe(f"{name}/{axis}")
        return float("nan") if node is None else node.number(least=-1e6, most=1e6) / length

    lines, columns = size or (1, 1)
    names = ["Center", *CORNERS[1:]]
    if size is None:
        return [float("nan")] * len(names), [float("nan")] * len(names)
    return [place(name, "Line", lines) for name in names], [place(name, "Column", columns) for name in names]


def angle_grid(header: Header, annex: str, table: xr.Dataset) -> tuple[xr.Dataset, list[str]]:
    """Zenith and azimuth (deg) over (band, row, column) from the grid of an annex: "VIE" (the view) or "SOL" (the Sun: one "band", "sun").

    The grid holds by how much the line of sight moves on the ground per metre of altitude, DX to the east and DY to the south (the sense of DY is
    unconfirmed), at the lowest altitude given: zenith = atan |D|, azimuth = atan2(DX, -DY). Coordinates `line` and `pixel`: where a sample lies in the image.
    The warnings say where the grid departs by more than a degree from `table`, the header's angles at the centre, which are then to be used.
    """
    items = {
        node.attribute("sk"): node
        for node in listed(header.base, "Product_Organization/List_of_Annex_Files/Annex_File")
    }
    if annex not in items:
        raise InputError(f"{header.path}: names no annex {annex}; only the angles of the header are known")
    head, image = image_of(header, items[annex])
    information = read_xml(head).child("//Annex_Information")
    moves = _displacements(information, image, header)
    grid = xr.Dataset(
        {
            "zenith": (
                ("band", "row", "column"),
                np.degrees(np.arctan(np.hypot(moves[0], moves[1]))),
                {"units": "deg"},
            ),
            "azimuth": (("band", "row", "column"), np.degrees(np.arctan2(moves[0], -moves[1])) % 360, {"units": "deg"}),
        },
        coords={"band": _channel_bands(information, annex)},
    )
    for name, axis, key in (("line", "row", "By_Line"), ("pixel", "column", "By_Column")):
        step = information.number(f"Subsampling_Factor/{key}", least=1e-3, most=1e5)
        grid = grid.assign_coords({name: (axis, np.arange(grid.sizes[axis]) * step, {"units": "1"})})
    return grid, _disagreements(grid, annex, table, header)


def _channels(information: Node) -> list[re.Match[str]]:
    found = []
    for node in listed(information, "List_of_Bands/Band", most=500):
        match = _CHANNEL.fullmatch(node.text())
        if match is None:
            raise node.refuse(
                f"'{shortened(node.text())}' is no channel of an angle grid (B01_DX_ALT=0.0m); the file is damaged"
            )
        found.append(match)
    if not found:
        raise information.refuse("List_of_Bands names no channel; the file is damaged")
    return found


def _channel_bands(information: Node, annex: str) -> list[str]:
    names = dict.fromkeys(band_name(match["band"] or "") or "sun" for match in _channels(information))
    if (annex == "SOL") != ("sun" in names) or ("sun" in names and len(names) > 1):
        raise information.refuse(
            f"channels of {', '.join(names)} do not belong to an annex {annex}; the file is damaged"
        )
    return list(names)


def _displacements(information: Node, image: Path, header: Header) -> np.ndarray:
    """Displacements per metre of altitude over (DX or DY, band, row, column)."""
    channels = _channels(information)
    size = image_size(information)
    first = open_raster(image, layers=len(channels), size=size, dtypes=("float32", "float64"))
    if first.lines * first.columns * len(channels) > _MOST_GRID_SAMPLES:
        raise InputError(
            f"{image}: {first.lines} x {first.columns} x {len(channels)} samples are no grid of angles; fetch it again"
        )
    layers: dict[tuple[str, str], tuple[float, int]] = {}
    for index, match in enumerate(channels, start=1):
        key = match["axis"], match["band"] or ""
        layers[key] = min(layers.get(key, (np.inf, 0)), (float(match["altitude"]), index))
    bands = dict.fromkeys(match["band"] or "" for match in channels)
    try:
        order = [[layers[axis, band][1] for band in bands] for axis in ("DX", "DY")]
    except KeyError as error:
        raise information.refuse(f"channel {error.args[0]} has no partner; the file is damaged") from None
    values = np.array([[_layer(first, number) for number in row] for row in order], dtype=float)
    if np.isinf(values).any():
        raise InputError(f"{image}: holds numbers that are not finite; the file is damaged")
    unit = information.text("Values_Unit", "").lower()
    if "pixel" in unit:
        return values * header.base.number("Product_Information/Product_Sampling/By_Line", least=0.1, most=1000.0)
    return np.tan(np.radians(values)) if "deg" in unit else values


def _layer(first: Raster, number: int) -> np.ndarray:
    return Raster(first.path, first.lines, first.columns, first.dtype, first.rows_per_block, number).read()


def _disagreements(grid: xr.Dataset, annex: str, table: xr.Dataset, header: Header) -> list[str]:
    body, found = ("sun" if annex == "SOL" else "view"), []
    centre = table.sel(point=CENTER)
    nearest = grid.isel(row=grid.sizes["row"] // 2, column=grid.sizes["column"] // 2)
    for band in grid["band"].values:
        wanted = centre.isel(band=0) if annex == "SOL" else centre.sel(band=band)
        vectors = [
            _unit_vector(float(item[0]), float(item[1]))
            for item in (
                (nearest["zenith"].sel(band=band), nearest["azimuth"].sel(band=band)),
                (wanted[f"{body}_zenith"], wanted[f"{body}_azimuth"]),
            )
        ]
        apart = float(np.degrees(np.arccos(np.clip(vectors[0] @ vectors[1], -1, 1))))
        if not np.isnan(apart) and apart > _AGREEMENT_DEG:
            found.append(
                f"{header.path.name}: annex {annex} of {band} lies {apart:.1f} degrees from the header's angles at the centre: use the header's"
            )
    return found


def _unit_vector(zenith_deg: float, azimuth_deg: float) -> np.ndarray:
    zenith, azimuth = np.radians((zenith_deg, azimuth_deg))
    return np.array([np.sin(zenith) * np.sin(azimuth), np.sin(zenith) * np.cos(azimuth), np.cos(zenith)])
