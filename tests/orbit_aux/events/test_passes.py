"""Passes against closed forms over the equator and against astropy's horizon coordinates."""

from __future__ import annotations

from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
import xarray as xr
from astropy.coordinates import EarthLocation

from orbit_aux.errors import OrbitError
from orbit_aux.events import samples
from orbit_aux.events.masks import Masks, read_masks
from orbit_aux.events.passes import passes
from orbit_aux.frames import State
from orbit_aux.orbit import Orbit
from orbit_aux.stations import read_stations
from orbit_aux.time import Times
from tests.orbit_aux.events.made import (
    DAY_S,
    HOUR_S,
    START,
    Circle,
    after,
    astropy_time,
    circle,
    ephemeris,
    first_change,
    look,
    places,
    times_of,
)

ROOT = Path(__file__).resolve().parents[3]
C_MS, RADIUS_M = 299_792_458.0, 6_378_137.0
KIRUNA = (20.964325, 67.857128, 402.2)
STATIONS = places(KIR=KIRUNA, AUS=(1.4994, 43.4287, 260.0), POLE=(0.0, 90.0, 2800.0))
LOW = circle(720e3, 98.3, 20.0)
EQUATOR = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def lookup(found: xr.Dataset, station: str) -> xr.Dataset:
    return found.isel(event=found["station"].values == station)


# --- closed forms: motion on the equator of ITRF


@pytest.mark.parametrize("mask_deg", [0.0, 5.0, 40.0])
def test_duration_over_the_equator_in_closed_form(mask_deg: float) -> None:
    rate, radius_m = 9.5e-4, 7_100e3
    found = passes(
        Circle(radius_m, rate, EQUATOR, "ITRF"), places(E=(90.0, 0.0, 0.0)), START, after(7 * HOUR_S), mask_deg=mask_deg
    )
    mask = np.radians(mask_deg)
    half = np.arccos(RADIUS_M * np.cos(mask) / radius_m) - mask
    assert found.sizes["event"] == 4
    np.testing.assert_allclose(found["duration"], 2 * half / rate, atol=1e-3)
    overhead = (0.5 * np.pi + 2 * np.pi * np.arange(4)) / rate
    np.testing.assert_allclose(times_of(found["culmination"].values) - START, overhead, atol=1e-3)
    np.testing.assert_allclose(found["elevation_culmination"], 90.0, atol=1e-4)
    np.testing.assert_allclose(found["distance_culmination"], radius_m - RADIUS_M, atol=1e-3)
    np.testing.assert_allclose(found["azimuth_rise"], 270.0, atol=1e-6)
    np.testing.assert_allclose(found["azimuth_set"], 90.0, atol=1e-6)
    # law of cosines, and its derivative
    distance = np.sqrt(radius_m**2 + RADIUS_M**2 - 2 * radius_m * RADIUS_M * np.cos(half))
    rate_ms = radius_m * RADIUS_M * np.sin(half) * rate / distance
    np.testing.assert_allclose(found["distance_set"], distance, atol=0.1)
    np.testing.assert_allclose(found["range_rate_set"], rate_ms, atol=1e-3)
    np.testing.assert_allclose(found["range_rate_rise"], -rate_ms, atol=1e-3)
    np.testing.assert_allclose(found["doppler_one_way_rise"], 2.2e9 * rate_ms / C_MS, rtol=1e-6)
    np.testing.assert_allclose(found["doppler_two_way_set"], -2 * 2.2e9 * rate_ms / C_MS, rtol=1e-6)


def test_a_satellite_that_never_sets() -> None:
    still = Circle(42_164e3, 0.0, EQUATOR, "ITRF")
    found = passes(still, places(E=(10.0, 5.0, 0.0), W=(178.0, 0.0, 0.0)), START, after(DAY_S))
    assert found["station"].values.tolist() == ["E"]
    assert int(found["start_edge"][0]) == int(found["stop_edge"][0]) == 1
    assert float(found["duration"][0]) == DAY_S
    assert abs(float(found["range_rate_rise"][0])) < 1e-6


