"""Orbits, states, attitudes and tracking of two sets laid side by side: CCSDS messages by what they mean, whether KVN or XML."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flows.orbits.writing import unix_s
from flows.qualification.compared import (
    Array,
    Compared,
    Comparison,
    Finding,
    NotComparableError,
    always,
    numbers,
    texts,
    time_differences,
)
from flows.qualification.rows import Keys, Table
from flows.qualification.tables import compare_cells, compare_tables
from orbit_aux.attitude import Attitude
from orbit_aux.ccsds import read_aem, read_oem, read_opm, read_tdm
from orbit_aux.ccsds.ndm_files import read_items
from orbit_aux.ccsds.opm import OrbitParameters
from orbit_aux.frames import local_orbital_axes, rotation
from orbit_aux.orbit import Orbit, difference
from orbit_aux.time import Times

#: epochs at which two orbits are compared, at most
_EPOCHS = 50_000
_PARTS = {
    **dict.fromkeys(("radial", "along", "cross"), "m"),
    **{f"{name}_velocity": "m/s" for name in ("radial", "along", "cross")},
}
_SPACECRAFT = {
    "mass_kg": "kg",
    "solar_radiation_area_m2": "m2",
    "solar_radiation_coefficient": "1",
    "drag_area_m2": "m2",
    "drag_coefficient": "1",
}


def compare_oem(reference: Path, new: Path) -> Comparison:
    """Orbits at the records of both and between them, where both answer: radial, along, cross in the reference's axes, with velocities; and coverage."""
    old, young = read_oem(reference), read_oem(new)
    found = Comparison(causes=_comments(old.comments, young.comments))
    _names(found, {"object_name": (old.object_name, young.object_name), "object_id": (old.object_id, young.object_id)})
    _names(found, {"frame": (old.frame, young.frame)})
    _coverage(found, _spans(old), _spans(young))
    times = _epochs(old.times, young.times)
    times = times[old.covers(times) & young.covers(times)]
    if len(times) == 0:
        raise NotComparableError("the two orbits have no time in common")
    where = _at(times)
    if _records(old) == _records(young):
        parts = {name: np.zeros(len(times)) for name in _PARTS}
    else:
        data = difference(old, young, times)
        parts = {name: data[name].values for name in _PARTS}
    seconds = unix_s(times)
    for ending, unit in (("", "m"), ("_velocity", "m/s")):
        names = [f"{name}{ending}" for name in ("radial", "along", "cross")]
        size = np.sqrt(sum(parts[name] ** 2 for name in names))
        for name, values in {"position" if unit == "m" else "velocity": size, **{n: parts[n] for n in names}}.items():
            found.compared.append(_difference(name, unit, np.asarray(values), where, seconds))
    _covariance(found, old, young)
    return found


def compare_opm(reference: Path, new: Path) -> Comparison:
    """States at their epoch in the reference's radial, along, cross; spacecraft and manoeuvres."""
    old, young = read_opm(reference), read_opm(new)
    found = Comparison(causes=_comments(old.comments, young.comments))
    _names(found, {"object_name": (old.object_name, young.object_name), "object_id": (old.object_id, young.object_id)})
    _names(found, {"frame": (old.state.frame, young.state.frame)})
    epochs = old.state.times, young.state.times
    shown = epochs[0].utc_strings(9)[0], epochs[1].utc_strings(9)[0]
    found.compared.append(_instants("epoch", epochs[0], epochs[1]))
    if abs(float((epochs[1] - epochs[0])[0])) > 1e-6:
        note = f"states of {shown[0]} and {shown[1]}: give both at one epoch"
        found.findings.append(Finding("state", "not comparable", note))
    else:
        base, other = old.state.to("GCRF"), young.state.to("GCRF")
        axes = local_orbital_axes(base.position_m, base.velocity_ms, "RSW")[0]
        for ending, unit, shift in (
            ("", "m", axes @ (other.position_m - base.position_m)[0]),
            ("_velocity", "m/s", axes @ (other.velocity_ms - base.velocity_ms)[0]),
        ):
            for name, value in zip(("radial", "along", "cross"), shift, strict=True):
                found.compared.append(_difference(f"{name}{ending}", unit, np.array([value]), _at(epochs[0])))
    for name, unit in _SPACECRAFT.items():
        pair = tuple(math.nan if (value := getattr(item, name)) is None else float(value) for item in (old, young))
        if not all(math.isnan(value) for value in pair):
            found.compared.append(
                numbers(name, (unit, 1.0), (np.array([pair[0]]), np.array([pair[1]])), always("spacecraft"))
            )
    sigmas = [
        np.full(6, np.nan) if item.covariance is None else np.sqrt(np.diag(item.covariance)) for item in (old, young)
    ]
    if not np.isnan(sigmas).all():
        for name, unit, part in (("sigma_position", "m", slice(0, 3)), ("sigma_velocity", "m/s", slice(3, 6))):
            found.compared.append(
                numbers(name, (unit, 1.0), (sigmas[0][part], sigmas[1][part]), lambda row: "xyz"[row])
            )
    if old.manoeuvres or young.manoeuvres:
        manoeuvres = compare_tables(
            _manoeuvres(old), _manoeuvres(young), Keys(("axes",), ("ignition_utc",), (), 3600.0), always(False)
        )
        found.compared += manoeuvres.compared
        found.findings += manoeuvres.findings
    return found


