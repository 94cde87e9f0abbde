"""Monte Carlo of a 40-minute burn: how long, how accurate, how consistent."""

from __future__ import annotations

import time

import numpy as np
import pytest

from flows.orbits.montecarlo import NOMINAL, figures, montecarlo
from flows.orbits.scenarios import experiment_of
from orbit_aux.burns.restitution import BurnOptions

pytestmark = pytest.mark.benchmark

STARTS = 200
#: issue 5: 200 starts of a 40-minute burn on two cores; what they may take of processor time before something is wrong
ASKED_S, ALLOWED_CPU_S = 10.0, 60.0


def test_200_starts_of_a_40_minute_burn() -> None:
    experiment = experiment_of("tc2a-dv1")
    montecarlo(experiment, 2, 0, BurnOptions(), "threads", degraded=False)
    begun = time.perf_counter()
    data = montecarlo(experiment, STARTS, 1, BurnOptions(), "processes", degraded=False, looks=("settled",))
    elapsed = time.perf_counter() - begun
    nominal = figures(data)[0]
    work_s = float(np.nansum(data["cpu_seconds"]))
    print(
        f"\n{STARTS} starts in {elapsed:.1f} s with the start of the workers (asked {ASKED_S:g}), "
        f"{1000 * work_s / STARTS:.0f} ms of a processor each; semi-major axis "
        f"{nominal['axis_rms_km_settled']:.3f} km rms 10 min after cut-off; NEES {nominal['nees_mean']:.2f} "
        f"in {nominal['nees_band_95'][0]:.2f} to {nominal['nees_band_95'][1]:.2f}, NIS {nominal['nis_mean']:.4f} "
        f"in {nominal['nis_band_95'][0]:.4f} to {nominal['nis_band_95'][1]:.4f}"
    )
    assert nominal["case"] == NOMINAL and nominal["failed"] == 0
    # issue 5: within 0.3 km for spun satellites ten minutes after cut-off
    assert nominal["axis_rms_km_settled"] < 0.3
    low, high = nominal["nees_band_95"]
    assert low < nominal["nees_mean"] < high
    assert work_s < ALLOWED_CPU_S


@pytest.mark.parametrize("name", ["tc2a-dv1", "tdf2-dv1", "hispasat-dv1", "tc2a-dv3", "hispasat-dv3"])
def test_wrong_plans(name: str) -> None:
    """Within 2 km ten minutes after cut-off, whatever of the plan was wrong."""
    cases = figures(montecarlo(experiment_of(name), 20, 2, BurnOptions(), "processes"))
    for case in cases:
        print(
            f"\n{name}, {case['case']}: {case['axis_rms_km_settled']:.3f} km rms, worst {case['axis_worst_km_settled']:.3f}"
        )
        assert case["failed"] == 0 and case["axis_rms_km_settled"] < 2.0