def test_the_highest_of_many_culminations_is_told() -> None:
    """An inclined 24-hour orbit stays up for days and culminates once in each."""
    slow = Circle(42_164e3, 7.292115e-5, np.array([[0.9, 0.0, 0.43589], [0.0, 1.0, 0.0]]))
    found = passes(slow, places(N=(0.0, 89.0, 0.0), S=(0.0, -89.0, 0.0)), START, after(3 * DAY_S))
    for event in range(found.sizes["event"]):
        one = found.isel(event=event)
        times = times_of(one["start"].values) + np.arange(0.0, float(one["duration"]), 240.0)
        latitude = 89.0 if str(one["station"].values) == "N" else -89.0
        altitude, _, _ = look(slow, times, 0.0, latitude, 0.0)
        assert float(one["elevation_culmination"]) >= altitude.max() - 1e-6


# --- against astropy


def altitude_over(station: tuple[float, float, float], mask_deg: float):
    return lambda times: look(LOW, times, *station)[0] > mask_deg


@pytest.mark.parametrize("mask_deg", [0.0, 10.0])
def test_rise_and_set_against_a_search_every_10_ms(mask_deg: float) -> None:
    """Asked: 1 s. The search resolves 5 ms; the frames agree to 1 cm, crossed in a microsecond."""
    found = lookup(passes(LOW, STATIONS, START, after(DAY_S), mask_deg=mask_deg), "KIR")
    assert found.sizes["event"] >= 9
    for name in ("start", "stop"):
        for value in found[name].values[:3]:
            time = times_of(value)
            true = first_change(altitude_over(KIRUNA, mask_deg), Times.concatenate([time + -2.0, time + 2.0]))
            assert abs(float((true - time)[0])) < 0.011


def test_directions_distances_and_rates_against_astropy() -> None:
    found = lookup(passes(LOW, STATIONS, START, after(DAY_S), mask_deg=3.0), "KIR")
    for name, moment in (("start", "rise"), ("culmination", "culmination"), ("stop", "set")):
        times = times_of(found[name].values)
        altitude, azimuth, distance = look(LOW, times, *KIRUNA)
        # astropy's AltAz adds the diurnal aberration, 0.3 arcsec; polar motion is in both
        np.testing.assert_allclose(found[f"azimuth_{moment}"], azimuth, atol=5e-4)
        np.testing.assert_allclose(found[f"distance_{moment}"], distance, atol=0.05)
        np.testing.assert_allclose(
            altitude, found["elevation_culmination"] if moment == "culmination" else 3.0, atol=2e-4
        )
        if moment != "culmination":
            ahead, behind = (look(LOW, times + shift, *KIRUNA)[2] for shift in (0.5, -0.5))
            np.testing.assert_allclose(found[f"range_rate_{moment}"], ahead - behind, atol=0.05)
    # nothing is higher than the culmination
    for shift in (-0.5, 0.5):
        assert (
            look(LOW, times_of(found["culmination"].values) + shift, *KIRUNA)[0] < found["elevation_culmination"].values
        ).all()


def test_all_passes_are_found_and_no_others() -> None:
    found = passes(LOW, STATIONS, START, after(DAY_S), mask_deg=5.0)
    times = START + np.arange(0.0, DAY_S, 45.0)
    for station, place in (("KIR", KIRUNA), ("AUS", (1.4994, 43.4287, 260.0)), ("POLE", (0.0, 90.0, 2800.0))):
        mine = lookup(found, station)
        inside = np.zeros(len(times), bool)
        for start, stop in zip(
            times_of(mine["start"].values).tai_ns, times_of(mine["stop"].values).tai_ns, strict=True
        ):
            inside |= (times.tai_ns > start) & (times.tai_ns < stop)
        np.testing.assert_array_equal(inside, look(LOW, times, *place)[0] > 5.0)
    # every revolution of a polar orbit passes over the pole
    assert lookup(found, "POLE").sizes["event"] == 15


