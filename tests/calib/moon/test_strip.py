"""The limb laid out straight: an edge on a known circle crosses zero where it lies; searched and carried bands leave the same records."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from moon_spheres import Case, Sphere
from scipy.special import erf

from calib.moon.disk import DiskParameters
from calib.moon.ellipse import Ellipse, Scan
from calib.moon.limb import ScaleSpace
from calib.moon.steps import lunar_disk
from calib.moon.strip import limb_strip, strip_records

NAMES = ("limb_laplacian", "limb_ray_angle", "limb_crossing", "limb_sample")


def edge(shift: float = 0.0) -> tuple[ScaleSpace, Scan]:
    """A bright disk of 60 pixels whose edge lies `shift` pixels farther out."""
    y, x = np.mgrid[0:160, 0:160].astype(float)
    depth = 60 + shift - np.hypot(x - 80, y - 80)
    image = (100 * (1 + erf(depth / 2)) / 2).astype(np.float32)
    return ScaleSpace(image, (0, 0), 1.5), Scan(np.ones(160), np.arange(161) - 0.5)


@pytest.mark.parametrize("shift", [-0.8, 0.0, 1.3])
def test_zero_is_crossed_at_the_edge(shift: float) -> None:
    space, scan = edge(shift)
    angles = np.linspace(-1.4, 1.4, 60)
    strip = limb_strip([(space, angles)], Ellipse(80, 80, 60, 60), scan)
    # an even edge with a curvature of 1/60 has its crossing farther in by sigma²/60 = 0.07 pixel
    np.testing.assert_allclose(strip.crossing, shift, atol=0.12)
    inside, outside = strip.laplacian[:, :4].mean(), strip.laplacian[:, -4:].mean()
    assert inside < 0 < outside


def test_pieces_follow_each_other_and_a_missing_one_is_empty() -> None:
    space, scan = edge()
    one, two = np.linspace(-1, -0.5, 7), np.linspace(0.5, 1, 7)
    strip = limb_strip([(space, one), (None, two)], Ellipse(80, 80, 60, 60), scan)
    np.testing.assert_array_equal(strip.angles_rad, np.concatenate([one, two]))
    assert np.isfinite(strip.laplacian[:7]).all() and np.isnan(strip.laplacian[7:]).all()
    assert np.isfinite(strip.crossing[:7]).all() and np.isnan(strip.crossing[7:]).all()


def test_records_are_in_pixels_of_the_band() -> None:
    space, scan = edge(1.0)
    strip = limb_strip([(space, np.linspace(-1.4, 1.4, 60))], Ellipse(80, 80, 60, 60), scan)
    records = strip_records(strip, Ellipse(320, 320, 240, 240))
    np.testing.assert_allclose(records["limb_sample"], 4.0)
    np.testing.assert_allclose(records["limb_crossing"], 4 * strip.crossing, rtol=1e-6)
    largest = np.abs(strip.laplacian).max()
    # rounded to less than a sixty-fourth of the largest
    np.testing.assert_allclose(records["limb_laplacian"], strip.laplacian, atol=largest / 64)
    assert all(array.attrs["role"] == "record" for array in records.values())


@pytest.mark.parametrize("carry", [True, False])
def test_every_band_leaves_its_limb(moon: Callable[..., Case], carry: bool) -> None:
    case = moon({f"B{number}": Sphere(seed=number) for number in (1, 2, 3)})
    disk = lunar_disk(case.acquisition, case.sensor, case.sun, DiskParameters(carry=carry))
    assert disk["carried"].values.any() == carry
    assert set(NAMES) <= set(disk.variables)
    assert disk["limb_laplacian"].dims == ("band", "limb_ray", "limb_offset")
    # 0.1 to 0.3 pixel too far out, as the limb darkens inwards
    assert np.all(np.abs(disk["limb_crossing"].median("limb_ray")) < 0.4)
    assert disk[list(NAMES)].nbytes < 60e3
