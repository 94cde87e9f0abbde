"""The archive's index in PostgreSQL: a server of the test's own, on the loopback, as an ordinary user."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from calib.archive import Archive, verify
from calib.errors import ArchiveError, RequestError
from calib.lineage import Cause, Lineage
from calib.types import Result

pytestmark = pytest.mark.service


def programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    beside = shutil.which("initdb")
    return found[-1].parent if found else (Path(beside).parent if beside else None)


def as_ordinary_user(*command: object) -> list[str]:
    """PostgreSQL refuses to run as root."""
    words = [str(word) for word in command]
    return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *words] if os.geteuid() == 0 else words


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a running server's maintenance database."""
    binaries = programs()
    if binaries is None:
        pytest.skip("PostgreSQL's initdb is not installed")
    # not in pytest's own folder, which another user may not even enter
    with tempfile.TemporaryDirectory() as place:
        if os.geteuid() == 0:
            os.chown(place, 65534, 65534)
        data = Path(place) / "data"
        run(
            as_ordinary_user(binaries / "initdb", "-D", data, "-U", "etalon", "-A", "trust", "-E", "UTF8", "--no-sync"),
            place,
        )
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        options = f"-h 127.0.0.1 -p {port} -k {place} -c fsync=off"
        control = [binaries / "pg_ctl", "-D", data, "-w", "-t", "60", "-l", Path(place) / "log"]
        run(as_ordinary_user(*control, "-o", options, "start"), place)
        try:
            yield f"postgresql://etalon@127.0.0.1:{port}/postgres"
        finally:
            run(as_ordinary_user(*control, "-m", "immediate", "stop"), place)


def run(command: list[str], place: str) -> None:
    # the server keeps what it inherits open: a pipe would never end
    with (Path(place) / "out").open("w+") as out:
        code = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, cwd=place, timeout=120).returncode
        out.seek(0)
        assert code == 0, out.read()


def in_database(server: str, name: str) -> str:
    return f"{server.rsplit('/', 1)[0]}/{name}"


@pytest.fixture
def database(server: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A new database of the server for each test."""
    import pg8000.native

    name = f"t{abs(hash(request.node.name))}"
    port = int(server.rsplit(":", 1)[1].split("/")[0])
    connection = pg8000.native.Connection("etalon", host="127.0.0.1", port=port, database="postgres")
    connection.run(f"CREATE DATABASE {name}")
    connection.close()
    yield in_database(server, name)


def sample(seed: int, subject: str = "MOON_1", causes: tuple[Cause, ...] = ()) -> Result:
    data = xr.Dataset(
        {"k": ("band", np.random.default_rng(seed).normal(size=2), {"units": "1"})}, {"band": ["B2", "B10"]}
    )
    return Result(data, Lineage("gain", "1", {"seed": seed}, causes, subject, "run-1"))


def put_some(archive: Archive, first: int) -> None:
    for seed in range(first, first + 6):
        archive.put(sample(seed))
        archive.activate(sample(seed).key, [f"seed {seed}"], "r")


def test_listing_and_rebuilding_give_what_sqlite_gives(database: str, tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive", database)
    camera = Cause("sensor", "s" * 64, "venus")
    for seed in range(4):
        archive.put(sample(seed, f"MOON_é{seed % 2}", (camera, Cause("A", "a" * 64, "x"), Cause("_b", "b" * 64, "y"))))
    archive.activate(
        sample(3, "MOON_é1", (camera, Cause("A", "a" * 64, "x"), Cause("_b", "b" * 64, "y"))).key, ["x"], "r"
    )
    rows = archive.results()
    assert not (archive.folder / "index.sqlite").exists()
    assert Archive(archive.folder, read_only=True).results() == rows
    assert len(archive.results(sensor="venus", current_only=True)) == 2
    assert verify(archive) == []
    assert archive.rebuild() == {"results": 4, "causes": 12}
    assert Archive(archive.folder, database).results() == rows
    archive.close()


def test_processes_writing_at_once_while_others_read_and_rebuild(database: str, tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive", database)
    put_some(archive, 100)
    context = multiprocessing.get_context("fork")
    # 0..5 and 3..8: both write some of the same
    writers = [context.Process(target=put_some, args=(archive, first)) for first in (0, 3, 20)]
    for writer in writers:
        writer.start()
    faults: list[BaseException] = []

    def guarded(work: object) -> None:
        try:
            for _ in range(4):
                work()  # type: ignore[operator]
        except BaseException as error:
            faults.append(error)

    threads = [
        threading.Thread(target=guarded, args=(work,)) for work in (archive.rebuild, archive.results, archive.rebuild)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for writer in writers:
        writer.join(120)
        assert writer.exitcode == 0
    assert faults == []
    assert len(archive.results()) == 6 + 9 + 6
    assert sum(entry.current for entry in archive.results()) == 1
    assert verify(archive) == []
    archive.close()


def test_two_archives_cannot_share_a_database(database: str, tmp_path: Path) -> None:
    one = Archive(tmp_path / "one", database)
    one.put(sample(1))
    with pytest.raises(RequestError, match="another archive"):
        Archive(tmp_path / "two", database).results()
    assert len(one.results()) == 1
    one.close()


def test_a_server_that_is_away_loses_nothing(server: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    archive = Archive(tmp_path / "archive", in_database(server, "absent"))
    archive.put(sample(1))
    archive.put(sample(2))
    archive.activate(sample(2).key, ["x"], "r")
    assert "result is safe" in caplog.text
    assert archive.current("gain", "MOON_1") == sample(2).key
    with pytest.raises(ArchiveError, match="check that its server runs"):
        archive.results()
    assert len(Archive(archive.folder).results()) == 2
