"""The lunar calibration: what depends on what."""

from __future__ import annotations

from functools import partial
from typing import Any

from calib.moon.steps import DISK_SIGNAL, LUNAR_DISK, LUNAR_GAIN
from calib.moon.straylight.effect import SIGNAL_WITH_STRAYLIGHT, SIGNAL_WITHOUT_STRAYLIGHT, STRAYLIGHT_EFFECT
from calib.moon.straylight.steps import LUNAR_STRAYLIGHT
from calib.steps import Run, Step
from flows.method import Method
from flows.orbit import MOON_GEOMETRY, SUN_DIRECTION


def lunar_calibration(
    run: Run, *, acquisition: Any, sensor: Any, orbit: Any, po: Any, model: Any, straylight: Step | None = None
) -> Any:
    """One gain per band from an image of the whole Moon.

    The disk is found by the Laplacian of its lit limb and its light summed above the sky; neither needs the orbit. The orbit gives the geometry at the
    instant at which the Moon crossed each band, the model its irradiance there, and the ratio of both irradiances corrects the official gain.
    `straylight` is the step that takes the stray light around the Moon off the signal, or adds it to the budget only; without one it is not looked for.
    """
    sun = run(SUN_DIRECTION, acquisition)
    disk = run(LUNAR_DISK, acquisition, sensor, sun)
    signal = run(DISK_SIGNAL, acquisition, sensor, disk)
    if straylight is not None:
        signal = run(straylight, signal, run(LUNAR_STRAYLIGHT, acquisition, sensor, disk))
    geometry = run(MOON_GEOMETRY, disk, acquisition, orbit)
    gain = run(LUNAR_GAIN, disk, signal, geometry, sensor, po, model)
    if straylight is not None:
        run(STRAYLIGHT_EFFECT, gain, signal)
    return gain


def _with(straylight: Step) -> Method:
    """The method with one more treatment of the signal; the coefficients stay last."""
    steps = (SUN_DIRECTION, LUNAR_DISK, DISK_SIGNAL, LUNAR_STRAYLIGHT, straylight, MOON_GEOMETRY, STRAYLIGHT_EFFECT)
    return Method("moon", partial(lunar_calibration, straylight=straylight), (*steps, LUNAR_GAIN))


MOON = Method("moon", lunar_calibration, (SUN_DIRECTION, LUNAR_DISK, DISK_SIGNAL, MOON_GEOMETRY, LUNAR_GAIN))
#: by the key `straylight` of a request
BY_STRAYLIGHT = {"none": MOON, "report": _with(SIGNAL_WITH_STRAYLIGHT), "correct": _with(SIGNAL_WITHOUT_STRAYLIGHT)}
