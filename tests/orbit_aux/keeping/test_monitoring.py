"""Margins, alarms and pointing of a day."""

from __future__ import annotations

import numpy as np
import pytest
from kept_orbits import START, repeat_start

from orbit_aux.attitude import Attitude
from orbit_aux.errors import OrbitError
from orbit_aux.frames import local_orbital_axes
from orbit_aux.keeping.mean_motion import Atmosphere, mean_motion
from orbit_aux.keeping.monitoring import judged, margins, pointing
from orbit_aux.keeping.plan import Target
from orbit_aux.keeping.track import Grid, node_grid_longitude
from orbit_aux.motion.mean_elements import osculating_state
from orbit_aux.motion.propagate import propagate_j2
from orbit_aux.orbit import Orbit


@pytest.mark.parametrize(
    ("value", "low", "level"),
    [(0.5, False, "green"), (1.0, False, "green"), (1.5, False, "amber"), (2.5, False, "red"), (np.nan, False, "amber"),
     (0.5, True, "red"), (1.5, True, "amber"), (3.0, True, "green"), (np.inf, True, "green"), (np.inf, False, "red")],
)  # fmt: skip
def test_levels(value: float, low: bool, level: str) -> None:
    thresholds = (2.0, 1.0) if low else (1.0, 2.0)
    assert judged("x", value, thresholds, "m", "", low=low).level == level


def test_days_to_the_edge_follow_the_parabola() -> None:
    start = repeat_start(29, 2)
    motion = mean_motion(start, 300 * 86400.0, Atmosphere(3e-13), 0.025)
    grid = Grid(29, 2, node_grid_longitude(motion, start, 29, 2))
    track, local_time, eccentricity = margins(motion, start, Target(grid, 1000.0, 22.5, 900.0, 1e-3))
    # from rest: b = K |adot| t**2 / 2, with the printed case times ten; the Moon's waves shift a day or two by a tenth
    assert track.days_to_edge == pytest.approx(np.sqrt(2.0 * 1000.0 / 3.920997579397419e-8) / 86400.0, rel=0.1)
    assert track.value == pytest.approx(0.0, abs=1e-6)
    assert local_time.days_to_edge == np.inf and abs(local_time.value) < 1.0
    assert eccentricity.used_share < 0.1
    outside = margins(motion, start, Target(Grid(29, 2, grid.longitude_rad + 0.001), 1000.0, 22.5, 900.0))[0]
    assert outside.days_to_edge == 0.0 and outside.value < -6000.0


@pytest.mark.parametrize(("axis", "name"), [(0, "roll"), (1, "pitch"), (2, "yaw")])
def test_pointing_finds_what_was_turned(axis: int, name: str) -> None:
    times = START + np.arange(0.0, 601.0, 10.0)
    states = propagate_j2(osculating_state(repeat_start(29, 2)), times)
    orbit = Orbit("TEST", "2017-044B", "GCRF", times, states.position_m, states.velocity_ms, "made")
    radial, along, normal = np.moveaxis(local_orbital_axes(states.position_m, states.velocity_ms), 1, 0)
    frame = np.stack([along, -normal, -radial], axis=2)
    c, s = np.cos(0.02), np.sin(0.02)
    turn = np.roll(np.roll(np.array([[1.0, 0, 0], [0, c, -s], [0, s, c]]), axis, 0), axis, 1)
    seen = pointing(Attitude("TEST", "GCRF", "SC_BODY_1", times, _quaternions(frame @ turn), "made"), orbit)
    angles = {"roll": seen.roll_rad, "pitch": seen.pitch_rad, "yaw": seen.yaw_rad}
    for other, values in angles.items():
        np.testing.assert_allclose(values, 0.02 if other == name else 0.0, atol=1e-9)
    np.testing.assert_allclose(seen.off_nadir_rad, 0.0 if name == "yaw" else 0.02, atol=1e-7)
    # one turn a revolution
    np.testing.assert_allclose(seen.rate_rads, 1.0557e-3, rtol=0.01)


def test_an_attitude_of_another_day_is_refused() -> None:
    times = START + np.arange(0.0, 601.0, 10.0)
    states = propagate_j2(osculating_state(repeat_start(29, 2)), times)
    orbit = Orbit("TEST", "2017-044B", "GCRF", times, states.position_m, states.velocity_ms, "made")
    late = Attitude("TEST", "GCRF", "SC_BODY_1", times + 86400.0, np.tile([1.0, 0, 0, 0], (61, 1)), "late.aem")
    with pytest.raises(OrbitError, match=r"late\.aem.*same time"):
        pointing(late, orbit)


def _quaternions(matrices: np.ndarray) -> np.ndarray:
    from scipy.spatial.transform import Rotation

    return np.roll(Rotation.from_matrix(matrices).as_quat(), 1, axis=1)
