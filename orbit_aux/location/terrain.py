"""Terrain: heights of a raster in any projection, over the ellipsoid, ready for the march of lines of sight."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orbit_aux.errors import OrbitError

if TYPE_CHECKING:
    from orbit_aux.location.terrain_kernel import Arrays, Numbers

Array = NDArray[np.float64]

#: cells of a block along each side: what a march passes over at one look
BLOCK = 8
_MOST_PIXELS = 400_000_000
# deepest sea and above any summit
_HEIGHTS_M = (-12_000.0, 9_500.0)
_METRES = ("", "m", "metre", "metres", "meter", "meters")
# a projection is bent by less than 1 mm between nodes so far apart, and by 3 cm where a large raster needs ten times the step
_TABLE_STEP_DEG = 0.002
_TABLE_NODES = 1500


@dataclass(frozen=True, eq=False)
class Terrain:
    """Heights over the WGS84 ellipsoid between the centres of pixels (bilinear), out to the outer edge of the pixels."""

    arrays: Arrays
    source: str

    @property
    def lowest_m(self) -> float:
        return self.arrays[3][11]

    @property
    def highest_m(self) -> float:
        return self.arrays[3][12]

    def height(self, longitude_deg: ArrayLike, latitude_deg: ArrayLike) -> Array:
        """Bilinear heights (n,), m; NaN outside the raster and where it has no data."""
        from orbit_aux.location.terrain_kernel import heights_at

        lon, lat = np.broadcast_arrays(np.radians(longitude_deg), np.radians(latitude_deg))
        result = np.empty(lon.size)
        heights_at(self.arrays, lon.ravel(), lat.ravel(), result)
        return result.reshape(lon.shape)


def read_terrain(
    path: str | Path,
    geoid: str | Path | None = None,
    bounds_deg: tuple[float, float, float, float] | None = None,
) -> Terrain:
    """The terrain of a raster (GeoTIFF or what GDAL reads), longitude and latitude or projected.

    Its heights are over the ellipsoid; with `geoid`, a raster of geoid heights, they are over that geoid. With `bounds_deg` (west, south, east, north)
    only the part there is read.
    """
    import rasterio
    from rasterio.errors import RasterioError

    try:
        with rasterio.open(path) as raster:
            _check(path, raster)
            window = _window(path, raster, bounds_deg)
            heights = _heights(path, raster, window)
            crs, transform = raster.crs, raster.window_transform(window)
    except RasterioError as error:
        raise OrbitError(
            f"terrain {path}: cannot be read ({error}); give a raster of heights, such as a GeoTIFF"
        ) from None
    if geoid is not None:
        heights += _on_grid(geoid, crs, transform, heights.shape)
    return _terrain(heights, crs, transform, str(path))


def _check(path: str | Path, raster: Any) -> None:
    if raster.crs is None:
        raise OrbitError(
            f"terrain {path}: has no coordinate reference system; assign the right one (gdal_edit -a_srs EPSG:...)"
        )
    if raster.transform.is_identity or raster.transform.determinant == 0:
        raise OrbitError(f"terrain {path}: says no place for its pixels; give a georeferenced raster")
    unit = (raster.units[0] or "").strip().lower()
    if unit not in _METRES:
        raise OrbitError(f"terrain {path}: heights are in {unit!r}; convert them to metres")


def _window(path: str | Path, raster: Any, bounds_deg: tuple[float, float, float, float] | None) -> Any:
    from rasterio.warp import transform_bounds
    from rasterio.windows import Window

    whole = Window(0, 0, raster.width, raster.height)
    bounds = None
    if bounds_deg is not None and raster.transform.is_rectilinear:
        bounds = transform_bounds("EPSG:4326", raster.crs, *bounds_deg, densify_pts=21)
    if bounds is not None and np.isfinite(bounds).all():
        west, south, east, north = bounds
        if raster.crs.is_geographic:
            # a raster may count its longitudes from 0 to 360
            turn = 360.0 * round((0.5 * (raster.bounds.left + raster.bounds.right) - 0.5 * (west + east)) / 360.0)
            west, east = west + turn, east + turn
        corners = [
            _apply(~raster.transform, *corner)
            for corner in ((west, north), (east, south), (west, south), (east, north))
        ]
        columns, rows = zip(*corners, strict=True)
        # two pixels more on each side, for the bilinear neighbours
        left, top = max(int(min(columns)) - 2, 0), max(int(min(rows)) - 2, 0)
        right, bottom = min(int(max(columns)) + 3, raster.width), min(int(max(rows)) + 3, raster.height)
        if left >= right or top >= bottom:
            raise OrbitError(
                f"terrain {path}: does not reach {west:g} to {east:g}, {south:g} to {north:g} ({raster.crs}), where the lines of sight go; "
                "give a raster that covers them"
            )
        whole = Window(left, top, right - left, bottom - top)
    if whole.width * whole.height > _MOST_PIXELS:
        raise OrbitError(
            f"terrain {path}: {whole.width} by {whole.height} pixels, more than {_MOST_PIXELS}; cut it to the image (gdalwarp -te)"
        )
    return whole


def _heights(path: str | Path, raster: Any, window: Any) -> NDArray[np.float32]:
    heights = raster.read(1, window=window, masked=True).astype(np.float32).filled(np.nan)
    heights = heights * np.float32(raster.scales[0]) + np.float32(raster.offsets[0])
    known = heights[np.isfinite(heights)]
    if known.size == 0:
        raise OrbitError(f"terrain {path}: no height in the part that is needed; give a raster with data there")
    worst = known.min() if known.min() < _HEIGHTS_M[0] else known.max()
    if not _HEIGHTS_M[0] <= worst <= _HEIGHTS_M[1]:
        raise OrbitError(
            f"terrain {path}: holds the height {worst:g} m; declare it as no data (gdal_edit -a_nodata) or convert to metres"
        )
    result: NDArray[np.float32] = heights
    return result


def _on_grid(geoid: str | Path, crs: Any, transform: Any, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Geoid heights on another raster's grid, bilinear."""
    import rasterio
    from rasterio.errors import RasterioError
    from rasterio.transform import Affine
    from rasterio.warp import Resampling, reproject

    result = np.full(shape, np.nan, np.float32)
    try:
        with rasterio.open(geoid) as raster:
            _check(geoid, raster)
            values = raster.read(1, masked=True).astype(np.float32).filled(np.nan)
            own, place = raster.crs, raster.transform
    except RasterioError as error:
        raise OrbitError(f"geoid {geoid}: cannot be read ({error}); give a raster of geoid heights") from None
    # many geoids run from 0 to 360 degrees east
    for turn in (0.0, -360.0, 360.0) if own.is_geographic else (0.0,):
        part = np.full(shape, np.nan, np.float32)
        shifted = Affine(place.a, place.b, place.c + turn, place.d, place.e, place.f)
        reproject(
            values,
            part,
            src_transform=shifted,
            src_crs=own,
            src_nodata=np.nan,
            dst_transform=transform,
            dst_crs=crs,
            dst_nodata=np.nan,
            resampling=Resampling.bilinear,
        )
        result = np.where(np.isnan(result), part, result)
    if np.isnan(result).any():
        raise OrbitError(f"geoid {geoid}: does not cover the terrain; give one that does")
    return result


