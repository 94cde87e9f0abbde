"""A planned burn of constant thrust."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orbit_aux.errors import OrbitError
from orbit_aux.time import Times

#: axes in which the thrust is constant: GCRF (inertial: spun satellites), RSW (radial, transverse, normal: three-axis satellites)
AXES = ("GCRF", "RSW")


@dataclass(frozen=True, eq=False)
class Burn:
    """Ignition, duration and constant force of a burn: thrust (N) along the unit vector `direction` in `axes`, mass (kg) at ignition, flow (kg/s) > 0."""

    ignition: Times
    duration_s: float
    thrust_n: float
    direction: NDArray[np.float64]
    axes: str
    mass_kg: float
    flow_kgs: float

    def __post_init__(self) -> None:
        if len(self.ignition) != 1 or self.axes not in AXES or np.shape(self.direction) != (3,):
            raise OrbitError(f"burn at {self.ignition!r} in {self.axes!r}: one ignition, axes {' or '.join(AXES)}")
        if not (self.duration_s > 0 and self.thrust_n > 0 and self.mass_kg > 0 and self.flow_kgs >= 0):
            raise OrbitError(
                f"burn of {self.duration_s} s, {self.thrust_n} N, {self.mass_kg} kg, {self.flow_kgs} kg/s: give positive values"
            )
        if not self.flow_kgs * self.duration_s < self.mass_kg:
            raise OrbitError(
                f"burn uses {self.flow_kgs * self.duration_s:.6g} kg of {self.mass_kg:.6g} kg: correct mass, flow or duration"
            )

    @property
    def cut_off(self) -> Times:
        return self.ignition + self.duration_s

    @classmethod
    def of_manoeuvre(
        cls,
        ignition: Times,
        duration_s: float,
        delta_mass_kg: float,
        delta_v_ms: NDArray[np.float64],
        axes: str,
        mass_kg: float,
    ) -> Burn:
        """The burn that gives `delta_v_ms` (in `axes`) and takes `delta_mass_kg` (< 0) by a constant thrust and flow: rocket equation."""
        speed_ms = float(np.linalg.norm(delta_v_ms))
        if not (delta_mass_kg < 0 < mass_kg + delta_mass_kg and speed_ms > 0 and duration_s > 0):
            raise OrbitError(
                f"manoeuvre of {speed_ms:.6g} m/s, {delta_mass_kg} kg in {duration_s} s of {mass_kg} kg is no burn: "
                "give a speed, a negative MAN_DELTA_MASS and a duration"
            )
        flow = -delta_mass_kg / duration_s
        exhaust_ms = speed_ms / math.log(mass_kg / (mass_kg + delta_mass_kg))
        return cls(ignition, duration_s, flow * exhaust_ms, np.asarray(delta_v_ms) / speed_ms, axes, mass_kg, flow)
