"""An ephemeris as states at epochs: checked, interpolated inside its segments, cut into arcs, digested, compared."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from orbit_aux.constants import WGS84_POLAR_RADIUS_M
from orbit_aux.errors import OrbitError
from orbit_aux.frames import FRAMES, State, local_orbital_axes
from orbit_aux.interpolation import hermite_at_zero, lagrange_at_zero
from orbit_aux.time import Times

INTERPOLATIONS = ("HERMITE", "LAGRANGE")

# beyond these a file in metres was surely read as kilometres
_FARTHEST_M = 2.0e9
_FASTEST_MS = 1.0e5
# what the digest resolves, and what an ephemeris file keeps
POSITION_QUANTUM_M = 1e-6
VELOCITY_QUANTUM_MS = 1e-9
# queries interpolated at once, to bound the memory
_BLOCK = 200_000


@dataclass(frozen=True)
class Segment:
    """Records `first` to `stop` (excluded) that belong together; answers hold from `useable_start` to `useable_stop`."""

    first: int
    stop: int
    useable_start_ns: int
    useable_stop_ns: int


@dataclass(frozen=True, eq=False)
class Covariance:
    """Position-velocity covariances (k, 6, 6) in m and m/s, each at its epoch and in its frame or local axes."""

    times: Times
    matrices: NDArray[np.float64]
    frames: tuple[str, ...]

    def __post_init__(self) -> None:
        matrices = np.array(self.matrices, dtype=np.float64)
        if matrices.shape != (len(self.times), 6, 6) or len(self.frames) != len(self.times):
            raise OrbitError(
                f"covariances have shape {matrices.shape}: give ({len(self.times)}, 6, 6) and a frame each"
            )
        wrong = ~np.isfinite(matrices).all(axis=(1, 2)) | (np.diagonal(matrices, axis1=1, axis2=2) < 0).any(axis=1)
        if wrong.any():
            epoch = self.times[int(np.argmax(wrong))].utc_strings()[0]
            raise OrbitError(f"covariance at {epoch} has a negative variance or is not finite: correct or remove it")
        matrices.flags.writeable = False
        object.__setattr__(self, "matrices", matrices)


@dataclass(frozen=True, eq=False)
class Orbit:
    """Ephemeris of one object about the Earth: n records of position (m) and velocity (m/s) in `frame`.

    Interpolation never crosses a segment's end; without `segments` all records form one. HERMITE of degree d uses
    (d + 1) / 2 records with their velocities, LAGRANGE d + 1 records, as CCSDS OEM files mean it.
    """

    object_name: str
    object_id: str
    frame: str
    times: Times
    position_m: NDArray[np.float64]
    velocity_ms: NDArray[np.float64]
    source: str
    interpolation: str = "HERMITE"
    degree: int = 7
    segments: tuple[Segment, ...] = ()
    covariance: Covariance | None = None
    comments: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.frame not in FRAMES:
            raise OrbitError(f"{self._name}: frame {self.frame!r} is unknown, use one of {', '.join(FRAMES)}")
        if self.interpolation not in INTERPOLATIONS or not 1 <= self.degree <= 31:
            raise OrbitError(
                f"{self._name}: interpolation {self.interpolation!r} of degree {self.degree} is unknown, "
                f"use {' or '.join(INTERPOLATIONS)} of degree 1 to 31"
            )
        self._freeze("position_m")
        self._freeze("velocity_ms")
        if not self.segments:
            self._refuse_disorder(0, len(self.times))
            whole = Segment(0, len(self.times), int(self.times.tai_ns[0]), int(self.times.tai_ns[-1]))
            object.__setattr__(self, "segments", (whole,))
        self._check_values()
        self._check_segments()

    def at(self, times: Times, frame: str = "GCRF") -> State:
        """States at `times` in `frame`, interpolated in the orbit's own frame; refused outside coverage and in gaps."""
        owner = self._owner(times)
        if (owner < 0).any():
            raise OrbitError(self._not_covered(times[int(np.argmax(owner < 0))]))
        position, velocity = np.empty((len(times), 3)), np.empty((len(times), 3))
        for number, segment in enumerate(self.segments):
            mine = np.flatnonzero(owner == number)
            for block in np.array_split(mine, -(-len(mine) // _BLOCK) or 1):
                position[block], velocity[block] = self._interpolate(segment, times.tai_ns[block])
        return State(times, position, velocity, self.frame).to(frame)

    def covers(self, times: Times) -> NDArray[np.bool_]:
        """Whether each time lies inside a segment."""
        return self._owner(times) >= 0

    def arc(self, start: Times, stop: Times, margin_s: float = 0.0) -> Orbit:
        """The records that interpolation inside [start, stop], widened by `margin_s` where covered, can touch.

        Inside [start, stop] the arc answers exactly as the whole orbit does.
        """
        begin, end = start.min(), stop.max()
        for edge in (begin, end):
            if not self.covers(edge).all():
                raise OrbitError(self._not_covered(edge))
        wide_begin, wide_end = int((begin + -margin_s).tai_ns[0]), int((end + margin_s).tai_ns[0])
        if wide_begin > wide_end:
            raise OrbitError(f"arc from {begin} to {end} with margin {margin_s} s is empty: give start before stop")
        kept: list[NDArray[np.int64]] = []
        segments: list[Segment] = []
        for segment in self.segments:
            low, high = max(wide_begin, segment.useable_start_ns), min(wide_end, segment.useable_stop_ns)
            if low <= high:
                edges = self._window(segment, np.array([low, high]))
                first, stop_index = int(edges[0]), int(edges[1]) + self._points
                place = sum(len(part) for part in kept)
                segments.append(Segment(place, place + stop_index - first, low, high))
                kept.append(np.arange(first, stop_index))
        rows = np.concatenate(kept)
        return replace(
            self,
            times=self.times[rows],
            position_m=self.position_m[rows],
            velocity_ms=self.velocity_ms[rows],
            segments=tuple(segments),
            covariance=self._covariance_between(wide_begin, wide_end),
        )

    @property
    def digest(self) -> str:
        """SHA-256 of object, frame, interpolation and records (to 1 µm and 1 nm/s), whatever file they came from.

        Not in it: source, comments, covariance, useable interval, and metadata dates.
        """
        lengths = [segment.stop - segment.first for segment in self.segments]
        head = (self.object_name, self.object_id, self.frame, self.interpolation, self.degree, lengths)
        sha = hashlib.sha256(repr(head).encode())
        for values in (self.times.tai_ns, *self.quantised()):
            sha.update(np.ascontiguousarray(values, dtype="<i8").tobytes())
        return sha.hexdigest()

    def quantised(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Positions in whole µm and velocities in whole nm/s: what digests and files hold."""
        position = np.rint(self.position_m / POSITION_QUANTUM_M).astype(np.int64)
        return position, np.rint(self.velocity_ms / VELOCITY_QUANTUM_MS).astype(np.int64)

    @property
    def _name(self) -> str:
        return f"orbit of {self.object_name} from {self.source}"

    @property
    def _points(self) -> int:
        """Records that one interpolation uses."""
        return self.degree + 1 if self.interpolation == "LAGRANGE" else max(2, self.degree // 2 + 1)

    def _freeze(self, field: str) -> None:
        values = np.array(getattr(self, field), dtype=np.float64)
        if values.shape != (len(self.times), 3) or len(values) == 0:
            raise OrbitError(
                f"{self._name}: {field} has shape {values.shape}, give one row of 3 per time, at least one"
            )
        values.flags.writeable = False
        object.__setattr__(self, field, values)

    def _check_values(self) -> None:
        with np.errstate(over="ignore", invalid="ignore"):
            radius_m = np.linalg.norm(self.position_m, axis=1)
            speed_ms = np.linalg.norm(self.velocity_ms, axis=1)
        faults = (
            (~np.isfinite(radius_m + speed_ms), "is not finite", "remove the record"),
            (radius_m < WGS84_POLAR_RADIUS_M, "lies inside the Earth", "check the units (km) and the centre"),
            (radius_m > _FARTHEST_M, "lies beyond 2e6 km", "check the units (km in files, m in memory)"),
            (speed_ms > _FASTEST_MS, "moves faster than 100 km/s", "check the units (km/s in files, m/s in memory)"),
        )
        for wrong, fault, remedy in faults:
            if wrong.any():
                row = int(np.argmax(wrong))
                raise OrbitError(
                    f"{self._name}: the record at {self.times[row].utc_strings()[0]} (radius {radius_m[row]:.6g} m, "
                    f"speed {speed_ms[row]:.6g} m/s) {fault}; {remedy}"
                )

    def _check_segments(self) -> None:
        previous_stop, previous_ns = 0, None
        for segment in self.segments:
            count = segment.stop - segment.first
            if segment.first != previous_stop or not 0 < count <= len(self.times) - segment.first:
                raise OrbitError(
                    f"{self._name}: segment {segment} does not follow record {previous_stop}, give all in order"
                )
            self._refuse_disorder(segment.first, segment.stop)
            first_ns, last_ns = (int(self.times.tai_ns[row]) for row in (segment.first, segment.stop - 1))
            epoch = Times(np.array([segment.useable_start_ns])).utc_strings()[0]
            if not first_ns <= segment.useable_start_ns <= segment.useable_stop_ns <= last_ns:
                raise OrbitError(
                    f"{self._name}: the useable interval from {epoch} leaves its records, correct its dates"
                )
            if previous_ns is not None and segment.useable_start_ns < previous_ns:
                raise OrbitError(
                    f"{self._name}: the segment from {epoch} overlaps the one before, give useable intervals"
                )
            if count < self._points:
                raise OrbitError(
                    f"{self._name}: the segment from {epoch} has {count} records, {self.interpolation} of degree "
                    f"{self.degree} needs {self._points}; give more records or a lower degree"
                )
            previous_stop, previous_ns = segment.stop, segment.useable_stop_ns
        if previous_stop != len(self.times):
            raise OrbitError(
                f"{self._name}: {len(self.times) - previous_stop} records belong to no segment, give its bounds"
            )

    def _refuse_disorder(self, first: int, stop: int) -> None:
        wrong = np.diff(self.times.tai_ns[first:stop]) <= 0
        if wrong.any():
            epoch = self.times[first + int(np.argmax(wrong)) + 1].utc_strings()[0]
            raise OrbitError(
                f"{self._name}: the record at {epoch} repeats or goes back in time; sort the records, once each"
            )

    def _owner(self, times: Times) -> NDArray[np.int64]:
        """Number of the segment that answers each time, -1 outside; a shared edge belongs to the later segment."""
        starts = np.array([segment.useable_start_ns for segment in self.segments])
        stops = np.array([segment.useable_stop_ns for segment in self.segments])
        number = np.searchsorted(starts, times.tai_ns, side="right") - 1
        return np.where((number >= 0) & (times.tai_ns <= stops[number]), number, -1)

    def _not_covered(self, time: Times) -> str:
        edges = [Times(np.array([s.useable_start_ns, s.useable_stop_ns])).utc_strings(3) for s in self.segments]
        instant_ns = int(time.tai_ns[0])
        covered = f"covers {edges[0][0]} to {edges[-1][1]}"
        for before, after, stop, start in zip(self.segments, self.segments[1:], edges, edges[1:], strict=False):
            if before.useable_stop_ns < instant_ns < after.useable_start_ns:
                covered += f" with a gap from {stop[1]} to {start[0]}"
        return f"{self._name} {covered}, not {time.utc_strings(3)[0]}: give an orbit file that covers this time"

    def _window(self, segment: Segment, tai_ns: NDArray[np.int64]) -> NDArray[np.int64]:
        """First record of the centred window of each time, shifted inwards at the segment's ends."""
        after = segment.first + np.searchsorted(self.times.tai_ns[segment.first : segment.stop], tai_ns, side="right")
        return np.clip(after - (self._points + 1) // 2, segment.first, segment.stop - self._points)

    def _interpolate(
        self, segment: Segment, tai_ns: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        rows = self._window(segment, tai_ns)[:, None] + np.arange(self._points)
        # nodes as seconds from the time asked for: differences of whole nanoseconds, nothing is lost
        nodes_s = (self.times.tai_ns[rows] - tai_ns[:, None]) * 1e-9
        position, velocity = self.position_m[rows], self.velocity_ms[rows]
        if self.interpolation == "LAGRANGE":
            return lagrange_at_zero(nodes_s, position, velocity)
        return hermite_at_zero(nodes_s, position, velocity)

    def _covariance_between(self, begin_ns: int, end_ns: int) -> Covariance | None:
        if self.covariance is None:
            return None
        inside = (self.covariance.times.tai_ns >= begin_ns) & (self.covariance.times.tai_ns <= end_ns)
        if not inside.any():
            return None
        frames = tuple(frame for frame, keep in zip(self.covariance.frames, inside, strict=True) if keep)
        return Covariance(self.covariance.times[inside], self.covariance.matrices[inside], frames)


def difference(reference: Orbit, other: Orbit, times: Times) -> xr.Dataset:
    """`other` minus `reference` at `times` in the reference's RSW axes (GCRF): radial, along, cross (m), dim "time".

    radial_velocity, along_velocity, cross_velocity (m/s) are the components of the inertial velocity difference.
    """
    base, new = reference.at(times), other.at(times)
    axes = local_orbital_axes(base.position_m, base.velocity_ms, "RSW")
    shift = np.einsum("nij,nj->in", axes, new.position_m - base.position_m)
    drift = np.einsum("nij,nj->in", axes, new.velocity_ms - base.velocity_ms)
    names = ("radial", "along", "cross")
    variables = {name: ("time", values, {"units": "m"}) for name, values in zip(names, shift, strict=True)} | {
        f"{name}_velocity": ("time", values, {"units": "m/s"}) for name, values in zip(names, drift, strict=True)
    }
    attributes = {"reference": reference.source, "other": other.source, "axes": "RSW of the reference, GCRF"}
    return xr.Dataset(variables, {"time": ("time", times.utc_datetime64(), {"scale": "UTC"})}, attributes)
