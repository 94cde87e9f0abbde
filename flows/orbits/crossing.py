"""`etalon orbit crossing`: when the Moon, the Sun or stars cross the lines of sight of each band, how fast, and the limb in the image, to a table."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from calib.errors import RequestError
from flows.orbits.writing import refuse_inputs, write_whole
from orbit_aux.attitude import Attitude
from orbit_aux.ccsds import read_aem, read_oem
from orbit_aux.errors import OrbitError
from orbit_aux.location.geolocate import Camera
from orbit_aux.location.limb import limb_ellipse, limb_in_image
from orbit_aux.location.lines_of_sight import LinesOfSight, read_lines_of_sight
from orbit_aux.location.sky import BODIES, Stars, crossing, oversampling
from orbit_aux.moon_view import moon_geometry
from orbit_aux.orbit import Orbit
from orbit_aux.tables import read_rows, utc_of
from orbit_aux.time import Times

_COLUMNS = (
    "band",
    "target",
    "utc",
    "column",
    "rate_rads",
    "oversampling",
    "phase_deg",
    "distance_km",
    "limb_centre_utc",
    "limb_centre_column",
    "limb_half_lines_s",
    "limb_half_columns",
    "limb_correlation",
)
_MILLIARCSECOND = np.pi / 648e6


class Scan(NamedTuple):
    """From when to when (None: what the attitude covers), and the line period (s) where oversampling is wanted."""

    start: str | None = None
    stop: str | None = None
    line_period_s: float | None = None


def write_crossings(files: tuple[Path, Path], bands: Sequence[str], target: str, scan: Scan, output: Path) -> list[str]:
    """Read the orbit and the attitude of `files` and the lines of sight of `bands` (NAME=FILE or FILE), write the CSV `output`; returns the lines to print."""
    orbit, attitude = read_oem(files[0]), read_aem(files[1])
    start, stop = _span(attitude, scan)
    stars = None if target in BODIES else Path(target)
    refuse_inputs(output, (*files, stars, *(Path(item.partition("=")[2] or item) for item in bands)))
    sights = _sights(bands)
    wanted: str | Stars = target if stars is None else read_stars(stars)
    rows: list[dict[str, str]] = []
    for band, sight in sights.items():
        rows += _rows(band, Camera(orbit, attitude, sight), wanted, (start, stop), scan.line_period_s)
    with write_whole(output) as stream:
        writer = csv.DictWriter(stream, _COLUMNS, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    seen = sum("utc" in row for row in rows)
    return [
        f"{output}: {seen} of {len(rows)} crossings found between {start.utc_strings(3)[0]} and {stop.utc_strings(3)[0]}"
    ]


def read_stars(file: Path) -> Stars:
    """Stars of a CSV file: name, ra_deg, dec_deg at `epoch_utc`, pm_ra_mas (with the cosine of the declination) and pm_dec_mas a year, parallax_mas."""
    columns = ("name", "ra_deg", "dec_deg", "pm_ra_mas", "pm_dec_mas", "parallax_mas", "epoch_utc")
    if not file.exists():
        raise RequestError(f"--target {file}: is neither moon nor sun nor a table of stars; give {', '.join(columns)}")
    rows = read_rows(file, columns, "stars")
    epochs = {row["epoch_utc"] for row in rows}
    if len(epochs) != 1:
        raise RequestError(f"{file}: names {len(epochs)} epochs; bring all stars to one")
    try:
        values = np.array([[float(row[name]) for name in columns[1:6]] for row in rows]).T
    except (TypeError, ValueError) as error:
        raise RequestError(f"{file}: a value is no number ({error}); correct it") from None
    return Stars(
        tuple(row["name"] for row in rows),
        np.radians(values[0]),
        np.radians(values[1]),
        (values[2] * _MILLIARCSECOND, values[3] * _MILLIARCSECOND),
        values[4] * _MILLIARCSECOND,
        utc_of(file, [epochs.pop() or ""]),
    )


def _sights(bands: Sequence[str]) -> dict[str, LinesOfSight]:
    sights: dict[str, LinesOfSight] = {}
    for item in bands:
        name, sight = _named(item)
        if not name or name in sights:
            raise RequestError(
                f"--los {item}: {f'{name} stands twice' if name else 'no name'}; give BAND=LOS.csv, each band once"
            )
        sights[name] = sight
    return sights


def _named(item: str) -> tuple[str, LinesOfSight]:
    name, found, file = item.partition("=")
    path = Path(file if found else item)
    return (name if found else path.stem), read_lines_of_sight(path)


def _span(attitude: Attitude, scan: Scan) -> tuple[Times, Times]:
    first, last = attitude.times.min(), attitude.times.max()
    start = first if scan.start is None else _instant("--start", scan.start)
    stop = last if scan.stop is None else _instant("--stop", scan.stop)
    return start, stop


def _instant(option: str, text: str) -> Times:
    try:
        return Times.from_utc(text)
    except OrbitError as error:
        raise RequestError(f"{option}: {error}") from None


def _rows(
    band: str, camera: Camera, target: str | Stars, span: tuple[Times, Times], line_period_s: float | None
) -> Iterator[dict[str, str]]:
    found = crossing(camera, target, *span)
    names = [target] if isinstance(target, str) else list(target.names)
    for row, name in enumerate(names):
        told = {"band": band, "target": name}
        if found["flag"].values[row] == 0:
            time = span[0] + float(found["seconds"].values[row])
            column, rate = float(found["column"].values[row]), float(found["rate"].values[row])
            told |= {"utc": time.utc_strings(6)[0], "column": f"{column:.4f}", "rate_rads": f"{rate:.9g}"}
            if line_period_s is not None:
                over = oversampling(rate, _pixel_rad(camera.lines_of_sight, column), line_period_s)
                told["oversampling"] = f"{float(over):.6g}"
            told |= _of_moon(camera.orbit, time) if name == "moon" else {}
        yield told | (_limb(camera, name, span) if name in BODIES else {})


def _of_moon(orbit: Orbit, time: Times) -> Mapping[str, str]:
    geometry = moon_geometry(time, orbit.at(time).position_m, light_time=True)
    return {
        "phase_deg": f"{float(geometry['phase'].values[0]):.6f}",
        "distance_km": f"{float(geometry['moon_distance'].values[0]):.3f}",
    }


def _limb(camera: Camera, body: str, span: tuple[Times, Times]) -> dict[str, Any]:
    try:
        ellipse = limb_ellipse(limb_in_image(camera, body, *span))
    except OrbitError:
        # too little of it is scanned: the crossing of the centre, if any, stands alone
        return {}
    centre = span[0] + float(ellipse["centre_seconds"])
    return {
        "limb_centre_utc": centre.utc_strings(6)[0],
        "limb_centre_column": f"{float(ellipse['centre_column']):.4f}",
        "limb_half_lines_s": f"{float(ellipse['half_seconds']):.9g}",
        "limb_half_columns": f"{float(ellipse['half_columns']):.4f}",
        "limb_correlation": f"{float(ellipse['correlation']):.6f}",
    }


def _pixel_rad(sight: LinesOfSight, column: float) -> float:
    """The angle between neighbouring columns."""
    low = min(max(column - 0.5, sight.columns[0]), sight.columns[-1] - 1.0)
    one, other = sight.at([low, low + 1.0])
    return float(np.arctan2(np.linalg.norm(np.cross(one, other)), one @ other))
