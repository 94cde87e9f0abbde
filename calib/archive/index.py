"""The index: rows in SQLite or PostgreSQL that answer questions quickly. It holds nothing that the folders do not; lose it and it is made again."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from calib.archive.folder import Manifest, read_manifest
from calib.errors import ArchiveError, RequestError, one_line

LOG = logging.getLogger("calib.archive")
#: change it with the tables: an index of another version is made anew
SCHEMA_VERSION = 1
_TABLES = sa.MetaData()
_ABOUT = sa.Table(
    "etalon_index",
    _TABLES,
    sa.Column("archive", sa.Text, primary_key=True),
    sa.Column("schema_version", sa.Integer, nullable=False),
)
RESULTS = sa.Table(
    "results",
    _TABLES,
    sa.Column("key", sa.Text, primary_key=True),
    *(sa.Column(name, sa.Text, nullable=False) for name in ("step", "version", "subject", "sensor", "created_utc")),
    *(sa.Column(name, sa.Text, nullable=False) for name in ("run", "host", "kind", "content", "folder")),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Index("results_by_subject", "step", "subject"),
)
CAUSES = sa.Table(
    "causes",
    _TABLES,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("role", sa.Text, primary_key=True),
    sa.Column("content", sa.Text, nullable=False, index=True),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("parent", sa.Text, index=True),
)
Folders = Mapping[str, Path]
Rows = list[dict[str, Any]]


class Index:
    """The rows of one archive. `folders` lists the finished results by key, `lock` keeps two processes from making the tables at once."""

    def __init__(
        self, url: str, archive: str, folders: Callable[[], Folders], lock: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._url = _parsed(url)
        self._archive = archive
        self._folders = folders
        self._lock = lock
        self._engine: sa.Engine | None = None
        self._process = 0

    @property
    def name(self) -> str:
        """The index's address without its password."""
        return self._url.render_as_string(hide_password=True)

    def close(self) -> None:
        """Close the connections; they are opened again when needed."""
        if self._engine is not None:
            # those of a parent process are not ours to close
            self._engine.dispose(close=self._process == os.getpid())
            self._engine = None

    def add(self, manifest: Manifest, folder: Path) -> None:
        """Enter one result; nothing happens if it is there already."""
        with self._connection(write=True) as connection:
            _insert(connection, {manifest.key: folder})

    def siblings(self, step: str, subject: str) -> list[str]:
        """Keys of all results of a step on a subject, the earliest first."""
        query = sa.select(RESULTS.c.key).where(RESULTS.c.step == step, RESULTS.c.subject == subject)
        with self._connection() as connection:
            return list(connection.scalars(query.order_by(RESULTS.c.created_utc, RESULTS.c.key)))

    def rows(self, step: str | None, subject: str | None, sensor: str | None) -> list[sa.RowMapping]:
        """Rows of the results that match, the earliest first. A result belongs to the sensor that any result on its subject names."""
        query = sa.select(RESULTS).order_by(RESULTS.c.created_utc, RESULTS.c.key)
        if step is not None:
            query = query.where(RESULTS.c.step == step)
        if subject is not None:
            query = query.where(RESULTS.c.subject == subject)
        if sensor is not None:
            query = query.where(RESULTS.c.subject.in_(sa.select(RESULTS.c.subject).where(RESULTS.c.sensor == sensor)))
        with self._connection() as connection:
            return list(connection.execute(query).mappings())

    def everything(self) -> tuple[Rows, Rows]:
        """All rows, of the results and of the causes: to be compared with what `rows_of` expects."""
        with self._connection() as connection:
            results = connection.execute(sa.select(RESULTS)).mappings()
            causes = connection.execute(sa.select(CAUSES)).mappings()
            return [dict(row) for row in results], [dict(row) for row in causes]

    def rebuild(self) -> dict[str, int]:
        """Empty the tables and fill them from the folders, in one transaction: who reads meanwhile sees the old rows. Returns how many there are now."""
        try:
            return self._refill()
        except sa.exc.DatabaseError as error:
            file = self._file()
            if file is None or isinstance(error, sa.exc.OperationalError):
                raise
            LOG.warning("index %s: %s; it is made anew", self.name, one_line(error))
        for tail in ("", "-wal", "-shm"):
            file.with_name(file.name + tail).unlink(missing_ok=True)
        return self._refill()

    def _refill(self) -> dict[str, int]:
        engine = self._ready()
        with self._lock(), _begin(engine, write=True) as connection:
            connection.execute(sa.delete(CAUSES))
            connection.execute(sa.delete(RESULTS))
            _insert(connection, self._folders())
            count = sa.select(sa.func.count())
            return {table.name: connection.scalar(count.select_from(table)) or 0 for table in (RESULTS, CAUSES)}

    @contextmanager
    def _connection(self, write: bool = False) -> Iterator[sa.Connection]:
        with _begin(self._ready(), write) as connection:
            yield connection

    def _ready(self) -> sa.Engine:
        """The engine, its tables made and completed from the folders if this process has not seen them yet or their file is gone."""
        file = self._file()
        if self._engine is not None and self._process == os.getpid() and (file is None or file.exists()):
            return self._engine
        # connections do not survive a fork, nor the removal of their file
        self.close()
        engine = _engine(self._url)
        with self._lock(), _begin(engine, write=True) as connection:
            self._make_tables(connection)
            self._complete(connection)
        self._engine, self._process = engine, os.getpid()
        return engine

    def _make_tables(self, connection: sa.Connection) -> None:
        about = connection.execute(sa.select(_ABOUT)).first() if sa.inspect(connection).has_table(_ABOUT.name) else None
        if about is not None and about.archive != self._archive:
            raise RequestError(
                f"index {self.name}: it belongs to another archive; give each archive a database of its own"
            )
        if about is None or about.schema_version != SCHEMA_VERSION:
            _TABLES.drop_all(connection)
            _TABLES.create_all(connection)
            connection.execute(sa.insert(_ABOUT).values(archive=self._archive, schema_version=SCHEMA_VERSION))

    def _complete(self, connection: sa.Connection) -> None:
        # a process killed between the rename of a folder and its row leaves the row out; one that failed to reach the index does too
        known = set(connection.scalars(sa.select(RESULTS.c.key)))
        folders = self._folders()
        _insert(connection, {key: folder for key, folder in folders.items() if key not in known})
        for gone in sorted(known - set(folders)):
            connection.execute(sa.delete(CAUSES).where(CAUSES.c.key == gone))
            connection.execute(sa.delete(RESULTS).where(RESULTS.c.key == gone))

    def _file(self) -> Path | None:
        database = self._url.database
        return Path(database) if self._url.get_backend_name() == "sqlite" and database else None


