"""Ephemerides: interpolation against closed forms, arcs and digests, and everything that is refused."""

from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orbit_aux.errors import OrbitError
from orbit_aux.orbit import Covariance, Orbit, Segment, difference
from orbit_aux.time import Times

START = Times.from_utc("2018-03-06T00:00:00")
RADIUS_M = 7.098e6
RATE_RADS = np.sqrt(3.986004415e14 / RADIUS_M**3)


def circle(elapsed_s: np.ndarray, radius_m: float = RADIUS_M) -> tuple[np.ndarray, np.ndarray]:
    """Position and velocity on an inclined circle: exact at every instant."""
    tilt = np.array([[1.0, 0, 0], [0, -0.2, np.sqrt(0.96)]])
    angle = np.asarray(elapsed_s)[:, None] * RATE_RADS
    position = radius_m * (np.cos(angle) * tilt[0] + np.sin(angle) * tilt[1])
    return position, radius_m * RATE_RADS * (np.cos(angle) * tilt[1] - np.sin(angle) * tilt[0])


def make(elapsed_s: np.ndarray, **changes: Any) -> Orbit:
    position, velocity = circle(elapsed_s)
    fields: dict[str, Any] = {
        "object_name": "VENUS",
        "object_id": "2017-044B",
        "frame": "GCRF",
        "times": START + elapsed_s,
        "position_m": position,
        "velocity_ms": velocity,
        "source": "circle.oem",
    }
    return Orbit(**(fields | changes))


MINUTES = np.arange(0.0, 6001.0, 60.0)


def with_gap() -> Orbit:
    """Two segments, 0 to 3000 s and 3600 to 6000 s."""
    elapsed = np.concatenate([MINUTES[:51], MINUTES[60:]])
    ns = (START + elapsed).tai_ns
    segments = (Segment(0, 51, int(ns[0]), int(ns[50])), Segment(51, len(ns), int(ns[51]), int(ns[-1])))
    return make(elapsed, segments=segments)


@pytest.mark.parametrize(
    ("interpolation", "degree", "worst_m", "worst_ms"),
    # cubic: estimate h^4 |r''''| / 384 = 0.30 m; the asked 1 mm holds from degree 7 on, ends included
    [("HERMITE", 3, 0.35, 0.02), ("HERMITE", 7, 1e-4, 1e-6), ("LAGRANGE", 8, 1e-3, 1e-6), ("LAGRANGE", 1, 4000.0, 5.0)],
)
def test_one_minute_records_of_a_low_orbit(interpolation: str, degree: int, worst_m: float, worst_ms: float) -> None:
    orbit = make(MINUTES, interpolation=interpolation, degree=degree)
    elapsed = np.linspace(0.0, 6000.0, 1009)
    state = orbit.at(START + elapsed)
    # the times asked for are whole nanoseconds: compare at those
    position, velocity = circle(state.times - START)
    error_m = np.linalg.norm(state.position_m - position, axis=1).max()
    assert worst_m / 1e4 < error_m + 1e-9 < worst_m
    assert np.linalg.norm(state.velocity_ms - velocity, axis=1).max() < worst_ms


def test_records_themselves_are_returned() -> None:
    orbit = make(MINUTES)
    state = orbit.at(orbit.times)
    assert np.abs(state.position_m - orbit.position_m).max() < 1e-8
    assert np.abs(state.velocity_ms - orbit.velocity_ms).max() < 1e-10


def test_reference_orbit_from_every_second_record(shared: Path) -> None:
    path = shared / "reference" / "orbit" / "leo_venus720_j2.csv.gz"
    table = np.genfromtxt(path, delimiter=",", skip_header=1, usecols=[0, *range(2, 8)])
    times = Times.from_utc("2016-02-10T10:00:00") + table[:, 0]
    half = Orbit("VENUS", "2017-044B", "GCRF", times[::2], table[::2, 1:4], table[::2, 4:7], "reference")
    state = half.at(times[1:-1:2])
    # the records are printed to 0.1 mm; 60 s steps interpolate 2^8 times better still
    assert np.abs(state.position_m - table[1:-1:2, 1:4]).max() < 5e-4
    assert np.abs(state.velocity_ms - table[1:-1:2, 4:7]).max() < 5e-6


def test_another_frame_on_request() -> None:
    orbit = make(MINUTES)
    fixed = orbit.at(orbit.times[:3], "ITRF")
    assert fixed.frame == "ITRF"
    assert np.abs(fixed.to("GCRF").position_m - orbit.position_m[:3]).max() < 1e-6


