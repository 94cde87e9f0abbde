"""Tables on the terminal."""

from __future__ import annotations

from typing import Any


def table(rows: list[dict[str, Any]], columns: list[str]) -> None:
    """Print the rows in aligned columns; a row may lack some."""
    if not rows:
        return
    texts = [[str(row.get(column, "")) for column in columns] for row in rows]
    widths = [max(len(column), *(len(line[number]) for line in texts)) for number, column in enumerate(columns)]
    for line in [columns, *texts]:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
