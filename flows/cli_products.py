"""The commands of products: inspect one, simulate one, show and propose parameter files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from calib.errors import InputError, RequestError

#: the formats of flows/product_simulation.py, which is slow to import
FORMATS = ("venus-vsc", "venus-muscate", "pleiades-dimap", "pleiades-system", "pleiades-neo", "sentinel2")
parameters_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Propose parameter files of Venµs: the next serial of one in force.",
)
BasedOn = Annotated[Path, typer.Option(metavar="FILE", help="the parameter file in force; it stays as it is")]
Table = Annotated[Path, typer.Option("--values", metavar="TABLE.csv", help="the new numbers; see docs/parameters.md")]
From = Annotated[str, typer.Option("--from", metavar="DATE", help="first day on which the proposal is valid, UTC")]
Out = Annotated[Path, typer.Option(metavar="DIR", help="folder for the proposal")]
Note = Annotated[str, typer.Option(help="goes into the header's notes")]
Schemas = Annotated[
    Path | None, typer.Option(metavar="DIR", help="also validate against the mission's schemas in this folder")
]


def inspect(
    product: Annotated[
        Path, typer.Argument(metavar="PRODUCT", help="a product's folder or header, or a parameter file")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="print the answer as JSON on standard output")] = False,
    quicklook: Annotated[
        Path | None, typer.Option(metavar="PICTURE.png", help="also write a picture of every band")
    ] = None,
    solar_spectrum: Annotated[
        str, typer.Option(help="a name in configs/spectra; checks the product's solar irradiances")
    ] = "tsis1_hsrs",
) -> None:
    """Say what a product is: bands, dates, angles, gains with origin and age, versions, and what it lacks for which method. Reads no pixel
    unless a quicklook is asked for."""
    from flows.inspection import inspect_other, open_for_inspection, print_facts, print_plain, product_facts

    try:
        if (other := inspect_other(product)) is not None:
            if as_json:
                print(json.dumps(other, indent=1, ensure_ascii=False))
            else:
                print_plain(other)
            return
        acquisition, images = open_for_inspection(product)
        facts = product_facts(product, acquisition, images, solar_spectrum)
        if quicklook is not None:
            from calib.report.quicklook import write_quicklook

            if not images:
                raise RequestError(
                    f"{product}: its images are missing, so there is no quicklook; fetch the product whole"
                )
            facts["quicklook"] = str(write_quicklook(acquisition, quicklook))
    except InputError as error:
        # a product that is refused is a wrong argument here, not a failed run
        raise RequestError(str(error)) from error
    if as_json:
        print(json.dumps(facts, indent=1, ensure_ascii=False))
    else:
        print_facts(facts)
        if quicklook is not None:
            print(f"quicklook: {quicklook}")


def simulate_site_product(
    form: Annotated[str, typer.Argument(metavar="FORMAT", help=f"one of {', '.join(FORMATS)}")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="an empty or new folder for the product")],
    site: Annotated[str, typer.Option(help="nickname of the site")] = "LACRAU",
    date: Annotated[str, typer.Option(metavar="UTC", help="date of the acquisition")] = "2019-02-04T10:34:37.500Z",
    seed: Annotated[int, typer.Option(min=0, help="the same format and seed give the same bytes")] = 0,
) -> None:
    """Make a complete small product of a site in the format of a ground segment, with images, masks and headers of our own making."""
    from flows.product_simulation import simulate_product

    print(simulate_product(form, out, site, date, seed))


def simulate_system_product(
    moon: Annotated[Path, typer.Argument(metavar="MOON", help="a simulated Moon acquisition of Venµs (plain folder)")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="an empty or new folder for the product")],
) -> None:
    """Rewrite a simulated Moon acquisition as the Venµs system product in which the ground segment would deliver it."""
    from calib.products import open_acquisition
    from flows.product_simulation import moon_as_system_product

    print(moon_as_system_product(open_acquisition(moon), out))


@parameters_app.command("phgain")
def propose_gains(
    based_on: BasedOn, values: Table, start: From, out: Out, note: Note = "", schemas: Schemas = None
) -> None:
    """Propose physical gains (official parameters): the columns band, gain and, where it depends on it, tdi."""
    from calib.products.venus_parameters.propose import propose_phgain
    from calib.products.venus_parameters.values import read_gains

    gains = read_gains(values)
    _propose(lambda: propose_phgain(based_on, gains, day_of(start), out, note), schemas)


@parameters_app.command("noismo")
def propose_noise(
    based_on: BasedOn, values: Table, start: From, out: Out, note: Note = "", schemas: Schemas = None
) -> None:
    """Propose a noise model: the columns band, a, b and, where they depend on it, tdi."""
    from calib.products.venus_parameters.propose import propose_noismo
    from calib.products.venus_parameters.values import read_noise

    coefficients = read_noise(values)
    _propose(lambda: propose_noismo(based_on, coefficients, day_of(start), out, note), schemas)


@parameters_app.command("strlgt")
def propose_straylight(
    based_on: BasedOn, values: Table, start: From, out: Out, note: Note = "", schemas: Schemas = None
) -> None:
    """Propose the crosstalk factors of a band's stray-light file: the columns source and factor."""
    from calib.products.venus_parameters import open_parameters
    from calib.products.venus_parameters.propose import propose_strlgt
    from calib.products.venus_parameters.straylight import Straylight
    from calib.products.venus_parameters.values import read_factors

    factors = read_factors(values)

    def propose() -> Path:
        content = open_parameters(based_on).content
        if not isinstance(content, Straylight):
            raise RequestError(f"{based_on}: no GIP_STRLGT file; the proposal needs the one in force")
        return propose_strlgt(based_on, content.with_factors(factors), day_of(start), out, note)

    _propose(propose, schemas)


def _propose(propose: Callable[[], Path], schemas: Path | None) -> None:
    from calib.products.venus_parameters import open_parameters
    from calib.products.venus_parameters.check import validate

    try:
        made = propose()
        faults = [] if schemas is None else validate(made, schemas)
    except InputError as error:
        raise RequestError(str(error)) from error
    print(made)
    for warning in open_parameters(made).warnings:
        print(f"warning: {warning}")
    for fault in faults:
        print(f"{made.name}: against the schemas: {fault}")
    raise typer.Exit(1 if faults else 0)


def day_of(text: str, option: str = "--from") -> np.datetime64:
    """The day that an option gives; RequestError where it is none."""
    from calib.products.files import utc_date

    try:
        return utc_date(text, option)
    except InputError as error:
        raise RequestError(str(error).replace("the file is damaged", "write it as 2024-01-01")) from error
