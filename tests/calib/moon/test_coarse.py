"""What is no whole Moon is refused, what stands beside it is flagged, and neither happens to a whole Moon alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from moon_spheres import Case, Sphere

from calib.errors import InputError
from calib.moon.disk import DiskParameters
from calib.moon.steps import lunar_disk


def flags(case: Case) -> list[str]:
    disk = lunar_disk(case.acquisition, case.sensor, case.sun, DiskParameters())
    return [flag for flag in str(disk["flags"].item()).split(",") if flag]


@pytest.mark.parametrize("phase", [0.5, -5.0, 75.0, -90.0])
@pytest.mark.parametrize("sun_angle", [0.0, 90.0, -150.0])
def test_a_whole_moon_is_neither_refused_nor_flagged(moon: Callable[..., Case], phase: float, sun_angle: float) -> None:
    for radius, noise in ((35.0, 1.0), (70.0, 8.0)):
        case = moon(Sphere(semi_column=radius, phase_deg=phase, sun_angle_deg=sun_angle, noise=noise))
        assert flags(case) == []


def missing(side: int, place: float, axis: int) -> Callable[[np.ndarray], np.ndarray]:
    """The counts with nothing beyond `place` disk radii on one side, as beyond the end of a detector; the disk is 70 pixels wide."""

    def touch(counts: np.ndarray) -> np.ndarray:
        counts = counts.copy()
        edge = int(counts.shape[axis] / 2 + side * place * 70)
        beyond = np.arange(counts.shape[axis]) > edge if side > 0 else np.arange(counts.shape[axis]) < edge
        np.moveaxis(counts, axis, 0)[beyond] = 0
        return counts

    return touch


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("place", [0.2, 0.9])
@pytest.mark.parametrize("axis", [0, 1])
def test_a_moon_cut_by_a_detector_edge_is_refused(
    moon: Callable[..., Case], side: int, place: float, axis: int
) -> None:
    for sun_angle in (20.0, 100.0):
        # at 15 degrees of phase hardly any of the disk is unlit: every cut takes light
        case = moon(Sphere(semi_column=70.0, phase_deg=15.0, sun_angle_deg=sun_angle), touch=missing(side, place, axis))
        with pytest.raises(InputError, match=r"cut|limb"):
            flags(case)


def blob(column: float, line: float, sigma: float, level: float) -> Callable[[np.ndarray], np.ndarray]:
    def touch(counts: np.ndarray) -> np.ndarray:
        lines, columns = np.mgrid[: counts.shape[0], : counts.shape[1]]
        return counts + level * np.exp(-((columns - column) ** 2 + (lines - line) ** 2) / (2 * sigma**2))

    return touch


@pytest.mark.parametrize(("sigma", "level"), [(2.0, 4000.0), (8.0, 300.0)])
def test_a_planet_or_a_ghost_is_flagged_and_moves_nothing(
    moon: Callable[..., Case], sigma: float, level: float
) -> None:
    sphere = Sphere(semi_column=110.3, sun_angle_deg=30.0)
    case = moon(sphere, touch=blob(22.0, 40.0, sigma, level))
    assert flags(case) == ["second_object"]
    disk = lunar_disk(case.acquisition, case.sensor, case.sun, DiskParameters())
    # as far as without it (test_limb)
    assert abs(float(disk["semi_axis_column"].item()) / 110.3 - 1) < 1.5e-3
    assert abs(float(disk["centre_column"].item()) - case.truth["B1"].centre_column) < 0.2
