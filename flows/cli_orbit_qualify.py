"""The command that accepts a new version: `etalon orbit qualify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def orbit_qualify(
    reference: Annotated[Path, typer.Argument(metavar="REF_DIR", help="results of the version in service")],
    new: Annotated[Path, typer.Argument(metavar="NEW_DIR", help="results of the same days by the new version")],
    tolerances: Annotated[
        str,
        typer.Option(
            metavar="FILE.yaml", help="tolerances with reasons, before those shipped in configs/qualification"
        ),
    ] = "default",
    closed: Annotated[
        Path | None,
        typer.Option(metavar="CLOSED.yaml", help="anomalies closed: identifier to justification, by and up_to"),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="a new or empty folder for acceptance.json, differences.csv, report.html, procedure.md [default: acceptance-DATE here]",
        ),
    ] = None,
) -> None:
    """Compare two sets of results, product by product, against stated tolerances. Ends with 0 where the new set is accepted, 3 where it is not."""
    from flows.qualification.acceptance import write_qualification

    accepted, lines = write_qualification((reference, new), tolerances, closed, output)
    for line in lines:
        print(line)
    raise typer.Exit(0 if accepted else 3)
