"""A year of events of one satellite over 20 sites and 5 stations, from its ephemeris in memory: asked against measured."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from orbit_aux.events.eclipses import eclipses
from orbit_aux.events.masks import Masks
from orbit_aux.events.nodes import node_crossings
from orbit_aux.events.passes import passes
from orbit_aux.events.sites import read_sites, site_visits
from orbit_aux.motion.propagate import propagate_j2_steps, sun_synchronous_orbit
from orbit_aux.orbit import Orbit
from orbit_aux.stations import read_stations
from orbit_aux.time import Times

pytestmark = pytest.mark.benchmark

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
ASKED_S = 20.0
DAYS = 365


@pytest.fixture(scope="module")
def year() -> tuple[Orbit, float]:
    """Records of a year a minute apart under central gravity and oblateness, and the processor seconds of their propagation."""
    first = sun_synchronous_orbit("YEAR", "X", Times.from_utc("2018-01-01T00:00:00"), 600.0, 720e3, 10.5).at(
        Times.from_utc("2018-01-01T00:00:00")
    )
    propagate_j2_steps(first, 10.0, 100)
    begun = time.process_time()
    states = propagate_j2_steps(first, 10.0, DAYS * 8_640, every=6)
    orbit = Orbit("YEAR", "X", "GCRF", states.times, states.position_m, states.velocity_ms, "a year under oblateness")
    return orbit, time.process_time() - begun


def test_a_year_of_events(year: tuple[Orbit, float]) -> None:
    orbit, total_s = year
    start, stop = orbit.times[0], orbit.times[-1]
    stations, sites = read_stations(CONFIGS / "stations" / "passes.csv"), read_sites(CONFIGS / "sites" / "pics20.csv")
    print(f"\npropagation {total_s:.2f} s")
    kinds = {
        "eclipses": lambda: eclipses(orbit, start, stop),
        "nodes": lambda: node_crossings(orbit, start, stop),
        "passes": lambda: passes(orbit, stations, start, stop, mask_deg=5.0),
        "visits": lambda: site_visits(orbit, sites, start, stop, max_view_zenith_deg=40.0),
    }
    for name, find in kinds.items():
        begun = time.process_time()
        found = find()
        seconds = time.process_time() - begun
        total_s += seconds
        print(f"{name}: {found.sizes['event']} in {seconds:.2f} s")
        assert found.sizes["event"] > 3_000
    print(f"all: {total_s:.1f} s of one core (asked {ASKED_S:g})")
    assert total_s < ASKED_S


def test_a_year_of_passes_over_masks(year: tuple[Orbit, float]) -> None:
    orbit, _ = year
    stations = read_stations(CONFIGS / "stations" / "passes.csv")
    azimuths = np.radians(np.arange(0.0, 360.0, 5.0))
    hills = np.radians(4.0 + 3.0 * np.sin(3 * azimuths) + np.cos(7 * azimuths))
    masks = Masks(dict.fromkeys(stations.names, (azimuths, hills)), "hills")
    begun = time.process_time()
    found = passes(orbit, stations, orbit.times[0], orbit.times[-1], mask_deg=masks)
    seconds = time.process_time() - begun
    print(f"\n{found.sizes['event']} passes over masks of 72 azimuths in {seconds:.1f} s")
    assert found.sizes["event"] > 5_000 and seconds < ASKED_S
