"""Angles, dates, orbit and attitude of Pléiades and Pléiades Neo products in DIMAP version 2."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import xarray as xr

from calib.products.dimap_header import few
from calib.products.files import utc_date
from calib.products.tables import CENTER, angle_table, attitude, ephemeris
from calib.products.xml import Node, shortened

_PLACES = {"top": 0.0, "center": 0.5, "bottom": 1.0, "left": 0.0, "right": 1.0}
_SECONDS = {"ms": 1e-3, "millisecond": 1e-3, "microsecond": 1e-6, "us": 1e-6, "s": 1.0, "second": 1.0}
#: IERS Conventions (2010), table 1.1
EARTH_ROTATION_RAD_S = 7.292115e-5
#: two hundred seconds of orbit or attitude every 4.4 ms, as Pléiades Neo gives them
MOST_STATES = 50_000
_BLOCKS = "Geometric_Data/Use_Area/Located_Geometric_Values"


def view_azimuth(heading: float, across: float, along: float) -> float:
    """Azimuth of the satellite from the target by the incidences across and along the track and the track's `heading`, all in degrees.

    Checked against the ephemeris and attitude of a public Pléiades 1B system file: 0.05 degrees.
    """
    return float(heading - np.degrees(np.arctan2(np.tan(np.radians(across)), np.tan(np.radians(along)))))


def place(label: str) -> tuple[float, float] | None:
    """Fraction of the image's height and width of a `LOCATION_TYPE` ("Top Center", "TopCenter", "Center"); None for another."""
    found = re.fullmatch(r"(top|center|bottom)?(left|center|right)?", re.sub(r"[\s_-]", "", label).lower())
    if not found or not label.strip():
        return None
    return _PLACES[found[1] or "center"], _PLACES[found[2] or "center"]


def angles(root: Node, bands: Sequence[str], warn: list[str]) -> xr.Dataset | None:
    """Angles of the located values, "center" first whatever its place in the file."""
    rows: dict[str, tuple[float, ...]] = {}
    blocks = few(root, _BLOCKS, 25)
    if not blocks:
        warn.append("Located_Geometric_Values: missing; the product has no angles")
        return None
    for block in blocks:
        label = block.text("LOCATION_TYPE")
        where = place(label)
        if where is None:
            warn.append(f"LOCATION_TYPE: {shortened(label)!r} is not known; its angles are left out")
            continue
        name = CENTER if where == (0.5, 0.5) else re.sub(r"[\s_-]", "", label).lower()
        if name in rows:
            raise block.refuse(f"a second LOCATION_TYPE {label!r}; the file is damaged")
        rows[name] = (*where, *_directions(block))
    if CENTER not in rows:
        raise root.refuse(f"no LOCATION_TYPE Center among {', '.join(rows)}; the file is incomplete")
    points = [CENTER, *(name for name in rows if name != CENTER)]
    down, across, *four = np.array([rows[name] for name in points]).T
    sun, view = (four[0], four[1]), (four[2], four[3])
    return angle_table(str(root.file), bands, points, (down, across), sun, view)


def center_date(root: Node) -> np.datetime64 | None:
    """When the middle of the image was seen, UTC; None where the product does not say."""
    for block in few(root, _BLOCKS, 25):
        if place(block.text("LOCATION_TYPE", "")) == (0.5, 0.5) and block.has("TIME"):
            return utc_date(block.text("TIME"), f"{block.file}: {block.where}/TIME")
    return None


def _directions(block: Node) -> tuple[float, float, float, float]:
    """Sun zenith and azimuth, view zenith and azimuth, in degrees."""
    sun = 90.0 - block.number("Solar_Incidences/SUN_ELEVATION", least=-90, most=90)
    sun_azimuth = block.number("Solar_Incidences/SUN_AZIMUTH", least=-360, most=360)
    view = block.child("Acquisition_Angles")
    tilt = view.number("INCIDENCE_ANGLE", least=0, most=90)
    heading = view.number("AZIMUTH_ANGLE", least=-360, most=360)
    if view.has("IMAGE_ORIENTATION"):
        # then AZIMUTH_ANGLE is the direction of the satellite itself, and no heading
        return sun, sun_azimuth, tilt, heading
    along = view.number("INCIDENCE_ANGLE_ALONG_TRACK", least=-90, most=90)
    return (
        sun,
        sun_azimuth,
        tilt,
        view_azimuth(heading, view.number("INCIDENCE_ANGLE_ACROSS_TRACK", least=-90, most=90), along),
    )


