"""Moon slots against a dense look at every limit by other formulas, and what must not matter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import xarray as xr

from orbit_aux.errors import OrbitError
from orbit_aux.events.eclipses import eclipses
from orbit_aux.events.moon_slots import MoonLimits, moon_slots
from orbit_aux.frames import State
from orbit_aux.orbit import Orbit
from orbit_aux.time import Times

Array = np.ndarray
START = Times.from_utc("2019-03-17T18:00:00")
HOURS = 102.0
PHASES = (-40.0, -7.0, 7.0)


@dataclass(frozen=True)
class Circle:
    """A circular orbit about the GCRF axes that precesses with the Sun, of 720 km."""

    object_name: str = "CIRCLE"
    radius_m: float = 7.098e6
    rate: float = 1.0557e-3
    node_deg: float = 330.0

    def at(self, times: Times) -> State:
        seconds = (times.tai_ns - START.tai_ns[0]) * 1e-9
        u, i, node = self.rate * seconds, np.radians(98.27), np.radians(self.node_deg) + 1.99e-7 * seconds
        along = np.stack([np.cos(node), np.sin(node), np.zeros_like(node)], -1)
        across = np.stack([-np.sin(node) * np.cos(i), np.cos(node) * np.cos(i), np.full_like(node, np.sin(i))], -1)
        c, s = np.cos(u)[:, None], np.sin(u)[:, None]
        speed = self.radius_m * self.rate
        return State(times, self.radius_m * (c * along + s * across), speed * (c * across - s * along), "GCRF")

    def covers(self, times: Times) -> Array:
        return np.ones(len(times), bool)


def found(
    limits: MoonLimits | None = None, hours: tuple[float, float] = (0.0, HOURS), phases: tuple[float, ...] = PHASES
) -> xr.Dataset:
    return moon_slots(Circle(), START + 3600.0 * hours[0], START + 3600.0 * hours[1], phases, limits or MoonLimits())


def seconds(values: xr.DataArray) -> Array:
    return (Times.from_utc(np.atleast_1d(values.values)).tai_ns - START.tai_ns[0]) * 1e-9


@pytest.fixture(scope="module")
def slots() -> xr.Dataset:
    return found()


@pytest.fixture(scope="module")
def dense() -> dict[str, Array]:
    """Every 20 s: Sun, Moon and satellite by astropy's built-in ephemeris (the Moon good to 40 arcsec or so), angles by arccosines."""
    import astropy.units as u
    from astropy.coordinates import get_body_barycentric, solar_system_ephemeris
    from astropy.time import Time

    t = np.arange(0.0, HOURS * 3600.0, 20.0)
    times = START[np.zeros(len(t), int)] + t
    # bodies move slowly: every 20 minutes and splines between
    from scipy.interpolate import CubicSpline

    coarse = np.arange(-3600.0, HOURS * 3600.0 + 3601.0, 1200.0)
    epochs = Time("2019-03-17T18:00:00", scale="utc") + coarse * u.s
    with solar_system_ephemeris.set("builtin"):
        places = {body: get_body_barycentric(body, epochs).xyz.to_value(u.m).T for body in ("sun", "moon", "earth")}
    earth = CubicSpline(coarse, places["earth"])(t)
    sun, moon = (CubicSpline(coarse, places[body])(t) - earth for body in ("sun", "moon"))
    place = Circle().at(times).position_m
    to_moon, to_sun = moon - place, sun - place
    angle = angle_deg(sun - moon, place - moon)
    # waxing while the Moon's ecliptic longitude is less than half a turn ahead of the Sun's
    pole = np.array([0.0, -np.sin(np.radians(23.4392911)), np.cos(np.radians(23.4392911))])
    ahead = np.sum(np.cross(to_sun, to_moon) * pole, axis=1) > 0
    distance = np.linalg.norm(to_moon, axis=1)
    radius = np.degrees(1_737_400.0 / distance)
    dip = np.degrees(np.arccos(6_378_137.0 / np.linalg.norm(place, axis=1)))
    # elevation over the local horizontal plane, plus the dip of the horizon
    limb = 90.0 - angle_deg(to_moon, place) + dip - radius
    return {
        "t": t,
        "phase": np.where(ahead, -angle, angle),
        "limb": limb,
        "sun": angle_deg(to_moon, to_sun),
        "distance": distance,
    }


def angle_deg(one: Array, other: Array) -> Array:
    return np.degrees(np.arccos(np.sum(one * other, 1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)))


