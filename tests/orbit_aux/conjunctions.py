"""Conjunctions for tests: made ones, those of a published table, and as CDM."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orbit_aux.ccsds.cdm import CdmObject, Conjunction
from orbit_aux.conjunctions.encounter import Encounter
from orbit_aux.constants import EARTH_MU_M3S2
from orbit_aux.frames import State, local_orbital_axes
from orbit_aux.time import Times

Array = NDArray[np.float64]

TCA = Times.from_utc("2018-03-06T10:00:00")


def alfano(shared: Path) -> dict[int, tuple[Encounter, dict[str, Any]]]:
    """The cases of Alfano (AAS 09-233) with their published figures."""
    content = json.loads((shared / "reference" / "orbit" / "pc_alfano2009.json").read_text())
    cases = {}
    for case in content["cases"]:
        states = np.array([case["r1_m"] + case["v1_ms"], case["r2_m"] + case["v2_ms"]])
        cases[case["case"]] = Encounter(states, np.array([case["cov1"], case["cov2"]]), float(case["hbr_m"])), case
    return cases


def crossing(
    miss_rtn_m: tuple[float, float, float] = (20.0, 100.0, 0.0),
    angle_deg: float = 60.0,
    sigma_m: tuple[float, float, float] = (10.0, 200.0, 10.0),
    radius_m: float = 10.0,
) -> Encounter:
    """Two round orbits at 720 km that cross; the miss is normal to the relative velocity only where its T and N parts are 0.

    Covariances are diagonal in each object's RTN axes, with velocities as an along-track error has them.
    """
    radius = 7.098e6
    speed = np.sqrt(EARTH_MU_M3S2 / radius)
    own = np.array([radius, 0.0, 0.0, 0.0, speed, 0.0])
    angle = np.radians(angle_deg)
    other = np.array([radius, 0.0, 0.0, 0.0, speed * np.cos(angle), speed * np.sin(angle)])
    relative = other[3:] - own[3:]
    miss = np.array(miss_rtn_m)
    if np.linalg.norm(relative) > 0:
        miss = miss - relative * (miss @ relative) / (relative @ relative)
    other[:3] += miss
    rate = speed / radius
    root = np.diag([*sigma_m, 0.02, 0.01, 0.01])
    # what is ahead is also higher up in a moment: the radial velocity of a curved path
    root[3, 1] = -rate * sigma_m[1]
    covariance = root @ root.T
    matrices = []
    for state in (own, other):
        axes = np.kron(np.eye(2), local_orbital_axes(state[None, :3], state[None, 3:])[0])
        matrices.append(axes.T @ covariance @ axes)
    return Encounter(np.stack([own, other]), np.stack(matrices), radius_m)


def as_conjunction(encounter: Encounter, frame: str = "GCRF", **fields: Any) -> Conjunction:
    """An encounter as the content of a CDM, with its relative state."""
    objects = []
    for place, (state, matrix) in enumerate(zip(encounter.states, encounter.covariances, strict=True), start=1):
        axes = np.kron(np.eye(2), local_orbital_axes(state[None, :3], state[None, 3:])[0])
        local = axes @ matrix @ axes.T
        given = State(TCA, state[None, :3], state[None, 3:], "GCRF").to(frame)
        objects.append(CdmObject(f"{place:05d}", f"OBJECT {place}", "2017-044A", given, 0.5 * (local + local.T)))
    axes = local_orbital_axes(encounter.states[:1, :3], encounter.states[:1, 3:])[0]
    relative = encounter.relative
    values: dict[str, Any] = {
        "miss_distance_m": float(np.linalg.norm(relative[:3])),
        "relative_speed_ms": float(np.linalg.norm(relative[3:])),
        "relative_position_m": axes @ relative[:3],
        "relative_velocity_ms": axes @ relative[3:],
        "hard_body_radius_m": encounter.radius_m,
    }
    return Conjunction("TEST-1", "TEST", TCA + -86400.0, TCA, (objects[0], objects[1]), **(values | fields))
