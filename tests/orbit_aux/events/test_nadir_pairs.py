"""Simultaneous nadir observations against closed forms, a brute-force search, and what must not matter."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from scipy.optimize import brentq

from orbit_aux.errors import OrbitError
from orbit_aux.events.nadir_pairs import PairLimits, nadir_pairs
from orbit_aux.orbit import Orbit, Segment
from orbit_aux.time import Times

START = Times.from_utc("2019-03-01T00:00:00")
SPIN = 7.2921151467e-5
#: mean motion (rad/s) and radius (m) of 720 km
RATE, RADIUS_M = 1.0567e-3, 7.098e6
Array = np.ndarray


def circle(
    name: str,
    inclination_deg: float,
    *,
    node_deg: float = 0.0,
    argument_deg: float = 0.0,
    rate: float = RATE,
    radius_m: float = RADIUS_M,
    hours: float = 12.0,
    late_s: float = 0.0,
) -> Orbit:
    """A circular orbit about an Earth that turns evenly about z, in Earth-fixed axes: closed forms are exact. Two hours more at both ends."""
    seconds = np.arange(-7200.0, hours * 3600.0 + 7200.1, 60.0)
    inertial, speed = inertial_circle(seconds - late_s, inclination_deg, node_deg, argument_deg, rate, radius_m)
    turn = SPIN * seconds
    c, s = np.cos(turn), np.sin(turn)

    def fixed(v: Array) -> Array:
        return np.stack([c * v[:, 0] + s * v[:, 1], c * v[:, 1] - s * v[:, 0], v[:, 2]], axis=-1)

    place = fixed(inertial)
    velocity = fixed(speed) - np.cross([0.0, 0.0, SPIN], place)
    return Orbit(name, "2019-000A", "ITRF", START[np.zeros(len(seconds), int)] + seconds, place, velocity, "circle")


def inertial_circle(
    seconds: Array, inclination_deg: float, node_deg: float, argument_deg: float, rate: float, radius_m: float
) -> tuple[Array, Array]:
    u, i, node = np.radians(argument_deg) + rate * seconds, np.radians(inclination_deg), np.radians(node_deg)
    along = np.array([np.cos(node), np.sin(node), 0.0])
    across = np.array([-np.sin(node) * np.cos(i), np.cos(node) * np.cos(i), np.sin(i)])
    place = radius_m * (np.cos(u)[:, None] * along + np.sin(u)[:, None] * across)
    return place, radius_m * rate * (np.cos(u)[:, None] * across - np.sin(u)[:, None] * along)


def found(
    first: Orbit, second: Orbit, minutes: float, km: float = 50.0, hours: tuple[float, float] = (0.0, 12.0)
) -> xr.Dataset:
    limits = PairLimits(60.0 * minutes, 1e3 * km)
    return nadir_pairs(first, second, START + 3600.0 * hours[0], START + 3600.0 * hours[1], limits)


def seconds(values: xr.DataArray) -> Array:
    return np.asarray(Times.from_utc(values.values).tai_ns - START.tai_ns[0]) * 1e-9


def test_polar_and_equatorial_tracks_cross_at_the_equator() -> None:
    polar, equatorial = circle("POLAR", 90.0), circle("EQUATORIAL", 0.0, argument_deg=20.0)
    pairs = found(polar, equatorial, 60.0)
    # the polar one is over the equator at each half turn, over a place that has turned away since; the other comes by within a turn against the Earth
    t1 = np.arange(0.0, 43_200.0, np.pi / RATE)
    place = np.where(np.arange(len(t1)) % 2 == 0, 0.0, np.pi) - SPIN * t1
    turns = ((place - np.radians(20.0) - (RATE - SPIN) * t1) / (2 * np.pi)) % 1.0
    waits = 2 * np.pi / (RATE - SPIN) * np.stack([turns, turns - 1.0], axis=-1)
    rows, column = np.nonzero(np.abs(waits) <= 3600.0)
    order = np.argsort(t1[rows], kind="stable")
    assert pairs.sizes["event"] == len(order) > 10
    # the ephemeris is interpolated to less than a mm, the tracks to 2 cm: 3 microseconds
    np.testing.assert_allclose(seconds(pairs["time"]), t1[rows][order], atol=1e-4)
    np.testing.assert_allclose(pairs["time_difference"], waits[rows, column][order], atol=1e-4)
    np.testing.assert_allclose(pairs["latitude"], 0.0, atol=1e-6)
    assert set(pairs["kind"].values) == {"crossing"}
    away = (pairs["longitude"].values - np.degrees(place[rows][order]) + 180.0) % 360.0 - 180.0
    np.testing.assert_allclose(away, 0.0, atol=1e-6)
    assert (pairs["distance"] < 1e-4).all()
    # both look straight down on it
    for name in ("first", "second"):
        np.testing.assert_allclose(pairs[f"{name}_view_zenith"], 0.0, atol=1e-4)
        np.testing.assert_allclose(pairs[f"{name}_height"], (RADIUS_M - 6_378_137.0) / 1e3, atol=1e-4)
    np.testing.assert_array_equal(pairs["first_northward"], np.where(np.arange(len(t1)) % 2 == 0, 1, -1)[rows][order])


@pytest.mark.parametrize("delay_s", [60.0, 600.0, 1500.0])
def test_one_behind_the_other_in_a_plane_cross_near_the_poles(delay_s: float) -> None:
    inclination = 98.27
    pairs = found(circle("A", inclination), circle("B", inclination, late_s=delay_s), delay_s / 60.0 + 1.0, km=10.0)
    tilt = -np.cos(np.radians(inclination))

    # A an angle x past its northernmost (or southernmost) point, B as much before its own: both at one latitude, their longitudes as far from that of the
    # top on either side; between the two times the Earth turns by the rest
    def apart(x: float) -> float:
        return float(2.0 * np.arctan2(np.sin(x), tilt * np.cos(x)) - SPIN * (delay_s - 2.0 * x / RATE))

    x = brentq(apart, -1.0, 1.0, xtol=1e-14)
    tops = (np.pi / 2 + np.arange(20) * np.pi + x) / RATE
    tops = tops[tops < 43_200.0]
    assert pairs.sizes["event"] == len(tops)
    np.testing.assert_allclose(seconds(pairs["time"]), tops, atol=1e-3)
    np.testing.assert_allclose(pairs["time_difference"], delay_s - 2 * x / RATE, atol=1e-4)


def test_satellites_on_one_ground_track_pass_once_and_for_long() -> None:
    first = circle("A", 98.27)
    behind = replace(first, object_name="B", times=first.times + 300.0, segments=())
    pairs = found(first, behind, 10.0)
    # a metre wide valley without end: one approach, not a thousand
    assert pairs.sizes["event"] == 1
    assert pairs["distance"].item() < 1e-3
    assert abs(pairs["time_difference"].item() - 300.0) < 1e-3


@pytest.mark.parametrize(("inclination", "minutes"), [(51.6, 8.0), (98.6, 3.0), (82.0, 4.0)])
def test_brute_force_finds_the_same(inclination: float, minutes: float) -> None:
    first = circle("A", 98.27)
    second = circle("B", inclination, node_deg=25.0, argument_deg=20.0, rate=1.04e-3, radius_m=7.17e6)
    pairs = found(first, second, minutes)
    events = brute_force(first, second, round(60 * minutes), 50e3)
    assert len(events) == pairs.sizes["event"] > 2
    for event, (t1, t2, distance) in enumerate(events):
        one = pairs.isel(event=event)
        # a whole second of both: where tracks cross at some degrees, the point of the grid nearest in distance is some seconds along them
        along = 2.0 / np.sin(np.radians(one["track_angle"].item()))
        assert abs(seconds(one["time"]).item() - t1) < along
        assert abs(seconds(one["time"]).item() + one["time_difference"].item() - t2) < along
        # and never nearer than what was found (chord against arc: 0.2 m in 50 km)
        assert -0.2 < distance - 1e3 * one["distance"].item() < 7000.0


def brute_force(first: Orbit, second: Orbit, reach_s: int, limit_m: float) -> list[tuple[int, int, float]]:
    """Least distances over whole seconds of both: one for each stretch of t1 in which they are under the limit."""
    t1 = np.arange(43_200)
    t2 = np.arange(-reach_s, 43_200 + reach_s)
    one, other = (nadir(orbit, t) for orbit, t in ((first, t1), (second, t2)))
    least, at = np.full(len(t1), np.inf), np.zeros(len(t1), int)
    for shift in range(2 * reach_s + 1):
        distance = np.linalg.norm(one - other[shift : shift + len(t1)], axis=1)
        at = np.where(distance < least, shift - reach_s, at)
        least = np.minimum(least, distance)
    under = np.flatnonzero(least <= limit_m)
    stretches = np.split(under, np.flatnonzero(np.diff(under) > 1) + 1)
    best = [stretch[np.argmin(least[stretch])] for stretch in stretches if len(stretch)]
    return [(int(t), int(t + at[t]), float(least[t])) for t in best]


def nadir(orbit: Orbit, seconds: Array) -> Array:
    """Foot points on WGS84 by Bowring's iteration."""
    x, y, z = orbit.at(START[np.zeros(len(seconds), int)] + seconds, "ITRF").position_m.T
    a, e2 = 6_378_137.0, 1 - (1 - 1 / 298.257223563) ** 2
    rho = np.hypot(x, y)
    latitude = np.arctan2(z, rho * (1 - e2))
    for _ in range(6):
        n = a / np.sqrt(1 - e2 * np.sin(latitude) ** 2)
        latitude = np.arctan2(z + e2 * n * np.sin(latitude), rho)
    n, longitude = a / np.sqrt(1 - e2 * np.sin(latitude) ** 2), np.arctan2(y, x)
    flat = n * np.cos(latitude)
    return np.stack([flat * np.cos(longitude), flat * np.sin(longitude), n * (1 - e2) * np.sin(latitude)], axis=-1)


