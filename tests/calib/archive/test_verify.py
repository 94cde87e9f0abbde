"""Every kind of damage is found; a sound archive has none."""

from __future__ import annotations

import json
import shutil

import pytest
from archive_samples import cause, sample

from calib.archive import Archive, verify
from calib.archive.folder import DATA, MANIFEST
from calib.archive.netcdf import to_bytes
from calib.lineage import digest_bytes


def test_a_sound_archive_has_no_problem(archive: Archive) -> None:
    disk = sample("disk")
    archive.put(disk)
    archive.put(sample("gain", causes=(cause("disk", disk),)))
    archive.publish_run(archive.new_run("r"))
    assert verify(archive) == []


def test_numbers_changed_together_with_their_file_digest_are_found(archive: Archive) -> None:
    result = sample()
    archive.put(result)
    folder = archive.folder_of(result.key, "gain")
    forged = to_bytes(result.data.assign(k=result.data["k"] * 1.01))
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["files"][DATA] = {"bytes": len(forged), "sha256": digest_bytes(forged)}
    (folder / DATA).write_bytes(forged)
    (folder / MANIFEST).write_text(json.dumps(manifest))
    assert ["other numbers" in problem.text for problem in verify(archive)] == [True]


@pytest.mark.parametrize("field", ["version", "parameters", "step"])
def test_a_lineage_that_was_changed_no_longer_gives_the_key(archive: Archive, field: str) -> None:
    result = sample()
    archive.put(result)
    path = archive.folder_of(result.key, "gain") / MANIFEST
    manifest = json.loads(path.read_text())
    manifest["lineage"][field] = {"seed": 5} if field == "parameters" else "other"
    path.write_text(json.dumps(manifest))
    assert any("does not belong to this folder" in problem.text for problem in verify(archive))


def test_a_cause_with_other_content_is_found(archive: Archive) -> None:
    disk, other = sample("disk", seed=1), sample("disk", seed=2)
    archive.put(disk)
    archive.put(sample("gain", causes=(cause("disk", disk).__class__("disk", other.digest, disk.label, disk.key),)))
    (problem,) = verify(archive)
    assert "holds other numbers" in problem.text


def test_strange_files_and_misplaced_folders_are_found(archive: Archive) -> None:
    result = sample()
    archive.put(result)
    folder = archive.folder_of(result.key, "gain")
    (folder / "notes.txt").write_text("x")
    wrong = folder.parent.with_name("zz")
    wrong.mkdir()
    shutil.move(folder, wrong / folder.name)
    texts = " | ".join(problem.text for problem in verify(Archive(archive.folder)))
    assert "notes.txt: is not in the manifest" in texts
    assert "is in the wrong place" in texts


def test_an_empty_folder_in_the_place_of_a_result_is_found(archive: Archive) -> None:
    archive.folder_of("a" * 64, "gain").mkdir(parents=True)
    (problem,) = verify(archive)
    assert MANIFEST in problem.text
