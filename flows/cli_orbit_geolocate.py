"""The commands that look from an orbit: `etalon orbit geolocate` at the ground, `etalon orbit sky` and `etalon orbit crossing` at Moon, Sun and stars."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from calib.errors import RequestError


def orbit_geolocate(
    orbit: Annotated[Path, typer.Option(metavar="O.oem", help="orbit (CCSDS OEM) in GCRF, EME2000 or ITRF")],
    attitude: Annotated[
        Path,
        typer.Option(
            metavar="A.aem",
            help="attitude (CCSDS AEM) between GCRF, EME2000 or ITRF and the body. The quaternion (e sin φ/2, cos φ/2) turns the axes of the first frame by φ "
            "about e into those of the second, as the standard says: from A to B, or the way of ATTITUDE_DIR (A2B, B2A); its scalar stands where "
            "QUATERNION_TYPE says (FIRST, LAST), last where nothing is said",
        ),
    ],
    los: Annotated[
        Path,
        typer.Option(metavar="LOS.csv", help="columns column,x,y,z: the direction that each column sees, in the body"),
    ],
    grid: Annotated[
        Path,
        typer.Option(metavar="GRID.csv", help="columns utc,column (fractions allowed) and any others, which are kept"),
    ],
    output: Annotated[Path, typer.Option(metavar="OUT.csv", help="GRID with lon_deg,lat_deg,height_m,flag added")],
    height: Annotated[
        float | None, typer.Option(metavar="M", help="height over the WGS84 ellipsoid, m [default: 0]")
    ] = None,
    terrain: Annotated[
        Path | None,
        typer.Option(metavar="DEM.tif", help="heights in m over the ellipsoid, in longitude and latitude or projected"),
    ] = None,
    geoid: Annotated[
        Path | None, typer.Option(metavar="GEOID.tif", help="geoid heights, m: those of --terrain are over the geoid")
    ] = None,
    light_time: Annotated[
        bool, typer.Option("--light-time/--no-light-time", help="the Earth turns while the light comes (1 m)")
    ] = True,
    aberration: Annotated[
        bool,
        typer.Option(
            "--aberration/--no-aberration",
            help="the satellite moves through the light (20 m); not where the attitude allows for it already",
        ),
    ] = True,
    quaternion_sense: Annotated[
        str,
        typer.Option(
            metavar="auto|standard|opposite",
            help="of the quaternions in A.aem. standard: as said there; opposite: of the inverse rotation; auto: standard, unless no line of sight then meets "
            "the Earth and all do the other way round, which is told",
        ),
    ] = "auto",
    angles: Annotated[
        bool,
        typer.Option("--angles", help="add zenith angles and azimuths (from north over east) of satellite and Sun"),
    ] = False,
    attitude_sigma: Annotated[
        float | None,
        typer.Option(
            metavar="URAD",
            help="standard deviation of the attitude about each axis, µrad: add that of the place, with the orbit's covariance where it has one",
        ),
    ] = None,
) -> None:
    """Locate pixels on the ground: orbit, attitude and lines of sight to longitude, latitude and height over WGS84. Where flag is not ok they are empty."""
    from flows.orbits.geolocation import Extras, Ground, write_locations
    from orbit_aux.location.geolocate import Corrections

    if attitude_sigma is not None and not 0 <= attitude_sigma <= 1e5:
        raise RequestError(f"--attitude-sigma {attitude_sigma}: give 0 to 100000 µrad")
    extras = Extras(angles, None if attitude_sigma is None else attitude_sigma * 1e-6)
    lines = write_locations(
        (orbit, attitude, los),
        grid,
        output,
        Ground(height, terrain, geoid),
        Corrections(light_time, aberration),
        extras,
        quaternion_sense,
    )
    for line in lines:
        print(line)


def orbit_sky(
    orbit: Annotated[Path, typer.Option(metavar="O.oem", help="orbit (CCSDS OEM)")],
    times: Annotated[Path, typer.Option(metavar="TIMES.csv", help="column utc and any others")],
    output: Annotated[Path, typer.Option(metavar="OUT.csv", help="the table to write; see docs/geolocation.md")],
    attitude: Annotated[
        Path | None, typer.Option(metavar="A.aem", help="attitude (CCSDS AEM): directions in the body too")
    ] = None,
) -> None:
    """Apparent Moon and Sun from the satellite: direction in GCRF and in the body, distance, radius, angle over the Earth's limb, phase of the Moon."""
    from flows.orbits.sky import write_sky

    for line in write_sky(orbit, times, output, attitude):
        print(line)


def orbit_crossing(
    orbit: Annotated[Path, typer.Option(metavar="O.oem", help="orbit (CCSDS OEM)")],
    attitude: Annotated[Path, typer.Option(metavar="A.aem", help="attitude (CCSDS AEM)")],
    los: Annotated[
        list[str],
        typer.Option(
            metavar="[BAND=]LOS.csv", help="lines of sight of a band: columns column,x,y,z; once for each band"
        ),
    ],
    output: Annotated[Path, typer.Option(metavar="OUT.csv", help="the table to write; see docs/geolocation.md")],
    target: Annotated[
        str,
        typer.Option(
            metavar="moon|sun|STARS.csv",
            help="stars: columns name,ra_deg,dec_deg,pm_ra_mas,pm_dec_mas,parallax_mas,epoch_utc",
        ),
    ] = "moon",
    start: Annotated[str | None, typer.Option(metavar="UTC", help="[default: where the attitude begins]")] = None,
    stop: Annotated[str | None, typer.Option(metavar="UTC", help="[default: where the attitude ends]")] = None,
    line_period: Annotated[
        float | None, typer.Option(metavar="S", help="of the camera: add the oversampling that the attitude implies")
    ] = None,
) -> None:
    """When Moon, Sun or stars cross the lines of sight of each band, in which column and how fast; of Moon and Sun the ellipse of the limb in the image."""
    from flows.orbits.crossing import Scan, write_crossings

    if line_period is not None and not 0 < line_period < 10:
        raise RequestError(f"--line-period {line_period}: give seconds between two lines, above 0 and below 10")
    for line in write_crossings((orbit, attitude), los, target, Scan(start, stop, line_period), output):
        print(line)
