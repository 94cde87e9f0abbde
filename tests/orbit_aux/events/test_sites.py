"""Visits to sites against astropy's horizon coordinates and closed forms."""

from __future__ import annotations

from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
import xarray as xr
from astropy.coordinates import AltAz, EarthLocation, get_sun

from orbit_aux.errors import OrbitError
from orbit_aux.events.ground_view import ground_distance_m, ground_of
from orbit_aux.events.sites import read_sites, site_visits
from orbit_aux.frames import from_geodetic
from orbit_aux.time import Times
from tests.orbit_aux.events.made import (
    DAY_S,
    HOUR_S,
    START,
    Circle,
    after,
    astropy_time,
    circle,
    earth_fixed,
    first_change,
    look,
    places,
    times_of,
)

ROOT = Path(__file__).resolve().parents[3]
RADIUS_M = 6_378_137.0
LIBYA4 = (23.39, 28.55, 118.0)
LOW = circle(720e3, 98.3, 20.0)
EQUATOR = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def off_nadir_deg(times: Times, lon_deg: float, lat_deg: float, height_m: float) -> np.ndarray:
    """From astropy's geodetic nadir of the satellite."""
    position = earth_fixed(times, LOW.at(times).position_m)
    below = EarthLocation.from_geocentric(*position.T, unit=u.m)
    ground = EarthLocation.from_geodetic(below.lon, below.lat, 0 * u.m)
    nadir = np.stack([c.to_value(u.m) for c in ground.geocentric], axis=-1) - position
    line = (
        np.array([c.to_value(u.m) for c in EarthLocation.from_geodetic(lon_deg, lat_deg, height_m * u.m).geocentric])
        - position
    )
    cosine = np.sum(nadir * line, axis=1) / np.linalg.norm(nadir, axis=1) / np.linalg.norm(line, axis=1)
    return np.degrees(np.arccos(cosine))


@pytest.fixture(scope="module")
def visits() -> xr.Dataset:
    return site_visits(LOW, places(LIBYA4=LIBYA4), START, after(3 * DAY_S), max_view_zenith_deg=60.0)


def test_begin_and_end_against_a_search_every_10_ms(visits: xr.Dataset) -> None:
    assert visits.sizes["event"] >= 4
    for name in ("start", "stop"):
        for value in visits[name].values[:3]:
            time = times_of(value)
            true = first_change(lambda t: look(LOW, t, *LIBYA4)[0] > 30.0, Times.concatenate([time + -2.0, time + 2.0]))
            assert abs(float((true - time)[0])) < 0.011


def test_angles_of_the_closest_approach_against_astropy(visits: xr.Dataset) -> None:
    times = times_of(visits["time"].values)
    altitude, azimuth, distance = look(LOW, times, *LIBYA4)
    np.testing.assert_allclose(visits["view_zenith"], 90.0 - altitude, atol=2e-4)
    np.testing.assert_allclose(visits["view_azimuth"], azimuth, atol=1e-3)
    np.testing.assert_allclose(visits["distance"], distance, atol=0.05)
    np.testing.assert_allclose(visits["off_nadir"], off_nadir_deg(times, *LIBYA4), atol=1e-4)
    t = astropy_time(times)
    site = EarthLocation.from_geodetic(LIBYA4[0] * u.deg, LIBYA4[1] * u.deg, LIBYA4[2] * u.m)
    sun = get_sun(t).transform_to(AltAz(obstime=t, location=site))
    # diurnal aberration, 0.3 arcsec
    np.testing.assert_allclose(visits["sun_zenith"], 90.0 - sun.alt.deg, atol=3e-4)
    np.testing.assert_allclose(visits["sun_azimuth"], sun.az.deg, atol=1e-3)
    np.testing.assert_array_equal(visits["day"], sun.alt.deg >= 0.0)
    for shift in (-0.3, 0.3):
        assert (look(LOW, times + shift, *LIBYA4)[0] < altitude).all()


