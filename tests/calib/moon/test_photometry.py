"""Sums by blocks: of known images, of images too large to be held, and what filtering does to them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from moon_spheres import Case, Sphere

from calib.moon import window
from calib.moon.disk import DiskParameters
from calib.moon.photometry import SignalParameters
from calib.moon.signal import signal_of_disk
from calib.moon.steps import lunar_disk

QUIET = {"noise": 0.0, "sky": 20.0, "semi_column": 60.0, "albedo": 0.0}


def test_blocks_and_strips_give_the_same_sums(moon: Callable[..., Case], monkeypatch: pytest.MonkeyPatch) -> None:
    case = moon(Sphere(semi_column=80.0, variation=0.02, period=90.0))
    disk = lunar_disk(case.acquisition, case.sensor, case.sun, DiskParameters())
    whole = signal_of_disk(case.acquisition, case.sensor, disk, SignalParameters())
    # nothing held, strips of a few lines, blocks of eight
    monkeypatch.setattr(window, "_HELD_BYTES", 0)
    monkeypatch.setattr(window, "_STRIP_BYTES", 12_000)
    monkeypatch.setattr(window, "_BLOCK_BYTES", 1)
    parts = signal_of_disk(case.acquisition, case.sensor, disk, SignalParameters())
    for name in ("signal", "aperture_pixels", "cosmic_hits", "defective_pixels", "growth", "sky_level"):
        np.testing.assert_allclose(parts[name], whole[name], rtol=1e-12)


def test_sum_over_the_mask_itself(moon: Callable[..., Case]) -> None:
    case = moon(Sphere(variation=0.02, period=90.0, **QUIET))
    disk = lunar_disk(case.acquisition, case.sensor, case.sun, DiskParameters()).isel(band=0)
    signal = signal_of_disk(
        case.acquisition, case.sensor, disk.expand_dims("band"), SignalParameters(dilation=0.1)
    ).isel(band=0)
    # by hand: every pixel of the dilated ellipse, weighted by its line
    counts = case.acquisition.band("B1").counts().values.astype(float) - 20.0
    weight = case.truth["B1"].weight
    middle, edges = float(disk["centre_line"]), np.concatenate([[0.0], np.cumsum(weight)])
    place = np.interp(np.arange(len(counts)) + 0.5, np.arange(len(edges)), edges)
    centre = np.interp(middle + 0.5, np.arange(len(edges)), edges)
    lines, columns = np.mgrid[: counts.shape[0], : counts.shape[1]]
    radius = np.hypot(
        (columns - float(disk["centre_column"])) / float(disk["semi_axis_column"]),
        (place[lines] - centre) / float(disk["semi_axis_line"]),
    )
    inside = radius <= 1.1
    assert float(signal["aperture_pixels"]) == pytest.approx(inside.sum(), abs=2)
    assert float(signal["signal"]) == pytest.approx(float((counts * weight[:, np.newaxis])[inside].sum()), rel=1e-5)


def test_what_filtering_does_is_told(moon: Callable[..., Case]) -> None:
    def spoil(counts: np.ndarray) -> np.ndarray:
        counts = counts.copy()
        counts[90, 85] = 0
        counts[100, 90] += 3000
        counts[:, 70] = 0
        return counts

    sphere = Sphere(**{**QUIET, "noise": 1.0})
    sums = []
    for touch in (np.copy, spoil):
        case = moon(sphere, touch=touch)
        disk = lunar_disk(case.acquisition, case.sensor, case.sun, DiskParameters())
        sums.append(signal_of_disk(case.acquisition, case.sensor, disk, SignalParameters()).isel(band=0))
    assert [float(item["cosmic_hits"]) for item in sums] == [0.0, 1.0]
    assert [float(item["defective_columns"]) for item in sums] == [0.0, 1.0]
    # one pixel stuck at zero, the others are those of the column
    assert [float(item["defective_pixels"] - item["column_pixels"]) for item in sums] == [0.0, 1.0]
    assert float(sums[1]["column_pixels"]) > 2 * 60
    # a floor of one count, and a slope of a hundredth
    noise = np.sqrt(1.0 + 0.01 * float(sums[0]["mean_signal"]))
    assert float(sums[0]["signal_to_noise"]) == pytest.approx(float(sums[0]["mean_signal"]) / noise, rel=0.02)
    assert float(sums[0]["fill_effect"]) == 0.0
    # a column of about 110 pixels of 15 000 is put back, a hit of 3000 DN taken out, of some 4 million DN
    assert 0.002 < float(sums[1]["fill_effect"]) < 0.02
    assert float(sums[1]["signal"]) == pytest.approx(float(sums[0]["signal"]), rel=2e-3)
    assert abs(float(sums[1]["signal"] - sums[0]["signal"])) < 4 * float(sums[1]["signal__u_defects"]) + 500
