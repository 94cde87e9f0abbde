"""What is estimated of a burn: parameters, what is known of them beforehand, and the trajectory that they give."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from orbit_aux.bodies import moon_position, sun_position
from orbit_aux.burns.burn import Burn
from orbit_aux.burns.count_kernels import predict
from orbit_aux.burns.counts import Counts
from orbit_aux.burns.kernels import DYNAMIC, FIXED, integrate
from orbit_aux.constants import EARTH_MU_M3S2, WGS84_EQUATORIAL_RADIUS_M
from orbit_aux.errors import OrbitError
from orbit_aux.frames import State, rotation
from orbit_aux.time import Times

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

FORCE, FLOW, IGNITION, CUT_OFF, ANTENNA, SPIN = slice(6, 9), 9, 10, 11, slice(12, 14), 14
#: how far from the axis an antenna may sit, and how wrong a spin rate from a periodogram may be
_ANTENNA_M, _SPIN_RADS = 2.0, 0.01
# two standards of frequency that differ by 1e-11 shift a composite count by 1.5 mm/s; old transponders by more
_BIAS_MS = 0.02
_MOON_GM, _SUN_GM = 4.902800066e12, 1.32712440018e20
# after the last count and the planned end: the report's ten minutes, and what a late burn needs
AFTER_S = 900.0
_MARGIN_S = 5.0
# a cubic polynomial between nodes so far apart is good to 0.01 mm at the height of apogee burns
_LONGEST_STEP_S = 40.0


@dataclass(frozen=True, eq=False)
class BurnModel:
    """A burn with n parameters (see burn_kernels): `mean` (n,) and `root` (n, n), square root of their covariance, before any count."""

    epoch: Times
    burn: Burn
    mean: Array
    root: Array
    frame: Integers
    surroundings: Array
    first_s: float
    last_s: float
    step_s: float
    light_time: bool
    spin_origin_s: float | None = None

    @property
    def spinning(self) -> bool:
        return self.spin_origin_s is not None

    @property
    def settings(self) -> Array:
        return np.array([float(self.light_time), self.spin_origin_s or 0.0, float(self.spinning)])

    def covering(self, first_s: float, last_s: float) -> BurnModel:
        """The same over a longer time where needed."""
        if self.first_s <= first_s - _MARGIN_S and last_s + AFTER_S <= self.last_s:
            return self
        return replace(self, first_s=min(self.first_s, first_s - _MARGIN_S), last_s=max(self.last_s, last_s + AFTER_S))

    def with_spin(self, rate_rads: float, origin_s: float) -> BurnModel:
        """The same with an antenna that turns at about `rate_rads`, its angle counted from `origin_s`."""
        mean, root = self.mean.copy(), self.root.copy()
        mean[SPIN] = rate_rads
        root[12, 12] = root[13, 13] = _ANTENNA_M
        root[SPIN, SPIN] = _SPIN_RADS
        return replace(self, mean=mean, root=root, spin_origin_s=origin_s)

    def without_spin(self) -> BurnModel:
        """The same with no antenna off the axis."""
        mean, root = self.mean.copy(), self.root.copy()
        mean[ANTENNA] = 0.0
        root[12:15] = 0.0
        return replace(self, mean=mean, root=root, spin_origin_s=None)

    def with_flow(self, tied: bool, fraction: float) -> BurnModel:
        """The same with the plan's exhaust speed (tied: less thrust, less flow) or the plan's flow held to `fraction`."""
        mean, root = self.mean.copy(), self.root.copy()
        mean[FLOW] = _exhaust_speed(self.burn) if tied else self.burn.flow_kgs
        root[FLOW, FLOW] = fraction * mean[FLOW]
        return replace(self, mean=mean, root=root, frame=np.array([self.frame[0], int(tied)]))

    def trajectory(self, parameters: Array) -> tuple[Array, Array]:
        """Nodes of `burn_kernels.integrate`."""
        times, nodes = integrate(
            parameters, self.burn.mass_kg, self.frame, self.surroundings, self.first_s, self.last_s, self.step_s
        )
        radius = np.sqrt(np.sum(nodes[:, :3, 0] ** 2, axis=1))
        if not (radius > 0.99 * WGS84_EQUATORIAL_RADIUS_M).all():
            raise OrbitError(
                f"the orbit from {self.epoch.utc_strings(3)[0]} meets the Earth (radius {np.nanmin(radius) / 1e3:.6g} km): "
                "check the start state, its frame and its units"
            )
        return times, nodes


@dataclass(frozen=True, eq=False)
class Reference:
    """The trajectory of `parameters`, about which counts are linear."""

    model: BurnModel
    parameters: Array
    times: Array
    nodes: Array

    @classmethod
    def of(cls, model: BurnModel, parameters: Array) -> Reference:
        return cls(model, parameters, *model.trajectory(parameters))

    def predict(self, counts: Counts, first: int, stop: int) -> tuple[Array, Array]:
        """Values (m,) and derivatives (m, n) of the counts `first` to `stop` (excluded)."""
        values, rows = np.empty(stop - first), np.empty((stop - first, len(self.parameters)))
        model, part = self.model, slice(first, stop)
        predict(
            self.times,
            self.nodes,
            self.parameters,
            model.frame,
            model.settings,
            counts.tags[part],
            counts.legs[part],
            counts.interval[part],
            counts.link[part],
            values,
            rows,
        )
        return values, rows


def burn_model(
    start: State, covariance: Array, burn: Burn, sigmas: dict[str, float], light_time: bool, biases: int, tides: bool
) -> BurnModel:
    """The model of `burn` from what is known before: `start` (one state) with its covariance, GCRF, and the plan.

    sigmas: ignition and cut_off (s), thrust and flow (fractions). The start means an orbit not yet burning, so its epoch is moved, unburnt,
    to before the time at which ignition is possible: derivatives by the ignition then are smooth.
    """
    state = _one_state(start)
    factor = _factor(covariance)
    ahead_s = float((start.times - burn.ignition)[0])
    reach_s = 5.0 * sigmas["ignition"] + _MARGIN_S
    epoch, pole = start.times, rotation(burn.ignition, "GCRF", "ITRF")[0, 2]
    surroundings = np.zeros((1, 7))
    surroundings[0, :3] = pole
    if tides:
        surroundings = np.concatenate([surroundings, _bodies(epoch)])
    step_s = _step(state)
    if -reach_s < ahead_s <= reach_s:
        state, factor = _moved(state, factor, surroundings, -reach_s - ahead_s, step_s)
        epoch = epoch + (-reach_s - ahead_s)
        if tides:
            surroundings[1:] = _bodies(epoch)
    mean, root = np.zeros(FIXED + biases), np.zeros((FIXED + biases, FIXED + biases))
    ignition_s = float((burn.ignition - epoch)[0])
    mean[:6], mean[FORCE] = state, burn.thrust_n * np.asarray(burn.direction)
    mean[IGNITION], mean[CUT_OFF] = ignition_s, ignition_s + burn.duration_s
    mean[SPIN] = 1.0
    root[:6, :6] = factor
    own = [sigmas["thrust"] * burn.thrust_n] * 3 + [0.0, sigmas["ignition"], sigmas["cut_off"]]
    root[range(6, 12), range(6, 12)] = own
    root[range(FIXED, len(mean)), range(FIXED, len(mean))] = _BIAS_MS
    frame = np.array([int(burn.axes == "RSW"), 1])
    last_s = mean[CUT_OFF] + 5.0 * sigmas["cut_off"] + AFTER_S
    model = BurnModel(epoch, burn, mean, root, frame, surroundings, -_MARGIN_S, last_s, step_s, light_time)
    return model.with_flow(burn.flow_kgs > 0, sigmas["flow"])


def _exhaust_speed(burn: Burn) -> float:
    return burn.thrust_n / burn.flow_kgs


def _one_state(start: State) -> Array:
    if len(start.times) != 1:
        raise OrbitError(f"{len(start.times)} start states given: give one")
    here = start.to("GCRF")
    state = np.concatenate([here.position_m[0], here.velocity_ms[0]])
    radius = float(np.sqrt(np.sum(state[:3] ** 2)))
    if not (np.isfinite(state).all() and WGS84_EQUATORIAL_RADIUS_M < radius < 1e9):
        raise OrbitError(
            f"start state at {start.times.utc_strings(3)[0]} has radius {radius:.6g} m: give a GCRF state outside the Earth, in metres"
        )
    return state


def _factor(covariance: Array) -> Array:
    """Square root of a covariance of position and velocity; refused where it is none."""
    matrix = np.asarray(covariance, dtype=np.float64)
    if matrix.shape != (6, 6) or not np.isfinite(matrix).all():
        raise OrbitError(f"start covariance of shape {matrix.shape} must be 6 x 6 finite numbers, m and m/s")
    scale = np.sqrt(np.abs(np.diag(matrix)))
    if not (np.diag(matrix) > 0).all() or np.abs(matrix - matrix.T).max() > 1e-6 * np.outer(scale, scale).max():
        raise OrbitError("start covariance has a variance that is not positive or is not symmetric: correct it")
    values, vectors = np.linalg.eigh(matrix / np.outer(scale, scale))
    if values[0] < -1e-9:
        raise OrbitError(
            f"start covariance is not positive (correlation matrix has the eigenvalue {values[0]:.3g}): correct it"
        )
    factor: Array = scale[:, None] * vectors * np.sqrt(np.maximum(values, 0.0))
    return factor


def _step(state: Array) -> float:
    """Step (s) that keeps the integration below 0.1 mm an hour: by the angular speed at the lowest point of the orbit."""
    position, velocity = state[:3], state[3:]
    radius = math.sqrt(float(position @ position))
    energy = 0.5 * float(velocity @ velocity) - EARTH_MU_M3S2 / radius
    momentum = np.cross(position, velocity)
    root = math.sqrt(max(0.0, 1.0 + 2.0 * energy * float(momentum @ momentum) / EARTH_MU_M3S2**2))
    lowest = float(momentum @ momentum) / EARTH_MU_M3S2 / (1.0 + root)
    # on an eccentric orbit the burn is far from the lowest point: what counts is where the satellite is
    near = max(lowest, 0.7 * radius)
    return min(_LONGEST_STEP_S, 0.004 / math.sqrt(EARTH_MU_M3S2 / near**3))


def _bodies(epoch: Times) -> Array:
    rows = []
    for gm, position in ((_MOON_GM, moon_position), (_SUN_GM, sun_position)):
        places = position(Times.concatenate([epoch, epoch + 3600.0]))
        rows.append([gm, *places[0], *((places[1] - places[0]) / 3600.0)])
    return np.array(rows)


def _moved(state: Array, factor: Array, surroundings: Array, by_s: float, step_s: float) -> tuple[Array, Array]:
    """State and square root of its covariance `by_s` seconds away, without thrust."""
    parameters = np.zeros(DYNAMIC)
    parameters[:6] = state
    parameters[10] = parameters[11] = 1e9
    early, late = min(by_s, 0.0), max(by_s, 0.0)
    _, nodes = integrate(parameters, 1.0, np.array([0, 0]), surroundings, early, late, step_s)
    node = nodes[0] if by_s < 0 else nodes[-1]
    return node[:, 0].copy(), node[:, 1:7] @ factor
