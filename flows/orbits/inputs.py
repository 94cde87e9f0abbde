"""What a restitution of a burn is given: tracking, state and plan, stations, read and brought together."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from calib.errors import RequestError
from calib.lineage import circumstances
from flows.orbits.sources import head_of
from orbit_aux.burns.burn import Burn
from orbit_aux.ccsds import read_opm, read_tdm
from orbit_aux.ccsds.opm import Manoeuvre, OrbitParameters
from orbit_aux.earth_orientation import packaged_earth_orientation, read_finals2000a, using
from orbit_aux.errors import OrbitError
from orbit_aux.frames import State, rotation
from orbit_aux.stations import Stations, read_stations
from orbit_aux.time import Times
from orbit_aux.tracking import Tracking
from orbit_aux.tracking_table import read_tracking_table

#: how long after its planned end a burn may still be the one that tracking is of
_LATE_S = 600.0


@dataclass(frozen=True)
class Settings:
    """How tracking is understood and the orbit written: what its values are of two legs ("mean", "sum" or "": as the file says), the step of the orbit,
    an orbit to compare with, and a table of Earth orientation other than the packaged one."""

    factor: str = ""
    step_s: float = 10.0
    reference: Path | None = None
    orientation: Path | None = None

    def __post_init__(self) -> None:
        if not 0.1 <= self.step_s <= 600.0:
            raise RequestError(f"--step {self.step_s}: give 0.1 to 600 s between the states of the orbit")
        if self.factor not in ("", "mean", "sum"):
            raise RequestError(f"--doppler {self.factor}: values are the mean or the sum of the legs")


@dataclass(frozen=True, eq=False)
class BurnInputs:
    """The state before the burn with its covariance (GCRF), the burn as planned, and the stations."""

    parameters: OrbitParameters
    start: State
    covariance: np.ndarray
    stations: Stations

    @classmethod
    def read(cls, initial: Path, stations: Path) -> BurnInputs:
        parameters = read_opm(initial)
        if parameters.covariance is None:
            raise OrbitError(
                f"{initial}: no covariance (CX_X ... CZ_DOT_Z_DOT): how well the orbit is known decides how counts are weighed, add it"
            )
        return cls(parameters, parameters.state.to("GCRF"), parameters.covariance, read_stations(stations))

    def burn(self, first: Times) -> Burn:
        """The planned burn that tracking which begins at `first` is of: the earliest that does not end well before."""
        source, epoch = self.parameters.source, self.start.times
        burns = [item for item in self.parameters.manoeuvres if item.duration_s > 0]
        late = [item for item in burns if (item.ignition + item.duration_s + _LATE_S - first)[0] > 0]
        if not late:
            told = "; ".join(_told(item) for item in self.parameters.manoeuvres) or "none"
            raise OrbitError(
                f"{source}: no burn (MAN_* with a duration) that ends after {first.utc_strings(0)[0]} when tracking begins (it plans: {told}); add it"
            )
        chosen = min(late, key=lambda item: int(item.ignition.tai_ns[0]))
        before = [
            item
            for item in self.parameters.manoeuvres
            if epoch.tai_ns[0] < item.ignition.tai_ns[0] < chosen.ignition.tai_ns[0]
        ]
        if before:
            raise OrbitError(
                f"{source}: the manoeuvre {_told(before[0])} lies between the state of {epoch.utc_strings(0)[0]} and the burn tracked; give a state after it"
            )
        return burn_of(chosen, self.parameters.mass_kg, source)


def burn_of(manoeuvre: Manoeuvre, mass_kg: float | None, source: str) -> Burn:
    """A planned manoeuvre as a burn of constant thrust: fixed in inertial space (GCRF, EME2000: spun) or in RSW (three-axis)."""
    if mass_kg is None:
        raise OrbitError(
            f"{source}: no MASS: the acceleration of the burn follows from it, add the mass at ignition in kg"
        )
    delta_v = manoeuvre.delta_v_ms
    axes = manoeuvre.axes
    if axes == "EME2000":
        delta_v, axes = rotation(manoeuvre.ignition, "EME2000", "GCRF")[0] @ delta_v, "GCRF"
    if axes == "TNW":
        raise OrbitError(
            f"{source}: the manoeuvre {_told(manoeuvre)} is constant in TNW, which turns against inertial space and RSW; give it in GCRF, EME2000 or RSW"
        )
    return Burn.of_manoeuvre(manoeuvre.ignition, manoeuvre.duration_s, manoeuvre.delta_mass_kg, delta_v, axes, mass_kg)


def read_tracking(path: Path, epoch: Times, factor: str) -> Tracking:
    """Tracking from a TDM (KVN, XML) or a table; seconds in a table count from `epoch`."""
    if looks_like_tdm(path):
        return read_tdm(path, factor)
    return read_tracking_table(path, epoch, factor)


def looks_like_tdm(path: Path) -> bool:
    """Whether a file is a TDM by its first line that says something."""
    return head_of(path, "tracking as TDM or CSV").startswith(("<", "CCSDS_"))


@contextmanager
def earth_orientation(path: Path | None) -> Iterator[None]:
    """Within it, the table of that file (finals2000A) stands for the packaged one."""
    with using(None if path is None else read_finals2000a(path, path.name)):
        yield


def instant(text: str, what: str) -> Times:
    """A time (UTC) that a user gave to an option or a table, which `what` names where it is none."""
    try:
        return Times.from_utc(text)
    except OrbitError as error:
        raise RequestError(f"{what}: {error}") from None


def record(times: Times, files: Mapping[str, Path | None]) -> dict[str, Any]:
    """What an answer keeps of where it comes from: input files with their digests, the Earth orientation, versions of software."""
    kept = {
        name: {"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for name, path in files.items()
        if path is not None and path.is_file()
    }
    orientation = packaged_earth_orientation().record(times)
    return {"files": kept, "earth_orientation": orientation, "software": circumstances()["software"]}


def _told(manoeuvre: Manoeuvre) -> str:
    return f"of {manoeuvre.ignition.utc_strings(0)[0]} ({manoeuvre.duration_s:g} s, {np.linalg.norm(manoeuvre.delta_v_ms):.4g} m/s)"
