"""Burns to be simulated: the shipped ones, or any that an OPM plans."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from calib import config
from calib.config import CONFIGS, Model
from calib.errors import RequestError
from flows.orbits.inputs import burn_of
from flows.orbits.montecarlo import Experiment, perturbed
from flows.orbits.writing import check_output, new_folder, table_of
from orbit_aux.burns.burn import Burn
from orbit_aux.burns.simulation import TrackingPlan, simulate_burn
from orbit_aux.ccsds import read_opm, write_oem, write_opm, write_tdm
from orbit_aux.ccsds.opm import Manoeuvre, OrbitParameters
from orbit_aux.constants import STANDARD_GRAVITY_MS2
from orbit_aux.elements import cartesian, from_keplerian
from orbit_aux.errors import OrbitError
from orbit_aux.frames import State
from orbit_aux.orbit import Orbit, Segment
from orbit_aux.stations import read_stations
from orbit_aux.time import Times
from orbit_aux.tracking_table import write_tracking_table
from orbit_aux.veis import veis_axes

#: what is known of the start before a burn: 1 km and 0.3 m/s on each axis
_COVARIANCE = np.diag([1000.0**2] * 3 + [0.3**2] * 3)
#: what the engine of a burn planned by an OPM gives in truth: a share of the planned thrust and flow
_TRUE_SHARE = 0.99
_STATIONS = "cnes_2ghz.csv"
_SPIN_S = 5.1


class BurnScenario(Model):
    """A burn of configs/burns: elements at ignition, and its engine in truth and as planned."""

    title: str
    ignition_utc: str
    duration_s: float = Field(gt=0, le=20_000)
    semi_major_axis_km: float = Field(gt=6378)
    eccentricity: float = Field(ge=0, lt=1)
    inclination_deg: float
    argument_of_perigee_deg: float
    node_deg: float
    mean_anomaly_deg: float
    axes: Literal["inertial", "local"]
    direction: tuple[float, float, float] = Field(
        description="of the thrust: in Veis axes (inertial) or R, S, W (local)"
    )
    thrust_n: float = Field(gt=0)
    planned_thrust_n: float = Field(gt=0)
    planned_direction_off_deg: float = Field(
        default=0.0, description="of the plan, towards the pole or the orbit normal"
    )
    mass_kg: float = Field(gt=0)
    specific_impulse_s: float = Field(gt=0)
    spin_period_s: float | None = None


def experiment_of(
    scenario: str | None,
    initial: Path | None = None,
    stations: Path | None = None,
    *,
    noise_ms: float = 0.02,
    spin: str | None = None,
) -> Experiment:
    """A named burn, or the one that an OPM plans; `spin` is a period in seconds or "off" (None: as the scenario has it)."""
    if (scenario is None) == (initial is None):
        raise RequestError("orbit: name a scenario, or give --initial FILE.opm and --stations FILE.csv")
    if initial is not None:
        if stations is None:
            raise RequestError("orbit: --initial FILE.opm needs --stations FILE.csv")
        made = _of_plan(initial, stations)
    else:
        assert scenario is not None
        made = _of_scenario(config.load(BurnScenario, config.find("burns", scenario)), scenario, stations)
    return replace(made, plan=replace(made.plan, noise_ms=noise_ms, spin_period_s=_spin(spin, made.plan)))


def _spin(spin: str | None, plan: TrackingPlan) -> float | None:
    if spin is None:
        return plan.spin_period_s
    if spin == "off":
        return None
    try:
        period = float(spin)
    except ValueError:
        period = math.nan
    if not 0.1 <= period <= 1000.0:
        raise RequestError(f"--spin {spin}: give the period in seconds, or off")
    return period


def _of_scenario(scenario: BurnScenario, name: str, stations: Path | None) -> Experiment:
    ignition = Times.from_utc(scenario.ignition_utc)
    veis = veis_axes(ignition)
    angles = np.radians(
        [scenario.inclination_deg, scenario.argument_of_perigee_deg, scenario.node_deg, scenario.mean_anomaly_deg]
    )
    elements = np.array([[scenario.semi_major_axis_km * 1000.0, scenario.eccentricity, *angles]])
    position, velocity = cartesian(from_keplerian(elements))
    start = State(ignition, position @ veis, velocity @ veis, "GCRF")
    direction = np.array(scenario.direction) / np.linalg.norm(scenario.direction)
    off = math.radians(scenario.planned_direction_off_deg)
    raised = direction + math.tan(off) * np.array([0.0, 0.0, 1.0])
    planned_direction = raised / np.linalg.norm(raised)
    inertial = scenario.axes == "inertial"
    made = {}
    for key, thrust, way in (
        ("true", scenario.thrust_n, direction),
        ("planned", scenario.planned_thrust_n, planned_direction),
    ):
        made[key] = Burn(
            ignition,
            scenario.duration_s,
            thrust,
            veis.T @ way if inertial else way,
            "GCRF" if inertial else "RSW",
            scenario.mass_kg,
            thrust / (STANDARD_GRAVITY_MS2 * scenario.specific_impulse_s),
        )
    plan = TrackingPlan(spin_period_s=scenario.spin_period_s)
    places = read_stations(stations or CONFIGS / "stations" / _STATIONS)
    return Experiment(name, start, made["true"], made["planned"], _COVARIANCE, places, plan)


def _of_plan(initial: Path, stations: Path) -> Experiment:
    """The burn that an OPM plans, with an engine one per cent weaker than planned; the first station transmits, the first three receive."""
    parameters = read_opm(initial)
    burns = [item for item in parameters.manoeuvres if item.duration_s > 0]
    if parameters.covariance is None or not burns:
        raise OrbitError(f"{initial}: lacks a covariance or a burn (MAN_* with a duration); add what is missing")
    planned = burn_of(burns[0], parameters.mass_kg, str(initial))
    true = replace(planned, thrust_n=_TRUE_SHARE * planned.thrust_n, flow_kgs=_TRUE_SHARE * planned.flow_kgs)
    places = read_stations(stations)
    plan = TrackingPlan(transmitter=places.names[0], receivers=places.names[:3])
    if planned.axes == "GCRF":
        plan = replace(plan, spin_period_s=_SPIN_S)
    covariance = np.asarray(parameters.covariance)
    return Experiment(parameters.object_name, parameters.state.to("GCRF"), true, planned, covariance, places, plan)


def write_simulation(experiment: Experiment, output: Path, seed: int) -> list[str]:
    """Write initial.opm (a start drawn from its covariance, the plan), stations.csv, tracking.tdm, tracking.csv, truth.csv and truth.oem; returns the
    lines to print."""
    check_output(output)
    tracking, truth = simulate_burn(experiment.start, experiment.burn, experiment.stations, experiment.plan, seed)
    name = experiment.name.upper()
    start = perturbed(experiment.start, experiment.covariance, np.random.default_rng([seed, 1]))
    with new_folder(output) as part:
        write_opm(part / "initial.opm", _plan_file(experiment, name, start), creation_date=_created(experiment))
        (part / "stations.csv").write_text(_station_table(experiment), encoding="utf-8")
        write_tdm(part / "tracking.tdm", tracking, name, creation_date=_created(experiment))
        write_tracking_table(part / "tracking.csv", tracking)
        (part / "truth.csv").write_text(table_of(truth), encoding="utf-8")
        write_oem(part / "truth.oem", _truth_orbit(truth, experiment, name), creation_date=_created(experiment))
    command = f"etalon orbit restitute --tracking {output}/tracking.tdm --initial {output}/initial.opm --stations {output}/stations.csv"
    return [
        f"{experiment.name}: {len(tracking)} counts of {', '.join(experiment.plan.receivers)} in {output}",
        f"{command} --reference {output}/truth.oem --output DIR",
    ]


def _created(experiment: Experiment) -> str:
    # the same request and seed give the same bytes
    return experiment.burn.ignition.labels("UTC", 0)[0]


def _plan_file(experiment: Experiment, name: str, start: State) -> OrbitParameters:
    planned = experiment.planned
    lost = planned.flow_kgs * planned.duration_s
    exhaust_ms = planned.thrust_n / planned.flow_kgs
    speed_ms = exhaust_ms * math.log(planned.mass_kg / (planned.mass_kg - lost))
    delta_v = speed_ms * planned.direction / np.linalg.norm(planned.direction)
    burn = Manoeuvre(planned.ignition, planned.duration_s, -lost, planned.axes, delta_v)
    return OrbitParameters(
        name,
        "UNKNOWN",
        start,
        experiment.covariance,
        mass_kg=planned.mass_kg,
        manoeuvres=(burn,),
        comments=("simulated: the state is drawn from the covariance about the true one",),
    )


def _station_table(experiment: Experiment) -> str:
    import erfa

    lines = ["name,lat_deg,lon_deg,height_m"]
    for name, place in zip(experiment.stations.names, experiment.stations.position_itrf_m, strict=True):
        longitude, latitude, height = erfa.gc2gd(1, place)
        lines.append(f"{name},{math.degrees(latitude):.9f},{math.degrees(longitude):.9f},{height:.4f}")
    return "\n".join(lines) + "\n"


def _truth_orbit(truth: Any, experiment: Experiment, name: str) -> Orbit:
    """The truth every ten seconds, in segments that end at ignition and cut-off."""
    since = truth["since_ignition"].values
    times = experiment.burn.ignition + since
    burn = experiment.burn
    edges = [since[0], 0.0, burn.duration_s, since[-1]]
    rows: list[np.ndarray] = []
    segments: list[Segment] = []
    for begin, end in itertools.pairwise(edges):
        inside = np.flatnonzero((since >= begin) & (since <= end))
        kept = inside[(since[inside] % 10.0 == 0) | (inside == inside[0]) | (inside == inside[-1])]
        first = sum(map(len, rows))
        segments.append(Segment(first, first + len(kept), int(times.tai_ns[kept[0]]), int(times.tai_ns[kept[-1]])))
        rows.append(kept)
    kept = np.concatenate(rows)
    return Orbit(
        name,
        "UNKNOWN",
        "GCRF",
        times[kept],
        truth["position"].values[kept],
        truth["velocity"].values[kept],
        "simulated burn",
        segments=tuple(segments),
    )