def _terrain(heights: NDArray[np.float32], crs: Any, transform: Any, source: str) -> Terrain:
    rows, columns = heights.shape
    padded = np.pad(heights, 1, mode="edge")
    # centre of the first pixel to (1, 1) of the padded heights
    inverse = ~transform
    affine = np.array([inverse.a, inverse.b, inverse.c + 0.5, inverse.d, inverse.e, inverse.f + 0.5])
    lon, lat = _outline_deg(crs, transform, rows, columns, source)
    centre = 0.5 * (lon.min() + lon.max())
    table, frame = np.zeros((0, 0, 2)), np.zeros(4)
    if crs.to_epsg() == 4326:
        # from radians about the central longitude to pixels
        affine[[2, 5]] += affine[[0, 3]] * centre
        affine[[0, 1, 3, 4]] *= 180.0 / np.pi
    else:
        table, frame = _projection(crs, lon - centre, lat, centre)
    limits = np.array([np.radians((centre + 180.0) % 360.0 - 180.0), np.nanmin(heights), np.nanmax(heights)])
    area = (columns + 0.5, rows + 0.5, float(table.size > 0))
    numbers = cast("Numbers", (*np.concatenate([affine, frame, limits]).tolist(), *area))
    return Terrain((padded, _highest(padded), table, numbers), source)