def compare_aem(reference: Path, new: Path) -> Comparison:
    """The angle between the attitudes at the records of both, where both answer; and coverage."""
    old, young = read_aem(reference), read_aem(new)
    found = Comparison(causes=_comments(old.comments, young.comments))
    _names(found, {"object_name": (old.object_name, young.object_name), "body": (old.body, young.body)})
    _names(found, {"frame": (old.frame, young.frame)})
    _coverage(found, _runs(old), _runs(young))
    times = _epochs(old.times, young.times)
    times = times[old.covers(times) & young.covers(times)]
    if len(times) == 0:
        raise NotComparableError("the two attitudes have no time in common")
    own, other = old.matrices(times), young.matrices(times)
    if old.frame != young.frame:
        other = rotation(times, young.frame, old.frame) @ other
    turn = np.swapaxes(own, 1, 2) @ other
    # the vector of the turn keeps its digits where the cosine of a small angle has lost them
    vector = np.stack(
        [turn[:, 2, 1] - turn[:, 1, 2], turn[:, 0, 2] - turn[:, 2, 0], turn[:, 1, 0] - turn[:, 0, 1]], axis=1
    )
    angle = np.degrees(np.arctan2(np.linalg.norm(vector, axis=1) / 2, (np.trace(turn, axis1=1, axis2=2) - 1) / 2))
    # what is left of matrices of the same quaternions is their rounding
    angle[angle < 1e-13] = 0.0
    seconds = unix_s(times)
    found.compared.append(_difference("attitude_angle", "deg", angle, _at(times), seconds))
    return found


def compare_tdm(reference: Path, new: Path, keys: Keys) -> Comparison:
    """Measurements of the same kind, link and count."""
    tables = []
    for path in (reference, new):
        tracking = read_tdm(path)
        columns: dict[str, list[str]] = {
            "utc": tracking.stop.utc_strings(9),
            "kind": list(map(str, tracking.kind)),
            "transmitter": list(map(str, tracking.transmitter)),
            "receiver": list(map(str, tracking.receiver)),
            "interval_s": [repr(float(value)) for value in tracking.interval_s],
        }
        for kind, name in (("DOPPLER", "doppler_ms"), ("RANGE", "range_m")):
            mine = tracking.kind == kind
            if mine.any():
                columns[name] = [repr(float(v)) if m else "" for v, m in zip(tracking.value, mine, strict=True)]
        tables.append(Table(columns, len(tracking)))
    return compare_tables(tables[0], tables[1], keys, always(False))


def compare_message(reference: Path, new: Path, kind: str) -> Comparison:
    """Any other message by its keywords, in their sections and objects: numbers in their units, dates in seconds, words exactly."""
    tables = [_keywords(path, kind) for path in (reference, new)]
    found = Comparison()
    old, young = tables
    for name in old.keys() - young.keys():
        found.findings.append(Finding(name, "missing", f"{old[name][0][:60]} only in the reference"))
    for name in young.keys() - old.keys():
        found.findings.append(Finding(name, "new", f"{young[name][0][:60]} only in the new set", blocking=False))
    for name in old:
        if name in young:
            unit = young[name][1] if young[name][1] == old[name][1] else ""
            label = f"{name} [{unit}]" if unit else name
            compare_cells(label, ([old[name][0]], [young[name][0]]), always(kind), found)
    return found


def _keywords(path: Path, kind: str) -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    owner, count = "", {"": 0}
    for item in read_items(path, kind):
        if item.key == "OBJECT":
            owner = f"{item.text}."
        if not item.text or item.key in ("COMMENT", "CREATION_DATE", "MESSAGE_ID"):
            continue
        name = f"{owner}{item.key or 'row'}"
        count[name] = count.get(name, 0) + 1
        found[name if count[name] == 1 else f"{name}.{count[name]}"] = (item.text, item.unit)
    return found


def _manoeuvres(parameters: OrbitParameters) -> Table:
    items = parameters.manoeuvres
    columns = {
        "axes": [item.axes for item in items],
        "ignition_utc": [item.ignition.utc_strings(9)[0] for item in items],
        "manoeuvre_duration_s": [repr(item.duration_s) for item in items],
        "manoeuvre_mass_kg": [repr(item.delta_mass_kg) for item in items],
        **{f"delta_v_{axis}_ms": [repr(float(item.delta_v_ms[n])) for item in items] for n, axis in enumerate("123")},
    }
    return Table(columns, len(items))


