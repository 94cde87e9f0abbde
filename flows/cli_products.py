"""The commands that open products: `etalon inspect`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from calib.errors import InputError, RequestError


def inspect(
    product: Annotated[Path, typer.Argument(metavar="PRODUCT", help="a product's folder or header")],
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
    from flows.inspection import open_for_inspection, print_facts, product_facts

    try:
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
