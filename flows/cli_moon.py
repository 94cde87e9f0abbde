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
    product: Annotated[Path, typer.Argument(metavar="MOON", help="a Moon acquisition: a product's folder or header")],
    output: Annotated[Path, typer.Option(metavar="DIR", help="an empty or new folder: a page, two tables, a netCDF")],
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="change a key of the search; repeatable; see docs/straylight.md"
        ),
    ] = None,
) -> None:
    """Find the residual stray light in the sky around the Moon: ghosts of each band (CT1) and crosstalk between bands (CT2), with detection limits."""
    from flows.request import parse_setting
    from flows.straylight import write_straylight

    for line in write_straylight(product, output, [parse_setting(setting) for setting in settings or ()]):
        print(line)