def line_dates(root: Node, lines: int, warn: list[str]) -> tuple[np.datetime64, float]:
    """Date of the first line and seconds between lines; not-a-time and not-a-number for an image on a map."""
    time = root.maybe("Geometric_Data/Refined_Model/Time")
    if time is None or root.text("Geoposition/Raster_CRS/RASTER_GEOMETRY", "SENSOR") != "SENSOR":
        return np.datetime64("NaT", "ns"), float("nan")
    first, last = (
        utc_date(time.text(f"Time_Range/{name}"), f"{time.file}: {time.where}/Time_Range/{name}")
        for name in ("START", "END")
    )
    period = time.child("Time_Stamp/LINE_PERIOD")
    unit = period.attribute("unit", "ms")
    if unit not in _SECONDS:
        raise period.refuse(f"unit {shortened(unit)!r} is not known (known: {', '.join(_SECONDS)})")
    period_s = period.number(least=1e-9, most=0.1 / _SECONDS[unit]) * _SECONDS[unit]
    check_span(first, last, period_s, lines, "Refined_Model/Time", warn)
    return first, period_s


def check_span(
    first: np.datetime64, last: np.datetime64, period_s: float, lines: int, what: str, warn: list[str]
) -> None:
    """A warning where the period does not lead from the first date to the last: to the last line or just past it."""
    spanned = (last - first) / np.timedelta64(1, "ns") * 1e-9 / period_s
    if not lines - 2 <= spanned <= lines + 1:
        warn.append(f"{what}: START to END is {spanned:.1f} line periods for {lines} lines; dates count from START")


def refined_orbit(root: Node, warn: list[str]) -> tuple[xr.Dataset | None, xr.Dataset | None]:
    """Ephemeris and attitude of the refined model in the Earth-fixed frame, None where it has none.

    The quaternions are scalar first and turn vectors of the sensor (x along, y across the image, z down the line of sight) to the Earth-fixed frame.
    """
    model = root.maybe("Geometric_Data/Refined_Model")
    points = few(model, "Ephemeris/Point_List/Point", MOST_STATES) if model else []
    turns = few(model, "Attitudes/Quaternion_List/Quaternion", MOST_STATES) if model else []
    orbit = turned = None
    if points:
        position_m = np.array([point.numbers("LOCATION_XYZ", count=3) for point in points])
        velocity_m_s = np.array([point.numbers("VELOCITY_XYZ", count=3) for point in points])
        orbit = earth_fixed_orbit(str(root.file), _times(points, "TIME"), position_m, velocity_m_s, warn)
    if turns:
        values = [[turn.number(f"Q{index}", least=-1.1, most=1.1) for index in range(4)] for turn in turns]
        turned = attitude(str(root.file), _times(turns, "TIME"), values, "sensor", "ITRF")
    return orbit, turned


def earth_fixed_orbit(
    source: str, times: np.ndarray, position_m: np.ndarray, velocity_m_s: np.ndarray, warn: list[str]
) -> xr.Dataset:
    """Orbit in the Earth-fixed frame of positions and velocities along its axes.

    System files of Pléiades give inertial velocities (a public one shows it against its own positions and Doris points): the rotation of the
    Earth is taken off where that brings them nearer to the positions' differences.
    """
    given: xr.Dataset = ephemeris(source, times, position_m, velocity_m_s, "ITRF")
    position, velocity = given["position"].values, given["velocity"].values
    relative = velocity - np.cross([0.0, 0.0, EARTH_ROTATION_RAD_S], position)
    if len(position) > 1:
        step = (np.diff(given["time"].values) / np.timedelta64(1, "ns")) * 1e-9
        differences = np.diff(position, axis=0) / step[:, None]
        far, near = (float(np.abs((item[1:] + item[:-1]) / 2 - differences).max()) for item in (velocity, relative))
        if far < near:
            relative = velocity
        # the mean of two velocities departs from the chord by the orbit's curvature, 0.6 m/s at 30 s
        if min(far, near) > 0.05 * float(step.max()) + 1.0:
            warn.append(f"Ephemeris: velocities depart from the positions' differences by {min(far, near):.1f} m/s")
    given["velocity"] = given["velocity"].copy(data=relative)
    return given


def _times(nodes: Sequence[Node], name: str) -> np.ndarray:
    return np.array([utc_date(node.text(name), f"{node.file}: {node.where}/{name}") for node in nodes])
