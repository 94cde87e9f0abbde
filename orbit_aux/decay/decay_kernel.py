"""Mean motion of a satellite that sinks: rates averaged over a revolution and their integration, as machine code. No checks: `decay` prepares what comes in.

The mean orbit is its vector of momentum per mass h (m2/s) and its eccentricity vector e (Milankovitch), in GCRF: neither a circle nor the equator is special.
The semi-major axis (m) and e^2 are followed beside them, as a step that turns the vectors also shortens them a little.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from orbit_aux.compiled import compiled
from orbit_aux.motion.field_kernel import density

Array = NDArray[np.float64]

# places in a row of the environment, half a day apart: pole (3), Sun (3), Moon (3), F10.7, Ap
POLE, SUN, MOON, FLUX, AP, ROW_SIZE = 0, 3, 6, 9, 10, 11
SPACING_S = 43_200.0
# places in the settings
(
    MU,
    RADIUS,
    SPIN,
    FLATTENING,
    DRAG,
    LIGHT,
    MU_SUN,
    MU_MOON,
    BULGE,
    FOLLOWS,
    FLUX_SCALE,
    FLUX_SHIFT,
    LOWEST,
    TOLERANCE,
    LONGEST,
    ELLIPSOID,
    ZONALS,
) = range(17)
HIGHEST_ZONAL = 7
SETTINGS_SIZE = ZONALS + HIGHEST_ZONAL + 1
# of an orbit: h, e, semi-major axis, e^2
AXIS, SQUARE, ORBIT_SIZE = 6, 7, 8
# places in a record: seconds, h, e, lowest height, F10.7
RECORD_SIZE = 9
FELL, LASTED, LOST = range(3)

# the bulge of the atmosphere follows the Sun by 30 deg of right ascension, as in `force_kernel`
_LAG_COSINE, _LAG_SINE = math.cos(math.radians(30.0)), math.sin(math.radians(30.0))
# law of temperature of Street and Panwar and what the table stands for, as in `atmosphere`
_TABLE_TEMPERATURE_K = 900.0 + 2.5 * (150.0 - 70.0) + 1.5 * 15.0
# of a quiet Sun: what of the flux a scale of activity leaves as it is
QUIET_FLUX = 65.0
_FEWEST, _MOST = 24, 240


@compiled
def _zonal_pull(x: float, y: float, z: float, row: Array, settings: Array) -> tuple[float, float, float]:
    """Acceleration of the zonal harmonics: k [P'(n+1) r - P'(n) p], k = mu Jn R^n / r^(n+2), p the pole, Legendre polynomials of sin latitude."""
    r = math.sqrt(x * x + y * y + z * z)
    s = (x * row[0] + y * row[1] + z * row[2]) / r
    ratio = settings[RADIUS] / r
    power = settings[MU] / (r * r) * ratio
    low, high, slope = 1.0, s, 1.0
    outward = along = 0.0
    for n in range(2, HIGHEST_ZONAL + 1):
        power *= ratio
        low, high = high, ((2 * n - 1) * s * high - (n - 1) * low) / n
        slope = n * low + s * slope
        size = power * settings[ZONALS + n]
        outward += size * ((n + 1) * high + s * slope)
        along -= size * slope
    outward /= r
    return outward * x + along * row[0], outward * y + along * row[1], outward * z + along * row[2]


@compiled
def _drag(position: Array, velocity: Array, row: Array, settings: Array, air: Array, push: Array) -> float:
    """Fills `push` with the drag (m/s2); returns the height (m) over the ellipsoid, to some metres."""
    r = math.sqrt(position[0] ** 2 + position[1] ** 2 + position[2] ** 2)
    s = (position[0] * row[0] + position[1] * row[1] + position[2] * row[2]) / r
    f = settings[FLATTENING]
    ground = settings[ELLIPSOID] * (1.0 - f) / math.sqrt(1.0 - f * (2.0 - f) * (1.0 - s * s))
    height = r - ground
    omega = settings[SPIN]
    wx = velocity[0] - omega * (row[1] * position[2] - row[2] * position[1])
    wy = velocity[1] - omega * (row[2] * position[0] - row[0] * position[2])
    wz = velocity[2] - omega * (row[0] * position[1] - row[1] * position[0])
    sun_x, sun_y, sun_z = row[SUN], row[SUN + 1], row[SUN + 2]
    far = math.sqrt(sun_x * sun_x + sun_y * sun_y + sun_z * sun_z)
    bulge_x, bulge_y = sun_x * _LAG_COSINE - sun_y * _LAG_SINE, sun_x * _LAG_SINE + sun_y * _LAG_COSINE
    toward = (bulge_x * position[0] + bulge_y * position[1] + sun_z * position[2]) / (far * r)
    activity = 0.0
    if settings[FOLLOWS] > 0.0:
        activity = 1.0 / _TABLE_TEMPERATURE_K - 1.0 / (900.0 + 2.5 * (row[FLUX] - 70.0) + 1.5 * row[AP])
    size = -0.5 * settings[DRAG] * math.sqrt(wx * wx + wy * wy + wz * wz)
    size *= density(height, toward, activity, settings[BULGE], air)[0]
    push[0], push[1], push[2] = size * wx, size * wy, size * wz
    return float(height)


@compiled
def _sun_and_moon(position: Array, row: Array, settings: Array, softness: float, push: Array) -> None:
    """Fills `push` with the tidal attraction of Sun and Moon and, lit by a Sun whose shadow of the Earth has a soft edge, the pressure of light."""
    push[0] = push[1] = push[2] = 0.0
    for body in range(2):
        mu, first = (settings[MU_SUN], SUN) if body == 0 else (settings[MU_MOON], MOON)
        if mu == 0.0:
            continue
        far2 = row[first] ** 2 + row[first + 1] ** 2 + row[first + 2] ** 2
        near2 = 0.0
        for i in range(3):
            near2 += (row[first + i] - position[i]) ** 2
        held, pull = mu / (far2 * math.sqrt(far2)), mu / (near2 * math.sqrt(near2))
        for i in range(3):
            push[i] += pull * (row[first + i] - position[i]) - held * row[first + i]
    if settings[LIGHT] > 0.0:
        far2 = row[SUN] ** 2 + row[SUN + 1] ** 2 + row[SUN + 2] ** 2
        far = math.sqrt(far2)
        ahead = (position[0] * row[SUN] + position[1] * row[SUN + 1] + position[2] * row[SUN + 2]) / far
        lit = 1.0
        if ahead < 0.0:
            r2 = position[0] ** 2 + position[1] ** 2 + position[2] ** 2
            aside = math.sqrt(max(r2 - ahead * ahead, 0.0)) - settings[RADIUS]
            lit = min(max(0.5 + aside / softness, 0.0), 1.0)
        for i in range(3):
            push[i] -= lit * settings[LIGHT] / far2 * row[SUN + i] / far


@compiled
def _cross(first: Array, second: Array, scale: float, product: Array) -> None:
    product[0] = scale * (first[1] * second[2] - first[2] * second[1])
    product[1] = scale * (first[2] * second[0] - first[0] * second[2])
    product[2] = scale * (first[0] * second[1] - first[1] * second[0])


@compiled
def _torque(position: Array, velocity: Array, h: Array, push: Array, mu: float, rate: Array) -> None:
    """Fills `rate` (6) with dh/dt = r x f and de/dt = (f x h + v x (r x f)) / mu."""
    _cross(position, push, 1.0, rate)
    rate[3] = (push[1] * h[2] - push[2] * h[1] + velocity[1] * rate[2] - velocity[2] * rate[1]) / mu
    rate[4] = (push[2] * h[0] - push[0] * h[2] + velocity[2] * rate[0] - velocity[0] * rate[2]) / mu
    rate[5] = (push[0] * h[1] - push[1] * h[0] + velocity[0] * rate[1] - velocity[1] * rate[0]) / mu


@compiled
def look_up(seconds: float, environment: Array, settings: Array, row: Array) -> None:
    """Fills `row` with the environment at a time, linear between its rows; the flux is of another time and scaled if so set."""
    place = min(max(seconds / SPACING_S, 0.0), len(environment) - 1.000001)
    node = int(place)
    share = place - node
    for i in range(AP + 1):
        row[i] = environment[node, i] + share * (environment[node + 1, i] - environment[node, i])
    moved = min(place + settings[FLUX_SHIFT], len(environment) - 1.000001)
    node = int(moved)
    share = moved - node
    flux = environment[node, FLUX] + share * (environment[node + 1, FLUX] - environment[node, FLUX])
    row[FLUX] = QUIET_FLUX + settings[FLUX_SCALE] * (flux - QUIET_FLUX)


@compiled
def _node_count(a: float, e: float, settings: Array) -> int:
    """Nodes of the quadrature: more where the air is met near the perigee alone."""
    low = a * (1.0 - e) - settings[ELLIPSOID]
    scale_height = max(6e3, 0.13 * (low - 80e3))
    wanted = int(6.0 * math.sqrt(a * e / scale_height)) + 1
    return min(max(_FEWEST, 4 * (wanted // 4 + 1)), _MOST)


@compiled
def mean_rates(seconds: float, orbit: Array, environment: Array, settings: Array, air: Array, rate: Array) -> float:
    """Fills `rate` with the rates (8) of the mean orbit; returns the lowest height (m) of the revolution, or -1 where there is no orbit.

    Forces of the first order are averaged over the mean orbit by the trapezoidal rule in the eccentric anomaly. Drag is met where the satellite truly is: the
    running integral of the zonal rates less their mean is the short-period motion.
    """
    row = np.empty(ROW_SIZE)
    look_up(seconds, environment, settings, row)
    mu, a, vector = settings[MU], orbit[AXIS], orbit[3:6]
    e = math.sqrt(vector[0] ** 2 + vector[1] ** 2 + vector[2] ** 2)
    if not (e < 0.999 and 6.3e6 < a < 1e9):
        return -1.0
    eta, motion = math.sqrt(1.0 - e * e), math.sqrt(mu / a) / a
    momentum = motion * a * a * eta
    h, lead, side = np.empty(3), np.empty(3), np.empty(3)
    longer = momentum / math.sqrt(orbit[0] ** 2 + orbit[1] ** 2 + orbit[2] ** 2)
    for i in range(3):
        h[i] = longer * orbit[i]
    _axes(h, vector, momentum, e, lead, side)
    count = _node_count(a, e, settings)
    places, speeds, weights = np.empty((count, 3)), np.empty((count, 3)), np.empty(count)
    push, other, torque, waves = np.empty(3), np.empty(3), np.empty(6), np.empty((count, 6))
    for i in range(6):
        rate[i] = 0.0
    for k in range(count):
        angle = 2.0 * math.pi * (k + 0.5) / count
        c, s = math.cos(angle), math.sin(angle)
        weights[k] = (1.0 - e * c) / count
        speed = a * motion / (1.0 - e * c)
        for i in range(3):
            places[k, i] = a * ((c - e) * lead[i] + eta * s * side[i])
            speeds[k, i] = speed * (eta * c * side[i] - s * lead[i])
        push[0], push[1], push[2] = _zonal_pull(places[k, 0], places[k, 1], places[k, 2], row, settings)
        _torque(places[k], speeds[k], h, push, mu, waves[k])
        _sun_and_moon(places[k], row, settings, 2.0 * math.pi * a / count, other)
        _torque(places[k], speeds[k], h, other, mu, torque)
        for i in range(6):
            rate[i] += weights[k] * (waves[k, i] + torque[i])
    _short_period(waves, weights, motion)
    lowest = _add_drag(h, vector, waves, places, weights, row, settings, air, rate)
    grown = turned = 0.0
    for i in range(3):
        grown += h[i] * rate[i]
        turned += vector[i] * rate[3 + i]
    rate[AXIS] = (2.0 * grown / mu + 2.0 * a * turned) / (1.0 - e * e)
    rate[SQUARE] = 2.0 * turned
    return lowest


@compiled
def _axes(h: Array, vector: Array, momentum: float, e: float, lead: Array, side: Array) -> None:
    """Fills `lead` towards the perigee (on a circle anywhere in the plane) and `side` a quarter turn on."""
    if e > 1e-12:
        for i in range(3):
            lead[i] = vector[i] / e
    else:
        least = 0
        for i in range(1, 3):
            if abs(h[i]) < abs(h[least]):
                least = i
        for i in range(3):
            lead[i] = (1.0 if i == least else 0.0) - h[least] * h[i] / (momentum * momentum)
    along = (lead[0] * h[0] + lead[1] * h[1] + lead[2] * h[2]) / (momentum * momentum)
    size = 0.0
    for i in range(3):
        lead[i] -= along * h[i]
        size += lead[i] ** 2
    for i in range(3):
        lead[i] /= math.sqrt(size)
    _cross(h, lead, 1.0 / momentum, side)


@compiled
def _short_period(waves: Array, weights: Array, motion: float) -> None:
    """Turns rates (count, 6) at the nodes into what they make of h and e within the revolution, nought on average over time."""
    count = len(waves)
    step = 2.0 * math.pi / motion
    line = np.empty(count)
    for i in range(6):
        mean = 0.0
        for k in range(count):
            mean += weights[k] * waves[k, i]
        for k in range(count):
            line[k] = (waves[k, i] - mean) * weights[k] * step
        total = middle = 0.0
        for k in range(count):
            waves[k, i] = total
            middle += weights[k] * total
            # cubic through four neighbours
            total += (13.0 * (line[k] + line[(k + 1) % count]) - line[(k - 1) % count] - line[(k + 2) % count]) / 24.0
        for k in range(count):
            waves[k, i] -= middle


@compiled
def _add_drag(  # noqa: PLR0913 - one loop body: calls between compiled functions cost more than they clear
    mean_h: Array,
    mean_vector: Array,
    waves: Array,
    places: Array,
    weights: Array,
    row: Array,
    settings: Array,
    air: Array,
    rate: Array,
) -> float:
    """Adds the mean of the drag to `rate`; `waves` are the departures of h and e at the nodes. Returns the lowest height (m)."""
    mu = settings[MU]
    h, vector, position, velocity = np.empty(3), np.empty(3), np.empty(3), np.empty(3)
    push, torque = np.empty(3), np.empty(6)
    lowest = 1e12
    for k in range(len(places)):
        far = math.sqrt(places[k, 0] ** 2 + places[k, 1] ** 2 + places[k, 2] ** 2)
        squared = inside = 0.0
        for i in range(3):
            h[i], vector[i] = mean_h[i] + waves[k, i], mean_vector[i] + waves[k, 3 + i]
            squared += h[i] * h[i]
            inside += vector[i] * places[k, i] / far
        r = squared / (mu * (1.0 + inside))
        for i in range(3):
            position[i] = r * places[k, i] / far
            vector[i] += places[k, i] / far
        _cross(h, vector, mu / squared, velocity)
        lowest = min(lowest, _drag(position, velocity, row, settings, air, push))
        _torque(position, velocity, h, push, mu, torque)
        for i in range(6):
            rate[i] += weights[k] * torque[i]
    return lowest
