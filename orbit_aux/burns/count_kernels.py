# compiled loops take arrays and numbers, not objects, and calls inside them are not free
# ruff: noqa: PLR0913, C901
"""Counted Doppler of a trajectory with its partial derivatives, and the square-root filter that takes counts one by one; compiled."""

from __future__ import annotations

import math

import numpy as np

from orbit_aux.burns.kernels import DYNAMIC, FIXED, Array, Integers, local_triad
from orbit_aux.compiled import compiled, compiled_fast
from orbit_aux.constants import EARTH_ROTATION_RATE_RADS, SPEED_OF_LIGHT_MS

_C = SPEED_OF_LIGHT_MS
_FIRST_DELAY_S = 0.1
_EARTH_RATE_SQUARED = EARTH_ROTATION_RATE_RADS**2


@compiled
def find(times: Array, t: float, hint: int) -> int:
    """The interval of `times` in which `t` lies, searched from `hint`; of two nodes at one time the later one begins it."""
    last = len(times) - 2
    i = min(max(hint, 0), last)
    while i < last and times[i + 1] <= t:
        i += 1
    while i > 0 and times[i] > t:
        i -= 1
    return i


@compiled
def place(times: Array, nodes: Array, t: float, i: int, columns: int, out: Array) -> None:
    """Positions (row 0-2) and derivatives in out[:3, :columns], velocities in out[3:]: cubic polynomials through the nodes i and i + 1."""
    h = times[i + 1] - times[i]
    u = (t - times[i]) / h
    p0, p1 = (1.0 + 2.0 * u) * (1.0 - u) ** 2, u * u * (3.0 - 2.0 * u)
    m0, m1 = h * u * (1.0 - u) ** 2, h * u * u * (u - 1.0)
    for k in range(3):
        for c in range(columns):
            out[k, c] = (
                p0 * nodes[i, k, c] + p1 * nodes[i + 1, k, c] + m0 * nodes[i, 3 + k, c] + m1 * nodes[i + 1, 3 + k, c]
            )


@compiled
def antenna_axes(parameters: Array, frame: Integers, state: Array, work: Array) -> None:
    """Rows 0 and 1 of `work`: two unit vectors across the thrust, the first square to the z axis of GCRF too."""
    f = math.sqrt(parameters[6] ** 2 + parameters[7] ** 2 + parameters[8] ** 2)
    a = work[2]
    if frame[0] == 1:
        local_triad(state, work[3:6])
        for i in range(3):
            a[i] = (work[3, i] * parameters[6] + work[4, i] * parameters[7] + work[5, i] * parameters[8]) / f
    else:
        for i in range(3):
            a[i] = parameters[6 + i] / f
    norm = math.sqrt(a[0] * a[0] + a[1] * a[1])
    if norm < 1e-6:
        work[0, 0], work[0, 1], work[0, 2] = 1.0, 0.0, 0.0
    else:
        work[0, 0], work[0, 1], work[0, 2] = a[1] / norm, -a[0] / norm, 0.0
    work[1, 0] = a[1] * work[0, 2] - a[2] * work[0, 1]
    work[1, 1] = a[2] * work[0, 0] - a[0] * work[0, 2]
    work[1, 2] = a[0] * work[0, 1] - a[1] * work[0, 0]


@compiled
def _satellite(
    times: Array,
    nodes: Array,
    t: float,
    hint: int,
    parameters: Array,
    frame: Integers,
    spin_origin_s: float,
    spinning: bool,
    out: Array,
    axes: Array,
) -> int:
    """Antenna position in axes[6] at `t`; returns the interval of the trajectory."""
    i = find(times, t, hint)
    place(times, nodes, t, i, 1, out)
    for k in range(3):
        axes[6, k] = out[k, 0]
    if spinning:
        if frame[0] == 1:
            # the axes turn with the satellite: they are those of the moment, not of the node
            state = np.empty(6)
            share = (t - times[i]) / (times[i + 1] - times[i])
            for k in range(3):
                state[k] = out[k, 0]
                state[3 + k] = nodes[i, 3 + k, 0] + share * (nodes[i + 1, 3 + k, 0] - nodes[i, 3 + k, 0])
            antenna_axes(parameters, frame, state, axes)
        turn = parameters[14] * (t - spin_origin_s)
        cosine, sine = math.cos(turn), math.sin(turn)
        for k in range(3):
            axes[7, k] = cosine * axes[0, k] + sine * axes[1, k]
            axes[8, k] = cosine * axes[1, k] - sine * axes[0, k]
            axes[6, k] += parameters[12] * axes[7, k] + parameters[13] * axes[8, k]
    return i


