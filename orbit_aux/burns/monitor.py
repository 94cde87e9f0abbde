"""Counts of a burn taken in real time: a square-root filter about a trajectory that is fitted anew whenever it has been left."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from orbit_aux.burns.count_kernels import filter_epochs
from orbit_aux.burns.counts import Counts
from orbit_aux.burns.doppler_check import refuse_wrong_convention
from orbit_aux.burns.fit import Fit, fit
from orbit_aux.burns.model import CUT_OFF, IGNITION, SPIN, BurnModel, Reference
from orbit_aux.burns.spin_search import find_spin

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

# time of the first fit after the first count, and growth of the time between fits
_FIRST_FIT_S, _GROWTH = 20.0, 1.0
# and fits after each switch, s
_AFTER_SWITCH_S = (10.0, 40.0, 160.0)
# innovations beyond are set aside, once a fit has converged; before, the start may be that far off
_GATE, _OPEN_GATE = 6.0, 30.0
# epochs in a row of which most counts disagree (3 sigma) before another explanation is sought
_PATIENCE = 2
# epochs after such a search in which no other is made, and after how many searches these double each time
_QUIET, _SEARCHES = 10, 8
# unplanned fits, after which the model is plainly wrong and only planned ones are made
_UNPLANNED = 60
# what a switch may move and the spin's angle may turn before counts are no longer linear
_SWITCH_S, _ANGLE_RAD = 0.5, 0.2
# chi-square by which another model must be better
_BETTER = 12.0


@dataclass(frozen=True, eq=False)
class Stretch:
    """Counts `first` to `stop` taken about one reference: innovations, their variances, acceptance, and shift and root after each epoch."""

    reference: Reference
    first: int
    stop: int
    innovations: Array
    variances: Array
    accepted: Integers
    shifts: Array
    roots: Array


class RealTimeFilter:
    """The state of the filter: `take` gives it the counts up to a number; `stretches` is what it said at each."""

    def __init__(self, model: BurnModel, spin: str, decide_light_time: bool) -> None:
        self.model = model
        self.stretches: list[Stretch] = []
        self.notes: list[str] = []
        self.fits = 0
        self.scale = 1.0
        self.taken = 0
        self._spin = spin
        self._decide = decide_light_time
        self._reference: Reference | None = None
        self._shift = np.zeros_like(model.mean)
        self._root = model.root.copy()
        self._state = np.zeros(2, dtype=np.int64)
        self._fitted_s = -np.inf
        self._quiet_epoch = -1
        self._searches = 0
        self._unplanned = 0
        self._converged = False
        self.convention_known = False

    def take(self, counts: Counts, stop: int) -> None:
        """Counts from the last taken to `stop`, one epoch after the other; all earlier ones must still be in `counts`."""
        self._cover(counts, stop)
        while self.taken < stop:
            end = self._next_fit(counts, stop)
            if end > self.taken:
                self._filter(counts, end)
            if self._due(counts) or self._state[1] > 0:
                self._renew(counts)

    def estimate(self) -> Array:
        """Normalised parameters of the present estimate."""
        reference = self._reference or Reference.of(self.model, self.model.mean)
        return _normalised(self.model, reference.parameters + self._shift)

    def _cover(self, counts: Counts, stop: int) -> None:
        wider = self.model.covering(float(counts.tags[:stop].min()), float(counts.tags[:stop].max()))
        if self._reference is None or wider is not self.model:
            self.model = wider
            parameters = self.model.mean if self._reference is None else self._reference.parameters
            self._reference = Reference.of(self.model, parameters)

    def _due_s(self, counts: Counts) -> float:
        """When the next fit is planned."""
        first = float(counts.tags[0, 1])
        if not np.isfinite(self._fitted_s):
            return first + _FIRST_FIT_S
        due = self._fitted_s + max(_FIRST_FIT_S, _GROWTH * (self._fitted_s - first))
        plan = self.model.mean[IGNITION], self.model.mean[CUT_OFF]
        later = [t + after for t in plan for after in _AFTER_SWITCH_S if t + after > self._fitted_s + 1.0]
        return float(min([due, *later]))

    def _next_fit(self, counts: Counts, stop: int) -> int:
        """Number of counts, at whole epochs, to the next planned fit or `stop`."""
        if counts.epoch[self.taken] <= self._quiet_epoch:
            stop = min(stop, int(np.searchsorted(counts.epoch[:stop], self._quiet_epoch, side="right")))
        due = int(np.searchsorted(counts.tags[:stop, 1], self._due_s(counts) - 1e-6))
        if due >= stop:
            return stop
        return int(np.searchsorted(counts.epoch[:stop], counts.epoch[due], side="right"))

    def _due(self, counts: Counts) -> bool:
        return bool(counts.tags[self.taken - 1, 1] >= self._due_s(counts) - 1e-6)

    def _filter(self, counts: Counts, end: int) -> None:
        assert self._reference is not None
        first = self.taken
        values, rows = self._reference.predict(counts, first, end)
        epochs = int(counts.epoch[end - 1] - counts.epoch[first]) + 1
        size = len(self._shift)
        log = (
            np.empty(end - first),
            np.empty(end - first),
            np.empty((epochs, size)),
            np.empty((epochs, size, size)),
            np.zeros(end - first, dtype=np.int64),
        )
        part = slice(first, end)
        turning = np.abs(counts.tags[part, 1] - (self.model.spin_origin_s or 0.0))
        given = (values, rows, counts.measured[part], counts.sigma[part] * self.scale, counts.epoch[part], turning)
        patience = _PATIENCE if counts.epoch[first] > self._quiet_epoch else 10**9
        limits = (_GATE if self._converged else _OPEN_GATE, patience, self._greatest())
        done = filter_epochs(given, limits, self._root, self._shift, log, self._state)
        self.taken = first + done
        epochs = int(counts.epoch[self.taken - 1] - counts.epoch[first]) + 1
        innovations, variances, shifts, roots, accepted = log
        self.stretches.append(
            Stretch(
                self._reference,
                first,
                self.taken,
                innovations[:done],
                variances[:done],
                accepted[:done],
                shifts[:epochs],
                roots[:epochs],
            )
        )

    def _greatest(self) -> Array:
        """Shifts of the parameters beyond which counts are no longer linear."""
        greatest = np.full(len(self._shift), np.inf)
        if self._unplanned > _UNPLANNED:
            return greatest
        greatest[[IGNITION, CUT_OFF]] = _SWITCH_S
        if self.model.spinning:
            greatest[SPIN] = _ANGLE_RAD
        return greatest

    def _renew(self, counts: Counts) -> None:
        """A fit of all counts so far, about which to go on; where counts disagree, the best of the explanations."""
        disagreement = self._state[1] == 2
        self._unplanned += int(self._state[1] > 0)
        self._state[:] = 0
        z = self.estimate()
        if not self.convention_known:
            self.convention_known = refuse_wrong_convention(self.model, counts, self.taken)
        iterations = 4 if not disagreement else 8
        best = fit(self.model, counts, self.taken, z, iterations=iterations)
        if disagreement:
            best = self._early_cut_off(counts, best)
            # where nothing explains the counts, later searches will hardly do: ever fewer
            self._searches += 1
            self._quiet_epoch = int(counts.epoch[self.taken - 1]) + _QUIET * 2 ** min(
                max(self._searches - _SEARCHES, 0), 10
            )
        best = better_model(best, counts, self._spin, self._decide)
        self._adopt(counts, best)

    def _early_cut_off(self, counts: Counts, present: Fit) -> Fit:
        """The present fit, or one in which the thrust ended during the latest epochs: derivatives cannot lead there."""
        now = float(counts.tags[self.taken - 1, 1])
        ignition, cut_off = present.parameters[IGNITION], present.parameters[CUT_OFF]
        if not ignition + 10.0 < now < cut_off + 1.0:
            return present
        best = present
        for back in (3.0, 7.0):
            z = present.normalised.copy()
            z[CUT_OFF] += (now - back - cut_off) / self.model.root[CUT_OFF, CUT_OFF]
            other = fit(self.model, counts, self.taken, z, iterations=6)
            if badness(other) < badness(best) - _BETTER:
                best = other
        return best

    def _adopt(self, counts: Counts, found: Fit) -> None:
        self.model, self._reference = found.reference.model, found.reference
        self._shift, self._root = found.shift.copy(), found.root.copy()
        self.scale = found.scale
        self.fits += 1
        self._fitted_s = float(counts.tags[self.taken - 1, 1])
        self._converged = found.scale == 1.0


def badness(found: Fit) -> float:
    """Cost with outliers counted at their bound: what models with different outliers are compared by."""
    bounded = np.minimum(found.residuals**2, 25.0)
    return float(found.normalised @ found.normalised + np.sum(bounded))


def better_model(found: Fit, counts: Counts, spin: str, decide_light_time: bool) -> Fit:
    """The fit, or that of the same counts with a spinning antenna, or with the other treatment of light time, where they speak for it."""
    if spin != "off" and (poor(found) or (spin == "on" and not found.reference.model.spinning)):
        found = _with_spin(found, counts)
    if decide_light_time:
        model = found.reference.model
        other = fit(
            replace(model, light_time=not model.light_time), counts, found.count, found.normalised, iterations=3
        )
        if badness(other) < badness(found) - _BETTER:
            return other
    return found


def misfit(found: Fit) -> float:
    """Mean square of the residuals, in sigmas, gross errors at their bound."""
    return float(np.mean(np.minimum(found.residuals**2, 100.0))) if found.count else 1.0


def poor(found: Fit) -> bool:
    """Whether residuals are larger than chance makes them."""
    return found.count > 0 and misfit(found) > 1.02 + 2.5 * float(np.sqrt(2.0 / found.count))


def _with_spin(found: Fit, counts: Counts) -> Fit:
    """The fit with the antenna's line that stands out of what a model without spin leaves, if that is better."""
    base = found
    model = found.reference.model
    if model.spinning:
        model = model.without_spin()
        z = found.normalised.copy()
        z[12:15] = 0.0
        base = fit(model, counts, found.count, z)
    line = find_spin(base, counts)
    if line is None:
        return found
    other = fit(model.with_spin(*line), counts, found.count, base.normalised)
    return other if badness(other) < badness(found) - 2.0 * _BETTER else found


def _normalised(model: BurnModel, parameters: Array) -> Array:
    """Parameters in sigmas of the prior; those that are not estimated stay at zero."""
    z = np.zeros(len(parameters))
    change = parameters - model.mean
    z[:6] = np.linalg.lstsq(model.root[:6, :6], change[:6], rcond=1e-14)[0]
    for n in range(6, len(z)):
        if model.root[n, n] > 0:
            z[n] = change[n] / model.root[n, n]
    return z
