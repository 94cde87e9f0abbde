"""Mean elements of low orbits and the osculating states that belong to them; their secular rates and their local time.

Short-period motion is that of J2 to first order, from the generating function of Brouwer (1959) in closed form. It is written in position and velocity and
differentiated there, so that neither a circle nor the equator is special. The semi-major axis comes from the energy, with the mean Hamiltonian
to second order (Breakwell and Vagners 1970). Angles count in the true equator of date, the node from the true equinox.
"""

from __future__ import annotations

from dataclasses import dataclass

import erfa
import numpy as np
from numpy.typing import NDArray

from orbit_aux.constants import EARTH_J2, EARTH_MU_M3S2, EARTH_RADIUS_M
from orbit_aux.earth_orientation import packaged_earth_orientation
from orbit_aux.elements import cartesian, equinoctial
from orbit_aux.errors import OrbitError
from orbit_aux.frames import State, true_axes
from orbit_aux.interpolation import on_time_grid
from orbit_aux.motion.gravity import packaged_gravity
from orbit_aux.orbit import Orbit
from orbit_aux.time import Times

Array = NDArray[np.float64]

_FIELDS = (
    "semi_major_axis_m",
    "eccentricity_x",
    "eccentricity_y",
    "inclination_rad",
    "node_rad",
    "latitude_argument_rad",
)
_AXES_STEP_S = 43_200.0
_COMPLEX_STEP = 1e-30
# corrections shrink a thousandfold a turn
_TURNS = 6
# of an arc: samples a revolution, and harmonics of the latitude argument that are left to the terms of second order
_SAMPLES, _HARMONICS = 24, 4
_TURN = 2.0 * np.pi


@dataclass(frozen=True, eq=False)
class MeanElements:
    """Mean elements at n `times`: a (m), e cos omega, e sin omega, i, Omega and omega + M (rad), each of shape (n,).

    Axes: true equator and true equinox of date (IAU 2006/2000A). J2 short-period terms are removed, long-period ones (of J3 and the like) are kept.
    """

    times: Times
    semi_major_axis_m: Array
    eccentricity_x: Array
    eccentricity_y: Array
    inclination_rad: Array
    node_rad: Array
    latitude_argument_rad: Array

    def __post_init__(self) -> None:
        for name in _FIELDS:
            values = np.array(getattr(self, name), dtype=np.float64)
            if values.shape != (len(self.times),) or not np.isfinite(values).all():
                raise OrbitError(
                    f"mean {name} has shape {values.shape} or is not finite: give one value for each of {len(self.times)} times"
                )
            values.flags.writeable = False
            object.__setattr__(self, name, values)
        e = self.eccentricity
        wrong = (self.semi_major_axis_m * (1.0 - e) < 0.5 * EARTH_RADIUS_M) | (e >= 1.0)
        if wrong.any():
            raise OrbitError(
                f"mean a {self.semi_major_axis_m[wrong][0]:.6g} m with e {e[wrong][0]:.6g} is no orbit: give a in m and e below 1"
            )

    @property
    def eccentricity(self) -> Array:
        return np.hypot(self.eccentricity_x, self.eccentricity_y)


def mean_elements(state: State) -> MeanElements:
    """Mean elements of osculating states, one for each.

    Along numerical J2 orbits (400 to 2000 km, e to 0.1): a constant to 0.1 m, e vector to 3e-6, i to 1e-6 rad, omega + M to 2e-6 rad; the inverse of
    `osculating_state`. Other forces stay in: tesseral terms move a single state's a by tens of metres; `mean_of_arc` averages them.
    """
    inertial = state.to("GCRF")
    axes = true_axes(state.times)
    position = np.einsum("nij,nj->ni", axes, inertial.position_m)
    velocity = np.einsum("nij,nj->ni", axes, inertial.velocity_ms)
    _refuse_unbound(state.times, position, velocity)
    wanted = _mean_longitude_elements(position, velocity)
    mean = wanted
    for _ in range(_TURNS):
        missing = wanted - _osculating(mean)
        missing[:, 5] -= _TURN * np.rint(missing[:, 5] / _TURN)
        mean = mean + missing
    return _named(state.times, mean)


def osculating_state(mean: MeanElements) -> State:
    """GCRF states whose mean elements are `mean`."""
    position, velocity = _cartesian(_osculating(_equinoctial_of(mean)))
    axes = true_axes(mean.times)
    return State(
        mean.times,
        np.einsum("nij,ni->nj", axes, position),
        np.einsum("nij,ni->nj", axes, velocity),
        "GCRF",
    )


