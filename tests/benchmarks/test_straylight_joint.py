"""Stray light from several full-size Moons of faint and bright bands together, against each Moon by itself: asked against measured."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "calib" / "moon"))

from moon_cases import simulated

from calib.moon.disk import DiskParameters
from calib.moon.steps import LUNAR_DISK
from calib.moon.straylight.estimate import Estimate, StraylightParameters, estimate_kernels
from calib.moon.straylight.joint import joint_estimate
from calib.moon.straylight.maps import DiskMaps, disk_maps
from calib.sensor import load_sensor
from calib.simulate.moon import truth_folder

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(3600)]

SCENES = int(os.environ.get("ETALON_BENCHMARK_STRAYLIGHT_JOINT", "6"))
#: the unit of the two faintest bands
BANDS = ["B1", "B2", "B5"]
Row = tuple[str, float, float, float]


def scene(folder: Path, number: int) -> tuple[DiskMaps, dict[str, float]]:
    """The maps of a Moon of any phase, attitude and rate with the paths of the sensor file, and the mean radiance of its disks."""
    rng = np.random.default_rng([number, 81])
    settings: dict[str, object] = {
        "seed": 500 + number,
        "binning": 1,
        "oversampling": float(rng.uniform(1.5, 3)),
        "rate_variation": "1 %",
        "rate_period": "3 s",
        "straylight": "sensor",
    }
    phase_deg, north_deg = float(rng.uniform(8, 55) * rng.choice([-1, 1])), float(rng.uniform(-180, 180))
    acquisition, sensor, geometry = simulated(folder / f"M{number}", settings, phase_deg, north_deg, BANDS)
    disk = LUNAR_DISK.compute((acquisition, sensor, geometry), DiskParameters())
    maps = disk_maps(acquisition, sensor, disk, 48, (2.0, 4.0))
    radiance = xr.load_dataset(truth_folder(acquisition.path) / "truth.nc")["mean_radiance"].to_series()
    shutil.rmtree(acquisition.path)
    return maps, {str(band): float(value) for band, value in radiance.items()}


def compared(estimate: Estimate, radiance: dict[str, float]) -> list[Row]:
    """Per path: band, true share, found share (NaN: not found) and its uncertainty."""
    rows = []
    bands = estimate.maps.bands
    for path in load_sensor("venus").straylight:
        source = path.source or path.band
        if path.band not in BANDS or source not in BANDS:
            continue
        found, share, sigma = estimate.found[path.band], float("nan"), float("nan")
        for kernel, place, hidden in zip(found.kernels, found.factors(), found.hidden, strict=True):
            if (kernel.kind, kernel.source) == (path.kind, source):
                ratio = float(estimate.level[bands.index(source)] / estimate.level[bands.index(path.band)])
                share = kernel.factor * ratio
                sigma = float(np.hypot(np.sqrt(found.covariance[place, place]), hidden)) * ratio
                break
        rows.append((path.band, path.factor * radiance[source] / radiance[path.band], share, sigma))
    return rows


def told(title: str, rows: list[Row]) -> str:
    true, share, sigma = np.array([row[1:] for row in rows]).T
    seen = np.isfinite(share)
    error = 100 * (share - true)[seen]
    pull = (share - true)[seen] / sigma[seen]
    return (
        f"{title:22s} found {seen.sum()} of {len(rows)}; error rms {np.sqrt(np.mean(error**2)):.4f} %, median {np.median(np.abs(error)):.4f} %,"
        f" worst {np.abs(error).max():.4f} %; stated {100 * np.median(sigma[seen]):.4f} %; pulls {pull.mean():+.2f}, {pull.std():.2f}"
    )


def test_several_moons_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scenes, parameters = [scene(tmp_path, number) for number in range(SCENES)], StraylightParameters()
    single = [row for maps, radiance in scenes for row in compared(estimate_kernels(maps, parameters), radiance)]
    joint = compared(joint_estimate([maps for maps, _ in scenes], parameters).estimates[0], scenes[0][1])
    with capsys.disabled():
        print()
        for band in BANDS:
            print(told(f"{band} each by itself", [row for row in single if row[0] == band]))
            print(told(f"{band} {SCENES} together", [row for row in joint if row[0] == band]))
    true, share, sigma = np.array([row[1:] for row in joint]).T
    # all seven paths of the unit, those of 6 DN of signal too
    assert np.isfinite(share).all()
    assert np.abs((share - true) / sigma).max() < 4
    bright = np.array([row[0] == "B5" for row in joint])
    assert np.abs(share - true)[bright].max() < 1e-4
