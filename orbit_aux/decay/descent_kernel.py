"""A mean orbit followed until it falls, with steps as long as a tolerance allows, as machine code."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from orbit_aux.compiled import compiled
from orbit_aux.decay import decay_kernel as kernel
from orbit_aux.decay.decay_kernel import AXIS, FELL, LASTED, LOST, ORBIT_SIZE, RECORD_SIZE, SQUARE, mean_rates

Array = NDArray[np.float64]

# Dormand and Prince's order 5 with its error of order 4 (Hairer, Norsett and Wanner 1993, table II.5.2); the last row is the step itself
_STAGES = np.array(
    [
        [0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [1 / 5, 0.0, 0.0, 0.0, 0.0, 0.0],
        [3 / 40, 9 / 40, 0.0, 0.0, 0.0, 0.0],
        [44 / 45, -56 / 15, 32 / 9, 0.0, 0.0, 0.0],
        [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729, 0.0, 0.0],
        [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656, 0.0],
        [35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84],
    ]
)
_NODES = np.array([0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0])
_ERROR = np.array([71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40])
# the end is met to this; a step that is rejected so far down has lost its way
_SHORTEST_S, _LEAST_S = 60.0, 1e-3
_FIRST_S = 3600.0
# an error in the direction of h or e matters less than one in a; below e = 0.02 e^2 is no better than the vector
_VECTOR_SHARE, _SMALL_SQUARE = 0.01, 4e-4


@compiled
def fall(
    orbit: Array, start_s: float, stop_s: float, environment: Array, settings: Array, air: Array, records: Array
) -> tuple[int, float, int]:
    """Follows `orbit` (8; changed to the last) until its lowest point lies below the settings' or `stop_s`: how it ended, when, and how many records there are.

    `records` (rows of RECORD_SIZE, none for nothing to keep) takes the steps; when it is full every other one is dropped.
    """
    rates, trial, row = np.empty((7, ORBIT_SIZE)), np.empty(ORBIT_SIZE), np.empty(kernel.ROW_SIZE)
    seconds, step, stride, taken, kept = start_s, _FIRST_S, 1, 0, 0
    height = mean_rates(seconds, orbit, environment, settings, air, rates[0])
    if height < settings[kernel.LOWEST]:
        return FELL if height > -1.0 else LOST, seconds, 0
    kept = _record(records, kept, seconds, orbit, height, environment, settings, row)
    while seconds < stop_s:
        step = min(step, settings[kernel.LONGEST])
        # no sliver at the end
        if seconds + 1.01 * step > stop_s:
            step = stop_s - seconds
        below = _step(orbit, seconds, step, environment, settings, air, rates, trial)
        if below < settings[kernel.LOWEST]:
            if step <= _SHORTEST_S or (below < 0.0 and step < _LEAST_S):
                return FELL, seconds, kept
            step = max(0.25 * step, _SHORTEST_S)
            continue
        error = _size_of_error(orbit, rates, step) / settings[kernel.TOLERANCE]
        if error > 1.0 and step > _LEAST_S:
            step *= max(0.9 * error**-0.2, 0.2)
            continue
        seconds += step
        for i in range(ORBIT_SIZE):
            orbit[i] = trial[i]
            rates[0, i] = rates[6, i]
        _make_whole(orbit, settings[kernel.MU])
        height = below
        taken += 1
        if len(records) and taken % stride == 0:
            if kept == len(records):
                for k in range(kept // 2):
                    for i in range(RECORD_SIZE):
                        records[k, i] = records[2 * k, i]
                kept, stride = kept // 2, stride * 2
            kept = _record(records, kept, seconds, orbit, height, environment, settings, row)
        step *= min(5.0, 0.9 * max(error, 1e-8) ** -0.2)
    return LASTED, seconds, kept


@compiled
def _step(
    orbit: Array,
    seconds: float,
    step: float,
    environment: Array,
    settings: Array,
    air: Array,
    rates: Array,
    trial: Array,
) -> float:
    """Fills `trial` with the orbit a step later and `rates` with those of the stages; returns the lowest height (m) there, below 0 where there is no orbit."""
    below = 0.0
    for stage in range(1, 7):
        for i in range(ORBIT_SIZE):
            total = 0.0
            for earlier in range(stage):
                total += _STAGES[stage, earlier] * rates[earlier, i]
            trial[i] = orbit[i] + step * total
        below = mean_rates(seconds + _NODES[stage] * step, trial, environment, settings, air, rates[stage])
        if below < 0.0:
            break
    return below


@compiled
def fall_many(
    orbits: Array,
    starts_s: Array,
    horizon_s: float,
    environment: Array,
    settings: Array,
    air: Array,
    ends_s: Array,
    endings: NDArray[np.int64],
) -> None:
    """Fills `ends_s` with the seconds from each start until it fell (or `horizon_s`) and `endings`; `settings` (draws, SETTINGS_SIZE) are of each."""
    nothing = np.empty((0, RECORD_SIZE))
    for draw in range(len(orbits)):
        stop = starts_s[draw] + horizon_s
        ending, end, _ = fall(orbits[draw], starts_s[draw], stop, environment, settings[draw], air, nothing)
        endings[draw] = ending
        ends_s[draw] = end - starts_s[draw]


@compiled
def _size_of_error(orbit: Array, rates: Array, step: float) -> float:
    """Error of a step: that of the semi-major axis (a share) or of e^2, or a hundredth of that of the vectors, whichever is largest."""
    momentum2 = orbit[0] ** 2 + orbit[1] ** 2 + orbit[2] ** 2
    turned, moved, grown, squared = 0.0, 0.0, 0.0, 0.0
    for i in range(ORBIT_SIZE):
        total = 0.0
        for stage in range(7):
            total += step * _ERROR[stage] * rates[stage, i]
        if i < 3:
            turned += total * total / momentum2
        elif i < AXIS:
            moved += total * total
        elif i == AXIS:
            grown = abs(total) / orbit[AXIS]
        else:
            squared = abs(total)
    return max(grown, squared, _VECTOR_SHARE * math.sqrt(max(turned, moved)))


@compiled
def _make_whole(orbit: Array, mu: float) -> None:
    """Gives the vectors the lengths of their scalars (that of e where it is not small) and takes from e what lies along h."""
    momentum2 = orbit[0] ** 2 + orbit[1] ** 2 + orbit[2] ** 2
    along = (orbit[0] * orbit[3] + orbit[1] * orbit[4] + orbit[2] * orbit[5]) / momentum2
    square = 0.0
    for i in range(3):
        orbit[3 + i] -= along * orbit[i]
        square += orbit[3 + i] ** 2
    if orbit[SQUARE] > _SMALL_SQUARE and square > _SMALL_SQUARE:
        for i in range(3):
            orbit[3 + i] *= math.sqrt(orbit[SQUARE] / square)
    else:
        orbit[SQUARE] = square
    longer = math.sqrt(mu * orbit[AXIS] * (1.0 - orbit[SQUARE]) / momentum2)
    for i in range(3):
        orbit[i] *= longer


@compiled
def _record(
    records: Array,
    kept: int,
    seconds: float,
    orbit: Array,
    height: float,
    environment: Array,
    settings: Array,
    row: Array,
) -> int:
    if kept >= len(records):
        return kept
    records[kept, 0] = seconds
    # element by element: assigning slices takes seconds to compile
    for i in range(6):
        records[kept, 1 + i] = orbit[i]
    records[kept, 7] = height
    kernel.look_up(seconds, environment, settings, row)
    records[kept, 8] = row[kernel.FLUX]
    return kept + 1
