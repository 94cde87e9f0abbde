"""The sample data: whole, small, and made by the simulator as it is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from calib.lineage import digest_file
from calib.products import plain
from flows import samples
from flows.request import read_request
from orbit_aux.ccsds import read_oem

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "data_samples"


def test_samples_are_whole_and_small() -> None:
    manifest = json.loads((DATA / "MANIFEST.json").read_text(encoding="utf-8"))
    found = {
        path.relative_to(DATA).as_posix()
        for name in samples.FOLDERS
        for path in (DATA / name).rglob("*")
        if path.is_file()
    }
    assert found == set(manifest)
    for name, digest in manifest.items():
        assert digest_file(DATA / name) == digest, name
    assert sum((DATA / name).stat().st_size for name in manifest) < 20e6


def test_samples_are_what_the_simulator_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # one product of each satellite: the whole set takes a minute
    few = tuple(replace(sample, count=1) for sample in samples.SAMPLES)
    monkeypatch.setattr(samples, "SAMPLES", few)
    samples.write_samples(tmp_path)
    products = sorted(path for path in (tmp_path / "moon").glob("*_MOON_*[0-9]"))
    assert len(products) == len(few)
    for product in products:
        for image in product.glob("*.tif"):
            made, kept = (
                plain.open_raster(path).read().astype(int)
                for path in (image, DATA / "moon" / product.name / image.name)
            )
            # other versions of the libraries may round a count the other way once in a while; the same ones never do (tests of the simulator)
            assert np.abs(made - kept).max() <= 1
            assert np.mean(made != kept) < 1e-3
        truths = [
            xr.load_dataset(folder / "moon" / f"{product.name}.truth" / "truth.nc") for folder in (tmp_path, DATA)
        ]
        xr.testing.assert_allclose(*truths, rtol=1e-9)

    for name in ("orbit_change/VENUS_planned.oem", "geolocation/orbit.oem"):
        made_orbit, kept_orbit = (read_oem(folder / name) for folder in (tmp_path, DATA))
        np.testing.assert_allclose(made_orbit.position_m, kept_orbit.position_m, atol=1e-3)
    for name in ("geolocation/grid.csv", "geolocation/los.csv"):
        assert (tmp_path / name).read_text() == (DATA / name).read_text()


def test_demo_request_names_the_samples() -> None:
    request = read_request(ROOT / "configs" / "requests" / "demo.yaml")
    assert all(Path(path).exists() for path in request.orbits)
