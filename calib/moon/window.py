"""Reading the counts around the Moon: whole where they are few, strip by strip where they are many; in means of blocks where a coarse look will do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from calib.raster import Held, Raster

#: counts that are kept once read
_HELD_BYTES = 160 * 2**20
_STRIP_BYTES = 32 * 2**20
#: what a block of lines holds: it stays in the processor's cache through all that is done with it
_BLOCK_BYTES = 2**20


@dataclass(frozen=True)
class Window:
    """The lines first..stop and columns left..right of a raster; of those, `held` may have some decoded already."""

    raster: Raster
    first: int
    stop: int
    left: int
    right: int
    held: Held | None = None

    @property
    def _held(self) -> bool:
        return (self.stop - self.first) * self._line_bytes <= _HELD_BYTES

    @property
    def _line_bytes(self) -> int:
        return (self.right - self.left) * np.dtype(self.raster.dtype).itemsize

    @cached_property
    def _counts(self) -> np.ndarray:
        reader = self.raster.read if self.held is None else partial(self.held.read, self.raster)
        return reader(self.first, self.stop, self.left, self.right)

    def lines(self, first: int, stop: int) -> np.ndarray:
        """Counts (line, column) of some of its lines."""
        if self._held:
            return self._counts[first - self.first : stop - self.first]
        return self.raster.read(first, stop, self.left, self.right)

    def part(self, first: int, stop: int, left: int, right: int) -> Window:
        """A window within it; what is held is not read again."""
        part = Window(self.raster, first, stop, left, right)
        if self._held:
            lines, columns = (first - self.first, stop - self.first), (left - self.left, right - self.left)
            part.__dict__["_counts"] = self._counts[slice(*lines), slice(*columns)]
        return part

    def leave(self, held: Held, first: int, stop: int, left: int, right: int) -> None:
        """Leave some of it, if it was read at once, to the next reader."""
        if self._held:
            held.keep(self.raster, [(first, left, self.part(first, stop, left, right)._counts)])

    def blocks(self, first: int, stop: int, border: int = 0) -> Iterator[tuple[int, np.ndarray]]:
        """First line of each block of first..stop, and its counts with `border` lines more before and after; where the window ends, its last line
        again."""
        rows = self.raster.rows_per_block
        strip = stop - first if self._held else max(_STRIP_BYTES // self._line_bytes // rows, 1) * rows
        block = max(_BLOCK_BYTES // self._line_bytes, 8)
        for begin in range(first, stop, strip):
            end = min(begin + strip, stop)
            low, high = max(begin - border, self.first), min(end + border, self.stop)
            counts = self.lines(low, high)
            pad = (border - (begin - low), border - (high - end))
            counts = np.pad(counts, (pad, (0, 0)), mode="edge") if any(pad) else counts
            for line in range(begin, end, block):
                yield line, counts[line - begin : min(line + block, end) - begin + 2 * border]


def block_means(window: Window, step: tuple[int, int]) -> np.ndarray:
    """Means over blocks of `step` (lines, columns) as float32; what is left over at the end is cut. Of single pixels, their counts."""
    if step == (1, 1):
        return window.lines(window.first, window.stop)
    lines, columns = (window.stop - window.first) // step[0], (window.right - window.left) // step[1]
    out = np.empty((lines, columns), dtype=np.float32)
    width = (window.right - window.left) * np.dtype(window.raster.dtype).itemsize
    many = max(_STRIP_BYTES // width // step[0], 1)
    for row in range(0, lines, many):
        stop = min(row + many, lines)
        counts = window.lines(window.first + row * step[0], window.first + stop * step[0])[:, : columns * step[1]]
        # lines first: whole rows are added faster than parts of rows
        sums = counts.reshape(stop - row, step[0], -1).sum(axis=1, dtype=np.uint32)
        out[row:stop] = sums.reshape(stop - row, columns, step[1]).sum(axis=2) / (step[0] * step[1])
    return out
