"""Where and when: time scales, frames, Sun and Moon, orbits and their files. Knows nothing of images or of who calls."""

from __future__ import annotations

from orbit_aux.ccsds import read_oem, write_oem
from orbit_aux.errors import OrbitError
from orbit_aux.frames import State
from orbit_aux.moon_view import moon_geometry
from orbit_aux.orbit import Orbit, difference
from orbit_aux.time import Times

__all__ = ["Orbit", "OrbitError", "State", "Times", "difference", "moon_geometry", "read_oem", "write_oem"]