@pytest.fixture(scope="module")
def two() -> tuple[Orbit, Orbit]:
    return circle("A", 98.27), circle("B", 97.0, node_deg=-4.0, argument_deg=3.0, rate=1.04e-3, radius_m=7.17e6)


def test_cut_intervals_give_the_same(two: tuple[Orbit, Orbit]) -> None:
    whole = found(*two, 15.0)
    parts = xr.concat([found(*two, 15.0, hours=cut) for cut in ((0.0, 3.3), (3.3, 7.0), (7.0, 12.0))], "event")
    assert whole.sizes["event"] > 5
    np.testing.assert_allclose(seconds(parts["time"]), seconds(whole["time"]), atol=1e-3)
    np.testing.assert_allclose(parts["distance"], whole["distance"], atol=1e-4)


def test_the_other_way_round_gives_the_same(two: tuple[Orbit, Orbit]) -> None:
    there, back = found(*two, 15.0), found(*reversed(two), 15.0)
    inside = [np.sort(seconds(pairs[name])) for pairs, name in ((there, "second_time"), (back, "time"))]
    inside = [values[(values > 900.0) & (values < 42_300.0)] for values in inside]
    np.testing.assert_allclose(inside[0], inside[1], atol=1e-2)


def test_a_gap_takes_what_is_in_it(two: tuple[Orbit, Orbit]) -> None:
    first, second = two
    # no records from 3 h to 5 h; interpolation keeps to its segments
    rows = np.flatnonzero((np.arange(len(first.times)) <= 300) | (np.arange(len(first.times)) >= 420))
    times = first.times[rows]
    edges = [(0, 301), (301, len(rows))]
    segments = tuple(Segment(a, b, int(times.tai_ns[a]), int(times.tai_ns[b - 1])) for a, b in edges)
    broken = replace(
        first, times=times, position_m=first.position_m[rows], velocity_ms=first.velocity_ms[rows], segments=segments
    )
    whole, pairs = found(first, second, 15.0), found(broken, second, 15.0)
    kept = (seconds(whole["time"]) < 3 * 3600.0) | (seconds(whole["time"]) > 5 * 3600.0)
    assert 0 < kept.sum() < whole.sizes["event"]
    np.testing.assert_allclose(seconds(pairs["time"]), seconds(whole["time"])[kept], atol=1e-3)


