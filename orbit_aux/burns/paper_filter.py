"""The filter of the CNES paper: nine states, corrected from ignition on, smoothed afterwards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orbit_aux.burns.burn import Burn
from orbit_aux.burns.counts import Counts
from orbit_aux.burns.estimates import Estimates
from orbit_aux.burns.model import BurnModel
from orbit_aux.burns.paper_kernels import SIZE, follow, transition
from orbit_aux.burns.smoother import smooth
from orbit_aux.elements import cartesian, element_derivatives, equinoctial
from orbit_aux.errors import OrbitError

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

_STEP_S = 2.0
_GATE = 8.0
# what the thrust may wander: 1 % of flow not as planned changes the growth of F/m by so much in half an hour
_NOISE_MS2 = 8e-6
# level of residuals that a spun satellite's antenna is expected to leave; it is then followed
_SPUN_MS = 0.45


@dataclass(frozen=True, eq=False)
class Steps:
    """What the filter did with groups of counts: state and root corrected at the start, transition to and result at the stop; times (s)."""

    first: int
    stop: int
    begin_s: Array
    end_s: Array
    innovations: Array
    variances: Array
    accepted: Integers
    states: Array
    roots: Array
    matrices: Array
    reached: Array
    reached_roots: Array
    group: Integers


class PaperFilter:
    """State of the filter: `take` gives it counts up to a number; `steps` is what it did. Axes: inertial, `axes` rows in GCRF, z at the pole."""

    def __init__(self, model: BurnModel, axes: Array, spun: bool, light_time: bool) -> None:
        self.model, self.axes = model, axes
        self.steps: list[Steps] = []
        self.taken = 0
        burn = model.burn
        state = model.mean[:6]
        position, velocity = (state[:3] @ axes.T)[None], (state[3:] @ axes.T)[None]
        turn = np.kron(np.eye(2), axes)
        jacobian = element_derivatives(position, velocity)[0] @ turn
        force = axes @ model.mean[6:9] if burn.axes == "GCRF" else model.mean[6:9]
        spread = axes @ model.root[6:9, 6:9] if burn.axes == "GCRF" else model.root[6:9, 6:9]
        self.x = np.concatenate([equinoctial(position, velocity)[0], force / burn.mass_kg])
        self.root = np.zeros((SIZE, SIZE))
        self.root[:6, :6] = jacobian @ model.root[:6, :6]
        self.root[6:, 6:] = spread / burn.mass_kg
        self.now_s = 0.0
        self.switches = model.mean[10:12].copy()
        exhaust = burn.thrust_n / burn.flow_kgs if burn.flow_kgs > 0 else 0.0
        self.thrust = np.array([float(burn.axes == "RSW"), exhaust])
        self._settings = np.array([float(light_time), _GATE, _NOISE_MS2, _STEP_S, _SPUN_MS if spun else 0.0])

    @property
    def level_ms(self) -> float:
        """Level of residuals that the model does not explain."""
        return float(self._settings[4])

    def take(self, counts: Counts, stop: int) -> None:
        """Counts from the last taken to `stop`, in the order of their epochs; those that begin before ignition correct nothing."""
        first, self.taken = self.taken, stop
        if stop == first:
            return
        part = slice(first, stop)
        if (np.diff(counts.tags[part, 0]) < -1e-9).any():
            raise OrbitError(
                "the paper's filter takes counts that begin in the order in which they end: use the full method"
            )
        tags = counts.tags[part]
        group = np.concatenate([[0], np.cumsum((np.diff(tags, axis=0) > 1e-9).any(axis=1))]).astype(np.int64)
        groups = int(group[-1]) + 1
        size = len(group)
        log = (
            np.empty(size),
            np.empty(size),
            np.zeros(size, dtype=np.int64),
            np.empty((groups, SIZE)),
            np.empty((groups, SIZE, SIZE)),
            np.empty((groups, SIZE, SIZE)),
            np.empty((groups, SIZE)),
            np.empty((groups, SIZE, SIZE)),
        )
        legs = self._turned(counts.legs[part])
        self.now_s = follow(
            self.x,
            self.root,
            self.now_s,
            tags,
            legs,
            counts.interval[part],
            counts.measured[part],
            counts.sigma[part],
            group,
            self.switches,
            self.thrust,
            self._settings,
            log,
        )
        heads = np.searchsorted(group, np.arange(groups))
        if not np.isfinite(log[6]).all():
            raise OrbitError("the paper's filter diverges: check the start state, the plan and the units of the counts")
        self.steps.append(Steps(first, stop, tags[heads, 0], tags[heads, 1], *log, group))

    def _turned(self, legs: Array) -> Array:
        turned = np.empty_like(legs)
        turned[..., :3], turned[..., 3:] = legs[..., :3] @ self.axes.T, legs[..., 3:] @ self.axes.T
        return turned

    def estimates(self, steps: Steps) -> tuple[Estimates, Integers]:
        """Estimates after each group at its stop, and the group of each count."""
        state, root = self.in_gcrf(steps.reached, steps.reached_roots)
        thrust = steps.reached[:, 6:]
        size = np.sqrt(np.sum(thrust**2, axis=1))
        burn = self.model.burn
        # a thrust that has ended keeps its last acceleration in the state
        mass = _mass(burn, np.clip(steps.end_s, *self.switches) - self.switches[0])
        lit = ((steps.end_s >= self.switches[0]) & (steps.end_s < self.switches[1]))[:, None]
        own = thrust @ self.axes if burn.axes == "GCRF" else thrust
        turned = self.axes.T @ steps.reached_roots[:, 6:] if burn.axes == "GCRF" else steps.reached_roots[:, 6:]
        along = np.einsum("ni,nij->nj", thrust / size[:, None], steps.reached_roots[:, 6:])
        flow = size * mass / self.thrust[1] if self.thrust[1] > 0 else np.zeros_like(size)
        forecast, forecast_sigma = self._forecast(steps)
        flow_sigma = _norm(along) * mass / self.thrust[1] if self.thrust[1] > 0 else np.zeros_like(size)
        found = Estimates(
            state,
            root,
            np.where(lit, own, 0.0),
            _norm(turned),
            size * mass,
            _norm(along) * mass,
            flow,
            flow_sigma,
            forecast,
            forecast_sigma,
        )
        return found, steps.group

    def _forecast(self, steps: Steps) -> tuple[Array, Array]:
        """Semi-major axis at cut-off from the present orbit and thrust over the rest of the plan."""
        values, sigmas = np.empty(len(steps.end_s)), np.empty(len(steps.end_s))
        matrix = np.empty((SIZE, SIZE))
        for n, end in enumerate(steps.end_s):
            if end >= self.switches[1]:
                values[n], sigmas[n] = steps.reached[n, 0], float(_norm(steps.reached_roots[n, 0]))
                continue
            final = transition(
                steps.reached[n], float(end), float(self.switches[1]), self.switches, self.thrust, 60.0, matrix
            )
            values[n], sigmas[n] = final[0], float(_norm(matrix[0] @ steps.reached_roots[n]))
        return values, sigmas

    def in_gcrf(self, states: Array, roots: Array) -> tuple[Array, Array]:
        """Cartesian states (n, 6), GCRF, and square roots of their covariances, of nine-state ones."""
        position, velocity = cartesian(states[:, :6])
        slope = np.linalg.inv(element_derivatives(position, velocity))
        local = slope @ roots[:, :6]
        state = np.concatenate([position @ self.axes, velocity @ self.axes], axis=1)
        return state, np.concatenate([self.axes.T @ local[:, :3], self.axes.T @ local[:, 3:]], axis=1)

    def smoothed(self) -> tuple[Array, Array, Array]:
        """Times (s), states (n, 9) and covariances (n, 9, 9) at the starts of all groups and at the last stop, from all counts."""
        if not self.steps:
            raise OrbitError("no measurement was given: give tracking of the burn")
        begin = np.concatenate([part.begin_s for part in self.steps])
        states = np.concatenate([part.states for part in self.steps])
        roots = np.concatenate([part.roots for part in self.steps])
        last = self.steps[-1]
        times = np.append(begin, last.end_s[-1])
        transitions, noises, predicted = [], [], []
        matrix = np.empty((SIZE, SIZE))
        for k in range(len(begin)):
            predicted.append(
                transition(states[k], float(times[k]), float(times[k + 1]), self.switches, self.thrust, _STEP_S, matrix)
            )
            transitions.append(matrix.copy())
            burning = min(times[k + 1], self.switches[1]) - max(times[k], self.switches[0])
            noises.append(np.diag([0.0] * 6 + [max(burning, 0.0) * _NOISE_MS2**2] * 3))
        filtered = np.concatenate([states, predicted[-1:]])
        covariances = roots @ np.swapaxes(roots, 1, 2)
        end = transitions[-1] @ covariances[-1] @ transitions[-1].T + noises[-1]
        covariances = np.concatenate([covariances, end[None]])
        smooth_states, smooth_covariances = smooth(
            filtered, covariances, np.array(transitions), np.array(noises), np.array(predicted)
        )
        return times, smooth_states, smooth_covariances

    def carried(self, nodes: tuple[Array, Array, Array], at_s: Array) -> tuple[Array, Array]:
        """GCRF states (n, 6) and covariances (n, 6, 6) at `at_s` from smoothed nodes: from the node before, or back from the first."""
        times, states, covariances = nodes
        number = np.clip(np.searchsorted(times, at_s + 1e-9, side="right") - 1, 0, len(times) - 1)
        moved, spread = np.empty((len(at_s), SIZE)), np.empty((len(at_s), SIZE, SIZE))
        matrix = np.empty((SIZE, SIZE))
        for n, k in enumerate(number):
            moved[n] = transition(
                states[k], float(times[k]), float(at_s[n]), self.switches, self.thrust, _STEP_S, matrix
            )
            spread[n] = matrix @ covariances[k] @ matrix.T
        state, slope = self.in_gcrf(moved, np.broadcast_to(np.eye(SIZE), spread.shape))
        return state, slope @ spread @ np.swapaxes(slope, 1, 2)


def _mass(burn: Burn, burnt_s: Array) -> Array:
    mass: Array = burn.mass_kg - burn.flow_kgs * burnt_s
    return mass


def _norm(root: Array) -> Array:
    size: Array = np.sqrt(np.sum(root**2, axis=-1))
    return size
