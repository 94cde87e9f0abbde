"""The statistics of a run or of an archive as files: the table of everything per acquisition and band, and lunar irradiances for other people's tools."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from calib.archive import Archive
from calib.archive.disk import make_folder, publish_file
from calib.errors import RequestError
from calib.sensor import Sensor, load_sensor
from calib.types import Result
from flows.method import Method
from flows.moon import BY_STRAYLIGHT, MOON
from flows.runner import Outcome

if TYPE_CHECKING:
    from calib.report.statistics import Measurement

TABLE, PARQUET, COLUMNS, OBSERVATIONS = "statistics.csv", "statistics.parquet", "statistics_columns.csv", "glod"


def write_run_statistics(
    folder: Path, method: Method, outcomes: Sequence[Outcome], sensors: Mapping[str, str]
) -> list[Path]:
    """Write the statistics of a run into its folder; returns the files. `sensors` are the files of own sensors by name."""
    return _write(folder, method, {outcome.subject: dict(outcome.results) for outcome in outcomes}, sensors)


def write_archive_statistics(archive: Archive, folder: Path) -> list[Path]:
    """Write the statistics of all that is current in an archive into a folder; returns the files. RequestError where the folder cannot be written."""
    found = _current(archive)
    if not found:
        raise RequestError(
            f"archive {archive.folder}: holds no result of method '{MOON.name}' yet; run a request first"
        )
    try:
        make_folder(folder)
        return _write(folder, MOON, found, {})
    except OSError as error:
        raise RequestError(
            f"{error.filename or folder}: cannot be written ({error.strerror}); give another folder to --output"
        ) from error


def _write(folder: Path, method: Method, found: dict[str, dict[str, Result]], sensors: Mapping[str, str]) -> list[Path]:
    # pyarrow and netCDF take a while to load, which every command would pay for
    from calib.report.glod import glod_observation, glod_series, has_irradiance
    from calib.report.glod_responses import glod_responses
    from calib.report.statistics import Measurement, statistics
    from calib.report.statistics_files import as_csv, as_parquet, column_list

    measurements = [Measurement(subject, results) for subject, results in sorted(found.items())]
    made = {name for results in found.values() for name in results}
    # what other requests make beside the steps of this one, in the place that it has there
    names = [name for name in _steps() if name in made or name in {step.name for step in method.steps}]
    table = statistics(measurements, names, optional=set(names) - {step.name for step in method.steps})
    files = {TABLE: as_csv(table).encode(), PARQUET: as_parquet(table), COLUMNS: column_list(table).encode()}
    observed = [item for item in measurements if has_irradiance(item)] if method.name == MOON.name else []
    for sensor in sorted({item.sensor for item in observed}):
        files[f"glod_{sensor}.nc"] = glod_series([item for item in observed if item.sensor == sensor])
        camera = _camera(sensors.get(sensor, sensor), [item for item in observed if item.sensor == sensor])
        files |= {} if camera is None else {f"srf_{sensor}.nc": glod_responses(camera)}
    files |= {f"{OBSERVATIONS}/{_spelled(item.acquisition)}.nc": glod_observation(item) for item in observed}
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        publish_file(path, content)
    return [folder / name for name in files]


def _camera(name: str, observed: Sequence[Measurement]) -> Sensor | None:
    """The sensor by its file, None where that is not there any more or is not the one that all of `observed` were made with."""
    causes = (cause for item in observed for result in item.results.values() for cause in result.lineage.causes)
    used = {cause.content for cause in causes if cause.role == "sensor"}
    try:
        sensor = load_sensor(name)
    except RequestError:
        return None
    return sensor if used == {sensor.digest} else None


def _spelled(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name).lstrip(".") or "observation"


def _steps() -> list[str]:
    """All steps of all treatments of stray light, in the order in which people want to read of them; the coefficients last."""
    found: list[str] = []
    for method in BY_STRAYLIGHT.values():
        names = [step.name for step in method.steps]
        for place, name in enumerate(names):
            if name not in found:
                # behind the step that it follows
                found.insert(found.index(names[place - 1]) + 1 if place and found else len(found), name)
    return found


def _current(archive: Archive) -> dict[str, dict[str, Result]]:
    """By acquisition: its current coefficients with the results that they were made from and what was made from them; without coefficients, what is
    current of each step."""
    keys: dict[str, dict[str, str]] = {}
    names = _steps()
    for step in reversed(names):
        for entry in archive.results(step=step, current_only=True):
            mine = keys.setdefault(entry.subject, {})
            chain = {name: key for name, key in _chain(archive, entry.key).items() if name in names}
            # what is current of a step need not be what the coefficients were made from
            if step not in mine and mine.get(names[-1]) in (None, chain.get(names[-1])):
                mine |= {name: key for name, key in chain.items() if name not in mine}
    loaded = {
        subject: {step: archive.get(mine[step], step) for step in names if step in mine}
        for subject, mine in keys.items()
    }
    return {
        subject: {step: result for step, result in results.items() if result is not None}
        for subject, results in loaded.items()
    }


def _chain(archive: Archive, key: str) -> dict[str, str]:
    """Keys of a result and of all results that it depends on, by step name."""
    manifest = archive.manifest(key)
    if manifest is None:
        return {}
    found = {manifest.lineage.step: key}
    for cause in manifest.lineage.causes:
        if cause.key:
            found = _chain(archive, cause.key) | found
    return found