def test_grazing_passes() -> None:
    """The mask set just below and above a culmination: a pass of a second or two is found, or none."""
    found = lookup(passes(LOW, STATIONS, START, after(DAY_S), mask_deg=5.0), "AUS")
    first = found.isel(event=0)
    top = float(first["elevation_culmination"])
    lower, upper = (
        lookup(passes(LOW, STATIONS, START, after(HOUR_S * 24), mask_deg=top + shift), "AUS") for shift in (-1e-5, 1e-5)
    )
    assert lower.sizes["event"] == upper.sizes["event"] + 1
    short = lower.isel(event=int(np.argmin(lower["duration"].values)))
    assert 0.1 < float(short["duration"]) < 10.0
    assert abs((short["culmination"].values - first["culmination"].values) / np.timedelta64(1, "s")) < 0.05


# --- masks


def mask_file(folder: Path, text: str) -> Path:
    path = folder / "masks.csv"
    path.write_text("station,azimuth_deg,elevation_deg\n" + text, encoding="utf-8")
    return path


def test_a_level_table_is_one_elevation(tmp_path: Path) -> None:
    lines = "".join(f"{name},{azimuth},5\n" for name in STATIONS.names for azimuth in (300, 0, 120))
    masks = read_masks(mask_file(tmp_path, lines))
    plain, tabled = (passes(LOW, STATIONS, START, after(DAY_S), mask_deg=mask) for mask in (5.0, masks))
    for name in ("start", "stop", "culmination"):
        np.testing.assert_allclose((tabled[name].values - plain[name].values) / np.timedelta64(1, "s"), 0.0, atol=1e-3)


def test_a_hill_cuts_passes_where_it_stands(tmp_path: Path) -> None:
    """A hill of 35 deg north of the station, 2 deg elsewhere; compared with astropy every 15 s."""
    points = ((0, 35.0), (30, 35.0), (40, 2.0), (320, 2.0), (-30, 35.0))
    masks = read_masks(mask_file(tmp_path, "".join(f"KIR,{az},{el}\n" for az, el in points)))
    found = passes(LOW, places(KIR=KIRUNA), START, after(DAY_S), mask_deg=masks)
    times = START + np.arange(0.0, DAY_S, 15.0)
    altitude, azimuth, _ = look(LOW, times, *KIRUNA)
    mask = np.interp(azimuth, [0, 30, 40, 320, 330, 360], [35.0, 35.0, 2.0, 2.0, 35.0, 35.0])
    inside = np.zeros(len(times), bool)
    for start, stop in zip(times_of(found["start"].values).tai_ns, times_of(found["stop"].values).tai_ns, strict=True):
        inside |= (times.tai_ns > start) & (times.tai_ns < stop)
    np.testing.assert_array_equal(inside, altitude > mask)
    # rise and set stand on the mask
    for name in ("start", "stop"):
        altitude, azimuth, _ = look(LOW, times_of(found[name].values), *KIRUNA)
        np.testing.assert_allclose(
            altitude, np.interp(azimuth, [0, 30, 40, 320, 330, 360], [35, 35, 2, 2, 35, 35]), atol=1e-3
        )


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "no mask"),
        ("KIR,0,x\n", "no number"),
        ("KIR,0,nan\n", "elevation nan"),
        ("KIR,400,5\n", "azimuth 400"),
        ("KIR,10,95\n", "elevation 95"),
        (",10,5\n", "give a name"),
        ("KIR,0,5\nKIR,360,6\n", "keep one"),
        ("AUS,0,5\n", "'KIR' has no mask"),
    ],
)
def test_wrong_masks_are_refused(tmp_path: Path, text: str, word: str) -> None:
    with pytest.raises(OrbitError, match=word) as raised:
        passes(LOW, STATIONS, START, after(HOUR_S), mask_deg=read_masks(mask_file(tmp_path, text)))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "options", [{"mask_deg": 90.0}, {"mask_deg": float("nan")}, {"carrier_hz": 0.0}, {"carrier_hz": float("nan")}]
)
def test_wrong_options_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(OrbitError, match="give"):
        passes(LOW, STATIONS, START, after(HOUR_S), **options)


# --- refraction and light time


