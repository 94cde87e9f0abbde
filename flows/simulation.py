"""Simulated campaigns: dates at which the Moon shows an asked phase, an orbit that sees it, an attitude that scans it, and the products."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from calib.config import M, Model
from calib.errors import RequestError
from calib.moon.irradiance import IrradianceModel, band_irradiance
from calib.sensor import GainHistory, Phase, Sensor
from calib.simulate.moon import MoonScene, crossing_times, simulate_moon
from flows.orbit import geometry_at
from orbit_aux.bodies import moon_axes, series
from orbit_aux.ccsds import write_oem
from orbit_aux.moon_view import earth_clearance, moon_geometry
from orbit_aux.motion.propagate import sun_synchronous_orbit
from orbit_aux.orbit import Orbit, Segment
from orbit_aux.time import Times

_STEP_S = 3600.0
_REVOLUTION_S = 6000.0
_MARGIN_S = 1200.0
_STEPS_OF_ORBIT_S = 60.0


@dataclass(frozen=True)
class Look:
    """One simulated acquisition: when, on which orbit, and how the image is turned on the sky."""

    time: Times
    orbit: Orbit
    roll_deg: float


def moon_dates(start: str, phases_deg: Sequence[float], count: int) -> list[Times]:
    """The first `count` instants after `start` (UTC) at which the geocentric phase passes one of the asked values, in order of time."""
    for asked in phases_deg:
        if not -179 <= asked <= 179:
            raise RequestError(
                f"--phase {asked:g}: a phase lies between -179 and 179 degrees, negative before full Moon"
            )
    begin = Times.from_utc([start])
    days = 31.0 * (count / len(phases_deg) + 1.0)
    times = begin + np.arange(0.0, days * 86400.0, _STEP_S)
    phase = _planned_phase_deg(times)
    found = []
    for asked in phases_deg:
        # the phase grows with time and jumps from +180 to -180 at new Moon: a passage is a small step across the asked value
        before, after = phase[:-1] - asked, phase[1:] - asked
        crossed = np.flatnonzero((before <= 0) & (after > 0) & (after - before < 10))
        found += [float(index + before[index] / (before[index] - after[index])) * _STEP_S for index in crossed]
    return [(begin + round(seconds))[0] for seconds in sorted(found)[:count]]


def _planned_phase_deg(times: Times) -> np.ndarray:
    """The geocentric phase by the analytic series (0.003 deg): products are named by these dates, which shall not move with the ephemeris."""
    moon, sun = series(times)
    normal = np.cross(-moon, sun - moon)
    angle = np.degrees(np.arctan2(np.linalg.norm(normal, axis=1), np.sum(-moon * (sun - moon), axis=1)))
    # before full Moon the Sun stands east of the Earth on the lunar sky
    phase: np.ndarray = np.where(np.sum(normal * moon_axes(times)[:, 2], axis=1) > 0, -angle, angle)
    return phase


def orbit_for(sensor: Sensor, time: Times) -> tuple[Times, Orbit]:
    """An orbit of the sensor's mission phase around `time`, and the instant within one revolution after it at which the Moon stands highest over the limb."""
    phase = mission_phase(sensor, time)
    hour, minute = (int(part) for part in phase.descending_node.split(":"))
    orbit = sun_synchronous_orbit(
        sensor.platform,
        f"SIM-{sensor.platform}",
        time + -_MARGIN_S,
        _REVOLUTION_S + 2 * _MARGIN_S,
        phase.altitude * 1e3,
        hour + minute / 60,
        _STEPS_OF_ORBIT_S,
    )
    candidates = time + np.arange(0.0, _REVOLUTION_S, _STEPS_OF_ORBIT_S)
    clearance = earth_clearance(candidates, orbit.at(candidates).position_m).values
    best = candidates[int(np.argmax(clearance))]
    return best, orbit.arc(best + -_MARGIN_S, best + _MARGIN_S)


def mission_phase(sensor: Sensor, time: Times) -> Phase:
    """The phase of the mission on that date; RequestError naming the phases with images otherwise."""
    day = dt.date.fromisoformat(time.utc_strings(0)[0][:10])
    for phase in sensor.phases:
        if phase.start <= day and (phase.stop is None or day < phase.stop) and phase.images:
            return phase
    spans = ", ".join(f"{item.name} {item.start} to {item.stop or 'now'}" for item in sensor.phases if item.images)
    raise RequestError(f"{sensor.name} takes no images on {day}; its phases with images: {spans}")


