"""Ephemeris, attitudes and lines of sight of a Pléiades system file."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from calib.products import tables
from calib.products.dimap_geometry import MOST_STATES, earth_fixed_orbit
from calib.products.dimap_header import few
from calib.products.files import utc_date
from calib.products.xml import Node

_MODEL = "Geometric_Data/Sensor_Model_Characteristics"
_EPHEMERIS = "Data_Strip/Ephemeris"
_ATTITUDES = "Data_Strip/Satellite_Attitudes/Corrected_Attitudes/WGS84_Attitudes_List/WGS84_Attitudes"
#: what the components of the polynomials of the attitude may differ from its list: ten times what was seen in a public file
_AGREEMENT = 2e-5
#: a strip takes seconds
_LONGEST = np.timedelta64(1, "h")
_SECOND = np.timedelta64(1, "s")


def model_span(root: Node) -> tuple[np.datetime64, np.datetime64]:
    """First and last date of the sensor model, UTC."""
    block = root.child(f"{_MODEL}/UTC_Sensor_Model_Range")
    first, last = (utc_date(block.text(name), f"{block.file}: {block.where}/{name}") for name in ("START", "END"))
    if not first < last < first + _LONGEST:
        raise block.refuse(f"START {first} and END {last} span no strip of seconds; the file is damaged")
    return first, last


def orbit(root: Node, warnings: list[str]) -> xr.Dataset | None:
    """Positions and velocities in the Earth-fixed frame: the point list, or the Doris points where it is absent."""
    lists = (f"{_EPHEMERIS}/Point_List/Point", f"{_MODEL}/Sensor_Ephemeris/Point_List/Point")
    points = few(root, lists[0], MOST_STATES) or few(root, lists[1], MOST_STATES)
    if points:
        times = _dates(points, "UTC_TIME")
        position, velocity = _vectors(points, 1.0, 1.0, ("m", "m/s"))
        return earth_fixed_orbit(str(root.file), times, position, velocity, warnings)
    doris = few(root, f"{_EPHEMERIS}/Doris_Point_List/Doris_Point", MOST_STATES)
    if not doris:
        warnings.append("Ephemeris: neither Point_List nor Doris_Point_List; the product has no orbit")
        return None
    warnings.append("Ephemeris: Point_List is missing, the Doris points are taken")
    offset = root.child("Data_Strip/Sensor_Configuration/Time_Stamp/TAI_UTC").integer(least=10, most=60)
    times = _dates(doris, "TAI_TIME") - offset * _SECOND
    position, velocity = _vectors(doris, 0.01, 0.001, ("cm", "mm/s"))
    return tables.ephemeris(str(root.file), times, position, velocity, "ITRF")


def _vectors(
    points: Sequence[Node], metres: float, metres_per_s: float, units: tuple[str, str]
) -> tuple[np.ndarray, np.ndarray]:
    for name, unit in zip(("LOCATION_VALUES", "VELOCITY_VALUES"), units, strict=True):
        node = points[0].child(name)
        if node.attribute("unit", unit) != unit:
            raise node.refuse(
                f"unit {node.attribute('unit')[:40]!r} where {unit} belongs; the file is of another version"
            )
    position = np.array([point.numbers("LOCATION_VALUES", count=3) for point in points])
    velocity = np.array([point.numbers("VELOCITY_VALUES", count=3) for point in points])
    return position * metres, velocity * metres_per_s


def attitudes(root: Node, warnings: list[str]) -> xr.Dataset | None:
    """Corrected attitudes over time, scalar first, turning vectors of the sensor to the Earth-fixed frame; where the product has none, its polynomials
    eight times a second. `model_quaternion` are the polynomials at the same dates, NaN outside their span."""
    nodes, model = few(root, _ATTITUDES, MOST_STATES), root.maybe(f"{_MODEL}/Sensor_Attitudes")
    if not nodes and model is None:
        warnings.append(
            "Satellite_Attitudes: neither WGS84_Attitudes_List nor Polynomial_Models; the product has no attitude"
        )
        return None
    if nodes:
        times = _dates(nodes, "UTC_TIME")
        given = [node.numbers("Q_VALUES", count=4) for node in nodes]
    else:
        first, last = model_span(root)
        times = np.arange(first, last + np.timedelta64(125, "ms"), np.timedelta64(125, "ms"))
        times[-1] = last
    modelled = _polynomials(model, times) if model is not None else np.full((len(times), 4), np.nan)
    turned = tables.attitude(str(root.file), times, given if nodes else modelled, "sensor", "ITRF")
    # the polynomials' dates are those of the list before it was sorted
    order = np.argsort(times, kind="stable")
    turned["model_quaternion"] = (("time", "component"), modelled[order], {"units": "1"})
    differ = np.abs(turned["model_quaternion"] - turned["quaternion"]).max().item()
    if differ > _AGREEMENT:
        warnings.append(f"Polynomial_Models: differ from WGS84_Attitudes_List by {differ:.1g}; the list is taken")
    return turned


def _polynomials(model: Node, times: np.ndarray) -> np.ndarray:
    """Unit quaternions over (time, component) of Q0..Q3 in (seconds of the day - OFFSET) / SCALE; NaN outside -1..1."""
    scale = model.number("SCALE", least=1e-6, most=1e6)
    seconds = (times - times[0].astype("datetime64[D]")) / np.timedelta64(1, "ns") * 1e-9
    at = (seconds - model.number("OFFSET", least=-1e6, most=1e6)) / scale
    names = (f"Polynomial_Models/Q{index}" for index in range(4))
    with np.errstate(over="ignore", invalid="ignore"):
        values = np.stack([_polynomial(model.child(name), at) for name in names], axis=-1)
        norm = np.linalg.norm(values, axis=-1)
    inside = np.abs(at) <= 1.001
    if not np.all((norm > 0.9) & (norm < 1.1), where=inside):
        raise model.refuse("Polynomial_Models give no rotation within their span; the file is damaged")
    values[~inside] = np.nan
    norm[~inside] = 1.0
    return np.asarray(values / norm[:, None])


def _polynomial(node: Node, at: np.ndarray) -> np.ndarray:
    """The polynomial of an element's COEFFICIENTS, constant first."""
    coefficients = node.numbers("COEFFICIENTS", count=node.integer("DEGREE", most=20) + 1)
    return np.asarray(np.polynomial.polynomial.polyval(at, coefficients))