def mean_of_arc(orbit: Orbit, start: Times, stop: Times) -> MeanElements:
    """Mean elements at the middle of the whole revolutions that fit between `start` and `stop`, by least squares over them.

    Each element is a polynomial of time (of degree 2, of degree 1 below two revolutions; the latitude argument always of degree 2) and harmonics of the
    latitude argument, which take what the first order leaves. Under all forces of a 720 km orbit but drag, axes of successive days differ by 0.1 m rms, those
    of single revolutions by 3 m (tesseral terms).
    """
    span_s = float((stop - start)[0])
    first = mean_elements(orbit.at(start))
    period_s = _TURN / float(secular_rates(first)[2][0])
    revolutions = int(span_s / period_s)
    if revolutions < 1:
        raise OrbitError(
            f"{start} to {stop} holds no whole revolution of {orbit.object_name} ({period_s:.0f} s): give a longer arc"
        )
    middle = start + 0.5 * span_s
    elapsed_s = (np.arange(_SAMPLES * revolutions) + 0.5) * period_s / _SAMPLES - 0.5 * revolutions * period_s
    mean = mean_elements(orbit.at(middle + elapsed_s))
    return _fitted(middle, mean, elapsed_s / (0.5 * revolutions * period_s), revolutions)


def secular_rates(mean: MeanElements, j4: float | None = None) -> tuple[Array, Array, Array]:
    """Rates of the node, of the perigee and of omega + M, rad/s, by J2, its square and J4 (Brouwer 1959); J4 of EGM96 unless given."""
    fourth = float(-3.0 * packaged_gravity().cosine[4, 0]) if j4 is None else j4
    a, e, c = mean.semi_major_axis_m, mean.eccentricity, np.cos(mean.inclination_rad)
    eta = np.sqrt(1.0 - e * e)
    n = np.sqrt(EARTH_MU_M3S2 / a**3)
    ratio = (EARTH_RADIUS_M / a) ** 2 / eta**4
    g2, g4 = 0.5 * EARTH_J2 * ratio, -0.375 * fourth * ratio * ratio
    c2, c4 = c * c, c**4
    anomaly = 1.5 * g2 * eta * (3.0 * c2 - 1.0) + 0.09375 * g2 * g2 * eta * (
        -15.0
        + 16.0 * eta
        + 25.0 * eta**2
        + (30.0 - 96.0 * eta - 90.0 * eta**2) * c2
        + (105.0 + 144.0 * eta + 25.0 * eta**2) * c4
    )
    anomaly = anomaly + 0.9375 * g4 * eta * e * e * (3.0 - 30.0 * c2 + 35.0 * c4)
    perigee = 1.5 * g2 * (5.0 * c2 - 1.0) + 0.09375 * g2 * g2 * (
        -35.0
        + 24.0 * eta
        + 25.0 * eta**2
        + (90.0 - 192.0 * eta - 126.0 * eta**2) * c2
        + (385.0 + 360.0 * eta + 45.0 * eta**2) * c4
    )
    perigee = perigee + 0.3125 * g4 * (
        21.0 - 9.0 * eta**2 + (-270.0 + 126.0 * eta**2) * c2 + (385.0 - 189.0 * eta**2) * c4
    )
    node = -3.0 * g2 * c + 0.375 * g2 * g2 * c * (
        -5.0 + 12.0 * eta + 9.0 * eta**2 + (-35.0 - 36.0 * eta - 5.0 * eta**2) * c2
    )
    node = node + 1.25 * g4 * (5.0 - 3.0 * eta**2) * c * (3.0 - 7.0 * c2)
    return n * node, n * perigee, n * (1.0 + anomaly + perigee)


def local_time_h(mean: MeanElements) -> Array:
    """Mean solar local time of the ascending node, hours from 0 to 24."""
    ut1 = mean.times.ut1(packaged_earth_orientation().at(mean.times).ut1_minus_tai_s)
    # apparent sidereal time is the Earth rotation angle less the equation of the origins, which is slow
    origins = on_time_grid(mean.times, lambda nodes: np.asarray(erfa.eo06a(*nodes.tt()))[:, None], _AXES_STEP_S)[:, 0]
    east = mean.node_rad - erfa.era00(*ut1) + origins
    hours: Array = np.mod((ut1[0] - 0.5 + ut1[1]) % 1.0 * 24.0 + east * 24.0 / _TURN, 24.0)
    return hours


