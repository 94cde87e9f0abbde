"""Reference frames: GCRF, EME2000 and ITRF (IERS 2010), geodetic coordinates, local orbital axes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import erfa
import numpy as np
from numpy.typing import ArrayLike, NDArray

from orbit_aux.constants import EARTH_ROTATION_RATE_RADS
from orbit_aux.earth_orientation import EarthOrientation, packaged_earth_orientation
from orbit_aux.errors import OrbitError
from orbit_aux.interpolation import on_time_grid
from orbit_aux.time import Times

FRAMES = ("GCRF", "EME2000", "ITRF")
#: frames of directions only: MOD is the mean equator and equinox of the date, to which star trackers refer attitudes
DIRECTION_FRAMES = (*FRAMES, "MOD")

# spacing of the nodes of precession-nutation: interpolation then costs less than 0.01 mm in low orbit
_POLE_STEP_S = 43_200.0


@dataclass(frozen=True, eq=False)
class State:
    """Positions (m) and velocities (m/s), shape (n, 3), at `times`, in `frame`; the Earth is the centre."""

    times: Times
    position_m: NDArray[np.float64]
    velocity_ms: NDArray[np.float64]
    frame: str

    def __post_init__(self) -> None:
        _check_frame(self.frame)
        for name in ("position_m", "velocity_ms"):
            values = np.array(getattr(self, name), dtype=np.float64)
            if values.shape != (len(self.times), 3):
                raise OrbitError(f"{name} has shape {values.shape}: give ({len(self.times)}, 3), one row per time")
            values.flags.writeable = False
            object.__setattr__(self, name, values)

    def to(self, frame: str, earth_orientation: EarthOrientation | None = None) -> State:
        """The same states in another frame."""
        position, velocity = transform(
            self.times, self.position_m, self.velocity_ms, self.frame, frame, earth_orientation
        )
        return State(self.times, position, velocity, frame)


def transform(
    times: Times,
    position_m: ArrayLike,
    velocity_ms: ArrayLike,
    source: str,
    target: str,
    earth_orientation: EarthOrientation | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Positions (m) and velocities (m/s), shape (n, 3), carried from frame `source` to frame `target`.

    Velocities are relative to the frame they are given in: to and from ITRF the Earth's rotation is removed or added.
    Earth orientation is the packaged table unless one is given.
    """
    position, velocity = np.asarray(position_m, dtype=np.float64), np.asarray(velocity_ms, dtype=np.float64)
    _check_frame(source)
    _check_frame(target)
    if source == target:
        return position.copy(), velocity.copy()
    if source == "ITRF":
        matrix, spin = _terrestrial(times, earth_orientation)
        velocity = _turn_back(matrix, velocity + np.cross(spin, position))
        position = _turn_back(matrix, position)
    elif source == "EME2000":
        position, velocity = position @ _frame_bias(), velocity @ _frame_bias()
    if target == "ITRF":
        matrix, spin = _terrestrial(times, earth_orientation)
        position = _turn(matrix, position)
        velocity = _turn(matrix, velocity) - np.cross(spin, position)
    elif target == "EME2000":
        position, velocity = position @ _frame_bias().T, velocity @ _frame_bias().T
    return position, velocity


def rotation(
    times: Times, source: str, target: str, earth_orientation: EarthOrientation | None = None
) -> NDArray[np.float64]:
    """Rotation matrices, shape (n, 3, 3), that carry the components of a direction from `source` to `target`, each of DIRECTION_FRAMES."""
    to_source = _from_gcrf(times, source, earth_orientation)
    to_target = _from_gcrf(times, target, earth_orientation)
    return to_target @ np.swapaxes(to_source, -1, -2)


def true_axes(times: Times, step_s: float = _POLE_STEP_S) -> NDArray[np.float64]:
    """GCRF to the true equator and equinox of date, (n, 3, 3), between nodes `step_s` apart: days smooth the nutation."""
    flat = on_time_grid(times, lambda nodes: np.reshape(erfa.pnm06a(*nodes.tt()), (-1, 9)), step_s)
    return flat.reshape(-1, 3, 3)


