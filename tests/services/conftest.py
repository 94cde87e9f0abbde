"""Service tests use the modules beside the flows' tests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

# pytest imports test files by path: they need to be found by name
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "flows"))

from campaigns import make_products


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two Moons in one band, 77 pixels wide: what can be computed in a second."""
    folder = tmp_path_factory.mktemp("small")
    make_products(folder, 2, ("B4",), binning=16)
    return folder
