"""A table of times and places: read, checked row by row, and carried to GCRF."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from calib.errors import RequestError
from orbit_aux.constants import WGS84_EQUATORIAL_RADIUS_M, WGS84_POLAR_RADIUS_M
from orbit_aux.errors import OrbitError
from orbit_aux.frames import from_geodetic, rotation
from orbit_aux.time import Times

#: the two forms of input, with the limits of each number: (smallest, largest, remedy)
_INERTIAL = dict.fromkeys(("x_km", "y_km", "z_km"), (-3e5, 3e5, "give GCRF kilometres from the centre of the Earth"))
_GEODETIC = {
    "lat_deg": (-90.0, 90.0, "give the geodetic latitude in degrees"),
    "lon_deg": (-360.0, 360.0, "give the longitude in degrees, east positive"),
    "height_m": (-500.0, 3e8, "give the height above the WGS84 ellipsoid in metres, not below the ground"),
}
# 1 km below the WGS84 ellipsoid, whose axis lies a little beside that of GCRF
_SMALLEST_RADIUS_KM = WGS84_EQUATORIAL_RADIUS_M / 1e3 - 1.0
_STRETCH = np.array([1.0, 1.0, WGS84_EQUATORIAL_RADIUS_M / WGS84_POLAR_RADIUS_M])
_PLAIN_UTC = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-5][0-9](\.[0-9]{1,9})?")


def read_geometries(path: Path) -> tuple[Times, np.ndarray]:
    """Times and GCRF positions (n, 3) in m of a CSV with the columns utc,x_km,y_km,z_km or utc,lat_deg,lon_deg,height_m, in any order.

    Lines that start with # and empty ones are ignored. RequestError naming the row, counted from 1 below the header, and its line in the file.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream)
            lines = [(reader.line_num, row) for row in reader if row and not row[0].startswith("#")]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RequestError(f"{path}: cannot be read as a CSV file in UTF-8 ({error})") from None
    header = [name.strip() for name in lines[0][1]] if lines else []
    limits = next((form for form in (_INERTIAL, _GEODETIC) if sorted(header) == sorted(["utc", *form])), None)
    if limits is None:
        raise RequestError(
            f"{path}: the columns are '{','.join(header)[:100]}'; give utc,x_km,y_km,z_km or utc,lat_deg,lon_deg,height_m"
        )
    rows = _Rows(path, lines[1:])
    for number, (_, row) in enumerate(lines[1:]):
        if len(row) != len(header):
            raise rows.error(number, f"has {len(row)} fields where the header has {len(header)}; remove or add fields")
    if len(lines) < 2:
        raise RequestError(f"{path}: has a header but no row; add one row per geometry")
    columns = dict(zip(header, zip(*(row for _, row in lines[1:]), strict=True), strict=True))
    times = _times(columns["utc"], rows)
    values = np.stack([_numbers(name, columns[name], limit, rows) for name, limit in limits.items()], axis=1)
    return times, _position_m(times, values, limits is _GEODETIC, rows)


class _Rows:
    """Where each row stands in its file, for errors."""

    def __init__(self, path: Path, lines: list[tuple[int, list[str]]]) -> None:
        self.path, self.lines = path, lines

    def error(self, number: int, text: str) -> RequestError:
        return RequestError(f"{self.path}: row {number + 1} (line {self.lines[number][0]}) {text}")


def _times(texts: Sequence[str], rows: _Rows) -> Times:
    plain = [text.strip().removesuffix("Z") for text in texts]
    if all(map(_PLAIN_UTC.fullmatch, plain)):
        try:
            return Times.from_utc(np.array(plain, dtype="datetime64[ns]"))
        except (OrbitError, ValueError):
            # some date does not exist: found below
            pass
    try:
        return Times.from_utc(list(texts))
    except OrbitError:
        for number, text in enumerate(texts):
            try:
                Times.from_utc(text)
            except OrbitError as error:
                raise rows.error(number, f"is refused: {error}") from None
        raise


def _numbers(name: str, texts: Sequence[str], limits: tuple[float, float, str], rows: _Rows) -> np.ndarray:
    low, high, remedy = limits
    try:
        values = np.array(texts, dtype=float)
    except ValueError:
        number = next(index for index, text in enumerate(texts) if not _is_number(text))
        raise rows.error(number, f"has {name} '{texts[number][:40]}', no number; {remedy}") from None
    wrong = ~((values >= low) & (values <= high))
    if wrong.any():
        number = int(np.argmax(wrong))
        raise rows.error(number, f"has {name} {texts[number].strip()[:40]}, outside {low:g}..{high:g}; {remedy}")
    return values


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _position_m(times: Times, values: np.ndarray, geodetic: bool, rows: _Rows) -> np.ndarray:
    if not geodetic:
        below = np.linalg.norm(values * _STRETCH, axis=1) < _SMALLEST_RADIUS_KM
        if below.any():
            number = int(np.argmax(below))
            raise rows.error(
                number,
                f"lies {np.linalg.norm(values[number]):.1f} km from the centre of the Earth, below the ground; give GCRF kilometres",
            )
        return values * 1e3
    place = from_geodetic(np.radians(values[:, 1]), np.radians(values[:, 0]), values[:, 2])
    try:
        matrix = rotation(times, "ITRF", "GCRF")
    except OrbitError as error:
        raise rows.error(int(np.argmin(times.tai_ns)), f"is refused: {error}") from None
    return np.asarray(np.einsum("nij,nj->ni", matrix, place))
