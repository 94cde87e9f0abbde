"""Service tests use the helpers of the flows' tests."""

from __future__ import annotations

import sys
from pathlib import Path

# pytest imports test files by path: helpers need to be found by name
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "flows"))
