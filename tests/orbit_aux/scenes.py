"""Push-broom scenes for the tests of geolocation: made here, or the reference one of the shared folder."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from orbit_aux.attitude import Attitude
from orbit_aux.frames import rotation
from orbit_aux.location.geolocate import Camera
from orbit_aux.location.lines_of_sight import LinesOfSight, from_angles
from orbit_aux.orbit import Orbit
from orbit_aux.time import Times

START = Times.from_utc("2018-03-06T10:00:00")
MU = 3.986004415e14


def after(seconds: Any, start: Times = START) -> Times:
    """Times of seconds after the start."""
    return Times(start.tai_ns[0] + np.rint(np.atleast_1d(seconds) * 1e9).astype(np.int64))


def made(altitude_m: float = 720e3, roll_deg: float = 0.0, pitch_deg: float = 0.0, columns: int = 801) -> Camera:
    """A round Keplerian polar orbit over 60 s; body z to the Earth's centre, x along the velocity, tilted by pitch and then roll; 2 degrees of field."""
    seconds = np.arange(-5.0, 65.5, 0.5)
    times = after(seconds)
    radius_m = 6_378_137.0 + altitude_m
    rate = np.sqrt(MU / radius_m**3)
    angle = np.radians(35.0) + rate * seconds
    c, s, zero = np.cos(angle), np.sin(angle), np.zeros_like(angle)
    position, velocity = radius_m * np.stack([c, zero, s], -1), radius_m * rate * np.stack([-s, zero, c], -1)
    # columns: body axes in GCRF
    axes = np.stack(
        [np.stack([-s, zero, c], -1), np.tile([0.0, 1.0, 0.0], (len(c), 1)), np.stack([-c, zero, -s], -1)], -1
    )
    axes = axes @ _about(0, np.radians(roll_deg)) @ _about(1, np.radians(pitch_deg))
    orbit = Orbit("MADE", "X", "GCRF", times, position, velocity, "scene")
    attitude = Attitude("MADE", "GCRF", "BODY", times, quaternions(axes), "scene")
    psi = np.linspace(-np.radians(1.0), np.radians(1.0), columns)
    return Camera(orbit, attitude, from_angles(np.arange(columns), np.zeros(columns), psi, "scene"))


def _about(axis: int, angle: float) -> np.ndarray:
    """Active rotation about a coordinate axis."""
    i, j = (axis + 1) % 3, (axis + 2) % 3
    matrix = np.eye(3)
    matrix[i, i] = matrix[j, j] = np.cos(angle)
    matrix[i, j], matrix[j, i] = -np.sin(angle), np.sin(angle)
    return matrix


def quaternions(matrices: np.ndarray) -> np.ndarray:
    """Scalar first, by scipy: an authority that shares no code."""
    from scipy.spatial.transform import Rotation

    return np.roll(Rotation.from_matrix(matrices).as_quat(), 1, axis=-1)


class Reference(NamedTuple):
    """The scene of the shared folder: its camera on an orbit of that frame, its start, and the rows that it is checked by."""

    camera: Camera
    start: Times
    rows: list[dict[str, str]]


def reference(shared: Path, frame: str) -> Reference:
    folder = shared / "reference" / "orbit"
    start = Times.from_utc(json.loads((folder / "geoloc_venus720_meta.json").read_text())["t_line0_utc"])
    orbit, attitude, sight = (
        np.genfromtxt(folder / f"geoloc_venus720_{name}.csv", delimiter=",", skip_header=1)
        for name in ("orbit", "attitude", "los")
    )
    first = 1 if frame == "EME2000" else 7
    camera = Camera(
        Orbit(
            "V",
            "X",
            frame,
            after(orbit[:, 0], start),
            orbit[:, first : first + 3],
            orbit[:, first + 3 : first + 6],
            "ref",
        ),
        Attitude("V", "EME2000", "SC_BODY_1", after(attitude[:, 0], start), attitude[:, 1:], "ref"),
        LinesOfSight(sight[:, 0], sight[:, 3:6], "ref"),
    )
    with gzip.open(folder / "geoloc_venus720_grid.csv.gz", "rt") as stream:
        return Reference(camera, start, list(csv.DictReader(stream)))


def to_itrf(times: Times, vectors: np.ndarray) -> np.ndarray:
    return np.einsum("nij,nj->ni", rotation(times, "GCRF", "ITRF"), vectors)
