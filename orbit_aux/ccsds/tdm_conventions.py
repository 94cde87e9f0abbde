"""What the comments of a tracking data message tell of its values, for which the standard has no keywords."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

# what files say of their factor: half the change of the path up and down, or all of it
_HALF = re.compile(r"\bhalf\b|\bhalf-sum\b|divided by (2|two)|one-way equivalent|1/2|/ ?\(2", re.IGNORECASE)
_MEAN = re.compile(r"\b(mean|average) of (the )?(two |both )?(legs|links|paths|stations|directions)", re.IGNORECASE)
_SUM = re.compile(
    r"\b(sum|total) of (the )?(two |both )?(legs|links|paths|stations|directions)|round[- ]trip|not halved",
    re.IGNORECASE,
)
_TIMELESS = re.compile(
    r"\b(no|without) light[- ]?time|LIGHT_TIME *= *(NO|FALSE)|instantaneous distances", re.IGNORECASE
)
_TIMED = re.compile(r"light[- ]time (is |are )?(included|counted|modelled)|LIGHT_TIME *= *(YES|TRUE)", re.IGNORECASE)


@dataclass(frozen=True)
class Conventions:
    """What was understood: `doppler` "mean" (of the legs), "sum" or "" (not told), and whether signals travel."""

    doppler: str = ""
    light_time: bool | None = None

    @classmethod
    def told(cls, comments: Sequence[str]) -> Conventions:
        """What comments say; nothing where they contradict each other."""
        text = " ; ".join(comments)
        half, mean, both = (bool(pattern.search(text)) for pattern in (_HALF, _MEAN, _SUM))
        doppler = "mean" if half else "" if mean == both else "mean" if mean else "sum"
        timeless, timed = bool(_TIMELESS.search(text)), bool(_TIMED.search(text))
        return cls(doppler, None if timeless == timed else timed)
