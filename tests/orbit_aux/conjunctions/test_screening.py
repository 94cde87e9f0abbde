"""Close approaches of ephemerides with a truth that was put in, gaps, ends, manoeuvres and covariances."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from conjunctions import TCA, crossing

from orbit_aux.conjunctions.assessment import Choice, assess
from orbit_aux.conjunctions.encounter import Encounter
from orbit_aux.conjunctions.screening import Approach, close_approaches, covariance_at, encounter_of_approach
from orbit_aux.conjunctions.two_body import mean_elements_of, period_s, states_of
from orbit_aux.errors import OrbitError
from orbit_aux.frames import local_orbital_axes
from orbit_aux.orbit import Covariance, Orbit, Segment
from orbit_aux.time import Times

ENCOUNTER = crossing(miss_rtn_m=(200.0, 500.0, 0.0))
STEP_S = 30.0


def orbit(state: np.ndarray, name: str, first_s: float, last_s: float) -> Orbit:
    offsets = np.arange(first_s, last_s + 1.0, STEP_S)
    elements = np.repeat(mean_elements_of(state[None]), len(offsets), axis=0)
    states = states_of(elements, offsets)
    return Orbit(name, "2017-044A", "GCRF", times(offsets), states[:, :3], states[:, 3:], "made")


def nearest(found: list[Approach]) -> Approach:
    """Round orbits meet every half revolution; this is the one that was put in."""
    return min(found, key=lambda item: abs((item.tca - TCA)[0]))


def times(offsets: np.ndarray) -> Times:
    return TCA[np.zeros(len(offsets), int)] + offsets


@pytest.fixture(scope="module")
def pair() -> tuple[Orbit, Orbit]:
    return orbit(ENCOUNTER.states[0], "OWN", -7200.0, 7200.0), orbit(ENCOUNTER.states[1], "OTHER", -9000.0, 5400.0)


def test_the_approach_put_in_is_found(pair: tuple[Orbit, Orbit]) -> None:
    own, other = pair
    found = close_approaches(own, other, own.times[:1], own.times[-1:], 2000.0)
    item = nearest(found)
    assert not item.at_edge
    assert abs((item.tca - TCA)[0]) < 1e-4
    axes = local_orbital_axes(ENCOUNTER.states[:1, :3], ENCOUNTER.states[:1, 3:])[0]
    # Hermite interpolation of 30 s steps: far below a cm
    assert item.relative_rtn_m == pytest.approx(axes @ ENCOUNTER.relative[:3], abs=0.01)
    assert item.speed_ms == pytest.approx(np.linalg.norm(ENCOUNTER.relative[3:]), abs=1e-3)


def test_every_crossing_of_the_planes_is_found(pair: tuple[Orbit, Orbit]) -> None:
    own, other = pair
    found = close_approaches(own, other, own.times[:1], own.times[-1:], 100_000.0)
    half = 0.5 * period_s(ENCOUNTER.states[0])
    # at every half revolution, both orbits being round
    expected = np.arange(-2, 2) * half
    expected = expected[(expected > -7200.0) & (expected < 5400.0)]
    inner = [(item.tca - TCA)[0] for item in found if not item.at_edge]
    assert inner == pytest.approx(expected, abs=1.0)


def test_all_below_agrees_with_a_dense_walk(pair: tuple[Orbit, Orbit]) -> None:
    own, other = pair
    offsets = np.arange(-7200.0, 5400.0, 0.5)
    apart = np.linalg.norm(own.at(times(offsets)).position_m - other.at(times(offsets)).position_m, axis=1)
    least = np.flatnonzero((apart[1:-1] < apart[:-2]) & (apart[1:-1] <= apart[2:])) + 1
    found = close_approaches(own, other, own.times[:1], own.times[-1:], 20_000_000.0)
    inner = [item for item in found if not item.at_edge]
    assert len(inner) == len(least)
    for item, row in zip(inner, least, strict=True):
        # half a step at 7.5 km/s
        assert item.miss_m <= apart[row] + 1e-3 and abs((item.tca - TCA)[0] - offsets[row]) < 0.5


def test_ends_are_told(pair: tuple[Orbit, Orbit]) -> None:
    own, other = pair
    before = close_approaches(own, other, own.times[:1], TCA + -1.0, 20_000.0)
    item = nearest(before)
    assert item.at_edge and sum(other.at_edge for other in before) == 1
    assert item.miss_m == pytest.approx(np.hypot(np.linalg.norm(ENCOUNTER.relative[:3]), item.speed_ms), rel=1e-3)


def test_one_orbit_in_two_files_is_not_far_from_itself(pair: tuple[Orbit, Orbit]) -> None:
    own = pair[0]
    found = close_approaches(own, replace(own, object_name="COPY"), own.times[:1], own.times[-1:], 1000.0)
    assert [(item.miss_m, item.at_edge) for item in found] == [(0.0, True), (0.0, True)]


def test_a_gap_hides_what_happens_in_it(pair: tuple[Orbit, Orbit]) -> None:
    own, other = pair
    stop, start = (int(np.searchsorted(own.times.tai_ns, (TCA + shift).tai_ns[0])) for shift in (-90.0, 90.0))
    ns = own.times.tai_ns
    segments = Segment(0, stop, int(ns[0]), int(ns[stop - 1])), Segment(stop, len(ns), int(ns[stop]), int(ns[-1]))
    kept = np.r_[0:stop, start : len(ns)]
    second = Segment(stop, len(kept), int(ns[start]), int(ns[-1]))
    gapped = replace(
        own, times=own.times[kept], position_m=own.position_m[kept], velocity_ms=own.velocity_ms[kept], segments=(segments[0], second)
    )  # fmt: skip
    found = close_approaches(gapped, other, own.times[:1], own.times[-1:], 2000.0)
    assert len(found) == len(close_approaches(own, other, own.times[:1], own.times[-1:], 2000.0)) - 1
    assert abs((nearest(found).tca - TCA)[0]) > 1000.0


def with_covariance(made: Orbit, encounter: Encounter, row: int) -> Orbit:
    axes = np.kron(
        np.eye(2), local_orbital_axes(encounter.states[row : row + 1, :3], encounter.states[row : row + 1, 3:])[0]
    )
    local = axes @ encounter.covariances[row] @ axes.T
    chosen = made.times[::20]
    return replace(
        made, covariance=Covariance(chosen, np.repeat(local[None], len(chosen), axis=0), ("RSW",) * len(chosen))
    )


def test_covariances_give_the_probability(pair: tuple[Orbit, Orbit]) -> None:
    own, other = (with_covariance(made, ENCOUNTER, row) for row, made in enumerate(pair))
    item = nearest(close_approaches(own, other, own.times[:1], own.times[-1:], 2000.0))
    covariances = covariance_at(own, item.tca), covariance_at(other, item.tca)
    found = encounter_of_approach(item, covariances, ENCOUNTER.radius_m)
    assert np.abs(found.covariances - ENCOUNTER.covariances).max() < 1e-6 * ENCOUNTER.covariances.max()
    expected = assess(ENCOUNTER, Choice("off")).probability
    assert assess(found, Choice("off")).probability == pytest.approx(expected, rel=1e-3)
    assert covariance_at(pair[0], item.tca) is None
    assert covariance_at(own, own.times[-1:] + 1e6) is None


def test_refusals(pair: tuple[Orbit, Orbit]) -> None:
    with pytest.raises(OrbitError, match="positive"):
        close_approaches(*pair, TCA, TCA, 1000.0)
