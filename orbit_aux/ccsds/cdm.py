"""Conjunction data messages (CCSDS CDM, 508.0-B): two objects at their closest approach, with covariances."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from orbit_aux.ccsds.cdm_keywords import (
    ADDITIONAL,
    COVARIANCE,
    DETERMINATION,
    HEADER,
    IDENTITY,
    METADATA,
    RELATIVE,
    RELATIVE_STATE,
    STATE,
)
from orbit_aux.ccsds.ndm_content import (
    FRAME_NAMES,
    Entry,
    Group,
    Item,
    check_names,
    epoch,
    fixed,
    frame_of,
    frame_written,
    labels,
    number,
    plain,
    refuse,
    required,
)
from orbit_aux.ccsds.ndm_files import header, read_items, write_message
from orbit_aux.errors import OrbitError
from orbit_aux.frames import State
from orbit_aux.orbit import POSITION_QUANTUM_M, VELOCITY_QUANTUM_MS
from orbit_aux.time import Times

_KM = 1000.0
_POSITION_TERMS = tuple(COVARIANCE)[:6]
# what operators write in comments, as the standard of version 1 has no keyword
_RADIUS = re.compile(
    r"(?:.*[\s_])?(?:HBR|HARD[\s_-]?BODY[\s_-]?RADIUS)\s*[=:]?\s*([0-9.]+(?:E[+-]?[0-9]+)?)\s*\[?\s*(KM|M)?\s*\]?\s*",
    re.I,
)
Keyword = tuple[str, str, str]


@dataclass(frozen=True, eq=False)
class CdmObject:
    """One object at the closest approach: its state (one, in its file's frame), covariance (6, 6) in its own RTN axes, m and m/s, where there is one.

    `missing` names the terms of the covariance that the file does not have (they are 0); `keywords` are all others, as (name, text, unit).
    """

    designator: str
    name: str
    international_designator: str
    state: State
    covariance_rtn: NDArray[np.float64] | None = None
    missing: tuple[str, ...] = ()
    hard_body_radius_m: float | None = None
    keywords: tuple[Keyword, ...] = ()
    comments: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Conjunction:
    """What a CDM holds, in SI; None where it does not tell. The first object is the originator's own, whose RTN axes relative vectors (3,) are in."""

    message_id: str
    originator: str
    created: Times
    tca: Times
    objects: tuple[CdmObject, CdmObject]
    miss_distance_m: float | None = None
    relative_speed_ms: float | None = None
    relative_position_m: NDArray[np.float64] | None = None
    relative_velocity_ms: NDArray[np.float64] | None = None
    hard_body_radius_m: float | None = None
    """Of both objects together."""
    probability: float | None = None
    probability_method: str = ""
    keywords: tuple[Keyword, ...] = ()
    comments: tuple[str, ...] = ()
    source: str = ""


def read_cdm(path: str | Path) -> Conjunction:
    """The conjunction in a CDM file, KVN or XML, versions 1 and 2.

    States in GCRF, ICRF, EME2000, J2000 or ITRF; covariances in RTN. The radius of both objects is taken from a comment (`COMMENT HBR = 15 [m]`)
    or the sum of the keywords or comments HBR of each. Whether the numbers agree with each other is judged in `operations`.
    """
    file = Path(path)
    parts = _parts(file, read_items(file, "CDM"))
    general, notes = parts[0]
    required(file, "CDM", general, ("TCA",), 1)
    relative = [_vector(file, general, names) for names in (list(RELATIVE_STATE)[:3], list(RELATIVE_STATE)[3:])]
    tca = _epoch(file, general["TCA"])
    created = _epoch(file, general["CREATION_DATE"]) if "CREATION_DATE" in general else tca
    values = {key: number(file, general[key], unit) for key, unit in RELATIVE.items() if key in general}
    objects = _object(file, parts[1], tca), _object(file, parts[2], tca)
    radii = [item.hard_body_radius_m for item in objects]
    both = None if None in radii else float(sum(value for value in radii if value is not None))
    probability = values.get("COLLISION_PROBABILITY")
    if probability is not None and not 0 <= probability <= 1:
        refuse(file, general["COLLISION_PROBABILITY"].line, f"COLLISION_PROBABILITY {probability}", "give 0 to 1")
    return Conjunction(
        message_id=_text(general, "MESSAGE_ID"),
        originator=_text(general, "ORIGINATOR"),
        created=created,
        tca=tca,
        objects=objects,
        miss_distance_m=values.get("MISS_DISTANCE"),
        relative_speed_ms=values.get("RELATIVE_SPEED"),
        relative_position_m=relative[0],
        relative_velocity_ms=relative[1],
        hard_body_radius_m=_radius(file, notes, general) or both,
        probability=probability,
        probability_method=_text(general, "COLLISION_PROBABILITY_METHOD"),
        keywords=_others(general, (*HEADER, *RELATIVE, *RELATIVE_STATE, "TCA", "COLLISION_PROBABILITY_METHOD", "HBR")),
        comments=tuple(note.text for note in notes),
        source=str(file),
    )


def write_cdm(
    path: str | Path,
    conjunction: Conjunction,
    kind: str = "kvn",
    originator: str = "ETALON",
    creation_date: str | datetime | None = None,
) -> None:
    """Write a CDM 1.0, `kind` "kvn" or "xml", whole or not at all: states to 1 µm and 1 nm/s; keywords that the standard does not have become comments."""
    for item in conjunction.objects:
        check_names(object_name=item.name, object_designator=item.designator)
        if len(item.state.times) != 1:
            raise OrbitError(f"a CDM holds one state of each object, not {len(item.state.times)} of {item.name}")
    message = conjunction.message_id or "UNNAMED"
    check_names(message_id=message)
    head = header(originator, creation_date)
    known = {key: text for key, text, _ in conjunction.keywords}
    told = [Item("MESSAGE_FOR", known["MESSAGE_FOR"])] if "MESSAGE_FOR" in known else []
    head = Group("header", [*head.content, *told, Item("MESSAGE_ID", message)])
    segments = [_segment(item, f"OBJECT{place}") for place, item in enumerate(conjunction.objects, start=1)]
    write_message(Path(path), "CDM", "1.0", [head, _relative_group(conjunction), *segments], kind)


def _parts(file: Path, items: Sequence[Item]) -> list[tuple[dict[str, Item], list[Item]]]:
    """Keywords and comments of the head and of each object."""
    parts: list[tuple[dict[str, Item], list[Item]]] = [({}, []) for _ in range(3)]
    current = 0
    for item in items:
        if item.key.endswith(("META_START", "META_STOP", "DATA_START", "DATA_STOP")):
            continue
        if item.key == "COMMENT":
            parts[current][1].append(item)
            continue
        if not item.key:
            refuse(file, item.line, f"{item.text[:60]!r}", "write KEYWORD = value")
        if item.key == "OBJECT":
            current += 1
            if current > 2 or item.text.upper() != f"OBJECT{current}":
                refuse(file, item.line, f"OBJECT {item.text!r}", "a CDM has OBJECT1, then OBJECT2")
        found = parts[current][0]
        if item.key in found:
            refuse(file, item.line, f"{item.key} stands twice", "keep one")
        found[item.key] = item
    if current != 2:
        refuse(
            file, items[-1].line if items else 1, f"{current} objects", "a CDM has OBJECT1 and OBJECT2, get it again"
        )
    return parts


def _object(file: Path, part: tuple[dict[str, Item], list[Item]], tca: Times) -> CdmObject:
    found, notes = part
    line = found["OBJECT"].line
    required(file, found["OBJECT"].text, found, ("REF_FRAME", *STATE), line)
    name = found["REF_FRAME"]
    frame = frame_of(name.text.upper())
    if not frame:
        refuse(
            file, name.line, f"REF_FRAME {name.text!r} is not handled", f"convert to {', '.join(FRAME_NAMES)} or ITRF"
        )
    values = np.array([number(file, found[key], unit) for key, unit in STATE.items()]) * _KM
    radius, speed = float(np.linalg.norm(values[:3])), float(np.linalg.norm(values[3:]))
    if not (6.3e6 < radius < 2e9 and speed < 2e4):
        refuse(
            file,
            found["X"].line,
            f"a state at {radius / _KM:.6g} km with {speed / _KM:.6g} km/s",
            "give km and km/s from the centre of the Earth",
        )
    covariance, missing = _covariance(file, found)
    return CdmObject(
        designator=_text(found, "OBJECT_DESIGNATOR"),
        name=_text(found, "OBJECT_NAME"),
        international_designator=_text(found, "INTERNATIONAL_DESIGNATOR"),
        state=State(tca, values[None, :3], values[None, 3:], frame),
        covariance_rtn=covariance,
        missing=missing,
        hard_body_radius_m=_radius(file, notes, found),
        keywords=_others(found, (*IDENTITY, *STATE, *COVARIANCE, "OBJECT", "REF_FRAME", "HBR")),
        comments=tuple(note.text for note in notes),
    )


def _covariance(file: Path, found: dict[str, Item]) -> tuple[NDArray[np.float64] | None, tuple[str, ...]]:
    missing = tuple(key for key in COVARIANCE if key not in found)
    if any(key in missing for key in _POSITION_TERMS):
        return None, missing
    matrix = np.zeros((6, 6))
    lower = [number(file, found[key], unit) if key in found else 0.0 for key, unit in COVARIANCE.items()]
    row, column = np.tril_indices(6)
    matrix[row, column] = matrix[column, row] = lower
    return (matrix if matrix.any() else None), missing


def _radius(file: Path, notes: Sequence[Item], found: dict[str, Item]) -> float | None:
    if "HBR" in found:
        return number(file, found["HBR"], "m")
    for note in notes:
        match = _RADIUS.fullmatch(note.text)
        if match:
            return number(file, Item("HBR", match[1], "", note.line)) * (
                _KM if (match[2] or "").upper() == "KM" else 1.0
            )
    return None


def _vector(file: Path, found: dict[str, Item], names: Sequence[str]) -> NDArray[np.float64] | None:
    if any(name not in found for name in names):
        return None
    return np.array([number(file, found[name], RELATIVE_STATE[name]) for name in names])


def _epoch(file: Path, item: Item) -> Times:
    return epoch(file, Entry(item.text, item.line), "UTC")


def _text(found: dict[str, Item], key: str) -> str:
    return found[key].text if key in found and found[key].text else "UNKNOWN"


def _others(found: dict[str, Item], known: Sequence[str]) -> tuple[Keyword, ...]:
    return tuple((item.key, item.text, item.unit) for item in found.values() if item.key not in known)


def _relative_group(conjunction: Conjunction) -> Group:
    notes = [comment for comment in conjunction.comments if not _RADIUS.fullmatch(comment)]
    known = ("MESSAGE_FOR",)
    notes += [
        f"{key} = {text}" + (f" [{unit}]" if unit else "")
        for key, text, unit in conjunction.keywords
        if key not in known
    ]
    if conjunction.hard_body_radius_m is not None:
        notes.append(f"HBR = {conjunction.hard_body_radius_m!r} [m]")
    content: list[Item | Group] = [Item("COMMENT", plain(note)) for note in notes]
    content.append(Item("TCA", labels(conjunction.tca)[0]))
    states = [item.state.to("GCRF") for item in conjunction.objects]
    miss = conjunction.miss_distance_m
    if miss is None:
        miss = float(np.linalg.norm(states[1].position_m - states[0].position_m))
    content.append(Item("MISS_DISTANCE", repr(float(miss)), "m"))
    if conjunction.relative_speed_ms is not None:
        content.append(Item("RELATIVE_SPEED", repr(float(conjunction.relative_speed_ms)), "m/s"))
    vectors = conjunction.relative_position_m, conjunction.relative_velocity_ms
    if vectors[0] is not None and vectors[1] is not None:
        values = [repr(float(value)) for value in np.concatenate([vectors[0], vectors[1]])]
        items = [Item(key, text, unit) for (key, unit), text in zip(RELATIVE_STATE.items(), values, strict=True)]
        content.append(Group("relativeStateVector", items))
    if conjunction.probability is not None:
        content.append(Item("COLLISION_PROBABILITY", repr(float(conjunction.probability))))
    if conjunction.probability_method not in ("", "UNKNOWN"):
        content.append(Item("COLLISION_PROBABILITY_METHOD", plain(conjunction.probability_method)))
    return Group("relativeMetadataData", content)


def _segment(item: CdmObject, place: str) -> Group:
    given = {key: (text, unit) for key, text, unit in item.keywords}
    given = {
        "CATALOG_NAME": ("UNKNOWN", ""),
        "EPHEMERIS_NAME": ("NONE", ""),
        "COVARIANCE_METHOD": ("CALCULATED", ""),
    } | given
    given = {
        "MANEUVERABLE": ("N/A", ""),
        "REF_FRAME": (frame_written(item.state.frame).replace("2014", ""), ""),
    } | given
    identity = [item.designator, item.name, item.international_designator or "UNKNOWN"]
    given |= {key: (text, "") for key, text in zip(IDENTITY, identity, strict=True)}
    metadata = [Item("OBJECT", place)] + [Item(key, plain(given[key][0])) for key in METADATA if key in given]
    known = {*METADATA, *DETERMINATION, *ADDITIONAL}
    notes = [comment for comment in item.comments if not _RADIUS.fullmatch(comment)]
    notes += [
        f"{key} = {text}" + (f" [{unit}]" if unit else "") for key, (text, unit) in given.items() if key not in known
    ]
    if item.hard_body_radius_m is not None:
        notes.append(f"HBR = {item.hard_body_radius_m!r} [m]")
    data: list[Item | Group] = [Item("COMMENT", plain(note)) for note in notes]
    for tag, keys in (("odParameters", DETERMINATION), ("additionalParameters", ADDITIONAL)):
        held = [Item(key, plain(given[key][0]), given[key][1]) for key in keys if key in given]
        data += [Group(tag, held)] if held else []
    position = np.rint(item.state.position_m[0] / POSITION_QUANTUM_M).astype(np.int64).tolist()
    velocity = np.rint(item.state.velocity_ms[0] / VELOCITY_QUANTUM_MS).astype(np.int64).tolist()
    texts = fixed(position, 9) + fixed(velocity, 12)
    data.append(
        Group("stateVector", [Item(key, text, unit) for (key, unit), text in zip(STATE.items(), texts, strict=True)])
    )
    if item.covariance_rtn is not None:
        lower = item.covariance_rtn[np.tril_indices(6)]
        terms = zip(COVARIANCE.items(), lower, strict=True)
        kept = [Item(key, f"{value:.16e}", unit) for (key, unit), value in terms if key not in item.missing]
        data.append(Group("covarianceMatrix", kept))
    return Group("segment", [Group("metadata", metadata), Group("data", data)])
