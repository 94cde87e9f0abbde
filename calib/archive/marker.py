"""What makes a folder an archive: a small file that names the format and gives the archive its identity."""

from __future__ import annotations

import json
import os
import uuid
from errno import EACCES
from pathlib import Path

from calib.archive import disk
from calib.errors import ArchiveError

MARKER = "etalon-archive.json"
FORMAT, FORMAT_VERSION = "etalon-archive", 1
LOCKS = "locks"
_FOLDERS = (LOCKS, "results", "ledger", "runs")


def prepare(folder: Path) -> None:
    """Make `folder` an archive if it is empty or absent, and remove what dead processes left unfinished in it."""
    disk.make_folder(folder)
    names = {path.name for path in folder.iterdir()}
    if MARKER not in names:
        if names - {LOCKS}:
            raise ArchiveError(
                f"{folder}: is no archive (it has no {MARKER}) and holds other files; choose an empty or a new folder"
            )
        _found(folder)
    for name in _FOLDERS:
        place = folder / name
        disk.make_folder(place)
        if not os.access(place, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError(EACCES, "no permission to write", str(place))
        disk.remove_leftovers(place)
    # locks of results are named by their keys; those of the index and the ledger stay
    disk.remove_free_locks((folder / LOCKS).glob("?" * 64 + ".lock"))


def _found(folder: Path) -> None:
    disk.make_folder(folder / LOCKS)
    with disk.file_lock(folder / LOCKS / "archive.lock"):
        if not (folder / MARKER).exists():
            marker = {"format": FORMAT, "format_version": FORMAT_VERSION, "id": uuid.uuid4().hex}
            # beside the locks, so that a process killed here leaves nothing that looks like foreign files
            part = disk.part_path(folder / LOCKS, MARKER)
            disk.write_file(part, (json.dumps(marker, indent=1) + "\n").encode())
            part.rename(folder / MARKER)
            disk.sync_folder(folder)


def identity(folder: Path) -> str:
    """The identity of the archive in `folder`; ArchiveError where there is none, or one of another format."""
    marker = folder / MARKER
    try:
        content = json.loads(marker.read_bytes())
        found, own = (content["format"], content["format_version"]), str(content["id"])
    except FileNotFoundError:
        raise ArchiveError(f"{folder}: there is no archive here ({MARKER} is missing); check the path") from None
    except (ValueError, KeyError, TypeError) as error:
        raise ArchiveError(f"{marker}: is damaged ({error}); restore it from a copy of the archive") from error
    if found != (FORMAT, FORMAT_VERSION):
        raise ArchiveError(
            f"{marker}: {found[0]} {found[1]} is not {FORMAT} {FORMAT_VERSION}; use the version of etalon that made the archive"
        )
    return own
