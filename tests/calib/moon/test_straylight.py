"""Kernels of known maps come back; nothing comes where nothing was put; corrections take away what was added, in any order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from stray_moons import RADIUS, Injected, StrayMoons

from calib.moon.straylight.correction import (
    SCENARIOS,
    corrected_maps,
    disk_effect,
    factors_left,
    kernels_of_paths,
    paths_of_kernels,
    spatial_filter,
)
from calib.moon.straylight.estimate import Estimate, StraylightParameters, estimate_kernels
from calib.moon.straylight.maps import DiskMaps
from calib.moon.straylight.search import limit_of
from calib.moon.straylight.templates import DiskImage, Kernel, Sky
from calib.sensor import StraylightPath

#: a noise at which 0.01 % of the disk can be told for the faintest of these crescents
QUIET = 0.15


def shares(estimate: Estimate) -> dict[tuple[str, str, str], tuple[float, float, Kernel]]:
    """Share of the band's disk, its uncertainty and the kernel, by band, kind and source."""
    bands, found = estimate.maps.bands, {}
    for band, item in estimate.found.items():
        for kernel, place, hidden in zip(item.kernels, item.factors(), item.hidden, strict=True):
            ratio = estimate.level[bands.index(kernel.source)] / estimate.level[bands.index(band)]
            sigma = float(np.hypot(np.sqrt(item.covariance[place, place]), hidden))
            assert (band, kernel.kind, kernel.source) not in found
            found[band, kernel.kind, kernel.source] = kernel.factor * ratio, sigma * ratio, kernel
    return found


def kind_of(path: Injected) -> tuple[str, str, str]:
    return path.band, "ghost" if path.source == path.band else "crosstalk", path.source


SMALL = [
    Injected("B7", "B7", 0.0026, 75, -40, 10),
    Injected("B7", "B8", -0.0015, 30, 0, 8),
    Injected("B8", "B9", 0.0005, 20, 0, 8),
    Injected("B9", "B9", -0.0030, -60, 50, 12),
    Injected("B9", "B7", 0.0060, 27, 0, 6),
]


@pytest.fixture(scope="module")
def maps() -> DiskMaps:
    """Three bands with the stray light of SMALL."""
    return StrayMoons(noise=QUIET, seed=4).maps(SMALL)


@pytest.fixture(scope="module")
def estimate(maps: DiskMaps) -> Estimate:
    return estimate_kernels(maps, StraylightParameters())


def test_injected_kernels_come_back(estimate: Estimate) -> None:
    found = shares(estimate)
    assert set(found) == {kind_of(path) for path in SMALL}
    for path in SMALL:
        share, sigma, kernel = found[kind_of(path)]
        # asked: 0.01 % of the disk; what the noise allows is told
        assert abs(share - path.share) < max(1e-4, 3 * sigma), path
        assert sigma < 1e-4
        # a pixel of the camera is a nineteenth of a cell
        assert abs(kernel.x * RADIUS - path.column) < 4 and abs(kernel.y * RADIUS - path.line) < 4
        assert abs(kernel.blur * RADIUS - path.blur) < 5


@pytest.mark.parametrize("seed", range(3))
def test_random_kernels_within_their_uncertainty(seed: int) -> None:
    rng = np.random.default_rng([seed, 5])
    size = 10 ** rng.uniform(np.log10(5e-4), -2, 3) * rng.choice([-1, 1], 3)
    paths = [
        Injected("B7", "B7", float(size[0]), 80 * rng.choice([-1, 1]), 60 * rng.choice([-1, 1]), rng.uniform(5, 20)),
        Injected("B8", "B7", float(size[1]), rng.uniform(-60, 60), 0, rng.uniform(5, 12)),
        Injected("B9", "B8", float(size[2]), rng.uniform(-60, 60), 0, rng.uniform(5, 12)),
    ]
    moons = StrayMoons(noise=0.3, seed=seed, phase_deg=rng.uniform(5, 50), sun_deg=rng.uniform(-180, 180))
    found = shares(estimate_kernels(moons.maps(paths), StraylightParameters()))
    assert set(found) == {kind_of(path) for path in paths}
    for path in paths:
        share, sigma, _ = found[kind_of(path)]
        # 1 % of itself: the cells of the map are larger than the blur
        assert abs(share - path.share) < 4 * np.hypot(sigma, 0.01 * path.share), path


