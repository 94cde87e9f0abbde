"""The fixture of this folder's small Moons."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from moon_spheres import moon

__all__ = ["moon"]