@compiled
def _station(legs: Array, leg: int, shift: float, out: Array) -> None:
    """The station `shift` seconds from its tag: straight on, and round the Earth's axis."""
    for k in range(3):
        out[k] = legs[leg, k] + shift * legs[leg, 3 + k]
    for k in range(2):
        out[k] -= 0.5 * shift * shift * _EARTH_RATE_SQUARED * legs[leg, k]


@compiled
def _path(
    times: Array,
    nodes: Array,
    tag: float,
    legs: Array,
    hint: int,
    parameters: Array,
    settings: Array,
    frame: Integers,
    row: Array,
    out: Array,
    axes: Array,
) -> tuple[float, int]:
    """Up leg plus down leg, m, of the signal received at `tag`; its derivatives in `row`.

    settings: 1 where light takes its time, origin of the spin angle (s), 1 where the antenna spins.
    """
    spinning, travel = settings[2] > 0, settings[0] > 0
    down, bounce = 0.0, tag
    # the first count of a link has no earlier delay to begin from
    rounds = (5 if settings[3] == _FIRST_DELAY_S else 3) if travel else 1
    if travel:
        bounce = tag - settings[3]
    i = hint
    for _ in range(rounds):
        i = _satellite(times, nodes, bounce, i, parameters, frame, settings[1], spinning, out, axes)
        d0, d1, d2 = axes[6, 0] - legs[1, 0], axes[6, 1] - legs[1, 1], axes[6, 2] - legs[1, 2]
        down = math.sqrt(d0 * d0 + d1 * d1 + d2 * d2)
        if travel:
            bounce = tag - down / _C
    settings[3] = down / _C
    axes[9, 0], axes[9, 1], axes[9, 2] = d0 / down, d1 / down, d2 / down
    up = down
    for _ in range(2 if travel else 1):
        _station(legs, 0, bounce - up / _C - tag if travel else 0.0, axes[10])
        d0, d1, d2 = axes[6, 0] - axes[10, 0], axes[6, 1] - axes[10, 1], axes[6, 2] - axes[10, 2]
        up = math.sqrt(d0 * d0 + d1 * d1 + d2 * d2)
    axes[9, 0] += d0 / up
    axes[9, 1] += d1 / up
    axes[9, 2] += d2 / up
    place(times, nodes, bounce, i, DYNAMIC + 1, out)
    for c in range(DYNAMIC):
        row[c] = axes[9, 0] * out[0, 1 + c] + axes[9, 1] * out[1, 1 + c] + axes[9, 2] * out[2, 1 + c]
    if spinning:
        e7 = axes[9, 0] * axes[7, 0] + axes[9, 1] * axes[7, 1] + axes[9, 2] * axes[7, 2]
        e8 = axes[9, 0] * axes[8, 0] + axes[9, 1] * axes[8, 1] + axes[9, 2] * axes[8, 2]
        row[12], row[13] = e7, e8
        # turning carries the first direction to the second, the second to minus the first
        row[14] = (bounce - settings[1]) * (parameters[12] * e8 - parameters[13] * e7)
    else:
        row[12], row[13], row[14] = 0.0, 0.0, 0.0
    return up + down, i