def _fitted(middle: Times, mean: MeanElements, scaled: Array, revolutions: int) -> MeanElements:
    """Elements at the middle of an arc, by least squares of polynomials of its time (-1 to 1) and harmonics."""
    turns = np.arange(1, _HARMONICS + 1) * mean.latitude_argument_rad[:, None]
    waves = np.concatenate([np.cos(turns), np.sin(turns)], axis=1)
    values = {}
    for name in _FIELDS:
        angle = name in ("node_rad", "latitude_argument_rad")
        series = np.unwrap(getattr(mean, name)) if angle else getattr(mean, name)
        degree = 2 if revolutions > 1 or name == "latitude_argument_rad" else 1
        terms = np.concatenate([scaled[:, None] ** np.arange(degree + 1), waves], axis=1)
        value = np.linalg.lstsq(terms, series, rcond=None)[0][:1]
        values[name] = np.mod(value, _TURN) if angle else value
    return MeanElements(middle, **values)


def _refuse_unbound(times: Times, position: Array, velocity: Array) -> None:
    radius, speed = np.linalg.norm(position, axis=1), np.linalg.norm(velocity, axis=1)
    momentum = np.linalg.norm(np.cross(position, velocity), axis=1)
    # below half the Earth's radius the theory has no meaning, and km for m end there
    wrong = ~((speed**2 * radius < 1.99 * EARTH_MU_M3S2) & (momentum**2 / EARTH_MU_M3S2 > 0.5 * EARTH_RADIUS_M))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise OrbitError(
            f"the state at {times[row].utc_strings()[0]} (radius {radius[row]:.6g} m, speed {speed[row]:.6g} m/s) is no ellipse about the Earth: "
            "check units and frame"
        )


