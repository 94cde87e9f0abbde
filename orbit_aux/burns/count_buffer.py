"""Counts that grow, as a stream brings them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from orbit_aux.burns.counts import Counts, joined_tracking
from orbit_aux.errors import OrbitError
from orbit_aux.tracking import Tracking

_COLUMNS = ("tags", "legs", "interval", "link", "measured", "sigma", "epoch")


class CountBuffer:
    """All counts so far in arrays with room for more; `counts` looks at them without copying."""

    def __init__(self) -> None:
        self._arrays: dict[str, NDArray[np.generic]] = {}
        self._trackings: list[Tracking] = []
        self._last: Counts | None = None
        self.size = 0

    def add(self, new: Counts) -> None:
        """Counts whose epochs follow all before; earlier ones are refused."""
        shift = 0
        if self._last is not None:
            gap_s = float((new.tracking.stop[0] - self._last.tracking.stop[-1])[0])
            if gap_s <= 0:
                raise OrbitError(
                    f"{new.tracking.source}: the counts ending {new.tracking.stop[0].utc_strings(3)[0]} come after those ending "
                    f"{self._last.tracking.stop[-1].utc_strings(3)[0]}: a stream must give whole epochs in order (or restitute the file)"
                )
            shift = int(self._arrays["epoch"][self.size - 1]) + 1
        stop = self.size + len(new)
        for name in _COLUMNS:
            values = getattr(new, name)
            room = self._arrays.get(name)
            if room is None or len(room) < stop:
                larger = np.empty((max(64, 2 * stop), *values.shape[1:]), values.dtype)
                if room is not None:
                    larger[: self.size] = room[: self.size]
                room = self._arrays[name] = larger
            room[self.size : stop] = values + shift if name == "epoch" else values
        self._trackings.append(new.tracking)
        self.size, self._last = stop, new

    def counts(self) -> Counts:
        """All counts; their tracking is that of the latest ones."""
        if self._last is None:
            raise OrbitError("no measurement was given: give tracking of the burn")
        columns = {name: self._arrays[name][: self.size] for name in _COLUMNS}
        return Counts(self._last.tracking, **columns, light_time=self._last.light_time, notes=())  # type: ignore[arg-type]

    def tracking(self) -> Tracking:
        """The tracking of all counts."""
        return joined_tracking(self._trackings)