def _outline_deg(crs: Any, transform: Any, rows: int, columns: int, source: str) -> tuple[Array, Array]:
    """Longitudes (continuous) and latitudes along the outer edge."""
    from rasterio.warp import transform as convert

    side = np.linspace(0.0, 1.0, 41)
    zero, one = np.zeros_like(side), np.ones_like(side)
    c = np.concatenate([side, one, side[::-1], zero]) * columns
    r = np.concatenate([zero, side, one, side[::-1]]) * rows
    x, y = _apply(transform, c, r)
    if crs.to_epsg() == 4326:
        return np.asarray(x), np.asarray(y)
    lon, lat = (np.asarray(values) for values in convert(crs, "EPSG:4326", x, y))
    steps = (np.diff(lon) + 180.0) % 360.0 - 180.0
    lon = lon[0] + np.concatenate([[0.0], np.cumsum(steps)])
    if not (np.isfinite(lon).all() and np.isfinite(lat).all()) or abs(lon[-1] - lon[0]) > 180.0:
        raise OrbitError(f"terrain {source}: holds a pole or leaves its projection; cut it, or convert it to EPSG:4326")
    return lon, lat


def _apply(transform: Any, x: Any, y: Any) -> tuple[Any, Any]:
    return transform.a * x + transform.b * y + transform.c, transform.d * x + transform.e * y + transform.f


def _projection(crs: Any, lon: Array, lat: Array, centre: float) -> tuple[Array, Array]:
    """Projected coordinates over a grid of longitude (from the centre) and latitude, and the grid's origin (rad) and nodes per radian."""
    from rasterio.warp import transform as convert

    # lines of sight come in from outside: a rim of 0.1 degree is walked too
    margin = 0.1
    axes = []
    for values in (lon, lat):
        low, high = values.min() - margin, values.max() + margin
        count = int(min(np.ceil((high - low) / _TABLE_STEP_DEG), _TABLE_NODES))
        axes.append(np.linspace(low, high, count + 1))
    x, y = np.meshgrid(axes[0] + centre, np.clip(axes[1], -90.0, 90.0))
    converted = convert("EPSG:4326", crs, ((x + 180.0) % 360.0 - 180.0).ravel(), y.ravel())
    table = np.stack([np.asarray(values).reshape(x.shape) for values in converted], axis=-1)
    frame = [part for axis in axes for part in (np.radians(axis[0]), 1.0 / np.radians(axis[1] - axis[0]))]
    return np.ascontiguousarray(table), np.array(frame)


def _highest(padded: NDArray[np.float32]) -> NDArray[np.float32]:
    """Highest node of each block of cells, infinite where one is unknown: such blocks are always walked."""
    rows, columns = padded.shape
    filled = np.where(np.isnan(padded), np.float32(np.inf), padded)
    cells = np.maximum.reduce([filled[:-1, :-1], filled[1:, :-1], filled[:-1, 1:], filled[1:, 1:]])
    down, across = -(-(rows - 1) // BLOCK), -(-(columns - 1) // BLOCK)
    wide = np.full((down * BLOCK, across * BLOCK), -np.inf, np.float32)
    wide[: rows - 1, : columns - 1] = cells
    highest: NDArray[np.float32] = wide.reshape(down, BLOCK, across, BLOCK).max(axis=(1, 3))
    return highest
