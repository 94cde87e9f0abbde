"""What surrounds a satellite of low orbit, as machine code: attraction of the Earth, density of the air, sunlight."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from orbit_aux.compiled import compiled
from orbit_aux.constants import SUN_RADIUS_M

Array = NDArray[np.float64]

# Street and Panwar, Satellite Orbital Decay Calculations (IPS, 1999): molecular mass 27 - 0.012 (h - 200 km), reference height 175 km
_MASS_AT_200, _MASS_SLOPE, _REFERENCE_KM = 27.0, 0.012, 175.0
# the law is stated to 500 km; above, the last mass holds so that it stays a mass
_LAW_ENDS_KM = 1000.0


@compiled
def add_gravity(
    place: Array,
    scale: Array,
    sectoral: Array,
    upward: Array,
    factors: Array,
    slopes: bool,
    acceleration: Array,
    gradient: Array,
) -> None:
    """Adds attraction (m/s2) at `place` (body-fixed, m), and its gradient (1/s2) if `slopes`, to what is there."""
    squared = place[0] ** 2 + place[1] ** 2 + place[2] ** 2
    inverse = scale[0] / squared
    x, y, z, rho = place[0] * inverse, place[1] * inverse, place[2] * inverse, scale[0] * inverse
    cosine_m, sine_m = scale[0] / math.sqrt(squared), 0.0
    size = len(sectoral)
    last = size if slopes else size - 1
    ax = ay = az = xx = xy = xz = yy = yz = 0.0
    row = 0
    for m in range(last):
        if m > 0:
            cosine_m, sine_m = (
                sectoral[m] * (x * cosine_m - y * sine_m),
                sectoral[m] * (x * sine_m + y * cosine_m),
            )
        c, s, c_before, s_before = cosine_m, sine_m, 0.0, 0.0
        for n in range(m, last):
            if n > m:
                up, down = upward[row + n - m, 0] * z, upward[row + n - m, 1] * rho
                c, c_before = up * c - down * c_before, c
                s, s_before = up * s - down * s_before, s
            f = factors[row + n - m]
            ax += f[0] * c + f[1] * s
            ay += f[2] * c + f[3] * s
            az += f[4] * c + f[5] * s
            if slopes:
                xx += f[6] * c + f[7] * s
                xy += f[8] * c + f[9] * s
                xz += f[10] * c + f[11] * s
                yy += f[12] * c + f[13] * s
                yz += f[14] * c + f[15] * s
        row += size - m
    acceleration[0] += scale[1] * ax
    acceleration[1] += scale[1] * ay
    acceleration[2] += scale[1] * az
    if slopes:
        gradient[0, 0] += scale[2] * xx
        gradient[0, 1] += scale[2] * xy
        gradient[0, 2] += scale[2] * xz
        gradient[1, 0] += scale[2] * xy
        gradient[1, 1] += scale[2] * yy
        gradient[1, 2] += scale[2] * yz
        gradient[2, 0] += scale[2] * xz
        gradient[2, 1] += scale[2] * yz
        # harmonic: the trace is nought
        gradient[2, 2] -= scale[2] * (xx + yy)


@compiled
def geodetic_height(place: Array, radius: float, flattening: float) -> float:
    """Height (m) over the ellipsoid, by one step of Bowring: below 1 mm for satellites."""
    across = math.sqrt(place[0] ** 2 + place[1] ** 2)
    polar = radius * (1.0 - flattening)
    square = flattening * (2.0 - flattening)
    angle = math.atan2(place[2] * radius, across * polar)
    top = place[2] + square / (1.0 - square) * polar * math.sin(angle) ** 3
    low = across - square * radius * math.cos(angle) ** 3
    latitude = math.atan2(top, low)
    sine, cosine = math.sin(latitude), math.cos(latitude)
    return float(across * cosine + place[2] * sine - radius * math.sqrt(1.0 - square * sine * sine))


@compiled
def density(
    height_m: float, bulge_cosine: float, activity: float, exponent: float, atmosphere: Array
) -> tuple[float, float]:
    """Density (kg/m3) and the slope of its logarithm with height (1/m).

    Harris-Priester between the tabulated night and day profiles by the angle to the bulge; logarithms linear in height, the last pieces go on outside.
    `activity` is 1/T0 - 1/T (1/K) of the exospheric temperature of the day against the one of the table, for the law of Street and Panwar.
    """
    row = min(max(int(np.searchsorted(atmosphere[:, 0], height_m)) - 1, 0), len(atmosphere) - 2)
    low, high = atmosphere[row], atmosphere[row + 1]
    share = (height_m - low[0]) / (high[0] - low[0])
    night_slope, day_slope = (high[1] - low[1]) / (high[0] - low[0]), (high[2] - low[2]) / (high[0] - low[0])
    night = math.exp(low[1] + share * (high[1] - low[1]))
    day = math.exp(low[2] + share * (high[2] - low[2]))
    weight = (0.5 * max(1.0 + bulge_cosine, 0.0)) ** (0.5 * exponent)
    value = night + (day - night) * weight
    slope = (night * night_slope * (1.0 - weight) + day * day_slope * weight) / value
    height_km = height_m * 1e-3
    held = min(max(height_km, _REFERENCE_KM), _LAW_ENDS_KM)
    mass = _MASS_AT_200 - _MASS_SLOPE * (held - 200.0)
    lift = (held - _REFERENCE_KM) * mass * activity
    if held == height_km:
        slope += (mass - _MASS_SLOPE * (held - _REFERENCE_KM)) * activity * 1e-3
    return value * math.exp(lift), slope


@compiled
def lit_share(place: Array, sun: Array, radius: float, flattening: float) -> float:
    """Share of the solar disc seen at `place` over the limb of the Earth: 0 in umbra, 1 in light. Body-fixed axes, no refraction.

    Two overlapping discs (Montenbruck and Gill 2000, 3.4.2); the flattened Earth is a sphere where z is stretched.
    """
    stretch = 1.0 / (1.0 - flattening)
    px, py, pz = place[0], place[1], place[2] * stretch
    dx, dy, dz = sun[0] - px, sun[1] - py, sun[2] * stretch - pz
    distance, far = math.sqrt(px * px + py * py + pz * pz), math.sqrt(dx * dx + dy * dy + dz * dz)
    earth = math.asin(min(radius / distance, 1.0))
    disc = math.asin(SUN_RADIUS_M / far)
    apart = math.acos(min(max(-(px * dx + py * dy + pz * dz) / (distance * far), -1.0), 1.0))
    if apart >= earth + disc:
        return 1.0
    if apart <= earth - disc:
        return 0.0
    if apart <= disc - earth:
        return 1.0 - (earth / disc) ** 2
    x = (apart * apart + disc * disc - earth * earth) / (2.0 * apart)
    y = math.sqrt(max(disc * disc - x * x, 0.0))
    covered = (
        disc * disc * math.acos(min(max(x / disc, -1.0), 1.0))
        + earth * earth * math.acos(min(max((apart - x) / earth, -1.0), 1.0))
        - apart * y
    )
    return 1.0 - covered / (math.pi * disc * disc)
