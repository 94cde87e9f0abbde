"""Eclipses against closed forms of spheres and against rays from the limb of astropy's Sun past the ellipsoid."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from orbit_aux.errors import OrbitError
from orbit_aux.events import samples
from orbit_aux.events.eclipses import beta_angle, eclipses
from orbit_aux.time import Times
from tests.orbit_aux.events.made import (
    DAY_S,
    HOUR_S,
    START,
    Circle,
    after,
    circle,
    earth_fixed,
    ephemeris,
    first_change,
    sun_gcrf_m,
    times_of,
)

RADIUS_M, POLAR_M, SUN_M = 6_378_137.0, 6_356_752.314245, 696e6
CONTACTS = ("start", "umbra_start", "umbra_stop", "stop")


def hidden_share(trajectory: Circle, times: Times) -> np.ndarray:
    """Share of 720 points of the Sun's limb hidden by the WGS84 ellipsoid: rays in ITRF, all by astropy."""
    satellite = earth_fixed(times, trajectory.at(times).position_m)
    sun = earth_fixed(times, sun_gcrf_m(times))
    line = sun - satellite
    distance = np.linalg.norm(line, axis=1, keepdims=True)
    line = line / distance
    side = np.cross(line, satellite)
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    other = np.cross(line, side)
    radius = np.tan(np.arcsin(SUN_M / distance))
    scale = np.array([1 / RADIUS_M, 1 / RADIUS_M, 1 / POLAR_M])
    hidden = np.zeros(len(times))
    angles = np.arange(720) * (2 * np.pi / 720)
    for angle in angles:
        ray = (line + radius * (np.cos(angle) * side + np.sin(angle) * other)) * scale
        origin = satellite * scale
        along = np.sum(ray * origin, axis=1)
        nearest = np.sum(origin**2, axis=1) - along**2 / np.sum(ray**2, axis=1)
        hidden += (along < 0) & (nearest < 1.0)
    return hidden / len(angles)


@pytest.mark.parametrize(
    "trajectory",
    [
        circle(720e3, 98.3, 20.0),
        circle(410e3, 51.6, 200.0),
        circle(720e3, 98.3, 140.0),
        # along the ecliptic, so that it meets the shadow in June too
        circle(35_786e3, 23.4, 0.0, 200.0),
    ],
    ids=["sun-synchronous", "low", "large beta", "geostationary height"],
)
def test_contacts_against_rays_from_the_limb(trajectory: Circle) -> None:
    """Asked: 0.5 s. The ray test is exact but for 720 points (1e-5 of the Sun's radius: 0.1 ms); contacts by trying every 10 ms."""
    found = eclipses(trajectory, START, after(DAY_S))
    events = found.isel(event=np.flatnonzero((found["start_edge"] == 0) & (found["stop_edge"] == 0)))
    assert events.sizes["event"] > 0
    for name in CONTACTS:
        for value in events[name].values[:1]:
            time = times_of(value)
            outer = name in ("start", "stop")
            true = first_change(
                lambda t, outer=outer: hidden_share(trajectory, t) > (0.0 if outer else 1 - 1e-9),
                Times.concatenate([time + -0.4, time + 0.4]),
            )
            assert abs(float((true - time)[0])) < 0.03, name


def angle_from_sun(trajectory: Circle, times: Times) -> np.ndarray:
    """At the centre of the Earth, rad, between the satellite and astropy's Sun."""
    position, sun = trajectory.at(times).position_m, sun_gcrf_m(times)
    return np.arctan2(np.linalg.norm(np.cross(position, sun), axis=1), np.sum(position * sun, axis=1))


@pytest.mark.parametrize("sun_radius_m", [SUN_M, 0.0])
def test_contacts_of_spheres_in_closed_form(sun_radius_m: float) -> None:
    """A line that touches two spheres fixes the angle at the Earth's centre: acos((R -+ Rs)/d) + acos(R/r)."""
    trajectory = circle(720e3, 98.3, 20.0)
    found = eclipses(trajectory, START, after(DAY_S), sun_radius_m=sun_radius_m, flattening=0.0)
    found = found.isel(event=found["stop_edge"].values == 0)
    assert found.sizes["event"] >= 13
    for name in CONTACTS:
        times = times_of(found[name].values)
        distance = np.linalg.norm(sun_gcrf_m(times), axis=1)
        sign = 1.0 if name in ("start", "stop") else -1.0
        limit = np.arccos((RADIUS_M + sign * sun_radius_m) / distance) + np.arccos(RADIUS_M / trajectory.radius_m)
        late_s = (angle_from_sun(trajectory, times) - limit) / trajectory.rate_rads
        # astropy's Sun is the same within 1e-7 rad, which a satellite crosses in 0.1 ms; the search stops at 0.1 ms
        np.testing.assert_allclose(late_s, 0.0, atol=2e-3)


