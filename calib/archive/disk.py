"""Writing that survives kill -9, a full disk and a second writer: everything appears whole, by one rename, or not at all."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
import shutil
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from calib.errors import ArchiveError

_PART = re.compile(r"\.part-(\d+)-([^~]*)~.+")
#: room for folders, the index, the report of the run, and what others write at the same time
_MARGIN_BYTES = 512 * 1024
_FULL = (errno.ENOSPC, errno.EDQUOT)
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)


def now_utc() -> str:
    """The present date as sortable text, ISO 8601 with microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def refusal(error: OSError, archive: Path, need_bytes: int = 0) -> ArchiveError:
    """What the system refused, as one line with the remedy."""
    what = f"archive {archive}: {error.filename or archive}: {(error.strerror or str(error)).lower()}"
    if error.errno in _FULL:
        return _full(archive, need_bytes)
    if error.errno in _REFUSED:
        return ArchiveError(
            f"{what}; give user {os.geteuid()} write permission there (chown, chmod, remount) or choose another archive folder"
        )
    if error.errno in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS):
        return ArchiveError(
            f"{what}: its file system has no file locks; mount it with locks or choose another archive folder"
        )
    return ArchiveError(f"{what}; check the disk, then run again: finished results are kept")


def _full(archive: Path, need_bytes: int) -> ArchiveError:
    free = ""
    with suppress(OSError):
        free = f", {_human(shutil.disk_usage(archive).free)} are free"
    return ArchiveError(
        f"archive {archive}: the disk is full: {_human(need_bytes)} are needed{free}; free some space or choose another archive folder, then run again"
    )


def _human(count: int) -> str:
    return f"{max(count, 1) / 2**20:.2f} MiB" if count < 2**30 else f"{count / 2**30:.1f} GiB"


def need_space(archive: Path, files: Mapping[str, bytes]) -> int:
    """Bytes that writing `files` takes; ArchiveError where the disk has less."""
    need = sum(-(-len(content) // 4096) * 4096 for content in files.values()) + _MARGIN_BYTES
    if shutil.disk_usage(archive).free < need:
        raise _full(archive, need)
    return need


def _owner() -> str:
    """This host and its process numbering: containers may share a host name but not the meaning of a process id."""
    host = re.sub(r"[^A-Za-z0-9._]", "_", socket.gethostname())
    space = ""
    with suppress(OSError):
        space = re.sub(r"\D", "", os.readlink("/proc/self/ns/pid"))  # noqa: PTH115 - not a path
    return f"{host}.{space}"


def part_path(parent: Path, name: str) -> Path:
    """A path beside the final one that nobody takes for finished and that tells whose it is."""
    return parent / f".part-{os.getpid()}-{_owner()}~{name}~{secrets.token_hex(4)}"


def leftovers(parent: Path) -> list[Path]:
    """What is unfinished in a folder, whoever is or was writing it."""
    return sorted(path for path in parent.glob(".part-*") if _PART.fullmatch(path.name))


@dataclass(frozen=True)
class Writer:
    """Who writes, or wrote, something unfinished; `state` is "alive", "dead", or "unknown" for a process of another host."""

    process: int
    host: str
    state: str


def writer(leftover: Path) -> Writer:
    """Who an unfinished file or folder belongs to."""
    match = _PART.fullmatch(leftover.name)
    if match is None:
        raise ValueError(f"{leftover} is nothing unfinished")
    process, host = int(match[1]), match[2]
    state = "unknown" if host != _owner() else ("alive" if _alive(process) else "dead")
    return Writer(process, host, state)


def remove_leftovers(parent: Path) -> None:
    """Remove what processes of this host left when they died; what may still be written stays."""
    for path in leftovers(parent):
        if writer(path).state == "dead":
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def children(folder: Path) -> list[Path]:
    """What a folder holds; nothing if it is gone, as the part folders of other writers come and go."""
    try:
        return list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Make a folder and its parents, durably."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in missing:
        sync_folder(path.parent)


def write_file(path: Path, content: bytes) -> None:
    """Write a file and have it on the disk."""
    with path.open("xb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def publish_file(path: Path, content: bytes) -> None:
    """A file appears whole under its name."""
    part = part_path(path.parent, path.name)
    try:
        write_file(part, content)
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)
    sync_folder(path.parent)


def publish_folder(part: Path, target: Path) -> bool:
    """Rename a finished folder into place; False if another process was first: its folder stays and ours is for the caller to remove."""
    make_folder(target.parent)
    sync_folder(part)
    try:
        part.rename(target)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return False
        raise
    sync_folder(target.parent)
    return True


@contextmanager
def file_lock(path: Path, on_wait: Callable[[], None] | None = None, keep: bool = True) -> Iterator[None]:
    """Hold `path` alone, among threads and processes; the system frees it when the holder dies, by kill -9 too.

    With `keep` false the file is removed at the end. Whoever waited for it then finds that the name no longer leads to what it locked, and
    tries again, so that two holders never meet.
    """
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if on_wait is not None:
                    on_wait()
                    on_wait = None
                fcntl.flock(handle, fcntl.LOCK_EX)
            if not _leads_to(path, handle):
                continue
            try:
                yield
            finally:
                if not keep:
                    path.unlink(missing_ok=True)
            return
        finally:
            os.close(handle)


def remove_free_locks(paths: Iterable[Path]) -> None:
    """Remove lock files that nobody holds: those of processes that died between their result and the end of their lock."""
    for path in paths:
        try:
            handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _leads_to(path, handle):
                path.unlink(missing_ok=True)
        except OSError:
            continue
        finally:
            os.close(handle)


def _leads_to(path: Path, handle: int) -> bool:
    try:
        return path.stat().st_ino == os.fstat(handle).st_ino
    except FileNotFoundError:
        return False
