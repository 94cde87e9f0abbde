"""The commands that design orbits and the ways between them: `etalon orbit design`, `etalon orbit transfer`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from calib.errors import RequestError

Output = Annotated[Path, typer.Option("--output", metavar="DIR", help="a new or empty folder")]


def orbit_design(
    output: Output,
    revolutions: Annotated[int | None, typer.Option(metavar="N", help="of the cycle, with --days")] = None,
    days: Annotated[int | None, typer.Option(metavar="D", help="after which the track repeats")] = None,
    eccentricity: Annotated[str, typer.Option(metavar="frozen|E", help="perigee lies at 90 deg")] = "frozen",
    local_time: Annotated[float, typer.Option(metavar="H", help="mean solar local time of the node, hours")] = 10.5,
    node: Annotated[str, typer.Option(metavar="descending|ascending", help="the node that --local-time means")] = (
        "descending"
    ),
    altitude_km: Annotated[
        tuple[float, float] | None,
        typer.Option(metavar="LOW HIGH", help="list the cycles of this band, km [default: 20 km about the design]"),
    ] = None,
    max_days: Annotated[int, typer.Option(metavar="D", help="longest cycle in the list")] = 30,
    start: Annotated[
        str | None, typer.Option(metavar="UTC", help="write orbit.oem from here, where the orbit is at --node")
    ] = None,
    duration: Annotated[float | None, typer.Option(metavar="DAYS", help="of orbit.oem, with --start")] = None,
    step: Annotated[float, typer.Option(metavar="S", help="between the states of orbit.oem")] = 60.0,
    track_window: Annotated[float, typer.Option(metavar="KM", help="half width at the equator")] = 5.0,
    local_time_window: Annotated[float, typer.Option(metavar="MIN", help="half width")] = 5.0,
) -> None:
    """Design a Sun-synchronous orbit whose track repeats: axis, inclination, frozen eccentricity, track grid, Sun and eclipses; list repeat cycles."""
    from flows.orbits.design import DesignRequest, write_design

    if (revolutions is None) != (days is None):
        raise RequestError("--revolutions and --days need each other: give both")
    request = DesignRequest(
        cycle=None if revolutions is None or days is None else (revolutions, days),
        eccentricity=None if eccentricity == "frozen" else _number(eccentricity),
        local_time_h=local_time,
        node=node,
        band_km=altitude_km,
        longest_days=max_days,
        start=start,
        duration_days=duration,
        step_s=step,
        track_window_km=track_window,
        local_time_window_min=local_time_window,
    )
    for line in write_design(request, output):
        print(line)


def orbit_transfer(
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG.yaml", help="orbits, engine and duty; docs/orbit_design.md")
    ],
    output: Output,
) -> None:
    """Plan a long transfer by small thrust or by many short burns: elements, local time, mass and propellant on the way, every burn, and the orbit flown."""
    from flows.orbits.transfer import write_transfer

    for line in write_transfer(config, output):
        print(line)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise RequestError(f"--eccentricity {text}: give a number of 0 to 0.1, or frozen") from None