def image_axes(moon_direction: np.ndarray, roll_deg: float) -> np.ndarray:
    """Column and line axis (rows) of an image whose centre is the Moon, unit vectors in GCRF; columns grow to the west, lines to the south, turned by the roll.

    Columns, lines and the line of sight form a right-handed triad: the sky is not mirrored.
    """
    east = np.cross([0.0, 0.0, 1.0], moon_direction)
    east /= np.linalg.norm(east)
    north = np.cross(moon_direction, east)
    turn = np.radians(roll_deg)
    column = -np.cos(turn) * east - np.sin(turn) * north
    return np.stack([column, np.cross(moon_direction, column)])


def simulate_campaign(
    sensor: Sensor,
    history: GainHistory,
    model: IrradianceModel,
    looks: Sequence[Look],
    scene: MoonScene,
    folder: Path,
    bands: Sequence[str] | None = None,
) -> list[Path]:
    """Write one product per look and `orbits/<PLATFORM>.oem` with all arcs; the products' folders.

    The camera is one: its gain errors are drawn once, from the scene's seed. All else is drawn anew for each look.
    """
    products = []
    gain_error = {band: scene.k(sensor, band) - 1.0 for band in sensor.bands}
    for number, look in enumerate(looks):
        own = replaced(
            scene,
            reference_utc=f"{look.time.utc_strings(3)[0].rstrip('Z')}Z",
            seed=scene.seed + number,
            gain_error=gain_error,
        )
        crossing = crossing_times(own, sensor)
        times = Times.from_utc(crossing.values)
        position = look.orbit.at(times).position_m
        axes = image_axes(
            moon_geometry(look.time, look.orbit.at(look.time).position_m)["moon_direction"].values[0], look.roll_deg
        )
        geometry = geometry_at(times, position, list(sensor.bands), (axes[0], axes[1])).assign(crossing_time=crossing)
        po = history.in_force(crossing.values[0])
        stamp = look.time.utc_strings(0)[0].replace("-", "").replace(":", "").rstrip("Z")
        target = folder / f"{sensor.platform}_MOON_{stamp}"
        irradiance = band_irradiance(model, geometry, sensor.response)
        products.append(simulate_moon(own, sensor, geometry, axes, irradiance, po, target, bands))
    (folder / "orbits").mkdir(parents=True, exist_ok=True)
    orbit = merged([look.orbit for look in looks])
    write_oem(folder / "orbits" / f"{sensor.platform}.oem", orbit, creation_date=looks[0].time.utc_strings(0)[0])
    return products


def plan_looks(
    sensor: Sensor, start: str, phases_deg: Sequence[float], count: int, roll_deg: float = 0.0
) -> list[Look]:
    """The looks of a campaign, each turned a little further on the sky than the one before."""
    looks = []
    for number, date in enumerate(moon_dates(start, phases_deg, count)):
        time, orbit = orbit_for(sensor, date)
        looks.append(Look(time, orbit, (roll_deg + 25.0 * number) % 360.0))
    return looks


def merged(orbits: Sequence[Orbit]) -> Orbit:
    """Several arcs of one satellite as one orbit with a segment each."""
    segments, first = [], 0
    for orbit in orbits:
        edges = orbit.times.tai_ns
        segments.append(Segment(first, first + len(orbit.times), int(edges[0]), int(edges[-1])))
        first += len(orbit.times)
    head = orbits[0]
    return Orbit(
        head.object_name,
        head.object_id,
        head.frame,
        Times.concatenate([orbit.times for orbit in orbits]),
        np.concatenate([orbit.position_m for orbit in orbits]),
        np.concatenate([orbit.velocity_ms for orbit in orbits]),
        head.source,
        segments=tuple(segments),
    )


def shifted(orbit: Orbit, day: str, along_m: float) -> Orbit:
    """The orbit with every record of one UTC day moved along its velocity: what a better restitution of that day looks like."""
    mine = np.array([text.startswith(day) for text in orbit.times.utc_strings(0)])
    if not mine.any():
        raise RequestError(f"{day}: the orbit has no record on that day")
    direction = orbit.velocity_ms / np.linalg.norm(orbit.velocity_ms, axis=1, keepdims=True)
    position = np.where(mine[:, None], orbit.position_m + along_m * direction, orbit.position_m)
    return Orbit(
        orbit.object_name,
        orbit.object_id,
        orbit.frame,
        orbit.times,
        position,
        orbit.velocity_ms,
        orbit.source,
        orbit.interpolation,
        orbit.degree,
        orbit.segments,
    )


def replaced(model: M, **changes: object) -> M:
    """The same configuration with some keys changed, validated again."""
    assert isinstance(model, Model)
    return type(model).model_validate({**model.model_dump(mode="json"), **changes})
