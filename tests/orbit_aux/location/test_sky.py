"""Apparent places against astropy, crossings against their own geometry, exclusion angles in cases known by heart."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files

import erfa
import numpy as np
import pytest
from scenes import START, after, made, quaternions

from orbit_aux.attitude import Attitude
from orbit_aux.errors import OrbitError
from orbit_aux.frames import State
from orbit_aux.location.sky import Stars, apparent_body, apparent_stars, crossing, exclusion, oversampling, to_body
from orbit_aux.time import Times

ARCSEC = np.pi / 648_000.0
# thirty years, at all ages of the Moon
COUNT = 60
TIMES = Times.from_utc("1991-03-06T00:00:00") + np.linspace(0.0, 30 * 365.25 * 86_400.0, COUNT)
STATE = State(TIMES, np.tile([7.0e6, 5e5, -3e5], (COUNT, 1)), np.tile([500.0, 4000.0, 6300.0], (COUNT, 1)), "GCRF")
EPOCH = Times.from_labels(["1991-04-02T13:30:00"], "TT")
# Sirius and Alpha Centauri of Hipparcos, an invented one near the pole
STARS = Stars(
    ("Sirius", "Rigil Kentaurus", "polar"),
    np.radians([101.2885, 219.9204, 10.0]),
    np.radians([-16.7131, -60.8351, 85.0]),
    (np.array([-0.54601, -3.67819, 0.01]) * ARCSEC, np.array([-1.22308, 0.48184, 0.0]) * ARCSEC),
    np.array([0.37921, 0.74212, 0.001]) * ARCSEC,
    EPOCH,
)


def arcsec(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.linalg.norm(one - other, axis=-1).max() / ARCSEC)


def seen_by_astropy(place):  # type: ignore[no-untyped-def]
    """Unit vectors of ICRS coordinates for the satellite: astropy's own parallax, deflection and aberration."""
    from astropy import units
    from astropy.coordinates import GCRS, CartesianRepresentation

    frame = GCRS(
        obstime=moments(),
        obsgeoloc=CartesianRepresentation(STATE.position_m.T * units.m),
        obsgeovel=CartesianRepresentation(STATE.velocity_ms.T * units.m / units.s),
    )
    seen = place.transform_to(frame).cartesian.xyz.value.T
    return seen / np.linalg.norm(seen, axis=1, keepdims=True)


def kernel() -> str:
    """The path of JPL's DE421, which comes with skyfield-data and is no ancestor of the packaged table."""
    pytest.importorskip("jplephem", reason="jplephem reads kernels: install the dev group")
    pytest.importorskip("skyfield_data", reason="skyfield-data brings DE421: install the dev group")
    return str(files("skyfield_data").joinpath("data", "de421.bsp"))


def moments():  # type: ignore[no-untyped-def]
    from astropy.time import Time

    return Time([text[:-1] for text in TIMES.utc_strings(9)], scale="utc")


# asked 0.05 arcsec; measured against DE421: Moon 0.0016" and 1 ns, Sun 0.0003" and 10 ns. astropy itself bends even the Sun's own light, by up to 0.13"
@pytest.mark.parametrize(("body", "limit_arcsec", "bent_arcsec"), [("moon", 0.003, 0.001), ("sun", 0.001, 0.15)])
def test_apparent_bodies(body: str, limit_arcsec: float, bent_arcsec: float) -> None:
    coordinates = pytest.importorskip("astropy.coordinates")
    from astropy import units

    with coordinates.solar_system_ephemeris.set(kernel()):
        observer = coordinates.get_body_barycentric("earth", moments()).xyz.to_value("m").T + STATE.position_m
        delay_s = np.zeros(len(TIMES))
        for _ in range(4):
            place = coordinates.get_body_barycentric(body, moments() - delay_s * units.s).xyz.to_value("m").T
            delay_s = np.linalg.norm(place - observer, axis=1) / 299_792_458.0
        seen = seen_by_astropy(
            coordinates.SkyCoord(coordinates.ICRS(coordinates.CartesianRepresentation(place.T * units.m)))
        )
        _, velocity = coordinates.get_body_barycentric_posvel("earth", moments())
    beta = (velocity.xyz.to_value("m/s").T + STATE.velocity_ms) / 299_792_458.0
    straight = (place - observer) / np.linalg.norm(place - observer, axis=1, keepdims=True)
    # the aberration of erfa, far from the Sun's mass
    unbent = erfa.ab(straight, beta, 1e6, np.sqrt(1.0 - np.sum(beta**2, axis=1)))
    found = apparent_body(body, STATE)
    assert arcsec(found["direction"].values, unbent) < limit_arcsec
    assert arcsec(found["direction"].values, seen) < limit_arcsec + bent_arcsec
    assert np.abs(found["distance"].values / 299_792_458.0 - delay_s).max() < 1e-7
    assert "DE440" in found.attrs["ephemeris"]
    # geocentric light time with the whole annual aberration would be 20 arcsec away
    assert arcsec(found["direction"].values, straight) > 5


