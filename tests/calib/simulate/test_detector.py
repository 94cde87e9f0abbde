"""Counts: the noise law, dark level, defects, saturation, each against its own statistics."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from calib.sensor import Sensor
from calib.simulate.detector import dark_level, expose
from calib.simulate.moon import MoonScene

Make = Callable[..., MoonScene]


@pytest.mark.parametrize("signal", [0.0, 40.0, 400.0])
def test_noise_follows_the_law_of_the_sensor(make_scene: Make, venus: Sensor, signal: float) -> None:
    counts, _ = expose(np.full((700, 700), signal / 2.5), 2.5, make_scene(noise=True), venus, "B4")
    # sigma² = A² + B·signal, with A 0.6 DN and B 0.004 DN, plus the variance of rounding, 1/12
    expected = 0.6**2 + 0.004 * signal + 1 / 12
    # standard error of a variance over n pixels is sqrt(2/n): 0.2 % here
    assert counts.astype(float).var() == pytest.approx(expected, rel=0.01)
    assert counts.mean() == pytest.approx(20.0 + signal, abs=0.01)


def test_dark_level_slopes_along_the_columns(make_scene: Make, venus: Sensor) -> None:
    level = dark_level(make_scene(dark_slope="3 DN"), venus, 301)
    assert level[0] == pytest.approx(18.5) and level[150] == pytest.approx(20.0) and level[-1] == pytest.approx(21.5)


def test_everything_off_leaves_rounded_signal_and_dark(make_scene: Make, venus: Sensor) -> None:
    radiance = np.random.default_rng(1).uniform(0, 300, (50, 40))
    counts, defects = expose(radiance.copy(), 2.0, make_scene(), venus, "B4")
    assert np.array_equal(counts, np.round(2.0 * radiance + 20.0).astype(np.uint16))
    assert not (defects.spike_columns or defects.columns or defects.pixels or defects.cosmic)


def test_counts_saturate_at_the_sensor_level_and_never_wrap(make_scene: Make, venus: Sensor) -> None:
    counts, _ = expose(np.array([[0.0, 490.0, 520.0, 1e5, -1e3]]), 2.0, make_scene(), venus, "B4")
    assert counts.tolist() == [[20, 1000, 1023, 1023, 0]]


def test_non_uniformity_is_a_pattern_of_columns(make_scene: Make, venus: Sensor) -> None:
    counts, _ = expose(np.full((40, 5000), 400.0), 2.0, make_scene(prnu_rms="2 %"), venus, "B4")
    assert np.ptp(counts, axis=0).max() == 0
    # 5000 columns: the rms is known to 1 %
    assert (counts[0] - 20.0).std() / 800.0 == pytest.approx(0.02, rel=0.05)


def test_defects_are_where_the_truth_says(make_scene: Make, venus: Sensor) -> None:
    scene = make_scene(spike_columns=3, defective_columns=2, defective_pixels=6, cosmic_hits=4)
    counts, defects = expose(np.zeros((200, 150)), 1.0, scene, venus, "B7")
    assert (len(defects.spike_columns), len(defects.columns), len(defects.pixels)) == (3, 2, 6)
    assert 4 <= len(defects.cosmic) <= 12
    expected = np.full(counts.shape, 20.0)
    for column, offset in defects.spike_columns.items():
        expected[:, column] += offset
    marked = np.zeros(counts.shape, bool)
    marked[:, defects.columns] = True
    for place in [*defects.pixels, *defects.cosmic]:
        marked[place] = True
    assert np.array_equal(counts[~marked], np.round(expected)[~marked])
    assert (counts[:, defects.columns] == 0).mean() > 0.95
    # 0.3 to 1 times the 200 DN of a hit, over the dark level
    hits = [
        counts[place] for place in defects.cosmic if place not in defects.pixels and place[1] not in defects.columns
    ]
    assert min(hits) >= 20 + 60


def test_effects_and_bands_have_streams_of_their_own(make_scene: Make, venus: Sensor) -> None:
    radiance = np.full((60, 50), 100.0)
    noisy, _ = expose(radiance, 1.0, make_scene(noise=True), venus, "B4")
    with_spikes, defects = expose(radiance, 1.0, make_scene(noise=True, spike_columns=1), venus, "B4")
    other = np.delete(np.arange(50), list(defects.spike_columns))
    assert np.array_equal(noisy[:, other], with_spikes[:, other])
    assert not np.array_equal(noisy, expose(radiance, 1.0, make_scene(noise=True), venus, "B5")[0])
    assert not np.array_equal(noisy, expose(radiance, 1.0, make_scene(noise=True, seed=1), venus, "B4")[0])
