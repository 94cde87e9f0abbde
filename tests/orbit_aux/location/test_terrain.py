"""The march over a terrain against a dense walk by other means; ridges, edges, holes, projections, geoids, and what is refused."""

from __future__ import annotations

from pathlib import Path

import erfa
import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin
from rasterio.warp import transform as convert
from scenes import after, made, to_itrf
from scipy.ndimage import map_coordinates

from orbit_aux.errors import OrbitError
from orbit_aux.location.geolocate import FLAGS, Corrections, locate
from orbit_aux.location.terrain import read_terrain

CAMERA = made(roll_deg=-20.0, pitch_deg=25.0)
TIMES, COLUMNS = after(np.linspace(20.0, 21.0, 60)), np.random.default_rng(3).uniform(0, 800, 60)
STEP_DEG = 1.0 / 3600.0


def write(
    path: Path, heights: np.ndarray, corner: tuple[float, float], step: float, crs: str | None, **more: object
) -> Path:
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=heights.shape[0],
        width=heights.shape[1],
        count=1,
        dtype="float32",
        crs=crs,
        transform=from_origin(*corner, step, step),
        **more,
    ) as raster:
        raster.write(heights.astype("float32"), 1)
    return path


def window() -> tuple[float, float, float, float]:
    """West, south, east, north of the ground seen, with a rim."""
    parts = [locate(CAMERA, TIMES, COLUMNS, height) for height in (-500.0, 3500.0)]
    lon, lat = (np.concatenate([part[name].values for part in parts]) for name in ("longitude", "latitude"))
    return lon.min() - 0.03, lat.min() - 0.03, lon.max() + 0.03, lat.max() + 0.03