def test_nothing_is_found_where_nothing_was_put() -> None:
    # six scenes of three bands at a level of 1 % for each: one false kernel is already unlikely (6 %), two are a fault
    alarms = [
        sum(map(len, estimate_kernels(StrayMoons(seed=seed).maps(), StraylightParameters()).kernels.values()))
        for seed in range(100, 106)
    ]
    assert sum(alarms) <= 1


def test_false_alarms_follow_the_asked_level() -> None:
    # 100 trials at 1 % in all: each at 5e-5 on either side of a normal deviate
    assert limit_of(0.01, 100) == pytest.approx(3.8906, abs=1e-3)
    assert limit_of(0.3, 100) < limit_of(0.01, 100) < limit_of(0.01, 10000)
    quiet = [
        estimate_kernels(StrayMoons(seed=7).maps(), StraylightParameters(false_alarm=level)) for level in (0.4, 1e-6)
    ]
    assert quiet[0].limit < quiet[1].limit
    assert not any(quiet[1].kernels.values())


def test_wings_do_not_pass_for_a_ghost() -> None:
    # a concentric halo such as the wings of the optics make, with a core and a skirt
    wings = [Injected("B7", "B7", 0.006, 0, 0, 40), Injected("B7", "B7", 0.004, 0, 0, 110)]
    moons = StrayMoons({"B7": 41.0, "B8": 35.0}, {"B7": 0.0, "B8": 0.207}, noise=QUIET, seed=2)
    estimate = estimate_kernels(moons.maps(wings), StraylightParameters())
    assert estimate.kernels["B7"] and {item.kind for item in estimate.kernels["B7"]} == {"halo"}
    assert not estimate.kernels["B8"]


def test_a_ghost_in_the_place_of_a_crosstalk_is_told_as_degenerate() -> None:
    moons = StrayMoons(noise=QUIET, seed=3)
    # 0.207 radii along the scan: where the Moon of B8 stands for B7
    ghost = Injected("B7", "B7", 0.002, 20, 0.207 * RADIUS, 8)
    found = estimate_kernels(moons.maps([ghost]), StraylightParameters()).found["B7"]
    assert len(found.kernels) == 1
    names = {f"{found.kernels[0].kind} {found.kernels[0].source}", *found.alternatives[0]}
    assert names == {"ghost B7", "crosstalk B8"}
    # together they are known to 1e-5, each alone to no better than itself
    assert np.sqrt(found.covariance[0, 0]) < 5e-5 < 3e-4 < found.joint[0]


def test_neither_the_order_of_bands_nor_their_unit_matters(maps: DiskMaps, estimate: Estimate) -> None:
    order, scale = [2, 0, 1], np.array([0.25, 1.0, 4.0])
    turned = replace(
        maps,
        bands=tuple(maps.bands[item] for item in order),
        mean=maps.mean[order] * scale[:, np.newaxis, np.newaxis],
        pixels=maps.pixels[order],
        noise=maps.noise[order] * scale,
        offset=maps.offset[np.ix_(order, order)],
    )
    plain, other = shares(estimate), shares(estimate_kernels(turned, StraylightParameters()))
    assert set(plain) == set(other)
    for key, (share, sigma, _) in plain.items():
        assert other[key][0] == pytest.approx(share, abs=0.05 * sigma)


def test_corrections_leave_nothing_in_either_order(maps: DiskMaps, estimate: Estimate) -> None:
    for scenario in SCENARIOS:
        left = factors_left(maps, estimate.kernels, scenario, 0.03)
        for band, kernels in estimate.kernels.items():
            for kernel, factor in zip(kernels, left[band], strict=True):
                type2 = kernel.kind == "crosstalk"
                corrected = ("TYPE2" if type2 else "TYPE1") in scenario
                # what is corrected is so to 2 % of itself (the disks that the kernels are applied to hold stray light), the rest stays
                expected = 0.0 if corrected else kernel.factor
                assert factor == pytest.approx(expected, abs=0.02 * abs(kernel.factor) + 2e-5), (scenario, band, kernel)
    done = replace(maps, mean=corrected_maps(maps, estimate.kernels, "TYPE1_TYPE2"))
    assert not any(estimate_kernels(done, StraylightParameters()).kernels.values())


