"""`etalon orbit daily`: one morning's look at an orbit, against windows and thresholds; alarms that a machine can read."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from calib.errors import RequestError
from flows.orbits.inputs import instant, record
from flows.orbits.keeping import mean_record, observed_record
from flows.orbits.keeping_inputs import Situation, situation
from flows.orbits.keeping_settings import read_keeping
from flows.orbits.writing import check_output, csv_text, new_folder, write_json
from orbit_aux.ccsds import read_aem
from orbit_aux.constants import EARTH_MU_M3S2
from orbit_aux.events.eclipses import eclipses
from orbit_aux.events.nodes import node_crossings
from orbit_aux.events.passes import passes
from orbit_aux.keeping.calibration_of_manoeuvres import calibrate
from orbit_aux.keeping.manoeuvre_plan import plan_manoeuvres
from orbit_aux.keeping.monitoring import LEVELS, Alarm, Margin, Pointing, judged, margins, pointing
from orbit_aux.keeping.station_keeping import YEAR_S
from orbit_aux.motion.forces import Forces, Satellite
from orbit_aux.motion.mean_elements import osculating_state
from orbit_aux.motion.propagate import propagate
from orbit_aux.orbit import Orbit
from orbit_aux.stations import read_stations
from orbit_aux.tables import read_rows

_DAY_S = 86400.0
_STEP_S = 60.0
_DEG = 180.0 / math.pi
# of the look ahead by which propellant a year is told
_YEAR_SHARE = 0.5
_MOST_SUMMARY_BYTES = 10_000_000


@dataclass(frozen=True)
class DailyFiles:
    """What else is given: executed manoeuvres, attitude, the restitution's summary, a table of events."""

    executed: Path | None = None
    attitude: Path | None = None
    quality: Path | None = None
    events: Path | None = None


@dataclass(frozen=True)
class _Quality:
    """What a restitution said of its orbit."""

    verdict: str
    sigma_m: float
    reasons: str


@dataclass(frozen=True, eq=False)
class Day:
    """All that the page shows."""

    place: Situation
    margins: tuple[Margin, ...]
    alarms: tuple[Alarm, ...]
    events: list[tuple[str, str, str]]
    """Time (UTC), what, and details; in order."""
    pointing: Pointing | None
    propellant_per_year_kg: float
    next_burn: str


def write_daily(name: str, orbit: Path, output: Path, files: DailyFiles, start: str | None) -> tuple[bool, list[str]]:
    """Look, and write daily.json, events.csv, report.html into the new folder `output`; returns whether an alarm is red, and the lines to print."""
    from calib.report.sheet import page
    from flows.orbits.daily_page import daily_page

    check_output(output)
    quality = None if files.quality is None else _read_quality(files.quality)
    place = situation(name, orbit, files.executed, start, _YEAR_SHARE * YEAR_S)
    day = _day(place, name, files, quality)
    level = max((alarm.level for alarm in day.alarms), key=LEVELS.index)
    given = {"orbit": orbit, **vars(files)}
    summary = _summary(day, level) | {"inputs": record(place.start.times, given)}
    with new_folder(output) as part:
        (part / "events.csv").write_text(csv_text(("utc", "event", "details"), day.events), encoding="utf-8")
        write_json(part / "daily.json", summary)
        (part / "report.html").write_text(page(daily_page(day, level)), encoding="utf-8")
    return level == "red", _lines(day, level)


def _day(place: Situation, name: str, files: DailyFiles, quality: _Quality | None) -> Day:
    settings = place.settings.monitoring
    found = margins(place.motion, place.start, place.target)
    yearly, next_burn = _yearly(place)
    seen = None
    if files.attitude is not None:
        seen = pointing(read_aem(files.attitude), place.orbit)
    alarms = [
        *_drift_alarms(place, found),
        *_thruster_alarms(place),
        judged(
            "propellant",
            place.craft.propellant_kg / yearly if yearly > 0 else math.inf,
            settings.propellant_years,
            "years",
            f"{place.craft.propellant_kg:.3g} kg at {yearly:.3g} kg a year",
            low=True,
        ),
        *(_quality_alarms(place, quality) if quality is not None else ()),
        *(_pointing_alarms(place, seen) if seen is not None else ()),
    ]
    events = _events(place, read_keeping(name)[1]) if files.events is None else _listed(files.events, place)
    return Day(place, found, tuple(alarms), events, seen, yearly, next_burn)


def _yearly(place: Situation) -> tuple[float, str]:
    """Propellant a year of a plan that begins today, and its first burn."""
    span_s = _YEAR_SHARE * YEAR_S
    plan = plan_manoeuvres(
        place.motion, place.start, place.start.times + span_s, place.target, place.craft, place.rules
    )
    used = sum(burn.propellant_kg for burn in plan.burns if burn.feasible)
    told = "none within half a year"
    if plan.burns:
        first = plan.burns[0]
        told = f"{first.ignition.utc_strings(0)[0]}, {np.linalg.norm(first.needed_ms):.4f} m/s, {first.why}"
    return used * YEAR_S / span_s, told


