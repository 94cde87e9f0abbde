"""What a decay is asked of: a request in YAML or the options of the command, made into a mean orbit and models."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from calib import config
from calib.config import Model
from calib.errors import RequestError
from flows.orbits.sources import kind_of
from orbit_aux.ccsds import read_oem, read_opm
from orbit_aux.ccsds.opm import OrbitParameters
from orbit_aux.constants import EARTH_MU_M3S2, WGS84_EQUATORIAL_RADIUS_M
from orbit_aux.decay.activity import continued, equivalent_activity, solar_cycle
from orbit_aux.decay.air import Air, constant_air, exponential_air, harris_priester_air, read_air
from orbit_aux.decay.descent import DecayModels, mean_orbit, of_osculating
from orbit_aux.decay.end_of_life import Engine
from orbit_aux.decay.rule import Uncertainty
from orbit_aux.motion.forces import Satellite
from orbit_aux.motion.mean_elements import MeanElements, local_time_h, mean_elements, mean_of_arc
from orbit_aux.motion.space_weather import SpaceWeather, constant_space_weather, read_space_weather
from orbit_aux.orbit import Orbit
from orbit_aux.time import Times
from orbit_aux.tle import read_tle

_DAY_S = 86_400.0
#: the start where nobody says one
DEFAULT_START_UTC = "2026-01-01T00:00:00"
_SOME_ENGINE = "4 N at 220 s (hydrazine), burns of 20 minutes at most"


class OrbitSection(Model):
    """A file, or mean elements by altitudes over the equatorial radius."""

    file: str | None = Field(default=None, description="OPM, OEM or two-line elements")
    start_utc: str = DEFAULT_START_UTC
    perigee_km: float | None = None
    apogee_km: float | None = None
    inclination_deg: float | None = None
    node_deg: float = 0.0
    ascending_node_local_time_h: float | None = Field(default=None, ge=0, lt=24, description="in place of node_deg")
    perigee_argument_deg: float = 0.0
    elements: Literal["mean", "osculating"] = Field(
        default="mean", description="of the altitudes; osculating ones with the satellite at the perigee"
    )


class SatelliteSection(Model):
    mass_kg: float | None = None
    area_m2: float | None = Field(default=None, description="across the flow, mean over the attitudes it will have")
    cd: float | None = None
    light_area_m2: float | None = None
    light_coefficient: float = 1.3


class ForcesSection(Model):
    zonal_degree: int = Field(default=7, ge=0, le=7)
    sun: bool = True
    moon: bool = True
    solar_pressure: bool = False
    air_turns: bool = True
    heights: Literal["ellipsoid", "sphere"] = "ellipsoid"
    bulge_exponent: float = Field(default=4.0, ge=2, le=6)
    re_entry_km: float = Field(default=120.0, ge=80, le=300)


class MonteCarloSection(Model):
    draws: int = Field(default=0, ge=0, le=20_000, description="0: none")
    seed: int = Field(default=0, ge=0)
    ballistic_sigma: float = Field(default=0.15, ge=0, le=1)
    activity_sigma: float = Field(default=0.2, ge=0, le=1)
    start_days: float = Field(default=30.0, ge=0, le=3660)
    cycle_phase: bool = Field(default=False, description="whether the phase of the activity is drawn from 11 years")


class EngineSection(Model):
    thrust_n: float = Field(default=4.0, gt=0)
    specific_impulse_s: float = Field(default=220.0, gt=0)
    longest_burn_min: float = Field(default=20.0, gt=0, le=600)
    propellant_kg: float | None = Field(default=None, ge=0, description="left at the end of the mission")
    tank_l: float = Field(default=50.0, gt=0)


class ElectricSection(Model):
    thrust_n: float = Field(gt=0)
    specific_impulse_s: float = Field(gt=0)
    duty: float = Field(default=0.5, gt=0, le=1, description="share of time on which it thrusts")


class DecayRequest(Model):
    """A decay to compute, as in configs/end_of_life."""

    title: str = "an orbit"
    orbit: OrbitSection = OrbitSection()
    satellite: SatelliteSection = SatelliteSection()
    atmosphere: str = "harris-priester"
    activity: str = "mean"
    forces: ForcesSection = ForcesSection()
    rule_years: float = Field(default=25.0, gt=0, le=100)
    horizon_years: float = Field(default=100.0, gt=0, le=120)
    monte_carlo: MonteCarloSection = MonteCarloSection()
    lower_perigee: float | Literal["auto"] | None = None
    engine: EngineSection | None = None
    electric: ElectricSection | None = None


@dataclass(frozen=True, eq=False)
class DecayCase:
    """A request made ready: where the orbit is, what acts on it, and what was understood."""

    request: DecayRequest
    name: str
    start: MeanElements
    models: DecayModels
    engine: Engine
    uncertainty: Uncertainty
    notes: tuple[str, ...]


def read_decay_request(request: str | None) -> tuple[DecayRequest, Path]:
    """A named or own request, and the folder that its files are sought in."""
    if request is None:
        return DecayRequest(), Path()
    path = config.find("end_of_life", request)
    return config.load(DecayRequest, path), path.parent


def prepared(request: DecayRequest, folder: Path) -> DecayCase:
    """Orbit, satellite, air and activity of a request."""
    section = request.orbit
    parameters: OrbitParameters | None = None
    if section.file is None:
        name, start, notes = (
            request.title,
            _of_altitudes(section),
            [f"{section.elements} elements as given, by altitudes"],
        )
    else:
        name, start, notes, parameters = _of_file(folder / section.file)
    satellite = _satellite(request.satellite, parameters)
    forces = request.forces
    air = replace(
        _air(request.atmosphere, folder),
        turns=forces.air_turns,
        flattened=forces.heights == "ellipsoid",
        bulge_exponent=forces.bulge_exponent,
    )
    models = DecayModels(
        satellite,
        air,
        zonal_degree=forces.zonal_degree,
        sun=forces.sun,
        moon=forces.moon,
        solar_pressure=forces.solar_pressure,
        re_entry_height_m=forces.re_entry_km * 1e3,
    )
    apogee = float(start.semi_major_axis_m[0] * (1.0 + start.eccentricity[0])) - WGS84_EQUATORIAL_RADIUS_M
    models = replace(models, space_weather=_activity(request.activity, models, apogee, folder))
    if air.follows_activity:
        notes.append(f"activity: {models.space_weather.source}")
    engine = request.engine or EngineSection()
    if request.engine is None:
        notes.append(f"engine assumed: {_SOME_ENGINE}")
    draws = request.monte_carlo
    return DecayCase(
        request,
        name,
        start,
        models,
        Engine(engine.thrust_n, engine.specific_impulse_s, 60.0 * engine.longest_burn_min),
        Uncertainty(draws.ballistic_sigma, draws.activity_sigma, draws.start_days, draws.cycle_phase),
        tuple(notes),
    )


def _of_altitudes(section: OrbitSection) -> MeanElements:
    given = (section.perigee_km, section.apogee_km, section.inclination_deg)
    if None in given:
        raise RequestError("decay: give --orbit FILE, or --altitude-km PERIGEE APOGEE with --inclination-deg")
    perigee, apogee, inclination = (float(value) for value in given if value is not None)
    start = Times.from_utc(section.start_utc)
    angles = {"node": math.radians(section.node_deg), "perigee": math.radians(section.perigee_argument_deg)}
    orbit = mean_orbit(start, perigee * 1e3, apogee * 1e3, math.radians(inclination), **angles)
    if section.ascending_node_local_time_h is not None:
        later_h = section.ascending_node_local_time_h - float(local_time_h(orbit)[0])
        angles["node"] += math.radians(15.0 * later_h)
        orbit = mean_orbit(start, perigee * 1e3, apogee * 1e3, math.radians(inclination), **angles)
    return orbit if section.elements == "mean" else of_osculating(orbit)


def _of_file(path: Path) -> tuple[str, MeanElements, list[str], OrbitParameters | None]:
    kind = kind_of(path, "an OPM, OEM or two-line elements")
    if kind == "TLE":
        elements = read_tle(path)
        times = elements.epoch + np.arange(-43_260.0, 43_261.0, 60.0)
        states = elements.at(times)
        orbit = Orbit(
            elements.name, elements.object_id, "GCRF", times, states.position_m, states.velocity_ms, str(path)
        )
        return (
            elements.name,
            mean_of_arc(orbit, times[0], times[-1]),
            ["SGP4 over a day about the epoch, averaged"],
            None,
        )
    if kind == "OEM":
        orbit = read_oem(path)
        return orbit.object_name, *_of_orbit(orbit), None
    parameters = read_opm(path)
    note = "mean elements of the state of the OPM, free of the short period of J2"
    return parameters.object_name, mean_elements(parameters.state), [note], parameters


def _of_orbit(orbit: Orbit) -> tuple[MeanElements, list[str]]:
    """Mean elements over the first day of an ephemeris, or of its first state where it is shorter than a revolution."""
    segment = orbit.segments[0]
    first, last = (
        Times(np.array([value], dtype=np.int64)) for value in (segment.useable_start_ns, segment.useable_stop_ns)
    )
    stop = first + min(_DAY_S, float((last - first)[0]))
    period = 2.0 * math.pi * math.sqrt(float(mean_elements(orbit.at(first)).semi_major_axis_m[0]) ** 3 / EARTH_MU_M3S2)
    if float((stop - first)[0]) > 1.1 * period:
        return mean_of_arc(orbit, first, stop), ["mean elements over the first day of the ephemeris, or all of it"]
    return mean_elements(orbit.at(first)), ["mean elements of the first state of the ephemeris"]


def _satellite(section: SatelliteSection, parameters: OrbitParameters | None) -> Satellite:
    file = (parameters.mass_kg, parameters.drag_area_m2, parameters.drag_coefficient) if parameters else (None,) * 3
    mass, area, cd = (
        first if first is not None else second
        for first, second in zip((section.mass_kg, section.area_m2, section.cd), file, strict=True)
    )
    lacking = [name for name, value in (("--mass KG", mass), ("--area M2", area)) if value is None]
    if lacking:
        raise RequestError(f"decay: nothing says the satellite's {' and '.join(lacking)}; give it")
    assert mass is not None and area is not None
    for name, value in (("--mass", mass), ("--area", area), ("--cd", 2.2 if cd is None else cd)):
        if not (math.isfinite(value) and value > 0):
            raise RequestError(f"{name} {value:g}: give a number above 0")
    light = section.light_area_m2 if section.light_area_m2 is not None else area
    return Satellite(mass, area, 2.2 if cd is None else cd, light, section.light_coefficient)


def _air(text: str, folder: Path) -> Air:
    """harris-priester, constant:KG_M3, exponential:KG_M3,HEIGHT_KM,SCALE_KM, or a table FILE.csv."""
    kind, _, rest = text.partition(":")
    if text.lower().endswith(".csv"):
        return read_air(folder / text)
    if kind == "harris-priester" and not rest:
        return harris_priester_air()
    try:
        values = [float(word) for word in rest.split(",")] if rest else []
    except ValueError:
        values = []
    if kind == "constant" and len(values) == 1:
        return constant_air(values[0])
    if kind == "exponential" and len(values) == 3:
        return exponential_air(values[0], values[1] * 1e3, values[2] * 1e3)
    raise RequestError(
        f"--atmosphere {text}: use harris-priester, constant:KG_M3, exponential:KG_M3,HEIGHT_KM,SCALE_KM or a FILE.csv"
    )


def _activity(text: str, models: DecayModels, apogee_m: float, folder: Path) -> SpaceWeather:
    """mean, equivalent, cycle, F107 or F107,AP, or a table FILE.csv."""
    if text.lower().endswith(".csv"):
        return continued(read_space_weather(folder / text))
    if text == "mean":
        return constant_space_weather()
    if text == "cycle":
        return solar_cycle()
    if text == "equivalent":
        return equivalent_activity(models.ballistic_m2kg, apogee_m)
    try:
        values = [float(word) for word in text.split(",")]
    except ValueError:
        values = []
    if len(values) in (1, 2):
        return constant_space_weather(*values)
    raise RequestError(f"--activity {text}: use mean, cycle, equivalent, F107 or F107,AP, or a FILE.csv")
