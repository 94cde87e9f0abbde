"""Lunar geometry against DE421 with its Moon frame (SPICE), and its guards against known eclipses."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from orbit_aux.bodies import moon_position
from orbit_aux.errors import OrbitError
from orbit_aux.moon_view import behind_earth, earth_clearance, image_angle, lunar_eclipse, moon_geometry
from orbit_aux.time import Times

NAMES = {
    "observer_latitude": "subobs_lat_deg",
    "observer_longitude": "subobs_lon_deg",
    "sun_latitude": "subsolar_lat_deg",
    "sun_longitude": "subsolar_lon_deg",
    "phase": "phase_deg",
    "moon_distance": "dist_obs_moon_km",
    "sun_distance": "dist_sun_moon_au",
}
# worst of 4000 random epochs against DE421, as stated for the analytic series: degrees, km, au
WORST = {"moon_distance": 12.0, "sun_distance": 1e-6}
WORST_DEG = 0.006

# DE421, geometric: UTC, observer km, distance km, au, observer lat lon, Sun lat lon, phase
VECTORS = [
    ("2018-03-06T00:00:00", (-7098, 0, 0), (381933.9, 0.9936227, -6.7823, 6.5208, -0.8616, -44.3931, 51.1135)),
    ("2020-09-09T06:00:00", (0, 7098, 0), (394841.2, 1.0077618, 2.0034, -5.1521, 1.5477, -81.8766, 76.6821)),
    ("2023-05-01T18:00:00", (-3000, 2000, 5900), (393499.7, 1.0092921, -3.7972, -3.3592, 0.1580, 43.2820, -46.7744)),
]
ORDER = (
    "moon_distance",
    "sun_distance",
    "observer_latitude",
    "observer_longitude",
    "sun_latitude",
    "sun_longitude",
    "phase",
)


@pytest.mark.parametrize(("utc", "observer_km", "expected"), VECTORS)
def test_reference_vectors(utc: str, observer_km: tuple[float, ...], expected: tuple[float, ...]) -> None:
    geometry = moon_geometry(Times.from_utc(utc), np.array([observer_km]) * 1e3)
    for name, value in zip(ORDER, expected, strict=True):
        assert geometry[name].item() == pytest.approx(value, abs=WORST.get(name, WORST_DEG)), name


@pytest.mark.parametrize("light_time", [False, True])
def test_the_ten_check_rows(shared: Path, light_time: bool) -> None:
    with (shared / "reference" / "moon" / "lunar_check.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    observer_m = np.array([[float(row[f"j2000_{axis}_km"]) for axis in "xyz"] for row in rows]) * 1e3
    times = Times.from_utc([row["utc"] for row in rows])
    geometry = moon_geometry(times, observer_m, light_time=light_time)
    for name, column in NAMES.items():
        column = f"lt_{column}" if light_time else column
        if column in rows[0]:
            difference = geometry[name].values - [float(row[column]) for row in rows]
            assert np.abs(difference).max() < WORST.get(name, WORST_DEG), name
    if light_time:
        # the change that light time makes is known far better than the places themselves
        change = geometry - moon_geometry(times, observer_m)
        for name, limit in (("moon_distance", 2e-3), ("phase", 1e-6), ("sun_longitude", 1e-6)):
            expected = [float(row[f"lt_{NAMES[name]}"]) - float(row[NAMES[name]]) for row in rows]
            assert np.abs(change[name].values - expected).max() < limit, name


def test_every_variable_has_units_and_the_convention_is_recorded() -> None:
    geometry = moon_geometry(Times.from_utc(["2018-03-06T00:00:00"] * 2), np.full((2, 3), 5e6))
    assert all("units" in variable.attrs for variable in geometry.data_vars.values())
    assert "geometric" in geometry.attrs["convention"]
    assert geometry["moon_direction"].dims == ("time", "axis")
    assert np.allclose(np.linalg.norm(geometry["lunar_north"], axis=1), 1.0)
    radius = np.arcsin(1737.4 / geometry["moon_distance"])
    assert np.allclose(radius, geometry["apparent_radius"])


def test_blocks_of_a_series_give_the_same_bits() -> None:
    times = Times.from_utc("2018-03-06T00:00:00") + np.linspace(0, 3e5, 31)
    observer = np.tile([7.1e6, 1e5, -2e5], (31, 1))
    whole = moon_geometry(times, observer)
    parts = [moon_geometry(times[k : k + 1], observer[k : k + 1]) for k in range(31)]
    for name in ("phase", "moon_distance", "sun_distance"):
        assert np.array_equal(whole[name].values, np.concatenate([part[name].values for part in parts])), name


def test_phase_changes_sign_at_full_moon() -> None:
    # full Moon of 2018-03-31 at 12:37 UTC (published)
    hours = Times.from_utc("2018-03-31T12:37:00") + np.array([-12.0, 12.0]) * 3600
    before, after = moon_geometry(hours, np.full((2, 3), 4.1e6))["phase"].values
    assert before < 0 < after


def test_image_angle_is_counted_from_column_to_line() -> None:
    column, line = np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0])
    directions = np.array([[5.0, 1, 0], [5.0, 0, 1], [5.0, -1, 0], [-5.0, 1, 1]])
    assert np.allclose(np.degrees(image_angle(directions, column, line)), [0, 90, 180, 45])


def test_published_eclipses_are_inside_and_others_outside() -> None:
    eclipses = ["2018-07-27T20:22:00", "2022-05-16T04:11:00", "2022-11-08T10:59:00", "2025-03-14T06:59:00"]
    assert (lunar_eclipse(Times.from_utc(eclipses)) < -1.0).all()
    # full Moons without any eclipse, and a quarter
    others = ["2018-03-31T12:37:00", "2019-06-17T08:31:00", "2018-03-09T11:20:00"]
    assert (lunar_eclipse(Times.from_utc(others)) > 0.0).all()


def test_the_penumbra_begins_when_published() -> None:
    # first contact P1 of 2018-07-27: 17:14:49 UTC (published); the Moon moves 0.5 deg an hour
    around = Times.from_utc("2018-07-27T17:14:49") + np.array([-300.0, 300.0])
    before, after = lunar_eclipse(around).values
    assert before > 0 > after


def test_line_of_sight_over_the_earth() -> None:
    time = Times.from_utc("2018-03-06T00:00:00")
    direction = moon_geometry(time, np.array([[7.098e6, 0, 0]]))["moon_direction"].values[0]
    side = np.cross(direction, [0, 0, 1.0])
    side /= np.linalg.norm(side)
    # on the Moon's side the satellite itself is lowest; on the far side the Earth stands between
    assert earth_clearance(time, direction[None] * 7.098e6).item() == pytest.approx(719.863, abs=1e-3)
    assert earth_clearance(time, direction[None] * -7.098e6).item() < -6000
    observer = 6.5e6 * side - 2e6 * direction
    along = np.linspace(0.0, 1.0, 400_001)[:, None]
    sight = observer + along * moon_position(time)[0] * 1.1 - along * observer * 1.1
    lowest_km = (np.linalg.norm(sight, axis=1).min() - 6378137.0) / 1e3
    # samples 1 km apart, so 0.1 m of height
    assert earth_clearance(time, observer[None]).item() == pytest.approx(lowest_km, abs=1e-3)
    assert 0 < lowest_km < 122


@pytest.mark.parametrize(
    ("observer", "named"),
    [
        (np.zeros((1, 2)), "shape"),
        (np.full((1, 3), np.nan), "2018-03-06T00:00:00.000000Z is not finite"),
        (np.array([[7098.0, 0, 0]]), "metres, not kilometres"),
    ],
)
def test_impossible_observers_are_refused(observer: np.ndarray, named: str) -> None:
    with pytest.raises(OrbitError, match=named):
        moon_geometry(Times.from_utc("2018-03-06T00:00:00"), observer)


def test_the_ground_hides_the_moon_below_its_horizon() -> None:
    time = Times.from_utc(["2018-03-06T00:00:00"] * 4)
    moon = moon_position(time)[0]
    east = np.cross([0, 0, 1.0], moon) / np.linalg.norm(np.cross([0, 0, 1.0], moon))
    towards = moon / np.linalg.norm(moon)

    def ground(elevation_deg: float) -> np.ndarray:
        angle = np.radians(90 - elevation_deg)
        up = np.cos(angle) * towards + np.sin(angle) * east
        return up * (1 / np.sqrt((up[0] ** 2 + up[1] ** 2) / 6378137.0**2 + up[2] ** 2 / 6356752.314**2))

    # 1 km of tolerance is 1 deg of elevation; the Moon's parallax takes away another
    places = np.stack([ground(60), ground(2), ground(-4), -7.1e6 * towards])
    assert behind_earth(time, places).values.tolist() == [False, False, True, True]


def test_the_same_times_are_not_computed_twice_nor_changed() -> None:
    times = Times.from_utc("2018-03-06T00:00:00") + np.arange(5.0)
    first = moon_position(times)
    assert moon_position(Times(times.tai_ns)) is first
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 0.0
    assert not np.array_equal(moon_position(times + 1.0), first)
