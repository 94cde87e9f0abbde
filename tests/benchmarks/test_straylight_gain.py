"""The gain of Moons with the stray light of the Venµs sensor file, found and taken off blindly: asked against measured."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "calib" / "moon"))

from moon_cases import FROM_THE_IMAGE, simulated

from calib.moon.disk import DiskParameters
from calib.moon.gain import GainParameters
from calib.moon.irradiance import load_model
from calib.moon.photometry import SignalParameters
from calib.moon.steps import DISK_SIGNAL, LUNAR_DISK, LUNAR_GAIN
from calib.moon.straylight.effect import SIGNAL_WITHOUT_STRAYLIGHT, STRAYLIGHT_EFFECT
from calib.moon.straylight.steps import LUNAR_STRAYLIGHT, LunarStraylightParameters
from calib.sensor import load_gains
from calib.simulate.moon import truth_folder
from calib.steps import NoParameters
from calib.uncertainty import from_dataset

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(3600)]

SCENES = int(os.environ.get("ETALON_BENCHMARK_STRAYLIGHT_GAIN", "24"))
BINNING = int(os.environ.get("ETALON_BENCHMARK_STRAYLIGHT_BINNING", "2"))
ASKED = 0.002
UNITS = (["B7", "B8", "B9"], ["B4", "B3", "B6"], ["B10", "B12", "B11"], ["B2", "B1", "B5"])


def corrected(folder: Path, number: int) -> xr.Dataset:
    """The gain of a scene of any phase and attitude with the stray light taken off, with the injected `k_true` and k before the correction."""
    rng = np.random.default_rng([number, 79])
    bands, phase_deg = UNITS[number % 4], float(rng.uniform(8, 55) * rng.choice([-1, 1]))
    settings: dict[str, object] = {
        "seed": number,
        "binning": BINNING,
        "oversampling": float(rng.uniform(1, 3)),
        "rate_variation": "1 %",
        "rate_period": "3 s",
        "straylight": "sensor",
    }
    acquisition, sensor, geometry = simulated(
        folder / f"M{number}", settings, phase_deg, float(rng.uniform(-180, 180)), bands
    )
    disk = LUNAR_DISK.compute((acquisition, sensor, geometry), DiskParameters())
    counted = DISK_SIGNAL.compute((acquisition, sensor, disk), SignalParameters())
    light = LUNAR_STRAYLIGHT.compute((acquisition, sensor, disk), LunarStraylightParameters())
    signal = SIGNAL_WITHOUT_STRAYLIGHT.compute((counted, light), NoParameters())
    po, model = load_gains("venus").in_force(np.datetime64("2019-03-20")), load_model("rolo2005", "tsis1_hsrs")
    gain = LUNAR_GAIN.compute((disk, signal, geometry, sensor, po, model), GainParameters())
    effect = STRAYLIGHT_EFFECT.compute((gain, signal), NoParameters())
    truth = xr.load_dataset(truth_folder(acquisition.path) / "truth.nc")["k"].sel(band=gain["band"])
    shutil.rmtree(acquisition.path)
    return gain.assign(k_true=truth.drop_attrs(), k_uncorrected=effect["k_uncorrected"])


def test_the_gain_without_the_stray_light(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = []
    for number in range(SCENES):
        gain = corrected(tmp_path, number)
        parts = {item.name: item.values for item in from_dataset(gain, "k").components}
        sigma = np.sqrt(sum(parts[name] ** 2 for name in (*FROM_THE_IMAGE, "straylight")))
        for band in map(str, gain["band"].values):
            item, doubt = gain.sel(band=band), float(sigma.sel(band=band))
            true = float(item["k_true"])
            rows.append((band, float(item["k"]) / true - 1, float(item["k_uncorrected"]) / true - 1, doubt / true))
    names, (error, before, sigma) = [row[0] for row in rows], np.array([row[1:] for row in rows]).T
    faint = np.isin(names, ["B1", "B2"])
    lines = [
        f"gain with stray light corrected, {SCENES} scenes binned by {BINNING}, {len(rows)} bands; asked: within 0.2 %"
    ]
    for label, kept in (("all but B1, B2", ~faint), ("B2", np.isin(names, "B2")), ("B1", np.isin(names, "B1"))):
        if kept.any():
            pull, rms = (
                error[kept] / sigma[kept],
                100 * np.sqrt(np.mean(np.square([before[kept], error[kept]]), axis=1)),
            )
            worst = 100 * np.abs([before[kept], error[kept]]).max(axis=1)
            lines += [
                f"{label:15s} before: rms {rms[0]:.3f} %, worst {worst[0]:.3f} %; corrected: rms {rms[1]:.3f} %, worst {worst[1]:.3f} %",
                f"{'':15s} stated {100 * np.median(sigma[kept]):.3f} %; pulls, mean and spread {pull.mean():+.2f}, {pull.std():.2f}",
            ]
    with capsys.disabled():
        print("", *lines, sep="\n")
    assert np.sqrt(np.mean(error[~faint] ** 2)) < 1e-3
    assert np.sqrt(np.mean((error / sigma) ** 2)) < 1.5
    beyond = int(np.count_nonzero(np.abs(error) > ASKED))
    if beyond:
        pytest.xfail(f"not reached: {beyond} of {len(error)} gains are more than 0.2 % off, see docs/measured.md")
