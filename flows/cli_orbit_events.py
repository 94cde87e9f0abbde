"""The command `etalon orbit events`: when a satellite is in the shadow, over stations and sites, at its nodes, faces the Moon, meets another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def orbit_events(
    orbit: Annotated[Path, typer.Option(metavar="O.oem|O.tle", help="orbit: CCSDS OEM or two-line elements")],
    output: Annotated[Path, typer.Option(metavar="DIR", help="a new or empty folder")],
    second: Annotated[
        Path | None,
        typer.Option(metavar="O2.oem|O2.tle", help="a second satellite, for simultaneous nadir observations"),
    ] = None,
    stations: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", help="columns name,lat_deg,lon_deg,height_m: passes over them")
    ] = None,
    mask: Annotated[
        str,
        typer.Option(
            metavar="DEG|FILE.csv", help="least elevation of passes, deg, or columns station,azimuth_deg,elevation_deg"
        ),
    ] = "0",
    refraction: Annotated[
        bool, typer.Option("--refraction", help="compare refracted elevations with the mask [default: geometric ones]")
    ] = False,
    sites: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", help="columns name,lat_deg,lon_deg,height_m: visits to them")
    ] = None,
    max_view_zenith: Annotated[
        float, typer.Option(metavar="DEG", help="largest zenith angle at which a site sees the satellite")
    ] = 30.0,
    moon_phase: Annotated[
        list[float] | None,
        typer.Option(metavar="DEG", help="a phase at which to see the Moon, negative before full Moon; repeatable"),
    ] = None,
    moon_tolerance: Annotated[float, typer.Option(metavar="DEG", help="how far the phase may be from that")] = 1.0,
    moon_limb: Annotated[
        float, typer.Option(metavar="DEG", help="least angle of the Moon's lower limb over the Earth's")
    ] = 5.0,
    moon_sun: Annotated[float, typer.Option(metavar="DEG", help="least angle between Moon and Sun")] = 30.0,
    moon_shadow: Annotated[
        str,
        typer.Option(
            metavar="any|prefer|exclude",
            help="satellite in the Earth's shadow. any: no matter; prefer: the best time lies in the umbra where it can; exclude: slots in full sunlight",
        ),
    ] = "any",
    sno_minutes: Annotated[
        float, typer.Option(metavar="MIN", help="largest time between the two satellites over one place")
    ] = 10.0,
    sno_distance: Annotated[
        float, typer.Option(metavar="KM", help="largest distance between their nadir points")
    ] = 50.0,
    start: Annotated[
        str, typer.Option(metavar="UTC", help="[default: start of the orbit, epoch of the elements]")
    ] = "",
    stop: Annotated[str, typer.Option(metavar="UTC", help="[default: end of the orbit, 7 days of elements]")] = "",
    kinds: Annotated[
        str,
        typer.Option(
            metavar="KIND,KIND",
            help="some of eclipse,node,pass,site,moon,sno,track [default: all whose inputs are given, but track]",
        ),
    ] = "",
    track_step: Annotated[float, typer.Option(metavar="S", help="between points of the ground track")] = 60.0,
) -> None:
    """Find eclipses, node crossings, station passes, site visits, Moon slots, simultaneous nadir observations: events.csv, one table for each kind,
    summary.json, report.html with a timeline. See docs/events.md."""
    from flows.orbits.events import write_events
    from flows.orbits.events_inputs import EventFiles, Wanted
    from flows.orbits.writing import refusals
    from orbit_aux.events.moon_slots import MoonLimits
    from orbit_aux.events.nadir_pairs import PairLimits

    with refusals():
        wanted = Wanted(
            start,
            stop,
            kinds,
            tuple(moon_phase or ()),
            MoonLimits(moon_tolerance, moon_limb, moon_sun, moon_shadow),
            PairLimits(60.0 * sno_minutes, 1e3 * sno_distance),
            max_view_zenith,
            refraction,
            track_step,
        )
        lines = write_events(EventFiles(orbit, second, stations, mask, sites), output, wanted)
    for line in lines:
        print(line)
