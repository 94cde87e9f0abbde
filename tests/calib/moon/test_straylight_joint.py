"""Several Moons together: smaller uncertainties that cover, one acquisition as by itself, one that departs named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from stray_moons import RADIUS, Injected, StrayMoons

from calib.errors import InputError
from calib.moon.straylight.estimate import StraylightParameters, estimate_kernels
from calib.moon.straylight.joint import OUTLIER_SIGMAS, Joint, joint_dataset, joint_estimate
from calib.moon.straylight.maps import DiskMaps
from calib.moon.straylight.steps import LunarStraylightParameters

#: a shorter reach than the default, for time
PARAMETERS = StraylightParameters(ghost_reach=0.2)
SCENES = 3
PATHS = [
    Injected("B7", "B7", 0.0022, 75, -40, 10),
    # hidden in a single noisy image
    Injected("B7", "B8", 0.0003, 20, 0, 8),
    Injected("B8", "B7", -0.0030, 30, 0, 6),
]


def scene(number: int, paths: list[Injected], noise: float = 0.5) -> DiskMaps:
    """Another phase, another attitude, another scan rate: the Moons of the two bands stand nearer at a slow scan."""
    offsets = {"B7": 0.0, "B8": 0.207 / (1 + 0.4 * number)}
    return StrayMoons(
        {"B7": 41.0, "B8": 35.0},
        offsets,
        noise=noise,
        seed=number + 40,
        phase_deg=[30, 44, 15][number],
        sun_deg=[20, 120, 200][number],
    ).maps(paths)


@pytest.fixture(scope="module")
def scenes() -> list[DiskMaps]:
    return [scene(number, PATHS) for number in range(SCENES)]


@pytest.fixture(scope="module")
def joint(scenes: list[DiskMaps]) -> Joint:
    return joint_estimate(scenes, PARAMETERS)


def test_one_acquisition_is_as_by_itself(scenes: list[DiskMaps]) -> None:
    alone, joined = estimate_kernels(scenes[0], PARAMETERS), joint_estimate(scenes[:1], PARAMETERS).estimates[0]
    for band, kernels in alone.kernels.items():
        assert [(item.kind, item.source) for item in kernels] == [
            (item.kind, item.source) for item in joined.kernels[band]
        ]
        for mine, its in zip(kernels, joined.kernels[band], strict=True):
            # the fit ends where a step gains a fiftieth of chi square: a seventh of a sigma at most
            assert its.factor == pytest.approx(mine.factor, rel=0.01)


def test_all_kernels_within_smaller_uncertainties(scenes: list[DiskMaps], joint: Joint) -> None:
    estimate, alone = joint.estimates[0], estimate_kernels(scenes[0], PARAMETERS)
    assert sum(map(len, estimate.kernels.values())) == len(PATHS)
    for path in PATHS:
        found = estimate.found[path.band]
        place = next(number for number, item in enumerate(found.kernels) if item.source == path.source)
        kernel, first = found.kernels[place], found.factors()[place]
        ratio = (
            estimate.level[estimate.maps.bands.index(path.source)]
            / estimate.level[estimate.maps.bands.index(path.band)]
        )
        sigma = float(np.sqrt(found.covariance[first, first])) * ratio
        assert abs(kernel.factor * ratio - path.share) < 3.5 * sigma and sigma < 1e-4, path
        assert abs(kernel.x * RADIUS - path.column) < 8, path
    # three images of equal noise, give or take what each shows of the sky
    assert np.median(joint.estimates[0].sensitivity / alone.sensitivity) == pytest.approx(3**-0.5, abs=0.15)
    for band in ("B7", "B8"):
        square, freedom = joint.chi_square(band)
        assert (freedom == SCENES - 1).all() and (square < 20).all()
        assert np.abs(joint.pulls(band)).max() < OUTLIER_SIGMAS


def test_one_that_departs_is_named() -> None:
    scenes = []
    for number in range(SCENES):
        # one band, for time
        moons = StrayMoons({"B7": 41.0}, {"B7": 0.0}, noise=0.3, seed=number, phase_deg=[30, 44, 15][number])
        scenes.append(moons.maps([replace(PATHS[0], share=0.0055 if number == 2 else 0.0022)]))
    joint = joint_estimate(scenes, PARAMETERS)
    ghost = int(np.argmax([item.kind == "ghost" for item in joint.estimates[0].kernels["B7"]]))
    pulls = np.abs(joint.pulls("B7")[:, ghost])
    assert np.argmax(pulls) == 2 and pulls[2] > OUTLIER_SIGMAS


def test_a_dataset_of_all(joint: Joint) -> None:
    names = [f"M{number}" for number in range(SCENES)]
    data = joint_dataset(joint, names, LunarStraylightParameters())
    assert list(data["acquisition"].values) == names
    told = np.isfinite(data["share"])
    assert int(told.sum()) == len(PATHS)
    for name in ("acquisition_share", "acquisition_share_uncertainty", "acquisition_pull"):
        assert data[name].dims == ("acquisition", "band", "kernel")
        assert np.isfinite(data[name].where(told, drop=True)).sum() >= SCENES * len(PATHS) - 1
    # weighted together, what each gives is what all give
    weight = data["acquisition_share_uncertainty"] ** -2.0
    mean = (weight * data["acquisition_share"]).sum("acquisition") / weight.sum("acquisition")
    gap = (mean - data["share"]).where(told) / data["share_noise"]
    # displacements and blurs are held there and free here
    assert float(np.abs(gap).max()) < 1.5


def test_no_kernels_in_clean_moons() -> None:
    found = joint_estimate([scene(number, []) for number in range(SCENES)], PARAMETERS)
    assert not any(found.estimates[0].kernels.values())


def test_other_bands_are_refused(scenes: list[DiskMaps]) -> None:
    with pytest.raises(InputError, match="B7, B8 and B7, B9"):
        joint_estimate([scenes[0], replace(scenes[1], bands=("B7", "B9"))], PARAMETERS)
