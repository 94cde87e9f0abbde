"""Physical constants, SI, each with its source."""

from __future__ import annotations

import math

# IAU 2012 resolution B2 (exact), and the exact speed of light
ASTRONOMICAL_UNIT_M = 149_597_870_700.0
SPEED_OF_LIGHT_MS = 299_792_458.0

# EGM96 (Lemoine et al. 1998): gravitation, radius and oblateness belong together, never mix models
EARTH_MU_M3S2 = 3.986004415e14
EARTH_RADIUS_M = 6_378_136.3
EARTH_J2 = 1.0826266835531513e-3

# WGS 84
WGS84_EQUATORIAL_RADIUS_M = 6_378_137.0
WGS84_FLATTENING = 1.0 / 298.257223563
WGS84_POLAR_RADIUS_M = WGS84_EQUATORIAL_RADIUS_M * (1.0 - WGS84_FLATTENING)

# IERS Conventions 2010, equation 5.15: rate of the Earth rotation angle per second of UT1
EARTH_ROTATION_RATE_RADS = 2.0 * math.pi * 1.00273781191135448 / 86400.0

# mean radius of the Moon (IAU working group on cartographic coordinates) and usual radius of the Sun for eclipses
MOON_RADIUS_M = 1_737_400.0
SUN_RADIUS_M = 696_000_000.0

# length of the tropical year in days, for the mean motion of the node of a Sun-synchronous orbit
TROPICAL_YEAR_D = 365.242190402
#: to turn a specific impulse in seconds into a speed (CGPM 1901)
STANDARD_GRAVITY_MS2 = 9.80665