def test_off_nadir_limit_against_astropy() -> None:
    found = site_visits(LOW, places(LIBYA4=LIBYA4), START, after(3 * DAY_S), max_off_nadir_deg=35.0)
    for name in ("start", "stop"):
        np.testing.assert_allclose(off_nadir_deg(times_of(found[name].values), *LIBYA4), 35.0, atol=1e-4)
    times = START + np.arange(0.0, 3 * DAY_S, 60.0)
    inside = np.zeros(len(times), bool)
    for start, stop in zip(times_of(found["start"].values).tai_ns, times_of(found["stop"].values).tai_ns, strict=True):
        inside |= (times.tai_ns > start) & (times.tai_ns < stop)
    # not through the Earth: the far side of the orbit looks at the site from below
    true = (off_nadir_deg(times, *LIBYA4) < 35.0) & (look(LOW, times, *LIBYA4)[0] > 0)
    np.testing.assert_array_equal(inside, true)


@pytest.mark.parametrize("limit_deg", [3.0, 30.0, 90.0])
def test_duration_over_the_equator_in_closed_form(limit_deg: float) -> None:
    rate, radius_m = 9.5e-4, 7_100e3
    moving = Circle(radius_m, rate, EQUATOR, "ITRF")
    found = site_visits(moving, places(E=(90.0, 0.0, 0.0)), START, after(5 * HOUR_S), max_view_zenith_deg=limit_deg)
    zenith = np.radians(limit_deg)
    half = zenith - np.arcsin(RADIUS_M / radius_m * np.sin(zenith))
    np.testing.assert_allclose(found["duration"], 2 * half / rate, atol=1e-3)
    np.testing.assert_allclose(found["ground_distance"], 0.0, atol=1.0)
    by_nadir = site_visits(
        moving, places(E=(90.0, 0.0, 0.0)), START, after(5 * HOUR_S), max_off_nadir_deg=float(np.degrees(zenith - half))
    )
    # the same event told from the other end; at the horizon the off-nadir angle stands still: only 1e-5 rad of it are resolved
    if limit_deg < 90:
        np.testing.assert_allclose(by_nadir["duration"], found["duration"], atol=2e-3)


@pytest.mark.parametrize(
    ("lat_deg", "rate_sign", "side"), [(2.0, 1, "left"), (-2.0, 1, "right"), (2.0, -1, "right"), (-2.0, -1, "left")]
)
def test_sides_of_the_track(lat_deg: float, rate_sign: int, side: str) -> None:
    """Eastward along the equator the north is left, westward right."""
    moving = Circle(7_100e3, rate_sign * 9.5e-4, EQUATOR, "ITRF")
    found = site_visits(moving, places(E=(90.0, lat_deg, 0.0)), START, after(2 * HOUR_S), max_view_zenith_deg=60.0)
    assert found["side"].values.tolist() == [side] * found.sizes["event"]
    # a degree of the meridian at the equator: 110.574 km
    np.testing.assert_allclose(found["ground_distance"], 2 * 110_574.3, rtol=1e-4)
    # the satellite stands south of northern sites
    np.testing.assert_allclose(np.cos(np.radians(found["view_azimuth"])), -np.sign(lat_deg), atol=1e-6)


def test_glint_where_the_sun_is_mirrored() -> None:
    """Law of reflection with vectors: the mirrored Sun is 2 (n.s) n - s."""
    found = site_visits(LOW, places(LIBYA4=LIBYA4), START, after(3 * DAY_S), max_view_zenith_deg=60.0)

    def unit(zenith: str, azimuth: str) -> np.ndarray:
        z, a = np.radians(found[zenith].values), np.radians(found[azimuth].values)
        return np.stack([np.sin(z) * np.sin(a), np.sin(z) * np.cos(a), np.cos(z)], axis=-1)

    sun, view = unit("sun_zenith", "sun_azimuth"), unit("view_zenith", "view_azimuth")
    mirrored = 2 * sun[:, 2:] * np.array([0.0, 0.0, 1.0]) - sun
    np.testing.assert_allclose(found["glint"], np.degrees(np.arccos(np.sum(mirrored * view, axis=1))), atol=1e-5)


