"""`etalon orbit change`: the orbit change, end to end."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from calib.errors import RequestError


def orbit_change(
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="a new or empty folder")],
    archive: Annotated[
        Path, typer.Option("--archive", envvar="ETALON_ARCHIVE", metavar="DIR", help="the archive's folder")
    ] = Path("etalon-archive"),
    orbit: Annotated[
        list[Path] | None, typer.Option("--orbit", metavar="NEW.oem", help="the new orbit (CCSDS OEM); repeatable")
    ] = None,
    tracking: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="restitute it from tracking through a burn, or with --filter batch of a low orbit"
        ),
    ] = None,
    positions: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="restitute it from positions of a low orbit; see docs/orbit_low.md"),
    ] = None,
    initial: Annotated[
        Path | None, typer.Option(metavar="FILE.opm", help="state, covariance, mass and manoeuvres (CCSDS OPM)")
    ] = None,
    stations: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", help="columns name,lat_deg,lon_deg,height_m")
    ] = None,
    method: Annotated[
        str | None, typer.Option("--filter", metavar="full|paper|batch|kalman", help="as for `etalon orbit restitute`")
    ] = None,
    accept_since: Annotated[
        str | None,
        typer.Option(
            metavar="UTC|PHASE",
            help="compare the gains since this date, or in this phase of the mission, with those before: accepted band by band, or not",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="write what the orbit moves and what would be redone; compute nothing")
    ] = False,
    engine: Annotated[
        str | None,
        typer.Option(metavar="auto|local|prefect", help="auto: Prefect where a server is configured, else local"),
    ] = None,
    index: Annotated[
        str | None,
        typer.Option(envvar="ETALON_INDEX", metavar="URL", help="SQL index other than the SQLite file in the archive"),
    ] = None,
) -> None:
    """Compare a new orbit with an archive, redo what it moves by more than the quantum of the geometry, and say what it did to the coefficients (shifts.csv,
    changes.csv, acceptance.csv, summary.json, report.html). Exit code 3 where the restitution is refused or gains are not accepted."""
    from calib.archive import Archive
    from flows.campaign import choose_engine
    from flows.display import progress
    from flows.orbits.change import Asked, NewOrbit, change_orbit

    if engine not in (None, "auto", "local", "prefect"):
        raise RequestError(f"--engine {engine}: use auto, local or prefect")
    if not (archive / "etalon-archive.json").is_file():
        raise RequestError(f"{archive}: no archive here; name its folder with --archive or the variable ETALON_ARCHIVE")
    new = NewOrbit(tuple(orbit or ()), tracking, positions, initial, stations, method)
    asked = Asked(choose_engine(engine or "auto"), dry_run, accept_since)
    code, lines = change_orbit(Archive(archive, index), new, output, asked, progress)
    for line in lines:
        print(line)
    raise typer.Exit(code)
