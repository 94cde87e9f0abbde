"""A set of results with a product of every kind, small and exactly known, for the tests of the qualification."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from typer.testing import CliRunner, Result

from calib.archive.netcdf import to_bytes
from flows.cli import app
from orbit_aux.attitude import Attitude
from orbit_aux.ccsds import write_aem, write_oem, write_opm, write_tdm
from orbit_aux.ccsds.opm import Manoeuvre, OrbitParameters
from orbit_aux.frames import State
from orbit_aux.orbit import Covariance, Orbit
from orbit_aux.time import Times
from orbit_aux.tracking import Tracking

START = Times.from_utc("2018-03-06T00:00:00")
RADIUS_M = 7.098e6
RATE_RADS = float(np.sqrt(3.986004415e14 / RADIUS_M**3))
CREATED = "2018-03-07T00:00:00"


def orbit(
    along_m: float = 0.0,
    step_s: float = 60.0,
    stop_s: float = 3600.0,
    frame: str = "GCRF",
    comments: tuple[str, ...] = ("made by version 1",),
) -> Orbit:
    """A circle in the equator, displaced along itself by an angle that is `along_m` of arc."""
    seconds = np.arange(0.0, stop_s + 1.0, step_s)
    angle = RATE_RADS * seconds + along_m / RADIUS_M
    zero = np.zeros_like(angle)
    position = RADIUS_M * np.stack([np.cos(angle), np.sin(angle), zero], axis=1)
    velocity = RADIUS_M * RATE_RADS * np.stack([-np.sin(angle), np.cos(angle), zero], axis=1)
    times = START + seconds
    covariance = Covariance(times[[0]], np.diag([4.0, 4.0, 1.0, 1e-6, 1e-6, 1e-6])[None], ("GCRF",))
    return Orbit(
        "VENUS", "2017-044B", frame, times, position, velocity, "case", covariance=covariance, comments=comments
    )


def parameters(radial_m: float = 0.0, delta_v_ms: float = 0.25) -> OrbitParameters:
    """A state over the x axis with one manoeuvre."""
    state = State(START, np.array([[RADIUS_M + radial_m, 0.0, 0.0]]), np.array([[0.0, 7493.0, 0.0]]), "GCRF")
    burn = Manoeuvre(START + 900.0, 30.0, -0.02, "RSW", np.array([0.0, delta_v_ms, 0.0]))
    return OrbitParameters("VENUS", "2017-044B", state, np.diag([1.0] * 6), 250.0, manoeuvres=(burn,))


def attitude(turn_rad: float = 0.0) -> Attitude:
    """A body that rolls slowly, turned about its x axis by `turn_rad`."""
    seconds = np.arange(0.0, 61.0, 1.0)
    half = (1e-3 * seconds + turn_rad) / 2
    zero = np.zeros_like(half)
    quaternion = np.stack([np.cos(half), np.sin(half), zero, zero], axis=1)
    return Attitude("VENUS", "GCRF", "SC_BODY_1", START + seconds, quaternion, "case", object_id="2017-044B")


def tracking(shift_ms: float = 0.0) -> Tracking:
    """Thirty counts of two stations, one of them shifted."""
    seconds = np.arange(10.0, 310.0, 10.0)
    value = 1000.0 + np.sin(seconds)
    value[7] += shift_ms
    receiver = np.array(["AUS", "KRU"] * 15)
    same = np.full(30, "KRU")
    return Tracking(
        START + seconds, np.full(30, 10.0), np.full(30, "DOPPLER"), same, receiver, value, "case", light_time=True
    )


def write_rows(path: Path, heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(heads)
        writer.writerows(rows)


EVENT_HEADS = ("kind", "name", "start_utc", "stop_utc", "duration_s")


def events(shift_s: float = 0.0) -> list[list[object]]:
    """Eclipses every hundred minutes and one pass; the third eclipse begins later by `shift_s`."""
    rows: list[list[object]] = []
    for number in range(6):
        start = START + (6000.0 * number + (shift_s if number == 2 else 0.0))
        stop = START + (6000.0 * number + 2000.0)
        duration = float((stop - start)[0])
        rows.append(["eclipse", "umbra", start.utc_strings(3)[0], stop.utc_strings(3)[0], f"{duration:.3f}"])
    return [*rows, ["pass", "KRU", "2018-03-06T03:00:00.000Z", "2018-03-06T03:10:00.000Z", "600.000"]]


GROUND_HEADS = ("utc", "column", "lon_deg", "lat_deg", "height_m", "flag")


def ground(east_m: float = 0.0) -> list[list[object]]:
    """Points of a line at the date line and 60 degrees north, the fourth moved east."""
    east_radius_m = 6378137.0 / np.sqrt(1 - 0.00669437999014 * 0.75)
    turn_deg = np.degrees(east_m / (east_radius_m * 0.5))
    rows: list[list[object]] = []
    for column in range(6):
        longitude = 179.9999999 + (turn_deg if column == 3 else 0.0)
        longitude = (longitude + 180.0) % 360.0 - 180.0
        rows.append(["2018-03-06T00:00:10Z", column, f"{longitude:.10f}", "60.0000000000", "0.000", "ok"])
    return [*rows, ["2018-03-06T00:00:11Z", 0, "", "", "", "no ground"]]


def coefficients(factor: float = 1.0) -> list[list[object]]:
    """Two bands; k of the second times `factor`."""
    return [
        ["VENUS_MOON", "B2", "1.012345", "0.010000", "orbit of day 1"],
        ["VENUS_MOON", "B10", f"{0.987654 * factor:.9f}", "0.010000", "orbit of day 1"],
    ]


def dataset(shift: float = 0.0) -> xr.Dataset:
    """Irradiances of bands, one shifted."""
    values = np.array([1e-6, 2e-6, 3e-6])
    values[1] *= 1 + shift
    return xr.Dataset(
        {"irr_obs": ("band", values, {"units": "W m-2 um-1"}), "phase": ((), 12.5, {"units": "deg"})},
        {"band": ["B2", "B3", "B10"]},
    )


def summary(axis_m: float = 7.098e6, digest: str = "a" * 64, software: str = "0.1.0") -> dict[str, object]:
    return {
        "object_name": "VENUS",
        "verdict": "believed",
        "semi_major_axis": {"at_cut_off": {"estimate_m": axis_m, "sigma_m": 2.0}},
        "stations": [{"name": "KRU", "bias_ms": 0.001}, {"name": "AUS", "bias_ms": None}],
        "inputs": {
            "files": {"tracking": {"file": "t.tdm", "sha256": digest}},
            "earth_orientation": {"sha256": "e" * 64},
        },
        "software": {"etalon-calibration": software},
    }


def write_set(folder: Path) -> Path:
    """Every kind of product, as the reference."""
    folder.mkdir(parents=True)
    write_oem(folder / "orbit.oem", orbit(), creation_date=CREATED)
    write_opm(folder / "initial.opm", parameters(), creation_date=CREATED)
    write_aem(folder / "attitude.aem", attitude(), creation_date=CREATED)
    write_tdm(folder / "tracking.tdm", tracking(), "VENUS", creation_date=CREATED)
    write_rows(folder / "events.csv", EVENT_HEADS, events())
    write_rows(folder / "ground.csv", GROUND_HEADS, ground())
    write_rows(folder / "coefficients.csv", ("acquisition", "band", "k", "u_k", "orbit"), coefficients())
    (folder / "irradiance.nc").write_bytes(to_bytes(dataset()))
    (folder / "summary.json").write_text(json.dumps(summary()), encoding="utf-8")
    (folder / "report.html").write_text("<p>page</p>", encoding="utf-8")
    return folder


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["orbit", "qualify", *map(str, arguments)])


def accept(reference: Path, new: Path, *options: object, code: int = 0) -> dict[str, Any]:
    """acceptance.json of a run that ends with `code`."""
    output = reference.parent / f"out{time.monotonic_ns()}"
    answer = run(reference, new, "--output", output, *options)
    assert answer.exit_code == code, answer.output
    content: dict[str, Any] = json.loads((output / "acceptance.json").read_text(encoding="utf-8"))
    content["folder"] = output
    return content


def quantity(found: dict[str, Any], product: str, name: str) -> dict[str, Any]:
    lines = next(item["quantities"] for item in found["products"] if item["product"] == product)
    line: dict[str, Any] = next(item for item in lines if item["quantity"] == name)
    return line
