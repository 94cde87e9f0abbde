"""What `etalon orbit events` is given: trajectories, stations, masks, sites, and what is asked of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from calib.errors import RequestError
from flows.orbits.inputs import instant
from flows.orbits.sources import read_orbit_or_elements
from orbit_aux.events.masks import Masks, read_masks
from orbit_aux.events.moon_slots import MoonLimits
from orbit_aux.events.nadir_pairs import PairLimits
from orbit_aux.events.sites import read_sites
from orbit_aux.orbit import Orbit
from orbit_aux.stations import Stations, read_stations
from orbit_aux.time import Times
from orbit_aux.tle import GROWTH_M_A_DAY, SIGMA_M, Elements
from orbit_aux.trajectory import Trajectory, trajectory_of

KINDS = ("eclipse", "node", "pass", "site", "moon", "sno", "track")

_DAY_S = 86_400.0
#: of elements without --stop
_WEEK_S = 7 * _DAY_S
#: two centuries at a minute would fill the memory
_LONGEST_S = 20 * 365.25 * _DAY_S
_OLD_DAYS = 7.0
#: of low orbits, to tell kilometres as seconds
_SPEED_KMS = 7.5


@dataclass(frozen=True)
class EventFiles:
    """Files: the orbit (OEM or two-line elements), that of a second satellite, stations, a mask (degrees or a file) and sites."""

    orbit: Path
    second: Path | None = None
    stations: Path | None = None
    mask: str = "0"
    sites: Path | None = None

    def named(self) -> dict[str, Path | None]:
        """All that may be files, by what they are."""
        mask = Path(self.mask)
        return {
            "orbit": self.orbit,
            "second": self.second,
            "stations": self.stations,
            "mask": mask if _number(self.mask) is None else None,
            "sites": self.sites,
        }


@dataclass(frozen=True)
class Wanted:
    """What is asked: UTC of the interval and kinds ("": as the inputs allow), phases of the Moon and limits."""

    start_utc: str = ""
    stop_utc: str = ""
    kinds: str = ""
    moon_phases_deg: tuple[float, ...] = ()
    moon: MoonLimits = field(default_factory=MoonLimits)
    pairs: PairLimits = field(default_factory=PairLimits)
    max_view_zenith_deg: float = 30.0
    refraction: bool = False
    track_step_s: float = 60.0


@dataclass(frozen=True, eq=False)
class EventRequest:
    """Kinds of events (of KINDS) between `start` and `stop`, and what they need; `mask_deg` and `refraction` are of passes."""

    start: Times
    stop: Times
    kinds: tuple[str, ...] = ("eclipse", "node")
    stations: Stations | None = None
    mask_deg: float | Masks = 0.0
    refraction: bool = False
    sites: Stations | None = None
    max_view_zenith_deg: float = 30.0
    moon_phases_deg: tuple[float, ...] = ()
    moon: MoonLimits = field(default_factory=MoonLimits)
    second: Trajectory | None = None
    pairs: PairLimits = field(default_factory=PairLimits)
    track_step_s: float = 60.0


def read_request(files: EventFiles, wanted: Wanted) -> tuple[Trajectory, EventRequest, list[str]]:
    """The satellite, what is asked of it, and remarks on the inputs."""
    if not 1.0 <= wanted.track_step_s <= 3600.0:
        raise RequestError(f"--track-step {wanted.track_step_s:g}: give 1 to 3600 s between points of the ground track")
    if not 0.0 < wanted.max_view_zenith_deg <= 90.0:
        raise RequestError(f"--max-view-zenith {wanted.max_view_zenith_deg:g}: give more than 0 and at most 90 deg")
    source = read_orbit_or_elements(files.orbit)
    start, stop = _interval(source, wanted)
    notes = [_said(source, files.orbit, start, stop)]
    second = None
    if files.second is not None:
        if files.second.resolve() == files.orbit.resolve():
            raise RequestError(f"--second {files.second}: is the file of --orbit; give that of another satellite")
        other = read_orbit_or_elements(files.second)
        second = trajectory_of(other)
        notes += [_said(other, files.second, start, stop), *_overlap(other, files.second, start, stop)]
    kinds = _kinds(files, wanted)
    request = EventRequest(
        start,
        stop,
        kinds,
        stations=None if files.stations is None else read_stations(files.stations),
        mask_deg=_mask(files.mask),
        refraction=wanted.refraction,
        sites=None if files.sites is None else read_sites(files.sites),
        max_view_zenith_deg=wanted.max_view_zenith_deg,
        moon_phases_deg=wanted.moon_phases_deg,
        moon=wanted.moon,
        second=second,
        pairs=wanted.pairs,
        track_step_s=wanted.track_step_s,
    )
    return trajectory_of(source), request, notes


def _interval(source: Orbit | Elements, wanted: Wanted) -> tuple[Times, Times]:
    if isinstance(source, Orbit):
        edges = source.segments[0].useable_start_ns, source.segments[-1].useable_stop_ns
        first, last = (Times(np.array([edge])) for edge in edges)
    else:
        first, last = source.epoch, source.epoch + _WEEK_S
    start = instant(wanted.start_utc, "--start") if wanted.start_utc else first
    if not isinstance(source, Orbit) and wanted.start_utc:
        last = start + _WEEK_S
    stop = instant(wanted.stop_utc, "--stop") if wanted.stop_utc else last
    length_s = float((stop - start)[0])
    if not 0 < length_s <= _LONGEST_S:
        said = " to ".join(time.utc_strings(0)[0] for time in (start, stop))
        raise RequestError(f"events from {said}: give --stop after --start, 20 years later at most")
    return start, stop


def _kinds(files: EventFiles, wanted: Wanted) -> tuple[str, ...]:
    """Those asked for, or all whose inputs are there; the ground track only when asked for."""
    lacking = {
        "pass": "" if files.stations else "--stations FILE",
        "site": "" if files.sites else "--sites FILE",
        "moon": "" if wanted.moon_phases_deg else "--moon-phase DEG",
        "sno": "" if files.second else "--second FILE",
    }
    if not wanted.kinds:
        return tuple(kind for kind in KINDS if kind != "track" and not lacking.get(kind))
    asked = [name.strip() for name in wanted.kinds.split(",") if name.strip()]
    for name in asked:
        if name not in KINDS:
            raise RequestError(f"--kinds {name[:40]}: is unknown; use some of {','.join(KINDS)}")
        if lacking.get(name):
            raise RequestError(f"--kinds {name}: needs {lacking[name]}; give it or leave out this kind")
    if not asked:
        raise RequestError(f"--kinds {wanted.kinds!r}: names none; use some of {','.join(KINDS)}")
    return tuple(kind for kind in KINDS if kind in asked)


def _mask(text: str) -> float | Masks:
    number = _number(text)
    return read_masks(text) if number is None else number


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _said(source: Orbit | Elements, path: Path, start: Times, stop: Times) -> str:
    """What was understood of a file of an orbit; of elements how old they are."""
    if isinstance(source, Orbit):
        parts = len(source.segments)
        return f"{path.name}: ephemeris of {source.object_name}, {source.frame}, {len(source.times)} states in {parts} segment{'s' * (parts > 1)}"
    ages = [float((time - source.epoch)[0]) / _DAY_S for time in (start, stop)]
    oldest = max(map(abs, ages))
    error_km = (SIGMA_M[1] + GROWTH_M_A_DAY * oldest) / 1e3
    told = f"used {ages[0]:.1f} to {ages[1]:.1f} days from it, along track good to {error_km:.0f} km ({error_km / _SPEED_KMS:.1f} s) at worst, by experience"
    warning = "WARNING: these elements are old, give newer ones; " if oldest > _OLD_DAYS else ""
    return f"{warning}{path.name}: two-line elements of {source.name} (SGP4), epoch {source.epoch.utc_strings(0)[0]}, {told}"


def _overlap(second: Orbit | Elements, path: Path, start: Times, stop: Times) -> list[str]:
    """A remark where the second satellite is not known all the time; never known is refused."""
    if not isinstance(second, Orbit):
        return []
    first_ns, last_ns = int(start.tai_ns[0]), int(stop.tai_ns[0])
    known_ns = sum(
        max(0, min(last_ns, part.useable_stop_ns) - max(first_ns, part.useable_start_ns)) for part in second.segments
    )
    if known_ns == 0:
        said = " to ".join(time.utc_strings(0)[0] for time in (start, stop))
        raise RequestError(
            f"--second {path}: has no states from {said}; give an orbit of that time, or other --start and --stop"
        )
    share = 100.0 * known_ns / (last_ns - first_ns)
    return [] if share >= 100.0 else [f"{path.name}: covers {share:.2g} % of the interval; no nadir pairs beside"]
