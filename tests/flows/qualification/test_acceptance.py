"""The qualification of a new version by its command: a set equals itself, errors of known size are found with that size, and nothing crashes it."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calib.archive.netcdf import to_bytes
from orbit_aux.ccsds import write_aem, write_oem, write_opm, write_tdm
from tests.flows.qualification import cases
from tests.flows.qualification.cases import accept, quantity

COEFFICIENTS = ("acquisition", "band", "k", "u_k", "orbit")


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    return cases.write_set(tmp_path / "ref")


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return cases.write_set(tmp_path / "new")


def test_a_set_equals_itself(reference: Path, new: Path) -> None:
    found = accept(reference, new)
    assert found["verdict"] == "ACCEPTED"
    assert found["products_by_verdict"] == {"equal": 10}
    assert found["anomalies"] == []
    assert {path.name for path in found["folder"].iterdir()} == {
        "acceptance.json",
        "differences.csv",
        "report.html",
        "procedure.md",
    }


def test_rewriting_does_not_matter(reference: Path, new: Path) -> None:
    write_oem(new / "orbit.oem", cases.orbit(), kind="xml", creation_date="2026-01-01T00:00:00")
    write_opm(new / "initial.opm", cases.parameters(), kind="xml")
    write_aem(new / "attitude.aem", cases.attitude(), kind="xml", scalar="FIRST", direction="B2A")
    write_tdm(new / "tracking.tdm", cases.tracking(), "VENUS", kind="xml")
    # rows upside down, columns the other way round, no Z, more zeros, blanks
    rows = [[str(cell).replace("Z", "") for cell in row[::-1]] for row in cases.events()[::-1]]
    cases.write_rows(new / "events.csv", cases.EVENT_HEADS[::-1], rows)
    rows = [
        [f" {float(cell):.15f}" if number in (2, 3, 4) and cell else cell for number, cell in enumerate(row)]
        for row in cases.ground()
    ]  # type: ignore[arg-type]
    cases.write_rows(new / "ground.csv", cases.GROUND_HEADS, rows[::-1])
    data = cases.dataset().isel(band=[2, 0, 1])
    (new / "irradiance.nc").write_bytes(to_bytes(data))
    content = dict(reversed(cases.summary().items()))
    content["stations"] = cases.summary()["stations"][::-1]  # type: ignore[index]
    (new / "summary.json").write_text(json.dumps(content, indent=3), encoding="utf-8")
    found = accept(reference, new)
    assert found["verdict"] == "ACCEPTED"
    for product in found["products"]:
        assert product["verdict"] == "equal", product


def test_fewer_digits_are_equal_to_the_digit_printed(reference: Path, new: Path) -> None:
    rows = cases.coefficients()
    rows[0][2] = "1.0123"
    cases.write_rows(new / "coefficients.csv", COEFFICIENTS, rows)
    assert quantity(accept(reference, new), "coefficients.csv", "k")["verdict"] == "equal"
    rows[0][2] = "1.0124"
    cases.write_rows(new / "coefficients.csv", COEFFICIENTS, rows)
    assert quantity(accept(reference, new), "coefficients.csv", "k")["verdict"] == "within"


INJECTED: list[tuple[str, str, float, str, Callable[[Path], object]]] = [
    ("orbit.oem", "along", 0.5, "m", lambda to: write_oem(to, cases.orbit(0.5))),
    # 0.5 m of arc turn the velocity, seen inertially, by the angle that the arc subtends
    ("orbit.oem", "radial_velocity", 0.5 * cases.RATE_RADS, "m/s", lambda to: write_oem(to, cases.orbit(0.5))),
    ("initial.opm", "radial", 2.0, "m", lambda to: write_opm(to, cases.parameters(2.0))),
    ("initial.opm", "delta_v_2_ms", 0.01, "m/s", lambda to: write_opm(to, cases.parameters(0.0, 0.26))),
    ("attitude.aem", "attitude_angle", float(np.degrees(1e-6)), "deg", lambda to: write_aem(to, cases.attitude(1e-6))),
    ("tracking.tdm", "doppler_ms", 0.02, "m/s", lambda to: write_tdm(to, cases.tracking(0.02), "VENUS")),
    ("events.csv", "start_utc", 0.7, "s", lambda to: cases.write_rows(to, cases.EVENT_HEADS, cases.events(0.7))),
    ("ground.csv", "ground", 0.05, "m", lambda to: cases.write_rows(to, cases.GROUND_HEADS, cases.ground(0.05))),
    (
        "coefficients.csv",
        "k",
        0.987654e-3,
        "1",
        lambda to: cases.write_rows(to, COEFFICIENTS, cases.coefficients(1.001)),
    ),
    ("irradiance.nc", "irr_obs", 2e-9, "W m-2 um-1", lambda to: to.write_bytes(to_bytes(cases.dataset(1e-3)))),
    (
        "summary.json",
        "semi_major_axis.at_cut_off.estimate_m",
        100.0,
        "m",
        lambda to: to.write_text(json.dumps(cases.summary(7.0981e6)), encoding="utf-8"),
    ),
]


@pytest.mark.parametrize(
    ("product", "name", "size", "unit", "inject"), INJECTED, ids=[f"{i[0]}-{i[1]}" for i in INJECTED]
)
def test_an_error_of_known_size_is_found_with_that_size(
    reference: Path, new: Path, product: str, name: str, size: float, unit: str, inject: Callable[[Path], object]
) -> None:
    inject(new / product)
    found = accept(reference, new, code=3)
    assert found["verdict"] == "NOT ACCEPTED"
    assert found["products_by_verdict"] == {"equal": 9, "outside": 1}
    line = quantity(found, product, name)
    # 1e-4: the tenth of a millimetre and the tenth of a microsecond of text files are less
    assert line["largest"] == pytest.approx(size, rel=1e-4)
    assert (line["unit"], line["verdict"]) == (unit, "outside")
    assert line["ratio"] > 1
    # the other way round it is as large
    back = quantity(accept(new, reference, code=3), product, name)
    assert back["largest"] == pytest.approx(size, rel=2e-3)


def test_differences_within_the_tolerance_are_accepted(reference: Path, new: Path) -> None:
    write_oem(new / "orbit.oem", cases.orbit(0.005))
    cases.write_rows(new / "events.csv", cases.EVENT_HEADS, cases.events(0.4))
    found = accept(reference, new)
    assert found["verdict"] == "ACCEPTED"
    assert quantity(found, "orbit.oem", "along")["verdict"] == "within"
    assert quantity(found, "orbit.oem", "along")["ratio"] == pytest.approx(0.5, rel=1e-3)
    assert quantity(found, "events.csv", "start_utc")["ratio"] == pytest.approx(0.8, rel=1e-3)


def test_an_orbit_in_another_frame_and_step_is_the_same_orbit(reference: Path, new: Path) -> None:
    write_oem(reference / "orbit.oem", cases.orbit(step_s=30.0))
    found = accept(reference, new)
    # degree 7 through 60 s of a circle: micrometres
    assert quantity(found, "orbit.oem", "position")["largest"] < 1e-3
    # 23 mas of frame bias at 7098 km is 0.8 m: a frame that only says that it is another
    write_oem(new / "orbit.oem", cases.orbit(frame="EME2000"))
    found = accept(reference, new, code=3)
    assert quantity(found, "orbit.oem", "frame")["verdict"] == "outside"
    assert 0.1 < quantity(found, "orbit.oem", "position")["largest"] < 1.0


def test_lost_coverage_and_more_coverage(reference: Path, new: Path) -> None:
    write_oem(new / "orbit.oem", cases.orbit(stop_s=3000.0))
    assert quantity(accept(reference, new, code=3), "orbit.oem", "coverage_lost")["largest"] == 600.0
    write_oem(new / "orbit.oem", cases.orbit(stop_s=4200.0))
    found = accept(reference, new)
    assert found["verdict"] == "ACCEPTED WITH RESERVES"
    assert "600 s" in quantity(found, "orbit.oem", "coverage_gained")["note"]


def test_rows_missing_and_new(reference: Path, new: Path) -> None:
    rows = cases.events()
    del rows[1]
    rows.append(["eclipse", "umbra", "2018-03-07T00:00:00.000Z", "2018-03-07T00:30:00.000Z", "1800.000"])
    cases.write_rows(new / "events.csv", cases.EVENT_HEADS, rows)
    found = accept(reference, new, code=3)
    assert quantity(found, "events.csv", "rows missing")["differing"] == 1
    assert "2018-03-06T01:40" in quantity(found, "events.csv", "rows missing")["note"]
    assert "2018-03-07" in quantity(found, "events.csv", "rows new")["note"]
    assert {item["state"] for item in found["anomalies"]} == {"open"}


def test_files_missing_and_new(reference: Path, new: Path) -> None:
    (new / "more.csv").write_text("name,value_m\na,1\n", encoding="utf-8")
    assert accept(reference, new)["verdict"] == "ACCEPTED WITH RESERVES"
    (new / "orbit.oem").unlink()
    found = accept(reference, new, code=3)
    assert [item["verdict"] for item in found["products"] if item["product"] == "orbit.oem"] == ["missing"]


def test_an_event_that_is_the_only_one_of_its_name_is_found_however_late(reference: Path, new: Path) -> None:
    rows = cases.events()
    rows[-1][2] = "2018-03-06T04:00:00.000Z"
    cases.write_rows(new / "events.csv", cases.EVENT_HEADS, rows)
    assert quantity(accept(reference, new, code=3), "events.csv", "start_utc")["largest"] == 3600.0


def test_values_in_one_set_only(reference: Path, new: Path) -> None:
    rows = cases.ground()
    rows[2][4], rows[6][5] = "", "ok"
    cases.write_rows(new / "ground.csv", cases.GROUND_HEADS, rows)
    found = accept(reference, new, code=3)
    assert quantity(found, "ground.csv", "height_m")["largest"] == "infinite"
    assert quantity(found, "ground.csv", "height_m")["where"].startswith("column=2")
    flag = quantity(found, "ground.csv", "flag")
    assert (flag["reference"], flag["new"]) == ("no ground", "ok")


def test_causes(reference: Path, new: Path) -> None:
    write_oem(new / "orbit.oem", cases.orbit(0.5, comments=("made by version 2",)))

    def cause(**changes: Any) -> str:
        (new / "summary.json").write_text(json.dumps(cases.summary(**changes)), encoding="utf-8")
        found = accept(reference, new, code=3)
        return str(next(item["cause"] for item in found["products"] if item["product"] == "orbit.oem"))

    assert "same inputs, different software: etalon-calibration 0.1.0 -> 0.2.0" in cause(software="0.2.0")
    assert "inputs differ: input tracking aaaaaaaaaaaa -> bbbbbbbbbbbb" in cause(digest="b" * 64)
    assert "same inputs, same software" in cause()
    assert "comments differ: made by version 1 -> made by version 2" in cause()
    (new / "summary.json").unlink()
    write_oem(new / "orbit.oem", cases.orbit(0.5))
    found = accept(reference, new, code=3)
    assert "not recorded" in next(item["cause"] for item in found["products"] if item["product"] == "orbit.oem")


def test_anomalies_are_closed_by_their_identifier(reference: Path, new: Path, tmp_path: Path) -> None:
    write_oem(new / "orbit.oem", cases.orbit(0.05))
    found = accept(reference, new, code=3)
    names = {item["quantity"]: item["id"] for item in found["anomalies"]}
    # the along-track shift is that of the whole, and turns the velocity
    assert set(names) == {"along", "position", "velocity", "radial_velocity"}
    closed = tmp_path / "closed.yaml"

    def close(bound: str) -> None:
        entry = "{}:\n  justification: a better station position\n  by: flight dynamics\n"
        text = "".join(entry.format(names[name]) for name in sorted(names, key=lambda name: name == "along"))
        closed.write_text(f"{text}  up_to: {bound}\n", encoding="utf-8")

    close("6 cm")
    found = accept(reference, new, "--closed", closed)
    assert found["verdict"] == "ACCEPTED WITH RESERVES"
    assert {item["state"] for item in found["anomalies"]} == {"closed with justification"}
    assert "a better station position" in (found["folder"] / "procedure.md").read_text(encoding="utf-8")
    # what is more than was looked at is open
    close("4 cm")
    found = accept(reference, new, "--closed", closed, code=3)
    assert [item["quantity"] for item in found["anomalies"] if item["state"] == "open"] == ["along"]
    # what is not found any more is told
    write_oem(new / "orbit.oem", cases.orbit())
    assert set(accept(reference, new, "--closed", closed)["closures_not_needed"]) == set(names.values())


def test_own_tolerances_come_before_those_shipped(reference: Path, new: Path, tmp_path: Path) -> None:
    write_oem(new / "orbit.oem", cases.orbit(0.5))
    own = tmp_path / "own.yaml"
    entry = "  - files: [orbit.oem]\n    quantities: ['*{0}']\n    tolerance: {1}\n    reason: a better orbit\n"
    text = "tolerances:\n" + entry.format("", "1 m") + entry.format("velocity", "1 mm/s")
    own.write_text(text, encoding="utf-8")
    found = accept(reference, new, "--tolerances", own)
    assert quantity(found, "orbit.oem", "along")["reason"] == "a better orbit"
    own.write_text(text + "shipped: false\n", encoding="utf-8")
    cases.write_rows(new / "coefficients.csv", COEFFICIENTS, cases.coefficients(1.00001))
    assert quantity(accept(reference, new, "--tolerances", own, code=3), "coefficients.csv", "k")["ratio"] == "infinite"


def test_the_page_and_the_procedure_tell_the_verdict(reference: Path, new: Path) -> None:
    write_oem(new / "orbit.oem", cases.orbit(0.5))
    folder = accept(reference, new, code=3)["folder"]
    page, text = ((folder / name).read_text(encoding="utf-8") for name in ("report.html", "procedure.md"))
    for part in ("NOT ACCEPTED", "orbit.oem: along", "<svg", "0.5 m"):
        assert part in page
    for part in ("**NOT ACCEPTED**", "etalon orbit qualify", "| Accepted by |", "1 cm"):
        assert part in text
    with (folder / "differences.csv").open(newline="", encoding="utf-8") as stream:
        rows = {(row["product"], row["quantity"]): row for row in csv.DictReader(stream)}
    assert float(rows["orbit.oem", "along"]["largest"]) == pytest.approx(0.5, rel=1e-4)
