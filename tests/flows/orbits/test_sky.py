"""`etalon orbit sky`: the apparent Moon and Sun in a table."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from commands import Answer

from orbit_aux.attitude import Attitude
from orbit_aux.ccsds import write_aem, write_oem
from orbit_aux.location.sky import apparent_body
from orbit_aux.moon_view import behind_earth
from orbit_aux.orbit import Orbit
from orbit_aux.time import Times

START = Times.from_utc("2018-03-06T10:00:00")


@pytest.fixture
def orbit(tmp_path: Path) -> Orbit:
    """A revolution of a round orbit, as a file, with an attitude that stays: a quarter turn of GCRF about z."""
    seconds = np.arange(0.0, 6001.0, 30.0)
    times = START[np.zeros(len(seconds), int)] + seconds
    rate = np.sqrt(3.986004415e14 / 7.1e6**3)
    c, s, zero = np.cos(rate * seconds), np.sin(rate * seconds), np.zeros_like(seconds)
    made = Orbit(
        "MADE",
        "2018-000A",
        "GCRF",
        times,
        7.1e6 * np.stack([c, s, zero], -1),
        7.1e6 * rate * np.stack([-s, c, zero], -1),
        "made",
    )
    write_oem(tmp_path / "o.oem", made)
    quarter = np.tile([np.sqrt(0.5), 0.0, 0.0, np.sqrt(0.5)], (len(seconds), 1))
    write_aem(tmp_path / "a.aem", Attitude("MADE", "GCRF", "SC_BODY_1", times, quarter, "made"))
    (tmp_path / "t.csv").write_text("\n".join(["utc", *times[::10].utc_strings()]))
    return made


def test_the_table(etalon: Callable[..., Answer], orbit: Orbit, tmp_path: Path) -> None:
    words = [
        item
        for name, file in (("orbit", "o.oem"), ("times", "t.csv"), ("attitude", "a.aem"), ("output", "out.csv"))
        for item in (f"--{name}", str(tmp_path / file))
    ]
    answer = etalon("orbit", "sky", *words)
    assert answer.code == 0, answer.err
    with (tmp_path / "out.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    state = orbit.at(orbit.times[::10])
    for body in ("moon", "sun"):
        ra, dec, x, y, z = (
            np.array([float(row[f"{body}_{name}"]) for row in rows]) for name in ("ra_deg", "dec_deg", "x", "y", "z")
        )
        ra, dec = np.radians(ra), np.radians(dec)
        direction = np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], -1)
        assert np.abs(direction - apparent_body(body, state)["direction"].values).max() < 1e-10
        # the body's x lies on the frame's y
        assert np.abs(np.stack([-y, x, z], -1) - direction).max() < 1e-8
    hidden = np.array([float(row["moon_over_limb_deg"]) < 0 for row in rows])
    # a sphere of the equatorial radius against the ellipsoid: the same but within a quarter degree of the limb
    clear = np.abs([float(row["moon_over_limb_deg"]) for row in rows]) > 0.5
    assert hidden.any() and np.array_equal(hidden[clear], behind_earth(state.times, state.position_m).values[clear])
    assert all(-180 < float(row["moon_phase_deg"]) < 180 for row in rows)


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("utc\nyesterday\n", 1, "t.csv: UTC time 'yesterday'"),
        ("time\n2018-03-06T10:00:00\n", 1, "column utc is missing"),
        ("utc\n2019-03-06T10:00:00\n", 1, "orbit of MADE"),
    ],
)
def test_refusals(
    etalon: Callable[..., Answer], orbit: Orbit, tmp_path: Path, text: str, code: int, words: str
) -> None:
    (tmp_path / "t.csv").write_text(text)
    answer = etalon(
        "orbit",
        "sky",
        "--orbit",
        str(tmp_path / "o.oem"),
        "--times",
        str(tmp_path / "t.csv"),
        "--output",
        str(tmp_path / "out.csv"),
    )
    assert (answer.code, words in answer.err) == (code, True), answer.err


@pytest.mark.parametrize("output", ["t.csv/x", "", "none/x.csv"])
def test_where_nothing_can_be_written(etalon: Callable[..., Answer], orbit: Orbit, tmp_path: Path, output: str) -> None:
    (tmp_path / "t.csv").write_text("utc\n2018-03-06T10:00:00\n")
    files = ("--orbit", str(tmp_path / "o.oem"), "--times", str(tmp_path / "t.csv"))
    answer = etalon("orbit", "sky", *files, "--output", str(tmp_path / output) if output else "")
    assert answer.code == 2 and "cannot be written" in answer.err and answer.err.count("\n") == 1