def test_duration_in_the_plane_of_the_sun() -> None:
    """Orbit through the Sun: in shadow over 2 (pi - psi), at the rate of the satellite less that of the Sun."""
    sun = sun_gcrf_m(after(HOUR_S))[0]
    first = sun / np.linalg.norm(sun)
    across = np.cross([0.0, 0.0, 1.0], first)
    second = across / np.linalg.norm(across)
    trajectory = Circle(7_098e3, 1.056e-3, np.stack([first, second]))
    found = eclipses(trajectory, START, after(2 * HOUR_S), sun_radius_m=0.0, flattening=0.0)
    assert abs(float(found["beta"][0])) < 0.01
    psi = np.arccos(RADIUS_M / np.linalg.norm(sun)) + np.arccos(RADIUS_M / 7_098e3)
    speeds = trajectory.rate_rads - 2 * np.pi / (365.25 * DAY_S)
    # the Sun's own rate varies by 3 % over the year and with its declination by 9 %: 0.05 s
    assert float(found["duration"][0]) == pytest.approx(2 * (np.pi - psi) / speeds, abs=0.06)


def test_flattening_shortens_polar_contacts() -> None:
    """Satellites that go behind the Earth near a pole see up to 21 km less of it at either end: some seconds each."""
    trajectory = circle(720e3, 98.3, 20.0)
    round_, flat = (eclipses(trajectory, START, after(DAY_S), flattening=f) for f in (0.0, 1 / 298.257223563))
    shorter = (round_["duration"].values - flat["duration"].values)[:-1]
    # 21 km across the limb, which is reached at 7.5 km/s times the sine of 26 deg, the dip of the horizon: 6.5 s at most at each end
    assert (shorter > 1.0).all() and (shorter < 14.0).all()


def test_sunlight_without_end_and_its_beta() -> None:
    normal = sun_gcrf_m(START)[0] / np.linalg.norm(sun_gcrf_m(START)[0])
    first = np.cross(normal, [0.0, 0.0, 1.0]) / np.linalg.norm(np.cross(normal, [0.0, 0.0, 1.0]))
    facing = Circle(7_500e3, 9.7e-4, np.stack([first, np.cross(normal, first)]))
    found = eclipses(facing, START, after(DAY_S))
    assert found.sizes["event"] == 0 and found["start"].dtype == "datetime64[ns]"
    assert found.attrs["lit_share_of_interval"] == 1.0
    # the Sun stands on the side of the angular momentum, in the opposite sense below the plane
    assert float(beta_angle(facing, START)[0]) == pytest.approx(90.0, abs=0.01)
    against = Circle(7_500e3, 9.7e-4, np.stack([first, -np.cross(normal, first)]))
    assert float(beta_angle(against, START)[0]) == pytest.approx(-90.0, abs=0.01)


def test_penumbra_alone_has_no_umbra() -> None:
    """Orbits tilted step by step out of the Sun's plane: some pass through the penumbra only."""
    sun = sun_gcrf_m(after(HOUR_S))[0]
    first = sun / np.linalg.norm(sun)
    across = np.cross([0.0, 0.0, 1.0], first)
    across /= np.linalg.norm(across)
    seen = []
    for beta in np.radians(np.arange(60.0, 66.0, 0.1)):
        axis = np.cos(beta) * first + np.sin(beta) * np.cross(first, across)
        found = eclipses(Circle(7_098e3, 1.056e-3, np.stack([axis, across])), START, after(1.6 * HOUR_S))
        seen += [found.isel(event=k) for k in range(found.sizes["event"])]
    alone = [event for event in seen if np.isnat(event["umbra_start"].values)]
    assert alone and all(float(event["umbra_duration"]) == 0.0 and float(event["lit_share"]) == 1.0 for event in alone)
    assert any(float(event["umbra_duration"]) > 0 for event in seen)