def test_refraction_lengthens_passes_by_what_it_lifts() -> None:
    """Saemundsson as printed by Meeus (Astronomical Algorithms, 2nd ed., example 16.a): 24.618' at a true altitude of 33' 14.76''."""
    from orbit_aux.events.ground_view import refraction_rad

    lift = np.degrees(refraction_rad(np.radians(np.array([33.0 / 60 + 14.76 / 3600]))))[0] * 60
    assert lift == pytest.approx(24.618, abs=0.001)
    plain = lookup(passes(LOW, STATIONS, START, after(DAY_S)), "KIR")
    bent = lookup(passes(LOW, STATIONS, START, after(DAY_S), refraction=True), "KIR")
    altitude, _, _ = look(LOW, times_of(bent["start"].values), *KIRUNA)
    # where the apparent elevation is 0 the true one is -34.5' by the same formula, solved here by iteration
    true = 0.0
    for _ in range(50):
        true = -1.02 / 60 / np.tan(np.radians(true + 10.3 / (true + 5.11)))
    np.testing.assert_allclose(altitude, true, atol=1e-3)
    assert (bent["duration"].values[:5] > plain["duration"].values[:5] + 10.0).all()


def test_light_time_tells_times_of_reception() -> None:
    """Against a search with the place of the satellite when its light left, in GCRF: later by distance/c, up to 10 ms."""
    station = EarthLocation.from_geodetic(KIRUNA[0] * u.deg, KIRUNA[1] * u.deg, KIRUNA[2] * u.m)
    plain, late = (
        lookup(passes(LOW, STATIONS, START, after(DAY_S), mask_deg=5.0, light_time=on), "KIR") for on in (False, True)
    )
    delay_s = plain["distance_rise"].values / C_MS
    shift_s = (late["start"].values - plain["start"].values) / np.timedelta64(1, "s")
    # the station moves on by 0.2 to 0.5 km/s meanwhile, against 5 to 7 km/s of the satellite
    np.testing.assert_allclose(shift_s, delay_s, rtol=0.1)
    times = times_of(late["start"].values)
    place, _ = station.get_gcrs_posvel(astropy_time(times))
    up_times = LOW.at(times + -late["distance_rise"].values / C_MS).position_m
    distance = np.linalg.norm(up_times - place.xyz.to_value(u.m).T, axis=1)
    np.testing.assert_allclose(late["distance_rise"], distance, atol=0.05)


# --- invariants


def test_order_of_stations_and_company_do_not_matter() -> None:
    together = passes(LOW, STATIONS, START, after(DAY_S), mask_deg=5.0)
    alone = passes(LOW, places(KIR=KIRUNA), START, after(DAY_S), mask_deg=5.0)
    xr.testing.assert_identical(lookup(together, "KIR"), alone)
    assert (np.diff(together["start"].values) >= np.timedelta64(0)).all()


def test_a_turn_of_earth_and_orbit_changes_nothing() -> None:
    """Stations and a motion of ITRF turned by 100 deg together: the same passes to the tolerance of the search."""

    def turned(angle_deg: float) -> xr.Dataset:
        c, s = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
        axes = np.array([[0.8, 0.0, 0.6], [0.0, 1.0, 0.0]]) @ np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])
        stations = places(A=(10.0 + angle_deg, 30.0, 0.0), B=(-40.0 + angle_deg, -20.0, 0.0))
        return passes(Circle(7_100e3, 9.9e-4, axes, "ITRF"), stations, START, after(DAY_S), mask_deg=5.0)

    plain, other = turned(0.0), turned(100.0)
    assert plain.sizes["event"] > 10 and plain["station"].values.tolist() == other["station"].values.tolist()
    np.testing.assert_allclose((other["start"].values - plain["start"].values) / np.timedelta64(1, "s"), 0.0, atol=1e-3)
    np.testing.assert_allclose(other["azimuth_rise"], plain["azimuth_rise"], atol=1e-4)


