"""A campaign of twenty acquisitions run a second time: all reused, in under ten seconds from command to report."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from calib import config

ROOT = Path(__file__).resolve().parent.parent.parent


def etalon(*words: str) -> tuple[str, float]:
    """What the command prints, and the seconds it took as a whole process."""
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "flows.cli", *words],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    return done.stdout, time.perf_counter() - started


@pytest.mark.benchmark
@pytest.mark.timeout(1800)
def test_second_run_of_twenty_acquisitions(tmp_path: Path) -> None:
    words = "simulate moon --sensor venus --start 2018-02-01T00:00:00Z --phase -40 --phase 40 --count 20 --binning 6"
    etalon(*words.split(), "--out", str(tmp_path), "--set", "oversampling=2")
    content = {
        "name": "twenty",
        "acquisitions": ["*_MOON_*"],
        "orbits": ["orbits/*.oem"],
        "archive": "archive",
        "engine": "local",
    }
    (tmp_path / "request.yaml").write_text(config.to_yaml(content), encoding="utf-8")
    first, first_s = etalon("run", str(tmp_path / "request.yaml"))
    assert "20 acquisitions done, 0 failed; 100 steps computed" in first
    second, second_s = etalon("run", str(tmp_path / "request.yaml"))
    assert "0 steps computed, 100 reused" in second
    print(f"\n20 acquisitions of 12 bands: first run {first_s:.1f} s, second run {second_s:.1f} s (asked < 10 s)")
    assert second_s < 10