@pytest.mark.parametrize(
    "limits",
    [
        MoonLimits(),
        MoonLimits(tolerance_deg=3.0, limb_deg=20.0),
        MoonLimits(tolerance_deg=0.5, limb_deg=-90.0, sun_deg=0.0),
        MoonLimits(tolerance_deg=2.0, limb_deg=30.0, shadow="exclude"),
    ],
)
def test_a_dense_look_finds_the_same(dense: dict[str, Array], limits: MoonLimits) -> None:
    slots = found(limits)
    dark = np.zeros(len(dense["t"]), bool)
    if limits.shadow == "exclude":
        shadows = eclipses(Circle(), START, START + 3600.0 * HOURS)
        for begin, end in zip(seconds(shadows["start"]), seconds(shadows["stop"]), strict=True):
            dark |= (dense["t"] > begin) & (dense["t"] < end)
    for phase in PHASES:
        margin = np.min(
            [
                limits.tolerance_deg - np.abs(dense["phase"] - phase),
                dense["limb"] - limits.limb_deg,
                dense["sun"] - limits.sun_deg,
            ],
            axis=0,
        )
        mine = slots.isel(event=slots["wanted_phase"].values == phase)
        inside = ((dense["t"][:, None] > seconds(mine["start"])) & (dense["t"][:, None] < seconds(mine["stop"]))).any(
            axis=1
        )
        # the Moon there is good to 40 arcsec; the edges of shadows are the same on both sides
        clear = np.abs(margin) > 0.02
        np.testing.assert_array_equal(inside[clear], (margin > 0.0)[clear] & ~dark[clear])
        assert inside.sum() > 20


def test_values_at_the_best_time(slots: xr.Dataset, dense: dict[str, Array]) -> None:
    assert slots.sizes["event"] > 8
    best = seconds(slots["time"])
    assert ((best >= seconds(slots["start"]) - 1e-3) & (best <= seconds(slots["stop"]) + 1e-3)).all()
    for name, scale, tolerance in (("phase", 1.0, 0.02), ("moon_distance", 1e3, 30e3)):
        key = {"phase": "phase", "moon_distance": "distance"}[name]
        np.testing.assert_allclose(slots[name].values * scale, np.interp(best, dense["t"], dense[key]), atol=tolerance)
    np.testing.assert_allclose(slots["limb_angle"], np.interp(best, dense["t"], dense["limb"]), atol=0.05)
    np.testing.assert_allclose(slots["sun_angle"], np.interp(best, dense["t"], dense["sun"]), atol=0.05)
    # Sun, Moon and satellite make a triangle: the angle at the Sun is below 0.16 deg
    np.testing.assert_allclose(slots["sun_angle"], 180.0 - np.abs(slots["phase"]), atol=0.16)
    np.testing.assert_allclose(slots["lit_fraction"], np.cos(np.radians(slots["phase"] / 2.0)) ** 2, atol=1e-12)
    np.testing.assert_allclose(
        slots["apparent_radius"], np.degrees(np.arcsin(1737.4 / slots["moon_distance"])), atol=1e-9
    )
    for event in range(slots.sizes["event"]):
        one = slots.isel(event=event)
        inside = (dense["t"] > seconds(one["start"])) & (dense["t"] < seconds(one["stop"]))
        nearest = np.abs(dense["phase"][inside] - one["wanted_phase"].item()).min()
        # 20 s of the look: 0.02 deg at 1 deg a quarter of a revolution
        assert abs(abs(one["phase"].item() - one["wanted_phase"].item()) - nearest) < 0.04


def test_at_the_ends_a_limit_is_met(slots: xr.Dataset) -> None:
    """Each end is a crossing of some limit: phase, or limb (the Sun is far, the Moon not eclipsed)."""
    for end in ("start", "stop"):
        assert (slots[f"{end}_edge"] == 0).all()
        phase = np.abs(np.abs(slots[f"phase_{end}"] - slots["wanted_phase"]) - 1.0)
        times = Times.from_utc(slots[end].values)
        from orbit_aux.moon_view import moon_geometry

        place = Circle().at(times).position_m
        seen = moon_geometry(times, place)
        limb = 90.0 - angle_deg(seen["moon_direction"].values, place) + np.degrees(np.arccos(6_378_137.0 / 7.098e6))
        limb = limb - np.degrees(seen["apparent_radius"].values)
        # ends are good to 0.1 ms, angles change by 0.06 deg/s at most
        assert (np.minimum(phase.values, np.abs(limb - 5.0)) < 1e-4).all()


