"""Attitude of a satellite: quaternions at epochs, checked and interpolated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orbit_aux.errors import OrbitError
from orbit_aux.frames import DIRECTION_FRAMES
from orbit_aux.time import Times

# a quaternion farther from unit length was surely read wrong, or in another order
_LENGTH_TOLERANCE = 1e-3


@dataclass(frozen=True, eq=False)
class Attitude:
    """Quaternions (n, 4), scalar FIRST, that turn components in the body axes into components in `frame` (active rotation body to frame):

    v_frame = q v_body q*. Kept with unit length and one sign along the time; epochs increase.
    """

    object_name: str
    frame: str
    body: str
    times: Times
    quaternion: NDArray[np.float64]
    source: str
    comments: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        name = f"attitude of {self.object_name} from {self.source}"
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
        if (np.diff(self.times.tai_ns) <= 0).any():
            row = int(np.argmax(np.diff(self.times.tai_ns) <= 0)) + 1
            raise OrbitError(
                f"{name}: the record at {self.times[row].utc_strings()[0]} repeats or goes back in time; sort the records"
            )
        values /= length[:, None]
        # q and -q are one rotation: the shorter way between neighbours
        flips = np.cumprod(np.where(np.einsum("ij,ij->i", values[1:], values[:-1]) < 0, -1.0, 1.0))
        values[1:] *= flips[:, None]
        values.flags.writeable = False
        object.__setattr__(self, "quaternion", values)
