"""A flow on a schedule of a few seconds; each of its runs adds a line to the file named on the command line."""

from __future__ import annotations

import sys
from pathlib import Path

from prefect import flow


@flow
def tick(path: str) -> None:
    """Add a line."""
    with Path(path).open("a", encoding="utf-8") as stream:
        stream.write("tick\n")


if __name__ == "__main__":
    tick.serve(name="often", interval=4, limit=1, parameters={"path": sys.argv[1]})
