"""Kill -9, two writers, one key wanted twice: whole results or none."""

from __future__ import annotations

import multiprocessing
import multiprocessing.queues
import multiprocessing.synchronize
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from archive_samples import finish, in_child, sample

from calib.archive import Archive, disk, verify


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


def compute(
    archive: Archive, other_waits: multiprocessing.synchronize.Event, said: multiprocessing.queues.SimpleQueue[str]
) -> None:
    key = sample(seed=1).key

    def waits() -> None:
        said.put("waits")
        other_waits.set()

    with archive.lock(key, waits):
        if archive.get(key, "gain") is None:
            said.put("computes")
            assert other_waits.wait(600)
            archive.put(sample(seed=1))
        else:
            said.put("reuses")


def test_of_two_processes_one_computes_and_the_other_waits(archive: Archive) -> None:
    context = multiprocessing.get_context("fork")
    said, other_waits = context.SimpleQueue(), context.Event()
    for process in [in_child(compute, archive, other_waits, said) for _ in range(2)]:
        finish(process)
    assert [said.get() for _ in range(3)] == ["computes", "waits", "reuses"]
    assert not list((archive.folder / "locks").glob("?" * 64 + ".lock"))


def test_the_lock_of_a_killed_process_is_free(archive: Archive) -> None:
    said = multiprocessing.get_context("fork").SimpleQueue()
    process = in_child(compute, archive, multiprocessing.get_context("fork").Event(), said)
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
