"""The limb of the Moon or the Sun in an image: when and in which column each of its points crosses the array, and the ellipse that they lie on."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from orbit_aux.bodies import moon_position, sun_position
from orbit_aux.errors import OrbitError
from orbit_aux.frames import State
from orbit_aux.location.geolocate import Camera
from orbit_aux.location.inverse_location import aberrated, match
from orbit_aux.location.sky import BODY_RADIUS_M, retarded_body, scanned
from orbit_aux.time import Times

Array = NDArray[np.float64]

# three would do for an ellipse; what lies beyond the ends of a short array is not seen
_FEWEST_POINTS = 6


def limb_in_image(camera: Camera, body: str, start: Times, stop: Times, points: int = 72) -> xr.Dataset:
    """Where `points` of the limb of a sphere are imaged between `start` and `stop`, over dim "point".

    position_angle (deg): about the line of sight, right-handed, from the direction to the Sun (of the Sun itself: from celestial north); lit: whether the
    Sun shines there; seconds after `start`, fractional column, flag (1: does not cross). The limb is the cone that touches the sphere where it was when the
    light left; each of its directions is aberrated.
    """
    span_s = scanned(start, stop)
    angle = np.arange(points) * (2.0 * np.pi / points)

    def seen(seconds: Array, rows: NDArray[np.int64]) -> Array:
        instants, at = np.unique(seconds, return_inverse=True)
        state = camera.orbit.at(start[np.zeros(len(instants), dtype=int)] + instants, "GCRF")
        centre, distance_m, beta = retarded_body(body, state)
        half = np.arcsin(BODY_RADIUS_M[body] / distance_m)[at, None]
        first = _first_axis(body, state, centre)[at]
        axis, turn = centre[at], angle[rows, None]
        across = np.cos(turn) * first + np.sin(turn) * np.cross(axis, first)
        shown = aberrated(np.cos(half) * axis + np.sin(half) * across, beta[at])
        turned: Array = np.einsum("nji,nj->ni", camera.attitude.matrices(state.times, "GCRF")[at], shown)
        return turned

    found = match(camera.lines_of_sight, seen, points, start, span_s)
    found["position_angle"] = ("point", np.degrees(angle), {"units": "deg"})
    found["lit"] = ("point", np.cos(angle) > 0 if body == "moon" else np.ones(points, dtype=bool), {"units": "1"})
    return found


def limb_ellipse(limb: xr.Dataset) -> xr.Dataset:
    """The ellipse through a limb of `limb_in_image`: a circle seen by a scan is its affine image, fitted to the points that cross.

    centre_seconds, centre_column; half_seconds and half_columns: from the centre to the first and last line (s), column; correlation of both coordinates around
    the limb (0: the ellipse is upright, towards ±1 the more the scan is sheared); misfit_columns: rms distance of points from it across the lines.
    """
    seen = limb["flag"].values == 0
    if seen.sum() < _FEWEST_POINTS:
        raise OrbitError(f"{int(seen.sum())} points of the limb cross the array: {_FEWEST_POINTS} are needed")
    angle = np.radians(limb["position_angle"].values[seen])
    design = np.stack([np.ones_like(angle), np.cos(angle), np.sin(angle)], axis=-1)
    values = np.stack([limb["seconds"].values[seen], limb["column"].values[seen]], axis=-1)
    fitted, *_ = np.linalg.lstsq(design, values, rcond=None)
    half = np.linalg.norm(fitted[1:], axis=0)
    misfit = (values - design @ fitted)[:, 1]
    numbers = {
        "centre_seconds": (fitted[0, 0], "s"),
        "centre_column": (fitted[0, 1], "1"),
        "half_seconds": (half[0], "s"),
        "half_columns": (half[1], "1"),
        "correlation": (fitted[1:, 0] @ fitted[1:, 1] / (half[0] * half[1]), "1"),
        "misfit_columns": (np.sqrt(np.mean(misfit**2)), "1"),
    }
    return xr.Dataset({name: ((), float(value), {"units": unit}) for name, (value, unit) in numbers.items()})


def _first_axis(body: str, state: State, centre: Array) -> Array:
    """From where position angles count, across the line of sight: to the Sun as it stands from the Moon; of the Sun, to celestial north."""
    of_moon = body == "moon"
    toward = sun_position(state.times) - moon_position(state.times) if of_moon else np.array([[0.0, 0.0, 1.0]])
    across = toward - np.sum(toward * centre, axis=1, keepdims=True) * centre
    unit: Array = across / np.linalg.norm(across, axis=1, keepdims=True)
    return unit
