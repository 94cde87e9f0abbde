"""Air as a table: what it is at heights, by files, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from orbit_aux.decay.air import Air, constant_air, exponential_air, harris_priester_air, read_air
from orbit_aux.errors import OrbitError
from orbit_aux.motion.field_kernel import density


def at(air: Air, height_m: float, toward: float = 0.0) -> float:
    return float(density(height_m, toward, 0.0, air.bulge_exponent, air.table)[0])


def test_densities() -> None:
    air = exponential_air(3e-12, 400e3, 50e3)
    for height in (120e3, 400e3, 777e3, 1500e3):
        assert at(air, height) == pytest.approx(3e-12 * np.exp(-(height - 400e3) / 50e3), rel=1e-12)
    assert at(constant_air(2e-13), 5e5, 1.0) == pytest.approx(2e-13)
    # printed: antapex and apex at 400 km
    assert at(harris_priester_air(), 400e3, -1.0) == pytest.approx(2.249e-12)
    assert at(harris_priester_air(), 400e3, 1.0) == pytest.approx(7.492e-12)


def test_a_table(tmp_path: Path) -> None:
    file = tmp_path / "air.csv"
    file.write_text("height_m,density_kgm3,greatest_kgm3\n200000,2e-10,4e-10\n400000,2e-12,8e-12\n")
    air = read_air(file)
    assert at(air, 300e3, -1.0) == pytest.approx(2e-11)
    assert at(air, 300e3, 1.0) == pytest.approx(np.sqrt(4e-10 * 8e-12))
    file.write_text("height_m,density_kgm3\n200000,2e-10\n400000,2e-12\n")
    assert at(read_air(file), 300e3, 1.0) == pytest.approx(2e-11)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("height_m,density_kgm3\n", "two or more heights"),
        ("height_m,density_kgm3\n200,2e-10\n400,2e-12\n", "not in m"),
        ("height_m,density_kgm3\n200000,2e-10\n400000,-1\n", "above 0"),
        ("height_m,density_kgm3\n200000,nan\n400000,1\n", "above 0"),
        ("height_m,density_kgm3\n400000,2e-10\n200000,1e-9\n", "increase"),
        ("height_m,density_kgm3\n200000,x\n", "not a table"),
        ("height_km,density\n200,1\n", "missing"),
        ("", "missing"),
    ],
)
def test_tables_that_are_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "air.csv"
    file.write_text(text)
    with pytest.raises(OrbitError, match=said):
        read_air(file)


def test_figures_that_are_refused() -> None:
    for wrong in ((0.0, 4e5, 5e4), (3e-12, 4e5, 50.0), (np.nan, 4e5, 5e4)):
        with pytest.raises(OrbitError, match="scale height"):
            exponential_air(*wrong)
    with pytest.raises(OrbitError, match="density"):
        constant_air(3.0)
