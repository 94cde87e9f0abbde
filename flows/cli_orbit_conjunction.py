"""`etalon orbit conjunction` and `etalon orbit screen`: the probability of collision, and where it may arise."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from calib.errors import RequestError

Output = Annotated[Path, typer.Option("--output", metavar="DIR", help="a new or empty folder")]
Red = Annotated[
    float | None,
    typer.Option(
        metavar="P",
        help="exit with code 3 where a probability is at least P [default: 1e-4 colours the report, the code stays 0]",
    ),
]


def orbit_conjunction(
    cdm: Annotated[list[Path], typer.Argument(metavar="CDM...", help="CDM files (KVN or XML), or folders of them")],
    output: Output,
    radius: Annotated[
        float | None,
        typer.Option(metavar="M", help="hard-body radius of both objects together, m [default: HBR of the file]"),
    ] = None,
    monte_carlo: Annotated[
        str,
        typer.Option(
            "--monte-carlo", metavar="N|auto|off", help="samples; auto: as many as needed where 2-D may not be used"
        ),
    ] = "auto",
    window: Annotated[
        float | None,
        typer.Option(
            metavar="S",
            help="half-length of the time about TCA that counts, s [default: a quarter of a revolution, or till a passage ends]",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="of the samples")] = 1,
    avoid: Annotated[bool, typer.Option("--avoid", help="scan velocity changes of OBJECT1 and lead times")] = False,
    target: Annotated[
        float | None,
        typer.Option(metavar="P", help="with --avoid: probability that a manoeuvre shall reach [default: 1e-5]"),
    ] = None,
    mass: Annotated[float | None, typer.Option(metavar="KG", help="of OBJECT1, for propellant")] = None,
    isp: Annotated[float | None, typer.Option("--isp", metavar="S", help="specific impulse, for propellant")] = None,
    red: Red = None,
) -> None:
    """Probability of collision of one or many CDM: in two dimensions where that may be used, else in three and by Monte Carlo, with flags that say why
    (summary.json, conjunctions.csv, scan.csv, report.html)."""
    from flows.orbits.conjunction import RED, ConjunctionOptions, samples_of, write_conjunctions

    if not 0 <= seed < 2**63:
        raise RequestError(f"--seed {seed}: give a whole number, not negative")
    if target is not None and not avoid:
        raise RequestError(f"--target {target:g}: is what a manoeuvre shall reach; give --avoid too")
    threshold, wanted = RED if red is None else red, 1e-5 if target is None else target
    options = ConjunctionOptions(radius, samples_of(monte_carlo), window, seed, threshold, avoid, wanted, mass, isp)
    lines, judged = write_conjunctions(cdm, output, options)
    for line in lines:
        print(line)
    alarm = red is not None and any(item.summary.get("level") == "red" for item in judged)
    if alarm or any(item.error for item in judged):
        raise typer.Exit(3)


def orbit_screen(
    orbit: Annotated[
        Path,
        typer.Option(metavar="OWN.oem", help="own ephemeris with its planned manoeuvres, and covariances if known"),
    ],
    against: Annotated[
        list[Path], typer.Option(metavar="X.oem|X.tle", help="another object; may be given several times")
    ],
    threshold: Annotated[float, typer.Option(metavar="KM", help="approaches nearer than this are listed")],
    output: Output,
    radius: Annotated[
        float | None,
        typer.Option(metavar="M", help="hard-body radius of both objects together, m: compute probabilities"),
    ] = None,
    red: Red = None,
) -> None:
    """Close approaches of an own ephemeris to other objects: time, miss in RTN, speed, and with --radius and covariances of both the probability
    (approaches.csv, summary.json, report.html)."""
    from flows.orbits.screen import write_screening

    lines, largest = write_screening(orbit, against, threshold, output, radius, red)
    for line in lines:
        print(line)
    if red is not None and largest >= red:
        raise typer.Exit(3)
