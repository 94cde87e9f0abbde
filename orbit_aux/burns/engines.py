"""The two methods of restitution behind one door: the full one, and that of the paper."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from orbit_aux.burns.counts import Counts, part_of_tracking
from orbit_aux.burns.doppler_check import refuse_wrong_convention
from orbit_aux.burns.estimates import dataset, of_stretch
from orbit_aux.burns.fit import fit
from orbit_aux.burns.model import BurnModel
from orbit_aux.burns.monitor import RealTimeFilter, better_model, poor
from orbit_aux.burns.paper_filter import PaperFilter
from orbit_aux.burns.paper_result import paper_summary
from orbit_aux.burns.result import conclude, refuse_other_convention, smoothed, summary_of
from orbit_aux.frames import State
from orbit_aux.time import Times
from orbit_aux.tracking import Tracking

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Answer:
    """Summary, ignition and cut-off as found, and smoothed states with covariances at any time."""

    summary: dict[str, Any]
    switches: Times
    states: Callable[[Times], tuple[State, Array]]


class Engine(Protocol):
    """A method: it takes counts, tells rows of what it knew after each, and concludes."""

    @property
    def model(self) -> BurnModel: ...

    def take(self, counts: Counts, stop: int) -> None: ...

    def rows(self, counts: Counts, tracking: Tracking, first: int, axes: Array) -> list[xr.Dataset]: ...

    def conclude(self, counts: Counts, tracking: Tracking, axes: Array, notes: list[str]) -> Answer: ...


class FullEngine:
    """Square-root filter in real time, iterated least squares at the end."""

    def __init__(self, model: BurnModel, spin: str, decide_light_time: bool) -> None:
        self._spin, self._decide = spin, decide_light_time
        self._filter = RealTimeFilter(model, spin, decide_light_time)

    @property
    def model(self) -> BurnModel:
        return self._filter.model

    def take(self, counts: Counts, stop: int) -> None:
        self._filter.take(counts, stop)

    def rows(self, counts: Counts, tracking: Tracking, first: int, axes: Array) -> list[xr.Dataset]:
        parts = []
        for stretch in self._filter.stretches:
            if stretch.stop <= first:
                continue
            epoch = counts.epoch[stretch.first : stretch.stop]
            tests = stretch.innovations, stretch.variances, stretch.accepted
            part = part_of_tracking(tracking, slice(stretch.first - first, stretch.stop - first))
            burn = stretch.reference.model.burn
            parts.append(dataset(of_stretch(stretch, counts), epoch - epoch[0], part, tests, axes, burn))
        return parts

    def conclude(self, counts: Counts, tracking: Tracking, axes: Array, notes: list[str]) -> Answer:
        if not self._filter.convention_known:
            refuse_wrong_convention(self.model, counts, len(counts))
        found = conclude(self._filter, counts, self._spin, self._decide)
        summary = summary_of(found, self._filter, counts, tracking, axes, notes)
        switches = found.fit.reference.model.epoch + found.fit.parameters[10:12]
        return Answer(summary, switches, lambda times: smoothed(found, times))


class PaperEngine:
    """The paper's nine-state filter in real time, smoothed at the end."""

    def __init__(self, model: BurnModel, axes: Array, spun: bool, assumed: bool) -> None:
        self._filter = PaperFilter(model, axes, spun, model.light_time)
        self._model, self._assumed = model, assumed

    @property
    def model(self) -> BurnModel:
        return self._model

    def take(self, counts: Counts, stop: int) -> None:
        self._model = self._model.covering(float(counts.tags[:stop].min()), float(counts.tags[:stop].max()))
        self._filter.take(counts, stop)

    def rows(self, counts: Counts, tracking: Tracking, first: int, axes: Array) -> list[xr.Dataset]:  # noqa: ARG002
        parts = []
        for steps in self._filter.steps:
            if steps.stop <= first:
                continue
            estimates, row = self._filter.estimates(steps)
            part = part_of_tracking(tracking, slice(steps.first - first, steps.stop - first))
            tests = steps.innovations, steps.variances, steps.accepted
            parts.append(dataset(estimates, row, part, tests, axes, self._model.burn))
        return parts

    def conclude(self, counts: Counts, tracking: Tracking, axes: Array, notes: list[str]) -> Answer:  # noqa: ARG002
        refuse_wrong_convention(self._model, counts, len(counts))
        nodes = self._filter.smoothed()
        if self._assumed:
            notes = [
                *notes,
                "values were taken as of distances at one instant, as in the paper: the tracking does not tell",
            ]

        def states(times: Times) -> tuple[State, Array]:
            state, covariance = self._filter.carried(nodes, times - self._model.epoch)
            return State(times, state[:, :3], state[:, 3:], "GCRF"), covariance

        summary = paper_summary(self._filter, nodes, tracking, notes)
        if summary["verdict"] != "believed":
            best = fit(self._model, counts, len(counts), np.zeros_like(self._model.mean))
            if poor(best):
                best = better_model(best, counts, "auto", False)
            refuse_other_convention(best, counts, "auto")
        return Answer(summary, self._model.epoch + self._filter.switches, states)
