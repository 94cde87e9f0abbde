"""Accelerations on a satellite of low orbit and their partials, as machine code. No checks: `low_dynamics` prepares what comes in."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from orbit_aux.compiled import compiled
from orbit_aux.constants import ASTRONOMICAL_UNIT_M, SPEED_OF_LIGHT_MS
from orbit_aux.motion.field_kernel import add_gravity, density, geodetic_height, lit_share

Array = NDArray[np.float64]

# places in a row of the environment: rotation GCRF to ITRF (9), Sun (3), Moon (3), 1 / mass, activity of the atmosphere
SUN, MOON, INVERSE_MASS, ACTIVITY, ENVIRONMENT_SIZE = 9, 12, 15, 16, 17
# places in the settings
(
    MU_SUN,
    MU_MOON,
    DRAG_AREA,
    LIGHT_AREA,
    SPIN,
    EARTH_RADIUS,
    FLATTENING,
    LOVE,
    RELATIVITY,
    BULGE,
    MU,
    LOWEST,
    PLANE,
) = range(13)
SETTINGS_SIZE = PLANE + 6
# kinds of parameters and the columns of their layout
DRAG, LIGHT, FORCE, ACCELERATION, IMPULSE, SWITCH = range(6)
KIND, AXES, COMPONENT, WAVE, FIRST, LAST, COLUMN, OWNER = range(8)
GCRF, RSW, TNW = range(3)
CONSTANT, COSINE, SINE = range(3)

# the bulge of the atmosphere follows the Sun by 30 deg of right ascension (Montenbruck and Gill 2000, 3.5.2)
_LAG_COSINE, _LAG_SINE = math.cos(math.radians(30.0)), math.sin(math.radians(30.0))


@compiled
def _add_body(position: Array, body: Array, mu: float, love: float, radius: float, total: Array, slope: Array) -> None:
    """Attraction of Sun or Moon less that on the Earth, and of the tide it raises (degree 2, Love number `love`)."""
    dx, dy, dz = body[0] - position[0], body[1] - position[1], body[2] - position[2]
    near = dx * dx + dy * dy + dz * dz
    far = body[0] ** 2 + body[1] ** 2 + body[2] ** 2
    pull, held = mu / (near * math.sqrt(near)), mu / (far * math.sqrt(far))
    d = (dx, dy, dz)
    for i in range(3):
        total[i] += pull * d[i] - held * body[i]
        for j in range(3):
            slope[i, j] += 3.0 * pull * d[i] * d[j] / near
        slope[i, i] -= pull
    if love > 0.0:
        squared = position[0] ** 2 + position[1] ** 2 + position[2] ** 2
        length, distance = math.sqrt(squared), math.sqrt(far)
        cosine = (position[0] * body[0] + position[1] * body[1] + position[2] * body[2]) / (length * distance)
        size = 0.5 * love * held * radius**5 / (squared * squared)
        for i in range(3):
            total[i] += size * (
                (3.0 - 15.0 * cosine * cosine) * position[i] / length + 6.0 * cosine * body[i] / distance
            )


@compiled
def local_axes(position: Array, velocity: Array, kind: int, axes: Array) -> None:
    """Rows of `axes`: GCRF, RSW or TNW of a state."""
    if kind == GCRF:
        axes[:] = np.eye(3)
        return
    wx = position[1] * velocity[2] - position[2] * velocity[1]
    wy = position[2] * velocity[0] - position[0] * velocity[2]
    wz = position[0] * velocity[1] - position[1] * velocity[0]
    size = math.sqrt(wx * wx + wy * wy + wz * wz)
    axes[2, 0], axes[2, 1], axes[2, 2] = wx / size, wy / size, wz / size
    lead = position if kind == RSW else velocity
    length = math.sqrt(lead[0] ** 2 + lead[1] ** 2 + lead[2] ** 2)
    for i in range(3):
        axes[0, i] = lead[i] / length
    axes[1, 0] = axes[2, 1] * axes[0, 2] - axes[2, 2] * axes[0, 1]
    axes[1, 1] = axes[2, 2] * axes[0, 0] - axes[2, 0] * axes[0, 2]
    axes[1, 2] = axes[2, 0] * axes[0, 1] - axes[2, 1] * axes[0, 0]


@compiled
def _drag(
    position: Array,
    velocity: Array,
    place: Array,
    row: Array,
    settings: Array,
    atmosphere: Array,
    push: Array,
    work: Array,
) -> None:
    """Drag (m/s2) for scale 1 in `push`; its partials by velocity and position in rows 0-2 and 3-5 of `work`, where the air is steady."""
    omega = settings[SPIN]
    spin_x, spin_y, spin_z = omega * row[6], omega * row[7], omega * row[8]
    wind = (
        velocity[0] - (spin_y * position[2] - spin_z * position[1]),
        velocity[1] - (spin_z * position[0] - spin_x * position[2]),
        velocity[2] - (spin_x * position[1] - spin_y * position[0]),
    )
    speed = math.sqrt(wind[0] ** 2 + wind[1] ** 2 + wind[2] ** 2)
    length = math.sqrt(position[0] ** 2 + position[1] ** 2 + position[2] ** 2)
    sun_size = math.sqrt(row[SUN] ** 2 + row[SUN + 1] ** 2 + row[SUN + 2] ** 2)
    bulge_x = row[SUN] * _LAG_COSINE - row[SUN + 1] * _LAG_SINE
    bulge_y = row[SUN] * _LAG_SINE + row[SUN + 1] * _LAG_COSINE
    toward = (bulge_x * position[0] + bulge_y * position[1] + row[SUN + 2] * position[2]) / (sun_size * length)
    height = geodetic_height(place, settings[EARTH_RADIUS], settings[FLATTENING])
    air, slope = density(height, toward, row[ACTIVITY], settings[BULGE], atmosphere)
    size = -0.5 * air * settings[DRAG_AREA] * row[INVERSE_MASS]
    for i in range(3):
        push[i] = size * speed * wind[i]
        for j in range(3):
            work[i, j] = size * wind[i] * wind[j] / speed
        work[i, i] += size * speed
    for i in range(3):
        # velocity of the air is spin x position: its partials come through those by velocity
        work[3 + i, 0] = push[i] * slope * position[0] / length - work[i, 1] * spin_z + work[i, 2] * spin_y
        work[3 + i, 1] = push[i] * slope * position[1] / length + work[i, 0] * spin_z - work[i, 2] * spin_x
        work[3 + i, 2] = push[i] * slope * position[2] / length - work[i, 0] * spin_y + work[i, 1] * spin_x


@compiled
def _relativity(position: Array, velocity: Array, mu: float, total: Array) -> None:
    """Schwarzschild term of the Earth (IERS Conventions 2010, equation 10.12)."""
    length = math.sqrt(position[0] ** 2 + position[1] ** 2 + position[2] ** 2)
    speed2 = velocity[0] ** 2 + velocity[1] ** 2 + velocity[2] ** 2
    along = position[0] * velocity[0] + position[1] * velocity[1] + position[2] * velocity[2]
    factor = mu / (SPEED_OF_LIGHT_MS**2 * length**3)
    for i in range(3):
        total[i] += factor * ((4.0 * mu / length - speed2) * position[i] + 4.0 * along * velocity[i])


@compiled
def accelerate(  # noqa: C901, PLR0913 - one loop body: calls between compiled functions cost more than they clear
    state: Array,
    step: int,
    row: Array,
    layout: NDArray[np.int64],
    values: Array,
    settings: Array,
    gravity: tuple[Array, Array, Array, Array],
    atmosphere: Array,
    slopes: bool,
    total: Array,
    by_position: Array,
    by_velocity: Array,
    basis: Array,
    work: Array,
) -> None:
    """Acceleration (GCRF) of a satellite in step number `step`; with `slopes` also its partials by position, velocity and, in `basis`, by each parameter.

    `work` is room for intermediate values, (18, 3).
    """
    position, velocity = state[:3], state[3:]
    place, pull, push, sun_fixed = work[0], work[1], work[2], work[3]
    inner, slope_work, axes = work[4:7], work[7:13], work[13:16]
    for i in range(3):
        place[i] = row[3 * i] * position[0] + row[3 * i + 1] * position[1] + row[3 * i + 2] * position[2]
        sun_fixed[i] = row[3 * i] * row[SUN] + row[3 * i + 1] * row[SUN + 1] + row[3 * i + 2] * row[SUN + 2]
        pull[i] = 0.0
        for j in range(3):
            inner[i, j] = 0.0
            by_position[i, j] = 0.0
            by_velocity[i, j] = 0.0
    add_gravity(place, gravity[0], gravity[1], gravity[2], gravity[3], slopes, pull, inner)
    for i in range(3):
        total[i] = row[i] * pull[0] + row[3 + i] * pull[1] + row[6 + i] * pull[2]
        if slopes:
            for j in range(3):
                value = 0.0
                for k in range(3):
                    value += row[3 * k + i] * (
                        inner[k, 0] * row[j] + inner[k, 1] * row[3 + j] + inner[k, 2] * row[6 + j]
                    )
                by_position[i, j] = value
    if settings[MU_MOON] > 0.0:
        _add_body(position, row[MOON : MOON + 3], settings[MU_MOON], settings[LOVE], gravity[0][0], total, by_position)
    if settings[MU_SUN] > 0.0:
        _add_body(position, row[SUN : SUN + 3], settings[MU_SUN], settings[LOVE], gravity[0][0], total, by_position)
    if settings[RELATIVITY] > 0.0:
        _relativity(position, velocity, settings[MU], total)
    drag_ready, light_ready, shining = False, False, 0.0
    for number in range(len(values)):
        kind = layout[number, KIND]
        if kind >= IMPULSE or step < layout[number, FIRST] or step >= layout[number, LAST]:
            basis[number, 0], basis[number, 1], basis[number, 2] = 0.0, 0.0, 0.0
            continue
        if kind == DRAG:
            if not drag_ready:
                _drag(position, velocity, place, row, settings, atmosphere, push, slope_work)
                drag_ready = True
            for i in range(3):
                basis[number, i] = push[i]
                for j in range(3):
                    by_velocity[i, j] += values[number] * slope_work[i, j]
                    by_position[i, j] += values[number] * slope_work[3 + i, j]
        elif kind == LIGHT:
            away = (position[0] - row[SUN], position[1] - row[SUN + 1], position[2] - row[SUN + 2])
            far2 = away[0] ** 2 + away[1] ** 2 + away[2] ** 2
            if not light_ready:
                shining = lit_share(place, sun_fixed, settings[EARTH_RADIUS], settings[FLATTENING])
                light_ready = True
            size = (
                shining * settings[LIGHT_AREA] * row[INVERSE_MASS] * ASTRONOMICAL_UNIT_M**2 / (far2 * math.sqrt(far2))
            )
            for i in range(3):
                basis[number, i] = size * away[i]
        else:
            local_axes(position, velocity, layout[number, AXES], axes)
            weight = row[INVERSE_MASS] if kind == FORCE else 1.0
            wave = layout[number, WAVE]
            if wave != CONSTANT:
                length = math.sqrt(position[0] ** 2 + position[1] ** 2 + position[2] ** 2)
                lead = PLANE + 3 * (wave - COSINE)
                weight *= (
                    settings[lead] * position[0] + settings[lead + 1] * position[1] + settings[lead + 2] * position[2]
                ) / length
            for i in range(3):
                basis[number, i] = weight * axes[layout[number, COMPONENT], i]
        for i in range(3):
            total[i] += values[number] * basis[number, i]
