"""Meaning of one segment of a tracking data message: from its metadata and observations to measurements."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from orbit_aux.ccsds.ndm_content import Entry, Item, choice, epochs, number, numbers, refuse, required, time_scale
from orbit_aux.constants import SPEED_OF_LIGHT_MS
from orbit_aux.time import Times
from orbit_aux.tracking import Tracking
from orbit_aux.tracking_table import gathered

_KM = 1000.0
#: no satellite of the Earth moves faster along a line of sight, nor flies lower or farther: beyond, the unit is wrong
_FASTEST_MS = 12_000.0
_RANGES_M = (8.0e4, 2.0e9)
#: of each INTEGRATION_REF, what of the interval lies after the tag
_AFTER_TAG = {"START": 1.0, "MIDDLE": 0.5, "END": 0.0}
#: of each RANGE_UNITS, metres
_RANGE_UNITS = {"KM": _KM, "S": SPEED_OF_LIGHT_MS}
_METADATA = (
    *("TIME_SYSTEM", "START_TIME", "STOP_TIME", "MODE", "PATH", "TIMETAG_REF", "INTEGRATION_INTERVAL"),
    *("INTEGRATION_REF", "RANGE_MODE", "RANGE_MODULUS", "RANGE_UNITS", "TURNAROUND_NUMERATOR", "FREQ_OFFSET"),
    *("TURNAROUND_DENOMINATOR", "CORRECTION_DOPPLER", "CORRECTION_RANGE", "CORRECTIONS_APPLIED", "DATA_TYPES"),
    *("TRANSMIT_BAND", "RECEIVE_BAND", "DATA_QUALITY", "TRACK_ID"),
)
_INDEXED = re.compile(r"(PARTICIPANT|TRANSMIT_DELAY|RECEIVE_DELAY)_[1-5]")
_FREQUENCY = re.compile(r"(RECEIVE|TRANSMIT)_FREQ(_RATE)?(_[1-5])?")


class Observation(NamedTuple):
    """A keyword with the texts of its epoch and value."""

    key: str
    epoch: str
    value: str
    line: int


@dataclass(frozen=True)
class Link:
    """What the metadata of a segment tell of every observation in it."""

    file: Path
    metadata: Mapping[str, Item]
    line: int
    transmitter: str
    satellite: str
    receiver: str
    scale: str

    @classmethod
    def of(cls, file: Path, metadata: Mapping[str, Item], line: int) -> Link:
        """The link of a segment; paths that are not a station, a satellite and a station are refused."""
        required(file, "metadata", metadata, ("TIME_SYSTEM", "PATH"), line)
        for key in ("PATH_1", "PATH_2"):
            if key in metadata:
                refuse(file, metadata[key].line, f"{key} {metadata[key].text}", "differences of paths are not read")
        mode = metadata.get("MODE")
        if mode and mode.text.upper() != "SEQUENTIAL":
            refuse(file, mode.line, f"MODE {mode.text!r}", "only SEQUENTIAL is read, give undifferenced counts")
        tag = metadata.get("TIMETAG_REF")
        if tag and choice(file, tag, ("TRANSMIT", "RECEIVE")) == "TRANSMIT":
            refuse(file, tag.line, "TIMETAG_REF TRANSMIT", "give times of reception (RECEIVE)")
        path = metadata["PATH"]
        stops = [part.strip() for part in path.text.split(",")]
        if (
            len(stops) != 3
            or len(set(stops)) != len(set(stops[::2])) + 1
            or not all(re.fullmatch("[1-5]", s) for s in stops)
        ):
            refuse(
                file,
                path.line,
                f"PATH {path.text!r}",
                "give 1,2,1 (two-way) or 1,2,3 (transmitter, satellite, receiver)",
            )
        for stop in stops:
            if not metadata.get(f"PARTICIPANT_{stop}", Item("")).text:
                refuse(file, path.line, f"PATH {path.text} without PARTICIPANT_{stop}", "name it")
        sender, satellite, receiver = (metadata[f"PARTICIPANT_{stop}"].text for stop in stops)
        return cls(file, metadata, line, sender, satellite, receiver, time_scale(file, metadata["TIME_SYSTEM"]))

    def tracking(self, observations: Sequence[Observation], factor: str) -> tuple[Tracking | None, list[str]]:
        """Measurements of the observations, in their order, in the convention of `Tracking` from a file of that factor ("mean" or "sum"), and notes."""
        by_key: dict[str, list[Observation]] = {}
        for item in observations:
            by_key.setdefault(item.key, []).append(item)
        notes = [
            f"{key}: not used"
            for key in by_key
            if key not in ("DOPPLER_INTEGRATED", "RANGE") and not _FREQUENCY.fullmatch(key)
        ]
        parts = []
        if "DOPPLER_INTEGRATED" in by_key:
            parts.append(self._doppler(by_key["DOPPLER_INTEGRATED"], factor))
        elif any(key.startswith("RECEIVE_FREQ") for key in by_key):
            parts.append(self._frequencies(by_key))
            notes.append("velocities from RECEIVE_FREQ: V = c0/2 (1 - fr / (turnaround ft))")
        if "RANGE" in by_key:
            parts.append(self._ranges(by_key["RANGE"], factor))
        if not parts:
            return None, notes
        return gathered(parts), notes

    def unknown(self) -> list[str]:
        """Metadata that are not understood, kept as comments."""
        return [
            f"{key} = {item.text}"
            for key, item in self.metadata.items()
            if key not in _METADATA and not _INDEXED.fullmatch(key)
        ]

    def _doppler(self, observations: Sequence[Observation], factor: str) -> Tracking:
        values = self._values(observations) + self._correction("CORRECTION_DOPPLER")
        return self._counts(observations, values * _KM * (1.0 if factor == "mean" else 0.5))

    def _counts(self, observations: Sequence[Observation], value_ms: NDArray[np.float64]) -> Tracking:
        fast = np.abs(value_ms) > _FASTEST_MS
        if fast.any():
            worst = observations[int(np.argmax(fast))]
            refuse(
                self.file,
                worst.line,
                f"{worst.key} {worst.value}: faster than any satellite of the Earth, it is not in km/s or units are mixed",
                "write all DOPPLER_INTEGRATED in km/s",
            )
        interval = self._positive("INTEGRATION_INTERVAL")
        reference = self.metadata.get("INTEGRATION_REF")
        if reference is None:
            refuse(self.file, self.line, "counts without INTEGRATION_REF", "say whether tags are START, MIDDLE or END")
        after = _AFTER_TAG[choice(self.file, reference, tuple(_AFTER_TAG))] * interval
        return self._made(self._tags(observations) + after, interval, "DOPPLER", value_ms)

    def _frequencies(self, by_key: Mapping[str, Sequence[Observation]]) -> Tracking:
        received = next(items for key, items in by_key.items() if key.startswith("RECEIVE_FREQ"))
        number_of = {
            item.text: key.removeprefix("PARTICIPANT")
            for key, item in self.metadata.items()
            if key.startswith("PARTICIPANT")
        }
        name = f"TRANSMIT_FREQ{number_of[self.transmitter]}"
        if name not in by_key:
            refuse(self.file, received[0].line, f"RECEIVE_FREQ without {name}", "give the transmitted frequency")
        for key, items in by_key.items():
            if key.startswith("TRANSMIT_FREQ_RATE") and any(self._values(items)):
                refuse(
                    self.file,
                    items[0].line,
                    f"{key} {items[0].value}",
                    "ramped frequencies are not read, give DOPPLER_INTEGRATED",
                )
        ratio = self._positive("TURNAROUND_NUMERATOR") / self._positive("TURNAROUND_DENOMINATOR")
        sent = by_key[name]
        since, tags = self._tags(sent), self._tags(received)
        order = np.argsort(since.tai_ns, kind="stable")
        place = np.searchsorted(since.tai_ns[order], tags.tai_ns, side="right") - 1
        if (place < 0).any():
            refuse(
                self.file,
                received[int(np.argmin(place))].line,
                f"a RECEIVE_FREQ before the first {name}",
                "give the frequency from the beginning",
            )
        offset = number(self.file, self.metadata["FREQ_OFFSET"], "Hz") if "FREQ_OFFSET" in self.metadata else 0.0
        returned = ratio * self._values(sent)[order][place]
        if (returned <= 0).any():
            refuse(self.file, sent[0].line, f"{name} {sent[0].value}", "give a positive frequency in Hz")
        # a difference of frequencies first: their quotient would lose digits
        shift = (returned - offset) - self._values(received)
        return self._counts(received, 0.5 * SPEED_OF_LIGHT_MS * shift / returned)

    def _ranges(self, observations: Sequence[Observation], factor: str) -> Tracking:
        unit = self.metadata.get("RANGE_UNITS", Item("RANGE_UNITS", "km"))
        name = unit.text.upper()
        if name not in _RANGE_UNITS:
            remedy = "its length is in no file: convert to km or s" if name == "RU" else "give km or s"
            refuse(self.file, unit.line or self.line, f"RANGE_UNITS {unit.text!r}", remedy)
        modulus = self.metadata.get("RANGE_MODULUS")
        if modulus and number(self.file, modulus) != 0.0:
            refuse(self.file, modulus.line, f"RANGE_MODULUS {modulus.text}", "resolve the ambiguity, then write 0.0")
        delays = sum(number(self.file, item, "s") for key, item in self.metadata.items() if "_DELAY_" in key)
        values = (self._values(observations) + self._correction("CORRECTION_RANGE")) * _RANGE_UNITS[name]
        # delays lengthen the whole way, up and down
        whole = values * (2.0 if factor == "mean" else 1.0) - delays * SPEED_OF_LIGHT_MS
        low, high = _RANGES_M
        wrong = (whole / 2 < low) | (whole / 2 > high)
        if wrong.any():
            worst = observations[int(np.argmax(wrong))]
            refuse(
                self.file,
                worst.line,
                f"RANGE {worst.value} {unit.text}",
                f"give {unit.text} as RANGE_UNITS says, the mean of the legs or their sum",
            )
        return self._made(self._tags(observations), 0.0, "RANGE", whole / 2)

    def _made(self, stop: Times, interval_s: float, kind: str, value: NDArray[np.float64]) -> Tracking:
        n = len(stop)
        return Tracking(
            stop=stop,
            interval_s=np.full(n, interval_s),
            kind=np.full(n, kind),
            transmitter=np.full(n, self.transmitter),
            receiver=np.full(n, self.receiver),
            value=value,
            source=str(self.file),
        )

    def _tags(self, observations: Sequence[Observation]) -> Times:
        return epochs(self.file, [Entry(item.epoch, item.line) for item in observations], self.scale)

    def _values(self, observations: Sequence[Observation]) -> NDArray[np.float64]:
        return np.array([numbers(self.file, item.line, [item.value])[0] for item in observations])

    def _positive(self, key: str) -> float:
        required(self.file, "metadata", self.metadata, (key,), self.line)
        item = self.metadata[key]
        value = number(self.file, item, "s" if key == "INTEGRATION_INTERVAL" else "")
        if value <= 0:
            refuse(self.file, item.line, f"{key} {item.text}", "give a positive number")
        return value

    def _correction(self, key: str) -> float:
        """What is still to be added to the values, in the unit of the file."""
        item, applied = self.metadata.get(key), self.metadata.get("CORRECTIONS_APPLIED")
        if item is None:
            return 0.0
        if applied is None:
            refuse(self.file, item.line, f"{key} without CORRECTIONS_APPLIED", "say YES or NO")
        return 0.0 if choice(self.file, applied, ("YES", "NO")) == "YES" else number(self.file, item)