def _drift_alarms(place: Situation, found: tuple[Margin, ...]) -> list[Alarm]:
    settings = place.settings.monitoring
    track, local_time, eccentricity = found
    alarms = [
        judged(
            item.name,
            item.days_to_edge,
            thresholds,
            "days to the edge",
            f"{item.value:.1f} {item.unit} of ± {item.half_width:.0f} {item.unit}, {item.rate_per_day:+.3g} {item.unit} a day",
            low=True,
        )
        for item, thresholds in ((track, settings.track_days), (local_time, settings.local_time_days))
    ]
    alarms.append(
        judged(
            eccentricity.name,
            eccentricity.used_share,
            settings.eccentricity_share,
            "of the tolerance",
            f"{eccentricity.value:.2e} from the frozen one",
        )
    )
    factor = place.observed.density_factor
    if math.isfinite(factor):
        text = f"observed {factor:.2f} ± {place.observed.density_sigma:.2f} of the model"
        off = max(factor, 1.0 / factor) - 1.0 if factor > 0 else math.inf
        alarms.append(judged("density", off, settings.density_off, "off the model", text))
    return alarms


def _thruster_alarms(place: Situation) -> list[Alarm]:
    """Of the last manoeuvre that was restituted; what lies within three sigmas is no alarm."""
    known = [item for item in place.executed if item.restituted]
    if not known:
        return []
    settings, last = place.settings.monitoring, known[-1]
    found = calibrate(last)
    label = last.time.utc_strings(0)[0]
    off = abs(found.ratio - 1.0)
    off = off if off > 3.0 * found.ratio_sigma else 0.0
    aside = found.direction_rad if found.direction_rad > 3.0 * found.direction_sigma_rad else 0.0
    return [
        judged(
            "last manoeuvre, size",
            off,
            settings.thrust_off,
            "off the plan",
            f"{label}: {found.ratio:.4f} ± {found.ratio_sigma:.4f} of the plan",
        ),
        judged(
            "last manoeuvre, direction",
            aside * _DEG,
            settings.direction_deg,
            "deg",
            f"{label}: {found.direction_rad * _DEG:.2f} ± {found.direction_sigma_rad * _DEG:.2f} deg",
        ),
    ]


