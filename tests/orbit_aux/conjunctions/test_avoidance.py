"""Manoeuvres before a conjunction, against the linear theory of relative motion and by running them again."""

from __future__ import annotations

import numpy as np
import pytest
from conjunctions import crossing

from orbit_aux.conjunctions.assessment import Choice, assess
from orbit_aux.conjunctions.avoidance import after_manoeuvre, least_manoeuvres, scan
from orbit_aux.conjunctions.collision import probability_2d
from orbit_aux.conjunctions.encounter import closest_approach
from orbit_aux.conjunctions.two_body import moved, period_s
from orbit_aux.errors import OrbitError
from orbit_aux.frames import local_orbital_axes


def test_no_manoeuvre_changes_nothing() -> None:
    encounter = crossing()
    same = after_manoeuvre(encounter, 5000.0, 0.0)
    assert np.abs(same.states - encounter.states).max() < 1e-3
    assert np.abs(same.covariances - encounter.covariances).max() < 1e-4 * encounter.covariances.max()


@pytest.mark.parametrize(("revolutions", "radial", "along"), [(0.5, 4.0, -3.0 * np.pi), (1.0, 0.0, -6.0 * np.pi)])
def test_the_shift_is_that_of_linear_relative_motion(revolutions: float, radial: float, along: float) -> None:
    # Clohessy and Wiltshire: x = 2 Δv/n (1 - cos nt), y = Δv/n (4 sin nt - 3 nt), of a velocity change along a round orbit
    encounter = crossing()
    own = encounter.states[0]
    period = period_s(own)
    rate, delta_v = 2.0 * np.pi / period, 0.01
    before, _ = moved(own, -revolutions * period)
    before = before + np.concatenate([np.zeros(3), delta_v * before[3:] / np.linalg.norm(before[3:])])
    after, _ = moved(before, revolutions * period)
    axes = local_orbital_axes(own[None, :3], own[None, 3:])[0]
    found = axes @ (after[:3] - own[:3])
    # second order in Δv / v: 1e-5
    assert found == pytest.approx([radial * delta_v / rate, along * delta_v / rate, 0.0], abs=0.02)
    # and the encounter follows it, at its new closest approach
    changed = after_manoeuvre(encounter, revolutions * period, delta_v)
    assert abs(closest_approach(changed, 100.0)) < 1e-6
    relative = encounter.relative[:3] - (after[:3] - own[:3])
    path = encounter.relative[3:] / np.linalg.norm(encounter.relative[3:])
    assert np.linalg.norm(changed.relative[:3]) == pytest.approx(
        np.linalg.norm(relative - path * (path @ relative)), rel=2e-3
    )


def test_the_scan_and_the_least_manoeuvre() -> None:
    encounter = crossing()
    sizes = np.geomspace(0.001, 0.3, 6)
    found = scan(encounter, np.array([0.5, 2.0]), np.concatenate([-sizes[::-1], [0.0], sizes]))
    nominal = assess(encounter, Choice("off")).probability_2d
    assert found["probability"].sel(delta_v=0.0).values == pytest.approx(nominal, rel=1e-3)
    assert found["probability"].attrs["units"] == "1" and found["delta_v"].attrs["units"] == "m/s"
    least = least_manoeuvres(encounter, found, 1e-6, 264.0, 220.0)
    assert [(item.lead_revolutions, np.sign(item.delta_v_ms)) for item in least] == [
        (0.5, 1),
        (0.5, -1),
        (2, 1),
        (2, -1),
    ]
    for item in least:
        planes = [after_manoeuvre(encounter, item.lead_s, part * item.delta_v_ms).plane for part in (1.0, 0.98)]
        again, shy = (probability_2d(plane.miss_m, plane.sigma_m, encounter.radius_m) for plane in planes)
        assert again == pytest.approx(1e-6, rel=1e-3)
        assert shy > 1e-6
        assert item.propellant_kg == pytest.approx(264.0 * abs(item.delta_v_ms) / (220.0 * 9.80665), rel=1e-4)
    # more time needs less: the drift grows with the number of revolutions
    never = least_manoeuvres(encounter, found.isel(delta_v=slice(5, 8)), 1e-12)
    assert all(np.isnan(item.delta_v_ms) for item in never)


def test_a_manoeuvre_without_a_mass_has_no_propellant() -> None:
    encounter = crossing()
    found = scan(encounter, np.array([0.5]), np.array([-0.1, 0.0, 0.1]))
    least = least_manoeuvres(encounter, found, 1e-5)
    assert least and all(np.isnan(item.propellant_kg) for item in least)
    assert any(np.isfinite(item.delta_v_ms) for item in least)


def test_three_dimensions_agree_where_the_plane_holds() -> None:
    encounter = crossing()
    sizes = np.array([-0.01, 0.01])
    flat, full = (scan(encounter, np.array([0.5]), sizes, method)["probability"].values for method in ("2d", "3d"))
    assert full == pytest.approx(flat, rel=5e-3)


def test_a_manoeuvre_before_the_past_is_refused() -> None:
    with pytest.raises(OrbitError, match="before the conjunction"):
        scan(crossing(), np.array([-1.0]), np.array([0.1]))
