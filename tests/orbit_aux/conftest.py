"""A push-broom scene for the tests of geolocation: a round orbit, an attitude, a camera."""

from __future__ import annotations

import sys
from pathlib import Path

# pytest imports test files by path: the modules beside them need to be found by name
sys.path.insert(0, str(Path(__file__).resolve().parent))