def _read_quality(path: Path) -> _Quality:
    """Of the summary that a restitution of a low orbit left."""
    try:
        content = json.loads(path.read_text(encoding="utf-8")[:_MOST_SUMMARY_BYTES])
        verdict, sigma = str(content["verdict"]), float(content["position_sigma_3d_m"]["median"])
    except (OSError, UnicodeDecodeError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise RequestError(
            f"{path}: is no summary of a restitution ({type(error).__name__}: {error}); give the summary.json beside its orbit.oem"
        ) from None
    reasons = content.get("reasons") or []
    return _Quality(verdict, sigma, "; ".join(map(str, reasons)) if isinstance(reasons, list) else str(reasons))


def _quality_alarms(place: Situation, quality: _Quality) -> list[Alarm]:
    level = {"believed": "green", "doubtful": "amber"}.get(quality.verdict, "red")
    told = f"{quality.verdict} {quality.reasons}".strip()
    thresholds = place.settings.monitoring.position_sigma_m
    return [
        Alarm("orbit, verdict", level, float(LEVELS.index(level)), 0.5, 1.5, "level", told),
        judged("orbit, position", quality.sigma_m, thresholds, "m, 3D sigma", f"{quality.sigma_m:.2f} m (median)"),
    ]


def _pointing_alarms(place: Situation, seen: Pointing) -> list[Alarm]:
    settings = place.settings.monitoring
    worst = int(np.argmax(seen.off_nadir_rad))
    turn = math.sqrt(EARTH_MU_M3S2 / float(place.start.semi_major_axis_m[0]) ** 3)
    off = np.abs(seen.rate_rads - turn) * _DEG
    return [
        judged(
            "attitude, off nadir",
            float(seen.off_nadir_rad[worst]) * _DEG,
            settings.off_nadir_deg,
            "deg",
            f"worst {seen.elapsed_s[worst]:.0f} s after the first record; rms {np.sqrt(np.mean(seen.off_nadir_rad**2)) * _DEG:.4f} deg",
        ),
        judged(
            "attitude, rate",
            float(off.max()),
            settings.rate_off_degs,
            "deg/s off the orbital rate",
            f"rates of {seen.rate_rads.min() * _DEG:.4f} to {seen.rate_rads.max() * _DEG:.4f} deg/s",
        ),
    ]


def _events(place: Situation, folder: Path) -> list[tuple[str, str, str]]:
    """Nodes, eclipses and passes ahead, of the orbit propagated from the start."""
    settings = place.settings.monitoring
    at = place.start.times
    state = place.orbit.at(at) if place.orbit.covers(at).all() else osculating_state(place.start)
    craft = place.settings.satellite
    satellite = Satellite(craft.mass_kg, craft.drag_area_m2, craft.drag_coefficient)
    times = at + np.arange(0.0, settings.horizon_h * 3600.0 + _STEP_S, _STEP_S)
    states = propagate(state, times, Forces(satellite=satellite, space_weather=place.weather), step_s=60.0)
    ahead = Orbit(
        place.orbit.object_name,
        place.orbit.object_id,
        "GCRF",
        times,
        states.position_m,
        states.velocity_ms,
        "predicted",
    )
    stop = times[-1]
    found = []
    nodes = node_crossings(ahead, at, stop)
    for row in range(nodes.sizes["event"]):
        item = nodes.isel(event=row)
        if str(item.node.item()) == "ascending":
            found.append((_label(item.time), "ascending node", f"longitude {float(item.longitude):.3f} deg"))
    dark = eclipses(ahead, at, stop)
    for row in range(dark.sizes["event"]):
        item = dark.isel(event=row)
        found.append((_label(item.start), "eclipse", f"{float(item.duration) / 60:.1f} min to {_label(item.stop)}"))
    if settings.stations is not None:
        seen = passes(ahead, read_stations(folder / settings.stations), at, stop, mask_deg=settings.pass_mask_deg)
        for row in range(seen.sizes["event"]):
            item = seen.isel(event=row)
            details = f"to {_label(item.stop)}, {float(item.elevation_culmination):.1f} deg"
            found.append((_label(item.start), f"pass {item.station.item()}", details))
    return sorted(found)


def _label(item: xr.DataArray) -> str:
    return f"{np.datetime_as_string(item.values, unit='s')}Z"


def _listed(path: Path, place: Situation) -> list[tuple[str, str, str]]:
    """Events of a table from the start on; its time stands in start, time or utc, what it is in event or kind."""
    rows = read_rows(path, (), "events")
    head = next((name for name in ("start", "start_utc", "time", "utc") if rows and name in rows[0]), None)
    if head is None:
        raise RequestError(f"{path}: no column start, start_utc, time or utc among its events; add one")
    found = []
    for row in rows:
        time = instant((row[head] or "").strip(), str(path))
        if (time - place.start.times)[0] >= 0:
            what = row.get("event") or row.get("kind") or row.get("station") or path.stem
            kept = ("event", "kind", head)
            details = ", ".join(f"{key} {value}" for key, value in row.items() if key and value and key not in kept)
            found.append((time.utc_strings(0)[0], str(what), details))
    return sorted(found)


def _summary(day: Day, level: str) -> dict[str, Any]:
    place = day.place
    return {
        "name": place.settings.name,
        "object_name": place.orbit.object_name,
        "utc": place.start.times.utc_strings(0)[0],
        "level": level,
        "alarms": [vars(alarm) for alarm in day.alarms],
        "margins": [
            vars(item) | {"used_share": item.used_share, "beyond_look_ahead": math.isinf(item.days_to_edge)}
            for item in day.margins
        ],
        "mean_elements": mean_record(place),
        "observed": observed_record(place),
        "propellant_kg": place.craft.propellant_kg,
        "propellant_per_year_kg": day.propellant_per_year_kg,
        "next_burn": day.next_burn,
        "next_events": [dict(zip(("utc", "event", "details"), item, strict=True)) for item in day.events[:50]],
        "attitude": None
        if day.pointing is None
        else {
            "records": len(day.pointing.elapsed_s),
            **{
                f"{name}_deg": {"mean": float(np.mean(values)) * _DEG, "worst": float(np.abs(values).max()) * _DEG}
                for name, values in (
                    ("roll", day.pointing.roll_rad),
                    ("pitch", day.pointing.pitch_rad),
                    ("yaw", day.pointing.yaw_rad),
                    ("off_nadir", day.pointing.off_nadir_rad),
                )
            },
        },
    }


def _told(alarm: Alarm) -> str:
    return f"{alarm.value:.4g} {alarm.unit}" if math.isfinite(alarm.value) else f"none in sight, {alarm.unit}"


def _lines(day: Day, level: str) -> list[str]:
    lines = [f"{day.place.settings.name}: {day.place.start.times.utc_strings(0)[0]}"]
    lines += [
        f"{alarm.level.upper():6} {alarm.name}: {_told(alarm)} (amber {alarm.amber:g}, red {alarm.red:g}); {alarm.text}"
        for alarm in sorted(day.alarms, key=lambda item: -LEVELS.index(item.level))
    ]
    lines.append(f"Next burn: {day.next_burn}")
    lines += [f"Next event: {time}, {what}, {details}" for time, what, details in day.events[:1]]
    return [*lines, f"Alarm level: {level}"]
