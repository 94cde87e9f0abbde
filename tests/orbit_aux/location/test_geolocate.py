"""Ground points against two independent programs, against a plain computation without our kernels, and in cases known by heart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import erfa
import numpy as np
import pytest
from scenes import START, after, made, reference, to_itrf

from orbit_aux.errors import OrbitError
from orbit_aux.frames import from_geodetic
from orbit_aux.location.geolocate import FLAGS, Camera, Corrections, locate, locate_image
from orbit_aux.time import Times

C_MS = 299_792_458.0
EARTH_RATE = 7.292115e-5


def points(located) -> np.ndarray:  # type: ignore[no-untyped-def]
    return from_geodetic(
        np.radians(located["longitude"].values), np.radians(located["latitude"].values), located["height"].values
    )


# asked: 1 cm with our frames, 5 mm where the Earth-fixed position is given; measured 1.8 mm and 0.4 mm
@pytest.mark.parametrize(("frame", "limit_m"), [("EME2000", 0.01), ("ITRF", 0.001)])
@pytest.mark.parametrize(
    ("source", "light_time", "aberration"),
    [("orekit", "0", "0"), ("rugged", "0", "0"), ("rugged", "1", "0"), ("rugged", "1", "1")],
)
def test_the_reference_scene(
    shared: Path, frame: str, limit_m: float, source: str, light_time: str, aberration: str
) -> None:
    camera, start, rows = reference(shared, frame)
    rows = [r for r in rows if (r["source"], r["lighttime"], r["aberration"]) == (source, light_time, aberration)]
    line, column, height, longitude, latitude = (
        np.array([float(row[name]) for row in rows]) for name in ("line", "col", "alt_m", "lon_deg", "lat_deg")
    )
    assert set(height) == {0.0, 1000.0, 3000.0}
    times = after(line * 0.002, start)
    located = locate(camera, times, column, height, Corrections(light_time == "1", aberration == "1"))
    expected = from_geodetic(np.radians(longitude), np.radians(latitude), height)
    assert np.linalg.norm(points(located) - expected, axis=1).max() < limit_m
    assert not located["flag"].values.any()


@pytest.mark.parametrize("corrections", [Corrections(a, b) for a in (False, True) for b in (False, True)])
@pytest.mark.parametrize("height_m", [-400.0, 0.0, 8_000.0, 100_000.0])
def test_a_plain_computation(corrections: Corrections, height_m: float) -> None:
    """erfa's geodetic coordinates, bisection along the line of sight, the Earth turned by hand: nothing of the kernels."""
    camera = made(roll_deg=-20.0, pitch_deg=25.0)
    times, columns = after(np.linspace(0.0, 60.0, 13)), np.linspace(0.0, 800.0, 13)
    located = locate(camera, times, columns, height_m, corrections)
    state = camera.orbit.at(times)
    seen = np.einsum("nij,nj->ni", camera.attitude.matrices(times), camera.lines_of_sight.at(columns))
    if corrections.aberration:
        beta = state.velocity_ms / C_MS
        # classical: c u + v is along what is seen; it differs from the exact formula by up to 1 mm here
        seen = np.stack([_without_velocity(u, b) for u, b in zip(seen, beta, strict=True)])
    for row in range(len(times)):
        origin = to_itrf(times[row], state.position_m[[row]])[0]
        ray = to_itrf(times[row], seen[[row]])[0]
        low, high = 0.0, np.linalg.norm(origin) - 6.3e6 + 5e5
        for _ in range(60):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if erfa.gc2gd(1, origin + middle * ray)[2] > height_m else (low, middle)
        turn = EARTH_RATE * low / C_MS if corrections.light_time else 0.0
        expected = erfa.rz(-turn, np.eye(3)) @ (origin + low * ray)
        assert np.linalg.norm(points(located)[row] - expected) < 2e-3
        assert abs(located["distance"].values[row] - low) < 2e-3


