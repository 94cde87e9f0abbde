"""`etalon orbit design`: a Sun-synchronous repeat orbit, its neighbours, its track, its Sun, and on request its ephemeris."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from calib.errors import RequestError
from calib.report.sheet import Plot, Sheet, Table, Trace, page
from flows.orbits.writing import csv_text, new_folder, refusals, unix_s, write_json
from orbit_aux.ccsds import write_oem
from orbit_aux.design.designed_orbit import designed_orbit, sun_over_the_year
from orbit_aux.design.sun_synchronous import (
    Constants,
    RepeatOrbit,
    refined_orbit,
    repeat_cycles,
    repeat_orbit,
    starting_elements,
)
from orbit_aux.design.zonal import frozen_eccentricity, zonal_field
from orbit_aux.time import Times

_DAY_S = 86400.0
_YEAR_D = 365.2422
# around a design, neighbours are listed this far up and down
_BAND_KM = 20.0
_CYCLE_COLUMNS = (
    "revolutions",
    "days",
    "semi_major_axis_km",
    "altitude_km",
    "inclination_deg",
    "eccentricity",
    "argument_of_perigee_deg",
    "nodal_period_s",
    "track_spacing_km",
)
#: the date from which the year of the Sun counts where none is given: any would do
_ANY_START = "2024-01-01T00:00:00"


@dataclass(frozen=True)
class DesignRequest:
    """What to design: a cycle, a band of heights (km) to list cycles of, or both."""

    cycle: tuple[int, int] | None = None
    """Revolutions and days."""
    eccentricity: float | None = None
    """None: frozen."""
    local_time_h: float = 10.5
    node: str = "descending"
    band_km: tuple[float, float] | None = None
    longest_days: int = 30
    start: str | None = None
    duration_days: float | None = None
    step_s: float = 60.0
    track_window_km: float = 5.0
    local_time_window_min: float = 5.0

    def __post_init__(self) -> None:
        if self.cycle is None and self.band_km is None:
            raise RequestError("nothing to design: give --revolutions with --days, --altitude-km LOW HIGH, or all")
        if self.eccentricity is not None and not 0.0 <= self.eccentricity < 0.1:
            raise RequestError(f"--eccentricity {self.eccentricity:g}: give 0 to 0.1, or frozen")
        if not 0.0 <= self.local_time_h < 24.0 or self.node not in ("ascending", "descending"):
            raise RequestError(
                f"--local-time {self.local_time_h:g} --node {self.node}: give hours of 0 to 24, and ascending or descending"
            )
        if (self.duration_days is None) != (self.start is None) or (self.start is not None and self.cycle is None):
            raise RequestError("--start and --duration make an ephemeris of --revolutions and --days: give all four")
        if self.duration_days is not None and not 0.0 < self.duration_days <= 400.0:
            raise RequestError(f"--duration {self.duration_days:g}: give 0 to 400 days")
        if not (0.0 < self.track_window_km <= 1000.0 and 0.0 < self.local_time_window_min <= 720.0):
            raise RequestError(
                f"--track-window {self.track_window_km:g} --local-time-window {self.local_time_window_min:g}: give km and minutes above 0"
            )


def write_design(request: DesignRequest, output: Path) -> list[str]:
    """Writes summary.json, cycles.csv, report.html (and orbit.oem) into `output`, whole or not at all; returns the lines to print."""
    with refusals():
        return _written(request, output)


def _written(request: DesignRequest, output: Path) -> list[str]:
    with new_folder(output) as part:
        start = Times.from_utc(request.start or _ANY_START)
        design = None if request.cycle is None else repeat_orbit(*request.cycle, request.eccentricity)
        cycles = _cycles(request, design)
        (part / "cycles.csv").write_text(_cycle_rows(cycles), encoding="utf-8")
        summary: dict[str, Any] = {"cycles_listed": len(cycles), "constants": asdict(Constants())}
        plots: list[Plot] = []
        if design is not None:
            refined = refined_orbit(design, zonal_field(), request.eccentricity)
            summary = _summary(request, design, refined) | summary
            plots = [_track_plot(design), *_sun(refined, start, summary)]
            if request.duration_days is not None:
                elements = starting_elements(refined, start, request.local_time_h, request.node)
                orbit = designed_orbit(refined, elements, request.duration_days * _DAY_S, request.step_s)
                write_oem(part / "orbit.oem", replace(orbit, object_name=_name(design), object_id=_name(design)))
        write_json(part / "summary.json", summary)
        (part / "report.html").write_text(page(_sheet(summary, cycles, plots)), encoding="utf-8")
    return _lines(summary, len(cycles), output)


def _name(design: RepeatOrbit) -> str:
    return f"DESIGN-{design.revolutions}-{design.days}"


def _cycles(request: DesignRequest, design: RepeatOrbit | None) -> list[RepeatOrbit]:
    if request.band_km is not None:
        band = request.band_km
    else:
        assert design is not None
        band = (design.altitude_m / 1e3 - _BAND_KM, design.altitude_m / 1e3 + _BAND_KM)
    return repeat_cycles(band[0] * 1e3, band[1] * 1e3, request.longest_days, request.eccentricity)


def _cycle_rows(cycles: Sequence[RepeatOrbit]) -> str:
    rows = [
        (
            item.revolutions,
            item.days,
            item.semi_major_axis_m / 1e3,
            item.altitude_m / 1e3,
            math.degrees(item.inclination_rad),
            abs(item.eccentricity),
            _perigee_deg(item),
            item.nodal_period_s,
            item.track_spacing_m / 1e3,
        )
        for item in cycles
    ]
    return csv_text(_CYCLE_COLUMNS, rows, digits=9)


def _perigee_deg(design: RepeatOrbit) -> float:
    return 270.0 if design.eccentricity < 0.0 else 90.0


def _figures(design: RepeatOrbit) -> dict[str, float]:
    return {
        "semi_major_axis_km": design.semi_major_axis_m / 1e3,
        "altitude_km": design.altitude_m / 1e3,
        "eccentricity": abs(design.eccentricity),
        "argument_of_perigee_deg": _perigee_deg(design),
        "inclination_deg": math.degrees(design.inclination_rad),
        "nodal_period_s": design.nodal_period_s,
    }


def _summary(request: DesignRequest, design: RepeatOrbit, refined: RepeatOrbit) -> dict[str, Any]:
    ascending = (request.local_time_h + (12.0 if request.node == "descending" else 0.0)) % 24.0
    # the node falls behind by the slope of its rate with inclination: minutes of local time a year for each 0.01 deg
    slope = Constants().sun_rate_rads * math.tan(-refined.inclination_rad) * math.radians(0.01)
    local_time_slope = slope * _YEAR_D * _DAY_S * 1440.0 / (2.0 * math.pi)
    return {
        "revolutions": design.revolutions,
        "days": design.days,
        **_figures(design),
        "revolutions_per_day": design.revolutions / design.days,
        "refined": _figures(refined) | {"what": "zonal field, second order of J2", "gravity": zonal_field().record()},
        "frozen_eccentricity": {
            "j2_j3": frozen_eccentricity(refined.semi_major_axis_m, refined.inclination_rad, zonal_field(3)),
            "zonal": frozen_eccentricity(refined.semi_major_axis_m, refined.inclination_rad),
            "what": "perigee at 90 deg, negative: at 270 deg",
        },
        "local_time": {"ascending_h": ascending, "descending_h": (ascending + 12.0) % 24.0},
        "track": {
            "spacing_km": design.track_spacing_m / 1e3,
            "spacing_deg": 360.0 / design.revolutions,
            "shift_per_revolution_km": -2.0 * math.pi * design.radius_m * design.days / design.revolutions / 1e3,
            "shift_per_revolution_deg": -360.0 * design.days / design.revolutions,
        },
        "windows": {
            "track_half_width_km": request.track_window_km,
            "track_m_per_day_for_1_m_of_axis": design.track_slope,
            "axis_error_m_that_uses_it_in_a_cycle": request.track_window_km
            * 1e3
            / abs(design.track_slope)
            / design.days,
            "local_time_half_width_min": request.local_time_window_min,
            "local_time_min_per_year_for_0.01_deg": local_time_slope,
            "inclination_error_deg_that_uses_it_in_a_year": request.local_time_window_min
            / abs(local_time_slope)
            * 0.01,
        },
    }


def _sun(refined: RepeatOrbit, start: Times, summary: dict[str, Any]) -> list[Plot]:
    """Adds the Sun's year to the summary; returns its plots."""
    times, beta, share = sun_over_the_year(refined, summary["local_time"]["ascending_h"], start)
    degrees, minutes = np.degrees(beta), share * refined.nodal_period_s / 60.0
    summary["sun"] = {
        "from_utc": times[0].utc_strings(0)[0],
        "beta_least_deg": float(degrees.min()),
        "beta_greatest_deg": float(degrees.max()),
        "umbra_share_least": float(share.min()),
        "umbra_share_greatest": float(share.max()),
        "umbra_greatest_min": float(minutes.max()),
        "days_without_umbra": int((share == 0.0).sum()),
    }
    x = unix_s(times)
    return [
        Plot(
            "The Sun over the orbit plane",
            "beta [deg]",
            [Trace("beta", x, degrees)],
            "Elevation of the Sun over the plane of the orbit through a year, at the local time asked for, which station keeping holds.",
            dates=True,
        ),
        Plot(
            "Umbra",
            "minutes a revolution",
            [Trace("umbra", x, minutes)],
            "Time behind the Earth in each revolution (a cylinder of the equatorial radius).",
            dates=True,
        ),
    ]


