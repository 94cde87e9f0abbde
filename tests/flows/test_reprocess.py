"""A new orbit: exactly what it touches is planned, done again, and laid beside the old; the rest stands."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from campaigns import coefficients, make_products, run, write_request

from calib.acquisition import Acquisition
from calib.archive import Archive
from calib.errors import RequestError
from calib.moon.steps import LUNAR_GAIN
from calib.products import open_acquisition
from flows.campaign import Finished
from flows.reprocess import carry_out, make_plan
from flows.simulation import shifted
from orbit_aux.ccsds import read_oem, write_oem
from orbit_aux.orbit import Orbit

DAY = "2019-01-18"


@pytest.fixture
def done(finished: Finished, products: Path, tmp_path: Path) -> tuple[Finished, Archive, Orbit]:
    """A finished run, a copy of its archive in another place, and the orbit it used."""
    shutil.copytree(finished.folder.parent.parent, tmp_path / "archive")
    return finished, Archive(tmp_path / "archive"), read_oem(products / "orbits" / "VENUS.oem")


def new_orbit(folder: Path, orbit: Orbit, name: str = "new.oem") -> Path:
    write_oem(folder / name, orbit)
    return folder / name


def test_one_day_is_redone_and_the_others_stand(done: tuple[Finished, Archive, Orbit], tmp_path: Path) -> None:
    finished, archive, orbit = done
    plan = make_plan(archive, [new_orbit(tmp_path, shifted(orbit, DAY, 3000.0))])
    assert [item.acquisition for item in plan.of("redo")] == ["VENUS_MOON_20190118T081401"]
    assert len(plan.of("reuse")) == 2
    decision = plan.of("redo")[0]
    assert decision.redo == ("moon_geometry", "lunar_gain")
    assert set(decision.reused) == {"sun_direction", "lunar_disk", "disk_signal"}
    radial, along, cross = decision.shift_m or (0.0, 0.0, 0.0)
    # moved along the velocity, which in a near-circular orbit lies within 0.1 degree of the transverse axis
    assert along == pytest.approx(3000.0, rel=1e-4)
    assert abs(radial) < 10.0
    assert abs(cross) < 0.01
    # 3 km seen from 400 000 km: at most 4.3e-4 degree
    assert decision.angles_deg is not None
    assert 0.0 < max(decision.angles_deg.values()) < 1.1e-3

    [again] = carry_out(plan, archive, "local")
    assert (again.summary["steps_computed"], again.summary["steps_reused"]) == (2, 13)
    rows = list(csv.DictReader((again.folder / "changes.csv").open(encoding="utf-8")))
    assert {row["acquisition"] for row in rows} == {"VENUS_MOON_20190118T081401"}
    for row in rows:
        old, new = (coefficients(item)[row["acquisition"], row["band"]] for item in (finished, again))
        assert float(row["old_k"]) == pytest.approx(old, abs=1e-6)
        assert float(row["new_k"]) == pytest.approx(new, abs=1e-6)
        assert old != new


def test_old_results_stay_and_are_superseded(done: tuple[Finished, Archive, Orbit], tmp_path: Path) -> None:
    _, archive, orbit = done
    before = {entry.key for entry in archive.results(step="lunar_gain")}
    carry_out(make_plan(archive, [new_orbit(tmp_path, shifted(orbit, DAY, 3000.0))]), archive, "local")
    entries = archive.results(step="lunar_gain", subject="VENUS_MOON_20190118T081401")
    assert len(entries) == 2
    assert [entry.key in before for entry in entries if not entry.current] == [True]
    assert len(archive.results(step="lunar_gain", current_only=True)) == 3


def test_doing_it_twice_changes_nothing(done: tuple[Finished, Archive, Orbit], tmp_path: Path) -> None:
    _, archive, orbit = done
    path = new_orbit(tmp_path, shifted(orbit, DAY, 3000.0))
    carry_out(make_plan(archive, [path]), archive, "local")
    plan = make_plan(archive, [path])
    assert not plan.of("redo")
    assert carry_out(plan, archive, "local") == []


def test_an_orbit_of_one_day_leaves_the_rest_alone(done: tuple[Finished, Archive, Orbit], tmp_path: Path) -> None:
    _, archive, orbit = done
    moved = shifted(orbit, DAY, 3000.0)
    first = moved.segments[0]
    rows = slice(first.first, first.stop)
    one_day = Orbit(
        moved.object_name,
        moved.object_id,
        moved.frame,
        moved.times[rows],
        moved.position_m[rows],
        moved.velocity_ms[rows],
        "one day",
    )
    plan = make_plan(archive, [new_orbit(tmp_path, one_day)])
    assert len(plan.of("redo")) == 1
    assert len(plan.of("not covered")) == 2
    [again] = carry_out(plan, archive, "local")
    assert again.summary["steps_computed"] == 2


def test_an_orbit_that_changes_nothing_stops_at_the_geometry(
    done: tuple[Finished, Archive, Orbit], tmp_path: Path
) -> None:
    _, archive, orbit = done
    # a millimetre is far below the quantum of the geometry (1e-4 degree is 700 m at the Moon)
    plan = make_plan(archive, [new_orbit(tmp_path, shifted(orbit, DAY, 0.001))])
    assert not plan.of("redo")
    [touched] = [item for item in plan.of("reuse") if item.acquisition == "VENUS_MOON_20190118T081401"]
    assert "quantum" in touched.why


def test_the_same_records_in_another_file_are_the_same_orbit(
    done: tuple[Finished, Archive, Orbit], tmp_path: Path
) -> None:
    _, archive, orbit = done
    write_oem(tmp_path / "same.xml", orbit, kind="xml")
    plan = make_plan(archive, [tmp_path / "same.xml"])
    assert {item.why for item in plan.of("reuse")} == {"same records"}
    assert len(plan.of("reuse")) == 3


def test_going_back_makes_the_old_result_current_again(
    done: tuple[Finished, Archive, Orbit], products: Path, tmp_path: Path
) -> None:
    finished, archive, orbit = done
    carry_out(make_plan(archive, [new_orbit(tmp_path, shifted(orbit, DAY, 3000.0))]), archive, "local")
    plan = make_plan(archive, [products / "orbits" / "VENUS.oem"])
    assert [item.why for item in plan.of("redo")] == [
        "the archive holds the result for this orbit; it becomes current again"
    ]
    [back] = carry_out(plan, archive, "local")
    assert back.summary["steps_computed"] == 0
    assert coefficients(back) == coefficients(finished)
    key = next(
        outcome.results["lunar_gain"].key
        for outcome in finished.outcomes
        if outcome.subject == "VENUS_MOON_20190118T081401"
    )
    assert archive.current("lunar_gain", "VENUS_MOON_20190118T081401") == key


def test_an_orbit_of_another_satellite_covers_nothing(done: tuple[Finished, Archive, Orbit], tmp_path: Path) -> None:
    _, archive, orbit = done
    other = Orbit(
        "PHR1A", "X", orbit.frame, orbit.times, orbit.position_m, orbit.velocity_ms, "other", segments=orbit.segments
    )
    plan = make_plan(archive, [new_orbit(tmp_path, other)])
    assert len(plan.of("not covered")) == 3


def test_a_product_that_is_gone_is_said(tmp_path: Path) -> None:
    products = tmp_path / "products"
    made = make_products(products, count=2, bands=("B4",))
    run(write_request(tmp_path, products, tmp_path / "archive"))
    (made[0] / "B4.tif").unlink()
    archive = Archive(tmp_path / "archive")
    orbit = read_oem(products / "orbits" / "VENUS.oem")
    both = shifted(shifted(orbit, DAY, 3000.0), "2019-02-16", 3000.0)
    plan = make_plan(archive, [new_orbit(tmp_path, both)])
    assert [item.acquisition for item in plan.of("unusable")] == [made[0].name]
    assert "B4.tif" in plan.of("unusable")[0].why
    assert len(plan.of("redo")) == 1
    shutil.rmtree(made[0])
    plan = make_plan(archive, [tmp_path / "new.oem"])
    assert [item.acquisition for item in plan.of("unusable")] == [made[0].name]
    # a coefficient that the orbit leaves alone stands, with its product or without
    plan = make_plan(archive, [new_orbit(tmp_path, shifted(orbit, "2019-02-16", 3000.0), "one.oem")])
    assert [item.acquisition for item in plan.of("reuse")] == [made[0].name]
    assert len(carry_out(plan, archive, "local")) == 1


def test_what_is_not_touched_is_not_opened(
    done: tuple[Finished, Archive, Orbit], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, archive, orbit = done
    opened: list[str] = []

    def count(path: Path) -> Acquisition:
        opened.append(path.name)
        return open_acquisition(path)

    monkeypatch.setattr("flows.prepare.open_acquisition", count)
    plan = make_plan(archive, [new_orbit(tmp_path, shifted(orbit, DAY, 3000.0))])
    assert opened == ["VENUS_MOON_20190118T081401"]
    assert [len(plan.of(action)) for action in ("redo", "reuse")] == [1, 2]


def test_an_archive_of_an_earlier_version_is_opened(done: tuple[Finished, Archive, Orbit], tmp_path: Path) -> None:
    _, archive, orbit = done
    [folder] = archive.runs()
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    for item in summary["acquisitions"]:
        for name in ("product", "start_utc", "stop_utc"):
            del item[name]
    (folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    plan = make_plan(archive, [new_orbit(tmp_path, shifted(orbit, DAY, 3000.0))])
    assert [item.acquisition for item in plan.of("redo")] == ["VENUS_MOON_20190118T081401"]
    assert [item.why for item in plan.of("reuse")] == ["same records", "same records"]


def test_another_version_of_a_step_is_no_reason_to_redo_what_the_orbit_leaves(
    done: tuple[Finished, Archive, Orbit], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, archive, orbit = done
    monkeypatch.setattr("flows.moon.LUNAR_GAIN", replace(LUNAR_GAIN, version="another"))
    # one day moves, another by less than the quantum, the third has the same records
    moved = shifted(shifted(orbit, DAY, 3000.0), "2019-02-16", 0.001)
    plan = make_plan(archive, [new_orbit(tmp_path, moved)])
    assert [item.acquisition for item in plan.of("redo")] == ["VENUS_MOON_20190118T081401"]
    assert len(plan.of("reuse")) == 2
    [again] = carry_out(plan, archive, "local")
    assert (again.summary["done"], again.summary["steps_computed"]) == (1, 2)


def test_an_empty_archive_is_said(tmp_path: Path, products: Path) -> None:
    with pytest.raises(RequestError, match="no finished run"):
        make_plan(Archive(tmp_path / "empty"), [products / "orbits" / "VENUS.oem"])


def test_shifted_moves_one_day_only(products: Path) -> None:
    orbit = read_oem(products / "orbits" / "VENUS.oem")
    moved = np.linalg.norm(shifted(orbit, DAY, 500.0).position_m - orbit.position_m, axis=1)
    mine = np.array([text.startswith(DAY) for text in orbit.times.utc_strings(0)])
    np.testing.assert_allclose(moved[mine], 500.0, atol=1e-6)
    assert not moved[~mine].any()