def _names(found: Comparison, pairs: Mapping[str, tuple[str, str]]) -> None:
    for name, (old, new) in pairs.items():
        found.compared.append(texts(name, [old], [new], always("metadata")))


def _instants(name: str, old: Times, new: Times) -> Compared:
    shown = old.utc_strings(9), new.utc_strings(9)
    return time_differences(name, (old.tai_ns, new.tai_ns), always(name), lambda row: (shown[0][row], shown[1][row]))


def _difference(
    name: str, unit: str, values: Array, where: Callable[[int], str], seconds: Array | None = None
) -> Compared:
    return Compared(name, unit, values, np.zeros(len(values)), where, always(("", "")), seconds=seconds)


def _at(times: Times) -> Callable[[int], str]:
    return lambda row: times[row].utc_strings(3)[0]


def _records(orbit: Orbit) -> str:
    # equal digests are equal records of one object; its name is judged on its own
    return orbit.digest


def _epochs(old: Times, new: Times) -> Times:
    """Records of both and the instants half-way between them, thinned out where there are too many."""
    records = np.unique(np.concatenate([old.tai_ns, new.tai_ns]))
    both = np.sort(np.concatenate([records, records[:-1] + np.diff(records) // 2]))
    step = max(1, -(-len(both) // _EPOCHS))
    return Times(np.unique(np.append(both[::step], both[-1])))


def _spans(orbit: Orbit) -> list[tuple[int, int]]:
    return [(segment.useable_start_ns, segment.useable_stop_ns) for segment in orbit.segments]


def _runs(attitude: Attitude) -> list[tuple[int, int]]:
    stamps = attitude.times.tai_ns
    return [(int(stamps[first]), int(stamps[stop - 1])) for first, stop in attitude.runs]


def _coverage(found: Comparison, old: list[tuple[int, int]], new: list[tuple[int, int]]) -> None:
    """What of the reference's time the new one does not answer, and what it answers beyond."""
    lost, gained = _left_over(old, new), _left_over(new, old)
    start = Times(np.array([old[0][0], new[0][0], old[-1][1], new[-1][1]])).utc_strings(3)
    shown = f"{start[0]} to {start[2]}", f"{start[1]} to {start[3]}"
    found.compared.append(Compared("coverage_lost", "s", np.array([lost]), np.zeros(1), always("span"), always(shown)))
    if gained > 0:
        note = f"{gained:.6g} s answered beyond the reference ({shown[0]}; new {shown[1]})"
        found.findings.append(Finding("coverage_gained", "new", note, blocking=False))


def _left_over(spans: list[tuple[int, int]], others: list[tuple[int, int]]) -> float:
    """Seconds of `spans` that `others` leave uncovered."""
    edges = sorted({edge for span in (*spans, *others) for edge in span})
    total = 0
    for low, high in pairwise(edges):
        inside = [any(a <= low and high <= b for a, b in group) for group in (spans, others)]
        total += (high - low) if inside[0] and not inside[1] else 0
    return total / 1e9


def _covariance(found: Comparison, old: Orbit, new: Orbit) -> None:
    """Standard deviations of the position at the epochs that both have a covariance for."""
    if old.covariance is None and new.covariance is None:
        return
    if old.covariance is None or new.covariance is None:
        which = "reference" if new.covariance is None else "new set"
        verdict = "missing" if new.covariance is None else "new"
        found.findings.append(Finding("covariance", verdict, f"only in the {which}", blocking=verdict == "missing"))
        return
    _, first, second = np.intersect1d(old.covariance.times.tai_ns, new.covariance.times.tai_ns, return_indices=True)
    if len(first) == 0:
        found.findings.append(Finding("covariance", "not comparable", "covariances have no epoch in common"))
        return
    sigmas = [_sigma(item.covariance.matrices[rows]) for item, rows in ((old, first), (new, second)) if item.covariance]
    found.compared.append(
        numbers("sigma_position", ("m", 1.0), (sigmas[0], sigmas[1]), _at(old.covariance.times[first]))
    )


def _sigma(matrices: NDArray[np.float64]) -> Array:
    # the trace does not depend on the axes
    return np.asarray(np.sqrt(np.trace(matrices[:, :3, :3], axis1=1, axis2=2)))


def _comments(old: tuple[str, ...], new: tuple[str, ...]) -> list[str]:
    """What the comments of a file tell of its making, where they differ."""
    gone, come = [item for item in old if item not in new], [item for item in new if item not in old]
    if not gone and not come:
        return []
    told = " -> ".join(
        "; ".join(re.sub(r"\s+", " ", text)[:80] for text in part[:3]) or "none" for part in (gone, come)
    )
    return [f"comments differ: {told}"]
