"""Pléiades 1A and 1B in DIMAP version 2: radiance = counts / GAIN + BIAS, panchromatic or multispectral, on a map or in sensor geometry."""

from __future__ import annotations

from pathlib import Path

from calib.acquisition import Acquisition
from calib.products import dimap

#: raise the number whenever the same files give other numbers
READER = "pleiades_dimap 1"
TITLE = "Pléiades in DIMAP version 2 (DIM_PHR*.XML with TIFF or JPEG 2000 images)"
_FAMILY = dimap.Family(
    mission="PHR",
    sensors={("PHR", "1A"): "phr1a", ("PHR", "1B"): "phr1b"},
    bands=("P", "B0", "B1", "B2", "B3"),
    reader=READER,
)


def recognises(path: Path) -> bool:
    """Whether `path` is a Pléiades DIMAP header or a folder that holds one; never raises."""
    return dimap.recognises(path, _FAMILY.mission)


def read(path: Path, *, verify: bool = True, images: bool = True) -> Acquisition:
    """The Pléiades product whose header is at `path`; InputError for stretched, pansharpened or otherwise processed counts."""
    return dimap.read_product(path, _FAMILY, images)