def test_at_one_instant_the_distance_is_least(two: tuple[Orbit, Orbit]) -> None:
    first, second = two
    pairs = found(first, second, 0.0, km=500.0)
    t = np.arange(43_200)
    apart = np.linalg.norm(nadir(first, t) - nadir(second, t), axis=1)
    low = np.flatnonzero((apart[1:-1] < apart[:-2]) & (apart[1:-1] <= apart[2:]) & (apart[1:-1] < 5e5)) + 1
    assert len(low) == pairs.sizes["event"] > 2
    np.testing.assert_allclose(seconds(pairs["time"]), low, atol=0.6)
    np.testing.assert_allclose(pairs["time_difference"], 0.0, atol=1e-9)
    # 14 km/s at most against each other; arc and chord differ by 130 m in 500 km
    np.testing.assert_allclose(pairs["distance"] * 1e3, apart[low], atol=300.0)
    assert set(pairs["kind"].values) == {"time_limit"}


def test_angles_at_the_place(two: tuple[Orbit, Orbit]) -> None:
    pairs = found(*two, 0.0, km=500.0)
    height, half = pairs["first_height"].values, 0.5 * pairs["distance"].values
    # a sphere of the mean radius: the place is half the distance away from the nadir point of either
    angle = half / 6371.0
    off_nadir = np.arctan2(6371.0 * np.sin(angle), 6371.0 + height - 6371.0 * np.cos(angle))
    np.testing.assert_allclose(pairs["first_off_nadir"], np.degrees(off_nadir), rtol=0.01)
    np.testing.assert_allclose(pairs["first_view_zenith"], np.degrees(off_nadir + angle), rtol=0.01)
    # seen from the middle, they stand on opposite sides
    opposite = (pairs["first_view_azimuth"] - pairs["second_view_azimuth"]) % 360.0
    np.testing.assert_allclose(opposite, 180.0, atol=3.0)


