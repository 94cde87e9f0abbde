"""The archive: results as folders, which are the truth, what is current as a ledger, and an index to ask."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from calib.archive import disk, marker, runs
from calib.archive.folder import MANIFEST, Manifest, parse_manifest, read_manifest, read_result, render
from calib.archive.index import Index
from calib.archive.ledger import Ledger, Supersession
from calib.archive.runs import RunFolder
from calib.errors import ArchiveError, EtalonError, RequestError, one_line
from calib.types import Result

LOG = logging.getLogger("calib.archive")
_KEY = re.compile(r"[0-9a-f]{64}")
_STEP = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Entry:
    """One line of a listing. `current` is false where another result of the same step and subject took its place."""

    key: str
    step: str
    version: str
    subject: str
    sensor: str
    created_utc: str
    run: str
    host: str
    kind: str
    content: str
    current: bool
    folder: Path


class Archive:
    """Results by key. Nothing in it is ever overwritten or deleted.

    `index_url` names a PostgreSQL database (or another SQLite file) for the index. With `read_only` an existing archive is opened and nothing on
    disk is made, cleaned or indexed.
    """

    def __init__(self, folder: Path, index_url: str | None = None, read_only: bool = False) -> None:
        self.folder = Path(folder).absolute()
        self.read_only = read_only
        try:
            if not read_only:
                marker.prepare(self.folder)
            identity = marker.identity(self.folder)
        except OSError as error:
            raise disk.refusal(error, self.folder) from error
        default = "sqlite://" if read_only else f"sqlite:///{self.folder / 'index.sqlite'}"
        self.index = Index(index_url or default, identity, self.folders, lambda: self._locked("index"))
        self.ledger = Ledger(self.folder / "ledger")

    # -- results

    def folder_of(self, key: str, step: str) -> Path:
        """Where the result of a step with this key is, or would be."""
        if not (_KEY.fullmatch(key) and _STEP.fullmatch(step)):
            raise ValueError(
                f"step '{step}', key '{key}': a step's name is letters, digits, _ . -, a key 64 hex digits"
            )
        return self.folder / "results" / step / key[:2] / key

    def folders(self) -> dict[str, Path]:
        """The folder of every finished result by key."""
        found: dict[str, Path] = {}
        for place in disk.children(self.folder / "results"):
            for shelf in disk.children(place) if _STEP.fullmatch(place.name) else []:
                found |= {path.name: path for path in disk.children(shelf) if _KEY.fullmatch(path.name)}
        return found

    def resolve(self, prefix: str) -> str:
        """The one key that begins with `prefix`; RequestError with the candidates if there is none or several."""
        folders = self.folders()
        found = sorted(key for key in folders if key.startswith(prefix.lower()))
        if len(found) == 1:
            return found[0]
        if not found:
            raise RequestError(
                f"no result of {self.folder} has a key that begins with '{prefix}' (it holds {len(folders)}); see 'etalon archive list'"
            )
        names = [f"{key[:12]} ({folders[key].parent.parent.name})" for key in found[:8]]
        more = f" and {len(found) - len(names)} more" if len(found) > len(names) else ""
        raise RequestError(f"key '{prefix}' stands for {', '.join(names)}{more}; give more digits")

    def contains(self, key: str, step: str) -> bool:
        """Whether the result is there (its files are not looked at)."""
        return (self.folder_of(key, step) / MANIFEST).is_file()

    def get(self, key: str, step: str) -> Result | None:
        """The result of a step with this key, every digest checked; None if there is none. ArchiveError naming the file that was altered."""
        folder = self.folder_of(key, step)
        return read_result(folder, read_manifest(folder)) if folder.exists() else None

    def manifest(self, key: str) -> Manifest | None:
        """What the archive says of a key, whatever its step, without reading its data; None if there is no such result."""
        found = list((self.folder / "results").glob(f"*/{key[:2]}/{key}")) if _KEY.fullmatch(key) else []
        return read_manifest(found[0]) if found else None

    def put(self, result: Result) -> None:
        """Store a result: written aside, read back, compared, and renamed into place. If the key is there already, what is there stays."""
        self._demand_writing()
        folder = self.folder_of(result.key, result.lineage.step)
        if not folder.exists():
            self._publish(render(result, disk.now_utc()), folder)
        stored = read_manifest(folder)
        if stored.content != result.digest:
            LOG.warning(
                "%s: computed twice with different numbers; the first are kept: this step is no pure function", folder
            )
        self._enter(stored, folder)

    def _enter(self, manifest: Manifest, folder: Path) -> None:
        try:
            self.index.add(manifest, folder)
        except (SQLAlchemyError, EtalonError, OSError) as error:
            LOG.warning(
                "index %s: %s; the result is safe: run 'etalon archive rebuild'", self.index.name, one_line(error)
            )

    def _publish(self, files: dict[str, bytes], folder: Path) -> None:
        need = 0
        part = disk.part_path(self.folder / "results", folder.name[:12])
        try:
            need = disk.need_space(self.folder, files)
            part.mkdir()
            for name, content in files.items():
                disk.write_file(part / name, content)
            _read_back(part, files)
            disk.publish_folder(part, folder)
        except OSError as error:
            raise disk.refusal(error, self.folder, need) from error
        finally:
            shutil.rmtree(part, ignore_errors=True)

    # -- locks

    @contextmanager
    def lock(self, key: str, on_wait: Callable[[], None] | None = None) -> Iterator[None]:
        """Hold a key alone among all threads and processes, so that of two runs one computes; `on_wait` is called once if another holds it."""
        self._demand_writing()
        with self._locked(key, on_wait, keep=False):
            yield

    @contextmanager
    def _locked(self, name: str, on_wait: Callable[[], None] | None = None, keep: bool = True) -> Iterator[None]:
        with ExitStack() as stack:
            if not self.read_only:
                try:
                    stack.enter_context(disk.file_lock(self.folder / marker.LOCKS / f"{name}.lock", on_wait, keep))
                except OSError as error:
                    raise disk.refusal(error, self.folder) from error
            yield

    def _demand_writing(self) -> None:
        if self.read_only:
            raise ArchiveError(f"archive {self.folder}: was opened for reading only; open it for writing to run steps")

    # -- what is current

    def current(self, step: str, subject: str) -> str | None:
        """The key of the current result of a step on a subject: the last that was activated, else the earliest; None if there is none."""
        return self.ledger.current(step, subject, self.exists) or next(iter(self._siblings(step, subject)), None)

    def activate(self, key: str, reasons: list[str], run: str) -> None:
        """Make a result the current one of its step and subject; where it takes another's place, the ledger says when, in which run and why."""
        self._demand_writing()
        manifest = self.manifest(key)
        if manifest is None:
            raise ArchiveError(f"key '{key}' cannot become current: the archive {self.folder} holds no such result")
        step, subject = manifest.lineage.step, manifest.lineage.subject
        try:
            with self._locked("ledger"):
                if key not in (siblings := self._siblings(step, subject)):
                    # its writer was killed before it came to the index
                    self._enter(manifest, self.folder_of(key, step))
                    siblings = self._siblings(step, subject) or [key]
                old = self.ledger.current(step, subject, self.exists) or siblings[0]
                if old != key:
                    self.ledger.append(Supersession(step, subject, key, old, tuple(reasons), run, disk.now_utc()))
        except OSError as error:
            raise disk.refusal(error, self.folder) from error

    def exists(self, record: Supersession) -> bool:
        """Whether the result that a record of the ledger names is there: a record without one counts for nothing."""
        return self.contains(record.new, record.step)

    def _siblings(self, step: str, subject: str) -> list[str]:
        """Keys of all results of a step on a subject, the earliest first; from the folders where the index does not answer."""
        try:
            return self.index.siblings(step, subject)
        except (SQLAlchemyError, OSError) as error:
            LOG.warning("index %s: %s; the folders are read instead", self.index.name, one_line(error))
        found = [read_manifest(path) for path in self.folders().values() if path.parent.parent.name == step]
        found.sort(key=lambda item: (item.stored_utc, item.key))
        return [item.key for item in found if item.lineage.subject == subject]

    # -- questions to the index

    def results(
        self,
        step: str | None = None,
        subject: str | None = None,
        sensor: str | None = None,
        current_only: bool = False,
        limit: int | None = None,
    ) -> list[Entry]:
        """The results that match, the latest first."""
        try:
            rows = self.index.rows(step, subject, sensor)
        except (SQLAlchemyError, OSError) as error:
            raise ArchiveError(
                f"index {self.index.name}: {one_line(error)}; run 'etalon archive rebuild', or check that its server runs"
            ) from error
        current = {(row["step"], row["subject"]): row["key"] for row in reversed(rows)}
        current |= self.ledger.all_current(self.exists)
        entries = [self._entry(dict(row), current[row["step"], row["subject"]]) for row in reversed(rows)]
        return [item for item in entries if item.current or not current_only][:limit]

    def _entry(self, row: dict[str, str], current: str) -> Entry:
        fields = {name: row[name] for name in Entry.__dataclass_fields__ if name not in ("current", "folder")}
        return Entry(**fields, current=row["key"] == current, folder=self.folder / row["folder"])

    def rebuild(self) -> dict[str, int]:
        """Make the index again from the folders; returns how many results and causes it holds."""
        try:
            return self.index.rebuild()
        except (SQLAlchemyError, OSError) as error:
            raise ArchiveError(
                f"index {self.index.name}: {one_line(error)}; check that its server runs and that it may be written"
            ) from error

    def close(self) -> None:
        """Close the connections to the index; the next question opens them again."""
        self.index.close()

    # -- runs

    def new_run(self, name: str) -> RunFolder:
        """A folder for a run to write in; it appears among `runs()` once published."""
        self._demand_writing()
        try:
            return runs.begin(self.folder / "runs", name)
        except OSError as error:
            raise disk.refusal(error, self.folder) from error

    def publish_run(self, run: RunFolder) -> Path:
        """Rename a run's folder to its final name; returns where it is now."""
        try:
            return runs.publish(run)
        except OSError as error:
            raise disk.refusal(error, self.folder) from error

    def refusal(self, error: OSError) -> ArchiveError:
        """What a fault of the disk under this archive means, with the remedy."""
        return disk.refusal(error, self.folder)

    def runs(self) -> list[Path]:
        """The folders of the runs that ended, oldest first."""
        return runs.finished(self.folder / "runs")


def _read_back(part: Path, files: dict[str, bytes]) -> None:
    """Compare what the disk holds with what was computed: a full or failing disk does not always tell."""
    try:
        same = all((part / name).read_bytes() == content for name, content in files.items())
        read_result(part, parse_manifest(files[MANIFEST]))
    except ArchiveError as error:
        raise ArchiveError(f"{part}: what was written cannot be read back ({error}); nothing was stored") from error
    if not same:
        raise ArchiveError(f"{part}: reads back otherwise than it was written; check the disk, then run again")
