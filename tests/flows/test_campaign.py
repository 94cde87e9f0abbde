"""A campaign end to end: injected gains come back, a second run is reused, and the run folder tells it all."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from campaigns import BANDS, coefficients, run, true_gain_errors, write_request

from calib import config
from calib.uncertainty import from_dataset
from flows.campaign import Finished
from flows.request import Request


def test_injected_gains_come_back(finished: Finished, products: Path) -> None:
    # 0.3 %: asked of the first lunar calibration on simulated scenes without stray light
    for (acquisition, band), k in coefficients(finished).items():
        assert k == pytest.approx(true_gain_errors(products / acquisition)[band], rel=3e-3), (acquisition, band)
    assert len(coefficients(finished)) == 3 * len(BANDS)


def test_bands_stay_in_the_sensor_s_order(finished: Finished) -> None:
    for outcome in finished.outcomes:
        for result in outcome.results.values():
            assert tuple(result.dataset["band"].values) == BANDS


def copied_archive(finished: Finished, folder: Path) -> Path:
    """The archive of the finished run, for a test to add to."""
    return Path(shutil.copytree(finished.folder.parent.parent, folder / "archive"))


def test_second_run_is_reused_and_equal(finished: Finished, products: Path, tmp_path: Path) -> None:
    again = run(write_request(tmp_path, products, copied_archive(finished, tmp_path)))
    assert (again.summary["steps_computed"], again.summary["steps_reused"]) == (0, 15)
    assert coefficients(again) == coefficients(finished)
    assert again.folder != finished.folder


def test_run_folder_holds_what_it_promises(finished: Finished) -> None:
    names = {path.name for path in finished.folder.iterdir()}
    statistics = {
        "statistics.csv",
        "statistics.parquet",
        "statistics_columns.csv",
        "glod_venus.nc",
        "srf_venus.nc",
        "glod",
    }
    assert names == {"report.html", "coefficients.csv", "summary.json", "request.yaml", "journal.jsonl"} | statistics
    rows = list(csv.DictReader((finished.folder / "coefficients.csv").open(encoding="utf-8")))
    for row in rows:
        assert float(row["k"]) == pytest.approx(coefficients(finished)[row["acquisition"], row["band"]], abs=1e-6)
        used, proposed = (float(row[f"gain_{name}_DN_per_W_m-2_sr-1_um-1"]) for name in ("used", "proposed"))
        assert proposed == pytest.approx(used * float(row["k"]), rel=1e-5)
    summary = json.loads((finished.folder / "summary.json").read_text(encoding="utf-8"))
    assert (summary["done"], summary["failed"], summary["steps_computed"]) == (3, 0, 15)


def test_completed_request_can_be_run_as_it_is(finished: Finished) -> None:
    completed = config.load(Request, finished.folder / "request.yaml")
    assert completed.name == "test"
    assert set(completed.parameters) == {"sun_direction", "lunar_disk", "disk_signal", "moon_geometry", "lunar_gain"}
    assert all(completed.parameters[name] for name in ("lunar_disk", "disk_signal", "lunar_gain")), (
        "defaults are written out"
    )


def test_a_parameter_redoes_its_step_and_what_follows(products: Path, finished: Finished, tmp_path: Path) -> None:
    archive = copied_archive(finished, tmp_path)
    other = run(write_request(tmp_path, products, archive, solar_spectrum="wehrli1985"))
    assert {outcome.states["lunar_gain"] for outcome in other.outcomes} == {"computed"}
    assert {outcome.states["disk_signal"] for outcome in other.outcomes} == {"reused"}
    back = run(write_request(tmp_path, products, archive))
    assert back.summary["steps_computed"] == 0


def test_uncertainty_is_dominated_by_the_model_and_covers_the_truth(finished: Finished, products: Path) -> None:
    for outcome in finished.outcomes:
        k = from_dataset(outcome.results["lunar_gain"].content, "k")
        named = {component.name: component for component in k.components}
        assert named["model_scale"].correlation == "common"
        np.testing.assert_allclose(named["model_scale"].values / k.value, 0.05, rtol=1e-6)
        own = (
            sum(
                item.values**2
                for name, item in named.items()
                if not name.startswith(("model", "solar", "response", "spectral"))
            )
            ** 0.5
        )
        truth = true_gain_errors(products / outcome.subject)
        for band in BANDS:
            # the simulator obeys the model, so the measurement's own part alone must cover the error, at 3 sigma
            assert abs(float(k.value.sel(band=band)) - truth[band]) < 3 * float(own.sel(band=band)), (
                outcome.subject,
                band,
            )


def test_some_acquisitions_failing_is_partial(products: Path, tmp_path: Path) -> None:
    empty = tmp_path / "VENUS_MOON_EMPTY"
    empty.mkdir()
    request = write_request(
        tmp_path, products, tmp_path / "archive", acquisitions=[str(products / "*190118*"), str(empty)]
    )
    partial = run(request)
    assert partial.exit_code == 3
    reasons = {outcome.subject: outcome.reason for outcome in partial.outcomes if not outcome.done}
    assert list(reasons) == ["VENUS_MOON_EMPTY"]
    assert str(empty) in reasons["VENUS_MOON_EMPTY"]


def test_all_failing_is_a_failure(products: Path, tmp_path: Path) -> None:
    empty = tmp_path / "VENUS_MOON_EMPTY"
    empty.mkdir()
    assert run(write_request(tmp_path, products, tmp_path / "archive", acquisitions=[str(empty)])).exit_code == 1


def test_two_products_of_one_name_are_told_apart(products: Path, tmp_path: Path) -> None:
    source = next(products.glob("*190118*[0-9]"))
    copy = Path(shutil.copytree(source, tmp_path / "copy"))
    done = run(write_request(tmp_path, products, tmp_path / "archive", acquisitions=[str(source), str(copy)]))
    assert done.exit_code == 3
    assert "a second product with the name" in done.outcomes[1].reason