def _track_plot(design: RepeatOrbit) -> Plot:
    longitudes = np.degrees(design.node_longitudes_rad())
    days = np.arange(design.revolutions) * design.days / design.revolutions
    return Plot(
        "Ground track",
        "from the first node [deg east]",
        [Trace("ascending nodes", days, longitudes, dots=True)],
        f"Longitude at which each of the {design.revolutions} revolutions of a cycle crosses the equator to the north: neighbours are "
        f"{design.track_spacing_m / 1e3:.1f} km apart in the end.",
        x_name="day of the cycle",
    )


def _sheet(summary: dict[str, Any], cycles: Sequence[RepeatOrbit], plots: Sequence[Plot]) -> Sheet:
    tables = []
    if "revolutions" in summary:
        title = f"Repeat orbit: {summary['revolutions']} revolutions in {summary['days']} days"
        verdict = f"{summary['altitude_km']:.2f} km, {summary['inclination_deg']:.4f} deg"
        tables.append(_design_table(summary))
    else:
        title, verdict = "Repeat orbits", f"{len(cycles)} cycles"
    rows = [
        [
            f"{item.revolutions} / {item.days}",
            f"{item.altitude_m / 1e3:.2f}",
            f"{math.degrees(item.inclination_rad):.4f}",
            f"{item.track_spacing_m / 1e3:.1f}",
        ]
        for item in cycles[:200]
    ]
    heads = ("Revolutions / days", "Altitude [km]", "Inclination [deg]", "Track spacing [km]")
    tables.append(Table("Sun-synchronous repeat cycles of these heights", heads, rows))
    return Sheet(
        title=title,
        verdict=verdict,
        sentences=[
            "Mean elements; altitude is the semi-major axis less the equatorial radius. Closed formulas of J2, and beside them what a satellite should fly "
            "in the real zonal field."
            if plots
            else "Mean elements by the closed formulas of J2; altitude is the semi-major axis less the equatorial radius."
        ],
        tables=tables,
        plots=plots,
        notes=[],
    )


