"""The tile of a Sentinel-2 product: sizes, angles merged over the detectors, masks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import xarray as xr

from calib.acquisition import Mask
from calib.products.files import check_size, existing, inside, open_raster, utc_date
from calib.products.tables import CENTER, angle_table
from calib.products.xml import Node, read_xml, shortened
from calib.raster import Raster

#: the bands by the number that the metadata gives them
BANDS = ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B10", "B11", "B12")
RESOLUTIONS_M = dict(zip(BANDS, (60, 10, 10, 10, 20, 20, 20, 10, 20, 60, 60, 20, 20), strict=True))
#: a genuine product lists 100 parameter files, 80 grids of angles, 70 masks
MAX_LISTED = 2_000
#: angles: 13 bands of 12 detectors, 23 x 23 nodes
MAX_GRIDS, MAX_NODES = 200, 64
_ROOT = "Level-1C_Tile_ID"
_OUTLINES = {
    "MSK_CLOUDS": "clouds",
    "MSK_DEFECT": "defective",
    "MSK_DETFOO": "detector footprint",
    "MSK_NODATA": "no data",
    "MSK_SATURA": "saturated",
    "MSK_TECQUA": "technical quality",
}
#: what the layers of a mask image hold, one after the other
_LAYERS = {
    "MSK_CLASSI": ("opaque clouds", "cirrus", "snow"),
    "MSK_DETFOO": ("detector footprint",),
    "MSK_QUALIT": (
        "ancillary lost",
        "ancillary degraded",
        "lost",
        "degraded",
        "defective",
        "no data",
        "crosstalk partly corrected",
        "saturated",
    ),
}


@dataclass(frozen=True)
class Tile:
    """The header of a tile: its date, and lines and columns by resolution in metres."""

    header: Path
    root: Node
    sensed: np.datetime64
    sizes: dict[int, tuple[int, int]]
    facts: dict[str, str]


def limited(node: Node, path: str, most: int = MAX_LISTED) -> list[Node]:
    """The elements at `path`; InputError for more than `most`."""
    found = node.all(path)
    if len(found) > most:
        raise node.refuse(f"{len(found)} elements {path}, more than any product has; fetch the file again")
    return found


def band_of(node: Node) -> str:
    """The band whose number an element gives, as bandId or band_id."""
    text = node.attribute("bandId", "") or node.attribute("band_id")
    if not re.fullmatch(r"\d|1[0-2]", text, flags=re.ASCII):
        raise node.refuse(f"band number {shortened(text)!r} is none of 0 to 12; the file is damaged")
    return BANDS[int(text)]


def read_tile(path: Path) -> Tile:
    """The tile's header."""
    root = read_xml(path)
    if root.name != _ROOT:
        raise root.refuse(f"no header of a tile (its root is not {_ROOT}); fetch the product again")
    coding = root.child("Geometric_Info/Tile_Geocoding")
    sizes = {}
    for item in limited(coding, "Size"):
        if item.attribute("resolution") in ("10", "20", "60"):
            size = item.integer("NROWS", least=1), item.integer("NCOLS", least=1)
            check_size(path, *size)
            sizes[int(item.attribute("resolution"))] = size
    for resolution in (10, 20, 60):
        if resolution not in sizes:
            raise coding.refuse(f"Size of resolution {resolution} is missing; fetch the product again")
    when = root.child("General_Info/SENSING_TIME")
    facts = {
        "tile": root.text("General_Info/TILE_ID", ""),
        "map projection": coding.text("HORIZONTAL_CS_CODE", ""),
        **{
            f"mean view {band_of(item)}": f"{item.text('ZENITH_ANGLE')} {item.text('AZIMUTH_ANGLE')} deg"
            for item in limited(root, "Geometric_Info/Tile_Angles/Mean_Viewing_Incidence_Angle_List/*")
        },
    }
    for corner in limited(coding, "Geoposition[@resolution='10']"):
        facts["upper left corner"] = f"{corner.number('ULX'):.10g} {corner.number('ULY'):.10g} m"
    return Tile(path, root, utc_date(when.text(), f"{path}: {when.where}"), sizes, facts)


def tile_angles(tile: Tile, bands: Sequence[str], warnings: list[str]) -> tuple[xr.Dataset, str]:
    """Angles of the bands at the centre and at the nodes of the tile's grid, and where the centre's come from.

    The view of a band at a node is the mean over the detectors that see it there, the azimuth as mean of vectors. The centre is the middle node, or the
    tile's means where no detector of some band saw that.
    """
    part = tile.root.child("Geometric_Info/Tile_Angles")
    sun, steps_m = _grid(part.child("Sun_Angles_Grid"))
    grids: dict[str, list[np.ndarray]] = {}
    for item in limited(part, "Viewing_Incidence_Angles_Grids", MAX_GRIDS):
        grid, item_steps_m = _grid(item)
        if grid.shape != sun.shape or item_steps_m != steps_m:
            raise item.refuse("is another grid than the Sun's; the file is damaged")
        grids.setdefault(band_of(item), []).append(grid)
    unseen = np.full(sun.shape, np.nan)
    view = np.stack([_merged(grids[name]) if name in grids else unseen for name in bands])
    if missing := [name for name in bands if name not in grids]:
        warnings.append(f"Viewing_Incidence_Angles_Grids of band {', '.join(missing)} are missing")
    rows, columns = sun.shape[1:]
    height_m, width_m = (10.0 * samples for samples in tile.sizes[10])
    down, across = np.meshgrid(
        np.arange(rows) * steps_m[0] / height_m, np.arange(columns) * steps_m[1] / width_m, indexing="ij"
    )
    middle = int(np.argmin((down - 0.5) ** 2 + (across - 0.5) ** 2))
    place = down.flat[middle], across.flat[middle]
    sun, view = sun.reshape(2, -1), view.reshape(len(bands), 2, -1)
    sun_center, view_center, origin = sun[:, middle], view[:, :, middle], "node in the middle of the tile"
    if not (np.isfinite(sun_center).all() and np.isfinite(view_center).all()):
        sun_center, view_center = _means(part, bands, warnings)
        origin, place = "means over the tile", (np.nan, np.nan)
    sun, view = np.column_stack([sun_center, sun]), np.concatenate([view_center[:, :, None], view], axis=2)
    names = [CENTER, *(f"{row}/{column}" for row in range(rows) for column in range(columns))]
    places = (np.append(place[0], down.ravel()), np.append(place[1], across.ravel()))
    table = angle_table(str(tile.header), bands, names, places, (sun[0], sun[1]), (view[:, 0], view[:, 1]))
    return table, f"centre: {origin}"