def test_effect_on_the_disk() -> None:
    moons = StrayMoons({"B7": 41.0}, {"B7": 0.0}, noise=0.1, seed=1)
    path = Injected("B7", "B7", 0.01, 75, -40, 10)
    maps, clean = moons.maps([path]), moons.maps()
    estimate = estimate_kernels(maps, StraylightParameters())
    _, effect = disk_effect(maps, estimate.kernels)["B7"]
    inside = maps.radius() < 1.06
    # the sky of these maps is flat in the mean: the sums differ by the stray light inside the aperture, up to what of it lies in the sky's lines
    expected = (maps.mean[0] - clean.mean[0])[inside].sum() / clean.mean[0][inside].sum()
    assert effect == pytest.approx(expected, rel=0.03)


def test_paths_and_kernels_convert_both_ways() -> None:
    maps = StrayMoons().maps()
    gains = {"B7": 2.0, "B8": 3.0, "B9": 5.0}
    paths = [
        StraylightPath(kind="crosstalk", band="B7", source="B9", factor=-0.002, column_shift=-30, blur=8),
        StraylightPath(kind="ghost", band="B7", factor=0.002, column_shift=75, line_shift=-40, blur=20),
    ]
    kernels = kernels_of_paths(paths, maps, gains)
    # one count of B9 is 0.2 of radiance, of which 0.002 is 0.0008 counts of B7
    assert kernels["B7"][0].factor == pytest.approx(-0.002 * 2 / 5)
    assert kernels["B7"][0].offset == pytest.approx(0.414)
    for before, after in zip(paths, paths_of_kernels(kernels, maps, gains), strict=True):
        for name in ("kind", "band", "source"):
            assert getattr(before, name) == getattr(after, name)
        for name in ("factor", "column_shift", "line_shift", "blur"):
            assert getattr(after, name) == pytest.approx(getattr(before, name))


def test_spatial_filters() -> None:
    ghost, shift = spatial_filter(
        StraylightPath(kind="ghost", band="B7", factor=0.002, column_shift=75, line_shift=-40, blur=20)
    )
    half = ghost.shape[0] // 2
    assert shift == 0 and ghost.dtype == np.float32
    assert np.unravel_index(np.argmax(ghost), ghost.shape) == (half - 40, half + 75)
    assert ghost.sum() == pytest.approx(0.002, rel=1e-4)
    cross, shift = spatial_filter(
        StraylightPath(kind="crosstalk", band="B7", source="B8", factor=0.002, column_shift=-30.25, blur=8)
    )
    place = np.arange(cross.shape[1]) - cross.shape[1] // 2
    assert shift == -30 and cross.sum() == pytest.approx(1.0, rel=1e-4)
    assert (cross.sum(axis=0) * place).sum() == pytest.approx(-0.25, abs=1e-3)


def test_sums_over_the_sky_know_no_background() -> None:
    rng = np.random.default_rng(0)
    y = np.linspace(-1, 1, 40)
    weight = rng.uniform(0, 1, (40, 9)) * (rng.uniform(size=(40, 9)) > 0.3)
    sky = Sky(weight, y)
    background = rng.normal(size=9) + y[:, np.newaxis] * rng.normal(size=9)
    np.testing.assert_allclose(sky.flat(background), 0, atol=1e-12)
    assert sky.square(background) == 0.0
    template = rng.normal(size=(40, 9))
    # the library's least squares, column by column
    expected = 0.0
    for column in range(9):
        root = np.sqrt(weight[:, column])
        design = np.stack([root, root * y], axis=1)
        values = root * template[:, column]
        expected += np.sum((values - design @ np.linalg.lstsq(design, values, rcond=None)[0]) ** 2)
    assert sky.square(template + background) == pytest.approx(expected)


def test_slopes_of_a_template() -> None:
    axis = np.arange(-40, 41) / 24
    image = np.where(np.hypot(axis[:, np.newaxis], axis) < 1, 1.0 + axis, 0.0)
    disk = DiskImage(image, (axis, axis), 0.2)
    kernel = Kernel("ghost", "B7", 0.2, 0.11, -0.07, 0.06, 0.5)
    assert disk.stray(kernel)[0].sum() == pytest.approx(image.sum(), rel=1e-6)
    slopes = disk.stray(kernel, slopes=True)
    step = 1e-4
    for number, name in enumerate(kernel.free[1:], start=1):
        up, down = (replace(kernel, **{name: getattr(kernel, name) + sign * step}) for sign in (1, -1))
        difference = kernel.factor * (disk.stray(up)[0] - disk.stray(down)[0]) / (2 * step)
        np.testing.assert_allclose(slopes[number], difference, atol=1e-5 * np.abs(difference).max() + 1e-6)