def test_apparent_stars() -> None:
    coordinates = pytest.importorskip("astropy.coordinates")
    from astropy import units
    from astropy.time import Time

    found = apparent_stars(STARS, STATE)
    for row, name in enumerate(STARS.names):
        star = coordinates.SkyCoord(
            STARS.right_ascension_rad[row] * units.rad,
            STARS.declination_rad[row] * units.rad,
            pm_ra_cosdec=STARS.motion_rad[0][row] * units.rad / units.yr,
            pm_dec=STARS.motion_rad[1][row] * units.rad / units.yr,
            distance=1 / (STARS.parallax_rad[row] / ARCSEC) * units.pc,
            radial_velocity=0 * units.km / units.s,
            obstime=Time("1991-04-02T13:30:00", scale="tt"),
        )
        seen = seen_by_astropy(star.apply_space_motion(new_obstime=moments()))
        # measured 4e-7 arcsec
        assert arcsec(found.sel(star=name).values, seen) < 1e-4


def _scanning(rate_rads: float):  # type: ignore[no-untyped-def]
    """A camera that turns about its y axis over the Moon's place at 30 s, across which its array lies."""
    camera = made()
    seconds = np.arange(-5.0, 65.5, 0.5)
    moon = apparent_body("moon", camera.orbit.at(after([30.0])))["direction"].values[0]
    side = np.cross(moon, [0.0, 0.0, 1.0])
    side /= np.linalg.norm(side)
    angle = rate_rads * (seconds - 30.0)[:, None]
    z = np.cos(angle) * moon + np.sin(angle) * np.cross(side, moon)
    axes = np.stack([np.cross(side, z), np.tile(side, (len(z), 1)), z], -1)
    return replace(camera, attitude=Attitude("MADE", "GCRF", "BODY", after(seconds), quaternions(axes), "scan"))


def test_the_moon_crosses_the_array_when_and_where_it_must() -> None:
    camera = _scanning(1e-3)
    found = crossing(camera, "moon", START, after([60.0]))
    assert found["flag"].values.tolist() == [0]
    # the middle of 801 columns, at 30 s; the Moon moves 0.3 arcsec in the millisecond that the array takes for 1e-6 rad
    assert found["seconds"].values[0] == pytest.approx(30.0, abs=1e-6)
    assert found["column"].values[0] == pytest.approx(400.0, abs=1e-3)
    # the parallax of the moving satellite adds up to 7.5 km/s over 380 000 km
    assert found["rate"].values[0] == pytest.approx(1e-3, abs=2.1e-5)
    assert oversampling(found["rate"], 7.4e-6, 1e-3) == pytest.approx(7.4, rel=0.03)
    at = after([30.0])
    direction = apparent_body("moon", camera.orbit.at(at))["direction"].values
    assert np.allclose(to_body(camera.attitude, at, direction), [[0, 0, 1]], atol=1e-9)
    assert crossing(camera, "sun", START, after([60.0]))["flag"].values.tolist() == [1]


def test_exclusion_angles_known_by_heart() -> None:
    state = made().orbit.at(after([0.0]))
    down = -state.position_m / np.linalg.norm(state.position_m)
    limit = np.degrees(np.arcsin(6378137.0 / np.linalg.norm(state.position_m)))
    table = exclusion(state, down, {"earth_limb": 10.0, "sun": 5.0})
    assert table["earth_limb"].values[0] == pytest.approx(-limit, abs=1e-9)
    assert table["too_near_earth_limb"].values.tolist() == [True] and table["too_near_sun"].values.tolist() == [False]
    sun = apparent_body("sun", state)["direction"].values
    assert exclusion(state, sun, {"sun": 5.0})["sun"].values[0] == pytest.approx(0.0, abs=1e-9)
    with pytest.raises(OrbitError, match="exclusion from mars is unknown"):
        exclusion(state, down, {"mars": 1.0})
    with pytest.raises(OrbitError, match="body 'mars' is unknown"):
        apparent_body("mars", state)
