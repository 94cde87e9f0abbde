"""From a simulated product to the gain: the injected gain error comes back within 0.2 %. The simulator and the extraction share no code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from moon_cases import pulls, random_case, recovered


@pytest.mark.parametrize(
    ("phase_deg", "north_deg", "oversampling", "seed"),
    [(40.0, -70.0, 1.0, 1), (-10.0, 80.0, 1.5, 2), (70.0, 20.0, 2.0, 3), (-6.0, -160.0, 1.0, 4)],
)
def test_injected_gain_returns(
    tmp_path: Path, phase_deg: float, north_deg: float, oversampling: float, seed: int
) -> None:
    settings = {
        "seed": seed,
        "binning": 4 if abs(phase_deg) < 10 else 6,
        "oversampling": oversampling,
        "rate_variation": "2 %",
        "rate_period": "3 s",
    }
    gain = recovered(tmp_path / "M", settings, phase_deg, north_deg, ["B4", "B11"])
    error = (gain["k"] / gain["k_true"] - 1).values
    # asked: 0.1 % in the camera's own pixels; these are 4 and 6 times as large, and 0.1 % of their disk's area is 0.05 of them
    np.testing.assert_allclose(error, 0.0, atol=0.002)
    assert gain["valid"].all()
    # the rate varies by 2 %, and each band sees the Moon at another time
    np.testing.assert_allclose(gain["oversampling"], oversampling, rtol=0.025)
    np.testing.assert_allclose(gain["gain_proposed"], gain["k"] * gain["gain_used"])


def test_stated_uncertainty_covers_the_truth(tmp_path: Path) -> None:
    found = np.concatenate([pulls(random_case(tmp_path, number)) for number in (0, 1, 3, 4)])
    assert len(found) == 12
    # four scenes, whose bands share the error of one disk, tell a mean to 0.5: three times that; the benchmark draws 200 scenes
    assert abs(found.mean()) < 1.5
    assert 0.2 < np.sqrt(np.mean(found**2)) < 2.0
    assert np.max(np.abs(found)) < 3.5