def test_preferring_the_shadow_moves_only_the_best_time(slots: xr.Dataset) -> None:
    preferred = found(MoonLimits(shadow="prefer"))
    np.testing.assert_array_equal(preferred["start"], slots["start"])
    assert (preferred["in_umbra"].values == (preferred["umbra_share"].values > 0)).all()
    assert 0 < slots["in_umbra"].sum() < preferred["in_umbra"].sum()
    shadows = eclipses(Circle(), START, START + 3600.0 * HOURS)
    begins, ends = seconds(shadows["umbra_start"]), seconds(shadows["umbra_stop"])
    best = seconds(preferred["time"])
    inside = ((best[:, None] >= begins) & (best[:, None] <= ends)).any(axis=1)
    np.testing.assert_array_equal(inside, preferred["in_umbra"].values == 1)
    # the share of the umbra is overlap over duration, sampled every 5 s
    starts, stops = seconds(preferred["start"]), seconds(preferred["stop"])
    overlap = np.clip(np.minimum(stops[:, None], ends) - np.maximum(starts[:, None], begins), 0, None).sum(axis=1)
    np.testing.assert_allclose(preferred["umbra_share"] * (stops - starts), overlap, atol=10.0)


def test_cut_intervals_join(slots: xr.Dataset) -> None:
    inside = 0.5 * (seconds(slots["start"])[3] + seconds(slots["stop"])[3]) / 3600.0
    parts = [found(hours=(0.0, inside)), found(hours=(inside, HOURS))]
    assert parts[0]["stop_edge"].values[-1] == parts[1]["start_edge"].values[0] == 1
    starts = np.concatenate([seconds(part["start"]) for part in parts])
    stops = np.concatenate([seconds(part["stop"]) for part in parts])
    # the joint, of phases that were in progress, falls out
    np.testing.assert_allclose(
        np.sort(starts[np.abs(starts - 3600 * inside) > 1e-3]), seconds(slots["start"]), atol=1e-3
    )
    np.testing.assert_allclose(
        np.sort(stops[np.abs(stops - 3600 * inside) > 1e-3]), np.sort(seconds(slots["stop"])), atol=1e-3
    )


def test_no_slot_while_the_moon_is_in_the_shadow_of_the_earth() -> None:
    """Total eclipse of 2019-01-21: penumbra from 02:36:30 to 07:48:00 UTC (NASA's catalogue)."""
    from dataclasses import replace

    begin = Times.from_utc("2019-01-20T12:00:00")
    wide = moon_slots(replace(Circle()), begin, begin + 86_400.0, [0.0], MoonLimits(tolerance_deg=10.0, limb_deg=-90.0))
    starts, stops = (Times.from_utc(wide[name].values).utc_strings(0) for name in ("start", "stop"))
    assert len(starts) == 2
    published = Times.from_utc(["2019-01-21T02:36:30", "2019-01-21T07:48:00"])
    # the enlargement of the shadow is a convention: 2 % of the Moon's parallax are 3 minutes of contact
    assert np.abs(Times.from_utc([stops[0], starts[1]]) - published).max() < 240.0


def test_without_time_or_chance_there_are_none() -> None:
    assert found(MoonLimits(), (0.0, 2.0), (150.0,)).sizes["event"] == 0


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: MoonLimits(tolerance_deg=0.0), "tolerance 0.0 deg"),
        (lambda: MoonLimits(limb_deg=float("nan")), "least angle nan deg of the Moon from the limb"),
        (lambda: MoonLimits(sun_deg=-1.0), "least angle -1.0 deg of the Moon from the Sun"),
        (lambda: MoonLimits(shadow="maybe"), "satellite in shadow 'maybe'"),
        (lambda: found(phases=()), "no phase"),
        (lambda: found(phases=(181.0,)), "phase 181 deg"),
        (lambda: found(hours=(1.0, 1.0)), "give one start and one later stop"),
    ],
)
def test_what_cannot_be_is_refused(make: object, said: str) -> None:
    with pytest.raises(OrbitError, match=said):
        make()  # type: ignore[operator]


def test_an_orbit_with_gaps_is_looked_at_in_parts() -> None:
    from orbit_aux.orbit import Segment

    times = Times.concatenate(
        [START + np.arange(6_000.0, 12_000.0, 60.0), START + np.arange(220_000.0, 226_000.0, 60.0)]
    )
    state = Circle().at(times)
    segments = tuple(Segment(a, a + 100, int(times.tai_ns[a]), int(times.tai_ns[a + 99])) for a in (0, 100))
    broken = Orbit("CIRCLE", "2019-000A", "GCRF", times, state.position_m, state.velocity_ms, "gap", segments=segments)
    slots = moon_slots(broken, times[0], times[-1], [-60.0], MoonLimits(tolerance_deg=30.0, limb_deg=-90.0))
    assert slots["start_edge"].values[0] == 1 and slots["stop_edge"].values[0] == 2
    np.testing.assert_allclose(seconds(slots["stop"])[0], 11_940.0, atol=1e-3)
