"""A full disk, a read-only one, no permission, a disk that lies: nothing half is kept, and one line says what to do."""

from __future__ import annotations

import multiprocessing
import multiprocessing.queues
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from archive_samples import finish, in_child, sample

from calib.archive import Archive, disk, verify
from calib.errors import ArchiveError

IS_ROOT = os.geteuid() == 0


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a small file system in memory with the given options, or skips."""
    place = tmp_path / "disk"
    place.mkdir()
    done = []

    def mount(options: str) -> Path:
        if not IS_ROOT:
            pytest.skip("mounting a small file system needs root")
        made = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], capture_output=True, text=True
        )
        if made.returncode:
            pytest.skip(f"this machine mounts no tmpfs: {made.stderr.strip()}")
        done.append(place)
        return place

    yield mount
    for path in done:
        subprocess.run(["umount", "-l", str(path)], check=True)


def test_a_full_disk_is_named_with_the_need_and_keeps_what_was_stored(mounted: Callable[[str], Path]) -> None:
    archive = Archive(mounted("size=3m") / "archive")
    archive.put(sample(seed=0))
    with pytest.raises(
        ArchiveError, match=r"disk is full: [\d.]+ MiB are needed, [\d.]+ MiB are free; free some space"
    ) as caught:
        for seed in range(1, 9):
            archive.put(sample(seed=seed, size=600))
    assert str(archive.folder) in str(caught.value) and "\n" not in str(caught.value)
    assert verify(Archive(archive.folder)) == []
    assert archive.get(sample(seed=0).key, "gain") is not None


def test_a_disk_that_fills_while_writing_leaves_nothing_half(
    mounted: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = Archive(mounted("size=2m") / "archive")
    archive.put(sample(seed=0))
    # the check beforehand passes, as it would where another process takes the room in between
    monkeypatch.setattr("calib.archive.disk.need_space", lambda *_: 5 << 20)
    with pytest.raises(ArchiveError, match=r"disk is full: 5\.00 MiB are needed"):
        archive.put(sample(seed=1, size=4000))
    assert not list(archive.folder.rglob(".part-*"))
    assert verify(archive) == []


def test_a_read_only_disk_is_named(mounted: Callable[[str], Path]) -> None:
    place = mounted("size=4m")
    archive = Archive(place / "archive")
    archive.put(sample())
    # a disk with a file open for writing cannot be made read-only
    archive.close()
    subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
    for work in (
        lambda: Archive(archive.folder),
        lambda: Archive(place / "new"),
        lambda: archive.put(sample(seed=1)),
        lambda: archive.new_run("r"),
    ):
        with pytest.raises(ArchiveError, match=r"permission|read-only.*another archive"):
            work()
    with pytest.raises(ArchiveError, match="another archive"), archive.lock("k"):
        pass
    reader = Archive(archive.folder, read_only=True)
    assert len(reader.results()) == 1 and reader.get(sample().key, "gain") is not None


def open_as_nobody(folder: Path, said: multiprocessing.queues.SimpleQueue[str]) -> None:
    if IS_ROOT:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    for work in (lambda: Archive(folder), lambda: len(Archive(folder, read_only=True).results())):
        try:
            said.put(str(work()))
        except ArchiveError as error:
            said.put(str(error))


def test_an_archive_without_permission_is_named() -> None:
    # not in pytest's own folder, which another user may not even enter
    with tempfile.TemporaryDirectory() as place:
        archive = Archive(Path(place) / "archive")
        archive.put(sample())
        Path(place).chmod(0o755)
        folders = [path for path in (archive.folder, *archive.folder.iterdir()) if path.is_dir()]
        for path in folders:
            path.chmod(0o555)
        try:
            said = multiprocessing.get_context("fork").SimpleQueue()
            finish(in_child(open_as_nobody, archive.folder, said))
            assert re.search(r"archive/\w+: no permission to write; give user \d+ write permission there", said.get())
            assert said.get() == "1"
        finally:
            for path in folders:
                path.chmod(0o755)


def test_what_reads_back_otherwise_is_not_stored(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    true_write = disk.write_file

    def lying(path: Path, content: bytes) -> None:
        true_write(path, content[: len(content) // 2] if path.name == "result.nc" else content)

    monkeypatch.setattr(disk, "write_file", lying)
    with pytest.raises(ArchiveError, match="nothing was stored"):
        archive.put(sample())
    assert not archive.contains(sample().key, "gain")
    assert not list(archive.folder.rglob(".part-*"))


def test_locks_of_the_dead_are_removed_and_those_of_the_living_stay(tmp_path: Path) -> None:
    dead, held = tmp_path / "dead.lock", tmp_path / "held.lock"
    dead.touch()
    with disk.file_lock(held):
        disk.remove_free_locks([dead, held, tmp_path / "gone.lock"])
        assert not dead.exists() and held.exists()
    disk.remove_free_locks([held])
    assert not held.exists()