def rough(shape: tuple[int, int]) -> np.ndarray:
    """Hills, roughness and one ridge a pixel wide and 800 m high that a coarse step would jump."""
    rng = np.random.default_rng(5)
    coarse = rng.normal(size=(shape[0] // 20 + 2, shape[1] // 20 + 2)) * 400
    rows, columns = np.mgrid[: shape[0], : shape[1]] / 20
    heights = 900 + map_coordinates(coarse, [rows, columns], order=1) + rng.normal(size=shape) * 15
    heights[:, :: shape[1] // 7] += 800
    return heights


@pytest.fixture(scope="module")
def geographic(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    west, south, east, north = window()
    heights = rough((int((north - south) / STEP_DEG), int((east - west) / STEP_DEG)))
    return write(tmp_path_factory.mktemp("dem") / "dem.tif", heights, (west, north), STEP_DEG, "EPSG:4326"), heights


def walked(height_of, corrections: Corrections, step_m: float = 2.0) -> np.ndarray:  # type: ignore[no-untyped-def]
    """Distance to the first place below the ground in steps of 2 m, by erfa's geodetic coordinates and the sense of light time written out."""
    state = CAMERA.orbit.at(TIMES)
    seen = np.einsum("nij,nj->ni", CAMERA.attitude.matrices(TIMES), CAMERA.lines_of_sight.at(COLUMNS))
    if corrections.aberration:
        seen = seen - state.velocity_ms / 299_792_458.0
        seen /= np.linalg.norm(seen, axis=1, keepdims=True)
    origin, ray = to_itrf(TIMES, state.position_m), to_itrf(TIMES, seen)
    result = []
    for row in range(len(TIMES)):
        near = locate(CAMERA, TIMES[row], COLUMNS[[row]], 4000.0)["distance"].values[0]
        along = near + np.arange(0.0, 7000.0, step_m)
        lon, lat, height = erfa.gc2gd(1, origin[row] + along[:, None] * ray[row])
        lon = lon + (7.292115e-5 * along / 299_792_458.0 if corrections.light_time else 0.0)
        over = height - height_of(np.degrees(lon), np.degrees(lat))
        first = int(np.argmax(over <= 0))
        result.append(along[first - 1] + step_m * over[first - 1] / (over[first - 1] - over[first]))
    return np.array(result)


@pytest.mark.parametrize("corrections", [Corrections(), Corrections(False, False)])
def test_a_rough_terrain_is_met_where_a_dense_walk_meets_it(
    geographic: tuple[Path, np.ndarray], corrections: Corrections
) -> None:
    path, heights = geographic
    located = locate(CAMERA, TIMES, COLUMNS, read_terrain(path), corrections)
    with rasterio.open(path) as raster:
        inverse = raster.transform.c, raster.transform.f

    def height_of(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        column, row = (lon - inverse[0]) / STEP_DEG, (inverse[1] - lat) / STEP_DEG
        return map_coordinates(heights.astype("float32"), [row - 0.5, column - 0.5], order=1, mode="nearest")

    assert not located["flag"].values.any()
    # the dense walk is straight over 2 m where the ground has edges: centimetres
    assert np.abs(located["distance"].values - walked(height_of, corrections)).max() < 0.1
    # the point lies on the ground, by an interpolation that shares no code: float32 heights, 0.5 mm
    ground = height_of(located["longitude"].values, located["latitude"].values)
    assert np.abs(located["height"].values - ground).max() < 2e-3
    assert np.ptp(located["height"].values) > 300


def test_a_projected_terrain_is_the_same_ground(tmp_path: Path, geographic: tuple[Path, np.ndarray]) -> None:
    """A smooth function of longitude and latitude, once in degrees and once in UTM."""
    west, south, east, north = window()

    def hills(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        return 1000 + 60 * np.sin(lon * 300) * np.cos(lat * 400)

    lon, lat = np.meshgrid(
        np.arange(west, east, STEP_DEG / 2) + STEP_DEG / 4, np.arange(north, south, -STEP_DEG / 2) - STEP_DEG / 4
    )
    plain = write(tmp_path / "plain.tif", hills(lon, lat), (west, north), STEP_DEG / 2, "EPSG:4326")
    zone = f"EPSG:{32600 + int((west + 180) // 6) + 1}"
    x, y = convert("EPSG:4326", zone, [west, east, west, east], [south, south, north, north])
    left, top, step = min(x) - 500, max(y) + 500, 15.0
    shape = int((top - min(y)) / step) + 40, int((max(x) - left) / step) + 40
    column, row = np.meshgrid(np.arange(shape[1]) + 0.5, np.arange(shape[0]) + 0.5)
    inside = convert(zone, "EPSG:4326", (left + step * column).ravel(), (top - step * row).ravel())
    heights = hills(*(np.array(values).reshape(shape) for values in inside))
    projected = write(tmp_path / "utm.tif", heights, (left, top), step, zone)
    one, other = (locate(CAMERA, TIMES, COLUMNS, read_terrain(path)) for path in (plain, projected))
    assert not one["flag"].values.any() and not other["flag"].values.any()
    # bilinear over 15 m: curvature 1e-3 per m times step squared over 8, 3 cm
    assert np.abs(one["height"] - other["height"]).max() < 0.05
    assert np.abs(one["latitude"] - other["latitude"]).max() * 111e3 < 0.05


def test_flat_ground_is_the_ellipsoid_at_its_height(tmp_path: Path) -> None:
    west, south, east, north = window()
    shape = int((north - south) / 0.01), int((east - west) / 0.01)
    path = write(tmp_path / "flat.tif", np.full(shape, 731.0), (west, north), 0.01, "EPSG:4326")
    one, other = locate(CAMERA, TIMES, COLUMNS, read_terrain(path)), locate(CAMERA, TIMES, COLUMNS, 731.0)
    for name, limit in (("longitude", 1e-9), ("latitude", 1e-9), ("height", 2e-4), ("distance", 2e-4)):
        assert np.abs(one[name] - other[name]).max() < limit, name


def test_a_geoid_lifts_the_ground(tmp_path: Path) -> None:
    west, south, east, north = window()
    shape = int((north - south) / 0.01), int((east - west) / 0.01)
    flat = write(tmp_path / "flat.tif", np.full(shape, 700.0), (west, north), 0.01, "EPSG:4326")
    # from 0 to 360 degrees, as geoid files are
    geoid = write(tmp_path / "geoid.tif", np.full((181, 361), 31.5), (-0.5, 90.5), 1.0, "EPSG:4326")
    located = locate(CAMERA, TIMES, COLUMNS, read_terrain(flat, geoid))
    assert np.abs(located["height"] - 731.5).max() < 1e-3
    small = write(tmp_path / "small.tif", np.full((3, 3), 31.5), (0.0, 0.0), 0.1, "EPSG:4326")
    with pytest.raises(OrbitError, match="does not cover the terrain"):
        read_terrain(flat, small)


def test_holes_and_edges_are_told(tmp_path: Path, geographic: tuple[Path, np.ndarray]) -> None:
    path, heights = geographic
    with rasterio.open(path) as raster:
        corner = raster.transform.c, raster.transform.f
    whole = locate(CAMERA, TIMES, COLUMNS, read_terrain(path))
    half = heights.shape[1] // 2
    holed = heights.copy()
    holed[:, half:] = -9999
    hole = locate(
        CAMERA,
        TIMES,
        COLUMNS,
        read_terrain(write(tmp_path / "hole.tif", holed, corner, STEP_DEG, "EPSG:4326", nodata=-9999)),
    )
    edge = locate(
        CAMERA,
        TIMES,
        COLUMNS,
        read_terrain(write(tmp_path / "edge.tif", heights[:, :half], corner, STEP_DEG, "EPSG:4326")),
    )
    east = whole["longitude"].values > corner[0] + (half + 3) * STEP_DEG
    west = whole["longitude"].values < corner[0] + (half - 3) * STEP_DEG
    assert east.any() and west.any()
    for located, name in ((hole, "no_terrain_height"), (edge, "outside_the_terrain")):
        told = np.array(FLAGS)[located["flag"].values]
        assert set(told[west]) == {"ok"}
        # a ridge on this side may hide what lies on the other
        assert name in set(told[east]) <= {name, "ok"}
        assert np.isnan(located["longitude"].values[told == name]).all()
        assert np.abs(located["height"].values[west] - whole["height"].values[west]).max() < 1e-4


def test_longitudes_from_0_to_360_are_the_same_place(tmp_path: Path, geographic: tuple[Path, np.ndarray]) -> None:
    path, heights = geographic
    west, south, east, north = window()
    corner = (west + 360.0 if west < 0 else west - 360.0, north)
    turned = write(tmp_path / "turned.tif", heights, corner, STEP_DEG, "EPSG:4326")
    one, other = (
        locate(CAMERA, TIMES, COLUMNS, read_terrain(file, bounds_deg=(west, south, east, north)))
        for file in (path, turned)
    )
    assert np.abs(one["longitude"].values - other["longitude"].values).max() < 1e-8
    assert np.abs(one["height"].values - other["height"].values).max() < 1e-3


def test_only_the_part_asked_for_is_read(geographic: tuple[Path, np.ndarray]) -> None:
    path, _ = geographic
    whole = locate(CAMERA, TIMES, COLUMNS, read_terrain(path))
    lon, lat = whole["longitude"].values, whole["latitude"].values
    bounds = (lon.min() - 0.02, lat.min() - 0.02, lon.max() + 0.02, lat.max() + 0.02)
    part = read_terrain(path, bounds_deg=bounds)
    assert part.arrays[0].size < read_terrain(path).arrays[0].size
    assert np.abs(locate(CAMERA, TIMES, COLUMNS, part)["longitude"].values - lon).max() < 1e-8
    with pytest.raises(OrbitError, match="does not reach"):
        read_terrain(path, bounds_deg=(10.0, 10.0, 11.0, 11.0))


@pytest.mark.parametrize(
    ("height", "crs", "more", "words"),
    [
        (100.0, None, {}, "no coordinate reference system"),
        (-32768.0, "EPSG:4326", {}, "declare it as no data"),
        (-9999.0, "EPSG:4326", {"nodata": -9999}, "no height in the part"),
    ],
)
def test_refusals(tmp_path: Path, height: float, crs: str | None, more: dict[str, object], words: str) -> None:
    with pytest.raises(OrbitError, match=words):
        read_terrain(write(tmp_path / "dem.tif", np.full((9, 9), height), (5.0, 45.0), 0.01, crs, **more))


def test_what_is_no_raster_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dem.tif").write_text("no raster")
    with pytest.raises(OrbitError, match="cannot be read"):
        read_terrain(tmp_path / "dem.tif")