def _parsed(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
        backend = parsed.drivername.split("+")[0]
    except sa.exc.ArgumentError:
        backend = ""
    if backend not in ("sqlite", "postgresql", "postgres"):
        raise RequestError(
            f"index address '{url.split(':')[0]}:…' is neither postgresql://user@host/database nor sqlite:////path/to/file"
        )
    return parsed if backend == "sqlite" else parsed.set(drivername="postgresql+pg8000")


def _engine(url: sa.URL) -> sa.Engine:
    if url.get_backend_name() != "sqlite":
        return sa.create_engine(url, pool_pre_ping=True)
    memory = {} if url.database else {"poolclass": sa.StaticPool}
    engine = sa.create_engine(url, connect_args={"timeout": 30, "check_same_thread": False}, **memory)

    @sa.event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        # the driver would begin transactions in its own way, at the first write: two readers that turn writers then fail at once
        connection.isolation_level = None
        connection.execute("PRAGMA busy_timeout = 30000")
        connection.execute("PRAGMA synchronous = NORMAL")

    @sa.event.listens_for(engine, "begin")
    def _begin_transaction(connection: sa.Connection) -> None:
        writes = connection.get_execution_options().get("etalon_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


@contextmanager
def _begin(engine: sa.Engine, write: bool) -> Iterator[sa.Connection]:
    with engine.connect().execution_options(etalon_write=write) as connection, connection.begin():
        yield connection


def _insert(connection: sa.Connection, folders: Folders) -> None:
    results: Rows = []
    causes: Rows = []
    # in the order of keys, so that two writers lock rows in one order
    for _, folder in sorted(folders.items()):
        try:
            manifest = read_manifest(folder)
        except ArchiveError as error:
            LOG.warning("left out of the index: %s", one_line(error))
            continue
        row, rows = rows_of(manifest, folder)
        results.append(row)
        causes += rows
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    for table, rows in ((RESULTS, results), (CAUSES, causes)):
        if rows:
            connection.execute(insert(table).on_conflict_do_nothing(), rows)


def rows_of(manifest: Manifest, folder: Path) -> tuple[dict[str, Any], Rows]:
    """The row of a result, and those of its causes."""
    lineage = manifest.lineage
    row = {
        "key": manifest.key,
        "step": lineage.step,
        "version": lineage.version,
        "subject": lineage.subject,
        "sensor": next((cause.label for cause in lineage.causes if cause.role == "sensor"), ""),
        "created_utc": manifest.stored_utc,
        "run": lineage.run,
        "host": lineage.host,
        "kind": manifest.kind,
        "content": manifest.content,
        "folder": "/".join(folder.parts[-4:]),
        "seconds": lineage.seconds,
    }
    causes = [
        {"key": manifest.key, "role": item.role, "content": item.content, "label": item.label, "parent": item.key}
        for item in lineage.causes
    ]
    return row, causes