def viewing(root: Node, bands: Sequence[str], columns: int) -> xr.Dataset | None:
    """Lines of sight over (band, column): psi_x and psi_y, and the unit vector `direction` along (psi_y, -psi_x, 1), in the sensor's frame (x along, y
    across the image, z down).

    PsiX and PsiY are polynomials of the column from 0 (the origin is unconfirmed: half a pixel is not told by the ground points of the file).
    """
    block = root.maybe(f"{_MODEL}/Sensor_Viewing_Model/Viewing_Directions")
    if block is None:
        return None
    table = xr.Dataset(coords={"band": list(bands), "column": np.arange(columns)})
    for name, element in (("psi_x", "PsiX_Model"), ("psi_y", "PsiY_Model")):
        with np.errstate(over="ignore", invalid="ignore"):
            angle = _polynomial(block.child(element), np.arange(columns, dtype=float))
        if not np.all(np.abs(angle) < 0.5):
            raise block.refuse(f"{element} gives angles beyond half a radian; the file is damaged")
        table[name] = (("band", "column"), np.broadcast_to(angle, (len(bands), columns)).copy(), {"units": "rad"})
    vectors = np.stack([table["psi_y"], -table["psi_x"], np.ones_like(table["psi_x"])], axis=-1)
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    table["direction"] = (("band", "column", "axis"), vectors, {"units": "1"})
    return table.assign_attrs(frame="sensor")


def _dates(nodes: Sequence[Node], name: str) -> np.ndarray:
    return np.array([utc_date(node.text(name), f"{node.file}: {node.where}/{name}") for node in nodes])