def _grid(node: Node) -> tuple[np.ndarray, tuple[float, float]]:
    """Zenith and azimuth over (2, row, column) in degrees, and the steps between rows and columns in metres."""
    angles = []
    steps = set()
    for name in ("Zenith", "Azimuth"):
        part = node.child(name)
        rows = part.all("Values_List/VALUES")
        if not 1 < len(rows) <= MAX_NODES:
            raise part.refuse(f"{len(rows)} rows are no grid of angles; the file is damaged")
        values = [row.numbers(nan=True) for row in rows]
        if not 1 < len(values[0]) <= MAX_NODES or {len(row) for row in values} != {len(values[0])}:
            raise part.refuse("rows of its grid have different lengths or are none; the file is damaged")
        angles.append(np.stack(values))
        steps.add(tuple(part.number(f"{axis}_STEP", least=1, most=1e5) for axis in ("ROW", "COL")))
    if angles[0].shape != angles[1].shape or len(steps) != 1:
        raise node.refuse("grids of zenith and azimuth differ; the file is damaged")
    row_step_m, column_step_m = steps.pop()
    return np.stack(angles), (row_step_m, column_step_m)


def _merged(grids: list[np.ndarray]) -> np.ndarray:
    """Zenith and azimuth over (2, row, column): the mean over the detectors that have both."""
    zenith, azimuth = np.moveaxis(np.stack(grids), 1, 0)
    seen = np.isfinite(zenith) & np.isfinite(azimuth)
    number = seen.sum(axis=0)
    total = np.where(seen, zenith, 0.0).sum(axis=0)
    turn = np.radians(np.where(seen, azimuth, 0.0))
    east, north = (np.where(seen, part, 0.0).sum(axis=0) for part in (np.sin(turn), np.cos(turn)))
    mean = np.stack([total / np.maximum(number, 1), np.degrees(np.arctan2(east, north)) % 360.0])
    return np.where(number > 0, mean, np.nan)


def _means(part: Node, bands: Sequence[str], warnings: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """The tile's means: of the Sun as (zenith, azimuth), of the views over (band, 2); NaN where the file has none."""

    def pair(node: Node | None) -> tuple[float, float]:
        if node is None:
            return np.nan, np.nan
        return node.number("ZENITH_ANGLE", least=0, most=180), node.number("AZIMUTH_ANGLE", least=-360, most=360)

    listed = limited(part, "Mean_Viewing_Incidence_Angle_List/Mean_Viewing_Incidence_Angle")
    views = {band_of(item): item for item in listed}
    if missing := [name for name in bands if name not in views]:
        warnings.append(f"Mean_Viewing_Incidence_Angle of band {', '.join(missing)} is missing")
    return np.array(pair(part.maybe("Mean_Sun_Angle"))), np.array([pair(views.get(name)) for name in bands])


def tile_masks(tile: Tile, folder: Path, granule: str, images: bool) -> dict[str, Mask]:
    """Masks by meaning and band: outlines (GML) before baseline 04.00, images (JPEG 2000) with a layer per meaning since."""
    masks: dict[str, Mask] = {}
    for item in limited(tile.root, "Quality_Indicators_Info/Pixel_Level_QI/MASK_FILENAME"):
        band = band_of(item) if item.attribute("bandId", "") else ""
        name, kind = item.text(), item.attribute("type")
        # before format 14, masks are named without their folder
        path = inside(folder, name if "/" in name else f"{granule}/QI_DATA/{name}")
        if images:
            existing(path)
        if path.suffix.lower() == ".gml":
            found = {_OUTLINES.get(kind, shortened(kind)): Mask(_OUTLINES.get(kind, shortened(kind)), path)}
        elif kind in _LAYERS and path.suffix.lower() == ".jp2":
            found = _layers(tile, kind, path, tile.sizes[RESOLUTIONS_M[band] if band else 60], images)
        else:
            raise item.refuse(
                f"mask {shortened(kind)!r} in {shortened(path.name)!r} is not read; expected *.gml or *.jp2"
            )
        for meaning, mask in found.items():
            key = f"{meaning} {band}".strip()
            if key in masks:
                raise item.refuse(f"mask {shortened(key)!r} is listed twice; the file is damaged")
            masks[key] = mask
    return masks


def _layers(tile: Tile, kind: str, path: Path, size: tuple[int, int], images: bool) -> dict[str, Mask]:
    meanings = _LAYERS[kind]
    raster = Raster(path, *size, "uint8", rows_per_block=256)
    if images:
        raster = open_raster(path, layers=len(meanings), size=size, dtypes=("uint8",))
    return {name: Mask(name, path, replace(raster, layer=layer)) for layer, name in enumerate(meanings, start=1)}
