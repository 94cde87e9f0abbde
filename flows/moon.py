"""The lunar calibration: what depends on what."""

from __future__ import annotations

from typing import Any

from calib.moon.steps import DISK_SIGNAL, LUNAR_DISK, LUNAR_GAIN
from calib.steps import Run
from flows.method import Method
from flows.orbit import MOON_GEOMETRY, SUN_DIRECTION


def lunar_calibration(run: Run, *, acquisition: Any, sensor: Any, orbit: Any, po: Any, model: Any) -> Any:
    """One gain per band from an image of the whole Moon.

    The disk is found by the Laplacian of its lit limb and its light summed above the sky; neither needs the orbit. The orbit gives the geometry at the
    instant at which the Moon crossed each band, the model its irradiance there, and the ratio of both irradiances corrects the official gain.
    """
    sun = run(SUN_DIRECTION, acquisition)
    disk = run(LUNAR_DISK, acquisition, sensor, sun)
    signal = run(DISK_SIGNAL, acquisition, sensor, disk)
    geometry = run(MOON_GEOMETRY, disk, acquisition, orbit)
    return run(LUNAR_GAIN, disk, signal, geometry, sensor, po, model)


MOON = Method("moon", lunar_calibration, (SUN_DIRECTION, LUNAR_DISK, DISK_SIGNAL, MOON_GEOMETRY, LUNAR_GAIN))