def test_ground_distances_in_closed_form() -> None:
    """Along the equator (a circle), along meridians (integrated arc), and an oblique line by integrating small chords of it."""
    ground = ground_of(places(A=(10.0, 0.0, 0.0), B=(10.0, 45.0, 500.0)))
    rows = np.array([0, 1])
    along = ground_distance_m(ground, rows[:1], np.radians([15.0]), np.array([0.0]))[0]
    assert along == pytest.approx(RADIUS_M * np.radians(5.0), rel=1e-7)
    latitudes = np.radians(np.linspace(45.0, 52.0, 20_001))
    arc = np.linalg.norm(
        np.diff(from_geodetic(np.full(20_001, np.radians(10.0)), latitudes, 0.0), axis=0), axis=1
    ).sum()
    north = ground_distance_m(ground, rows[1:], np.radians([10.0]), np.radians([52.0]))[0]
    assert north == pytest.approx(arc, rel=1e-5)
    # the plane section through both points and the middle's normal is the geodesic to 1e-9 over 800 km
    ends = from_geodetic(np.radians([10.0, 18.0]), np.radians([45.0, 49.0]), 0.0)
    line = ends[0] + np.linspace(0.0, 1.0, 20_001)[:, None] * (ends[1] - ends[0])
    scale = np.array([1.0, 1.0, RADIUS_M / 6_356_752.314245])
    onto = line * (RADIUS_M / np.linalg.norm(line * scale, axis=1, keepdims=True))
    section = np.linalg.norm(np.diff(onto, axis=0), axis=1).sum()
    oblique = ground_distance_m(ground, rows[1:], np.radians([18.0]), np.radians([49.0]))[0]
    assert oblique == pytest.approx(section, rel=1e-5)


def test_order_of_sites_does_not_matter() -> None:
    sites = read_sites(ROOT / "configs" / "sites" / "pics20.csv")
    assert len(sites.names) == 20
    together = site_visits(LOW, sites, START, after(DAY_S), max_view_zenith_deg=50.0)
    name = str(together["site"].values[0])
    number = sites.number(name)
    alone = type(sites)((name,), sites.position_itrf_m[number : number + 1], sites.source)
    xr.testing.assert_identical(
        together.isel(event=together["site"].values == name),
        site_visits(LOW, alone, START, after(DAY_S), max_view_zenith_deg=50.0),
    )
    assert (np.diff(together["start"].values) >= np.timedelta64(0)).all()


def test_nothing_seen() -> None:
    found = site_visits(
        circle(500e3, 5.0), places(POLE=(0.0, 89.0, 0.0)), START, after(DAY_S), max_view_zenith_deg=60.0
    )
    assert found.sizes["event"] == 0 and "glint" in found and found["time"].dtype == "datetime64[ns]"


@pytest.mark.parametrize(
    "limits",
    [
        {},
        {"max_view_zenith_deg": 30.0, "max_off_nadir_deg": 30.0},
        {"max_view_zenith_deg": 91.0},
        {"max_off_nadir_deg": 0.0},
        {"max_view_zenith_deg": float("nan")},
    ],
)
def test_wrong_limits_are_refused(limits: dict[str, float]) -> None:
    with pytest.raises(OrbitError, match="give one of both"):
        site_visits(LOW, places(LIBYA4=LIBYA4), START, after(HOUR_S), **limits)


def test_wrong_sites_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "sites.csv"
    path.write_text("name,lat_deg,lon_deg,height_m\nLibya4,98.55,23.39,118\n", encoding="utf-8")
    with pytest.raises(OrbitError, match=r"site 'Libya4' at 98\.55 deg"):
        read_sites(path)
    path.write_text("", encoding="utf-8")
    with pytest.raises(OrbitError, match="column name, lat_deg"):
        read_sites(path)
