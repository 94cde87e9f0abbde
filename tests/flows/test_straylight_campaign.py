"""Stray light in the lunar recipe, acquisitions written without it, and the parameter files proposed from it: from a simulated Moon with known paths."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from campaigns import coefficients, make_products, run, write_request
from commands import Answer

from calib.archive.netcdf import from_bytes
from calib.moon.straylight.correction import kernels_of_paths, spatial_filter
from calib.products import open_acquisition
from calib.products.venus_parameters import open_parameters
from calib.products.venus_parameters.propose import new_strlgt
from calib.products.venus_parameters.straylight import Crosstalk, Filter, Ghost, Straylight, Strip
from calib.sensor import StraylightPath, load_gains
from calib.simulate.moon import truth_folder
from calib.uncertainty import from_dataset
from flows.campaign import Finished
from flows.prepare import prepare
from flows.request import read_request
from flows.straylight import straylight_of
from flows.straylight_correction import write_corrected

BANDS = ("B7", "B8", "B9")
PATHS: list[dict[str, Any]] = [
    {"kind": "ghost", "band": "B7", "factor": 0.008, "column_shift": 80, "line_shift": -50, "blur": 12},
    {"kind": "crosstalk", "band": "B8", "source": "B9", "factor": 0.006, "column_shift": 30, "blur": 8},
    {"kind": "crosstalk", "band": "B9", "source": "B7", "factor": 0.01, "column_shift": -20, "blur": 8},
]
#: maps of fewer cells than the default, for time
COARSE = {"lunar_straylight": {"radius_cells": 32}}
CELLS = ("--set", "radius_cells=32")
SETTINGS: dict[str, object] = {"binning": 4, "straylight": PATHS, "gain_error_rms": "0 %"}


@dataclass
class Runs:
    """The folder of one Moon, and the runs of the three treatments by name."""

    products: Path
    product: Path
    by_treatment: dict[str, Finished]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    folder = tmp_path_factory.mktemp("stray")
    (product,) = make_products(folder, 1, BANDS, **SETTINGS)
    done = {}
    for treatment in ("none", "report", "correct"):
        place = tmp_path_factory.mktemp(treatment)
        # one archive: what does not depend on the treatment is reused
        keys = {"straylight": treatment, "parameters": COARSE if treatment != "none" else {}}
        done[treatment] = run(write_request(place, folder, folder / "archive", **keys))
    return Runs(folder, product, done)


def data_of(finished: Finished, step: str) -> xr.Dataset:
    return finished.outcomes[0].results[step].content


def test_the_three_treatments(runs: Runs) -> None:
    k = {name: coefficients(finished) for name, finished in runs.by_treatment.items()}
    effect = data_of(runs.by_treatment["correct"], "signal_without_straylight")["straylight_effect"]
    told = data_of(runs.by_treatment["report"], "straylight_effect")
    with xr.open_dataset(truth_folder(runs.product) / "truth.nc", engine="h5netcdf") as truth:
        true = truth["k"].load()
    assert k["none"] == k["report"]
    for (name, band), value in k["none"].items():
        share = float(effect.sel(band=band))
        assert k["correct"][name, band] == pytest.approx(value / (1 + share), rel=1e-12)
        assert float(told["k_corrected"].sel(band=band)) == pytest.approx(k["correct"][name, band], rel=1e-12)
        assert float(told["k_uncorrected"].sel(band=band)) == value
        # 0.5 to 1 % of stray light; 0.15 %: a coarse image, 150 pixels to a radius
        assert abs(value / float(true.sel(band=band)) - 1) > 0.003
        assert k["correct"][name, band] == pytest.approx(float(true.sel(band=band)), rel=1.5e-3)


def test_the_budget_holds_it(runs: Runs) -> None:
    for treatment, steps in (("report", "signal_with_straylight"), ("correct", "signal_without_straylight")):
        parts = {
            item.name: item
            for item in from_dataset(data_of(runs.by_treatment[treatment], "lunar_gain"), "k").components
        }
        told, k = data_of(runs.by_treatment[treatment], steps), data_of(runs.by_treatment[treatment], "lunar_gain")["k"]
        effect, doubt = told["straylight_effect"], told["straylight_effect_uncertainty"]
        share = doubt / (1 + effect) if treatment == "correct" else np.hypot(effect, doubt)
        np.testing.assert_allclose(parts["straylight"].values / k, share, rtol=1e-9)
        assert parts["straylight"].correlation == "along acquisition" and (doubt > 0).all()
    names = {item.name for item in from_dataset(data_of(runs.by_treatment["none"], "lunar_gain"), "k").components}
    assert "straylight" not in names


def test_only_what_depends_on_it_is_computed(runs: Runs) -> None:
    states = {name: finished.outcomes[0].states for name, finished in runs.by_treatment.items()}
    assert {name for name, state in states["correct"].items() if state == "computed"} == {
        "signal_without_straylight",
        "straylight_effect",
        "lunar_gain",
    }
    assert states["report"]["lunar_disk"] == "reused" and states["report"]["lunar_straylight"] == "computed"


def test_files_of_the_run(runs: Runs) -> None:
    folder = runs.by_treatment["correct"].folder
    (row, *_) = csv.DictReader((folder / "coefficients.csv").open(encoding="utf-8"))
    assert float(row["k_corrected"]) == float(row["k"]) < float(row["k_uncorrected"])
    (row, *_) = csv.DictReader((folder / "statistics.csv").open(encoding="utf-8"))
    for name in ("k_uncorrected [1]", "k_corrected [1]", "k__u_straylight [1]", "straylight_effect [1]"):
        assert float(row[name]) > 0, name
    assert float(row["gain_corrected [DN / (W m-2 sr-1 um-1)]"]) == float(row["gain_proposed [DN / (W m-2 sr-1 um-1)]"])
    assert row["straylight"] == "corrected" and row["missing_steps"] == ""
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))["acquisitions"][0]["straylight"]
    assert summary["signal"] == "corrected" and 0.003 < summary["bands"]["B7"]["share_of_the_disk"] < 0.02
    page = runs.by_treatment["correct"].report.read_text(encoding="utf-8")
    assert "The stray light is taken off the signal" in page and "matrix of stray light" in page
    plain = runs.by_treatment["none"].report.read_text(encoding="utf-8")
    assert "matrix of stray light" not in plain


def test_statistics_of_the_archive(runs: Runs, etalon: Callable[..., Answer], tmp_path: Path) -> None:
    """The last run is current: its rows have the columns, and no step of another treatment."""
    assert etalon("archive", "statistics", "--archive", runs.products / "archive", "--output", tmp_path).code == 0
    rows = list(csv.DictReader((tmp_path / "statistics.csv").open(encoding="utf-8")))
    assert rows == list(csv.DictReader((runs.by_treatment["correct"].folder / "statistics.csv").open(encoding="utf-8")))


def test_shipped_request() -> None:
    root = Path(__file__).resolve().parents[2]
    prepared = prepare(read_request(root / "configs" / "requests" / "straylight.yaml"))
    assert len(prepared.cases) == 4 and not prepared.refused
    assert "signal_without_straylight" in [step.name for step in prepared.method.steps]


def test_an_acquisition_without_it_is_run_again(runs: Runs, etalon: Callable[..., Answer], tmp_path: Path) -> None:
    """The sum over the disk of the corrected image is the corrected sum."""
    answer = etalon(
        "moon", "straylight", runs.product, "--output", tmp_path / "out", "--correct", "--order", "TYPE2_TYPE1", *CELLS
    )
    assert (answer.code, answer.err) == (0, "") and "Corrected (TYPE2_TYPE1)" in answer.out
    made = open_acquisition(tmp_path / "out" / "corrected" / runs.product.name)
    source = open_acquisition(runs.product)
    for band in BANDS:
        assert made.band(band).first_line == source.band(band).first_line
        np.testing.assert_allclose(made.band(band).scan_rate_rad_s, source.band(band).scan_rate_rad_s, rtol=1e-9)
    request = write_request(tmp_path, runs.products, tmp_path / "archive")
    again = run_of(request, tmp_path / "out" / "corrected")
    corrected = coefficients(runs.by_treatment["correct"])
    for key, value in coefficients(again).items():
        # 0.05 %: apertures and fills of the photometry, of a correction of 0.5 to 1 %
        assert value == pytest.approx(corrected[key], rel=5e-4)


def run_of(request: Path, products: Path) -> Finished:
    text = request.read_text(encoding="utf-8")
    content = "\n".join(
        f"- {products / '*_MOON_*'}" if line.startswith("- ") and "_MOON_" in line else line
        for line in text.splitlines()
    )
    request.write_text(content, encoding="utf-8")
    return run(request)


def in_force(folder: Path, paths: list[StraylightPath]) -> list[Path]:
    """STRLGT files that hold the paths, one for each band."""
    files = []
    for path in paths:
        kernel, shift = spatial_filter(path)
        item = Filter("SPATIAL", kernel)
        content = (
            Straylight(path.band, 100, ghosts=(Ghost(0, 5199, item),))
            if path.source is None
            else Straylight(
                path.band, crosstalks=(Crosstalk(path.source, item, 100, (Strip(0, 5199, path.factor, shift),)),)
            )
        )
        files.append(new_strlgt(content, np.datetime64("2018-01-01"), folder))
    return files


def test_a_correction_that_is_off_is_mended(runs: Runs, etalon: Callable[..., Answer], tmp_path: Path) -> None:
    """The image corrected with factors of 60 % of the truth shows the rest, and the proposal is the truth."""
    true = [StraylightPath.model_validate(path) for path in PATHS]
    known = [path.model_copy(update={"factor": 0.6 * path.factor}) for path in true]
    source = open_acquisition(runs.product)
    _, (moon,), _ = straylight_of([source], [("radius_cells", 32)])
    gains = load_gains("venus").in_force(source.start, source.versions["PHGAIN"]).gains
    kernels = kernels_of_paths(known, moon.maps, gains)
    half_corrected = write_corrected(source, moon.sensor, moon.maps, kernels, "TYPE1_TYPE2", tmp_path / source.name)
    files = in_force(tmp_path / "in_force", known)
    words = [item for file in files for item in ("--strlgt", file)]
    answer = etalon(
        "moon",
        "straylight",
        half_corrected,
        "--output",
        tmp_path / "out",
        "--propose-from",
        "2019-06-01",
        *words,
        *CELLS,
    )
    assert (answer.code, answer.err) == (0, "") and "not in the proposal" not in answer.out
    data = from_bytes((tmp_path / "out" / "straylight.nc").read_bytes())
    for path in true:
        (made,) = (tmp_path / "out" / "proposal").glob(f"*_00002_20190601_*_{path.band[0]}0{path.band[1]}.HDR")
        content = open_parameters(made).content
        assert isinstance(content, Straylight)
        cell = data.sel(band=path.band).isel(kernel=0)
        sigma = float(cell["share_uncertainty"] / abs(cell["share"])) * 0.4 * path.factor
        factor = (
            float(content.ghosts[0].filter.kernel.sum())
            if path.source is None
            else content.crosstalks[0].strips[0].factor
        )
        # 2 % of the part that was corrected: disks that hold stray light, 150 pixels to a radius
        assert abs(factor - path.factor) < 3 * sigma + 0.02 * 0.6 * path.factor, path
        assert abs(factor - path.factor) < 0.25 * abs(path.factor - 0.6 * path.factor), path


def test_proposals_from_nothing_are_valid(
    runs: Runs, etalon: Callable[..., Answer], tmp_path: Path, shared: Path
) -> None:
    schemas = shared / "interfaces" / "venus_icd"
    answer = etalon("moon", "straylight", runs.product, "--output", tmp_path / "out", "--propose-from", "2019-04-01", "--schemas", schemas, *CELLS)  # fmt: skip
    assert answer.code == 0 and answer.out.count("Proposed: ") == 3 and "against the schemas" not in answer.out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--order", "TYPE3"], "--order TYPE3: not known"),
        (["--strlgt", "a.HDR"], "say from which day on with --propose-from"),
        (["--propose-from", "soon"], "--propose-from"),
    ],
)
def test_wrong_wishes(runs: Runs, etalon: Callable[..., Answer], tmp_path: Path, words: list[str], says: str) -> None:
    answer = etalon("moon", "straylight", runs.product, "--output", tmp_path / "out", *words)
    assert answer.code == 2 and says in answer.err and not (tmp_path / "out").exists()


def test_one_acquisition_twice_is_refused(runs: Runs, etalon: Callable[..., Answer], tmp_path: Path) -> None:
    answer = etalon("moon", "straylight", runs.product, runs.product, "--output", tmp_path / "out")
    assert answer.code == 2 and "given twice" in answer.err
