"""Kill -9, two writers, a full disk, no permission: whole results or none, and one line that says what to do."""

from __future__ import annotations

import multiprocessing
import multiprocessing.queues
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from archive_samples import sample

from calib.archive import Archive, disk, verify
from calib.errors import ArchiveError

IS_ROOT = os.geteuid() == 0


def in_child(work: Callable[..., None], *arguments: object) -> BaseProcess:
    """A process of its own, forked so that it need not import anything anew."""
    process = multiprocessing.get_context("fork").Process(target=work, args=arguments)
    process.start()
    return process


def finish(process: BaseProcess) -> None:
    process.join(60)
    assert process.exitcode == 0


def die_at_the_call(point: int) -> None:
    """From now on this process kills itself when it is about to make durable, to rename or to make a folder for the `point`-th time."""
    calls = 0

    def dying(function: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **options: object) -> object:
            nonlocal calls
            calls += 1
            if calls == point:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **options)

        return call

    os.fsync = dying(os.fsync)  # type: ignore[assignment]
    for name in ("rename", "mkdir", "unlink"):
        setattr(Path, name, dying(getattr(Path, name)))


def the_command(folder: Path) -> None:
    archive = Archive(folder)
    with archive.lock(sample(seed=2).key):
        if archive.get(sample(seed=2).key, "gain") is None:
            archive.put(sample(seed=2))
    archive.activate(sample(seed=2).key, ["x"], "r")
    archive.publish_run(archive.new_run("r"))


def killed(work: Callable[[Path], object], folder: Path, point: int) -> bool:
    """Whether `work`, in a process that dies at its `point`-th call, died; false: it came to its end before."""

    def doomed() -> None:
        die_at_the_call(point)
        work(folder)

    child = in_child(doomed)
    child.join(60)
    assert child.exitcode in (0, -signal.SIGKILL)
    return child.exitcode != 0


def test_killed_at_any_point_nothing_half_is_seen_and_the_same_command_completes_it(archive: Archive) -> None:
    archive.put(sample(seed=1))
    archive.close()
    point, alive = 0, True
    while alive:
        point += 1
        folder = archive.folder.with_name(str(point))
        shutil.copytree(archive.folder, folder)
        alive = killed(the_command, folder, point)
        found = Archive(folder)
        assert not list(folder.rglob(".part-*")), point
        assert verify(found) == [], point
        assert {entry.key for entry in found.results()} == set(found.folders()), point
        # every third to the end: all of them take longer than they teach
        if point % 3 == 0:
            the_command(folder)
            assert found.current("gain", "MOON_1") == sample(seed=2).key
            assert len(found.results()) == 2 and len(found.ledger.records()) == 1 and found.runs()
            assert verify(found) == []
        found.close()
    # a result, a record and a run: fewer calls would mean that writes are no longer made durable
    assert point > 20


def test_killed_while_the_archive_is_made_it_opens_the_next_time(tmp_path: Path) -> None:
    point = 1
    while killed(Archive, tmp_path / str(point), point):
        assert verify(Archive(tmp_path / str(point))) == []
        assert not list(tmp_path.rglob(".part-*"))
        point += 1
    assert point > 8


def compute(archive: Archive, seconds: float, said: multiprocessing.queues.SimpleQueue[str]) -> None:
    key = sample(seed=1).key
    with archive.lock(key, lambda: said.put("waits")):
        if archive.get(key, "gain") is None:
            said.put("computes")
            time.sleep(seconds)
            archive.put(sample(seed=1))
        else:
            said.put("reuses")


def test_of_two_processes_one_computes_and_the_other_waits(archive: Archive) -> None:
    said = multiprocessing.get_context("fork").SimpleQueue()
    for process in [in_child(compute, archive, 1.0, said) for _ in range(2)]:
        finish(process)
    assert [said.get() for _ in range(3)] == ["computes", "waits", "reuses"]
    assert not list((archive.folder / "locks").glob("?" * 64 + ".lock"))


def test_the_lock_of_a_killed_process_is_free(archive: Archive) -> None:
    said = multiprocessing.get_context("fork").SimpleQueue()
    process = in_child(compute, archive, 600.0, said)
    assert said.get() == "computes"
    process.kill()
    process.join()
    waited: list[str] = []
    with archive.lock(sample(seed=1).key, lambda: waited.append("")):
        assert waited == []


def test_a_lock_never_has_two_holders_although_its_file_is_removed(archive: Archive) -> None:
    inside, worst = 0, 0

    def work() -> None:
        nonlocal inside, worst
        for _ in range(40):
            with archive.lock("k"):
                inside += 1
                worst = max(worst, inside)
                time.sleep(0.0002)
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert worst == 1


def put_all(archive: Archive) -> None:
    for seed in range(5):
        archive.put(sample(seed=seed))


def test_processes_that_put_the_same_results_at_once_leave_one_of_each(archive: Archive) -> None:
    # an open connection to the index is not to be used by the children
    assert archive.results() == []
    for process in [in_child(put_all, archive) for _ in range(3)]:
        finish(process)
    assert len(archive.results()) == 5
    assert verify(archive) == []
    assert not list(archive.folder.rglob(".part-*"))


def test_a_folder_that_another_process_published_meanwhile_stays(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = sample()
    folder = archive.folder_of(result.key, "gain")
    true_publish = disk.publish_folder

    def overtaken(part: Path, target: Path) -> bool:
        shutil.copytree(part, target)
        (target / "theirs").write_text("x")
        return true_publish(part, target)

    monkeypatch.setattr(disk, "publish_folder", overtaken)
    archive.put(result)
    assert (folder / "theirs").exists()
    assert not list(archive.folder.rglob(".part-*"))
    assert archive.get(result.key, "gain") is not None


# -- disks


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