def test_records_frames_and_gaps() -> None:
    """An ephemeris in ITRF answers as the motion itself; a gap cuts a pass in two."""
    orbit = ephemeris(LOW, 12 * HOUR_S)
    states = State(orbit.times, orbit.position_m, orbit.velocity_ms, "GCRF").to("ITRF")
    turned = Orbit("MADE", "X", "ITRF", states.times, states.position_m, states.velocity_ms, "turned")
    truth = passes(LOW, STATIONS, START, after(12 * HOUR_S), mask_deg=5.0)
    for other in (orbit, turned):
        found = passes(other, STATIONS, START, after(12 * HOUR_S), mask_deg=5.0)
        np.testing.assert_allclose(
            (found["start"].values - truth["start"].values) / np.timedelta64(1, "s"), 0.0, atol=1e-3
        )
    middle = float((times_of(truth["culmination"].values[:1]) - START)[0])
    cut = passes(
        ephemeris(LOW, 12 * HOUR_S, ((middle - 30.0, middle + 30.0),)),
        STATIONS,
        START,
        after(12 * HOUR_S),
        mask_deg=5.0,
    )
    mine = lookup(cut, str(truth["station"].values[0]))
    assert mine["stop_edge"].values[:2].tolist() == [2, 0] and mine["start_edge"].values[:2].tolist() == [0, 2]
    assert mine["stop"].values[0] == after(middle - 30.0).utc_datetime64()[0]


@pytest.mark.parametrize("table", [False, True])
def test_the_step_of_the_search_does_not_matter(table: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve times as many samples find the same passes over a high mask, where many last less than a step, and over hills."""
    azimuths = np.radians(np.arange(0.0, 360.0, 10.0))
    hills = Masks(dict.fromkeys(STATIONS.names, (azimuths, np.radians(8.0 + 6.0 * np.sin(5 * azimuths)))), "hills")
    mask = hills if table else 69.0
    found = passes(LOW, STATIONS, START, after(3 * DAY_S), mask_deg=mask)
    monkeypatch.setattr(samples, "sampling_step_s", lambda *_: 5.0)
    for cache in (samples.inertial_pieces, samples.fixed_pieces):
        cache.cache_clear()
    again = passes(LOW, STATIONS, START, after(3 * DAY_S), mask_deg=mask)
    for cache in (samples.inertial_pieces, samples.fixed_pieces):
        cache.cache_clear()
    assert found.sizes == again.sizes and found.sizes["event"] >= 3
    if not table:
        assert (found["duration"] < 60.0).any()
    for name in ("start", "culmination", "stop"):
        np.testing.assert_allclose((again[name].values - found[name].values) / np.timedelta64(1, "s"), 0.0, atol=1e-3)


def test_pieces_of_the_interval_join() -> None:
    whole = lookup(passes(LOW, STATIONS, START, after(DAY_S)), "KIR")
    middle = times_of(whole["start"].values[3:4]) + 100.0
    parts = [lookup(passes(LOW, STATIONS, a, b), "KIR") for a, b in ((START, middle), (middle, after(DAY_S)))]
    assert parts[0]["stop_edge"].values[-1] == parts[1]["start_edge"].values[0] == 1
    starts = np.concatenate([part["start"].values[part["start_edge"].values == 0] for part in parts])
    difference = (starts - whole["start"].values[whole["start_edge"].values == 0]) / np.timedelta64(1, "s")
    np.testing.assert_allclose(difference, 0.0, atol=1e-3)


def test_nobody_is_passed() -> None:
    """An equatorial orbit never rises at the pole: no event, but all columns."""
    found = passes(circle(500e3, 0.0), places(POLE=(0.0, 90.0, 0.0)), START, after(DAY_S))
    assert found.sizes["event"] == 0 and found["culmination"].dtype == "datetime64[ns]" and "azimuth_set" in found


def test_shipped_stations_are_read() -> None:
    stations = read_stations(ROOT / "configs" / "stations" / "passes.csv")
    assert stations.names == ("KIR", "AUS", "KRU", "HBK", "GDS")
    assert passes(LOW, stations, START, after(DAY_S), mask_deg=5.0).sizes["event"] > 20
