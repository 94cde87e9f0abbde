"""`etalon orbit montecarlo`: a simulated burn restituted from many perturbed starts and from wrong plans, in parallel, against its truth."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from flows.cluster import open_cluster
from flows.orbits.output import SETTLED_S
from flows.orbits.writing import check_output, new_folder, table_of, write_json
from orbit_aux.burns.burn import Burn
from orbit_aux.burns.plan import semi_major_axis, semi_major_axis_sigma
from orbit_aux.burns.restitution import BurnOptions, restitute_burn
from orbit_aux.burns.simulation import TrackingPlan, simulate_burn, true_trajectory
from orbit_aux.errors import OrbitError
from orbit_aux.frames import State
from orbit_aux.stations import Stations
from orbit_aux.tracking import Tracking

NOMINAL = "perturbed start"
#: when each run is looked at: at cut-off from the counts until then, and ten minutes later
LOOKS = ("cut_off", "settled")
#: pieces of work for each worker: more would send the tracking around too often, fewer leave workers idle at the end
_PIECES = 4
_KM = 1000.0


@dataclass(frozen=True, eq=False)
class Experiment:
    """A true burn with what is known of it beforehand: the plan, the covariance of the start (GCRF), and how it is tracked."""

    name: str
    start: State
    burn: Burn
    planned: Burn
    covariance: np.ndarray
    stations: Stations
    plan: TrackingPlan


@dataclass(frozen=True, eq=False)
class Work:
    """Cases for one worker: counts without noise to the end of each look, the truth then, and (case, number, plan) of each run."""

    experiment: Experiment
    counts: Tracking
    truth: dict[str, np.ndarray]
    runs: tuple[tuple[str, int, Burn], ...]
    seed: int
    options: BurnOptions
    looks: tuple[str, ...]


def wrong_plans(planned: Burn) -> dict[str, Burn]:
    """The paper's plans that are wrong, all against the same truth: the engine gives more than planned, points elsewhere, lights or stops at another time."""
    return {
        "plan with 10 % less thrust": replace(
            planned, thrust_n=0.9 * planned.thrust_n, flow_kgs=0.9 * planned.flow_kgs
        ),
        "plan 5 deg off in right ascension": replace(planned, direction=_turned(planned.direction, 5.0, 0.0)),
        "plan 5 deg off in declination": replace(planned, direction=_turned(planned.direction, 0.0, 5.0)),
        "ignition 10 s later than planned": replace(
            planned, ignition=planned.ignition + -10.0, duration_s=planned.duration_s + 10.0
        ),
        "ignition 10 s earlier than planned": replace(
            planned, ignition=planned.ignition + 10.0, duration_s=planned.duration_s - 10.0
        ),
        "burn-out 10 s earlier than planned": replace(planned, duration_s=planned.duration_s + 10.0),
        "burn-out 10 s later than planned": replace(planned, duration_s=planned.duration_s - 10.0),
    }


def _turned(direction: np.ndarray, right_ascension_deg: float, declination_deg: float) -> np.ndarray:
    x, y, z = direction / np.linalg.norm(direction)
    longitude = np.arctan2(y, x) + np.radians(right_ascension_deg)
    latitude = np.arcsin(z) + np.radians(declination_deg)
    return np.array([np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)])


