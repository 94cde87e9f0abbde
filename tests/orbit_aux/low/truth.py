"""A second opinion on low orbits, written another way: potential in spherical coordinates, scipy's integrator, and forces that the package leaves out."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp
from scipy.interpolate import CubicSpline

from orbit_aux.bodies import moon_position, sun_position
from orbit_aux.frames import State, rotation
from orbit_aux.motion.gravity import GravityField
from orbit_aux.time import Times

Array = NDArray[np.float64]


def attraction(field: GravityField, place: Array) -> Array:
    """Acceleration in body-fixed axes from the textbook sum over normalised Legendre functions of the latitude."""
    x, y, z = place
    r, across = math.sqrt(x * x + y * y + z * z), math.hypot(x, y)
    s, c = z / r, across / r
    size = field.degree
    legendre = np.zeros((size + 2, size + 2))
    legendre[0, 0] = 1.0
    for k in range(1, size + 1):
        legendre[k, k] = math.sqrt((2 * k + 1) / (2 * k) * (2 if k == 1 else 1)) * c * legendre[k - 1, k - 1]
    for k in range(1, size + 1):
        q = np.arange(k)
        a = np.sqrt((2 * k - 1) * (2 * k + 1) / ((k - q) * (k + q)))
        top = np.maximum((2 * k + 1) * (k + q - 1) * (k - q - 1), 0)
        b = np.sqrt(top / np.maximum((2 * k - 3) * (k - q) * (k + q), 1))
        legendre[k, :k] = a * s * legendre[k - 1, :k] - (b * legendre[k - 2, :k] if k > 1 else 0.0)
    n, m = np.meshgrid(np.arange(size + 1), np.arange(size + 1), indexing="ij")
    p = legendre[: size + 1, : size + 1]
    # derivative by latitude of the normalised functions
    up = np.sqrt(np.maximum(n - m, 0) * (n + m + 1) * np.where(m == 0, 0.5, 1.0)) * np.where(m < n, 1.0, 0.0)
    slope = up * legendre[: size + 1, 1 : size + 2] - m * (s / c) * p
    angle = math.atan2(y, x) * np.arange(size + 1)
    cosine, sine = np.cos(angle), np.sin(angle)
    power = (field.radius_m / r) ** np.arange(size + 1)
    wave = field.cosine * cosine + field.sine * sine
    by_r = -field.mu_m3s2 / r**2 * float(((np.arange(size + 1) + 1) * power) @ (p * wave).sum(axis=1))
    by_latitude = field.mu_m3s2 / r**2 * float(power @ (slope * wave).sum(axis=1))
    turned = np.arange(size + 1) * (field.sine * cosine - field.cosine * sine)
    by_longitude = field.mu_m3s2 / (r**2 * c) * float(power @ (p * turned).sum(axis=1))
    radial = np.array([x, y, z]) / r
    north = np.array([-s * x / across, -s * y / across, c])
    east = np.array([-y / across, x / across, 0.0])
    return by_r * radial + by_latitude * north + by_longitude * east


@dataclass
class Truth:
    """Forces of a true world: gravity, Sun, Moon, tides, air that breathes, light with a sharp-edged shadow, a small unmodelled push, burns."""

    field: GravityField
    epoch: Times
    duration_s: float
    drag_area: float = 0.0
    """Area x coefficient / mass, m2/kg."""
    light_area: float = 0.0
    tides: bool = False
    breathing: float = 0.0
    """Share by which the density swings over a day."""
    push_ms2: float = 0.0
    """Unmodelled once-per-revolution acceleration."""
    burns: tuple[tuple[float, float, Array, str], ...] = ()
    """Start, stop (s), acceleration (m/s2), axes RSW or TNW."""

    def __post_init__(self) -> None:
        nodes = np.arange(-1, int(self.duration_s / 300.0) + 3) * 300.0
        times = self.epoch + nodes
        self._sun = CubicSpline(nodes, sun_position(times))
        self._moon = CubicSpline(nodes, moon_position(times))
        # the turn of the day is taken out, so that what is left can be interpolated
        matrices = rotation(times, "GCRF", "ITRF")
        self._rate = 7.292115146706979e-5
        angle = self._rate * nodes
        back = np.zeros((len(nodes), 3, 3))
        back[:, 0, 0] = back[:, 1, 1] = np.cos(angle)
        back[:, 0, 1], back[:, 1, 0], back[:, 2, 2] = -np.sin(angle), np.sin(angle), 1.0
        self._slow = CubicSpline(nodes, (back @ matrices).reshape(-1, 9))

    def turn(self, elapsed: float) -> Array:
        c, s = math.cos(self._rate * elapsed), math.sin(self._rate * elapsed)
        return np.asarray(np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]]) @ self._slow(elapsed).reshape(3, 3))

    def acceleration(self, elapsed: float, r: Array, v: Array) -> Array:
        matrix = self.turn(elapsed)
        total = matrix.T @ attraction(self.field, matrix @ r)
        length = math.sqrt(r @ r)
        for body, mu in ((self._sun(elapsed), 1.32712440041e20), (self._moon(elapsed), 4.902800066e12)):
            apart, far = body - r, math.sqrt(body @ body)
            total += mu * (apart / (apart @ apart) ** 1.5 - body / far**3)
            if self.tides:
                cosine = float(r @ body) / (length * far)
                size = 0.15095 * mu / far**3 * 6378136.3**5 / length**4
                total += size * ((3.0 - 15.0 * cosine**2) * r / length + 6.0 * cosine * body / far)
        if self.drag_area:
            total += self._drag(elapsed, matrix, r, v)
        if self.light_area:
            sun = self._sun(elapsed)
            away = r - sun
            toward = sun / math.sqrt(sun @ sun)
            behind = float(r @ toward)
            if not (behind < 0 and math.sqrt(max(length**2 - behind**2, 0.0)) < 6.371e6):
                total += 4.56e-6 * 149597870700.0**2 * self.light_area * away / math.sqrt(away @ away) ** 3
        w = np.cross(r, v)
        w = w / math.sqrt(w @ w)
        if self.push_ms2:
            s = np.cross(w, r / length)
            phase = math.atan2(r[2], r[0])
            total += self.push_ms2 * (math.cos(phase) * s + math.sin(phase + 0.7) * w)
        for start, stop, push, axes in self.burns:
            if start <= elapsed <= stop:
                lead = (r / length) if axes == "RSW" else v / math.sqrt(v @ v)
                total += push @ np.array([lead, np.cross(w, lead), w])
        return total

    def _drag(self, elapsed: float, matrix: Array, r: Array, v: Array) -> Array:
        """A plain exponential atmosphere with a day-night wave, of the size of Harris-Priester at 720 km or 410 km."""
        place = matrix @ r
        sine = place[2] / math.sqrt(r @ r)
        height = math.sqrt(r @ r) - 6378137.0 * (1.0 - sine**2 / 298.257)
        sun = self._sun(elapsed)
        bulge = float(r @ sun) / math.sqrt((r @ r) * (sun @ sun))
        scale, reference, base = (64e3, 700e3, 1.1e-13) if height > 550e3 else (58e3, 400e3, 4.5e-12)
        air = base * math.exp((reference - height) / scale) * (1.0 + 0.6 * bulge)
        air *= 1.0 + self.breathing * math.sin(2.0 * math.pi * elapsed / 86400.0 + 1.0)
        wind = v - np.cross(matrix[2] * self._rate, r)
        return -0.5 * air * self.drag_area * math.sqrt(wind @ wind) * wind

    def follow(self, start: Array, elapsed_s: Array, tolerance: float = 1e-12) -> Array:
        """States (n, 6) at increasing `elapsed_s`, with stops at the switches of the burns."""
        edges = sorted({0.0, float(elapsed_s[-1]), *(e for b in self.burns for e in b[:2] if 0 < e < elapsed_s[-1])})
        result, state = np.empty((len(elapsed_s), 6)), np.array(start, dtype=np.float64)

        def rate(t: float, y: Array) -> Array:
            return np.concatenate([y[3:], self.acceleration(t, y[:3], y[3:])])

        for low, high in itertools.pairwise(edges):
            inner = (elapsed_s >= low) & (elapsed_s <= high)
            # a hair inside, so that a burn is on or off for the whole piece
            solution = solve_ivp(
                rate,
                (low, high),
                state,
                "DOP853",
                rtol=tolerance,
                atol=1e-6,
                dense_output=True,
                first_step=5.0,
                max_step=90.0,
            )
            result[inner] = solution.sol(elapsed_s[inner]).T
            state = solution.y[:, -1]
        return result

    def state(self, start: Array, elapsed_s: Array) -> State:
        states = self.follow(start, elapsed_s)
        return State(self.epoch + elapsed_s, states[:, :3], states[:, 3:], "GCRF")
