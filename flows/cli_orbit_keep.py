"""The commands that keep an orbit: `etalon orbit keep` plans manoeuvres, `etalon orbit daily` looks at the day."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[
    str,
    typer.Argument(metavar="CONFIG.yaml", help="a name in configs/keeping or a .yaml file; see docs/orbit_keeping.md"),
]
OrbitFile = Annotated[
    Path, typer.Option("--orbit", metavar="O.oem|O.opm", help="the restituted orbit (best: some days), or one state")
]
Executed = Annotated[
    Path | None,
    typer.Option(
        "--executed",
        metavar="FILE.csv|FILE.opm",
        help="manoeuvres done: an OPM of the plan, or utc (middle), planned_radial_ms, ..along.., ..cross.. and, if known, restituted_.._ms, sigma_ms",
    ),
]
Start = Annotated[
    str | None, typer.Option("--start", metavar="UTC", help="of the plan [default: the end of the orbit]")
]
Output = Annotated[Path, typer.Option("--output", metavar="DIR", help="a new or empty folder")]


def orbit_keep(
    config: Config,
    orbit: OrbitFile,
    output: Output,
    executed: Executed = None,
    start: Start = None,
    months: Annotated[float, typer.Option(metavar="N", help="to plan ahead")] = 6.0,
) -> None:
    """Plan the manoeuvres that keep track and local time in their windows: manoeuvres.csv and .opm, forecast.csv, summary.json, report.html. Exit code 3
    where the plan is not feasible (it is written)."""
    from flows.orbits.keeping import write_keeping

    feasible, lines = write_keeping(config, orbit, output, executed, start, months)
    for line in lines:
        print(line)
    raise typer.Exit(0 if feasible else 3)


def orbit_daily(
    config: Config,
    orbit: OrbitFile,
    output: Output,
    executed: Executed = None,
    start: Start = None,
    attitude: Annotated[
        Path | None, typer.Option(metavar="A.aem", help="attitude, judged against nadir pointing")
    ] = None,
    quality: Annotated[
        Path | None, typer.Option(metavar="summary.json", help="of the orbit's restitution: its verdict and sigma")
    ] = None,
    events: Annotated[
        Path | None,
        typer.Option(
            metavar="EVENTS.csv", help="next events: columns start (or time, utc) and any others [default: computed]"
        ),
    ] = None,
) -> None:
    """Look at an orbit as every morning: drifts and margins, last manoeuvre, next events, orbit quality, propellant, attitude, alarms: daily.json,
    report.html. Exit code 3 where an alarm is red."""
    from flows.orbits.daily import DailyFiles, write_daily

    red, lines = write_daily(config, orbit, output, DailyFiles(executed, attitude, quality, events), start)
    for line in lines:
        print(line)
    raise typer.Exit(3 if red else 0)