def test_the_sun_is_that_of_astropy(two: tuple[Orbit, Orbit]) -> None:
    import astropy.units as u
    from astropy.coordinates import AltAz, EarthLocation, get_sun
    from astropy.time import Time

    pairs = found(*two, 15.0).isel(event=slice(0, 4))
    place = EarthLocation.from_geodetic(pairs["longitude"].values * u.deg, pairs["latitude"].values * u.deg)
    when = Time(pairs["time"].values.astype("datetime64[ns]").astype(str).tolist(), scale="utc")
    sun = get_sun(when).transform_to(AltAz(obstime=when, location=place))
    # 20 arcsec of aberration, 9 of parallax
    np.testing.assert_allclose(pairs["first_sun_zenith"], 90.0 - sun.alt.deg, atol=0.01)
    away = (pairs["first_sun_azimuth"].values - sun.az.deg + 180.0) % 360.0 - 180.0
    assert (np.abs(away) * np.cos(sun.alt.rad) < 0.01).all()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: PairLimits(-1.0), "time difference -1.0 s"),
        (lambda: PairLimits(float("nan")), "time difference nan s"),
        (lambda: PairLimits(600.0, 0.0), "distance 0.0 m"),
        (lambda: found(circle("A", 98.0), circle("B", 98.0), 5.0, hours=(3.0, 3.0)), "give a stop after the start"),
        (lambda: found(circle("A", 98.0), circle("GEO", 0.0, rate=SPIN, radius_m=4.2164e7), 5.0), "nadir point of GEO"),
    ],
)
def test_what_cannot_be_is_refused(make: object, said: str) -> None:
    with pytest.raises(OrbitError, match=said):
        make()  # type: ignore[operator]


def test_nothing_near_gives_nothing() -> None:
    pairs = found(circle("A", 0.0), circle("B", 5.0, argument_deg=180.0), 1.0)
    assert pairs.sizes["event"] == 0
    assert pairs["first_sun_zenith"].dtype == np.float64


def test_a_second_that_is_not_known_then_gives_nothing() -> None:
    late = circle("B", 97.0)
    late = replace(late, times=late.times + 1e6, segments=())
    assert found(circle("A", 98.27), late, 10.0).sizes["event"] == 0


def test_an_event_near_the_start_of_the_second_is_not_lost(two: tuple[Orbit, Orbit]) -> None:
    """Coverage that begins or ends minutes from an event, at no step of the search."""
    first, second = two
    whole = found(first, second, 15.0)
    event = whole.isel(event=3)
    t2 = seconds(event["second_time"]).item()
    part = second.arc(START + (t2 - 47.3), START + (t2 + 51.9))
    pairs = found(first, part, 15.0)
    assert pairs.sizes["event"] == 1
    np.testing.assert_allclose(seconds(pairs["time"]), seconds(event["time"]), atol=1e-3)


def test_a_wider_time_limit_keeps_the_crossings_of_a_narrower(two: tuple[Orbit, Orbit]) -> None:
    wide = found(*two, 119.0)
    crossings = {minutes: found(*two, minutes) for minutes in (2.0, 15.0, 61.0)}
    assert wide.sizes["event"] > 40
    for minutes, narrow in crossings.items():
        one = narrow.isel(event=narrow["kind"].values == "crossing")
        inside = (np.abs(wide["time_difference"].values) <= 60.0 * minutes) & (wide["kind"].values == "crossing")
        np.testing.assert_allclose(seconds(wide["time"])[inside], seconds(one["time"]), atol=1e-3)
