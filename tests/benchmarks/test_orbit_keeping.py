"""Speed of a plan of 300 manoeuvres, and a month of numerical orbit under a plan."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "orbit_aux"))

from kept_orbits import START, light, propagated, repeat_start, tracks_at_nodes

from orbit_aux.keeping.manoeuvre_plan import LONGEST_LOOK_D, plan_manoeuvres
from orbit_aux.keeping.mean_motion import Atmosphere, mean_motion
from orbit_aux.keeping.observation import observe_arc
from orbit_aux.keeping.plan import Rules, Spacecraft, Target
from orbit_aux.keeping.track import Grid, node_grid_longitude
from orbit_aux.motion.forces import Forces, Impulse
from orbit_aux.motion.mean_elements import mean_of_arc

pytestmark = pytest.mark.benchmark
DAY_S = 86400.0


def test_three_hundred_manoeuvres_in_seconds() -> None:
    start = repeat_start(31, 2)
    begin = time.perf_counter()
    motion = mean_motion(start, (640 + LONGEST_LOOK_D + 1) * DAY_S, Atmosphere(3e-12), 0.0264)
    grid = Grid(31, 2, node_grid_longitude(motion, start, 31, 2))
    plan = plan_manoeuvres(
        motion,
        start,
        START + 640 * DAY_S,
        Target(grid, 1000.0, 22.5, 900.0),
        Spacecraft(250.0, 20.0, 1.0, 210.0, 600.0),
        Rules(),
    )
    took_s = time.perf_counter() - begin
    print(f"{plan.burns[-1].manoeuvre} manoeuvres, {len(plan.burns)} burns planned in {took_s:.2f} s")
    assert plan.feasible and plan.burns[-1].manoeuvre >= 300
    assert took_s < 15.0


def test_a_year_coasts_in_milliseconds() -> None:
    start = repeat_start(29, 2)
    motion = mean_motion(start, 400 * DAY_S, Atmosphere(), 0.025)
    begin = time.perf_counter()
    motion.coast(start, np.linspace(0.0, 366 * DAY_S, 3000))
    took_s = time.perf_counter() - begin
    print(f"a year of mean motion in {1e3 * took_s:.1f} ms")
    assert took_s < 1.0


def test_a_month_of_numerical_orbit_stays_in_its_window() -> None:
    forces = Forces(satellite=light(264.0))
    known = propagated(repeat_start(29, 2), 5.0, forces)
    first = mean_of_arc(known, START, START + 0.5 * DAY_S)
    motion = mean_motion(first, (36 + LONGEST_LOOK_D) * DAY_S, Atmosphere(), 0.025, love_number=0.0)
    seen = observe_arc(known, motion, START, known.times[-1])
    motion = replace(motion, corrections_rads=seen.corrections_rads)
    grid = Grid(29, 2, node_grid_longitude(motion, seen.end, 29, 2))
    target = Target(grid, 1000.0, 22.5, 900.0)
    plan = plan_manoeuvres(
        motion, seen.end, seen.end.times + 30 * DAY_S, target, Spacecraft(264.0, 20.0, 1.0, 210.0, 600.0), Rules()
    )
    burns = tuple(Impulse(burn.centre, burn.needed_ms, "RSW") for burn in plan.burns)
    truth = propagated(seen.end, 30.0, replace(forces, manoeuvres=burns), known.at(known.times[-1]))
    times, track = tracks_at_nodes(truth, grid, truth.times[0], truth.times[-1])
    told = np.interp(times - truth.times[0], plan.forecast.mean.times - truth.times[0], plan.forecast.track_m)
    print(
        f"nodes {track.min():.0f} to {track.max():.0f} m; off the forecast {np.mean(track - told):.0f} m in the mean, {np.std(track - told):.0f} m rms, "
        f"last day {np.mean((track - told)[-15:]):.0f} m"
    )
    # tesseral waves at single nodes, and what a month adds
    assert np.abs(track).max() < 1400.0
    assert plan.feasible
