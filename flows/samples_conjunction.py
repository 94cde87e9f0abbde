"""A made conjunction of Venµs with a piece of debris, as a message like those that operators receive."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from orbit_aux.ccsds import write_cdm
from orbit_aux.ccsds.cdm import CdmObject, Conjunction
from orbit_aux.constants import EARTH_MU_M3S2
from orbit_aux.frames import State, local_orbital_axes
from orbit_aux.time import Times

_TCA = "2019-03-04T10:22:31.250Z"
_RADIUS_M = 7.098e6
#: the debris crosses at this angle, so far from the satellite along its own radial, along and cross axes
_CROSSING_DEG = 103.0
_MISS_RTN_M = (38.0, -121.0, 54.0)
_SIGMA_RTN_M = {"VENUS": (6.0, 55.0, 5.0), "DEBRIS": (24.0, 310.0, 19.0)}
_HARD_BODY_M = 6.0


def write_conjunction(path: Path) -> None:
    """A CDM of both states and covariances at their closest approach; one time in a thousand they meet."""
    speed = np.sqrt(EARTH_MU_M3S2 / _RADIUS_M)
    angle = np.radians(_CROSSING_DEG)
    tilt = np.radians(98.3)
    place = np.array([_RADIUS_M, 0.0, 0.0])
    ahead, up = np.array([0.0, np.cos(tilt), np.sin(tilt)]), np.array([0.0, -np.sin(tilt), np.cos(tilt)])
    own = speed * ahead
    other = speed * (np.cos(angle) * ahead + np.sin(angle) * up)
    axes = local_orbital_axes(place[None], own[None])[0]
    between = other - own
    miss = axes.T @ np.array(_MISS_RTN_M)
    # at the closest approach the miss stands across the relative velocity
    miss -= between * (miss @ between) / (between @ between)
    tca = Times.from_labels([_TCA[:-1]], "UTC")
    objects = [
        _object(name, tca, position, velocity)
        for name, position, velocity in (("VENUS", place, own), ("DEBRIS", place + miss, other))
    ]
    content = Conjunction(
        "SAMPLE-1",
        "ETALON",
        tca + -86_400.0,
        tca,
        (objects[0], objects[1]),
        miss_distance_m=float(np.linalg.norm(miss)),
        relative_speed_ms=float(np.linalg.norm(between)),
        relative_position_m=axes @ miss,
        relative_velocity_ms=axes @ between,
        hard_body_radius_m=_HARD_BODY_M,
        comments=("made by the simulator: no such object is known",),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_cdm(path, content, "kvn", creation_date="2019-03-03T10:22:31Z")


def _object(name: str, tca: Times, position_m: np.ndarray, velocity_ms: np.ndarray) -> CdmObject:
    rate = np.linalg.norm(velocity_ms) / np.linalg.norm(position_m)
    root = np.diag([*_SIGMA_RTN_M[name], 0.05, 0.01, 0.01])
    # who is ahead is a moment later lower in these axes: the radial velocity of a curved path
    root[3, 1] = -rate * _SIGMA_RTN_M[name][1]
    state = State(tca, position_m[None], velocity_ms[None], "GCRF")
    number = {"VENUS": "42901", "DEBRIS": "99999"}[name]
    return CdmObject(number, name, "2017-044B" if name == "VENUS" else "UNKNOWN", state, root @ root.T)
