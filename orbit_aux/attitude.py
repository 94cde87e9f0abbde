"""Attitude of a satellite: quaternions at epochs, checked, interpolated inside their runs, cut into arcs, digested."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from orbit_aux.errors import OrbitError
from orbit_aux.frames import DIRECTION_FRAMES, rotation
from orbit_aux.time import Times

Array = NDArray[np.float64]

# a quaternion farther from unit length was surely read wrong, or in another order
_LENGTH_TOLERANCE = 1e-3
# two records lost are bridged; a longer silence than this many usual steps is a gap
_LONGEST_STEPS = 3.5
_POINTS = 4
# what the digest resolves: 2e-10 rad, 0.2 mm on the ground from 1000 km
_QUANTUM = 1e-10
_RATE_STEP_S = 1e-3


@dataclass(frozen=True, eq=False)
class Attitude:
    """Quaternions (n, 4), scalar FIRST, that turn components in the body axes into components in `frame` (active rotation body to frame):

    v_frame = q v_body q*. Kept with unit length and one sign along the time; epochs increase. Interpolation stays inside `runs` (first record and the
    one after the last, of each) and between records no farther apart than 3.5 times the usual step. `smooth` takes the cubic through the rotation
    vectors of four records (error of the fourth order of the step), otherwise slerp between two.
    """

    object_name: str
    frame: str
    body: str
    times: Times
    quaternion: Array
    source: str
    comments: tuple[str, ...] = ()
    object_id: str = ""
    runs: tuple[tuple[int, int], ...] = ()
    smooth: bool = True

    def __post_init__(self) -> None:
        name = self._name
        if self.frame not in DIRECTION_FRAMES:
            raise OrbitError(f"{name}: frame {self.frame!r} is unknown, use one of {', '.join(DIRECTION_FRAMES)}")
        values = np.array(self.quaternion, dtype=np.float64)
        if values.shape != (len(self.times), 4) or len(values) == 0:
            raise OrbitError(f"{name}: quaternions have shape {values.shape}, give one row of 4 per time")
        length = np.linalg.norm(values, axis=1)
        wrong = ~(np.abs(length - 1.0) <= _LENGTH_TOLERANCE)
        if wrong.any():
            row = int(np.argmax(wrong))
            raise OrbitError(
                f"{name}: the quaternion at {self.times[row].utc_strings()[0]} has the length {length[row]:.6g}, not 1; correct it"
            )
        steps = np.diff(self.times.tai_ns)
        if (steps <= 0).any():
            row = int(np.argmax(steps <= 0)) + 1
            raise OrbitError(
                f"{name}: the record at {self.times[row].utc_strings()[0]} repeats or goes back in time; sort the records"
            )
        # what has been of unit length stays to the last bit: an arc answers as the whole
        values /= np.where(np.abs(length - 1.0) > 1e-15, length, 1.0)[:, None]
        # q and -q are one rotation: the shorter way between neighbours
        flips = np.cumprod(np.where(np.einsum("ij,ij->i", values[1:], values[:-1]) < 0, -1.0, 1.0))
        values[1:] *= flips[:, None]
        values.flags.writeable = False
        object.__setattr__(self, "quaternion", values)
        object.__setattr__(self, "runs", _without_gaps(self.runs or ((0, len(values)),), steps))

    def at(self, times: Times) -> Array:
        """Unit quaternions (n, 4) at `times`, scalar first, body to `frame`; refused outside the records and in gaps."""
        owner = self._owner(times)
        if (owner < 0).any():
            raise OrbitError(self._not_covered(times[int(np.argmax(owner < 0))]))
        result = np.empty((len(times), 4))
        for number in np.unique(owner):
            mine = owner == number
            first, stop = self.runs[int(number)]
            result[mine] = self._interpolate(first, stop, times.tai_ns[mine])
        return result

    def matrices(self, times: Times, frame: str | None = None) -> Array:
        """Rotation matrices (n, 3, 3) from the body axes to `frame` (by default the attitude's own) at `times`."""
        own = to_matrix(self.at(times))
        return own if frame is None or frame == self.frame else rotation(times, self.frame, frame) @ own

    def rates(self, times: Times) -> Array:
        """Angular velocity of the body relative to `frame`, rad/s, shape (n, 3), in the body axes, at `times`."""
        bounds = np.array([self.times.tai_ns[[first, stop - 1]] for first, stop in self.runs])[self._owner(times)]
        self.at(times)
        half = np.int64(_RATE_STEP_S * 0.5e9)
        before = Times(np.maximum(times.tai_ns - half, bounds[:, 0]))
        after = Times(np.minimum(times.tai_ns + half, bounds[:, 1]))
        if not (after.tai_ns > before.tai_ns).all():
            raise OrbitError(f"{self._name}: one record alone has no rate; give more of them")
        turn: Array = _vector(_product(_conjugate(self.at(before)), self.at(after))) / (after - before)[:, None]
        return turn

    def covers(self, times: Times) -> NDArray[np.bool_]:
        """Whether each time lies between records that belong together."""
        return self._owner(times) >= 0

    def arc(self, start: Times, stop: Times, margin_s: float = 0.0) -> Attitude:
        """The records that interpolation inside [start, stop], widened by `margin_s` where there are any, can touch."""
        begin, end = start.min(), stop.max()
        for edge in (begin, end):
            if not self.covers(edge).all():
                raise OrbitError(self._not_covered(edge))
        low_ns, high_ns = int((begin + -margin_s).tai_ns[0]), int((end + margin_s).tai_ns[0])
        kept: list[NDArray[np.int64]] = []
        runs: list[tuple[int, int]] = []
        for first, last in self.runs:
            nodes = self.times.tai_ns[first:last]
            if nodes[0] <= high_ns and nodes[-1] >= low_ns:
                low = max(int(np.searchsorted(nodes, low_ns, side="right")) - _POINTS, 0)
                high = min(int(np.searchsorted(nodes, high_ns)) + _POINTS, len(nodes))
                place = sum(len(rows) for rows in kept)
                kept.append(np.arange(first + low, first + high))
                runs.append((place, place + high - low))
        rows = np.concatenate(kept)
        return replace(self, times=self.times[rows], quaternion=self.quaternion[rows], runs=tuple(runs))

    @property
    def digest(self) -> str:
        """SHA-256 of object, frame, body, interpolation and records (to 1e-10), whatever file they came from."""
        sha = hashlib.sha256(repr((self.object_name, self.frame, self.body, self.smooth, self.runs)).encode())
        # one rotation, one digest: the sign of the first record decides those of all
        leading = self.quaternion[0][np.argmax(np.abs(self.quaternion[0]))]
        quantised = np.rint(self.quaternion * np.sign(leading) / _QUANTUM).astype("<i8")
        for values in (self.times.tai_ns.astype("<i8"), quantised):
            sha.update(np.ascontiguousarray(values).tobytes())
        return sha.hexdigest()

    @property
    def _name(self) -> str:
        return f"attitude of {self.object_name} from {self.source}"

    def _owner(self, times: Times) -> NDArray[np.int64]:
        starts = self.times.tai_ns[[first for first, _ in self.runs]]
        stops = self.times.tai_ns[[stop - 1 for _, stop in self.runs]]
        number = np.searchsorted(starts, times.tai_ns, side="right") - 1
        return np.where((number >= 0) & (times.tai_ns <= stops[number]), number, -1)

    def _not_covered(self, time: Times) -> str:
        text = f"{self._name} covers {self.times[0].utc_strings(3)[0]} to {self.times[-1].utc_strings(3)[0]}"
        for (_, stop), (first, _) in pairwise(self.runs):
            if self.times.tai_ns[stop - 1] < time.tai_ns[0] < self.times.tai_ns[first]:
                before, after = self.times[stop - 1].utc_strings(3)[0], self.times[first].utc_strings(3)[0]
                text += f" with a gap from {before} to {after}"
        return f"{text}, not {time.utc_strings(3)[0]}: give an attitude file that covers this time"

    def _interpolate(self, first: int, stop: int, tai_ns: NDArray[np.int64]) -> Array:
        nodes_ns = self.times.tai_ns[first:stop]
        if len(nodes_ns) == 1:
            return np.repeat(self.quaternion[first:stop], len(tai_ns), axis=0)
        points = min(_POINTS, len(nodes_ns)) if self.smooth else 2
        low = np.clip(np.searchsorted(nodes_ns, tai_ns, side="right") - 1, 0, len(nodes_ns) - 2)
        window = np.clip(low - (points // 2 - 1), 0, len(nodes_ns) - points)[:, None] + np.arange(points)
        nodes_s = (nodes_ns[window] - tai_ns[:, None]) * 1e-9
        base = self.quaternion[first + low]
        # rotation from the record before to each of the others, as a vector in the body axes
        turns = _vector(_product(_conjugate(base)[:, None], self.quaternion[first + window]))
        weight = np.ones_like(nodes_s)
        for own in range(points):
            for other in range(points):
                if other != own:
                    weight[:, own] *= -nodes_s[:, other] / (nodes_s[:, own] - nodes_s[:, other])
        return _product(base, _quaternion(np.einsum("np,npk->nk", weight, turns)))


def to_matrix(quaternion: Array) -> Array:
    """Rotation matrices (..., 3, 3) of unit quaternions (..., 4), scalar first: components in the body, to components in the frame."""
    w, x, y, z = np.moveaxis(quaternion, -1, 0)
    rows = [
        [w * w + x * x - y * y - z * z, 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), w * w - x * x + y * y - z * z, 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), w * w - x * x - y * y + z * z],
    ]
    return np.moveaxis(np.array(rows), (0, 1), (-2, -1))


def _without_gaps(runs: tuple[tuple[int, int], ...], steps_ns: NDArray[np.int64]) -> tuple[tuple[int, int], ...]:
    """The runs, cut where the records fall silent."""
    parts: list[tuple[int, int]] = []
    for first, stop in runs:
        own = steps_ns[first : stop - 1]
        silent = np.flatnonzero(own > _LONGEST_STEPS * np.median(own)) if len(own) > 1 else np.empty(0, np.int64)
        edges = [first, *(first + int(place) + 1 for place in silent), stop]
        parts += list(pairwise(edges))
    return tuple(parts)


def _product(left: Array, right: Array) -> Array:
    a, b, c, d = np.moveaxis(left, -1, 0)
    w, x, y, z = np.moveaxis(right, -1, 0)
    return np.stack(
        [
            a * w - b * x - c * y - d * z,
            a * x + b * w + c * z - d * y,
            a * y - b * z + c * w + d * x,
            a * z + b * y - c * x + d * w,
        ],
        axis=-1,
    )


def _conjugate(quaternion: Array) -> Array:
    conjugate: Array = quaternion * np.array([1.0, -1.0, -1.0, -1.0])
    return conjugate


def _vector(quaternion: Array) -> Array:
    """Rotation vector (rad) of unit quaternions, the shorter way."""
    turned = np.where(quaternion[..., :1] < 0, -quaternion, quaternion)
    sine = np.linalg.norm(turned[..., 1:], axis=-1, keepdims=True)
    angle = 2.0 * np.arctan2(sine, turned[..., :1])
    scale = np.divide(angle, sine, out=np.full_like(sine, 2.0), where=sine > 1e-12)
    result: Array = scale * turned[..., 1:]
    return result


def _quaternion(vector: Array) -> Array:
    half = 0.5 * np.linalg.norm(vector, axis=-1, keepdims=True)
    scale = 0.5 * np.sinc(half / np.pi)
    return np.concatenate([np.cos(half), scale * vector], axis=-1)
