"""Whether an archive is what it says: every digest, every key, every cause, the ledger, the index, and what was left unfinished."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from calib.archive.disk import children, leftovers, writer
from calib.archive.folder import MANIFEST, Manifest, faults, read_manifest, read_result
from calib.archive.index import rows_of
from calib.archive.ledger import Ledger
from calib.archive.store import Archive
from calib.errors import ArchiveError, EtalonError, one_line


@dataclass(frozen=True)
class Problem:
    """Something wrong at `path`; `text` says what, and what to do, in one line."""

    path: Path
    text: str


def verify(archive: Archive) -> list[Problem]:
    """All that is wrong in the archive, nothing if it is sound. Every file is read; nothing is changed."""
    problems: list[Problem] = []
    manifests: dict[Path, Manifest] = {}
    shelves = [shelf for place in children(archive.folder / "results") for shelf in children(place)]
    for folder in sorted(path for shelf in shelves for path in children(shelf)):
        try:
            manifests[folder] = read_manifest(folder)
        except ArchiveError as error:
            problems.append(Problem(folder / MANIFEST, one_line(error)))
        else:
            problems += _folder(folder, manifests[folder])
    problems += _causes(manifests)
    problems += _ledger(archive)
    problems += _index(archive, manifests)
    problems += _leftovers(archive)
    return problems


def _folder(folder: Path, manifest: Manifest) -> Iterator[Problem]:
    found = [Problem(folder, one_line(error)) for error in faults(folder, manifest)]
    yield from found
    if not found:
        try:
            read_result(folder, manifest)
        except ArchiveError as error:
            yield Problem(folder, one_line(error))
    if folder.parent.name != manifest.key[:2]:
        yield Problem(folder, f"{folder}: is in the wrong place; move it to {folder.parent.parent / manifest.key[:2]}")
    for path in sorted(folder.iterdir()):
        if path.name != MANIFEST and path.name not in manifest.files:
            yield Problem(path, f"{path}: is not in the manifest; move it out of the archive")


def _causes(manifests: dict[Path, Manifest]) -> Iterator[Problem]:
    contents = {manifest.key: manifest.content for manifest in manifests.values()}
    for folder, manifest in manifests.items():
        for cause in manifest.lineage.causes:
            if cause.key is None or contents.get(cause.key) == cause.content:
                continue
            fault = "holds other numbers than it was made from" if cause.key in contents else "is not in the archive"
            yield Problem(
                folder,
                f"{folder}: its {cause.role} ({cause.label}, key {cause.key[:12]}) {fault}; restore that result or run the request again",
            )


def _ledger(archive: Archive) -> Iterator[Problem]:
    try:
        # a fresh one: what was read before may have been altered since
        records = Ledger(archive.folder / "ledger").records()
    except ArchiveError as error:
        yield Problem(archive.folder / "ledger", one_line(error))
        return
    for record in records:
        if not archive.exists(record):
            text = f"the record of {record.utc} names the result {record.new[:12]} of {record.step}, which is not in the archive"
            yield Problem(
                archive.folder / "ledger", f"{archive.folder / 'ledger'}: {text}; it is ignored: restore the result"
            )


def _index(archive: Archive, manifests: dict[Path, Manifest]) -> Iterator[Problem]:
    place = archive.folder / "index.sqlite"
    try:
        results, causes = archive.index.everything()
    except (SQLAlchemyError, EtalonError, OSError) as error:
        yield Problem(place, f"index {archive.index.name}: {one_line(error)}; run 'etalon archive rebuild'")
        return
    found: dict[str, tuple[Any, list[Any]]] = {row["key"]: (row, []) for row in results}
    for cause in causes:
        found.setdefault(cause["key"], ({}, []))[1].append(cause)
    for folder, manifest in manifests.items():
        row, rows = rows_of(manifest, folder)
        held, held_causes = found.pop(manifest.key, (None, []))
        # sorted here: a database sorts text by its own rules
        if held != row or sorted(held_causes, key=_role) != sorted(rows, key=_role):
            text = f"index {archive.index.name}: disagrees with {folder}; run 'etalon archive rebuild'"
            yield Problem(place, text)
    for key in found:
        yield Problem(
            place, f"index {archive.index.name}: names {key[:12]}, which has no folder; run 'etalon archive rebuild'"
        )


def _role(cause: dict[str, Any]) -> str:
    return str(cause["role"])


def _leftovers(archive: Archive) -> Iterator[Problem]:
    for name in ("results", "runs", "ledger", "locks"):
        for path in leftovers(archive.folder / name):
            owner = writer(path)
            if owner.state != "alive":
                text = f"was left unfinished by process {owner.process} of {owner.host}; if no run is going on there, remove it"
                yield Problem(path, f"{path}: {text}")
