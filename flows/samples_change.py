"""Samples of an orbit change: Moons of Venµs at 410 km, the orbit as it was planned before the descent, and the positions that its receiver gave; and a small
scene of the Earth to locate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from calib.moon.irradiance import load_model
from calib.sensor import Sensor, load_gains, load_sensor
from calib.simulate.moon import MoonScene
from flows.simulation import Look, mission_phase, moon_dates, replaced, simulate_campaign
from orbit_aux.attitude import Attitude
from orbit_aux.ccsds import write_aem, write_oem
from orbit_aux.frames import local_orbital_axes
from orbit_aux.location.lines_of_sight import from_angles
from orbit_aux.low.fixes_simulation import simulate_fixes
from orbit_aux.moon_view import earth_clearance
from orbit_aux.motion.propagate import propagate, sun_synchronous_orbit
from orbit_aux.orbit import Covariance, Orbit
from orbit_aux.time import Times

_HOURS = 5.0
_STEP_S = 30.0
_MARGIN_S = 1200.0
_REVOLUTION_S = 5600.0
#: how much later the satellite would come by the plan, made months of electric descent before, and what the plan says of itself: radial, along, cross, m
_LATE_S = 60.0
_PLANNED_SIGMA_M = (3e3, 3e5, 2e3)
_FIX_SIGMA_M = 5.0


@dataclass(frozen=True)
class Descent:
    """What the samples of an orbit change are made of."""

    sensor: str = "venus"
    start: str = "2021-05-10T00:00:00Z"
    phase_deg: float = -40.0
    revolutions: tuple[int, ...] = (0, 2)
    seed: int = 51


def write_descent(folder: Path, descent: Descent, scene: MoonScene) -> None:
    """Two Moons after the descent (`moon/`), the planned orbit with its covariance (`VENUS_planned.oem`) and positions of a receiver (`VENUS_positions.csv`).

    `scene` is that of the Moons before the descent: the camera, with its gain errors, is the same.
    """
    camera = load_sensor(descent.sensor)
    truth = _truth(camera, moon_dates(descent.start, (descent.phase_deg,), 1)[0])
    looks = [_look(truth, revolution, 40.0 * number) for number, revolution in enumerate(descent.revolutions)]
    own = replaced(scene, seed=descent.seed, gain_error={band: scene.k(camera, band) - 1.0 for band in camera.bands})
    model = load_model("rolo2005", "tsis1_hsrs")
    simulate_campaign(camera, load_gains(descent.sensor), model, looks, own, folder / "moon")
    # whoever reprocesses has the plan and the positions, not the truth
    (folder / "moon" / "orbits" / f"{camera.platform}.oem").unlink()
    (folder / "moon" / "orbits").rmdir()
    created = truth.times.utc_strings(0)[0]
    write_oem(folder / f"{camera.platform}_planned.oem", _planned(truth), creation_date=created)
    _write_positions(folder / f"{camera.platform}_positions.csv", truth, descent.seed)


def _truth(camera: Sensor, date: Times) -> Orbit:
    """The orbit of the mission phase from an hour before the date on, under all forces that a restitution knows."""
    begin, phase = date + -3600.0, mission_phase(camera, date)
    hour, minute = (int(part) for part in phase.descending_node.split(":"))
    first = sun_synchronous_orbit(
        camera.platform, f"SIM-{camera.platform}", begin, _STEP_S, phase.altitude * 1e3, hour + minute / 60, _STEP_S
    )
    times = begin + np.arange(0.0, _HOURS * 3600.0 + 1.0, _STEP_S)
    states = propagate(first.at(begin), times)
    source = f"simulated orbit at {phase.altitude:g} km"
    return Orbit(first.object_name, first.object_id, "GCRF", times, states.position_m, states.velocity_ms, source)


def _look(truth: Orbit, revolution: int, roll_deg: float) -> Look:
    """The instant of a revolution at which the Moon stands highest over the limb."""
    since = _MARGIN_S + _REVOLUTION_S * revolution
    candidates = truth.times[0] + np.arange(since, since + _REVOLUTION_S, _STEP_S)
    clearance = earth_clearance(candidates, truth.at(candidates).position_m).values
    best = candidates[int(np.argmax(clearance))]
    return Look(best, truth.arc(best + -_MARGIN_S, best + _MARGIN_S), roll_deg)


def _planned(truth: Orbit) -> Orbit:
    """The orbit on which the satellite would come later than it does, with a covariance that allows for that."""
    edges = truth.times[[0, -1]] + _LATE_S
    variance = np.diag([*np.square(_PLANNED_SIGMA_M), 1.0, 1.0, 1.0])
    covariance = Covariance(edges, np.stack([variance, variance]), ("RSW", "RSW"))
    return replace(truth, times=truth.times + _LATE_S, segments=(), covariance=covariance, source="planned orbit")


def _write_positions(path: Path, truth: Orbit, seed: int) -> None:
    fixes = simulate_fixes(truth.at(truth.times), seed, sigma_m=_FIX_SIGMA_M)
    columns = zip(fixes.times.utc_strings(0), fixes.position_itrf_m, fixes.sigma_m, strict=True)
    rows = [f"{utc},{x:.2f},{y:.2f},{z:.2f},{sigma:g}" for utc, (x, y, z), sigma in columns]
    path.write_text("\n".join(["utc,x_m,y_m,z_m,sigma_m", *rows]) + "\n", encoding="utf-8")


def write_scene(folder: Path, sensor: str = "venus", start: str = "2019-03-04T10:20:00Z") -> None:
    """A pass over the ground: orbit.oem, attitude.aem (nadir pointing), los.csv (eleven columns of the camera), grid.csv (a grid of its pixels)."""
    folder.mkdir(parents=True, exist_ok=True)
    camera, begin = load_sensor(sensor), Times.from_utc([start])
    phase = mission_phase(camera, begin)
    name, number = camera.platform, f"SIM-{camera.platform}"
    orbit = sun_synchronous_orbit(name, number, begin, 240.0, phase.altitude * 1e3, 10.5, 10.0)
    times = begin + np.arange(60.0, 180.1, 1.0)
    state = orbit.at(times)
    axes = local_orbital_axes(state.position_m, state.velocity_ms)
    # body: x along the flight, z to the centre of the Earth, y against the orbit's normal
    body = np.stack([axes[:, 1], -axes[:, 2], -axes[:, 0]], axis=1)
    attitude = Attitude(name, "GCRF", "SC_BODY_1", times, _quaternions(np.swapaxes(body, 1, 2)), "nadir pointing")
    columns = np.linspace(0, camera.columns - 1, 11)
    across = (columns - (camera.columns - 1) / 2) * camera.pixel_angle_across
    sights = from_angles(columns, np.zeros(len(columns)), across, "angles across the track")
    write_oem(folder / "orbit.oem", orbit, creation_date=start)
    write_aem(folder / "attitude.aem", attitude, object_id=number, creation_date=start)
    rows = zip(sights.columns, sights.directions, strict=True)
    _table(folder / "los.csv", "column,x,y,z", [f"{c:g},{x:.15f},{y:.15f},{z:.15f}" for c, (x, y, z) in rows])
    lines = (begin + np.arange(110.0, 130.1, 5.0)).utc_strings(3)
    _table(folder / "grid.csv", "utc,column", [f"{utc},{column:g}" for utc in lines for column in columns[::5]])


def _table(path: Path, head: str, rows: Sequence[str]) -> None:
    path.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")


def _quaternions(matrices: np.ndarray) -> np.ndarray:
    """Quaternions (n, 4), scalar first, of rotation matrices (n, 3, 3)."""
    from scipy.spatial.transform import Rotation

    return np.asarray(np.roll(Rotation.from_matrix(matrices).as_quat(), 1, axis=1))
