"""The sample data: whole, small, and made by the simulator as it is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from calib.lineage import digest_file
from flows import samples
from flows.request import read_request

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "data_samples"


def test_samples_are_whole_and_small() -> None:
    manifest = json.loads((DATA / "MANIFEST.json").read_text(encoding="utf-8"))
    found = {
        path.relative_to(DATA).as_posix()
        for name in ("moon", "orbits")
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
    made = [path for path in (tmp_path / "moon").rglob("*") if path.is_file()]
    assert len({path.parent for path in made}) == 2 * len(few)
    for path in made:
        # compressed bytes may differ between versions of libraries; the counts and the truth may not
        assert digest_file(path) == digest_file(DATA / path.relative_to(tmp_path)), path


def test_demo_request_names_the_samples() -> None:
    request = read_request(ROOT / "configs" / "requests" / "demo.yaml")
    assert all(Path(path).exists() for path in request.orbits)
