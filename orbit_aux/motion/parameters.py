"""Numbers on which the forces of low orbit depend, and those that forces and manoeuvres bring."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from orbit_aux.motion.forces import Forces, Impulse, Thrust
from orbit_aux.time import Times


@dataclass(frozen=True)
class Parameter:
    """One number on which forces depend, between `start_s` and `stop_s` after the epoch; `sigma` > 0: estimated, with that standard deviation a priori.

    kind: drag, light (scales), force (N), acceleration (m/s2), impulse (m/s), switch (s, of manoeuvre
    number `owner`; component -1 ignition, +1 cut-off, 0 impulse).
    """

    name: str
    kind: str
    value: float
    sigma: float
    start_s: float
    stop_s: float
    axes: str = "RSW"
    component: int = 0
    wave: str = ""
    owner: int = -1

    @property
    def unit(self) -> str:
        units = {"force": "N", "acceleration": "m/s2", "impulse": "m/s", "switch": "s"}
        return units.get(self.kind, "1")


def parameters_of(forces: Forces, epoch: Times, duration_s: float) -> list[Parameter]:
    """Parameters of the forces themselves: scales of drag and solar pressure (fixed at 1), and the manoeuvres of the course."""
    result = []
    if forces.drag:
        result.append(Parameter("drag", "drag", 1.0, 0.0, 0.0, duration_s))
    if forces.solar_pressure:
        result.append(Parameter("solar_pressure", "light", 1.0, 0.0, 0.0, duration_s))
    for number, manoeuvre in enumerate(forces.manoeuvres):
        if isinstance(manoeuvre, Impulse):
            at_s = float((manoeuvre.time - epoch)[0])
            sigmas = np.broadcast_to(manoeuvre.sigma_ms, 3)
            for component, letter in enumerate(_letters(manoeuvre.axes)):
                value, sigma = float(manoeuvre.delta_v_ms[component]), float(sigmas[component])
                name = f"impulse_{number}_{letter}"
                result.append(
                    Parameter(name, "impulse", value, sigma, at_s, at_s, manoeuvre.axes, component, owner=number)
                )
            if manoeuvre.sigma_time_s > 0:
                name, sigma = f"impulse_{number}_time", manoeuvre.sigma_time_s
                result.append(Parameter(name, "switch", 0.0, sigma, at_s, at_s, manoeuvre.axes, 0, owner=number))
        else:
            result += _thrust_parameters(number, manoeuvre, epoch)
    return result


def _letters(axes: str) -> tuple[str, ...]:
    return ("x", "y", "z") if axes == "GCRF" else tuple(axes.lower())


def _thrust_parameters(number: int, thrust: Thrust, epoch: Times) -> list[Parameter]:
    start_s, stop_s = float((thrust.start - epoch)[0]), float((thrust.stop - epoch)[0])
    sigmas = np.broadcast_to(thrust.sigma_n, 3)
    result = [
        Parameter(
            f"thrust_{number}_{letter}", "force", float(thrust.force_n[component]), float(sigmas[component]),
            start_s, stop_s, thrust.axes, component, owner=number,
        )
        for component, letter in enumerate(_letters(thrust.axes))
    ]  # fmt: skip
    for name, at_s, sign, sigma in (
        ("start", start_s, -1, thrust.sigma_start_s),
        ("stop", stop_s, 1, thrust.sigma_stop_s),
    ):
        if sigma > 0:
            result.append(
                Parameter(f"thrust_{number}_{name}", "switch", 0.0, sigma, at_s, at_s, thrust.axes, sign, owner=number)
            )
    return result
