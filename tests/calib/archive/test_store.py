"""What is put comes back; what is current follows the ledger; errors name file and remedy."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import yaml
from archive_samples import lineage, sample

from calib.archive import Archive, verify
from calib.errors import ArchiveError
from calib.types import Geometry, Result, quantised


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_result_comes_back_with_its_records_and_its_lineage(archive: Archive) -> None:
    result = sample()
    assert archive.get(result.key, "gain") is None
    archive.put(result)
    assert archive.contains(result.key, "gain")
    back = archive.get(result.key, "gain")
    assert back is not None and type(back) is Result
    xr.testing.assert_identical(back.data, result.data)
    assert (back.lineage, back.digest, back.key) == (result.lineage, result.digest, result.key)
    assert set(result.content) < set(back.dataset)


def test_geometry_comes_back_as_geometry(archive: Archive) -> None:
    phase = quantised(xr.DataArray([1.23456, -2.0], dims="band", attrs={"units": "deg"}), 1e-3)
    geometry = Geometry(xr.Dataset({"phase": phase}), lineage("geometry", "M", {}))
    archive.put(geometry)
    back = archive.get(geometry.key, "geometry")
    assert type(back) is Geometry
    assert back.digest == geometry.digest


def test_the_folder_is_readable_by_people(archive: Archive) -> None:
    result = sample()
    archive.put(result)
    folder = archive.folder_of(result.key, "gain")
    lines = (folder / "table.csv").read_text().splitlines()
    assert lines[0] == "band,k [1],flags"
    assert [line.split(",")[0] for line in lines[1:]] == ["B1", "B2", "B10"]
    assert float(lines[1].split(",")[1]) == pytest.approx(float(result.data["k"][0]), rel=1e-9)
    assert yaml.safe_load((folder / "configuration.yaml").read_text()) == {"seed": 0, "limit": 0.1}


def test_a_result_without_bands_has_no_table(archive: Archive) -> None:
    result = Result(xr.Dataset({"a": ((), 1.0, {"units": "m"})}), lineage("scalar", "", {}))
    archive.put(result)
    assert not (archive.folder_of(result.key, "scalar") / "table.csv").exists()
    assert archive.get(result.key, "scalar") is not None


def test_putting_again_changes_nothing(archive: Archive) -> None:
    archive.put(sample())
    before = files_of(archive.folder / "results")
    archive.put(sample())
    assert files_of(archive.folder / "results") == before


def test_a_key_computed_twice_with_other_numbers_keeps_the_first(
    archive: Archive, caplog: pytest.LogCaptureFixture
) -> None:
    first = sample()
    archive.put(first)
    archive.put(Result(first.data.assign(k=first.data["k"] + 1), first.lineage))
    kept = archive.get(first.key, "gain")
    assert kept is not None and kept.digest == first.digest
    assert "no pure function" in caplog.text


def test_no_part_is_left_after_success_or_failure(archive: Archive) -> None:
    archive.put(sample())
    odd = Result(xr.Dataset({"odd": ("x", np.array(["a\0b"]))}), lineage("odd", "", {}))
    with pytest.raises(ValueError, match="odd"):
        archive.put(odd)
    assert not list(archive.folder.rglob(".part-*"))


@pytest.mark.parametrize("name", ["result.nc", "table.csv", "configuration.yaml", "manifest.json"])
@pytest.mark.parametrize("harm", ["altered", "truncated", "removed"])
def test_a_harmed_file_is_refused_by_name_with_a_remedy(archive: Archive, name: str, harm: str) -> None:
    result = sample()
    archive.put(result)
    path = archive.folder_of(result.key, "gain") / name
    content = path.read_bytes()
    if harm == "removed":
        path.unlink()
    else:
        # for the manifest: a changed content digest, which leaves valid JSON
        other = content.replace(result.digest.encode(), b"0" * 64) if name == "manifest.json" else content[:-1] + b"?"
        path.write_bytes(other if harm == "altered" else content[: len(content) // 2])
    suspect = "result.nc" if (name, harm) == ("manifest.json", "altered") else name
    with pytest.raises(ArchiveError, match=rf"{suspect}.*etalon archive verify"):
        archive.get(result.key, "gain")
    assert any(name in problem.text or suspect in problem.text for problem in verify(archive))


def test_a_manifest_moved_to_another_key_is_refused(archive: Archive) -> None:
    one, two = sample(seed=1), sample(seed=2)
    archive.put(one)
    target = archive.folder_of(two.key, "gain")
    shutil.copytree(archive.folder_of(one.key, "gain"), target)
    with pytest.raises(ArchiveError, match="does not belong"):
        archive.get(two.key, "gain")


def test_hostile_step_names_do_not_leave_the_archive(archive: Archive) -> None:
    for step in ("../x", "a/b", "", ".hidden"):
        with pytest.raises(ValueError, match="step"):
            archive.get("0" * 64, step)


# -- opening


def test_opening_twice_keeps_the_identity(tmp_path: Path) -> None:
    Archive(tmp_path / "deep" / "archive")
    marker = (tmp_path / "deep" / "archive" / "etalon-archive.json").read_bytes()
    Archive(tmp_path / "deep" / "archive")
    assert (tmp_path / "deep" / "archive" / "etalon-archive.json").read_bytes() == marker


def test_many_openers_agree_on_one_identity(tmp_path: Path) -> None:
    found = []
    openers = [threading.Thread(target=lambda: found.append(Archive(tmp_path / "a").index._archive)) for _ in range(8)]
    for opener in openers:
        opener.start()
    for opener in openers:
        opener.join()
    assert len(found) == 8 and len(set(found)) == 1


def test_a_folder_with_other_files_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "thesis.doc").write_text("x")
    with pytest.raises(ArchiveError, match=r"no archive.*empty or a new folder"):
        Archive(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.doc"]


def test_a_file_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    with pytest.raises(ArchiveError, match=r"/a"):
        Archive(tmp_path / "a")


def test_an_archive_of_another_format_is_refused(archive: Archive) -> None:
    marker = archive.folder / "etalon-archive.json"
    marker.write_text(json.dumps({**json.loads(marker.read_text()), "format_version": 99}))
    with pytest.raises(ArchiveError, match="99"):
        Archive(archive.folder)


def test_reading_only_makes_and_changes_nothing(archive: Archive, tmp_path: Path) -> None:
    archive.put(sample())
    before = files_of(archive.folder)
    reader = Archive(archive.folder, read_only=True)
    assert [entry.key for entry in reader.results()] == [sample().key]
    assert reader.get(sample().key, "gain") is not None
    assert verify(reader) == []
    assert files_of(archive.folder) == before
    with pytest.raises(ArchiveError, match="reading only"):
        reader.put(sample(seed=1))
    with pytest.raises(ArchiveError, match="no archive here"):
        Archive(tmp_path / "absent", read_only=True)
    assert not (tmp_path / "absent").exists()


# -- what is current


def test_the_earliest_is_current_until_another_is_activated(archive: Archive) -> None:
    assert archive.current("gain", "MOON_1") is None
    old, new, other = sample(seed=2), sample(seed=1), sample(subject="MOON_2", seed=3)
    for result in (old, new, other):
        archive.put(result)
    archive.activate(old.key, ["first"], "run-1")
    assert archive.current("gain", "MOON_1") == old.key
    assert archive.ledger.records() == []
    archive.activate(new.key, ["new orbit", "new PO"], "run-2")
    assert archive.current("gain", "MOON_1") == new.key
    assert archive.current("gain", "MOON_2") == other.key
    (record,) = archive.ledger.records()
    assert (record.new, record.old, record.reasons, record.run) == (new.key, old.key, ("new orbit", "new PO"), "run-2")


def test_the_ledger_replays_in_order_in_another_process_too(archive: Archive) -> None:
    results = [sample(seed=seed) for seed in range(3)]
    for result in results:
        archive.put(result)
    for number in (1, 2, 0, 2, 1):
        archive.activate(results[number].key, [], "r")
        archive.activate(results[number].key, [], "r")
    assert Archive(archive.folder).current("gain", "MOON_1") == results[1].key
    chain = [(item.old, item.new) for item in archive.ledger.records()]
    assert len(chain) == 5
    assert all(before[1] == after[0] for before, after in itertools.pairwise(chain))


def test_a_record_of_a_result_that_is_gone_is_ignored(archive: Archive) -> None:
    first, second = sample(seed=1), sample(seed=2)
    archive.put(first)
    archive.put(second)
    archive.activate(second.key, [], "r")
    shutil.rmtree(archive.folder_of(second.key, "gain"))
    assert Archive(archive.folder).current("gain", "MOON_1") == first.key
    assert any("ignored" in problem.text for problem in verify(Archive(archive.folder)))


def test_a_damaged_record_is_named(archive: Archive) -> None:
    archive.put(sample())
    (archive.folder / "ledger" / "0000000007-abc.json").write_text("{")
    with pytest.raises(ArchiveError, match=r"0000000007-abc\.json"):
        archive.current("gain", "MOON_1")
    assert any("0000000007-abc.json" in problem.text for problem in verify(archive))


def test_activating_what_is_not_there_is_refused(archive: Archive) -> None:
    with pytest.raises(ArchiveError, match="no such result"):
        archive.activate("0" * 64, [], "r")


def test_threads_that_activate_at_once_leave_an_unbroken_chain(archive: Archive) -> None:
    results = [sample(seed=seed) for seed in range(6)]
    for result in results:
        archive.put(result)
    threads = [threading.Thread(target=archive.activate, args=(result.key, [], "r")) for result in results * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    records = Archive(archive.folder).ledger.records()
    assert records[0].old == results[0].key
    assert all(before.new == after.old for before, after in itertools.pairwise(records))


# -- runs


def test_a_run_appears_whole_when_published(archive: Archive) -> None:
    run = archive.new_run("demo: Moon/2026")
    (run.path / "deep").mkdir()
    (run.path / "deep" / "report.html").write_text("x")
    assert archive.runs() == []
    folder = archive.publish_run(run)
    assert archive.runs() == [folder]
    assert folder.name == run.name and "demo-Moon-2026" in run.name
    assert (folder / "deep" / "report.html").read_text() == "x"


def test_leftovers_of_dead_processes_go_and_those_of_others_stay(archive: Archive) -> None:
    alive = archive.new_run("mine").path
    dead = alive.with_name(alive.name.replace(f"-{os.getpid()}-", "-4194305-"))
    foreign = alive.with_name(f".part-4194305-elsewhere.1~{alive.name.split('~', 1)[1]}")
    for path in (dead, foreign):
        path.mkdir()
        (path / "half").write_text("x")
    Archive(archive.folder)
    assert alive.exists() and foreign.exists() and not dead.exists()
    (problem,) = verify(archive)
    assert problem.path == foreign and "elsewhere" in problem.text
