"""The commands of the Moon: its irradiance by a model, the stray light around it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

moon_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="The Moon: its irradiance by a model, the stray light around it."
)


@moon_app.command("irradiance")
def moon_irradiance(
    geometries: Annotated[
        Path,
        typer.Argument(
            metavar="GEOMETRIES.csv", help="columns utc,x_km,y_km,z_km (GCRF) or utc,lat_deg,lon_deg,height_m"
        ),
    ],
    output: Annotated[Path, typer.Option(metavar="OUT.csv", help="the table to write; see docs/irradiance.md")],
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME|FILE",
            help="a name in configs/models, a .yaml file, or a LIME coefficient file (.nc); repeatable: the spread is given [default: rolo2005]",
        ),
    ] = None,
    solar_spectrum: Annotated[str, typer.Option(metavar="NAME|FILE", help="a name in configs/spectra")] = "tsis1_hsrs",
    sensor: Annotated[str | None, typer.Option(metavar="NAME", help="irradiance in the bands of this sensor")] = None,
    wavelengths: Annotated[
        str | None, typer.Option(metavar="440,550,...", help="irradiance at these wavelengths, nm")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="use a coefficient file that is suspected to be wrong")
    ] = False,
) -> None:
    """Irradiance of the Moon at the top of the atmosphere for any place and date, with phase, selenographic points, distances and uncertainty."""
    from flows.irradiance import write_irradiance

    lines = write_irradiance(
        geometries, output, model or ["rolo2005"], solar_spectrum, sensor=sensor, wavelengths=wavelengths, force=force
    )
    for line in lines:
        print(line)


@moon_app.command("straylight")
def moon_straylight(
    products: Annotated[
        list[Path],
        typer.Argument(metavar="MOON...", help="Moon acquisitions (folder or header); several are searched together"),
    ],
    output: Annotated[Path, typer.Option(metavar="DIR", help="an empty or new folder: a page, two tables, a netCDF")],
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="change a key of the search; repeatable; see docs/straylight.md"
        ),
    ] = None,
    correct: Annotated[
        bool, typer.Option("--correct", help="also write the acquisitions without the stray light, as plain products")
    ] = False,
    order: Annotated[
        str, typer.Option(help="of the corrections: TYPE1, TYPE2, TYPE1_TYPE2, TYPE2_TYPE1")
    ] = "TYPE1_TYPE2",
    propose_from: Annotated[
        str | None, typer.Option(metavar="DATE", help="also propose STRLGT files (Venµs), valid from this day on, UTC")
    ] = None,
    strlgt: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="STRLGT file in force that the proposal is based on; repeatable, one a band"),
    ] = None,
    schemas: Annotated[
        Path | None, typer.Option(metavar="DIR", help="also validate the proposal against the mission's schemas")
    ] = None,
) -> None:
    """Find the residual stray light in the sky around the Moon: ghosts of each band (CT1) and crosstalk between bands (CT2), with detection limits."""
    from calib.errors import RequestError
    from calib.moon.straylight.correction import SCENARIOS
    from flows.cli_products import day_of
    from flows.request import parse_setting
    from flows.straylight import Wishes, write_straylight
    from flows.straylight_proposal import Proposal

    if order not in SCENARIOS:
        raise RequestError(f"--order {order}: not known; one of {', '.join(SCENARIOS)}")
    if propose_from is None and (strlgt or schemas):
        raise RequestError("--strlgt and --schemas are for a proposal; say from which day on with --propose-from")
    proposal = (
        None if propose_from is None else Proposal(day_of(propose_from, "--propose-from"), tuple(strlgt or ()), schemas)
    )
    wishes = Wishes(tuple(parse_setting(setting) for setting in settings or ()), order if correct else None, proposal)
    for line in write_straylight(products, output, wishes):
        print(line)