def _without_velocity(seen: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """The unit u with u + beta along `seen`."""
    along = seen @ beta
    return seen * (along + np.sqrt(1.0 - beta @ beta + along**2)) - beta


def test_corrections_have_the_size_and_the_sense_that_they_should() -> None:
    camera = made()
    times, column = after([10.0]), np.array([400.0])
    plain = points(locate(camera, times, column, 0.0, Corrections(False, False)))[0]
    moved = points(locate(camera, times, column, 0.0, Corrections(False, True)))[0] - plain
    turned = points(locate(camera, times, column, 0.0, Corrections(True, False)))[0] - plain
    velocity = to_itrf(times, camera.orbit.at(times).velocity_ms)[0]
    # the camera flies into the light: what it sees ahead of where it is, is behind: v/c times the distance
    assert moved @ velocity / np.linalg.norm(velocity) == pytest.approx(-7499 / C_MS * 723e3, rel=0.01)
    # the Earth goes on eastward while the light comes: the point lay farther east on it
    east = np.cross([0, 0, 1], plain)
    distance = np.linalg.norm(camera.orbit.at(times).position_m) - np.linalg.norm(plain)
    assert turned @ east / np.linalg.norm(east) == pytest.approx(
        EARTH_RATE * np.hypot(*plain[:2]) * distance / C_MS, rel=1e-3
    )


def test_nadir_and_pole_are_known_by_heart() -> None:
    camera = made()
    sight = replace(camera.lines_of_sight, columns=np.array([0.0]), directions=np.array([[0.0, 0.0, 1.0]]))
    camera = replace(camera, lines_of_sight=sight)
    times = after([0.0, 30.0])
    located = locate(camera, times, [0.0, 0.0], 0.0, Corrections(False, False))
    place = to_itrf(times, camera.orbit.at(times).position_m)
    # towards the centre of the Earth: the point has the satellite's geocentric direction
    direction = points(located) / np.linalg.norm(points(located), axis=1, keepdims=True)
    assert np.abs(direction - place / np.linalg.norm(place, axis=1, keepdims=True)).max() < 1e-12
    # over the pole of ITRF, straight down: the polar radius
    from orbit_aux.location.geolocate import _empty
    from orbit_aux.location.ground_kernel import locate_pairs

    result = _empty((1,))
    turn = np.diag([1.0, -1.0, -1.0])[None]
    origin = np.array([[0.0, 0.0, 7.1e6]])
    locate_pairs(
        origin, turn, np.zeros((1, 3)), np.zeros(1, int), np.array([[0.0, 0.0, 1.0]]), np.array([1234.0]), True, result
    )
    assert result[1][0] == pytest.approx(90.0, abs=1e-12)
    assert result[3][0] == pytest.approx(7.1e6 - 6_356_752.314245 - 1234.0, abs=1e-6)


def test_an_image_is_its_points_and_blocks_do_not_matter() -> None:
    camera = made(pitch_deg=10.0)
    times, columns = after(np.arange(6) * 0.5), np.array([0.0, 12.25, 800.0])
    image = locate_image(camera, times, columns, 500.0)
    single = locate(camera, Times(np.repeat(times.tai_ns, 3)), np.tile(columns, 6), 500.0)
    assert image["longitude"].dims == ("line", "column")
    for name in ("longitude", "latitude", "height", "distance", "flag"):
        assert np.array_equal(image[name].values.ravel(), single[name].values)
        assert "units" in image[name].attrs
    assert np.array_equal(locate_image(camera, times[2:4], columns, 500.0)["longitude"], image["longitude"][2:4])


def test_what_misses_the_earth_is_flagged() -> None:
    away = made(pitch_deg=70.0)
    located = locate(away, after([0.0, 1.0]), [0.0, 0.0])
    assert [FLAGS[number] for number in located["flag"].values] == ["misses_the_Earth"] * 2
    assert np.isnan(located["longitude"].values).all() and np.isnan(located["height"].values).all()
    up = made(pitch_deg=180.0)
    assert locate(up, after([0.0]), [400.0])["flag"].values == [1]


def test_fractional_columns_lie_between_their_neighbours() -> None:
    camera = made()
    located = points(locate(camera, after([0.0, 0.0, 0.0]), [100.0, 100.5, 101.0]))
    assert np.linalg.norm(located[1] - (located[0] + located[2]) / 2) < 1e-4


@pytest.mark.parametrize(
    ("seconds", "column", "height_m", "words"),
    [
        (0.0, 801.0, 0.0, "column 801 has no line of sight"),
        (0.0, float("nan"), 0.0, "column nan has no line of sight"),
        (80.0, 1.0, 0.0, "orbit of MADE from scene covers"),
        (0.0, 1.0, 5e5, "height 500000 m lies outside"),
    ],
)
def test_refusals(seconds: float, column: float, height_m: float, words: str) -> None:
    with pytest.raises(OrbitError, match=words):
        locate(made(), after([seconds]), [column], height_m)


def test_an_orbit_given_earth_fixed_is_the_same_camera() -> None:
    camera = made(roll_deg=10.0)
    state = camera.orbit.at(camera.orbit.times, "ITRF")
    fixed = replace(camera.orbit, frame="ITRF", position_m=state.position_m, velocity_ms=state.velocity_ms)
    times = START[np.zeros(5, int)] + np.arange(5.0)
    one, other = (
        points(locate(Camera(o, camera.attitude, camera.lines_of_sight), times, np.full(5, 7.0)))
        for o in (camera.orbit, fixed)
    )
    # interpolated in another frame: 1 mm
    assert np.abs(one - other).max() < 1e-3
