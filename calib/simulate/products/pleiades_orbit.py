"""A pushbroom camera on a circular orbit that images a strip of ground: positions, velocities, quaternions, and where its corners lie."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from calib.simulate.products.scene import SiteScene

#: the middle of the image, degrees; the plain of La Crau
LONGITUDE_DEG, LATITUDE_DEG = 4.86, 43.56
ALTITUDE_M = 694_000.0
EARTH_ROTATION_RAD_S = 7.292115e-5
#: World Geodetic System 1984: semi-major axis, flattening
_AXIS_M, _FLATTENING = 6_378_137.0, 1 / 298.257223563
_MU_M3_S2 = 3.986004418e14


@dataclass(frozen=True, eq=False)
class Strip:
    """A strip seen under the scene's view angles at its middle, lines of `period_s` at `sampling_m`, tracked along `heading_deg`.

    Lines of sight in the sensor's frame are (psi_y, -psi_x, 1): x along the track, z down; quaternions turn them to the Earth-fixed frame.
    """

    scene: SiteScene
    period_s: float
    sampling_m: float
    heading_deg: float = 190.0
    psi_y_rad: float = 8e-5

    @property
    def first_line(self) -> np.datetime64:
        """Date of line 0; the middle of the image is seen when the scene was acquired."""
        return self.scene.acquired - np.timedelta64(round(self.duration_s * 0.5e9), "ns")

    @property
    def duration_s(self) -> float:
        return (self.scene.shape[0] - 1) * self.period_s

    def psi_x_rad(self) -> np.ndarray:
        """Constant and slope per column of the angle across the image."""
        slope = self.sampling_m / float(np.linalg.norm(self._middle() - _target()))
        return np.array([-slope * (self.scene.shape[1] - 1) / 2, slope])

    def position_m(self, after_s: np.ndarray) -> np.ndarray:
        """Earth-fixed positions over (time, axis), seconds after the middle of the image."""
        along, turned = self._orbit(after_s)
        return np.asarray(
            np.linalg.norm(self._middle()) * (np.cos(turned) * _unit(self._middle()) + np.sin(turned) * along)
        )

    def velocity_m_s(self, after_s: np.ndarray) -> np.ndarray:
        """Earth-fixed velocities over (time, axis)."""
        along, turned = self._orbit(after_s)
        speed = self._rate() * np.linalg.norm(self._middle())
        return np.asarray(speed * (np.cos(turned) * along - np.sin(turned) * _unit(self._middle())))

    def quaternion(self, after_s: np.ndarray) -> np.ndarray:
        """Unit quaternions over (time, component), scalar first and of one sign."""
        position = self.position_m(after_s)
        track = _local()[:2].T @ [np.sin(np.radians(self.heading_deg)), np.cos(np.radians(self.heading_deg))]
        seen = _target() + np.asarray(after_s)[:, None] * self.sampling_m / self.period_s * track
        down = _unit(seen - position)
        along = _unit(track - (down @ track)[:, None] * down)
        frames = np.stack([along, np.cross(down, along), down], axis=-1)
        values = Rotation.from_matrix(frames).as_quat(scalar_first=True)
        return np.asarray(values * np.sign(values[:, :1]))

    def ground(self, line: float, column: float) -> tuple[float, float]:
        """Longitude and latitude, degrees, where the line of sight of a pixel meets the ellipsoid."""
        after = np.array([line * self.period_s - self.duration_s / 2])
        psi_x = np.polynomial.polynomial.polyval(column, self.psi_x_rad())
        sight = np.array([self.psi_y_rad, -psi_x, 1.0])
        turn = Rotation.from_quat(self.quaternion(after)[0], scalar_first=True)
        return meet(self.position_m(after)[0], turn.apply(sight))

    def _middle(self) -> np.ndarray:
        """Where the satellite is when it sees the target under the scene's zenith and azimuth."""
        zenith, azimuth = np.radians(self.scene.view[1])
        up = _local().T @ [np.sin(zenith) * np.sin(azimuth), np.sin(zenith) * np.cos(azimuth), np.cos(zenith)]
        target, radius = _target(), _AXIS_M + ALTITUDE_M
        half = float(target @ up)
        return np.asarray(target + (np.sqrt(half**2 + radius**2 - target @ target) - half) * up)

    def _rate(self) -> float:
        return float(np.sqrt(_MU_M3_S2 / np.linalg.norm(self._middle()) ** 3))

    def _orbit(self, after_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        middle = _unit(self._middle())
        north = np.array([0.0, 0.0, 1.0]) - middle[2] * middle
        east = np.cross(north, middle)
        heading = np.radians(self.heading_deg)
        return _unit(np.cos(heading) * north + np.sin(heading) * east), self._rate() * np.asarray(after_s)[:, None]


def meet(position_m: np.ndarray, direction: np.ndarray) -> tuple[float, float]:
    """Longitude and latitude, degrees, where a line of sight from an Earth-fixed position first meets the ellipsoid WGS 84."""
    scale = np.array([1.0, 1.0, 1 / (1 - _FLATTENING)]) / _AXIS_M
    place, step = position_m * scale, direction * scale
    a, b, c = step @ step, place @ step, place @ place - 1
    x, y, z = position_m + (-b - np.sqrt(b * b - a * c)) / a * direction
    # on the ellipsoid itself the geodetic latitude is in closed form
    return float(np.degrees(np.arctan2(y, x))), float(
        np.degrees(np.arctan2(z, (1 - _FLATTENING) ** 2 * np.hypot(x, y)))
    )


def _target() -> np.ndarray:
    _longitude, latitude = np.radians([LONGITUDE_DEG, LATITUDE_DEG])
    squared = _FLATTENING * (2 - _FLATTENING)
    normal = _AXIS_M / np.sqrt(1 - squared * np.sin(latitude) ** 2)
    return np.asarray(normal * _local()[2] * [1.0, 1.0, 1 - squared])


def _local() -> np.ndarray:
    """East, north and up at the target, as rows."""
    (sin_lon, sin_lat), (cos_lon, cos_lat) = (f(np.radians([LONGITUDE_DEG, LATITUDE_DEG])) for f in (np.sin, np.cos))
    return np.array(
        [
            [-sin_lon, cos_lon, 0.0],
            [-sin_lat * cos_lon, -sin_lat * sin_lon, cos_lat],
            [cos_lat * cos_lon, cos_lat * sin_lon, sin_lat],
        ]
    )


def _unit(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))
