"""Key-value text (KVN) of orbit ephemeris messages: to and from raw content."""

from __future__ import annotations

from pathlib import Path

from orbit_aux.ccsds.ndm_content import Entry, check_version, refuse
from orbit_aux.ccsds.oem_content import RawCovariance, RawMessage, RawSegment, RawState


def parse_kvn(file: Path, text: str) -> RawMessage:
    """The content of a KVN message; `file` is only named in errors."""
    reader = _Reader(file)
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        reader.line(line.strip(), number)
    reader.finish(len(lines), text.endswith(("\n", "\r")))
    return reader.message


def render_kvn(message: RawMessage) -> str:
    """An OEM 2.0 text."""
    lines = ["CCSDS_OEM_VERS = 2.0"]
    lines += [f"COMMENT {comment}" for comment in message.comments]
    lines += [f"{key} = {entry.text}" for key, entry in message.header.items()]
    for segment in message.segments:
        lines += ["", "META_START"]
        lines += [f"{key} = {entry.text}" for key, entry in segment.metadata.items()]
        lines += ["META_STOP", ""]
        lines += [" ".join([state.epoch.text, *state.values]) for state in segment.states]
        if segment.covariances:
            lines += ["", "COVARIANCE_START"]
            for item in segment.covariances:
                lines += [f"EPOCH = {item.epoch.text}", f"COV_REF_FRAME = {item.frame}"]
                lines += [" ".join(item.lower[row * (row + 1) // 2 : (row + 1) * (row + 2) // 2]) for row in range(6)]
            lines += ["COVARIANCE_STOP"]
    return "\n".join(lines) + "\n"


class _Reader:
    """Reads line by line; `section` is header, metadata, data or covariance."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.message = RawMessage()
        self.section = "header"
        self.versioned = False
        self.readers = {
            "header": self._header,
            "metadata": self._metadata,
            "data": self._data,
            "covariance": self._covariance,
        }

    def line(self, line: str, number: int) -> None:
        if not line:
            return
        if not self.versioned:
            self._version(line, number)
        elif line.startswith("COMMENT") and line[7:8] in ("", " ", "\t"):
            owner = self.message.segments[-1] if self.message.segments else self.message
            owner.comments.append(line[len("COMMENT") :].strip())
        else:
            self.readers[self.section](line, number)

    def finish(self, last_line: int, ended: bool) -> None:
        """Refuse a message that stops in the middle."""
        if self.section != "data":
            refuse(
                self.file, last_line, f"the file ends in its {self.section}", "it is truncated or no OEM, get it again"
            )
        for segment in self.message.segments:
            for item in segment.covariances:
                if len(item.lower) != 21:
                    refuse(
                        self.file, item.epoch.line, f"a covariance of {len(item.lower)} values", "give its 21 values"
                    )
        states = self.message.segments[-1].states
        if ended or len(states) < 2 or states[-1].epoch.line != last_line:
            return
        # a cut number is still a number: only its missing digits tell
        last, before = (state.values[-1].partition(".")[2] for state in states[:-3:-1])
        if len(last) < len(before):
            refuse(
                self.file,
                last_line,
                f"the last state ends in {states[-1].values[-1]!r}",
                "it is truncated, get it again",
            )

    def _version(self, line: str, number: int) -> None:
        key, value = _pair(line)
        if key != "CCSDS_OEM_VERS":
            refuse(self.file, number, f"{line[:60]!r} where CCSDS_OEM_VERS should stand", "give an OEM")
        check_version(self.file, "OEM", Entry(value, number))
        self.versioned = True

    def _header(self, line: str, number: int) -> None:
        if line == "META_START":
            self._open_segment(number)
            return
        self._store(self.message.header, line, number)

    def _metadata(self, line: str, number: int) -> None:
        if line == "META_STOP":
            self.section = "data"
            return
        self._store(self.message.segments[-1].metadata, line, number)

    def _data(self, line: str, number: int) -> None:
        if line == "META_START":
            self._open_segment(number)
        elif line == "COVARIANCE_START":
            self.section = "covariance"
        else:
            epoch, *values = line.split()
            # version 2 allows three accelerations after the six
            if len(values) not in (6, 9):
                refuse(
                    self.file,
                    number,
                    f"a state of {len(values)} values",
                    "give the epoch and 6 (or 9) values, or get it again",
                )
            self.message.segments[-1].states.append(RawState(Entry(epoch, number), values[:6]))

    def _covariance(self, line: str, number: int) -> None:
        items = self.message.segments[-1].covariances
        if line == "COVARIANCE_STOP":
            self.section = "data"
        elif "=" in line:
            key, value = _pair(line)
            if key == "EPOCH":
                items.append(RawCovariance(Entry(value, number), "", []))
            elif key == "COV_REF_FRAME" and items:
                items[-1].frame = value
            else:
                refuse(self.file, number, f"{key!r} in a covariance block", "give EPOCH, then COV_REF_FRAME")
        elif not items:
            refuse(self.file, number, "covariance values before their EPOCH", "give EPOCH first")
        else:
            items[-1].lower += line.split()

    def _open_segment(self, number: int) -> None:
        self.message.segments.append(RawSegment(number))
        self.section = "metadata"

    def _store(self, target: dict[str, Entry], line: str, number: int) -> None:
        key, value = _pair(line)
        if not key:
            refuse(self.file, number, f"{line[:60]!r} in the {self.section}", "write KEYWORD = value")
        if key in target:
            refuse(self.file, number, f"{key} stands twice", "keep one")
        target[key] = Entry(value, number)


def _pair(line: str) -> tuple[str, str]:
    """Keyword and value; no keyword when there is no equals sign."""
    key, equals, value = line.partition("=")
    return (key.strip(), value.strip()) if equals else ("", "")
