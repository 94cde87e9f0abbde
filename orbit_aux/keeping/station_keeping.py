"""The laws of station keeping of a near-circular orbit: decay, ground track, local time, the pull of Sun and Moon, and what burns do.

Signs: the ground track counts eastward from its grid, a positive along-track impulse raises the orbit. A higher orbit turns slower than the Earth expects:
its track drifts west. Drag lowers it, so that the drift turns east: between two impulses the track runs through a parabola.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orbit_aux.constants import EARTH_MU_M3S2, EARTH_RADIUS_M, EARTH_ROTATION_RATE_RADS
from orbit_aux.errors import OrbitError

Array = NDArray[np.float64]

YEAR_S = 365.25 * 86400.0


@dataclass(frozen=True)
class Deadband:
    """The parabola of a track that is kept within ± a half width: excess of the semi-major axis after an impulse, time between two, their sizes."""

    excess_m: float
    """Over the semi-major axis without drift; as much is lacking before the next impulse, which raises by twice this."""
    cycle_s: float
    delta_v_ms: float
    delta_v_per_year_ms: float


def decay_rate(
    semi_major_axis_m: ArrayLike, density_kgm3: ArrayLike, ballistic_m2kg: float, mu_m3s2: float = EARTH_MU_M3S2
) -> Array:
    """da/dt (m/s, negative) of a circular orbit in still air of constant density: -rho (Cd A / m) sqrt(mu a)."""
    return np.asarray(-np.asarray(density_kgm3) * ballistic_m2kg * np.sqrt(mu_m3s2 * np.asarray(semi_major_axis_m)))


def track_gain(
    semi_major_axis_m: float, radius_m: float = EARTH_RADIUS_M, turn_rads: float = EARTH_ROTATION_RATE_RADS
) -> float:
    """K (1/s) of dx/dt = -K da: westward drift at the equator (m/s) for each metre of excess semi-major axis, 1.5 omega Re / a.

    From x = (Re / N)(D u + N lambda) with du/dt proportional to a**-1.5 and D n / N = omega, the Earth's turn against the orbital plane.
    """
    return 1.5 * turn_rads * radius_m / semi_major_axis_m


def track_deadband(
    semi_major_axis_m: float,
    decay_ms: float,
    half_width_m: float,
    *,
    mu_m3s2: float = EARTH_MU_M3S2,
    radius_m: float = EARTH_RADIUS_M,
    turn_rads: float = EARTH_ROTATION_RATE_RADS,
) -> Deadband:
    """Impulses at the eastern edge that send the track just to the western one.

    Excess da0 = sqrt(4 b |adot| / K), cycle 4 sqrt(b / (K |adot|)); the impulse raises from -da0 to da0, dv = n (2 da0) / 2.
    """
    if not (decay_ms < 0 < half_width_m):
        raise OrbitError(
            f"decay of {decay_ms} m/s in a window of ± {half_width_m} m: give a negative rate and m above 0"
        )
    gain = track_gain(semi_major_axis_m, radius_m, turn_rads)
    motion = np.sqrt(mu_m3s2 / semi_major_axis_m**3)
    excess = float(np.sqrt(4.0 * half_width_m * -decay_ms / gain))
    cycle = float(4.0 * np.sqrt(half_width_m / (gain * -decay_ms)))
    return Deadband(excess, cycle, motion * excess, 0.5 * motion * -decay_ms * YEAR_S)


def third_body_rates(
    semi_major_axis_m: ArrayLike,
    inclination_rad: ArrayLike,
    node_rad: ArrayLike,
    direction: Array,
    pull_s2: ArrayLike,
    love_number: float = 0.0,
) -> tuple[Array, Array, Array]:
    """Rates (rad/s) of inclination, node and omega + M of a circular orbit by a body in `direction` (n, 3, unit) with `pull_s2` = mu / distance**3.

    Averaged over a revolution the disturbing function is R = (pull a**2 / 4)(1 - 3 (s.w)**2), w the orbit normal, hence
    di/dt = (3/2)(pull / n)(s.w)(s.node). The tide that the body raises in an Earth of `love_number` k2 has the same R times k2 (Re / a)**5.
    """
    a = np.asarray(semi_major_axis_m)
    c, s = np.cos(inclination_rad), np.sin(inclination_rad)
    cn, sn = np.cos(node_rad), np.sin(node_rad)
    x, y, z = direction.T
    to_node, to_side, to_normal = x * cn + y * sn, (y * cn - x * sn) * c + z * s, (x * sn - y * cn) * s + z * c
    scale = np.asarray(pull_s2) / np.sqrt(EARTH_MU_M3S2 / a**3)
    tide = love_number * (EARTH_RADIUS_M / a) ** 5
    turning = 1.5 * scale * to_normal * (1.0 + tide)
    node = turning * to_side / s
    # -(2 / n a) dR/da: the direct part grows as a**2, that of the tide falls as a**-3
    along = -scale * (1.0 - 3.0 * to_normal**2) * (1.0 - 1.5 * tide) - c * node
    return turning * to_node, node, along


def solar_inclination_rate(semi_major_axis_m: float, inclination_rad: float, local_time_h: float) -> float:
    """Secular di/dt (rad/s) that the Sun gives a Sun-synchronous orbit whose ascending node has a mean solar `local_time_h`.

    (3/4)(n_s**2 / n) sin i cos**4(eps / 2) sin 2(node - sun): the average of `third_body_rates` over a year of a Sun on a circular ecliptic.
    """
    sun = 2.0 * np.pi / (365.25636 * 86400.0)
    obliquity = np.radians(23.4393)
    hour_angle = (local_time_h - 12.0) * np.pi / 12.0
    motion = np.sqrt(EARTH_MU_M3S2 / semi_major_axis_m**3)
    return float(
        0.75 * sun**2 / motion * np.sin(inclination_rad) * np.cos(0.5 * obliquity) ** 4 * np.sin(2.0 * hour_angle)
    )


def local_time_gain(inclination_rad: float, node_rate_rads: float) -> float:
    """Seconds of local time for each second and each radian of excess inclination: 43200 / pi times d(node rate)/di = -rate tan i."""
    return float(-node_rate_rads * np.tan(inclination_rad) * 43200.0 / np.pi)


def plane_change_delta_v(speed_ms: float, turn_rad: float) -> float:
    """Impulse (m/s) along the orbit normal, signed for the ascending node (opposite at the descending one): 2 v sin(di / 2)."""
    return float(2.0 * speed_ms * np.sin(0.5 * turn_rad))


def split_for_eccentricity(
    delta_v_ms: float, speed_ms: float, error: tuple[float, float], burns: int = 2
) -> list[tuple[float, float]]:
    """(latitude argument in rad, impulse in m/s) of one or two along-track burns, half a revolution apart, that bring the eccentricity vector home.

    `error` is (e cos omega, e sin omega) less what they should be; an impulse dv at u adds 2 dv / v (cos u, sin u). With two burns the error is taken away
    whole where it is below 2 |dv| / v, without changing the sum.
    """
    size = float(np.hypot(*error))
    toward = np.arctan2(-error[1], -error[0]) if size > 0 else 0.0
    first = float(np.mod(toward if delta_v_ms >= 0 else toward + np.pi, 2.0 * np.pi))
    difference = min(0.5 * speed_ms * size, abs(delta_v_ms))
    share = 0.5 * (abs(delta_v_ms) + difference) if burns == 2 else abs(delta_v_ms)
    sign = 1.0 if delta_v_ms >= 0 else -1.0
    rest = abs(delta_v_ms) - share
    found = [(first, sign * share)]
    if rest > 1e-9 * abs(delta_v_ms):
        found.append((float(np.mod(first + np.pi, 2.0 * np.pi)), sign * rest))
    return found
