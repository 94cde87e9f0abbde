"""Ground to image and back; what was not seen is told."""

from __future__ import annotations

import numpy as np
import pytest
from scenes import START, after, made

from orbit_aux.errors import OrbitError
from orbit_aux.location.geolocate import Corrections, locate
from orbit_aux.location.inverse_location import find_pixels

LINE_PERIOD_S = 0.002


@pytest.mark.parametrize("corrections", [Corrections(), Corrections(False, False)])
@pytest.mark.parametrize(("roll_deg", "pitch_deg"), [(0.0, 0.0), (-20.0, 25.0)])
def test_there_and_back(corrections: Corrections, roll_deg: float, pitch_deg: float) -> None:
    camera = made(roll_deg=roll_deg, pitch_deg=pitch_deg)
    rng = np.random.default_rng(2)
    seconds, columns = rng.uniform(0.0, 60.0, 400), rng.uniform(0.0, 800.0, 400)
    times = after(seconds)
    ground = locate(camera, times, columns, rng.uniform(-100.0, 5000.0, 400), corrections)
    found = find_pixels(
        camera, START, after([60.0]), (ground["longitude"], ground["latitude"], ground["height"]), corrections
    )
    assert not found["flag"].values.any()
    # a hundred thousandth of a line and of a column: 0.1 mm on the ground
    assert np.abs(found["seconds"] - (times - START[np.zeros(400, int)])).max() < 1e-5 * LINE_PERIOD_S
    assert np.abs(found["column"] - columns).max() < 1e-5


def test_what_was_not_seen_is_told() -> None:
    camera = made()
    inside = locate(camera, after([30.0]), [400.0])
    lon, lat = inside["longitude"].values[0], inside["latitude"].values[0]
    # a degree beside the swath, ten along it, and the other side of the Earth
    found = find_pixels(
        camera, START, after([60.0]), ([lon, lon + 1.5, lon, lon + 180], [lat, lat, lat + 10, -lat], np.zeros(4))
    )
    assert found["flag"].values.tolist() == [0, 1, 1, 1]
    assert np.isnan(found["seconds"].values[1:]).all()
    with pytest.raises(OrbitError, match="stop after the start"):
        find_pixels(camera, after([60.0]), START, ([lon], [lat], [0.0]))
