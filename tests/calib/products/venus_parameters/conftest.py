"""One synthetic parameter file of every type, written once."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import parameter_samples


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The path of a file by its type; not to be altered."""
    return parameter_samples.write_all(tmp_path_factory.mktemp("parameters"), "VM01")
