"""The ledger: small files, one per decision, that say in order which result took the place of which. Nothing in it is ever changed."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from calib.archive.disk import publish_file
from calib.errors import ArchiveError

_NAME = re.compile(r"\d+-.*\.json")


@dataclass(frozen=True)
class Supersession:
    """At `utc`, in `run`, the result `new` became the current one of a step and subject in the place of `old`."""

    step: str
    subject: str
    new: str
    old: str
    reasons: tuple[str, ...]
    run: str
    utc: str


class Ledger:
    """The records in a folder. Names begin with a number that grows, so that their order is that of the decisions."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, Supersession] = {}

    def records(self) -> list[Supersession]:
        """All records, oldest first; only those that are new since the last call are read."""
        known = self._known
        self._known = {name: known.get(name) or _read(self._folder / name) for name in self._names()}
        return list(self._known.values())

    def current(self, step: str, subject: str, exists: Callable[[Supersession], bool]) -> str | None:
        """The key that the last record on a step and subject made current, if any. Records whose result does not exist count for nothing."""
        about = (item for item in reversed(self.records()) if (item.step, item.subject) == (step, subject))
        return next((item.new for item in about if exists(item)), None)

    def all_current(self, exists: Callable[[Supersession], bool]) -> dict[tuple[str, str], str]:
        """The same for every (step, subject) that the ledger speaks of."""
        return {(item.step, item.subject): item.new for item in self.records() if exists(item)}

    def append(self, record: Supersession) -> None:
        """Add a record; the caller holds the ledger's lock, so that numbers follow one another."""
        last = max((int(name.split("-")[0]) for name in self._names()), default=0)
        # the random tail keeps two writers apart where the file system's locks do not reach both
        name = f"{last + 1:010d}-{record.new[:12]}-{secrets.token_hex(3)}.json"
        content = json.dumps({**asdict(record), "reasons": list(record.reasons)}, indent=1, ensure_ascii=False)
        publish_file(self._folder / name, (content + "\n").encode())

    def _names(self) -> list[str]:
        return sorted(path.name for path in self._folder.iterdir() if _NAME.fullmatch(path.name))


def _read(path: Path) -> Supersession:
    try:
        content = json.loads(path.read_bytes())
        return Supersession(**{**content, "reasons": tuple(content["reasons"])})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ArchiveError(
            f"{path}: is no record of the ledger ({error}); see 'etalon archive verify', then move the file out of the archive"
        ) from error
