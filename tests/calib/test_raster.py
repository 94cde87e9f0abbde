"""Decoded lines that wait for their next reader: the same counts as the file's, given out once, and never those of a file that was replaced."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import rasterio

import calib.raster
from calib.raster import Held, Raster

LINES, COLUMNS = 100, 40


def image(path: Path, seed: int) -> tuple[Raster, np.ndarray]:
    counts = np.random.default_rng(seed).integers(0, 4000, (LINES, COLUMNS), dtype=np.uint16)
    with rasterio.open(
        path, "w", driver="GTiff", height=LINES, width=COLUMNS, count=1, dtype="uint16", blockysize=8
    ) as target:
        target.write(counts, 1)
    return Raster(path, LINES, COLUMNS, "uint16", 8), counts


def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of lines of each window that is decoded from now on."""
    lines: list[int] = []
    read = calib.raster._read_windows

    def counted(path: Path, layers: list[int], windows: list[tuple[tuple[int, int], tuple[int, int]]], *rest, **named):  # type: ignore[no-untyped-def]
        lines.extend(stop - first for (first, stop), _ in windows)
        return read(path, layers, windows, *rest, **named)

    monkeypatch.setattr(calib.raster, "_read_windows", counted)
    return lines


def test_what_is_held_is_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raster, counts = image(tmp_path / "B1.tif", 1)
    held, lines = Held(), decoded(monkeypatch)
    # two of the places share a block, the third lies apart and the fourth outside of the columns asked for
    places = [(10, 14, 9, 20), (15, 22, 12, 18), (50, 55, 10, 12), (90, 100, 2, 38)]
    for place, piece in zip(places, held.pieces(raster, places, 5, 30), strict=True):
        first, stop, left, right = place
        np.testing.assert_array_equal(piece, counts[first:stop, left:right])
    assert sum(lines) == 16 + 8 + 12
    lines.clear()
    np.testing.assert_array_equal(held.read(raster, 3, 98, 6, 30), counts[3:98, 6:30])
    assert sum(lines) == 95 - (16 + 8 + 10)
    lines.clear()
    np.testing.assert_array_equal(held.read(raster, 3, 98, 6, 30), counts[3:98, 6:30])
    assert sum(lines) == 95


def test_columns_beyond_what_is_held_are_decoded(tmp_path: Path) -> None:
    raster, counts = image(tmp_path / "B1.tif", 1)
    held = Held()
    held.keep(raster, [(8, 10, counts[8:40, 10:20])])
    np.testing.assert_array_equal(held.read(raster, 0, 100, 9, 20), counts[:, 9:20])


def test_a_file_replaced_is_read_anew(tmp_path: Path) -> None:
    raster, _ = image(tmp_path / "B1.tif", 1)
    held = Held()
    held.pieces(raster, [(0, 50, 0, COLUMNS)], 0, COLUMNS)
    (tmp_path / "B1.tif").unlink()
    raster, counts = image(tmp_path / "B1.tif", 2)
    np.testing.assert_array_equal(held.read(raster, 0, LINES, 0, COLUMNS), counts)


def test_little_is_held_and_nothing_crosses_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raster, counts = image(tmp_path / "B1.tif", 1)
    held = Held()
    held.pieces(raster, [(0, 8, 0, COLUMNS)], 0, COLUMNS)
    lines = decoded(monkeypatch)
    pickle.loads(pickle.dumps(held)).read(raster, 0, 8, 0, COLUMNS)
    assert lines == [8]
    lines.clear()
    monkeypatch.setattr(calib.raster, "_HELD_BYTES", 8 * COLUMNS * 2 - 1)
    held = Held()
    np.testing.assert_array_equal(held.pieces(raster, [(0, 4, 0, 9)], 0, COLUMNS)[0], counts[:4, :9])
    held.read(raster, 0, 8, 0, COLUMNS)
    assert lines == [4, 8]
