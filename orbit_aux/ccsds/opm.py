"""Orbit parameter messages (CCSDS OPM, 502.0-B): a state with its covariance, the spacecraft and the manoeuvres that are planned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

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
    time_scale,
)
from orbit_aux.ccsds.ndm_files import header, read_items, write_message
from orbit_aux.errors import OrbitError
from orbit_aux.frames import State, local_orbital_axes, transform
from orbit_aux.orbit import POSITION_QUANTUM_M, VELOCITY_QUANTUM_MS
from orbit_aux.time import Times

_KM = 1000.0
_STATE = ("X", "Y", "Z", "X_DOT", "Y_DOT", "Z_DOT")
_STATE_UNITS = dict(zip(_STATE, ["km"] * 3 + ["km/s"] * 3, strict=True))
_LOWER = tuple(f"C{row}_{column}" for number_, row in enumerate(_STATE) for column in _STATE[: number_ + 1])
_LOWER_UNITS = {name: ("km**2", "km**2/s", "km**2/s**2")[name.count("DOT")] for name in _LOWER}
_METADATA = ("OBJECT_NAME", "OBJECT_ID", "CENTER_NAME", "REF_FRAME", "TIME_SYSTEM")
_SPACECRAFT = {
    "MASS": ("mass_kg", "kg"),
    "SOLAR_RAD_AREA": ("solar_radiation_area_m2", "m**2"),
    "SOLAR_RAD_COEFF": ("solar_radiation_coefficient", ""),
    "DRAG_AREA": ("drag_area_m2", "m**2"),
    "DRAG_COEFF": ("drag_coefficient", ""),
}
_MANOEUVRE = {
    "MAN_DURATION": "s",
    "MAN_DELTA_MASS": "kg",
    "MAN_DV_1": "km/s",
    "MAN_DV_2": "km/s",
    "MAN_DV_3": "km/s",
}
_HEADER = ("CREATION_DATE", "ORIGINATOR", "MESSAGE_ID", "CLASSIFICATION")
# radial, transverse, normal has three names in use
_LOCAL = {"RSW": "RSW", "RTN": "RSW", "QSW": "RSW", "RSW_ROTATING": "RSW", "TNW": "TNW", "TNW_ROTATING": "TNW"}
_OF_DATE = ("TOD", "MOD", "TEME", "TDR", "TOD_EARTH", "MOD_EARTH", "TEMEOFDATE", "TEMEOFEPOCH")
# of a correlation matrix: what the digits of a file may take from a positive covariance
_ROUNDING = 1e-6


@dataclass(frozen=True, eq=False)
class Manoeuvre:
    """A planned manoeuvre: `delta_v_ms` (3,) in `axes`, over `duration_s` (0: an impulse), taking `delta_mass_kg` (negative)."""

    ignition: Times
    duration_s: float
    delta_mass_kg: float
    axes: str
    """GCRF, EME2000, RSW or TNW."""
    delta_v_ms: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class OrbitParameters:
    """What an OPM holds, in SI; None where it does not tell. The covariance (6, 6) is in GCRF, m and m/s."""

    object_name: str
    object_id: str
    state: State
    covariance: NDArray[np.float64] | None = None
    mass_kg: float | None = None
    solar_radiation_area_m2: float | None = None
    solar_radiation_coefficient: float | None = None
    drag_area_m2: float | None = None
    drag_coefficient: float | None = None
    manoeuvres: tuple[Manoeuvre, ...] = ()
    comments: tuple[str, ...] = ()
    user_defined: tuple[tuple[str, str], ...] = ()
    source: str = ""


def read_opm(path: str | Path) -> OrbitParameters:
    """The parameters in an OPM file, KVN or XML.

    States in GCRF, ICRF, EME2000, J2000 or ITRF, times UTC, TAI, TT, TDB or GPS; frames of date are refused. Manoeuvre axes as those of states (not
    ITRF), RSW (also called RTN, QSW) or TNW; the covariance in any of these is turned to GCRF. Keplerian elements are not used: the state says all.
    Comments, unknown keywords and user-defined parameters are kept.
    """
    file = Path(path)
    items = read_items(file, "OPM")
    found, blocks, comments = _sorted_items(file, items)
    line = items[0].line if items else 1
    required(file, "OPM", found, (*_METADATA, "EPOCH", *_STATE), line)
    center = found["CENTER_NAME"]
    if center.text.upper() != "EARTH":
        refuse(file, center.line, f"CENTER_NAME {center.text!r}", "only EARTH is handled, convert the state")
    scale = time_scale(file, found["TIME_SYSTEM"])
    state = _state(file, found, scale)
    spacecraft = {field: number(file, found[key], unit) for key, (field, unit) in _SPACECRAFT.items() if key in found}
    if spacecraft.get("mass_kg", 1.0) <= 0:
        refuse(file, found["MASS"].line, f"MASS {found['MASS'].text}", "give the mass in kg, positive")
    return OrbitParameters(
        object_name=found["OBJECT_NAME"].text,
        object_id=found["OBJECT_ID"].text,
        state=state,
        covariance=_covariance(file, found, state),
        manoeuvres=tuple(_manoeuvre(file, block, scale) for block in blocks),
        comments=tuple(comments),
        user_defined=tuple(
            (key.removeprefix("USER_DEFINED_"), item.text)
            for key, item in found.items()
            if key.startswith("USER_DEFINED_")
        ),
        source=str(file),
        **spacecraft,
    )


def write_opm(
    path: str | Path,
    parameters: OrbitParameters,
    kind: str = "kvn",
    originator: str = "ETALON",
    creation_date: str | datetime | None = None,
) -> None:
    """Write an OPM 2.0 in UTC, `kind` "kvn" or "xml", whole or not at all: the state to 1 µm and 1 nm/s in its own frame, the covariance in GCRF."""
    check_names(object_name=parameters.object_name, object_identifier=parameters.object_id)
    if len(parameters.state.times) != 1:
        raise OrbitError(f"an OPM holds one state, not {len(parameters.state.times)}: write the others as OEM")
    metadata = [
        Item("OBJECT_NAME", parameters.object_name),
        Item("OBJECT_ID", parameters.object_id),
        Item("CENTER_NAME", "EARTH"),
        Item("REF_FRAME", frame_written(parameters.state.frame)),
        Item("TIME_SYSTEM", "UTC"),
    ]
    data = [_state_group(parameters.state), *_spacecraft_group(parameters), *_covariance_group(parameters)]
    data += [_manoeuvre_group(manoeuvre) for manoeuvre in parameters.manoeuvres]
    if parameters.user_defined:
        named = [Item(f"USER_DEFINED_{key}", plain(text)) for key, text in parameters.user_defined]
        data.append(Group("userDefinedParameters", named))
    segment = Group("segment", [Group("metadata", metadata), Group("data", data)])
    head = header(originator, creation_date, parameters.comments)
    write_message(Path(path), "OPM", "2.0", [head, segment], kind)


def covariance_in_gcrf(matrix: NDArray[np.float64], axes: str, state: State) -> NDArray[np.float64]:
    """A position-velocity covariance (6, 6) given in `axes` (a frame, RSW or TNW) at one `state`, in GCRF.

    Local axes are taken as they stand at the epoch, without their rotation; from ITRF the velocities' rotation with the Earth is carried along.
    """
    jacobian = np.zeros((6, 6))
    if axes in ("RSW", "TNW"):
        inertial = state.to("GCRF")
        local = local_orbital_axes(inertial.position_m, inertial.velocity_ms, axes)[0]
        jacobian[:3, :3] = jacobian[3:, 3:] = local.T
    else:
        # at one instant the change of frame is linear: its columns are what unit vectors become
        times = Times(np.repeat(state.times.tai_ns, 6))
        position, velocity = transform(times, np.eye(6)[:, :3], np.eye(6)[:, 3:], axes, "GCRF")
        jacobian[:3], jacobian[3:] = position.T, velocity.T
    turned: NDArray[np.float64] = jacobian @ matrix @ jacobian.T
    return 0.5 * (turned + turned.T)


def _sorted_items(file: Path, items: Sequence[Item]) -> tuple[dict[str, Item], list[dict[str, Item]], list[str]]:
    """Items by keyword, manoeuvre blocks apart, and comments with what is unknown."""
    known = {*_HEADER, *_METADATA, "REF_FRAME_EPOCH", "EPOCH", *_STATE, *_SPACECRAFT, "COV_REF_FRAME", *_LOWER}
    found: dict[str, Item] = {}
    blocks: list[dict[str, Item]] = []
    comments: list[str] = []
    for item in items:
        if item.key == "COMMENT":
            comments.append(item.text)
            continue
        if item.key.endswith(("META_START", "META_STOP", "DATA_START", "DATA_STOP")):
            continue
        if not item.key:
            refuse(file, item.line, f"{item.text[:60]!r}", "write KEYWORD = value")
        target = found
        if item.key == "MAN_EPOCH_IGNITION":
            blocks.append({})
        if item.key in _MANOEUVRE or item.key in ("MAN_EPOCH_IGNITION", "MAN_REF_FRAME"):
            if not blocks:
                refuse(file, item.line, f"{item.key} before MAN_EPOCH_IGNITION", "begin each manoeuvre with its epoch")
            target = blocks[-1]
        elif item.key not in known and not item.key.startswith("USER_DEFINED_"):
            comments.append(f"{item.key} = {item.text}" + (f" [{item.unit}]" if item.unit else ""))
            continue
        if item.key in target:
            refuse(file, item.line, f"{item.key} stands twice", "keep one")
        target[item.key] = item
    return found, blocks, comments


def _state(file: Path, found: Mapping[str, Item], scale: str) -> State:
    name = found["REF_FRAME"]
    frame = frame_of(name.text)
    if not frame:
        why = "a frame of date, whose model the file does not tell" if name.text.upper() in _OF_DATE else "not known"
        refuse(file, name.line, f"REF_FRAME {name.text!r} is {why}", f"convert to {', '.join(FRAME_NAMES)} or ITRFyyyy")
    frozen = found.get("REF_FRAME_EPOCH")
    if frozen and frame == "ITRF":
        refuse(
            file, frozen.line, f"REF_FRAME_EPOCH {frozen.text!r} freezes ITRF", "give the state in true ITRF or GCRF"
        )
    values = np.array([number(file, found[key], unit) for key, unit in _STATE_UNITS.items()]) * _KM
    times = epoch(file, Entry(found["EPOCH"].text, found["EPOCH"].line), scale)
    radius, speed = np.linalg.norm(values[:3]), np.linalg.norm(values[3:])
    if not (1e6 < radius < 2e9 and speed < 1e5):
        refuse(
            file,
            found["X"].line,
            f"a state at {radius / _KM:.6g} km with {speed / _KM:.6g} km/s",
            "give km and km/s from the centre of the Earth",
        )
    return State(times, values[None, :3], values[None, 3:], frame)


def _covariance(file: Path, found: Mapping[str, Item], state: State) -> NDArray[np.float64] | None:
    given = [key for key in _LOWER if key in found]
    if not given:
        return None
    line = found[given[0]].line
    required(file, "covariance", found, _LOWER, line)
    matrix = np.zeros((6, 6))
    row, column = np.tril_indices(6)
    lower = [number(file, found[key], unit) * _KM**2 for key, unit in _LOWER_UNITS.items()]
    matrix[row, column] = matrix[column, row] = lower
    sigma = np.sqrt(np.clip(np.diag(matrix), 0.0, None))
    if (sigma == 0).any():
        name = _LOWER[(0, 2, 5, 9, 14, 20)[int(np.argmin(np.diag(matrix) > 0))]]
        refuse(file, found[name].line, f"{name} {found[name].text}", "variances are positive, correct the covariance")
    smallest = float(np.linalg.eigvalsh(matrix / np.outer(sigma, sigma))[0])
    if smallest < -_ROUNDING:
        refuse(
            file,
            line,
            f"a covariance that is not positive (its correlations have the eigenvalue {smallest:.3g})",
            "correct it",
        )
    named = found.get("COV_REF_FRAME")
    axes = _axes_of(named.text) if named else state.frame
    if named and not axes:
        refuse(
            file, named.line, f"COV_REF_FRAME {named.text!r}", f"use {', '.join([*FRAME_NAMES, 'ITRFyyyy', *_LOCAL])}"
        )
    return covariance_in_gcrf(matrix, axes, state)


def _axes_of(text: str) -> str:
    """Our name of a frame or of local axes, empty when unknown."""
    return _LOCAL.get(text.upper(), "") or frame_of(text)


def _manoeuvre(file: Path, block: Mapping[str, Item], scale: str) -> Manoeuvre:
    first = block["MAN_EPOCH_IGNITION"]
    required(file, "manoeuvre", block, (*_MANOEUVRE, "MAN_REF_FRAME"), first.line)
    duration, mass, *speeds = (number(file, block[key], unit) for key, unit in _MANOEUVRE.items())
    named = block["MAN_REF_FRAME"]
    axes = _axes_of(named.text)
    if axes in ("", "ITRF"):
        allowed = ", ".join([*FRAME_NAMES, *_LOCAL])
        refuse(file, named.line, f"MAN_REF_FRAME {named.text!r}", f"use one of {allowed}")
    if duration < 0 or mass > 0:
        key = "MAN_DURATION" if duration < 0 else "MAN_DELTA_MASS"
        refuse(
            file, block[key].line, f"{key} {block[key].text}", "durations are positive, mass that is lost is negative"
        )
    delta_v = np.array(speeds) * _KM
    return Manoeuvre(epoch(file, Entry(first.text, first.line), scale), duration, mass, axes, delta_v)


def _state_group(state: State) -> Group:
    position = np.rint(state.position_m[0] / POSITION_QUANTUM_M).astype(np.int64).tolist()
    velocity = np.rint(state.velocity_ms[0] / VELOCITY_QUANTUM_MS).astype(np.int64).tolist()
    texts = fixed(position, 9) + fixed(velocity, 12)
    items = [Item(key, text, unit) for (key, unit), text in zip(_STATE_UNITS.items(), texts, strict=True)]
    return Group("stateVector", [Item("EPOCH", labels(state.times)[0]), *items])


def _spacecraft_group(parameters: OrbitParameters) -> list[Group]:
    values = [(key, getattr(parameters, field), unit) for key, (field, unit) in _SPACECRAFT.items()]
    items = [Item(key, repr(float(value)), unit) for key, value, unit in values if value is not None]
    return [Group("spacecraftParameters", items)] if items else []


def _covariance_group(parameters: OrbitParameters) -> list[Group]:
    if parameters.covariance is None:
        return []
    lower = parameters.covariance[np.tril_indices(6)] / _KM**2
    items = [Item(key, f"{value:.16e}", unit) for (key, unit), value in zip(_LOWER_UNITS.items(), lower, strict=True)]
    return [Group("covarianceMatrix", [Item("COV_REF_FRAME", "GCRF"), *items])]


def _manoeuvre_group(manoeuvre: Manoeuvre) -> Group:
    values = [manoeuvre.duration_s, manoeuvre.delta_mass_kg, *(manoeuvre.delta_v_ms / _KM)]
    items = [Item(key, repr(float(value)), unit) for (key, unit), value in zip(_MANOEUVRE.items(), values, strict=True)]
    items.insert(2, Item("MAN_REF_FRAME", manoeuvre.axes))
    return Group("maneuverParameters", [Item("MAN_EPOCH_IGNITION", labels(manoeuvre.ignition)[0]), *items])
