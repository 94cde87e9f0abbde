"""What ground stations measure: counted Doppler and ranges, in one convention."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orbit_aux.errors import OrbitError
from orbit_aux.time import Times

#: DOPPLER: mean velocity over a count, m/s; RANGE: mean of the legs, m
KINDS = ("DOPPLER", "RANGE")


@dataclass(frozen=True, eq=False)
class Tracking:
    """n measurements in the order of their times, each from `transmitter` over the satellite to `receiver` (the same one: two-way; another: composite).

    A DOPPLER value is V = [change of D_up + change of D_down] / (2 interval), m/s, > 0 when the satellite recedes, over the count
    from `stop - interval_s` to `stop`, both by the clock of the receiver. A RANGE value is (D_up + D_down) / 2, m, received at `stop`; its interval is 0.
    """

    stop: Times
    interval_s: NDArray[np.float64]
    kind: NDArray[np.str_]
    transmitter: NDArray[np.str_]
    receiver: NDArray[np.str_]
    value: NDArray[np.float64]
    source: str
    sigma: NDArray[np.float64] | None = None
    """Standard deviations in the unit of the values, where the file gives them."""
    light_time: bool | None = None
    """Whether values are of signals that travel (True), of distances at one instant (False); None: the file does not tell."""
    notes: tuple[str, ...] = ()
    """What was understood of the file's conventions, and what was left out, for the report."""

    def __post_init__(self) -> None:
        n = len(self.stop)
        columns = [self.interval_s, self.kind, self.transmitter, self.receiver, self.value]
        if any(column.shape != (n,) for column in columns) or (self.sigma is not None and self.sigma.shape != (n,)):
            raise OrbitError(f"tracking of {self.source}: columns differ in length, give {n} of each")

    def __len__(self) -> int:
        return len(self.stop)

    @property
    def start(self) -> Times:
        """Beginnings of the counts."""
        return self.stop + -self.interval_s