def montecarlo(
    experiment: Experiment,
    starts: int,
    seed: int,
    options: BurnOptions,
    cluster: str,
    *,
    degraded: bool = True,
    looks: tuple[str, ...] = LOOKS,
) -> xr.Dataset:
    """One row ("run") for each restitution: `starts` perturbed ones, and a twentieth of them (five at least) for each wrong plan (`degraded`).

    case, number, verdict, failure; errors of the semi-major axis at cut-off (from counts until then) and ten minutes later with their sigmas, of the
    inclination, the normalised estimation error squared of the state (6 degrees of freedom) ten minutes after cut-off, and the mean normalised
    innovation with its number of counts.
    """
    quiet = replace(experiment.plan, noise_ms=0.0, after_s=SETTLED_S)
    counts, _ = simulate_burn(experiment.start, experiment.burn, experiment.stations, quiet, seed)
    runs: list[tuple[str, int, Burn]] = [(NOMINAL, number, experiment.planned) for number in range(starts)]
    plans = wrong_plans(experiment.planned) if degraded else {}
    for name, plan in plans.items():
        runs += [(name, number, plan) for number in range(max(5, starts // 20))]
    truth = _truth(experiment)
    with open_cluster(cluster) as place:
        pieces = min(len(runs), place.width * _PIECES)
        work = [
            Work(experiment, counts, truth, tuple(runs[piece::pieces]), seed, options, looks) for piece in range(pieces)
        ]
        rows = [row for part in place.each(run_work, work) for row in part]
    order = {name: number for number, name in enumerate([NOMINAL, *plans])}
    rows.sort(key=lambda row: (order[row["case"]], row["number"]))
    return _dataset(rows)


def run_work(work: Work) -> list[dict[str, Any]]:
    """The rows of a piece of work."""
    return [_run(work, *run) for run in work.runs]


def _run(work: Work, case: str, number: int, planned: Burn) -> dict[str, Any]:
    experiment = work.experiment
    # the same number has the same start and noise in every case, so that cases differ by their plan alone
    generator = np.random.default_rng([work.seed, number])
    start = perturbed(experiment.start, experiment.covariance, generator)
    noise = experiment.plan.noise_ms * generator.standard_normal(len(work.counts))
    counts = replace(work.counts, value=work.counts.value + noise)
    begun = time.thread_time()
    row: dict[str, Any] = {"case": case, "number": number, "verdict": "failed", "failure": ""}
    try:
        for look in work.looks:
            at = experiment.burn.cut_off + (0.0 if look == "cut_off" else SETTLED_S)
            seen = until(counts, int(at.tai_ns[0]))
            result = restitute_burn(seen, experiment.stations, start, experiment.covariance, planned, work.options)
            state, covariance = result.states(at)
            row |= {f"{key}_{look}": value for key, value in _errors(state, covariance, work.truth[look]).items()}
        nis = result.summary.get("nis") or {}
        row |= {
            "verdict": str(result.summary.get("verdict", "believed")),
            "failure": "; ".join(map(str, result.summary.get("reasons", ()))),
            "nis": float(nis.get("mean", np.nan)),
            "counts": int(nis.get("count", 0)),
        }
    except OrbitError as error:
        row["failure"] = str(error)
    return row | {"cpu_seconds": time.thread_time() - begun}


def perturbed(start: State, covariance: np.ndarray, generator: np.random.Generator) -> State:
    """A start that is wrong by a draw from its covariance (GCRF)."""
    error = np.linalg.cholesky(covariance) @ generator.standard_normal(6)
    inertial = start.to("GCRF")
    return State(inertial.times, inertial.position_m + error[:3], inertial.velocity_ms + error[3:], "GCRF")


def until(counts: Tracking, tai_ns: int) -> Tracking:
    """The counts that have ended by an instant."""
    keep = counts.stop.tai_ns <= tai_ns
    return replace(
        counts,
        stop=counts.stop[keep],
        interval_s=counts.interval_s[keep],
        kind=counts.kind[keep],
        transmitter=counts.transmitter[keep],
        receiver=counts.receiver[keep],
        value=counts.value[keep],
    )


def _truth(experiment: Experiment) -> dict[str, np.ndarray]:
    burn = experiment.burn
    trajectory = true_trajectory(experiment.start, burn, experiment.plan.before_s, SETTLED_S, experiment.plan.forces)
    states = trajectory.states(burn.duration_s + np.array([0.0, SETTLED_S]))[:, :6]
    return dict(zip(("cut_off", "settled"), states, strict=True))


def _errors(state: State, covariance: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    real = State(state.times, truth[None, :3], truth[None, 3:], "GCRF")
    error = np.concatenate([state.position_m[0], state.velocity_ms[0]]) - truth
    # kilometres beside millimetres a second: solve in units of the sigmas
    sigma = np.sqrt(np.diag(covariance[0]))
    scaled = error / sigma
    return {
        "axis_error": float((semi_major_axis(state) - semi_major_axis(real))[0]),
        "axis_sigma": float(semi_major_axis_sigma(state, covariance)[0]),
        "inclination_error": float(np.degrees(_inclination(state) - _inclination(real))),
        "position_error": float(np.linalg.norm(error[:3])),
        "nees": float(scaled @ np.linalg.solve(covariance[0] / np.outer(sigma, sigma), scaled)),
    }


def _inclination(state: State) -> float:
    normal = np.cross(state.position_m[0], state.velocity_ms[0])
    return float(np.arctan2(np.hypot(normal[0], normal[1]), normal[2]))


_UNITS = {"axis": "m", "position": "m", "inclination": "deg", "cpu": "s"}


def _dataset(rows: Sequence[dict[str, Any]]) -> xr.Dataset:
    names = list(dict.fromkeys(name for row in rows for name in row))
    texts = ("case", "verdict", "failure")
    variables = {}
    for name in names:
        lacking = "" if name in texts else np.nan
        values = np.array([row.get(name, lacking) for row in rows], dtype=None if name in texts else float)
        unit = next((unit for start, unit in _UNITS.items() if name.startswith(start)), "1")
        variables[name] = ("run", values, {} if name in texts else {"units": unit})
    return xr.Dataset(variables)


def figures(data: xr.Dataset) -> list[dict[str, Any]]:
    """Of each case: how many runs, failures and doubts, errors of the semi-major axis (km), mean NEES and NIS with the 95 % bands of such means."""
    return [
        _figures(name, data.isel(run=data["case"].values == name))
        for name in dict.fromkeys(data["case"].values.tolist())
    ]


def _figures(name: str, rows: xr.Dataset) -> dict[str, Any]:
    verdicts = rows["verdict"].values
    done = rows.isel(run=verdicts != "failed")
    found: dict[str, Any] = {
        "case": name,
        "runs": rows.sizes["run"],
        "failed": int((verdicts == "failed").sum()),
        "doubted": int(np.isin(verdicts, ["doubtful", "refused"]).sum()),
    }
    if done.sizes["run"] == 0:
        return found
    for look in (look for look in LOOKS if f"axis_error_{look}" in done):
        error = done[f"axis_error_{look}"].values / _KM
        found |= {
            f"axis_rms_km_{look}": float(np.sqrt(np.mean(error**2))),
            f"axis_worst_km_{look}": float(np.abs(error).max()),
            f"axis_mean_km_{look}": float(error.mean()),
            f"inclination_rms_deg_{look}": float(np.sqrt(np.mean(done[f"inclination_error_{look}"].values ** 2))),
        }
    total = float(done["counts"].sum())
    found |= {
        "nees_mean": float(done["nees_settled"].mean()),
        "nees_band_95": _band(6.0 * done.sizes["run"], done.sizes["run"]),
        "nis_mean": float((done["nis"] * done["counts"]).sum() / total) if total else float("nan"),
        "nis_band_95": _band(total, total) if total else (0.0, 2.0),
    }
    return found


def _band(degrees: float, divisor: float) -> tuple[float, float]:
    """Between which the mean of squares with so many degrees of freedom lies 95 times in 100."""
    from scipy.stats import chi2

    low, high = chi2.ppf([0.025, 0.975], degrees) / divisor
    return float(low), float(high)


def write_montecarlo(
    experiment: Experiment, output: Path, starts: int, seed: int, options: BurnOptions, cluster: str
) -> list[str]:
    """Run and write runs.csv, summary.json and report.html into the new folder `output`; returns the lines to print."""
    from calib.report.sheet import page
    from flows.orbits.montecarlo_page import montecarlo_page

    check_output(output)
    begun = time.perf_counter()
    data = montecarlo(experiment, starts, seed, options, cluster)
    elapsed = time.perf_counter() - begun
    cases = figures(data)
    summary = {"scenario": experiment.name, "starts": starts, "seed": seed, "seconds": elapsed, "cases": cases}
    with new_folder(output) as part:
        (part / "runs.csv").write_text(table_of(data), encoding="utf-8")
        write_json(part / "summary.json", summary)
        (part / "report.html").write_text(page(montecarlo_page(data, cases, experiment.name)), encoding="utf-8")
    return [*_lines(cases), f"{data.sizes['run']} restitutions in {elapsed:.1f} s", f"Page: {output / 'report.html'}"]


def _lines(cases: Sequence[dict[str, Any]]) -> Iterator[str]:
    for case in cases:
        told = f"{case['case']}: {case['runs']} runs"
        if "axis_rms_km_settled" in case:
            nees, nis = case["nees_band_95"], case["nis_band_95"]
            told += (
                f", semi-major axis {case['axis_rms_km_cut_off']:.2f} km rms at cut-off, {case['axis_rms_km_settled']:.2f} km 10 min later "
                f"(worst {case['axis_worst_km_settled']:.2f}); NEES {case['nees_mean']:.2f} ({nees[0]:.2f} to {nees[1]:.2f}), "
                f"NIS {case['nis_mean']:.4f} ({nis[0]:.4f} to {nis[1]:.4f})"
            )
        if case["failed"] or case["doubted"]:
            told += f"; {case['failed']} failed, {case['doubted']} doubted"
        yield told
