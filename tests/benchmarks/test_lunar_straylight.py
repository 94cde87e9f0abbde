"""Stray light of random kernels recovered from full-size simulated Moons, and false alarms in clean ones: asked against measured."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "calib" / "moon"))

from moon_cases import geometry_by_hand

from calib.config import parse
from calib.moon.disk import DiskParameters
from calib.moon.irradiance import band_irradiance, load_model
from calib.moon.steps import LUNAR_DISK
from calib.moon.straylight.steps import LUNAR_STRAYLIGHT, LunarStraylightParameters
from calib.products.plain import read
from calib.sensor import load_gains, load_sensor
from calib.simulate.moon import simulate_moon, truth_folder
from calib.simulate.scene import MoonScene, crossing_times

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(3600)]

SCENES = int(os.environ.get("ETALON_BENCHMARK_STRAYLIGHT", "6"))
UNITS = (["B7", "B8", "B9"], ["B4", "B3", "B6"], ["B10", "B12", "B11"])


def measured(
    folder: Path, settings: dict[str, object], number: int, bands: list[str] | None
) -> tuple[xr.Dataset, xr.Dataset]:
    """The stray light found in a scene of any phase and attitude, and the scene's truth."""
    rng = np.random.default_rng([number, 77])
    sensor, model = load_sensor("venus"), load_model("rolo2005", "tsis1_hsrs")
    common = {"reference_utc": "2019-03-20T12:00:00Z", "seed": number, "rate_variation": "1 %", "rate_period": "3 s"}
    scene = parse(MoonScene, {**common, **settings}, "scene")
    phase_deg, north_deg = float(rng.uniform(8, 55) * rng.choice([-1, 1])), float(rng.uniform(-180, 180))
    geometry = geometry_by_hand(scene, list(sensor.bands), phase_deg, north_deg)
    po = load_gains("venus").in_force(np.datetime64("2019-03-20"))
    irradiance = band_irradiance(model, geometry, sensor.response)
    seen = geometry.assign(crossing_time=crossing_times(scene, sensor))
    product = simulate_moon(scene, sensor, seen, np.eye(3)[:2], irradiance, po, folder / f"M{number}", bands)
    image = read(product)
    disk = LUNAR_DISK.compute((image, sensor, geometry), DiskParameters())
    found = LUNAR_STRAYLIGHT.compute((image, sensor, disk), LunarStraylightParameters())
    truth = xr.load_dataset(truth_folder(product) / "truth.nc")
    shutil.rmtree(product)
    return found, truth


def random_paths(rng: np.random.Generator, bands: list[str]) -> list[dict[str, object]]:
    """A ghost in each of two bands, and three crosstalks among three bands; 0.05 to 1 %, three in ten negative."""

    def factor() -> float:
        return float(rng.choice([-1, 1], p=[0.3, 0.7]) * 10 ** rng.uniform(np.log10(5e-4), -2))

    def either(low: float, high: float) -> float:
        return float(rng.choice([-1, 1]) * rng.uniform(low, high))

    pairs = [(band, source) for band in bands for source in bands if band != source]
    ghosts: list[dict[str, object]] = [
        {
            "kind": "ghost",
            "band": band,
            "factor": factor(),
            "column_shift": either(40, 120),
            "line_shift": either(30, 100),
            "blur": float(rng.uniform(4, 24)),
        }
        for band in bands[:2]
    ]
    crosstalks: list[dict[str, object]] = [
        {
            "kind": "crosstalk",
            "band": pairs[item][0],
            "source": pairs[item][1],
            "factor": factor(),
            "column_shift": float(rng.uniform(-60, 60)),
            "blur": float(rng.uniform(4, 12)),
        }
        for item in rng.choice(len(pairs), 3, replace=False)
    ]
    return [*ghosts, *crosstalks]


def compared(found: xr.Dataset, truth: xr.Dataset, paths: list[dict[str, object]]) -> tuple[np.ndarray, int]:
    """Rows of true share, found share (NaN: not found), uncertainty and detection limit; and how many were found that are none."""
    radiance, expected = truth["mean_radiance"], xr.zeros_like(found["straylight"])
    for path in paths:
        band, source = str(path["band"]), str(path.get("source", path["band"]))
        share = float(str(path["factor"])) * float(radiance.sel(band=source) / radiance.sel(band=band))
        expected.loc[{"band": band, "source": source}] += share
    put = expected.values != 0
    names = ("straylight", "straylight_uncertainty", "detection_limit")
    rows = np.stack([expected.values[put], *(found[name].values[put] for name in names)], axis=1)
    false = np.count_nonzero(np.isfinite(found["straylight"].values) & ~put) + np.count_nonzero(
        np.isfinite(found["halo"])
    )
    return rows, int(false)


def test_random_kernels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tables, false = [], 0
    for number in range(SCENES):
        bands = UNITS[number % 3]
        paths = random_paths(np.random.default_rng([number, 78]), bands)
        rows, alarms = compared(*measured(tmp_path, {"oversampling": 2.0, "straylight": paths}, number, bands), paths)
        tables.append(rows)
        false += alarms
    true, share, sigma, limit = np.concatenate(tables).T
    told = np.isfinite(share)
    error, pull = (share - true)[told], ((share - true) / sigma)[told]
    known, rms = sigma[told] < 5e-5, 100 * np.sqrt(np.mean(error**2))
    best = error[known]
    lines = (
        f"{len(true)} kernels of 0.05 to 1 % in {SCENES} scenes of full size; asked: within 0.01 %",
        f"found                              {told.sum()} of {len(true)}, and {false} that are none",
        f"error, rms; worst                  {rms:.4f} %; {100 * np.abs(error).max():.4f} %",
        f"where it is stated below 0.005 %   {100 * np.sqrt(np.mean(best**2)):.4f} %; {100 * np.abs(best).max():.4f} % ({known.sum()} kernels)",
        f"stated uncertainty, median; worst  {100 * np.median(sigma[told]):.4f} %; {100 * sigma[told].max():.4f} %",
        f"detection limit, median            {100 * np.median(limit):.4f} %",
        f"pulls, mean and spread             {pull.mean():+.2f}, {pull.std(ddof=1):.2f}",
    )
    with capsys.disabled():
        print("", *lines, sep="\n")
    assert false == 0
    # a kernel twice above its limit is found
    assert told[np.abs(true) > 2 * limit].all()
    # all kernels together miss 0.01 % where blur and displacement hide them (docs/straylight.md); those that are stated to be known do not
    assert known.sum() > len(known) / 2 and np.sqrt(np.mean(best**2)) < 1e-4
    assert np.sqrt(np.mean(pull**2)) < 1.6


def test_no_false_alarms(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    false, pairs = 0, 0
    for number in range(200, 200 + 2 * SCENES):
        found, _ = measured(tmp_path, {"binning": 4, "oversampling": 1.5}, number, None)
        false += int(np.isfinite(found["share"]).sum())
        pairs += int(np.isfinite(found["detection_limit"]).sum())
    with capsys.disabled():
        print(f"\nfalse kernels in {2 * SCENES} clean scenes of 12 bands, {pairs} bands and pairs: {false}")
    # at 1 % a scene, two in some tens of scenes are a fault
    assert false <= 1
