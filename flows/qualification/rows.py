"""Rows of two tables found again by what they are about: names, the time near by, or running numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flows.qualification.compared import NO_TIME, as_numbers, as_times, unit_of

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Table:
    """Columns of texts by their heads, all of one length."""

    columns: Mapping[str, Sequence[str]]
    rows: int


@dataclass(frozen=True)
class Keys:
    """What tells rows apart: columns of names, those of times (the first there is), and running numbers where there is no time; rows whose names agree
    are the same within so many seconds."""

    names: Sequence[str]
    times: Sequence[str]
    numbers: Sequence[str]
    within_s: float


@dataclass(frozen=True)
class Match:
    """Rows of both tables that are about the same, and rows of either alone, as places in each table."""

    reference: Rows
    new: Rows
    missing: Rows
    added: Rows
    repeats: bool = False


def about(table: Table, keys: Keys) -> Callable[[int], str]:
    names = _key_columns(table, table, keys)
    shown = [*names[0], *([names[1]] if names[1] else [])] or list(table.columns)[:1]
    return lambda row: " ".join(f"{name}={table.columns[name][row]}" for name in shown)[:200]


def _key_columns(reference: Table, new: Table, keys: Keys) -> tuple[list[str], str]:
    """Columns of names and the column of time by which rows are found again; where nothing is known the first column."""
    common = [name for name in reference.columns if name in new.columns]
    bare = {unit_of(name)[0]: name for name in common}
    time = next((bare[name] for name in keys.times if name in bare), "")
    names = [bare[name] for name in keys.names if name in bare and _names(reference, new, bare[name])]
    if not time:
        names += [bare[name] for name in keys.numbers if name in bare]
    return (names, time) if names or time else (common[:1], "")


def _names(reference: Table, new: Table, column: str) -> bool:
    """Whether a column tells things apart: words do, numbers where most of them are in both tables; others are measured."""
    sets = [set(_spelled(table.columns[column])) for table in (reference, new)]
    if any(isinstance(cell, str) and cell for values in sets for cell in values):
        return True
    return 2 * len(sets[0] & sets[1]) >= min(map(len, sets))


def match(reference: Table, new: Table, keys: Keys) -> Match:
    """Rows of the same names and time first, then those nearest in time."""
    names, time = _key_columns(reference, new, keys)
    clocks = [_clock(table, time) for table in (reference, new)] if time else [None, None]
    old, young = clocks
    if old is None or young is None:
        names, time = ([*names, time] if time else names), ""
    groups = [[_spelled(table.columns[name]) for name in names] for table in (reference, new)]
    if (
        groups[0] == groups[1]
        and reference.rows == new.rows
        and (old is None or young is None or np.array_equal(old, young))
    ):
        whole = np.arange(reference.rows)
        return Match(whole, whole, whole[:0], whole[:0])
    codes = _codes(groups, (reference.rows, new.rows))
    stamps = [
        np.zeros(len(code), np.int64) if clock is None else clock for code, clock in zip(codes, clocks, strict=True)
    ]
    pairs, repeats = _exact(codes, stamps, (reference, new))
    alone = [np.setdiff1d(np.arange(len(code)), rows) for code, rows in zip(codes, pairs, strict=True)]
    if time and len(alone[0]) and len(alone[1]):
        more = _nearest(codes, stamps, alone, keys.within_s, bool(names))
        pairs = (np.concatenate([pairs[0], more[0]]), np.concatenate([pairs[1], more[1]]))
        alone = [np.setdiff1d(np.arange(len(code)), rows) for code, rows in zip(codes, pairs, strict=True)]
    order = np.argsort(pairs[0], kind="stable")
    return Match(pairs[0][order], pairs[1][order], alone[0], alone[1], repeats)


def _clock(table: Table, column: str) -> NDArray[np.int64] | None:
    """A column of time in whole nanoseconds: UTC, or seconds."""
    found = as_times(table.columns[column])
    if found is not None:
        return found
    seconds = as_numbers(table.columns[column])
    if seconds is None or not (np.abs(seconds[~np.isnan(seconds)]) < 9e9).all():
        return None
    return np.where(np.isnan(seconds), NO_TIME, np.rint(np.nan_to_num(seconds) * 1e9)).astype(np.int64)


def _spelled(cells: Sequence[str]) -> Sequence[str | float | int]:
    """Cells as what they mean, so that 1 and 1.0, or a time with and without its Z, are one."""
    distinct = list(set(cells))
    times, values = as_times(distinct), as_numbers(distinct)
    if times is None and values is None:
        return cells
    meant: list[str | float | int] = [int(time) for time in times] if times is not None else []
    if values is not None and not meant:
        meant = ["" if np.isnan(value) else float(value) for value in values]
    of = dict(zip(distinct, meant, strict=True))
    return [of[cell] for cell in cells]


def _codes(groups: list[list[Sequence[str | float | int]]], rows: tuple[int, int]) -> list[Rows]:
    """A whole number for each combination of names, the same in both."""
    known: dict[object, int] = {}
    return [
        np.array([known.setdefault(item, len(known)) for item in zip(*columns, strict=True)], dtype=np.int64)
        if columns
        else np.zeros(count, np.int64)
        for columns, count in zip(groups, rows, strict=True)
    ]


def _exact(codes: list[Rows], stamps: list[Rows], tables: tuple[Table, Table]) -> tuple[tuple[Rows, Rows], bool]:
    """Rows of the same names and time, and whether any repeat; those that do are paired in the order of their cells."""
    counts: list[Rows] = []
    repeats = False
    for code, stamp, table in zip(codes, stamps, tables, strict=True):
        order = np.lexsort((stamp, code))
        fresh = np.ones(len(order), bool)
        fresh[1:] = (np.diff(code[order]) != 0) | (np.diff(stamp[order]) != 0)
        if not fresh.all():
            repeats = True
            place = np.empty(table.rows, np.int64)
            cells = [table.columns[name] for name in sorted(table.columns)]
            place[sorted(range(table.rows), key=lambda row: [column[row] for column in cells])] = np.arange(table.rows)
            order = np.lexsort((place, stamp, code))
        start = np.maximum.accumulate(np.where(fresh, np.arange(len(order)), 0))
        count = np.empty(len(order), np.int64)
        count[order] = np.arange(len(order)) - start
        counts.append(count)
    together = [np.concatenate(pair) for pair in (codes, stamps, counts)]
    size = len(codes[0])
    # in this order a row of the reference stands right before its fellow
    order = np.lexsort((np.arange(len(together[0])) >= size, *reversed(together)))
    same = np.ones(max(len(order) - 1, 0), bool)
    for values in together:
        same &= values[order[:-1]] == values[order[1:]]
    places = np.flatnonzero(same)
    return (order[places], order[places + 1] - size), repeats


def _nearest(
    codes: list[Rows], stamps: list[Rows], alone: list[Rows], within_s: float, named: bool
) -> tuple[Rows, Rows]:
    """Of the rows that are left, those nearest to one another in time among the same names; the only one of its name whatever its time."""
    only = [Counter(code.tolist()) for code in codes]
    found: list[tuple[int, int]] = []
    left = [_by_code(code, rows) for code, rows in zip(codes, alone, strict=True)]
    for code in left[0].keys() & left[1].keys():
        old, new = (rows[code] for rows in left)
        if named and only[0][code] == only[1][code] == 1:
            found.append((int(old[0]), int(new[0])))
            continue
        a, b = stamps[0][old], stamps[1][new]
        old, new = old[np.argsort(a, kind="stable")], new[np.argsort(b, kind="stable")]
        a, b = np.sort(a), np.sort(b)
        forth, back = _closest(a, b), _closest(b, a)
        mutual = (back[forth] == np.arange(len(a))) & (np.abs((b[forth] - a) / 1e9) <= within_s)
        mutual &= (a != NO_TIME) & (b[forth] != NO_TIME)
        found += zip(old[mutual].tolist(), new[forth[mutual]].tolist(), strict=True)
    pairs = np.array(found, dtype=np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _by_code(code: Rows, rows: Rows) -> dict[int, Rows]:
    order = rows[np.argsort(code[rows], kind="stable")]
    values, starts = np.unique(code[order], return_index=True)
    return dict(zip(values.tolist(), np.split(order, starts[1:]), strict=True))


def _closest(of: Rows, among: Rows) -> Rows:
    """For each time the place of the nearest one, both in order."""
    after = np.clip(np.searchsorted(among, of), 1, max(len(among) - 1, 1))
    before = after - 1
    after = np.minimum(after, len(among) - 1)
    nearer = np.abs(of.astype(float) - among[before]) <= np.abs(among[after].astype(float) - of)
    return np.where(nearer, before, after)
