"""Restitution of an orbit through a burn from counted Doppler: options, result, in batch and as a monitor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from orbit_aux.burns.burn import Burn
from orbit_aux.burns.count_buffer import CountBuffer
from orbit_aux.burns.counts import Counts, part_of_tracking, ready_counts
from orbit_aux.burns.engines import Engine, FullEngine, PaperEngine
from orbit_aux.burns.model import burn_model
from orbit_aux.errors import OrbitError
from orbit_aux.frames import State
from orbit_aux.orbit import Covariance, Orbit, Segment
from orbit_aux.stations import Stations
from orbit_aux.time import Times
from orbit_aux.tracking import Tracking
from orbit_aux.veis import veis_axes

Array = NDArray[np.float64]

METHODS = ("full", "paper")
FORCES = ("j2", "j2+luni-solar")
SPIN = ("auto", "on", "off")


@dataclass(frozen=True)
class BurnOptions:
    """How a burn is restituted; sigmas are one standard deviation of what the plan and the counts may be wrong by.

    light_time: as the tracking says, else decided by likelihood (None), or demanded. Four seconds for ignition and cut-off leave errors of
    10 s inside 2.5 sigma and cost nothing, as counts tell both to 0.1 s. Flow means exhaust speed: an engine that gives less thrust takes less
    propellant; 1 % of it is what the forecast of the end leans on early, before counts tell it better.
    """

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

    def __post_init__(self) -> None:
        for name, known in (("method", METHODS), ("forces", FORCES), ("spin", SPIN)):
            if getattr(self, name) not in known:
                raise OrbitError(f"{name} {getattr(self, name)!r} is unknown: use one of {', '.join(known)}")
        for name, value in vars(self).items():
            if name.startswith("sigma_") and not (np.isfinite(value) and value > 0):
                raise OrbitError(f"{name} is {value}: give a positive number")


@dataclass(frozen=True, eq=False)
class BurnRestitution:
    """What a restitution found.

    `estimates` over "measurement": time (end of the count), transmitter, receiver, kind, interval, measured, residual (innovation), innovation_sigma,
    nis, accepted; as known just after that epoch: position (measurement, axis) m GCRF, velocity m/s; semi_major_axis (m), k, h, p, q (1),
    true_longitude, eccentricity, inclination, argument_of_perigee, node, mean_anomaly (deg) in Veis frozen at ignition; thrust_acceleration
    (measurement, axis) m/s2 in the axes of the burn, zero unless burning, thrust (N), flow (kg/s), forecast_semi_major_axis (m) at cut-off; each also
    with the suffix _sigma.
    """

    summary: dict[str, Any]
    """Plain values, ready for JSON."""
    begin: Times
    end: Times
    switches: Times
    """Ignition and cut-off as estimated."""
    rows: Callable[[], xr.Dataset]
    answer: Callable[[Times], tuple[State, Array]]

    @cached_property
    def estimates(self) -> xr.Dataset:
        return self.rows()

    def states(self, times: Times) -> tuple[State, Array]:
        """Smoothed GCRF states at `times` between `begin` and `end`, and their covariances (n, 6, 6), m and m/s."""
        if (times.tai_ns < self.begin.tai_ns[0]).any() or (times.tai_ns > self.end.tai_ns[0]).any():
            raise OrbitError(
                f"restituted states reach from {self.begin.utc_strings(3)[0]} to {self.end.utc_strings(3)[0]}, "
                f"not to {times.min()} .. {times.max()}: ask inside"
            )
        return self.answer(times)

    def orbit(self, step_s: float = 10.0, object_name: str = "SATELLITE", object_id: str = "UNKNOWN") -> Orbit:
        """The smoothed orbit with covariances, from the first count or the start to 15 minutes after the last count and cut-off.

        Its segments end at ignition and cut-off, where the acceleration jumps.
        """
        if not 0 < step_s <= 300:
            raise OrbitError(f"step {step_s} s of an ephemeris: give one above 0 and at most 300 s")
        edges = _edges(self.begin, self.switches, self.end)
        parts = [_records(a, b, step_s) for a, b in pairwise(edges)]
        times = Times.concatenate(parts)
        state, covariance = self.states(times)
        segments, first = [], 0
        for part in parts:
            segments.append(Segment(first, first + len(part), int(part.tai_ns[0]), int(part.tai_ns[-1])))
            first += len(part)
        once = np.concatenate([[True], np.diff(times.tai_ns) > 0])
        matrices = Covariance(times[once], covariance[once], ("GCRF",) * int(once.sum()))
        return Orbit(
            object_name,
            object_id,
            "GCRF",
            times,
            state.position_m,
            state.velocity_ms,
            f"restitution by the {self.summary['method']} method",
            segments=tuple(segments),
            covariance=matrices,
        )


class BurnMonitor:
    """The restitution of a burn as its counts come in."""

    def __init__(self, stations: Stations, start: State, covariance: Array, burn: Burn, options: BurnOptions) -> None:
        self._stations, self._start, self._burn, self._options = stations, start, burn, options
        self._covariance = np.asarray(covariance, dtype=np.float64)
        self._buffer = CountBuffer()
        self._seen: dict[tuple[Any, ...], float] = {}
        self._notes: list[str] = []
        self._engine: Engine | None = None
        self._axes = veis_axes(burn.ignition)

    def update(self, counts: Tracking) -> xr.Dataset:
        """Takes the counts of one epoch (or of several in order), later than all before; returns their rows of `estimates`."""
        before = self._buffer.size
        new = self._new(counts)
        self._take(new)
        self._seen |= dict(zip(_keys(new), new.value.tolist(), strict=True))
        if self._buffer.size == before:
            raise OrbitError(f"{counts.source}: holds no new measurement: give the counts of a later epoch")
        latest = self._buffer.counts()
        return self._rows(latest.tracking, before)

    def result(self) -> BurnRestitution:
        """The answer from all counts so far: the iterated fit of all of them (full), or the smoothed states (paper)."""
        if self._engine is None:
            raise OrbitError("no measurement was given: give tracking of the burn")
        engine, counts, tracking = self._engine, self._buffer.counts(), self._buffer.tracking()
        answer = engine.conclude(counts, tracking, self._axes, self._notes)
        summary = answer.summary | {"method": self._options.method, "forces": self._options.forces}
        begin = Times.concatenate([self._start.times, tracking.start]).min()
        return BurnRestitution(
            summary,
            begin,
            engine.model.epoch + engine.model.last_s,
            answer.switches,
            lambda: self._rows(tracking, 0),
            answer.states,
        )

    def _new(self, counts: Tracking) -> Tracking:
        """What of `counts` was not given before; contradictions are refused."""
        keep = np.ones(len(counts), dtype=bool)
        columns = (counts.stop.tai_ns, counts.interval_s, counts.kind, counts.transmitter, counts.receiver)
        for row, key in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
            known = self._seen.get(key)
            if known is not None and known == counts.value[row]:
                keep[row] = False
            elif known is not None:
                raise OrbitError(
                    f"{counts.source}: {key[3]}-{key[4]} ending {counts.stop[row].utc_strings(3)[0]} has two values, "
                    f"{known:.9g} and {counts.value[row]:.9g}: keep the right one"
                )
        if keep.all():
            return counts
        self._notes.append(
            f"{counts.source}: {int((~keep).sum())} measurements repeat an identical one and were dropped"
        )
        return part_of_tracking(counts, keep)

    def _take(self, tracking: Tracking) -> None:
        if len(tracking) == 0:
            return
        if self._engine is None:
            self._engine = self._begin(tracking)
        new = self._ready(tracking)
        self._notes.extend(note for note in new.notes if note not in self._notes)
        if len(new) == 0:
            return
        self._buffer.add(new)
        self._engine.take(self._buffer.counts(), self._buffer.size)

    def _ready(self, tracking: Tracking) -> Counts:
        assert self._engine is not None
        epoch = self._engine.model.epoch
        return ready_counts(tracking, self._stations, epoch, (self._options.sigma_ms, self._options.sigma_range_m))

    def _begin(self, tracking: Tracking) -> Engine:
        options = self._options
        known = tracking.light_time if options.light_time is None else options.light_time
        sigmas = {
            "ignition": options.sigma_ignition_s,
            "cut_off": options.sigma_cut_off_s,
            "thrust": options.sigma_thrust_fraction,
            "flow": options.sigma_flow_fraction,
        }
        paper = options.method == "paper"
        biases = len(self._stations.names) if options.estimate_biases and not paper else 0
        # the paper's distances are those of one instant
        travels = (not paper) if known is None else known
        tides = options.forces != "j2" and not paper
        model = burn_model(self._start, self._covariance, self._burn, sigmas, travels, biases, tides)
        if paper:
            spun = self._burn.axes == "GCRF" and options.spin != "off"
            return PaperEngine(model, self._axes, spun, known is None)
        return FullEngine(model, options.spin, known is None)

    def _rows(self, tracking: Tracking, first: int) -> xr.Dataset:
        """Rows of the counts from number `first` on, which are those of `tracking`."""
        assert self._engine is not None
        parts = self._engine.rows(self._buffer.counts(), tracking, first, self._axes)
        return parts[0] if len(parts) == 1 else xr.concat(parts, "measurement", combine_attrs="override")


def restitute_burn(
    tracking: Tracking,
    stations: Stations,
    start: State,
    covariance: Array,
    burn: Burn,
    options: BurnOptions,
) -> BurnRestitution:
    """The orbit through `burn` from all of `tracking`: the monitor fed with everything, so the same numbers."""
    if len(tracking) == 0:
        raise OrbitError(f"{tracking.source}: holds no measurement: give tracking of the burn")
    if not options.before_ignition:
        earliest = burn.ignition + -5.0 * options.sigma_ignition_s
        tracking = part_of_tracking(tracking, tracking.start.tai_ns >= earliest.tai_ns[0])
    monitor = BurnMonitor(stations, start, covariance, burn, options)
    monitor._take(tracking)
    return monitor.result()


def _keys(tracking: Tracking) -> list[tuple[Any, ...]]:
    columns = (tracking.stop.tai_ns, tracking.interval_s, tracking.kind, tracking.transmitter, tracking.receiver)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def _edges(begin: Times, switches: Times, end: Times) -> list[Times]:
    """Begin, the switches that lie well inside, end."""
    inside = [switch for switch in (switches[0], switches[1]) if (switch - begin)[0] > 1.0 and (end - switch)[0] > 1.0]
    if len(inside) == 2 and (inside[1] - inside[0])[0] < 1.0:
        inside = inside[:1]
    return [begin, *inside, end]


def _records(begin: Times, end: Times, step_s: float) -> Times:
    """Epochs from `begin` to `end`: the edges, and between them whole multiples of the step, or at least two."""
    step_ns = round(step_s * 1e9)
    first, last = int(begin.tai_ns[0]), int(end.tai_ns[0])
    inside = np.arange(-(-(first + step_ns // 4) // step_ns) * step_ns, last - step_ns // 4, step_ns)
    if len(inside) < 2:
        inside = first + (last - first) * np.array([1, 2]) // 3
    return Times(np.concatenate([[first], inside, [last]]).astype(np.int64))
