"""`etalon orbit geolocate`: pixels of a push-broom camera to the ground, from files to a table, or over blocks of lines of a large grid."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from calib.errors import RequestError
from calib.steps import NoParameters, Step
from flows.cluster import open_cluster
from flows.orbits.writing import refuse_inputs, write_whole
from orbit_aux.ccsds import read_aem, read_oem
from orbit_aux.location.angles import angles, uncertainty
from orbit_aux.location.geolocate import FLAGS, Camera, Corrections, locate, locate_image
from orbit_aux.location.lines_of_sight import LinesOfSight, read_lines_of_sight
from orbit_aux.location.terrain import Terrain, read_terrain
from orbit_aux.tables import utc_of
from orbit_aux.time import Times

# lowest and highest ground: between them the lines of sight meet it
_GROUND_M = (-500.0, 9_000.0)
_PLACES = ("lon_deg", "lat_deg", "height_m", "flag")
#: written columns, variables and digits
_ANGLES = {
    "view_zenith_deg": "view_zenith",
    "view_azimuth_deg": "view_azimuth",
    "sun_zenith_deg": "sun_zenith",
    "sun_azimuth_deg": "sun_azimuth",
}
_SIGMAS = {"sigma_east_m": "east_sigma", "sigma_north_m": "north_sigma"}


@dataclass(frozen=True)
class Ground:
    """What the lines of sight meet: a height over the ellipsoid, or a terrain raster with heights over it or over a geoid."""

    height_m: float | None = None
    terrain: Path | None = None
    geoid: Path | None = None

    def __post_init__(self) -> None:
        if self.height_m is not None and self.terrain is not None:
            raise RequestError("--height and --terrain: give one of them")
        if self.geoid is not None and self.terrain is None:
            raise RequestError(f"--geoid {self.geoid}: heights of a --terrain only are over a geoid; give it too")


#: of the quaternions of an AEM: as the standard says, the other way round, or whichever lets the camera see the Earth
SENSES = ("auto", "standard", "opposite")


class Extras(NamedTuple):
    """What else is written: view and Sun angles; standard deviations by the orbit's covariance and this attitude's sigma (rad)."""

    angles: bool = False
    attitude_sigma_rad: float | None = None


class Grid(NamedTuple):
    """The rows of a table with the columns utc and column, as they were read, and what they say."""

    head: list[str]
    rows: list[list[str]]
    times: Times
    columns: np.ndarray


def write_locations(
    files: tuple[Path, Path, Path],
    grid: Path,
    output: Path,
    ground: Ground = Ground(),
    corrections: Corrections = Corrections(),  # noqa: B008
    extras: Extras = Extras(),  # noqa: B008
    sense: str = "auto",
) -> list[str]:
    """Locate the pixels of the CSV `grid` by the `files` (orbit, attitude, lines of sight), write the CSV `output`, return the lines to print.

    `sense` of the quaternions is one of SENSES.
    """
    if sense not in SENSES:
        raise RequestError(f"--quaternion-sense {sense!r}: use one of {', '.join(SENSES)}")
    refuse_inputs(output, (*files, grid))
    asked = read_grid(grid, extras)
    camera, remark = _by_sense(
        Camera(read_oem(files[0]), read_aem(files[1]), read_lines_of_sight(files[2])), asked, corrections, sense
    )
    surface = _surface(camera, asked, ground, corrections)
    located = locate(camera, asked.times, asked.columns, surface, corrections)
    values = [located["longitude"].values, located["latitude"].values, located["height"].values]
    forms, names = ["%.11f", "%.11f", "%.4f"], list(_PLACES[:3])
    if extras.angles:
        table = angles(camera, asked.times, located)
        values += [table[name].values for name in _ANGLES.values()]
        forms, names = forms + ["%.6f"] * len(_ANGLES), names + list(_ANGLES)
    if extras.attitude_sigma_rad is not None:
        table = uncertainty(camera, asked.times, located, extras.attitude_sigma_rad)
        values += [table[name].values for name in _SIGMAS.values()]
        forms, names = forms + ["%.4f"] * len(_SIGMAS), names + list(_SIGMAS)
    flags = [FLAGS[number] for number in located["flag"].values.tolist()]
    _write(output, asked, [*names, "flag"], forms, np.stack(values, axis=-1), flags)
    return [*remark, *_told(camera, located, output)]


def _by_sense(camera: Camera, asked: Grid, corrections: Corrections, sense: str) -> tuple[Camera, list[str]]:
    """The camera with its quaternions in the sense asked for, and what is to be said of that."""
    turned = replace(
        camera,
        attitude=replace(camera.attitude, quaternion=camera.attitude.quaternion * np.array([1.0, -1.0, -1.0, -1.0])),
    )
    if sense == "standard":
        return camera, []
    if sense == "opposite":
        return turned, ["attitude: quaternions taken the other way round than the standard says, as asked"]
    few = np.unique(np.linspace(0, len(asked.columns) - 1, 50).astype(int))
    here, there = (
        locate(item, asked.times[few], asked.columns[few], corrections=corrections)["flag"].values == 0
        for item in (camera, turned)
    )
    # a camera that looks at the ground does not look at the sky: some writers mean the inverse rotation
    if here.any() or not there.all():
        return camera, []
    said = "quaternions taken the other way round than the standard says: by the standard no line of sight meets the Earth, so all do"
    return turned, [f"attitude: {said} (--quaternion-sense decides otherwise)"]


def locate_grid(
    camera: Camera,
    times: Times,
    columns: ArrayLike,
    surface: float | Terrain = 0.0,
    corrections: Corrections = Corrections(),  # noqa: B008
    *,
    cluster: str = "processes",
    lines: int = 2_000,
) -> xr.Dataset:
    """As `orbit_aux.location.geolocate.locate_image`, over ("line", "column"), in blocks of `lines` lines on a cluster of configs/cluster."""
    wanted = np.asarray(columns, dtype=np.float64)
    blocks = []
    for first in range(0, len(times), lines):
        part = times[first : first + lines]
        own = replace(
            camera, orbit=camera.orbit.arc(part.min(), part.max()), attitude=camera.attitude.arc(part.min(), part.max())
        )
        blocks.append(_Block(own, part, wanted, surface, corrections))
    if not blocks:
        raise RequestError("no line to locate: give the times of the lines")
    with open_cluster(cluster) as place, ThreadPoolExecutor(place.width) as pool:
        done = list(pool.map(lambda block: place.compute(_BLOCK, (block,), NoParameters()), blocks))
    return xr.concat(done, "line", combine_attrs="override", data_vars="minimal", coords="minimal", compat="override")


@dataclass(frozen=True, eq=False)
class _Block:
    """Some lines of an image, as the input of a step."""

    camera: Camera
    times: Times
    columns: np.ndarray
    surface: float | Terrain
    corrections: Corrections

    @property
    def digest(self) -> str:
        sha = hashlib.sha256(repr((self.camera.orbit.digest, self.camera.attitude.digest, self.corrections)).encode())
        for values in (self.times.tai_ns, self.columns, self.camera.lines_of_sight.directions):
            sha.update(np.ascontiguousarray(values).tobytes())
        sha.update((self.surface.source if isinstance(self.surface, Terrain) else repr(self.surface)).encode())
        return sha.hexdigest()

    @property
    def label(self) -> str:
        return f"{len(self.times)} lines of {self.camera.orbit.object_name}"


def _located(block: _Block, parameters: NoParameters) -> xr.Dataset:  # noqa: ARG001
    return locate_image(block.camera, block.times, block.columns, block.surface, block.corrections)


_BLOCK = Step("ground_points", "1", ("block",), NoParameters, _located)


def read_grid(path: Path, extras: Extras = Extras()) -> Grid:  # noqa: B008
    """The table of a CSV file with the columns utc and column and any others."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = [row for row in csv.reader(line for line in stream if not line.startswith("#")) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RequestError(f"{path}: cannot be read ({error}); give a table with the columns utc,column") from None
    head = [name.strip() for name in rows[0]] if rows else []
    lacking = [name for name in ("utc", "column") if name not in head]
    if lacking:
        raise RequestError(f"{path}: column {', '.join(lacking)} is missing; the columns are utc,column and any others")
    written = [
        *_PLACES,
        *(_ANGLES if extras.angles else ()),
        *(_SIGMAS if extras.attitude_sigma_rad is not None else ()),
    ]
    taken = [name for name in head if name in written]
    if taken:
        raise RequestError(f"{path}: has a column {taken[0]}, which is to be added; rename it")
    if len(rows) < 2:
        raise RequestError(f"{path}: holds no pixel; give a line per pixel")
    utc, column = head.index("utc"), head.index("column")
    columns = np.empty(len(rows) - 1)
    for number, row in enumerate(rows[1:]):
        try:
            if len(row) != len(head):
                raise ValueError
            columns[number] = float(row[column])
        except ValueError:
            raise RequestError(
                f"{path}: the row {','.join(row)[:100]!r} does not have {len(head)} values with a number for column; correct it"
            ) from None
    return Grid(head, rows[1:], utc_of(path, [row[utc] for row in rows[1:]]), columns)


