"""Restitution of an orbit through a burn from counted Doppler: options, result, in batch and as a monitor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from orbit_aux.burn import Burn
from orbit_aux.errors import OrbitError
from orbit_aux.frames import State
from orbit_aux.orbit import Orbit
from orbit_aux.stations import Stations
from orbit_aux.time import Times
from orbit_aux.tracking import Tracking

METHODS = ("full", "paper")
FORCES = ("j2", "j2+luni-solar")
SPIN = ("auto", "on", "off")


@dataclass(frozen=True)
class BurnOptions:
    """How a burn is restituted; sigmas are one standard deviation of what the plan and the counts may be wrong by."""

    method: str = "full"
    light_time: bool | None = None
    sigma_ms: float = 0.02
    sigma_range_m: float = 10.0
    spin: str = "auto"
    sigma_ignition_s: float = 4.0
    sigma_cut_off_s: float = 4.0
    sigma_thrust_fraction: float = 0.05
    sigma_flow_fraction: float = 0.01
    estimate_biases: bool = False
    before_ignition: bool = True
    forces: str = "j2"


@dataclass(frozen=True, eq=False)
class BurnRestitution:
    """What a restitution found. `estimates` over "measurement": time, transmitter, receiver, kind, measured, residual, innovation_sigma, nis, accepted;
    position (measurement, axis) m GCRF, velocity m/s, position_sigma, velocity_sigma; semi_major_axis (m), k, h, p, q (1), true_longitude (deg),
    eccentricity, inclination, argument_of_perigee, node, mean_anomaly (deg) in Veis frozen at ignition, each also with suffix _sigma;
    thrust_acceleration (measurement, axis) m/s2 in the axes of the burn, thrust (N), flow (kg/s), forecast_semi_major_axis (m), each with _sigma.
    """

    summary: dict[str, Any]

    @property
    def estimates(self) -> xr.Dataset:
        raise OrbitError("not built yet")

    def states(self, times: Times) -> tuple[State, NDArray[np.float64]]:
        """Smoothed GCRF states at `times` (first count or start epoch to last count + 15 min) and their covariances (n, 6, 6), m and m/s."""
        raise OrbitError("not built yet")

    def orbit(self, step_s: float = 10.0, object_name: str = "SATELLITE", object_id: str = "UNKNOWN") -> Orbit:
        """The smoothed orbit with covariances, from the first count or start epoch to 15 minutes after the last count."""
        raise OrbitError("not built yet")


def restitute_burn(
    tracking: Tracking,
    stations: Stations,
    start: State,
    covariance: NDArray[np.float64],
    burn: Burn,
    options: BurnOptions,
) -> BurnRestitution:
    """The orbit through `burn` from all of `tracking`: the monitor fed with everything."""
    raise OrbitError("not built yet")


class BurnMonitor:
    """The same, count by count."""

    def __init__(
        self, stations: Stations, start: State, covariance: NDArray[np.float64], burn: Burn, options: BurnOptions
    ) -> None:
        raise OrbitError("not built yet")

    def update(self, counts: Tracking) -> xr.Dataset:
        """Takes the counts of one epoch, later than all before; returns their rows of `estimates`."""
        raise OrbitError("not built yet")

    def result(self) -> BurnRestitution:
        """The answer from all counts so far."""
        raise OrbitError("not built yet")
