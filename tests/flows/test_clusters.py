"""The same numbers wherever Dask computes, whatever happens to its workers."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dask
import pytest
from archive_numbers import numbers, summaries, unfinished_journal
from campaigns import write_request
from cluster_steps import TAKE_MEMORY, Size
from commands import Command, etalon, wait_for
from processes import free_port, loud_program, processes_below, stop

from calib.errors import EtalonError
from flows.cluster import open_cluster

STEPS = 5


@pytest.fixture(scope="module")
def by_threads(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of a run in threads of its own process."""
    folder = tmp_path_factory.mktemp("threads")
    ended = etalon("run", write_request(folder, small, folder / "archive", cluster="threads"))
    assert ended.code == 0, ended.text
    return folder / "archive"


def cluster_file(folder: Path, text: str) -> str:
    path = folder / "cluster.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[str]:
    """The address of a Dask scheduler with one worker, both processes of their own."""
    address = f"tcp://127.0.0.1:{free_port()}"
    dask = [sys.executable, "-m", "dask"]
    started = [
        loud_program([*dask, "scheduler", "--host", address, "--no-dashboard"], tmp_path / "scheduler.log"),
        loud_program(
            [*dask, "worker", address, "--nthreads", "1", "--no-dashboard", "--local-directory", str(tmp_path)],
            tmp_path / "worker.log",
        ),
    ]
    try:
        yield address
    finally:
        for process in reversed(started):
            stop(process)


def test_processes_and_a_schedulers_address_give_the_numbers_of_threads(
    small: Path, by_threads: Path, scheduler: str, tmp_path: Path
) -> None:
    clusters = {
        "processes": "processes",
        "address": cluster_file(tmp_path, f"kind: address\naddress: {scheduler}\nworkers: 1\n"),
    }
    for name, cluster in clusters.items():
        archive = tmp_path / name
        ended = etalon("run", write_request(tmp_path, small, archive, cluster=cluster))
        assert ended.code == 0, ended.text
        assert summaries(archive)[0]["steps_computed"] == 2 * STEPS
        assert numbers(archive) == numbers(by_threads), name
        # a client or worker that is not closed in good order complains
        assert [line for line in ended.err.splitlines() if not line.startswith(("run ", "["))] == []


def test_a_worker_killed_in_the_middle_changes_nothing(small: Path, by_threads: Path, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    one_worker = cluster_file(tmp_path, "kind: processes\nworkers: 1\n")
    command = Command("run", write_request(tmp_path, small, archive, cluster=one_worker))
    # with one worker, and a first step done, the second is in its hands
    wait_for("the first step", lambda: any(event["event"] == "step" for event in unfinished_journal(archive)))
    time.sleep(0.3)
    (worker,) = processes_below(command.pid, "spawn_main")
    os.kill(worker, signal.SIGKILL)
    ended = command.wait()
    assert ended.code == 0, ended.text
    (summary,) = summaries(archive)
    assert (summary["steps_computed"], summary["failed"]) == (2 * STEPS, 0)
    assert numbers(archive) == numbers(by_threads)
    assert not list(archive.rglob(".part-*"))


def test_no_scheduler_at_the_address_is_a_bad_request(small: Path, tmp_path: Path) -> None:
    nowhere = cluster_file(tmp_path, f"kind: address\naddress: tcp://127.0.0.1:{free_port()}\n")
    ended = etalon("run", write_request(tmp_path, small, tmp_path / "archive", cluster=nowhere))
    assert ended.code == 2, ended.text
    said = [line for line in ended.err.splitlines() if not line.startswith("run ")]
    assert len(said) == 1 and "no Dask scheduler answers at tcp://127.0.0.1:" in said[0], ended.text
    assert "start one with 'dask scheduler'" in said[0]


def test_workers_killed_for_their_memory_are_told_as_that(tmp_path: Path) -> None:
    cluster = cluster_file(tmp_path, "kind: processes\nworkers: 1\nmemory_per_worker: 400 MB\n")
    # one death is enough; the usual three only take longer
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        open_cluster(cluster) as place,
        pytest.raises(EtalonError, match=r"take memory: .*out of memory.*raise memory_per_worker"),
    ):
        place.compute(TAKE_MEMORY, (), Size(mebibytes=2048))
