"""Meaning of an orbit ephemeris message: from raw content to an orbit in SI, and back."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from orbit_aux.ccsds.ndm_content import (
    FRAME_NAMES,
    Entry,
    check_names,
    epoch,
    epochs,
    exact_decimals,
    fixed,
    frame_of,
    frame_written,
    plain,
    refuse,
)
from orbit_aux.ccsds.oem_content import RawCovariance, RawMessage, RawSegment, RawState
from orbit_aux.errors import OrbitError
from orbit_aux.orbit import INTERPOLATIONS, Covariance, Orbit, Segment
from orbit_aux.time import SCALES, Times

_KM_M = 1000.0
_KM2_M2 = 1.0e6
_DEFAULT_DEGREE = {"HERMITE": 7, "LAGRANGE": 8}
_REQUIRED = ("OBJECT_NAME", "OBJECT_ID", "CENTER_NAME", "REF_FRAME", "TIME_SYSTEM", "START_TIME", "STOP_TIME")
_OPTIONAL = ("USEABLE_START_TIME", "USEABLE_STOP_TIME", "INTERPOLATION", "INTERPOLATION_DEGREE")


def orbit_of(file: Path, message: RawMessage) -> Orbit:
    """The orbit in a message read from `file`."""
    if not message.segments:
        raise OrbitError(f"{file}: no segment of states in it; the file is truncated or no OEM, get it again")
    for segment in message.segments:
        _check_metadata(file, segment)
    _check_one_object(file, message.segments)
    states = [state for segment in message.segments for state in segment.states]
    vectors = _numbers(file, [(state.epoch.line, state.values) for state in states]) * _KM_M
    times, bounds = _times_and_bounds(file, message.segments)
    interpolation, degree = _common_interpolation(file, message.segments)
    metadata = message.segments[0].metadata
    return Orbit(
        object_name=metadata["OBJECT_NAME"].text,
        object_id=metadata["OBJECT_ID"].text,
        frame=frame_of(metadata["REF_FRAME"].text),
        times=times,
        position_m=vectors[:, :3],
        velocity_ms=vectors[:, 3:],
        source=str(file),
        interpolation=interpolation,
        degree=degree,
        segments=bounds,
        covariance=_covariance(file, message.segments),
        comments=tuple(message.comments + [text for segment in message.segments for text in segment.comments]),
    )


def message_of(orbit: Orbit, originator: str, created: Times) -> RawMessage:
    """The message that holds an orbit, in UTC, positions to 1 µm and velocities to 1 nm/s."""
    check_names(object_name=orbit.object_name, object_identifier=orbit.object_id, originator=originator)
    header = {"CREATION_DATE": Entry(created.labels("UTC", 0)[0], 0), "ORIGINATOR": Entry(originator, 0)}
    comments = [plain(comment) for comment in orbit.comments]
    edges = [edge for segment in orbit.segments for edge in (segment.useable_start_ns, segment.useable_stop_ns)]
    decimals = exact_decimals(np.concatenate([orbit.times.tai_ns, np.array(edges, dtype=np.int64)]))
    instants = [Entry(label, 0) for label in orbit.times.labels("UTC", decimals)]
    position, velocity = orbit.quantised()
    pairs = zip(instants, position.tolist(), velocity.tolist(), strict=True)
    states = [RawState(instant, fixed(place, 9) + fixed(speed, 12)) for instant, place, speed in pairs]
    segments = []
    for segment in orbit.segments:
        metadata = _written_metadata(orbit, segment, decimals)
        segments.append(RawSegment(0, metadata, [], states[segment.first : segment.stop]))
    _add_covariances(orbit, segments)
    return RawMessage(header, comments, segments)


def _check_metadata(file: Path, segment: RawSegment) -> None:
    metadata = segment.metadata
    for key in _REQUIRED:
        if key not in metadata or not metadata[key].text:
            refuse(file, segment.line, f"{key} is missing from the metadata", "add it")
    center, frame, scale = (metadata[key] for key in ("CENTER_NAME", "REF_FRAME", "TIME_SYSTEM"))
    if center.text.upper() != "EARTH":
        refuse(file, center.line, f"CENTER_NAME {center.text!r}", "only EARTH is handled, convert the orbit")
    if not frame_of(frame.text):
        refuse(file, frame.line, f"REF_FRAME {frame.text!r}", f"use one of {', '.join(FRAME_NAMES)}, ITRF or ITRFyyyy")
    frozen = metadata.get("REF_FRAME_EPOCH")
    if frozen and frame_of(frame.text) == "ITRF":
        refuse(file, frozen.line, f"REF_FRAME_EPOCH {frozen.text!r} freezes ITRF", "give states in true ITRF or GCRF")
    if scale.text not in SCALES:
        refuse(file, scale.line, f"TIME_SYSTEM {scale.text!r}", f"use one of {', '.join(SCALES)}")
    if not segment.states:
        refuse(file, segment.line, "a segment without states", "the file is truncated, get it again")
    unknown = [key for key in metadata if key not in _REQUIRED + _OPTIONAL]
    segment.comments += [f"{key} = {metadata[key].text}" for key in unknown]


def _check_one_object(file: Path, segments: list[RawSegment]) -> None:
    for key in ("OBJECT_NAME", "OBJECT_ID", "REF_FRAME"):
        expected = segments[0].metadata[key].text
        for segment in segments:
            entry = segment.metadata[key]
            if entry.text != expected:
                refuse(
                    file, entry.line, f"{key} {entry.text!r} after {expected!r}", "keep one object, one frame per file"
                )


def _numbers(file: Path, rows: list[tuple[int, list[str]]]) -> NDArray[np.float64]:
    """Decimal numbers, one row of the result per row of text (line number, texts)."""
    values = []
    for line, texts in rows:
        try:
            # float() also takes digit groups and digits of other alphabets
            if not all(text.isascii() and "_" not in text for text in texts):
                raise ValueError
            values.append([float(text) for text in texts])
        except ValueError:
            refuse(file, line, f"values {' '.join(texts)!r}", "one is not a number, correct it or get the file again")
    return np.array(values, dtype=np.float64)


def _times_and_bounds(file: Path, segments: list[RawSegment]) -> tuple[Times, tuple[Segment, ...]]:
    parts: list[Times] = []
    bounds: list[Segment] = []
    count = 0
    for segment in segments:
        scale = segment.metadata["TIME_SYSTEM"].text
        times = epochs(file, [state.epoch for state in segment.states], scale)
        start_ns, stop_ns = _useable(file, segment, times, scale)
        bounds.append(Segment(count, count + len(times), start_ns, stop_ns))
        parts.append(times)
        count += len(times)
    return Times.concatenate(parts), tuple(bounds)


def _useable(file: Path, segment: RawSegment, times: Times, scale: str) -> tuple[int, int]:
    """The interval in which a segment answers, TAI ns: its records, cut to the USEABLE dates."""
    first, last = int(times.tai_ns[0]), int(times.tai_ns[-1])
    limits = {
        key: int(epoch(file, entry, scale).tai_ns[0])
        for key, entry in segment.metadata.items()
        if key.endswith("_TIME")
    }
    half_step = (last - int(times.tai_ns[-2])) // 2 if len(times) > 1 else 0
    if limits["STOP_TIME"] > last + max(half_step, 0):
        stop, state = segment.metadata["STOP_TIME"], segment.states[-1].epoch
        refuse(
            file, state.line, f"last state {state.text} before STOP_TIME {stop.text}", "it is truncated, get it again"
        )
    start_ns = max(first, limits.get("USEABLE_START_TIME", first))
    stop_ns = min(last, limits.get("USEABLE_STOP_TIME", last))
    # records out of order are the orbit's own to refuse
    if start_ns > stop_ns and first <= last:
        refuse(file, segment.line, "the USEABLE interval holds no states", "correct the USEABLE times")
    return start_ns, stop_ns


def _common_interpolation(file: Path, segments: list[RawSegment]) -> tuple[str, int]:
    stated = sorted({_interpolation(file, segment.metadata) for segment in segments})
    if len(stated) > 1:
        listed = " and ".join(f"{name} {degree}" for name, degree in stated)
        raise OrbitError(f"{file}: its segments ask for {listed}; give all of them the same interpolation")
    return stated[0]


def _interpolation(file: Path, metadata: dict[str, Entry]) -> tuple[str, int]:
    name = metadata.get("INTERPOLATION")
    if name is None:
        return "HERMITE", _DEFAULT_DEGREE["HERMITE"]
    kind = name.text.upper()
    if kind == "LINEAR":
        return "LAGRANGE", 1
    if kind not in INTERPOLATIONS:
        refuse(file, name.line, f"INTERPOLATION {name.text!r}", f"use one of {', '.join(INTERPOLATIONS)}, LINEAR")
    degree = metadata.get("INTERPOLATION_DEGREE", Entry(str(_DEFAULT_DEGREE[kind]), name.line))
    if not re.fullmatch("[0-9]{1,2}", degree.text):
        refuse(file, degree.line, f"INTERPOLATION_DEGREE {degree.text!r}", "give a whole number from 1 to 31")
    return kind, int(degree.text)


def _covariance(file: Path, segments: Iterable[RawSegment]) -> Covariance | None:
    rows = [(item, segment.metadata) for segment in segments for item in segment.covariances]
    if not rows:
        return None
    tai_ns = [int(epoch(file, item.epoch, metadata["TIME_SYSTEM"].text).tai_ns[0]) for item, metadata in rows]
    lower = _numbers(file, [(item.epoch.line, item.lower) for item, _ in rows]) * _KM2_M2
    matrices = np.zeros((len(rows), 6, 6))
    row, column = np.tril_indices(6)
    matrices[:, row, column] = matrices[:, column, row] = lower
    frames = tuple(item.frame or frame_of(metadata["REF_FRAME"].text) for item, metadata in rows)
    try:
        return Covariance(Times(np.array(tai_ns, dtype=np.int64)), matrices, frames)
    except OrbitError as error:
        raise OrbitError(f"{file}: {error}") from None


def _written_metadata(orbit: Orbit, segment: Segment, decimals: int) -> dict[str, Entry]:
    records = orbit.times[[segment.first, segment.stop - 1]].labels("UTC", decimals)
    edges = np.array([segment.useable_start_ns, segment.useable_stop_ns], dtype=np.int64)
    useable = Times(edges).labels("UTC", decimals)
    values = {
        "OBJECT_NAME": orbit.object_name,
        "OBJECT_ID": orbit.object_id,
        "CENTER_NAME": "EARTH",
        "REF_FRAME": frame_written(orbit.frame),
        "TIME_SYSTEM": "UTC",
        "START_TIME": records[0],
        "USEABLE_START_TIME": useable[0],
        "USEABLE_STOP_TIME": useable[1],
        "STOP_TIME": records[1],
        "INTERPOLATION": orbit.interpolation,
        "INTERPOLATION_DEGREE": str(orbit.degree),
    }
    return {key: Entry(text, 0) for key, text in values.items()}


def _add_covariances(orbit: Orbit, segments: list[RawSegment]) -> None:
    """Give each covariance to the last segment that has begun by its epoch."""
    if orbit.covariance is None:
        return
    starts = [segment.useable_start_ns for segment in orbit.segments]
    owners = np.clip(np.searchsorted(starts, orbit.covariance.times.tai_ns, side="right") - 1, 0, None)
    row, column = np.tril_indices(6)
    decimals = exact_decimals(orbit.covariance.times.tai_ns)
    labels = orbit.covariance.times.labels("UTC", decimals)
    for number, owner in enumerate(owners):
        lower = [f"{value:.16e}" for value in orbit.covariance.matrices[number][row, column] / _KM2_M2]
        item = RawCovariance(Entry(labels[number], 0), orbit.covariance.frames[number], lower)
        segments[owner].covariances.append(item)