def _design_table(summary: dict[str, Any]) -> Table:
    refined = summary["refined"]

    def row(name: str, key: str, digits: int) -> list[str]:
        return [name, f"{summary[key]:.{digits}f}", f"{refined[key]:.{digits}f}"]

    return Table(
        "The orbit",
        ("Mean element", "closed formulas", "to fly (zonal field)"),
        [
            row("Semi-major axis [km]", "semi_major_axis_km", 4),
            row("Altitude [km]", "altitude_km", 4),
            row("Eccentricity", "eccentricity", 7),
            row("Argument of perigee [deg]", "argument_of_perigee_deg", 0),
            row("Inclination [deg]", "inclination_deg", 5),
            row("Nodal period [s]", "nodal_period_s", 4),
        ],
    )


def _lines(summary: dict[str, Any], count: int, output: Path) -> list[str]:
    lines = []
    if "revolutions" in summary:
        refined, sun = summary["refined"], summary["sun"]
        lines += [
            f"{summary['revolutions']} revolutions in {summary['days']} days: a {summary['semi_major_axis_km']:.3f} km ({summary['altitude_km']:.3f} km high), "
            f"i {summary['inclination_deg']:.5f} deg, nodal period {summary['nodal_period_s']:.3f} s, tracks {summary['track']['spacing_km']:.1f} km apart",
            f"To fly in the zonal field: a {refined['semi_major_axis_km']:.4f} km, e {refined['eccentricity']:.6f} "
            f"with perigee at {refined['argument_of_perigee_deg']:.0f} deg, i {refined['inclination_deg']:.5f} deg",
            f"Beta {sun['beta_least_deg']:.1f} to {sun['beta_greatest_deg']:.1f} deg, umbra at most {sun['umbra_greatest_min']:.1f} min a revolution",
        ]
    return [*lines, f"{count} repeat cycles listed in {output / 'cycles.csv'}"]