@pytest.mark.parametrize("elapsed_s", [-1e-3, 6000.001, 3300.0])
def test_outside_coverage_it_says_what_is_covered(elapsed_s: float) -> None:
    with pytest.raises(OrbitError) as refusal:
        with_gap().at(START + np.array([10.0, elapsed_s]))
    text = str(refusal.value)
    asked = (START + elapsed_s).utc_strings(3)[0]
    for part in ("circle.oem", asked, "2018-03-06T00:00:00.000Z to 2018-03-06T01:40:00.000Z", "give an orbit file"):
        assert part in text
    assert ("gap from 2018-03-06T00:50:00.000Z to 2018-03-06T01:00:00.000Z" in text) == (elapsed_s == 3300.0)


def test_a_gap_is_never_bridged() -> None:
    orbit = with_gap()
    asked = START + np.array([0.0, 3000.0, 3000.1, 3599.9, 3600.0, 6000.0, 6000.1])
    assert orbit.covers(asked).tolist() == [True, True, False, False, True, True, False]
    # next to the gap only records of the own segment count
    state = orbit.at(START + np.array([2990.0, 3610.0]))
    assert np.abs(state.position_m - circle(np.array([2990.0, 3610.0]))[0]).max() < 1e-3
    broken = make(orbit.times - START, segments=orbit.segments, position_m=orbit.position_m + _jump(orbit, 51))
    assert np.array_equal(broken.at(START + 2990.0).position_m, orbit.at(START + 2990.0).position_m)


def _jump(orbit: Orbit, row: int) -> np.ndarray:
    return np.where(np.arange(len(orbit.times)) >= row, 1000.0, 0.0)[:, None]


@settings(max_examples=50, deadline=None)
@given(
    st.floats(0, 5900),
    st.floats(0, 900),
    st.floats(0, 500),
    st.sampled_from([("HERMITE", 7), ("HERMITE", 3), ("LAGRANGE", 8), ("LAGRANGE", 5)]),
)
def test_an_arc_answers_as_the_whole_orbit(
    begin_s: float, length_s: float, margin_s: float, kind: tuple[str, int]
) -> None:
    orbit = make(MINUTES, interpolation=kind[0], degree=kind[1])
    start, stop = START + begin_s, START + min(begin_s + length_s, 6000.0)
    arc = orbit.arc(start, stop, margin_s)
    asked = start + np.linspace(0.0, (stop - start)[0], 23)[:-1]
    assert np.array_equal(arc.at(asked).position_m, orbit.at(asked).position_m)
    assert np.array_equal(arc.at(stop).velocity_ms, orbit.at(stop).velocity_ms)
    assert len(arc.times) <= (length_s + 2 * margin_s) / 60 + 2 + 10


def test_an_arc_keeps_to_its_segments() -> None:
    orbit = with_gap()
    assert len(orbit.arc(START + 2900.0, START + 2950.0, 100.0).segments) == 1
    assert len(orbit.arc(START + 2900.0, START + 3700.0, 0.0).segments) == 2
    for begin, end in ((3100.0, 3200.0), (2900.0, 3100.0), (-1.0, 10.0)):
        with pytest.raises(OrbitError, match="covers"):
            orbit.arc(START + begin, START + end)
    with pytest.raises(OrbitError, match="empty"):
        orbit.arc(START + 100.0, START + 50.0, 0.0)


def test_the_digest_is_of_the_records_alone() -> None:
    orbit = make(MINUTES)
    same = make(MINUTES, source="other.xml", comments=("made elsewhere",))
    assert same.digest == orbit.digest
    # half a quantum and the rounding of a file
    assert dataclasses.replace(orbit, position_m=orbit.position_m * (1 + 1e-16)).digest == orbit.digest
    others = [
        make(MINUTES, object_name="PHR1A"),
        make(MINUTES, object_id="2011-076F"),
        make(MINUTES, frame="EME2000"),
        make(MINUTES, degree=5),
        make(MINUTES, interpolation="LAGRANGE"),
        make(MINUTES + 1e-9),
        make(MINUTES[:-1]),
        dataclasses.replace(orbit, position_m=orbit.position_m + np.eye(101, 3) * 1e-3),
        dataclasses.replace(orbit, velocity_ms=orbit.velocity_ms + np.eye(101, 3) * 1e-6),
    ]
    assert len({orbit.digest, *(other.digest for other in others)}) == len(others) + 1


def test_two_files_that_agree_in_the_arc_have_its_digest_in_common() -> None:
    morning, noon = make(MINUTES[:80]), make(MINUTES[20:])
    inside = START + 2400.0, START + 3000.0, 120.0
    assert morning.digest != noon.digest
    assert morning.arc(*inside).digest == noon.arc(*inside).digest
    moved = dataclasses.replace(morning, position_m=morning.position_m + _jump(morning, 50))
    assert moved.arc(*inside).digest != noon.arc(*inside).digest
    early = START + 600.0, START + 1200.0, 120.0
    assert moved.arc(*early).digest == morning.arc(*early).digest


def test_an_orbit_survives_pickling() -> None:
    orbit = with_gap()
    assert pickle.loads(pickle.dumps(orbit)).digest == orbit.digest


