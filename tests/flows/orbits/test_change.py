"""`etalon orbit change`: injected orbit errors come back with their size and sign, only what moves is redone, and what cannot be used is refused."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from campaigns import make_products, run, write_request
from commands import Answer

from calib import config
from calib.archive import Archive
from calib.moon.irradiance import band_irradiance, load_model
from calib.sensor import load_gains, load_sensor
from calib.simulate.moon import MoonScene
from flows.campaign import Finished
from flows.orbits import change
from flows.simulation import plan_looks, shifted, simulate_campaign
from orbit_aux.bodies import moon_position
from orbit_aux.ccsds import read_oem, write_oem
from orbit_aux.moon_view import moon_geometry
from orbit_aux.orbit import Covariance, Orbit
from orbit_aux.time import Times

DAY = "2019-01-18"
Etalon = Callable[..., Answer]


@pytest.fixture
def archive(finished: Finished, tmp_path: Path) -> Path:
    """A copy of the archive of a finished run."""
    return Path(shutil.copytree(finished.folder.parent.parent, tmp_path / "archive"))


@pytest.fixture
def orbit(products: Path) -> Orbit:
    return read_oem(products / "orbits" / "VENUS.oem")


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.open(encoding="utf-8")))


def moved(orbit: Orbit, day: str, offset_m: np.ndarray) -> Orbit:
    """The orbit with the records of one day displaced by `offset_m` (n, 3) or (3,), GCRF."""
    mine = np.array([text.startswith(day) for text in orbit.times.utc_strings(0)])
    return replace(orbit, position_m=orbit.position_m + np.where(mine[:, None], offset_m, 0.0))


def across_moon(orbit: Orbit) -> np.ndarray:
    """The direction (GCRF) in which a displacement changes the phase most: towards the Sun, across the line of sight, at the first Moon."""
    view = moon_geometry(orbit.times[[20]], orbit.position_m[[20]])
    sun, sight = view["sun_from_moon"].values[0], view["moon_direction"].values[0]
    across = sun - sight * (sun @ sight)
    return np.asarray(across / np.linalg.norm(across))


def write(folder: Path, orbit: Orbit, name: str = "new.oem") -> Path:
    write_oem(folder / name, orbit)
    return folder / name


def test_one_day_end_to_end(etalon: Etalon, archive: Path, orbit: Orbit, tmp_path: Path) -> None:
    new = write(tmp_path, shifted(orbit, DAY, 300_000.0))
    answer = etalon("orbit", "change", "--archive", archive, "--orbit", new, "--output", tmp_path / "out")
    assert answer.code == 0, answer.err
    assert "1 redo, 2 reuse" in answer.out
    assert "2 steps computed, 13 reused" in answer.out
    found = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert found == ["changes.csv", "report.html", "shifts.csv", "summary.json"]
    [shift] = [row for row in rows(tmp_path / "out" / "shifts.csv") if row["action"] == "redo"]
    # 300 km along the track, seen from 400 000 km, and the point under it nearer to the centre of the Earth by 6371 / 7098
    assert float(shift["along_m"]) == pytest.approx(3e5, rel=2e-3)
    assert float(shift["ground_along_m"]) == pytest.approx(3e5 * 6371 / 7098, rel=0.01)
    assert float(shift["ground_pixel"]) == pytest.approx(float(shift["ground_along_m"]) / (720e3 * 7.36e-6), rel=0.05)
    assert 0 < float(shift["phase_change_deg"]) < np.degrees(3e5 / 3.6e8)
    assert float(shift["phase_over_quantum"]) == pytest.approx(float(shift["phase_change_deg"]) / 1e-4, rel=1e-5)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    assert summary["decisions"] == {"redo": 1, "reuse": 2, "not covered": 0, "unusable": 0}
    kept = Archive(archive)
    [result] = [kept.get(item.key, item.step) for item in kept.results("lunar_gain", shift["acquisition"])[:1]]
    assert result is not None
    for row in rows(tmp_path / "out" / "changes.csv"):
        assert float(row["new_k"]) == pytest.approx(float(result.dataset["k"].sel(band=row["band"])), abs=1e-8)
        change_percent = 100 * (float(row["new_k"]) / float(row["old_k"]) - 1)
        assert float(row["change_percent"]) == pytest.approx(change_percent, abs=3e-6)
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "1 of 3 acquisitions were done again" in page
    assert "http" not in page.replace("http://www.w3.org", "")


def test_a_dry_run_changes_nothing(etalon: Etalon, archive: Path, orbit: Orbit, tmp_path: Path) -> None:
    new = write(tmp_path, shifted(orbit, DAY, 300_000.0))
    before = {path for path in archive.rglob("*") if path.is_file()}
    answer = etalon("orbit", "change", "--archive", archive, "--orbit", new, "--dry-run", "--output", tmp_path / "out")
    assert answer.code == 0
    assert not (tmp_path / "out" / "changes.csv").exists()
    assert (tmp_path / "out" / "shifts.csv").exists()
    assert {path for path in archive.rglob("*") if path.is_file()} - before <= {archive / "index.sqlite"}


def test_a_wrong_distance_of_the_moon_cancels_between_image_and_model(
    archive: Path, orbit: Orbit, finished: Finished, tmp_path: Path
) -> None:
    """The limb tells the scale of the image: the farther the Moon is said to be, the smaller a sample, and the fainter the model."""
    mine = np.array([text.startswith(DAY) for text in orbit.times.utc_strings(0)])
    towards = moon_position(orbit.times) - orbit.position_m
    # straight away from the Moon by 1e-4 of its distance: no angle changes but by rounding
    new = write(tmp_path, moved(orbit, DAY, -1e-4 * towards * mine[:, None]))
    code, _ = change.change_orbit(Archive(archive), change.NewOrbit((new,)), tmp_path / "out", change.Asked())
    assert code == 0
    store, name = Archive(archive), rows(tmp_path / "out" / "changes.csv")[0]["acquisition"]
    entries = store.results("lunar_gain", name)
    results = [store.get(item.key, "lunar_gain") for item in sorted(entries, key=lambda item: item.current)]
    old, later = (item.dataset for item in results if item is not None)
    for variable in ("irradiance_model", "irradiance_measured"):
        ratio = (later[variable] / old[variable]).values
        # 2e-4 fainter; the quantum of the distance is 2.6e-7 of it
        np.testing.assert_allclose(ratio - 1, -2e-4, atol=2e-6)
    np.testing.assert_allclose((later["k"] / old["k"]).values, 1.0, atol=3e-6)


def test_the_change_is_that_of_the_model_between_the_two_geometries(
    archive: Path, orbit: Orbit, tmp_path: Path
) -> None:
    """Authority: the irradiance model evaluated at both places, unrounded, and the scale of the limb, which goes with the apparent radius."""
    new = moved(orbit, DAY, 300_000.0 * across_moon(orbit))
    change.change_orbit(Archive(archive), change.NewOrbit((write(tmp_path, new),)), tmp_path / "out", change.Asked())
    found = rows(tmp_path / "out" / "changes.csv")
    store, sensor = Archive(archive), load_sensor("venus")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    assert summary["unexpected_by_the_orbits"] == [found[0]["acquisition"]]
    result = store.get(store.results("lunar_gain", found[0]["acquisition"])[0].key, "lunar_gain")
    assert result is not None
    model = load_model("rolo2005", "tsis1_hsrs")
    for row in found:
        times = Times.from_utc(result.dataset["crossing_time"].sel(band=row["band"]).values[None])
        old_view, new_view = (moon_geometry(times, item.at(times).position_m) for item in (orbit, new))
        response = sensor.response.sel(band=[row["band"]])
        old_e, new_e = (band_irradiance(model, view, response).values[0, 0] for view in (old_view, new_view))
        # the sine of the apparent radius is what counts, the samples span it as an angle: they differ by 1e-5 of the change
        scale = float((new_view["apparent_radius"] / old_view["apparent_radius"]).values[0]) ** 2
        assert abs(float(row["change_percent"])) > 0.01
        # 300 km is far beyond the 0.02 % that the budgets allow for geometry
        assert abs(float(row["change_over_orbit_u"])) > 2
        # rounding of both geometries: 5e-6 of phase, with that of the others
        assert float(row["change_percent"]) / 100 == pytest.approx(old_e / new_e * scale - 1, abs=6e-6)


def test_an_error_of_one_stated_sigma_is_one_sigma(etalon: Etalon, small: Path, tmp_path: Path) -> None:
    """The new orbit is elsewhere by just what it says it is uncertain by, in that direction alone; the budget allows nothing for geometry."""
    request = write_request(tmp_path, small, tmp_path / "archive", parameters={"lunar_gain": {"geometry": 0.0}})
    run(request)
    orbit = read_oem(small / "orbits" / "VENUS.oem")
    first = orbit.segments[0]
    rows_of_day = slice(first.first, first.stop)
    offset = 2e5 * across_moon(orbit)
    matrix = np.diag([0.0, 0.0, 0.0, 1.0, 1.0, 1.0])
    matrix[:3, :3] = np.outer(offset, offset)
    dates = orbit.times[rows_of_day]
    new = replace(
        orbit,
        times=dates,
        position_m=(orbit.position_m + offset)[rows_of_day],
        velocity_ms=orbit.velocity_ms[rows_of_day],
        segments=(),
        covariance=Covariance(dates, np.stack([matrix] * len(dates)), ("GCRF",) * len(dates)),
    )
    answer = etalon(
        "orbit",
        "change",
        "--archive",
        tmp_path / "archive",
        "--orbit",
        write(tmp_path, new),
        "--output",
        tmp_path / "out",
    )
    assert answer.code == 0, answer.err
    [row] = rows(tmp_path / "out" / "changes.csv")
    # rounding of the geometry (5e-6 of a change of some 5e-4), and the slope over 200 km
    assert abs(float(row["change_over_orbit_u"])) == pytest.approx(1.0, abs=0.03)
    shift = rows(tmp_path / "out" / "shifts.csv")[0]
    sigmas = [float(shift[f"sigma_{name}_m"]) for name in ("radial", "along", "cross")]
    moves = [float(shift[f"{name}_m"]) for name in ("radial", "along", "cross")]
    # along one direction the standard deviations are the components of the shift themselves, but that covariances are mixed linearly over the 60 s in which
    # the local axes turn by 3.6 degrees: a thousandth
    np.testing.assert_allclose(sigmas, np.abs(moves), atol=2e-3 * 2e5)


def two_heights(folder: Path, **spoiled: float) -> Path:
    """Moons of Venµs in 2019 (720 km) and 2021 (410 km) in two bands by one camera, but for what is `spoiled` (k - 1) in the second year; their archive."""
    sensor, truth = load_sensor("venus"), {"B4": 0.01, "B9": -0.02}
    for number, start in enumerate(("2019-01-10T00:00:00Z", "2021-05-10T00:00:00Z")):
        gains = {**truth, **(spoiled if number else {})}
        scene = {"reference_utc": start, "binning": 20, "oversampling": 2.0, "seed": 5 + number, "gain_error": gains}
        place = folder / start[:4]
        looks = plan_looks(sensor, start, (-40.0,), 1)
        model = load_model("rolo2005", "tsis1_hsrs")
        chosen = config.parse(MoonScene, scene, "scene")
        simulate_campaign(sensor, load_gains("venus"), model, looks, chosen, place, ("B4", "B9"))
        run(write_request(folder, place, folder / "archive"))
    return folder / "archive"


def test_gains_are_accepted_at_the_new_orbit_or_not(etalon: Etalon, tmp_path: Path) -> None:
    archive = two_heights(tmp_path, B9=0.01)
    orbit = shifted(read_oem(tmp_path / "2021" / "orbits" / "VENUS.oem"), "2021-05-23", 3e5)
    new = write(tmp_path, orbit)
    words = ("orbit", "change", "--archive", archive, "--orbit", new, "--accept-since")
    answer = etalon(*words, "VM3", "--output", tmp_path / "out")
    assert answer.code == 3, answer.err
    assert "not accepted: B9" in answer.out
    found = {row["band"]: row for row in rows(tmp_path / "out" / "acceptance.csv")}
    assert [found[band]["verdict"] for band in ("B4", "B9")] == ["accepted", "not accepted"]
    # 0.98 -> 1.01; the image tells a tenth of a per cent at this size of the Moon
    assert float(found["B9"]["change_percent"]) == pytest.approx(100 * (1.01 / 0.98 - 1), abs=0.5)
    assert abs(float(found["B4"]["change_percent"])) < 0.5
    assert float(found["B4"]["uncertainty_percent"]) < 1.0
    for since, told in (("2031-01-01", "both sides"), ("VM9", "neither a date"), ("yesterday", "neither a date")):
        refused = etalon(*words, since, "--output", tmp_path / since)
        assert (refused.code, len(refused.err.splitlines())) == (2, 1)
        assert told in refused.err
        assert not (tmp_path / since).exists()
        # told before anything was done
        assert not refused.out


def test_what_is_refused(etalon: Etalon, archive: Path, orbit: Orbit, tmp_path: Path) -> None:
    good = write(tmp_path, shifted(orbit, DAY, 3000.0))
    other = write(tmp_path, replace(orbit, object_name="PHR1A"), "other.oem")
    garbage = tmp_path / "garbage.oem"
    garbage.write_text("nothing of an orbit\n")
    fixes = tmp_path / "fixes.csv"
    fixes.write_text("utc,x_m,y_m,z_m\n2019-01-18T08:00:00Z,7098,0,0\n")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "kept").write_text("")
    cases = (
        (("--archive", tmp_path / "nowhere", "--orbit", good), "no archive here"),
        (("--archive", archive, "--orbit", other), "PHR1A"),
        (("--archive", archive, "--orbit", garbage), "garbage.oem"),
        (("--archive", archive, "--orbit", tmp_path / "absent.oem"), "absent.oem"),
        (("--archive", archive), "give --orbit"),
        (("--archive", archive, "--orbit", good, "--positions", fixes), "give --orbit"),
        (("--archive", archive, "--orbit", good, "--initial", fixes), "--initial"),
        (("--archive", archive, "--positions", fixes), "fixes"),
        (("--archive", archive, "--tracking", fixes), "--initial"),
        (("--archive", archive, "--positions", fixes, "--filter", "magic"), "magic"),
        (("--archive", archive, "--orbit", good, "--engine", "steam"), "steam"),
    )
    for words, told in cases:
        answer = etalon("orbit", "change", *words, "--output", tmp_path / "out")
        assert answer.code == 2, (words, answer)
        assert told in answer.err, (words, answer.err)
        assert len(answer.err.splitlines()) == 1
        assert not (tmp_path / "out").exists()
    answer = etalon("orbit", "change", "--archive", archive, "--orbit", good, "--output", tmp_path / "full")
    assert (answer.code, "not empty" in answer.err) == (2, True)


def test_an_orbit_of_another_year_leaves_all_alone(etalon: Etalon, archive: Path, orbit: Orbit, tmp_path: Path) -> None:
    late = replace(orbit, times=orbit.times + 400 * 86400.0, segments=())
    answer = etalon(
        "orbit", "change", "--archive", archive, "--orbit", write(tmp_path, late), "--output", tmp_path / "out"
    )
    assert answer.code == 0
    assert "3 not covered" in answer.out
    assert {row["action"] for row in rows(tmp_path / "out" / "shifts.csv")} == {"not covered"}


def test_a_refused_restitution_changes_nothing(
    etalon: Etalon, archive: Path, orbit: Orbit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*arguments: object, **_: object) -> tuple[str, list[str]]:
        folder = next(item for item in arguments if isinstance(item, Path) and item.name == change.RESTITUTION)
        folder.mkdir(parents=True)
        write_oem(folder / "orbit.oem", shifted(orbit, DAY, 3e5))
        verdict = {"verdict": "refused", "reasons": ["the residuals are three times the noise"]}
        (folder / "summary.json").write_text(json.dumps(verdict), encoding="utf-8")
        return "refused", []

    monkeypatch.setattr(change, "write_restitution", refused)
    files = [write(tmp_path, orbit, name) for name in ("a", "b", "c")]
    words = ("--tracking", files[0], "--initial", files[1], "--stations", files[2], "--output", tmp_path / "out")
    count = len(Archive(archive).results())
    answer = etalon("orbit", "change", "--archive", archive, *words)
    assert answer.code == 3
    assert "three times the noise" in answer.out
    assert len(Archive(archive).results()) == count
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["report.html", "restitution", "summary.json"]


def test_positions_become_an_orbit_and_then_coefficients(etalon: Etalon, tmp_path: Path) -> None:
    """Fixes around one Moon, from the orbit that it was simulated on (J2): restituted without any other file, named by the archive's only satellite."""
    products = tmp_path / "products"
    make_products(products, 1, ("B4",), binning=16)
    run(write_request(tmp_path, products, tmp_path / "archive"))
    orbit = read_oem(products / "orbits" / "VENUS.oem")
    times = orbit.times[0] + np.arange(0.0, 2400.0, 30.0)
    fixes = orbit.at(times, "ITRF").position_m + np.random.default_rng(2).normal(size=(len(times), 3)) * 5.0
    lines = [f"{utc},{x:.2f},{y:.2f},{z:.2f}" for utc, (x, y, z) in zip(times.utc_strings(0), fixes, strict=True)]
    (tmp_path / "fixes.csv").write_text("\n".join(["utc,x_m,y_m,z_m", *lines]) + "\n")
    words = ("--positions", tmp_path / "fixes.csv", "--output", tmp_path / "out")
    answer = etalon("orbit", "change", "--archive", tmp_path / "archive", *words)
    assert answer.code == 0, answer.err
    assert read_oem(tmp_path / "out" / "restitution" / "orbit.oem").object_name == "VENUS"
    [shift] = rows(tmp_path / "out" / "shifts.csv")
    # noise of 5 m over 80 positions, and forty minutes of the forces that the simulated orbit has not
    assert np.hypot(float(shift["radial_m"]), float(shift["along_m"])) < 100.0
    assert shift["sigma_along_m"]
