"""By how much another orbit moves a satellite at the instants of an acquisition: in space, on the ground, in pixels, in the angles of the Moon."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from calib.sensor import Sensor
from calib.types import Result
from flows.orbit import QUANTA
from orbit_aux.errors import OrbitError
from orbit_aux.frames import from_geodetic, local_orbital_axes, rotation, to_geodetic
from orbit_aux.location.angles import position_covariance
from orbit_aux.moon_view import moon_geometry
from orbit_aux.orbit import Orbit
from orbit_aux.time import Times

#: the angles whose change is told, with their units, and the distance
ANGLES = ("phase", "observer_latitude", "observer_longitude")
WATCHED = (*ANGLES, "moon_distance")


@dataclass(frozen=True)
class Shift:
    """New minus old, where the position moves most over the bands (angles: the largest of each over the bands, before they are rounded).

    `position_m` radial, along, cross; `sigma_m` the same by the new orbit's covariance, None without one; `ground_m` of the sub-satellite point, along and
    cross, and `ground_pixel` the pixel there, m; `moon_pixel` how far the Moon moves in the image. `angles` in degrees, moon_distance in km.
    """

    position_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
    sigma_m: tuple[float, float, float] | None = None
    ground_m: tuple[float, float] = (0.0, 0.0)
    pixel_m: tuple[float, float] = (float("nan"), float("nan"))
    moon_pixel: float = 0.0
    angles: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(WATCHED, 0.0))

    @property
    def ground_pixel(self) -> float:
        """The shift on the ground as a share of a pixel there."""
        along, cross = (move / size for move, size in zip(self.ground_m, self.pixel_m, strict=True))
        return float(np.hypot(along, cross)) if any(self.ground_m) else 0.0

    @property
    def quanta(self) -> dict[str, float]:
        """Changes over the quantum that each is rounded to."""
        return {name: change / QUANTA[name] for name, change in self.angles.items()}


def shift_of(old: Result, new: Orbit, sensor: Sensor) -> Shift:
    """What `new` moves against the archived geometry `old`, at its crossing times."""
    data = old.dataset
    times, before = Times.from_utc(data["crossing_time"].values), data["satellite_position"].values
    state = new.at(times)
    axes = local_orbital_axes(state.position_m, state.velocity_ms)
    local = np.einsum("nij,nj->ni", axes, state.position_m - before)
    worst = int(np.argmax(np.linalg.norm(local, axis=1)))
    ground, height_m = _on_ground(times, before, state.position_m, axes)
    views = [moon_geometry(times, position) for position in (before, state.position_m)]
    towards = [view["moon_direction"].values for view in views]
    turned = np.linalg.norm(np.cross(towards[0], towards[1]), axis=1)
    angles = {name: float(np.max(np.abs(_apart(name, *(view[name].values for view in views))))) for name in WATCHED}
    return Shift(
        position_m=_three(local[worst]),
        sigma_m=_sigma(new, times[worst], axes[worst]),
        ground_m=(float(ground[worst, 0]), float(ground[worst, 1])),
        pixel_m=(height_m[worst] * sensor.pixel_angle_along, height_m[worst] * sensor.pixel_angle_across),
        moon_pixel=float(turned.max() / min(sensor.pixel_angle_along, sensor.pixel_angle_across)),
        angles=angles,
    )


def _on_ground(
    times: Times, before_m: np.ndarray, after_m: np.ndarray, axes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Shift of the point under the satellite, along and cross (n, 2), m, and the height over it (n,)."""
    to_earth = rotation(times, "GCRF", "ITRF")
    feet, height = [], np.zeros(len(times))
    for position in (before_m, after_m):
        longitude, latitude, height = to_geodetic(np.einsum("nij,nj->ni", to_earth, position))
        feet.append(from_geodetic(longitude, latitude, np.zeros(len(times))))
    moved = np.einsum("nji,nj->ni", to_earth, feet[1] - feet[0])
    return np.einsum("nij,nj->ni", axes, moved)[:, 1:], height


def _sigma(orbit: Orbit, time: Times, axes: np.ndarray) -> tuple[float, float, float] | None:
    try:
        covariance = position_covariance(orbit, time)[0]
    except OrbitError:
        return None
    return _three(np.sqrt(np.diagonal(axes @ covariance @ axes.T)))


def _apart(name: str, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Difference of two values; of angles the short way round."""
    plain = after - before
    return plain if name == "moon_distance" else np.asarray((plain + 180.0) % 360.0 - 180.0)


def _three(values: np.ndarray) -> tuple[float, float, float]:
    first, second, third = (float(value) for value in values)
    return first, second, third
