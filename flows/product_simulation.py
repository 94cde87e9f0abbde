"""Synthetic products in the formats of the ground segments, by name of the format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from calib.acquisition import Acquisition
from calib.config import suggestion
from calib.errors import RequestError
from calib.simulate.products import (
    pleiades_dimap,
    pleiades_neo,
    pleiades_system,
    sentinel2,
    venus_muscate,
    venus_system,
    venus_vsc,
)
from calib.simulate.products.scene import SiteScene, site_scene

VENUS = [f"B{number}" for number in range(1, 13)]
SENTINEL2 = ["B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B10", "B11", "B12"]

#: the writer of each format, and the bands of its scene
FORMATS: dict[str, tuple[Callable[[Path, SiteScene], Path], list[str]]] = {
    "venus-vsc": (venus_vsc.write, VENUS),
    "venus-muscate": (venus_muscate.write, VENUS),
    "pleiades-dimap": (pleiades_dimap.write, ["B0", "B1", "B2", "B3"]),
    "pleiades-system": (pleiades_system.write, ["P"]),
    "pleiades-neo": (pleiades_neo.write, ["DB", "B", "G", "R", "RE", "NIR"]),
    "sentinel2": (sentinel2.write, SENTINEL2),
}


def simulate_product(form: str, folder: Path, site: str, acquired: str, seed: int) -> Path:
    """Write a product of the format `form` with images, masks and headers of its own below `folder`; returns what to point a reader at."""
    if form not in FORMATS:
        raise RequestError(f"no product format '{form}'{suggestion(form, FORMATS)}")
    write, bands = FORMATS[form]
    _demand_empty(folder)
    return write(folder, site_scene(bands, name=site, acquired=acquired.removesuffix("Z"), seed=seed))


def moon_as_system_product(acquisition: Acquisition, folder: Path) -> Path:
    """Write a Moon acquisition of Venµs as the system product in which the ground segment would deliver it; returns its header."""
    if acquisition.sensor != "venus" or acquisition.kind != "moon":
        raise RequestError(
            f"{acquisition.label}: a {acquisition.kind} image of {acquisition.sensor}; system products are made of Moon images of venus"
        )
    _demand_empty(folder)
    counts = ((name, image.raster.read()) for name, image in acquisition.bands.items())
    return venus_system.write_system(folder, acquisition, counts)


def _demand_empty(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        raise RequestError(f"{folder}: is not empty, and nothing is overwritten; name another folder")