def test_difference_is_along_the_local_axes() -> None:
    orbit = make(MINUTES)
    late = make(MINUTES, times=START + MINUTES + 1.0)
    shift = difference(orbit, late, START + np.linspace(100, 5900, 7))
    # one second late on a circle: -v along, and the sagitta v^2/2r inwards
    assert np.allclose(shift["along"], -RADIUS_M * np.sin(RATE_RADS), atol=1e-3)
    assert np.allclose(shift["radial"], -RADIUS_M * (1 - np.cos(RATE_RADS)), atol=1e-3)
    assert np.allclose(shift["cross"], 0.0, atol=1e-6)
    assert np.allclose(shift["radial_velocity"], RADIUS_M * RATE_RADS * np.sin(RATE_RADS), atol=1e-6)
    assert {variable.attrs["units"] for variable in shift.data_vars.values()} == {"m", "m/s"}


def _spoil(row: int, value: float) -> np.ndarray:
    position = circle(MINUTES)[0]
    position[row] = value
    return position


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"position_m": _spoil(3, np.nan)}, "00:03:00.000000Z .* not finite"),
        ({"velocity_ms": _spoil(3, np.inf)}, "not finite"),
        ({"position_m": _spoil(4, 1e6)}, "00:04:00.000000Z .* inside the Earth"),
        ({"position_m": circle(MINUTES)[0] / 1e3}, "inside the Earth; check the units"),
        ({"position_m": circle(MINUTES)[0] * 1e3}, "beyond 2e6 km; check the units"),
        ({"velocity_ms": circle(MINUTES)[1] * 1e3}, "faster than 100 km/s; check the units"),
        ({"times": START + MINUTES[::-1]}, "repeats or goes back"),
        ({"times": START + np.round(MINUTES, -2)}, "repeats or goes back"),
        ({"position_m": circle(MINUTES)[0][:5]}, "one row of 3 per time"),
        ({"frame": "B1950"}, "GCRF, EME2000, ITRF"),
        ({"interpolation": "SPLINE"}, "HERMITE or LAGRANGE"),
        ({"degree": 0}, "degree 1 to 31"),
        (
            {"segments": (Segment(0, 50, int(START.tai_ns[0]), int(START.tai_ns[0])),)},
            "51 records belong to no segment",
        ),
        ({"segments": (Segment(1, 101, 0, 0),)}, "does not follow"),
        ({"segments": (Segment(0, 101, 0, 1),)}, "leaves its records"),
    ],
)
def test_a_wrong_orbit_is_refused(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(OrbitError, match=named) as refusal:
        make(MINUTES, **changes)
    assert "circle.oem" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_too_few_or_overlapping_records_are_refused() -> None:
    with pytest.raises(OrbitError, match="3 records, HERMITE of degree 7 needs 4"):
        make(MINUTES[:3])
    with pytest.raises(OrbitError, match="8 records, LAGRANGE of degree 8 needs 9"):
        make(MINUTES[:8], interpolation="LAGRANGE", degree=8)
    with pytest.raises(OrbitError, match="at least one"):
        make(MINUTES[:0])
    ns = (START + MINUTES).tai_ns
    twice = (Segment(0, 60, int(ns[0]), int(ns[59])), Segment(60, 101, int(ns[60]) - 10**9, int(ns[-1])))
    with pytest.raises(OrbitError, match="leaves its records"):
        make(MINUTES, segments=twice)
    doubled = np.concatenate([MINUTES[:60], MINUTES[50:]])
    ns = (START + doubled).tai_ns
    overlapping = (Segment(0, 60, int(ns[0]), int(ns[59])), Segment(60, 111, int(ns[60]), int(ns[-1])))
    with pytest.raises(OrbitError, match="overlaps the one before"):
        make(doubled, segments=overlapping)
    with pytest.raises(OrbitError, match="negative variance"):
        Covariance(START, -np.eye(6)[None], ("RSW",))
    with pytest.raises(OrbitError, match="shape"):
        Covariance(START, np.eye(5)[None], ("RSW",))


def test_segments_may_share_an_edge_and_the_later_one_answers_there() -> None:
    elapsed = np.concatenate([MINUTES[:51], MINUTES[50:]])
    ns = (START + elapsed).tai_ns
    segments = (Segment(0, 51, int(ns[0]), int(ns[50])), Segment(51, 102, int(ns[51]), int(ns[-1])))
    position = circle(elapsed)[0] + np.where(np.arange(102) >= 51, 500.0, 0.0)[:, None]
    orbit = make(elapsed, segments=segments, position_m=position)
    assert np.abs(orbit.at(START + 3000.0).position_m - position[51]).max() < 1e-6
    assert np.abs(orbit.at(START + 2999.999999).position_m - position[50]).max() < 0.01


def test_arrays_cannot_be_changed_behind_the_digest() -> None:
    with pytest.raises(ValueError, match="read-only"):
        make(MINUTES).position_m[0] = 0.0
