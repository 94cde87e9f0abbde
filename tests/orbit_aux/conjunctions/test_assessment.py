"""What is flagged and which method answers, on published conjunctions and made faults."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conjunctions import alfano, as_conjunction, crossing

from orbit_aux.conjunctions.assessment import Assessment, Choice, assess, encounter_of
from orbit_aux.conjunctions.encounter import Encounter
from orbit_aux.errors import OrbitError

OFF = Choice("off")


def names(answer: Assessment) -> set[str]:
    return {flag.name for flag in answer.flags}


def with_covariances(encounter: Encounter, matrices: np.ndarray, **fields: object) -> Encounter:
    return replace(encounter, covariances=matrices, **fields)  # type: ignore[arg-type]


# by 1e8 samples 2-D is within 2.1 % in the first four and off by 4.6 to 60 % in the others
@pytest.mark.parametrize(("case", "usable"), [(3, True), (6, True), (7, True), (2, False), (8, False), (9, False)])
def test_published_cases_are_told_apart(shared: Path, case: int, usable: bool) -> None:
    encounter, figures = alfano(shared)[case]
    answer = assess(encounter, OFF)
    assert answer.usable_2d is usable
    assert answer.probability_2d == pytest.approx(figures["pc_linear_alfano"], rel=1e-4)
    if usable:
        assert (answer.method, answer.flags) == ("2d", ())
        assert answer.probability == answer.probability_2d
    else:
        assert {"two_dimensions_fail", "low_relative_speed"} <= names(answer)
        assert answer.probability == pytest.approx(figures["pc_mc_1e8"], rel=0.015)
        told = next(flag.sentence for flag in answer.flags if flag.name == "two_dimensions_fail")
        assert f"{answer.probability_2d:.4g}" in told and f"{answer.flux.probability:.4g}" in told


def test_no_relative_speed_is_not_applicable(shared: Path) -> None:
    encounter, _ = alfano(shared)[12]
    answer = assess(encounter, OFF)
    assert answer.probability_2d is None and answer.plane is None and not answer.usable_2d
    assert "no_relative_speed" in names(answer)
    assert answer.method == "3d" and 0 < answer.probability < 1


def test_a_long_encounter_says_so(shared: Path) -> None:
    answer = assess(alfano(shared)[9][0], Choice(20_000, seed=3))
    assert {"long_encounter", "repeated_entries"} <= names(answer)
    # who may be inside twice is counted once by samples only
    assert answer.method == "monte_carlo"
    assert answer.monte_carlo.low < 0.3651 < answer.monte_carlo.high


def test_samples_on_request_do_not_change_a_good_answer() -> None:
    answer = assess(crossing(), Choice(30_000))
    assert answer.method == "2d" and answer.monte_carlo.samples == 30_000
    assert answer.monte_carlo.low < answer.probability < answer.monte_carlo.high
    assert answer.flags == ()


def test_states_away_from_the_closest_approach() -> None:
    encounter = crossing()
    answer = assess(encounter.at(-2.0), OFF)
    assert names(answer) == {"not_at_closest_approach"}
    assert answer.tca_shift_s == pytest.approx(2.0, abs=1e-3)
    assert answer.probability == pytest.approx(assess(encounter, OFF).probability, rel=1e-4)
    # the rounding of a date to a ms moves the states by metres along the path: nothing to tell
    assert assess(encounter.at(1e-4), OFF).flags == ()


def test_covariances_that_are_wrong() -> None:
    encounter = crossing()
    bad = encounter.covariances.copy()
    bad[0, 0, 2] = bad[0, 2, 0] = 1.5 * np.sqrt(bad[0, 0, 0] * bad[0, 2, 2])
    answer = assess(with_covariances(encounter, bad), OFF)
    assert "covariance_not_positive" in names(answer) and 0 < answer.probability < 1
    assert "covariance_large" in names(assess(with_covariances(encounter, encounter.covariances * 1e8), OFF))
    small = assess(with_covariances(encounter, encounter.covariances * 1e-6), OFF)
    assert "covariance_small" in names(small)
    # nearly a certain miss: no NaN
    assert small.probability == pytest.approx(0.0, abs=1e-12)


def test_a_flat_covariance_and_no_radius() -> None:
    encounter = crossing(miss_rtn_m=(3.0, 0.0, 0.0), sigma_m=(0.0, 50.0, 0.0))
    flat = encounter.covariances.copy()
    flat[:, 3:], flat[:, :, 3:] = 0.0, 0.0
    answer = assess(with_covariances(encounter, flat), OFF)
    assert 0 < answer.probability_2d < 1 and np.isfinite(answer.flux.probability)
    # the third dimension is widened by a hundredth of the radius where it is flat
    assert answer.flux.probability == pytest.approx(answer.probability_2d, rel=1e-2)
    nothing = assess(replace(encounter, radius_m=0.0), OFF)
    assert (nothing.probability, names(nothing)) == (0.0, {"radius_zero"})


def test_missing_covariances() -> None:
    content = as_conjunction(crossing())
    one = replace(content, objects=(content.objects[0], replace(content.objects[1], covariance_rtn=None)))
    encounter, flags = encounter_of(one)
    answer = assess(encounter, OFF, tuple(flags))
    assert names(answer) == {"covariance_missing"} and answer.probability > 0
    none = replace(content, objects=tuple(replace(item, covariance_rtn=None) for item in content.objects))
    encounter, flags = encounter_of(none)
    answer = assess(encounter, OFF, tuple(flags))
    assert answer.probability is None and answer.method == "none" and "no_covariance" in names(answer)
    # the largest over round covariances: R²/(e d²) for a small radius
    miss = np.linalg.norm(crossing().relative[:3])
    assert answer.unknown_covariance_maximum == pytest.approx(100.0 / (np.e * miss**2), rel=0.02)


def test_a_file_that_contradicts_itself() -> None:
    content = as_conjunction(crossing())
    assert encounter_of(content)[1] == []
    fields = {"miss_distance_m": 5.0}, {"relative_speed_ms": 1.0}, {"relative_position_m": np.array([1.0, 2.0, 3.0])}
    for field in fields:
        flags = encounter_of(replace(content, **field))[1]
        assert [flag.name for flag in flags] == ["relative_state_differs"]
    # kilometres in the place of metres
    assert encounter_of(replace(content, miss_distance_m=content.miss_distance_m / 1e3))[1]
    with pytest.raises(OrbitError, match="--radius"):
        encounter_of(replace(content, hard_body_radius_m=None))
    assert encounter_of(content, 3.0)[0].radius_m == 3.0


@pytest.mark.parametrize("frame", ["GCRF", "EME2000", "ITRF"])
def test_frames_do_not_matter(frame: str) -> None:
    encounter = crossing()
    found, flags = encounter_of(as_conjunction(encounter, frame))
    assert flags == []
    assert np.abs(found.states - encounter.states).max() < 1e-4
    assert np.abs(found.covariances - encounter.covariances).max() < 1e-6 * encounter.covariances.max()
