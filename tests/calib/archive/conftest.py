"""What the tests of the archive share."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from calib.archive import Archive

# where archive_samples is
sys.path.insert(0, str(Path(__file__).resolve().parent))


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "archive")
