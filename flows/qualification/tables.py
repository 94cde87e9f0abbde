"""Two tables laid side by side: rows found again by what they are about, columns compared in their units."""

from __future__ import annotations

import csv
import gc
import gzip
import io
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np

from flows.qualification.compared import (
    EMPTY,
    TEXT,
    Array,
    Compared,
    Comparison,
    Finding,
    NotComparableError,
    as_numbers,
    as_times,
    ground,
    numbers,
    texts,
    time_differences,
    unit_of,
)
from flows.qualification.rows import Keys, Rows, Table, about, match

_LARGEST_BYTES = 1 << 31
#: whose longitudes and latitudes lie on no ground of ours
_NOT_GROUND = ("observer", "sun", "moon", "sel", "lunar")
_SHOWN = 5
#: rows taken at once
_PART = 4096


def read_table(path: Path) -> Table:
    """A comma-separated (or semicolon-separated) table with one head, comments after #, .gz or not; NotComparableError telling why not."""
    try:
        if path.suffix == ".gz":
            with gzip.open(path) as stream:
                content = stream.read(_LARGEST_BYTES)
        else:
            content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except (OSError, EOFError, zlib.error) as error:
        raise NotComparableError(f"cannot be read ({error})") from None
    except UnicodeDecodeError as error:
        raise NotComparableError(f"byte {error.start} is no text: no table") from None
    return table_of_text(text)


def compare_table_files(reference: Path, new: Path, keys: Keys, passed_over: Callable[[str], bool]) -> Comparison:
    """Two files of tables compared."""
    collected = gc.isenabled()
    # walking over millions of cells for cycles that are not there would take most of the time
    gc.disable()
    try:
        return compare_tables(read_table(reference), read_table(new), keys, passed_over)
    finally:
        if collected:
            gc.enable()


def table_of_text(text: str) -> Table:
    """The table that a text holds."""
    # lines end at line ends only, not at what else Unicode takes for one
    lines = (line for line in io.StringIO(text, newline="") if not line.startswith("#"))
    head = next((line for line in io.StringIO(text, newline="") if line.strip() and not line.startswith("#")), "")
    reader = csv.reader(lines, delimiter=";" if ";" in head and "," not in head else ",")
    try:
        names = [name.strip() for name in next((row for row in reader if row), [])]
        if not names:
            raise NotComparableError("is empty, it has not even a head")
        doubled = [name for name, count in Counter(names).items() if count > 1]
        if doubled:
            raise NotComparableError(f"column {doubled[0][:40]!r} stands twice in its head")
        columns = _columns(reader, len(names))
    except csv.Error as error:
        raise NotComparableError(f"is no table ({error})") from None
    if any(mark in text for mark in (", ", " ,", "; ", " ;", " \n", " \r", "\t")):
        columns = [[cell.strip() for cell in cells] for cells in columns]
    return Table(dict(zip(names, columns, strict=True)), len(columns[0]))


def _columns(rows: Iterator[list[str]], width: int) -> list[list[str]]:
    """The cells column by column; taken in parts, as a million lists alive at once would cost more than reading them."""
    columns: list[list[str]] = [[] for _ in range(width)]
    while part := list(islice(rows, _PART)):
        part = [row for row in part if row]
        if not part:
            continue
        wrong = next((row for row in part if len(row) != width), None)
        if wrong is not None:
            number = len(columns[0]) + part.index(wrong) + 1
            raise NotComparableError(f"row {number} has {len(wrong)} cells under {width} heads")
        for column, cells in zip(columns, zip(*part, strict=True), strict=True):
            column.extend(cells)
    return columns


def compare_tables(reference: Table, new: Table, keys: Keys, passed_over: Callable[[str], bool]) -> Comparison:
    """Rows and columns of two tables compared. Columns that `passed_over` holds for are not judged; where they differ they are told as causes."""
    found = Comparison()
    same = match(reference, new, keys)
    if same.repeats:
        found.notes.append("rows repeat their keys: those of the same keys are paired in the order of their cells")
    for rows, table, verdict in ((same.missing, reference, "missing"), (same.added, new, "new")):
        if len(rows):
            told = "; ".join(about(table, keys)(int(row)) for row in rows[:_SHOWN])
            note = f"{told}{'; ...' if len(rows) > _SHOWN else ''}"
            found.findings.append(Finding(f"rows {verdict}", verdict, note, len(rows)))
    for name in reference.columns:
        if name not in new.columns:
            found.findings.append(Finding(name, "missing", "column only in the reference"))
    for name in new.columns:
        if name not in reference.columns:
            found.findings.append(Finding(name, "new", "column only in the new set", blocking=False))
    name_of = about(reference, keys)

    def where(row: int) -> str:
        return name_of(int(same.reference[row]))

    both = {
        name: (_taken(reference, name, same.reference), _taken(new, name, same.new))
        for name in reference.columns
        if name in new.columns
    }
    left = _add_ground(both, where, found)
    for name in left:
        if passed_over(name):
            if both[name][0] != both[name][1]:
                found.causes.append(f"{name} differs")
            continue
        compare_cells(name, both[name], where, found)
    _add_sigmas(both, found)
    return found