def _generator(position: NDArray[np.complex128], velocity: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """First-order generating function, m2/s, zero on average over a revolution: n dW/dM = V - <V> with V the potential energy of J2.

    s stands for sin i: products such as s cos u are components of vectors and have no singularity.
    """
    radius = np.sqrt(np.sum(position * position, axis=-1))
    radial_speed = np.sum(position * velocity, axis=-1) / radius
    momentum = np.cross(position, velocity)
    squared = np.sum(momentum * momentum, axis=-1)
    size = np.sqrt(squared)
    a = 1.0 / (2.0 / radius - np.sum(velocity * velocity, axis=-1) / EARTH_MU_M3S2)
    parameter = squared / EARTH_MU_M3S2
    eta = np.sqrt(parameter / a)
    e_cos_v, e_sin_v = parameter / radius - 1.0, size * radial_speed / EARTH_MU_M3S2
    e_cos_x, e_sin_x = 1.0 - radius / a, radius * radial_speed / np.sqrt(EARTH_MU_M3S2 * a)
    # of the equation of the centre: true less eccentric, and eccentric less mean anomaly
    centre = 2.0 * np.arctan(e_sin_x / (1.0 + eta - e_cos_x)) + e_sin_x
    s_sin_u = position[..., 2] / radius
    s_cos_u = (momentum[..., 0] * position[..., 1] - momentum[..., 1] * position[..., 0]) / (size * radius)
    sine, cosine = 2.0 * s_sin_u * s_cos_u, s_cos_u**2 - s_sin_u**2
    s2 = s_sin_u**2 + s_cos_u**2
    less, more = sine * e_cos_v - cosine * e_sin_v, sine * e_cos_v + cosine * e_sin_v
    e2 = 1.0 - eta * eta
    long_period = sine * (e_cos_v**2 - e_sin_v**2) - 2.0 * cosine * e_cos_v * e_sin_v
    share = (1.0 + 2.0 * eta) / (1.0 + eta) ** 2 - 1.0 - e2 / 3.0 * (1.0 + 3.0 * eta) / (1.0 + eta) ** 3
    waves = (1.5 * s2 - 1.0) * (centre + e_sin_v) - 0.75 * (sine + less + more / 3.0 - share * long_period)
    scale = 0.5 * EARTH_J2 * EARTH_RADIUS_M**2 * EARTH_MU_M3S2 / (a * a * eta * parameter)
    result: NDArray[np.complex128] = scale / np.sqrt(EARTH_MU_M3S2 / a**3) * waves
    return result


def _osculating(mean: Array) -> Array:
    """Osculating equinoctial elements (n, 6), with the mean longitude, of mean ones."""
    position, velocity = _cartesian(mean)
    state = np.concatenate([position, velocity], axis=-1)
    moved = state + 1j * _COMPLEX_STEP * np.array([1e6] * 3 + [1e3] * 3)[:, None, None] * np.eye(6)[:, None, :]
    slopes = np.imag(_generator(moved[..., :3], moved[..., 3:])) / _COMPLEX_STEP
    shift = np.concatenate([slopes[3:].T / 1e3, -slopes[:3].T / 1e6], axis=-1)
    near = state + 1j * _COMPLEX_STEP * shift
    change = np.imag(_mean_longitude_elements(near[:, :3], near[:, 3:])) / _COMPLEX_STEP
    osculating: Array = mean + change
    energy = _mean_energy(mean)
    for _ in range(3):
        place = _cartesian(osculating)[0]
        osculating[:, 0] = -0.5 * EARTH_MU_M3S2 / (energy - _oblateness_energy(place))
    return osculating


def _mean_energy(mean: Array) -> Array:
    """Energy of the J2 problem, J/kg, from its mean elements, to second order (Brouwer 1959, without his terms in e2 cos 2 omega)."""
    a, k, h, p, q = mean[:, :5].T
    tangent = p * p + q * q
    c2 = ((1.0 - tangent) / (1.0 + tangent)) ** 2
    eta = np.sqrt(1.0 - k * k - h * h)
    k2 = 0.5 * EARTH_J2 * EARTH_RADIUS_M**2
    first = EARTH_MU_M3S2 * k2 / (a * eta) ** 3 * (0.5 - 1.5 * c2)
    second = (
        0.46875 / eta**5 * (1.0 - 3.6 * c2 + c2 * c2)
        + 0.375 / eta**6 * (1.0 - 3.0 * c2) ** 2
        - 0.46875 / eta**7 * (1.0 - 2.0 * c2 - 7.0 * c2 * c2)
    )
    energy: Array = -0.5 * EARTH_MU_M3S2 / a + first - EARTH_MU_M3S2 * k2 * k2 / a**5 * second
    return energy


def _oblateness_energy(position: Array) -> Array:
    radius = np.linalg.norm(position, axis=-1)
    sine = position[:, 2] / radius
    energy: Array = 0.5 * EARTH_MU_M3S2 * EARTH_J2 * EARTH_RADIUS_M**2 / radius**3 * (3.0 * sine * sine - 1.0)
    return energy


def _mean_longitude_elements(position: NDArray, velocity: NDArray) -> NDArray:  # type: ignore[type-arg]
    """Equinoctial elements with M + omega + Omega in the place of the true longitude; real or complex."""
    elements = equinoctial(position, velocity)
    k, h, longitude = elements[:, 1], elements[:, 2], elements[:, 5]
    c, s = np.cos(longitude), np.sin(longitude)
    eta = np.sqrt(1.0 - k * k - h * h)
    e_cos_v, e_sin_v = k * c + h * s, k * s - h * c
    # tan((v - E) / 2) = e sin v / (1 + eta + e cos v)
    e_sin_x = eta * e_sin_v / (1.0 + e_cos_v)
    elements[:, 5] = longitude - 2.0 * np.arctan(e_sin_v / (1.0 + eta + e_cos_v)) - e_sin_x
    return elements


def _cartesian(elements: Array) -> tuple[Array, Array]:
    """Positions and velocities of equinoctial elements with the mean longitude."""
    k, h, longitude = elements[:, 1], elements[:, 2], elements[:, 5]
    eccentric = longitude + k * np.sin(longitude) - h * np.cos(longitude)
    for _ in range(30):
        c, s = np.cos(eccentric), np.sin(eccentric)
        step = (eccentric - k * s + h * c - longitude) / (1.0 - k * c - h * s)
        eccentric = eccentric - step
        if not (np.abs(step) > 1e-15).any():
            break
    c, s = np.cos(eccentric), np.sin(eccentric)
    eta = np.sqrt(1.0 - k * k - h * h)
    true = eccentric + 2.0 * np.arctan((k * s - h * c) / (1.0 + eta - k * c - h * s))
    return cartesian(np.concatenate([elements[:, :5], true[:, None]], axis=1))


def _named(times: Times, elements: Array) -> MeanElements:
    a, k, h, p, q, longitude = elements.T
    node = np.arctan2(p, q)
    c, s = np.cos(node), np.sin(node)
    return MeanElements(
        times,
        a,
        k * c + h * s,
        h * c - k * s,
        2.0 * np.arctan(np.hypot(p, q)),
        np.mod(node, _TURN),
        np.mod(longitude - node, _TURN),
    )


def _equinoctial_of(mean: MeanElements) -> Array:
    c, s, tangent = np.cos(mean.node_rad), np.sin(mean.node_rad), np.tan(0.5 * mean.inclination_rad)
    x, y = mean.eccentricity_x, mean.eccentricity_y
    longitude = mean.latitude_argument_rad + mean.node_rad
    return np.stack([mean.semi_major_axis_m, x * c - y * s, y * c + x * s, tangent * s, tangent * c, longitude], axis=1)
