"""What is a trajectory, and where it has states."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from orbit_aux.errors import OrbitError
from orbit_aux.time import Times
from orbit_aux.tle import read_tle
from orbit_aux.trajectory import Trajectory, covered_intervals, sampling_step_s, trajectory_of
from tests.orbit_aux.events.made import DAY_S, HOUR_S, MU, START, Circle, after, circle, ephemeris

#: elements of our own making in an orbit as that of Venµs
LINES = (
    "1 99901U 17044B   18161.00000000  .00000000  00000-0  00000-0 0  999",
    "2 99901  98.2700 200.0000 0010000  90.0000 270.0000 14.5330000000",
)


def with_sum(line: str) -> str:
    body = line.ljust(68, "0")[:68]
    return body + str(sum(int(c) if c.isdigit() else c == "-" for c in body) % 10)


@pytest.fixture
def elements(tmp_path: Path) -> Trajectory:
    path = tmp_path / "made.tle"
    path.write_text("MADE\n" + "\n".join(map(with_sum, LINES)) + "\n", encoding="ascii")
    return trajectory_of(read_tle(path))


def test_elements_are_a_trajectory(elements: Trajectory) -> None:
    state = elements.at(after(HOUR_S))
    assert elements.object_name == "MADE" and state.frame == "GCRF"
    assert 6.9e6 < np.linalg.norm(state.position_m) < 7.3e6
    assert elements.covers(after(1e7)).all()
    assert len(elements.at(START[np.zeros(0, int)]).position_m) == 0


def test_an_orbit_is_its_own_trajectory() -> None:
    orbit = ephemeris(circle(720e3, 98.3), HOUR_S)
    assert trajectory_of(orbit) is orbit


def seconds(intervals: list[tuple[Times, Times]]) -> list[tuple[float, float]]:
    return [(float((low - START)[0]), float((high - START)[0])) for low, high in intervals]


def test_intervals_between_gaps() -> None:
    orbit = ephemeris(circle(720e3, 98.3), HOUR_S, ((600.0, 900.0), (1800.0, 1800.0), (2400.0, 2400.5)))
    assert seconds(covered_intervals(orbit, START, after(HOUR_S))) == [(0.0, 600.0), (900.0, 2400.0), (2400.5, HOUR_S)]
    # ends inside a gap are cut to what exists
    assert seconds(covered_intervals(orbit, after(700.0), after(1000.0))) == [(900.0, 1000.0)]


@pytest.mark.parametrize(
    ("first_s", "last_s", "word"),
    [
        (-1.0, 100.0, "covers"),
        (100.0, HOUR_S + 1, "covers"),
        (650.0, 800.0, "gap"),
        (100.0, 100.0, "later stop"),
        (200.0, 100.0, "later stop"),
    ],
)
def test_intervals_that_cannot_be(first_s: float, last_s: float, word: str) -> None:
    orbit = ephemeris(circle(720e3, 98.3), HOUR_S, ((600.0, 900.0),))
    with pytest.raises(OrbitError, match=word) as raised:
        covered_intervals(orbit, after(first_s), after(last_s))
    assert "\n" not in str(raised.value)


class Patchy(Circle):
    """Has no states in the second half of each hour."""

    def covers(self, times: Times) -> np.ndarray:
        return (times - START) % HOUR_S < HOUR_S / 2


def test_coverage_of_other_trajectories_is_sampled() -> None:
    base = circle(720e3, 98.3)
    patchy = Patchy(base.radius_m, base.rate_rads, base.axes)
    assert seconds(covered_intervals(patchy, START, after(1.4 * HOUR_S))) == [(0.0, 1740.0), (3600.0, 5040.0)]
    with pytest.raises(OrbitError, match="no states over all"):
        covered_intervals(patchy, START, after(0.7 * HOUR_S))
    assert seconds(covered_intervals(base, START, after(DAY_S))) == [(0.0, DAY_S)]


def test_the_step_follows_the_motion() -> None:
    low, high = circle(720e3, 98.3), circle(35_786e3, 0.0)
    assert sampling_step_s(low, START) == pytest.approx(2 * np.pi / low.rate_rads / 100, rel=1e-6)
    assert sampling_step_s(high, START) == 300.0
    # 6800 km at the perigee of an ellipse whose state is asked at its apogee
    perigee_m, apogee_m = 6.8e6, 42e6
    speed = np.sqrt(MU * 2 * perigee_m / apogee_m / (perigee_m + apogee_m))
    ellipse = Circle(apogee_m, speed / apogee_m, np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]))
    rate = apogee_m * speed / perigee_m**2
    assert sampling_step_s(ellipse, START) == pytest.approx(2 * np.pi / rate / 100, rel=1e-6)
