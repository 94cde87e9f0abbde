"""Two-line elements: SGP4's own published case, and its frame against astropy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from orbit_aux.errors import OrbitError

pytest.importorskip("sgp4", reason="the package sgp4 is absent")

from orbit_aux.tle import is_tle, read_tle

# satellite 5 of Vallado et al. 2006 (Revisiting Spacetrack Report 3)
LINES = (
    "1 00005U 58002B   00179.78495062  .00000023  00000-0  28098-4 0  4753\n"
    "2 00005  34.2682 348.7242 1859667 331.7664  19.3264 10.82419157413667\n"
)


def test_states_are_those_of_the_reference_in_another_frame(tmp_path: Path) -> None:
    import astropy.units as u
    from astropy.coordinates import GCRS, TEME, CartesianDifferential, CartesianRepresentation
    from astropy.time import Time

    path = tmp_path / "a.tle"
    path.write_text("VANGUARD 1\n" + LINES)
    elements = read_tle(path)
    assert (elements.name, elements.object_id) == ("VANGUARD 1", "1958-002B")
    state = elements.at(elements.epoch)
    # first line of the published output: TEME, km and km/s, at the epoch
    teme = CartesianRepresentation([7022.46529266, -1400.08296755, 0.03995155] * u.km)
    speed = CartesianDifferential([1.893841015, 6.405893759, 4.534807250] * u.km / u.s)
    epoch = Time(elements.epoch.utc_strings(6)[0].rstrip("Z"), scale="utc")
    expected = TEME(teme.with_differentials(speed), obstime=epoch).transform_to(GCRS(obstime=epoch)).cartesian
    # 1980 nutation there, 2000A here: 0.1 arcsec at most
    assert np.linalg.norm(state.position_m[0] - expected.xyz.to_value(u.m)) < 10.0
    velocity = expected.differentials["s"].d_xyz.to_value(u.m / u.s)
    assert np.linalg.norm(state.velocity_ms[0] - velocity) < 0.01


def test_files_without_good_elements_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tle"
    path.write_text(LINES.replace("0  4753", "0  4754"))
    assert is_tle(LINES)
    # so that the reader says what is wrong with them
    assert is_tle(path.read_text())
    assert not is_tle("CCSDS_OPM_VERS = 2.0\n")
    with pytest.raises(OrbitError, match="good check sums"):
        read_tle(path)
    # letters and digits of the same check sum: SGP4 alone would read another number
    path.write_text(LINES.replace("34.2682", "3a.6682"))
    with pytest.raises(OrbitError, match=r"inclination '3a\.6682' of element line 2 is no number"):
        read_tle(path)


def test_why_sgp4_stops_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.tle"
    # mean motion of 17.9 revolutions a day: below the ground
    line = LINES.splitlines()[1][:52] + "17.90000000" + LINES.splitlines()[1][63:68]
    total = sum(int(letter) if letter.isdigit() else letter == "-" for letter in line) % 10
    path.write_text(f"{LINES.splitlines()[0]}\n{line}{total}\n")
    elements = read_tle(path)
    with pytest.raises(OrbitError, match=r"SGP4 stops, .*decayed"):
        elements.at(elements.epoch)


def test_times_are_resolved_to_nanoseconds(tmp_path: Path) -> None:
    """0.4 us after the epoch the satellite is 3 mm farther, not where whole microseconds put it."""
    path = tmp_path / "a.tle"
    path.write_text("VANGUARD 1\n" + LINES)
    elements = read_tle(path)
    first, later = elements.at(elements.epoch), elements.at(elements.epoch + 4e-7)
    # SGP4 keeps minutes since the epoch in float64: some 0.01 us
    moved = later.position_m[0] - first.position_m[0]
    np.testing.assert_allclose(moved, first.velocity_ms[0] * 4e-7, atol=2e-4)


def test_frames_between_nodes_are_those_of_each_time(tmp_path: Path) -> None:
    """Precession and nutation are interpolated between nodes 12 h apart: the height over the true equator is that of TEME to 0.01 mm."""
    import erfa

    path = tmp_path / "a.tle"
    path.write_text("VANGUARD 1\n" + LINES)
    elements = read_tle(path)
    times = elements.epoch + np.linspace(0.0, 3 * 86_400.0, 50)
    tt = times.tt()
    # of the date's axes, z is the true pole: the third row of bias, precession and nutation
    pole = np.asarray(erfa.pnm06a(*tt))[:, 2]
    state = elements.at(times)
    label = times.utc_datetime64() - np.datetime64("2000-01-01T12:00:00", "ns")
    whole, rest = np.divmod(label, np.timedelta64(1, "D"))
    _, teme_km, _ = elements.satellite.sgp4_array(whole + 2451545.0, rest / np.timedelta64(1, "D"))
    np.testing.assert_allclose(np.sum(pole * state.position_m, axis=1), teme_km[:, 2] * 1e3, atol=1e-5)
