"""The index answers from rows that can be lost and made again."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest
from archive_samples import cause, sample

from calib.archive import Archive, verify
from calib.errors import ArchiveError, RequestError
from calib.lineage import Cause


def filled(archive: Archive) -> Archive:
    camera = Cause("sensor", "s" * 64, "venus")
    for seed, subject in enumerate(["M1", "M2", "M1", "M3"]):
        disk = sample("disk", subject, seed, (camera,) if subject != "M3" else ())
        archive.put(disk)
        archive.put(sample("gain", subject, seed, (cause("disk", disk),)))
    archive.activate(archive.results("gain", "M1")[0].key, ["x"], "r")
    return archive


def test_listing_filters_and_tells_what_is_current(archive: Archive) -> None:
    filled(archive)
    assert len(archive.results()) == 8
    assert [entry.subject for entry in archive.results(step="gain")] == ["M3", "M1", "M2", "M1"]
    assert [entry.current for entry in archive.results("gain", "M1")] == [True, False]
    assert [entry.current for entry in archive.results("disk", "M1")] == [False, True]
    assert {entry.subject for entry in archive.results(sensor="venus")} == {"M1", "M2"}
    assert len(archive.results(sensor="venus")) == 6
    assert len(archive.results(current_only=True)) == 6
    assert len(archive.results(limit=3)) == 3
    assert archive.results(sensor="none") == []
    entry = archive.results("gain", limit=1)[0]
    assert (entry.version, entry.run, entry.host, entry.kind) == ("1", "run-1", "host", "Result")
    assert (entry.folder / "manifest.json").is_file()


def test_an_index_that_is_deleted_is_made_again_with_the_same_rows(archive: Archive) -> None:
    rows = filled(archive).results()
    for path in archive.folder.glob("index.sqlite*"):
        path.unlink()
    assert archive.results() == rows
    assert Archive(archive.folder).results() == rows
    assert verify(archive) == []


def test_rebuild_counts_and_gives_the_same_rows(archive: Archive) -> None:
    rows, everything = filled(archive).results(), archive.index.everything()
    assert archive.rebuild() == {"results": 8, "causes": 7}
    assert archive.results() == rows
    assert sorted(map(str, archive.index.everything()[1])) == sorted(map(str, everything[1]))


def test_rebuild_mends_a_file_that_is_no_database(archive: Archive) -> None:
    rows = filled(archive).results()
    for path in archive.folder.glob("index.sqlite*"):
        path.unlink()
    (archive.folder / "index.sqlite").write_bytes(b"not a database" * 1000)
    broken = Archive(archive.folder)
    with pytest.raises(ArchiveError, match="etalon archive rebuild"):
        broken.results()
    assert broken.rebuild()["results"] == 8
    assert broken.results() == rows


def test_an_older_index_is_made_anew(archive: Archive) -> None:
    rows = filled(archive).results()
    with sqlite3.connect(archive.folder / "index.sqlite") as connection:
        connection.execute("UPDATE etalon_index SET schema_version = 0")
        connection.execute("DELETE FROM results")
    connection.close()
    assert Archive(archive.folder).results() == rows


def test_rows_that_were_changed_by_hand_are_found_and_mended(archive: Archive) -> None:
    filled(archive)
    with sqlite3.connect(archive.folder / "index.sqlite") as connection:
        connection.execute("UPDATE results SET subject = 'other' WHERE step = 'gain' AND subject = 'M2'")
    connection.close()
    (problem,) = verify(archive)
    assert "rebuild" in problem.text
    archive.rebuild()
    assert verify(archive) == []


def test_an_index_that_fails_never_loses_a_result(
    archive: Archive, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.put(sample(seed=1))
    (archive.folder / "index.sqlite").unlink()
    (archive.folder / "index.sqlite").mkdir()
    blind = Archive(archive.folder)
    blind.put(sample(seed=2))
    assert "result is safe" in caplog.text
    blind.activate(sample(seed=2).key, ["x"], "r")
    assert blind.current("gain", "MOON_1") == sample(seed=2).key
    assert blind.ledger.records()[0].old == sample(seed=1).key
    (archive.folder / "index.sqlite").rmdir()
    assert [entry.current for entry in blind.results()] == [True, False]


def test_a_result_whose_writer_died_before_the_index_is_found(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.put(sample(seed=1))
    monkeypatch.setattr(archive.index, "add", lambda *_: None)
    archive.put(sample(seed=2))
    monkeypatch.undo()
    assert len(archive.results()) == 1
    # a process that has long been using the index enters it when it makes the result current, a new one at its first question
    archive.activate(sample(seed=2).key, [], "r")
    assert len(archive.results()) == 2
    assert len(Archive(archive.folder).results()) == 2


def test_writers_readers_and_rebuilds_at_once(archive: Archive) -> None:
    archive.put(sample(seed=99))
    faults: list[BaseException] = []

    def guarded(work: object, *arguments: object) -> None:
        try:
            work(*arguments)  # type: ignore[operator]
        except BaseException as error:
            faults.append(error)

    def read() -> None:
        seen = 0
        for _ in range(20):
            count = len(archive.results())
            # rows never vanish while the index is being made again
            assert count >= seen
            seen = count

    other = Archive(archive.folder)
    work = [(archive.put, sample(seed=seed)) for seed in range(6)] + [
        (other.put, sample(seed=seed)) for seed in range(6, 12)
    ]
    threads = [
        threading.Thread(target=guarded, args=item) for item in [*work, (read,), (other.rebuild,), (archive.rebuild,)]
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert len(archive.results()) == 13
    assert verify(archive) == []


def test_an_index_elsewhere_serves_one_archive_only(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'shared.sqlite'}"
    one = Archive(tmp_path / "one", url)
    one.put(sample())
    assert len(one.results()) == 1
    assert not (one.folder / "index.sqlite").exists()
    with pytest.raises(RequestError, match="another archive"):
        Archive(tmp_path / "two", url).results()


@pytest.mark.parametrize("url", ["mysql://u@h/d", "nonsense"])
def test_an_address_of_another_kind_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(RequestError, match="postgresql://"):
        Archive(tmp_path / "a", url)


def test_passwords_are_not_shown(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "a", "postgresql://user:secret@localhost:1/x")
    assert "secret" not in archive.index.name
    with pytest.raises(ArchiveError, match="server") as caught:
        archive.results()
    assert "secret" not in str(caught.value)
