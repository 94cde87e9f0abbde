"""Pléiades Neo 3 and 4 in DIMAP: radiance = counts / GAIN + BIAS where the product gives gains; six bands, split over two sets of files or not."""

from __future__ import annotations

from pathlib import Path

from calib.acquisition import Acquisition
from calib.products import dimap

#: raise the number whenever the same files give other numbers
READER = "pleiades_neo 1"
TITLE = "Pléiades Neo in DIMAP version 2 (DIM_PNEO*.XML with TIFF or JPEG 2000 images)"
_FAMILY = dimap.Family(
    mission="PNEO",
    sensors={("PNEO", "3"): "pneo3", ("PNEO", "4"): "pneo4"},
    bands=("P", "DB", "B", "G", "R", "RE", "NIR"),
    reader=READER,
)


def recognises(path: Path) -> bool:
    """Whether `path` is a Pléiades Neo header or a folder that holds one; never raises."""
    return dimap.recognises(path, _FAMILY.mission)


def read(path: Path, *, verify: bool = True, images: bool = True) -> Acquisition:
    """The Pléiades Neo product whose header is at `path`; a product without gains is read, with a warning. InputError for processed counts."""
    return dimap.read_product(path, _FAMILY, images)