def angle_between(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Angle (n,), rad, between vectors (n, 3) of any length; also small ones to all digits."""
    sine = np.linalg.norm(np.cross(one, other), axis=1)
    return np.asarray(np.arctan2(sine, np.sum(one * other, axis=1)))


def to_geodetic(
    position_itrf_m: ArrayLike,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Longitude (rad, east), geodetic latitude (rad) and height (m) over the WGS84 ellipsoid of points (..., 3) in ITRF."""
    longitude, latitude, height = erfa.gc2gd(1, np.asarray(position_itrf_m, dtype=np.float64))
    return longitude, latitude, height


def from_geodetic(longitude_rad: ArrayLike, latitude_rad: ArrayLike, height_m: ArrayLike) -> NDArray[np.float64]:
    """Points in ITRF, m, shape (..., 3), of WGS84 geodetic coordinates."""
    if (np.abs(latitude_rad) > np.pi / 2).any():
        raise OrbitError(
            f"geodetic latitude beyond 90 deg ({np.degrees(np.abs(latitude_rad).max()):.6g}): give radians"
        )
    points: NDArray[np.float64] = np.asarray(erfa.gd2gc(1, longitude_rad, latitude_rad, height_m))
    return points


def local_orbital_axes(position_m: ArrayLike, velocity_ms: ArrayLike, kind: str = "RSW") -> NDArray[np.float64]:
    """Rows are the unit local orbital axes, shape (n, 3, 3), in the inertial frame of the states given.

    RSW: radial outward, transverse (completes; not along velocity), orbit normal. TNW: along velocity, in-plane normal
    (N = W x T), orbit normal. The velocity must be inertial.
    """
    position, velocity = np.asarray(position_m, dtype=np.float64), np.asarray(velocity_ms, dtype=np.float64)
    normal = _unit(np.cross(position, velocity))
    if kind == "RSW":
        radial = _unit(position)
        return np.stack([radial, np.cross(normal, radial), normal], axis=-2)
    if kind == "TNW":
        along = _unit(velocity)
        return np.stack([along, np.cross(normal, along), normal], axis=-2)
    raise OrbitError(f"local orbital axes {kind!r} are unknown: use RSW or TNW")


def _check_frame(frame: str) -> None:
    if frame not in FRAMES:
        raise OrbitError(f"frame {frame!r} is unknown: use one of {', '.join(FRAMES)}")


def _from_gcrf(times: Times, frame: str, earth_orientation: EarthOrientation | None) -> NDArray[np.float64]:
    if frame == "MOD":
        # frame bias and precession of IAU 2006, without nutation
        return np.asarray(erfa.pmat06(*times.tt()))
    _check_frame(frame)
    if frame == "ITRF":
        return _terrestrial(times, earth_orientation)[0]
    return np.broadcast_to(np.eye(3) if frame == "GCRF" else _frame_bias(), (len(times), 3, 3))


@lru_cache(maxsize=1)
def _frame_bias() -> NDArray[np.float64]:
    """GCRF to the mean equator and equinox of J2000.0 (IAU 2006): 23 mas."""
    bias: NDArray[np.float64] = np.asarray(erfa.bp06(2451545.0, 0.0)[0])
    return bias


def _terrestrial(
    times: Times, earth_orientation: EarthOrientation | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """GCRF to ITRF matrices (n, 3, 3) and the Earth's rotation vector (n, 3), rad/s, in ITRF.

    IERS Conventions 2010, equinox-free: IAU 2006/2000A pole with the table's offsets, Earth rotation angle, polar motion.
    """
    table = earth_orientation or packaged_earth_orientation()
    orientation = table.at(times)
    tt = times.tt()
    x, y, s = on_time_grid(times, _celestial_pole, _POLE_STEP_S).T
    celestial = erfa.c2ixys(x + orientation.dx_rad, y + orientation.dy_rad, s)
    angle = erfa.era00(*times.ut1(orientation.ut1_minus_tai_s))
    polar = erfa.pom00(orientation.x_pole_rad, orientation.y_pole_rad, erfa.sp00(*tt))
    matrix: NDArray[np.float64] = erfa.c2tcio(celestial, angle, polar)
    # the rotation vector lies along the intermediate pole, third column of the polar motion matrix
    spin = polar[:, :, 2] * (EARTH_ROTATION_RATE_RADS * orientation.ut1_rate)[:, None]
    return matrix, spin


# many calls about the same dates follow one another when events are searched
@lru_cache(maxsize=4)
def _celestial_pole(times: Times) -> NDArray[np.float64]:
    return np.stack(erfa.xys06a(*times.tt()), axis=-1)


def _turn(matrix: NDArray[np.float64], vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    turned: NDArray[np.float64] = np.einsum("nij,nj->ni", matrix, vectors)
    return turned


def _turn_back(matrix: NDArray[np.float64], vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    turned: NDArray[np.float64] = np.einsum("nji,nj->ni", matrix, vectors)
    return turned


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    unit: NDArray[np.float64] = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return unit
