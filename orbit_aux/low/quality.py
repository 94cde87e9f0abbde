"""Quality of a low orbit without a truth: two arcs that share some hours, compared there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from orbit_aux.low.fixes import PositionFixes
from orbit_aux.low.options import LowOrbitOptions
from orbit_aux.low.restitution import restitute_low_orbit
from orbit_aux.motion.forces import Forces
from orbit_aux.orbit import difference
from orbit_aux.time import Times

#: arcs shorter than this are not worth dividing, s
SHORTEST_S = 6 * 3600.0
_SHARE = 0.625
# the ends of an arc are its worst parts: what both arcs share is judged inside
_EDGE_S = 600.0


def overlap_test(fixes: PositionFixes, forces: Forces, options: LowOrbitOptions) -> dict[str, Any] | None:
    """Differences (rms, m; radial, along, cross and 3D) of two orbits from the first and the last 62.5 % of the
    fixes, where they overlap; None for short arcs."""
    elapsed = fixes.times - fixes.times[0]
    span = float(elapsed[-1])
    if span < SHORTEST_S:
        return None
    choice = replace(options, output_step_s=60.0)
    early, late = fixes[elapsed <= _SHARE * span], fixes[elapsed >= (1.0 - _SHARE) * span]
    first = restitute_low_orbit(early, None, forces, (), choice)
    second = restitute_low_orbit(late, None, forces, (), choice)
    begin, end = second.orbit.times.min() + _EDGE_S, first.orbit.times.max() + -_EDGE_S
    length = float((end - begin)[0])
    times: Times = begin + np.arange(0.0, max(length, 60.0), 60.0)
    times = times[first.orbit.covers(times) & second.orbit.covers(times)]
    if len(times) == 0:
        return None
    compared = difference(first.orbit, second.orbit, times)
    rms = {name: float(np.sqrt(np.mean(compared[name].values ** 2))) for name in ("radial", "along", "cross")}
    return {
        "overlap_h": length / 3600.0,
        **{f"{name}_rms_m": value for name, value in rms.items()},
        "rms_3d_m": float(np.sqrt(sum(value**2 for value in rms.values()))),
    }
