"""Restitution of a low orbit from stations: counted Doppler and ranges, alone or with positions."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from orbit_aux.constants import SPEED_OF_LIGHT_MS
from orbit_aux.errors import OrbitError
from orbit_aux.frames import State
from orbit_aux.low.batch import Model, robust_weights, spread
from orbit_aux.low.estimate import Data, Problem, adjust
from orbit_aux.low.fixes import PositionFixes
from orbit_aux.low.options import LowOrbitOptions
from orbit_aux.low.restitution import LowOrbitRestitution, full_model, inertial, thinned
from orbit_aux.low.result import orbit_of, parameter_table, residual_table, summary_of
from orbit_aux.motion.dynamics import Trajectory
from orbit_aux.motion.forces import Forces, Manoeuvre
from orbit_aux.stations import Stations
from orbit_aux.tracking import Tracking

Array = NDArray[np.float64]

# where tracking tells no sigma: m/s and m
_SIGMA = {"DOPPLER": 0.02, "RANGE": 5.0}
_HUBER = 2.0
# signals of a low orbit travel for less
_LEAD_S = 0.1


@dataclass(frozen=True, eq=False)
class _Links:
    """Measurements made ready: seconds after the epoch and stations (GCRF at reception: place, speed) at the beginning and end of each."""

    ends_s: Array
    receiver: Array
    transmitter: Array
    interval_s: Array
    value: Array
    sigma: Array
    light_time: bool

    def residuals(self, trajectory: Trajectory) -> Array:
        """Observed less computed, in the unit of each."""
        late, early = (self._length(trajectory, end)[0] for end in (1, 0))
        counted = self.interval_s > 0
        length_s = np.where(counted, self.interval_s, 1.0)
        return np.asarray(self.value - np.where(counted, (late - early) / length_s, late))

    def rows(self, model: Model, trajectory: Trajectory) -> Array:
        """Partials by the start and all unknowns."""
        parts = []
        for end in (1, 0):
            _, bounce_s, sight = self._length(trajectory, end)
            parts.append(np.einsum("ni,nij->nj", sight, model.design(trajectory, bounce_s)[:, :3]))
        counted = (self.interval_s > 0)[:, None]
        length_s = np.where(counted, self.interval_s[:, None], 1.0)
        return np.asarray(np.where(counted, (parts[0] - parts[1]) / length_s, parts[0]))

    def _length(self, trajectory: Trajectory, end: int) -> tuple[Array, Array, Array]:
        """Mean of the legs (m), time of the bounce (s) and mean direction of the legs, of signals received at one end."""
        received = self.ends_s[end]
        receiver, transmitter = self.receiver[end], self.transmitter[end]
        bounce = received.copy()
        for _ in range(3 if self.light_time else 1):
            place = trajectory.at(bounce)[:, :3]
            down = place - receiver[:, :3]
            if self.light_time:
                bounce = received - np.linalg.norm(down, axis=1) / SPEED_OF_LIGHT_MS
        place = trajectory.at(bounce)[:, :3]
        down = place - receiver[:, :3]
        sent, up = bounce.copy(), down
        for _ in range(3 if self.light_time else 1):
            up = place - transmitter[:, :3] - transmitter[:, 3:] * (sent - received)[:, None]
            if self.light_time:
                sent = bounce - np.linalg.norm(up, axis=1) / SPEED_OF_LIGHT_MS
        legs = [np.linalg.norm(leg, axis=1) for leg in (down, up)]
        return 0.5 * (legs[0] + legs[1]), bounce, 0.5 * (down / legs[0][:, None] + up / legs[1][:, None])


def restitute_low_tracking(
    tracking: Tracking,
    stations: Stations,
    start: State,
    covariance: Array,
    forces: Forces | None = None,
    manoeuvres: tuple[Manoeuvre, ...] = (),
    options: LowOrbitOptions | None = None,
    *,
    fixes: PositionFixes | None = None,
) -> LowOrbitRestitution:
    """The orbit from `start` (at least 0.1 s before the first measurement; covariance (6, 6) GCRF, m and m/s) over all measurements, by least squares.

    Signals travel unless the tracking says that its values are of distances at one instant.
    """
    choice, models = options or LowOrbitOptions(), forces or Forces()
    models = replace(models, manoeuvres=(*models.manoeuvres, *manoeuvres))
    initial = start.to("GCRF")
    state = np.concatenate([initial.position_m[0], initial.velocity_ms[0]])
    links = _links(tracking, stations, start)
    data = Data(start.times, np.empty(0), np.empty((0, 3)), np.empty(0))
    last_s = float(links.ends_s.max())
    if fixes is not None:
        thin = inertial(thinned(fixes, choice.spacing_s))
        shift = float((thin.epoch - start.times)[0])
        if shift < 0:
            raise OrbitError(f"the start of {start.times!r} is later than the first fix: give an earlier one")
        data = Data(start.times, thin.elapsed_s + shift, thin.position_m, thin.sigma_m)
        last_s = max(last_s, float(data.elapsed_s[-1]))
    root = _inverse_root(covariance)

    def others(model: Model, trajectory: Trajectory, gated: bool) -> tuple[Array, Array]:
        size = links.residuals(trajectory) / links.sigma
        # until it has settled, what is far off is judged against the scatter
        scale = 1.0 if gated else max(spread(size), 1.0)
        weight = np.sqrt(robust_weights(np.abs(size) / scale, None if gated else _HUBER, choice.gate_sigma)) / scale
        return links.rows(model, trajectory) * (weight / links.sigma)[:, None], size * weight

    problem = Problem(data, models, choice, last_s, others, (state, root))
    estimate = adjust(problem, state, full_model(problem, state))
    orbit = orbit_of(estimate, problem, "UNKNOWN", "UNKNOWN", tracking.source)
    summary = summary_of(estimate, problem, orbit, tracking.notes)
    size = links.residuals(estimate.trajectory) / links.sigma
    kept = np.abs(size) <= choice.gate_sigma
    summary |= {
        "measurements": len(size),
        "measurements_rejected": int((~kept).sum()),
        "normalised_residual_rms": float(np.sqrt(np.mean(size[kept] ** 2))) if kept.any() else None,
    }
    if kept.mean() < 0.8:
        summary["verdict"] = "doubtful"
        summary["reasons"] = [*summary["reasons"], f"{100 * (1 - kept.mean()):.0f} % of the measurements were left out"]
    residuals = residual_table(estimate, problem)
    return LowOrbitRestitution(orbit, parameter_table(estimate), residuals, summary, _table(tracking, size, kept))


def _table(tracking: Tracking, size: Array, kept: NDArray[np.bool_]) -> xr.Dataset:
    """Residuals in sigmas over "measurement", and which measurements were accepted."""
    texts = {name: ("measurement", getattr(tracking, name)) for name in ("kind", "transmitter", "receiver")}
    figures = {"normalised_residual": size, "accepted": kept}
    return xr.Dataset(
        texts | {name: ("measurement", values, {"units": "1"}) for name, values in figures.items()},
        {"time": ("measurement", tracking.stop.utc_datetime64(), {"scale": "UTC"})},
    )


def _inverse_root(covariance: Array) -> Array:
    try:
        return np.asarray(np.linalg.inv(np.linalg.cholesky(np.asarray(covariance, dtype=np.float64))))
    except np.linalg.LinAlgError:
        raise OrbitError("the covariance of the start is not positive definite: correct it") from None


def _links(tracking: Tracking, stations: Stations, start: State) -> _Links:
    if len(tracking) == 0:
        raise OrbitError(f"{tracking.source}: holds no measurement; give some")
    ends = [tracking.start, tracking.stop]
    elapsed = np.stack([end - start.times for end in ends])
    if not elapsed.min() >= _LEAD_S:
        raise OrbitError(
            f"{tracking.source}: begins {elapsed.min():.3g} s after the start state; give a state at least {_LEAD_S} s before"
        )
    rows = np.arange(len(tracking))
    places = [np.concatenate(stations.gcrf(end), axis=2) for end in ends]
    numbers = [
        np.array([stations.number(str(name)) for name in names]) for names in (tracking.receiver, tracking.transmitter)
    ]
    receiver, transmitter = (np.stack([place[number, rows] for place in places]) for number in numbers)
    default = np.array([_SIGMA[str(kind)] for kind in tracking.kind])
    sigma = default if tracking.sigma is None else np.where(tracking.sigma > 0, tracking.sigma, default)
    return _Links(
        elapsed, receiver, transmitter, tracking.interval_s, tracking.value, sigma, tracking.light_time is not False
    )