@compiled
def predict(
    times: Array,
    nodes: Array,
    parameters: Array,
    frame: Integers,
    settings: Array,
    tags: Array,
    legs: Array,
    interval: Array,
    link: Integers,
    values: Array,
    rows: Array,
) -> None:
    """Values (n,) and derivatives (n, parameters) of n measurements.

    tags (n, 2): start and stop, s; legs (n, 2, 2, 6): at start and stop the transmitter's and the receiver's position and velocity;
    interval: count, s, 0 for a range; link: number of the pair of stations, whose rest by the number of biases is that of the bias.
    """
    out, axes = np.zeros((3, DYNAMIC + 1)), np.zeros((11, 3))
    begin, end = np.zeros(FIXED), np.zeros(FIXED)
    links = 1
    for n in range(len(values)):
        links = max(links, link[n] + 1)
    # the end of a count is mostly the beginning of the next one on the same link: tag, path, delay and derivatives are kept
    kept, kept_rows = np.full((links, 3), np.nan), np.zeros((links, FIXED))
    settled = np.empty(4)
    settled[:3] = settings[:3]
    kept[:, 2] = _FIRST_DELAY_S
    antenna_axes(parameters, frame, nodes[0, :, 0], axes)
    hint = 0
    for n in range(len(values)):
        k = link[n]
        settled[3] = kept[k, 2]
        first = 0.0
        if interval[n] > 0:
            if tags[n, 0] == kept[k, 0]:
                first = kept[k, 1]
                for c in range(FIXED):
                    begin[c] = kept_rows[k, c]
            else:
                first, hint = _path(
                    times, nodes, tags[n, 0], legs[n, 0], hint, parameters, settled, frame, begin, out, axes
                )
        last, hint = _path(times, nodes, tags[n, 1], legs[n, 1], hint, parameters, settled, frame, end, out, axes)
        kept[k, 0], kept[k, 1], kept[k, 2] = tags[n, 1], last, settled[3]
        share = 0.5 / interval[n] if interval[n] > 0 else 0.5
        values[n] = share * (last - first)
        for c in range(FIXED):
            kept_rows[k, c] = end[c]
            rows[n, c] = share * (end[c] - begin[c]) if interval[n] > 0 else share * end[c]
        for c in range(FIXED, rows.shape[1]):
            rows[n, c] = 0.0
        if rows.shape[1] > FIXED:
            bias = FIXED + k % (rows.shape[1] - FIXED)
            values[n] += parameters[bias]
            rows[n, bias] = 1.0


@compiled
def absorb(root: Array, shift: Array, row: Array, innovation: float, variance: float, work: Array) -> None:
    """One measurement into the square root of the covariance (P = root rootT) and the estimate (Potter's form)."""
    n, m = root.shape
    total = variance
    for j in range(m):
        f = 0.0
        for i in range(n):
            f += root[i, j] * row[i]
        work[j] = f
        total += f * f
    shrink = 1.0 / (total * (1.0 + math.sqrt(variance / total)))
    for i in range(n):
        gain = 0.0
        for j in range(m):
            gain += root[i, j] * work[j]
        shift[i] += gain * innovation / total
        gain *= shrink
        for j in range(m):
            root[i, j] -= gain * work[j]


@compiled_fast
def triangle(rows: Array, root: Array, errors: Array, weights: Array, prior: Array) -> Array:
    """Upper triangle (m + 1, m + 1) of the least-squares system of a prior (unit matrix, -`prior`) and of counts, by Householder reflections.

    A count's line is (row root, error) times its weight. The last column is the right-hand side.
    """
    size, extra = root.shape[1], len(errors)
    # one parameter's column after the other in memory
    columns = np.zeros((size + 1, size + extra))
    for j in range(size):
        columns[j, j] = 1.0
        columns[size, j] = -prior[j]
    for n in range(extra):
        if weights[n] == 0.0:
            continue
        columns[size, size + n] = weights[n] * errors[n]
        for i in range(size):
            line = rows[n, i] * weights[n]
            if line != 0.0:
                for j in range(size):
                    columns[j, size + n] += line * root[i, j]
    result = np.zeros((size + 1, size + 1))
    for j in range(size):
        below = 0.0
        for n in range(size, size + extra):
            below += columns[j, n] * columns[j, n]
        head = columns[j, j]
        norm = math.sqrt(below + head * head)
        pivot = -norm if head > 0 else norm
        result[j, j] = pivot
        first = head - pivot
        half = below + first * first
        for k in range(j + 1, size + 1):
            along = first * columns[k, j]
            if below > 0.0:
                for n in range(size, size + extra):
                    along += columns[j, n] * columns[k, n]
                share = 2.0 * along / half
                for n in range(size, size + extra):
                    columns[k, n] -= share * columns[j, n]
            else:
                share = 2.0 * along / half
            result[j, k] = columns[k, j] - share * first
    return result


