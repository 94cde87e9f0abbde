"""Tracking as a plain table (CSV): counted Doppler, a row for each count and receiving station."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from orbit_aux.ccsds.ndm_content import Item, number, refuse
from orbit_aux.ccsds.ndm_files import read_content
from orbit_aux.errors import OrbitError
from orbit_aux.time import Times
from orbit_aux.tracking import Tracking

#: of each quantity, the columns that give it, the first one being ours
_NAMES = {
    "time": ("utc", "t_start_s", "t_s"),
    "interval_s": ("interval_s", "Tc_s", "tc_s"),
    "transmitter": ("transmitter", "tx"),
    "receiver": ("receiver", "rx"),
    "value_ms": ("value_ms", "v_meas_ms"),
    "sigma_ms": ("sigma_ms",),
}
#: what a comment line of a table may set
_SETTING = re.compile(r"#\s*(light_time|doppler)\s*[:=]\s*(\w+)\s*")
_LIGHT = {"yes": True, "true": True, "no": False, "false": False}
#: no satellite of the Earth moves faster along a line of sight
_FASTEST_MS = 12_000.0


@dataclass
class TableReader:
    """Takes the lines of a table one by one and gives its counts; `epoch` is what seconds count from, `factor` "mean", "sum" or "" (as the table says)."""

    file: Path
    epoch: Times | None
    factor: str = ""
    columns: tuple[str, ...] = ()
    light_time: bool | None = None
    said: str = ""

    def line(self, content: str, line: int) -> Tracking | None:
        """The count of one line; nothing for comments, the head and empty lines."""
        if not content.strip():
            return None
        if content.startswith("#"):
            self._setting(content, line)
            return None
        texts = [text.strip() for text in next(csv.reader([content]))]
        if not self.columns:
            self._head(texts, line)
            return None
        if len(texts) != len(self.columns):
            refuse(self.file, line, f"a row of {len(texts)} values", f"give the {len(self.columns)} of its head")
        return self._count(dict(zip(self.columns, texts, strict=True)), line)

    @property
    def notes(self) -> tuple[str, ...]:
        factor = self.factor or self.said or "mean"
        how = "told by the caller" if self.factor else "told by the table" if self.said else "as this table is defined"
        return (f"values are the {factor} of the legs ({how})",)

    def _setting(self, content: str, line: int) -> None:
        match = _SETTING.fullmatch(content.strip())
        if match is None:
            return
        name, value = match[1], match[2].lower()
        if name == "light_time" and value in _LIGHT:
            self.light_time = _LIGHT[value]
        elif name == "doppler" and value in ("mean", "sum"):
            self.said = value
        else:
            refuse(self.file, line, f"{content.strip()!r}", "write light_time = yes or no, doppler = mean or sum")

    def _head(self, texts: Sequence[str], line: int) -> None:
        repeated = [text for text in texts if texts.count(text) > 1]
        if repeated:
            refuse(self.file, line, f"column {repeated[0]} stands twice", "keep one")
        for quantity, names in _NAMES.items():
            if quantity != "sigma_ms" and not set(names) & set(texts):
                refuse(self.file, line, f"column {' or '.join(names)} is missing", "see docs/orbit_files.md")
        if "utc" not in texts and self.epoch is None:
            refuse(self.file, line, "seconds without the epoch they count from", "give a column utc, or an OPM")
        self.columns = tuple(texts)

    def _count(self, row: dict[str, str], line: int) -> Tracking:
        found = {
            quantity: next((Item(name, row[name], "", line) for name in names if name in row), None)
            for quantity, names in _NAMES.items()
        }
        time, interval, value, sigma = (found[key] for key in ("time", "interval_s", "value_ms", "sigma_ms"))
        assert time is not None and interval is not None and value is not None
        seconds, speed = number(self.file, interval), number(self.file, value)
        if seconds <= 0:
            refuse(self.file, line, f"{interval.key} {interval.text}", "counts last longer than 0 s")
        factor = self.factor or self.said or "mean"
        speed *= 1.0 if factor == "mean" else 0.5
        if abs(speed) > _FASTEST_MS:
            refuse(self.file, line, f"{value.key} {value.text}", "give m/s: no satellite of the Earth is so fast")
        deviation = None if sigma is None else number(self.file, sigma) * (1.0 if factor == "mean" else 0.5)
        if deviation is not None and deviation <= 0:
            refuse(self.file, line, f"sigma_ms {deviation}", "give a positive standard deviation in m/s")
        stations = [row[next(name for name in _NAMES[key] if name in row)] for key in ("transmitter", "receiver")]
        if not all(stations):
            refuse(self.file, line, "a count without its stations", "name the transmitter and the receiver")
        return Tracking(
            stop=self._start(time) + seconds,
            interval_s=np.array([seconds]),
            kind=np.array(["DOPPLER"]),
            transmitter=np.array(stations[:1]),
            receiver=np.array(stations[1:]),
            value=np.array([speed]),
            source=str(self.file),
            sigma=None if deviation is None else np.array([deviation]),
            light_time=self.light_time,
            notes=self.notes,
        )

    def _start(self, item: Item) -> Times:
        if item.key != "utc":
            assert self.epoch is not None
            return self.epoch + number(self.file, item)
        try:
            return Times.from_labels([item.text], "UTC")
        except OrbitError as error:
            raise OrbitError(f"{self.file}, line {item.line}: {error}") from None


def read_tracking_table(path: str | Path, epoch: Times | None = None, factor: str = "") -> Tracking:
    """The counts of a CSV file (.csv or .csv.gz) in the order of time.

    Columns: `utc` of the BEGINNING of the count (or `t_start_s`, `t_s`: seconds after `epoch`), `interval_s` (`Tc_s`), `transmitter` (`tx`), `receiver`
    (`rx`), `value_ms` (`v_meas_ms`), optionally `sigma_ms`; others are not used. Lines `# light_time = yes|no` and `# doppler = mean|sum` before the head
    tell whether signals travel, and what the values are of the two legs ("mean" where nobody says).
    """
    file = Path(path)
    reader = TableReader(file, epoch, factor)
    counts = [
        count for number_, line in enumerate(_lines(file), 1) if (count := reader.line(line, number_)) is not None
    ]
    if not counts:
        raise OrbitError(f"{file}: no counts in it; give a table with the columns of docs/orbit_files.md")
    return gathered(counts)


def write_tracking_table(path: str | Path, tracking: Tracking) -> None:
    """Write the counts in our columns, in the order they have, values to 1 nm/s."""
    lines = ["# doppler = mean"]
    if tracking.light_time is not None:
        lines.append(f"# light_time = {'yes' if tracking.light_time else 'no'}")
    lines.append("utc,interval_s,transmitter,receiver,value_ms" + ("" if tracking.sigma is None else ",sigma_ms"))
    starts = tracking.start.labels("UTC", 9)
    for row, start in enumerate(starts):
        texts = [
            start,
            repr(float(tracking.interval_s[row])),
            str(tracking.transmitter[row]),
            str(tracking.receiver[row]),
        ]
        texts.append(f"{tracking.value[row]:.9f}")
        if tracking.sigma is not None:
            texts.append(repr(float(tracking.sigma[row])))
        lines.append(",".join(texts))
    Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")


def stream_tracking_table(
    lines: Iterable[str], source: str, epoch: Times | None, factor: str = ""
) -> Iterator[Tracking]:
    """Each count as its line arrives."""
    reader = TableReader(Path(source), epoch, factor)
    for number_, line in enumerate(lines, 1):
        count = reader.line(line, number_)
        if count is not None:
            yield count


def gathered(counts: Sequence[Tracking]) -> Tracking:
    """Several trackings of one source as one, in the order of their times (stable)."""
    stop = Times.concatenate(count.stop for count in counts)
    order = np.argsort(stop.tai_ns, kind="stable")
    first = counts[0]
    sigmas = [count.sigma for count in counts if count.sigma is not None]
    return Tracking(
        stop=stop[order],
        interval_s=np.concatenate([count.interval_s for count in counts])[order],
        kind=np.concatenate([count.kind for count in counts])[order],
        transmitter=np.concatenate([count.transmitter for count in counts])[order],
        receiver=np.concatenate([count.receiver for count in counts])[order],
        value=np.concatenate([count.value for count in counts])[order],
        source=first.source,
        sigma=np.concatenate(sigmas)[order] if len(sigmas) == len(counts) else None,
        light_time=first.light_time,
        notes=tuple(dict.fromkeys(note for count in counts for note in count.notes)),
    )


def _lines(file: Path) -> list[str]:
    try:
        return read_content(file, "table").decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise OrbitError(f"{file}: cannot be read as a table ({error}); give tracking as TDM or CSV") from None