def _surface(camera: Camera, asked: Grid, ground: Ground, corrections: Corrections) -> float | Terrain:
    if ground.terrain is None:
        return ground.height_m or 0.0
    # the part of the terrain between the highest and the lowest ground that is looked at
    part = [locate(camera, asked.times, asked.columns, height, corrections) for height in _GROUND_M]
    lon = np.concatenate([item["longitude"].values for item in part])
    lat = np.concatenate([item["latitude"].values for item in part])
    seen = np.isfinite(lon)
    bounds = None
    if seen.any() and np.ptp(lon[seen]) < 180.0:
        rim = 0.02
        bounds = (
            float(max(lon[seen].min() - rim, -180.0)),
            float(max(lat[seen].min() - rim, -90.0)),
            float(min(lon[seen].max() + rim, 180.0)),
            float(min(lat[seen].max() + rim, 90.0)),
        )
    return read_terrain(ground.terrain, ground.geoid, bounds)


def _write(
    output: Path, asked: Grid, names: Sequence[str], forms: Sequence[str], values: np.ndarray, flags: Sequence[str]
) -> None:
    form = ",".join(forms)
    with write_whole(output) as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow([*asked.head, *names])
        for row, numbers, flag in zip(asked.rows, values.tolist(), flags, strict=True):
            # what is not a number is left empty
            table.writerow([*row, *(form % tuple(numbers)).replace("nan", "").split(","), flag])


def _told(camera: Camera, located: xr.Dataset, output: Path) -> list[str]:
    flag = located["flag"].values
    counts = [f"{int((flag == number).sum())} {name}" for number, name in enumerate(FLAGS) if (flag == number).any()]
    return [
        f"orbit: {camera.orbit.object_name}, {camera.orbit.frame}, {camera.orbit.source}",
        f"attitude: {camera.attitude.body} in {camera.attitude.frame}, {camera.attitude.source}",
        f"{output}: {len(flag)} pixels: {', '.join(counts)}",
    ]


__all__ = ["Extras", "Grid", "Ground", "LinesOfSight", "locate_grid", "read_grid", "write_locations"]