@compiled
def innovation_variance(root: Array, row: Array) -> float:
    """Variance of what `row` predicts."""
    total = 0.0
    for j in range(root.shape[1]):
        f = 0.0
        for i in range(root.shape[0]):
            f += root[i, j] * row[i]
        total += f * f
    return total


@compiled
def filter_epochs(
    counts: tuple[Array, Array, Array, Array, Integers, Array],
    limits: tuple[float, float, Array],
    root: Array,
    shift: Array,
    log: tuple[Array, Array, Array, Array, Integers],
    state: Integers,
) -> int:
    """Counts into `root` and `shift`, one after the other, until one of the limits asks for a new reference; returns how many were taken.

    counts: values and rows of the reference, measured, sigma, epoch number, time by which a change of spin rate turns the angle (s);
    limits: gate (sigmas), epochs that may disagree in a row, greatest shift of each parameter (of the spin rate: greatest angle, rad).
    log: innovation, variance, (by epoch) shift and root after it, accepted.
    state: 0 epochs disagreeing so far, 1 (out) why it stopped: 0 end, 1 left the linear range, 2 disagreement.
    """
    values, rows, measured, sigma, epoch, turning = counts
    gate, patience, greatest = limits
    innovations, variances, shifts, roots, accepted = log
    work, size = np.empty(root.shape[1]), len(shift)
    state[1] = 0
    n, total = 0, len(values)
    while n < total:
        first, tame = n, 0
        while n < total and epoch[n] == epoch[first]:
            expected = values[n]
            for c in range(size):
                expected += rows[n, c] * shift[c]
            innovation = measured[n] - expected
            variance = innovation_variance(root, rows[n]) + sigma[n] ** 2
            innovations[n], variances[n] = innovation, variance
            if innovation * innovation <= 9.0 * variance:
                tame += 1
            accepted[n] = 1 if innovation * innovation <= gate * gate * variance else 0
            if accepted[n] == 1:
                absorb(root, shift, rows[n], innovation, sigma[n] ** 2, work)
            n += 1
        shifts[epoch[first] - epoch[0]], roots[epoch[first] - epoch[0]] = shift, root
        state[0] = state[0] + 1 if 2 * tame < n - first else 0
        if state[0] >= patience:
            state[0], state[1] = 0, 2
            return n
        for c in range(size):
            lever = turning[n - 1] if c == 14 else 1.0
            if abs(shift[c]) * lever > greatest[c]:
                state[1] = 1
                return n
    return n


@compiled
def states_at(times: Array, nodes: Array, at: Array) -> Array:
    """States and their derivatives (n, 6, 13) at increasing or other times, from the cubic polynomials between the nodes."""
    out = np.empty((len(at), 6, DYNAMIC + 1))
    hint = 0
    for n in range(len(at)):
        hint = find(times, at[n], hint)
        h = times[hint + 1] - times[hint]
        u = (at[n] - times[hint]) / h
        place(times, nodes, at[n], hint, DYNAMIC + 1, out[n])
        s, m0, m1 = 6.0 * u * (1.0 - u) / h, (1.0 - u) * (1.0 - 3.0 * u), u * (3.0 * u - 2.0)
        for k in range(3):
            for c in range(DYNAMIC + 1):
                out[n, 3 + k, c] = (
                    s * (nodes[hint + 1, k, c] - nodes[hint, k, c])
                    + m0 * nodes[hint, 3 + k, c]
                    + m1 * nodes[hint + 1, 3 + k, c]
                )
    return out
