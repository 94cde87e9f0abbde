"""What the tests of the report share."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest


@pytest.fixture(scope="session")
def samples() -> SimpleNamespace:
    """The synthetic results of report_samples.py."""
    return SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("report_samples.py"))))
