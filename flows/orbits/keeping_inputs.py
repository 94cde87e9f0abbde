"""What keeping an orbit is given: a configuration of target, satellite, air and rules; an orbit; the manoeuvres that were executed."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from calib.errors import RequestError
from flows.orbits.inputs import instant
from flows.orbits.keeping_settings import Keeping, read_keeping
from flows.orbits.sources import kind_of
from orbit_aux.ccsds import read_oem, read_opm
from orbit_aux.constants import EARTH_MU_M3S2
from orbit_aux.errors import OrbitError
from orbit_aux.keeping.calibration_of_manoeuvres import (
    Executed,
    Trend,
    calibrate,
    read_executed,
    thruster_trend,
    with_rises,
)
from orbit_aux.keeping.manoeuvre_plan import LONGEST_LOOK_D
from orbit_aux.keeping.mean_motion import Atmosphere, MeanMotion, mean_motion
from orbit_aux.keeping.observation import ObservedArc, observe_arc
from orbit_aux.keeping.opportunities import impulse_applied
from orbit_aux.keeping.plan import Rules, Spacecraft, Target
from orbit_aux.keeping.track import Grid, drift_by, node_grid_longitude
from orbit_aux.motion.forces import Forces, Satellite
from orbit_aux.motion.mean_elements import MeanElements, mean_of_arc
from orbit_aux.motion.propagate import propagate
from orbit_aux.motion.space_weather import SpaceWeather, constant_space_weather, read_space_weather
from orbit_aux.orbit import Orbit
from orbit_aux.tables import read_rows
from orbit_aux.time import Times

_DAY_S = 86400.0
# of an ephemeris, the last days are looked at; of one state, as many are propagated
_ARCS_S = tuple(days * _DAY_S for days in (7.0, 3.0, 1.5, 0.75, 0.4))
_ARC_S, _PROPAGATED_S = _ARCS_S[0], 1.5 * _DAY_S
# tesseral waves leave some 100 m along the track where they are fitted, 600 m where the arc is too short for that
_GREATEST_RESIDUAL_M, _GREATEST_SHORT_RESIDUAL_M, _SHORT_S = 500.0, 1500.0, 1.45 * _DAY_S
# an orbit kept is within hundreds of metres of its own
_FARTHEST_OFF_M = 5_000.0
# two revolutions and some
_LEAST_BEFORE_S = 12_100.0
_STEP_S = 60.0
# an efficiency or a density known worse is not used
_WORST_EFFICIENCY, _WORST_DENSITY = 0.05, 0.5
# a few days after its orbit, a plan may begin
_LONGEST_WAIT_S = 400.0 * _DAY_S


@dataclass(frozen=True, eq=False)
class Situation:
    """Where the orbit is, and with what one counts from there."""

    settings: Keeping
    orbit: Orbit
    observed: ObservedArc
    motion: MeanMotion
    start: MeanElements
    target: Target
    craft: Spacecraft
    rules: Rules
    executed: list[Executed]
    trend: Trend | None
    density_used: float
    weather: SpaceWeather
    notes: tuple[str, ...]


def situation(
    name: str, orbit_file: Path, executed_file: Path | None, start_utc: str | None, duration_s: float
) -> Situation:
    """All that a plan or a daily page of `duration_s` from the start counts with."""
    settings, folder = read_keeping(name)
    weather = _weather(settings, folder)
    # what the configuration alone decides is refused before anything is computed
    rules, craft = _rules(settings, folder), _spacecraft(settings, 1.0)
    try:
        Grid(settings.target.revolutions, settings.target.days, 0.0)
    except OrbitError as error:
        raise RequestError(f"{settings.name}: target: {error}") from None
    orbit, notes = _orbit(orbit_file, settings, weather)
    begin, end = _arc(orbit)
    start = end if start_utc is None else instant(start_utc, "--start")
    wait = float((start - end)[0])
    if wait < 0 and float((start - begin)[0]) > 0:
        end, wait = start, 0.0
    if not 0 <= wait <= _LONGEST_WAIT_S:
        raise RequestError(
            f"--start {start.utc_strings(0)[0]}: {orbit_file} covers {begin.utc_strings(0)[0]} to {end.utc_strings(0)[0]}; start in it or within 400 days"
        )
    executed = [] if executed_file is None else _read_executed(executed_file, start)
    reach = wait + duration_s + _ARC_S + (LONGEST_LOOK_D + 2.0) * _DAY_S
    motion, observed, inside, told = _observed(orbit, (begin, end), executed, settings, weather, reach)
    notes = (*notes, *told)
    executed = _completed(executed, inside, observed)
    trend = _trend(executed)
    density = 1.0
    if observed.density_sigma < _WORST_DENSITY and 0.05 < observed.density_factor < 20.0:
        density = observed.density_factor
    motion = replace(motion.scaled(density), corrections_rads=observed.corrections_rads)
    _refuse_another_orbit(observed.end, settings)
    now = _brought(motion, observed.end, start, [item for item in executed if (item.time - end)[0] >= 0])
    efficiency = trend.mean if trend is not None and trend.mean_sigma < _WORST_EFFICIENCY else 1.0
    return Situation(
        settings,
        orbit,
        observed,
        motion,
        now,
        _target(settings, motion, now),
        replace(craft, efficiency=efficiency),
        rules,
        executed,
        trend,
        density,
        weather,
        notes,
    )


def _refuse_another_orbit(mean: MeanElements, settings: Keeping) -> None:
    """What is far from the repeat orbit is to be transferred, not kept."""
    wanted = settings.target
    drift, by_axis, _ = drift_by(mean, Grid(wanted.revolutions, wanted.days, 0.0))
    off_m = drift / by_axis
    if abs(off_m) > _FARTHEST_OFF_M:
        raise RequestError(
            f"{settings.name}: the orbit (mean semi-major axis {mean.semi_major_axis_m[0] / 1e3:.1f} km) lies about {off_m / 1e3:+.0f} km from the one of "
            f"{wanted.revolutions} revolutions in {wanted.days} days; choose another configuration, or a transfer"
        )


def _read_executed(path: Path, start: Times) -> list[Executed]:
    """Manoeuvres before `start`, from a table, or as they were planned from an OPM."""
    found = _of_opm(path) if kind_of(path, "executed manoeuvres, OPM or CSV") == "OPM" else read_executed(path)
    return [item for item in found if (item.time - start)[0] < 0]


def _of_opm(path: Path) -> list[Executed]:
    planned = []
    for item in read_opm(path).manoeuvres:
        if item.axes not in ("RSW", "TNW"):
            raise OrbitError(
                f"{path}: the manoeuvre of {item.ignition.utc_strings(0)[0]} is in {item.axes}; give executed manoeuvres in RSW or TNW"
            )
        # on a circle the velocity is transverse, and W x T points down
        tangent, inward, normal = item.delta_v_ms if item.axes == "TNW" else (0.0, 0.0, 0.0)
        local = item.delta_v_ms if item.axes == "RSW" else np.array([-inward, tangent, normal])
        planned.append(Executed(item.ignition + 0.5 * item.duration_s, local, np.full(3, np.nan), float("nan")))
    return sorted(planned, key=lambda item: int(item.time.tai_ns[0]))


def _brought(motion: MeanMotion, mean: MeanElements, start: Times, between: list[Executed]) -> MeanElements:
    """One mean state carried to `start`, through the manoeuvres executed since: as restituted, else as planned."""
    for item in between:
        mean = _carried(motion, mean, item.time)
        _, along, cross = item.restituted_ms if item.restituted else item.planned_ms
        mean = impulse_applied(mean, float(along), float(cross))
    return _carried(motion, mean, start)


def _carried(motion: MeanMotion, mean: MeanElements, to: Times) -> MeanElements:
    seconds = float((to - mean.times)[0])
    return motion.moved(mean, seconds) if seconds > 0 else mean


def _observed(
    orbit: Orbit,
    edges: tuple[Times, Times],
    executed: list[Executed],
    settings: Keeping,
    weather: SpaceWeather,
    reach: float,
) -> tuple[MeanMotion, ObservedArc, list[Executed], tuple[str, ...]]:
    """What the latest arc says that a free orbit with the executed manoeuvres fits; shorter ones where a longer one does not."""
    satellite, (first_edge, end) = settings.satellite, edges
    ballistic = satellite.drag_coefficient * satellite.drag_area_m2 / satellite.mass_kg
    notes: tuple[str, ...] = ()
    for length_s in _ARCS_S:
        begin = Times(np.maximum(first_edge.tai_ns, (end + -length_s).tai_ns))
        for item in executed:
            # too little before a manoeuvre to tell the orbit there
            if 0 <= float((item.time - begin)[0]) < _LEAST_BEFORE_S:
                begin = item.time + 1.0
        first = mean_of_arc(orbit, begin, Times(np.minimum((begin + 0.5 * _DAY_S).tai_ns, end.tai_ns)))
        motion = mean_motion(first, reach, _air(settings, weather), ballistic)
        inside = [item for item in executed if begin.tai_ns[0] < item.time.tai_ns[0] < end.tai_ns[0]]
        observed = observe_arc(orbit, motion, begin, end, [item.time for item in inside])
        greatest = _GREATEST_SHORT_RESIDUAL_M if observed.span_s < _SHORT_S else _GREATEST_RESIDUAL_M
        if observed.residual_rms_m < greatest:
            return motion, observed, inside, notes
        notes = (
            f"{observed.span_s / 3600:.0f} h of orbit are no free flight with what was told ({observed.residual_rms_m:.0f} m rms): a shorter arc serves; "
            "is one missing in --executed?",
        )
    raise RequestError(
        f"{orbit.source}: its last {observed.span_s / 3600:.0f} h are no free flight ({observed.residual_rms_m:.0f} m rms); give its manoeuvres (--executed)"
    )


def _orbit(path: Path, settings: Keeping, weather: SpaceWeather) -> tuple[Orbit, tuple[str, ...]]:
    """The orbit of an OEM; that of an OPM, propagated for a day so that its mean elements can be told."""
    if kind_of(path, "an orbit, OEM or OPM") != "OPM":
        return read_oem(path), ()
    parameters = read_opm(path)
    craft = settings.satellite
    satellite = Satellite(craft.mass_kg, craft.drag_area_m2, craft.drag_coefficient)
    state = parameters.state.to("GCRF")
    if not 6.5e6 < float(np.linalg.norm(state.position_m[0])) < 9e6:
        raise OrbitError(
            f"{path}: the state lies {np.linalg.norm(state.position_m[0]) / 1e3:.0f} km from the Earth's centre; a low orbit is wanted, check its units (km)"
        )
    # backwards in time is not propagated: the arc follows the state, and a plan begins at its end
    times = state.times + np.arange(0.0, _PROPAGATED_S + _STEP_S, _STEP_S)
    states = propagate(state, times, Forces(satellite=satellite, space_weather=weather), step_s=60.0)
    named = (parameters.object_name, parameters.object_id)
    orbit = Orbit(*named, "GCRF", times, states.position_m, states.velocity_ms, str(path))
    hours = _PROPAGATED_S / 3600.0
    return orbit, (
        f"one state only: propagated for {hours:.0f} h to tell its mean elements, the plan begins after them",
    )


def _arc(orbit: Orbit) -> tuple[Times, Times]:
    """The last stretch of the ephemeris without a gap."""
    first_ns, last_ns = orbit.segments[-1].useable_start_ns, orbit.segments[-1].useable_stop_ns
    for segment in reversed(orbit.segments[:-1]):
        if segment.useable_stop_ns < first_ns:
            break
        first_ns = segment.useable_start_ns
    return Times(np.array([first_ns])), Times(np.array([last_ns]))


def _weather(settings: Keeping, folder: Path) -> SpaceWeather:
    air = settings.atmosphere
    if air.model == "constant" and air.density_kgm3 is None:
        raise RequestError(
            f"{settings.name}: atmosphere.density_kgm3 is missing; give it, or the model harris_priester"
        )
    if air.model == "harris_priester" and air.density_kgm3 is not None:
        raise RequestError(
            f"{settings.name}: atmosphere.density_kgm3 {air.density_kgm3} belongs to the model constant; remove it or change the model"
        )
    if air.space_weather is not None:
        return read_space_weather(folder / air.space_weather)
    return constant_space_weather(air.f107, air.ap)


def _air(settings: Keeping, weather: SpaceWeather) -> Atmosphere:
    air = settings.atmosphere
    return Atmosphere(air.density_kgm3, weather, air.bulge_exponent, air.scale)


def _target(settings: Keeping, motion: MeanMotion, now: MeanElements) -> Target:
    wanted = settings.target
    if wanted.grid_longitude_deg is None:
        longitude = node_grid_longitude(motion, now, wanted.revolutions, wanted.days)
    else:
        longitude = math.radians(wanted.grid_longitude_deg)
    grid = Grid(wanted.revolutions, wanted.days, longitude)
    hours = wanted.local_time_h if wanted.node == "ascending" else (wanted.local_time_h + 12.0) % 24.0
    return Target(
        grid, wanted.track_half_width_m, hours, 60.0 * wanted.local_time_half_width_min, wanted.eccentricity_tolerance
    )


def _spacecraft(settings: Keeping, efficiency: float) -> Spacecraft:
    given = settings.satellite
    return Spacecraft(
        given.mass_kg, given.propellant_kg, given.thrust_n, given.specific_impulse_s, given.longest_burn_s, efficiency
    )


def _rules(settings: Keeping, folder: Path) -> Rules:
    given = settings.rules
    rows = [(item.start_utc, item.stop_utc, item.why) for item in given.forbidden]
    if given.forbidden_file is not None:
        table = read_rows(folder / given.forbidden_file, ("start_utc", "stop_utc", "why"), "forbidden intervals")
        rows += [(row["start_utc"] or "", row["stop_utc"] or "", row["why"] or "") for row in table]
    forbidden = tuple((instant(start, "forbidden"), instant(stop, "forbidden"), why) for start, stop, why in rows)
    return Rules(
        given.lead_h * 3600.0,
        given.spacing_h * 3600.0,
        forbidden,
        given.burns,
        given.most_burns,
        given.retrograde,
        given.burn_in_eclipse,
        given.inclination,
        given.inclination_period_d * _DAY_S,
        given.used_share,
        given.density_margin,
    )


def _completed(executed: list[Executed], inside: list[Executed], observed: ObservedArc) -> list[Executed]:
    """Manoeuvres inside the arc that nobody restituted, from the rise that the arc shows: dv = n da / 2."""
    a = float(observed.end.semi_major_axis_m[0])
    half_motion = 0.5 * math.sqrt(EARTH_MU_M3S2 / a**3)
    told = iter(
        with_rises(inside, (half_motion * observed.rises_m).tolist(), (half_motion * observed.rise_sigmas_m).tolist())
    )
    names = {id(item): next(told) for item in sorted(inside, key=lambda item: int(item.time.tai_ns[0]))}
    return [names.get(id(item), item) for item in executed]


def _trend(executed: list[Executed]) -> Trend | None:
    known = [item for item in executed if item.restituted]
    found = [calibrate(item) for item in known]
    times = Times.concatenate([item.time for item in known])
    return thruster_trend(
        times, np.array([item.ratio for item in found]), np.array([item.ratio_sigma for item in found])
    )