def compare_cells(
    name: str, pair: tuple[Sequence[str], Sequence[str]], where: Callable[[int], str], found: Comparison
) -> None:
    """Two columns as what they are: times, numbers, or texts."""
    reference, new = pair
    bare, unit = unit_of(name)

    def shown(row: int) -> tuple[str, str]:
        return reference[row], new[row]

    if list(reference) == list(new):
        found.compared.append(_unchanged(bare, unit[0], reference, where, shown))
        return
    times = as_times(reference), as_times(new)
    if times[0] is not None and times[1] is not None:
        found.compared.append(time_differences(bare, (times[0], times[1]), where, shown))
        return
    values = as_numbers(reference), as_numbers(new)
    if values[0] is not None and values[1] is not None:
        compared = numbers(bare, unit, (values[0], values[1]), where, shown)
        _forgive_digits(reference, new, compared.difference, unit[1])
        found.compared.append(compared)
        return
    found.compared.append(texts(bare, reference, new, where))


def _unchanged(
    bare: str, unit: str, cells: Sequence[str], where: Callable[[int], str], shown: Callable[[int], tuple[str, str]]
) -> Compared:
    """A column that is the same in both, without a look at each cell."""
    sample = [cell for cell in cells if cell not in EMPTY][:1]
    kind = "s" if as_times(sample) is not None else unit if as_numbers(sample) is not None else TEXT
    return Compared(bare, kind, np.zeros(len(cells)), np.zeros(len(cells)), where, shown)


def _forgive_digits(reference: Sequence[str], new: Sequence[str], difference: Array, factor: float) -> None:
    """Numbers printed with fewer digits in one set are equal where they agree to the digit printed."""
    for row in np.flatnonzero((difference != 0) & np.isfinite(difference)).tolist():
        a, b = _last_digit(reference[row]), _last_digit(new[row])
        if a != b and abs(difference[row]) <= 0.5000001 * 10.0 ** max(a, b) * abs(factor):
            difference[row] = 0.0


def _last_digit(cell: str) -> int:
    """The power of ten of the last digit printed."""
    mantissa, _, exponent = cell.lower().partition("e")
    return int(exponent or 0) - len(mantissa.partition(".")[2])


def _add_ground(
    both: Mapping[str, tuple[list[str], list[str]]], where: Callable[[int], str], found: Comparison
) -> list[str]:
    """Compare pairs of longitude and latitude as metres on the ground; returns the columns that are left."""
    left = list(both)
    for name in list(both):
        bare, (unit, factor) = unit_of(name)
        for longitude, latitude in (("longitude", "latitude"), ("lon", "lat")):
            other = name.replace(longitude, latitude)
            if longitude in bare.split("_") and other in both and unit == "deg" and not _elsewhere(bare):
                columns = [as_numbers(cells) for cells in (*both[name], *both[other])]
                if any(column is None for column in columns):
                    break
                lon_a, lon_b, lat_a, lat_b = (column * factor for column in columns if column is not None)
                quantity = "_".join(part for part in bare.split("_") if part not in (longitude, "deg")) or "ground"
                quantity = quantity if quantity.startswith("ground") else f"ground_{quantity}"
                found.compared.append(ground(quantity, (lon_a, lat_a), (lon_b, lat_b), where))
                left = [item for item in left if item not in (name, other)]
                break
    return left


def _elsewhere(name: str) -> bool:
    return any(part in _NOT_GROUND for part in name.split("_"))


def _add_sigmas(both: Mapping[str, tuple[list[str], list[str]]], found: Comparison) -> None:
    """Give quantities with an uncertainty beside them that of both together."""
    heads = {unit_of(name)[0]: name for name in both}
    for place, item in enumerate(found.compared):
        beside = next(
            (heads[name] for name in (f"u_{item.quantity}", f"{item.quantity}__u_total") if name in heads), None
        )
        if beside is None:
            continue
        pair = as_numbers(both[beside][0]), as_numbers(both[beside][1])
        if pair[0] is not None and pair[1] is not None:
            found.compared[place] = replace(item, sigma=np.hypot(pair[0], pair[1]))


def _taken(table: Table, name: str, rows: Rows) -> list[str]:
    cells = table.columns[name]
    if len(rows) == len(cells) and np.array_equal(rows, np.arange(len(cells))):
        return list(cells)
    return [cells[row] for row in rows.tolist()]
