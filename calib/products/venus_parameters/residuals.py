"""STRLGT of a band with residuals of stray light added to what is in force: what the file can hold, and in words what it cannot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from calib.products.venus_parameters.records import COLUMNS
from calib.products.venus_parameters.straylight import MAX_FACTOR, Crosstalk, Filter, Ghost, Straylight, Strip

_SPATIAL = "SPATIAL"
#: sources that a file holds for a band
_SOURCES = 2
#: uncertainties of its place, or pixels, within which a residual lies where the filter in force already does
_SAME_PLACE_SIGMAS, _SAME_PLACE_PIXELS = 2.5, 2.0


@dataclass(frozen=True, eq=False)
class Residual:
    """Stray light that the correction in force leaves: `factor` times `kernel` (row, column; its sum is one), `shift` columns beside the source.

    `source` is None for light of the band's own disk. `place_uncertainty` in pixels, along rows and columns.
    """

    source: str | None
    factor: float
    kernel: np.ndarray
    shift: int = 0
    place_uncertainty: tuple[float, float] = (0.0, 0.0)


def with_residuals(current: Straylight, residuals: Sequence[Residual]) -> tuple[Straylight, list[str]]:
    """The stray light in force with residuals added, and one sentence for each that a file cannot hold.

    A factor is the sum of that in force and the residual. Where the residual lies in the place of the filter in force the filter stays as it is and
    only its factor changes; elsewhere the filters are added. Factors below zero, a third source and filters that are not spatial are not written.
    """
    words: list[str] = []
    ghosts = _ghosts(current, [item for item in residuals if item.source is None], words)
    crosstalks = {item.source: item for item in current.crosstalks}
    others = sorted((item for item in residuals if item.source is not None), key=lambda item: -item.factor)
    for item in others:
        source = str(item.source)
        told = f"{current.band}: crosstalk from {source}"
        if source in crosstalks:
            changed = _crosstalk(crosstalks[source], item, told, words)
            crosstalks[source] = changed
        elif item.factor <= 0:
            words.append(f"{told}: a factor of {item.factor:.3g} takes light away, which a file cannot hold; left out")
        elif len(crosstalks) >= _SOURCES:
            words.append(
                f"{told}: a third source beside {', '.join(crosstalks)}, which a file cannot hold; a factor of {item.factor:.3g} stays uncorrected"
            )
        else:
            strip = Strip(0, COLUMNS - 1, float(item.factor), item.shift)
            crosstalks[source] = Crosstalk(source, _filter(item.kernel), _margin(item.kernel), (strip,))
    return replace(
        current, ghosts=ghosts, margin=_ghost_margin(current, ghosts), crosstalks=tuple(crosstalks.values())
    ), words


def _ghosts(current: Straylight, residuals: Sequence[Residual], words: list[str]) -> tuple[Ghost, ...]:
    """Type 1: the filter of each range with the residuals added; one range where there was none."""
    if not residuals:
        return current.ghosts
    told = f"{current.band}: local ghost"
    ranges = current.ghosts or (Ghost(0, COLUMNS - 1, _filter(np.zeros((1, 1)))),)
    found = []
    for ghost in ranges:
        place = f"{told}, columns {ghost.first} to {ghost.last}"
        if ghost.filter.kind != _SPATIAL:
            words.append(f"{place}: the filter in force is {ghost.filter.kind}, to which none is added; it stays")
            found.append(ghost)
            continue
        kernel = ghost.filter.kernel.astype(float)
        for item in residuals:
            total = float(kernel.sum())
            alone = len(residuals) == 1 and total > 0 and _same_place(kernel, item.kernel, 0, item.place_uncertainty)
            kernel = kernel * (1 + item.factor / total) if alone else _sum(kernel, item.factor * item.kernel)
        if kernel.sum() < 0:
            words.append(
                f"{place}: the sum of the filters would be {kernel.sum():.3g}, below zero; what is in force stays"
            )
            found.append(ghost)
        else:
            found.append(replace(ghost, filter=_filter(kernel)))
    covered = sum(ghost.last - ghost.first + 1 for ghost in ranges)
    if covered < COLUMNS:
        words.append(f"{told}: columns without a filter in force ({COLUMNS - covered}) stay without one")
    return tuple(found) if current.ghosts or any(ghost.filter.kernel.any() for ghost in found) else ()


def _crosstalk(current: Crosstalk, item: Residual, told: str, words: list[str]) -> Crosstalk:
    """Type 2: the factor of each strip with that of the residual added, the filter as it is where both lie in one place."""
    if current.filter.kind != _SPATIAL:
        words.append(f"{told}: the filter in force is {current.filter.kind}; only its factors change")
    kernel, first = current.filter.kernel.astype(float), current.strips[0]
    # factors count in units of the filter in force
    total = float(kernel.sum()) if current.filter.kind == _SPATIAL and kernel.sum() > 0 else 1.0
    added = item.factor / total
    below = [strip for strip in current.strips if strip.factor + added < 0]
    if below:
        words.append(
            f"{told}: {below[0].factor:.3g} in force and a residual of {added:.3g} give less than zero; zero is written"
        )
    strips = tuple(replace(strip, factor=min(max(strip.factor + added, 0.0), MAX_FACTOR)) for strip in current.strips)
    changed = replace(current, strips=strips)
    same = _same_place(kernel, item.kernel, item.shift - first.shift, item.place_uncertainty)
    if same or below or current.filter.kind != _SPATIAL:
        return changed
    if len({(strip.factor, strip.shift) for strip in current.strips}) > 1:
        words.append(f"{told}: lies beside the filter in force, whose strips differ; only their factors change")
        return changed
    both = _sum(first.factor * kernel, item.factor * _shifted(item.kernel, item.shift - first.shift))
    factor = first.factor * total + item.factor
    if factor <= 0:
        return changed
    return replace(
        current, filter=_filter(both / factor), strips=tuple(replace(strip, factor=factor) for strip in current.strips)
    )


def _same_place(kernel: np.ndarray, other: np.ndarray, shift: int, uncertainty: tuple[float, float]) -> bool:
    """Whether the middle of a filter lies where that of another does, which stands `shift` columns beside it."""
    row, column = _middle(kernel)
    its_row, its_column = _middle(other)
    gaps = abs(its_row - row), abs(its_column + shift - column)
    return all(
        gap < max(_SAME_PLACE_SIGMAS * sigma, _SAME_PLACE_PIXELS) for gap, sigma in zip(gaps, uncertainty, strict=True)
    )


def _middle(kernel: np.ndarray) -> tuple[float, float]:
    """Centre of gravity from the middle of the filter, rows and columns."""
    places = [np.arange(size) - size // 2 for size in kernel.shape]
    total = kernel.sum()
    if not total:
        return float("inf"), float("inf")
    return float((kernel.sum(axis=1) @ places[0]) / total), float((kernel.sum(axis=0) @ places[1]) / total)


def _sum(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Two filters added, middle on middle."""
    halves = [max(one.shape[axis] // 2, other.shape[axis] // 2) for axis in (0, 1)]
    total = np.zeros([2 * half + 1 for half in halves])
    for kernel in (one, other):
        corner = [half - size // 2 for half, size in zip(halves, kernel.shape, strict=True)]
        rows, columns = (slice(first, first + size) for first, size in zip(corner, kernel.shape, strict=True))
        total[rows, columns] += kernel
    return total


def _shifted(kernel: np.ndarray, columns: int) -> np.ndarray:
    """The filter with its content displaced by whole columns."""
    # twice the shift on one side keeps the middle in the middle
    pad = (2 * columns, 0) if columns > 0 else (0, -2 * columns)
    return np.asarray(np.pad(kernel, ((0, 0), pad)))


def _filter(kernel: np.ndarray) -> Filter:
    return Filter(_SPATIAL, np.asarray(kernel, dtype=np.float32))


def _margin(kernel: np.ndarray) -> int:
    return int(min(kernel.shape[1] // 2, COLUMNS))


def _ghost_margin(current: Straylight, ghosts: tuple[Ghost, ...]) -> int:
    return max(current.margin, *(_margin(ghost.filter.kernel) for ghost in ghosts), 0)
