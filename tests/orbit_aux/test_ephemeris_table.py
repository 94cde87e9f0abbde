"""The table of Moon, Earth and Sun: its evaluator against NumPy's, its content against a kernel of JPL, its edges and its file."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import erfa
import numpy as np
import pytest

from orbit_aux.ephemeris_table import (
    SERIES,
    Chebyshev,
    EphemerisTable,
    ephemeris_of,
    packaged_table,
    read_ephemeris_table,
    write_ephemeris_table,
)
from orbit_aux.errors import OrbitError
from orbit_aux.time import Times

YEARS = Times.from_utc("1980-01-05T00:00:00") + np.random.default_rng(5).uniform(0.0, 71.9 * 365.25 * 86_400.0, 500)


def test_polynomials_are_those_of_chebyshev() -> None:
    coefficients = np.random.default_rng(1).normal(size=(3, 3, 7))
    series = Chebyshev(2_450_000.5, 8.0, coefficients)
    rest = np.array([0.25, 8.0, 15.9, 20.0])
    index = [0, 1, 1, 2]
    places = (rest - np.array(index) * 8.0) / 4.0 - 1.0
    expected = [np.polynomial.chebyshev.chebval(x, coefficients[k].T) for k, x in zip(index, places, strict=True)]
    assert np.abs(series.at(np.full(4, 2_450_000.5), rest) - expected).max() < 1e-12


def test_granules_join() -> None:
    """Neighbouring polynomials, fitted each for itself, meet: what a kink would show."""
    table = packaged_table()
    for part, limit_m in ((table.moon, 0.01), (table.barycentre, 0.05), (table.sun, 0.1)):
        ones, signs = np.ones(part.coefficients.shape[2]), (-1.0) ** np.arange(part.coefficients.shape[2])
        jumps = part.coefficients[:-1] @ ones - part.coefficients[1:] @ signs
        assert np.abs(jumps).max() < limit_m


def test_places_agree_with_another_kernel_of_jpl() -> None:
    """DE421 (2008) knows less of the Moon by some metres, and of the barycentre of the solar system by 110 km, which Earth and Sun share."""
    spk = pytest.importorskip("jplephem.spk", reason="jplephem reads kernels: install the dev group")
    pytest.importorskip("skyfield_data", reason="skyfield-data brings DE421: install the dev group")
    date, fraction = YEARS.tt()
    fraction = fraction + erfa.dtdb(date, fraction, 0.0, 0.0, 0.0, 0.0) / 86_400.0
    with spk.SPK.open(str(files("skyfield_data").joinpath("data", "de421.bsp"))) as kernel:
        earth = kernel[3, 399].compute(date, fraction)
        moon = (kernel[3, 301].compute(date, fraction) - earth).T * 1e3
        to_sun = (kernel[0, 10].compute(date, fraction) - kernel[0, 3].compute(date, fraction) - earth).T * 1e3
    table = packaged_table()
    assert np.abs(table.moon_position(YEARS) - moon).max() < 20.0
    assert np.abs(table.sun_position(YEARS) - table.earth_position(YEARS) - to_sun).max() < 500.0


def test_what_the_places_come_from_is_told() -> None:
    inside, outside = Times.from_utc("2020-01-01T00:00:00"), Times.from_utc("1975-01-01T00:00:00")
    assert "DE440" in ephemeris_of(inside)
    assert ephemeris_of(outside) == SERIES
    assert "outside its span" in ephemeris_of(Times.concatenate([inside, outside]))
    table = packaged_table()
    edges = Times.from_labels(["1979-12-31T23:59:00", "1980-01-01T00:03:00", "2051-12-31T00:00:00"], "TDB")
    assert table.covers(edges).tolist() == [False, True, True]
    assert not table.covers(Times.from_utc("2052-06-01T00:00:00")).any()


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    part = Chebyshev(2_450_000.5, 8.0, np.random.default_rng(2).normal(size=(2, 3, 4)))
    table = EphemerisTable("made up", part, part, part)
    for name in ("one.npz", "two.npz"):
        write_ephemeris_table(tmp_path / name, table)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    found = read_ephemeris_table(tmp_path / "one.npz")
    assert found.source == "made up" and np.array_equal(found.sun.coefficients, part.coefficients)
    (tmp_path / "bad.npz").write_bytes(b"garbage")
    for name in ("bad.npz", "none.npz"):
        with pytest.raises(OrbitError, match=f"{name}: is no table"):
            read_ephemeris_table(tmp_path / name)


def test_the_fit_is_the_kernel(tmp_path: Path) -> None:
    """Fitted to DE421 over two months, and evaluated between the nodes: the accuracy of the shapes, whatever the kernel."""
    spk = pytest.importorskip("jplephem.spk", reason="jplephem reads kernels: install the dev group")
    pytest.importorskip("skyfield_data", reason="skyfield-data brings DE421: install the dev group")
    from orbit_aux.ephemeris_fit import fitted

    path = Path(str(files("skyfield_data").joinpath("data", "de421.bsp")))
    table = fitted(path, 2_455_197.5, 2_455_261.5)
    date, rest = np.full(300, 2_455_197.5), np.linspace(0.01, 63.99, 300)
    with spk.SPK.open(str(path)) as kernel:
        moon = (kernel[3, 301].compute(date, rest) - kernel[3, 399].compute(date, rest)).T * 1e3
        assert np.abs(table.moon.at(date, rest) - moon).max() < 0.01
        assert np.abs(table.barycentre.at(date, rest) - kernel[0, 3].compute(date, rest).T * 1e3).max() < 0.05
        assert np.abs(table.sun.at(date, rest) - kernel[0, 10].compute(date, rest).T * 1e3).max() < 0.1
