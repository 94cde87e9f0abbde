"""The older method: right at full Moon, wrong beyond, which is why it is only compared with."""

from __future__ import annotations

import numpy as np
import pytest
from moon_spheres import Sphere, sphere_counts

from calib.errors import InputError
from calib.moon.threshold import threshold_disk


def test_right_at_full_moon_and_wrong_at_quarter() -> None:
    counts, _, truth = sphere_counts(Sphere(phase_deg=1.0))
    full = threshold_disk(counts)
    assert full.semi_column == pytest.approx(truth.semi_column, abs=1.5)
    assert full.column == pytest.approx(truth.centre_column, abs=1.0)
    counts, _, truth = sphere_counts(Sphere(phase_deg=80.0))
    quarter = threshold_disk(counts)
    # the unlit half is no part of the patch
    assert quarter.column - truth.centre_column > 0.3 * truth.semi_column
    assert quarter.total == pytest.approx(truth.signal, rel=0.05)


def test_nothing_in_the_sky() -> None:
    with pytest.raises(InputError, match="stands out"):
        threshold_disk(np.full((40, 40), 20.0))
