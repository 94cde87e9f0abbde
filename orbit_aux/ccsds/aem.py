"""Attitude ephemeris messages (CCSDS AEM, 504.0-B): quaternions between an external frame and the body, read and written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from orbit_aux.attitude import Attitude
from orbit_aux.ccsds.ndm_content import (
    Entry,
    Group,
    Item,
    check_names,
    choice,
    epochs,
    frame_of,
    frame_written,
    labels,
    number,
    numbers,
    refuse,
    required,
    time_scale,
)
from orbit_aux.ccsds.ndm_files import header, read_items, write_message
from orbit_aux.errors import OrbitError
from orbit_aux.frames import FRAMES
from orbit_aux.time import Times

_METADATA = ("OBJECT_NAME", "OBJECT_ID", "REF_FRAME_A", "REF_FRAME_B", "TIME_SYSTEM", "ATTITUDE_TYPE")
_OPTIONAL = (
    "CENTER_NAME",
    "ATTITUDE_DIR",
    "QUATERNION_TYPE",
    "START_TIME",
    "STOP_TIME",
    "USEABLE_START_TIME",
    "USEABLE_STOP_TIME",
    "INTERPOLATION_METHOD",
    "INTERPOLATION",
    "INTERPOLATION_DEGREE",
    "ANGVEL_FRAME",
    "RATE_FRAME",
)
#: of each type that begins with a quaternion, how many values a line has
_WIDTHS = {"QUATERNION": 4, "QUATERNION/DERIVATIVE": 8, "QUATERNION/RATE": 7, "QUATERNION/ANGVEL": 7}
_XML = ("Q1", "Q2", "Q3", "QC")
_METHOD = ("INTERPOLATION_METHOD", "INTERPOLATION")
_CONJUGATE = np.array([1.0, -1.0, -1.0, -1.0])


def read_aem(path: str | Path) -> Attitude:
    """The attitude in an AEM file, KVN or XML: quaternions between GCRF, ICRF, EME2000, J2000 or ITRF and the one other frame, which is the body.

    QUATERNION_TYPE FIRST or LAST is honoured (absent, as in version 2: LAST), ATTITUDE_DIR A2B or B2A likewise (absent: A2B). In the file a quaternion
    (e sin φ/2, cos φ/2) from A to B turns the axes of A by φ about e into those of B. Rates are not used, other types are refused; gaps between segments
    are told in the comments.
    """
    file = Path(path)
    segments, comments = _segments(file, read_items(file, "AEM"))
    if not segments:
        raise OrbitError(f"{file}: no segment of attitudes in it; the file is truncated or no AEM, get it again")
    frames: set[tuple[str, str, str, str]] = set()
    times: list[Times] = []
    values: list[NDArray[np.float64]] = []
    bounds = [0]
    for metadata, rows, line in segments:
        required(file, "metadata", metadata, _METADATA, line)
        frame, body, conjugate = _direction(file, metadata)
        frames.add((metadata["OBJECT_NAME"].text, metadata["OBJECT_ID"].text, frame, body))
        part, quaternion = _records(file, metadata, rows, line)
        if times and part.tai_ns[0] == times[-1].tai_ns[-1]:
            part, quaternion = part[1:], quaternion[1:]
        elif times:
            bounds.append(sum(len(item) for item in times))
            comments.append(f"no attitude between {times[-1][-1].utc_strings()[0]} and {part[0].utc_strings()[0]}")
        times.append(part)
        values.append(quaternion * (_CONJUGATE if conjugate else 1.0))
        comments += [f"{key} = {item.text}" for key, item in metadata.items() if key not in _METADATA + _OPTIONAL]
    if len(frames) > 1:
        raise OrbitError(
            f"{file}: its segments are of {' and '.join(' '.join(item) for item in sorted(frames))}; split them"
        )
    name, identifier, frame, body = frames.pop()
    methods = {item.text.upper() for metadata, _, _ in segments for key, item in metadata.items() if key in _METHOD}
    return Attitude(
        name,
        frame,
        body,
        Times.concatenate(times),
        np.concatenate(values),
        str(file),
        tuple(comments),
        object_id=identifier,
        runs=tuple(pairwise([*bounds, sum(len(item) for item in times)])),
        smooth=methods != {"LINEAR"},
    )


def write_aem(
    path: str | Path,
    attitude: Attitude,
    kind: str = "kvn",
    *,
    object_id: str = "UNKNOWN",
    scalar: str = "LAST",
    direction: str = "A2B",
    originator: str = "ETALON",
    creation_date: str | datetime | None = None,
) -> None:
    """Write an AEM 1.0 in UTC, whole or not at all: frame A is the external one, the scalar stands FIRST or LAST, the direction is A2B or B2A.

    Version 1 says both in the file; version 2 has no words for them.
    """
    if scalar not in ("FIRST", "LAST") or direction not in ("A2B", "B2A"):
        raise OrbitError(f"quaternions {scalar!r} {direction!r}: use FIRST or LAST, A2B or B2A")
    if attitude.frame not in FRAMES:
        raise OrbitError(f"attitude in {attitude.frame!r} cannot stand in an AEM: turn it to {', '.join(FRAMES)}")
    check_names(object_name=attitude.object_name, object_identifier=object_id, body_frame=attitude.body)
    values = attitude.quaternion * (1.0 if direction == "A2B" else _CONJUGATE)
    segment = _written(attitude, object_id, values, (scalar, direction))
    head = header(originator, creation_date, attitude.comments)
    write_message(Path(path), "AEM", "1.0", [head, segment], kind)


def _segments(file: Path, items: Sequence[Item]) -> tuple[list[tuple[dict[str, Item], list[Item], int]], list[str]]:
    """Of each segment its metadata, the items of its data and its line; and all comments."""
    found: list[tuple[dict[str, Item], list[Item], int]] = []
    comments: list[str] = []
    section = "header"
    for item in items:
        if item.key == "COMMENT":
            comments.append(item.text)
        elif item.key == "META_START":
            found.append(({}, [], item.line))
            section = "metadata"
        elif item.key in ("META_STOP", "DATA_START", "DATA_STOP"):
            section = item.key
        elif section == "metadata":
            if item.key in found[-1][0]:
                refuse(file, item.line, f"{item.key} stands twice", "keep one")
            found[-1][0][item.key] = item
        elif section == "DATA_START":
            found[-1][1].append(item)
    if section != "DATA_STOP":
        refuse(file, items[-1].line if items else 1, "the file ends before DATA_STOP", "it is truncated, get it again")
    return found, comments


def _direction(file: Path, metadata: Mapping[str, Item]) -> tuple[str, str, bool]:
    """External frame, body, and whether quaternions are to be conjugated to lead from the frame to the body."""
    first, second = (metadata[key] for key in ("REF_FRAME_A", "REF_FRAME_B"))
    external = [frame_of(item.text) for item in (first, second)]
    if bool(external[0]) == bool(external[1]):
        refuse(
            file,
            first.line,
            f"REF_FRAME_A {first.text!r} and REF_FRAME_B {second.text!r}",
            "one is GCRF, ICRF, EME2000, J2000 or ITRF, the other the body",
        )
    given = metadata.get("ATTITUDE_DIR")
    direction = choice(file, given, ("A2B", "B2A")) if given else "A2B"
    leads_to_body = (direction == "A2B") == bool(external[0])
    frame, body = (external[0], second.text) if external[0] else (external[1], first.text)
    return frame, body, not leads_to_body


def _records(
    file: Path, metadata: Mapping[str, Item], items: Sequence[Item], line: int
) -> tuple[Times, NDArray[np.float64]]:
    """Epochs and quaternions, scalar first, of one segment."""
    named = metadata["ATTITUDE_TYPE"]
    width = _WIDTHS[choice(file, named, tuple(_WIDTHS))]
    order = metadata.get("QUATERNION_TYPE")
    last = order is None or choice(file, order, ("FIRST", "LAST")) == "LAST"
    if items and not items[0].key:
        rows = list(_lines(file, items, width))
    else:
        # elements have names: their order does not matter
        rows, last = list(_elements(file, items)), True
    if not rows:
        refuse(file, line, "a segment without attitudes", "the file is truncated, get it again")
    times = epochs(file, [entry for entry, _ in rows], time_scale(file, metadata["TIME_SYSTEM"]))
    values = np.array([texts for _, texts in rows])[:, :4]
    return times, np.roll(values, 1, axis=1) if last else values


def _lines(file: Path, items: Sequence[Item], width: int) -> Iterator[tuple[Entry, list[float]]]:
    for item in items:
        epoch, *texts = item.text.split()
        if item.key or len(texts) != width:
            refuse(file, item.line, f"an attitude of {len(texts)} values", f"give the epoch and {width}")
        yield Entry(epoch, item.line), numbers(file, item.line, texts)


def _elements(file: Path, items: Sequence[Item]) -> Iterator[tuple[Entry, list[float]]]:
    starts = [place for place, item in enumerate(items) if item.key == "EPOCH"]
    if items and (not starts or starts[0] != 0):
        refuse(file, items[0].line, f"{items[0].key} before EPOCH", "give the epoch first")
    for begin, end in zip(starts, [*starts[1:], len(items)], strict=True):
        found = {item.key: item for item in items[begin:end]}
        required(file, "attitude", found, _XML, items[begin].line)
        yield Entry(items[begin].text, items[begin].line), [number(file, found[key]) for key in _XML]


def _written(attitude: Attitude, object_id: str, values: NDArray[np.float64], order: tuple[str, str]) -> Group:
    scalar, direction = order
    tags = labels(attitude.times)
    texts = {
        "OBJECT_NAME": attitude.object_name,
        "OBJECT_ID": object_id,
        "CENTER_NAME": "EARTH",
        "REF_FRAME_A": frame_written(attitude.frame),
        "REF_FRAME_B": attitude.body,
        "ATTITUDE_DIR": direction,
        "TIME_SYSTEM": "UTC",
        "START_TIME": tags[0],
        "STOP_TIME": tags[-1],
        "ATTITUDE_TYPE": "QUATERNION",
        "QUATERNION_TYPE": scalar,
    }
    names = ("QC", *_XML[:3]) if scalar == "FIRST" else _XML
    rows = values if scalar == "FIRST" else np.roll(values, -1, axis=1)
    states = []
    for tag, row in zip(tags, rows, strict=True):
        parts = [Item(name, f"{value:.16e}") for name, value in zip(names, row, strict=True)]
        states.append(
            Group("attitudeState", [Group("quaternionState", [Item("EPOCH", tag), Group("quaternion", parts)])])
        )
    metadata = [Item(key, text) for key, text in texts.items()]
    return Group("segment", [Group("metadata", metadata), Group("data", states)])
