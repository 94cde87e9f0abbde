"""What every test may lean on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference figures and genuine samples that stands beside the project; absent on most machines."""
    folder = Path(os.environ.get("ETALON_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no reference folder at {folder} (set ETALON_SHARED to its place)")
    return folder