def merged(parts: list[xr.Dataset]) -> list[np.datetime64]:
    """Contacts of pieces of an interval, without the cuts between them."""
    return sorted(
        time
        for part in parts
        for edge, name in (("start_edge", "start"), ("stop_edge", "stop"))
        for time in part[name].values[part[edge].values == 0]
    )


def test_pieces_of_the_interval_join() -> None:
    trajectory = ephemeris(circle(720e3, 98.3, 20.0), DAY_S)
    whole = eclipses(trajectory, START, after(DAY_S))
    # cut in the middle of an eclipse
    cut = times_of(whole["start"].values[4]) + 700.0
    parts = [eclipses(trajectory, START, cut), eclipses(trajectory, cut, after(DAY_S))]
    assert parts[0]["stop_edge"].values[-1] == 1 and parts[1]["start_edge"].values[0] == 1
    assert parts[0]["stop"].values[-1] == parts[1]["umbra_start"].values[0] == cut.utc_datetime64()[0]
    difference = (np.array(merged(parts)) - np.array(merged([whole]))) / np.timedelta64(1, "s")
    np.testing.assert_allclose(difference, 0.0, atol=1e-3)


def test_the_step_of_the_search_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    trajectory = circle(720e3, 98.3, 20.0)
    found = eclipses(trajectory, START, after(DAY_S))
    monkeypatch.setattr(samples, "sampling_step_s", lambda *_: 17.0)
    samples.inertial_pieces.cache_clear()
    again = eclipses(trajectory, START, after(DAY_S))
    samples.inertial_pieces.cache_clear()
    for name in CONTACTS:
        difference = (again[name].values - found[name].values) / np.timedelta64(1, "s")
        np.testing.assert_allclose(difference, 0.0, atol=1e-3)


def test_no_eclipse_spans_a_gap() -> None:
    whole = eclipses(circle(720e3, 98.3, 20.0), START, after(6 * HOUR_S))
    begin, end = (times_of(whole["start"].values[:1]) - START)[0], (times_of(whole["stop"].values[:1]) - START)[0]
    middle = 0.5 * (begin + end)
    orbit = ephemeris(circle(720e3, 98.3, 20.0), 6 * HOUR_S, ((middle - 120.0, middle + 120.0),))
    found = eclipses(orbit, START, after(6 * HOUR_S))
    assert found.sizes["event"] == whole.sizes["event"] + 1
    assert found["stop_edge"].values[:2].tolist() == [2, 0] and found["start_edge"].values[:2].tolist() == [0, 2]
    assert found["stop"].values[0] == after(middle - 120.0).utc_datetime64()[0]
    assert found["umbra_start"].values[1] == after(middle + 120.0).utc_datetime64()[0]
    # the share of sunlight counts the covered time only
    lost = float(whole["umbra_duration"].sum() - found["umbra_duration"].sum())
    assert lost == pytest.approx(240.0, abs=1e-3)
    assert found.attrs["covered_s"] == pytest.approx(6 * HOUR_S - 240.0)


def test_segments_that_touch_are_one() -> None:
    whole = eclipses(circle(720e3, 98.3, 20.0), START, after(3 * HOUR_S))
    cut = float((times_of(whole["start"].values[:1]) - START)[0]) + 500.0
    orbit = ephemeris(circle(720e3, 98.3, 20.0), 3 * HOUR_S, ((cut, cut),))
    assert len(orbit.segments) == 2
    found = eclipses(orbit, START, after(3 * HOUR_S))
    difference = (found["stop"].values - whole["stop"].values) / np.timedelta64(1, "s")
    np.testing.assert_allclose(difference, 0.0, atol=1e-3)


def test_lit_share_counts_the_umbra() -> None:
    found = eclipses(circle(720e3, 98.3, 20.0), START, after(DAY_S))
    np.testing.assert_allclose(
        found["lit_share"], 1 - found["umbra_duration"] / (2 * np.pi / circle(720e3, 98.3).rate_rads)
    )
    assert found.attrs["lit_share_of_interval"] == pytest.approx(1 - float(found["umbra_duration"].sum()) / DAY_S)


@pytest.mark.parametrize(
    ("options", "word"),
    [({"sun_radius_m": float("nan")}, "Sun radius nan"), ({"flattening": 298.257}, "flattening 298.257")],
)
def test_wrong_options_are_refused(options: dict[str, float], word: str) -> None:
    with pytest.raises(OrbitError, match=word):
        eclipses(circle(720e3, 98.3), START, after(DAY_S), **options)
