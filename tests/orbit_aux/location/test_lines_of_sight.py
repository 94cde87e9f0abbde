"""Lines of sight: tables, angles, tangents, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from orbit_aux.errors import OrbitError
from orbit_aux.location.lines_of_sight import LinesOfSight, from_angles, from_tangents, read_lines_of_sight


def test_angles_are_those_of_the_reference_scene(shared: Path) -> None:
    table = np.genfromtxt(shared / "reference" / "orbit" / "geoloc_venus720_los.csv", delimiter=",", skip_header=1)
    sight = from_angles(table[:, 0], table[:, 1], table[:, 2], "test")
    # printed to 1e-15
    assert np.abs(sight.directions - table[:, 3:6]).max() < 1e-12


def test_tangents_are_components_over_the_third() -> None:
    sight = from_tangents([0, 1], [0.1, 0.1], [0.2, 0.3], "test")
    assert np.allclose(sight.directions[:, :2] / sight.directions[:, 2:], [[0.1, 0.2], [0.1, 0.3]])


def test_a_table_in_any_order_and_length(tmp_path: Path) -> None:
    path = tmp_path / "los.csv"
    path.write_text("x,y,z,column,name\n0,1,1,10,b\n0,0,2,0,a\n")
    sight = read_lines_of_sight(path)
    assert sight.columns.tolist() == [0.0, 10.0]
    assert np.allclose(sight.at([0.0, 10.0]), [[0, 0, 1], [0, np.sqrt(0.5), np.sqrt(0.5)]])
    assert np.allclose(np.linalg.norm(sight.at([3.7]), axis=1), 1.0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("column,x,y\n0,0,1\n", "column z is missing"),
        ("column,x,y,z\n", "holds no line of sight"),
        ("column,x,y,z\n0,0,0,one\n", "no number"),
        ("column,x,y,z\n0,0,0\n", "no number"),
        ("column,x,y,z\n0,0,0,0\n", "no direction"),
        ("column,x,y,z\n0,0,0,1\n0,0,0,1\n", "column 0 stands twice"),
    ],
)
def test_refusals(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "los.csv"
    path.write_text(text)
    with pytest.raises(OrbitError, match=words):
        read_lines_of_sight(path)


def test_a_column_outside_the_table_is_refused() -> None:
    sight = LinesOfSight(np.array([0.0, 9.0]), np.array([[0, 0, 1.0], [0, 0.1, 1.0]]), "los.csv")
    with pytest.raises(OrbitError, match=r"column 9.5 has no line of sight in los.csv \(it has 0 to 9\)"):
        sight.at([1.0, 9.5])
