"""Service tests use the modules beside the flows' tests."""

from __future__ import annotations

import sys
from pathlib import Path

# pytest imports test files by path: they need to be found by name
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "flows"))
