"""A request that names a second lunar model: its spread in the budget, in the report and in the statistics; only the gain is computed again."""

from __future__ import annotations

import csv
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from campaigns import coefficients, run, write_request

from calib.errors import RequestError
from calib.moon.model_uncertainty import spread
from calib.sensor import load_sensor
from calib.uncertainty import from_dataset
from flows.campaign import Finished
from flows.prepare import prepare
from flows.request import read_request

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "calib" / "moon"))

from lime_files import write


def test_spread_enters_the_budget_of_the_gain(products: Path, finished: Finished, tmp_path: Path) -> None:
    write(tmp_path / "other.nc")
    archive = Path(shutil.copytree(finished.folder.parent.parent, tmp_path / "archive"))
    # relative paths count from the request's folder
    request = write_request(tmp_path, products, archive, compare_models=["other.nc"])
    found = run(request)
    assert {outcome.states["lunar_gain"] for outcome in found.outcomes} == {"computed"}
    assert {outcome.states["moon_geometry"] for outcome in found.outcomes} == {"reused"}
    assert coefficients(found) == coefficients(finished)
    outcome = found.outcomes[0]
    gain = outcome.results["lunar_gain"].content
    named = {item.name: item for item in from_dataset(gain, "k").components}
    assert named["model_spread"].correlation == "common"
    model = prepare(read_request(request)).cases[0].inputs["model"]
    response = load_sensor("venus").response.sel(band=gain["band"].values)
    expected = spread([model, *model.compared], outcome.results["moon_geometry"].content, response)
    np.testing.assert_allclose(gain["model_spread"], expected.values)
    np.testing.assert_allclose(named["model_spread"].values, -expected.values * gain["k"])
    assert gain.attrs["models_compared"].startswith("LIME 20251010")
    assert "spread between models" in found.report.read_text(encoding="utf-8")
    rows = list(csv.DictReader((found.folder / "statistics.csv").open(encoding="utf-8")))
    assert {"model_spread [1]", "k__u_model_spread [1]", "models_compared"} <= set(rows[0])


def test_a_model_is_not_compared_with_itself(products: Path, tmp_path: Path) -> None:
    request = write_request(tmp_path, products, tmp_path / "archive", compare_models=["rolo2005"])
    with pytest.raises(RequestError, match="compared with itself"):
        prepare(read_request(request))
