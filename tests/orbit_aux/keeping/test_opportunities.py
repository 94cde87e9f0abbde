"""What a burn does to mean elements against the same burn on the state, and where one may burn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from kept_orbits import START, repeat_start

from orbit_aux.frames import State, local_orbital_axes
from orbit_aux.keeping.mean_motion import Atmosphere, mean_motion
from orbit_aux.keeping.opportunities import allowed, impulse_applied, passages_s
from orbit_aux.keeping.plan import Rules
from orbit_aux.motion.mean_elements import mean_elements, osculating_state


@pytest.mark.parametrize("u_deg", [0.0, 60.0, 135.0, 180.0, 300.0])
@pytest.mark.parametrize(("along", "cross"), [(0.5, 0.0), (-0.3, 0.0), (0.0, 2.0), (0.02, -2.0)])
def test_a_burn_on_means_is_that_on_the_state(u_deg: float, along: float, cross: float) -> None:
    mean = replace(repeat_start(29, 2), latitude_argument_rad=np.radians([u_deg]))
    state = osculating_state(mean)
    axes = local_orbital_axes(state.position_m, state.velocity_ms)[0]
    kicked = State(state.times, state.position_m, state.velocity_ms + (along * axes[1] + cross * axes[2])[None], "GCRF")
    truth, told = mean_elements(kicked), impulse_applied(mean, along, cross)
    # first order in e (1e-3) and in J2 (1e-3) of the step: half a percent, 3 um/s of noise
    risen = float((truth.semi_major_axis_m - mean.semi_major_axis_m)[0])
    assert float((told.semi_major_axis_m - mean.semi_major_axis_m)[0]) == pytest.approx(risen, rel=5e-3, abs=1.5)
    assert told.inclination_rad[0] == pytest.approx(truth.inclination_rad[0], abs=2e-6)
    assert told.node_rad[0] == pytest.approx(truth.node_rad[0], abs=2e-6)
    for name in ("eccentricity_x", "eccentricity_y"):
        assert getattr(told, name)[0] == pytest.approx(getattr(truth, name)[0], abs=2e-6)
    turned = told.latitude_argument_rad - truth.latitude_argument_rad
    assert np.sin(turned)[0] == pytest.approx(0.0, abs=5e-6)


def test_passages_are_where_the_true_argument_says() -> None:
    start = repeat_start(29, 2)
    motion = mean_motion(start, 5 * 86400.0, Atmosphere(0.0), 0.0)
    elapsed = np.linspace(0.0, 86400.0, 200)
    path = motion.coast(start, elapsed)
    at = passages_s(path, elapsed, 0.0)
    assert len(at) in (14, 15)
    # at the node the satellite is in the true equator: 1 s is 7.5 km
    for seconds in at[:4]:
        state = osculating_state(motion.moved(start, float(seconds)))
        # of date: precession tilts the GCRF equator by up to 14 km here
        height = state.position_m[0, 2]
        assert abs(height) < 30e3


def test_forbidden_intervals_count_the_whole_burn() -> None:
    start = repeat_start(29, 2)
    motion = mean_motion(start, 5 * 86400.0, Atmosphere(0.0), 0.0)
    elapsed = np.linspace(0.0, 86400.0, 200)
    path = motion.coast(start, elapsed)
    rules = Rules(forbidden=((START + 1000.0, START + 2000.0, "programme"),))
    at = np.array([800.0, 960.0, 1500.0, 2030.0, 2060.0])
    assert allowed(motion, path, elapsed, at, rules, (0.0, 100.0)).tolist() == [True, False, False, False, True]
