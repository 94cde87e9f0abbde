"""Light that is missing from the disk near its terminator, and light beside its lit part: flagged or refused, and a whole Moon neither."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from moon_cases import simulated
from moon_spheres import Case, Sphere

from calib.errors import InputError
from calib.moon.disk import DiskParameters
from calib.moon.photometry import SignalParameters
from calib.moon.steps import DISK_SIGNAL, LUNAR_DISK

RADIUS, SKY = 150.3, 20.0
Touch = Callable[[np.ndarray], np.ndarray]


def signal_of(case: Case) -> tuple[xr.Dataset, set[str]]:
    """The signal, and the flags of disk and signal."""
    disk = LUNAR_DISK.compute((case.acquisition, case.sensor, case.sun), DiskParameters())
    signal = DISK_SIGNAL.compute((case.acquisition, case.sensor, disk), SignalParameters()).isel(band=0)
    return signal, {*str(disk["flags"].values[0]).split(","), *str(signal["flags"].item()).split(",")} - {""}


def ends(place: float, axis: int = 1) -> Touch:
    """Nothing but sky before a column (axis 1) or line (axis 0) at `place` radii from the centre."""

    def touch(counts: np.ndarray) -> np.ndarray:
        counts = counts.copy()
        stop = int(counts.shape[axis] / 2 + place * RADIUS)
        np.moveaxis(counts, axis, 0)[:stop] = SKY
        return counts

    return touch


def spot(angle_deg: float, radius: float, size: float, level: float) -> Touch:
    """A Gaussian spot (DN at its top, sigma in pixels) at an angle from +column and a distance in radii."""

    def touch(counts: np.ndarray) -> np.ndarray:
        line, column = np.indices(counts.shape)
        away = radius * RADIUS * np.exp(1j * np.radians(angle_deg))
        square = (column - counts.shape[1] / 2 - away.real) ** 2 + (line - counts.shape[0] / 2 - away.imag) ** 2
        return np.asarray(counts + level * np.exp(-square / (2 * size**2)))

    return touch


@pytest.mark.parametrize(
    ("phase", "place", "axis"), [(40.0, -0.6, 1), (40.0, -0.6, 0), (40.0, -0.55, 1), (75.0, -0.1, 1)]
)
def test_a_cut_in_the_dim_zone_is_refused(moon: Callable[..., Case], phase: float, place: float, axis: int) -> None:
    """It costs 1.4 to 2 % of the light, and no column ends brightly."""
    sphere = Sphere(semi_column=RADIUS, phase_deg=phase, sun_angle_deg=0.0 if axis else 90.0)
    with pytest.raises(InputError, match=r"missing|ends in one"):
        signal_of(moon(sphere, touch=ends(place, axis)))


def test_a_smaller_cut_is_flagged(moon: Callable[..., Case]) -> None:
    case = moon(Sphere(semi_column=RADIUS, phase_deg=40.0), touch=ends(-0.68))
    signal, flags = signal_of(case)
    lost = 1 - float(signal["signal"]) / case.truth["B1"].signal
    assert 0.001 < lost < 0.005
    assert "lost_light" in flags
    # known by blocks of some pixels
    assert float(signal["lost_light"]) == pytest.approx(lost, abs=0.002)


@pytest.mark.parametrize("angle_deg", [60.0, 100.0, 180.0])
def test_a_bright_spot_at_the_limb_or_its_cusp_is_flagged(moon: Callable[..., Case], angle_deg: float) -> None:
    """6 pixels wide and 300 DN high it adds 0.24 % to the sum."""
    _, flags = signal_of(moon(Sphere(semi_column=RADIUS), touch=spot(angle_deg, 1.0, 6.0, 300.0)))
    assert "second_object" in flags


@pytest.mark.parametrize("angle_deg", [60.0, 90.0])
@pytest.mark.parametrize("radius", [1.03, 1.2])
def test_a_star_near_the_limb_is_flagged_and_does_not_count(
    moon: Callable[..., Case], angle_deg: float, radius: float
) -> None:
    case = moon(Sphere(semi_column=RADIUS), touch=spot(angle_deg, radius, 0.8, 500.0))
    signal, flags = signal_of(case)
    assert "second_object" in flags
    assert float(signal["signal"]) == pytest.approx(case.truth["B1"].signal, rel=2e-4)


def test_tracks_of_particles_are_no_stars(moon: Callable[..., Case]) -> None:
    def tracks(counts: np.ndarray) -> np.ndarray:
        counts = counts.copy()
        for line, column in ((60, 40), (180, 20), (400, 300)):
            counts[line, column : column + 3] += 400
        return counts

    signal, flags = signal_of(moon(Sphere(semi_column=RADIUS), touch=tracks))
    assert not flags and float(signal["cosmic_hits"]) > 0


@pytest.mark.parametrize("phase", [5.0, 75.0, 88.0])
def test_a_whole_moon_with_maria_defects_and_stray_light_is_neither(tmp_path: Path, phase: float) -> None:
    """Maria, craters, faint bands, dead and restless columns, particles and ghosts of the simulator."""
    settings: dict[str, object] = {
        "seed": 3,
        "binning": 6,
        "oversampling": 2.0,
        "straylight": "sensor",
        "cosmic_hits": 30,
    }
    acquisition, sensor, geometry = simulated(tmp_path / "M", settings, phase, 20.0, ["B1", "B9", "B12"])
    disk = LUNAR_DISK.compute((acquisition, sensor, geometry), DiskParameters())
    signal = DISK_SIGNAL.compute((acquisition, sensor, disk), SignalParameters())
    assert not signal["lost_light"].any() and float(signal["extra_light"].max()) < 1e-4
    assert all("second_object" not in str(item) for item in signal["flags"].values)
