"""Executed manoeuvres against plans: closed forms, injected thruster faults, and tables that cannot be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from orbit_aux.errors import OrbitError
from orbit_aux.keeping.calibration_of_manoeuvres import (
    Executed,
    calibrate,
    read_executed,
    thruster_trend,
    with_rises,
)
from orbit_aux.time import Times

TIME = Times.from_utc("2020-01-10T10:00:00")
HEAD = "utc,planned_radial_ms,planned_along_ms,planned_cross_ms,restituted_radial_ms,restituted_along_ms,restituted_cross_ms,sigma_ms\n"


def test_ratio_and_direction() -> None:
    turned = 0.97 * 0.05 * np.array([np.sin(0.02), np.cos(0.02), 0.0])
    found = calibrate(Executed(TIME, np.array([0.0, 0.05, 0.0]), turned, 1e-4))
    assert found.ratio == pytest.approx(0.97 * np.cos(0.02), rel=1e-12)
    assert found.direction_rad == pytest.approx(0.02, rel=1e-9)
    assert found.ratio_sigma == found.direction_sigma_rad == pytest.approx(2e-3)


def test_ratio_does_not_depend_on_axes() -> None:
    rng = np.random.default_rng(3)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    planned, given = rng.normal(size=3), rng.normal(size=3)
    one, other = (calibrate(Executed(TIME, m @ planned, m @ given, 0.01)) for m in (np.eye(3), turn))
    np.testing.assert_allclose(tuple(vars(one).values()), tuple(vars(other).values()), rtol=1e-12)


def test_trend_finds_what_was_injected_with_honest_sigmas() -> None:
    rng = np.random.default_rng(11)
    years = np.sort(rng.uniform(0.0, 2.0, 40))
    times = TIME[np.zeros(40, int)] + years * 365.25 * 86400.0
    sigmas = rng.uniform(0.002, 0.02, 40)
    off = []
    for _ in range(200):
        trend = thruster_trend(times, 0.97 - 0.01 * (years - 1.0) + sigmas * rng.normal(size=40), sigmas)
        assert trend is not None
        middle = float(np.sum((times - times[0]) / sigmas**2) / np.sum(sigmas**-2.0)) / (365.25 * 86400.0) + years[0]
        off.append(
            (
                (trend.mean - (0.97 - 0.01 * (middle - 1.0))) / trend.mean_sigma,
                (trend.slope_per_year + 0.01) / trend.slope_sigma,
            )
        )
    # unit variance, a little less as sigma is widened by chance; 200 draws give it to 10 %
    assert np.std(off, axis=0) == pytest.approx([0.95, 0.95], abs=0.2)
    assert np.abs(np.mean(off, axis=0)).max() < 0.25


def test_scatter_widens_sigma() -> None:
    times = TIME[np.zeros(4, int)] + np.arange(4) * 1e6
    trend = thruster_trend(times, np.array([0.9, 1.1, 0.9, 1.1]), np.full(4, 0.001))
    assert trend is not None
    assert trend.mean_sigma > 0.04
    assert abs(trend.mean_significance) < 1.0


def test_few_manoeuvres_have_no_slope() -> None:
    assert thruster_trend(TIME[:0], np.empty(0), np.empty(0)) is None
    trend = thruster_trend(TIME, np.array([0.95]), np.array([0.01]))
    assert trend is not None
    assert trend.mean == 0.95 and trend.mean_significance == pytest.approx(-5.0)
    assert np.isnan(trend.slope_per_year)


def test_table_is_read_in_order_of_time(tmp_path: Path) -> None:
    file = tmp_path / "e.csv"
    file.write_text(HEAD + "2020-02-01T00:00:00Z,0,0.04,0,,,,\n2020-01-01T00:00:00Z,0,0.04,0,0,0.039,0,0.001\n")
    first, second = read_executed(file)
    assert first.restituted and not second.restituted
    assert first.time.utc_strings(0) == ["2020-01-01T00:00:00Z"]
    done = with_rises([first, second], [0.05, 0.038], [0.001, 0.002])
    assert done[0] is first
    np.testing.assert_allclose(done[1].restituted_ms, [0.0, 0.038, 0.0])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "column utc"),
        ("utc,planned_along_ms\n2020-01-01,1\n", "planned_radial_ms"),
        (HEAD + "2020-01-01T00:00:00,0,nan,0,,,,\n", "no number"),
        (HEAD + "2020-01-01T00:00:00,0,0,0,,,,\n", "above 0"),
        (HEAD + "2020-01-01T00:00:00,0,40000,0,,,,\n", "below 500"),
        (HEAD + "never,0,0.04,0,,,,\n", "row 1"),
        (HEAD + "2020-01-01T00:00:00,0,0.04,0,0,0.04,0,\n", "sigma_ms"),
        (HEAD + "2020-01-01T00:00:00,0,0.04,0,0,0.04,0,-1\n", "sigma_ms -1"),
        (HEAD + 2 * "2020-01-01T00:00:00,0,0.04,0,,,,\n", "give each once"),
    ],
)
def test_tables_that_cannot_be_read(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "e.csv"
    file.write_text(text)
    with pytest.raises(OrbitError, match=why):
        read_executed(file)
