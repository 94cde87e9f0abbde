"""`etalon orbit conjunction`: CDM files to probabilities of collision, each with its method, its flags, and what a manoeuvre would do."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from calib.errors import RequestError
from calib.report.sheet import page
from flows.orbits.conjunction_page import many_sheet, single_sheet
from flows.orbits.inputs import record
from flows.orbits.writing import check_output, csv_text, new_folder, table_of, write_json
from orbit_aux.ccsds import read_cdm
from orbit_aux.ccsds.cdm import Conjunction
from orbit_aux.conjunctions.assessment import Assessment, Choice, assess, encounter_of
from orbit_aux.conjunctions.avoidance import Avoidance, least_manoeuvres, scan
from orbit_aux.errors import OrbitError
from orbit_aux.frames import local_orbital_axes

#: the probability that asks for a manoeuvre, and the one that asks for attention
RED, YELLOW = 1e-4, 1e-7
_SUFFIXES = (".cdm", ".kvn", ".xml", ".txt")
# scans: fewer points where each is an integral in three dimensions
_LEADS = {"2d": np.array([0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 5.0, 8.0]), "3d": np.array([0.5, 1.5])}
_SIZES_MS = {"2d": np.geomspace(0.001, 1.0, 31), "3d": np.geomspace(0.005, 1.0, 5)}
_SAME_EVENT_S = 600.0
_MOST_SAMPLES = 50_000_000


@dataclass(frozen=True)
class ConjunctionOptions:
    """How conjunctions are judged: radius of both objects (m; None: the file's), samples, window (s), seed, thresholds; the own mass and thruster."""

    radius_m: float | None = None
    samples: int | str = "auto"
    window_s: float | None = None
    seed: int = 1
    red: float = RED
    avoid: bool = False
    target: float = 1e-5
    mass_kg: float | None = None
    specific_impulse_s: float | None = None

    def __post_init__(self) -> None:
        checks = (
            ("--radius", self.radius_m, 0.0, 1e4, "m"),
            ("--window", self.window_s, 1e-3, 1e6, "s"),
            ("--red", self.red, 0.0, 1.0, ""),
            ("--target", self.target, 1e-15, 1.0, ""),
            ("--mass", self.mass_kg, 1e-3, 1e6, "kg"),
            ("--isp", self.specific_impulse_s, 1.0, 1e4, "s"),
        )
        for name, value, low, high, unit in checks:
            if value is not None and not low <= value <= high:
                raise RequestError(f"{name} {value:g}: give {low:g} to {high:g} {unit}".rstrip())
        if not self.avoid and (self.mass_kg is not None or self.specific_impulse_s is not None):
            raise RequestError("--mass and --isp: are for the propellant of --avoid, give it too")
        if (self.mass_kg is None) != (self.specific_impulse_s is None):
            raise RequestError("--mass and --isp: give both, or neither")


@dataclass(frozen=True, eq=False)
class Judged:
    """A CDM with its assessment, the scan of manoeuvres where asked for, or why it could not be judged."""

    path: Path
    conjunction: Conjunction | None = None
    assessment: Assessment | None = None
    scanned: xr.Dataset | None = None
    least: tuple[Avoidance, ...] = ()
    error: str = ""
    summary: dict[str, Any] = field(default_factory=dict)


def samples_of(text: str) -> int | str:
    """What --monte-carlo asks for: auto, off or a number of samples."""
    if text in ("auto", "off"):
        return text
    try:
        number = int(float(text))
    except (ValueError, OverflowError):
        number = 0
    if not 1 <= number <= _MOST_SAMPLES:
        raise RequestError(f"--monte-carlo {text}: give auto, off or a number of samples up to {_MOST_SAMPLES}")
    return number


def write_conjunctions(
    paths: Sequence[Path], output: Path, options: ConjunctionOptions
) -> tuple[list[str], list[Judged]]:
    """Judge every CDM of `paths` (files or folders) and write `output`; the lines to print, and what was found. A single bad file is refused."""
    files = _files(paths)
    check_output(output)
    judged = [_judged(path, options) for path in files]
    if all(item.error for item in judged):
        raise RequestError(
            judged[0].error
            if len(judged) == 1
            else f"none of {len(judged)} CDM can be used; the first: {judged[0].error}"
        )
    with new_folder(output) as folder:
        if len(judged) == 1:
            only = judged[0]
            write_json(folder / "summary.json", only.summary)
            if only.scanned is not None:
                (folder / "scan.csv").write_text(_scan_table(only.scanned), encoding="utf-8")
            sheet = single_sheet(only.summary, only.assessment, only.scanned, only.least)
        else:
            events = _events(judged)
            content = {"conjunctions": [item.summary for item in judged], "events": events}
            write_json(folder / "summary.json", content)
            sheet = many_sheet([item.summary for item in judged], events)
        (folder / "conjunctions.csv").write_text(_rows([item.summary for item in judged]), encoding="utf-8")
        (folder / "report.html").write_text(page(sheet), encoding="utf-8")
    return [*(_line(item) for item in judged), f"{output / 'report.html'}"], judged


def _files(paths: Sequence[Path]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(item for item in path.iterdir() if item.is_file() and item.suffix.lower() in _SUFFIXES)
            if not inside:
                raise RequestError(f"{path}: holds no CDM ({', '.join(_SUFFIXES)}); name another folder or files")
            files += inside
        elif path.is_file():
            files.append(path)
        else:
            raise RequestError(f"{path}: is no file; give CDM files or a folder of them")
    return files


def _judged(path: Path, options: ConjunctionOptions) -> Judged:
    try:
        conjunction = read_cdm(path)
        encounter, flags = encounter_of(conjunction, options.radius_m)
        choice = Choice(options.samples, options.window_s, options.seed)
        answer = assess(encounter, choice, tuple(flags))
        scanned, least = _avoidance(answer, options) if options.avoid else (None, ())
    except OrbitError as error:
        return Judged(path, error=str(error), summary={"file": path.name, "error": str(error)})
    summary = _summary(path, conjunction, answer, options)
    if scanned is not None:
        summary["avoidance"] = {
            "method": scanned.attrs["method"],
            "target": options.target,
            "best": _best(least),
            "least": [asdict(item) for item in least],
        }
    return Judged(path, conjunction, answer, scanned, least, "", summary)


def _avoidance(answer: Assessment, options: ConjunctionOptions) -> tuple[xr.Dataset | None, tuple[Avoidance, ...]]:
    if answer.probability is None or answer.encounter.radius_m == 0:
        return None, ()
    method = "2d" if answer.usable_2d else "3d"
    sizes = _SIZES_MS[method]
    scanned = scan(answer.encounter, _LEADS[method], np.concatenate([-sizes[::-1], [0.0], sizes]), method)
    mass, impulse = (math.nan if value is None else value for value in (options.mass_kg, options.specific_impulse_s))
    return scanned, tuple(least_manoeuvres(answer.encounter, scanned, options.target, mass, impulse))


def _best(least: Sequence[Avoidance]) -> dict[str, float] | None:
    possible = [item for item in least if math.isfinite(item.delta_v_ms)]
    return asdict(min(possible, key=lambda item: abs(item.delta_v_ms))) if possible else None


def _summary(path: Path, conjunction: Conjunction, answer: Assessment, options: ConjunctionOptions) -> dict[str, Any]:
    """Everything that is known of a conjunction, as JSON."""
    relative = answer.encounter.relative
    axes = local_orbital_axes(answer.encounter.states[:1, :3], answer.encounter.states[:1, 3:])[0]
    sampled, flux, top, plane = answer.monte_carlo, answer.flux, answer.maximum, answer.plane
    speed = float(np.linalg.norm(relative[3:]))
    return {
        "file": path.name,
        "message_id": conjunction.message_id,
        "created": conjunction.created.utc_strings(3)[0],
        "tca": (conjunction.tca + answer.tca_shift_s).utc_strings(3)[0],
        "objects": [{"designator": item.designator, "name": item.name} for item in conjunction.objects],
        "pc": answer.probability,
        "method": answer.method,
        "level": _level(answer, options.red),
        "usable_2d": answer.usable_2d,
        "pc_2d": answer.probability_2d,
        "pc_3d": None if flux is None else flux.probability,
        "pc_3d_inside_at_start": None if flux is None else flux.inside_at_start,
        "pc_max": None if top is None else top.probability,
        "pc_max_scale": None if top is None else top.scale,
        "diluted": None if top is None else top.diluted,
        "pc_max_unknown_covariance": answer.unknown_covariance_maximum,
        "pc_in_file": conjunction.probability,
        "monte_carlo": None if sampled is None else asdict(sampled),
        "flags": [asdict(flag) for flag in answer.flags],
        "hard_body_radius_m": answer.encounter.radius_m,
        "miss_distance_m": float(np.linalg.norm(relative[:3])),
        "miss_rtn_m": axes @ relative[:3],
        "relative_speed_ms": speed,
        "tca_shift_s": answer.tca_shift_s,
        "duration_s": answer.duration_s,
        "window_s": answer.window_s,
        "plane": None if plane is None else {"miss_m": plane.miss_m, "sigma_m": plane.sigma_m},
        "inputs": record(conjunction.tca, {"cdm": path}),
    }


def _level(answer: Assessment, red: float) -> str:
    probability = answer.probability
    if probability is None:
        return "unknown"
    if probability >= min(YELLOW, red):
        return "red" if probability >= red else "yellow"
    # of two contradicting miss distances one may be a collision
    return "unknown" if any(flag.name == "relative_state_differs" for flag in answer.flags) else "green"


def _events(judged: Sequence[Judged]) -> list[dict[str, Any]]:
    """CDM of the same two objects at the same time, in the order in which they were made."""
    groups: list[list[Judged]] = []
    for item in judged:
        if item.conjunction is None:
            continue
        pair = {part.designator + part.name for part in item.conjunction.objects}
        for group in groups:
            first = group[0].conjunction
            assert first is not None
            same = {part.designator + part.name for part in first.objects} == pair
            if same and abs(float((first.tca - item.conjunction.tca)[0])) < _SAME_EVENT_S:
                group.append(item)
                break
        else:
            groups.append([item])
    events = []
    for group in groups:
        rows = sorted((item.summary for item in group), key=lambda summary: str(summary["created"]))
        names = " / ".join(part["name"] for part in rows[-1]["objects"])
        kept = ("file", "created", "pc", "method", "miss_distance_m", "level")
        events.append(
            {"objects": names, "tca": rows[-1]["tca"], "history": [{key: row[key] for key in kept} for row in rows]}
        )
    return events


def _rows(summaries: Sequence[dict[str, Any]]) -> str:
    """conjunctions.csv."""
    numbers = (
        "pc",
        "pc_2d",
        "pc_3d",
        "pc_max",
        "pc_max_scale",
        "hard_body_radius_m",
        "miss_distance_m",
        "relative_speed_ms",
    )
    heads = ["file", "object1", "object2", "created", "tca", *numbers, "method", "level", "flags", "error"]
    rows: list[list[object]] = []
    for item in summaries:
        if "error" in item:
            rows.append([item["file"], *[""] * (len(numbers) + 7), item["error"]])
            continue
        values = ["" if item[key] is None else float(item[key]) for key in numbers]
        names = [part["name"] for part in item["objects"]]
        flags = " ".join(dict.fromkeys(flag["name"] for flag in item["flags"]))
        rows.append(
            [item["file"], *names, item["created"], item["tca"], *values, item["method"], item["level"], flags, ""]
        )
    return csv_text(heads, rows, digits=9)


def _scan_table(scanned: xr.Dataset) -> str:
    """scan.csv: a row for each lead time and velocity change."""
    flat = scanned.stack(row=("lead", "delta_v")).reset_index("row")
    flat["lead_time"] = ("row", flat["lead"].values * scanned.attrs["period_s"], {"units": "s"})
    flat = flat.rename(lead="lead_revolutions", delta_v="along_track_delta_v")
    flat["along_track_delta_v"].attrs["units"] = "m/s"
    return table_of(flat.reset_coords())


def _line(item: Judged) -> str:
    if item.error:
        return f"refused: {item.error}"
    summary = item.summary
    pc = "not known" if summary["pc"] is None else f"{summary['pc']:.4g} ({summary['method']})"
    names = dict.fromkeys(flag["name"] for flag in summary["flags"])
    told = f"; {', '.join(names)}" if names else ""
    return f"{summary['file']}: Pc {pc}, miss {summary['miss_distance_m']:.1f} m, {summary['level']}{told}"
