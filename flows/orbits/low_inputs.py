"""What a restitution of a low orbit is given: positions from tables, telemetry, products or ephemerides; a start with the satellite and its manoeuvres."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import xarray as xr

from calib.errors import InputError
from flows.orbits.inputs import burn_of
from flows.orbits.sources import head_of, kind_of
from orbit_aux.ccsds import read_oem, read_opm
from orbit_aux.ccsds.opm import Manoeuvre, OrbitParameters
from orbit_aux.errors import OrbitError
from orbit_aux.frames import State, rotation
from orbit_aux.low.fixes import PositionFixes, read_fixes, sorted_fixes
from orbit_aux.motion.forces import Forces, Impulse, Satellite, Thrust
from orbit_aux.motion.gravity import read_gravity
from orbit_aux.motion.space_weather import read_space_weather
from orbit_aux.time import Times
from orbit_aux.tle import read_tle

# a navigation solution with a worse geometry is not used
_MOST_PDOP = 10.0
# of planned manoeuvres: what their components may be off, as a share, and at least
_MANOEUVRE_SHARE, _LEAST_IMPULSE_MS = 0.1, 0.01
# thrusters that burn longer than this are electric and may stop early
_ELECTRIC_S, _ELECTRIC_SWITCH_S = 3600.0, 60.0


@dataclass(frozen=True, eq=False)
class Start:
    """Where iteration begins, if anywhere, and what is known of the satellite."""

    state: State | None
    forces: Forces
    object_name: str = "UNKNOWN"
    object_id: str = "UNKNOWN"
    covariance: np.ndarray | None = None
    """Of the state (6, 6), GCRF, m and m/s, where the file gives one."""


def read_positions(path: Path) -> PositionFixes:
    """Positions from a table (utc,x_m,y_m,z_m[,sigma_m]; ITRF), an OEM, a Venµs GPSDTA file, or a product with positions in it (Pléiades system file)."""
    if path.is_dir():
        return _of_product(path)
    if kind_of(path, "positions, a table or an OEM") == "OEM":
        return _of_oem(path)
    if head_of(path, "positions").startswith("<") or path.suffix.upper() in {".HDR", ".EEF", ".DBL"}:
        return _of_product(path)
    return read_fixes(path)


def read_start(path: Path | None, first: Times) -> Start:
    """Start, satellite and manoeuvres from an OPM; the state nearest before `first` from an OEM; the SGP4 state at `first` from two-line elements."""
    if path is None:
        return Start(None, Forces())
    kind = kind_of(path, "an OPM, OEM or two-line elements")
    if kind == "TLE":
        elements = read_tle(path)
        return Start(elements.at(first), Forces(), elements.name, elements.object_id)
    if kind == "OEM":
        orbit = read_oem(path)
        states = orbit.at(first) if orbit.covers(first).all() else orbit.at(orbit.times.min())
        return Start(states, Forces(), orbit.object_name, orbit.object_id)
    parameters = read_opm(path)
    manoeuvres = tuple(_manoeuvre(item, parameters) for item in parameters.manoeuvres)
    forces = replace(
        _models(path, dict(parameters.user_defined)), satellite=_satellite(parameters), manoeuvres=manoeuvres
    )
    named = (parameters.object_name, parameters.object_id)
    return Start(parameters.state.to("GCRF"), forces, *named, parameters.covariance)


def _models(path: Path, chosen: dict[str, str]) -> Forces:
    """Forces by the user-defined words of an OPM: GRAVITY_FIELD (a file beside it), GRAVITY_DEGREE, SPACE_WEATHER (a file), SOLID_TIDES, RELATIVITY (YES)."""
    known = Forces()
    gravity = read_gravity(path.parent / chosen["GRAVITY_FIELD"]) if "GRAVITY_FIELD" in chosen else known.gravity
    if "GRAVITY_DEGREE" in chosen:
        degree = chosen["GRAVITY_DEGREE"]
        if not degree.isdecimal():
            raise OrbitError(f"{path}: USER_DEFINED_GRAVITY_DEGREE {degree!r} is no whole number; correct it")
        gravity = gravity.truncated(int(degree))
    weather = known.space_weather
    if "SPACE_WEATHER" in chosen:
        weather = read_space_weather(path.parent / chosen["SPACE_WEATHER"])
    tides, relativity = (chosen.get(name, "NO").upper() == "YES" for name in ("SOLID_TIDES", "RELATIVITY"))
    return replace(known, gravity=gravity, space_weather=weather, solid_tides=tides, relativity=relativity)


def _of_oem(path: Path) -> PositionFixes:
    orbit = read_oem(path)
    kept = np.flatnonzero(np.diff(orbit.times.tai_ns, prepend=orbit.times.tai_ns[:1] - 1) > 0)
    states = State(orbit.times, orbit.position_m, orbit.velocity_ms, orbit.frame).to("ITRF")
    return sorted_fixes(orbit.times[kept], states.position_m[kept], np.zeros(len(kept)), str(path))


def _of_product(path: Path) -> PositionFixes:
    from calib.products import open_acquisition
    from calib.products.venus_parameters import open_parameters, recognises

    if recognises(path):
        content = open_parameters(path).content
        if not isinstance(content, xr.Dataset) or "pdop" not in content:
            raise InputError(f"{path}: holds no positions; give a GPSDTA file")
        table = content.isel(time=np.flatnonzero(content["pdop"].values <= _MOST_PDOP))
    else:
        carried = open_acquisition(path, verify=False, images=False).orbit
        if carried is None:
            raise InputError(f"{path}: the product carries no positions; give another file")
        table = carried
    if table.attrs["frame"] != "ITRF":
        raise InputError(f"{path}: positions in {table.attrs['frame']}, not Earth-fixed; give another file")
    position = table["position"].values
    sigma = np.zeros(len(position))
    if "position_quality" in table:
        quality = table["position_quality"].values
        # the figure of merit is of the whole position; where it is missing nobody tells
        sigma = np.where((quality > 0).all(), quality / np.sqrt(3.0), 0.0)
    return sorted_fixes(Times.from_utc(table["time"].values), position, sigma, str(path))


def _satellite(parameters: OrbitParameters) -> Satellite:
    known = {
        "mass_kg": parameters.mass_kg,
        "drag_area_m2": parameters.drag_area_m2,
        "drag_coefficient": parameters.drag_coefficient,
        "light_area_m2": parameters.solar_radiation_area_m2,
        "light_coefficient": parameters.solar_radiation_coefficient,
    }
    return Satellite(**{name: value for name, value in known.items() if value is not None})


def _manoeuvre(item: Manoeuvre, parameters: OrbitParameters) -> Impulse | Thrust:
    axes, delta_v = item.axes, item.delta_v_ms
    if axes == "EME2000":
        axes, delta_v = "GCRF", rotation(item.ignition, "EME2000", "GCRF")[0] @ delta_v
    size = float(np.linalg.norm(delta_v))
    if item.duration_s == 0:
        return Impulse(
            item.ignition, delta_v, axes, max(_MANOEUVRE_SHARE * size, _LEAST_IMPULSE_MS), -item.delta_mass_kg
        )
    mass = parameters.mass_kg or Satellite().mass_kg
    if axes == "TNW" or item.delta_mass_kg >= 0 or size == 0:
        force, flow = mass * delta_v / item.duration_s, max(-item.delta_mass_kg, 0.0) / item.duration_s
    else:
        burn = burn_of(item, mass, parameters.source)
        force, flow = burn.thrust_n * burn.direction, burn.flow_kgs
    least = mass * _LEAST_IMPULSE_MS / item.duration_s
    switch = _ELECTRIC_SWITCH_S if item.duration_s > _ELECTRIC_S else 0.0
    sigma = max(_MANOEUVRE_SHARE * float(np.linalg.norm(force)), least)
    return Thrust(item.ignition, item.duration_s, force, axes, flow, sigma, switch, switch)
